/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/commit.c - manifest edits, then the superblock. Contract: commit.h. */
#include "engine/commit.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/extents.h"

#define MANIFEST_GROWTH        4u /* rewritten when so many times its live size */
#define MANIFEST_SMALL         (64u << 10)
#define COMMIT_FREED_MAX       (2u + NTS_WAL_EXTENTS_MAX) /* manifest, reserve, the log's extents */
#define SNAPSHOT_EDIT_SEGMENTS 64u /* at most so many in one edit of a rewritten manifest */

void nts_commit_begin(struct nanots_db *db, struct nts_commit *commit)
{
    memset(commit, 0, sizeof *commit);
    commit->db = db;
    commit->flushed_seq = db->sb.flushed_seq;
    commit->salt = db->sb.wal_salt;
    commit->next_table_id = db->sb.next_table_id;
    commit->reserve = db->sb.reserve;
    commit->incompat_flags = db->sb.incompat_flags;
    commit->compat_flags = db->sb.compat_flags;
    if (!db->is_copy_target)
        commit->compat_flags &= ~(uint64_t)NTS_COMPAT_BACKUP;
    nts_buf_init(&commit->edits, db->alloc, NTS_MANIFEST_SIZE_MAX);
}

/* After a commit that did not happen, the reserve that it planned is free again. */
void nts_commit_end(struct nts_commit *commit)
{
    struct nanots_db *db = commit->db;
    if (commit->reserve.size != 0 && commit->reserve.off != db->sb.reserve.off)
        nts_space_settle(&db->space, commit->reserve.off, 0);
    nts_buf_deinit(&commit->edits);
}

/* As few edits as a small array allows. */
static nanots_status snapshot_put_segments(const struct nanots_db *db,
                                           const struct nts_version *version, struct nts_buf *buf)
{
    struct nts_segment_entry entries[SNAPSHOT_EDIT_SEGMENTS];
    size_t count = 0;
    for (size_t i = 0; i < version->count; i++) {
        entries[count++] = version->segments[i]->entry;
        if (count < SNAPSHOT_EDIT_SEGMENTS && i + 1 < version->count)
            continue;
        NTS_TRY(nts_manifest_put_segments(buf, db->file_seed, entries, count));
        count = 0;
    }
    return NANOTS_OK;
}

/* Needs write_lock, since a table that is being created may move the array of tables. */
static nanots_status snapshot_put_tables(struct nanots_db *db, struct nts_version *const *versions,
                                         struct nts_buf *buf)
{
    const uint64_t seed = db->file_seed;
    for (size_t t = 0; t < db->by_id_count; t++) {
        const struct nanots_table *table = db->by_id[t];
        if (table == NULL || !table->in_manifest)
            continue;
        NTS_TRY(nts_manifest_put_table(buf, seed, table->def));
        NTS_TRY(snapshot_put_segments(db, versions != NULL ? versions[t] : table->version, buf));
    }
    return NANOTS_OK;
}

static nanots_status snapshot_put_kept_logs(struct nanots_db *db, struct nts_buf *buf)
{
    for (uint32_t i = 0; i < db->kept_log_count; i++)
        NTS_TRY(nts_manifest_put_kept_log(buf, db->file_seed, &db->kept_logs[i]));
    return NANOTS_OK;
}

nanots_status nts_commit_snapshot(struct nanots_db *db, struct nts_version *const *versions,
                                  struct nts_buf *buf)
{
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = snapshot_put_tables(db, versions, buf);
    nts_mutex_unlock(&db->write_lock);
    return status == NANOTS_OK ? snapshot_put_kept_logs(db, buf) : status;
}

/* Bytes that a snapshot of the committed state would take, roughly. */
static uint64_t manifest_live_size(struct nanots_db *db)
{
    uint64_t size = 0;
    nts_mutex_lock(&db->write_lock);
    for (size_t t = 0; t < db->by_id_count; t++) {
        const struct nanots_table *table = db->by_id[t];
        if (table != NULL && table->in_manifest)
            size += 2 * NTS_EDIT_HEADER_SIZE + nts_table_def_encoded_size(table->def) +
                    table->version->count * NTS_SEGMENT_ENTRY_SIZE;
    }
    nts_mutex_unlock(&db->write_lock);
    return size;
}

/* Whether a manifest of `used` bytes is several times its live size. That size is asked for only
 * when the manifest has outgrown the last answer: a commit costs what it adds, however many tables
 * and segments there are. */
static bool manifest_is_long(struct nanots_db *db, uint64_t used)
{
    if (used <= MANIFEST_SMALL || used <= db->manifest_long_from)
        return false;
    db->manifest_long_from = MANIFEST_GROWTH * manifest_live_size(db);
    return used > db->manifest_long_from;
}

static nanots_status commit_pad(const struct nts_commit *commit, struct nts_buf *buf)
{
    const size_t sector = commit->db->options.sector_size;
    return nts_buf_append_zeros(buf, (size_t)nts_round_up(buf->size, sector) - buf->size);
}

/* Whether the edits fit behind the manifest. The spare block is for a disk that is full. */
static bool manifest_has_room(const struct nts_commit *commit, uint64_t size, uint64_t spare)
{
    const struct nts_superblock *sb = &commit->db->sb;
    const uint64_t used = sb->manifest_size;
    if (sb->manifest_capacity < spare + size || used % commit->db->options.sector_size != 0)
        return false;
    return used <= sb->manifest_capacity - spare - size;
}

/* Writes the whole state and the edits to a new extent. */
static nanots_status commit_rewrite_manifest(struct nts_commit *commit, struct nts_superblock *sb,
                                             struct nanots_error *error)
{
    struct nanots_db *db = commit->db;
    struct nts_extent extent = commit->manifest;
    struct nts_buf whole;
    nanots_status status = NANOTS_OK;

    nts_buf_init(&whole, db->alloc, NTS_MANIFEST_SIZE_MAX);
    NTS_TRY_OUT(nts_commit_snapshot(db, commit->versions, &whole));
    NTS_TRY_OUT(nts_buf_append(&whole, commit->edits.bytes, commit->edits.size));
    if (!commit->shrink) {
        NTS_TRY_OUT(commit_pad(commit, &whole));
        NTS_TRY_OUT(
            nts_extents_obtain(db, nts_round_up(whole.size * 2, NTS_BLOCK_SIZE) + NTS_BLOCK_SIZE,
                               NTS_BLOCK_SIZE, &extent, error));
    }
    assert(whole.size <= extent.size);
    if (whole.size != 0)
        NTS_TRY_OUT(
            db->file->ops->write_at(db->file, whole.bytes, whole.size, extent.off, true, error));
    sb->manifest_off = extent.off;
    sb->manifest_size = whole.size;
    sb->manifest_chain = nts_manifest_chain(0, whole.bytes, whole.size);
    sb->manifest_capacity = extent.size;
    db->manifest_long_from = MANIFEST_GROWTH * whole.size;
out:
    if (status != NANOTS_OK && !commit->shrink && extent.size != 0)
        nts_space_settle(&db->space, extent.off, 0);
    nts_buf_deinit(&whole);
    return status;
}

/* Behind those that are there. */
static nanots_status commit_append_edits(struct nts_commit *commit, struct nts_superblock *sb,
                                         struct nanots_error *error)
{
    struct nts_buf *edits = &commit->edits;
    struct nanots_file *file = commit->db->file;
    const uint64_t off = sb->manifest_off + sb->manifest_size;
    NTS_TRY(commit_pad(commit, edits));
    sb->manifest_size += edits->size;
    sb->manifest_chain = nts_manifest_chain(sb->manifest_chain, edits->bytes, edits->size);
    return file->ops->write_at(file, edits->bytes, edits->size, off, true, error);
}

static nanots_status commit_write_manifest(struct nts_commit *commit, struct nts_superblock *sb,
                                           struct nanots_error *error)
{
    struct nanots_db *db = commit->db;
    const uint64_t used = sb->manifest_size;
    const bool is_long = manifest_is_long(db, used);

    if (commit->edits.size == 0 && !commit->rewrite_manifest)
        return NANOTS_OK;
    if (!commit->rewrite_manifest && !is_long) {
        const uint64_t size = nts_round_up(commit->edits.size, db->options.sector_size);
        if (manifest_has_room(commit, size, NTS_BLOCK_SIZE))
            return commit_append_edits(commit, sb, error);
    }
    const nanots_status status = commit_rewrite_manifest(commit, sb, error);
    const uint64_t size = nts_round_up(commit->edits.size, db->options.sector_size);
    if (status != NANOTS_NO_SPACE || commit->rewrite_manifest ||
        !manifest_has_room(commit, size, 0))
        return status;
    return commit_append_edits(commit, sb, error);
}

static void commit_list_extent(struct nts_superblock *sb, const struct nts_wal_extent *extent)
{
    assert(sb->wal_count < NTS_WAL_EXTENTS_MAX);
    sb->wal_extents[sb->wal_count++] = extent->place;
}

/* The extents in the order of use from the head on, free ones next, and where replay begins. Needs
 * write_lock. */
static void commit_list_log(const struct nts_commit *commit, uint64_t head_serial,
                            struct nts_superblock *sb)
{
    const struct nts_wal *wal = &commit->db->wal;
    for (uint32_t i = 0; i < wal->live_count; i++)
        if (wal->extents[i].serial >= head_serial)
            commit_list_extent(sb, &wal->extents[i]);
    for (uint32_t i = wal->live_count; i < wal->extent_count; i++)
        commit_list_extent(sb, &wal->extents[i]);
    for (uint32_t i = 0; i < wal->live_count; i++)
        if (wal->extents[i].serial < head_serial &&
            wal->extents[i].place.size >= commit->retire_below)
            commit_list_extent(sb, &wal->extents[i]);
    for (uint32_t i = 0; i < commit->added_count; i++)
        commit_list_extent(sb, &commit->added[i]);
    if (sb->wal_count != 0) {
        uint64_t used = NTS_WAL_EXTENT_HEADER_SIZE;
        if (commit->wal == NTS_COMMIT_WAL_KEEP && wal->live_count != 0) {
            used = commit->head == NULL ? wal->head_used : commit->head->used;
            sb->wal_chain = commit->head == NULL ? wal->head_chain : commit->head->chain;
        }
        sb->wal_head_off = sb->wal_extents[0].off + used;
    }
}

/* Fills in the WAL part of the superblock. */
static void commit_list_wal(const struct nts_commit *commit, struct nts_superblock *sb)
{
    struct nanots_db *db = commit->db;
    const uint64_t head_serial = commit->head == NULL ? 0 : commit->head->serial;

    sb->wal_count = 0;
    sb->wal_head_off = 0;
    sb->wal_chain = 0;
    sb->wal_salt = commit->salt;
    nts_mutex_lock(&db->write_lock);
    sb->next_table_id = commit->next_table_id;
    sb->next_segment_id = db->next_segment_id;
    if (commit->wal != NTS_COMMIT_WAL_DROP)
        commit_list_log(commit, head_serial, sb);
    nts_mutex_unlock(&db->write_lock);
}

static uint64_t commit_file_end(const struct nts_commit *commit, const struct nts_superblock *sb)
{
    uint64_t end = sb->manifest_off + sb->manifest_capacity;
    if (end < commit->end_min)
        end = commit->end_min;
    end = nts_extents_kept_end(commit->db, end);
    if (commit->shrink)
        return end;
    if (end < sb->file_end)
        end = sb->file_end;
    for (uint32_t i = 0; i < sb->wal_count; i++)
        if (end < sb->wal_extents[i].off + sb->wal_extents[i].size)
            end = sb->wal_extents[i].off + sb->wal_extents[i].size;
    if (end < sb->reserve.off + sb->reserve.size)
        end = sb->reserve.off + sb->reserve.size;
    return end < NTS_SUPERBLOCK_AREA ? NTS_SUPERBLOCK_AREA : end;
}

/* All but the manifest, which is written by then. */
static void commit_fill_superblock(const struct nts_commit *commit, struct nts_superblock *sb)
{
    sb->generation++;
    sb->writer_version =
        (NANOTS_VERSION_MAJOR << 16) + (NANOTS_VERSION_MINOR << 8) + NANOTS_VERSION_PATCH;
    sb->flushed_seq = commit->flushed_seq;
    sb->table_changes += commit->changes_table;
    sb->reserve = commit->reserve;
    sb->incompat_flags = commit->incompat_flags;
    sb->compat_flags = commit->compat_flags;
    sb->tiny = commit->tiny;
    commit_list_wal(commit, sb);
    sb->file_end = commit_file_end(commit, sb);
}

/* A durable write makes the file as long as its own bytes need. What was only allocated behind them
 * (a log that grows, the reserve, spare room of the manifest) takes a sync: else a power cut leaves
 * a file that is shorter than its superblock says. */
static bool commit_end_is_durable(const struct nts_commit *commit, const struct nts_superblock *sb)
{
    const uint64_t committed = commit->db->sb.file_end;
    return sb->file_end <= (committed > commit->end_min ? committed : commit->end_min);
}

/* Of a reader that was there at open it is not known what it reads. */
static bool commit_low_area_is_read(struct nanots_db *db)
{
    if (nts_space_is_only_at_end(&db->space))
        return true;
    for (size_t i = 0; i < db->limbo_count; i++)
        if (db->limbo[i].extent.off < NTS_SUPERBLOCK_AREA)
            return true;
    return false;
}

nanots_status nts_commit_write_superblock(struct nanots_db *db, const struct nts_superblock *sb,
                                          struct nanots_error *error)
{
    uint8_t image[NTS_SLOT_IMAGE_SIZE];
    size_t size = nts_superblock_encode_slot(sb, image);
    /* Readers of the tiny form that was left may still need what lies behind the first copy. */
    if (nts_superblock_slot(sb->generation) == 0 && size > NTS_TINY_START &&
        commit_low_area_is_read(db))
        size = NTS_TINY_START;
    return db->file->ops->write_at(db->file, image, size, nts_superblock_slot(sb->generation), true,
                                   error);
}

/* Step 1 failed: a full disk or full memory left no doubt about what is durable, all else did. */
static nanots_status commit_give_up(struct nanots_db *db, nanots_status status)
{
    if (status != NANOTS_NO_SPACE && status != NANOTS_NO_MEMORY && status != NANOTS_TOO_BIG)
        nts_db_poison(db, status);
    return status;
}

static nanots_status commit_put_kept_log(struct nts_commit *commit)
{
    struct nanots_db *db = commit->db;
    if (commit->keep == NULL)
        return NANOTS_OK;
    assert(commit->wal == NTS_COMMIT_WAL_DROP);
    assert(db->kept_log_count < NTS_KEPT_LOGS_MAX);
    return nts_manifest_put_kept_log(&commit->edits, db->file_seed, commit->keep);
}

nanots_status nts_commit_run(struct nts_commit *commit, struct nanots_error *error)
{
    struct nanots_db *db = commit->db;
    struct nts_superblock sb = db->sb;
    nanots_status status;

    NTS_TRY(nts_db_check_writable(db, error));
    NTS_TRY(nts_extents_reserve_limbo(db, commit->freed_count + COMMIT_FREED_MAX, error));
    status = commit_put_kept_log(commit);
    if (status == NANOTS_OK)
        status = commit_write_manifest(commit, &sb, error);
    if (status != NANOTS_OK) {
        if (status == NANOTS_NO_MEMORY)
            (void)nts_fail_memory(error, commit->edits.size);
        return commit_give_up(db, status);
    }
    commit_fill_superblock(commit, &sb);
    if (commit->sync_all || !commit_end_is_durable(commit, &sb)) {
        status = db->file->ops->sync(db->file, error);
        if (status != NANOTS_OK)
            return commit_give_up(db, NANOTS_IO);
    }
    status = nts_commit_write_superblock(db, &sb, error);
    if (status != NANOTS_OK) {
        nts_db_poison(db, status);
        return status;
    }

    if (sb.manifest_off != db->sb.manifest_off) {
        const struct nts_extent old = {db->sb.manifest_off, db->sb.manifest_capacity};
        nts_extents_free_later(db, old, NULL, sb.generation);
        nts_space_settle(&db->space, sb.manifest_off, sb.manifest_capacity);
    }
    if (sb.reserve.off != db->sb.reserve.off) {
        if (!commit->reserve_is_taken)
            nts_extents_free_later(db, db->sb.reserve, NULL, sb.generation);
        if (sb.reserve.size != 0)
            nts_space_settle(&db->space, sb.reserve.off, sb.reserve.size);
    }
    if (commit->keep != NULL)
        db->kept_logs[db->kept_log_count++] = *commit->keep;
    db->sb = sb;
    db->is_dirty = true;
    return NANOTS_OK;
}
