/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer_lmdb.c - LMDB: key = timestamp (integer key), value = the row's float64 values.
 *
 * Rows come in key order and are put with MDB_APPEND. Not synced means MDB_NOSYNC | MDB_WRITEMAP,
 * its fastest form that a kill -9 cannot harm: the map is shared with the page cache.
 */
#include "measure.h"
#include "peer.h"

#include <lmdb.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAP_BYTES ((size_t)16 << 30)
#define PATH_SIZE 4096

struct peer_db {
    MDB_env *env;
    MDB_dbi table;
    MDB_txn *reader;
    MDB_cursor *cursor;
    size_t column_count;
    struct peer_block block;
};

static struct peer_db lmdb_handle;

static void lmdb_check(int code)
{
    if (code != MDB_SUCCESS)
        die("LMDB: %s", mdb_strerror(code));
}

static bool lmdb_probe(char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return true;
}

static const char *lmdb_version(void)
{
    return mdb_version(NULL, NULL, NULL);
}

static void lmdb_remove(const char *path)
{
    char lock_path[PATH_SIZE];

    unlink(path);
    snprintf(lock_path, sizeof lock_path, "%s-lock", path);
    unlink(lock_path);
}

static struct peer_db *lmdb_open(const char *path, enum peer_access access, enum peer_sync sync,
                                 size_t column_count)
{
    struct peer_db *db = &lmdb_handle;
    unsigned env_flags = MDB_NOSUBDIR;
    bool reading = access == PEER_READ;
    MDB_txn *txn;

    if (access == PEER_CREATE)
        lmdb_remove(path);
    if (reading)
        env_flags |= MDB_RDONLY | MDB_NOTLS;
    else if (sync == PEER_SYNC_OFF)
        env_flags |= MDB_NOSYNC | MDB_WRITEMAP;
    lmdb_check(mdb_env_create(&db->env));
    lmdb_check(mdb_env_set_mapsize(db->env, MAP_BYTES));
    lmdb_check(mdb_env_open(db->env, path, env_flags, 0644));
    lmdb_check(mdb_txn_begin(db->env, NULL, reading ? MDB_RDONLY : 0, &txn));
    lmdb_check(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY | (reading ? 0u : (unsigned)MDB_CREATE),
                            &db->table));
    lmdb_check(mdb_txn_commit(txn));
    db->reader = NULL;
    db->cursor = NULL;
    db->column_count = column_count;
    return db;
}

static void lmdb_append_singly(struct peer_db *db, const struct workload_rows *rows)
{
    size_t value_size = rows->column_count * sizeof(double);

    for (size_t row = 0; row < rows->row_count; row++) {
        int64_t ts = rows->ts[row];
        MDB_val key = {sizeof ts, &ts};
        MDB_val value;
        MDB_txn *txn;

        lmdb_check(mdb_txn_begin(db->env, NULL, 0, &txn));
        value.mv_size = value_size;
        value.mv_data = (void *)(uintptr_t)(rows->values + row * rows->column_count);
        lmdb_check(mdb_put(txn, db->table, &key, &value, MDB_APPEND));
        lmdb_check(mdb_txn_commit(txn));
    }
}

/* One transaction; the values are written into the page where the row will stay. */
static void lmdb_append_bulk(struct peer_db *db, const struct workload *workload, size_t row_count,
                             size_t batch_rows)
{
    MDB_txn *txn;

    (void)batch_rows;
    lmdb_check(mdb_txn_begin(db->env, NULL, 0, &txn));
    for (size_t row = 0; row < row_count; row++) {
        int64_t ts = workload->ts[row];
        MDB_val key = {sizeof ts, &ts};
        MDB_val value = {db->column_count * sizeof(double), NULL};

        lmdb_check(mdb_put(txn, db->table, &key, &value, MDB_APPEND | MDB_RESERVE));
        for (size_t i = 0; i < db->column_count; i++)
            memcpy((char *)value.mv_data + i * sizeof(double), &workload->columns[i][row],
                   sizeof(double));
    }
    lmdb_check(mdb_txn_commit(txn));
}

static void lmdb_settle(struct peer_db *db)
{
    lmdb_check(mdb_env_sync(db->env, 1));
}

/* A reader is made once and renewed for each query, as LMDB recommends. */
static MDB_cursor *lmdb_start(struct peer_db *db)
{
    if (db->reader == NULL) {
        lmdb_check(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->reader));
        lmdb_check(mdb_cursor_open(db->reader, db->table, &db->cursor));
    } else {
        mdb_txn_reset(db->reader);
        lmdb_check(mdb_txn_renew(db->reader));
        lmdb_check(mdb_cursor_renew(db->reader, db->cursor));
    }
    return db->cursor;
}

static void lmdb_read(struct peer_db *db, const struct peer_range *range, struct digest *digest)
{
    struct peer_block *block = &db->block;
    MDB_cursor *cursor = lmdb_start(db);
    int64_t from = range->from < 0 ? 0 : range->from; /* integer keys are unsigned */
    MDB_val key = {sizeof from, &from};
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

    block->row_count = 0;
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        size_t row = block->row_count;
        const char *values = value.mv_data;

        memcpy(&block->ts[row], key.mv_data, sizeof block->ts[row]);
        if (block->ts[row] > range->to)
            break;
        for (size_t i = 0; i < range->column_count; i++)
            memcpy(&block->columns[i][row], values + range->column_indexes[i] * sizeof(double),
                   sizeof(double));
        block->row_count++;
        if (block->row_count == PEER_BLOCK_ROWS)
            peer_block_flush(block, range->column_count, digest);
    }
    if (code != MDB_NOTFOUND)
        lmdb_check(code);
    peer_block_flush(block, range->column_count, digest);
}

static void lmdb_aggregate(struct peer_db *db, size_t column_index,
                           struct peer_aggregate *result_out)
{
    MDB_cursor *cursor = lmdb_start(db);
    double *values = db->block.columns[0];
    size_t count = 0;
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

    *result_out = (struct peer_aggregate){.min = (double)INFINITY, .max = -(double)INFINITY};
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        memcpy(&values[count++], (const char *)value.mv_data + column_index * sizeof(double),
               sizeof(double));
        if (count == PEER_BLOCK_ROWS) {
            peer_aggregate_add(result_out, values, count);
            count = 0;
        }
    }
    if (code != MDB_NOTFOUND)
        lmdb_check(code);
    peer_aggregate_add(result_out, values, count);
}

static void lmdb_last(struct peer_db *db, int64_t *ts_out, double *value_out)
{
    MDB_val key;
    MDB_val value;

    lmdb_check(mdb_cursor_get(lmdb_start(db), &key, &value, MDB_LAST));
    memcpy(ts_out, key.mv_data, sizeof *ts_out);
    memcpy(value_out, value.mv_data, sizeof *value_out);
}

static void lmdb_close(struct peer_db *db)
{
    if (db->reader != NULL) {
        mdb_cursor_close(db->cursor);
        mdb_txn_abort(db->reader);
    }
    mdb_env_close(db->env);
}

const struct peer peer_lmdb = {
    .key = "lmdb",
    .name = "LMDB",
    .sync_names = {"LMDB nosync", NULL, "LMDB"},
    .single_rows = 1000000,
    .durable_rows = 1000,
    .bulk_rows = 4000000,
    .window_count = 2000,
    .open_count = 200,
    .probe = lmdb_probe,
    .version = lmdb_version,
    .open = lmdb_open,
    .append_singly = lmdb_append_singly,
    .append_bulk = lmdb_append_bulk,
    .settle = lmdb_settle,
    .read = lmdb_read,
    .aggregate = lmdb_aggregate,
    .last = lmdb_last,
    .close = lmdb_close,
    .remove = lmdb_remove,
};
