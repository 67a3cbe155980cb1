/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_db.c - the type Db: opening, closing, its table of methods.
 *
 *   new --__init__--> open --close, __exit__, last reference--> closed
 *
 * A Db that is closed answers every call with MisuseError. Tables, batches and streams hold the
 * open file too: it closes with the last of them, or at once with close().
 */
#include "py_core.h"
#include "py_nanots.h"

#include <stddef.h>
#include <string.h>

struct nanots_db *py_enter(const struct py_state *state, struct py_core *core)
{
    struct nanots_db *db = core == NULL ? NULL : py_core_enter(core);
    if (db == NULL)
        py_raise_text(state, NANOTS_MISUSE, "the database is closed");
    return db;
}

/* ---- options -------------------------------------------------------------------------------- */

struct option_field {
    const char *name;
    size_t offset;
    char kind; /* 'u' uint32, 'U' uint64, 'd' double */
};

#define UPKEEP(field, kind)                                                                        \
    {                                                                                              \
#field, offsetof(struct nanots_maintenance, field), kind                                   \
    }

static const struct option_field upkeep_fields[] = {
    UPKEEP(check_interval_ms, 'u'),
    UPKEEP(retention_check_interval_ms, 'u'),
    UPKEEP(wal_target_ratio, 'd'),
    UPKEEP(wal_min_bytes, 'U'),
    UPKEEP(target_segment_points, 'U'),
    UPKEEP(max_writes_per_sec, 'U'),
    UPKEEP(write_load_window_ms, 'u'),
    UPKEEP(min_idle_time_ms, 'u'),
    UPKEEP(max_segments_per_pack, 'u'),
    /* what the classic system called min_idle_time_ms */
    {"min_idle_ms", offsetof(struct nanots_maintenance, min_idle_time_ms), 'u'},
};

static int option_store(const struct py_state *state, const struct option_field *field,
                        PyObject *value, struct nanots_maintenance *upkeep)
{
    char *place = (char *)upkeep + field->offset;

    if (field->kind == 'd') {
        const double number = PyFloat_AsDouble(value);
        memcpy(place, &number, sizeof number);
    } else {
        const uint64_t number = PyLong_Check(value) ? PyLong_AsUnsignedLongLong(value) : UINT64_MAX;
        const uint32_t narrow = (uint32_t)number;
        if (number == UINT64_MAX || (field->kind == 'u' && narrow != number)) {
            PyErr_Clear();
            py_raise_text(state, NANOTS_INVALID, "auto_maintenance: %s cannot be %R", field->name,
                          value);
            return -1;
        }
        if (field->kind == 'u')
            memcpy(place, &narrow, sizeof narrow);
        else
            memcpy(place, &number, sizeof number);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int option_set(const struct py_state *state, PyObject *key, PyObject *value,
                      struct nanots_maintenance *upkeep)
{
    for (size_t i = 0; i < sizeof upkeep_fields / sizeof *upkeep_fields; i++) {
        if (PyUnicode_Check(key) &&
            PyUnicode_CompareWithASCIIString(key, upkeep_fields[i].name) == 0)
            return option_store(state, &upkeep_fields[i], value, upkeep);
    }
    py_raise_text(state, NANOTS_INVALID, "auto_maintenance has no option %R", key);
    return -1;
}

/* None, a bool, or a dict of options; *wanted_out says whether there is to be a thread. */
static int options_parse_upkeep(const struct py_state *state, PyObject *given,
                                struct nanots_maintenance *upkeep, bool *wanted_out)
{
    memset(upkeep, 0, sizeof *upkeep);
    upkeep->struct_size = sizeof *upkeep;
    *wanted_out = given != Py_None && given != Py_False;
    if (!*wanted_out || given == Py_True)
        return 0;
    PyObject *items = PyDict_Check(given) ? PyMapping_Items(given) : NULL;
    if (items == NULL) {
        if (!PyErr_Occurred())
            py_raise_text(state, NANOTS_TYPE_MISMATCH,
                          "auto_maintenance: expected None, a bool or a dict, got %R", given);
        return -1;
    }
    int result = 0;
    const Py_ssize_t count = PyList_Size(items);
    for (Py_ssize_t i = 0; i < count && result == 0; i++) {
        PyObject *item = PySequence_GetItem(items, i);
        PyObject *key = item == NULL ? NULL : PySequence_GetItem(item, 0);
        PyObject *value = key == NULL ? NULL : PySequence_GetItem(item, 1);
        result = value == NULL ? -1 : option_set(state, key, value, upkeep);
        Py_XDECREF(value);
        Py_XDECREF(key);
        Py_XDECREF(item);
    }
    Py_DECREF(items);
    return result;
}

static int options_parse_sync(const struct py_state *state, const char *word,
                              nanots_sync_mode *mode_out)
{
    static const char *const words[] = {"normal", "full", "off"}; /* as nanots_sync_mode counts */

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *mode_out = (nanots_sync_mode)i;
            return 0;
        }
    }
    py_raise_text(state, NANOTS_INVALID, "sync: expected normal, full or off, got \"%s\"", word);
    return -1;
}

/* None, or a number from 0 to `most`. */
static int options_parse_limit(const struct py_state *state, const char *name, PyObject *given,
                               int64_t most, int64_t *out)
{
    *out = 0;
    if (given == Py_None)
        return 0;
    *out = PyLong_Check(given) ? PyLong_AsLongLong(given) : -1;
    if (*out < 0 || *out > most) {
        PyErr_Clear();
        py_raise_text(state, NANOTS_INVALID, "%s: expected None or an int from 0 to %lld, got %R",
                      name, (long long)most, given);
        return -1;
    }
    return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static PyObject *db_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    allocfunc allocate = PyType_GetSlot(type, Py_tp_alloc);
    struct py_state *state = py_state_of(type);
    struct py_db *self = state == NULL ? NULL : (struct py_db *)allocate(type, 0);

    (void)args;
    (void)kwargs;
    if (self != NULL)
        self->state = state;
    return (PyObject *)self;
}

static int db_open(struct py_db *self, PyObject *path, const struct nanots_open_options *options)
{
    struct py_core *core = NULL;
    struct nanots_error error;
    PyObject *bytes = NULL;
    nanots_status status;

    if (!PyUnicode_FSConverter(path, &bytes))
        return -1;
    const char *text = PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS status = py_core_open(text, options, &core, &error);
    Py_END_ALLOW_THREADS Py_DECREF(bytes);
    if (status != NANOTS_OK) {
        py_raise(self->state, &error);
        return -1;
    }
    self->core = core;
    return 0;
}

static int db_init(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"path",   "retention_ms", "auto_maintenance", "read_only",
                                  "create", "sync",         "sync_interval_ms", "max_bytes",
                                  NULL};
    struct py_db *self = (struct py_db *)object;
    struct nanots_open_options options = {.struct_size = sizeof options};
    struct nanots_maintenance upkeep;
    PyObject *path, *retention = Py_None, *maintenance = Py_None, *limit = Py_None;
    PyObject *interval = Py_None;
    int is_read_only = 0, may_create = 1;
    const char *sync = "normal";
    int64_t max_bytes = 0, interval_ms = 0;
    bool wants_upkeep;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO$ppsOO:Db", (char **)names, &path,
                                     &retention, &maintenance, &is_read_only, &may_create, &sync,
                                     &interval, &limit))
        return -1;
    if (self->core != NULL) {
        py_raise_text(self->state, NANOTS_MISUSE, "this Db was opened before");
        return -1;
    }
    if (options_parse_upkeep(self->state, maintenance, &upkeep, &wants_upkeep) < 0 ||
        options_parse_limit(self->state, "retention_ms", retention, INT64_MAX,
                            &options.retention_ms) < 0 ||
        options_parse_limit(self->state, "max_bytes", limit, INT64_MAX, &max_bytes) < 0 ||
        options_parse_limit(self->state, "sync_interval_ms", interval, UINT32_MAX, &interval_ms) <
            0 ||
        options_parse_sync(self->state, sync, &options.sync_mode) < 0)
        return -1;
    options.flags = (is_read_only ? NANOTS_OPEN_READ_ONLY : 0) |
                    (may_create && !is_read_only ? 0 : NANOTS_OPEN_NO_CREATE);
    options.sync_interval_ms = (uint32_t)interval_ms;
    options.max_bytes = (uint64_t)max_bytes;
    self->has_limit = options.retention_ms != 0 || options.max_bytes != 0;
    options.auto_maintenance = wants_upkeep ? &upkeep : NULL;
    return db_open(self, path, &options);
}

static PyObject *db_close(PyObject *object, PyObject *unused)
{
    struct py_db *self = (struct py_db *)object;
    nanots_status status = NANOTS_OK;
    struct nanots_error error;

    (void)unused;
    if (self->core != NULL) {
        Py_BEGIN_ALLOW_THREADS status = py_core_close(self->core, &error);
        Py_END_ALLOW_THREADS
    }
    return status == NANOTS_OK ? Py_NewRef(Py_None) : py_raise(self->state, &error);
}

static PyObject *db_enter(PyObject *object, PyObject *unused)
{
    struct py_db *self = (struct py_db *)object;

    (void)unused;
    if (py_enter(self->state, self->core) == NULL)
        return NULL;
    py_core_leave(self->core);
    return Py_NewRef(object);
}

static PyObject *db_exit(PyObject *object, PyObject *args)
{
    (void)args;
    return db_close(object, NULL);
}

static PyObject *db_is_closed(PyObject *object, void *unused)
{
    const struct py_db *self = (struct py_db *)object;

    (void)unused;
    return PyBool_FromLong(self->core == NULL || py_core_is_closed(self->core));
}

static void db_dealloc(PyObject *object)
{
    struct py_db *self = (struct py_db *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);

    Py_BEGIN_ALLOW_THREADS py_core_unref(self->core);
    Py_END_ALLOW_THREADS release(object);
    Py_DECREF(type);
}

/* ---- methods -------------------------------------------------------------------------------- */

#define FAST(function)     ((PyCFunction)(void (*)(void))(function))
#define KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef db_methods[] = {
    {"close", db_close, METH_NOARGS,
     "close($self, /)\n--\n\nWrites what is left, releases the lock and closes the file, at once: "
     "running queries end.\nA second call does nothing. IoError, NoSpaceError: every row whose "
     "append returned is still in the file."},
    {"__enter__", db_enter, METH_NOARGS, "__enter__($self, /)\n--\n\n"},
    {"__exit__", db_exit, METH_VARARGS, "__exit__($self, /, *args)\n--\n\nCloses."},
    {"_create_table", KEYWORDS(py_db_create_table), METH_VARARGS | METH_KEYWORDS, NULL},
    {"list_tables", py_db_list_tables, METH_NOARGS,
     "list_tables($self, /)\n--\n\nNames of all tables, sorted."},
    {"_schema", py_db_schema, METH_O, NULL},
    {"drop_table", KEYWORDS(py_db_drop_table), METH_VARARGS | METH_KEYWORDS,
     "drop_table($self, table)\n--\n\nRemoves `table` and its rows."},
    {"rename_table", KEYWORDS(py_db_rename_table), METH_VARARGS | METH_KEYWORDS,
     "rename_table($self, table, name)\n--\n\nGives `table` another name."},
    {"rename_column", KEYWORDS(py_db_rename_column), METH_VARARGS | METH_KEYWORDS,
     "rename_column($self, table, column, name)\n--\n\nGives `column` another name."},
    {"add_column", KEYWORDS(py_db_add_column), METH_VARARGS | METH_KEYWORDS,
     "add_column($self, table, name, type=\"f64\", codec=None)\n--\n\nAdds a column behind the "
     "others; rows that are there are null in it. Its vectors have `codec` where that fits."},
    {"flush", py_db_flush, METH_NOARGS,
     "flush($self, /)\n--\n\nWrites all rows into segments; durable on return."},
    {"sync", py_db_sync, METH_NOARGS,
     "sync($self, /)\n--\n\nMakes all rows durable against power loss."},
    {"refresh", py_db_refresh, METH_NOARGS,
     "refresh($self, /)\n--\n\nMoves a read-only handle on to the rows that the writer has now; "
     "whether it moved."},
    {"change_counter", py_db_change_counter, METH_NOARGS,
     "change_counter($self, /)\n--\n\nA number that grows whenever the writer adds something."},
    {"pack_table", KEYWORDS(py_db_pack_table), METH_VARARGS | METH_KEYWORDS,
     "pack_table($self, table, target_segment_points=0)\n--\n\nRewrites `table` as sorted "
     "segments of about so many rows; 0: the largest."},
    {"compact_retention", KEYWORDS(py_db_compact_retention), METH_VARARGS | METH_KEYWORDS,
     "compact_retention($self, cutoff, table=None)\n--\n\nRemoves the rows before `cutoff` from "
     "`table`, or from all; how many."},
    {"compact_retention_now", py_db_compact_retention_now, METH_NOARGS,
     "compact_retention_now($self, /)\n--\n\nRemoves the rows older than retention_ms, and the "
     "oldest segments beyond max_bytes; how many rows.\n0 without both."},
    {"_maintain", KEYWORDS(py_db_maintain), METH_VARARGS | METH_KEYWORDS, NULL},
    {"_stats_json", py_db_stats_json, METH_O, NULL},
    {"_diagnose_json", py_db_diagnose_json, METH_NOARGS, NULL},
    {"_verify", py_db_verify, METH_NOARGS, NULL},
    {"backup", KEYWORDS(py_db_backup), METH_VARARGS | METH_KEYWORDS,
     "backup($self, path, *, incremental=False, replace=False)\n--\n\nCopies what the database "
     "holds now to `path`, a file of its own; appends go on meanwhile.\nincremental: bring the "
     "former backup there up to date. replace: write over a file that is there."},
    {"table_time_range", KEYWORDS(py_db_time_range), METH_VARARGS | METH_KEYWORDS,
     "table_time_range($self, table)\n--\n\nSmallest and greatest time of `table` in its unit, "
     "or None if it is empty."},
    {"row_count", KEYWORDS(py_db_row_count), METH_VARARGS | METH_KEYWORDS,
     "row_count($self, table)\n--\n\nNumber of rows of `table`."},
    {"append", FAST(py_db_append), METH_FASTCALL | METH_KEYWORDS,
     "append($self, series, ts_ms, value)\n--\n\nAppends (ts_ms, value) to `series`, a table "
     "with one f64 column `value` that is made if\nabsent. Returns the row's number, from 1 on."},
    {"append_row", FAST(py_db_append_row), METH_FASTCALL | METH_KEYWORDS,
     "append_row($self, table, ts_ms, values)\n--\n\nAppends a row of floats, one for each "
     "column. Returns the row's number."},
    {"append_row_typed", FAST(py_db_append_row_typed), METH_FASTCALL | METH_KEYWORDS,
     "append_row_typed($self, table, ts_ms, values)\n--\n\nAppends a row of any types, None for "
     "null. Returns the row's number."},
    {"append_rows_arrow_capsules", KEYWORDS(py_db_append_capsules), METH_VARARGS | METH_KEYWORDS,
     "append_rows_arrow_capsules($self, table, schema_capsule, array_capsule)\n--\n\nAppends "
     "the rows of a struct array, as __arrow_c_array__ gives it. Returns the last row's number."},
    {"_append_arrays", py_db_append_arrays, METH_VARARGS, NULL},
    {"_append_stream", py_db_append_stream, METH_VARARGS, NULL},
    {"_append_frame", py_db_append_frame, METH_VARARGS, NULL},
    {"query_range", KEYWORDS(py_db_query_range), METH_VARARGS | METH_KEYWORDS,
     "query_range($self, series, start, end)\n--\n\n[(ts, value), ...] of start <= ts <= end."},
    {"query_table_range_columns", KEYWORDS(py_db_query_columns), METH_VARARGS | METH_KEYWORDS,
     "query_table_range_columns($self, table, start, end)\n--\n\n(times, [column, ...]) of "
     "start <= ts <= end, in lists; a null is nan. All columns are f64."},
    {"query_table_range_typed", KEYWORDS(py_db_query_typed), METH_VARARGS | METH_KEYWORDS,
     "query_table_range_typed($self, table, start, end)\n--\n\n(times, [column, ...]) of "
     "start <= ts <= end, in lists; a null is None."},
    {"query_table_range_arrow_capsules", KEYWORDS(py_db_query_capsules),
     METH_VARARGS | METH_KEYWORDS,
     "query_table_range_arrow_capsules($self, table, start, end)\n--\n\n(schema_capsule, "
     "array_capsule) of one struct array: the time as int64, and the columns."},
    {"_query_stream", py_db_query_stream, METH_VARARGS, NULL},
    {"_query_batches", py_db_query_batches, METH_VARARGS, NULL},
    {"_query_whole", py_db_query_whole, METH_VARARGS, NULL},
    {"_query_damage", py_db_query_damage, METH_VARARGS, NULL},
    {"_table_capsule", py_db_table_capsule, METH_VARARGS, NULL},
    {"_table", py_db_table, METH_VARARGS, NULL},
    {"_batch", py_db_batch, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef db_getset[] = {
    {"closed", db_is_closed, NULL, "Whether the file is closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot db_slots[] = {
    {Py_tp_new, db_new},
    {Py_tp_init, db_init},
    {Py_tp_dealloc, db_dealloc},
    {Py_tp_methods, db_methods},
    {Py_tp_getset, db_getset},
    {Py_tp_doc, "Db(path, retention_ms=None, auto_maintenance=None, *, read_only=False, "
                "create=True, sync=\"normal\", sync_interval_ms=0, max_bytes=None)\n--\n\nAn open "
                "file."},
    {0, NULL},
};

PyType_Spec py_db_spec = {
    .name = "nanots._core.Db",
    .basicsize = sizeof(struct py_db),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = db_slots,
};
