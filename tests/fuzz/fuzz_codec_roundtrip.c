/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_codec_roundtrip.c - values in, the same bits out, in at most the bound.
 *
 * The first byte says how the rest becomes values, so that small inputs make long, compressible
 * vectors; each vector is tried as i64 and as f64, alone and as a packed chunk.
 *
 *   0        1        2
 *   +--------+--------+----------------------------------------------+
 *   | shape  | repeat | numbers of 1, 2, 4 or 8 bytes (shape bits 0-1) |
 *   +--------+--------+----------------------------------------------+
 *   shape bit 2: sums of the numbers; bit 3: sums of sums; bit 4: as doubles, divided by 8, or by
 *   10^d if bits 5-7, d, are not 0; then -1 becomes a NaN
 *   repeat: the numbers are gone through repeat + 1 times
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nts_codec_scratch scratch;
static uint64_t values[NTS_VECTOR_ROWS];

static uint64_t number_at(const uint8_t *data, size_t number_size, size_t i)
{
    uint64_t bits = 0;

    for (size_t k = 0; k < number_size; k++)
        bits |= (uint64_t)data[i * number_size + k] << (8 * k);
    const unsigned unused = 64 - 8 * (unsigned)number_size;
    return (uint64_t)((int64_t)(bits << unused) >> unused);
}

static void sum_up(size_t count)
{
    for (size_t i = 1; i < count; i++)
        values[i] += values[i - 1];
}

/* Makes doubles of the numbers. */
static void divide(size_t count, unsigned digits)
{
    double divisor = digits == 0 ? 8.0 : 1.0;

    for (unsigned k = 0; k < digits; k++)
        divisor *= 10.0;
    for (size_t i = 0; i < count; i++) {
        if (digits > 0 && values[i] == ~(uint64_t)0)
            values[i] = 0x7FF8000000000000u;
        else
            values[i] = nts_bits_of_double((double)(int64_t)values[i] / divisor);
    }
}

/* Returns the count of values, 0 if the input is too short. */
static size_t values_make(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const unsigned shape = data[0];
    const size_t repeat_count = data[1] + 1u;
    const size_t number_size = (size_t)1 << (shape & 3);
    const size_t number_count = (size - 2) / number_size;
    size_t count = 0;

    for (size_t repeat = 0; repeat < repeat_count; repeat++)
        for (size_t i = 0; i < number_count && count < NTS_VECTOR_ROWS; i++)
            values[count++] = number_at(data + 2, number_size, i);
    if (shape & 4)
        sum_up(count);
    if (shape & 8)
        sum_up(count);
    if (shape & 16)
        divide(count, shape >> 5);
    return count;
}

/* The values as a chunk of one vector. */
static void chunk_check(enum nts_chunk_kind kind, size_t count)
{
    static uint8_t bytes[NTS_CHUNK_HEAD_SIZE_MAX + 8 * NTS_VECTOR_ROWS + 1];
    static uint64_t decoded[NTS_VECTOR_ROWS];
    const struct nts_chunk_vector vector = {values, count};
    const struct nts_chunk_options options = {.tier = NTS_TIER_PACKED};
    struct nts_chunk_encoder *const encoder = nts_chunk_encoder_new(nts_alloc_libc());
    struct nts_chunk_model model = {0};
    nanots_status status;
    size_t head_size;

    if (encoder == NULL ||
        nts_chunk_begin(encoder, &options, kind, &vector, 1, bytes, &head_size) != NANOTS_OK)
        abort();
    const size_t vector_size = nts_chunk_next(encoder, bytes + head_size);
    if (vector_size > nts_vector_bound(count) ||
        nts_chunk_model_read(&model, nts_alloc_libc(), &scratch, bytes, head_size) != NANOTS_OK)
        abort();
    if (kind == NTS_CHUNK_F64)
        status = nts_chunk_read_f64(&scratch, &model, (double *)(void *)decoded, count,
                                    bytes + head_size, vector_size);
    else
        status = nts_chunk_read_i64(&scratch, &model, (int64_t *)decoded, count, bytes + head_size,
                                    vector_size);
    if (status != NANOTS_OK || memcmp(decoded, values, 8 * count) != 0)
        abort();
    nts_chunk_model_deinit(&model);
    nts_chunk_encoder_free(encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[8 * NTS_VECTOR_ROWS + 1];
    static int64_t integers[NTS_VECTOR_ROWS];
    static double doubles[NTS_VECTOR_ROWS];
    const size_t count = values_make(data, size);

    if (count == 0)
        return 0;
    memcpy(integers, values, 8 * count);
    size_t encoded_size = nts_i64_encode(&scratch, bytes, integers, count);
    memset(integers, 0xA5, sizeof integers);
    if (encoded_size > nts_vector_bound(count) ||
        nts_i64_decode(&scratch, integers, count, bytes, encoded_size) != NANOTS_OK ||
        memcmp(integers, values, 8 * count) != 0)
        abort();

    memcpy(doubles, values, 8 * count);
    encoded_size = nts_f64_encode(&scratch, bytes, doubles, count);
    memset(doubles, 0xA5, sizeof doubles);
    if (encoded_size > nts_vector_bound(count) ||
        nts_f64_decode(&scratch, doubles, count, bytes, encoded_size) != NANOTS_OK ||
        memcmp(doubles, values, 8 * count) != 0)
        abort();
    chunk_check(NTS_CHUNK_I64, count);
    chunk_check(NTS_CHUNK_F64, count);
    return 0;
}
