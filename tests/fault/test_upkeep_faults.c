/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_upkeep_faults.c - upkeep that fails: in its thread, and on damaged segments (contract
 * I1, I4, I7).
 *
 *   full disk:     the thread counts it and tries again; the appender is told where memory ends
 *   failed write:  the handle is poisoned; the next append says so
 *   damage:        named once; other tables are seen to
 *
 * What the thread does is looked for until it is there; nothing waits for a time to pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <errno.h>

#include "engine/db.h"
#include "support/db_helpers.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"

#define PATH "disk.ntt"

struct upkeep {
    struct memvfs disk;
    struct faultvfs faults;
    struct nanots_db *db;
};

static void upkeep_open(struct upkeep *upkeep, nanots_sync_mode sync_mode, bool with_thread)
{
    const struct nanots_maintenance maintenance = {
        .struct_size = sizeof maintenance, .check_interval_ms = 1, .min_idle_time_ms = 1};
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = sync_mode,
                                                .sync_interval_ms = 1,
                                                .wal_bytes = 64 << 10,
                                                .vfs = &upkeep->faults.vfs,
                                                .auto_maintenance =
                                                    with_thread ? &maintenance : NULL};
    db_ok(nanots_open(PATH, &options, &upkeep->db, &db_error));
}

static void upkeep_begin(struct upkeep *upkeep, nanots_sync_mode sync_mode, bool with_thread)
{
    memvfs_init(&upkeep->disk);
    faultvfs_init(&upkeep->faults, &upkeep->disk.vfs);
    upkeep_open(upkeep, sync_mode, with_thread);
}

static void upkeep_end(struct upkeep *upkeep)
{
    faultvfs_deinit(&upkeep->faults);
    memvfs_deinit(&upkeep->disk);
}

static struct nanots_diagnosis upkeep_diagnose(struct upkeep *upkeep)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(upkeep->db, &diagnosis, &db_error));
    return diagnosis;
}

static void breathe(void)
{
    const struct timespec pause = {0, 1000000};
    (void)nanosleep(&pause, NULL);
}

static uint64_t rows_of(struct nanots_db *db, const char *table)
{
    struct nanots_series series;
    db_ok(nanots_query_range(db, table, INT64_MIN, INT64_MAX, &series, &db_error));
    const uint64_t rows = series.row_count;
    nanots_free(series.block);
    return rows;
}

/* ---- the thread --------------------------------------------------------------------------- */

/* One row, and nobody appends after it: the thread makes it durable. */
static void interval_sync_happens_without_appends(void **state)
{
    struct upkeep upkeep;
    bool is_synced = false;
    (void)state;

    upkeep_begin(&upkeep, NANOTS_SYNC_NORMAL, true);
    db_ok(nanots_append(upkeep.db, "a", 1, 1.0, NULL, &db_error));
    while (!is_synced) {
        nts_mutex_lock(&upkeep.db->write_lock);
        is_synced = upkeep.db->wal.synced.count == upkeep.db->wal.end.count;
        nts_mutex_unlock(&upkeep.db->write_lock);
        breathe();
    }
    db_close(upkeep.db);
    upkeep_end(&upkeep);
}

/* Goal: on a full disk the thread's flush fails and no row is lost; the appender is told as soon as
 * no more can wait; with room again all goes on by itself. */
static void flush_failing_in_the_thread_is_told_and_tried_again(void **state)
{
    struct upkeep upkeep;
    uint64_t rows = 0;
    nanots_status status = NANOTS_OK;
    (void)state;

    upkeep_begin(&upkeep, NANOTS_SYNC_OFF, true);
    db_ok(nanots_append(upkeep.db, "a", 0, 0.0, NULL, &db_error));
    faultvfs_fail(&upkeep.faults, FAULTVFS_ALLOCATE, 0, ENOSPC, true);
    for (rows = 1; status == NANOTS_OK && rows < 1000000; rows++)
        status = nanots_append(upkeep.db, "a", (int64_t)rows, 0.5, NULL, &db_error);
    assert_int_equal(status, NANOTS_NO_SPACE);
    assert_int_equal(db_error.code, NANOTS_NO_SPACE);
    rows--; /* the one that was refused */
    while (upkeep_diagnose(&upkeep).maintenance_failures == 0)
        breathe();
    assert_int_equal(upkeep_diagnose(&upkeep).maintenance_status, NANOTS_NO_SPACE);
    assert_int_equal(upkeep_diagnose(&upkeep).poisoned, 0);
    assert_int_equal(rows_of(upkeep.db, "a"), rows);
    faultvfs_heal(&upkeep.faults);
    while (upkeep_diagnose(&upkeep).maintenance_status != NANOTS_OK)
        breathe();
    assert_true(upkeep_diagnose(&upkeep).flushed_seq > 0);
    db_ok(nanots_append(upkeep.db, "a", (int64_t)rows, 0.5, NULL, &db_error));
    db_close(upkeep.db);
    upkeep_open(&upkeep, NANOTS_SYNC_OFF, false);
    assert_int_equal(rows_of(upkeep.db, "a"), rows + 1);
    db_close(upkeep.db);
    upkeep_end(&upkeep);
}

/* The handle refuses to write after it, and the thread ends with the close as ever. */
static void write_failing_in_the_thread_poisons(void **state)
{
    struct upkeep upkeep;
    nanots_status status = NANOTS_OK;
    (void)state;

    upkeep_begin(&upkeep, NANOTS_SYNC_NORMAL, true);
    db_ok(nanots_append(upkeep.db, "a", 0, 0.0, NULL, &db_error));
    faultvfs_fail(&upkeep.faults, FAULTVFS_WRITE | FAULTVFS_SYNC, 0, EIO, true);
    db_ok(nanots_append(upkeep.db, "a", 1, 1.0, NULL, &db_error));
    while (upkeep_diagnose(&upkeep).poisoned == 0)
        breathe();
    status = nanots_append(upkeep.db, "a", 2, 2.0, NULL, &db_error);
    assert_int_equal(status, NANOTS_POISONED);
    assert_int_equal(nanots_maintain(upkeep.db, NULL, NULL, &db_error), NANOTS_POISONED);
    while (upkeep_diagnose(&upkeep).maintenance_failures == 0)
        breathe();
    assert_int_equal(rows_of(upkeep.db, "a"), 2);
    assert_int_equal(nanots_close(upkeep.db, &db_error), NANOTS_POISONED);
    faultvfs_heal(&upkeep.faults);
    upkeep_open(&upkeep, NANOTS_SYNC_NORMAL, false);
    assert_int_equal(rows_of(upkeep.db, "a"), 2);
    db_close(upkeep.db);
    upkeep_end(&upkeep);
}

/* ---- damage ------------------------------------------------------------------------------- */

/* Overwrites the first bytes of the first segment of `table`, before anyone has read them. */
static void damage_first_segment(struct upkeep *upkeep, const char *table)
{
    static const uint8_t junk[64] = {0xFF, 1, 2, 3};
    struct nanots_table *found = NULL;
    db_ok(nanots_table_open(upkeep->db, table, &found, &db_error));
    const struct nts_segment_entry entry = found->version->segments[0]->entry;
    db_ok(upkeep->db->file->ops->write_at(upkeep->db->file, junk, sizeof junk,
                                          entry.off + entry.size - sizeof junk, true, &db_error));
}

static void fill_four_segments(struct upkeep *upkeep, const char *table)
{
    for (int64_t i = 0; i < 4; i++) {
        struct db_rows rows = db_rows_sine(300, 1, i);
        db_append_all(upkeep->db, table, &rows);
        db_ok(nanots_flush(upkeep->db, &db_error));
        db_rows_free(&rows);
    }
}

static void damage_in_one_table_is_told_once(void **state)
{
    struct upkeep upkeep;
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    (void)state;

    upkeep_begin(&upkeep, NANOTS_SYNC_NORMAL, false);
    db_create(upkeep.db, "broken", 1);
    db_create(upkeep.db, "sound", 1);
    fill_four_segments(&upkeep, "broken");
    fill_four_segments(&upkeep, "sound");
    damage_first_segment(&upkeep, "broken");
    db_fails(nanots_maintain(upkeep.db, NULL, &report, &db_error), NANOTS_CORRUPT, "broken");
    assert_int_equal(report.merges, 1);
    assert_int_equal(report.merged_segments, 4);
    assert_int_equal(rows_of(upkeep.db, "sound"), 1200);
    db_ok(nanots_maintain(upkeep.db, NULL, &report, &db_error));
    assert_int_equal(report.merges, 0);
    (void)nanots_close(upkeep.db, &db_error);
    upkeep_end(&upkeep);
}

/* What is damaged and old as a whole goes all the same. */
static void damage_that_grows_old_goes(void **state)
{
    struct upkeep upkeep;
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    (void)state;

    upkeep_begin(&upkeep, NANOTS_SYNC_NORMAL, false);
    db_create(upkeep.db, "broken", 1);
    fill_four_segments(&upkeep, "broken");
    damage_first_segment(&upkeep, "broken");
    db_fails(nanots_maintain(upkeep.db, NULL, &report, &db_error), NANOTS_CORRUPT, "broken");
    upkeep.db->options.retention_ms = 1000;
    db_ok(nanots_maintain(upkeep.db, NULL, &report, &db_error));
    assert_int_equal(report.removed_rows, 1200);
    db_close(upkeep.db);
    upkeep_end(&upkeep);
}

/* ---- the age of rows ---------------------------------------------------------------------- */

static void rows_that_wait_for_long_are_flushed(void **state)
{
    struct upkeep upkeep;
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    (void)state;

    upkeep_begin(&upkeep, NANOTS_SYNC_NORMAL, false);
    db_ok(nanots_append(upkeep.db, "a", 1, 1.0, NULL, &db_error));
    db_ok(nanots_maintain(upkeep.db, NULL, &report, &db_error));
    assert_int_equal(report.flushed_rows, 0);
    upkeep.db->run->born_ms -= 300000;
    db_ok(nanots_maintain(upkeep.db, NULL, &report, &db_error));
    assert_int_equal(report.flushed_rows, 1);
    db_close(upkeep.db);
    upkeep_end(&upkeep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_sync_happens_without_appends),
        cmocka_unit_test(flush_failing_in_the_thread_is_told_and_tried_again),
        cmocka_unit_test(write_failing_in_the_thread_poisons),
        cmocka_unit_test(damage_in_one_table_is_told_once),
        cmocka_unit_test(damage_that_grows_old_goes),
        cmocka_unit_test(rows_that_wait_for_long_are_flushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
