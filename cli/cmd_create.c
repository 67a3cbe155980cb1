/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_create.c - nanots create and nanots append: a table and single rows by hand. */
#include <math.h>

#include "commands.h"
#include "humantime.h"
#include "number.h"

static int create_table(const struct cli_args *args, struct nanots_db *db)
{
    struct nanots_error error;
    size_t count = (size_t)args->operand_count - 2;
    struct nanots_column *columns = cli_alloc(count, sizeof(*columns));
    for (size_t i = 0; i < count; i++) {
        columns[i].name = args->operands[2 + i];
        columns[i].type = NANOTS_TYPE_F64;
    }
    nanots_status status = nanots_create_table(db, args->operands[1], columns, count, &error);
    cli_free(columns);
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
}

static int create_run(const struct cli_args *args)
{
    bool made = false;
    struct nanots_db *db = cli_open_or_make(args->operands[0], &made);
    return db != NULL ? cli_close_made(db, args->operands[0], made, create_table(args, db))
                      : CLI_FAILURE;
}

const struct cli_command cli_command_create = {
    .name = "create",
    .summary = "Make a table with the columns named",
    .operands = "DB TABLE COLUMN...",
    .operands_min = 3,
    .operands_max = -1,
    .notes = "The file is created if absent. Columns hold 64-bit floating-point numbers; the time\n"
             "column ts_ms comes by itself.\n",
    .run = create_run,
};

static int append_row(const struct cli_args *args, struct nanots_db *db, int64_t ts)
{
    struct nanots_error error;
    size_t count = (size_t)args->operand_count - 3;
    double *values = cli_alloc(count, sizeof(double));
    int exit_code = CLI_OK;
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        const char *text = args->operands[3 + i];
        if (cli_is_missing(text))
            values[i] = NAN;
        else if (!cli_number_parse(text, &values[i]))
            exit_code = cli_usage("'%s' is no number", text);
    }
    if (exit_code == CLI_OK &&
        nanots_append_row(db, args->operands[1], ts, values, count, NULL, &error) != NANOTS_OK)
        exit_code = cli_fail_status(&error);
    cli_free(values);
    return exit_code;
}

static int append_run(const struct cli_args *args)
{
    int64_t ts;
    enum cli_time_unit unit;
    int exit_code = cli_unit_option(args, &unit);
    if (exit_code == CLI_OK)
        exit_code = cli_time_argument("TIME", args->operands[2], unit, false, &ts);
    if (exit_code != CLI_OK)
        return exit_code;
    struct nanots_db *db = cli_open_write(args->operands[0]);
    return db != NULL ? cli_close(db, append_row(args, db, ts)) : CLI_FAILURE;
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
        "One VALUE for each column, in order; NaN for none. TIME is now, 2024-05-01T12:00, -1h,\n"
        "or an epoch number (see nanots help query). The table must exist (nanots create).\n"
        "For many rows, pipe CSV into nanots import DB TABLE - instead.\n",
    .run = append_run,
};
