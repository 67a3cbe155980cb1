/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/workload.h - the rows that every system stores, and the digest that proves they came back.
 *
 * "cpu-only": one row each 10 s, its timestamp off by up to 20 ms, and ten float64 columns:
 *   a  random walks in [0, 100], rounded to integers
 *   b  the same walks, rounded to two decimals
 *   c  25 + sin(row * 0.01 + column): smooth, all 53 bits in use
 * Three small ones, with the single column `value` and one row a second: sin, mod (row mod 100) and
 * walk (two decimals), for the sizes of closed files.
 *
 * Rows live in shared anonymous memory, made once a process: child processes see them without a
 * copy, and they count neither as anonymous memory nor as disk traffic of the system under test.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#define WORKLOAD_COLUMNS_MAX 10
#define WORKLOAD_FIRST_TS    INT64_C(1451606400000) /* 2016-01-01 */
#define WORKLOAD_STEP_MS     INT64_C(10000)
#define WORKLOAD_JITTER_MS   INT64_C(20)

enum workload_kind {
    WORKLOAD_INTEGERS = 'a',
    WORKLOAD_DECIMALS = 'b',
    WORKLOAD_SINES = 'c',
    WORKLOAD_SMALL_SINE = 's',
    WORKLOAD_SMALL_MOD = 'm',
    WORKLOAD_SMALL_WALK = 'w',
};

/* Columnar rows: ts[row], columns[column][row]. */
struct workload {
    size_t row_count;
    size_t column_count;
    const int64_t *ts;
    const double *columns[WORKLOAD_COLUMNS_MAX];
};

/* Row-major rows: ts[row], values[row * column_count + column]. */
struct workload_rows {
    size_t row_count;
    size_t column_count;
    const int64_t *ts;
    const double *values;
};

/* What a reader saw. Sums are those of the bit patterns, modulo 2^64: exact, the same in any order
 * of rows, different if a value lands in another column, and cheap beside decoding. */
struct digest {
    uint64_t row_count;
    uint64_t ts_sum;
    uint64_t column_sums[WORKLOAD_COLUMNS_MAX];
};

/* At least `row_count` rows of `kind`. Made at the first call and kept until the process ends. */
const struct workload *workload_get(enum workload_kind kind, size_t row_count);

/* The first rows and columns of `workload` row by row; kept until the process ends. */
void workload_transpose(const struct workload *workload, size_t row_count, size_t column_count,
                        struct workload_rows *rows_out);

/* Adds rows to `digest`; columns[i][row] goes to column sum i. */
void digest_add(struct digest *digest, size_t row_count, const int64_t *ts,
                const double *const *columns, size_t column_count);

/* What a reader of rows [first, first + row_count) and of the given columns must see. */
struct digest workload_digest(const struct workload *workload, size_t first, size_t row_count,
                              const size_t *column_indexes, size_t column_count);

#endif
