/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rowview.h - the aligned table of a query's first and last rows. */
#ifndef NANOTS_CLI_ROWVIEW_H
#define NANOTS_CLI_ROWVIEW_H

#include "rows.h"

struct cli_row_view;

/* `options` and `names`, one a column, must outlive the view. */
struct cli_row_view *cli_row_view_new(const struct cli_row_options *options,
                                      const char *const *names, size_t column_count);
/* The rows [first, end) of a batch. */
void cli_row_view_add(struct cli_row_view *view, const struct nanots_batch *batch, size_t first,
                      size_t end);
void cli_row_view_print(const struct cli_row_view *view, FILE *stream);
void cli_row_view_free(struct cli_row_view *view);

#endif
