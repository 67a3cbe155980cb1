/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_i64.c - vectors of integers (codec/i64.h); test_codec.c has those that stand alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "codec/i64.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;

/* Goal: not a byte beyond size_max is written. Method: memory that ends there, every kind of
 * vector, one byte more and one less than it needs. */
static void i64_within_keeps_to_its_room(void **state)
{
    static int64_t values[COUNT];
    static uint8_t bytes[8 * COUNT + 1];
    struct guard guard = guard_open(sizeof bytes);
    (void)state;
    for (unsigned kind = 0; kind < 5; kind++) {
        for (int64_t i = 0; i < COUNT; i++)
            values[i] = kind == 0   ? 7
                        : kind == 1 ? i * i
                        : kind == 2 ? i / 100
                        : kind == 3 ? i % 37
                                    : (int64_t)((uint64_t)i * 0x9E3779B97F4A7C15u);
        const uint64_t *const src = (const uint64_t *)values;
        const size_t size = nts_i64_encode(&scratch, bytes, values, COUNT);
        uint8_t *const exact = guard_at_end(&guard, size);
        assert_int_equal(nts_i64_encode_next(&scratch, NULL, exact, size, src, COUNT), size);
        assert_memory_equal(exact, bytes, size);
        uint8_t *const small = guard_at_end(&guard, size - 1);
        assert_int_equal(nts_i64_encode_next(&scratch, NULL, small, size - 1, src, COUNT), 0);
        assert_int_equal(
            nts_i64_encode_next(&scratch, NULL, guard_at_end(&guard, 0), 0, src, COUNT), 0);
    }
    guard_close(&guard);
}

/* A column that changes its nature every five vectors. */
static void column_fill(int64_t *column, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t random = (int64_t)(seed_next(&seed) >> 40);
        switch (i / (5 * COUNT) % 6) {
        case 0:
            column[i] = 1000 * (int64_t)i;
            break;
        case 1:
            column[i] = (i == 0 ? 0 : column[i - 1]) + 50 * (random % 21 - 10);
            break;
        case 2:
            column[i] = (int64_t)i % 60;
            break;
        case 3:
            column[i] = random % 9 * 1000003;
            break;
        case 4:
            column[i] = i > 0 && random % 20 != 0 ? column[i - 1] : random;
            break;
        default:
            column[i] = (int64_t)i * (int64_t)i * 3 + random % 4;
        }
    }
}

/* Goal: a column with a choice comes back, and takes little more than with a look at everything for
 * each vector; the same choice gives the same bytes. Method: thirty vectors of six natures. */
static void i64_choice_follows_a_column(void **state)
{
    static int64_t column[30 * COUNT];
    static int64_t back[COUNT];
    static uint8_t bytes[2][8 * COUNT + 1];
    struct nts_i64_choice choice = {.age = 0};
    struct nts_i64_choice other = {.age = 0};
    size_t total = 0;
    size_t alone_total = 0;
    (void)state;
    column_fill(column, 30 * COUNT);
    for (size_t first = 0; first < 30 * COUNT; first += COUNT) {
        const uint64_t *const src = (const uint64_t *)column + first;
        const size_t size =
            nts_i64_encode_next(&scratch, &choice, bytes[0], sizeof bytes[0], src, COUNT);
        assert_int_equal(nts_i64_decode(&scratch, back, COUNT, bytes[0], size), NANOTS_OK);
        assert_memory_equal(back, src, sizeof back);
        memset(&scratch, 0xA5, sizeof scratch);
        assert_int_equal(
            nts_i64_encode_next(&scratch, &other, bytes[1], sizeof bytes[1], src, COUNT), size);
        assert_memory_equal(bytes[0], bytes[1], size);
        total += size;
        alone_total += nts_i64_encode(&scratch, bytes[1], column + first, COUNT);
    }
    (void)printf("# %zu bytes, alone %zu\n", total, alone_total);
    assert_in_range(total, 1, alone_total + alone_total / 16);
}

/* Goal: vectors whose distances have a divisor are divided, unless that costs more. */
static void i64_divisors_are_taken_where_they_pay(void **state)
{
    static int64_t values[COUNT];
    static uint8_t bytes[8 * COUNT + 1];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 7 + (int64_t)(seed_next(&seed) % 100) * 48;
    assert_in_range(nts_i64_encode(&scratch, bytes, values, COUNT), 1, 7 * COUNT / 8 + 20);
    assert_int_equal(bytes[0], NTS_CODEC_SCALED);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = INT64_MIN + (int64_t)(i % 2 == 0 ? 0 : INT64_MAX) + (int64_t)i * 1024;
    (void)nts_i64_encode(&scratch, bytes, values, COUNT);
    for (int64_t i = 0; i < COUNT; i++)
        values[i] = 1000 * i;
    (void)nts_i64_encode(&scratch, bytes, values, COUNT);
    assert_int_equal(bytes[0], NTS_CODEC_DELTA);
}

static void i64_nested_scale_is_corrupt(void **state)
{
    static const uint8_t once[] = {NTS_CODEC_SCALED, 0, 2, NTS_CODEC_CONSTANT, 2};
    static const uint8_t twice[] = {NTS_CODEC_SCALED, 0, 2, NTS_CODEC_SCALED, 0, 2, 1, 2};
    int64_t values[COUNT];
    (void)state;
    assert_int_equal(nts_i64_decode(&scratch, values, 3, once, sizeof once), NANOTS_OK);
    assert_int_equal(values[2], 2);
    assert_int_equal(nts_i64_decode(&scratch, values, 3, twice, sizeof twice), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(i64_within_keeps_to_its_room),
        cmocka_unit_test(i64_choice_follows_a_column),
        cmocka_unit_test(i64_divisors_are_taken_where_they_pay),
        cmocka_unit_test(i64_nested_scale_is_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
