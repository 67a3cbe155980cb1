/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importplan.c - decides from a sample what each column of a CSV file is. */
#include "importplan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIME_TEXT_MAX 256

static const char *plan_cell(const struct cli_import_sample *sample, size_t row, size_t column)
{
    return sample->cells[row * sample->column_count + column].text;
}

static bool plan_find_name(const struct cli_import_sample *sample, const char *name,
                           size_t *index_out)
{
    for (size_t i = 0; i < sample->column_count; i++) {
        if (strcmp(sample->names[i], name) == 0) {
            *index_out = i;
            return true;
        }
    }
    return false;
}

static int plan_no_column(const struct cli_import_sample *sample, const char *name)
{
    const char *nearest =
        cli_nearest(name, (const char *const *)sample->names, sample->column_count);
    if (nearest != NULL)
        return cli_fail("%s has no column '%s'; did you mean '%s'?", sample->file_name, name,
                        nearest);
    return cli_fail("%s has no column '%s'", sample->file_name, name);
}

/* ---- time --------------------------------------------------------------------------------- */

/* Texts of the time columns of a row, joined with spaces. */
static const char *plan_join_time(const struct cli_import_plan *plan,
                                  const struct cli_csv_field *fields, char joined[TIME_TEXT_MAX])
{
    size_t used = 0;
    if (plan->time_count == 1)
        return fields[plan->time_indexes[0]].text;
    joined[0] = '\0';
    for (size_t i = 0; i < plan->time_count && used < TIME_TEXT_MAX; i++)
        used += (size_t)snprintf(joined + used, TIME_TEXT_MAX - used, "%s%s", i > 0 ? " " : "",
                                 fields[plan->time_indexes[i]].text);
    return joined;
}

enum cli_time_result cli_import_plan_time(const struct cli_import_plan *plan,
                                          const struct cli_import_options *options,
                                          const struct cli_csv_field *fields, uint64_t row_index,
                                          int64_t *ts_out)
{
    char joined[TIME_TEXT_MAX];
    int64_t offset;
    if (plan->mode == CLI_TIME_COUNTED) {
        if (__builtin_mul_overflow(row_index, plan->step, &offset) ||
            __builtin_add_overflow(plan->start, offset, ts_out))
            return CLI_TIME_RANGE;
        return CLI_TIME_OK;
    }
    const char *text = plan_join_time(plan, fields, joined);
    enum cli_time_result result;
    if (plan->mode == CLI_TIME_FORMAT)
        result = cli_time_parse_format(text, plan->format, plan->table_unit, ts_out);
    else if (plan->mode == CLI_TIME_EPOCH)
        result = cli_epoch_parse(text, plan->unit, plan->table_unit, ts_out);
    else
        result = cli_time_parse(text, plan->table_unit, ts_out, NULL);
    return result == CLI_TIME_FINER && options->floor_times ? CLI_TIME_OK : result;
}

enum cli_time_unit cli_import_plan_precision(const struct cli_import_plan *plan,
                                             const struct cli_csv_field *fields)
{
    char joined[TIME_TEXT_MAX];
    if (plan->mode == CLI_TIME_TEXT)
        return cli_time_precision(plan_join_time(plan, fields, joined));
    if (plan->mode == CLI_TIME_EPOCH)
        return cli_epoch_precision(plan_join_time(plan, fields, joined), plan->unit);
    return CLI_UNIT_MS;
}

enum cli_time_unit cli_import_plan_unit(const struct cli_import_plan *plan,
                                        const struct cli_import_sample *sample,
                                        const struct cli_import_options *options,
                                        enum cli_time_unit precision)
{
    if (options->table_unit != CLI_UNIT_GUESS)
        return options->table_unit;
    if (plan->time_count == 1 && plan->mode == CLI_TIME_EPOCH) {
        const char *name = sample->names[plan->time_indexes[0]];
        const enum cli_time_unit named =
            strncmp(name, "ts_", 3) == 0 ? cli_unit_parse(name + 3) : CLI_UNIT_GUESS;
        if (named != CLI_UNIT_GUESS)
            return named;
    }
    return options->floor_times ? CLI_UNIT_MS : precision;
}

/* Whether every text of a column in the sample is a plain number. The largest is its magnitude. */
static bool plan_is_numeric(const struct cli_import_sample *sample, size_t column,
                            double *magnitude_out)
{
    double magnitude = 0;
    for (size_t row = 0; row < sample->row_count; row++) {
        const char *text = plan_cell(sample, row, column);
        if (!cli_is_plain_number(text))
            return false;
        magnitude = fmax(magnitude, fabs(strtod(text, NULL)));
    }
    *magnitude_out = magnitude;
    return sample->row_count > 0;
}

/* A column called year that holds years. */
static bool plan_is_year(const struct cli_import_sample *sample, size_t column)
{
    if (strcasecmp(sample->names[column], "year") != 0)
        return false;
    for (size_t row = 0; row < sample->row_count; row++) {
        const char *text = plan_cell(sample, row, column);
        if (strlen(text) != 4 || strspn(text, "0123456789") != 4)
            return false;
    }
    return sample->row_count > 0;
}

/* Unit in a name such as ts_ms or time_us. */
static enum cli_time_unit plan_unit_of_name(const char *name)
{
    const char *underscore = strrchr(name, '_');
    return underscore != NULL ? cli_unit_parse(underscore + 1) : CLI_UNIT_GUESS;
}

/* How the chosen time column or columns are read. */
static void plan_choose_mode(const struct cli_import_sample *sample,
                             const struct cli_import_options *options, struct cli_import_plan *plan)
{
    size_t column = plan->time_indexes[0];
    double magnitude = 0;
    plan->unit = options->unit;
    plan->mode = CLI_TIME_TEXT;
    if (options->time_format != NULL) {
        plan->mode = CLI_TIME_FORMAT;
        plan->format = options->time_format;
    } else if (plan->unit != CLI_UNIT_GUESS) {
        plan->mode = CLI_TIME_EPOCH;
    } else if (plan->time_count == 1 && plan_is_year(sample, column)) {
        plan->mode = CLI_TIME_FORMAT;
        plan->format = "%Y";
    } else if (plan->time_count == 1 && plan_is_numeric(sample, column, &magnitude)) {
        plan->mode = CLI_TIME_EPOCH;
        plan->unit = plan_unit_of_name(sample->names[column]);
        if (plan->unit == CLI_UNIT_GUESS) {
            plan->unit = cli_unit_guess(magnitude, CLI_UNIT_MS);
            cli_warn("the times in column '%s' are read as epoch %s (--unit says otherwise)",
                     sample->names[column], cli_unit_name(plan->unit));
        }
    }
}

static int plan_named_time(const struct cli_import_sample *sample,
                           const struct cli_import_options *options, struct cli_import_plan *plan)
{
    size_t count;
    char **names = cli_split(options->time, &count);
    int exit_code = CLI_OK;
    if (count > CLI_TIME_COLUMNS_MAX)
        exit_code = cli_fail("--time takes at most %d columns", CLI_TIME_COLUMNS_MAX);
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        if (!plan_find_name(sample, names[i], &plan->time_indexes[i]))
            exit_code = plan_no_column(sample, names[i]);
        plan->time_count = i + 1;
    }
    cli_free(names);
    return exit_code;
}

/* Whether the whole sample of a column reads as times, in the way the plan would read it. */
static bool plan_reads_as_times(const struct cli_import_sample *sample, size_t column)
{
    int64_t ts;
    double magnitude;
    if (plan_is_year(sample, column) || plan_is_numeric(sample, column, &magnitude))
        return true;
    for (size_t row = 0; row < sample->row_count; row++) {
        enum cli_time_result result =
            cli_time_parse(plan_cell(sample, row, column), CLI_UNIT_MS, &ts, NULL);
        if (result != CLI_TIME_OK && result != CLI_TIME_FINER)
            return false;
    }
    return sample->row_count > 0;
}

static bool plan_guess_by_name(const struct cli_import_sample *sample, size_t *index_out)
{
    static const char *const usual[] = {"ts_ms",    "time",   "timestamp", "datetime", "date_time",
                                        "date",     "ts",     "ts_s",      "ts_us",    "ts_ns",
                                        "time_ms",  "time_s", "time_us",   "time_ns",  "epoch",
                                        "epoch_ms", "utc",    "date/time", "year"};
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        for (size_t column = 0; column < sample->column_count; column++) {
            if (strcasecmp(sample->names[column], usual[i]) == 0 &&
                plan_reads_as_times(sample, column)) {
                *index_out = column;
                return true;
            }
        }
    }
    return false;
}

/* Of columns of any name only calendar times count: a number may be anything. */
static bool plan_guess_by_sample(const struct cli_import_sample *sample, size_t *index_out)
{
    double magnitude;
    for (size_t column = 0; column < sample->column_count; column++) {
        if (!plan_is_numeric(sample, column, &magnitude) && plan_reads_as_times(sample, column)) {
            *index_out = column;
            return true;
        }
    }
    return false;
}

/* Columns year, month and day, and as many of hour, minute and second as there are: joined with
 * spaces they are read by the pattern that is left in `plan`. */
static bool plan_guess_parts(const struct cli_import_sample *sample, struct cli_import_plan *plan)
{
    static const char *const parts[] = {"year", "month", "day", "hour", "minute", "second"};
    static const char *const formats[] = {"%Y %m %d", "%Y %m %d %H", "%Y %m %d %H %M",
                                          "%Y %m %d %H %M %S"};
    double magnitude;
    size_t count = 0;
    while (count < sizeof(parts) / sizeof(parts[0])) {
        size_t column = 0;
        while (column < sample->column_count &&
               strcasecmp(sample->names[column], parts[count]) != 0)
            column++;
        if (column == sample->column_count || !plan_is_numeric(sample, column, &magnitude))
            break;
        plan->time_indexes[count++] = column;
    }
    if (count < 3)
        return false;
    plan->time_count = count;
    plan->mode = CLI_TIME_FORMAT;
    plan->format = formats[count - 3];
    cli_warn("the times of %s are made of its columns %s to %s", sample->file_name,
             sample->names[plan->time_indexes[0]], sample->names[plan->time_indexes[count - 1]]);
    return true;
}

/* A usual name whose times do not parse is still the best guess: its error names the line. */
static bool plan_guess_column(const struct cli_import_sample *sample,
                              const struct cli_import_options *options, size_t *index_out)
{
    static const char *const usual[] = {"ts_ms", "time", "timestamp", "datetime", "date", "ts"};
    if (plan_guess_by_name(sample, index_out))
        return true;
    if (options->time_format == NULL && plan_guess_by_sample(sample, index_out))
        return true;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        for (size_t column = 0; column < sample->column_count; column++)
            if (strcasecmp(sample->names[column], usual[i]) == 0) {
                *index_out = column;
                return true;
            }
    return false;
}

static int plan_time(const struct cli_import_sample *sample,
                     const struct cli_import_options *options, struct cli_import_plan *plan)
{
    int exit_code = CLI_OK;
    if (options->start != NULL) {
        plan->mode = CLI_TIME_COUNTED;
        return CLI_OK;
    }
    if (options->time == NULL && options->time_format == NULL && plan_guess_parts(sample, plan))
        return CLI_OK;
    if (options->time != NULL)
        exit_code = plan_named_time(sample, options, plan);
    else if (plan_guess_column(sample, options, &plan->time_indexes[0]))
        plan->time_count = 1;
    else
        exit_code = cli_fail("no column of %s looks like a time; name it with --time, or count the "
                             "times with --start and --step",
                             sample->file_name);
    if (exit_code == CLI_OK)
        plan_choose_mode(sample, options, plan);
    return exit_code;
}

/* ---- values ------------------------------------------------------------------------------- */

static bool plan_is_time_column(const struct cli_import_plan *plan, size_t column)
{
    for (size_t i = 0; i < plan->time_count; i++)
        if (plan->time_indexes[i] == column)
            return true;
    return false;
}

static int plan_named_values(const struct cli_import_sample *sample,
                             const struct cli_import_options *options, struct cli_import_plan *plan)
{
    size_t count;
    char **names = cli_split(options->columns, &count);
    int exit_code = CLI_OK;
    plan->value_indexes = cli_alloc(count, sizeof(size_t));
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        if (!plan_find_name(sample, names[i], &plan->value_indexes[plan->value_count]))
            exit_code = plan_no_column(sample, names[i]);
        plan->value_count++;
    }
    cli_free(names);
    return exit_code;
}

static void plan_tell_skipped(const struct cli_import_sample *sample, const size_t *columns,
                              size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(sample->names[columns[i]]) + 4;
    char *list = cli_alloc(size, 1);
    char *at = list;
    for (size_t i = 0; i < count; i++)
        at += snprintf(at, size - (size_t)(at - list), "%s'%s'", i > 0 ? ", " : "",
                       sample->names[columns[i]]);
    cli_warn("left out as text: %s %s", count == 1 ? "column" : "columns", list);
    cli_free(list);
}

/* Every column but those of time, and with --skip-text those of text. */
static int plan_all_values(const struct cli_import_sample *sample,
                           const struct cli_import_options *options, struct cli_import_plan *plan)
{
    size_t *skipped = cli_alloc(sample->column_count, sizeof(size_t));
    size_t skipped_count = 0;
    plan->value_indexes = cli_alloc(sample->column_count, sizeof(size_t));
    for (size_t column = 0; column < sample->column_count; column++) {
        if (plan_is_time_column(plan, column))
            continue;
        if (options->skip_text && cli_import_is_text(sample, options, column))
            skipped[skipped_count++] = column;
        else
            plan->value_indexes[plan->value_count++] = column;
    }
    if (skipped_count > 0)
        plan_tell_skipped(sample, skipped, skipped_count);
    cli_free(skipped);
    return plan->value_count > 0 ? CLI_OK
                                 : cli_fail("%s has no column beside the time%s", sample->file_name,
                                            skipped_count > 0 ? " but those of text" : "");
}

int cli_import_plan_make(const struct cli_import_sample *sample,
                         const struct cli_import_options *options, struct cli_import_plan *plan_out)
{
    memset(plan_out, 0, sizeof(*plan_out));
    int exit_code = plan_time(sample, options, plan_out);
    if (exit_code != CLI_OK)
        return exit_code;
    return options->columns != NULL ? plan_named_values(sample, options, plan_out)
                                    : plan_all_values(sample, options, plan_out);
}

void cli_import_plan_free(struct cli_import_plan *plan)
{
    cli_free(plan->value_indexes);
}
