/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_codec.c - whole vectors (codec/codec.h): what goes in comes out bit by bit, small,
 * deterministic, inside its bytes; bad bytes never do worse than NANOTS_CORRUPT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/transform.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT      NTS_VECTOR_ROWS
#define KIND_COUNT 16u

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t vector[COUNT]; /* i64 or the bits of f64 */
static struct guard encoded;
static struct guard decoded;

static double random_unit(void)
{
    return (double)(seed_next(&seed) >> 11) * 0x1p-53;
}

/* One value of each kind of series; kinds 0..8 as integers, the others as bits of doubles. */
static uint64_t series_value(unsigned kind, size_t i, uint64_t before)
{
    static const uint64_t islands[] = {0x7FF8000000000001u, 0xFFF0000000000123u,
                                       0x7FF0000000000000u, 0xFFF0000000000000u,
                                       0x8000000000000000u, 1,
                                       0x000FFFFFFFFFFFFFu, 0x7FF4DEADBEEF0000u};
    static const uint64_t extremes[] = {(uint64_t)INT64_MIN, INT64_MAX, 0, ~(uint64_t)0};
    const uint64_t random = seed_next(&seed);

    switch (kind) {
    case 0:
        return 1700000000000 + 1000 * i; /* regular */
    case 1:
        return 1700000000000 + 1000 * i + random % 11; /* jitter */
    case 2:
        return before + 1000 + (random % 90 == 0 ? random % 5000000 : 0); /* gaps */
    case 3:
        return random % 12 == 0 ? random >> 40 : before; /* steps */
    case 4:
        return before + random % 2001 - 1000; /* walk */
    case 5:
        return random % 50 == 0 ? random >> 20 : random % 64; /* bursts */
    case 6:
        return random >> (random & 63); /* any width */
    case 7:
        return extremes[random % 4];
    case 8:
        return (uint64_t)(i * i * i); /* smooth */
    case 9:
        return nts_bits_of_double(sin((double)i * 0.01));
    case 10:
        return nts_bits_of_double(round(random_unit() * 1000.0) / 10.0);
    case 11:
        return random % 20 == 0 ? islands[random / 32 % 8]
                                : nts_bits_of_double(21.5 + (double)(random % 8) / 8.0);
    case 12:
        return random; /* bits without meaning */
    case 13:
        return nts_bits_of_double((double)(int64_t)(random >> (random & 31) >> 11) - 1e6);
    case 14:
        return random % 30 == 0 ? nts_bits_of_double(random_unit()) : before;
    default:
        return islands[random % 8];
    }
}

static void series_fill(unsigned kind, size_t count)
{
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++)
        before = vector[i] = series_value(kind, i, before);
}

static size_t encode(bool is_f64, uint8_t *dst, size_t count)
{
    static double doubles[COUNT];
    static int64_t integers[COUNT];
    memcpy(doubles, vector, 8 * count);
    memcpy(integers, vector, 8 * count);
    return is_f64 ? nts_f64_encode(&scratch, dst, doubles, count)
                  : nts_i64_encode(&scratch, dst, integers, count);
}

/* Decodes to memory that ends at a page without access after COUNT values. */
static nanots_status decode(bool is_f64, const uint8_t *src, size_t src_size, size_t count)
{
    void *const dst = guard_at_end(&decoded, 8 * COUNT);
    return is_f64 ? nts_f64_decode(&scratch, dst, count, src, src_size)
                  : nts_i64_decode(&scratch, dst, count, src, src_size);
}

static const void *decoded_values(void)
{
    return guard_at_end(&decoded, 8 * COUNT);
}

static void check_vector(bool is_f64, size_t count)
{
    static uint8_t again[8 * COUNT + 1];
    uint8_t *const room = guard_at_end(&encoded, nts_vector_bound(count));
    const size_t size = encode(is_f64, room, count);

    assert_in_range(size, 1, nts_vector_bound(count));
    uint8_t *const high = guard_at_end(&encoded, size);
    memmove(high, room, size);
    assert_int_equal(decode(is_f64, high, size, count), NANOTS_OK);
    assert_memory_equal(decoded_values(), vector, 8 * count);
    uint8_t *const low = guard_at_start(&encoded);
    memmove(low, high, size);
    assert_int_equal(decode(is_f64, low, size, count), NANOTS_OK);
    assert_memory_equal(decoded_values(), vector, 8 * count);

    memset(&scratch, 0xA5, sizeof scratch);
    assert_int_equal(encode(is_f64, again, count), size);
    assert_memory_equal(again, low, size);
}

/* Goal: every series comes back bit by bit in at most the bound, the same whatever the scratch
 * held. Method: 16 kinds of series as both types, all short counts, both ends of the long ones. */
static void codec_every_series_round_trips(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        for (size_t step = 1; step <= 74; step++) {
            static const size_t long_counts[] = {255, 256, COUNT - 1, COUNT};
            const size_t count = step <= 70 ? step : long_counts[step - 71];
            series_fill(kind, count);
            check_vector(false, count);
            check_vector(true, count);
        }
}

/* Goal: all codecs are reached by the test above. Method: the same series, counted. */
static void codec_all_numbers_are_used_by_the_series(void **state)
{
    static uint8_t bytes[8 * COUNT + 1];
    size_t used[2][NTS_CODEC_ID_END] = {{0}};
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        for (size_t count = 1; count <= COUNT; count = count * 2 + 1) {
            series_fill(kind, count);
            for (int is_f64 = 0; is_f64 < 2; is_f64++) {
                (void)encode(is_f64, bytes, count);
                assert_in_range(bytes[0], 0, NTS_CODEC_ID_END - 1);
                used[is_f64][bytes[0]]++;
            }
        }
    assert_true(used[0][NTS_CODEC_RAW] && used[0][NTS_CODEC_CONSTANT] && used[0][NTS_CODEC_RLE]);
    assert_true(used[0][NTS_CODEC_FOR] && used[0][NTS_CODEC_DELTA] && used[0][NTS_CODEC_DELTA2]);
    assert_false(used[0][NTS_CODEC_XOR] || used[0][NTS_CODEC_INTEGER] ||
                 used[0][NTS_CODEC_DECIMAL]);
    assert_true(used[1][NTS_CODEC_RAW] && used[1][NTS_CODEC_CONSTANT] && used[1][NTS_CODEC_RLE]);
    assert_true(used[1][NTS_CODEC_XOR] && used[1][NTS_CODEC_INTEGER] && used[1][NTS_CODEC_DECIMAL]);
}

/* Where a vector has the codec byte of a constant, the size of whose body is part of its meaning:
 * its own, or that of the integers behind a head; `size` if it has none. */
static size_t constant_at(bool is_f64, const uint8_t *bytes, size_t size, size_t count)
{
    struct nts_transform_head head;
    const uint8_t *at = bytes;

    if (is_f64 && nts_transform_is(*at))
        at = nts_transform_read(&head, &scratch, NULL, count, at, bytes + size);
    return *at == NTS_CODEC_CONSTANT ? (size_t)(at - bytes) : size;
}

/* Goal: cut bytes are corrupt, spoilt ones at worst give other values, and nothing is read outside.
 * Method: every cut and 60 random changes of each vector, ending at a guard page. */
static void codec_damaged_bytes_are_ok_or_corrupt(void **state)
{
    static uint8_t bytes[8 * COUNT + 1];
    static const size_t counts[] = {2, 5, 30, 64, 300, COUNT - 1, COUNT};
    (void)state;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
            for (int is_f64 = 0; is_f64 < 2; is_f64++) {
                series_fill(kind, counts[k]);
                const size_t size = encode(is_f64, bytes, counts[k]);
                for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
                    uint8_t *const at = guard_at_end(&encoded, cut);
                    memcpy(at, bytes, cut);
                    const nanots_status status = decode(is_f64, at, cut, counts[k]);
                    if (cut <= constant_at(is_f64, bytes, size, counts[k]))
                        assert_int_equal(status, NANOTS_CORRUPT);
                }
                for (unsigned round = 0; round < 60; round++) {
                    uint8_t *const at = guard_at_end(&encoded, size);
                    const uint64_t random = seed_next(&seed);
                    const size_t reach = round % 2 == 0 && size > 16 ? 16 : size;
                    memcpy(at, bytes, size);
                    at[random % reach] ^= (uint8_t)(1u << (random >> 32 & 7));
                    if (round % 3 == 0)
                        at[(random >> 16) % reach] = (uint8_t)(random >> 40);
                    const nanots_status status = decode(is_f64, at, size, counts[k]);
                    assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
                }
            }
}

static void codec_random_bytes_are_ok_or_corrupt(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        const size_t size = seed_next(&seed) % 40;
        const size_t count = round % 4 == 0 ? COUNT : 1 + seed_next(&seed) % 40;
        uint8_t *const at = guard_at_end(&encoded, size);
        for (size_t i = 0; i < size; i++)
            at[i] = (uint8_t)(seed_next(&seed) >> (seed_next(&seed) % 8));
        if (size > 0)
            at[0] %= NTS_CODEC_ID_END + 1;
        const nanots_status status = decode(round % 2, at, size, count);
        assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
    }
}

static void codec_small_vectors_are_as_small_as_promised(void **state)
{
    static uint8_t bytes[8 * COUNT + 1];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        vector[i] = 42;
    assert_int_equal(encode(false, bytes, 1), 2);
    assert_int_equal(encode(false, bytes, 26), 2);
    assert_int_equal(encode(false, bytes, COUNT), 2);
    for (size_t i = 0; i < COUNT; i++)
        vector[i] = nts_bits_of_double(42.0);
    assert_int_equal(encode(true, bytes, 26), 3);
    series_fill(0, COUNT);
    assert_in_range(encode(false, bytes, COUNT), 1, 10);
    assert_in_range(encode(false, bytes, 26), 1, 10);
}

static void codec_names_are_those_of_the_specification(void **state)
{
    static const char *const names[NTS_CODEC_ID_END] = {
        "raw",     "constant", "xor",     "integer", "rle",      "for",
        "delta",   "delta2",   "decimal", "scaled",  "line",     "dictionary",
        "predict", "seasonal", "ordered", "ranks",   "multiple", [18] = "binned"};
    (void)state;
    for (unsigned codec = 0; codec < NTS_CODEC_ID_END; codec++)
        if (names[codec] != NULL)
            assert_string_equal(nts_codec_name(codec), names[codec]);
        else
            assert_null(nts_codec_name(codec));
    assert_null(nts_codec_name(NTS_CODEC_ID_END));
    assert_null(nts_codec_name(255));
}

static int guards_open(void **state)
{
    (void)state;
    encoded = guard_open(nts_vector_bound(COUNT));
    decoded = guard_open(8 * COUNT);
    return 0;
}

static int guards_close(void **state)
{
    (void)state;
    guard_close(&encoded);
    guard_close(&decoded);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(codec_every_series_round_trips),
        cmocka_unit_test(codec_all_numbers_are_used_by_the_series),
        cmocka_unit_test(codec_damaged_bytes_are_ok_or_corrupt),
        cmocka_unit_test(codec_random_bytes_are_ok_or_corrupt),
        cmocka_unit_test(codec_small_vectors_are_as_small_as_promised),
        cmocka_unit_test(codec_names_are_those_of_the_specification),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, guards_open, guards_close);
}
