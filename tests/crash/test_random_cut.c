/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash/test_random_cut.c - the power goes at every operation of random workloads (contract I1,
 * I2, I3, B2).
 *
 *   a life:    op 1 --- op 2 --- op 3 --- ...            ops from a seed: the state after n of them
 *                    |        |                          has a digest known before
 *      power cut at an operation of the disk, unsynced sectors and pages old or new by seed
 *                    |        +--> a life: open: the state after n ops; ops n + 1, n + 2 ...
 *                    |                  |             |
 *                    +--> a life        +--> lives    +--> lives    cut in mid-recovery and later
 *
 * What n may be: at most the ops begun; at least those that were durable on return, in mode full
 * all that were acknowledged, in every mode all of them where the system lives on (MEMVFS_KEEP_ALL)
 * and all that a recovery had found once it has ended. A reader that looks first sees the same. A
 * backup is that of the op before which it ended, or of the one that was cut, or does not open.
 *
 * Ops: appends of batches, rows and bulk, groups committed and rolled back, flush, sync, pack,
 * retention, tables made, renamed and dropped, columns added and renamed; between them merges,
 * backups, closes, and sectors that become durable before their time. Modes: full, normal, off;
 * mapped and written logs; disks that spoil sectors of 4 KiB, and such as keep a size only when
 * synced.
 *
 * CUTS=<n> in the environment: at least so many cuts that left different images (2400); from 15000
 * on at every operation, with less at some. The seed is fixed unless SEED says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nanots.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/seed.h"
#include "support/typed_model.h"

#define PATH      "disk.ntt"
#define BACKUP    "backup.ntt"
#define OPS       40u
#define ROWS_MOST 40u
#define NEVER     SIZE_MAX
#define USUAL     2400u
#define ALL       15000u /* from so many on, every operation is cut at */
#define SEED_BASE 20u
#define DEPTH_MAX 2u /* lives after a cut of a life after a cut */
#define GO_ON_OPS 4u /* of a life that is not the first */

struct cut_kind {
    const char *name;
    nanots_sync_mode sync_mode;
    bool no_wal_map;
    bool spoils; /* a torn write makes noise of its sector of 4 KiB */
    bool size_needs_sync;
};

static const struct cut_kind kinds[] = {
    {"full", NANOTS_SYNC_FULL, false, false, false},
    {"normal", NANOTS_SYNC_NORMAL, false, false, false},
    {"off", NANOTS_SYNC_OFF, false, false, false},
    {"full, written log", NANOTS_SYNC_FULL, true, false, false},
    {"normal, written log", NANOTS_SYNC_NORMAL, true, false, false},
    {"off, written log", NANOTS_SYNC_OFF, true, false, false},
    {"full, spoiled sectors", NANOTS_SYNC_FULL, false, true, false},
    {"normal, spoiled sectors", NANOTS_SYNC_NORMAL, false, true, false},
    {"full, written log, spoiled sectors", NANOTS_SYNC_FULL, true, true, false},
    {"full, size needs a sync", NANOTS_SYNC_FULL, false, false, true},
    {"normal, size needs a sync", NANOTS_SYNC_NORMAL, false, false, true},
    {"off, size needs a sync", NANOTS_SYNC_OFF, true, false, true},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* One workload with all that comes of it. */
struct cut_run {
    const struct cut_kind *kind;
    uint64_t seed;
    uint64_t random;
    uint64_t digests[OPS + 1]; /* after so many ops */
    uint64_t odds;             /* of a cut at an operation of the first life: one in so many */
    uint64_t cuts;
    uint64_t *seen; /* hash set of images */
    size_t seen_size;
    size_t images;
    size_t cuts_of_recovery;
    size_t lost_ops; /* acknowledged, and allowed to go */
};

/* One disk from a start of the program on. */
struct life {
    struct cut_run *run;
    const struct life *parent; /* that was cut */
    struct memvfs disk;
    struct faultvfs view; /* of the disk: may lack mappings for the log */
    struct nanots_db *db;
    unsigned depth;
    uint64_t operation;  /* of the disk, at which a cut is tried */
    uint64_t way;        /* in which it lost what was not durable: the seed of memvfs_reboot */
    size_t begun;        /* ops */
    size_t acknowledged; /* those that must be seen, and ... */
    size_t durable;      /* ... those that must still be after a power cut */
    bool is_open;
    size_t backup_ended;  /* ops in the last one that ended */
    size_t backup_going;  /* ops in the one that goes on */
    bool may_lose_backup; /* one that replaces was begun */
    bool backup_is_ahead; /* of the database, which refuses to go on with it */
    bool backup_is_open;  /* which one the platter has: what this life sees may not be durable */
    const char *doing;
};

static uint64_t dice(struct cut_run *run, uint64_t end)
{
    return seed_next(&run->random) % end;
}

/* Says where a life came from, from the first one on. */
static void life_name(const struct life *life, char *text, size_t size)
{
    if (life->parent != NULL)
        life_name(life->parent, text, size);
    const size_t used = strlen(text);
    (void)snprintf(text + used, size - used, " > op %zu (%s), operation %llu", life->begun,
                   life->doing, (unsigned long long)life->operation);
    const size_t more = strlen(text);
    (void)snprintf(text + more, size - more, ", way %llx, durable %zu",
                   (unsigned long long)life->way, life->durable);
}

static void life_require(const struct life *life, bool holds, const char *what)
{
    char text[600] = "";
    if (holds)
        return;
    life_name(life, text, sizeof text);
    fail_msg("workload %llu, %s%s: %s", (unsigned long long)life->run->seed, life->run->kind->name,
             text, what);
}

static void life_ok(const struct life *life, nanots_status status, const struct nanots_error *error)
{
    life_require(life, status == NANOTS_OK, status == NANOTS_OK ? "" : error->message);
}

/* ---- images ------------------------------------------------------------------------------- */

/* Whether no cut left this image, of which as much is promised, before. */
static bool run_is_new(struct cut_run *run, uint64_t key)
{
    key |= 1;
    for (size_t at = key % run->seen_size;; at = (at + 1) % run->seen_size) {
        if (run->seen[at] == key)
            return false;
        if (run->seen[at] == 0) {
            run->seen[at] = key;
            run->images++;
            assert_true(run->images < run->seen_size);
            return true;
        }
    }
}

/* ---- a life ------------------------------------------------------------------------------- */

static void life_cut(void *context);

static void life_init(struct life *life)
{
    faultvfs_init(&life->view, &life->disk.vfs);
    life->view.no_wal_map = life->run->kind->no_wal_map;
    life->doing = "open";
    if (life->depth < DEPTH_MAX) {
        life->disk.at_operation = life_cut;
        life->disk.at_context = life;
    }
}

static void life_deinit(struct life *life)
{
    faultvfs_deinit(&life->view);
    memvfs_deinit(&life->disk);
}

static nanots_status life_open(struct life *life, uint32_t flags, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .sync_mode = life->run->kind->sync_mode,
                                                .sync_interval_ms = UINT32_MAX,
                                                .sector_size = life->run->kind->spoils ? 4096 : 0,
                                                .wal_bytes = 64u << 10,
                                                .vfs = &life->view.vfs};
    life->doing = "open";
    return nanots_open(PATH, &options, &life->db, error);
}

static void life_close(struct life *life)
{
    struct nanots_error error;
    life->doing = "close";
    life_ok(life, nanots_close(life->db, &error), &error);
    life->db = NULL;
}

/* All that was acknowledged is durable. */
static void life_settled(struct life *life)
{
    life->durable = life->acknowledged;
}

static void life_reopen(struct life *life)
{
    struct nanots_error error;
    life_close(life);
    life_settled(life);
    life_ok(life, life_open(life, 0, &error), &error);
}

static void life_backup(struct life *life)
{
    const bool is_first = life->backup_ended == NEVER;
    const bool replaces = is_first || life->backup_is_ahead || dice(life->run, 4) == 0;
    const struct nanots_backup_options options = {.struct_size = sizeof options,
                                                  .flags = replaces ? NANOTS_BACKUP_REPLACE
                                                                    : NANOTS_BACKUP_INCREMENTAL};
    struct nanots_error error;
    life->doing = "backup";
    life->backup_going = life->begun;
    life->may_lose_backup = replaces;
    life_ok(life, nanots_backup(life->db, BACKUP, &options, NULL, &error), &error);
    life->backup_ended = life->begun;
    life->may_lose_backup = life->backup_is_ahead = false;
}

static void life_maintain(struct life *life)
{
    struct nanots_error error;
    life->doing = "maintain";
    life_ok(life, nanots_maintain(life->db, NULL, NULL, &error), &error);
}

static bool op_is_durable(const struct typed_op *op, nanots_sync_mode mode)
{
    return mode == NANOTS_SYNC_FULL || op->kind >= TYPED_OP_FLUSH;
}

/* One op of the workload, then what is between two of them. */
static void life_step(struct life *life, struct typed_model *model)
{
    struct nanots_error error;
    struct typed_op op;
    typed_op_plan(model, &op);
    life->begun++;
    life->doing = typed_op_name(&op);
    life_ok(life, typed_op_run(model, &op, life->db, &error), &error);
    typed_op_apply(model, &op);
    life->acknowledged = life->begun;
    if (op_is_durable(&op, life->run->kind->sync_mode))
        life_settled(life);
    typed_op_free(&op);
    if (dice(life->run, 3) == 0)
        memvfs_write_back(&life->disk, seed_next(&life->run->random));
    life->doing = "pause";
    if (life->disk.at_operation != NULL)
        life_cut(life); /* what was stored through a mapping since the last operation */
    switch (dice(life->run, 16)) {
    case 0:
        life_reopen(life);
        break;
    case 1:
        if (!life->backup_is_open)
            life_backup(life);
        break;
    case 2:
        life_maintain(life);
        break;
    default:
        break;
    }
}

/* Ops from where the life is up to `end` of them. */
static void life_go_on(struct life *life, size_t end)
{
    struct typed_model model;
    typed_model_make(&model, life->run->seed, ROWS_MOST, true, life->begun);
    while (life->begun < end)
        life_step(life, &model);
    typed_model_deinit(&model);
}

/* ---- what is left ------------------------------------------------------------------------- */

/* The number of ops whose state the database holds: the greatest of those that are right. */
static size_t life_state(const struct life *life, struct nanots_db *db, size_t least, size_t most)
{
    struct nanots_error error;
    uint64_t digest = 0;
    char what[200];
    life_ok(life, typed_db_digest(db, &digest, &error), &error);
    for (size_t n = most + 1; n-- > least;)
        if (life->run->digests[n] == digest)
            return n;
    (void)snprintf(what, sizeof what, "no state of %zu to %zu ops", least, most);
    for (size_t n = 0; n <= OPS; n++)
        if (life->run->digests[n] == digest)
            (void)snprintf(what, sizeof what, "the state of %zu ops, not of %zu to %zu", n, least,
                           most);
    life_require(life, false, what);
    return 0;
}

static void life_verify(const struct life *life, struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    life_ok(life, nanots_verify(db, NULL, NULL, &report, &error), &error);
    life_require(life, report.damage == 0, "damage");
}

/* The queries of typed_model.h, of which some are random. */
static void life_compare(struct life *life, size_t n)
{
    struct typed_model model;
    typed_model_make(&model, life->run->seed, ROWS_MOST, true, n);
    const char *wrong = typed_model_compare(&model, life->db, &life->run->random);
    typed_model_deinit(&model);
    life_require(life, wrong == NULL, wrong == NULL ? "" : wrong);
}

/* Whether a backup that opens holds nothing yet. */
static bool backup_is_empty(const struct life *life, struct nanots_db *db)
{
    struct nanots_table_list list;
    struct nanots_error error;
    life_ok(life, nanots_list_tables(db, &list, &error), &error);
    nanots_free(list.block);
    return list.count == 0;
}

/* Finds out which of the backups that it may be is there. */
static void life_check_backup(struct life *life)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = NANOTS_OPEN_READ_ONLY, .vfs = &life->view.vfs};
    const size_t candidates[] = {life->backup_going, life->backup_ended};
    const bool may_fail = life->backup_ended == NEVER || life->may_lose_backup;
    struct nanots_error error;
    struct nanots_db *db = NULL;
    uint64_t digest = 0;
    size_t found = NEVER;

    if (candidates[0] == NEVER)
        return;
    const nanots_status status = nanots_open(BACKUP, &options, &db, &error);
    if (status != NANOTS_OK) {
        life_require(life,
                     may_fail && (status == NANOTS_NOT_FOUND || status == NANOTS_CORRUPT ||
                                  (status == NANOTS_NOT_A_DATABASE && life->run->kind->spoils)),
                     error.message);
    } else {
        life_ok(life, typed_db_digest(db, &digest, &error), &error);
        for (size_t i = 0; i < 2 && found == NEVER; i++)
            if (candidates[i] != NEVER && digest == life->run->digests[candidates[i]])
                found = candidates[i];
        life_require(life, found != NEVER || (may_fail && backup_is_empty(life, db)),
                     "a backup of neither state");
        if (found != NEVER && dice(life->run, 4) == 0)
            life_verify(life, db);
        life_ok(life, nanots_close(db, &error), &error);
    }
    life->backup_is_open = life->way == MEMVFS_KEEP_ALL;
    if (life->backup_is_open)
        return;
    life->backup_ended = life->backup_going = found;
    life->may_lose_backup = false;
}

/* What a reader sees that looks first. */
static size_t life_look(struct life *life)
{
    struct nanots_error error;
    if (dice(life->run, 4) != 0)
        return NEVER;
    const nanots_status status = life_open(life, NANOTS_OPEN_READ_ONLY, &error);
    if (status == NANOTS_NOT_FOUND && life->acknowledged == 0)
        return NEVER;
    life_ok(life, status, &error);
    const size_t seen = life_state(life, life->db, life->acknowledged, life->begun);
    life_close(life);
    return seen;
}

/* Opens, finds the state, and may go on. */
static void life_after_cut(struct life *life)
{
    struct nanots_error error;
    const size_t seen = life_look(life);
    life_ok(life, life_open(life, 0, &error), &error);
    life->doing = "check";
    const size_t found = life_state(life, life->db, life->acknowledged, life->begun);
    life_require(life, seen == NEVER || life->run->digests[seen] == life->run->digests[found],
                 "a reader saw another state");
    if (dice(life->run, 4) == 0)
        life_verify(life, life->db);
    if (dice(life->run, 8) == 0)
        life_compare(life, found);
    life_check_backup(life);
    if (life->parent->acknowledged > found)
        life->run->lost_ops += life->parent->acknowledged - found;
    life->begun = life->acknowledged = life->durable = found;
    life->backup_is_ahead = life->backup_ended != NEVER && life->backup_ended > found;
    if (dice(life->run, 4) == 0) {
        const size_t end = found + GO_ON_OPS < OPS ? found + GO_ON_OPS : OPS;
        life_go_on(life, end);
        life_reopen(life);
        (void)life_state(life, life->db, end, end);
    }
    life_close(life);
}

/* The power goes here, in one of many ways, for a branch of the disk. */
static void life_cut(void *context)
{
    struct life *life = context;
    struct cut_run *run = life->run;
    const uint64_t way = dice(run, 6);
    const uint64_t seed = way < 2 ? way : seed_next(&run->random);

    life->operation++;
    if (dice(run, life->depth == 0 ? run->odds : 6) != 0)
        return;
    struct life *next = calloc(1, sizeof *next);
    assert_non_null(next);
    *next = (struct life){.run = run,
                          .parent = life,
                          .depth = life->depth + 1,
                          .way = seed,
                          .begun = life->begun,
                          .durable = life->durable,
                          .backup_ended = life->backup_ended,
                          .backup_going = life->backup_going,
                          .may_lose_backup = life->may_lose_backup};
    next->acknowledged = seed == MEMVFS_KEEP_ALL ? life->acknowledged : life->durable;
    memvfs_branch(&life->disk, seed, &next->disk);
    life_init(next);
    run->cuts++;
    run->cuts_of_recovery += life->depth != 0;
    if (run_is_new(run, memvfs_fingerprint(&next->disk) + next->acknowledged))
        life_after_cut(next);
    life_deinit(next);
    free(next);
}

/* ---- runs --------------------------------------------------------------------------------- */

static void run_plan(struct cut_run *run)
{
    struct typed_model model;
    typed_model_init(&model, run->seed, ROWS_MOST);
    model.has_bulk = true;
    for (size_t n = 0; n <= OPS; n++) {
        struct typed_op op;
        run->digests[n] = typed_model_digest(&model);
        typed_op_plan(&model, &op);
        typed_op_apply(&model, &op);
        typed_op_free(&op);
    }
    typed_model_deinit(&model);
}

/* A workload from an empty disk on. Where sectors are spoiled the first commit is not safe. */
static void run_workload(struct cut_run *run)
{
    struct life *life = calloc(1, sizeof *life);
    struct nanots_error error;
    assert_non_null(life);
    *life = (struct life){.run = run, .backup_ended = NEVER, .backup_going = NEVER};
    memvfs_init(&life->disk);
    life->disk.spoils = run->kind->spoils;
    life->disk.sector_size = run->kind->spoils ? 4096 : life->disk.sector_size;
    life->disk.size_needs_sync = run->kind->size_needs_sync;
    life_init(life);
    if (run->kind->spoils) {
        life->disk.at_operation = NULL;
        life_ok(life, life_open(life, 0, &error), &error);
        life_go_on(life, 1);
        life_reopen(life);
        life->disk.at_operation = life_cut;
    } else {
        life_ok(life, life_open(life, 0, &error), &error);
    }
    life_go_on(life, OPS);
    life_close(life);
    life_deinit(life);
    free(life);
}

static void random_workloads_survive_power_cuts(void **state)
{
    const uint64_t seed = seed_given_or(SEED_BASE);
    const uint64_t wanted = seed_amount("CUTS", USUAL);
    struct cut_run run = {.seen_size = (size_t)(4 * wanted + 40000),
                          .odds = wanted < ALL ? 1 + ALL / (wanted + 1) : 1};
    uint64_t workloads = 0;
    (void)state;

    run.seen = calloc(run.seen_size, sizeof *run.seen);
    assert_non_null(run.seen);
    for (; run.images < wanted || workloads < KINDS; workloads++) {
        run.kind = &kinds[workloads % KINDS];
        run.seed = run.random = seed * 1000003 + workloads;
        run_plan(&run);
        run_workload(&run);
    }
    free(run.seen);
    (void)printf("# %llu workloads, %llu cuts, %zu of them after a cut, %zu different images; %zu "
                 "operations not yet durable were lost\n",
                 (unsigned long long)workloads, (unsigned long long)run.cuts, run.cuts_of_recovery,
                 run.images, run.lost_ops);
    assert_true(run.images >= wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_workloads_survive_power_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
