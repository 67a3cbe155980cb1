/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_binned.c - models of chunks, and vectors by them (codec/binned.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/binned.h"
#include "support/body_checks.h"

#define ROWS         NTS_GROUP_ROWS
#define SERIES_COUNT 11u

static uint64_t seed;
static uint64_t values[ROWS];
static struct nts_binned_vector vectors[NTS_GROUP_VECTORS];
static struct nts_binned_encoder encoder;
static struct nts_binned_model model;

static uint64_t step(uint64_t most)
{
    return seed_next(&seed) % (2 * most + 1) - most;
}

static uint64_t series_value(unsigned series, size_t i, uint64_t *walk)
{
    switch (series) {
    case 0: /* bits without meaning */
        return seed_next(&seed);
    case 1: /* a walk */
        return *walk += step(150);
    case 2: /* a walk in steps of 250, far from 0 */
        return (*walk += 250 * step(20)) - ((uint64_t)1 << 60);
    case 3: /* few values, most of them one */
        return seed_next(&seed) % 10 == 0 ? seed_next(&seed) % 50 * 1000 : 42;
    case 4: /* smooth */
        *walk += 1000 - (*walk >> 8);
        return *walk * 3 + step(2);
    case 5: /* drop-outs */
        return i % 400 == 7 ? 0 : ((uint64_t)1 << 62) + step(1000);
    case 6: /* a ramp */
        return i * 7;
    case 7: /* the extremes */
        return i % 2 == 0 ? (uint64_t)INT64_MAX : (uint64_t)INT64_MIN;
    case 8: /* widths of all kinds */
        return seed_next(&seed) >> (seed_next(&seed) % 64);
    case 9: /* a sine: taps, and bases */
        return (uint64_t)(int64_t)(0x1p40 * sin((double)i * 0.05)) + step(3);
    default: /* equal but for one */
        return i == 3000 ? 9 : 5;
    }
}

/* Fills `values` and cuts them into vectors of 1024, or of any length; returns how many. */
static size_t series_cut(unsigned series, size_t count, bool ragged)
{
    uint64_t walk = 1000000;
    size_t vector_count = 0;

    for (size_t i = 0; i < count; i++)
        values[i] = series_value(series, i, &walk);
    for (size_t at = 0; at < count && vector_count < NTS_GROUP_VECTORS; vector_count++) {
        size_t take = ragged ? 1 + seed_next(&seed) % NTS_VECTOR_ROWS : NTS_VECTOR_ROWS;
        take = take < count - at ? take : count - at;
        vectors[vector_count] = (struct nts_binned_vector){values + at, take};
        at += take;
    }
    return vector_count;
}

static nanots_status body_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    return nts_binned_read(&model, dst, count, src, src_size);
}

/* Writes the model and reads it from memory that ends with it. */
static void model_pass(struct guard *guard)
{
    static uint8_t bytes[NTS_BINNED_MODEL_SIZE_MAX];
    const size_t size = (size_t)(nts_binned_write_model(bytes, &encoder) - bytes);

    assert_in_range(size, 6, NTS_BINNED_MODEL_SIZE_MAX - 8);
    uint8_t *const at = guard_at_end(guard, size);
    memcpy(at, bytes, size);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(nts_binned_read_model(&model, at + size - cut, cut == 0 ? 0 : 1),
                         NANOTS_CORRUPT);
    assert_int_equal(nts_binned_read_model(&model, at, size - 1), NANOTS_CORRUPT);
    assert_int_equal(nts_binned_read_model(&model, at, size), NANOTS_OK);
}

/* Goal: chunks of every kind of series come back vector by vector, near to the size that was
 * foretold; bodies that are cut, longer or spoilt do no harm. */
static void binned_chunks_come_back(void **state)
{
    static uint8_t body[NTS_BINNED_VECTOR_SIZE_MAX];
    struct guard guard = guard_open(NTS_BINNED_MODEL_SIZE_MAX);
    (void)state;
    for (unsigned round = 0; round < SERIES_COUNT * 4; round++) {
        const bool ragged = round / SERIES_COUNT % 2 == 1;
        const size_t count = round / SERIES_COUNT < 2 ? ROWS : 600 + seed_next(&seed) % 4000;
        const size_t vector_count = series_cut(round % SERIES_COUNT, count, ragged);
        const size_t foretold = nts_binned_fit(&encoder, vectors, vector_count);
        if (foretold == SIZE_MAX)
            continue; /* the vectors were few and short */
        size_t total = 0;
        model_pass(&guard);
        for (size_t v = 0; v < vector_count; v++) {
            const uint8_t *const end = nts_binned_write(body, &encoder, &vectors[v]);
            if (end == NULL)
                continue;
            assert_in_range(end - body, 0, NTS_BINNED_VECTOR_SIZE_MAX - 8);
            total += (size_t)(end - body);
            if (end != body)
                body_check(body_read, body, (size_t)(end - body), vectors[v].values,
                           vectors[v].count, false, &seed);
        }
        assert_true(total <= foretold + foretold / 20 + 64 * vector_count);
    }
    guard_close(&guard);
}

static void binned_few_values_have_no_model(void **state)
{
    (void)state;
    assert_true(nts_binned_fit(&encoder, vectors, series_cut(1, 100, false)) == SIZE_MAX);
    for (size_t v = 0; v < NTS_GROUP_VECTORS; v++)
        vectors[v] = (struct nts_binned_vector){values, 1};
    assert_true(nts_binned_fit(&encoder, vectors, NTS_GROUP_VECTORS) == SIZE_MAX);
}

/* Goal: a walk of small steps takes about its entropy, and the divisor of a counter is seen. */
static void binned_sizes_are_near_the_entropy(void **state)
{
    (void)state;
    size_t vector_count = series_cut(1, ROWS, false);
    /* 301 steps alike: 8.23 bits. */
    assert_in_range(nts_binned_fit(&encoder, vectors, vector_count), ROWS * 82 / 80,
                    ROWS * 86 / 80);
    assert_int_equal(encoder.predictor.order, 1);
    vector_count = series_cut(2, ROWS, false);
    assert_in_range(nts_binned_fit(&encoder, vectors, vector_count), ROWS * 53 / 80,
                    ROWS * 57 / 80);
    assert_int_equal(encoder.divisor, 250);
    vector_count = series_cut(9, ROWS, false);
    assert_in_range(nts_binned_fit(&encoder, vectors, vector_count), ROWS * 25 / 80,
                    ROWS * 55 / 80);
    assert_in_range(encoder.predictor.tap_count, 1, NTS_PREDICT_TAPS_MAX);
    vector_count = series_cut(6, ROWS, false);
    assert_in_range(nts_binned_fit(&encoder, vectors, vector_count), 0, 400);
}

/* The example of SPEC.md 7.19, byte for byte. */
static void binned_example_of_the_specification(void **state)
{
    static const uint8_t wanted_model[] = {0x00, 0x01, 0x01, 0x06, 0x01, 0x55, 0x67, 0xde, 0x00};
    static const uint8_t wanted[] = {0xc8, 0x01, 0x39, 0xc1, 0x3c, 0x02};
    static const uint64_t example[] = {100, 103, 106, 110, 113, 116, 121, 124};
    static const uint64_t errors[] = {0, 0, 1, 0, 0, 2, 0};
    static uint8_t bytes[NTS_BINNED_MODEL_SIZE_MAX];
    const struct nts_binned_vector vector = {example, 8};
    uint64_t out[NTS_VECTOR_ROWS];
    (void)state;
    encoder.origin = 0;
    encoder.divisor = 1;
    encoder.least = 3;
    encoder.predictor = (struct nts_predictor){.order = 1};
    encoder.bins = (struct nts_bins){.count = 2,
                                     .log = 5,
                                     .width_max = 1,
                                     .widths = {0, 1},
                                     .frequencies = {24, 8},
                                     .lowers = {0, 1}};
    encoder.next = 0;
    nts_ans_encoder_init(&encoder.ans, encoder.bins.frequencies, 2, 5);
    for (size_t i = 0; i < 7; i++) {
        encoder.errors[i] = errors[i];
        encoder.symbols[i] = errors[i] > 0;
    }
    assert_int_equal(nts_binned_write_model(bytes, &encoder) - bytes, sizeof wanted_model);
    assert_memory_equal(bytes, wanted_model, sizeof wanted_model);
    assert_int_equal(nts_binned_write(bytes, &encoder, &vector) - bytes, sizeof wanted);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    assert_int_equal(nts_binned_read_model(&model, wanted_model, sizeof wanted_model), NANOTS_OK);
    assert_int_equal(nts_binned_read(&model, out, 8, wanted, sizeof wanted), NANOTS_OK);
    assert_memory_equal(out, example, sizeof example);
}

/* Goal: models of spoilt bytes are refused or do no harm. */
static void binned_hostile_models_are_harmless(void **state)
{
    static uint8_t bytes[NTS_BINNED_MODEL_SIZE_MAX];
    static uint8_t body[NTS_BINNED_VECTOR_SIZE_MAX];
    static uint64_t out[NTS_VECTOR_ROWS];
    struct guard guard = guard_open(NTS_BINNED_MODEL_SIZE_MAX);
    (void)state;
    for (unsigned series = 0; series < SERIES_COUNT; series++) {
        const size_t vector_count = series_cut(series, ROWS, false);
        assert_true(nts_binned_fit(&encoder, vectors, vector_count) != SIZE_MAX);
        const size_t size = (size_t)(nts_binned_write_model(bytes, &encoder) - bytes);
        const size_t body_size = (size_t)(nts_binned_write(body, &encoder, &vectors[0]) - body);
        for (unsigned round = 0; round < 300; round++) {
            uint8_t *const at = guard_at_end(&guard, size);
            memcpy(at, bytes, size);
            at[seed_next(&seed) % size] ^= (uint8_t)(1u << seed_next(&seed) % 8);
            if (round % 3 == 0)
                at[seed_next(&seed) % size] = (uint8_t)seed_next(&seed);
            nanots_status status = nts_binned_read_model(&model, at, size);
            if (status == NANOTS_OK)
                status = nts_binned_read(&model, out, NTS_VECTOR_ROWS, body, body_size);
            assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
        }
    }
    guard_close(&guard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(binned_chunks_come_back),
        cmocka_unit_test(binned_few_values_have_no_model),
        cmocka_unit_test(binned_sizes_are_near_the_entropy),
        cmocka_unit_test(binned_example_of_the_specification),
        cmocka_unit_test(binned_hostile_models_are_harmless),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
