/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importjob.h - carries the rows of a CSV file into a table.
 *
 *     header -> sample -> plan -> open, create or match the table -> rows in batches -> summary
 *
 * The database is not opened before the plan holds, so that a file of no use makes none. A bad line
 * stops the import with every row before it kept, or is told and skipped.
 */
#ifndef NANOTS_CLI_IMPORTJOB_H
#define NANOTS_CLI_IMPORTJOB_H

#include "importplan.h"

/* Runs an import. `csv` is open; `no_header` names the columns c0, c1, ... */
int cli_import_run(const char *db_path, const char *table, struct cli_csv *csv, bool no_header,
                   const struct cli_import_options *options);

#endif
