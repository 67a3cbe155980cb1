/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_bits.c - rows of bits (util/bits.h) against one bit at a time, at guard pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/guard.h"
#include "support/seed.h"
#include "util/bits.h"

#define BYTES      64u
#define COUNT_MAX  200u
#define LONG_BYTES 4096u

static uint64_t seed;
static struct guard from;
static struct guard to;

static size_t size_of(size_t bit_count)
{
    return (bit_count + 7) / 8;
}

/* `size` random bytes, or long runs of equal ones every other time. */
static void fill(uint8_t *bytes, size_t size)
{
    const uint64_t style = seed_next(&seed) % 2;
    uint8_t byte = 0;

    for (size_t i = 0; i < size; i++) {
        const uint64_t random = seed_next(&seed);
        if (style == 0)
            byte = (uint8_t)random;
        else if (random % 16 == 0)
            byte = (uint8_t)(random >> 8 & 1 ? 0xFF : random >> 16);
        bytes[i] = byte;
    }
}

/* Copies within blocks that hold not one byte more than the bits do, at either end of memory. */
static void check_copy(size_t dst_bit, size_t src_bit, size_t count, bool is_at_start)
{
    uint8_t wanted[LONG_BYTES];
    const size_t dst_size = size_of(dst_bit + count);
    const size_t src_size = size_of(src_bit + count);
    uint8_t *const dst = is_at_start ? guard_at_start(&to) : guard_at_end(&to, dst_size);
    uint8_t *const src = is_at_start ? guard_at_start(&from) : guard_at_end(&from, src_size);

    fill(src, src_size);
    fill(dst, dst_size);
    memcpy(wanted, dst, dst_size);
    for (size_t i = 0; i < count; i++)
        nts_bit_set(wanted, dst_bit + i, nts_bit_get(src, src_bit + i));
    nts_bits_copy(dst, dst_bit, src, src_bit, count);
    assert_memory_equal(dst, wanted, dst_size);
}

static void bits_copy_from_every_offset_to_every_offset(void **state)
{
    (void)state;
    for (size_t dst_bit = 0; dst_bit < 9; dst_bit++)
        for (size_t src_bit = 0; src_bit < 9; src_bit++)
            for (size_t count = 1; count <= COUNT_MAX; count++)
                check_copy(dst_bit, src_bit, count, count % 2 == 0);
    for (unsigned round = 0; round < 500; round++)
        check_copy(seed_next(&seed) % 1024, seed_next(&seed) % 1024, 1 + seed_next(&seed) % 8192,
                   round % 2 == 0);
}

static void bits_count_and_run_and_fill_are_those_of_single_bits(void **state)
{
    (void)state;
    for (size_t first = 0; first < 17; first++)
        for (size_t count = 1; count <= COUNT_MAX; count++) {
            const size_t size = size_of(first + count);
            uint8_t *const bits =
                count % 2 == 0 ? guard_at_start(&from) : guard_at_end(&from, size);
            uint8_t wanted[BYTES];
            size_t ones = 0;
            size_t run = 1;
            fill(bits, size);
            for (size_t i = 0; i < count; i++)
                ones += nts_bit_get(bits, first + i);
            while (run < count && nts_bit_get(bits, first + run) == nts_bit_get(bits, first))
                run++;
            assert_int_equal(nts_bits_count(bits, first, count), ones);
            assert_int_equal(nts_bits_run(bits, first, first + count), run);

            memcpy(wanted, bits, size);
            for (size_t i = 0; i < count; i++)
                nts_bit_set(wanted, first + i, count % 3 == 0);
            nts_bits_fill(bits, first, count, count % 3 == 0);
            assert_memory_equal(bits, wanted, size);
        }
}

static void bits_none_touch_nothing(void **state)
{
    uint8_t *const end = guard_at_end(&to, 0);
    (void)state;
    for (size_t bit = 0; bit < 8; bit++) {
        nts_bits_copy(end, bit, end, bit, 0);
        nts_bits_fill(end, bit, 0, true);
        assert_int_equal(nts_bits_count(end, bit, 0), 0);
    }
}

static int open_guards(void **state)
{
    (void)state;
    seed = seed_of_run();
    from = guard_open(LONG_BYTES);
    to = guard_open(LONG_BYTES);
    return 0;
}

static int close_guards(void **state)
{
    (void)state;
    guard_close(&from);
    guard_close(&to);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_copy_from_every_offset_to_every_offset),
        cmocka_unit_test(bits_count_and_run_and_fill_are_those_of_single_bits),
        cmocka_unit_test(bits_none_touch_nothing),
    };
    return cmocka_run_group_tests(tests, open_guards, close_guards);
}
