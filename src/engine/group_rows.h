/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/group_rows.h - what an open group holds; for group.c and group_commit.c alone.
 *
 *   group --+--> table --+--> segments, in order: written, held, named by nobody
 *           |            +--> rows behind them, in a memtable of the group
 *           +--> table --+--> ...
 */
#ifndef NTS_GROUP_ROWS_H
#define NTS_GROUP_ROWS_H

#include "engine/bulk.h"
#include "engine/group.h"
#include "engine/row_group.h"

struct nts_group_table {
    struct nts_group_table *next;
    struct nanots_db *db; /* NULL is how uthash says that it is out of memory */
    struct nanots_table *table;
    const struct nts_table_def *def; /* that its rows have; kept until the handle is closed */
    struct nts_memtable *rows;       /* or NULL */
    uint64_t log_size;               /* of their record, or a little more */
    struct nts_bulk *bulk_first;
    struct nts_bulk *bulk_last;
    /* While it is committed. */
    uint8_t *payload; /* of its ROWS record */
    size_t payload_size;
    uint64_t text_size;
    struct nts_memtable *target; /* where the rows went, in mode full: with a reference */
    uint32_t visible_rows;       /* of the target, when they are shown */
    UT_hash_handle hh;
};

struct nanots_group {
    struct nanots_db *db;
    struct nanots_group *next; /* write_lock, as prev */
    struct nanots_group *prev;
    struct nts_group_table *by_table;
    struct nts_group_table *first; /* in order of their first rows */
    struct nts_group_table *last;
    struct nts_group_table *last_used;
    uint64_t table_count;
    uint64_t memory;        /* of all memtables */
    uint64_t rows_log_size; /* what their records need, or a little more */
    uint64_t bulk_log_size;
    /* From its place in the log on; write_lock. */
    struct nanots_group *next_hidden;
    uint64_t seq_first;
    uint64_t seq_last;
};

/* A table's rows in memory as the rows of one append. */
struct nts_group_view {
    struct nts_row_group arrays;
    struct nanots_batch_column *columns;
    struct nts_rows rows;
};
NTS_CHECKED nanots_status nts_group_view(const struct nts_group_table *item,
                                         struct nts_group_view *view, struct nanots_error *error);
void nts_group_view_free(struct nts_group_view *view);

/* A table's rows in memory become a segment, if there are any. */
NTS_CHECKED nanots_status nts_group_spill(struct nanots_group *group, struct nts_group_table *item,
                                          struct nanots_error *error);
/* Before a commit: rows become segments until the group's log entry fits. */
NTS_CHECKED nanots_status nts_group_fit_log(struct nanots_group *group, struct nanots_error *error);

#endif
