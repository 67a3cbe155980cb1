/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/decimal_kernels.h - the inner loops of DECIMAL, in plain C that compilers turn into vector
 * code; each set inlines them into functions of its own, as it does with codec/bitpack_kernels.h.
 *
 * A double of 2^52 .. 2^53 has its last bit at 1, so the bits of NTS_DECIMAL_ROUNDER + n are those
 * of NTS_DECIMAL_ROUNDER, plus n, for -2^51 <= n < 2^51. That converts both ways with an addition,
 * where AVX2 has no instruction for it, and rounds on the way to integers.
 * Division is the correctly rounded one everywhere; nothing here may become a fused multiply-add.
 */
#ifndef NTS_DECIMAL_KERNELS_H
#define NTS_DECIMAL_KERNELS_H

#include "base/bytes.h"
#include "base/compiler.h"

#define NTS_DECIMAL_ROUNDER 0x1.8p52

/* What decimal_from_f64 of codec/dispatch.h does. The limit of 2^50 leaves a bit of room, so that
 * no product that is too large comes back as a number that fits. */
NTS_ALWAYS_INLINE size_t nts_kernel_decimal_from_f64(uint64_t *restrict dst,
                                                     uint64_t *restrict wrong,
                                                     const double *restrict src, size_t count,
                                                     double scale)
{
    const uint64_t limit = nts_bits_of_double(0x1p50);
    uint64_t wrong_count = 0;

    for (size_t i = 0; i < count; i++) {
        const double shifted = src[i] * scale + NTS_DECIMAL_ROUNDER;
        const double rounded = shifted - NTS_DECIMAL_ROUNDER;
        const uint64_t magnitude = nts_bits_of_double(rounded) & (uint64_t)INT64_MAX;
        const uint64_t difference =
            nts_bits_of_double(rounded / scale) ^ nts_bits_of_double(src[i]);
        const uint64_t is_wrong = (difference != 0) | (magnitude >= limit);
        dst[i] = nts_bits_of_double(shifted) - nts_bits_of_double(NTS_DECIMAL_ROUNDER);
        wrong[i] = is_wrong;
        wrong_count += is_wrong;
    }
    return (size_t)wrong_count;
}

/* What decimal_to_f64 of codec/dispatch.h does. */
NTS_ALWAYS_INLINE uint64_t nts_kernel_decimal_to_f64(double *restrict dst,
                                                     const uint64_t *restrict src, size_t count,
                                                     double scale)
{
    uint64_t beyond = 0;

    for (size_t i = 0; i < count; i++) {
        const double shifted = nts_double_of_bits(src[i] + nts_bits_of_double(NTS_DECIMAL_ROUNDER));
        beyond |= (src[i] + ((uint64_t)1 << 51)) >> 52;
        dst[i] = (shifted - NTS_DECIMAL_ROUNDER) / scale;
    }
    return beyond;
}

#endif
