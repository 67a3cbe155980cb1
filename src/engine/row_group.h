/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/row_group.h - up to one row group of rows as contiguous columns: the form that the segment
 * writer takes. Gathers from a memtable or from a caller's batch, in order of time.
 *
 *   block: ts[capacity] | column 0[capacity] | column 1[capacity] | ...
 *
 * Not shared between threads. Tests: unit/test_row_group.c.
 */
#ifndef NTS_ROW_GROUP_H
#define NTS_ROW_GROUP_H

#include "engine/engine.h"

struct nts_row_group {
    int64_t *ts;
    double *block;
    const double **columns; /* [column_count], into block or into a caller's arrays */
    uint32_t column_count;
    uint32_t capacity;
};

NTS_CHECKED nanots_status nts_row_group_init(struct nts_row_group *group,
                                             const struct nanots_allocator *alloc,
                                             uint32_t column_count, uint32_t capacity,
                                             struct nanots_error *error);
void nts_row_group_deinit(struct nts_row_group *group);

/* Where the values of a column are gathered. */
double *nts_row_group_column(const struct nts_row_group *group, uint32_t column);

/* Rows [row, row + count) of the memtable, in its order or, if given, in that of `order`. */
void nts_row_group_from_memtable(struct nts_row_group *group, const struct nts_memtable *memtable,
                                 const uint32_t *order, uint32_t row, uint32_t count);
/* Rows [row, row + count) of a batch, offset by `order` (relative to base_row) if given. */
void nts_row_group_from_rows(struct nts_row_group *group, const struct nts_rows *rows,
                             uint32_t base_row, const uint32_t *order, uint32_t row,
                             uint32_t count);

#endif
