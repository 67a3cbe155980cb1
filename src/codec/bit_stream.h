/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bit_stream.h - fields of any width, lowest bit first: bit b of a stream is bit b mod 8 of
 * byte b / 8; the last byte is padded with zeros.
 *
 * A writer stores whole words: up to 8 bytes behind the stream are spoilt. A reader reads zeros
 * behind the end, and its caller looks at the position once, when all is read.
 */
#ifndef NTS_BIT_STREAM_H
#define NTS_BIT_STREAM_H

#include "base/bytes.h"

/* Widest field, since up to 7 bits of a word are another's. */
#define NTS_BIT_FIELD_MAX 57u

/* The low `width` bits set, width <= 64. */
static inline uint64_t nts_low_bits(unsigned width)
{
    return width == 0 ? 0 : ~(uint64_t)0 >> (64 - width);
}

struct nts_bit_writer {
    uint8_t *at;
    uint64_t word;
    unsigned fill; /* bits of word that are not stored for good, 0..7 between calls */
};

/* value < 2^width, width < NTS_BIT_FIELD_MAX. */
static inline void nts_bits_put(struct nts_bit_writer *writer, uint64_t value, unsigned width)
{
    writer->word |= value << writer->fill;
    writer->fill += width;
    nts_store_u64(writer->at, writer->word);
    writer->at += writer->fill / 8;
    writer->word >>= writer->fill / 8 * 8;
    writer->fill %= 8;
}

/* As nts_bits_put, for fields of up to 64 bits. */
static inline void nts_bits_put_wide(struct nts_bit_writer *writer, uint64_t value, unsigned width)
{
    if (width > 32) {
        nts_bits_put(writer, value & UINT32_MAX, 32);
        value >>= 32;
        width -= 32;
    }
    nts_bits_put(writer, value, width);
}

/* The byte after the stream. */
static inline uint8_t *nts_bits_end(const struct nts_bit_writer *writer)
{
    return writer->at + (writer->fill != 0);
}

struct nts_bit_reader {
    const uint8_t *src;
    size_t size;
    uint64_t at; /* bits */
};

/* The 57 bits or more from bit `at` on; zeros behind the end. */
static inline uint64_t nts_bits_peek(const uint8_t *src, size_t size, uint64_t at)
{
    const size_t byte = (size_t)(at / 8);

    if (NTS_LIKELY(size >= 8 && byte <= size - 8))
        return nts_load_u64(src + byte) >> (at % 8);
    uint64_t word = 0;
    for (size_t i = byte; i < size; i++)
        word |= (uint64_t)src[i] << (8 * (i - byte));
    return word >> (at % 8);
}

/* width <= 64. */
static inline uint64_t nts_bits_peek_wide(const uint8_t *src, size_t size, uint64_t at,
                                          unsigned width)
{
    const uint64_t low = nts_bits_peek(src, size, at);

    if (width <= 56)
        return low & nts_low_bits(width);
    return ((low & UINT32_MAX) | nts_bits_peek(src, size, at + 32) << 32) & nts_low_bits(width);
}

/* width <= 64. */
static inline uint64_t nts_bits_get(struct nts_bit_reader *reader, unsigned width)
{
    const uint64_t value = nts_bits_peek_wide(reader->src, reader->size, reader->at, width);

    reader->at += width;
    return value;
}

#endif
