/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importplan.h - decides from a sample what each column of a CSV file is.
 *
 * Time: what --time names; else columns year, month, day (hour, minute, second) together; else a
 * column of a usual name (time, date, timestamp, ts_ms, ...) whose sample parses; else the first
 * column whose whole sample is times written with a calendar. Values: what --columns names, else
 * every other column; one whose sample is mostly text is refused, or left out with --skip-text.
 */
#ifndef NANOTS_CLI_IMPORTPLAN_H
#define NANOTS_CLI_IMPORTPLAN_H

#include "csvfile.h"
#include "timetext.h"

#define CLI_SAMPLE_ROWS      1000
#define CLI_TIME_COLUMNS_MAX 8

/* What the command line says. NULL and 0 mean: find out. */
struct cli_import_options {
    const char *time;        /* --time, one or several names */
    const char *time_format; /* --time-format, for strptime */
    const char *columns;     /* --columns */
    enum cli_time_unit unit;
    bool skip_text;
    bool floor_times; /* --floor: a time finer than a millisecond goes down to it */
    bool skip_bad;    /* --on-error skip */
    bool has_start;   /* --start and --step: times are counted, not read */
    int64_t start_ms;
    int64_t step_ms;
};

/* The header and the first rows. */
struct cli_import_sample {
    const char *file_name;
    char **names;
    size_t column_count;
    char **cells; /* row after row; rows of another field count are not in it */
    uint64_t lines[CLI_SAMPLE_ROWS];
    size_t row_count;
};

enum cli_time_mode {
    CLI_TIME_TEXT,    /* calendar times, any form of timetext.h */
    CLI_TIME_EPOCH,   /* plain numbers of `unit` */
    CLI_TIME_FORMAT,  /* by a strptime pattern */
    CLI_TIME_COUNTED, /* start + row * step */
};

struct cli_import_plan {
    enum cli_time_mode mode;
    enum cli_time_unit unit;
    const char *format;
    size_t time_indexes[CLI_TIME_COLUMNS_MAX]; /* joined with a space if several */
    size_t time_count;
    size_t *value_indexes; /* columns of the file that are imported */
    size_t value_count;
};

/* Makes the plan, with notes on what was guessed or left out on standard error. Returns CLI_OK or
 * CLI_FAILURE after saying which column is the matter. */
int cli_import_plan_make(const struct cli_import_sample *sample,
                         const struct cli_import_options *options,
                         struct cli_import_plan *plan_out);
void cli_import_plan_free(struct cli_import_plan *plan);

/* Time of a row; `row_index` counts the rows of the file. */
enum cli_time_result cli_import_plan_time(const struct cli_import_plan *plan,
                                          const struct cli_import_options *options,
                                          const char *const *fields, uint64_t row_index,
                                          int64_t *ms_out);

#endif
