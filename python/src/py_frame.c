/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_frame.c - columns of Python objects as one Arrow struct array, without a copy where possible.
 *
 *   (name, "buffer", object, format or None)   its memory, as `format` or as what it says it is:
 *                                              numbers as they lie, bools packed to bits
 *   (name, "arrow", (schema_capsule, array_capsule), None)     moved out of the capsules
 *   (name, "values", list, type)               copied: f64, ..., utf8; None is null
 *
 *   frame --+-- schema "+s" --- children: one for each column, named as the tuple says
 *           +-- array ---------- children: buffers of the columns
 *
 * The structs own nothing: the frame does, and must outlive the call that they are for. Columns of
 * different lengths are refused here; all else that may be wrong is the library's to say.
 */
#include "py_nanots.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT_SIZE 64

struct frame_column {
    struct ArrowSchema schema; /* of this name; otherwise as `foreign_schema`, if there is one */
    struct ArrowArray array;
    struct ArrowSchema foreign_schema;
    struct ArrowArray foreign_array;
    const void *buffers[3]; /* validity, values; validity, offsets, bytes */
    void *blocks[3];        /* memory of ours among them */
    PyObject *name;
    Py_buffer view;
    bool has_view;
    char format[FORMAT_SIZE];
};

struct py_frame {
    struct ArrowSchema schema;
    struct ArrowArray array;
    const void *no_validity[1];
    size_t count;
    struct frame_column *columns;
    struct ArrowSchema **schemas;
    struct ArrowArray **arrays;
};

/* What the column is filled for. */
struct frame_place {
    const struct py_state *state;
    const char *table;
    const char *name;
};

static int frame_refuse(const struct frame_place *place, nanots_status code, const char *what)
{
    py_raise_text(place->state, code, "table \"%s\", column \"%s\": %s", place->table, place->name,
                  what);
    return -1;
}

static void *frame_block(struct frame_column *column, size_t index, size_t size)
{
    column->blocks[index] = PyMem_Calloc(size + 1, 1);
    column->buffers[index] = column->blocks[index];
    if (column->blocks[index] == NULL)
        PyErr_NoMemory();
    return column->blocks[index];
}

/* ---- buffers -------------------------------------------------------------------------------- */

/* The Arrow format of an element that the buffer protocol calls `code`, of `size` bytes. */
static const char *format_of_item(const char *code, Py_ssize_t size)
{
    static const char *const integers[] = {"c", "s", "i", "l"}; /* of 1, 2, 4, 8 bytes */
    static const char *const naturals[] = {"C", "S", "I", "L"};
    const size_t power = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;

    if (*code == '@' || *code == '=' || (*code == '<' && PY_LITTLE_ENDIAN))
        code++;
    if (code[0] == '\0' || code[1] != '\0')
        return NULL;
    if (strchr("bhilqn", *code) != NULL)
        return integers[power];
    if (strchr("BHILQN", *code) != NULL)
        return naturals[power];
    return *code == 'd' ? "g" : *code == 'f' ? "f" : *code == '?' ? "b" : NULL;
}

static int buffer_pack_bools(struct frame_column *column, const uint8_t *bytes)
{
    const size_t count = (size_t)column->array.length;
    uint8_t *bits = frame_block(column, 1, (count + 7) / 8);

    if (bits == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        bits[i / 8] |= (uint8_t)((bytes[i] != 0) << (i % 8));
    return 0;
}

/* Values that do not lie side by side are copied. */
static int buffer_take(const struct frame_place *place, struct frame_column *column)
{
    const Py_buffer *view = &column->view;
    const void *values = view->buf;

    column->array.n_buffers = 2;
    column->array.length = view->ndim == 1 ? view->shape[0] : 0;
    if (!PyBuffer_IsContiguous(view, 'C')) {
        void *copy = frame_block(column, 1, (size_t)view->len);
        if (copy == NULL || PyBuffer_ToContiguous(copy, view, view->len, 'C') < 0)
            return -1;
        values = copy;
    }
    if (strcmp(column->format, "b") != 0) {
        column->buffers[1] = values;
        return 0;
    }
    void *copy = column->blocks[1];
    const int result = buffer_pack_bools(column, values);
    PyMem_Free(copy);
    (void)place;
    return result;
}

static int frame_buffer(const struct frame_place *place, struct frame_column *column,
                        PyObject *object, PyObject *hint)
{
    if (PyObject_GetBuffer(object, &column->view, PyBUF_RECORDS_RO) < 0) {
        PyErr_Clear();
        return frame_refuse(place, NANOTS_TYPE_MISMATCH, "expected an array of numbers");
    }
    column->has_view = true;
    const char *code = column->view.format != NULL ? column->view.format : "B";
    const char *format = format_of_item(code, column->view.itemsize);
    if (column->view.ndim != 1) {
        py_raise_text(place->state, NANOTS_INVALID,
                      "table \"%s\", column \"%s\": expected an array of one dimension, got %d",
                      place->table, place->name, column->view.ndim);
        return -1;
    }
    if (format == NULL) {
        py_raise_text(place->state, NANOTS_TYPE_MISMATCH,
                      "table \"%s\", column \"%s\": cannot take elements of the format \"%s\"",
                      place->table, place->name, code);
        return -1;
    }
    if (hint != Py_None && strcmp(format, "l") == 0) {
        format = py_text(place->state, hint, "a format");
        if (format == NULL)
            return -1;
    }
    if (strlen(format) >= FORMAT_SIZE)
        return frame_refuse(place, NANOTS_INVALID, "its format is too long");
    memcpy(column->format, format, strlen(format) + 1);
    column->schema.format = column->format;
    return buffer_take(place, column);
}

/* ---- capsules ------------------------------------------------------------------------------- */

static int frame_arrow(const struct frame_place *place, struct frame_column *column, PyObject *pair)
{
    PyObject *schema, *array;

    if (!PyTuple_Check(pair) || !PyArg_ParseTuple(pair, "OO", &schema, &array) ||
        py_schema_take(place->state, schema, &column->foreign_schema) < 0 ||
        py_array_take(place->state, array, &column->foreign_array) < 0)
        return -1;
    column->schema = column->foreign_schema;
    column->array = column->foreign_array;
    return 0;
}

/* ---- lists of objects ----------------------------------------------------------------------- */

static const char *const type_formats[] = {
    [NANOTS_TYPE_F64] = "g", [NANOTS_TYPE_F32] = "f",  [NANOTS_TYPE_I64] = "l",
    [NANOTS_TYPE_I32] = "i", [NANOTS_TYPE_BOOL] = "b", [NANOTS_TYPE_UTF8] = "U",
};

static size_t type_size(nanots_type type)
{
    return type == NANOTS_TYPE_F32 || type == NANOTS_TYPE_I32 ? 4 : 8;
}

/* Text of a row, behind that of those before it. */
static int values_put_text(struct frame_column *column, size_t row,
                           const struct nanots_value *value, size_t *room)
{
    int64_t *offsets = column->blocks[1];
    const size_t used = (size_t)offsets[row];
    const size_t size = value->type == NANOTS_TYPE_NULL ? 0 : value->as.utf8.size;

    if (used + size > *room) {
        const size_t wanted = (used + size) * 2 + 64;
        void *grown = PyMem_Realloc(column->blocks[2], wanted);
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        column->blocks[2] = grown;
        *room = wanted;
    }
    if (size > 0)
        memcpy((char *)column->blocks[2] + used, value->as.utf8.data, size);
    offsets[row + 1] = (int64_t)(used + size);
    return 0;
}

static void values_put_number(struct frame_column *column, size_t row,
                              const struct nanots_value *value)
{
    char *values = column->blocks[1];

    switch (value->type) {
    case NANOTS_TYPE_BOOL:
        if (value->as.boolean)
            values[row / 8] = (char)(values[row / 8] | 1 << (row % 8));
        break;
    case NANOTS_TYPE_F32:
    case NANOTS_TYPE_I32:
        memcpy(values + 4 * row, &value->as, 4);
        break;
    case NANOTS_TYPE_F64:
    case NANOTS_TYPE_I64:
        memcpy(values + 8 * row, &value->as, 8);
        break;
    default:
        break; /* a null */
    }
}

static int values_fill(const struct frame_place *place, struct frame_column *column, PyObject *list,
                       nanots_type type)
{
    struct py_column of = {
        .table = place->table, .name = place->name, .type = type, .is_nullable = true};
    const size_t count = (size_t)column->array.length;
    uint8_t *validity = column->blocks[0];
    size_t text_room = 0;

    for (of.row = 0; of.row < count; of.row++) {
        struct nanots_value value;
        PyObject *item = PySequence_GetItem(list, (Py_ssize_t)of.row);
        int result = item == NULL ? -1 : py_value(place->state, &of, item, &value);
        if (result == 0 && type == NANOTS_TYPE_UTF8)
            result = values_put_text(column, of.row, &value, &text_room);
        else if (result == 0)
            values_put_number(column, of.row, &value);
        Py_XDECREF(item);
        if (result < 0)
            return -1;
        if (value.type == NANOTS_TYPE_NULL)
            column->array.null_count++;
        else
            validity[of.row / 8] |= (uint8_t)(1 << (of.row % 8));
    }
    return 0;
}

static int frame_values(const struct frame_place *place, struct frame_column *column,
                        PyObject *list, PyObject *word)
{
    nanots_type type;

    if (py_type_parse(place->state, word, &type) < 0)
        return -1;
    const Py_ssize_t size = PyList_Check(list) ? PyList_Size(list) : -1;
    if (size < 0)
        return frame_refuse(place, NANOTS_TYPE_MISMATCH, "expected a list");
    const size_t count = (size_t)size;
    const bool is_text = type == NANOTS_TYPE_UTF8;
    column->array.length = size;
    column->array.n_buffers = is_text ? 3 : 2;
    column->schema.format = type_formats[type];
    if (frame_block(column, 0, (count + 7) / 8) == NULL ||
        frame_block(column, 1, (count + is_text) * type_size(type)) == NULL ||
        (is_text && frame_block(column, 2, 0) == NULL) ||
        values_fill(place, column, list, type) < 0)
        return -1;
    if (column->array.null_count == 0)
        column->buffers[0] = NULL;
    column->buffers[2] = column->blocks[2];
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void frame_schema_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void frame_array_release(struct ArrowArray *array)
{
    array->release = NULL;
}

static int frame_column_fill(const struct frame_place *place, struct frame_column *column,
                             const char *kind, PyObject *data, PyObject *hint)
{
    int result;

    column->schema.flags = ARROW_FLAG_NULLABLE;
    column->array.buffers = column->buffers;
    if (strcmp(kind, "buffer") == 0)
        result = frame_buffer(place, column, data, hint);
    else if (strcmp(kind, "arrow") == 0)
        result = frame_arrow(place, column, data);
    else
        result = frame_values(place, column, data, hint);
    column->schema.name = place->name;
    column->schema.release = frame_schema_release;
    column->array.release = frame_array_release;
    return result;
}

static int frame_add(const struct py_state *state, const char *table, struct py_frame *frame,
                     PyObject *item)
{
    struct frame_column *column = &frame->columns[frame->count];
    PyObject *name, *data, *hint;
    const char *kind;

    if (!PyTuple_Check(item) || !PyArg_ParseTuple(item, "OsOO", &name, &kind, &data, &hint))
        return -1;
    const struct frame_place place = {state, table, py_text(state, name, "the name of a column")};
    if (place.name == NULL)
        return -1;
    column->name = Py_NewRef(name);
    frame->schemas[frame->count] = &column->schema;
    frame->arrays[frame->count] = &column->array;
    frame->count++;
    if (frame_column_fill(&place, column, kind, data, hint) < 0)
        return -1;
    const struct frame_column *first = &frame->columns[0];
    if (column->array.length != first->array.length) {
        py_raise_text(state, NANOTS_INVALID,
                      "table \"%s\": column \"%s\" has %lld rows, but column \"%s\" has %lld",
                      table, column->schema.name, (long long)column->array.length,
                      first->schema.name, (long long)first->array.length);
        return -1;
    }
    return 0;
}

static struct py_frame *frame_alloc(size_t count)
{
    struct py_frame *frame = PyMem_Calloc(1, sizeof *frame);

    if (frame != NULL) {
        frame->columns = PyMem_Calloc(count + 1, sizeof *frame->columns);
        frame->schemas = PyMem_Calloc(count + 1, sizeof *frame->schemas);
        frame->arrays = PyMem_Calloc(count + 1, sizeof *frame->arrays);
    }
    if (frame == NULL || frame->columns == NULL || frame->schemas == NULL ||
        frame->arrays == NULL) {
        py_frame_free(frame);
        PyErr_NoMemory();
        return NULL;
    }
    return frame;
}

struct py_frame *py_frame_new(const struct py_state *state, const char *table, PyObject *columns)
{
    const size_t count = (size_t)PyList_Size(columns);
    struct py_frame *frame = frame_alloc(count);

    if (frame == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        PyObject *item = PySequence_GetItem(columns, (Py_ssize_t)i);
        const int result = item == NULL ? -1 : frame_add(state, table, frame, item);
        Py_XDECREF(item);
        if (result < 0) {
            py_frame_free(frame);
            return NULL;
        }
    }
    frame->schema = (struct ArrowSchema){.format = "+s",
                                         .name = "",
                                         .n_children = (int64_t)frame->count,
                                         .children = frame->schemas,
                                         .release = frame_schema_release};
    frame->array = (struct ArrowArray){.length = count == 0 ? 0 : frame->columns[0].array.length,
                                       .n_buffers = 1,
                                       .n_children = (int64_t)frame->count,
                                       .buffers = frame->no_validity,
                                       .children = frame->arrays,
                                       .release = frame_array_release};
    return frame;
}

static void frame_column_free(struct frame_column *column)
{
    if (column->foreign_schema.release != NULL)
        column->foreign_schema.release(&column->foreign_schema);
    if (column->foreign_array.release != NULL)
        column->foreign_array.release(&column->foreign_array);
    if (column->has_view)
        PyBuffer_Release(&column->view);
    for (size_t i = 0; i < 3; i++)
        PyMem_Free(column->blocks[i]);
    Py_XDECREF(column->name);
}

void py_frame_free(struct py_frame *frame)
{
    if (frame == NULL)
        return;
    for (size_t i = 0; i < frame->count; i++)
        frame_column_free(&frame->columns[i]);
    PyMem_Free(frame->columns);
    PyMem_Free(frame->schemas);
    PyMem_Free(frame->arrays);
    PyMem_Free(frame);
}

struct ArrowSchema *py_frame_schema(struct py_frame *frame)
{
    return &frame->schema;
}

struct ArrowArray *py_frame_array(struct py_frame *frame)
{
    return &frame->array;
}
