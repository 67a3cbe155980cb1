/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/cpu.h - which instruction set the kernels may use; read once. The environment variable
 * NANOTS_SIMD (scalar, avx2, avx512) lowers it, for tests. Any thread. */
#ifndef NTS_CPU_H
#define NTS_CPU_H

enum nts_simd {
    NTS_SIMD_SCALAR = 0, /* what the compiler makes of portable C for the base architecture */
    NTS_SIMD_AVX2 = 1,
    NTS_SIMD_AVX512 = 2, /* F, BW, DQ, VL */
};

enum nts_simd nts_cpu_simd(void);

#endif
