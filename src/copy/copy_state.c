/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_state.c - what is to be copied. Contract: copy_state.h. */
#include "copy/copy_state.h"

#include <string.h>

#include "engine/snapshot.h"

/* With write_lock, which guards the counts of a memtable. */
static nanots_status state_take_table(struct nanots_table *table, struct nts_copy_table *copy)
{
    struct nts_snapshot snapshot;
    NTS_TRY(nts_snapshot_take_locked(table, &snapshot));
    copy->def = snapshot.def;
    copy->sources =
        nts_alloc_zeroed(table->db->alloc, (snapshot.count + 1) * sizeof *copy->sources);
    if (copy->sources == NULL) {
        nts_snapshot_free(&snapshot);
        return NANOTS_NO_MEMORY;
    }
    for (size_t i = 0; i < snapshot.count; i++) {
        const struct nts_source_spec *from = &snapshot.sources[i];
        struct nts_copy_source *to = &copy->sources[copy->count++];
        to->segment = from->segment;
        to->memtable = from->memtable;
        to->sorted = from->sorted;
        to->row_count = from->memtable != NULL ? from->visible_rows : 0;
        to->seq_first = from->memtable != NULL ? from->memtable->seq_first : 0;
        to->seq_last = from->memtable != NULL ? from->memtable->seq_last : 0;
    }
    nts_free(snapshot.sources); /* the references are the copy's */
    return NANOTS_OK;
}

static nanots_status state_take_locked(struct nanots_db *db, struct nts_copy_state *state)
{
    state->generation = db->sb.generation;
    state->last_seq = db->last_seq;
    state->next_table_id = db->next_table_id;
    state->next_segment_id = db->next_segment_id;
    memcpy(state->file_id, db->sb.file_id, sizeof state->file_id);
    state->tables = nts_alloc_zeroed(db->alloc, (db->by_id_count + 1) * sizeof *state->tables);
    if (state->tables == NULL)
        return NANOTS_NO_MEMORY;
    for (size_t t = 0; t < db->by_id_count; t++)
        if (db->by_id[t] != NULL)
            NTS_TRY(state_take_table(db->by_id[t], &state->tables[state->table_count++]));
    return NANOTS_OK;
}

nanots_status nts_copy_state_take(struct nanots_db *db, struct nts_copy_state *state,
                                  struct nanots_error *error)
{
    memset(state, 0, sizeof *state);
    nts_mutex_lock(&db->flush_lock);
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = state_take_locked(db, state);
    nts_mutex_unlock(&db->write_lock);
    nts_mutex_unlock(&db->flush_lock);
    return status == NANOTS_OK ? status : nts_fail_memory(error, sizeof *state->tables);
}

void nts_copy_state_deinit(struct nts_copy_state *state)
{
    for (size_t t = 0; t < state->table_count; t++) {
        for (size_t i = 0; i < state->tables[t].count; i++) {
            nts_segment_unref(state->tables[t].sources[i].segment);
            nts_memtable_unref(state->tables[t].sources[i].memtable);
        }
        nts_free(state->tables[t].sources);
    }
    nts_free(state->tables);
    memset(state, 0, sizeof *state);
}

uint64_t nts_copy_state_bytes(const struct nts_copy_state *state)
{
    uint64_t bytes = 0;
    for (size_t t = 0; t < state->table_count; t++)
        for (size_t i = 0; i < state->tables[t].count; i++)
            if (state->tables[t].sources[i].segment != NULL)
                bytes += state->tables[t].sources[i].segment->entry.size;
    return bytes;
}
