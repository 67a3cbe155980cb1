/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/peer.c - the list of systems and what their readers share. */
#include "peer.h"

#define LANES 8

const struct peer *const peer_list[] = {
    &peer_nanots,
#ifdef BENCH_WITH_LMDB
    &peer_lmdb,
#endif
#ifdef BENCH_WITH_SQLITE
    &peer_sqlite,
#endif
    &peer_duckdb, NULL,
};

void peer_block_flush(struct peer_block *block, size_t column_count, struct digest *digest)
{
    const double *columns[WORKLOAD_COLUMNS_MAX];

    for (size_t i = 0; i < column_count; i++)
        columns[i] = block->columns[i];
    digest_add(digest, block->row_count, block->ts, columns, column_count);
    block->row_count = 0;
}

/* Independent lanes let the compiler use vector instructions, since it may not reorder sums. */
void peer_aggregate_add(struct peer_aggregate *aggregate, const double *values, size_t count)
{
    double min[LANES];
    double max[LANES];
    double sum[LANES] = {0};
    size_t i = 0;

    for (size_t lane = 0; lane < LANES; lane++) {
        min[lane] = aggregate->min;
        max[lane] = aggregate->max;
    }
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            double value = values[i + lane];

            min[lane] = value < min[lane] ? value : min[lane];
            max[lane] = value > max[lane] ? value : max[lane];
            sum[lane] += value;
        }
    }
    for (; i < count; i++) {
        min[0] = values[i] < min[0] ? values[i] : min[0];
        max[0] = values[i] > max[0] ? values[i] : max[0];
        sum[0] += values[i];
    }
    for (size_t lane = 0; lane < LANES; lane++) {
        aggregate->min = min[lane] < aggregate->min ? min[lane] : aggregate->min;
        aggregate->max = max[lane] > aggregate->max ? max[lane] : aggregate->max;
        aggregate->sum += sum[lane];
    }
    aggregate->count += count;
}
