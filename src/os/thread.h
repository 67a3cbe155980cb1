/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/thread.h - mutex, condition, thread: thin names over the system's, so that nobody above
 * includes <pthread.h>. Initialising cannot fail on the systems we support; misuse asserts. */
#ifndef NTS_THREAD_H
#define NTS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct nts_mutex {
    pthread_mutex_t os;
};

struct nts_cond {
    pthread_cond_t os; /* monotonic clock */
};

struct nts_thread {
    pthread_t os;
    void (*run)(void *context);
    void *context;
};

void nts_mutex_init(struct nts_mutex *mutex);
void nts_mutex_deinit(struct nts_mutex *mutex);
void nts_mutex_lock(struct nts_mutex *mutex);
void nts_mutex_unlock(struct nts_mutex *mutex);

void nts_cond_init(struct nts_cond *cond);
void nts_cond_deinit(struct nts_cond *cond);
void nts_cond_wait(struct nts_cond *cond, struct nts_mutex *mutex);
/* False if `timeout_ms` passed first. */
bool nts_cond_wait_ms(struct nts_cond *cond, struct nts_mutex *mutex, uint32_t timeout_ms);
void nts_cond_signal(struct nts_cond *cond);
void nts_cond_broadcast(struct nts_cond *cond);

/* Runs `run(context)` in a new thread that receives no signals: those are the host's business.
 * `thread` stays where it is until nts_thread_join. IO (with the reason) if the system refuses. */
NTS_CHECKED nanots_status nts_thread_start(struct nts_thread *thread, void (*run)(void *context),
                                           void *context, struct nanots_error *error);
/* Waits until `run` has returned. Exactly once for each thread started. */
void nts_thread_join(struct nts_thread *thread);

#endif
