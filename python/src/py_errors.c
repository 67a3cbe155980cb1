/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_errors.c - one exception class for each status code, all below nanots.Error.
 *
 *   Exception <- Error (code, os_errno) <- NotFoundError -> KeyError
 *                                       <- BusyError     -> BlockingIOError   ...
 *
 * The second base is what a person would catch in that place. `str` of each is its sentence:
 * KeyError would show its repr, so that Error brings back that of BaseException.
 */
#include "py_nanots.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define ERROR_BASES_MAX 3

struct error_class {
    nanots_status code;
    const char *name; /* with the module before it, as Python wants it */
    const char *doc;
};

static const struct error_class error_classes[] = {
    {NANOTS_INVALID, "nanots.InvalidError", "An argument that cannot be right."},
    {NANOTS_NOT_FOUND, "nanots.NotFoundError", "There is no such file, table or column."},
    {NANOTS_EXISTS, "nanots.ExistsError", "There is one of that name already."},
    {NANOTS_BUSY, "nanots.BusyError", "The file is open for writing elsewhere."},
    {NANOTS_IO, "nanots.IoError", "Reading or writing the file failed; see os_errno."},
    {NANOTS_NO_SPACE, "nanots.NoSpaceError", "No space is left on the device."},
    {NANOTS_NO_MEMORY, "nanots.NoMemoryError", "Out of memory."},
    {NANOTS_CORRUPT, "nanots.CorruptError", "The file is damaged; the sentence says where."},
    {NANOTS_NOT_A_DATABASE, "nanots.NotADatabaseError", "The file is no NanoTS file."},
    {NANOTS_NEWER_FORMAT, "nanots.NewerFormatError", "The file needs a newer NanoTS."},
    {NANOTS_READ_ONLY, "nanots.ReadOnlyError", "The handle is read-only."},
    {NANOTS_TOO_BIG, "nanots.TooBigError", "Over a limit."},
    {NANOTS_PERMISSION, "nanots.PermissionDeniedError", "The system refuses access to the file."},
    {NANOTS_POISONED, "nanots.PoisonedError",
     "The handle met a failed write and refuses to write; close it and open the file again."},
    {NANOTS_MISUSE, "nanots.MisuseError",
     "A handle that is closed, or used where it must not be, as in a child of fork()."},
    {NANOTS_UNSUPPORTED, "nanots.NotSupportedError", "Not supported here."},
    {NANOTS_TYPE_MISMATCH, "nanots.TypeMismatchError",
     "A value of another type than its column's; the sentence has both."},
};

/* The second bases of a class, borrowed from the interpreter; NULL behind the last. */
static void error_bases(nanots_status code, PyObject *bases[ERROR_BASES_MAX])
{
    bases[0] = bases[1] = NULL;
    switch (code) {
    case NANOTS_INVALID:
    case NANOTS_EXISTS:
    case NANOTS_TOO_BIG:
    case NANOTS_MISUSE:
        bases[0] = PyExc_ValueError;
        break;
    case NANOTS_TYPE_MISMATCH:
        bases[0] = PyExc_TypeError;
        bases[1] = PyExc_ValueError;
        break;
    case NANOTS_NOT_FOUND:
        bases[0] = PyExc_KeyError;
        bases[1] = PyExc_FileNotFoundError;
        break;
    case NANOTS_BUSY:
        bases[0] = PyExc_BlockingIOError;
        break;
    case NANOTS_NO_MEMORY:
        bases[0] = PyExc_MemoryError;
        break;
    case NANOTS_PERMISSION:
        bases[0] = PyExc_PermissionError;
        break;
    case NANOTS_UNSUPPORTED:
        bases[0] = PyExc_NotImplementedError;
        break;
    default:
        bases[0] = PyExc_OSError;
    }
}

static PyObject *error_make(PyObject *module, const char *name, const char *doc, PyObject *bases,
                            PyObject *members)
{
    PyObject *class = PyErr_NewExceptionWithDoc(name, doc, bases, members);
    if (class != NULL && PyModule_AddObjectRef(module, strrchr(name, '.') + 1, class) < 0)
        Py_CLEAR(class);
    return class;
}

/* Error itself: sentence as `str`, and the attributes that every instance has. */
static PyObject *error_make_base(PyObject *module)
{
    PyObject *class = NULL;
    PyObject *str = PyObject_GetAttrString(PyExc_BaseException, "__str__");
    PyObject *members = str == NULL ? NULL
                                    : Py_BuildValue("{sOsisi}", "__str__", str, "code",
                                                    NANOTS_INVALID, "os_errno", 0);
    if (members != NULL)
        class = error_make(module, "nanots.Error",
                           "Base of all errors of NanoTS. `code` is the number of its status in "
                           "nanots.h, `os_errno` that of the failed system call or 0.",
                           PyExc_Exception, members);
    Py_XDECREF(members);
    Py_XDECREF(str);
    return class;
}

static PyObject *error_make_class(PyObject *module, PyObject *base, const struct error_class *of)
{
    PyObject *others[ERROR_BASES_MAX];
    PyObject *class = NULL;

    error_bases(of->code, others);
    PyObject *bases = others[1] == NULL ? PyTuple_Pack(2, base, others[0])
                                        : PyTuple_Pack(3, base, others[0], others[1]);
    PyObject *members = Py_BuildValue("{si}", "code", of->code);
    if (bases != NULL && members != NULL)
        class = error_make(module, of->name, of->doc, bases, members);
    Py_XDECREF(members);
    Py_XDECREF(bases);
    return class;
}

int py_errors_add(PyObject *module, struct py_state *state)
{
    state->errors[0] = error_make_base(module);
    if (state->errors[0] == NULL)
        return -1;
    for (size_t i = 0; i < sizeof error_classes / sizeof *error_classes; i++) {
        const struct error_class *of = &error_classes[i];
        state->errors[of->code] = error_make_class(module, state->errors[0], of);
        if (state->errors[of->code] == NULL)
            return -1;
    }
    return 0;
}

static void error_set(const struct py_state *state, nanots_status code, int os_errno,
                      PyObject *sentence)
{
    const size_t index = (size_t)code < PY_ERROR_COUNT ? (size_t)code : 0;
    PyObject *class = state->errors[index] != NULL ? state->errors[index] : state->errors[0];
    PyObject *exception =
        sentence == NULL ? NULL : PyObject_CallFunctionObjArgs(class, sentence, NULL);
    PyObject *number = exception == NULL ? NULL : PyLong_FromLong(os_errno);

    if (number != NULL && PyObject_SetAttrString(exception, "os_errno", number) == 0 &&
        (os_errno == 0 || !PyObject_HasAttrString(exception, "errno") ||
         PyObject_SetAttrString(exception, "errno", number) == 0))
        PyErr_SetObject(class, exception);
    Py_XDECREF(number);
    Py_XDECREF(exception);
}

PyObject *py_raise(const struct py_state *state, const struct nanots_error *error)
{
    PyObject *sentence =
        PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");
    error_set(state, error->code, error->os_errno, sentence);
    Py_XDECREF(sentence);
    return NULL;
}

PyObject *py_raise_text(const struct py_state *state, nanots_status code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    PyObject *sentence = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    error_set(state, code, 0, sentence);
    Py_XDECREF(sentence);
    return NULL;
}

static nanots_status error_code_of(int failure)
{
    switch (failure) {
    case ENOMEM:
        return NANOTS_NO_MEMORY;
    case EINVAL:
        return NANOTS_MISUSE;
    case EBADMSG:
        return NANOTS_CORRUPT;
    case ENOTSUP:
        return NANOTS_UNSUPPORTED;
    default:
        return NANOTS_IO;
    }
}

PyObject *py_raise_stream(const struct py_state *state, int failure,
                          struct ArrowArrayStream *stream)
{
    const char *text = stream->get_last_error(stream);
    const nanots_status code = error_code_of(failure);
    return py_raise_text(state, code, "%s", text != NULL ? text : nanots_status_text(code));
}
