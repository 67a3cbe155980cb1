/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/manifest_load.c - manifest to catalog. Contract: manifest_load.h.
 *
 * Edits are applied in order, but segments are gathered in one array first and only the living
 * become versions: an addition is dead if a removal of its id comes later in the log. Kept logs go
 * to db->kept_logs as they come.
 */
#include "engine/manifest_load.h"
#include "engine/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "format/manifest.h"
#include "format/table_change.h"

/* An addition or a removal, at its place in the log. */
struct load_item {
    struct nts_segment_entry entry; /* of a removal only segment_id is set */
    uint64_t order;
    bool is_removal;
    bool is_dead;
};

struct load {
    struct nanots_db *db;
    struct load_item *items;
    size_t count;
    size_t capacity;
};

static nanots_status load_add_item(struct load *load, const struct nts_segment_entry *entry,
                                   bool is_removal)
{
    if (load->count == load->capacity) {
        const size_t capacity = load->capacity == 0 ? 64 : load->capacity * 2;
        struct load_item *items =
            nts_realloc(load->db->alloc, load->items, capacity * sizeof *items);
        if (items == NULL)
            return NANOTS_NO_MEMORY;
        load->items = items;
        load->capacity = capacity;
    }
    struct load_item *item = &load->items[load->count];
    memset(item, 0, sizeof *item);
    item->entry = *entry;
    item->order = load->count++;
    item->is_removal = is_removal;
    return NANOTS_OK;
}

static nanots_status load_table(struct load *load, const struct nts_edit *edit,
                                struct nanots_error *error)
{
    struct nanots_db *db = load->db;
    struct nts_table_def *def = NULL;
    struct nanots_table *table = NULL;

    NTS_TRY(nts_table_def_decode(db->alloc, edit->body, edit->body_size, &def, NULL, error));
    nanots_status status = NANOTS_OK;
    if (def->table_id >= db->sb.next_table_id || nts_catalog_by_id(db, def->table_id) != NULL ||
        nts_catalog_find(db, def->name) != NULL)
        status = nts_fail(error, NANOTS_CORRUPT, "manifest: table '%.80s' with impossible id %u",
                          def->name, def->table_id);
    if (status == NANOTS_OK)
        status = nts_catalog_add(db, def, &table, error);
    if (status != NANOTS_OK) {
        nts_free(def);
        return status;
    }
    table->in_manifest = true;
    return NANOTS_OK;
}

static nanots_status load_segments(struct load *load, const struct nts_edit *edit,
                                   struct nanots_error *error)
{
    const struct nts_superblock *sb = &load->db->sb;
    if (edit->body_size % NTS_SEGMENT_ENTRY_SIZE != 0)
        return nts_fail(error, NANOTS_CORRUPT, "manifest: segment list of %zu bytes",
                        edit->body_size);
    for (size_t at = 0; at < edit->body_size; at += NTS_SEGMENT_ENTRY_SIZE) {
        struct nts_segment_entry entry;
        const bool is_valid = nts_segment_entry_decode(edit->body + at, &entry);
        if (!is_valid || entry.segment_id >= sb->next_segment_id || entry.off < NTS_TINY_START ||
            entry.seq_last > sb->flushed_seq)
            return nts_fail(error, NANOTS_CORRUPT,
                            "manifest: segment %llu at offset %llu is impossible",
                            (unsigned long long)entry.segment_id, (unsigned long long)entry.off);
        if (nts_catalog_by_id(load->db, entry.table_id) == NULL)
            return nts_fail(error, NANOTS_CORRUPT, "manifest: segment %llu of unknown table %u",
                            (unsigned long long)entry.segment_id, entry.table_id);
        if (load_add_item(load, &entry, false) != NANOTS_OK)
            return nts_fail_memory(error, sizeof entry);
    }
    return NANOTS_OK;
}

static nanots_status load_removals(struct load *load, const struct nts_edit *edit,
                                   struct nanots_error *error)
{
    for (size_t at = 0; at + 8 <= edit->body_size; at += 8) {
        struct nts_segment_entry entry;
        memset(&entry, 0, sizeof entry);
        entry.segment_id = nts_load_u64(edit->body + at);
        if (load_add_item(load, &entry, true) != NANOTS_OK)
            return nts_fail_memory(error, sizeof entry);
    }
    return NANOTS_OK;
}

static nanots_status load_cut(struct load *load, const struct nts_edit *edit,
                              struct nanots_error *error)
{
    if (edit->body_size != 24)
        return nts_fail(error, NANOTS_CORRUPT, "manifest: retention cut of %zu bytes",
                        edit->body_size);
    const uint32_t table_id = nts_load_u32(edit->body);
    const int64_t cutoff = nts_load_i64(edit->body + 8);
    const uint64_t seq = nts_load_u64(edit->body + 16);
    for (size_t i = 0; i < load->count; i++) {
        struct load_item *item = &load->items[i];
        if (!item->is_removal && item->entry.table_id == table_id && item->entry.seq_last <= seq &&
            item->entry.ts_max < cutoff)
            item->is_dead = true;
    }
    return NANOTS_OK;
}

static nanots_status load_kept_log(struct load *load, const struct nts_edit *edit,
                                   struct nanots_error *error)
{
    struct nanots_db *db = load->db;
    struct nts_kept_log log;
    const bool is_valid = nts_kept_log_decode(edit->body, edit->body_size, &log);

    for (uint32_t i = 0; is_valid && i < log.extent_count; i++)
        if (log.extents[i].off + log.extents[i].size > db->sb.file_end)
            return nts_fail(error, NANOTS_CORRUPT,
                            "manifest: kept log at offset %llu lies behind the file's end",
                            (unsigned long long)log.extents[i].off);
    if (!is_valid || db->kept_log_count == NTS_KEPT_LOGS_MAX)
        return nts_fail(error, NANOTS_CORRUPT, "manifest: kept log %u is impossible",
                        db->kept_log_count + 1);
    db->kept_logs[db->kept_log_count++] = log;
    return NANOTS_OK;
}

/* The segments of a table that is dropped die with it. */
static void load_drop(struct load *load, struct nanots_table *table)
{
    for (size_t i = 0; i < load->count; i++)
        if (!load->items[i].is_removal && load->items[i].entry.table_id == table->table_id)
            load->items[i].is_dead = true;
    nts_catalog_drop(table);
}

static nanots_status load_change(struct load *load, const struct nts_edit *edit,
                                 struct nanots_error *error)
{
    struct nanots_db *db = load->db;
    struct nts_table_change change;
    struct nts_table_def *def = NULL;
    struct nanots_error detail;

    if (!nts_table_change_decode(edit, &change))
        return nts_fail(error, NANOTS_CORRUPT, "manifest: impossible edit of kind %d",
                        (int)edit->kind);
    struct nanots_table *table = nts_catalog_by_id(db, change.table_id);
    if (table == NULL)
        return nts_fail(error, NANOTS_CORRUPT, "manifest: change of unknown table %u",
                        change.table_id);
    if (change.kind == NTS_EDIT_TABLE_DROP) {
        load_drop(load, table);
        return NANOTS_OK;
    }
    if (change.kind == NTS_EDIT_TABLE_RENAME && nts_catalog_find(db, change.name) != NULL)
        return nts_fail(error, NANOTS_CORRUPT, "manifest: two tables are named '%.80s'",
                        change.name);
    struct nts_retired_def *node = nts_alloc(db->alloc, sizeof *node);
    nanots_status status =
        node == NULL ? NANOTS_NO_MEMORY
                     : nts_table_change_apply(db->alloc, table->def, &change, &def, &detail);
    if (status == NANOTS_INVALID)
        status = nts_fail(error, NANOTS_CORRUPT, "manifest: %.200s", detail.message);
    else if (status != NANOTS_OK)
        status = nts_fail_memory(error, sizeof *node);
    if (status != NANOTS_OK)
        nts_free(node);
    else
        nts_catalog_redefine(table, def, node);
    return status;
}

static nanots_status load_edit(struct load *load, const struct nts_edit *edit,
                               struct nanots_error *error)
{
    switch (edit->kind) {
    case NTS_EDIT_TABLE:
        return load_table(load, edit, error);
    case NTS_EDIT_SEGMENTS_ADD:
        return load_segments(load, edit, error);
    case NTS_EDIT_SEGMENTS_REMOVE:
        return load_removals(load, edit, error);
    case NTS_EDIT_RETENTION_CUT:
        return load_cut(load, edit, error);
    case NTS_EDIT_KEPT_LOG:
        return load_kept_log(load, edit, error);
    case NTS_EDIT_COLUMN:
    case NTS_EDIT_TABLE_DROP:
    case NTS_EDIT_TABLE_RENAME:
    case NTS_EDIT_COLUMN_RENAME:
        return load_change(load, edit, error);
    default:
        return nts_fail(error, NANOTS_NEWER_FORMAT,
                        "manifest: edit of kind %d, which this version does not know",
                        (int)edit->kind);
    }
}

static int load_compare_id(const void *a, const void *b)
{
    const struct load_item *x = a;
    const struct load_item *y = b;
    if (x->entry.segment_id != y->entry.segment_id)
        return x->entry.segment_id < y->entry.segment_id ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int load_compare_table(const void *a, const void *b)
{
    const struct load_item *x = a;
    const struct load_item *y = b;
    if (x->entry.table_id != y->entry.table_id)
        return x->entry.table_id < y->entry.table_id ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Drops removals and what they hit; two living segments of one id are damage, and so is one that
 * leaves the file. The dead may lie behind its end, since the file shrinks without a new manifest.
 * */
static nanots_status load_keep_living(struct load *load, struct nanots_error *error)
{
    size_t kept = 0;
    qsort(load->items, load->count, sizeof *load->items, load_compare_id);
    for (size_t i = 0; i < load->count; i++) {
        const bool has_later = i + 1 < load->count && load->items[i + 1].entry.segment_id ==
                                                          load->items[i].entry.segment_id;
        if (load->items[i].is_removal || load->items[i].is_dead)
            continue;
        if (has_later && load->items[i + 1].is_removal)
            continue;
        if (has_later)
            return nts_fail(error, NANOTS_CORRUPT, "manifest: segment %llu is there twice",
                            (unsigned long long)load->items[i].entry.segment_id);
        const struct nts_segment_entry *entry = &load->items[i].entry;
        if (entry->off + entry->size > load->db->sb.file_end)
            return nts_fail(error, NANOTS_CORRUPT,
                            "manifest: segment %llu at offset %llu lies behind the file's end",
                            (unsigned long long)entry->segment_id, (unsigned long long)entry->off);
        load->items[kept++] = load->items[i];
    }
    load->count = kept;
    if (kept != 0)
        qsort(load->items, kept, sizeof *load->items, load_compare_table);
    return NANOTS_OK;
}

/* One version a table, of its run of items. */
static nanots_status load_make_versions(struct load *load, struct nanots_error *error)
{
    struct nanots_db *db = load->db;
    struct nts_segment **segments =
        nts_alloc_array(db->alloc, load->count + 1, sizeof(struct nts_segment *));
    nanots_status status = NANOTS_OK;

    if (segments == NULL)
        return nts_fail_memory(error, load->count);
    for (size_t i = 0; i < load->count && status == NANOTS_OK;) {
        struct nanots_table *table = nts_catalog_by_id(db, load->items[i].entry.table_id);
        size_t count = 0;
        for (; i < load->count && load->items[i].entry.table_id == table->def->table_id; i++) {
            segments[count] = nts_segment_new(&db->view, &load->items[i].entry, table->def);
            if (segments[count] == NULL)
                break;
            count++;
        }
        struct nts_version *version =
            nts_version_edit(db->alloc, table->version, segments, count, NULL, 0);
        if (version == NULL ||
            (i < load->count && load->items[i].entry.table_id == table->def->table_id))
            status = nts_fail_memory(error, count);
        if (version == NULL) {
            for (size_t k = 0; k < count; k++)
                nts_segment_unref(segments[k]);
            break;
        }
        nts_version_unref(table->version);
        table->version = version;
    }
    nts_free(segments);
    return status;
}

/* Edits that are lost whole leave zeros, as padding does. The next commit goes on from here. */
static nanots_status load_check_chain(struct nanots_db *db, uint32_t chain,
                                      struct nanots_error *error)
{
    const uint32_t wanted = db->sb.manifest_chain;
    db->sb.manifest_chain = chain;
    if (wanted == 0 || wanted == chain)
        return NANOTS_OK;
    return nts_fail(
        error, NANOTS_CORRUPT, "manifest: edits are missing from its %llu bytes at offset %llu",
        (unsigned long long)db->sb.manifest_size, (unsigned long long)db->sb.manifest_off);
}

static nanots_status load_edits(struct load *load, const uint8_t *bytes, size_t size,
                                struct nanots_error *error)
{
    struct nts_manifest_reader reader = {.bytes = bytes,
                                         .size = size,
                                         .file_off = load->db->sb.manifest_off,
                                         .seed = load->db->file_seed};
    for (;;) {
        struct nts_edit edit;
        NTS_TRY(nts_manifest_next(&reader, &edit, error));
        if (edit.body == NULL)
            return load_check_chain(load->db, reader.chain, error);
        NTS_TRY(load_edit(load, &edit, error));
    }
}

nanots_status nts_manifest_load(struct nanots_db *db, struct nanots_error *error)
{
    const size_t size = (size_t)db->sb.manifest_size;
    struct load load = {.db = db};
    uint8_t *bytes = nts_alloc(db->alloc, size + 1);
    nanots_status status = NANOTS_OK;

    if (bytes == NULL)
        return nts_fail_memory(error, size);
    if (size != 0)
        NTS_TRY_OUT(db->file->ops->read_at(db->file, bytes, size, db->sb.manifest_off, error));
    NTS_TRY_OUT(load_edits(&load, bytes, size, error));
    if (load.count != 0) {
        NTS_TRY_OUT(load_keep_living(&load, error));
        NTS_TRY_OUT(load_make_versions(&load, error));
    }
out:
    nts_free(load.items);
    nts_free(bytes);
    return status;
}
