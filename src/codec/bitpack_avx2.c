/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bitpack_avx2.c - the kernels compiled for AVX2; empty on other processors. The functions
 * carry the target themselves: a build with a global -mavx2 would leak it into common code. */
#include "codec/bitpack_kernels.h"

#if defined(__x86_64__)

#define TARGET_AVX2 NTS_TARGET("avx2,bmi,bmi2,lzcnt")

TARGET_AVX2 static void avx2_lanes_pack(uint8_t *dst, const uint64_t *src, unsigned width)
{
    kernel_lanes_pack(dst, src, width);
}

TARGET_AVX2 static void avx2_lanes_unpack(uint64_t *dst, const uint8_t *src, unsigned width,
                                       uint64_t base)
{
    kernel_lanes_unpack(dst, src, width, base);
}

TARGET_AVX2 static struct nts_range avx2_range(const uint64_t *src, size_t count)
{
    return kernel_range(src, count);
}

TARGET_AVX2 static struct nts_outliers avx2_outliers(const uint64_t *src, size_t count,
                                                     uint64_t base, unsigned width)
{
    return kernel_outliers(src, count, base, width, false);
}

TARGET_AVX2 static struct nts_outliers avx2_outliers_zigzag(const uint64_t *src, size_t count,
                                                            uint64_t base, unsigned width)
{
    return kernel_outliers(src, count, base, width, true);
}

TARGET_AVX2 static void avx2_to_f64(double *dst, const uint64_t *src, size_t count)
{
    kernel_to_f64(dst, src, count);
}

TARGET_AVX2 static void avx2_unzigzag(uint64_t *dst, size_t count, uint64_t base)
{
    kernel_unzigzag(dst, count, base);
}

const struct nts_kernels nts_kernels_avx2 = {
    .lanes_pack = avx2_lanes_pack,
    .lanes_unpack = avx2_lanes_unpack,
    .range = avx2_range,
    .outliers = avx2_outliers,
    .outliers_zigzag = avx2_outliers_zigzag,
    .to_f64 = avx2_to_f64,
    .unzigzag = avx2_unzigzag,
};

#else

/* ISO C wants one declaration in each file. */
typedef int nts_kernels_avx2_not_built;

#endif
