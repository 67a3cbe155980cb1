/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_info.c - nanots tables, info and verify: what a file holds and whether it is whole. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "commands.h"
#include "grid.h"
#include "timetext.h"
#include "value.h"

/* ---- tables ------------------------------------------------------------------------------- */

static void tables_cell_time(struct cli_grid *grid, enum cli_time_unit unit, bool has_rows,
                             int64_t ts)
{
    char shown[CLI_TIME_TEXT_SIZE] = "-";
    char exact[CLI_NUMBER_TEXT_SIZE] = "";
    if (has_rows) {
        cli_time_print(ts, unit, cli_time_style_for(ts, unit), shown);
        snprintf(exact, sizeof(exact), "%" PRId64, ts);
    }
    cli_grid_cell(grid, shown, exact);
}

static void tables_begin_grid(struct cli_grid *grid)
{
    cli_grid_column(grid, "table", "table", CLI_GRID_TEXT);
    cli_grid_column(grid, "rows", "rows", CLI_GRID_NUMBER);
    cli_grid_column(grid, "first", "first_ts", CLI_GRID_TIME);
    cli_grid_column(grid, "last", "last_ts", CLI_GRID_TIME);
    cli_grid_column(grid, "unit", "unit", CLI_GRID_TEXT);
    cli_grid_column(grid, "size", "disk_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "columns", "columns", CLI_GRID_TEXT);
}

#define TABLES_NAMES_SHOWN 48 /* characters of the column list in the aligned form */

/* The list cut behind a whole name, with the number of columns. */
static void tables_cell_columns(struct cli_grid *grid, const char *joined, size_t count)
{
    char shown[TABLES_NAMES_SHOWN + 32];
    size_t length = strlen(joined);
    if (length <= TABLES_NAMES_SHOWN) {
        cli_grid_cell(grid, joined, joined);
        return;
    }
    length = TABLES_NAMES_SHOWN;
    while (length > 0 && joined[length] != ',')
        length--;
    snprintf(shown, sizeof(shown), "%.*s%s... (%zu in all)", (int)length, joined,
             length > 0 ? ", " : "", count);
    cli_grid_cell(grid, shown, joined);
}

/* As nanots create takes them: a type that is not f64 behind the name, ? for nullable. */
static char *tables_join_columns(const struct nanots_schema *schema)
{
    size_t size = 1;
    for (size_t i = 0; i < schema->column_count; i++)
        size += strlen(schema->columns[i].name) + sizeof(", :utf8?=dictionary");
    char *joined = cli_alloc(size, 1);
    char *at = joined;
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct nanots_column *column = &schema->columns[i];
        const char *codec = cli_column_codec(column);
        const bool plain = column->type == NANOTS_TYPE_F64 && codec[0] == '\0';
        at += snprintf(at, size - (size_t)(at - joined), "%s%s%s%s%s%s%s", i > 0 ? ", " : "",
                       column->name, plain ? "" : ":", plain ? "" : nanots_type_name(column->type),
                       cli_null_mark(column), codec[0] != '\0' ? "=" : "", codec);
    }
    return joined;
}

static int tables_add_row(struct cli_grid *grid, struct nanots_db *db, const char *table)
{
    struct nanots_table_stats stats = {.struct_size = sizeof(stats)};
    struct nanots_schema schema;
    struct nanots_error error;
    int has_rows = 0;
    int64_t first = 0;
    int64_t last = 0;
    if (nanots_stats(db, table, &stats, &error) != NANOTS_OK ||
        nanots_time_range(db, table, &has_rows, &first, &last, &error) != NANOTS_OK ||
        nanots_table_schema(db, table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    cli_grid_cell(grid, table, table);
    cli_grid_cell_count(grid, stats.rows);
    const enum cli_time_unit unit = cli_unit_of_table(schema.unit);
    tables_cell_time(grid, unit, has_rows != 0, first);
    tables_cell_time(grid, unit, has_rows != 0, last);
    cli_grid_cell(grid, nanots_time_unit_name(schema.unit), nanots_time_unit_name(schema.unit));
    cli_grid_cell_bytes(grid, stats.disk_bytes);
    char *columns = tables_join_columns(&schema);
    tables_cell_columns(grid, columns, schema.column_count);
    cli_free(columns);
    nanots_free(schema.block);
    return CLI_OK;
}

static int tables_print(struct nanots_db *db, enum cli_format format)
{
    return cli_grid_print_tables(db, format, tables_begin_grid, tables_add_row);
}

static int tables_run(const struct cli_args *args)
{
    enum cli_format format;
    int exit_code = cli_format_option(args, CLI_FORMAT_TABLE, &format);
    if (exit_code != CLI_OK)
        return exit_code;
    struct nanots_db *db = cli_open_read(args->operands[0]);
    return db != NULL ? cli_close(db, tables_print(db, format)) : CLI_FAILURE;
}

static const struct cli_option tables_option_table[] = {
    {0, "format", "FORMAT", "table, csv, json or jsonl"},
};

const struct cli_command cli_command_tables = {
    .name = "tables",
    .summary = "List the tables with their rows, times and columns",
    .operands = "DB",
    .operands_min = 1,
    .operands_max = 1,
    .options = tables_option_table,
    .option_count = sizeof(tables_option_table) / sizeof(tables_option_table[0]),
    .notes = "Sizes are those of the segments; rows that are only in the log do not count there.\n"
             "Columns are f64 unless a type follows the name; ? marks those that may be null,\n"
             "and = the codec that one names.\n",
    .run = tables_run,
};

/* ---- info --------------------------------------------------------------------------------- */

CLI_PRINTF(2, 3) static void info_line(const char *label, const char *format, ...)
{
    va_list arguments;
    printf("%s%-12s%s ", cli_style(stdout, CLI_STYLE_BOLD), label,
           cli_style(stdout, CLI_STYLE_NONE));
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void info_print_log(const struct nanots_diagnosis *diagnosis)
{
    char size[CLI_NUMBER_TEXT_SIZE];
    char used[CLI_NUMBER_TEXT_SIZE];
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char torn[CLI_QUANTITY_TEXT_SIZE];
    cli_bytes_print(diagnosis->wal_bytes, size);
    cli_bytes_print(diagnosis->wal_used_bytes, used);
    cli_quantity_print(diagnosis->pending_rows, "row", rows);
    if (diagnosis->wal_bytes == 0)
        info_line("log", "none: the file was closed cleanly");
    else
        info_line("log", "%s, of which %s in use; %s not in segments yet", size, used, rows);
    cli_quantity_print(diagnosis->recovered_rows, "row", rows);
    cli_quantity_print(diagnosis->torn_bytes, "torn byte", torn);
    if (diagnosis->recovered_rows > 0 || diagnosis->torn_bytes > 0)
        info_line("recovery", "%s read back from the log, %s cut", rows, torn);
    if (diagnosis->wal_damaged)
        info_line("damage",
                  "the log breaks before a record known to be complete; run nanots verify");
    cli_quantity_print(diagnosis->kept_logs, "damaged log", rows);
    cli_bytes_print(diagnosis->kept_log_bytes, size);
    if (diagnosis->kept_logs > 0)
        info_line("kept", "%s, %s, for a repair; the newest breaks behind row %" PRIu64, rows, size,
                  diagnosis->wal_break_seq);
}

static void info_print_size(const char *path, const struct nanots_diagnosis *diagnosis)
{
    char human[CLI_NUMBER_TEXT_SIZE];
    char exact[CLI_QUANTITY_TEXT_SIZE];
    uint64_t size = cli_file_size(path);
    cli_bytes_print(size, human);
    cli_quantity_print(size, "byte", exact);
    if (size < 1024)
        info_line("size", "%s", exact);
    else
        info_line("size", "%s (%s)", human, exact);
    cli_bytes_print(diagnosis->free_bytes, human);
    if (diagnosis->free_bytes > 0)
        info_line("free inside", "%s", human);
}

static int info_print(const char *path, struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof(diagnosis)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char segments[CLI_QUANTITY_TEXT_SIZE];
    char tables[CLI_QUANTITY_TEXT_SIZE];
    if (nanots_diagnose(db, &diagnosis, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    cli_quantity_print(diagnosis.last_seq, "row", rows);
    cli_quantity_print(diagnosis.segments, "segment", segments);
    cli_quantity_print(diagnosis.tables, "table", tables);
    info_line("file", "%s", path);
    info_print_size(path, &diagnosis);
    info_line("generation", "%" PRIu64, diagnosis.generation);
    info_line("appended", "%s since the file was made", rows);
    info_line("holds", "%s in %s", tables, segments);
    info_print_log(&diagnosis);
    printf("\n");
    return tables_print(db, CLI_FORMAT_TABLE);
}

/* Takes a number out of a flat object. */
static void info_drop(char *json, const char *key)
{
    char *at = strstr(json, key);
    if (at == NULL)
        return;
    char *end = at + strcspn(at, ",}");
    if (*end == ',')
        end++;
    memmove(at, end, strlen(end) + 1);
}

/* Bytes are counted by the handle that writes them: one that only looks has written none. */
static int info_print_json(struct nanots_db *db)
{
    struct nanots_error error;
    char *json = NULL;
    if (nanots_diagnose_json(db, &json, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    info_drop(json, "\"written_bytes\"");
    info_drop(json, "\"appended_bytes\"");
    info_drop(json, "\"write_amplification\"");
    puts(json);
    nanots_free(json);
    return CLI_OK;
}

static int info_run(const struct cli_args *args)
{
    struct nanots_db *db = cli_open_read(args->operands[0]);
    if (db != NULL && cli_option(args, "json") != NULL)
        return cli_close(db, info_print_json(db));
    return db != NULL ? cli_close(db, info_print(args->operands[0], db)) : CLI_FAILURE;
}

static const struct cli_option info_option_table[] = {
    {0, "json", NULL, "one object, without the tables; stats --json has those"},
};

const struct cli_command cli_command_info = {
    .name = "info",
    .summary = "Describe the file: size, generation, log, recovery, tables",
    .operands = "DB",
    .operands_min = 1,
    .operands_max = 1,
    .options = info_option_table,
    .option_count = sizeof(info_option_table) / sizeof(info_option_table[0]),
    .run = info_run,
};

/* ---- verify ------------------------------------------------------------------------------- */

static void verify_print_damage(void *context, const char *message)
{
    (void)context;
    printf("%sdamage:%s %s\n", cli_style(stdout, CLI_STYLE_RED), cli_style(stdout, CLI_STYLE_NONE),
           message);
}

/* 1 says that the file can be read and is damaged. */
#define VERIFY_NOT_READABLE 2

static int verify_print(const char *path, struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof(report)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char tables[CLI_QUANTITY_TEXT_SIZE];
    char segments[CLI_QUANTITY_TEXT_SIZE];
    char places[CLI_QUANTITY_TEXT_SIZE];
    char bytes[CLI_NUMBER_TEXT_SIZE];
    if (nanots_verify(db, verify_print_damage, NULL, &report, &error) != NANOTS_OK) {
        (void)cli_fail_status(&error);
        return VERIFY_NOT_READABLE;
    }
    cli_quantity_print(report.rows, "row", rows);
    cli_quantity_print(report.tables, "table", tables);
    cli_quantity_print(report.segments, "segment", segments);
    cli_quantity_print(report.damage, "place", places);
    cli_bytes_print(report.bytes, bytes);
    if (report.damage > 0)
        return cli_fail("%s is damaged in %s; what is not named there can be read", path, places);
    printf("%s is whole: %s in %s of %s, %s checked\n", path, rows, segments, tables, bytes);
    return CLI_OK;
}

static int verify_run(const struct cli_args *args)
{
    struct nanots_db *db = cli_open_read(args->operands[0]);
    return db != NULL ? cli_close(db, verify_print(args->operands[0], db)) : VERIFY_NOT_READABLE;
}

const struct cli_command cli_command_verify = {
    .name = "verify",
    .summary = "Read everything and check every checksum",
    .operands = "DB",
    .operands_min = 1,
    .operands_max = 1,
    .notes = "Names each damaged place. Exit status: 0 whole, 1 damaged, 2 cannot be read.\n",
    .run = verify_run,
};
