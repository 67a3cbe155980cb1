/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/tiers.h - which neighbours are worth merging, so that each row is rewritten few times.
 *
 *   units by arrival   [ 64k ] [ 16k ] [4k] [1k][1k][1k][1k]
 *                                           +--- merged ---+
 *                      [ 64k ] [ 16k ] [4k] [4k]           next, when two more of 4k are there
 *
 * A unit is the segments of one seq interval.
 * A merge takes four or more neighbours that together have at least twice the rows of the largest.
 * So whatever takes part ends in a unit of twice its size or more, and a row is rewritten at most
 * log2(rows_max) times in its life. One exception bounds the number of segments whatever the sizes
 * are: `units_max` small neighbours are merged even if one of them dominates.
 *
 * Pure. Tests: unit/test_tiers.c.
 */
#ifndef NTS_TIERS_H
#define NTS_TIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTS_TIER_UNITS_MIN 4u

struct nts_tier_limits {
    uint64_t rows_max; /* of a merged unit; a unit of more than half of it stays as it is */
    size_t units_max;  /* of one merge; at least NTS_TIER_UNITS_MIN */
};

/* Whether a unit of so many rows may still take part in a merge. */
static inline bool nts_tiers_takes(uint64_t rows, const struct nts_tier_limits *limits)
{
    return rows <= limits->rows_max / 2;
}

/* The cheapest merge, in rows for each unit that goes, among units of `rows[0..count)`, which are
 * neighbours in order of arrival. Returns how many from *first_out on; 0: none is due. */
size_t nts_tiers_choose(const uint64_t *rows, size_t count, const struct nts_tier_limits *limits,
                        size_t *first_out);

#endif
