/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_schema_faults.c - tables are made, changed and dropped without memory, and on a full
 * disk.
 *
 *   a table, alone or not: rows in a segment, rows in the log
 *     -> a schema call, allocation or write k fails, once or from then on
 *     -> all of the change or nothing of it -> the handle works, the call succeeds -> reopened: same
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nanots.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"

#define PATH         "disk.ntt"
#define TABLE        "boiler"
#define ROWS_FLUSHED 20
#define ROWS         30

enum call { CALL_CREATE, CALL_RENAME, CALL_RENAME_COLUMN, CALL_ADD_COLUMN, CALL_DROP, CALL_COUNT };

struct fault {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_db *db;
    enum call call;
    uint64_t index;
};

static const struct nanots_column columns[] = {{"pressure", NANOTS_TYPE_F64, 0}};
static const struct nanots_column more_columns[] = {
    {"flow", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE}};

static void fault_ok(const struct fault *fault, const char *what, nanots_status status,
                     const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        fail_msg("call %d, fault %llu, %s: %s: %s", (int)fault->call,
                 (unsigned long long)fault->index, what, nanots_status_name(status),
                 error->message);
}

static void fault_open(struct fault *fault)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = 64u << 10,
                                                .allocator = &fault->memory.alloc,
                                                .vfs = &fault->faults.vfs};
    struct nanots_error error;
    fault_ok(fault, "open", nanots_open(PATH, &options, &fault->db, &error), &error);
}

/* The first rows are in a segment, the others in the log. */
static void fault_begin(struct fault *fault, bool is_alone)
{
    struct nanots_error error;
    memvfs_init(&fault->disk);
    faultvfs_init(&fault->faults, &fault->disk.vfs);
    faultalloc_init(&fault->memory);
    fault_open(fault);
    fault_ok(fault, "create", nanots_create_table(fault->db, TABLE, columns, 1, &error), &error);
    if (!is_alone)
        fault_ok(fault, "create", nanots_create_table(fault->db, "other", columns, 1, &error),
                 &error);
    for (int64_t ts = 0; ts < ROWS; ts++) {
        const double value = (double)ts / 4;
        if (ts == ROWS_FLUSHED)
            fault_ok(fault, "flush", nanots_flush(fault->db, &error), &error);
        fault_ok(fault, "append", nanots_append_row(fault->db, TABLE, ts, &value, 1, NULL, &error),
                 &error);
    }
}

static void fault_end(struct fault *fault)
{
    struct nanots_error error;
    fault_ok(fault, "close", nanots_close(fault->db, &error), &error);
    assert_int_equal(fault->memory.block_count, 0);
    faultalloc_deinit(&fault->memory);
    faultvfs_deinit(&fault->faults);
    memvfs_deinit(&fault->disk);
}

static nanots_status fault_call(const struct fault *fault, struct nanots_error *error)
{
    switch (fault->call) {
    case CALL_CREATE:
        return nanots_create_table(fault->db, "turbine", columns, 1, error);
    case CALL_RENAME:
        return nanots_rename_table(fault->db, TABLE, "kettle", error);
    case CALL_RENAME_COLUMN:
        return nanots_rename_column(fault->db, TABLE, "pressure", "load", error);
    case CALL_ADD_COLUMN:
        return nanots_add_column(fault->db, TABLE, &more_columns[0], error);
    default:
        return nanots_drop_table(fault->db, TABLE, error);
    }
}

static bool has_table(const struct fault *fault, const char *name)
{
    struct nanots_table *table = NULL;
    const nanots_status status = nanots_table_open(fault->db, name, &table, NULL);
    assert_true(status == NANOTS_OK || status == NANOTS_NOT_FOUND);
    return status == NANOTS_OK;
}

/* All rows of the table, which has that name now, and its columns. */
static void fault_check_rows(const struct fault *fault, const char *name, bool is_done)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct nanots_schema schema;
    struct nanots_error error;
    int64_t next = 0;
    const bool is_wider = is_done && fault->call == CALL_ADD_COLUMN;

    fault_ok(fault, "schema", nanots_table_schema(fault->db, name, &schema, &error), &error);
    assert_int_equal(schema.column_count, is_wider ? 2 : 1);
    assert_string_equal(schema.columns[0].name,
                        is_done && fault->call == CALL_RENAME_COLUMN ? "load" : "pressure");
    nanots_free(schema.block);
    fault_ok(fault, "query", nanots_query_open(fault->db, name, NULL, &cursor, &error), &error);
    do {
        fault_ok(fault, "query", nanots_query_next(cursor, &batch, &error), &error);
        for (size_t i = 0; batch != NULL && i < batch->row_count; i++, next++) {
            const double *values = batch->columns[0].values;
            assert_int_equal(batch->ts[i], next);
            assert_true(values[i] == (double)next / 4);
        }
    } while (batch != NULL);
    nanots_query_close(cursor);
    assert_int_equal(next, ROWS);
}

/* Whether the change is there; it must be so as a whole. */
static bool fault_look(const struct fault *fault)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_table_list list;
    struct nanots_error error;
    bool is_done = false;

    fault_ok(fault, "list", nanots_list_tables(fault->db, &list, &error), &error);
    nanots_free(list.block);
    if (fault->call == CALL_CREATE)
        is_done = has_table(fault, "turbine");
    else if (fault->call == CALL_DROP || fault->call == CALL_RENAME)
        is_done = !has_table(fault, TABLE);
    if (fault->call == CALL_RENAME)
        assert_int_equal(has_table(fault, "kettle"), is_done);
    if (fault->call == CALL_RENAME_COLUMN || fault->call == CALL_ADD_COLUMN) {
        struct nanots_schema schema;
        fault_ok(fault, "schema", nanots_table_schema(fault->db, TABLE, &schema, &error), &error);
        is_done = schema.column_count == 2 || strcmp(schema.columns[0].name, "load") == 0;
        nanots_free(schema.block);
    }
    if (fault->call != CALL_DROP || !is_done)
        fault_check_rows(fault, is_done && fault->call == CALL_RENAME ? "kettle" : TABLE, is_done);
    fault_ok(fault, "verify", nanots_verify(fault->db, NULL, NULL, &report, &error), &error);
    assert_int_equal(report.damage, 0);
    return is_done;
}

static bool fault_is_poisoned(const struct fault *fault)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    assert_int_equal(nanots_diagnose(fault->db, &diagnosis, NULL), NANOTS_OK);
    return diagnosis.poisoned != 0;
}

static void fault_reopen(struct fault *fault)
{
    (void)nanots_close(fault->db, NULL); /* what a poisoned one says is another matter */
    fault_open(fault);
}

/* The call may have failed with `reason`; all works again. */
static void fault_check(struct fault *fault, nanots_status status, nanots_status reason,
                        bool has_failed, const struct nanots_error *error)
{
    struct nanots_error again;
    const bool is_poisoned = fault_is_poisoned(fault);
    if (status != NANOTS_OK && (!has_failed || status != reason || error->message[0] == '\0'))
        fault_ok(fault, "failed", status, error);
    if (is_poisoned)
        fault_reopen(fault);
    bool is_done = fault_look(fault);
    if (!is_poisoned)
        assert_int_equal(is_done, status == NANOTS_OK);
    if (!is_done)
        fault_ok(fault, "again", fault_call(fault, &again), &again);
    assert_true(fault_look(fault));
    fault_ok(fault, "name", nanots_create_table(fault->db, "later", columns, 1, &again), &again);
    fault_ok(fault, "flush", nanots_flush(fault->db, &again), &again);
    fault_reopen(fault);
    assert_true(fault_look(fault));
    assert_true(has_table(fault, "later"));
}

/* Every fault of one kind; `kinds` of file operations, or 0 for allocations. Returns how many. */
static uint64_t fault_each(enum call call, bool is_alone, unsigned kinds, bool is_sticky)
{
    for (uint64_t index = 0;; index++) {
        struct fault fault = {.call = call, .index = index};
        struct nanots_error error = {NANOTS_OK, 0, ""};
        fault_begin(&fault, is_alone);
        if (kinds == 0)
            faultalloc_fail(&fault.memory, index, is_sticky);
        else
            faultvfs_fail(&fault.faults, kinds, index, ENOSPC, is_sticky);
        const nanots_status status = fault_call(&fault, &error);
        const bool has_failed = kinds == 0 ? fault.memory.failed : fault.faults.failed;
        faultalloc_heal(&fault.memory);
        faultvfs_heal(&fault.faults);
        fault_check(&fault, status, kinds == 0 ? NANOTS_NO_MEMORY : NANOTS_NO_SPACE, has_failed,
                    &error);
        fault_end(&fault);
        if (!has_failed)
            return index;
    }
}

static uint64_t fault_everywhere(unsigned kinds, enum call first)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = (unsigned)first * 4; i < CALL_COUNT * 4u; i++) {
        const uint64_t count = fault_each((enum call)(i / 4), i % 2 != 0, kinds, i / 2 % 2 != 0);
        if (count < least)
            least = count;
    }
    return least;
}

/* Goal: without memory a schema call changes nothing, or all, whichever allocation fails. */
static void schema_call_without_memory_changes_all_or_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere(0, CALL_CREATE) >= 4);
}

/* Goal: the same where the disk is full. Method: each write, and each call for more of the disk; a
 * table is made by the log alone, which has its room. */
static void schema_call_on_a_full_disk_changes_all_or_nothing(void **state)
{
    (void)state;
    assert_true(fault_everywhere(FAULTVFS_WRITE | FAULTVFS_ALLOCATE, CALL_RENAME) >= 2);
    assert_int_equal(fault_each(CALL_CREATE, true, FAULTVFS_WRITE | FAULTVFS_ALLOCATE, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_call_without_memory_changes_all_or_nothing),
        cmocka_unit_test(schema_call_on_a_full_disk_changes_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
