/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy.h - whole files from files: what api/ calls.
 *
 *   live database --> state of one moment -------------------------+
 *                                                                  +--> target: a closed file
 *   damaged file --> salvage: what can be read, as a database -----+
 *
 * Tests: api/test_backup.c, api/test_repair.c, crash/test_backup_cut.c, fault/test_copy_faults.c.
 */
#ifndef NTS_COPY_H
#define NTS_COPY_H

#include "engine/db.h"

/* The contracts of nanots.h. Options are whole structs; reports are added to and start at zero. */
NTS_CHECKED nanots_status nts_backup(struct nanots_db *db, const char *out_path,
                                     const struct nanots_backup_options *options,
                                     struct nanots_backup_report *report,
                                     struct nanots_error *error);
NTS_CHECKED nanots_status nts_repair(const char *in_path, const char *out_path,
                                     const struct nanots_repair_options *options,
                                     struct nanots_repair_report *report,
                                     struct nanots_error *error);

#endif
