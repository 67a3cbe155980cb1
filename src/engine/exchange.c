/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/exchange.c - segments for segments. Contract: exchange.h. */
#include "engine/exchange.h"

#include <string.h>

#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/extents.h"

void nts_exchange_begin(struct nts_exchange *exchange, struct nanots_db *db)
{
    memset(exchange, 0, sizeof *exchange);
    exchange->db = db;
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

/* The last table of the exchange, which becomes this one. */
static nanots_status exchange_enter(struct nts_exchange *exchange, struct nanots_table *table,
                                    struct nts_exchange_table **item_out,
                                    struct nanots_error *error)
{
    const size_t count = exchange->table_count;
    *item_out = NULL;
    if (count == 0 || exchange->tables[count - 1].table != table) {
        if (count == exchange->table_capacity) {
            const size_t capacity = count == 0 ? 1 : count * 2;
            struct nts_exchange_table *tables =
                nts_realloc(exchange->db->alloc, exchange->tables, capacity * sizeof *tables);
            if (tables == NULL)
                return nts_fail_memory(error, capacity * sizeof *tables);
            exchange->tables = tables;
            exchange->table_capacity = capacity;
        }
        memset(&exchange->tables[count], 0, sizeof exchange->tables[count]);
        exchange->tables[count].table = table;
        exchange->table_count++;
    }
    *item_out = &exchange->tables[exchange->table_count - 1];
    return NANOTS_OK;
}

nanots_status nts_exchange_remove(struct nts_exchange *exchange, struct nanots_table *table,
                                  struct nts_segment *segment, struct nanots_error *error)
{
    struct nts_exchange_table *item;
    NTS_TRY(exchange_enter(exchange, table, &item, error));
    NTS_TRY(list_push(&item->removed, exchange->db->alloc, segment, error));
    exchange->removed_bytes += nts_segment_ref(segment)->entry.size;
    return NANOTS_OK;
}

nanots_status nts_exchange_add(struct nts_exchange *exchange, struct nanots_table *table,
                               struct nts_segment *segment, struct nanots_error *error)
{
    struct nts_exchange_table *item;
    NTS_TRY(exchange_enter(exchange, table, &item, error));
    return list_push(&item->added, exchange->db->alloc, segment, error);
}

/* ---- commit ------------------------------------------------------------------------------- */

/* Whether something that is to be removed is not there any more. */
static bool exchange_table_is_stale(const struct nts_exchange_table *item)
{
    for (size_t i = 0; i < item->removed.count; i++)
        if (!nts_version_has(item->table->version, item->removed.segments[i]))
            return true;
    return false;
}

static nanots_status exchange_put_edits(const struct nts_exchange_table *item,
                                        struct nts_commit *commit)
{
    const uint64_t seed = commit->db->file_seed;
    for (size_t i = 0; i < item->removed.count; i++)
        NTS_TRY(nts_manifest_put_removals(&commit->edits, seed,
                                          &item->removed.segments[i]->entry.segment_id, 1));
    for (size_t i = 0; i < item->added.count; i++) {
        const struct nts_segment_entry *entry = &item->added.segments[i]->entry;
        NTS_TRY(nts_manifest_put_segments(&commit->edits, seed, entry, 1));
        if (commit->end_min < entry->off + entry->size)
            commit->end_min = entry->off + entry->size;
    }
    commit->freed_count += item->removed.count;
    return NANOTS_OK;
}

/* The version after the exchange, with references of its own. */
static nanots_status exchange_make_version(struct nts_exchange_table *item)
{
    const struct nts_exchange_list *added = &item->added;
    item->version = nts_version_edit(item->table->db->alloc, item->table->version, added->segments,
                                     added->count, item->removed.segments, item->removed.count);
    for (size_t i = 0; item->version != NULL && i < added->count; i++)
        nts_segment_ref(added->segments[i]);
    return item->version != NULL ? NANOTS_OK : NANOTS_NO_MEMORY;
}

/* With flush_lock, after the commit: new readers see the new versions. */
static void exchange_publish(struct nts_exchange *exchange)
{
    struct nanots_db *db = exchange->db;
    nts_mutex_lock(&db->write_lock);
    for (size_t t = 0; t < exchange->table_count; t++) {
        struct nts_exchange_table *item = &exchange->tables[t];
        struct nts_version *old = item->table->version;
        item->table->version = item->version;
        item->version = old;
    }
    nts_mutex_unlock(&db->write_lock);
    for (size_t t = 0; t < exchange->table_count; t++) {
        const struct nts_exchange_table *item = &exchange->tables[t];
        for (size_t i = 0; i < item->added.count; i++) {
            const struct nts_segment_entry *entry = &item->added.segments[i]->entry;
            nts_space_settle(&db->space, entry->off, entry->size);
        }
        for (size_t i = 0; i < item->removed.count; i++) {
            struct nts_segment *segment = item->removed.segments[i];
            const struct nts_extent extent = {segment->entry.off, segment->entry.size};
            nts_extents_free_later(db, extent, segment, db->sb.generation);
        }
    }
    exchange->is_committed = true;
}

static nanots_status exchange_run(struct nts_exchange *exchange, struct nts_commit *commit,
                                  struct nanots_error *error)
{
    commit->sync_all = true;
    commit->changes_table = exchange->is_cut;
    for (size_t t = 0; t < exchange->table_count; t++)
        if (exchange_put_edits(&exchange->tables[t], commit) != NANOTS_OK ||
            exchange_make_version(&exchange->tables[t]) != NANOTS_OK)
            return nts_fail_memory(error, commit->edits.size);
    NTS_TRY(nts_commit_run(commit, error));
    exchange_publish(exchange);
    return NANOTS_OK;
}

nanots_status nts_exchange_commit_locked(struct nts_exchange *exchange, struct nanots_error *error)
{
    struct nts_commit commit;

    assert(!exchange->is_committed);
    for (size_t t = 0; t < exchange->table_count; t++)
        exchange->is_stale |= exchange_table_is_stale(&exchange->tables[t]);
    if (exchange->table_count == 0 || exchange->is_stale)
        return NANOTS_OK;
    nts_commit_begin(exchange->db, &commit);
    const nanots_status status = exchange_run(exchange, &commit, error);
    nts_commit_end(&commit);
    for (size_t t = 0; t < exchange->table_count; t++) {
        nts_version_unref(exchange->tables[t].version); /* the one before, or the one not to be */
        exchange->tables[t].version = NULL;
    }
    return status;
}

nanots_status nts_exchange_commit(struct nts_exchange *exchange, struct nanots_error *error)
{
    struct nanots_db *db = exchange->db;
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = nts_exchange_commit_locked(exchange, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}

static void exchange_drop_last(struct nts_exchange *exchange)
{
    struct nts_exchange_table *item = &exchange->tables[--exchange->table_count];
    for (size_t i = 0; i < item->added.count; i++) {
        struct nts_segment *segment = item->added.segments[i];
        if (!exchange->is_committed)
            nts_space_settle(&exchange->db->space, segment->entry.off, 0);
        nts_segment_unref(segment);
    }
    for (size_t i = 0; i < item->removed.count; i++) {
        exchange->removed_bytes -= item->removed.segments[i]->entry.size;
        nts_segment_unref(item->removed.segments[i]);
    }
    nts_free(item->added.segments);
    nts_free(item->removed.segments);
}

void nts_exchange_end(struct nts_exchange *exchange)
{
    while (exchange->table_count != 0)
        exchange_drop_last(exchange);
    nts_free(exchange->tables);
}

void nts_exchange_forget(struct nts_exchange *exchange, const struct nanots_table *table)
{
    const size_t count = exchange->table_count;
    if (count != 0 && exchange->tables[count - 1].table == table)
        exchange_drop_last(exchange);
}
