/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/forced.h - vectors of a column whose codec the user has named, instead of the smallest.
 *
 * What one codec takes is written whether another takes less or not; inside it (the integers of
 * DECIMAL, the entries of DICTIONARY) the smallest is chosen as ever.
 *
 * Pure; any thread, one scratch a thread. Tests: unit/test_forced.c.
 */
#ifndef NTS_FORCED_H
#define NTS_FORCED_H

#include <stdbool.h>

#include "codec/chunk.h"

/* Whether a column of this kind may name the codec: those that need no head of their chunk. */
bool nts_forced_serves(enum nts_chunk_kind kind, unsigned codec);

/* Encodes a vector to dst, which has room for nts_vector_bound(count). Returns the size; 0, with
 * dst unspecified, if the codec cannot hold these values or takes more than that. */
size_t nts_forced_encode(struct nts_codec_scratch *scratch, enum nts_chunk_kind kind,
                         unsigned codec, uint8_t *dst, const void *values, size_t count);

#endif
