/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_scaled.c - common divisors (codec/scaled.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/scaled.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT 300u

static uint64_t seed;
static uint64_t values[COUNT];
static uint64_t quotients[COUNT];

/* Goal: what divides is found, and division is exact for any divisor. Method: multiples of random
 * divisors of all widths, odd and even, up to the whole range. */
static void scaled_multiples_divide_and_come_back(void **state)
{
    static uint64_t back[COUNT];
    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        const uint64_t divisor = 2 + (seed_next(&seed) >> (1 + seed_next(&seed) % 62));
        const uint64_t quotient_max = UINT64_MAX / divisor;
        const uint64_t origin = seed_next(&seed);
        const size_t count = 2 + seed_next(&seed) % (COUNT - 2);
        for (size_t i = 0; i < count; i++) {
            quotients[i] = seed_next(&seed) >> (seed_next(&seed) % 64);
            quotients[i] = quotients[i] < quotient_max ? quotients[i] : quotient_max - 1;
            values[i] = origin + quotients[i] * divisor;
        }
        const uint64_t found = nts_scaled_divisor(values, count, origin, 0);
        assert_int_equal(found % divisor, 0);
        assert_true(nts_scaled_divide(back, values, count, origin, divisor));
        assert_memory_equal(back, quotients, 8 * count);
        nts_scaled_multiply(back, count, origin, divisor);
        assert_memory_equal(back, values, 8 * count);
        const size_t at = seed_next(&seed) % count;
        values[at] += 1 + seed_next(&seed) % (divisor - 1);
        assert_false(nts_scaled_divide(back, values, count, origin, divisor));
    }
}

static void scaled_divisor_of_nothing_in_common_is_one(void **state)
{
    static const uint64_t few[] = {10, 16, 25};
    static const uint64_t equal[] = {7, 7, 7};
    (void)state;
    assert_int_equal(nts_scaled_divisor(few, 3, 10, 0), 3);
    assert_int_equal(nts_scaled_divisor(few, 3, 9, 0), 1);
    assert_int_equal(nts_scaled_divisor(few, 2, 10, 4), 2);
    assert_int_equal(nts_scaled_divisor(equal, 3, 7, 0), 0);
}

static void scaled_head_round_trips_and_is_checked(void **state)
{
    struct guard guard = guard_open(32);
    uint64_t origin;
    uint64_t divisor;
    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        const uint64_t wanted = seed_next(&seed) >> (seed_next(&seed) % 64);
        const uint64_t wanted_divisor = 2 + (seed_next(&seed) >> (1 + seed_next(&seed) % 62));
        const size_t size = nts_scaled_head_size(wanted, wanted_divisor);
        uint8_t *const at = guard_at_end(&guard, size);
        assert_ptr_equal(nts_scaled_write_head(at, wanted, wanted_divisor), at + size);
        assert_ptr_equal(nts_scaled_read_head(&origin, &divisor, at, at + size), at + size);
        assert_true(origin == wanted && divisor == wanted_divisor);
        for (size_t cut = 0; cut < size; cut++)
            assert_null(nts_scaled_read_head(&origin, &divisor, at, at + cut));
    }
    for (uint8_t small = 0; small < 2; small++) {
        const uint8_t bytes[] = {0, small};
        assert_null(nts_scaled_read_head(&origin, &divisor, bytes, bytes + 2));
    }
    guard_close(&guard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_multiples_divide_and_come_back),
        cmocka_unit_test(scaled_divisor_of_nothing_in_common_is_one),
        cmocka_unit_test(scaled_head_round_trips_and_is_checked),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
