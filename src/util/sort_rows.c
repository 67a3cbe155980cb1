/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/sort_rows.c - stable bottom-up merge sort of (ts, index). Contract: sort_rows.h. */
#include "util/sort_rows.h"

#include <string.h>

struct sort_row {
    int64_t ts;
    uint32_t index;
};

bool nts_rows_are_sorted(const int64_t *ts, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (ts[i] < ts[i - 1])
            return false;
    return true;
}

/* Merges from[start..middle) and from[middle..end); of equal ts the left one first. */
static void sort_merge(const struct sort_row *from, struct sort_row *to, size_t start,
                       size_t middle, size_t end)
{
    size_t left = start;
    size_t right = middle;
    for (size_t k = start; k < end; k++) {
        const bool take_left = left < middle && (right == end || from[left].ts <= from[right].ts);
        to[k] = from[take_left ? left++ : right++];
    }
}

/* Merges runs of growing width until one is left; returns the array that holds it. */
static struct sort_row *sort_runs(struct sort_row *from, struct sort_row *to, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            const size_t middle = start + width < count ? start + width : count;
            const size_t end = start + 2 * width < count ? start + 2 * width : count;
            sort_merge(from, to, start, middle, end);
        }
        struct sort_row *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

nanots_status nts_sort_rows(const struct nanots_allocator *alloc, const int64_t *ts, uint32_t count,
                            uint32_t **order_out)
{
    struct sort_row *rows = nts_alloc_array(alloc, (size_t)count * 2 + 1, sizeof *rows);
    uint32_t *order = nts_alloc_array(alloc, (size_t)count + 1, sizeof *order);

    *order_out = NULL;
    if (rows == NULL || order == NULL) {
        nts_free(rows);
        nts_free(order);
        return NANOTS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i].ts = ts[i];
        rows[i].index = i;
    }
    const struct sort_row *sorted = sort_runs(rows, rows + count, count);
    for (uint32_t i = 0; i < count; i++)
        order[i] = sorted[i].index;
    nts_free(rows);
    *order_out = order;
    return NANOTS_OK;
}
