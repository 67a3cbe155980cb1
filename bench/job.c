/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/job.c - see job.h. */
#include "job.h"

#include "measure.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>

#define WINDOW_ROWS    1000
#define WINDOWS_MAX    4096
#define SCANNED_COLUMN 3

#define BURST_ROWS  20000
#define BURST_COUNT 9

static const size_t all_columns[WORKLOAD_COLUMNS_MAX] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static void job_populate_array(const void *array, size_t size)
{
#ifdef MADV_POPULATE_READ
    madvise((void *)(uintptr_t)array, size, MADV_POPULATE_READ);
#else
    (void)array;
    (void)size;
#endif
}

void job_populate(const struct job *job)
{
    size_t size = job->row_count * sizeof(double);

    job_populate_array(job->workload->ts, size);
    if (job->rows != NULL) {
        job_populate_array(job->rows->values, size * job->column_count);
        return;
    }
    for (size_t i = 0; i < job->column_count; i++)
        job_populate_array(job->workload->columns[i], size);
}

static void job_compare(const struct job *job, const struct digest *seen,
                        const struct digest *expected)
{
    if (seen->row_count != expected->row_count)
        die("%s: read %llu rows instead of %llu", job->peer->name,
            (unsigned long long)seen->row_count, (unsigned long long)expected->row_count);
    if (memcmp(seen, expected, sizeof *seen) != 0)
        die("%s: the values read are not those written", job->peer->name);
}

void job_append_singly(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_CREATE, job->sync, job->column_count);
    double start;

    job_populate(job);
    start = measure_now_s();
    job->peer->append_singly(db, job->rows);
    values[JOB_RATE] = (double)job->rows->row_count / (measure_now_s() - start);
}

/* The rows before the bursts bring the log to its full size; each burst starts on an empty one. */
void job_append_burst(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_CREATE, job->sync, job->column_count);
    struct workload_rows part = *job->rows;
    double rates[BURST_COUNT];
    double start;

    if (part.row_count < (BURST_COUNT + 1) * BURST_ROWS)
        die("too few rows for bursts");
    job_populate(job);
    part.row_count -= BURST_COUNT * BURST_ROWS;
    job->peer->append_singly(db, &part);
    for (size_t i = 0; i < BURST_COUNT; i++) {
        part.ts += part.row_count;
        part.values += part.row_count * part.column_count;
        part.row_count = BURST_ROWS;
        job->peer->settle(db);
        start = measure_now_s();
        job->peer->append_singly(db, &part);
        rates[i] = BURST_ROWS / (measure_now_s() - start);
    }
    values[JOB_RATE] = measure_percentile(rates, BURST_COUNT, 0.5);
}

void job_append_bulk(const void *context, double *values)
{
    const struct job *job = context;
    double row_count = (double)job->row_count;
    struct peer_db *db;
    double start;

    job_populate(job);
    measure_memory_start();
    db = job->peer->open(job->path, PEER_CREATE, job->sync, job->column_count);
    start = measure_now_s();
    job->peer->append_bulk(db, job->workload, job->row_count, job->batch_rows);
    values[JOB_RATE] = row_count / (measure_now_s() - start);
    job->peer->settle(db);
    values[JOB_SETTLED_RATE] = row_count / (measure_now_s() - start);
    values[JOB_PEAK_BYTES] = measure_memory_stop();
    job->peer->close(db);
}

void job_check(const void *context, double *values)
{
    const struct job *job = context;
    const struct peer_range range = {INT64_MIN, INT64_MAX, all_columns, job->column_count};
    struct peer_db *db = job->peer->open(job->path, PEER_WRITE, job->sync, job->column_count);
    struct digest expected =
        workload_digest(job->workload, 0, job->row_count, all_columns, job->column_count);
    struct digest seen = {0};

    (void)values;
    job->peer->read(db, &range, &seen);
    job_compare(job, &seen, &expected);
    job->peer->close(db);
}

void job_windows(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_READ, job->sync, job->column_count);
    struct peer_range range = {0, 0, all_columns, job->column_count};
    size_t warm_up = job->peer->window_count / 10;
    static double times_us[WINDOWS_MAX];
    uint64_t state = job->seed;

    for (size_t i = 0; i < job->peer->window_count + warm_up; i++) {
        struct digest seen = {0};
        struct digest expected;
        size_t first;
        double start;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        first = (size_t)(state >> 33) % (job->row_count - WINDOW_ROWS);
        range.from = WORKLOAD_FIRST_TS + (int64_t)first * WORKLOAD_STEP_MS - WORKLOAD_STEP_MS / 2;
        range.to = range.from + WINDOW_ROWS * WORKLOAD_STEP_MS - 1;
        start = measure_now_s();
        job->peer->read(db, &range, &seen);
        if (i >= warm_up)
            times_us[i - warm_up] = (measure_now_s() - start) * 1e6;
        expected =
            workload_digest(job->workload, first, WINDOW_ROWS, all_columns, job->column_count);
        job_compare(job, &seen, &expected);
    }
    values[JOB_P50_US] = measure_percentile(times_us, job->peer->window_count, 0.5);
    values[JOB_P99_US] = measure_percentile(times_us, job->peer->window_count, 0.99);
    job->peer->close(db);
}

void job_scan(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_READ, job->sync, job->column_count);
    const struct peer_range range = {INT64_MIN, INT64_MAX, &all_columns[SCANNED_COLUMN], 1};
    struct digest expected =
        workload_digest(job->workload, 0, job->row_count, &all_columns[SCANNED_COLUMN], 1);

    /* The first pass brings the file into the page cache and the system's own. */
    for (int pass = 0; pass < 2; pass++) {
        struct digest seen = {0};
        double start = measure_now_s();

        job->peer->read(db, &range, &seen);
        values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
        job_compare(job, &seen, &expected);
    }
    job->peer->close(db);
}

/* Sums of ten million values depend on their order in the last digits, extremes do not. */
static void job_compare_aggregate(const struct job *job, const struct peer_aggregate *seen)
{
    struct peer_aggregate expected = {.min = (double)INFINITY, .max = -(double)INFINITY};

    peer_aggregate_add(&expected, job->workload->columns[SCANNED_COLUMN], job->row_count);
    if (seen->count != expected.count || !(fabs(seen->min - expected.min) <= 0.0) ||
        !(fabs(seen->max - expected.max) <= 0.0) ||
        !(fabs(seen->sum - expected.sum) <= fabs(expected.sum) * 1e-9))
        die("%s: the aggregate is wrong", job->peer->name);
}

void job_aggregate(const void *context, double *values)
{
    const struct job *job = context;
    struct peer_db *db = job->peer->open(job->path, PEER_READ, job->sync, job->column_count);

    for (int pass = 0; pass < 2; pass++) {
        struct peer_aggregate seen;
        double start = measure_now_s();

        job->peer->aggregate(db, SCANNED_COLUMN, &seen);
        values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
        job_compare_aggregate(job, &seen);
    }
    job->peer->close(db);
}

void job_open(const void *context, double *values)
{
    const struct job *job = context;
    enum peer_access access = job->writer ? PEER_WRITE : PEER_READ;
    static double times_us[WINDOWS_MAX];

    for (size_t i = 0; i < job->peer->open_count; i++) {
        double start = measure_now_s();
        struct peer_db *db = job->peer->open(job->path, access, job->sync, job->column_count);
        int64_t ts;
        double value;

        job->peer->last(db, &ts, &value);
        times_us[i] = (measure_now_s() - start) * 1e6;
        if (ts != job->workload->ts[job->row_count - 1] ||
            !(fabs(value - job->workload->columns[0][job->row_count - 1]) <= 0.0))
            die("%s: the newest row is wrong", job->peer->name);
        job->peer->close(db);
    }
    values[JOB_P50_US] = measure_percentile(times_us, job->peer->open_count, 0.5);
    values[JOB_P99_US] = measure_percentile(times_us, job->peer->open_count, 0.99);
}
