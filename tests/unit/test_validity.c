/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_validity.c - which rows have a value (codec/validity.h): what goes in comes out, in
 * the smaller form, inside its bytes; bad bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "codec/validity.h"
#include "support/guard.h"
#include "support/seed.h"
#include "util/bits.h"

#define COUNT         NTS_VECTOR_ROWS
#define BITS_SIZE_MAX (COUNT / 8)

static uint64_t seed;
static struct guard given;
static struct guard encoded;
static struct guard decoded;

static size_t size_of(size_t count)
{
    return (count + 7) / 8;
}

/* Rows in runs of up to run_max, with whatever behind the last. Neither all present nor none. */
static void rows_fill(uint8_t *bits, size_t count, uint64_t run_max)
{
    bool value = seed_next(&seed) % 2;

    for (size_t i = 0; i < 8 * size_of(count); value = !value)
        for (uint64_t run = 1 + seed_next(&seed) % run_max; run > 0 && i < 8 * size_of(count);
             run--)
            nts_bit_set(bits, i++, value);
    const size_t present_count = nts_bits_count(bits, 0, count);
    if (present_count == 0 || present_count == count)
        nts_bit_set(bits, seed_next(&seed) % count, present_count == 0);
}

static void check_rows(uint64_t run_max, size_t count)
{
    uint8_t again[1 + BITS_SIZE_MAX];
    uint8_t wanted[BITS_SIZE_MAX] = {0};
    uint8_t *const bits = guard_at_end(&given, size_of(count));
    uint8_t *const out = guard_at_end(&decoded, size_of(count));
    uint8_t *const room = guard_at_end(&encoded, nts_validity_bound(count));

    rows_fill(bits, count, run_max);
    nts_bits_copy(wanted, 0, bits, 0, count);
    const size_t null_count = count - nts_bits_count(bits, 0, count);
    const size_t size = nts_validity_encode(room, bits, count);
    assert_in_range(size, 1, nts_validity_bound(count));
    assert_int_equal(nts_validity_encode(again, bits, count), size);
    assert_memory_equal(again, room, size);

    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *const short_bytes = guard_at_end(&encoded, cut);
        memcpy(short_bytes, again, cut);
        assert_int_equal(nts_validity_decode(out, count, null_count, short_bytes, cut), 0);
    }
    uint8_t *const bytes = guard_at_end(&encoded, size);
    memcpy(bytes, again, size);
    assert_int_equal(nts_validity_decode(out, count, null_count, bytes, size), size);
    assert_memory_equal(out, wanted, size_of(count));
    uint8_t *const low = guard_at_start(&encoded);
    memmove(low, bytes, size);
    low[size] = 0x81; /* what follows is not its own */
    assert_int_equal(nts_validity_decode(out, count, null_count, low, size + 1), size);
    assert_memory_equal(out, wanted, size_of(count));
}

static void validity_rows_round_trip(void **state)
{
    (void)state;
    for (uint64_t run_max = 1; run_max <= 2 * COUNT; run_max *= 2)
        for (size_t step = 2; step <= 140; step++)
            check_rows(run_max, step <= 130 ? step : COUNT + 131 - step);
}

/* The worked examples of SPEC.md 7.9. */
static void check_golden(const char *rows, const uint8_t *bytes, size_t size)
{
    const size_t count = strlen(rows);
    uint8_t bits[BITS_SIZE_MAX] = {0};
    uint8_t out[BITS_SIZE_MAX];
    uint8_t written[1 + BITS_SIZE_MAX];

    for (size_t i = 0; i < count; i++)
        nts_bit_set(bits, i, rows[i] == '1');
    const size_t null_count = count - nts_bits_count(bits, 0, count);
    assert_int_equal(nts_validity_encode(written, bits, count), size);
    assert_memory_equal(written, bytes, size);
    assert_int_equal(nts_validity_decode(out, count, null_count, bytes, size), size);
    assert_memory_equal(out, bits, size_of(count));
}

static void validity_examples_of_the_spec_match(void **state)
{
    static const uint8_t bitmap[] = {0x00, 0x6b, 0x01};
    static const uint8_t late[] = {0x01, 0x0c};
    static const uint8_t gap[] = {0x02, 0x0a, 0x05};
    (void)state;
    check_golden("110101101", bitmap, sizeof bitmap);
    check_golden("00000000000011111111", late, sizeof late);
    check_golden("111111111100000111111111111111", gap, sizeof gap);
}

static void check_refused(size_t count, size_t null_count, const char *bytes, size_t size)
{
    uint8_t *const bits = guard_at_end(&decoded, size_of(count));
    uint8_t *const src = guard_at_end(&encoded, size);

    memcpy(src, bytes, size);
    assert_int_equal(nts_validity_decode(bits, count, null_count, src, size), 0);
}

static void validity_bytes_against_the_rules_are_refused(void **state)
{
    (void)state;
    check_refused(9, 3, "", 0);
    check_refused(9, 3, "\x03\x6b\x01", 3); /* no such form */
    check_refused(9, 3, "\x00\x6b", 2);     /* cut off */
    check_refused(9, 4, "\x00\x6b\x01", 3); /* not that many */
    check_refused(9, 3, "\x00\x6b\x03", 3); /* padding */
    check_refused(9, 0, "\x00\xff\x01", 3); /* would not be stored */
    check_refused(9, 9, "\x00\x00\x00", 3);
    check_refused(9, 10, "\x01\x09", 2);
    check_refused(0, 0, "\x00", 1);
    check_refused(20, 12, "\x01\x0d", 2);         /* more absent rows than there are */
    check_refused(20, 12, "\x02\x09", 2);         /* more present ones */
    check_refused(20, 12, "\x01\x00\x04\x0c", 4); /* run of nothing */
    check_refused(20, 12, "\x01\x0b\x04", 3);     /* cut off before either is used up */
    check_refused(20, 12, "\x01\x8b", 2);         /* inside of a number */
    check_refused(20, 12, "\x01\x8c\x80\x80\x80\x80\x80\x80\x80\x80\x02", 11);
}

/* Goal: no bytes make it write or read elsewhere, and what it accepts has the promised nulls.
 * Method: random bytes and null counts. */
static void validity_random_bytes_do_no_harm(void **state)
{
    size_t accepted_count = 0;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        const size_t count = 1 + seed_next(&seed) % (round % 2 ? 40 : COUNT);
        const size_t null_count = seed_next(&seed) % (count + 1);
        const size_t size = seed_next(&seed) % 12;
        uint8_t *const src = guard_at_end(&encoded, size);
        uint8_t *const bits = guard_at_end(&decoded, size_of(count));
        for (size_t i = 0; i < size; i++)
            src[i] = (uint8_t)(seed_next(&seed) % (i == 0 ? 4 : 256));
        const size_t used = nts_validity_decode(bits, count, null_count, src, size);
        assert_true(used <= size);
        if (used == 0)
            continue;
        accepted_count++;
        assert_int_equal(nts_bits_count(bits, 0, count), count - null_count);
        assert_int_equal(nts_bits_count(bits, count, 8 * size_of(count) - count), 0);
    }
    assert_true(accepted_count > 0);
}

static int open_guards(void **state)
{
    (void)state;
    seed = seed_of_run();
    given = guard_open(COUNT);
    encoded = guard_open(COUNT);
    decoded = guard_open(COUNT);
    return 0;
}

static int close_guards(void **state)
{
    (void)state;
    guard_close(&given);
    guard_close(&encoded);
    guard_close(&decoded);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(validity_rows_round_trip),
        cmocka_unit_test(validity_examples_of_the_spec_match),
        cmocka_unit_test(validity_bytes_against_the_rules_are_refused),
        cmocka_unit_test(validity_random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_guards, close_guards);
}
