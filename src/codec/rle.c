/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/rle.c - splitting into runs and back. */
#include "codec/rle.h"

#include "codec/varint.h"

size_t nts_rle_split(struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    const size_t run_count_max = count / 2;
    size_t run_count = 0;
    size_t run_start = 0;

    for (size_t i = 1; i <= count; i++) {
        if (i < count && src[i] == src[run_start])
            continue;
        if (run_count == run_count_max)
            return 0;
        scratch->run_values[run_count] = src[run_start];
        scratch->run_counts[run_count] = i - run_start;
        run_count++;
        run_start = i;
    }
    return run_count;
}

struct nts_patched_plan nts_rle_choose(const struct nts_codec_scratch *scratch, size_t run_count,
                                       size_t *size_out)
{
    const struct nts_patched_plan plan =
        nts_patched_choose(scratch->run_counts, run_count - 1, run_count - 1);

    *size_out = nts_varint_size(run_count) + plan.size;
    return plan;
}

uint8_t *nts_rle_write(uint8_t *dst, const struct nts_patched_plan *plan,
                       struct nts_codec_scratch *scratch, size_t run_count)
{
    dst = nts_varint_put(dst, run_count);
    return nts_patched_write(dst, plan, scratch->c, scratch->run_counts, run_count - 1);
}

const uint8_t *nts_rle_read(struct nts_codec_scratch *scratch, size_t count, size_t *run_count_out,
                            const uint8_t *at, const uint8_t *end)
{
    uint64_t run_count;
    size_t rest = count;

    *run_count_out = 0;
    at = nts_varint_get(at, end, &run_count);
    if (at == NULL || run_count < 2 || run_count > count / 2)
        return NULL;
    at = nts_patched_read(scratch->run_counts, (size_t)run_count - 1, at, end);
    if (at == NULL)
        return NULL;
    for (size_t run = 0; run + 1 < run_count; run++) {
        if (scratch->run_counts[run] < 1 || scratch->run_counts[run] >= rest)
            return NULL;
        rest -= (size_t)scratch->run_counts[run];
    }
    scratch->run_counts[run_count - 1] = rest;
    *run_count_out = (size_t)run_count;
    return at;
}

void nts_rle_expand(uint64_t *dst, const struct nts_codec_scratch *scratch, size_t run_count)
{
    for (size_t run = 0; run < run_count; run++) {
        const uint64_t value = scratch->run_values[run];
        const size_t length = (size_t)scratch->run_counts[run];
        for (size_t i = 0; i < length; i++)
            dst[i] = value;
        dst += length;
    }
}
