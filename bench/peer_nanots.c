/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer_nanots.c - NanoTS through its public header. */
#include "measure.h"
#include "nanots.h"
#include "peer.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define TABLE "cpu"

struct peer_db {
    struct nanots_db *db;
    struct nanots_table *table;
    size_t column_count;
};

static const char *const nanots_column_names[WORKLOAD_COLUMNS_MAX] = {
    "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9",
};

static struct peer_db nanots_handle;

static void nanots_check(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        die("NanoTS: %s: %s", nanots_status_name(status), error->message);
}

static bool nanots_probe(char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return true;
}

static void nanots_remove(const char *path)
{
    unlink(path);
}

static void nanots_create(struct peer_db *db)
{
    struct nanots_column columns[WORKLOAD_COLUMNS_MAX] = {{0}};
    struct nanots_error error;

    for (size_t i = 0; i < db->column_count; i++) {
        columns[i].name = nanots_column_names[i];
        columns[i].type = NANOTS_TYPE_F64;
        columns[i].flags = 0;
    }
    nanots_check(nanots_create_table(db->db, TABLE, columns, db->column_count, &error), &error);
}

static struct peer_db *nanots_open_file(const char *path, enum peer_access access,
                                        enum peer_sync sync, size_t column_count)
{
    static const nanots_sync_mode modes[PEER_SYNC_COUNT] = {
        [PEER_SYNC_OFF] = NANOTS_SYNC_OFF,
        [PEER_SYNC_NORMAL] = NANOTS_SYNC_NORMAL,
        [PEER_SYNC_FULL] = NANOTS_SYNC_FULL,
    };
    struct nanots_open_options options = {.struct_size = sizeof options};
    struct peer_db *db = &nanots_handle;
    struct nanots_error error;

    options.sync_mode = modes[sync];
    if (access == PEER_READ)
        options.flags = NANOTS_OPEN_READ_ONLY;
    if (access == PEER_CREATE)
        nanots_remove(path);
    else
        options.flags |= NANOTS_OPEN_NO_CREATE;
    db->column_count = column_count;
    nanots_check(nanots_open(path, &options, &db->db, &error), &error);
    if (access == PEER_CREATE)
        nanots_create(db);
    db->table = NULL;
    if (access != PEER_READ)
        nanots_check(nanots_table_open(db->db, TABLE, &db->table, &error), &error);
    return db;
}

static void nanots_append_singly(struct peer_db *db, const struct workload_rows *rows)
{
    struct nanots_table *table = db->table;
    size_t column_count = rows->column_count;
    struct nanots_error error;

    for (size_t row = 0; row < rows->row_count; row++) {
        const double *values = rows->values + row * column_count;
        nanots_status status =
            nanots_table_append(table, rows->ts[row], values, column_count, NULL, &error);

        if (status != NANOTS_OK)
            nanots_check(status, &error);
    }
}

static void nanots_append_bulk(struct peer_db *db, const struct workload *workload,
                               size_t row_count, size_t batch_rows)
{
    const double *columns[WORKLOAD_COLUMNS_MAX];
    struct nanots_error error;

    for (size_t row = 0; row < row_count; row += batch_rows) {
        size_t count = row_count - row < batch_rows ? row_count - row : batch_rows;

        for (size_t i = 0; i < db->column_count; i++)
            columns[i] = workload->columns[i] + row;
        nanots_check(nanots_append_columns(db->db, TABLE, workload->ts + row, columns, count,
                                           db->column_count, NULL, &error),
                     &error);
    }
}

static void nanots_settle(struct peer_db *db)
{
    struct nanots_error error;

    nanots_check(nanots_flush(db->db, &error), &error);
}

static struct nanots_cursor *nanots_start(struct peer_db *db, const struct peer_range *range)
{
    struct nanots_query query = {.struct_size = sizeof query};
    const char *names[WORKLOAD_COLUMNS_MAX];
    struct nanots_cursor *cursor;
    struct nanots_error error;

    for (size_t i = 0; i < range->column_count; i++)
        names[i] = nanots_column_names[range->column_indexes[i]];
    query.flags = NANOTS_QUERY_FROM | NANOTS_QUERY_TO;
    query.from = range->from;
    query.to = range->to;
    query.columns = names;
    query.column_count = range->column_count;
    nanots_check(nanots_query_open(db->db, TABLE, &query, &cursor, &error), &error);
    return cursor;
}

static void nanots_read(struct peer_db *db, const struct peer_range *range, struct digest *digest)
{
    struct nanots_cursor *cursor = nanots_start(db, range);
    const double *columns[WORKLOAD_COLUMNS_MAX];
    const struct nanots_batch *batch;
    struct nanots_error error;

    for (;;) {
        nanots_check(nanots_query_next(cursor, &batch, &error), &error);
        if (batch == NULL)
            break;
        for (size_t i = 0; i < batch->column_count; i++)
            columns[i] = batch->columns[i].values;
        digest_add(digest, batch->row_count, batch->ts, columns, batch->column_count);
    }
    nanots_query_close(cursor);
}

static void nanots_aggregate(struct peer_db *db, size_t column_index,
                             struct peer_aggregate *result_out)
{
    const struct peer_range range = {INT64_MIN, INT64_MAX, &column_index, 1};
    struct nanots_cursor *cursor = nanots_start(db, &range);
    const struct nanots_batch *batch;
    struct nanots_error error;

    *result_out = (struct peer_aggregate){.min = (double)INFINITY, .max = -(double)INFINITY};
    for (;;) {
        nanots_check(nanots_query_next(cursor, &batch, &error), &error);
        if (batch == NULL)
            break;
        peer_aggregate_add(result_out, batch->columns[0].values, batch->row_count);
    }
    nanots_query_close(cursor);
}

static void nanots_last_row(struct peer_db *db, int64_t *ts_out, double *value_out)
{
    double values[WORKLOAD_COLUMNS_MAX];
    struct nanots_error error;

    nanots_check(nanots_last(db->db, TABLE, ts_out, values, db->column_count, &error), &error);
    *value_out = values[0];
}

static void nanots_close_file(struct peer_db *db)
{
    struct nanots_error error;

    nanots_check(nanots_close(db->db, &error), &error);
}

const struct peer peer_nanots = {
    .key = "nanots",
    .name = "NanoTS",
    .sync_names = {"NanoTS off", "NanoTS", "NanoTS full"},
    .single_rows = 4000000,
    .durable_rows = 2000,
    .bulk_rows = 4000000,
    .window_count = 2000,
    .open_count = 200,
    .probe = nanots_probe,
    .version = nanots_version,
    .open = nanots_open_file,
    .append_singly = nanots_append_singly,
    .append_bulk = nanots_append_bulk,
    .settle = nanots_settle,
    .read = nanots_read,
    .aggregate = nanots_aggregate,
    .last = nanots_last_row,
    .close = nanots_close_file,
    .remove = nanots_remove,
};
