/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/salvage.h - a damaged file as a database of what can be read of it.
 *
 *   superblock --ok--> manifest --ok----------------------> catalog --> log, kept logs --> rows
 *        | lost            | lost                             ^
 *        +-----------------+--> every granule: segments ------+          without a superblock no log
 *
 * The database is a read-only handle that nobody but the repair sees. Its segments may still be
 * damaged inside; nothing of the file is written. Belongs to one thread. Tests: api/test_repair.c,
 * fault/test_copy_faults.c, fuzz/fuzz_repair.c.
 */
#ifndef NTS_SALVAGE_H
#define NTS_SALVAGE_H

#include "engine/db.h"

struct nts_salvage {
    struct nanots_db *db;
    const struct nanots_repair_options *options;
    struct nanots_repair_report *report;
    uint64_t file_size;
    uint64_t last_seq;              /* before rows of kept logs were put behind it */
    struct nanots_error unreadable; /* the first read that failed; OK: none did */
};

/* Opens the file; on failure there is nothing to close. What is lost is told. */
NTS_CHECKED nanots_status nts_salvage_open(struct nts_salvage *salvage, const char *path,
                                           const struct nanots_repair_options *options,
                                           struct nanots_repair_report *report,
                                           struct nanots_error *error);
void nts_salvage_close(struct nts_salvage *salvage);

/* One lost place. */
void nts_salvage_tell(const struct nts_salvage *salvage, const char *format, ...) NTS_PRINTF(2, 3);

/* Keeps the sentence of the first failure that was one of reading. */
void nts_salvage_note_unreadable(struct nts_salvage *salvage, const struct nanots_error *detail);

/* Nothing is saved: IO if reading failed, else `status` with "<path> <sentence>". */
nanots_status nts_salvage_give_up(const struct nts_salvage *salvage, nanots_status status,
                                  const char *sentence, struct nanots_error *error);

/* salvage_scan.c: fills the empty catalog with the segments that lie in the file. With a
 * superblock, those of rows that the log has are left to it. */
NTS_CHECKED nanots_status nts_salvage_scan(struct nts_salvage *salvage, struct nanots_error *error);

/* salvage_log.c: the rows of the log that the superblock names, and of the kept ones. */
NTS_CHECKED nanots_status nts_salvage_logs(struct nts_salvage *salvage, struct nanots_error *error);

#endif
