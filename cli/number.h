/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/number.h - numbers to and from text. */
#ifndef NANOTS_CLI_NUMBER_H
#define NANOTS_CLI_NUMBER_H

#include "cli.h"

enum { CLI_NUMBER_TEXT_SIZE = 40 };

/* Writes the shortest text that strtod reads back as the very same double: 0.1, 1e+300, -0, NaN,
 * inf, -inf. Returns its length. NaN payloads and signs have no text and are the one thing lost. */
size_t cli_number_print(double value, char text[CLI_NUMBER_TEXT_SIZE]);

/* Decimals behind the point of the shortest text; -1 if it has an exponent or is no number. */
int cli_number_decimals(double value);

/* The double whose shortest text is the shortest that strtof reads back as the very same float. */
double cli_number_of_float(float value);

/* Parses a decimal number, inf and NaN included and hexadecimal excluded, correctly rounded. */
bool cli_number_parse(const char *text, double *value_out);

/* Whether a text stands for no value: empty, NA, N/A, #N/A, null, None, \N, in any case. */
bool cli_is_missing(const char *text);
/* Whether a text is the word NaN, in any case. */
bool cli_is_nan(const char *text);

/* Six digits for the eye: 12.3457, 3.12441G, 0. */
void cli_number_brief(double value, char text[CLI_NUMBER_TEXT_SIZE]);

/* 1,234,567 */
void cli_count_print(uint64_t count, char text[CLI_NUMBER_TEXT_SIZE]);
/* "1 row", "1,234 rows" of `one` = "row". */
enum { CLI_QUANTITY_TEXT_SIZE = 64 };
void cli_quantity_print(uint64_t count, const char *one, char text[CLI_QUANTITY_TEXT_SIZE]);
/* 1.2 MiB */
void cli_bytes_print(uint64_t bytes, char text[CLI_NUMBER_TEXT_SIZE]);
/* A number of bytes: 4096, 64k, 1.5GiB (powers of 1024), 2GB (of 1000), in any case. */
bool cli_bytes_parse(const char *text, uint64_t *bytes_out);

#endif
