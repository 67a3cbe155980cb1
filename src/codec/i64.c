/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64.c - how a vector of integers gets its codec, and who reads it back.
 *
 * encode:  constant? --> divisor? --> what won before, or i64_select.c --> smaller than RAW?
 * decode:  SCALED --> RLE or one without another vector behind it --> values; BINNED by a model
 */
#include "codec/i64.h"

#include "base/check.h"
#include "codec/dispatch.h"
#include "codec/i64_select.h"
#include "codec/plain.h"
#include "codec/rle.h"
#include "codec/scaled.h"

/* Vectors from one look at all codecs to the next. */
#define CHOICE_AGE_MAX 8u
/* Bytes that heads of the same nature may differ by. */
#define CHOICE_SIZE_SLACK 16u
/* A divisor is looked for in so many values before all are tried. */
#define DIVISOR_SAMPLE_COUNT 16u
/* What a divisor brings must be more than its bytes; and vectors of a few bytes have no need. */
#define DIVISOR_SIZE_MIN 24u

/* ---- encode ------------------------------------------------------------------------------- */

static size_t constant_encode(uint8_t *dst, size_t size_max, uint64_t value)
{
    const size_t size = 1 + nts_constant_size(NTS_VALUE_I64, value);

    if (size > size_max)
        return 0;
    dst[0] = NTS_CODEC_CONSTANT;
    (void)nts_constant_write(dst + 1, NTS_VALUE_I64, value);
    return size;
}

/* Whether a size is what was expected: more means another nature of the vector, and so does much
 * less. */
static bool choice_fits(size_t expected, size_t size)
{
    return size <= expected + expected / 6 + CHOICE_SIZE_SLACK &&
           expected <= size + size / 3 + CHOICE_SIZE_SLACK;
}

/* A vector on its way to bytes: divided, if divisor is not 0, and planned. */
struct encoding {
    struct nts_codec_scratch *scratch;
    const uint64_t *src;
    size_t count;
    uint64_t origin;
    uint64_t divisor;
    struct nts_i64_plan plan;
};

/* What the plan speaks of. */
static const uint64_t *encoding_numbers(const struct encoding *encoding)
{
    return encoding->divisor != 0 ? encoding->scratch->quotients : encoding->src;
}

static size_t encoding_head_size(const struct encoding *encoding)
{
    return encoding->divisor != 0 ? 1 + nts_scaled_head_size(encoding->origin, encoding->divisor)
                                  : 0;
}

static bool encoding_divide(struct encoding *encoding, uint64_t divisor)
{
    return divisor >= 2 && nts_scaled_divide(encoding->scratch->quotients, encoding->src,
                                             encoding->count, encoding->origin, divisor);
}

/* Finds the divisor of the distances from the smallest value, if there is one. */
static void encoding_find_divisor(struct encoding *encoding)
{
    const uint64_t *const src = encoding->src;
    const size_t count = encoding->count;

    encoding->origin = nts_kernels()->range(src, count).min;
    uint64_t divisor = nts_scaled_divisor(
        src, count < DIVISOR_SAMPLE_COUNT ? count : DIVISOR_SAMPLE_COUNT, encoding->origin, 0);
    if (divisor != 1 && !encoding_divide(encoding, divisor)) {
        divisor = nts_scaled_divisor(src, count, encoding->origin, divisor);
        (void)encoding_divide(encoding, divisor);
    }
    encoding->divisor = divisor >= 2 ? divisor : 0;
}

static void encoding_plan_scheme(struct encoding *encoding, const struct nts_i64_scheme *scheme)
{
    nts_i64_plan_scheme(&encoding->plan, encoding->scratch, scheme, encoding_numbers(encoding),
                        encoding->count);
}

static void encoding_select(struct encoding *encoding)
{
    nts_i64_select(&encoding->plan, encoding->scratch, encoding_numbers(encoding), encoding->count);
}

/* Plans as the vectors before; false if that has to be done afresh. */
static bool encoding_plan_known(struct encoding *encoding, const struct nts_i64_choice *choice)
{
    if (choice->age == 0 || choice->age >= CHOICE_AGE_MAX || encoding->count != choice->count)
        return false;
    if (choice->divisor != 0) {
        encoding->origin = nts_kernels()->range(encoding->src, encoding->count).min;
        if (!encoding_divide(encoding, choice->divisor))
            return false;
    }
    encoding->divisor = choice->divisor;
    encoding_plan_scheme(encoding, &choice->known[0]);
    if (choice->known_count > 1 && encoding->plan.size > choice->size) {
        const size_t size = encoding->plan.size;
        encoding_plan_scheme(encoding, &choice->known[1]);
        if (encoding->plan.size >= size)
            encoding_plan_scheme(encoding, &choice->known[0]);
    }
    return choice_fits(choice->size, encoding->plan.size);
}

/* Looks at everything. */
static void encoding_plan_afresh(struct encoding *encoding)
{
    encoding_find_divisor(encoding);
    encoding_select(encoding);
    if (encoding->divisor == 0 || encoding->plan.size > DIVISOR_SIZE_MIN)
        return;
    /* So few bytes may be fewer without the divisor. */
    const size_t size = encoding_head_size(encoding) + encoding->plan.size;
    const uint64_t divisor = encoding->divisor;
    encoding->divisor = 0;
    encoding_select(encoding);
    if (encoding->plan.size <= size)
        return;
    encoding->divisor = divisor;
    encoding_select(encoding);
}

/* Remembers a vector that was planned afresh. */
static void choice_update(struct nts_i64_choice *choice, const struct encoding *encoding)
{
    const struct nts_i64_scheme *const scheme = &encoding->plan.scheme;

    if (choice->known_count > 0 && (choice->known[0].codec != scheme->codec ||
                                    choice->known[0].predictor.order != scheme->predictor.order)) {
        choice->known[1] = choice->known[0];
        choice->known_count = NTS_I64_KNOWN_MAX;
    }
    if (choice->known_count == 0)
        choice->known_count = 1;
    choice->known[0] = *scheme;
    choice->divisor = encoding->divisor;
    choice->size = encoding->plan.size;
    choice->count = encoding->count;
    choice->age = 0;
}

static size_t encoding_write(const struct encoding *encoding, uint8_t *dst, size_t size_max)
{
    const size_t size = encoding_head_size(encoding) + encoding->plan.size;
    const size_t raw_size = nts_vector_bound(encoding->count);
    uint8_t *at = dst;

    if ((size < raw_size ? size : raw_size) > size_max)
        return 0;
    if (size >= raw_size) {
        *at++ = NTS_CODEC_RAW;
        at = nts_raw_write(at, encoding->src, encoding->count);
        return (size_t)(at - dst);
    }
    if (encoding->divisor != 0) {
        *at++ = NTS_CODEC_SCALED;
        at = nts_scaled_write_head(at, encoding->origin, encoding->divisor);
    }
    at = nts_i64_write_plan(at, &encoding->plan, encoding->scratch, encoding_numbers(encoding),
                            encoding->count);
    assert(at == dst + size);
    return (size_t)(at - dst);
}

size_t nts_i64_encode_next(struct nts_codec_scratch *scratch, struct nts_i64_choice *choice,
                           uint8_t *dst, size_t size_max, const uint64_t *src, size_t count)
{
    struct nts_i64_choice none = {.age = 0};
    struct encoding encoding = {.scratch = scratch, .src = src, .count = count};

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (nts_all_equal(src, count))
        return constant_encode(dst, size_max, src[0]);
    if (choice == NULL)
        choice = &none;
    if (!encoding_plan_known(&encoding, choice)) {
        encoding_plan_afresh(&encoding);
        choice_update(choice, &encoding);
    }
    choice->age++;
    return encoding_write(&encoding, dst, size_max);
}

size_t nts_i64_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const int64_t *src,
                      size_t count)
{
    /* The two types of integer may alias. */
    return nts_i64_encode_next(scratch, NULL, dst, nts_vector_bound(count), (const uint64_t *)src,
                               count);
}

/* ---- decode ------------------------------------------------------------------------------- */

static nanots_status runs_of_ints_read(struct nts_codec_scratch *scratch, uint64_t *dst,
                                       size_t count, const uint8_t *at, const uint8_t *end)
{
    size_t run_count;

    at = nts_rle_read(scratch, count, &run_count, at, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(nts_simple_read(scratch->run_values, run_count, at, (size_t)(end - at)));
    nts_rle_expand(dst, scratch, run_count);
    return NANOTS_OK;
}

/* Reads a vector of any codec but SCALED. */
static nanots_status unscaled_read(struct nts_codec_scratch *scratch, uint64_t *dst, size_t count,
                                   const uint8_t *src, size_t src_size)
{
    if (src_size < 1)
        return NANOTS_CORRUPT;
    switch (src[0]) {
    case NTS_CODEC_RLE:
        return runs_of_ints_read(scratch, dst, count, src + 1, src + src_size);
    case NTS_CODEC_LINE:
        return nts_line_read(dst, count, src + 1, src_size - 1);
    case NTS_CODEC_DICTIONARY:
        return nts_dictionary_read(dst, count, src + 1, src_size - 1);
    case NTS_CODEC_PREDICT:
        return nts_predict_read(dst, count, src + 1, src_size - 1);
    case NTS_CODEC_SEASONAL:
        return nts_seasonal_read(dst, count, src + 1, src_size - 1);
    default:
        return nts_simple_read(dst, count, src, src_size);
    }
}

static nanots_status scaled_read(struct nts_codec_scratch *scratch, uint64_t *dst, size_t count,
                                 const uint8_t *at, const uint8_t *end)
{
    uint64_t origin;
    uint64_t divisor;

    at = nts_scaled_read_head(&origin, &divisor, at, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(unscaled_read(scratch, dst, count, at, (size_t)(end - at)));
    nts_scaled_multiply(dst, count, origin, divisor);
    return NANOTS_OK;
}

nanots_status nts_i64_decode_in(struct nts_codec_scratch *scratch,
                                const struct nts_binned_model *model, int64_t *dst, size_t count,
                                const uint8_t *src, size_t src_size)
{
    uint64_t *const values = (uint64_t *)dst; /* the two types may alias */

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (src_size >= 1 && src[0] == NTS_CODEC_SCALED)
        return scaled_read(scratch, values, count, src + 1, src + src_size);
    if (src_size >= 1 && src[0] == NTS_CODEC_BINNED)
        return model == NULL ? NANOTS_CORRUPT
                             : nts_binned_read(model, values, count, src + 1, src_size - 1);
    return unscaled_read(scratch, values, count, src, src_size);
}

nanots_status nts_i64_decode(struct nts_codec_scratch *scratch, int64_t *dst, size_t count,
                             const uint8_t *src, size_t src_size)
{
    return nts_i64_decode_in(scratch, NULL, dst, count, src, src_size);
}
