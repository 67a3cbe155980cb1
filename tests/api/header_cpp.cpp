/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/header_cpp.cpp - nanots_arrow.h, which has nanots.h, as the first of a C++ file. */
#include "nanots_arrow.h"

#include "header_alone.h"

extern "C" const struct header_view header_view_cpp;
const struct header_view header_view_cpp = HEADER_VIEW;
