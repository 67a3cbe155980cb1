/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_bitpack.c - packed numbers of 0..64 bits (codec/bitpack.h): both layouts against a bit
 * by bit model of their definition, and no byte touched outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "codec/bitpack.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT          NTS_VECTOR_ROWS
#define SIZE_MAX_BYTES (8 * COUNT)

static uint64_t seed;

/* Where bit `bit` of number i lies in the packed bytes, from the definition alone. */
static size_t model_bit(size_t count, unsigned width, size_t i, unsigned bit)
{
    if (count < COUNT)
        return i * width + bit;
    const size_t lane_bit = i / 16 * width + bit;
    return (lane_bit / 64 * 16 + i % 16) * 64 + lane_bit % 64;
}

static void model_pack(uint8_t *dst, const uint64_t *src, size_t count, unsigned width)
{
    memset(dst, 0, nts_bitpack_size(count, width));
    for (size_t i = 0; i < count; i++)
        for (unsigned bit = 0; bit < width; bit++) {
            const size_t place = model_bit(count, width, i, bit);
            dst[place / 8] |= (uint8_t)((src[i] >> bit & 1) << place % 8);
        }
}

static void check_count_and_width(const struct guard *packed, const struct guard *unpacked,
                                  size_t count, unsigned width)
{
    static uint64_t numbers[COUNT];
    static uint8_t wanted[SIZE_MAX_BYTES];
    const size_t size = nts_bitpack_size(count, width);
    const uint64_t mask = width == 0 ? 0 : ~(uint64_t)0 >> (64 - width);
    const uint64_t base = seed_next(&seed);

    for (size_t i = 0; i < count; i++)
        numbers[i] = seed_next(&seed);
    model_pack(wanted, numbers, count, width);
    for (int side = 0; side < 2; side++) {
        uint8_t *bytes = side == 0 ? guard_at_end(packed, size) : guard_at_start(packed);
        uint64_t *out = (uint64_t *)(void *)guard_at_end(unpacked, 8 * count);
        nts_bitpack(bytes, numbers, count, width);
        assert_memory_equal(bytes, wanted, size);
        nts_bitunpack(out, bytes, count, width, base);
        for (size_t i = 0; i < count; i++)
            assert_true(out[i] == base + (numbers[i] & mask));
    }
}

/* Goal: both layouts are what bitpack.h says, for every width and short count, inside their bytes.
 * Method: random numbers with bits above the width, a bit by bit model, guard pages. */
static void bitpack_all_widths_match_model(void **state)
{
    struct guard packed = guard_open(SIZE_MAX_BYTES);
    struct guard unpacked = guard_open(SIZE_MAX_BYTES);
    (void)state;
    for (unsigned width = 0; width <= 64; width++) {
        for (size_t count = 1; count <= 70; count++)
            check_count_and_width(&packed, &unpacked, count, width);
        check_count_and_width(&packed, &unpacked, COUNT - 1, width);
        check_count_and_width(&packed, &unpacked, COUNT, width);
    }
    guard_close(&packed);
    guard_close(&unpacked);
}

/* Goal: packed bytes may lie at any address. Method: all eight offsets, both layouts. */
static void bitpack_unaligned_bytes_round_trip(void **state)
{
    static uint8_t bytes[SIZE_MAX_BYTES + 8];
    static uint64_t numbers[COUNT];
    static uint64_t out[COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = seed_next(&seed) >> 27;
    for (size_t offset = 0; offset < 8; offset++)
        for (size_t count = COUNT - 1; count <= COUNT; count++) {
            nts_bitpack(bytes + offset, numbers, count, 37);
            nts_bitunpack(out, bytes + offset, count, 37, 0);
            assert_memory_equal(out, numbers, count * sizeof out[0]);
        }
}

/* Goal: the padding of a stream is zero, so that equal numbers give equal bytes. */
static void bitpack_stream_pads_with_zeros(void **state)
{
    static const uint64_t numbers[3] = {7, 7, 7};
    uint8_t bytes[2] = {0xFF, 0xFF};
    (void)state;
    nts_bitpack(bytes, numbers, 3, 3);
    assert_int_equal(bytes[0], 0xFF);
    assert_int_equal(bytes[1], 0x01);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bitpack_all_widths_match_model),
        cmocka_unit_test(bitpack_unaligned_bytes_round_trip),
        cmocka_unit_test(bitpack_stream_pads_with_zeros),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
