/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/snapshot.h - what a table holds at one moment.
 *
 * A snapshot is a counted list: the table's version, and of each part that waits for its flush the
 * memtable with the rows then visible, or the bulk segment. Taking it is one short hold of
 * write_lock; holding it blocks nobody, and keeps the bytes that it may read from being reused.
 */
#ifndef NTS_SNAPSHOT_H
#define NTS_SNAPSHOT_H

#include "engine/db.h"
#include "query/scan.h"

/* The table's sources in order of arrival, with a reference each; release with nts_snapshot_free,
 * or pass them to a scan and free the array with nts_free. NO_MEMORY. */
struct nts_snapshot {
    const struct nts_table_def *def; /* at the same moment */
    struct nts_source_spec *sources;
    size_t count;
};

NTS_CHECKED nanots_status nts_snapshot_take(struct nanots_table *table,
                                            struct nts_snapshot *snapshot,
                                            struct nanots_error *error);
/* The same with write_lock held, so that several tables are of one moment; needs no free if it
 * fails. */
NTS_CHECKED nanots_status nts_snapshot_take_locked(struct nanots_table *table,
                                                   struct nts_snapshot *snapshot);
void nts_snapshot_free(struct nts_snapshot *snapshot);

/* Starts a scan over a snapshot taken now. */
NTS_CHECKED nanots_status nts_snapshot_scan(struct nanots_table *table,
                                            const struct nts_scan_spec *spec,
                                            struct nts_scan **scan_out, struct nanots_error *error);

#endif
