/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/predict.c - errors of predictors, and values back from them; predict_fit.c finds the taps.
 */
#include "codec/predict.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/compiler.h"
#include "codec/delta.h"
#include "codec/varint.h"

#define CONTROL_TAPS_SHIFT 3u
#define CONTROL_PART_MASK  7u
#define CONTROL_END        0x40u
#define TAP_ORDER_MAX      3u
#define PRECISION_MAX      63u

/* The polynomial through the values before `y`. */
NTS_ALWAYS_INLINE uint64_t predict_extrapolate(const uint64_t *y, unsigned order)
{
    switch (order) {
    case 0:
        return 0;
    case 1:
        return y[-1];
    case 2:
        return 2 * y[-1] - y[-2];
    default:
        return 3 * (y[-1] - y[-2]) + y[-3];
    }
}

NTS_ALWAYS_INLINE uint64_t predict_tap(int64_t tap, uint64_t y)
{
    return (uint64_t)nts_mul_high(tap, (int64_t)(y << 3));
}

/* ---- encode ------------------------------------------------------------------------------- */

/* Differences, a binomial coefficient at a time. */
static void predict_differences(uint64_t *restrict dst, unsigned order,
                                const uint64_t *restrict src, size_t count)
{
    uint64_t coefficient = 1;

    memcpy(dst, src, count * sizeof *dst);
    for (unsigned k = 1; k <= order; k++) {
        coefficient = coefficient * (order + 1 - k) / k;
        const uint64_t factor = k % 2 == 0 ? coefficient : 0 - coefficient;
        for (size_t i = 0; i < count; i++)
            dst[i] += factor * (src - k)[i];
    }
}

void nts_predict_errors(uint64_t *dst, const struct nts_predictor *predictor, const uint64_t *src,
                        size_t first, size_t count, uint64_t origin)
{
    uint64_t y[NTS_PREDICT_REACH + NTS_VECTOR_ROWS];
    const unsigned start_count = nts_predict_start_count(predictor);
    const unsigned order = predictor->order;

    src += first;
    if (predictor->tap_count == 0) {
        predict_differences(dst, order, src, count);
        return;
    }
    for (size_t i = 0; i < start_count + count; i++)
        y[i] = (src - start_count)[i] - origin;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *const at = y + start_count + i;
        dst[i] = at[0] - predict_extrapolate(at, order);
        for (unsigned j = 0; j < predictor->tap_count; j++)
            dst[i] -= predict_tap(predictor->taps[j], at[-2 - (int)j]);
    }
}

/* Differences of rising order at src[0..start_count). */
static void predict_starts(uint64_t *starts, const uint64_t *src, unsigned start_count)
{
    memcpy(starts, src, start_count * sizeof *starts);
    for (unsigned k = 1; k < start_count; k++)
        for (unsigned i = start_count - 1; i >= k; i--)
            starts[i] -= starts[i - 1];
}

static size_t predict_head_size(const struct nts_predictor *predictor, const uint64_t *src)
{
    uint8_t head[NTS_PREDICTOR_SIZE_MAX + NTS_PREDICT_STARTS_SIZE_MAX];
    uint8_t *const starts = nts_predictor_write(head, predictor);

    return (size_t)(nts_predict_write_starts(starts, predictor, src) - head);
}

uint8_t *nts_predictor_write(uint8_t *dst, const struct nts_predictor *predictor)
{
    *dst++ = (uint8_t)(predictor->order | predictor->tap_count << CONTROL_TAPS_SHIFT);
    if (predictor->tap_count > 0)
        *dst++ = predictor->precision;
    for (unsigned j = 0; j < predictor->tap_count; j++)
        dst = nts_svarint_put(dst, (uint64_t)(predictor->taps[j] >> predictor->precision));
    return dst;
}

uint8_t *nts_predict_write_starts(uint8_t *dst, const struct nts_predictor *predictor,
                                  const uint64_t *src)
{
    uint64_t starts[NTS_PREDICT_REACH];
    const unsigned start_count = nts_predict_start_count(predictor);

    predict_starts(starts, src, start_count);
    for (unsigned k = 0; k < start_count; k++)
        dst = nts_svarint_put(dst, starts[k]);
    return dst;
}

struct nts_predict_plan nts_predict_choose(struct nts_codec_scratch *scratch,
                                           const struct nts_predictor *predictor,
                                           const uint64_t *src, size_t count)
{
    const size_t start_count = nts_predict_start_count(predictor);
    struct nts_predict_plan plan = {.predictor = *predictor};

    assert(count > start_count);
    nts_predict_errors(scratch->a, predictor, src, start_count, count - start_count, src[0]);
    plan.block = nts_patched_choose(scratch->a, count - start_count,
                                    nts_patched_slot_count(count, start_count));
    plan.size = predict_head_size(predictor, src) + plan.block.size;
    return plan;
}

uint8_t *nts_predict_write(uint8_t *dst, const struct nts_predict_plan *plan,
                           struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    const struct nts_predictor *const predictor = &plan->predictor;
    const unsigned start_count = nts_predict_start_count(predictor);
    const size_t slot_count = nts_patched_slot_count(count, start_count);
    uint8_t *const start = dst;

    dst = nts_predict_write_starts(nts_predictor_write(dst, predictor), predictor, src);
    for (unsigned k = 0; k < start_count; k++)
        scratch->a[k] = plan->block.base;
    nts_predict_errors(scratch->a + start_count, predictor, src, start_count, count - start_count,
                       src[0]);
    dst = nts_patched_write(dst, &plan->block, scratch->c, scratch->a + (count - slot_count),
                            slot_count);
    assert(dst == start + plan->size);
    (void)start;
    return dst;
}

/* ---- decode ------------------------------------------------------------------------------- */

const uint8_t *nts_predictor_read(struct nts_predictor *predictor, const uint8_t *at,
                                  const uint8_t *end)
{
    if (end - at < 1 || *at >= CONTROL_END)
        return NULL;
    *predictor = (struct nts_predictor){.order = *at & CONTROL_PART_MASK,
                                        .tap_count = (uint8_t)(*at >> CONTROL_TAPS_SHIFT)};
    at++;
    if (predictor->tap_count == 0)
        return at;
    if (predictor->tap_count > NTS_PREDICT_TAPS_MAX || predictor->order > TAP_ORDER_MAX ||
        end - at < 1 || *at > PRECISION_MAX)
        return NULL;
    predictor->precision = *at++;
    for (unsigned j = 0; j < predictor->tap_count && at != NULL; j++) {
        uint64_t tap;
        at = nts_svarint_get(at, end, &tap);
        predictor->taps[j] = (int64_t)(tap << predictor->precision);
    }
    return at;
}

const uint8_t *nts_predict_read_starts(uint64_t *starts, const struct nts_predictor *predictor,
                                       const uint8_t *at, const uint8_t *end)
{
    for (unsigned k = 0; k < nts_predict_start_count(predictor) && at != NULL; k++)
        at = nts_svarint_get(at, end, &starts[k]);
    return at;
}

/* The last values of a recurrence: y[i-1] .. y[i-3], and 8 y[i-1] .. 8 y[i-5] for the taps. No
 * arrays: compilers would keep them in memory. */
struct predict_state {
    uint64_t y1, y2, y3;
    uint64_t far1, far2, far3, far4, far5;
};

NTS_ALWAYS_INLINE void predict_push(struct predict_state *state, uint64_t y)
{
    state->y3 = state->y2;
    state->y2 = state->y1;
    state->y1 = y;
    state->far5 = state->far4;
    state->far4 = state->far3;
    state->far3 = state->far2;
    state->far2 = state->far1;
    state->far1 = y << 3;
}

NTS_ALWAYS_INLINE uint64_t predict_product(int64_t tap, uint64_t far)
{
    return (uint64_t)nts_mul_high(tap, (int64_t)far);
}

/* The recurrence of one order and number of taps, which are constants where this is inlined. The
 * sums are grouped so that the last value, y[i-1], is waited for by one addition. */
NTS_ALWAYS_INLINE void predict_run(uint64_t *x, size_t first, size_t count, unsigned order,
                                   unsigned tap_count, const int64_t *taps)
{
    const uint64_t origin = x[0];
    const int64_t t0 = taps[0];
    const int64_t t1 = taps[1];
    const int64_t t2 = taps[2];
    const int64_t t3 = taps[3];
    struct predict_state state = {0};

    for (size_t i = 0; i < first; i++)
        predict_push(&state, x[i] - origin);
    for (size_t i = first; i < count; i++) {
        uint64_t rest = x[i] + predict_product(t0, state.far2) + predict_product(t1, state.far3);
        if (tap_count > 2)
            rest += predict_product(t2, state.far4);
        if (tap_count > 3)
            rest += predict_product(t3, state.far5);
        if (order == 2)
            rest -= state.y2;
        else if (order == 3)
            rest += state.y3 - 3 * state.y2;
        const uint64_t y = rest + order * state.y1;
        predict_push(&state, y);
        x[i] = y + origin;
    }
}

NTS_ALWAYS_INLINE void predict_run_order(uint64_t *x, size_t first, size_t count,
                                         const struct nts_predictor *predictor, unsigned order)
{
    switch (predictor->tap_count) {
    case 1:
    case 2: /* a tap that is not there is 0 */
        predict_run(x, first, count, order, 2, predictor->taps);
        return;
    case 3:
        predict_run(x, first, count, order, 3, predictor->taps);
        return;
    default:
        predict_run(x, first, count, order, 4, predictor->taps);
        return;
    }
}

static void predict_recur(uint64_t *x, size_t first, size_t count,
                          const struct nts_predictor *predictor)
{
    switch (predictor->order) {
    case 0:
        predict_run_order(x, first, count, predictor, 0);
        return;
    case 1:
        predict_run_order(x, first, count, predictor, 1);
        return;
    case 2:
        predict_run_order(x, first, count, predictor, 2);
        return;
    default:
        predict_run_order(x, first, count, predictor, 3);
        return;
    }
}

void nts_predict_undo(uint64_t *x, size_t count, const struct nts_predictor *predictor,
                      const uint64_t *starts)
{
    const unsigned start_count = nts_predict_start_count(predictor);

    if (predictor->tap_count == 0) {
        nts_delta_undo(x, count, predictor->order, starts);
        return;
    }
    memcpy(x, starts, start_count * sizeof *x);
    nts_delta_undo(x, start_count, start_count - 1, starts);
    predict_recur(x, start_count, count, predictor);
}

nanots_status nts_predict_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    uint64_t starts[NTS_PREDICT_REACH];
    struct nts_predictor predictor;
    const uint8_t *at = nts_predictor_read(&predictor, src, end);

    if (at == NULL || (predictor.tap_count == 0 && predictor.order < TAP_ORDER_MAX))
        return NANOTS_CORRUPT;
    at = nts_predict_read_starts(starts, &predictor, at, end);
    const unsigned start_count = nts_predict_start_count(&predictor);
    if (at == NULL || count <= start_count)
        return NANOTS_CORRUPT;
    const size_t slot_count = nts_patched_slot_count(count, start_count);
    if (nts_patched_read(dst + (count - slot_count), slot_count, at, end) != end)
        return NANOTS_CORRUPT;
    nts_predict_undo(dst, count, &predictor, starts);
    return NANOTS_OK;
}
