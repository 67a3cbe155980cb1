/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_predict.c - predictors (codec/predict.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "codec/predict.h"
#include "support/body_checks.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static size_t check(const struct nts_predictor *predictor, size_t count)
{
    const struct nts_predict_plan plan = nts_predict_choose(&scratch, predictor, values, count);
    struct guard guard;
    uint8_t *const bytes = body_room(&guard, plan.size);

    assert_ptr_equal(nts_predict_write(bytes, &plan, &scratch, values, count), bytes + plan.size);
    body_check(nts_predict_read, bytes, plan.size, values, count, false, &seed);
    guard_close(&guard);
    return plan.size;
}

static void predict_polynomials_of_high_degree_take_few_bytes(void **state)
{
    (void)state;
    for (unsigned order = 3; order <= NTS_PREDICT_ORDER_MAX; order++)
        for (size_t count = 20; count <= COUNT; count = count == 20 ? COUNT - 1 : count + 1) {
            const struct nts_predictor predictor = {.order = (uint8_t)order};
            for (uint64_t i = 0; i < count; i++) {
                values[i] = 1;
                for (unsigned k = 0; k < order; k++)
                    values[i] *= i + k;
            }
            assert_in_range(check(&predictor, count), 1, 30);
        }
}

/* Goal: every order and number of taps inverts itself, whatever taps and values are. Method: random
 * ones of all widths, all short counts. */
static void predict_any_predictor_round_trips(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 600; round++) {
        struct nts_predictor predictor = {
            .tap_count = (uint8_t)(seed_next(&seed) % (NTS_PREDICT_TAPS_MAX + 1))};
        predictor.order =
            (uint8_t)(predictor.tap_count > 0 ? seed_next(&seed) % 4 : 3 + seed_next(&seed) % 5);
        if (predictor.tap_count > 0)
            predictor.precision = (uint8_t)(seed_next(&seed) % 64);
        for (unsigned j = 0; j < predictor.tap_count; j++)
            predictor.taps[j] =
                (int64_t)(seed_next(&seed) >> (seed_next(&seed) % 64) << predictor.precision);
        const size_t least = nts_predict_start_count(&predictor) + 1u;
        const size_t count = round % 8 == 0 ? COUNT : least + seed_next(&seed) % 60;
        const unsigned shift = (unsigned)(seed_next(&seed) % 64);
        for (size_t i = 0; i < count; i++)
            values[i] = seed_next(&seed) >> shift;
        (void)check(&predictor, count);
    }
}

/* Goal: the errors are those of the formula of the header, by plain arithmetic. */
static void predict_errors_follow_the_formula(void **state)
{
    const struct nts_predictor predictor = {
        .order = 2, .tap_count = 2, .taps = {(int64_t)1 << 60, -((int64_t)3 << 59)}};
    uint64_t errors[4];
    (void)state;
    for (uint64_t i = 0; i < 8; i++)
        values[i] = 100 + i * i * i;
    nts_predict_errors(errors, &predictor, values, 4, 4, values[0]);
    for (size_t i = 4; i < 8; i++) {
        /* Taps of 1/2 and -3/4 in units of 2^-61: floor(y / 2) and floor(-3 y / 4). */
        const int64_t y2 = (int64_t)(values[i - 2] - 100);
        const int64_t y3 = (int64_t)(values[i - 3] - 100);
        const int64_t taps = (y2 >> 1) + ((-3 * y3) >> 2);
        const int64_t line = (int64_t)(2 * values[i - 1] - values[i - 2]);
        assert_int_equal((int64_t)errors[i - 4], (int64_t)values[i] - line - taps);
    }
}

static void predict_against_the_rules_is_corrupt(void **state)
{
    static const uint8_t fine[] = {0x03, 0, 0, 0, 0, 0};
    static const uint8_t low_order[] = {0x02, 0, 0, 0, 0};
    static const uint8_t taps[] = {0x09, 10, 2, 0, 0, 0, 0};
    static const uint8_t five_taps[] = {0x29, 10, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t high_order[] = {0x0c, 10, 2, 0, 0, 0, 0, 0, 0};
    static const uint8_t precision[] = {0x09, 64, 2, 0, 0, 0, 0};
    static const uint8_t control[] = {0x49, 10, 2, 0, 0, 0, 0};
    (void)state;
    assert_int_equal(nts_predict_read(values, 4, fine, sizeof fine), NANOTS_OK);
    assert_int_equal(nts_predict_read(values, 3, fine, sizeof fine), NANOTS_CORRUPT);
    assert_int_equal(nts_predict_read(values, 5, low_order, sizeof low_order), NANOTS_CORRUPT);
    assert_int_equal(nts_predict_read(values, 5, taps, sizeof taps), NANOTS_OK);
    assert_int_equal(nts_predict_read(values, 2, taps, sizeof taps), NANOTS_CORRUPT);
    assert_int_equal(nts_predict_read(values, 9, five_taps, sizeof five_taps), NANOTS_CORRUPT);
    assert_int_equal(nts_predict_read(values, 9, high_order, sizeof high_order), NANOTS_CORRUPT);
    assert_int_equal(nts_predict_read(values, 5, precision, sizeof precision), NANOTS_CORRUPT);
    assert_int_equal(nts_predict_read(values, 5, control, sizeof control), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(predict_polynomials_of_high_degree_take_few_bytes),
        cmocka_unit_test(predict_any_predictor_round_trips),
        cmocka_unit_test(predict_errors_follow_the_formula),
        cmocka_unit_test(predict_against_the_rules_is_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
