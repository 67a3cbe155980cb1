/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_max_bytes.c - the file stays within max_bytes and keeps the newest rows.
 *
 * Values are random bits, which no codec makes smaller: a row takes eight bytes in a segment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "os/vfs.h"
#include "support/db_helpers.h"
#include "support/faultvfs.h"
#include "support/scratch.h"
#include "support/seed.h"

#define MIB ((uint64_t)1 << 20)

/* Files as ever, but nothing waits for a disk. */
static struct faultvfs files;

static struct nanots_db *open_limited(const char *path, uint64_t max_bytes)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .max_bytes = max_bytes, .vfs = &files.vfs};
    return db_open_with(path, &options);
}

static struct nanots_diagnosis diagnosis_of(struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    return diagnosis;
}

static double value_of(int64_t row)
{
    uint64_t state = (uint64_t)row;
    return (double)(int64_t)seed_next(&state);
}

/* Rows [first, first + count), one a tick. */
static struct db_rows rows_from(int64_t first, size_t count)
{
    struct db_rows rows = db_rows_new(1);
    for (size_t i = 0; i < count; i++)
        db_rows_add(&rows, first + (int64_t)i, &(const double){value_of(first + (int64_t)i)});
    return rows;
}

static void append_from(struct nanots_db *db, const char *table, int64_t first, size_t count)
{
    struct db_rows rows = rows_from(first, count);
    db_append_all(db, table, &rows);
    db_rows_free(&rows);
}

/* The rows that are left are the last ones before `end`, all of them; returns the first. */
static int64_t expect_newest(struct nanots_db *db, const char *table, int64_t end)
{
    struct db_rows rows = db_rows_read(db, table, NULL);
    assert_in_range(rows.row_count, 1, end);
    const int64_t first = end - (int64_t)rows.row_count;
    struct db_rows wanted = rows_from(first, rows.row_count);
    db_expect_rows(&rows, &wanted);
    db_rows_free(&wanted);
    db_rows_free(&rows);
    return first;
}

static void expect_whole(struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
}

/* ---- the file stays small ----------------------------------------------------------------- */

/* Goal: with appends alone, and no upkeep ever called, the file is never longer than the limit,
 * and more than half of the limit is rows. Method: ten times the limit, in batches of some KiB. */
static void limit_is_kept_by_appends_alone(void **state)
{
    static const uint64_t limits[] = {MIB, 5 * MIB};
    const struct scratch *scratch = *state;

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const int64_t end = (int64_t)(10 * limits[i] / 8 / 500 * 500);
        struct nanots_db *db = open_limited(scratch->path, limits[i]);
        uint64_t most = 0;
        db_create(db, "a", 1);
        for (int64_t row = 0; row < end; row += 500) {
            append_from(db, "a", row, 500);
            const uint64_t size = db_file_size(scratch->path);
            most = size > most ? size : most;
        }
        const int64_t first = expect_newest(db, "a", end);
        struct nanots_diagnosis diagnosis = diagnosis_of(db);
        print_message("# limit %llu: at most %llu, %llu of segments, %lld of %lld rows left\n",
                      (unsigned long long)limits[i], (unsigned long long)most,
                      (unsigned long long)diagnosis.data_bytes, (long long)(end - first),
                      (long long)end);
        assert_in_range(most, limits[i] / 2, limits[i]);
        assert_in_range(diagnosis.data_bytes, limits[i] / 2, limits[i]);
        assert_int_equal(diagnosis.max_bytes, limits[i]);
        assert_int_equal(diagnosis.limit_rows, first);
        expect_whole(db);
        db_close(db);
        assert_in_range(db_file_size(scratch->path), limits[i] / 2, limits[i]);
        db = open_limited(scratch->path, limits[i]);
        assert_in_range(expect_newest(db, "a", end), first, first + (int64_t)limits[i] / 64);
        db_ok(nanots_drop_table(db, "a", &db_error));
        db_close(db);
    }
}

/* Goal: the same with upkeep after every batch, which merges. */
static void limit_is_kept_beside_merges(void **state)
{
    enum { LIMIT = 4 << 20, ROWS = 2000000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, LIMIT);
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    uint64_t merges = 0;

    db_create(db, "a", 1);
    for (int64_t row = 0; row < ROWS; row += 1000) {
        struct nanots_maintain_report report = {.struct_size = sizeof report};
        append_from(db, "a", row, 1000);
        db_ok(nanots_flush(db, &db_error));
        db_ok(nanots_maintain(db, NULL, &report, &db_error));
        merges += report.merges;
        /* What a merge wrote may still be beside what it replaced. */
        assert_in_range(db_file_size(scratch->path), 0, LIMIT + LIMIT / 4);
    }
    (void)expect_newest(db, "a", ROWS);
    db_ok(nanots_stats(db, "a", &stats, &db_error));
    print_message("# %llu merges, %llu segments\n", (unsigned long long)merges,
                  (unsigned long long)stats.segments);
    assert_true(merges > 10);
    assert_true(stats.disk_bytes / stats.segments < LIMIT / 32);
    expect_whole(db);
    db_close(db);
    assert_in_range(db_file_size(scratch->path), LIMIT / 2, LIMIT);
}

/* Goal: large batches, which are written before a flush can look, are over the limit by one batch
 * at most. */
static void limit_is_exceeded_by_one_batch_at_most(void **state)
{
    enum { LIMIT = 8 << 20, BATCH = 150000, BATCHES = 60 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, LIMIT);
    uint64_t most = 0;

    db_create(db, "a", 1);
    for (int64_t i = 0; i < BATCHES; i++) {
        append_from(db, "a", i * BATCH, BATCH);
        const uint64_t size = db_file_size(scratch->path);
        most = size > most ? size : most;
    }
    (void)expect_newest(db, "a", (int64_t)BATCH * BATCHES);
    print_message("# at most %llu\n", (unsigned long long)most);
    assert_in_range(most, LIMIT / 2, LIMIT + 2 * BATCH * 17);
    assert_in_range(diagnosis_of(db).data_bytes, LIMIT / 2, LIMIT);
    db_close(db);
}

/* Goal: room is made before for batches that are a small part of the limit. */
static void limit_holds_for_small_batches(void **state)
{
    enum { LIMIT = 16 << 20, BATCH = 70000, BATCHES = 100 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, LIMIT);

    db_create(db, "a", 1);
    for (int64_t i = 0; i < BATCHES; i++) {
        append_from(db, "a", i * BATCH, BATCH);
        assert_in_range(db_file_size(scratch->path), 1, LIMIT);
    }
    (void)expect_newest(db, "a", (int64_t)BATCH * BATCHES);
    assert_in_range(diagnosis_of(db).data_bytes, LIMIT / 2, LIMIT);
    db_close(db);
}

/* Goal: a file that is larger than its limit becomes small at once, when asked, and stays whole. */
static void limit_that_is_lowered_takes_what_is_too_much(void **state)
{
    enum { ROWS = 1000000, LIMIT = 2 << 20 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, 0);
    uint64_t removed = 0;

    db_create(db, "a", 1);
    for (int64_t row = 0; row < ROWS; row += 10000) {
        append_from(db, "a", row, 10000);
        db_ok(nanots_flush(db, &db_error));
    }
    db_close(db);
    assert_true(db_file_size(scratch->path) > 7 * (uint64_t)ROWS);
    db = open_limited(scratch->path, LIMIT);
    assert_int_equal(expect_newest(db, "a", ROWS), 0);
    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_int_equal(expect_newest(db, "a", ROWS), removed);
    assert_in_range(diagnosis_of(db).data_bytes, 1, LIMIT);
    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_int_equal(removed, 0);
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 1, LIMIT);
}

/* ---- what goes ---------------------------------------------------------------------------- */

/* Goal: the oldest rows go first whatever table they are in and whatever it counts its time in.
 * Method: three tables of one row a second each, one of them ten times as wide. */
static void limit_takes_the_oldest_of_all_tables(void **state)
{
    enum { SECONDS = 120000 };
    static const struct nanots_column columns[] = {
        {"a", NANOTS_TYPE_F64, 0}, {"b", NANOTS_TYPE_F64, 0}, {"c", NANOTS_TYPE_F64, 0}};
    static const struct {
        const char *name;
        nanots_time_unit unit;
        int64_t a_second;
        size_t width;
    } tables[] = {{"s", NANOTS_UNIT_S, 1, 1},
                  {"ms", NANOTS_UNIT_MS, 1000, 3},
                  {"ns", NANOTS_UNIT_NS, 1000000000, 1}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, 2 * MIB);
    int64_t firsts[3];

    for (size_t t = 0; t < 3; t++) {
        const struct nanots_table_options options = {.struct_size = sizeof options,
                                                     .unit = tables[t].unit};
        db_ok(nanots_create_table_with(db, tables[t].name, columns, tables[t].width, &options,
                                       &db_error));
    }
    for (int64_t second = 0; second < SECONDS; second++)
        for (size_t t = 0; t < 3; t++) {
            const double values[] = {value_of(second), value_of(second + 1), value_of(second + 2)};
            db_ok(nanots_append_row(db, tables[t].name, second * tables[t].a_second, values,
                                    tables[t].width, NULL, &db_error));
        }
    for (size_t t = 0; t < 3; t++) {
        int has_rows = 0;
        int64_t last = 0;
        db_ok(nanots_time_range(db, tables[t].name, &has_rows, &firsts[t], &last, &db_error));
        assert_int_equal(has_rows, 1);
        assert_int_equal(last / tables[t].a_second, SECONDS - 1);
        firsts[t] /= tables[t].a_second;
        print_message("# %s from second %lld\n", tables[t].name, (long long)firsts[t]);
    }
    for (size_t t = 0; t < 3; t++) {
        assert_in_range(firsts[t], SECONDS / 3, SECONDS - 1);
        assert_in_range(firsts[t] - firsts[0] + 3000, 0, 6000);
    }
    db_close(db);
}

/* Goal: rows that come late by years are the first to go, and take nothing else with them. */
static void limit_counts_by_time_and_not_by_arrival(void **state)
{
    enum { LATE = 1000000000, ROWS = 100000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, MIB);
    struct nanots_query old = {.struct_size = sizeof old, .flags = NANOTS_QUERY_TO, .to = ROWS};

    db_create(db, "a", 1);
    append_from(db, "a", LATE, 40000);
    db_ok(nanots_flush(db, &db_error));
    append_from(db, "a", 0, ROWS);
    append_from(db, "a", LATE + 40000, 20000);
    struct db_rows rows = db_rows_read(db, "a", &old);
    assert_in_range(rows.row_count, 0, ROWS / 2);
    db_rows_free(&rows);
    old.flags = NANOTS_QUERY_FROM;
    old.from = LATE;
    rows = db_rows_read(db, "a", &old);
    assert_int_equal(rows.row_count, 60000);
    db_rows_free(&rows);
    db_close(db);
}

/* Goal: whichever of age and size comes first. */
static void limit_and_age_both_hold(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .retention_ms = 3600 * 1000,
                                                .max_bytes = MIB,
                                                .vfs = &files.vfs};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    uint64_t removed = 0;

    db_create(db, "old", 1);
    db_create(db, "future", 1);
    append_from(db, "old", 0, 1000);
    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_int_equal(removed, 1000);
    append_from(db, "future", INT64_MAX - 200000, 100000);
    append_from(db, "future", INT64_MAX - 100000, 100000);
    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_in_range(diagnosis_of(db).limit_rows, 60000, 199999);
    assert_in_range(diagnosis_of(db).data_bytes, MIB / 2, MIB);
    db_close(db);
}

/* ---- one row of a time -------------------------------------------------------------------- */

/* The value that a row of this time has in resend `round` of it. */
static double resent_value(int64_t ts, int64_t round)
{
    return value_of(ts * 1000 + round);
}

/* Goal: what is left of a table that keeps one row of a time are the right rows, and no row comes
 * to light that another had hidden. Method: each batch sends half of the one before again, and now
 * and then one row of long ago; packs and merges come between. */
static void run_with_duplicates(const char *path, nanots_duplicates rule)
{
    enum { STEP = 200, BATCHES = 1200, LIMIT = 1 << 20 };
    const struct nanots_table_options options = {.struct_size = sizeof options, .duplicates = rule};
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    struct nanots_db *db = open_limited(path, LIMIT);
    uint64_t most = 0;

    db_ok(nanots_create_table_with(db, "a", &column, 1, &options, &db_error));
    for (int64_t i = 0; i < BATCHES; i++) {
        for (int64_t ts = i * STEP; ts < (i + 2) * STEP; ts++)
            db_ok(nanots_append(db, "a", ts, resent_value(ts, ts / STEP == i), NULL, &db_error));
        if (i % 50 == 49) /* the third, and last, of this time */
            db_ok(nanots_append(db, "a", (i - 30) * STEP, resent_value((i - 30) * STEP, 2), NULL,
                                &db_error));
        if (i % 100 == 99)
            db_ok(nanots_maintain(db, NULL, NULL, &db_error));
        if (i % 400 == 399)
            db_ok(nanots_pack_table(db, "a", 0, &db_error));
        const uint64_t size = db_file_size(path);
        most = size > most ? size : most;
    }
    struct db_rows rows = db_rows_read(db, "a", NULL);
    for (size_t i = 0; i < rows.row_count; i++) {
        const int64_t ts = rows.ts[i];
        const int64_t batch = ts / STEP;
        int64_t round = rule == NANOTS_DUPLICATES_KEEP_LAST && batch < BATCHES;
        if (round == 1 && ts % STEP == 0 && (batch + 30) % 50 == 49 && batch + 30 < BATCHES)
            round = 2;
        assert_true(db_to_bits(rows.values[i]) == db_to_bits(resent_value(ts, round)) ||
                    (batch == 0 && round == 0));
        assert_true(i == 0 || ts > rows.ts[i - 1]);
    }
    assert_int_equal(rows.ts[rows.row_count - 1], (BATCHES + 1) * STEP - 1);
    print_message("# rule %d: %zu rows left, at most %llu bytes\n", (int)rule, rows.row_count,
                  (unsigned long long)most);
    assert_in_range(rows.row_count, LIMIT / 8 / 4, (BATCHES + 1) * STEP - 1);
    assert_in_range(most, LIMIT / 2, LIMIT + LIMIT / 2); /* a pack writes everything anew */
    db_rows_free(&rows);
    expect_whole(db);
    db_ok(nanots_drop_table(db, "a", &db_error));
    db_close(db);
}

static void limit_brings_no_hidden_row_to_light(void **state)
{
    const struct scratch *scratch = *state;
    run_with_duplicates(scratch->path, NANOTS_DUPLICATES_KEEP_LAST);
    run_with_duplicates(scratch->path, NANOTS_DUPLICATES_KEEP_FIRST);
}

/* ---- beside others ------------------------------------------------------------------------ */

/* Goal: a reader that keeps what it has does not make the limit take more and more; when it goes,
 * its room is used, and the file becomes as short as it should be. */
static void limit_waits_for_readers(void **state)
{
    enum { LIMIT = 2 << 20, ROWS = 400000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, LIMIT);
    struct nanots_cursor *cursor = NULL;

    db_create(db, "a", 1);
    for (int64_t row = 0; row < ROWS; row += 1000)
        append_from(db, "a", row, 1000);
    struct nanots_db *reader = db_open_read_only(scratch->path);
    const int64_t first = expect_newest(reader, "a", ROWS);
    db_ok(nanots_query_open(db, "a", NULL, &cursor, &db_error));
    for (int64_t row = ROWS; row < 2 * ROWS; row += 1000) {
        append_from(db, "a", row, 1000);
        assert_in_range(diagnosis_of(db).data_bytes, LIMIT / 2, LIMIT);
    }
    assert_int_equal(expect_newest(reader, "a", ROWS), first);
    db_close(reader);
    struct db_rows rows = db_rows_drain(cursor, 1);
    assert_int_equal(rows.row_count, ROWS - first);
    db_rows_free(&rows);
    nanots_query_close(cursor);
    for (int64_t row = 2 * ROWS; row < 3 * ROWS; row += 1000)
        append_from(db, "a", row, 1000);
    (void)expect_newest(db, "a", 3 * ROWS);
    db_ok(nanots_maintain(db, NULL, NULL, &db_error));
    assert_in_range(db_file_size(scratch->path), LIMIT / 2, LIMIT);
    db_close(db);
}

/* What a rewrite meets in its midst. */
struct meddler {
    struct nanots_db *db;
    int64_t next;
    bool is_armed;
};

/* At the first write of the rewrite: so many rows that the oldest segments go. */
static void meddle(void *context, enum faultvfs_kind kind)
{
    struct meddler *meddler = context;
    if (!meddler->is_armed || kind != FAULTVFS_WRITE)
        return;
    meddler->is_armed = false;
    for (unsigned i = 0; i < 40; i++, meddler->next += 1000)
        append_from(meddler->db, "a", meddler->next, 1000);
}

/* Goal: a pack, a cut and a merge whose segments go while they are being rewritten bring nothing
 * back, and what is asked for is done all the same. */
static void limit_takes_segments_from_under_a_rewrite(void **state)
{
    enum { LIMIT = 1 << 20, ROWS = 200000 };
    const struct scratch *scratch = *state;
    struct faultvfs faults;

    for (unsigned way = 0; way < 3; way++) {
        struct meddler meddler = {.next = ROWS};
        faultvfs_init(&faults, &files.vfs);
        const struct nanots_open_options options = {
            .struct_size = sizeof options, .max_bytes = LIMIT, .vfs = &faults.vfs};
        meddler.db = db_open_with(scratch->path, &options);
        db_create(meddler.db, "a", 1);
        for (int64_t row = 0; row < ROWS; row += 400) {
            append_from(meddler.db, "a", row, 400);
            db_ok(nanots_flush(meddler.db, &db_error));
        }
        const int64_t before = expect_newest(meddler.db, "a", ROWS);
        faults.before = meddle;
        faults.before_context = &meddler;
        meddler.is_armed = true;
        if (way == 0)
            db_ok(nanots_pack_table(meddler.db, "a", 3000, &db_error));
        else if (way == 1)
            db_ok(nanots_compact_retention(meddler.db, "a", before + 40, NULL, &db_error));
        else
            db_ok(nanots_maintain(meddler.db, NULL, NULL, &db_error));
        assert_false(meddler.is_armed);
        const int64_t after = expect_newest(meddler.db, "a", meddler.next);
        assert_true(after > before + 1000);
        if (way == 0) {
            struct nanots_table_stats stats = {.struct_size = sizeof stats};
            db_ok(nanots_stats(meddler.db, "a", &stats, &db_error));
            assert_in_range(stats.segments, 1, stats.rows / 1500 + 60);
        }
        expect_whole(meddler.db);
        db_ok(nanots_drop_table(meddler.db, "a", &db_error));
        db_close(meddler.db);
        faultvfs_deinit(&faults);
    }
}

/* Goal: the thread of auto_maintenance keeps the limit as appenders do. */
static void limit_is_kept_by_the_thread(void **state)
{
    enum { LIMIT = 2 << 20, ROWS = 600000 };
    const struct nanots_maintenance eager = {
        .struct_size = sizeof eager, .check_interval_ms = 1, .retention_check_interval_ms = 1};
    const struct scratch *scratch = *state;
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .max_bytes = LIMIT,
                                                .vfs = &files.vfs,
                                                .auto_maintenance = &eager};
    struct nanots_db *db = db_open_with(scratch->path, &options);

    db_create(db, "a", 1);
    for (int64_t row = 0; row < ROWS; row += 500) {
        append_from(db, "a", row, 500);
        assert_in_range(db_file_size(scratch->path), 0, LIMIT + LIMIT / 4);
    }
    (void)expect_newest(db, "a", ROWS);
    db_ok(nanots_compact_retention_now(db, NULL, &db_error));
    assert_int_equal(diagnosis_of(db).maintenance_failures, 0);
    assert_in_range(diagnosis_of(db).data_bytes, LIMIT / 2, LIMIT);
    db_close(db);
    assert_in_range(db_file_size(scratch->path), LIMIT / 2, LIMIT);
}

/* ---- options ------------------------------------------------------------------------------ */

static void limit_refuses_what_cannot_be_kept(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options = {.struct_size = sizeof options, .max_bytes = MIB - 1};
    struct nanots_db *db = NULL;

    db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, "max_bytes");
    options.max_bytes = MIB;
    options.wal_bytes = 128 << 10;
    db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, "2097152");
    options.max_bytes = 2 * MIB;
    db = db_open_with(scratch->path, &options);
    db_close(db);
}

/* Goal: where nothing can go, the limit stops nobody: rows that are not flushed, no rows at all. */
static void limit_without_anything_to_take_stops_nobody(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_limited(scratch->path, MIB);
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    uint64_t removed = 1;

    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_int_equal(removed, 0);
    db_ok(nanots_maintain(db, NULL, &report, &db_error));
    assert_int_equal(db_file_size(scratch->path), 0);
    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_ok(nanots_compact_retention_now(db, &removed, &db_error));
    assert_int_equal(removed, 0);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(limit_is_kept_by_appends_alone),
        WITH_SCRATCH(limit_is_kept_beside_merges),
        WITH_SCRATCH(limit_is_exceeded_by_one_batch_at_most),
        WITH_SCRATCH(limit_holds_for_small_batches),
        WITH_SCRATCH(limit_that_is_lowered_takes_what_is_too_much),
        WITH_SCRATCH(limit_takes_the_oldest_of_all_tables),
        WITH_SCRATCH(limit_counts_by_time_and_not_by_arrival),
        WITH_SCRATCH(limit_and_age_both_hold),
        WITH_SCRATCH(limit_brings_no_hidden_row_to_light),
        WITH_SCRATCH(limit_waits_for_readers),
        WITH_SCRATCH(limit_takes_segments_from_under_a_rewrite),
        WITH_SCRATCH(limit_is_kept_by_the_thread),
        WITH_SCRATCH(limit_refuses_what_cannot_be_kept),
        WITH_SCRATCH(limit_without_anything_to_take_stops_nobody),
    };
    faultvfs_init(&files, nts_vfs_posix());
    files.no_sync = true;
    const int failures = cmocka_run_group_tests(tests, NULL, NULL);
    faultvfs_deinit(&files);
    return failures;
}
