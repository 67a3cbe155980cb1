/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/model/test_model.c - random operations, compared row by row with arrays in memory.
 *
 * Three tables are appended to in every way, in groups too, of which some stay open over other
 * operations and some are rolled back; flushed, packed, cut, closed and reopened; queries
 * with random ranges, columns, limits and directions must give what the arrays give, bit for bit.
 * Cursors stay open over other operations, and now and then a copy of the live file, which is what
 * kill -9 would leave, must hold every row. A third of the sessions have a size limit: what it
 * takes are rows that were there, and so many as the diagnosis says.
 *
 * SEED=<n> repeats a run, STEPS=<n> makes it longer. A failure prints the last operations.
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

#define MODEL_TABLES      3u
#define MODEL_CURSORS     3u
#define MODEL_ROWS_MAX    60000u
#define MODEL_COLUMNS_MAX 5u
#define MODEL_STEPS       600u
#define MODEL_TRACE       16u

static const char *const model_names[MODEL_TABLES] = {"narrow", "pair", "wide"};
static const size_t model_widths[MODEL_TABLES] = {1, 2, MODEL_COLUMNS_MAX};
static const char *const model_columns[MODEL_COLUMNS_MAX] = {"c0", "c1", "c2", "c3", "c4"};

struct model_table {
    struct db_rows rows; /* sorted, unless `is_unsorted` */
    bool is_unsorted;
    int64_t clock; /* where the next rows in order go on */
    struct nanots_table *handle;
};

struct model_cursor {
    struct nanots_cursor *cursor;
    struct db_rows wanted;
};

struct model {
    const struct scratch *scratch;
    struct nanots_db *db;
    struct model_table tables[MODEL_TABLES];
    struct model_cursor cursors[MODEL_CURSORS];
    struct nanots_group *group; /* or NULL */
    struct db_rows grouped[MODEL_TABLES];
    uint64_t max_bytes;  /* of this session; 0: any */
    uint64_t limit_rows; /* the last that the diagnosis said of it */
    uint64_t limit_total;
    uint64_t seed;
    uint64_t step;
    char trace[MODEL_TRACE][80];
};

static uint64_t model_below(struct model *model, uint64_t end)
{
    return seed_next(&model->seed) % end;
}

/* Notes an operation for the case that it, or a later one, goes wrong. */
#define model_note(model, ...)                                                                     \
    (void)snprintf((model)->trace[(model)->step % MODEL_TRACE], sizeof(model)->trace[0],           \
                   __VA_ARGS__)

static const struct db_rows *model_sorted(struct model_table *table)
{
    if (table->is_unsorted)
        db_rows_sort(&table->rows);
    table->is_unsorted = false;
    return &table->rows;
}

/* ---- appends ------------------------------------------------------------------------------ */

static double model_value(struct model *model, int64_t row)
{
    switch (model_below(model, 4)) {
    case 0:
        return db_odd_value(model_below(model, DB_ODD_VALUE_COUNT));
    case 1:
        return db_from_bits(seed_next(&model->seed));
    case 2:
        return (double)row;
    default:
        return (double)(row % 1000) * 0.1;
    }
}

/* A batch in one of the orders of time that occur; `count` rows. */
static struct db_rows model_batch(struct model *model, struct model_table *table, size_t count)
{
    const uint64_t order = model_below(model, 8);
    const bool is_plain = model_below(model, 3) != 0;
    struct db_rows batch = db_rows_new(table->rows.column_count);

    for (size_t i = 0; i < count; i++) {
        double values[MODEL_COLUMNS_MAX];
        int64_t ts = table->clock;
        if (order < 4)
            table->clock += order == 0 ? (int64_t)model_below(model, 3) : 1000;
        else if (order < 7)
            ts -= (int64_t)model_below(model, 3000000);
        else if (model_below(model, 50) == 0)
            ts = (int64_t)seed_next(&model->seed);
        for (size_t c = 0; c < batch.column_count; c++) {
            const double value =
                is_plain ? (double)(ts % 500) * 0.5 + (double)c : model_value(model, ts);
            memcpy(&values[c], &value, sizeof value);
        }
        db_rows_add(&batch, ts, values);
    }
    return batch;
}

static void model_append_columns(struct model *model, size_t t, const struct db_rows *batch)
{
    const size_t width = batch->column_count;
    double *values = test_calloc(batch->row_count * width + 1, sizeof *values);
    const double *columns[MODEL_COLUMNS_MAX];

    for (size_t c = 0; c < width; c++) {
        columns[c] = values + c * batch->row_count;
        for (size_t i = 0; i < batch->row_count; i++)
            memcpy(&values[c * batch->row_count + i], &batch->values[i * width + c],
                   sizeof *values);
    }
    db_ok(nanots_append_columns(model->db, model_names[t], batch->ts, columns, batch->row_count,
                                width, NULL, &db_error));
    test_free(values);
}

static void model_append(struct model *model)
{
    static const size_t counts[] = {1, 1, 7, 100, 1500, 5000};
    const size_t t = (size_t)model_below(model, MODEL_TABLES);
    struct model_table *table = &model->tables[t];
    const size_t width = model_widths[t];
    size_t count = 1 + (size_t)model_below(model, counts[model_below(model, 6)]);

    if (table->rows.row_count > MODEL_ROWS_MAX)
        return;
    if (model_below(model, 150) == 0)
        count = (1u << 20) / (8 * (width + 1)) + 1000; /* a bulk batch */
    struct db_rows batch = model_batch(model, table, count);
    const uint64_t way = model_below(model, 3);
    model_note(model, "append %zu rows to %s, way %u", count, model_names[t], (unsigned)way);
    if (count == 1 && width == 1 && way == 0)
        db_ok(nanots_append(model->db, model_names[t], batch.ts[0], batch.values[0], NULL,
                            &db_error));
    else if (way == 0)
        for (size_t i = 0; i < count; i++)
            db_ok(nanots_table_append(table->handle, batch.ts[i], batch.values + i * width, width,
                                      NULL, &db_error));
    else if (way == 1)
        db_append_all(model->db, model_names[t], &batch);
    else
        model_append_columns(model, t, &batch);
    db_rows_join(&table->rows, &batch);
    table->is_unsorted = true;
    db_rows_free(&batch);
}

/* ---- groups ------------------------------------------------------------------------------- */

static void model_group_begin(struct model *model)
{
    model_note(model, "begin a group");
    db_ok(nanots_batch_begin(model->db, &model->group, &db_error));
    for (size_t t = 0; t < MODEL_TABLES; t++)
        model->grouped[t] = db_rows_new(model_widths[t]);
}

static void model_group_append(struct model *model)
{
    const size_t t = (size_t)model_below(model, MODEL_TABLES);
    const size_t width = model_widths[t];
    const uint64_t most = model_below(model, 6) == 0 ? 6000 : 40;
    const size_t count = 1 + (size_t)model_below(model, most);
    if (model->tables[t].rows.row_count + model->grouped[t].row_count > MODEL_ROWS_MAX)
        return;
    struct db_rows rows = model_batch(model, &model->tables[t], count);
    model_note(model, "%zu rows for %s into the group", count, model_names[t]);
    for (size_t i = 0; i < count; i++)
        db_ok(nanots_group_append(model->group, model_names[t], rows.ts[i], rows.values + i * width,
                                  width, &db_error));
    db_rows_join(&model->grouped[t], &rows);
    db_rows_free(&rows);
}

/* `commit`, or roll back; a close rolls back by itself. */
static void model_group_end(struct model *model, bool commit, bool by_close)
{
    if (model->group == NULL)
        return;
    model_note(model, commit ? "commit" : "roll back");
    if (commit)
        db_ok(nanots_batch_commit(model->group, NULL, &db_error));
    else if (!by_close)
        nanots_batch_rollback(model->group);
    model->group = NULL;
    for (size_t t = 0; t < MODEL_TABLES; t++) {
        if (commit) {
            db_rows_join(&model->tables[t].rows, &model->grouped[t]);
            model->tables[t].is_unsorted = true;
        }
        db_rows_free(&model->grouped[t]);
    }
}

static void model_group(struct model *model)
{
    if (model->group == NULL)
        model_group_begin(model);
    else if (model_below(model, 4) != 0)
        model_group_append(model);
    else
        model_group_end(model, model_below(model, 4) != 0, false);
}

/* ---- the size limit ----------------------------------------------------------------------- */

/* The rows of a table are some of the model's, which has only them from now on. Returns how many
 * went. */
static uint64_t model_adopt_table(struct model *model, size_t t)
{
    const struct db_rows *all = model_sorted(&model->tables[t]);
    struct db_rows left = db_rows_read(model->db, model_names[t], NULL);
    const size_t row_size = all->column_count * sizeof *all->values;
    const uint64_t gone = all->row_count - left.row_count;
    size_t at = 0;

    for (size_t i = 0; i < left.row_count; i++, at++) {
        while (at < all->row_count && (all->ts[at] != left.ts[i] ||
                                       memcmp(all->values + at * all->column_count,
                                              left.values + i * all->column_count, row_size) != 0))
            at++;
        assert_true(at < all->row_count);
    }
    db_rows_free(&model->tables[t].rows);
    model->tables[t].rows = left;
    return gone;
}

/* What the size limit took since the last look goes from the model. `cut` rows of it were older
 * than a cut that the model has had since. */
static void model_follow_limit(struct model *model, uint64_t cut)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    uint64_t gone = cut;

    if (model->max_bytes == 0)
        return;
    db_ok(nanots_diagnose(model->db, &diagnosis, &db_error));
    if (diagnosis.limit_rows != model->limit_rows)
        for (size_t t = 0; t < MODEL_TABLES; t++)
            gone += model_adopt_table(model, t);
    assert_int_equal(gone, diagnosis.limit_rows - model->limit_rows);
    model->limit_total += gone;
    model->limit_rows = diagnosis.limit_rows;
}

/* ---- queries ------------------------------------------------------------------------------ */

/* A time of the table or near one, or anywhere. */
static int64_t model_time(struct model *model, struct model_table *table)
{
    if (table->rows.row_count == 0 || model_below(model, 10) == 0)
        return (int64_t)seed_next(&model->seed);
    const int64_t ts = table->rows.ts[model_below(model, table->rows.row_count)];
    const int64_t step = (int64_t)model_below(model, 3) - 1;
    return (int64_t)((uint64_t)ts + (uint64_t)step);
}

/* The rows that `query` should give: `picked` are its columns. */
static struct db_rows model_answer(const struct db_rows *all, const struct nanots_query *query,
                                   const size_t *picked, size_t picked_count)
{
    struct db_rows answer = db_rows_new(picked_count);
    for (size_t i = 0; i < all->row_count; i++) {
        const bool reverse = (query->flags & NANOTS_QUERY_REVERSE) != 0;
        const size_t row = reverse ? all->row_count - 1 - i : i;
        double values[2 * MODEL_COLUMNS_MAX];
        if (query->limit != 0 && answer.row_count == query->limit)
            break;
        if (((query->flags & NANOTS_QUERY_FROM) != 0 && all->ts[row] < query->from) ||
            ((query->flags & NANOTS_QUERY_TO) != 0 && all->ts[row] > query->to))
            continue;
        for (size_t k = 0; k < picked_count; k++)
            memcpy(&values[k], &all->values[row * all->column_count + picked[k]], sizeof values[k]);
        db_rows_add(&answer, all->ts[row], values);
    }
    return answer;
}

/* Opens a random query into a free place; its answer is fixed from now on. */
static void model_query_open(struct model *model, struct model_cursor *place)
{
    const size_t t = (size_t)model_below(model, MODEL_TABLES);
    struct model_table *table = &model->tables[t];
    struct nanots_query query = {.struct_size = sizeof query};
    const char *names[2 * MODEL_COLUMNS_MAX];
    size_t picked[2 * MODEL_COLUMNS_MAX];
    size_t picked_count = model_widths[t];

    query.flags = (uint32_t)model_below(model, 8);
    query.from = model_time(model, table);
    query.to = model_time(model, table);
    if (query.from > query.to && model_below(model, 5) != 0) {
        const int64_t from = query.to;
        query.to = query.from;
        query.from = from;
    }
    if (model_below(model, 3) == 0)
        query.limit = 1 + model_below(model, 3000);
    for (size_t k = 0; k < picked_count; k++)
        picked[k] = k;
    if (model_below(model, 2) == 0) {
        picked_count = (size_t)model_below(model, 2 * picked_count + 1);
        for (size_t k = 0; k < picked_count; k++) {
            picked[k] = (size_t)model_below(model, model_widths[t]);
            names[k] = model_columns[picked[k]];
        }
        query.columns = names;
        query.column_count = picked_count;
    }
    model_note(model, "query %s %lld to %lld flags %u limit %u columns %zu", model_names[t],
               (long long)query.from, (long long)query.to, query.flags, (unsigned)query.limit,
               picked_count);
    db_ok(nanots_query_open(model->db, model_names[t], &query, &place->cursor, &db_error));
    place->wanted = model_answer(model_sorted(table), &query, picked, picked_count);
}

static void model_query_finish(struct model_cursor *place)
{
    if (place->cursor == NULL)
        return;
    struct db_rows rows = db_rows_drain(place->cursor, place->wanted.column_count);
    db_expect_rows(&rows, &place->wanted);
    db_rows_free(&rows);
    db_rows_free(&place->wanted);
    nanots_query_close(place->cursor);
    place->cursor = NULL;
}

/* Finishes what is in a random place and starts the next query there; half of them end at once. */
static void model_query(struct model *model)
{
    struct model_cursor *place = &model->cursors[model_below(model, MODEL_CURSORS)];
    model_query_finish(place);
    model_query_open(model, place);
    if (model_below(model, 2) == 0)
        model_query_finish(place);
}

/* The whole of one table, its last row and its time range. */
static void model_compare_table(struct model *model, struct nanots_db *db, size_t t)
{
    const struct db_rows *all = model_sorted(&model->tables[t]);
    double values[MODEL_COLUMNS_MAX];
    int64_t first = 0;
    int64_t last = 0;
    int has_rows = 0;

    db_expect_table(db, model_names[t], all);
    db_ok(nanots_time_range(db, model_names[t], &has_rows, &first, &last, &db_error));
    assert_int_equal(has_rows, all->row_count != 0);
    if (has_rows == 0)
        return;
    assert_true(first == all->ts[0]);
    assert_true(last == all->ts[all->row_count - 1]);
    db_ok(nanots_last(db, model_names[t], &last, values, model_widths[t], &db_error));
    assert_true(last == all->ts[all->row_count - 1]);
    assert_memory_equal(values, all->values + (all->row_count - 1) * all->column_count,
                        model_widths[t] * sizeof values[0]);
}

static void model_compare(struct model *model, struct nanots_db *db)
{
    for (size_t t = 0; t < MODEL_TABLES; t++)
        model_compare_table(model, db, t);
}

/* ---- upkeep ------------------------------------------------------------------------------- */

static void model_pack(struct model *model)
{
    const size_t t = (size_t)model_below(model, MODEL_TABLES);
    const uint64_t target = model_below(model, 3) == 0 ? 0 : 1 + model_below(model, 20000);
    if (target != 0 && model->tables[t].rows.row_count / target > 200)
        return;
    model_note(model, "pack %s by %u", model_names[t], (unsigned)target);
    db_ok(nanots_pack_table(model->db, model_names[t], target, &db_error));
}

/* Cuts one table or all; seldom most of it, so that rows stay. */
static void model_retain(struct model *model)
{
    const size_t t = (size_t)model_below(model, MODEL_TABLES);
    const bool all = model_below(model, 6) == 0;
    struct model_table *table = &model->tables[t];
    const struct db_rows *rows = model_sorted(table);
    uint64_t removed = 0;
    uint64_t wanted = 0;

    if (rows->row_count == 0)
        return;
    const uint64_t share = table->rows.row_count > MODEL_ROWS_MAX ? 2 : 20;
    const int64_t cutoff =
        rows->ts[model_below(model, rows->row_count) / (model_below(model, share) + 1)];
    model_note(model, "retain %s from %lld", all ? "all" : model_names[t], (long long)cutoff);
    db_ok(nanots_compact_retention(model->db, all ? NULL : model_names[t], cutoff, &removed,
                                   &db_error));
    for (size_t k = 0; k < MODEL_TABLES; k++)
        if (all || k == t)
            wanted += db_rows_cut(&model->tables[k].rows, cutoff);
    assert_true(removed == wanted || (model->max_bytes != 0 && removed < wanted));
    model_follow_limit(model, wanted - removed);
}

static void model_open(struct model *model)
{
    struct nanots_open_options options = {.struct_size = sizeof options};
    options.wal_bytes = (uint64_t)(64 << 10) << model_below(model, 6);
    options.memtable_bytes = 1 << 20;
    options.sector_size = model_below(model, 4) == 0 ? 4096 : 512;
    options.sync_mode = model_below(model, 3) == 0 ? NANOTS_SYNC_OFF : NANOTS_SYNC_NORMAL;
    if (model_below(model, 3) == 0) {
        options.max_bytes = (uint64_t)(1 + model_below(model, 3)) << 20;
        options.wal_bytes = 64 << 10;
    }
    model->max_bytes = options.max_bytes;
    model->limit_rows = 0;
    model->db = db_open_with(model->scratch->path, &options);
    for (size_t t = 0; t < MODEL_TABLES && model->step != 0; t++)
        db_ok(nanots_table_open(model->db, model_names[t], &model->tables[t].handle, &db_error));
}

static void model_finish_queries(struct model *model)
{
    for (size_t k = 0; k < MODEL_CURSORS; k++)
        model_query_finish(&model->cursors[k]);
}

static void model_reopen(struct model *model)
{
    model_note(model, "close and open");
    model_finish_queries(model);
    model_group_end(model, false, true);
    const bool had_limit = model->max_bytes != 0;
    db_close(model->db);
    model_open(model);
    for (size_t t = 0; t < MODEL_TABLES && had_limit; t++) /* the close has flushed */
        model->limit_total += model_adopt_table(model, t);
    model_compare(model, model->db);
}

static void model_read_only(struct model *model)
{
    model_note(model, "open read-only beside");
    struct nanots_db *reader = db_open_read_only(model->scratch->path);
    model_compare(model, reader);
    db_close(reader);
}

/* A copy of the live file holds every row: no call runs, so all of them are acknowledged. */
static void model_kill(struct model *model)
{
    char path[256];
    struct nanots_verify_report report = {.struct_size = sizeof report};

    model_note(model, "recover a copy of the live file");
    (void)scratch_path(model->scratch, "copy.ntt", path, sizeof path);
    db_file_copy(model->scratch->path, path);
    struct nanots_db *copy = db_open(path);
    model_compare(model, copy);
    db_ok(nanots_verify(copy, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
    copy = db_reopen(copy, path);
    model_compare(model, copy);
    db_close(copy);
}

/* ---- runs --------------------------------------------------------------------------------- */

static void model_do_step(struct model *model)
{
    const uint64_t dice = model_below(model, 1000);
    if (dice < 480)
        model_append(model);
    else if (dice < 600)
        model_group(model);
    else if (dice < 900)
        model_query(model);
    else if (dice < 940) {
        model_note(model, "flush");
        db_ok(nanots_flush(model->db, &db_error));
    } else if (dice < 955)
        model_pack(model);
    else if (dice < 975)
        model_retain(model);
    else if (dice < 985)
        model_reopen(model);
    else if (dice < 993)
        model_read_only(model);
    else
        model_kill(model);
}

static struct model *running_model;

static void random_operations_match_the_model(void **state)
{
    static struct model model;
    const char *given = getenv("STEPS");
    const uint64_t steps = given != NULL ? strtoull(given, NULL, 10) : MODEL_STEPS;

    memset(&model, 0, sizeof model);
    running_model = &model;
    model.scratch = *state;
    model.seed = seed_of_run();
    model_open(&model);
    for (size_t t = 0; t < MODEL_TABLES; t++) {
        model.tables[t].rows = db_rows_new(model_widths[t]);
        model.tables[t].clock = 1714521600000;
        db_create(model.db, model_names[t], model_widths[t]);
        db_ok(nanots_table_open(model.db, model_names[t], &model.tables[t].handle, &db_error));
    }
    for (model.step = 1; model.step <= steps; model.step++) {
        model_do_step(&model);
        model_follow_limit(&model, 0);
    }
    model_reopen(&model);
    db_close(model.db);
    print_message("# %llu rows went for a size limit\n", (unsigned long long)model.limit_total);
    for (size_t t = 0; t < MODEL_TABLES; t++)
        db_rows_free(&model.tables[t].rows);
    running_model = NULL;
}

static int model_teardown(void **state)
{
    const struct model *model = running_model;
    for (uint64_t k = MODEL_TRACE; model != NULL && k > 0; k--)
        if (model->step >= k - 1)
            print_message("# step %llu: %s\n", (unsigned long long)(model->step - (k - 1)),
                          model->trace[(model->step - (k - 1)) % MODEL_TRACE]);
    running_model = NULL;
    return scratch_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_operations_match_the_model, scratch_setup,
                                        model_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
