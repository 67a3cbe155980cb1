/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rows.h - rows of a query as CSV, JSON or an aligned table.
 *
 *     csv     ts_ms,a,b,c,d      json    [{"ts_ms": 0, "a": 1.5, "b": "x", "c": true, "d": null},
 *             0,1.5,x,true,               ...]            jsonl: an object a line
 *
 * CSV and JSON are streams of any length, and their values read back as the very same; JSON has no
 * word for NaN and the infinities, which become null. In CSV null is an empty field, and text of no
 * bytes is "". The aligned table is for the eye: first and last rows, decimals lined up.
 */
#ifndef NANOTS_CLI_ROWS_H
#define NANOTS_CLI_ROWS_H

#include "grid.h"
#include "timetext.h"

struct cli_row_options {
    enum cli_format format;
    enum cli_time_unit unit; /* of the table */
    bool iso;     /* times as ISO 8601 under the name `time`, not as numbers under ts_ms */
    bool all;     /* the aligned table shows every row */
    size_t width; /* of the aligned table: columns that do not fit are left out; 0: no limit */
};

/* Name of the time column of tables of a unit: ts_ms. */
const char *cli_ts_name(enum cli_time_unit unit);

/* The unit of a table. Returns CLI_OK, or CLI_FAILURE after saying why not. */
int cli_table_unit(struct nanots_db *db, const char *table, enum cli_time_unit *unit_out);

/* Adds --from, --to and --unit to a query of a table of `unit`. Returns CLI_OK or CLI_USAGE. */
int cli_range_options(const struct cli_args *args, enum cli_time_unit unit,
                      struct nanots_query *query);

/* Names that a query's batches have: those it asks for, else all of the table's. One block,
 * released with cli_free; NULL after a failure was printed. */
char **cli_query_names(struct nanots_db *db, const char *table, const struct nanots_query *query,
                       size_t *count_out);

/* Rows of any origin, batch by batch. Takes `names` (as of cli_query_names) over; `options` must
 * outlive the writer. Finish ends the array or prints the table, and releases. */
struct cli_row_writer;
struct cli_row_writer *cli_row_writer_new(const struct cli_row_options *options, char **names,
                                          size_t column_count, FILE *stream);
/* The rows [first, end) of a batch. */
void cli_row_writer_add(struct cli_row_writer *writer, const struct nanots_batch *batch,
                        size_t first, size_t end);
/* What was added is on its way; without use for the aligned table. */
void cli_row_writer_flush(struct cli_row_writer *writer);
void cli_row_writer_finish(struct cli_row_writer *writer);

/* --columns A,B into a query; *names_out is for cli_free after it. CLI_OK or CLI_USAGE. */
int cli_columns_option(const struct cli_args *args, struct nanots_query *query, char ***names_out);

/* Runs a query and prints its rows; nothing is printed if it cannot run. `row_count_out`: how many
 * it gave. Returns CLI_OK, CLI_LEFT_OUT after saying what damage left out, or CLI_FAILURE. */
int cli_rows_print(struct nanots_db *db, const char *table, const struct nanots_query *query,
                   const struct cli_row_options *options, FILE *stream, uint64_t *row_count_out);

#endif
