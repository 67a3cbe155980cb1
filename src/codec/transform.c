/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/transform.c - one place that knows the ways from doubles to integers. Contract:
 * transform.h.
 *
 * choose:  4 windows of 128 values --> each transform --> bytes of its integers, were the windows a
 *          vector --> the smallest, or ranks, if values repeat and all else is large
 */
#include "codec/transform.h"

#include <string.h>

#include "base/check.h"
#include "codec/chunk.h"
#include "codec/dispatch.h"
#include "codec/integer.h"
#include "codec/ordered.h"
#include "codec/simple.h"

/* Bits a value up to which ranks are not worth the look. */
#define RANKS_BITS_MIN 10u
/* The same for a lattice. */
#define LATTICE_BITS_MIN 8u
/* Rows of a chunk below which a table does not pay, and entries of one that does: with 8 bytes an
 * entry and 2 a rank, the head and the vectors leave room for a vector more. */
#define RANKS_ROWS_MIN          2048u
#define RANKS_ENTRIES_MAX(rows) (((rows)-NTS_VECTOR_ROWS) / 2)
/* Of so many values spread over the chunk, one in so many must have been there before: more than
 * that, and the table would be full. */
#define RANKS_SAMPLE_COUNT   512u
#define RANKS_REPEATS_ONE_IN 40u

#define CHUNK_WINDOW_COUNT 4u
#define CHUNK_WINDOW_ROWS  (NTS_TRANSFORM_SAMPLE_COUNT / CHUNK_WINDOW_COUNT)

bool nts_transform_is(unsigned codec)
{
    return codec == NTS_CODEC_INTEGER || codec == NTS_CODEC_DECIMAL || codec == NTS_CODEC_ORDERED ||
           codec == NTS_CODEC_RANKS || codec == NTS_CODEC_MULTIPLE;
}

/* ---- encode ------------------------------------------------------------------------------- */

/* Takes over a decimal that has been planned. */
static void transform_set_decimal(struct nts_transformed *out)
{
    out->transform.codec = NTS_CODEC_DECIMAL;
    out->transform.digits = (uint8_t)out->decimal.digits;
    out->head_size = 1 + out->decimal.head_size;
}

/* Replaces the integers of a decimal by their places on the lattice; false if some have none. */
static bool transform_set_multiple(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                                   const struct nts_lattice *lattice, size_t count)
{
    if (!nts_lattice_divide(scratch->b, scratch->c, lattice, scratch->values, count))
        return false;
    memcpy(scratch->values, scratch->b, count * sizeof scratch->b[0]);
    out->transform.codec = NTS_CODEC_MULTIPLE;
    out->transform.lattice = *lattice;
    out->head_size += nts_lattice_size(lattice);
    return true;
}

bool nts_transform_find(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                        enum nts_codec_id codec, const double *src, size_t count)
{
    struct nts_lattice lattice;

    out->transform = (struct nts_transform){.codec = codec, .ranks = NULL};
    switch (codec) {
    case NTS_CODEC_DECIMAL:
    case NTS_CODEC_MULTIPLE:
        if (!nts_decimal_from_f64(&out->decimal, scratch, src, count))
            return false;
        transform_set_decimal(out);
        return codec == NTS_CODEC_DECIMAL ||
               (nts_lattice_find(&lattice, scratch->b, scratch->values, count) &&
                transform_set_multiple(out, scratch, &lattice, count));
    case NTS_CODEC_ORDERED:
        out->transform.zeros = (uint8_t)nts_ordered_zeros(src, count);
        break;
    default:
        break;
    }
    const struct nts_transform transform = out->transform;
    return nts_transform_apply(out, scratch, &transform, src, count);
}

bool nts_transform_apply(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                         const struct nts_transform *transform, const double *src, size_t count)
{
    out->transform = *transform;
    out->head_size = 1;
    switch (transform->codec) {
    case NTS_CODEC_INTEGER:
        return nts_integer_from_f64(scratch->values, src, count);
    case NTS_CODEC_DECIMAL:
    case NTS_CODEC_MULTIPLE:
        if (!nts_decimal_of_digits(&out->decimal, scratch, transform->digits, src, count))
            return false;
        transform_set_decimal(out);
        return transform->codec == NTS_CODEC_DECIMAL ||
               transform_set_multiple(out, scratch, &transform->lattice, count);
    case NTS_CODEC_RANKS:
        return nts_ranks_from_f64(scratch->values, transform->ranks, src, count);
    default:
        assert(transform->codec == NTS_CODEC_ORDERED);
        out->head_size = 2;
        return nts_ordered_from_f64(scratch->values, src, count, transform->zeros);
    }
}

static bool is_decimal(enum nts_codec_id codec)
{
    return codec == NTS_CODEC_DECIMAL || codec == NTS_CODEC_MULTIPLE;
}

size_t nts_transform_exception_count(const struct nts_transformed *transformed)
{
    return is_decimal(transformed->transform.codec) ? transformed->decimal.exceptions.count : 0;
}

uint8_t *nts_transform_write(uint8_t *dst, const struct nts_transformed *transformed,
                             const struct nts_codec_scratch *scratch, const double *src,
                             size_t count)
{
    *dst++ = (uint8_t)transformed->transform.codec;
    if (transformed->transform.codec == NTS_CODEC_MULTIPLE)
        dst = nts_lattice_write(dst, &transformed->transform.lattice);
    if (is_decimal(transformed->transform.codec))
        return nts_decimal_write_head(dst, &transformed->decimal, scratch, src, count);
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

static size_t chunk_row_count(const struct nts_chunk_vector *vectors, size_t vector_count)
{
    size_t row_count = 0;

    for (size_t v = 0; v < vector_count; v++)
        row_count += vectors[v].count;
    return row_count;
}

/* Fills the sample with windows that lie evenly in the chunk. Returns its length. */
static size_t choose_sample(double *sample, const struct nts_chunk_vector *vectors,
                            size_t row_count)
{
    size_t sampled = 0;

    for (size_t k = 0; k < CHUNK_WINDOW_COUNT; k++) {
        size_t row = k * row_count / CHUNK_WINDOW_COUNT;
        const size_t room = (k + 1) * row_count / CHUNK_WINDOW_COUNT - row;
        const size_t end = sampled + (room < CHUNK_WINDOW_ROWS ? room : CHUNK_WINDOW_ROWS);
        while (sampled < end) {
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

/* Bytes of the sample, whose integers are in the scratch. */
static size_t choose_size(const struct nts_transformed *transformed,
                          struct nts_codec_scratch *scratch, size_t sample_count)
{
    return transformed->head_size + nts_simple_choose(scratch, scratch->values, sample_count).size;
}

/* Tries one transform on the sample; *out and *size stay those of the best. Returns the number of
 * exceptions, that of all values if it does not apply. */
static size_t choose_try(struct nts_transform *out, size_t *size, struct nts_codec_scratch *scratch,
                         enum nts_codec_id codec, size_t sample_count)
{
    struct nts_transformed transformed;

    if (!nts_transform_find(&transformed, scratch, codec, scratch->sample, sample_count))
        return sample_count;
    const size_t own = choose_size(&transformed, scratch, sample_count);
    if (own < *size) {
        *size = own;
        *out = transformed.transform;
    }
    return nts_transform_exception_count(&transformed);
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

static bool choose_all_integers(const struct nts_chunk_vector *vectors, size_t vector_count,
                                uint64_t *work)
{
    for (size_t v = 0; v < vector_count; v++)
        if (!nts_integer_from_f64(work, vectors[v].values, vectors[v].count))
            return false;
    return true;
}

bool nts_transform_has_repeats(const struct nts_chunk_vector *vectors, size_t vector_count,
                               struct nts_ranks_table *table)
{
    const size_t row_count = chunk_row_count(vectors, vector_count);

    if (row_count < RANKS_ROWS_MIN)
        return false;
    nts_ranks_clear(table);
    for (size_t v = 0, k = 0, first = 0; v < vector_count; first += vectors[v++].count) {
        const double *const values = vectors[v].values;
        double sample[RANKS_SAMPLE_COUNT];
        size_t sampled = 0;
        for (; k * row_count / RANKS_SAMPLE_COUNT < first + vectors[v].count; k++)
            sample[sampled++] = values[k * row_count / RANKS_SAMPLE_COUNT - first];
        (void)nts_ranks_add(table, sample, sampled);
    }
    return RANKS_SAMPLE_COUNT - nts_ranks_count(table) >= RANKS_SAMPLE_COUNT / RANKS_REPEATS_ONE_IN;
}

/* Ranks for all values of the chunk, if there are few enough. */
static bool choose_table(const struct nts_chunk_vector *vectors, size_t vector_count,
                         struct nts_ranks_table *table)
{
    nts_ranks_clear(table);
    for (size_t v = 0; v < vector_count; v++)
        if (!nts_ranks_add(table, vectors[v].values, vectors[v].count))
            return false;
    if (nts_ranks_count(table) > RANKS_ENTRIES_MAX(chunk_row_count(vectors, vector_count)))
        return false;
    nts_ranks_sort(table);
    return true;
}

/* Whether ranks, with their part of the head, are smaller than what makes `size` bytes of the
 * sample. Writes the part; returns its size, 0 if they are not. */
static size_t choose_ranks(struct nts_codec_scratch *scratch, size_t size, size_t sample_count,
                           const struct nts_chunk_vector *vectors, size_t vector_count,
                           struct nts_ranks_table *table, uint8_t *part)
{
    const struct nts_transform ranks = {.codec = NTS_CODEC_RANKS, .ranks = table};
    const size_t row_count = chunk_row_count(vectors, vector_count);
    struct nts_transformed transformed;

    if (size * 8 <= sample_count * RANKS_BITS_MIN || !choose_table(vectors, vector_count, table))
        return 0;
    (void)nts_transform_apply(&transformed, scratch, &ranks, scratch->sample, sample_count);
    const size_t own = choose_size(&transformed, scratch, sample_count);
    /* What a kept table must save of the rest. */
    const size_t wanted = (size - size / 32) * row_count / sample_count;
    const size_t used = own * row_count / sample_count;
    if (used >= wanted)
        return 0;
    return nts_ranks_write(part, wanted - used, table, scratch);
}

void nts_transform_choose(struct nts_transform *out, struct nts_codec_scratch *scratch,
                          const struct nts_chunk_vector *vectors, size_t vector_count,
                          struct nts_ranks_table *table, uint8_t *part, size_t *part_size_out)
{
    const size_t row_count = chunk_row_count(vectors, vector_count);
    const size_t sample_count = choose_sample(scratch->sample, vectors, row_count);
    size_t size = SIZE_MAX;

    *out = (struct nts_transform){.codec = NTS_CODEC_ORDERED, .ranks = NULL};
    *part_size_out = 0;
    if (choose_all_integers(vectors, vector_count, scratch->values))
        (void)choose_try(out, &size, scratch, NTS_CODEC_INTEGER, sample_count);
    else if (choose_try(out, &size, scratch, NTS_CODEC_DECIMAL, sample_count) > sample_count / 16)
        (void)choose_try(out, &size, scratch, NTS_CODEC_ORDERED, sample_count);
    if (out->codec == NTS_CODEC_DECIMAL && size * 8 > sample_count * LATTICE_BITS_MIN)
        (void)choose_try(out, &size, scratch, NTS_CODEC_MULTIPLE, sample_count);
    if (table != NULL && nts_transform_has_repeats(vectors, vector_count, table))
        *part_size_out =
            choose_ranks(scratch, size, sample_count, vectors, vector_count, table, part);
    if (*part_size_out > 0)
        *out = (struct nts_transform){.codec = NTS_CODEC_RANKS, .ranks = table};
    else if (out->codec == NTS_CODEC_ORDERED)
        out->zeros = choose_zeros(vectors, vector_count);
}

/* ---- decode ------------------------------------------------------------------------------- */

const uint8_t *nts_transform_read(struct nts_transform_head *head,
                                  struct nts_codec_scratch *scratch, const struct nts_ranks *ranks,
                                  size_t count, const uint8_t *at, const uint8_t *end)
{
    if (at == end || !nts_transform_is(*at))
        return NULL;
    head->codec = (enum nts_codec_id) * at++;
    head->ranks = ranks;
    if (head->codec == NTS_CODEC_RANKS)
        return ranks != NULL ? at : NULL;
    if (head->codec == NTS_CODEC_MULTIPLE)
        at = nts_lattice_read(&head->lattice, at, end);
    if (at == NULL)
        return NULL;
    if (is_decimal(head->codec))
        return nts_decimal_read_head(&head->decimal, scratch, count, at, end);
    if (head->codec != NTS_CODEC_ORDERED)
        return at;
    if (at == end || *at > NTS_ORDERED_ZEROS_MAX)
        return NULL;
    head->zeros = *at++;
    return at;
}

nanots_status nts_transform_invert(double *dst, const struct nts_transform_head *head,
                                   struct nts_codec_scratch *scratch, const uint64_t *src,
                                   size_t count)
{
    switch (head->codec) {
    case NTS_CODEC_INTEGER:
        nts_kernels()->to_f64(dst, src, count);
        return NANOTS_OK;
    case NTS_CODEC_MULTIPLE:
        nts_lattice_multiply(scratch->a, &head->lattice, src, count);
        return nts_decimal_to_f64(dst, &head->decimal, scratch, scratch->a, count);
    case NTS_CODEC_DECIMAL:
        return nts_decimal_to_f64(dst, &head->decimal, scratch, src, count);
    case NTS_CODEC_RANKS:
        return nts_ranks_to_f64(dst, head->ranks, src, count);
    default:
        nts_ordered_to_f64(dst, src, count, head->zeros);
        return NANOTS_OK;
    }
}
