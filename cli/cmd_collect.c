/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_collect.c - nanots collect: this machine's own figures, into the file as time passes. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "humantime.h"
#include "number.h"
#include "procfs.h"

#define COLLECT_NAME_SIZE 256

struct collect_run_options {
    int64_t interval_ms;
    int64_t seconds_ms; /* INT64_MAX: no end */
    uint64_t count;     /* 0: no end */
    const char *prefix;
};

static volatile sig_atomic_t collect_stopped = 0;

static void collect_on_signal(int number)
{
    (void)number;
    collect_stopped = 1;
}

/* Without SA_RESTART, so that the sleep ends too. */
static void collect_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = collect_on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Sleeps to an instant of the monotonic clock, so that no drift adds up. */
static void collect_sleep_until(const struct timespec *deadline)
{
    while (collect_stopped == 0 &&
           clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, deadline, NULL) == EINTR)
        continue;
}

static void collect_advance(struct timespec *deadline, int64_t ms)
{
    deadline->tv_sec += (time_t)(ms / 1000);
    deadline->tv_nsec += (long)(ms % 1000 * 1000000);
    if (deadline->tv_nsec >= 1000000000) {
        deadline->tv_nsec -= 1000000000;
        deadline->tv_sec++;
    }
}

static int collect_table_name(const char *prefix, const char *group, char name[COLLECT_NAME_SIZE])
{
    int length = snprintf(name, COLLECT_NAME_SIZE, "%s%s", prefix, group);
    if (length >= COLLECT_NAME_SIZE)
        return cli_usage("--table-prefix is too long");
    return CLI_OK;
}

/* An existing table must have been made by this command: the same columns in the same order. */
static int collect_check_table(const struct cli_proc_schema *group, const char *name,
                               const struct nanots_schema *schema)
{
    bool same = schema->column_count == group->figure_count && schema->unit == NANOTS_UNIT_MS;
    for (size_t i = 0; same && i < group->figure_count; i++)
        same = strcmp(schema->columns[i].name, group->figures[i]) == 0 &&
               schema->columns[i].type == NANOTS_TYPE_F64;
    if (same)
        return CLI_OK;
    return cli_fail(
        "table '%s' is there already and has other columns or times; --table-prefix makes "
        "other tables",
        name);
}

static int collect_prepare_table(struct nanots_db *db, const struct cli_proc_schema *group,
                                 const char *name)
{
    struct nanots_column columns[CLI_PROC_FIGURES_MAX];
    struct nanots_schema schema;
    struct nanots_error error;
    nanots_status status = nanots_table_schema(db, name, &schema, &error);
    if (status == NANOTS_OK) {
        int exit_code = collect_check_table(group, name, &schema);
        nanots_free(schema.block);
        return exit_code;
    }
    for (size_t i = 0; i < group->figure_count; i++) {
        columns[i].name = group->figures[i];
        columns[i].type = NANOTS_TYPE_F64;
        columns[i].flags = 0;
    }
    if (status == NANOTS_NOT_FOUND)
        status = nanots_create_table(db, name, columns, group->figure_count, &error);
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
}

static int collect_prepare(struct nanots_db *db, const char *prefix)
{
    char name[COLLECT_NAME_SIZE];
    int exit_code = CLI_OK;
    for (size_t i = 0; i < CLI_PROC_GROUP_COUNT && exit_code == CLI_OK; i++) {
        exit_code = collect_table_name(prefix, cli_proc_schemas[i].name, name);
        if (exit_code == CLI_OK)
            exit_code = collect_prepare_table(db, &cli_proc_schemas[i], name);
    }
    return exit_code;
}

static int collect_append(struct nanots_db *db, const char *prefix,
                          double rates[CLI_PROC_GROUP_COUNT][CLI_PROC_FIGURES_MAX])
{
    char name[COLLECT_NAME_SIZE];
    struct nanots_error error;
    int64_t now = cli_now(CLI_UNIT_MS);
    for (size_t i = 0; i < CLI_PROC_GROUP_COUNT; i++) {
        int exit_code = collect_table_name(prefix, cli_proc_schemas[i].name, name);
        if (exit_code != CLI_OK)
            return exit_code;
        if (nanots_append_row(db, name, now, rates[i], cli_proc_schemas[i].figure_count, NULL,
                              &error) != NANOTS_OK)
            return cli_fail_status(&error);
    }
    return CLI_OK;
}

/* Syncs, flushes and merges what the samples so far make due. Damage among older rows is what
 * `nanots verify` tells of; it keeps nobody from collecting. */
static int collect_maintain(struct nanots_db *db)
{
    struct nanots_error error;
    const nanots_status status = nanots_maintain(db, NULL, NULL, &error);
    return status == NANOTS_OK || status == NANOTS_CORRUPT ? CLI_OK : cli_fail_status(&error);
}

/* One line that is written over at each sample. */
static void collect_show(double rates[CLI_PROC_GROUP_COUNT][CLI_PROC_FIGURES_MAX], uint64_t count)
{
    const double *memory = rates[CLI_PROC_MEMORY];
    char written[CLI_NUMBER_TEXT_SIZE] = "-";
    char received[CLI_NUMBER_TEXT_SIZE] = "-";
    if (!cli_is_terminal(stderr))
        return;
    if (rates[CLI_PROC_DISK][3] >= 0)
        cli_bytes_print((uint64_t)rates[CLI_PROC_DISK][3], written);
    if (rates[CLI_PROC_NETWORK][0] >= 0)
        cli_bytes_print((uint64_t)rates[CLI_PROC_NETWORK][0], received);
    fprintf(stderr,
            "\r%" PRIu64 "  load %.2f  cpu %.0f %%  memory %.0f %%  disk written %s/s  network "
            "received %s/s\033[K",
            count, rates[CLI_PROC_LOAD][0], 100 - rates[CLI_PROC_CPU][2],
            100 - 100 * memory[1] / memory[0], written, received);
}

static int collect_loop(struct nanots_db *db, const struct collect_run_options *options)
{
    double rates[CLI_PROC_GROUP_COUNT][CLI_PROC_FIGURES_MAX];
    struct cli_proc_sample samples[2];
    struct timespec deadline;
    uint64_t count = 0;
    int64_t elapsed_ms = options->interval_ms;
    int exit_code = CLI_OK;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    cli_proc_read(&samples[0]);
    while (exit_code == CLI_OK && (options->count == 0 || count < options->count) &&
           elapsed_ms <= options->seconds_ms) {
        collect_advance(&deadline, options->interval_ms);
        collect_sleep_until(&deadline);
        if (collect_stopped != 0)
            break;
        cli_proc_read(&samples[1]);
        cli_proc_rates(&samples[0], &samples[1], rates);
        samples[0] = samples[1];
        exit_code = collect_append(db, options->prefix, rates);
        count += exit_code == CLI_OK;
        if (exit_code == CLI_OK)
            exit_code = collect_maintain(db);
        collect_show(rates, count);
        if (__builtin_add_overflow(elapsed_ms, options->interval_ms, &elapsed_ms))
            break;
    }
    if (cli_is_terminal(stderr))
        fputs("\r\033[K", stderr);
    printf("%" PRIu64 " %s of %d tables\n", count, count == 1 ? "sample" : "samples",
           CLI_PROC_GROUP_COUNT);
    return exit_code;
}

static int collect_run(const struct cli_args *args)
{
    struct collect_run_options options = {.interval_ms = 1000, .seconds_ms = INT64_MAX};
    uint64_t seconds = 0;
    uint64_t max_bytes = 0;
    int exit_code = cli_duration_option(args, "interval", &options.interval_ms);
    if (exit_code == CLI_OK)
        exit_code = cli_option_count(args, "count", &options.count);
    if (exit_code == CLI_OK)
        exit_code = cli_option_count(args, "seconds", &seconds);
    if (exit_code == CLI_OK)
        exit_code = cli_option_bytes(args, "max-size", &max_bytes);
    if (exit_code != CLI_OK)
        return exit_code;
    if (cli_option(args, "seconds") != NULL && seconds < INT64_MAX / 1000)
        options.seconds_ms = (int64_t)seconds * 1000;
    options.prefix =
        cli_option(args, "table-prefix") != NULL ? cli_option(args, "table-prefix") : "";

    bool made = false;
    struct nanots_db *db = cli_open_or_make(args->operands[0], max_bytes, &made);
    if (db == NULL)
        return CLI_FAILURE;
    exit_code = collect_prepare(db, options.prefix);
    if (exit_code != CLI_OK)
        return cli_close_made(db, args->operands[0], made, exit_code);
    collect_catch_signals();
    return cli_close(db, collect_loop(db, &options));
}

static const struct cli_option collect_option_table[] = {
    {'i', "interval", "DURATION", "time between samples: 500ms, 10s, 1m; 1s unless given"},
    {'n', "count", "N", "end after N samples"},
    {'s', "seconds", "N", "end after N seconds"},
    {'m', "max-size", "SIZE", "keep the file within SIZE: the oldest samples go"},
    {0, "table-prefix", "TEXT", "names the tables TEXTload, TEXTmemory, ..."},
};

const struct cli_command cli_command_collect = {
    .name = "collect",
    .summary = "Record this machine's load, memory, cpu, disk and network",
    .operands = "DB",
    .operands_min = 1,
    .operands_max = 1,
    .options = collect_option_table,
    .option_count = sizeof(collect_option_table) / sizeof(collect_option_table[0]),
    .notes =
        "Samples /proc until it is interrupted (Ctrl-C ends it cleanly), into five tables:\n"
        "load, memory (bytes), cpu (percent of all processors), disk (whole disks added up)\n"
        "and network (all but the loopback), the last three as rates since the sample before.\n",
    .run = collect_run,
};
