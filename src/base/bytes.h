/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base/bytes.h - unaligned little-endian loads and stores, checked sizes, small bit helpers.
 *
 * Everything on disk goes through these; no file pointer is ever cast to a wider type.
 */
#ifndef NTS_BYTES_H
#define NTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

static inline uint16_t nts_swap_le16(uint16_t x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return x;
#else
    return __builtin_bswap16(x);
#endif
}

static inline uint32_t nts_swap_le32(uint32_t x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return x;
#else
    return __builtin_bswap32(x);
#endif
}

static inline uint64_t nts_swap_le64(uint64_t x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return x;
#else
    return __builtin_bswap64(x);
#endif
}

static inline uint16_t nts_load_u16(const void *p)
{
    uint16_t x;
    memcpy(&x, p, sizeof x);
    return nts_swap_le16(x);
}

static inline uint32_t nts_load_u32(const void *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return nts_swap_le32(x);
}

static inline uint64_t nts_load_u64(const void *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return nts_swap_le64(x);
}

static inline int64_t nts_load_i64(const void *p)
{
    return (int64_t)nts_load_u64(p);
}

static inline void nts_store_u16(void *p, uint16_t x)
{
    x = nts_swap_le16(x);
    memcpy(p, &x, sizeof x);
}

static inline void nts_store_u32(void *p, uint32_t x)
{
    x = nts_swap_le32(x);
    memcpy(p, &x, sizeof x);
}

static inline void nts_store_u64(void *p, uint64_t x)
{
    x = nts_swap_le64(x);
    memcpy(p, &x, sizeof x);
}

static inline void nts_store_i64(void *p, int64_t x)
{
    nts_store_u64(p, (uint64_t)x);
}

/* Checked size arithmetic: false if the result does not fit. */
static inline bool nts_add_size(size_t a, size_t b, size_t *sum_out)
{
    return !__builtin_add_overflow(a, b, sum_out);
}

static inline bool nts_mul_size(size_t a, size_t b, size_t *product_out)
{
    return !__builtin_mul_overflow(a, b, product_out);
}

/* Rounds up to a power of two; the caller knows that the result fits. */
static inline uint64_t nts_round_up(uint64_t x, uint64_t power_of_two)
{
    return (x + power_of_two - 1) & ~(power_of_two - 1);
}

static inline uint64_t nts_round_down(uint64_t x, uint64_t power_of_two)
{
    return x & ~(power_of_two - 1);
}

/* Bits needed for x: 0 for 0, 64 for the top bit. */
static inline unsigned nts_bit_length(uint64_t x)
{
    return x == 0 ? 0 : 64u - (unsigned)__builtin_clzll(x);
}

/* Small magnitudes of either sign become small unsigned numbers. */
static inline uint64_t nts_zigzag(int64_t x)
{
    return ((uint64_t)x << 1) ^ (uint64_t)(x >> 63);
}

static inline int64_t nts_unzigzag(uint64_t x)
{
    return (int64_t)((x >> 1) ^ (0 - (x & 1)));
}

static inline uint64_t nts_bits_of_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double nts_double_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* floor(a * b / 2^64), by four products of halves; nts_mul_high without wider registers. */
NTS_MAYBE_UNUSED static inline int64_t nts_mul_high_by_halves(int64_t a, int64_t b)
{
    const uint64_t x = (uint64_t)a;
    const uint64_t y = (uint64_t)b;
    const uint64_t low = (x & UINT32_MAX) * (y & UINT32_MAX);
    const uint64_t cross = (x >> 32) * (y & UINT32_MAX) + (low >> 32);
    const uint64_t other = (x & UINT32_MAX) * (y >> 32) + (cross & UINT32_MAX);
    const uint64_t high = (x >> 32) * (y >> 32) + (cross >> 32) + (other >> 32);

    /* As unsigned numbers, negative ones are 2^64 too large. */
    return (int64_t)(high - (a < 0 ? y : 0) - (b < 0 ? x : 0));
}

/* floor(a * b / 2^64). */
static inline int64_t nts_mul_high(int64_t a, int64_t b)
{
#if NTS_HAS_INT128
    return (int64_t)(((nts_int128)a * b) >> 64);
#else
    return nts_mul_high_by_halves(a, b);
#endif
}

#endif
