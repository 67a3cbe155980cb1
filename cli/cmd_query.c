/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_query.c - nanots query and nanots export: rows out of a table. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "number.h"
#include "rows.h"

/* ---- query -------------------------------------------------------------------------------- */

static int query_options(const struct cli_args *args, struct nanots_query *query,
                         struct cli_row_options *options)
{
    size_t height;
    enum cli_format fallback = cli_is_terminal(stdout) ? CLI_FORMAT_TABLE : CLI_FORMAT_CSV;
    int exit_code = cli_format_option(args, fallback, &options->format);
    if (exit_code == CLI_OK)
        exit_code = cli_option_count(args, "limit", &query->limit);
    if (exit_code == CLI_OK && cli_option(args, "limit") != NULL && query->limit == 0)
        exit_code = cli_usage("--limit must be at least 1");
    if (cli_option(args, "reverse") != NULL)
        query->flags |= NANOTS_QUERY_REVERSE;
    if (cli_option(args, "skip-damaged") != NULL)
        query->flags |= NANOTS_QUERY_SKIP_DAMAGED;
    options->iso = cli_option(args, "iso") != NULL || options->format == CLI_FORMAT_TABLE;
    options->all = cli_option(args, "all") != NULL || query->limit > 0;
    if (cli_is_terminal(stdout) && cli_option(args, "columns") == NULL)
        cli_terminal_size(&options->width, &height);
    return exit_code;
}

static int query_rows(const struct cli_args *args, struct nanots_db *db, struct nanots_query *query,
                      struct cli_row_options *options)
{
    uint64_t row_count;
    int exit_code = cli_table_unit(db, args->operands[1], &options->unit);
    if (exit_code == CLI_OK)
        exit_code = cli_range_options(args, options->unit, query);
    if (exit_code == CLI_OK)
        exit_code = cli_rows_print(db, args->operands[1], query, options, stdout, &row_count);
    return exit_code;
}

static int query_run(const struct cli_args *args)
{
    struct nanots_query query = {.struct_size = sizeof(query)};
    struct cli_row_options options = {.format = CLI_FORMAT_TABLE};
    char **columns = NULL;
    int exit_code = query_options(args, &query, &options);
    if (exit_code == CLI_OK)
        exit_code = cli_columns_option(args, &query, &columns);
    if (exit_code == CLI_OK) {
        struct nanots_db *db = cli_open_read(args->operands[0]);
        exit_code = CLI_FAILURE;
        if (db != NULL)
            exit_code = cli_close(db, query_rows(args, db, &query, &options));
    }
    cli_free(columns);
    return exit_code;
}

static const struct cli_option query_option_table[] = {
    {'f', "from", "TIME", "rows at TIME and later"},
    {'t', "to", "TIME", "rows up to TIME; a day or month counts as a whole"},
    {'c', "columns", "A,B", "only these columns, in this order"},
    {'n', "limit", "N", "at most N rows"},
    {'r', "reverse", NULL, "newest first"},
    {0, "format", "FORMAT",
     "table, csv, json or jsonl (an object a line); table on a\n"
     "terminal and csv elsewhere unless given"},
    {0, "all", NULL, "show every row of a table, not only the first and last"},
    {0, "iso", NULL, "csv and json: times as ISO 8601, not as numbers"},
    {0, "unit", "UNIT", "what a plain number is as a TIME: s, ms, us or ns"},
    {0, "skip-damaged", NULL, "leave out what cannot be read and say so; exit status 3"},
};

const struct cli_command cli_command_query = {
    .name = "query",
    .summary = "Print the rows of a table",
    .operands = "DB TABLE",
    .operands_min = 2,
    .operands_max = 2,
    .options = query_option_table,
    .option_count = sizeof(query_option_table) / sizeof(query_option_table[0]),
    .notes =
        "A TIME is 2024-05-01, 2024-05, 2024-05-01T12:00, now, today, -1h, -7d, or an epoch\n"
        "number: --unit says of what, else its size does (see nanots help import).\n"
        "Both ends are included. Times without an offset are UTC.\n"
        "Values in csv and json read back as the very same; NaN is NaN in csv and null in\n"
        "json. Null is an empty field in csv (text of no bytes is \"\"), null in json, NULL in\n"
        "a table, which rounds columns of more than nine decimals to six and cuts long text.\n",
    .run = query_run,
};

/* ---- export ------------------------------------------------------------------------------- */

static int export_rows(const struct cli_args *args, struct nanots_db *db,
                       const struct nanots_query *query, const struct cli_row_options *options,
                       FILE *stream)
{
    uint64_t row_count;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    int exit_code = cli_rows_print(db, args->operands[1], query, options, stream, &row_count);
    cli_quantity_print(row_count, "row", rows);
    if (exit_code != CLI_FAILURE && stream != stdout && !cli_output_broken(stream))
        printf("%s of table '%s' written to %s\n", rows, args->operands[1], args->operands[2]);
    return exit_code;
}

/* Writes beside the target and renames over it, so that a failure leaves the old file whole. A
 * target that is no regular file (a pipe, a device) is written as it is. */
static int export_file(const struct cli_args *args, struct nanots_db *db,
                       const struct nanots_query *query, const struct cli_row_options *options)
{
    const char *path = args->operands[2];
    struct stat info;
    struct stat source;
    bool exists = stat(path, &info) == 0;
    bool direct = exists && !S_ISREG(info.st_mode);
    if (exists && stat(args->operands[0], &source) == 0 && source.st_ino == info.st_ino &&
        source.st_dev == info.st_dev)
        return cli_fail("%s is the file that holds the table", path);
    size_t size = strlen(path) + sizeof(".part");
    char *part = cli_alloc(size, 1);
    snprintf(part, size, "%s%s", path, direct ? "" : ".part");

    int exit_code;
    FILE *stream = fopen(part, "w");
    if (stream == NULL) {
        exit_code = cli_fail("cannot write %s: %s", part, strerror(errno));
    } else {
        exit_code = export_rows(args, db, query, options, stream);
        bool failed = cli_output_broken(stream);
        failed |= fclose(stream) != 0;
        if (exit_code != CLI_FAILURE && failed)
            exit_code = cli_fail("cannot write %s: %s", part, strerror(errno));
        if (!direct && exit_code != CLI_FAILURE && rename(part, path) != 0)
            exit_code = cli_fail("cannot rename %s to %s: %s", part, path, strerror(errno));
        if (!direct && exit_code == CLI_FAILURE)
            unlink(part);
    }
    cli_free(part);
    return exit_code;
}

static int export_table(const struct cli_args *args, struct nanots_db *db,
                        struct nanots_query *query)
{
    struct cli_row_options options = {.format = CLI_FORMAT_CSV};
    options.iso = cli_option(args, "iso") != NULL;
    if (cli_option(args, "skip-damaged") != NULL)
        query->flags |= NANOTS_QUERY_SKIP_DAMAGED;
    int exit_code = cli_format_option(args, CLI_FORMAT_CSV, &options.format);
    if (exit_code == CLI_OK && options.format == CLI_FORMAT_TABLE)
        exit_code = cli_usage("--format is csv, json or jsonl here; nanots query prints tables");
    if (exit_code == CLI_OK)
        exit_code = cli_table_unit(db, args->operands[1], &options.unit);
    if (exit_code == CLI_OK)
        exit_code = cli_range_options(args, options.unit, query);
    if (exit_code == CLI_OK)
        exit_code = strcmp(args->operands[2], "-") == 0
                        ? export_rows(args, db, query, &options, stdout)
                        : export_file(args, db, query, &options);
    return exit_code;
}

static int export_run(const struct cli_args *args)
{
    struct nanots_query query = {.struct_size = sizeof(query)};
    char **columns = NULL;
    int exit_code = cli_columns_option(args, &query, &columns);
    if (exit_code == CLI_OK) {
        struct nanots_db *db = cli_open_read(args->operands[0]);
        exit_code = db != NULL ? cli_close(db, export_table(args, db, &query)) : CLI_FAILURE;
    }
    cli_free(columns);
    return exit_code;
}

static const struct cli_option export_option_table[] = {
    {'f', "from", "TIME", "rows at TIME and later"},
    {'t', "to", "TIME", "rows up to TIME; a day or month counts as a whole"},
    {'c', "columns", "A,B", "only these columns, in this order"},
    {0, "format", "FORMAT", "csv, json or jsonl (an object a line); csv unless given"},
    {0, "iso", NULL, "times as ISO 8601 in a column time, not as numbers"},
    {0, "unit", "UNIT", "what a plain number is as a TIME: s, ms, us or ns"},
    {0, "skip-damaged", NULL, "leave out what cannot be read and say so; exit status 3"},
};

const struct cli_command cli_command_export = {
    .name = "export",
    .summary = "Write a table to a CSV or JSON file, or to standard output as -",
    .operands = "DB TABLE FILE|-",
    .operands_min = 3,
    .operands_max = 3,
    .options = export_option_table,
    .option_count = sizeof(export_option_table) / sizeof(export_option_table[0]),
    .notes =
        "A CSV file has a header line, and nanots import reads it back bit for bit into a table "
        "of\n"
        "the same types, but for the payloads of NaNs. The file appears under its name only when\n"
        "it is complete.\n",
    .run = export_run,
};
