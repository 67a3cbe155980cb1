/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment_writer.c - rows to vectors to chunks to a segment. Contract: segment_writer.h. */
#include "segment/segment_writer.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "format/segment_layout.h"
#include "segment/value_chunk.h"

#define SEGMENT_FOOTER_SIZE_MAX (512u << 20)

struct nts_segment_writer {
    const struct nanots_allocator *alloc;
    struct nts_value_work work;
    struct nts_value_chunk_work chunks;
    struct nts_value_chunk chunk; /* the last one */
    struct nts_segment_start start;
    struct nts_extent_writer *out;
    uint64_t off; /* place of the segment in the file */
    uint32_t rows_added;
    bool has_heads;        /* a chunk of this segment begins with one */
    uint32_t column_count; /* of indexes: value columns + 1 */
    int64_t ts_min;
    int64_t ts_max;
    struct nts_column_index *indexes[NTS_COLUMNS_MAX + 1];
    struct nts_buf footer;
};

struct nts_segment_writer *nts_segment_writer_new(const struct nanots_allocator *alloc)
{
    struct nts_segment_writer *writer = nts_alloc_zeroed(alloc, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->alloc = alloc;
    nts_value_work_init(&writer->work, alloc);
    nts_value_chunk_work_init(&writer->chunks, &writer->work);
    nts_buf_init(&writer->footer, alloc, SEGMENT_FOOTER_SIZE_MAX);
    return writer;
}

static void writer_drop_indexes(struct nts_segment_writer *writer)
{
    for (uint32_t c = 0; c < writer->column_count; c++) {
        nts_free(writer->indexes[c]);
        writer->indexes[c] = NULL;
    }
    writer->column_count = 0;
}

/* Segments of one shape follow each other when many small tables are flushed. */
static bool writer_reuse_indexes(struct nts_segment_writer *writer, const struct nts_table_def *def,
                                 uint32_t row_count)
{
    if (writer->column_count != def->column_count + 1u)
        return false;
    for (uint32_t c = 0; c < writer->column_count; c++)
        if (!nts_column_index_reset(writer->indexes[c], row_count, nts_index_kind_of(def, c, 0)))
            return false;
    return true;
}

void nts_segment_writer_free(struct nts_segment_writer *writer)
{
    if (writer == NULL)
        return;
    writer_drop_indexes(writer);
    nts_value_chunk_work_deinit(&writer->chunks);
    nts_value_work_deinit(&writer->work);
    nts_buf_deinit(&writer->footer);
    nts_free(writer);
}

uint64_t nts_segment_size_max(const struct nts_table_def *def, uint64_t row_count,
                              uint64_t text_bytes)
{
    const uint64_t columns = (uint64_t)def->column_count + 1;
    const uint64_t vectors = row_count / NTS_VECTOR_ROWS + 1;
    const uint64_t groups = row_count / NTS_GROUP_ROWS + 1;
    const uint64_t of_vector = NTS_VECTOR_ROWS / 8 + 64; /* validity, heads of codecs */
    const size_t group_rows = row_count < NTS_GROUP_ROWS ? (size_t)row_count : NTS_GROUP_ROWS;
    const uint64_t heads = groups * nts_chunk_room_beside(group_rows);
    const uint64_t values = row_count * 8 + vectors * of_vector + heads;
    const uint64_t index = 4 + 8 * 4 + vectors * 8 * 5 + groups * 8 * 5;
    return NTS_SEGMENT_HEADER_SIZE + NTS_FOOTER_HEAD_SIZE + nts_table_def_encoded_size(def) +
           columns * (values + index) + text_bytes + 2 * NTS_GRANULE_SIZE;
}

nanots_status nts_segment_writer_begin(struct nts_segment_writer *writer,
                                       struct nts_extent_writer *out,
                                       const struct nts_segment_start *start,
                                       struct nanots_error *error)
{
    static const uint8_t header_room[NTS_SEGMENT_HEADER_SIZE];

    assert(start->row_count != 0);
    assert(start->row_count <= NTS_SEGMENT_ROWS_MAX);
    assert(start->seq_first <= start->seq_last);
    writer->start = *start;
    writer->out = out;
    writer->rows_added = 0;
    writer->has_heads = false;
    NTS_TRY(nts_extent_writer_align(out, NTS_GRANULE_SIZE, error));
    writer->off = nts_extent_writer_place(out);
    if (writer_reuse_indexes(writer, start->def, start->row_count))
        return nts_extent_writer_put(out, header_room, sizeof header_room, error);
    writer_drop_indexes(writer);
    for (uint32_t c = 0; c <= start->def->column_count; c++) {
        writer->indexes[c] = nts_column_index_new(writer->alloc, start->row_count,
                                                  nts_index_kind_of(start->def, c, 0));
        if (writer->indexes[c] == NULL)
            return nts_fail_memory(error, start->row_count);
        writer->column_count = c + 1;
    }
    return nts_extent_writer_put(out, header_room, sizeof header_room, error);
}

/* Puts what is known of the chunk, whose bytes are there, into the column's index. */
static void writer_index_chunk(struct nts_segment_writer *writer, uint32_t column, size_t row_count,
                               const uint8_t *bytes)
{
    const struct nts_value_chunk *chunk = &writer->chunk;
    struct nts_column_index *index = writer->indexes[column];
    const uint32_t group = writer->rows_added / NTS_GROUP_ROWS;
    struct nts_zone_total total = {false, 0, 0, 0};
    uint32_t vector = writer->rows_added / NTS_VECTOR_ROWS;

    for (size_t i = 0; i * NTS_VECTOR_ROWS < row_count; i++, vector++) {
        const struct nts_zone *zone = &chunk->zones[i];
        const size_t left = row_count - i * NTS_VECTOR_ROWS;
        assert(zone->null_count == 0 || index->kind.nullable);
        index->min[vector] = zone->min;
        index->max[vector] = zone->max;
        index->nan_count[vector] = (uint16_t)zone->nan_count;
        index->null_count[vector] = (uint16_t)zone->null_count;
        index->vector_size[vector] = (uint32_t)chunk->vector_size[i];
        if (column != 0)
            nts_zone_total_add(&total, nts_index_is_float(index->kind),
                               left < NTS_VECTOR_ROWS ? left : NTS_VECTOR_ROWS, zone);
    }
    index->sum[group] = total.sum;
    index->first[group] = total.first;
    index->last[group] = total.last;
    index->chunk_off[group] = nts_extent_writer_place(writer->out) - writer->off;
    index->head_size[group] = (uint32_t)chunk->head_size;
    index->chunk_size[group] = chunk->size;
    index->chunk_checksum[group] =
        nts_chunk_checksum(bytes, chunk->size, (size_t)group * writer->column_count + column);
    writer->has_heads |= chunk->head_size != 0;
}

/* One column's part of the group that begins at row writer->rows_added; `values` is NULL for ts. */
static nanots_status writer_add_chunk(struct nts_segment_writer *writer, uint32_t column,
                                      const int64_t *ts, const struct nts_column *values,
                                      size_t row_count, struct nanots_error *error)
{
    const struct nts_chunk_options options = {
        .tier = writer->start.tier,
        .forced = column == 0 ? 0 : writer->start.def->columns[column - 1].forced};
    struct nts_value_chunk *chunk = &writer->chunk;
    uint8_t *dst = NULL;

    NTS_TRY(nts_extent_writer_reserve(writer->out, nts_value_chunk_bound(values, row_count), &dst,
                                      error));
    if (values == NULL)
        NTS_TRY(nts_time_chunk_encode(&writer->chunks, &options, ts, row_count, dst, chunk, error));
    else
        NTS_TRY(nts_value_chunk_encode(&writer->chunks, &options, values, row_count, dst, chunk,
                                       error));
    writer_index_chunk(writer, column, row_count, dst);
    writer->out->buffer_used += chunk->size;
    return NANOTS_OK;
}

nanots_status nts_segment_writer_add_group(struct nts_segment_writer *writer, const int64_t *ts,
                                           const struct nts_column *columns, size_t row_count,
                                           struct nanots_error *error)
{
    assert(row_count != 0);
    assert(row_count <= NTS_GROUP_ROWS);
    assert(writer->rows_added % NTS_GROUP_ROWS == 0);
    assert(row_count <= writer->start.row_count - writer->rows_added);

    if (writer->rows_added == 0)
        writer->ts_min = ts[0];
    writer->ts_max = ts[row_count - 1];
    NTS_TRY(writer_add_chunk(writer, 0, ts, NULL, row_count, error));
    for (uint32_t c = 1; c < writer->column_count; c++)
        NTS_TRY(writer_add_chunk(writer, c, ts, &columns[c - 1], row_count, error));
    writer->rows_added += (uint32_t)row_count;
    return NANOTS_OK;
}

static nanots_status writer_build_footer(struct nts_segment_writer *writer)
{
    const struct nts_segment_start *start = &writer->start;
    const size_t definition_size = nts_table_def_encoded_size(start->def);
    uint8_t *definition = nts_alloc(writer->alloc, definition_size);
    nanots_status status = NANOTS_NO_MEMORY;
    const struct nts_footer footer = {.ts_min = writer->ts_min,
                                      .ts_max = writer->ts_max,
                                      .file_seed = start->file_seed,
                                      .column_count = start->def->column_count,
                                      .definition = definition,
                                      .definition_size = (uint32_t)definition_size};
    writer->footer.size = 0;
    if (definition == NULL)
        goto out;
    nts_table_def_encode(start->def, definition);
    NTS_TRY_OUT(nts_footer_put_head(&writer->footer, &footer));
    for (uint32_t c = 0; c < writer->column_count; c++) {
        writer->indexes[c]->kind.has_heads = writer->has_heads;
        NTS_TRY_OUT(
            nts_column_index_encode(&writer->work.index, writer->indexes[c], &writer->footer));
    }
out:
    nts_free(definition);
    return status;
}

static uint64_t writer_flags(const struct nts_segment_writer *writer)
{
    return (writer->start.tier == NTS_TIER_PACKED ? NTS_SEGMENT_PACKED : 0) |
           (writer->has_heads ? NTS_SEGMENT_HEADS : 0);
}

nanots_status nts_segment_writer_finish(struct nts_segment_writer *writer,
                                        struct nts_segment_entry *entry_out,
                                        struct nanots_error *error)
{
    struct nts_segment_header header = {.segment_id = writer->start.segment_id,
                                        .table_id = writer->start.def->table_id,
                                        .row_count = writer->start.row_count,
                                        .seq_first = writer->start.seq_first,
                                        .seq_last = writer->start.seq_last,
                                        .flags = writer_flags(writer)};
    uint8_t bytes[NTS_SEGMENT_HEADER_SIZE];

    assert(writer->rows_added == writer->start.row_count);
    if (writer_build_footer(writer) != NANOTS_OK)
        return nts_fail_memory(error, writer->footer.size);
    header.footer_off = nts_extent_writer_place(writer->out) - writer->off;
    header.size = nts_round_up(header.footer_off + writer->footer.size, 8);
    if (nts_buf_append_zeros(&writer->footer, (size_t)(header.size - header.footer_off) -
                                                  writer->footer.size) != NANOTS_OK)
        return nts_fail_memory(error, writer->footer.size);
    header.footer_checksum =
        nts_footer_checksum(writer->footer.bytes, writer->footer.size, header.segment_id);
    NTS_TRY(nts_extent_writer_put(writer->out, writer->footer.bytes, writer->footer.size, error));
    nts_segment_header_encode(&header, bytes);
    NTS_TRY(nts_extent_writer_patch(writer->out, writer->off, bytes, sizeof bytes, error));
    const struct nts_segment_entry entry = {.table_id = header.table_id,
                                            .row_count = header.row_count,
                                            .segment_id = header.segment_id,
                                            .off = writer->off,
                                            .size = header.size,
                                            .seq_first = writer->start.seq_first,
                                            .seq_last = writer->start.seq_last,
                                            .ts_min = writer->ts_min,
                                            .ts_max = writer->ts_max,
                                            .footer_checksum = header.footer_checksum,
                                            .flags = header.flags};
    *entry_out = entry;
    return NANOTS_OK;
}

nanots_status nts_segment_renumber(struct nanots_file *file, struct nts_segment_entry *entry,
                                   uint64_t seq_first, struct nanots_error *error)
{
    uint8_t bytes[NTS_SEGMENT_HEADER_SIZE];
    struct nts_segment_header header;

    NTS_TRY(file->ops->read_at(file, bytes, sizeof bytes, entry->off, error));
    if (!nts_segment_header_decode(bytes, &header) || header.segment_id != entry->segment_id)
        return nts_fail(error, NANOTS_CORRUPT,
                        "segment %llu at offset %llu: lost before its commit",
                        (unsigned long long)entry->segment_id, (unsigned long long)entry->off);
    header.seq_first = entry->seq_first = seq_first;
    header.seq_last = entry->seq_last = seq_first + entry->row_count - 1;
    nts_segment_header_encode(&header, bytes);
    return file->ops->write_at(file, bytes, sizeof bytes, entry->off, false, error);
}
