/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/float_series.h - doubles as sensors, prices and simulations give them, at random: the
 * kinds of series that the codecs of doubles are for, and those that are nobody's friend. */
#ifndef FLOAT_SERIES_H
#define FLOAT_SERIES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "support/seed.h"

enum float_series_kind {
    FLOAT_SERIES_INTEGERS,   /* a walk */
    FLOAT_SERIES_DECIMALS,   /* a walk of 1 to 9 digits behind the point */
    FLOAT_SERIES_WIDENED,    /* decimals of 2 digits as float, widened */
    FLOAT_SERIES_COUNTS,     /* counts of a converter times a gain of many digits */
    FLOAT_SERIES_CONVERTED,  /* the same plus an offset, rounded to 2 to 5 digits */
    FLOAT_SERIES_SMOOTH,     /* a sine */
    FLOAT_SERIES_STEPS,      /* a noisy value, held for a while */
    FLOAT_SERIES_BURSTS,     /* few decimals, and sometimes anything */
    FLOAT_SERIES_ISLANDS,    /* decimals, with runs of NaNs of several payloads */
    FLOAT_SERIES_RANDOM,     /* in [1, 2), all 52 bits */
    FLOAT_SERIES_MAGNITUDES, /* many sizes, both signs */
    FLOAT_SERIES_BITS,       /* any bits: NaNs, infinities, -0.0, subnormals among them */
    FLOAT_SERIES_KIND_COUNT
};

static inline double float_series_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double float_series_odd(uint64_t random)
{
    static const uint64_t odd[] = {0x7FF8000000000000u, 0x7FF8000000000001u, 0xFFF0000000000123u,
                                   0x7FF4DEADBEEF0000u, 0x7FF0000000000000u, 0xFFF0000000000000u,
                                   0x8000000000000000u, 0x0000000000000001u, 0x800FFFFFFFFFFFFFu,
                                   0x3FD5555555555555u, 0x7FEFFFFFFFFFFFFFu, 0xFFFFFFFFFFFFFFFFu};
    return float_series_of_bits(odd[random % (sizeof odd / sizeof odd[0])]);
}

/* What does not change within one series. */
struct float_series {
    int64_t n; /* a walk */
    double scale;
    double gain;
    double offset;
    double held;
};

static inline double float_series_next(struct float_series *series, enum float_series_kind kind,
                                       size_t i, uint64_t random)
{
    const uint64_t other = random >> 32;

    series->n += (int64_t)(random % 41) - 20;
    switch (kind) {
    case FLOAT_SERIES_INTEGERS:
        return (double)series->n;
    case FLOAT_SERIES_DECIMALS:
        return (double)series->n / series->scale;
    case FLOAT_SERIES_WIDENED:
        return (double)(float)((float)series->n / 100.0f); /* s390x divides doubles */
    case FLOAT_SERIES_COUNTS:
        return (double)series->n * series->gain;
    case FLOAT_SERIES_CONVERTED:
        return rint(((double)series->n * series->gain + series->offset) * series->scale) /
               series->scale;
    case FLOAT_SERIES_SMOOTH:
        return 25.0 + sin((double)i * 0.01 + series->offset);
    case FLOAT_SERIES_STEPS:
        series->held = other % 50 == 0 ? (double)(random >> 11) * 0x1p-53 : series->held;
        return series->held;
    case FLOAT_SERIES_BURSTS:
        return other % 40 == 0 ? float_series_of_bits(random) : (double)(random % 64) / 8.0;
    case FLOAT_SERIES_ISLANDS:
        return i / 16 % 5 == 0 ? float_series_odd(i / 16 + other % 2)
                               : (double)series->n / series->scale;
    case FLOAT_SERIES_RANDOM:
        return 1.0 + (double)(random >> 11) * 0x1p-53;
    case FLOAT_SERIES_MAGNITUDES:
        return ldexp((double)(int64_t)random, -(int)(other % 120));
    default:
        return other % 4 == 0 ? float_series_odd(other / 4) : float_series_of_bits(random);
    }
}

static inline void float_series_fill(double *dst, size_t count, enum float_series_kind kind,
                                     uint64_t *seed)
{
    static const double scales[] = {1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const uint64_t random = seed_next(seed);
    struct float_series series = {
        .n = (int64_t)(random % 200000) - 50000,
        .scale = scales[kind == FLOAT_SERIES_CONVERTED ? 1 + random % 4 : random % 9],
        .gain = 0.3 + (double)(random >> 40) / 3e6,
        .offset = (double)(random >> 50) - 5000.0 / 3.0,
        .held = 21.7,
    };

    for (size_t i = 0; i < count; i++)
        dst[i] = float_series_next(&series, kind, i, seed_next(seed));
}

#endif
