/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command.h - the subcommands: which jobs make which figures. */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include "job.h"
#include "measure.h"
#include "peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_PEERS_MAX 8
#define COMMAND_PATH_SIZE 4096

struct command_options {
    size_t row_count;
    size_t column_count; /* profile */
    size_t run_count;
    const char *dir;
    bool quick; /* fewer rows for the slow systems too */
    bool keep;  /* leave the files in `dir` */
    bool json;
    const char *series_dir; /* codecs */
    const char *plot_path;  /* codecs; NULL: no picture */
    const struct peer *peers[COMMAND_PEERS_MAX];
    size_t peer_count;
};

/* `dir`/`name`, valid until the next call. */
const char *command_path(const struct command_options *options, const char *name);

/* The smaller of a system's own number of rows and that of the options. */
size_t command_rows(const struct command_options *options, size_t peer_rows);

/* True if the systems chosen include the one of this key; it need not be built in. */
bool command_has(const struct command_options *options, const char *key);

/* Runs `run` in a child and, if `check`, proves the file in another, then removes the file unless
 * told to keep it. False if either failed; `values` are then NAN. */
bool command_measure(const struct command_options *options, measure_job run, const struct job *job,
                     enum measure_end end, bool check, double *values);

/* Bits a value and speed of every codec on the columns of `series_dir`. */
void command_codecs(const struct command_options *options);

void command_arrow(const struct command_options *options);
void command_ingest(const struct command_options *options);
void command_query(const struct command_options *options);
void command_open(const struct command_options *options);

/* Removes the files that query and open share, unless told to keep them. */
void command_query_clean(const struct command_options *options);

void command_size(const struct command_options *options);
void command_tables(const struct command_options *options);
void command_upkeep(const struct command_options *options);

/* Row appends beside four processes that refresh and query. */
void command_readers(const struct command_options *options);

/* Row appends to NanoTS in this process and nothing else: for perf, callgrind and the instruction
 * counter. */
void command_profile(const struct command_options *options);

#endif
