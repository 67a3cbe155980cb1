/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/predict.h - codec PREDICT: smooth series. Each value is foretold from those before it, and
 * the errors are a patched frame of reference.
 *
 *   +---------+-----------+-------------------+---------------------+---------------------+
 *   | control | precision | taps              | starts              | block of n errors   |
 *   | u8      | u8        | zigzag varints    | w zigzag varints    | codec/patched.h     |
 *   +---------+-----------+-------------------+---------------------+---------------------+
 *               only if there are taps
 *
 *   control    bits 0-2: order k, 0..7; bits 3-5: number of taps p, 0..4; bits 6-7: 0
 *              p = 0: 3 <= k, differences of high order; p > 0: k <= 3
 *   precision  z, 0..63: tap j is the number stored, times 2^z
 *   starts     start j is the difference of order j at x[j]; w = k, or p + 1 if that is more
 *
 *   with y[i] = x[i] - x[0]:
 *   y[i] = error + extrapolation of order k + sum over j of floor(tap[j] * 8 y[i - 2 - j] / 2^64)
 *
 * The extrapolation continues the polynomial of degree k - 1 through the k values before: 0,
 * y[i-1], 2 y[i-1] - y[i-2], 3 y[i-1] - 3 y[i-2] + y[i-3]. A tap is a number of -4..4 in units of
 * 2^-61.
 * No tap reaches y[i-1]: the product would make each value wait for the one before. What that costs
 * is less than .2 bits a value, for half of the time.
 *
 * Slots of the block and `count` are as in codec/delta.h; count > w. All arithmetic is modulo 2^64.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_predict.c.
 * After: T. Robinson, SHORTEN: Simple lossless and near-lossless waveform compression, 1994; FLAC.
 */
#ifndef NTS_PREDICT_H
#define NTS_PREDICT_H

#include <stdbool.h>

#include "codec/codec.h"
#include "codec/patched.h"

#define NTS_PREDICT_ORDER_MAX 7u
#define NTS_PREDICT_TAPS_MAX  4u
/* No predictor looks farther back. */
#define NTS_PREDICT_REACH 8u
/* Predictors with taps that a fit may give. */
#define NTS_PREDICT_FITS_MAX 4u
/* Fewer values are not worth fitting taps to. */
#define NTS_PREDICT_FIT_MIN 128u

/* Bytes of a predictor and of its starts. */
#define NTS_PREDICTOR_SIZE_MAX      (2u + NTS_PREDICT_TAPS_MAX * 10u)
#define NTS_PREDICT_STARTS_SIZE_MAX (NTS_PREDICT_REACH * 10u)

struct nts_predictor {
    uint8_t order;
    uint8_t tap_count;
    uint8_t precision;
    int64_t taps[NTS_PREDICT_TAPS_MAX]; /* multiples of 2^precision */
};

struct nts_predict_plan {
    size_t size; /* bytes of the body */
    struct nts_predictor predictor;
    struct nts_patched_plan block;
};

/* Values that must stand before the first one that is foretold. */
static inline unsigned nts_predict_start_count(const struct nts_predictor *predictor)
{
    const unsigned reach = predictor->tap_count > 0 ? predictor->tap_count + 1u : 0;

    return predictor->order > reach ? predictor->order : reach;
}

/* The control byte, the precision and the taps; and, apart, the starts of src. Each returns the
 * byte after; readers NULL if corrupt. A predictor without taps may have any order here. */
uint8_t *nts_predictor_write(uint8_t *dst, const struct nts_predictor *predictor);
const uint8_t *nts_predictor_read(struct nts_predictor *predictor, const uint8_t *at,
                                  const uint8_t *end);
uint8_t *nts_predict_write_starts(uint8_t *dst, const struct nts_predictor *predictor,
                                  const uint64_t *src);
const uint8_t *nts_predict_read_starts(uint64_t *starts, const struct nts_predictor *predictor,
                                       const uint8_t *at, const uint8_t *end);

/* Back to values: x[w..count) are errors, x[0..w) anything. count > w. */
void nts_predict_undo(uint64_t *x, size_t count, const struct nts_predictor *predictor,
                      const uint64_t *starts);

/* dst[i] = the error at src[first + i], which is foretold from the values before it;
 * first >= nts_predict_start_count. `origin` is x[0]. */
void nts_predict_errors(uint64_t *dst, const struct nts_predictor *predictor, const uint64_t *src,
                        size_t first, size_t count, uint64_t origin);

/* Fits predictors with taps by least squares, at most one for each order 0..3, to `fits`; returns
 * how many there are. count >= NTS_PREDICT_FIT_MIN. Only double precision operations that IEEE 754
 * fixes, in one order: the same taps everywhere. */
size_t nts_predict_fit(struct nts_predictor fits[NTS_PREDICT_FITS_MAX], const uint64_t *src,
                       size_t count);

/* Plans exactly. Uses a of the scratch. count > nts_predict_start_count. */
struct nts_predict_plan nts_predict_choose(struct nts_codec_scratch *scratch,
                                           const struct nts_predictor *predictor,
                                           const uint64_t *src, size_t count);

/* Writes plan->size bytes. Uses a, b and c of the scratch. Returns the byte after. */
uint8_t *nts_predict_write(uint8_t *dst, const struct nts_predict_plan *plan,
                           struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

/* Reads a body that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_predict_read(uint64_t *dst, size_t count, const uint8_t *src,
                                           size_t src_size);

#endif
