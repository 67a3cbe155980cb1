/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/packed.c - chunks by a model, and where that is not worth it.
 *
 *   doubles --> one transform for all --> integers --+--> model, in the head
 *   integers ----------------------------------------+--> vectors by it, where HOT is not smaller
 */
#include "codec/packed.h"

#include "base/check.h"
#include "codec/dispatch.h"
#include "codec/i64.h"

/* A vector that changes less often than at one value in so many may be smaller as in HOT. */
#define CHANGE_RARE 8u

/* Models are 30 to 300 bytes; a larger one than this is not worth it. */
#define MODEL_SIZE_MAX (NTS_CHUNK_BINNED_SIZE_MAX - 3u)

/* Distance of decimals from which on a lattice is looked for. */
#define LATTICE_RANGE_MIN 65536u

/* Encodes one vector as in HOT, to packed->hot. */
static size_t hot_encode(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                         struct nts_f64_choice *choice, size_t index)
{
    const struct nts_chunk_vector *const vector = &packed->chunk.vectors[index];

    if (packed->chunk.kind == NTS_CHUNK_F64)
        return nts_f64_encode_next(scratch, choice, packed->hot, vector->values, vector->count);
    return nts_i64_encode_next(scratch, &choice->integers, packed->hot,
                               nts_vector_bound(vector->count), vector->values, vector->count);
}

/* About what the vectors that are not apart come to in HOT, by two of them. */
static size_t hot_size(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch)
{
    struct nts_f64_choice choice = packed->choice;
    size_t sampled = 0;
    size_t sampled_size = 0;
    size_t total = 0;
    size_t seen = 0;

    for (size_t i = 0; i < packed->chunk.count; i++) {
        if (packed->is_apart[i])
            continue;
        total += packed->chunk.vectors[i].count;
        if (seen == 0 || seen == packed->next_fitted / 2) {
            sampled += packed->chunk.vectors[i].count;
            sampled_size += hot_encode(packed, scratch, &choice, i);
        }
        seen++;
    }
    return sampled_size * total / sampled;
}

/* Whether a vector of large decimals lies on a lattice of its own. */
static bool vector_has_lattice(const struct nts_packed_encoder *packed,
                               struct nts_codec_scratch *scratch, size_t index)
{
    const struct nts_chunk_vector *const vector = &packed->chunk.vectors[index];
    struct nts_transformed transformed;

    if (!nts_transform_apply(&transformed, scratch, &packed->chunk.transform, vector->values,
                             vector->count))
        return false;
    const struct nts_range range = nts_kernels()->range(scratch->values, vector->count);
    return range.max - range.min >= LATTICE_RANGE_MIN &&
           nts_transform_find(&transformed, scratch, NTS_CODEC_MULTIPLE, vector->values,
                              vector->count);
}

/* A gain changes now and then: a chunk of decimals may have a lattice in each vector, but not one
 * for all, as the chunk's sample would have shown. */
static void find_lattices(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch)
{
    const size_t count = packed->chunk.count;

    if (packed->chunk.transform.codec == NTS_CODEC_DECIMAL &&
        (vector_has_lattice(packed, scratch, count / 4) ||
         vector_has_lattice(packed, scratch, count / 2)))
        packed->chunk.transform = (struct nts_transform){.codec = NTS_CODEC_MULTIPLE};
}

/* The transform of the chunk; a lattice may be the vector's own, and is tried on the next one. */
static bool transform_apply(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                            struct nts_transformed *out, const struct nts_chunk_vector *vector)
{
    struct nts_transform *const transform = &packed->chunk.transform;

    if (transform->codec != NTS_CODEC_MULTIPLE)
        return nts_transform_apply(out, scratch, transform, vector->values, vector->count);
    if (transform->lattice.step != 0 &&
        nts_transform_apply(out, scratch, transform, vector->values, vector->count))
        return true;
    if (!nts_transform_find(out, scratch, NTS_CODEC_MULTIPLE, vector->values, vector->count))
        return false;
    *transform = out->transform;
    return true;
}

/* Transforms one vector as the chunk; false if that is not for it. Its integers are in the
 * scratch. */
static bool transform_vector(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                             size_t index)
{
    const struct nts_chunk_vector *const vector = &packed->chunk.vectors[index];
    struct nts_transformed transformed;

    if (!transform_apply(packed, scratch, &transformed, vector) ||
        transformed.head_size > NTS_PACKED_BESIDE_MAX)
        return false;
    packed->beside_size[index] = transformed.head_size;
    (void)nts_transform_write(packed->beside[index], &transformed, scratch, vector->values,
                              vector->count);
    return true;
}

/* Transforms vectors alike, but those apart. Returns the bytes of what is stored beside the
 * integers. */
static size_t begin_doubles(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch)
{
    uint64_t *integers = packed->integers;
    size_t beside = 0;

    find_lattices(packed, scratch);
    for (size_t i = 0; i < packed->chunk.count; i++) {
        const size_t count = packed->chunk.vectors[i].count;
        packed->is_apart[i] = !transform_vector(packed, scratch, i);
        if (packed->is_apart[i]) {
            continue;
        }
        beside += packed->beside_size[i];
        memcpy(integers, scratch->values, count * sizeof *integers);
        packed->fitted[packed->next_fitted++] = (struct nts_binned_vector){integers, count};
        integers += count;
    }
    return beside;
}

static void begin_integers(struct nts_packed_encoder *packed)
{
    for (size_t i = 0; i < packed->chunk.count; i++) {
        packed->is_apart[i] = false;
        packed->beside_size[i] = 0;
        packed->fitted[packed->next_fitted++] = (struct nts_binned_vector){
            packed->chunk.vectors[i].values, packed->chunk.vectors[i].count};
    }
}

size_t nts_packed_begin(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                        const struct nts_packed_chunk *chunk, uint8_t *dst)
{
    uint8_t model[NTS_BINNED_MODEL_SIZE_MAX];
    size_t beside = 0;

    packed->chunk = *chunk;
    packed->next = 0;
    packed->next_fitted = 0;
    packed->choice = (struct nts_f64_choice){.ranks = chunk->transform.ranks};
    if (chunk->kind == NTS_CHUNK_F64)
        beside = begin_doubles(packed, scratch);
    else
        begin_integers(packed);
    const size_t size = nts_binned_fit(&packed->binned, packed->fitted, packed->next_fitted);
    if (size == SIZE_MAX || size + beside >= hot_size(packed, scratch))
        return 0;
    packed->next_fitted = 0;
    const size_t model_size = (size_t)(nts_binned_write_model(model, &packed->binned) - model);
    if (model_size > MODEL_SIZE_MAX)
        return 0;
    memcpy(dst, model, model_size);
    return model_size;
}

/* Whether HOT has codecs that a vector could be smaller in. */
static bool vector_is_calm(const struct nts_binned_vector *vector)
{
    size_t change_count = 0;

    for (size_t i = 1; i < vector->count; i++)
        change_count += vector->values[i] != vector->values[i - 1];
    return change_count < vector->count / CHANGE_RARE;
}

static size_t write_hot(const struct nts_packed_encoder *packed, uint8_t *dst, size_t size)
{
    memcpy(dst, packed->hot, size);
    return size;
}

size_t nts_packed_next(struct nts_packed_encoder *packed, struct nts_codec_scratch *scratch,
                       uint8_t *dst)
{
    const size_t index = packed->next++;

    assert(index < packed->chunk.count);
    if (packed->is_apart[index])
        return write_hot(packed, dst, hot_encode(packed, scratch, &packed->choice, index));
    const struct nts_binned_vector *const fitted = &packed->fitted[packed->next_fitted++];
    const size_t beside = packed->beside_size[index];
    const uint8_t *const end = nts_binned_write(packed->body, &packed->binned, fitted);
    const size_t body_size = end == NULL ? 0 : (size_t)(end - packed->body);
    const size_t size = beside + 1 + body_size;
    const bool is_impossible = end == NULL || size > nts_vector_bound(fitted->count);

    if (is_impossible || vector_is_calm(fitted)) {
        const size_t hot = hot_encode(packed, scratch, &packed->choice, index);
        if (is_impossible || hot <= size)
            return write_hot(packed, dst, hot);
    }
    memcpy(dst, packed->beside[index], beside);
    dst[beside] = NTS_CODEC_BINNED;
    memcpy(dst + beside + 1, packed->body, body_size);
    return size;
}
