/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/typed_model.c - operations and what they do to arrays. Contract: typed_model.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/seed.h"
#include "support/typed_model.h"

static uint64_t below(uint64_t *seed, uint64_t end)
{
    return seed_next(seed) % end;
}

void typed_model_init(struct typed_model *model, uint64_t seed, size_t rows_most)
{
    memset(model, 0, sizeof *model);
    model->seed = seed;
    model->rows_most = rows_most;
}

static void table_clear(struct typed_model_table *table)
{
    free(table->ts);
    free(table->values);
    memset(table, 0, sizeof *table);
}

void typed_model_deinit(struct typed_model *model)
{
    for (size_t t = 0; t < TYPED_MODEL_TABLES; t++)
        table_clear(&model->tables[t]);
}

/* ---- planning ----------------------------------------------------------------------------- */

static bool name_is_taken(const struct typed_model *model, const char *name)
{
    for (size_t t = 0; t < TYPED_MODEL_TABLES; t++)
        if (model->tables[t].exists && strcmp(model->tables[t].name, name) == 0)
            return true;
    return false;
}

/* One of few names that are free: so they come again. */
static void pick_table_name(struct typed_model *model, char *name)
{
    do
        (void)snprintf(name, 8, "t%u", (unsigned)below(&model->seed, TYPED_MODEL_TABLES + 2));
    while (name_is_taken(model, name));
}

/* One that a column of the type may name. */
static nanots_codec pick_codec(struct typed_model *model, nanots_type type)
{
    static const nanots_codec of_floats[] = {NANOTS_CODEC_RAW, NANOTS_CODEC_XOR,
                                             NANOTS_CODEC_ORDERED, NANOTS_CODEC_DECIMAL};
    static const nanots_codec of_ints[] = {NANOTS_CODEC_RAW,    NANOTS_CODEC_RLE,
                                           NANOTS_CODEC_DELTA2, NANOTS_CODEC_DICTIONARY,
                                           NANOTS_CODEC_LINE,   NANOTS_CODEC_PREDICT};
    if (type == NANOTS_TYPE_UTF8)
        return NANOTS_CODEC_RAW;
    return type == NANOTS_TYPE_F64 || type == NANOTS_TYPE_F32 ? of_floats[below(&model->seed, 4)]
                                                              : of_ints[below(&model->seed, 6)];
}

static void plan_create(struct typed_model *model, struct typed_op *op)
{
    struct typed_model_table *made = &op->made;
    op->kind = TYPED_OP_CREATE;
    made->exists = true;
    pick_table_name(model, made->name);
    made->unit = (nanots_time_unit)below(&model->seed, 4);
    made->duplicates = (nanots_duplicates)below(&model->seed, 3);
    made->tier = (nanots_tier)below(&model->seed, 3);
    made->column_count = 1 + below(&model->seed, TYPED_MODEL_COLUMNS - 2);
    const bool all_f64 = below(&model->seed, 4) == 0;
    for (size_t c = 0; c < made->column_count; c++) {
        made->types[c] = all_f64 ? NANOTS_TYPE_F64 : (nanots_type)(1 + below(&model->seed, 6));
        made->flags[c] = (uint32_t)below(&model->seed, 2);
        if (below(&model->seed, 4) == 0)
            made->flags[c] |= NANOTS_COLUMN_CODEC(pick_codec(model, made->types[c]));
        (void)snprintf(made->column_names[c], sizeof made->column_names[c], "c%u",
                       model->name_count++);
    }
}

static void table_columns(const struct typed_model_table *table, struct nanots_column *columns)
{
    for (size_t c = 0; c < table->column_count; c++)
        columns[c] =
            (struct nanots_column){table->column_names[c], table->types[c], table->flags[c]};
}

/* Times are of a small range, so that batches overlap and times are met again. */
static struct typed_rows plan_rows(struct typed_model *model, size_t t, size_t count)
{
    struct nanots_column columns[TYPED_MODEL_COLUMNS];
    const struct typed_model_table *table = &model->tables[t];
    const int64_t base = (int64_t)below(&model->seed, 3000);
    const bool is_sorted = below(&model->seed, 2) == 0;
    table_columns(table, columns);
    struct typed_rows rows = typed_rows_random(columns, table->column_count, count, &model->seed);
    rows.columns = NULL; /* those of the table when the rows are appended */
    for (size_t i = 0; i < count; i++)
        rows.ts[i] = is_sorted ? base + (int64_t)i / 2 : base + rows.ts[i] % 800;
    return rows;
}

/* More than a log takes, one time in `odds`. */
static size_t plan_row_count(struct typed_model *model, uint64_t odds)
{
    const bool is_bulk = model->has_bulk && below(&model->seed, odds) == 0;
    return 1 + below(&model->seed, model->rows_most) + (is_bulk ? 6000u : 0u);
}

/* Parts for the operation's table and others; one table may have several. */
static void plan_group(struct typed_model *model, struct typed_op *op)
{
    const size_t most = 1 + below(&model->seed, TYPED_GROUP_PARTS);
    op->kind = below(&model->seed, 4) == 0 ? TYPED_OP_ROLLBACK : TYPED_OP_GROUP;
    for (size_t i = 0; i < most; i++) {
        struct typed_part *part = &op->parts[op->part_count];
        const size_t t = i == 0 ? op->table : below(&model->seed, TYPED_MODEL_TABLES);
        if (!model->tables[t].exists)
            continue;
        part->table = t;
        part->is_row = below(&model->seed, 3) == 0;
        part->rows = plan_rows(model, t, part->is_row ? 1 : plan_row_count(model, 60));
        op->part_count++;
    }
}

void typed_op_plan(struct typed_model *model, struct typed_op *op)
{
    const size_t t = below(&model->seed, TYPED_MODEL_TABLES);
    const uint64_t dice = below(&model->seed, 100);
    const struct typed_model_table *table = &model->tables[t];
    memset(op, 0, sizeof *op);
    op->table = t;
    op->cutoff = (int64_t)below(&model->seed, 1200);
    op->target = below(&model->seed, 2) * (1 + below(&model->seed, 3000));
    op->type = (nanots_type)(1 + below(&model->seed, 6));
    (void)snprintf(op->name, sizeof op->name, "c%u", model->name_count);
    if (!table->exists) {
        plan_create(model, op);
    } else if (dice < 40) {
        op->kind = TYPED_OP_APPEND;
        op->rows = plan_rows(model, t, plan_row_count(model, 25));
    } else if (dice < 50) {
        op->kind = TYPED_OP_APPEND_TYPED;
        op->rows = plan_rows(model, t, 1);
    } else if (dice < 62) {
        plan_group(model, op);
    } else if (dice < 84) {
        op->kind = dice < 70   ? TYPED_OP_FLUSH
                   : dice < 73 ? TYPED_OP_SYNC
                   : dice < 80 ? TYPED_OP_PACK
                               : TYPED_OP_RETAIN;
    } else if (dice < 90 && table->column_count < TYPED_MODEL_COLUMNS) {
        op->kind = TYPED_OP_ADD_COLUMN;
        model->name_count++;
    } else if (dice < 93) {
        op->kind = TYPED_OP_RENAME_COLUMN;
        op->column = below(&model->seed, table->column_count);
        model->name_count++;
    } else if (dice < 97) {
        op->kind = TYPED_OP_RENAME_TABLE;
        pick_table_name(model, op->name);
    } else {
        op->kind = TYPED_OP_DROP;
    }
}

void typed_op_free(struct typed_op *op)
{
    if (op->rows.ts != NULL)
        typed_rows_free(&op->rows);
    for (size_t i = 0; i < op->part_count; i++)
        typed_rows_free(&op->parts[i].rows);
    memset(op, 0, sizeof *op);
}

const char *typed_op_name(const struct typed_op *op)
{
    static const char *const names[] = {
        "create", "append", "append typed", "group",         "rollback",     "flush", "sync",
        "pack",   "retain", "add column",   "rename column", "rename table", "drop"};
    return names[op->kind];
}

/* ---- a database --------------------------------------------------------------------------- */

static nanots_status run_create(const struct typed_op *op, struct nanots_db *db,
                                struct nanots_error *error)
{
    struct nanots_column columns[TYPED_MODEL_COLUMNS];
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .unit = op->made.unit,
                                                 .duplicates = op->made.duplicates,
                                                 .tier = op->made.tier};
    table_columns(&op->made, columns);
    return nanots_create_table_with(db, op->made.name, columns, op->made.column_count, &options,
                                    error);
}

static nanots_status run_append(const struct typed_model_table *table, const struct typed_op *op,
                                struct nanots_db *db, struct nanots_error *error)
{
    struct nanots_column columns[TYPED_MODEL_COLUMNS];
    struct typed_rows rows = op->rows;
    table_columns(table, columns);
    rows.columns = columns;
    if (op->kind == TYPED_OP_APPEND_TYPED)
        return nanots_append_row_typed(db, table->name, rows.ts[0], rows.values, rows.column_count,
                                       NULL, error);
    struct typed_batch *batch = typed_batch_new(&rows, 0, rows.row_count);
    const nanots_status status = nanots_append_batch(db, table->name, &batch->batch, NULL, error);
    typed_batch_free(batch);
    return status;
}

static nanots_status run_part(const struct typed_model_table *table, const struct typed_part *part,
                              struct nanots_group *group, struct nanots_error *error)
{
    struct nanots_column columns[TYPED_MODEL_COLUMNS];
    struct typed_rows rows = part->rows;
    table_columns(table, columns);
    rows.columns = columns;
    if (part->is_row)
        return nanots_group_append_typed(group, table->name, rows.ts[0], rows.values,
                                         rows.column_count, error);
    struct typed_batch *batch = typed_batch_new(&rows, 0, rows.row_count);
    const nanots_status status =
        nanots_group_append_batch(group, table->name, &batch->batch, error);
    typed_batch_free(batch);
    return status;
}

static nanots_status run_group(const struct typed_model *model, const struct typed_op *op,
                               struct nanots_db *db, struct nanots_error *error)
{
    struct nanots_group *group = NULL;
    nanots_status status = nanots_batch_begin(db, &group, error);
    for (size_t i = 0; i < op->part_count && status == NANOTS_OK; i++)
        status = run_part(&model->tables[op->parts[i].table], &op->parts[i], group, error);
    if (status == NANOTS_OK && op->kind == TYPED_OP_GROUP)
        return nanots_batch_commit(group, NULL, error);
    nanots_batch_rollback(group);
    return status;
}

nanots_status typed_op_run(const struct typed_model *model, const struct typed_op *op,
                           struct nanots_db *db, struct nanots_error *error)
{
    const struct typed_model_table *table = &model->tables[op->table];
    const struct nanots_column added = {op->name, op->type, NANOTS_COLUMN_NULLABLE};
    switch (op->kind) {
    case TYPED_OP_CREATE:
        return run_create(op, db, error);
    case TYPED_OP_APPEND:
    case TYPED_OP_APPEND_TYPED:
        return run_append(table, op, db, error);
    case TYPED_OP_GROUP:
    case TYPED_OP_ROLLBACK:
        return run_group(model, op, db, error);
    case TYPED_OP_FLUSH:
        return nanots_flush(db, error);
    case TYPED_OP_SYNC:
        return nanots_sync(db, error);
    case TYPED_OP_PACK:
        return nanots_pack_table(db, table->name, op->target, error);
    case TYPED_OP_RETAIN:
        return nanots_compact_retention(db, table->name, op->cutoff, NULL, error);
    case TYPED_OP_ADD_COLUMN:
        return nanots_add_column(db, table->name, &added, error);
    case TYPED_OP_RENAME_COLUMN:
        return nanots_rename_column(db, table->name, table->column_names[op->column], op->name,
                                    error);
    case TYPED_OP_RENAME_TABLE:
        return nanots_rename_table(db, table->name, op->name, error);
    default:
        return nanots_drop_table(db, table->name, error);
    }
}

/* ---- the arrays --------------------------------------------------------------------------- */

static void table_reserve(struct typed_model_table *table, size_t row_count)
{
    if (row_count <= table->row_capacity)
        return;
    table->row_capacity = row_count * 2;
    table->ts = realloc(table->ts, table->row_capacity * sizeof *table->ts);
    table->values =
        realloc(table->values, table->row_capacity * TYPED_MODEL_COLUMNS * sizeof *table->values);
    assert_non_null(table->ts);
    assert_non_null(table->values);
}

static void apply_append(struct typed_model_table *table, const struct typed_rows *rows)
{
    table_reserve(table, table->row_count + rows->row_count);
    for (size_t i = 0; i < rows->row_count; i++) {
        struct nanots_value *values = table->values + table->row_count * TYPED_MODEL_COLUMNS;
        table->ts[table->row_count++] = rows->ts[i];
        memset(values, 0, TYPED_MODEL_COLUMNS * sizeof *values); /* null */
        memcpy(values, rows->values + i * rows->column_count, rows->column_count * sizeof *values);
    }
}

static void apply_retain(struct typed_model_table *table, int64_t cutoff)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->row_count; i++) {
        if (table->ts[i] < cutoff)
            continue;
        table->ts[kept] = table->ts[i];
        memmove(table->values + kept * TYPED_MODEL_COLUMNS, table->values + i * TYPED_MODEL_COLUMNS,
                TYPED_MODEL_COLUMNS * sizeof *table->values);
        kept++;
    }
    table->row_count = kept;
}

void typed_op_apply(struct typed_model *model, const struct typed_op *op)
{
    struct typed_model_table *table = &model->tables[op->table];
    switch (op->kind) {
    case TYPED_OP_CREATE:
        *table = op->made;
        break;
    case TYPED_OP_APPEND:
    case TYPED_OP_APPEND_TYPED:
        apply_append(table, &op->rows);
        break;
    case TYPED_OP_GROUP:
        for (size_t i = 0; i < op->part_count; i++)
            apply_append(&model->tables[op->parts[i].table], &op->parts[i].rows);
        break;
    case TYPED_OP_RETAIN:
        apply_retain(table, op->cutoff);
        break;
    case TYPED_OP_ADD_COLUMN:
        table->types[table->column_count] = op->type;
        table->flags[table->column_count] = NANOTS_COLUMN_NULLABLE;
        memcpy(table->column_names[table->column_count++], op->name, sizeof op->name);
        break;
    case TYPED_OP_RENAME_COLUMN:
        memcpy(table->column_names[op->column], op->name, sizeof op->name);
        break;
    case TYPED_OP_RENAME_TABLE:
        memcpy(table->name, op->name, sizeof op->name);
        break;
    case TYPED_OP_DROP:
        table_clear(table);
        break;
    default:
        break;
    }
}

void typed_model_make(struct typed_model *model, uint64_t seed, size_t rows_most, bool has_bulk,
                      size_t count)
{
    typed_model_init(model, seed, rows_most);
    model->has_bulk = has_bulk;
    for (size_t i = 0; i < count; i++) {
        struct typed_op op;
        typed_op_plan(model, &op);
        typed_op_apply(model, &op);
        typed_op_free(&op);
    }
}
