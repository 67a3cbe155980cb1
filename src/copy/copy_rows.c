/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_rows.c - rows to segments of the new file. Contract: copy_rows.h. */
#include "copy/copy_rows.h"

#include <string.h>

#include "util/sort_rows.h"

/* One row group of a table, and the segment that groups go to. */
struct copy_rows {
    struct nts_target *target;
    const struct nts_table_def *def;
    int64_t *ts;
    struct nts_column_buffer *buffers; /* [column_count], those that are made */
    uint32_t column_count;
    struct nts_column *columns;
    struct nts_extent_writer out;
    struct nts_segment_writer *writer;
};

static void copy_rows_deinit(struct copy_rows *rows)
{
    for (uint32_t c = 0; c < rows->column_count; c++)
        nts_column_buffer_deinit(&rows->buffers[c]);
    nts_free(rows->buffers);
    nts_free(rows->columns);
    nts_free(rows->ts);
    nts_extent_writer_deinit(&rows->out);
    nts_segment_writer_free(rows->writer);
}

static nanots_status copy_rows_make(struct copy_rows *rows, uint32_t capacity,
                                    struct nanots_error *error)
{
    const struct nanots_allocator *alloc = rows->target->db->alloc;
    const size_t count = (size_t)rows->def->column_count + 1;

    rows->ts = nts_alloc_array(alloc, capacity, sizeof *rows->ts);
    rows->columns = nts_alloc_zeroed(alloc, count * sizeof *rows->columns);
    rows->buffers = nts_alloc_zeroed(alloc, count * sizeof *rows->buffers);
    rows->writer = nts_segment_writer_new(alloc);
    if (rows->ts == NULL || rows->columns == NULL || rows->buffers == NULL || rows->writer == NULL)
        return nts_fail_memory(error, capacity * sizeof *rows->ts);
    NTS_TRY(nts_extent_writer_init_gather(&rows->out, alloc, error));
    for (uint32_t c = 0; c < rows->def->column_count; c++) {
        const struct nts_column_def *column = &rows->def->columns[c];
        NTS_TRY(nts_column_buffer_init(&rows->buffers[c], alloc, column->type,
                                       nts_column_is_nullable(column), capacity, error));
        rows->column_count = c + 1;
    }
    return NANOTS_OK;
}

/* For groups of up to `capacity` rows of `def`. */
static nanots_status copy_rows_init(struct copy_rows *rows, struct nts_target *target,
                                    const struct nts_table_def *def, uint32_t capacity,
                                    struct nanots_error *error)
{
    memset(rows, 0, sizeof *rows);
    rows->target = target;
    rows->def = def;
    const nanots_status status = copy_rows_make(rows, capacity, error);
    if (status != NANOTS_OK)
        copy_rows_deinit(rows);
    return status;
}

static nanots_status copy_rows_begin(struct copy_rows *rows, uint32_t row_count, uint64_t seq_first,
                                     uint64_t seq_last, bool is_cold, struct nanots_error *error)
{
    const struct nts_segment_start start = {.def = rows->def,
                                            .segment_id = rows->target->next_segment_id++,
                                            .seq_first = seq_first,
                                            .seq_last = seq_last,
                                            .file_seed = rows->target->db->file_seed,
                                            .row_count = row_count,
                                            .tier = nts_segment_tier(rows->def, is_cold)};
    return nts_segment_writer_begin(rows->writer, &rows->out, &start, error);
}

/* The group that the buffers hold. */
static nanots_status copy_rows_add(struct copy_rows *rows, uint32_t row_count,
                                   struct nanots_error *error)
{
    for (uint32_t c = 0; c < rows->column_count; c++)
        rows->columns[c] = nts_column_buffer_view(&rows->buffers[c]);
    return nts_segment_writer_add_group(rows->writer, rows->ts, rows->columns, row_count, error);
}

static nanots_status copy_rows_finish(struct copy_rows *rows, struct nts_target_table *table,
                                      struct nanots_error *error)
{
    struct nts_segment_entry entry;
    NTS_TRY(nts_segment_writer_finish(rows->writer, &entry, error));
    return nts_target_put(rows->target, table, rows->out.buffer + entry.off, &entry, error);
}

/* ---- a memtable --------------------------------------------------------------------------- */

static nanots_status memtable_write(struct copy_rows *rows, struct nts_target_table *table,
                                    const struct nts_copy_source *source, const uint32_t *order,
                                    struct nanots_error *error)
{
    NTS_TRY(copy_rows_begin(rows, source->row_count, source->seq_first, source->seq_last, false,
                            error));
    for (uint32_t row = 0; row < source->row_count; row += NTS_GROUP_ROWS) {
        const uint32_t left = source->row_count - row;
        const uint32_t count = left < NTS_GROUP_ROWS ? left : NTS_GROUP_ROWS;
        nts_memtable_gather_ts(source->memtable, order, row, count, rows->ts);
        for (uint32_t c = 0; c < rows->column_count; c++) {
            nts_column_buffer_clear(&rows->buffers[c]);
            NTS_TRY(nts_memtable_gather(source->memtable, order, row, count, c, &rows->buffers[c],
                                        0, error));
        }
        NTS_TRY(copy_rows_add(rows, count, error));
    }
    return copy_rows_finish(rows, table, error);
}

nanots_status nts_copy_memtable(struct nts_target *target, struct nts_target_table *table,
                                const struct nts_copy_source *source, struct nanots_error *error)
{
    const uint32_t count = source->row_count;
    struct copy_rows rows;
    uint32_t *order = NULL;

    if (!source->sorted && nts_memtable_order(source->memtable, count, &order) != NANOTS_OK)
        return nts_fail_memory(error, count * sizeof *order);
    nanots_status status = copy_rows_init(&rows, target, table->def,
                                          count < NTS_GROUP_ROWS ? count : NTS_GROUP_ROWS, error);
    if (status == NANOTS_OK) {
        status = memtable_write(&rows, table, source, order, error);
        copy_rows_deinit(&rows);
    }
    nts_free(order);
    return status;
}

/* ---- a whole segment ---------------------------------------------------------------------- */

nanots_status nts_copy_check(struct nts_segment *segment, struct nts_segment_reader *reader,
                             struct nanots_error *error)
{
    const uint32_t vectors = nts_vector_count(segment->entry.row_count);
    for (uint32_t c = 0; c <= segment->def->column_count; c++) {
        bool has_column = false;
        NTS_TRY(nts_segment_has_column(segment, c, &has_column, error));
        for (uint32_t v = 0; has_column && v < vectors; v++) {
            const uint8_t *bytes = NULL;
            size_t size = 0;
            NTS_TRY(nts_segment_vector_bytes(segment, reader, c, v, &bytes, &size, error));
        }
    }
    return NANOTS_OK;
}

/* ---- what is whole of a damaged segment --------------------------------------------------- */

static uint32_t group_rows(uint32_t row_count, uint32_t group)
{
    const uint32_t left = row_count - group * NTS_GROUP_ROWS;
    return left < NTS_GROUP_ROWS ? left : NTS_GROUP_ROWS;
}

/* Timestamps of a group into rows->ts; what does not rise is damage. */
static nanots_status group_read_ts(struct copy_rows *rows, struct nts_segment_reader *reader,
                                   struct nts_segment *segment, uint32_t group,
                                   struct nanots_error *error)
{
    const uint32_t count = group_rows(segment->entry.row_count, group);
    for (uint32_t row = 0; row < count; row += NTS_VECTOR_ROWS) {
        const uint32_t vector = (group * NTS_GROUP_ROWS + row) / NTS_VECTOR_ROWS;
        NTS_TRY(nts_segment_read_ts(segment, reader, vector, rows->ts + row, error));
    }
    if (nts_rows_are_sorted(rows->ts, count))
        return NANOTS_OK;
    return nts_fail(error, NANOTS_CORRUPT,
                    "table '%.80s', row group %u of segment %llu: timestamps in disorder",
                    rows->def->name, group, (unsigned long long)segment->entry.segment_id);
}

static nanots_status group_read_column(struct copy_rows *rows, struct nts_segment_reader *reader,
                                       struct nts_segment *segment, uint32_t group, uint32_t column,
                                       struct nanots_error *error)
{
    const uint32_t count = group_rows(segment->entry.row_count, group);
    struct nts_column_buffer *buffer = &rows->buffers[column];
    nts_column_buffer_clear(buffer);
    for (uint32_t row = 0; row < count; row += NTS_VECTOR_ROWS) {
        const uint32_t vector = (group * NTS_GROUP_ROWS + row) / NTS_VECTOR_ROWS;
        NTS_TRY(nts_segment_read_column(segment, reader, column + 1, vector, buffer, row, error));
    }
    return NANOTS_OK;
}

/* Whether the failure is damage; its sentence is kept if it is the first. */
static bool group_is_damaged(nanots_status status, const struct nanots_error *detail,
                             struct nanots_error *first)
{
    if (status != NANOTS_CORRUPT && status != NANOTS_IO)
        return false;
    if (first->code == NANOTS_OK)
        *first = *detail;
    return true;
}

/* What a group finder works on. */
struct group_finder {
    struct copy_rows rows;
    struct nts_segment_reader reader;
    struct nts_segment *segment;
    struct nts_copy_groups *groups;
    struct nanots_error *first;
    bool null_lost;
    int64_t ts_before; /* last of the groups that are readable */
};

/* *is_whole_out: every column, or every one that cannot be null. */
static nanots_status finder_try_columns(struct group_finder *finder, uint32_t group,
                                        bool *is_whole_out, struct nanots_error *error)
{
    const uint32_t column_count = finder->rows.column_count;
    const uint32_t count = group_rows(finder->segment->entry.row_count, group);
    struct nanots_error detail;
    *is_whole_out = true;
    for (uint32_t c = 0; c < column_count; c++) {
        const nanots_status status =
            group_read_column(&finder->rows, &finder->reader, finder->segment, group, c, &detail);
        if (status == NANOTS_OK)
            continue;
        if (!group_is_damaged(status, &detail, finder->first))
            return nts_fail(error, status, "%s", detail.message);
        if (!finder->null_lost || !nts_column_is_nullable(&finder->rows.def->columns[c])) {
            *is_whole_out = false;
            return NANOTS_OK;
        }
        finder->groups->column_lost[(size_t)group * column_count + c] = true;
        finder->groups->nulled += count;
    }
    return NANOTS_OK;
}

static nanots_status finder_try(struct group_finder *finder, uint32_t group,
                                struct nanots_error *error)
{
    const uint32_t count = group_rows(finder->segment->entry.row_count, group);
    const uint64_t nulled = finder->groups->nulled;
    struct copy_rows *rows = &finder->rows;
    struct nanots_error detail;
    bool is_whole = false;

    nanots_status status = group_read_ts(rows, &finder->reader, finder->segment, group, &detail);
    if (status == NANOTS_OK && finder->groups->mask != 0 && rows->ts[0] < finder->ts_before)
        status =
            nts_fail(&detail, NANOTS_CORRUPT,
                     "table '%.80s', row group %u of segment %llu: earlier than the one before",
                     rows->def->name, group, (unsigned long long)finder->segment->entry.segment_id);
    if (status != NANOTS_OK)
        return group_is_damaged(status, &detail, finder->first)
                   ? NANOTS_OK
                   : nts_fail(error, status, "%s", detail.message);
    NTS_TRY(finder_try_columns(finder, group, &is_whole, error));
    if (!is_whole) {
        finder->groups->nulled = nulled;
        return NANOTS_OK;
    }
    finder->ts_before = rows->ts[count - 1];
    finder->groups->mask |= 1ull << group;
    finder->groups->rows += count;
    return NANOTS_OK;
}

nanots_status nts_copy_groups_find(struct nts_target *target, const struct nts_target_table *table,
                                   struct nts_segment *segment, bool null_lost,
                                   struct nts_copy_groups *groups, struct nanots_error *first,
                                   struct nanots_error *error)
{
    const uint32_t group_count = nts_group_count(segment->entry.row_count);
    struct group_finder finder = {
        .segment = segment, .groups = groups, .first = first, .null_lost = null_lost};
    nanots_status status;

    memset(groups, 0, sizeof *groups);
    nts_error_clear(first);
    groups->column_lost =
        nts_alloc_zeroed(target->db->alloc, (size_t)group_count * table->def->column_count + 1);
    if (groups->column_lost == NULL)
        return nts_fail_memory(error, group_count);
    status = nts_segment_reader_init(&finder.reader, target->db->alloc, error);
    if (status != NANOTS_OK)
        return status;
    status = copy_rows_init(&finder.rows, target, table->def, NTS_GROUP_ROWS, error);
    if (status == NANOTS_OK) {
        for (uint32_t g = 0; g < group_count && status == NANOTS_OK; g++)
            status = finder_try(&finder, g, error);
        copy_rows_deinit(&finder.rows);
    }
    nts_segment_reader_deinit(&finder.reader);
    return status;
}

void nts_copy_groups_deinit(struct nts_copy_groups *groups)
{
    nts_free(groups->column_lost);
    groups->column_lost = NULL;
}

static nanots_status groups_write(struct copy_rows *rows, struct nts_segment_reader *reader,
                                  struct nts_target_table *table, struct nts_segment *segment,
                                  const struct nts_copy_groups *groups, struct nanots_error *error)
{
    const struct nts_segment_entry *entry = &segment->entry;
    NTS_TRY(copy_rows_begin(rows, groups->rows, entry->seq_first, entry->seq_last,
                            (entry->flags & NTS_SEGMENT_PACKED) != 0, error));
    for (uint32_t g = 0; g < nts_group_count(entry->row_count); g++) {
        const uint32_t count = group_rows(entry->row_count, g);
        if ((groups->mask >> g & 1) == 0)
            continue;
        NTS_TRY(group_read_ts(rows, reader, segment, g, error));
        for (uint32_t c = 0; c < rows->column_count; c++) {
            if (!groups->column_lost[(size_t)g * rows->column_count + c]) {
                NTS_TRY(group_read_column(rows, reader, segment, g, c, error));
                continue;
            }
            nts_column_buffer_clear(&rows->buffers[c]);
            nts_column_buffer_put_nulls(&rows->buffers[c], 0, count);
        }
        NTS_TRY(copy_rows_add(rows, count, error));
    }
    return copy_rows_finish(rows, table, error);
}

nanots_status nts_copy_groups_put(struct nts_target *target, struct nts_target_table *table,
                                  struct nts_segment *segment, const struct nts_copy_groups *groups,
                                  struct nanots_error *error)
{
    struct nts_segment_reader reader;
    struct copy_rows rows;

    NTS_TRY(nts_segment_reader_init(&reader, target->db->alloc, error));
    nanots_status status = copy_rows_init(&rows, target, table->def, NTS_GROUP_ROWS, error);
    if (status == NANOTS_OK) {
        status = groups_write(&rows, &reader, table, segment, groups, error);
        copy_rows_deinit(&rows);
    }
    nts_segment_reader_deinit(&reader);
    return status;
}
