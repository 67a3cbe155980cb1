/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/gorilla.c - Gorilla as its paper has it, the series being one stream of bits.
 *
 *   float64, XOR with the value before:    0                              the same value
 *                                          1 0  bits                      in the window of before
 *                                          1 1  leading(5) size(6) bits   a new window; size 0: 64
 *   int64, difference of differences:      0                              zero
 *                                          10 (7)  110 (9)  1110 (12)  1111 (64)   zigzagged
 *
 * Lowest bit first. The paper's last class has 32 bits, for seconds; values of 64 bits need more.
 * After: T. Pelkonen et al., Gorilla: A Fast, Scalable, In-Memory Time Series Database, VLDB 2015.
 */
#include "codecs/codec_table.h"

#include "measure.h"

#include <string.h>

#define LEADING_MAX    31u
#define VALUE_BITS_MAX 77u
#define CLASS_COUNT    4u

static const unsigned gorilla_class_bits[CLASS_COUNT] = {7, 9, 12, 64};

struct bit_writer {
    uint8_t *at;
    uint64_t word;
    unsigned filled; /* bits in `word`, < 64 */
};

/* Appends the low `size` bits of x, 1..64; the others are 0. */
static inline void bits_put(struct bit_writer *writer, uint64_t x, unsigned size)
{
    writer->word |= x << writer->filled;
    if (writer->filled + size < 64) {
        writer->filled += size;
        return;
    }
    memcpy(writer->at, &writer->word, sizeof writer->word);
    writer->at += sizeof writer->word;
    writer->filled = writer->filled + size - 64;
    writer->word = (x >> 1) >> (size - writer->filled - 1);
}

static uint8_t *bits_finish(struct bit_writer *writer)
{
    memcpy(writer->at, &writer->word, sizeof writer->word);
    return writer->at + (writer->filled + 7) / 8;
}

/* The 64 bits from bit `bit` on; touches 9 bytes, for which the slack is (codec_table.h). */
static inline uint64_t bits_peek(const uint8_t *src, size_t bit)
{
    unsigned shift = bit % 8;
    uint64_t word;

    memcpy(&word, src + bit / 8, sizeof word);
    return word >> shift | ((uint64_t)src[bit / 8 + 8] << 1) << (63 - shift);
}

static inline uint64_t bits_take(const uint8_t *src, size_t *bit, unsigned size)
{
    uint64_t word = bits_peek(src, *bit);

    *bit += size;
    return word & (~UINT64_C(0) >> (64 - size));
}

static void gorilla_put_xor(struct bit_writer *writer, const uint64_t *values, size_t count)
{
    unsigned window_leading = 0;
    unsigned window_size = 0; /* none yet */
    uint64_t before = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t x = values[i] ^ before;
        unsigned leading;
        unsigned trailing;

        before = values[i];
        if (x == 0) {
            bits_put(writer, 0, 1);
            continue;
        }
        leading = (unsigned)__builtin_clzll(x);
        leading = leading < LEADING_MAX ? leading : LEADING_MAX;
        trailing = (unsigned)__builtin_ctzll(x);
        if (window_size > 0 && leading >= window_leading &&
            trailing >= 64 - window_leading - window_size) {
            bits_put(writer, 1, 2);
        } else {
            window_leading = leading;
            window_size = 64 - leading - trailing;
            bits_put(writer, 3u | leading << 2 | (window_size & 63) << 7, 13);
        }
        bits_put(writer, x >> (64 - window_leading - window_size), window_size);
    }
}

static size_t gorilla_take_xor(uint64_t *dst, size_t count, const uint8_t *src)
{
    unsigned leading = 0;
    unsigned size = 64;
    uint64_t value = 0;
    size_t bit = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t head = bits_peek(src, bit);

        if ((head & 1) == 0) {
            bit++;
        } else {
            bit += 2;
            if (head & 2) {
                leading = (unsigned)(head >> 2) & 31;
                size = (unsigned)(head >> 7) & 63;
                size = size == 0 ? 64 : size;
                bit += 11;
            }
            value ^= bits_take(src, &bit, size) << (64 - leading - size);
        }
        dst[i] = value;
    }
    return bit;
}

static void gorilla_put_delta2(struct bit_writer *writer, const uint64_t *values, size_t count)
{
    uint64_t before = 0;
    uint64_t delta = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t delta2 = values[i] - before - delta;
        uint64_t zigzag = delta2 << 1 ^ (UINT64_C(0) - (delta2 >> 63));
        unsigned class = 0;

        delta += delta2;
        before = values[i];
        if (zigzag == 0) {
            bits_put(writer, 0, 1);
            continue;
        }
        while (class < CLASS_COUNT - 1 && zigzag >> gorilla_class_bits[class] != 0)
            class ++;
        /* class + 1 ones, and a zero where another class follows */
        bits_put(writer, (UINT64_C(2) << class) - 1, class + 1 + (class < CLASS_COUNT - 1));
        bits_put(writer, zigzag, gorilla_class_bits[class]);
    }
}

static size_t gorilla_take_delta2(uint64_t *dst, size_t count, const uint8_t *src)
{
    uint64_t value = 0;
    uint64_t delta = 0;
    size_t bit = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t head = bits_peek(src, bit);

        if ((head & 1) == 0) {
            bit++;
        } else {
            unsigned class = 0;
            uint64_t zigzag;

            while (class < CLASS_COUNT - 1 && (head >> (class + 1) & 1) != 0)
                class ++;
            bit += class + 1 + (class < CLASS_COUNT - 1);
            zigzag = bits_take(src, &bit, gorilla_class_bits[class]);
            delta += zigzag >> 1 ^ (UINT64_C(0) - (zigzag & 1));
        }
        value += delta;
        dst[i] = value;
    }
    return bit;
}

size_t gorilla_encode(uint8_t *dst, size_t dst_size, const struct series *series)
{
    struct bit_writer writer = {dst, 0, 0};

    if (series->count > (dst_size - sizeof(uint64_t)) / (VALUE_BITS_MAX / 8 + 1))
        die("Gorilla: no room");
    if (series->kind == SERIES_F64)
        gorilla_put_xor(&writer, series->values, series->count);
    else
        gorilla_put_delta2(&writer, series->values, series->count);
    return (size_t)(bits_finish(&writer) - dst);
}

void gorilla_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                    size_t src_size)
{
    size_t bit = kind == SERIES_F64 ? gorilla_take_xor(dst, count, src)
                                    : gorilla_take_delta2(dst, count, src);

    if ((bit + 7) / 8 != src_size)
        die("Gorilla: bytes are left over");
}
