/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/row_group.c - gathering rows into columns. Contract: row_group.h. */
#include "engine/row_group.h"

#include <string.h>

#include "base/check.h"

nanots_status nts_row_group_init(struct nts_row_group *group, const struct nanots_allocator *alloc,
                                 uint32_t column_count, uint32_t capacity,
                                 struct nanots_error *error)
{
    const size_t values = (size_t)column_count * capacity;
    memset(group, 0, sizeof *group);
    group->ts = nts_alloc_array(alloc, capacity, sizeof(int64_t));
    group->block = nts_alloc_array(alloc, values + 1, sizeof(double));
    group->columns = nts_alloc_array(alloc, (size_t)column_count + 1, sizeof(double *));
    group->column_count = column_count;
    group->capacity = capacity;
    if (group->ts != NULL && group->block != NULL && group->columns != NULL)
        return NANOTS_OK;
    nts_row_group_deinit(group);
    return nts_fail_memory(error, values * sizeof(double));
}

void nts_row_group_deinit(struct nts_row_group *group)
{
    nts_free(group->ts);
    nts_free(group->block);
    nts_free(group->columns);
    memset(group, 0, sizeof *group);
}

double *nts_row_group_column(const struct nts_row_group *group, uint32_t column)
{
    return group->block + (size_t)column * group->capacity;
}

static void group_use_block(struct nts_row_group *group)
{
    for (uint32_t c = 0; c < group->column_count; c++)
        group->columns[c] = nts_row_group_column(group, c);
}

/* Copies one slice to rows [at, at + count). */
static void group_copy_slice(struct nts_row_group *group, const struct nts_memtable_slice *slice,
                             uint32_t at, uint32_t count)
{
    memcpy(group->ts + at, slice->ts, count * sizeof(int64_t));
    for (uint32_t c = 0; c < group->column_count; c++)
        memcpy(nts_row_group_column(group, c) + at, slice->columns + c * slice->stride,
               count * sizeof(double));
}

void nts_row_group_from_memtable(struct nts_row_group *group, const struct nts_memtable *memtable,
                                 const uint32_t *order, uint32_t row, uint32_t count)
{
    assert(count <= group->capacity);
    group_use_block(group);
    for (uint32_t done = 0; done < count;) {
        const uint32_t at = order == NULL ? row + done : order[row + done];
        const struct nts_memtable_slice slice =
            nts_memtable_slice(memtable, at, order == NULL ? row + count : at + 1);
        group_copy_slice(group, &slice, done, slice.row_count);
        done += slice.row_count;
    }
}

/* Columns that are contiguous and in order are used where they are. */
static void group_use_caller(struct nts_row_group *group, const struct nts_rows *rows,
                             uint32_t first, uint32_t count)
{
    memcpy(group->ts, rows->ts + first, count * sizeof(int64_t));
    for (uint32_t c = 0; c < group->column_count; c++)
        group->columns[c] = rows->columns[c] + first;
}

void nts_row_group_from_rows(struct nts_row_group *group, const struct nts_rows *rows,
                             uint32_t base_row, const uint32_t *order, uint32_t row, uint32_t count)
{
    assert(count <= group->capacity);
    if (order == NULL && rows->columns != NULL) {
        group_use_caller(group, rows, base_row + row, count);
        return;
    }
    group_use_block(group);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t from = base_row + (order == NULL ? row + i : order[row + i]);
        group->ts[i] = rows->ts[from];
        for (uint32_t c = 0; c < group->column_count; c++)
            nts_row_group_column(group, c)[i] =
                rows->columns != NULL ? rows->columns[c][from]
                                      : rows->values[(size_t)from * rows->column_count + c];
    }
}
