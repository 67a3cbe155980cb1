/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/chunk.c - how a chunk is encoded, and its head read. Contract: chunk.h. */
#include "codec/chunk.h"

#include <string.h>

#include "base/check.h"
#include "codec/f32.h"
#include "codec/f64.h"
#include "codec/forced.h"
#include "codec/packed.h"
#include "codec/varint.h"

/* Parts of a head. */
#define HEAD_RANKS  0x01u
#define HEAD_BINNED 0x02u

struct nts_chunk_encoder {
    const struct nanots_allocator *alloc;
    struct nts_codec_scratch scratch;
    enum nts_chunk_kind kind;
    struct nts_chunk_options options;
    const struct nts_chunk_vector *vectors;
    size_t next;
    struct nts_transform transform; /* of a chunk of doubles */
    struct nts_f64_choice choice;   /* what the vectors before have taught */
    bool is_packed;                 /* the chunk at hand has a model */
    /* Made at first need. */
    struct nts_ranks_table *ranks;
    struct nts_packed_encoder *packed;
};

struct nts_chunk_encoder *nts_chunk_encoder_new(const struct nanots_allocator *alloc)
{
    struct nts_chunk_encoder *encoder = nts_alloc(alloc, sizeof *encoder);
    if (encoder != NULL) {
        encoder->alloc = alloc;
        encoder->ranks = NULL;
        encoder->packed = NULL;
    }
    return encoder;
}

void nts_chunk_encoder_free(struct nts_chunk_encoder *encoder)
{
    if (encoder == NULL)
        return;
    nts_free(encoder->ranks);
    nts_free(encoder->packed);
    nts_free(encoder);
}

/* Ends the part of `size` bytes at dst + 3: puts its size before it. Returns the byte after. */
static uint8_t *head_close_part(uint8_t *dst, size_t size)
{
    uint8_t *const at = nts_varint_put(dst, size);

    memmove(at, dst + 3, size);
    return at + size;
}

/* Decides how doubles are transformed, and adds what the vectors share to the head. */
static nanots_status chunk_transform(struct nts_chunk_encoder *encoder, size_t count, uint8_t *dst,
                                     size_t *head_size)
{
    size_t part_size;

    if (encoder->ranks == NULL)
        encoder->ranks = nts_ranks_table_new(encoder->alloc);
    if (encoder->ranks == NULL)
        return NANOTS_NO_MEMORY;
    if (encoder->options.tier == NTS_TIER_HOT &&
        !nts_transform_has_repeats(encoder->vectors, count, encoder->ranks))
        return NANOTS_OK;
    nts_transform_choose(&encoder->transform, &encoder->scratch, encoder->vectors, count,
                         encoder->ranks, dst + *head_size + 3, &part_size);
    if (part_size == 0)
        return NANOTS_OK;
    encoder->choice.ranks = encoder->ranks;
    dst[0] |= HEAD_RANKS;
    *head_size = (size_t)(head_close_part(dst + *head_size, part_size) - dst);
    return NANOTS_OK;
}

/* Makes a model of the vectors, if that is worth it, and adds it to the head. */
static nanots_status chunk_pack(struct nts_chunk_encoder *encoder, size_t count, uint8_t *dst,
                                size_t *head_size)
{
    const struct nts_packed_chunk chunk = {.kind = encoder->kind,
                                           .vectors = encoder->vectors,
                                           .count = count,
                                           .transform = encoder->transform};

    if (encoder->packed == NULL)
        encoder->packed = nts_alloc(encoder->alloc, sizeof *encoder->packed);
    if (encoder->packed == NULL)
        return NANOTS_NO_MEMORY;
    const size_t part_size =
        nts_packed_begin(encoder->packed, &encoder->scratch, &chunk, dst + *head_size + 3);
    encoder->is_packed = part_size != 0;
    if (part_size == 0)
        return NANOTS_OK;
    dst[0] |= HEAD_BINNED;
    *head_size = (size_t)(head_close_part(dst + *head_size, part_size) - dst);
    return NANOTS_OK;
}

nanots_status nts_chunk_begin(struct nts_chunk_encoder *encoder,
                              const struct nts_chunk_options *options, enum nts_chunk_kind kind,
                              const struct nts_chunk_vector *vectors, size_t count, uint8_t *dst,
                              size_t *head_size_out)
{
    assert(count >= 1);
    assert(count <= NTS_GROUP_VECTORS);
    encoder->kind = kind;
    encoder->options = *options;
    encoder->vectors = vectors;
    encoder->next = 0;
    encoder->choice = (struct nts_f64_choice){.age = 0};
    encoder->is_packed = false;
    *head_size_out = 0;
    if (options->forced != 0)
        return NANOTS_OK;
    size_t head_size = 1; /* the flags */
    dst[0] = 0;
    if (kind == NTS_CHUNK_F64)
        NTS_TRY(chunk_transform(encoder, count, dst, &head_size));
    if (options->tier == NTS_TIER_PACKED && kind != NTS_CHUNK_F32)
        NTS_TRY(chunk_pack(encoder, count, dst, &head_size));
    *head_size_out = dst[0] == 0 ? 0 : head_size;
    return NANOTS_OK;
}

size_t nts_chunk_next(struct nts_chunk_encoder *encoder, uint8_t *dst)
{
    const struct nts_chunk_vector *vector = &encoder->vectors[encoder->next++];

    if (encoder->options.forced != 0) {
        const size_t size =
            nts_forced_encode(&encoder->scratch, encoder->kind, encoder->options.forced - 1, dst,
                              vector->values, vector->count);
        if (size != 0)
            return size;
    }
    if (encoder->is_packed)
        return nts_packed_next(encoder->packed, &encoder->scratch, dst);
    switch (encoder->kind) {
    case NTS_CHUNK_F64:
        return nts_f64_encode_next(&encoder->scratch, &encoder->choice, dst, vector->values,
                                   vector->count);
    case NTS_CHUNK_F32:
        return nts_f32_encode_next(&encoder->scratch, &encoder->choice, dst, vector->values,
                                   vector->count);
    default:
        return nts_i64_encode_next(&encoder->scratch, &encoder->choice.integers, dst,
                                   nts_vector_bound(vector->count), vector->values, vector->count);
    }
}

static nanots_status model_read_binned(struct nts_chunk_model *model,
                                       const struct nanots_allocator *alloc, const uint8_t *part,
                                       size_t size)
{
    model->binned = nts_alloc(alloc, sizeof *model->binned);
    return model->binned == NULL ? NANOTS_NO_MEMORY
                                 : nts_binned_read_model(model->binned, part, size);
}

/* One part of a head. */
static nanots_status model_read_part(struct nts_chunk_model *model,
                                     const struct nanots_allocator *alloc,
                                     struct nts_codec_scratch *scratch, unsigned flag,
                                     const uint8_t *part, size_t size)
{
    if (flag == HEAD_RANKS)
        return nts_ranks_read(&model->ranks, alloc, scratch, part, size);
    if (flag == HEAD_BINNED)
        return model_read_binned(model, alloc, part, size);
    return NANOTS_CORRUPT;
}

nanots_status nts_chunk_model_read(struct nts_chunk_model *model,
                                   const struct nanots_allocator *alloc,
                                   struct nts_codec_scratch *scratch, const uint8_t *head,
                                   size_t head_size)
{
    const uint8_t *const end = head + head_size;
    const uint8_t *at = head;

    nts_chunk_model_deinit(model);
    if (head_size == 0)
        return NANOTS_OK;
    unsigned flags = *at++;
    if (flags == 0)
        return NANOTS_CORRUPT;
    for (unsigned flag = 1; flags != 0; flag <<= 1) {
        uint64_t size;
        if ((flags & flag) == 0)
            continue;
        flags &= ~flag;
        at = nts_varint_get(at, end, &size);
        if (at == NULL || size > (size_t)(end - at))
            return NANOTS_CORRUPT;
        NTS_TRY(model_read_part(model, alloc, scratch, flag, at, (size_t)size));
        at += (size_t)size;
    }
    return at == end ? NANOTS_OK : NANOTS_CORRUPT;
}

void nts_chunk_model_deinit(struct nts_chunk_model *model)
{
    nts_free(model->ranks);
    nts_free(model->binned);
    memset(model, 0, sizeof *model);
}

nanots_status nts_chunk_read_i64(struct nts_codec_scratch *scratch,
                                 const struct nts_chunk_model *model, int64_t *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    return nts_i64_decode_in(scratch, model != NULL ? model->binned : NULL, dst, count, src,
                             src_size);
}

nanots_status nts_chunk_read_f64(struct nts_codec_scratch *scratch,
                                 const struct nts_chunk_model *model, double *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    return nts_f64_decode_of_chunk(scratch, model, dst, count, src, src_size);
}

nanots_status nts_chunk_read_f32(struct nts_codec_scratch *scratch,
                                 const struct nts_chunk_model *model, float *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    (void)model;
    return nts_f32_decode(scratch, dst, count, src, src_size);
}
