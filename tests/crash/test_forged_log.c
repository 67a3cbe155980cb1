/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_forged_log.c - bulk segments whose entries in the log lie, with right checksums.
 *
 *   manifest: segment 1   log: SEGMENT(2) SEGMENT(3)      each says something else than is true
 *
 * The contract: the log ends before the lie, or it is damage that a repair mends. Never may a
 * writer commit what it then refuses to load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "format/superblock.h"
#include "format/wal_record.h"
#include "support/db_helpers.h"
#include "support/file_image.h"
#include "support/memfile.h"

#define WAL_BYTES          (64u << 10)
#define BULK_ROWS          4000u /* more than half of the log in bytes */
#define BULKS              2u
#define SUPERBLOCK_NEXT_ID 152u /* SPEC.md 3: next_segment_id */
#define PATH               "in"
#define OUT                "out"

struct forgery {
    struct memfile_disk disk;
    struct file_image image;
    uint8_t *entries[BULKS]; /* in the image */
};

static struct nanots_db *forgery_open(struct forgery *forgery, const char *path, uint32_t flags,
                                      nanots_status *status_out)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .wal_bytes = WAL_BYTES,
                                                .vfs = &forgery->disk.vfs};
    struct nanots_db *db = NULL;
    *status_out = nanots_open(path, &options, &db, &db_error);
    return db;
}

static void forgery_append(struct nanots_db *db, int64_t first)
{
    static double values[BULK_ROWS];
    static int64_t ts[BULK_ROWS];
    for (size_t i = 0; i < BULK_ROWS; i++) {
        ts[i] = first + (int64_t)i;
        values[i] = (double)(i % 10);
    }
    db_ok(nanots_append_rows(db, "t", ts, values, BULK_ROWS, 1, NULL, &db_error));
}

/* The entries of the log's SEGMENT records, one each. */
static void forgery_find(struct forgery *forgery)
{
    struct nts_wal_record record;
    struct nts_superblock sb;
    size_t found = 0;
    assert_int_equal(nts_superblock_choose(forgery->image.bytes, NTS_SUPERBLOCK_AREA, &sb, NULL),
                     NANOTS_OK);
    for (uint64_t at = sb.wal_head_off;
         nts_wal_record_peek(forgery->image.bytes + at, WAL_BYTES, &record); at += record.size)
        if (record.kind == NTS_WAL_SEGMENT && found < BULKS)
            forgery->entries[found++] = forgery->image.bytes + at + NTS_WAL_RECORD_HEADER_SIZE;
    assert_int_equal(found, BULKS);
}

/* The file of a writer that died after two bulk calls. */
static void forgery_begin(struct forgery *forgery)
{
    nanots_status status;
    memset(forgery, 0, sizeof *forgery);
    memfile_init(&forgery->disk, 64u << 20);
    struct nanots_db *db = forgery_open(forgery, PATH, 0, &status);
    db_ok(status);
    db_create(db, "t", 1);
    forgery_append(db, 0);
    db_ok(nanots_flush(db, &db_error));
    for (unsigned i = 1; i <= BULKS; i++)
        forgery_append(db, (int64_t)i * BULK_ROWS);
    const struct memfile *file = memfile_find(&forgery->disk, PATH);
    forgery->image.size = file->size;
    forgery->image.bytes = malloc(file->size);
    assert_non_null(forgery->image.bytes);
    memcpy(forgery->image.bytes, file->bytes, file->size);
    db_ok(nanots_close(db, &db_error));
    forgery_find(forgery);
}

static void forgery_end(struct forgery *forgery)
{
    file_image_free(&forgery->image);
    memfile_deinit(&forgery->disk);
}

/* Puts the entry into its place in the log, and what the header has of it into the header. */
static void forgery_set(struct forgery *forgery, size_t index,
                        const struct nts_segment_entry *entry)
{
    uint8_t *segment = forgery->image.bytes + entry->off;
    struct nts_segment_header header;
    assert_true(nts_segment_header_decode(segment, &header));
    header.segment_id = entry->segment_id;
    header.seq_first = entry->seq_first;
    header.seq_last = entry->seq_last;
    nts_segment_header_encode(&header, segment);
    nts_segment_entry_encode(entry, forgery->entries[index]);
}

static struct nts_segment_entry forgery_entry(const struct forgery *forgery, size_t index)
{
    struct nts_segment_entry entry;
    assert_true(nts_segment_entry_decode(forgery->entries[index], &entry));
    return entry;
}

static uint64_t whole_rows(struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
    return report.rows;
}

/* What a writer makes of the file. Rows that are left of it, or 0 if it is damaged. */
static uint64_t forgery_write(struct forgery *forgery)
{
    nanots_status status;
    file_image_reseal(&forgery->image);
    memfile_put(&forgery->disk, OUT, forgery->image.bytes, (size_t)forgery->image.size);
    struct nanots_db *db = forgery_open(forgery, OUT, 0, &status);
    if (db == NULL) {
        assert_int_equal(status, NANOTS_CORRUPT);
        return 0;
    }
    const uint64_t rows = whole_rows(db);
    db_ok(nanots_close(db, &db_error));
    db = forgery_open(forgery, OUT, NANOTS_OPEN_READ_ONLY, &status);
    db_ok(status);
    assert_int_equal(whole_rows(db), rows);
    db_ok(nanots_close(db, &db_error));
    return rows;
}

static nanots_status forgery_try_repair(struct forgery *forgery,
                                        struct nanots_repair_report *report)
{
    const struct nanots_repair_options options = {
        .struct_size = sizeof options, .flags = NANOTS_REPAIR_REPLACE, .vfs = &forgery->disk.vfs};
    file_image_reseal(&forgery->image);
    memfile_put(&forgery->disk, PATH, forgery->image.bytes, (size_t)forgery->image.size);
    return nanots_repair(PATH, OUT, &options, report, &db_error);
}

static uint64_t forgery_repair(struct forgery *forgery)
{
    struct nanots_repair_report report = {.struct_size = sizeof report};
    nanots_status status;
    db_ok(forgery_try_repair(forgery, &report));
    struct nanots_db *db = forgery_open(forgery, OUT, NANOTS_OPEN_READ_ONLY, &status);
    db_ok(status);
    assert_int_equal(whole_rows(db), report.rows);
    db_ok(nanots_close(db, &db_error));
    return report.rows;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void honest_log_is_replayed(void **state)
{
    struct forgery forgery;
    (void)state;
    forgery_begin(&forgery);
    assert_int_equal(forgery_write(&forgery), 3 * BULK_ROWS);
    assert_int_equal(forgery_repair(&forgery), 3 * BULK_ROWS);
    forgery_end(&forgery);
}

static void entry_of_other_seqs_ends_the_log(void **state)
{
    static const int64_t shifts[][2] = {{0, 1}, {1, 1}, {-1, 0}, {0, 1 << 20}, {-1, -1}};
    (void)state;
    for (size_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        struct forgery forgery;
        forgery_begin(&forgery);
        struct nts_segment_entry entry = forgery_entry(&forgery, 1);
        entry.seq_first += (uint64_t)shifts[i][0];
        entry.seq_last += (uint64_t)shifts[i][1];
        forgery_set(&forgery, 1, &entry);
        assert_int_equal(forgery_write(&forgery), 2 * BULK_ROWS);
        assert_int_equal(forgery_repair(&forgery), 2 * BULK_ROWS);
        forgery_end(&forgery);
    }
}

/* All that a log can say of rows that are flushed already is that they are. */
static void entry_of_flushed_seqs_ends_the_log(void **state)
{
    struct forgery forgery;
    (void)state;
    forgery_begin(&forgery);
    struct nts_segment_entry entry = forgery_entry(&forgery, 0);
    entry.seq_first -= BULK_ROWS;
    entry.seq_last -= BULK_ROWS;
    entry.ts_max += 77; /* nobody looks at the segment of such rows */
    forgery_set(&forgery, 0, &entry);
    assert_int_equal(forgery_write(&forgery), BULK_ROWS);
    assert_int_equal(forgery_repair(&forgery), BULK_ROWS);
    forgery_end(&forgery);
}

static void segment_id_of_the_log_that_is_taken_is_damage(void **state)
{
    (void)state;
    for (uint64_t back = 1; back <= 2; back++) { /* of the log's other segment, of the manifest's */
        struct forgery forgery;
        forgery_begin(&forgery);
        struct nts_segment_entry entry = forgery_entry(&forgery, 1);
        entry.segment_id -= back;
        forgery_set(&forgery, 1, &entry);
        assert_int_equal(forgery_write(&forgery), 0);
        assert_non_null(strstr(db_error.message, "is there twice"));
        assert_int_equal(forgery_repair(&forgery), 3 * BULK_ROWS);
        forgery_end(&forgery);
    }
}

/* A repair that has no id left for a segment makes no file that does not open. */
static void segment_ids_that_are_used_up_are_told(void **state)
{
    struct nanots_repair_report report = {.struct_size = sizeof report};
    struct forgery forgery;
    (void)state;
    forgery_begin(&forgery);
    struct nts_segment_entry entry = forgery_entry(&forgery, 1);
    entry.segment_id--;
    forgery_set(&forgery, 1, &entry);
    for (uint64_t slot = 0; slot < NTS_SUPERBLOCK_AREA; slot += NTS_SECTOR_SIZE)
        if (memcmp(forgery.image.bytes + slot, "\x89NTT", 4) == 0)
            nts_store_u64(forgery.image.bytes + slot + SUPERBLOCK_NEXT_ID, NTS_NUMBER_MAX);
    db_fails(forgery_try_repair(&forgery, &report), NANOTS_TOO_BIG, "used up");
    forgery_end(&forgery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_log_is_replayed),
        cmocka_unit_test(entry_of_other_seqs_ends_the_log),
        cmocka_unit_test(entry_of_flushed_seqs_ends_the_log),
        cmocka_unit_test(segment_id_of_the_log_that_is_taken_is_damage),
        cmocka_unit_test(segment_ids_that_are_used_up_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
