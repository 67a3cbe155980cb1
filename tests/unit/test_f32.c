/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_f32.c - vectors of float (codec/f32.h): what goes in comes out bit by bit, small,
 * deterministic, inside its bytes, in every mode of rounding; bad bytes are NANOTS_CORRUPT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fenv.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/f32.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT      NTS_VECTOR_ROWS
#define KIND_COUNT 12u

static uint64_t seed;
static struct nts_codec_scratch scratch;
static float vector[COUNT];
static struct guard encoded;
static struct guard decoded;

static float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Sets element i of the vector to bits that an assignment might quieten. */
static void vector_set_bits(size_t i, uint32_t bits)
{
    memcpy(&vector[i], &bits, sizeof bits);
}

static const uint32_t islands[] = {0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0xFFA12345,
                                   0x7F800000, 0xFF800000, 0x80000000, 0x00000001,
                                   0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0x00000000};
#define ISLAND_COUNT (sizeof islands / sizeof islands[0])

/* A walk in steps of 1 / scale. */
static float walk(double scale, uint64_t random, float before)
{
    return (float)((round((double)before * scale) + (double)(random % 21) - 10.0) / scale);
}

static void series_fill(unsigned kind, size_t count)
{
    float before = kind == 1 ? 1013.25f : 21.5f;

    for (size_t i = 0; i < count; i++) {
        const uint64_t random = seed_next(&seed);
        switch (kind) {
        case 0:
            before = walk(10.0, random, before);
            break;
        case 1:
            before = walk(100.0, random, before);
            break;
        case 2:
            before = (float)(random % 1000);
            break;
        case 3:
            before = (float)(random % 4096) / 8.0f;
            break;
        case 4:
            before = sinf((float)i * 0.01f);
            break;
        case 5:
            before = (float)(random >> 40) * 0x1p-24f;
            break;
        case 6:
            before = random % 40 == 0 ? (float)(random >> 50) / 10.0f : before;
            break;
        case 7:
            before = (float)((double)(random % 100000) / 1e5);
            break;
        case 8:
            before = (float)((double)(random % 1000) * 1e-40);
            break;
        default:
            break;
        }
        vector[i] = before;
        if (kind == 9 || (kind == 10 && random % 20 == 0))
            vector_set_bits(i, islands[random / 32 % ISLAND_COUNT]);
        if (kind == 11)
            vector_set_bits(i, (uint32_t)random);
    }
}

static void check_decodes(const uint8_t *src, size_t size, size_t count)
{
    float *const dst = (float *)(void *)guard_at_end(&decoded, 4 * COUNT);

    assert_int_equal(nts_f32_decode(&scratch, dst, count, src, size), NANOTS_OK);
    assert_memory_equal(dst, vector, 4 * count);
}

static size_t check_vector(size_t count)
{
    static uint8_t again[4 * COUNT + 1];
    uint8_t *const room = guard_at_end(&encoded, nts_f32_bound(count));
    const size_t size = nts_f32_encode(&scratch, room, vector, count);

    assert_in_range(size, 1, nts_f32_bound(count));
    uint8_t *const high = guard_at_end(&encoded, size);
    memmove(high, room, size);
    check_decodes(high, size, count);
    uint8_t *const low = guard_at_start(&encoded);
    memmove(low, high, size);
    check_decodes(low, size, count);

    memset(&scratch, 0xA5, sizeof scratch);
    assert_int_equal(nts_f32_encode(&scratch, again, vector, count), size);
    assert_memory_equal(again, low, size);
    return size;
}

static void f32_every_series_round_trips(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        for (size_t step = 1; step <= 74; step++) {
            static const size_t long_counts[] = {255, 256, COUNT - 1, COUNT};
            const size_t count = step <= 70 ? step : long_counts[step - 71];
            series_fill(kind, count);
            (void)check_vector(count);
        }
}

/* Goal: each series gets the codec and the size that its nature allows; printed for the curious. */
static void f32_sizes_are_those_expected(void **state)
{
    static const struct {
        const char *name;
        const char *codec;
        size_t size_max; /* of 1024 values */
    } wanted[KIND_COUNT] = {
        {"walk of one decimal", "decimal", 750},
        {"pressure, two decimals", "decimal", 750},
        {"integers of 10 bits", "integer", 1300},
        {"eighths of 12 bits", "decimal", 2500},
        {"sine", NULL, 4097},
        {"24 random bits", NULL, 4097},
        {"steps", NULL, 300},
        {"five digits", "decimal", 2200},
        {"subnormals", NULL, 4097},
        {"islands", NULL, 4097},
        {"few islands", NULL, 1200},
        {"random bits", "raw", 4097},
    };
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        series_fill(kind, COUNT);
        const size_t size = check_vector(COUNT);
        const char *const codec = nts_codec_name(*guard_at_start(&encoded));
        (void)printf("# %-24s %-8s %.2f bytes a value\n", wanted[kind].name, codec,
                     (double)size / COUNT);
        if (wanted[kind].codec != NULL)
            assert_string_equal(codec, wanted[kind].codec);
        assert_in_range(size, 1, wanted[kind].size_max);
    }
}

/* Goal: every float is widened and rounded back without loss, and doubles are rounded as the
 * processor does. Method: floats of all exponents as vectors that are not constant; doubles near
 * halves, as RAW inside of RLE. */
static void f32_rounds_as_ieee_754_says(void **state)
{
    static uint8_t bytes[32];
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        const uint64_t random = seed_next(&seed);
        const uint64_t exponent = random % 3 == 0 ? 860 + random / 4 % 320 : random / 4 % 2047;
        uint64_t bits = (random & 1) << 63 | exponent << 52 | seed_next(&seed) >> 12;
        if (random % 5 == 0) /* at and beside a tie of some width */
            bits = (bits & ~(uint64_t)0 << (28 + random / 64 % 24)) + random / 4096 % 3 - 1;
        float value;
        const double wide = nts_double_of_bits(bits);
        if (wide != wide)
            continue;
        bytes[0] = NTS_CODEC_CONSTANT;
        nts_store_u64(bytes + 1, bits);
        assert_int_equal(nts_f32_decode(&scratch, &vector[0], 1, bytes, 9), NANOTS_OK);
        value = (float)wide;
        assert_true(bits_of_float(vector[0]) == bits_of_float(value));
    }
}

/* Goal: the bytes and the values do not depend on how the thread rounds. */
static void f32_decodes_alike_in_every_rounding_mode(void **state)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        series_fill(kind, COUNT);
        const size_t size = check_vector(COUNT);
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
            assert_int_equal(fesetround(modes[i]), 0);
            check_decodes(guard_at_start(&encoded), size, COUNT);
            uint8_t *const room = guard_at_end(&encoded, nts_f32_bound(COUNT));
            const size_t other_size = nts_f32_encode(&scratch, room, vector, COUNT);
            check_decodes(room, other_size, COUNT);
            assert_int_equal(fesetround(FE_TONEAREST), 0);
            (void)check_vector(COUNT);
        }
    }
}

static void check_golden(const float *values, size_t count, const uint8_t *bytes, size_t size)
{
    uint8_t written[64];

    memcpy(vector, values, 4 * count);
    assert_int_equal(nts_f32_encode(&scratch, written, values, count), size);
    assert_memory_equal(written, bytes, size);
    check_decodes(bytes, size, count);
}

/* The worked examples of SPEC.md 7.10. */
static void f32_examples_of_the_spec_match(void **state)
{
    static const float decimals[] = {21.7f, 21.9f, 22.0f, 21.8f, 22.1f};
    static const uint8_t decimal[] = {0x08, 0x01, 0x05, 0x03, 0xb2, 0x03, 0xd0, 0x42};
    static const float integers[] = {1.0f, 2.0f, 3.0f, 5.0f};
    static const uint8_t integer[] = {0x03, 0x05, 0x03, 0x02, 0x88, 0x08};
    static const float constants[] = {1.5f, 1.5f, 1.5f};
    static const uint8_t constant[] = {0x01, 0xf8, 0x3f};
    static const uint8_t raw[] = {0x00, 0xdb, 0x0f, 0x49, 0x40, 0x54, 0xf8, 0x2d, 0x40};
    const float pi_and_e[] = {float_of_bits(0x40490fdb), float_of_bits(0x402df854)};
    (void)state;
    check_golden(decimals, 5, decimal, sizeof decimal);
    check_golden(integers, 4, integer, sizeof integer);
    check_golden(constants, 3, constant, sizeof constant);
    check_golden(pi_and_e, 2, raw, sizeof raw);
    /* A NaN with a payload, as a constant: its upper bits. */
    vector_set_bits(0, 0xFFA12345);
    vector_set_bits(1, 0xFFA12345);
    check_decodes((const uint8_t *)"\x01\x00\x00\xa0\x68\x24\xf4\xff", 8, 2);
}

static void check_corrupt(const char *bytes, size_t size, size_t count)
{
    float *const dst = (float *)(void *)guard_at_end(&decoded, 4 * COUNT);
    uint8_t *const src = guard_at_end(&encoded, size);

    memcpy(src, bytes, size);
    assert_int_equal(nts_f32_decode(&scratch, dst, count, src, size), NANOTS_CORRUPT);
}

static void f32_bytes_against_the_rules_are_corrupt(void **state)
{
    (void)state;
    check_corrupt("", 0, 1);
    check_corrupt("\x00\x01\x02\x03", 4, 1);
    check_corrupt("\x00\x01\x02\x03\x04\x05", 6, 1);
    check_corrupt("\x00\x01\x02\x03\x04\x05\x06\x07\x08", 9, 1); /* RAW of doubles */
    check_corrupt("\x09", 1, 1);
    check_corrupt("\x01\x01\x00\x00\x00\x00\x00\xf0\x7f", 9, 1); /* a NaN that would be infinite */
    check_corrupt("\x01\x10\x00\x00\x00\x00\xf8\x7f", 8, 1);     /* a NaN with bits too many */
}

static int open_guards(void **state)
{
    (void)state;
    seed = seed_of_run();
    encoded = guard_open(4 * COUNT + 1);
    decoded = guard_open(4 * COUNT);
    return 0;
}

static int close_guards(void **state)
{
    (void)state;
    guard_close(&encoded);
    guard_close(&decoded);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_every_series_round_trips),
        cmocka_unit_test(f32_sizes_are_those_expected),
        cmocka_unit_test(f32_rounds_as_ieee_754_says),
        cmocka_unit_test(f32_decodes_alike_in_every_rounding_mode),
        cmocka_unit_test(f32_examples_of_the_spec_match),
        cmocka_unit_test(f32_bytes_against_the_rules_are_corrupt),
    };
    return cmocka_run_group_tests(tests, open_guards, close_guards);
}
