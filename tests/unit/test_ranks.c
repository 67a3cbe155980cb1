/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_ranks.c - tables of few different doubles (codec/ranks.h): order, look-up, the part of
 * a head and back, and parts that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/ranks.h"
#include "support/faultalloc.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_RANKS_COUNT_MAX

static uint64_t seed;
static struct nts_codec_scratch scratch;
static struct nts_ranks_table *table;
static double values[COUNT + 1];
static double back[COUNT];
static uint64_t ranks[COUNT];
static uint8_t part[NTS_RANKS_SIZE_MAX];

/* `count` different values of a kind, in no order. */
static void fill(unsigned kind, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t n = i * 4097 % 8209; /* all different: 8209 is a prime */
        if (kind == 0)
            values[i] = ((double)n - 4000.0) * 0.30517578125e-3 + 1.0 / 3.0;
        else if (kind == 1)
            values[i] = (double)((float)n / 10.0f) - 300.0;
        else
            values[i] = nts_double_of_bits(seed_next(&seed) << 13 | n); /* NaNs among them */
    }
}

static void check_table(size_t count)
{
    struct guard guard = guard_open(NTS_RANKS_SIZE_MAX);
    struct nts_ranks *entries = NULL;

    nts_ranks_clear(table);
    assert_true(nts_ranks_add(table, values, count));
    assert_true(nts_ranks_add(table, values, count)); /* adds nothing */
    assert_int_equal(nts_ranks_count(table), count);
    nts_ranks_sort(table);
    assert_true(nts_ranks_from_f64(ranks, table, values, count));
    for (size_t i = 1; i < count; i++)
        if (values[i - 1] < values[i])
            assert_true(ranks[i - 1] < ranks[i]);
    const size_t size = nts_ranks_write(part, SIZE_MAX, table, &scratch);
    assert_in_range(size, 2, NTS_RANKS_SIZE_MAX);
    assert_int_equal(nts_ranks_write(part, size, table, &scratch), 0);
    assert_int_equal(nts_ranks_write(part, size + 1, table, &scratch), size);
    uint8_t *const bytes = guard_at_end(&guard, size);
    memcpy(bytes, part, size);
    assert_int_equal(nts_ranks_read(&entries, nts_alloc_libc(), &scratch, bytes, size), NANOTS_OK);
    assert_int_equal(entries->count, count);
    assert_int_equal(nts_ranks_to_f64(back, entries, ranks, count), NANOTS_OK);
    assert_memory_equal(back, values, count * sizeof values[0]);
    nts_free(entries);
    guard_close(&guard);
}

static void ranks_of_any_values_give_them_back(void **state)
{
    static const size_t counts[] = {1, 2, 7, 1000, 1024, 1025, 5000, COUNT - 1, COUNT};
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            fill(kind, counts[i]);
            check_table(counts[i]);
        }
}

static void ranks_keep_zeros_and_nans_apart(void **state)
{
    (void)state;
    values[0] = 0.0;
    values[1] = -0.0;
    values[2] = nts_double_of_bits(0x7FF8000000000000u);
    values[3] = nts_double_of_bits(0xFFF8000000000001u);
    values[4] = -INFINITY;
    check_table(5);
    assert_true(ranks[1] + 1 == ranks[0]);
    assert_int_equal(ranks[3], 0);
    assert_int_equal(ranks[4], 1);
    assert_int_equal(ranks[2], 4);
}

static void ranks_of_more_values_than_fit_are_refused(void **state)
{
    (void)state;
    fill(0, COUNT);
    values[COUNT] = 12345.678;
    nts_ranks_clear(table);
    assert_true(nts_ranks_add(table, values, COUNT));
    assert_false(nts_ranks_add(table, values + COUNT, 1));
    nts_ranks_clear(table);
    assert_true(nts_ranks_add(table, values, 100));
    nts_ranks_sort(table);
    assert_false(nts_ranks_from_f64(ranks, table, values, 101));
}

static void ranks_without_an_entry_are_corrupt(void **state)
{
    static const uint64_t bad[] = {3, 4, UINT64_MAX, (uint64_t)1 << 63, ((uint64_t)1 << 63) + 3};
    struct nts_ranks *entries = NULL;
    (void)state;
    fill(0, 3);
    check_table(3);
    const size_t size = nts_ranks_write(part, SIZE_MAX, table, &scratch);
    assert_int_equal(nts_ranks_read(&entries, nts_alloc_libc(), &scratch, part, size), NANOTS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const uint64_t some[] = {0, bad[i], 1};
        assert_int_equal(nts_ranks_to_f64(back, entries, some, 3), NANOTS_CORRUPT);
    }
    nts_free(entries);
}

/* Goal: cut, longer and changed parts give a status, and memory only as promised. */
static void parts_that_lie_are_harmless(void **state)
{
    struct guard guard = guard_open(NTS_RANKS_SIZE_MAX);
    struct nts_ranks *entries = NULL;
    (void)state;
    fill(1, 3000);
    check_table(3000);
    const size_t size = nts_ranks_write(part, SIZE_MAX, table, &scratch);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 16) {
        uint8_t *const bytes = guard_at_end(&guard, cut);
        memcpy(bytes, part, cut);
        assert_int_equal(nts_ranks_read(&entries, nts_alloc_libc(), &scratch, bytes, cut),
                         NANOTS_CORRUPT);
        assert_null(entries);
    }
    assert_int_equal(nts_ranks_read(&entries, nts_alloc_libc(), &scratch, part, size + 1),
                     NANOTS_CORRUPT);
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t *const bytes = guard_at_end(&guard, size);
        memcpy(bytes, part, size);
        bytes[seed_next(&seed) % (round % 2 == 0 ? 40 : size)] ^= (uint8_t)seed_next(&seed);
        const nanots_status status =
            nts_ranks_read(&entries, nts_alloc_libc(), &scratch, bytes, size);
        assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
        nts_free(entries);
    }
    guard_close(&guard);
}

static void ranks_of_counts_out_of_range_are_corrupt(void **state)
{
    static const uint8_t none[] = {0};
    static const uint8_t many[] = {0x81, 0x40, 1, 1, 1, 1, 1, 1, 1, 1,
                                   1,    1,    1, 1, 1, 1, 1, 1, 1, 1};
    struct nts_ranks *entries = NULL;
    (void)state;
    assert_int_equal(nts_ranks_read(&entries, nts_alloc_libc(), &scratch, none, sizeof none),
                     NANOTS_CORRUPT);
    assert_int_equal(nts_ranks_read(&entries, nts_alloc_libc(), &scratch, many, sizeof many),
                     NANOTS_CORRUPT);
}

static void ranks_without_memory_are_a_status(void **state)
{
    struct nts_ranks *entries = NULL;
    struct faultalloc memory;
    (void)state;
    fill(0, 10);
    check_table(10);
    const size_t size = nts_ranks_write(part, SIZE_MAX, table, &scratch);
    faultalloc_init(&memory);
    faultalloc_fail(&memory, 0, true);
    assert_null(nts_ranks_table_new(&memory.alloc));
    assert_int_equal(nts_ranks_read(&entries, &memory.alloc, &scratch, part, size),
                     NANOTS_NO_MEMORY);
    assert_null(entries);
    faultalloc_deinit(&memory);
}

static int table_open(void **state)
{
    (void)state;
    table = nts_ranks_table_new(nts_alloc_libc());
    return table == NULL ? -1 : 0;
}

static int table_close(void **state)
{
    (void)state;
    nts_free(table);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_of_any_values_give_them_back),
        cmocka_unit_test(ranks_keep_zeros_and_nans_apart),
        cmocka_unit_test(ranks_of_more_values_than_fit_are_refused),
        cmocka_unit_test(ranks_without_an_entry_are_corrupt),
        cmocka_unit_test(parts_that_lie_are_harmless),
        cmocka_unit_test(ranks_of_counts_out_of_range_are_corrupt),
        cmocka_unit_test(ranks_without_memory_are_a_status),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, table_open, table_close);
}
