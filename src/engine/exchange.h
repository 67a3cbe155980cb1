/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/exchange.h - segments that others take the place of, or nothing, all in one commit.
 *
 *   version:  [a] [b] [c] [d]
 *                 remove b, c; add x  --> commit -->  [a] [x] [d]
 *                                     --> end without a commit: the room of x is free again
 *
 * Of any number of tables, one after the other: readers see all of it or nothing. Readers of the
 * old versions keep them. Needs upkeep_lock from begin to end; or flush_lock, as engine/limit.c
 * has it. That one may take segments away between begin and commit: then the exchange is stale, and
 * nothing is committed.
 * Tests: api/test_upkeep.c, api/test_max_bytes.c, crash/test_retention_cut.c.
 */
#ifndef NTS_EXCHANGE_H
#define NTS_EXCHANGE_H

#include "engine/db.h"

struct nts_exchange_list {
    struct nts_segment **segments;
    size_t count;
    size_t capacity;
};

/* What is exchanged in one table. */
struct nts_exchange_table {
    struct nanots_table *table;
    struct nts_exchange_list removed; /* referenced */
    struct nts_exchange_list added;   /* the same; their extents are held until the commit */
    struct nts_version *version;      /* the one after; only during the commit */
};

struct nts_exchange {
    struct nanots_db *db;
    struct nts_exchange_table *tables;
    size_t table_count;
    size_t table_capacity;
    uint64_t removed_bytes; /* of segments */
    bool is_cut;            /* rows are removed, not only written anew */
    bool is_stale;          /* by the commit: what it should remove has gone meanwhile */
    bool is_committed;
};

void nts_exchange_begin(struct nts_exchange *exchange, struct nanots_db *db);
/* Both: a table's calls come one after another. */
NTS_CHECKED nanots_status nts_exchange_remove(struct nts_exchange *exchange,
                                              struct nanots_table *table,
                                              struct nts_segment *segment,
                                              struct nanots_error *error);
/* Takes the reference over; on an error the caller keeps it. */
NTS_CHECKED nanots_status nts_exchange_add(struct nts_exchange *exchange,
                                           struct nanots_table *table, struct nts_segment *segment,
                                           struct nanots_error *error);
/* Once. An exchange of nothing commits nothing. Takes flush_lock. */
NTS_CHECKED nanots_status nts_exchange_commit(struct nts_exchange *exchange,
                                              struct nanots_error *error);
/* The same with flush_lock held. */
NTS_CHECKED nanots_status nts_exchange_commit_locked(struct nts_exchange *exchange,
                                                     struct nanots_error *error);
void nts_exchange_end(struct nts_exchange *exchange);
/* Takes back what was asked for of the last table, if that is this one. */
void nts_exchange_forget(struct nts_exchange *exchange, const struct nanots_table *table);

#endif
