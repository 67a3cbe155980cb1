/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/salvage_scan.c - a catalog from the segments that lie in the file. Contract: salvage.h.
 *
 *   every 64 bytes: magic? -> header -> footer -> chunks        candidates, by table:
 *   |..|hdr chunks footer|..|hdr chun x footer|....|hdr             sound | damaged | header alone
 *        whole: go on behind it   | damaged: look inside too
 *
 * A segment that lies under a whole one was freed and written over. Which of the others are live,
 * salvage_choose.h says. The newest definition among a table's segments is the table's.
 *
 * Bytes may lie: work is bounded by SCAN_BUDGET times the file's size, for claims that overlap.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "copy/copy_rows.h"
#include "copy/salvage.h"
#include "copy/salvage_choose.h"
#include "engine/catalog.h"
#include "format/table_change.h"
#include "segment/segment_check.h"

#define SCAN_BUFFER_SIZE (1u << 20)
#define SCAN_BUDGET      16u

struct scan {
    struct nts_salvage *salvage;
    struct nanots_db *db;
    struct nts_segment_reader reader;
    struct nts_candidate *items;
    size_t count;
    size_t capacity;
    uint64_t budget; /* bytes that may still be hashed */
};

/* ---- finding ------------------------------------------------------------------------------ */

static nanots_status scan_add(struct scan *scan, const struct nts_candidate *item,
                              struct nanots_error *error)
{
    if (scan->count == scan->capacity) {
        const size_t capacity = scan->capacity == 0 ? 64 : scan->capacity * 2;
        struct nts_candidate *items =
            nts_realloc(scan->db->alloc, scan->items, capacity * sizeof *items);
        if (items == NULL)
            return nts_fail_memory(error, capacity * sizeof *items);
        scan->items = items;
        scan->capacity = capacity;
    }
    scan->items[scan->count++] = *item;
    return NANOTS_OK;
}

static bool scan_spend(struct scan *scan, uint64_t size)
{
    if (size > scan->budget)
        return false;
    scan->budget -= size;
    return true;
}

/* Fails for want of memory only: what cannot be read is not there. */
static nanots_status scan_failure(nanots_status status, struct nanots_error *error)
{
    return status == NANOTS_NO_MEMORY ? nts_fail_memory(error, SCAN_BUFFER_SIZE) : NANOTS_OK;
}

static bool scan_entry_is_possible(const struct scan *scan, const struct nts_segment_header *header,
                                   const struct nts_segment_entry *entry)
{
    uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE];
    struct nts_segment_entry copy;
    nts_segment_entry_encode(entry, bytes);
    return nts_segment_entry_decode(bytes, &copy) && entry->table_id < NTS_TABLES_MAX &&
           entry->seq_first != 0 && entry->row_count - 1u <= entry->seq_last - entry->seq_first &&
           header->size <= scan->salvage->file_size;
}

/* The definition in a candidate's footer, and the times and seed that stand there. *def_out stays
 * NULL if they are not to be had. */
static nanots_status scan_read_footer(struct scan *scan, struct nts_candidate *item,
                                      const struct nts_segment_header *header,
                                      struct nts_table_def **def_out, struct nanots_error *error)
{
    const size_t size = (size_t)(header->size - header->footer_off);
    const uint64_t off = item->entry.off + header->footer_off;
    struct nanots_file *file = scan->db->file;
    struct nanots_error detail;
    struct nts_footer footer;

    memset(&footer, 0, sizeof footer);
    *def_out = NULL;
    if (item->entry.off + header->size > scan->salvage->file_size || !scan_spend(scan, size))
        return NANOTS_OK;
    uint8_t *bytes = nts_alloc(scan->db->alloc, size);
    if (bytes == NULL)
        return nts_fail_memory(error, size);
    nanots_status status = file->ops->read_at(file, bytes, size, off, &detail);
    if (status != NANOTS_OK)
        nts_salvage_note_unreadable(scan->salvage, &detail);
    if (status == NANOTS_OK &&
        nts_footer_checksum(bytes, size, header->segment_id) == header->footer_checksum &&
        nts_footer_decode(bytes, size, &footer))
        status = nts_table_def_decode(scan->db->alloc, footer.definition, footer.definition_size,
                                      def_out, NULL, NULL);
    if (*def_out != NULL) {
        item->entry.ts_min = footer.ts_min;
        item->entry.ts_max = footer.ts_max;
        item->file_seed = footer.file_seed;
        item->column_count = (*def_out)->column_count;
        item->is_readable =
            (*def_out)->table_id == header->table_id && footer.ts_min <= footer.ts_max;
    }
    nts_free(bytes);
    return scan_failure(status, error);
}

static nanots_status scan_check(struct scan *scan, struct nts_candidate *item,
                                const struct nts_table_def *def, struct nanots_error *error)
{
    if (!item->is_readable || !scan_spend(scan, item->entry.size))
        return NANOTS_OK;
    scan->db->view.file_seed = item->file_seed;
    struct nts_segment *segment = nts_segment_new(&scan->db->view, &item->entry, def);
    if (segment == NULL)
        return nts_fail_memory(error, sizeof *segment);
    const nanots_status status = nts_copy_check(segment, &scan->reader, NULL);
    nts_segment_unref(segment);
    item->is_sound = status == NANOTS_OK;
    return scan_failure(status, error);
}

/* A header at `off`? *end_out: where a whole segment ends, or the next granule. */
static nanots_status scan_place(struct scan *scan, uint64_t off,
                                const uint8_t header_bytes[NTS_SEGMENT_HEADER_SIZE],
                                uint64_t *end_out, struct nanots_error *error)
{
    struct nts_segment_header header;
    struct nts_candidate item;
    struct nts_table_def *def = NULL;

    *end_out = off + NTS_GRANULE_SIZE;
    if (!nts_segment_header_decode(header_bytes, &header))
        return NANOTS_OK;
    memset(&item, 0, sizeof item);
    item.entry = (struct nts_segment_entry){.table_id = header.table_id,
                                            .row_count = header.row_count,
                                            .segment_id = header.segment_id,
                                            .off = off,
                                            .size = header.size,
                                            .seq_first = header.seq_first,
                                            .seq_last = header.seq_last,
                                            .footer_checksum = header.footer_checksum,
                                            .flags = header.flags};
    if (!scan_entry_is_possible(scan, &header, &item.entry))
        return NANOTS_OK;
    NTS_TRY(scan_read_footer(scan, &item, &header, &def, error));
    const nanots_status status = scan_check(scan, &item, def, error);
    nts_free(def);
    NTS_TRY(status);
    if (item.is_sound)
        *end_out = nts_round_up(off + header.size, NTS_GRANULE_SIZE);
    return scan_add(scan, &item, error);
}

/* Reads a part of the file; what cannot be read is zero. */
static nanots_status scan_fill(struct scan *scan, uint8_t *buffer, size_t size, uint64_t off,
                               struct nanots_error *error)
{
    struct nanots_file *file = scan->db->file;
    struct nanots_error detail;
    nanots_status status = file->ops->read_at(file, buffer, size, off, error);
    if (status != NANOTS_IO)
        return status;
    nts_error_clear(error);
    for (size_t at = 0; at < size; at += NTS_BLOCK_SIZE) {
        const size_t part = size - at < NTS_BLOCK_SIZE ? size - at : NTS_BLOCK_SIZE;
        status = file->ops->read_at(file, buffer + at, part, off + at, &detail);
        if (status == NANOTS_OK)
            continue;
        memset(buffer + at, 0, part);
        nts_salvage_note_unreadable(scan->salvage, &detail);
        nts_salvage_tell(scan->salvage, "%zu bytes at offset %llu cannot be read", part,
                         (unsigned long long)(off + at));
    }
    return NANOTS_OK;
}

static nanots_status scan_file(struct scan *scan, uint8_t *buffer, struct nanots_error *error)
{
    const uint64_t file_size = scan->salvage->file_size;
    uint64_t at = NTS_TINY_START;
    while (at < file_size && file_size - at >= NTS_SEGMENT_HEADER_SIZE) {
        const uint64_t base = at;
        const uint64_t left = file_size - base;
        const size_t size = left < SCAN_BUFFER_SIZE ? (size_t)left : SCAN_BUFFER_SIZE;
        NTS_TRY(scan_fill(scan, buffer, size, base, error));
        while (at - base <= size - NTS_SEGMENT_HEADER_SIZE)
            NTS_TRY(scan_place(scan, at, buffer + (at - base), &at, error));
    }
    return NANOTS_OK;
}

/* ---- sorting out -------------------------------------------------------------------------- */

static int scan_compare_seed(const void *a, const void *b)
{
    const uint64_t x = ((const struct nts_candidate *)a)->file_seed;
    const uint64_t y = ((const struct nts_candidate *)b)->file_seed;
    return x < y ? -1 : x > y;
}

static int scan_compare_place(const void *a, const void *b)
{
    const uint64_t x = ((const struct nts_candidate *)a)->entry.off;
    const uint64_t y = ((const struct nts_candidate *)b)->entry.off;
    return x < y ? -1 : x > y;
}

static int scan_compare_table(const void *a, const void *b)
{
    const struct nts_candidate *x = a;
    const struct nts_candidate *y = b;
    if (x->entry.table_id != y->entry.table_id)
        return x->entry.table_id < y->entry.table_id ? -1 : 1;
    return x->is_readable != y->is_readable ? (x->is_readable ? -1 : 1) : 0;
}

/* Without a superblock: the file whose segments most of them say to be of. */
static void scan_find_seed(struct scan *scan)
{
    struct nanots_db *db = scan->db;
    size_t most = 0;
    if (db->sb.generation != 0 || scan->count == 0)
        return;
    qsort(scan->items, scan->count, sizeof *scan->items, scan_compare_seed);
    for (size_t i = 0, begin = 0; i < scan->count; i++) {
        if (scan->items[i].file_seed != scan->items[begin].file_seed)
            begin = i;
        if (!scan->items[i].is_readable || i + 1 - begin <= most)
            continue;
        most = i + 1 - begin;
        db->file_seed = scan->items[i].file_seed;
    }
    nts_store_u64(db->sb.file_id, db->file_seed);
}

/* Marks what lies over or under something better by having no rows: damaged segments that touch
 * whole ones, headers that touch readable ones. */
static void scan_mark_under(struct scan *scan)
{
    uint64_t sound_next = UINT64_MAX;
    uint64_t readable_next = UINT64_MAX;
    for (size_t i = scan->count; i-- > 0;) {
        struct nts_candidate *item = &scan->items[i];
        const uint64_t end = item->entry.off + item->entry.size;
        if ((!item->is_sound && end > sound_next) || (!item->is_readable && end > readable_next))
            item->entry.row_count = 0;
        if (item->is_sound)
            sound_next = item->entry.off;
        if (item->is_readable)
            readable_next = item->entry.off;
    }
}

/* Leaves out segments of other files, those that a better one lies over, and rows that are the
 * log's. What stays, and is readable, is apart in the file. */
static void scan_sift(struct scan *scan)
{
    const struct nts_superblock *sb = &scan->db->sb;
    uint64_t kept_end = 0;
    size_t kept = 0;

    if (scan->count > 1)
        qsort(scan->items, scan->count, sizeof *scan->items, scan_compare_place);
    scan_mark_under(scan);
    for (size_t i = 0; i < scan->count; i++) {
        const struct nts_candidate item = scan->items[i];
        const bool is_of_file = !item.is_readable || item.file_seed == scan->db->file_seed;
        const bool is_under = item.entry.row_count == 0 || item.entry.off < kept_end;
        const bool is_of_log = sb->generation != 0 && item.entry.seq_last > sb->flushed_seq;
        if (!is_of_file || is_under || is_of_log)
            continue;
        if (item.is_readable)
            kept_end = item.entry.off + item.entry.size;
        scan->items[kept++] = item;
    }
    scan->count = kept;
}

/* ---- the catalog -------------------------------------------------------------------------- */

/* The definition in the footer of a candidate that was read before. */
static nanots_status scan_definition(struct scan *scan, const struct nts_candidate *item,
                                     struct nts_table_def **def_out, struct nanots_error *error)
{
    uint8_t bytes[NTS_SEGMENT_HEADER_SIZE];
    struct nts_segment_header header;
    struct nts_candidate copy = *item;
    struct nanots_file *file = scan->db->file;

    *def_out = NULL;
    NTS_TRY(file->ops->read_at(file, bytes, sizeof bytes, item->entry.off, error));
    if (nts_segment_header_decode(bytes, &header) && header.size == item->entry.size) {
        scan->budget += header.size; /* it was paid for */
        NTS_TRY(scan_read_footer(scan, &copy, &header, def_out, error));
    }
    return *def_out != NULL
               ? NANOTS_OK
               : nts_fail(error, NANOTS_IO, "%.120s changed while it was read", scan->db->path);
}

/* Whether a segment of `old` can be one of the table: its columns are the table's first ones. */
static bool definitions_fit(const struct nts_table_def *def, const struct nts_table_def *old)
{
    if (old->column_count > def->column_count || old->unit != def->unit)
        return false;
    for (uint32_t c = 0; c < old->column_count; c++)
        if (old->columns[c].type != def->columns[c].type ||
            old->columns[c].flags != def->columns[c].flags ||
            old->columns[c].forced != def->columns[c].forced)
            return false;
    return true;
}

/* The candidate with the newest definition: the most columns, of these the greatest id. */
static const struct nts_candidate *scan_newest(const struct nts_candidate *items, size_t count)
{
    const struct nts_candidate *newest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!items[i].is_chosen)
            continue;
        if (newest == NULL || items[i].column_count > newest->column_count ||
            (items[i].column_count == newest->column_count &&
             items[i].entry.segment_id > newest->entry.segment_id))
            newest = &items[i];
    }
    return newest;
}

/* Another name for a table that had this one before: dropped and made again, or renamed. */
static nanots_status scan_free_name(struct scan *scan, struct nts_table_def **def,
                                    struct nanots_error *error)
{
    struct nts_table_change change = {.kind = NTS_EDIT_TABLE_RENAME, .table_id = (*def)->table_id};
    struct nts_table_def *renamed = NULL;
    if (nts_catalog_find(scan->db, (*def)->name) == NULL)
        return NANOTS_OK;
    for (unsigned attempt = 0; attempt == 0 || nts_catalog_find(scan->db, change.name) != NULL;
         attempt++)
        (void)snprintf(change.name, sizeof change.name, "table_%u_%u", (*def)->table_id, attempt);
    nts_salvage_tell(scan->salvage, "table '%.80s' is there twice: the one of id %u is named '%s'",
                     (*def)->name, (*def)->table_id, change.name);
    NTS_TRY(nts_table_change_apply(scan->db->alloc, *def, &change, &renamed, error));
    nts_free(*def);
    *def = renamed;
    return NANOTS_OK;
}

/* The chosen candidates as segments of the table. */
static nanots_status scan_add_segments(struct scan *scan, struct nanots_table *table,
                                       const struct nts_candidate *items, size_t count,
                                       struct nanots_error *error)
{
    struct nanots_db *db = scan->db;
    struct nts_segment **segments =
        nts_alloc_array(db->alloc, count + 1, sizeof(struct nts_segment *));
    struct nts_version *version = NULL;
    nanots_status status = NANOTS_OK;
    size_t made = 0;

    if (segments == NULL)
        return nts_fail_memory(error, count);
    for (size_t i = 0; i < count && status == NANOTS_OK; i++) {
        struct nts_table_def *old = NULL;
        if (!items[i].is_chosen)
            continue;
        status = scan_definition(scan, &items[i], &old, error);
        if (status == NANOTS_OK && !definitions_fit(table->def, old)) {
            nts_salvage_tell(scan->salvage,
                             "table '%.80s', segment %llu at offset %llu: other columns; %u rows "
                             "lost",
                             table->def->name, (unsigned long long)items[i].entry.segment_id,
                             (unsigned long long)items[i].entry.off, items[i].entry.row_count);
            scan->salvage->report->rows_lost += items[i].entry.row_count;
        } else if (status == NANOTS_OK) {
            segments[made] = nts_segment_new(&db->view, &items[i].entry, table->def);
            if (segments[made] == NULL)
                status = nts_fail_memory(error, sizeof **segments);
            else
                made++;
        }
        nts_free(old);
    }
    if (status == NANOTS_OK) {
        version = nts_version_edit(db->alloc, NULL, segments, made, NULL, 0);
        if (version == NULL)
            status = nts_fail_memory(error, made);
    }
    for (size_t i = 0; i < made && version == NULL; i++)
        nts_segment_unref(segments[i]);
    nts_free(segments);
    NTS_TRY(status);
    nts_version_unref(table->version);
    table->version = version;
    return NANOTS_OK;
}

/* Segments of which only the header is right are lost, unless others have their rows. */
static void scan_tell_lost(struct scan *scan, const char *name, const struct nts_candidate *items,
                           size_t readable, size_t count)
{
    for (size_t i = readable; i < count; i++) {
        const struct nts_segment_entry *entry = &items[i].entry;
        bool is_covered = false;
        for (size_t k = 0; k < readable && !is_covered; k++)
            is_covered = items[k].is_chosen && items[k].entry.seq_first <= entry->seq_last &&
                         entry->seq_first <= items[k].entry.seq_last;
        if (is_covered)
            continue;
        scan->salvage->report->segments++;
        scan->salvage->report->segments_hurt++;
        scan->salvage->report->rows_lost += entry->row_count;
        nts_salvage_tell(
            scan->salvage,
            "table '%.80s' (id %u), segment %llu at offset %llu: its footer is damaged "
            "or behind the file's end; %u rows lost",
            name, entry->table_id, (unsigned long long)entry->segment_id,
            (unsigned long long)entry->off, entry->row_count);
    }
}

/* Candidates of one table, the readable ones first. */
static nanots_status scan_make_table(struct scan *scan, struct nts_candidate *items, size_t count,
                                     struct nanots_error *error)
{
    struct nanots_db *db = scan->db;
    struct nanots_table *table = NULL;
    struct nts_table_def *def = NULL;
    size_t readable = 0;

    while (readable < count && items[readable].is_readable)
        readable++;
    if (nts_salvage_choose(db->alloc, items, readable) != NANOTS_OK)
        return nts_fail_memory(error, readable);
    const struct nts_candidate *newest = scan_newest(items, readable);
    if (newest == NULL) {
        scan_tell_lost(scan, "?", items, readable, count);
        return NANOTS_OK;
    }
    NTS_TRY(scan_definition(scan, newest, &def, error));
    nanots_status status = scan_free_name(scan, &def, error);
    if (status == NANOTS_OK)
        status = nts_catalog_add(db, def, &table, error);
    if (status != NANOTS_OK) {
        nts_free(def);
        return status;
    }
    scan_tell_lost(scan, def->name, items, readable, count);
    for (size_t i = 0; i < readable; i++) {
        if (!items[i].is_chosen)
            continue;
        if (db->next_segment_id <= items[i].entry.segment_id)
            db->next_segment_id = items[i].entry.segment_id + 1;
        if (db->last_seq < items[i].entry.seq_last)
            db->last_seq = items[i].entry.seq_last;
    }
    return scan_add_segments(scan, table, items, readable, error);
}

static nanots_status scan_make_catalog(struct scan *scan, struct nanots_error *error)
{
    struct nanots_db *db = scan->db;
    if (scan->count > 1)
        qsort(scan->items, scan->count, sizeof *scan->items, scan_compare_table);
    for (size_t end = scan->count; end != 0;) { /* the newest table gets a name that two had */
        size_t begin = end - 1;
        while (begin != 0 &&
               scan->items[begin - 1].entry.table_id == scan->items[end - 1].entry.table_id)
            begin--;
        NTS_TRY(scan_make_table(scan, scan->items + begin, end - begin, error));
        end = begin;
    }
    if (db->next_table_id < db->by_id_count)
        db->next_table_id = (uint32_t)db->by_id_count;
    return NANOTS_OK;
}

nanots_status nts_salvage_scan(struct nts_salvage *salvage, struct nanots_error *error)
{
    struct nanots_db *db = salvage->db;
    struct scan scan = {.salvage = salvage,
                        .db = db,
                        .budget = salvage->file_size * SCAN_BUDGET + SCAN_BUFFER_SIZE};
    uint8_t *buffer = nts_alloc(db->alloc, SCAN_BUFFER_SIZE);
    nanots_status status;

    if (buffer == NULL)
        return nts_fail_memory(error, SCAN_BUFFER_SIZE);
    status = nts_segment_reader_init(&scan.reader, db->alloc, error);
    if (status == NANOTS_OK)
        status = scan_file(&scan, buffer, error);
    nts_segment_reader_deinit(&scan.reader);
    nts_free(buffer);
    if (status == NANOTS_OK) {
        scan_find_seed(&scan);
        db->view.file_seed = db->file_seed;
        scan_sift(&scan);
        status = scan_make_catalog(&scan, error);
    }
    nts_free(scan.items);
    return status;
}
