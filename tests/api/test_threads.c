/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_threads.c - threads on one handle: appenders, readers, flush, pack, retention.
 *
 *   4 appenders   calls of 1..40 rows into two tables; each row holds its thread, call and place
 *   2 readers     queries in both directions: whole calls only, and never fewer than before
 *   1 packer      flush, pack, and retention that removes nothing
 *
 * A row is (ts, thread, call, place, rows of the call). What a thread appends has rising times, and
 * the threads' times interleave. Runs under the thread sanitizer too, where it is what finds races.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"

#define APPENDERS     4u
#define READERS       2u
#define TABLES        2u
#define COLUMNS       4u
#define CALL_ROWS_MAX 40u
#define RUN_SECONDS   1.0
#define THREAD_CALLS  20000u /* at most, so that a slow reader is not left behind for ever */
#define PAUSE_EVERY   64u

static const char *const threads_tables[TABLES] = {"even", "odd"};

struct threads_run {
    struct nanots_db *db;
    atomic_bool must_stop;
    atomic_uint failures;
    atomic_uint acked[APPENDERS]; /* calls that returned */
    atomic_ullong rows;
};

struct threads_job {
    struct threads_run *run;
    unsigned number;
    pthread_t thread;
};

/* Called from any thread, so it cannot jump out as an assert does. */
static void threads_fail(struct threads_run *run, const char *what, const char *detail)
{
    print_error("%s: %s\n", what, detail);
    atomic_fetch_add(&run->failures, 1);
    atomic_store(&run->must_stop, true);
}

static bool threads_ok(struct threads_run *run, nanots_status status, const char *what)
{
    if (status != NANOTS_OK)
        threads_fail(run, what, db_error.message);
    return status == NANOTS_OK;
}

/* ---- appenders ---------------------------------------------------------------------------- */

/* Rows of a call: a number that both sides can tell. */
static size_t call_rows(unsigned thread, unsigned call)
{
    uint64_t state = (uint64_t)thread << 32 | call;
    const uint64_t random = seed_next(&state);
    return random % 4 != 0 ? 1 : 2 + random / 4 % (CALL_ROWS_MAX - 1);
}

static bool append_call(struct threads_run *run, unsigned thread, unsigned call)
{
    const size_t count = call_rows(thread, call);
    int64_t ts[CALL_ROWS_MAX];
    double values[CALL_ROWS_MAX * COLUMNS];

    for (size_t i = 0; i < count; i++) {
        double *row = values + i * COLUMNS;
        ts[i] = (int64_t)call * 10 + thread;
        row[0] = thread;
        row[1] = call;
        row[2] = (double)i;
        row[3] = (double)count;
    }
    atomic_fetch_add(&run->rows, count);
    return threads_ok(run,
                      nanots_append_rows(run->db, threads_tables[thread % TABLES], ts, values,
                                         count, COLUMNS, NULL, &db_error),
                      "append");
}

static void *appender_main(void *context)
{
    struct threads_job *job = context;
    struct threads_run *run = job->run;
    const struct timespec pause = {0, 100000};

    for (unsigned call = 0; call < THREAD_CALLS && !atomic_load(&run->must_stop); call++) {
        if (!append_call(run, job->number, call))
            break;
        atomic_store(&run->acked[job->number], call + 1);
        if (call % PAUSE_EVERY == 0)
            (void)nanosleep(&pause, NULL); /* lets readers see many states */
    }
    return NULL;
}

/* ---- readers ------------------------------------------------------------------------------ */

/* What one scan has seen of each appender. */
struct reader_view {
    unsigned calls[APPENDERS];      /* calls seen whole */
    double rows_in_call[APPENDERS]; /* of the call that is being seen */
    int64_t last_ts;
};

/* Forward, the rows of a thread come call by call, place by place; false if not. */
static bool view_take_row(struct reader_view *view, int64_t ts, const double *row)
{
    const unsigned thread = (unsigned)row[0];
    if (thread >= APPENDERS || ts < view->last_ts)
        return false;
    view->last_ts = ts;
    if ((unsigned)row[1] != view->calls[thread] || row[2] != view->rows_in_call[thread])
        return false;
    view->rows_in_call[thread]++;
    if (row[3] == view->rows_in_call[thread]) {
        view->rows_in_call[thread] = 0;
        view->calls[thread]++;
    }
    return true;
}

/* Reads `table` wholly; `backward` counts rows only. */
static bool reader_scan(struct threads_run *run, const char *table, bool backward,
                        struct reader_view *view, uint64_t *rows_out)
{
    struct nanots_query query = {.struct_size = sizeof query};
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    bool is_good = true;

    query.flags = backward ? NANOTS_QUERY_REVERSE : 0;
    *rows_out = 0;
    if (!threads_ok(run, nanots_query_open(run->db, table, &query, &cursor, &db_error), "query"))
        return false;
    while (is_good) {
        is_good = threads_ok(run, nanots_query_next(cursor, &batch, &db_error), "next");
        if (!is_good || batch == NULL)
            break;
        *rows_out += batch->row_count;
        for (size_t i = 0; i < batch->row_count && !backward && is_good; i++) {
            double row[COLUMNS];
            for (size_t c = 0; c < COLUMNS; c++)
                row[c] = ((const double *)batch->columns[c].values)[i];
            is_good = view_take_row(view, batch->ts[i], row);
            if (!is_good)
                threads_fail(run, table, "a row out of order, torn from its call, or missing");
        }
    }
    nanots_query_close(cursor);
    return is_good;
}

/* A call that was acknowledged before the scan is in it, whole; nothing that was seen goes away. */
static bool reader_round(struct threads_run *run, unsigned table, unsigned *seen, uint64_t *rows)
{
    struct reader_view view = {.last_ts = INT64_MIN};
    unsigned acked[APPENDERS];
    uint64_t forward = 0;
    uint64_t backward = 0;

    for (unsigned k = 0; k < APPENDERS; k++)
        acked[k] = atomic_load(&run->acked[k]);
    if (!reader_scan(run, threads_tables[table], false, &view, &forward) ||
        !reader_scan(run, threads_tables[table], true, &view, &backward))
        return false;
    for (unsigned k = table; k < APPENDERS; k += TABLES) {
        if (view.rows_in_call[k] != 0)
            threads_fail(run, threads_tables[table], "a call is seen in part");
        if (view.calls[k] < acked[k])
            threads_fail(run, threads_tables[table], "an acknowledged call is missing");
        if (view.calls[k] < seen[k])
            threads_fail(run, threads_tables[table], "a reader went back in time");
        seen[k] = view.calls[k];
    }
    if (forward < *rows || backward < forward)
        threads_fail(run, threads_tables[table], "rows that were seen are gone");
    *rows = backward;
    return true;
}

static void *reader_main(void *context)
{
    struct threads_job *job = context;
    unsigned seen[APPENDERS] = {0};
    uint64_t rows[TABLES] = {0};

    for (unsigned round = job->number; !atomic_load(&job->run->must_stop); round++)
        if (!reader_round(job->run, round % TABLES, seen, &rows[round % TABLES]))
            break;
    return NULL;
}

/* ---- upkeep ------------------------------------------------------------------------------- */

static void *packer_main(void *context)
{
    struct threads_job *job = context;
    struct threads_run *run = job->run;
    const struct timespec pause = {0, 2000000};
    uint64_t removed = 0;

    for (unsigned round = 0; !atomic_load(&run->must_stop); round++) {
        const char *table = threads_tables[round % TABLES];
        nanots_status status = NANOTS_OK;
        if (round % 4 == 0)
            status = nanots_pack_table(run->db, table, 3000, &db_error);
        else if (round % 4 == 1)
            status = nanots_compact_retention(run->db, NULL, 0, &removed, &db_error);
        else
            status = nanots_flush(run->db, &db_error);
        if (!threads_ok(run, status, "upkeep"))
            break;
        if (removed != 0)
            threads_fail(run, table, "retention removed rows that are not old");
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

/* ---- run ---------------------------------------------------------------------------------- */

static void threads_start(struct threads_run *run, struct threads_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *(*body)(void *) = i < APPENDERS             ? appender_main
                                : i < APPENDERS + READERS ? reader_main
                                                          : packer_main;
        jobs[i].run = run;
        jobs[i].number = (unsigned)(i < APPENDERS ? i : i - APPENDERS);
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, body, &jobs[i]), 0);
    }
}

/* Everything that was acknowledged is there in the end, and after reopening. */
static void threads_expect_all(struct threads_run *run)
{
    uint64_t rows = 0;
    for (unsigned t = 0; t < TABLES; t++) {
        struct reader_view view = {.last_ts = INT64_MIN};
        uint64_t count = 0;
        assert_true(reader_scan(run, threads_tables[t], false, &view, &count));
        for (unsigned k = t; k < APPENDERS; k += TABLES)
            assert_int_equal(view.calls[k], atomic_load(&run->acked[k]));
        rows += count;
    }
    assert_int_equal(rows, atomic_load(&run->rows));
}

static void threads_run_for_a_while(const char *path, nanots_sync_mode mode)
{
    static struct threads_run run;
    struct nanots_open_options options = {.struct_size = sizeof options};
    struct threads_job jobs[APPENDERS + READERS + 1];
    const size_t count = sizeof jobs / sizeof jobs[0];
    const struct timespec pause = {(time_t)RUN_SECONDS, 0};

    memset(&run, 0, sizeof run);
    options.wal_bytes = 256 << 10; /* so that logs are changed and flushes wait often */
    options.memtable_bytes = 1 << 20;
    options.sync_mode = mode;
    run.db = db_open_with(path, &options);
    for (unsigned t = 0; t < TABLES; t++)
        db_create(run.db, threads_tables[t], COLUMNS);
    threads_start(&run, jobs, count);
    (void)nanosleep(&pause, NULL);
    atomic_store(&run.must_stop, true);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
    assert_int_equal(atomic_load(&run.failures), 0);
    print_message("# %llu rows\n", (unsigned long long)atomic_load(&run.rows));
    assert_true(atomic_load(&run.rows) > 100);
    threads_expect_all(&run);
    run.db = db_reopen(run.db, path);
    threads_expect_all(&run);
    db_close(run.db);
}

static void threads_see_whole_calls_and_never_go_back(void **state)
{
    const struct scratch *scratch = *state;
    threads_run_for_a_while(scratch->path, NANOTS_SYNC_NORMAL);
}

/* Rows become visible after their sync here, which is another order of things. */
static void threads_in_full_sync_mode_see_whole_calls(void **state)
{
    const struct scratch *scratch = *state;
    threads_run_for_a_while(scratch->path, NANOTS_SYNC_FULL);
}

/* Goal: of threads that make the same series at once, all succeed and one table comes of it. */
static void *series_main(void *context)
{
    struct threads_job *job = context;
    char name[16];

    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "s%u", i);
        if (!threads_ok(job->run,
                        nanots_append(job->run->db, name, job->number, i, NULL, &db_error),
                        "append"))
            break;
    }
    return NULL;
}

static void threads_that_make_one_series_share_it(void **state)
{
    const struct scratch *scratch = *state;
    struct threads_run run = {.db = db_open(scratch->path)};
    struct threads_job jobs[APPENDERS];
    struct nanots_table_list list;
    struct nanots_series series;

    for (unsigned i = 0; i < APPENDERS; i++) {
        jobs[i].run = &run;
        jobs[i].number = i;
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, series_main, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < APPENDERS; i++)
        assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
    assert_int_equal(atomic_load(&run.failures), 0);
    db_ok(nanots_list_tables(run.db, &list, &db_error));
    assert_int_equal(list.count, 200);
    for (size_t i = 0; i < list.count; i++) {
        db_ok(nanots_query_range(run.db, list.names[i], 0, 9, &series, &db_error));
        assert_int_equal(series.row_count, APPENDERS);
        nanots_free(series.block);
    }
    nanots_free(list.block);
    db_close(run.db);
}

/* ---- opening beside a writer -------------------------------------------------------------- */

/* Single rows of rising time, a flush now and then, and old rows cut, so that commits of all kinds
 * come between the steps of whoever opens. */
static void *writer_main(void *context)
{
    struct threads_run *run = ((struct threads_job *)context)->run;
    for (unsigned call = 0; !atomic_load(&run->must_stop); call++) {
        if (!threads_ok(run, nanots_append(run->db, "a", call, call, NULL, &db_error), "append"))
            break;
        atomic_store(&run->acked[0], call + 1);
        if (call % 50 == 49 && !threads_ok(run, nanots_flush(run->db, &db_error), "flush"))
            break;
        if (call % 400 == 399 &&
            !threads_ok(run, nanots_compact_retention(run->db, "a", 1, NULL, &db_error), "retain"))
            break;
    }
    return NULL;
}

/* Goal: whoever opens the file beside a busy writer sees all rows acknowledged before, in order.
 * Method: as many read-only opens as fit half a second. */
static void readers_that_open_beside_a_busy_writer_see_all_rows(void **state)
{
    const struct scratch *scratch = *state;
    static struct threads_run run;
    struct threads_job job = {.run = &run};
    unsigned opens = 0;

    memset(&run, 0, sizeof run);
    run.db = db_open(scratch->path);
    db_ok(nanots_append(run.db, "a", -1, -1.0, NULL, &db_error));
    assert_int_equal(pthread_create(&job.thread, NULL, writer_main, &job), 0);
    const clock_t end = clock() + CLOCKS_PER_SEC / 2;
    for (; clock() < end && atomic_load(&run.failures) == 0; opens++) {
        struct nanots_series series;
        const unsigned acked = atomic_load(&run.acked[0]);
        struct nanots_db *reader = db_open_read_only(scratch->path);
        db_ok(nanots_query_range(reader, "a", 1, INT64_MAX, &series, &db_error));
        assert_true(series.row_count + 1 >= acked);
        for (size_t i = 0; i < series.row_count; i++)
            assert_int_equal(series.ts[i], i + 1);
        nanots_free(series.block);
        db_close(reader);
    }
    atomic_store(&run.must_stop, true);
    assert_int_equal(pthread_join(job.thread, NULL), 0);
    assert_int_equal(atomic_load(&run.failures), 0);
    print_message("# %u opens beside %u rows\n", opens, atomic_load(&run.acked[0]));
    assert_true(opens > 3);
    db_close(run.db);
}

#define THREADS_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADS_TEST(threads_see_whole_calls_and_never_go_back),
        THREADS_TEST(threads_in_full_sync_mode_see_whole_calls),
        THREADS_TEST(threads_that_make_one_series_share_it),
        THREADS_TEST(readers_that_open_beside_a_busy_writer_see_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
