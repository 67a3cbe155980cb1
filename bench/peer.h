/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer.h - what the benchmark asks of a storage system; NanoTS is one like the others.
 *
 * Every system stores one table `cpu` with a timestamp key in milliseconds and float64 columns, in
 * the layout and with the calls that suit it best, and hands back what it read as a digest, so that
 * no system can win by skipping work. A call that fails ends the process (measure.h: the child of
 * one measurement); one handle is open in a process at a time.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "workload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What holds when an append has returned. */
enum peer_sync {
    PEER_SYNC_OFF,    /* survives the death of the process, never synced */
    PEER_SYNC_NORMAL, /* survives the death of the process, synced now and then */
    PEER_SYNC_FULL,   /* survives power loss */
    PEER_SYNC_COUNT,
};

enum peer_access {
    PEER_CREATE, /* removes an older file and creates the table */
    PEER_WRITE,
    PEER_READ,
};

/* Both ends inclusive. `column_indexes` names `column_count` columns of the table. */
struct peer_range {
    int64_t from;
    int64_t to;
    const size_t *column_indexes;
    size_t column_count;
};

struct peer_aggregate {
    uint64_t count;
    double min;
    double max;
    double sum;
};

struct peer_db;

struct peer {
    const char *key;  /* as in --peers */
    const char *name; /* as in tables */
    /* How a mode of syncing is called here; NULL if the system has no such mode. */
    const char *sync_names[PEER_SYNC_COUNT];
    /* Rows enough for a steady figure in about a second. */
    size_t single_rows;  /* one call a row, not durable; 0: it has no such append */
    size_t durable_rows; /* one durable call a row */
    size_t bulk_rows;
    size_t window_count;
    size_t open_count;

    /* False, with a reason of at most `why_size` bytes, if the system cannot be used here. */
    bool (*probe)(char *why, size_t why_size);
    const char *(*version)(void);

    struct peer_db *(*open)(const char *path, enum peer_access access, enum peer_sync sync,
                            size_t column_count);
    /* Appends each row by a call of its own, as one transaction. */
    void (*append_singly)(struct peer_db *db, const struct workload_rows *rows);
    /* Appends the first rows of `workload`, `batch_rows` in a call where calls have a size, in the
     * way that is fastest for many rows; they are committed on return. */
    void (*append_bulk)(struct peer_db *db, const struct workload *workload, size_t row_count,
                        size_t batch_rows);
    /* Brings the file to its final form, durably: flush, checkpoint, sync. */
    void (*settle)(struct peer_db *db);
    void (*read)(struct peer_db *db, const struct peer_range *range, struct digest *digest);
    void (*aggregate)(struct peer_db *db, size_t column_index, struct peer_aggregate *result_out);
    /* Timestamp and first value of the newest row. */
    void (*last)(struct peer_db *db, int64_t *ts_out, double *value_out);
    void (*close)(struct peer_db *db);
    /* Removes the file and what belongs to it. */
    void (*remove)(const char *path);
};

/* Rows of a row store, gathered into columns before they are digested: the form in which every
 * system here hands out results. */
#define PEER_BLOCK_ROWS 1024
struct peer_block {
    size_t row_count;
    int64_t ts[PEER_BLOCK_ROWS];
    double columns[WORKLOAD_COLUMNS_MAX][PEER_BLOCK_ROWS];
};

/* Digests and empties `block`. */
void peer_block_flush(struct peer_block *block, size_t column_count, struct digest *digest);

/* Adds values to an aggregate whose min and max begin at +-infinity. */
void peer_aggregate_add(struct peer_aggregate *aggregate, const double *values, size_t count);

/* All systems built in, NanoTS first; NULL at the end. */
extern const struct peer *const peer_list[];

extern const struct peer peer_nanots;
extern const struct peer peer_lmdb;
extern const struct peer peer_sqlite;
extern const struct peer peer_duckdb;

#endif
