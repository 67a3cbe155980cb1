/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bitpack_avx2.c - the kernels compiled for AVX2; nothing on other processors. The functions
 * carry their target: a global -mavx2 would let common code use it unasked. */
#include "codec/binned_kernels.h"
#include "codec/bitpack_kernels.h"
#include "codec/decimal_kernels.h"
#include "codec/delta_kernels.h"

#if defined(__x86_64__)

#define TARGET_AVX2 NTS_TARGET("avx2,fma,bmi,bmi2,lzcnt")

static TARGET_AVX2 void avx2_lanes_pack(uint8_t *dst, const uint64_t *src, unsigned width)
{
    nts_kernel_lanes_pack(dst, src, width);
}

static TARGET_AVX2 void avx2_lanes_unpack(uint64_t *restrict dst, const uint8_t *restrict src,
                                          unsigned width, uint64_t base)
{
    nts_kernel_lanes_unpack(dst, src, width, base);
}

static TARGET_AVX2 struct nts_range avx2_range(const uint64_t *src, size_t count)
{
    return nts_kernel_range(src, count);
}

static TARGET_AVX2 struct nts_outliers avx2_outliers(const uint64_t *src, size_t count,
                                                     uint64_t base, unsigned width)
{
    return nts_kernel_outliers(src, count, base, width, false);
}

static TARGET_AVX2 struct nts_outliers avx2_outliers_zigzag(const uint64_t *src, size_t count,
                                                            uint64_t base, unsigned width)
{
    return nts_kernel_outliers(src, count, base, width, true);
}

static TARGET_AVX2 void avx2_to_f64(double *dst, const uint64_t *src, size_t count)
{
    nts_kernel_to_f64(dst, src, count);
}

static TARGET_AVX2 void avx2_unzigzag(uint64_t *dst, size_t count, uint64_t base)
{
    nts_kernel_unzigzag(dst, count, base);
}

static TARGET_AVX2 void avx2_multiply(uint64_t *x, size_t count, uint64_t origin, uint64_t divisor)
{
    nts_kernel_multiply(x, count, origin, divisor);
}

static TARGET_AVX2 void avx2_sum_up(uint64_t *x, size_t count)
{
    nts_kernel_sum_up_by_four(x, count);
}

static TARGET_AVX2 size_t avx2_decimal_from_f64(uint64_t *restrict dst, uint64_t *restrict wrong,
                                                const double *restrict src, size_t count,
                                                double scale)
{
    return nts_kernel_decimal_from_f64(dst, wrong, src, count, scale, true);
}

static TARGET_AVX2 uint64_t avx2_decimal_to_f64(double *restrict dst, const uint64_t *restrict src,
                                                size_t count, double scale)
{
    return nts_kernel_decimal_to_f64(dst, src, count, scale, true);
}

static TARGET_AVX2 size_t avx2_ans_read(uint8_t *restrict dst,
                                        const struct nts_ans_entry *restrict table, unsigned log,
                                        size_t count, const uint8_t *restrict src, size_t src_size)
{
    return nts_kernel_ans_read(dst, table, log, count, src, src_size);
}

static TARGET_AVX2 uint64_t avx2_offsets_add(uint64_t *restrict dst,
                                             const uint8_t *restrict symbols, size_t count,
                                             const uint64_t *restrict lowers,
                                             const uint8_t *restrict widths, unsigned width_max,
                                             const uint8_t *restrict src, size_t src_size)
{
    return nts_kernel_offsets_add(dst, symbols, count, lowers, widths, width_max, src, src_size);
}

const struct nts_kernels nts_kernels_avx2 = {
    .lanes_pack = avx2_lanes_pack,
    .lanes_unpack = avx2_lanes_unpack,
    .range = avx2_range,
    .outliers = avx2_outliers,
    .outliers_zigzag = avx2_outliers_zigzag,
    .to_f64 = avx2_to_f64,
    .unzigzag = avx2_unzigzag,
    .multiply = avx2_multiply,
    .sum_up = avx2_sum_up,
    .decimal_from_f64 = avx2_decimal_from_f64,
    .decimal_to_f64 = avx2_decimal_to_f64,
    .ans_read = avx2_ans_read,
    .offsets_add = avx2_offsets_add,
};

#else

/* ISO C wants one declaration in each file. */
typedef int nts_kernels_avx2_not_built;

#endif
