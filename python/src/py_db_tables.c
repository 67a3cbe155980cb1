/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_db_tables.c - methods of Db about tables: making, changing and naming them. */
#include "py_core.h"
#include "py_nanots.h"

#include <string.h>

/* ---- making --------------------------------------------------------------------------------- */

/* The name of a codec, or None. */
static int codec_parse(const struct py_state *state, PyObject *name, uint32_t *flags)
{
    if (name == Py_None)
        return 0;
    const char *text = py_text(state, name, "the codec of a column");
    if (text == NULL)
        return -1;
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++) {
        if (nanots_codec_name(codec) != NULL && strcmp(text, nanots_codec_name(codec)) == 0) {
            *flags |= NANOTS_COLUMN_CODEC(codec);
            return 0;
        }
    }
    py_raise_text(state, NANOTS_INVALID, "unknown codec \"%s\"", text);
    return -1;
}

/* One (name, type, nullable, codec) of a list; the name lives as long as the tuple. */
static int column_parse(const struct py_state *state, PyObject *item,
                        struct nanots_column *column_out)
{
    PyObject *name, *type, *codec;
    int is_nullable;

    if (!PyTuple_Check(item) || !PyArg_ParseTuple(item, "OOpO", &name, &type, &is_nullable, &codec))
        return -1;
    column_out->flags = is_nullable ? NANOTS_COLUMN_NULLABLE : 0;
    column_out->name = py_text(state, name, "the name of a column");
    if (column_out->name == NULL || py_type_parse(state, type, &column_out->type) < 0)
        return -1;
    return codec_parse(state, codec, &column_out->flags);
}

static int columns_parse(const struct py_state *state, PyObject *list,
                         struct nanots_column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PyObject *item = PySequence_GetItem(list, (Py_ssize_t)i);
        const int result = item == NULL ? -1 : column_parse(state, item, &columns[i]);
        Py_XDECREF(item); /* the tuple is the list's, which nobody else has */
        if (result < 0)
            return -1;
    }
    return 0;
}

static int tier_parse(const struct py_state *state, const char *text, nanots_tier *tier_out)
{
    for (int tier = 0; nanots_tier_name((nanots_tier)tier) != NULL; tier++) {
        *tier_out = (nanots_tier)tier;
        if (strcmp(text, nanots_tier_name(*tier_out)) == 0)
            return 0;
    }
    py_raise_text(state, NANOTS_INVALID, "tier: expected auto, hot or packed, got \"%s\"", text);
    return -1;
}

static int create_options_parse(const struct py_state *state, const char *unit,
                                const char *duplicates, const char *tier,
                                struct nanots_table_options *options)
{
    static const char *const rules[] = {"all", "last", "first"}; /* as nanots_duplicates counts */
    size_t rule = 0;

    while (rule < 3 && strcmp(duplicates, rules[rule]) != 0)
        rule++;
    int found = -1;
    for (int i = 0; nanots_time_unit_name((nanots_time_unit)i) != NULL; i++) {
        if (strcmp(unit, nanots_time_unit_name((nanots_time_unit)i)) == 0)
            found = i;
    }
    if (found < 0)
        py_raise_text(state, NANOTS_INVALID, "unit: expected s, ms, us or ns, got \"%s\"", unit);
    else if (rule == 3)
        py_raise_text(state, NANOTS_INVALID, "duplicates: expected all, last or first, got \"%s\"",
                      duplicates);
    options->struct_size = sizeof *options;
    options->unit = (nanots_time_unit)found;
    options->duplicates = (nanots_duplicates)rule;
    return found < 0 || rule == 3 ? -1 : tier_parse(state, tier, &options->tier);
}

static PyObject *create_table(struct py_db *self, const char *table,
                              const struct nanots_column *columns, size_t count,
                              const struct nanots_table_options *options)
{
    struct nanots_error error;
    nanots_status status;
    struct nanots_db *db = py_enter(self->state, self->core);

    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status =
        nanots_create_table_with(db, table, columns, count, options, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? Py_NewRef(Py_None)
                                                    : py_raise(self->state, &error);
}

/* _create_table(table, [(name, type, nullable, codec), ...], unit, duplicates, tier) */
PyObject *py_db_create_table(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"table", "columns", "unit", "duplicates", "tier", NULL};
    struct py_db *self = (struct py_db *)object;
    struct nanots_table_options options = {0};
    const char *unit, *duplicates, *tier;
    PyObject *name, *list, *result = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!sss", (char **)names, &name, &PyList_Type,
                                     &list, &unit, &duplicates, &tier))
        return NULL;
    const char *table = py_text(self->state, name, "the name of a table");
    if (table == NULL || create_options_parse(self->state, unit, duplicates, tier, &options) < 0)
        return NULL;
    const size_t count = (size_t)PyList_Size(list);
    struct nanots_column *columns = PyMem_Calloc(count + 1, sizeof *columns);
    if (columns == NULL)
        return PyErr_NoMemory();
    if (columns_parse(self->state, list, columns, count) == 0)
        result = create_table(self, table, columns, count, &options);
    PyMem_Free(columns);
    return result;
}

/* ---- looking -------------------------------------------------------------------------------- */

PyObject *py_db_list_tables(PyObject *object, PyObject *unused)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_table_list list;
    struct nanots_error error;
    nanots_status status;
    struct nanots_db *db = py_enter(self->state, self->core);

    (void)unused;
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_list_tables(db, &list, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) return py_raise(self->state, &error);
    PyObject *names = PyList_New(0);
    for (size_t i = 0; i < list.count && names != NULL; i++) {
        PyObject *name = PyUnicode_FromString(list.names[i]);
        if (name == NULL || PyList_Append(names, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    nanots_free(list.block);
    return names;
}

static PyObject *schema_columns(const struct nanots_schema *schema)
{
    PyObject *columns = PyList_New(0);

    for (size_t i = 0; i < schema->column_count && columns != NULL; i++) {
        const struct nanots_column *of = &schema->columns[i];
        PyObject *nullable = PyBool_FromLong((of->flags & NANOTS_COLUMN_NULLABLE) != 0);
        const int codec = NANOTS_COLUMN_CODEC_OF(of->flags);
        PyObject *column = Py_BuildValue("(ssNz)", of->name, nanots_type_name(of->type), nullable,
                                         codec < 0 ? NULL : nanots_codec_name((unsigned)codec));
        if (column == NULL || PyList_Append(columns, column) < 0)
            Py_CLEAR(columns);
        Py_XDECREF(column);
    }
    return columns;
}

/* _schema(table) -> (name of the time column, unit, duplicates, tier,
 * [(name, type, nullable, codec), ...]) */
PyObject *py_db_schema(PyObject *object, PyObject *name)
{
    static const char *const rules[] = {"all", "last", "first"};
    struct py_db *self = (struct py_db *)object;
    struct py_table_def def;
    const char *table = py_text(self->state, name, "the name of a table");
    struct nanots_db *db = table == NULL ? NULL : py_enter(self->state, self->core);

    if (db == NULL)
        return NULL;
    const int result = py_table_def_load(self->state, db, table, &def);
    py_core_leave(self->core);
    if (result < 0)
        return NULL;
    PyObject *columns = schema_columns(&def.schema);
    PyObject *schema = columns == NULL ? NULL
                                       : Py_BuildValue("(ssssN)", def.schema.ts_name,
                                                       nanots_time_unit_name(def.schema.unit),
                                                       rules[def.schema.duplicates],
                                                       nanots_tier_name(def.schema.tier), columns);
    py_table_def_free(&def);
    return schema;
}

/* ---- changing ------------------------------------------------------------------------------- */

typedef nanots_status (*change_call)(struct nanots_db *db, const char *const names[3],
                                     const struct nanots_column *column,
                                     struct nanots_error *error);

static PyObject *change_table(struct py_db *self, change_call call, const char *const names[3],
                              const struct nanots_column *column)
{
    struct nanots_error error;
    nanots_status status;
    struct nanots_db *db = py_enter(self->state, self->core);

    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = call(db, names, column, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? Py_NewRef(Py_None)
                                                    : py_raise(self->state, &error);
}

static nanots_status call_drop(struct nanots_db *db, const char *const names[3],
                               const struct nanots_column *column, struct nanots_error *error)
{
    (void)column;
    return nanots_drop_table(db, names[0], error);
}

static nanots_status call_rename_table(struct nanots_db *db, const char *const names[3],
                                       const struct nanots_column *column,
                                       struct nanots_error *error)
{
    (void)column;
    return nanots_rename_table(db, names[0], names[1], error);
}

static nanots_status call_rename_column(struct nanots_db *db, const char *const names[3],
                                        const struct nanots_column *column,
                                        struct nanots_error *error)
{
    (void)column;
    return nanots_rename_column(db, names[0], names[1], names[2], error);
}

static nanots_status call_add_column(struct nanots_db *db, const char *const names[3],
                                     const struct nanots_column *column, struct nanots_error *error)
{
    return nanots_add_column(db, names[0], column, error);
}

PyObject *py_db_drop_table(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    const char *const names[3] = {py_table_name(self->state, args, kwargs)};
    return names[0] == NULL ? NULL : change_table(self, call_drop, names, NULL);
}

PyObject *py_db_rename_table(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const words[] = {"table", "name", NULL};
    struct py_db *self = (struct py_db *)object;
    const char *names[3] = {NULL};
    PyObject *table, *name;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:rename_table", (char **)words, &table,
                                     &name) ||
        (names[0] = py_text(self->state, table, "the name of a table")) == NULL ||
        (names[1] = py_text(self->state, name, "the name of a table")) == NULL)
        return NULL;
    return change_table(self, call_rename_table, names, NULL);
}

PyObject *py_db_rename_column(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const words[] = {"table", "column", "name", NULL};
    struct py_db *self = (struct py_db *)object;
    const char *names[3] = {NULL};
    PyObject *table, *column, *name;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO:rename_column", (char **)words, &table,
                                     &column, &name) ||
        (names[0] = py_text(self->state, table, "the name of a table")) == NULL ||
        (names[1] = py_text(self->state, column, "the name of a column")) == NULL ||
        (names[2] = py_text(self->state, name, "the name of a column")) == NULL)
        return NULL;
    return change_table(self, call_rename_column, names, NULL);
}

PyObject *py_db_add_column(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const words[] = {"table", "name", "type", "codec", NULL};
    struct py_db *self = (struct py_db *)object;
    const char *names[3] = {NULL};
    struct nanots_column column = {.type = NANOTS_TYPE_F64, .flags = NANOTS_COLUMN_NULLABLE};
    PyObject *type = NULL, *codec = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ss|OO:add_column", (char **)words, &names[0],
                                     &column.name, &type, &codec) ||
        (type != NULL && py_type_parse(self->state, type, &column.type) < 0) ||
        codec_parse(self->state, codec, &column.flags) < 0)
        return NULL;
    return change_table(self, call_add_column, names, &column);
}
