/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/db_helpers.h - a database and its rows, for tests at the public header.
 *
 *     struct nanots_db *db = db_open(scratch->path);
 *     struct db_rows wanted = db_rows_new(2);
 *     db_create(db, "boiler", 2);                        columns "c0" and "c1"
 *     db_append_all(db, "boiler", &wanted);
 *     db_expect_table(db, "boiler", &wanted);            every row, bit for bit
 *     db_fails(nanots_flush(NULL, &db_error), NANOTS_INVALID, "handle");
 *     db_rows_free(&wanted);
 *     db_close(db);
 *
 * Everything that goes wrong fails the running test with the line of the caller. Include after
 * cmocka.h.
 */
#ifndef DB_HELPERS_H
#define DB_HELPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nanots.h"

/* Detail of the last call; each thread has its own. */
extern _Thread_local struct nanots_error db_error;

/* The call, made with &db_error, succeeds and leaves no detail behind. */
#define db_ok(call) db_expect_status((call), NANOTS_OK, NULL, #call, __FILE__, __LINE__)
/* The call, made with &db_error, fails with `wanted` and a sentence that has `part` in it. */
#define db_fails(call, wanted, part)                                                               \
    db_expect_status((call), (wanted), (part), #call, __FILE__, __LINE__)

void db_expect_status(nanots_status status, nanots_status wanted, const char *part,
                      const char *call, const char *file, int line);

/* ---- files and handles -------------------------------------------------------------------- */

struct nanots_db *db_open(const char *path);
struct nanots_db *db_open_with(const char *path, const struct nanots_open_options *options);
struct nanots_db *db_open_read_only(const char *path);
void db_close(struct nanots_db *db);
/* Closes and opens again. */
struct nanots_db *db_reopen(struct nanots_db *db, const char *path);

/* A table with columns "c0", "c1" ... */
void db_create(struct nanots_db *db, const char *table, size_t column_count);

uint64_t db_file_size(const char *path);
/* The whole file; release with test_free. */
uint8_t *db_file_read(const char *path, size_t *size_out);
void db_file_write(const char *path, const uint8_t *bytes, size_t size);
void db_file_copy(const char *from, const char *to);

/* ---- rows --------------------------------------------------------------------------------- */

struct db_rows {
    size_t row_count;
    size_t row_capacity;
    size_t column_count;
    int64_t *ts;
    double *values; /* row-major */
};

struct db_rows db_rows_new(size_t column_count);
void db_rows_free(struct db_rows *rows);
void db_rows_add(struct db_rows *rows, int64_t ts, const double *values);
/* Appends all of `more` to `rows`. */
void db_rows_join(struct db_rows *rows, const struct db_rows *more);
/* By time; rows of equal time stay in order. */
void db_rows_sort(struct db_rows *rows);
void db_rows_reverse(struct db_rows *rows);
/* Removes the rows with ts < cutoff and returns how many there were. */
size_t db_rows_cut(struct db_rows *rows, int64_t cutoff);

/* What a query hands out, after checks of every batch. */
struct db_rows db_rows_read(struct nanots_db *db, const char *table,
                            const struct nanots_query *query);
/* What is left of a running one; `column_count` as its batches have it. */
struct db_rows db_rows_drain(struct nanots_cursor *cursor, size_t column_count);

/* Same rows in the same order, bit for bit. */
#define db_expect_rows(rows, wanted) db_rows_compare((rows), (wanted), __FILE__, __LINE__)
void db_rows_compare(const struct db_rows *rows, const struct db_rows *wanted, const char *file,
                     int line);

/* All rows of `table` are `wanted`, which is sorted. */
#define db_expect_table(db, table, wanted) db_table_compare(db, table, wanted, __FILE__, __LINE__)
void db_table_compare(struct nanots_db *db, const char *table, const struct db_rows *wanted,
                      const char *file, int line);

/* One row-major batch. */
void db_append_all(struct nanots_db *db, const char *table, const struct db_rows *rows);

/* ---- values ------------------------------------------------------------------------------- */

double db_from_bits(uint64_t bits);
uint64_t db_to_bits(double value);

/* Values that a careless codec breaks; `index` counts them modulo DB_ODD_VALUE_COUNT. */
#define DB_ODD_VALUE_COUNT 28u
double db_odd_value(size_t index);

/* `row_count` rows one second apart from `ts` on; column c is the sine of row * 0.01 + c. */
struct db_rows db_rows_sine(size_t row_count, size_t column_count, int64_t ts);

#endif
