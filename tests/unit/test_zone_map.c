/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_zone_map.c - zone maps (segment/zone_map.h) against SPEC.md 6.3 computed naively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "segment/zone_map.h"
#include "support/seed.h"

/* Whether a comes before b when -0.0 counts as less than +0.0. */
static int is_less(double a, double b)
{
    return a < b || (a == b && signbit(a) && !signbit(b));
}

static void check_zone(const double *values, size_t count)
{
    double lanes[8] = {0};
    double min = values[0];
    double max = values[0];
    uint32_t nans = 0;
    struct nts_zone zone;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) {
            nans++;
            continue;
        }
        lanes[i % 8] += values[i];
        if (isnan(min) || is_less(values[i], min))
            min = values[i];
        if (isnan(max) || is_less(max, values[i]))
            max = values[i];
    }
    const double sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
                       ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    nts_zone_of_doubles(values, count, &zone);
    assert_int_equal(zone.nan_count, nans);
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.min)), nts_bits_of_double(min));
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.max)), nts_bits_of_double(max));
    /* A NaN comes of infinities of both signs, and has the processor's bits. */
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.sum)),
                     isnan(sum) ? 0x7FF8000000000000u : nts_bits_of_double(sum));
}

static double random_value(uint64_t *seed, unsigned kind)
{
    static const uint64_t islands[] = {
        0x7FF8000000000001u, 0xFFF8000000000123u, 0x7FF0000000000000u, 0xFFF0000000000000u,
        0x8000000000000000u, 0x0000000000000000u, 0x0000000000000001u, 0x7FEFFFFFFFFFFFFFu};
    const uint64_t random = seed_next(seed);
    switch (kind) {
    case 0:
        return (double)(int64_t)(random % 2001) / 7.0 - 100.0;
    case 1:
        return nts_double_of_bits(islands[random % 8]);
    case 2:
        return random % 2 == 0 ? -0.0 : 0.0;
    case 3:
        return nts_double_of_bits(islands[random % 2]); /* nothing but NaN */
    case 4:
        return -0.0;
    case 5:
        return nts_double_of_bits(islands[2]); /* nothing but infinity */
    default:
        return nts_double_of_bits(random);
    }
}

/* Goal: min, max, sum and NaN count are those of SPEC.md, bit by bit, for every length. */
static void zone_map_equals_the_naive_one(void **state)
{
    uint64_t seed = seed_of_run();
    double values[NTS_VECTOR_ROWS];
    (void)state;
    for (unsigned kind = 0; kind < 7; kind++)
        for (size_t count = 1; count <= NTS_VECTOR_ROWS; count += count < 70 ? 1 : 53) {
            for (size_t i = 0; i < count; i++)
                values[i] = random_value(&seed, kind);
            check_zone(values, count);
        }
}

/* Goal: a vector of NaN keeps the first one's bits; zeros keep their signs. */
static void zone_map_keeps_bits(void **state)
{
    const double nans[] = {nts_double_of_bits(0xFFF8000000ABCDEFu), NAN, NAN};
    const double zeros[] = {0.0, -0.0, 0.0};
    struct nts_zone zone;
    (void)state;
    nts_zone_of_doubles(nans, 3, &zone);
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.min)), 0xFFF8000000ABCDEFu);
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.max)), 0xFFF8000000ABCDEFu);
    assert_int_equal(zone.nan_count, 3);
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.sum)), 0);
    nts_zone_of_doubles(zeros, 3, &zone);
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.min)), 1ull << 63);
    assert_int_equal(nts_bits_of_double(nts_double_of_bits(zone.max)), 0);
}

/* Goal: sums that meet as infinities of both signs give one NaN, whatever the order and the bits of
 * the NaN that went in; all other sums are those of the processor. */
static void zone_map_sums_add_to_one_nan(void **state)
{
    static const uint64_t nans[] = {0x7FF8000000000000u, 0xFFF8000000000000u, 0x7FF0000000000001u,
                                    0xFFFFFFFFFFFFFFFFu};
    (void)state;
    assert_int_equal(nts_bits_of_double(nts_zone_sum_add(INFINITY, -INFINITY)), nans[0]);
    assert_int_equal(nts_bits_of_double(nts_zone_sum_add(-INFINITY, INFINITY)), nans[0]);
    for (size_t i = 0; i < sizeof nans / sizeof nans[0]; i++) {
        const double nan = nts_double_of_bits(nans[i]);
        assert_int_equal(nts_bits_of_double(nts_zone_sum_add(nan, 1.0)), nans[0]);
        assert_int_equal(nts_bits_of_double(nts_zone_sum_add(-INFINITY, nan)), nans[0]);
    }
    assert_true(nts_zone_sum_add(INFINITY, 1.0) == INFINITY);
    assert_true(nts_zone_sum_add(0.1, 0.2) == 0.1 + 0.2);
    assert_int_equal(nts_bits_of_double(nts_zone_sum_add(0.0, -0.0)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_map_equals_the_naive_one),
        cmocka_unit_test(zone_map_keeps_bits),
        cmocka_unit_test(zone_map_sums_add_to_one_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
