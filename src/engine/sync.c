/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/sync.c - making the log durable, once for all who wait.
 *
 * Group commit: whoever gets sync_lock first syncs everything appended until then; the others find
 * their rows covered when they get it. A sync that failed is never tried again: the handle is
 * poisoned.
 */
#include "engine/engine.h"

nanots_status nts_sync_to(struct nanots_db *db, uint64_t end_count, struct nanots_error *error)
{
    struct nts_wal_range range;
    nanots_status status;

    nts_mutex_lock(&db->sync_lock);
    nts_mutex_lock(&db->write_lock);
    status = nts_db_check_writable_locked(db, error);
    const bool is_covered = db->wal.synced.count >= end_count;
    if (status == NANOTS_OK && !is_covered)
        nts_wal_capture(&db->wal, db->last_seq, &range);
    nts_mutex_unlock(&db->write_lock);
    if (status == NANOTS_OK && !is_covered) {
        status = nts_wal_sync(db->file, &range, error);
        if (status == NANOTS_OK) {
            nts_mutex_lock(&db->write_lock);
            nts_wal_note_synced(&db->wal, &range);
            nts_mutex_unlock(&db->write_lock);
        } else {
            nts_db_poison(db, status);
        }
    }
    nts_mutex_unlock(&db->sync_lock);
    return status;
}
