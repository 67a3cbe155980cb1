/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/typed_rows.h - rows of all types, with nulls, as values and as batches.
 *
 *     struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, 100, &seed);
 *     struct typed_batch *batch = typed_batch_new(&rows, 0, 100);
 *     db_ok(nanots_append_batch(db, "plant", &batch->batch, NULL, &db_error));
 *     typed_expect_table(db, "plant", &rows);             every row by (ts, arrival), bit for bit
 *     typed_batch_free(batch);
 *     typed_rows_free(&rows);
 *
 * Everything that goes wrong fails the running test. Strings are constants. Include after cmocka.h.
 */
#ifndef TYPED_ROWS_H
#define TYPED_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nanots.h"

/* One column of each type, then a nullable one of each. */
#define TYPED_COLUMNS 12u
extern const struct nanots_column typed_columns[TYPED_COLUMNS];

struct typed_rows {
    const struct nanots_column *columns;
    size_t column_count;
    size_t row_count;
    int64_t *ts;
    struct nanots_value *values; /* row-major */
};

/* Values that are odd more often than not; times step back now and then. */
struct typed_rows typed_rows_random(const struct nanots_column *columns, size_t column_count,
                                    size_t row_count, uint64_t *seed);
void typed_rows_free(struct typed_rows *rows);
/* One value of a type, or null. */
struct nanots_value typed_value_random(nanots_type type, bool nullable, uint64_t *seed);
const struct nanots_value *typed_rows_at(const struct typed_rows *rows, size_t row, size_t column);
bool typed_values_equal(const struct nanots_value *a, const struct nanots_value *b);

/* Rows of a typed_rows as Arrow has them. Where a row is null the arrays hold rubbish, and rows
 * begin in the middle of the arrays of strings. */
struct typed_batch {
    struct nanots_batch batch;
    struct nanots_batch_column *columns;
};
struct typed_batch *typed_batch_new(const struct typed_rows *rows, size_t first, size_t count);
void typed_batch_free(struct typed_batch *batch);
/* One value of a batch's column. */
struct nanots_value typed_batch_value(const struct nanots_batch_column *column, size_t row);

/* The rows of `table` are those of `wanted`, sorted by (ts, arrival). */
#define typed_expect_table(db, table, wanted)                                                      \
    typed_table_compare(db, table, wanted, (wanted)->row_count, __FILE__, __LINE__)
/* The same for the first `row_count` of them. */
#define typed_expect_rows(db, table, wanted, row_count)                                            \
    typed_table_compare(db, table, wanted, row_count, __FILE__, __LINE__)
void typed_table_compare(struct nanots_db *db, const char *table, const struct typed_rows *wanted,
                         size_t row_count, const char *file, int line);

#endif
