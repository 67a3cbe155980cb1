/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/merge.h - small segments that are neighbours in order of arrival become larger ones.
 *
 *   by arrival:  [a][b][c] [d d d] [e][f]        d: outputs of an earlier pack, one seq interval
 *                +- unit + +unit +               a unit is what shares an interval; only whole units,
 *                                                neighbours of each other, are merged
 *
 * So the seq intervals of a table stay equal or disjoint, and no row needs a seq of its own.
 * Everything here needs upkeep_lock. Tests: api/test_maintain.c, api/test_upkeep.c.
 */
#ifndef NTS_MERGE_H
#define NTS_MERGE_H

#include "engine/db.h"

/* Closing, and retention in a file of holes: merges every run of small units of every table, as
 * many as it can in a commit. Bounded, since a unit of 65536 rows is not small. */
NTS_CHECKED nanots_status nts_merge_small(struct nanots_db *db, struct nanots_error *error);

struct nts_merged {
    uint64_t segments; /* replaced */
    uint64_t bytes;    /* of those */
};

/* Maintaining: one merge as tiers.h chooses it; none due: merged->segments is 0. `pulse` as in
 * rewrite.h. */
NTS_CHECKED nanots_status nts_merge_tier(struct nanots_table *table, nts_pulse_fn pulse,
                                         struct nts_merged *merged, struct nanots_error *error);

#endif
