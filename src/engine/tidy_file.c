/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/tidy_file.c - the file as a clean close leaves it.
 *
 *   before   |A |B |WAL ...|man  |seg|  |seg| reserve |   |seg|          |
 *   (1)      |A |B |       |     |seg|  |seg|         |man|seg|          |   commit without WAL and reserve
 *   (2)      |A |B |man seg seg seg|                                        small file: all of it, on granules
 *      or    |A |B |seg|man|seg|  |seg|                                     large file: the tail into the holes
 *   tiny     |A |man seg|                                                   all in the first 4096 bytes
 *   kept logs stay where they are: as a large file
 *   thousands of tables with blocks of their own: as a small file
 *
 * Nothing is written over bytes that the generation before needs: if the low space is taken,
 * everything moves to the end first and down then, a commit each. No call but the closing one runs
 * meanwhile, so the places in the segments' entries are changed in place.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"

#define TIDY_SMALL_BYTES (4u << 20)  /* live bytes that are moved as a whole */
#define TIDY_MOVE_BYTES  (64u << 20) /* of a large file that many are moved, and those packed */

struct tidy {
    struct nanots_db *db;
    struct nts_segment **segments; /* all of them, by place */
    size_t count;
    uint64_t manifest_size; /* of a snapshot */
    uint64_t bytes;         /* all on granules, manifest included */
};

static int tidy_compare(const void *a, const void *b)
{
    const struct nts_segment *x = *(struct nts_segment *const *)a;
    const struct nts_segment *y = *(struct nts_segment *const *)b;
    return x->entry.off < y->entry.off ? -1 : x->entry.off > y->entry.off;
}

static nanots_status tidy_collect(struct tidy *tidy, struct nanots_error *error)
{
    struct nanots_db *db = tidy->db;
    struct nts_buf snapshot;
    size_t count = 0;

    for (size_t t = 0; t < db->by_id_count; t++)
        count += db->by_id[t] == NULL ? 0 : db->by_id[t]->version->count;
    tidy->segments = nts_alloc_array(db->alloc, count + 1, sizeof(struct nts_segment *));
    nts_buf_init(&snapshot, db->alloc, NTS_MANIFEST_SIZE_MAX);
    nanots_status status =
        tidy->segments == NULL ? NANOTS_NO_MEMORY : nts_commit_snapshot(db, NULL, &snapshot);
    tidy->manifest_size = snapshot.size;
    nts_buf_deinit(&snapshot);
    if (status != NANOTS_OK)
        return nts_fail_memory(error, count);
    tidy->bytes = nts_round_up(tidy->manifest_size, NTS_GRANULE_SIZE);
    for (size_t t = 0; t < db->by_id_count; t++)
        for (size_t i = 0; db->by_id[t] != NULL && i < db->by_id[t]->version->count; i++) {
            struct nts_segment *segment = db->by_id[t]->version->segments[i];
            tidy->segments[tidy->count++] = segment;
            tidy->bytes += nts_round_up(segment->entry.size, NTS_GRANULE_SIZE);
        }
    if (tidy->count > 1)
        qsort(tidy->segments, tidy->count, sizeof(struct nts_segment *), tidy_compare);
    return NANOTS_OK;
}

/* Copies a segment to `off`, durably, and says so in its entry. */
static nanots_status tidy_move(struct nanots_db *db, struct nts_segment *segment, uint64_t off,
                               struct nanots_error *error)
{
    const size_t size = (size_t)segment->entry.size;
    uint8_t *bytes = nts_alloc(db->alloc, size);
    if (bytes == NULL)
        return nts_fail_memory(error, size);
    nanots_status status = db->file->ops->read_at(db->file, bytes, size, segment->entry.off, error);
    if (status == NANOTS_OK)
        status = db->file->ops->write_at(db->file, bytes, size, off, false, error);
    nts_free(bytes);
    NTS_TRY(status);
    segment->entry.off = off;
    return NANOTS_OK;
}

static nanots_status tidy_commit(struct tidy *tidy, struct nts_extent manifest, uint64_t end,
                                 bool tiny, struct nanots_error *error)
{
    struct nanots_db *db = tidy->db;
    struct nts_commit commit;
    nts_commit_begin(db, &commit);
    commit.wal = NTS_COMMIT_WAL_DROP;
    commit.reserve.off = commit.reserve.size = 0;
    commit.rewrite_manifest = true;
    commit.manifest = manifest;
    commit.shrink = true;
    commit.end_min = end;
    commit.tiny = tiny;
    commit.sync_all = true;
    const nanots_status status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    return status;
}

/* Everything in order from `base` on: manifest, then segments, on granules. */
static nanots_status tidy_place_all(struct tidy *tidy, uint64_t base, bool tiny,
                                    struct nanots_error *error)
{
    const struct nts_extent manifest = {base, tidy->manifest_size};
    uint64_t at = nts_round_up(base + tidy->manifest_size, NTS_GRANULE_SIZE);
    uint64_t end = base + tidy->manifest_size;

    for (size_t i = 0; i < tidy->count; i++) {
        NTS_TRY(tidy_move(tidy->db, tidy->segments[i], at, error));
        end = at + tidy->segments[i]->entry.size;
        at = nts_round_up(end, NTS_GRANULE_SIZE);
    }
    return tidy_commit(tidy, manifest, end, tiny, error);
}

/* Whether committed bytes lie in [low, end), or where a torn write there spoils them: in the sector
 * that it ends in. */
static bool tidy_is_taken(const struct tidy *tidy, uint64_t low, uint64_t end)
{
    const struct nts_superblock *sb = &tidy->db->sb;
    if (tidy->db->wal.sector_size != 0)
        end = nts_round_up(end, tidy->db->wal.sector_size);
    if (sb->manifest_off < end && low < sb->manifest_off + sb->manifest_capacity)
        return true;
    for (size_t i = 0; i < tidy->count; i++) {
        const struct nts_segment_entry *entry = &tidy->segments[i]->entry;
        if (entry->off < end && low < entry->off + entry->size)
            return true;
    }
    return false;
}

/* Whether a reader elsewhere uses a generation before the current one. */
static nanots_status tidy_is_read(struct nanots_db *db, bool *is_read_out,
                                  struct nanots_error *error)
{
    uint64_t oldest = 0;
    *is_read_out = true;
    NTS_TRY(nts_extents_oldest_pin(db, &oldest, error));
    *is_read_out = oldest < db->sb.generation;
    return NANOTS_OK;
}

/* Cuts the file at its committed end, unless a reader may look behind it. A file system zeroes what
 * a cut leaves of a block, and so writes its live bytes again: not where that may spoil them. */
static nanots_status tidy_truncate(struct nanots_db *db, struct nanots_error *error)
{
    const uint64_t sector = db->wal.sector_size;
    const uint64_t end = sector == 0 ? db->sb.file_end : nts_round_up(db->sb.file_end, sector);
    bool is_read = false;
    NTS_TRY(tidy_is_read(db, &is_read, error));
    return is_read ? NANOTS_OK : db->file->ops->truncate(db->file, end, error);
}

/* Behind all that is there and all that will be. */
static uint64_t tidy_above(const struct tidy *tidy)
{
    const uint64_t end = NTS_SUPERBLOCK_AREA + tidy->bytes;
    const uint64_t file_end = tidy->db->sb.file_end;
    return nts_round_up(file_end > end ? file_end : end, NTS_BLOCK_SIZE);
}

static nanots_status tidy_small(struct tidy *tidy, struct nanots_error *error)
{
    struct nanots_db *db = tidy->db;
    const bool tiny = NTS_TINY_START + tidy->bytes <= NTS_TINY_END;
    const uint64_t base = tiny ? NTS_TINY_START : NTS_SUPERBLOCK_AREA;
    const uint64_t end = base + tidy->bytes;
    /* In tiny form the slot is A, so what it replaces must be in B. */
    const bool must_step = tidy_is_taken(tidy, base, end);
    const bool lands_in_a = ((db->sb.generation + (must_step ? 2 : 1)) & 1) == 0;

    if (must_step) {
        NTS_TRY(tidy_place_all(tidy, tidy_above(tidy), false, error));
        bool is_read = false;
        NTS_TRY(tidy_is_read(db, &is_read, error));
        if (is_read)
            return NANOTS_OK;
    }
    if (tiny && !lands_in_a) {
        struct nts_commit commit;
        nts_commit_begin(db, &commit);
        commit.wal = NTS_COMMIT_WAL_DROP;
        const nanots_status status = nts_commit_run(&commit, error);
        nts_commit_end(&commit);
        NTS_TRY(status);
    }
    NTS_TRY(tidy_place_all(tidy, base, tiny, error));
    return tidy_truncate(db, error);
}

/* Moves segments from the file's end into free runs below them: so many that closing does not take
 * long, but for whoever packed just before to have a small file. */
static nanots_status tidy_fill_holes(struct tidy *tidy, struct nanots_error *error)
{
    struct nanots_db *db = tidy->db;
    const uint64_t limit = db->options.max_bytes;
    const uint64_t over = limit != 0 && db->sb.file_end > limit ? db->sb.file_end - limit : 0;
    const uint64_t most = TIDY_MOVE_BYTES + db->packed_bytes + over;
    uint64_t moved = 0;
    for (size_t i = tidy->count; i-- > 0 && moved < most;) {
        struct nts_segment *segment = tidy->segments[i];
        struct nts_extent place;
        NTS_TRY(nts_space_take(&db->space, segment->entry.size, NTS_BLOCK_SIZE, &place, error));
        if (place.off > segment->entry.off) {
            nts_space_settle(&db->space, place.off, 0);
            continue;
        }
        NTS_TRY(db->file->ops->allocate(db->file, place.off, place.size, error));
        NTS_TRY(tidy_move(db, segment, place.off, error));
        moved += segment->entry.size;
    }
    return NANOTS_OK;
}

static nanots_status tidy_large(struct tidy *tidy, struct nanots_error *error)
{
    struct nanots_db *db = tidy->db;
    struct nts_extent manifest = {0, 0};
    uint64_t end = 0;

    if (tidy->manifest_size != 0)
        NTS_TRY(nts_extents_obtain(db, tidy->manifest_size, NTS_BLOCK_SIZE, &manifest, error));
    manifest.size = tidy->manifest_size;
    NTS_TRY(tidy_fill_holes(tidy, error));
    for (size_t i = 0; i < tidy->count; i++) {
        const struct nts_segment_entry *entry = &tidy->segments[i]->entry;
        if (end < entry->off + entry->size)
            end = entry->off + entry->size;
    }
    NTS_TRY(tidy_commit(tidy, manifest, end, false, error));
    NTS_TRY(tidy_truncate(db, error));
    NTS_TRY(nts_extents_reap(db, error));
    nts_space_punch(&db->space, db->file, NTS_BLOCK_SIZE);
    return NANOTS_OK;
}

/* Bytes of the blocks that segments lie in. */
static uint64_t tidy_block_bytes(const struct tidy *tidy)
{
    uint64_t bytes = 0;
    uint64_t counted_to = 0;
    for (size_t i = 0; i < tidy->count; i++) {
        const struct nts_segment_entry *entry = &tidy->segments[i]->entry;
        const uint64_t begin = nts_round_down(entry->off, NTS_BLOCK_SIZE);
        const uint64_t end = nts_round_up(entry->off + entry->size, NTS_BLOCK_SIZE);
        bytes += end - (begin > counted_to ? begin : counted_to);
        counted_to = end;
    }
    return bytes;
}

/* Whether there is room for all of it once more. What this takes, the end of the close cuts off. */
static bool tidy_has_room(struct tidy *tidy)
{
    struct nanots_file *file = tidy->db->file;
    return file->ops->allocate(file, tidy_above(tidy), tidy->bytes, NULL) == NANOTS_OK;
}

/* Whether all of the file is to be moved: it is small, or as small as what a close may move and
 * takes half as much again because each of thousands of tables has blocks of its own. */
static bool tidy_is_small(struct tidy *tidy)
{
    if (tidy->db->kept_log_count != 0 || tidy->bytes <= TIDY_SMALL_BYTES)
        return tidy->db->kept_log_count == 0;
    return tidy->bytes <= TIDY_MOVE_BYTES &&
           tidy_block_bytes(tidy) > tidy->bytes + tidy->bytes / 2 && tidy_has_room(tidy);
}

/* Step 1: no log, no reserve. */
static nanots_status tidy_drop_log(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_wal_extent extents[NTS_WAL_EXTENTS_MAX];
    struct nts_commit commit;
    uint32_t count = 0;

    if (db->sb.wal_count == 0 && db->sb.reserve.size == 0)
        return NANOTS_OK;
    nts_commit_begin(db, &commit);
    commit.wal = NTS_COMMIT_WAL_DROP;
    commit.reserve.off = commit.reserve.size = 0;
    const nanots_status status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    NTS_TRY(status);
    nts_mutex_lock(&db->sync_lock);
    nts_mutex_lock(&db->write_lock);
    count = nts_wal_stop(&db->wal, extents);
    nts_mutex_unlock(&db->write_lock);
    for (uint32_t i = 0; i < count; i++) {
        nts_extents_free_later(db, extents[i].place, NULL, db->sb.generation);
        nts_wal_extent_close(&db->wal, &extents[i]);
    }
    nts_mutex_unlock(&db->sync_lock);
    return NANOTS_OK;
}

static nanots_status tidy_locked(struct nanots_db *db, struct nanots_error *error)
{
    struct tidy tidy = {.db = db};
    uint64_t oldest = 0;
    nanots_status status;

    NTS_TRY(tidy_drop_log(db, error));
    NTS_TRY(nts_extents_reap(db, error));
    NTS_TRY(nts_extents_oldest_pin(db, &oldest, error));
    if (oldest <= db->sb.generation || db->limbo_count != 0)
        return NANOTS_OK; /* somebody reads: the next close tidies */
    status = tidy_collect(&tidy, error);
    if (status == NANOTS_OK)
        status = tidy_is_small(&tidy) ? tidy_small(&tidy, error) : tidy_large(&tidy, error);
    nts_free(tidy.segments);
    return status;
}

nanots_status nts_tidy_file(struct nanots_db *db, struct nanots_error *error)
{
    nts_mutex_lock(&db->flush_lock);
    const nanots_status status = tidy_locked(db, error);
    nts_mutex_unlock(&db->flush_lock);
    return status;
}
