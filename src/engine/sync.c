/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/sync.c - making the log durable, once for all who wait.
 *
 * Group commit: whoever gets sync_lock first syncs everything appended until then; the others find
 * their rows covered when they get it. A sync that failed is never tried again: the handle is
 * poisoned.
 */
#include "engine/engine.h"

#include "os/clock.h"

uint32_t nts_sync_wait_ms(const struct nanots_db *db)
{
    if (db->options.sync_mode != NANOTS_SYNC_NORMAL)
        return UINT32_MAX;
    const uint64_t waited_ms = nts_clock_coarse_ms() - db->last_sync_ms;
    const uint32_t interval_ms = db->options.sync_interval_ms;
    return waited_ms >= interval_ms ? 0 : interval_ms - (uint32_t)waited_ms;
}

nanots_status nts_sync_interval(struct nanots_db *db, uint32_t lead_ms, uint64_t *syncs,
                                struct nanots_error *error)
{
    nts_mutex_lock(&db->write_lock);
    const uint64_t end_count = db->wal.end.count;
    const bool is_due = nts_sync_wait_ms(db) <= lead_ms;
    const bool is_wanted = is_due && db->wal.synced.count < end_count;
    if (is_due)
        db->last_sync_ms = nts_clock_coarse_ms();
    nts_mutex_unlock(&db->write_lock);
    if (!is_wanted)
        return NANOTS_OK;
    NTS_TRY(nts_sync_to(db, end_count, error));
    if (syncs != NULL)
        ++*syncs;
    return NANOTS_OK;
}

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
