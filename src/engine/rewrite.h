/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/rewrite.h - some segments of one table read in order and written anew: the common part of
 * pack, merging and retention.
 *
 *   inputs (neighbours in order of arrival) -> scan -> row groups -> outputs -> exchange
 *
 * Inputs stay readable until the commit, and for readers that have them after it. Appends and
 * flushes go on meanwhile: flush_lock is taken for the commit only. Needs upkeep_lock.
 */
#ifndef NTS_REWRITE_H
#define NTS_REWRITE_H

#include "engine/exchange.h"

struct nts_rewrite {
    struct nanots_table *table;
    struct nts_segment *const *inputs; /* held by the caller; in order of arrival */
    size_t input_count;
    int64_t from;         /* rows with ts < from are left out */
    uint64_t target_rows; /* of an output; at most NTS_SEGMENT_ROWS_MAX */
    bool is_cold;         /* nothing is going to write the outputs' rows anew soon */
    /* NULL, or called for each row group, without locks below upkeep_lock: what it returns other
     * than OK ends the rewrite, which has changed nothing then. */
    nts_pulse_fn pulse;
    uint64_t rows_written; /* out */
    bool is_stale; /* out of nts_rewrite_run: an input has gone meanwhile; nothing changed */
};

/* Writes sorted, non-overlapping segments of the inputs' rows, and has the exchange, which the
 * caller commits and ends, put them in the inputs' place. */
NTS_CHECKED nanots_status nts_rewrite_into(struct nts_rewrite *rewrite,
                                           struct nts_exchange *exchange,
                                           struct nanots_error *error);

/* The same as an exchange of its own, with its commit. */
NTS_CHECKED nanots_status nts_rewrite_run(struct nts_rewrite *rewrite, struct nanots_error *error);

#endif
