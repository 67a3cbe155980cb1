/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_dispatch.c - choosing kernels (codec/dispatch.h), and the scalar set by hand; the
 * others are held against it by test_bitpack_avx2.c and test_bitpack_avx512.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/dispatch.h"

static const struct nts_kernels *const scalar = &nts_kernels_scalar;

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

static void scalar_set_takes_decimals_apart(void **state)
{
    static const double values[] = {0.25, -1.5, 0.125, -0.0, 0x1p50 / 100, 3.0};
    static const uint64_t wanted_wrong[] = {0, 0, 1, 1, 1, 0};
    static const uint64_t limits[] = {((uint64_t)1 << 51) - 1, 0 - ((uint64_t)1 << 51), 25, 0};
    uint64_t numbers[6];
    uint64_t wrong[6];
    double doubles[6];
    (void)state;

    assert_int_equal(scalar->decimal_from_f64(numbers, wrong, values, 6, 100.0), 3);
    assert_memory_equal(wrong, wanted_wrong, sizeof wrong);
    assert_true(numbers[0] == 25 && numbers[1] == (uint64_t)-150 && numbers[5] == 300);
    assert_true(scalar->decimal_to_f64(doubles, limits, 4, 100.0) == 0);
    assert_true(doubles[0] == (0x1p51 - 1.0) / 100.0 && doubles[1] == -0x1p51 / 100.0);
    assert_true(doubles[2] == 0.25 && doubles[3] == 0.0);
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
        cmocka_unit_test(scalar_set_takes_decimals_apart),
        cmocka_unit_test(kernels_of_unknown_set_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
