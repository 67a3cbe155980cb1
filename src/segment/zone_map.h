/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/zone_map.h - what is kept of a vector for pruning and aggregates (SPEC.md 6.3).
 *
 * The order of additions is part of the format: eight lanes, value i to lane i mod 8, summed as a
 * tree, so that the sum is the same on every machine and instruction set. Pure; any thread.
 * Tests: unit/test_zone_map.c.
 */
#ifndef NTS_ZONE_MAP_H
#define NTS_ZONE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct nts_zone {
    double min; /* of the values that are no NaN; -0.0 counts as less than +0.0 */
    double max;
    double sum;
    uint32_t nan_count;
};

/* The sum of two sums. A NaN always has the bits 0x7ff8000000000000: those that infinities of both
 * signs give differ between processors, and with the order of the operands. */
double nts_zone_sum_add(double sum, double x);

/* 1 <= count. If all values are NaN, min and max have the bits of the first. */
void nts_zone_of_doubles(const double *values, size_t count, struct nts_zone *zone);

#endif
