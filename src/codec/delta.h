/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/delta.h - codecs FOR, DELTA and DELTA2: the numbers, their differences, or the differences
 * of those, as a patched frame of reference. They are one codec of order 0, 1 and 2.
 *
 *   +--------------+--------------+-----------------------------------+
 *   | x[0]         | x[1] - x[0]  | block of n numbers                |
 *   | order >= 1   | order 2      | codec/patched.h                   |
 *   +--------------+--------------+-----------------------------------+
 *    zigzag varint  zigzag varint
 *
 *   order 0: n = count, the block holds x[i]
 *   order 1: the block holds x[i] - x[i-1] for i >= 1
 *   order 2: the block holds x[i] - 2 x[i-1] + x[i-2] for i >= 2
 *
 * If count is 1024, n is 1024: number i has slot i, and what the first `order` slots decode to
 * means nothing (the writer puts the base there), because the lanes want whole rows. Else n is
 * count - order and slots start at i = order. count > order. All arithmetic is modulo 2^64.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_delta.c.
 */
#ifndef NTS_DELTA_H
#define NTS_DELTA_H

#include "codec/codec.h"
#include "codec/patched.h"

#define NTS_DELTA_ORDER_MAX 2u

struct nts_delta_plan {
    size_t size; /* bytes of the body */
    unsigned order;
    struct nts_patched_plan block;
};

/* The smallest of the three orders; the lower of equals. Uses a and b of the scratch. */
struct nts_delta_plan nts_delta_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                       size_t count);

/* The plan of one order. Uses a and b of the scratch. count > order. */
struct nts_delta_plan nts_delta_plan_order(struct nts_codec_scratch *scratch, unsigned order,
                                           const uint64_t *src, size_t count);

/* Writes plan->size bytes. Uses a, b and c of the scratch. Returns the byte after. */
uint8_t *nts_delta_write(uint8_t *dst, const struct nts_delta_plan *plan,
                         struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

/* Back to values: x[order..count) are differences of `order`, starts[k] is the difference of
 * order k at value k. count > order. */
void nts_delta_undo(uint64_t *x, size_t count, unsigned order, const uint64_t *starts);

/* Reads a body that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_delta_read(uint64_t *dst, size_t count, unsigned order,
                                         const uint8_t *src, size_t src_size);

#endif
