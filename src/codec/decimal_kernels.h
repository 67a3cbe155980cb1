/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/decimal_kernels.h - the inner loops of DECIMAL, in plain C that compilers turn into vector
 * code; each set inlines them into functions of its own, as it does with codec/bitpack_kernels.h.
 *
 * A double of 2^52 .. 2^53 has its last bit at 1, so the bits of NTS_DECIMAL_ROUNDER + n are those
 * of NTS_DECIMAL_ROUNDER, plus n, for -2^51 <= n < 2^51. That converts both ways with an addition,
 * where AVX2 has no instruction for it, and rounds on the way to integers.
 * Division is the correctly rounded one everywhere, and no product here may be fused with a sum but
 * those that say so. Sets with fused multiply-add divide with it, several times faster than by
 * their instruction: from the product with the correctly rounded inverse, whose error is below two
 * units in the last place, one step comes to within one, and from there one more rounds correctly
 * (P. Markstein, Computation of elementary functions on the IBM RISC System/6000 processor, 1990,
 * theorem 8.7 ff.). That holds where neither the quotient nor the remainder leaves the normal
 * range: |n| < 2^51 and 1 <= scale <= 10^17 stay well inside.
 */
#ifndef NTS_DECIMAL_KERNELS_H
#define NTS_DECIMAL_KERNELS_H

#include "base/bytes.h"
#include "base/compiler.h"

#define NTS_DECIMAL_ROUNDER 0x1.8p52

/* n / scale, to nearest even; inverse is 1 / scale. */
NTS_ALWAYS_INLINE double nts_kernel_quotient(double n, double scale, double inverse, bool is_fused)
{
    if (!is_fused)
        return n / scale;
    const double near = n * inverse;
    const double close = __builtin_fma(__builtin_fma(-near, scale, n), inverse, near);
    return __builtin_fma(__builtin_fma(-close, scale, n), inverse, close);
}

/* What decimal_from_f64 of codec/dispatch.h does. The limit of 2^50 leaves a bit of room, so that
 * no product that is too large comes back as a number that fits. */
NTS_ALWAYS_INLINE size_t nts_kernel_decimal_from_f64(uint64_t *restrict dst,
                                                     uint64_t *restrict wrong,
                                                     const double *restrict src, size_t count,
                                                     double scale, bool is_fused)
{
    const uint64_t limit = nts_bits_of_double(0x1p50);
    const double inverse = 1.0 / scale;
    uint64_t wrong_count = 0;

    for (size_t i = 0; i < count; i++) {
        const double shifted = src[i] * scale + NTS_DECIMAL_ROUNDER;
        const double rounded = shifted - NTS_DECIMAL_ROUNDER;
        const uint64_t magnitude = nts_bits_of_double(rounded) & (uint64_t)INT64_MAX;
        const double back = nts_kernel_quotient(rounded, scale, inverse, is_fused);
        const uint64_t difference = nts_bits_of_double(back) ^ nts_bits_of_double(src[i]);
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
                                                     double scale, bool is_fused)
{
    const double inverse = 1.0 / scale;
    uint64_t beyond = 0;

    for (size_t i = 0; i < count; i++) {
        const double shifted = nts_double_of_bits(src[i] + nts_bits_of_double(NTS_DECIMAL_ROUNDER));
        beyond |= (src[i] + ((uint64_t)1 << 51)) >> 52;
        dst[i] = nts_kernel_quotient(shifted - NTS_DECIMAL_ROUNDER, scale, inverse, is_fused);
    }
    return beyond;
}

#endif
