/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_db_upkeep.c - methods of Db about the file as a whole: writing, packing, looking inside. */
#include "py_core.h"
#include "py_nanots.h"

/* ---- calls without arguments ---------------------------------------------------------------- */

typedef nanots_status (*plain_call)(struct nanots_db *db, uint64_t *number_out,
                                    struct nanots_error *error);

/* Makes `call` without the GIL; what to raise is raised. */
static int run_plain(struct py_db *self, plain_call call, uint64_t *number_out)
{
    struct nanots_error error;
    nanots_status status;
    struct nanots_db *db = py_enter(self->state, self->core);

    *number_out = 0;
    if (db == NULL)
        return -1;
    Py_BEGIN_ALLOW_THREADS status = call(db, number_out, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) py_raise(self->state, &error);
    return status == NANOTS_OK ? 0 : -1;
}

static nanots_status call_flush(struct nanots_db *db, uint64_t *number_out,
                                struct nanots_error *error)
{
    (void)number_out;
    return nanots_flush(db, error);
}

static nanots_status call_sync(struct nanots_db *db, uint64_t *number_out,
                               struct nanots_error *error)
{
    (void)number_out;
    return nanots_sync(db, error);
}

static nanots_status call_refresh(struct nanots_db *db, uint64_t *number_out,
                                  struct nanots_error *error)
{
    int changed = 0;
    const nanots_status status = nanots_refresh(db, &changed, error);
    *number_out = changed != 0;
    return status;
}

PyObject *py_db_flush(PyObject *self, PyObject *unused)
{
    uint64_t number;
    (void)unused;
    return run_plain((struct py_db *)self, call_flush, &number) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *py_db_sync(PyObject *self, PyObject *unused)
{
    uint64_t number;
    (void)unused;
    return run_plain((struct py_db *)self, call_sync, &number) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *py_db_refresh(PyObject *self, PyObject *unused)
{
    uint64_t changed;
    (void)unused;
    return run_plain((struct py_db *)self, call_refresh, &changed) < 0
               ? NULL
               : PyBool_FromLong(changed != 0);
}

PyObject *py_db_change_counter(PyObject *self, PyObject *unused)
{
    uint64_t counter;
    (void)unused;
    return run_plain((struct py_db *)self, nanots_change_counter, &counter) < 0
               ? NULL
               : PyLong_FromUnsignedLongLong(counter);
}

PyObject *py_db_compact_retention_now(PyObject *self, PyObject *unused)
{
    /* Without an age or a size nothing is old: the call then says only whether the file is open. */
    struct py_db *const db = (struct py_db *)self;
    uint64_t number;
    (void)unused;
    if (run_plain(db, db->has_limit ? nanots_compact_retention_now : nanots_change_counter,
                  &number) < 0)
        return NULL;
    return PyLong_FromUnsignedLongLong(db->has_limit ? number : 0);
}

/* ---- upkeep --------------------------------------------------------------------------------- */

PyObject *py_db_pack_table(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"table", "target_segment_points", NULL};
    struct py_db *self = (struct py_db *)object;
    struct nanots_error error;
    nanots_status status;
    const char *table;
    PyObject *name;
    long long target = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|L:pack_table", (char **)names, &name,
                                     &target) ||
        (table = py_text(self->state, name, "the name of a table")) == NULL)
        return NULL;
    if (target < 0)
        return py_raise_text(self->state, NANOTS_INVALID,
                             "target_segment_points: expected an int >= 0, got %lld", target);
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_pack_table(db, table, (uint64_t)target, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? Py_NewRef(Py_None)
                                                    : py_raise(self->state, &error);
}

PyObject *py_db_compact_retention(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"cutoff", "table", NULL};
    struct py_db *self = (struct py_db *)object;
    struct nanots_error error;
    nanots_status status;
    uint64_t removed = 0;
    const char *table = NULL;
    PyObject *name = Py_None;
    long long cutoff;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "L|O:compact_retention", (char **)names, &cutoff,
                                     &name))
        return NULL;
    if (name != Py_None && (table = py_text(self->state, name, "the name of a table")) == NULL)
        return NULL;
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_compact_retention(db, table, cutoff, &removed, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? PyLong_FromUnsignedLongLong(removed)
                                                    : py_raise(self->state, &error);
}

/* _maintain(max_ms, max_rewrite_bytes) -> dict of nanots_maintain_report */
PyObject *py_db_maintain(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static char *const names[] = {"max_ms", "max_rewrite_bytes", NULL};
    struct py_db *self = (struct py_db *)object;
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    struct nanots_maintain_budget budget = {.struct_size = sizeof budget};
    unsigned long long max_ms = 0, max_bytes = 0;
    struct nanots_error error;
    nanots_status status;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|KK", (char **)names, &max_ms, &max_bytes))
        return NULL;
    struct nanots_db *db = py_enter(self->state, self->core);
    if (db == NULL)
        return NULL;
    budget.max_ms = max_ms;
    budget.max_rewrite_bytes = max_bytes;
    Py_BEGIN_ALLOW_THREADS status = nanots_maintain(db, &budget, &report, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) return py_raise(self->state, &error);
    return Py_BuildValue("{sKsKsKsKsKsKsKsN}", "syncs", report.syncs, "flushed_rows",
                         report.flushed_rows, "merges", report.merges, "merged_segments",
                         report.merged_segments, "merged_bytes", report.merged_bytes,
                         "removed_rows", report.removed_rows, "truncated_bytes",
                         report.truncated_bytes, "more_due", PyBool_FromLong(report.more_due));
}

/* ---- looking inside ------------------------------------------------------------------------- */

static PyObject *text_of_json(const struct py_state *state, nanots_status status, char *json,
                              const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        return py_raise(state, error);
    PyObject *text = PyUnicode_FromString(json);
    nanots_free(json);
    return text;
}

PyObject *py_db_stats_json(PyObject *object, PyObject *name)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_error error;
    nanots_status status;
    char *json = NULL;
    const char *table = py_text(self->state, name, "the name of a table");
    struct nanots_db *db = table == NULL ? NULL : py_enter(self->state, self->core);

    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_stats_json(db, table, &json, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return text_of_json(self->state, status, json, &error);
}

PyObject *py_db_diagnose_json(PyObject *object, PyObject *unused)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_error error;
    nanots_status status;
    char *json = NULL;
    struct nanots_db *db = py_enter(self->state, self->core);

    (void)unused;
    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_diagnose_json(db, &json, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return text_of_json(self->state, status, json, &error);
}

PyObject *py_db_time_range(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_error error;
    nanots_status status;
    int64_t first, last;
    int has_rows;
    const char *table = py_table_name(self->state, args, kwargs);
    struct nanots_db *db = table == NULL ? NULL : py_enter(self->state, self->core);

    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_time_range(db, table, &has_rows, &first, &last, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS if (status != NANOTS_OK) return py_raise(self->state, &error);
    return has_rows ? Py_BuildValue("(LL)", (long long)first, (long long)last) : Py_NewRef(Py_None);
}

PyObject *py_db_row_count(PyObject *object, PyObject *args, PyObject *kwargs)
{
    struct py_db *self = (struct py_db *)object;
    struct nanots_error error;
    nanots_status status;
    uint64_t rows = 0;
    const char *table = py_table_name(self->state, args, kwargs);
    struct nanots_db *db = table == NULL ? NULL : py_enter(self->state, self->core);

    if (db == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = nanots_row_count(db, table, &rows, &error);
    py_core_leave(self->core);
    Py_END_ALLOW_THREADS return status == NANOTS_OK ? PyLong_FromUnsignedLongLong(rows)
                                                    : py_raise(self->state, &error);
}
