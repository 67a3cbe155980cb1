/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/row_group.c - gathering rows into columns. Contract: row_group.h. */
#include "engine/row_group.h"

#include <string.h>

#include "base/check.h"

nanots_status nts_row_group_init(struct nts_row_group *group, const struct nanots_allocator *alloc,
                                 uint32_t column_count, uint32_t capacity,
                                 struct nanots_error *error)
{
    const size_t slots = (size_t)column_count + 1;
    memset(group, 0, sizeof *group);
    group->alloc = alloc;
    group->ts = nts_alloc_array(alloc, capacity, sizeof(int64_t));
    group->buffers = nts_alloc_zeroed(alloc, slots * sizeof *group->buffers);
    group->columns = nts_alloc_zeroed(alloc, slots * sizeof *group->columns);
    group->column_count = column_count;
    group->capacity = capacity;
    if (group->ts != NULL && group->buffers != NULL && group->columns != NULL)
        return NANOTS_OK;
    nts_row_group_deinit(group);
    return nts_fail_memory(error, slots * sizeof *group->buffers);
}

void nts_row_group_deinit(struct nts_row_group *group)
{
    for (uint32_t c = 0; c < group->column_count && group->buffers != NULL; c++)
        nts_column_buffer_deinit(&group->buffers[c]);
    nts_free(group->ts);
    nts_free(group->buffers);
    nts_free(group->columns);
    memset(group, 0, sizeof *group);
}

/* The empty buffer of one column of `def`. */
static nanots_status group_fit_buffer(struct nts_row_group *group, const struct nts_table_def *def,
                                      uint32_t column, struct nts_column_buffer **buffer_out,
                                      struct nanots_error *error)
{
    const bool nullable = nts_column_is_nullable(&def->columns[column]);
    const unsigned type = def->columns[column].type;
    struct nts_column_buffer *buffer = &group->buffers[column];
    assert(column < group->column_count);
    *buffer_out = buffer;
    if (buffer->values != NULL && buffer->type == type && (!nullable || buffer->validity != NULL)) {
        nts_column_buffer_clear(buffer);
        return NANOTS_OK;
    }
    nts_column_buffer_deinit(buffer);
    return nts_column_buffer_init(buffer, group->alloc, type, nullable, group->capacity, error);
}

nanots_status nts_row_group_from_memtable(struct nts_row_group *group,
                                          const struct nts_memtable *memtable,
                                          const uint32_t *order, uint32_t row, uint32_t count,
                                          struct nanots_error *error)
{
    assert(count <= group->capacity);
    nts_memtable_gather_ts(memtable, order, row, count, group->ts);
    for (uint32_t c = 0; c < memtable->column_count; c++) {
        struct nts_column_buffer *buffer = NULL;
        NTS_TRY(group_fit_buffer(group, memtable->def, c, &buffer, error));
        NTS_TRY(nts_memtable_gather(memtable, order, row, count, c, buffer, 0, error));
        group->columns[c] = nts_column_buffer_view(buffer);
    }
    return NANOTS_OK;
}

nanots_status nts_row_group_from_rows(struct nts_row_group *group, const struct nts_rows *rows,
                                      const struct nts_table_def *def, uint32_t base_row,
                                      const uint32_t *order, uint32_t row, uint32_t count,
                                      struct nanots_error *error)
{
    const uint32_t base = order == NULL ? base_row + row : base_row;
    const uint32_t *from = order == NULL ? NULL : order + row;
    assert(count <= group->capacity);
    if (order == NULL)
        memcpy(group->ts, rows->ts + base, count * sizeof(int64_t));
    for (uint32_t i = 0; i < count && order != NULL; i++)
        group->ts[i] = rows->ts[base + from[i]];
    for (uint32_t c = 0; c < rows->column_count; c++) {
        struct nts_column_buffer *buffer = NULL;
        if (order == NULL && nts_rows_are_columnar(rows)) {
            group->columns[c] = nts_rows_view(rows, c, base);
            continue;
        }
        NTS_TRY(group_fit_buffer(group, def, c, &buffer, error));
        NTS_TRY(nts_rows_gather(rows, c, base, from, count, buffer, error));
        group->columns[c] = nts_column_buffer_view(buffer);
    }
    return NANOTS_OK;
}
