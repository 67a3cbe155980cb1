/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_tables.c - thousands of tables in one file, appended round-robin, beside one. */
#include "command.h"
#include "measure.h"
#include "nanots.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLES_MAX        5000
#define ROWS_MAX          2000000
#define NAME_SIZE         32
#define BYTES_PER_MIB     1048576.0
#define GOAL_OF_ONE_TABLE 0.5

struct tables_job {
    const char *path;
    const struct workload *workload;
    size_t row_count;
    size_t table_count;
};

enum { TABLES_RATE = 0, TABLES_PEAK_BYTES = 1, TABLES_EMPTY_COMMITS = 2 };

static struct nanots_table *tables_open[TABLES_MAX];

static void tables_check(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        die("NanoTS: %s: %s", nanots_status_name(status), error->message);
}

static const char *tables_name(size_t index, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "sensor_%04zu", index);
    return name;
}

static void tables_create(struct nanots_db *db, size_t table_count)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    struct nanots_error error;
    char name[NAME_SIZE];

    for (size_t i = 0; i < table_count; i++) {
        tables_check(nanots_create_table(db, tables_name(i, name), &column, 1, &error), &error);
        tables_check(nanots_table_open(db, name, &tables_open[i], &error), &error);
    }
}

static double tables_empty_commits(struct nanots_db *db)
{
    struct nanots_diagnosis before = {.struct_size = sizeof before};
    struct nanots_diagnosis after = {.struct_size = sizeof after};
    struct nanots_error error;

    tables_check(nanots_flush(db, &error), &error);
    tables_check(nanots_diagnose(db, &before, &error), &error);
    tables_check(nanots_flush(db, &error), &error);
    tables_check(nanots_diagnose(db, &after, &error), &error);
    return (double)(after.generation - before.generation);
}

static void tables_append(const void *context, double *values)
{
    const struct tables_job *job = context;
    const double *column = job->workload->columns[0];
    struct nanots_error error;
    struct nanots_db *db;
    double start;

    unlink(job->path);
    tables_check(nanots_open(job->path, NULL, &db, &error), &error);
    measure_memory_start();
    tables_create(db, job->table_count);
    start = measure_now_s();
    for (size_t row = 0, table = 0; row < job->row_count; row++) {
        nanots_status status = nanots_table_append(tables_open[table], job->workload->ts[row],
                                                   &column[row], 1, NULL, &error);

        if (status != NANOTS_OK)
            tables_check(status, &error);
        table = table + 1 == job->table_count ? 0 : table + 1;
    }
    values[TABLES_RATE] = (double)job->row_count / (measure_now_s() - start);
    values[TABLES_PEAK_BYTES] = measure_memory_stop();
    values[TABLES_EMPTY_COMMITS] = tables_empty_commits(db);
    tables_check(nanots_close(db, &error), &error);
}

/* Every row of every table, by name, in its order. */
static void tables_read_back(const void *context, double *values)
{
    const struct tables_job *job = context;
    struct nanots_error error;
    struct nanots_db *db;
    char name[NAME_SIZE];

    (void)values;
    tables_check(nanots_open(job->path, NULL, &db, &error), &error);
    for (size_t i = 0; i < job->table_count; i++) {
        struct nanots_series series;
        size_t row = i;

        tables_check(
            nanots_query_range(db, tables_name(i, name), INT64_MIN, INT64_MAX, &series, &error),
            &error);
        for (size_t j = 0; j < series.row_count; j++, row += job->table_count) {
            if (row >= job->row_count || series.ts[j] != job->workload->ts[row] ||
                memcmp(&series.values[j], &job->workload->columns[0][row], sizeof(double)) != 0)
                die("NanoTS: row %zu of %s is wrong", j, name);
        }
        if (row < job->row_count)
            die("NanoTS: rows of %s are missing", name);
        nanots_free(series.block);
    }
    tables_check(nanots_close(db, &error), &error);
}

static void tables_measure(const struct command_options *options, const struct tables_job *job,
                           double *values)
{
    double ignored[MEASURE_VALUES_MAX];

    if (!measure_in_child(tables_append, job, MEASURE_END_EXIT, values) ||
        !measure_in_child(tables_read_back, job, MEASURE_END_EXIT, ignored)) {
        for (size_t i = 0; i < MEASURE_VALUES_MAX; i++)
            values[i] = (double)NAN;
    }
    if (!options->keep)
        unlink(job->path);
}

void command_tables(const struct command_options *options)
{
    struct figure *rate =
        report_figure("Row append, 1 column, round-robin over tables", "rows/s", REPORT_MORE);
    struct figure *memory = report_figure("Peak anonymous memory of the same", "MiB", REPORT_LESS);
    struct figure *commits =
        report_figure("Commits made by an empty flush", "commits", REPORT_LESS);
    struct tables_job job = {.row_count = command_rows(options, ROWS_MAX)};
    double values[MEASURE_VALUES_MAX];

    if (!command_has(options, "nanots"))
        return;
    job.workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    job.path = command_path(options, "tables");
    for (size_t run = 0; run < options->run_count; run++) {
        job.table_count = TABLES_MAX;
        tables_measure(options, &job, values);
        report_value(rate, "5000 tables", values[TABLES_RATE]);
        report_value(memory, "5000 tables", values[TABLES_PEAK_BYTES] / BYTES_PER_MIB);
        report_value(commits, "5000 tables", values[TABLES_EMPTY_COMMITS]);
        job.table_count = 1;
        tables_measure(options, &job, values);
        report_value(rate, "1 table", values[TABLES_RATE]);
        report_value(memory, "1 table", values[TABLES_PEAK_BYTES] / BYTES_PER_MIB);
    }
    report_ratio_goal(rate, "1 table", GOAL_OF_ONE_TABLE);
    report_goal(commits, "5000 tables", 0.0);
    report_print(rate);
    report_print(memory);
    report_print(commits);
}
