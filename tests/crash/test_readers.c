/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_readers.c - readers in other processes beside writers that come, go and are killed.
 *
 *   writer (a child a lap): call k --> "a": rows of k, "b": rows of k --> call k + 1 ...
 *                           flush, pack, cut, close and open between; then SIGKILL, at any moment
 *   readers (4 children):   refresh --> every call whole, in order, none lost, "b" not ahead of "a"
 *
 * Call k appends 1 + k mod 5 rows to "a" and then as many to "b", of times k * 8 + 0 ... and value
 * k. A reader knows from the first and the last call that it sees what lies between: retention cuts
 * whole calls only. What it has seen never goes back: the last call only grows, the first too.
 * What each of them found wrong is its exit code; the seed is printed. Every other writer has a
 * thread that maintains. A reader that is killed leaves a pin: it dies with it.
 *
 * STRESS_SECONDS=<n> in the environment: for so long, with a reader killed now and then (12 laps).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nanots.h"
#include "support/scratch.h"
#include "support/seed.h"

#define READERS      4
#define LAPS         12
#define LAP_US_MAX   250000u
#define CALL_ROWS    5
#define CALL_SPACING 8

/* Shared by all processes. */
struct readers_board {
    volatile uint64_t acknowledged; /* last call that is in both tables */
    volatile int stop;
    volatile uint64_t refreshes;
};

static uint64_t call_rows(uint64_t call)
{
    return 1 + call % CALL_ROWS;
}

/* ---- the writer --------------------------------------------------------------------------- */

static bool writer_call(struct nanots_db *db, uint64_t call)
{
    int64_t ts[CALL_ROWS];
    double values[CALL_ROWS];
    const size_t rows = (size_t)call_rows(call);
    for (size_t i = 0; i < rows; i++) {
        ts[i] = (int64_t)(call * CALL_SPACING + i);
        values[i] = (double)call;
    }
    return nanots_append_rows(db, "a", ts, values, rows, 1, NULL, NULL) == NANOTS_OK &&
           nanots_append_rows(db, "b", ts, values, rows, 1, NULL, NULL) == NANOTS_OK;
}

/* The first call that is not wholly in both tables; makes up for what "b" lacks. */
static bool writer_catch_up(struct nanots_db *db, uint64_t *call_out)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    int64_t ts[2] = {0, 0};
    double value;
    static const char *const names[2] = {"a", "b"};
    for (int t = 0; t < 2; t++) {
        const nanots_status made = nanots_create_table(db, names[t], &column, 1, NULL);
        if (made != NANOTS_OK && made != NANOTS_EXISTS)
            return false;
        const nanots_status last = nanots_last(db, names[t], &ts[t], &value, 1, NULL);
        if (last != NANOTS_OK && last != NANOTS_NOT_FOUND)
            return false;
    }
    if (ts[0] < ts[1])
        return false;
    *call_out = (uint64_t)ts[0] / CALL_SPACING + 1;
    if (ts[0] == ts[1])
        return true;
    const uint64_t call = *call_out - 1;
    int64_t missing[CALL_ROWS];
    double values[CALL_ROWS];
    for (size_t i = 0; i < call_rows(call); i++) {
        missing[i] = (int64_t)(call * CALL_SPACING + i);
        values[i] = (double)call;
    }
    return nanots_append_rows(db, "b", missing, values, (size_t)call_rows(call), 1, NULL, NULL) ==
           NANOTS_OK;
}

/* With a thread that looks for something to do all the time, for odd seeds. */
static nanots_status writer_open(const char *path, uint64_t seed, struct nanots_db **db_out)
{
    const struct nanots_maintenance maintenance = {.struct_size = sizeof maintenance,
                                                   .check_interval_ms = 5,
                                                   .retention_check_interval_ms = 5,
                                                   .min_idle_time_ms = 1,
                                                   .max_writes_per_sec = UINT64_MAX,
                                                   .max_segments_per_pack = 4};
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .auto_maintenance = seed % 2 != 0 ? &maintenance : NULL};
    return nanots_open(path, &options, db_out, NULL);
}

static bool writer_upkeep(struct nanots_db **db, const char *path, uint64_t call, uint64_t choice)
{
    const int64_t cutoff = call > 3000 ? (int64_t)(call - 3000) * CALL_SPACING : 0;
    switch (choice) {
    case 0:
    case 1:
        return nanots_flush(*db, NULL) == NANOTS_OK;
    case 2:
        return nanots_pack_table(*db, call % 2 == 0 ? "a" : "b", 0, NULL) == NANOTS_OK;
    case 3:
        return nanots_compact_retention(*db, NULL, cutoff, NULL, NULL) == NANOTS_OK;
    case 4:
        if (nanots_close(*db, NULL) != NANOTS_OK)
            return false;
        return nanots_open(path, NULL, db, NULL) == NANOTS_OK;
    default:
        return true;
    }
}

static int writer_main(const char *path, struct readers_board *board, uint64_t seed)
{
    struct nanots_db *db = NULL;
    uint64_t call = 0;
    if (writer_open(path, seed, &db) != NANOTS_OK)
        return 1;
    if (!writer_catch_up(db, &call))
        return 2;
    if (call <= board->acknowledged)
        return 3; /* an acknowledged call is gone */
    while (board->stop == 0) {
        if (!writer_call(db, call))
            return 4;
        board->acknowledged = call++;
        if (seed_next(&seed) % 400 == 0 && !writer_upkeep(&db, path, call, seed_next(&seed) % 8))
            return 5;
    }
    return nanots_close(db, NULL) == NANOTS_OK ? 0 : 6;
}

/* ---- a reader ----------------------------------------------------------------------------- */

struct reader_view {
    uint64_t first; /* call */
    uint64_t last;
    uint64_t rows;
};

/* Every row in order, every call whole. 0, or what is wrong. */
static int reader_scan(struct nanots_db *db, const char *table, int64_t from,
                       struct reader_view *view)
{
    struct nanots_query query = {
        .struct_size = sizeof query, .flags = NANOTS_QUERY_FROM, .from = from};
    const struct nanots_batch *batch = NULL;
    struct nanots_cursor *cursor = NULL;
    uint64_t row = 0; /* of the call that is expected next */
    *view = (struct reader_view){0, 0, 0};
    const nanots_status status = nanots_query_open(db, table, &query, &cursor, NULL);
    if (status == NANOTS_NOT_FOUND)
        return 0;
    if (status != NANOTS_OK)
        return 10;
    int fault = 0;
    while (fault == 0) {
        if (nanots_query_next(cursor, &batch, NULL) != NANOTS_OK)
            fault = 11;
        if (fault != 0 || batch == NULL)
            break;
        const double *values = batch->columns[0].values;
        for (size_t i = 0; i < batch->row_count && fault == 0; i++) {
            if (view->rows++ == 0)
                view->first = view->last = (uint64_t)batch->ts[i] / CALL_SPACING;
            if (batch->ts[i] != (int64_t)(view->last * CALL_SPACING + row) ||
                values[i] != (double)view->last)
                fault = 12;
            if (++row == call_rows(view->last)) {
                view->last++;
                row = 0;
            }
        }
    }
    nanots_query_close(cursor);
    if (fault == 0 && row != 0)
        fault = 13; /* half a call */
    view->last -= view->rows != 0;
    return fault;
}

static int reader_check(struct nanots_db *db, uint64_t acknowledged, struct reader_view seen[2],
                        bool whole)
{
    struct reader_view now[2];
    static const char *const names[2] = {"a", "b"};
    for (int t = 0; t < 2; t++) {
        const uint64_t from = whole || seen[t].last < 20 ? 0 : seen[t].last - 20;
        const int fault = reader_scan(db, names[t], (int64_t)(from * CALL_SPACING), &now[t]);
        if (fault != 0)
            return fault + 10 * t;
        if (now[t].last < seen[t].last)
            return 40; /* went back */
        if (whole && now[t].rows != 0 && now[t].first < seen[t].first)
            return 41; /* rows that were cut are back */
        if (now[t].last < acknowledged)
            return 42; /* a call that had returned is missing */
        if (!whole)
            now[t].first = seen[t].first;
        seen[t] = now[t];
    }
    /* Appended to "a" first: a state with more calls in "b" is none that ever was. */
    return now[1].last > now[0].last || now[0].last > now[1].last + 1 ? 43 : 0;
}

static int reader_main(const char *path, struct readers_board *board, uint64_t seed)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY};
    struct reader_view seen[2] = {{0, 0, 0}, {0, 0, 0}};
    struct nanots_error error;
    struct nanots_db *db = NULL;
    uint64_t counter = 0;
    if (nanots_open(path, &options, &db, NULL) != NANOTS_OK)
        return 1;
    while (board->stop == 0) {
        const uint64_t acknowledged = board->acknowledged;
        uint64_t now = 0;
        int changed = 0;
        if (nanots_refresh(db, &changed, &error) != NANOTS_OK) {
            (void)fprintf(stderr, "# refresh: %s\n", error.message);
            return 2;
        }
        const int fault = reader_check(db, acknowledged, seen, seed_next(&seed) % 16 == 0);
        if (fault != 0)
            return fault;
        if (nanots_change_counter(db, &now, &error) != NANOTS_OK) {
            (void)fprintf(stderr, "# counter: %s\n", error.message);
            return 3;
        }
        if (now < counter)
            return 4;
        counter = now;
        board->refreshes++;
        if (seed_next(&seed) % 4 == 0)
            (void)usleep((useconds_t)(seed_next(&seed) % 3000));
    }
    return nanots_close(db, NULL) == NANOTS_OK ? 0 : 5;
}

/* ---- the play ----------------------------------------------------------------------------- */

static pid_t play_start(int (*role)(const char *, struct readers_board *, uint64_t),
                        const char *path, struct readers_board *board, uint64_t seed)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(role(path, board, seed));
    return child;
}

static void play_expect_end(pid_t child, const char *who, bool may_be_killed)
{
    int outcome = 0;
    assert_int_equal(waitpid(child, &outcome, 0), child);
    if (WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGKILL && may_be_killed)
        return;
    if (!WIFEXITED(outcome) || WEXITSTATUS(outcome) != 0)
        fail_msg("%s ended with %s %d", who, WIFEXITED(outcome) ? "code" : "signal",
                 WIFEXITED(outcome) ? WEXITSTATUS(outcome) : WTERMSIG(outcome));
}

/* Nobody reads any more: what the dead ones held is free, and every checksum is right. */
static void play_check_end(const char *path)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_db *db = NULL;
    assert_int_equal(nanots_open(path, NULL, &db, NULL), NANOTS_OK);
    assert_int_equal(nanots_diagnose(db, &diagnosis, NULL), NANOTS_OK);
    assert_int_equal(diagnosis.oldest_pin, diagnosis.generation);
    assert_int_equal(nanots_verify(db, NULL, NULL, &report, NULL), NANOTS_OK);
    assert_int_equal(report.damage, 0);
    assert_int_equal(nanots_close(db, NULL), NANOTS_OK);
}

/* Goal: four readers see each call wholly, in order, at once, and never go back, whatever becomes
 * of the writers. */
static void readers_beside_writers_that_are_killed(void **state)
{
    const struct scratch *scratch = *state;
    uint64_t seed = seed_of_run();
    pid_t readers[READERS];
    struct nanots_db *db = NULL;
    struct readers_board *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(board != MAP_FAILED);
    assert_int_equal(nanots_open(scratch->path, NULL, &db, NULL), NANOTS_OK);
    assert_int_equal(nanots_close(db, NULL), NANOTS_OK);
    for (int i = 0; i < READERS; i++)
        readers[i] = play_start(reader_main, scratch->path, board, seed_next(&seed));
    const time_t end = time(NULL) + (time_t)seed_amount("STRESS_SECONDS", 0);
    unsigned lap = 0;
    for (; lap < LAPS || time(NULL) < end; lap++) {
        const pid_t writer = play_start(writer_main, scratch->path, board, seed_next(&seed));
        (void)usleep((useconds_t)(seed_next(&seed) % LAP_US_MAX));
        if (lap % 3 == 2) { /* a reader that dies, and one in its place */
            pid_t *reader = &readers[seed_next(&seed) % READERS];
            (void)kill(*reader, SIGKILL);
            play_expect_end(*reader, "a reader", true);
            *reader = play_start(reader_main, scratch->path, board, seed_next(&seed));
        }
        (void)kill(writer, SIGKILL);
        play_expect_end(writer, "a writer", true);
    }
    board->stop = 1;
    for (int i = 0; i < READERS; i++)
        play_expect_end(readers[i], "a reader", false);
    play_expect_end(play_start(writer_main, scratch->path, board, 0), "the last writer", false);
    play_check_end(scratch->path);
    (void)printf("# %u writers and %u readers killed; %llu calls, %llu refreshes\n", lap, lap / 3,
                 (unsigned long long)board->acknowledged, (unsigned long long)board->refreshes);
    assert_true(board->acknowledged != 0 && board->refreshes != 0);
    (void)munmap(board, sizeof *board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(readers_beside_writers_that_are_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
