/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/seasonal.c - finding a period, and differences over it. */
#include "codec/seasonal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/varint.h"

#define GLANCE_COUNT 8u
#define PROBE_COUNT  32u
/* Values are looked at with so many bits, so that sums of distances cannot overflow. */
#define LENGTH_MAX 48u
/* A period must bring values this much closer than neighbours are. */
#define GAIN_MIN 2u

/* Sum of the distances of `count` values to those `lag` before them. */
static uint64_t seasonal_distance(const uint64_t *at, size_t count, size_t lag, unsigned shift)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        const int64_t distance = (int64_t)(at[i] - (at - lag)[i]);
        sum += (uint64_t)(distance < 0 ? -(distance >> shift) : distance >> shift);
    }
    return sum;
}

size_t nts_seasonal_period(const uint64_t *src, size_t count)
{
    uint64_t magnitudes = 0;
    size_t period = 0;

    assert(count >= NTS_SEASONAL_COUNT_MIN);
    const size_t lag_max = count - PROBE_COUNT < NTS_SEASONAL_PERIOD_MAX ? count - PROBE_COUNT
                                                                         : NTS_SEASONAL_PERIOD_MAX;
    for (size_t i = 0; i < count; i++)
        magnitudes |= nts_zigzag((int64_t)(src[i] - src[0]));
    const unsigned length = nts_bit_length(magnitudes);
    const unsigned shift = length > LENGTH_MAX ? length - LENGTH_MAX : 0;
    const uint64_t *const at = src + count - PROBE_COUNT;
    uint64_t best = seasonal_distance(at, PROBE_COUNT, 1, shift) / GAIN_MIN;
    for (size_t lag = 2; lag <= lag_max && best > 0; lag++) {
        /* Most lags show by a few values that they are none. */
        if (seasonal_distance(at, GLANCE_COUNT, lag, shift) > best * 3 / 8)
            continue;
        const uint64_t distance = seasonal_distance(at, PROBE_COUNT, lag, shift);
        if (distance >= best)
            continue;
        best = distance;
        period = lag;
    }
    return period;
}

struct nts_seasonal_plan nts_seasonal_choose(struct nts_codec_scratch *scratch, size_t period,
                                             const uint64_t *src, size_t count)
{
    struct nts_seasonal_plan plan = {.period = period};

    assert(period >= 1);
    assert(period < count);
    for (size_t i = period; i < count; i++)
        scratch->lagged[i - period] = src[i] - src[i - period];
    plan.first = nts_simple_choose(scratch, src, period);
    plan.rest = nts_simple_choose(scratch, scratch->lagged, count - period);
    plan.size = nts_varint_size(period) + nts_varint_size(plan.first.size) + plan.first.size +
                plan.rest.size;
    return plan;
}

uint8_t *nts_seasonal_write(uint8_t *dst, const struct nts_seasonal_plan *plan,
                            struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    dst = nts_varint_put(dst, plan->period);
    dst = nts_varint_put(dst, plan->first.size);
    dst = nts_simple_write(dst, &plan->first, scratch, src, plan->period);
    return nts_simple_write(dst, &plan->rest, scratch, scratch->lagged, count - plan->period);
}

static void seasonal_add(uint64_t *restrict x, const uint64_t *restrict before, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] += before[i];
}

nanots_status nts_seasonal_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    uint64_t period;
    uint64_t size;
    const uint8_t *at = nts_varint_get(src, end, &period);

    if (at == NULL || period < 1 || period > NTS_SEASONAL_PERIOD_MAX || period >= count)
        return NANOTS_CORRUPT;
    at = nts_varint_get(at, end, &size);
    if (at == NULL || size > (size_t)(end - at))
        return NANOTS_CORRUPT;
    NTS_TRY(nts_simple_read(dst, (size_t)period, at, (size_t)size));
    at += size;
    NTS_TRY(nts_simple_read(dst + period, count - (size_t)period, at, (size_t)(end - at)));
    for (size_t first = (size_t)period; first < count; first += (size_t)period) {
        const size_t rest = count - first;
        seasonal_add(dst + first, dst + first - period, rest < period ? rest : (size_t)period);
    }
    return NANOTS_OK;
}
