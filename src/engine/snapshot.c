/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/snapshot.c - taking snapshots. Contract: snapshot.h. */
#include "engine/snapshot.h"

#include <string.h>

#include "base/check.h"

static void snapshot_add_segment(struct nts_snapshot *snapshot, struct nts_segment *segment)
{
    struct nts_source_spec *spec = &snapshot->sources[snapshot->count++];
    memset(spec, 0, sizeof *spec);
    spec->segment = nts_segment_ref(segment);
    spec->ts_min = segment->entry.ts_min;
    spec->ts_max = segment->entry.ts_max;
}

static void snapshot_add_memtable(struct nts_snapshot *snapshot, struct nts_memtable *memtable)
{
    struct nts_source_spec *spec = &snapshot->sources[snapshot->count++];
    memset(spec, 0, sizeof *spec);
    spec->memtable = nts_memtable_ref(memtable);
    spec->visible_rows = memtable->visible_rows;
    spec->sorted = memtable->sorted;
    spec->has_hidden = memtable->visible_rows != memtable->row_count;
    spec->ts_min = memtable->ts_min;
    spec->ts_max = memtable->ts_max;
}

static size_t table_source_count(const struct nanots_table *table)
{
    size_t count = table->version->count;
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next)
        count++;
    return count;
}

nanots_status nts_snapshot_take_locked(struct nanots_table *table, struct nts_snapshot *snapshot)
{
    snapshot->count = 0;
    snapshot->def = table->def;
    snapshot->sources =
        nts_alloc_array(table->db->alloc, table_source_count(table) + 1, sizeof *snapshot->sources);
    if (snapshot->sources == NULL)
        return NANOTS_NO_MEMORY;
    for (size_t i = 0; i < table->version->count; i++)
        snapshot_add_segment(snapshot, table->version->segments[i]);
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next) {
        if (part->memtable != NULL && part->memtable->visible_rows != 0)
            snapshot_add_memtable(snapshot, part->memtable);
        if (part->segment != NULL && part->is_visible)
            snapshot_add_segment(snapshot, part->segment);
    }
    return NANOTS_OK;
}

nanots_status nts_snapshot_take(struct nanots_table *table, struct nts_snapshot *snapshot,
                                struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = nts_snapshot_take_locked(table, snapshot);
    nts_mutex_unlock(&db->write_lock);
    return status == NANOTS_OK ? status : nts_fail_memory(error, sizeof *snapshot->sources);
}

void nts_snapshot_free(struct nts_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        nts_segment_unref(snapshot->sources[i].segment);
        nts_memtable_unref(snapshot->sources[i].memtable);
    }
    nts_free(snapshot->sources);
    snapshot->sources = NULL;
    snapshot->count = 0;
}

nanots_status nts_snapshot_scan(struct nanots_table *table, const struct nts_scan_spec *spec,
                                struct nts_scan **scan_out, struct nanots_error *error)
{
    struct nts_scan_spec whole = *spec;
    struct nts_snapshot snapshot;
    *scan_out = NULL;
    NTS_TRY(nts_snapshot_take(table, &snapshot, error));
    whole.def = snapshot.def;
    whole.sources = snapshot.sources;
    whole.source_count = snapshot.count;
    const nanots_status status = nts_scan_new(table->db->alloc, &whole, scan_out, error);
    nts_free(snapshot.sources);
    return status;
}
