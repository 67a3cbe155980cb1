/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/wal_record.c - WAL records <-> bytes. Layout: wal_record.h and SPEC.md 5. */
#include "format/wal_record.h"

#include "base/check.h"
#include "util/checksum.h"

enum record_field {
    RECORD_CHECKSUM = 0,
    RECORD_SIZE = 8,
    RECORD_KIND = 12,
    RECORD_RESERVED = 13,
    RECORD_COLUMN_COUNT = 14,
    RECORD_PREV_CHECKSUM = 16,
    RECORD_FIRST_SEQ = 24,
    RECORD_SYNCED_SEQ = 32,
    RECORD_TABLE_ID = 40,
    RECORD_ROW_COUNT = 44
};
static_assert(RECORD_ROW_COUNT + 4 == NTS_WAL_RECORD_HEADER_SIZE, "the payload follows at once");

uint64_t nts_wal_payload_checksum(const uint8_t *payload, size_t size, uint64_t salt)
{
    return nts_checksum_seeded(payload, size, salt);
}

static uint64_t record_checksum(const uint8_t *bytes, uint64_t payload_checksum)
{
    return nts_checksum_seeded(bytes + RECORD_SIZE, NTS_WAL_RECORD_HEADER_SIZE - RECORD_SIZE,
                               payload_checksum);
}

void nts_wal_record_encode(struct nts_wal_record *record, uint64_t payload_checksum, uint8_t *bytes)
{
    nts_store_u32(bytes + RECORD_SIZE, record->size);
    bytes[RECORD_KIND] = record->kind;
    bytes[RECORD_RESERVED] = 0;
    nts_store_u16(bytes + RECORD_COLUMN_COUNT, record->column_count);
    nts_store_u64(bytes + RECORD_PREV_CHECKSUM, record->prev_checksum);
    nts_store_u64(bytes + RECORD_FIRST_SEQ, record->first_seq);
    nts_store_u64(bytes + RECORD_SYNCED_SEQ, record->synced_seq);
    nts_store_u32(bytes + RECORD_TABLE_ID, record->table_id);
    nts_store_u32(bytes + RECORD_ROW_COUNT, record->row_count);
    record->checksum = record_checksum(bytes, payload_checksum);
    nts_store_u64(bytes + RECORD_CHECKSUM, record->checksum);
}

bool nts_wal_record_decode(const uint8_t *bytes, size_t size_max, uint64_t salt,
                           struct nts_wal_record *record)
{
    if (size_max < NTS_WAL_RECORD_HEADER_SIZE)
        return false;
    record->size = nts_load_u32(bytes + RECORD_SIZE);
    record->kind = bytes[RECORD_KIND];
    if (record->size < NTS_WAL_RECORD_HEADER_SIZE || record->size > size_max ||
        record->size % 8 != 0 || record->kind == 0 || record->kind >= NTS_WAL_KIND_END ||
        bytes[RECORD_RESERVED] != 0)
        return false;
    record->payload = bytes + NTS_WAL_RECORD_HEADER_SIZE;
    record->checksum = nts_load_u64(bytes + RECORD_CHECKSUM);
    const uint64_t payload_checksum =
        nts_wal_payload_checksum(record->payload, record->size - NTS_WAL_RECORD_HEADER_SIZE, salt);
    if (record->checksum != record_checksum(bytes, payload_checksum))
        return false;
    record->column_count = nts_load_u16(bytes + RECORD_COLUMN_COUNT);
    record->prev_checksum = nts_load_u64(bytes + RECORD_PREV_CHECKSUM);
    record->first_seq = nts_load_u64(bytes + RECORD_FIRST_SEQ);
    record->synced_seq = nts_load_u64(bytes + RECORD_SYNCED_SEQ);
    record->table_id = nts_load_u32(bytes + RECORD_TABLE_ID);
    record->row_count = nts_load_u32(bytes + RECORD_ROW_COUNT);
    return true;
}
