/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_limit_cut.c - the power goes while the size limit takes the oldest segments (contract
 * I1, I2, I3).
 *
 *   calls 0, 1, 2 ... of equal size, to two tables --> |  gone  |  kept ...        |
 *                                                      0        first              calls
 *   after a cut at any operation: each table has the rows of the calls [first, end), all of them
 *   and right; end is as I1 and I2 have it; and the firsts of both are some that they had together
 *   in the run without a cut: what goes at once goes in one commit
 *
 * One table keeps the first row of a time, and each call sends half of the rows of the one before
 * again, with other values: segments that stay are written anew when those before them go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "engine/db.h"
#include "support/db_helpers.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/seed.h"

#define PATH      "disk.ntt"
#define CALLS     70u
#define CALL_ROWS 400 /* to table a; to b come the last 200 of the call before, too */
#define COLUMNS   3u
#define MAX_BYTES (640u << 10) /* less than the interface allows, so that a run is short */

struct limit_cut {
    struct memvfs disk;
    struct faultvfs view; /* of the disk: may lack mappings for the log */
    nanots_sync_mode sync_mode;
    struct nanots_db *db;
    uint32_t begun;               /* calls */
    uint32_t durable;             /* the first so many were promised to be */
    int64_t firsts[CALLS + 2][2]; /* after so many calls, and the close, without a cut */
};

static double value_of(int64_t ts, int64_t round, size_t column)
{
    uint64_t state = (uint64_t)(ts * 100 + round * 10 + (int64_t)column);
    return (double)(int64_t)seed_next(&state);
}

static nanots_status cut_open(struct limit_cut *cut)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = cut->sync_mode,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = 64 << 10,
                                                .vfs = &cut->view.vfs};
    const nanots_status status = nanots_open(PATH, &options, &cut->db, &db_error);
    if (status == NANOTS_OK)
        cut->db->options.max_bytes = MAX_BYTES;
    return status;
}

static nanots_status cut_create(struct limit_cut *cut)
{
    static const struct nanots_column columns[COLUMNS] = {
        {"c0", NANOTS_TYPE_F64, 0}, {"c1", NANOTS_TYPE_F64, 0}, {"c2", NANOTS_TYPE_F64, 0}};
    const struct nanots_table_options first = {.struct_size = sizeof first,
                                               .duplicates = NANOTS_DUPLICATES_KEEP_FIRST};
    NTS_TRY(nanots_create_table(cut->db, "a", columns, COLUMNS, &db_error));
    return nanots_create_table_with(cut->db, "b", columns, COLUMNS, &first, &db_error);
}

/* Rows [begin, end), of which those of earlier calls come again. */
static nanots_status cut_append_rows(struct limit_cut *cut, const char *table, int64_t begin,
                                     int64_t end)
{
    static int64_t ts[2 * CALL_ROWS];
    static double values[2 * CALL_ROWS * COLUMNS];
    const size_t count = (size_t)(end - begin);
    for (size_t i = 0; i < count; i++) {
        ts[i] = begin + (int64_t)i;
        for (size_t c = 0; c < COLUMNS; c++)
            values[i * COLUMNS + c] = value_of(ts[i], ts[i] < (int64_t)cut->begun * CALL_ROWS, c);
    }
    return nanots_append_rows(cut->db, table, ts, values, count, COLUMNS, NULL, &db_error);
}

/* One call, to each of the tables. */
static nanots_status cut_call(struct limit_cut *cut)
{
    const int64_t begin = (int64_t)cut->begun * CALL_ROWS;
    const int64_t again = begin < CALL_ROWS / 2 ? 0 : begin - CALL_ROWS / 2;
    nanots_status status = cut_append_rows(cut, "a", begin, begin + CALL_ROWS);
    if (status == NANOTS_OK)
        status = cut_append_rows(cut, "b", again, begin + CALL_ROWS);
    cut->begun++;
    if (status == NANOTS_OK && cut->sync_mode == NANOTS_SYNC_FULL)
        cut->durable = cut->begun;
    return status;
}

/* The rows of a table are those of [first, end), and right. */
static void cut_range(struct limit_cut *cut, const char *table, int64_t *first_out,
                      int64_t *end_out)
{
    struct nanots_table *found = NULL;
    *first_out = *end_out = 0;
    if (nanots_table_open(cut->db, table, &found, &db_error) != NANOTS_OK)
        return;
    struct db_rows rows = db_rows_read(cut->db, table, NULL);
    for (size_t i = 0; i < rows.row_count; i++) {
        assert_int_equal(rows.ts[i], rows.ts[0] + (int64_t)i);
        for (size_t c = 0; c < COLUMNS; c++) {
            const double wanted = value_of(rows.ts[i], 0, c);
            assert_memory_equal(&rows.values[i * COLUMNS + c], &wanted, sizeof wanted);
        }
    }
    if (rows.row_count != 0) {
        *first_out = rows.ts[0];
        *end_out = rows.ts[rows.row_count - 1] + 1;
    }
    db_rows_free(&rows);
}

static void cut_note(struct limit_cut *cut, uint32_t calls)
{
    int64_t end = 0;
    cut_range(cut, "a", &cut->firsts[calls][0], &end);
    cut_range(cut, "b", &cut->firsts[calls][1], &end);
}

/* All calls; after every eighth what a program does for its file. */
static nanots_status cut_workload(struct limit_cut *cut, bool note)
{
    nanots_status status = cut_open(cut);
    if (status == NANOTS_OK)
        status = cut_create(cut);
    while (status == NANOTS_OK && cut->begun < CALLS) {
        status = cut_call(cut);
        if (status == NANOTS_OK && cut->begun % 8 == 0)
            status = cut->begun % 16 == 0 ? nanots_maintain(cut->db, NULL, NULL, &db_error)
                                          : nanots_flush(cut->db, &db_error);
        if (status == NANOTS_OK && cut->begun % 16 == 8)
            cut->durable = cut->begun;
        if (note)
            cut_note(cut, cut->begun);
    }
    if (cut->db != NULL)
        (void)nanots_close(cut->db, NULL);
    cut->db = NULL;
    return status;
}

static void cut_begin(struct limit_cut *cut, nanots_sync_mode sync_mode, bool no_wal_map)
{
    memvfs_init(&cut->disk);
    faultvfs_init(&cut->view, &cut->disk.vfs);
    cut->view.no_wal_map = no_wal_map;
    cut->sync_mode = sync_mode;
    cut->db = NULL;
    cut->begun = 0;
    cut->durable = 0;
}

static void cut_end(struct limit_cut *cut)
{
    faultvfs_deinit(&cut->view);
    memvfs_deinit(&cut->disk);
}

/* A call may take several commits to make room: then what is between is right, too. */
static bool cut_had_both(const struct limit_cut *cut, int64_t a, int64_t b)
{
    for (uint32_t i = 1; i <= CALLS + 1; i++)
        if (cut->firsts[i - 1][0] <= a && a <= cut->firsts[i][0] && cut->firsts[i - 1][1] <= b &&
            b <= cut->firsts[i][1])
            return true;
    return false;
}

static void cut_check(struct limit_cut *cut)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    int64_t first[2];
    int64_t end[2];

    if (cut_open(cut) != NANOTS_OK)
        fail_msg("open: %s", db_error.message);
    cut_range(cut, "a", &first[0], &end[0]);
    cut_range(cut, "b", &first[1], &end[1]);
    assert_in_range(end[0], cut->durable * CALL_ROWS, cut->begun * CALL_ROWS);
    assert_int_equal(end[0] % CALL_ROWS, 0);
    assert_true(end[1] == end[0] || end[1] == end[0] - CALL_ROWS);
    if (!cut_had_both(cut, first[0], first[1]))
        fail_msg("after call %u: table a begins at %lld and b at %lld", cut->begun,
                 (long long)first[0], (long long)first[1]);
    db_ok(nanots_verify(cut->db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
}

/* The file takes rows as ever. */
static void cut_go_on(struct limit_cut *cut)
{
    int64_t first = 0;
    int64_t end = 0;
    cut_range(cut, "a", &first, &end);
    if (end == 0) {
        db_close(cut->db);
        return;
    }
    for (unsigned i = 0; i < 20; i++)
        db_ok(cut_append_rows(cut, "a", end + i * CALL_ROWS, end + (i + 1) * CALL_ROWS));
    db_close(cut->db);
    db_ok(cut_open(cut));
    cut_range(cut, "a", &first, &end);
    db_close(cut->db);
}

/* At every `step`-th operation. */
static void limit_cut_everywhere(nanots_sync_mode sync_mode, bool no_wal_map, uint64_t step)
{
    static struct limit_cut cut;
    const uint64_t seed = seed_of_run();
    uint64_t drops = 0;
    uint64_t cuts = 0;

    memset(&cut, 0, sizeof cut);
    cut_begin(&cut, sync_mode, no_wal_map);
    assert_int_equal(cut_workload(&cut, true), NANOTS_OK);
    db_ok(cut_open(&cut)); /* the close has flushed */
    cut_note(&cut, CALLS + 1);
    db_close(cut.db);
    cut_end(&cut);
    for (uint32_t i = 1; i <= CALLS; i++)
        drops += cut.firsts[i][0] != cut.firsts[i - 1][0];
    bool is_cut = true;
    for (uint64_t k = seed % step; is_cut; k += step, cuts++) {
        uint64_t random = seed + k;
        cut_begin(&cut, sync_mode, no_wal_map);
        memvfs_crash_at(&cut.disk, k);
        is_cut = cut_workload(&cut, false) != NANOTS_OK;
        assert_true(!is_cut || memvfs_crashed(&cut.disk));
        memvfs_reboot(&cut.disk, random % 4 < 2 ? random % 4 : seed_next(&random));
        cut_check(&cut);
        cut.begun = 0; /* so that no row of cut_go_on comes again */
        if (k % 8 == 0)
            cut_go_on(&cut);
        else
            db_close(cut.db);
        cut_end(&cut);
    }
    print_message("# %llu cuts, rows went in %llu calls, %lld of %u rows are left\n",
                  (unsigned long long)cuts, (unsigned long long)drops,
                  (long long)(CALLS * CALL_ROWS - cut.firsts[CALLS][0]), CALLS * CALL_ROWS);
    assert_true(cuts > 60);
    assert_true(drops > 4);
}

static void limit_cut_in_full_mode_keeps_all_acknowledged(void **state)
{
    (void)state;
    limit_cut_everywhere(NANOTS_SYNC_FULL, false, 2);
}

static void limit_cut_in_normal_mode_keeps_a_prefix(void **state)
{
    (void)state;
    limit_cut_everywhere(NANOTS_SYNC_NORMAL, false, 2);
}

static void limit_cut_with_written_log_keeps_a_prefix(void **state)
{
    (void)state;
    limit_cut_everywhere(NANOTS_SYNC_NORMAL, true, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_cut_in_full_mode_keeps_all_acknowledged),
        cmocka_unit_test(limit_cut_in_normal_mode_keeps_a_prefix),
        cmocka_unit_test(limit_cut_with_written_log_keeps_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
