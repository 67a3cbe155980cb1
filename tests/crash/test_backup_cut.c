/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_backup_cut.c - the power goes at every operation of backups and repairs (B1 to B3
 * and R4 of docs/recovery.md).
 *
 *   source: operations from a seed -> backup -> more -> incremental -> ... -> replaced
 *                                       |              |
 *   disk of the backups:                +--- power cut at k ---> reboot
 *     the file is the last backup that ended, or the one that was cut, or it does not open; then a
 *     backup brings it up to date
 *
 * Tables of all types: what a backup holds is compared with the state after so many operations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/db.h"
#include "nanots.h"
#include "support/memvfs.h"
#include "support/seed.h"
#include "support/typed_model.h"

#define PATH      "disk.ntt"
#define OUT       "backup.ntt"
#define STEPS     4u
#define STEP_OPS  12u
#define ROWS_MOST 300u

struct cut {
    struct memvfs source;
    struct memvfs disk;
    uint64_t seed;
    struct nanots_db *db;
    struct typed_model model;
    size_t count;     /* operations so far */
    size_t ended;     /* operations in the last backup that ended; SIZE_MAX: none did */
    bool may_be_lost; /* a backup that replaces was begun */
};

static void cut_require(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        fail_msg("%s: %s", nanots_status_name(status), error->message);
}

static void cut_begin(struct cut *cut, uint64_t seed, uint32_t sector_size)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sector_size = sector_size,
                                                .wal_bytes = 64u << 10,
                                                .vfs = &cut->source.vfs};
    struct nanots_error error;
    cut->db = NULL;
    cut->seed = seed;
    cut->count = 0;
    cut->ended = SIZE_MAX;
    cut->may_be_lost = false;
    memvfs_init(&cut->source);
    memvfs_init(&cut->disk);
    cut->disk.spoils = sector_size == 4096;
    cut->disk.sector_size = sector_size;
    typed_model_init(&cut->model, seed, ROWS_MOST);
    cut->model.has_bulk = true;
    cut_require(nanots_open(PATH, &options, &cut->db, &error), &error);
}

static void cut_end(struct cut *cut)
{
    struct nanots_error error;
    cut_require(nanots_close(cut->db, &error), &error);
    typed_model_deinit(&cut->model);
    memvfs_deinit(&cut->disk);
    memvfs_deinit(&cut->source);
}

static void cut_work(struct cut *cut)
{
    for (size_t i = 0; i < STEP_OPS; i++, cut->count++) {
        struct nanots_error error;
        struct typed_op op;
        typed_op_plan(&cut->model, &op);
        cut_require(typed_op_run(&cut->model, &op, cut->db, &error), &error);
        typed_op_apply(&cut->model, &op);
        typed_op_free(&op);
    }
}

static nanots_status cut_backup(struct cut *cut, uint32_t flags, struct nanots_error *error)
{
    const struct nanots_backup_options options = {
        .struct_size = sizeof options, .flags = flags, .vfs = &cut->disk.vfs};
    return nanots_backup(cut->db, OUT, &options, NULL, error);
}

/* Backups until the power goes; true if it did. */
static bool cut_backups(struct cut *cut)
{
    for (unsigned step = 0; step < STEPS; step++) {
        const uint32_t flags = step == 0           ? 0
                               : step == STEPS - 1 ? NANOTS_BACKUP_REPLACE
                                                   : NANOTS_BACKUP_INCREMENTAL;
        struct nanots_error error;
        cut_work(cut);
        cut->may_be_lost = flags == NANOTS_BACKUP_REPLACE;
        const nanots_status status = cut_backup(cut, flags, &error);
        if (memvfs_crashed(&cut->disk))
            return true;
        cut_require(status, &error);
        cut->ended = cut->count;
    }
    return false;
}

/* What an open file holds: nothing yet, or the state of either backup. */
static void cut_check_content(struct cut *cut, struct nanots_db *db, uint64_t k)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_table_list list;
    struct nanots_error error;
    char first[400] = "";
    cut_require(nanots_verify(db, NULL, NULL, &report, &error), &error);
    assert_int_equal(report.damage, 0);
    cut_require(nanots_list_tables(db, &list, &error), &error);
    const size_t table_count = list.count;
    nanots_free(list.block);
    if (table_count == 0 && (cut->ended == SIZE_MAX || cut->may_be_lost)) {
        assert_int_equal(db->sb.generation, 0); /* a commit without the tables would be a lie */
        return;
    }
    for (unsigned which = 0; which < 2; which++) {
        const size_t count = which == 0 ? cut->count : cut->ended;
        struct typed_model model;
        uint64_t seed = cut->seed;
        if (count == SIZE_MAX)
            continue;
        typed_model_make(&model, cut->seed, ROWS_MOST, true, count);
        const char *wrong = typed_model_compare(&model, db, &seed);
        typed_model_deinit(&model);
        if (wrong == NULL)
            return;
        (void)snprintf(first, sizeof first, "%.390s", wrong);
    }
    fail_msg("cut %llu: neither of the backups of %zu and %zu operations: %s",
             (unsigned long long)k, cut->count, cut->ended, first);
}

static void cut_check(struct cut *cut, uint64_t k)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = NANOTS_OPEN_READ_ONLY, .vfs = &cut->disk.vfs};
    const bool may_fail = cut->ended == SIZE_MAX || cut->may_be_lost;
    struct nanots_error error;
    struct nanots_db *db = NULL;
    const nanots_status status = nanots_open(OUT, &options, &db, &error);
    if (status == NANOTS_OK) {
        cut_check_content(cut, db, k);
        cut_require(nanots_close(db, &error), &error);
    } else if (!may_fail || (status != NANOTS_NOT_FOUND && status != NANOTS_CORRUPT &&
                             (status != NANOTS_NOT_A_DATABASE || !cut->disk.spoils))) {
        fail_msg("cut %llu: %s: %s", (unsigned long long)k, nanots_status_name(status),
                 error.message);
    }
    cut_require(
        cut_backup(cut, may_fail ? NANOTS_BACKUP_REPLACE : NANOTS_BACKUP_INCREMENTAL, &error),
        &error);
    cut->ended = cut->count;
    cut_require(nanots_open(OUT, &options, &db, &error), &error);
    cut_check_content(cut, db, k);
    cut_require(nanots_close(db, &error), &error);
}

static bool cut_once(uint64_t seed, uint64_t k, uint32_t sector_size)
{
    struct cut cut;
    uint64_t random = seed + k;
    cut_begin(&cut, seed, sector_size);
    memvfs_crash_at(&cut.disk, k);
    const bool is_cut = cut_backups(&cut);
    memvfs_reboot(&cut.disk, k % 4 < 2 ? k % 4 : seed_next(&random));
    cut_check(&cut, k);
    cut_end(&cut);
    return is_cut;
}

static void backups_survive_a_power_cut(void **state)
{
    const uint64_t seed = seed_of_run();
    uint64_t k = 0;
    (void)state;
    while (cut_once(seed, k, 512))
        k++;
    (void)printf("# %llu cuts\n", (unsigned long long)k);
    assert_true(k > 20);
}

/* Goal: a backup spoils no sector that a former one needs, on a device like that of the database.
 * Method: many ways to spoil at each operation. */
static void backups_survive_a_power_cut_that_spoils_sectors(void **state)
{
    const uint64_t seed = seed_of_run();
    uint64_t cuts = 0;
    (void)state;
    for (uint64_t way = 0; way < 2; way++)
        for (uint64_t k = 0; cut_once(seed + way * 4, k, 4096); k++)
            cuts++;
    (void)printf("# %llu cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 40);
}

/* ---- repairs -------------------------------------------------------------------------------- */

/* Goal: a repair that is cut leaves the damaged file as it is, and no file that opens with less
 * than all. Method: a whole file, so that all is known; its superblock is there or not. */
static bool repair_once(uint64_t seed, uint64_t k)
{
    struct nanots_open_options read_only = {.struct_size = sizeof read_only,
                                            .flags = NANOTS_OPEN_READ_ONLY};
    struct nanots_repair_options repair = {.struct_size = sizeof repair};
    struct nanots_error error;
    struct cut cut;
    uint64_t random = seed + k;
    cut_begin(&cut, seed, 512);
    repair.vfs = &cut.disk.vfs;
    read_only.vfs = &cut.disk.vfs;
    cut_work(&cut);
    cut_require(cut_backup(&cut, 0, &error), &error); /* the file to be repaired */
    memvfs_crash_at(&cut.disk, k);
    const nanots_status status = nanots_repair(OUT, "repaired.ntt", &repair, NULL, &error);
    const bool is_cut = memvfs_crashed(&cut.disk);
    if (!is_cut)
        cut_require(status, &error);
    memvfs_reboot(&cut.disk, k % 4 < 2 ? k % 4 : seed_next(&random));
    struct nanots_db *db = NULL;
    const nanots_status opened = nanots_open("repaired.ntt", &read_only, &db, &error);
    assert_true(opened == NANOTS_OK || opened == NANOTS_CORRUPT || opened == NANOTS_NOT_FOUND);
    assert_true(is_cut || opened == NANOTS_OK);
    cut.may_be_lost = is_cut;
    if (opened == NANOTS_OK) {
        cut_check_content(&cut, db, k);
        cut_require(nanots_close(db, &error), &error);
    }
    cut.may_be_lost = false;
    cut_require(nanots_open(OUT, &read_only, &db, &error), &error);
    cut_check_content(&cut, db, k);
    cut_require(nanots_close(db, &error), &error);
    repair.flags = NANOTS_REPAIR_REPLACE;
    cut_require(nanots_repair(OUT, "repaired.ntt", &repair, NULL, &error), &error);
    cut_require(nanots_open("repaired.ntt", &read_only, &db, &error), &error);
    cut_check_content(&cut, db, k);
    cut_require(nanots_close(db, &error), &error);
    cut_end(&cut);
    return is_cut;
}

static void repairs_survive_a_power_cut(void **state)
{
    const uint64_t seed = seed_of_run();
    uint64_t k = 0;
    (void)state;
    while (repair_once(seed, k))
        k++;
    (void)printf("# %llu cuts\n", (unsigned long long)k);
    assert_true(k > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backups_survive_a_power_cut),
        cmocka_unit_test(backups_survive_a_power_cut_that_spoils_sectors),
        cmocka_unit_test(repairs_survive_a_power_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
