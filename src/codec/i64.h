/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64.h - vectors of integers inside vectors of other types. Vectors that stand alone are
 * codec/codec.h's, whose integer functions live in i64.c too.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_i64.c.
 */
#ifndef NTS_I64_H
#define NTS_I64_H

#include "codec/codec.h"

/* As nts_i64_encode, but to at most size_max bytes. Returns the size; 0, with nothing written, if
 * the vector needs more. Uses a, b, c and the runs of the scratch; src may be its `values`. */
size_t nts_i64_encode_within(struct nts_codec_scratch *scratch, uint8_t *dst, size_t size_max,
                             const uint64_t *src, size_t count);

#endif
