/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/simple.c - the simple codecs: the smallest of all, without a guess. */
#include "codec/simple.h"

#include "base/check.h"
#include "codec/plain.h"

struct nts_simple_plan nts_simple_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                         size_t count)
{
    struct nts_simple_plan plan = {.size = nts_vector_bound(count), .codec = NTS_CODEC_RAW};

    assert(count >= 1);
    if (nts_all_equal(src, count)) {
        plan.codec = NTS_CODEC_CONSTANT;
        plan.size = 1 + nts_constant_size(NTS_VALUE_I64, src[0]);
        return plan;
    }
    plan.delta = nts_delta_choose(scratch, src, count);
    if (1 + plan.delta.size < plan.size) {
        plan.size = 1 + plan.delta.size;
        plan.codec = (enum nts_codec_id)(NTS_CODEC_FOR + plan.delta.order);
    }
    return plan;
}

uint8_t *nts_simple_write(uint8_t *dst, const struct nts_simple_plan *plan,
                          struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    *dst++ = (uint8_t)plan->codec;
    if (plan->codec == NTS_CODEC_RAW)
        return nts_raw_write(dst, src, count);
    if (plan->codec == NTS_CODEC_CONSTANT)
        return nts_constant_write(dst, NTS_VALUE_I64, src[0]);
    return nts_delta_write(dst, &plan->delta, scratch, src, count);
}

nanots_status nts_simple_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
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
        return nts_constant_read(dst, count, NTS_VALUE_I64, src, src_size);
    case NTS_CODEC_FOR:
    case NTS_CODEC_DELTA:
    case NTS_CODEC_DELTA2:
        return nts_delta_read(dst, count, codec - NTS_CODEC_FOR, src, src_size);
    default:
        return NANOTS_CORRUPT;
    }
}
