/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_query.c - ranges, limits, directions, columns, and results that stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

#define QUERY_RANGE (NANOTS_QUERY_FROM | NANOTS_QUERY_TO)

/* Rows in every place that a scan has: two overlapping segments, a bulk batch, and memory. Three
 * columns; times 0, 10, 20 ... with some of them three times. `wanted` is sorted. */
static struct nanots_db *query_fill(const char *path, struct db_rows *wanted)
{
    enum { BULK = 50000 };
    struct nanots_db *db = db_open(path);
    int64_t next = 0;

    db_create(db, "a", 3);
    *wanted = db_rows_new(3);
    for (unsigned part = 0; part < 4; part++) {
        struct db_rows batch = db_rows_new(3);
        const int64_t count = part == 2 ? BULK : 3000;
        for (int64_t i = 0; i < count; i++, next++) {
            const double values[3] = {(double)next, (double)next * 0.25, -1.5};
            db_rows_add(&batch, (i * 10 + part * 7000) / 20 * 20, values);
        }
        db_append_all(db, "a", &batch);
        db_rows_join(wanted, &batch);
        db_rows_free(&batch);
        if (part < 2)
            db_ok(nanots_flush(db, &db_error));
    }
    db_rows_sort(wanted);
    return db;
}

/* The answer that `query` should have, by the definition. */
static struct db_rows query_answer(const struct db_rows *all, const struct nanots_query *query)
{
    struct db_rows answer = db_rows_new(all->column_count);
    const bool reverse = (query->flags & NANOTS_QUERY_REVERSE) != 0;

    for (size_t i = 0; i < all->row_count; i++) {
        const size_t row = reverse ? all->row_count - 1 - i : i;
        if ((query->flags & NANOTS_QUERY_FROM) != 0 && all->ts[row] < query->from)
            continue;
        if ((query->flags & NANOTS_QUERY_TO) != 0 && all->ts[row] > query->to)
            continue;
        if (query->limit != 0 && answer.row_count == query->limit)
            break;
        db_rows_add(&answer, all->ts[row], all->values + row * all->column_count);
    }
    return answer;
}

static void expect_answer(struct nanots_db *db, const struct db_rows *all,
                          const struct nanots_query *query)
{
    struct db_rows rows = db_rows_read(db, "a", query);
    struct db_rows answer = query_answer(all, query);
    db_expect_rows(&rows, &answer);
    db_rows_free(&answer);
    db_rows_free(&rows);
}

/* Goal: both ends are inclusive, any int64 may be one, and each may be left out.
 * Method: ends on, next to and far from rows, in all pairs, against the definition. */
static void query_ranges_are_inclusive_at_both_ends(void **state)
{
    static const int64_t ends[] = {INT64_MIN, -1, 0, 19, 20, 21, 37000, 37001, 500000, INT64_MAX};
    const struct scratch *scratch = *state;
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);

    for (size_t from = 0; from < 10; from++)
        for (size_t to = 0; to < 10; to++) {
            struct nanots_query query = {.struct_size = sizeof query, .flags = QUERY_RANGE};
            query.from = ends[from];
            query.to = ends[to];
            query.limit = 100;
            expect_answer(db, &all, &query);
            query.flags = (to & 1) != 0 ? NANOTS_QUERY_FROM : NANOTS_QUERY_TO;
            query.flags |= (from & 1) != 0 ? NANOTS_QUERY_REVERSE : 0u;
            expect_answer(db, &all, &query);
        }
    db_rows_free(&all);
    db_close(db);
}

static void query_from_after_to_gives_no_rows(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);
    struct nanots_query query = {.struct_size = sizeof query, .flags = QUERY_RANGE};

    query.from = 21;
    query.to = 20;
    struct db_rows rows = db_rows_read(db, "a", &query);
    assert_int_equal(rows.row_count, 0);
    query.from = INT64_MAX;
    query.to = INT64_MIN;
    query.flags |= NANOTS_QUERY_REVERSE;
    db_rows_free(&rows);
    rows = db_rows_read(db, "a", &query);
    assert_int_equal(rows.row_count, 0);
    db_rows_free(&rows);
    db_rows_free(&all);
    db_close(db);
}

/* Rows at the very ends of time are found by ends given, ends left out, and by nothing else. */
static void query_finds_rows_at_the_ends_of_time(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows all = db_rows_new(1);
    struct nanots_query query = {.struct_size = sizeof query, .flags = QUERY_RANGE};
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, 0, INT64_MAX - 1, INT64_MAX};

    db_create(db, "a", 1);
    for (size_t i = 0; i < 5; i++) {
        const double value = (double)i;
        db_rows_add(&all, times[i], &value);
    }
    db_append_all(db, "a", &all);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5; i++)
            for (size_t k = i; k < 5; k++) {
                query.from = times[i];
                query.to = times[k];
                expect_answer(db, &all, &query);
            }
        db_expect_table(db, "a", &all);
        db_ok(nanots_flush(db, &db_error));
    }
    db_rows_free(&all);
    db_close(db);
}

/* Limits around the sizes of vectors, row groups and batches; 0 is none. */
static void query_limit_cuts_the_answer(void **state)
{
    static const uint64_t limits[] = {1, 2, 1023, 1024, 1025, 16384, 16385, 65536, 65537, 1u << 30};
    const struct scratch *scratch = *state;
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);
    struct nanots_query query = {.struct_size = sizeof query, .flags = NANOTS_QUERY_FROM};

    query.from = 100;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        query.limit = limits[i];
        query.flags ^= NANOTS_QUERY_REVERSE;
        expect_answer(db, &all, &query);
    }
    query.limit = 0;
    expect_answer(db, &all, &query);
    query.limit = UINT64_MAX;
    expect_answer(db, &all, &query);
    db_rows_free(&all);
    db_close(db);
}

/* Goal: reverse is the exact reverse, of rows of equal time too, over overlapping sources, before
 * and after a pack. */
static void query_reverse_is_the_exact_reverse(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_query query = {.struct_size = sizeof query, .flags = NANOTS_QUERY_REVERSE};
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);

    db_expect_table(db, "a", &all);
    db_rows_reverse(&all);
    struct db_rows rows = db_rows_read(db, "a", &query);
    db_expect_rows(&rows, &all);
    db_rows_free(&rows);
    db_ok(nanots_pack_table(db, "a", 10000, &db_error));
    rows = db_rows_read(db, "a", &query);
    db_expect_rows(&rows, &all);
    db_rows_free(&rows);
    db_rows_free(&all);
    db_close(db);
}

/* Columns in the order wanted, one of them twice, none of them, and all by default. */
static void query_hands_out_the_columns_wanted(void **state)
{
    static const char *const names[] = {"c2", "c0", "c2"};
    const struct scratch *scratch = *state;
    struct nanots_query query = {.struct_size = sizeof query};
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);
    struct db_rows wanted = db_rows_new(3);
    struct db_rows times = db_rows_new(0);

    for (size_t i = 0; i < all.row_count; i++) {
        const double *row = all.values + i * 3;
        const double values[3] = {row[2], row[0], row[2]};
        db_rows_add(&wanted, all.ts[i], values);
        db_rows_add(&times, all.ts[i], NULL);
    }
    query.columns = names;
    query.column_count = 3;
    struct db_rows rows = db_rows_read(db, "a", &query);
    db_expect_rows(&rows, &wanted);
    db_rows_free(&rows);
    query.column_count = 0;
    rows = db_rows_read(db, "a", &query);
    db_expect_rows(&rows, &times);
    db_rows_free(&rows);
    db_rows_free(&times);
    db_rows_free(&wanted);
    db_rows_free(&all);
    db_close(db);
}

/* An unknown column is named with the nearest, and bad queries are refused with what is wrong. */
static void query_that_is_bad_is_refused(void **state)
{
    static const char *const unknown[] = {"presure"};
    static const char *const missing[] = {NULL};
    static const struct nanots_column columns[] = {{"pressure", NANOTS_TYPE_F64, 0},
                                                   {"level", NANOTS_TYPE_F64, 0}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_cursor *cursor = (struct nanots_cursor *)8;
    struct nanots_query query = {.struct_size = sizeof query, .columns = unknown};

    db_ok(nanots_create_table(db, "boiler", columns, 2, &db_error));
    query.column_count = 1;
    db_fails(nanots_query_open(db, "boiler", &query, &cursor, &db_error), NANOTS_NOT_FOUND,
             "table 'boiler' has no column 'presure'; did you mean 'pressure'?");
    assert_null(cursor);
    query.columns = missing;
    db_fails(nanots_query_open(db, "boiler", &query, &cursor, &db_error), NANOTS_INVALID, "NULL");
    query.columns = NULL;
    db_fails(nanots_query_open(db, "boiler", &query, &cursor, &db_error), NANOTS_INVALID,
             "columns is NULL");
    query.column_count = 0;
    query.flags = 0x80;
    db_fails(nanots_query_open(db, "boiler", &query, &cursor, &db_error), NANOTS_INVALID, "0x80");
    query.struct_size = 0;
    db_fails(nanots_query_open(db, "boiler", &query, &cursor, &db_error), NANOTS_INVALID,
             "struct_size");
    db_fails(nanots_query_open(NULL, "boiler", NULL, &cursor, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_query_open(db, "boiler", NULL, NULL, &db_error), NANOTS_INVALID, "cursor_out");
    db_fails(nanots_query_next(NULL, NULL, &db_error), NANOTS_INVALID, "NULL");
    nanots_query_close(NULL);
    db_close(db);
}

/* Goal: a query shows the rows of its opening, whatever comes after.
 * Method: a cursor is opened and read by one batch; then rows of the same times are appended, all
 * is flushed, packed, cut by retention and written over; then the rest is read. */
static void query_outlives_flush_pack_and_retention(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_batch *batch = NULL;
    struct nanots_cursor *cursor[2] = {NULL, NULL};
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);
    struct db_rows more = db_rows_sine(70000, 3, 0);
    uint64_t removed = 0;

    db_ok(nanots_query_open(db, "a", NULL, &cursor[0], &db_error));
    db_ok(nanots_query_open(db, "a", NULL, &cursor[1], &db_error));
    db_ok(nanots_query_next(cursor[1], &batch, &db_error));
    const size_t read_count = batch->row_count;
    db_append_all(db, "a", &more);
    db_ok(nanots_flush(db, &db_error));
    db_ok(nanots_pack_table(db, "a", 20000, &db_error));
    db_ok(nanots_compact_retention(db, "a", INT64_MAX, &removed, &db_error));
    assert_int_equal(removed, all.row_count + more.row_count);
    for (unsigned round = 0; round < 4; round++) {
        db_append_all(db, "a", &more);
        db_ok(nanots_flush(db, &db_error));
    }
    struct db_rows rows = db_rows_drain(cursor[0], 3);
    db_expect_rows(&rows, &all);
    db_rows_free(&rows);
    rows = db_rows_drain(cursor[1], 3);
    assert_int_equal(rows.row_count, all.row_count - read_count);
    assert_memory_equal(rows.ts, all.ts + read_count, rows.row_count * sizeof *rows.ts);
    nanots_query_close(cursor[0]);
    nanots_query_close(cursor[1]);
    db_rows_free(&rows);
    db_rows_free(&more);
    db_rows_free(&all);
    db_close(db);
}

/* A cursor over memory alone does not see what is appended later, in order or not. */
static void query_does_not_see_later_appends(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_cursor *cursor = NULL;
    struct db_rows wanted = db_rows_sine(3, 1, 0);

    db_create(db, "a", 1);
    db_append_all(db, "a", &wanted);
    db_ok(nanots_query_open(db, "a", NULL, &cursor, &db_error));
    for (int64_t i = 0; i < 5000; i++)
        db_ok(nanots_append_row(db, "a", 2500 - i, wanted.values, 1, NULL, &db_error));
    struct db_rows rows = db_rows_drain(cursor, 1);
    db_expect_rows(&rows, &wanted);
    nanots_query_close(cursor);
    db_rows_free(&rows);
    db_rows_free(&wanted);
    db_close(db);
}

/* query_range hands out the first column; out of range is no row, and no failure. */
static void query_range_gives_the_first_column(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_series series;
    struct db_rows all;
    struct nanots_db *db = query_fill(scratch->path, &all);
    size_t row = 0;

    db_ok(nanots_query_range(db, "a", 100, 25000, &series, &db_error));
    while (all.ts[row] < 100)
        row++;
    for (size_t i = 0; i < series.row_count; i++, row++) {
        assert_int_equal(series.ts[i], all.ts[row]);
        assert_true(series.values[i] == all.values[row * 3]);
    }
    assert_true(all.ts[row - 1] <= 25000);
    assert_true(all.ts[row] > 25000);
    nanots_free(series.block);
    db_ok(nanots_query_range(db, "a", -100, -1, &series, &db_error));
    assert_int_equal(series.row_count, 0);
    nanots_free(series.block);
    db_ok(nanots_query_range(db, "a", 25000, 100, &series, &db_error));
    assert_int_equal(series.row_count, 0);
    nanots_free(series.block);
    nanots_free(NULL);
    db_rows_free(&all);
    db_close(db);
}

/* Goal: last is the row of greatest ts, of those the last to arrive, wherever it lies. */
static void last_is_the_latest_arrival_of_the_greatest_ts(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    double values[2] = {0, 0};
    int64_t ts = 77;

    db_create(db, "a", 2);
    db_fails(nanots_last(db, "a", &ts, values, 2, &db_error), NANOTS_NOT_FOUND, "empty");
    assert_int_equal(ts, 0);
    for (int64_t i = 0; i < 6; i++) {
        const double row[2] = {(double)i, (double)i + 0.5};
        db_ok(nanots_append_row(db, "a", i < 4 ? 100 : 50, row, 2, NULL, &db_error));
        if (i % 2 == 0)
            db_ok(nanots_flush(db, &db_error));
    }
    for (unsigned round = 0; round < 3; round++) {
        db_ok(nanots_last(db, "a", &ts, values, 2, &db_error));
        assert_int_equal(ts, 100);
        assert_true(values[0] == 3.0);
        assert_true(values[1] == 3.5);
        if (round == 0)
            db_ok(nanots_pack_table(db, "a", 0, &db_error));
        else
            db = db_reopen(db, scratch->path);
    }
    db_fails(nanots_last(db, "a", &ts, values, 1, &db_error), NANOTS_INVALID, "2 columns");
    db_fails(nanots_last(db, "b", &ts, values, 2, &db_error), NANOTS_NOT_FOUND, "'b'");
    db_close(db);
}

/* Goal: time_range covers memory and segments, and follows retention. */
static void time_range_spans_all_rows(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    int64_t first = 7;
    int64_t last = 7;
    int has_rows = 7;

    db_create(db, "a", 1);
    db_ok(nanots_time_range(db, "a", &has_rows, &first, &last, &db_error));
    assert_int_equal(has_rows, 0);
    static const int64_t times[] = {50, INT64_MAX, -3, INT64_MIN, 20};
    for (size_t i = 0; i < 5; i++) {
        const double value = 1.0;
        db_ok(nanots_append_row(db, "a", times[i], &value, 1, NULL, &db_error));
        if (i == 1)
            db_ok(nanots_flush(db, &db_error));
    }
    db_ok(nanots_time_range(db, "a", &has_rows, &first, &last, &db_error));
    assert_int_equal(has_rows, 1);
    assert_int_equal(first, INT64_MIN);
    assert_int_equal(last, INT64_MAX);
    db_ok(nanots_compact_retention(db, "a", 0, NULL, &db_error));
    db_ok(nanots_time_range(db, "a", &has_rows, &first, &last, &db_error));
    assert_int_equal(first, 20);
    db_ok(nanots_compact_retention(db, "a", INT64_MAX, NULL, &db_error));
    db_ok(nanots_time_range(db, "a", &has_rows, &first, &last, &db_error));
    assert_int_equal(has_rows, 1);
    assert_int_equal(first, INT64_MAX);
    db_close(db);
}

#define QUERY_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUERY_TEST(query_ranges_are_inclusive_at_both_ends),
        QUERY_TEST(query_from_after_to_gives_no_rows),
        QUERY_TEST(query_finds_rows_at_the_ends_of_time),
        QUERY_TEST(query_limit_cuts_the_answer),
        QUERY_TEST(query_reverse_is_the_exact_reverse),
        QUERY_TEST(query_hands_out_the_columns_wanted),
        QUERY_TEST(query_that_is_bad_is_refused),
        QUERY_TEST(query_outlives_flush_pack_and_retention),
        QUERY_TEST(query_does_not_see_later_appends),
        QUERY_TEST(query_range_gives_the_first_column),
        QUERY_TEST(last_is_the_latest_arrival_of_the_greatest_ts),
        QUERY_TEST(time_range_spans_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
