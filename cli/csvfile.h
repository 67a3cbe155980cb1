/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/csvfile.h - a CSV file as records, with line numbers and bounded memory.
 *
 * libcsv parses; this feeds it line by line, so that a record knows its line. Blank lines are
 * skipped, CRLF and LF both end a record, a byte order mark is dropped, spaces around unquoted
 * fields go. A record of several lines may be as large as an export makes the largest row, three
 * times max_record_size; what is larger means a quote that is never closed.
 */
#ifndef NANOTS_CLI_CSVFILE_H
#define NANOTS_CLI_CSVFILE_H

#include "cli.h"

struct cli_csv;

struct cli_csv_field {
    const char *text; /* ends with a zero; may hold others */
    size_t size;
    bool absent; /* empty, and without quotes */
};

struct cli_csv_record {
    uint64_t line; /* where it begins, from 1 on */
    size_t field_count;
    const struct cli_csv_field *fields; /* valid until the next call */
};

enum cli_csv_result {
    CLI_CSV_RECORD,
    CLI_CSV_END,
    CLI_CSV_BAD,   /* this record cannot be parsed; reading goes on behind it */
    CLI_CSV_ERROR, /* the file cannot be read any further */
};

/* Opens a file, or standard input as "-"; NULL after the failure was printed. */
struct cli_csv *cli_csv_open(const char *path);
void cli_csv_close(struct cli_csv *csv);
/* The same file from its beginning, read in the same way; NULL if it can be read only once. */
struct cli_csv *cli_csv_again(const struct cli_csv *csv);
/* Before the first record. Without it the delimiter is found in the first line: comma, or if that
 * has none whichever of tab, semicolon and bar is most frequent. */
void cli_csv_set_delimiter(struct cli_csv *csv, char delimiter);

/* Next record. On CLI_CSV_BAD and CLI_CSV_ERROR `reason_out` is a sentence and the record's line is
 * set. */
enum cli_csv_result cli_csv_next(struct cli_csv *csv, struct cli_csv_record *record_out,
                                 const char **reason_out);

/* Name for messages, and how far the file is read: size_out is 0 where it is not known. */
const char *cli_csv_name(const struct cli_csv *csv);
void cli_csv_progress(const struct cli_csv *csv, uint64_t *read_out, uint64_t *size_out);

#endif
