/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_db_append.c - methods of Db that append: single rows by name, Arrow structs, frames.
 *
 * What others made, arrays and streams of Arrow, may run any code when it is asked or released. So
 * that such code may even close the database, it runs outside of py_core_enter and py_core_leave:
 * streams are pulled here, and the library gets arrays whose release does nothing.
 */
#include "py_core.h"
#include "py_nanots.h"

#include <stdio.h>
#include <string.h>

/* ---- single rows ---------------------------------------------------------------------------- */

/* Three arguments by place or keyword; strong references. */
static int arguments_take(const char *const names[3], PyObject *const *args, Py_ssize_t count,
                          PyObject *keywords, PyObject *taken[3])
{
    const Py_ssize_t keyword_count = keywords == NULL ? 0 : PyTuple_Size(keywords);

    taken[0] = taken[1] = taken[2] = NULL;
    for (Py_ssize_t i = 0; i < count && i < 3; i++)
        taken[i] = Py_NewRef(args[i]);
    bool is_wrong = count + keyword_count != 3;
    for (Py_ssize_t k = 0; k < keyword_count && !is_wrong; k++) {
        PyObject *word = PySequence_GetItem(keywords, k);
        size_t i = 0;
        while (i < 3 && (taken[i] != NULL || word == NULL ||
                         PyUnicode_CompareWithASCIIString(word, names[i]) != 0))
            i++;
        is_wrong = i == 3;
        if (!is_wrong)
            taken[i] = Py_NewRef(args[count + k]);
        Py_XDECREF(word);
    }
    if (!is_wrong)
        return 0;
    for (size_t i = 0; i < 3; i++)
        Py_CLEAR(taken[i]);
    PyErr_Format(PyExc_TypeError, "expected the arguments %s, %s and %s", names[0], names[1],
                 names[2]);
    return -1;
}

static void arguments_free(PyObject *taken[3])
{
    for (size_t i = 0; i < 3; i++)
        Py_DECREF(taken[i]);
}

static PyObject *append_done(const struct py_state *state, nanots_status status, uint64_t seq,
                             const struct nanots_error *error)
{
    return status == NANOTS_OK ? PyLong_FromUnsignedLongLong(seq) : py_raise(state, error);
}

static PyObject *append_series(struct py_db *self, PyObject *taken[3])
{
    struct nanots_error error;
    nanots_status status;
    uint64_t seq = 0;
    int64_t ts;

    const char *series = py_text(self->state, taken[0], "the name of a series");
    if (series == NULL || py_time_int(self->state, taken[1], &ts) < 0)
        return NULL;
    const struct py_column column = {
        .table = series, .name = "value", .type = NANOTS_TYPE_F64, .row = SIZE_MAX};
    struct nanots_value value;
    if (py_value(self->state, &column, taken[2], &value) < 0)
        return NULL;
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_append(db, series, ts, value.as.f64, &seq, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return append_done(self->state, status, seq, &error);
}

PyObject *py_db_append(PyObject *object, PyObject *const *args, Py_ssize_t count,
                       PyObject *keywords)
{
    static const char *const names[3] = {"series", "ts_ms", "value"};
    PyObject *taken[3];

    if (arguments_take(names, args, count, keywords, taken) < 0)
        return NULL;
    PyObject *result = append_series((struct py_db *)object, taken);
    arguments_free(taken);
    return result;
}

static PyObject *append_plain(struct py_db *self, const char *table, int64_t ts, struct py_row *row)
{
    struct nanots_error error;
    nanots_status status;
    uint64_t seq = 0;

    if (py_row_convert(self->state, table, NULL, row) < 0)
        return NULL;
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        nanots_append_row(db, table, ts, row->plain, row->count, &seq, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return append_done(self->state, status, seq, &error);
}

static PyObject *append_typed(struct py_db *self, const char *table, int64_t ts, struct py_row *row)
{
    struct nanots_error error;
    nanots_status status;
    struct py_table_def def;
    uint64_t seq = 0;

    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    int result = py_table_def_load(self->state, db, table, &def);
    py_core_leave(self->core); /* converting may run code that closes */
    if (result < 0)
        return NULL;
    result = py_row_convert(self->state, table, &def, row);
    py_table_def_free(&def);
    db = result < 0 ? NULL : py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        nanots_append_row_typed(db, table, ts, row->typed, row->count, &seq, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return append_done(self->state, status, seq, &error);
}

static PyObject *append_any_row(PyObject *object, PyObject *const *args, Py_ssize_t count,
                                PyObject *keywords,
                                PyObject *(*append)(struct py_db *self, const char *table,
                                                    int64_t ts, struct py_row *row))
{
    static const char *const names[3] = {"table", "ts_ms", "values"};
    struct py_db *self = (struct py_db *)object;
    PyObject *taken[3], *result = NULL;
    struct py_row row;
    int64_t ts;

    if (arguments_take(names, args, count, keywords, taken) < 0)
        return NULL;
    const char *table = py_text(self->state, taken[0], "the name of a table");
    if (table != NULL && py_time_int(self->state, taken[1], &ts) == 0 &&
        py_row_take(self->state, table, taken[2], &row) == 0) {
        result = append(self, table, ts, &row);
        py_row_free(&row);
    }
    arguments_free(taken);
    return result;
}

PyObject *py_db_append_row(PyObject *self, PyObject *const *args, Py_ssize_t count,
                           PyObject *keywords)
{
    return append_any_row(self, args, count, keywords, append_plain);
}

PyObject *py_db_append_row_typed(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                 PyObject *keywords)
{
    return append_any_row(self, args, count, keywords, append_typed);
}

/* ---- Arrow structs -------------------------------------------------------------------------- */

static void lent_schema_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void lent_array_release(struct ArrowArray *array)
{
    array->release = NULL;
}

struct append_target {
    struct py_core *core;
    PyObject *group; /* a Group that the rows belong to, or NULL */
    const char *table;
    struct nanots_arrow_append_options options;
};

static int append_options(const struct py_state *state, struct append_target *target, int create,
                          PyObject *group)
{
    target->options.flags = create ? NANOTS_ARROW_CREATE : 0;
    target->group = group == Py_None ? NULL : group;
    if (group == Py_None || PyObject_TypeCheck(group, state->group_type))
        return 0;
    py_raise_text(state, NANOTS_TYPE_MISMATCH, "expected a batch or None");
    return -1;
}

/* Appends copies of the structs, which stay the caller's. Without the GIL. */
static nanots_status append_lent(const struct append_target *target,
                                 const struct ArrowSchema *schema, const struct ArrowArray *array,
                                 uint64_t *seq_out, struct nanots_error *error)
{
    struct ArrowSchema lent_schema = *schema;
    struct ArrowArray lent_array = *array;

    lent_schema.release = lent_schema_release;
    lent_array.release = lent_array_release;
    if (target->group != NULL)
        return py_group_append_arrow(target->group, target->table, &lent_schema, &lent_array,
                                     &target->options, error);
    struct nanots_db *db = py_core_enter(target->core);
    if (db == NULL) {
        memset(error, 0, sizeof *error);
        error->code = NANOTS_MISUSE;
        snprintf(error->message, sizeof error->message, "the database is closed");
        return NANOTS_MISUSE;
    }
    const nanots_status status = nanots_append_arrow(db, target->table, &lent_schema, &lent_array,
                                                     &target->options, seq_out, error);
    py_core_leave(target->core);
    return status;
}

/* Appends what two capsules hold. */
static PyObject *append_capsules(struct py_db *self, const struct append_target *target,
                                 PyObject *schema_capsule, PyObject *array_capsule)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct nanots_error error;
    nanots_status status;
    uint64_t seq = 0;

    if (py_enter(self->state, self->core) == NULL)
        return NULL;
    py_core_leave(self->core);
    if (py_schema_take(self->state, schema_capsule, &schema) < 0)
        return NULL;
    if (py_array_take(self->state, array_capsule, &array) < 0) {
        schema.release(&schema);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = append_lent(target, &schema, &array, &seq, &error);
    schema.release(&schema);
    array.release(&array);
    Py_END_ALLOW_THREADS return append_done(self->state, status, seq, &error);
}

PyObject *py_db_append_capsules(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"table", "schema_capsule", "array_capsule", NULL};
    struct py_db *self = (struct py_db *)object;
    struct append_target target = {.core = self->core,
                                   .options = {.struct_size = sizeof target.options}};
    PyObject *table, *schema, *array;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO:append_rows_arrow_capsules", (char **)names,
                                     &table, &schema, &array) ||
        (target.table = py_text(self->state, table, "the name of a table")) == NULL)
        return NULL;
    return append_capsules(self, &target, schema, array);
}

/* _append_arrays(table, schema_capsule, array_capsule, time_column or None, create,
 * Group or None) -> seq */
PyObject *py_db_append_arrays(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct append_target target = {.core = self->core,
                                   .options = {.struct_size = sizeof target.options}};
    PyObject *table, *schema, *array, *group;
    int create;

    if (!PyArg_ParseTuple(args, "OOOzpO:_append_arrays", &table, &schema, &array,
                          &target.options.time_column, &create, &group) ||
        (target.table = py_text(self->state, table, "the name of a table")) == NULL ||
        append_options(self->state, &target, create, group) < 0)
        return NULL;
    return append_capsules(self, &target, schema, array);
}

/* ---- streams -------------------------------------------------------------------------------- */

static nanots_status stream_failed(struct ArrowArrayStream *stream, struct nanots_error *error)
{
    const char *text = stream->get_last_error(stream);

    memset(error, 0, sizeof *error);
    error->code = NANOTS_IO;
    snprintf(error->message, sizeof error->message, "the Arrow stream failed: %s",
             text != NULL ? text : "it does not say why");
    return NANOTS_IO;
}

/* Says before the sentence of a failure, which may fill all room, that the rows before stay. */
static void stream_say_rows(struct nanots_error *error, int64_t row_count)
{
    const struct nanots_error said = *error;
    if (row_count > 0)
        snprintf(error->message, sizeof error->message, "behind %lld rows, which are in: %.200s",
                 (long long)row_count, said.message);
}

/* Appends all arrays of the stream, which stays the caller's. Without the GIL. */
static nanots_status append_arrays(const struct append_target *target,
                                   struct ArrowArrayStream *stream, uint64_t *seq_out,
                                   struct nanots_error *error)
{
    struct ArrowSchema schema = {0};
    nanots_status status = NANOTS_OK;
    int64_t row_count = 0;

    if (stream->get_schema(stream, &schema) != 0)
        return stream_failed(stream, error);
    while (status == NANOTS_OK) {
        struct ArrowArray array = {0};
        if (stream->get_next(stream, &array) != 0) {
            status = stream_failed(stream, error);
            break;
        }
        if (array.release == NULL)
            break;
        const int64_t length = array.length;
        status = append_lent(target, &schema, &array, seq_out, error);
        array.release(&array);
        if (status == NANOTS_OK)
            row_count += length;
    }
    if (status != NANOTS_OK)
        stream_say_rows(error, row_count);
    schema.release(&schema);
    return status;
}

/* _append_stream(table, stream_capsule, time_column or None, create,
 * Group or None) -> seq, 0 without arrays */
PyObject *py_db_append_stream(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct append_target target = {.core = self->core,
                                   .options = {.struct_size = sizeof target.options}};
    struct ArrowArrayStream stream;
    struct nanots_error error;
    nanots_status status;
    PyObject *table, *capsule, *group;
    uint64_t seq = 0;
    int create;

    if (!PyArg_ParseTuple(args, "OOzpO:_append_stream", &table, &capsule,
                          &target.options.time_column, &create, &group) ||
        (target.table = py_text(self->state, table, "the name of a table")) == NULL ||
        append_options(self->state, &target, create, group) < 0)
        return NULL;
    if (py_enter(self->state, self->core) == NULL)
        return NULL;
    py_core_leave(self->core);
    if (py_stream_take(self->state, capsule, &stream) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = append_arrays(&target, &stream, &seq, &error);
    stream.release(&stream);
    Py_END_ALLOW_THREADS return append_done(self->state, status, seq, &error);
}

/* ---- frames --------------------------------------------------------------------------------- */

/* _append_frame(table, [(name, kind, data, hint), ...], time_column or None, create,
 * Group or None) -> seq */
PyObject *py_db_append_frame(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct append_target target = {.core = self->core,
                                   .options = {.struct_size = sizeof target.options}};
    struct nanots_error error;
    nanots_status status;
    PyObject *table, *columns, *group;
    uint64_t seq = 0;
    int create;

    if (!PyArg_ParseTuple(args, "OO!zpO:_append_frame", &table, &PyList_Type, &columns,
                          &target.options.time_column, &create, &group) ||
        (target.table = py_text(self->state, table, "the name of a table")) == NULL ||
        append_options(self->state, &target, create, group) < 0)
        return NULL;
    if (py_enter(self->state, self->core) == NULL)
        return NULL;
    py_core_leave(self->core);
    struct py_frame *frame = py_frame_new(self->state, target.table, columns);
    if (frame == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        append_lent(&target, py_frame_schema(frame), py_frame_array(frame), &seq, &error);
    Py_END_ALLOW_THREADS py_frame_free(frame);
    return append_done(self->state, status, seq, &error);
}
