/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/wal_record.h - one record of the write-ahead log (SPEC.md 5).
 *
 *   0          8      12     13  14        16              24
 *   +----------+------+------+---+---------+---------------+
 *   | checksum | size | kind | 0 | columns | prev_checksum |
 *   +----------+------+------+---+---------+---------------+
 *   24          32           40      44     48
 *   +-----------+------------+-------+------+---------- ...
 *   | first_seq | synced_seq | table | rows | payload
 *   +-----------+------------+-------+------+---------- ...
 *
 * checksum = XXH3(bytes 8..47, seed = XXH3(payload, seed = salt)): a large payload is hashed before
 * the append lock is taken, the 40 bytes under it. prev_checksum chains the records, so that what
 * an earlier lap left behind never continues this one.
 *
 * Pure; any thread. Tests: unit/test_wal_record.c, fuzz/fuzz_wal_record.c.
 */
#ifndef NTS_WAL_RECORD_H
#define NTS_WAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum nts_wal_kind {
    NTS_WAL_ROWS = 1,
    NTS_WAL_SEGMENT = 2,
    NTS_WAL_CREATE = 3,
    NTS_WAL_GROUP_BEGIN = 4,
    NTS_WAL_GROUP_COMMIT = 5,
    NTS_WAL_SEAL = 6,
    NTS_WAL_KIND_END = 7
};

#define NTS_WAL_EXTENT_HEADER_SIZE 64u
#define NTS_WAL_RECORD_HEADER_SIZE 48u
#define NTS_WAL_SEAL_SIZE          (NTS_WAL_RECORD_HEADER_SIZE + 8u)

struct nts_wal_record {
    uint64_t checksum;
    uint32_t size;
    uint8_t kind;
    uint16_t column_count;
    uint64_t prev_checksum;
    uint64_t first_seq;
    uint64_t synced_seq;
    uint32_t table_id;
    uint32_t row_count;
    const uint8_t *payload; /* size - NTS_WAL_RECORD_HEADER_SIZE bytes */
};

/* XXH3 of a payload under the log's salt. */
uint64_t nts_wal_payload_checksum(const uint8_t *payload, size_t size, uint64_t salt);

/* Writes the header in front of a payload that is already in place at bytes + 48 and sets
 * record->checksum. */
void nts_wal_record_encode(struct nts_wal_record *record, uint64_t payload_checksum,
                           uint8_t *bytes);

/* Decodes the record at `bytes`, of which `size_max` may be read. False if it is not whole, not of
 * a known kind, or its checksum under `salt` is wrong. The chain is the caller's check. */
NTS_CHECKED bool nts_wal_record_decode(const uint8_t *bytes, size_t size_max, uint64_t salt,
                                       struct nts_wal_record *record);

#endif
