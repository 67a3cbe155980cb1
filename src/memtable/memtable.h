/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memtable/memtable.h - rows of one table that are in the WAL and not yet in a segment.
 *
 *   chunk 0      chunk 1              chunk 2                                    16, 32, 64 ...
 * rows
 *   +----------+ +------------------+ +------------------------------------+
 *   | ts  x 16 | | ts x 32          | | ts x 64                            |
 *   | col 0    | | col 0            | | col 0                              |    an allocation a chunk; the
 *   | col 1    | | col 1            | | col 1                              |    first lies with the struct
 *   +----------+ +------------------+ +------------------------------------+
 *                                          ^ row_count
 *
 * Chunks never move, and a row never changes once it is counted: a reader that took `visible_rows`
 * under the engine's write lock may read that many rows without a lock, while more are appended.
 * Rows are in order of arrival; `sorted` says whether that is the order of time too.
 *
 * Writing and the counts are guarded by the engine's write lock. Counted: table and snapshots hold
 * it. Tests: unit/test_memtable.c.
 */
#ifndef NTS_MEMTABLE_H
#define NTS_MEMTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "util/alloc.h"
#include "util/refcount.h"

#define NTS_MEMTABLE_CHUNK_ROWS 16u
#define NTS_MEMTABLE_CHUNKS_MAX 28u

struct nts_memtable {
    struct nts_refcount refs;
    const struct nanots_allocator *alloc;
    uint32_t column_count;
    uint32_t row_count;
    uint32_t visible_rows; /* rows that readers may see: all, or in full sync mode those synced */
    uint32_t capacity;
    uint64_t seq_first; /* the rows' seqs lie in [seq_first, seq_last] and grow */
    uint64_t seq_last;
    int64_t ts_min;
    int64_t ts_max;
    int64_t ts_last;
    bool sorted;
    uint32_t chunk_count;
    size_t bytes; /* allocated */
    int64_t *chunks[NTS_MEMTABLE_CHUNKS_MAX];
};

NTS_CHECKED struct nts_memtable *nts_memtable_new(const struct nanots_allocator *alloc,
                                                  uint32_t column_count);
struct nts_memtable *nts_memtable_ref(struct nts_memtable *memtable);
void nts_memtable_unref(struct nts_memtable *memtable);

/* Room for `row_count` more rows, so that appending cannot fail. NO_MEMORY. */
NTS_CHECKED nanots_status nts_memtable_reserve(struct nts_memtable *memtable, uint32_t row_count);

/* Appends the rows of a WAL payload (little-endian ts array, then the columns' arrays); room was
 * reserved. The first row's seq is first_seq. */
void nts_memtable_append(struct nts_memtable *memtable, const uint8_t *payload, uint32_t row_count,
                         uint64_t first_seq);

/* The order of the first `row_count` rows by (ts, arrival); release with nts_free. NO_MEMORY. */
NTS_CHECKED nanots_status nts_memtable_order(const struct nts_memtable *memtable,
                                             uint32_t row_count, uint32_t **order_out);

/* The longest run of rows from `row` on that lies in one chunk. */
struct nts_memtable_slice {
    const int64_t *ts;
    const int64_t *columns; /* column c begins at columns + c * stride, bits of its type */
    size_t stride;
    uint32_t row_count;
};
struct nts_memtable_slice nts_memtable_slice(const struct nts_memtable *memtable, uint32_t row,
                                             uint32_t row_end);

#endif
