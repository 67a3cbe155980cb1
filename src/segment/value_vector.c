/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/value_vector.c - bytes to dense values to rows. Contract: value_vector.h. */
#include "segment/value_vector.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/f32.h"
#include "codec/validity.h"
#include "segment/dense.h"

#define VALUE_TEXT_SIZE_MAX ((size_t)1 << 31)

void nts_value_work_init(struct nts_value_work *work, const struct nanots_allocator *alloc)
{
    nts_buf_init(&work->text, alloc, VALUE_TEXT_SIZE_MAX);
    work->alloc = alloc;
    work->strings = NULL;
}

void nts_value_work_deinit(struct nts_value_work *work)
{
    nts_buf_deinit(&work->text);
    if (work->strings != NULL)
        nts_strings_work_deinit(work->strings);
    nts_free(work->strings);
    work->strings = NULL;
}

nanots_status nts_value_work_need_strings(struct nts_value_work *work)
{
    if (work->strings != NULL)
        return NANOTS_OK;
    work->strings = nts_alloc(work->alloc, sizeof *work->strings);
    if (work->strings == NULL)
        return NANOTS_NO_MEMORY;
    nts_strings_work_init(work->strings, work->alloc);
    return NANOTS_OK;
}

/* Where dense values go when they cannot stay in their column. */
static struct nts_dense_room value_work_room(struct nts_value_work *work)
{
    const struct nts_dense_room room = {.ints = work->ints,
                                        .doubles = work->doubles,
                                        .floats = work->floats,
                                        .offsets = work->offsets,
                                        .text = &work->text};
    return room;
}

nanots_status nts_value_vector_zone(struct nts_value_work *work, const struct nts_column *column,
                                    size_t row, size_t count, struct nts_zone *zone,
                                    struct nanots_error *error)
{
    const size_t null_count = nts_column_null_count(column, row, count);
    const struct nts_dense_room room = value_work_room(work);
    struct nts_dense dense;
    if (nts_dense_gather(&room, column, row, count, null_count, &dense) != NANOTS_OK)
        return nts_fail_memory(error, nts_column_byte_count(column, row, count));
    nts_dense_zone(&dense, null_count, zone);
    return NANOTS_OK;
}

/* ---- decoding ----------------------------------------------------------------------------- */

/* One vector on its way to rows [at, at + count) of a buffer. */
struct value_read {
    struct nts_value_work *work;
    struct nts_column_buffer *dst;
    size_t at;
    size_t count;
    size_t dense_count;
    const uint8_t *validity; /* NULL: no nulls */
    const uint8_t *src;
    size_t src_size;
    uint64_t min;
    const struct nts_chunk_model *model;
};

static bool row_is_present(const struct value_read *read, size_t i)
{
    return read->validity == NULL || nts_bit_get(read->validity, i);
}

static nanots_status read_doubles(const struct value_read *read)
{
    double *to = (double *)read->dst->values + read->at;
    double *dense = read->validity == NULL ? to : read->work->doubles;
    size_t used = 0;
    if (read->src_size == 0)
        for (size_t i = 0; i < read->dense_count; i++)
            dense[i] = nts_double_of_bits(read->min);
    else
        NTS_TRY(nts_chunk_read_f64(&read->work->index.scratch, read->model, dense,
                                   read->dense_count, read->src, read->src_size));
    for (size_t i = 0; i < read->count && read->validity != NULL; i++)
        to[i] = nts_bit_get(read->validity, i) ? dense[used++] : 0.0;
    return NANOTS_OK;
}

static nanots_status read_floats(const struct value_read *read)
{
    float *to = (float *)read->dst->values + read->at;
    float *dense = read->validity == NULL ? to : read->work->floats;
    size_t used = 0;
    if (read->src_size == 0)
        for (size_t i = 0; i < read->dense_count; i++)
            dense[i] = nts_f32_narrow(nts_double_of_bits(read->min));
    else
        NTS_TRY(nts_chunk_read_f32(&read->work->index.scratch, read->model, dense,
                                   read->dense_count, read->src, read->src_size));
    for (size_t i = 0; i < read->count && read->validity != NULL; i++)
        to[i] = nts_bit_get(read->validity, i) ? dense[used++] : 0.0f;
    return NANOTS_OK;
}

static nanots_status read_ints(const struct value_read *read)
{
    const unsigned type = read->dst->type;
    const bool in_place = type == NANOTS_TYPE_I64 && read->validity == NULL;
    int64_t *wide = type == NANOTS_TYPE_I64 ? (int64_t *)read->dst->values + read->at : NULL;
    int64_t *dense = in_place ? wide : read->work->ints;
    const int64_t low = type == NANOTS_TYPE_BOOL  ? 0
                        : type == NANOTS_TYPE_I32 ? INT32_MIN
                                                  : INT64_MIN;
    const int64_t high = type == NANOTS_TYPE_BOOL  ? 1
                         : type == NANOTS_TYPE_I32 ? INT32_MAX
                                                   : INT64_MAX;
    size_t used = 0;
    if (read->src_size == 0)
        for (size_t i = 0; i < read->dense_count; i++)
            dense[i] = (int64_t)read->min;
    else
        NTS_TRY(nts_chunk_read_i64(&read->work->index.scratch, read->model, dense,
                                   read->dense_count, read->src, read->src_size));
    if (in_place)
        return NANOTS_OK;
    for (size_t i = 0; i < read->count; i++) {
        const int64_t value = row_is_present(read, i) ? dense[used++] : 0;
        if (value < low || value > high)
            return NANOTS_CORRUPT;
        if (type == NANOTS_TYPE_I64)
            wide[i] = value;
        else if (type == NANOTS_TYPE_I32)
            ((int32_t *)read->dst->values)[read->at + i] = (int32_t)value;
        else
            nts_bit_set(read->dst->values, read->at + i, value != 0);
    }
    return NANOTS_OK;
}

static nanots_status read_strings(const struct value_read *read, struct nanots_error *error)
{
    struct nts_column_buffer *dst = read->dst;
    int32_t *offsets = dst->offsets + read->at;
    int32_t *dense = read->validity == NULL ? offsets : read->work->offsets;
    const int32_t base = offsets[0];
    uint64_t byte_count = 0;
    size_t used = 0;

    NTS_TRY(nts_strings_peek(read->src, read->src_size, read->dense_count, &byte_count));
    if (nts_value_work_need_strings(read->work) != NANOTS_OK)
        return nts_fail_memory(error, sizeof *read->work->strings);
    NTS_TRY(nts_column_buffer_reserve(dst, read->at, (size_t)byte_count, error));
    const nanots_status status =
        nts_strings_decode(read->work->strings, (uint8_t *)dst->values + base, (size_t)byte_count,
                           dense, base, read->dense_count, read->src, read->src_size);
    if (status == NANOTS_NO_MEMORY)
        return nts_fail_memory(error, (size_t)byte_count);
    NTS_TRY(status);
    for (size_t i = 0; i < read->count && read->validity != NULL; i++) {
        used += nts_bit_get(read->validity, i);
        offsets[i + 1] = dense[used];
    }
    return NANOTS_OK;
}

static nanots_status read_validity(struct value_read *read, size_t null_count)
{
    const size_t used = nts_validity_decode(read->work->validity, read->count, null_count,
                                            read->src, read->src_size);
    if (used == 0)
        return NANOTS_CORRUPT;
    read->validity = read->work->validity;
    read->src += used;
    read->src_size -= used;
    return NANOTS_OK;
}

/* The start of every look into a vector: behind its validity, if it has one. */
static nanots_status value_read_begin(struct value_read *read, struct nts_value_work *work,
                                      const struct nts_value_shape *shape, const uint8_t *src,
                                      size_t src_size)
{
    assert(shape->null_count <= shape->count);
    *read = (struct value_read){.work = work,
                                .count = shape->count,
                                .dense_count = shape->count - shape->null_count,
                                .src = src,
                                .src_size = src_size,
                                .min = shape->min,
                                .model = shape->model};
    if (shape->null_count == 0 || read->dense_count == 0)
        return NANOTS_OK;
    return read_validity(read, shape->null_count);
}

nanots_status nts_value_vector_decode(struct nts_value_work *work,
                                      const struct nts_value_shape *shape, const uint8_t *src,
                                      size_t src_size, struct nts_column_buffer *dst, size_t at,
                                      struct nanots_error *error)
{
    struct value_read read;
    nanots_status status;

    if (shape->null_count != 0 && dst->validity == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(value_read_begin(&read, work, shape, src, src_size));
    read.dst = dst;
    read.at = at;
    if (read.dense_count == 0) {
        nts_column_buffer_put_nulls(dst, at, read.count);
        return src_size == 0 ? NANOTS_OK : NANOTS_CORRUPT;
    }
    switch ((nanots_type)dst->type) {
    case NANOTS_TYPE_F64:
        status = read_doubles(&read);
        break;
    case NANOTS_TYPE_F32:
        status = read_floats(&read);
        break;
    case NANOTS_TYPE_UTF8:
        status = read_strings(&read, error);
        break;
    default:
        status = read_ints(&read);
        break;
    }
    if (status == NANOTS_OK)
        nts_column_buffer_put_validity(dst, at, read.validity, 0, read.count);
    return status;
}

nanots_status nts_value_vector_text(struct nts_value_work *work,
                                    const struct nts_value_shape *shape, const uint8_t *src,
                                    size_t src_size, uint64_t *bytes_out)
{
    struct value_read read;

    *bytes_out = 0;
    NTS_TRY(value_read_begin(&read, work, shape, src, src_size));
    if (read.dense_count == 0)
        return NANOTS_OK;
    return nts_strings_peek(read.src, read.src_size, read.dense_count, bytes_out);
}

nanots_status nts_value_vector_codec(struct nts_value_work *work, unsigned type,
                                     const struct nts_value_shape *shape, const uint8_t *src,
                                     size_t src_size, unsigned *codec_out)
{
    struct value_read read;

    *codec_out = NTS_CODEC_CONSTANT;
    NTS_TRY(value_read_begin(&read, work, shape, src, src_size));
    if (read.dense_count != 0 && read.src_size != 0)
        *codec_out = read.src[0] + (type == NANOTS_TYPE_UTF8 ? NTS_CODEC_STRINGS : 0u);
    return NANOTS_OK;
}
