/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/import.h - Arrow arrays as columns of a table: views where the layouts agree, else copies.
 *
 *   struct ArrowSchema + table --> plan: which child is which column, and of what type
 *   struct ArrowArray + plan ----> views: ts, and a struct nts_column for each column of the table
 *                                    |  same type, aligned: the array's own memory
 *                                    +- else: a buffer of ours (widened numbers, gathered strings)
 *
 * Schemas and arrays come from outside: whatever of them can be checked is, before it is used.
 * Lengths of buffers are not part of the interface; views and indexes of dictionaries are checked
 * to lie within the lengths that are told. What holds for every batch of columns, whoever gives it
 * (no null where none may be, offsets in order, UTF-8), is left to nts_rows_prepare.
 *
 * Nothing here takes structs over or releases them. One thread at a time.
 * Tests: api/test_arrow_in.c, arrow/, fuzz/fuzz_arrow_import.c.
 */
#ifndef NTS_ARROW_IMPORT_H
#define NTS_ARROW_IMPORT_H

#include "arrow/arrow_type.h"
#include "util/column.h"

/* ---- import_schema.c ---------------------------------------------------------------------- */

#define NTS_ARROW_NO_CHILD UINT32_MAX

struct nts_arrow_field {
    uint32_t child;                 /* NTS_ARROW_NO_CHILD: absent, all null */
    enum nts_arrow_kind kind;       /* of the values; of a dictionary's, if it has one */
    enum nts_arrow_kind index_kind; /* of a dictionary's indexes, or NTS_ARROW_OTHER */
};

struct nts_arrow_plan {
    const struct nts_table_def *def; /* outlives the plan */
    uint32_t child_count;
    struct nts_arrow_field time;
    int64_t time_multiply; /* value * multiply / divide is the ts; one of the two is 1 */
    int64_t time_divide;
    struct nts_arrow_field columns[]; /* by column of the table */
};

/* Finds the columns of `def` in `schema`. `time_column` may be NULL: found by the names that
 * nanots_arrow.h lists. Release with nts_free.
 * INVALID (a wrong struct, a column is missing), NOT_FOUND (the table lacks it), TYPE_MISMATCH. */
NTS_CHECKED nanots_status nts_arrow_plan_new(const struct nanots_allocator *alloc,
                                             const struct ArrowSchema *schema,
                                             const struct nts_table_def *def,
                                             const char *time_column,
                                             struct nts_arrow_plan **plan_out,
                                             struct nanots_error *error);

/* The definition of a table made from `schema`, checked by the rules of names; release with
 * nts_free. */
NTS_CHECKED nanots_status nts_arrow_define(const struct nanots_allocator *alloc,
                                           const struct ArrowSchema *schema, const char *table,
                                           const char *time_column, nanots_duplicates duplicates,
                                           struct nts_table_def **def_out,
                                           struct nanots_error *error);

/* ---- import_array.c ----------------------------------------------------------------------- */

struct nts_arrow_views {
    uint32_t column_count;
    size_t row_count;
    const int64_t *ts;
    struct nts_column *columns;
    int64_t *ts_block;                 /* what ts points to, if it was converted */
    struct nts_column_buffer *buffers; /* what columns point to, if they were */
};

/* The rows of `array`, which lives as long as the views are used; release with
 * nts_arrow_views_deinit. INVALID (a wrong struct, a time that is null or no whole step: names the
 * row), TOO_BIG. */
NTS_CHECKED nanots_status nts_arrow_views_init(struct nts_arrow_views *views,
                                               const struct nanots_allocator *alloc,
                                               const struct nts_arrow_plan *plan,
                                               const struct ArrowArray *array,
                                               struct nanots_error *error);
void nts_arrow_views_deinit(struct nts_arrow_views *views);
/* Forgets the first `count` rows. */
void nts_arrow_views_skip(struct nts_arrow_views *views, size_t count);

/* ---- slice.c ------------------------------------------------------------------------------ */

/* Rows [first, first + count) of an array's buffers. */
struct nts_arrow_slice {
    const char *table; /* for sentences */
    const char *column;
    enum nts_arrow_kind kind;
    const struct ArrowArray *array;
    const uint8_t *validity; /* NULL: no nulls */
    size_t first;
    size_t count;
};

/* Rows [row, row + count) of `array`, where slice->table and the like say what it is; checks all
 * that lengths, counts and NULL pointers can tell. */
NTS_CHECKED nanots_status nts_arrow_slice_init(struct nts_arrow_slice *slice,
                                               const struct ArrowArray *array, size_t row,
                                               size_t count, struct nanots_error *error);

static inline bool nts_arrow_is_null(const struct nts_arrow_slice *slice, size_t row)
{
    return slice->validity != NULL && !nts_bit_get(slice->validity, slice->first + row);
}

/* The first row that is null; `count` if none is. */
size_t nts_arrow_first_null(const struct nts_arrow_slice *slice);

/* Rows [row, row + count) of integers or times, widened. */
void nts_arrow_load_integers(const struct nts_arrow_slice *slice, size_t row, size_t count,
                             int64_t *dst);

/* The string of a row that is not null. */
NTS_CHECKED nanots_status nts_arrow_string(const struct nts_arrow_slice *slice, size_t row,
                                           const uint8_t **bytes_out, size_t *size_out,
                                           struct nanots_error *error);

#endif
