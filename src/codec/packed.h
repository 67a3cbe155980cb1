/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/packed.h - chunks of tier PACKED: a model of all vectors (codec/binned.h), and each vector
 * by it, or as in HOT where that is smaller.
 *
 * An encoder is memory of one thread. Tests: unit/test_chunk.c.
 */
#ifndef NTS_PACKED_H
#define NTS_PACKED_H

#include "codec/chunk.h"
#include "codec/f64.h"

/* What is packed. The values stay readable until the last vector is written. */
struct nts_packed_chunk {
    enum nts_chunk_kind kind; /* I64, F64 */
    const struct nts_chunk_vector *vectors;
    size_t count;
    struct nts_transform transform; /* of doubles */
};

/* A vector with more than this before its integers is not worth a transform. */
#define NTS_PACKED_BESIDE_MAX 2048u

struct nts_packed_encoder {
    struct nts_binned_encoder binned;
    struct nts_packed_chunk chunk;
    size_t next;
    struct nts_f64_choice choice; /* of vectors that are written as in HOT */
    /* Vectors that the model is of, and their integers; the others are apart. */
    struct nts_binned_vector fitted[NTS_GROUP_VECTORS];
    size_t next_fitted;
    bool is_apart[NTS_GROUP_VECTORS];
    /* Of doubles: what stands before the integers of each vector, and the integers. */
    size_t beside_size[NTS_GROUP_VECTORS];
    uint8_t beside[NTS_GROUP_VECTORS][NTS_PACKED_BESIDE_MAX];
    uint64_t integers[NTS_GROUP_ROWS];
    uint8_t body[NTS_BINNED_VECTOR_SIZE_MAX];
    uint8_t hot[8 * NTS_VECTOR_ROWS + 1];
};

/* Makes the model of a chunk and writes it as the part BINNED of a head, to at most
 * NTS_CHUNK_BINNED_SIZE_MAX - 3 bytes. Returns how many; 0 if HOT would be about as small, and then
 * the chunk is to be written so. */
size_t nts_packed_begin(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                        const struct nts_packed_chunk *chunk, uint8_t *dst);

/* Writes the next vector, at most nts_vector_bound(count) bytes; returns how many. */
size_t nts_packed_next(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                       uint8_t *dst);

#endif
