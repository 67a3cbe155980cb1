/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/yardstick.c - how fast this machine does the bare work: a figure beside these means
 * something on other machines too. */
#include "job.h"
#include "measure.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#define LOG_BYTES        ((size_t)8 << 20)
#define LOG_HEADER_BYTES 8 /* the checksum; a real record needs more */
#define BLOCK_BYTES      65536
#define COPY_ROWS        2048

static volatile double yardstick_sink;

static int yardstick_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    static const char zeros[BLOCK_BYTES];

    if (fd < 0)
        die("cannot open %s: %s", path, strerror(errno));
    for (size_t done = 0; done < LOG_BYTES; done += sizeof zeros) {
        if (write(fd, zeros, sizeof zeros) != (ssize_t)sizeof zeros)
            die("cannot write %s: %s", path, strerror(errno));
    }
    if (fsync(fd) != 0)
        die("cannot sync %s: %s", path, strerror(errno));
    return fd;
}

/* One record a row, checksummed and copied into a mapped file that is used over and over. */
void yardstick_store(const void *context, double *values)
{
    const struct job *job = context;
    size_t row_size = (job->column_count + 1) * sizeof(double);
    size_t record_size = LOG_HEADER_BYTES + row_size;
    int fd = yardstick_open(job->path);
    char *log = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    size_t offset = 0;
    double start;

    if (log == MAP_FAILED)
        die("cannot map %s: %s", job->path, strerror(errno));
    memset(log, 1, LOG_BYTES);
    start = measure_now_s();
    for (size_t row = 0; row < job->rows->row_count; row++) {
        char record[(WORKLOAD_COLUMNS_MAX + 2) * sizeof(double)];
        uint64_t checksum;

        memcpy(record + LOG_HEADER_BYTES, &job->rows->ts[row], sizeof job->rows->ts[row]);
        memcpy(record + LOG_HEADER_BYTES + sizeof(int64_t),
               job->rows->values + row * job->column_count, row_size - sizeof(int64_t));
        checksum = XXH3_64bits(record + LOG_HEADER_BYTES, row_size);
        memcpy(record, &checksum, sizeof checksum);
        if (offset + record_size > LOG_BYTES)
            offset = 0;
        memcpy(log + offset, record, record_size);
        offset += record_size;
    }
    values[JOB_RATE] = (double)job->rows->row_count / (measure_now_s() - start);
    munmap(log, LOG_BYTES);
    close(fd);
    unlink(job->path);
}

/* Overwriting blocks that exist is the cheapest durable write that a file has. */
void yardstick_fdatasync(const void *context, double *values)
{
    const struct job *job = context;
    size_t record_size = (job->column_count + 2) * sizeof(double);
    char record[(WORKLOAD_COLUMNS_MAX + 2) * sizeof(double)] = {1};
    int fd = yardstick_open(job->path);
    double start = measure_now_s();

    for (size_t row = 0; row < job->row_count; row++) {
        if (pwrite(fd, record, record_size, (off_t)(row * record_size)) != (ssize_t)record_size ||
            fdatasync(fd) != 0)
            die("cannot write %s: %s", job->path, strerror(errno));
    }
    values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
    close(fd);
    unlink(job->path);
}

/* Reads the rows once from memory and writes them into a cache-sized block. */
void yardstick_memcpy(const void *context, double *values)
{
    const struct job *job = context;
    static double block[WORKLOAD_COLUMNS_MAX + 1][COPY_ROWS];
    double start;

    job_populate(job);
    start = measure_now_s();
    for (size_t row = 0; row + COPY_ROWS <= job->row_count; row += COPY_ROWS) {
        memcpy(block[WORKLOAD_COLUMNS_MAX], job->workload->ts + row, sizeof block[0]);
        for (size_t i = 0; i < job->column_count; i++)
            memcpy(block[i], job->workload->columns[i] + row, sizeof block[i]);
        yardstick_sink = block[row % WORKLOAD_COLUMNS_MAX][row % 7]; /* keeps the copies */
    }
    values[JOB_RATE] = (double)job->row_count / (measure_now_s() - start);
}
