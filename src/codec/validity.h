/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/validity.h - which rows of a vector have a value: one bit a row, or the lengths of runs.
 *
 *   0        1
 *   +--------+---------------------------------+
 *   | form 0 | bits, lowest first, 1 = present |   ceil(count / 8) bytes, padded with zeros
 *   +--------+---------------------------------+
 *   | form 1 | lengths of runs, varints, >= 1: |   in turn absent, present, absent ...
 *   | form 2 |                                 |   in turn present, absent, present ...
 *   +--------+---------------------------------+
 *
 * The runs end with the one that uses up all absent or all present rows: what is left is of the
 * other kind. Vectors without absent rows, or without present ones, are not stored at all.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_validity.c.
 */
#ifndef NTS_VALIDITY_H
#define NTS_VALIDITY_H

#include <stddef.h>
#include <stdint.h>

/* Largest encoded size for `count` rows. */
size_t nts_validity_bound(size_t count);

/* Writes the smaller form of bits[0..count), which are neither all 0 nor all 1;
 * count <= NTS_VECTOR_ROWS. Bits behind them are ignored. Returns the bytes written. */
size_t nts_validity_encode(uint8_t *dst, const uint8_t *bits, size_t count);

/* Reads `count` bits, of which null_count are 0, to ceil(count / 8) bytes, padded with zeros.
 * Returns how many bytes of src they took, 0 if those are corrupt or no such bits exist. */
size_t nts_validity_decode(uint8_t *bits, size_t count, size_t null_count, const uint8_t *src,
                           size_t src_size);

#endif
