/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/f64.h - vectors of doubles. Those that stand alone are codec/codec.h's, whose functions for
 * doubles live in f64.c too.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_f64.c.
 */
#ifndef NTS_F64_H
#define NTS_F64_H

#include "codec/i64.h"
#include "codec/transform.h"

/* What the encoder of a chunk keeps from vector to vector. All zero where the chunk begins: then
 * its bytes depend on its values alone. */
struct nts_f64_choice {
    struct nts_transform transform;      /* of the last vector for which all were looked at */
    struct nts_i64_choice integers;      /* behind it */
    size_t size;                         /* bytes that vector came to */
    size_t count;                        /* values it had */
    bool is_good;                        /* and nothing but it was worth a try */
    bool has_lattice;                    /* a vector was MULTIPLE */
    uint8_t age;                         /* vectors since; 0: look at all */
    const struct nts_ranks_table *ranks; /* of the chunk; NULL: none */
};

struct nts_chunk_model;

/* Encodes the next vector of a chunk: as nts_f64_encode, but with a choice. */
size_t nts_f64_encode_next(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                           uint8_t *dst, const double *src, size_t count);

/* Decodes a vector of a chunk: as nts_f64_decode, with what its head holds; NULL if it has none. */
NTS_CHECKED nanots_status nts_f64_decode_of_chunk(struct nts_codec_scratch *scratch,
                                                  const struct nts_chunk_model *model, double *dst,
                                                  size_t count, const uint8_t *src,
                                                  size_t src_size);

#endif
