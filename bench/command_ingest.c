/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_ingest.c - how fast rows come in: singly, durably, in bulk. */
#include "command.h"
#include "measure.h"
#include "report.h"

#include <math.h>
#include <stdio.h>

#define BYTES_PER_MIB    1048576.0
#define BURST_ROWS_TOTAL 1000000

/* Goals of the first half of the kernel. */
#define GOAL_ROWS_1_COLUMN   8e6
#define GOAL_ROWS_10_COLUMNS 3e6
#define GOAL_TIMES_DUCKDB    3.0
#define GOAL_BULK_MIB        48.0

static const size_t batch_sizes[] = {131072, 16384, 2048};
#define BATCH_SIZE_COUNT (sizeof batch_sizes / sizeof batch_sizes[0])

/* One system in one of its modes of syncing, killed after its last append. */
static void ingest_single_system(const struct command_options *options, struct job *job,
                                 const struct workload_rows *rows, struct figure *figure)
{
    struct workload_rows part = *rows;
    double values[MEASURE_VALUES_MAX];

    part.row_count = command_rows(options, job->peer->single_rows);
    job->rows = &part;
    job->row_count = part.row_count;
    job->path = command_path(options, job->peer->key);
    command_measure(options, job_append_singly, job, MEASURE_END_KILL, true, values);
    report_value(figure, job->peer->sync_names[job->sync], values[JOB_RATE]);
}

static void ingest_single_extras(const struct command_options *options, struct job *job,
                                 const struct workload_rows *rows, struct figure *figure)
{
    struct workload_rows part = *rows;
    double values[MEASURE_VALUES_MAX];

    part.row_count = command_rows(options, BURST_ROWS_TOTAL);
    job->rows = &part;
    job->row_count = part.row_count;
    job->peer = &peer_nanots;
    job->sync = PEER_SYNC_NORMAL;
    if (command_has(options, "nanots")) {
        job->path = command_path(options, peer_nanots.key);
        command_measure(options, job_append_burst, job, MEASURE_END_KILL, true, values);
        report_value(figure, "NanoTS between two flushes", values[JOB_RATE]);
    }
    job->path = command_path(options, "yardstick");
    command_measure(options, yardstick_store, job, MEASURE_END_EXIT, false, values);
    report_value(figure, "yardstick: checksum, store", values[JOB_RATE]);
}

static void ingest_single(const struct command_options *options, size_t column_count, double goal)
{
    size_t rows_max = command_rows(options, peer_nanots.single_rows);
    struct workload_rows rows;
    struct figure *figure;
    char title[80];
    struct job job = {.column_count = column_count};

    snprintf(title, sizeof title, "Row append, %zu column%s, surviving kill -9", column_count,
             column_count == 1 ? "" : "s");
    figure = report_figure(title, "rows/s", REPORT_MORE);
    if (command_has(options, "nanots"))
        report_goal(figure, peer_nanots.sync_names[PEER_SYNC_NORMAL], goal);
    job.workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    workload_transpose(job.workload, rows_max, column_count, &rows);
    for (size_t run = 0; run < options->run_count; run++) {
        for (size_t i = 0; i < options->peer_count; i++) {
            job.peer = options->peers[i];
            for (int sync = PEER_SYNC_NORMAL; sync >= PEER_SYNC_OFF; sync--) {
                job.sync = (enum peer_sync)sync;
                if (job.peer->single_rows != 0 && job.peer->sync_names[sync] != NULL)
                    ingest_single_system(options, &job, &rows, figure);
            }
        }
        ingest_single_extras(options, &job, &rows, figure);
    }
    report_note(figure, "each writer was killed after its last append, each file then read whole");
    report_print(figure);
}

static void ingest_durable(const struct command_options *options)
{
    struct figure *figure =
        report_figure("Row append, 10 columns, durable on return", "rows/s", REPORT_MORE);
    struct job job = {.sync = PEER_SYNC_FULL, .column_count = WORKLOAD_COLUMNS_MAX};
    double values[MEASURE_VALUES_MAX];
    struct workload_rows rows;

    job.workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    job.rows = &rows;
    workload_transpose(job.workload, command_rows(options, peer_nanots.durable_rows),
                       job.column_count, &rows);
    for (size_t run = 0; run < options->run_count; run++) {
        for (size_t i = 0; i < options->peer_count; i++) {
            job.peer = options->peers[i];
            if (job.peer->durable_rows == 0)
                continue;
            rows.row_count = command_rows(options, job.peer->durable_rows);
            job.row_count = rows.row_count;
            job.path = command_path(options, job.peer->key);
            command_measure(options, job_append_singly, &job, MEASURE_END_KILL, true, values);
            report_value(figure, job.peer->sync_names[PEER_SYNC_FULL], values[JOB_RATE]);
        }
        job.peer = &peer_nanots;
        job.path = command_path(options, "yardstick");
        job.row_count = command_rows(options, peer_nanots.durable_rows);
        command_measure(options, yardstick_fdatasync, &job, MEASURE_END_EXIT, false, values);
        report_value(figure, "yardstick: write, fdatasync", values[JOB_RATE]);
    }
    report_print(figure);
}

struct ingest_bulk_figures {
    struct figure *appended;
    struct figure *settled;
    struct figure *memory;
};

static void ingest_bulk_system(const struct command_options *options, struct job *job,
                               const char *name, const struct ingest_bulk_figures *figures)
{
    double values[MEASURE_VALUES_MAX];

    job->path = command_path(options, job->peer->key);
    job->row_count = command_rows(options, job->peer->bulk_rows);
    command_measure(options, job_append_bulk, job, MEASURE_END_EXIT, true, values);
    report_value(figures->appended, name, values[JOB_RATE]);
    report_value(figures->settled, name, values[JOB_SETTLED_RATE]);
    report_value(figures->memory, name, values[JOB_PEAK_BYTES] / BYTES_PER_MIB);
}

static void ingest_bulk_run(const struct command_options *options, struct job *job,
                            const struct ingest_bulk_figures *figures)
{
    double values[MEASURE_VALUES_MAX];

    for (size_t i = 0; i < options->peer_count; i++) {
        job->peer = options->peers[i];
        /* Only its fast mode is fit for LMDB's bulk load; the others do not care. */
        job->sync =
            job->peer->sync_names[PEER_SYNC_NORMAL] != NULL ? PEER_SYNC_NORMAL : PEER_SYNC_OFF;
        if (job->peer != &peer_nanots) {
            ingest_bulk_system(options, job, job->peer->name, figures);
            continue;
        }
        for (size_t j = 0; j < BATCH_SIZE_COUNT; j++) {
            char name[40];

            job->batch_rows = batch_sizes[j];
            snprintf(name, sizeof name, "NanoTS, %zu rows a batch", batch_sizes[j]);
            ingest_bulk_system(options, job, name, figures);
        }
    }
    job->peer = &peer_nanots;
    job->row_count = command_rows(options, peer_nanots.bulk_rows);
    command_measure(options, yardstick_memcpy, job, MEASURE_END_EXIT, false, values);
    report_value(figures->appended, "yardstick: memcpy", values[JOB_RATE]);
}

static void ingest_bulk(const struct command_options *options)
{
    struct job job = {.column_count = WORKLOAD_COLUMNS_MAX};
    struct ingest_bulk_figures figures;

    figures.appended = report_figure("Batch append, 10 columns, committed", "rows/s", REPORT_MORE);
    figures.settled =
        report_figure("Batch append, 10 columns, with final checkpoint", "rows/s", REPORT_MORE);
    figures.memory =
        report_figure("Batch append, 10 columns, peak anonymous memory", "MiB", REPORT_LESS);
    job.workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    for (size_t run = 0; run < options->run_count; run++)
        ingest_bulk_run(options, &job, &figures);
    if (command_has(options, "duckdb")) {
        report_ratio_goal(figures.appended, "DuckDB", GOAL_TIMES_DUCKDB);
        report_ratio_goal(figures.settled, "DuckDB", GOAL_TIMES_DUCKDB);
    }
    if (command_has(options, "nanots"))
        report_goal(figures.memory, "NanoTS, 131072 rows a batch", GOAL_BULK_MIB);
    if (command_has(options, "lmdb"))
        report_note(figures.memory, "LMDB writes into its map, which is not anonymous");
    report_print(figures.appended);
    report_print(figures.settled);
    report_print(figures.memory);
}

void command_ingest(const struct command_options *options)
{
    ingest_single(options, 1, GOAL_ROWS_1_COLUMN);
    ingest_single(options, WORKLOAD_COLUMNS_MAX, GOAL_ROWS_10_COLUMNS);
    ingest_durable(options);
    ingest_bulk(options);
}

void command_profile(const struct command_options *options)
{
    const struct workload *workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    const char *path = command_path(options, "profile");
    struct workload_rows rows;
    struct peer_db *db;
    bool counted;
    double instructions = 0.0;
    double start;
    double elapsed_s;

    workload_transpose(workload, options->row_count, options->column_count, &rows);
    db = peer_nanots.open(path, PEER_CREATE, PEER_SYNC_NORMAL, options->column_count);
    counted = measure_instructions_start();
    start = measure_now_s();
    peer_nanots.append_singly(db, &rows);
    elapsed_s = measure_now_s() - start;
    if (counted)
        instructions = measure_instructions_stop();
    peer_nanots.close(db);
    if (!options->keep)
        peer_nanots.remove(path);
    printf("%zu rows of %zu columns: %.1f ns a row", rows.row_count, rows.column_count,
           elapsed_s * 1e9 / (double)rows.row_count);
    if (counted)
        printf(", %.0f instructions a row\n", instructions / (double)rows.row_count);
    else
        printf(", no instruction counter on this machine\n");
}
