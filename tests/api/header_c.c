/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/header_c.c - nanots.h as the first and only header of a C11 file. */
#include "nanots.h"

#include "header_alone.h"

const struct header_view header_view_c = HEADER_VIEW;
