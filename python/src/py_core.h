/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_core.h - one open file that Python objects, streams and threads share.
 *
 *      Db   Table   Batch   streams out          each holds one reference
 *        \    |      |      /
 *         +---+--core+-----+----> struct nanots_db
 *
 *   open --py_core_close--> closing: no call enters, those inside end --> closed
 *        --last reference--> the same
 *
 * nanots_close wants that no other call runs and that no query is open. So every call of the
 * library is made between py_core_enter and py_core_leave, and streams that were handed out are
 * kept in a list: closing ends them, and their next call says so.
 *
 * Nothing here needs or takes the GIL; any thread. Do not call py_core_close with the GIL held: it
 * waits for calls that may need it to return. In a child of fork() the handle belongs to the
 * parent: closing forgets it.
 */
#ifndef PY_CORE_H
#define PY_CORE_H

#include "nanots_arrow.h"

#include <stdbool.h>

struct py_core;

/* `options` without an allocator: it is the core's own. */
nanots_status py_core_open(const char *path, const struct nanots_open_options *options,
                           struct py_core **core_out, struct nanots_error *error);
struct py_core *py_core_ref(struct py_core *core);
/* NULL is fine. The last one closes. */
void py_core_unref(struct py_core *core);

/* The handle, or NULL if it is closed. */
struct nanots_db *py_core_enter(struct py_core *core);
void py_core_leave(struct py_core *core);

bool py_core_is_closed(const struct py_core *core);
nanots_status py_core_close(struct py_core *core, struct nanots_error *error);

/* nanots_query_arrow_stream, as a stream that holds a reference and that closing ends. */
nanots_status py_core_stream(struct py_core *core, const char *table,
                             const struct nanots_query *query, bool time_as_int64,
                             struct ArrowArrayStream *stream_out, struct nanots_error *error);

/* nanots_arrow_stream_damage of such a stream; 0, or EINVAL once it is closed. */
int py_core_stream_damage(struct ArrowArrayStream *stream, struct nanots_damage_report *report);

#endif
