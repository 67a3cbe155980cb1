/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/binned_kernels.h - the inner loops that read codec BINNED, compiled once for each set of
 * codec/dispatch.h. They hold no vectors: what the newer sets bring are shifts by any register. */
#ifndef NTS_BINNED_KERNELS_H
#define NTS_BINNED_KERNELS_H

#include "base/compiler.h"
#include "codec/ans.h"
#include "codec/bit_stream.h"

NTS_ALWAYS_INLINE uint32_t nts_kernel_ans_step(struct nts_ans_entry entry, uint64_t word)
{
    return entry.base + (uint32_t)(word & (((uint64_t)1 << entry.bit_count) - 1));
}

/* See nts_ans_read. */
NTS_ALWAYS_INLINE size_t nts_kernel_ans_read(uint8_t *restrict dst,
                                             const struct nts_ans_entry *restrict table,
                                             unsigned log, size_t count,
                                             const uint8_t *restrict src, size_t src_size)
{
    const size_t steps = (count + NTS_ANS_LANES - 1) / NTS_ANS_LANES;
    const uint64_t mask = nts_low_bits(log);
    uint64_t word = nts_bits_peek(src, src_size, 0);
    uint64_t at = NTS_ANS_LANES * (uint64_t)log;
    uint32_t s0 = (uint32_t)(word & mask);
    uint32_t s1 = (uint32_t)(word >> log & mask);
    uint32_t s2 = (uint32_t)(word >> 2 * log & mask);
    uint32_t s3 = (uint32_t)(word >> 3 * log & mask);

    for (size_t i = 0; i < steps; i++) {
        const struct nts_ans_entry e0 = table[s0];
        const struct nts_ans_entry e1 = table[s1];
        const struct nts_ans_entry e2 = table[s2];
        const struct nts_ans_entry e3 = table[s3];
        const unsigned n1 = e0.bit_count;
        const unsigned n2 = n1 + e1.bit_count;
        const unsigned n3 = n2 + e2.bit_count;

        word = nts_bits_peek(src, src_size, at);
        dst[i] = e0.symbol;
        dst[steps + i] = e1.symbol;
        dst[2 * steps + i] = e2.symbol;
        dst[3 * steps + i] = e3.symbol;
        s0 = nts_kernel_ans_step(e0, word);
        s1 = nts_kernel_ans_step(e1, word >> n1);
        s2 = nts_kernel_ans_step(e2, word >> n2);
        s3 = nts_kernel_ans_step(e3, word >> n3);
        at += n3 + e3.bit_count;
    }
    if ((s0 | s1 | s2 | s3) != 0 || at > 8 * (uint64_t)src_size)
        return SIZE_MAX;
    return (size_t)((at + 7) / 8);
}

/* See struct nts_kernels. */
NTS_ALWAYS_INLINE uint64_t nts_kernel_offsets_add(uint64_t *restrict dst,
                                                  const uint8_t *restrict symbols, size_t count,
                                                  const uint64_t *restrict lowers,
                                                  const uint8_t *restrict widths,
                                                  unsigned width_max, const uint8_t *restrict src,
                                                  size_t src_size)
{
    uint64_t at = 0;
    size_t i = 0;

    if (width_max == 0) {
        for (; i < count; i++)
            dst[i] = lowers[symbols[i]];
        return 0;
    }
    if (width_max <= 56 && src_size >= 8)
        for (const uint64_t last = 8 * (uint64_t)(src_size - 8) + 7; i < count && at <= last; i++) {
            const unsigned width = widths[symbols[i]];
            const uint64_t word = nts_load_u64(src + at / 8) >> (at % 8);
            dst[i] = lowers[symbols[i]] + (word & (((uint64_t)1 << width) - 1));
            at += width;
        }
    for (; i < count; i++) {
        const unsigned width = widths[symbols[i]];
        dst[i] = lowers[symbols[i]] + nts_bits_peek_wide(src, src_size, at, width);
        at += width;
    }
    return at;
}

#endif
