/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/segment_layout.h - header, footer and column indexes of a segment (SPEC.md 6).
 *
 *   0          80                                   footer_off                             size
 *   +----------+-----------------------------------+---------------------------------------+
 *   | header   | group 0: ts, col 0, col 1 ... | . | footer head | definition | index ts | index 0 ..
 *   +----------+-----------------------------------+---------------------------------------+
 *   index: u32 size | chunk_off[G] | vector_size[V] | min[V] | max[V]
 *                   | f64 only: nan_count[V] | sum[G] | first[G] | last[G] |  checksums, 8 bytes each
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
#include "util/alloc.h"
#include "util/buf.h"

#define NTS_SEGMENT_HEADER_SIZE 80u
#define NTS_FOOTER_HEAD_SIZE    32u

struct nts_segment_header {
    uint64_t segment_id;
    uint64_t size;
    uint64_t footer_off;
    uint64_t footer_checksum;
    uint32_t table_id;
    uint32_t row_count;
    uint64_t seq_first;
    uint64_t seq_last;
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

/* The zone maps and places of one column of one segment, decoded; one allocation. */
struct nts_column_index {
    uint32_t row_count;
    uint32_t vector_count;
    uint32_t group_count;
    bool is_time;
    uint64_t *chunk_off;      /* [group] from the segment's start */
    uint64_t *chunk_size;     /* [group] */
    uint64_t *chunk_checksum; /* [group], meaningless where the chunk is empty */
    uint64_t *min;            /* [vector] bits of an i64 or f64 */
    uint64_t *max;            /* [vector] */
    double *sum;              /* [group]; f64 columns only, as are the next two and nan_count */
    double *first;            /* [group] */
    double *last;             /* [group] */
    uint32_t *vector_off;     /* [vector] in its chunk */
    uint16_t *vector_size;    /* [vector] 0: derived from min and max */
    uint16_t *nan_count;      /* [vector] */
};

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
                                                          uint32_t row_count, bool is_time);

/* Makes it the empty index of a segment of `row_count` rows; false if the arrays do not fit those.
 * */
NTS_CHECKED bool nts_column_index_reset(struct nts_column_index *index, uint32_t row_count);

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
