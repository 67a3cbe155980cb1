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

#include "engine/exchange.h"

/* Closing, and retention in a file of holes: merges every run of small units of every table, as
 * many as it can in a commit. Bounded, since a unit of 65536 rows is not small. */
NTS_CHECKED nanots_status nts_merge_small(struct nanots_db *db, struct nanots_error *error);

struct nts_merged {
    uint64_t merges;
    uint64_t segments; /* replaced */
    uint64_t bytes;    /* of those */
};

/* Maintaining: merges of many tables, one of each, in one commit. */
struct nts_merge_batch {
    struct nts_exchange exchange;
    struct nts_merged pending;
    struct nts_merged done; /* committed since the begin */
};

void nts_merge_begin(struct nts_merge_batch *batch, struct nanots_db *db);
/* One merge of the table as tiers.h chooses it, if one is due; commits what is there if that is
 * much. A table comes once between two commits. `pulse` as in rewrite.h. */
NTS_CHECKED nanots_status nts_merge_tier(struct nts_merge_batch *batch, struct nanots_table *table,
                                         nts_pulse_fn pulse, struct nanots_error *error);
/* What the size limit took a part of meanwhile is not done, and not counted. */
NTS_CHECKED nanots_status nts_merge_commit(struct nts_merge_batch *batch,
                                           struct nanots_error *error);
void nts_merge_end(struct nts_merge_batch *batch);

#endif
