/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/f64.c - which codec a vector of doubles gets, and who reads it back.
 *
 * encode:  constant? -+-> what won before, if that comes to about the same size
 *                     +-> transforms --> i64.c, with a head --+
 *                     +-> XOR --> runs of XOR? ---------------+--> smallest, else RAW
 *
 * Sizes are computed exactly before a byte is written. Of equal sizes the one that decodes faster
 * wins, which is the one tried first; XOR is slow to decode, and must be much smaller.
 */
#include "codec/f64.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/chunk.h"
#include "codec/plain.h"
#include "codec/rle.h"
#include "codec/xor.h"

/* Vectors from one look at all codecs to the next. */
#define F64_CHOICE_AGE_MAX 8u
/* Bytes that heads of the same nature may differ by. */
#define F64_CHOICE_SLACK 16u

/* Bytes a value up to which nothing but INTEGER is tried for integers, nothing but DECIMAL for
 * decimals. Of few decimals XOR may do better, if they are short in binary too, such as 25.5. */
#define INTEGER_SIZE_GOOD     4u
#define DECIMAL_SIZE_GOOD     6u
#define DECIMAL_SIZE_GOOD_FEW 2u
/* A vector in which the lattice changes has none; so the ones behind it are looked at too. */
#define LATTICE_AGE_SOON 2u
/* Bytes a value of decimals from which on a lattice is looked for. */
#define F64_LATTICE_SIZE_MIN 1u

/* What one vector without runs becomes; size includes the codec byte. */
struct flat_plan {
    size_t size;
    enum nts_codec_id codec;
};

/* The same for a vector that may be cut into runs, whose values `flat` then speaks of. */
struct vector_plan {
    size_t size;
    size_t run_count; /* 0: no runs */
    struct nts_patched_plan lengths;
    struct flat_plan flat;
};

/* Copies `count` 8-byte values. Compilers turn a memcpy of unknown size into an instruction whose
 * start costs as much as encoding a short vector; these are a few moves. */
static void f64_copy(void *dst, const void *src, size_t count)
{
    uint8_t *to = dst;
    const uint8_t *from = src;

    for (; count >= 8; count -= 8, to += 64, from += 64)
        memcpy(to, from, 64);
    if (count & 4) {
        memcpy(to, from, 32);
        to += 32;
        from += 32;
    }
    if (count & 2) {
        memcpy(to, from, 16);
        to += 16;
        from += 16;
    }
    if (count & 1)
        memcpy(to, from, 8);
}

/* ---- encode ------------------------------------------------------------------------------- */

/* Of RAW, and XOR if that is smaller than xor_size_max. */
static struct flat_plan flat_choose(const uint64_t *src, size_t count, size_t xor_size_max)
{
    struct flat_plan plan = {.size = nts_vector_bound(count), .codec = NTS_CODEC_RAW};

    xor_size_max = xor_size_max < plan.size ? xor_size_max : plan.size;
    const size_t size = 1 + nts_xor_size(src, count, xor_size_max - 1);
    if (size < xor_size_max) {
        plan.size = size;
        plan.codec = NTS_CODEC_XOR;
    }
    return plan;
}

static uint8_t *flat_write(uint8_t *dst, const struct flat_plan *plan, const uint64_t *src,
                           size_t count)
{
    *dst++ = (uint8_t)plan->codec;
    return plan->codec == NTS_CODEC_XOR ? nts_xor_write(dst, src, count)
                                        : nts_raw_write(dst, src, count);
}

/* Chooses for a vector that may have runs, and that something else makes size_max bytes of. Leaves
 * the runs in the scratch. */
static struct vector_plan vector_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                        size_t count, size_t size_max)
{
    struct vector_plan plan = {.run_count = 0};
    const bool is_short = count <= NTS_DECIMAL_COUNT_FEW;

    plan.flat = flat_choose(src, count, is_short ? size_max : size_max - size_max / 4);
    plan.size = plan.flat.size;
    const size_t run_count = nts_rle_split(scratch, src, count);
    if (run_count < 2)
        return plan;

    size_t lengths_size;
    const struct nts_patched_plan lengths = nts_rle_choose(scratch, run_count, &lengths_size);
    const struct flat_plan values = flat_choose(scratch->run_values, run_count, SIZE_MAX);
    if (1 + lengths_size + values.size < plan.size) {
        plan.size = 1 + lengths_size + values.size;
        plan.run_count = run_count;
        plan.lengths = lengths;
        plan.flat = values;
    }
    return plan;
}

static uint8_t *vector_write(uint8_t *dst, const struct vector_plan *plan,
                             struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    if (plan->run_count == 0)
        return flat_write(dst, &plan->flat, src, count);
    *dst++ = NTS_CODEC_RLE;
    dst = nts_rle_write(dst, &plan->lengths, scratch, plan->run_count);
    return flat_write(dst, &plan->flat, scratch->run_values, plan->run_count);
}

/* Transforms with parameters for this very vector: a sample tells them at once. The table of RANKS
 * is given, and so may be a lattice. */
static bool f64_transform(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                          const struct nts_transform *like, const double *src, size_t count)
{
    return like->codec == NTS_CODEC_RANKS ||
                   (like->codec == NTS_CODEC_MULTIPLE && like->lattice.step != 0)
               ? nts_transform_apply(out, scratch, like, src, count)
               : nts_transform_find(out, scratch, like->codec, src, count);
}

/* Encodes a vector that is transformed, if that is smaller than size_max. Returns the size, 0 if it
 * is not. */
static size_t transformed_encode(struct nts_codec_scratch *scratch, struct nts_i64_choice *choice,
                                 uint8_t *dst, const struct nts_transformed *transformed,
                                 const double *src, size_t count, size_t size_max)
{
    const size_t head_size = transformed->head_size;

    if (head_size + 1 >= size_max)
        return 0;
    const size_t size = nts_i64_encode_next(scratch, choice, dst + head_size,
                                            size_max - head_size - 1, scratch->values, count);
    if (size == 0)
        return 0;
    (void)nts_transform_write(dst, transformed, scratch, src, count);
    return head_size + size;
}

/* Tries one transform on the vector. If it comes to less than *size it is written, *size is
 * changed, and it becomes the choice. Whether it applied. */
static bool f64_try(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice, uint8_t *dst,
                    enum nts_codec_id codec, const double *src, size_t count, size_t *size,
                    struct nts_transformed *transformed)
{
    struct nts_i64_choice integers = {.age = 0};
    const struct nts_transform like = {.codec = codec, .ranks = choice->ranks};

    if (!f64_transform(transformed, scratch, &like, src, count))
        return false;
    const size_t own = transformed_encode(scratch, &integers, dst, transformed, src, count, *size);
    if (own > 0) {
        *size = own;
        choice->transform = transformed->transform;
        choice->integers = integers;
        choice->size = own;
        choice->count = count;
        choice->age = 1;
    }
    return true;
}

/* Whether nothing else is worth trying than what INTEGER or DECIMAL came to. */
static bool f64_is_good(const struct nts_transformed *transformed, size_t size, size_t count)
{
    size_t good = INTEGER_SIZE_GOOD;

    if (transformed->transform.codec == NTS_CODEC_DECIMAL)
        good = count <= NTS_DECIMAL_COUNT_FEW ? DECIMAL_SIZE_GOOD_FEW : DECIMAL_SIZE_GOOD;
    return size <= count * good && (nts_transform_exception_count(transformed) <= count / 16 ||
                                    transformed->head_size <= size / 8);
}

/* Tries all transforms. Returns the size of the best, which is written, or the size of RAW;
 * *is_good_out says that nothing else is worth trying. */
static size_t f64_try_transforms(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                                 uint8_t *dst, const double *src, size_t count, bool *is_good_out)
{
    struct nts_transformed transformed;
    size_t size = nts_vector_bound(count);

    choice->age = 0;
    *is_good_out =
        choice->has_lattice && choice->ranks == NULL &&
        f64_try(scratch, choice, dst, NTS_CODEC_MULTIPLE, src, count, &size, &transformed);
    if (*is_good_out) {
        choice->is_good = false;
        return size;
    }
    *is_good_out =
        (f64_try(scratch, choice, dst, NTS_CODEC_INTEGER, src, count, &size, &transformed) ||
         f64_try(scratch, choice, dst, NTS_CODEC_DECIMAL, src, count, &size, &transformed)) &&
        f64_is_good(&transformed, size, count);
    choice->is_good = *is_good_out && choice->ranks == NULL;
    if (choice->transform.codec == NTS_CODEC_DECIMAL && size > count * F64_LATTICE_SIZE_MIN)
        (void)f64_try(scratch, choice, dst, NTS_CODEC_MULTIPLE, src, count, &size, &transformed);
    if (choice->transform.codec == NTS_CODEC_MULTIPLE) {
        choice->has_lattice = true;
        choice->is_good = false;
    }
    if (choice->ranks != NULL)
        *is_good_out =
            f64_try(scratch, choice, dst, NTS_CODEC_RANKS, src, count, &size, &transformed);
    if (!*is_good_out)
        (void)f64_try(scratch, choice, dst, NTS_CODEC_ORDERED, src, count, &size, &transformed);
    return size;
}

/* Transforms as the vector before was; false if that has to be looked at afresh. */
static bool f64_transform_known(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                                const struct nts_f64_choice *choice, const double *src,
                                size_t count)
{
    const struct nts_transform *const transform = &choice->transform;

    if (transform->codec == NTS_CODEC_DECIMAL && choice->has_lattice)
        return false;
    if (transform->codec == NTS_CODEC_ORDERED &&
        nts_transform_find(out, scratch, NTS_CODEC_DECIMAL, src, count))
        return false;
    return f64_transform(out, scratch, transform, src, count);
}

/* Whether integers of decimals that were known to be good have got a lattice. */
static bool f64_has_lattice_now(const struct nts_f64_choice *choice,
                                struct nts_codec_scratch *scratch, size_t count)
{
    struct nts_lattice lattice;

    return (choice->age <= LATTICE_AGE_SOON || choice->age == F64_CHOICE_AGE_MAX) &&
           choice->transform.codec == NTS_CODEC_DECIMAL &&
           choice->size > count * F64_LATTICE_SIZE_MIN &&
           nts_lattice_find(&lattice, scratch->b, scratch->values, count);
}

/* Encodes as the vector before was; 0 if that does not fit this one. What is good stays so while it
 * applies, for nothing else was compared with it; all else must come to about the same size. */
static size_t f64_encode_known(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                               uint8_t *dst, const double *src, size_t count)
{
    const size_t expected = choice->size + choice->size / 6 + F64_CHOICE_SLACK;
    const size_t bound = nts_vector_bound(count);
    struct nts_transformed transformed;

    if (choice->age == 0 || choice->count != count ||
        (choice->age >= F64_CHOICE_AGE_MAX && !choice->is_good))
        return 0;
    if (!f64_transform_known(&transformed, scratch, choice, src, count))
        return 0;
    if (choice->is_good && f64_has_lattice_now(choice, scratch, count))
        return 0;
    choice->age = (uint8_t)(choice->age % F64_CHOICE_AGE_MAX + 1);
    const size_t size =
        transformed_encode(scratch, &choice->integers, dst, &transformed, src, count,
                           choice->is_good || expected > bound ? bound : expected);
    return choice->is_good && !f64_is_good(&transformed, size, count) ? 0 : size;
}

size_t nts_f64_encode_next(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                           uint8_t *dst, const double *src, size_t count)
{
    uint64_t *const values = scratch->values;
    bool is_good;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    f64_copy(values, src, count);
    if (nts_all_equal(values, count)) {
        dst[0] = NTS_CODEC_CONSTANT;
        return (size_t)(nts_constant_write(dst + 1, NTS_VALUE_F64, values[0]) - dst);
    }

    const size_t known_size = f64_encode_known(scratch, choice, dst, src, count);
    if (known_size > 0)
        return known_size;
    const size_t size = f64_try_transforms(scratch, choice, dst, src, count, &is_good);
    if (is_good)
        return size;

    f64_copy(values, src, count);
    const struct vector_plan plan = vector_choose(scratch, values, count, size);
    if (choice->age != 0 && plan.size >= size)
        return size;
    choice->age = 0;
    const uint8_t *const end = vector_write(dst, &plan, scratch, values, count);
    assert(end == dst + plan.size);
    return (size_t)(end - dst);
}

size_t nts_f64_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const double *src,
                      size_t count)
{
    struct nts_f64_choice none = {.age = 0};

    return nts_f64_encode_next(scratch, &none, dst, src, count);
}

/* ---- decode ------------------------------------------------------------------------------- */

/* Reads a vector of any codec but RLE and transforms, with its codec byte. */
static nanots_status flat_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    if (src_size < 1)
        return NANOTS_CORRUPT;
    const uint8_t codec = src[0];
    src++;
    src_size--;
    switch (codec) {
    case NTS_CODEC_RAW:
        return nts_raw_read(dst, count, src, src_size);
    case NTS_CODEC_CONSTANT:
        return nts_constant_read(dst, count, NTS_VALUE_F64, src, src_size);
    case NTS_CODEC_XOR:
        return nts_xor_read(dst, count, src, src_size);
    default:
        return NANOTS_CORRUPT;
    }
}

/* Reads a vector of any codec but transforms. */
static nanots_status vector_read(struct nts_codec_scratch *scratch, uint64_t *dst, size_t count,
                                 const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    size_t run_count;

    if (src_size < 1 || src[0] != NTS_CODEC_RLE)
        return flat_read(dst, count, src, src_size);
    const uint8_t *const at = nts_rle_read(scratch, count, &run_count, src + 1, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(flat_read(scratch->run_values, run_count, at, (size_t)(end - at)));
    nts_rle_expand(dst, scratch, run_count);
    return NANOTS_OK;
}

nanots_status nts_f64_decode_of_chunk(struct nts_codec_scratch *scratch,
                                      const struct nts_chunk_model *model, double *dst,
                                      size_t count, const uint8_t *src, size_t src_size)
{
    uint64_t *const values = scratch->values;
    const uint8_t *const end = src + src_size;
    struct nts_transform_head head;

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (src_size < 1 || !nts_transform_is(src[0])) {
        NTS_TRY(vector_read(scratch, values, count, src, src_size));
        f64_copy(dst, values, count);
        return NANOTS_OK;
    }
    const uint8_t *const at =
        nts_transform_read(&head, scratch, model != NULL ? model->ranks : NULL, count, src, end);
    if (at == NULL)
        return NANOTS_CORRUPT;
    NTS_TRY(nts_chunk_read_i64(scratch, model, (int64_t *)values, count, at, (size_t)(end - at)));
    return nts_transform_invert(dst, &head, scratch, values, count);
}

nanots_status nts_f64_decode(struct nts_codec_scratch *scratch, double *dst, size_t count,
                             const uint8_t *src, size_t src_size)
{
    return nts_f64_decode_of_chunk(scratch, NULL, dst, count, src, src_size);
}
