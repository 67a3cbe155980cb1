/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/varint.h - LEB128: 7 bits a byte, lowest first, top bit set while more bytes follow.
 *
 * 0..127 take one byte, 2^63 and above ten. Signed numbers are zigzagged first. A count, a first
 * value or a base stands at the head of a vector; most vectors are small, so its size matters.
 */
#ifndef NTS_VARINT_H
#define NTS_VARINT_H

#include "base/bytes.h"

static inline size_t nts_varint_size(uint64_t x)
{
    return (nts_bit_length(x | 1) + 6) / 7;
}

/* Returns the byte after the number. */
static inline uint8_t *nts_varint_put(uint8_t *at, uint64_t x)
{
    while (x >= 0x80) {
        *at++ = (uint8_t)(x | 0x80);
        x >>= 7;
    }
    *at++ = (uint8_t)x;
    return at;
}

/* Returns the byte after the number; NULL if it runs past `end` or does not fit 64 bits. */
static inline const uint8_t *nts_varint_get(const uint8_t *at, const uint8_t *end, uint64_t *x_out)
{
    uint64_t x = 0;

    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        const uint64_t byte = *at++;
        if (shift == 63 && byte > 1)
            return NULL;
        x |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *x_out = x;
            return at;
        }
    }
    return NULL;
}

static inline size_t nts_svarint_size(uint64_t x)
{
    return nts_varint_size(nts_zigzag((int64_t)x));
}

static inline uint8_t *nts_svarint_put(uint8_t *at, uint64_t x)
{
    return nts_varint_put(at, nts_zigzag((int64_t)x));
}

static inline const uint8_t *nts_svarint_get(const uint8_t *at, const uint8_t *end, uint64_t *x_out)
{
    uint64_t zigzag = 0;

    at = nts_varint_get(at, end, &zigzag);
    *x_out = (uint64_t)nts_unzigzag(zigzag);
    return at;
}

#endif
