/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/wal_record.c - WAL records <-> bytes. Layout: wal_record.h and SPEC.md 5. */
#include "format/wal_record.h"

#include "base/check.h"
#include "base/limits.h"
#include "util/checksum.h"

enum record_field {
    RECORD_CHECKSUM = 0,
    RECORD_SIZE = 8,
    RECORD_KIND = 12,
    RECORD_LAG = 13,
    RECORD_COLUMN_COUNT = 14,
    RECORD_FIRST_SEQ = 16,
    RECORD_TABLE_ID = 24,
    RECORD_ROW_COUNT = 28
};
static_assert(RECORD_ROW_COUNT + 4 == NTS_WAL_RECORD_HEADER_SIZE, "the payload follows at once");

#define RECORD_LAG_MAX 63u

uint64_t nts_wal_payload_checksum(const uint8_t *payload, size_t size, uint64_t salt)
{
    return nts_checksum_seeded(payload, size, salt);
}

static uint64_t record_checksum(const uint8_t *bytes, uint64_t payload_checksum,
                                uint64_t prev_checksum)
{
    return nts_checksum_seeded(bytes + RECORD_SIZE, NTS_WAL_RECORD_HEADER_SIZE - RECORD_SIZE,
                               payload_checksum ^ prev_checksum);
}

/* The smallest power of two that reaches back to synced_seq or beyond it. */
static uint8_t record_lag(uint64_t first_seq, uint64_t synced_seq)
{
    assert(synced_seq < first_seq);
    const uint64_t rows_between = first_seq - synced_seq - 1;
    if (rows_between == 0)
        return 0;
    const uint8_t bits = (uint8_t)(64 - __builtin_clzll(rows_between));
    return bits < RECORD_LAG_MAX ? bits : RECORD_LAG_MAX;
}

void nts_wal_record_encode(struct nts_wal_record *record, uint64_t payload_checksum, uint8_t *bytes)
{
    nts_store_u32(bytes + RECORD_SIZE, record->size);
    bytes[RECORD_KIND] = record->kind;
    bytes[RECORD_LAG] = record_lag(record->first_seq, record->synced_seq);
    nts_store_u16(bytes + RECORD_COLUMN_COUNT, record->column_count);
    nts_store_u64(bytes + RECORD_FIRST_SEQ, record->first_seq);
    nts_store_u32(bytes + RECORD_TABLE_ID, record->table_id);
    nts_store_u32(bytes + RECORD_ROW_COUNT, record->row_count);
    record->checksum = record_checksum(bytes, payload_checksum, record->prev_checksum);
    nts_store_u64(bytes + RECORD_CHECKSUM, record->checksum);
}

bool nts_wal_record_peek(const uint8_t *bytes, size_t size_max, struct nts_wal_record *record)
{
    if (size_max < NTS_WAL_RECORD_HEADER_SIZE)
        return false;
    record->size = nts_load_u32(bytes + RECORD_SIZE);
    record->kind = bytes[RECORD_KIND];
    if (record->size < NTS_WAL_RECORD_HEADER_SIZE || record->size > size_max ||
        record->size % 8 != 0 || record->kind == 0 || record->kind >= NTS_WAL_KIND_END ||
        bytes[RECORD_LAG] > RECORD_LAG_MAX)
        return false;
    const uint64_t lag = (uint64_t)1 << bytes[RECORD_LAG];
    record->checksum = nts_load_u64(bytes + RECORD_CHECKSUM);
    record->column_count = nts_load_u16(bytes + RECORD_COLUMN_COUNT);
    record->first_seq = nts_load_u64(bytes + RECORD_FIRST_SEQ);
    record->synced_seq = record->first_seq > lag ? record->first_seq - lag : 0;
    record->table_id = nts_load_u32(bytes + RECORD_TABLE_ID);
    record->row_count = nts_load_u32(bytes + RECORD_ROW_COUNT);
    record->payload = bytes + NTS_WAL_RECORD_HEADER_SIZE;
    return record->first_seq != 0 && record->first_seq <= NTS_NUMBER_MAX;
}

bool nts_wal_record_is_alike(const uint8_t *bytes, size_t size_max,
                             const struct nts_wal_record *record, uint64_t first_seq)
{
    return size_max >= record->size && nts_load_u32(bytes + RECORD_SIZE) == record->size &&
           bytes[RECORD_KIND] == record->kind &&
           nts_load_u16(bytes + RECORD_COLUMN_COUNT) == record->column_count &&
           nts_load_u64(bytes + RECORD_FIRST_SEQ) == first_seq &&
           nts_load_u32(bytes + RECORD_TABLE_ID) == record->table_id &&
           nts_load_u32(bytes + RECORD_ROW_COUNT) == record->row_count;
}

bool nts_wal_record_decode(const uint8_t *bytes, size_t size_max, uint64_t salt,
                           uint64_t prev_checksum, struct nts_wal_record *record)
{
    if (!nts_wal_record_peek(bytes, size_max, record))
        return false;
    const uint64_t payload_checksum =
        nts_wal_payload_checksum(record->payload, record->size - NTS_WAL_RECORD_HEADER_SIZE, salt);
    record->prev_checksum = prev_checksum;
    return record->checksum == record_checksum(bytes, payload_checksum, prev_checksum);
}
