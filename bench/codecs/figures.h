/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/figures.h - what was measured of every codec on every series, and how it is shown:
 * as tables, as JSON (docs/benchmarks.md), as a picture.
 */
#ifndef BENCH_CODECS_FIGURES_H
#define BENCH_CODECS_FIGURES_H

#include "codecs/codec_table.h"

/* NAN: not measured. Gigabytes a second are those of the values, 8 bytes each. */
struct codec_figures {
    double bits_per_value;
    double encode_gbps;
    double decode_gbps;
    double encode_instructions; /* a value */
    double decode_instructions;
};

struct series_figures {
    const struct series *series;
    struct codec_figures codecs[CODEC_COUNT]; /* in the order of codec_list */
    double duckdb_bits_per_value;             /* of a file with this column only */
};

struct figures {
    size_t series_count;
    struct series_figures *series;
    double duckdb_bits_per_value; /* of one file with all columns */
};

#define FIGURES_ANY_KIND (-1)

/* Geometric means over the series of a kind that are not empty, and the number of these. NAN where
 * a series has no figure. */
struct series_figures figures_mean(const struct figures *figures, int kind, size_t *count_out);

void figures_print(const struct figures *figures);
void figures_print_json(const struct figures *figures);

/* Bits a value against the speed of decoding, geometric means, as SVG; dies if it cannot. */
void figures_plot(const struct figures *figures, const char *path);

#endif
