/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_cli_import.c - options and a CSV file for `nanots import`, in this process.
 *
 *   1 byte flags | 1 byte n | n bytes: words of the command line, a zero between | the file
 *
 * What must hold: the import ends with a code it knows; the database is whole; an import without a
 * bad line has a row for every record but the header, any other at most so many, and the same again
 * does the same again. Both files are memory files of the system. Flags: bit 0: twice.
 */
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/csvfile.h"
#include "support/quiet.h"

#define SIZE_MAX_OF_INPUT 16384u
#define WORDS_SIZE_MAX    160u
#define WORDS_MAX         16
#define PATH_SIZE         40u
#define FLAG_TWICE        1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct job {
    char words[WORDS_SIZE_MAX + 1];
    char *argv[4 + WORDS_MAX]; /* import DB t FILE, then those of the input */
    int argc;
    bool is_plain; /* no option that changes what a record or a row is */
    char csv_path[PATH_SIZE];
    char db_path[PATH_SIZE];
    int csv_file;
    int db_file;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int memory_file(char path[PATH_SIZE])
{
    const int file = memfd_create("fuzz", 0);
    require(file >= 0);
    (void)snprintf(path, PATH_SIZE, "/proc/self/fd/%d", file);
    return file;
}

/* Help, another delimiter, lines left out. */
static bool word_changes_much(const char *word)
{
    word += strspn(word, "-");
    return strchr("hd", word[0]) != NULL || strstr(word, "skip") != NULL;
}

static void job_words(struct job *job, const uint8_t *data, size_t size)
{
    static char command[] = "import";
    static char table[] = "t";
    char *at = job->words;
    memcpy(job->words, data, size);
    job->argv[job->argc++] = command;
    job->argv[job->argc++] = job->db_path;
    job->argv[job->argc++] = table;
    job->argv[job->argc++] = job->csv_path;
    job->is_plain = true;
    for (; at < job->words + size && job->argc < 4 + WORDS_MAX; at += strlen(at) + 1) {
        job->argv[job->argc++] = at;
        job->is_plain = job->is_plain && !word_changes_much(at);
    }
}

static int job_import(const struct job *job)
{
    char *argv[4 + WORDS_MAX + 1] = {NULL};
    const struct quiet quiet = quiet_begin();
    memcpy(argv, job->argv, sizeof job->argv);
    const int code = cli_args_run(&cli_command_import, job->argc, argv);
    quiet_end(&quiet);
    require(code == CLI_OK || code == CLI_FAILURE || code == CLI_USAGE);
    return code;
}

/* All records of the file, its header and bad ones too. */
static uint64_t job_records(const struct job *job)
{
    struct cli_csv *csv = cli_csv_open(job->csv_path);
    struct cli_csv_record record;
    const char *reason = NULL;
    enum cli_csv_result result;
    uint64_t count = 0;
    uint64_t line = 0;
    require(csv != NULL);
    while ((result = cli_csv_next(csv, &record, &reason)) == CLI_CSV_RECORD ||
           result == CLI_CSV_BAD) {
        require(record.line > line);
        line = record.line;
        count++;
    }
    cli_csv_close(csv);
    return count;
}

/* Rows of the database, which is whole. */
static uint64_t job_rows(const struct job *job)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY};
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_db *db = NULL;
    require(nanots_open(job->db_path, &options, &db, NULL) == NANOTS_OK);
    require(nanots_verify(db, NULL, NULL, &report, NULL) == NANOTS_OK && report.damage == 0);
    require(nanots_close(db, NULL) == NANOTS_OK);
    return report.rows;
}

static void job_run(const struct job *job, bool is_twice)
{
    const uint64_t records = job_records(job);
    const int code = job_import(job);
    const uint64_t rows = job_rows(job);
    if (job->is_plain) {
        require(rows <= records);
        require(code != CLI_OK || rows == records || rows + 1 == records);
    }
    require(code != CLI_USAGE || rows == 0);
    if (!is_twice)
        return;
    const int again = job_import(job);
    const uint64_t all_rows = job_rows(job);
    require(code != CLI_OK || again != CLI_OK || all_rows == 2 * rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job job = {0};
    if (size < 2 || data[1] > WORDS_SIZE_MAX || size - 2 < data[1] || size > SIZE_MAX_OF_INPUT)
        return 0;
    const size_t csv_size = size - 2 - data[1];
    job.csv_file = memory_file(job.csv_path);
    job.db_file = memory_file(job.db_path);
    job_words(&job, data + 2, data[1]);
    require(write(job.csv_file, data + 2 + data[1], csv_size) == (ssize_t)csv_size);
    job_run(&job, (data[0] & FLAG_TWICE) != 0);
    (void)close(job.csv_file);
    (void)close(job.db_file);
    return 0;
}
