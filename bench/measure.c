/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/measure.c - see measure.h. */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A hung child is a failed measurement, not a hung benchmark. */
#define CHILD_SECONDS_MAX 900

#define WATCH_INTERVAL_NS 1000000

struct measure_slot {
    double values[MEASURE_VALUES_MAX];
    bool done;
};

static bool measure_failed;

static struct {
    pthread_t thread;
    atomic_bool stop;
    uint64_t start_bytes;
    uint64_t peak_bytes;
} memory_watch;

static int instructions_fd = -1;

void die(const char *format, ...)
{
    va_list arguments;

    fputs("nanots-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

double measure_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void *measure_shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        die("cannot map %zu bytes: %s", size, strerror(errno));
    return memory;
}

static int measure_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

double measure_percentile(double *values, size_t count, double fraction)
{
    qsort(values, count, sizeof *values, measure_compare);
    return values[(size_t)(fraction * (double)(count - 1) + 0.5)];
}

uint64_t measure_file_bytes(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        die("cannot stat %s: %s", path, strerror(errno));
    return (uint64_t)info.st_size;
}

static void measure_run_child(measure_job run, const void *job, enum measure_end end,
                              struct measure_slot *slot)
{
    alarm(CHILD_SECONDS_MAX);
    run(job, slot->values);
    slot->done = true;
    if (end == MEASURE_END_KILL)
        kill(getpid(), SIGKILL);
    _exit(0);
}

bool measure_in_child(measure_job run, const void *job, enum measure_end end,
                      double values[MEASURE_VALUES_MAX])
{
    struct measure_slot *slot = measure_shared_memory(sizeof *slot);
    int wait_status = 0;
    bool ended_well;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0)
        die("cannot fork: %s", strerror(errno));
    if (child == 0)
        measure_run_child(run, job, end, slot);
    while (waitpid(child, &wait_status, 0) < 0) {
        if (errno != EINTR)
            die("cannot wait for a child: %s", strerror(errno));
    }
    if (end == MEASURE_END_KILL)
        ended_well = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
    else
        ended_well = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    ended_well = ended_well && slot->done;
    memcpy(values, slot->values, sizeof slot->values);
    munmap(slot, sizeof *slot);
    if (!ended_well) {
        measure_failed = true;
        if (WIFSIGNALED(wait_status))
            fprintf(stderr, "nanots-bench: measurement ended by signal %d\n",
                    WTERMSIG(wait_status));
    }
    return ended_well;
}

bool measure_any_failed(void)
{
    return measure_failed;
}

/* Resident pages less those of files and shared memory, from /proc/self/statm. */
static uint64_t measure_anon_bytes(int statm_fd)
{
    char text[128];
    ssize_t size = pread(statm_fd, text, sizeof text - 1, 0);
    unsigned long long total;
    unsigned long long resident;
    unsigned long long shared;

    if (size <= 0)
        die("cannot read /proc/self/statm");
    text[size] = '\0';
    if (sscanf(text, "%llu %llu %llu", &total, &resident, &shared) != 3)
        die("cannot understand /proc/self/statm");
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void *measure_watch_memory(void *statm_fd_pointer)
{
    const struct timespec interval = {.tv_nsec = WATCH_INTERVAL_NS};
    int statm_fd = *(int *)statm_fd_pointer;

    do {
        uint64_t now = measure_anon_bytes(statm_fd);

        if (now > memory_watch.peak_bytes)
            memory_watch.peak_bytes = now;
        nanosleep(&interval, NULL);
    } while (!atomic_load(&memory_watch.stop));
    return NULL;
}

void measure_memory_start(void)
{
    static int statm_fd;

    statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (statm_fd < 0)
        die("cannot open /proc/self/statm: %s", strerror(errno));
    memory_watch.start_bytes = measure_anon_bytes(statm_fd);
    memory_watch.peak_bytes = 0;
    atomic_store(&memory_watch.stop, false);
    if (pthread_create(&memory_watch.thread, NULL, measure_watch_memory, &statm_fd) != 0)
        die("cannot start the thread that watches memory");
}

double measure_memory_stop(void)
{
    atomic_store(&memory_watch.stop, true);
    pthread_join(memory_watch.thread, NULL);
    if (memory_watch.peak_bytes < memory_watch.start_bytes)
        return 0.0;
    return (double)(memory_watch.peak_bytes - memory_watch.start_bytes);
}

bool measure_instructions_start(void)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attributes,
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    instructions_fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
    return instructions_fd >= 0;
}

double measure_instructions_stop(void)
{
    uint64_t count = 0;

    if (read(instructions_fd, &count, sizeof count) != (ssize_t)sizeof count)
        die("cannot read the instruction counter: %s", strerror(errno));
    close(instructions_fd);
    instructions_fd = -1;
    return (double)count;
}
