/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_io_faults.c - every file operation fails once, or from then on (contract I1, I2, I7).
 *
 *   workload on a disk in memory; operation k of a kind fails -> each call says so or succeeds
 *     -> close frees everything -> reopened without faults: all acknowledged calls are there, every
 *        call whole or absent, every checksum right
 *
 * A failed sync poisons the handle, and nothing cures it but reopening. What does not touch the
 * disk's
 * promises (a full disk before the commit, a failed read) leaves the handle usable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/oracle.h"
#include "support/seed.h"

#define PATH      "disk.ntt"
#define CALLS     40u
#define WAL_BYTES (128u << 10)

struct fault {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct oracle oracle;
    struct oracle_rows rows;
    uint64_t seqs[CALLS];
    struct nanots_open_options options;
    struct nanots_db *db;
    const char *label;
    uint64_t index;
};

static void fault_begin(struct fault *fault, uint64_t seed, nanots_sync_mode sync_mode)
{
    memset(fault, 0, sizeof *fault);
    memvfs_init(&fault->disk);
    faultvfs_init(&fault->faults, &fault->disk.vfs);
    faultalloc_init(&fault->memory);
    oracle_init(&fault->oracle, seed, CALLS, WAL_BYTES / 2 + 8, fault->seqs);
    fault->oracle.bulk_of_64 = 5;
    oracle_rows_init(&fault->rows, &fault->oracle);
    fault->options = (struct nanots_open_options){.struct_size = sizeof fault->options,
                                                  .sync_mode = sync_mode,
                                                  .sync_interval_ms = UINT32_MAX,
                                                  .wal_bytes = WAL_BYTES};
}

static void fault_end(struct fault *fault)
{
    oracle_rows_deinit(&fault->rows);
    oracle_deinit(&fault->oracle);
    faultalloc_deinit(&fault->memory);
    faultvfs_deinit(&fault->faults);
    memvfs_deinit(&fault->disk);
}

static void fault_require(const struct fault *fault, const char *complaint)
{
    if (complaint != NULL)
        fail_msg("%s, operation %llu: %s", fault->label, (unsigned long long)fault->index,
                 complaint);
}

/* A failure must be one that the fault explains. */
static bool fault_note(struct fault *fault, nanots_status status, const struct nanots_error *error)
{
    if (status == NANOTS_OK)
        return true;
    if (!fault->faults.failed)
        fail_msg("%s, operation %llu: %s before any fault: %s", fault->label,
                 (unsigned long long)fault->index, nanots_status_name(status), error->message);
    if (status != NANOTS_IO && status != NANOTS_NO_SPACE && status != NANOTS_POISONED)
        fail_msg("%s, operation %llu: a fault made %s: %s", fault->label,
                 (unsigned long long)fault->index, nanots_status_name(status), error->message);
    assert_int_equal(error->code, status);
    assert_true(error->message[0] != '\0');
    return false;
}

static nanots_status fault_open(struct fault *fault, struct nanots_error *error)
{
    fault->options.vfs = &fault->faults.vfs;
    fault->options.allocator = &fault->memory.alloc;
    return nanots_open(PATH, &fault->options, &fault->db, error);
}

/* Closes what is open; the handle is gone whatever the status is, and so is its memory. */
static void fault_close(struct fault *fault)
{
    struct nanots_error error;
    if (fault->db != NULL)
        (void)fault_note(fault, nanots_close(fault->db, &error), &error);
    fault->db = NULL;
    assert_int_equal(fault->memory.block_count, 0);
    assert_int_equal(fault->faults.open_count, 0);
    assert_int_equal(fault->faults.map_count, 0);
}

static void fault_read(struct fault *fault, uint32_t id)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    const char *table = oracle_table_name(oracle_call_of(&fault->oracle, id).table);
    nanots_status status = nanots_query_open(fault->db, table, NULL, &cursor, &error);

    if (status == NANOTS_NOT_FOUND)
        return;
    while (status == NANOTS_OK) {
        status = nanots_query_next(cursor, &batch, &error);
        if (batch == NULL)
            break;
    }
    (void)fault_note(fault, status, &error);
    nanots_query_close(cursor);
}

static nanots_status fault_upkeep(struct fault *fault, uint32_t id, struct nanots_error *error)
{
    const char *table = oracle_table_name(oracle_call_of(&fault->oracle, id).table);
    switch (id) {
    case 5:
    case 16:
    case 17:
    case 18:
    case 27:
    case 35:
    case 36:
        return nanots_flush(fault->db, error);
    case 9:
    case 30:
        return nanots_sync(fault->db, error);
    case 13:
    case 33:
        return nanots_pack_table(fault->db, table, 500, error);
    case 20:
    case 37:
        fault->db->options.maintenance.max_segments_per_pack = 4; /* neighbours of any size */
        return nanots_maintain(fault->db, NULL, NULL, error);
    default:
        return NANOTS_OK;
    }
}

/* Goes on after every failure, as a stubborn program would; opens again what failed to open once.
 * */
static void fault_workload(struct fault *fault)
{
    struct nanots_error error;
    for (uint32_t id = 0; id < CALLS; id++) {
        if (id == 22)
            fault_close(fault);
        if (fault->db == NULL && !fault_note(fault, fault_open(fault, &error), &error))
            continue;
        const nanots_status status =
            oracle_append(&fault->oracle, fault->db, id, &fault->rows, &error);
        (void)fault_note(fault, status, &error);
        const nanots_status upkeep = fault_upkeep(fault, id, &error);
        if (upkeep != NANOTS_NOT_FOUND)
            (void)fault_note(fault, upkeep, &error);
        if (id % 8 == 7)
            fault_read(fault, id);
    }
}

static void fault_check_reopened(struct fault *fault)
{
    struct nanots_error error;
    faultvfs_heal(&fault->faults);
    if (fault_open(fault, &error) != NANOTS_OK)
        fail_msg("%s, operation %llu: reopening: %s", fault->label,
                 (unsigned long long)fault->index, error.message);
    fault_require(fault, oracle_scan(&fault->oracle, fault->db));
    fault_require(fault, oracle_check_acknowledged(&fault->oracle));
    fault_require(fault, oracle_verify(&fault->oracle, fault->db));
    assert_int_equal(nanots_close(fault->db, &error), NANOTS_OK);
    fault->db = NULL;
    assert_int_equal(fault->memory.block_count, 0);
}

/* Every operation of the kinds, in turn. Returns how many there were. */
static uint64_t fault_everywhere(const char *label, unsigned kinds, int os_errno, bool sticky,
                                 bool short_writes, bool no_wal_map)
{
    const uint64_t seed = seed_of_run();
    bool failed = true;
    uint64_t index = 0;

    for (; failed; index++) {
        struct fault fault;
        fault_begin(&fault, seed, (nanots_sync_mode)(index % 2));
        fault.label = label;
        fault.index = index;
        fault.faults.short_writes = short_writes;
        fault.faults.no_wal_map = no_wal_map;
        faultvfs_fail(&fault.faults, kinds, index, os_errno, sticky);
        fault_workload(&fault);
        fault_close(&fault);
        failed = fault.faults.failed;
        fault_check_reopened(&fault);
        fault_end(&fault);
    }
    (void)printf("# %s: %llu operations failed\n", label, (unsigned long long)index - 1);
    return index - 1;
}

static void io_write_failing_once_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("write EIO", FAULTVFS_WRITE, EIO, false, false, false) > 20);
}

static void io_short_write_on_full_disk_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("short write ENOSPC", FAULTVFS_WRITE, ENOSPC, true, true, false) >
                20);
}

static void io_written_log_failing_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("log write EIO", FAULTVFS_WRITE, EIO, false, true, true) > 40);
}

static void io_sync_failing_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("sync EIO", FAULTVFS_SYNC, EIO, false, false, false) > 4);
}

static void io_allocation_failing_on_full_disk_loses_nothing(void **state)
{
    (void)state;
    assert_true(
        fault_everywhere("allocate ENOSPC", FAULTVFS_ALLOCATE, ENOSPC, false, false, false) > 8);
    assert_true(fault_everywhere("allocate ENOSPC for good", FAULTVFS_ALLOCATE, ENOSPC, true, false,
                                 false) > 8);
}

static void io_mapping_and_reading_failing_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("map EIO", FAULTVFS_MAP | FAULTVFS_POPULATE, EIO, false, false,
                                 false) > 4);
    assert_true(
        fault_everywhere("read EIO", FAULTVFS_READ | FAULTVFS_SIZE, EIO, false, false, false) > 8);
}

static void io_truncate_punch_lock_failing_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("truncate, punch, lock EIO",
                                 FAULTVFS_TRUNCATE | FAULTVFS_PUNCH | FAULTVFS_LOCK | FAULTVFS_PIN,
                                 EIO, false, false, false) > 4);
}

static void io_everything_failing_for_good_loses_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere("all EIO for good", FAULTVFS_ALL, EIO, true, false, false) > 60);
}

/* The next call of a single row: what it writes is its sync, and nothing else. */
static uint32_t fault_next_row(const struct fault *fault, uint32_t id)
{
    do {
        id++;
        assert_in_range(id, 0, CALLS - 1);
    } while (oracle_call_of(&fault->oracle, id).way != ORACLE_ROW);
    return id;
}

/* The handle refuses every write, also once the disk works again, and nothing but writes. */
static void fault_check_poisoned(struct fault *fault, uint32_t id)
{
    struct nanots_error error;
    const uint32_t table = oracle_call_of(&fault->oracle, fault_next_row(fault, 0)).table;
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};

    for (int healed = 0; healed < 2; healed++) {
        assert_int_equal(oracle_append(&fault->oracle, fault->db, id, &fault->rows, &error),
                         NANOTS_POISONED);
        assert_int_equal(nanots_sync(fault->db, &error), NANOTS_POISONED);
        assert_int_equal(nanots_flush(fault->db, &error), NANOTS_POISONED);
        assert_int_equal(nanots_pack_table(fault->db, oracle_table_name(table), 0, &error),
                         NANOTS_POISONED);
        assert_int_equal(nanots_compact_retention(fault->db, NULL, INT64_MAX, NULL, &error),
                         NANOTS_POISONED);
        faultvfs_heal(&fault->faults);
    }
    assert_int_equal(nanots_diagnose(fault->db, &diagnosis, &error), NANOTS_OK);
    assert_int_equal(diagnosis.poisoned, 1);
    fault_require(fault, oracle_scan(&fault->oracle, fault->db)); /* reads go on */
    assert_int_equal(nanots_close(fault->db, &error), NANOTS_POISONED);
    fault->db = NULL;
    fault_check_reopened(fault);
}

static void fault_poison(nanots_sync_mode sync_mode, bool by_flush)
{
    struct nanots_error error;
    struct fault fault;
    nanots_status status;
    uint32_t id = 0;

    fault_begin(&fault, seed_of_run(), sync_mode);
    fault.label = "poison";
    assert_int_equal(fault_open(&fault, &error), NANOTS_OK);
    for (unsigned i = 0; i < 4; i++) {
        id = fault_next_row(&fault, id);
        assert_int_equal(oracle_append(&fault.oracle, fault.db, id, &fault.rows, &error),
                         NANOTS_OK);
    }
    id = fault_next_row(&fault, id);
    faultvfs_fail(&fault.faults, FAULTVFS_WRITE | FAULTVFS_SYNC, 0, EIO, false);
    if (by_flush)
        status = nanots_flush(fault.db, &error);
    else if (sync_mode == NANOTS_SYNC_FULL)
        status = oracle_append(&fault.oracle, fault.db, id, &fault.rows, &error);
    else
        status = nanots_sync(fault.db, &error);
    assert_int_equal(status, NANOTS_IO);
    fault_check_poisoned(&fault, fault_next_row(&fault, id));
    fault_end(&fault);
}

static void io_failed_sync_poisons_the_handle(void **state)
{
    (void)state;
    fault_poison(NANOTS_SYNC_FULL, false);
    fault_poison(NANOTS_SYNC_NORMAL, false);
}

/* Goal: a flush that takes the reserve and then finds no room for the manifest gives the reserve
 * back as what it was, not as free space, which it would be used as beside its name. */
static void io_failed_flush_leaves_the_reserve(void **state)
{
    struct nanots_error error;
    struct fault fault;
    (void)state;
    fault_begin(&fault, seed_of_run(), NANOTS_SYNC_NORMAL);
    fault.label = "reserve";
    assert_int_equal(fault_open(&fault, &error), NANOTS_OK);
    const uint32_t id = fault_next_row(&fault, 0);
    assert_int_equal(oracle_append(&fault.oracle, fault.db, id, &fault.rows, &error), NANOTS_OK);
    const struct nts_extent reserve = fault.db->sb.reserve;
    assert_int_not_equal(reserve.size, 0);
    faultvfs_fail(&fault.faults, FAULTVFS_ALLOCATE, 0, ENOSPC, true);
    assert_int_equal(nanots_flush(fault.db, &error), NANOTS_NO_SPACE);
    faultvfs_heal(&fault.faults);
    assert_int_equal(fault.db->sb.reserve.off, reserve.off);
    for (size_t i = 0; i < fault.db->space.free_runs.count; i++) {
        const struct nts_extent run = fault.db->space.free_runs.items[i];
        assert_true(run.off + run.size <= reserve.off || reserve.off + reserve.size <= run.off);
    }
    assert_int_equal(nanots_flush(fault.db, &error), NANOTS_OK);
    fault_require(&fault, oracle_scan(&fault.oracle, fault.db));
    fault_close(&fault);
    fault_check_reopened(&fault);
    fault_end(&fault);
}

/* Goal: a table that is made while a run before it waits for its flush is not lost with the log's
 * head that this flush moves. Method: such a run, then the death of the process. */
static void io_table_made_behind_a_waiting_run_stays(void **state)
{
    const struct nanots_column column = {"v", NANOTS_TYPE_F64, 0};
    struct nanots_error error;
    struct nanots_series series;
    struct fault fault;
    (void)state;
    fault_begin(&fault, seed_of_run(), NANOTS_SYNC_NORMAL);
    assert_int_equal(fault_open(&fault, &error), NANOTS_OK);
    for (int made = 0; made < 2; made++) {
        const char *table = made == 0 ? "before" : "behind";
        assert_int_equal(nanots_create_table(fault.db, table, &column, 1, &error), NANOTS_OK);
        assert_int_equal(nanots_append(fault.db, table, 1, 0.5, NULL, &error), NANOTS_OK);
        nts_mutex_lock(&fault.db->write_lock);
        if (made == 0)
            assert_int_equal(nts_run_freeze(fault.db), NANOTS_OK);
        nts_mutex_unlock(&fault.db->write_lock);
    }
    assert_int_equal(nts_flush(fault.db, NTS_FLUSH_FROZEN, &error), NANOTS_OK);
    memvfs_crash(&fault.disk);
    (void)nanots_close(fault.db, &error);
    memvfs_reboot(&fault.disk, MEMVFS_KEEP_ALL);
    assert_int_equal(fault_open(&fault, &error), NANOTS_OK);
    assert_int_equal(nanots_query_range(fault.db, "behind", INT64_MIN, INT64_MAX, &series, &error),
                     NANOTS_OK);
    assert_int_equal(series.row_count, 1);
    nanots_free(series.block);
    fault_close(&fault);
    fault_end(&fault);
}

static void io_failed_commit_poisons_the_handle(void **state)
{
    (void)state;
    fault_poison(NANOTS_SYNC_NORMAL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(io_failed_sync_poisons_the_handle),
        cmocka_unit_test(io_failed_commit_poisons_the_handle),
        cmocka_unit_test(io_failed_flush_leaves_the_reserve),
        cmocka_unit_test(io_table_made_behind_a_waiting_run_stays),
        cmocka_unit_test(io_write_failing_once_loses_nothing),
        cmocka_unit_test(io_short_write_on_full_disk_loses_nothing),
        cmocka_unit_test(io_written_log_failing_loses_nothing),
        cmocka_unit_test(io_sync_failing_loses_nothing),
        cmocka_unit_test(io_allocation_failing_on_full_disk_loses_nothing),
        cmocka_unit_test(io_mapping_and_reading_failing_loses_nothing),
        cmocka_unit_test(io_truncate_punch_lock_failing_loses_nothing),
        cmocka_unit_test(io_everything_failing_for_good_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
