/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/maintain.c - one step of upkeep. Contract: maintain.h. */
#include "engine/maintain.h"
#include "engine/catalog.h"

#include "base/check.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/limit.h"
#include "engine/merge.h"
#include "os/clock.h"

#define FLUSH_AGE_MS      300000u    /* rows wait no longer for others to be flushed with */
#define SHRINK_FREE_BYTES (1u << 20) /* less free space is not worth a commit */

/* ---- sync --------------------------------------------------------------------------------- */

/* Ahead of the appenders, who sync themselves at the end of the interval. */
static nanots_status maintain_sync(struct nanots_db *db, uint64_t *syncs,
                                   struct nanots_error *error)
{
    return nts_sync_interval(db, db->options.sync_interval_ms / 4, syncs, error);
}

nanots_status nts_maintain_pulse(struct nanots_db *db, struct nanots_error *error)
{
    NTS_TRY(maintain_sync(db, NULL, error));
    nts_mutex_lock(&db->write_lock);
    const bool must_flush = db->frozen_first != NULL;
    const bool must_stop = db->upkeep.must_stop;
    nts_mutex_unlock(&db->write_lock);
    if (must_stop)
        return nts_fail(error, NANOTS_BUSY, "the handle is being closed");
    return must_flush ? nts_flush(db, NTS_FLUSH_FROZEN, error) : NANOTS_OK;
}

/* ---- flush -------------------------------------------------------------------------------- */

/* With flush_lock. */
static uint64_t maintain_segment_bytes(struct nanots_db *db)
{
    uint32_t table_id = 0;
    uint64_t bytes = 0;
    for (;;) {
        const struct nanots_table *table = nts_catalog_next(db, &table_id);
        if (table == NULL)
            return bytes;
        bytes += nts_version_bytes(table->version);
    }
}

/* Whether the rows that are not frozen are to be flushed: they are old, many, or most of the file.
 * Needs flush_lock. */
static bool maintain_run_is_due(struct nanots_db *db, const struct nts_maintain *step)
{
    const struct nanots_maintenance *options = &db->options.maintenance;
    nts_mutex_lock(&db->write_lock);
    const struct nts_run *run = db->run;
    const bool is_old =
        run->table_count != 0 && nts_clock_coarse_ms() - run->born_ms >= FLUSH_AGE_MS;
    const bool is_large = step->is_idle && run->row_count != 0 &&
                          run->row_count / run->table_count >= options->target_segment_points;
    const uint64_t log_bytes = run->row_count == 0 ? 0 : nts_wal_live_bytes(&db->wal);
    nts_mutex_unlock(&db->write_lock);
    return is_old || is_large ||
           (log_bytes >= options->wal_min_bytes &&
            (double)log_bytes >= options->wal_target_ratio * (double)maintain_segment_bytes(db));
}

/* The reserve stays: it is for recovery and for who asks to flush. */
static nanots_status maintain_flush(struct nanots_db *db, struct nts_maintain *step,
                                    struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const enum nts_flush_scope scope =
        maintain_run_is_due(db, step) ? NTS_FLUSH_ALL : NTS_FLUSH_FROZEN;
    const uint64_t flushed_seq = db->sb.flushed_seq;
    const uint64_t limit_rows = db->limit_rows;
    const nanots_status status = nts_flush_locked(db, scope, error);
    step->report.flushed_rows += db->sb.flushed_seq - flushed_seq;
    step->report.removed_rows += db->limit_rows - limit_rows;
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

/* ---- retention and merges ----------------------------------------------------------------- */

/* How far one step has come. */
struct maintain_state {
    struct nanots_db *db;
    struct nts_maintain *step;
    uint64_t begin_ms;
    bool has_changed;           /* something was merged or removed */
    struct nanots_error damage; /* of the first table that was skipped; code OK: none */
};

static bool maintain_is_over(const struct maintain_state *state)
{
    const struct nanots_maintain_budget *budget = &state->step->budget;
    return budget->max_ms != 0 && nts_clock_coarse_ms() - state->begin_ms >= budget->max_ms;
}

/* Damage in one table leaves the others to be seen to. Needs upkeep_lock. */
static nanots_status maintain_skip_damage(struct maintain_state *state, struct nanots_table *table,
                                          nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_CORRUPT)
        return status;
    table->is_damaged = true;
    if (state->damage.code == NANOTS_OK)
        state->damage = *error;
    return NANOTS_OK;
}

static nanots_status maintain_retain_table(struct maintain_state *state, struct nanots_table *table,
                                           int64_t cutoff_ms, struct nanots_error *error)
{
    const int64_t cutoff = nts_table_def_ticks(table->def, cutoff_ms);
    uint64_t rows = 0;
    const nanots_status status =
        nts_retention_sweep(table, cutoff, nts_maintain_pulse, &rows, error);
    state->step->report.removed_rows += rows;
    state->has_changed |= rows != 0;
    return maintain_skip_damage(state, table, status, error);
}

static nanots_status maintain_limit(struct maintain_state *state, struct nanots_error *error)
{
    uint64_t rows = 0;
    const nanots_status status = nts_limit_enforce(state->db, &rows, error);
    state->step->report.removed_rows += rows;
    state->has_changed |= rows != 0;
    return status;
}

static nanots_status maintain_retain(struct maintain_state *state, struct nanots_error *error)
{
    struct nanots_db *db = state->db;
    const int64_t cutoff_ms = nts_clock_wall_ms() - db->options.retention_ms;
    uint32_t table_id = 0;

    for (;;) {
        struct nanots_table *table = nts_catalog_next(db, &table_id);
        if (table == NULL)
            return NANOTS_OK;
        if (maintain_is_over(state)) {
            state->step->retain_is_due = true;
            return NANOTS_OK;
        }
        NTS_TRY(nts_maintain_pulse(db, error));
        NTS_TRY(maintain_retain_table(state, table, cutoff_ms, error));
    }
}

static bool maintain_merges_are_over(const struct maintain_state *state,
                                     const struct nts_merge_batch *batch)
{
    const uint64_t most = state->step->budget.max_rewrite_bytes;
    return maintain_is_over(state) ||
           (most != 0 && batch->done.bytes + batch->pending.bytes >= most);
}

/* One merge of each table that has one due, until the budget is used up. */
static nanots_status maintain_merge_pass(struct maintain_state *state,
                                         struct nts_merge_batch *batch, struct nanots_error *error)
{
    uint32_t table_id = 0;
    for (;;) {
        struct nanots_table *table = nts_catalog_next(state->db, &table_id);
        if (table == NULL)
            return NANOTS_OK;
        NTS_TRY(nts_maintain_pulse(state->db, error));
        if (table->is_damaged)
            continue;
        if (maintain_merges_are_over(state, batch)) {
            state->step->merge_is_due = true;
            return NANOTS_OK;
        }
        const nanots_status status = nts_merge_tier(batch, table, nts_maintain_pulse, error);
        NTS_TRY(maintain_skip_damage(state, table, status, error));
    }
}

/* What was merged before a failure is committed. Needs upkeep_lock. */
static nanots_status maintain_merge(struct maintain_state *state, struct nanots_error *error)
{
    struct nts_merge_batch batch;
    struct nanots_error detail;
    nanots_status status = NANOTS_OK;
    uint64_t before = 0;

    nts_merge_begin(&batch, state->db);
    do {
        before = batch.done.merges;
        status = maintain_merge_pass(state, &batch, error);
        const nanots_status committed = nts_merge_commit(&batch, &detail);
        if (status == NANOTS_OK && committed != NANOTS_OK) {
            status = committed;
            *error = detail;
        }
    } while (status == NANOTS_OK && batch.done.merges != before && !state->step->merge_is_due);
    nts_merge_end(&batch);
    state->step->report.merges += batch.done.merges;
    state->step->report.merged_segments += batch.done.segments;
    state->step->report.merged_bytes += batch.done.bytes;
    state->has_changed |= batch.done.merges != 0;
    return status;
}

/* ---- shrink ------------------------------------------------------------------------------- */

/* Gives free space back if it is a quarter of the file: less is soon in use again. */
static nanots_status maintain_shrink(struct nanots_db *db, struct nts_maintain *step,
                                     struct nanots_error *error)
{
    uint64_t before = 0;
    uint64_t after = 0;
    nanots_status status = NANOTS_OK;

    nts_mutex_lock(&db->flush_lock);
    const uint64_t free_bytes = nts_space_free_bytes(&db->space);
    const uint64_t most = db->options.max_bytes;
    const bool is_over = most != 0 && db->sb.file_end > most;
    if (free_bytes >= SHRINK_FREE_BYTES && (is_over || free_bytes >= db->sb.file_end / 4)) {
        status = db->file->ops->size(db->file, &before, error);
        if (status == NANOTS_OK)
            status = nts_extents_trim(db, error);
        if (status == NANOTS_OK)
            status = db->file->ops->size(db->file, &after, error);
        if (status == NANOTS_OK && after < before)
            step->report.truncated_bytes += before - after;
    }
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

/* ---- step --------------------------------------------------------------------------------- */

static nanots_status maintain_segments(struct maintain_state *state, struct nanots_error *error)
{
    struct nanots_db *db = state->db;
    struct nts_maintain *step = state->step;
    nanots_status status = NANOTS_OK;

    nts_mutex_lock(&db->upkeep_lock);
    if (step->retain && db->options.retention_ms != 0)
        status = maintain_retain(state, error);
    if (status == NANOTS_OK && step->retain)
        status = maintain_limit(state, error);
    if (status == NANOTS_OK && step->merge)
        status = maintain_merge(state, error);
    if (status == NANOTS_OK && state->has_changed)
        status = maintain_shrink(db, step, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

/* The parts in order, told of the first that fails. A flush that found no space waits for
 * retention. */
static nanots_status maintain_all(struct maintain_state *state, struct nanots_error *error)
{
    struct nanots_db *db = state->db;
    struct nts_maintain *step = state->step;

    NTS_TRY(nts_db_check_writable(db, error));
    NTS_TRY(maintain_sync(db, &step->report.syncs, error));
    const nanots_status flushed = maintain_flush(db, step, error);
    if (flushed != NANOTS_OK && flushed != NANOTS_NO_SPACE)
        return flushed;
    if (flushed == NANOTS_NO_SPACE)
        step->merge = false; /* it takes space before it gives any */
    NTS_TRY(maintain_segments(state, error));
    return flushed == NANOTS_OK ? NANOTS_OK : maintain_flush(db, step, error);
}

nanots_status nts_maintain_step(struct nanots_db *db, struct nts_maintain *step,
                                struct nanots_error *error)
{
    struct maintain_state state = {.db = db, .step = step, .begin_ms = nts_clock_coarse_ms()};
    struct nanots_error detail;

    nts_error_clear(&detail);
    nanots_status status = maintain_all(&state, &detail);
    if (status == NANOTS_BUSY)
        status = NANOTS_OK; /* the rest is the close's */
    if (status == NANOTS_OK && state.damage.code != NANOTS_OK) {
        status = NANOTS_CORRUPT;
        detail = state.damage;
    }
    if (status != NANOTS_OK && error != NULL)
        *error = detail;
    step->report.more_due = step->merge_is_due || step->retain_is_due;
    return status;
}
