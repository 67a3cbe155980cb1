/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_patched.c - patched frame of reference (codec/patched.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "codec/bitpack.h"
#include "codec/patched.h"
#include "codec/varint.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT          NTS_VECTOR_ROWS
#define SIZE_MAX_BYTES (20 * COUNT)

static uint64_t seed;
static uint64_t numbers[COUNT];
static uint64_t work[COUNT];
static uint64_t read_back[COUNT];

/* Numbers of `bits` bits around a random centre, one in `rarity` of `outlier_bits` bits. */
static void numbers_fill(size_t count, unsigned bits, unsigned outlier_bits, unsigned rarity)
{
    const uint64_t centre = seed_next(&seed);
    for (size_t i = 0; i < count; i++) {
        const unsigned n = seed_next(&seed) % rarity == 0 ? outlier_bits : bits;
        const uint64_t x = n == 0 ? 0 : seed_next(&seed) >> (64 - n);
        numbers[i] = seed_next(&seed) % 2 == 0 ? centre + x : centre - x;
    }
}

static size_t check_round_trip(const struct guard *guard, size_t count, size_t slot_count)
{
    const struct nts_patched_plan plan = nts_patched_choose(numbers, count, slot_count);
    uint8_t *const bytes = guard_at_end(guard, plan.size);

    for (size_t i = count; i < slot_count; i++)
        numbers[i] = plan.base;
    assert_ptr_equal(nts_patched_write(bytes, &plan, work, numbers, slot_count), bytes + plan.size);
    assert_ptr_equal(nts_patched_read(read_back, slot_count, bytes, bytes + plan.size),
                     bytes + plan.size);
    assert_memory_equal(read_back, numbers, 8 * slot_count);
    for (size_t size = 0; size < plan.size; size += 1 + plan.size / 50)
        assert_null(nts_patched_read(read_back, slot_count, bytes, bytes + size));
    return plan.size;
}

static void patched_outliers_of_all_shapes_round_trip(void **state)
{
    struct guard guard = guard_open(SIZE_MAX_BYTES);
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits += 3)
        for (unsigned outlier_bits = bits; outlier_bits <= 64; outlier_bits += 5)
            for (unsigned rarity = 1; rarity <= 300; rarity *= 6) {
                const size_t counts[] = {1 + seed_next(&seed) % 70, 256, 257, COUNT - 1, COUNT};
                for (size_t k = 0; k < 5; k++) {
                    numbers_fill(counts[k], bits, outlier_bits, rarity);
                    (void)check_round_trip(&guard, counts[k], counts[k]);
                }
            }
    guard_close(&guard);
}

/* The least size over all widths of one base, straight from the layout in patched.h. */
static size_t model_size(size_t count, uint64_t base, bool zigzag)
{
    const size_t index_size = count <= 256 ? 1 : 2;
    unsigned longest = 0;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        work[i] = zigzag ? nts_zigzag((int64_t)(numbers[i] - base)) : numbers[i] - base;
        if (nts_bit_length(work[i]) > longest)
            longest = nts_bit_length(work[i]);
    }
    for (unsigned width = 0; width <= longest; width++) {
        size_t size = 1 + nts_svarint_size(base) + nts_bitpack_size(count, width);
        size_t patch_count = 0;
        if (zigzag && width == longest)
            break; /* zigzag needs patches to say so */
        for (size_t i = 0; i < count; i++)
            patch_count += nts_bit_length(work[i]) > width;
        if (patch_count > 0)
            size += 1 + index_size + patch_count * (index_size + (longest - width + 7) / 8);
        if (patch_count <= (index_size == 1 ? 255u : count) && size < best)
            best = size;
    }
    return best;
}

/* Goal: the width chosen is the best one, although most are never looked at; only blocks of a few
 * narrow numbers are left as they are. Method: try all. */
static void patched_choice_has_least_size(void **state)
{
    size_t patched = 0;
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const unsigned bits = (unsigned)(seed_next(&seed) % 40);
        const size_t count =
            round % 10 == 0 ? 257 + seed_next(&seed) % 768 : 5 + seed_next(&seed) % 100;
        numbers_fill(count, bits, bits + (unsigned)(seed_next(&seed) % 24),
                     1 + (unsigned)(seed_next(&seed) % 60));
        const struct nts_patched_plan plan = nts_patched_choose(numbers, count, count);
        int64_t min = INT64_MAX;
        for (size_t i = 0; i < count; i++)
            min = (int64_t)numbers[i] < min ? (int64_t)numbers[i] : min;
        if (plan.size <= 32 && plan.width <= 8 && plan.patch_count == 0)
            continue;
        assert_true(plan.size <= model_size(count, (uint64_t)min, false));
        if (plan.zigzag)
            assert_int_equal(plan.size, model_size(count, plan.base, true));
        else
            assert_int_equal(plan.size, model_size(count, (uint64_t)min, false));
        patched += plan.patch_count > 0;
    }
    assert_in_range(patched, 300, 2900);
}

/* Goal: slots beyond the count cost no patches. Method: the lanes of a delta vector. */
static void patched_slots_without_number_hold_the_base(void **state)
{
    struct guard guard = guard_open(SIZE_MAX_BYTES);
    (void)state;
    numbers_fill(COUNT - 2, 5, 30, 100);
    (void)check_round_trip(&guard, COUNT - 2, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = 1000;
    numbers[77] = 8000;
    assert_in_range(check_round_trip(&guard, COUNT - 1, COUNT), 1, 12);
    guard_close(&guard);
}

static void check_corrupt(const uint8_t *bytes, size_t size, size_t count)
{
    assert_null(nts_patched_read(read_back, count, bytes, bytes + size));
}

static void patched_wrong_heads_are_corrupt(void **state)
{
    uint8_t block[] = {0x82, 0x00, 0x01, 0x01, 0x05, 0xFA, 0x47, 0x62, 0x6C};
    static const uint8_t wide[9 + 2] = {65, 0};
    static const uint8_t wide_patched[] = {0x80 | 64, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t twice[] = {0x80, 0x00, 0x01, 0x02, 0x05, 0x05, 0x01, 0x01};
    (void)state;
    assert_non_null(nts_patched_read(read_back, 12, block, block + sizeof block));
    assert_int_equal(read_back[5], 1000);
    block[2] = 0x00; /* high parts of no byte */
    check_corrupt(block, sizeof block, 12);
    block[2] = 0x09;
    check_corrupt(block, sizeof block, 12);
    block[2] = 0x11; /* reserved bit */
    check_corrupt(block, sizeof block, 12);
    block[2] = 0x01;
    block[3] = 0; /* no patch */
    check_corrupt(block, sizeof block, 12);
    block[3] = 13; /* more patches than numbers */
    check_corrupt(block, sizeof block, 12);
    block[3] = 1;
    block[4] = 12; /* position outside */
    check_corrupt(block, sizeof block, 12);
    check_corrupt(wide, sizeof wide, 1);
    check_corrupt(wide_patched, sizeof wide_patched, 1);
    check_corrupt(twice, sizeof twice, 12);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(patched_outliers_of_all_shapes_round_trip),
        cmocka_unit_test(patched_choice_has_least_size),
        cmocka_unit_test(patched_slots_without_number_hold_the_base),
        cmocka_unit_test(patched_wrong_heads_are_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
