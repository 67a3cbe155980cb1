/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_table.c - the type Table: a table looked up once, for fast appends.
 *
 * A handle stays good when its table is renamed. Its columns are kept from the look-up; when a
 * column was added since, the library refuses the count of values, and one asks for a new handle.
 */
#include "py_core.h"
#include "py_nanots.h"

#include <string.h>

struct py_table {
    PyObject_HEAD struct py_state *state;
    struct py_core *core; /* one reference */
    struct nanots_table *table;
    struct py_table_def def;
    PyObject *name; /* of the look-up */
    const char *text;
};

static int table_open(struct py_table *self, struct nanots_db *db)
{
    struct nanots_error error;
    nanots_status status;

    Py_BEGIN_ALLOW_THREADS status = nanots_table_open(db, self->text, &self->table, &error);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK)
    {
        py_raise(self->state, &error);
        return -1;
    }
    return py_table_def_load(self->state, db, self->text, &self->def);
}

/* _table(name, class): an instance of `class`, which is Table or below it. */
PyObject *py_db_table(PyObject *object, PyObject *args)
{
    struct py_db *db = (struct py_db *)object;
    PyTypeObject *type;
    PyObject *name;

    if (!PyArg_ParseTuple(args, "OO!", &name, &PyType_Type, &type))
        return NULL;
    if (!PyType_IsSubtype(type, db->state->table_type))
        return py_raise_text(db->state, NANOTS_TYPE_MISMATCH, "expected a class of tables");
    const char *text = py_text(db->state, name, "the name of a table");
    struct nanots_db *handle = text == NULL ? NULL : py_enter(db->state, db->core);

    if (handle == NULL)
        return NULL;
    allocfunc allocate = PyType_GetSlot(type, Py_tp_alloc);
    struct py_table *self = (struct py_table *)allocate(type, 0);
    if (self != NULL) {
        self->state = db->state;
        self->core = py_core_ref(db->core);
        self->name = Py_NewRef(name);
        self->text = text;
        if (table_open(self, handle) < 0)
            Py_CLEAR(self);
    }
    py_core_leave(db->core);
    return (PyObject *)self;
}

const char *py_table_text(const struct py_state *state, PyObject *table)
{
    if (PyObject_TypeCheck(table, state->table_type))
        return ((struct py_table *)table)->text;
    return py_text(state, table, "the name of a table");
}

/* ---- append --------------------------------------------------------------------------------- */

static PyObject *table_append_row(struct py_table *self, int64_t ts, struct py_row *row)
{
    struct nanots_error error;
    nanots_status status;
    uint64_t seq = 0;

    if (py_row_convert(self->state, self->text, self->def.is_plain ? NULL : &self->def, row) < 0)
        return NULL;
    if (py_enter(self->state, self->core) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        self->def.is_plain
            ? nanots_table_append(self->table, ts, row->plain, row->count, &seq, &error)
            : nanots_table_append_typed(self->table, ts, row->typed, row->count, &seq, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? PyLong_FromUnsignedLongLong(seq)
                                                    : py_raise(self->state, &error);
}

/* One float for a table of one f64 column, the commonest row: nothing to keep. */
static PyObject *table_append_float(struct py_table *self, int64_t ts, PyObject *value)
{
    const double number = PyFloat_AsDouble(value);
    struct nanots_error error;
    nanots_status status;
    uint64_t seq = 0;

    if (py_enter(self->state, self->core) == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_table_append(self->table, ts, &number, 1, &seq, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? PyLong_FromUnsignedLongLong(seq)
                                                    : py_raise(self->state, &error);
}

static PyObject *table_append(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    struct py_table *self = (struct py_table *)object;
    struct py_row row;
    int64_t ts;

    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "append() takes a time and the values of a row");
        return NULL;
    }
    if (py_time(self->state, args[0], self->def.schema.unit, &ts) < 0)
        return NULL;
    if (count == 2 && self->def.is_plain && PyFloat_CheckExact(args[1]))
        return table_append_float(self, ts, args[1]);
    if (py_row_take_args(self->state, self->text, args + 1, (size_t)count - 1, &row) < 0)
        return NULL;
    PyObject *result = table_append_row(self, ts, &row);
    py_row_free(&row);
    return result;
}

/* ---- the type ------------------------------------------------------------------------------- */

static PyObject *table_name(PyObject *object, void *unused)
{
    (void)unused;
    return Py_NewRef(((struct py_table *)object)->name);
}

static PyObject *table_unit(PyObject *object, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(
        nanots_time_unit_name(((struct py_table *)object)->def.schema.unit));
}

static void table_dealloc(PyObject *object)
{
    struct py_table *self = (struct py_table *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);

    py_table_def_free(&self->def);
    Py_XDECREF(self->name);
    Py_BEGIN_ALLOW_THREADS py_core_unref(self->core);
    Py_END_ALLOW_THREADS release(object);
    Py_DECREF(type);
}

static PyMethodDef table_methods[] = {
    {"append", (PyCFunction)(void (*)(void))table_append, METH_FASTCALL,
     "append($self, time, /, *values)\n--\n\nAppends a row: a time and one value for each column, "
     "or a list of these.\nReturns the row's number, from 1 on."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef table_getset[] = {
    {"name", table_name, NULL, "The name that the handle was looked up by.", NULL},
    {"unit", table_unit, NULL, "The unit of its times: s, ms, us or ns.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot table_slots[] = {
    {Py_tp_dealloc, table_dealloc},
    {Py_tp_methods, table_methods},
    {Py_tp_getset, table_getset},
    {Py_tp_doc, "A table, looked up once."},
    {0, NULL},
};

PyType_Spec py_table_spec = {
    .name = "nanots._core.Table",
    .basicsize = sizeof(struct py_table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = table_slots,
};
