/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/job.h - what one child process measures about one system, and the check of its result. */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include "peer.h"
#include "workload.h"

#include <stdbool.h>
#include <stddef.h>

/* One measurement; jobs use the fields that they name. */
struct job {
    const struct peer *peer;
    const char *path;
    enum peer_sync sync;
    const struct workload *workload;
    const struct workload_rows *rows; /* row by row, for single appends */
    size_t row_count;                 /* rows that the file holds or will hold */
    size_t column_count;
    size_t batch_rows;
    uint64_t seed; /* windows */
    bool writer;   /* open: as a writer, and not only for reading */
};

/* Indexes of `values` that the jobs leave behind. */
enum {
    JOB_RATE = 0,         /* rows/s of the calls alone */
    JOB_SETTLED_RATE = 1, /* rows/s with everything in its final place, synced */
    JOB_PEAK_BYTES = 2,   /* anonymous memory */
    JOB_P50_US = 0,
    JOB_P99_US = 1,
};

/* Maps the job's rows into this child before the clock runs; where the kernel cannot, the first
 * touch pays, for every system alike. */
void job_populate(const struct job *job);

/* Appends all rows singly and leaves the file as a kill -9 finds it. JOB_RATE. */
void job_append_singly(const void *job, double *values);

/* Rows/s of single appends that meet no flush: the best of many short bursts. JOB_RATE. */
void job_append_burst(const void *job, double *values);

/* Appends all rows in bulk, settles and closes. JOB_RATE, JOB_SETTLED_RATE, JOB_PEAK_BYTES. */
void job_append_bulk(const void *job, double *values);

/* Reads every row and column of a file and compares; for a killed writer's file, after recovery. */
void job_check(const void *job, double *values);

/* Windows of 1000 rows, all columns. JOB_P50_US, JOB_P99_US. */
void job_windows(const void *job, double *values);

/* All rows, timestamp and one column. JOB_RATE. */
void job_scan(const void *job, double *values);

/* Count, minimum, maximum and sum of one column over all rows. JOB_RATE. */
void job_aggregate(const void *job, double *values);

/* Opens the file and reads the newest row, again and again. JOB_P50_US, JOB_P99_US. */
void job_open(const void *job, double *values);

/* Yardsticks: the same work without a storage system. JOB_RATE in rows/s of `column_count`. */
void yardstick_store(const void *job, double *values);     /* checksum and copy into a mapped log */
void yardstick_fdatasync(const void *job, double *values); /* overwrite and sync, row by row */
void yardstick_memcpy(const void *job, double *values);    /* copy the columns once */

#endif
