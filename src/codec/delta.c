/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/delta.c - differences of order 0, 1 and 2. */
#include "codec/delta.h"

#include "base/check.h"
#include "codec/dispatch.h"
#include "codec/varint.h"

/* dst[i] = the difference of `order` at src[i], order <= i < count. */
static void delta_differences(uint64_t *restrict dst, unsigned order, const uint64_t *restrict src,
                              size_t count)
{
    if (order == 1)
        for (size_t i = 1; i < count; i++)
            dst[i] = src[i] - src[i - 1];
    else
        for (size_t i = 2; i < count; i++)
            dst[i] = src[i] - 2 * src[i - 1] + src[i - 2];
}

/* The difference of order `k` at src[k]. */
static uint64_t delta_start(unsigned k, const uint64_t *src)
{
    return k == 0 ? src[0] : src[1] - src[0];
}

struct nts_delta_plan nts_delta_plan_order(struct nts_codec_scratch *scratch, unsigned order,
                                           const uint64_t *src, size_t count)
{
    struct nts_delta_plan plan = {.order = order};
    const uint64_t *numbers = src;

    assert(order <= NTS_DELTA_ORDER_MAX);
    assert(count > order);
    if (order > 0) {
        delta_differences(scratch->a, order, src, count);
        numbers = scratch->a;
    }
    plan.block =
        nts_patched_choose(numbers + order, count - order, nts_patched_slot_count(count, order));
    plan.size = plan.block.size;
    for (unsigned k = 0; k < order; k++)
        plan.size += nts_svarint_size(delta_start(k, src));
    return plan;
}

struct nts_delta_plan nts_delta_choose(struct nts_codec_scratch *scratch, const uint64_t *src,
                                       size_t count)
{
    struct nts_delta_plan best = nts_delta_plan_order(scratch, 0, src, count);

    for (unsigned order = 1; order <= NTS_DELTA_ORDER_MAX && order < count; order++) {
        const struct nts_delta_plan plan = nts_delta_plan_order(scratch, order, src, count);
        if (plan.size < best.size)
            best = plan;
    }
    return best;
}

uint8_t *nts_delta_write(uint8_t *dst, const struct nts_delta_plan *plan,
                         struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    const size_t slot_count = nts_patched_slot_count(count, plan->order);
    const uint64_t *numbers = src;
    uint8_t *const start = dst;

    if (plan->order > 0) {
        delta_differences(scratch->a, plan->order, src, count);
        numbers = scratch->a;
    }
    for (unsigned k = 0; k < plan->order; k++) {
        dst = nts_svarint_put(dst, delta_start(k, src));
        scratch->a[k] = plan->block.base;
    }
    dst = nts_patched_write(dst, &plan->block, scratch->c, numbers + (count - slot_count),
                            slot_count);
    assert(dst == start + plan->size);
    (void)start;
    return dst;
}

void nts_delta_undo(uint64_t *x, size_t count, unsigned order, const uint64_t *starts)
{
    for (unsigned k = order; k-- > 0;) {
        x[k] = starts[k];
        nts_kernels()->sum_up(x + k, count - k);
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
    const size_t slot_count = nts_patched_slot_count(count, order);
    if (nts_patched_read(dst + (count - slot_count), slot_count, at, end) != end)
        return NANOTS_CORRUPT;
    nts_delta_undo(dst, count, order, heads);
    return NANOTS_OK;
}
