/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/figures.c - see figures.h: means, tables, JSON. */
#include "codecs/figures.h"

#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Every member of struct codec_figures, for what is done to each alike. */
#define MEMBER_COUNT (sizeof(struct codec_figures) / sizeof(double))

static double figures_member(const struct codec_figures *figures, size_t index)
{
    double members[MEMBER_COUNT];

    memcpy(members, figures, sizeof members);
    return members[index];
}

static double figures_log_sum(const struct figures *figures, int kind, size_t codec, size_t member)
{
    double sum = 0.0;

    for (size_t i = 0; i < figures->series_count; i++) {
        const struct series_figures *of = &figures->series[i];

        if (of->series->count > 0 && (kind == FIGURES_ANY_KIND || (int)of->series->kind == kind))
            sum += log(figures_member(&of->codecs[codec], member));
    }
    return sum;
}

struct series_figures figures_mean(const struct figures *figures, int kind, size_t *count_out)
{
    struct series_figures mean = {.duckdb_bits_per_value = 0.0};
    double duckdb_sum = 0.0;
    double count = 0.0;

    *count_out = 0;
    for (size_t i = 0; i < figures->series_count; i++) {
        const struct series_figures *of = &figures->series[i];

        if (of->series->count == 0 || (kind != FIGURES_ANY_KIND && (int)of->series->kind != kind))
            continue;
        duckdb_sum += log(of->duckdb_bits_per_value);
        (*count_out)++;
    }
    count = (double)*count_out; /* 0: all means are NAN */
    mean.duckdb_bits_per_value = exp(duckdb_sum / count);
    for (size_t codec = 0; codec < CODEC_COUNT; codec++) {
        double members[MEMBER_COUNT];

        for (size_t member = 0; member < MEMBER_COUNT; member++)
            members[member] = exp(figures_log_sum(figures, kind, codec, member) / count);
        memcpy(&mean.codecs[codec], members, sizeof members);
    }
    return mean;
}

/* ---- tables ------------------------------------------------------------------------------- */

static void figures_print_number(int width, int decimals, double value)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, decimals, value);
}

static int figures_speed_decimals(double gbps)
{
    return gbps < 9.995 ? 2 : 1;
}

static void figures_print_codec(const struct codec *codec, const struct codec_figures *figures)
{
    printf("  %-16s", codec->name);
    figures_print_number(10, 3, figures->bits_per_value);
    figures_print_number(10, figures_speed_decimals(figures->encode_gbps), figures->encode_gbps);
    figures_print_number(10, figures_speed_decimals(figures->decode_gbps), figures->decode_gbps);
    figures_print_number(10, 1, figures->encode_instructions);
    figures_print_number(10, 1, figures->decode_instructions);
    putchar('\n');
}

static void figures_print_table(const struct series_figures *figures)
{
    printf("  %-16s %10s %10s %10s %10s %10s\n", "", "bits/value", "enc GB/s", "dec GB/s",
           "enc instr", "dec instr");
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        if (codec_missing(&codec_list[i]) == NULL)
            figures_print_codec(&codec_list[i], &figures->codecs[i]);
    }
    if (!isnan(figures->duckdb_bits_per_value))
        printf("  %-16s %10.3f\n", "DuckDB file", figures->duckdb_bits_per_value);
}

static void figures_print_mean(const struct figures *figures, int kind, const char *of)
{
    size_t count;
    struct series_figures mean = figures_mean(figures, kind, &count);

    if (count == 0)
        return;
    printf("\nGeometric means over %zu series%s\n", count, of);
    figures_print_table(&mean);
}

void figures_print(const struct figures *figures)
{
    for (size_t i = 0; i < figures->series_count; i++) {
        const struct series_figures *of = &figures->series[i];

        printf("\n%s, %zu values\n", of->series->name, of->series->count);
        if (of->series->count > 0)
            figures_print_table(of);
    }
    figures_print_mean(figures, SERIES_F64, " of float64");
    figures_print_mean(figures, SERIES_I64, " of int64");
    figures_print_mean(figures, FIGURES_ANY_KIND, "");
    if (!isnan(figures->duckdb_bits_per_value))
        printf("\nAll columns in one DuckDB file: %.3f bits/value\n",
               figures->duckdb_bits_per_value);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void figures_json_number(const char *before, double value)
{
    if (isnan(value))
        printf("%snull", before);
    else
        printf("%s%.9g", before, value);
}

static void figures_json_codec(const struct codec *codec, const struct codec_figures *figures)
{
    printf("\"%s\": {", codec->key);
    figures_json_number("\"bits_per_value\": ", figures->bits_per_value);
    figures_json_number(", \"encode_gbps\": ", figures->encode_gbps);
    figures_json_number(", \"decode_gbps\": ", figures->decode_gbps);
    figures_json_number(", \"instructions_per_value\": {\"encode\": ",
                        figures->encode_instructions);
    figures_json_number(", \"decode\": ", figures->decode_instructions);
    putchar('}');
    putchar('}');
}

static void figures_json_codecs(const struct series_figures *figures, const char *indent)
{
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        printf("%s%s", i == 0 ? "" : ",", indent);
        figures_json_codec(&codec_list[i], &figures->codecs[i]);
    }
}

static void figures_json_mean(const char *name, const struct figures *figures, int kind)
{
    size_t count;
    struct series_figures mean = figures_mean(figures, kind, &count);

    printf("  \"%s\": {\"series_count\": %zu, ", name, count);
    figures_json_number("\"duckdb_bits_per_value\": ", mean.duckdb_bits_per_value);
    putchar(',');
    figures_json_codecs(&mean, "\n    ");
    printf("\n  },\n");
}

void figures_print_json(const struct figures *figures)
{
    printf("{\n  \"series\": [");
    for (size_t i = 0; i < figures->series_count; i++) {
        const struct series_figures *of = &figures->series[i];

        printf("%s\n    {\"name\": ", i == 0 ? "" : ",");
        report_json_string(of->series->name);
        printf(", \"count\": %zu, ", of->series->count);
        figures_json_number("\"duckdb_bits_per_value\": ", of->duckdb_bits_per_value);
        printf(", \"codecs\": {");
        figures_json_codecs(of, "\n      ");
        printf("\n    }}");
    }
    printf("\n  ],\n");
    figures_json_mean("geomean", figures, FIGURES_ANY_KIND);
    figures_json_mean("geomean_float64", figures, SERIES_F64);
    figures_json_mean("geomean_int64", figures, SERIES_I64);
    figures_json_number("  \"duckdb_bits_per_value\": ", figures->duckdb_bits_per_value);
    printf("\n}\n");
}
