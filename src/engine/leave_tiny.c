/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/leave_tiny.c - a file in tiny form is about to be written.
 *
 *   |A |man seg|            ->   |A |      |B |man|seg ...|
 *
 * The tiny file's bytes lie where slot A's second copy goes. They are copied to extents of their
 * own and a commit to slot B names those; the old ones stay until nobody reads them (commit.c
 * writes slot A without its second copy as long). Until that commit nobody sees the copies, so a
 * disk or a memory that is full leaves all as it was. A tiny file has no log, and without one no
 * table is made: the catalog stands still meanwhile.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"

/* The copies on their way. */
struct tiny_move {
    struct nanots_db *db;
    struct nts_extent extent;
    uint64_t at; /* end of the copies */
    size_t segment_count;
    struct nts_version **versions; /* by table id; NULL where there is no table */
};

static nanots_status tiny_copy_segment(struct tiny_move *move, const struct nts_segment *segment,
                                       struct nts_segment **copy_out, struct nanots_error *error)
{
    struct nanots_db *db = move->db;
    struct nts_segment_entry entry = segment->entry;
    uint8_t bytes[NTS_TINY_END - NTS_TINY_START];

    *copy_out = NULL;
    if (entry.size > sizeof bytes || entry.size > move->extent.off + move->extent.size - move->at)
        return nts_fail(error, NANOTS_CORRUPT, "segment %llu leaves the tiny form's area",
                        (unsigned long long)entry.segment_id);
    NTS_TRY(db->file->ops->read_at(db->file, bytes, (size_t)entry.size, entry.off, error));
    NTS_TRY(db->file->ops->write_at(db->file, bytes, (size_t)entry.size, move->at, false, error));
    entry.off = move->at;
    move->at = nts_round_up(move->at + entry.size, NTS_GRANULE_SIZE);
    move->segment_count++;
    *copy_out = nts_segment_new(&db->view, &entry, segment->def);
    return *copy_out == NULL ? nts_fail_memory(error, sizeof **copy_out) : NANOTS_OK;
}

static nanots_status tiny_copy_table(struct tiny_move *move, const struct nanots_table *table,
                                     struct nanots_error *error)
{
    const struct nts_version *old = table->version;
    const struct nanots_allocator *alloc = move->db->alloc;
    struct nts_segment **copies =
        nts_alloc_zeroed(alloc, (old->count + 1) * sizeof(struct nts_segment *));
    struct nts_version *version = NULL;
    nanots_status status = NANOTS_OK;

    if (copies == NULL)
        return nts_fail_memory(error, old->count);
    for (size_t i = 0; i < old->count && status == NANOTS_OK; i++)
        status = tiny_copy_segment(move, old->segments[i], &copies[i], error);
    if (status == NANOTS_OK) {
        version = nts_version_edit(alloc, NULL, copies, old->count, NULL, 0);
        if (version == NULL)
            status = nts_fail_memory(error, old->count);
    }
    for (size_t i = 0; i < old->count && version == NULL; i++)
        nts_segment_unref(copies[i]);
    nts_free(copies);
    move->versions[table->table_id] = version;
    return status;
}

static nanots_status tiny_copy_all(struct tiny_move *move, struct nanots_error *error)
{
    struct nanots_db *db = move->db;
    move->versions = nts_alloc_zeroed(db->alloc, (db->by_id_count + 1) * sizeof *move->versions);
    if (move->versions == NULL)
        return nts_fail_memory(error, db->by_id_count);
    NTS_TRY(nts_extents_obtain(db, NTS_BLOCK_SIZE, NTS_BLOCK_SIZE, &move->extent, error));
    move->at = move->extent.off;
    for (size_t t = 0; t < db->by_id_count; t++)
        if (db->by_id[t] != NULL)
            NTS_TRY(tiny_copy_table(move, db->by_id[t], error));
    return NANOTS_OK;
}

static nanots_status tiny_commit(struct tiny_move *move, struct nanots_error *error)
{
    struct nts_commit commit;
    nts_commit_begin(move->db, &commit);
    commit.rewrite_manifest = true;
    commit.sync_all = true;
    commit.end_min = move->extent.off + move->extent.size;
    commit.versions = move->versions;
    commit.freed_count = move->segment_count;
    const nanots_status status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    return status;
}

/* The commit is done: the tables' old versions change places with the new ones. */
static void tiny_publish(struct tiny_move *move)
{
    struct nanots_db *db = move->db;

    nts_space_settle(&db->space, move->extent.off, move->at - move->extent.off);
    nts_mutex_lock(&db->write_lock);
    for (size_t t = 0; t < db->by_id_count; t++) {
        struct nts_version *old = db->by_id[t] == NULL ? NULL : db->by_id[t]->version;
        if (old == NULL)
            continue;
        for (size_t i = 0; i < old->count; i++) {
            const struct nts_extent extent = {old->segments[i]->entry.off,
                                              old->segments[i]->entry.size};
            nts_extents_free_later(db, extent, old->segments[i], db->sb.generation);
        }
        db->by_id[t]->version = move->versions[t];
        move->versions[t] = old;
    }
    nts_mutex_unlock(&db->write_lock);
}

nanots_status nts_extents_leave_tiny(struct nanots_db *db, struct nanots_error *error)
{
    struct tiny_move move = {.db = db};

    if (!db->sb.tiny)
        return NANOTS_OK;
    const size_t table_count = db->by_id_count;
    nanots_status status = tiny_copy_all(&move, error);
    if (status == NANOTS_OK)
        status = tiny_commit(&move, error);
    if (status == NANOTS_OK)
        tiny_publish(&move);
    else if (move.extent.size != 0)
        nts_space_settle(&db->space, move.extent.off, 0);
    for (size_t t = 0; t < table_count && move.versions != NULL; t++)
        nts_version_unref(move.versions[t]);
    nts_free(move.versions);
    return status;
}

nanots_status nts_extents_begin_upkeep(struct nanots_db *db, struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = nts_extents_leave_tiny(db, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}
