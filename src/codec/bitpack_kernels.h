/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bitpack_kernels.h - the inner loops, in plain C that compilers turn into vector code.
 *
 * Each set (bitpack.c, bitpack_avx2.c, bitpack_avx512.c) inlines them into functions of its own
 * instruction set. Inner loops run over the 16 lanes of one row with one shift for all, which is
 * what makes them vector code. The outer functions of AVX2 and AVX-512 repeat `restrict`: gcc
 * forgets that of inlined parameters and then unpacks number by number.
 */
#ifndef NTS_BITPACK_KERNELS_H
#define NTS_BITPACK_KERNELS_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "codec/bit_stream.h"
#include "codec/dispatch.h"

#define NTS_LANES     16u
#define NTS_LANE_ROWS (NTS_VECTOR_ROWS / NTS_LANES)

NTS_ALWAYS_INLINE void nts_kernel_lanes_unpack(uint64_t *restrict dst, const uint8_t *restrict src,
                                               unsigned width, uint64_t base)
{
    const uint64_t mask = nts_low_bits(width);

    if (width == 0) {
        for (size_t i = 0; i < NTS_VECTOR_ROWS; i++)
            dst[i] = base;
        return;
    }
    for (unsigned row = 0; row < NTS_LANE_ROWS; row++, dst += NTS_LANES) {
        const unsigned bit = row * width;
        const unsigned shift = bit % 64;
        const uint8_t *word = src + (size_t)(bit / 64) * NTS_LANES * 8;

        if (shift + width <= 64) {
            for (size_t lane = 0; lane < NTS_LANES; lane++)
                dst[lane] = ((nts_load_u64(word + 8 * lane) >> shift) & mask) + base;
        } else {
            for (size_t lane = 0; lane < NTS_LANES; lane++) {
                const uint64_t low = nts_load_u64(word + 8 * lane) >> shift;
                const uint64_t high = nts_load_u64(word + 8 * (NTS_LANES + lane)) << (64 - shift);
                dst[lane] = ((low | high) & mask) + base;
            }
        }
    }
}

NTS_ALWAYS_INLINE void nts_kernel_lanes_pack(uint8_t *restrict dst, const uint64_t *restrict src,
                                             unsigned width)
{
    const uint64_t mask = nts_low_bits(width);
    uint64_t words[NTS_LANES] = {0};
    unsigned shift = 0; /* bits already in `words` */

    if (width == 0)
        return;
    for (unsigned row = 0; row < NTS_LANE_ROWS; row++, src += NTS_LANES) {
        for (size_t lane = 0; lane < NTS_LANES; lane++)
            words[lane] |= (src[lane] & mask) << shift;
        shift += width;
        if (shift < 64)
            continue;
        for (size_t lane = 0; lane < NTS_LANES; lane++)
            nts_store_u64(dst + 8 * lane, words[lane]);
        dst += 8 * NTS_LANES;
        shift -= 64;
        /* What did not fit opens the next word; a shift by 64 is split, as C does not define it. */
        for (size_t lane = 0; lane < NTS_LANES; lane++)
            words[lane] = ((src[lane] & mask) >> 1) >> (width - shift - 1);
    }
}

NTS_ALWAYS_INLINE struct nts_range nts_kernel_range(const uint64_t *src, size_t count)
{
    int64_t min = (int64_t)src[0];
    int64_t max = min;

    for (size_t i = 1; i < count; i++) {
        const int64_t x = (int64_t)src[i];
        min = x < min ? x : min;
        max = x > max ? x : max;
    }
    return (struct nts_range){(uint64_t)min, (uint64_t)max};
}

NTS_ALWAYS_INLINE struct nts_outliers
nts_kernel_outliers(const uint64_t *src, size_t count, uint64_t base, unsigned width, bool zigzag)
{
    uint64_t rest_count = 0;
    uint64_t rest_or = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t difference = src[i] - base;
        const uint64_t u = zigzag ? nts_zigzag((int64_t)difference) : difference;
        const uint64_t is_rest = 0 - (uint64_t)(u >> width == 0);
        rest_count -= is_rest;
        rest_or |= u & is_rest;
    }
    return (struct nts_outliers){count - rest_count, rest_or};
}

NTS_ALWAYS_INLINE void nts_kernel_to_f64(double *restrict dst, const uint64_t *restrict src,
                                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = (double)(int64_t)src[i];
}

NTS_ALWAYS_INLINE void nts_kernel_multiply(uint64_t *x, size_t count, uint64_t origin,
                                           uint64_t divisor)
{
    for (size_t i = 0; i < count; i++)
        x[i] = origin + divisor * x[i];
}

NTS_ALWAYS_INLINE void nts_kernel_unzigzag(uint64_t *dst, size_t count, uint64_t base)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = base + ((dst[i] >> 1) ^ (0 - (dst[i] & 1)));
}

#endif
