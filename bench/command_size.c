/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_size.c - how large files are: loaded, packed, appended singly, flushed often. */
#include "command.h"
#include "measure.h"
#include "nanots.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOAD_BATCH_ROWS 131072
#define PEER_ROWS       1000000 /* bytes a row hardly depend on the number of rows */
#define SINGLE_ROWS     1000000
#define FLUSH_COUNT     100
#define FLUSH_ROWS      1000
#define SMALL_ROWS      100000

enum { SIZE_CLOSED_BYTES = 0, SIZE_PACKED_BYTES = 1 };

static void size_check(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        die("NanoTS: %s: %s", nanots_status_name(status), error->message);
}

static void size_pack(const char *path)
{
    struct nanots_error error;
    struct nanots_db *db;

    size_check(nanots_open(path, NULL, &db, &error), &error);
    size_check(nanots_pack_table(db, "cpu", 0, &error), &error);
    size_check(nanots_close(db, &error), &error);
}

static void size_load(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_CREATE, job->sync, job->column_count);

    job->peer->append_bulk(db, job->workload, job->row_count, job->batch_rows);
    job->peer->settle(db);
    job->peer->close(db);
    values[SIZE_CLOSED_BYTES] = (double)measure_file_bytes(job->path);
    if (job->peer != &peer_nanots)
        return;
    size_pack(job->path);
    values[SIZE_PACKED_BYTES] = (double)measure_file_bytes(job->path);
}

/* Row appends with a flush each `batch_rows` rows (0: only when the library sees fit), closed, then
 * packed. */
static void size_append(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_CREATE, job->sync, job->column_count);
    struct workload_rows part = *job->rows;

    if (job->batch_rows != 0)
        part.row_count = job->batch_rows;
    for (size_t row = 0; row < job->row_count; row += part.row_count) {
        part.ts = job->rows->ts + row;
        part.values = job->rows->values + row * part.column_count;
        job->peer->append_singly(db, &part);
        if (job->batch_rows != 0)
            job->peer->settle(db);
    }
    job->peer->close(db);
    values[SIZE_CLOSED_BYTES] = (double)measure_file_bytes(job->path);
    size_pack(job->path);
    values[SIZE_PACKED_BYTES] = (double)measure_file_bytes(job->path);
}

/* `goal` of the packed file; 0: none. */
static void size_variant(const struct command_options *options, enum workload_kind kind,
                         const char *title, double goal)
{
    struct figure *figure = report_figure(title, "bytes/row", REPORT_LESS);
    struct job job = {.column_count = WORKLOAD_COLUMNS_MAX, .batch_rows = LOAD_BATCH_ROWS};
    double values[MEASURE_VALUES_MAX];

    job.workload = workload_get(kind, options->row_count);
    for (size_t i = 0; i < options->peer_count; i++) {
        double row_count;

        job.peer = options->peers[i];
        /* LMDB's other mode makes the file as large as its map. */
        job.sync = strcmp(job.peer->key, "lmdb") == 0 ? PEER_SYNC_FULL : PEER_SYNC_NORMAL;
        job.path = command_path(options, job.peer->key);
        job.row_count =
            job.peer == &peer_nanots ? options->row_count : command_rows(options, PEER_ROWS);
        row_count = (double)job.row_count;
        command_measure(options, size_load, &job, MEASURE_END_EXIT, true, values);
        if (job.peer == &peer_nanots)
            report_value(figure, "NanoTS packed", values[SIZE_PACKED_BYTES] / row_count);
        report_value(figure, job.peer->name, values[SIZE_CLOSED_BYTES] / row_count);
    }
    report_value(figure, "raw", sizeof(double) * (WORKLOAD_COLUMNS_MAX + 1));
    if (goal > 0 && command_has(options, peer_nanots.key))
        report_goal(figure, "NanoTS packed", goal);
    report_print(figure);
}

static void size_singly(const struct command_options *options, size_t column_count)
{
    struct job job = {.peer = &peer_nanots, .sync = PEER_SYNC_NORMAL};
    double values[MEASURE_VALUES_MAX];
    struct workload_rows rows;
    struct figure *figure;
    char title[80];

    job.row_count = command_rows(options, SINGLE_ROWS);
    job.column_count = column_count;
    job.workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    job.rows = &rows;
    job.path = command_path(options, job.peer->key);
    workload_transpose(job.workload, job.row_count, column_count, &rows);
    snprintf(title, sizeof title, "Size of %zu k rows x %zu by row append, closed unpacked",
             job.row_count / 1000, column_count);
    figure = report_figure(title, "bytes/row", REPORT_LESS);
    command_measure(options, size_append, &job, MEASURE_END_EXIT, true, values);
    report_value(figure, "NanoTS", values[SIZE_CLOSED_BYTES] / (double)job.row_count);
    report_value(figure, "NanoTS packed", values[SIZE_PACKED_BYTES] / (double)job.row_count);
    report_value(figure, "raw", (double)(sizeof(double) * (column_count + 1)));
    report_goal(figure, "NanoTS", (double)(sizeof(double) * (column_count + 1)));
    report_print(figure);
}

static void size_flushes(const struct command_options *options)
{
    struct figure *figure =
        report_figure("Size after 100 flushes of 1000 rows, closed, to packed", "x", REPORT_LESS);
    struct job job = {.peer = &peer_nanots, .sync = PEER_SYNC_NORMAL};
    double values[MEASURE_VALUES_MAX];
    struct workload_rows rows;

    job.row_count = FLUSH_COUNT * FLUSH_ROWS;
    job.batch_rows = FLUSH_ROWS;
    job.workload = workload_get(WORKLOAD_DECIMALS, options->row_count);
    job.rows = &rows;
    job.path = command_path(options, job.peer->key);
    for (job.column_count = 1; job.column_count <= WORKLOAD_COLUMNS_MAX; job.column_count += 9) {
        const char *name = job.column_count == 1 ? "NanoTS, 1 column" : "NanoTS, 10 columns";

        workload_transpose(job.workload, job.row_count, job.column_count, &rows);
        command_measure(options, size_append, &job, MEASURE_END_EXIT, true, values);
        report_value(figure, name, values[SIZE_CLOSED_BYTES] / values[SIZE_PACKED_BYTES]);
        report_goal(figure, name, 1.3);
    }
    report_print(figure);
}

/* The data sets of the system that NanoTS replaces, by row append; `goal` of the packed file. */
static void size_small(const struct command_options *options, enum workload_kind kind,
                       const char *title, size_t row_count, double goal)
{
    struct figure *figure = report_figure(title, "bytes", REPORT_LESS);
    struct job job = {.peer = &peer_nanots, .sync = PEER_SYNC_NORMAL, .column_count = 1};
    double values[MEASURE_VALUES_MAX];
    struct workload_rows rows;

    job.row_count = row_count;
    job.workload = workload_get(kind, row_count);
    job.rows = &rows;
    job.path = command_path(options, job.peer->key);
    workload_transpose(job.workload, row_count, 1, &rows);
    command_measure(options, size_append, &job, MEASURE_END_EXIT, true, values);
    report_value(figure, "NanoTS", values[SIZE_CLOSED_BYTES]);
    report_value(figure, "NanoTS packed", values[SIZE_PACKED_BYTES]);
    report_value(figure, "raw", (double)(row_count * 2 * sizeof(double)));
    report_goal(figure, "NanoTS packed", goal);
    report_print(figure);
}

void command_size(const struct command_options *options)
{
    size_variant(options, WORKLOAD_INTEGERS, "Size of 10 columns, integers (a)", 4.2);
    size_variant(options, WORKLOAD_DECIMALS, "Size of 10 columns, two decimals (b)", 12.5);
    size_variant(options, WORKLOAD_SINES, "Size of 10 columns, sines (c)", 0.0);
    if (!command_has(options, "nanots"))
        return;
    size_singly(options, 1);
    size_singly(options, WORKLOAD_COLUMNS_MAX);
    size_flushes(options);
    size_small(options, WORKLOAD_SMALL_SINE, "File of 100 k rows of 25 + sin(i * 0.01), closed",
               SMALL_ROWS, 53000.0);
    size_small(options, WORKLOAD_SMALL_MOD, "File of 100 k rows of i mod 100, closed", SMALL_ROWS,
               3584.0);
    size_small(options, WORKLOAD_SMALL_WALK, "File of 1 M rows of a two-decimal walk, closed",
               SMALL_ROWS * 10, 1200000.0);
}
