/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_upkeep.c - pack, retention, and how large the file becomes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

static struct nanots_table_stats stats_of(struct nanots_db *db, const char *table)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats(db, table, &stats, &db_error));
    return stats;
}

static void expect_no_damage(struct nanots_db *db, uint64_t rows)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
    assert_int_equal(report.rows, rows);
}

/* ---- pack --------------------------------------------------------------------------------- */

/* Ten flushed batches of 2000 rows whose times interleave. `wanted` is sorted. */
static void fill_overlapping(struct nanots_db *db, const char *table, struct db_rows *wanted)
{
    *wanted = db_rows_new(2);
    db_create(db, table, 2);
    for (int64_t part = 0; part < 10; part++) {
        struct db_rows batch = db_rows_sine(2000, 2, part * 7);
        db_append_all(db, table, &batch);
        db_ok(nanots_flush(db, &db_error));
        db_rows_join(wanted, &batch);
        db_rows_free(&batch);
    }
    db_rows_sort(wanted);
}

static void pack_makes_segments_of_the_size_wanted(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted;

    fill_overlapping(db, "a", &wanted);
    assert_int_equal(stats_of(db, "a").segments, 10);
    db_ok(nanots_pack_table(db, "a", 3000, &db_error));
    assert_in_range(stats_of(db, "a").segments, 5, 10); /* 20000 rows by about 3000 */
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    assert_int_equal(stats_of(db, "a").segments, 1);
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 1, &db_error));
    db_expect_table(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", UINT64_MAX, &db_error));
    assert_int_equal(stats_of(db, "a").segments, 1);
    db_expect_table(db, "a", &wanted);
    expect_no_damage(db, wanted.row_count);
    db_rows_free(&wanted);
    db_close(db);
}

/* Rows that were not flushed are packed too, and an empty table packs to nothing. */
static void pack_includes_rows_of_the_log(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_sine(5000, 1, 0);

    db_create(db, "a", 1);
    db_create(db, "empty", 1);
    db_append_all(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    db_ok(nanots_pack_table(db, "empty", 0, &db_error));
    assert_int_equal(stats_of(db, "a").pending_rows, 0);
    assert_int_equal(stats_of(db, "a").segments, 1);
    assert_int_equal(stats_of(db, "empty").segments, 0);
    db_expect_table(db, "a", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* A pack of what is packed leaves the file as it is. */
static void pack_of_a_packed_table_commits_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_diagnosis before = {.struct_size = sizeof before};
    struct nanots_diagnosis after = {.struct_size = sizeof after};
    struct db_rows wanted;

    fill_overlapping(db, "a", &wanted);
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    db_ok(nanots_diagnose(db, &before, &db_error));
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    db_ok(nanots_diagnose(db, &after, &db_error));
    assert_int_equal(after.generation, before.generation);
    db_rows_free(&wanted);
    db_close(db);
}

/* Goal: three tables; pack and cut one: the others are not touched, and all stay readable, also
 * after reopening. Method: segments and bytes of the others stay, and rows are compared. */
static void upkeep_of_one_table_leaves_the_others(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table_stats before[3];
    struct db_rows wanted[3];
    uint64_t removed = 0;

    for (size_t t = 0; t < 3; t++)
        fill_overlapping(db, names[t], &wanted[t]);
    for (size_t t = 0; t < 3; t++)
        before[t] = stats_of(db, names[t]);
    db_ok(nanots_pack_table(db, "b", 6000, &db_error));
    db_ok(nanots_compact_retention(db, "b", 1000000, &removed, &db_error));
    assert_int_equal(removed, db_rows_cut(&wanted[1], 1000000));
    assert_int_equal(wanted[1].row_count, 10000);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t t = 0; t < 3; t++)
            db_expect_table(db, names[t], &wanted[t]);
        for (size_t t = 0; t < 3 && round == 0; t += 2) {
            const struct nanots_table_stats after = stats_of(db, names[t]);
            assert_memory_equal(&after, &before[t], sizeof after);
        }
        db = db_reopen(db, scratch->path);
    }
    expect_no_damage(db, 50000);
    for (size_t t = 0; t < 3; t++)
        db_rows_free(&wanted[t]);
    db_close(db);
}

/* ---- retention ---------------------------------------------------------------------------- */

/* Goal: rows with ts < cutoff go, rows at the cutoff stay, in segments, packed or not, and in the
 * log. Method: cutoffs that rise through the table, at rows and between them. */
static void retention_removes_rows_before_the_cutoff(void **state)
{
    static const int64_t cutoffs[] = {INT64_MIN, 0, 1, 14, 1000007, 1000008, 1999000, 1999063};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows late = db_rows_sine(100, 2, 5);
    struct db_rows wanted;

    fill_overlapping(db, "a", &wanted);
    db_append_all(db, "a", &late);
    db_rows_join(&wanted, &late);
    db_rows_sort(&wanted);
    for (size_t i = 0; i < sizeof cutoffs / sizeof cutoffs[0]; i++) {
        uint64_t removed = 99;
        db_ok(nanots_compact_retention(db, "a", cutoffs[i], &removed, &db_error));
        assert_int_equal(removed, db_rows_cut(&wanted, cutoffs[i]));
        db_expect_table(db, "a", &wanted);
        if (i == 3)
            db_ok(nanots_pack_table(db, "a", 2500, &db_error));
        if (i == 4)
            db = db_reopen(db, scratch->path);
    }
    assert_int_equal(wanted.row_count, 1);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "a", &wanted);
    db_rows_free(&late);
    db_rows_free(&wanted);
    db_close(db);
}

/* Goal: a file that shrank while it is open can be opened by others, though its manifest still
 * tells of segments that lay behind its end. Method: large batches are written and removed. */
static void retention_that_shrinks_the_file_leaves_it_readable(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options = {.struct_size = sizeof options, .wal_bytes = 64 << 10};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    struct db_rows rows = db_rows_sine(100000, 1, 0);
    struct db_rows none = db_rows_new(1);

    db_create(db, "a", 1);
    db_ok(nanots_append(db, "low", 0, 1.0, NULL, &db_error)); /* log and manifest lie low */
    db_ok(nanots_flush(db, &db_error));
    for (unsigned i = 0; i < 4; i++)
        db_append_all(db, "a", &rows);
    db_ok(nanots_flush(db, &db_error));
    const uint64_t before = db_file_size(scratch->path);
    db_ok(nanots_compact_retention(db, "a", INT64_MAX, NULL, &db_error));
    assert_true(db_file_size(scratch->path) < before);
    struct nanots_db *reader = db_open_read_only(scratch->path);
    db_expect_table(reader, "a", &none);
    db_close(reader);
    db_rows_free(&rows);
    db_close(db);
}

/* Without a table every table is cut; rows appended afterwards may be as old as they like. */
static void retention_of_all_tables_cuts_once(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows old = db_rows_sine(10, 1, -5000000);
    uint64_t removed = 0;

    for (unsigned t = 0; t < 3; t++) {
        const char name[2] = {(char)('a' + t), '\0'};
        db_create(db, name, 1);
        db_append_all(db, name, &old);
    }
    db_ok(nanots_compact_retention(db, NULL, 0, &removed, &db_error));
    assert_int_equal(removed, 30);
    db_append_all(db, "b", &old);
    db_expect_table(db, "b", &old);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "b", &old);
    assert_int_equal(stats_of(db, "a").rows, 0);
    db_rows_free(&old);
    db_close(db);
}

/* Goal: retention_now counts from the clock by the option. Method: a day is kept; rows of two days
 * ago, of an hour ago and of tomorrow. */
static void retention_now_counts_from_the_clock(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options = {.struct_size = sizeof options};
    const int64_t hour = 3600 * 1000;
    const int64_t now = (int64_t)time(NULL) * 1000;
    const int64_t times[] = {now - 48 * hour, now - hour, now + 24 * hour};
    uint64_t removed = 0;
    struct nanots_series series;

    options.retention_ms = 24 * hour;
    struct nanots_db *db = db_open_with(scratch->path, &options);
    for (size_t i = 0; i < 3; i++)
        db_ok(nanots_append(db, "a", times[i], 1.0, NULL, &db_error));
    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_int_equal(removed, 1);
    db_ok(nanots_query_range(db, "a", INT64_MIN, INT64_MAX, &series, &db_error));
    assert_int_equal(series.row_count, 2);
    assert_int_equal(series.ts[0], now - hour);
    nanots_free(series.block);
    db = db_reopen(db, scratch->path);
    db_fails(nanots_compact_retention_now(db, &removed, &db_error), NANOTS_INVALID, "retention_ms");
    db_close(db);
}

/* Goal: retention_ms is an age, whatever a table counts its time in. Method: for each unit a row of
 * two hours ago and one of now; one hour is kept, by the call and by maintenance. */
static void retention_ms_holds_for_every_unit(void **state)
{
    static const struct {
        const char *table;
        nanots_time_unit unit;
        int64_t a_second;
    } units[] = {{"s", NANOTS_UNIT_S, 1},
                 {"ms", NANOTS_UNIT_MS, 1000},
                 {"us", NANOTS_UNIT_US, 1000000},
                 {"ns", NANOTS_UNIT_NS, 1000000000}};
    const struct scratch *scratch = *state;
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .retention_ms = 3600 * 1000};
    const int64_t now = (int64_t)time(NULL);

    for (unsigned by_maintain = 0; by_maintain < 2; by_maintain++) {
        struct nanots_db *db = db_open_with(scratch->path, &options);
        for (size_t i = 0; i < 4; i++) {
            const struct nanots_table_options table = {.struct_size = sizeof table,
                                                       .unit = units[i].unit};
            db_ok(nanots_create_table_with(db, units[i].table, &column, 1, &table, &db_error));
            db_ok(nanots_append(db, units[i].table, (now - 7200) * units[i].a_second, 1.0, NULL,
                                &db_error));
            db_ok(nanots_flush(db, &db_error));
            db_ok(nanots_append(db, units[i].table, now * units[i].a_second, 2.0, NULL, &db_error));
            db_ok(nanots_flush(db, &db_error));
        }
        if (by_maintain != 0)
            db_ok(nanots_maintain(db, NULL, NULL, &db_error));
        else
            db_ok(nanots_compact_retention_now(db, NULL, &db_error));
        for (size_t i = 0; i < 4; i++) {
            struct db_rows rows = db_rows_read(db, units[i].table, NULL);
            assert_int_equal(rows.row_count, 1);
            assert_int_equal(rows.ts[0], now * units[i].a_second);
            db_rows_free(&rows);
            db_ok(nanots_drop_table(db, units[i].table, &db_error));
        }
        db_close(db);
    }
}

/* Goal: a close merges the small segments of all tables in a few commits, not one for each. */
static void close_of_many_tables_takes_few_commits(void **state)
{
    enum { TABLES = 200, FLUSHES = 3, ROWS = 5 };
    const struct scratch *scratch = *state;
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_db *db = db_open(scratch->path);
    char name[16];

    for (int64_t ts = 0; ts < FLUSHES * ROWS; ts++) {
        for (int64_t t = 0; t < TABLES; t++) {
            (void)snprintf(name, sizeof name, "t%d", (int)t);
            db_ok(nanots_append(db, name, ts, (double)(ts * t), NULL, &db_error));
        }
        if (ts % ROWS == ROWS - 1)
            db_ok(nanots_flush(db, &db_error));
    }
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    assert_in_range(diagnosis.segments, TABLES * FLUSHES, TABLES * FLUSHES * 2);
    const uint64_t generation = diagnosis.generation;
    db = db_reopen(db, scratch->path);
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    assert_int_equal(diagnosis.segments, TABLES);
    assert_in_range(diagnosis.generation, generation + 1, generation + 10);
    for (int64_t t = 0; t < TABLES; t++) {
        (void)snprintf(name, sizeof name, "t%d", (int)t);
        struct db_rows rows = db_rows_read(db, name, NULL);
        assert_int_equal(rows.row_count, FLUSHES * ROWS);
        for (int64_t ts = 0; ts < FLUSHES * ROWS; ts++)
            assert_true(rows.ts[ts] == ts && rows.values[ts] == (double)(ts * t));
        db_rows_free(&rows);
    }
    db_close(db);
}

static void upkeep_in_a_read_only_handle_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_close(db);
    db = db_open_read_only(scratch->path);
    db_fails(nanots_pack_table(db, "a", 0, &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_compact_retention(db, "a", 9, NULL, &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_compact_retention(db, NULL, 9, NULL, &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_flush(db, &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_sync(db, &db_error), NANOTS_READ_ONLY, "read-only");
    assert_int_equal(stats_of(db, "a").rows, 1);
    db_close(db);
}

#define UPKEEP_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPKEEP_TEST(pack_makes_segments_of_the_size_wanted),
        UPKEEP_TEST(pack_includes_rows_of_the_log),
        UPKEEP_TEST(pack_of_a_packed_table_commits_nothing),
        UPKEEP_TEST(upkeep_of_one_table_leaves_the_others),
        UPKEEP_TEST(retention_removes_rows_before_the_cutoff),
        UPKEEP_TEST(retention_that_shrinks_the_file_leaves_it_readable),
        UPKEEP_TEST(retention_of_all_tables_cuts_once),
        UPKEEP_TEST(retention_now_counts_from_the_clock),
        UPKEEP_TEST(retention_ms_holds_for_every_unit),
        UPKEEP_TEST(close_of_many_tables_takes_few_commits),
        UPKEEP_TEST(upkeep_in_a_read_only_handle_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
