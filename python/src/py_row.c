/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_row.c - the values of one row, from a sequence of Python objects to those of the library.
 *
 *   sequence or arguments --take--> strong references --convert--> double[] or nanots_value[]
 *
 * Converting may run code of the program, and the append runs without the GIL: the references keep
 * what was taken. Rows of up to 32 values need no memory but this struct's.
 */
#include "py_nanots.h"

#define ROW_VALUES_MAX 65536 /* far above what a table can have: nothing is taken from such a row */

/* ---- the columns of a table ----------------------------------------------------------------- */

int py_table_def_load(const struct py_state *state, struct nanots_db *db, const char *table,
                      struct py_table_def *def_out)
{
    struct nanots_error error;
    nanots_status status;

    Py_BEGIN_ALLOW_THREADS status = nanots_table_schema(db, table, &def_out->schema, &error);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK)
    {
        py_raise(state, &error);
        return -1;
    }
    def_out->is_plain = true;
    for (size_t i = 0; i < def_out->schema.column_count; i++) {
        const struct nanots_column *column = &def_out->schema.columns[i];
        if (column->type != NANOTS_TYPE_F64 || (column->flags & NANOTS_COLUMN_NULLABLE) != 0)
            def_out->is_plain = false;
    }
    return 0;
}

void py_table_def_free(struct py_table_def *def)
{
    nanots_free(def->schema.block);
    def->schema.block = NULL;
}

/* ---- taking --------------------------------------------------------------------------------- */

static int row_begin(struct py_row *row, size_t count)
{
    row->count = 0;
    row->plain = NULL;
    row->typed = NULL;
    row->objects = row->object_room;
    if (count > PY_ROW_VALUES_SMALL)
        row->objects = PyMem_Calloc(count, sizeof *row->objects);
    if (row->objects == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

int py_row_take(const struct py_state *state, const char *table, PyObject *sequence,
                struct py_row *row)
{
    const bool is_row = PySequence_Check(sequence) && !PyUnicode_Check(sequence);
    const Py_ssize_t count = is_row ? PySequence_Size(sequence) : -1;
    if (count < 0) {
        PyErr_Clear();
        PyObject *type = PyType_GetName(Py_TYPE(sequence));
        if (type != NULL)
            py_raise_text(state, NANOTS_TYPE_MISMATCH,
                          "table \"%s\": expected a list of values, got %U", table, type);
        Py_XDECREF(type);
        return -1;
    }
    if (count > ROW_VALUES_MAX) {
        py_raise_text(state, NANOTS_INVALID, "table \"%s\": no row has %zd values", table, count);
        return -1;
    }
    if (row_begin(row, (size_t)count) < 0)
        return -1;
    for (; row->count < (size_t)count; row->count++) {
        row->objects[row->count] = PySequence_GetItem(sequence, (Py_ssize_t)row->count);
        if (row->objects[row->count] == NULL) {
            py_row_free(row);
            return -1;
        }
    }
    return 0;
}

/* `table.append(ts, 1.5, 2.5)` or `table.append(ts, [1.5, 2.5])`: no value is a list. */
int py_row_take_args(const struct py_state *state, const char *table, PyObject *const *args,
                     size_t count, struct py_row *row)
{
    if (count == 1 && (PyList_Check(args[0]) || PyTuple_Check(args[0])))
        return py_row_take(state, table, args[0], row);
    if (row_begin(row, count) < 0)
        return -1;
    for (; row->count < count; row->count++)
        row->objects[row->count] = Py_NewRef(args[row->count]);
    return 0;
}

void py_row_free(struct py_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        Py_DECREF(row->objects[i]);
    if (row->objects != row->object_room)
        PyMem_Free(row->objects);
    if (row->plain != row->room.plain)
        PyMem_Free(row->plain);
    if (row->typed != row->room.typed)
        PyMem_Free(row->typed);
}

/* ---- converting ----------------------------------------------------------------------------- */

static int row_convert_plain(const struct py_state *state, const char *table, struct py_row *row)
{
    row->plain = row->room.plain;
    if (row->count > PY_ROW_VALUES_SMALL)
        row->plain = PyMem_Calloc(row->count, sizeof *row->plain);
    if (row->plain == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < row->count; i++) {
        row->plain[i] = PyFloat_AsDouble(row->objects[i]);
        if (row->plain[i] != -1.0 || !PyErr_Occurred())
            continue;
        PyErr_Clear();
        PyObject *type = PyType_GetName(Py_TYPE(row->objects[i]));
        if (type != NULL)
            py_raise_text(state, NANOTS_TYPE_MISMATCH,
                          "table \"%s\", value %zu of %zu: expected f64, got %U", table, i + 1,
                          row->count, type);
        Py_XDECREF(type);
        return -1;
    }
    return 0;
}

int py_row_convert(const struct py_state *state, const char *table, const struct py_table_def *def,
                   struct py_row *row)
{
    if (def == NULL)
        return row_convert_plain(state, table, row);
    if (row->count != def->schema.column_count) {
        py_raise_text(state, NANOTS_INVALID, "table \"%s\" has %zu columns, got %zu values", table,
                      def->schema.column_count, row->count);
        return -1;
    }
    row->typed = row->room.typed;
    if (row->count > PY_ROW_VALUES_SMALL)
        row->typed = PyMem_Calloc(row->count, sizeof *row->typed);
    if (row->typed == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < row->count; i++) {
        const struct nanots_column *of = &def->schema.columns[i];
        const struct py_column column = {.table = table,
                                         .name = of->name,
                                         .type = of->type,
                                         .is_nullable = (of->flags & NANOTS_COLUMN_NULLABLE) != 0,
                                         .index = i,
                                         .row = SIZE_MAX};
        if (py_value(state, &column, row->objects[i], &row->typed[i]) < 0)
            return -1;
    }
    return 0;
}
