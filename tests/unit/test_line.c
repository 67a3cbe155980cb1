/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_line.c - distances from a line (codec/line.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/line.h"
#include "support/body_checks.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static size_t check(struct nts_line line, size_t count)
{
    const struct nts_line_plan plan = nts_line_choose(&scratch, line, values, count);
    struct guard guard;
    uint8_t *const bytes = body_room(&guard, plan.size);

    assert_ptr_equal(nts_line_write(bytes, &plan, &scratch, values, count), bytes + plan.size);
    body_check(nts_line_read, bytes, plan.size, values, count, false, &seed);
    guard_close(&guard);
    return plan.size;
}

/* Goal: noise about a line takes the bits of the noise. Method: slopes of either sign, whole and
 * not; 4 bits of noise. */
static void line_noise_takes_its_own_bits(void **state)
{
    static const double slopes[] = {1000, -999.9, 0.37, -3.25, 12345678.875};
    static const size_t counts[] = {NTS_LINE_COUNT_MIN, 300, COUNT - 1, COUNT};
    (void)state;
    for (size_t s = 0; s < sizeof slopes / sizeof slopes[0]; s++)
        for (size_t k = 0; k < 4; k++) {
            struct nts_line line;
            for (size_t i = 0; i < counts[k]; i++)
                values[i] = 1700000000000 + (uint64_t)(int64_t)(slopes[s] * (double)i) +
                            seed_next(&seed) % 16;
            assert_true(nts_line_fit(&line, values, counts[k]));
            assert_in_range(check(line, counts[k]), 1, 20 + counts[k] * 6 / 8);
        }
}

/* Goal: arithmetic wraps and shifts are those of the format. Method: any numbers at all. */
static void line_any_slope_round_trips(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        const size_t count = round % 8 == 0 ? COUNT : 1 + seed_next(&seed) % 200;
        const struct nts_line line = {.slope = (int64_t)(seed_next(&seed) >> (round % 64)),
                                      .shift = (uint8_t)(seed_next(&seed) % 63)};
        for (size_t i = 0; i < count; i++)
            values[i] = seed_next(&seed) >> (seed_next(&seed) % 64);
        (void)check(line, count);
    }
}

static void line_too_steep_or_level_is_no_line(void **state)
{
    struct nts_line line;
    (void)state;
    for (uint64_t i = 0; i < COUNT; i++)
        values[i] = i << 50;
    assert_false(nts_line_fit(&line, values, COUNT));
    for (uint64_t i = 0; i < COUNT; i++)
        values[i] = 5;
    assert_false(nts_line_fit(&line, values, COUNT));
}

static void line_against_the_rules_is_corrupt(void **state)
{
    static const uint8_t shift[] = {2, 63, 0, 0};
    static const uint8_t fine[] = {2, 62, 0, 0};
    (void)state;
    assert_int_equal(nts_line_read(values, 5, fine, 4), NANOTS_OK);
    assert_int_equal(nts_line_read(values, 5, shift, 4), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_noise_takes_its_own_bits),
        cmocka_unit_test(line_any_slope_round_trips),
        cmocka_unit_test(line_too_steep_or_level_is_no_line),
        cmocka_unit_test(line_against_the_rules_is_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
