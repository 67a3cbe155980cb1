/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_space_faults.c - a fault never turns bytes that somebody needs into free space.
 *
 *   flush, pack, first append to a tiny file: allocation or operation k fails
 *     -> what the superblock names, and what a cursor reads, is as it was
 *     -> without doubt about the disk the handle goes on; with it, nothing more is written
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/db.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/seed.h"

#define PATH  "disk.ntt"
#define TABLE "boiler"

struct space_fault {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_db *db;
};

static void space_open(struct space_fault *test)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .allocator = &test->memory.alloc,
                                                .vfs = &test->faults.vfs};
    db_ok(nanots_open(PATH, &options, &test->db, &db_error));
}

static void space_begin(struct space_fault *test)
{
    memset(test, 0, sizeof *test);
    memvfs_init(&test->disk);
    faultvfs_init(&test->faults, &test->disk.vfs);
    faultalloc_init(&test->memory);
    space_open(test);
}

static void space_heal(struct space_fault *test)
{
    faultalloc_heal(&test->memory);
    faultvfs_heal(&test->faults);
}

static void space_end(struct space_fault *test)
{
    faultalloc_deinit(&test->memory);
    faultvfs_deinit(&test->faults);
    memvfs_deinit(&test->disk);
}

/* The process dies, and the file is opened by another one. */
static void space_die_and_open(struct space_fault *test)
{
    memvfs_crash(&test->disk);
    (void)nanots_close(test->db, NULL);
    memvfs_reboot(&test->disk, MEMVFS_KEEP_ALL);
    space_open(test);
}

static void space_append(struct space_fault *test, const char *table, struct db_rows *rows,
                         int64_t ts)
{
    const double value = (double)ts * 1.25e-3;
    db_ok(nanots_append(test->db, table, ts, value, NULL, &db_error));
    db_rows_add(rows, ts, &value);
}

/* One batch that goes through the log, of numbers that do not compress. */
static void space_append_noise(struct space_fault *test, const char *table, struct db_rows *rows,
                               int64_t ts, size_t row_count)
{
    struct db_rows batch = db_rows_new(1);
    uint64_t seed = (uint64_t)ts + 1;
    for (size_t i = 0; i < row_count; i++) {
        const double value = (double)(int64_t)seed_next(&seed) * 0x1p-13;
        db_rows_add(&batch, ts + (int64_t)i, &value);
    }
    db_append_all(test->db, table, &batch);
    db_rows_join(rows, &batch);
    db_rows_free(&batch);
}

static bool space_is_free(const struct nanots_db *db, struct nts_extent extent)
{
    for (size_t i = 0; i < db->space.free_runs.count; i++) {
        const struct nts_extent run = db->space.free_runs.items[i];
        if (run.off < extent.off + extent.size && extent.off < run.off + run.size)
            return true;
    }
    return false;
}

/* ---- the reserve -------------------------------------------------------------------------- */

/* A flush for which the disk is full takes the reserve; then memory fails at allocation `k`. */
static bool reserve_flush_starving(uint64_t k)
{
    struct space_fault test;
    struct db_rows rows = db_rows_new(1);

    space_begin(&test);
    space_append(&test, TABLE, &rows, 1);
    const struct nts_extent reserve = test.db->sb.reserve;
    assert_int_not_equal(reserve.size, 0);
    faultvfs_fail(&test.faults, FAULTVFS_ALLOCATE, 0, ENOSPC, false);
    faultalloc_fail(&test.memory, k, false);
    const nanots_status status = nanots_flush(test.db, &db_error);
    const bool has_failed = test.memory.failed;
    space_heal(&test);
    if (status != NANOTS_OK) {
        assert_int_equal(status, NANOTS_NO_MEMORY);
        assert_int_equal(test.db->sb.reserve.off, reserve.off);
        assert_false(space_is_free(test.db, reserve));
        db_ok(nanots_flush(test.db, &db_error));
    }
    db_expect_table(test.db, TABLE, &rows);
    db_close(test.db);
    db_rows_free(&rows);
    space_end(&test);
    return has_failed;
}

/* Goal: a reserve that a failed flush had taken is the reserve again, not free space. */
static void space_memory_failing_in_a_flush_leaves_the_reserve(void **state)
{
    uint64_t k = 0;
    (void)state;
    while (reserve_flush_starving(k))
        k++;
    assert_true(k > 5);
}

/* ---- limbo -------------------------------------------------------------------------------- */

#define LIMBO_ROWS 1000

/* Packs under an open cursor, memory failing at allocation `k`, and writes into what is free. */
static bool limbo_pack_starving(uint64_t k)
{
    struct space_fault test;
    struct nanots_cursor *cursor = NULL;
    struct db_rows wanted = db_rows_new(1);
    struct db_rows other = db_rows_new(1);

    space_begin(&test);
    db_create(test.db, TABLE, 1);
    db_create(test.db, "other", 1);
    for (int64_t i = 0; i < 20; i++) {
        space_append_noise(&test, TABLE, &wanted, i * LIMBO_ROWS, LIMBO_ROWS);
        db_ok(nanots_flush(test.db, &db_error));
    }
    db_ok(nanots_query_open(test.db, TABLE, NULL, &cursor, &db_error));
    faultalloc_fail(&test.memory, k, false);
    const nanots_status status = nanots_pack_table(test.db, TABLE, 0, &db_error);
    const bool has_failed = test.memory.failed;
    space_heal(&test);
    assert_true(status == NANOTS_OK || status == NANOTS_NO_MEMORY);
    for (int64_t i = 0; i < 80; i++) {
        space_append_noise(&test, "other", &other, i * LIMBO_ROWS, LIMBO_ROWS);
        db_ok(nanots_flush(test.db, &db_error));
        if (i == 8) /* frees something, so that free space is computed anew */
            db_ok(nanots_pack_table(test.db, "other", 0, &db_error));
    }
    struct db_rows read = db_rows_drain(cursor, 1);
    db_expect_rows(&read, &wanted);
    db_rows_free(&read);
    nanots_query_close(cursor);
    db_expect_table(test.db, TABLE, &wanted);
    db_expect_table(test.db, "other", &other);
    db_close(test.db);
    db_rows_free(&wanted);
    db_rows_free(&other);
    space_end(&test);
    return has_failed;
}

/* Goal: segments that a pack replaces stay as long as a cursor reads them, though memory failed. */
static void space_memory_failing_in_a_pack_leaves_what_a_cursor_reads(void **state)
{
    uint64_t k = 0;
    (void)state;
    while (limbo_pack_starving(k))
        k++;
    assert_true(k > 20);
}

/* ---- tiny form ---------------------------------------------------------------------------- */

/* A closed file in tiny form, whose manifest has 512 bytes. */
static void tiny_make(struct space_fault *test, char *table, struct db_rows *rows)
{
    char name[151];
    memset(name, 'c', 150);
    name[150] = '\0';
    memset(table, 't', 226);
    table[226] = '\0';
    const struct nanots_column column = {name, NANOTS_TYPE_F64, 0};
    space_begin(test);
    db_ok(nanots_create_table(test->db, table, &column, 1, &db_error));
    space_append(test, table, rows, 1);
    db_close(test->db);
    space_open(test);
    assert_true(test->db->sb.tiny);
    assert_int_equal(test->db->sb.manifest_size, 512);
}

/* The first append to it fails by a fault; the next one must not, and both opens find its row. */
static bool tiny_append_failing(uint64_t k, bool memory, bool sticky, bool flush)
{
    struct space_fault test;
    struct db_rows rows = db_rows_new(1);
    struct nanots_cursor *cursor = NULL;
    char table[256];

    tiny_make(&test, table, &rows);
    if (memory)
        faultalloc_fail(&test.memory, k, sticky);
    else
        faultvfs_fail(&test.faults, FAULTVFS_ALLOCATE, k, ENOSPC, sticky);
    const double value = 2.5;
    const nanots_status status = nanots_append(test.db, table, 2, value, NULL, &db_error);
    const bool has_failed = memory ? test.memory.failed : test.faults.failed;
    space_heal(&test);
    db_ok(nanots_query_open(test.db, table, NULL, &cursor, &db_error));
    if (status == NANOTS_OK)
        db_rows_add(&rows, 2, &value);
    else
        assert_int_equal(status, memory ? NANOTS_NO_MEMORY : NANOTS_NO_SPACE);
    struct db_rows before = db_rows_new(1);
    db_rows_join(&before, &rows);
    space_append(&test, table, &rows, 3);
    if (flush)
        db_ok(nanots_flush(test.db, &db_error));
    struct db_rows read = db_rows_drain(cursor, 1);
    db_expect_rows(&read, &before);
    db_rows_free(&read);
    db_rows_free(&before);
    nanots_query_close(cursor);
    space_append(&test, table, &rows, 4);
    space_die_and_open(&test);
    db_expect_table(test.db, table, &rows);
    db_close(test.db);
    db_rows_free(&rows);
    space_end(&test);
    return has_failed;
}

/* Goal: a disk or a memory that is full when a tiny file is first written leaves no doubt: the next
 * append goes on, and the file is whole at each moment. */
static void space_full_disk_at_a_tiny_file_leaves_the_handle_usable(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++) {
        uint64_t k = 0;
        while (tiny_append_failing(k, way >= 4, way % 2 != 0, way % 4 >= 2))
            k++;
        assert_true(k > 3);
    }
}

/* ---- doubt -------------------------------------------------------------------------------- */

/* An allocator that flushes from inside the next allocation. */
struct doubt {
    struct nanots_allocator alloc;
    struct space_fault test;
    bool is_armed;
};

static void *doubt_allocate(void *context, size_t size)
{
    struct doubt *doubt = context;
    if (doubt->is_armed) {
        doubt->is_armed = false;
        doubt->test.faults.lands = true;
        faultvfs_fail(&doubt->test.faults, FAULTVFS_WRITE, 2, EIO, false);
        db_fails(nanots_flush(doubt->test.db, &db_error), NANOTS_IO, "fault injected");
        faultvfs_heal(&doubt->test.faults);
    }
    return doubt->test.memory.alloc.allocate(doubt->test.memory.alloc.context, size);
}

static void doubt_release(void *context, void *block)
{
    struct doubt *doubt = context;
    doubt->test.memory.alloc.release(doubt->test.memory.alloc.context, block);
}

#define DOUBT_ROWS      60000
#define DOUBT_BULK_ROWS 150000u

/* Goal: once a commit has failed, whose superblock may be durable, a batch that was on its way
 * writes nothing where that commit put its segments. Method: another thread's flush, here run from
 * an allocation of the batch; its superblock is written and said to have failed. */
static void space_of_a_failed_commit_is_not_written_by_a_batch_on_its_way(void **state)
{
    static int64_t ts[DOUBT_BULK_ROWS];
    static double values[DOUBT_BULK_ROWS];
    struct doubt doubt = {.alloc = {.struct_size = sizeof doubt.alloc,
                                    .context = &doubt,
                                    .allocate = doubt_allocate,
                                    .release = doubt_release}};
    struct space_fault *test = &doubt.test;
    struct db_rows rows = db_rows_new(1);
    (void)state;

    memvfs_init(&test->disk);
    faultvfs_init(&test->faults, &test->disk.vfs);
    faultalloc_init(&test->memory);
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .allocator = &doubt.alloc,
                                                .vfs = &test->faults.vfs};
    db_ok(nanots_open(PATH, &options, &test->db, &db_error));
    db_create(test->db, TABLE, 1);
    space_append_noise(test, TABLE, &rows, 0, DOUBT_ROWS);
    db_ok(nanots_flush(test->db, &db_error));
    space_append_noise(test, TABLE, &rows, DOUBT_ROWS, DOUBT_ROWS);
    for (size_t i = 0; i < DOUBT_BULK_ROWS; i++) {
        ts[i] = (int64_t)i;
        values[i] = (double)i / 7;
    }
    doubt.is_armed = true;
    db_fails(nanots_append_rows(test->db, TABLE, ts, values, DOUBT_BULK_ROWS, 1, NULL, &db_error),
             NANOTS_POISONED, "earlier write failed");
    assert_false(doubt.is_armed);
    (void)nanots_close(test->db, NULL);
    space_open(test);
    db_expect_table(test->db, TABLE, &rows);
    db_close(test->db);
    db_rows_free(&rows);
    space_end(test);
}

/* ---- holes -------------------------------------------------------------------------------- */

/* Goal: on a full disk free room that still has its blocks is found behind a hole that gets none.
 * Method: a log that has grown leaves free runs; the first attempt to allocate in them fails. */
static void space_hole_on_a_full_disk_is_passed_over(void **state)
{
    (void)state;
    struct space_fault test;
    struct db_rows rows = db_rows_new(1);

    space_begin(&test);
    space_append(&test, TABLE, &rows, -1); /* makes the table */
    for (int64_t i = 0; i < 12; i++)
        space_append_noise(&test, TABLE, &rows, i * 2000, 2000);
    db_ok(nanots_flush(test.db, &db_error));
    assert_true(nts_space_free_bytes(&test.db->space) >= 4 * NTS_BLOCK_SIZE);
    const uint64_t end = nts_space_file_end(&test.db->space);
    const struct nts_extent reserve = test.db->sb.reserve;
    space_append(&test, TABLE, &rows, 1000000);
    faultvfs_fail(&test.faults, FAULTVFS_ALLOCATE, 0, ENOSPC, false);
    db_ok(nanots_flush(test.db, &db_error));
    assert_true(test.faults.failed);
    assert_int_equal(nts_space_file_end(&test.db->space), end);
    assert_int_equal(test.db->sb.reserve.off, reserve.off);
    assert_true(reserve.size != 0);
    space_heal(&test);
    db_rows_sort(&rows);
    db_expect_table(test.db, TABLE, &rows);
    db_close(test.db);
    space_end(&test);
    db_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_memory_failing_in_a_flush_leaves_the_reserve),
        cmocka_unit_test(space_memory_failing_in_a_pack_leaves_what_a_cursor_reads),
        cmocka_unit_test(space_full_disk_at_a_tiny_file_leaves_the_handle_usable),
        cmocka_unit_test(space_of_a_failed_commit_is_not_written_by_a_batch_on_its_way),
        cmocka_unit_test(space_hole_on_a_full_disk_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
