/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/leave_tiny.c - a file in tiny form is about to be written.
 *
 *   |A |man seg|            ->   |A |      |B |man|seg ...|
 *
 * The tiny file's bytes lie where slot A's second copy goes. They are copied to extents of their
 * own and a commit to slot B names those; the old ones stay until nobody reads them (commit.c
 * writes slot A without its second copy as long).
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"

static nanots_status tiny_copy_segment(struct nanots_db *db, const struct nts_segment *segment,
                                       uint64_t off, struct nts_segment **copy_out,
                                       struct nanots_error *error)
{
    struct nts_segment_entry entry = segment->entry;
    uint8_t bytes[NTS_TINY_END - NTS_TINY_START];

    *copy_out = NULL;
    if (entry.size > sizeof bytes)
        return nts_fail(error, NANOTS_CORRUPT, "segment %llu leaves the tiny form's area",
                        (unsigned long long)entry.segment_id);
    NTS_TRY(db->file->ops->read_at(db->file, bytes, (size_t)entry.size, entry.off, error));
    NTS_TRY(db->file->ops->write_at(db->file, bytes, (size_t)entry.size, off, false, error));
    entry.off = off;
    *copy_out = nts_segment_new(&db->view, &entry, segment->def);
    return *copy_out == NULL ? nts_fail_memory(error, sizeof **copy_out) : NANOTS_OK;
}

/* Replaces the table's segments by copies from `*at` on. */
static nanots_status tiny_copy_table(struct nanots_db *db, struct nanots_table *table, uint64_t *at,
                                     struct nanots_error *error)
{
    struct nts_version *old = table->version;
    struct nts_segment **copies =
        nts_alloc_zeroed(db->alloc, (old->count + 1) * sizeof(struct nts_segment *));
    struct nts_version *version = NULL;
    nanots_status status = NANOTS_OK;

    if (copies == NULL)
        return nts_fail_memory(error, old->count);
    for (size_t i = 0; i < old->count && status == NANOTS_OK; i++) {
        status = tiny_copy_segment(db, old->segments[i], *at, &copies[i], error);
        *at = nts_round_up(*at + old->segments[i]->entry.size, NTS_GRANULE_SIZE);
    }
    if (status == NANOTS_OK) {
        version = nts_version_edit(db->alloc, NULL, copies, old->count, NULL, 0);
        if (version == NULL)
            status = nts_fail_memory(error, old->count);
    }
    for (size_t i = 0; i < old->count && version == NULL; i++)
        nts_segment_unref(copies[i]);
    nts_free(copies);
    NTS_TRY(status);
    for (size_t i = 0; i < old->count; i++) {
        const struct nts_extent extent = {old->segments[i]->entry.off,
                                          old->segments[i]->entry.size};
        nts_extents_free_later(db, extent, old->segments[i], db->sb.generation + 1);
    }
    nts_mutex_lock(&db->write_lock);
    table->version = version;
    nts_mutex_unlock(&db->write_lock);
    nts_version_unref(old);
    return NANOTS_OK;
}

nanots_status nts_extents_leave_tiny(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_commit commit;
    struct nts_extent extent;
    nanots_status status = NANOTS_OK;

    if (!db->sb.tiny)
        return NANOTS_OK;
    NTS_TRY(nts_extents_obtain(db, NTS_BLOCK_SIZE, NTS_BLOCK_SIZE, &extent, error));
    uint64_t at = extent.off;
    for (size_t t = 0; t < db->by_id_count && status == NANOTS_OK; t++)
        if (db->by_id[t] != NULL)
            status = tiny_copy_table(db, db->by_id[t], &at, error);
    nts_commit_begin(db, &commit);
    commit.rewrite_manifest = true;
    commit.sync_all = true;
    commit.end_min = extent.off + extent.size;
    if (status == NANOTS_OK)
        status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    if (status == NANOTS_OK)
        nts_space_settle(&db->space, extent.off, at - extent.off);
    else
        nts_db_poison(db, status); /* the copies are in use, but no generation names them */
    return status;
}

nanots_status nts_extents_begin_upkeep(struct nanots_db *db, struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = nts_extents_leave_tiny(db, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}
