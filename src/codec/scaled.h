/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/scaled.h - codec SCALED: values whose distances have a common divisor.
 *
 *   +---------------+------------+------------------------------------+
 *   | origin        | divisor g  | count quotients: a vector of i64,  |
 *   | zigzag varint | varint     | with its codec byte; to the end    |
 *   +---------------+------------+------------------------------------+
 *
 *   x[i] = origin + g * quotient, modulo 2^64; g >= 2; the quotients may have any codec but SCALED
 *   and BINNED
 *
 * This file finds the divisor, divides and multiplies; i64.c writes and reads the nested vector.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_scaled.c.
 */
#ifndef NTS_SCALED_H
#define NTS_SCALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The greatest common divisor of src[i] - origin, as unsigned numbers, of src[0..count) and
 * `divisor`, which is 0 if nothing is known yet; 1 as soon as there is none. */
uint64_t nts_scaled_divisor(const uint64_t *src, size_t count, uint64_t origin, uint64_t divisor);

/* dst[i] = (src[i] - origin) / divisor. False if one of them is not a whole number; then dst is
 * unspecified. Exact quotients by multiplication. divisor >= 2. */
bool nts_scaled_divide(uint64_t *dst, const uint64_t *src, size_t count, uint64_t origin,
                       uint64_t divisor);

size_t nts_scaled_head_size(uint64_t origin, uint64_t divisor);

/* Returns the byte after. */
uint8_t *nts_scaled_write_head(uint8_t *dst, uint64_t origin, uint64_t divisor);

/* Returns the byte after, NULL if corrupt. */
const uint8_t *nts_scaled_read_head(uint64_t *origin, uint64_t *divisor, const uint8_t *at,
                                    const uint8_t *end);

/* x[i] = origin + divisor * x[i]. */
void nts_scaled_multiply(uint64_t *x, size_t count, uint64_t origin, uint64_t divisor);

#endif
