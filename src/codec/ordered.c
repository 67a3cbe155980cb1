/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/ordered.c - bits of doubles <-> integers, without branches. Contract: ordered.h. */
#include "codec/ordered.h"

#include "base/bytes.h"

#define ORDERED_SIGN ((uint64_t)1 << 63)

static uint64_t ordered_or(const double *src, size_t count)
{
    uint64_t any = 0;

    for (size_t i = 0; i < count; i++)
        any |= nts_bits_of_double(src[i]);
    return any;
}

unsigned nts_ordered_zeros(const double *src, size_t count)
{
    const uint64_t any = ordered_or(src, count) | ORDERED_SIGN;

    return (unsigned)__builtin_ctzll(any);
}

bool nts_ordered_from_f64(uint64_t *dst, const double *src, size_t count, unsigned zeros)
{
    if (nts_ordered_zeros(src, count) < zeros)
        return false;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = nts_bits_of_double(src[i]);
        const uint64_t negative = 0 - (bits >> 63);
        dst[i] = ((bits & ~ORDERED_SIGN) >> zeros) ^ negative;
    }
    return true;
}

void nts_ordered_to_f64(double *dst, const uint64_t *src, size_t count, unsigned zeros)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t negative = 0 - (src[i] >> 63);
        const uint64_t magnitude = (src[i] ^ negative) << zeros & ~ORDERED_SIGN;
        dst[i] = nts_double_of_bits(magnitude | (negative & ORDERED_SIGN));
    }
}
