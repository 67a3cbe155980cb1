/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/chunk.h - the vectors of one column in one row group <-> bytes, in either tier.
 *
 *   +------+----------+----------+-- ... --+
 *   | head | vector 0 | vector 1 |         |      each vector decodes alone, given the head
 *   +------+----------+----------+-- ... --+
 *
 *   HOT     what a flush writes: the codec that is smallest for each vector, fast to read
 *   PACKED  what a pack writes: one model of all vectors, smallest; slower both ways
 *
 * The head is what vectors share; most chunks of HOT have none:
 *
 *   +-------+ - - - - - - - - - - - - - - + - - - - - - - - - - - - - +
 *   | flags | size varint | RANKS part    | size varint | BINNED part |
 *   | u8    |  if bit 0: codec/ranks.h    |  if bit 1: codec/binned.h |
 *   +-------+ - - - - - - - - - - - - - - + - - - - - - - - - - - - - +
 *
 * The same values give the same bytes on every machine. An encoder and a model are memory of one
 * thread. Bytes given to decode are untrusted. Tests: unit/test_chunk.c.
 */
#ifndef NTS_CHUNK_H
#define NTS_CHUNK_H

#include "codec/binned.h"
#include "codec/ranks.h"

enum nts_tier { NTS_TIER_HOT = 0, NTS_TIER_PACKED = 1 };

enum nts_chunk_kind { NTS_CHUNK_I64, NTS_CHUNK_F64, NTS_CHUNK_F32 };

/* Of a column of this nanots_type, utf8 excepted. */
static inline enum nts_chunk_kind nts_chunk_kind_of(unsigned type)
{
    return type == NANOTS_TYPE_F64   ? NTS_CHUNK_F64
           : type == NANOTS_TYPE_F32 ? NTS_CHUNK_F32
                                     : NTS_CHUNK_I64;
}

/* What whoever writes a column may ask for. */
struct nts_chunk_options {
    enum nts_tier tier;
    /* 1 + the codec of every vector that it can hold (codec/forced.h), then there is no head; 0:
     * that of least size. */
    unsigned forced;
};

/* Values of one vector, of the chunk's kind: int64_t, double or float. */
struct nts_chunk_vector {
    const void *values;
    size_t count; /* 1..NTS_VECTOR_ROWS */
};

struct nts_chunk_encoder;

/* NULL if out of memory; release with nts_chunk_encoder_free. */
NTS_CHECKED struct nts_chunk_encoder *nts_chunk_encoder_new(const struct nanots_allocator *alloc);
void nts_chunk_encoder_free(struct nts_chunk_encoder *encoder);

/* Upper bounds of the part BINNED, with its size, and of a head. Vectors of any kind have at most
 * nts_vector_bound(count) bytes; a part RANKS is written only if its vectors become so small that
 * both, and any vector being written, need no more room than the bounds of the vectors alone. */
#define NTS_CHUNK_BINNED_SIZE_MAX 2048u
#define NTS_CHUNK_HEAD_SIZE_MAX   (1u + 3u + NTS_RANKS_SIZE_MAX + NTS_CHUNK_BINNED_SIZE_MAX)

/* The room that a chunk of so many values may need beside the bounds of its vectors. */
static inline size_t nts_chunk_room_beside(size_t value_count)
{
    return value_count < NTS_BINNED_COUNT_MIN ? 0 : 1 + NTS_CHUNK_BINNED_SIZE_MAX;
}

/* Encodes vectors[0..count), 1 <= count <= NTS_GROUP_VECTORS: decides how, and writes the head, of
 * *head_size_out bytes, 0 if there is none. The values stay readable until the last vector is
 * written. NO_MEMORY. */
NTS_CHECKED nanots_status nts_chunk_begin(struct nts_chunk_encoder *encoder,
                                          const struct nts_chunk_options *options,
                                          enum nts_chunk_kind kind,
                                          const struct nts_chunk_vector *vectors, size_t count,
                                          uint8_t *dst, size_t *head_size_out);

/* Writes the next vector, at most nts_vector_bound(count) bytes; returns how many. */
size_t nts_chunk_next(struct nts_chunk_encoder *encoder, uint8_t *dst);

/* A head as decoders want it; zeroed before its first use. */
struct nts_chunk_model {
    struct nts_ranks *ranks;         /* NULL: none */
    struct nts_binned_model *binned; /* NULL: none */
};

/* Reads the head of a chunk, in place of what the model held. CORRUPT, NO_MEMORY. */
NTS_CHECKED nanots_status nts_chunk_model_read(struct nts_chunk_model *model,
                                               const struct nanots_allocator *alloc,
                                               struct nts_codec_scratch *scratch,
                                               const uint8_t *head, size_t head_size);
void nts_chunk_model_deinit(struct nts_chunk_model *model);

/* Decode one vector of exactly `count` values, as nts_i64_decode and the others do. `model` is NULL
 * if the chunk has no head. */
NTS_CHECKED nanots_status nts_chunk_read_i64(struct nts_codec_scratch *scratch,
                                             const struct nts_chunk_model *model, int64_t *dst,
                                             size_t count, const uint8_t *src, size_t src_size);
NTS_CHECKED nanots_status nts_chunk_read_f64(struct nts_codec_scratch *scratch,
                                             const struct nts_chunk_model *model, double *dst,
                                             size_t count, const uint8_t *src, size_t src_size);
NTS_CHECKED nanots_status nts_chunk_read_f32(struct nts_codec_scratch *scratch,
                                             const struct nts_chunk_model *model, float *dst,
                                             size_t count, const uint8_t *src, size_t src_size);

#endif
