/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/dispatch.c - chooses the kernels of this processor, once. */
#include "codec/dispatch.h"

#include <stdatomic.h>

#include "base/compiler.h"

const struct nts_kernels *nts_kernels_of(enum nts_simd simd)
{
    switch (simd) {
#if defined(__x86_64__)
    case NTS_SIMD_AVX512:
        return &nts_kernels_avx512;
    case NTS_SIMD_AVX2:
        return &nts_kernels_avx2;
#endif
    case NTS_SIMD_SCALAR:
        return &nts_kernels_scalar;
    default:
        return NULL;
    }
}

const struct nts_kernels *nts_kernels(void)
{
    /* The tables are constants and every thread stores the same pointer, so relaxed order suffices:
     * nothing else is published through it. */
    static const struct nts_kernels *_Atomic chosen;
    const struct nts_kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);

    if (NTS_UNLIKELY(kernels == NULL)) {
        kernels = nts_kernels_of(nts_cpu_simd());
        atomic_store_explicit(&chosen, kernels, memory_order_relaxed);
    }
    return kernels;
}
