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

/* The codec that won most vectors of those not told yet; NANOTS_CODEC_COUNT_MAX if none is left. */
static unsigned stats_next_codec(const struct nanots_tier_stats *tier,
                                 bool told[NANOTS_CODEC_COUNT_MAX])
{
    unsigned best = NANOTS_CODEC_COUNT_MAX;
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++)
        if (!told[codec] && tier->codecs[codec].vectors > 0 &&
            (best == NANOTS_CODEC_COUNT_MAX ||
             tier->codecs[codec].vectors > tier->codecs[best].vectors))
            best = codec;
    if (best != NANOTS_CODEC_COUNT_MAX)
        told[best] = true;
    return best;
}

/* Codecs of one tier, most vectors first. */
static void stats_add_codecs(struct cli_grid *grid, const char *column, const char *tier_name,
                             const struct nanots_tier_stats *tier)
{
    bool told[NANOTS_CODEC_COUNT_MAX] = {false};
    unsigned codec;
    while ((codec = stats_next_codec(tier, told)) != NANOTS_CODEC_COUNT_MAX) {
        const struct nanots_codec_stats *won = &tier->codecs[codec];
        const char *name = nanots_codec_name(codec) != NULL ? nanots_codec_name(codec) : "unknown";
        const uint64_t saved = won->raw_bytes > won->bytes ? won->raw_bytes - won->bytes : 0;
        cli_grid_cell(grid, column, column);
        cli_grid_cell(grid, tier_name, tier_name);
        cli_grid_cell(grid, name, name);
        cli_grid_cell_count(grid, won->vectors);
        cli_grid_cell_bytes(grid, won->raw_bytes);
        cli_grid_cell_bytes(grid, won->bytes);
        cli_grid_cell_bytes(grid, saved);
        stats_cell_quotient(grid, (double)won->raw_bytes, (double)won->bytes);
    }
}

static void stats_begin_codecs(struct cli_grid *grid)
{
    cli_grid_column(grid, "column", "column", CLI_GRID_TEXT);
    cli_grid_column(grid, "tier", "tier", CLI_GRID_TEXT);
    cli_grid_column(grid, "codec", "codec", CLI_GRID_TEXT);
    cli_grid_column(grid, "vectors", "vectors", CLI_GRID_NUMBER);
    cli_grid_column(grid, "raw", "raw_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "stored", "disk_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "saved", "saved_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "raw:stored", "ratio", CLI_GRID_NUMBER);
}

/* What is shown of one table's columns. */
struct stats_grids {
    struct cli_grid *columns;
    struct cli_grid *codecs;
};

static int stats_add_column(const struct stats_grids *grids, struct nanots_db *db,
                            const char *table, size_t index, const char *name, const char *type)
{
    struct nanots_column_stats stats = {.struct_size = sizeof(stats)};
    struct nanots_error error;
    if (nanots_stats_column(db, table, index, &stats, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    struct cli_grid *grid = grids->columns;
    cli_grid_cell(grid, name, name);
    cli_grid_cell(grid, type, type);
    cli_grid_cell_bytes(grid, stats.all.raw_bytes);
    cli_grid_cell_bytes(grid, stats.all.disk_bytes);
    stats_cell_quotient(grid, stats.ratio, stats.all.vectors > 0 ? 1 : 0);
    cli_grid_cell_count(grid, stats.all.vectors);
    stats_add_codecs(grids->codecs, name, "hot", &stats.hot);
    stats_add_codecs(grids->codecs, name, "packed", &stats.packed);
    return CLI_OK;
}

static void stats_print_grid(const struct cli_grid *grid)
{
    printf("\n");
    cli_grid_print(grid, CLI_FORMAT_TABLE, stdout);
}

static int stats_print_columns(struct nanots_db *db, const char *table)
{
    struct nanots_schema schema;
    struct nanots_error error;
    char type[16];
    if (nanots_table_schema(db, table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    const struct stats_grids grids = {cli_grid_new(), cli_grid_new()};
    struct cli_grid *grid = grids.columns;
    stats_begin_codecs(grids.codecs);
    cli_grid_column(grid, "column", "column", CLI_GRID_TEXT);
    cli_grid_column(grid, "type", "type", CLI_GRID_TEXT);
    cli_grid_column(grid, "raw", "raw_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "stored", "disk_bytes", CLI_GRID_NUMBER);
    cli_grid_column(grid, "raw:stored", "ratio", CLI_GRID_NUMBER);
    cli_grid_column(grid, "vectors", "vectors", CLI_GRID_NUMBER);
    snprintf(type, sizeof(type), "time %s", nanots_time_unit_name(schema.unit));
    int exit_code = stats_add_column(&grids, db, table, NANOTS_COLUMN_TS, schema.ts_name, type);
    for (size_t i = 0; i < schema.column_count && exit_code == CLI_OK; i++) {
        const struct nanots_column *column = &schema.columns[i];
        snprintf(type, sizeof(type), "%s%s", nanots_type_name(column->type), cli_null_mark(column));
        exit_code = stats_add_column(&grids, db, table, i, column->name, type);
    }
    if (exit_code == CLI_OK) {
        stats_print_grid(grids.columns);
        stats_print_grid(grids.codecs);
    }
    cli_grid_free(grids.columns);
    cli_grid_free(grids.codecs);
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
        "is 1024 values of one column, stored by the codec that makes it smallest, or that the\n"
        "column names; one of equal values counts as constant. Tiers are those of the segments:\n"
        "hot as a flush writes them, packed as nanots pack does.\n",
    .run = stats_run,
};
