/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_wal_tail.c - following a log that grows (wal/wal_tail.h): every whole record once, in
 * order, whatever the header of the extent says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "support/faultvfs.h"
#include "support/log_image.h"
#include "support/scratch.h"
#include "wal/wal_tail.h"

#define SALT 0x5A17u

/* What the header in front of the records says. */
enum header { HEADER_ZERO, HEADER_TRUE, HEADER_LOW, HEADER_WILD, HEADER_COUNT };

struct follow {
    struct faultvfs faults;
    struct nanots_file *file;
    struct log_image image;
    struct nts_wal_tail tail;
    uint64_t next_seq;
    uint64_t creates;
    bool segments_are_whole;
};

static void follow_begin(struct follow *follow, const struct scratch *scratch)
{
    struct nts_superblock sb = {.wal_count = LOG_IMAGE_EXTENTS, .wal_salt = SALT};
    memset(follow, 0, sizeof *follow);
    faultvfs_init(&follow->faults, nts_vfs_posix());
    assert_int_equal(follow->faults.vfs.open(&follow->faults.vfs, nts_alloc_libc(), scratch->path,
                                             NANOTS_VFS_CREATE, &follow->file, NULL),
                     NANOTS_OK);
    log_image_init(&follow->image, SALT);
    for (uint32_t i = 0; i < LOG_IMAGE_EXTENTS; i++)
        sb.wal_extents[i] = follow->image.images[i].place;
    sb.wal_head_off = follow->image.log.head_off;
    nts_wal_tail_begin(&follow->tail, &sb);
    follow->next_seq = 1;
    follow->segments_are_whole = true;
}

static void follow_end(struct follow *follow)
{
    follow->file->ops->close(follow->file);
    faultvfs_deinit(&follow->faults);
}

/* The image of the moment becomes the file's bytes. */
static void follow_write(struct follow *follow, enum header header)
{
    const uint64_t values[HEADER_COUNT] = {0, follow->image.at, 8, UINT64_MAX - 7};
    struct log_image *image = &follow->image;
    nts_store_u64(image->bytes[image->extent], values[header]);
    for (uint32_t i = 0; i < LOG_IMAGE_EXTENTS; i++)
        assert_int_equal(follow->file->ops->write_at(follow->file, image->bytes[i], LOG_IMAGE_SIZE,
                                                     image->images[i].place.off, 0, NULL),
                         NANOTS_OK);
}

/* A writer publishes the SEAL too. */
static void follow_seal(struct follow *follow, uint32_t extent)
{
    uint8_t *header = follow->image.bytes[follow->image.extent];
    const uint64_t published = nts_load_u64(header);
    const bool is_true = published == follow->image.at;
    log_image_seal(&follow->image, extent);
    if (is_true)
        nts_store_u64(header, published + NTS_WAL_SEAL_SIZE);
}

static bool follow_check(void *context, const struct nts_wal_record *record)
{
    const struct follow *follow = context;
    assert_int_equal(record->kind, NTS_WAL_SEGMENT);
    return follow->segments_are_whole;
}

static void follow_take(struct follow *follow, const struct nts_wal_record *record)
{
    if (record->row_count != 0)
        assert_int_equal(record->first_seq, follow->next_seq);
    follow->next_seq += record->row_count;
    follow->creates += record->kind == NTS_WAL_CREATE;
}

/* Reads on; all rows continue those before. Returns the status, and how many records came. */
static nanots_status follow_try(struct follow *follow, uint32_t *records_out)
{
    struct nts_wal_reading reading;
    nanots_status status = NANOTS_OK;
    *records_out = 0;
    nts_wal_reading_init(&reading, &follow->tail, follow->file, follow_check, follow,
                         nts_alloc_libc());
    do {
        struct nts_wal_record record;
        size_t at = 0;
        status = nts_wal_reading_next(&reading, NULL);
        if (status != NANOTS_OK)
            break;
        for (; nts_wal_tail_next(&reading.buf, &at, &record); ++*records_out)
            follow_take(follow, &record);
        assert_int_equal(at, reading.buf.size);
    } while (reading.buf.size != 0);
    if (status == NANOTS_OK)
        follow->tail = reading.tail;
    nts_wal_reading_deinit(&reading);
    return status;
}

static uint32_t follow_read(struct follow *follow)
{
    uint32_t records = 0;
    assert_int_equal(follow_try(follow, &records), NANOTS_OK);
    return records;
}

/* Goal: read after each record, or after several, over SEALs, each record comes once. */
static void wal_tail_takes_each_record_once(void **state)
{
    struct follow follow;
    for (unsigned header = 0; header < HEADER_COUNT; header++)
        for (uint32_t step = 1; step < 5; step++) {
            uint32_t seen = 0;
            follow_begin(&follow, *state);
            follow_write(&follow, (enum header)header);
            assert_int_equal(follow_read(&follow), 0);
            log_image_put_kind(&follow.image, NTS_WAL_CREATE);
            for (uint32_t i = 0; i < 24; i++) {
                if (i == 9 || i == 17)
                    follow_seal(&follow, i == 9 ? 2 : 1);
                log_image_put_rows(&follow.image, 1 + i % 4);
                follow_write(&follow, (enum header)header);
                if (i % step == 0)
                    seen += follow_read(&follow);
            }
            seen += follow_read(&follow);
            assert_int_equal(seen, follow.image.record_count);
            assert_int_equal(follow.next_seq, follow.image.next_seq);
            assert_int_equal(follow.creates, 1);
            assert_int_equal(follow_read(&follow), 0);
            follow_end(&follow);
        }
}

/* Goal: a record that is half there is not taken, and is when it is whole. */
static void wal_tail_waits_for_a_record_that_is_being_written(void **state)
{
    struct follow follow;
    follow_begin(&follow, *state);
    log_image_put_rows(&follow.image, 2);
    const uint32_t start = follow.image.at;
    log_image_put_rows(&follow.image, 3);
    struct log_image whole;
    log_image_copy(&whole, &follow.image);
    for (uint32_t at = start; at < whole.at; at++) {
        log_image_copy(&follow.image, &whole);
        memset(follow.image.bytes[0] + at, 0xA5, whole.at - at);
        follow_write(&follow, at % 2 == 0 ? HEADER_TRUE : HEADER_ZERO);
        assert_int_equal(follow_read(&follow), at == start ? 1 : 0);
    }
    log_image_copy(&follow.image, &whole);
    follow_write(&follow, HEADER_ZERO);
    assert_int_equal(follow_read(&follow), 1);
    follow_end(&follow);
}

/* Goal: what stands behind the published end is not there yet. */
static void wal_tail_ends_where_the_header_says(void **state)
{
    struct follow follow;
    uint8_t header[8];
    follow_begin(&follow, *state);
    log_image_put_rows(&follow.image, 1);
    nts_store_u64(header, follow.image.at);
    log_image_put_rows(&follow.image, 2);
    follow_write(&follow, HEADER_TRUE);
    assert_int_equal(follow.file->ops->write_at(follow.file, header, sizeof header,
                                                follow.image.images[0].place.off, 0, NULL),
                     NANOTS_OK);
    assert_int_equal(follow_read(&follow), 1);
    assert_int_equal(follow_read(&follow), 0);
    follow_write(&follow, HEADER_TRUE);
    assert_int_equal(follow_read(&follow), 1);
    follow_end(&follow);
}

/* Goal: a record that is longer than what is read first is taken nevertheless. */
static void wal_tail_takes_a_long_record(void **state)
{
    static uint8_t bytes[LOG_IMAGE_FIRST_OFF];
    struct nts_wal_record record = {.kind = NTS_WAL_ROWS,
                                    .size = NTS_WAL_RECORD_HEADER_SIZE + 1000 * 16,
                                    .column_count = 1,
                                    .first_seq = 1,
                                    .table_id = 1,
                                    .row_count = 1000};
    uint8_t *at = bytes + NTS_WAL_EXTENT_HEADER_SIZE;
    struct follow follow;
    follow_begin(&follow, *state);
    nts_wal_record_encode(
        &record, nts_wal_payload_checksum(at + NTS_WAL_RECORD_HEADER_SIZE, (size_t)1000 * 16, SALT),
        at);
    follow.tail.extents[0].size = sizeof bytes;
    assert_int_equal(follow.file->ops->write_at(follow.file, bytes, sizeof bytes,
                                                follow.tail.extents[0].off, 0, NULL),
                     NANOTS_OK);
    assert_int_equal(follow_read(&follow), 1);
    assert_int_equal(follow.next_seq, 1001);
    follow_end(&follow);
}

/* Goal: of a group nothing comes before its commit, all with it. */
static void wal_tail_takes_whole_groups(void **state)
{
    struct follow follow;
    follow_begin(&follow, *state);
    log_image_put_rows(&follow.image, 1);
    log_image_put_kind(&follow.image, NTS_WAL_GROUP_BEGIN);
    for (uint32_t i = 0; i < 3; i++) {
        log_image_put_rows(&follow.image, 2);
        follow_write(&follow, HEADER_TRUE);
        assert_int_equal(follow_read(&follow), i == 0 ? 1 : 0);
        if (i == 1)
            follow_seal(&follow, 1);
    }
    log_image_put_kind(&follow.image, NTS_WAL_GROUP_COMMIT);
    log_image_put_rows(&follow.image, 1);
    follow_write(&follow, HEADER_TRUE);
    assert_int_equal(follow_read(&follow), 7);
    assert_int_equal(follow.next_seq, follow.image.next_seq);
    follow_end(&follow);
}

/* Goal: a commit of a wrong number is damage here as in recovery, and so is a begin in a group. */
static void wal_tail_refuses_groups_that_contradict_themselves(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct follow follow;
        uint32_t records = 0;
        follow_begin(&follow, *state);
        log_image_put_kind(&follow.image, NTS_WAL_GROUP_BEGIN);
        log_image_put_rows(&follow.image, 2);
        follow.image.group_records = 7;
        log_image_put_kind(&follow.image, i == 0 ? NTS_WAL_GROUP_COMMIT : NTS_WAL_GROUP_BEGIN);
        follow_write(&follow, HEADER_TRUE);
        assert_int_equal(follow_try(&follow, &records), NANOTS_CORRUPT);
        assert_int_equal(records, 0);
        follow_end(&follow);
    }
}

/* Goal: what a segment's check refuses ends the log, as recovery has it. */
static void wal_tail_ends_before_a_segment_that_is_not_whole(void **state)
{
    struct follow follow;
    follow_begin(&follow, *state);
    log_image_put_rows(&follow.image, 1);
    log_image_put_kind(&follow.image, NTS_WAL_SEGMENT);
    log_image_put_rows(&follow.image, 1);
    follow_write(&follow, HEADER_TRUE);
    follow.segments_are_whole = false;
    assert_int_equal(follow_read(&follow), 1);
    assert_int_equal(follow_read(&follow), 0);
    follow.segments_are_whole = true;
    assert_int_equal(follow_read(&follow), 2);
    follow_end(&follow);
}

/* Goal: a reading that fails, at any of its reads, does not hinder the next. */
static void wal_tail_that_fails_is_read_again(void **state)
{
    struct follow follow;
    bool failed = true;
    follow_begin(&follow, *state);
    log_image_put_rows(&follow.image, 2);
    log_image_seal(&follow.image, 1);
    log_image_put_rows(&follow.image, 2);
    follow_write(&follow, HEADER_TRUE);
    for (uint64_t k = 0; failed; k++) {
        uint32_t records = 0;
        follow.next_seq = 1;
        faultvfs_fail(&follow.faults, FAULTVFS_READ, k, EIO, false);
        const nanots_status status = follow_try(&follow, &records);
        failed = follow.faults.failed;
        assert_int_equal(status, failed ? NANOTS_IO : NANOTS_OK);
        if (!failed)
            assert_int_equal(records, 3);
    }
    faultvfs_heal(&follow.faults);
    assert_int_equal(follow_read(&follow), 0);
    follow_end(&follow);
}

/* Goal: the counter is the greatest that a header in use has. */
static void wal_tail_counter_is_the_greatest(void **state)
{
    struct follow follow;
    uint64_t counter = 1;
    follow_begin(&follow, *state);
    follow_write(&follow, HEADER_ZERO);
    assert_int_equal(nts_wal_tail_counter(&follow.tail, follow.file, &counter, NULL), NANOTS_OK);
    assert_int_equal(counter, 0);
    for (uint32_t i = 0; i < LOG_IMAGE_EXTENTS; i++) {
        nts_store_u64(follow.image.bytes[i], i == 2 ? 0 : 64);
        nts_store_u64(follow.image.bytes[i] + 8, 70 + 10 * i);
    }
    follow.image.extent = 2;
    follow_write(&follow, HEADER_ZERO);
    assert_int_equal(nts_wal_tail_counter(&follow.tail, follow.file, &counter, NULL), NANOTS_OK);
    assert_int_equal(counter, 80);
    follow_end(&follow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(wal_tail_takes_each_record_once),
        WITH_SCRATCH(wal_tail_waits_for_a_record_that_is_being_written),
        WITH_SCRATCH(wal_tail_ends_where_the_header_says),
        WITH_SCRATCH(wal_tail_takes_a_long_record),
        WITH_SCRATCH(wal_tail_takes_whole_groups),
        WITH_SCRATCH(wal_tail_refuses_groups_that_contradict_themselves),
        WITH_SCRATCH(wal_tail_ends_before_a_segment_that_is_not_whole),
        WITH_SCRATCH(wal_tail_that_fails_is_read_again),
        WITH_SCRATCH(wal_tail_counter_is_the_greatest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
