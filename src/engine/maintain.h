/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/maintain.h - the upkeep that is due, in steps, and the thread that takes them.
 *
 *   sync --> flush --> retention --> merges --> shrink        one step: nts_maintain_step
 *              \ no space: goes on, and flushes again after it
 *
 *   nanots_maintain: one step, of all, at once        the thread: steps as pace.h says, on its own
 *
 * Retention and merges hold upkeep_lock and look out now and then (the pulse): syncs and flushes
 * that fall due meanwhile are not held up by them. Tests: api/test_maintain.c.
 */
#ifndef NTS_MAINTAIN_H
#define NTS_MAINTAIN_H

#include "engine/db.h"

struct nts_maintain {
    struct nanots_maintain_budget budget;
    bool merge;
    bool retain;
    bool is_idle;                         /* nobody is kept waiting by a flush of few rows */
    struct nanots_maintain_report report; /* out */
    bool merge_is_due;                    /* out: the budget left something */
    bool retain_is_due;
};

/* Takes every lock; none is held. A table with damage is skipped, and told at the end. */
NTS_CHECKED nanots_status nts_maintain_step(struct nanots_db *db, struct nts_maintain *step,
                                            struct nanots_error *error);

/* What a long rewrite does between two row groups: the sync and the flushes that are due. BUSY if
 * the handle is being closed. */
NTS_CHECKED nanots_status nts_maintain_pulse(struct nanots_db *db, struct nanots_error *error);

/* ---- upkeep_thread.c ---------------------------------------------------------------------- */

NTS_CHECKED nanots_status nts_upkeep_start(struct nanots_db *db, struct nanots_error *error);
/* Waits until the thread has ended; no-op if there is none. */
void nts_upkeep_stop(struct nanots_db *db);
/* With write_lock: a run was frozen. */
void nts_upkeep_wake(struct nanots_db *db);

#endif
