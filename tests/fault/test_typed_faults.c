/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_typed_faults.c - allocations and file operations fail while typed tables change.
 *
 *   operation fails -> nothing changed -> healed, the same operation succeeds -> all as if nothing
 *     |                                                                          had happened
 *     +-> poisoned: closed and opened, with the operation or without it
 *
 *   a reader's refresh fails -> it is where it was -> healed, it moves on
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nanots.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/seed.h"
#include "support/typed_model.h"

#define PATH      "disk.ntt"
#define OPS       45u
#define ROWS_MOST 30u

struct fault {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct typed_model model;
    struct nanots_db *db;
    uint64_t index;
    size_t op;
    const char *what;
    bool has_failed;
};

static void fault_require(const struct fault *fault, const char *where, const char *wrong)
{
    if (wrong != NULL)
        fail_msg("fault %llu, operation %zu (%s), %s: %s", (unsigned long long)fault->index,
                 fault->op, fault->what, where, wrong);
}

static void fault_open(struct fault *fault)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = 64u << 10,
                                                .allocator = &fault->memory.alloc,
                                                .vfs = &fault->faults.vfs};
    struct nanots_error error = {NANOTS_OK, 0, ""};
    const nanots_status status = nanots_open(PATH, &options, &fault->db, &error);
    fault_require(fault, "open", status == NANOTS_OK ? NULL : error.message);
}

static void fault_begin(struct fault *fault, uint64_t seed, uint64_t index)
{
    memset(fault, 0, sizeof *fault);
    memvfs_init(&fault->disk);
    faultvfs_init(&fault->faults, &fault->disk.vfs);
    faultalloc_init(&fault->memory);
    typed_model_init(&fault->model, seed, ROWS_MOST);
    fault->model.has_bulk = true;
    fault->index = index;
    fault->what = "none";
    fault_open(fault);
}

static void fault_end(struct fault *fault)
{
    uint64_t seed = fault->index;
    fault->what = "close";
    assert_int_equal(nanots_close(fault->db, NULL), NANOTS_OK);
    fault_open(fault);
    fault_require(fault, "reopened", typed_model_compare(&fault->model, fault->db, &seed));
    assert_int_equal(nanots_close(fault->db, NULL), NANOTS_OK);
    assert_int_equal(fault->memory.block_count, 0);
    typed_model_deinit(&fault->model);
    faultalloc_deinit(&fault->memory);
    faultvfs_deinit(&fault->faults);
    memvfs_deinit(&fault->disk);
}

static bool fault_is_poisoned(const struct fault *fault)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    assert_int_equal(nanots_diagnose(fault->db, &diagnosis, NULL), NANOTS_OK);
    return diagnosis.poisoned != 0;
}

/* The operation failed for a reason that the fault explains: see above. */
static void fault_recover(struct fault *fault, const struct typed_op *op, nanots_status status,
                          const struct nanots_error *error)
{
    const bool injected = fault->memory.failed || fault->faults.failed;
    struct nanots_error again = {NANOTS_OK, 0, ""};
    uint64_t seed = fault->index;
    fault->has_failed = true;
    if (!injected || error->code != status || error->message[0] == '\0' ||
        (status != NANOTS_NO_MEMORY && status != NANOTS_IO && status != NANOTS_POISONED))
        fault_require(fault, nanots_status_name(status), error->message);
    faultalloc_heal(&fault->memory);
    faultvfs_heal(&fault->faults);
    if (!fault_is_poisoned(fault)) {
        if (op->kind != TYPED_OP_RETAIN) /* which goes by segments */
            fault_require(fault, "failed", typed_model_compare(&fault->model, fault->db, &seed));
        (void)typed_op_run(&fault->model, op, fault->db, &again);
        fault_require(fault, "again", again.code == NANOTS_OK ? NULL : again.message);
        typed_op_apply(&fault->model, op);
        return;
    }
    (void)nanots_close(fault->db, NULL);
    fault_open(fault);
    const bool is_without =
        op->kind == TYPED_OP_RETAIN || typed_model_compare(&fault->model, fault->db, &seed) == NULL;
    if (is_without) {
        (void)typed_op_run(&fault->model, op, fault->db, &again);
        fault_require(fault, "after reopening", again.code == NANOTS_OK ? NULL : again.message);
    }
    typed_op_apply(&fault->model, op);
}

/* All operations, the first that the fault hits twice. */
static void fault_workload(struct fault *fault)
{
    uint64_t seed = fault->index;
    for (fault->op = 0; fault->op < OPS; fault->op++) {
        struct nanots_error error = {NANOTS_OK, 0, ""};
        struct typed_op op;
        typed_op_plan(&fault->model, &op);
        fault->what = typed_op_name(&op);
        const nanots_status status = typed_op_run(&fault->model, &op, fault->db, &error);
        if (status == NANOTS_OK)
            typed_op_apply(&fault->model, &op);
        else
            fault_recover(fault, &op, status, &error);
        typed_op_free(&op);
    }
    faultalloc_heal(&fault->memory);
    faultvfs_heal(&fault->faults);
    if (fault_is_poisoned(fault)) { /* by what no call had to tell */
        (void)nanots_close(fault->db, NULL);
        fault_open(fault);
    }
    fault_require(fault, "end", typed_model_compare(&fault->model, fault->db, &seed));
}

/* Kinds of file operations, or 0 for allocations. */
static void fault_everywhere(unsigned kinds, uint64_t stride, int os_errno)
{
    const uint64_t seed = seed_of_run();
    bool failed = true;
    uint64_t count = 0;
    uint64_t seen = 0;
    for (uint64_t index = seed % stride; failed; index += stride, count++) {
        static struct fault fault;
        fault_begin(&fault, seed, index);
        if (kinds == 0)
            faultalloc_fail(&fault.memory, index, false);
        else
            faultvfs_fail(&fault.faults, kinds, index, os_errno, false);
        fault_workload(&fault);
        failed = kinds == 0 ? fault.memory.failed : fault.faults.failed;
        seen += fault.has_failed;
        fault_end(&fault);
    }
    (void)printf("# %llu faults, %llu of them told\n", (unsigned long long)count - 1,
                 (unsigned long long)seen);
    assert_true(seen > 10);
}

static void allocation_failing_once_changes_nothing(void **state)
{
    (void)state;
    fault_everywhere(0, 3, 0);
}

static void file_operation_failing_once_changes_nothing(void **state)
{
    (void)state;
    fault_everywhere(FAULTVFS_ALL & ~(unsigned)(FAULTVFS_OPEN | FAULTVFS_LOCK), 1, EIO);
}

/* ---- readers ------------------------------------------------------------------------------ */

/* Refreshes with each allocation failing in turn: until the one that moves, the reader is where it
 * was. */
static void refresh_failing(struct fault *fault, struct faultalloc *memory,
                            struct nanots_db *reader, const struct typed_model *before)
{
    uint64_t seed = fault->op;
    for (fault->index = 0;; fault->index++) {
        struct nanots_error error = {NANOTS_OK, 0, ""};
        faultalloc_fail(memory, fault->index, false);
        const nanots_status status = nanots_refresh(reader, NULL, &error);
        const bool failed = memory->failed;
        faultalloc_heal(memory);
        if (status == NANOTS_OK)
            break;
        if (!failed || status != NANOTS_NO_MEMORY)
            fault_require(fault, "refresh", error.message);
        fault_require(fault, "reader where it was", typed_model_compare(before, reader, &seed));
    }
    fault_require(fault, "reader moved on", typed_model_compare(&fault->model, reader, &seed));
}

/* Goal: a refresh over changes of tables that fails leaves the reader where it was. */
static void refresh_without_memory_moves_nothing(void **state)
{
    static struct fault fault;
    struct faultalloc memory;
    struct nanots_db *reader = NULL;
    const uint64_t seed = seed_of_run();
    (void)state;
    fault_begin(&fault, seed, 0);
    faultalloc_init(&memory);
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY,
                                                .allocator = &memory.alloc,
                                                .vfs = &fault.disk.vfs};
    assert_int_equal(nanots_open(PATH, &options, &reader, NULL), NANOTS_OK);
    size_t seen = 0;
    uint64_t random = seed;
    for (fault.op = 0; fault.op < 150;) {
        struct typed_model before;
        for (uint64_t more = 1 + seed_next(&random) % 8; more != 0; more--, fault.op++) {
            struct typed_op op;
            typed_op_plan(&fault.model, &op);
            fault.what = typed_op_name(&op);
            assert_int_equal(typed_op_run(&fault.model, &op, fault.db, NULL), NANOTS_OK);
            typed_op_apply(&fault.model, &op);
            typed_op_free(&op);
        }
        typed_model_make(&before, seed, ROWS_MOST, true, seen);
        refresh_failing(&fault, &memory, reader, &before);
        typed_model_deinit(&before);
        seen = fault.op;
    }
    assert_int_equal(nanots_close(reader, NULL), NANOTS_OK);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
    fault_end(&fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocation_failing_once_changes_nothing),
        cmocka_unit_test(file_operation_failing_once_changes_nothing),
        cmocka_unit_test(refresh_without_memory_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
