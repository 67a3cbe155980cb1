/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64_scheme.h - a codec for integers with all that it needs to be told: what one vector of a
 * column hands to the next; and what it comes to for one vector.
 *
 * Pure; any thread, one scratch a thread. Tests: unit/test_i64_scheme.c.
 */
#ifndef NTS_I64_SCHEME_H
#define NTS_I64_SCHEME_H

#include <stdbool.h>

#include "codec/codec.h"
#include "codec/dictionary.h"
#include "codec/line.h"
#include "codec/predict.h"
#include "codec/seasonal.h"
#include "codec/simple.h"

struct nts_i64_scheme {
    enum nts_codec_id codec;        /* RAW, FOR..DELTA2, RLE, LINE, DICTIONARY, PREDICT, SEASONAL */
    struct nts_predictor predictor; /* of FOR..DELTA2 and PREDICT */
    uint16_t period;                /* of SEASONAL */
};

/* One vector in one scheme; the part of its codec counts. */
struct nts_i64_plan {
    size_t size; /* with the codec byte; SIZE_MAX if the scheme is not for this vector */
    struct nts_i64_scheme scheme;
    struct nts_delta_plan delta;
    struct nts_predict_plan predict;
    struct nts_line_plan line;
    struct nts_dictionary_plan dictionary;
    struct nts_seasonal_plan seasonal;
    size_t run_count; /* of RLE */
    struct nts_patched_plan lengths;
    struct nts_simple_plan values;
};

/* Plans exactly. What is in the scratch afterwards belongs to the plan until the next one; uses all
 * of it but `values` and `quotients`. */
void nts_i64_plan_scheme(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                         const struct nts_i64_scheme *scheme, const uint64_t *src, size_t count);

/* Writes plan->size bytes, with the scratch as the plan has left it. Returns the byte after. */
uint8_t *nts_i64_write_plan(uint8_t *dst, const struct nts_i64_plan *plan,
                            struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

#endif
