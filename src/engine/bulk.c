/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/bulk.c - a large batch: segments first, then one record that names them.
 *
 *   rows -> segment(s) in free space -> lock -> seq given, headers rewritten -> SEGMENT record -> parts
 *
 * The record is the moment at which the batch exists: before it the bytes are free space, after it
 * replay checks them against their checksums. So the batch is compressed and written once, and all
 * of it or nothing survives.
 */
#include "engine/bulk.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/extents.h"
#include "engine/group.h"
#include "engine/limit.h"
#include "engine/row_group.h"
#include "segment/segment_writer.h"
#include "util/sort_rows.h"

/* What writing one takes. */
struct bulk_writer {
    struct nts_bulk *bulk;
    const struct nts_rows *rows;
    struct nts_segment_writer *writer;
    struct nts_extent_writer out;
    struct nts_row_group group;
};

bool nts_rows_are_bulk(const struct nanots_db *db, const struct nts_rows *rows)
{
    return rows->payload_size >= NTS_BULK_BYTES || rows->payload_size > db->options.wal_bytes / 2;
}

static size_t bulk_segment_count(const struct nts_rows *rows)
{
    return ((size_t)rows->row_count + NTS_SEGMENT_ROWS_MAX - 1) / NTS_SEGMENT_ROWS_MAX;
}

/* `size` bytes of `rows` rows are one thing in memory. */
static nanots_status bulk_check_limit(const struct nanots_table *table, const char *what,
                                      uint64_t size, uint32_t rows, struct nanots_error *error)
{
    const uint64_t most = table->db->options.max_record_size;
    if (size <= most)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_TOO_BIG,
                    "table '%.80s': a %s of %llu bytes (%u rows) is over the limit of %llu bytes "
                    "(max_record_size, NANOTS_MAX_RECORD_SIZE)",
                    table->def->name, what, (unsigned long long)size, rows,
                    (unsigned long long)most);
}

/* What a row group of `rows` rows of the batch has without the bytes of strings. */
static uint64_t rows_fixed_size(const struct nts_rows *rows, uint32_t count)
{
    return (rows->payload_size - rows->text_size) / rows->row_count * count;
}

nanots_status nts_rows_check_size(const struct nanots_table *table, const struct nts_rows *rows,
                                  struct nanots_error *error)
{
    const struct nanots_db *db = table->db;
    const uint64_t record_size = bulk_segment_count(rows) * NTS_SEGMENT_ENTRY_SIZE;

    if (!nts_rows_are_bulk(db, rows))
        return bulk_check_limit(table, "record", rows->payload_size + NTS_WAL_RECORD_HEADER_SIZE,
                                rows->row_count, error);
    if (record_size > db->options.wal_bytes / 4)
        return nts_fail(error, NANOTS_TOO_BIG,
                        "table '%.80s': a batch of %u rows is too large for a log of %llu bytes",
                        table->def->name, rows->row_count,
                        (unsigned long long)db->options.wal_bytes);
    /* Which strings a group will have is known when its rows are. */
    const bool is_one = rows->row_count <= NTS_GROUP_ROWS;
    return is_one ? bulk_check_limit(table, "row group", rows->payload_size, rows->row_count, error)
                  : bulk_check_limit(table, "row group", rows_fixed_size(rows, NTS_GROUP_ROWS),
                                     NTS_GROUP_ROWS, error);
}

static nanots_status bulk_init(struct nts_bulk *bulk, struct nanots_table *table,
                               const struct nts_rows *rows, struct nanots_error *error)
{
    const struct nanots_allocator *alloc = table->db->alloc;

    memset(bulk, 0, sizeof *bulk);
    bulk->table = table;
    bulk->row_count = rows->row_count;
    bulk->column_count = rows->column_count;
    bulk->segment_count = bulk_segment_count(rows);
    bulk->entries = nts_alloc_array(alloc, bulk->segment_count, sizeof *bulk->entries);
    bulk->parts = nts_alloc_zeroed(alloc, bulk->segment_count * sizeof(struct nts_part *));
    if (bulk->entries == NULL || bulk->parts == NULL)
        return nts_fail_memory(error, bulk->segment_count * sizeof *bulk->entries);
    for (size_t i = 0; i < bulk->segment_count; i++) {
        bulk->parts[i] = nts_alloc_zeroed(alloc, sizeof *bulk->parts[i]);
        if (bulk->parts[i] == NULL)
            return nts_fail_memory(error, sizeof *bulk->parts[i]);
    }
    return NANOTS_OK;
}

void nts_bulk_discard(struct nts_bulk *bulk)
{
    for (size_t i = 0; i < bulk->written; i++)
        nts_space_settle(&bulk->table->db->space, bulk->entries[i].off, 0);
    for (size_t i = 0; i < bulk->segment_count && bulk->parts != NULL; i++) {
        if (bulk->parts[i] != NULL)
            nts_segment_unref(bulk->parts[i]->segment);
        nts_free(bulk->parts[i]);
    }
    nts_free(bulk->entries);
    nts_free(bulk->parts);
    memset(bulk, 0, sizeof *bulk);
}

static nanots_status bulk_writer_init(struct bulk_writer *writer, struct nts_bulk *bulk,
                                      const struct nts_rows *rows, struct nanots_error *error)
{
    const struct nanots_db *db = bulk->table->db;
    const uint32_t group_rows = rows->row_count < NTS_GROUP_ROWS ? rows->row_count : NTS_GROUP_ROWS;

    memset(writer, 0, sizeof *writer);
    writer->bulk = bulk;
    writer->rows = rows;
    writer->writer = nts_segment_writer_new(db->alloc);
    if (writer->writer == NULL)
        return nts_fail_memory(error, sizeof *writer);
    NTS_TRY(nts_extent_writer_init(&writer->out, db->alloc, db->file, false, error));
    return nts_row_group_init(&writer->group, db->alloc, rows->column_count, group_rows, error);
}

static void bulk_writer_deinit(struct bulk_writer *writer)
{
    nts_row_group_deinit(&writer->group);
    nts_extent_writer_deinit(&writer->out);
    nts_segment_writer_free(writer->writer);
}

/* The row group is within the limit with its strings too. */
static nanots_status bulk_check_group(const struct bulk_writer *writer, uint32_t count,
                                      struct nanots_error *error)
{
    uint64_t size = rows_fixed_size(writer->rows, count);
    for (uint32_t c = 0; c < writer->rows->column_count && writer->rows->text_size != 0; c++)
        if (writer->rows->def->columns[c].type == NANOTS_TYPE_UTF8)
            size += nts_column_byte_count(&writer->group.columns[c], 0, count);
    return bulk_check_limit(writer->bulk->table, "row group", size, count, error);
}

/* Rows [base, base + count) of the batch as one segment in the begun extent. */
static nanots_status bulk_write_rows(struct bulk_writer *writer, uint32_t base, uint32_t count,
                                     const uint32_t *order, struct nts_segment_entry *entry,
                                     struct nanots_error *error)
{
    struct nanots_db *db = writer->bulk->table->db;
    struct nts_segment_start start = {.def = writer->rows->def,
                                      .row_count = count,
                                      .tier = nts_segment_tier(writer->rows->def, false)};

    start.file_seed = db->file_seed;
    nts_mutex_lock(&db->write_lock);
    start.segment_id = db->next_segment_id++;
    nts_mutex_unlock(&db->write_lock);
    NTS_TRY(nts_segment_writer_begin(writer->writer, &writer->out, &start, error));
    for (uint32_t row = 0; row < count; row += NTS_GROUP_ROWS) {
        const uint32_t left = count - row;
        const uint32_t rows = left < NTS_GROUP_ROWS ? left : NTS_GROUP_ROWS;
        NTS_TRY(nts_row_group_from_rows(&writer->group, writer->rows, writer->rows->def, base,
                                        order, row, rows, error));
        NTS_TRY(bulk_check_group(writer, rows, error));
        NTS_TRY(nts_segment_writer_add_group(writer->writer, writer->group.ts,
                                             writer->group.columns, rows, error));
    }
    NTS_TRY(nts_segment_writer_finish(writer->writer, entry, error));
    return nts_extent_writer_flush(&writer->out, error);
}

static nanots_status bulk_write_segment(struct bulk_writer *writer, size_t index,
                                        struct nanots_error *error)
{
    struct nanots_db *db = writer->bulk->table->db;
    const uint32_t base = (uint32_t)(index * NTS_SEGMENT_ROWS_MAX);
    const uint32_t left = writer->rows->row_count - base;
    const uint32_t count = left < NTS_SEGMENT_ROWS_MAX ? left : NTS_SEGMENT_ROWS_MAX;
    const int64_t *ts = writer->rows->ts + base;
    const struct nts_table_def *def = writer->rows->def;
    const uint64_t text_size = nts_rows_text_size(writer->rows, def, base, count);
    struct nts_bulk *bulk = writer->bulk;
    uint32_t *order = NULL;
    struct nts_extent extent;

    if (!nts_rows_are_sorted(ts, count) && nts_sort_rows(db->alloc, ts, count, &order) != NANOTS_OK)
        return nts_fail_memory(error, (size_t)count * 36);
    nanots_status status = nts_extents_obtain(db, nts_segment_size_max(def, count, text_size),
                                              NTS_BLOCK_SIZE, &extent, error);
    if (status == NANOTS_OK) {
        bulk->entries[index].off = extent.off;
        bulk->written = index + 1;
        nts_extent_writer_begin(&writer->out, extent);
        status = bulk_write_rows(writer, base, count, order, &bulk->entries[index], error);
        writer->out.buffer_used = 0;
        bulk->entries[index].off = extent.off;
        if (status == NANOTS_OK)
            nts_space_trim(&db->space, extent.off, bulk->entries[index].size);
    }
    nts_free(order);
    return status;
}

static nanots_status bulk_write_segments(struct nts_bulk *bulk, const struct nts_rows *rows,
                                         struct nanots_error *error)
{
    struct nanots_db *db = bulk->table->db;
    struct bulk_writer writer;
    nanots_status status = bulk_writer_init(&writer, bulk, rows, error);
    for (size_t i = 0; i < bulk->segment_count && status == NANOTS_OK; i++) {
        status = bulk_write_segment(&writer, i, error);
        if (status != NANOTS_OK)
            break;
        bulk->parts[i]->segment = nts_segment_new(&db->view, &bulk->entries[i], rows->def);
        if (bulk->parts[i]->segment == NULL)
            status = nts_fail_memory(error, sizeof(struct nts_segment));
    }
    bulk_writer_deinit(&writer);
    return status;
}

nanots_status nts_bulk_write(struct nts_bulk *bulk, struct nanots_table *table,
                             const struct nts_rows *rows, struct nanots_error *error)
{
    nanots_status status = bulk_init(bulk, table, rows, error);
    if (status == NANOTS_OK)
        status = bulk_write_segments(bulk, rows, error);
    if (status != NANOTS_OK)
        nts_bulk_discard(bulk);
    return status;
}

nanots_status nts_bulk_renumber(struct nts_bulk *bulk, uint64_t first_seq,
                                struct nanots_error *error)
{
    uint64_t seq = first_seq;
    for (size_t i = 0; i < bulk->segment_count; i++) {
        NTS_TRY(nts_segment_renumber(bulk->table->db->file, &bulk->entries[i], seq, error));
        seq += bulk->entries[i].row_count;
        bulk->parts[i]->segment->entry = bulk->entries[i];
    }
    return NANOTS_OK;
}

nanots_status nts_bulk_log(const struct nts_bulk *bulk, struct nanots_error *error)
{
    struct nts_wal *wal = &bulk->table->db->wal;
    const size_t payload_size = nts_bulk_payload_size(bulk);
    struct nts_wal_record record = {.kind = NTS_WAL_SEGMENT,
                                    .column_count = (uint16_t)bulk->column_count,
                                    .table_id = bulk->table->table_id,
                                    .first_seq = bulk->entries[0].seq_first,
                                    .row_count = bulk->row_count};
    uint8_t *payload = nts_wal_payload(wal, payload_size);
    for (size_t i = 0; i < bulk->segment_count; i++)
        nts_segment_entry_encode(&bulk->entries[i], payload + i * NTS_SEGMENT_ENTRY_SIZE);
    return nts_wal_append(wal, &record, payload_size,
                          nts_wal_payload_checksum(payload, payload_size, wal->salt), error);
}

void nts_bulk_adopt(struct nts_bulk *bulk)
{
    struct nanots_db *db = bulk->table->db;
    for (size_t i = 0; i < bulk->segment_count; i++) {
        bulk->parts[i]->is_visible = db->options.sync_mode != NANOTS_SYNC_FULL;
        nts_append_add_part(bulk->table, bulk->parts[i]);
        nts_space_settle(&db->space, bulk->entries[i].off, bulk->entries[i].size);
        db->run->bulk_bytes += bulk->entries[i].size;
    }
    db->run->row_count += bulk->row_count;
    db->appended_bytes += nts_raw_bytes(bulk->row_count, bulk->column_count);
    db->last_seq += bulk->row_count;
    nts_free(bulk->entries);
    nts_free(bulk->parts);
    memset(bulk, 0, sizeof *bulk);
}

/* Seqs, headers, record, parts: with write_lock. Nothing can fail once the record is in the log. */
static nanots_status bulk_log_locked(struct nts_bulk *bulk, uint64_t *seq_out,
                                     struct nanots_error *error)
{
    struct nanots_table *table = bulk->table;
    struct nanots_db *db = table->db;
    const size_t payload_size = nts_bulk_payload_size(bulk);

    NTS_TRY(nts_db_check_writable_locked(db, error));
    NTS_TRY(nts_append_make_room(db, NTS_WAL_RECORD_HEADER_SIZE + payload_size, error));
    NTS_TRY(nts_append_check_table(table, bulk->column_count, error));
    if (nts_run_touch(table) != NANOTS_OK)
        return nts_fail_memory(error, payload_size);
    NTS_TRY(nts_bulk_renumber(bulk, db->last_seq + 1, error));
    NTS_TRY(nts_bulk_log(bulk, error));
    nts_bulk_adopt(bulk);
    *seq_out = db->last_seq;
    /* Its room was taken without a look at the size limit: the flush takes that look now. */
    const bool is_due = db->options.max_bytes != 0 && nts_append_run_is_full(db);
    const nanots_status frozen = is_due ? nts_run_freeze(db) : NANOTS_OK;
    (void)frozen; /* without memory for it, the next append's duty */
    return NANOTS_OK;
}

/* After the sync of mode full. A part that was flushed meanwhile is gone, and visible as a
 * segment. */
static void bulk_show(struct nanots_table *table, uint64_t seq_last)
{
    nts_mutex_lock(&table->db->write_lock);
    nts_group_show(table->db, seq_last);
    for (struct nts_part *part = table->parts_first; part != NULL; part = part->next)
        if (part->segment != NULL && part->segment->entry.seq_last <= seq_last)
            part->is_visible = true;
    nts_mutex_unlock(&table->db->write_lock);
}

nanots_status nts_append_bulk(struct nanots_table *table, const struct nts_rows *rows,
                              uint64_t *seq_out, struct nanots_error *error)
{
    struct nanots_db *db = table->db;
    struct nts_bulk bulk;
    uint64_t seq = 0;

    NTS_TRY(nts_db_check_writable(db, error));
    if (db->options.max_bytes != 0)
        nts_limit_admit_batch(db,
                              nts_segment_size_max(rows->def, rows->row_count, rows->text_size));
    NTS_TRY(nts_bulk_write(&bulk, table, rows, error));
    nts_mutex_lock(&db->write_lock);
    const nanots_status status = bulk_log_locked(&bulk, &seq, error);
    const uint64_t end_count = db->wal.end.count;
    nts_mutex_unlock(&db->write_lock);
    if (status != NANOTS_OK) {
        nts_bulk_discard(&bulk);
        return status;
    }
    NTS_TRY(nts_append_settle(db, end_count, error));
    if (db->options.sync_mode == NANOTS_SYNC_FULL)
        bulk_show(table, seq);
    if (seq_out != NULL)
        *seq_out = seq;
    return NANOTS_OK;
}
