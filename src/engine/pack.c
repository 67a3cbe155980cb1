/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/pack.c - fewer, larger, sorted segments: pack on request, and the bounded merge of a
 * close.
 *
 *   by arrival:  [a][b][c] [d d d] [e][f]        d: outputs of an earlier pack, one seq interval
 *                +- unit + +unit +                a unit is what shares an interval; only whole units,
 *                                                 neighbours of each other, are merged
 *
 * So the seq intervals of a table stay equal or disjoint, and no row needs a seq of its own.
 */
#include "base/check.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/rewrite.h"

#define MERGE_UNIT_ROWS_MAX 65536u     /* a unit of more rows is large enough */
#define MERGE_ROWS_MAX      (4u << 20) /* Whether a pack would write the same segments again. */
static bool version_is_packed(const struct nts_version *version, uint64_t target_rows)
{
    for (size_t i = 0; i < version->count; i++) {
        const struct nts_segment_entry *entry = &version->segments[i]->entry;
        if (entry->row_count > target_rows)
            return false;
        if (i + 1 == version->count)
            break;
        if (entry->row_count != target_rows ||
            entry->ts_max > version->segments[i + 1]->entry.ts_min)
            return false;
    }
    return true;
}

nanots_status nts_pack_table(struct nanots_table *table, uint64_t target_rows,
                             struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    nanots_status status;

    if (target_rows == 0 || target_rows > NTS_SEGMENT_ROWS_MAX)
        target_rows = NTS_SEGMENT_ROWS_MAX;
    NTS_TRY(nts_flush(db, NTS_FLUSH_ALL, error));
    nts_mutex_lock(&db->upkeep_lock);
    status = nts_extents_begin_upkeep(db, error);
    if (status != NANOTS_OK) {
        nts_mutex_unlock(&db->upkeep_lock);
        return status;
    }
    struct nts_version *version = nts_version_now(table);
    struct nts_rewrite rewrite = {.table = table,
                                  .inputs = version->segments,
                                  .input_count = version->count,
                                  .from = INT64_MIN,
                                  .target_rows = target_rows};
    status = version_is_packed(version, target_rows) ? NANOTS_OK : nts_rewrite_run(&rewrite, error);
    nts_version_unref(version);
    if (status == NANOTS_OK)
        status = nts_extents_end_upkeep(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

/* End of the unit that begins at segment `first`, and its rows. */
static size_t unit_end(const struct nts_version *version, size_t first, uint64_t *rows_out)
{
    size_t end = first;
    *rows_out = 0;
    while (end < version->count &&
           version->segments[end]->entry.seq_first == version->segments[first]->entry.seq_first)
        *rows_out += version->segments[end++]->entry.row_count;
    return end;
}

/* The next run of two or more small units from `first` on; false if there is none. */
static bool merge_find(const struct nts_version *version, size_t *first, size_t *end_out)
{
    size_t at = *first;
    while (at < version->count) {
        uint64_t rows = 0;
        uint64_t total = 0;
        size_t units = 0;
        size_t end = at;
        for (;;) {
            const size_t next = unit_end(version, end, &rows);
            if (end == version->count || rows >= MERGE_UNIT_ROWS_MAX ||
                total + rows > MERGE_ROWS_MAX)
                break;
            total += rows;
            units++;
            end = next;
        }
        if (units >= 2) {
            *first = at;
            *end_out = end;
            return true;
        }
        at = end > at ? end : unit_end(version, at, &rows);
    }
    return false;
}

nanots_status nts_merge_small(struct nanots_table *table, struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(table);
    nanots_status status = NANOTS_OK;
    size_t first = 0;
    size_t end = 0;

    while (status == NANOTS_OK && merge_find(version, &first, &end)) {
        struct nts_rewrite rewrite = {.table = table,
                                      .inputs = version->segments + first,
                                      .input_count = end - first,
                                      .from = INT64_MIN,
                                      .target_rows = NTS_SEGMENT_ROWS_MAX};
        status = nts_rewrite_run(&rewrite, error);
        first = end;
    }
    nts_version_unref(version);
    return status;
}
