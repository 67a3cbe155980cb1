/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/f32.h - vectors of float, by way of the codecs of double.
 *
 *   0        1
 *   +--------+------------------------------+
 *   |  RAW   | count values of 4 bytes, LE  |
 *   +--------+------------------------------+
 *   | codec  | body, as for a vector of f64 |  the doubles D; each value is D rounded to float
 *   +--------+------------------------------+
 *
 * The writer may choose any D that rounds back to the bits of the value. The exact one is best for
 * INTEGER, CONSTANT and XOR. For readings such as 21.7f, which as a double is 21.700000762939453,
 * it is the one of few digits, 21.7: then DECIMAL holds 217.
 *
 * Rounding is to nearest even, done on bits, whatever mode the thread is in. A NaN keeps sign and
 * payload: its 23 bits are the upper ones of D's 52, the others are 0.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_f32.c.
 */
#ifndef NTS_F32_H
#define NTS_F32_H

#include <stdbool.h>

#include "codec/f64.h"

/* Largest encoded size of `count` values. */
static inline size_t nts_f32_bound(size_t count)
{
    return 1 + 4 * count;
}

/* The doubles of the same values, exactly; and a double rounded to the nearest float. Both keep the
 * payload of a NaN. */
void nts_f32_widen(double *dst, const float *src, size_t count);
float nts_f32_narrow(double value);

/* Puts doubles of few digits that round to the same floats in the place of widened floats, where a
 * sample says that there are such. False, with nothing changed, if it says that there are none. */
bool nts_f32_shorten(double *wide, size_t count);

/* Writes the vector as RAW, nts_f32_bound(count) bytes; returns how many. */
size_t nts_f32_raw_write(uint8_t *dst, const float *src, size_t count);

/* Encodes src[0..count), 1 <= count <= NTS_VECTOR_ROWS, to dst, which has room for
 * nts_f32_bound(count). Cannot fail. Returns the bytes written. */
size_t nts_f32_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const float *src,
                      size_t count);

/* Encodes the next vector of a chunk: the same, but with a choice. */
size_t nts_f32_encode_next(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                           uint8_t *dst, const float *src, size_t count);

/* Decodes exactly `count` values; as nts_f64_decode. */
NTS_CHECKED nanots_status nts_f32_decode(struct nts_codec_scratch *scratch, float *dst,
                                         size_t count, const uint8_t *src, size_t src_size);

#endif
