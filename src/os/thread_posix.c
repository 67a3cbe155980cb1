/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/thread_posix.c - mutex, condition, thread on pthreads. */
#define _GNU_SOURCE       1 /* pthread_condattr_setclock, pthread_sigmask */
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS        64
#include "os/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

void nts_mutex_init(struct nts_mutex *mutex)
{
    const int failed = pthread_mutex_init(&mutex->os, NULL);
    assert(failed == 0);
    (void)failed;
}

void nts_mutex_deinit(struct nts_mutex *mutex)
{
    const int failed = pthread_mutex_destroy(&mutex->os);
    assert(failed == 0);
    (void)failed;
}

void nts_mutex_lock(struct nts_mutex *mutex)
{
    const int failed = pthread_mutex_lock(&mutex->os);
    assert(failed == 0);
    (void)failed;
}

void nts_mutex_unlock(struct nts_mutex *mutex)
{
    const int failed = pthread_mutex_unlock(&mutex->os);
    assert(failed == 0);
    (void)failed;
}

/* On the monotonic clock, so that setting the date neither shortens nor prolongs a wait. */
void nts_cond_init(struct nts_cond *cond)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    assert(failed == 0);
    failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    assert(failed == 0);
    failed = pthread_cond_init(&cond->os, &attributes);
    assert(failed == 0);
    (void)failed;
    (void)pthread_condattr_destroy(&attributes);
}

void nts_cond_deinit(struct nts_cond *cond)
{
    const int failed = pthread_cond_destroy(&cond->os);
    assert(failed == 0);
    (void)failed;
}

void nts_cond_wait(struct nts_cond *cond, struct nts_mutex *mutex)
{
    const int failed = pthread_cond_wait(&cond->os, &mutex->os);
    assert(failed == 0);
    (void)failed;
}

bool nts_cond_wait_ms(struct nts_cond *cond, struct nts_mutex *mutex, uint32_t timeout_ms)
{
    struct timespec until = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000u);
    until.tv_nsec += (long)(timeout_ms % 1000u) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    const int failed = pthread_cond_timedwait(&cond->os, &mutex->os, &until);
    assert(failed == 0 || failed == ETIMEDOUT);
    return failed != ETIMEDOUT;
}

void nts_cond_signal(struct nts_cond *cond)
{
    (void)pthread_cond_signal(&cond->os);
}

void nts_cond_broadcast(struct nts_cond *cond)
{
    (void)pthread_cond_broadcast(&cond->os);
}

static void *thread_main(void *argument)
{
    const struct nts_thread *thread = argument;
    thread->run(thread->context);
    return NULL;
}

nanots_status nts_thread_start(struct nts_thread *thread, void (*run)(void *context), void *context,
                               struct nanots_error *error)
{
    sigset_t all;
    sigset_t callers;

    thread->run = run;
    thread->context = context;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &callers);
    const int failed = pthread_create(&thread->os, NULL, thread_main, thread);
    (void)pthread_sigmask(SIG_SETMASK, &callers, NULL);
    if (failed != 0)
        return nts_fail_os(error, failed, "cannot start a thread");
    return NANOTS_OK;
}

void nts_thread_join(struct nts_thread *thread)
{
    const int failed = pthread_join(thread->os, NULL);
    assert(failed == 0);
    (void)failed;
}
