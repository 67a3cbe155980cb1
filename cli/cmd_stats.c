/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_stats.c - nanots stats: how small the tables are, and by which codecs. */
#include <inttypes.h>

#include "commands.h"
#include "grid.h"
#include "value.h"

/* A quotient with two decimals; "-" where nothing is divided. */
static void stats_cell_quotient(struct cli_grid *grid, double dividend, double divisor)
{
    char text[CLI_NUMBER_TEXT_SIZE];
    if (divisor == 0) {
        cli_grid_cell(grid, "-", "");
        return;
    }
    snprintf(text, sizeof(text), "%.2f", dividend / divisor);
    cli_grid_cell(grid, text, text);
}

/* ---- all tables --------------------------------------------------------------------------- */

static int stats_add_table(struct cli_grid *grid, struct nanots_db *db, const char *table)
{
    struct nanots_table_stats stats = {.struct_size = sizeof(stats)};
    struct nanots_error error;
    if (nanots_stats(db, table, &stats, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    double flushed_rows = (double)(stats.rows - stats.pending_rows);
    double disk = (double)stats.disk_bytes;
    cli_grid_cell(grid, table, table);
    cli_grid_cell_count(grid, stats.rows);
    cli_grid_cell_count(grid, stats.segments);
    cli_grid_cell_bytes(grid, stats.raw_bytes);
    cli_grid_cell_bytes(grid, stats.disk_bytes);
    stats_cell_quotient(grid, stats.total_ratio, flushed_rows > 0 ? 1 : 0);
    stats_cell_quotient(grid, disk * 8.0, flushed_rows * (double)(stats.column_count + 1));
    return CLI_OK;
}

static void stats_begin_grid(struct cli_grid *grid)
{
    cli_grid_column(grid, "table", "table", CLI_GRID_TEXT);
    cli_grid_column(grid, "rows", "rows", CLI_GRID_NUMBER);
    cli_grid_column(grid, "segments", "segments", CLI_GRID_NUMBER);
    cli_grid_column(grid, "raw", "raw_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "stored", "disk_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "raw:stored", "ratio", CLI_GRID_NUMBER);
    cli_grid_column(grid, "bits/value", "bits_per_value", CLI_GRID_NUMBER);
}

/* ---- JSON: the library's own -------------------------------------------------------------- */

static int stats_print_json(struct nanots_db *db, const char *table)
{
    struct nanots_error error;
    char *json = NULL;
    if (nanots_stats_json(db, table, &json, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    fputs(json, stdout);
    nanots_free(json);
    return CLI_OK;
}

/* An array of all tables, or with `lines` a table a line. */
static int stats_print_json_all(struct nanots_db *db, bool lines)
{
    struct nanots_table_list list;
    struct nanots_error error;
    int exit_code = CLI_OK;
    if (nanots_list_tables(db, &list, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    fputs(lines ? "" : "[", stdout);
    for (size_t i = 0; i < list.count && exit_code == CLI_OK; i++) {
        fputs(lines || i == 0 ? "" : ",\n", stdout);
        exit_code = stats_print_json(db, list.names[i]);
        fputs(lines ? "\n" : "", stdout);
    }
    fputs(lines ? "" : "]\n", stdout);
    nanots_free(list.block);
    return exit_code;
}

static int stats_print_json_one(struct nanots_db *db, const char *table)
{
    const int exit_code = stats_print_json(db, table);
    if (exit_code == CLI_OK)
        fputs("\n", stdout);
    return exit_code;
}

/* ---- one table ---------------------------------------------------------------------------- */

static void stats_add_part(struct cli_grid *grid, const char *part, uint64_t raw, uint64_t disk,
                           double value_count)
{
    cli_grid_cell(grid, part, part);
    if (raw > 0)
        cli_grid_cell_bytes(grid, raw);
    else
        cli_grid_cell(grid, "-", "");
    cli_grid_cell_bytes(grid, disk);
    stats_cell_quotient(grid, (double)disk * 8.0, value_count);
}

static void stats_print_parts(const struct nanots_table_stats *stats, enum cli_format format)
{
    struct cli_grid *grid = cli_grid_new();
    double rows = (double)(stats->rows - stats->pending_rows);
    double columns = (double)stats->column_count;
    cli_grid_column(grid, "part", "part", CLI_GRID_TEXT);
    cli_grid_column(grid, "raw", "raw_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "stored", "disk_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "bits/value", "bits_per_value", CLI_GRID_NUMBER);
    stats_add_part(grid, "times", stats->raw_ts_bytes, stats->disk_ts_bytes, rows);
    stats_add_part(grid, "values", stats->raw_value_bytes, stats->disk_value_bytes, rows * columns);
    stats_add_part(grid, "index", 0, stats->disk_index_bytes, 0);
    stats_add_part(grid, "whole", stats->raw_bytes, stats->disk_bytes, rows * (columns + 1));
    cli_grid_print(grid, format, stdout);
    cli_grid_free(grid);
}

/* Codecs that won a vector, most of them first: "decimal 12, raw 1". */
static void stats_join_codecs(const uint64_t vectors[NANOTS_CODEC_COUNT_MAX], char *text,
                              size_t size)
{
    bool told[NANOTS_CODEC_COUNT_MAX] = {false};
    size_t used = 0;
    text[0] = '\0';
    for (;;) {
        unsigned best = NANOTS_CODEC_COUNT_MAX;
        for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++)
            if (!told[codec] && vectors[codec] > 0 &&
                (best == NANOTS_CODEC_COUNT_MAX || vectors[codec] > vectors[best]))
                best = codec;
        if (best == NANOTS_CODEC_COUNT_MAX || used >= size)
            return;
        told[best] = true;
        const char *name = nanots_codec_name(best);
        used += (size_t)snprintf(text + used, size - used, "%s%s %" PRIu64, used > 0 ? ", " : "",
                                 name != NULL ? name : "unknown", vectors[best]);
    }
}

static int stats_add_column(struct cli_grid *grid, struct nanots_db *db, const char *table,
                            size_t index, const char *name, const char *type)
{
    struct nanots_column_stats stats = {.struct_size = sizeof(stats)};
    struct nanots_error error;
    char codecs[512];
    if (nanots_stats_column(db, table, index, &stats, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    stats_join_codecs(stats.codec_vectors, codecs, sizeof(codecs));
    cli_grid_cell(grid, name, name);
    cli_grid_cell(grid, type, type);
    cli_grid_cell_bytes(grid, stats.raw_bytes);
    cli_grid_cell_bytes(grid, stats.disk_bytes);
    stats_cell_quotient(grid, stats.ratio, stats.vectors > 0 ? 1 : 0);
    cli_grid_cell_count(grid, stats.vectors);
    cli_grid_cell(grid, codecs, codecs);
    return CLI_OK;
}

static int stats_print_columns(struct nanots_db *db, const char *table)
{
    struct nanots_schema schema;
    struct nanots_error error;
    char type[16];
    if (nanots_table_schema(db, table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    struct cli_grid *grid = cli_grid_new();
    cli_grid_column(grid, "column", "column", CLI_GRID_TEXT);
    cli_grid_column(grid, "type", "type", CLI_GRID_TEXT);
    cli_grid_column(grid, "raw", "raw_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "stored", "disk_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "raw:stored", "ratio", CLI_GRID_NUMBER);
    cli_grid_column(grid, "vectors", "vectors", CLI_GRID_NUMBER);
    cli_grid_column(grid, "by codec", "codecs", CLI_GRID_TEXT);
    snprintf(type, sizeof(type), "time %s", nanots_time_unit_name(schema.unit));
    int exit_code = stats_add_column(grid, db, table, NANOTS_COLUMN_TS, schema.ts_name, type);
    for (size_t i = 0; i < schema.column_count && exit_code == CLI_OK; i++) {
        const struct nanots_column *column = &schema.columns[i];
        snprintf(type, sizeof(type), "%s%s", nanots_type_name(column->type), cli_null_mark(column));
        exit_code = stats_add_column(grid, db, table, i, column->name, type);
    }
    if (exit_code == CLI_OK) {
        printf("\n");
        cli_grid_print(grid, CLI_FORMAT_TABLE, stdout);
    }
    cli_grid_free(grid);
    nanots_free(schema.block);
    return exit_code;
}

static int stats_print_one(struct nanots_db *db, const char *table, enum cli_format format)
{
    struct nanots_table_stats stats = {.struct_size = sizeof(stats)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char columns[CLI_QUANTITY_TEXT_SIZE];
    char segments[CLI_QUANTITY_TEXT_SIZE];
    if (nanots_stats(db, table, &stats, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    if (format != CLI_FORMAT_TABLE) {
        stats_print_parts(&stats, format);
        return CLI_OK;
    }
    cli_quantity_print(stats.rows, "row", rows);
    cli_quantity_print(stats.column_count, "column", columns);
    cli_quantity_print(stats.segments, "segment", segments);
    printf("%s%s%s: %s of %s in %s", cli_style(stdout, CLI_STYLE_BOLD), table,
           cli_style(stdout, CLI_STYLE_NONE), rows, columns, segments);
    cli_count_print(stats.pending_rows, rows);
    if (stats.pending_rows > 0)
        printf(", %s of the rows in the log only", rows);
    if (stats.disk_bytes > 0)
        printf("; %.1f times smaller than raw", stats.total_ratio);
    printf("\n\n");
    stats_print_parts(&stats, format);
    return stats_print_columns(db, table);
}

static int stats_run(const struct cli_args *args)
{
    enum cli_format format;
    int exit_code = cli_format_option(args, CLI_FORMAT_TABLE, &format);
    if (exit_code != CLI_OK)
        return exit_code;
    if (cli_option(args, "json") != NULL && cli_option(args, "format") != NULL)
        return cli_usage("--json and --format exclude each other");
    const bool is_json = cli_option(args, "json") != NULL || format == CLI_FORMAT_JSON;
    struct nanots_db *db = cli_open_read(args->operands[0]);
    if (db == NULL)
        return CLI_FAILURE;
    if (args->operand_count == 2 && (is_json || format == CLI_FORMAT_JSONL))
        return cli_close(db, stats_print_json_one(db, args->operands[1]));
    if (args->operand_count == 2)
        return cli_close(db, stats_print_one(db, args->operands[1], format));
    if (is_json || format == CLI_FORMAT_JSONL)
        return cli_close(db, stats_print_json_all(db, !is_json));
    return cli_close(db, cli_grid_print_tables(db, format, stats_begin_grid, stats_add_table));
}

static const struct cli_option stats_option_table[] = {
    {0, "json", NULL, "the same as --format json: everything, by column and codec"},
    {0, "format", "FORMAT", "table, csv, json or jsonl"},
};

const struct cli_command cli_command_stats = {
    .name = "stats",
    .summary = "Show how small the tables are; of one table also by what",
    .operands = "DB [TABLE]",
    .operands_min = 1,
    .operands_max = 2,
    .options = stats_option_table,
    .option_count = sizeof(stats_option_table) / sizeof(stats_option_table[0]),
    .notes =
        "Raw is what the values take uncompressed, eight bytes for each time and f64. A vector\n"
        "is 1024 values of one column, stored by the codec that makes it smallest; a column\n"
        "that may be null has vectors of its nulls too.\n",
    .run = stats_run,
};
