/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/aggregate.h - sum, least and greatest of a vector of integers, from its bytes, without its
 * values: where it is constant, has one step, consists of runs, or is a multiple of such.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted: what is against the format is not
 * possible here, and decoding says why. Tests: unit/test_aggregate.c.
 */
#ifndef NTS_AGGREGATE_H
#define NTS_AGGREGATE_H

#include <stdbool.h>

#include "codec/codec.h"

struct nts_i64_aggregates {
    int64_t sum;
    int64_t min;
    int64_t max;
};

/* Of a vector of `count` values, 1 <= count <= 1024, as nts_i64_decode reads it. False if it has to
 * be decoded for that, or the sum does not fit. Uses the runs of the scratch. */
bool nts_i64_aggregate(struct nts_codec_scratch *scratch, const uint8_t *src, size_t src_size,
                       size_t count, struct nts_i64_aggregates *aggregates);

#endif
