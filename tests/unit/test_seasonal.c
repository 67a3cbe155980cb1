/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_seasonal.c - series that repeat (codec/seasonal.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/seasonal.h"
#include "support/body_checks.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static size_t check(size_t period, size_t count)
{
    const struct nts_seasonal_plan plan = nts_seasonal_choose(&scratch, period, values, count);
    struct guard guard;
    uint8_t *const bytes = body_room(&guard, plan.size);

    assert_ptr_equal(nts_seasonal_write(bytes, &plan, &scratch, values, count), bytes + plan.size);
    body_check(nts_seasonal_read, bytes, plan.size, values, count,
               plan.rest.codec == NTS_CODEC_CONSTANT, &seed);
    guard_close(&guard);
    return plan.size;
}

/* A shape of random values, repeated. */
static void fill(size_t period, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = i < period ? seed_next(&seed) % 100000 : values[i - period];
}

static void seasonal_repeats_cost_one_period(void **state)
{
    static const size_t periods[] = {2, 3, 7, 24, 100, 288, 500};
    (void)state;
    for (size_t k = 0; k < sizeof periods / sizeof periods[0]; k++)
        for (size_t count = COUNT - 1; count <= COUNT; count++) {
            fill(periods[k], count);
            assert_int_equal(nts_seasonal_period(values, count), periods[k]);
            assert_in_range(check(periods[k], count), 1, 20 + periods[k] * 17 / 8);
        }
}

static void seasonal_noise_and_walks_have_no_period(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i == 0 ? 0 : values[i - 1] + seed_next(&seed) % 21 - 10;
    assert_int_equal(nts_seasonal_period(values, COUNT), 0);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 1000 * i;
    assert_int_equal(nts_seasonal_period(values, COUNT), 0);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i % 2 == 0 ? (uint64_t)INT64_MIN : INT64_MAX;
    assert_int_equal(nts_seasonal_period(values, COUNT), 2);
}

static void seasonal_any_period_of_any_values_round_trips(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        const size_t count = round % 8 == 0 ? COUNT : 2 + seed_next(&seed) % 600;
        const size_t most =
            count - 1 < NTS_SEASONAL_PERIOD_MAX ? count - 1 : NTS_SEASONAL_PERIOD_MAX;
        for (size_t i = 0; i < count; i++)
            values[i] = seed_next(&seed) >> (seed_next(&seed) % 64);
        (void)check(1 + seed_next(&seed) % most, count);
    }
}

static void seasonal_against_the_rules_is_corrupt(void **state)
{
    /* Period 2, its values 1 1, differences 0. */
    static const uint8_t fine[] = {2, 2, 1, 2, 1};
    static const uint8_t none[] = {0, 2, 1, 2, 1};
    static const uint8_t large[] = {2, 4, 1, 2, 1};
    static const uint8_t nested[] = {2, 2, 1, 2, NTS_CODEC_SEASONAL, 1, 1, 1, 1};
    static const uint8_t beyond[] = {0x81, 4, 1, 1, 1};
    (void)state;
    assert_int_equal(nts_seasonal_read(values, 9, fine, sizeof fine), NANOTS_OK);
    assert_int_equal(nts_seasonal_read(values, 3, fine, sizeof fine), NANOTS_OK);
    assert_int_equal(nts_seasonal_read(values, 2, fine, sizeof fine), NANOTS_CORRUPT);
    assert_int_equal(nts_seasonal_read(values, 9, none, sizeof none), NANOTS_CORRUPT);
    assert_int_equal(nts_seasonal_read(values, 9, large, sizeof large), NANOTS_CORRUPT);
    assert_int_equal(nts_seasonal_read(values, 9, nested, sizeof nested), NANOTS_CORRUPT);
    assert_int_equal(nts_seasonal_read(values, COUNT, beyond, sizeof beyond), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(seasonal_repeats_cost_one_period),
        cmocka_unit_test(seasonal_noise_and_walks_have_no_period),
        cmocka_unit_test(seasonal_any_period_of_any_values_round_trips),
        cmocka_unit_test(seasonal_against_the_rules_is_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
