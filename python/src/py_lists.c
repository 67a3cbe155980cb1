/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_lists.c - Arrow arrays of the library as Python lists, for the classic interface.
 *
 * One loop for each type, and no branch in it for a column without nulls: what remains is making
 * the objects.
 */
#include "py_nanots.h"

#include <math.h>
#include <string.h>

struct list_source {
    const void *values;
    const int32_t *offsets;  /* of text */
    const uint8_t *validity; /* NULL: no nulls */
    bool null_is_nan;
};

static bool list_is_null(const struct list_source *from, size_t row)
{
    return from->validity != NULL && (from->validity[row / 8] >> (row % 8) & 1) == 0;
}

static PyObject *list_null(const struct list_source *from)
{
    return from->null_is_nan ? PyFloat_FromDouble(NAN) : Py_NewRef(Py_None);
}

/* Defines `name`, which fills a list; `object` makes the object of a row. */
#define LIST_FILL(name, object)                                                                    \
    static int name(PyObject *list, const struct list_source *from, size_t count)                  \
    {                                                                                              \
        for (size_t row = 0; row < count; row++) {                                                 \
            PyObject *item = list_is_null(from, row) ? list_null(from) : (object);                 \
            if (item == NULL || PyList_SetItem(list, (Py_ssize_t)row, item) < 0)                   \
                return -1;                                                                         \
        }                                                                                          \
        return 0;                                                                                  \
    }

static PyObject *list_text(const struct list_source *from, size_t row)
{
    const int32_t begin = from->offsets[row];
    return PyUnicode_DecodeUTF8((const char *)from->values + begin, from->offsets[row + 1] - begin,
                                "strict");
}

static PyObject *list_bool(const struct list_source *from, size_t row)
{
    return PyBool_FromLong(((const uint8_t *)from->values)[row / 8] >> (row % 8) & 1);
}

LIST_FILL(fill_f64, PyFloat_FromDouble(((const double *)from->values)[row]))
LIST_FILL(fill_f32, PyFloat_FromDouble((double)((const float *)from->values)[row]))
LIST_FILL(fill_i64, PyLong_FromLongLong(((const int64_t *)from->values)[row]))
LIST_FILL(fill_i32, PyLong_FromLong(((const int32_t *)from->values)[row]))
LIST_FILL(fill_bool, list_bool(from, row))
LIST_FILL(fill_text, list_text(from, row))

PyObject *py_list_of(const struct py_state *state, const char *format,
                     const struct ArrowArray *array, bool null_is_nan)
{
    const bool is_text = strcmp(format, "u") == 0;
    const struct list_source from = {
        .validity = array->null_count == 0 ? NULL : array->buffers[0],
        .offsets = is_text ? array->buffers[1] : NULL,
        .values = array->buffers[is_text ? 2 : 1],
        .null_is_nan = null_is_nan,
    };
    const size_t count = (size_t)array->length;
    PyObject *list = PyList_New((Py_ssize_t)count);
    int result = -1;

    if (list == NULL)
        return NULL;
    switch (*format) {
    case 'g':
        result = fill_f64(list, &from, count);
        break;
    case 'f':
        result = fill_f32(list, &from, count);
        break;
    case 'l':
    case 't': /* a timestamp: its number */
        result = fill_i64(list, &from, count);
        break;
    case 'i':
        result = fill_i32(list, &from, count);
        break;
    case 'b':
        result = fill_bool(list, &from, count);
        break;
    case 'u':
        result = fill_text(list, &from, count);
        break;
    default:
        py_raise_text(state, NANOTS_UNSUPPORTED, "cannot list values of the format \"%s\"", format);
    }
    if (result < 0)
        Py_CLEAR(list);
    return list;
}
