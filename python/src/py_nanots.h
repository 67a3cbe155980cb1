/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_nanots.h - what the files of the extension module nanots._core share.
 *
 *   nanots/__init__.py   Db, Table, Result: times, frames, docs            (Python)
 *          |
 *   py_module.c  py_db*.c  py_table.c  py_group.c  py_batch.c              (types)
 *          |
 *   py_values.c  py_lists.c  py_frame.c  py_share.c  py_errors.c           (conversions)
 *          |
 *   py_core.c    one open file, counted, safe to close at any moment
 *          |
 *   nanots.h, nanots_arrow.h
 *
 * Rules
 * - The stable ABI of CPython 3.11 and nothing else; strong references only; no static state: what
 *   lasts is in struct py_state, which the module owns.
 * - The GIL is released around each call of the library, because each may wait for one of its
 *   locks. Nothing below py_core.h needs it.
 * - A function that returns PyObject *, or int 0 / -1, has set an exception when it fails.
 */
#ifndef PY_NANOTS_H
#define PY_NANOTS_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "nanots_arrow.h"

#include <stdatomic.h>
#include <stdbool.h>

#define PY_ERROR_COUNT 18 /* status codes; number 0 is the base class */

struct py_state {
    PyObject *errors[PY_ERROR_COUNT]; /* by status code */
    PyTypeObject *db_type;
    PyTypeObject *table_type;
    PyTypeObject *group_type;
    PyTypeObject *batch_type;
    PyTypeObject *batches_type;
    PyTypeObject *buffer_type;
};

/* The state of the module that made `type` or one of its bases. */
struct py_state *py_state_of(PyTypeObject *type);

/* ---- py_errors.c -------------------------------------------------------------------------- */

int py_errors_add(PyObject *module, struct py_state *state);
/* All return NULL. */
PyObject *py_raise(const struct py_state *state, const struct nanots_error *error);
PyObject *py_raise_text(const struct py_state *state, nanots_status code, const char *format, ...);
/* A call on a stream of ours returned the errno value `failure`. */
PyObject *py_raise_stream(const struct py_state *state, int failure,
                          struct ArrowArrayStream *stream);

/* ---- py_values.c -------------------------------------------------------------------------- */

/* A column that values are meant for; names are for messages. */
struct py_column {
    const char *table;
    const char *name;
    nanots_type type;
    bool is_nullable;
    size_t index; /* of the value among those of the row, from 0 */
    size_t row;   /* SIZE_MAX: there is only one */
};

/* Type and unit by name; UNSUPPORTED names are INVALID. */
int py_type_parse(const struct py_state *state, PyObject *name, nanots_type *type_out);
/* An int, as the classic interface has times; int, datetime, datetime64, Timestamp or ISO text in
 * `unit`. */
int py_time_int(const struct py_state *state, PyObject *object, int64_t *ts_out);
int py_time(const struct py_state *state, PyObject *object, nanots_time_unit unit, int64_t *ts_out);
/* Text points into `object`. */
int py_value(const struct py_state *state, const struct py_column *column, PyObject *object,
             struct nanots_value *value_out);
/* UTF-8 of a name, which lives as long as `object`; of the one argument of a call, `table`. */
const char *py_text(const struct py_state *state, PyObject *object, const char *what);
const char *py_table_name(const struct py_state *state, PyObject *args, PyObject *kwargs);

/* The columns of a table, kept by those who append typed rows to it. */
struct py_table_def {
    struct nanots_schema schema;
    bool is_plain; /* all f64, none may be null */
};
int py_table_def_load(const struct py_state *state, struct nanots_db *db, const char *table,
                      struct py_table_def *def_out);
void py_table_def_free(struct py_table_def *def);

/* The values of one row, for the call that follows. */
#define PY_ROW_VALUES_SMALL 32
struct py_row {
    size_t count;
    PyObject **objects; /* strong: text of `typed` is theirs */
    double *plain;      /* one of these two, by the columns of the table */
    struct nanots_value *typed;
    PyObject *object_room[PY_ROW_VALUES_SMALL];
    union {
        double plain[PY_ROW_VALUES_SMALL];
        struct nanots_value typed[PY_ROW_VALUES_SMALL];
    } room;
};
/* The objects of a list, a tuple or any other sequence, or of the arguments of a call. */
int py_row_take(const struct py_state *state, const char *table, PyObject *sequence,
                struct py_row *row);
int py_row_take_args(const struct py_state *state, const char *table, PyObject *const *args,
                     size_t count, struct py_row *row);
/* `def` NULL: plain. */
int py_row_convert(const struct py_state *state, const char *table, const struct py_table_def *def,
                   struct py_row *row);
void py_row_free(struct py_row *row); /* of a row that was taken */

/* ---- py_lists.c: Arrow arrays as lists ------------------------------------------------------ */

/* One array of `format` as a list; a null is None, or NaN if `null_is_nan`. */
PyObject *py_list_of(const struct py_state *state, const char *format,
                     const struct ArrowArray *array, bool null_is_nan);

/* ---- py_share.c: counted Arrow structs ------------------------------------------------------ */

struct py_share; /* a schema and an array of it that many may look at */
struct py_share *py_share_new(struct ArrowSchema *schema, struct ArrowArray *array); /* or NULL */
struct py_share *py_share_ref(struct py_share *share);
void py_share_unref(struct py_share *share);
const struct ArrowSchema *py_share_schema(const struct py_share *share);
const struct ArrowArray *py_share_array(const struct py_share *share);
/* Structs of their own over the same buffers; 0, or -1 without memory (no exception is set). */
int py_share_export_schema(struct py_share *share, struct ArrowSchema *schema_out);
int py_share_export_array(struct py_share *share, struct ArrowArray *array_out);

/* ---- py_capsules.c -------------------------------------------------------------------------- */

/* Each takes over what it is given, also on failure. */
PyObject *py_schema_capsule(struct ArrowSchema *schema);
PyObject *py_array_capsule(struct ArrowArray *array);
PyObject *py_stream_capsule(struct ArrowArrayStream *stream);
PyObject *py_capsule_pair(struct ArrowSchema *schema, struct ArrowArray *array);
/* What a capsule holds, moved out of it: INVALID if it is of another kind or was used before. */
int py_schema_take(const struct py_state *state, PyObject *capsule, struct ArrowSchema *out);
int py_array_take(const struct py_state *state, PyObject *capsule, struct ArrowArray *out);
int py_stream_take(const struct py_state *state, PyObject *capsule, struct ArrowArrayStream *out);
/* A schema that a consumer asks for, which stays the capsule's; *schema_out is NULL for None. */
int py_wanted_schema(const struct py_state *state, PyObject *capsule,
                     const struct ArrowSchema **schema_out);

/* py_cast.c: widens columns of a stream of ours to those of `wanted`; -1 without memory. */
int py_stream_cast(struct ArrowArrayStream *stream, const struct ArrowSchema *wanted);

/* one_array(stream_capsule) -> (schema_capsule, array_capsule) */
PyObject *py_one_array(PyObject *module, PyObject *capsule);

/* ---- py_frame.c: columns of Python objects as one Arrow array -------------------------------- */

struct py_frame;
/* `columns` is a list of tuples (name, kind, data, hint); see the file. */
struct py_frame *py_frame_new(const struct py_state *state, const char *table, PyObject *columns);
void py_frame_free(struct py_frame *frame);
struct ArrowSchema *py_frame_schema(struct py_frame *frame);
struct ArrowArray *py_frame_array(struct py_frame *frame);

/* ---- the types ------------------------------------------------------------------------------ */

struct py_core;

struct py_db {
    PyObject_HEAD struct py_state *state;
    struct py_core *core; /* NULL before __init__ */
    int has_limit;        /* retention_ms or max_bytes was given */
};

extern PyType_Spec py_db_spec;
extern PyType_Spec py_table_spec;
extern PyType_Spec py_group_spec;
extern PyType_Spec py_batch_spec;
extern PyType_Spec py_batches_spec;
extern PyType_Spec py_buffer_spec;

/* repair(source, target, replace, null_lost), of the module. */
PyObject *py_repair(PyObject *module, PyObject *args);

/* Methods of Db, by file. */
PyObject *py_db_create_table(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_list_tables(PyObject *self, PyObject *unused);
PyObject *py_db_schema(PyObject *self, PyObject *table);
PyObject *py_db_drop_table(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_rename_table(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_rename_column(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_add_column(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_flush(PyObject *self, PyObject *unused);
PyObject *py_db_sync(PyObject *self, PyObject *unused);
PyObject *py_db_refresh(PyObject *self, PyObject *unused);
PyObject *py_db_change_counter(PyObject *self, PyObject *unused);
PyObject *py_db_pack_table(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_compact_retention(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_compact_retention_now(PyObject *self, PyObject *unused);
PyObject *py_db_maintain(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_stats_json(PyObject *self, PyObject *table);
PyObject *py_db_diagnose_json(PyObject *self, PyObject *unused);
PyObject *py_db_verify(PyObject *self, PyObject *unused);
PyObject *py_db_backup(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_time_range(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_row_count(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_append(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords);
PyObject *py_db_append_row(PyObject *self, PyObject *const *args, Py_ssize_t count,
                           PyObject *keywords);
PyObject *py_db_append_row_typed(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                 PyObject *keywords);
PyObject *py_db_append_capsules(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_append_arrays(PyObject *self, PyObject *args);
PyObject *py_db_append_stream(PyObject *self, PyObject *args);
PyObject *py_db_append_frame(PyObject *self, PyObject *args);
PyObject *py_db_query_range(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_query_columns(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_query_typed(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_query_capsules(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *py_db_query_stream(PyObject *self, PyObject *args);
PyObject *py_db_query_batches(PyObject *self, PyObject *args);
PyObject *py_db_query_whole(PyObject *self, PyObject *args);
PyObject *py_db_query_damage(PyObject *self, PyObject *args);
PyObject *py_db_table_capsule(PyObject *self, PyObject *args);
PyObject *py_db_table(PyObject *self, PyObject *args);
PyObject *py_db_batch(PyObject *self, PyObject *class);

/* The name of a table, given as text or as a Table; lives as long as `table`. */
const char *py_table_text(const struct py_state *state, PyObject *table);

/* nanots_group_append_arrow for a Group. Without the GIL. */
nanots_status py_group_append_arrow(PyObject *group, const char *table, struct ArrowSchema *schema,
                                    struct ArrowArray *array,
                                    const struct nanots_arrow_append_options *options,
                                    struct nanots_error *error);

/* A batch of rows; takes the structs over, also on failure. */
PyObject *py_batch_new(const struct py_state *state, struct ArrowSchema *schema,
                       struct ArrowArray *array);
PyObject *py_batches_new(const struct py_state *state, struct ArrowArrayStream *stream);

/* The open file behind `self`, entered: NULL and an exception if it is closed. Each success is
 * followed by py_core_leave(core). */
struct nanots_db *py_enter(const struct py_state *state, struct py_core *core);

#endif
