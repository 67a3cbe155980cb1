/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_sweep_faults.c - single public calls on files prepared for them: every allocation and
 * every file operation of the call fails, once or from then on (contract I1, I2, I5).
 *
 *   prepare, no faults -> the call, step k of a kind fails -> it says so, or succeeds
 *     -> healed: all rows that had to stay are there -> closed, nothing leaked -> reopened: the same
 *
 * The other fault tests run long workloads of small calls; here the calls are large or rare: groups
 * that spill, cuts through segments, a file that leaves its tiny form, a reader that follows.
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

#define PATH        "disk.ntt"
#define ROWS        3000
#define PARTS       3
#define GROUP_ROWS  4000
#define GROUP_PARTS 9
#define GROUP_ADDED (GROUP_ROWS * (GROUP_PARTS / 2 + 1 + 3)) /* to table "a" */

struct sweep {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_open_options options;
    struct nanots_db *db;
    struct nanots_db *reader;
    size_t added; /* rows of table "a", by a call that said so */
    const char *label;
    uint64_t index;
};

struct sweep_case {
    const char *name;
    void (*prepare)(struct sweep *sweep);
    nanots_status (*act)(struct sweep *sweep, struct nanots_error *error);
    int64_t kept_from; /* rows of table "a" from this time on stay in any case */
    size_t added_most; /* to them, by the call */
};

/* ---- files -------------------------------------------------------------------------------- */

/* Rows at 0, 10, 20 ... of PARTS flushes that overlap: flush p has the times 10 * i + p. */
static void prepare_parts(struct sweep *sweep)
{
    db_create(sweep->db, "a", 2);
    for (int part = 0; part < PARTS; part++) {
        struct db_rows rows = db_rows_new(2);
        for (int i = 0; i < ROWS; i++)
            db_rows_add(&rows, 10 * i + part, (const double[]){i, i * 0.5 + part});
        db_append_all(sweep->db, "a", &rows);
        db_rows_free(&rows);
        db_ok(nanots_flush(sweep->db, &db_error));
    }
}

/* And a table that keeps the last row of a time, partly in memory. */
static void prepare_replaced(struct sweep *sweep)
{
    const struct nanots_table_options last = {.struct_size = sizeof last,
                                              .duplicates = NANOTS_DUPLICATES_KEEP_LAST};
    const struct nanots_column column = {"v", NANOTS_TYPE_F64, 0};
    prepare_parts(sweep);
    db_ok(nanots_create_table_with(sweep->db, "last", &column, 1, &last, &db_error));
    for (int part = 0; part < 3; part++) {
        for (int i = 0; i < 400; i++)
            db_ok(nanots_append(sweep->db, "last", 50 * i, part, NULL, &db_error));
        if (part < 2)
            db_ok(nanots_flush(sweep->db, &db_error));
    }
}

static void prepare_small(struct sweep *sweep)
{
    const struct nanots_column text = {"text", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE};
    const struct nanots_value value = {.type = NANOTS_TYPE_UTF8, .as.utf8 = {"on", 2}};
    db_create(sweep->db, "a", 2);
    for (int i = 0; i < 20; i++)
        db_ok(nanots_append_row(sweep->db, "a", i, (const double[]){i, 1}, 2, NULL, &db_error));
    db_ok(nanots_create_table(sweep->db, "text", &text, 1, &db_error));
    for (int i = 0; i < 20; i++)
        db_ok(nanots_append_row_typed(sweep->db, "text", i, &value, 1, NULL, &db_error));
    sweep->db = (db_close(sweep->db), db_open_with(PATH, &sweep->options));
}

/* And rows that no age limit takes. */
static void prepare_maintained(struct sweep *sweep)
{
    prepare_replaced(sweep);
    for (int i = 0; i < 50; i++)
        db_ok(nanots_append_row(sweep->db, "a", 4102444800000 + i, (const double[]){i, 1}, 2, NULL,
                                &db_error));
}

/* A reader that knows the parts, and a writer that goes on behind its back. */
static void prepare_reader(struct sweep *sweep)
{
    prepare_parts(sweep);
    struct nanots_open_options options = sweep->options;
    options.flags = NANOTS_OPEN_READ_ONLY;
    sweep->reader = db_open_with(PATH, &options);
    db_create(sweep->db, "new", 1);
    db_ok(nanots_append(sweep->db, "new", 1, 1.0, NULL, &db_error));
    db_ok(nanots_pack_table(sweep->db, "a", 0, &db_error));
    db_ok(nanots_append_row(sweep->db, "a", 5, (const double[]){0, 0}, 2, NULL, &db_error));
    db_ok(nanots_rename_table(sweep->db, "new", "newer", &db_error));
    db_create(sweep->db, "newest", 1);
}

/* ---- calls -------------------------------------------------------------------------------- */

static nanots_status act_cut(struct sweep *sweep, struct nanots_error *error)
{
    return nanots_compact_retention(sweep->db, NULL, 10 * ROWS / 2, NULL, error);
}

static nanots_status act_leave_tiny(struct sweep *sweep, struct nanots_error *error)
{
    const nanots_status status =
        nanots_append_row(sweep->db, "a", 30, (const double[]){1, 2}, 2, NULL, error);
    sweep->added = status == NANOTS_OK ? 1 : 0;
    return status == NANOTS_OK ? nanots_flush(sweep->db, error) : status;
}

static nanots_status act_describe(struct sweep *sweep, struct nanots_error *error)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    char *json = NULL;
    nanots_status status = nanots_stats_json(sweep->db, "text", &json, error);
    nanots_free(json);
    json = NULL;
    if (status == NANOTS_OK)
        status = nanots_diagnose_json(sweep->db, &json, error);
    nanots_free(json);
    if (status == NANOTS_OK)
        status = nanots_diagnose(sweep->db, &diagnosis, error);
    if (status == NANOTS_OK)
        status = nanots_verify(sweep->db, NULL, NULL, &report, error);
    return status;
}

/* Rows enough that the group spills: for its memory, its log entry, a batch that is large. */
static nanots_status act_group(struct sweep *sweep, struct nanots_error *error)
{
    static double values[2][GROUP_ROWS * 4];
    static int64_t ts[GROUP_ROWS * 4];
    const struct nanots_batch_column columns[2] = {{.type = NANOTS_TYPE_F64, .values = values[0]},
                                                   {.type = NANOTS_TYPE_F64, .values = values[1]}};
    struct nanots_batch batch = {.ts = ts, .columns = columns};
    struct nanots_group *group = NULL;
    nanots_status status = nanots_batch_begin(sweep->db, &group, error);
    for (int64_t i = 0; i < GROUP_ROWS * 4; i++) {
        ts[i] = 1000000 + i;
        values[0][i] = (double)i;
        values[1][i] = (double)(i * i % 1000);
    }
    for (int part = 0; part < GROUP_PARTS && status == NANOTS_OK; part++) {
        batch.row_count = part == 6 ? GROUP_ROWS * 4 : GROUP_ROWS;
        batch.column_count = part % 2 == 0 ? 2 : 1;
        status = nanots_group_append_batch(group, part % 2 == 0 ? "a" : "last", &batch, error);
    }
    if (status != NANOTS_OK) {
        nanots_batch_rollback(group);
        return status;
    }
    status = nanots_batch_commit(group, NULL, error);
    sweep->added = status == NANOTS_OK ? GROUP_ADDED : 0;
    return status;
}

static nanots_status act_maintain(struct sweep *sweep, struct nanots_error *error)
{
    sweep->db->options.maintenance.max_segments_per_pack = 4;
    sweep->db->options.retention_ms = 1000; /* of rows that are old */
    const nanots_status status = nanots_maintain(sweep->db, NULL, NULL, error);
    sweep->db->options.retention_ms = 0;
    return status;
}

static nanots_status act_follow(struct sweep *sweep, struct nanots_error *error)
{
    uint64_t counter = 0;
    int changed = 0;
    nanots_status status = nanots_change_counter(sweep->reader, &counter, error);
    if (status == NANOTS_OK)
        status = nanots_refresh(sweep->reader, &changed, error);
    if (status == NANOTS_OK)
        assert_int_equal(changed, 1);
    return status;
}

/* ---- sweeps ------------------------------------------------------------------------------- */

static void sweep_begin(struct sweep *sweep, const struct sweep_case *test)
{
    memset(sweep, 0, sizeof *sweep);
    memvfs_init(&sweep->disk);
    faultvfs_init(&sweep->faults, &sweep->disk.vfs);
    faultalloc_init(&sweep->memory);
    sweep->options = (struct nanots_open_options){.struct_size = sizeof sweep->options,
                                                  .sync_interval_ms = UINT32_MAX,
                                                  .wal_bytes = 1u << 20,
                                                  .memtable_bytes = 1u << 20,
                                                  .allocator = &sweep->memory.alloc,
                                                  .vfs = &sweep->faults.vfs};
    sweep->label = test->name;
    sweep->db = db_open_with(PATH, &sweep->options);
    test->prepare(sweep);
}

/* Rows of table "a" from a time on, and of every other table, can be read. */
static size_t sweep_count(struct nanots_db *db, int64_t from)
{
    const struct nanots_query query = {
        .struct_size = sizeof query, .flags = NANOTS_QUERY_FROM, .from = from};
    struct nanots_table_list list;
    size_t count = 0;
    db_ok(nanots_list_tables(db, &list, &db_error));
    for (size_t t = 0; t < list.count; t++) {
        if (strcmp(list.names[t], "text") == 0)
            continue;
        struct db_rows rows = db_rows_read(db, list.names[t], &query);
        count = strcmp(list.names[t], "a") == 0 ? rows.row_count : count;
        db_rows_free(&rows);
    }
    nanots_free(list.block);
    return count;
}

static void sweep_expect(const struct sweep *sweep, const char *when, size_t count, size_t wanted)
{
    if (count != wanted)
        fail_msg("%s, step %llu: %s: %zu rows, %zu wanted", sweep->label,
                 (unsigned long long)sweep->index, when, count, wanted);
}

/* What a fault explains. A commit whose end is in doubt poisons: reopening tells. */
static void sweep_note(const struct sweep *sweep, nanots_status status,
                       const struct nanots_error *error)
{
    const bool is_explained =
        (sweep->memory.failed && status == NANOTS_NO_MEMORY) ||
        (sweep->faults.failed && (status == NANOTS_IO || status == NANOTS_NO_SPACE)) ||
        (sweep->faults.failed && status == NANOTS_POISONED);
    if (status != NANOTS_OK && !is_explained)
        fail_msg("%s, step %llu: %s: %s", sweep->label, (unsigned long long)sweep->index,
                 nanots_status_name(status), error->message);
    if (status != NANOTS_OK)
        assert_int_equal(error->code, status);
}

/* Returns whether the fault came about. */
static bool sweep_once(const struct sweep_case *test, unsigned kinds, int os_errno, uint64_t index,
                       bool sticky)
{
    struct sweep sweep;
    struct nanots_error error;
    sweep_begin(&sweep, test);
    sweep.index = index;
    const size_t before = sweep_count(sweep.db, test->kept_from);
    if (kinds == 0)
        faultalloc_fail(&sweep.memory, index, sticky);
    else
        faultvfs_fail(&sweep.faults, kinds, index, os_errno, sticky);
    const nanots_status status = test->act(&sweep, &error);
    sweep_note(&sweep, status, &error);
    const bool failed = kinds == 0 ? sweep.memory.failed : sweep.faults.failed;
    faultalloc_heal(&sweep.memory);
    faultvfs_heal(&sweep.faults);
    const size_t after = sweep_count(sweep.db, test->kept_from);
    sweep_expect(&sweep, "healed", after, before + sweep.added);
    if (sweep.reader != NULL) {
        db_ok(nanots_refresh(sweep.reader, NULL, &db_error));
        sweep_expect(&sweep, "followed", sweep_count(sweep.reader, test->kept_from), after);
        db_close(sweep.reader);
    }
    (void)nanots_close(sweep.db, &error);
    assert_int_equal(sweep.memory.block_count, 0);
    assert_int_equal(sweep.faults.open_count, 0);
    assert_int_equal(sweep.faults.map_count, 0);
    sweep.db = db_open_with(PATH, &sweep.options);
    const size_t reopened = sweep_count(sweep.db, test->kept_from);
    if (reopened != before + test->added_most) /* what failed in doubt may be there */
        sweep_expect(&sweep, "reopened", reopened, after);
    db_close(sweep.db);
    faultalloc_deinit(&sweep.memory);
    faultvfs_deinit(&sweep.faults);
    memvfs_deinit(&sweep.disk);
    return failed;
}

/* Steps are skipped the more, the later they are. */
static void sweep_all(const struct sweep_case *test)
{
    static const struct {
        unsigned kinds; /* 0: allocations */
        int os_errno;
    } faults[] = {{0, 0},
                  {FAULTVFS_READ | FAULTVFS_SIZE | FAULTVFS_MAP | FAULTVFS_POPULATE, EIO},
                  {FAULTVFS_WRITE | FAULTVFS_SYNC | FAULTVFS_TRUNCATE | FAULTVFS_PIN, EIO},
                  {FAULTVFS_WRITE | FAULTVFS_ALLOCATE, ENOSPC}};
    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++)
        for (int sticky = 0; sticky < 2; sticky++) {
            uint64_t steps = 0;
            for (uint64_t k = 0;
                 sweep_once(test, faults[f].kinds, faults[f].os_errno, k, sticky != 0);
                 k += 1 + k / 24)
                steps++;
            (void)printf("# %s, kinds %x%s: %llu steps failed\n", test->name, faults[f].kinds,
                         sticky ? " for good" : "", (unsigned long long)steps);
        }
}

static void sweep_of_cuts_keeps_later_rows(void **state)
{
    (void)state;
    sweep_all(&(struct sweep_case){"cut", prepare_replaced, act_cut, 10 * ROWS / 2, 0});
}

static void sweep_of_a_tiny_file_keeps_its_rows(void **state)
{
    (void)state;
    sweep_all(&(struct sweep_case){"tiny", prepare_small, act_leave_tiny, 0, 1});
}

static void sweep_of_descriptions_changes_nothing(void **state)
{
    (void)state;
    sweep_all(&(struct sweep_case){"describe", prepare_small, act_describe, 0, 0});
}

static void sweep_of_large_groups_is_whole_or_absent(void **state)
{
    (void)state;
    sweep_all(&(struct sweep_case){"group", prepare_replaced, act_group, 0, GROUP_ADDED});
}

static void sweep_of_maintenance_loses_no_new_row(void **state)
{
    (void)state;
    sweep_all(&(struct sweep_case){"maintain", prepare_maintained, act_maintain, 1000000, 0});
}

static void sweep_of_followers_catches_up(void **state)
{
    (void)state;
    sweep_all(&(struct sweep_case){"follow", prepare_reader, act_follow, 0, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep_of_cuts_keeps_later_rows),
        cmocka_unit_test(sweep_of_a_tiny_file_keeps_its_rows),
        cmocka_unit_test(sweep_of_descriptions_changes_nothing),
        cmocka_unit_test(sweep_of_large_groups_is_whole_or_absent),
        cmocka_unit_test(sweep_of_maintenance_loses_no_new_row),
        cmocka_unit_test(sweep_of_followers_catches_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
