/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/text.h - names: UTF-8 and the nearest spelling. Pure; any thread. */
#ifndef NTS_TEXT_H
#define NTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Offset of the first byte that is not well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms,
 * no surrogates, nothing above U+10FFFF), or `size` if all is well. */
size_t nts_utf8_valid_prefix(const char *text, size_t size);

/* Edit distance (insert, delete, replace, swap of neighbours) in bytes, cut off at `limit` + 1.
 * Names longer than 64 bytes count as farther than any limit. */
unsigned nts_edit_distance(const char *a, const char *b, unsigned limit);

#endif
