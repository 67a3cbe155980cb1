/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/transform.c - one place that knows the ways from doubles to integers. Contract:
 * transform.h.
 *
 * choose:  4 windows of 128 values --> each transform --> bytes of its integers, were the windows a
 *          vector --> the smallest
 */
#include "codec/transform.h"

#include <string.h>

#include "base/check.h"
#include "codec/chunk.h"
#include "codec/dispatch.h"
#include "codec/i64_select.h"
#include "codec/integer.h"
#include "codec/ordered.h"

#define CHUNK_WINDOW_COUNT 4u
#define CHUNK_WINDOW_ROWS  (NTS_TRANSFORM_SAMPLE_COUNT / CHUNK_WINDOW_COUNT)

bool nts_transform_is(unsigned codec)
{
    return codec == NTS_CODEC_INTEGER || codec == NTS_CODEC_DECIMAL || codec == NTS_CODEC_ORDERED;
}

/* ---- encode ------------------------------------------------------------------------------- */

bool nts_transform_find(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                        enum nts_codec_id codec, const double *src, size_t count)
{
    const struct nts_transform transform = {
        .codec = codec,
        .zeros = codec == NTS_CODEC_ORDERED ? (uint8_t)nts_ordered_zeros(src, count) : 0,
    };

    if (codec != NTS_CODEC_DECIMAL)
        return nts_transform_apply(out, scratch, &transform, src, count);
    if (!nts_decimal_from_f64(&out->decimal, scratch, src, count))
        return false;
    out->transform = transform;
    out->transform.digits = (uint8_t)out->decimal.digits;
    out->head_size = 1 + out->decimal.head_size;
    return true;
}

bool nts_transform_apply(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                         const struct nts_transform *transform, const double *src, size_t count)
{
    out->transform = *transform;
    switch (transform->codec) {
    case NTS_CODEC_INTEGER:
        out->head_size = 1;
        return nts_integer_from_f64(scratch->values, src, count);
    case NTS_CODEC_DECIMAL:
        if (!nts_decimal_of_digits(&out->decimal, scratch, transform->digits, src, count))
            return false;
        out->head_size = 1 + out->decimal.head_size;
        return true;
    default:
        assert(transform->codec == NTS_CODEC_ORDERED);
        out->head_size = 2;
        return nts_ordered_from_f64(scratch->values, src, count, transform->zeros);
    }
}

size_t nts_transform_exception_count(const struct nts_transformed *transformed)
{
    return transformed->transform.codec == NTS_CODEC_DECIMAL ? transformed->decimal.exception_count
                                                             : 0;
}

uint8_t *nts_transform_write(uint8_t *dst, const struct nts_transformed *transformed,
                             const double *src, size_t count)
{
    *dst++ = (uint8_t)transformed->transform.codec;
    if (transformed->transform.codec == NTS_CODEC_DECIMAL)
        return nts_decimal_write_head(dst, &transformed->decimal, src, count);
    if (transformed->transform.codec == NTS_CODEC_ORDERED)
        *dst++ = transformed->transform.zeros;
    return dst;
}

/* ---- choose ------------------------------------------------------------------------------- */

/* Value `row` of the chunk, and how many of its vector follow it. */
static const double *chunk_at(const struct nts_chunk_vector *vectors, size_t row, size_t *left_out)
{
    for (; row >= vectors->count; vectors++)
        row -= vectors->count;
    *left_out = vectors->count - row;
    return (const double *)vectors->values + row;
}

/* Fills the sample with windows that lie evenly in the chunk. Returns its length. */
static size_t choose_sample(double *sample, const struct nts_chunk_vector *vectors,
                            size_t vector_count)
{
    size_t row_count = 0;
    size_t sampled = 0;

    for (size_t v = 0; v < vector_count; v++)
        row_count += vectors[v].count;
    for (size_t k = 0; k < CHUNK_WINDOW_COUNT; k++) {
        const size_t take =
            row_count / CHUNK_WINDOW_COUNT < CHUNK_WINDOW_ROWS
                ? (k + 1) * row_count / CHUNK_WINDOW_COUNT - k * row_count / CHUNK_WINDOW_COUNT
                : CHUNK_WINDOW_ROWS;
        size_t row = k * row_count / CHUNK_WINDOW_COUNT;
        for (size_t end = sampled + take; sampled < end;) {
            size_t left;
            const double *const at = chunk_at(vectors, row, &left);
            left = left < end - sampled ? left : end - sampled;
            memcpy(sample + sampled, at, left * sizeof *at);
            sampled += left;
            row += left;
        }
    }
    return sampled;
}

/* Bytes of the sample in this transform; SIZE_MAX if that is not for it. */
static size_t choose_size(struct nts_transform *transform, struct nts_codec_scratch *scratch,
                          enum nts_codec_id codec, size_t sample_count)
{
    struct nts_transformed transformed;
    struct nts_i64_plan plan;

    if (!nts_transform_find(&transformed, scratch, codec, scratch->sample, sample_count))
        return SIZE_MAX;
    *transform = transformed.transform;
    nts_i64_select(&plan, scratch, scratch->values, sample_count);
    return transformed.head_size + plan.size;
}

/* The zeros that ordered bits of all values of the chunk have. */
static uint8_t choose_zeros(const struct nts_chunk_vector *vectors, size_t vector_count)
{
    unsigned zeros = NTS_ORDERED_ZEROS_MAX;

    for (size_t v = 0; v < vector_count; v++) {
        const unsigned own = nts_ordered_zeros(vectors[v].values, vectors[v].count);
        zeros = own < zeros ? own : zeros;
    }
    return (uint8_t)zeros;
}

static bool choose_integer(const struct nts_chunk_vector *vectors, size_t vector_count,
                           uint64_t *work)
{
    for (size_t v = 0; v < vector_count; v++)
        if (!nts_integer_from_f64(work, vectors[v].values, vectors[v].count))
            return false;
    return true;
}

void nts_transform_choose(struct nts_transform *out, struct nts_codec_scratch *scratch,
                          const struct nts_chunk_vector *vectors, size_t vector_count)
{
    const size_t sample_count = choose_sample(scratch->sample, vectors, vector_count);
    struct nts_transform ordered = {.codec = NTS_CODEC_ORDERED};

    *out = (struct nts_transform){.codec = NTS_CODEC_INTEGER};
    if (choose_integer(vectors, vector_count, scratch->values))
        return;
    const size_t decimal_size = choose_size(out, scratch, NTS_CODEC_DECIMAL, sample_count);
    if (choose_size(&ordered, scratch, NTS_CODEC_ORDERED, sample_count) >= decimal_size)
        return;
    *out = ordered;
    out->zeros = choose_zeros(vectors, vector_count);
}

/* ---- decode ------------------------------------------------------------------------------- */

const uint8_t *nts_transform_read(struct nts_transform_head *head, size_t count, const uint8_t *at,
                                  const uint8_t *end)
{
    if (at == end || !nts_transform_is(*at))
        return NULL;
    head->codec = (enum nts_codec_id) * at++;
    if (head->codec == NTS_CODEC_DECIMAL)
        return nts_decimal_read_head(&head->decimal, count, at, end);
    if (head->codec != NTS_CODEC_ORDERED)
        return at;
    if (at == end || *at > NTS_ORDERED_ZEROS_MAX)
        return NULL;
    head->zeros = *at++;
    return at;
}

nanots_status nts_transform_invert(double *dst, const struct nts_transform_head *head,
                                   const uint64_t *src, size_t count)
{
    switch (head->codec) {
    case NTS_CODEC_INTEGER:
        nts_kernels()->to_f64(dst, src, count);
        return NANOTS_OK;
    case NTS_CODEC_DECIMAL:
        return nts_decimal_to_f64(dst, &head->decimal, src, count);
    default:
        nts_ordered_to_f64(dst, src, count, head->zeros);
        return NANOTS_OK;
    }
}
