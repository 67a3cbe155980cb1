/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_aggregate.c - sums from bytes (codec/aggregate.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "codec/aggregate.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static int64_t values[COUNT];
static uint8_t bytes[8 * COUNT + 1];

/* Compares with plain loops over the values; returns whether it was possible. */
static bool check(size_t count)
{
    const size_t size = nts_i64_encode(&scratch, bytes, values, count);
    struct nts_i64_aggregates found;
    int64_t sum = 0;
    int64_t min = values[0];
    int64_t max = values[0];
    bool fits = true;

    for (size_t i = 0; i < count; i++) {
        fits = fits && !__builtin_add_overflow(sum, values[i], &sum);
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    if (!nts_i64_aggregate(&scratch, bytes, size, count, &found))
        return false;
    assert_true(fits);
    assert_true(found.sum == sum);
    assert_true(found.min == min);
    assert_true(found.max == max);
    return true;
}

static void aggregate_of_structure_is_that_of_the_values(void **state)
{
    size_t possible[NTS_CODEC_ID_END] = {0};
    (void)state;
    for (size_t count = 2; count <= COUNT; count += count < 40 ? 1 : 123)
        for (unsigned round = 0; round < 30; round++) {
            const int64_t first = (int64_t)(seed_next(&seed) >> 30) - (1 << 20);
            const int64_t step = (int64_t)(seed_next(&seed) % 4001) - 2000;
            for (size_t i = 0; i < count; i++) {
                if (round % 3 == 0)
                    values[i] = first;
                else if (round % 3 == 1)
                    values[i] = first + step * (int64_t)i;
                else
                    values[i] = i % 16 != 0 ? values[i - 1]
                                            : first + 24 * (int64_t)(seed_next(&seed) >> 40);
            }
            const bool is_possible = check(count);
            possible[bytes[0]] += is_possible;
            if (bytes[0] == NTS_CODEC_CONSTANT || bytes[0] == NTS_CODEC_RLE ||
                (round % 3 == 1 && bytes[0] == NTS_CODEC_DELTA))
                assert_true(is_possible);
        }
    assert_true(possible[NTS_CODEC_CONSTANT] >= 100);
    assert_true(possible[NTS_CODEC_DELTA] >= 100);
    assert_true(possible[NTS_CODEC_RLE] + possible[NTS_CODEC_SCALED] >= 50);
}

static void aggregate_of_other_codecs_is_not_possible(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (int64_t)(seed_next(&seed) % 1000);
    assert_false(check(COUNT));
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (int64_t)(i * 1000 + (i >= 500 ? 7u : 0u));
    assert_false(check(COUNT));
}

static void aggregate_sums_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = INT64_MAX / 2;
    assert_true(check(2));
    assert_false(check(3));
    for (size_t i = 0; i < COUNT; i++)
        values[i] = INT64_MIN + (int64_t)(i / 64) * 3;
    assert_false(check(COUNT));
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (int64_t)i * (INT64_MAX / 1024);
    assert_false(check(COUNT));
}

/* Goal: bad bytes are refused or give some numbers, and nothing is read outside. */
static void aggregate_of_damaged_bytes_does_no_harm(void **state)
{
    struct guard guard = guard_open(64);
    struct nts_i64_aggregates found;
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        static const uint8_t codecs[] = {NTS_CODEC_CONSTANT, NTS_CODEC_DELTA, NTS_CODEC_RLE,
                                         NTS_CODEC_SCALED};
        const size_t size = seed_next(&seed) % 32;
        uint8_t *const at = guard_at_end(&guard, size);
        for (size_t i = 0; i < size; i++)
            at[i] = (uint8_t)(seed_next(&seed) >> (seed_next(&seed) % 8));
        if (size > 0)
            at[0] = codecs[round % 4];
        (void)nts_i64_aggregate(&scratch, at, size, 1 + seed_next(&seed) % COUNT, &found);
    }
    assert_false(nts_i64_aggregate(&scratch, bytes, 0, 5, &found));
    guard_close(&guard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregate_of_structure_is_that_of_the_values),
        cmocka_unit_test(aggregate_of_other_codecs_is_not_possible),
        cmocka_unit_test(aggregate_sums_that_do_not_fit_are_refused),
        cmocka_unit_test(aggregate_of_damaged_bytes_does_no_harm),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
