/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/damage.h - the report of a scan that reads round damage (nanots_query_damage).
 *
 *   segment    |== row group 0 ==|== row group 1 ==|==|     one place each; without a footer, or
 *                          |xxxx|                           without times, the segment is one
 *                            rows of a block that was left out
 *
 * Belongs to the scan. Tests: unit/test_damage.c, unit/test_source.c.
 */
#ifndef NTS_DAMAGE_H
#define NTS_DAMAGE_H

#include <stdbool.h>

#include "base/status.h"

struct nts_damaged_place {
    const char *table;
    const char *column; /* NULL: the segment as a whole */
    uint64_t segment_id;
    uint64_t offset;
    uint32_t row_group;
    uint64_t rows; /* of all of it */
    int64_t ts_min;
    int64_t ts_max;
};

/* Whether what failed is bytes of the file, and not the call. */
static inline bool nts_damage_is_skipped(nanots_status status)
{
    return status == NANOTS_CORRUPT || status == NANOTS_IO;
}

/* Counts a place; the first is kept, with the sentence. */
void nts_damage_add_place(struct nanots_damage_report *damage,
                          const struct nts_damaged_place *place, const struct nanots_error *detail);
/* Counts rows that were wanted and are not given. */
void nts_damage_add_rows(struct nanots_damage_report *damage, uint64_t rows, int64_t ts_min,
                         int64_t ts_max);

#endif
