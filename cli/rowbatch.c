/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rowbatch.c - rows of any types gathered as one batch for nanots_append_batch. */
#include "rowbatch.h"

#include <string.h>

#define ROWBATCH_ROWS_MAX 16384 /* a row group: the library compresses it as one */
#define ROWBATCH_TEXT_MAX (8u << 20)
#define ROWBATCH_BITS     (ROWBATCH_ROWS_MAX / 8)

struct rowbatch_column {
    nanots_type type;
    uint8_t *values;
    uint8_t *validity;
    bool has_null;
    int32_t *offsets; /* of text; else NULL */
    size_t text_size_max;
};

struct cli_row_batch {
    size_t column_count;
    struct rowbatch_column *columns;
    size_t text_size; /* of all columns */
    int64_t *ts;
    struct nanots_batch rows;
    struct nanots_batch_column *row_columns;
};

static size_t rowbatch_values_size(nanots_type type)
{
    switch (type) {
    case NANOTS_TYPE_BOOL:
        return ROWBATCH_BITS;
    case NANOTS_TYPE_F32:
    case NANOTS_TYPE_I32:
        return ROWBATCH_ROWS_MAX * sizeof(int32_t);
    case NANOTS_TYPE_F64:
    case NANOTS_TYPE_I64:
        return ROWBATCH_ROWS_MAX * sizeof(int64_t);
    case NANOTS_TYPE_NULL:
    case NANOTS_TYPE_UTF8:
        break;
    }
    return 0;
}

struct cli_row_batch *cli_row_batch_new(const struct nanots_column *columns, size_t column_count)
{
    struct cli_row_batch *batch = cli_alloc(1, sizeof(*batch));
    batch->column_count = column_count;
    batch->columns = cli_alloc(column_count, sizeof(*batch->columns));
    batch->row_columns = cli_alloc(column_count, sizeof(*batch->row_columns));
    batch->ts = cli_alloc(ROWBATCH_ROWS_MAX, sizeof(*batch->ts));
    for (size_t i = 0; i < column_count; i++) {
        struct rowbatch_column *column = &batch->columns[i];
        column->type = columns[i].type;
        column->values = cli_alloc(rowbatch_values_size(column->type), 1);
        column->validity = cli_alloc(ROWBATCH_BITS, 1);
        if (column->type == NANOTS_TYPE_UTF8)
            column->offsets = cli_alloc(ROWBATCH_ROWS_MAX + 1, sizeof(*column->offsets));
    }
    return batch;
}

void cli_row_batch_free(struct cli_row_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->column_count; i++) {
        cli_free(batch->columns[i].values);
        cli_free(batch->columns[i].validity);
        cli_free(batch->columns[i].offsets);
    }
    cli_free(batch->columns);
    cli_free(batch->row_columns);
    cli_free(batch->ts);
    cli_free(batch);
}

static void rowbatch_set_bit(uint8_t *bits, size_t index, bool set)
{
    const uint8_t mask = (uint8_t)(1u << (index % 8));
    bits[index / 8] = (uint8_t)(set ? bits[index / 8] | mask : bits[index / 8] & ~mask);
}

static void rowbatch_set_text(struct rowbatch_column *column, size_t row, const char *data,
                              size_t size)
{
    const size_t used = (size_t)column->offsets[row];
    if (used + size > column->text_size_max) {
        column->text_size_max = (used + size) * 2;
        column->values = cli_resize(column->values, column->text_size_max, 1);
    }
    if (size > 0)
        memcpy(column->values + used, data, size);
    column->offsets[row + 1] = (int32_t)(used + size);
}

static void rowbatch_set(struct rowbatch_column *column, size_t row,
                         const struct nanots_value *value)
{
    const bool is_null = value->type == NANOTS_TYPE_NULL;
    rowbatch_set_bit(column->validity, row, !is_null);
    column->has_null |= is_null;
    switch (column->type) {
    case NANOTS_TYPE_NULL:
        break;
    case NANOTS_TYPE_F64:
        ((double *)(void *)column->values)[row] = is_null ? 0 : value->as.f64;
        break;
    case NANOTS_TYPE_F32:
        ((float *)(void *)column->values)[row] = is_null ? 0 : value->as.f32;
        break;
    case NANOTS_TYPE_I64:
        ((int64_t *)(void *)column->values)[row] = is_null ? 0 : value->as.i64;
        break;
    case NANOTS_TYPE_I32:
        ((int32_t *)(void *)column->values)[row] = is_null ? 0 : value->as.i32;
        break;
    case NANOTS_TYPE_BOOL:
        rowbatch_set_bit(column->values, row, !is_null && value->as.boolean != 0);
        break;
    case NANOTS_TYPE_UTF8:
        rowbatch_set_text(column, row, is_null ? NULL : value->as.utf8.data,
                          is_null ? 0 : value->as.utf8.size);
        break;
    }
}

void cli_row_batch_add(struct cli_row_batch *batch, int64_t ts, const struct nanots_value *values)
{
    const size_t row = batch->rows.row_count++;
    batch->ts[row] = ts;
    for (size_t i = 0; i < batch->column_count; i++) {
        rowbatch_set(&batch->columns[i], row, &values[i]);
        if (values[i].type == NANOTS_TYPE_UTF8)
            batch->text_size += values[i].as.utf8.size;
    }
}

bool cli_row_batch_is_full(const struct cli_row_batch *batch)
{
    return batch->rows.row_count == ROWBATCH_ROWS_MAX || batch->text_size >= ROWBATCH_TEXT_MAX;
}

void cli_row_batch_clear(struct cli_row_batch *batch)
{
    batch->rows.row_count = 0;
    batch->text_size = 0;
    for (size_t i = 0; i < batch->column_count; i++)
        batch->columns[i].has_null = false;
}

const struct nanots_batch *cli_row_batch_rows(struct cli_row_batch *batch)
{
    for (size_t i = 0; i < batch->column_count; i++) {
        const struct rowbatch_column *column = &batch->columns[i];
        batch->row_columns[i] =
            (struct nanots_batch_column){.type = column->type,
                                         .values = column->values,
                                         .validity = column->has_null ? column->validity : NULL,
                                         .offsets = column->offsets};
    }
    batch->rows.ts = batch->ts;
    batch->rows.column_count = batch->column_count;
    batch->rows.columns = batch->row_columns;
    return &batch->rows;
}
