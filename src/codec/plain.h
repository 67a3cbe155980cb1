/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/plain.h - codecs RAW and CONSTANT: bodies without structure.
 *
 *   RAW        count values of 8 bytes, little-endian
 *   CONSTANT   0..8 bytes, as many as the body has: the one value, little-endian, without
 *              i64: the zero bytes at the top of zigzag(value); 0 takes no byte, 100 takes one
 *              f64: the zero bytes at the bottom of its bits; 0.0 takes no byte, 1.5 takes two
 *
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_plain.c.
 */
#ifndef NTS_PLAIN_H
#define NTS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* What the bits of a vector mean. */
enum nts_value_kind { NTS_VALUE_I64, NTS_VALUE_F64 };

/* Whether CONSTANT can hold src[0..count), count >= 1. */
static inline bool nts_all_equal(const uint64_t *src, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (src[i] != src[0])
            return false;
    return true;
}

/* Returns the byte after. */
uint8_t *nts_raw_write(uint8_t *dst, const uint64_t *src, size_t count);
NTS_CHECKED nanots_status nts_raw_read(uint64_t *dst, size_t count, const uint8_t *src,
                                       size_t src_size);

size_t nts_constant_size(enum nts_value_kind kind, uint64_t value);

/* Returns the byte after. */
uint8_t *nts_constant_write(uint8_t *dst, enum nts_value_kind kind, uint64_t value);
NTS_CHECKED nanots_status nts_constant_read(uint64_t *dst, size_t count, enum nts_value_kind kind,
                                            const uint8_t *src, size_t src_size);

#endif
