/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command.c - what the subcommands share. */
#include "command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define QUICK_DIVISOR 4

const char *command_path(const struct command_options *options, const char *name)
{
    static char path[COMMAND_PATH_SIZE];

    if ((size_t)snprintf(path, sizeof path, "%s/%s.db", options->dir, name) >= sizeof path)
        die("the path of the scratch folder is too long");
    return path;
}

size_t command_rows(const struct command_options *options, size_t peer_rows)
{
    size_t row_count = options->quick ? peer_rows / QUICK_DIVISOR : peer_rows;

    return row_count < options->row_count ? row_count : options->row_count;
}

bool command_has(const struct command_options *options, const char *key)
{
    for (size_t i = 0; i < options->peer_count; i++) {
        if (strcmp(options->peers[i]->key, key) == 0)
            return true;
    }
    return false;
}

bool command_measure(const struct command_options *options, measure_job run, const struct job *job,
                     enum measure_end end, bool check, double *values)
{
    double ignored[MEASURE_VALUES_MAX];
    bool good = measure_in_child(run, job, end, values);

    if (good && check)
        good = measure_in_child(job_check, job, MEASURE_END_EXIT, ignored);
    for (size_t i = 0; i < MEASURE_VALUES_MAX && !good; i++)
        values[i] = (double)NAN;
    if (!options->keep)
        job->peer->remove(job->path);
    return good;
}
