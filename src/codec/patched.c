/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/patched.c - choosing, writing and reading patched frames of reference. */
#include "codec/patched.h"

#include "base/check.h"
#include "codec/bitpack.h"
#include "codec/dispatch.h"
#include "codec/position.h"
#include "codec/varint.h"

#define PATCHED_FLAG        0x80u /* of control */
#define ZIGZAG_FLAG         0x80u /* of shape */
#define CENTRE_SAMPLE_COUNT 9u    /* numbers whose median is the centre */
#define PATCH_COUNT_MIN     5u    /* fewer numbers are not worth looking at */
/* Patches would save a few bytes of so small a block, for half of what encoding it costs. */
#define PATCH_SIZE_MIN  32u
#define PATCH_WIDTH_MIN 8u

/* A typical number: the median of a few, evenly spread. */
static uint64_t patched_centre(const uint64_t *src, size_t count)
{
    const size_t sample_count = count < CENTRE_SAMPLE_COUNT ? count : CENTRE_SAMPLE_COUNT;
    int64_t sample[CENTRE_SAMPLE_COUNT];

    for (size_t i = 0; i < sample_count; i++) {
        const int64_t x = (int64_t)src[(2 * i + 1) * count / (2 * sample_count)];
        size_t place = i;
        for (; place > 0 && sample[place - 1] > x; place--)
            sample[place] = sample[place - 1];
        sample[place] = x;
    }
    return (uint64_t)sample[sample_count / 2];
}

/* The greatest bit length of zigzag(src[i] - centre). */
static unsigned patched_zigzag_length(const uint64_t *src, size_t count, struct nts_range range,
                                      uint64_t centre)
{
    const unsigned below = nts_bit_length(nts_zigzag((int64_t)(range.min - centre)));
    const unsigned above = nts_bit_length(nts_zigzag((int64_t)(range.max - centre)));

    if (range.max - range.min <= INT64_MAX)
        return below > above ? below : above;
    /* Differences may wrap, so that the farthest number need not be an end of the range. */
    const struct nts_outliers outliers = nts_kernels()->outliers_zigzag(src, count, centre, 63);
    return outliers.count > 0 ? 64 : nts_bit_length(outliers.rest_or);
}

/* Lowers *best to the cheapest width below the greatest bit length L. Numbers are only looked at
 * again where the count of outliers m changes, and no more once m (8 p + L) >= n L: from there on
 * no width w < L is better than L, since m (p + (L - w) / 8) + n w / 8 >= n L / 8. That makes two
 * or three passes for most vectors. */
static void patched_try_widths(struct nts_patched_plan *best, const uint64_t *src, size_t count,
                               size_t slot_count, uint64_t base, unsigned longest, bool zigzag)
{
    const struct nts_kernels *const kernels = nts_kernels();
    const size_t index_size = nts_position_size(slot_count);
    const size_t fixed_size = 2 + nts_svarint_size(base) + index_size;
    const size_t patch_count_max = index_size == 1 ? 255 : NTS_VECTOR_ROWS;
    struct nts_outliers outliers = {0, UINT64_MAX};

    for (unsigned width = longest; width-- > 0;) {
        if (nts_bit_length(outliers.rest_or) > width)
            outliers = zigzag ? kernels->outliers_zigzag(src, count, base, width)
                              : kernels->outliers(src, count, base, width);
        const size_t patch_count = (size_t)outliers.count;
        const size_t high_size = (longest - width + 7) / 8;
        const size_t size = fixed_size + patch_count * (index_size + high_size) +
                            nts_bitpack_size(slot_count, width);
        if (patch_count > patch_count_max ||
            patch_count * (8 * index_size + longest) >= slot_count * longest)
            break;
        if (size < best->size)
            *best = (struct nts_patched_plan){
                .size = size,
                .base = base,
                .patch_count = (uint16_t)patch_count,
                .width = (uint8_t)width,
                .high_size = (uint8_t)high_size,
                .zigzag = zigzag,
            };
    }
}

struct nts_patched_plan nts_patched_choose(const uint64_t *src, size_t count, size_t slot_count)
{
    const struct nts_range range = nts_kernels()->range(src, count);
    const uint64_t spread = range.max - range.min;
    struct nts_patched_plan plan = {0};

    plan.base = range.min;
    plan.width = (uint8_t)nts_bit_length(spread);
    plan.size = 1 + nts_svarint_size(plan.base) + nts_bitpack_size(slot_count, plan.width);
    if (spread == 0 || count < PATCH_COUNT_MIN)
        return plan;
    if (plan.size <= PATCH_SIZE_MIN && plan.width <= PATCH_WIDTH_MIN)
        return plan;

    const uint64_t centre = patched_centre(src, count);
    patched_try_widths(&plan, src, count, slot_count, range.min, nts_bit_length(spread), false);
    patched_try_widths(&plan, src, count, slot_count, centre,
                       patched_zigzag_length(src, count, range, centre), true);
    return plan;
}

/* Writes shape, count, positions and high parts of the numbers u that exceed the width. */
static uint8_t *patched_put_patches(uint8_t *dst, const struct nts_patched_plan *plan,
                                    const uint64_t *u, size_t slot_count)
{
    uint8_t *high_at;

    *dst++ = (uint8_t)(plan->high_size | (plan->zigzag ? ZIGZAG_FLAG : 0));
    dst = nts_position_put(dst, slot_count, plan->patch_count);
    high_at = dst + plan->patch_count * nts_position_size(slot_count);
    for (size_t i = 0; i < slot_count; i++) {
        uint64_t high = u[i] >> plan->width;
        if (high == 0)
            continue;
        dst = nts_position_put(dst, slot_count, i);
        for (unsigned k = 0; k < plan->high_size; k++, high >>= 8)
            *high_at++ = (uint8_t)high;
    }
    return high_at;
}

uint8_t *nts_patched_write(uint8_t *dst, const struct nts_patched_plan *plan, uint64_t *work,
                           const uint64_t *src, size_t slot_count)
{
    const uint64_t base = plan->base;
    uint8_t *const start = dst;

    if (plan->zigzag)
        for (size_t i = 0; i < slot_count; i++)
            work[i] = nts_zigzag((int64_t)(src[i] - base));
    else
        for (size_t i = 0; i < slot_count; i++)
            work[i] = src[i] - base;

    *dst++ = (uint8_t)(plan->width | (plan->patch_count > 0 ? PATCHED_FLAG : 0));
    dst = nts_svarint_put(dst, base);
    if (plan->patch_count > 0)
        dst = patched_put_patches(dst, plan, work, slot_count);
    nts_bitpack(dst, work, slot_count, plan->width);
    dst += nts_bitpack_size(slot_count, plan->width);
    assert(dst == start + plan->size);
    (void)start;
    return dst;
}

/* The patches of one block, found but not applied yet. */
struct patches {
    const uint8_t *positions;
    const uint8_t *highs;
    size_t count;
    unsigned high_size;
    bool zigzag;
};

/* Reads shape, count and the extent of both lists; returns the byte after them, NULL if corrupt. */
static const uint8_t *patches_get(struct patches *patches, size_t slot_count, const uint8_t *at,
                                  const uint8_t *end)
{
    const size_t index_size = nts_position_size(slot_count);

    if ((size_t)(end - at) < 1 + index_size)
        return NULL;
    patches->zigzag = (*at & ZIGZAG_FLAG) != 0;
    patches->high_size = *at & 0x7f;
    patches->count = nts_position_get(at + 1, slot_count);
    at += 1 + index_size;
    if (patches->high_size < 1 || patches->high_size > 8)
        return NULL;
    if (patches->count < 1 || patches->count > slot_count)
        return NULL;
    if ((size_t)(end - at) < patches->count * (index_size + patches->high_size))
        return NULL;
    patches->positions = at;
    patches->highs = at + patches->count * index_size;
    return patches->highs + patches->count * patches->high_size;
}

/* Adds the high parts. False if positions do not rise or leave the block. */
static bool patches_apply(const struct patches *patches, uint64_t *dst, size_t slot_count,
                          unsigned width)
{
    const size_t index_size = nts_position_size(slot_count);
    const uint8_t *position_at = patches->positions;
    const uint8_t *high_at = patches->highs;
    size_t position_min = 0;

    for (size_t k = 0; k < patches->count; k++) {
        const size_t position = nts_position_get(position_at, slot_count);
        uint64_t high = 0;
        if (position < position_min || position >= slot_count)
            return false;
        for (unsigned b = 0; b < patches->high_size; b++)
            high |= (uint64_t)high_at[b] << (8 * b);
        dst[position] += high << width;
        position_min = position + 1;
        position_at += index_size;
        high_at += patches->high_size;
    }
    return true;
}

const uint8_t *nts_patched_read(uint64_t *dst, size_t slot_count, const uint8_t *at,
                                const uint8_t *end)
{
    struct patches patches = {0};
    uint64_t base;

    if (at == end)
        return NULL;
    const unsigned width = *at & 0x7f;
    const bool patched = (*at & PATCHED_FLAG) != 0;
    if (width > 64 - (unsigned)patched)
        return NULL;
    at = nts_svarint_get(at + 1, end, &base);
    if (at != NULL && patched)
        at = patches_get(&patches, slot_count, at, end);
    if (at == NULL)
        return NULL;

    const size_t packed_size = nts_bitpack_size(slot_count, width);
    if ((size_t)(end - at) < packed_size)
        return NULL;
    nts_bitunpack(dst, at, slot_count, width, patches.zigzag ? 0 : base);
    if (patched && !patches_apply(&patches, dst, slot_count, width))
        return NULL;
    if (patches.zigzag)
        nts_kernels()->unzigzag(dst, slot_count, base);
    return at + packed_size;
}
