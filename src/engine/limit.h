/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/limit.h - the file stays within max_bytes: the oldest segments go before it grows over it.
 *
 *   |sb| log | reserve | manifest | segments ... |  free  |
 *    <------ live, and what is about to be taken ------>
 *
 *   live > max_bytes --> segments by the time of their last row, whatever their table, oldest first,
 *                        until a 32nd of max_bytes is free --> one commit --> their room is free
 *
 * What only readers keep does not count: it would go on and on. Looked at by every flush before it
 * takes room, by batches that take theirs themselves, and by upkeep. Without the option nothing is
 * done.
 * Tests: api/test_max_bytes.c, fault/test_limit_faults.c, crash/test_limit_cut.c.
 */
#ifndef NTS_LIMIT_H
#define NTS_LIMIT_H

#include "engine/db.h"

#define NTS_LIMIT_BYTES_MIN 1048576u /* sixteen extents of the smallest log */
#define NTS_LIMIT_LOG_SHARE 16u      /* an extent of the log is at most such a part of max_bytes */

/* A segment that a flush is about to commit. */
struct nts_limit_coming {
    struct nanots_table *table;
    const struct nts_segment_entry *entry;
};

/* Before `size` bytes are taken: segments go until they fit, or none is left that may go. Those
 * that are coming have their turn after the flush, and count here as if they went. Needs
 * flush_lock; may commit. Adds to db->limit_rows. */
NTS_CHECKED nanots_status nts_limit_make_room(struct nanots_db *db, uint64_t size,
                                              const struct nts_limit_coming *coming,
                                              size_t coming_count, struct nanots_error *error);

/* The same for a batch that takes its room before any flush, as far as it can be done. Takes
 * flush_lock. */
void nts_limit_admit_batch(struct nanots_db *db, uint64_t size);

/* The same for upkeep: the file, as it is, fits. Takes flush_lock; adds to *rows. */
NTS_CHECKED nanots_status nts_limit_enforce(struct nanots_db *db, uint64_t *rows,
                                            struct nanots_error *error);

/* Most rows of a segment that a rewrite of this version makes, so that what goes at once stays a
 * small part of the file. */
uint64_t nts_limit_segment_rows(const struct nanots_db *db, const struct nts_version *version);

/* Bytes of bulk segments with which a run is full. */
uint64_t nts_limit_bulk_bytes(const struct nanots_db *db);

#endif
