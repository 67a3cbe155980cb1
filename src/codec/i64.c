/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64.c - which codec a vector of integers gets, and who reads it back.
 *
 * encode:  constant? --> orders 0..2 --> runs of those? --> smallest, else RAW
 *
 * Sizes are computed exactly before a byte is written. Of equal sizes the one that decodes faster
 * wins, which is the one tried first.
 */
#include "codec/i64.h"

#include <string.h>

#include "base/check.h"
#include "codec/delta.h"
#include "codec/plain.h"
#include "codec/rle.h"

/* What one vector without runs becomes; size includes the codec byte. */
struct flat_ints_plan {
    size_t size;
    enum nts_codec_id codec;
    struct nts_delta_plan delta;
};

/* The same for a vector that may be cut into runs, whose values `flat` then speaks of. */
struct ints_plan {
    size_t size;
    size_t run_count; /* 0: no runs */
    struct nts_patched_plan lengths;
    struct flat_ints_plan flat;
};

/* ---- encode ------------------------------------------------------------------------------- */

static struct flat_ints_plan flat_ints_choose(struct nts_codec_scratch *scratch,
                                              const uint64_t *src, size_t count)
{
    struct flat_ints_plan plan = {.size = nts_vector_bound(count), .codec = NTS_CODEC_RAW};

    plan.delta = nts_delta_choose(scratch, src, count);
    if (1 + plan.delta.size < plan.size) {
        plan.size = 1 + plan.delta.size;
        plan.codec = (enum nts_codec_id)(NTS_CODEC_FOR + plan.delta.order);
    }
    return plan;
}

static uint8_t *flat_ints_write(uint8_t *dst, const struct flat_ints_plan *plan,
                                struct nts_codec_scratch *scratch, const uint64_t *src,
                                size_t count)
{
    *dst++ = (uint8_t)plan->codec;
    if (plan->codec == NTS_CODEC_RAW)
        return nts_raw_write(dst, src, count);
    return nts_delta_write(dst, &plan->delta, scratch, src, count);
}

/* Chooses for a vector that may have runs. Leaves the runs in the scratch. */
static struct ints_plan ints_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                    size_t count)
{
    struct ints_plan plan = {.run_count = 0};

    plan.flat = flat_ints_choose(scratch, src, count);
    plan.size = plan.flat.size;
    const size_t run_count = nts_rle_split(scratch, src, count);
    if (run_count < 2)
        return plan;

    size_t lengths_size;
    const struct nts_patched_plan lengths = nts_rle_choose(scratch, run_count, &lengths_size);
    const struct flat_ints_plan values = flat_ints_choose(scratch, scratch->run_values, run_count);
    if (1 + lengths_size + values.size < plan.size) {
        plan.size = 1 + lengths_size + values.size;
        plan.run_count = run_count;
        plan.lengths = lengths;
        plan.flat = values;
    }
    return plan;
}

static uint8_t *ints_write(uint8_t *dst, const struct ints_plan *plan,
                           struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    if (plan->run_count == 0)
        return flat_ints_write(dst, &plan->flat, scratch, src, count);
    *dst++ = NTS_CODEC_RLE;
    dst = nts_rle_write(dst, &plan->lengths, scratch, plan->run_count);
    return flat_ints_write(dst, &plan->flat, scratch, scratch->run_values, plan->run_count);
}

static size_t constant_encode(uint8_t *dst, size_t size_max, uint64_t value)
{
    uint8_t bytes[1 + sizeof value] = {NTS_CODEC_CONSTANT};
    const size_t size = (size_t)(nts_constant_write(bytes + 1, NTS_VALUE_I64, value) - bytes);

    if (size > size_max)
        return 0;
    memcpy(dst, bytes, size);
    return size;
}

size_t nts_i64_encode_within(struct nts_codec_scratch *scratch, uint8_t *dst, size_t size_max,
                             const uint64_t *src, size_t count)
{
    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (nts_all_equal(src, count))
        return constant_encode(dst, size_max, src[0]);

    const struct ints_plan plan = ints_choose(scratch, src, count);
    if (plan.size > size_max)
        return 0;
    const uint8_t *const end = ints_write(dst, &plan, scratch, src, count);
    assert(end == dst + plan.size);
    return (size_t)(end - dst);
}

size_t nts_i64_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const int64_t *src,
                      size_t count)
{
    /* The two types of integer may alias. */
    return nts_i64_encode_within(scratch, dst, nts_vector_bound(count), (const uint64_t *)src,
                                 count);
}

/* ---- decode ------------------------------------------------------------------------------- */

/* Reads a vector of any codec but RLE, with its codec byte. */
static nanots_status flat_ints_read(uint64_t *dst, size_t count, const uint8_t *src,
                                    size_t src_size)
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

nanots_status nts_i64_decode(struct nts_codec_scratch *scratch, int64_t *dst, size_t count,
                             const uint8_t *src, size_t src_size)
{
    uint64_t *const values = (uint64_t *)dst; /* the two types may alias */
    const uint8_t *const end = src + src_size;
    size_t run_count;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (src_size < 1 || src[0] != NTS_CODEC_RLE)
        return flat_ints_read(values, count, src, src_size);
    const uint8_t *const at = nts_rle_read(scratch, count, &run_count, src + 1, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(flat_ints_read(scratch->run_values, run_count, at, (size_t)(end - at)));
    nts_rle_expand(values, scratch, run_count);
    return NANOTS_OK;
}
