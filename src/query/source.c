/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/source.c - segments and memtables as blocks of sorted rows. Contract: source.h. */
#include "query/source.h"

#include <string.h>

#include "base/check.h"

/* ---- segments ----------------------------------------------------------------------------- */

/* First vector whose last ts is >= from. */
static uint32_t segment_first_vector(const struct nts_column_index *time, int64_t from)
{
    uint32_t low = 0;
    uint32_t high = time->vector_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((int64_t)time->max[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One past the last vector whose first ts is <= to. */
static uint32_t segment_end_vector(const struct nts_column_index *time, int64_t to)
{
    uint32_t low = 0;
    uint32_t high = time->vector_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((int64_t)time->min[middle] <= to)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* No block of the segment can be found. */
static void source_leave_out_segment(struct nts_source *source, int64_t from, int64_t to,
                                     const struct nanots_error *detail)
{
    const struct nts_segment_entry *entry = &source->spec.segment->entry;
    const struct nts_damaged_place place = {.table = source->def->name,
                                            .segment_id = entry->segment_id,
                                            .offset = entry->off,
                                            .rows = entry->row_count,
                                            .ts_min = entry->ts_min,
                                            .ts_max = entry->ts_max};
    nts_damage_add_place(source->damage, &place, detail);
    nts_damage_add_rows(source->damage, entry->row_count,
                        entry->ts_min > from ? entry->ts_min : from,
                        entry->ts_max < to ? entry->ts_max : to);
}

static nanots_status source_init_segment(struct nts_source *source, int64_t from, int64_t to,
                                         struct nanots_error *error)
{
    struct nts_segment *segment = source->spec.segment;
    struct nanots_error detail;
    const nanots_status status =
        nts_segment_index(segment, source->reader, 0, &source->time, &detail);
    if (source->damage != NULL && nts_damage_is_skipped(status)) {
        source_leave_out_segment(source, from, to, &detail);
        return NANOTS_OK;
    }
    if (status != NANOTS_OK)
        return nts_fail_as(error, &detail);
    source->row_total = segment->entry.row_count;
    source->block_first = segment_first_vector(source->time, from);
    source->block_end = segment_end_vector(source->time, to);
    return NANOTS_OK;
}

/* ---- memtables ---------------------------------------------------------------------------- */

/* Row of the memtable that is `position`-th by time. */
static uint32_t memtable_row(const struct nts_source *source, uint32_t position)
{
    return source->order == NULL ? position : source->order[position];
}

static int64_t memtable_ts(const struct nts_source *source, uint32_t position)
{
    const uint32_t row = memtable_row(source, position);
    return nts_memtable_slice(source->spec.memtable, row, row + 1).ts[0];
}

/* First position with ts >= limit. */
static uint32_t memtable_lower_bound(const struct nts_source *source, int64_t limit)
{
    uint32_t low = 0;
    uint32_t high = source->row_total;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (memtable_ts(source, middle) < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static nanots_status source_init_memtable(struct nts_source *source, int64_t from, int64_t to,
                                          struct nanots_error *error)
{
    source->row_total = source->spec.visible_rows;
    if (!source->spec.sorted &&
        nts_memtable_order(source->spec.memtable, source->row_total, &source->order) != NANOTS_OK)
        return nts_fail_memory(error, source->row_total);
    const uint32_t first = memtable_lower_bound(source, from);
    const uint32_t end = to == INT64_MAX ? source->row_total : memtable_lower_bound(source, to + 1);
    source->block_first = first / NTS_VECTOR_ROWS;
    source->block_end = first < end ? (end - 1) / NTS_VECTOR_ROWS + 1 : source->block_first;
    return NANOTS_OK;
}

/* ---- both --------------------------------------------------------------------------------- */

nanots_status nts_source_init(struct nts_source *source, const struct nts_source_spec *spec,
                              int64_t from, int64_t to, struct nanots_error *error)
{
    source->spec = *spec;
    return spec->segment != NULL ? source_init_segment(source, from, to, error)
                                 : source_init_memtable(source, from, to, error);
}

void nts_source_deinit(struct nts_source *source)
{
    nts_segment_unref(source->spec.segment);
    nts_memtable_unref(source->spec.memtable);
    nts_free(source->order);
    for (uint32_t k = 0; k < source->column_count && source->buffers != NULL; k++)
        nts_column_buffer_deinit(&source->buffers[k]);
    nts_free(source->buffers);
    nts_free(source->ts);
    nts_free(source->decoded);
    memset(source, 0, sizeof *source);
}

uint64_t nts_source_rows_max(const struct nts_source *source)
{
    if (source->block_first >= source->block_end)
        return 0;
    const uint64_t end = (uint64_t)source->block_end * NTS_VECTOR_ROWS;
    const uint64_t last = end < source->row_total ? end : source->row_total;
    return last - (uint64_t)source->block_first * NTS_VECTOR_ROWS;
}

static nanots_status source_make_scratch(struct nts_source *source, struct nanots_error *error)
{
    const size_t columns = source->column_count;
    if (source->ts != NULL)
        return NANOTS_OK;
    source->decoded = nts_alloc_zeroed(source->alloc, columns + 1);
    source->buffers = nts_alloc_zeroed(source->alloc, (columns + 1) * sizeof *source->buffers);
    source->ts = nts_alloc_array(source->alloc, NTS_VECTOR_ROWS, sizeof(int64_t));
    if (source->ts == NULL || source->buffers == NULL || source->decoded == NULL)
        return nts_fail_memory(error, NTS_VECTOR_ROWS * sizeof(int64_t));
    for (size_t k = 0; k < columns; k++) {
        const struct nts_column_def *column = &source->def->columns[source->columns[k]];
        NTS_TRY(nts_column_buffer_init(&source->buffers[k], source->alloc, column->type,
                                       nts_column_is_nullable(column), NTS_VECTOR_ROWS, error));
    }
    return NANOTS_OK;
}

/* First row of the block with ts >= limit. */
static uint32_t block_lower_bound(const struct nts_source *source, int64_t limit)
{
    uint32_t low = 0;
    uint32_t high = source->row_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (source->ts[middle] < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void source_narrow(struct nts_source *source, int64_t from, int64_t to)
{
    source->low = source->ts[0] >= from ? 0 : block_lower_bound(source, from);
    source->high = source->ts[source->row_count - 1] <= to ? source->row_count
                                                           : block_lower_bound(source, to + 1);
}

/* The row group that has the entered block as a place; `column` counts as in a segment. */
static void source_tell_group(struct nts_source *source, uint32_t column,
                              const struct nanots_error *detail)
{
    const struct nts_segment *segment = source->spec.segment;
    const uint32_t group = source->block / NTS_GROUP_VECTORS;
    const uint32_t first = group * NTS_GROUP_VECTORS;
    const uint32_t end = first + NTS_GROUP_VECTORS;
    const uint32_t last = (end < source->time->vector_count ? end : source->time->vector_count) - 1;
    const struct nts_column_index *index = NULL;
    struct nts_damaged_place place = {.table = source->def->name,
                                      .column = nts_table_def_column_name(source->def, column),
                                      .segment_id = segment->entry.segment_id,
                                      .offset = segment->entry.off,
                                      .row_group = group,
                                      .rows = (uint64_t)(last - first) * NTS_VECTOR_ROWS +
                                              nts_vector_rows(source->row_total, last),
                                      .ts_min = (int64_t)source->time->min[first],
                                      .ts_max = (int64_t)source->time->max[last]};

    if (nts_segment_index(source->spec.segment, source->reader, column, &index, NULL) == NANOTS_OK)
        place.offset += index->chunk_off[group];
    nts_damage_add_place(source->damage, &place, detail);
}

/* The entered block has no rows for this scan. */
static void source_leave_out_block(struct nts_source *source, uint32_t column, int64_t from,
                                   int64_t to, const struct nanots_error *detail)
{
    const uint32_t groups = source->block / NTS_GROUP_VECTORS + 1;
    int64_t ts_min = (int64_t)source->time->min[source->block];
    int64_t ts_max = (int64_t)source->time->max[source->block];
    uint64_t rows = source->row_count;

    if (column != 0) { /* the times are right */
        rows = source->high - source->low;
        ts_min = source->ts[source->low];
        ts_max = source->ts[source->high - 1];
    }
    if (groups != source->damaged_groups)
        source_tell_group(source, column, detail);
    source->damaged_groups = groups;
    nts_damage_add_rows(source->damage, rows, ts_min > from ? ts_min : from,
                        ts_max < to ? ts_max : to);
    source->low = source->high = 0;
}

/* Decodes all that is wanted of the entered block; *column_out is the column that it came to. */
static nanots_status source_read_block(struct nts_source *source, int64_t from, int64_t to,
                                       uint32_t *column_out, struct nanots_error *error)
{
    struct nts_column column;
    *column_out = 0;
    NTS_TRY(nts_segment_read_ts(source->spec.segment, source->reader, source->block, source->ts,
                                error));
    source_narrow(source, from, to);
    for (uint32_t k = 0; k < source->column_count && source->low != source->high; k++) {
        *column_out = source->columns[k] + 1;
        NTS_TRY(nts_source_column(source, k, &column, error));
    }
    return NANOTS_OK;
}

static nanots_status source_enter_round_damage(struct nts_source *source, int64_t from, int64_t to,
                                               struct nanots_error *error)
{
    struct nanots_error detail;
    uint32_t column = 0;
    const nanots_status status = source_read_block(source, from, to, &column, &detail);
    if (status == NANOTS_OK)
        return NANOTS_OK;
    if (!nts_damage_is_skipped(status))
        return nts_fail_as(error, &detail);
    source_leave_out_block(source, column, from, to, &detail);
    return NANOTS_OK;
}

nanots_status nts_source_enter(struct nts_source *source, uint32_t block, int64_t from, int64_t to,
                               struct nanots_error *error)
{
    NTS_TRY(source_make_scratch(source, error));
    memset(source->decoded, 0, source->column_count + 1u);
    source->is_open = true;
    source->block = block;
    source->row_count = nts_vector_rows(source->row_total, block);
    if (source->spec.segment != NULL && source->damage != NULL)
        return source_enter_round_damage(source, from, to, error);
    if (source->spec.segment != NULL)
        NTS_TRY(
            nts_segment_read_ts(source->spec.segment, source->reader, block, source->ts, error));
    else
        nts_memtable_gather_ts(source->spec.memtable, source->order, block * NTS_VECTOR_ROWS,
                               source->row_count, source->ts);
    source_narrow(source, from, to);
    return NANOTS_OK;
}

nanots_status nts_source_column_to(struct nts_source *source, uint32_t k,
                                   struct nts_column_buffer *dst, size_t at,
                                   struct nanots_error *error)
{
    if (source->spec.segment != NULL)
        return nts_segment_read_column(source->spec.segment, source->reader, source->columns[k] + 1,
                                       source->block, dst, at, error);
    return nts_memtable_gather(source->spec.memtable, source->order,
                               source->block * NTS_VECTOR_ROWS, source->row_count,
                               source->columns[k], dst, at, error);
}

nanots_status nts_source_column(struct nts_source *source, uint32_t k,
                                struct nts_column *column_out, struct nanots_error *error)
{
    if (!source->decoded[k]) {
        nts_column_buffer_clear(&source->buffers[k]);
        NTS_TRY(nts_source_column_to(source, k, &source->buffers[k], 0, error));
        source->decoded[k] = true;
    }
    *column_out = nts_column_buffer_view(&source->buffers[k]);
    return NANOTS_OK;
}
