/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/bench.c - nanots-bench: NanoTS beside SQLite, LMDB and DuckDB, in one run on one machine,
 * and its codecs beside other codecs.
 *
 * What is measured and how to read it: docs/benchmarks.md. No figure decides the exit status; a
 * result that is wrong or a measurement that fails does (1), as does wrong usage (2).
 */
#include "command.h"
#include "measure.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_ROWS 10000000
#define DEFAULT_RUNS 3
#define QUICK_ROWS   1000000
#define LEAST_ROWS   200000 /* below this, start-up costs are all that one sees */
#define RUNS_MAX     32
#define DEFAULT_DIR  "build/bench-data"

struct bench_command {
    const char *name;
    const char *help;
    void (*run)(const struct command_options *options);
    bool in_all;
};

static const struct bench_command bench_commands[] = {
    {"ingest", "row appends, durable row appends, batches", command_ingest, true},
    {"query", "windows, scans, aggregates", command_query, true},
    {"open", "open a large file and read its newest row", command_open, true},
    {"tables", "5000 tables beside one", command_tables, true},
    {"arrow", "Arrow structs beside the plain calls", command_arrow, true},
    {"size", "bytes a row, packed and not", command_size, true},
    {"readers", "row appends beside readers in other processes", command_readers, true},
    {"upkeep", "row appends with and without the upkeep thread", command_upkeep, true},
    {"codecs", "DIR: bits a value and speed of every codec on the columns of a folder",
     command_codecs, false},
    {"profile", "row appends to NanoTS only, for perf and callgrind", command_profile, false},
};
#define COMMAND_COUNT (sizeof bench_commands / sizeof bench_commands[0])

static void bench_usage(FILE *stream)
{
    fputs("usage: nanots-bench [COMMAND] [OPTION]...\n\ncommands:\n", stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-9s %s\n", bench_commands[i].name, bench_commands[i].help);
    fputs("  all       all of these but codecs and profile (default)\n"
          "\noptions:\n"
          "  --rows N      rows of the large data sets (10000000)\n"
          "  --runs K      runs of each figure; medians are shown (3)\n"
          "  --quick       1 M rows, one run, a quarter of the rows for slow systems\n"
          "  --plot FILE   codecs: also draw size against speed, as FILE.svg\n"
          "  --columns N   columns for profile, 1 to 10 (10)\n"
          "  --peers LIST  systems to run: nanots,lmdb,sqlite,duckdb (all that are there)\n"
          "  --dir DIR     scratch folder, on the disk to be measured (" DEFAULT_DIR ")\n"
          "  --keep        leave the files there\n"
          "  --json        figures as JSON\n"
          "  --help        this text\n",
          stream);
}

static void bench_fail_usage(const char *what, const char *value)
{
    fprintf(stderr, "nanots-bench: %s '%s'\n", what, value);
    bench_usage(stderr);
    exit(2);
}

static size_t bench_number(const char *option, const char *text, size_t min, size_t max)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max) {
        fprintf(stderr, "nanots-bench: --%s takes a number from %zu to %zu, not '%s'\n", option,
                min, max, text);
        exit(2);
    }
    return (size_t)number;
}

static bool bench_listed(const char *list, const char *key)
{
    size_t key_len = strlen(key);

    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        if (len == key_len && strncmp(list, key, len) == 0)
            return true;
        list += len;
        list += *list == ',';
    }
    return false;
}

static void bench_choose_peers(struct command_options *options, const char *list)
{
    char why[128];

    for (const struct peer *const *peer = peer_list; *peer != NULL; peer++) {
        if (list != NULL && !bench_listed(list, (*peer)->key))
            continue;
        if (!(*peer)->probe(why, sizeof why)) {
            fprintf(stderr, "nanots-bench: without %s: %s\n", (*peer)->name, why);
            continue;
        }
        options->peers[options->peer_count++] = *peer;
    }
    if (options->peer_count == 0)
        bench_fail_usage("no system in", list == NULL ? "" : list);
}

/* Model of the processor, or "unknown". */
static void bench_processor(char *text, size_t text_size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(text, text_size, "unknown");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *value = strstr(line, ": ");

        if (strncmp(line, "model name", strlen("model name")) != 0 || value == NULL)
            continue;
        snprintf(text, text_size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    fclose(file);
}

static void bench_describe_machine(void)
{
    struct utsname system;
    char text[160];
    char processor[96];

    bench_processor(processor, sizeof processor);
    snprintf(text, sizeof text, "%s, %ld cores", processor, sysconf(_SC_NPROCESSORS_ONLN));
    report_heading("machine", text);
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%s %.80s", system.sysname, system.release);
        report_heading("kernel", text);
    }
}

static void bench_describe(const struct command_options *options)
{
    char text[160];

    bench_describe_machine();
    snprintf(text, sizeof text, "%zu rows, %zu run%s%s", options->row_count, options->run_count,
             options->run_count == 1 ? "" : "s", options->quick ? ", quick" : "");
    report_heading("size", text);
    for (size_t i = 0; i < options->peer_count; i++)
        report_heading(options->peers[i]->name, options->peers[i]->version());
}

static void bench_make_dir(const char *dir)
{
    char path[COMMAND_PATH_SIZE];
    size_t len = strlen(dir);

    if (len == 0 || len >= sizeof path)
        bench_fail_usage("bad folder", dir);
    memcpy(path, dir, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            die("cannot make the folder %s: %s", path, strerror(errno));
        path[i] = i == len ? '\0' : '/';
    }
}

static const char *bench_plot_path(const char *path)
{
    size_t len = strlen(path);

    if (len < strlen(".svg") || strcmp(path + len - strlen(".svg"), ".svg") != 0)
        bench_fail_usage("--plot takes a name that ends in .svg, not", path);
    return path;
}

/* Fills in `options`; returns the list of --peers, or NULL. */
static const char *bench_parse(int argc, char **argv, struct command_options *options)
{
    static const struct option known[] = {
        {"rows", required_argument, NULL, 'n'},
        {"runs", required_argument, NULL, 'r'},
        {"quick", no_argument, NULL, 'q'},
        {"columns", required_argument, NULL, 'c'},
        {"peers", required_argument, NULL, 'p'},
        {"dir", required_argument, NULL, 'd'},
        {"keep", no_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"plot", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *peers = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'n')
            options->row_count = bench_number("rows", optarg, LEAST_ROWS, SIZE_MAX / 1024);
        else if (option == 'r')
            options->run_count = bench_number("runs", optarg, 1, RUNS_MAX);
        else if (option == 'c')
            options->column_count = bench_number("columns", optarg, 1, WORKLOAD_COLUMNS_MAX);
        else if (option == 'q')
            options->quick = true;
        else if (option == 'p')
            peers = optarg;
        else if (option == 'd')
            options->dir = optarg;
        else if (option == 'k')
            options->keep = true;
        else if (option == 'j')
            options->json = true;
        else if (option == 's')
            options->plot_path = bench_plot_path(optarg);
        else {
            bench_usage(option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : 2);
        }
    }
    if (options->row_count == 0)
        options->row_count = options->quick ? QUICK_ROWS : DEFAULT_ROWS;
    if (options->run_count == 0)
        options->run_count = options->quick ? 1 : DEFAULT_RUNS;
    return peers;
}

/* The command, and the operand of the one that has any. */
static const char *bench_operands(int argc, char **argv, struct command_options *options)
{
    const char *command = "all";
    bool known;

    if (optind < argc)
        command = argv[optind++];
    known = strcmp(command, "all") == 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        known = known || strcmp(command, bench_commands[i].name) == 0;
    if (!known)
        bench_fail_usage("no such command", command);
    if (strcmp(command, "codecs") == 0) {
        if (optind == argc)
            bench_fail_usage("a folder is missing after", command);
        options->series_dir = argv[optind++];
    } else if (options->plot_path != NULL) {
        bench_fail_usage("no picture is drawn by", command);
    }
    if (optind < argc)
        bench_fail_usage("one command at a time, not also", argv[optind]);
    return command;
}

int main(int argc, char **argv)
{
    struct command_options options = {.column_count = WORKLOAD_COLUMNS_MAX, .dir = DEFAULT_DIR};
    const char *peers = bench_parse(argc, argv, &options);
    const char *command = bench_operands(argc, argv, &options);
    bool all = strcmp(command, "all") == 0;

    report_use_json(options.json);
    if (options.series_dir != NULL) {
        bench_describe_machine();
        command_codecs(&options);
        return 0;
    }
    bench_choose_peers(&options, peers);
    bench_make_dir(options.dir);
    bench_describe(&options);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (all ? bench_commands[i].in_all : strcmp(command, bench_commands[i].name) == 0)
            bench_commands[i].run(&options);
    }
    report_finish();
    command_query_clean(&options);
    return measure_any_failed() ? 1 : 0;
}
