/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_retention_cut.c - the power goes at every operation of a retention cut in a table that
 * keeps one row of a time (contract I2): all rows are there, or those from the cutoff on, and no
 * row comes to light that another one hides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "nanots.h"
#include "support/memvfs.h"

#define PATH "disk.ntt"

struct cut {
    struct memvfs disk;
    struct nanots_db *db;
    bool has_begun; /* the retention */
    bool has_ended;
};

static nanots_status cut_open(struct cut *cut, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = NANOTS_SYNC_FULL,
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
    cut->has_begun = status == NANOTS_OK;
    if (status == NANOTS_OK)
        status = nanots_compact_retention(cut->db, "a", RETAIN_CUTOFF, NULL, error);
    cut->has_ended = status == NANOTS_OK;
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
    assert_true(from == RETAIN_CUTOFF || !cut->has_ended);
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
        struct cut cut = {.db = NULL};
        struct nanots_error error;
        memvfs_init(&cut.disk);
        memvfs_crash_at(&cut.disk, k);
        is_cut = retain_workload(&cut, &error) != NANOTS_OK;
        if (cut.db != NULL)
            (void)cut_close(&cut, &error);
        memvfs_reboot(&cut.disk, k % 4 < 2 ? k % 4 : k);
        if (cut.has_begun) {
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
        cmocka_unit_test(retention_is_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
