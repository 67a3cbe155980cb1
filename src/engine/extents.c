/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/extents.c - room in the file. Contract: extents.h. */
#include "engine/extents.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "os/clock.h"

#define EXTENTS_PUNCH_MIN (1u << 20)
#define OBTAIN_TRIES_MAX  256u

/* The lowest free room, with blocks allocated to it; held, also if that fails. */
static nanots_status obtain_lowest(struct nanots_db *db, uint64_t size, uint64_t alignment,
                                   struct nts_extent *extent_out, struct nanots_error *error)
{
    extent_out->off = extent_out->size = 0;
    NTS_TRY(nts_space_take(&db->space, size, alignment, extent_out, error));
    /* Looked at behind the taking: what a failed commit gave back may be named by its superblock,
     * and the handle was poisoned before. */
    NTS_TRY(nts_db_check_writable(db, error));
    return db->file->ops->allocate(db->file, extent_out->off, extent_out->size, error);
}

/* On a full disk free room may still have its blocks, as what the reserve leaves, or be a hole:
 * higher room is tried then, up to the end of the file. */
nanots_status nts_extents_obtain(struct nanots_db *db, uint64_t size, uint64_t alignment,
                                 struct nts_extent *extent_out, struct nanots_error *error)
{
    struct nts_extent failed[OBTAIN_TRIES_MAX];
    size_t failed_count = 0;
    nanots_status status;
    bool is_inside;

    do {
        const uint64_t end = nts_space_file_end(&db->space);
        status = obtain_lowest(db, size, alignment, extent_out, error);
        is_inside = extent_out->size != 0 && extent_out->off + extent_out->size <= end;
        if (status != NANOTS_OK && extent_out->size != 0)
            failed[failed_count++] = *extent_out;
    } while (status == NANOTS_NO_SPACE && is_inside && failed_count < OBTAIN_TRIES_MAX);
    for (size_t i = 0; i < failed_count; i++)
        nts_space_settle(&db->space, failed[i].off, 0);
    if (status != NANOTS_OK)
        extent_out->off = extent_out->size = 0;
    else
        nts_error_clear(error);
    return status;
}

nanots_status nts_extents_obtain_urgent(struct nanots_db *db, uint64_t size,
                                        struct nts_commit *commit, struct nts_extent *extent_out,
                                        struct nanots_error *error)
{
    const nanots_status status = nts_extents_obtain(db, size, NTS_BLOCK_SIZE, extent_out, error);
    const struct nts_extent reserve = db->sb.reserve;
    if (status != NANOTS_NO_SPACE || reserve.size == 0 || size > reserve.size)
        return status;
    nts_error_clear(error);
    NTS_TRY(nts_space_hold(&db->space, reserve, error));
    *extent_out = reserve;
    commit->reserve.off = commit->reserve.size = 0;
    commit->reserve_is_taken = true;
    return NANOTS_OK;
}

nanots_status nts_extents_reserve_limbo(struct nanots_db *db, size_t count,
                                        struct nanots_error *error)
{
    size_t capacity = db->limbo_capacity == 0 ? 16 : db->limbo_capacity;
    while (capacity - db->limbo_count < count)
        capacity *= 2;
    if (capacity == db->limbo_capacity)
        return NANOTS_OK;
    struct nts_limbo *limbo = nts_realloc(db->alloc, db->limbo, capacity * sizeof *limbo);
    if (limbo == NULL)
        return nts_fail_memory(error, capacity * sizeof *limbo);
    db->limbo = limbo;
    db->limbo_capacity = capacity;
    return NANOTS_OK;
}

void nts_extents_free_later(struct nanots_db *db, struct nts_extent extent,
                            struct nts_segment *segment, uint64_t generation)
{
    if (extent.size == 0)
        return;
    assert(db->limbo_count < db->limbo_capacity);
    struct nts_limbo *item = &db->limbo[db->limbo_count++];
    item->generation = generation;
    item->extent = extent;
    item->segment = segment == NULL ? NULL : nts_segment_ref(segment);
}

nanots_status nts_extents_oldest_pin(struct nanots_db *db, uint64_t *generation_out,
                                     struct nanots_error *error)
{
    return db->file->ops->oldest_pin(db->file, 0, db->sb.generation + 1, generation_out, error);
}

/* Extents of the log, the manifest and the reserve are whole blocks that nothing else shares, but
 * in a file as a close left it; segments share their blocks. */
static bool limbo_is_alone(const struct nts_limbo *item)
{
    return item->segment == NULL && item->extent.off >= NTS_SUPERBLOCK_AREA &&
           item->extent.off % NTS_BLOCK_SIZE == 0 && item->extent.size % NTS_BLOCK_SIZE == 0;
}

nanots_status nts_extents_reap(struct nanots_db *db, struct nanots_error *error)
{
    uint64_t oldest = 0;
    size_t kept = 0;
    bool must_rebuild = false;

    if (db->limbo_count == 0 && !nts_space_is_only_at_end(&db->space))
        return NANOTS_OK;
    NTS_TRY(nts_extents_oldest_pin(db, &oldest, error));
    if (oldest >= db->sb.generation)
        nts_space_use_all(&db->space);
    for (size_t i = 0; i < db->limbo_count; i++) {
        struct nts_limbo *item = &db->limbo[i];
        const bool is_read = item->segment != NULL && !nts_refcount_is_last(&item->segment->refs);
        if (item->generation > oldest || is_read) {
            db->limbo[kept++] = *item;
        } else if (limbo_is_alone(item)) {
            nts_space_give(&db->space, item->extent);
        } else {
            nts_segment_unref(item->segment);
            must_rebuild = true;
        }
    }
    db->limbo_count = kept;
    return must_rebuild ? nts_extents_rebuild(db, error) : NANOTS_OK;
}

static nanots_status live_add(struct nanots_db *db, struct nts_extent_list *live, uint64_t off,
                              uint64_t size)
{
    const struct nts_extent extent = {off, size};
    return size == 0 ? NANOTS_OK : nts_extent_list_add(live, db->alloc, extent);
}

static nanots_status live_add_table(struct nanots_db *db, const struct nanots_table *table,
                                    struct nts_extent_list *live)
{
    for (size_t i = 0; i < table->version->count; i++) {
        const struct nts_segment_entry *entry = &table->version->segments[i]->entry;
        NTS_TRY(live_add(db, live, entry->off, entry->size));
    }
    for (const struct nts_part *part = table->parts_first; part != NULL; part = part->next)
        if (part->segment != NULL)
            NTS_TRY(live_add(db, live, part->segment->entry.off, part->segment->entry.size));
    return NANOTS_OK;
}

static nanots_status live_add_kept_log(struct nanots_db *db, const struct nts_kept_log *log,
                                       struct nts_extent_list *live)
{
    for (uint32_t i = 0; i < log->extent_count; i++)
        NTS_TRY(live_add(db, live, log->extents[i].off, log->extents[i].size));
    return NANOTS_OK;
}

static nanots_status live_collect(struct nanots_db *db, struct nts_extent_list *live)
{
    const struct nts_superblock *sb = &db->sb;
    NTS_TRY(live_add(db, live, sb->manifest_off, sb->manifest_capacity));
    NTS_TRY(live_add(db, live, sb->reserve.off, sb->reserve.size));
    for (uint32_t i = 0; i < sb->wal_count; i++)
        NTS_TRY(live_add(db, live, sb->wal_extents[i].off, sb->wal_extents[i].size));
    for (uint32_t i = 0; i < db->kept_log_count; i++)
        NTS_TRY(live_add_kept_log(db, &db->kept_logs[i], live));
    for (size_t i = 0; i < db->limbo_count; i++)
        NTS_TRY(live_add(db, live, db->limbo[i].extent.off, db->limbo[i].extent.size));
    for (size_t t = 0; t < db->by_id_count; t++)
        if (db->by_id[t] != NULL)
            NTS_TRY(live_add_table(db, db->by_id[t], live));
    return NANOTS_OK;
}

uint64_t nts_extents_kept_end(const struct nanots_db *db, uint64_t end)
{
    for (uint32_t i = 0; i < db->kept_log_count; i++)
        for (uint32_t k = 0; k < db->kept_logs[i].extent_count; k++) {
            const struct nts_extent extent = db->kept_logs[i].extents[k];
            if (end < extent.off + extent.size)
                end = extent.off + extent.size;
        }
    return end;
}

nanots_status nts_extents_rebuild(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_extent_list live = {NULL, 0, 0};
    /* A bulk batch moves from held to a part under write_lock: so that it is seen in one of the
     * two. */
    nts_mutex_lock(&db->write_lock);
    nanots_status status = live_collect(db, &live);
    if (status == NANOTS_OK)
        status = nts_space_rebuild(&db->space, live.items, live.count,
                                   nts_space_file_end(&db->space), error);
    nts_mutex_unlock(&db->write_lock);
    nts_free(live.items);
    return status == NANOTS_NO_MEMORY ? nts_fail_memory(error, live.count * sizeof *live.items)
                                      : status;
}

/* ---- the log's extents -------------------------------------------------------------------- */

static nanots_status wal_extent_make(struct nanots_db *db, uint64_t size,
                                     struct nts_wal_extent *extent_out, struct nanots_error *error)
{
    struct nts_extent place;
    NTS_TRY(nts_extents_obtain(db, size, NTS_WAL_EXTENT_SIZE_MIN, &place, error));
    nanots_status status = nts_wal_extent_open(&db->wal, place, extent_out, error);
    if (status == NANOTS_OK) {
        status = nts_wal_extent_clear(&db->wal, extent_out, error);
        if (status != NANOTS_OK)
            nts_wal_extent_close(&db->wal, extent_out);
    }
    if (status != NANOTS_OK)
        nts_space_settle(&db->space, place.off, 0);
    return status;
}

/* Closes the images and gives back what is still held. */
static void wal_extents_drop(struct nanots_db *db, struct nts_wal_extent *extents, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        nts_space_settle(&db->space, extents[i].place.off, 0);
        nts_wal_extent_close(&db->wal, &extents[i]);
    }
}

/* The reserve, if it is missing or too small and the disk has room for it: what two WAL extents of
 * `extent_size` hold can be flushed into it, so recovery works on a full disk. */
static void reserve_plan(struct nanots_db *db, struct nts_commit *commit, uint64_t extent_size)
{
    const uint64_t size = extent_size * 2;
    struct nts_extent extent;
    if (commit->reserve.size < size &&
        nts_extents_obtain(db, size, NTS_BLOCK_SIZE, &extent, NULL) == NANOTS_OK)
        commit->reserve = extent;
}

static nanots_status wal_create_commit(struct nanots_db *db, struct nts_commit *commit,
                                       struct nanots_error *error)
{
    uint64_t size;
    nts_mutex_lock(&db->write_lock);
    size = db->wal_size_wanted;
    nts_mutex_unlock(&db->write_lock);
    nts_random_bytes(&commit->salt, sizeof commit->salt);
    commit->wal = NTS_COMMIT_WAL_RESTART;
    while (commit->added_count < 2) {
        NTS_TRY(wal_extent_make(db, size, &commit->added[commit->added_count], error));
        commit->added_count++;
    }
    reserve_plan(db, commit, size);
    return nts_commit_run(commit, error);
}

nanots_status nts_extents_create_wal(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_commit commit;
    if (db->sb.wal_count != 0)
        return NANOTS_OK;
    NTS_TRY(nts_extents_leave_tiny(db, error));
    nts_commit_begin(db, &commit);
    const nanots_status status = wal_create_commit(db, &commit, error);
    if (status == NANOTS_OK) {
        nts_mutex_lock(&db->write_lock);
        db->wal.change_counter = nts_recover_change_counter(db);
        nts_wal_start(&db->wal, commit.added, commit.added_count, commit.salt);
        nts_mutex_unlock(&db->write_lock);
        for (uint32_t i = 0; i < commit.added_count; i++)
            nts_space_settle(&db->space, commit.added[i].place.off, commit.added[i].place.size);
    } else {
        wal_extents_drop(db, commit.added, commit.added_count);
    }
    nts_commit_end(&commit);
    return status;
}

/* Live extents that the commit's head leaves behind and that are too small. Needs write_lock. */
static uint32_t log_count_left_behind(const struct nts_wal *wal, const struct nts_commit *commit,
                                      uint64_t size)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < wal->live_count && commit->head != NULL; i++)
        count += wal->extents[i].serial < commit->head->serial && wal->extents[i].place.size < size;
    return count;
}

uint64_t nts_extents_growth_bytes(struct nanots_db *db)
{
    uint64_t bytes = 0;
    nts_mutex_lock(&db->write_lock);
    const uint64_t wanted = db->wal_size_wanted;
    for (uint32_t i = 0; i < db->wal.extent_count; i++)
        if (db->wal.extents[i].place.size < wanted)
            bytes += wanted;
    nts_mutex_unlock(&db->write_lock);
    return bytes + (db->sb.reserve.size < wanted * 2 ? wanted * 2 : 0);
}

void nts_extents_plan_growth(struct nanots_db *db, struct nts_commit *commit,
                             struct nts_log_growth *growth)
{
    memset(growth, 0, sizeof *growth);
    nts_mutex_lock(&db->write_lock);
    growth->size = db->wal_size_wanted;
    growth->retired_count = nts_wal_take_free(&db->wal, growth->size, growth->retired);
    const uint32_t count =
        growth->retired_count + log_count_left_behind(&db->wal, commit, growth->size);
    nts_mutex_unlock(&db->write_lock);
    reserve_plan(db, commit, growth->size);
    while (commit->added_count < count &&
           wal_extent_make(db, growth->size, &commit->added[commit->added_count], NULL) ==
               NANOTS_OK)
        commit->added_count++;
    if (count != 0 && commit->added_count == count) {
        commit->retire_below = growth->size;
        return;
    }
    wal_extents_drop(db, commit->added, commit->added_count);
    commit->added_count = 0;
    growth->size = 0;
    nts_mutex_lock(&db->write_lock);
    nts_wal_give_free(&db->wal, growth->retired, growth->retired_count);
    nts_mutex_unlock(&db->write_lock);
    growth->retired_count = 0;
}

void nts_extents_swap_log(struct nanots_db *db, const struct nts_commit *commit,
                          struct nts_log_growth *growth)
{
    if (growth->size == 0)
        return;
    growth->retired_count +=
        nts_wal_take_free(&db->wal, growth->size, growth->retired + growth->retired_count);
    nts_wal_give_free(&db->wal, commit->added, commit->added_count);
}

void nts_extents_finish_growth(struct nanots_db *db, struct nts_commit *commit,
                               struct nts_log_growth *growth, bool committed)
{
    if (growth->size == 0)
        return;
    if (!committed) {
        wal_extents_drop(db, commit->added, commit->added_count);
        nts_mutex_lock(&db->write_lock);
        nts_wal_give_free(&db->wal, growth->retired, growth->retired_count);
        nts_mutex_unlock(&db->write_lock);
        return;
    }
    for (uint32_t i = 0; i < commit->added_count; i++)
        nts_space_settle(&db->space, commit->added[i].place.off, commit->added[i].place.size);
    nts_mutex_lock(&db->sync_lock);
    for (uint32_t i = 0; i < growth->retired_count; i++) {
        nts_extents_free_later(db, growth->retired[i].place, NULL, db->sb.generation);
        nts_wal_extent_close(&db->wal, &growth->retired[i]);
    }
    nts_mutex_unlock(&db->sync_lock);
}

/* ---- the file's end ----------------------------------------------------------------------- */

nanots_status nts_extents_trim(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_commit commit;
    uint64_t oldest = 0;

    NTS_TRY(nts_db_check_writable(db, error)); /* free space is in doubt with all else */
    NTS_TRY(nts_extents_reap(db, error));
    const uint64_t end = nts_space_live_end(&db->space);
    if (end + EXTENTS_PUNCH_MIN <= db->sb.file_end) {
        nts_commit_begin(db, &commit);
        commit.shrink = true;
        commit.end_min = end;
        const nanots_status status = nts_commit_run(&commit, error);
        nts_commit_end(&commit);
        NTS_TRY(status);
        NTS_TRY(nts_extents_oldest_pin(db, &oldest, error));
        if (oldest >= db->sb.generation)
            NTS_TRY(nts_space_truncate(&db->space, db->file, end, error));
    }
    if (db->limbo_count == 0 && !nts_space_is_only_at_end(&db->space))
        nts_space_punch(&db->space, db->file, EXTENTS_PUNCH_MIN);
    return NANOTS_OK;
}

nanots_status nts_extents_end_upkeep(struct nanots_db *db, struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = nts_extents_trim(db, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}
