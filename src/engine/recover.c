/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/recover.c - from the file's bytes to an open database (SPEC.md 5, 9).
 *
 *   superblock -> manifest -> copy of the log -> its end -> replay into memtables
 *                                                              | writer, if there is a log
 *                                                              v
 *      superblock again in its place, durable -> flush -> commit with a new salt -> appends
 *                                                            | log damaged: its extents are kept
 *
 * A torn tail is cut and counted, never an error. Nothing is appended or recycled before the commit
 * with the new salt, so that no record of the old log can continue the new one. The extents of a
 * damaged log belong to a repair from then on; the next append makes a log in fresh ones.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/catalog.h"
#include "engine/commit.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/manifest_load.h"
#include "format/rows_payload.h"
#include "os/clock.h"
#include "segment/segment_check.h"
#include "wal/wal_replay.h"

struct recover {
    struct nanots_db *db;
    struct nts_wal_image images[NTS_WAL_EXTENTS_MAX];
    uint8_t *copies[NTS_WAL_EXTENTS_MAX];
    struct nts_wal_log log;
    struct nts_wal_end end;
};

/* Copies of the extents: the log of a live file may change while it is read. */
static nanots_status recover_copy_log(struct recover *recover, struct nanots_error *error)
{
    struct nanots_db *db = recover->db;
    const struct nts_superblock *sb = &db->sb;
    for (uint32_t i = 0; i < sb->wal_count; i++) {
        const struct nts_extent place = sb->wal_extents[i];
        recover->copies[i] = nts_alloc(db->alloc, (size_t)place.size);
        if (recover->copies[i] == NULL)
            return nts_fail_memory(error, (size_t)place.size);
        NTS_TRY(db->file->ops->read_at(db->file, recover->copies[i], (size_t)place.size, place.off,
                                       error));
        recover->images[i].place = place;
        recover->images[i].bytes = recover->copies[i];
    }
    recover->log.images = recover->images;
    recover->log.image_count = sb->wal_count;
    recover->log.salt = sb->wal_salt;
    recover->log.head_off = sb->wal_head_off;
    recover->log.chain = sb->wal_chain;
    return NANOTS_OK;
}

/* The definition that the entries of a SEGMENT record have, from the catalog or a CREATE before
 * it. */
static bool record_segments_decode(const struct nts_wal_record *record, size_t index,
                                   struct nts_segment_entry *entry)
{
    const size_t size = record->size - NTS_WAL_RECORD_HEADER_SIZE;
    if (size % NTS_SEGMENT_ENTRY_SIZE != 0 || index >= size / NTS_SEGMENT_ENTRY_SIZE)
        return false;
    return nts_segment_entry_decode(record->payload + index * NTS_SEGMENT_ENTRY_SIZE, entry) &&
           entry->table_id == record->table_id;
}

/* Whether header, footer and every chunk of one segment agree, without knowing its table. */
static bool segment_bytes_are_whole(struct nanots_db *db, const struct nts_segment_entry *entry,
                                    const uint8_t *bytes, nanots_status *status_out)
{
    struct nts_table_def *def = NULL;
    struct nts_segment_header header;
    struct nts_footer footer;

    if (!nts_segment_header_decode(bytes, &header) || !nts_segment_header_is_of(&header, entry))
        return false;
    const uint8_t *footer_bytes = bytes + header.footer_off;
    const size_t footer_size = (size_t)(header.size - header.footer_off);
    if (nts_footer_checksum(footer_bytes, footer_size, header.segment_id) !=
            header.footer_checksum ||
        !nts_footer_decode(footer_bytes, footer_size, &footer) ||
        nts_segment_footer_fault(&footer, entry, db->file_seed) != NULL)
        return false;
    *status_out = nts_table_def_decode(db->alloc, footer.definition, footer.definition_size, &def,
                                       NULL, NULL);
    if (*status_out == NANOTS_OK)
        *status_out = nts_segment_check_chunks(db->alloc, bytes, &header, &footer, def);
    nts_free(def);
    return *status_out == NANOTS_OK;
}

/* Whether there can be a segment, before memory is asked for and filled: a record may say anything.
 */
static bool segment_is_possible(const struct nts_segment_entry *entry, uint64_t file_size)
{
    return entry->size >= NTS_SEGMENT_HEADER_SIZE + NTS_FOOTER_HEAD_SIZE &&
           entry->size <= SIZE_MAX && entry->off >= NTS_TINY_START && entry->off <= file_size &&
           entry->size <= file_size - entry->off;
}

/* The log must not end here for want of memory, or by an I/O failure: rows would be lost that are
 * there. *status_out says so; a file that ends before the segment does is no failure. */
static bool segment_is_whole(struct nanots_db *db, const struct nts_segment_entry *entry,
                             nanots_status *status_out)
{
    uint64_t file_size = 0;
    bool is_whole = false;

    *status_out = db->file->ops->size(db->file, &file_size, NULL);
    if (*status_out != NANOTS_OK || !segment_is_possible(entry, file_size))
        return false;
    uint8_t *bytes = nts_alloc(db->alloc, (size_t)entry->size);
    *status_out = NANOTS_NO_MEMORY;
    if (bytes == NULL)
        return false;
    *status_out = db->file->ops->read_at(db->file, bytes, (size_t)entry->size, entry->off, NULL);
    if (*status_out == NANOTS_OK)
        is_whole = segment_bytes_are_whole(db, entry, bytes, status_out);
    if (*status_out != NANOTS_NO_MEMORY && *status_out != NANOTS_IO)
        *status_out = NANOTS_OK;
    nts_free(bytes);
    return is_whole;
}

bool nts_recover_check_segments(void *context, const struct nts_wal_record *record)
{
    struct nanots_db *db = context;
    const uint64_t known =
        db->reader.checked_seq > db->sb.flushed_seq ? db->reader.checked_seq : db->sb.flushed_seq;
    /* What a dropped table had may be overwritten by now, and nobody asks for it. */
    const bool is_dropped =
        record->table_id < db->sb.next_table_id && nts_catalog_by_id(db, record->table_id) == NULL;
    struct nts_segment_entry entry;
    uint64_t rows = 0;

    for (size_t i = 0; i * NTS_SEGMENT_ENTRY_SIZE < record->size - NTS_WAL_RECORD_HEADER_SIZE;
         i++) {
        if (!record_segments_decode(record, i, &entry) ||
            entry.seq_first != record->first_seq + rows ||
            entry.seq_last != entry.seq_first + entry.row_count - 1)
            return false;
        if (!is_dropped && entry.seq_last > known &&
            !segment_is_whole(db, &entry, &db->reader.check_status))
            return false;
        rows += entry.row_count;
    }
    return rows == record->row_count && rows != 0;
}

nanots_status nts_recover_check_result(struct nanots_db *db, struct nanots_error *error)
{
    const nanots_status status = db->reader.check_status;
    db->reader.check_status = NANOTS_OK;
    return status == NANOTS_OK
               ? status
               : nts_fail(error, status, "%.120s: a bulk segment of the log cannot be read: %s",
                          db->path, nanots_status_text(status));
}

static nanots_status recover_create(struct nanots_db *db, const struct nts_wal_record *record,
                                    struct nanots_error *error)
{
    struct nts_table_def *def = NULL;
    struct nanots_table *table = NULL;

    NTS_TRY(nts_table_def_decode(db->alloc, record->payload,
                                 record->size - NTS_WAL_RECORD_HEADER_SIZE, &def, NULL, error));
    nanots_status status = NANOTS_OK;
    if (def->table_id < db->sb.next_table_id) {
        nts_free(def); /* in the manifest, or dropped */
        return NANOTS_OK;
    }
    if (nts_catalog_by_id(db, def->table_id) != NULL || nts_catalog_find(db, def->name) != NULL)
        status = nts_fail(error, NANOTS_CORRUPT, "log: table '%.80s' is created twice", def->name);
    if (status == NANOTS_OK)
        status = nts_catalog_add(db, def, &table, error);
    if (status != NANOTS_OK) {
        nts_free(def);
        return status;
    }
    if (db->next_table_id <= def->table_id)
        db->next_table_id = def->table_id + 1;
    return nts_run_touch(table) == NANOTS_OK ? NANOTS_OK : nts_fail_memory(error, sizeof *table);
}

/* The checksum was right: what is wrong here is no tear, but a writer's fault or a forgery. */
static nanots_status recover_check_rows(const struct nanots_table *table,
                                        const struct nts_wal_record *record, uint64_t *text_size,
                                        struct nanots_error *error)
{
    struct nanots_error detail;
    const size_t size = record->size - NTS_WAL_RECORD_HEADER_SIZE;
    *text_size = 0;
    if (NTS_LIKELY(
            nts_rows_payload_is_plain(table->def, record->column_count, record->row_count, size)))
        return NANOTS_OK;
    if (nts_rows_payload_check(table->def, record->column_count, record->row_count, record->payload,
                               size, text_size, &detail) == NANOTS_OK)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_CORRUPT, "log: %s of the rows from %llu on", detail.message,
                    (unsigned long long)record->first_seq);
}

static nanots_status recover_rows(struct nanots_table *table, const struct nts_wal_record *record,
                                  struct nanots_error *error)
{
    struct nts_memtable *memtable = NULL;
    uint64_t text_size = 0;
    NTS_TRY(recover_check_rows(table, record, &text_size, error));
    if (nts_append_memtable(table, record->row_count, text_size, &memtable) != NANOTS_OK)
        return nts_fail_memory(error, record->size);
    if (record->column_count == table->def->column_count)
        nts_memtable_append(memtable, record->payload, record->row_count, record->first_seq);
    else
        nts_memtable_append_columns(memtable, record->payload, record->column_count,
                                    record->row_count, record->first_seq);
    return NANOTS_OK;
}

static nanots_status recover_segments(struct nanots_table *table,
                                      const struct nts_wal_record *record,
                                      struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    struct nts_segment_entry entry;
    for (size_t i = 0; record_segments_decode(record, i, &entry); i++) {
        struct nts_part *part = nts_alloc_zeroed(db->alloc, sizeof *part);
        if (part != NULL)
            part->segment = nts_segment_new(&db->view, &entry, table->def);
        if (part == NULL || part->segment == NULL || nts_run_touch(table) != NANOTS_OK) {
            if (part != NULL)
                nts_segment_unref(part->segment);
            nts_free(part);
            return nts_fail_memory(error, sizeof *part);
        }
        nts_append_add_part(table, part);
        db->run->bulk_bytes += entry.size;
        if (db->next_segment_id <= entry.segment_id)
            db->next_segment_id = entry.segment_id + 1;
    }
    return NANOTS_OK;
}

nanots_status nts_recover_record(void *context, const struct nts_wal_record *record,
                                 struct nanots_error *error)
{
    struct nanots_db *db = context;
    if (record->kind == NTS_WAL_CREATE)
        return recover_create(db, record, error);
    if (record->kind != NTS_WAL_ROWS && record->kind != NTS_WAL_SEGMENT)
        return NANOTS_OK; /* without rows: whether a group has its commit was decided before */
    const uint64_t seq_last = record->first_seq + record->row_count - 1;
    if (seq_last <= db->sb.flushed_seq)
        return NANOTS_OK;
    if (record->first_seq != db->last_seq + 1)
        return nts_fail(error, NANOTS_CORRUPT, "log: row %llu follows row %llu",
                        (unsigned long long)record->first_seq, (unsigned long long)db->last_seq);
    db->last_seq = seq_last;
    struct nanots_table *table = nts_catalog_by_id(db, record->table_id);
    if (table == NULL && record->table_id < db->sb.next_table_id)
        return NANOTS_OK; /* dropped */
    if (table == NULL)
        return nts_fail(error, NANOTS_CORRUPT, "log: rows of table %u, which was never created",
                        record->table_id);
    db->run->row_count += record->row_count;
    return record->kind == NTS_WAL_ROWS ? recover_rows(table, record, error)
                                        : recover_segments(table, record, error);
}

/* What follows a record of plain rows is mostly one like it: those need no look at table and sizes
 * again. Returns where the first other record begins. */
static size_t recover_alike(struct nanots_db *db, const struct nts_buf *records, size_t at,
                            const struct nts_wal_record *record)
{
    const struct nanots_table *table = nts_catalog_by_id(db, record->table_id);
    const size_t size = record->size - NTS_WAL_RECORD_HEADER_SIZE;
    if (record->kind != NTS_WAL_ROWS || table == NULL || table->active == NULL ||
        !nts_rows_payload_is_plain(table->def, record->column_count, record->row_count, size) ||
        record->first_seq + record->row_count - 1 != db->last_seq)
        return at;
    while (nts_memtable_has_room(table->active, record->row_count) &&
           nts_wal_record_is_alike(records->bytes + at, records->size - at, record,
                                   db->last_seq + 1)) {
        nts_memtable_append(table->active, records->bytes + at + NTS_WAL_RECORD_HEADER_SIZE,
                            record->row_count, db->last_seq + 1);
        db->last_seq += record->row_count;
        db->run->row_count += record->row_count;
        at += record->size;
    }
    return at;
}

nanots_status nts_recover_records(struct nanots_db *db, const struct nts_buf *records,
                                  bool with_tables, bool *is_whole_out, struct nanots_error *error)
{
    struct nts_wal_record record;
    size_t at = 0;
    *is_whole_out = true;
    while (nts_wal_tail_next(records, &at, &record)) {
        *is_whole_out = with_tables || record.kind != NTS_WAL_CREATE;
        if (!*is_whole_out)
            return NANOTS_OK;
        NTS_TRY(nts_recover_record(db, &record, error));
        at = recover_alike(db, records, at, &record);
    }
    return NANOTS_OK;
}

void nts_recover_show(struct nanots_db *db)
{
    const struct nts_run *run = db->run;
    for (size_t t = 0; t < run->table_count; t++)
        for (struct nts_part *part = run->tables[t]->parts_first; part != NULL; part = part->next) {
            part->is_visible = true;
            if (part->memtable != NULL)
                part->memtable->visible_rows = part->memtable->row_count;
        }
}

/* ---- ids of the log's segments ------------------------------------------------------------ */

static int recover_compare_id(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static nanots_status recover_fail_id(uint64_t segment_id, struct nanots_error *error)
{
    return nts_fail(error, NANOTS_CORRUPT, "log: segment %llu is there twice",
                    (unsigned long long)segment_id);
}

/* The ids of the log's segments go to `ids`, if that is not NULL. How many there are. */
static size_t recover_list_ids(const struct nanots_db *db, uint64_t *ids)
{
    const struct nts_run *run = db->run;
    size_t count = 0;
    for (size_t t = 0; t < run->table_count; t++)
        for (const struct nts_part *part = run->tables[t]->parts_first; part != NULL;
             part = part->next) {
            if (part->segment == NULL)
                continue;
            if (ids != NULL)
                ids[count] = part->segment->entry.segment_id;
            count++;
        }
    return count;
}

/* Those of the manifest are below next_segment_id, and mostly all of the log are not. */
static nanots_status recover_compare_ids(const struct nanots_db *db, uint64_t *ids, size_t count,
                                         struct nanots_error *error)
{
    qsort(ids, count, sizeof *ids, recover_compare_id);
    for (size_t i = 1; i < count; i++)
        if (ids[i] == ids[i - 1])
            return recover_fail_id(ids[i], error);
    if (ids[0] >= db->sb.next_segment_id)
        return NANOTS_OK;
    for (size_t t = 0; t < db->by_id_count; t++) {
        const struct nts_version *version = db->by_id[t] == NULL ? NULL : db->by_id[t]->version;
        for (size_t i = 0; version != NULL && i < version->count; i++) {
            const uint64_t *id = &version->segments[i]->entry.segment_id;
            if (bsearch(id, ids, count, sizeof *ids, recover_compare_id) != NULL)
                return recover_fail_id(*id, error);
        }
    }
    return NANOTS_OK;
}

/* A manifest must not come to have an id twice: no reader would take it. */
static nanots_status recover_check_ids(const struct nanots_db *db, struct nanots_error *error)
{
    const size_t count = recover_list_ids(db, NULL);
    if (count == 0)
        return NANOTS_OK;
    uint64_t *ids = nts_alloc_array(db->alloc, count, sizeof *ids);
    if (ids == NULL)
        return nts_fail_memory(error, count * sizeof *ids);
    (void)recover_list_ids(db, ids);
    const nanots_status status = recover_compare_ids(db, ids, count, error);
    nts_free(ids);
    return status;
}

/* ---- the log ------------------------------------------------------------------------------ */

/* Replays the log into the catalog. */
static nanots_status recover_replay(struct recover *recover, struct nanots_error *error)
{
    struct nanots_db *db = recover->db;
    NTS_TRY(recover_copy_log(recover, error));
    nts_wal_measure(&recover->log, db->sb.flushed_seq, nts_recover_check_segments, db,
                    &recover->end);
    NTS_TRY(nts_recover_check_result(db, error));
    NTS_TRY(
        nts_wal_replay(&recover->log, recover->end.record_count, nts_recover_record, db, error));
    NTS_TRY(recover_check_ids(db, error));
    nts_recover_show(db);
    nts_wal_tail_skip(&db->reader.tail, &recover->end);
    db->recovery.rows = db->last_seq - db->sb.flushed_seq;
    db->recovery.log_bytes = recover->end.log_bytes;
    db->recovery.torn_bytes = recover->end.torn_bytes;
    db->recovery.damaged = recover->end.damaged;
    db->recovery.break_seq = recover->end.damaged ? db->last_seq : 0;
    return NANOTS_OK;
}

/* The winner may be in the page cache only, and so may the log: what is built on them, or keeps
 * them, must be able to count on them. Where a torn write may spoil both copies of a slot, nothing
 * is written over the winner. */
static nanots_status recover_settle_superblock(struct nanots_db *db, struct nanots_error *error)
{
    if (db->wal.sector_size == 0)
        NTS_TRY(nts_commit_write_superblock(db, &db->sb, error));
    return db->file->ops->sync(db->file, error);
}

static nanots_status recover_restart_log(struct nanots_db *db, struct nanots_error *error)
{
    struct nts_wal_extent extents[NTS_WAL_EXTENTS_MAX];
    struct nts_log_restart restart = {.extents = extents};
    nanots_status status = NANOTS_OK;

    nts_random_bytes(&restart.salt, sizeof restart.salt);
    for (uint32_t i = 0; i < db->sb.wal_count && status == NANOTS_OK; i++) {
        status = nts_wal_extent_open(&db->wal, db->sb.wal_extents[i], &extents[i], error);
        if (status == NANOTS_OK)
            restart.count = i + 1;
        if (status == NANOTS_OK && db->wal_size_wanted < extents[i].place.size)
            db->wal_size_wanted = extents[i].place.size;
    }
    if (status == NANOTS_OK)
        status = nts_flush_recovered(db, &restart, error);
    if (status == NANOTS_OK && restart.count >= 2) {
        nts_mutex_lock(&db->write_lock);
        db->wal.change_counter = nts_recover_change_counter(db);
        nts_wal_start(&db->wal, extents, restart.count, restart.salt);
        db->wal.synced_seq = db->last_seq;
        nts_mutex_unlock(&db->write_lock);
        return NANOTS_OK;
    }
    for (uint32_t i = 0; i < restart.count; i++)
        nts_wal_extent_close(&db->wal, &extents[i]);
    return status;
}

/* Lists the old log as it is, to be walked by a repair, and none of its own: fresh extents are made
 * when a row comes, so that a full disk fails an append and not the open. */
static nanots_status recover_keep_log(struct nanots_db *db, struct nanots_error *error)
{
    const struct nts_superblock *sb = &db->sb;
    struct nts_kept_log keep = {.salt = sb->wal_salt,
                                .chain = sb->wal_chain,
                                .head_off = sb->wal_head_off,
                                .flushed_seq = sb->flushed_seq,
                                .last_seq = db->last_seq,
                                .extent_count = sb->wal_count};
    struct nts_log_restart restart = {.keep = &keep};

    memcpy(keep.extents, sb->wal_extents, sizeof keep.extents);
    nts_random_bytes(&restart.salt, sizeof restart.salt);
    NTS_TRY(nts_flush_recovered(db, &restart, error));
    db->recovery.log_is_kept = true;
    nts_mutex_lock(&db->write_lock);
    db->wal.synced_seq = db->last_seq;
    nts_mutex_unlock(&db->write_lock);
    return NANOTS_OK;
}

/* A damaged log is lost to a repair only if the file has as many as it may, or not even the bytes
 * that name it find room: opening comes first. */
static nanots_status recover_finish_log(struct nanots_db *db, struct nanots_error *error)
{
    NTS_TRY(recover_settle_superblock(db, error));
    if (db->recovery.damaged && db->kept_log_count < NTS_KEPT_LOGS_MAX) {
        const nanots_status status = recover_keep_log(db, error);
        if (status != NANOTS_NO_SPACE)
            return status;
        nts_error_clear(error);
    }
    return recover_restart_log(db, error);
}

/* A writer counts on from these and never looks at where they end. */
static nanots_status recover_check_numbers(const struct nanots_db *db, struct nanots_error *error)
{
    if (db->last_seq <= NTS_NUMBER_MAX / 2 && db->next_segment_id <= NTS_NUMBER_MAX / 2 &&
        db->sb.generation <= NTS_NUMBER_MAX / 2)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_TOO_BIG,
                    "%.100s: its numbers of rows, segments or commits are used up: open it "
                    "read-only",
                    db->path);
}

nanots_status nts_recover_committed(struct nanots_db *db, struct nanots_error *error)
{
    db->file_seed = nts_superblock_file_seed(&db->sb);
    db->view.file_seed = db->file_seed;
    db->last_seq = db->sb.flushed_seq;
    db->next_table_id = db->sb.next_table_id;
    db->next_segment_id = db->sb.next_segment_id;
    nts_wal_tail_begin(&db->reader.tail, &db->sb);
    return nts_manifest_load(db, error);
}

nanots_status nts_recover(struct nanots_db *db, struct nanots_error *error)
{
    struct recover recover;
    nanots_status status = NANOTS_OK;

    memset(&recover, 0, sizeof recover);
    recover.db = db;
    NTS_TRY(nts_recover_committed(db, error));
    if (db->sb.wal_count != 0)
        status = recover_replay(&recover, error);
    for (uint32_t i = 0; i < NTS_WAL_EXTENTS_MAX; i++)
        nts_free(recover.copies[i]);
    NTS_TRY(status);
    if (db->options.read_only)
        return NANOTS_OK;
    NTS_TRY(recover_check_numbers(db, error));
    NTS_TRY(nts_extents_rebuild(db, error));
    return db->sb.wal_count != 0 ? recover_finish_log(db, error) : NANOTS_OK;
}
