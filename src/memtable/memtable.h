/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memtable/memtable.h - rows of one table that are in the WAL and not yet in a segment.
 *
 *   chunk 0      chunk 1              chunk 2                                 16, 32, 64 ... rows
 *   +----------+ +------------------+ +------------------------------------+
 *   | ts  x 16 | | ts x 32          | | ts x 64                            |     slots of 8 bytes
 *   | col 0    | | col 0            | | col 0                              |     one block a chunk; the
 *   | col 1    | | col 1            | | col 1                              |     first lies beside it
 *   | present  | | present          | | present                            |     a byte a row for each
 *   +----------+ +------------------+ +------------------------------------+     nullable column
 *                                          ^ row_count
 *   text:  [u32 size | bytes][u32 size | bytes] ...  -->  larger block  -->  ...
 *
 * A slot holds the bits of a value: f64 and i64 as they are, i32 with its sign, f32 as its low
 * half, bool as 0 or 1, utf8 as the address of a string in `text`, or 0 for one without bytes. A
 * null has slot 0. That a row is present is a byte and no bit, so that the writer never touches
 * memory that a reader of earlier rows looks at.
 *
 * Chunks and text never move, and a row never changes once it is counted: a reader that took
 * `visible_rows` under the engine's write lock may read that many rows without a lock, while more
 * are appended. Rows are in order of arrival; `sorted` says whether that is the order of time too.
 *
 * Writing and the counts are guarded by the engine's write lock. Counted: table and snapshots hold
 * it. Tests: unit/test_memtable.c, unit/test_memtable_gather.c.
 */
#ifndef NTS_MEMTABLE_H
#define NTS_MEMTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "format/table_def.h"
#include "util/alloc.h"
#include "util/column.h"
#include "util/refcount.h"

#define NTS_MEMTABLE_CHUNK_ROWS 16u
#define NTS_MEMTABLE_CHUNKS_MAX 28u
#define NTS_MEMTABLE_SPARE_MIN  (64u << 10)
#define NTS_MEMTABLE_SPARE_MAX  (16u << 20)

/* Blocks of memtables that are gone, for those to come: the pages of fresh memory cost more than
 * what is stored in them. The newest block of each place in a memtable is kept, small ones are
 * not, and no more than NTS_MEMTABLE_SPARE_MAX bytes. Guarded by a lock of its owner. */
struct nts_memtable_spare {
    size_t bytes;
    struct {
        int64_t *block; /* or NULL */
        size_t size;
    } chunks[NTS_MEMTABLE_CHUNKS_MAX];
};

/* A block of strings; only the newest takes more. */
struct nts_memtable_text {
    struct nts_memtable_text *next; /* older */
    size_t used;
    size_t size;
    uint8_t bytes[];
};

struct nts_memtable {
    struct nts_refcount refs;
    const struct nanots_allocator *alloc;
    const struct nts_table_def *def;
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
    bool is_plain;       /* as in def */
    uint32_t text_count; /* columns of strings */
    uint32_t chunk_count;
    struct nts_memtable_text *text;   /* or NULL */
    struct nts_memtable_spare *spare; /* where blocks come from, or NULL */
    size_t bytes;                     /* allocated */
    int64_t *chunks[NTS_MEMTABLE_CHUNKS_MAX];
};

/* An empty one for rows of `def`, which outlives it. NULL if out of memory. */
NTS_CHECKED struct nts_memtable *nts_memtable_new(const struct nanots_allocator *alloc,
                                                  const struct nts_table_def *def);
struct nts_memtable *nts_memtable_ref(struct nts_memtable *memtable);
void nts_memtable_unref(struct nts_memtable *memtable);
/* The same with the lock that guards its spare blocks: its own join them if it goes. */
void nts_memtable_retire(struct nts_memtable *memtable);
void nts_memtable_spare_deinit(struct nts_memtable_spare *spare);

/* Whether nts_memtable_reserve has nothing to do. */
static inline bool nts_memtable_has_room(const struct nts_memtable *memtable, uint32_t row_count)
{
    return memtable->capacity - memtable->row_count >= row_count && memtable->text_count == 0;
}

/* Room for `row_count` more rows with `text_size` bytes in all their strings, so that appending
 * cannot fail. NO_MEMORY. */
NTS_CHECKED nanots_status nts_memtable_reserve(struct nts_memtable *memtable, uint32_t row_count,
                                               uint64_t text_size);

/* Appends the rows of a WAL payload (format/rows_payload.h), which is known to be right; room was
 * reserved. The first row's seq is first_seq. */
void nts_memtable_append(struct nts_memtable *memtable, const uint8_t *payload, uint32_t row_count,
                         uint64_t first_seq);
/* The same for rows of the first `column_count` columns: they are null in the others. */
void nts_memtable_append_columns(struct nts_memtable *memtable, const uint8_t *payload,
                                 uint32_t column_count, uint32_t row_count, uint64_t first_seq);

/* Smallest and greatest ts of the first `row_count` rows, which are one at least. */
void nts_memtable_time_range(const struct nts_memtable *memtable, uint32_t row_count,
                             int64_t *min_out, int64_t *max_out);

/* The order of the first `row_count` rows by (ts, arrival); release with nts_free. NO_MEMORY. */
NTS_CHECKED nanots_status nts_memtable_order(const struct nts_memtable *memtable,
                                             uint32_t row_count, uint32_t **order_out);

/* The longest run of rows from `row` on that lies in one chunk. */
struct nts_memtable_slice {
    const int64_t *ts;
    const int64_t *columns;  /* slots of column c begin at columns + c * stride */
    const uint8_t *validity; /* bytes of the n-th nullable column begin at validity + n * stride */
    size_t stride;
    uint32_t row_count;
};
struct nts_memtable_slice nts_memtable_slice(const struct nts_memtable *memtable, uint32_t row,
                                             uint32_t row_end);

/* ---- memtable_gather.c -------------------------------------------------------------------- */

/* Timestamps of rows [first, first + count) in the order of arrival or, if given, of `order`. */
void nts_memtable_gather_ts(const struct nts_memtable *memtable, const uint32_t *order,
                            uint32_t first, uint32_t count, int64_t *dst);
/* Their values in one column, as rows [at, at + count) of `dst`, which is of the column's type. In
 * a column that was added behind those of `def` they are null. TOO_BIG (more than 2 GiB of
 * strings), NO_MEMORY. */
NTS_CHECKED nanots_status nts_memtable_gather(const struct nts_memtable *memtable,
                                              const uint32_t *order, uint32_t first, uint32_t count,
                                              uint32_t column, struct nts_column_buffer *dst,
                                              size_t at, struct nanots_error *error);

#endif
