/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/column.h - columns of values in memory, laid out as Arrow has them.
 *
 *   type            values                     offsets                validity
 *   f64 i64         8 bytes a row              -                   bit a row, 1 = present, least
 *   f32 i32         4 bytes a row              -                   significant first; NULL: none
 *   bool            bit a row, like validity   -
 *   utf8            bytes of all strings       int32, a row and one more
 *
 * One form from a caller's batch to the segment writer, and from a vector that was decoded to the
 * batch that a query or Arrow hands out: nothing is converted on the way.
 *
 * A column is a view and owns nothing; a column buffer owns its arrays. The value of a null row
 * means nothing. Any thread; a buffer belongs to one. Tests: unit/test_column.c.
 */
#ifndef NTS_COLUMN_H
#define NTS_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "util/alloc.h"
#include "util/bits.h"

/* Bytes of a value; 0 for bool and utf8. */
static inline size_t nts_type_width(unsigned type)
{
    return type == NANOTS_TYPE_F64 || type == NANOTS_TYPE_I64   ? 8
           : type == NANOTS_TYPE_F32 || type == NANOTS_TYPE_I32 ? 4
                                                                : 0;
}

struct nts_column {
    uint8_t type;  /* nanots_type */
    bool all_null; /* every row is null; there are no arrays */
    const void *values;
    const uint8_t *validity;
    const int32_t *offsets;
    size_t first; /* row 0 is this element of the arrays */
};

static inline bool nts_column_is_null(const struct nts_column *column, size_t row)
{
    return column->all_null ||
           (column->validity != NULL && !nts_bit_get(column->validity, column->first + row));
}

/* The array element of `row`, for types with a width. */
static inline const uint8_t *nts_column_at(const struct nts_column *column, size_t row)
{
    return (const uint8_t *)column->values + (column->first + row) * nts_type_width(column->type);
}

/* A column of a batch that was handed out. */
static inline struct nts_column nts_column_of_batch(const struct nanots_batch_column *column)
{
    const struct nts_column view = {.type = (uint8_t)column->type,
                                    .values = column->values,
                                    .validity = column->validity,
                                    .offsets = column->offsets};
    return view;
}

/* Nulls among rows [row, row + count). */
size_t nts_column_null_count(const struct nts_column *column, size_t row, size_t count);

/* Bytes of the strings of rows [row, row + count). */
size_t nts_column_byte_count(const struct nts_column *column, size_t row, size_t count);

struct nts_column_buffer {
    const struct nanots_allocator *alloc;
    uint8_t type;
    bool has_nulls;  /* validity means something */
    bool is_large;   /* numbers of NTS_STREAM_BYTES and more: put past the caches */
    size_t capacity; /* rows */
    void *values;
    size_t byte_capacity; /* utf8: bytes of values */
    uint8_t *validity;    /* or NULL: no row can be null */
    int32_t *offsets;     /* utf8 */
};

/* Makes an empty buffer. On failure there is nothing to free. */
NTS_CHECKED nanots_status nts_column_buffer_init(struct nts_column_buffer *buffer,
                                                 const struct nanots_allocator *alloc,
                                                 unsigned type, bool nullable, size_t capacity,
                                                 struct nanots_error *error);
void nts_column_buffer_deinit(struct nts_column_buffer *buffer);
/* Forgets all rows. */
void nts_column_buffer_clear(struct nts_column_buffer *buffer);

/* A view that begins at the buffer's first row. */
struct nts_column nts_column_buffer_view(const struct nts_column_buffer *buffer);

/* Writes rows [row, row + count) of `from` as rows [at, at + count), last row first if `reverse`.
 * Rows are written in order: `at` is where the last write ended, or before it, which drops rows. Of
 * a large buffer other threads see them behind nts_stream_fence.
 * TOO_BIG if the strings of a buffer exceed 2 GiB, NO_MEMORY. */
NTS_CHECKED nanots_status nts_column_buffer_put(struct nts_column_buffer *buffer, size_t at,
                                                const struct nts_column *from, size_t row,
                                                size_t count, bool reverse,
                                                struct nanots_error *error);

/* What a decoder does itself: room for `byte_count` more bytes of strings behind row `at`. */
NTS_CHECKED nanots_status nts_column_buffer_reserve(struct nts_column_buffer *buffer, size_t at,
                                                    size_t byte_count, struct nanots_error *error);
/* Says which of rows [at, at + count) are present: bits [0, count) of `validity`; NULL: all. */
void nts_column_buffer_put_validity(struct nts_column_buffer *buffer, size_t at,
                                    const uint8_t *validity, size_t bit, size_t count);
/* All of them are null. */
void nts_column_buffer_put_nulls(struct nts_column_buffer *buffer, size_t at, size_t count);

#endif
