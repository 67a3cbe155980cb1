/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/integer.c - doubles that are integers. */
#include "codec/integer.h"

#include "base/bytes.h"

#define BLOCK_COUNT 64u

#define SIGN_BIT ((uint64_t)1 << 63)

/* The sum with it has its last bit at 1 if |x| < 2^51, so adding and subtracting it rounds. */
#define ROUNDER 0x1.8p52

/* One block with additions only, which are vector code everywhere. */
static bool integer_block_small(uint64_t *dst, const double *src, size_t count)
{
    uint64_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        const double shifted = src[i] + ROUNDER;
        const uint64_t bits = nts_bits_of_double(src[i]);
        const uint64_t magnitude = bits & ~SIGN_BIT;
        dst[i] = nts_bits_of_double(shifted) - nts_bits_of_double(ROUNDER);
        wrong |= nts_bits_of_double(shifted - ROUNDER) ^ bits;
        /* The top bit says that the magnitude is 2^51 or more, or not a number. */
        wrong |= (nts_bits_of_double(0x1p51) - 1 - magnitude) & SIGN_BIT;
        /* Rounding downwards, the host's choice, would let -0.0 through. */
        wrong |= bits == SIGN_BIT;
    }
    return wrong == 0;
}

/* One block up to 2^53, a conversion each. */
static bool integer_block_large(uint64_t *dst, const double *src, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!(src[i] >= -0x1p53 && src[i] <= 0x1p53))
            return false;
        const int64_t n = (int64_t)src[i];
        if (nts_bits_of_double((double)n) != nts_bits_of_double(src[i]))
            return false;
        dst[i] = (uint64_t)n;
    }
    return true;
}

bool nts_integer_from_f64(uint64_t *dst, const double *src, size_t count)
{
    for (size_t start = 0; start < count; start += BLOCK_COUNT) {
        const size_t block = count - start < BLOCK_COUNT ? count - start : BLOCK_COUNT;
        if (!integer_block_small(dst + start, src + start, block) &&
            !integer_block_large(dst + start, src + start, block))
            return false;
    }
    return true;
}
