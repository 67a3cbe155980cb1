/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/bits.h - rows of bits, lowest bit of each byte first: copy, count, get and set.
 *
 *   bit      0 .. 7     8 .. 15
 *          +---------+----------+- - -     bit i is (bits[i / 8] >> (i % 8)) & 1
 *          | byte 0  | byte 1   |
 *          +---------+----------+- - -
 *
 * No function reads or writes a byte that holds none of the bits it is asked for, and bits beside
 * those stay as they are. Pure; any thread, as long as no two write the same byte.
 */
#ifndef NTS_BITS_H
#define NTS_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool nts_bit_get(const uint8_t *bits, size_t i)
{
    return ((unsigned)bits[i / 8] >> (i % 8) & 1u) != 0;
}

void nts_bit_set(uint8_t *bits, size_t i, bool value);

/* Copies `count` bits from src, from bit src_bit on, to dst, from bit dst_bit on. The bytes that
 * are read and those that are written do not overlap. */
void nts_bits_copy(uint8_t *dst, size_t dst_bit, const uint8_t *src, size_t src_bit, size_t count);

/* How many of the `count` bits from `first` on are 1. */
size_t nts_bits_count(const uint8_t *bits, size_t first, size_t count);

/* How many of the bits from `first` on, up to `end`, are equal to bit `first`; first < end. */
size_t nts_bits_run(const uint8_t *bits, size_t first, size_t end);

/* Sets the `count` bits from `first` on to `value`. */
void nts_bits_fill(uint8_t *bits, size_t first, size_t count, bool value);

#endif
