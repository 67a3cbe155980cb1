/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/zone_map.c - min, max, sum and NaN count of a vector. Contract: zone_map.h. */
#include "segment/zone_map.h"

#include <math.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"

#define ZONE_LANES   8u
#define ZONE_SUM_NAN 0x7ff8000000000000u

struct zone_lanes {
    double min[ZONE_LANES];
    double max[ZONE_LANES];
    double sum[ZONE_LANES];
    uint64_t nans[ZONE_LANES];
};

static void zone_lane_add(struct zone_lanes *lanes, size_t lane, double x)
{
    lanes->min[lane] = x < lanes->min[lane] ? x : lanes->min[lane];
    lanes->max[lane] = x > lanes->max[lane] ? x : lanes->max[lane];
    lanes->sum[lane] += x == x ? x : 0.0;
    lanes->nans[lane] += x != x;
}

/* Comparison cannot tell the zeros apart: look for the one that is wanted. */
static double zone_pick_zero(const double *values, size_t count, bool negative)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == 0.0 && (signbit(values[i]) != 0) == negative)
            return negative ? -0.0 : 0.0;
    return negative ? 0.0 : -0.0;
}

static bool bits_are_equal(const double *values, size_t count)
{
    const uint64_t first = nts_bits_of_double(values[0]);
    for (size_t i = 1; i < count; i++)
        if (nts_bits_of_double(values[i]) != first)
            return false;
    return true;
}

double nts_zone_sum_add(double sum, double x)
{
    const double both = sum + x;
    return both == both ? both : nts_double_of_bits(ZONE_SUM_NAN);
}

void nts_zone_total_add(struct nts_zone_total *total, bool is_float, size_t count,
                        const struct nts_zone *zone)
{
    if (zone->null_count == count)
        return;
    if (!total->has_values)
        total->first = zone->first;
    total->has_values = true;
    total->last = zone->last;
    total->sum = is_float ? nts_bits_of_double(nts_zone_sum_add(nts_double_of_bits(total->sum),
                                                                nts_double_of_bits(zone->sum)))
                          : total->sum + zone->sum;
}

void nts_zone_of_doubles(const double *values, size_t count, struct nts_zone *zone)
{
    struct zone_lanes lanes;
    size_t i = 0;

    assert(count != 0);
    for (size_t lane = 0; lane < ZONE_LANES; lane++) {
        lanes.min[lane] = INFINITY;
        lanes.max[lane] = -INFINITY;
        lanes.sum[lane] = 0.0;
        lanes.nans[lane] = 0;
    }
    for (; i + ZONE_LANES <= count; i += ZONE_LANES)
        for (size_t lane = 0; lane < ZONE_LANES; lane++)
            zone_lane_add(&lanes, lane, values[i + lane]);
    for (; i < count; i++)
        zone_lane_add(&lanes, i % ZONE_LANES, values[i]);

    uint64_t nans = 0;
    double min = INFINITY;
    double max = -INFINITY;
    for (size_t lane = 0; lane < ZONE_LANES; lane++) {
        min = lanes.min[lane] < min ? lanes.min[lane] : min;
        max = lanes.max[lane] > max ? lanes.max[lane] : max;
        nans += lanes.nans[lane];
    }
    const double sum =
        nts_zone_sum_add((lanes.sum[0] + lanes.sum[1]) + (lanes.sum[2] + lanes.sum[3]),
                         (lanes.sum[4] + lanes.sum[5]) + (lanes.sum[6] + lanes.sum[7]));
    if (nans == count)
        min = max = values[0];
    if (min == 0.0)
        min = zone_pick_zero(values, count, true);
    if (max == 0.0)
        max = zone_pick_zero(values, count, false);
    zone->min = nts_bits_of_double(min);
    zone->max = nts_bits_of_double(max);
    zone->sum = nts_bits_of_double(sum);
    zone->first = nts_bits_of_double(values[0]);
    zone->last = nts_bits_of_double(values[count - 1]);
    zone->nan_count = (uint32_t)nans;
    zone->null_count = 0;
    zone->all_equal = bits_are_equal(values, count);
}

void nts_zone_of_ints(const int64_t *values, size_t count, struct nts_zone *zone)
{
    int64_t min = values[0];
    int64_t max = values[0];
    uint64_t sum = 0;

    assert(count != 0);
    for (size_t i = 0; i < count; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
        sum += (uint64_t)values[i];
    }
    zone->min = (uint64_t)min;
    zone->max = (uint64_t)max;
    zone->sum = sum;
    zone->first = (uint64_t)values[0];
    zone->last = (uint64_t)values[count - 1];
    zone->nan_count = 0;
    zone->null_count = 0;
    zone->all_equal = min == max;
}

int64_t nts_zone_of_string(const uint8_t *bytes, size_t size)
{
    uint64_t order = 0;
    for (size_t i = 0; i < 8; i++)
        order = order << 8 | (i < size ? bytes[i] : 0u);
    return (int64_t)(order ^ (uint64_t)1 << 63);
}

void nts_zone_of_strings(const uint8_t *bytes, const int32_t *offsets, size_t count,
                         struct nts_zone *zone)
{
    int64_t min = INT64_MAX;
    int64_t max = INT64_MIN;

    assert(count != 0);
    for (size_t i = 0; i < count; i++) {
        const int64_t order =
            nts_zone_of_string(bytes + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
        min = order < min ? order : min;
        max = order > max ? order : max;
    }
    const struct nts_zone found = {.min = (uint64_t)min, .max = (uint64_t)max};
    *zone = found;
}
