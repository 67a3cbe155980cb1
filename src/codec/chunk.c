/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/chunk.c - how a chunk is encoded, and its head read. Contract: chunk.h. */
#include "codec/chunk.h"

#include <string.h>

#include "base/check.h"
#include "codec/f32.h"
#include "codec/f64.h"

struct nts_chunk_encoder {
    const struct nanots_allocator *alloc;
    struct nts_codec_scratch scratch;
    enum nts_chunk_kind kind;
    const struct nts_chunk_vector *vectors;
    size_t next;
    struct nts_f64_choice choice; /* what the vectors before have taught */
};

struct nts_chunk_encoder *nts_chunk_encoder_new(const struct nanots_allocator *alloc)
{
    struct nts_chunk_encoder *encoder = nts_alloc(alloc, sizeof *encoder);
    if (encoder != NULL)
        encoder->alloc = alloc;
    return encoder;
}

void nts_chunk_encoder_free(struct nts_chunk_encoder *encoder)
{
    nts_free(encoder);
}

nanots_status nts_chunk_begin(struct nts_chunk_encoder *encoder, enum nts_tier tier,
                              enum nts_chunk_kind kind, const struct nts_chunk_vector *vectors,
                              size_t count, uint8_t *dst, size_t *head_size_out)
{
    assert(count >= 1);
    assert(count <= NTS_GROUP_VECTORS);
    (void)count;
    (void)tier;
    (void)dst;
    encoder->kind = kind;
    encoder->vectors = vectors;
    encoder->next = 0;
    encoder->choice = (struct nts_f64_choice){.age = 0};
    *head_size_out = 0;
    return NANOTS_OK;
}

size_t nts_chunk_next(struct nts_chunk_encoder *encoder, uint8_t *dst)
{
    const struct nts_chunk_vector *vector = &encoder->vectors[encoder->next++];
    switch (encoder->kind) {
    case NTS_CHUNK_F64:
        return nts_f64_encode_next(&encoder->scratch, &encoder->choice, dst, vector->values,
                                   vector->count);
    case NTS_CHUNK_F32:
        return nts_f32_encode(&encoder->scratch, dst, vector->values, vector->count);
    default:
        return nts_i64_encode_next(&encoder->scratch, &encoder->choice.integers, dst,
                                   nts_vector_bound(vector->count), vector->values, vector->count);
    }
}

nanots_status nts_chunk_model_read(struct nts_chunk_model *model,
                                   const struct nanots_allocator *alloc, const uint8_t *head,
                                   size_t head_size)
{
    (void)head;
    model->alloc = alloc;
    return head_size == 0 ? NANOTS_OK : NANOTS_CORRUPT;
}

void nts_chunk_model_deinit(struct nts_chunk_model *model)
{
    memset(model, 0, sizeof *model);
}

nanots_status nts_chunk_read_i64(struct nts_codec_scratch *scratch,
                                 const struct nts_chunk_model *model, int64_t *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    (void)model;
    return nts_i64_decode(scratch, dst, count, src, src_size);
}

nanots_status nts_chunk_read_f64(struct nts_codec_scratch *scratch,
                                 const struct nts_chunk_model *model, double *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    (void)model;
    return nts_f64_decode(scratch, dst, count, src, src_size);
}

nanots_status nts_chunk_read_f32(struct nts_codec_scratch *scratch,
                                 const struct nts_chunk_model *model, float *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    (void)model;
    return nts_f32_decode(scratch, dst, count, src, src_size);
}
