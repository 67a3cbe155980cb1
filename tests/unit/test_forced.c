/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_forced.c - vectors of a codec that the user has named (codec/forced.h): each codec of
 * each kind writes itself and nothing else, inside its room, and gives every bit back; what it
 * cannot hold it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/f32.h"
#include "codec/forced.h"
#include "support/float_series.h"
#include "support/guard.h"

#define KIND_COUNT 3

static struct nts_codec_scratch scratch;
static struct guard guard;
static uint64_t seed;
static double doubles[NTS_VECTOR_ROWS];
static float floats[NTS_VECTOR_ROWS];
static int64_t ints[NTS_VECTOR_ROWS];
static uint8_t decoded[8 * NTS_VECTOR_ROWS];

static const void *kind_values(enum nts_chunk_kind kind)
{
    return kind == NTS_CHUNK_F64   ? (const void *)doubles
           : kind == NTS_CHUNK_F32 ? (const void *)floats
                                   : (const void *)ints;
}

static size_t kind_bound(enum nts_chunk_kind kind, size_t count)
{
    return kind == NTS_CHUNK_F32 ? nts_f32_bound(count) : nts_vector_bound(count);
}

static size_t kind_width(enum nts_chunk_kind kind)
{
    return kind == NTS_CHUNK_F32 ? 4 : 8;
}

static void series_make(unsigned series)
{
    float_series_fill(doubles, NTS_VECTOR_ROWS, (enum float_series_kind)series, &seed);
    for (size_t i = 0; i < NTS_VECTOR_ROWS; i++) {
        floats[i] = nts_f32_narrow(doubles[i]);
        memcpy(&ints[i], &doubles[i], sizeof ints[i]);
        if (doubles[i] > -1e15 && doubles[i] < 1e15)
            ints[i] = (int64_t)(doubles[i] * 100.0);
    }
}

static nanots_status vector_read(enum nts_chunk_kind kind, size_t count, const uint8_t *bytes,
                                 size_t size)
{
    switch (kind) {
    case NTS_CHUNK_F64:
        return nts_chunk_read_f64(&scratch, NULL, (double *)(void *)decoded, count, bytes, size);
    case NTS_CHUNK_F32:
        return nts_chunk_read_f32(&scratch, NULL, (float *)(void *)decoded, count, bytes, size);
    default:
        return nts_chunk_read_i64(&scratch, NULL, (int64_t *)(void *)decoded, count, bytes, size);
    }
}

/* Property: whatever is written is of the codec and comes back. Returns the size. */
static size_t vector_round_trip(enum nts_chunk_kind kind, unsigned codec, size_t count)
{
    const size_t bound = nts_vector_bound(count);
    uint8_t *bytes = guard_at_end(&guard, bound);
    const size_t size = nts_forced_encode(&scratch, kind, codec, bytes, kind_values(kind), count);
    if (size == 0)
        return 0;
    assert_in_range(size, 1, kind_bound(kind, count));
    assert_int_equal(bytes[0], codec);
    assert_int_equal(vector_read(kind, count, bytes, size), NANOTS_OK);
    assert_memory_equal(decoded, kind_values(kind), count * kind_width(kind));
    return size;
}

static void each_codec_writes_itself_or_nothing(void **state)
{
    static const size_t counts[] = {NTS_VECTOR_ROWS, 1000, 257, 64, 3, 2, 1};
    unsigned written[KIND_COUNT][NTS_CODEC_ID_END] = {{0}};
    (void)state;
    for (unsigned series = 0; series < FLOAT_SERIES_KIND_COUNT; series++) {
        series_make(series);
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (unsigned kind = 0; kind < KIND_COUNT; kind++)
                for (unsigned codec = 0; codec < NTS_CODEC_ID_END; codec++)
                    if (nts_forced_serves((enum nts_chunk_kind)kind, codec))
                        written[kind][codec] +=
                            vector_round_trip((enum nts_chunk_kind)kind, codec, counts[c]) != 0;
    }
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        for (unsigned codec = 0; codec < NTS_CODEC_ID_END; codec++)
            if (nts_forced_serves((enum nts_chunk_kind)kind, codec) && codec != NTS_CODEC_SEASONAL)
                assert_int_not_equal(written[kind][codec], 0);
}

static void raw_is_raw_whatever_the_values(void **state)
{
    (void)state;
    memset(ints, 0, sizeof ints);
    memset(doubles, 0, sizeof doubles);
    memset(floats, 0, sizeof floats);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        assert_int_equal(vector_round_trip((enum nts_chunk_kind)kind, NTS_CODEC_RAW, 1000),
                         kind_bound((enum nts_chunk_kind)kind, 1000));
}

static void seasons_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < NTS_VECTOR_ROWS; i++)
        ints[i] = (int64_t)(i % 60 * i % 60);
    assert_in_range(vector_round_trip(NTS_CHUNK_I64, NTS_CODEC_SEASONAL, NTS_VECTOR_ROWS), 1, 200);
}

static void codecs_that_cannot_hold_the_values_say_so(void **state)
{
    (void)state;
    series_make(FLOAT_SERIES_RANDOM);
    assert_int_equal(vector_round_trip(NTS_CHUNK_F64, NTS_CODEC_INTEGER, 1000), 0);
    assert_int_equal(vector_round_trip(NTS_CHUNK_F64, NTS_CODEC_DECIMAL, 1000), 0);
    assert_int_equal(vector_round_trip(NTS_CHUNK_F32, NTS_CODEC_INTEGER, 1000), 0);
    for (size_t i = 0; i < NTS_VECTOR_ROWS; i++) {
        doubles[i] = float_series_of_bits(0x7FF8000000000000u + i);
        ints[i] = (int64_t)seed_next(&seed);
    }
    assert_int_equal(vector_round_trip(NTS_CHUNK_F64, NTS_CODEC_DECIMAL, 1000), 0);
    assert_int_equal(vector_round_trip(NTS_CHUNK_I64, NTS_CODEC_DICTIONARY, 1000), 0);
    assert_int_equal(vector_round_trip(NTS_CHUNK_I64, NTS_CODEC_SEASONAL, 1000), 0);
    assert_int_equal(vector_round_trip(NTS_CHUNK_I64, NTS_CODEC_PREDICT, 1), 0);
}

/* Property: in a chunk, a vector that the codec cannot hold gets another, and the others do not. */
static void a_chunk_falls_back_vector_by_vector(void **state)
{
    static uint8_t bytes[NTS_CHUNK_HEAD_SIZE_MAX + 2 * (1 + 8 * NTS_VECTOR_ROWS)];
    const struct nts_chunk_options options = {.tier = NTS_TIER_PACKED, .forced = 1 + NTS_CODEC_XOR};
    struct nts_chunk_encoder *encoder = nts_chunk_encoder_new(nts_alloc_libc());
    const struct nts_chunk_vector vectors[] = {{doubles, 300}, {doubles + 300, 300}};
    size_t head_size = 1;
    (void)state;
    assert_non_null(encoder);
    for (size_t i = 0; i < 300; i++) {
        doubles[i] = float_series_of_bits(seed_next(&seed) | 1); /* 77 bits each */
        doubles[300 + i] = (double)(i % 7);
    }
    assert_int_equal(
        nts_chunk_begin(encoder, &options, NTS_CHUNK_F64, vectors, 2, bytes, &head_size),
        NANOTS_OK);
    assert_int_equal(head_size, 0);
    const size_t size = nts_chunk_next(encoder, bytes);
    assert_int_not_equal(bytes[0], NTS_CODEC_XOR);
    assert_in_range(size, 1, nts_vector_bound(300));
    assert_in_range(nts_chunk_next(encoder, bytes + size), 1, nts_vector_bound(300));
    assert_int_equal(bytes[size], NTS_CODEC_XOR);
    nts_chunk_encoder_free(encoder);
}

static void kinds_have_codecs_of_their_own(void **state)
{
    (void)state;
    assert_false(nts_forced_serves(NTS_CHUNK_F64, NTS_CODEC_DELTA));
    assert_false(nts_forced_serves(NTS_CHUNK_I64, NTS_CODEC_DECIMAL));
    assert_false(nts_forced_serves(NTS_CHUNK_I64, NTS_CODEC_CONSTANT));
    assert_false(nts_forced_serves(NTS_CHUNK_I64, NTS_CODEC_ID_END));
    assert_true(nts_forced_serves(NTS_CHUNK_F32, NTS_CODEC_RAW));
}

static int group_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    guard = guard_open(nts_vector_bound(NTS_VECTOR_ROWS));
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    guard_close(&guard);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_codec_writes_itself_or_nothing),
        cmocka_unit_test(raw_is_raw_whatever_the_values),
        cmocka_unit_test(seasons_are_found),
        cmocka_unit_test(codecs_that_cannot_hold_the_values_say_so),
        cmocka_unit_test(a_chunk_falls_back_vector_by_vector),
        cmocka_unit_test(kinds_have_codecs_of_their_own),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
