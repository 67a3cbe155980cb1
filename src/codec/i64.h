/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64.h - vectors of integers, one after the other. Single ones are codec/codec.h's, whose
 * integer functions live in i64.c too.
 *
 * Choosing a codec costs more than encoding with it, and neighbours are alike. So whoever encodes a
 * column keeps a choice from vector to vector: every I64_CHOICE_AGE vectors, and when one comes out
 * more than a sixth larger than expected, all codecs are looked at; between, the last winners.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_i64.c.
 */
#ifndef NTS_I64_H
#define NTS_I64_H

#include "codec/binned.h"
#include "codec/codec.h"
#include "codec/i64_scheme.h"

#define NTS_I64_KNOWN_MAX 2u

/* What is known from the vectors before. All zero where a column or chunk begins: then its bytes
 * depend on its values alone. */
struct nts_i64_choice {
    struct nts_i64_scheme known[NTS_I64_KNOWN_MAX]; /* the last winner first */
    uint64_t divisor;                               /* of the last winner; 0: none */
    size_t size;                                    /* bytes it came to, behind the divisor */
    size_t count;                                   /* values it had */
    uint8_t known_count;
    uint8_t age; /* vectors since */
};

/* As nts_i64_encode, but to at most size_max bytes, and with a choice, which may be NULL. Returns
 * the size; 0, with nothing written, if the vector needs more. Of the scratch it leaves `values`,
 * which may be src. */
size_t nts_i64_encode_next(struct nts_codec_scratch *scratch, struct nts_i64_choice *choice,
                           uint8_t *dst, size_t size_max, const uint64_t *src, size_t count);

/* As nts_i64_decode, of a chunk that may have a model for codec BINNED; else it is NULL. */
NTS_CHECKED nanots_status nts_i64_decode_in(struct nts_codec_scratch *scratch,
                                            const struct nts_binned_model *model, int64_t *dst,
                                            size_t count, const uint8_t *src, size_t src_size);

#endif
