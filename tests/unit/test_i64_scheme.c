/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_i64_scheme.c - one vector in one scheme (codec/i64_scheme.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/i64_scheme.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static const struct nts_i64_scheme schemes[] = {
    {.codec = NTS_CODEC_RAW},
    {.codec = NTS_CODEC_FOR},
    {.codec = NTS_CODEC_DELTA, .predictor = {.order = 1}},
    {.codec = NTS_CODEC_DELTA2, .predictor = {.order = 2}},
    {.codec = NTS_CODEC_RLE},
    {.codec = NTS_CODEC_LINE},
    {.codec = NTS_CODEC_DICTIONARY},
    {.codec = NTS_CODEC_PREDICT, .predictor = {.order = 5}},
    {.codec = NTS_CODEC_SEASONAL, .period = 24},
};

static uint64_t seed;
static struct nts_codec_scratch scratch;
static int64_t values[COUNT];

/* Goal: every scheme that takes a vector writes the bytes that it planned, and they give it back.
 * Method: every scheme on vectors with runs, few values and a trend, of many counts. */
static void scheme_plans_are_exact_and_decode(void **state)
{
    static uint8_t bytes[16 * COUNT];
    static int64_t back[COUNT];
    size_t taken[sizeof schemes / sizeof schemes[0]] = {0};
    (void)state;
    for (unsigned round = 0; round < 80; round++) {
        const size_t count = round % 4 == 0 ? COUNT : 2 + seed_next(&seed) % (COUNT - 2);
        for (size_t i = 0; i < count; i++)
            values[i] = i % 5 != 0 ? values[i - 1] : (int64_t)(i / 5 * 7 + seed_next(&seed) % 3);
        for (size_t k = 0; k < sizeof schemes / sizeof schemes[0]; k++) {
            const uint64_t *const src = (const uint64_t *)values;
            struct nts_i64_plan plan;
            nts_i64_plan_scheme(&plan, &scratch, &schemes[k], src, count);
            if (plan.size > nts_vector_bound(count))
                continue;
            taken[k]++;
            assert_ptr_equal(nts_i64_write_plan(bytes, &plan, &scratch, src, count),
                             bytes + plan.size);
            assert_int_equal(bytes[0], schemes[k].codec);
            assert_int_equal(nts_i64_decode(&scratch, back, count, bytes, plan.size), NANOTS_OK);
            assert_memory_equal(back, values, 8 * count);
        }
    }
    for (size_t k = 0; k < sizeof schemes / sizeof schemes[0]; k++)
        assert_true(taken[k] >= 20);
}

static void scheme_not_for_a_vector_has_no_size(void **state)
{
    const uint64_t few[] = {1, 5, 9, 2};
    struct nts_i64_plan plan;
    (void)state;
    for (size_t k = 2; k < sizeof schemes / sizeof schemes[0]; k++) {
        if (schemes[k].codec == NTS_CODEC_DICTIONARY)
            continue;
        nts_i64_plan_scheme(&plan, &scratch, &schemes[k], few, 1);
        assert_true(plan.size == SIZE_MAX);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(scheme_plans_are_exact_and_decode),
        cmocka_unit_test(scheme_not_for_a_vector_has_no_size),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
