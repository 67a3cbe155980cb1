/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_exceptions.c - values beside the numbers (codec/exceptions.h): far ones and near ones,
 * plain and packed, anywhere; test_decimal.c has bytes that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "codec/exceptions.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static struct nts_exceptions exceptions;
static double values[COUNT];
static uint64_t numbers[COUNT];
static uint64_t wrong[COUNT];
static double back[COUNT];

/* Numbers / 100, of which `one_in` are wrong: near if a random number says so, else a NaN. Returns
 * how many. */
static size_t fill(size_t count, uint64_t one_in, uint64_t near_of_8)
{
    size_t wrong_count = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t random = seed_next(&seed);
        numbers[i] = 1000 + random % 500;
        values[i] = (double)(int64_t)numbers[i] / 100.0;
        wrong[i] = i > 0 && (random >> 20) % one_in == 0;
        wrong_count += wrong[i];
        if (wrong[i] && (random >> 50) % 8 < near_of_8)
            values[i] = nts_double_of_bits(nts_bits_of_double(values[i]) + 1 - 2 * (random & 1));
        else if (wrong[i])
            values[i] = nts_double_of_bits(0x7FF8000000000000u);
    }
    return wrong_count;
}

static bool plan(size_t wrong_count, size_t count)
{
    memcpy(scratch.a, wrong, count * sizeof wrong[0]);
    return nts_exceptions_plan(&exceptions, &scratch, numbers, wrong_count, values, count, 100.0);
}

/* Writes, reads and applies the plan to the fractions of the numbers. */
static void check_back(size_t count, struct guard *guard)
{
    static uint8_t copy[20 * COUNT];
    struct nts_exceptions_read read;
    uint8_t *const bytes = guard_at_end(guard, exceptions.size);
    const uint8_t *const end = bytes + exceptions.size;

    assert_ptr_equal(nts_exceptions_write(bytes, &exceptions, &scratch, values, count), end);
    memset(scratch.exception_positions, 0xA5, sizeof scratch.exception_positions);
    memset(scratch.exception_values, 0xA5, sizeof scratch.exception_values);
    assert_ptr_equal(nts_exceptions_read(&read, &scratch, exceptions.flags, count, bytes, end),
                     end);
    assert_int_equal(read.count, exceptions.count);
    for (size_t i = 0; i < count; i++)
        back[i] = (double)(int64_t)numbers[i] / 100.0;
    nts_exceptions_apply(back, &read, &scratch);
    assert_memory_equal(back, values, count * sizeof values[0]);
    memcpy(copy, bytes, exceptions.size);
    for (size_t cut = 0; cut < exceptions.size; cut += 1 + cut / 8) {
        uint8_t *const at = guard_at_end(guard, cut);
        memcpy(at, copy, cut);
        assert_null(nts_exceptions_read(&read, &scratch, exceptions.flags, count, at, at + cut));
    }
}

static void exceptions_of_all_kinds_come_back(void **state)
{
    struct guard guard = guard_open(20 * COUNT);
    size_t forms[3] = {0};
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t count = round % 3 == 0 ? COUNT : 2 + seed_next(&seed) % 400;
        const size_t wrong_count = fill(count, 2 + seed_next(&seed) % 60, round % 9);
        if (!plan(wrong_count, count)) {
            assert_true(wrong_count > NTS_EXCEPTIONS_COUNT_MAX(count));
            continue;
        }
        if (wrong_count == 0) {
            assert_int_equal(exceptions.size, 0);
            assert_int_equal(exceptions.flags, 0);
            continue;
        }
        check_back(count, &guard);
        forms[exceptions.flags & NTS_EXCEPTIONS_DIFFERENCES ? 2
              : exceptions.flags & NTS_EXCEPTIONS_PACKED    ? 1
                                                            : 0]++;
    }
    assert_in_range(forms[0], 100, 3000);
    assert_in_range(forms[1], 100, 3000);
    assert_in_range(forms[2], 100, 3000);
    guard_close(&guard);
}

static void exceptions_that_are_near_are_small(void **state)
{
    (void)state;
    const size_t wrong_count = fill(COUNT, 8, 8);
    assert_in_range(wrong_count, 60, 300);
    assert_true(plan(wrong_count, COUNT));
    assert_in_range(exceptions.size, 1, 2 * wrong_count);
}

static void exceptions_in_runs_of_one_value_are_small(void **state)
{
    size_t wrong_count = 0;
    (void)state;
    (void)fill(COUNT, COUNT * 2, 0);
    for (size_t i = 0; i < COUNT; i++) {
        wrong[i] = i >= 100 && i % 500 >= 300;
        wrong_count += wrong[i];
        if (wrong[i])
            values[i] = nts_double_of_bits(0x7FF8000000000000u);
    }
    assert_true(plan(wrong_count, COUNT));
    assert_int_equal(exceptions.flags, NTS_EXCEPTIONS_FLAG | NTS_EXCEPTIONS_PACKED);
    assert_in_range(exceptions.size, 1, 40);
}

static void exceptions_everywhere_are_refused(void **state)
{
    (void)state;
    for (size_t count = 1; count < 40; count++) {
        (void)fill(count, 1000, 0);
        for (size_t i = 0; i < count; i++)
            wrong[i] = 1;
        assert_false(plan(count, count));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(exceptions_of_all_kinds_come_back),
        cmocka_unit_test(exceptions_that_are_near_are_small),
        cmocka_unit_test(exceptions_in_runs_of_one_value_are_small),
        cmocka_unit_test(exceptions_everywhere_are_refused),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
