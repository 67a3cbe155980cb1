/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/source.h - sorted rows in blocks: what a segment and a memtable look like to a scan.
 *
 *   blocks:   0          1          2          3         at most NTS_VECTOR_ROWS rows each
 *             |----------|----------|----------|-----|
 *                  ^ first row >= from    ^ last row <= to
 *
 * Blocks outside [from, to] are never touched. A scan enters one block after the other, in its
 * direction; entering decodes the timestamps, columns are decoded when asked for. Where damage is
 * to be left out, entering decodes all of them: a block that cannot be read is told (damage.h) and
 * has no rows. Not shared between threads. Tests: unit/test_source.c, model/.
 */
#ifndef NTS_SOURCE_H
#define NTS_SOURCE_H

#include "memtable/memtable.h"
#include "query/damage.h"
#include "segment/segment.h"

/* One of the two, with its place in the order of arrival. References are the source's. */
struct nts_source_spec {
    struct nts_segment *segment;
    struct nts_memtable *memtable;
    uint32_t visible_rows; /* of the memtable */
    bool sorted;           /* of the memtable, when the snapshot was taken */
    bool has_hidden; /* it has more rows than visible ones, and they may have ts_min, ts_max */
    int64_t ts_min;
    int64_t ts_max;
};

struct nts_source {
    const struct nanots_allocator *alloc;
    struct nts_source_spec spec;
    size_t rank; /* order of arrival among the sources */
    const struct nts_table_def *def;
    uint32_t column_count;
    const uint32_t *columns; /* value columns wanted (0-based) */
    struct nts_segment_reader *reader;
    struct nanots_damage_report *damage; /* where to tell what is left out; NULL: damage fails */
    uint32_t damaged_groups;             /* the last row group told, plus 1 */
    const struct nts_column_index *time; /* segment: index of ts */
    uint32_t *order;                     /* unsorted memtable: rows by time */
    uint32_t block_first;
    uint32_t block_end; /* one past the last */
    uint32_t row_total;

    bool is_open;
    uint32_t block;     /* entered */
    uint32_t row_count; /* of the block */
    uint32_t low;       /* rows [low, high) of the block lie in the range and are not consumed */
    uint32_t high;
    int64_t *ts;                       /* [NTS_VECTOR_ROWS], of the block */
    struct nts_column_buffer *buffers; /* [column_count] */
    bool *decoded;                     /* [column_count] whether the buffer has the block's rows */
};

/* Finds the blocks of [from, to]. The scratch arrays come when the first block is entered. Of a
 * segment that cannot be read at all and is to be left out there are none. */
NTS_CHECKED nanots_status nts_source_init(struct nts_source *source,
                                          const struct nts_source_spec *spec, int64_t from,
                                          int64_t to, struct nanots_error *error);
void nts_source_deinit(struct nts_source *source);

/* Rows that the source may give, at most. */
uint64_t nts_source_rows_max(const struct nts_source *source);

/* Enters a block and narrows [low, high) to the range. */
NTS_CHECKED nanots_status nts_source_enter(struct nts_source *source, uint32_t block, int64_t from,
                                           int64_t to, struct nanots_error *error);

/* The k-th wanted column of the block, decoded at most once. */
NTS_CHECKED nanots_status nts_source_column(struct nts_source *source, uint32_t k,
                                            struct nts_column *column_out,
                                            struct nanots_error *error);

/* Decodes the k-th wanted column of the whole block straight to rows [at, ..) of `dst`, which has
 * room for NTS_VECTOR_ROWS rows from there on. */
NTS_CHECKED nanots_status nts_source_column_to(struct nts_source *source, uint32_t k,
                                               struct nts_column_buffer *dst, size_t at,
                                               struct nanots_error *error);

#endif
