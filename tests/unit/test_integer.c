/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_integer.c - which doubles count as integers (codec/integer.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fenv.h>
#include <math.h>

#include "base/bytes.h"
#include "codec/integer.h"
#include "support/seed.h"

#define COUNT 200u

static bool integer_alone(double x, int64_t *n_out)
{
    uint64_t n = 0;
    const bool is_integer = nts_integer_from_f64(&n, &x, 1);
    *n_out = (int64_t)n;
    return is_integer;
}

static void integer_of_exact_values_is_taken(void **state)
{
    static const double values[] = {0.0,    1.0,     -1.0,    255.0,        -1e6,
                                    0x1p31, -0x1p31, 0x1p51,  0x1p51 - 1.0, -0x1p51,
                                    0x1p52, 0x1p53,  -0x1p53, 0x1p53 - 1.0, -0x1p52 + 1.0};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        int64_t n;
        assert_true(integer_alone(values[i], &n));
        assert_true((double)n == values[i]);
    }
}

static void integer_of_other_values_is_refused(void **state)
{
    static const double values[] = {-0.0,
                                    0.5,
                                    -0.5,
                                    0x1p-1074,
                                    0x1p53 + 2.0,
                                    -0x1p54,
                                    1e300,
                                    -1e300,
                                    0x1p63,
                                    -0x1p63,
                                    INFINITY,
                                    -INFINITY,
                                    NAN,
                                    -NAN,
                                    1e15 + 0.25,
                                    0x1p51 + 0.5,
                                    0x1.fffffffffffffp50};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        int64_t n;
        assert_false(integer_alone(values[i], &n));
    }
}

/* Goal: one wrong value anywhere refuses the vector. Method: each place in turn, both paths. */
static void integer_with_one_wrong_value_is_refused(void **state)
{
    double values[COUNT];
    uint64_t numbers[COUNT];
    (void)state;
    for (int large = 0; large < 2; large++) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = large ? 0x1p52 + (double)i : (double)i;
        assert_true(nts_integer_from_f64(numbers, values, COUNT));
        for (size_t i = 0; i < COUNT; i++)
            assert_true((double)(int64_t)numbers[i] == values[i]);
        for (size_t i = 0; i < COUNT; i++) {
            const double kept = values[i];
            values[i] = -0.0;
            assert_false(nts_integer_from_f64(numbers, values, COUNT));
            values[i] = kept;
        }
    }
}

/* Goal: what is taken gives back its bits, whatever rounding the host has set. Method: random bits
 * of random exponents around the limits, all four rounding modes. */
static void integer_taken_gives_back_bits_in_all_rounding_modes(void **state)
{
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    uint64_t seed = seed_of_run();
    (void)state;
    for (size_t mode = 0; mode < 4; mode++) {
        size_t taken = 0;
        assert_int_equal(fesetround(modes[mode]), 0);
        for (size_t i = 0; i < 100000; i++) {
            const uint64_t random = seed_next(&seed);
            const uint64_t exponent = 1023 - 2 + seed_next(&seed) % 60;
            const uint64_t low_zeros = seed_next(&seed) % 53;
            const uint64_t mantissa = (random & 0x000FFFFFFFFFFFFFu) >> low_zeros << low_zeros;
            const double x = nts_double_of_bits((random >> 63) << 63 | exponent << 52 | mantissa);
            int64_t n;
            if (!integer_alone(x, &n))
                continue;
            taken++;
            assert_true(nts_bits_of_double((double)n) == nts_bits_of_double(x));
        }
        int64_t zero;
        assert_true(taken > 1000);
        assert_false(integer_alone(-0.0, &zero));
        assert_true(integer_alone(0.0, &zero));
    }
    (void)fesetround(FE_TONEAREST);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_of_exact_values_is_taken),
        cmocka_unit_test(integer_of_other_values_is_refused),
        cmocka_unit_test(integer_with_one_wrong_value_is_refused),
        cmocka_unit_test(integer_taken_gives_back_bits_in_all_rounding_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
