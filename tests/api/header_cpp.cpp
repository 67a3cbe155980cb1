/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/header_cpp.cpp - nanots.h as the first and only header of a C++ file. */
#include "nanots.h"

#include "header_alone.h"

extern "C" const struct header_view header_view_cpp;
const struct header_view header_view_cpp = HEADER_VIEW;
