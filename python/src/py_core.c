/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_core.c - one open file that Python objects, streams and threads share. Contract: py_core.h.
 *
 * `users` counts the calls inside, and its top bit says closed: one atomic addition to enter, one
 * to leave. Who adds to a closed core takes it back. The last to leave a closed core wakes the
 * closer, who waits under the lock.
 */
#include "py_core.h"
#include "py_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CORE_CLOSED 0x40000000u

struct py_core {
    atomic_uint users; /* and CORE_CLOSED */
    atomic_uint refs;
    struct nanots_db *db;     /* good while `users` says so */
    struct py_memory *memory; /* until the close */
    pid_t pid;                /* who opened it */
    pthread_mutex_t lock;
    pthread_cond_t left;
    struct core_stream *streams; /* guarded by lock */
};

/* What a stream that was handed out stands for. */
struct core_stream {
    struct py_core *core;
    struct ArrowArrayStream inner; /* guarded by core->lock; released when the core was closed */
    struct core_stream *next;
    struct core_stream **link;
    bool was_closed; /* the last call came too late */
};

/* ---- opening and counting ------------------------------------------------------------------- */

static nanots_status core_no_memory(struct nanots_error *error)
{
    memset(error, 0, sizeof *error);
    error->code = NANOTS_NO_MEMORY;
    snprintf(error->message, sizeof error->message, "out of memory");
    return NANOTS_NO_MEMORY;
}

nanots_status py_core_open(const char *path, const struct nanots_open_options *options,
                           struct py_core **core_out, struct nanots_error *error)
{
    struct nanots_open_options own = *options;
    struct py_core *core = calloc(1, sizeof *core);
    struct py_memory *memory = core == NULL ? NULL : py_memory_new();

    *core_out = NULL;
    if (memory == NULL) {
        free(core);
        return core_no_memory(error);
    }
    own.allocator = py_memory_calls(memory);
    const nanots_status status = nanots_open(path, &own, &core->db, error);
    if (status != NANOTS_OK) {
        py_memory_end(memory);
        free(core);
        return status;
    }
    core->memory = memory;
    atomic_init(&core->users, 0);
    atomic_init(&core->refs, 1);
    core->pid = getpid();
    pthread_mutex_init(&core->lock, NULL);
    pthread_cond_init(&core->left, NULL);
    *core_out = core;
    return NANOTS_OK;
}

struct py_core *py_core_ref(struct py_core *core)
{
    atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
    return core;
}

void py_core_unref(struct py_core *core)
{
    struct nanots_error error;

    if (core == NULL || atomic_fetch_sub_explicit(&core->refs, 1, memory_order_acq_rel) != 1)
        return;
    (void)py_core_close(core, &error); /* nobody is left to be told */
    if (core->pid == getpid()) {
        pthread_cond_destroy(&core->left);
        pthread_mutex_destroy(&core->lock);
    }
    free(core);
}

struct nanots_db *py_core_enter(struct py_core *core)
{
    const unsigned before = atomic_fetch_add_explicit(&core->users, 1, memory_order_acquire);
    if ((before & CORE_CLOSED) == 0)
        return core->db;
    py_core_leave(core);
    return NULL;
}

void py_core_leave(struct py_core *core)
{
    const unsigned before = atomic_fetch_sub_explicit(&core->users, 1, memory_order_release);
    if (before == (CORE_CLOSED | 1) && core->pid == getpid()) {
        pthread_mutex_lock(&core->lock);
        pthread_cond_broadcast(&core->left);
        pthread_mutex_unlock(&core->lock);
    }
}

/* ---- closing -------------------------------------------------------------------------------- */

bool py_core_is_closed(const struct py_core *core)
{
    return (atomic_load_explicit(&core->users, memory_order_acquire) & CORE_CLOSED) != 0;
}

/* Closes the query behind a stream. Requires core->lock. */
static void core_stream_end(struct core_stream *stream)
{
    if (stream->inner.release == NULL)
        return;
    stream->inner.release(&stream->inner);
    stream->inner.release = NULL;
    *stream->link = stream->next;
    if (stream->next != NULL)
        stream->next->link = stream->link;
}

nanots_status py_core_close(struct py_core *core, struct nanots_error *error)
{
    memset(error, 0, sizeof *error);
    const unsigned before =
        atomic_fetch_or_explicit(&core->users, CORE_CLOSED, memory_order_acq_rel);
    if ((before & CORE_CLOSED) != 0 || core->pid != getpid())
        return NANOTS_OK;

    pthread_mutex_lock(&core->lock);
    while (atomic_load_explicit(&core->users, memory_order_acquire) != CORE_CLOSED)
        pthread_cond_wait(&core->left, &core->lock);
    while (core->streams != NULL)
        core_stream_end(core->streams);
    pthread_mutex_unlock(&core->lock);
    const nanots_status status = nanots_close(core->db, error);
    py_memory_end(core->memory);
    return status;
}

/* ---- streams -------------------------------------------------------------------------------- */

static int core_stream_get_schema(struct ArrowArrayStream *self, struct ArrowSchema *schema_out)
{
    struct core_stream *stream = self->private_data;

    stream->was_closed = py_core_enter(stream->core) == NULL;
    if (stream->was_closed)
        return EINVAL;
    const int result = stream->inner.get_schema(&stream->inner, schema_out);
    py_core_leave(stream->core);
    return result;
}

static int core_stream_get_next(struct ArrowArrayStream *self, struct ArrowArray *array_out)
{
    struct core_stream *stream = self->private_data;

    memset(array_out, 0, sizeof *array_out);
    stream->was_closed = py_core_enter(stream->core) == NULL;
    if (stream->was_closed)
        return EINVAL;
    const int result = stream->inner.get_next(&stream->inner, array_out);
    py_core_leave(stream->core);
    return result;
}

static const char *core_stream_get_last_error(struct ArrowArrayStream *self)
{
    struct core_stream *stream = self->private_data;

    if (stream->was_closed || py_core_enter(stream->core) == NULL)
        return "the database of this result is closed";
    const char *text = stream->inner.get_last_error(&stream->inner);
    py_core_leave(stream->core);
    return text;
}

/* In a child of fork() the lock may be held for ever, and the query is the parent's. */
static void core_stream_release(struct ArrowArrayStream *self)
{
    struct core_stream *stream = self->private_data;
    struct py_core *core = stream->core;

    self->release = NULL;
    self->private_data = NULL;
    if (core->pid == getpid()) {
        pthread_mutex_lock(&core->lock);
        core_stream_end(stream);
        pthread_mutex_unlock(&core->lock);
    }
    free(stream);
    py_core_unref(core);
}

static void core_stream_hand_out(struct py_core *core, struct core_stream *stream,
                                 struct ArrowArrayStream *stream_out)
{
    pthread_mutex_lock(&core->lock);
    stream->next = core->streams;
    stream->link = &core->streams;
    if (stream->next != NULL)
        stream->next->link = &stream->next;
    core->streams = stream;
    pthread_mutex_unlock(&core->lock);
    stream->core = py_core_ref(core);
    *stream_out = (struct ArrowArrayStream){.get_schema = core_stream_get_schema,
                                            .get_next = core_stream_get_next,
                                            .get_last_error = core_stream_get_last_error,
                                            .release = core_stream_release,
                                            .private_data = stream};
}

nanots_status py_core_stream(struct py_core *core, const char *table,
                             const struct nanots_query *query, bool time_as_int64,
                             struct ArrowArrayStream *stream_out, struct nanots_error *error)
{
    const struct nanots_arrow_options options = {.struct_size = sizeof options,
                                                 .time_as_int64 = time_as_int64};
    struct core_stream *stream = calloc(1, sizeof *stream);

    memset(stream_out, 0, sizeof *stream_out);
    if (stream == NULL)
        return core_no_memory(error);
    struct nanots_db *db = py_core_enter(core);
    if (db == NULL) {
        free(stream);
        memset(error, 0, sizeof *error);
        error->code = NANOTS_MISUSE;
        snprintf(error->message, sizeof error->message, "the database is closed");
        return NANOTS_MISUSE;
    }
    const nanots_status status =
        nanots_query_arrow_stream(db, table, query, &options, &stream->inner, error);
    if (status == NANOTS_OK)
        core_stream_hand_out(core, stream, stream_out);
    else
        free(stream);
    py_core_leave(core);
    return status;
}

int py_core_stream_damage(struct ArrowArrayStream *self, struct nanots_damage_report *report)
{
    struct core_stream *stream = self->private_data;

    stream->was_closed = py_core_enter(stream->core) == NULL;
    if (stream->was_closed)
        return EINVAL;
    const nanots_status status = nanots_arrow_stream_damage(&stream->inner, report, NULL);
    py_core_leave(stream->core);
    return status == NANOTS_OK ? 0 : EINVAL;
}
