/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/retention.c - rows older than a cutoff go.
 *
 *   segments:  [ old ] [ old ] [ straddles ] [ young ]
 *                 removed          rewritten     kept
 *
 *   cut    on request: rows appended before it are flushed, then all of that in one commit. Only on
 *          a full disk what is old as a whole goes first, and makes room for the rest.
 *   sweep  upkeep, of segments alone: what is old as a whole, and what is so in its greater part
 *
 * Where a table keeps one row of a time, rows hide others of that time. There nothing goes before
 * what overlaps it can go in the same commit: a row must not come to light that was replaced.
 */
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/limit.h"
#include "engine/merge.h"
#include "engine/rewrite.h"

#define RETENTION_JOIN_BYTES (16u << 20) /* a smaller file is not worth it */

struct retention {
    struct nanots_table *table;
    int64_t cutoff;
    nts_pulse_fn pulse; /* or NULL, for rewrites */
    bool by_half;       /* only what straddles the cutoff by half is rewritten */
    uint64_t *rows_removed;
};

static bool keeps_all(const struct retention *job)
{
    return job->table->def->duplicates == NTS_DUPLICATES_KEEP_ALL;
}

/* Whether a segment is old in part. */
static bool straddles(const struct nts_segment_entry *entry, int64_t cutoff)
{
    return entry->ts_max >= cutoff && entry->ts_min < cutoff;
}

/* Whether that part is at least half of the time that it spans. */
static bool straddles_by_half(const struct nts_segment_entry *entry, int64_t cutoff)
{
    const uint64_t old = (uint64_t)cutoff - (uint64_t)entry->ts_min;
    const uint64_t span = (uint64_t)entry->ts_max - (uint64_t)entry->ts_min;
    return straddles(entry, cutoff) && old > span / 2;
}

/* The least time of rows that are in no version yet, if that is below `floor`. */
static int64_t floor_of_parts(const struct nanots_table *table, int64_t floor)
{
    nts_mutex_lock(&table->db->write_lock);
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next) {
        const int64_t least =
            part->memtable != NULL ? part->memtable->ts_min : part->segment->entry.ts_min;
        floor = least < floor ? least : floor;
    }
    nts_mutex_unlock(&table->db->write_lock);
    return floor;
}

/* Segments that end before it may go while those that straddle the cutoff stay. */
static int64_t retention_floor(const struct retention *job, const struct nts_version *version)
{
    int64_t floor = job->cutoff;
    if (keeps_all(job))
        return floor;
    for (size_t i = 0; i < version->count; i++) {
        const struct nts_segment_entry *entry = &version->segments[i]->entry;
        if (straddles(entry, job->cutoff) && entry->ts_min < floor)
            floor = entry->ts_min;
    }
    return floor_of_parts(job->table, floor);
}

/* Has the segments leave that end before `floor`. */
static nanots_status retention_remove(const struct retention *job,
                                      const struct nts_version *version, int64_t floor,
                                      struct nts_exchange *exchange, uint64_t *rows,
                                      struct nanots_error *error)
{
    for (size_t i = 0; i < version->count; i++) {
        if (version->segments[i]->entry.ts_max >= floor)
            continue;
        NTS_TRY(nts_exchange_remove(exchange, job->table, version->segments[i], error));
        *rows += version->segments[i]->entry.row_count;
    }
    return NANOTS_OK;
}

/* The segments to be rewritten with the straddling one at `first`: of the same seq interval those
 * that go on at the very ts at which it ends, because their order is that of their ids. */
static size_t straddle_end(const struct nts_version *version, size_t first)
{
    size_t end = first + 1;
    while (end < version->count &&
           version->segments[end]->entry.seq_first == version->segments[first]->entry.seq_first &&
           version->segments[end]->entry.ts_min == version->segments[end - 1]->entry.ts_max)
        end++;
    return end;
}

static nanots_status retention_rewrite(const struct retention *job,
                                       const struct nts_version *version, size_t *at,
                                       struct nts_exchange *exchange, uint64_t *rows,
                                       struct nanots_error *error)
{
    const size_t end = straddle_end(version, *at);
    struct nts_rewrite rewrite = {.table = job->table,
                                  .inputs = version->segments + *at,
                                  .input_count = end - *at,
                                  .from = job->cutoff,
                                  .pulse = job->pulse,
                                  .target_rows = nts_limit_segment_rows(job->table->db, version)};
    NTS_TRY(nts_rewrite_into(&rewrite, exchange, error));
    for (size_t i = *at; i < end; i++)
        *rows += version->segments[i]->entry.row_count;
    *rows -= rewrite.rows_written;
    *at = end - 1;
    return NANOTS_OK;
}

nanots_status nts_retention_rewrite(struct nanots_table *table, const struct nts_version *version,
                                    size_t *at, int64_t cutoff, struct nts_exchange *exchange,
                                    uint64_t *rows_removed, struct nanots_error *error)
{
    const struct retention job = {.table = table, .cutoff = cutoff};
    return retention_rewrite(&job, version, at, exchange, rows_removed, error);
}

/* Commits and ends an exchange of which `status` has come, and counts what it removed. */
static nanots_status retention_finish(const struct retention *job, struct nts_exchange *exchange,
                                      nanots_status status, uint64_t rows, bool *is_stale_out,
                                      struct nanots_error *error)
{
    exchange->is_cut = true;
    if (status == NANOTS_OK)
        status = nts_exchange_commit(exchange, error);
    if (status == NANOTS_OK && exchange->is_committed)
        *job->rows_removed += rows;
    *is_stale_out = exchange->is_stale;
    nts_exchange_end(exchange);
    return status;
}

/* A part of the work; it is stale if the size limit took segments of it meanwhile. */
typedef nanots_status (*retention_pass_fn)(const struct retention *job, bool *is_stale_out,
                                           struct nanots_error *error);

static nanots_status retention_do(const struct retention *job, retention_pass_fn pass,
                                  struct nanots_error *error)
{
    bool is_stale = true;
    while (is_stale)
        NTS_TRY(pass(job, &is_stale, error));
    return NANOTS_OK;
}

/* What is old as a whole. */
static nanots_status retention_drop(const struct retention *job, bool *is_stale_out,
                                    struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(job->table);
    struct nts_exchange exchange;
    uint64_t rows = 0;

    nts_exchange_begin(&exchange, job->table->db);
    nanots_status status =
        retention_remove(job, version, retention_floor(job, version), &exchange, &rows, error);
    status = retention_finish(job, &exchange, status, rows, is_stale_out, error);
    nts_version_unref(version);
    return status;
}

/* What straddles the cutoff, by half at least if so asked, each in a commit of its own. */
static nanots_status retention_rewrite_each(const struct retention *job, bool *is_stale_out,
                                            struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(job->table);
    nanots_status status = NANOTS_OK;

    *is_stale_out = false;
    for (size_t i = 0; i < version->count && status == NANOTS_OK && !*is_stale_out; i++) {
        const struct nts_segment_entry *entry = &version->segments[i]->entry;
        struct nts_exchange exchange;
        uint64_t rows = 0;
        if (!(job->by_half ? straddles_by_half : straddles)(entry, job->cutoff))
            continue;
        nts_exchange_begin(&exchange, job->table->db);
        status = retention_rewrite(job, version, &i, &exchange, &rows, error);
        status = retention_finish(job, &exchange, status, rows, is_stale_out, error);
    }
    nts_version_unref(version);
    return status;
}

/* All that is old, in one commit. */
static nanots_status retention_at_once(const struct retention *job, bool *is_stale_out,
                                       struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(job->table);
    struct nts_exchange exchange;
    uint64_t rows = 0;

    nts_exchange_begin(&exchange, job->table->db);
    nanots_status status = retention_remove(job, version, job->cutoff, &exchange, &rows, error);
    for (size_t i = 0; i < version->count && status == NANOTS_OK; i++)
        if (straddles(&version->segments[i]->entry, job->cutoff))
            status = retention_rewrite(job, version, &i, &exchange, &rows, error);
    status = retention_finish(job, &exchange, status, rows, is_stale_out, error);
    nts_version_unref(version);
    return status;
}

/* Small segments of slow tables keep the holes that a fast table leaves from being joined: when
 * more than half of the file is free, they are merged. */
static nanots_status retention_join_holes(struct nanots_db *db, struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const uint64_t file_bytes = db->sb.file_end;
    nts_mutex_unlock(&db->flush_lock);
    if (nts_space_free_bytes(&db->space) <= file_bytes / 2 || file_bytes < RETENTION_JOIN_BYTES)
        return NANOTS_OK;
    return nts_merge_small(db, error);
}

/* With upkeep_lock. On a full disk the rewriting lives on what was dropped as a whole. */
static nanots_status retention_cut_locked(const struct retention *job, struct nanots_error *error)
{
    struct nanots_db *db = job->table->db;
    NTS_TRY(nts_extents_begin_upkeep(db, error));
    nanots_status status = retention_do(job, retention_at_once, error);
    if (status == NANOTS_NO_SPACE) {
        NTS_TRY(retention_do(job, retention_drop, error));
        NTS_TRY(nts_extents_end_upkeep(db, error));
        status =
            retention_do(job, keeps_all(job) ? retention_rewrite_each : retention_at_once, error);
    }
    NTS_TRY(status);
    NTS_TRY(retention_join_holes(db, error));
    return nts_extents_end_upkeep(db, error);
}

/* The disk is too full for the flush that comes first: what is old as a whole goes without it. */
static nanots_status retention_make_room(const struct retention *job, struct nanots_error *error)
{
    struct nanots_db *db = job->table->db;
    nts_mutex_lock(&db->upkeep_lock);
    nanots_status status = retention_do(job, retention_drop, error);
    if (status == NANOTS_OK)
        status = nts_extents_end_upkeep(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

nanots_status nts_retention_cut(struct nanots_table *table, int64_t cutoff, uint64_t *rows_removed,
                                struct nanots_error *error)
{
    const struct retention job = {.table = table, .cutoff = cutoff, .rows_removed = rows_removed};
    struct nanots_db *db = table->db;
    nanots_status status = nts_flush(db, NTS_FLUSH_URGENT, error);
    if (status == NANOTS_NO_SPACE) {
        NTS_TRY(retention_make_room(&job, error));
        status = nts_flush(db, NTS_FLUSH_URGENT, error);
    }
    NTS_TRY(status);
    nts_mutex_lock(&db->upkeep_lock);
    status = retention_cut_locked(&job, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

nanots_status nts_retention_limit(struct nanots_db *db, uint64_t *rows_removed,
                                  struct nanots_error *error)
{
    if (db->options.max_bytes == 0)
        return NANOTS_OK;
    nts_mutex_lock(&db->flush_lock);
    const uint64_t before = db->limit_rows;
    nanots_status status = nts_flush_locked(db, NTS_FLUSH_URGENT, error);
    *rows_removed += db->limit_rows - before;
    nts_mutex_unlock(&db->flush_lock);
    NTS_TRY(status);
    nts_mutex_lock(&db->upkeep_lock);
    status = nts_extents_begin_upkeep(db, error);
    if (status == NANOTS_OK)
        status = nts_limit_enforce(db, rows_removed, error);
    if (status == NANOTS_OK)
        status = nts_extents_end_upkeep(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

/* ---- sweep -------------------------------------------------------------------------------- */

/* What a sweep would do. What is damaged is dropped as a whole, never rewritten. */
struct sweep {
    bool drop;
    bool rewrite;
};

static struct sweep sweep_plan(const struct retention *job)
{
    struct nts_version *version = nts_version_now(job->table);
    struct sweep plan = {false, false};
    const int64_t floor = retention_floor(job, version);

    for (size_t i = 0; i < version->count; i++) {
        plan.drop |= version->segments[i]->entry.ts_max < floor;
        plan.rewrite |= straddles_by_half(&version->segments[i]->entry, job->cutoff);
    }
    plan.rewrite = plan.rewrite && !job->table->is_damaged;
    nts_version_unref(version);
    return plan;
}

nanots_status nts_retention_sweep(struct nanots_table *table, int64_t cutoff, nts_pulse_fn pulse,
                                  uint64_t *rows_removed, struct nanots_error *error)
{
    const struct retention job = {table, cutoff, pulse, true, rows_removed};
    const struct sweep plan = sweep_plan(&job);

    if (!plan.drop && !plan.rewrite)
        return NANOTS_OK;
    NTS_TRY(nts_extents_begin_upkeep(table->db, error));
    if (plan.rewrite && !keeps_all(&job) && floor_of_parts(table, cutoff) == cutoff)
        return retention_do(&job, retention_at_once, error);
    NTS_TRY(retention_do(&job, retention_drop, error));
    return plan.rewrite && keeps_all(&job) ? retention_do(&job, retention_rewrite_each, error)
                                           : NANOTS_OK;
}
