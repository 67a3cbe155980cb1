/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_group.c - the type Group: appends to any tables that take effect together.
 *
 *   batch() --append...--> open --commit, end of `with`--> done
 *                               --rollback, exception in `with`, release, close of the Db--> done
 *
 * A group is for one thread at a time: a second one is refused while a call runs.
 */
#include "py_core.h"
#include "py_nanots.h"

#include <stdio.h>
#include <string.h>

struct py_group {
    PyObject_HEAD struct py_state *state;
    struct py_core *core;       /* one reference */
    struct nanots_group *group; /* NULL: done; good while the core is open */
    atomic_flag is_busy;
};

/* _batch(class): an instance of `class`, which is Group or below it. */
PyObject *py_db_batch(PyObject *object, PyObject *class)
{
    struct py_db *db = (struct py_db *)object;
    PyTypeObject *type = (PyTypeObject *)class;
    struct nanots_group *group = NULL;
    struct nanots_error error;
    nanots_status status;

    if (!PyType_Check(class) || !PyType_IsSubtype(type, db->state->group_type))
        return py_raise_text(db->state, NANOTS_TYPE_MISMATCH, "expected a class of batches");
    struct nanots_db *handle = py_enter(db->state, db->core);
    if (handle == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_batch_begin(handle, &group, &error);
    Py_END_ALLOW_THREADS allocfunc allocate = PyType_GetSlot(type, Py_tp_alloc);
    struct py_group *self = NULL;
    if (status != NANOTS_OK)
        py_raise(db->state, &error);
    else
        self = (struct py_group *)allocate(type, 0);
    if (self != NULL) {
        self->state = db->state;
        self->core = py_core_ref(db->core);
        self->group = group;
        atomic_flag_clear(&self->is_busy);
    } else {
        nanots_batch_rollback(group);
    }
    py_core_leave(db->core);
    return (PyObject *)self;
}

/* Enters the database and the group; group_leave follows. */
static struct nanots_db *group_enter(struct py_group *self)
{
    if (atomic_flag_test_and_set(&self->is_busy)) {
        py_raise_text(self->state, NANOTS_MISUSE, "another thread uses this batch now");
        return NULL;
    }
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db != NULL && self->group != NULL)
        return db;
    if (db != NULL) {
        py_core_leave(self->core);
        py_raise_text(self->state, NANOTS_MISUSE, "the batch has ended");
    }
    atomic_flag_clear(&self->is_busy);
    return NULL;
}

static void group_leave(struct py_group *self)
{
    py_core_leave(self->core);
    atomic_flag_clear(&self->is_busy);
}

/* ---- append --------------------------------------------------------------------------------- */

static PyObject *group_put(struct py_group *self, const char *table, int64_t ts,
                           const struct py_row *row)
{
    struct nanots_error error;
    nanots_status status;

    if (group_enter(self) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        nanots_group_append_typed(self->group, table, ts, row->typed, row->count, &error);
    Py_END_ALLOW_THREADS group_leave(self);
    return status == NANOTS_OK ? Py_NewRef(Py_None) : py_raise(self->state, &error);
}

static nanots_status group_refuse(struct nanots_error *error, const char *sentence)
{
    memset(error, 0, sizeof *error);
    error->code = NANOTS_MISUSE;
    snprintf(error->message, sizeof error->message, "%s", sentence);
    return NANOTS_MISUSE;
}

nanots_status py_group_append_arrow(PyObject *object, const char *table, struct ArrowSchema *schema,
                                    struct ArrowArray *array,
                                    const struct nanots_arrow_append_options *options,
                                    struct nanots_error *error)
{
    struct py_group *self = (struct py_group *)object;
    nanots_status status;

    if (atomic_flag_test_and_set(&self->is_busy))
        return group_refuse(error, "another thread uses this batch now");
    if (py_core_enter(self->core) == NULL) {
        status = group_refuse(error, "the database is closed");
    } else {
        status = self->group == NULL
                     ? group_refuse(error, "the batch has ended")
                     : nanots_group_append_arrow(self->group, table, schema, array, options, error);
        py_core_leave(self->core);
    }
    atomic_flag_clear(&self->is_busy);
    return status;
}

/* append(table, time, *values) */
static PyObject *group_append(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    struct py_group *self = (struct py_group *)object;
    struct py_table_def def;
    struct py_row row;
    PyObject *result = NULL;
    int64_t ts;

    if (count < 2) {
        PyErr_SetString(PyExc_TypeError, "append() takes a table, a time and the values of a row");
        return NULL;
    }
    const char *table = py_table_text(self->state, args[0]);
    struct nanots_db *db = table == NULL ? NULL : py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    const int loaded = py_table_def_load(self->state, db, table, &def);
    py_core_leave(self->core); /* converting may run code that closes */
    if (loaded < 0)
        return NULL;
    if (py_time(self->state, args[1], def.schema.unit, &ts) == 0 &&
        py_row_take_args(self->state, table, args + 2, (size_t)count - 2, &row) == 0) {
        if (py_row_convert(self->state, table, &def, &row) == 0)
            result = group_put(self, table, ts, &row);
        py_row_free(&row);
    }
    py_table_def_free(&def);
    return result;
}

/* ---- the end -------------------------------------------------------------------------------- */

static PyObject *group_commit(PyObject *object, PyObject *unused)
{
    struct py_group *self = (struct py_group *)object;
    struct nanots_error error;
    nanots_status status;
    uint64_t seq = 0;

    (void)unused;
    if (group_enter(self) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_batch_commit(self->group, &seq, &error);
    Py_END_ALLOW_THREADS self->group = NULL;
    group_leave(self);
    return status == NANOTS_OK ? PyLong_FromUnsignedLongLong(seq) : py_raise(self->state, &error);
}

static PyObject *group_rollback(PyObject *object, PyObject *unused)
{
    struct py_group *self = (struct py_group *)object;

    (void)unused;
    if (group_enter(self) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS nanots_batch_rollback(self->group);
    Py_END_ALLOW_THREADS self->group = NULL;
    group_leave(self);
    return Py_NewRef(Py_None);
}

static PyObject *group_with(PyObject *object, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(object);
}

/* Commits, or rolls back when the block raised; a batch that was ended inside is left alone. */
static PyObject *group_exit(PyObject *object, PyObject *args)
{
    struct py_group *self = (struct py_group *)object;
    PyObject *type, *value, *traceback;

    if (!PyArg_ParseTuple(args, "OOO", &type, &value, &traceback))
        return NULL;
    if (self->group == NULL)
        return Py_NewRef(Py_False);
    const bool has_failed = type != Py_None;
    if (has_failed && py_core_is_closed(self->core))
        return Py_NewRef(Py_False); /* closing rolled it back; the exception says why */
    PyObject *result = has_failed ? group_rollback(object, NULL) : group_commit(object, NULL);
    if (result == NULL)
        return NULL;
    Py_DECREF(result);
    return Py_NewRef(Py_False);
}

static void group_dealloc(PyObject *object)
{
    struct py_group *self = (struct py_group *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);

    Py_BEGIN_ALLOW_THREADS if (self->core != NULL && py_core_enter(self->core) != NULL)
    {
        nanots_batch_rollback(self->group);
        py_core_leave(self->core);
    }
    py_core_unref(self->core);
    Py_END_ALLOW_THREADS release(object);
    Py_DECREF(type);
}

static PyMethodDef group_methods[] = {
    {"append", (PyCFunction)(void (*)(void))group_append, METH_FASTCALL,
     "append($self, table, time, /, *values)\n--\n\nAdds a row to `table`, a name or a Table: a "
     "time "
     "and one value for each column,\nor a list of these; None is null."},
    {"commit", group_commit, METH_NOARGS,
     "commit($self, /)\n--\n\nMakes the rows part of the file, all at once. Returns the last "
     "one's number."},
    {"rollback", group_rollback, METH_NOARGS, "rollback($self, /)\n--\n\nForgets the rows."},
    {"__enter__", group_with, METH_NOARGS, "__enter__($self, /)\n--\n\n"},
    {"__exit__", group_exit, METH_VARARGS,
     "__exit__($self, type, value, traceback, /)\n--\n\nCommits; rolls back after an exception."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot group_slots[] = {
    {Py_tp_dealloc, group_dealloc},
    {Py_tp_methods, group_methods},
    {Py_tp_doc, "Appends that take effect together."},
    {0, NULL},
};

PyType_Spec py_group_spec = {
    .name = "nanots._core.Group",
    .basicsize = sizeof(struct py_group),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = group_slots,
};
