/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_ordered.c - bits of doubles as ordered integers (codec/ordered.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/ordered.h"
#include "support/seed.h"

#define COUNT 300u

static uint64_t seed;
static double values[COUNT];
static double back[COUNT];
static uint64_t integers[COUNT];

/* Goal: integers order as the doubles do, -0.0 right below 0.0. */
static void ordered_integers_rise_with_the_values(void **state)
{
    static const double rising[] = {-INFINITY, -1e300, -2.5,     -2.0, -0x1p-1074, -0.0, 0.0,
                                    0x1p-1074, 1e-300, 0x1.8p-3, 1.0,  1.5,        1e9,  INFINITY};
    const size_t count = sizeof rising / sizeof rising[0];
    (void)state;
    assert_true(nts_ordered_from_f64(integers, rising, count, 0));
    for (size_t i = 1; i < count; i++)
        assert_true((int64_t)integers[i - 1] < (int64_t)integers[i]);
    assert_int_equal((int64_t)integers[5], -1);
    assert_int_equal((int64_t)integers[6], 0);
    assert_int_equal((int64_t)integers[7], 1);
}

/* Goal: every bit comes back, with all numbers of zeros. Method: random bits cut at the bottom. */
static void ordered_bits_come_back(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 64 * 20; round++) {
        const unsigned zeros = round % 64;
        const size_t count = 1 + seed_next(&seed) % COUNT;
        for (size_t i = 0; i < count; i++)
            values[i] = nts_double_of_bits(seed_next(&seed) >> zeros << zeros);
        const unsigned found = nts_ordered_zeros(values, count);
        assert_in_range(found, zeros, NTS_ORDERED_ZEROS_MAX);
        assert_true(nts_ordered_from_f64(integers, values, count, zeros));
        nts_ordered_to_f64(back, integers, count, zeros);
        assert_memory_equal(back, values, count * sizeof values[0]);
        assert_true(nts_ordered_from_f64(integers, values, count, found));
        nts_ordered_to_f64(back, integers, count, found);
        assert_memory_equal(back, values, count * sizeof values[0]);
        if (found < NTS_ORDERED_ZEROS_MAX)
            assert_false(nts_ordered_from_f64(integers, values, count, found + 1));
    }
}

static void ordered_zeros_of_zeros_are_all_but_the_sign(void **state)
{
    static const double zeros[] = {0.0, -0.0};
    static const double halves[] = {0.5, -1.5, 0.0};
    (void)state;
    assert_int_equal(nts_ordered_zeros(zeros, 2), 63);
    assert_int_equal(nts_ordered_zeros(halves, 3), 51);
    assert_true(nts_ordered_from_f64(integers, zeros, 2, 63));
    assert_int_equal((int64_t)integers[0], 0);
    assert_int_equal((int64_t)integers[1], -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered_integers_rise_with_the_values),
        cmocka_unit_test(ordered_bits_come_back),
        cmocka_unit_test(ordered_zeros_of_zeros_are_all_but_the_sign),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
