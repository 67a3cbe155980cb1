/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_target.c - opening, filling and committing. Contract: copy_target.h. */
#include "copy/copy_target.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/options.h"
#include "os/vfs.h"

#define TARGET_FILL_MIN    (128ull << 10) /* each extent is twice as large as the one before ... */
#define TARGET_FILL_MAX    (8ull << 20)   /* ... up to this */
#define TARGET_BUFFER_SIZE (512u << 10)

/* ---- open --------------------------------------------------------------------------------- */

static nanots_status target_db_open(const struct nts_target_spec *spec, uint32_t flags,
                                    struct nanots_db **db_out, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .sector_size = spec->sector_size,
                                                .allocator = spec->allocator,
                                                .vfs = spec->vfs};
    return nts_db_open(spec->path, &options, db_out, error);
}

/* A file that somebody reads is not cut under them; the one that is being repaired among them. */
static nanots_status target_check_unused(struct nanots_file *file, const char *path,
                                         struct nanots_error *error)
{
    uint64_t oldest = 0;
    NTS_TRY(file->ops->lock_writer(file, error));
    NTS_TRY(file->ops->oldest_pin(file, 0, NTS_LOCK_WRITER, &oldest, error));
    return oldest == NTS_LOCK_WRITER
               ? NANOTS_OK
               : nts_fail(error, NANOTS_BUSY, "%.160s is being read; it cannot be replaced", path);
}

/* Empties the file, if there is one. */
static nanots_status target_empty(const struct nts_target_spec *spec,
                                  const struct nts_options *options, struct nanots_error *error)
{
    struct nanots_file *file = NULL;
    nanots_status status =
        nts_vfs_open(options->vfs, options->allocator, spec->path, 0, &file, error);
    if (status == NANOTS_NOT_FOUND) {
        nts_error_clear(error);
        return NANOTS_OK;
    }
    NTS_TRY(status);
    status = target_check_unused(file, spec->path, error);
    if (status == NANOTS_OK)
        status = file->ops->truncate(file, 0, error);
    if (status == NANOTS_OK)
        status = file->ops->sync(file, error);
    file->ops->close(file);
    return status;
}

/* From here on no reader takes the file for a whole one. */
static nanots_status target_mark_unfinished(struct nts_target *target,
                                            const struct nts_target_spec *spec,
                                            struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    struct nts_commit commit;

    memcpy(db->sb.file_id, spec->file_id, sizeof db->sb.file_id);
    db->file_seed = nts_superblock_file_seed(&db->sb);
    db->view.file_seed = db->file_seed;
    nts_commit_begin(db, &commit);
    commit.incompat_flags = NTS_INCOMPAT_UNFINISHED;
    const nanots_status status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    return status;
}

/* Looks before anything may write: opening to write would recover a file that is no backup. */
static nanots_status target_check_former(const struct nts_target_spec *spec,
                                         struct nanots_error *error)
{
    struct nanots_db *db = NULL;
    nanots_status status = NANOTS_OK;

    NTS_TRY(target_db_open(spec, NANOTS_OPEN_READ_ONLY | NANOTS_OPEN_NO_CREATE, &db, error));
    if (db->sb.generation == 0 || memcmp(db->sb.file_id, spec->file_id, sizeof db->sb.file_id) != 0)
        status =
            nts_fail(error, NANOTS_INVALID, "%.160s is no backup of this database", spec->path);
    else if ((db->sb.compat_flags & NTS_COMPAT_BACKUP) == 0)
        status =
            nts_fail(error, NANOTS_INVALID,
                     "%.160s is no backup, or was written to since: make a new one", spec->path);
    else if (db->last_seq > spec->last_seq)
        status = nts_fail(error, NANOTS_INVALID,
                          "%.160s has rows up to %llu, the database up to %llu: it is not the one "
                          "that was backed up",
                          spec->path, (unsigned long long)db->last_seq,
                          (unsigned long long)spec->last_seq);
    const nanots_status closed = nts_db_close(db, status == NANOTS_OK ? error : NULL);
    return status != NANOTS_OK ? status : closed;
}

static nanots_status target_prepare(struct nts_target *target, const struct nts_target_spec *spec,
                                    struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    db->is_copy_target = true;
    target->next_segment_id =
        db->next_segment_id < spec->next_segment_id ? spec->next_segment_id : db->next_segment_id;
    target->buffer = nts_alloc(db->alloc, TARGET_BUFFER_SIZE);
    if (target->buffer == NULL)
        return nts_fail_memory(error, TARGET_BUFFER_SIZE);
    if (spec->mode == NTS_TARGET_UPDATE)
        return nts_extents_begin_upkeep(db, error);
    return target_mark_unfinished(target, spec, error);
}

nanots_status nts_target_open(struct nts_target *target, const struct nts_target_spec *spec,
                              struct nanots_error *error)
{
    const struct nanots_open_options seams = {
        .struct_size = sizeof seams, .allocator = spec->allocator, .vfs = spec->vfs};
    struct nts_options options;
    uint32_t flags = 0;

    memset(target, 0, sizeof *target);
    if (spec->path == NULL || spec->path[0] == '\0')
        return nts_fail(error, NANOTS_INVALID, "the path of the new file is empty");
    NTS_TRY(nts_options_fill(&seams, &options, &flags, error));
    flags = NANOTS_OPEN_EXCLUSIVE;
    if (spec->mode == NTS_TARGET_UPDATE) {
        NTS_TRY(target_check_former(spec, error));
        flags = NANOTS_OPEN_NO_CREATE;
    } else if (spec->mode == NTS_TARGET_REPLACE) {
        if (strcmp(spec->path, spec->source_path) == 0) /* under other names the locks tell */
            return nts_fail(error, NANOTS_INVALID, "%.160s cannot be replaced by a copy of itself",
                            spec->path);
        NTS_TRY(target_empty(spec, &options, error));
        flags = 0;
    }
    NTS_TRY(target_db_open(spec, flags, &target->db, error));
    const nanots_status status = target_prepare(target, spec, error);
    if (status != NANOTS_OK)
        nts_target_discard(target);
    return status;
}

void nts_target_discard(struct nts_target *target)
{
    for (size_t t = 0; t < target->table_count; t++) {
        for (size_t i = 0; i < target->tables[t].count; i++)
            nts_segment_unref(target->tables[t].segments[i]);
        nts_free(target->tables[t].segments);
        nts_free(target->tables[t].def);
    }
    nts_free(target->tables);
    nts_free(target->fills);
    nts_free(target->kept.items);
    nts_free(target->buffer);
    if (target->db != NULL)
        nts_db_free(target->db);
    memset(target, 0, sizeof *target);
}

/* ---- fill --------------------------------------------------------------------------------- */

/* Room for one more element of a growing array. */
static nanots_status target_grow(const struct nanots_allocator *alloc, void **items, size_t count,
                                 size_t *capacity, size_t size, struct nanots_error *error)
{
    if (count < *capacity)
        return NANOTS_OK;
    const size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = nts_realloc(alloc, *items, wanted * size);
    if (grown == NULL)
        return nts_fail_memory(error, wanted * size);
    *items = grown;
    *capacity = wanted;
    return NANOTS_OK;
}

nanots_status nts_target_add_table(struct nts_target *target, const struct nts_table_def *def,
                                   struct nts_target_table **table_out, struct nanots_error *error)
{
    const struct nanots_allocator *alloc = target->db->alloc;
    const size_t size = nts_table_def_encoded_size(def);
    void *items = target->tables;

    *table_out = NULL;
    NTS_TRY(target_grow(alloc, &items, target->table_count, &target->table_capacity,
                        sizeof *target->tables, error));
    target->tables = items;
    struct nts_target_table *table = &target->tables[target->table_count];
    memset(table, 0, sizeof *table);
    uint8_t *bytes = nts_alloc(alloc, size);
    if (bytes == NULL)
        return nts_fail_memory(error, size);
    nts_table_def_encode(def, bytes);
    const nanots_status status = nts_table_def_decode(alloc, bytes, size, &table->def, NULL, error);
    nts_free(bytes);
    NTS_TRY(status);
    target->table_count++;
    *table_out = table;
    return NANOTS_OK;
}

/* The segment of this entry becomes one of the table's. */
static nanots_status target_add_segment(struct nts_target *target, struct nts_target_table *table,
                                        const struct nts_segment_entry *entry,
                                        struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    void *items = table->segments;
    NTS_TRY(target_grow(db->alloc, &items, table->count, &table->capacity,
                        sizeof(struct nts_segment *), error));
    table->segments = items;
    struct nts_segment *segment = nts_segment_new(&db->view, entry, table->def);
    if (segment == NULL)
        return nts_fail_memory(error, sizeof *segment);
    table->segments[table->count++] = segment;
    return NANOTS_OK;
}

static bool entries_are_same(const struct nts_segment_entry *a, const struct nts_segment_entry *b)
{
    return a->segment_id == b->segment_id && a->table_id == b->table_id &&
           a->row_count == b->row_count && a->size == b->size && a->seq_first == b->seq_first &&
           a->seq_last == b->seq_last && a->ts_min == b->ts_min && a->ts_max == b->ts_max &&
           a->footer_checksum == b->footer_checksum && a->flags == b->flags;
}

/* The place of the first segment in a version that is not before (seq_first, segment_id). */
static size_t version_lower_bound(const struct nts_version *version,
                                  const struct nts_segment_entry *entry)
{
    size_t low = 0;
    size_t high = version->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct nts_segment_entry *at = &version->segments[middle]->entry;
        if (at->seq_first < entry->seq_first ||
            (at->seq_first == entry->seq_first && at->segment_id < entry->segment_id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

nanots_status nts_target_keep(struct nts_target *target, struct nts_target_table *table,
                              const struct nts_segment_entry *entry, bool *kept_out,
                              struct nanots_error *error)
{
    const struct nanots_table *old = nts_catalog_by_id(target->db, entry->table_id);
    *kept_out = false;
    if (old == NULL)
        return NANOTS_OK;
    const size_t at = version_lower_bound(old->version, entry);
    if (at == old->version->count || !entries_are_same(&old->version->segments[at]->entry, entry))
        return NANOTS_OK;
    const struct nts_segment_entry *found = &old->version->segments[at]->entry;
    const struct nts_extent place = {found->off, found->size};
    if (nts_extent_list_add(&target->kept, target->db->alloc, place) != NANOTS_OK)
        return nts_fail_memory(error, sizeof place);
    NTS_TRY(target_add_segment(target, table, found, error));
    *kept_out = true;
    return NANOTS_OK;
}

/* Room for `size` bytes on a granule. */
static nanots_status target_obtain(struct nts_target *target, uint64_t size, uint64_t *off_out,
                                   struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    struct nts_target_fill *fill =
        target->fill_count == 0 ? NULL : &target->fills[target->fill_count - 1];
    const uint64_t doubled = TARGET_FILL_MIN << (target->fill_count < 8 ? target->fill_count : 8);
    const uint64_t wanted = doubled < TARGET_FILL_MAX ? doubled : TARGET_FILL_MAX;
    void *items = target->fills;

    if (fill == NULL || fill->extent.size - fill->used < size) {
        if (fill != NULL)
            nts_space_trim(&db->space, fill->extent.off, fill->used);
        NTS_TRY(target_grow(db->alloc, &items, target->fill_count, &target->fill_capacity,
                            sizeof *target->fills, error));
        target->fills = items;
        fill = &target->fills[target->fill_count];
        fill->used = 0;
        NTS_TRY(nts_extents_obtain(db, size < wanted ? wanted : size, NTS_BLOCK_SIZE, &fill->extent,
                                   error));
        target->fill_count++;
    }
    *off_out = fill->extent.off + fill->used;
    const uint64_t end = nts_round_up(fill->used + size, NTS_GRANULE_SIZE);
    fill->used = end < fill->extent.size ? end : fill->extent.size;
    return NANOTS_OK;
}

nanots_status nts_target_copy(struct nts_target *target, struct nts_target_table *table,
                              const struct nts_segment *segment, struct nanots_error *error)
{
    struct nanots_file *from = segment->view->file;
    struct nanots_file *to = target->db->file;
    struct nts_segment_entry entry = segment->entry;

    NTS_TRY(target_obtain(target, entry.size, &entry.off, error));
    for (uint64_t at = 0; at < entry.size;) {
        const uint64_t left = entry.size - at;
        const size_t size = left < TARGET_BUFFER_SIZE ? (size_t)left : TARGET_BUFFER_SIZE;
        NTS_TRY(from->ops->read_at(from, target->buffer, size, segment->entry.off + at, error));
        NTS_TRY(to->ops->write_at(to, target->buffer, size, entry.off + at, false, error));
        at += size;
    }
    target->written_bytes += entry.size;
    return target_add_segment(target, table, &entry, error);
}

nanots_status nts_target_put(struct nts_target *target, struct nts_target_table *table,
                             const uint8_t *bytes, struct nts_segment_entry *entry,
                             struct nanots_error *error)
{
    struct nanots_file *to = target->db->file;
    NTS_TRY(target_obtain(target, entry->size, &entry->off, error));
    NTS_TRY(to->ops->write_at(to, bytes, (size_t)entry->size, entry->off, false, error));
    target->written_bytes += entry->size;
    return target_add_segment(target, table, entry, error);
}

/* ---- commit ------------------------------------------------------------------------------- */

static int target_compare_place(const void *a, const void *b)
{
    const uint64_t x = ((const struct nts_extent *)a)->off;
    const uint64_t y = ((const struct nts_extent *)b)->off;
    return x < y ? -1 : x > y;
}

/* What the file names now and will name no more. */
static nanots_status target_list_freed(struct nts_target *target, struct nts_extent_list *freed,
                                       struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    struct nts_extent_list *kept = &target->kept;
    if (kept->count > 1)
        qsort(kept->items, kept->count, sizeof *kept->items, target_compare_place);
    for (size_t t = 0; t < db->by_id_count; t++) {
        const struct nts_version *version = db->by_id[t] == NULL ? NULL : db->by_id[t]->version;
        for (size_t i = 0; version != NULL && i < version->count; i++) {
            const struct nts_segment_entry *entry = &version->segments[i]->entry;
            const struct nts_extent extent = {entry->off, entry->size};
            if (kept->count != 0 && bsearch(&extent, kept->items, kept->count, sizeof extent,
                                            target_compare_place) != NULL)
                continue;
            if (nts_extent_list_add(freed, db->alloc, extent) != NANOTS_OK)
                return nts_fail_memory(error, sizeof extent);
        }
    }
    return NANOTS_OK;
}

/* The gathered tables become the catalog. The old ones stay with the handle until it goes. */
static nanots_status target_swap_catalog(struct nts_target *target, uint64_t *end_out,
                                         struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    *end_out = 0;
    for (size_t t = 0; t < db->by_id_count; t++)
        if (db->by_id[t] != NULL)
            nts_catalog_drop(db->by_id[t]);
    for (size_t t = 0; t < target->table_count; t++) {
        struct nts_target_table *from = &target->tables[t];
        struct nanots_table *table = NULL;
        for (size_t i = 0; i < from->count; i++) {
            const struct nts_segment_entry *entry = &from->segments[i]->entry;
            if (*end_out < entry->off + entry->size)
                *end_out = entry->off + entry->size;
        }
        struct nts_version *version =
            nts_version_edit(db->alloc, NULL, from->segments, from->count, NULL, 0);
        if (version == NULL)
            return nts_fail_memory(error, from->count);
        from->count = 0; /* the version's */
        const nanots_status status = nts_catalog_add(db, from->def, &table, error);
        if (status != NANOTS_OK) {
            nts_version_unref(version);
            return status;
        }
        from->def = NULL; /* the catalog's */
        nts_version_unref(table->version);
        table->version = version;
        table->in_manifest = true;
    }
    return NANOTS_OK;
}

/* What no superblock can say. */
static nanots_status target_check_numbers(const struct nanots_db *db, struct nanots_error *error)
{
    if (db->last_seq <= NTS_NUMBER_MAX && db->next_segment_id <= NTS_NUMBER_MAX)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_TOO_BIG,
                    "%.120s cannot be made: the numbers of rows or segments are used up", db->path);
}

static nanots_status target_commit_locked(struct nts_target *target,
                                          const struct nts_target_end *end, uint64_t file_end,
                                          size_t freed_count, struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    struct nts_commit commit;

    db->next_table_id = end->next_table_id;
    db->last_seq = end->last_seq;
    db->next_segment_id = end->next_segment_id < target->next_segment_id ? target->next_segment_id
                                                                         : end->next_segment_id;
    NTS_TRY(target_check_numbers(db, error));
    nts_commit_begin(db, &commit);
    commit.wal = NTS_COMMIT_WAL_DROP;
    commit.flushed_seq = end->last_seq;
    commit.next_table_id = end->next_table_id;
    commit.rewrite_manifest = true;
    commit.sync_all = true;
    commit.end_min = file_end;
    commit.freed_count = freed_count;
    commit.incompat_flags = 0;
    commit.compat_flags = end->is_backup ? NTS_COMPAT_BACKUP : 0;
    const nanots_status status = nts_commit_run(&commit, error);
    nts_commit_end(&commit);
    return status;
}

/* New segments are live; those that nothing names any more are free once nobody reads them. */
static nanots_status target_settle(struct nts_target *target, const struct nts_extent_list *freed,
                                   struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    for (size_t i = 0; i < target->fill_count; i++)
        nts_space_settle(&db->space, target->fills[i].extent.off, target->fills[i].used);
    for (size_t i = 0; i < freed->count; i++)
        nts_extents_free_later(db, freed->items[i], NULL, db->sb.generation);
    return nts_extents_reap(db, error);
}

nanots_status nts_target_commit(struct nts_target *target, const struct nts_target_end *end,
                                struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    struct nts_extent_list freed = {NULL, 0, 0};
    uint64_t file_end = 0;

    nts_mutex_lock(&db->flush_lock);
    nanots_status status = target_list_freed(target, &freed, error);
    if (status == NANOTS_OK)
        status = target_swap_catalog(target, &file_end, error);
    if (status == NANOTS_OK)
        status = target_commit_locked(target, end, file_end, freed.count, error);
    if (status == NANOTS_OK)
        status = target_settle(target, &freed, error);
    nts_mutex_unlock(&db->flush_lock);
    nts_free(freed.items);
    return status;
}

nanots_status nts_target_close(struct nts_target *target, struct nanots_error *error)
{
    struct nanots_db *db = target->db;
    nts_mutex_lock(&db->upkeep_lock);
    const nanots_status status = nts_tidy_file(db, error);
    nts_mutex_unlock(&db->upkeep_lock);
    nts_target_discard(target);
    return status;
}
