/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_arrow_query.c - tables out as Arrow: a cursor behind the callbacks of a stream. */
#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "arrow/export.h"

struct arrow_stream {
    struct nanots_cursor *cursor;
    const struct nanots_allocator *alloc;
    bool time_as_int64;
    struct nanots_error error; /* of the last call */
};

/* ---- the stream --------------------------------------------------------------------------- */

static int stream_errno(nanots_status status)
{
    switch (status) {
    case NANOTS_OK:
        return 0;
    case NANOTS_NO_MEMORY:
        return ENOMEM;
    case NANOTS_INVALID:
    case NANOTS_MISUSE:
        return EINVAL;
    case NANOTS_CORRUPT:
        return EBADMSG;
    case NANOTS_UNSUPPORTED:
        return ENOTSUP;
    default:
        return EIO;
    }
}

static nanots_status export_scan_schema(const struct nanots_allocator *alloc,
                                        const struct nts_scan *scan, bool time_as_int64,
                                        struct ArrowSchema *schema_out, struct nanots_error *error)
{
    const uint32_t *columns = NULL;
    const uint32_t column_count = nts_scan_columns(scan, &columns);
    return nts_arrow_export_schema(alloc, nts_scan_def(scan), columns, column_count, time_as_int64,
                                   schema_out, error);
}

static int stream_get_schema(struct ArrowArrayStream *self, struct ArrowSchema *schema_out)
{
    struct arrow_stream *stream = self->private_data;
    nts_error_clear(&stream->error);
    return stream_errno(export_scan_schema(stream->alloc, nts_api_cursor_scan(stream->cursor),
                                           stream->time_as_int64, schema_out, &stream->error));
}

/* The end of the stream is an array that was released. */
static int stream_get_next(struct ArrowArrayStream *self, struct ArrowArray *array_out)
{
    struct arrow_stream *stream = self->private_data;
    const struct nanots_batch *batch = NULL;

    memset(array_out, 0, sizeof *array_out);
    nanots_status status = nanots_query_next(stream->cursor, &batch, &stream->error);
    if (status == NANOTS_OK && batch != NULL)
        status = nts_arrow_export_array(stream->alloc,
                                        nts_scan_block(nts_api_cursor_scan(stream->cursor)),
                                        batch->row_count, array_out, &stream->error);
    return stream_errno(status);
}

static const char *stream_get_last_error(struct ArrowArrayStream *self)
{
    const struct arrow_stream *stream = self->private_data;
    return stream->error.code != NANOTS_OK ? stream->error.message : NULL;
}

static void stream_release(struct ArrowArrayStream *self)
{
    struct arrow_stream *stream = self->private_data;
    nanots_query_close(stream->cursor);
    nts_free(stream);
    self->private_data = NULL;
    self->release = NULL;
}

nanots_status nanots_arrow_stream_damage(const struct ArrowArrayStream *stream,
                                         struct nanots_damage_report *damage_out,
                                         struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(stream, "the stream", error));
    if (stream->release != stream_release)
        return nts_fail(error, NANOTS_INVALID,
                        "the stream is none of nanots_query_arrow_stream, or was released");
    const struct arrow_stream *own = stream->private_data;
    return nanots_query_damage(own->cursor, damage_out, error);
}

/* ---- the calls ---------------------------------------------------------------------------- */

static nanots_status options_take(const struct nanots_arrow_options *given,
                                  struct nanots_arrow_options *options, struct nanots_error *error)
{
    memset(options, 0, sizeof *options);
    return nts_api_options(given, options, sizeof *options, "the Arrow options", error);
}

nanots_status nanots_table_arrow_schema(struct nanots_db *db, const char *table,
                                        const struct nanots_arrow_options *options,
                                        struct ArrowSchema *schema_out, struct nanots_error *error)
{
    struct nanots_arrow_options taken;
    struct nanots_table *found = NULL;

    NTS_TRY(nts_api_no_null(schema_out, "schema_out", error));
    memset(schema_out, 0, sizeof *schema_out);
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(options_take(options, &taken, error));
    const struct nts_table_def *def = found->def;
    uint32_t *columns = nts_alloc_array(db->alloc, def->column_count, sizeof *columns);
    if (columns == NULL)
        return nts_fail_memory(error, def->column_count * sizeof *columns);
    for (uint32_t c = 0; c < def->column_count; c++)
        columns[c] = c;
    const nanots_status status = nts_arrow_export_schema(
        db->alloc, def, columns, def->column_count, taken.time_as_int64 != 0, schema_out, error);
    nts_free(columns);
    return status;
}

nanots_status nanots_query_arrow_stream(struct nanots_db *db, const char *table,
                                        const struct nanots_query *query,
                                        const struct nanots_arrow_options *options,
                                        struct ArrowArrayStream *stream_out,
                                        struct nanots_error *error)
{
    struct nanots_arrow_options taken;
    struct nanots_cursor *cursor = NULL;

    NTS_TRY(nts_api_no_null(stream_out, "stream_out", error));
    memset(stream_out, 0, sizeof *stream_out);
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(options_take(options, &taken, error));
    NTS_TRY(nanots_query_open(db, table, query, &cursor, error));
    struct arrow_stream *stream = nts_alloc_zeroed(db->alloc, sizeof *stream);
    if (stream == NULL) {
        nanots_query_close(cursor);
        return nts_fail_memory(error, sizeof *stream);
    }
    stream->cursor = cursor;
    stream->alloc = db->alloc;
    stream->time_as_int64 = taken.time_as_int64 != 0;
    stream_out->get_schema = stream_get_schema;
    stream_out->get_next = stream_get_next;
    stream_out->get_last_error = stream_get_last_error;
    stream_out->release = stream_release;
    stream_out->private_data = stream;
    return NANOTS_OK;
}

nanots_status nanots_query_arrow(struct nanots_db *db, const char *table,
                                 const struct nanots_query *query,
                                 const struct nanots_arrow_options *options,
                                 struct ArrowSchema *schema_out, struct ArrowArray *array_out,
                                 struct nanots_error *error)
{
    struct nanots_arrow_options taken;
    struct nanots_cursor *cursor = NULL;
    struct nts_batch_block *block = NULL;
    size_t row_count = 0;

    NTS_TRY(nts_api_no_null(schema_out, "schema_out", error));
    NTS_TRY(nts_api_no_null(array_out, "array_out", error));
    memset(schema_out, 0, sizeof *schema_out);
    memset(array_out, 0, sizeof *array_out);
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(options_take(options, &taken, error));
    NTS_TRY(nanots_query_open(db, table, query, &cursor, error));
    struct nts_scan *scan = nts_api_cursor_scan(cursor);
    nanots_status status = nts_scan_rest(scan, &block, &row_count, error);
    if (status == NANOTS_OK)
        status = nts_arrow_export_array(db->alloc, block, row_count, array_out, error);
    if (status == NANOTS_OK)
        status = export_scan_schema(db->alloc, scan, taken.time_as_int64 != 0, schema_out, error);
    if (status == NANOTS_OK && taken.damage_out != NULL)
        status = nts_api_damage(scan, taken.damage_out, error);
    if (status != NANOTS_OK && schema_out->release != NULL)
        schema_out->release(schema_out);
    if (status != NANOTS_OK && array_out->release != NULL)
        array_out->release(array_out);
    nts_batch_block_unref(block);
    nanots_query_close(cursor);
    return status;
}
