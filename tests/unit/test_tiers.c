/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_tiers.c - the choice of what to merge, and what it costs in the long run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/tiers.h"
#include "support/seed.h"

#define ROWS_MAX  (1u << 20)
#define UNITS_MAX 64u

static const struct nts_tier_limits limits = {.rows_max = ROWS_MAX, .units_max = UNITS_MAX};

#define expect_choice(first, units, ...)                                                           \
    expect_choice_of(first, units, (const uint64_t[]){__VA_ARGS__},                                \
                     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void expect_choice_of(size_t first, size_t units, const uint64_t *rows, size_t count)
{
    size_t at = SIZE_MAX;
    assert_int_equal(nts_tiers_choose(rows, count, &limits, &at), units);
    assert_int_equal(at, first);
}

static void tiers_of_few_units_stay(void **state)
{
    (void)state;
    expect_choice(0, 0, 1);
    expect_choice(0, 0, 1, 1, 1);
}

static void tiers_of_equal_units_merge_from_four_on(void **state)
{
    (void)state;
    expect_choice(0, 4, 1, 1, 1, 1);
    expect_choice(0, 6, 9, 9, 9, 9, 9, 9);
    expect_choice(1, 4, 4000, 1000, 1000, 1000, 1000);
}

/* What takes part doubles at least: a large neighbour waits for its like. */
static void tiers_do_not_rewrite_the_large_for_the_small(void **state)
{
    (void)state;
    expect_choice(0, 0, 1000, 1, 1, 1);
    expect_choice(0, 0, 8, 4, 2, 1);
    expect_choice(1, 4, 8, 4, 2, 1, 1);
    expect_choice(0, 4, 1000, 500, 400, 100);
}

static void tiers_leave_large_units_alone(void **state)
{
    (void)state;
    expect_choice(0, 0, ROWS_MAX, ROWS_MAX, ROWS_MAX, ROWS_MAX);
    expect_choice(0, 0, ROWS_MAX / 2 + 1, 1, 1, 1);
    expect_choice(2, 4, ROWS_MAX, ROWS_MAX / 2 + 1, 1, 1, 1, 1, ROWS_MAX);
    expect_choice(0, 0, ROWS_MAX / 2, ROWS_MAX / 4, ROWS_MAX / 4, ROWS_MAX / 4);
}

/* Of two merges the one is chosen that costs less for each unit that goes. */
static void tiers_prefer_the_cheap_merge(void **state)
{
    (void)state;
    expect_choice(5, 4, 50, 50, 50, 50, 600000, 5, 5, 5, 5);
}

/* However they are, no more than units_max small neighbours stay. */
static void tiers_bound_the_number_of_units(void **state)
{
    uint64_t rows[UNITS_MAX];
    size_t first = 0;
    (void)state;
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < UNITS_MAX; i++)
        rows[i] = i == 7 ? 100000 : 1;
    assert_in_range(nts_tiers_choose(rows, 3, &limits, &first), 0, 0);
    assert_in_range(nts_tiers_choose(rows + 7, 4, &limits, &first), 0, 0);
    const struct nts_tier_limits few = {.rows_max = ROWS_MAX, .units_max = 4};
    assert_int_equal(nts_tiers_choose(rows + 7, 4, &few, &first), 4);
}

/* ---- in the long run ---------------------------------------------------------------------- */

#define RUN_FLUSHES 4000u

struct tiers_run {
    uint64_t rows[RUN_FLUSHES];
    size_t count;
    uint64_t flushed;
    uint64_t rewritten;
    size_t count_max;
};

/* Every merge that is due, checked against the rule. */
static void tiers_settle(struct tiers_run *run)
{
    for (;;) {
        size_t first = 0;
        const size_t units = nts_tiers_choose(run->rows, run->count, &limits, &first);
        uint64_t total = 0;
        uint64_t largest = 0;
        if (units == 0)
            break;
        assert_in_range(units, NTS_TIER_UNITS_MIN, UNITS_MAX);
        assert_true(first + units <= run->count);
        for (size_t i = first; i < first + units; i++) {
            total += run->rows[i];
            largest = largest < run->rows[i] ? run->rows[i] : largest;
        }
        assert_true(total <= ROWS_MAX);
        assert_true(total >= largest * 2 || units == UNITS_MAX);
        run->rewritten += total;
        run->rows[first] = total;
        memmove(run->rows + first + 1, run->rows + first + units,
                (run->count - first - units) * sizeof run->rows[0]);
        run->count -= units - 1;
    }
    if (run->count_max < run->count)
        run->count_max = run->count;
}

/* Goal: few segments, and no row rewritten more than log2 times, whatever comes in.
 * Method: 4000 flushes of three kinds (even, spread over six decades, one large among small ones),
 * merged after each. */
static void tiers_rewrite_a_row_a_logarithmic_number_of_times(void **state)
{
    static struct tiers_run run;
    uint64_t random = seed_of_run();
    (void)state;

    for (unsigned kind = 0; kind < 3; kind++) {
        memset(&run, 0, sizeof run);
        for (unsigned i = 0; i < RUN_FLUSHES; i++) {
            const uint64_t draw = seed_next(&random);
            uint64_t rows = 60;
            if (kind == 1)
                rows = 1 + (draw >> 8) % (1ull << (draw % 20));
            else if (kind == 2)
                rows = i % 2 == 0 ? 20000 + draw % 1000 : 1 + draw % 10;
            run.rows[run.count++] = rows;
            run.flushed += rows;
            tiers_settle(&run);
        }
        print_message("# kind %u: %llu rows, rewritten %.2f times, %zu units at most, %zu left\n",
                      kind, (unsigned long long)run.flushed,
                      (double)run.rewritten / (double)run.flushed, run.count_max, run.count);
        assert_true(run.rewritten <= run.flushed * 20);
        assert_true(run.count_max <= UNITS_MAX + run.flushed / (ROWS_MAX / 4));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiers_of_few_units_stay),
        cmocka_unit_test(tiers_of_equal_units_merge_from_four_on),
        cmocka_unit_test(tiers_do_not_rewrite_the_large_for_the_small),
        cmocka_unit_test(tiers_leave_large_units_alone),
        cmocka_unit_test(tiers_prefer_the_cheap_merge),
        cmocka_unit_test(tiers_bound_the_number_of_units),
        cmocka_unit_test(tiers_rewrite_a_row_a_logarithmic_number_of_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
