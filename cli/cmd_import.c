/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_import.c - nanots import: the options of reading a CSV file. */
#include <string.h>

#include "commands.h"
#include "humantime.h"
#include "importjob.h"

static int import_time_options(const struct cli_args *args, struct cli_import_options *options)
{
    options->start = cli_option(args, "start");
    options->step = cli_option(args, "step");
    const char *unit = cli_option(args, "table-unit");
    int exit_code = cli_unit_option(args, &options->unit);
    if (exit_code != CLI_OK)
        return exit_code;
    options->table_unit = unit != NULL ? cli_unit_parse(unit) : CLI_UNIT_GUESS;
    if (unit != NULL && options->table_unit == CLI_UNIT_GUESS)
        return cli_usage("--table-unit is s, ms, us or ns, not '%s'", unit);
    if ((options->start == NULL) != (options->step == NULL))
        return cli_usage("--start and --step go together");
    if (options->start != NULL && (options->time != NULL || options->time_format != NULL))
        return cli_usage("--start counts the times, so --time and --time-format have no place");
    /* What is no time or duration at all is told before a table is made. */
    int64_t ignored;
    const enum cli_time_unit table_unit =
        options->table_unit != CLI_UNIT_GUESS ? options->table_unit : CLI_UNIT_MS;
    if (options->start != NULL && !cli_duration_parse(options->step, CLI_UNIT_NS, &ignored))
        return cli_usage("--step takes a duration such as 500ms, 10s or 5m, not '%s'",
                         options->step);
    return options->start != NULL ? cli_time_argument("--start", options->start, options->unit,
                                                      table_unit, false, &ignored)
                                  : CLI_OK;
}

static int import_options(const struct cli_args *args, struct cli_import_options *options)
{
    const char *on_error = cli_option(args, "on-error");
    options->time = cli_option(args, "time");
    options->time_format = cli_option(args, "time-format");
    options->columns = cli_option(args, "columns");
    options->types = cli_option(args, "types");
    options->null_text = cli_option(args, "null");
    options->skip_text = cli_option(args, "skip-text") != NULL;
    options->floor_times = cli_option(args, "floor") != NULL;
    if (on_error != NULL) {
        options->skip_bad = strcmp(on_error, "skip") == 0;
        if (!options->skip_bad && strcmp(on_error, "stop") != 0)
            return cli_usage("--on-error is stop or skip, not '%s'", on_error);
    }
    if (options->time_format != NULL && cli_option(args, "unit") != NULL)
        return cli_usage("--unit is for epoch numbers, --time-format for everything else");
    return import_time_options(args, options);
}

static int import_delimiter(const struct cli_args *args, char *delimiter_out)
{
    const char *text = cli_option(args, "delimiter");
    *delimiter_out = 0;
    if (text == NULL)
        return CLI_OK;
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        text = "\t";
    if (strlen(text) != 1 || strchr("\"\r\n", text[0]) != NULL)
        return cli_usage("--delimiter is one character, or the word tab");
    *delimiter_out = text[0];
    return CLI_OK;
}

static int import_run(const struct cli_args *args)
{
    struct cli_import_options options = {0};
    char delimiter;
    int exit_code = import_options(args, &options);
    if (exit_code == CLI_OK)
        exit_code = import_delimiter(args, &delimiter);
    if (exit_code != CLI_OK)
        return exit_code;
    struct cli_csv *csv = cli_csv_open(args->operands[2]);
    if (csv == NULL)
        return CLI_FAILURE;
    cli_csv_set_delimiter(csv, delimiter);
    exit_code = cli_import_run(args->operands[0], args->operands[1], csv,
                               cli_option(args, "no-header") != NULL, &options);
    cli_csv_close(csv);
    return exit_code;
}

static const struct cli_option import_option_table[] = {
    {'t', "time", "NAME", "the time column; several (date,clock) are joined"},
    {0, "time-format", "FORMAT", "how it is written, for strptime: \"%d.%m.%Y %H:%M\""},
    {'u', "unit", "UNIT", "unit of epoch times: s, ms, us or ns"},
    {0, "table-unit", "UNIT", "unit of the times of a new table: s, ms, us or ns"},
    {0, "floor", NULL, "round times finer than the table's unit down, not refuse"},
    {0, "start", "TIME", "the file has no times: the first row is at TIME"},
    {0, "step", "DURATION", "... and each next one so much later: 10m"},
    {'c', "columns", "A,B", "import only these columns"},
    {0, "types", "A:TYPE,B:TYPE", "types of columns of a new table, see below"},
    {0, "null", "TEXT", "a field of this text is null too"},
    {0, "skip-text", NULL, "leave columns of text out"},
    {'d', "delimiter", "CHAR", "what separates fields, if not the one found"},
    {0, "no-header", NULL, "the first line is data; columns are c0, c1, ..."},
    {0, "on-error", "stop|skip", "what a bad line does; stop unless given"},
};

const struct cli_command cli_command_import = {
    .name = "import",
    .summary = "Read a CSV file, or standard input as -, into a table",
    .operands = "DB TABLE FILE|-",
    .operands_min = 3,
    .operands_max = 3,
    .options = import_option_table,
    .option_count = sizeof(import_option_table) / sizeof(import_option_table[0]),
    .notes =
        "The file and the table are created if absent; an existing table gets the columns of the\n"
        "same names. Without --time the time column is found by name (time, date, timestamp,\n"
        "ts_ms, ...) or by its contents.\n"
        "\n"
        "Times: 2024-05-01T12:00:30.250Z, 2024-05-01 12:00 +02:00, 2024/05/01, 5/1/2024 1:30 PM,\n"
        "May 1 2024, 1-May-2024; UTC without an offset. Epoch numbers: by name (ts_us), else by\n"
        "size: seconds from 1e8 to 1e11, milliseconds to 1e14, microseconds to 1e17, then\n"
        "nanoseconds; milliseconds below 1e8.\n"
        "\n"
        "A new table counts milliseconds, or as fine as its times need; a time column ts_s, ts_us\n"
        "or ts_ns, as nanots export writes, gives it that unit.\n"
        "\n"
        "Types of a new table: bool (true, false), i64, f64, else utf8; 007 and what is beyond 64\n"
        "bits is text. A file is read through to find them, of standard input the first 1000\n"
        "rows count. --types gives others: f32, i32, and a ? behind one that may be null.\n"
        "\n"
        "Empty fields are null, in columns of other types than text also NA, N/A, #N/A, null, "
        "None\n"
        "and \\N; an empty field in quotes is text of no bytes. Where a table takes no null, "
        "floats\n"
        "become NaN. A bad line is told as FILE:LINE: reason, and stops the import; the rows\n"
        "before it are kept.\n",
    .run = import_run,
};
