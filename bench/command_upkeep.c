/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_upkeep.c - what the thread of auto_maintenance costs a busy appender, and saves. */
#include "command.h"
#include "measure.h"
#include "nanots.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define ROWS_MAX      4000000
#define GOAL_OF_ALONE 0.85

struct upkeep_job {
    const char *path;
    const struct workload_rows *rows;
    const struct nanots_maintenance *maintenance;
};

enum { UPKEEP_RATE = 0, UPKEEP_LONGEST_MS = 1, UPKEEP_SEGMENTS = 2 };

/* Merging whatever the load is: more than anybody should ask for. */
static const struct nanots_maintenance upkeep_eager = {.struct_size = sizeof upkeep_eager,
                                                       .check_interval_ms = 10,
                                                       .max_writes_per_sec = UINT32_MAX,
                                                       .min_idle_time_ms = 1};
static const struct nanots_maintenance upkeep_default = {.struct_size = sizeof upkeep_default};

static const struct {
    const char *name;
    const struct nanots_maintenance *maintenance;
} upkeep_ways[] = {
    {"auto_maintenance", &upkeep_default},
    {"appender alone", NULL},
    {"merging all the time", &upkeep_eager},
};
#define UPKEEP_WAY_COUNT (sizeof upkeep_ways / sizeof upkeep_ways[0])

static void upkeep_check(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        die("NanoTS: %s: %s", nanots_status_name(status), error->message);
}

static struct nanots_table *upkeep_open(const struct upkeep_job *job, struct nanots_db **db_out)
{
    struct nanots_open_options options = {.struct_size = sizeof options,
                                          .auto_maintenance = job->maintenance};
    struct nanots_column columns[WORKLOAD_COLUMNS_MAX] = {{0}};
    char names[WORKLOAD_COLUMNS_MAX][8];
    struct nanots_table *table = NULL;
    struct nanots_error error;

    unlink(job->path);
    upkeep_check(nanots_open(job->path, &options, db_out, &error), &error);
    for (size_t i = 0; i < job->rows->column_count; i++) {
        snprintf(names[i], sizeof names[i], "c%u", (unsigned)i % 1000);
        columns[i].name = names[i];
        columns[i].type = NANOTS_TYPE_F64;
    }
    upkeep_check(nanots_create_table(*db_out, "cpu", columns, job->rows->column_count, &error),
                 &error);
    upkeep_check(nanots_table_open(*db_out, "cpu", &table, &error), &error);
    return table;
}

static void upkeep_append(const void *context, double *values)
{
    const struct upkeep_job *job = context;
    const struct workload_rows *rows = job->rows;
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    struct nanots_error error;
    struct nanots_db *db = NULL;
    struct nanots_table *table = upkeep_open(job, &db);
    const double start = measure_now_s();
    double before = start;
    double longest = 0;

    for (size_t row = 0; row < rows->row_count; row++) {
        const nanots_status status =
            nanots_table_append(table, rows->ts[row], rows->values + row * rows->column_count,
                                rows->column_count, NULL, &error);
        if (status != NANOTS_OK)
            upkeep_check(status, &error);
        const double now = measure_now_s();
        longest = now - before > longest ? now - before : longest;
        before = now;
    }
    values[UPKEEP_RATE] = (double)rows->row_count / (before - start);
    values[UPKEEP_LONGEST_MS] = longest * 1e3;
    upkeep_check(nanots_stats(db, "cpu", &stats, &error), &error);
    if (stats.rows != rows->row_count)
        die("NanoTS: %llu rows instead of %zu", (unsigned long long)stats.rows, rows->row_count);
    values[UPKEEP_SEGMENTS] = (double)stats.segments;
    upkeep_check(nanots_close(db, &error), &error);
}

void command_upkeep(const struct command_options *options)
{
    struct figure *rate =
        report_figure("Row append, 10 columns, beside upkeep", "rows/s", REPORT_MORE);
    struct figure *longest = report_figure("Longest of these appends", "ms", REPORT_LESS);
    struct figure *segments =
        report_figure("Segments when the last row was appended", "segments", REPORT_LESS);
    struct workload_rows rows;
    struct upkeep_job job = {.rows = &rows};
    double values[MEASURE_VALUES_MAX];

    if (!command_has(options, "nanots"))
        return;
    workload_transpose(workload_get(WORKLOAD_DECIMALS, options->row_count),
                       command_rows(options, ROWS_MAX), WORKLOAD_COLUMNS_MAX, &rows);
    job.path = command_path(options, "upkeep");
    for (size_t run = 0; run < options->run_count; run++)
        for (size_t i = 0; i < UPKEEP_WAY_COUNT; i++) {
            job.maintenance = upkeep_ways[i].maintenance;
            if (!measure_in_child(upkeep_append, &job, MEASURE_END_EXIT, values))
                values[0] = values[1] = values[2] = (double)NAN;
            report_value(rate, upkeep_ways[i].name, values[UPKEEP_RATE]);
            report_value(longest, upkeep_ways[i].name, values[UPKEEP_LONGEST_MS]);
            report_value(segments, upkeep_ways[i].name, values[UPKEEP_SEGMENTS]);
            if (!options->keep)
                unlink(job.path);
        }
    report_ratio_goal(rate, "appender alone", GOAL_OF_ALONE);
    report_note(rate, "the clock is read after each append, to find the longest one");
    report_print(rate);
    report_print(longest);
    report_print(segments);
}
