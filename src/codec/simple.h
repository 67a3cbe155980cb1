/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/simple.h - vectors of integers of the simple codecs: RAW, CONSTANT, FOR, DELTA, DELTA2.
 * Parts of other codecs are such, so that nesting ends here.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_simple.c.
 */
#ifndef NTS_SIMPLE_H
#define NTS_SIMPLE_H

#include "codec/codec.h"
#include "codec/delta.h"

struct nts_simple_plan {
    size_t size; /* with the codec byte */
    enum nts_codec_id codec;
    struct nts_delta_plan delta;
};

/* The smallest, computed exactly; of equals the one that decodes fastest. Uses a and b of the
 * scratch. count >= 1. */
struct nts_simple_plan nts_simple_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                         size_t count);

/* Writes plan->size bytes. Uses a, b and c of the scratch. Returns the byte after. */
uint8_t *nts_simple_write(uint8_t *dst, const struct nts_simple_plan *plan,
                          struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

/* Reads a vector, with its codec byte, that must fill src[0..src_size) exactly. Writes
 * dst[0..count) and no more. */
NTS_CHECKED nanots_status nts_simple_read(uint64_t *dst, size_t count, const uint8_t *src,
                                          size_t src_size);

#endif
