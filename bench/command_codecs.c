/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/command_codecs.c - every codec on every column of a folder: size, speed, instructions.
 *
 * One process, one core; round by round, codec after codec, so that what slows the machine for a
 * while slows all of them. A speed is that of the fastest call of all rounds: the one that other
 * work on the machine disturbed least.
 */
#include "codecs/codec_table.h"
#include "codecs/figures.h"
#include "codecs/series.h"
#include "command.h"
#include "peer_duckdb.h"
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_SECONDS   0.05
#define QUICK_SECONDS 0.001
#define VALUE_BYTES   8.0

/* The last codec may need what the first one said on standard error: notes come before figures. */
static void codecs_describe(void)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        const struct codec *codec = &codec_list[i];
        const char *missing = codec_missing(codec);

        if (missing != NULL)
            fprintf(stderr, "nanots-bench: without %s: %s\n", codec->name, missing);
        else if (codec->version != NULL)
            report_heading(codec->name, codec->version());
    }
}

static void codecs_no_figures(struct codec_figures *figures)
{
    figures->bits_per_value = (double)NAN;
    figures->encode_gbps = (double)NAN;
    figures->decode_gbps = (double)NAN;
    figures->encode_instructions = (double)NAN;
    figures->decode_instructions = (double)NAN;
}

static void codecs_sum_up(const struct series *series, const struct codec_run *best,
                          struct codec_figures *figures)
{
    double value_count = (double)series->count;
    double gigabytes = value_count * VALUE_BYTES * 1e-9;

    figures->bits_per_value = best->size_bytes * 8.0 / value_count;
    figures->encode_gbps = gigabytes / best->encode_s;
    figures->decode_gbps = gigabytes / best->decode_s;
    figures->encode_instructions = best->encode_instructions / value_count;
    figures->decode_instructions = best->decode_instructions / value_count;
}

/* Keeps the shortest times. */
static void codecs_keep_best(struct codec_run *best, const struct codec_run *run, bool is_first)
{
    double encode_s = best->encode_s;
    double decode_s = best->decode_s;

    *best = *run;
    if (is_first)
        return;
    best->encode_s = fmin(encode_s, run->encode_s);
    best->decode_s = fmin(decode_s, run->decode_s);
}

static void codecs_measure(const struct command_options *options, const struct series *series,
                           struct codec_figures *figures)
{
    double seconds = options->quick ? QUICK_SECONDS : RUN_SECONDS;
    struct codec_run best[CODEC_COUNT];

    for (size_t round = 0; round < options->run_count; round++) {
        for (size_t i = 0; i < CODEC_COUNT && series->count > 0; i++) {
            const struct codec *codec = &codec_list[i];
            struct codec_run run;

            if (codec_missing(codec) != NULL)
                continue;
            codec_measure(codec, series, seconds, &run);
            codecs_keep_best(&best[i], &run, round == 0);
        }
    }
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        if (series->count == 0 || codec_missing(&codec_list[i]) != NULL)
            codecs_no_figures(&figures[i]);
        else
            codecs_sum_up(series, &best[i], &figures[i]);
    }
}

/* ---- DuckDB ------------------------------------------------------------------------------- */

static double codecs_duckdb_bits(const char *path, const struct duckdb_column *columns,
                                 size_t column_count)
{
    size_t value_count = 0;

    for (size_t i = 0; i < column_count; i++)
        value_count += columns[i].count;
    if (value_count == 0)
        return (double)NAN;
    return (double)duckdb_columns_bytes(path, columns, column_count) * 8.0 / (double)value_count;
}

/* The file is in the folder for temporary ones: nothing is timed, only its length counts. */
static void codecs_measure_duckdb(struct figures *figures)
{
    const char *parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    struct duckdb_column *columns = calloc(figures->series_count, sizeof *columns);
    char folder[COMMAND_PATH_SIZE];
    char path[COMMAND_PATH_SIZE + 16];

    if (columns == NULL)
        die("no memory for %zu columns", figures->series_count);
    if ((size_t)snprintf(folder, sizeof folder, "%s/nanots-bench-XXXXXX", parent) >=
            sizeof folder ||
        mkdtemp(folder) == NULL)
        die("cannot make a folder in %s: %s", parent, strerror(errno));
    snprintf(path, sizeof path, "%s/columns.db", folder);
    for (size_t i = 0; i < figures->series_count; i++) {
        const struct series *series = figures->series[i].series;

        columns[i].type = series->kind == SERIES_F64 ? DUCKDB_TYPE_DOUBLE : DUCKDB_TYPE_BIGINT;
        columns[i].values = series->values;
        columns[i].count = series->count;
        figures->series[i].duckdb_bits_per_value = codecs_duckdb_bits(path, &columns[i], 1);
    }
    figures->duckdb_bits_per_value = codecs_duckdb_bits(path, columns, figures->series_count);
    rmdir(folder);
    free(columns);
}

void command_codecs(const struct command_options *options)
{
    struct figures figures = {.duckdb_bits_per_value = (double)NAN};
    struct series_list list;
    char why[128];
    bool has_duckdb;

    series_load_folder(options->series_dir, &list);
    codecs_describe();
    has_duckdb = peer_duckdb.probe(why, sizeof why);
    if (has_duckdb)
        report_heading(peer_duckdb.name, peer_duckdb.version());
    else
        fprintf(stderr, "nanots-bench: without DuckDB: %s\n", why);
    figures.series_count = list.count;
    figures.series = calloc(list.count, sizeof *figures.series);
    if (figures.series == NULL)
        die("no memory for %zu series", list.count);
    for (size_t i = 0; i < list.count; i++) {
        figures.series[i].series = &list.items[i];
        figures.series[i].duckdb_bits_per_value = (double)NAN;
        codecs_measure(options, &list.items[i], figures.series[i].codecs);
    }
    if (has_duckdb)
        codecs_measure_duckdb(&figures);
    if (options->json)
        figures_print_json(&figures);
    else
        figures_print(&figures);
    if (options->plot_path != NULL)
        figures_plot(&figures, options->plot_path);
    free(figures.series);
    series_free(&list);
}
