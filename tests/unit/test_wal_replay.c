/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_wal_replay.c - what a log says after a crash (wal/wal_replay.h): a prefix of whole
 * records and whole groups, whatever tore it, and damage only where synced rows are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/log_image.h"
#include "support/seed.h"

#define SALT 0x5A17u

struct seen {
    uint64_t next_seq; /* of the row expected next */
    uint64_t records;
    uint64_t creates;
    bool segments_are_whole;
    uint64_t segment_checks;
    uint64_t fail_at; /* record that apply refuses; UINT64_MAX: none */
};

static struct seen seen_of_start(void)
{
    const struct seen seen = {.next_seq = 1, .segments_are_whole = true, .fail_at = UINT64_MAX};
    return seen;
}

static bool replay_check(void *context, const struct nts_wal_record *record)
{
    struct seen *seen = context;
    assert_int_equal(record->kind, NTS_WAL_SEGMENT);
    seen->segment_checks++;
    return seen->segments_are_whole;
}

/* Every row is the one that follows the row before, with the values it was given. */
static nanots_status replay_apply(void *context, const struct nts_wal_record *record,
                                  struct nanots_error *error)
{
    struct seen *seen = context;
    if (seen->records++ == seen->fail_at)
        return nts_fail(error, NANOTS_NO_MEMORY, "refused by the test");
    assert_in_range(record->kind, NTS_WAL_ROWS, NTS_WAL_CREATE);
    seen->creates += record->kind == NTS_WAL_CREATE;
    if (record->row_count == 0)
        return NANOTS_OK;
    assert_int_equal(record->first_seq, seen->next_seq);
    for (uint32_t i = 0; i < record->row_count && record->kind == NTS_WAL_ROWS; i++)
        assert_int_equal(nts_load_u64(record->payload + (size_t)i * 8), (seen->next_seq + i) * 10);
    seen->next_seq += record->row_count;
    return NANOTS_OK;
}

/* Measures and replays; both must agree. */
static struct nts_wal_end replay_all(const struct log_image *image, uint64_t flushed_seq)
{
    struct seen seen = seen_of_start();
    struct nts_wal_end end;
    nts_wal_measure(&image->log, flushed_seq, replay_check, &seen, &end);
    assert_int_equal(nts_wal_replay(&image->log, end.record_count, replay_apply, &seen, NULL),
                     NANOTS_OK);
    assert_int_equal(seen.next_seq - 1, end.last_seq);
    return end;
}

/* Records before the first one whose bytes differ from the original's. */
static uint32_t replay_whole_records(const struct log_image *torn, const struct log_image *whole)
{
    for (uint32_t r = 0; r < whole->record_count; r++) {
        const uint32_t start = whole->records[r].start;
        const uint32_t extent = whole->records[r].extent;
        if (memcmp(torn->bytes[extent] + start, whole->bytes[extent] + start,
                   whole->records[r].end - start) != 0)
            return r;
    }
    return whole->record_count;
}

/* Three extents of records of all sizes, one CREATE, nothing synced. */
static void replay_make_log(struct log_image *image)
{
    log_image_init(image, SALT);
    log_image_put_kind(image, NTS_WAL_CREATE);
    for (uint32_t rows = 1; rows <= 5; rows++)
        log_image_put_rows(image, rows);
    log_image_seal(image, 2);
    log_image_put_rows(image, 2);
    log_image_put_rows(image, 7);
    log_image_seal(image, 1);
    for (uint32_t rows = 1; rows <= 6; rows++)
        log_image_put_rows(image, rows);
}

/* Goal: a log that nothing happened to is replayed whole, over SEALs to extents in any order. */
static void wal_replay_whole_log_gives_every_record(void **state)
{
    struct log_image image;
    (void)state;
    replay_make_log(&image);
    const struct nts_wal_end end = replay_all(&image, 0);
    assert_int_equal(end.record_count, image.record_count);
    assert_int_equal(end.last_seq, image.next_seq - 1);
    assert_int_equal(end.torn_bytes, 0);
    assert_false(end.damaged);
}

/* Goal: a tail torn at any byte leaves the records before it, never a part of one, and is no
 * damage. Method: from each byte of each extent on, what was written is zero, or is noise. */
static void wal_replay_torn_at_any_byte_gives_the_records_before(void **state)
{
    struct log_image whole;
    struct log_image torn;
    (void)state;
    replay_make_log(&whole);
    for (uint32_t noise = 0; noise < 2; noise++)
        for (uint32_t e = 0; e < LOG_IMAGE_EXTENTS; e++)
            for (uint32_t at = NTS_WAL_EXTENT_HEADER_SIZE; at < LOG_IMAGE_SIZE; at++) {
                log_image_copy(&torn, &whole);
                for (uint32_t i = at; i < LOG_IMAGE_SIZE; i++)
                    torn.bytes[e][i] = noise == 0 ? 0 : torn.bytes[e][i] ^ 0xA5;
                const uint32_t left = replay_whole_records(&torn, &whole);
                const struct nts_wal_end end = replay_all(&torn, 0);
                assert_int_equal(end.record_count, left);
                assert_int_equal(end.last_seq, left == 0 ? 0 : whole.records[left - 1].last_seq);
                assert_false(end.damaged);
            }
}

/* Goal: one flipped bit ends the log before its record. Method: each byte, a random bit of it. */
static void wal_replay_flipped_bit_ends_the_log_before_it(void **state)
{
    struct log_image whole;
    struct log_image torn;
    uint64_t seed = seed_of_run();
    (void)state;
    replay_make_log(&whole);
    for (uint32_t r = 0; r < whole.record_count; r++)
        for (uint32_t at = whole.records[r].start; at < whole.records[r].end; at++) {
            log_image_copy(&torn, &whole);
            torn.bytes[whole.records[r].extent][at] ^= (uint8_t)(1u << seed_next(&seed) % 8);
            const struct nts_wal_end end = replay_all(&torn, 0);
            assert_int_equal(end.record_count, r);
            /* A record whose size, kind and seq are intact is known to have been cut. */
            const uint32_t in_record = at - whole.records[r].start;
            const bool names_itself =
                in_record >= 24 || in_record < 8 || (in_record >= 14 && in_record < 16);
            if (names_itself)
                assert_true(end.torn_bytes > 0);
        }
}

/* Goal: rows of a group take effect together. Method: a log with two groups, the second over a
 * SEAL, torn at each byte; the rows left are those before a group or those behind it. */
static void wal_replay_group_is_all_or_nothing(void **state)
{
    struct log_image whole;
    struct log_image torn;
    uint64_t seen_count = 0;
    (void)state;
    log_image_init(&whole, SALT);
    log_image_put_rows(&whole, 2); /* 1 2 */
    log_image_put_kind(&whole, NTS_WAL_GROUP_BEGIN);
    log_image_put_rows(&whole, 3);
    log_image_put_rows(&whole, 1);
    log_image_put_kind(&whole, NTS_WAL_GROUP_COMMIT); /* 1 .. 6 */
    log_image_put_rows(&whole, 1);                    /* 7 */
    log_image_put_kind(&whole, NTS_WAL_GROUP_BEGIN);
    log_image_put_rows(&whole, 4);
    log_image_seal(&whole, 1);
    log_image_put_rows(&whole, 4);
    log_image_put_kind(&whole, NTS_WAL_GROUP_COMMIT); /* 15 */
    for (uint32_t e = 0; e < 2; e++)
        for (uint32_t at = NTS_WAL_EXTENT_HEADER_SIZE; at < LOG_IMAGE_SIZE; at++) {
            log_image_copy(&torn, &whole);
            memset(torn.bytes[e] + at, 0, LOG_IMAGE_SIZE - at);
            const uint64_t last = replay_all(&torn, 0).last_seq;
            assert_true(last == 0 || last == 2 || last == 6 || last == 7 || last == 15);
            seen_count |= 1ull << last;
        }
    assert_int_equal(seen_count, 1u << 0 | 1u << 2 | 1u << 6 | 1u << 7 | 1u << 15);
}

/* Goal: records of groups that contradict each other are damage. Method: a commit without begin,
 * one of a wrong number, a group in a group, with its commit and without. */
static void wal_replay_groups_that_contradict_themselves_are_damage(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        struct nanots_error error;
        struct nts_wal_end end;
        struct log_image image;
        struct seen seen = seen_of_start();
        log_image_init(&image, SALT);
        if (variant != 0)
            log_image_put_kind(&image, NTS_WAL_GROUP_BEGIN);
        log_image_put_rows(&image, 1);
        if (variant >= 2)
            log_image_put_kind(&image, NTS_WAL_GROUP_BEGIN);
        log_image_put_rows(&image, 1);
        if (variant == 1)
            image.group_records++;
        if (variant != 3)
            log_image_put_kind(&image, NTS_WAL_GROUP_COMMIT);
        nts_wal_measure(&image.log, 0, replay_check, &seen, &end);
        assert_int_equal(nts_wal_replay(&image.log, end.record_count, replay_apply, &seen, &error),
                         NANOTS_CORRUPT);
        assert_non_null(strstr(error.message, "group"));
    }
}

/* Goal: what an open group leaves behind is counted as cut. */
static void wal_replay_open_group_counts_as_torn(void **state)
{
    struct log_image image;
    (void)state;
    log_image_init(&image, SALT);
    log_image_put_rows(&image, 2);
    const uint32_t group_start = image.at;
    log_image_put_kind(&image, NTS_WAL_GROUP_BEGIN);
    log_image_put_rows(&image, 3);
    const struct nts_wal_end end = replay_all(&image, 0);
    assert_int_equal(end.record_count, 1);
    assert_int_equal(end.torn_bytes, image.at - group_start);
}

/* Goal: an open group whose first rows were synced is cut and no damage: nobody was promised it.
 * Method: its third record is torn, its fourth is whole and was written after the sync. */
static void wal_replay_synced_rows_of_an_open_group_are_no_damage(void **state)
{
    struct log_image image;
    (void)state;
    log_image_init(&image, SALT);
    log_image_put_rows(&image, 2);
    log_image_put_kind(&image, NTS_WAL_GROUP_BEGIN);
    log_image_put_rows(&image, 3); /* 3 4 5 */
    image.synced_seq = 5;
    log_image_put_rows(&image, 2);
    const uint32_t torn = image.records[image.record_count - 1].start;
    log_image_put_rows(&image, 2);
    image.bytes[0][torn + 60] ^= 1;
    const struct nts_wal_end end = replay_all(&image, 0);
    assert_int_equal(end.last_seq, 2);
    assert_false(end.damaged);
}

/* Goal: a SEAL leads only to a listed extent that was not visited yet. Method: SEALs to an unknown
 * place, to the extent they are in and back to the first one, and one of the wrong size. */
static void wal_replay_seal_leads_to_fresh_listed_extents_only(void **state)
{
    struct log_image image;
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        struct nts_wal_record record = {.kind = NTS_WAL_SEAL};
        log_image_init(&image, SALT);
        log_image_put_rows(&image, 1);
        log_image_seal(&image, 1);
        log_image_put_rows(&image, 1);
        const uint64_t targets[] = {image.images[2].place.off + 64, image.images[1].place.off,
                                    image.images[0].place.off, image.images[2].place.off};
        nts_store_u64(log_image_payload(&image), targets[variant]);
        log_image_put(&image, &record, variant == 3 ? 16 : 8);
        image.extent = variant == 2 ? 0 : variant == 1 ? 1 : 2;
        image.at = NTS_WAL_EXTENT_HEADER_SIZE;
        if (variant != 1 && variant != 2)
            log_image_put_rows(&image, 1);
        const struct nts_wal_end end = replay_all(&image, 0);
        assert_int_equal(end.record_count, 3);
        assert_int_equal(end.last_seq, 2);
    }
}

/* Goal: records of an earlier lap never continue the log. Method: a lap fills the extent with
 * records of one size; the next lap, with the same salt and with another, covers fewer and fewer of
 * them. */
static void wal_replay_old_lap_never_continues_the_log(void **state)
{
    (void)state;
    for (uint32_t kept = 0; kept <= 8; kept++)
        for (uint64_t salt = SALT; salt < SALT + 2; salt++) {
            struct log_image image;
            log_image_init(&image, SALT);
            for (uint32_t i = 0; i < 10; i++)
                log_image_put_rows(&image, 2);
            image.synced_seq = image.next_seq - 1;
            const uint64_t flushed = image.next_seq - 1;
            image.log.salt = salt;
            image.log.chain = image.chain;
            image.at = NTS_WAL_EXTENT_HEADER_SIZE;
            image.record_count = 0;
            for (uint32_t i = 0; i < kept; i++)
                log_image_put_rows(&image, 2);
            struct seen seen = seen_of_start();
            struct nts_wal_end end;
            seen.next_seq = flushed + 1;
            nts_wal_measure(&image.log, flushed, replay_check, &seen, &end);
            assert_int_equal(end.record_count, kept);
            assert_false(end.damaged);
            assert_int_equal(
                nts_wal_replay(&image.log, end.record_count, replay_apply, &seen, NULL), NANOTS_OK);
            assert_int_equal(seen.next_seq, image.next_seq);
        }
}

/* Goal: `damaged` says that rows known to be durable are lost, and nothing else. Method: twelve
 * records over two extents; after each a sync; breaks at each record; then the same with flushed
 * rows. */
static void wal_replay_damage_needs_a_synced_row_behind_the_break(void **state)
{
    struct log_image whole;
    struct log_image torn;
    (void)state;
    log_image_init(&whole, SALT);
    for (uint32_t i = 0; i < 12; i++) {
        log_image_put_rows(&whole, 2);
        whole.synced_seq = i < 8 ? whole.next_seq - 1 : whole.synced_seq;
        if (i == 5)
            log_image_seal(&whole, 1);
    }
    /* Rows 1..16 were synced, and the last four records say so. */
    for (uint32_t r = 0; r < whole.record_count; r++) {
        log_image_copy(&torn, &whole);
        torn.bytes[whole.records[r].extent][whole.records[r].start + 30] ^= 4;
        const uint64_t last = r == 0 ? 0 : whole.records[r - 1].last_seq;
        const struct nts_wal_end end = replay_all(&torn, 0);
        assert_int_equal(end.record_count, r);
        assert_int_equal(end.damaged, last < 16);
        assert_false(replay_all(&torn, 16).damaged); /* they are in segments */
        assert_int_equal(replay_all(&torn, 15).damaged, last < 16);
    }
}

/* Goal: a SEGMENT record whose segments are not whole ends the log. */
static void wal_replay_segment_that_is_not_whole_ends_the_log(void **state)
{
    struct log_image image;
    struct nts_wal_record record = {.kind = NTS_WAL_SEGMENT, .table_id = 1, .row_count = 100};
    struct nts_wal_end end;
    struct seen seen = seen_of_start();
    (void)state;
    log_image_init(&image, SALT);
    log_image_put_rows(&image, 1);
    memset(log_image_payload(&image), 7, 80);
    log_image_put(&image, &record, 80);
    log_image_put_rows(&image, 1);
    assert_int_equal(replay_all(&image, 0).last_seq, 102);
    seen.segments_are_whole = false;
    nts_wal_measure(&image.log, 0, replay_check, &seen, &end);
    assert_int_equal(seen.segment_checks, 1);
    assert_int_equal(end.record_count, 1);
    assert_int_equal(end.last_seq, 1);
    assert_false(end.damaged);
    assert_true(end.torn_bytes != 0);
}

/* Goal: a record whose counts contradict its size ends the log, though its checksum is right. */
static void wal_replay_contradicting_record_ends_the_log(void **state)
{
    static const struct {
        uint8_t kind;
        uint16_t columns;
        uint32_t rows;
        uint32_t payload;
    } wrong[] = {{NTS_WAL_ROWS, 1, 0, 0},
                 {NTS_WAL_ROWS, 0, 1, 8},
                 {NTS_WAL_GROUP_BEGIN, 0, 0, 8},
                 {NTS_WAL_GROUP_COMMIT, 0, 0, 0},
                 {NTS_WAL_GROUP_COMMIT, 0, 0, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct log_image image;
        struct nts_wal_record record = {
            .kind = wrong[i].kind, .column_count = wrong[i].columns, .row_count = wrong[i].rows};
        log_image_init(&image, SALT);
        log_image_put_rows(&image, 1);
        log_image_put(&image, &record, wrong[i].payload);
        assert_int_equal(replay_all(&image, 0).record_count, 1);
    }
}

/* Goal: logs of nothing end at once: no extents, a head at the very end of its extent. */
static void wal_replay_empty_log_has_no_records(void **state)
{
    struct log_image image;
    (void)state;
    log_image_init(&image, SALT);
    assert_int_equal(replay_all(&image, 0).record_count, 0);
    image.log.head_off = LOG_IMAGE_FIRST_OFF + LOG_IMAGE_SIZE;
    assert_int_equal(replay_all(&image, 9).torn_bytes, 0);
    image.log.image_count = 0;
    assert_int_equal(replay_all(&image, 9).record_count, 0);
}

/* Goal: a failure of the engine, or a log that is not the measured one, stops the replay. */
static void wal_replay_failure_of_apply_is_handed_on(void **state)
{
    struct log_image image;
    struct nanots_error error;
    struct seen seen = seen_of_start();
    (void)state;
    replay_make_log(&image);
    seen.fail_at = 3;
    assert_int_equal(nts_wal_replay(&image.log, image.record_count, replay_apply, &seen, &error),
                     NANOTS_NO_MEMORY);
    assert_int_equal(seen.records, 4);
    assert_string_equal(error.message, "refused by the test");
    seen = seen_of_start();
    assert_int_equal(
        nts_wal_replay(&image.log, image.record_count + 1, replay_apply, &seen, &error),
        NANOTS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wal_replay_whole_log_gives_every_record),
        cmocka_unit_test(wal_replay_torn_at_any_byte_gives_the_records_before),
        cmocka_unit_test(wal_replay_flipped_bit_ends_the_log_before_it),
        cmocka_unit_test(wal_replay_group_is_all_or_nothing),
        cmocka_unit_test(wal_replay_open_group_counts_as_torn),
        cmocka_unit_test(wal_replay_groups_that_contradict_themselves_are_damage),
        cmocka_unit_test(wal_replay_synced_rows_of_an_open_group_are_no_damage),
        cmocka_unit_test(wal_replay_seal_leads_to_fresh_listed_extents_only),
        cmocka_unit_test(wal_replay_old_lap_never_continues_the_log),
        cmocka_unit_test(wal_replay_damage_needs_a_synced_row_behind_the_break),
        cmocka_unit_test(wal_replay_segment_that_is_not_whole_ends_the_log),
        cmocka_unit_test(wal_replay_contradicting_record_ends_the_log),
        cmocka_unit_test(wal_replay_empty_log_has_no_records),
        cmocka_unit_test(wal_replay_failure_of_apply_is_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
