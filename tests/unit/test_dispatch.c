/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_dispatch.c - the kernel sets (codec/dispatch.h): every set that this processor runs
 * against the scalar one, bit for bit. Run with NANOTS_SIMD=avx2 it leaves out AVX-512. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "codec/dispatch.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS
#define SHORT_COUNT_MAX 70u
#define ROUNDS 20u

static uint64_t seed;
static uint64_t numbers[COUNT];
static const struct nts_kernels *const scalar = &nts_kernels_scalar;

/* Random numbers of random widths, with extremes strewn in. */
static void numbers_fill(void)
{
    static const uint64_t extremes[] = {0, 1, ~(uint64_t)0, (uint64_t)INT64_MIN, INT64_MAX,
                                        (uint64_t)1 << 53, (uint64_t)-((int64_t)1 << 53)};
    const unsigned shift = (unsigned)(seed_next(&seed) % 64);

    for (size_t i = 0; i < COUNT; i++) {
        const uint64_t random = seed_next(&seed);
        numbers[i] = seed_next(&seed) >> shift;
        if (random % 16 == 0)
            numbers[i] = extremes[random / 16 % (sizeof extremes / sizeof extremes[0])];
        if (random % 16 == 1)
            numbers[i] = 0 - numbers[i];
    }
}

typedef void (*check_function)(const struct nts_kernels *kernels);

static void for_every_set(check_function check)
{
    for (int simd = NTS_SIMD_SCALAR; simd <= (int)nts_cpu_simd(); simd++) {
        const struct nts_kernels *const kernels = nts_kernels_of((enum nts_simd)simd);
        assert_non_null(kernels);
        for (unsigned round = 0; round < ROUNDS; round++) {
            numbers_fill();
            check(kernels);
        }
    }
}

static size_t count_of_step(size_t step)
{
    return step <= SHORT_COUNT_MAX ? step : COUNT - (step - SHORT_COUNT_MAX - 1);
}

static void check_lanes(const struct nts_kernels *kernels)
{
    static uint8_t wanted[8 * COUNT];
    static uint64_t wanted_numbers[COUNT];
    struct guard guard = guard_open(8 * COUNT);
    struct guard out_guard = guard_open(8 * COUNT);
    uint64_t *const out = (uint64_t *)(void *)guard_at_end(&out_guard, 8 * COUNT);

    for (unsigned width = 0; width <= 64; width++) {
        uint8_t *const bytes = guard_at_end(&guard, 128 * (size_t)width);
        scalar->lanes_pack(wanted, numbers, width);
        kernels->lanes_pack(bytes, numbers, width);
        assert_memory_equal(bytes, wanted, 128 * (size_t)width);
        scalar->lanes_unpack(wanted_numbers, wanted, width, numbers[0]);
        kernels->lanes_unpack(out, bytes, width, numbers[0]);
        assert_memory_equal(out, wanted_numbers, 8 * COUNT);
    }
    guard_close(&guard);
    guard_close(&out_guard);
}

static void check_range_and_outliers(const struct nts_kernels *kernels)
{
    for (size_t step = 1; step <= SHORT_COUNT_MAX + 2; step++) {
        const size_t count = count_of_step(step);
        const struct nts_range wanted = scalar->range(numbers, count);
        const struct nts_range range = kernels->range(numbers, count);
        assert_true(range.min == wanted.min);
        assert_true(range.max == wanted.max);
        for (unsigned width = 0; width < 64; width += 7) {
            struct nts_outliers a = scalar->outliers(numbers, count, range.min, width);
            struct nts_outliers b = kernels->outliers(numbers, count, range.min, width);
            assert_true(a.count == b.count);
            assert_true(a.rest_or == b.rest_or);
            a = scalar->outliers_zigzag(numbers, count, numbers[0], width);
            b = kernels->outliers_zigzag(numbers, count, numbers[0], width);
            assert_true(a.count == b.count);
            assert_true(a.rest_or == b.rest_or);
        }
    }
}

static void check_conversions(const struct nts_kernels *kernels)
{
    static double wanted_doubles[COUNT];
    static double doubles[COUNT];
    static uint64_t wanted[COUNT];
    static uint64_t out[COUNT];

    for (size_t step = 1; step <= SHORT_COUNT_MAX + 2; step++) {
        const size_t count = count_of_step(step);
        scalar->to_f64(wanted_doubles, numbers, count);
        kernels->to_f64(doubles, numbers, count);
        assert_memory_equal(doubles, wanted_doubles, 8 * count);
        memcpy(wanted, numbers, sizeof wanted);
        memcpy(out, numbers, sizeof out);
        scalar->unzigzag(wanted, count, numbers[0]);
        kernels->unzigzag(out, count, numbers[0]);
        assert_memory_equal(out, wanted, sizeof out);
    }
}

static void lanes_of_every_set_equal_scalar(void **state)
{
    (void)state;
    for_every_set(check_lanes);
}

static void range_and_outliers_of_every_set_equal_scalar(void **state)
{
    (void)state;
    for_every_set(check_range_and_outliers);
}

static void conversions_of_every_set_equal_scalar(void **state)
{
    (void)state;
    for_every_set(check_conversions);
}

/* Goal: the scalar set, the measure of the others, is right itself. Method: by hand. */
static void scalar_set_computes_known_results(void **state)
{
    static const uint64_t few[] = {5, (uint64_t)-3, 9, 4};
    uint64_t zigzagged[] = {0, 1, 2, 3};
    double doubles[4];
    (void)state;

    const struct nts_range range = scalar->range(few, 4);
    assert_true(range.min == (uint64_t)-3);
    assert_true(range.max == 9);
    /* few - -3 is 8 0 12 7: two exceed 3 bits, the rest is 0 | 7. */
    struct nts_outliers outliers = scalar->outliers(few, 4, (uint64_t)-3, 3);
    assert_int_equal(outliers.count, 2);
    assert_int_equal(outliers.rest_or, 7);
    /* zigzag(few - 5) is 0 15 8 1. */
    outliers = scalar->outliers_zigzag(few, 4, 5, 3);
    assert_int_equal(outliers.count, 2);
    assert_int_equal(outliers.rest_or, 1);
    scalar->to_f64(doubles, few, 4);
    assert_true(doubles[0] == 5.0 && doubles[1] == -3.0 && doubles[2] == 9.0);
    scalar->unzigzag(zigzagged, 4, 10);
    assert_true(zigzagged[0] == 10 && zigzagged[1] == 9 && zigzagged[2] == 11 && zigzagged[3] == 8);
}

static void kernels_of_unknown_set_is_null(void **state)
{
    (void)state;
    assert_null(nts_kernels_of((enum nts_simd)77));
    assert_ptr_equal(nts_kernels(), nts_kernels_of(nts_cpu_simd()));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_set_computes_known_results),
        cmocka_unit_test(lanes_of_every_set_equal_scalar),
        cmocka_unit_test(range_and_outliers_of_every_set_equal_scalar),
        cmocka_unit_test(conversions_of_every_set_equal_scalar),
        cmocka_unit_test(kernels_of_unknown_set_is_null),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
