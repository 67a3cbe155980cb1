/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_batch.c - rows in memory as Python objects: Batch, its buffers, the iterator that makes them.
 *
 *   Batches --next--> Batch --+-- __arrow_c_array__ --> capsules      the same memory
 *                             +-- buffers(i) --> Buffer --> NumPy     the same memory
 *
 * A Batch and its Buffers are counted references to one array of the library (py_share.c): they
 * outlive the database. Memory is read-only.
 */
#include "py_nanots.h"

#include <string.h>

struct py_batch {
    PyObject_HEAD struct py_state *state;
    struct py_share *share;
};

struct py_buffer {
    PyObject_HEAD struct py_share *share;
    const void *data;
    Py_ssize_t size; /* bytes */
};

struct py_batches {
    PyObject_HEAD struct py_state *state;
    struct ArrowArrayStream stream; /* released behind the last batch */
    atomic_flag is_busy;            /* a stream is for one thread at a time */
};

/* ---- Buffer --------------------------------------------------------------------------------- */

/* Readers are free to look where no bytes are: an empty buffer is one of no length. */
static PyObject *buffer_new(const struct py_state *state, struct py_share *share, const void *data,
                            size_t size)
{
    allocfunc allocate = PyType_GetSlot(state->buffer_type, Py_tp_alloc);
    struct py_buffer *self = (struct py_buffer *)allocate(state->buffer_type, 0);

    if (self == NULL)
        return NULL;
    self->share = py_share_ref(share);
    self->data = data;
    self->size = (Py_ssize_t)size;
    return (PyObject *)self;
}

static int buffer_get(PyObject *object, Py_buffer *view, int flags)
{
    const struct py_buffer *self = (struct py_buffer *)object;
    return PyBuffer_FillInfo(view, object, (void *)self->data, self->size, 1, flags);
}

static PyObject *buffer_address(PyObject *object, void *unused)
{
    const struct py_buffer *self = (struct py_buffer *)object;
    (void)unused;
    return PyLong_FromVoidPtr((void *)self->data);
}

static void buffer_dealloc(PyObject *object)
{
    struct py_buffer *self = (struct py_buffer *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);

    Py_BEGIN_ALLOW_THREADS py_share_unref(self->share);
    Py_END_ALLOW_THREADS release(object);
    Py_DECREF(type);
}

static PyGetSetDef buffer_getset[] = {
    {"address", buffer_address, NULL, "Where its bytes are.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_getset, buffer_getset},
    {Py_bf_getbuffer, buffer_get},
    {Py_tp_doc, "Memory of a column, read-only, by the buffer protocol."},
    {0, NULL},
};

PyType_Spec py_buffer_spec = {
    .name = "nanots._core.Buffer",
    .basicsize = sizeof(struct py_buffer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = buffer_slots,
};

/* ---- Batch ---------------------------------------------------------------------------------- */

PyObject *py_batch_new(const struct py_state *state, struct ArrowSchema *schema,
                       struct ArrowArray *array)
{
    struct py_share *share = py_share_new(schema, array);
    if (share == NULL) {
        schema->release(schema);
        array->release(array);
        return PyErr_NoMemory();
    }
    allocfunc allocate = PyType_GetSlot(state->batch_type, Py_tp_alloc);
    struct py_batch *self = (struct py_batch *)allocate(state->batch_type, 0);
    if (self == NULL) {
        py_share_unref(share);
        return NULL;
    }
    self->state = (struct py_state *)state;
    self->share = share;
    return (PyObject *)self;
}

static PyObject *batch_schema(PyObject *object, PyObject *unused)
{
    struct py_batch *self = (struct py_batch *)object;
    struct ArrowSchema schema;

    (void)unused;
    return py_share_export_schema(self->share, &schema) < 0 ? PyErr_NoMemory()
                                                            : py_schema_capsule(&schema);
}

/* What is asked for is what there is, or is not to be had here: the protocol lets us ignore it. */
static PyObject *batch_array(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"requested_schema", NULL};
    struct py_batch *self = (struct py_batch *)object;
    struct ArrowSchema schema;
    struct ArrowArray array;
    const struct ArrowSchema *wanted_schema;
    PyObject *wanted = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:__arrow_c_array__", (char **)names,
                                     &wanted) ||
        py_wanted_schema(self->state, wanted, &wanted_schema) < 0)
        return NULL;
    if (py_share_export_schema(self->share, &schema) < 0)
        return PyErr_NoMemory();
    if (py_share_export_array(self->share, &array) < 0) {
        schema.release(&schema);
        return PyErr_NoMemory();
    }
    return py_capsule_pair(&schema, &array);
}

/* Bytes of buffer `index` of an array without offset: validity, values; validity, offsets, text. */
static size_t buffer_size_of(const char *format, const struct ArrowArray *array, int index)
{
    const size_t count = (size_t)array->length;

    if (index == 0 || strcmp(format, "b") == 0)
        return (count + 7) / 8;
    if (strcmp(format, "u") == 0 && index == 1)
        return (count + 1) * sizeof(int32_t);
    if (strcmp(format, "u") == 0)
        return (size_t)((const int32_t *)array->buffers[1])[count];
    return count * (strcmp(format, "f") == 0 || strcmp(format, "i") == 0 ? 4 : 8);
}

static PyObject *batch_buffer(struct py_batch *self, int64_t column, int index)
{
    const struct ArrowArray *array = py_share_array(self->share)->children[column];
    const char *format = py_share_schema(self->share)->children[column]->format;

    if (index >= array->n_buffers || array->buffers[index] == NULL)
        return Py_NewRef(Py_None);
    return buffer_new(self->state, self->share, array->buffers[index],
                      buffer_size_of(format, array, index));
}

static int batch_column(const struct py_batch *self, PyObject *index, long long *column_out)
{
    const long long count = (long long)py_share_array(self->share)->n_children;

    *column_out = PyLong_AsLongLong(index);
    if (*column_out == -1 && PyErr_Occurred())
        return -1;
    if (*column_out >= 0 && *column_out < count)
        return 0;
    PyErr_Format(PyExc_IndexError, "column %lld of %lld", *column_out, count);
    return -1;
}

/* buffers(i) -> (name, format, null_count, validity, values or offsets, text) */
static PyObject *batch_buffers(PyObject *object, PyObject *index)
{
    struct py_batch *self = (struct py_batch *)object;
    const struct ArrowArray *array = py_share_array(self->share);
    long long column;

    if (batch_column(self, index, &column) < 0)
        return NULL;
    const struct ArrowSchema *schema = py_share_schema(self->share)->children[column];
    PyObject *buffers[3];
    for (int i = 0; i < 3; i++)
        buffers[i] = batch_buffer(self, column, i);
    if (buffers[0] == NULL || buffers[1] == NULL || buffers[2] == NULL) {
        for (int i = 0; i < 3; i++)
            Py_XDECREF(buffers[i]);
        return NULL;
    }
    return Py_BuildValue("(ssLNNN)", schema->name, schema->format,
                         (long long)array->children[column]->null_count, buffers[0], buffers[1],
                         buffers[2]);
}

static PyObject *batch_values(PyObject *object, PyObject *index)
{
    struct py_batch *self = (struct py_batch *)object;
    const struct ArrowArray *array = py_share_array(self->share);
    long long column;

    if (batch_column(self, index, &column) < 0)
        return NULL;
    return py_list_of(self->state, py_share_schema(self->share)->children[column]->format,
                      array->children[column], false);
}

static Py_ssize_t batch_length(PyObject *object)
{
    return (Py_ssize_t)py_share_array(((struct py_batch *)object)->share)->length;
}

static PyObject *batch_column_count(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(py_share_array(((struct py_batch *)object)->share)->n_children);
}

static void batch_dealloc(PyObject *object)
{
    struct py_batch *self = (struct py_batch *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);

    Py_BEGIN_ALLOW_THREADS py_share_unref(self->share);
    Py_END_ALLOW_THREADS release(object);
    Py_DECREF(type);
}

static PyMethodDef batch_methods[] = {
    {"__arrow_c_schema__", batch_schema, METH_NOARGS,
     "__arrow_c_schema__($self, /)\n--\n\nThe columns as an Arrow schema, in a capsule."},
    {"__arrow_c_array__", (PyCFunction)(void (*)(void))batch_array, METH_VARARGS | METH_KEYWORDS,
     "__arrow_c_array__($self, requested_schema=None)\n--\n\nThe rows as an Arrow struct array: "
     "capsules of the schema and of the array."},
    {"buffers", batch_buffers, METH_O,
     "buffers($self, column, /)\n--\n\n(name, format, null_count, validity, values or offsets, "
     "text) of a column, as Arrow lays them out."},
    {"values", batch_values, METH_O,
     "values($self, column, /)\n--\n\nThe values of a column in a list, None for null."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef batch_getset[] = {
    {"column_count", batch_column_count, NULL, "Number of columns, that of the time included.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot batch_slots[] = {
    {Py_tp_dealloc, batch_dealloc}, {Py_tp_methods, batch_methods}, {Py_tp_getset, batch_getset},
    {Py_sq_length, batch_length},   {Py_tp_doc, "Rows in memory."}, {0, NULL},
};

PyType_Spec py_batch_spec = {
    .name = "nanots._core.Batch",
    .basicsize = sizeof(struct py_batch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = batch_slots,
};

/* ---- Batches -------------------------------------------------------------------------------- */

PyObject *py_batches_new(const struct py_state *state, struct ArrowArrayStream *stream)
{
    allocfunc allocate = PyType_GetSlot(state->batches_type, Py_tp_alloc);
    struct py_batches *self = (struct py_batches *)allocate(state->batches_type, 0);

    if (self == NULL) {
        stream->release(stream);
        return NULL;
    }
    self->state = (struct py_state *)state;
    self->stream = *stream;
    atomic_flag_clear(&self->is_busy);
    return (PyObject *)self;
}

static PyObject *batches_read(struct py_batches *self)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray array = {0};
    int failure;

    Py_BEGIN_ALLOW_THREADS failure = self->stream.get_next(&self->stream, &array);
    if (failure == 0 && array.release != NULL)
        failure = self->stream.get_schema(&self->stream, &schema);
    Py_END_ALLOW_THREADS if (failure == 0 && array.release != NULL) return py_batch_new(
        self->state, &schema, &array);
    if (failure != 0)
        py_raise_stream(self->state, failure, &self->stream);
    Py_BEGIN_ALLOW_THREADS if (array.release != NULL) array.release(&array);
    self->stream.release(&self->stream);
    Py_END_ALLOW_THREADS return NULL;
}

static PyObject *batches_next(PyObject *object)
{
    struct py_batches *self = (struct py_batches *)object;
    PyObject *batch = NULL;

    if (atomic_flag_test_and_set(&self->is_busy))
        return py_raise_text(self->state, NANOTS_MISUSE, "another thread reads this result now");
    if (self->stream.release != NULL)
        batch = batches_read(self);
    atomic_flag_clear(&self->is_busy);
    return batch;
}

static void batches_dealloc(PyObject *object)
{
    struct py_batches *self = (struct py_batches *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);

    if (self->stream.release != NULL) {
        Py_BEGIN_ALLOW_THREADS self->stream.release(&self->stream);
        Py_END_ALLOW_THREADS
    }
    release(object);
    Py_DECREF(type);
}

static PyType_Slot batches_slots[] = {
    {Py_tp_dealloc, batches_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, batches_next},
    {Py_tp_doc, "The batches of a running query."},
    {0, NULL},
};

PyType_Spec py_batches_spec = {
    .name = "nanots._core.Batches",
    .basicsize = sizeof(struct py_batches),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = batches_slots,
};
