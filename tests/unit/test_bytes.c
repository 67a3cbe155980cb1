/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_bytes.c - little-endian access, checked sizes, bit helpers (base/bytes.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

static void store_at_odd_address_writes_little_endian(void **state)
{
    static const uint8_t wanted[] = {0xAA, 0x02, 0x01, 0x06, 0x05, 0x04, 0x03, 0x0E,
                                     0x0D, 0x0C, 0x0B, 0x0A, 0x09, 0x08, 0x07, 0xAA};
    uint8_t bytes[sizeof wanted];
    (void)state;
    memset(bytes, 0xAA, sizeof bytes);
    nts_store_u16(bytes + 1, 0x0102);
    nts_store_u32(bytes + 3, 0x03040506);
    nts_store_u64(bytes + 7, 0x0708090A0B0C0D0Eu);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    assert_int_equal(nts_load_u16(bytes + 1), 0x0102);
    assert_int_equal(nts_load_u32(bytes + 3), 0x03040506);
    assert_int_equal(nts_load_u64(bytes + 7), 0x0708090A0B0C0D0Eu);
}

static void store_of_signed_values_round_trips(void **state)
{
    static const int64_t values[] = {0, 1, -1, INT64_MIN, INT64_MAX, -1714521600000};
    uint8_t bytes[8];
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        nts_store_i64(bytes, values[i]);
        assert_true(nts_load_i64(bytes) == values[i]);
    }
    nts_store_i64(bytes, -2);
    assert_int_equal(bytes[0], 0xFE);
    assert_int_equal(bytes[7], 0xFF);
}

static void checked_sizes_refuse_overflow(void **state)
{
    size_t result = 7;
    (void)state;
    assert_true(nts_add_size(SIZE_MAX - 1, 1, &result));
    assert_true(result == SIZE_MAX);
    assert_false(nts_add_size(SIZE_MAX, 1, &result));
    assert_true(nts_mul_size(SIZE_MAX / 2, 2, &result));
    assert_true(result == SIZE_MAX - 1);
    assert_false(nts_mul_size(SIZE_MAX / 2 + 1, 2, &result));
    assert_true(nts_mul_size(SIZE_MAX, 0, &result));
    assert_true(result == 0);
}

static void round_goes_to_neighbouring_multiples(void **state)
{
    (void)state;
    assert_int_equal(nts_round_up(0, 4096), 0);
    assert_int_equal(nts_round_up(1, 4096), 4096);
    assert_int_equal(nts_round_up(4096, 4096), 4096);
    assert_int_equal(nts_round_up(4097, 4096), 8192);
    assert_int_equal(nts_round_down(4095, 4096), 0);
    assert_int_equal(nts_round_down(8191, 4096), 4096);
    assert_int_equal(nts_round_up(123, 1), 123);
    assert_true(nts_round_up((1ull << 62) - 1, 64) == 1ull << 62);
}

static void bit_length_counts_to_the_top_bit(void **state)
{
    (void)state;
    assert_int_equal(nts_bit_length(0), 0);
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t power = 1ull << bit;
        assert_int_equal(nts_bit_length(power), bit + 1);
        assert_int_equal(nts_bit_length(power | (power - 1)), bit + 1);
    }
}

static void zigzag_makes_small_magnitudes_small(void **state)
{
    static const int64_t values[] = {0, -1, 1, -2, 2};
    static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(nts_zigzag(values[i]), i);
        assert_true(nts_unzigzag(i) == values[i]);
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        assert_true(nts_unzigzag(nts_zigzag(ends[i])) == ends[i]);
    assert_true(nts_zigzag(INT64_MIN) == UINT64_MAX);
}

static void bits_of_double_keep_every_bit(void **state)
{
    static const uint64_t patterns[] = {0,
                                        1ull << 63,           /* -0.0 */
                                        0x3FF0000000000000u,  /* 1.0 */
                                        0x7FF8000000000001u,  /* a quiet NaN with a payload */
                                        0xFFF0000000000000u,  /* -inf */
                                        0x0000000000000001u}; /* the smallest denormal */
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        assert_true(nts_bits_of_double(nts_double_of_bits(patterns[i])) == patterns[i]);
    assert_true(nts_bits_of_double(1.0) == patterns[2]);
}

/* Goal: both ways to the upper half of a product agree, and with long division where that is easy.
 * Method: extremes and powers of two of either sign, and a spread of other numbers. */
static void mul_high_is_the_floor_of_the_product(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 2, -3, INT64_MIN, INT64_MAX, INT64_MIN + 1};
    uint64_t random = 1;
    (void)state;
    assert_int_equal(nts_mul_high((int64_t)1 << 62, 12), 3);
    assert_int_equal(nts_mul_high((int64_t)1 << 62, -1), -1);
    assert_int_equal(nts_mul_high(INT64_MIN, INT64_MIN), (int64_t)1 << 62);
    assert_int_equal(nts_mul_high(INT64_MIN, INT64_MAX), -((int64_t)1 << 62));
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++)
            assert_true(nts_mul_high(numbers[i], numbers[k]) ==
                        nts_mul_high_by_halves(numbers[i], numbers[k]));
    for (unsigned round = 0; round < 10000; round++) {
        const int64_t a = (int64_t)(random *= 0x9E3779B97F4A7C15u) >> round % 64;
        const int64_t b = (int64_t)(random *= 0x9E3779B97F4A7C15u) >> round / 64 % 64;
        assert_true(nts_mul_high(a, b) == nts_mul_high_by_halves(a, b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_at_odd_address_writes_little_endian),
        cmocka_unit_test(store_of_signed_values_round_trips),
        cmocka_unit_test(checked_sizes_refuse_overflow),
        cmocka_unit_test(round_goes_to_neighbouring_multiples),
        cmocka_unit_test(bit_length_counts_to_the_top_bit),
        cmocka_unit_test(zigzag_makes_small_magnitudes_small),
        cmocka_unit_test(bits_of_double_keep_every_bit),
        cmocka_unit_test(mul_high_is_the_floor_of_the_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
