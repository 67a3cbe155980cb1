/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer_duckdb.c - DuckDB: table cpu(ts timestamp, c0 double, ...), one thread.
 *
 * The library is loaded at run time: $NANOTS_BENCH_DUCKDB, or what bench/setup_peers.sh put into
 * the folder of peers. A Python wheel's extension module also exports the C API; it needs
 * libpython of its version in the process for its data symbols, though no Python code runs.
 * Rows go in through an appender in data chunks of 2048 rows, its fastest way.
 */
#include "peer_duckdb.h"
#include "duckdb_api.h"
#include "measure.h"
#include "peer.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_ROWS 2048
#define PATH_SIZE  4096
#define SQL_SIZE   512
#define US_PER_MS  1000
/* The least that it has: in blocks of 256 KiB, its default, no small column would show its size. */
#define SMALL_BLOCK_SIZE "16384"

struct peer_db {
    duckdb_handle database;
    duckdb_handle connection;
    duckdb_handle range_query;
    size_t column_count;
    bool reads_all; /* range_query has no condition: that is faster than one that is always true */
    int64_t ts_ms[CHUNK_ROWS];
};

static struct peer_db duckdb_handle_open;
static struct duckdb_api duckdb;

/* Finds the library, and in *python_version_out the "311" of a wheel's module, or 0. */
static bool duckdb_find(char *path, size_t path_size, unsigned *python_version_out)
{
    const char *chosen = getenv("NANOTS_BENCH_DUCKDB");
    const char *module;
    glob_t found;

    if (chosen != NULL) {
        snprintf(path, path_size, "%s", chosen);
    } else {
        if (glob(BENCH_PEERS_DIR "/_duckdb.cpython-*.so", 0, NULL, &found) != 0)
            return false;
        snprintf(path, path_size, "%s", found.gl_pathv[0]);
        globfree(&found);
    }
    *python_version_out = 0;
    module = strstr(path, "cpython-3");
    if (module != NULL)
        *python_version_out = (unsigned)strtoul(module + strlen("cpython-"), NULL, 10);
    return true;
}

static bool duckdb_load_symbols(void *library, char *why, size_t why_size)
{
    void *symbol;

#define DUCKDB_API_LOAD(type, name, parameters)                                                    \
    symbol = dlsym(library, "duckdb_" #name);                                                      \
    if (symbol == NULL) {                                                                          \
        snprintf(why, why_size, "the library lacks duckdb_" #name);                                \
        return false;                                                                              \
    }                                                                                              \
    memcpy(&duckdb.name, &symbol, sizeof symbol);
    DUCKDB_API_LIST(DUCKDB_API_LOAD)
#undef DUCKDB_API_LOAD
    return true;
}

static bool duckdb_probe(char *why, size_t why_size)
{
    char path[PATH_SIZE];
    char python_name[64];
    unsigned python_version;
    void *library;

    if (!duckdb_find(path, sizeof path, &python_version)) {
        snprintf(why, why_size, "not installed; run bench/setup_peers.sh");
        return false;
    }
    if (python_version != 0) {
        snprintf(python_name, sizeof python_name, "libpython%u.%u.so.1.0", python_version / 100,
                 python_version % 100);
        if (dlopen(python_name, RTLD_NOW | RTLD_GLOBAL) == NULL) {
            snprintf(why, why_size, "%s", dlerror());
            return false;
        }
    }
    library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        snprintf(why, why_size, "%s", dlerror());
        return false;
    }
    return duckdb_load_symbols(library, why, why_size);
}

static const char *duckdb_version(void)
{
    return duckdb.library_version();
}

static void duckdb_execute(struct peer_db *db, const char *sql, struct duckdb_result *result_out)
{
    if (duckdb.query(db->connection, sql, result_out) != 0)
        die("DuckDB: %s: %s", sql, duckdb.result_error(result_out));
}

static void duckdb_run(struct peer_db *db, const char *sql)
{
    struct duckdb_result result;

    duckdb_execute(db, sql, &result);
    duckdb.destroy_result(&result);
}

static void duckdb_remove(const char *path)
{
    char wal_path[PATH_SIZE];

    unlink(path);
    snprintf(wal_path, sizeof wal_path, "%s.wal", path);
    unlink(wal_path);
}

static void duckdb_create(struct peer_db *db)
{
    char sql[SQL_SIZE];
    size_t used = (size_t)snprintf(sql, sizeof sql, "create table cpu(ts timestamp");

    for (size_t i = 0; i < db->column_count; i++)
        used += (size_t)snprintf(sql + used, sizeof sql - used, ", c%zu double", i);
    snprintf(sql + used, sizeof sql - used, ")");
    duckdb_run(db, sql);
}

static duckdb_handle duckdb_configure(void)
{
    duckdb_handle config;

    if (duckdb.create_config(&config) != 0 || duckdb.set_config(config, "threads", "1") != 0 ||
        duckdb.set_config(config, "memory_limit", "4GB") != 0)
        die("DuckDB: cannot be configured");
    return config;
}

/* Frees `config`. */
static void duckdb_connect(struct peer_db *db, const char *path, duckdb_handle config)
{
    char *message = NULL;

    if (duckdb.open_ext(path, &db->database, config, &message) != 0)
        die("DuckDB: %s", message);
    duckdb.destroy_config(&config);
    if (duckdb.connect(db->database, &db->connection) != 0)
        die("DuckDB: cannot connect");
}

static struct peer_db *duckdb_open(const char *path, enum peer_access access, enum peer_sync sync,
                                   size_t column_count)
{
    struct peer_db *db = &duckdb_handle_open;

    (void)sync;
    if (access == PEER_CREATE)
        duckdb_remove(path);
    duckdb_connect(db, path, duckdb_configure());
    db->column_count = column_count;
    db->range_query = NULL;
    if (access == PEER_CREATE)
        duckdb_create(db);
    return db;
}

static void duckdb_fill_chunk(duckdb_handle chunk, const struct workload *workload, size_t row,
                              size_t count, size_t column_count)
{
    int64_t *ts = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, 0));

    for (size_t i = 0; i < count; i++)
        ts[i] = workload->ts[row + i] * US_PER_MS;
    for (size_t i = 0; i < column_count; i++)
        memcpy(duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, i + 1)),
               workload->columns[i] + row, count * sizeof(double));
    duckdb.data_chunk_set_size(chunk, count);
}

static void duckdb_append_bulk(struct peer_db *db, const struct workload *workload,
                               size_t row_count, size_t batch_rows)
{
    duckdb_handle types[WORKLOAD_COLUMNS_MAX + 1];
    duckdb_handle appender;
    duckdb_handle chunk;

    (void)batch_rows;
    types[0] = duckdb.create_logical_type(DUCKDB_TYPE_TIMESTAMP);
    for (size_t i = 0; i < db->column_count; i++)
        types[i + 1] = duckdb.create_logical_type(DUCKDB_TYPE_DOUBLE);
    if (duckdb.appender_create(db->connection, NULL, "cpu", &appender) != 0)
        die("DuckDB: cannot make an appender");
    chunk = duckdb.create_data_chunk(types, db->column_count + 1);
    for (size_t row = 0; row < row_count; row += CHUNK_ROWS) {
        size_t count = row_count - row < CHUNK_ROWS ? row_count - row : CHUNK_ROWS;

        duckdb_fill_chunk(chunk, workload, row, count, db->column_count);
        if (duckdb.append_data_chunk(appender, chunk) != 0)
            die("DuckDB: %s", duckdb.appender_error(appender));
        duckdb.data_chunk_reset(chunk);
    }
    if (duckdb.appender_close(appender) != 0)
        die("DuckDB: %s", duckdb.appender_error(appender));
    duckdb.appender_destroy(&appender);
    duckdb.destroy_data_chunk(&chunk);
    for (size_t i = 0; i <= db->column_count; i++)
        duckdb.destroy_logical_type(&types[i]);
}

static void duckdb_settle(struct peer_db *db)
{
    duckdb_run(db, "checkpoint");
}

static void duckdb_prepare_range(struct peer_db *db, const struct peer_range *range)
{
    char sql[SQL_SIZE];
    size_t used = (size_t)snprintf(sql, sizeof sql, "select ts");

    for (size_t i = 0; i < range->column_count; i++)
        used += (size_t)snprintf(sql + used, sizeof sql - used, ", c%zu", range->column_indexes[i]);
    snprintf(sql + used, sizeof sql - used, " from cpu%s",
             db->reads_all ? "" : " where ts >= ? and ts <= ?");
    if (duckdb.prepare(db->connection, sql, &db->range_query) != 0)
        die("DuckDB: cannot prepare: %s", sql);
}

/* The statement is prepared at the first query and kept; a process reads one list of columns.
 * Rows were stored in order of time and come back in that order (preserve_insertion_order). */
static void duckdb_read(struct peer_db *db, const struct peer_range *range, struct digest *digest)
{
    const double *columns[WORKLOAD_COLUMNS_MAX];
    struct duckdb_result result;
    duckdb_handle chunk;

    if (db->range_query == NULL) {
        db->reads_all = range->from == INT64_MIN && range->to == INT64_MAX;
        duckdb_prepare_range(db, range);
    }
    if (!db->reads_all) {
        duckdb.bind_timestamp(db->range_query, 1, range->from * US_PER_MS);
        duckdb.bind_timestamp(db->range_query, 2, range->to * US_PER_MS);
    }
    if (duckdb.execute_prepared(db->range_query, &result) != 0)
        die("DuckDB: %s", duckdb.result_error(&result));
    while ((chunk = duckdb.fetch_chunk(result)) != NULL) {
        size_t count = duckdb.data_chunk_get_size(chunk);
        const int64_t *ts = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, 0));

        for (size_t i = 0; i < count; i++)
            db->ts_ms[i] = ts[i] / US_PER_MS;
        for (size_t i = 0; i < range->column_count; i++)
            columns[i] = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, i + 1));
        digest_add(digest, count, db->ts_ms, columns, range->column_count);
        duckdb.destroy_data_chunk(&chunk);
    }
    duckdb.destroy_result(&result);
}

/* One row of int64 or double values. */
static void duckdb_fetch_row(struct peer_db *db, const char *sql, void *const *values,
                             size_t value_count)
{
    struct duckdb_result result;
    duckdb_handle chunk;

    duckdb_execute(db, sql, &result);
    chunk = duckdb.fetch_chunk(result);
    if (chunk == NULL || duckdb.data_chunk_get_size(chunk) != 1)
        die("DuckDB: %s: not one row", sql);
    for (size_t i = 0; i < value_count; i++)
        memcpy(values[i], duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, i)),
               sizeof(int64_t));
    duckdb.destroy_data_chunk(&chunk);
    duckdb.destroy_result(&result);
}

static void duckdb_aggregate(struct peer_db *db, size_t column_index,
                             struct peer_aggregate *result_out)
{
    char sql[SQL_SIZE];

    snprintf(sql, sizeof sql, "select count(*), min(c%zu), max(c%zu), sum(c%zu) from cpu",
             column_index, column_index, column_index);
    duckdb_fetch_row(
        db, sql,
        (void *const[]){&result_out->count, &result_out->min, &result_out->max, &result_out->sum},
        4);
}

/* The newest timestamp comes from statistics, its row from a point query. */
static void duckdb_last(struct peer_db *db, int64_t *ts_out, double *value_out)
{
    duckdb_fetch_row(db, "select ts, c0 from cpu where ts = (select max(ts) from cpu)",
                     (void *const[]){ts_out, value_out}, 2);
    *ts_out /= US_PER_MS;
}

static void duckdb_close(struct peer_db *db)
{
    if (db->range_query != NULL)
        duckdb.destroy_prepare(&db->range_query);
    duckdb.disconnect(&db->connection);
    duckdb.close(&db->database);
}

/* ---- columns by themselves: peer_duckdb.h ------------------------------------------------- */

static void duckdb_append_column(struct peer_db *db, const struct duckdb_column *column,
                                 const char *table)
{
    duckdb_handle type = duckdb.create_logical_type((int)column->type);
    duckdb_handle appender;
    duckdb_handle chunk;

    if (duckdb.appender_create(db->connection, NULL, table, &appender) != 0)
        die("DuckDB: cannot make an appender");
    chunk = duckdb.create_data_chunk(&type, 1);
    for (size_t row = 0; row < column->count; row += CHUNK_ROWS) {
        size_t count = column->count - row < CHUNK_ROWS ? column->count - row : CHUNK_ROWS;

        memcpy(duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, 0)), column->values + row,
               count * sizeof *column->values);
        duckdb.data_chunk_set_size(chunk, count);
        if (duckdb.append_data_chunk(appender, chunk) != 0)
            die("DuckDB: %s", duckdb.appender_error(appender));
        duckdb.data_chunk_reset(chunk);
    }
    if (duckdb.appender_close(appender) != 0)
        die("DuckDB: %s", duckdb.appender_error(appender));
    duckdb.appender_destroy(&appender);
    duckdb.destroy_data_chunk(&chunk);
    duckdb.destroy_logical_type(&type);
}

/* Dies if a value differs in any bit. */
static void duckdb_prove_column(struct peer_db *db, const struct duckdb_column *column,
                                const char *table)
{
    struct duckdb_result result;
    duckdb_handle chunk;
    char sql[SQL_SIZE];
    size_t row = 0;

    snprintf(sql, sizeof sql, "select v from %s", table);
    duckdb_execute(db, sql, &result);
    while ((chunk = duckdb.fetch_chunk(result)) != NULL) {
        size_t count = duckdb.data_chunk_get_size(chunk);

        if (count > column->count - row ||
            memcmp(duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, 0)),
                   column->values + row, count * sizeof *column->values) != 0)
            die("DuckDB: %s: values from %zu on did not come back bit by bit", table, row);
        row += count;
        duckdb.destroy_data_chunk(&chunk);
    }
    if (row != column->count)
        die("DuckDB: %s: %zu values came back of %zu", table, row, column->count);
    duckdb.destroy_result(&result);
}

uint64_t duckdb_columns_bytes(const char *path, const struct duckdb_column *columns,
                              size_t column_count)
{
    duckdb_handle config = duckdb_configure();
    struct peer_db *db = &duckdb_handle_open;
    char table[32];
    char sql[SQL_SIZE];
    uint64_t bytes;

    duckdb_remove(path);
    if (duckdb.set_config(config, "default_block_size", SMALL_BLOCK_SIZE) != 0 ||
        duckdb.set_config(config, "storage_compatibility_version", "latest") != 0)
        die("DuckDB: cannot be configured for small files");
    duckdb_connect(db, path, config);
    for (size_t i = 0; i < column_count; i++) {
        snprintf(table, sizeof table, "c%zu", i);
        snprintf(sql, sizeof sql, "create table %s(v %s)", table,
                 columns[i].type == DUCKDB_TYPE_DOUBLE ? "double" : "bigint");
        duckdb_run(db, sql);
        duckdb_append_column(db, &columns[i], table);
    }
    duckdb_settle(db);
    for (size_t i = 0; i < column_count; i++) {
        snprintf(table, sizeof table, "c%zu", i);
        duckdb_prove_column(db, &columns[i], table);
    }
    duckdb.disconnect(&db->connection);
    duckdb.close(&db->database);
    bytes = measure_file_bytes(path);
    duckdb_remove(path);
    return bytes;
}

const struct peer peer_duckdb = {
    .key = "duckdb",
    .name = "DuckDB",
    .sync_names = {NULL, "DuckDB", NULL},
    .bulk_rows = 4000000,
    .window_count = 300,
    .open_count = 20,
    .probe = duckdb_probe,
    .version = duckdb_version,
    .open = duckdb_open,
    .append_bulk = duckdb_append_bulk,
    .settle = duckdb_settle,
    .read = duckdb_read,
    .aggregate = duckdb_aggregate,
    .last = duckdb_last,
    .close = duckdb_close,
    .remove = duckdb_remove,
};
