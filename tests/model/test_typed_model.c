/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* model/test_typed_model.c - tables of all types, units and rules for equal times change at random,
 * and are compared with arrays.
 *
 *   operation -> writer --- after every kind: closed and opened, or a copy recovered as after kill
 *                  |
 *                reader: open since long, refreshed; cursors: open over whatever comes
 *
 * SEED=<n> repeats a run, STEPS=<n> makes it longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/typed_model.h"

#define STEPS_DEFAULT 250u
#define CURSORS       3u

struct held {
    struct nanots_cursor *cursor;
    struct typed_answer answer;
    bool is_of_reader;
};

struct run {
    const struct scratch *scratch;
    struct typed_model model;
    struct nanots_db *db;
    struct nanots_db *reader;
    struct held held[CURSORS];
    uint64_t seed; /* of everything but the operations */
    size_t step;
    const char *last;
};

static void run_require(const struct run *run, const char *where, const char *wrong)
{
    if (wrong != NULL)
        fail_msg("step %zu (%s), %s: %s", run->step, run->last, where, wrong);
}

static void run_open(struct run *run)
{
    struct nanots_open_options options = {.struct_size = sizeof options,
                                          .wal_bytes = (uint64_t)(64 << 10)
                                                       << seed_next(&run->seed) % 4,
                                          .memtable_bytes = 1u << 20};
    run->db = db_open_with(run->scratch->path, &options);
}

static void run_finish_held(struct run *run, struct held *held)
{
    if (held->cursor != NULL)
        run_require(run, "held cursor", typed_query_finish(held->cursor, &held->answer));
    held->cursor = NULL;
}

static void run_finish_cursors(struct run *run, bool of_reader_only)
{
    for (size_t i = 0; i < CURSORS; i++)
        if (run->held[i].is_of_reader || !of_reader_only)
            run_finish_held(run, &run->held[i]);
}

/* Starts a query that others outlive, on either handle. */
static void run_hold_cursor(struct run *run, bool of_reader)
{
    struct held *held = &run->held[seed_next(&run->seed) % CURSORS];
    const size_t t = seed_next(&run->seed) % TYPED_MODEL_TABLES;
    run_finish_held(run, held);
    if (!run->model.tables[t].exists)
        return;
    db_ok(typed_query_open(&run->model, t, &run->seed, of_reader ? run->reader : run->db,
                           &held->cursor, &held->answer, &db_error));
    held->is_of_reader = of_reader;
}

static void run_verify(struct run *run, struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    if (report.damage != 0)
        run_require(run, "verify", "damage");
}

static void run_reopen(struct run *run)
{
    run_finish_cursors(run, false);
    db_close(run->db);
    run_open(run);
    run_require(run, "reopened", typed_model_compare(&run->model, run->db, &run->seed));
}

static void run_kill(struct run *run)
{
    char path[256];
    (void)scratch_path(run->scratch, "copy.ntt", path, sizeof path);
    db_file_copy(run->scratch->path, path);
    struct nanots_db *copy = db_open(path);
    run_require(run, "copy", typed_model_compare(&run->model, copy, &run->seed));
    run_verify(run, copy);
    copy = db_reopen(copy, path);
    run_require(run, "copy again", typed_model_compare(&run->model, copy, &run->seed));
    db_close(copy);
}

/* The reader moves on over any number of changes. */
static void run_refresh(struct run *run)
{
    if (run->reader == NULL) {
        run->reader = db_open_read_only(run->scratch->path);
    } else if (seed_next(&run->seed) % 12 == 0) {
        run_finish_cursors(run, true);
        db_close(run->reader);
        run->reader = db_open_read_only(run->scratch->path);
    }
    db_ok(nanots_refresh(run->reader, NULL, &db_error));
    run_require(run, "reader", typed_model_compare(&run->model, run->reader, &run->seed));
    if (seed_next(&run->seed) % 2 == 0)
        run_hold_cursor(run, true);
}

static void run_look(struct run *run, bool is_change)
{
    const uint64_t dice = seed_next(&run->seed) % 20;
    if (dice < 4 || is_change)
        run_require(run, "writer", typed_model_compare(&run->model, run->db, &run->seed));
    if (dice == 4 || (is_change && dice % 3 == 0))
        run_kill(run);
    if (dice == 5 || (is_change && dice % 3 == 1))
        run_refresh(run);
    if (dice == 6 || (is_change && dice % 6 == 2))
        run_reopen(run);
    if (dice >= 7 && dice < 10)
        run_hold_cursor(run, false);
    if (dice == 10)
        run_verify(run, run->db);
}

static void run_step(struct run *run)
{
    struct typed_op op;
    typed_op_plan(&run->model, &op);
    run->last = typed_op_name(&op);
    db_ok(typed_op_run(&run->model, &op, run->db, &db_error));
    typed_op_apply(&run->model, &op);
    run_look(run, op.kind == TYPED_OP_CREATE || op.kind > TYPED_OP_SYNC);
    typed_op_free(&op);
}

/* Goal: whatever happens to tables of any form, rows and definitions are what the arrays say: for
 * the writer, for a reader, for cursors that stay open, closed and opened, and after a kill. */
static void typed_tables_are_what_the_model_says(void **state)
{
    static struct run run;
    const char *steps = getenv("STEPS");
    const size_t count = steps == NULL ? STEPS_DEFAULT : strtoull(steps, NULL, 10);
    const uint64_t seed = seed_of_run();
    memset(&run, 0, sizeof run);
    run.scratch = *state;
    run.seed = seed + 1;
    typed_model_init(&run.model, seed, 300);
    run.model.has_bulk = true;
    run_open(&run);
    for (run.step = 0; run.step < count; run.step++)
        run_step(&run);
    run_finish_cursors(&run, false);
    run_verify(&run, run.db);
    run_reopen(&run);
    if (run.reader != NULL)
        db_close(run.reader);
    db_close(run.db);
    typed_model_deinit(&run.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(typed_tables_are_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
