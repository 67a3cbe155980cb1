/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/scaled.c - common divisors. */
#include "codec/scaled.h"

#include "codec/dispatch.h"
#include "codec/varint.h"

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint64_t nts_scaled_divisor(const uint64_t *src, size_t count, uint64_t origin, uint64_t divisor)
{
    for (size_t i = 0; i < count && divisor != 1; i++)
        divisor = greatest_common_divisor(src[i] - origin, divisor);
    return divisor;
}

/* The number whose product with an odd one is 1, modulo 2^64: each step doubles the right bits. */
static uint64_t inverse_of_odd(uint64_t odd)
{
    uint64_t inverse = odd; /* 3 bits are right */

    for (unsigned step = 0; step < 5; step++)
        inverse *= 2 - odd * inverse;
    return inverse;
}

bool nts_scaled_divide(uint64_t *dst, const uint64_t *src, size_t count, uint64_t origin,
                       uint64_t divisor)
{
    const unsigned twos = (unsigned)__builtin_ctzll(divisor);
    const uint64_t odd = divisor >> twos;
    const uint64_t inverse = inverse_of_odd(odd);
    const uint64_t quotient_max = UINT64_MAX / odd;
    const uint64_t low = ((uint64_t)1 << twos) - 1;
    uint64_t wrong = 0;

    /* Multiplying by the inverse permutes 2^64 numbers; only multiples of `odd` become small. */
    for (size_t i = 0; i < count; i++) {
        const uint64_t distance = src[i] - origin;
        const uint64_t quotient = distance * inverse;
        wrong |= (distance & low) | (quotient > quotient_max);
        dst[i] = quotient >> twos;
    }
    return wrong == 0;
}

size_t nts_scaled_head_size(uint64_t origin, uint64_t divisor)
{
    return nts_svarint_size(origin) + nts_varint_size(divisor);
}

uint8_t *nts_scaled_write_head(uint8_t *dst, uint64_t origin, uint64_t divisor)
{
    return nts_varint_put(nts_svarint_put(dst, origin), divisor);
}

const uint8_t *nts_scaled_read_head(uint64_t *origin, uint64_t *divisor, const uint8_t *at,
                                    const uint8_t *end)
{
    at = nts_svarint_get(at, end, origin);
    if (at == NULL)
        return NULL;
    at = nts_varint_get(at, end, divisor);
    return at != NULL && *divisor >= 2 ? at : NULL;
}

void nts_scaled_multiply(uint64_t *x, size_t count, uint64_t origin, uint64_t divisor)
{
    nts_kernels()->multiply(x, count, origin, divisor);
}
