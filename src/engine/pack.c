/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/pack.c - a table as few, large, sorted segments, on request.
 *
 *   [a][b][c][d d d][e][f] --> [p][p][p]        disjoint in time, all of one seq interval
 */
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/limit.h"
#include "engine/rewrite.h"
#include "segment/segment_writer.h"

/* Whether a pack would write the same segments again. */
static bool version_is_packed(const struct nts_version *version, const struct nts_table_def *def,
                              uint64_t target_rows)
{
    const uint64_t packed = nts_segment_tier(def, true) == NTS_TIER_PACKED ? NTS_SEGMENT_PACKED : 0;
    for (size_t i = 0; i < version->count; i++) {
        const struct nts_segment_entry *entry = &version->segments[i]->entry;
        if (entry->row_count > target_rows || (entry->flags & NTS_SEGMENT_PACKED) != packed)
            return false;
        if (i + 1 == version->count)
            break;
        if (entry->row_count != target_rows ||
            entry->ts_max > version->segments[i + 1]->entry.ts_min)
            return false;
    }
    return true;
}

static nanots_status pack_once(struct nanots_table *table, uint64_t target_rows, bool *is_stale_out,
                               struct nanots_error *error)
{
    struct nts_version *version = nts_version_now(table);
    const uint64_t most = nts_limit_segment_rows(table->db, version);
    if (target_rows > most)
        target_rows = most;
    struct nts_rewrite rewrite = {.table = table,
                                  .inputs = version->segments,
                                  .input_count = version->count,
                                  .from = INT64_MIN,
                                  .target_rows = target_rows,
                                  .is_cold = true};
    nanots_status status = NANOTS_OK;
    if (!version_is_packed(version, table->def, target_rows)) {
        status = nts_rewrite_run(&rewrite, error);
        nts_version_unref(version);
        version = nts_version_now(table);
        table->db->packed_bytes += status == NANOTS_OK ? nts_version_bytes(version) : 0;
    }
    nts_version_unref(version);
    *is_stale_out = rewrite.is_stale;
    return status;
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
    bool is_stale = true; /* again, if the size limit took the oldest meanwhile */
    while (status == NANOTS_OK && is_stale)
        status = pack_once(table, target_rows, &is_stale, error);
    if (status == NANOTS_OK)
        status = nts_extents_end_upkeep(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}
