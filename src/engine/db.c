/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/db.c - opening and closing; the poison flag. */
#include "engine/db.h"
#include "engine/catalog.h"

#include <string.h>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/group.h"
#include "engine/maintain.h"
#include "engine/merge.h"
#include "engine/options.h"
#include "os/clock.h"
#include "os/fork_guard.h"
#include "util/checksum.h"

#define SUPERBLOCK_LOOKS_MAX 100u

/* ---- may this handle be used -------------------------------------------------------------- */

nanots_status nts_db_check_process(const struct nanots_db *db, struct nanots_error *error)
{
    if (NTS_LIKELY(db->fork_guard == NULL || *db->fork_guard != 0))
        return NANOTS_OK;
    return nts_fail(error, NANOTS_MISUSE,
                    "%.120s: the handle was opened before fork(); open the "
                    "file again in the child",
                    db->path);
}

nanots_status nts_db_check_writable_locked(const struct nanots_db *db, struct nanots_error *error)
{
    if (NTS_UNLIKELY(db->options.read_only))
        return nts_fail(error, NANOTS_READ_ONLY, "%.120s is open read-only", db->path);
    if (NTS_UNLIKELY(db->poisoned != NANOTS_OK))
        return nts_fail(error, NANOTS_POISONED,
                        "%.120s: an earlier write failed (%s); close the handle and open the file "
                        "again",
                        db->path, nanots_status_text(db->poisoned));
    return NANOTS_OK;
}

nanots_status nts_db_check_writable(struct nanots_db *db, struct nanots_error *error)
{
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = nts_db_check_writable_locked(db, error);
    nts_mutex_unlock(&db->write_lock);
    return status;
}

void nts_db_poison(struct nanots_db *db, nanots_status cause)
{
    nts_mutex_lock(&db->write_lock);
    if (db->poisoned == NANOTS_OK)
        db->poisoned = cause;
    nts_mutex_unlock(&db->write_lock);
}

/* ---- open --------------------------------------------------------------------------------- */

struct nanots_db *nts_db_new(const struct nanots_allocator *alloc, const char *path)
{
    struct nanots_db *db = nts_alloc_zeroed(alloc, sizeof *db);
    if (db == NULL)
        return NULL;
    db->alloc = alloc;
    db->spare = &db->spare_own;
    db->path = nts_alloc_string(alloc, path);
    db->run = nts_run_new(alloc, 1);
    if (db->path == NULL || db->run == NULL) {
        nts_run_free(db->run);
        nts_free(db->path);
        nts_free(db);
        return NULL;
    }
    nts_mutex_init(&db->upkeep_lock);
    nts_mutex_init(&db->flush_lock);
    nts_mutex_init(&db->sync_lock);
    nts_mutex_init(&db->write_lock);
    nts_cond_init(&db->upkeep.wake);
    nts_space_init(&db->space, alloc);
    return db;
}

void nts_db_free(struct nanots_db *db)
{
    nts_catalog_free(db);
    nts_memtable_spare_deinit(&db->spare_own);
    while (db->frozen_first != NULL) {
        struct nts_run *run = db->frozen_first;
        db->frozen_first = run->next;
        nts_run_free(run);
    }
    nts_run_free(db->run);
    for (size_t i = 0; i < db->limbo_count; i++)
        nts_segment_unref(db->limbo[i].segment);
    nts_free(db->limbo);
    if (db->file != NULL) {
        nts_wal_deinit(&db->wal);
        nts_file_view_deinit(&db->view);
        db->file->ops->close(db->file);
    }
    nts_space_deinit(&db->space);
    nts_fork_guard_free(db->fork_guard);
    nts_cond_deinit(&db->upkeep.wake);
    nts_mutex_deinit(&db->write_lock);
    nts_mutex_deinit(&db->sync_lock);
    nts_mutex_deinit(&db->flush_lock);
    nts_mutex_deinit(&db->upkeep_lock);
    nts_free(db->path);
    nts_free(db);
}

static nanots_status db_open_file(struct nanots_db *db, uint32_t flags, struct nanots_error *error)
{
    unsigned vfs_flags = 0;
    if (db->options.read_only)
        vfs_flags = NANOTS_VFS_READ_ONLY;
    else if ((flags & NANOTS_OPEN_NO_CREATE) == 0)
        vfs_flags = NANOTS_VFS_CREATE;
    if ((flags & NANOTS_OPEN_EXCLUSIVE) != 0)
        vfs_flags |= NANOTS_VFS_EXCLUSIVE;
    NTS_TRY(nts_vfs_open(db->options.vfs, db->alloc, db->path, vfs_flags, &db->file, error));
    nts_file_view_init(&db->view, db->alloc, db->file);
    nts_wal_init(&db->wal, db->alloc, db->file);
    if (db->options.sector_size > NTS_SECTOR_SIZE)
        db->wal.sector_size = db->options.sector_size;
    return db->options.read_only ? NANOTS_OK : db->file->ops->lock_writer(db->file, error);
}

/* One look at the superblock's area. *look_out stands for all that was seen. */
static nanots_status superblock_look(struct nanots_db *db, struct nts_superblock *sb,
                                     uint64_t *look_out, struct nanots_error *error)
{
    struct nanots_error detail;
    uint64_t size = 0;
    nanots_status status = NANOTS_OK;

    *look_out = 0;
    NTS_TRY(db->file->ops->size(db->file, &size, error));
    const size_t known = size < NTS_SUPERBLOCK_AREA ? (size_t)size : NTS_SUPERBLOCK_AREA;
    uint8_t *bytes = nts_alloc(db->alloc, NTS_SUPERBLOCK_AREA);
    if (bytes == NULL)
        return nts_fail_memory(error, NTS_SUPERBLOCK_AREA);
    nts_error_clear(&detail);
    if (known != 0)
        status = db->file->ops->read_at(db->file, bytes, known, 0, &detail);
    if (status == NANOTS_OK)
        status = nts_superblock_choose(bytes, known, sb, &detail);
    if (status != NANOTS_OK)
        *look_out = nts_checksum_seeded(bytes, known, size);
    nts_free(bytes);
    if (status != NANOTS_OK)
        return nts_fail(error, status, "%.100s: %s", db->path, detail.message);
    if (sb->file_end > size) /* or it grew in between, with the commit that was seen */
        NTS_TRY(db->file->ops->size(db->file, &size, error));
    if (sb->file_end <= size)
        return NANOTS_OK;
    *look_out = sb->generation ^ size;
    return nts_fail(error, NANOTS_CORRUPT,
                    "%.100s is cut short: it has %llu bytes and should have %llu", db->path,
                    (unsigned long long)size, (unsigned long long)sb->file_end);
}

/* Damage counts if it is seen twice: a commit may come between the size and the bytes. */
nanots_status nts_db_read_superblock(struct nanots_db *db, struct nts_superblock *sb,
                                     struct nanots_error *error)
{
    uint64_t before = 0;
    for (unsigned attempt = 0;; attempt++) {
        uint64_t look = 0;
        nts_error_clear(error); /* of the attempt before */
        const nanots_status status = superblock_look(db, sb, &look, error);
        if (status != NANOTS_CORRUPT || attempt == SUPERBLOCK_LOOKS_MAX ||
            (attempt != 0 && look == before))
            return status;
        before = look;
    }
}

static nanots_status db_load(struct nanots_db *db, struct nanots_error *error)
{
    uint64_t size = 0;
    uint64_t oldest = 0;

    NTS_TRY(nts_db_read_superblock(db, &db->sb, error));
    if (db->sb.ro_compat_flags != 0)
        return nts_fail(error, NANOTS_READ_ONLY,
                        "%.100s has features (%llx) that this version can only read: open it "
                        "read-only",
                        db->path, (unsigned long long)db->sb.ro_compat_flags);
    if (db->sb.generation == 0) {
        db->sb.format_version = NTS_FORMAT_VERSION;
        nts_random_bytes(db->sb.file_id, sizeof db->sb.file_id);
    }
    NTS_TRY(nts_extents_oldest_pin(db, &oldest, error));
    db->space.only_at_end = oldest < db->sb.generation;
    NTS_TRY(db->file->ops->size(db->file, &size, error));
    db->space.file_end = size > db->sb.file_end ? size : db->sb.file_end;
    return nts_recover(db, error);
}

/* A file that is too damaged to be opened: the sentence ends in what can be done. */
static void db_advise_repair(struct nanots_error *error)
{
    static const char advice[] = "; `nanots repair` saves what is whole of it";
    if (error == NULL)
        return;
    const size_t most = sizeof error->message - sizeof advice;
    const size_t used = strlen(error->message);
    memcpy(error->message + (used < most ? used : most), advice, sizeof advice);
}

nanots_status nts_db_open(const char *path, const struct nanots_open_options *options,
                          struct nanots_db **db_out, struct nanots_error *error)
{
    struct nts_options filled;
    uint32_t flags = 0;
    nanots_status status;

    *db_out = NULL;
    if (path == NULL || path[0] == '\0')
        return nts_fail(error, NANOTS_INVALID, "the path is empty");
    NTS_TRY(nts_options_fill(options, &filled, &flags, error));
    struct nanots_db *db = nts_db_new(filled.allocator, path);
    if (db == NULL)
        return nts_fail_memory(error, sizeof *db);
    db->options = filled;
    db->fork_guard = nts_fork_guard_new();
    db->wal_size_wanted = NTS_WAL_EXTENT_SIZE_MIN;
    db->last_sync_ms = nts_clock_coarse_ms();
    NTS_TRY_OUT(db_open_file(db, flags, error));
    NTS_TRY_OUT(db->options.read_only ? nts_refresh_first(db, error) : db_load(db, error));
    if (db->options.has_thread)
        NTS_TRY_OUT(nts_upkeep_start(db, error));
    *db_out = db;
    return NANOTS_OK;
out:
    if (status == NANOTS_CORRUPT)
        db_advise_repair(error);
    nts_db_free(db);
    return status;
}

/* ---- close -------------------------------------------------------------------------------- */

static nanots_status db_finish(struct nanots_db *db, struct nanots_error *error)
{
    nanots_status status;
    nts_mutex_lock(&db->upkeep_lock);
    status = nts_flush(db, NTS_FLUSH_URGENT, error);
    if (status == NANOTS_OK)
        status = nts_merge_small(db, error);
    if (status == NANOTS_OK)
        status = nts_tidy_file(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    return status;
}

nanots_status nts_db_close(struct nanots_db *db, struct nanots_error *error)
{
    nanots_status status = NANOTS_OK;
    if (db == NULL)
        return NANOTS_OK;
    NTS_TRY(nts_db_check_process(db, error));
    nts_upkeep_stop(db);
    while (db->groups != NULL)
        nts_group_rollback(db->groups);
    if (!db->options.read_only)
        status = nts_db_check_writable(db, error);
    if (!db->options.read_only && status == NANOTS_OK && (db->is_dirty || db->sb.wal_count != 0))
        status = db_finish(db, error);
    nts_db_free(db);
    return status;
}
