/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/ordered.h - codec ORDERED: the bits of doubles as integers in the same order.
 *
 *   +-------+---------------------------------------------+
 *   | zeros | vector of i64, with its codec byte, to the  |
 *   | u8    | end; any codec of i64                       |
 *   +-------+---------------------------------------------+
 *
 *   zeros  z, 0..63: bits at the bottom that are 0 in every value, and not stored
 *
 *   n >= 0: the bits are n * 2^z;  n < 0: sign bit, and (-n - 1) * 2^z;  both modulo 2^63
 *
 * Neighbours of one size and sign are near each other as integers too, and differences of smooth
 * series are as smooth; -0.0 is -1. Every double has such an integer, NaNs included.
 * Pure; any thread. Bytes are untrusted: any integer is the bits of some double.
 * Tests: unit/test_ordered.c.
 */
#ifndef NTS_ORDERED_H
#define NTS_ORDERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTS_ORDERED_ZEROS_MAX 63u

/* The zeros at the bottom that all of src[0..count) have; NTS_ORDERED_ZEROS_MAX at most. */
unsigned nts_ordered_zeros(const double *src, size_t count);

/* The integers. False, and dst unspecified, if a value has not so many zeros. */
bool nts_ordered_from_f64(uint64_t *dst, const double *src, size_t count, unsigned zeros);

/* The doubles; zeros <= NTS_ORDERED_ZEROS_MAX. */
void nts_ordered_to_f64(double *dst, const uint64_t *src, size_t count, unsigned zeros);

#endif
