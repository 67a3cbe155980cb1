/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/aggregate.c - sums from structure. Whatever could wrap is refused: sums must not. */
#include "codec/aggregate.h"

#include "base/check.h"
#include "codec/plain.h"
#include "codec/rle.h"
#include "codec/scaled.h"
#include "codec/simple.h"
#include "codec/varint.h"

static bool constant_aggregate(const uint8_t *at, size_t size, size_t count,
                               struct nts_i64_aggregates *aggregates)
{
    uint64_t value;

    if (nts_constant_read(&value, 1, NTS_VALUE_I64, at, size) != NANOTS_OK)
        return false;
    aggregates->min = (int64_t)value;
    aggregates->max = (int64_t)value;
    return !__builtin_mul_overflow((int64_t)value, (int64_t)count, &aggregates->sum);
}

/* A first value and a block of one difference. */
static bool steps_aggregate(const uint8_t *at, const uint8_t *end, size_t count,
                            struct nts_i64_aggregates *aggregates)
{
    const int64_t step_count = (int64_t)count - 1;
    uint64_t first;
    uint64_t step;
    int64_t way;
    int64_t last;
    int64_t ends;

    at = nts_svarint_get(at, end, &first);
    if (at == NULL || at == end || *at++ != 0)
        return false; /* packed bits or patches */
    if (nts_svarint_get(at, end, &step) != end || count < 2)
        return false;
    if (__builtin_mul_overflow((int64_t)step, step_count, &way) ||
        __builtin_add_overflow((int64_t)first, way, &last) ||
        __builtin_add_overflow((int64_t)first, last, &ends))
        return false;
    aggregates->min = (int64_t)first < last ? (int64_t)first : last;
    aggregates->max = (int64_t)first < last ? last : (int64_t)first;
    /* count * (first + last) is even: one of the two factors is, as last - first = step * (count -
     * 1). */
    if (__builtin_mul_overflow(ends, (int64_t)count, &aggregates->sum))
        return false;
    aggregates->sum /= 2;
    return true;
}

static bool runs_aggregate(struct nts_codec_scratch *scratch, const uint8_t *at, const uint8_t *end,
                           size_t count, struct nts_i64_aggregates *aggregates)
{
    const uint64_t *const values = scratch->run_values;
    size_t run_count;

    at = nts_rle_read(scratch, count, &run_count, at, end);
    if (at == NULL ||
        nts_simple_read(scratch->run_values, run_count, at, (size_t)(end - at)) != NANOTS_OK)
        return false;
    *aggregates = (struct nts_i64_aggregates){0, INT64_MAX, INT64_MIN};
    for (size_t run = 0; run < run_count; run++) {
        const int64_t value = (int64_t)values[run];
        int64_t part;
        if (__builtin_mul_overflow(value, (int64_t)scratch->run_counts[run], &part) ||
            __builtin_add_overflow(aggregates->sum, part, &aggregates->sum))
            return false;
        aggregates->min = value < aggregates->min ? value : aggregates->min;
        aggregates->max = value > aggregates->max ? value : aggregates->max;
    }
    return true;
}

static bool unscaled_aggregate(struct nts_codec_scratch *scratch, const uint8_t *src,
                               size_t src_size, size_t count, struct nts_i64_aggregates *aggregates)
{
    const uint8_t *const end = src + src_size;

    if (src_size < 1)
        return false;
    switch (src[0]) {
    case NTS_CODEC_CONSTANT:
        return constant_aggregate(src + 1, src_size - 1, count, aggregates);
    case NTS_CODEC_DELTA:
        return steps_aggregate(src + 1, end, count, aggregates);
    case NTS_CODEC_RLE:
        return runs_aggregate(scratch, src + 1, end, count, aggregates);
    default:
        return false;
    }
}

/* *x = origin + divisor * *x. */
static bool scale_up(int64_t *x, int64_t origin, int64_t divisor)
{
    return !__builtin_mul_overflow(*x, divisor, x) && !__builtin_add_overflow(*x, origin, x);
}

bool nts_i64_aggregate(struct nts_codec_scratch *scratch, const uint8_t *src, size_t src_size,
                       size_t count, struct nts_i64_aggregates *aggregates)
{
    const uint8_t *const end = src + src_size;
    uint64_t origin;
    uint64_t divisor;
    int64_t origins;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (src_size < 1 || src[0] != NTS_CODEC_SCALED)
        return unscaled_aggregate(scratch, src, src_size, count, aggregates);
    const uint8_t *const at = nts_scaled_read_head(&origin, &divisor, src + 1, end);
    if (at == NULL || divisor > INT64_MAX ||
        !unscaled_aggregate(scratch, at, (size_t)(end - at), count, aggregates))
        return false;
    return !__builtin_mul_overflow((int64_t)origin, (int64_t)count, &origins) &&
           scale_up(&aggregates->sum, origins, (int64_t)divisor) &&
           scale_up(&aggregates->min, (int64_t)origin, (int64_t)divisor) &&
           scale_up(&aggregates->max, (int64_t)origin, (int64_t)divisor);
}
