/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64_scheme.c - one vector in one scheme. */
#include "codec/i64_scheme.h"

#include "base/check.h"
#include "codec/plain.h"
#include "codec/rle.h"

static size_t plan_runs(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                        const uint64_t *src, size_t count)
{
    size_t lengths_size;

    plan->run_count = nts_rle_split(scratch, src, count);
    if (plan->run_count < 2)
        return SIZE_MAX;
    plan->lengths = nts_rle_choose(scratch, plan->run_count, &lengths_size);
    plan->values = nts_simple_choose(scratch, scratch->run_values, plan->run_count);
    return 1 + lengths_size + plan->values.size;
}

static size_t plan_line(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                        const uint64_t *src, size_t count)
{
    struct nts_line line;

    if (count < NTS_LINE_COUNT_MIN || !nts_line_fit(&line, src, count))
        return SIZE_MAX;
    plan->line = nts_line_choose(scratch, line, src, count);
    return 1 + plan->line.size;
}

static size_t plan_of_scheme(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                             const uint64_t *src, size_t count)
{
    const struct nts_i64_scheme *const scheme = &plan->scheme;

    switch (scheme->codec) {
    case NTS_CODEC_FOR:
    case NTS_CODEC_DELTA:
    case NTS_CODEC_DELTA2:
        if (count <= scheme->predictor.order)
            return SIZE_MAX;
        plan->delta = nts_delta_plan_order(scratch, scheme->predictor.order, src, count);
        return 1 + plan->delta.size;
    case NTS_CODEC_PREDICT:
        if (count <= nts_predict_start_count(&scheme->predictor))
            return SIZE_MAX;
        plan->predict = nts_predict_choose(scratch, &scheme->predictor, src, count);
        return 1 + plan->predict.size;
    case NTS_CODEC_LINE:
        return plan_line(plan, scratch, src, count);
    case NTS_CODEC_RLE:
        return plan_runs(plan, scratch, src, count);
    case NTS_CODEC_SEASONAL:
        if (count <= scheme->period)
            return SIZE_MAX;
        plan->seasonal = nts_seasonal_choose(scratch, scheme->period, src, count);
        return 1 + plan->seasonal.size;
    case NTS_CODEC_DICTIONARY:
        if (!nts_dictionary_choose(&plan->dictionary, scratch, src, count,
                                   NTS_DICTIONARY_ENTRIES_MAX))
            return SIZE_MAX;
        return 1 + plan->dictionary.size;
    default:
        return nts_vector_bound(count);
    }
}

void nts_i64_plan_scheme(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                         const struct nts_i64_scheme *scheme, const uint64_t *src, size_t count)
{
    plan->scheme = *scheme;
    plan->size = plan_of_scheme(plan, scratch, src, count);
}

uint8_t *nts_i64_write_plan(uint8_t *dst, const struct nts_i64_plan *plan,
                            struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    assert(plan->size <= nts_vector_bound(count));
    *dst++ = (uint8_t)plan->scheme.codec;
    switch (plan->scheme.codec) {
    case NTS_CODEC_FOR:
    case NTS_CODEC_DELTA:
    case NTS_CODEC_DELTA2:
        return nts_delta_write(dst, &plan->delta, scratch, src, count);
    case NTS_CODEC_PREDICT:
        return nts_predict_write(dst, &plan->predict, scratch, src, count);
    case NTS_CODEC_LINE:
        return nts_line_write(dst, &plan->line, scratch, src, count);
    case NTS_CODEC_RLE:
        dst = nts_rle_write(dst, &plan->lengths, scratch, plan->run_count);
        return nts_simple_write(dst, &plan->values, scratch, scratch->run_values, plan->run_count);
    case NTS_CODEC_SEASONAL:
        return nts_seasonal_write(dst, &plan->seasonal, scratch, src, count);
    case NTS_CODEC_DICTIONARY:
        return nts_dictionary_write(dst, &plan->dictionary, scratch, count);
    default:
        return nts_raw_write(dst, src, count);
    }
}
