/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/delta.c - differences of order 0, 1 and 2. */
#include "codec/delta.h"

#include "base/check.h"
#include "codec/varint.h"

/* dst[i] = src[i] - src[i-1] for first <= i < count, first >= 1. */
static void delta_differences(uint64_t *restrict dst, const uint64_t *restrict src, size_t first,
                              size_t count)
{
    for (size_t i = first; i < count; i++)
        dst[i] = src[i] - src[i - 1];
}

static size_t delta_slot_count(size_t count, unsigned order)
{
    return count == NTS_VECTOR_ROWS ? count : count - order;
}

struct nts_delta_plan nts_delta_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                       size_t count)
{
    struct nts_delta_plan best = {.order = 0};
    size_t head_size = 0;
    const uint64_t *numbers = src;

    best.block = nts_patched_choose(src, count, count);
    best.size = best.block.size;
    for (unsigned order = 1; order <= NTS_DELTA_ORDER_MAX && order < count; order++) {
        uint64_t *const differences = order == 1 ? scratch->a : scratch->b;
        head_size += nts_svarint_size(numbers[order - 1]);
        delta_differences(differences, numbers, order, count);
        numbers = differences;

        const struct nts_patched_plan block =
            nts_patched_choose(numbers + order, count - order, delta_slot_count(count, order));
        if (head_size + block.size < best.size) {
            best.size = head_size + block.size;
            best.order = order;
            best.block = block;
        }
    }
    return best;
}

uint8_t *nts_delta_write(uint8_t *dst, const struct nts_delta_plan *plan,
                         struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    const size_t slot_count = delta_slot_count(count, plan->order);
    const uint64_t *numbers = src;
    uint8_t *const start = dst;

    for (unsigned order = 1; order <= plan->order; order++) {
        uint64_t *const differences = order == 1 ? scratch->a : scratch->b;
        dst = nts_svarint_put(dst, numbers[order - 1]);
        delta_differences(differences, numbers, order, count);
        for (unsigned i = 0; i < order; i++)
            differences[i] = plan->block.base;
        numbers = differences;
    }
    dst = nts_patched_write(dst, &plan->block, scratch->c, numbers + (count - slot_count),
                            slot_count);
    assert(dst == start + plan->size);
    (void)start;
    return dst;
}

/* Four numbers a step: only one addition in four waits for the one before. */
static void delta_sum1(uint64_t *x, size_t count, uint64_t first)
{
    uint64_t sum = first;
    size_t i = 1;

    x[0] = sum;
    for (; i + 4 <= count; i += 4) {
        const uint64_t two = x[i] + x[i + 1];
        const uint64_t three = two + x[i + 2];
        const uint64_t four = two + (x[i + 2] + x[i + 3]);
        x[i] += sum;
        x[i + 1] = sum + two;
        x[i + 2] = sum + three;
        sum += four;
        x[i + 3] = sum;
    }
    for (; i < count; i++) {
        sum += x[i];
        x[i] = sum;
    }
}

static void delta_sum2(uint64_t *x, size_t count, uint64_t first, uint64_t first_difference)
{
    uint64_t difference = first_difference;
    uint64_t sum = first + difference;

    x[0] = first;
    x[1] = sum;
    for (size_t i = 2; i < count; i++) {
        difference += x[i];
        sum += difference;
        x[i] = sum;
    }
}

nanots_status nts_delta_read(uint64_t *dst, size_t count, unsigned order, const uint8_t *src,
                             size_t src_size)
{
    const uint8_t *at = src;
    const uint8_t *const end = src + src_size;
    uint64_t heads[NTS_DELTA_ORDER_MAX] = {0};

    if (count <= order)
        return NANOTS_CORRUPT;
    for (unsigned k = 0; k < order; k++) {
        at = nts_varint_get(at, end, &heads[k]);
        if (at == NULL)
            return NANOTS_CORRUPT;
        heads[k] = (uint64_t)nts_unzigzag(heads[k]);
    }
    const size_t slot_count = delta_slot_count(count, order);
    if (nts_patched_read(dst + (count - slot_count), slot_count, at, end) != end)
        return NANOTS_CORRUPT;
    if (order == 1)
        delta_sum1(dst, count, heads[0]);
    else if (order == 2)
        delta_sum2(dst, count, heads[0], heads[1]);
    return NANOTS_OK;
}
