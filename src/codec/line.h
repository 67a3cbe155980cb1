/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/line.h - codec LINE: values that scatter about a straight line, which differences would
 * scatter twice as far.
 *
 *   +---------------+--------+-----------------------------------+
 *   | slope         | shift  | block of count distances          |
 *   | zigzag varint | u8     | codec/patched.h                   |
 *   +---------------+--------+-----------------------------------+
 *
 *   x[i] = distance + floor(slope * i / 2^shift); slope * i modulo 2^64, as a signed number;
 *   shift <= 62
 *
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_line.c.
 */
#ifndef NTS_LINE_H
#define NTS_LINE_H

#include <stdbool.h>

#include "codec/codec.h"
#include "codec/patched.h"

/* Fewer values are not worth a line. */
#define NTS_LINE_COUNT_MIN 64u

struct nts_line {
    int64_t slope;
    uint8_t shift;
};

struct nts_line_plan {
    size_t size; /* bytes of the body */
    struct nts_line line;
    struct nts_patched_plan block;
};

/* The line of least squares through up to 256 of the values; false if it is too steep, or level.
 * Only double precision operations that IEEE 754 fixes, in one order.
 * count >= NTS_LINE_COUNT_MIN. */
bool nts_line_fit(struct nts_line *line, const uint64_t *src, size_t count);

/* dst[i] = distance of src[i], which is number `first + i` of its vector. */
void nts_line_distances(uint64_t *dst, struct nts_line line, const uint64_t *src, size_t first,
                        size_t count);

/* Plans exactly. Uses a of the scratch. */
struct nts_line_plan nts_line_choose(struct nts_codec_scratch *scratch, struct nts_line line,
                                     const uint64_t *src, size_t count);

/* Writes plan->size bytes. Uses a and c of the scratch. Returns the byte after. */
uint8_t *nts_line_write(uint8_t *dst, const struct nts_line_plan *plan,
                        struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

/* Reads a body that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_line_read(uint64_t *dst, size_t count, const uint8_t *src,
                                        size_t src_size);

#endif
