/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_db_files.c - verify, backup and repair: whole files, and reports on them.
 *
 * What the library tells while it works is gathered without the GIL and shown afterwards.
 */
#include "py_core.h"
#include "py_nanots.h"

#include <stdlib.h>
#include <string.h>

/* ---- the sentences on damage ---------------------------------------------------------------- */

#define DAMAGE_MESSAGES_MAX 1000

/* Sentences of damaged places, gathered without the GIL: copies, the first of them. */
struct damage_list {
    size_t count;
    char *messages[DAMAGE_MESSAGES_MAX];
};

static void damage_add(void *context, const char *message)
{
    struct damage_list *list = context;

    if (list->count == DAMAGE_MESSAGES_MAX)
        return;
    const size_t size = strlen(message) + 1;
    char *copy = malloc(size);
    if (copy != NULL)
        list->messages[list->count++] = memcpy(copy, message, size);
}

static PyObject *damage_text(const struct damage_list *list)
{
    PyObject *texts = PyList_New(0);

    for (size_t i = 0; i < list->count && texts != NULL; i++) {
        const char *message = list->messages[i];
        PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
        if (text == NULL || PyList_Append(texts, text) < 0)
            Py_CLEAR(texts);
        Py_XDECREF(text);
    }
    return texts;
}

static void damage_free(struct damage_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->messages[i]);
    free(list);
}

/* ---- verify --------------------------------------------------------------------------------- */

/* _verify() -> (tables, segments, rows, bytes, damage, [message, ...]) */
PyObject *py_db_verify(PyObject *object, PyObject *unused)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    nanots_status status;
    struct damage_list *list = calloc(1, sizeof *list);

    (void)unused;
    if (list == NULL)
        return PyErr_NoMemory();
    PyObject *result = NULL;
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db != NULL) {
        Py_BEGIN_ALLOW_THREADS status = nanots_verify(db, damage_add, list, &report, &error);
        py_core_leave(self->core);
        Py_END_ALLOW_THREADS PyObject *texts =
            status == NANOTS_OK ? damage_text(list) : py_raise(self->state, &error);
        if (texts != NULL)
            result = Py_BuildValue("(KKKKKN)", report.tables, report.segments, report.rows,
                                   report.bytes, report.damage, texts);
    }
    damage_free(list);
    return result;
}

/* ---- backup --------------------------------------------------------------------------------- */

static PyObject *backup_report(const struct nanots_backup_report *report)
{
    return Py_BuildValue("{sKsKsKsKsKsKsK}", "tables", report->tables, "rows", report->rows,
                         "segments", report->segments, "bytes", report->bytes, "copied_segments",
                         report->copied_segments, "copied_bytes", report->copied_bytes, "last_seq",
                         report->last_seq);
}

PyObject *py_db_backup(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"path", "incremental", "replace", NULL};
    struct py_db *self = (struct py_db *)object;
    struct nanots_backup_options options = {.struct_size = sizeof options};
    struct nanots_backup_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    nanots_status status;
    PyObject *path;
    int is_incremental = 0, may_replace = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&|$pp:backup", (char **)names,
                                     PyUnicode_FSConverter, &path, &is_incremental, &may_replace))
        return NULL;
    options.flags = (is_incremental ? NANOTS_BACKUP_INCREMENTAL : 0) |
                    (may_replace ? NANOTS_BACKUP_REPLACE : 0);
    const char *text = PyBytes_AsString(path);
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL) {
        Py_DECREF(path);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = nanots_backup(db, text, &options, &report, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    return status == NANOTS_OK ? backup_report(&report) : py_raise(self->state, &error);
}

/* ---- repair --------------------------------------------------------------------------------- */

/* repair(source, target, flags) -> (tables, rows, rows_lost, values_nulled, segments,
 * segments_hurt, log_rows, superblock_lost, manifest_lost, damage, [message, ...]) */
static PyObject *repair_report(const struct nanots_repair_report *report,
                               const struct damage_list *list)
{
    PyObject *texts = damage_text(list);
    if (texts == NULL)
        return NULL;
    return Py_BuildValue("(KKKKKKKNNKN)", report->tables, report->rows, report->rows_lost,
                         report->values_nulled, report->segments, report->segments_hurt,
                         report->log_rows, PyBool_FromLong(report->superblock_lost),
                         PyBool_FromLong(report->manifest_lost), report->damage, texts);
}

static PyObject *repair_file(const struct py_state *state, const char *source, const char *target,
                             unsigned int flags)
{
    struct nanots_repair_options options = {.struct_size = sizeof options, .flags = flags};
    struct nanots_repair_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    nanots_status status;
    struct damage_list *list = calloc(1, sizeof *list);

    if (list == NULL)
        return PyErr_NoMemory();
    options.damage = damage_add;
    options.context = list;
    Py_BEGIN_ALLOW_THREADS status = nanots_repair(source, target, &options, &report, &error);
    Py_END_ALLOW_THREADS PyObject *result =
        status == NANOTS_OK ? repair_report(&report, list) : py_raise(state, &error);
    damage_free(list);
    return result;
}

PyObject *py_repair(PyObject *module, PyObject *args)
{
    const struct py_state *state = PyModule_GetState(module);
    PyObject *source = NULL, *target = NULL, *result = NULL;
    int may_replace, null_lost;

    if (PyArg_ParseTuple(args, "O&O&pp:repair", PyUnicode_FSConverter, &source,
                         PyUnicode_FSConverter, &target, &may_replace, &null_lost))
        result = repair_file(state, PyBytes_AsString(source), PyBytes_AsString(target),
                             (may_replace ? NANOTS_REPAIR_REPLACE : 0) |
                                 (null_lost ? NANOTS_REPAIR_NULL_LOST : 0));
    Py_XDECREF(source);
    Py_XDECREF(target);
    return result;
}
