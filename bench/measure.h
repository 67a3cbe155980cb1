/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/measure.h - clocks, counters, memory and child processes: how a figure is taken.
 *
 * Each measurement runs in a child process of its own, so that one system's caches, threads and
 * heap never touch another's figures, and a crash costs one figure and not the run. The child hands
 * its numbers back through shared memory; it may end by SIGKILL on purpose, which is how "survives
 * kill -9" is put to the proof.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEASURE_VALUES_MAX 16

/* Ends the process with a message on standard error; in a child, that fails its measurement. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Seconds of the monotonic clock; about 25 ns a call. */
double measure_now_s(void);

/* Zeroed shared memory that lives until the process ends. */
void *measure_shared_memory(size_t size);

/* Sorts `values` and returns the one at `fraction` (0..1) of the way. */
double measure_percentile(double *values, size_t count, double fraction);

/* Length of a file in bytes; dies if there is none. */
uint64_t measure_file_bytes(const char *path);

enum measure_end {
    MEASURE_END_EXIT, /* the child ends in order */
    MEASURE_END_KILL, /* the child is killed with SIGKILL right after its job returned */
};

typedef void (*measure_job)(const void *job, double *values);

/* Runs `job` in a child and copies what it left in its `values` to `values`.
 * Returns false, having said why on standard error, if the child failed. */
bool measure_in_child(measure_job run, const void *job, enum measure_end end,
                      double values[MEASURE_VALUES_MAX]);

/* True if a measurement or a check has failed in this process so far. */
bool measure_any_failed(void);

/* Watches the anonymous memory of this process from a thread, once a millisecond.
 * Stop returns the peak above what there was at the start, in bytes. */
void measure_memory_start(void);
double measure_memory_stop(void);

/* Counts user-space instructions of this thread. Start returns false where the machine (as many
 * virtual ones) has no such counter; stop must then not be called. */
bool measure_instructions_start(void);
double measure_instructions_stop(void);

#endif
