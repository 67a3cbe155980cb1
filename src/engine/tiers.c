/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/tiers.c - the choice of what to merge. Contract: tiers.h. */
#include "engine/tiers.h"

#include "base/check.h"

/* The longest merge that begins at the first of `rows`; 0 if there is none. */
static size_t tier_window(const uint64_t *rows, size_t count, const struct nts_tier_limits *limits,
                          uint64_t *total_out)
{
    uint64_t total = 0;
    uint64_t largest = 0;
    size_t best = 0;

    for (size_t i = 0; i < count && i < limits->units_max; i++) {
        if (!nts_tiers_takes(rows[i], limits) || rows[i] > limits->rows_max - total)
            break;
        total += rows[i];
        if (largest < rows[i])
            largest = rows[i];
        const size_t units = i + 1;
        if (units == limits->units_max || (units >= NTS_TIER_UNITS_MIN && total / 2 >= largest)) {
            best = units;
            *total_out = total;
        }
    }
    return best;
}

size_t nts_tiers_choose(const uint64_t *rows, size_t count, const struct nts_tier_limits *limits,
                        size_t *first_out)
{
    size_t best = 0;
    uint64_t best_cost = 0;

    assert(limits->units_max >= NTS_TIER_UNITS_MIN);
    *first_out = 0;
    for (size_t first = 0; first + NTS_TIER_UNITS_MIN <= count; first++) {
        uint64_t total = 0;
        const size_t units = tier_window(rows + first, count - first, limits, &total);
        if (units == 0)
            continue;
        const uint64_t cost = total / (units - 1);
        if (best == 0 || cost < best_cost) {
            best = units;
            best_cost = cost;
            *first_out = first;
        }
    }
    return best;
}
