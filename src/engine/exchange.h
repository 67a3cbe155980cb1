/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/exchange.h - segments of one table that others take the place of, all in one commit.
 *
 *   version:  [a] [b] [c] [d]
 *                 remove b, c; add x  --> commit -->  [a] [x] [d]
 *                                     --> end without a commit: the room of x is free again
 *
 * Readers of the old version keep it. Needs upkeep_lock from begin to end.
 * Tests: api/test_upkeep.c, crash/test_typed_cut.c.
 */
#ifndef NTS_EXCHANGE_H
#define NTS_EXCHANGE_H

#include "engine/db.h"

struct nts_exchange_list {
    struct nts_segment **segments;
    size_t count;
    size_t capacity;
};

struct nts_exchange {
    struct nanots_table *table;
    struct nts_exchange_list removed; /* their version is held by the caller */
    struct nts_exchange_list added;   /* referenced; their extents are held until the commit */
    bool is_cut;                      /* rows are removed, not only written anew */
    bool is_committed;
};

void nts_exchange_begin(struct nts_exchange *exchange, struct nanots_table *table);
NTS_CHECKED nanots_status nts_exchange_remove(struct nts_exchange *exchange,
                                              struct nts_segment *segment,
                                              struct nanots_error *error);
/* Takes the reference over; on an error the caller keeps it. */
NTS_CHECKED nanots_status nts_exchange_add(struct nts_exchange *exchange,
                                           struct nts_segment *segment, struct nanots_error *error);
/* Once. An exchange of nothing commits nothing. Takes flush_lock. */
NTS_CHECKED nanots_status nts_exchange_commit(struct nts_exchange *exchange,
                                              struct nanots_error *error);
void nts_exchange_end(struct nts_exchange *exchange);

#endif
