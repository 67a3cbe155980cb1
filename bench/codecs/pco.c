/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/pco.c - pcodec, a Rust library that we call through its Python package: a helper
 * (pco_helper.py says what is spoken) holds the values, does the work and times it.
 *
 * It runs under $NANOTS_BENCH_PYTHON, else the Python of .venv, else python3, and lives as long as
 * this process. Its instructions are not counted: they would be Python's too.
 */
#include "codecs/codec_table.h"

#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_SIZE 256
#define READY       "ready "
#define MISSING     "missing "

static struct {
    bool is_started;
    FILE *questions;
    FILE *answers;
    char greeting[ANSWER_SIZE];
    const struct series *series; /* which it holds */
} pco;

static const char *pco_python(void)
{
    const char *chosen = getenv("NANOTS_BENCH_PYTHON");

    if (chosen != NULL)
        return chosen;
    return access(BENCH_ROOT "/.venv/bin/python", X_OK) == 0 ? BENCH_ROOT "/.venv/bin/python"
                                                             : "python3";
}

static void pco_run_helper(int questions_fd, int answers_fd)
{
    const char *python = pco_python();

    if (dup2(questions_fd, STDIN_FILENO) >= 0 && dup2(answers_fd, STDOUT_FILENO) >= 0)
        execlp(python, python, BENCH_ROOT "/bench/codecs/pco_helper.py", BENCH_PEERS_DIR "/python",
               (char *)NULL);
    dprintf(STDOUT_FILENO, MISSING "cannot run %s: %s\n", python, strerror(errno));
    _exit(1);
}

/* One line of the helper without its newline; "" if it has ended. */
static void pco_answer(char answer[ANSWER_SIZE])
{
    if (fgets(answer, ANSWER_SIZE, pco.answers) == NULL)
        answer[0] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
}

static void pco_start(void)
{
    int questions[2];
    int answers[2];
    pid_t child;

    pco.is_started = true;
    signal(SIGPIPE, SIG_IGN); /* a helper that has died is an error like others */
    if (pipe2(questions, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0)
        die("cannot make a pipe: %s", strerror(errno));
    fflush(NULL);
    child = fork();
    if (child < 0)
        die("cannot fork: %s", strerror(errno));
    if (child == 0)
        pco_run_helper(questions[0], answers[1]);
    close(questions[0]);
    close(answers[1]);
    pco.questions = fdopen(questions[1], "w");
    pco.answers = fdopen(answers[0], "r");
    if (pco.questions == NULL || pco.answers == NULL)
        die("cannot speak to pco_helper.py: %s", strerror(errno));
    pco_answer(pco.greeting);
}

const char *pco_probe(void)
{
    static char why[ANSWER_SIZE + 64];
    const char *reason = pco.greeting;

    if (!pco.is_started)
        pco_start();
    if (strncmp(pco.greeting, READY, strlen(READY)) == 0)
        return NULL;
    if (strncmp(reason, MISSING, strlen(MISSING)) == 0)
        reason += strlen(MISSING);
    snprintf(why, sizeof why, "not installed; run bench/setup_peers.sh (%s)", reason);
    return why;
}

const char *pco_version(void)
{
    return pco.greeting + strlen(READY);
}

void pco_measure(const struct codec *codec, const struct series *series, double seconds,
                 struct codec_run *run_out)
{
    char answer[ANSWER_SIZE];

    if (pco.series != series) {
        fprintf(pco.questions, "values %s %zu\n", series->kind == SERIES_F64 ? "f64" : "i64",
                series->count);
        fwrite(series->values, sizeof *series->values, series->count, pco.questions);
        pco.series = series;
    }
    fprintf(pco.questions, "run %d %.9g\n", codec->level, seconds);
    fflush(pco.questions);
    pco_answer(answer);
    if (sscanf(answer, "%lf %lf %lf", &run_out->size_bytes, &run_out->encode_s,
               &run_out->decode_s) != 3)
        die("%s, %s: %s", codec->name, series->name, *answer != '\0' ? answer : "it has died");
    run_out->encode_instructions = (double)NAN;
    run_out->decode_instructions = (double)NAN;
}
