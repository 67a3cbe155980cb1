/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_thread_posix.c - mutex, condition, thread (os/thread.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "os/clock.h"
#include "os/thread.h"

#define THREAD_STEPS 20000

struct thread_shared {
    struct nts_mutex mutex;
    struct nts_cond cond;
    uint64_t count; /* guarded by mutex */
    bool turn_of_child;
    bool signals_blocked;
};

static void thread_shared_init(struct thread_shared *shared)
{
    *shared = (struct thread_shared){.count = 0};
    nts_mutex_init(&shared->mutex);
    nts_cond_init(&shared->cond);
}

static void thread_shared_deinit(struct thread_shared *shared)
{
    nts_cond_deinit(&shared->cond);
    nts_mutex_deinit(&shared->mutex);
}

static void thread_count_up(void *context)
{
    struct thread_shared *shared = context;
    for (int i = 0; i < THREAD_STEPS; i++) {
        nts_mutex_lock(&shared->mutex);
        shared->count++;
        nts_mutex_unlock(&shared->mutex);
    }
}

static void mutex_under_contention_loses_no_step(void **state)
{
    struct thread_shared shared;
    struct nts_thread threads[4];
    (void)state;
    thread_shared_init(&shared);
    for (int i = 0; i < 4; i++)
        assert_int_equal(nts_thread_start(&threads[i], thread_count_up, &shared, NULL), NANOTS_OK);
    for (int i = 0; i < 4; i++)
        nts_thread_join(&threads[i]);
    assert_int_equal(shared.count, 4 * THREAD_STEPS);
    thread_shared_deinit(&shared);
}

static void thread_take_turns(void *context)
{
    struct thread_shared *shared = context;
    nts_mutex_lock(&shared->mutex);
    for (int i = 0; i < 100; i++) {
        while (!shared->turn_of_child)
            nts_cond_wait(&shared->cond, &shared->mutex);
        shared->count++;
        shared->turn_of_child = false;
        nts_cond_broadcast(&shared->cond);
    }
    nts_mutex_unlock(&shared->mutex);
}

static void cond_hands_turns_back_and_forth(void **state)
{
    struct thread_shared shared;
    struct nts_thread thread;
    (void)state;
    thread_shared_init(&shared);
    assert_int_equal(nts_thread_start(&thread, thread_take_turns, &shared, NULL), NANOTS_OK);
    nts_mutex_lock(&shared.mutex);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(shared.count, i);
        shared.turn_of_child = true;
        nts_cond_signal(&shared.cond);
        while (shared.turn_of_child)
            assert_true(nts_cond_wait_ms(&shared.cond, &shared.mutex, 60000));
    }
    nts_mutex_unlock(&shared.mutex);
    nts_thread_join(&thread);
    assert_int_equal(shared.count, 100);
    thread_shared_deinit(&shared);
}

static void cond_wait_ms_without_signal_returns_false_in_time(void **state)
{
    struct thread_shared shared;
    bool signalled = true;
    (void)state;
    thread_shared_init(&shared);
    nts_mutex_lock(&shared.mutex);
    const uint64_t start = nts_clock_coarse_ms();
    while (signalled) /* a wakeup without cause is allowed and says true */
        signalled = nts_cond_wait_ms(&shared.cond, &shared.mutex, 50);
    const uint64_t waited = nts_clock_coarse_ms() - start;
    nts_mutex_unlock(&shared.mutex);
    assert_true(waited >= 40); /* the coarse clock is a few milliseconds late */
    assert_true(waited < 10000);
    thread_shared_deinit(&shared);
}

static void cond_wait_ms_of_zero_returns_at_once(void **state)
{
    struct thread_shared shared;
    (void)state;
    thread_shared_init(&shared);
    nts_mutex_lock(&shared.mutex);
    assert_false(nts_cond_wait_ms(&shared.cond, &shared.mutex, 0));
    nts_mutex_unlock(&shared.mutex);
    thread_shared_deinit(&shared);
}

static void thread_look_at_signals(void *context)
{
    struct thread_shared *shared = context;
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    shared->signals_blocked = sigismember(&blocked, SIGINT) == 1 &&
                              sigismember(&blocked, SIGTERM) == 1 &&
                              sigismember(&blocked, SIGALRM) == 1;
}

static void thread_start_blocks_signals_in_the_child_alone(void **state)
{
    struct thread_shared shared;
    struct nts_thread thread;
    sigset_t mine;
    (void)state;
    thread_shared_init(&shared);
    assert_int_equal(nts_thread_start(&thread, thread_look_at_signals, &shared, NULL), NANOTS_OK);
    nts_thread_join(&thread);
    assert_true(shared.signals_blocked);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
    thread_shared_deinit(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutex_under_contention_loses_no_step),
        cmocka_unit_test(cond_hands_turns_back_and_forth),
        cmocka_unit_test(cond_wait_ms_without_signal_returns_false_in_time),
        cmocka_unit_test(cond_wait_ms_of_zero_returns_at_once),
        cmocka_unit_test(thread_start_blocks_signals_in_the_child_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
