/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/stream_copy.c - stores past the caches, where the processor has wide ones. Contract:
 * stream_copy.h. By stores of 16 bytes it gains nothing: memcpy there. */
#include "util/stream_copy.h"

#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "util/cpu.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LINE_SIZE   ((size_t)64)
#define STREAM_AVX2 NTS_TARGET("avx2")

/* Whole lines of `to`, which is aligned to one. */
static STREAM_AVX2 void stream_lines(uint8_t *to, const uint8_t *from, size_t line_count)
{
    for (; line_count != 0; line_count--, to += LINE_SIZE, from += LINE_SIZE) {
        const __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)from);
        const __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)from + 1);
        _mm256_stream_si256((__m256i *)(void *)to, low);
        _mm256_stream_si256((__m256i *)(void *)to + 1, high);
    }
}

void nts_stream_copy(void *to, const void *from, size_t size)
{
    uint8_t *dst = to;
    const uint8_t *src = from;
    const size_t head = (size_t)(-(uintptr_t)dst % LINE_SIZE);

    if (nts_cpu_simd() < NTS_SIMD_AVX2 || size < head + LINE_SIZE) {
        if (size != 0)
            memcpy(dst, src, size);
        return;
    }
    const size_t line_count = (size - head) / LINE_SIZE;
    const size_t done = head + line_count * LINE_SIZE;
    memcpy(dst, src, head);
    stream_lines(dst + head, src + head, line_count);
    memcpy(dst + done, src + done, size - done);
}

void nts_stream_fence(void)
{
    _mm_sfence();
}

#else

void nts_stream_copy(void *to, const void *from, size_t size)
{
    if (size != 0)
        memcpy(to, from, size);
}

void nts_stream_fence(void) {}

#endif
