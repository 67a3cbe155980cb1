/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_append.c - the ways to append: each checks its arguments and makes one nts_rows. */
#include <string.h>

#include "api/api.h"
#include "engine/bulk.h"
#include "engine/catalog.h"

nanots_status nts_api_check_rows(const struct nanots_table *table, struct nts_rows *rows,
                                 const void *values, size_t row_count, size_t column_count,
                                 struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(table, "the table handle", error));
    NTS_TRY(nts_db_check_process(table->db, error));
    const uint32_t shape = table->shape;
    rows->def = table->def;
    rows->is_plain = (shape & NTS_SHAPE_PLAIN) != 0;
    if (NTS_UNLIKELY(column_count != nts_shape_columns(shape)))
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' has %u columns, %zu values given",
                        rows->def->name, nts_shape_columns(shape), column_count);
    if (NTS_UNLIKELY(row_count > UINT32_MAX))
        return nts_fail(error, NANOTS_TOO_BIG, "table '%.80s': %zu rows in one call; at most %u",
                        rows->def->name, row_count, UINT32_MAX);
    if (NTS_UNLIKELY(row_count != 0 && (rows->ts == NULL || values == NULL)))
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': ts or values is NULL",
                        rows->def->name);
    return NANOTS_OK;
}

/* An empty batch is no row: the last seq stays. */
static nanots_status append_nothing(struct nanots_db *db, uint64_t *seq_out,
                                    struct nanots_error *error)
{
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = nts_db_check_writable_locked(db, error);
    if (seq_out != NULL)
        *seq_out = status == NANOTS_OK ? db->last_seq : 0;
    nts_mutex_unlock(&db->write_lock);
    return status;
}

nanots_status nts_api_append_rows(struct nanots_table *table, struct nts_rows *rows,
                                  uint64_t *seq_out, struct nanots_error *error)
{
    if (rows->row_count == 0)
        return append_nothing(table->db, seq_out, error);
    NTS_TRY(nts_rows_prepare(rows, rows->def, error));
    NTS_TRY(nts_rows_check_size(table, rows, error));
    return nts_append(table, rows, seq_out, error);
}

nanots_status nanots_table_append(struct nanots_table *table, int64_t ts, const double *values,
                                  size_t value_count, uint64_t *seq_out, struct nanots_error *error)
{
    struct nts_rows rows = {
        .ts = &ts, .values = values, .row_count = 1, .column_count = (uint32_t)value_count};
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_check_rows(table, &rows, values, 1, value_count, error));
    if (NTS_UNLIKELY(!rows.is_plain))
        return nts_api_append_rows(table, &rows, seq_out, error);
    nts_rows_prepare_plain(&rows); /* no row of doubles is too big */
    return nts_append(table, &rows, seq_out, error);
}

nanots_status nanots_table_append_rows(struct nanots_table *table, const int64_t *ts,
                                       const double *values, size_t row_count, size_t column_count,
                                       uint64_t *seq_out, struct nanots_error *error)
{
    struct nts_rows rows = {.ts = ts,
                            .values = values,
                            .row_count = (uint32_t)row_count,
                            .column_count = (uint32_t)column_count};
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_check_rows(table, &rows, values, row_count, column_count, error));
    return nts_api_append_rows(table, &rows, seq_out, error);
}

nanots_status nanots_table_append_columns(struct nanots_table *table, const int64_t *ts,
                                          const double *const *columns, size_t row_count,
                                          size_t column_count, uint64_t *seq_out,
                                          struct nanots_error *error)
{
    struct nts_rows rows = {.ts = ts,
                            .columns = columns,
                            .row_count = (uint32_t)row_count,
                            .column_count = (uint32_t)column_count};
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_check_rows(table, &rows, columns, row_count, column_count, error));
    return nts_api_append_rows(table, &rows, seq_out, error);
}

nanots_status nanots_table_append_typed(struct nanots_table *table, int64_t ts,
                                        const struct nanots_value *values, size_t value_count,
                                        uint64_t *seq_out, struct nanots_error *error)
{
    struct nts_rows rows = {
        .ts = &ts, .row = values, .row_count = 1, .column_count = (uint32_t)value_count};
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_check_rows(table, &rows, values, 1, value_count, error));
    return nts_api_append_rows(table, &rows, seq_out, error);
}

nanots_status nanots_table_append_batch(struct nanots_table *table,
                                        const struct nanots_batch *batch, uint64_t *seq_out,
                                        struct nanots_error *error)
{
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_no_null(batch, "the batch", error));
    struct nts_rows rows = {.ts = batch->ts,
                            .batch = batch->columns,
                            .row_count = (uint32_t)batch->row_count,
                            .column_count = (uint32_t)batch->column_count};
    NTS_TRY(nts_api_check_rows(table, &rows, batch->columns, batch->row_count, batch->column_count,
                               error));
    return nts_api_append_rows(table, &rows, seq_out, error);
}

nanots_status nanots_append_row(struct nanots_db *db, const char *table, int64_t ts,
                                const double *values, size_t value_count, uint64_t *seq_out,
                                struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nanots_table_append(found, ts, values, value_count, seq_out, error);
}

nanots_status nanots_append_rows(struct nanots_db *db, const char *table, const int64_t *ts,
                                 const double *values, size_t row_count, size_t column_count,
                                 uint64_t *seq_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nanots_table_append_rows(found, ts, values, row_count, column_count, seq_out, error);
}

nanots_status nanots_append_columns(struct nanots_db *db, const char *table, const int64_t *ts,
                                    const double *const *columns, size_t row_count,
                                    size_t column_count, uint64_t *seq_out,
                                    struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nanots_table_append_columns(found, ts, columns, row_count, column_count, seq_out, error);
}

nanots_status nanots_append_row_typed(struct nanots_db *db, const char *table, int64_t ts,
                                      const struct nanots_value *values, size_t value_count,
                                      uint64_t *seq_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nanots_table_append_typed(found, ts, values, value_count, seq_out, error);
}

nanots_status nanots_append_batch(struct nanots_db *db, const char *table,
                                  const struct nanots_batch *batch, uint64_t *seq_out,
                                  struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nanots_table_append_batch(found, batch, seq_out, error);
}

/* The table of a series, made if absent; another thread may be faster. */
static nanots_status series_table(struct nanots_db *db, const char *series,
                                  struct nanots_table **table_out, struct nanots_error *error)
{
    static const struct nanots_column value = {"value", NANOTS_TYPE_F64, 0};
    nts_mutex_lock(&db->write_lock);
    *table_out = series == NULL ? NULL : nts_catalog_find(db, series);
    nts_mutex_unlock(&db->write_lock);
    if (*table_out != NULL)
        return NANOTS_OK;
    const nanots_status status = nts_create_table(db, series, &value, 1, NULL, table_out, error);
    if (status != NANOTS_EXISTS)
        return status;
    nts_error_clear(error);
    return nts_catalog_get(db, series, table_out, error);
}

nanots_status nanots_append(struct nanots_db *db, const char *series, int64_t ts, double value,
                            uint64_t *seq_out, struct nanots_error *error)
{
    struct nanots_table *table = NULL;
    if (seq_out != NULL)
        *seq_out = 0;
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(series_table(db, series, &table, error));
    return nanots_table_append(table, ts, &value, 1, seq_out, error);
}
