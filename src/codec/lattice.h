/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/lattice.h - codec MULTIPLE: doubles of few digits that are multiples of a step with a
 * fraction, rounded.
 *
 *   +---------------+---------------+-------+- - - - - - - - - -+-----------------------------+
 *   | phase         | step          | shift | head of a decimal,  | vector of i64, m, with its  |
 *   | zigzag varint | zigzag varint | u8    | codec/decimal.h     | codec byte, to the end      |
 *   +---------------+---------------+-------+- - - - - - - - - -+-----------------------------+
 *
 *   x[i] = n[i] / 10^k                                   as in codec/decimal.h
 *   n[i] = floor((phase + step * m[i]) / 2^shift)        phase, step: i64; modulo 2^64, then signed
 *
 *        m:   0     1     2     3     4     5            step / 2^shift = 2.4, phase / 2^shift = .5
 *        n:   0     2     5     7    10    12
 *
 * A converter's count times its gain, printed with some digits, is such a number: few bits in m are
 * many in n. A step without a fraction is codec/scaled.h's affair. shift is 0..62.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_lattice.c.
 */
#ifndef NTS_LATTICE_H
#define NTS_LATTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTS_LATTICE_SHIFT_MAX 62u
/* Fewer numbers are not worth the search. */
#define NTS_LATTICE_COUNT_MIN 64u

struct nts_lattice {
    int64_t phase;
    int64_t step;
    uint8_t shift;
};

/* Finds a lattice on which src[0..count) seem to lie, |src[i]| <= 2^50; `work` has room for as
 * many. False if there is none, or its step is so small that it saves little. Double precision
 * operations in one order: the same everywhere. */
bool nts_lattice_find(struct nts_lattice *out, uint64_t *work, const uint64_t *src, size_t count);

/* The m of numbers; `work` has room for as many, and no two arrays are the same. False, and dst
 * unspecified, if a number is not on the lattice. */
bool nts_lattice_divide(uint64_t *dst, uint64_t *work, const struct nts_lattice *lattice,
                        const uint64_t *src, size_t count);

/* The numbers of m; dst may be src. */
void nts_lattice_multiply(uint64_t *dst, const struct nts_lattice *lattice, const uint64_t *src,
                          size_t count);

/* Phase, step and shift as bytes. Both return the byte after; NULL if corrupt. */
size_t nts_lattice_size(const struct nts_lattice *lattice);
uint8_t *nts_lattice_write(uint8_t *dst, const struct nts_lattice *lattice);
const uint8_t *nts_lattice_read(struct nts_lattice *lattice, const uint8_t *at, const uint8_t *end);

#endif
