/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/row_group.h - up to one row group of rows as columns: the form that the segment writer
 * takes. Gathers from a memtable or from a caller's batch, in order of time.
 *
 *   memtable, batch in disorder --> buffers --> columns
 *   columns of a batch in order --------------> columns, where they are
 *
 * One group serves tables of any types, one after the other: a buffer is made when its column is
 * first gathered, and again when the type is another. Not shared between threads. Tests:
 * unit/test_row_group.c.
 */
#ifndef NTS_ROW_GROUP_H
#define NTS_ROW_GROUP_H

#include "engine/engine.h"
#include "util/column.h"

struct nts_row_group {
    const struct nanots_allocator *alloc;
    int64_t *ts;
    struct nts_column_buffer *buffers; /* [column_count] */
    struct nts_column *columns; /* [column_count], views of buffers or of a caller's arrays */
    uint32_t column_count;
    uint32_t capacity;
};

/* For tables of up to `column_count` columns. */
NTS_CHECKED nanots_status nts_row_group_init(struct nts_row_group *group,
                                             const struct nanots_allocator *alloc,
                                             uint32_t column_count, uint32_t capacity,
                                             struct nanots_error *error);
void nts_row_group_deinit(struct nts_row_group *group);

/* Rows [row, row + count) of the memtable, in its order or, if given, in that of `order`. */
NTS_CHECKED nanots_status nts_row_group_from_memtable(struct nts_row_group *group,
                                                      const struct nts_memtable *memtable,
                                                      const uint32_t *order, uint32_t row,
                                                      uint32_t count, struct nanots_error *error);
/* Rows [row, row + count) of a batch, offset by `order` (relative to base_row) if given. */
NTS_CHECKED nanots_status nts_row_group_from_rows(struct nts_row_group *group,
                                                  const struct nts_rows *rows,
                                                  const struct nts_table_def *def,
                                                  uint32_t base_row, const uint32_t *order,
                                                  uint32_t row, uint32_t count,
                                                  struct nanots_error *error);

#endif
