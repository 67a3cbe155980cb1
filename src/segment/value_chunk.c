/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/value_chunk.c - rows to dense values to a chunk. Contract: value_chunk.h. */
#include "segment/value_chunk.h"

#include <string.h>

#include "base/check.h"
#include "codec/validity.h"
#include "segment/dense.h"

void nts_value_chunk_work_init(struct nts_value_chunk_work *work, struct nts_value_work *vectors)
{
    memset(work, 0, sizeof *work);
    work->vectors = vectors;
}

void nts_value_chunk_work_deinit(struct nts_value_chunk_work *work)
{
    nts_chunk_encoder_free(work->encoder);
    nts_free(work->dense);
    memset(work, 0, sizeof *work);
}

static nanots_status work_need_encoder(struct nts_value_chunk_work *work)
{
    if (work->encoder == NULL)
        work->encoder = nts_chunk_encoder_new(work->vectors->alloc);
    return work->encoder == NULL ? NANOTS_NO_MEMORY : NANOTS_OK;
}

static size_t vector_rows(size_t row_count, size_t row)
{
    return row_count - row < NTS_VECTOR_ROWS ? row_count - row : NTS_VECTOR_ROWS;
}

size_t nts_value_chunk_bound(const struct nts_column *column, size_t row_count)
{
    size_t bound = nts_chunk_room_beside(row_count);
    for (size_t row = 0; row < row_count; row += NTS_VECTOR_ROWS) {
        const size_t count = vector_rows(row_count, row);
        if (column == NULL)
            bound += nts_vector_bound(count);
        else if (!column->all_null)
            bound += nts_validity_bound(count) +
                     (column->type == NANOTS_TYPE_UTF8
                          ? nts_strings_bound(count, nts_column_byte_count(column, row, count))
                          : nts_vector_bound(count));
    }
    return bound;
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* One chunk on its way: which vectors have values to encode. */
struct chunk_write {
    struct nts_value_chunk_work *work;
    const struct nts_chunk_options *options;
    const struct nts_column *column;
    size_t row_count;
    struct nts_value_chunk *chunk;
    struct nts_chunk_vector vectors[NTS_GROUP_VECTORS]; /* those to encode, in order */
    size_t encoded_count;
    bool is_encoded[NTS_GROUP_VECTORS];
};

static nanots_status write_need_dense(struct nts_value_chunk_work *work)
{
    if (work->dense == NULL)
        work->dense = nts_alloc_array(work->vectors->alloc, NTS_GROUP_ROWS, sizeof *work->dense);
    return work->dense == NULL ? NANOTS_NO_MEMORY : NANOTS_OK;
}

/* Gathers one vector, whose values stay where they are until the chunk is written. */
static nanots_status write_gather(struct chunk_write *write, size_t index)
{
    struct nts_value_work *vectors = write->work->vectors;
    const size_t row = index * NTS_VECTOR_ROWS;
    const size_t count = vector_rows(write->row_count, row);
    const size_t null_count = nts_column_null_count(write->column, row, count);
    uint64_t *const room_at = write->work->dense + row;
    const bool is_f32 = write->column->type == NANOTS_TYPE_F32;
    const struct nts_dense_room room = {.ints = (int64_t *)room_at,
                                        .doubles = is_f32 ? vectors->doubles : (double *)room_at,
                                        .floats = (float *)room_at,
                                        .offsets = vectors->offsets,
                                        .text = &vectors->text};
    struct nts_zone *zone = &write->chunk->zones[index];
    struct nts_dense dense;

    NTS_TRY(nts_dense_gather(&room, write->column, row, count, null_count, &dense));
    nts_dense_zone(&dense, null_count, zone);
    write->is_encoded[index] = dense.count != 0 && !zone->all_equal;
    if (!write->is_encoded[index])
        return NANOTS_OK;
    struct nts_chunk_vector *vector = &write->vectors[write->encoded_count++];
    vector->count = dense.count;
    vector->values = dense.floats != NULL    ? (const void *)dense.floats
                     : dense.doubles != NULL ? (const void *)dense.doubles
                                             : (const void *)dense.ints;
    return NANOTS_OK;
}

/* The bits of the rows, from bit 0 on; none if all rows of the vector have a value, or none. */
static size_t write_validity(struct chunk_write *write, size_t index, uint8_t *dst)
{
    struct nts_value_work *vectors = write->work->vectors;
    const struct nts_column *column = write->column;
    const size_t row = index * NTS_VECTOR_ROWS;
    const size_t count = vector_rows(write->row_count, row);
    const size_t null_count = write->chunk->zones[index].null_count;

    if (null_count == 0 || null_count == count)
        return 0;
    memset(vectors->validity, 0, sizeof vectors->validity);
    nts_bits_copy(vectors->validity, 0, column->validity, column->first + row, count);
    return nts_validity_encode(dst, vectors->validity, count);
}

/* Head and vectors, of those that are encoded. */
static nanots_status write_numbers(struct chunk_write *write, uint8_t *dst)
{
    struct nts_value_chunk *chunk = write->chunk;

    if (write->encoded_count != 0) {
        NTS_TRY(work_need_encoder(write->work));
        NTS_TRY(nts_chunk_begin(write->work->encoder, write->options,
                                nts_chunk_kind_of(write->column->type), write->vectors,
                                write->encoded_count, dst, &chunk->head_size));
    }
    chunk->size = chunk->head_size;
    for (size_t i = 0; i * NTS_VECTOR_ROWS < write->row_count; i++) {
        size_t size = write_validity(write, i, dst + chunk->size);
        if (write->is_encoded[i])
            size += nts_chunk_next(write->work->encoder, dst + chunk->size + size);
        chunk->vector_size[i] = size;
        chunk->size += size;
    }
    return NANOTS_OK;
}

/* ---- strings ------------------------------------------------------------------------------ */

static nanots_status write_strings_vector(struct chunk_write *write, size_t index, uint8_t *dst)
{
    struct nts_value_work *vectors = write->work->vectors;
    const size_t row = index * NTS_VECTOR_ROWS;
    const size_t count = vector_rows(write->row_count, row);
    const size_t null_count = nts_column_null_count(write->column, row, count);
    const struct nts_dense_room room = {.offsets = vectors->offsets, .text = &vectors->text};
    struct nts_zone *zone = &write->chunk->zones[index];
    size_t *size = &write->chunk->vector_size[index];
    struct nts_dense dense;
    size_t used = 0;

    NTS_TRY(nts_dense_gather(&room, write->column, row, count, null_count, &dense));
    nts_dense_zone(&dense, null_count, zone);
    *size = write_validity(write, index, dst);
    if (dense.count == 0 || zone->all_equal)
        return NANOTS_OK;
    NTS_TRY(nts_value_work_need_strings(vectors));
    NTS_TRY(nts_strings_encode(
        vectors->strings, dst + *size, &used, dense.text, dense.offsets, dense.count,
        write->options->forced == 1 + NTS_CODEC_RAW ? NTS_STRINGS_RAW : NTS_STRINGS_SMALLEST));
    *size += used;
    return NANOTS_OK;
}

static nanots_status write_strings(struct chunk_write *write, uint8_t *dst)
{
    struct nts_value_chunk *chunk = write->chunk;

    for (size_t i = 0; i * NTS_VECTOR_ROWS < write->row_count; i++) {
        NTS_TRY(write_strings_vector(write, i, dst + chunk->size));
        chunk->size += chunk->vector_size[i];
    }
    return NANOTS_OK;
}

/* ---- both --------------------------------------------------------------------------------- */

static nanots_status write_chunk(struct chunk_write *write, uint8_t *dst)
{
    if (write->column->type == NANOTS_TYPE_UTF8)
        return write_strings(write, dst);
    NTS_TRY(write_need_dense(write->work));
    for (size_t i = 0; i * NTS_VECTOR_ROWS < write->row_count; i++)
        NTS_TRY(write_gather(write, i));
    return write_numbers(write, dst);
}

nanots_status nts_value_chunk_encode(struct nts_value_chunk_work *work,
                                     const struct nts_chunk_options *options,
                                     const struct nts_column *column, size_t row_count,
                                     uint8_t *dst, struct nts_value_chunk *chunk,
                                     struct nanots_error *error)
{
    struct chunk_write write = {
        .work = work, .options = options, .column = column, .row_count = row_count, .chunk = chunk};

    assert(row_count != 0);
    assert(row_count <= NTS_GROUP_ROWS);
    memset(chunk, 0, sizeof *chunk);
    if (write_chunk(&write, dst) != NANOTS_OK)
        return nts_fail_memory(error, nts_value_chunk_bound(column, row_count));
    return NANOTS_OK;
}

/* Whether ts[0..count) is first + i * step with one exact step. */
static bool ts_is_regular(const int64_t *ts, size_t count)
{
    const uint64_t span = (uint64_t)ts[count - 1] - (uint64_t)ts[0];
    if (count < 3)
        return true;
    const uint64_t step = span / (count - 1);
    if (step * (count - 1) != span)
        return false;
    for (size_t i = 1; i < count; i++)
        if ((uint64_t)ts[i] - (uint64_t)ts[i - 1] != step)
            return false;
    return true;
}

nanots_status nts_time_chunk_encode(struct nts_value_chunk_work *work,
                                    const struct nts_chunk_options *options, const int64_t *ts,
                                    size_t row_count, uint8_t *dst, struct nts_value_chunk *chunk,
                                    struct nanots_error *error)
{
    const struct nts_column column = {.type = NANOTS_TYPE_I64, .values = ts};
    struct chunk_write write = {.work = work,
                                .options = options,
                                .column = &column,
                                .row_count = row_count,
                                .chunk = chunk};

    memset(chunk, 0, sizeof *chunk);
    for (size_t i = 0; i * NTS_VECTOR_ROWS < row_count; i++) {
        const int64_t *at = ts + i * NTS_VECTOR_ROWS;
        const size_t count = vector_rows(row_count, i * NTS_VECTOR_ROWS);
        chunk->zones[i].min = (uint64_t)at[0];
        chunk->zones[i].max = (uint64_t)at[count - 1];
        write.is_encoded[i] = !ts_is_regular(at, count);
        if (write.is_encoded[i])
            write.vectors[write.encoded_count++] = (struct nts_chunk_vector){at, count};
    }
    if (write_numbers(&write, dst) != NANOTS_OK)
        return nts_fail_memory(error, nts_value_chunk_bound(NULL, row_count));
    return NANOTS_OK;
}
