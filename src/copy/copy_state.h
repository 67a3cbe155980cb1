/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_state.h - all tables of a database at one moment, to be copied.
 *
 *   write_lock: |table 1: segment segment memtable(n rows)|table 2: segment|...|  last seq, next ids
 *
 * One short hold of the lock; so that a call or a group of appends is in it wholly or not at all.
 * Holding a state blocks nobody: the segments that it lists keep their bytes in the file, memtables
 * only grow. Belongs to one thread. Tests: api/test_backup.c, api/test_repair.c.
 */
#ifndef NTS_COPY_STATE_H
#define NTS_COPY_STATE_H

#include "engine/db.h"

/* A segment, or the first rows of a memtable. */
struct nts_copy_source {
    struct nts_segment *segment;
    struct nts_memtable *memtable;
    uint32_t row_count;
    bool sorted; /* the memtable's rows, by time */
    uint64_t seq_first;
    uint64_t seq_last;
};

struct nts_copy_table {
    const struct nts_table_def *def; /* lives as long as the handle */
    struct nts_copy_source *sources; /* in order of arrival */
    size_t count;
};

struct nts_copy_state {
    struct nts_copy_table *tables;
    size_t table_count;
    uint8_t file_id[16];
    uint64_t generation;
    uint64_t last_seq;
    uint32_t next_table_id;
    uint64_t next_segment_id;
};

/* Release with nts_copy_state_deinit, also on failure. Takes flush_lock and write_lock. */
NTS_CHECKED nanots_status nts_copy_state_take(struct nanots_db *db, struct nts_copy_state *state,
                                              struct nanots_error *error);
void nts_copy_state_deinit(struct nts_copy_state *state);

/* Bytes of all its segments. */
uint64_t nts_copy_state_bytes(const struct nts_copy_state *state);

#endif
