/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_arrow.c - what the way through Arrow's structs costs beside the plain calls.
 *
 *   in:   nanots_append_columns    |  nanots_append_arrow, on the same columns
 *   out:  cursor, memcpy of every column into arrays of the caller  |  stream, release
 *
 * Both ways of reading digest what they got, so that none can win by handing out less. */
#include "command.h"
#include "measure.h"
#include "nanots_arrow.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE          "cpu"
#define ARROW_CHILDREN (WORKLOAD_COLUMNS_MAX + 1)
#define BATCH_ROWS_MAX 65536

/* Goals: at most 1.3 times the time of the plain append, 1.1 times that of the plain scan. */
#define GOAL_APPEND_RATIO (1.0 / 1.3)
#define GOAL_SCAN_RATIO   (1.0 / 1.1)

static const size_t arrow_batch_sizes[] = {131072, 2048};

static const char *const column_names[WORKLOAD_COLUMNS_MAX] = {
    "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9",
};

static void arrow_check(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        die("NanoTS: %s: %s", nanots_status_name(status), error->message);
}

static struct nanots_db *arrow_open(const char *path)
{
    const struct nanots_open_options options = {.struct_size = sizeof options};
    struct nanots_error error;
    struct nanots_db *db;

    arrow_check(nanots_open(path, &options, &db, &error), &error);
    return db;
}

static struct nanots_db *arrow_create(const char *path)
{
    struct nanots_column columns[WORKLOAD_COLUMNS_MAX] = {{0}};
    struct nanots_error error;

    unlink(path);
    struct nanots_db *db = arrow_open(path);
    for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
        columns[i] = (struct nanots_column){column_names[i], NANOTS_TYPE_F64, 0};
    arrow_check(nanots_create_table(db, TABLE, columns, WORKLOAD_COLUMNS_MAX, &error), &error);
    return db;
}

static void arrow_close(struct nanots_db *db)
{
    struct nanots_error error;
    arrow_check(nanots_close(db, &error), &error);
}

/* ---- in ----------------------------------------------------------------------------------- */

/* One batch of the workload as Arrow structs, which own nothing. */
struct arrow_batch {
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct ArrowSchema fields[ARROW_CHILDREN];
    struct ArrowArray columns[ARROW_CHILDREN];
    struct ArrowSchema *field_list[ARROW_CHILDREN];
    struct ArrowArray *column_list[ARROW_CHILDREN];
    const void *buffers[ARROW_CHILDREN][2];
    const void *no_buffer[1];
};

static void arrow_release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void arrow_release_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void arrow_fill(struct arrow_batch *batch, const struct workload *workload, size_t row,
                       size_t count)
{
    memset(batch, 0, sizeof *batch);
    batch->schema = (struct ArrowSchema){.format = "+s",
                                         .n_children = ARROW_CHILDREN,
                                         .children = batch->field_list,
                                         .release = arrow_release_schema};
    batch->array = (struct ArrowArray){.length = (int64_t)count,
                                       .n_buffers = 1,
                                       .buffers = batch->no_buffer,
                                       .n_children = ARROW_CHILDREN,
                                       .children = batch->column_list,
                                       .release = arrow_release_array};
    for (size_t i = 0; i < ARROW_CHILDREN; i++) {
        batch->fields[i] = (struct ArrowSchema){.format = i == 0 ? "l" : "g",
                                                .name = i == 0 ? "ts" : column_names[i - 1],
                                                .release = arrow_release_schema};
        batch->columns[i] = (struct ArrowArray){.length = (int64_t)count,
                                                .n_buffers = 2,
                                                .buffers = batch->buffers[i],
                                                .release = arrow_release_array};
        batch->buffers[i][1] = i == 0 ? (const void *)(workload->ts + row)
                                      : (const void *)(workload->columns[i - 1] + row);
        batch->field_list[i] = &batch->fields[i];
        batch->column_list[i] = &batch->columns[i];
    }
}

/* All rows by one way of the two, flushed. */
static void arrow_append(const struct job *job, bool plain, double *values)
{
    struct nanots_db *db = arrow_create(job->path);
    struct nanots_error error;
    struct arrow_batch batch;

    job_populate(job);
    const double start = measure_now_s();
    for (size_t row = 0; row < job->row_count; row += job->batch_rows) {
        const size_t left = job->row_count - row;
        const size_t count = left < job->batch_rows ? left : job->batch_rows;
        const double *columns[WORKLOAD_COLUMNS_MAX];

        for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
            columns[i] = job->workload->columns[i] + row;
        if (plain) {
            arrow_check(nanots_append_columns(db, TABLE, job->workload->ts + row, columns, count,
                                              WORKLOAD_COLUMNS_MAX, NULL, &error),
                        &error);
            continue;
        }
        arrow_fill(&batch, job->workload, row, count);
        arrow_check(nanots_append_arrow(db, TABLE, &batch.schema, &batch.array, NULL, NULL, &error),
                    &error);
    }
    values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
    arrow_close(db);
}

static void job_append_plain(const void *job, double *values)
{
    arrow_append(job, true, values);
}

static void job_append_arrow(const void *job, double *values)
{
    arrow_append(job, false, values);
}

/* ---- out ---------------------------------------------------------------------------------- */

static void arrow_check_digest(const struct job *job, const struct digest *seen)
{
    static const size_t all[WORKLOAD_COLUMNS_MAX] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct digest wanted =
        workload_digest(job->workload, 0, job->row_count, all, WORKLOAD_COLUMNS_MAX);
    if (memcmp(&wanted, seen, sizeof wanted) != 0)
        die("NanoTS handed out other rows than it was given");
}

static void job_scan_plain(const void *arg, double *values)
{
    const struct job *job = arg;
    struct nanots_db *db = arrow_open(job->path);
    int64_t *ts = malloc(BATCH_ROWS_MAX * sizeof *ts);
    double *columns[WORKLOAD_COLUMNS_MAX];
    struct digest digest = {0};
    struct nanots_cursor *cursor;
    const struct nanots_batch *batch;
    struct nanots_error error;

    for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
        columns[i] = malloc(BATCH_ROWS_MAX * sizeof(double));
    const double start = measure_now_s();
    arrow_check(nanots_query_open(db, TABLE, NULL, &cursor, &error), &error);
    for (;;) {
        arrow_check(nanots_query_next(cursor, &batch, &error), &error);
        if (batch == NULL)
            break;
        memcpy(ts, batch->ts, batch->row_count * sizeof *ts);
        for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
            memcpy(columns[i], batch->columns[i].values, batch->row_count * sizeof(double));
        digest_add(&digest, batch->row_count, ts, (const double *const *)columns,
                   WORKLOAD_COLUMNS_MAX);
    }
    nanots_query_close(cursor);
    values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
    arrow_check_digest(job, &digest);
    for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
        free(columns[i]);
    free(ts);
    arrow_close(db);
}

static void job_scan_arrow(const void *arg, double *values)
{
    const struct job *job = arg;
    struct nanots_db *db = arrow_open(job->path);
    struct digest digest = {0};
    struct ArrowArrayStream stream;
    struct nanots_error error;

    const double start = measure_now_s();
    arrow_check(nanots_query_arrow_stream(db, TABLE, NULL, NULL, &stream, &error), &error);
    for (;;) {
        const double *columns[WORKLOAD_COLUMNS_MAX];
        struct ArrowArray array;

        if (stream.get_next(&stream, &array) != 0)
            die("NanoTS: %s", stream.get_last_error(&stream));
        if (array.release == NULL)
            break;
        for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
            columns[i] = array.children[i + 1]->buffers[1];
        digest_add(&digest, (size_t)array.length, array.children[0]->buffers[1], columns,
                   WORKLOAD_COLUMNS_MAX);
        array.release(&array);
    }
    stream.release(&stream);
    values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
    arrow_check_digest(job, &digest);
    arrow_close(db);
}

/* ---- the figures -------------------------------------------------------------------------- */

static void arrow_measure(struct figure *figure, const char *name, measure_job run,
                          const struct job *job)
{
    double values[MEASURE_VALUES_MAX];

    if (!measure_in_child(run, job, MEASURE_END_EXIT, values))
        values[JOB_RATE] = (double)NAN;
    report_value(figure, name, values[JOB_RATE]);
}

void command_arrow(const struct command_options *options)
{
    struct job job = {.workload = workload_get(WORKLOAD_DECIMALS, options->row_count),
                      .row_count = options->row_count,
                      .column_count = WORKLOAD_COLUMNS_MAX,
                      .path = command_path(options, "arrow")};
    struct figure *scan = report_figure("Scan of 10 columns", "rows/s", REPORT_MORE);

    for (size_t i = 0; i < sizeof arrow_batch_sizes / sizeof arrow_batch_sizes[0]; i++) {
        char title[80];
        struct figure *append;

        job.batch_rows = arrow_batch_sizes[i];
        snprintf(title, sizeof title, "Batch append, 10 columns, %zu rows a batch", job.batch_rows);
        append = report_figure(title, "rows/s", REPORT_MORE);
        for (size_t run = 0; run < options->run_count; run++) {
            arrow_measure(append, "append_arrow", job_append_arrow, &job);
            arrow_measure(append, "append_columns", job_append_plain, &job);
        }
        report_ratio_goal(append, "append_columns", GOAL_APPEND_RATIO);
        report_print(append);
    }
    for (size_t run = 0; run < options->run_count; run++) {
        arrow_measure(scan, "arrow stream", job_scan_arrow, &job);
        arrow_measure(scan, "cursor and copy", job_scan_plain, &job);
    }
    report_ratio_goal(scan, "cursor and copy", GOAL_SCAN_RATIO);
    report_print(scan);
    if (!options->keep)
        unlink(job.path);
}
