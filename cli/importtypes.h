/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importtypes.h - the types of a new table, from what its CSV file holds.
 *
 *     cells of a column                              type
 *     true and false alone                           bool
 *     whole numbers of 64 bits alone                 i64
 *     numbers, NaN and inf                           f64
 *     a number with zeros in front, or beyond i64    utf8: a name made of digits
 *     anything else                                  utf8
 *     nothing at all                                 f64
 *
 * Up to a tenth of cells that do not fit are taken for bad ones. A file is read through for this;
 * of standard input the sample is all there is, so that its columns may be null in any case.
 */
#ifndef NANOTS_CLI_IMPORTTYPES_H
#define NANOTS_CLI_IMPORTTYPES_H

#include "importplan.h"

/* Whether a field is null in a column of this type: nothing, not even quotes, or the text of
 * --null; or, but in text, a word such as NA. */
bool cli_import_is_null(const struct cli_import_options *options, const struct cli_csv_field *field,
                        nanots_type type);

/* Fills one column for each value of the plan, and the unit of the table. Returns CLI_OK, or
 * CLI_FAILURE or CLI_USAGE after saying why not. */
int cli_import_types_make(const struct cli_csv *csv, const struct cli_import_sample *sample,
                          const struct cli_import_plan *plan,
                          const struct cli_import_options *options, struct nanots_column *columns,
                          enum cli_time_unit *unit_out);

/* Checks --types against the columns of a table that is there. */
int cli_import_types_check(const char *table, const struct nanots_schema *schema,
                           const struct cli_import_options *options);

#endif
