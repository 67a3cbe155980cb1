/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/append_rows.h - the rows of one append, in any of the forms that callers have them in.
 *
 *   values:   r0c0 r0c1 r0c2 r1c0 ...     doubles, row by row
 *   columns:  [c0] -> r0 r1 r2 ...        doubles, an array a column
 *   batch:    [c0] -> arrays of its type  a batch as a query hands it out
 *   views:    [c0] -> the same, each from an element of its own on
 *   row:      c0 c1 c2 ...                one row, each value with its type
 *                 |
 *                 v
 *   prepare: right types, no null where none may be, UTF-8; sizes
 *                 |
 *                 +--> payload of a ROWS record (format/rows_payload.h)
 *                 +--> columns of a row group, in place or gathered in another order
 *
 * The caller's arrays are read and never held. Pure; any thread. Tests: unit/test_append_rows.c,
 * api/test_typed_append.c.
 */
#ifndef NTS_APPEND_ROWS_H
#define NTS_APPEND_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"
#include "format/table_def.h"
#include "util/column.h"

struct nts_rows {
    const struct nts_table_def *def; /* that they are checked against */
    bool is_plain; /* def->is_plain, or false: whoever says so need not look there */
    const int64_t *ts;
    /* One of the five. */
    const double *values;         /* values[row * column_count + c] */
    const double *const *columns; /* columns[c][row] */
    const struct nanots_batch_column *batch;
    const struct nts_column *views;
    const struct nanots_value *row; /* row_count is 1 */
    uint32_t row_count;
    uint32_t column_count; /* as the table has */
    /* Known once they are prepared. */
    uint64_t payload_size;
    uint64_t text_size; /* bytes of all strings */
};

/* Checks the rows against `def`, which has as many columns, and measures them. TYPE_MISMATCH names
 * table, column and both types; INVALID (null, text, offsets) and TOO_BIG name the place too. */
NTS_CHECKED nanots_status nts_rows_prepare(struct nts_rows *rows, const struct nts_table_def *def,
                                           struct nanots_error *error);
/* The same for doubles of a table where every column is f64 and not nullable. */
static inline void nts_rows_prepare_plain(struct nts_rows *rows)
{
    rows->payload_size = (uint64_t)rows->row_count * ((uint64_t)rows->column_count + 1) * 8;
}

/* Writes payload_size bytes. */
void nts_rows_encode_columns(const struct nts_rows *rows, const struct nts_table_def *def,
                             uint8_t *payload);

/* The same; the commonest append is a row of doubles, which is a payload but for its ts. */
static inline void nts_rows_encode(const struct nts_rows *rows, const struct nts_table_def *def,
                                   uint8_t *payload)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (NTS_LIKELY(rows->row_count == 1 && rows->values != NULL && rows->is_plain)) {
        memcpy(payload, rows->ts, sizeof *rows->ts);
        memcpy(payload + 8, rows->values, rows->column_count * sizeof *rows->values);
        return;
    }
#endif
    nts_rows_encode_columns(rows, def, payload);
}

/* The bytes that all strings of rows [first, first + count) have, or a little more. */
uint64_t nts_rows_text_size(const struct nts_rows *rows, const struct nts_table_def *def,
                            uint32_t first, uint32_t count);

/* Whether the columns are arrays that nts_rows_view shows in place. */
static inline bool nts_rows_are_columnar(const struct nts_rows *rows)
{
    return rows->columns != NULL || rows->batch != NULL || rows->views != NULL;
}
/* Row `first` of a column, and those behind it, of columnar rows. */
struct nts_column nts_rows_view(const struct nts_rows *rows, uint32_t column, uint32_t first);

/* Copies `count` values of a column to the start of `buffer`: those of rows base + order[0],
 * base + order[1] ..., or base, base + 1 ... without an order. TOO_BIG, NO_MEMORY. */
NTS_CHECKED nanots_status nts_rows_gather(const struct nts_rows *rows, uint32_t column,
                                          uint32_t base, const uint32_t *order, uint32_t count,
                                          struct nts_column_buffer *buffer,
                                          struct nanots_error *error);

#endif
