/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_create.c - nanots create and nanots append: a table and single rows by hand. */
#include <math.h>
#include <string.h>

#include "commands.h"
#include "humantime.h"
#include "value.h"

/* ---- create ------------------------------------------------------------------------------- */

static int create_duplicates(const struct cli_args *args, nanots_duplicates *duplicates_out)
{
    const char *text = cli_option(args, "duplicates");
    *duplicates_out = NANOTS_DUPLICATES_KEEP_ALL;
    if (text == NULL || strcmp(text, "all") == 0)
        return CLI_OK;
    *duplicates_out = NANOTS_DUPLICATES_KEEP_LAST;
    if (strcmp(text, "last") == 0)
        return CLI_OK;
    *duplicates_out = NANOTS_DUPLICATES_KEEP_FIRST;
    if (strcmp(text, "first") == 0)
        return CLI_OK;
    return cli_usage("--duplicates is all, last or first, not '%s'", text);
}

static int create_tier(const struct cli_args *args, nanots_tier *tier_out)
{
    const char *text = cli_option(args, "tier");
    *tier_out = NANOTS_TIER_AUTO;
    if (text == NULL)
        return CLI_OK;
    for (int tier = 0; nanots_tier_name((nanots_tier)tier) != NULL; tier++) {
        *tier_out = (nanots_tier)tier;
        if (strcmp(text, nanots_tier_name(*tier_out)) == 0)
            return CLI_OK;
    }
    return cli_usage("--tier is auto, hot or packed, not '%s'", text);
}

static int create_options(const struct cli_args *args, struct nanots_table_options *options)
{
    enum cli_time_unit unit;
    int exit_code = cli_unit_option(args, &unit);
    if (exit_code == CLI_OK)
        exit_code = create_duplicates(args, &options->duplicates);
    if (exit_code == CLI_OK)
        exit_code = create_tier(args, &options->tier);
    options->unit = cli_unit_for_table(unit);
    return exit_code;
}

/* The columns of the command line; `texts` holds their names. */
static int create_columns(const struct cli_args *args, char **texts, struct nanots_column *columns,
                          size_t count)
{
    int exit_code = CLI_OK;
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        texts[i] = cli_copy_text(args->operands[2 + i]);
        exit_code = cli_column_parse(texts[i], &columns[i]);
    }
    return exit_code;
}

static int create_table(const struct cli_args *args, const struct nanots_table_options *options,
                        const struct nanots_column *columns, size_t count)
{
    struct nanots_error error;
    bool made = false;
    struct nanots_db *db = cli_open_or_make(args->operands[0], 0, &made);
    if (db == NULL)
        return CLI_FAILURE;
    int exit_code = CLI_OK;
    if (nanots_create_table_with(db, args->operands[1], columns, count, options, &error) !=
        NANOTS_OK)
        exit_code = cli_fail_status(&error);
    return cli_close_made(db, args->operands[0], made, exit_code);
}

static int create_run(const struct cli_args *args)
{
    struct nanots_table_options options = {.struct_size = sizeof(options)};
    const size_t count = (size_t)args->operand_count - 2;
    char **texts = cli_alloc(count, sizeof(*texts));
    struct nanots_column *columns = cli_alloc(count, sizeof(*columns));
    int exit_code = create_options(args, &options);
    if (exit_code == CLI_OK)
        exit_code = create_columns(args, texts, columns, count);
    if (exit_code == CLI_OK)
        exit_code = create_table(args, &options, columns, count);
    for (size_t i = 0; i < count; i++)
        cli_free(texts[i]);
    cli_free(columns);
    cli_free(texts);
    return exit_code;
}

static const struct cli_option create_option_table[] = {
    {'u', "unit", "UNIT", "what the times count: s, ms, us or ns; ms unless given"},
    {0, "duplicates", "all|last|first",
     "which rows of equal time a query gives: all, the one\n"
     "that came last, or first; all unless given"},
    {0, "tier", "auto|hot|packed",
     "whether rows are stored for speed (hot) or for size\n"
     "(packed); auto, unless given, is hot until nanots pack"},
};

const struct cli_command cli_command_create = {
    .name = "create",
    .summary = "Make a table with the columns named",
    .operands = "DB TABLE COLUMN[:TYPE[?][=CODEC]]...",
    .operands_min = 3,
    .operands_max = -1,
    .options = create_option_table,
    .option_count = sizeof(create_option_table) / sizeof(create_option_table[0]),
    .notes =
        "TYPE is f64 (unless given), f32, i64, i32, bool or utf8; a ? behind it lets the column "
        "be\n"
        "null: nanots create plant.ntt boiler temperature running:bool 'note:utf8?'\n"
        "The file is created if absent; the time column, ts_ms or of the other unit, comes by\n"
        "itself. A name with a colon in it needs its type behind another one.\n"
        "\n"
        "CODEC is how values are stored where that can hold them, instead of what takes least:\n"
        "  f64, f32         raw xor integer decimal ordered multiple\n"
        "  i64, i32, bool   raw rle for delta delta2 line dictionary predict seasonal\n"
        "  utf8             raw\n",
    .run = create_run,
};

/* ---- append ------------------------------------------------------------------------------- */

/* The text of one value for a column. Nothing, or a word for it, is null where that may be, but no
 * text; in a column of floats that may not be null it is NaN. */
static int append_value(const char *table, const struct nanots_column *column, const char *text,
                        struct nanots_value *value)
{
    const bool is_float = column->type == NANOTS_TYPE_F64 || column->type == NANOTS_TYPE_F32;
    const bool nullable = (column->flags & NANOTS_COLUMN_NULLABLE) != 0;
    const bool missing =
        column->type == NANOTS_TYPE_UTF8 ? strcmp(text, "null") == 0 : cli_is_missing(text);
    value->type = NANOTS_TYPE_NULL;
    if (missing && nullable)
        return CLI_OK;
    if (missing && is_float)
        text = "NaN";
    if (cli_value_parse(text, strlen(text), column->type, value))
        return CLI_OK;
    return cli_usage("'%s' is not %s, which column '%s' of table '%s' takes", text,
                     cli_type_phrase(column->type), column->name, table);
}

static int append_row(const struct cli_args *args, struct nanots_db *db,
                      const struct nanots_schema *schema)
{
    struct nanots_error error;
    const size_t count = (size_t)args->operand_count - 3;
    const char *table = args->operands[1];
    enum cli_time_unit number_unit;
    int64_t ts;
    int exit_code = cli_unit_option(args, &number_unit);
    if (exit_code == CLI_OK)
        exit_code = cli_time_argument("TIME", args->operands[2], number_unit,
                                      cli_unit_of_table(schema->unit), false, &ts);
    if (exit_code == CLI_OK && count != schema->column_count)
        exit_code = cli_fail("table '%s' has %zu columns, but %zu %s given", table,
                             schema->column_count, count, count == 1 ? "value is" : "values are");
    if (exit_code != CLI_OK)
        return exit_code;
    struct nanots_value *values = cli_alloc(count, sizeof(*values));
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++)
        exit_code = append_value(table, &schema->columns[i], args->operands[3 + i], &values[i]);
    if (exit_code == CLI_OK &&
        nanots_append_row_typed(db, table, ts, values, count, NULL, &error) != NANOTS_OK)
        exit_code = cli_fail_status(&error);
    cli_free(values);
    return exit_code;
}

static int append_run(const struct cli_args *args)
{
    struct nanots_schema schema;
    struct nanots_error error;
    struct nanots_db *db = cli_open_write(args->operands[0]);
    if (db == NULL)
        return CLI_FAILURE;
    if (nanots_table_schema(db, args->operands[1], &schema, &error) != NANOTS_OK)
        return cli_close(db, cli_fail_status(&error));
    int exit_code = append_row(args, db, &schema);
    nanots_free(schema.block);
    return cli_close(db, exit_code);
}

static const struct cli_option append_option_table[] = {
    {'u', "unit", "UNIT", "what a plain number is as TIME: s, ms, us or ns"},
};

const struct cli_command cli_command_append = {
    .name = "append",
    .summary = "Add one row to a table",
    .operands = "DB TABLE TIME VALUE...",
    .operands_min = 4,
    .operands_max = -1,
    .operands_literal = true,
    .options = append_option_table,
    .option_count = sizeof(append_option_table) / sizeof(append_option_table[0]),
    .notes =
        "One VALUE for each column, in order; null for none. Booleans are true and false. TIME is\n"
        "now, 2024-05-01T12:00, -1h, or an epoch number (see nanots help query). The table must\n"
        "exist (nanots create). For many rows, pipe CSV into nanots import DB TABLE - instead.\n",
    .run = append_run,
};
