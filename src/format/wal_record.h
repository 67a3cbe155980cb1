/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/wal_record.h - one record of the write-ahead log (SPEC.md 5).
 *
 *   0          8      12     13    14        16          24      28     32
 *   +----------+------+------+-----+---------+-----------+-------+------+---------- ...
 *   | checksum | size | kind | lag | columns | first_seq | table | rows | payload
 *   +----------+------+------+-----+---------+-----------+-------+------+---------- ...
 *
 * checksum = XXH3(bytes 8..31, seed = XXH3(payload, seed = salt) ^ checksum of the record before):
 * a large payload is hashed before the append lock is taken, the 24 bytes under it; and the records
 * are chained, so that what an earlier lap left behind never continues this one. The header is as
 * short as that: a row of one column is 48 bytes in all.
 *
 * lag says how far the rows known to be durable lay behind: at most 2^lag rows before first_seq.
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
    NTS_WAL_PAD = 7,
    NTS_WAL_KIND_END = 8
};

#define NTS_WAL_EXTENT_HEADER_SIZE 64u
#define NTS_WAL_RECORD_HEADER_SIZE 32u
#define NTS_WAL_SEAL_SIZE          (NTS_WAL_RECORD_HEADER_SIZE + 8u)

struct nts_wal_record {
    uint64_t checksum;
    uint32_t size;
    uint8_t kind;
    uint16_t column_count;
    uint64_t prev_checksum; /* of the record before; not stored, but part of the checksum */
    uint64_t first_seq;
    uint64_t synced_seq; /* < first_seq; what is decoded may be smaller, never greater */
    uint32_t table_id;
    uint32_t row_count;
    const uint8_t *payload; /* size - NTS_WAL_RECORD_HEADER_SIZE bytes */
};

/* XXH3 of a payload under the log's salt. */
uint64_t nts_wal_payload_checksum(const uint8_t *payload, size_t size, uint64_t salt);

/* Writes the header in front of a payload that is already in place behind it and sets
 * record->checksum. */
void nts_wal_record_encode(struct nts_wal_record *record, uint64_t payload_checksum,
                           uint8_t *bytes);

/* Decodes the fields of the header at `bytes` alone; no checksum is looked at. False if no version
 * writes such a header, or the record does not fit into `size_max`. */
NTS_CHECKED bool nts_wal_record_peek(const uint8_t *bytes, size_t size_max,
                                     struct nts_wal_record *record);

/* Whether the header at `bytes` differs from that of `record` in checksum, lag and seq alone, and
 * its rows begin with `first_seq`: a record of as many rows of the same table. */
NTS_CHECKED bool nts_wal_record_is_alike(const uint8_t *bytes, size_t size_max,
                                         const struct nts_wal_record *record, uint64_t first_seq);

/* Decodes the record at `bytes`, of which `size_max` may be read. False if it is not whole, not of
 * a known kind, or does not follow the record with `prev_checksum` under this salt. */
NTS_CHECKED bool nts_wal_record_decode(const uint8_t *bytes, size_t size_max, uint64_t salt,
                                       uint64_t prev_checksum, struct nts_wal_record *record);

#endif
