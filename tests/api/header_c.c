/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/header_c.c - nanots_arrow.h, which has nanots.h, as the first header of a C11 file. */
#include "nanots_arrow.h"

#include "header_alone.h"

const struct header_view header_view_c = HEADER_VIEW;
