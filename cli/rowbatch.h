/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rowbatch.h - rows of any types gathered as one batch for nanots_append_batch.
 *
 *     ts      [ t0 t1 t2 ... ]
 *     column  values [ v0 v1 v2 ... ] or bits, validity bits, offsets of text
 */
#ifndef NANOTS_CLI_ROWBATCH_H
#define NANOTS_CLI_ROWBATCH_H

#include "cli.h"

struct cli_row_batch;

/* An empty batch for the columns of a table; it is full at 16384 rows, or at 8 MiB of text. */
struct cli_row_batch *cli_row_batch_new(const struct nanots_column *columns, size_t column_count);
void cli_row_batch_free(struct cli_row_batch *batch);

/* Adds a row: a value of its type or null for each column. Text is copied. */
void cli_row_batch_add(struct cli_row_batch *batch, int64_t ts, const struct nanots_value *values);
bool cli_row_batch_is_full(const struct cli_row_batch *batch);
void cli_row_batch_clear(struct cli_row_batch *batch);

/* The rows so far, until the next change. */
const struct nanots_batch *cli_row_batch_rows(struct cli_row_batch *batch);

#endif
