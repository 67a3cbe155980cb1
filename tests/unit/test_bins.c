/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_bins.c - bins of sorted keys, and their bytes (codec/bins.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/bins.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT 4000u

static uint64_t seed;
static uint64_t numbers[COUNT];
static uint32_t keys[COUNT];
static struct nts_bins bins;

static int key_compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static struct nts_bins_input input_of(size_t count, uint64_t middle)
{
    for (size_t i = 0; i < count; i++)
        keys[i] = nts_bins_key(numbers[i], middle);
    qsort(keys, count, sizeof keys[0], key_compare);
    return (struct nts_bins_input){.keys = keys,
                                   .count = count,
                                   .middle = middle,
                                   .weight = 1,
                                   .piece_count = NTS_BINS_PIECES_MAX};
}

/* Plans and fits bins for numbers[0..count), and checks that each number is in its bin. */
static void bins_make(size_t count, uint64_t middle)
{
    const struct nts_bins_input input = input_of(count, middle);
    uint32_t counts[NTS_BINS_MAX] = {0};
    uint64_t distances[NTS_BINS_MAX] = {0};

    nts_bins_plan(&bins, &input);
    assert_in_range(bins.count, 1, NTS_BINS_MAX);
    assert_true(bins.lowers[0] == 0);
    for (unsigned b = 1; b < bins.count; b++)
        assert_true(bins.lowers[b] > bins.lowers[b - 1]);
    for (size_t i = 0; i < count; i++) {
        unsigned b = bins.count - 1;
        while (bins.lowers[b] > numbers[i])
            b--;
        counts[b]++;
        distances[b] |= numbers[i] - bins.lowers[b];
    }
    nts_bins_fit(&bins, counts, distances);
}

/* Numbers about `middle`, most near, some at any distance. */
static void numbers_fill(size_t count, uint64_t middle)
{
    const unsigned near = (unsigned)(40 + seed_next(&seed) % 24);
    for (size_t i = 0; i < count; i++) {
        const uint64_t far =
            seed_next(&seed) >> (seed_next(&seed) % 8 == 0 ? seed_next(&seed) % 64 : near);
        numbers[i] = seed_next(&seed) % 2 == 0 ? middle + far : middle - far;
    }
    numbers[0] = 0;
}

/* Goal: keys are in the order of the numbers, and equal only for those that are close. */
static void bins_keys_keep_the_order(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        const uint64_t middle = seed_next(&seed) >> (seed_next(&seed) % 64);
        const uint64_t a = seed_next(&seed) >> (seed_next(&seed) % 64);
        const uint64_t b = round % 2 == 0 ? a + (seed_next(&seed) >> (seed_next(&seed) % 64))
                                          : seed_next(&seed) >> (seed_next(&seed) % 64);
        const uint32_t key_a = nts_bins_key(a, middle);
        const uint32_t key_b = nts_bins_key(b, middle);
        assert_in_range(key_a, 0, (1u << NTS_BINS_KEY_BITS) - 1);
        if (a < b)
            assert_true(key_a <= key_b);
        if (a > b)
            assert_true(key_a >= key_b);
        const uint64_t far = a < middle ? middle - a : a - middle;
        if (key_a == key_b && far < 65536)
            assert_true(a == b);
    }
}

/* Goal: bins hold all numbers, and come back from their bytes, which end where they should. */
static void bins_hold_all_and_come_back(void **state)
{
    static uint8_t bytes[NTS_BINS_SIZE_MAX];
    static struct nts_bins read;
    struct guard guard = guard_open(NTS_BINS_SIZE_MAX);
    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        const size_t count = 1 + seed_next(&seed) % COUNT;
        const uint64_t middle = seed_next(&seed) >> (seed_next(&seed) % 64);
        numbers_fill(count, middle);
        bins_make(count, middle);
        const size_t size = (size_t)(nts_bins_write(bytes, &bins) - bytes);
        assert_in_range(size, 2, NTS_BINS_SIZE_MAX - 8);
        uint8_t *const at = guard_at_end(&guard, size);
        memcpy(at, bytes, size);
        assert_true(nts_bins_read(&read, at, size));
        assert_int_equal(read.count, bins.count);
        assert_int_equal(read.log, bins.log);
        assert_int_equal(read.width_max, bins.width_max);
        assert_memory_equal(read.widths, bins.widths, bins.count);
        assert_memory_equal(read.lowers, bins.lowers, bins.count * sizeof bins.lowers[0]);
        if (bins.log != 0)
            assert_memory_equal(read.frequencies, bins.frequencies,
                                bins.count * sizeof bins.frequencies[0]);
        uint8_t *const shorter = guard_at_end(&guard, size - 1);
        memcpy(shorter, bytes, size - 1);
        assert_false(nts_bins_read(&read, shorter, size - 1));
        uint8_t *const longer = guard_at_end(&guard, size + 1);
        memcpy(longer, bytes, size);
        longer[size] = 0;
        assert_false(nts_bins_read(&read, longer, size + 1));
    }
    guard_close(&guard);
}

/* Goal: values that are often the same have bins of their own, which take no more bits. */
static void bins_of_runs_are_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 1000003 : 70000 + seed_next(&seed) % 512;
    bins_make(COUNT, numbers[1]);
    unsigned zero_width_count = 0;
    for (unsigned b = 0; b < bins.count; b++)
        zero_width_count += bins.widths[b] == 0;
    assert_in_range(bins.count, 3, 6);
    assert_int_equal(zero_width_count, 2);
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = 0;
    bins_make(COUNT, 0);
    assert_int_equal(bins.count, 1);
    assert_int_equal(bins.width_max, 0);
}

/* Goal: the cost is about what the numbers are worth. Even numbers of 8 bits cost 8 bits each. */
static void bins_cost_is_about_the_entropy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = i % 256;
    struct nts_bins_input input = input_of(COUNT, 128);
    assert_in_range(nts_bins_cost(&input) / 256, COUNT * 8, COUNT * 8 + 100);
    input.weight = 4;
    assert_in_range(nts_bins_cost(&input) / 256, 4 * COUNT * 8, 4 * COUNT * 8 + 100);
}

/* Goal: random bytes are bins or are refused, and reading stays inside them. */
static void bins_of_random_bytes_are_harmless(void **state)
{
    static struct nts_bins read;
    struct guard guard = guard_open(256);
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        const size_t size = seed_next(&seed) % 200;
        uint8_t *const at = guard_at_end(&guard, size);
        for (size_t i = 0; i < size; i++)
            at[i] = (uint8_t)(seed_next(&seed) & (round % 2 == 0 ? 0xFF : seed_next(&seed)));
        if (size > 1 && round % 4 < 3)
            at[1] = (uint8_t)(at[1] % 16 == 0 ? at[1] | 10 : at[1]);
        if (nts_bins_read(&read, at, size))
            assert_in_range(read.count, 1, NTS_BINS_MAX);
    }
    guard_close(&guard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_keys_keep_the_order),
        cmocka_unit_test(bins_hold_all_and_come_back),
        cmocka_unit_test(bins_of_runs_are_their_own),
        cmocka_unit_test(bins_cost_is_about_the_entropy),
        cmocka_unit_test(bins_of_random_bytes_are_harmless),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
