/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_maintain.c - nanots_maintain in the caller's thread: what it does. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <unistd.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

#define HOUR_MS 3600000

static struct nanots_maintain_report maintain_with(struct nanots_db *db,
                                                   const struct nanots_maintain_budget *budget)
{
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    db_ok(nanots_maintain(db, budget, &report, &db_error));
    return report;
}

static struct nanots_maintain_report maintain(struct nanots_db *db)
{
    return maintain_with(db, NULL);
}

static uint64_t segments_of(struct nanots_db *db, const char *table)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats(db, table, &stats, &db_error));
    return stats.segments;
}

static struct nanots_diagnosis diagnosis_of(struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    return diagnosis;
}

/* `flushes` segments of `rows_each` rows of interleaving times, with values that take the same room
 * in any segment; all of them join `wanted`. */
static void fill(struct nanots_db *db, const char *table, size_t flushes, size_t rows_each,
                 int64_t ts, struct db_rows *wanted)
{
    for (size_t i = 0; i < flushes; i++) {
        struct db_rows rows = db_rows_sine(rows_each, 2, ts + (int64_t)i * 7);
        for (size_t k = 0; k < 2 * rows_each; k++)
            rows.values[k] = sin((double)(k * k) + (double)ts);
        db_append_all(db, table, &rows);
        db_ok(nanots_flush(db, &db_error));
        db_rows_join(wanted, &rows);
        db_rows_free(&rows);
    }
    db_rows_sort(wanted);
}

static int64_t now_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- nothing due -------------------------------------------------------------------------- */

static void maintain_of_nothing_writes_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    const struct nanots_maintain_report none = {.struct_size = sizeof none};

    struct nanots_maintain_report report = maintain(db);
    assert_memory_equal(&report, &none, sizeof none);
    assert_int_equal(db_file_size(scratch->path), 0);
    db_create(db, "a", 2);
    struct db_rows wanted = db_rows_new(2);
    fill(db, "a", 3, 100, 0, &wanted);
    const uint64_t generation = diagnosis_of(db).generation;
    (void)maintain(db);
    db_ok(nanots_maintain(db, NULL, NULL, NULL));
    assert_int_equal(diagnosis_of(db).generation, generation);
    assert_int_equal(segments_of(db, "a"), 3);
    db_rows_free(&wanted);
    db_close(db);
}

static void maintain_refuses_what_it_must(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_maintain_report report = {.struct_size = 0};
    struct nanots_maintain_budget budget = {.struct_size = 0};
    struct nanots_db *db = db_open(scratch->path);

    db_create(db, "a", 1);
    db_fails(nanots_maintain(NULL, NULL, NULL, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_maintain(db, NULL, &report, &db_error), NANOTS_INVALID, "struct_size");
    db_fails(nanots_maintain(db, &budget, NULL, &db_error), NANOTS_INVALID, "struct_size");
    db_close(db);
    db = db_open_read_only(scratch->path);
    db_fails(nanots_maintain(db, NULL, NULL, &db_error), NANOTS_READ_ONLY, "plant.ntt");
    db_close(db);
}

/* ---- flush -------------------------------------------------------------------------------- */

/* Few rows stay in the log; as many as make a segment are flushed. */
static void maintain_flushes_what_makes_a_segment(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_sine(8191, 2, 0);
    struct nanots_db *db = db_open(scratch->path);

    db_create(db, "a", 2);
    db_append_all(db, "a", &rows);
    assert_int_equal(maintain(db).flushed_rows, 0);
    db_ok(nanots_append_row(db, "a", 0, rows.values, 2, NULL, &db_error));
    assert_int_equal(maintain(db).flushed_rows, 8192);
    assert_int_equal(diagnosis_of(db).pending_rows, 0);
    assert_int_equal(maintain(db).flushed_rows, 0);
    db_rows_free(&rows);
    db_close(db);
}

/* ---- merging ------------------------------------------------------------------------------ */

/* Goal: small neighbours of each table become few segments, the others' rows are not touched, and
 * a second call has nothing to do. */
static void maintain_merges_small_neighbours(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows a = db_rows_new(2);
    struct db_rows b = db_rows_new(2);

    db_create(db, "a", 2);
    db_create(db, "b", 2);
    fill(db, "a", 16, 100, 0, &a);
    fill(db, "b", 3, 100, 0, &b);
    const struct nanots_maintain_report report = maintain(db);
    assert_int_equal(report.merges, 1);
    assert_int_equal(report.merged_segments, 16);
    assert_true(report.merged_bytes > 0);
    assert_int_equal(report.more_due, 0);
    assert_int_equal(segments_of(db, "a"), 1);
    assert_int_equal(segments_of(db, "b"), 3);
    const uint64_t generation = diagnosis_of(db).generation;
    assert_int_equal(maintain(db).merges, 0);
    assert_int_equal(diagnosis_of(db).generation, generation);
    db_expect_table(db, "a", &a);
    db_expect_table(db, "b", &b);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "a", &a);
    db_expect_table(db, "b", &b);
    db_rows_free(&a);
    db_rows_free(&b);
    db_close(db);
}

/* Goal: merges of many tables are one commit. */
static void maintain_merges_many_tables_in_few_commits(void **state)
{
    enum { TABLES = 100, FLUSHES = 4 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    char name[16];

    for (int64_t ts = 0; ts < FLUSHES; ts++) {
        for (int64_t t = 0; t < TABLES; t++) {
            (void)snprintf(name, sizeof name, "t%d", (int)t);
            db_ok(nanots_append(db, name, ts, (double)t, NULL, &db_error));
        }
        db_ok(nanots_flush(db, &db_error));
    }
    const uint64_t generation = diagnosis_of(db).generation;
    assert_int_equal(diagnosis_of(db).segments, TABLES * FLUSHES);
    const struct nanots_maintain_report report = maintain(db);
    assert_int_equal(report.merges, TABLES);
    assert_int_equal(report.merged_segments, TABLES * FLUSHES);
    assert_int_equal(diagnosis_of(db).segments, TABLES);
    assert_in_range(diagnosis_of(db).generation, generation + 1, generation + 3);
    for (int64_t t = 0; t < TABLES; t++) {
        (void)snprintf(name, sizeof name, "t%d", (int)t);
        struct db_rows rows = db_rows_read(db, name, NULL);
        assert_int_equal(rows.row_count, FLUSHES);
        assert_true(rows.ts[FLUSHES - 1] == FLUSHES - 1 && rows.values[0] == (double)t);
        db_rows_free(&rows);
    }
    db_close(db);
}

/* Goal: with a call after each flush, rows are rewritten a logarithmic number of times. */
static void maintain_after_each_flush_rewrites_little(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(2);
    uint64_t merged_bytes = 0;

    db_create(db, "a", 2);
    for (int64_t i = 0; i < 128; i++) {
        fill(db, "a", 1, 50, i * 50000, &wanted);
        merged_bytes += maintain(db).merged_bytes;
    }
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats(db, "a", &stats, &db_error));
    print_message("# %llu segments, %llu bytes, %llu rewritten\n",
                  (unsigned long long)stats.segments, (unsigned long long)stats.disk_bytes,
                  (unsigned long long)merged_bytes);
    assert_true(stats.segments < 16);
    assert_true(merged_bytes < stats.disk_bytes * 16); /* small segments weigh more a row */
    db_expect_table(db, "a", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

static void maintain_keeps_to_its_budget(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_maintain_budget budget = {.struct_size = sizeof budget,
                                                  .max_rewrite_bytes = 1};
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(2);
    unsigned calls = 0;

    db_create(db, "a", 2);
    db_create(db, "b", 2);
    fill(db, "a", 4, 100, 0, &wanted);
    fill(db, "b", 4, 100, 0, &wanted);
    struct nanots_maintain_report report;
    do {
        report = maintain_with(db, &budget);
        assert_true(report.merges <= 1);
        calls++;
    } while (report.more_due != 0);
    assert_int_equal(segments_of(db, "a"), 1);
    assert_int_equal(segments_of(db, "b"), 1);
    assert_in_range(calls, 2, 3);
    db_rows_free(&wanted);
    db_close(db);
}

/* A cursor opened before goes on reading what it had, also when that was merged and cut away. */
static void maintain_leaves_snapshots_alone(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_open_options open = {.struct_size = sizeof open, .retention_ms = HOUR_MS};
    struct nanots_db *db = db_open_with(scratch->path, &open);
    struct db_rows wanted = db_rows_new(2);
    struct nanots_cursor *cursor = NULL;

    db_create(db, "a", 2);
    fill(db, "a", 8, 1000, now_ms() - 3 * HOUR_MS, &wanted);
    db_ok(nanots_query_open(db, "a", NULL, &cursor, &db_error));
    assert_int_equal(maintain(db).removed_rows, 8000);
    struct db_rows fresh = db_rows_new(2);
    fill(db, "a", 8, 1000, now_ms(), &fresh);
    assert_int_equal(maintain(db).merges, 1);
    struct db_rows rows = db_rows_drain(cursor, 2);
    db_expect_rows(&rows, &wanted);
    nanots_query_close(cursor);
    db_expect_table(db, "a", &fresh);
    db_rows_free(&rows);
    db_rows_free(&fresh);
    db_rows_free(&wanted);
    db_close(db);
}

/* ---- retention ---------------------------------------------------------------------------- */

/* Whole segments and those of which half is old go; one of which a little is old waits. */
static void maintain_removes_rows_older_than_retention(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_open_options open = {.struct_size = sizeof open, .retention_ms = HOUR_MS};
    struct nanots_db *db = db_open_with(scratch->path, &open);
    struct db_rows whole = db_rows_new(2);
    struct db_rows half = db_rows_new(2);
    struct db_rows little = db_rows_new(2);
    const int64_t cutoff = now_ms() - HOUR_MS;

    db_create(db, "whole", 2);
    db_create(db, "half", 2);
    db_create(db, "little", 2);
    fill(db, "whole", 3, 50, cutoff - HOUR_MS, &whole);
    fill(db, "half", 1, 1000, cutoff - 600 * 1000 + 500, &half); /* a row a second */
    fill(db, "little", 1, 1000, cutoff - 100 * 1000 + 500, &little);
    const struct nanots_maintain_report report = maintain(db);
    assert_int_equal(segments_of(db, "whole"), 0);
    assert_in_range(report.removed_rows, 150 + 600, 150 + 700); /* the clock has gone on */
    struct db_rows rows = db_rows_read(db, "half", NULL);
    assert_true(rows.ts[0] >= cutoff);
    (void)db_rows_cut(&half, rows.ts[0]);
    db_expect_rows(&rows, &half);
    db_expect_table(db, "little", &little);
    db_rows_free(&rows);
    db_rows_free(&whole);
    db_rows_free(&half);
    db_rows_free(&little);
    db_close(db);
}

#define HIDDEN_ROWS 50u

/* A segment of `count` rows a second apart; all have the value 1 but the first `hidden`. */
static void flush_rows(struct nanots_db *db, size_t count, size_t hidden, int64_t ts)
{
    struct db_rows rows = db_rows_new(1);
    for (size_t i = 0; i < count; i++)
        db_rows_add(&rows, ts + (int64_t)i * 1000, &(const double){i < hidden ? 2 : 1});
    db_append_all(db, "a", &rows);
    db_ok(nanots_flush(db, &db_error));
    db_rows_free(&rows);
}

/* Goal: no row comes to light that another one hid. Method: a short segment, old as a whole, hides
 * the first rows of a long one, of which `old_s` of 1000 seconds are old. Returns how many rows
 * maintenance left, all of them right. */
static size_t rows_after_retention(const char *path, nanots_duplicates rule, int64_t old_s)
{
    const struct nanots_open_options open = {.struct_size = sizeof open, .retention_ms = HOUR_MS};
    const struct nanots_table_options options = {.struct_size = sizeof options, .duplicates = rule};
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const int64_t begin = now_ms() - HOUR_MS - old_s * 1000;
    struct nanots_db *db = db_open_with(path, &open);

    db_ok(nanots_create_table_with(db, "a", &column, 1, &options, &db_error));
    if (rule == NANOTS_DUPLICATES_KEEP_FIRST)
        flush_rows(db, HIDDEN_ROWS, 0, begin);
    flush_rows(db, 1000, HIDDEN_ROWS, begin);
    if (rule == NANOTS_DUPLICATES_KEEP_LAST)
        flush_rows(db, HIDDEN_ROWS, 0, begin);
    (void)maintain(db);
    struct db_rows rows = db_rows_read(db, "a", NULL);
    for (size_t i = 0; i < rows.row_count; i++)
        assert_true(rows.values[i] == 1);
    const size_t count = rows.row_count;
    db_rows_free(&rows);
    db_ok(nanots_drop_table(db, "a", &db_error));
    db_close(db);
    return count;
}

static void retention_brings_no_hidden_row_to_light(void **state)
{
    const struct scratch *scratch = *state;
    static const nanots_duplicates rules[] = {NANOTS_DUPLICATES_KEEP_LAST,
                                              NANOTS_DUPLICATES_KEEP_FIRST};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rows_after_retention(scratch->path, rules[i], 200), 1000);
        assert_in_range(rows_after_retention(scratch->path, rules[i], 600), 300, 400);
    }
}

/* What is freed at the end of the file is given back. */
static void maintain_shrinks_the_file(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_open_options open = {.struct_size = sizeof open, .retention_ms = HOUR_MS};
    struct nanots_db *db = db_open_with(scratch->path, &open);
    const size_t count = 200000;
    int64_t *ts = test_malloc(count * sizeof *ts);
    double *values = test_malloc(count * sizeof *values);
    const double *columns[] = {values};
    uint64_t state_of = 1;

    db_create(db, "a", 1);
    for (size_t i = 0; i < count; i++) {
        state_of = state_of * 6364136223846793005u + 1442695040888963407u;
        ts[i] = (int64_t)i;
        values[i] = (double)state_of;
    }
    for (int i = 0; i < 4; i++)
        db_ok(nanots_append_columns(db, "a", ts, columns, count, 1, NULL, &db_error));
    db_ok(nanots_flush(db, &db_error));
    const uint64_t size = db_file_size(scratch->path);
    const struct nanots_maintain_report report = maintain(db);
    assert_int_equal(report.removed_rows, 4 * count);
    assert_true(report.truncated_bytes > size / 2);
    assert_int_equal(db_file_size(scratch->path), size - report.truncated_bytes);
    test_free(ts);
    test_free(values);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(maintain_of_nothing_writes_nothing),
        WITH_SCRATCH(maintain_refuses_what_it_must),
        WITH_SCRATCH(maintain_flushes_what_makes_a_segment),
        WITH_SCRATCH(maintain_merges_small_neighbours),
        WITH_SCRATCH(maintain_merges_many_tables_in_few_commits),
        WITH_SCRATCH(maintain_after_each_flush_rewrites_little),
        WITH_SCRATCH(maintain_keeps_to_its_budget),
        WITH_SCRATCH(maintain_leaves_snapshots_alone),
        WITH_SCRATCH(maintain_removes_rows_older_than_retention),
        WITH_SCRATCH(retention_brings_no_hidden_row_to_light),
        WITH_SCRATCH(maintain_shrinks_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
