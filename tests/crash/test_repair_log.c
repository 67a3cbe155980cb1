/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_repair_log.c - repairs of files whose writer died, with whole and with damaged logs
 * (docs/recovery.md, R3).
 *
 *   |H|row|row|x..|row|row|000     rows 1 to ROWS, of which FLUSHED are in segments; a bit flips at x
 *
 * Row `id` of a table is (1000 * id, id + 1/8), so that its record is found by the value's bytes.
 * The disk is in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "format/superblock.h"
#include "support/db_helpers.h"
#include "support/memvfs.h"
#include "util/alloc.h"

#define PATH      "disk.ntt"
#define OUT       "out.ntt"
#define WAL_BYTES (64u << 10)
#define ROWS      200u
#define FLUSHED   20u
#define BROKEN    120u /* row of the record that is damaged */

struct wreck {
    struct memvfs disk;
    struct nanots_db *db;
    struct nanots_repair_report report;
    char told[8][256];
    unsigned told_count;
};

static double wreck_value(uint64_t id)
{
    return (double)id + 0.125;
}

static struct nanots_db *wreck_open_path(struct wreck *wreck, const char *path, uint32_t flags)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .sync_mode = NANOTS_SYNC_FULL,
                                                .wal_bytes = WAL_BYTES,
                                                .vfs = &wreck->disk.vfs};
    struct nanots_db *db = NULL;
    db_ok(nanots_open(path, &options, &db, &db_error));
    return db;
}

static void wreck_open(struct wreck *wreck)
{
    wreck->db = wreck_open_path(wreck, PATH, 0);
}

static void wreck_close(struct wreck *wreck)
{
    db_ok(nanots_close(wreck->db, &db_error));
    wreck->db = NULL;
}

static void wreck_append(struct wreck *wreck, const char *table, uint64_t first, uint64_t last)
{
    for (uint64_t id = first; id <= last; id++)
        db_ok(
            nanots_append(wreck->db, table, (int64_t)id * 1000, wreck_value(id), NULL, &db_error));
}

static void wreck_die(struct wreck *wreck)
{
    memvfs_crash(&wreck->disk);
    assert_int_not_equal(nanots_close(wreck->db, NULL), NANOTS_OK);
    wreck->db = NULL;
    memvfs_reboot(&wreck->disk, MEMVFS_KEEP_ALL);
}

static struct nanots_file *wreck_file(struct wreck *wreck)
{
    struct nanots_file *file = NULL;
    const struct nanots_vfs *vfs = &wreck->disk.vfs;
    assert_int_equal(vfs->open(vfs, nts_alloc_libc(), PATH, 0, &file, NULL), NANOTS_OK);
    return file;
}

static uint8_t *wreck_read(struct wreck *wreck, uint64_t *size_out)
{
    struct nanots_file *file = wreck_file(wreck);
    assert_int_equal(file->ops->size(file, size_out, NULL), NANOTS_OK);
    uint8_t *bytes = malloc((size_t)*size_out + 1);
    assert_non_null(bytes);
    assert_int_equal(file->ops->read_at(file, bytes, (size_t)*size_out, 0, NULL), NANOTS_OK);
    file->ops->close(file);
    return bytes;
}

static void wreck_write(struct wreck *wreck, const uint8_t *bytes, size_t size, uint64_t off)
{
    struct nanots_file *file = wreck_file(wreck);
    assert_int_equal(file->ops->write_at(file, bytes, size, off, true, NULL), NANOTS_OK);
    file->ops->close(file);
}

/* Flips a bit of the value of row `id` in the log, or `count` bytes from there on. */
static void wreck_damage(struct wreck *wreck, uint64_t id, size_t count)
{
    uint64_t size = 0;
    uint8_t *bytes = wreck_read(wreck, &size);
    struct nts_superblock sb;
    uint8_t *found = NULL;
    uint8_t wanted[8];
    nts_store_u64(wanted, nts_bits_of_double(wreck_value(id)));
    assert_int_equal(nts_superblock_choose(bytes, (size_t)size, &sb, NULL), NANOTS_OK);
    for (uint32_t i = 0; i < sb.wal_count && found == NULL; i++)
        found = memmem(bytes + sb.wal_extents[i].off, (size_t)sb.wal_extents[i].size, wanted, 8);
    assert_non_null(found);
    for (size_t i = 0; i < count; i++)
        found[i] ^= 0x10;
    wreck_write(wreck, found, count, (uint64_t)(found - bytes));
    free(bytes);
}

static void wreck_hear(void *context, const char *message)
{
    struct wreck *wreck = context;
    assert_in_range(wreck->told_count, 0, 7);
    (void)snprintf(wreck->told[wreck->told_count++], 256, "%s", message);
}

static void wreck_repair(struct wreck *wreck)
{
    const struct nanots_repair_options options = {.struct_size = sizeof options,
                                                  .flags = NANOTS_REPAIR_REPLACE,
                                                  .vfs = &wreck->disk.vfs,
                                                  .damage = wreck_hear,
                                                  .context = wreck};
    memset(&wreck->report, 0, sizeof wreck->report);
    wreck->report.struct_size = sizeof wreck->report;
    wreck->told_count = 0;
    db_ok(nanots_repair(PATH, OUT, &options, &wreck->report, &db_error));
    assert_int_equal(wreck->told_count, wreck->report.damage);
}

/* The repaired table has rows first..last, all but those in [gap, gap_end). */
static void wreck_expect(struct wreck *wreck, const char *table, uint64_t last, uint64_t gap,
                         uint64_t gap_end)
{
    struct nanots_verify_report verified = {.struct_size = sizeof verified};
    struct nanots_db *db = wreck_open_path(wreck, OUT, NANOTS_OPEN_READ_ONLY);
    struct nanots_series series;
    size_t at = 0;
    db_ok(nanots_verify(db, NULL, NULL, &verified, &db_error));
    assert_int_equal(verified.damage, 0);
    db_ok(nanots_query_range(db, table, INT64_MIN, INT64_MAX, &series, &db_error));
    for (uint64_t id = 1; id <= last; id++) {
        if (id >= gap && id < gap_end)
            continue;
        assert_true(at < series.row_count);
        assert_int_equal(series.ts[at], (int64_t)id * 1000);
        assert_true(series.values[at++] == wreck_value(id));
    }
    assert_int_equal(series.row_count, at);
    nanots_free(series.block);
    db_ok(nanots_close(db, &db_error));
}

/* ROWS rows, of which FLUSHED are in segments; the writer is dead. */
static void wreck_begin(struct wreck *wreck)
{
    memset(wreck, 0, sizeof *wreck);
    memvfs_init(&wreck->disk);
    wreck_open(wreck);
    wreck_append(wreck, "t", 1, FLUSHED);
    db_ok(nanots_flush(wreck->db, &db_error));
    wreck_append(wreck, "t", FLUSHED + 1, ROWS);
    wreck_die(wreck);
}

static void wreck_end(struct wreck *wreck)
{
    memvfs_deinit(&wreck->disk);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void repair_saves_the_log_of_a_dead_writer(void **state)
{
    struct wreck wreck;
    (void)state;
    wreck_begin(&wreck);
    wreck_repair(&wreck);
    assert_int_equal(wreck.report.damage, 0);
    assert_int_equal(wreck.report.log_rows, ROWS - FLUSHED);
    wreck_expect(&wreck, "t", ROWS, 0, 0);
    wreck_end(&wreck);
}

static void wreck_lose_manifest(struct wreck *wreck)
{
    struct nts_superblock sb;
    uint64_t size = 0;
    uint8_t *bytes = wreck_read(wreck, &size);
    assert_int_equal(nts_superblock_choose(bytes, (size_t)size, &sb, NULL), NANOTS_OK);
    bytes[sb.manifest_off + 20] ^= 1;
    wreck_write(wreck, bytes, (size_t)size, 0);
    free(bytes);
}

/* A manifest that is lost takes no row of the log with it. */
static void repair_saves_log_and_segments_without_a_manifest(void **state)
{
    struct wreck wreck;
    (void)state;
    wreck_begin(&wreck);
    wreck_lose_manifest(&wreck);
    wreck_repair(&wreck);
    assert_int_equal(wreck.report.manifest_lost, 1);
    assert_int_equal(wreck.report.rows_lost, 0);
    wreck_expect(&wreck, "t", ROWS, 0, 0);
    wreck_end(&wreck);
}

/* A bulk batch lies in the file as a segment and is named by the log: it is saved once. */
static void repair_saves_bulk_batches_once(void **state)
{
    const size_t count = 200000;
    double *values = malloc(count * sizeof *values);
    int64_t *ts = malloc(count * sizeof *ts);
    (void)state;
    assert_non_null(values);
    assert_non_null(ts);
    for (unsigned lost = 0; lost < 2; lost++) {
        struct wreck wreck;
        wreck_begin(&wreck);
        for (size_t i = 0; i < count; i++) {
            ts[i] = (int64_t)(ROWS + 1 + i) * 1000;
            values[i] = wreck_value(ROWS + 1 + i);
        }
        wreck_open(&wreck);
        db_ok(nanots_append_rows(wreck.db, "t", ts, values, count, 1, NULL, &db_error));
        wreck_die(&wreck);
        if (lost != 0)
            wreck_lose_manifest(&wreck);
        wreck_repair(&wreck);
        assert_int_equal(wreck.report.damage, lost);
        wreck_expect(&wreck, "t", ROWS + count, 0, 0);
        wreck_end(&wreck);
    }
    free(values);
    free(ts);
}

static void repair_cuts_a_torn_tail(void **state)
{
    struct wreck wreck;
    (void)state;
    wreck_begin(&wreck);
    wreck_damage(&wreck, ROWS, 1);
    wreck_repair(&wreck);
    assert_int_equal(wreck.report.damage, 0);
    wreck_expect(&wreck, "t", ROWS - 1, 0, 0);
    wreck_end(&wreck);
}

/* Goal: rows behind a break that had been synced come back, whether a writer has opened the file in
 * between or not. Method: a flipped bit in a payload, and records wiped out. */
static void repair_goes_on_behind_a_break(void **state)
{
    static const size_t counts[] = {1, 120};
    static const uint64_t gap_ends[] = {BROKEN + 1, BROKEN + 5};
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned opened = 0; opened < 2; opened++) {
            struct wreck wreck;
            wreck_begin(&wreck);
            wreck_damage(&wreck, BROKEN, counts[kind]);
            if (opened != 0) {
                wreck_open(&wreck);
                wreck_close(&wreck);
            }
            wreck_repair(&wreck);
            assert_int_equal(wreck.report.damage, 1);
            assert_non_null(strstr(wreck.told[0], "breaks behind row 119"));
            const uint64_t saved = wreck.report.rows;
            assert_in_range(ROWS - saved, 1, gap_ends[kind] - BROKEN);
            wreck_expect(&wreck, "t", ROWS, BROKEN, BROKEN + ROWS - saved);
            wreck_end(&wreck);
        }
}

/* Rows that came after the damage have the seqs of those behind the break: all are kept. */
static void repair_joins_kept_logs_and_later_rows(void **state)
{
    struct wreck wreck;
    (void)state;
    wreck_begin(&wreck);
    wreck_damage(&wreck, BROKEN, 1);
    wreck_open(&wreck);
    wreck_append(&wreck, "t", ROWS + 1, ROWS + 100);
    wreck_append(&wreck, "later", 1, 50);
    wreck_die(&wreck);
    wreck_damage(&wreck, ROWS + 60, 1);
    wreck_repair(&wreck);
    assert_int_equal(wreck.report.damage, 2);
    assert_int_equal(wreck.report.rows, ROWS + 150 - 2);
    wreck_expect(&wreck, "later", 50, 0, 0);
    wreck_end(&wreck);
}

/* Goal: where the last row of a time counts, a row of a kept log never hides a later one. Method: a
 * table that keeps the last, with and without rows after the damage. */
static void repair_hides_no_later_row(void **state)
{
    static const struct nanots_table_options last = {.struct_size = sizeof last,
                                                     .duplicates = NANOTS_DUPLICATES_KEEP_LAST};
    static const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    (void)state;
    for (unsigned later = 0; later < 3; later++) { /* 2: of another table */
        struct wreck wreck;
        memset(&wreck, 0, sizeof wreck);
        memvfs_init(&wreck.disk);
        wreck_open(&wreck);
        db_ok(nanots_create_table_with(wreck.db, "t", &column, 1, &last, &db_error));
        wreck_append(&wreck, "t", 1, ROWS);
        wreck_die(&wreck);
        wreck_damage(&wreck, BROKEN, 1);
        wreck_open(&wreck);
        if (later == 2)
            wreck_append(&wreck, "other", 1, 30);
        if (later == 1) {
            wreck_append(&wreck, "t", BROKEN, BROKEN);
            db_ok(nanots_append(wreck.db, "t", (ROWS - 1) * 1000, 7, NULL, &db_error));
        }
        wreck_close(&wreck);
        wreck_repair(&wreck);
        if (later != 1) {
            wreck_expect(&wreck, "t", ROWS, BROKEN, BROKEN + 1);
        } else {
            assert_int_equal(wreck.report.rows, BROKEN + 1);
            assert_int_equal(wreck.report.rows_lost, ROWS - BROKEN);
        }
        wreck_end(&wreck);
    }
}

/* A group behind the break counts if its begin and its commit are both there. */
static void repair_takes_whole_groups_behind_a_break(void **state)
{
    struct wreck wreck;
    struct nanots_group *group = NULL;
    (void)state;
    memset(&wreck, 0, sizeof wreck);
    memvfs_init(&wreck.disk);
    wreck_open(&wreck);
    wreck_append(&wreck, "t", 1, 10);
    db_ok(nanots_batch_begin(wreck.db, &group, &db_error));
    for (uint64_t id = 11; id <= 20; id++) {
        const double value = wreck_value(id);
        db_ok(nanots_group_append(group, "t", (int64_t)id * 1000, &value, 1, &db_error));
    }
    db_ok(nanots_batch_commit(group, NULL, &db_error));
    wreck_append(&wreck, "t", 21, 40);
    wreck_die(&wreck);
    wreck_damage(&wreck, 5, 1);
    wreck_repair(&wreck);
    wreck_expect(&wreck, "t", 40, 5, 6);
    wreck_damage(&wreck, 15, 1); /* in the group: it goes as a whole */
    wreck_repair(&wreck);
    assert_int_equal(wreck.report.rows, 40 - 1 - 10);
    wreck_end(&wreck);
}

/* A table that was made after the break may have the id of one that was lost behind it. */
static void repair_mixes_up_no_tables(void **state)
{
    struct wreck wreck;
    (void)state;
    memset(&wreck, 0, sizeof wreck);
    memvfs_init(&wreck.disk);
    wreck_open(&wreck);
    wreck_append(&wreck, "t", 1, 10);
    db_ok(nanots_flush(wreck.db, &db_error));
    wreck_append(&wreck, "t", 11, 20);
    wreck_append(&wreck, "old", 1, 20);
    wreck_die(&wreck);
    wreck_damage(&wreck, 15, 1);
    wreck_open(&wreck);
    wreck_append(&wreck, "new", 1, 3);
    wreck_close(&wreck);
    wreck_repair(&wreck);
    wreck_expect(&wreck, "t", 20, 15, 16);
    wreck_expect(&wreck, "new", 3, 0, 0);
    assert_int_equal(wreck.report.rows_lost, 20);
    wreck_end(&wreck);
}

/* Without superblocks the log is lost, and that is told. */
static void repair_says_that_the_log_went_with_the_superblock(void **state)
{
    struct wreck wreck;
    uint64_t size = 0;
    (void)state;
    wreck_begin(&wreck);
    uint8_t *bytes = wreck_read(&wreck, &size);
    memset(bytes, 0, NTS_SUPERBLOCK_AREA);
    wreck_write(&wreck, bytes, (size_t)size, 0);
    free(bytes);
    wreck_repair(&wreck);
    assert_int_equal(wreck.report.superblock_lost, 1);
    assert_non_null(strstr(wreck.told[0], "only in the log is lost"));
    wreck_expect(&wreck, "t", FLUSHED, 0, 0);
    wreck_end(&wreck);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repair_saves_the_log_of_a_dead_writer),
        cmocka_unit_test(repair_saves_log_and_segments_without_a_manifest),
        cmocka_unit_test(repair_saves_bulk_batches_once),
        cmocka_unit_test(repair_cuts_a_torn_tail),
        cmocka_unit_test(repair_goes_on_behind_a_break),
        cmocka_unit_test(repair_joins_kept_logs_and_later_rows),
        cmocka_unit_test(repair_hides_no_later_row),
        cmocka_unit_test(repair_takes_whole_groups_behind_a_break),
        cmocka_unit_test(repair_mixes_up_no_tables),
        cmocka_unit_test(repair_says_that_the_log_went_with_the_superblock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
