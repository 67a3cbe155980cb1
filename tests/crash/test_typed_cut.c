/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_typed_cut.c - the power goes at every operation while tables of all types change.
 *
 *   operations from a seed --> power cut at k --> reboot --> open, perhaps cut again --> reboot
 *                                                              |
 *     the tables are those after so many operations: all that were acknowledged in mode full, else
 *     all up to the last one that is durable on return, or more
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nanots.h"
#include "support/memvfs.h"
#include "support/seed.h"
#include "support/typed_model.h"

#define PATH      "disk.ntt"
#define OPS       60u
#define ROWS_MOST 40u

struct cut {
    struct memvfs disk;
    nanots_sync_mode sync_mode;
    uint64_t seed; /* of the operations */
    struct nanots_db *db;
    size_t begun;
    size_t durable;
    const char *last; /* operation begun */
};

static nanots_status cut_open(struct cut *cut, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = cut->sync_mode,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = 64u << 10,
                                                .vfs = &cut->disk.vfs};
    return nanots_open(PATH, &options, &cut->db, error);
}

static nanots_status cut_close(struct cut *cut, struct nanots_error *error)
{
    const nanots_status status = nanots_close(cut->db, error);
    cut->db = NULL;
    return status;
}

static bool op_is_durable(const struct typed_op *op, nanots_sync_mode mode)
{
    return mode == NANOTS_SYNC_FULL || op->kind >= TYPED_OP_FLUSH;
}

/* Everything, until the power goes; true if it did. */
static bool cut_workload(struct cut *cut)
{
    struct nanots_error error;
    struct typed_model model;
    nanots_status status = cut_open(cut, &error);
    typed_model_init(&model, cut->seed, ROWS_MOST);
    model.has_bulk = true;
    while (status == NANOTS_OK && cut->begun < OPS) {
        struct typed_op op;
        typed_op_plan(&model, &op);
        cut->begun++;
        cut->last = typed_op_name(&op);
        status = typed_op_run(&model, &op, cut->db, &error);
        typed_op_apply(&model, &op);
        if (status == NANOTS_OK && op_is_durable(&op, cut->sync_mode))
            cut->durable = cut->begun;
        typed_op_free(&op);
        if (status != NANOTS_OK || cut->begun % 17 != 0)
            continue;
        status = cut_close(cut, &error);
        if (status == NANOTS_OK)
            status = cut_open(cut, &error);
        if (status == NANOTS_OK)
            cut->durable = cut->begun;
    }
    typed_model_deinit(&model);
    if (status != NANOTS_OK && !memvfs_crashed(&cut->disk))
        fail_msg("operation %zu failed without a cut: %s", cut->begun, error.message);
    if (cut->db != NULL && cut_close(cut, &error) != NANOTS_OK)
        status = NANOTS_IO;
    return status != NANOTS_OK;
}

/* What the file holds is the state after one of the numbers of operations that it may be. */
static void cut_check(struct cut *cut, uint64_t k)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    char first[400] = "";
    bool is_one = false;

    if (cut_open(cut, &error) != NANOTS_OK)
        fail_msg("cut %llu, operation %zu: open: %s", (unsigned long long)k, cut->begun,
                 error.message);
    for (size_t count = cut->begun + 1; count-- > cut->durable && !is_one;) {
        struct typed_model model;
        uint64_t seed = cut->seed;
        typed_model_make(&model, cut->seed, ROWS_MOST, true, count);
        const char *wrong = typed_model_compare(&model, cut->db, &seed);
        is_one = wrong == NULL;
        if (wrong != NULL)
            (void)snprintf(first, sizeof first, "%.390s", wrong);
        typed_model_deinit(&model);
    }
    if (!is_one)
        fail_msg("cut %llu: no state of %zu to %zu operations, up to a %s; that of %zu: %s",
                 (unsigned long long)k, cut->durable, cut->begun, cut->last, cut->durable, first);
    assert_int_equal(nanots_verify(cut->db, NULL, NULL, &report, &error), NANOTS_OK);
    assert_int_equal(report.damage, 0);
    assert_int_equal(cut_close(cut, &error), NANOTS_OK);
}

static bool cut_once(uint64_t seed, uint64_t k, nanots_sync_mode sync_mode)
{
    struct cut cut = {.sync_mode = sync_mode, .seed = seed, .last = "none"};
    uint64_t random = seed + k;
    struct nanots_error error;
    memvfs_init(&cut.disk);
    memvfs_crash_at(&cut.disk, k);
    const bool is_cut = cut_workload(&cut);
    memvfs_reboot(&cut.disk, k % 4 < 2 ? k % 4 : seed_next(&random));
    if (seed_next(&random) % 2 == 0) {
        memvfs_crash_at(&cut.disk, seed_next(&random) % 12);
        if (cut_open(&cut, &error) == NANOTS_OK)
            (void)cut_close(&cut, &error);
        memvfs_reboot(&cut.disk,
                      memvfs_crashed(&cut.disk) ? seed_next(&random) % 16 : MEMVFS_KEEP_ALL);
    }
    cut_check(&cut, k);
    memvfs_deinit(&cut.disk);
    return is_cut;
}

static void cut_everywhere(nanots_sync_mode sync_mode)
{
    const uint64_t seed = seed_of_run();
    uint64_t k = 0;
    while (cut_once(seed, k, sync_mode))
        k++;
    (void)printf("# %llu cuts\n", (unsigned long long)k);
    assert_true(k > 100);
}

static void typed_tables_survive_a_power_cut_in_full_mode(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_FULL);
}

static void typed_tables_survive_a_power_cut_in_normal_mode(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_NORMAL);
}

/* ---- retention ---------------------------------------------------------------------------- */

#define RETAIN_ROWS   1000u
#define RETAIN_CUTOFF 500

/* Segments of which one is old as a whole, one straddles the cutoff and one is young; the first
 * hides old rows of the second. */
static nanots_status retain_workload(struct cut *cut, struct nanots_error *error)
{
    static const struct {
        int64_t ts;
        size_t count;
        double value;
    } flushes[] = {{0, RETAIN_ROWS, 2}, {0, 300, 1}, {RETAIN_CUTOFF, 300, 1}};
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .duplicates = NANOTS_DUPLICATES_KEEP_LAST};
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    nanots_status status = cut_open(cut, error);
    if (status == NANOTS_OK)
        status = nanots_create_table_with(cut->db, "a", &column, 1, &options, error);
    for (size_t i = 0; i < 3 && status == NANOTS_OK; i++) {
        for (size_t k = 0; k < flushes[i].count && status == NANOTS_OK; k++)
            status = nanots_append_row(cut->db, "a", flushes[i].ts + (int64_t)k, &flushes[i].value,
                                       1, NULL, error);
        if (status == NANOTS_OK)
            status = nanots_flush(cut->db, error);
    }
    cut->begun = status == NANOTS_OK;
    if (status == NANOTS_OK)
        status = nanots_compact_retention(cut->db, "a", RETAIN_CUTOFF, NULL, error);
    cut->durable = status == NANOTS_OK;
    return status;
}

/* Either all rows, with the values that hide others, or those from the cutoff on. */
static void retain_check(struct cut *cut)
{
    struct nanots_error error;
    struct nanots_series series;
    assert_int_equal(cut_open(cut, &error), NANOTS_OK);
    assert_int_equal(nanots_query_range(cut->db, "a", INT64_MIN, INT64_MAX, &series, &error),
                     NANOTS_OK);
    const int64_t from = series.row_count == RETAIN_ROWS ? 0 : RETAIN_CUTOFF;
    assert_int_equal(series.row_count, RETAIN_ROWS - (uint64_t)from);
    assert_true(from == RETAIN_CUTOFF || cut->durable == 0);
    for (size_t i = 0; i < series.row_count; i++) {
        const int64_t ts = from + (int64_t)i;
        const bool is_hidden = ts < 300 || (ts >= RETAIN_CUTOFF && ts < RETAIN_CUTOFF + 300);
        assert_int_equal(series.ts[i], ts);
        assert_true(series.values[i] == (is_hidden ? 1 : 2));
    }
    nanots_free(series.block);
    assert_int_equal(cut_close(cut, &error), NANOTS_OK);
}

static void retention_is_whole_or_not_at_all(void **state)
{
    (void)state;
    uint64_t checked = 0;
    bool is_cut = true;
    for (uint64_t k = 0; is_cut; k++) {
        struct cut cut = {.sync_mode = NANOTS_SYNC_FULL};
        struct nanots_error error;
        memvfs_init(&cut.disk);
        memvfs_crash_at(&cut.disk, k);
        is_cut = retain_workload(&cut, &error) != NANOTS_OK;
        if (cut.db != NULL)
            (void)cut_close(&cut, &error);
        memvfs_reboot(&cut.disk, k % 4 < 2 ? k % 4 : k);
        if (cut.begun != 0) {
            retain_check(&cut);
            checked++;
        }
        memvfs_deinit(&cut.disk);
    }
    (void)printf("# %llu cuts\n", (unsigned long long)checked);
    assert_true(checked > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_tables_survive_a_power_cut_in_full_mode),
        cmocka_unit_test(typed_tables_survive_a_power_cut_in_normal_mode),
        cmocka_unit_test(retention_is_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
