/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_query.c - cursors, and the calls that need only a few rows. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "engine/catalog.h"
#include "engine/snapshot.h"

struct nanots_cursor {
    struct nanots_db *db;
    struct nts_scan *scan;
    bool failed;
};

/* The caller's query with defaults: the range, and column numbers in `columns` (room for all). */
static nanots_status query_resolve(const struct nts_table_def *def,
                                   const struct nanots_query *query, struct nts_scan_spec *spec,
                                   uint32_t *columns, struct nanots_error *error)
{
    memset(spec, 0, sizeof *spec);
    spec->from = (query->flags & NANOTS_QUERY_FROM) != 0 ? query->from : INT64_MIN;
    spec->to = (query->flags & NANOTS_QUERY_TO) != 0 ? query->to : INT64_MAX;
    spec->reverse = (query->flags & NANOTS_QUERY_REVERSE) != 0;
    spec->skip_damaged = (query->flags & NANOTS_QUERY_SKIP_DAMAGED) != 0;
    spec->limit = query->limit;
    spec->columns = columns;
    if (query->columns == NULL) {
        spec->column_count = def->column_count;
        for (uint32_t c = 0; c < spec->column_count; c++)
            columns[c] = c;
        return NANOTS_OK;
    }
    spec->column_count = (uint32_t)query->column_count;
    for (size_t k = 0; k < query->column_count; k++)
        NTS_TRY(nts_catalog_column(def, query->columns[k], &columns[k], error));
    return NANOTS_OK;
}

#define QUERY_FLAGS                                                                                \
    (NANOTS_QUERY_FROM | NANOTS_QUERY_TO | NANOTS_QUERY_REVERSE | NANOTS_QUERY_SKIP_DAMAGED)

static nanots_status query_check(const struct nanots_query *given, struct nanots_query *query,
                                 struct nanots_error *error)
{
    memset(query, 0, sizeof *query);
    NTS_TRY(nts_api_options(given, query, sizeof *query, "the query", error));
    if ((query->flags & ~QUERY_FLAGS) != 0)
        return nts_fail(error, NANOTS_INVALID, "unknown query flags 0x%x", query->flags);
    if (query->columns == NULL && query->column_count != 0)
        return nts_fail(error, NANOTS_INVALID, "%zu columns wanted, but columns is NULL",
                        query->column_count);
    if (query->column_count > NTS_COLUMNS_MAX)
        return nts_fail(error, NANOTS_INVALID, "%zu columns wanted; at most %u",
                        query->column_count, NTS_COLUMNS_MAX);
    return NANOTS_OK;
}

static nanots_status query_start(struct nanots_table *table, const struct nanots_query *query,
                                 struct nts_scan **scan_out, struct nanots_error *error)
{
    struct nts_scan_spec spec;
    const struct nts_table_def *def = table->def;
    const size_t most = query->columns == NULL ? def->column_count : query->column_count;
    uint32_t *columns = nts_alloc_array(table->db->alloc, most + 1, sizeof *columns);
    *scan_out = NULL;
    if (columns == NULL)
        return nts_fail_memory(error, most);
    nanots_status status = query_resolve(def, query, &spec, columns, error);
    if (status == NANOTS_OK)
        status = nts_snapshot_scan(table, &spec, scan_out, error);
    nts_free(columns);
    return status;
}

nanots_status nanots_query_open(struct nanots_db *db, const char *table,
                                const struct nanots_query *query, struct nanots_cursor **cursor_out,
                                struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    struct nanots_query checked;
    struct nts_scan *scan = NULL;

    NTS_TRY(nts_api_no_null(cursor_out, "cursor_out", error));
    *cursor_out = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(query_check(query, &checked, error));
    NTS_TRY(query_start(found, &checked, &scan, error));
    struct nanots_cursor *cursor = nts_alloc_zeroed(db->alloc, sizeof *cursor);
    if (cursor == NULL) {
        nts_scan_free(scan);
        return nts_fail_memory(error, sizeof *cursor);
    }
    cursor->db = db;
    cursor->scan = scan;
    *cursor_out = cursor;
    return NANOTS_OK;
}

nanots_status nanots_query_next(struct nanots_cursor *cursor, const struct nanots_batch **batch_out,
                                struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(batch_out, "batch_out", error));
    *batch_out = NULL;
    NTS_TRY(nts_api_no_null(cursor, "the cursor", error));
    NTS_TRY(nts_db_check_process(cursor->db, error));
    if (cursor->failed)
        return nts_fail(error, NANOTS_INVALID, "the cursor has failed and can only be closed");
    const nanots_status status = nts_scan_next(cursor->scan, batch_out, error);
    cursor->failed = status != NANOTS_OK;
    return status;
}

nanots_status nts_api_damage(const struct nts_scan *scan, struct nanots_damage_report *damage_out,
                             struct nanots_error *error)
{
    NTS_TRY(nts_api_sized_check(damage_out, damage_out == NULL ? 0 : damage_out->struct_size,
                                sizeof(size_t) + 8, "damage_out", error));
    nts_api_sized_copy(damage_out, nts_scan_damage(scan), damage_out->struct_size,
                       sizeof *damage_out);
    return NANOTS_OK;
}

nanots_status nanots_query_damage(const struct nanots_cursor *cursor,
                                  struct nanots_damage_report *damage_out,
                                  struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(cursor, "the cursor", error));
    NTS_TRY(nts_db_check_process(cursor->db, error));
    return nts_api_damage(cursor->scan, damage_out, error);
}

struct nts_scan *nts_api_cursor_scan(const struct nanots_cursor *cursor)
{
    return cursor->scan;
}

void nanots_query_close(struct nanots_cursor *cursor)
{
    if (cursor == NULL || nts_db_check_process(cursor->db, NULL) != NANOTS_OK)
        return;
    nts_scan_free(cursor->scan);
    nts_free(cursor);
}

/* In an array of doubles a null is a NaN. */
static void nulls_to_nan(double *values, const struct nanots_batch_column *column, size_t count)
{
    for (size_t i = 0; i < count && column->validity != NULL; i++)
        if (!nts_bit_get(column->validity, i))
            values[i] = (double)NAN;
}

/* Columns [0, count) must be f64 where arrays of doubles are asked for. */
static nanots_status query_check_doubles(const struct nts_table_def *def, size_t count,
                                         struct nanots_error *error)
{
    for (size_t c = 0; c < count; c++)
        if (def->columns[c].type != NANOTS_TYPE_F64)
            return nts_fail(error, NANOTS_TYPE_MISMATCH,
                            "table '%.80s', column '%.80s': is %s, wanted f64", def->name,
                            def->columns[c].name,
                            nanots_type_name((nanots_type)def->columns[c].type));
    return NANOTS_OK;
}

/* Copies all batches of a one-column scan into one block of ts and values. */
static nanots_status series_collect(struct nanots_db *db, struct nts_scan *scan,
                                    struct nanots_series *series_out, struct nanots_error *error)
{
    const uint64_t most = nts_scan_rows_max(scan);
    if (most > SIZE_MAX / 32)
        return nts_fail_memory(error, SIZE_MAX);
    int64_t *ts = nts_alloc_array(db->alloc, (size_t)most + 1, sizeof *ts + sizeof(double));
    if (ts == NULL)
        return nts_fail_memory(error, (size_t)most * 16);
    double *values = (double *)(ts + most);
    size_t count = 0;
    for (;;) {
        const struct nanots_batch *batch = NULL;
        const nanots_status status = nts_scan_next(scan, &batch, error);
        if (status != NANOTS_OK) {
            nts_free(ts);
            return status;
        }
        if (batch == NULL)
            break;
        memcpy(ts + count, batch->ts, batch->row_count * sizeof *ts);
        memcpy(values + count, batch->columns[0].values, batch->row_count * sizeof *values);
        nulls_to_nan(values + count, &batch->columns[0], batch->row_count);
        count += batch->row_count;
    }
    series_out->row_count = count;
    series_out->ts = ts;
    series_out->values = values;
    series_out->block = ts;
    return NANOTS_OK;
}

nanots_status nanots_query_range(struct nanots_db *db, const char *series, int64_t from, int64_t to,
                                 struct nanots_series *series_out, struct nanots_error *error)
{
    static const uint32_t first_column = 0;
    const struct nts_scan_spec spec = {
        .from = from, .to = to, .columns = &first_column, .column_count = 1};
    struct nanots_table *table = NULL;
    struct nts_scan *scan = NULL;

    NTS_TRY(nts_api_no_null(series_out, "series_out", error));
    memset(series_out, 0, sizeof *series_out);
    NTS_TRY(nts_api_enter_table(db, series, &table, error));
    NTS_TRY(query_check_doubles(table->def, 1, error));
    NTS_TRY(nts_snapshot_scan(table, &spec, &scan, error));
    const nanots_status status = series_collect(db, scan, series_out, error);
    nts_scan_free(scan);
    return status;
}

nanots_status nanots_last(struct nanots_db *db, const char *table, int64_t *ts_out, double *values,
                          size_t value_count, struct nanots_error *error)
{
    const struct nanots_query query = {.flags = NANOTS_QUERY_REVERSE, .limit = 1};
    const struct nanots_batch *batch = NULL;
    struct nanots_table *found = NULL;
    struct nts_scan *scan = NULL;

    NTS_TRY(nts_api_no_null(ts_out, "ts_out", error));
    *ts_out = 0;
    NTS_TRY(nts_api_no_null(values, "values", error));
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    const struct nts_table_def *def = found->def;
    if (value_count != def->column_count)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' has %u columns, room for %zu given",
                        def->name, def->column_count, value_count);
    NTS_TRY(query_check_doubles(def, value_count, error));
    NTS_TRY(query_start(found, &query, &scan, error));
    nanots_status status = nts_scan_next(scan, &batch, error);
    if (status == NANOTS_OK && batch == NULL)
        status = nts_fail(error, NANOTS_NOT_FOUND, "table '%.80s' is empty", def->name);
    if (status == NANOTS_OK) {
        *ts_out = batch->ts[0];
        for (size_t c = 0; c < value_count; c++) {
            memcpy(&values[c], batch->columns[c].values, sizeof values[c]);
            nulls_to_nan(&values[c], &batch->columns[c], 1);
        }
    }
    nts_scan_free(scan);
    return status;
}

nanots_status nanots_row_count(struct nanots_db *db, const char *table, uint64_t *rows_out,
                               struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    struct nts_snapshot snapshot;

    NTS_TRY(nts_api_no_null(rows_out, "rows_out", error));
    *rows_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(nts_snapshot_take(found, &snapshot, error));
    for (size_t i = 0; i < snapshot.count; i++)
        *rows_out += snapshot.sources[i].segment != NULL
                         ? snapshot.sources[i].segment->entry.row_count
                         : snapshot.sources[i].visible_rows;
    nts_snapshot_free(&snapshot);
    return NANOTS_OK;
}

nanots_status nanots_time_range(struct nanots_db *db, const char *table, int *has_rows_out,
                                int64_t *first_out, int64_t *last_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    struct nts_snapshot snapshot;

    NTS_TRY(nts_api_no_null(has_rows_out, "has_rows_out", error));
    NTS_TRY(nts_api_no_null(first_out, "first_out", error));
    NTS_TRY(nts_api_no_null(last_out, "last_out", error));
    *has_rows_out = 0;
    *first_out = *last_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(nts_snapshot_take(found, &snapshot, error));
    for (size_t i = 0; i < snapshot.count; i++) {
        struct nts_source_spec *source = &snapshot.sources[i];
        if (source->has_hidden)
            nts_memtable_time_range(source->memtable, source->visible_rows, &source->ts_min,
                                    &source->ts_max);
        if (*has_rows_out == 0 || source->ts_min < *first_out)
            *first_out = source->ts_min;
        if (*has_rows_out == 0 || source->ts_max > *last_out)
            *last_out = source->ts_max;
        *has_rows_out = 1;
    }
    nts_snapshot_free(&snapshot);
    return NANOTS_OK;
}
