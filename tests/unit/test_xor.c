/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_xor.c - codec XOR (codec/xor.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "codec/xor.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT          NTS_VECTOR_ROWS
#define SIZE_MAX_BYTES (10 * COUNT)

static uint64_t seed;

static void check_round_trip(const uint64_t *values, size_t count)
{
    static uint64_t read[COUNT];
    struct guard guard = guard_open(SIZE_MAX_BYTES);
    const size_t size = nts_xor_size(values, count, SIZE_MAX_BYTES);
    uint8_t *const bytes = guard_at_end(&guard, size);

    assert_ptr_equal(nts_xor_write(bytes, values, count), bytes + size);
    assert_int_equal(nts_xor_read(read, count, bytes, size), NANOTS_OK);
    assert_memory_equal(read, values, 8 * count);
    uint8_t *const start = guard_at_start(&guard);
    memmove(start, bytes, size);
    assert_int_equal(nts_xor_read(read, count, start, size), NANOTS_OK);
    assert_memory_equal(read, values, 8 * count);
    for (size_t cut = 1; cut <= size && cut <= 30; cut++) {
        uint8_t *const shorter = guard_at_end(&guard, size - cut);
        memmove(shorter, start, size - cut);
        assert_int_equal(nts_xor_read(read, count, shorter, size - cut), NANOTS_CORRUPT);
    }
    guard_close(&guard);
}

/* Goal: all window sizes 1..64 and all leading counts are expressible. Method: one XOR for each. */
static void xor_every_window_round_trips(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 64; size++)
        for (unsigned trailing = 0; trailing + size <= 64; trailing++) {
            const uint64_t ends = ((uint64_t)1 << (size - 1) | 1) << trailing;
            const uint64_t values[4] = {0, ends, ends, 0};
            check_round_trip(values, 4);
        }
}

static void xor_random_windows_round_trip(void **state)
{
    static uint64_t values[COUNT];
    (void)state;
    for (size_t round = 0; round < 300; round++) {
        const size_t count = round < 200 ? 1 + round % 70 : COUNT - round % 2;
        uint64_t before = 0;
        for (size_t i = 0; i < count; i++) {
            const uint64_t random = seed_next(&seed);
            uint64_t x = seed_next(&seed) >> (random & 63);
            x <<= random >> 6 & 63;
            before = values[i] = random >> 62 == 0 ? before : before ^ x;
        }
        check_round_trip(values, count);
    }
}

static void xor_size_stops_at_the_limit(void **state)
{
    static uint64_t values[COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = seed_next(&seed);
    const size_t size = nts_xor_size(values, COUNT, SIZE_MAX_BYTES);
    assert_in_range(size, 8 * COUNT, SIZE_MAX_BYTES - 1);
    assert_true(nts_xor_size(values, COUNT, 1000) >= 1000);
    assert_int_equal(nts_xor_size(values, COUNT, size + 1), size);
}

static void xor_window_without_predecessor_is_corrupt(void **state)
{
    static const uint8_t reuse_first[] = {0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t too_wide[] = {0x07, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* 1 + 64 > 64 */
    uint64_t value;
    (void)state;
    for (size_t size = 0; size <= sizeof reuse_first; size++) {
        assert_int_equal(nts_xor_read(&value, 1, reuse_first, size), NANOTS_CORRUPT);
        assert_int_equal(nts_xor_read(&value, 1, too_wide, size), NANOTS_CORRUPT);
    }
}

static void xor_bytes_left_over_are_corrupt(void **state)
{
    static const uint8_t zeros[40] = {0};
    uint64_t values[8];
    (void)state;
    assert_int_equal(nts_xor_read(values, 8, zeros, 1), NANOTS_OK);
    for (size_t size = 2; size <= sizeof zeros; size++)
        assert_int_equal(nts_xor_read(values, 8, zeros, size), NANOTS_CORRUPT);
    assert_int_equal(nts_xor_read(values, 8, zeros, 0), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(xor_every_window_round_trips),
        cmocka_unit_test(xor_random_windows_round_trip),
        cmocka_unit_test(xor_size_stops_at_the_limit),
        cmocka_unit_test(xor_window_without_predecessor_is_corrupt),
        cmocka_unit_test(xor_bytes_left_over_are_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
