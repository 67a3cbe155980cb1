/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/test_snapshots.c - a query that is held for long sees exactly the rows of its opening
 * (contract I6), whatever threads do meanwhile.
 *
 *   2 appenders   rows of times 2 i + k, the i-th of appender k      \  each call, or each opening,
 *   1 cutter      retention that cuts for good                       |  under the lock of the test:
 *   2 holders     open a query, note what is there ------------------/  so what is there is known
 *                 read a part, wait for 2000 later rows, read on: no row less, more or other
 *   1 packer      flush and pack, at any time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "nanots.h"
#include "support/scratch.h"

#define APPENDERS 2
#define HOLDERS   2
#define ROUNDS    6    /* queries of each holder */
#define LATER     2000 /* rows that come while one is held */

struct play {
    struct nanots_db *db;
    pthread_mutex_t mutex; /* guards the next two, together with the calls that change them */
    int64_t counts[APPENDERS];
    int64_t cutoff;
    atomic_llong rows; /* appended */
    atomic_bool stop;
    atomic_int failures;
};

struct role {
    struct play *play;
    int64_t number;
    pthread_t thread;
};

static double value_of(int64_t ts)
{
    return (double)(ts * 2654435761 % 1000003);
}

static void play_require(struct play *play, bool holds)
{
    if (!holds)
        (void)atomic_fetch_add(&play->failures, 1);
}

static bool play_goes_on(struct play *play)
{
    return !atomic_load(&play->stop) && atomic_load(&play->failures) == 0;
}

static void *appender_main(void *context)
{
    const struct role *role = context;
    struct play *play = role->play;
    for (int64_t i = 0; play_goes_on(play); i++) {
        const int64_t ts = 2 * i + role->number;
        (void)pthread_mutex_lock(&play->mutex);
        play_require(play, nanots_append(play->db, "t", ts, value_of(ts), NULL, NULL) == NANOTS_OK);
        play->counts[role->number] = i + 1;
        (void)pthread_mutex_unlock(&play->mutex);
        (void)atomic_fetch_add(&play->rows, 1);
        if (i % 64 == 0)
            (void)usleep(500);
    }
    return NULL;
}

/* Cuts what is more than 3000 rows old. */
static void *cutter_main(void *context)
{
    struct play *play = ((const struct role *)context)->play;
    while (play_goes_on(play)) {
        (void)pthread_mutex_lock(&play->mutex);
        const int64_t *counts = play->counts; /* who lags appends nothing older than that */
        const int64_t cutoff = 2 * (counts[0] < counts[1] ? counts[0] : counts[1]) - 3000;
        if (cutoff > play->cutoff) {
            play_require(play,
                         nanots_compact_retention(play->db, "t", cutoff, NULL, NULL) == NANOTS_OK);
            play->cutoff = cutoff;
        }
        (void)pthread_mutex_unlock(&play->mutex);
        (void)usleep(20000);
    }
    return NULL;
}

static void *packer_main(void *context)
{
    struct play *play = ((const struct role *)context)->play;
    for (unsigned i = 0; play_goes_on(play); i++) {
        const nanots_status status =
            i % 4 == 3 ? nanots_pack_table(play->db, "t", 700, NULL) : nanots_flush(play->db, NULL);
        play_require(play, status == NANOTS_OK);
        (void)usleep(3000);
    }
    return NULL;
}

/* What a query has to give, row by row. */
struct expected {
    int64_t counts[APPENDERS];
    int64_t ts; /* next */
};

static bool expected_next(struct expected *expected, int64_t ts, double value)
{
    while (expected->ts < ts && expected->ts / 2 >= expected->counts[expected->ts % 2])
        expected->ts++; /* the other appender was faster */
    return expected->ts++ == ts && value == value_of(ts);
}

static bool expected_is_done(const struct expected *expected)
{
    for (int64_t k = 0; k < APPENDERS; k++)
        if (expected->counts[k] != 0 && 2 * (expected->counts[k] - 1) + k >= expected->ts)
            return false;
    return true;
}

static void holder_wait(struct play *play)
{
    const long long enough = atomic_load(&play->rows) + LATER;
    while (atomic_load(&play->rows) < enough && play_goes_on(play))
        (void)usleep(2000);
}

static void holder_round(struct play *play)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct expected expected;
    (void)pthread_mutex_lock(&play->mutex);
    play_require(play, nanots_query_open(play->db, "t", NULL, &cursor, NULL) == NANOTS_OK);
    memcpy(expected.counts, play->counts, sizeof expected.counts);
    expected.ts = play->cutoff;
    (void)pthread_mutex_unlock(&play->mutex);
    for (unsigned batches = 0; play_goes_on(play); batches++) {
        if (batches < 2)
            holder_wait(play);
        play_require(play, nanots_query_next(cursor, &batch, NULL) == NANOTS_OK);
        if (batch == NULL)
            break;
        const double *values = batch->columns[0].values;
        for (size_t i = 0; i < batch->row_count; i++)
            play_require(play, expected_next(&expected, batch->ts[i], values[i]));
    }
    play_require(play, expected_is_done(&expected));
    nanots_query_close(cursor);
}

static void *holder_main(void *context)
{
    struct play *play = ((const struct role *)context)->play;
    for (unsigned i = 0; i < ROUNDS && play_goes_on(play); i++)
        holder_round(play);
    return NULL;
}

static void snapshots_held_long_see_exactly_their_rows(void **state)
{
    static void *(*const mains[])(void *) = {holder_main,   holder_main, appender_main,
                                             appender_main, cutter_main, packer_main};
    const struct scratch *scratch = *state;
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .wal_bytes = 64u << 10};
    struct play play = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct role roles[sizeof mains / sizeof mains[0]];
    const size_t count = sizeof mains / sizeof mains[0];
    assert_int_equal(nanots_open(scratch->path, &options, &play.db, NULL), NANOTS_OK);
    assert_int_equal(nanots_create_table(play.db, "t", &column, 1, NULL), NANOTS_OK);
    for (size_t i = 0; i < count; i++) {
        roles[i] = (struct role){.play = &play, .number = (int64_t)(i % APPENDERS)};
        assert_int_equal(pthread_create(&roles[i].thread, NULL, mains[i], &roles[i]), 0);
    }
    for (size_t i = 0; i < HOLDERS; i++)
        assert_int_equal(pthread_join(roles[i].thread, NULL), 0);
    atomic_store(&play.stop, true);
    for (size_t i = HOLDERS; i < count; i++)
        assert_int_equal(pthread_join(roles[i].thread, NULL), 0);
    (void)printf("# %lld rows, cut before %lld\n", atomic_load(&play.rows), (long long)play.cutoff);
    assert_int_equal(atomic_load(&play.failures), 0);
    assert_true(play.cutoff > 0);
    assert_int_equal(nanots_close(play.db, NULL), NANOTS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(snapshots_held_long_see_exactly_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
