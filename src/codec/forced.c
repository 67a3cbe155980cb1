/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/forced.c - one codec, whatever it takes. Contract: forced.h. */
#include "codec/forced.h"

#include <string.h>

#include "base/check.h"
#include "codec/f32.h"
#include "codec/i64.h"
#include "codec/plain.h"
#include "codec/transform.h"
#include "codec/xor.h"

bool nts_forced_serves(enum nts_chunk_kind kind, unsigned codec)
{
    switch (codec) {
    case NTS_CODEC_RAW:
        return true;
    case NTS_CODEC_XOR:
        return kind != NTS_CHUNK_I64;
    case NTS_CODEC_RLE:
    case NTS_CODEC_FOR:
    case NTS_CODEC_DELTA:
    case NTS_CODEC_DELTA2:
    case NTS_CODEC_LINE:
    case NTS_CODEC_DICTIONARY:
    case NTS_CODEC_PREDICT:
    case NTS_CODEC_SEASONAL:
        return kind == NTS_CHUNK_I64;
    default:
        return kind != NTS_CHUNK_I64 && codec != NTS_CODEC_RANKS && nts_transform_is(codec);
    }
}

static size_t raw_encode(uint8_t *dst, const uint64_t *src, size_t count)
{
    dst[0] = NTS_CODEC_RAW;
    return (size_t)(nts_raw_write(dst + 1, src, count) - dst);
}

/* ---- integers ----------------------------------------------------------------------------- */

#define SCHEMES_MAX (NTS_PREDICT_ORDER_MAX + NTS_PREDICT_FITS_MAX)

/* The ways in which one codec may write the vector, of which there is at least one. */
static size_t list_schemes(struct nts_i64_scheme *schemes, unsigned codec, const uint64_t *src,
                           size_t count)
{
    struct nts_predictor fits[NTS_PREDICT_FITS_MAX];
    size_t scheme_count = 0;

    schemes[scheme_count++] = (struct nts_i64_scheme){.codec = (enum nts_codec_id)codec};
    if (codec == NTS_CODEC_DELTA || codec == NTS_CODEC_DELTA2)
        schemes[0].predictor.order = (uint8_t)(codec - NTS_CODEC_FOR);
    if (codec == NTS_CODEC_SEASONAL && count >= NTS_SEASONAL_COUNT_MIN)
        schemes[0].period = (uint16_t)nts_seasonal_period(src, count);
    if (codec != NTS_CODEC_PREDICT)
        return scheme_count;
    schemes[0].predictor.order = NTS_DELTA_ORDER_MAX + 1;
    for (unsigned order = NTS_DELTA_ORDER_MAX + 2; order <= NTS_PREDICT_ORDER_MAX; order++)
        schemes[scheme_count++] = (struct nts_i64_scheme){.codec = NTS_CODEC_PREDICT,
                                                          .predictor = {.order = (uint8_t)order}};
    const size_t fit_count = count < NTS_PREDICT_FIT_MIN ? 0 : nts_predict_fit(fits, src, count);
    for (size_t i = 0; i < fit_count; i++)
        schemes[scheme_count++] =
            (struct nts_i64_scheme){.codec = NTS_CODEC_PREDICT, .predictor = fits[i]};
    return scheme_count;
}

static size_t ints_encode(struct nts_codec_scratch *scratch, unsigned codec, uint8_t *dst,
                          const uint64_t *src, size_t count)
{
    struct nts_i64_scheme schemes[SCHEMES_MAX];
    const size_t scheme_count = list_schemes(schemes, codec, src, count);
    struct nts_i64_plan plan;
    size_t size_min = SIZE_MAX;
    size_t best = 0;

    if (codec == NTS_CODEC_SEASONAL && schemes[0].period == 0)
        return 0;
    for (size_t i = 0; i < scheme_count; i++) {
        nts_i64_plan_scheme(&plan, scratch, &schemes[i], src, count);
        if (plan.size >= size_min)
            continue;
        size_min = plan.size;
        best = i;
    }
    if (size_min > nts_vector_bound(count))
        return 0;
    if (best + 1 != scheme_count)
        nts_i64_plan_scheme(&plan, scratch, &schemes[best], src, count);
    return (size_t)(nts_i64_write_plan(dst, &plan, scratch, src, count) - dst);
}

/* ---- doubles and floats ------------------------------------------------------------------- */

static size_t xor_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const double *src,
                         size_t count)
{
    const size_t size_max = nts_vector_bound(count);

    memcpy(scratch->values, src, count * sizeof *src);
    if (1 + nts_xor_size(scratch->values, count, size_max) > size_max)
        return 0;
    dst[0] = NTS_CODEC_XOR;
    return (size_t)(nts_xor_write(dst + 1, scratch->values, count) - dst);
}

static size_t transform_encode(struct nts_codec_scratch *scratch, unsigned codec, uint8_t *dst,
                               const double *src, size_t count)
{
    const size_t size_max = nts_vector_bound(count);
    struct nts_transformed transformed;

    if (!nts_transform_find(&transformed, scratch, (enum nts_codec_id)codec, src, count) ||
        transformed.head_size >= size_max)
        return 0;
    uint8_t *const at = nts_transform_write(dst, &transformed, scratch, src, count);
    const size_t size = nts_i64_encode_next(scratch, NULL, at, size_max - transformed.head_size,
                                            scratch->values, count);
    return size == 0 ? 0 : transformed.head_size + size;
}

static size_t doubles_encode(struct nts_codec_scratch *scratch, unsigned codec, uint8_t *dst,
                             const double *src, size_t count)
{
    switch (codec) {
    case NTS_CODEC_RAW:
        memcpy(scratch->values, src, count * sizeof *src);
        return raw_encode(dst, scratch->values, count);
    case NTS_CODEC_XOR:
        return xor_encode(scratch, dst, src, count);
    default:
        return transform_encode(scratch, codec, dst, src, count);
    }
}

/* As doubles that round to the floats: those of few digits for DECIMAL, else the same numbers. */
static size_t floats_encode(struct nts_codec_scratch *scratch, unsigned codec, uint8_t *dst,
                            const float *src, size_t count)
{
    if (codec == NTS_CODEC_RAW)
        return nts_f32_raw_write(dst, src, count);
    nts_f32_widen(scratch->wide, src, count);
    if (codec == NTS_CODEC_DECIMAL)
        (void)nts_f32_shorten(scratch->wide, count);
    const size_t size = doubles_encode(scratch, codec, scratch->wide_bytes, scratch->wide, count);
    if (size > nts_f32_bound(count))
        return 0;
    memcpy(dst, scratch->wide_bytes, size);
    return size;
}

size_t nts_forced_encode(struct nts_codec_scratch *scratch, enum nts_chunk_kind kind,
                         unsigned codec, uint8_t *dst, const void *values, size_t count)
{
    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    assert(nts_forced_serves(kind, codec));
    switch (kind) {
    case NTS_CHUNK_F64:
        return doubles_encode(scratch, codec, dst, values, count);
    case NTS_CHUNK_F32:
        return floats_encode(scratch, codec, dst, values, count);
    default:
        return ints_encode(scratch, codec, dst, values, count);
    }
}
