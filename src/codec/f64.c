/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/f64.c - which codec a vector of doubles gets, and who reads it back.
 *
 * encode:  constant? -+-> integers, decimals? --> i64.c, with a head --+-> smallest,
 *                     +-> XOR --> runs of XOR? ------------------------+   else RAW
 *
 * Sizes are computed exactly before a byte is written. Of equal sizes the one that decodes faster
 * wins, which is the one tried first.
 */
#include "codec/f64.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/decimal.h"
#include "codec/dispatch.h"
#include "codec/i64.h"
#include "codec/integer.h"
#include "codec/plain.h"
#include "codec/rle.h"
#include "codec/xor.h"

/* Bytes a value up to which nothing but INTEGER is tried for integers, nothing but DECIMAL for
 * decimals. Of few decimals XOR may do better, if they are short in binary too, such as 25.5. */
#define INTEGER_SIZE_GOOD     4u
#define DECIMAL_SIZE_GOOD_FEW 2u

/* What one vector without runs becomes; size includes the codec byte. */
struct flat_plan {
    size_t size;
    enum nts_codec_id codec;
};

/* The same for a vector that may be cut into runs, whose values `flat` then speaks of. */
struct vector_plan {
    size_t size;
    size_t run_count; /* 0: no runs */
    struct nts_patched_plan lengths;
    struct flat_plan flat;
};

/* Copies `count` 8-byte values. Compilers turn a memcpy of unknown size into an instruction whose
 * start costs as much as encoding a short vector; these are a few moves. */
static void f64_copy(void *dst, const void *src, size_t count)
{
    uint8_t *to = dst;
    const uint8_t *from = src;

    for (; count >= 8; count -= 8, to += 64, from += 64)
        memcpy(to, from, 64);
    if (count & 4) {
        memcpy(to, from, 32);
        to += 32;
        from += 32;
    }
    if (count & 2) {
        memcpy(to, from, 16);
        to += 16;
        from += 16;
    }
    if (count & 1)
        memcpy(to, from, 8);
}

/* ---- encode ------------------------------------------------------------------------------- */

static struct flat_plan flat_choose(const uint64_t *src, size_t count)
{
    struct flat_plan plan = {.size = nts_vector_bound(count), .codec = NTS_CODEC_RAW};
    const size_t size = 1 + nts_xor_size(src, count, plan.size - 1);

    if (size < plan.size) {
        plan.size = size;
        plan.codec = NTS_CODEC_XOR;
    }
    return plan;
}

static uint8_t *flat_write(uint8_t *dst, const struct flat_plan *plan, const uint64_t *src,
                           size_t count)
{
    *dst++ = (uint8_t)plan->codec;
    return plan->codec == NTS_CODEC_XOR ? nts_xor_write(dst, src, count)
                                        : nts_raw_write(dst, src, count);
}

/* Chooses for a vector that may have runs. Leaves the runs in the scratch. */
static struct vector_plan vector_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                        size_t count)
{
    struct vector_plan plan = {.run_count = 0};

    plan.flat = flat_choose(src, count);
    plan.size = plan.flat.size;
    const size_t run_count = nts_rle_split(scratch, src, count);
    if (run_count < 2)
        return plan;

    size_t lengths_size;
    const struct nts_patched_plan lengths = nts_rle_choose(scratch, run_count, &lengths_size);
    const struct flat_plan values = flat_choose(scratch->run_values, run_count);
    if (1 + lengths_size + values.size < plan.size) {
        plan.size = 1 + lengths_size + values.size;
        plan.run_count = run_count;
        plan.lengths = lengths;
        plan.flat = values;
    }
    return plan;
}

static uint8_t *vector_write(uint8_t *dst, const struct vector_plan *plan,
                             struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    if (plan->run_count == 0)
        return flat_write(dst, &plan->flat, src, count);
    *dst++ = NTS_CODEC_RLE;
    dst = nts_rle_write(dst, &plan->lengths, scratch, plan->run_count);
    return flat_write(dst, &plan->flat, scratch->run_values, plan->run_count);
}

/* Encodes the integers of the scratch as INTEGER, or as DECIMAL if that is their plan, if that is
 * smaller than size_max. Returns the size, 0 if it is not. */
static size_t integers_encode(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                              uint8_t *dst, const struct nts_decimal_plan *decimal,
                              const double *src, size_t count, size_t size_max)
{
    const size_t head_size = 1 + (decimal != NULL ? decimal->head_size : 0);

    if (head_size >= size_max)
        return 0;
    const size_t size = nts_i64_encode_next(scratch, &choice->integers, dst + head_size,
                                            size_max - head_size - 1, scratch->values, count);
    if (size == 0)
        return 0;
    dst[0] = decimal != NULL ? NTS_CODEC_DECIMAL : NTS_CODEC_INTEGER;
    if (decimal != NULL)
        (void)nts_decimal_write_head(dst + 1, decimal, src, count);
    return head_size + size;
}

/* Encodes as integers if the values are such. Returns the size, 0 if they are not or need as much
 * as raw; *is_good_out says that nothing else is worth trying. */
static size_t f64_encode_integers(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                                  uint8_t *dst, const double *src, size_t count, bool *is_good_out)
{
    const size_t size_max = nts_vector_bound(count);
    struct nts_decimal_plan decimal;
    size_t size = 0;

    if (nts_integer_from_f64(scratch->values, src, count)) {
        size = integers_encode(scratch, choice, dst, NULL, src, count, size_max);
        *is_good_out = size > 0 && size <= count * INTEGER_SIZE_GOOD;
    } else if (nts_decimal_from_f64(&decimal, scratch, src, count)) {
        size = integers_encode(scratch, choice, dst, &decimal, src, count, size_max);
        const size_t size_good =
            count * (count > NTS_DECIMAL_COUNT_FEW ? INTEGER_SIZE_GOOD : DECIMAL_SIZE_GOOD_FEW);
        *is_good_out = size > 0 && size <= size_good && decimal.exception_count <= count / 16;
    } else {
        *is_good_out = false;
    }
    return size;
}

size_t nts_f64_encode_next(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                           uint8_t *dst, const double *src, size_t count)
{
    uint64_t *const values = scratch->values;
    bool is_good;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    f64_copy(values, src, count);
    if (nts_all_equal(values, count)) {
        dst[0] = NTS_CODEC_CONSTANT;
        return (size_t)(nts_constant_write(dst + 1, NTS_VALUE_F64, values[0]) - dst);
    }

    const size_t integers_size = f64_encode_integers(scratch, choice, dst, src, count, &is_good);
    if (is_good)
        return integers_size;

    f64_copy(values, src, count);
    const struct vector_plan plan = vector_choose(scratch, values, count);
    if (integers_size > 0 && plan.size >= integers_size)
        return integers_size;
    const uint8_t *const end = vector_write(dst, &plan, scratch, values, count);
    assert(end == dst + plan.size);
    return (size_t)(end - dst);
}

size_t nts_f64_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const double *src,
                      size_t count)
{
    struct nts_f64_choice none = {.integers = {.age = 0}};

    return nts_f64_encode_next(scratch, &none, dst, src, count);
}

/* ---- decode ------------------------------------------------------------------------------- */

/* Reads a vector of any codec but RLE, INTEGER and DECIMAL, with its codec byte. */
static nanots_status flat_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    if (src_size < 1)
        return NANOTS_CORRUPT;
    const uint8_t codec = src[0];
    src++;
    src_size--;
    switch (codec) {
    case NTS_CODEC_RAW:
        return nts_raw_read(dst, count, src, src_size);
    case NTS_CODEC_CONSTANT:
        return nts_constant_read(dst, count, NTS_VALUE_F64, src, src_size);
    case NTS_CODEC_XOR:
        return nts_xor_read(dst, count, src, src_size);
    default:
        return NANOTS_CORRUPT;
    }
}

/* Reads a vector of any codec but INTEGER and DECIMAL. */
static nanots_status vector_read(struct nts_codec_scratch *scratch, uint64_t *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    size_t run_count;

    if (src_size < 1 || src[0] != NTS_CODEC_RLE)
        return flat_read(dst, count, src, src_size);
    const uint8_t *const at = nts_rle_read(scratch, count, &run_count, src + 1, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(flat_read(scratch->run_values, run_count, at, (size_t)(end - at)));
    nts_rle_expand(dst, scratch, run_count);
    return NANOTS_OK;
}

static nanots_status decimal_read(struct nts_codec_scratch *scratch, double *dst, size_t count,
                                  const uint8_t *at, const uint8_t *end)
{
    uint64_t *const values = scratch->values;
    struct nts_decimal_head head;

    at = nts_decimal_read_head(&head, count, at, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(nts_i64_decode(scratch, (int64_t *)values, count, at, (size_t)(end - at)));
    return nts_decimal_to_f64(dst, &head, values, count);
}

nanots_status nts_f64_decode(struct nts_codec_scratch *scratch, double *dst, size_t count,
                             const uint8_t *src, size_t src_size)
{
    uint64_t *const values = scratch->values;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (src_size >= 1 && src[0] == NTS_CODEC_DECIMAL)
        return decimal_read(scratch, dst, count, src + 1, src + src_size);
    if (src_size >= 1 && src[0] == NTS_CODEC_INTEGER) {
        NTS_TRY(nts_i64_decode(scratch, (int64_t *)values, count, src + 1, src_size - 1));
        nts_kernels()->to_f64(dst, values, count);
    } else {
        NTS_TRY(vector_read(scratch, values, count, src, src_size));
        f64_copy(dst, values, count);
    }
    return NANOTS_OK;
}
