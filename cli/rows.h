/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rows.h - rows of a query as CSV, JSON or an aligned table.
 *
 *     csv     ts_ms,a,b          json    [{"ts_ms": 0, "a": 1.5, "b": null},
 *             0,1.5,NaN                   ...]            jsonl: an object a line
 *
 * CSV and JSON are streams of any length, and their numbers read back as the very same doubles;
 * JSON has no word for NaN and the infinities, which become null. The aligned table is for the eye:
 * first and last rows, decimals lined up.
 */
#ifndef NANOTS_CLI_ROWS_H
#define NANOTS_CLI_ROWS_H

#include "grid.h"

struct cli_row_writer;

/* One value of a batch; a null is NaN, as everywhere in this tool. */
double cli_batch_value(const struct nanots_batch *batch, size_t column, size_t row);

struct cli_row_options {
    enum cli_format format;
    bool iso;     /* times as ISO 8601 under the name `time`, not as ts_ms */
    bool all;     /* the aligned table shows every row */
    size_t width; /* columns of the aligned table beyond so many characters are left out;
                            * 0: none */
    const char *const *names;
    size_t column_count;
};

struct cli_row_writer *cli_row_writer_new(FILE *stream, const struct cli_row_options *options);
void cli_row_writer_add(struct cli_row_writer *writer, const struct nanots_batch *batch);
/* Writes what is left; then `cli_row_writer_count` rows were written in all. */
void cli_row_writer_finish(struct cli_row_writer *writer);
uint64_t cli_row_writer_count(const struct cli_row_writer *writer);
void cli_row_writer_free(struct cli_row_writer *writer);

/* Adds --from, --to and --unit to a query. Returns CLI_OK or CLI_USAGE. */
int cli_range_options(const struct cli_args *args, struct nanots_query *query);

/* Names that a query's batches have: those it asks for, else all of the table's. One block,
 * released with cli_free; NULL after a failure was printed. */
char **cli_query_names(struct nanots_db *db, const char *table, const struct nanots_query *query,
                       size_t *count_out);

/* Runs a query into a writer. Returns CLI_OK or CLI_FAILURE. */
int cli_rows_copy(struct nanots_db *db, const char *table, const struct nanots_query *query,
                  struct cli_row_writer *writer, FILE *stream);

#endif
