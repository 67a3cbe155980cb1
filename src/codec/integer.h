/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/integer.h - codec INTEGER, for doubles that are all exact integers.
 *
 *   +---------------------------------------------+
 *   | vector of i64, with its codec byte, to the  |   x[i] = (double)n[i], to nearest even
 *   | end; any codec of i64                       |
 *   +---------------------------------------------+
 *
 * The writer uses it if |x| <= 2^53 and x is not -0.0, so that the bits come back. Counters,
 * states and percentages end up here.
 * Pure; any thread. Tests: unit/test_integer.c.
 */
#ifndef NTS_INTEGER_H
#define NTS_INTEGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* If every value is such an integer, writes them to dst and returns true; else dst is
 * unspecified. */
bool nts_integer_from_f64(uint64_t *dst, const double *src, size_t count);

#endif
