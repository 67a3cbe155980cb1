/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/kernel_checks.h - one set of kernels against the scalar one, bit for bit, on the same
 * random numbers, at guard pages. Include after cmocka.h. */
#ifndef KERNEL_CHECKS_H
#define KERNEL_CHECKS_H

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "codec/dispatch.h"
#include "support/guard.h"
#include "support/seed.h"

#define KERNEL_COUNT     NTS_VECTOR_ROWS
#define KERNEL_SHORT_MAX 70u
#define KERNEL_ROUNDS    20u

/* Random numbers of random widths, with extremes strewn in. */
static inline void kernel_numbers_fill(uint64_t *numbers, uint64_t *seed)
{
    static const uint64_t extremes[] = {0,
                                        1,
                                        ~(uint64_t)0,
                                        (uint64_t)INT64_MIN,
                                        INT64_MAX,
                                        (uint64_t)1 << 53,
                                        0 - ((uint64_t)1 << 53)};
    const unsigned shift = (unsigned)(seed_next(seed) % 64);

    for (size_t i = 0; i < KERNEL_COUNT; i++) {
        const uint64_t random = seed_next(seed);
        numbers[i] = seed_next(seed) >> shift;
        if (random % 16 == 0)
            numbers[i] = extremes[random / 16 % (sizeof extremes / sizeof extremes[0])];
        if (random % 16 == 1)
            numbers[i] = 0 - numbers[i];
    }
}

static inline size_t kernel_count_of_step(size_t step)
{
    return step <= KERNEL_SHORT_MAX ? step : KERNEL_COUNT - (step - KERNEL_SHORT_MAX - 1);
}

static inline void kernel_check_lanes(const struct nts_kernels *kernels, const uint64_t *numbers)
{
    static uint8_t wanted[8 * KERNEL_COUNT];
    static uint64_t wanted_numbers[KERNEL_COUNT];
    struct guard guard = guard_open(8 * KERNEL_COUNT);
    struct guard out_guard = guard_open(8 * KERNEL_COUNT);
    uint64_t *const out = (uint64_t *)(void *)guard_at_end(&out_guard, 8 * KERNEL_COUNT);

    for (unsigned width = 0; width <= 64; width++) {
        uint8_t *const bytes = guard_at_end(&guard, 128 * (size_t)width);
        nts_kernels_scalar.lanes_pack(wanted, numbers, width);
        kernels->lanes_pack(bytes, numbers, width);
        assert_memory_equal(bytes, wanted, 128 * (size_t)width);
        nts_kernels_scalar.lanes_unpack(wanted_numbers, wanted, width, numbers[0]);
        kernels->lanes_unpack(out, bytes, width, numbers[0]);
        assert_memory_equal(out, wanted_numbers, 8 * KERNEL_COUNT);
    }
    guard_close(&guard);
    guard_close(&out_guard);
}

static inline void kernel_check_range_and_outliers(const struct nts_kernels *kernels,
                                                   const uint64_t *numbers)
{
    for (size_t step = 1; step <= KERNEL_SHORT_MAX + 2; step++) {
        const size_t count = kernel_count_of_step(step);
        const struct nts_range wanted = nts_kernels_scalar.range(numbers, count);
        const struct nts_range range = kernels->range(numbers, count);
        assert_true(range.min == wanted.min);
        assert_true(range.max == wanted.max);
        for (unsigned width = 0; width < 64; width += 7) {
            struct nts_outliers a = nts_kernels_scalar.outliers(numbers, count, range.min, width);
            struct nts_outliers b = kernels->outliers(numbers, count, range.min, width);
            assert_true(a.count == b.count);
            assert_true(a.rest_or == b.rest_or);
            a = nts_kernels_scalar.outliers_zigzag(numbers, count, numbers[0], width);
            b = kernels->outliers_zigzag(numbers, count, numbers[0], width);
            assert_true(a.count == b.count);
            assert_true(a.rest_or == b.rest_or);
        }
    }
}

static inline void kernel_check_conversions(const struct nts_kernels *kernels,
                                            const uint64_t *numbers)
{
    static double wanted_doubles[KERNEL_COUNT];
    static double doubles[KERNEL_COUNT];
    static uint64_t wanted[KERNEL_COUNT];
    static uint64_t out[KERNEL_COUNT];

    for (size_t step = 1; step <= KERNEL_SHORT_MAX + 2; step++) {
        const size_t count = kernel_count_of_step(step);
        nts_kernels_scalar.to_f64(wanted_doubles, numbers, count);
        kernels->to_f64(doubles, numbers, count);
        assert_memory_equal(doubles, wanted_doubles, 8 * count);
        memcpy(wanted, numbers, sizeof wanted);
        memcpy(out, numbers, sizeof out);
        nts_kernels_scalar.unzigzag(wanted, count, numbers[0]);
        kernels->unzigzag(out, count, numbers[0]);
        assert_memory_equal(out, wanted, sizeof out);
        nts_kernels_scalar.multiply(wanted, count, numbers[1], numbers[2]);
        kernels->multiply(out, count, numbers[1], numbers[2]);
        assert_memory_equal(out, wanted, sizeof out);
        nts_kernels_scalar.sum_up(wanted, count);
        kernels->sum_up(out, count);
        assert_memory_equal(out, wanted, sizeof out);
    }
}

/* Decimals of `digits` digits, with values strewn in that are none. */
static inline void kernel_decimals_fill(double *values, double scale, uint64_t *seed)
{
    static const uint64_t odd[] = {
        0x8000000000000000u, 0x7FF8000000000000u, 0xFFF0000000000123u, 0x7FF0000000000000u, 1,
        0x7FEFFFFFFFFFFFFFu, 0x3FD5555555555555u, 0x4310000000000000u};
    const unsigned shift = 14 + (unsigned)(seed_next(seed) % 40);

    for (size_t i = 0; i < KERNEL_COUNT; i++) {
        const uint64_t random = seed_next(seed);
        values[i] = (double)((int64_t)random >> shift) / scale;
        if (seed_next(seed) % 8 == 0)
            values[i] = nts_double_of_bits(odd[random % 8]);
        if (seed_next(seed) % 16 == 0)
            values[i] = nts_double_of_bits(random);
    }
}

static inline void kernel_check_decimals(const struct nts_kernels *kernels, uint64_t *seed)
{
    static double values[KERNEL_COUNT];
    static double wanted_doubles[KERNEL_COUNT];
    static uint64_t wanted[2][KERNEL_COUNT];
    static uint64_t out[2][KERNEL_COUNT];
    const double scale = (double)(int64_t)(seed_next(seed) % 1000 + 1);

    kernel_decimals_fill(values, scale, seed);
    for (size_t step = 1; step <= KERNEL_SHORT_MAX + 2; step++) {
        const size_t count = kernel_count_of_step(step);
        const size_t wrong_count =
            nts_kernels_scalar.decimal_from_f64(wanted[0], wanted[1], values, count, scale);
        assert_true(kernels->decimal_from_f64(out[0], out[1], values, count, scale) == wrong_count);
        assert_memory_equal(out[1], wanted[1], 8 * count);
        for (size_t i = 0; i < count; i++) {
            if (wanted[1][i] == 0)
                assert_true(out[0][i] == wanted[0][i]);
            else
                wanted[0][i] = (seed_next(seed) >> 12) - ((uint64_t)1 << 51); /* any that fits */
        }
        assert_true(nts_kernels_scalar.decimal_to_f64(wanted_doubles, wanted[0], count, scale) ==
                    0);
        assert_true(kernels->decimal_to_f64(values, wanted[0], count, scale) == 0);
        assert_memory_equal(values, wanted_doubles, 8 * count);
        wanted[0][count - 1] = (uint64_t)1 << 51 << seed_next(seed) % 13;
        assert_false(kernels->decimal_to_f64(values, wanted[0], count, scale) == 0);
        wanted[0][count - 1] = 0 - ((uint64_t)1 << 51) - 1;
        assert_false(kernels->decimal_to_f64(values, wanted[0], count, scale) == 0);
        kernel_decimals_fill(values, scale, seed);
    }
}

/* All kernels of one set. Skips the test if the set is not built or the processor lacks it. */
/* Symbols of a table, and offsets by them: streams that mean nothing are as good as others, but for
 * the states at their end. */
static inline void kernel_check_bins(const struct nts_kernels *kernels, const uint64_t *numbers,
                                     uint64_t *seed)
{
    static const uint16_t frequencies[] = {40, 3, 70, 1, 14};
    static uint8_t symbols[2][KERNEL_COUNT];
    static uint64_t out[2][KERNEL_COUNT];
    struct nts_ans_entry table[128];
    struct guard guard = guard_open(8 * KERNEL_COUNT);

    assert_true(nts_ans_table(table, frequencies, 5, 7));
    for (unsigned round = 0; round < KERNEL_ROUNDS; round++) {
        const size_t size = seed_next(seed) % (8 * KERNEL_COUNT);
        const size_t count = 1 + seed_next(seed) % KERNEL_COUNT;
        const uint8_t widths[] = {0, 3, (uint8_t)(seed_next(seed) % 65), 1, 17};
        const unsigned width_max = widths[2] > 17 ? widths[2] : 17;
        uint8_t *const at = guard_at_end(&guard, size);
        for (size_t i = 0; i < size; i++)
            at[i] = (uint8_t)seed_next(seed);
        assert_int_equal(
            kernels->ans_read(symbols[0], table, 7, count / 4 * 4, at, size),
            nts_kernels_scalar.ans_read(symbols[1], table, 7, count / 4 * 4, at, size));
        assert_memory_equal(symbols[0], symbols[1], count / 4 * 4);
        for (size_t i = 0; i < count; i++)
            symbols[0][i] = (uint8_t)(seed_next(seed) % 5);
        assert_int_equal(
            kernels->offsets_add(out[0], symbols[0], count, numbers, widths, width_max, at, size),
            nts_kernels_scalar.offsets_add(out[1], symbols[0], count, numbers, widths, width_max,
                                           at, size));
        assert_memory_equal(out[0], out[1], 8 * count);
    }
    guard_close(&guard);
}

static inline void kernel_check_set(enum nts_simd simd)
{
    static uint64_t numbers[KERNEL_COUNT];
    const struct nts_kernels *const kernels = nts_kernels_of(simd);
    uint64_t seed = seed_of_run();

    if (kernels == NULL || simd > nts_cpu_simd()) {
        (void)printf("# this processor lacks the instructions\n");
        skip();
    }
    for (unsigned round = 0; round < KERNEL_ROUNDS; round++) {
        kernel_numbers_fill(numbers, &seed);
        kernel_check_lanes(kernels, numbers);
        kernel_check_range_and_outliers(kernels, numbers);
        kernel_check_conversions(kernels, numbers);
        kernel_check_decimals(kernels, &seed);
        kernel_check_bins(kernels, numbers, &seed);
    }
}

#endif
