/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_sort_rows.c - the order of rows by (ts, arrival) (util/sort_rows.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/faultalloc.h"
#include "support/seed.h"
#include "util/sort_rows.h"

#define ROWS_MAX 5000u

static int64_t ts[ROWS_MAX];

/* An order is right if it rises by (ts, index): then it is also a permutation. */
static void check_order(uint32_t count)
{
    uint32_t *order = NULL;
    uint64_t sum = 0;
    assert_int_equal(nts_sort_rows(nts_alloc_libc(), ts, count, &order), NANOTS_OK);
    assert_non_null(order);
    for (uint32_t k = 0; k < count; k++) {
        assert_in_range(order[k], 0, count - 1);
        sum += order[k];
        if (k != 0)
            assert_true(ts[order[k - 1]] < ts[order[k]] ||
                        (ts[order[k - 1]] == ts[order[k]] && order[k - 1] < order[k]));
    }
    assert_int_equal(sum, (uint64_t)count * (count == 0 ? 0 : count - 1) / 2);
    nts_free(order);
}

/* Goal: rows come in order of time, those of equal time in order of arrival. Method: all counts to
 * 70 and some large ones; few and many distinct times, the extremes, sorted and backwards. */
static void sort_rows_orders_by_time_then_arrival(void **state)
{
    uint64_t seed = seed_of_run();
    (void)state;
    for (unsigned kind = 0; kind < 5; kind++)
        for (uint32_t step = 0; step < 74; step++) {
            static const uint32_t large[] = {1023, 1024, 1025, ROWS_MAX};
            const uint32_t count = step < 70 ? step : large[step - 70];
            for (uint32_t i = 0; i < count; i++) {
                const uint64_t random = seed_next(&seed);
                ts[i] = kind == 0   ? (int64_t)random
                        : kind == 1 ? (int64_t)(random % 4)
                        : kind == 2 ? -(int64_t)i
                        : kind == 3 ? (int64_t)i / 3
                                    : (random % 2 == 0 ? INT64_MIN : INT64_MAX);
            }
            check_order(count);
        }
}

/* Goal: sorted means never stepping back; equal times are fine. */
static void sort_rows_knows_sorted_rows(void **state)
{
    static const int64_t sorted[] = {INT64_MIN, -1, -1, 0, 7, INT64_MAX};
    static const int64_t not_sorted[] = {1, 2, 3, 2};
    (void)state;
    for (size_t count = 0; count <= 6; count++)
        assert_true(nts_rows_are_sorted(sorted, count));
    assert_true(nts_rows_are_sorted(not_sorted, 3));
    assert_false(nts_rows_are_sorted(not_sorted, 4));
}

/* Goal: no memory is a status, and leaks nothing. */
static void sort_rows_without_memory_is_a_status(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    for (uint64_t k = 0; k < 2; k++) {
        uint32_t *order = &(uint32_t){0};
        faultalloc_fail(&memory, k, false);
        assert_int_equal(nts_sort_rows(&memory.alloc, ts, 10, &order), NANOTS_NO_MEMORY);
        assert_null(order);
        assert_int_equal(memory.block_count, 0);
    }
    faultalloc_deinit(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sort_rows_orders_by_time_then_arrival),
        cmocka_unit_test(sort_rows_knows_sorted_rows),
        cmocka_unit_test(sort_rows_without_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
