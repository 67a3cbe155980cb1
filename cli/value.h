/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/value.h - values of all column types: out of a batch, to text and from it.
 *
 *     batch --cli_batch_value--> struct nanots_value --cli_value_print--> 0.1  -7  true
 *                                        ^-----------cli_value_parse-------+
 */
#ifndef NANOTS_CLI_VALUE_H
#define NANOTS_CLI_VALUE_H

#include "number.h"

/* One value of a batch, NANOTS_TYPE_NULL where there is none; text lives as long as the batch. */
struct nanots_value cli_batch_value(const struct nanots_batch *batch, size_t column, size_t row);

/* Of the same type and the same bits. */
bool cli_values_equal(const struct nanots_value *a, const struct nanots_value *b);

/* A value as a double: true is 1; null and text are NaN. */
double cli_value_number(const struct nanots_value *value);

/* The shortest text that cli_value_parse reads back as the same value; not for text and null.
 * Returns its length. */
size_t cli_value_print(const struct nanots_value *value, char text[CLI_NUMBER_TEXT_SIZE]);

/* Reads a value of a type. `text` ends with a zero and lives as long as the value. Booleans are
 * true, True and TRUE, false, False and FALSE; integers are decimal. False if it is none. */
bool cli_value_parse(const char *text, size_t size, nanots_type type,
                     struct nanots_value *value_out);

/* What a text must be to be read as a type, for messages: "an integer (i64)". */
const char *cli_type_phrase(nanots_type type);

/* A column of the command line, `NAME`, `NAME:TYPE`, either with a `?` behind it for a nullable
 * one, the latter with `=CODEC` behind that. Cuts the name out of `text`. Returns CLI_OK or
 * CLI_USAGE. */
int cli_column_parse(char *text, struct nanots_column *column_out);

/* Whether a table's column may be null; "?" or "" to show it. */
const char *cli_null_mark(const struct nanots_column *column);

/* The codec that the column names, or "". */
const char *cli_column_codec(const struct nanots_column *column);

#endif
