/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer_duckdb.h - DuckDB's size of single columns, for `nanots-bench codecs`: its codecs
 * cannot be called alone, so a file is what there is to measure. peer_duckdb.probe() must have
 * succeeded.
 */
#ifndef BENCH_PEER_DUCKDB_H
#define BENCH_PEER_DUCKDB_H

#include "duckdb_api.h"

#include <stddef.h>
#include <stdint.h>

struct duckdb_column {
    enum duckdb_type type; /* DOUBLE or BIGINT */
    const uint64_t *values;
    size_t count;
};

/* Length of a file with a table for each column, written, checkpointed, read back and compared bit
 * by bit; the file is gone then. */
uint64_t duckdb_columns_bytes(const char *path, const struct duckdb_column *columns,
                              size_t column_count);

#endif
