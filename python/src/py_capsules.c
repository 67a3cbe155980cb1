/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_capsules.c - Arrow structs in and out of capsules, by Arrow's PyCapsule interface.
 *
 * A capsule owns its struct until somebody moves it out, which leaves a struct without release
 * behind: taking from such a one, or from a capsule of another name, is an error and no crash.
 * Releasing may be long, a stream may even be the last that keeps a file open: it runs without the
 * GIL.
 */
#include "py_nanots.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_NAME "arrow_schema"
#define ARRAY_NAME  "arrow_array"
#define STREAM_NAME "arrow_array_stream"

/* ---- out ------------------------------------------------------------------------------------ */

static void schema_capsule_free(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, SCHEMA_NAME);
    if (schema->release != NULL)
        schema->release(schema);
    free(schema);
}

static void array_capsule_free(PyObject *capsule)
{
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, ARRAY_NAME);
    Py_BEGIN_ALLOW_THREADS if (array->release != NULL) array->release(array);
    free(array);
    Py_END_ALLOW_THREADS
}

static void stream_capsule_free(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, STREAM_NAME);
    Py_BEGIN_ALLOW_THREADS if (stream->release != NULL) stream->release(stream);
    free(stream);
    Py_END_ALLOW_THREADS
}

/* A capsule of a copy of `size` bytes; NULL, with nothing taken, if there is no memory. */
static PyObject *capsule_of(const void *bytes, size_t size, const char *name,
                            PyCapsule_Destructor destructor)
{
    void *copy = malloc(size);
    if (copy == NULL)
        return PyErr_NoMemory();
    memcpy(copy, bytes, size);
    PyObject *capsule = PyCapsule_New(copy, name, destructor);
    if (capsule == NULL)
        free(copy);
    return capsule;
}

PyObject *py_schema_capsule(struct ArrowSchema *schema)
{
    PyObject *capsule = capsule_of(schema, sizeof *schema, SCHEMA_NAME, schema_capsule_free);
    if (capsule == NULL)
        schema->release(schema);
    return capsule;
}

PyObject *py_array_capsule(struct ArrowArray *array)
{
    PyObject *capsule = capsule_of(array, sizeof *array, ARRAY_NAME, array_capsule_free);
    if (capsule == NULL)
        array->release(array);
    return capsule;
}

PyObject *py_stream_capsule(struct ArrowArrayStream *stream)
{
    PyObject *capsule = capsule_of(stream, sizeof *stream, STREAM_NAME, stream_capsule_free);
    if (capsule == NULL)
        stream->release(stream);
    return capsule;
}

PyObject *py_capsule_pair(struct ArrowSchema *schema, struct ArrowArray *array)
{
    PyObject *second = py_array_capsule(array);
    PyObject *first = py_schema_capsule(schema);
    PyObject *pair = first == NULL || second == NULL ? NULL : PyTuple_Pack(2, first, second);

    Py_XDECREF(first);
    Py_XDECREF(second);
    return pair;
}

/* ---- in ------------------------------------------------------------------------------------- */

static void *capsule_pointer(const struct py_state *state, PyObject *capsule, const char *name)
{
    if (PyCapsule_IsValid(capsule, name))
        return PyCapsule_GetPointer(capsule, name);
    if (PyCapsule_CheckExact(capsule)) {
        const char *found = PyCapsule_GetName(capsule);
        PyErr_Clear();
        return py_raise_text(state, NANOTS_TYPE_MISMATCH,
                             "expected a capsule named \"%s\", got one named \"%s\"", name,
                             found != NULL ? found : "");
    }
    PyObject *type = PyType_GetName(Py_TYPE(capsule));
    if (type != NULL)
        py_raise_text(state, NANOTS_TYPE_MISMATCH, "expected a capsule named \"%s\", got %U", name,
                      type);
    Py_XDECREF(type);
    return NULL;
}

static int capsule_is_spent(const struct py_state *state, const char *name)
{
    py_raise_text(state, NANOTS_INVALID, "the capsule \"%s\" was used before", name);
    return -1;
}

int py_schema_take(const struct py_state *state, PyObject *capsule, struct ArrowSchema *out)
{
    struct ArrowSchema *schema = capsule_pointer(state, capsule, SCHEMA_NAME);
    if (schema == NULL)
        return -1;
    if (schema->release == NULL)
        return capsule_is_spent(state, SCHEMA_NAME);
    *out = *schema;
    schema->release = NULL;
    return 0;
}

int py_array_take(const struct py_state *state, PyObject *capsule, struct ArrowArray *out)
{
    struct ArrowArray *array = capsule_pointer(state, capsule, ARRAY_NAME);
    if (array == NULL)
        return -1;
    if (array->release == NULL)
        return capsule_is_spent(state, ARRAY_NAME);
    *out = *array;
    array->release = NULL;
    return 0;
}

int py_stream_take(const struct py_state *state, PyObject *capsule, struct ArrowArrayStream *out)
{
    struct ArrowArrayStream *stream = capsule_pointer(state, capsule, STREAM_NAME);
    if (stream == NULL)
        return -1;
    if (stream->release == NULL)
        return capsule_is_spent(state, STREAM_NAME);
    *out = *stream;
    stream->release = NULL;
    return 0;
}

int py_wanted_schema(const struct py_state *state, PyObject *capsule,
                     const struct ArrowSchema **schema_out)
{
    *schema_out = NULL;
    if (capsule == Py_None)
        return 0;
    const struct ArrowSchema *schema = capsule_pointer(state, capsule, SCHEMA_NAME);
    if (schema == NULL)
        return -1;
    if (schema->release == NULL)
        return capsule_is_spent(state, SCHEMA_NAME);
    bool is_whole = schema->format != NULL && schema->n_children >= 0;
    for (int64_t i = 0; is_whole && i < schema->n_children; i++)
        is_whole = schema->children != NULL && schema->children[i] != NULL &&
                   schema->children[i]->format != NULL;
    if (!is_whole) {
        py_raise_text(state, NANOTS_INVALID, "the requested schema lacks a format or a child");
        return -1;
    }
    *schema_out = schema;
    return 0;
}

/* ---- streams of one array ------------------------------------------------------------------- */

/* Reads a stream that should have one array; both structs are the caller's then. */
static int stream_read_one(const struct py_state *state, struct ArrowArrayStream *stream,
                           struct ArrowSchema *schema, struct ArrowArray *array)
{
    struct ArrowArray more = {0};
    int failure;

    Py_BEGIN_ALLOW_THREADS failure = stream->get_schema(stream, schema);
    if (failure == 0)
        failure = stream->get_next(stream, array);
    if (failure == 0 && array->release != NULL)
        failure = stream->get_next(stream, &more);
    Py_END_ALLOW_THREADS if (failure == 0 && array->release != NULL &&
                             more.release == NULL) return 0;
    if (failure != 0)
        py_raise_stream(state, failure, stream);
    else
        py_raise_text(state, NANOTS_INVALID, "expected a column in one piece");
    if (more.release != NULL)
        more.release(&more);
    if (array->release != NULL)
        array->release(array);
    if (schema->release != NULL)
        schema->release(schema);
    return -1;
}

PyObject *py_one_array(PyObject *module, PyObject *capsule)
{
    const struct py_state *state = PyModule_GetState(module);
    struct ArrowArrayStream stream;
    struct ArrowSchema schema = {0};
    struct ArrowArray array = {0};

    if (py_stream_take(state, capsule, &stream) < 0)
        return NULL;
    const int result = stream_read_one(state, &stream, &schema, &array);
    stream.release(&stream);
    return result < 0 ? NULL : py_capsule_pair(&schema, &array);
}
