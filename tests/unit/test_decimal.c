/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_decimal.c - doubles of few digits (codec/decimal.h): every digit count, exceptions
 * everywhere, the limits, other rounding modes, and bytes that lie. The kernels are held against
 * the scalar ones by test_bitpack_avx2.c and test_bitpack_avx512.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fenv.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/decimal.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

/* Bits that no decimal has: NaN with payloads, infinities, -0.0, subnormals, 1/3, huge ones. */
static const uint64_t odd_bits[] = {
    0x7FF8000000000000u, 0x7FF8000000000001u, 0xFFF0000000000123u, 0x7FF4DEADBEEF0000u,
    0x7FF0000000000000u, 0xFFF0000000000000u, 0x8000000000000000u, 0x0000000000000001u,
    0x800FFFFFFFFFFFFFu, 0x3FD5555555555555u, 0x7FEFFFFFFFFFFFFFu, 0x4310000000000000u,
};
#define ODD_COUNT (sizeof odd_bits / sizeof odd_bits[0])

static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
                                1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};

static uint64_t seed;
static struct nts_codec_scratch scratch;
static struct nts_decimal_plan plan;
static double values[COUNT];
static double decoded[COUNT];
static uint8_t bytes[8 * COUNT + 1];

/* A walk of integers over 10^digits; no integer ends in 0, so that all digits are needed. */
static void walk_fill(unsigned digits, size_t count)
{
    int64_t n = 123456;

    for (size_t i = 0; i < count; i++) {
        n += (int64_t)(seed_next(&seed) % 201) - 100;
        values[i] = (double)(n % 10 == 0 ? n + 1 : n) / powers[digits];
    }
}

/* Encodes `count` values, checks that they come back in every bit, returns the size. */
static size_t round_trip(size_t count)
{
    const size_t size = nts_f64_encode(&scratch, bytes, values, count);

    assert_in_range(size, 1, nts_vector_bound(count));
    memset(decoded, 0xA5, sizeof decoded);
    assert_int_equal(nts_f64_decode(&scratch, decoded, count, bytes, size), NANOTS_OK);
    assert_memory_equal(decoded, values, 8 * count);
    return size;
}

static void decimal_of_every_digit_count_is_small(void **state)
{
    static const size_t counts[] = {5, 26, 64, 255, 256, 257, COUNT - 1, COUNT};
    (void)state;
    for (unsigned digits = 1; digits <= NTS_DECIMAL_DIGITS_MAX; digits++)
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            walk_fill(digits, counts[k]);
            assert_in_range(round_trip(counts[k]), 1, 20 + 2 * counts[k]);
            assert_int_equal(bytes[0], NTS_CODEC_DECIMAL);
            assert_int_equal(bytes[1], digits);
        }
}

static void decimal_of_integers_with_a_gap_has_no_digits(void **state)
{
    (void)state;
    walk_fill(0, COUNT);
    (void)round_trip(COUNT);
    assert_int_equal(bytes[0], NTS_CODEC_INTEGER);
    values[77] = nts_double_of_bits(odd_bits[0]);
    assert_in_range(round_trip(COUNT), 1, 2 * COUNT);
    assert_int_equal(bytes[0], NTS_CODEC_DECIMAL);
    assert_int_equal(bytes[1], 0x80);
}

/* Goal: an exception may stand anywhere. Method: every odd value at every place, both index
 * sizes, first and last included; then at random, up to all values. */
static void decimal_with_exceptions_anywhere_round_trips(void **state)
{
    static const size_t counts[] = {2, 3, 9, 40, 256, 257, COUNT};
    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        for (size_t at = 0; at < counts[k]; at++) {
            walk_fill((unsigned)(at % 18), counts[k]);
            values[at] = nts_double_of_bits(odd_bits[at % ODD_COUNT]);
            (void)round_trip(counts[k]);
            if (counts[k] >= 40)
                assert_int_equal(bytes[0], NTS_CODEC_DECIMAL);
        }
    for (unsigned round = 0; round < 3000; round++) {
        const size_t count = round % 3 == 0 ? COUNT : 1 + seed_next(&seed) % 300;
        const uint64_t one_in = 1 + seed_next(&seed) % 40;
        walk_fill(round % 18, count);
        for (size_t i = 0; i < count; i++)
            if (seed_next(&seed) % one_in == 0)
                values[i] = nts_double_of_bits(odd_bits[seed_next(&seed) % ODD_COUNT]);
        (void)round_trip(count);
    }
}

/* Goal: bits of any kind come back. Method: digits that differ from value to value, random widths,
 * neighbours of decimals. */
static void decimal_of_mixed_values_round_trips(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        const size_t count = 1 + seed_next(&seed) % (round % 4 == 0 ? COUNT : 70);
        const unsigned shift = (unsigned)(seed_next(&seed) % 60);
        const unsigned digits_span = 1 + (unsigned)(seed_next(&seed) % 18);
        for (size_t i = 0; i < count; i++) {
            const uint64_t random = seed_next(&seed);
            values[i] = (double)((int64_t)random >> shift) / powers[random % digits_span];
            if (random % 97 == 0)
                values[i] = nts_double_of_bits(nts_bits_of_double(values[i]) + 1);
        }
        (void)round_trip(count);
    }
}

/* Three values of 12 digits must not cost the 1021 others ten digits each. */
static void decimal_with_few_long_values_keeps_few_digits(void **state)
{
    (void)state;
    walk_fill(2, COUNT);
    values[16] = values[500] = values[1000] = 1.123456789013;
    assert_in_range(round_trip(COUNT), 1, COUNT * 5 / 4);
    assert_int_equal(bytes[1], 0x82);
    assert_int_equal(nts_load_u16(bytes + 2), 3);

    walk_fill(2, COUNT);
    for (size_t i = 0; i < COUNT; i += 3)
        values[i] += 0.0001;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (double)(int64_t)(values[i] * 1e4 + 0.5) / 1e4;
    (void)round_trip(COUNT);
    assert_int_equal(bytes[1], 4);
}

/* Goal: a half of exceptions is the limit, -2^50 < n < 2^50 that of integers. */
static void decimal_plan_stops_at_its_limits(void **state)
{
    const size_t exception_count_max = NTS_EXCEPTIONS_COUNT_MAX(COUNT);
    static const double inside[] = {(0x1p50 - 1.0) / 10.0, -(0x1p50 - 1.0) / 10.0, 0.1};
    static const double outside[] = {(0x1p50 + 1.0) / 10.0, -(0x1p50 + 1.0) / 10.0, 0.1};
    (void)state;
    walk_fill(3, COUNT);
    for (size_t i = 0; i < exception_count_max; i++)
        values[2 * i % COUNT + i / (COUNT / 2)] = nts_double_of_bits(odd_bits[0]);
    assert_true(nts_decimal_of_digits(&plan, &scratch, 3, values, COUNT));
    assert_int_equal(plan.exceptions.count, exception_count_max);
    assert_true(scratch.values[2] == scratch.values[3]);
    values[3] = values[0];
    assert_false(nts_decimal_of_digits(&plan, &scratch, 3, values, COUNT));

    assert_true(nts_decimal_from_f64(&plan, &scratch, inside, 3));
    assert_int_equal(plan.exceptions.count, 0);
    assert_true(scratch.values[0] == ((uint64_t)1 << 50) - 1);
    assert_false(nts_decimal_from_f64(&plan, &scratch, outside, 3));
    for (size_t i = 0; i < ODD_COUNT; i++)
        values[i] = nts_double_of_bits(odd_bits[i]);
    assert_false(nts_decimal_from_f64(&plan, &scratch, values, ODD_COUNT));
    assert_false(nts_decimal_from_f64(&plan, &scratch, values, 1));
}

/* Goal: long division gives the bits that the processor's division gives. Method: random integers
 * of all widths, all digits, read under each rounding mode. */
static void decimal_read_in_every_rounding_mode_gives_the_same_bits(void **state)
{
    static const int modes[] = {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    static double wanted[COUNT];
    static uint64_t numbers[COUNT];
    struct nts_decimal_head head = {0};
    (void)state;
    for (head.digits = 0; head.digits <= NTS_DECIMAL_DIGITS_MAX; head.digits++) {
        for (size_t i = 0; i < COUNT; i++) {
            const unsigned shift = 12 + (unsigned)(seed_next(&seed) % 50);
            numbers[i] = (uint64_t)((int64_t)seed_next(&seed) >> shift);
        }
        numbers[0] = 0 - ((uint64_t)1 << 51);
        numbers[1] = ((uint64_t)1 << 51) - 1;
        numbers[2] = 0;
        for (size_t i = 0; i < COUNT; i++)
            wanted[i] = (double)(int64_t)numbers[i] / powers[head.digits];
        assert_int_equal(nts_decimal_to_f64(decoded, &head, &scratch, numbers, COUNT), NANOTS_OK);
        assert_memory_equal(decoded, wanted, sizeof wanted);
        for (size_t mode = 0; mode < 3; mode++) {
            assert_int_equal(fesetround(modes[mode]), 0);
            const nanots_status status =
                nts_decimal_to_f64(decoded, &head, &scratch, numbers, COUNT);
            (void)fesetround(FE_TONEAREST);
            assert_int_equal(status, NANOTS_OK);
            assert_memory_equal(decoded, wanted, sizeof wanted);
        }
    }
}

static void decimal_written_in_another_rounding_mode_comes_back(void **state)
{
    static const int modes[] = {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    (void)state;
    for (size_t mode = 0; mode < 3; mode++)
        for (unsigned digits = 1; digits <= NTS_DECIMAL_DIGITS_MAX; digits++) {
            walk_fill(digits, COUNT);
            assert_int_equal(fesetround(modes[mode]), 0);
            const size_t size = nts_f64_encode(&scratch, bytes, values, COUNT);
            (void)fesetround(FE_TONEAREST);
            assert_int_equal(nts_f64_decode(&scratch, decoded, COUNT, bytes, size), NANOTS_OK);
            assert_memory_equal(decoded, values, sizeof values);
        }
}

static nanots_status decode_hex(const char *hex, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = 0;

    for (; *hex != '\0'; hex += *hex == ' ') {
        bytes[size++] =
            (uint8_t)((strchr(digits, hex[0]) - digits) << 4 | (strchr(digits, hex[1]) - digits));
        hex += 2;
    }
    return nts_f64_decode(&scratch, decoded, count, bytes, size);
}

static void decimal_of_valid_bytes_gives_the_values(void **state)
{
    (void)state;
    /* k = 17 and the least integer, as a constant. */
    assert_int_equal(decode_hex("08 11 01 ff ff ff ff ff ff 0f", 2), NANOTS_OK);
    assert_true(decoded[0] == -0x1p51 / 1e17 && decoded[1] == -0x1p51 / 1e17);
    /* Nothing but exceptions. */
    assert_int_equal(
        decode_hex("08 80 02 00 01 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 80 01", 2),
        NANOTS_OK);
    assert_true(nts_bits_of_double(decoded[0]) == 1);
    assert_true(nts_bits_of_double(decoded[1]) == 0x8000000000000000u);
    /* Runs inside. */
    assert_int_equal(decode_hex("08 01 04 02 00 04 05 01 02 02", 4), NANOTS_OK);
    assert_true(decoded[0] == 0.1 && decoded[1] == 0.1 && decoded[2] == 0.2 && decoded[3] == 0.2);
}

static void decimal_of_bytes_against_the_rules_is_corrupt(void **state)
{
    static const struct {
        const char *hex;
        size_t count;
    } cases[] = {
        {"08", 1},       /* no control */
        {"08 12 01", 1}, /* 18 digits */
        {"08 21 01", 1}, /* reserved bits */
        {"08 41 01", 1},
        {"08 01", 1},       /* no integers */
        {"08 80", 1},       /* no count */
        {"08 80 00 01", 1}, /* no exceptions */
        {"08 80 01", 300},  /* half a count */
        {"08 80 02 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01", 1}, /* too many */
        {"08 80 01 02 00 00 00 00 00 00 00 00 01", 2}, /* behind the end */
        {"08 80 02 01 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01", 3}, /* not rising */
        {"08 80 02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01", 3}, /* falling */
        {"08 c1 01 02 01 01 01 01 01", 2},       /* packed position -1 */
        {"08 c1 01 01 01 09 01 01", 2},          /* a size beyond the end */
        {"08 c1 01 01 01", 2},                   /* no values */
        {"08 a1 01 00 01 01 01", 2},             /* DIFFERENCES of plain ones */
        {"08 80 01 00 00 00 00 00 00 00 00", 1}, /* value cut off */
        {"08 01 01 00 00 00 00 00 00 10", 1},    /* 2^51 */
        {"08 01 01 01 00 00 00 00 00 10", 1},    /* -2^51 - 1 */
        {"08 01 01 fe ff ff ff ff ff ff ff", 1}, /* 2^63 - 1 */
        {"08 80 01 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 10", 1}, /* under an exception */
        {"08 01 05 00 00 00", 1},                                           /* bytes left over */
        {"08 01 02 00", 1},                                                 /* xor inside */
        {"08 01 03 01", 1},                                                 /* integer inside */
        {"08 01 08 01 01", 1},                                              /* decimal inside */
        {"04 02 00 02 08 00 01", 4},                                        /* inside of rle */
    };
    int64_t integers[COUNT / 8];
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_int_equal(decode_hex(cases[k].hex, cases[k].count), NANOTS_CORRUPT);
    assert_int_equal(decode_hex("08 01 01", 1), NANOTS_OK);
    assert_int_equal(nts_i64_decode(&scratch, integers, 1, bytes, 3), NANOTS_CORRUPT);
}

/* Goal: no cut is accepted, no change reads or writes outside. Method: every cut, every bit of the
 * head and random ones behind, at guard pages. */
static void decimal_damaged_bytes_are_ok_or_corrupt(void **state)
{
    static const size_t counts[] = {9, 256, 257, COUNT};
    struct guard in = guard_open(8 * COUNT + 1);
    struct guard out = guard_open(8 * COUNT);
    double *const dst = (double *)(void *)guard_at_end(&out, 8 * COUNT);
    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        walk_fill(5, counts[k]);
        values[0] = values[counts[k] - 1] = nts_double_of_bits(odd_bits[k]);
        const size_t size = round_trip(counts[k]);
        assert_int_equal(bytes[0], NTS_CODEC_DECIMAL);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *const at = guard_at_end(&in, cut);
            memcpy(at, bytes, cut);
            assert_int_equal(nts_f64_decode(&scratch, dst, counts[k], at, cut), NANOTS_CORRUPT);
        }
        for (size_t bit = 0; bit < 2000; bit++) {
            const size_t place = bit < 400 ? bit : seed_next(&seed);
            uint8_t *const at = guard_at_end(&in, size);
            memcpy(at, bytes, size);
            at[place / 8 % size] ^= (uint8_t)(1u << place % 8);
            const nanots_status status = nts_f64_decode(&scratch, dst, counts[k], at, size);
            assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
        }
    }
    guard_close(&in);
    guard_close(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_of_every_digit_count_is_small),
        cmocka_unit_test(decimal_of_integers_with_a_gap_has_no_digits),
        cmocka_unit_test(decimal_with_exceptions_anywhere_round_trips),
        cmocka_unit_test(decimal_of_mixed_values_round_trips),
        cmocka_unit_test(decimal_with_few_long_values_keeps_few_digits),
        cmocka_unit_test(decimal_plan_stops_at_its_limits),
        cmocka_unit_test(decimal_read_in_every_rounding_mode_gives_the_same_bits),
        cmocka_unit_test(decimal_written_in_another_rounding_mode_comes_back),
        cmocka_unit_test(decimal_of_valid_bytes_gives_the_values),
        cmocka_unit_test(decimal_of_bytes_against_the_rules_is_corrupt),
        cmocka_unit_test(decimal_damaged_bytes_are_ok_or_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
