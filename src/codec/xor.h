/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/xor.h - codec XOR, for doubles: each value XORed with the one before, of which only the
 * bits between leading and trailing zeros (the window) are stored.
 *
 * The body is one bit stream, lowest bit of each byte first, padded with zeros to a whole byte. The
 * value before the first is 0 and there is no window yet. Each value is one of
 *
 *   0                                    the same bits as before
 *   1 0  bits                            XOR = bits << trailing, in the window of before
 *   1 1  leading(6) size-1(6) bits       a new window: leading zeros, then `size` bits
 *
 *   63                                          0
 *   +-----------+------------------+------------+   trailing = 64 - leading - size >= 0
 *   |  leading  |  window (size)   |  trailing  |   1 <= size <= 64
 *   +-----------+------------------+------------+
 *
 * All numbers are written lowest bit first. The writer opens a new window if the old one does not
 * hold the XOR, or if that saves bits here and now; it counts the exact size before it writes.
 * Improves on Gorilla by the first value going through the same path, by all 64 sizes being
 * expressible, and by windows that shrink again.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_xor.c.
 * After: Pelkonen et al.: Gorilla: A Fast, Scalable, In-Memory Time Series Database, VLDB 2015.
 */
#ifndef NTS_XOR_H
#define NTS_XOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Bytes of the body, or any number >= size_max as soon as it cannot be below. */
size_t nts_xor_size(const uint64_t *src, size_t count, size_t size_max);

/* Writes nts_xor_size() bytes; returns the byte after. */
uint8_t *nts_xor_write(uint8_t *dst, const uint64_t *src, size_t count);

/* Reads a body that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_xor_read(uint64_t *dst, size_t count, const uint8_t *src,
                                       size_t src_size);

#endif
