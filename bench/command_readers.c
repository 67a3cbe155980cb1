/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_readers.c - what readers in other processes cost a busy appender.
 *
 *   this child: appends without a pause         4 children of it: refresh, newest row, count; sleep
 *
 * The longer they sleep the less they should cost: what was flushed meanwhile they need not read.
 */
#include "command.h"
#include "measure.h"
#include "nanots.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROWS_MAX      4000000
#define READER_COUNT  4
#define POLL_STEP_US  10000 /* between looks at the end */
#define GOAL_OF_ALONE 0.9

struct readers_job {
    const char *path;
    const struct workload_rows *rows;
    int reader_count;
    unsigned poll_us;
};

/* In memory that the readers share. */
struct readers_board {
    volatile int stop;
    volatile double refresh_s[READER_COUNT];
    volatile unsigned long refresh_count[READER_COUNT];
    volatile uint64_t seen[READER_COUNT]; /* rows, at the last refresh */
};

enum { READERS_RATE = 0, READERS_REFRESH_US = 1, READERS_CPU = 2, READERS_OWN_RATE = 3 };

static void readers_check(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        die("NanoTS: %s: %s", nanots_status_name(status), error->message);
}

static void readers_poll(const struct readers_job *job, struct readers_board *board, int index)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY};
    double newest[WORKLOAD_COLUMNS_MAX];
    struct nanots_error error;
    struct nanots_db *db = NULL;
    bool is_last = false;

    readers_check(nanots_open(job->path, &options, &db, &error), &error);
    while (!is_last) {
        uint64_t rows = 0;
        int64_t ts = 0;
        is_last = board->stop != 0;
        const double start = measure_now_s();
        readers_check(nanots_refresh(db, NULL, &error), &error);
        board->refresh_s[index] += measure_now_s() - start;
        board->refresh_count[index]++;
        const nanots_status status =
            nanots_last(db, "cpu", &ts, newest, job->rows->column_count, &error);
        if (status != NANOTS_NOT_FOUND)
            readers_check(status, &error);
        readers_check(nanots_row_count(db, "cpu", &rows, &error), &error);
        if (rows < board->seen[index])
            die("a reader went back from %llu to %llu rows", (unsigned long long)board->seen[index],
                (unsigned long long)rows);
        board->seen[index] = rows;
        for (unsigned slept = 0; slept < job->poll_us && board->stop == 0; slept += POLL_STEP_US)
            usleep(POLL_STEP_US);
    }
    readers_check(nanots_close(db, &error), &error);
    _exit(0);
}

static struct nanots_table *readers_create(const struct readers_job *job, struct nanots_db **db_out)
{
    struct nanots_column columns[WORKLOAD_COLUMNS_MAX] = {{0}};
    char names[WORKLOAD_COLUMNS_MAX][8];
    struct nanots_table *table = NULL;
    struct nanots_error error;

    unlink(job->path);
    readers_check(nanots_open(job->path, NULL, db_out, &error), &error);
    for (size_t i = 0; i < job->rows->column_count; i++) {
        snprintf(names[i], sizeof names[i], "c%u", (unsigned)i % 1000);
        columns[i].name = names[i];
        columns[i].type = NANOTS_TYPE_F64;
    }
    readers_check(nanots_create_table(*db_out, "cpu", columns, job->rows->column_count, &error),
                  &error);
    readers_check(nanots_table_open(*db_out, "cpu", &table, &error), &error);
    return table;
}

/* The readers are started before the file is opened: no handle passes a fork. */
static void readers_start(const struct readers_job *job, struct readers_board *board,
                          pid_t readers[READER_COUNT])
{
    struct nanots_error error;
    struct nanots_db *db = NULL;

    (void)readers_create(job, &db);
    readers_check(nanots_close(db, &error), &error);
    for (int i = 0; i < job->reader_count; i++) {
        readers[i] = fork();
        if (readers[i] < 0)
            die("cannot start a reader");
        if (readers[i] == 0)
            readers_poll(job, board, i);
    }
}

static void readers_end(const struct readers_job *job, struct readers_board *board,
                        const pid_t readers[READER_COUNT], double *values)
{
    struct rusage usage;
    double seconds = 0;
    double count = 0;

    board->stop = 1;
    for (int i = 0; i < job->reader_count; i++) {
        int outcome = 0;
        if (waitpid(readers[i], &outcome, 0) != readers[i] || outcome != 0)
            die("a reader failed");
        if (board->seen[i] != job->rows->row_count)
            die("a reader saw %llu rows instead of %zu", (unsigned long long)board->seen[i],
                job->rows->row_count);
        seconds += board->refresh_s[i];
        count += (double)board->refresh_count[i];
    }
    values[READERS_REFRESH_US] = count != 0 ? seconds / count * 1e6 : (double)NAN;
    getrusage(RUSAGE_CHILDREN, &usage);
    values[READERS_CPU] = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                          1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Processor time of this thread: what it costs the appender where cores are not free for all. */
static double readers_own_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void readers_append(const void *context, double *values)
{
    const struct readers_job *job = context;
    const struct workload_rows *rows = job->rows;
    struct readers_board *board = measure_shared_memory(sizeof *board);
    pid_t readers[READER_COUNT];
    struct nanots_table *table = NULL;
    struct nanots_error error;
    struct nanots_db *db = NULL;

    readers_start(job, board, readers);
    readers_check(nanots_open(job->path, NULL, &db, &error), &error);
    readers_check(nanots_table_open(db, "cpu", &table, &error), &error);
    const double own_start = readers_own_s();
    const double start = measure_now_s();
    for (size_t row = 0; row < rows->row_count; row++) {
        const nanots_status status =
            nanots_table_append(table, rows->ts[row], rows->values + row * rows->column_count,
                                rows->column_count, NULL, &error);
        if (status != NANOTS_OK)
            readers_check(status, &error);
    }
    const double elapsed_s = measure_now_s() - start;
    values[READERS_RATE] = (double)rows->row_count / elapsed_s;
    values[READERS_OWN_RATE] = (double)rows->row_count / (readers_own_s() - own_start);
    readers_end(job, board, readers, values);
    values[READERS_CPU] *= 100 / elapsed_s;
    readers_check(nanots_close(db, &error), &error);
}

/* How often they read, the most often first; the last of all is that nobody does. */
static const struct {
    const char *name;
    unsigned poll_us; /* 0: no readers */
} readers_cases[] = {{"4 readers, each every 10 ms", 10000},
                     {"4 readers, each every 100 ms", 100000},
                     {"4 readers, each every second", 1000000},
                     {"nobody reads", 0}};
#define CASE_COUNT (sizeof readers_cases / sizeof readers_cases[0])

void command_readers(const struct command_options *options)
{
    const char *alone = readers_cases[CASE_COUNT - 1].name;
    struct figure *rate =
        report_figure("Row append, 10 columns, beside readers elsewhere", "rows/s", REPORT_MORE);
    struct figure *own = report_figure("The same by its own processor time", "rows/s", REPORT_MORE);
    struct figure *refresh = report_figure("One refresh beside that", "us", REPORT_LESS);
    struct figure *cpu = report_figure("Processor time of the four, of one core", "%", REPORT_LESS);
    struct workload_rows rows;
    struct readers_job job = {.rows = &rows};
    double values[MEASURE_VALUES_MAX];

    if (!command_has(options, "nanots"))
        return;
    workload_transpose(workload_get(WORKLOAD_DECIMALS, options->row_count),
                       command_rows(options, ROWS_MAX), WORKLOAD_COLUMNS_MAX, &rows);
    job.path = command_path(options, "readers");
    for (size_t run = 0; run < options->run_count; run++)
        for (size_t i = 0; i < CASE_COUNT; i++) {
            job.poll_us = readers_cases[i].poll_us;
            job.reader_count = job.poll_us == 0 ? 0 : READER_COUNT;
            if (!measure_in_child(readers_append, &job, MEASURE_END_EXIT, values))
                values[0] = values[1] = values[2] = values[3] = (double)NAN;
            report_value(rate, readers_cases[i].name, values[READERS_RATE]);
            report_value(own, readers_cases[i].name, values[READERS_OWN_RATE]);
            if (job.reader_count != 0) {
                report_value(refresh, readers_cases[i].name, values[READERS_REFRESH_US]);
                report_value(cpu, readers_cases[i].name, values[READERS_CPU]);
            }
            if (!options->keep)
                unlink(job.path);
        }
    report_ratio_goal(rate, alone, GOAL_OF_ALONE);
    report_ratio_goal(own, alone, GOAL_OF_ALONE);
    report_note(rate, "each reader refreshes, reads the newest row and counts");
    report_print(rate);
    report_print(own);
    report_print(refresh);
    report_print(cpu);
}
