/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_disk_full.c - a disk that is really full: a small tmpfs, and nothing acknowledged is
 * lost.
 *
 *   append until NO_SPACE -> all acknowledged calls are readable, also after reopening
 *     -> retention, or a drop, frees space -> appends go on
 *
 * The tmpfs is mounted in a mount namespace of the test's own, so nobody else sees it and it ends
 * with the process. Where neither root nor a user namespace may mount, the tests are skipped and
 * say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/oracle.h"
#include "support/scratch.h"
#include "support/seed.h"

#define CALLS      20000u
#define WAL_BYTES  (128u << 10)
#define DISK_BYTES (3u << 20)

struct full {
    struct oracle oracle;
    struct oracle_rows rows;
    uint64_t seqs[CALLS];
    struct nanots_db *db;
    uint32_t next; /* call */
};

/* The scratch directory becomes a disk of DISK_BYTES. */
static void full_mount(const struct scratch *scratch)
{
    static bool has_namespace;
    char options[64];

    if (!has_namespace && unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        (void)printf("# SKIPPED: no mount namespace: %s\n", strerror(errno));
        skip();
    }
    has_namespace = true;
    (void)snprintf(options, sizeof options, "size=%u", DISK_BYTES);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", scratch->directory, "tmpfs", 0, options) != 0) {
        (void)printf("# SKIPPED: cannot mount a tmpfs: %s\n", strerror(errno));
        skip();
    }
}

static void full_require(const char *complaint)
{
    if (complaint != NULL)
        fail_msg("%s", complaint);
}

static void full_open(struct full *full, const char *path)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .sync_interval_ms = UINT32_MAX, .wal_bytes = WAL_BYTES};
    struct nanots_error error;
    if (nanots_open(path, &options, &full->db, &error) != NANOTS_OK)
        fail_msg("open: %s %s", nanots_status_name(error.code), error.message);
}

static void full_check(struct full *full)
{
    full_require(oracle_scan(&full->oracle, full->db));
    full_require(oracle_check_acknowledged(&full->oracle));
    full_require(oracle_verify(&full->oracle, full->db));
}

/* Appends until the disk is full, and then some: single rows may still fit where a batch does not.
 * */
static void full_fill(struct full *full)
{
    struct nanots_error error;
    for (unsigned refused = 0; refused < 50; full->next++) {
        assert_in_range(full->next, 0, CALLS - 1);
        const nanots_status status =
            oracle_append(&full->oracle, full->db, full->next, &full->rows, &error);
        if (status == NANOTS_OK)
            continue;
        if (status != NANOTS_NO_SPACE)
            fail_msg("call %u: %s %s", full->next, nanots_status_name(status), error.message);
        refused++;
    }
}

/* Removes most of the rows of every table. */
static void full_retain(struct full *full)
{
    const int64_t cutoff = (int64_t)(full->next * 9 / 10) * ORACLE_TS_STEP;
    struct nanots_error error;
    uint64_t removed = 0;

    for (uint32_t table = 0; table < ORACLE_TABLES; table++)
        full->oracle.cut_maybe[table] = cutoff;
    if (nanots_compact_retention(full->db, NULL, cutoff, &removed, &error) != NANOTS_OK)
        fail_msg("retention: %s %s", nanots_status_name(error.code), error.message);
    assert_true(removed > 1000);
    for (uint32_t table = 0; table < ORACLE_TABLES; table++)
        full->oracle.cut_sure[table] = cutoff;
}

/* The disk is full; the file is used as `reopen_full` says, cut, and filled again. */
static void full_run(struct scratch *scratch, bool reopen_full)
{
    static struct full full;
    struct nanots_error error;

    memset(&full, 0, sizeof full);
    oracle_init(&full.oracle, seed_of_run(), CALLS, WAL_BYTES / 2 + 8, full.seqs);
    oracle_rows_init(&full.rows, &full.oracle);
    full_mount(scratch);
    full_open(&full, scratch->path);
    full_fill(&full);
    const uint32_t first_fill = full.next;
    full_check(&full);
    if (reopen_full) {
        /* The close may find no room to tidy; nothing is lost by that. */
        const nanots_status closed = nanots_close(full.db, &error);
        if (closed != NANOTS_OK)
            assert_int_equal(closed, NANOTS_NO_SPACE);
        full_open(&full, scratch->path);
        full_check(&full);
    }
    full_retain(&full);
    full_check(&full);
    const uint32_t before = full.next;
    full_fill(&full);
    full_check(&full);
    (void)printf("# %u calls filled the disk, %u more after retention\n", first_fill,
                 full.next - before);
    assert_true(full.next - before > first_fill / 4);
    (void)nanots_close(full.db, &error);
    full_open(&full, scratch->path);
    full_check(&full);
    (void)nanots_close(full.db, &error);
    assert_int_equal(umount(scratch->directory), 0);
    oracle_rows_deinit(&full.rows);
    oracle_deinit(&full.oracle);
}

static void disk_full_keeps_what_was_acknowledged_and_retention_frees_space(void **state)
{
    full_run(*state, false);
}

static void disk_full_file_reopens_and_retention_frees_space(void **state)
{
    full_run(*state, true);
}

/* ---- schema changes ----------------------------------------------------------------------- */

#define BALLAST      "ballast"
#define BALLAST_ROWS 100000u

static const struct nanots_column ballast_columns[] = {{"noise", NANOTS_TYPE_F64, 0}};

/* A table that takes a quarter of the disk, in segments. */
static void full_add_ballast(struct full *full)
{
    static int64_t ts[BALLAST_ROWS];
    static double values[BALLAST_ROWS];
    uint64_t seed = full->oracle.seed;
    struct nanots_error error;

    for (uint32_t i = 0; i < BALLAST_ROWS; i++) {
        ts[i] = i;
        values[i] = (double)(int64_t)seed_next(&seed);
    }
    if (nanots_create_table(full->db, BALLAST, ballast_columns, 1, &error) != NANOTS_OK ||
        nanots_append_rows(full->db, BALLAST, ts, values, BALLAST_ROWS, 1, NULL, &error) !=
            NANOTS_OK ||
        nanots_flush(full->db, &error) != NANOTS_OK)
        fail_msg("ballast: %s", error.message);
}

/* What the schema calls of a full disk have left of the ballast. */
struct ballast {
    const char *name;
    const char *column;
    size_t column_count;
    bool has_new_table;
};

static bool full_is_done(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK && status != NANOTS_NO_SPACE)
        fail_msg("%s: %s", nanots_status_name(status), error->message);
    return status == NANOTS_OK;
}

static void full_change_schema(const struct full *full, struct ballast *ballast)
{
    const struct nanots_column added = {"more", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE};
    struct nanots_error error;
    ballast->has_new_table =
        full_is_done(nanots_create_table(full->db, "new", ballast_columns, 1, &error), &error);
    if (full_is_done(nanots_rename_table(full->db, BALLAST, "stone", &error), &error))
        ballast->name = "stone";
    if (full_is_done(nanots_rename_column(full->db, ballast->name, "noise", "hiss", &error),
                     &error))
        ballast->column = "hiss";
    if (full_is_done(nanots_add_column(full->db, ballast->name, &added, &error), &error))
        ballast->column_count++;
    (void)printf("# full: table '%s', column '%s' of %zu, new table: %d\n", ballast->name,
                 ballast->column, ballast->column_count, (int)ballast->has_new_table);
}

/* Bytes of committed segments. */
static uint64_t full_data_bytes(const struct full *full)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    assert_int_equal(nanots_diagnose(full->db, &diagnosis, NULL), NANOTS_OK);
    return diagnosis.data_bytes;
}

static bool full_has_table(const struct full *full, const char *name)
{
    struct nanots_table *table = NULL;
    return nanots_table_open(full->db, name, &table, NULL) == NANOTS_OK;
}

static void full_check_ballast(const struct full *full, const struct ballast *ballast)
{
    struct nanots_schema schema;
    uint64_t row_count = 0;
    assert_int_equal(nanots_table_schema(full->db, ballast->name, &schema, NULL), NANOTS_OK);
    assert_int_equal(schema.column_count, ballast->column_count);
    assert_string_equal(schema.columns[0].name, ballast->column);
    nanots_free(schema.block);
    assert_int_equal(nanots_row_count(full->db, ballast->name, &row_count, NULL), NANOTS_OK);
    assert_int_equal(row_count, BALLAST_ROWS);
    assert_int_equal(full_has_table(full, "new"), ballast->has_new_table);
    assert_int_equal(full_has_table(full, "stone") + full_has_table(full, BALLAST), 1);
}

static void full_reopen(struct full *full, const char *path)
{
    struct nanots_error error;
    const nanots_status closed = nanots_close(full->db, &error);
    if (closed != NANOTS_OK) /* the close may find no room to tidy */
        assert_int_equal(closed, NANOTS_NO_SPACE);
    full_open(full, path);
}

static void full_drop_ballast(const struct full *full, const struct ballast *ballast)
{
    struct nanots_error error;
    if (nanots_drop_table(full->db, ballast->name, &error) != NANOTS_OK)
        fail_msg("drop: %s %s", nanots_status_name(error.code), error.message);
}

/* The table that takes much room is changed, and then dropped; a reader may still have it, so that
 * the room is free when that one goes. */
static void full_run_schema(const struct scratch *scratch, bool with_reader)
{
    static struct full full;
    const struct nanots_open_options read_only = {.struct_size = sizeof read_only,
                                                  .flags = NANOTS_OPEN_READ_ONLY};
    struct ballast ballast = {BALLAST, "noise", 1, false};
    struct nanots_db *reader = NULL;

    memset(&full, 0, sizeof full);
    oracle_init(&full.oracle, seed_of_run(), CALLS, WAL_BYTES / 2 + 8, full.seqs);
    oracle_rows_init(&full.rows, &full.oracle);
    full_mount(scratch);
    full_open(&full, scratch->path);
    full_add_ballast(&full);
    full_fill(&full);
    const uint32_t first_fill = full.next;
    full_change_schema(&full, &ballast);
    full_check(&full);
    full_check_ballast(&full, &ballast);
    full_reopen(&full, scratch->path);
    full_check(&full);
    full_check_ballast(&full, &ballast);
    const uint64_t before = full_data_bytes(&full);
    if (with_reader)
        assert_int_equal(nanots_open(scratch->path, &read_only, &reader, NULL), NANOTS_OK);
    full_drop_ballast(&full, &ballast);
    const uint64_t dropped = before - full_data_bytes(&full);
    full_fill(&full);
    if (with_reader) {
        assert_true(full_data_bytes(&full) < before - dropped / 2);
        assert_int_equal(nanots_close(reader, NULL), NANOTS_OK);
        full_fill(&full);
    }
    full_reopen(&full, scratch->path);
    (void)printf("# %u calls filled the disk, %u more after the drop; bytes: %llu, %llu, %llu\n",
                 first_fill, full.next - first_fill, (unsigned long long)before,
                 (unsigned long long)(before - dropped),
                 (unsigned long long)full_data_bytes(&full));
    assert_true(dropped > DISK_BYTES / 5);
    assert_true(full_data_bytes(&full) > before - dropped / 2);
    full_check(&full);
    assert_false(full_has_table(&full, ballast.name));
    assert_int_equal(full_has_table(&full, "new"), ballast.has_new_table);
    (void)nanots_close(full.db, NULL);
    assert_int_equal(umount(scratch->directory), 0);
    oracle_rows_deinit(&full.rows);
    oracle_deinit(&full.oracle);
}

/* Goal: on a full disk a schema call does all or nothing and loses nothing, and a drop works and
 * gives its space back at once, though no flush has room to begin with. */
static void disk_full_schema_changes_are_whole_and_a_drop_frees_space(void **state)
{
    full_run_schema(*state, false);
}

/* Goal: the space of a dropped table that a reader still has is taken when the reader is gone. */
static void disk_full_space_that_a_reader_kept_is_taken_when_it_goes(void **state)
{
    full_run_schema(*state, true);
}

/* ---- the size limit ----------------------------------------------------------------------- */

#define LIMIT_BYTES (DISK_BYTES / 2)

static double limit_value(int64_t ts)
{
    uint64_t state = (uint64_t)ts;
    return (double)(int64_t)seed_next(&state);
}

/* Appends rows from `ts` on until the disk is full, or to `end`; returns where it stopped. */
static int64_t limit_append(struct nanots_db *db, int64_t ts, int64_t end)
{
    struct nanots_error error;
    for (; ts < end; ts++)
        if (nanots_append(db, "a", ts, limit_value(ts), NULL, &error) != NANOTS_OK) {
            assert_int_equal(error.code, NANOTS_NO_SPACE);
            break;
        }
    return ts;
}

/* The newest rows before `end` are there, without a gap; returns the first. */
static int64_t limit_expect_newest(struct nanots_db *db, int64_t end)
{
    struct nanots_series series;
    assert_int_equal(nanots_query_range(db, "a", INT64_MIN, INT64_MAX, &series, NULL), NANOTS_OK);
    assert_true(series.row_count != 0);
    const int64_t first = end - (int64_t)series.row_count;
    for (size_t i = 0; i < series.row_count; i++) {
        assert_int_equal(series.ts[i], first + (int64_t)i);
        assert_true(series.values[i] == limit_value(series.ts[i]));
    }
    nanots_free(series.block);
    return first;
}

/* Goal: on a disk that is full the size limit makes room, and keeps it: no append fails any more.
 * Method: a file fills the disk, and is opened with half of that as its limit. */
static void disk_full_size_limit_frees_space(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options = {
        .struct_size = sizeof options, .sync_interval_ms = UINT32_MAX, .wal_bytes = 64 << 10};
    struct nanots_db *db = NULL;
    uint64_t removed = 0;

    full_mount(scratch);
    assert_int_equal(nanots_open(scratch->path, &options, &db, NULL), NANOTS_OK);
    const int64_t full_at = limit_append(db, 0, 10000000);
    assert_true(full_at < 10000000);
    const nanots_status closed = nanots_close(db, NULL);
    if (closed != NANOTS_OK) /* it may find no room to tidy */
        assert_int_equal(closed, NANOTS_NO_SPACE);
    options.max_bytes = LIMIT_BYTES;
    assert_int_equal(nanots_open(scratch->path, &options, &db, NULL), NANOTS_OK);
    assert_int_equal(limit_expect_newest(db, full_at), 0);
    assert_int_equal(nanots_compact_retention_now(db, &removed, NULL), NANOTS_OK);
    assert_int_equal(limit_expect_newest(db, full_at), removed);
    assert_in_range(removed, full_at / 4, full_at - 1);
    assert_int_equal(limit_append(db, full_at, 3 * full_at), 3 * full_at);
    (void)printf("# %lld rows filled the disk, the limit took %llu\n", (long long)full_at,
                 (unsigned long long)removed);
    (void)limit_expect_newest(db, 3 * full_at);
    assert_int_equal(nanots_close(db, NULL), NANOTS_OK);
    assert_int_equal(umount(scratch->directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(disk_full_keeps_what_was_acknowledged_and_retention_frees_space),
        WITH_SCRATCH(disk_full_file_reopens_and_retention_frees_space),
        WITH_SCRATCH(disk_full_schema_changes_are_whole_and_a_drop_frees_space),
        WITH_SCRATCH(disk_full_space_that_a_reader_kept_is_taken_when_it_goes),
        WITH_SCRATCH(disk_full_size_limit_frees_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
