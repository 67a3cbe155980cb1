/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_chunk.c - chunks of both tiers (codec/chunk.h): every series of every kind comes back
 * bit for bit, vector by vector in any order, inside its bytes; heads that lie are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "codec/chunk.h"
#include "codec/f32.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/guard.h"
#include "support/seed.h"

#define ROWS         NTS_GROUP_ROWS
#define CHUNK_MAX    (NTS_CHUNK_HEAD_SIZE_MAX + NTS_GROUP_VECTORS * (1 + 8 * NTS_VECTOR_ROWS))
#define SERIES_COUNT 14

static uint64_t seed;
static struct nts_codec_scratch scratch;
static double doubles[ROWS];
static float floats[ROWS];
static int64_t ints[ROWS];

/* A number with `digits` digits behind the point, as a program would read it. */
static double decimal(int64_t n, unsigned digits)
{
    double scale = 1.0;
    while (digits-- > 0)
        scale *= 10.0;
    return (double)n / scale;
}

static int64_t step(int64_t most)
{
    return (int64_t)(seed_next(&seed) % (uint64_t)(2 * most + 1)) - most;
}

/* Value i of series `series`; `walk` is its memory. */
static double series_value(unsigned series, size_t i, int64_t *walk)
{
    switch (series) {
    case 0: /* bits without meaning, NaNs among them */
        return nts_double_of_bits(seed_next(&seed));
    case 1: /* a walk of two decimals */
        return decimal(*walk += step(150), 2);
    case 2: /* a counter with gaps */
        return (double)(*walk += seed_next(&seed) % 50 == 0 ? 1000 : 1);
    case 3: /* quantised: a step that is no power of ten */
        return (double)(*walk += step(3)) * 0.0488281;
    case 4: /* few values that are no decimals */
        return nts_double_of_bits(0x3FF0000000000000u + seed_next(&seed) % 300 * 0x123456789u);
    case 5: /* smooth */
        *walk += (int64_t)(1000000 - *walk / 64);
        return (double)*walk * 1e-3;
    case 6: /* steps */
        return (double)(*walk += seed_next(&seed) % 200 == 0 ? step(100) : 0);
    case 7: /* islands of NaN in decimals */
        return i / 37 % 5 == 0 ? nts_double_of_bits(0x7FF8000000000123u) : decimal(step(9999), 1);
    case 8: /* widened floats */
        return (double)(float)decimal(step(40000), 3);
    case 9: /* a season */
        return (double)(i % 100);
    case 10: /* noise in the low bits */
        return 1e6 + decimal(step(INT64_C(1) << 40), 7);
    case 11: /* bursts */
        return i / 300 % 3 == 0 ? decimal(step(100000), 2) : 21.5;
    case 12: /* all but one are equal */
        return i == 5000 ? -0.0 : 0.0;
    default: /* extremes */
        return i % 3 == 0 ? 1.7976931348623157e308 : i % 3 == 1 ? -5e-324 : decimal(step(9), 0);
    }
}

static void make_series(unsigned series, size_t count)
{
    int64_t walk = 100000;
    for (size_t i = 0; i < count; i++) {
        doubles[i] = series_value(series, i, &walk);
        floats[i] = nts_f32_narrow(doubles[i]);
        memcpy(&ints[i], &doubles[i], sizeof ints[i]);
        if (series != 0 && series != 13 && doubles[i] > -1e15 && doubles[i] < 1e15)
            ints[i] = (int64_t)(doubles[i] * 100.0);
    }
}

static size_t kind_width(enum nts_chunk_kind kind)
{
    return kind == NTS_CHUNK_F32 ? 4 : 8;
}

static const uint8_t *kind_values(enum nts_chunk_kind kind)
{
    return kind == NTS_CHUNK_F64   ? (const uint8_t *)doubles
           : kind == NTS_CHUNK_F32 ? (const uint8_t *)floats
                                   : (const uint8_t *)ints;
}

/* A chunk as a segment keeps it. */
struct chunk {
    enum nts_chunk_kind kind;
    size_t vector_count;
    size_t head_size;
    size_t offsets[NTS_GROUP_VECTORS + 1];
    struct nts_chunk_vector vectors[NTS_GROUP_VECTORS];
    uint8_t bytes[CHUNK_MAX];
};

/* Cuts rows [0, count) into vectors: full ones, or of random lengths, as nulls leave them. */
static void chunk_cut(struct chunk *chunk, enum nts_chunk_kind kind, size_t count, bool ragged)
{
    const uint8_t *at = kind_values(kind);
    chunk->kind = kind;
    chunk->vector_count = 0;
    while (count != 0 && chunk->vector_count < NTS_GROUP_VECTORS) {
        size_t take = ragged ? 1 + seed_next(&seed) % NTS_VECTOR_ROWS : NTS_VECTOR_ROWS;
        take = take < count ? take : count;
        chunk->vectors[chunk->vector_count++] = (struct nts_chunk_vector){at, take};
        at += take * kind_width(kind);
        count -= take;
    }
}

static size_t chunk_room(const struct chunk *chunk)
{
    size_t room = 0;
    size_t count = 0;
    for (size_t v = 0; v < chunk->vector_count; v++) {
        room += nts_vector_bound(chunk->vectors[v].count);
        count += chunk->vectors[v].count;
    }
    return room + nts_chunk_room_beside(count);
}

static void chunk_encode(struct chunk *chunk, struct nts_chunk_encoder *encoder, enum nts_tier tier)
{
    const struct nts_chunk_options options = {.tier = tier};
    assert_int_equal(nts_chunk_begin(encoder, &options, chunk->kind, chunk->vectors,
                                     chunk->vector_count, chunk->bytes, &chunk->head_size),
                     NANOTS_OK);
    assert_in_range(chunk->head_size, 0, NTS_CHUNK_HEAD_SIZE_MAX);
    chunk->offsets[0] = chunk->head_size;
    for (size_t v = 0; v < chunk->vector_count; v++) {
        const size_t count = chunk->vectors[v].count;
        assert_true(chunk->head_size == 0 ||
                    chunk->offsets[v] + nts_vector_bound(count) <= chunk_room(chunk));
        const size_t size = nts_chunk_next(encoder, chunk->bytes + chunk->offsets[v]);
        assert_in_range(size, 1, 1 + count * kind_width(chunk->kind));
        chunk->offsets[v + 1] = chunk->offsets[v] + size;
    }
    assert_in_range(chunk->offsets[chunk->vector_count], 1, chunk_room(chunk));
}

static nanots_status vector_read(const struct chunk *chunk, size_t v,
                                 const struct nts_chunk_model *model, const uint8_t *bytes,
                                 size_t size, void *dst)
{
    const size_t count = chunk->vectors[v].count;
    switch (chunk->kind) {
    case NTS_CHUNK_F64:
        return nts_chunk_read_f64(&scratch, model, dst, count, bytes, size);
    case NTS_CHUNK_F32:
        return nts_chunk_read_f32(&scratch, model, dst, count, bytes, size);
    default:
        return nts_chunk_read_i64(&scratch, model, dst, count, bytes, size);
    }
}

static void chunk_expect(const struct chunk *chunk, struct guard *guard)
{
    static uint64_t decoded[NTS_VECTOR_ROWS];
    struct nts_chunk_model model = {0};
    const struct nts_chunk_model *given = chunk->head_size == 0 ? NULL : &model;

    uint8_t *head = guard_at_end(guard, chunk->head_size);
    memcpy(head, chunk->bytes, chunk->head_size);
    if (given != NULL)
        assert_int_equal(
            nts_chunk_model_read(&model, nts_alloc_libc(), &scratch, head, chunk->head_size),
            NANOTS_OK);
    for (size_t v = chunk->vector_count; v-- > 0;) {
        const size_t size = chunk->offsets[v + 1] - chunk->offsets[v];
        const size_t count = chunk->vectors[v].count;
        uint8_t *bytes = guard_at_end(guard, size);
        memcpy(bytes, chunk->bytes + chunk->offsets[v], size);
        assert_int_equal(vector_read(chunk, v, given, bytes, size, decoded), NANOTS_OK);
        assert_memory_equal(decoded, chunk->vectors[v].values, count * kind_width(chunk->kind));
    }
    nts_chunk_model_deinit(&model);
}

/* Goal: every series, of every kind, in both tiers, full and ragged, comes back; the same values
 * give the same bytes, whatever the encoder did before. */
static void chunks_round_trip_and_are_deterministic(void **state)
{
    static struct chunk chunk;
    static struct chunk again;
    struct guard guard = guard_open(CHUNK_MAX);
    struct nts_chunk_encoder *encoder = nts_chunk_encoder_new(nts_alloc_libc());
    (void)state;
    assert_non_null(encoder);
    for (unsigned i = 0; i < SERIES_COUNT * 3 * 2 * 3; i++) {
        const enum nts_chunk_kind kind = (enum nts_chunk_kind)(i / SERIES_COUNT % 3);
        const enum nts_tier tier = (enum nts_tier)(i / SERIES_COUNT / 3 % 2);
        const unsigned cut = i / SERIES_COUNT / 3 / 2;
        const size_t count = cut == 0 ? ROWS : 1 + seed_next(&seed) % ROWS;
        make_series(i % SERIES_COUNT, count);
        chunk_cut(&chunk, kind, count, cut == 2);
        chunk_encode(&chunk, encoder, tier);
        chunk_expect(&chunk, &guard);
        chunk_cut(&again, kind, count, false);
        chunk_encode(&again, encoder, (enum nts_tier)(1 - tier)); /* leaves its traces */
        again = chunk;
        memset(again.bytes, 0, sizeof again.bytes);
        chunk_encode(&again, encoder, tier);
        assert_memory_equal(again.offsets, chunk.offsets,
                            (chunk.vector_count + 1) * sizeof chunk.offsets[0]);
        assert_memory_equal(again.bytes, chunk.bytes, chunk.offsets[chunk.vector_count]);
    }
    nts_chunk_encoder_free(encoder);
    guard_close(&guard);
}

/* Goal: few values that are no decimals share a table; 300 of them take about 9 bits a value. */
static void few_values_of_many_digits_share_a_table(void **state)
{
    static struct chunk chunk;
    struct guard guard = guard_open(CHUNK_MAX);
    struct nts_chunk_encoder *encoder = nts_chunk_encoder_new(nts_alloc_libc());
    (void)state;
    assert_non_null(encoder);
    make_series(4, ROWS);
    chunk_cut(&chunk, NTS_CHUNK_F64, ROWS, false);
    chunk_encode(&chunk, encoder, NTS_TIER_HOT);
    assert_in_range(chunk.head_size, 1, 300 * 9);
    assert_in_range(chunk.offsets[chunk.vector_count], ROWS, ROWS / 8 * 10 + 300 * 9);
    for (size_t v = 0; v < chunk.vector_count; v++)
        assert_int_equal(chunk.bytes[chunk.offsets[v]], NTS_CODEC_RANKS);
    chunk_expect(&chunk, &guard);
    nts_chunk_encoder_free(encoder);
    guard_close(&guard);
}

/* Goal: heads and vectors that are cut or changed give a status and stay inside their bytes. */
static void chunks_of_hostile_bytes_are_harmless(void **state)
{
    static struct chunk chunk;
    static uint64_t decoded[NTS_VECTOR_ROWS];
    struct guard guard = guard_open(CHUNK_MAX);
    struct nts_chunk_encoder *encoder = nts_chunk_encoder_new(nts_alloc_libc());
    (void)state;
    assert_non_null(encoder);
    for (unsigned i = 0; i < SERIES_COUNT * 3 * 2; i++) {
        make_series(i % SERIES_COUNT, ROWS);
        chunk_cut(&chunk, (enum nts_chunk_kind)(i / SERIES_COUNT % 3), ROWS, false);
        chunk_encode(&chunk, encoder, (enum nts_tier)(i / SERIES_COUNT / 3));
        for (unsigned round = 0; round < 40; round++) {
            struct nts_chunk_model model = {0};
            const size_t v = seed_next(&seed) % chunk.vector_count;
            size_t head_size = chunk.head_size;
            if (round % 4 == 1 && head_size > 1)
                head_size = 1 + seed_next(&seed) % (head_size - 1);
            uint8_t *head = guard_at_end(&guard, head_size);
            memcpy(head, chunk.bytes, head_size);
            if (round % 4 == 2 && head_size != 0)
                head[seed_next(&seed) % head_size] ^= (uint8_t)(1u << seed_next(&seed) % 8);
            nanots_status status = NANOTS_OK;
            if (head_size != 0)
                status = nts_chunk_model_read(&model, nts_alloc_libc(), &scratch, head, head_size);
            if (round % 4 == 1 && head_size != chunk.head_size)
                assert_int_equal(status, NANOTS_CORRUPT);
            size_t size = chunk.offsets[v + 1] - chunk.offsets[v];
            if (round % 4 == 3)
                size = seed_next(&seed) % size;
            uint8_t *bytes = guard_at_end(&guard, size);
            memcpy(bytes, chunk.bytes + chunk.offsets[v], size);
            if (round % 4 == 0 && size != 0)
                bytes[seed_next(&seed) % size] ^= (uint8_t)(1u << seed_next(&seed) % 8);
            if (status == NANOTS_OK)
                status =
                    vector_read(&chunk, v, head_size == 0 ? NULL : &model, bytes, size, decoded);
            assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
            nts_chunk_model_deinit(&model);
        }
    }
    nts_chunk_encoder_free(encoder);
    guard_close(&guard);
}

/* Goal: a head of unknown flags, of a part that is cut short or followed by more, is corrupt. */
static void heads_that_cannot_be_are_corrupt(void **state)
{
    static const uint8_t heads[][3] = {{0x00, 0, 0}, {0x04, 0, 0}, {0x80, 0, 0}, {0x01, 5, 0},
                                       {0x02, 9, 1}, {0x01, 0, 0}, {0x00, 1, 0}};
    struct nts_chunk_model model = {0};
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        for (size_t size = 1; size <= 3; size++)
            assert_int_equal(
                nts_chunk_model_read(&model, nts_alloc_libc(), &scratch, heads[i], size),
                NANOTS_CORRUPT);
    nts_chunk_model_deinit(&model);
}

/* Goal: each allocation that fails is a status, and nothing leaks. */
static void chunks_without_memory_are_a_status(void **state)
{
    static struct chunk chunk;
    static uint64_t decoded[NTS_VECTOR_ROWS];
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    for (unsigned i = 0; i < 2 * SERIES_COUNT; i++) {
        make_series(i % SERIES_COUNT, ROWS);
        for (uint64_t k = 0;; k++) {
            const struct nts_chunk_options options = {.tier = (enum nts_tier)(i / SERIES_COUNT)};
            struct nts_chunk_model model = {0};
            nanots_status status = NANOTS_NO_MEMORY;
            faultalloc_fail(&memory, k, false);
            struct nts_chunk_encoder *encoder = nts_chunk_encoder_new(&memory.alloc);
            chunk_cut(&chunk, NTS_CHUNK_F64, ROWS, false);
            if (encoder != NULL)
                status = nts_chunk_begin(encoder, &options, chunk.kind, chunk.vectors,
                                         chunk.vector_count, chunk.bytes, &chunk.head_size);
            if (status == NANOTS_OK) {
                chunk.offsets[0] = chunk.head_size;
                chunk.offsets[1] =
                    chunk.head_size + nts_chunk_next(encoder, chunk.bytes + chunk.head_size);
            }
            if (status == NANOTS_OK && chunk.head_size != 0)
                status = nts_chunk_model_read(&model, &memory.alloc, &scratch, chunk.bytes,
                                              chunk.head_size);
            if (status == NANOTS_OK)
                status = vector_read(&chunk, 0, chunk.head_size == 0 ? NULL : &model,
                                     chunk.bytes + chunk.head_size,
                                     chunk.offsets[1] - chunk.offsets[0], decoded);
            assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
            nts_chunk_model_deinit(&model);
            nts_chunk_encoder_free(encoder);
            assert_int_equal(memory.block_count, 0);
            if (!memory.failed)
                break;
        }
    }
    faultalloc_deinit(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_round_trip_and_are_deterministic),
        cmocka_unit_test(few_values_of_many_digits_share_a_table),
        cmocka_unit_test(chunks_of_hostile_bytes_are_harmless),
        cmocka_unit_test(heads_that_cannot_be_are_corrupt),
        cmocka_unit_test(chunks_without_memory_are_a_status),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
