/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/seasonal.h - codec SEASONAL: series that repeat, exactly or nearly.
 *
 *   +---------+--------------+-------------------------+-----------------------------------+
 *   | period  | size         | the first `period`      | differences of the others to the  |
 *   | varint  | varint       | values, in `size` bytes | value a period before; to the end |
 *   +---------+--------------+-------------------------+-----------------------------------+
 *
 *   1 <= period <= 512, period < count; both parts are vectors of i64 as codec/simple.h has them
 *
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_seasonal.c.
 */
#ifndef NTS_SEASONAL_H
#define NTS_SEASONAL_H

#include <stdbool.h>

#include "codec/codec.h"
#include "codec/simple.h"

#define NTS_SEASONAL_PERIOD_MAX 512u
/* Shorter vectors are not searched for a period. */
#define NTS_SEASONAL_COUNT_MIN 256u

struct nts_seasonal_plan {
    size_t size; /* bytes of the body */
    size_t period;
    struct nts_simple_plan first;
    struct nts_simple_plan rest;
};

/* The period, 2 or more, after which values look most alike, by a sample, if they are much more
 * alike than neighbours; 0 if there is none. The shortest of equals. */
size_t nts_seasonal_period(const uint64_t *src, size_t count);

/* Plans exactly. Uses a and b of the scratch, and leaves the differences in `lagged`. */
struct nts_seasonal_plan nts_seasonal_choose(struct nts_codec_scratch *scratch, size_t period,
                                             const uint64_t *src, size_t count);

/* Writes plan->size bytes, `lagged` as choose has left it. Uses a, b and c of the scratch. Returns
 * the byte after. */
uint8_t *nts_seasonal_write(uint8_t *dst, const struct nts_seasonal_plan *plan,
                            struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

/* Reads a body that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_seasonal_read(uint64_t *dst, size_t count, const uint8_t *src,
                                            size_t src_size);

#endif
