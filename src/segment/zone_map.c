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

double nts_zone_sum_add(double sum, double x)
{
    const double both = sum + x;
    return both == both ? both : nts_double_of_bits(ZONE_SUM_NAN);
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
    zone->min = INFINITY;
    zone->max = -INFINITY;
    for (size_t lane = 0; lane < ZONE_LANES; lane++) {
        zone->min = lanes.min[lane] < zone->min ? lanes.min[lane] : zone->min;
        zone->max = lanes.max[lane] > zone->max ? lanes.max[lane] : zone->max;
        nans += lanes.nans[lane];
    }
    zone->nan_count = (uint32_t)nans;
    zone->sum = nts_zone_sum_add((lanes.sum[0] + lanes.sum[1]) + (lanes.sum[2] + lanes.sum[3]),
                                 (lanes.sum[4] + lanes.sum[5]) + (lanes.sum[6] + lanes.sum[7]));
    if (nans == count)
        zone->min = zone->max = values[0];
    if (zone->min == 0.0)
        zone->min = zone_pick_zero(values, count, true);
    if (zone->max == 0.0)
        zone->max = zone_pick_zero(values, count, false);
}
