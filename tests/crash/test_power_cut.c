/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_power_cut.c - the power goes at every operation (contract I1, I2, I3).
 *
 *   workload --> power cut at operation k --> reboot: unsynced sectors old or new, by seed
 *                                                |
 *                open, cut again at operation j <+ reboot
 *                                                v
 *   open never fails; a prefix of the calls is there, whole: in full mode all that were
 * acknowledged,
 *   else at least all before the last flush or sync; and the file takes rows, closes and opens
 * again
 *
 * The workload has all that changes a file: tables made by need, appends of every kind, logs that
 * grow and wrap, flush, sync, pack, merges, retention, close in tiny form and as a small file, and
 * reopening.
 * REBOOTS=<n> in the environment: so many ways to lose sectors at each operation, 1 to 4 (1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/db.h"
#include "format/superblock.h"
#include "os/vfs.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/oracle.h"
#include "support/seed.h"

#define PATH        "disk.ntt"
#define CALLS       72u /* of the workload */
#define CALLS_AFTER 8u  /* made after recovery, to see whether the file still takes rows */
#define WAL_BYTES   (128u << 10)
#define REBOOTS     4u /* ways to lose what is not synced; a run tries one at each operation */

enum cut_step { STEP_FLUSH, STEP_SYNC, STEP_PACK, STEP_RETAIN, STEP_MAINTAIN, STEP_CLOSE };

/* After call `after`, do this. */
static const struct {
    uint32_t after;
    enum cut_step step;
} cut_steps[] = {
    {0, STEP_CLOSE},  {2, STEP_CLOSE},         {6, STEP_FLUSH},  {7, STEP_FLUSH},
    {10, STEP_SYNC},  {14, STEP_PACK},         {20, STEP_FLUSH}, {26, STEP_RETAIN},
    {30, STEP_CLOSE}, {36, STEP_SYNC},         {40, STEP_FLUSH}, {44, STEP_PACK},
    {50, STEP_FLUSH}, {52, STEP_MAINTAIN},     {54, STEP_CLOSE}, {62, STEP_RETAIN},
    {64, STEP_FLUSH}, {65, STEP_FLUSH},        {66, STEP_FLUSH}, {67, STEP_MAINTAIN},
    {68, STEP_PACK},  {CALLS - 1, STEP_CLOSE},
};

/* One run on one disk. */
struct cut {
    struct memvfs disk;
    struct faultvfs view; /* of the disk: may lack mappings for the log */
    struct oracle oracle;
    struct oracle_rows rows;
    uint64_t seqs[CALLS + CALLS_AFTER];
    nanots_sync_mode sync_mode;
    bool no_wal_map;
    uint32_t spoils; /* 0, or the size of sectors that a torn write makes noise */
    struct nanots_db *db;
    uint32_t begun;   /* calls */
    uint32_t durable; /* the first so many were promised to be */
    uint64_t merges;  /* by STEP_MAINTAIN */
};

struct cut_totals {
    uint64_t cuts;
    uint64_t cuts_of_recovery;
    uint64_t lost_calls; /* acknowledged, and allowed to go */
    uint64_t merges;
};

static void cut_require(const struct cut *cut, const char *complaint)
{
    if (complaint == NULL)
        return;
    fail_msg("mode %d, %s log, cut after call %u: %s", (int)cut->sync_mode,
             cut->no_wal_map ? "written" : "mapped", cut->begun, complaint);
}

static nanots_status cut_open(struct cut *cut, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = cut->sync_mode,
                                                .sync_interval_ms = UINT32_MAX,
                                                .sector_size = cut->spoils,
                                                .wal_bytes = WAL_BYTES,
                                                .vfs = &cut->view.vfs};
    return nanots_open(PATH, &options, &cut->db, error);
}

static void cut_begin(struct cut *cut, uint64_t seed, nanots_sync_mode sync_mode, bool no_wal_map,
                      uint32_t spoils)
{
    memvfs_init(&cut->disk);
    cut->disk.spoils = spoils != 0;
    cut->disk.sector_size = spoils != 0 ? spoils : cut->disk.sector_size;
    cut->spoils = spoils;
    faultvfs_init(&cut->view, &cut->disk.vfs);
    cut->view.no_wal_map = no_wal_map;
    for (size_t i = 0; i < CALLS + CALLS_AFTER; i++)
        cut->seqs[i] = 0;
    oracle_init(&cut->oracle, seed, CALLS + CALLS_AFTER, WAL_BYTES / 2 + 8, cut->seqs);
    oracle_rows_init(&cut->rows, &cut->oracle);
    cut->oracle.bulk_of_64 = 5;
    cut->sync_mode = sync_mode;
    cut->no_wal_map = no_wal_map;
    cut->db = NULL;
    cut->begun = 0;
    cut->durable = 0;
    cut->merges = 0;
}

static void cut_end(struct cut *cut)
{
    assert_null(cut->db);
    oracle_rows_deinit(&cut->rows);
    oracle_deinit(&cut->oracle);
    faultvfs_deinit(&cut->view);
    memvfs_deinit(&cut->disk);
}

static nanots_status cut_close(struct cut *cut, struct nanots_error *error)
{
    const nanots_status status = nanots_close(cut->db, error);
    cut->db = NULL;
    return status;
}

/* Cuts the table of call `id` at half of its time. */
static nanots_status cut_retain(struct cut *cut, uint32_t id, struct nanots_error *error)
{
    const uint32_t table = oracle_call_of(&cut->oracle, id).table;
    const int64_t cutoff = (int64_t)(id / 2) * ORACLE_TS_STEP + 40;
    cut->oracle.cut_maybe[table] = cutoff;
    NTS_TRY(nanots_compact_retention(cut->db, oracle_table_name(table), cutoff, NULL, error));
    cut->oracle.cut_sure[table] = cutoff;
    return NANOTS_OK;
}

static nanots_status cut_maintain(struct cut *cut, struct nanots_error *error)
{
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    cut->db->options.maintenance.max_segments_per_pack = 4; /* four neighbours of any size */
    const nanots_status status = nanots_maintain(cut->db, NULL, &report, error);
    cut->merges += report.merges;
    return status;
}

static nanots_status cut_do_step(struct cut *cut, enum cut_step step, uint32_t id,
                                 struct nanots_error *error)
{
    const char *table = oracle_table_name(oracle_call_of(&cut->oracle, id).table);
    switch (step) {
    case STEP_FLUSH:
        return nanots_flush(cut->db, error);
    case STEP_SYNC:
        return nanots_sync(cut->db, error);
    case STEP_PACK:
        return nanots_pack_table(cut->db, table, 600, error);
    case STEP_RETAIN:
        return cut_retain(cut, id, error);
    case STEP_MAINTAIN:
        return cut_maintain(cut, error);
    case STEP_CLOSE:
        NTS_TRY(cut_close(cut, error));
        return cut_open(cut, error);
    }
    return NANOTS_OK;
}

/* Where sectors are spoiled, the file is there before: its first commit of all may leave noise. */
static void cut_make_file(struct cut *cut)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    struct nanots_error error;
    assert_int_equal(cut_open(cut, &error), NANOTS_OK);
    assert_int_equal(nanots_create_table(cut->db, "before", &column, 1, &error), NANOTS_OK);
    assert_int_equal(cut_close(cut, &error), NANOTS_OK);
}

/* Everything, until the power goes; whatever is open is closed then. */
static nanots_status cut_workload(struct cut *cut)
{
    struct nanots_error error;
    size_t step = 0;
    nanots_status status = cut_open(cut, &error);

    while (status == NANOTS_OK && cut->begun < CALLS) {
        const uint32_t id = cut->begun++;
        status = oracle_append(&cut->oracle, cut->db, id, &cut->rows, &error);
        if (status == NANOTS_OK && cut->sync_mode == NANOTS_SYNC_FULL)
            cut->durable = cut->begun;
        if (status != NANOTS_OK || cut_steps[step].after != id)
            continue;
        const enum cut_step what = cut_steps[step++].step;
        status = cut_do_step(cut, what, id, &error);
        if (status == NANOTS_OK && what != STEP_MAINTAIN)
            cut->durable = cut->begun;
    }
    const nanots_status closed = cut->db == NULL ? NANOTS_OK : cut_close(cut, &error);
    if (status == NANOTS_OK)
        status = closed;
    if (status != NANOTS_OK && !memvfs_crashed(&cut->disk))
        fail_msg("mode %d, call %u failed without a cut: %s", (int)cut->sync_mode, cut->begun,
                 error.message);
    return status;
}

/* The file opens and has what it must; it stays open. */
static void cut_check(struct cut *cut, struct cut_totals *totals)
{
    struct nanots_error error;
    uint32_t kept = 0;

    if (cut_open(cut, &error) != NANOTS_OK)
        fail_msg("mode %d, cut after call %u: open says %s: %s", (int)cut->sync_mode, cut->begun,
                 nanots_status_name(error.code), error.message);
    cut_require(cut, oracle_scan(&cut->oracle, cut->db));
    cut_require(cut, oracle_check_prefix(&cut->oracle, cut->durable, cut->begun));
    cut_require(cut, oracle_verify(&cut->oracle, cut->db));
    while (kept < cut->begun && oracle_has(&cut->oracle, kept))
        kept++;
    for (uint32_t id = kept; id < cut->begun; id++)
        totals->lost_calls += cut->seqs[id] != 0;
    for (uint32_t id = 0; id < cut->begun; id++)
        cut->seqs[id] = id < kept;
    cut->begun = cut->durable = kept;
}

/* Appends to the recovered file; closes, opens: all is there. */
static void cut_go_on(struct cut *cut)
{
    struct nanots_error error;
    for (uint32_t id = CALLS; id < CALLS + CALLS_AFTER; id++)
        if (oracle_append(&cut->oracle, cut->db, id, &cut->rows, &error) != NANOTS_OK)
            fail_msg("append after recovery: %s", error.message);
    if (cut_close(cut, &error) != NANOTS_OK)
        fail_msg("close after recovery: %s", error.message);
    assert_int_equal(cut_open(cut, &error), NANOTS_OK);
    cut_require(cut, oracle_scan(&cut->oracle, cut->db));
    cut_require(cut, oracle_check_acknowledged(&cut->oracle));
    cut_require(cut, oracle_verify(&cut->oracle, cut->db));
}

/* Opens with the power going at operation `index` of the recovery; false if it is shorter. */
static bool cut_recovery_at(struct cut *cut, uint64_t index)
{
    struct nanots_error error;
    memvfs_crash_at(&cut->disk, index);
    if (cut_open(cut, &error) == NANOTS_OK)
        (void)cut_close(cut, &error);
    return memvfs_crashed(&cut->disk);
}

/* One cut at operation k, the recovery cut at operation j, and what is left. False if k is too
 * far. */
static bool cut_once(struct cut *cut, uint64_t seed, uint64_t k, unsigned reboot,
                     struct cut_totals *totals)
{
    uint64_t random = seed + k * REBOOTS + reboot;

    memvfs_crash_at(&cut->disk, k);
    const bool is_cut = cut_workload(cut) != NANOTS_OK;
    memvfs_reboot(&cut->disk, reboot < 2 ? reboot : seed_next(&random));
    totals->cuts += is_cut;
    totals->merges += cut->merges;
    if (seed_next(&random) % 2 == 0) {
        const bool again = cut_recovery_at(cut, seed_next(&random) % 12);
        memvfs_reboot(&cut->disk, again ? seed_next(&random) % 16 : MEMVFS_KEEP_ALL);
        totals->cuts_of_recovery += again;
    }
    cut_check(cut, totals);
    if (seed_next(&random) % 4 == 0)
        cut_go_on(cut);
    struct nanots_error error;
    assert_int_equal(cut_close(cut, &error), NANOTS_OK);
    return is_cut;
}

static void cut_everywhere(nanots_sync_mode sync_mode, bool no_wal_map, uint32_t spoils)
{
    const uint64_t seed = seed_of_run();
    struct cut_totals totals = {0};
    const char *given = getenv("REBOOTS");
    const unsigned reboots = given == NULL ? 1 : (unsigned)strtoul(given, NULL, 10);
    bool is_cut = true;

    for (uint64_t k = 0; is_cut; k++)
        for (unsigned i = 0; i < reboots; i++) {
            struct cut cut;
            cut_begin(&cut, seed, sync_mode, no_wal_map, spoils);
            if (spoils != 0)
                cut_make_file(&cut);
            is_cut = cut_once(&cut, seed, k, (unsigned)(k + i + seed) % REBOOTS, &totals);
            cut_end(&cut);
        }
    (void)printf(
        "# %llu cuts, %llu of recovery, %llu merges; %llu calls not yet durable were lost\n",
        (unsigned long long)totals.cuts, (unsigned long long)totals.cuts_of_recovery,
        (unsigned long long)totals.merges, (unsigned long long)totals.lost_calls);
    assert_true(totals.cuts > 100);
    assert_int_equal(totals.lost_calls != 0, sync_mode != NANOTS_SYNC_FULL);
}

static void power_cut_in_full_mode_keeps_all_acknowledged(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_FULL, false, 0);
}

static void power_cut_in_normal_mode_keeps_a_prefix(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_NORMAL, false, 0);
}

static void power_cut_in_off_mode_keeps_a_prefix(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_OFF, false, 0);
}

static void power_cut_with_written_log_in_full_mode_keeps_all_acknowledged(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_FULL, true, 0);
}

static void power_cut_with_written_log_in_normal_mode_keeps_a_prefix(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_NORMAL, true, 0);
}

/* Goal: the same on a device on which a torn write may spoil all that its sector of 4 KiB held,
 * with the option that says so. */
static void power_cut_that_spoils_sectors_in_full_mode_keeps_all_acknowledged(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_FULL, false, 4096);
}

static void power_cut_that_spoils_sectors_in_normal_mode_keeps_a_prefix(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_NORMAL, false, 4096);
}

static void power_cut_that_spoils_sectors_of_a_written_log_keeps_all_acknowledged(void **state)
{
    (void)state;
    cut_everywhere(NANOTS_SYNC_FULL, true, 4096);
}

/* Single rows until the log has grown several times, and the power goes at operation k. */
static bool cut_growing(uint64_t k)
{
    struct memvfs disk;
    struct nanots_db *db = NULL;
    struct nanots_error error;

    memvfs_init(&disk);
    disk.size_needs_sync = true;
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = 8 * WAL_BYTES,
                                                .vfs = &disk.vfs};
    memvfs_crash_at(&disk, k);
    nanots_status status = nanots_open(PATH, &options, &db, &error);
    for (int64_t ts = 0; ts < 40000 && status == NANOTS_OK; ts++)
        status = nanots_append(db, "t", ts, (double)ts * 1e-9, NULL, &error);
    (void)nanots_close(db, &error);
    const bool is_cut = memvfs_crashed(&disk);
    memvfs_reboot(&disk, MEMVFS_KEEP_NONE);
    if (nanots_open(PATH, &options, &db, &error) != NANOTS_OK)
        fail_msg("cut at operation %llu: %s", (unsigned long long)k, error.message);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    memvfs_deinit(&disk);
    return is_cut;
}

/* Goal: what a commit says of the file's end is durable with it, also where a flush lists larger
 * extents of the log behind all that it wrote. Method: a disk that makes no more of the size
 * durable than a durable write needs, and loses the rest. */
static void power_cut_behind_a_log_that_grew_leaves_the_file_whole(void **state)
{
    uint64_t k = 0;
    (void)state;
    while (cut_growing(k))
        k++;
    assert_true(k > 30);
}

/* Two tables in a closed file of which the first, of `rows` random values, is dropped, so that the
 * next close moves the second one down to where its own sector begins, or near; the power goes at
 * operation k. */
static bool cut_closing(size_t rows, uint64_t k)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const char *const names[] = {"dropped", "kept"};
    const size_t counts[] = {rows, 480};
    struct memvfs disk;
    struct nanots_db *db = NULL;
    struct nanots_error error;
    struct nanots_verify_report report = {.struct_size = sizeof report};
    uint64_t random = rows * 100 + k;

    memvfs_init(&disk);
    disk.spoils = true;
    disk.sector_size = 4096;
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .sector_size = 4096, .vfs = &disk.vfs};
    assert_int_equal(nanots_open(PATH, &options, &db, &error), NANOTS_OK);
    for (size_t t = 0; t < 2; t++) {
        assert_int_equal(nanots_create_table(db, names[t], &column, 1, &error), NANOTS_OK);
        for (size_t i = 0; i < counts[t]; i++) {
            const double value = (double)(int64_t)seed_next(&random);
            assert_int_equal(nanots_append_row(db, names[t], (int64_t)i, &value, 1, NULL, &error),
                             NANOTS_OK);
        }
        assert_int_equal(nanots_flush(db, &error), NANOTS_OK);
    }
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    assert_int_equal(nanots_open(PATH, &options, &db, &error), NANOTS_OK);
    assert_int_equal(nanots_drop_table(db, "dropped", &error), NANOTS_OK);
    memvfs_crash_at(&disk, k);
    (void)nanots_close(db, &error);
    const bool is_cut = memvfs_crashed(&disk);
    memvfs_reboot(&disk, seed_next(&random));
    if (nanots_open(PATH, &options, &db, &error) != NANOTS_OK)
        fail_msg("%zu rows, cut at operation %llu: %s", rows, (unsigned long long)k, error.message);
    assert_int_equal(nanots_verify(db, NULL, NULL, &report, &error), NANOTS_OK);
    if (report.damage != 0)
        fail_msg("%zu rows, cut at operation %llu: damage", rows, (unsigned long long)k);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    memvfs_deinit(&disk);
    return is_cut;
}

/* Goal: a close that makes a small file writes to no sector of 4 KiB with a byte of what is there,
 * where a torn write may spoil that. */
static void power_cut_in_a_close_spoils_no_segment_beside(void **state)
{
    (void)state;
    for (size_t rows = 400; rows < 1200; rows += 40)
        for (uint64_t k = 0; cut_closing(rows, k); k++)
            continue;
}

#define MERGED_ROWS 100 /* a segment */
#define MERGED      5   /* segments, the last still in the log */

static nanots_status merge_workload(struct nanots_db *db, struct nanots_error *error)
{
    nanots_status status = NANOTS_OK;
    for (int64_t ts = 0; ts < MERGED * MERGED_ROWS && status == NANOTS_OK; ts++) {
        if (ts != 0 && ts % MERGED_ROWS == 0)
            status = nanots_flush(db, error);
        if (status == NANOTS_OK)
            status = nanots_append(db, "t", ts, (double)ts * 1.37, NULL, error);
    }
    return status;
}

/* A merge beside rows in the log; the process dies at operation k of it, and the power goes at
 * operation j of the recovery. Whether either of them came so far. */
static bool cut_after_death(uint32_t sector_size, uint64_t k, uint64_t j, bool *is_cut_out)
{
    struct memvfs disk;
    struct nanots_db *db = NULL;
    struct nanots_error error;
    struct nanots_series series;

    memvfs_init(&disk);
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = NANOTS_SYNC_FULL,
                                                .sector_size = sector_size,
                                                .vfs = &disk.vfs};
    assert_int_equal(nanots_open(PATH, &options, &db, &error), NANOTS_OK);
    assert_int_equal(merge_workload(db, &error), NANOTS_OK);
    db->options.maintenance.max_segments_per_pack = 4;
    memvfs_crash_at(&disk, k);
    const nanots_status status = nanots_maintain(db, NULL, NULL, &error);
    const bool has_died = memvfs_crashed(&disk);
    assert_true(status == NANOTS_OK || has_died);
    (void)nanots_close(db, &error);
    memvfs_reboot(&disk, MEMVFS_KEEP_ALL);
    memvfs_crash_at(&disk, j);
    if (nanots_open(PATH, &options, &db, &error) == NANOTS_OK)
        (void)nanots_close(db, &error);
    *is_cut_out = memvfs_crashed(&disk);
    memvfs_reboot(&disk, MEMVFS_KEEP_NONE);
    if (nanots_open(PATH, &options, &db, &error) != NANOTS_OK)
        fail_msg("death at %d, cut at %d: %s", (int)k, (int)j, error.message);
    if (nanots_query_range(db, "t", INT64_MIN, INT64_MAX, &series, &error) != NANOTS_OK)
        fail_msg("death at %d, cut at %d: %s", (int)k, (int)j, error.message);
    assert_int_equal(series.row_count, MERGED * MERGED_ROWS);
    for (size_t i = 0; i < series.row_count; i++)
        assert_true(series.ts[i] == (int64_t)i && series.values[i] == (double)i * 1.37);
    nanots_free(series.block);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    memvfs_deinit(&disk);
    return has_died;
}

/* Goal: what a recovery builds on is durable before it writes where the commit before had its
 * segments. Method: a commit that is in the page cache alone, and with it space of the one before
 * that is free; the rows of the log go there. */
static void power_cut_after_a_death_keeps_what_the_commit_before_needs(void **state)
{
    static const uint32_t sector_sizes[] = {512, 4096};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bool has_died = true;
        uint64_t k = 0;
        for (; has_died; k++) {
            bool is_cut = true;
            for (uint64_t j = 0; is_cut; j++)
                has_died = cut_after_death(sector_sizes[i], k, j, &is_cut);
        }
        assert_true(k > 3);
    }
}

/* Goal: an opening mends the slot of the superblock that it chose. Method: the first of its copies
 * is torn; a process died. */
static void power_cut_that_tore_a_superblock_is_mended(void **state)
{
    uint8_t copies[2 * NTS_SECTOR_SIZE];
    struct memvfs disk;
    struct nanots_db *db = NULL;
    struct nanots_file *file = NULL;
    struct nanots_error error;
    (void)state;

    memvfs_init(&disk);
    const struct nanots_open_options options = {.struct_size = sizeof options, .vfs = &disk.vfs};
    assert_int_equal(nanots_open(PATH, &options, &db, &error), NANOTS_OK);
    assert_int_equal(nanots_append(db, "t", 1, 1.5, NULL, &error), NANOTS_OK);
    const uint64_t slot = nts_superblock_slot(db->sb.generation);
    memvfs_crash(&disk);
    (void)nanots_close(db, &error);
    memvfs_reboot(&disk, MEMVFS_KEEP_ALL);
    assert_int_equal(nts_vfs_open(&disk.vfs, nts_alloc_libc(), PATH, 0, &file, &error), NANOTS_OK);
    memset(copies, 0x5A, sizeof copies);
    assert_int_equal(file->ops->write_at(file, copies, NTS_SECTOR_SIZE, slot, true, &error),
                     NANOTS_OK);
    file->ops->close(file);
    assert_int_equal(nanots_open(PATH, &options, &db, &error), NANOTS_OK);
    assert_int_equal(db->file->ops->read_at(db->file, copies, sizeof copies, slot, &error),
                     NANOTS_OK);
    assert_memory_equal(copies, copies + NTS_SECTOR_SIZE, NTS_SUPERBLOCK_SIZE);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    memvfs_deinit(&disk);
}

/* Goal: a commit that a full disk denies a new manifest is as durable as any: its edits go where
 * room was kept for that. Method: commits until only that room is left; then nothing is allocated
 * any more, and the power goes behind the commit. */
static void power_cut_behind_a_commit_on_a_full_disk_keeps_it(void **state)
{
    struct memvfs disk;
    struct faultvfs view;
    struct nanots_db *db = NULL;
    struct nanots_error error;
    uint64_t rows = 0;
    (void)state;

    memvfs_init(&disk);
    faultvfs_init(&view, &disk.vfs);
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .sector_size = 4096, .vfs = &view.vfs};
    assert_int_equal(nanots_open(PATH, &options, &db, &error), NANOTS_OK);
    for (int64_t ts = 0; ts < 3 || db->sb.manifest_size + 8192 <= db->sb.manifest_capacity; ts++) {
        assert_int_equal(nanots_append(db, "t", ts, 1.5, NULL, &error), NANOTS_OK);
        assert_int_equal(nanots_flush(db, &error), NANOTS_OK);
    }
    const uint64_t used = db->sb.manifest_size;
    assert_int_equal(nanots_append(db, "t", 1000, 2.5, NULL, &error), NANOTS_OK);
    faultvfs_fail(&view, FAULTVFS_ALLOCATE, 0, ENOSPC, true);
    assert_int_equal(nanots_flush(db, &error), NANOTS_OK);
    assert_true(view.failed);
    assert_int_equal(db->sb.manifest_size, used + 4096);
    assert_int_equal(nanots_row_count(db, "t", &rows, &error), NANOTS_OK);
    memvfs_crash(&disk);
    (void)nanots_close(db, &error);
    memvfs_reboot(&disk, MEMVFS_KEEP_NONE);
    faultvfs_heal(&view);
    if (nanots_open(PATH, &options, &db, &error) != NANOTS_OK)
        fail_msg("%s", error.message);
    uint64_t found = 0;
    assert_int_equal(nanots_row_count(db, "t", &found, &error), NANOTS_OK);
    assert_int_equal(found, rows);
    assert_int_equal(nanots_close(db, &error), NANOTS_OK);
    faultvfs_deinit(&view);
    memvfs_deinit(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut_behind_a_log_that_grew_leaves_the_file_whole),
        cmocka_unit_test(power_cut_in_a_close_spoils_no_segment_beside),
        cmocka_unit_test(power_cut_after_a_death_keeps_what_the_commit_before_needs),
        cmocka_unit_test(power_cut_that_tore_a_superblock_is_mended),
        cmocka_unit_test(power_cut_behind_a_commit_on_a_full_disk_keeps_it),
        cmocka_unit_test(power_cut_in_full_mode_keeps_all_acknowledged),
        cmocka_unit_test(power_cut_in_normal_mode_keeps_a_prefix),
        cmocka_unit_test(power_cut_in_off_mode_keeps_a_prefix),
        cmocka_unit_test(power_cut_with_written_log_in_full_mode_keeps_all_acknowledged),
        cmocka_unit_test(power_cut_with_written_log_in_normal_mode_keeps_a_prefix),
        cmocka_unit_test(power_cut_that_spoils_sectors_in_full_mode_keeps_all_acknowledged),
        cmocka_unit_test(power_cut_that_spoils_sectors_in_normal_mode_keeps_a_prefix),
        cmocka_unit_test(power_cut_that_spoils_sectors_of_a_written_log_keeps_all_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
