/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/upkeep_thread.c - the thread of auto_maintenance.
 *
 *        +------------------------------- wait -----------------------------+
 *        |   until a run is frozen, or the clock says so, or the close      |
 *        v                                                                  |
 *   note how far appends are --> a step, of what pace.h says is due now ----+--> must_stop: end
 *
 * One a handle that writes, from the end of nanots_open to the begin of nanots_close. Nothing runs
 * in a child of fork(): it has no such thread, and its handle is refused before anyone waits for
 * it. What fails is counted for nanots_diagnose, and tried again at the next look; what poisons the
 * handle every append says.
 */
#include <string.h>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/maintain.h"
#include "engine/pace.h"
#include "os/clock.h"

#define TURN_MS 200u /* of merging, until load is looked at anew */

void nts_upkeep_wake(struct nanots_db *db)
{
    if (!db->upkeep.is_running)
        return;
    db->upkeep.is_woken = true;
    nts_cond_signal(&db->upkeep.wake);
}

/* Needs write_lock. */
static uint32_t upkeep_wait_ms(const struct nanots_db *db, const struct nts_pace *pace)
{
    const uint32_t lead_ms = db->options.sync_interval_ms / 4;
    const uint32_t sync_ms = nts_sync_wait_ms(db);
    uint32_t wait_ms = nts_pace_wait_ms(pace, nts_clock_coarse_ms());
    if (db->poisoned != NANOTS_OK)
        return UINT32_MAX; /* nothing can be done any more */
    if (sync_ms != UINT32_MAX && wait_ms > sync_ms - (sync_ms < lead_ms ? sync_ms : lead_ms))
        wait_ms = sync_ms - (sync_ms < lead_ms ? sync_ms : lead_ms);
    return wait_ms;
}

/* A turn without write_lock; what came of it is noted under it. */
static void upkeep_turn(struct nanots_db *db, struct nts_pace *pace)
{
    const struct nts_turn turn = nts_pace_turn(pace, nts_clock_coarse_ms());
    struct nts_maintain step = {
        .merge = turn.merge, .retain = turn.retain, .is_idle = turn.merge && turn.is_idle};
    step.budget.max_ms = TURN_MS;
    const nanots_status status = nts_maintain_step(db, &step, NULL);
    nts_pace_done(pace, &turn, nts_clock_coarse_ms(), status == NANOTS_OK && step.merge_is_due,
                  status == NANOTS_OK && step.retain_is_due);
    nts_mutex_lock(&db->write_lock);
    db->upkeep.last_status = status;
    db->upkeep.failures += status != NANOTS_OK && status != NANOTS_POISONED;
    nts_mutex_unlock(&db->write_lock);
}

static void upkeep_main(void *context)
{
    struct nanots_db *db = context;
    struct nts_pace pace;

    nts_mutex_lock(&db->write_lock);
    nts_pace_init(&pace, &db->options.maintenance, nts_clock_coarse_ms(), db->last_seq);
    while (!db->upkeep.must_stop) {
        const uint32_t wait_ms = upkeep_wait_ms(db, &pace);
        if (!db->upkeep.is_woken && wait_ms != 0)
            (void)nts_cond_wait_ms(&db->upkeep.wake, &db->write_lock, wait_ms);
        if (db->upkeep.must_stop)
            break;
        db->upkeep.is_woken = false;
        nts_pace_note(&pace, nts_clock_coarse_ms(), db->last_seq);
        nts_mutex_unlock(&db->write_lock);
        upkeep_turn(db, &pace);
        nts_mutex_lock(&db->write_lock);
    }
    nts_mutex_unlock(&db->write_lock);
}

nanots_status nts_upkeep_start(struct nanots_db *db, struct nanots_error *error)
{
    assert(!db->upkeep.is_running);
    db->upkeep.is_running = true;
    const nanots_status status = nts_thread_start(&db->upkeep.thread, upkeep_main, db, error);
    if (status != NANOTS_OK)
        db->upkeep.is_running = false;
    return status;
}

void nts_upkeep_stop(struct nanots_db *db)
{
    if (!db->upkeep.is_running)
        return;
    nts_mutex_lock(&db->write_lock);
    db->upkeep.must_stop = true;
    nts_cond_signal(&db->upkeep.wake);
    nts_mutex_unlock(&db->write_lock);
    nts_thread_join(&db->upkeep.thread);
    db->upkeep.is_running = false;
    db->upkeep.must_stop = false;
}
