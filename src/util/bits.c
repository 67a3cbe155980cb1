/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/bits.c - whole words in the middle, single bytes at the ends.
 *
 *   first                                 first + count
 *     |                                         |
 *   ..[head to a byte boundary][words of 64 bits][bytes][tail]..
 */
#include "util/bits.h"

#include <string.h>

#include "base/bytes.h"

static unsigned mask_of(unsigned bit_count)
{
    return (1u << bit_count) - 1;
}

/* `count` <= 8 bits from bit `first` on, at the bottom of the result. */
static unsigned bits_read(const uint8_t *bits, size_t first, unsigned count)
{
    const unsigned shift = (unsigned)(first % 8);
    unsigned read = (unsigned)bits[first / 8] >> shift;

    if (shift + count > 8)
        read |= (unsigned)bits[first / 8 + 1] << (8 - shift);
    return read & mask_of(count);
}

/* Overwrites `count` bits inside the byte of bit `first`. */
static void bits_write(uint8_t *bits, size_t first, unsigned count, unsigned value)
{
    const unsigned shift = (unsigned)(first % 8);
    const unsigned kept = bits[first / 8] & ~(mask_of(count) << shift);

    bits[first / 8] = (uint8_t)(kept | value << shift);
}

/* Bits from `first` to the next byte boundary, at most `count`. */
static unsigned head_count(size_t first, size_t count)
{
    const size_t head = (0 - first) % 8;
    return (unsigned)(head < count ? head : count);
}

void nts_bit_set(uint8_t *bits, size_t i, bool value)
{
    bits_write(bits, i, 1, value);
}

void nts_bits_copy(uint8_t *dst, size_t dst_bit, const uint8_t *src, size_t src_bit, size_t count)
{
    const unsigned head = head_count(dst_bit, count);

    if (head > 0)
        bits_write(dst, dst_bit, head, bits_read(src, src_bit, head));
    dst += (dst_bit + head) / 8;
    src += (src_bit + head) / 8;
    count -= head;
    const unsigned shift = (unsigned)((src_bit + head) % 8);

    if (shift == 0) {
        memcpy(dst, src, count / 8);
        dst += count / 8;
        src += count / 8;
    } else {
        for (size_t words = count / 64; words > 0; words--, dst += 8, src += 8)
            nts_store_u64(dst, nts_load_u64(src) >> shift | (uint64_t)src[8] << (64 - shift));
        for (size_t bytes = count % 64 / 8; bytes > 0; bytes--, dst++, src++)
            *dst = (uint8_t)bits_read(src, shift, 8);
    }
    if (count % 8 > 0)
        bits_write(dst, 0, count % 8, bits_read(src, shift, count % 8));
}

size_t nts_bits_count(const uint8_t *bits, size_t first, size_t count)
{
    const unsigned head = head_count(first, count);
    size_t ones = 0;

    if (head > 0)
        ones += (size_t)__builtin_popcount(bits_read(bits, first, head));
    bits += (first + head) / 8;
    count -= head;
    for (; count >= 64; count -= 64, bits += 8)
        ones += (size_t)__builtin_popcountll(nts_load_u64(bits));
    for (; count >= 8; count -= 8, bits++)
        ones += (size_t)__builtin_popcount(*bits);
    if (count > 0)
        ones += (size_t)__builtin_popcount(bits_read(bits, 0, (unsigned)count));
    return ones;
}

size_t nts_bits_run(const uint8_t *bits, size_t first, size_t end)
{
    const bool value = nts_bit_get(bits, first);
    const uint8_t whole_byte = value ? 0xFF : 0;
    const uint64_t whole_word = value ? ~(uint64_t)0 : 0;
    size_t i = first;

    while (i < end && nts_bit_get(bits, i) == value) {
        if (i % 8 == 0 && end - i >= 64 && nts_load_u64(bits + i / 8) == whole_word)
            i += 64;
        else if (i % 8 == 0 && end - i >= 8 && bits[i / 8] == whole_byte)
            i += 8;
        else
            i++;
    }
    return i - first;
}

void nts_bits_fill(uint8_t *bits, size_t first, size_t count, bool value)
{
    const unsigned byte = value ? 0xFF : 0;
    const unsigned head = head_count(first, count);

    if (head > 0)
        bits_write(bits, first, head, byte & mask_of(head));
    bits += (first + head) / 8;
    count -= head;
    memset(bits, (int)byte, count / 8);
    if (count % 8 > 0)
        bits_write(bits + count / 8, 0, count % 8, byte & mask_of(count % 8));
}
