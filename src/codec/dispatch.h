/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/dispatch.h - the inner loops that are compiled once for each instruction set.
 *
 * All sets compute the same bits. Any thread; the table is filled once and never changes.
 */
#ifndef NTS_DISPATCH_H
#define NTS_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "codec/ans.h"
#include "util/cpu.h"

/* What one pass over a vector says about its range (all as two's complement). */
struct nts_range {
    uint64_t min;
    uint64_t max;
};

struct nts_outliers {
    uint64_t count;
    uint64_t rest_or;
};

struct nts_kernels {
    /* 1024 numbers in 16 lanes; see codec/bitpack.h. */
    void (*lanes_pack)(uint8_t *dst, const uint64_t *src, unsigned width);
    void (*lanes_unpack)(uint64_t *dst, const uint8_t *src, unsigned width, uint64_t base);
    /* Smallest and largest as signed numbers; count >= 1. */
    struct nts_range (*range)(const uint64_t *src, size_t count);
    /* Of u[i] = src[i] - base, or its zigzag: how many need more than `width` bits (0..63), and the
     * OR of the others. */
    struct nts_outliers (*outliers)(const uint64_t *src, size_t count, uint64_t base,
                                    unsigned width);
    struct nts_outliers (*outliers_zigzag)(const uint64_t *src, size_t count, uint64_t base,
                                           unsigned width);
    /* dst[i] = src[i] as a signed integer, to the nearest double. */
    void (*to_f64)(double *dst, const uint64_t *src, size_t count);
    /* dst[i] = base + unzigzag(src[i]). */
    void (*unzigzag)(uint64_t *dst, size_t count, uint64_t base);
    /* x[i] = origin + divisor * x[i]. */
    void (*multiply)(uint64_t *x, size_t count, uint64_t origin, uint64_t divisor);
    /* x[i] += x[i - 1], one after the other. */
    void (*sum_up)(uint64_t *x, size_t count);
    /* dst[i] = src[i] * scale, rounded to an integer. wrong[i] = 1 where dst[i] / scale is not
     * src[i] in every bit or |dst[i]| >= 2^50, else 0; returns how many are 1. */
    size_t (*decimal_from_f64)(uint64_t *dst, uint64_t *wrong, const double *src, size_t count,
                               double scale);
    /* dst[i] = src[i] as a signed integer, divided by scale. Returns 0 if -2^51 <= src[i] < 2^51
     * for all; otherwise another number, and dst is unspecified. */
    uint64_t (*decimal_to_f64)(double *dst, const uint64_t *src, size_t count, double scale);
    /* See nts_ans_read. */
    size_t (*ans_read)(uint8_t *dst, const struct nts_ans_entry *table, unsigned log, size_t count,
                       const uint8_t *src, size_t src_size);
    /* dst[i] = lowers[symbols[i]] + the next widths[symbols[i]] bits of src, zeros behind its end;
     * returns how many bits that were. width_max is the largest of the widths. */
    uint64_t (*offsets_add)(uint64_t *dst, const uint8_t *symbols, size_t count,
                            const uint64_t *lowers, const uint8_t *widths, unsigned width_max,
                            const uint8_t *src, size_t src_size);
};

/* The best set that nts_cpu_simd() allows. */
const struct nts_kernels *nts_kernels(void);

/* One set, for tests; NULL if it was not compiled in. */
const struct nts_kernels *nts_kernels_of(enum nts_simd simd);

extern const struct nts_kernels nts_kernels_scalar;
#if defined(__x86_64__)
extern const struct nts_kernels nts_kernels_avx2;
extern const struct nts_kernels nts_kernels_avx512;
#endif

#endif
