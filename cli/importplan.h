/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importplan.h - decides from a sample what each column of a CSV file is.
 *
 * Time: what --time names; else columns year, month, day (hour, minute, second) together; else a
 * column of a usual name (time, date, timestamp, ts_ms, ...) whose sample parses; else the first
 * column whose whole sample is times written with a calendar. Values: what --columns names, else
 * every other column; those whose sample is text are left out with --skip-text.
 */
#ifndef NANOTS_CLI_IMPORTPLAN_H
#define NANOTS_CLI_IMPORTPLAN_H

#include "csvfile.h"
#include "timetext.h"

#define CLI_SAMPLE_ROWS      1000
#define CLI_TIME_COLUMNS_MAX 8

/* What the command line says. NULL and 0 mean: find out. */
struct cli_import_options {
    const char *time;              /* --time, one or several names */
    const char *time_format;       /* --time-format, for strptime */
    const char *columns;           /* --columns */
    const char *types;             /* --types */
    const char *null_text;         /* --null */
    enum cli_time_unit unit;       /* --unit, of the numbers in the file */
    enum cli_time_unit table_unit; /* --table-unit */
    bool skip_text;
    bool floor_times;  /* --floor: a time finer than the table's unit goes down to it */
    bool skip_bad;     /* --on-error skip */
    const char *start; /* --start and --step: times are counted, not read */
    const char *step;
};

/* The header and the first rows. */
struct cli_import_sample {
    const char *file_name;
    char **names;
    size_t column_count;
    bool has_header;
    struct cli_csv_field *cells; /* row after row; rows of another field count are not in it */
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
    /* Known when the table is: */
    enum cli_time_unit table_unit;
    int64_t start; /* of CLI_TIME_COUNTED, in ticks of it */
    int64_t step;
};

/* Makes the plan, with notes on what was guessed or left out on standard error. Returns CLI_OK or
 * CLI_FAILURE after saying which column is the matter. */
int cli_import_plan_make(const struct cli_import_sample *sample,
                         const struct cli_import_options *options,
                         struct cli_import_plan *plan_out);
void cli_import_plan_free(struct cli_import_plan *plan);

/* Time of a row in ticks of the table; `row_index` counts the rows of the file. */
enum cli_time_result cli_import_plan_time(const struct cli_import_plan *plan,
                                          const struct cli_import_options *options,
                                          const struct cli_csv_field *fields, uint64_t row_index,
                                          int64_t *ts_out);

/* The coarsest of ms, us and ns that holds the time of a row. */
enum cli_time_unit cli_import_plan_precision(const struct cli_import_plan *plan,
                                             const struct cli_csv_field *fields);

/* Unit of a new table: --table-unit; else what a time column called ts_s, ts_ms, ts_us or ts_ns
 * says; else that of epoch numbers of us or ns; else ms, or as fine as the times need. */
enum cli_time_unit cli_import_plan_unit(const struct cli_import_plan *plan,
                                        const struct cli_import_sample *sample,
                                        const struct cli_import_options *options,
                                        enum cli_time_unit precision);

/* Whether the sample of a column is text (importtypes.c). */
bool cli_import_is_text(const struct cli_import_sample *sample,
                        const struct cli_import_options *options, size_t column);

#endif
