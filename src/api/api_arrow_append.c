/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_arrow_append.c - Arrow arrays and streams in.
 *
 *   schema -> table, or the definition of one to be made -> plan
 *   array  -> views, checked -> the table is made if need be -> append, to the table or a group, in
 *                                                               parts if over a limit
 *
 * Whatever happens, the structs of the caller are released once, at the end of the public call.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "arrow/import.h"
#include "engine/catalog.h"
#include "engine/group.h"

struct arrow_append {
    struct nanots_db *db;
    struct nanots_group *group; /* the rows are its; NULL: the table's at once */
    const char *name;
    struct nanots_arrow_append_options options;
    const struct ArrowSchema *schema;
    struct nanots_table *table; /* NULL: not made yet */
    struct nts_table_def *def;  /* of a table to be made, else NULL */
    struct nts_arrow_plan *plan;
    uint64_t row_count; /* appended */
    uint64_t seq;       /* of the last of them */
};

/* ---- the table ---------------------------------------------------------------------------- */

static nanots_status append_find_table(struct arrow_append *append, struct nanots_error *error)
{
    nts_error_clear(error);
    const nanots_status status = nts_catalog_get(append->db, append->name, &append->table, error);
    if (status != NANOTS_NOT_FOUND || (append->options.flags & NANOTS_ARROW_CREATE) == 0)
        return status;
    nts_error_clear(error);
    return nts_arrow_define(append->db->alloc, append->schema, append->name,
                            append->options.time_column, append->options.duplicates, &append->def,
                            error);
}

static nanots_status append_plan(struct arrow_append *append, struct nanots_error *error)
{
    return nts_arrow_plan_new(append->db->alloc, append->schema,
                              append->table != NULL ? append->table->def : append->def,
                              append->options.time_column, &append->plan, error);
}

static nanots_status append_begin(struct arrow_append *append, struct nanots_error *error)
{
    NTS_TRY(append_find_table(append, error));
    return append_plan(append, error);
}

static void append_end(struct arrow_append *append)
{
    nts_free(append->plan);
    nts_free(append->def);
    append->plan = NULL;
    append->def = NULL;
}

/* The table as it was defined. EXISTS if another thread was faster. */
static nanots_status append_create(struct arrow_append *append, struct nanots_error *error)
{
    const struct nts_table_def *def = append->def;
    struct nanots_table_options options;
    struct nanots_column *columns =
        nts_alloc_array(append->db->alloc, def->column_count, sizeof *columns);
    if (columns == NULL)
        return nts_fail_memory(error, def->column_count * sizeof *columns);
    nts_table_def_public(def, columns, &options);
    const nanots_status status = nts_create_table(
        append->db, append->name, columns, def->column_count, &options, &append->table, error);
    nts_free(columns);
    return status;
}

/* Makes the table, or finds the one that another thread made meanwhile, and plans for it. */
static nanots_status append_make_table(struct arrow_append *append, struct nanots_error *error)
{
    const nanots_status status = append_create(append, error);
    append_end(append);
    if (status != NANOTS_EXISTS)
        NTS_TRY(status);
    else
        NTS_TRY(nts_catalog_get(append->db, append->name, &append->table, error));
    nts_error_clear(error);
    return append_plan(append, error);
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The first `count` rows that the views have left, as one unit. */
static nanots_status append_part(struct arrow_append *append, struct nts_arrow_views *views,
                                 size_t count, struct nanots_error *error)
{
    struct nts_rows rows = {.def = append->plan->def,
                            .ts = views->ts,
                            .views = views->columns,
                            .row_count = (uint32_t)count,
                            .column_count = views->column_count};
    if (append->group != NULL)
        NTS_TRY(nts_api_group_rows(append->group, append->table, &rows, error));
    else
        NTS_TRY(nts_api_append_rows(append->table, &rows, &append->seq, error));
    append->row_count += count;
    nts_arrow_views_skip(views, count);
    return NANOTS_OK;
}

/* All rows as one unit, or, while that is over a limit, in parts of half the size. */
static nanots_status append_views(struct arrow_append *append, struct nts_arrow_views *views,
                                  struct nanots_error *error)
{
    size_t part = views->row_count < UINT32_MAX ? views->row_count : UINT32_MAX;
    while (views->row_count != 0) {
        if (part > views->row_count)
            part = views->row_count;
        const nanots_status status = append_part(append, views, part, error);
        if (status == NANOTS_TOO_BIG && part > 1) {
            nts_error_clear(error);
            part /= 2;
        } else if (status != NANOTS_OK) {
            return status;
        }
    }
    return NANOTS_OK;
}

/* What a table would refuse is found out before the table is made. */
static nanots_status append_try(const struct arrow_append *append, const struct ArrowArray *array,
                                struct nanots_error *error)
{
    struct nts_arrow_views views;
    NTS_TRY(nts_arrow_views_init(&views, append->db->alloc, append->plan, array, error));
    struct nts_rows rows = {.def = append->def,
                            .ts = views.ts,
                            .views = views.columns,
                            .row_count = (uint32_t)views.row_count,
                            .column_count = views.column_count};
    const nanots_status status =
        views.row_count > UINT32_MAX ? NANOTS_OK : nts_rows_prepare(&rows, append->def, error);
    nts_arrow_views_deinit(&views);
    return status;
}

static nanots_status append_array(struct arrow_append *append, const struct ArrowArray *array,
                                  struct nanots_error *error)
{
    struct nts_arrow_views views;

    if (append->table == NULL) {
        NTS_TRY(append_try(append, array, error));
        NTS_TRY(append_make_table(append, error));
    }
    NTS_TRY(nts_arrow_views_init(&views, append->db->alloc, append->plan, array, error));
    const nanots_status status = append_views(append, &views, error);
    nts_arrow_views_deinit(&views);
    return status;
}

/* ---- streams ------------------------------------------------------------------------------ */

/* What a callback said. */
static nanots_status fail_stream(struct ArrowArrayStream *stream, int code,
                                 struct nanots_error *error)
{
    const char *text = stream->get_last_error != NULL ? stream->get_last_error(stream) : NULL;
    const nanots_status status = code == ENOMEM   ? NANOTS_NO_MEMORY
                                 : code == EINVAL ? NANOTS_INVALID
                                                  : NANOTS_IO;
    return nts_fail(error, status, "the Arrow stream failed with errno %d: %.150s", code,
                    text != NULL ? text : "no reason given");
}

static void release_array(struct ArrowArray *array)
{
    if (array != NULL && array->release != NULL) {
        array->release(array);
        array->release = NULL;
    }
}

static void release_schema(struct ArrowSchema *schema)
{
    if (schema != NULL && schema->release != NULL) {
        schema->release(schema);
        schema->release = NULL;
    }
}

static nanots_status append_stream(struct arrow_append *append, struct ArrowArrayStream *stream,
                                   struct nanots_error *error)
{
    for (;;) {
        struct ArrowArray array = {.release = NULL};
        const int code = stream->get_next(stream, &array);
        if (code != 0)
            return fail_stream(stream, code, error);
        if (array.release == NULL)
            break;
        const nanots_status status = append_array(append, &array, error);
        release_array(&array);
        NTS_TRY(status);
    }
    /* Without any array the table is made all the same. */
    if (append->table != NULL)
        return NANOTS_OK;
    return append_make_table(append, error);
}

/* ---- the calls ---------------------------------------------------------------------------- */

static nanots_status append_options(struct arrow_append *append,
                                    const struct nanots_arrow_append_options *given,
                                    struct nanots_error *error)
{
    NTS_TRY(nts_api_options(given, &append->options, sizeof append->options,
                            "the Arrow append options", error));
    if ((append->options.flags & ~NANOTS_ARROW_CREATE) != 0)
        return nts_fail(error, NANOTS_INVALID, "unknown Arrow append flags 0x%x",
                        (unsigned)append->options.flags);
    return NANOTS_OK;
}

/* The seq of the last row, or what of the rows stays after a failure. */
static nanots_status append_finish(struct arrow_append *append, nanots_status status,
                                   uint64_t *seq_out, struct nanots_error *error)
{
    struct nts_rows no_rows = {.row_count = 0};
    if (status == NANOTS_OK && append->row_count == 0 && append->group == NULL)
        status = nts_api_append_rows(append->table, &no_rows, &append->seq, error);
    append_end(append);
    if (status == NANOTS_OK && seq_out != NULL)
        *seq_out = append->seq;
    if (status != NANOTS_OK && append->row_count != 0 && error != NULL) {
        const size_t used = strlen(error->message);
        (void)snprintf(error->message + used, sizeof error->message - used,
                       "; %llu rows before are in", (unsigned long long)append->row_count);
    }
    return status;
}

static nanots_status append_arrow(struct arrow_append *append, const struct ArrowArray *array,
                                  const struct nanots_arrow_append_options *options,
                                  uint64_t *seq_out, struct nanots_error *error)
{
    NTS_TRY(nts_api_enter(append->db, error));
    NTS_TRY(nts_api_no_null(append->schema, "the Arrow schema", error));
    NTS_TRY(nts_api_no_null(array, "the Arrow array", error));
    NTS_TRY(append_options(append, options, error));
    if (append->group != NULL && append->options.flags != 0)
        return nts_fail(error, NANOTS_INVALID, "a group makes no tables");
    nanots_status status = append_begin(append, error);
    if (status == NANOTS_OK)
        status = append_array(append, array, error);
    return append_finish(append, status, seq_out, error);
}

nanots_status nanots_append_arrow(struct nanots_db *db, const char *table,
                                  struct ArrowSchema *schema, struct ArrowArray *array,
                                  const struct nanots_arrow_append_options *options,
                                  uint64_t *seq_out, struct nanots_error *error)
{
    struct arrow_append append = {.db = db, .name = table, .schema = schema};
    if (seq_out != NULL)
        *seq_out = 0;
    const nanots_status status = append_arrow(&append, array, options, seq_out, error);
    release_array(array);
    release_schema(schema);
    return status;
}

nanots_status nanots_group_append_arrow(struct nanots_group *group, const char *table,
                                        struct ArrowSchema *schema, struct ArrowArray *array,
                                        const struct nanots_arrow_append_options *options,
                                        struct nanots_error *error)
{
    struct arrow_append append = {.group = group, .name = table, .schema = schema};
    nts_error_clear(error);
    nanots_status status = nts_api_no_null(group, "the group", error);
    if (status == NANOTS_OK) {
        append.db = nts_group_db(group);
        status = append_arrow(&append, array, options, NULL, error);
    }
    release_array(array);
    release_schema(schema);
    return status;
}

static nanots_status append_arrow_stream(struct nanots_db *db, const char *table,
                                         struct ArrowArrayStream *stream,
                                         struct ArrowSchema *schema,
                                         const struct nanots_arrow_append_options *options,
                                         uint64_t *seq_out, struct nanots_error *error)
{
    struct arrow_append append = {.db = db, .name = table, .schema = schema};

    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_api_no_null(stream, "the Arrow stream", error));
    if (stream->release == NULL)
        return nts_fail(error, NANOTS_INVALID, "the Arrow stream was released or moved away");
    if (stream->get_schema == NULL || stream->get_next == NULL)
        return nts_fail(error, NANOTS_INVALID, "the Arrow stream lacks get_schema or get_next");
    NTS_TRY(append_options(&append, options, error));
    const int code = stream->get_schema(stream, schema);
    if (code != 0)
        return fail_stream(stream, code, error);
    nanots_status status = append_begin(&append, error);
    if (status == NANOTS_OK)
        status = append_stream(&append, stream, error);
    return append_finish(&append, status, seq_out, error);
}

nanots_status nanots_append_arrow_stream(struct nanots_db *db, const char *table,
                                         struct ArrowArrayStream *stream,
                                         const struct nanots_arrow_append_options *options,
                                         uint64_t *seq_out, struct nanots_error *error)
{
    struct ArrowSchema schema = {.release = NULL};
    if (seq_out != NULL)
        *seq_out = 0;
    const nanots_status status =
        append_arrow_stream(db, table, stream, &schema, options, seq_out, error);
    release_schema(&schema);
    if (stream != NULL && stream->release != NULL) {
        stream->release(stream);
        stream->release = NULL;
    }
    return status;
}
