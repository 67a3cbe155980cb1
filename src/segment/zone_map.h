/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/zone_map.h - what is kept of a vector for pruning and aggregates (SPEC.md 6.3).
 *
 * The order of additions is part of the format: eight lanes, value i to lane i mod 8, summed as a
 * tree, so that the sum is the same on every machine and instruction set. Pure; any thread.
 * Tests: unit/test_zone_map.c.
 */
#ifndef NTS_ZONE_MAP_H
#define NTS_ZONE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of f64 for f64 and f32, of i64 for i64, i32 and bool; of strings, their order by 8 bytes.
 * Null rows do not count; if there are no others all is 0 but null_count. */
struct nts_zone {
    uint64_t min; /* of floats: of those that are no NaN; -0.0 counts as less than +0.0 */
    uint64_t max;
    uint64_t sum; /* of floats: of those that are no NaN; of integers: modulo 2^64; of strings: 0 */
    uint64_t first;
    uint64_t last;
    uint32_t nan_count;
    uint32_t null_count;
    bool all_equal; /* the values that are not null have the same bits */
};

/* What the vectors of one row group add up to; begins as all zeros. */
struct nts_zone_total {
    bool has_values; /* a row that is not null */
    uint64_t sum;
    uint64_t first;
    uint64_t last;
};

/* Adds the next vector, of `count` rows. */
void nts_zone_total_add(struct nts_zone_total *total, bool is_float, size_t count,
                        const struct nts_zone *zone);

/* The sum of two sums. A NaN always has the bits 0x7ff8000000000000: those that infinities of both
 * signs give differ between processors, and with the order of the operands. */
double nts_zone_sum_add(double sum, double x);

/* All take 1 <= count values, none of them null. If all floats are NaN, min and max have the bits
 * of the first. */
void nts_zone_of_doubles(const double *values, size_t count, struct nts_zone *zone);
void nts_zone_of_ints(const int64_t *values, size_t count, struct nts_zone *zone);
/* String i is bytes[offsets[i]] to bytes[offsets[i + 1] - 1]. */
void nts_zone_of_strings(const uint8_t *bytes, const int32_t *offsets, size_t count,
                         struct nts_zone *zone);

/* How a string stands in a zone map: its first 8 bytes, big-endian, as an i64 of the same order. */
int64_t nts_zone_of_string(const uint8_t *bytes, size_t size);

#endif
