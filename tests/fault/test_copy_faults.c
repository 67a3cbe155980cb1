/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_copy_faults.c - every allocation and every file operation fails under a backup and
 * under a repair, once or from then on (docs/recovery.md R4, B2).
 *
 *   call k fails -> the status says so, or nothing is lost -> nothing leaked; the source goes on
 *     -> the new file is whole, or does not open; a former backup is one of the two -> a second try
 *        succeeds
 *
 * An allocation that fails is never taken for damage. A read that fails under a repair may be: then
 * what it costs is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"

#define PATH "disk.ntt"
#define OUT  "out.ntt"
#define ROWS 3000u /* of each of two tables, in segments; and LATE in the log */
#define LATE 10u

struct fault {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_db *db;
    const char *label;
    uint64_t index;
    uint64_t rows; /* of each table */
};

static struct nanots_error fault_error;

static void fault_require(const struct fault *fault, nanots_status status)
{
    if (status != NANOTS_OK)
        fail_msg("%s %llu: %s: %s", fault->label, (unsigned long long)fault->index,
                 nanots_status_name(status), fault_error.message);
}

static void fault_append(struct fault *fault, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++, fault->rows++) {
        const double value = (double)(fault->rows * 2654435761u % 1000003);
        fault_require(
            fault, nanots_append(fault->db, "a", (int64_t)fault->rows, value, NULL, &fault_error));
        fault_require(
            fault, nanots_append(fault->db, "b", (int64_t)fault->rows, value, NULL, &fault_error));
    }
}

/* The database's own VFS has no faults before they are asked for. */
static void fault_begin(struct fault *fault, const char *label, uint64_t index)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = 64u << 10,
                                                .allocator = &fault->memory.alloc,
                                                .vfs = &fault->faults.vfs};
    memset(fault, 0, sizeof *fault);
    fault->label = label;
    fault->index = index;
    memvfs_init(&fault->disk);
    faultvfs_init(&fault->faults, &fault->disk.vfs);
    faultalloc_init(&fault->memory);
    fault->faults.short_writes = true;
    fault_require(fault, nanots_open(PATH, &options, &fault->db, &fault_error));
    fault_append(fault, ROWS);
    fault_require(fault, nanots_flush(fault->db, &fault_error));
    fault_append(fault, LATE);
}

static void fault_end(struct fault *fault)
{
    if (fault->db != NULL)
        fault_require(fault, nanots_close(fault->db, &fault_error));
    assert_int_equal(fault->memory.block_count, 0);
    assert_int_equal(fault->faults.open_count, 0);
    faultalloc_deinit(&fault->memory);
    faultvfs_deinit(&fault->faults);
    memvfs_deinit(&fault->disk);
}

static void fault_heal(struct fault *fault)
{
    faultvfs_heal(&fault->faults);
    faultalloc_heal(&fault->memory);
}

static void fault_expect_table(const struct fault *fault, struct nanots_db *db, const char *table,
                               uint64_t rows)
{
    struct nanots_series series;
    fault_require(fault,
                  nanots_query_range(db, table, INT64_MIN, INT64_MAX, &series, &fault_error));
    assert_int_equal(series.row_count, rows);
    for (size_t i = 0; i < series.row_count; i++) {
        assert_int_equal(series.ts[i], i);
        assert_true(series.values[i] == (double)(i * 2654435761u % 1000003));
    }
    nanots_free(series.block);
}

/* Opens the new file; NULL if it does not open, which may be. */
static struct nanots_db *fault_open_out(const struct fault *fault, bool may_fail)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = NANOTS_OPEN_READ_ONLY, .vfs = &fault->disk.vfs};
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_db *db = NULL;
    const nanots_status status = nanots_open(OUT, &options, &db, &fault_error);
    if (may_fail && (status == NANOTS_CORRUPT || status == NANOTS_NOT_FOUND))
        return NULL;
    fault_require(fault, status);
    fault_require(fault, nanots_verify(db, NULL, NULL, &report, &fault_error));
    assert_int_equal(report.damage, 0);
    return db;
}

/* The rows of the new file: `wanted`, or what was before, or none at all. */
static void fault_expect_out(const struct fault *fault, bool may_fail, uint64_t before)
{
    struct nanots_db *db = fault_open_out(fault, may_fail);
    struct nanots_table_list list;
    if (db == NULL)
        return;
    fault_require(fault, nanots_list_tables(db, &list, &fault_error));
    const size_t count = list.count;
    nanots_free(list.block);
    if (count == 0) {
        assert_true(may_fail);
    } else {
        struct nanots_table_stats stats = {.struct_size = sizeof stats};
        fault_require(fault, nanots_stats(db, "a", &stats, &fault_error));
        assert_true(stats.rows == fault->rows || stats.rows == before);
        fault_expect_table(fault, db, "a", stats.rows);
        fault_expect_table(fault, db, "b", stats.rows);
    }
    fault_require(fault, nanots_close(db, &fault_error));
}

static void fault_check_status(const struct fault *fault, nanots_status status)
{
    const bool is_explained =
        (fault->memory.failed && status == NANOTS_NO_MEMORY) ||
        (fault->faults.failed && (status == NANOTS_IO || status == NANOTS_NO_SPACE ||
                                  status == NANOTS_POISONED || status == NANOTS_CORRUPT));
    if (status != NANOTS_OK && !is_explained)
        fault_require(fault, status);
}

/* What fails: allocations if `kinds` is 0. */
struct fault_plan {
    const char *label;
    unsigned kinds;
    int os_errno;
    bool sticky;
};

static void fault_arm(struct fault *fault, const struct fault_plan *plan)
{
    if (plan->kinds == 0)
        faultalloc_fail(&fault->memory, fault->index, plan->sticky);
    else
        faultvfs_fail(&fault->faults, plan->kinds, fault->index, plan->os_errno, plan->sticky);
}

/* ---- backup --------------------------------------------------------------------------------- */

static bool backup_once(const struct fault_plan *plan, uint64_t k, bool incremental)
{
    struct nanots_backup_options options = {.struct_size = sizeof options};
    struct fault fault;
    uint64_t before = 0;
    fault_begin(&fault, plan->label, k);
    if (incremental) {
        fault_require(&fault, nanots_backup(fault.db, OUT, &options, NULL, &fault_error));
        before = fault.rows;
        fault_append(&fault, LATE);
        options.flags = NANOTS_BACKUP_INCREMENTAL;
    }
    fault_arm(&fault, plan);
    const nanots_status status = nanots_backup(fault.db, OUT, &options, NULL, &fault_error);
    const bool failed = fault.memory.failed || fault.faults.failed;
    fault_check_status(&fault, status);
    fault_heal(&fault);
    fault_expect_out(&fault, !incremental && status != NANOTS_OK, before);
    fault_append(&fault, 1); /* the source goes on */
    options.flags = incremental ? NANOTS_BACKUP_INCREMENTAL : NANOTS_BACKUP_REPLACE;
    fault_require(&fault, nanots_backup(fault.db, OUT, &options, NULL, &fault_error));
    fault_expect_out(&fault, false, fault.rows);
    fault_end(&fault);
    return failed;
}

/* ---- repair --------------------------------------------------------------------------------- */

/* The writer dies; the first bytes of the file are zero if `lose_superblock`. */
static void repair_damage(struct fault *fault, bool lose_superblock)
{
    static const uint8_t zeros[8192];
    const struct nanots_vfs *vfs = &fault->disk.vfs;
    struct nanots_file *file = NULL;
    memvfs_crash(&fault->disk);
    (void)nanots_close(fault->db, NULL);
    fault->db = NULL;
    memvfs_reboot(&fault->disk, MEMVFS_KEEP_ALL);
    if (!lose_superblock)
        return;
    fault_require(fault, vfs->open(vfs, nts_alloc_libc(), PATH, 0, &file, &fault_error));
    fault_require(fault, file->ops->write_at(file, zeros, sizeof zeros, 0, true, &fault_error));
    file->ops->close(file);
}

static bool repair_once(const struct fault_plan *plan, uint64_t k, bool lose_superblock)
{
    struct nanots_repair_report report = {.struct_size = sizeof report};
    struct nanots_repair_options options = {.struct_size = sizeof options};
    struct fault fault;
    fault_begin(&fault, plan->label, k);
    options.allocator = &fault.memory.alloc;
    options.vfs = &fault.faults.vfs;
    if (lose_superblock)
        fault_require(&fault, nanots_flush(fault.db, &fault_error));
    repair_damage(&fault, lose_superblock);
    fault_arm(&fault, plan);
    const nanots_status status = nanots_repair(PATH, OUT, &options, &report, &fault_error);
    const bool failed = fault.memory.failed || fault.faults.failed;
    const bool took_for_damage = status == NANOTS_OK && report.damage != lose_superblock;
    if (status != NANOTS_NOT_A_DATABASE || !fault.faults.failed)
        fault_check_status(&fault, status);
    assert_true(!took_for_damage || fault.faults.failed);
    fault_heal(&fault);
    if (took_for_damage)
        (void)nanots_close(fault_open_out(&fault, false), NULL);
    else
        fault_expect_out(&fault, status != NANOTS_OK, fault.rows);
    options.flags = NANOTS_REPAIR_REPLACE;
    fault_require(&fault, nanots_repair(PATH, OUT, &options, &report, &fault_error));
    fault_expect_out(&fault, false, fault.rows);
    fault_end(&fault);
    return failed;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static const struct fault_plan fault_plans[] = {
    {"allocation", 0, 0, false},
    {"all allocations from", 0, 0, true},
    {"operation", FAULTVFS_ALL & ~(unsigned)FAULTVFS_PUNCH, EIO, false},
    {"all operations from", FAULTVFS_ALL & ~(unsigned)FAULTVFS_PUNCH, EIO, true},
    {"full disk at", FAULTVFS_WRITE | FAULTVFS_ALLOCATE, ENOSPC, false},
    {"full disk from", FAULTVFS_WRITE | FAULTVFS_ALLOCATE, ENOSPC, true},
};

static void fault_everywhere(bool (*once)(const struct fault_plan *plan, uint64_t k, bool variant))
{
    uint64_t count = 0;
    for (size_t p = 0; p < sizeof fault_plans / sizeof fault_plans[0]; p++)
        for (unsigned variant = 0; variant < 2; variant++)
            for (uint64_t k = 0; once(&fault_plans[p], k, variant != 0); k++)
                count++;
    (void)printf("# %llu faults\n", (unsigned long long)count);
    assert_true(count > 100);
}

static void backups_survive_every_fault(void **state)
{
    (void)state;
    fault_everywhere(backup_once);
}

static void repairs_survive_every_fault(void **state)
{
    (void)state;
    fault_everywhere(repair_once);
}

/* Goal: a repair that could read nothing says that reading failed, and not that the file is damaged
 * or none. Method: all reads and mappings fail from the k-th on. */
static void repair_that_cannot_read_says_so(void **state)
{
    bool failed = true;
    (void)state;
    for (uint64_t k = 0; failed; k++) {
        struct fault fault;
        fault_begin(&fault, "unreadable", k);
        fault_require(&fault, nanots_close(fault.db, &fault_error));
        fault.db = NULL;
        const struct nanots_repair_options options = {.struct_size = sizeof options,
                                                      .vfs = &fault.faults.vfs};
        struct nanots_repair_report report = {.struct_size = sizeof report};
        faultvfs_fail(&fault.faults, FAULTVFS_READ | FAULTVFS_MAP | FAULTVFS_POPULATE, k, EIO,
                      true);
        const nanots_status status = nanots_repair(PATH, OUT, &options, &report, &fault_error);
        failed = fault.faults.failed;
        assert_true(status == NANOTS_OK || (failed && status == NANOTS_IO));
        assert_true(status != NANOTS_OK || report.rows != 0);
        if (status == NANOTS_IO)
            assert_int_equal(fault_error.os_errno, EIO);
        fault_heal(&fault);
        fault_end(&fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repair_that_cannot_read_says_so),
        cmocka_unit_test(backups_survive_every_fault),
        cmocka_unit_test(repairs_survive_every_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
