/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/grouped.h - groups over three tables whose rows say which group they are of.
 *
 *   id --> rows for g0, g1, g2: (ts, id, row) --> begin, appends of every form, commit
 *                                                            | crash, reopen
 *   every group there in all tables, with all rows, or in none  <-+ grouped_scan
 *
 * How many rows a group has, and whether they are single ones or batches, follows from its id: some
 * are large enough to be segments before their commit, in one table or in all. Functions that find
 * something wrong return a sentence, else NULL.
 */
#ifndef GROUPED_H
#define GROUPED_H

#include <stdbool.h>
#include <stdint.h>

#include "nanots.h"

#define GROUPED_TABLES 3u
#define GROUPED_MAX    256u  /* groups */
#define GROUPED_LOOSE  1000u /* id of rows that are of no group, and not counted */

extern const char *const grouped_tables[GROUPED_TABLES];

struct grouped {
    uint32_t seen[GROUPED_MAX][GROUPED_TABLES]; /* rows that the last scan found */
    char complaint[200];
};

nanots_status grouped_create(struct nanots_db *db, struct nanots_error *error);
uint32_t grouped_rows(uint32_t id, uint32_t table);
/* Puts the rows of group `id` into a group that is open. */
nanots_status grouped_fill(struct nanots_group *group, uint32_t id, struct nanots_error *error);
/* The whole: begin, fill, commit; rolls back where filling fails. */
nanots_status grouped_append(struct nanots_db *db, uint32_t id, struct nanots_error *error);

/* Reads the tables; one that does not exist is empty. Groups are there as a whole or not at all. */
const char *grouped_scan(struct grouped *grouped, struct nanots_db *db);
/* Of the last scan. */
bool grouped_has(const struct grouped *grouped, uint32_t id);

#endif
