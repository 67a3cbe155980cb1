/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/manifest.c - manifest edits <-> bytes. Layout: manifest.h and SPEC.md 4. */
#include "format/manifest.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "format/segment_layout.h"
#include "util/checksum.h"

enum entry_field {
    ENTRY_TABLE_ID = 0,
    ENTRY_ROW_COUNT = 4,
    ENTRY_SEGMENT_ID = 8,
    ENTRY_OFF = 16,
    ENTRY_SIZE = 24,
    ENTRY_SEQ_FIRST = 32,
    ENTRY_SEQ_LAST = 40,
    ENTRY_TS_MIN = 48,
    ENTRY_TS_MAX = 56,
    ENTRY_FOOTER_CHECKSUM = 64,
    ENTRY_FLAGS = 72
};
static_assert(ENTRY_FLAGS + 8 == NTS_SEGMENT_ENTRY_SIZE, "a segment entry is 80 bytes");

enum kept_log_field {
    KEPT_SALT = 0,
    KEPT_CHAIN = 8,
    KEPT_HEAD_OFF = 16,
    KEPT_FLUSHED_SEQ = 24,
    KEPT_LAST_SEQ = 32,
    KEPT_EXTENT_COUNT = 40,
    KEPT_RESERVED = 44,
    KEPT_EXTENTS = 48,
    KEPT_EXTENT_SIZE = 16
};

void nts_segment_entry_encode(const struct nts_segment_entry *entry,
                              uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE])
{
    nts_store_u32(bytes + ENTRY_TABLE_ID, entry->table_id);
    nts_store_u32(bytes + ENTRY_ROW_COUNT, entry->row_count);
    nts_store_u64(bytes + ENTRY_SEGMENT_ID, entry->segment_id);
    nts_store_u64(bytes + ENTRY_OFF, entry->off);
    nts_store_u64(bytes + ENTRY_SIZE, entry->size);
    nts_store_u64(bytes + ENTRY_SEQ_FIRST, entry->seq_first);
    nts_store_u64(bytes + ENTRY_SEQ_LAST, entry->seq_last);
    nts_store_i64(bytes + ENTRY_TS_MIN, entry->ts_min);
    nts_store_i64(bytes + ENTRY_TS_MAX, entry->ts_max);
    nts_store_u64(bytes + ENTRY_FOOTER_CHECKSUM, entry->footer_checksum);
    nts_store_u64(bytes + ENTRY_FLAGS, entry->flags);
}

bool nts_segment_entry_decode(const uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE],
                              struct nts_segment_entry *entry)
{
    entry->table_id = nts_load_u32(bytes + ENTRY_TABLE_ID);
    entry->row_count = nts_load_u32(bytes + ENTRY_ROW_COUNT);
    entry->segment_id = nts_load_u64(bytes + ENTRY_SEGMENT_ID);
    entry->off = nts_load_u64(bytes + ENTRY_OFF);
    entry->size = nts_load_u64(bytes + ENTRY_SIZE);
    entry->seq_first = nts_load_u64(bytes + ENTRY_SEQ_FIRST);
    entry->seq_last = nts_load_u64(bytes + ENTRY_SEQ_LAST);
    entry->ts_min = nts_load_i64(bytes + ENTRY_TS_MIN);
    entry->ts_max = nts_load_i64(bytes + ENTRY_TS_MAX);
    entry->footer_checksum = nts_load_u64(bytes + ENTRY_FOOTER_CHECKSUM);
    entry->flags = nts_load_u64(bytes + ENTRY_FLAGS);
    return entry->row_count != 0 && entry->row_count <= NTS_SEGMENT_ROWS_MAX &&
           entry->off % NTS_GRANULE_SIZE == 0 && entry->size % 8 == 0 && entry->size != 0 &&
           entry->off <= NTS_FILE_SIZE_MAX && entry->size <= NTS_FILE_SIZE_MAX - entry->off &&
           entry->seq_first <= entry->seq_last && entry->seq_last <= NTS_NUMBER_MAX &&
           entry->segment_id < NTS_NUMBER_MAX && entry->ts_min <= entry->ts_max &&
           (entry->flags & ~(uint64_t)NTS_SEGMENT_FLAGS) == 0;
}

/* Makes room for one edit and fills its header but for the checksum; returns its first byte. */
static uint8_t *edit_begin(struct nts_buf *buf, enum nts_edit_kind kind, size_t body_size)
{
    const size_t size = (size_t)nts_round_up(NTS_EDIT_HEADER_SIZE + body_size, 8);
    uint8_t *edit = nts_buf_reserve(buf, size);
    if (edit == NULL)
        return NULL;
    memset(edit, 0, NTS_EDIT_HEADER_SIZE);
    memset(edit + size - 8, 0, 8);
    nts_store_u32(edit + 8, (uint32_t)size);
    edit[12] = (uint8_t)kind;
    return edit;
}

/* Never 0, which is padding. */
static uint64_t edit_checksum(const uint8_t *edit, size_t size, uint64_t seed)
{
    const uint64_t checksum = nts_checksum_seeded(edit + 8, size - 8, seed);
    return checksum != 0 ? checksum : 1;
}

static void edit_end(struct nts_buf *buf, uint8_t *edit, uint64_t seed)
{
    const size_t size = nts_load_u32(edit + 8);
    nts_store_u64(edit, edit_checksum(edit, size, seed));
    buf->size += size;
}

nanots_status nts_manifest_put(struct nts_buf *buf, uint64_t seed, enum nts_edit_kind kind,
                               const uint8_t *body, size_t body_size)
{
    uint8_t *edit = edit_begin(buf, kind, body_size);
    if (edit == NULL)
        return NANOTS_NO_MEMORY;
    memcpy(edit + NTS_EDIT_HEADER_SIZE, body, body_size);
    edit_end(buf, edit, seed);
    return NANOTS_OK;
}

nanots_status nts_manifest_put_table(struct nts_buf *buf, uint64_t seed,
                                     const struct nts_table_def *def)
{
    uint8_t *edit = edit_begin(buf, NTS_EDIT_TABLE, nts_table_def_encoded_size(def));
    if (edit == NULL)
        return NANOTS_NO_MEMORY;
    nts_table_def_encode(def, edit + NTS_EDIT_HEADER_SIZE);
    edit_end(buf, edit, seed);
    return NANOTS_OK;
}

nanots_status nts_manifest_put_segments(struct nts_buf *buf, uint64_t seed,
                                        const struct nts_segment_entry *entries, size_t count)
{
    if (count == 0)
        return NANOTS_OK;
    uint8_t *edit = edit_begin(buf, NTS_EDIT_SEGMENTS_ADD, count * NTS_SEGMENT_ENTRY_SIZE);
    if (edit == NULL)
        return NANOTS_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        nts_segment_entry_encode(&entries[i],
                                 edit + NTS_EDIT_HEADER_SIZE + i * NTS_SEGMENT_ENTRY_SIZE);
    edit_end(buf, edit, seed);
    return NANOTS_OK;
}

nanots_status nts_manifest_put_removals(struct nts_buf *buf, uint64_t seed,
                                        const uint64_t *segment_ids, size_t count)
{
    if (count == 0)
        return NANOTS_OK;
    uint8_t *edit = edit_begin(buf, NTS_EDIT_SEGMENTS_REMOVE, count * 8);
    if (edit == NULL)
        return NANOTS_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        nts_store_u64(edit + NTS_EDIT_HEADER_SIZE + i * 8, segment_ids[i]);
    edit_end(buf, edit, seed);
    return NANOTS_OK;
}

nanots_status nts_manifest_put_cut(struct nts_buf *buf, uint64_t seed, uint32_t table_id,
                                   int64_t cutoff, uint64_t seq)
{
    uint8_t *edit = edit_begin(buf, NTS_EDIT_RETENTION_CUT, 24);
    if (edit == NULL)
        return NANOTS_NO_MEMORY;
    nts_store_u32(edit + NTS_EDIT_HEADER_SIZE, table_id);
    nts_store_u32(edit + NTS_EDIT_HEADER_SIZE + 4, 0);
    nts_store_i64(edit + NTS_EDIT_HEADER_SIZE + 8, cutoff);
    nts_store_u64(edit + NTS_EDIT_HEADER_SIZE + 16, seq);
    edit_end(buf, edit, seed);
    return NANOTS_OK;
}

nanots_status nts_manifest_put_kept_log(struct nts_buf *buf, uint64_t seed,
                                        const struct nts_kept_log *log)
{
    const size_t size = KEPT_EXTENTS + (size_t)log->extent_count * KEPT_EXTENT_SIZE;
    uint8_t *edit = edit_begin(buf, NTS_EDIT_KEPT_LOG, size);
    if (edit == NULL)
        return NANOTS_NO_MEMORY;
    uint8_t *body = edit + NTS_EDIT_HEADER_SIZE;
    nts_store_u64(body + KEPT_SALT, log->salt);
    nts_store_u64(body + KEPT_CHAIN, log->chain);
    nts_store_u64(body + KEPT_HEAD_OFF, log->head_off);
    nts_store_u64(body + KEPT_FLUSHED_SEQ, log->flushed_seq);
    nts_store_u64(body + KEPT_LAST_SEQ, log->last_seq);
    nts_store_u32(body + KEPT_EXTENT_COUNT, log->extent_count);
    nts_store_u32(body + KEPT_RESERVED, 0);
    for (uint32_t i = 0; i < log->extent_count; i++) {
        nts_store_u64(body + KEPT_EXTENTS + (size_t)i * KEPT_EXTENT_SIZE, log->extents[i].off);
        nts_store_u64(body + KEPT_EXTENTS + (size_t)i * KEPT_EXTENT_SIZE + 8, log->extents[i].size);
    }
    edit_end(buf, edit, seed);
    return NANOTS_OK;
}

uint64_t nts_kept_log_bytes(const struct nts_kept_log *log)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < log->extent_count; i++)
        bytes += log->extents[i].size;
    return bytes;
}

bool nts_kept_log_decode(const uint8_t *body, size_t body_size, struct nts_kept_log *log)
{
    memset(log, 0, sizeof *log);
    if (body_size < KEPT_EXTENTS)
        return false;
    log->salt = nts_load_u64(body + KEPT_SALT);
    log->chain = nts_load_u64(body + KEPT_CHAIN);
    log->head_off = nts_load_u64(body + KEPT_HEAD_OFF);
    log->flushed_seq = nts_load_u64(body + KEPT_FLUSHED_SEQ);
    log->last_seq = nts_load_u64(body + KEPT_LAST_SEQ);
    log->extent_count = nts_load_u32(body + KEPT_EXTENT_COUNT);
    if (log->extent_count < 2 || log->extent_count > NTS_WAL_EXTENTS_MAX ||
        body_size != KEPT_EXTENTS + (size_t)log->extent_count * KEPT_EXTENT_SIZE)
        return false;
    for (uint32_t i = 0; i < log->extent_count; i++) {
        const uint8_t *place = body + KEPT_EXTENTS + (size_t)i * KEPT_EXTENT_SIZE;
        log->extents[i].off = nts_load_u64(place);
        log->extents[i].size = nts_load_u64(place + 8);
    }
    return nts_wal_extents_are_possible(log->extents, log->extent_count, log->head_off,
                                        NTS_FILE_SIZE_MAX) &&
           log->flushed_seq <= log->last_seq && log->last_seq <= NTS_NUMBER_MAX;
}

static uint32_t chain_edit(uint32_t chain, const uint8_t *edit)
{
    const uint32_t next = (uint32_t)nts_checksum_seeded(edit, 8, chain);
    return next != 0 ? next : 1;
}

uint32_t nts_manifest_chain(uint32_t chain, const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (size - at >= NTS_EDIT_HEADER_SIZE && nts_load_u32(bytes + at + 8) != 0) {
        chain = chain_edit(chain, bytes + at);
        at += nts_load_u32(bytes + at + 8);
    }
    return chain;
}

/* Where the next edit begins: past the words of padding. */
static size_t manifest_skip_padding(const struct nts_manifest_reader *reader)
{
    size_t at = reader->at;
    while (reader->size - at >= 8 && nts_load_u64(reader->bytes + at) == 0)
        at += 8;
    return at;
}

/* Whether a writer pads from `from` to `to`. Zeros that go on are edits that were wiped out: taken
 * for padding, they would be tables that vanish without a word. */
static bool manifest_padding_ends_at(size_t from, size_t to)
{
    return to == from || (from != 0 && (to == nts_round_up(from, NTS_SECTOR_SIZE) ||
                                        to == nts_round_up(from, NTS_BLOCK_SIZE)));
}

nanots_status nts_manifest_next(struct nts_manifest_reader *reader, struct nts_edit *edit,
                                struct nanots_error *error)
{
    memset(edit, 0, sizeof *edit);
    const size_t from = reader->at;
    reader->at = manifest_skip_padding(reader);
    if (!manifest_padding_ends_at(from, reader->at))
        return nts_fail(error, NANOTS_CORRUPT,
                        "manifest: %zu zero bytes at offset %llu, where an edit was expected",
                        reader->at - from, (unsigned long long)(reader->file_off + from));
    if (reader->at == reader->size)
        return NANOTS_OK;
    const uint8_t *bytes = reader->bytes + reader->at;
    const size_t size =
        reader->size - reader->at < NTS_EDIT_HEADER_SIZE ? 0 : nts_load_u32(bytes + 8);
    const unsigned long long place = (unsigned long long)(reader->file_off + reader->at);
    if (size < NTS_EDIT_HEADER_SIZE || size % 8 != 0 || size > reader->size - reader->at)
        return nts_fail(error, NANOTS_CORRUPT,
                        "manifest: impossible edit of %zu bytes at offset %llu", size, place);
    if (nts_load_u64(bytes) != edit_checksum(bytes, size, reader->seed))
        return nts_fail(error, NANOTS_CORRUPT,
                        "manifest: wrong checksum of the edit at offset %llu", place);
    if (bytes[12] == 0 || bytes[12] >= NTS_EDIT_KIND_END)
        return nts_fail(error, NANOTS_CORRUPT, "manifest: edit of unknown kind %u at offset %llu",
                        bytes[12], place);
    edit->kind = (enum nts_edit_kind)bytes[12];
    edit->body = bytes + NTS_EDIT_HEADER_SIZE;
    edit->body_size = size - NTS_EDIT_HEADER_SIZE;
    reader->at += size;
    reader->chain = chain_edit(reader->chain, bytes);
    return NANOTS_OK;
}
