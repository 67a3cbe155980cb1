/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_transform.c - doubles to integers and back (codec/transform.h): each transform alone,
 * the choice for a chunk, and heads that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/chunk.h"
#include "codec/transform.h"
#include "support/float_series.h"
#include "support/guard.h"
#include "support/seed.h"

#define ROWS NTS_GROUP_ROWS

static const enum nts_codec_id codecs[] = {NTS_CODEC_INTEGER, NTS_CODEC_DECIMAL, NTS_CODEC_MULTIPLE,
                                           NTS_CODEC_ORDERED};
#define CODEC_COUNT (sizeof codecs / sizeof codecs[0])

static uint64_t seed;
static struct nts_codec_scratch scratch;
static double values[ROWS];
static double back[NTS_VECTOR_ROWS];
static uint64_t integers[NTS_VECTOR_ROWS];
static struct nts_chunk_vector vectors[NTS_GROUP_VECTORS];

/* Writes the head of a transformed vector, reads it back, and inverts the integers of the
 * scratch. */
static void check_inverse(const struct nts_transformed *transformed, const double *src,
                          size_t count, struct guard *guard)
{
    struct nts_transform_head head;
    uint8_t *const bytes = guard_at_end(guard, transformed->head_size);

    assert_ptr_equal(nts_transform_write(bytes, transformed, &scratch, src, count),
                     bytes + transformed->head_size);
    assert_ptr_equal(
        nts_transform_read(&head, &scratch, NULL, count, bytes, bytes + transformed->head_size),
        bytes + transformed->head_size);
    memcpy(integers, scratch.values, count * sizeof integers[0]);
    assert_int_equal(nts_transform_invert(back, &head, &scratch, integers, count), NANOTS_OK);
    assert_memory_equal(back, src, count * sizeof src[0]);
}

/* Goal: a transform that takes a vector gives its bits back, with parameters that were found as
 * with those of another vector of the series; ORDERED takes all. */
static void transforms_that_apply_give_the_bits_back(void **state)
{
    struct guard guard = guard_open(20 * NTS_VECTOR_ROWS);
    (void)state;
    for (unsigned round = 0; round < 100 * FLOAT_SERIES_KIND_COUNT; round++) {
        const size_t count = round % 3 == 0 ? NTS_VECTOR_ROWS : 1 + seed_next(&seed) % 300;
        float_series_fill(values, count, round % FLOAT_SERIES_KIND_COUNT, &seed);
        for (size_t c = 0; c < CODEC_COUNT; c++) {
            struct nts_transformed transformed;
            struct nts_transformed other;
            const size_t half = (count + 1) / 2;
            const bool takes = nts_transform_find(&transformed, &scratch, codecs[c], values, count);
            assert_true(takes || codecs[c] != NTS_CODEC_ORDERED);
            if (takes)
                check_inverse(&transformed, values, count, &guard);
            if (nts_transform_find(&transformed, &scratch, codecs[c], values, half) &&
                nts_transform_apply(&other, &scratch, &transformed.transform, values, count))
                check_inverse(&other, values, count, &guard);
        }
    }
    guard_close(&guard);
}

static struct nts_transform choose(size_t count, bool ragged)
{
    struct nts_transform chosen;
    size_t vector_count = 0;
    size_t part_size;

    for (size_t at = 0; at < count && vector_count < NTS_GROUP_VECTORS;) {
        size_t take = ragged ? 1 + seed_next(&seed) % NTS_VECTOR_ROWS : NTS_VECTOR_ROWS;
        take = take < count - at ? take : count - at;
        vectors[vector_count++] = (struct nts_chunk_vector){values + at, take};
        at += take;
    }
    nts_transform_choose(&chosen, &scratch, vectors, vector_count, NULL, NULL, &part_size);
    assert_int_equal(part_size, 0);
    return chosen;
}

static void the_transform_of_a_chunk_suits_its_values(void **state)
{
    (void)state;
    for (unsigned ragged = 0; ragged < 2; ragged++)
        for (size_t count = ROWS; count > 0; count /= 3) {
            float_series_fill(values, count, FLOAT_SERIES_INTEGERS, &seed);
            assert_int_equal(choose(count, ragged).codec, NTS_CODEC_INTEGER);
            if (count < 20)
                continue;
            for (size_t i = 0; i < count; i++)
                values[i] = (double)(int64_t)(1 + i * i % 9973) / 1000.0;
            assert_int_equal(choose(count, ragged).codec, NTS_CODEC_DECIMAL);
            assert_int_equal(choose(count, ragged).digits, 3);
            for (size_t i = 0; i < count; i++)
                values[i] = 25.0 + sin((double)i * 0.01);
            assert_int_equal(choose(count, ragged).codec, NTS_CODEC_ORDERED);
            assert_int_equal(choose(count, ragged).zeros, 0);
            for (size_t i = 0; i < count; i++)
                values[i] = ldexp(1.0 + (double)(i * i % 61) / 64.0, -70);
            assert_int_equal(choose(count, ragged).codec, NTS_CODEC_ORDERED);
            assert_in_range(choose(count, ragged).zeros, 46, 63);
        }
}

/* Goal: the choice for a chunk of any values is made, and applies where it says so. */
static void the_transform_of_any_chunk_gives_the_bits_back(void **state)
{
    struct guard guard = guard_open(20 * NTS_VECTOR_ROWS);
    (void)state;
    for (unsigned round = 0; round < 5 * FLOAT_SERIES_KIND_COUNT; round++) {
        const size_t count = round % 3 == 0 ? ROWS : 1 + seed_next(&seed) % ROWS;
        float_series_fill(values, count, round % FLOAT_SERIES_KIND_COUNT, &seed);
        memset(vectors, 0, sizeof vectors);
        const struct nts_transform chosen = choose(count, round % 2);
        for (size_t v = 0; v < NTS_GROUP_VECTORS && vectors[v].count > 0; v++) {
            struct nts_transformed transformed;
            if (nts_transform_apply(&transformed, &scratch, &chosen, vectors[v].values,
                                    vectors[v].count))
                check_inverse(&transformed, vectors[v].values, vectors[v].count, &guard);
            else
                assert_int_not_equal(chosen.codec, NTS_CODEC_ORDERED);
        }
    }
    guard_close(&guard);
}

/* Goal: heads that are cut, or of codecs that have none, are refused. */
static void heads_that_cannot_be_are_refused(void **state)
{
    static const uint8_t heads[][2] = {{NTS_CODEC_RAW, 0},
                                       {NTS_CODEC_XOR, 0},
                                       {NTS_CODEC_DELTA, 0},
                                       {NTS_CODEC_DECIMAL, 18},
                                       {NTS_CODEC_ORDERED, 64},
                                       {NTS_CODEC_RANKS, 0},
                                       {0xFF, 0}};
    struct nts_transform_head head;
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_null(nts_transform_read(&head, &scratch, NULL, 5, heads[i], heads[i] + 2));
        assert_null(nts_transform_read(&head, &scratch, NULL, 5, heads[i], heads[i] + 1));
        assert_null(nts_transform_read(&head, &scratch, NULL, 5, heads[i], heads[i]));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_that_apply_give_the_bits_back),
        cmocka_unit_test(the_transform_of_a_chunk_suits_its_values),
        cmocka_unit_test(the_transform_of_any_chunk_gives_the_bits_back),
        cmocka_unit_test(heads_that_cannot_be_are_refused),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
