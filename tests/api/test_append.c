/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_append.c - the seven ways to append: rows, order, numbers and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"

static void append_row_major(struct nanots_db *db, const char *table, const struct db_rows *rows,
                             bool by_handle)
{
    struct nanots_table *handle = NULL;
    if (!by_handle) {
        db_append_all(db, table, rows);
        return;
    }
    db_ok(nanots_table_open(db, table, &handle, &db_error));
    db_ok(nanots_table_append_rows(handle, rows->ts, rows->values, rows->row_count,
                                   rows->column_count, NULL, &db_error));
}

static void append_columnar(struct nanots_db *db, const char *table, const struct db_rows *rows,
                            bool by_handle)
{
    const size_t width = rows->column_count;
    double *values = test_calloc(rows->row_count * width + 1, sizeof *values);
    const double **columns = test_calloc(width, sizeof *columns);
    struct nanots_table *handle = NULL;

    for (size_t c = 0; c < width; c++) {
        columns[c] = values + c * rows->row_count;
        for (size_t i = 0; i < rows->row_count; i++)
            memcpy(&values[c * rows->row_count + i], &rows->values[i * width + c], sizeof *values);
    }
    if (by_handle) {
        db_ok(nanots_table_open(db, table, &handle, &db_error));
        db_ok(nanots_table_append_columns(handle, rows->ts, columns, rows->row_count, width, NULL,
                                          &db_error));
    } else {
        db_ok(nanots_append_columns(db, table, rows->ts, columns, rows->row_count, width, NULL,
                                    &db_error));
    }
    test_free(columns);
    test_free(values);
}

static void append_one_by_one(struct nanots_db *db, const char *table, const struct db_rows *rows,
                              bool by_handle)
{
    struct nanots_table *handle = NULL;
    db_ok(nanots_table_open(db, table, &handle, &db_error));
    for (size_t i = 0; i < rows->row_count; i++) {
        const double *values = rows->values + i * rows->column_count;
        if (by_handle)
            db_ok(nanots_table_append(handle, rows->ts[i], values, rows->column_count, NULL,
                                      &db_error));
        else
            db_ok(nanots_append_row(db, table, rows->ts[i], values, rows->column_count, NULL,
                                    &db_error));
    }
}

/* Goal: all ways to append give the same rows. Method: the same 300 rows in six tables. */
static void append_variants_give_the_same_rows(void **state)
{
    static void (*const ways[])(struct nanots_db *, const char *, const struct db_rows *,
                                bool) = {append_one_by_one, append_row_major, append_columnar};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows rows = db_rows_sine(300, 3, 1714521600000);
    char name[8];

    for (size_t way = 0; way < 6; way++) {
        (void)snprintf(name, sizeof name, "t%zu", way);
        db_create(db, name, 3);
        ways[way / 2](db, name, &rows, way % 2 == 1);
        db_expect_table(db, name, &rows);
    }
    db = db_reopen(db, scratch->path);
    for (size_t way = 0; way < 6; way++) {
        (void)snprintf(name, sizeof name, "t%zu", way);
        db_expect_table(db, name, &rows);
    }
    db_rows_free(&rows);
    db_close(db);
}

/* ---- numbers of rows ---------------------------------------------------------------------- */

/* Goal: seq numbers count the rows of the whole file from 1 on, across tables and reopening. */
static void seq_counts_the_rows_of_the_file(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows rows = db_rows_sine(10, 1, 0);
    const double value = 1.0;
    uint64_t seq = 99;

    db_create(db, "b", 1);
    db_ok(nanots_append(db, "a", 5, value, &seq, &db_error));
    assert_int_equal(seq, 1);
    db_ok(nanots_append_rows(db, "b", rows.ts, rows.values, 10, 1, &seq, &db_error));
    assert_int_equal(seq, 11);
    db_ok(nanots_append_row(db, "a", 4, &value, 1, &seq, &db_error));
    assert_int_equal(seq, 12);
    db = db_reopen(db, scratch->path);
    db_ok(nanots_append(db, "c", 5, value, &seq, &db_error));
    assert_int_equal(seq, 13);
    db_rows_free(&rows);
    db_close(db);
}

static void seq_is_zero_after_a_refusal(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    const double values[2] = {1.0, 2.0};
    uint64_t seq = 99;

    db_create(db, "a", 1);
    db_fails(nanots_append_row(db, "a", 0, values, 2, &seq, &db_error), NANOTS_INVALID, "2");
    assert_int_equal(seq, 0);
    seq = 99;
    db_fails(nanots_append(db, "", 0, 1.0, &seq, &db_error), NANOTS_INVALID, "empty");
    assert_int_equal(seq, 0);
    seq = 99;
    db_fails(nanots_append_row(NULL, "a", 0, values, 1, &seq, &db_error), NANOTS_INVALID, "handle");
    assert_int_equal(seq, 0);
    db_ok(nanots_append(db, "a", 0, 1.0, &seq, &db_error));
    assert_int_equal(seq, 1);
    db_close(db);
}

/* An empty batch is a success that leaves the last number as it was, NULL arrays and all. */
static void empty_batch_appends_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    uint64_t seq = 99;

    db_create(db, "a", 2);
    db_ok(nanots_append_rows(db, "a", NULL, NULL, 0, 2, &seq, &db_error));
    assert_int_equal(seq, 0);
    db_ok(nanots_append_columns(db, "a", NULL, NULL, 0, 2, &seq, &db_error));
    assert_int_equal(seq, 0);
    db_ok(nanots_append(db, "s", 1, 1.0, NULL, &db_error));
    db_ok(nanots_append_rows(db, "a", NULL, NULL, 0, 2, &seq, &db_error));
    assert_int_equal(seq, 1);
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    assert_int_equal(diagnosis.last_seq, 1);
    assert_int_equal(diagnosis.pending_rows, 1);
    db_close(db);
}

/* ---- order -------------------------------------------------------------------------------- */

/* Goal: rows come back in order of time, whatever their order of arrival, from memory, from
 * overlapping segments and from both at once. Method: a random permutation of 5000 times. */
static void rows_out_of_order_come_back_sorted(void **state)
{
    enum { ROWS = 5000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);
    uint64_t seed = seed_of_run();

    db_create(db, "a", 1);
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t ts = i * 3851 % ROWS; /* coprime: every time once */
        const double value = (double)(seed_next(&seed) % 1000);
        db_ok(nanots_append_row(db, "a", ts, &value, 1, NULL, &db_error));
        db_rows_add(&wanted, ts, &value);
        if (i % 1500 == 1499)
            db_ok(nanots_flush(db, &db_error));
    }
    db_rows_sort(&wanted);
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_flush(db, &db_error));
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    db_expect_table(db, "a", &wanted);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "a", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* Goal: rows of equal time are all kept, in order of arrival, over memory, log and segments.
 * Method: 40 rounds of 100 rows at only three times; the value counts arrivals. */
static void rows_of_equal_time_keep_their_order(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);
    double arrival = 0;

    db_create(db, "a", 1);
    for (unsigned round = 0; round < 40; round++) {
        struct db_rows batch = db_rows_new(1);
        for (unsigned i = 0; i < 100; i++, arrival++)
            db_rows_add(&batch, (int64_t)(i * 7 % 3), &arrival);
        db_append_all(db, "a", &batch);
        db_rows_join(&wanted, &batch);
        db_rows_free(&batch);
        if (round % 9 == 5)
            db_ok(nanots_flush(db, &db_error));
        if (round == 20)
            db_ok(nanots_pack_table(db, "a", 700, &db_error));
        if (round == 30)
            db = db_reopen(db, scratch->path);
    }
    db_rows_sort(&wanted);
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 1000, &db_error));
    db_expect_table(db, "a", &wanted);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "a", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* ---- large batches ------------------------------------------------------------------------ */

/* 120000 rows of two columns are 2.9 MiB, which is a batch of its own kind from 1 MiB on. */
static struct db_rows bulk_rows(int64_t step, int64_t first)
{
    enum { ROWS = 120000 };
    struct db_rows rows = db_rows_new(2);
    for (int64_t i = 0; i < ROWS; i++) {
        const double values[2] = {(double)i, (double)(i % 100) * 0.5};
        db_rows_add(&rows, first + i * step % ROWS, values);
    }
    return rows;
}

/* Goal: a large batch that is not sorted and row-major comes back sorted. Method: twice the same
 * times, small batches before, between and after, so that equal times span all of them. */
static void bulk_batch_unsorted_and_row_major_is_kept(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows bulk = bulk_rows(7919, 0);
    struct db_rows few = db_rows_sine(50, 2, 0);
    struct db_rows wanted = db_rows_new(2);

    db_create(db, "a", 2);
    for (unsigned round = 0; round < 2; round++) {
        append_row_major(db, "a", &few, round == 1);
        append_row_major(db, "a", &bulk, round == 1);
        db_rows_join(&wanted, &few);
        db_rows_join(&wanted, &bulk);
    }
    append_row_major(db, "a", &few, false);
    db_rows_join(&wanted, &few);
    db_rows_sort(&wanted);
    db_expect_table(db, "a", &wanted);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 50000, &db_error));
    db_expect_table(db, "a", &wanted);
    db_rows_free(&wanted);
    db_rows_free(&few);
    db_rows_free(&bulk);
    db_close(db);
}

static void bulk_batch_in_columns_is_kept(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows sorted = bulk_rows(1, -5000);
    struct db_rows unsorted = bulk_rows(7919, 60000);

    db_create(db, "a", 2);
    append_columnar(db, "a", &sorted, false);
    db_expect_table(db, "a", &sorted);
    append_columnar(db, "a", &unsorted, true);
    db_rows_join(&sorted, &unsorted);
    db_rows_sort(&sorted);
    db_expect_table(db, "a", &sorted);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "a", &sorted);
    db_rows_free(&unsorted);
    db_rows_free(&sorted);
    db_close(db);
}

/* ---- refusals ----------------------------------------------------------------------------- */

/* Goal: a wrong count is refused with both numbers, and nothing is appended. */
static void append_of_a_wrong_column_count_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;
    const double values[4] = {1, 2, 3, 4};
    const double *const columns[4] = {values, values, values, values};
    const int64_t ts[1] = {0};

    db_create(db, "boiler", 3);
    db_ok(nanots_table_open(db, "boiler", &table, &db_error));
    db_fails(nanots_append_row(db, "boiler", 0, values, 4, NULL, &db_error), NANOTS_INVALID,
             "table 'boiler' has 3 columns, 4 values given");
    db_fails(nanots_append_row(db, "boiler", 0, values, 0, NULL, &db_error), NANOTS_INVALID,
             "3 columns, 0 values");
    db_fails(nanots_append_rows(db, "boiler", ts, values, 1, 2, NULL, &db_error), NANOTS_INVALID,
             "3 columns, 2 values");
    db_fails(nanots_append_columns(db, "boiler", ts, columns, 1, 4, NULL, &db_error),
             NANOTS_INVALID, "3 columns, 4 values");
    db_fails(nanots_table_append(table, 0, values, 1, NULL, &db_error), NANOTS_INVALID,
             "3 columns, 1 values");
    db_fails(nanots_table_append_rows(table, ts, values, 0, 2, NULL, &db_error), NANOTS_INVALID,
             "3 columns, 2 values");
    db_fails(nanots_table_append_columns(table, ts, columns, 1, SIZE_MAX / 2 + 4, NULL, &db_error),
             NANOTS_INVALID, "3 columns");
    db_fails(nanots_append(db, "boiler", 0, 1.0, NULL, &db_error), NANOTS_INVALID,
             "3 columns, 1 values");
    struct db_rows none = db_rows_new(3);
    db_expect_table(db, "boiler", &none);
    db_close(db);
}

static void append_of_null_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;
    const double values[2] = {1, 2};
    const double *const columns[2] = {values, NULL};
    const int64_t ts[1] = {0};

    db_create(db, "a", 2);
    db_ok(nanots_table_open(db, "a", &table, &db_error));
    db_fails(nanots_append(NULL, "a", 0, 1.0, NULL, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_append(db, NULL, 0, 1.0, NULL, &db_error), NANOTS_INVALID, "name");
    db_fails(nanots_append_row(db, NULL, 0, values, 2, NULL, &db_error), NANOTS_INVALID, "NULL");
    db_fails(nanots_append_row(db, "a", 0, NULL, 2, NULL, &db_error), NANOTS_INVALID, "NULL");
    db_fails(nanots_append_rows(db, "a", NULL, values, 1, 2, NULL, &db_error), NANOTS_INVALID,
             "NULL");
    db_fails(nanots_append_rows(db, "a", ts, NULL, 1, 2, NULL, &db_error), NANOTS_INVALID, "NULL");
    db_fails(nanots_append_columns(db, "a", ts, NULL, 1, 2, NULL, &db_error), NANOTS_INVALID,
             "NULL");
    db_fails(nanots_append_columns(db, "a", ts, columns, 1, 2, NULL, &db_error), NANOTS_INVALID,
             "'c1'");
    db_fails(nanots_table_append(NULL, 0, values, 2, NULL, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_table_append(table, 0, NULL, 2, NULL, &db_error), NANOTS_INVALID, "NULL");
    struct db_rows none = db_rows_new(2);
    db_expect_table(db, "a", &none);
    db_close(db);
}

static void append_in_a_read_only_handle_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    const double value = 1.0;
    const int64_t ts = 0;

    db_create(db, "a", 1);
    db_close(db);
    db = db_open_read_only(scratch->path);
    db_fails(nanots_append(db, "a", 0, 1.0, NULL, &db_error), NANOTS_READ_ONLY, "plant.ntt");
    db_fails(nanots_append_row(db, "a", 0, &value, 1, NULL, &db_error), NANOTS_READ_ONLY,
             "read-only");
    db_fails(nanots_append_rows(db, "a", &ts, &value, 1, 1, NULL, &db_error), NANOTS_READ_ONLY,
             "read-only");
    db_fails(nanots_append_rows(db, "a", &ts, &value, 0, 1, NULL, &db_error), NANOTS_READ_ONLY,
             "read-only");
    db_close(db);
}

#define APPEND_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        APPEND_TEST(append_variants_give_the_same_rows),
        APPEND_TEST(seq_counts_the_rows_of_the_file),
        APPEND_TEST(seq_is_zero_after_a_refusal),
        APPEND_TEST(empty_batch_appends_nothing),
        APPEND_TEST(rows_out_of_order_come_back_sorted),
        APPEND_TEST(rows_of_equal_time_keep_their_order),
        APPEND_TEST(bulk_batch_unsorted_and_row_major_is_kept),
        APPEND_TEST(bulk_batch_in_columns_is_kept),
        APPEND_TEST(append_of_a_wrong_column_count_is_refused),
        APPEND_TEST(append_of_null_is_refused),
        APPEND_TEST(append_in_a_read_only_handle_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
