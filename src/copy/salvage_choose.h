/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/salvage_choose.h - which of the segments found without a manifest hold the table's rows.
 *
 *   ids     1 [1..10]   2 [11..20]   3 [21..30]        flushed
 *           4 [1......................20]              merged from 1 and 2, now free space
 *   chosen  4           3                              or 1, 2, 3 if 4 is not whole: never both
 *
 * Rules (docs/recovery.md, repair), for one table:
 * 1. Seq intervals of live segments are equal or disjoint. What overlaps otherwise, but neither
 *    holds the other, cannot be of one state: the greater id stays.
 * 2. Of segments with one interval, those with the greatest ids that can be outputs of one rewrite
 *    stay: their times do not overlap, and they have no more rows than the interval has seqs.
 * 3. An interval inside another was an input of a rewrite, if its ids are the lower ones: the side
 *    with more rows stays, the rewrite if both have as many. With greater ids it is newer: the
 *    outer one is what a flush left that was not committed.
 *
 * Pure; any thread. Tests: unit/test_salvage_choose.c.
 */
#ifndef NTS_SALVAGE_CHOOSE_H
#define NTS_SALVAGE_CHOOSE_H

#include "format/manifest.h"
#include "util/alloc.h"

struct nts_candidate {
    struct nts_segment_entry entry;
    uint64_t file_seed;
    uint32_t column_count; /* of the definition in the footer */
    bool is_readable;      /* header and footer are right */
    bool is_sound;         /* and every chunk is */
    bool is_chosen;
};

/* Sorts the candidates of one table, all readable, and chooses. NO_MEMORY. */
NTS_CHECKED nanots_status nts_salvage_choose(const struct nanots_allocator *alloc,
                                             struct nts_candidate *items, size_t count);

#endif
