/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_delta.c - codecs FOR, DELTA and DELTA2 (codec/delta.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/delta.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT          NTS_VECTOR_ROWS
#define SIZE_MAX_BYTES (20 * COUNT)

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];
static uint64_t read_back[COUNT];

static struct nts_delta_plan check_round_trip(size_t count)
{
    struct guard guard = guard_open(SIZE_MAX_BYTES);
    const struct nts_delta_plan plan = nts_delta_choose(&scratch, values, count);
    uint8_t *const bytes = guard_at_end(&guard, plan.size);

    assert_ptr_equal(nts_delta_write(bytes, &plan, &scratch, values, count), bytes + plan.size);
    assert_int_equal(nts_delta_read(read_back, count, plan.order, bytes, plan.size), NANOTS_OK);
    assert_memory_equal(read_back, values, 8 * count);
    for (size_t size = 0; size < plan.size; size += 1 + plan.size / 100)
        assert_int_equal(nts_delta_read(read_back, count, plan.order, bytes, size), NANOTS_CORRUPT);
    guard_close(&guard);
    return plan;
}

static void delta_polynomials_take_their_order_and_few_bytes(void **state)
{
    static const size_t counts[] = {5, 30, COUNT - 1, COUNT};
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (unsigned order = 1; order <= 2; order++) {
            for (uint64_t i = 0; i < counts[k]; i++)
                values[i] = 1700000000000u + 1000 * i + (order == 2 ? 7 * i * i : 0);
            const struct nts_delta_plan plan = check_round_trip(counts[k]);
            assert_int_equal(plan.order, order);
            assert_in_range(plan.size, 1, 12);
        }
}

static void delta_one_gap_in_regular_series_costs_few_bytes(void **state)
{
    static const size_t counts[] = {12, 300, COUNT - 1, COUNT};
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < counts[k]; i++)
            values[i] = 1000 * i + (i > counts[k] / 2 ? 3600000 : 0);
        const struct nts_delta_plan plan = check_round_trip(counts[k]);
        assert_int_equal(plan.order, 1);
        assert_in_range(plan.size, 1, 14);
    }
}

/* Goal: arithmetic wraps. Method: differences of the extremes, all short counts. */
static void delta_extremes_round_trip(void **state)
{
    static const uint64_t extremes[] = {(uint64_t)INT64_MIN, INT64_MAX, 0, ~(uint64_t)0, 1};
    (void)state;
    for (size_t round = 0; round < 500; round++) {
        const size_t count = round < 490 ? 2 + round % 60 : COUNT - round % 2;
        for (size_t i = 0; i < count; i++)
            values[i] = extremes[seed_next(&seed) % 5];
        (void)check_round_trip(count);
    }
}

static void delta_of_too_few_values_is_corrupt(void **state)
{
    static const uint8_t bytes[] = {0, 0, 0, 0};
    (void)state;
    assert_int_equal(nts_delta_read(read_back, 1, 1, bytes, 3), NANOTS_CORRUPT);
    assert_int_equal(nts_delta_read(read_back, 2, 2, bytes, 4), NANOTS_CORRUPT);
    assert_int_equal(nts_delta_read(read_back, 2, 1, bytes, 3), NANOTS_OK);
    assert_int_equal(nts_delta_read(read_back, 3, 2, bytes, 4), NANOTS_OK);
}

static void delta_bytes_left_over_are_corrupt(void **state)
{
    static const uint8_t bytes[] = {0, 0, 0, 0};
    (void)state;
    assert_int_equal(nts_delta_read(read_back, 5, 0, bytes, 2), NANOTS_OK);
    assert_int_equal(nts_delta_read(read_back, 5, 0, bytes, 3), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(delta_polynomials_take_their_order_and_few_bytes),
        cmocka_unit_test(delta_one_gap_in_regular_series_costs_few_bytes),
        cmocka_unit_test(delta_extremes_round_trip),
        cmocka_unit_test(delta_of_too_few_values_is_corrupt),
        cmocka_unit_test(delta_bytes_left_over_are_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
