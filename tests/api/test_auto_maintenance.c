/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_auto_maintenance.c - the thread that does the upkeep, beside all others.
 *
 *   4 appenders --> tables a0..a3 ----+
 *   2 readers   --> cursors held long +--> one handle <-- its thread: flushes, merges, retains
 *   1 feeder    --> table old --------+    every millisecond
 *
 * Nothing here waits for a time to pass: what the thread is to bring about is looked for until it
 * is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

#define APPENDERS 4u
#define READERS   2u
#define CALLS     3000u
#define CALL_ROWS 20u

/* Work at every millisecond, whatever the load is. */
static const struct nanots_maintenance eager = {.struct_size = sizeof eager,
                                                .check_interval_ms = 1,
                                                .retention_check_interval_ms = 1,
                                                .wal_min_bytes = 4096,
                                                .target_segment_points = 100,
                                                .max_writes_per_sec = UINT32_MAX,
                                                .write_load_window_ms = 1,
                                                .min_idle_time_ms = 1,
                                                .max_segments_per_pack = 8};

static struct nanots_db *open_eager(const char *path, int64_t retention_ms)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = 1,
                                                .wal_bytes = 64 << 10,
                                                .memtable_bytes = 1 << 20,
                                                .retention_ms = retention_ms,
                                                .auto_maintenance = &eager};
    return db_open_with(path, &options);
}

static struct nanots_diagnosis diagnosis_of(struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    return diagnosis;
}

static uint64_t segments_of(struct nanots_db *db, const char *table)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats(db, table, &stats, &db_error));
    return stats.segments;
}

static void breathe(void)
{
    const struct timespec pause = {0, 1000000};
    (void)nanosleep(&pause, NULL);
}

/* ---- one by one --------------------------------------------------------------------------- */

static void thread_flushes_and_merges_by_itself(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_eager(scratch->path, 0);
    struct db_rows wanted = db_rows_new(1);

    db_create(db, "a", 1);
    for (int64_t i = 0; i < 12; i++) {
        struct db_rows rows = db_rows_sine(150, 1, i * 13);
        db_append_all(db, "a", &rows);
        while (diagnosis_of(db).pending_rows != 0)
            breathe();
        db_rows_join(&wanted, &rows);
        db_rows_free(&rows);
    }
    while (segments_of(db, "a") > 3)
        breathe();
    db_rows_sort(&wanted);
    db_expect_table(db, "a", &wanted);
    assert_int_equal(diagnosis_of(db).maintenance_failures, 0);
    assert_int_equal(diagnosis_of(db).maintenance_status, NANOTS_OK);
    db_rows_free(&wanted);
    db_close(db);
}

static void thread_removes_what_grows_old(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_eager(scratch->path, 3600000);
    struct db_rows rows = db_rows_sine(200, 1, 0);

    db_create(db, "a", 1);
    db_append_all(db, "a", &rows);
    uint64_t left = rows.row_count;
    while (left != 0) {
        struct db_rows now = db_rows_read(db, "a", NULL);
        left = now.row_count;
        db_rows_free(&now);
        breathe();
    }
    db_rows_free(&rows);
    db_close(db);
}

static void thread_options_are_checked(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_maintenance options = {.struct_size = 0};
    const struct nanots_open_options open = {.struct_size = sizeof open,
                                             .auto_maintenance = &options};
    struct nanots_db *db = NULL;

    db_fails(nanots_open(scratch->path, &open, &db, &db_error), NANOTS_INVALID, "auto_maintenance");
    options.struct_size = sizeof options;
    options.max_segments_per_pack = 3;
    db_fails(nanots_open(scratch->path, &open, &db, &db_error), NANOTS_INVALID,
             "max_segments_per_pack");
    options.max_segments_per_pack = 0;
    options.wal_target_ratio = -1.0;
    db_fails(nanots_open(scratch->path, &open, &db, &db_error), NANOTS_INVALID, "wal_target_ratio");
    options.wal_target_ratio = (double)NAN;
    db_fails(nanots_open(scratch->path, &open, &db, &db_error), NANOTS_INVALID, "wal_target_ratio");
}

/* ---- opening and closing ------------------------------------------------------------------ */

/* Closes at once, with the thread anywhere in its work; every row is there at the next open. */
static void closes_in_the_midst_of_work_lose_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows wanted = db_rows_new(1);

    for (int64_t round = 0; round < 60; round++) {
        struct nanots_db *db = open_eager(scratch->path, 0);
        struct db_rows rows = db_rows_sine(200, 1, round * 31);
        if (round == 0)
            db_create(db, "a", 1);
        for (int part = 0; part < 4; part++) {
            db_append_all(db, "a", &rows);
            db_rows_join(&wanted, &rows);
            if (round % 2 == 0)
                db_ok(nanots_flush(db, &db_error));
        }
        db_rows_free(&rows);
        db_close(db);
    }
    struct nanots_db *db = open_eager(scratch->path, 0);
    db_rows_sort(&wanted);
    db_expect_table(db, "a", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

static void opens_and_closes_in_a_row_write_nothing(void **state)
{
    const struct scratch *scratch = *state;
    for (int round = 0; round < 200; round++)
        db_close(open_eager(scratch->path, 1));
    assert_int_equal(db_file_size(scratch->path), 0);
    struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = NANOTS_OPEN_READ_ONLY, .auto_maintenance = &eager};
    db_close(db_open_with(scratch->path, &options)); /* a reader has no thread */
}

/* The child has neither the thread nor the handle; the parent keeps both. */
static void child_of_fork_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_eager(scratch->path, 0);
    int outcome = 0;

    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(nanots_maintain(db, NULL, NULL, NULL) == NANOTS_MISUSE &&
                      nanots_close(db, NULL) == NANOTS_MISUSE
                  ? 0
                  : 1);
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    db_ok(nanots_append(db, "a", 2, 2.0, NULL, &db_error));
    db_close(db);
}

/* ---- all at once -------------------------------------------------------------------------- */

struct auto_run {
    struct nanots_db *db;
    atomic_uint failures;
    atomic_uint acked[APPENDERS];
    atomic_uint appending;
};

struct auto_job {
    struct auto_run *run;
    unsigned number;
    pthread_t thread;
};

static bool auto_ok(struct auto_run *run, nanots_status status, const char *what)
{
    if (status != NANOTS_OK) {
        print_error("%s: %s\n", what, db_error.message);
        atomic_fetch_add(&run->failures, 1);
    }
    return status == NANOTS_OK;
}

/* Row i of call c of the table has the time c * CALL_ROWS + i and itself as value. */
static void *auto_appender(void *context)
{
    struct auto_job *job = context;
    struct auto_run *run = job->run;
    int64_t ts[CALL_ROWS];
    double values[CALL_ROWS];
    char name[8];

    (void)snprintf(name, sizeof name, "a%u", job->number);
    for (unsigned call = 0; call < CALLS && atomic_load(&run->failures) == 0; call++) {
        const int64_t base = INT64_MAX / 2 + (int64_t)call * CALL_ROWS; /* never old */
        for (unsigned i = 0; i < CALL_ROWS; i++) {
            ts[i] = base + i;
            values[i] = (double)call * CALL_ROWS + i;
        }
        if (!auto_ok(run,
                     nanots_append_rows(run->db, name, ts, values, CALL_ROWS, 1, NULL, &db_error),
                     "append") ||
            !auto_ok(run, nanots_append(run->db, "old", call, 1.0, NULL, &db_error), "append old"))
            break;
        atomic_store(&run->acked[job->number], call + 1);
    }
    atomic_fetch_sub(&run->appending, 1);
    return NULL;
}

/* Reads what is left of a cursor: the rows from the first on without a gap. Returns how many. */
static uint64_t auto_drain(struct auto_run *run, struct nanots_cursor *cursor)
{
    uint64_t rows = 0;
    for (;;) {
        const struct nanots_batch *batch = NULL;
        if (!auto_ok(run, nanots_query_next(cursor, &batch, &db_error), "next") || batch == NULL)
            return rows;
        const double *values = batch->columns[0].values;
        for (size_t i = 0; i < batch->row_count; i++, rows++)
            if (batch->ts[i] != INT64_MAX / 2 + (int64_t)rows || values[i] != (double)rows) {
                print_error("row %llu is wrong\n", (unsigned long long)rows);
                atomic_fetch_add(&run->failures, 1);
                return rows;
            }
    }
}

/* Holds a cursor for a while, and reads it then: it has what it had, whatever was merged. */
static void *auto_reader(void *context)
{
    struct auto_job *job = context;
    struct auto_run *run = job->run;
    char name[8];

    for (unsigned round = job->number; atomic_load(&run->appending) != 0; round++) {
        const unsigned table = round % APPENDERS;
        struct nanots_cursor *cursor = NULL;
        (void)snprintf(name, sizeof name, "a%u", table);
        const unsigned acked = atomic_load(&run->acked[table]);
        if (!auto_ok(run, nanots_query_open(run->db, name, NULL, &cursor, &db_error), "query"))
            break;
        for (unsigned i = 0; i < 10; i++)
            breathe();
        const uint64_t rows = auto_drain(run, cursor);
        nanots_query_close(cursor);
        if (rows < (uint64_t)acked * CALL_ROWS || rows % CALL_ROWS != 0) {
            print_error("%llu rows after %u calls\n", (unsigned long long)rows, acked);
            atomic_fetch_add(&run->failures, 1);
        }
    }
    return NULL;
}

static void auto_expect_all(struct auto_run *run)
{
    for (unsigned k = 0; k < APPENDERS; k++) {
        char name[8];
        struct nanots_cursor *cursor = NULL;
        (void)snprintf(name, sizeof name, "a%u", k);
        db_ok(nanots_query_open(run->db, name, NULL, &cursor, &db_error));
        assert_int_equal(auto_drain(run, cursor), CALLS * CALL_ROWS);
        nanots_query_close(cursor);
    }
    assert_int_equal(atomic_load(&run->failures), 0);
}

static void rows_are_exact_beside_the_thread(void **state)
{
    const struct scratch *scratch = *state;
    static struct auto_run run;
    struct auto_job jobs[APPENDERS + READERS];

    memset(&run, 0, sizeof run);
    run.db = open_eager(scratch->path, 3600000);
    atomic_store(&run.appending, APPENDERS);
    db_create(run.db, "old", 1);
    for (unsigned k = 0; k < APPENDERS; k++) {
        char name[8];
        (void)snprintf(name, sizeof name, "a%u", k);
        db_create(run.db, name, 1);
    }
    for (unsigned i = 0; i < APPENDERS + READERS; i++) {
        jobs[i].run = &run;
        jobs[i].number = i < APPENDERS ? i : i - APPENDERS;
        assert_int_equal(pthread_create(&jobs[i].thread, NULL,
                                        i < APPENDERS ? auto_appender : auto_reader, &jobs[i]),
                         0);
    }
    for (unsigned i = 0; i < APPENDERS + READERS; i++)
        assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
    auto_expect_all(&run);
    const struct nanots_diagnosis diagnosis = diagnosis_of(run.db);
    print_message("# generation %llu, %llu segments\n", (unsigned long long)diagnosis.generation,
                  (unsigned long long)diagnosis.segments);
    assert_int_equal(diagnosis.maintenance_failures, 0);
    db_close(run.db);
    run.db = db_open(scratch->path);
    auto_expect_all(&run);
    db_close(run.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(thread_flushes_and_merges_by_itself),
        WITH_SCRATCH(thread_removes_what_grows_old),
        WITH_SCRATCH(thread_options_are_checked),
        WITH_SCRATCH(closes_in_the_midst_of_work_lose_nothing),
        WITH_SCRATCH(opens_and_closes_in_a_row_write_nothing),
        WITH_SCRATCH(child_of_fork_is_refused),
        WITH_SCRATCH(rows_are_exact_beside_the_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
