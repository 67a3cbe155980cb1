/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/log_image.h - a write-ahead log built record by record in memory (SPEC.md 5).
 *
 *     struct log_image image;
 *     log_image_init(&image, salt);
 *     log_image_put_rows(&image, 3);           rows have ts = 10 * seq
 *     log_image_seal(&image, 1);               goes on in extent 1
 *     nts_wal_measure(&image.log, ...);
 *
 * Extents are far smaller than real ones, so that every byte of a log can be tried. Include after
 * cmocka.h.
 */
#ifndef LOG_IMAGE_H
#define LOG_IMAGE_H

#include <string.h>

#include "wal/wal_replay.h"

#define LOG_IMAGE_EXTENTS     3u
#define LOG_IMAGE_SIZE        1024u
#define LOG_IMAGE_RECORDS_MAX 64u
#define LOG_IMAGE_FIRST_OFF   65536u

struct log_image {
    uint8_t bytes[LOG_IMAGE_EXTENTS][LOG_IMAGE_SIZE];
    struct nts_wal_image images[LOG_IMAGE_EXTENTS];
    struct nts_wal_log log;
    uint32_t extent; /* the active one */
    uint32_t at;     /* its end */
    uint64_t chain;
    uint64_t next_seq;
    uint64_t synced_seq;    /* that the next records carry */
    uint64_t group_records; /* since the last GROUP_BEGIN, without SEALs */
    struct {
        uint32_t extent;
        uint32_t start;
        uint32_t end;
        uint8_t kind;
        uint64_t last_seq; /* in the log, this record included */
    } records[LOG_IMAGE_RECORDS_MAX];
    uint32_t record_count;
};

static inline void log_image_init(struct log_image *image, uint64_t salt)
{
    memset(image, 0, sizeof *image);
    for (uint32_t i = 0; i < LOG_IMAGE_EXTENTS; i++) {
        image->images[i].place.off = LOG_IMAGE_FIRST_OFF * (i + 1);
        image->images[i].place.size = LOG_IMAGE_SIZE;
        image->images[i].bytes = image->bytes[i];
    }
    image->log.images = image->images;
    image->log.image_count = LOG_IMAGE_EXTENTS;
    image->log.salt = salt;
    image->log.head_off = LOG_IMAGE_FIRST_OFF + NTS_WAL_EXTENT_HEADER_SIZE;
    image->at = NTS_WAL_EXTENT_HEADER_SIZE;
    image->next_seq = 1;
}

/* A copy points to its own bytes. */
static inline void log_image_copy(struct log_image *to, const struct log_image *from)
{
    *to = *from;
    for (uint32_t i = 0; i < LOG_IMAGE_EXTENTS; i++)
        to->images[i].bytes = to->bytes[i];
    to->log.images = to->images;
}

/* Appends a record whose payload lies in place already; of *record, kind, columns and rows are
 * set. */
static inline void log_image_put(struct log_image *image, struct nts_wal_record *record,
                                 uint32_t payload_size)
{
    uint8_t *bytes = image->bytes[image->extent] + image->at;

    record->size = NTS_WAL_RECORD_HEADER_SIZE + payload_size;
    record->prev_checksum = image->chain;
    record->first_seq = image->next_seq;
    record->synced_seq = image->synced_seq;
    assert_in_range(image->at + record->size, 0, LOG_IMAGE_SIZE);
    assert_in_range(image->record_count, 0, LOG_IMAGE_RECORDS_MAX - 1);
    nts_wal_record_encode(
        record,
        nts_wal_payload_checksum(bytes + NTS_WAL_RECORD_HEADER_SIZE, payload_size, image->log.salt),
        bytes);
    image->next_seq += record->row_count;
    image->group_records += record->kind != NTS_WAL_SEAL;
    if (record->kind == NTS_WAL_GROUP_BEGIN)
        image->group_records = 0;
    image->records[image->record_count].extent = image->extent;
    image->records[image->record_count].start = image->at;
    image->records[image->record_count].end = image->at + record->size;
    image->records[image->record_count].kind = record->kind;
    image->records[image->record_count].last_seq = image->next_seq - 1;
    image->record_count++;
    image->at += record->size;
    image->chain = record->checksum;
}

static inline uint8_t *log_image_payload(struct log_image *image)
{
    return image->bytes[image->extent] + image->at + NTS_WAL_RECORD_HEADER_SIZE;
}

static inline void log_image_put_kind(struct log_image *image, uint8_t kind)
{
    struct nts_wal_record record = {.kind = kind};
    nts_store_u64(log_image_payload(image),
                  kind == NTS_WAL_GROUP_COMMIT ? image->group_records : 0x0123456789ABCDEFu);
    log_image_put(image, &record, kind == NTS_WAL_GROUP_BEGIN ? 0 : 8);
}

/* Rows of one column; row `seq` is (10 * seq, seq + 0.5). */
static inline void log_image_put_rows(struct log_image *image, uint32_t row_count)
{
    struct nts_wal_record record = {
        .kind = NTS_WAL_ROWS, .column_count = 1, .table_id = 1, .row_count = row_count};
    uint8_t *payload = log_image_payload(image);
    for (uint32_t i = 0; i < row_count; i++) {
        const uint64_t seq = image->next_seq + i;
        nts_store_u64(payload + (size_t)i * 8, seq * 10);
        nts_store_u64(payload + ((size_t)row_count + i) * 8, nts_bits_of_double((double)seq + 0.5));
    }
    log_image_put(image, &record, row_count * 16);
}

static inline void log_image_seal(struct log_image *image, uint32_t extent)
{
    struct nts_wal_record record = {.kind = NTS_WAL_SEAL};
    nts_store_u64(log_image_payload(image), image->images[extent].place.off);
    log_image_put(image, &record, 8);
    image->extent = extent;
    image->at = NTS_WAL_EXTENT_HEADER_SIZE;
}

#endif
