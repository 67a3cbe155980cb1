/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/duckdb_api.h - the part of DuckDB's C API that the benchmark calls, declared by hand.
 *
 * DuckDB is not packaged for Debian, and its Python wheel carries the C API but no header. These
 * are the declarations of duckdb.h 1.5 (MIT licence), as pointers that peer_duckdb.c fills in with
 * dlsym. Handles are opaque pointers; a state of 0 is success.
 */
#ifndef BENCH_DUCKDB_API_H
#define BENCH_DUCKDB_API_H

#include <stdint.h>

typedef void *duckdb_handle;

/* Passed by value to duckdb_fetch_chunk, so its size counts: six words. */
struct duckdb_result {
    uint64_t column_count;
    uint64_t row_count;
    uint64_t rows_changed;
    void *columns;
    char *error_message;
    void *internal;
};

enum duckdb_type {
    DUCKDB_TYPE_BIGINT = 5, /* int64 */
    DUCKDB_TYPE_DOUBLE = 11,
    DUCKDB_TYPE_TIMESTAMP = 12, /* microseconds since 1970, int64 */
};

/* X(result type, name without duckdb_, parameters) */
#define DUCKDB_API_LIST(X)                                                                         \
    X(const char *, library_version, (void))                                                       \
    X(int, create_config, (duckdb_handle *))                                                       \
    X(int, set_config, (duckdb_handle, const char *, const char *))                                \
    X(void, destroy_config, (duckdb_handle *))                                                     \
    X(int, open_ext, (const char *, duckdb_handle *, duckdb_handle, char **))                      \
    X(void, close, (duckdb_handle *))                                                              \
    X(int, connect, (duckdb_handle, duckdb_handle *))                                              \
    X(void, disconnect, (duckdb_handle *))                                                         \
    X(int, query, (duckdb_handle, const char *, struct duckdb_result *))                           \
    X(void, destroy_result, (struct duckdb_result *))                                              \
    X(const char *, result_error, (struct duckdb_result *))                                        \
    X(int, prepare, (duckdb_handle, const char *, duckdb_handle *))                                \
    X(void, destroy_prepare, (duckdb_handle *))                                                    \
    X(int, bind_timestamp, (duckdb_handle, uint64_t, int64_t))                                     \
    X(int, execute_prepared, (duckdb_handle, struct duckdb_result *))                              \
    X(duckdb_handle, fetch_chunk, (struct duckdb_result))                                          \
    X(uint64_t, data_chunk_get_size, (duckdb_handle))                                              \
    X(duckdb_handle, data_chunk_get_vector, (duckdb_handle, uint64_t))                             \
    X(void *, vector_get_data, (duckdb_handle))                                                    \
    X(void, destroy_data_chunk, (duckdb_handle *))                                                 \
    X(duckdb_handle, create_logical_type, (int))                                                   \
    X(void, destroy_logical_type, (duckdb_handle *))                                               \
    X(duckdb_handle, create_data_chunk, (duckdb_handle *, uint64_t))                               \
    X(void, data_chunk_set_size, (duckdb_handle, uint64_t))                                        \
    X(void, data_chunk_reset, (duckdb_handle))                                                     \
    X(int, appender_create, (duckdb_handle, const char *, const char *, duckdb_handle *))          \
    X(int, append_data_chunk, (duckdb_handle, duckdb_handle))                                      \
    X(const char *, appender_error, (duckdb_handle))                                               \
    X(int, appender_close, (duckdb_handle))                                                        \
    X(int, appender_destroy, (duckdb_handle *))

struct duckdb_api {
#define DUCKDB_API_MEMBER(type, name, parameters) type(*name) parameters;
    DUCKDB_API_LIST(DUCKDB_API_MEMBER)
#undef DUCKDB_API_MEMBER
};

#endif
