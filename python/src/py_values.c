/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_values.c - Python objects as times, values and rows of the library.
 *
 *   f64   float, int, whatever has __float__       i64 i32   int, whatever has __index__; no bool
 *   f32   the same; what overflows is refused      bool      bool, numpy.bool
 *   null  None                                     utf8      str
 *
 * A value that does not fit is named by table, column and position, with both types.
 */
#include "py_nanots.h"

#include <math.h>
#include <string.h>

/* ---- names and types ------------------------------------------------------------------------ */

const char *py_text(const struct py_state *state, PyObject *object, const char *what)
{
    Py_ssize_t size;

    if (!PyUnicode_Check(object)) {
        PyObject *type = PyType_GetName(Py_TYPE(object));
        if (type != NULL)
            py_raise_text(state, NANOTS_TYPE_MISMATCH, "%s: expected str, got %U", what, type);
        Py_XDECREF(type);
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == NULL) {
        PyErr_Clear();
        py_raise_text(state, NANOTS_INVALID, "%s: %R is no Unicode text", what, object);
    } else if (strlen(text) != (size_t)size) {
        py_raise_text(state, NANOTS_INVALID, "%s: %R has a zero byte in it", what, object);
        text = NULL;
    }
    return text;
}

const char *py_table_name(const struct py_state *state, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"table", NULL};
    PyObject *table;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O", (char **)names, &table))
        return NULL;
    return py_text(state, table, "the name of a table");
}

struct type_word {
    const char *word;
    nanots_type type;
};

/* The names of the types, and what the classic system called them too. */
static const struct type_word type_words[] = {
    {"f64", NANOTS_TYPE_F64},     {"float", NANOTS_TYPE_F64},    {"double", NANOTS_TYPE_F64},
    {"f32", NANOTS_TYPE_F32},     {"i64", NANOTS_TYPE_I64},      {"int", NANOTS_TYPE_I64},
    {"i32", NANOTS_TYPE_I32},     {"integer", NANOTS_TYPE_I64},  {"bool", NANOTS_TYPE_BOOL},
    {"utf8", NANOTS_TYPE_UTF8},   {"boolean", NANOTS_TYPE_BOOL}, {"str", NANOTS_TYPE_UTF8},
    {"string", NANOTS_TYPE_UTF8},
};

int py_type_parse(const struct py_state *state, PyObject *name, nanots_type *type_out)
{
    const char *text = py_text(state, name, "the type of a column");
    if (text == NULL)
        return -1;
    for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++) {
        if (strcmp(text, type_words[i].word) == 0) {
            *type_out = type_words[i].type;
            return 0;
        }
    }
    py_raise_text(state, NANOTS_INVALID,
                  "unknown column type %R: expected f64, f32, i64, i32, bool or utf8", name);
    return -1;
}

/* ---- times ---------------------------------------------------------------------------------- */

int py_time_int(const struct py_state *state, PyObject *object, int64_t *ts_out)
{
    PyObject *number = PyBool_Check(object) ? NULL : PyNumber_Index(object);
    if (number == NULL) {
        PyErr_Clear();
        PyObject *type = PyType_GetName(Py_TYPE(object));
        if (type != NULL)
            py_raise_text(state, NANOTS_TYPE_MISMATCH, "time: expected int, got %U", type);
        Py_XDECREF(type);
        return -1;
    }
    *ts_out = PyLong_AsLongLong(number);
    Py_DECREF(number);
    if (*ts_out == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        py_raise_text(state, NANOTS_INVALID, "time %R is outside the range of int64", object);
        return -1;
    }
    return 0;
}

int py_time(const struct py_state *state, PyObject *object, nanots_time_unit unit, int64_t *ts_out)
{
    if (PyLong_CheckExact(object))
        return py_time_int(state, object, ts_out);
    PyObject *module = PyImport_ImportModule("nanots._times");
    if (module == NULL)
        return -1;
    PyObject *number =
        PyObject_CallMethod(module, "exact", "Os", object, nanots_time_unit_name(unit));
    Py_DECREF(module);
    const int result = number == NULL ? -1 : py_time_int(state, number, ts_out);
    Py_XDECREF(number);
    return result;
}

/* ---- single values -------------------------------------------------------------------------- */

/* Says what is wrong with a value; always -1. `found` is a new reference or NULL. */
static int value_refuse(const struct py_state *state, const struct py_column *column,
                        nanots_status code, const char *what, PyObject *found)
{
    PyErr_Clear();
    if (found != NULL && column->row != SIZE_MAX)
        py_raise_text(state, code, "table \"%s\", column \"%s\", row %zu: expected %s, %s %U",
                      column->table, column->name, column->row, nanots_type_name(column->type),
                      what, found);
    else if (found != NULL)
        py_raise_text(state, code, "table \"%s\", column \"%s\", value %zu: expected %s, %s %U",
                      column->table, column->name, column->index + 1,
                      nanots_type_name(column->type), what, found);
    Py_XDECREF(found);
    return -1;
}

static int value_refuse_type(const struct py_state *state, const struct py_column *column,
                             PyObject *object)
{
    return value_refuse(state, column, NANOTS_TYPE_MISMATCH, "got",
                        PyType_GetName(Py_TYPE(object)));
}

static int value_refuse_range(const struct py_state *state, const struct py_column *column,
                              PyObject *object)
{
    return value_refuse(state, column, NANOTS_INVALID, "which cannot hold", PyObject_Repr(object));
}

static int value_float(const struct py_state *state, const struct py_column *column,
                       PyObject *object, double *value_out)
{
    *value_out = PyFloat_AsDouble(object);
    if (*value_out != -1.0 || !PyErr_Occurred())
        return 0;
    return PyErr_ExceptionMatches(PyExc_OverflowError) ? value_refuse_range(state, column, object)
                                                       : value_refuse_type(state, column, object);
}

static int value_f32(const struct py_state *state, const struct py_column *column, PyObject *object,
                     float *value_out)
{
    double wide;

    if (value_float(state, column, object, &wide) < 0)
        return -1;
    *value_out = (float)wide;
    return isinf(*value_out) && !isinf(wide) ? value_refuse_range(state, column, object) : 0;
}

static int value_integer(const struct py_state *state, const struct py_column *column,
                         PyObject *object, int64_t *value_out)
{
    PyObject *number = PyBool_Check(object) ? NULL : PyNumber_Index(object);
    if (number == NULL)
        return value_refuse_type(state, column, object);
    *value_out = PyLong_AsLongLong(number);
    const bool is_wrong = *value_out == -1 && PyErr_Occurred() != NULL;
    Py_DECREF(number);
    return is_wrong ? value_refuse_range(state, column, object) : 0;
}

static int value_i32(const struct py_state *state, const struct py_column *column, PyObject *object,
                     int32_t *value_out)
{
    int64_t wide;

    if (value_integer(state, column, object, &wide) < 0)
        return -1;
    *value_out = (int32_t)wide;
    return *value_out == wide ? 0 : value_refuse_range(state, column, object);
}

/* NumPy's bool is no subclass of bool; its type is called bool, or bool_ before NumPy 2. */
static bool value_is_numpy_bool(PyObject *object)
{
    PyObject *name = PyType_GetQualName(Py_TYPE(object));
    const bool is = name != NULL && (PyUnicode_CompareWithASCIIString(name, "bool") == 0 ||
                                     PyUnicode_CompareWithASCIIString(name, "bool_") == 0);
    Py_XDECREF(name);
    PyErr_Clear();
    return is;
}

static int value_bool(const struct py_state *state, const struct py_column *column,
                      PyObject *object, int *value_out)
{
    if (!PyBool_Check(object) && !value_is_numpy_bool(object))
        return value_refuse_type(state, column, object);
    *value_out = PyObject_IsTrue(object);
    return *value_out < 0 ? value_refuse_type(state, column, object) : 0;
}

static int value_text(const struct py_state *state, const struct py_column *column,
                      PyObject *object, struct nanots_value *value_out)
{
    Py_ssize_t size;

    if (!PyUnicode_Check(object))
        return value_refuse_type(state, column, object);
    const char *data = PyUnicode_AsUTF8AndSize(object, &size);
    if (data == NULL)
        return value_refuse_range(state, column, object);
    value_out->as.utf8.data = data;
    value_out->as.utf8.size = (size_t)size;
    return 0;
}

int py_value(const struct py_state *state, const struct py_column *column, PyObject *object,
             struct nanots_value *value_out)
{
    if (object == Py_None) {
        value_out->type = NANOTS_TYPE_NULL;
        return column->is_nullable ? 0 : value_refuse_type(state, column, object);
    }
    value_out->type = column->type;
    switch (column->type) {
    case NANOTS_TYPE_F64:
        return value_float(state, column, object, &value_out->as.f64);
    case NANOTS_TYPE_F32:
        return value_f32(state, column, object, &value_out->as.f32);
    case NANOTS_TYPE_I64:
        return value_integer(state, column, object, &value_out->as.i64);
    case NANOTS_TYPE_I32:
        return value_i32(state, column, object, &value_out->as.i32);
    case NANOTS_TYPE_BOOL:
        return value_bool(state, column, object, &value_out->as.boolean);
    case NANOTS_TYPE_UTF8:
        return value_text(state, column, object, value_out);
    default:
        py_raise_text(state, NANOTS_UNSUPPORTED, "column \"%s\" has a type that is not known here",
                      column->name);
        return -1;
    }
}
