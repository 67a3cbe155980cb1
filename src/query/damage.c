/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/damage.c - counting what is left out. Contract: damage.h. */
#include "query/damage.h"

#include <string.h>

void nts_damage_add_place(struct nanots_damage_report *damage,
                          const struct nts_damaged_place *place, const struct nanots_error *detail)
{
    if (damage->places++ != 0)
        return;
    damage->table = place->table;
    damage->column = place->column;
    damage->segment_id = place->segment_id;
    damage->offset = place->offset;
    damage->row_group = place->row_group;
    damage->place_rows = place->rows;
    damage->place_ts_min = place->ts_min;
    damage->place_ts_max = place->ts_max;
    damage->status = detail->code;
    memcpy(damage->message, detail->message, sizeof damage->message);
}

void nts_damage_add_rows(struct nanots_damage_report *damage, uint64_t rows, int64_t ts_min,
                         int64_t ts_max)
{
    if (damage->rows == 0 || ts_min < damage->ts_min)
        damage->ts_min = ts_min;
    if (damage->rows == 0 || ts_max > damage->ts_max)
        damage->ts_max = ts_max;
    damage->rows += rows;
}
