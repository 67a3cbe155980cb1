/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/append.c - rows into the log, then into the memtable.
 *
 *   lock -> room? -> payload into the log's image -> checksum -> header: logged -> memtable -> unlock
 *             | no: seal and freeze; or, if the log is full, unlock, flush, lock again
 *             v
 *   after unlocking: sync (mode full), interval sync (mode normal), flush of what was frozen
 *
 * The append lock is write_lock. Nothing is waited for and nothing flushed under it.
 */
#include <string.h>

#include "base/check.h"
#include "engine/bulk.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/group.h"
#include "engine/limit.h"
#include "os/clock.h"

#define SEGMENT_ROWS_FEW 32u

/* ---- room in the log ---------------------------------------------------------------------- */

/* The size of WAL extents in which a record of `size` bytes is a small part. */
static uint64_t wal_size_for(const struct nanots_db *db, uint64_t size)
{
    uint64_t wanted = db->wal_size_wanted;
    while (wanted < size * 4 && wanted < db->options.wal_bytes)
        wanted *= 2;
    return wanted;
}

bool nts_append_run_is_full(const struct nanots_db *db)
{
    return db->run->memtable_bytes >= db->options.memtable_bytes / 2 ||
           db->run->bulk_bytes >= nts_limit_bulk_bytes(db);
}

/* After an extent of `filled` bytes: one of twice the size, or of as many times that as give each
 * table of the run SEGMENT_ROWS_FEW rows. Segments of fewer are hardly worth their flush. */
static uint64_t wal_size_after(const struct nanots_db *db, uint64_t filled)
{
    const uint64_t rows_wanted = (uint64_t)SEGMENT_ROWS_FEW * db->run->table_count;
    uint64_t wanted = filled * 2;
    for (uint64_t rows = db->run->row_count * 2; rows < rows_wanted && rows != 0; rows *= 2)
        wanted *= 2;
    return wanted < db->options.wal_bytes ? wanted : db->options.wal_bytes;
}

/* Ends the run with the extent, so that the flush frees the extent. */
static nanots_status append_seal(struct nanots_db *db, struct nanots_error *error)
{
    const uint64_t filled = db->wal.extents[db->wal.live_count - 1].place.size;
    NTS_TRY(nts_wal_seal(&db->wal, db->last_seq + 1, error));
    if (db->wal_size_wanted <= filled)
        db->wal_size_wanted = wal_size_after(db, filled);
    return nts_run_freeze(db) == NANOTS_OK ? NANOTS_OK : nts_fail_memory(error, sizeof *db->run);
}

/* Drops write_lock for what needs I/O: the log's first extents, larger ones, or a flush. */
static nanots_status append_wait_for_room(struct nanots_db *db, uint64_t size,
                                          struct nanots_error *error)
{
    nanots_status status;
    const bool create = db->wal.extent_count == 0;
    nts_mutex_unlock(&db->write_lock);
    nts_mutex_lock(&db->flush_lock);
    status = create ? nts_extents_create_wal(db, error) : nts_flush_for_room(db, size, error);
    nts_mutex_unlock(&db->flush_lock);
    nts_mutex_lock(&db->write_lock);
    return status == NANOTS_OK ? nts_db_check_writable_locked(db, error) : status;
}

/* Two runs wait for their flush: memory is bounded, so appenders wait too. */
static bool append_must_wait(const struct nanots_db *db)
{
    return db->frozen_first != NULL && db->frozen_first->next != NULL;
}

static bool append_can_seal_for(const struct nanots_db *db, uint64_t size)
{
    const struct nts_wal *wal = &db->wal;
    return nts_wal_can_seal(wal) &&
           nts_wal_room_of(wal, wal->extents[wal->live_count].place.size) >= size;
}

bool nts_append_has_room(const struct nanots_db *db, uint64_t size)
{
    return !append_must_wait(db) &&
           (nts_wal_room(&db->wal) >= size || append_can_seal_for(db, size));
}

nanots_status nts_append_make_room(struct nanots_db *db, uint64_t size, struct nanots_error *error)
{
    while (db->wal.extent_count == 0 || nts_wal_room(&db->wal) < size || append_must_wait(db) ||
           nts_append_run_is_full(db)) {
        if (nts_wal_room(&db->wal) < size)
            db->wal_size_wanted = wal_size_for(db, size);
        if (nts_append_run_is_full(db)) {
            if (nts_run_freeze(db) != NANOTS_OK)
                return nts_fail_memory(error, sizeof *db->run);
        } else if (!append_must_wait(db) && append_can_seal_for(db, size)) {
            NTS_TRY(append_seal(db, error));
        } else {
            NTS_TRY(append_wait_for_room(db, size, error));
        }
    }
    return NANOTS_OK;
}

/* ---- parts -------------------------------------------------------------------------------- */

void nts_append_add_part(struct nanots_table *table, struct nts_part *part)
{
    assert(table->touched_run == table->db->run->number);
    part->run_number = table->db->run->number;
    if (table->parts_last == NULL)
        table->parts_first = part;
    else
        table->parts_last->next = part;
    table->parts_last = part;
    table->active = part->memtable;
}

static nanots_status append_new_memtable(struct nanots_table *table)
{
    struct nanots_db *db = table->db;
    struct nts_part *part = nts_alloc_zeroed(db->alloc, sizeof *part);
    struct nts_memtable *memtable = nts_memtable_new(db->alloc, table->def);
    if (part == NULL || memtable == NULL || nts_run_touch(table) != NANOTS_OK) {
        nts_free(part);
        nts_memtable_unref(memtable);
        return NANOTS_NO_MEMORY;
    }
    memtable->spare = db->spare;
    part->memtable = memtable;
    nts_append_add_part(table, part);
    db->run->memtable_bytes += memtable->bytes;
    return NANOTS_OK;
}

nanots_status nts_append_grow_memtable(struct nanots_table *table, uint32_t row_count,
                                       uint64_t text_size, struct nts_memtable **memtable_out)
{
    *memtable_out = NULL;
    if (table->active == NULL)
        NTS_TRY(append_new_memtable(table));
    struct nts_memtable *memtable = table->active;
    const size_t before = memtable->bytes;
    NTS_TRY(nts_memtable_reserve(memtable, row_count, text_size));
    table->db->run->memtable_bytes += memtable->bytes - before;
    *memtable_out = memtable;
    return NANOTS_OK;
}

/* ---- one append --------------------------------------------------------------------------- */

nanots_status nts_append_check_table(const struct nanots_table *table, uint32_t column_count,
                                     struct nanots_error *error)
{
    const uint32_t wanted = nts_shape_columns(table->shape);
    if (NTS_UNLIKELY(table->is_dropped))
        return nts_fail(error, NANOTS_NOT_FOUND, "table '%.80s' was dropped", table->def->name);
    if (NTS_UNLIKELY(column_count != wanted))
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' has %u columns now, %u values given",
                        table->def->name, wanted, column_count);
    return NANOTS_OK;
}

/* Everything that needs write_lock. */
static nanots_status append_locked(struct nanots_table *table, const struct nts_rows *rows,
                                   struct nts_memtable **memtable_out, struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    const size_t payload_size = (size_t)rows->payload_size;
    struct nts_wal_record record = {.kind = NTS_WAL_ROWS,
                                    .column_count = (uint16_t)rows->column_count,
                                    .table_id = table->table_id,
                                    .row_count = rows->row_count};

    NTS_TRY(nts_db_check_writable_locked(db, error));
    NTS_TRY(nts_append_make_room(db, NTS_WAL_RECORD_HEADER_SIZE + payload_size, error));
    NTS_TRY(nts_append_check_table(table, rows->column_count, error));
    if (nts_append_memtable(table, rows->row_count, rows->text_size, memtable_out) != NANOTS_OK)
        return nts_fail_memory(error, payload_size);
    uint8_t *payload = nts_wal_payload(&db->wal, payload_size);
    nts_rows_encode(rows, rows->def, payload);
    record.first_seq = db->last_seq + 1;
    NTS_TRY(nts_wal_append(&db->wal, &record, payload_size,
                           nts_wal_payload_checksum(payload, payload_size, db->wal.salt), error));
    nts_memtable_append(*memtable_out, payload, rows->row_count, record.first_seq);
    if (db->options.sync_mode != NANOTS_SYNC_FULL)
        (*memtable_out)->visible_rows = (*memtable_out)->row_count;
    db->last_seq += rows->row_count;
    db->appended_bytes += nts_raw_bytes(rows->row_count, rows->column_count);
    db->run->row_count += rows->row_count;
    return NANOTS_OK;
}

/* After the sync of mode full: the rows become visible, and so does every group before them, whose
 * rows lie in the same memtables. */
static void memtable_show(struct nanots_db *db, struct nts_memtable *memtable,
                          uint32_t visible_rows, uint64_t seq)
{
    nts_mutex_lock(&db->write_lock);
    nts_group_show(db, seq);
    if (memtable->visible_rows < visible_rows)
        memtable->visible_rows = visible_rows;
    nts_mutex_unlock(&db->write_lock);
    nts_memtable_unref(memtable);
}

nanots_status nts_append(struct nanots_table *table, const struct nts_rows *rows, uint64_t *seq_out,
                         struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    const bool full = db->options.sync_mode == NANOTS_SYNC_FULL;
    struct nts_memtable *memtable = NULL;

    if (nts_rows_are_bulk(db, rows))
        return nts_append_bulk(table, rows, seq_out, error);
    nts_mutex_lock(&db->write_lock);
    nanots_status status = append_locked(table, rows, &memtable, error);
    if (NTS_UNLIKELY(status != NANOTS_OK)) {
        nts_mutex_unlock(&db->write_lock);
        return status;
    }
    if (full)
        nts_memtable_ref(memtable);
    const uint32_t visible_rows = memtable->row_count;
    const uint64_t end_count = db->wal.end.count;
    const uint64_t seq = db->last_seq;
    const bool is_due = full || nts_sync_wait_ms(db) == 0 || db->flush_is_due;
    nts_mutex_unlock(&db->write_lock);
    if (NTS_UNLIKELY(is_due))
        status = nts_append_settle(db, end_count, error);
    if (full && status == NANOTS_OK)
        memtable_show(db, memtable, visible_rows, seq);
    else if (full)
        nts_memtable_unref(memtable);
    if (seq_out != NULL && status == NANOTS_OK)
        *seq_out = seq;
    return status;
}

nanots_status nts_append_settle(struct nanots_db *db, uint64_t end_count,
                                struct nanots_error *error)
{
    if (db->options.sync_mode == NANOTS_SYNC_FULL)
        NTS_TRY(nts_sync_to(db, end_count, error));
    nts_mutex_lock(&db->write_lock);
    const bool flush_is_due = db->flush_is_due;
    db->flush_is_due = false;
    nts_mutex_unlock(&db->write_lock);
    /* The rows are logged: what fails from here on is said by the next call that needs it. */
    nanots_status later = NANOTS_OK;
    if (flush_is_due)
        later = nts_flush(db, NTS_FLUSH_FROZEN, NULL);
    else
        later = nts_sync_interval(db, 0, NULL, NULL);
    (void)later;
    return NANOTS_OK;
}
