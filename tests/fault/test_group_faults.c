/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_group_faults.c - every allocation and every file operation fails under groups, once or
 * from then on (contract I1, I2, I7).
 *
 *   open, groups of every size, a flush, a group left open, close: call k fails
 *     -> the call says so, and nothing of its group is visible -> close, or the process dies; nothing
 *        leaked -> reopened: every group that was committed is there, every group whole or absent
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/grouped.h"
#include "support/memvfs.h"

#define PATH      "disk.ntt"
#define GROUPS    14u
#define WAL_BYTES (64u << 10)

struct fault {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_open_options options;
    struct nanots_db *db;
    bool committed[GROUPS];
    const char *label;
    uint64_t index;
};

static void fault_begin(struct fault *fault, const char *label, bool no_wal_map)
{
    memset(fault, 0, sizeof *fault);
    memvfs_init(&fault->disk);
    faultvfs_init(&fault->faults, &fault->disk.vfs);
    faultalloc_init(&fault->memory);
    fault->faults.no_wal_map = no_wal_map;
    fault->faults.short_writes = true;
    fault->label = label;
    fault->options = (struct nanots_open_options){.struct_size = sizeof fault->options,
                                                  .sync_interval_ms = UINT32_MAX,
                                                  .wal_bytes = WAL_BYTES,
                                                  .allocator = &fault->memory.alloc,
                                                  .vfs = &fault->faults.vfs};
}

static void fault_end(struct fault *fault)
{
    faultalloc_deinit(&fault->memory);
    faultvfs_deinit(&fault->faults);
    memvfs_deinit(&fault->disk);
}

static void fault_note(const struct fault *fault, nanots_status status,
                       const struct nanots_error *error)
{
    const bool is_explained = (fault->memory.failed && status == NANOTS_NO_MEMORY) ||
                              (fault->faults.failed && status == NANOTS_IO) ||
                              (fault->faults.failed && status == NANOTS_NO_SPACE) ||
                              status == NANOTS_POISONED;
    if (status != NANOTS_OK && !is_explained)
        fail_msg("%s %llu: %s: %s", fault->label, (unsigned long long)fault->index,
                 nanots_status_name(status), error->message);
}

/* What is visible: whole groups, all that were committed, and nobody else's. */
static void fault_look(const struct fault *fault, bool others_too)
{
    struct grouped grouped;
    const char *complaint = grouped_scan(&grouped, fault->db);
    if (complaint != NULL)
        fail_msg("%s %llu: %s", fault->label, (unsigned long long)fault->index, complaint);
    for (uint32_t id = 0; id < GROUPS; id++)
        if (grouped_has(&grouped, id) != fault->committed[id] &&
            (fault->committed[id] || !others_too))
            fail_msg("%s %llu: group %u %s", fault->label, (unsigned long long)fault->index, id,
                     fault->committed[id] ? "is lost" : "failed and is there");
}

static void fault_heal(struct fault *fault)
{
    faultvfs_heal(&fault->faults);
    faultalloc_heal(&fault->memory);
}

/* Until the handle refuses to write. */
static void fault_workload(struct fault *fault)
{
    struct nanots_group *open = NULL;
    struct nanots_error error;
    nanots_status status = nanots_open(PATH, &fault->options, &fault->db, &error);

    fault_note(fault, status, &error);
    if (status == NANOTS_OK)
        fault_note(fault, status = grouped_create(fault->db, &error), &error);
    if (status != NANOTS_OK)
        return;
    for (uint32_t id = 0; id < GROUPS; id++) {
        status = grouped_append(fault->db, id, &error);
        fault_note(fault, status, &error);
        fault->committed[id] = status == NANOTS_OK;
        if (id == 6)
            fault_note(fault, nanots_flush(fault->db, &error), &error);
    }
    if (nanots_batch_begin(fault->db, &open, NULL) == NANOTS_OK)
        fault_note(fault, grouped_fill(open, 8, &error), &error);
}

/* The handle is closed, or dies: then the log alone has what was committed. */
static void fault_finish(struct fault *fault, bool dies)
{
    struct nanots_error error;
    fault_heal(fault);
    if (fault->db != NULL) {
        fault_look(fault, false);
        if (dies)
            memvfs_crash(&fault->disk);
        (void)nanots_close(fault->db, &error);
    }
    fault->db = NULL;
    if (dies)
        memvfs_reboot(&fault->disk, MEMVFS_KEEP_ALL);
    assert_int_equal(fault->memory.block_count, 0);
    assert_int_equal(fault->faults.open_count, 0);
    if (nanots_open(PATH, &fault->options, &fault->db, &error) != NANOTS_OK)
        fail_msg("%s %llu: %s", fault->label, (unsigned long long)fault->index, error.message);
    fault_look(fault, true);
    assert_int_equal(nanots_close(fault->db, &error), NANOTS_OK);
    fault->db = NULL;
}

static void every_allocation_fails(bool sticky)
{
    bool more = true;
    for (uint64_t k = 0; more; k++) {
        struct fault fault;
        fault_begin(&fault, sticky ? "all allocations from" : "allocation", false);
        fault.index = k;
        faultalloc_fail(&fault.memory, k, sticky);
        fault_workload(&fault);
        more = fault.memory.failed;
        fault_finish(&fault, (k + sticky) % 2 != 0);
        fault_end(&fault);
    }
}

static void groups_survive_every_failed_allocation(void **state)
{
    (void)state;
    every_allocation_fails(false);
    every_allocation_fails(true);
}

static void every_operation_fails(const char *label, unsigned kinds, int os_errno, bool no_wal_map)
{
    for (int sticky = 0; sticky < 2; sticky++) {
        bool more = true;
        for (uint64_t k = 0; more; k++) {
            struct fault fault;
            fault_begin(&fault, label, no_wal_map);
            fault.index = k;
            faultvfs_fail(&fault.faults, kinds, k, os_errno, sticky != 0);
            fault_workload(&fault);
            more = fault.faults.failed;
            fault_finish(&fault, (k + (uint64_t)sticky) % 2 != 0);
            fault_end(&fault);
        }
    }
}

static void groups_survive_every_failed_operation(void **state)
{
    (void)state;
    every_operation_fails("mapped log, operation", FAULTVFS_MUTATING, EIO, false);
    every_operation_fails("mapped log, full disk at", FAULTVFS_WRITE | FAULTVFS_ALLOCATE, ENOSPC,
                          false);
    every_operation_fails("written log, operation", FAULTVFS_MUTATING, EIO, true);
    every_operation_fails("written log, full disk at", FAULTVFS_WRITE | FAULTVFS_ALLOCATE, ENOSPC,
                          true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_survive_every_failed_allocation),
        cmocka_unit_test(groups_survive_every_failed_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
