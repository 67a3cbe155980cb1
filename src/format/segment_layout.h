/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/segment_layout.h - header, footer and column indexes of a segment (SPEC.md 6).
 *
 *   0          80                                   footer_off                             size
 *   +----------+-----------------------------------+---------------------------------------+
 *   | header   | group 0: ts, col 0, col 1 ... | . | footer head | definition | index ts | index 0 ..
 *   +----------+-----------------------------------+---------------------------------------+
 *   index: u32 size | chunk_off[G] | segments with heads: head_size[G] | vector_size[V] | min[V]
 *                   | max[V]
 *                   | nullable: null_count[V] | f64, f32: nan_count[V]
 *                   | not ts, not utf8: sum[G] | first[G] | last[G] |  checksums, 8 bytes each
 *   each array: u16 size, then an encoded vector
 *
 * Column 0 is the timestamp, value column c is c + 1. Bytes given to decode may lie.
 * Pure but for the allocator; any thread. Tests: unit/test_segment_layout.c, fuzz/fuzz_segment.c.
 */
#ifndef NTS_SEGMENT_LAYOUT_H
#define NTS_SEGMENT_LAYOUT_H

#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"
#include "codec/codec.h"
#include "format/table_def.h"
#include "util/alloc.h"
#include "util/buf.h"

#define NTS_SEGMENT_HEADER_SIZE 80u
#define NTS_FOOTER_HEAD_SIZE    32u

/* Of a segment; the same in its header and in its entry. */
#define NTS_SEGMENT_PACKED 1u /* written for size: the tier of codec/chunk.h */
#define NTS_SEGMENT_HEADS  2u /* chunks may begin with a head, and indexes say how long it is */
#define NTS_SEGMENT_FLAGS  3u

struct nts_segment_header {
    uint64_t segment_id;
    uint64_t size;
    uint64_t footer_off;
    uint64_t footer_checksum;
    uint32_t table_id;
    uint32_t row_count;
    uint64_t seq_first;
    uint64_t seq_last;
    uint64_t flags; /* NTS_SEGMENT_* */
};

void nts_segment_header_encode(const struct nts_segment_header *header,
                               uint8_t bytes[NTS_SEGMENT_HEADER_SIZE]);
NTS_CHECKED bool nts_segment_header_decode(const uint8_t bytes[NTS_SEGMENT_HEADER_SIZE],
                                           struct nts_segment_header *header);

uint64_t nts_footer_checksum(const uint8_t *footer, size_t size, uint64_t segment_id);
uint64_t nts_chunk_checksum(const uint8_t *chunk, size_t size, size_t chunk_index);

struct nts_footer {
    int64_t ts_min;
    int64_t ts_max;
    uint64_t file_seed;
    uint32_t column_count;
    const uint8_t *definition;
    uint32_t definition_size;
    const uint8_t *indexes;
    size_t indexes_size;
};

/* Appends the head and the definition; indexes follow. */
NTS_CHECKED nanots_status nts_footer_put_head(struct nts_buf *buf, const struct nts_footer *footer);
NTS_CHECKED bool nts_footer_decode(const uint8_t *bytes, size_t size, struct nts_footer *footer);

/* Which arrays an index has, and whether its bounds are f64 or i64: f64 for f64 and f32; i64 for
 * ts, i64, i32, bool and, as the order of their first bytes, utf8. */
struct nts_index_kind {
    uint8_t type; /* nanots_type; NTS_TYPE_TIME for the timestamp column */
    bool nullable;
    bool has_heads; /* of the segment's flags */
};
#define NTS_TYPE_TIME 0u

static inline struct nts_index_kind nts_index_kind_of_time(void)
{
    const struct nts_index_kind kind = {NTS_TYPE_TIME, false, false};
    return kind;
}

/* Of a segment's column: 0 is the timestamp, c the value column c - 1 of `def`; `flags` are the
 * segment's. */
static inline struct nts_index_kind nts_index_kind_of(const struct nts_table_def *def,
                                                      uint32_t column, uint64_t flags)
{
    struct nts_index_kind kind = nts_index_kind_of_time();
    kind.has_heads = (flags & NTS_SEGMENT_HEADS) != 0;
    if (column != 0) {
        kind.type = def->columns[column - 1].type;
        kind.nullable = nts_column_is_nullable(&def->columns[column - 1]);
    }
    return kind;
}

/* The zone maps and places of one column of one segment, decoded; one allocation. */
struct nts_column_index {
    uint32_t row_count;
    uint32_t vector_count;
    uint32_t group_count;
    struct nts_index_kind kind;
    uint64_t *chunk_off;      /* [group] from the segment's start */
    uint64_t *chunk_size;     /* [group] head included */
    uint64_t *chunk_checksum; /* [group], meaningless where the chunk is empty */
    uint64_t *min;            /* [vector] bits of an i64 or f64 */
    uint64_t *max;            /* [vector] */
    uint64_t *sum;            /* [group] bits; not of ts and utf8, as the next two */
    uint64_t *first;          /* [group] bits of the first value that is not null */
    uint64_t *last;           /* [group] */
    uint32_t *head_size;      /* [group] bytes at the chunk's start that its vectors share */
    uint32_t *vector_off;     /* [vector] in its chunk */
    uint32_t *vector_size;    /* [vector] 0: derived from min, max and null_count */
    uint16_t *nan_count;      /* [vector] f64 and f32 */
    uint16_t *null_count;     /* [vector] */
};

static inline bool nts_index_is_float(struct nts_index_kind kind)
{
    return kind.type == NANOTS_TYPE_F64 || kind.type == NANOTS_TYPE_F32;
}

/* Whether the index has sum, first and last. */
static inline bool nts_index_has_sum(struct nts_index_kind kind)
{
    return kind.type != NTS_TYPE_TIME && kind.type != NANOTS_TYPE_UTF8;
}

static inline uint32_t nts_vector_count(uint32_t row_count)
{
    return (row_count + NTS_VECTOR_ROWS - 1) / NTS_VECTOR_ROWS;
}

static inline uint32_t nts_group_count(uint32_t row_count)
{
    return (row_count + NTS_GROUP_ROWS - 1) / NTS_GROUP_ROWS;
}

/* Rows of vector `vector` in a segment of `row_count` rows. */
static inline uint32_t nts_vector_rows(uint32_t row_count, uint32_t vector)
{
    const uint32_t before = vector * NTS_VECTOR_ROWS;
    return row_count - before < NTS_VECTOR_ROWS ? row_count - before : NTS_VECTOR_ROWS;
}

/* An index of `row_count` rows with all arrays allocated and zero; release with nts_free. */
NTS_CHECKED struct nts_column_index *nts_column_index_new(const struct nanots_allocator *alloc,
                                                          uint32_t row_count,
                                                          struct nts_index_kind kind);

/* Makes it the empty index of a segment of `row_count` rows; false if the arrays do not fit those.
 * */
NTS_CHECKED bool nts_column_index_reset(struct nts_column_index *index, uint32_t row_count,
                                        struct nts_index_kind kind);

/* Working memory for coding index arrays. */
struct nts_index_work {
    struct nts_codec_scratch scratch;
    int64_t ints[NTS_VECTOR_ROWS];
    double floats[NTS_VECTOR_ROWS];
};

NTS_CHECKED nanots_status nts_column_index_encode(struct nts_index_work *work,
                                                  const struct nts_column_index *index,
                                                  struct nts_buf *buf);

/* Finds the index of `column` among footer->indexes. False if the bytes end before. */
NTS_CHECKED bool nts_footer_find_index(const struct nts_footer *footer, uint32_t column,
                                       const uint8_t **bytes_out, size_t *size_out);

/* Decodes one index into `index` (from nts_column_index_new) and checks that every chunk lies in
 * [NTS_SEGMENT_HEADER_SIZE, footer_off). CORRUPT without a sentence: the caller knows the names. */
NTS_CHECKED nanots_status nts_column_index_decode(struct nts_index_work *work,
                                                  struct nts_column_index *index,
                                                  const uint8_t *bytes, size_t size,
                                                  uint64_t footer_off);

#endif
