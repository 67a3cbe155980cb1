/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/codec.h - vectors of values <-> compressed bytes.
 *
 *   0        1
 *   +--------+------------------------------+
 *   | codec  | body, as the codec's file says|     one vector of 1..1024 values
 *   +--------+------------------------------+
 *
 * The encoder tries what can win and keeps the smallest, deterministically: the same values give
 * the same bytes on every machine. The count of values is not stored; the segment knows it.
 *
 * Pure: no heap, no I/O, no globals but the kernel table; any thread, one scratch a thread.
 * Bytes given to decode are untrusted: every input yields NANOTS_OK or NANOTS_CORRUPT, no read
 * leaves [src, src + src_size), and decode succeeds only if it used exactly src_size bytes.
 */
#ifndef NTS_CODEC_H
#define NTS_CODEC_H

#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"

/* Stable numbers, on disk; never reused. */
enum nts_codec_id {
    NTS_CODEC_RAW = 0,         /* 8 bytes a value */
    NTS_CODEC_CONSTANT = 1,    /* one value */
    NTS_CODEC_XOR = 2,         /* f64: Gorilla XOR */
    NTS_CODEC_INTEGER = 3,     /* f64: every value an exact integer; body is a vector of i64 */
    NTS_CODEC_RLE = 4,         /* runs of equal bits */
    NTS_CODEC_FOR = 5,         /* i64: frame of reference, bit-packed with patches */
    NTS_CODEC_DELTA = 6,       /* i64: differences, then as FOR */
    NTS_CODEC_DELTA2 = 7,      /* i64: differences of differences, then as FOR */
    NTS_CODEC_DECIMAL = 8,     /* f64: integers / 10^k and exceptions; holds a vector of i64 */
    NTS_CODEC_SCALED = 9,      /* i64: a common divisor; holds a vector of i64 */
    NTS_CODEC_LINE = 10,       /* i64: distances from a straight line, then as FOR */
    NTS_CODEC_DICTIONARY = 11, /* i64: few different values, and codes */
    NTS_CODEC_PREDICT = 12,    /* i64: errors of a linear predictor, then as FOR */
    NTS_CODEC_SEASONAL = 13,   /* i64: differences over a period */
    NTS_CODEC_ORDERED = 14,    /* f64: bits, ordered as integers; holds a vector of i64 */
    NTS_CODEC_RANKS = 15,      /* f64: places in the chunk's table; holds a vector of i64 */
    NTS_CODEC_MULTIPLE = 16,   /* f64: decimals on a lattice; holds a vector of i64 */
    NTS_CODEC_BINNED = 18,     /* i64: errors of a predictor, in bins that a chunk shares */
    NTS_CODEC_ID_END = 19
};

/* Values of a chunk by which its transform is chosen. */
#define NTS_TRANSFORM_SAMPLE_COUNT 512u

/* Working memory of one thread's encode or decode; contents mean nothing between calls. */
struct nts_codec_scratch {
    uint64_t values[NTS_VECTOR_ROWS];
    uint64_t a[NTS_VECTOR_ROWS];
    uint64_t b[NTS_VECTOR_ROWS];
    uint64_t c[NTS_VECTOR_ROWS];
    uint64_t quotients[NTS_VECTOR_ROWS]; /* of codec/i64.c */
    uint64_t lagged[NTS_VECTOR_ROWS];    /* of codec/seasonal.h */
    uint8_t codes[NTS_VECTOR_ROWS];      /* of codec/dictionary.h */
    uint64_t run_values[NTS_VECTOR_ROWS / 2];
    uint64_t run_counts[NTS_VECTOR_ROWS / 2];
    uint64_t exception_positions[NTS_VECTOR_ROWS]; /* of codec/exceptions.h */
    uint64_t exception_values[NTS_VECTOR_ROWS];
    uint8_t exception_bytes[2 * (8 * NTS_VECTOR_ROWS + 1 + 2)];
    double sample[NTS_TRANSFORM_SAMPLE_COUNT]; /* of codec/transform.h */
    /* Of codec/f32.h: the vector as doubles, and its bytes before they are known to be smallest;
     * of codec/ranks.h: entries and their bytes. */
    double wide[NTS_VECTOR_ROWS];
    uint8_t wide_bytes[8 * NTS_VECTOR_ROWS + 1];
};

/* Largest encoded size of `count` values of 8 bytes: codec byte + raw. No encoder exceeds it. */
static inline size_t nts_vector_bound(size_t count)
{
    return 1 + 8 * count;
}

/* Encodes src[0..count), 1 <= count <= NTS_VECTOR_ROWS, to dst, which has room for
 * nts_vector_bound(count). Cannot fail. Returns the bytes written. */
size_t nts_i64_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const int64_t *src,
                      size_t count);
size_t nts_f64_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const double *src,
                      size_t count);

/* Decodes exactly `count` values. dst has room for NTS_VECTOR_ROWS values whatever the count
 * (kernels work in whole blocks; what lies beyond `count` is unspecified). On NANOTS_CORRUPT dst is
 * unspecified. No error text: the caller knows the names. */
NTS_CHECKED nanots_status nts_i64_decode(struct nts_codec_scratch *scratch, int64_t *dst,
                                         size_t count, const uint8_t *src, size_t src_size);
NTS_CHECKED nanots_status nts_f64_decode(struct nts_codec_scratch *scratch, double *dst,
                                         size_t count, const uint8_t *src, size_t src_size);

/* The name in SPEC.md, such as "delta2"; NULL for other numbers. */
const char *nts_codec_name(unsigned codec);

#endif
