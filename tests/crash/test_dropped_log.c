/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_dropped_log.c - the log names a segment of a table that is gone, whose bytes others
 * have by now (SPEC.md 5).
 *
 *   drop "goes":  flush, its superblock | ............................... | commit of the drop
 *                                       +- another thread: a large batch -+
 *   log:          ... | SEGMENT of "goes", not flushed | CREATE, SEGMENT of "other" | ROWS of "stays"
 *                          +----> bytes <---------------------+
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/manifest.h"
#include "format/superblock.h"
#include "format/wal_record.h"
#include "support/db_helpers.h"
#include "support/scratch.h"

#define GONE_ROWS  60000u
#define OTHER_ROWS 4000u

/* ---- a VFS that stops at a superblock ----------------------------------------------------- */

struct stop_vfs {
    struct nanots_vfs vfs; /* first member */
    struct nanots_file_ops ops;
    void (*inner_close)(struct nanots_file *file);
    const struct nanots_file_ops *inner;
    void *(*run)(void *argument); /* what another thread does then, once; NULL: nothing */
    void *argument;
};

static struct stop_vfs stop;

static nanots_status stop_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                   uint64_t offset, int durable, struct nanots_error *error)
{
    void *(*const run)(void *) = stop.run;
    if (run != NULL && offset < NTS_SUPERBLOCK_AREA) {
        pthread_t thread;
        stop.run = NULL;
        assert_int_equal(pthread_create(&thread, NULL, run, stop.argument), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    return stop.inner->write_at(file, bytes, size, offset, durable, error);
}

/* The file of the default VFS with one operation of ours. */
static nanots_status stop_open(const struct nanots_vfs *vfs,
                               const struct nanots_allocator *allocator, const char *path,
                               uint32_t flags, struct nanots_file **file_out,
                               struct nanots_error *error)
{
    const struct nanots_vfs *inner = nanots_vfs_default();
    (void)vfs;
    const nanots_status status = inner->open(inner, allocator, path, flags, file_out, error);
    if (status == NANOTS_OK) {
        stop.inner = (*file_out)->ops;
        stop.ops = *stop.inner;
        stop.ops.write_at = stop_write_at;
        (*file_out)->ops = &stop.ops;
    }
    return status;
}

static struct nanots_db *stop_open_db(const char *path)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .wal_bytes = 64u << 10,
                                                .sync_interval_ms = UINT32_MAX,
                                                .vfs = &stop.vfs};
    memset(&stop, 0, sizeof stop);
    stop.vfs = *nanots_vfs_default();
    stop.vfs.open = stop_open;
    return db_open_with(path, &options);
}

/* ---- batches ------------------------------------------------------------------------------ */

/* Rows that no codec makes small, as a segment of their own. */
static void append_bulk(struct nanots_table *table, uint32_t row_count)
{
    static int64_t ts[GONE_ROWS];
    static double values[GONE_ROWS];
    const double *columns[] = {values};
    for (uint32_t i = 0; i < row_count; i++) {
        ts[i] = i;
        values[i] = db_from_bits(0x3ff0000000000000u | (i * 0x9e3779b97f4a7c15u >> 12));
    }
    db_ok(nanots_table_append_columns(table, ts, columns, row_count, 1, NULL, &db_error));
}

static void *append_gone(void *argument)
{
    append_bulk(argument, GONE_ROWS);
    return NULL;
}

/* ---- the file ----------------------------------------------------------------------------- */

struct image {
    uint8_t *bytes;
    size_t size;
    struct nts_superblock sb;
};

static struct image image_read(const char *path)
{
    struct image image;
    image.bytes = db_file_read(path, &image.size);
    assert_int_equal(nts_superblock_choose(image.bytes, image.size, &image.sb, NULL), NANOTS_OK);
    return image;
}

/* The first SEGMENT record of the log names it; false if there is none. */
static bool image_find_segment(const struct image *image, struct nts_segment_entry *entry)
{
    const struct nts_extent extent = image->sb.wal_extents[0];
    const size_t end = (size_t)(extent.off + extent.size);
    uint64_t chain = image->sb.wal_chain;
    size_t at = (size_t)image->sb.wal_head_off;
    struct nts_wal_record record;
    while (nts_wal_record_decode(image->bytes + at, end - at, image->sb.wal_salt, chain, &record)) {
        if (record.kind == NTS_WAL_SEGMENT) {
            assert_true(
                nts_segment_entry_decode(image->bytes + at + NTS_WAL_RECORD_HEADER_SIZE, entry));
            return true;
        }
        chain = record.checksum;
        at += record.size;
    }
    return false;
}

/* Batches for another table, until one has bytes of the segment. */
static struct image overwrite(struct nanots_db *db, const char *path,
                              const struct nts_segment_entry *gone, uint64_t *row_count_out)
{
    struct nanots_table *other = NULL;
    struct image before = image_read(path);
    *row_count_out = 0;
    db_create(db, "other", 1);
    db_ok(nanots_table_open(db, "other", &other, &db_error));
    for (unsigned i = 0; i < 20; i++) {
        append_bulk(other, OTHER_ROWS);
        *row_count_out += OTHER_ROWS;
        struct image now = image_read(path);
        if (memcmp(before.bytes + gone->off, now.bytes + gone->off, (size_t)gone->size) != 0) {
            test_free(before.bytes);
            return now;
        }
        test_free(now.bytes);
    }
    fail_msg("nobody took the bytes of the segment");
    return before;
}

static void expect_rows(struct nanots_db *db, const char *table, uint64_t wanted)
{
    uint64_t rows = 0;
    db_ok(nanots_row_count(db, table, &rows, &db_error));
    assert_int_equal(rows, wanted);
}

/* Goal: rows behind such a record are there after a kill, for a reader and for a writer. Method:
 * the record is proven to be in the log, not flushed, and its segment not to be whole. */
static void log_goes_on_behind_an_overwritten_segment(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = stop_open_db(scratch->path);
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_table *goes = NULL;
    struct nts_segment_entry gone;
    struct nts_segment_entry still;
    uint64_t row_count = 0;
    char path[256];

    (void)scratch_path(scratch, "copy.ntt", path, sizeof path);
    db_ok(nanots_append(db, "stays", 1, 1.0, NULL, &db_error));
    db_ok(nanots_append(db, "goes", 1, 1.0, NULL, &db_error));
    db_ok(nanots_table_open(db, "goes", &goes, &db_error));
    stop.argument = goes;
    stop.run = append_gone;
    db_ok(nanots_drop_table(db, "goes", &db_error));
    assert_null(stop.run);
    struct image image = image_read(scratch->path);
    assert_true(image_find_segment(&image, &gone));
    assert_int_equal(gone.row_count, GONE_ROWS);
    assert_true(gone.seq_last > image.sb.flushed_seq);
    test_free(image.bytes);
    image = overwrite(db, scratch->path, &gone, &row_count);
    assert_true(image_find_segment(&image, &still));
    assert_memory_equal(&still, &gone, sizeof gone);
    assert_true(gone.seq_last > image.sb.flushed_seq);
    test_free(image.bytes);
    db_ok(nanots_append(db, "stays", 2, 2.0, NULL, &db_error));
    db_file_copy(scratch->path, path);
    struct nanots_db *copy = db_open_read_only(path);
    expect_rows(copy, "stays", 2);
    expect_rows(copy, "other", row_count);
    db_close(copy);
    copy = db_open(path);
    for (unsigned round = 0; round < 2; round++) {
        expect_rows(copy, "stays", 2);
        expect_rows(copy, "other", row_count);
        db_ok(nanots_verify(copy, NULL, NULL, &report, &db_error));
        assert_int_equal(report.damage, 0);
        copy = db_reopen(copy, path);
    }
    db_close(copy);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(log_goes_on_behind_an_overwritten_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
