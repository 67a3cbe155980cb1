/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/xor.c - Gorilla's XOR with windows that shrink. */
#include "codec/xor.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define WINDOW_HEAD_BITS 12u /* leading and size */
#define CHECK_INTERVAL   64u

struct xor_window {
    unsigned trailing;
    unsigned size; /* 0: none yet */
};

/* Moves to the window for `x` != 0; true if it is a new one. */
NTS_ALWAYS_INLINE bool xor_window_for(struct xor_window *window, uint64_t x)
{
    const unsigned trailing = (unsigned)__builtin_ctzll(x);
    const unsigned size = nts_bit_length(x) - trailing;
    const bool holds =
        trailing >= window->trailing && trailing + size <= window->trailing + window->size;

    if (holds && window->size <= size + WINDOW_HEAD_BITS)
        return false;
    window->trailing = trailing;
    window->size = size;
    return true;
}

size_t nts_xor_size(const uint64_t *src, size_t count, size_t size_max)
{
    struct xor_window window = {0, 0};
    uint64_t before = 0;
    size_t bits = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t x = src[i] ^ before;
        before = src[i];
        if (x == 0)
            bits += 1;
        else if (xor_window_for(&window, x))
            bits += 2 + WINDOW_HEAD_BITS + window.size;
        else
            bits += 2 + window.size;
        if (i % CHECK_INTERVAL == 0 && (bits + (count - 1 - i) + 7) / 8 >= size_max)
            return size_max;
    }
    return (bits + 7) / 8;
}

struct xor_writer {
    uint8_t *at;
    uint64_t word;
    unsigned filled; /* bits in `word`, < 64 */
};

/* Appends the low `size` bits of x, 1..64 of them; the others must be 0. */
NTS_ALWAYS_INLINE void xor_put(struct xor_writer *writer, uint64_t x, unsigned size)
{
    writer->word |= x << writer->filled;
    if (writer->filled + size < 64) {
        writer->filled += size;
        return;
    }
    nts_store_u64(writer->at, writer->word);
    writer->at += 8;
    writer->filled = writer->filled + size - 64;
    writer->word = (x >> 1) >> (size - writer->filled - 1);
}

uint8_t *nts_xor_write(uint8_t *dst, const uint64_t *src, size_t count)
{
    struct xor_writer writer = {dst, 0, 0};
    struct xor_window window = {0, 0};
    uint64_t before = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t x = src[i] ^ before;
        before = src[i];
        if (x == 0) {
            xor_put(&writer, 0, 1);
        } else if (xor_window_for(&window, x)) {
            const unsigned leading = 64 - window.trailing - window.size;
            xor_put(&writer, 3u | leading << 2 | (window.size - 1) << 8, 2 + WINDOW_HEAD_BITS);
            xor_put(&writer, x >> window.trailing, window.size);
        } else {
            xor_put(&writer, 1, 2);
            xor_put(&writer, x >> window.trailing, window.size);
        }
    }
    for (; writer.filled > 0; writer.filled -= writer.filled < 8 ? writer.filled : 8) {
        *writer.at++ = (uint8_t)writer.word;
        writer.word >>= 8;
    }
    return writer.at;
}

/* The 64 bits from bit `bit` on; reads 9 bytes. */
NTS_ALWAYS_INLINE uint64_t xor_get(const uint8_t *src, size_t bit)
{
    const uint8_t *at = src + bit / 8;
    const unsigned shift = bit % 8;

    return nts_load_u64(at) >> shift | ((uint64_t)at[8] << 1) << (63 - shift);
}

/* Reads the XOR of one value at *bit, which moves on; false if its window leaves the 64 bits.
 * Touches at most 20 bytes from that of *bit on. */
NTS_ALWAYS_INLINE bool xor_step(const uint8_t *src, size_t *bit, struct xor_window *window,
                                uint64_t *x_out)
{
    const uint64_t head = nts_load_u64(src + *bit / 8) >> (*bit % 8);

    if ((head & 1) == 0) {
        *bit += 1;
        *x_out = 0;
        return true;
    }
    *bit += 2;
    if (head & 2) {
        const unsigned leading = (unsigned)(head >> 2) & 63;
        const unsigned size = ((unsigned)(head >> 8) & 63) + 1;
        if (leading + size > 64)
            return false;
        window->trailing = 64 - leading - size;
        window->size = size;
        *bit += WINDOW_HEAD_BITS;
    } else if (window->size == 0) {
        return false;
    }
    const uint64_t mask = ~(uint64_t)0 >> (64 - window->size);
    *x_out = (xor_get(src, *bit) & mask) << window->trailing;
    *bit += window->size;
    return true;
}

#define STEP_BYTES_MAX 20u

nanots_status nts_xor_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    struct xor_window window = {0, 0};
    uint64_t value = 0;
    uint64_t x = 0;
    size_t bit = 0;
    size_t i = 0;

    for (; i < count && bit / 8 + STEP_BYTES_MAX <= src_size; i++) {
        if (!xor_step(src, &bit, &window, &x))
            return NANOTS_CORRUPT;
        value ^= x;
        dst[i] = value;
    }
    /* The last values lie in fewer bytes than a step may touch: go on in a padded copy. */
    uint8_t tail[2 * STEP_BYTES_MAX + 8] = {0};
    const size_t tail_start = bit / 8;
    const size_t tail_size = src_size - tail_start;
    if (i < count && tail_start <= src_size && tail_size < STEP_BYTES_MAX) {
        memcpy(tail, src + tail_start, tail_size);
        for (bit %= 8; i < count && bit <= 8 * tail_size; i++) {
            if (!xor_step(tail, &bit, &window, &x))
                return NANOTS_CORRUPT;
            value ^= x;
            dst[i] = value;
        }
        bit += 8 * tail_start;
    }
    return i == count && (bit + 7) / 8 == src_size ? NANOTS_OK : NANOTS_CORRUPT;
}
