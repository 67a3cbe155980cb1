/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bitpack.h - unsigned numbers of one width, 0..64 bits, side by side.
 *
 * A full vector of 1024 numbers lies in 16 lanes, so that one SIMD instruction serves 2, 4 or 8
 * neighbours at once; number i is row i / 16 of lane i mod 16:
 *
 *   0            8            16               120           128
 *   +------------+------------+-- ... --+------------+------------+-- ... --+
 *   | lane 0     | lane 1     |         | lane 15    | lane 0     |         |  128 * width bytes
 *   | word 0     | word 0     |         | word 0     | word 1     |         |  u64 words, LE
 *   +------------+------------+-- ... --+------------+------------+-- ... --+
 *
 * Row r of a lane fills bits [r * width, (r + 1) * width) of that lane's words, lowest bit first.
 * Fewer than 1024 numbers form one stream, lowest bit first: number i fills bits [i * width,
 * (i + 1) * width), bit b being bit b mod 8 of byte b / 8; the last byte is padded with zeros.
 *
 * The scalar kernels are the definition of correct. The others are the same source compiled for
 * more registers (bitpack_kernels.h), so no intrinsics exist to keep in step.
 * Pure; any thread. Tests: unit/test_bitpack.c.
 */
#ifndef NTS_BITPACK_H
#define NTS_BITPACK_H

#include <stddef.h>
#include <stdint.h>

static inline size_t nts_bitpack_size(size_t count, unsigned width)
{
    return (count * width + 7) / 8;
}

/* Writes the low `width` bits of src[0..count): nts_bitpack_size bytes, not one more. */
void nts_bitpack(uint8_t *dst, const uint64_t *src, size_t count, unsigned width);

/* dst[i] = base + number i, modulo 2^64. Reads nts_bitpack_size bytes, not one more. */
void nts_bitunpack(uint64_t *dst, const uint8_t *src, size_t count, unsigned width, uint64_t base);

#endif
