/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/exceptions.c - listing, packing and applying exceptions. Contract: exceptions.h. */
#include "codec/exceptions.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/delta.h"
#include "codec/position.h"
#include "codec/varint.h"

/* Fewer exceptions are not worth two vectors. */
#define EXCEPTIONS_PACKED_MIN 4u

/* Numbers that have a fraction: |n| < 2^50. */
#define NUMBER_LIMIT ((uint64_t)1 << 50)

/* ---- encode ------------------------------------------------------------------------------- */

static void exceptions_list(struct nts_exceptions *out, const uint64_t *wrong, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        out->positions[found] = (uint16_t)i;
        found += (size_t)wrong[i];
    }
    assert(found == out->count);
}

/* What must be added to the bits of the fraction at a position. */
static uint64_t exception_difference(uint64_t number, double x, double scale)
{
    return nts_bits_of_double(x) - nts_bits_of_double((double)(int64_t)number / scale);
}

static bool exception_is_near(uint64_t number, double x, double scale)
{
    return number + NUMBER_LIMIT < 2 * NUMBER_LIMIT &&
           exception_difference(number, x, scale) + NTS_EXCEPTIONS_NEAR <= 2 * NTS_EXCEPTIONS_NEAR;
}

/* Gives exceptions, those that are far off if near ones are kept, the number before them. */
static void exceptions_mend(const struct nts_exceptions *out, uint64_t *numbers,
                            const uint64_t *wrong, const double *src, double scale, bool keep_near)
{
    size_t good = 0;

    while (wrong[good])
        good++;
    for (size_t k = 0; k < out->count; k++) {
        const size_t position = out->positions[k];
        const size_t before = position == 0 ? good : position - 1;
        if (keep_near && exception_is_near(numbers[position], src[position], scale))
            continue;
        numbers[position] = numbers[before];
    }
}

static size_t exceptions_count_near(const struct nts_exceptions *out, const uint64_t *numbers,
                                    const double *src, double scale)
{
    size_t near_count = 0;

    for (size_t k = 0; k < out->count; k++)
        near_count += exception_is_near(numbers[out->positions[k]], src[out->positions[k]], scale);
    return near_count;
}

/* Appends a vector with its size, FOR or DELTA: to choose takes longer than it saves. */
static uint8_t *exceptions_put_vector(uint8_t *at, struct nts_codec_scratch *scratch,
                                      unsigned order, const uint64_t *list, size_t count)
{
    const struct nts_delta_plan plan = nts_delta_plan_order(scratch, order, list, count);

    at = nts_varint_put(at, 1 + plan.size);
    *at++ = (uint8_t)(NTS_CODEC_FOR + order);
    return nts_delta_write(at, &plan, scratch, list, count);
}

/* Packs positions and values into the scratch. Returns the bytes. */
static size_t exceptions_pack(const struct nts_exceptions *out, struct nts_codec_scratch *scratch,
                              const uint64_t *numbers, const double *src, double scale)
{
    uint64_t *const list = scratch->exception_values;
    uint8_t *at = scratch->exception_bytes;

    for (size_t k = 0; k < out->count; k++)
        list[k] = out->positions[k];
    at = exceptions_put_vector(at, scratch, 1, list, out->count);
    for (size_t k = 0; k < out->count; k++) {
        const size_t position = out->positions[k];
        list[k] = (out->flags & NTS_EXCEPTIONS_DIFFERENCES)
                      ? exception_difference(numbers[position], src[position], scale)
                      : nts_bits_of_double(src[position]);
    }
    at = exceptions_put_vector(at, scratch, 0, list, out->count);
    return (size_t)(at - scratch->exception_bytes);
}

bool nts_exceptions_plan(struct nts_exceptions *out, struct nts_codec_scratch *scratch,
                         uint64_t *numbers, size_t wrong_count, const double *src, size_t count,
                         double scale)
{
    const uint64_t *const wrong = scratch->a;

    out->count = wrong_count;
    out->flags = 0;
    out->size = 0;
    if (wrong_count == 0)
        return true;
    if (wrong_count > NTS_EXCEPTIONS_COUNT_MAX(count) || wrong_count == count)
        return false;
    exceptions_list(out, wrong, count);
    const bool are_near = exceptions_count_near(out, numbers, src, scale) * 2 > wrong_count &&
                          wrong_count >= EXCEPTIONS_PACKED_MIN;
    out->flags = NTS_EXCEPTIONS_FLAG | (are_near ? NTS_EXCEPTIONS_DIFFERENCES : 0);
    exceptions_mend(out, numbers, wrong, src, scale, are_near);

    const size_t plain_size = wrong_count * (nts_position_size(count) + 8);
    size_t packed_size = SIZE_MAX;
    if (wrong_count >= EXCEPTIONS_PACKED_MIN)
        packed_size = exceptions_pack(out, scratch, numbers, src, scale);
    if (are_near || packed_size < plain_size)
        out->flags |= NTS_EXCEPTIONS_PACKED;
    out->size =
        nts_position_size(count) + (out->flags & NTS_EXCEPTIONS_PACKED ? packed_size : plain_size);
    return true;
}

uint8_t *nts_exceptions_write(uint8_t *dst, const struct nts_exceptions *exceptions,
                              const struct nts_codec_scratch *scratch, const double *src,
                              size_t count)
{
    const uint8_t *const end = dst + exceptions->size;

    if (exceptions->count == 0)
        return dst;
    dst = nts_position_put(dst, count, exceptions->count);
    if (exceptions->flags & NTS_EXCEPTIONS_PACKED) {
        memcpy(dst, scratch->exception_bytes, (size_t)(end - dst));
        return dst + (end - dst);
    }
    for (size_t k = 0; k < exceptions->count; k++)
        dst = nts_position_put(dst, count, exceptions->positions[k]);
    for (size_t k = 0; k < exceptions->count; k++, dst += 8)
        nts_store_u64(dst, nts_bits_of_double(src[exceptions->positions[k]]));
    assert(dst == end);
    return dst;
}

/* ---- decode ------------------------------------------------------------------------------- */

/* Reads one packed vector behind its size. */
static const uint8_t *exceptions_read_packed(uint64_t *dst, struct nts_codec_scratch *scratch,
                                             size_t count, const uint8_t *at, const uint8_t *end)
{
    uint64_t size;

    at = nts_varint_get(at, end, &size);
    if (at == NULL || size > (size_t)(end - at) ||
        nts_i64_decode(scratch, (int64_t *)dst, count, at, (size_t)size) != NANOTS_OK)
        return NULL;
    return at + (size_t)size;
}

static const uint8_t *exceptions_read_plain(struct nts_codec_scratch *scratch,
                                            size_t exception_count, size_t count, const uint8_t *at,
                                            const uint8_t *end)
{
    const size_t size = nts_position_size(count);

    if ((size_t)(end - at) < exception_count * (size + 8))
        return NULL;
    for (size_t k = 0; k < exception_count; k++, at += size)
        scratch->exception_positions[k] = nts_position_get(at, count);
    for (size_t k = 0; k < exception_count; k++, at += 8)
        scratch->exception_values[k] = nts_load_u64(at);
    return at;
}

static bool positions_rise(const uint64_t *positions, size_t position_count, size_t count)
{
    for (size_t k = 1; k < position_count; k++)
        if (positions[k - 1] >= positions[k])
            return false;
    return positions[position_count - 1] < count;
}

const uint8_t *nts_exceptions_read(struct nts_exceptions_read *out,
                                   struct nts_codec_scratch *scratch, unsigned flags, size_t count,
                                   const uint8_t *at, const uint8_t *end)
{
    const size_t size = nts_position_size(count);
    const bool is_packed = (flags & NTS_EXCEPTIONS_PACKED) != 0;

    out->count = 0;
    out->are_differences = (flags & NTS_EXCEPTIONS_DIFFERENCES) != 0;
    if ((flags & NTS_EXCEPTIONS_FLAG) == 0)
        return flags == 0 ? at : NULL;
    if (out->are_differences && !is_packed)
        return NULL;
    if ((size_t)(end - at) < size)
        return NULL;
    const size_t exception_count = nts_position_get(at, count);
    at += size;
    if (exception_count < 1 || exception_count > count)
        return NULL;
    if (is_packed) {
        at =
            exceptions_read_packed(scratch->exception_positions, scratch, exception_count, at, end);
        if (at != NULL)
            at = exceptions_read_packed(scratch->exception_values, scratch, exception_count, at,
                                        end);
    } else {
        at = exceptions_read_plain(scratch, exception_count, count, at, end);
    }
    if (at == NULL || !positions_rise(scratch->exception_positions, exception_count, count))
        return NULL;
    out->count = exception_count;
    return at;
}

void nts_exceptions_apply(double *dst, const struct nts_exceptions_read *exceptions,
                          const struct nts_codec_scratch *scratch)
{
    for (size_t k = 0; k < exceptions->count; k++) {
        double *const at = &dst[scratch->exception_positions[k]];
        const uint64_t base = exceptions->are_differences ? nts_bits_of_double(*at) : 0;
        *at = nts_double_of_bits(base + scratch->exception_values[k]);
    }
}
