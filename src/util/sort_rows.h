/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/sort_rows.h - the order of rows by (ts, arrival). Pure but for the allocator; any thread.
 * Tests: unit/test_sort_rows.c. */
#ifndef NTS_SORT_ROWS_H
#define NTS_SORT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "util/alloc.h"

/* Whether ts[0..count) never steps back. */
bool nts_rows_are_sorted(const int64_t *ts, size_t count);

/* order_out[k] = index of the k-th row by (ts, index): a stable merge sort, with 2 x 16 bytes a
 * row of working memory. Release *order_out with nts_free. NO_MEMORY. */
NTS_CHECKED nanots_status nts_sort_rows(const struct nanots_allocator *alloc, const int64_t *ts,
                                        uint32_t count, uint32_t **order_out);

#endif
