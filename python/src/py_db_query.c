/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_db_query.c - methods of Db that read: lists for the classic interface, Arrow for all else.
 *
 *   nanots_query_arrow --> one array --+--> lists of objects          query_range, query_table_...
 *                                      +--> two capsules              ..._arrow_capsules
 *                                      +--> a Batch                   _query_whole
 *   py_core_stream ------> a stream ---+--> a capsule                 _query_stream
 *                                      +--> an iterator of Batches    _query_batches
 *
 * Reading runs without the GIL; making objects of it cannot.
 */
#include "py_core.h"
#include "py_nanots.h"

#include <string.h>

/* What to read, and the memory that it points into. */
struct query_request {
    const char *table;
    struct nanots_query query;
    int time_as_int64;
    PyObject *column_list; /* strong, or NULL */
    const char **columns;
};

static void request_free(struct query_request *request)
{
    PyMem_Free((void *)request->columns);
    Py_XDECREF(request->column_list);
}

/* Points at the names in `list`, a list that the caller of _query_... made for this. */
static int request_columns(const struct py_state *state, PyObject *list,
                           struct query_request *request)
{
    const Py_ssize_t count = PyList_Size(list);

    if (count < 0)
        return -1;
    request->column_list = Py_NewRef(list);
    request->columns = PyMem_Calloc((size_t)count + 1, sizeof *request->columns);
    if (request->columns == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PySequence_GetItem(list, i);
        request->columns[i] = name == NULL ? NULL : py_text(state, name, "the name of a column");
        Py_XDECREF(name); /* the list keeps it */
        if (request->columns[i] == NULL)
            return -1;
    }
    request->query.columns = request->columns;
    request->query.column_count = (size_t)count;
    return 0;
}

static int request_bound(const struct py_state *state, PyObject *bound, uint32_t flag,
                         int64_t *place, struct nanots_query *query)
{
    if (bound == Py_None)
        return 0;
    query->flags |= flag;
    return py_time_int(state, bound, place);
}

/* (table, start, end, columns, limit, reverse, time_as_int64, skip_damaged); request_free in every
 * case. */
static int request_parse(const struct py_state *state, PyObject *args,
                         struct query_request *request)
{
    PyObject *table, *start, *end, *columns;
    unsigned long long limit;
    int is_reverse, skips;

    memset(request, 0, sizeof *request);
    request->query.struct_size = sizeof request->query;
    if (!PyArg_ParseTuple(args, "OOOOKppp", &table, &start, &end, &columns, &limit, &is_reverse,
                          &request->time_as_int64, &skips) ||
        (request->table = py_text(state, table, "the name of a table")) == NULL ||
        request_bound(state, start, NANOTS_QUERY_FROM, &request->query.from, &request->query) < 0 ||
        request_bound(state, end, NANOTS_QUERY_TO, &request->query.to, &request->query) < 0)
        return -1;
    request->query.limit = limit;
    request->query.flags |= is_reverse ? NANOTS_QUERY_REVERSE : 0;
    request->query.flags |= skips ? NANOTS_QUERY_SKIP_DAMAGED : 0;
    return columns == Py_None ? 0 : request_columns(state, columns, request);
}

/* (table, start, end) of the classic interface: both ends belong to it. */
static int request_parse_classic(const struct py_state *state, PyObject *args, PyObject *kwargs,
                                 const char *first_name, struct query_request *request)
{
    char *names[] = {(char *)first_name, "start", "end", NULL};
    PyObject *table, *start, *end;

    memset(request, 0, sizeof *request);
    request->query.struct_size = sizeof request->query;
    request->time_as_int64 = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO", names, &table, &start, &end) ||
        (request->table = py_text(state, table, "the name of a table")) == NULL)
        return -1;
    request->query.flags = NANOTS_QUERY_FROM | NANOTS_QUERY_TO;
    return py_time_int(state, start, &request->query.from) < 0
               ? -1
               : py_time_int(state, end, &request->query.to);
}

/* ---- one array ------------------------------------------------------------------------------ */

static int read_whole(struct py_db *self, const struct query_request *request,
                      struct ArrowSchema *schema, struct ArrowArray *array)
{
    const struct nanots_arrow_options options = {.struct_size = sizeof options,
                                                 .time_as_int64 = request->time_as_int64};
    struct nanots_error error;
    nanots_status status;
    struct nanots_db *db = py_enter(self->state, self->core);

    if (db == NULL)
        return -1;
    Py_BEGIN_ALLOW_THREADS status =
        nanots_query_arrow(db, request->table, &request->query, &options, schema, array, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) py_raise(self->state, &error);
    return status == NANOTS_OK ? 0 : -1;
}

static void whole_free(struct ArrowSchema *schema, struct ArrowArray *array)
{
    Py_BEGIN_ALLOW_THREADS array->release(array);
    schema->release(schema);
    Py_END_ALLOW_THREADS
}

/* The value columns as a list of lists. */
static PyObject *whole_columns(const struct py_state *state, const struct ArrowSchema *schema,
                               const struct ArrowArray *array, bool null_is_nan)
{
    PyObject *columns = PyList_New(array->n_children - 1);

    for (int64_t i = 1; i < array->n_children && columns != NULL; i++) {
        PyObject *column =
            py_list_of(state, schema->children[i]->format, array->children[i], null_is_nan);
        if (column == NULL || PyList_SetItem(columns, i - 1, column) < 0)
            Py_CLEAR(columns);
    }
    return columns;
}

static PyObject *whole_lists(const struct py_state *state, const struct ArrowSchema *schema,
                             const struct ArrowArray *array, bool null_is_nan)
{
    PyObject *times = py_list_of(state, schema->children[0]->format, array->children[0], false);
    PyObject *columns = times == NULL ? NULL : whole_columns(state, schema, array, null_is_nan);
    PyObject *both = columns == NULL ? NULL : PyTuple_Pack(2, times, columns);

    Py_XDECREF(times);
    Py_XDECREF(columns);
    return both;
}

/* ---- the classic interface ------------------------------------------------------------------ */

/* Whether all columns are f64; names the first that is not. */
static int whole_is_f64(const struct py_state *state, const char *table,
                        const struct ArrowSchema *schema)
{
    for (int64_t i = 1; i < schema->n_children; i++) {
        const struct ArrowSchema *column = schema->children[i];
        if (strcmp(column->format, "g") != 0) {
            py_raise_text(state, NANOTS_TYPE_MISMATCH,
                          "table \"%s\", column \"%s\": expected f64; query_table_range_typed "
                          "reads columns of all types",
                          table, column->name);
            return -1;
        }
    }
    return 0;
}

static PyObject *query_lists(struct py_db *self, const struct query_request *request, bool only_f64)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    PyObject *result = NULL;

    if (read_whole(self, request, &schema, &array) < 0)
        return NULL;
    if (!only_f64 || whole_is_f64(self->state, request->table, &schema) == 0)
        result = whole_lists(self->state, &schema, &array, only_f64);
    whole_free(&schema, &array);
    return result;
}

PyObject *py_db_query_columns(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;

    if (request_parse_classic(self->state, args, kwargs, "table", &request) < 0)
        return NULL;
    return query_lists(self, &request, true);
}

PyObject *py_db_query_typed(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;

    if (request_parse_classic(self->state, args, kwargs, "table", &request) < 0)
        return NULL;
    return query_lists(self, &request, false);
}

static PyObject *points_of(const struct nanots_series *series)
{
    PyObject *points = PyList_New((Py_ssize_t)series->row_count);

    for (size_t i = 0; i < series->row_count && points != NULL; i++) {
        PyObject *ts = PyLong_FromLongLong(series->ts[i]);
        PyObject *value = PyFloat_FromDouble(series->values[i]);
        PyObject *point = ts == NULL || value == NULL ? NULL : PyTuple_Pack(2, ts, value);
        Py_XDECREF(ts);
        Py_XDECREF(value);
        if (point == NULL || PyList_SetItem(points, (Py_ssize_t)i, point) < 0)
            Py_CLEAR(points);
    }
    return points;
}

PyObject *py_db_query_range(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;
    struct nanots_series series;
    struct nanots_error error;
    nanots_status status;

    if (request_parse_classic(self->state, args, kwargs, "series", &request) < 0)
        return NULL;
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_query_range(db, request.table, request.query.from,
                                                       request.query.to, &series, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) return py_raise(self->state, &error);
    PyObject *points = points_of(&series);
    nanots_free(series.block);
    return points;
}

PyObject *py_db_query_capsules(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;
    struct ArrowSchema schema;
    struct ArrowArray array;

    if (request_parse_classic(self->state, args, kwargs, "table", &request) < 0 ||
        read_whole(self, &request, &schema, &array) < 0)
        return NULL;
    return py_capsule_pair(&schema, &array);
}

/* ---- Arrow ---------------------------------------------------------------------------------- */

PyObject *py_db_query_whole(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;
    struct ArrowSchema schema;
    struct ArrowArray array;
    PyObject *result = NULL;

    if (request_parse(self->state, args, &request) == 0 &&
        read_whole(self, &request, &schema, &array) == 0)
        result = py_batch_new(self->state, &schema, &array);
    request_free(&request);
    return result;
}

static int open_stream(struct py_db *self, const struct query_request *request,
                       struct ArrowArrayStream *stream)
{
    struct nanots_error error;
    nanots_status status;

    if (self->core == NULL) {
        py_raise_text(self->state, NANOTS_MISUSE, "the database is closed");
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS status = py_core_stream(self->core, request->table, &request->query,
                                                   request->time_as_int64 != 0, stream, &error);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) py_raise(self->state, &error);
    return status == NANOTS_OK ? 0 : -1;
}

/* Whether the consumer wants the time, which is the first column, as a number. */
static bool wants_int64_time(const struct ArrowSchema *wanted)
{
    return wanted != NULL && strcmp(wanted->format, "+s") == 0 && wanted->n_children > 0 &&
           strcmp(wanted->children[0]->format, "l") == 0;
}

/* ((table, ...), requested_schema): a capsule or None. */
PyObject *py_db_query_stream(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request = {0};
    struct ArrowArrayStream stream;
    const struct ArrowSchema *wanted;
    PyObject *head, *capsule, *result = NULL;

    if (!PyArg_ParseTuple(args, "O!O:_query_stream", &PyTuple_Type, &head, &capsule) ||
        py_wanted_schema(self->state, capsule, &wanted) < 0)
        return NULL;
    if (request_parse(self->state, head, &request) == 0) {
        request.time_as_int64 = request.time_as_int64 || wants_int64_time(wanted);
        if (open_stream(self, &request, &stream) == 0) {
            if (wanted != NULL && py_stream_cast(&stream, wanted) < 0) {
                stream.release(&stream);
                PyErr_NoMemory();
            } else {
                result = py_stream_capsule(&stream);
            }
        }
    }
    request_free(&request);
    return result;
}

PyObject *py_db_query_batches(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;
    struct ArrowArrayStream stream;
    PyObject *result = NULL;

    if (request_parse(self->state, args, &request) == 0 &&
        open_stream(self, &request, &stream) == 0)
        result = py_batches_new(self->state, &stream);
    request_free(&request);
    return result;
}

/* The schema that a query has, without its rows. */
PyObject *py_db_table_capsule(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct query_request request;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    PyObject *result = NULL;
    int failure = -1;

    if (request_parse(self->state, args, &request) == 0 &&
        open_stream(self, &request, &stream) == 0) {
        Py_BEGIN_ALLOW_THREADS failure = stream.get_schema(&stream, &schema);
        Py_END_ALLOW_THREADS if (failure == 0) result = py_schema_capsule(&schema);
        else py_raise_stream(self->state, failure, &stream);
        Py_BEGIN_ALLOW_THREADS stream.release(&stream);
        Py_END_ALLOW_THREADS
    }
    request_free(&request);
    return result;
}

/* ---- damage --------------------------------------------------------------------------------- */

/* Reads all of the stream; the report's texts live until its release. Without the GIL. */
static int damage_read(struct ArrowArrayStream *stream, struct nanots_damage_report *report)
{
    struct ArrowArray array;
    int failure;

    while ((failure = stream->get_next(stream, &array)) == 0 && array.release != NULL)
        array.release(&array);
    return failure != 0 ? failure : py_core_stream_damage(stream, report);
}

/* places, rows, first and last time, then of the first place: table, column, segment, row group,
 * offset, sentence. */
static PyObject *damage_tuple(const struct nanots_damage_report *report)
{
    return Py_BuildValue("(KKLLzzKIKs)", (unsigned long long)report->places,
                         (unsigned long long)report->rows, (long long)report->ts_min,
                         (long long)report->ts_max, report->table, report->column,
                         (unsigned long long)report->segment_id, (unsigned)report->row_group,
                         (unsigned long long)report->offset, report->message);
}

PyObject *py_db_query_damage(PyObject *object, PyObject *args)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_damage_report report = {.struct_size = sizeof report};
    struct query_request request;
    struct ArrowArrayStream stream;
    PyObject *result = NULL;
    int failure;

    if (request_parse(self->state, args, &request) == 0 &&
        open_stream(self, &request, &stream) == 0) {
        Py_BEGIN_ALLOW_THREADS failure = damage_read(&stream, &report);
        Py_END_ALLOW_THREADS if (failure == 0) result = damage_tuple(&report);
        else py_raise_stream(self->state, failure, &stream);
        Py_BEGIN_ALLOW_THREADS stream.release(&stream);
        Py_END_ALLOW_THREADS
    }
    request_free(&request);
    return result;
}
