/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/exchange.c - segments for segments. Contract: exchange.h. */
#include "engine/exchange.h"

#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/extents.h"

void nts_exchange_begin(struct nts_exchange *exchange, struct nanots_table *table)
{
    memset(exchange, 0, sizeof *exchange);
    exchange->table = table;
}

static nanots_status list_push(struct nts_exchange_list *list, const struct nanots_allocator *alloc,
                               struct nts_segment *segment, struct nanots_error *error)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        struct nts_segment **segments =
            nts_realloc(alloc, list->segments, capacity * sizeof(struct nts_segment *));
        if (segments == NULL)
            return nts_fail_memory(error, capacity * sizeof(struct nts_segment *));
        list->segments = segments;
        list->capacity = capacity;
    }
    list->segments[list->count++] = segment;
    return NANOTS_OK;
}

nanots_status nts_exchange_remove(struct nts_exchange *exchange, struct nts_segment *segment,
                                  struct nanots_error *error)
{
    return list_push(&exchange->removed, exchange->table->db->alloc, segment, error);
}

nanots_status nts_exchange_add(struct nts_exchange *exchange, struct nts_segment *segment,
                               struct nanots_error *error)
{
    return list_push(&exchange->added, exchange->table->db->alloc, segment, error);
}

/* ---- commit ------------------------------------------------------------------------------- */

static nanots_status exchange_put_edits(const struct nts_exchange *exchange,
                                        struct nts_commit *commit)
{
    const uint64_t seed = commit->db->file_seed;
    for (size_t i = 0; i < exchange->removed.count; i++)
        NTS_TRY(nts_manifest_put_removals(&commit->edits, seed,
                                          &exchange->removed.segments[i]->entry.segment_id, 1));
    for (size_t i = 0; i < exchange->added.count; i++) {
        const struct nts_segment_entry *entry = &exchange->added.segments[i]->entry;
        NTS_TRY(nts_manifest_put_segments(&commit->edits, seed, entry, 1));
        if (commit->end_min < entry->off + entry->size)
            commit->end_min = entry->off + entry->size;
    }
    return NANOTS_OK;
}

/* The version after the exchange, with references of its own; NULL if out of memory. */
static struct nts_version *exchange_version(const struct nts_exchange *exchange)
{
    const struct nts_exchange_list *added = &exchange->added;
    struct nts_version *version =
        nts_version_edit(exchange->table->db->alloc, exchange->table->version, added->segments,
                         added->count, exchange->removed.segments, exchange->removed.count);
    for (size_t i = 0; version != NULL && i < added->count; i++)
        nts_segment_ref(added->segments[i]);
    return version;
}

/* With flush_lock, after the commit: new readers see the new version. */
static void exchange_publish(struct nts_exchange *exchange, struct nts_version *version)
{
    struct nanots_table *table = exchange->table;
    struct nanots_db *db = table->db;
    nts_mutex_lock(&db->write_lock);
    struct nts_version *old = table->version;
    table->version = version;
    nts_mutex_unlock(&db->write_lock);
    nts_version_unref(old);
    for (size_t i = 0; i < exchange->added.count; i++) {
        const struct nts_segment_entry *entry = &exchange->added.segments[i]->entry;
        nts_space_settle(&db->space, entry->off, entry->size);
    }
    for (size_t i = 0; i < exchange->removed.count; i++) {
        struct nts_segment *segment = exchange->removed.segments[i];
        const struct nts_extent extent = {segment->entry.off, segment->entry.size};
        nts_extents_free_later(db, extent, segment, db->sb.generation);
    }
    exchange->is_committed = true;
}

/* With flush_lock. */
static nanots_status exchange_commit_locked(struct nts_exchange *exchange,
                                            struct nts_commit *commit, struct nanots_error *error)
{
    if (exchange_put_edits(exchange, commit) != NANOTS_OK)
        return nts_fail_memory(error, commit->edits.size);
    struct nts_version *version = exchange_version(exchange);
    if (version == NULL)
        return nts_fail_memory(error, exchange->added.count);
    commit->sync_all = true;
    commit->changes_table = exchange->is_cut;
    commit->freed_count = exchange->removed.count;
    const nanots_status status = nts_commit_run(commit, error);
    if (status != NANOTS_OK) {
        nts_version_unref(version);
        return status;
    }
    exchange_publish(exchange, version);
    return NANOTS_OK;
}

nanots_status nts_exchange_commit(struct nts_exchange *exchange, struct nanots_error *error)
{
    struct nanots_db *db = exchange->table->db;
    struct nts_commit commit;

    assert(!exchange->is_committed);
    if (exchange->removed.count == 0 && exchange->added.count == 0)
        return NANOTS_OK;
    nts_mutex_lock(&db->flush_lock);
    nts_commit_begin(db, &commit);
    const nanots_status status = exchange_commit_locked(exchange, &commit, error);
    nts_commit_end(&commit);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

void nts_exchange_end(struct nts_exchange *exchange)
{
    for (size_t i = 0; i < exchange->added.count; i++) {
        struct nts_segment *segment = exchange->added.segments[i];
        if (!exchange->is_committed)
            nts_space_settle(&exchange->table->db->space, segment->entry.off, 0);
        nts_segment_unref(segment);
    }
    nts_free(exchange->added.segments);
    nts_free(exchange->removed.segments);
}
