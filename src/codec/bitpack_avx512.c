/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bitpack_avx512.c - the kernels compiled for AVX-512; nothing on other processors. The
 * functions carry their target: a global -mavx512f would let common code use it unasked. */
#include "codec/binned_kernels.h"
#include "codec/bitpack_kernels.h"
#include "codec/decimal_kernels.h"
#include "codec/delta_kernels.h"

#if defined(__x86_64__)

#define TARGET_AVX512 NTS_TARGET("avx512f,avx512bw,avx512dq,avx512vl,fma,bmi,bmi2,lzcnt")

static TARGET_AVX512 void avx512_lanes_pack(uint8_t *dst, const uint64_t *src, unsigned width)
{
    nts_kernel_lanes_pack(dst, src, width);
}

static TARGET_AVX512 void avx512_lanes_unpack(uint64_t *restrict dst, const uint8_t *restrict src,
                                              unsigned width, uint64_t base)
{
    nts_kernel_lanes_unpack(dst, src, width, base);
}

static TARGET_AVX512 struct nts_range avx512_range(const uint64_t *src, size_t count)
{
    return nts_kernel_range(src, count);
}

static TARGET_AVX512 struct nts_outliers avx512_outliers(const uint64_t *src, size_t count,
                                                         uint64_t base, unsigned width)
{
    return nts_kernel_outliers(src, count, base, width, false);
}

static TARGET_AVX512 struct nts_outliers avx512_outliers_zigzag(const uint64_t *src, size_t count,
                                                                uint64_t base, unsigned width)
{
    return nts_kernel_outliers(src, count, base, width, true);
}

static TARGET_AVX512 void avx512_to_f64(double *dst, const uint64_t *src, size_t count)
{
    nts_kernel_to_f64(dst, src, count);
}

static TARGET_AVX512 void avx512_unzigzag(uint64_t *dst, size_t count, uint64_t base)
{
    nts_kernel_unzigzag(dst, count, base);
}

static TARGET_AVX512 void avx512_multiply(uint64_t *x, size_t count, uint64_t origin,
                                          uint64_t divisor)
{
    nts_kernel_multiply(x, count, origin, divisor);
}

static TARGET_AVX512 void avx512_sum_up(uint64_t *x, size_t count)
{
    nts_kernel_sum_up_by_eight(x, count);
}

static TARGET_AVX512 size_t avx512_decimal_from_f64(uint64_t *restrict dst,
                                                    uint64_t *restrict wrong,
                                                    const double *restrict src, size_t count,
                                                    double scale)
{
    return nts_kernel_decimal_from_f64(dst, wrong, src, count, scale, true);
}

static TARGET_AVX512 uint64_t avx512_decimal_to_f64(double *restrict dst,
                                                    const uint64_t *restrict src, size_t count,
                                                    double scale)
{
    return nts_kernel_decimal_to_f64(dst, src, count, scale, true);
}

static TARGET_AVX512 size_t avx512_ans_read(uint8_t *restrict dst,
                                            const struct nts_ans_entry *restrict table,
                                            unsigned log, size_t count, const uint8_t *restrict src,
                                            size_t src_size)
{
    return nts_kernel_ans_read(dst, table, log, count, src, src_size);
}

static TARGET_AVX512 uint64_t avx512_offsets_add(uint64_t *restrict dst,
                                                 const uint8_t *restrict symbols, size_t count,
                                                 const uint64_t *restrict lowers,
                                                 const uint8_t *restrict widths, unsigned width_max,
                                                 const uint8_t *restrict src, size_t src_size)
{
    return nts_kernel_offsets_add(dst, symbols, count, lowers, widths, width_max, src, src_size);
}

const struct nts_kernels nts_kernels_avx512 = {
    .lanes_pack = avx512_lanes_pack,
    .lanes_unpack = avx512_lanes_unpack,
    .range = avx512_range,
    .outliers = avx512_outliers,
    .outliers_zigzag = avx512_outliers_zigzag,
    .to_f64 = avx512_to_f64,
    .unzigzag = avx512_unzigzag,
    .multiply = avx512_multiply,
    .sum_up = avx512_sum_up,
    .decimal_from_f64 = avx512_decimal_from_f64,
    .decimal_to_f64 = avx512_decimal_to_f64,
    .ans_read = avx512_ans_read,
    .offsets_add = avx512_offsets_add,
};

#else

/* ISO C wants one declaration in each file. */
typedef int nts_kernels_avx512_not_built;

#endif
