/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/group.h - several appends, to any tables, as one unit.
 *
 *   begin --> append ... append --> commit: BEGIN, a record a table or bulk batch, COMMIT --> visible
 *               |          |          |
 *               |          |          +--> or roll back: as if nothing had been
 *               v          v
 *        rows of a table in a memtable of the group; the largest of them as segments in held space
 *        when there are too many, and batches that are large at once
 *
 * Nothing of a group is in the log, in a run or in a table before its commit, which does all that
 * in one hold of write_lock: so no flush, SEAL or other append comes between its rows, and what it
 * holds is memory and space that nobody names. Bounds: a quarter of
 * memtable_bytes of rows or 4 KiB a table, whichever is more; half of wal_bytes for the entry in
 * the log.
 *
 * In mode full a group becomes visible after its sync, in one hold of write_lock; rows that come
 * behind it in the same memtables and are synced earlier show it with them, whole.
 *
 * A group is used by one thread at a time. Tests: api/test_groups.c, crash/test_group_crash.c,
 * fault/test_group_faults.c.
 */
#ifndef NTS_GROUP_H
#define NTS_GROUP_H

#include "engine/engine.h"

/* An empty group of a handle that may write. */
NTS_CHECKED nanots_status nts_group_begin(struct nanots_db *db, struct nanots_group **group_out,
                                          struct nanots_error *error);
struct nanots_db *nts_group_db(const struct nanots_group *group);
/* Adds rows, which are prepared for the table's definition of the moment. A failure leaves the
 * group as it was. INVALID if the table is of another handle. */
NTS_CHECKED nanots_status nts_group_append(struct nanots_group *group, struct nanots_table *table,
                                           const struct nts_rows *rows, struct nanots_error *error);
/* Frees the group, whatever it returns. */
NTS_CHECKED nanots_status nts_group_commit(struct nanots_group *group, uint64_t *seq_out,
                                           struct nanots_error *error);
void nts_group_rollback(struct nanots_group *group);

/* With write_lock, after a sync of the rows up to `seq`: the groups among them become visible. */
void nts_group_show(struct nanots_db *db, uint64_t seq);

#endif
