/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/decimal.h - codec DECIMAL, for doubles that are decimal numbers of few digits.
 *
 *   +---------+ - - - - - - - - - - +---------------------------------------------+
 *   | control | exceptions          | vector of i64, with its codec byte, to the  |
 *   | u8      | codec/exceptions.h  | end; any codec of i64                       |
 *   +---------+ - - - - - - - - - - +---------------------------------------------+
 *
 *   control  bits 0-4: digits k behind the point, 0..17; bits 5-7: of codec/exceptions.h
 *
 *   x[i] = (double)n[i] / 10^k, to nearest even, -2^51 <= n[i] < 2^51; but for the exceptions
 *
 * 21.7 is not in binary what it is on paper, but it is the double nearest to 217 / 10, and division
 * rounds to that very double. The writer keeps n if the division gives back the bits of x and
 * |n| < 2^50; all else is an exception, NaN, infinities and -0.0 among them.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_decimal.c.
 * After: Afroozeh, Kuffo, Boncz: ALP: Adaptive Lossless Floating-Point Compression, SIGMOD 2023.
 */
#ifndef NTS_DECIMAL_H
#define NTS_DECIMAL_H

#include <stdbool.h>

#include "codec/exceptions.h"

#define NTS_DECIMAL_DIGITS_MAX 17u

/* Up to so many values are a short vector, for which less is tried. */
#define NTS_DECIMAL_COUNT_FEW 63u

struct nts_decimal_plan {
    size_t head_size; /* control and exceptions */
    unsigned digits;
    struct nts_exceptions exceptions;
};

/* If most of src[0..count) are such decimals, plans them, leaves the integers in values of the
 * scratch and returns true; else values are unspecified. Uses the others of the scratch. */
bool nts_decimal_from_f64(struct nts_decimal_plan *plan, struct nts_codec_scratch *scratch,
                          const double *src, size_t count);

/* The same with digits that are given. False if there are too many exceptions. */
bool nts_decimal_of_digits(struct nts_decimal_plan *plan, struct nts_codec_scratch *scratch,
                           unsigned digits, const double *src, size_t count);

/* Writes plan->head_size bytes, with the scratch as the plan has left its exceptions; returns the
 * byte after. */
uint8_t *nts_decimal_write_head(uint8_t *dst, const struct nts_decimal_plan *plan,
                                const struct nts_codec_scratch *scratch, const double *src,
                                size_t count);

/* What a head says; its exceptions are in the scratch. */
struct nts_decimal_head {
    unsigned digits;
    struct nts_exceptions_read exceptions;
};

/* Returns the byte after the head, NULL if it is corrupt. */
const uint8_t *nts_decimal_read_head(struct nts_decimal_head *head,
                                     struct nts_codec_scratch *scratch, size_t count,
                                     const uint8_t *at, const uint8_t *end);

/* Turns `count` integers into doubles and puts the exceptions in their places. */
NTS_CHECKED nanots_status nts_decimal_to_f64(double *dst, const struct nts_decimal_head *head,
                                             const struct nts_codec_scratch *scratch,
                                             const uint64_t *src, size_t count);

#endif
