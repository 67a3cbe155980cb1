/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer_sqlite.c - SQLite: table cpu(ts integer primary key, c0 real, ...), so that the
 * timestamp is the row id, the tightest layout that it has for a time key; write-ahead log.
 */
#include "measure.h"
#include "peer.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define SQL_SIZE  512

struct peer_db {
    sqlite3 *db;
    sqlite3_stmt *range_query;
    size_t column_count;
    struct peer_block block;
};

static struct peer_db sqlite_handle;

static bool sqlite_probe(char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return true;
}

static void sqlite_fail(const struct peer_db *db)
{
    die("SQLite: %s", sqlite3_errmsg(db->db));
}

static void sqlite_check(const struct peer_db *db, int code)
{
    if (code != SQLITE_OK)
        sqlite_fail(db);
}

static void sqlite_execute(const struct peer_db *db, const char *sql)
{
    sqlite_check(db, sqlite3_exec(db->db, sql, NULL, NULL, NULL));
}

static sqlite3_stmt *sqlite_prepare(const struct peer_db *db, const char *sql)
{
    sqlite3_stmt *statement;

    sqlite_check(db, sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL));
    return statement;
}

static void sqlite_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_SIZE];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* Writes `head`, then ", c<index><suffix>" for each column (NULL: the first ones), then `tail`. */
static void sqlite_list(char *sql, size_t sql_size, const char *head, const char *suffix,
                        const size_t *column_indexes, size_t column_count, const char *tail)
{
    size_t used = (size_t)snprintf(sql, sql_size, "%s", head);

    for (size_t i = 0; i < column_count; i++) {
        size_t index = column_indexes == NULL ? i : column_indexes[i];

        used += (size_t)snprintf(sql + used, sql_size - used, ", c%zu%s", index, suffix);
    }
    snprintf(sql + used, sql_size - used, "%s", tail);
}

static struct peer_db *sqlite_open(const char *path, enum peer_access access, enum peer_sync sync,
                                   size_t column_count)
{
    static const char *const sync_pragmas[PEER_SYNC_COUNT] = {
        [PEER_SYNC_OFF] = "pragma synchronous=off",
        [PEER_SYNC_NORMAL] = "pragma synchronous=normal",
        [PEER_SYNC_FULL] = "pragma synchronous=full",
    };
    struct peer_db *db = &sqlite_handle;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    char sql[SQL_SIZE];

    if (access == PEER_CREATE) {
        sqlite_remove(path);
        flags |= SQLITE_OPEN_CREATE;
    }
    db->column_count = column_count;
    db->range_query = NULL;
    if (sqlite3_open_v2(path, &db->db, flags, NULL) != SQLITE_OK)
        sqlite_fail(db);
    if (access == PEER_CREATE)
        sqlite_execute(db, "pragma page_size=8192");
    sqlite_execute(db, "pragma journal_mode=wal");
    sqlite_execute(db, sync_pragmas[sync]);
    sqlite_execute(db, "pragma cache_size=-65536");
    sqlite_execute(db, "pragma mmap_size=4294967296");
    if (access == PEER_CREATE) {
        sqlite_list(sql, sizeof sql, "create table cpu(ts integer primary key", " real", NULL,
                    column_count, ")");
        sqlite_execute(db, sql);
    }
    return db;
}

static sqlite3_stmt *sqlite_prepare_insert(const struct peer_db *db)
{
    static const char all[] = "insert into cpu values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
    size_t used = sizeof all - 1 - 3 * (WORKLOAD_COLUMNS_MAX - db->column_count);
    char sql[SQL_SIZE];

    snprintf(sql, sizeof sql, "%.*s)", (int)used, all);
    return sqlite_prepare(db, sql);
}

static void sqlite_step_done(const struct peer_db *db, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        sqlite_fail(db);
    sqlite3_reset(statement);
}

/* Each insert commits by itself. */
static void sqlite_append_singly(struct peer_db *db, const struct workload_rows *rows)
{
    sqlite3_stmt *insert = sqlite_prepare_insert(db);

    for (size_t row = 0; row < rows->row_count; row++) {
        const double *values = rows->values + row * rows->column_count;

        sqlite3_bind_int64(insert, 1, rows->ts[row]);
        for (size_t i = 0; i < rows->column_count; i++)
            sqlite3_bind_double(insert, (int)i + 2, values[i]);
        sqlite_step_done(db, insert);
    }
    sqlite3_finalize(insert);
}

/* One transaction. */
static void sqlite_append_bulk(struct peer_db *db, const struct workload *workload,
                               size_t row_count, size_t batch_rows)
{
    sqlite3_stmt *insert = sqlite_prepare_insert(db);

    (void)batch_rows;
    sqlite_execute(db, "begin");
    for (size_t row = 0; row < row_count; row++) {
        sqlite3_bind_int64(insert, 1, workload->ts[row]);
        for (size_t i = 0; i < db->column_count; i++)
            sqlite3_bind_double(insert, (int)i + 2, workload->columns[i][row]);
        sqlite_step_done(db, insert);
    }
    sqlite_execute(db, "commit");
    sqlite3_finalize(insert);
}

static void sqlite_settle(struct peer_db *db)
{
    sqlite_execute(db, "pragma wal_checkpoint(truncate)");
}

/* The statement is prepared at the first query and kept; a process reads one list of columns. */
static void sqlite_read(struct peer_db *db, const struct peer_range *range, struct digest *digest)
{
    struct peer_block *block = &db->block;
    char sql[SQL_SIZE];
    int code;

    if (db->range_query == NULL) {
        sqlite_list(sql, sizeof sql, "select ts", "", range->column_indexes, range->column_count,
                    " from cpu where ts between ? and ? order by ts");
        db->range_query = sqlite_prepare(db, sql);
    }
    sqlite3_bind_int64(db->range_query, 1, range->from);
    sqlite3_bind_int64(db->range_query, 2, range->to);
    block->row_count = 0;
    while ((code = sqlite3_step(db->range_query)) == SQLITE_ROW) {
        size_t row = block->row_count++;

        block->ts[row] = sqlite3_column_int64(db->range_query, 0);
        for (size_t i = 0; i < range->column_count; i++)
            block->columns[i][row] = sqlite3_column_double(db->range_query, (int)i + 1);
        if (block->row_count == PEER_BLOCK_ROWS)
            peer_block_flush(block, range->column_count, digest);
    }
    if (code != SQLITE_DONE)
        sqlite_fail(db);
    peer_block_flush(block, range->column_count, digest);
    sqlite3_reset(db->range_query);
}

static void sqlite_aggregate(struct peer_db *db, size_t column_index,
                             struct peer_aggregate *result_out)
{
    sqlite3_stmt *statement;
    char sql[SQL_SIZE];

    snprintf(sql, sizeof sql, "select count(*), min(c%zu), max(c%zu), sum(c%zu) from cpu",
             column_index, column_index, column_index);
    statement = sqlite_prepare(db, sql);
    if (sqlite3_step(statement) != SQLITE_ROW)
        sqlite_fail(db);
    result_out->count = (uint64_t)sqlite3_column_int64(statement, 0);
    result_out->min = sqlite3_column_double(statement, 1);
    result_out->max = sqlite3_column_double(statement, 2);
    result_out->sum = sqlite3_column_double(statement, 3);
    sqlite3_finalize(statement);
}

static void sqlite_last(struct peer_db *db, int64_t *ts_out, double *value_out)
{
    sqlite3_stmt *statement = sqlite_prepare(db, "select ts, c0 from cpu order by ts desc limit 1");

    if (sqlite3_step(statement) != SQLITE_ROW)
        sqlite_fail(db);
    *ts_out = sqlite3_column_int64(statement, 0);
    *value_out = sqlite3_column_double(statement, 1);
    sqlite3_finalize(statement);
}

static void sqlite_close(struct peer_db *db)
{
    sqlite3_finalize(db->range_query);
    sqlite_check(db, sqlite3_close(db->db));
}

const struct peer peer_sqlite = {
    .key = "sqlite",
    .name = "SQLite",
    .sync_names = {"SQLite synchronous=off", "SQLite synchronous=normal",
                   "SQLite synchronous=full"},
    .single_rows = 50000,
    .durable_rows = 1000,
    .bulk_rows = 1000000,
    .window_count = 1000,
    .open_count = 200,
    .probe = sqlite_probe,
    .version = sqlite3_libversion,
    .open = sqlite_open,
    .append_singly = sqlite_append_singly,
    .append_bulk = sqlite_append_bulk,
    .settle = sqlite_settle,
    .read = sqlite_read,
    .aggregate = sqlite_aggregate,
    .last = sqlite_last,
    .close = sqlite_close,
    .remove = sqlite_remove,
};
