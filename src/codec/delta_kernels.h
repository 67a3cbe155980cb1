/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/delta_kernels.h - sums of differences: x[i] += x[i-1], one after the other, modulo 2^64.
 *
 *   scalar   four numbers a step, of which one addition waits for the step before
 *   vectors  of W numbers: log2(W) shifts and additions sum up inside, then the carry is added
 *
 *       a      b        c          d
 *       a     a+b      b+c        c+d          shifted by one, and added
 *       a     a+b     a+b+c     a+b+c+d        shifted by two, and added
 *
 * The vectors are those of the compiler's language extension, which gcc and clang share: each set
 * of codec/dispatch.h takes the width of its registers.
 */
#ifndef NTS_DELTA_KERNELS_H
#define NTS_DELTA_KERNELS_H

#include "base/bytes.h"
#include "base/compiler.h"

NTS_ALWAYS_INLINE void nts_kernel_sum_up(uint64_t *x, size_t count, uint64_t sum)
{
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        const uint64_t two = x[i] + x[i + 1];
        const uint64_t three = two + x[i + 2];
        const uint64_t four = two + (x[i + 2] + x[i + 3]);
        x[i] += sum;
        x[i + 1] = sum + two;
        x[i + 2] = sum + three;
        sum += four;
        x[i + 3] = sum;
    }
    for (; i < count; i++) {
        sum += x[i];
        x[i] = sum;
    }
}

#if defined(__x86_64__)

typedef uint64_t nts_four __attribute__((vector_size(32)));
typedef uint64_t nts_eight __attribute__((vector_size(64)));

NTS_ALWAYS_INLINE void nts_kernel_sum_up_by_four(uint64_t *x, size_t count)
{
    const nts_four zero = {0};
    nts_four carry = {0};
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        nts_four y;
        memcpy(&y, x + i, sizeof y);
        y += __builtin_shufflevector(zero, y, 0, 4, 5, 6);
        y += __builtin_shufflevector(zero, y, 0, 1, 4, 5);
        const nts_four sums = y + carry;
        carry += __builtin_shufflevector(y, y, 3, 3, 3, 3);
        memcpy(x + i, &sums, sizeof sums);
    }
    nts_kernel_sum_up(x + i, count - i, carry[0]);
}

NTS_ALWAYS_INLINE void nts_kernel_sum_up_by_eight(uint64_t *x, size_t count)
{
    const nts_eight zero = {0};
    nts_eight carry = {0};
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
        nts_eight y;
        memcpy(&y, x + i, sizeof y);
        y += __builtin_shufflevector(zero, y, 0, 8, 9, 10, 11, 12, 13, 14);
        y += __builtin_shufflevector(zero, y, 0, 1, 8, 9, 10, 11, 12, 13);
        y += __builtin_shufflevector(zero, y, 0, 1, 2, 3, 8, 9, 10, 11);
        const nts_eight sums = y + carry;
        carry += __builtin_shufflevector(y, y, 7, 7, 7, 7, 7, 7, 7, 7);
        memcpy(x + i, &sums, sizeof sums);
    }
    nts_kernel_sum_up(x + i, count - i, carry[0]);
}

#endif

#endif
