/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_query.c - reading: windows, scans, aggregates, and opening a file.
 *
 * Each system gets one file of all rows, loaded in bulk, settled, closed and checked once; the
 * commands of one process share these files.
 */
#include "command.h"
#include "measure.h"
#include "report.h"

#include <math.h>
#include <stdio.h>

#define LOAD_BATCH_ROWS 131072
#define GOAL_OPEN_US    1000.0
#define SEED            UINT64_C(20240501)

static struct {
    bool loaded[COMMAND_PEERS_MAX];
    bool usable[COMMAND_PEERS_MAX];
} query_files;

static void query_path(const struct command_options *options, size_t peer_index, char *path,
                       size_t path_size)
{
    char name[64];

    snprintf(name, sizeof name, "query-%s", options->peers[peer_index]->key);
    snprintf(path, path_size, "%s", command_path(options, name));
}

/* Fills in a job over the file of one system, which is made now if need be; false if it failed. */
static bool query_prepare(const struct command_options *options, size_t peer_index, char *path,
                          size_t path_size, struct job *job)
{
    struct command_options keeping = *options;
    double values[MEASURE_VALUES_MAX];

    query_path(options, peer_index, path, path_size);
    *job = (struct job){
        .peer = options->peers[peer_index],
        .path = path,
        .sync = PEER_SYNC_NORMAL,
        .workload = workload_get(WORKLOAD_DECIMALS, options->row_count),
        .row_count = options->row_count,
        .column_count = WORKLOAD_COLUMNS_MAX,
        .batch_rows = LOAD_BATCH_ROWS,
    };
    if (query_files.loaded[peer_index])
        return query_files.usable[peer_index];
    query_files.loaded[peer_index] = true;
    keeping.keep = true;
    query_files.usable[peer_index] =
        command_measure(&keeping, job_append_bulk, job, MEASURE_END_EXIT, true, values);
    return query_files.usable[peer_index];
}

static double query_measure(const struct job *job, measure_job run, double *values)
{
    if (!measure_in_child(run, job, MEASURE_END_EXIT, values)) {
        for (size_t i = 0; i < MEASURE_VALUES_MAX; i++)
            values[i] = (double)NAN;
    }
    return values[0];
}

void command_query(const struct command_options *options)
{
    struct figure *p50 =
        report_figure("Window of 1000 rows x 10 columns, median", "us", REPORT_LESS);
    struct figure *p99 =
        report_figure("Window of 1000 rows x 10 columns, 99th percentile", "us", REPORT_LESS);
    struct figure *scan = report_figure("Scan of timestamp and one column", "rows/s", REPORT_MORE);
    struct figure *aggregate =
        report_figure("Count, min, max, sum of one column", "rows/s", REPORT_MORE);
    double values[MEASURE_VALUES_MAX];

    for (size_t run = 0; run < options->run_count; run++) {
        for (size_t i = 0; i < options->peer_count; i++) {
            const char *name = options->peers[i]->name;
            char path[COMMAND_PATH_SIZE];
            struct job job;

            if (!query_prepare(options, i, path, sizeof path, &job))
                continue;
            job.seed = SEED + run;
            report_value(p50, name, query_measure(&job, job_windows, values));
            report_value(p99, name, values[JOB_P99_US]);
            report_value(scan, name, query_measure(&job, job_scan, values));
            report_value(aggregate, name, query_measure(&job, job_aggregate, values));
        }
    }
    if (command_has(options, "lmdb"))
        report_ratio_goal(p50, "LMDB", 1.0);
    report_note(aggregate, "NanoTS and LMDB by reading rows; SQLite and DuckDB by SQL");
    report_print(p50);
    report_print(p99);
    report_print(scan);
    report_print(aggregate);
}

void command_open(const struct command_options *options)
{
    char title[80];
    struct figure *figure;
    double values[MEASURE_VALUES_MAX];

    snprintf(title, sizeof title, "Open %.3g M rows cleanly closed, read the newest row",
             (double)options->row_count / 1e6);
    figure = report_figure(title, "us", REPORT_LESS);
    if (command_has(options, "nanots"))
        report_goal(figure, peer_nanots.name, GOAL_OPEN_US);
    for (size_t run = 0; run < options->run_count; run++) {
        for (size_t i = 0; i < options->peer_count; i++) {
            char path[COMMAND_PATH_SIZE];
            struct job job;

            if (!query_prepare(options, i, path, sizeof path, &job))
                continue;
            job.writer = job.peer == &peer_nanots;
            report_value(figure, job.peer->name, query_measure(&job, job_open, values));
            if (job.peer != &peer_nanots)
                continue;
            job.writer = false;
            report_value(figure, "NanoTS read-only", query_measure(&job, job_open, values));
        }
    }
    report_print(figure);
}

void command_query_clean(const struct command_options *options)
{
    for (size_t i = 0; i < options->peer_count && !options->keep; i++) {
        char path[COMMAND_PATH_SIZE];

        query_path(options, i, path, sizeof path);
        if (query_files.loaded[i])
            options->peers[i]->remove(path);
    }
}
