/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/workload.c - makes the rows of workload.h; the same numbers on every run and machine. */
#include "workload.h"

#include "measure.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586

/* xorshift64: the walks of one workload draw from one stream, row by row. */
static uint64_t workload_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One step of standard normal size (Box and Muller). */
static double workload_normal(uint64_t *state)
{
    double u = (double)((workload_random(state) >> 11) + 1) * 0x1p-53;
    double v = (double)(workload_random(state) >> 11) * 0x1p-53;

    return sqrt(-2.0 * log(u)) * cos(TWO_PI * v);
}

static void workload_fill_wide(enum workload_kind kind, size_t row_count, int64_t *ts,
                               double *const *columns)
{
    uint64_t state = UINT64_C(88172645463325252);
    double walk[WORKLOAD_COLUMNS_MAX];

    for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++)
        walk[i] = (double)(workload_random(&state) % 100);
    for (size_t row = 0; row < row_count; row++) {
        uint64_t spread = 2 * WORKLOAD_JITTER_MS + 1;
        int64_t jitter = (int64_t)(workload_random(&state) % spread) - WORKLOAD_JITTER_MS;

        ts[row] = WORKLOAD_FIRST_TS + (int64_t)row * WORKLOAD_STEP_MS + jitter;
        for (size_t i = 0; i < WORKLOAD_COLUMNS_MAX; i++) {
            if (kind == WORKLOAD_SINES) {
                columns[i][row] = 25.0 + sin((double)row * 0.01 + (double)i);
                continue;
            }
            walk[i] = fmin(fmax(walk[i] + workload_normal(&state), 0.0), 100.0);
            columns[i][row] = kind == WORKLOAD_INTEGERS ? rint(walk[i]) : rint(walk[i] * 100) / 100;
        }
    }
}

static void workload_fill_small(enum workload_kind kind, size_t row_count, int64_t *ts,
                                double *values)
{
    uint64_t state = UINT64_C(88172645463325252);
    double walk = 50.0;

    for (size_t row = 0; row < row_count; row++) {
        ts[row] = WORKLOAD_FIRST_TS + (int64_t)row * 1000;
        if (kind == WORKLOAD_SMALL_SINE) {
            values[row] = 25.0 + sin((double)row * 0.01);
        } else if (kind == WORKLOAD_SMALL_MOD) {
            values[row] = (double)(row % 100);
        } else {
            walk += workload_normal(&state) * 0.1;
            values[row] = rint(walk * 100) / 100;
        }
    }
}

const struct workload *workload_get(enum workload_kind kind, size_t row_count)
{
    static struct workload made['z' + 1];
    struct workload *workload = &made[kind];
    double *columns[WORKLOAD_COLUMNS_MAX] = {NULL};
    int64_t *ts;
    int wide = kind == WORKLOAD_INTEGERS || kind == WORKLOAD_DECIMALS || kind == WORKLOAD_SINES;

    if (workload->row_count >= row_count)
        return workload;
    workload->row_count = row_count;
    workload->column_count = wide ? WORKLOAD_COLUMNS_MAX : 1;
    ts = measure_shared_memory(row_count * sizeof *ts);
    workload->ts = ts;
    for (size_t i = 0; i < workload->column_count; i++) {
        columns[i] = measure_shared_memory(row_count * sizeof *columns[i]);
        workload->columns[i] = columns[i];
    }
    if (wide)
        workload_fill_wide(kind, row_count, ts, columns);
    else
        workload_fill_small(kind, row_count, ts, columns[0]);
    return workload;
}

void workload_transpose(const struct workload *workload, size_t row_count, size_t column_count,
                        struct workload_rows *rows_out)
{
    double *values = measure_shared_memory(row_count * column_count * sizeof *values);

    for (size_t row = 0; row < row_count; row++) {
        for (size_t i = 0; i < column_count; i++)
            values[row * column_count + i] = workload->columns[i][row];
    }
    rows_out->row_count = row_count;
    rows_out->column_count = column_count;
    rows_out->ts = workload->ts;
    rows_out->values = values;
}

static uint64_t digest_sum(const void *words, size_t count)
{
    const unsigned char *bytes = words;
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t word;

        memcpy(&word, bytes + i * sizeof word, sizeof word);
        sum += word;
    }
    return sum;
}

void digest_add(struct digest *digest, size_t row_count, const int64_t *ts,
                const double *const *columns, size_t column_count)
{
    digest->row_count += row_count;
    digest->ts_sum += digest_sum(ts, row_count);
    for (size_t i = 0; i < column_count; i++)
        digest->column_sums[i] += digest_sum(columns[i], row_count);
}

struct digest workload_digest(const struct workload *workload, size_t first, size_t row_count,
                              const size_t *column_indexes, size_t column_count)
{
    const double *columns[WORKLOAD_COLUMNS_MAX];
    struct digest digest = {0};

    for (size_t i = 0; i < column_count; i++)
        columns[i] = workload->columns[column_indexes[i]] + first;
    digest_add(&digest, row_count, workload->ts + first, columns, column_count);
    return digest;
}
