/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/retention.c - rows older than a cutoff go.
 *
 *   segments:  [ old ] [ old ] [ straddles ] [ young ]
 *                 removed          rewritten     kept
 *
 * Rows appended before the call are flushed first, so that segments are all there is to cut.
 */
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/merge.h"
#include "engine/rewrite.h"

#define RETENTION_JOIN_BYTES (16u << 20) /* a smaller file is not worth it */

/* Removes the segments that are older as a whole, in one commit. */
static nanots_status retention_drop_whole(struct nanots_table *table,
                                          const struct nts_version *version, int64_t cutoff,
                                          uint64_t *rows_removed, struct nanots_error *error)
{
    const struct nanots_allocator *alloc = table->db->alloc;
    struct nts_segment **old =
        nts_alloc_array(alloc, version->count + 1, sizeof(struct nts_segment *));
    nanots_status status = NANOTS_OK;
    uint64_t rows = 0;
    size_t count = 0;

    if (old == NULL)
        return nts_fail_memory(error, version->count);
    for (size_t i = 0; i < version->count; i++) {
        if (version->segments[i]->entry.ts_max >= cutoff)
            continue;
        old[count++] = version->segments[i];
        rows += version->segments[i]->entry.row_count;
    }
    if (count != 0)
        status = nts_rewrite_commit(table, old, count, NULL, 0, error);
    nts_free(old);
    if (status == NANOTS_OK)
        *rows_removed += rows;
    return status;
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

/* Whether a segment is old in part; `half`: at least half of the time that it spans. */
static bool straddles(const struct nts_segment_entry *entry, int64_t cutoff, bool half)
{
    if (entry->ts_max < cutoff || entry->ts_min >= cutoff)
        return false;
    const uint64_t old = (uint64_t)cutoff - (uint64_t)entry->ts_min;
    const uint64_t span = (uint64_t)entry->ts_max - (uint64_t)entry->ts_min;
    return !half || old > span / 2;
}

static nanots_status retention_rewrite(struct nanots_table *table,
                                       const struct nts_version *version, int64_t cutoff, bool half,
                                       nts_pulse_fn pulse, uint64_t *rows_removed,
                                       struct nanots_error *error)
{
    for (size_t i = 0; i < version->count; i++) {
        if (!straddles(&version->segments[i]->entry, cutoff, half))
            continue;
        const size_t end = straddle_end(version, i);
        uint64_t rows = 0;
        for (size_t k = i; k < end; k++)
            rows += version->segments[k]->entry.row_count;
        struct nts_rewrite rewrite = {.table = table,
                                      .inputs = version->segments + i,
                                      .input_count = end - i,
                                      .from = cutoff,
                                      .pulse = pulse,
                                      .target_rows = NTS_SEGMENT_ROWS_MAX};
        NTS_TRY(nts_rewrite_run(&rewrite, error));
        *rows_removed += rows - rewrite.rows_written;
        i = end - 1;
    }
    return NANOTS_OK;
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
    uint32_t table_id = 0;
    for (;;) {
        struct nanots_table *table = nts_catalog_next(db, &table_id);
        if (table == NULL)
            return NANOTS_OK;
        NTS_TRY(nts_merge_small(table, error));
    }
}

/* With upkeep_lock. What is dropped as a whole is given back first: on a full disk the rewriting
 * of the rest lives on it. */
static nanots_status retention_cut_locked(struct nanots_table *table, int64_t cutoff,
                                          uint64_t *rows_removed, struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    NTS_TRY(nts_extents_begin_upkeep(db, error));
    struct nts_version *version = nts_version_now(table);
    nanots_status status = retention_drop_whole(table, version, cutoff, rows_removed, error);
    nts_version_unref(version);
    NTS_TRY(status);
    NTS_TRY(nts_extents_end_upkeep(db, error));
    version = nts_version_now(table);
    status = retention_rewrite(table, version, cutoff, false, NULL, rows_removed, error);
    nts_version_unref(version);
    NTS_TRY(status);
    NTS_TRY(retention_join_holes(db, error));
    return nts_extents_end_upkeep(db, error);
}

/* The disk is too full for the flush that comes first: what is old as a whole goes without it. */
static nanots_status retention_make_room(struct nanots_table *table, int64_t cutoff,
                                         uint64_t *rows_removed, struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    nts_mutex_lock(&db->upkeep_lock);
    struct nts_version *version = nts_version_now(table);
    nanots_status status = retention_drop_whole(table, version, cutoff, rows_removed, error);
    nts_version_unref(version);
    if (status == NANOTS_OK)
        status = nts_extents_end_upkeep(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

/* Whether a sweep would change anything. What is damaged is dropped as a whole, never rewritten. */
static bool retention_is_due(const struct nanots_table *table, const struct nts_version *version,
                             int64_t cutoff)
{
    for (size_t i = 0; i < version->count; i++)
        if (version->segments[i]->entry.ts_max < cutoff ||
            (!table->is_damaged && straddles(&version->segments[i]->entry, cutoff, true)))
            return true;
    return false;
}

nanots_status nts_retention_sweep(struct nanots_table *table, int64_t cutoff, nts_pulse_fn pulse,
                                  uint64_t *rows_removed, struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(table);
    nanots_status status = NANOTS_OK;
    const bool is_due = retention_is_due(table, version, cutoff);

    if (is_due)
        status = nts_extents_begin_upkeep(table->db, error);
    if (is_due && status == NANOTS_OK)
        status = retention_drop_whole(table, version, cutoff, rows_removed, error);
    nts_version_unref(version);
    if (!is_due || status != NANOTS_OK || table->is_damaged)
        return status;
    version = nts_version_now(table);
    status = retention_rewrite(table, version, cutoff, true, pulse, rows_removed, error);
    nts_version_unref(version);
    return status;
}

nanots_status nts_retention_cut(struct nanots_table *table, int64_t cutoff, uint64_t *rows_removed,
                                struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    nanots_status status = nts_flush(db, NTS_FLUSH_URGENT, error);
    if (status == NANOTS_NO_SPACE) {
        NTS_TRY(retention_make_room(table, cutoff, rows_removed, error));
        status = nts_flush(db, NTS_FLUSH_URGENT, error);
    }
    NTS_TRY(status);
    nts_mutex_lock(&db->upkeep_lock);
    status = retention_cut_locked(table, cutoff, rows_removed, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}
