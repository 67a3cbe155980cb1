/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/grid.h - a small table of text: aligned for people, or CSV and JSON for programs. */
#ifndef NANOTS_CLI_GRID_H
#define NANOTS_CLI_GRID_H

#include "args.h"

enum cli_format { CLI_FORMAT_TABLE, CLI_FORMAT_CSV, CLI_FORMAT_JSON, CLI_FORMAT_JSONL };

enum cli_grid_kind {
    CLI_GRID_TEXT,   /* left-aligned, a string in JSON */
    CLI_GRID_NUMBER, /* right-aligned, bare in JSON */
    CLI_GRID_TIME,   /* left-aligned, bare in JSON: shown as a date, exact as a number */
};

struct cli_grid;

struct cli_grid *cli_grid_new(void);
void cli_grid_free(struct cli_grid *grid);
/* All columns come before the first cell. `label` heads the aligned form, `key` the others. */
void cli_grid_column(struct cli_grid *grid, const char *label, const char *key,
                     enum cli_grid_kind kind);
/* Cells fill the rows from left to right. `shown` goes to the aligned form, `exact` to the others;
 * an exact text of "" is null. */
void cli_grid_cell(struct cli_grid *grid, const char *shown, const char *exact);
/* A number shown as 1,234, or as 1.2 KiB. */
void cli_grid_cell_count(struct cli_grid *grid, uint64_t count);
void cli_grid_cell_bytes(struct cli_grid *grid, uint64_t bytes);
void cli_grid_print(const struct cli_grid *grid, enum cli_format format, FILE *stream);

/* Prints a grid of one row a table: `begin` adds the columns, `add` the row of one table. */
int cli_grid_print_tables(struct nanots_db *db, enum cli_format format,
                          void (*begin)(struct cli_grid *grid),
                          int (*add)(struct cli_grid *grid, struct nanots_db *db,
                                     const char *table));

/* The option --format, `fallback` if not given. Returns CLI_OK or CLI_USAGE. */
int cli_format_option(const struct cli_args *args, enum cli_format fallback,
                      enum cli_format *format_out);

/* Writers shared with the row output: a CSV field, quoted where needed, so that nanots import reads
 * it back as it is, and a JSON string. */
void cli_csv_field(FILE *stream, const char *text, size_t size);
void cli_json_string(FILE *stream, const char *text, size_t size);

#endif
