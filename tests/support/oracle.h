/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/oracle.h - calls whose rows say which call they belong to, and what must be left of them
 * after a crash.
 *
 *   id --seed--> call: table, number of rows, way to append --> rows: ts, column 0 = id and row,
 * noise
 *                                                                  | append, crash, reopen
 *   acknowledged? whole? right? in a table that lost older rows?  <+ oracle_scan
 *
 * Everything follows from (seed, id), so a process that dies leaves nothing behind that the one who
 * checks would need, but which calls were acknowledged. Calls are of every kind: single rows by
 * name,
 * row-major and columnar batches, bulk; in order of time, backwards, of equal time, late. A table
 * is
 * made by the first call that needs it.
 *
 * Functions that find something wrong return a sentence, else NULL: a child process has no cmocka.
 * One oracle may be used by several threads as far as each has rows of its own and only appends.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nanots.h"

#define ORACLE_TABLES  4u
#define ORACLE_COLUMNS 10u
#define ORACLE_TS_STEP 1000000 /* between calls; more than a call has rows */

enum oracle_way {
    ORACLE_ROW,     /* one row, by name */
    ORACLE_ROWS,    /* row-major */
    ORACLE_COLUMNAR /* columnar; the largest are bulk */
};

struct oracle_call {
    uint32_t table;
    uint32_t row_count;
    enum oracle_way way;
    uint64_t noise; /* more random bits of this call */
};

/* What a scan found of one call. */
struct oracle_seen {
    uint32_t rows; /* at or after the table's cut_maybe */
    uint64_t
        sum; /* of (row + 1) squared over these, so that a double and a gap do not cancel out */
};

struct oracle {
    uint64_t seed;
    uint32_t call_count;     /* ids are below */
    uint32_t bulk_bytes;     /* size of a bulk call: at least the least that is written as bulk */
    uint32_t bulk_of_64;     /* so many of 64 calls are bulk */
    volatile uint64_t *seqs; /* by id: what the call returned; 0: not acknowledged. The caller's */
    struct oracle_seen *seen;
    /* Retention: of each table, rows before cut_sure are gone, and rows before cut_maybe may be. */
    int64_t cut_sure[ORACLE_TABLES];
    int64_t cut_maybe[ORACLE_TABLES];
    uint64_t row_count; /* that the last scan saw */
    char complaint[256];
};

/* Room for the rows of one call. */
struct oracle_rows {
    int64_t *ts;
    double *values;
};

/* `seqs` has room for `call_count`. */
void oracle_init(struct oracle *oracle, uint64_t seed, uint32_t call_count, uint32_t bulk_bytes,
                 volatile uint64_t *seqs);
void oracle_deinit(struct oracle *oracle);
void oracle_rows_init(struct oracle_rows *rows, const struct oracle *oracle);
void oracle_rows_deinit(struct oracle_rows *rows);

struct oracle_call oracle_call_of(const struct oracle *oracle, uint32_t id);
const char *oracle_table_name(uint32_t table);

/* Makes the call; notes its seq if it succeeds. */
nanots_status oracle_append(const struct oracle *oracle, struct nanots_db *db, uint32_t id,
                            struct oracle_rows *rows, struct nanots_error *error);

/* Reads all tables: every row must belong to a call and have its values, in order of time, and
 * every
 * call must be there as a whole or not at all. */
const char *oracle_scan(struct oracle *oracle, struct nanots_db *db);

/* Of the last scan: whether the call is there. One that retention may have removed altogether is.
 * */
bool oracle_has(const struct oracle *oracle, uint32_t id);

/* Of the last scan: every acknowledged call is there. */
const char *oracle_check_acknowledged(struct oracle *oracle);

/* Of the last scan, for calls made one after the other from id 0 to `made` - 1: there is a prefix
 * of
 * them, of at least `least`. */
const char *oracle_check_prefix(struct oracle *oracle, uint32_t least, uint32_t made);

/* Every checksum of the file holds. */
const char *oracle_verify(struct oracle *oracle, struct nanots_db *db);

#endif
