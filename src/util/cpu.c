/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/cpu.c - asks the processor once and remembers. */
#include "util/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CPU_UNKNOWN (-1)

static enum nts_simd cpu_detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("fma"))
        return NTS_SIMD_SCALAR;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return NTS_SIMD_AVX512;
    return NTS_SIMD_AVX2;
#else
    return NTS_SIMD_SCALAR;
#endif
}

static enum nts_simd cpu_lower_by_environment(enum nts_simd found)
{
    const char *wanted = getenv("NANOTS_SIMD");

    if (wanted == NULL)
        return found;
    if (strcmp(wanted, "scalar") == 0)
        return NTS_SIMD_SCALAR;
    if (strcmp(wanted, "avx2") == 0 && found > NTS_SIMD_AVX2)
        return NTS_SIMD_AVX2;
    return found;
}

enum nts_simd nts_cpu_simd(void)
{
    /* Every thread that finds it unset computes the same value, so relaxed order suffices: nothing
     * else is published through it. */
    static atomic_int cached = CPU_UNKNOWN;
    int simd = atomic_load_explicit(&cached, memory_order_relaxed);

    if (simd == CPU_UNKNOWN) {
        simd = (int)cpu_lower_by_environment(cpu_detect());
        atomic_store_explicit(&cached, simd, memory_order_relaxed);
    }
    return (enum nts_simd)simd;
}
