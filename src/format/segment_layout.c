/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/segment_layout.c - segment header, footer and column indexes <-> bytes. */
#include "format/segment_layout.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "util/checksum.h"

static const uint8_t segment_magic[8] = {'N', 'T', 'S', 'S', 'E', 'G', '1', '\n'};

enum header_field {
    HEADER_MAGIC = 0,
    HEADER_SEGMENT_ID = 8,
    HEADER_SIZE = 16,
    HEADER_FOOTER_OFF = 24,
    HEADER_FOOTER_CHECKSUM = 32,
    HEADER_TABLE_ID = 40,
    HEADER_ROW_COUNT = 44,
    HEADER_SEQ_FIRST = 48,
    HEADER_SEQ_LAST = 56,
    HEADER_FLAGS = 64,
    HEADER_CHECKSUM = 72
};
static_assert(HEADER_CHECKSUM + 8 == NTS_SEGMENT_HEADER_SIZE, "the checksum ends the header");

void nts_segment_header_encode(const struct nts_segment_header *header,
                               uint8_t bytes[NTS_SEGMENT_HEADER_SIZE])
{
    memcpy(bytes + HEADER_MAGIC, segment_magic, sizeof segment_magic);
    nts_store_u64(bytes + HEADER_SEGMENT_ID, header->segment_id);
    nts_store_u64(bytes + HEADER_SIZE, header->size);
    nts_store_u64(bytes + HEADER_FOOTER_OFF, header->footer_off);
    nts_store_u64(bytes + HEADER_FOOTER_CHECKSUM, header->footer_checksum);
    nts_store_u32(bytes + HEADER_TABLE_ID, header->table_id);
    nts_store_u32(bytes + HEADER_ROW_COUNT, header->row_count);
    nts_store_u64(bytes + HEADER_SEQ_FIRST, header->seq_first);
    nts_store_u64(bytes + HEADER_SEQ_LAST, header->seq_last);
    nts_store_u64(bytes + HEADER_FLAGS, header->flags);
    nts_store_u64(bytes + HEADER_CHECKSUM, nts_checksum(bytes, HEADER_CHECKSUM));
}

bool nts_segment_header_decode(const uint8_t bytes[NTS_SEGMENT_HEADER_SIZE],
                               struct nts_segment_header *header)
{
    if (memcmp(bytes + HEADER_MAGIC, segment_magic, sizeof segment_magic) != 0 ||
        nts_load_u64(bytes + HEADER_CHECKSUM) != nts_checksum(bytes, HEADER_CHECKSUM) ||
        (nts_load_u64(bytes + HEADER_FLAGS) & ~(uint64_t)NTS_SEGMENT_FLAGS) != 0)
        return false;
    header->segment_id = nts_load_u64(bytes + HEADER_SEGMENT_ID);
    header->size = nts_load_u64(bytes + HEADER_SIZE);
    header->footer_off = nts_load_u64(bytes + HEADER_FOOTER_OFF);
    header->footer_checksum = nts_load_u64(bytes + HEADER_FOOTER_CHECKSUM);
    header->table_id = nts_load_u32(bytes + HEADER_TABLE_ID);
    header->row_count = nts_load_u32(bytes + HEADER_ROW_COUNT);
    header->seq_first = nts_load_u64(bytes + HEADER_SEQ_FIRST);
    header->seq_last = nts_load_u64(bytes + HEADER_SEQ_LAST);
    header->flags = nts_load_u64(bytes + HEADER_FLAGS);
    return header->footer_off >= NTS_SEGMENT_HEADER_SIZE && header->footer_off <= header->size &&
           header->size - header->footer_off >= NTS_FOOTER_HEAD_SIZE && header->size % 8 == 0 &&
           header->row_count != 0 && header->row_count <= NTS_SEGMENT_ROWS_MAX;
}

uint64_t nts_footer_checksum(const uint8_t *footer, size_t size, uint64_t segment_id)
{
    return nts_checksum_seeded(footer, size, segment_id);
}

uint64_t nts_chunk_checksum(const uint8_t *chunk, size_t size, size_t chunk_index)
{
    return nts_checksum_seeded(chunk, size, chunk_index);
}

nanots_status nts_footer_put_head(struct nts_buf *buf, const struct nts_footer *footer)
{
    uint8_t head[NTS_FOOTER_HEAD_SIZE];
    nts_store_i64(head, footer->ts_min);
    nts_store_i64(head + 8, footer->ts_max);
    nts_store_u64(head + 16, footer->file_seed);
    nts_store_u32(head + 24, footer->definition_size);
    nts_store_u32(head + 28, footer->column_count);
    NTS_TRY(nts_buf_append(buf, head, sizeof head));
    return nts_buf_append(buf, footer->definition, footer->definition_size);
}

bool nts_footer_decode(const uint8_t *bytes, size_t size, struct nts_footer *footer)
{
    if (size < NTS_FOOTER_HEAD_SIZE)
        return false;
    footer->ts_min = nts_load_i64(bytes);
    footer->ts_max = nts_load_i64(bytes + 8);
    footer->file_seed = nts_load_u64(bytes + 16);
    footer->definition_size = nts_load_u32(bytes + 24);
    footer->column_count = nts_load_u32(bytes + 28);
    if (footer->definition_size > size - NTS_FOOTER_HEAD_SIZE ||
        footer->column_count > NTS_COLUMNS_MAX)
        return false;
    footer->definition = bytes + NTS_FOOTER_HEAD_SIZE;
    footer->indexes = footer->definition + footer->definition_size;
    footer->indexes_size = size - NTS_FOOTER_HEAD_SIZE - footer->definition_size;
    return true;
}

bool nts_footer_find_index(const struct nts_footer *footer, uint32_t column,
                           const uint8_t **bytes_out, size_t *size_out)
{
    size_t at = 0;
    for (uint32_t i = 0;; i++) {
        if (footer->indexes_size - at < 4)
            return false;
        const size_t size = nts_load_u32(footer->indexes + at);
        at += 4;
        if (size > footer->indexes_size - at)
            return false;
        if (i == column) {
            *bytes_out = footer->indexes + at;
            *size_out = size;
            return true;
        }
        at += size;
    }
}

/* Bytes of all arrays. */
static size_t index_arrays_size(size_t vectors, size_t groups)
{
    return groups * (6 * 8 + 4) + vectors * (2 * 8 + 2 * 4 + 2 * 2);
}

bool nts_column_index_reset(struct nts_column_index *index, uint32_t row_count,
                            struct nts_index_kind kind)
{
    if (index->vector_count != nts_vector_count(row_count) ||
        index->group_count != nts_group_count(row_count))
        return false;
    memset(index + 1, 0, index_arrays_size(index->vector_count, index->group_count));
    index->row_count = row_count;
    index->kind = kind;
    return true;
}

struct nts_column_index *nts_column_index_new(const struct nanots_allocator *alloc,
                                              uint32_t row_count, struct nts_index_kind kind)
{
    const size_t vectors = nts_vector_count(row_count);
    const size_t groups = nts_group_count(row_count);
    const size_t size = sizeof(struct nts_column_index) + index_arrays_size(vectors, groups);
    struct nts_column_index *index = nts_alloc_zeroed(alloc, size);
    if (index == NULL)
        return NULL;
    index->row_count = row_count;
    index->vector_count = (uint32_t)vectors;
    index->group_count = (uint32_t)groups;
    index->kind = kind;
    index->chunk_off = (uint64_t *)(index + 1);
    index->chunk_size = index->chunk_off + groups;
    index->chunk_checksum = index->chunk_size + groups;
    index->min = index->chunk_checksum + groups;
    index->max = index->min + vectors;
    index->sum = index->max + vectors;
    index->first = index->sum + groups;
    index->last = index->first + groups;
    index->head_size = (uint32_t *)(index->last + groups);
    index->vector_off = index->head_size + groups;
    index->vector_size = index->vector_off + vectors;
    index->nan_count = (uint16_t *)(index->vector_size + vectors);
    index->null_count = index->nan_count + vectors;
    return index;
}

/* ---- encoding ----------------------------------------------------------------------------- */

/* Bytes that an index never exceeds; one reservation serves all its arrays, since thousands of
 * small segments are flushed together. */
static size_t index_bound(size_t vectors, size_t groups)
{
    const size_t of_vectors = 2 + nts_vector_bound(vectors);
    const size_t of_groups = 2 + nts_vector_bound(groups);
    return 4 + 5 * of_vectors + 5 * of_groups + 8 * groups;
}

static uint8_t *array_end(uint8_t *place, size_t encoded_size)
{
    nts_store_u16(place, (uint16_t)encoded_size);
    return place + 2 + encoded_size;
}

static uint8_t *array_put_u16(struct nts_index_work *work, const uint16_t *values, size_t count,
                              uint8_t *place)
{
    for (size_t i = 0; i < count; i++)
        work->ints[i] = values[i];
    return array_end(place, nts_i64_encode(&work->scratch, place + 2, work->ints, count));
}

static uint8_t *array_put_u32(struct nts_index_work *work, const uint32_t *values, size_t count,
                              uint8_t *place)
{
    for (size_t i = 0; i < count; i++)
        work->ints[i] = values[i];
    return array_end(place, nts_i64_encode(&work->scratch, place + 2, work->ints, count));
}

static uint8_t *array_put_bits(struct nts_index_work *work, const uint64_t *bits, size_t count,
                               bool as_floats, uint8_t *place)
{
    for (size_t i = 0; i < count; i++) {
        work->ints[i] = (int64_t)bits[i];
        work->floats[i] = nts_double_of_bits(bits[i]);
    }
    return array_end(place, as_floats
                                ? nts_f64_encode(&work->scratch, place + 2, work->floats, count)
                                : nts_i64_encode(&work->scratch, place + 2, work->ints, count));
}

nanots_status nts_column_index_encode(struct nts_index_work *work,
                                      const struct nts_column_index *index, struct nts_buf *buf)
{
    const size_t vectors = index->vector_count;
    const size_t groups = index->group_count;
    const bool as_floats = nts_index_is_float(index->kind);
    uint8_t *const start = nts_buf_reserve(buf, index_bound(vectors, groups));

    if (start == NULL)
        return NANOTS_NO_MEMORY;
    uint8_t *at = array_put_bits(work, index->chunk_off, groups, false, start + 4);
    if (index->kind.has_heads)
        at = array_put_u32(work, index->head_size, groups, at);
    at = array_put_u32(work, index->vector_size, vectors, at);
    at = array_put_bits(work, index->min, vectors, as_floats, at);
    at = array_put_bits(work, index->max, vectors, as_floats, at);
    if (index->kind.nullable)
        at = array_put_u16(work, index->null_count, vectors, at);
    if (as_floats)
        at = array_put_u16(work, index->nan_count, vectors, at);
    if (nts_index_has_sum(index->kind)) {
        at = array_put_bits(work, index->sum, groups, as_floats, at);
        at = array_put_bits(work, index->first, groups, as_floats, at);
        at = array_put_bits(work, index->last, groups, as_floats, at);
    }
    for (size_t g = 0; g < groups; g++) {
        if (index->chunk_size[g] == 0)
            continue;
        nts_store_u64(at, index->chunk_checksum[g]);
        at += 8;
    }
    nts_store_u32(start, (uint32_t)(at - start - 4));
    buf->size += (size_t)(at - start);
    return NANOTS_OK;
}

/* ---- decoding ----------------------------------------------------------------------------- */

struct index_bytes {
    const uint8_t *bytes;
    size_t left;
};

static bool array_next(struct index_bytes *from, const uint8_t **array_out, size_t *size_out)
{
    if (from->left < 2)
        return false;
    const size_t size = nts_load_u16(from->bytes);
    if (size > from->left - 2)
        return false;
    *array_out = from->bytes + 2;
    *size_out = size;
    from->bytes += 2 + size;
    from->left -= 2 + size;
    return true;
}

/* Decodes into work->ints. */
static nanots_status array_get_ints(struct nts_index_work *work, struct index_bytes *from,
                                    size_t count)
{
    const uint8_t *array;
    size_t size;
    if (!array_next(from, &array, &size))
        return NANOTS_CORRUPT;
    return nts_i64_decode(&work->scratch, work->ints, count, array, size);
}

static nanots_status array_get_bits(struct nts_index_work *work, struct index_bytes *from,
                                    uint64_t *bits, size_t count, bool as_floats)
{
    const uint8_t *array;
    size_t size;
    if (!array_next(from, &array, &size))
        return NANOTS_CORRUPT;
    if (as_floats) {
        NTS_TRY(nts_f64_decode(&work->scratch, work->floats, count, array, size));
        memcpy(bits, work->floats, count * 8);
    } else {
        NTS_TRY(nts_i64_decode(&work->scratch, work->ints, count, array, size));
        memcpy(bits, work->ints, count * 8);
    }
    return NANOTS_OK;
}

static nanots_status array_get_u16(struct nts_index_work *work, struct index_bytes *from,
                                   uint16_t *values, size_t count, uint64_t most)
{
    NTS_TRY(array_get_ints(work, from, count));
    for (size_t i = 0; i < count; i++) {
        if ((uint64_t)work->ints[i] > most)
            return NANOTS_CORRUPT;
        values[i] = (uint16_t)work->ints[i];
    }
    return NANOTS_OK;
}

static nanots_status array_get_u32(struct nts_index_work *work, struct index_bytes *from,
                                   uint32_t *values, size_t count)
{
    NTS_TRY(array_get_ints(work, from, count));
    for (size_t i = 0; i < count; i++) {
        if ((uint64_t)work->ints[i] > UINT32_MAX)
            return NANOTS_CORRUPT;
        values[i] = (uint32_t)work->ints[i];
    }
    return NANOTS_OK;
}

/* Sums head and vector sizes to places in the chunks and chunk sizes; false if a chunk leaves the
 * segment. */
static bool index_place_vectors(struct nts_column_index *index, uint64_t footer_off)
{
    for (uint32_t v = 0; v < index->vector_count; v++) {
        const uint32_t group = v / NTS_GROUP_VECTORS;
        if (v % NTS_GROUP_VECTORS == 0)
            index->chunk_size[group] = index->head_size[group];
        index->vector_off[v] = (uint32_t)index->chunk_size[group];
        index->chunk_size[group] += index->vector_size[v];
        if (index->chunk_size[group] > UINT32_MAX)
            return false;
    }
    for (uint32_t g = 0; g < index->group_count; g++)
        if (index->chunk_off[g] < NTS_SEGMENT_HEADER_SIZE || index->chunk_off[g] > footer_off ||
            index->chunk_size[g] > footer_off - index->chunk_off[g])
            return false;
    return true;
}

static bool index_nulls_are_possible(const struct nts_column_index *index)
{
    for (uint32_t v = 0; v < index->vector_count; v++)
        if (index->null_count[v] > nts_vector_rows(index->row_count, v))
            return false;
    return true;
}

static nanots_status index_get_checksums(struct nts_column_index *index, struct index_bytes *from)
{
    for (uint32_t g = 0; g < index->group_count; g++) {
        if (index->chunk_size[g] == 0)
            continue;
        if (from->left < 8)
            return NANOTS_CORRUPT;
        index->chunk_checksum[g] = nts_load_u64(from->bytes);
        from->bytes += 8;
        from->left -= 8;
    }
    return from->left == 0 ? NANOTS_OK : NANOTS_CORRUPT;
}

nanots_status nts_column_index_decode(struct nts_index_work *work, struct nts_column_index *index,
                                      const uint8_t *bytes, size_t size, uint64_t footer_off)
{
    struct index_bytes from = {bytes, size};
    const size_t vectors = index->vector_count;
    const size_t groups = index->group_count;

    const bool as_floats = nts_index_is_float(index->kind);
    NTS_TRY(array_get_bits(work, &from, index->chunk_off, groups, false));
    if (index->kind.has_heads)
        NTS_TRY(array_get_u32(work, &from, index->head_size, groups));
    NTS_TRY(array_get_u32(work, &from, index->vector_size, vectors));
    NTS_TRY(array_get_bits(work, &from, index->min, vectors, as_floats));
    NTS_TRY(array_get_bits(work, &from, index->max, vectors, as_floats));
    if (index->kind.nullable)
        NTS_TRY(array_get_u16(work, &from, index->null_count, vectors, NTS_VECTOR_ROWS));
    if (as_floats)
        NTS_TRY(array_get_u16(work, &from, index->nan_count, vectors, NTS_VECTOR_ROWS));
    if (nts_index_has_sum(index->kind)) {
        NTS_TRY(array_get_bits(work, &from, index->sum, groups, as_floats));
        NTS_TRY(array_get_bits(work, &from, index->first, groups, as_floats));
        NTS_TRY(array_get_bits(work, &from, index->last, groups, as_floats));
    }
    if (!index_nulls_are_possible(index))
        return NANOTS_CORRUPT;
    if (!index_place_vectors(index, footer_off))
        return NANOTS_CORRUPT;
    return index_get_checksums(index, &from);
}
