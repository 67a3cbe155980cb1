/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_schema.c - nanots schema, add-column, rename and drop: what a table is, and changes of
 * it. */
#include <string.h>

#include "commands.h"
#include "grid.h"
#include "timetext.h"
#include "value.h"

static const char *const schema_duplicates[] = {[NANOTS_DUPLICATES_KEEP_ALL] = "all",
                                                [NANOTS_DUPLICATES_KEEP_LAST] = "last",
                                                [NANOTS_DUPLICATES_KEEP_FIRST] = "first"};

/* ---- schema ------------------------------------------------------------------------------- */

static void schema_begin_grid(struct cli_grid *grid)
{
    cli_grid_column(grid, "table", "table", CLI_GRID_TEXT);
    cli_grid_column(grid, "column", "column", CLI_GRID_TEXT);
    cli_grid_column(grid, "type", "type", CLI_GRID_TEXT);
    cli_grid_column(grid, "null", "nullable", CLI_GRID_NUMBER);
    cli_grid_column(grid, "codec", "codec", CLI_GRID_TEXT);
    cli_grid_column(grid, "unit", "unit", CLI_GRID_TEXT);
    cli_grid_column(grid, "duplicates", "duplicates", CLI_GRID_TEXT);
    cli_grid_column(grid, "tier", "tier", CLI_GRID_TEXT);
}

static void schema_add_row(struct cli_grid *grid, const char *table, const char *column,
                           const char *type, bool nullable, const char *codec)
{
    cli_grid_cell(grid, table, table);
    cli_grid_cell(grid, column, column);
    cli_grid_cell(grid, type, type);
    cli_grid_cell(grid, nullable ? "yes" : "no", nullable ? "true" : "false");
    cli_grid_cell(grid, codec, codec);
}

/* A row for the time column, which alone has a unit, a rule for duplicates and a tier, and one a
 * column. */
static int schema_add_table(struct cli_grid *grid, struct nanots_db *db, const char *table)
{
    struct nanots_schema schema;
    struct nanots_error error;
    if (nanots_table_schema(db, table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    const char *unit = nanots_time_unit_name(schema.unit);
    const char *duplicates = schema_duplicates[schema.duplicates];
    schema_add_row(grid, table, schema.ts_name, "time", false, "");
    cli_grid_cell(grid, unit, unit);
    cli_grid_cell(grid, duplicates, duplicates);
    cli_grid_cell(grid, nanots_tier_name(schema.tier), nanots_tier_name(schema.tier));
    for (size_t i = 0; i < schema.column_count; i++) {
        const struct nanots_column *column = &schema.columns[i];
        schema_add_row(grid, table, column->name, nanots_type_name(column->type),
                       (column->flags & NANOTS_COLUMN_NULLABLE) != 0, cli_column_codec(column));
        cli_grid_cell(grid, "", "");
        cli_grid_cell(grid, "", "");
        cli_grid_cell(grid, "", "");
    }
    nanots_free(schema.block);
    return CLI_OK;
}

static int schema_print_one(struct nanots_db *db, const char *table, enum cli_format format)
{
    struct cli_grid *grid = cli_grid_new();
    schema_begin_grid(grid);
    int exit_code = schema_add_table(grid, db, table);
    if (exit_code == CLI_OK)
        cli_grid_print(grid, format, stdout);
    cli_grid_free(grid);
    return exit_code;
}

static int schema_run(const struct cli_args *args)
{
    enum cli_format format;
    int exit_code = cli_format_option(args, CLI_FORMAT_TABLE, &format);
    if (exit_code != CLI_OK)
        return exit_code;
    struct nanots_db *db = cli_open_read(args->operands[0]);
    if (db == NULL)
        return CLI_FAILURE;
    if (args->operand_count == 2)
        return cli_close(db, schema_print_one(db, args->operands[1], format));
    return cli_close(db, cli_grid_print_tables(db, format, schema_begin_grid, schema_add_table));
}

static const struct cli_option schema_option_table[] = {
    {0, "format", "FORMAT", "table, csv, json or jsonl"},
};

const struct cli_command cli_command_schema = {
    .name = "schema",
    .summary = "Show the columns of a table, or of all, with their types",
    .operands = "DB [TABLE]",
    .operands_min = 1,
    .operands_max = 2,
    .options = schema_option_table,
    .option_count = sizeof(schema_option_table) / sizeof(schema_option_table[0]),
    .notes =
        "Duplicates: which rows of equal time a query gives, all, the last or the first. Tier:\n"
        "whether rows are stored for speed (hot), for size (packed), or first so, then so\n"
        "(auto). Codec: the one that the column names, if it does.\n",
    .run = schema_run,
};

/* ---- add-column --------------------------------------------------------------------------- */

static int add_column(const struct cli_args *args, struct nanots_db *db)
{
    struct nanots_column column;
    struct nanots_error error;
    char *text = cli_copy_text(args->operands[2]);
    int exit_code = cli_column_parse(text, &column);
    column.flags |= NANOTS_COLUMN_NULLABLE;
    if (exit_code == CLI_OK &&
        nanots_add_column(db, args->operands[1], &column, &error) != NANOTS_OK)
        exit_code = cli_fail_status(&error);
    cli_free(text);
    return exit_code;
}

static int add_column_run(const struct cli_args *args)
{
    struct nanots_db *db = cli_open_write(args->operands[0]);
    return db != NULL ? cli_close(db, add_column(args, db)) : CLI_FAILURE;
}

const struct cli_command cli_command_add_column = {
    .name = "add-column",
    .summary = "Add a column behind the others of a table",
    .operands = "DB TABLE COLUMN[:TYPE[=CODEC]]",
    .operands_min = 3,
    .operands_max = 3,
    .notes =
        "TYPE is f64 (unless given), f32, i64, i32, bool or utf8. The column may be null, and\n"
        "is in the rows that are there.\n",
    .run = add_column_run,
};

/* ---- rename ------------------------------------------------------------------------------- */

static bool rename_is_table(struct nanots_db *db, const char *name)
{
    struct nanots_schema schema;
    if (nanots_table_schema(db, name, &schema, NULL) != NANOTS_OK)
        return false;
    nanots_free(schema.block);
    return true;
}

/* TABLE, or TABLE.COLUMN. Both names may have points: a table of the whole name goes first, then
 * the longest one before a point. */
static int rename_thing(struct nanots_db *db, const char *what, const char *name)
{
    struct nanots_error error;
    char *table = cli_copy_text(what);
    char *point = NULL;
    nanots_status status;
    if (!rename_is_table(db, what)) {
        for (point = strrchr(table, '.'); point != NULL; point = strrchr(table, '.')) {
            *point = '\0';
            if (rename_is_table(db, table))
                break;
        }
    }
    if (point != NULL)
        status = nanots_rename_column(db, table, what + (point - table) + 1, name, &error);
    else
        status = nanots_rename_table(db, what, name, &error);
    cli_free(table);
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
}

static int rename_run(const struct cli_args *args)
{
    struct nanots_db *db = cli_open_write(args->operands[0]);
    return db != NULL ? cli_close(db, rename_thing(db, args->operands[1], args->operands[2]))
                      : CLI_FAILURE;
}

const struct cli_command cli_command_rename = {
    .name = "rename",
    .summary = "Rename a table, or a column of one",
    .operands = "DB TABLE[.COLUMN] NAME",
    .operands_min = 3,
    .operands_max = 3,
    .notes = "No row is rewritten. NAME is the new name alone: nanots rename plant.ntt boiler.t "
             "inlet\n",
    .run = rename_run,
};

/* ---- drop --------------------------------------------------------------------------------- */

static int drop_table(struct nanots_db *db, const char *table)
{
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    uint64_t row_count = 0;
    if (nanots_row_count(db, table, &row_count, &error) != NANOTS_OK ||
        nanots_drop_table(db, table, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    cli_quantity_print(row_count, "row", rows);
    printf("table '%s' dropped, with %s\n", table, rows);
    return CLI_OK;
}

static int drop_run(const struct cli_args *args)
{
    if (cli_option(args, "yes") == NULL)
        return cli_usage("this removes table '%s' and all of its rows for good; say so with --yes",
                         args->operands[1]);
    struct nanots_db *db = cli_open_write(args->operands[0]);
    return db != NULL ? cli_close(db, drop_table(db, args->operands[1])) : CLI_FAILURE;
}

static const struct cli_option drop_option_table[] = {
    {'y', "yes", NULL, "do it: without this nothing is removed"},
};

const struct cli_command cli_command_drop = {
    .name = "drop",
    .summary = "Remove a table and its rows",
    .operands = "DB TABLE",
    .operands_min = 2,
    .operands_max = 2,
    .options = drop_option_table,
    .option_count = sizeof(drop_option_table) / sizeof(drop_option_table[0]),
    .notes = "There is no question and no way back; the space is used again. The old rows of a\n"
             "table alone go with nanots retain.\n",
    .run = drop_run,
};
