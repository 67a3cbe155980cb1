/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/value_vector.h - one vector of a segment -> rows of a column of any type (SPEC.md 6.2).
 *
 *   rows       a b - c - d ...                 - is null
 *   validity   1 1 0 1 0 1 ...                 stored only if some rows are null and some are not
 *   dense      a b c d ...                     what the codecs see, and the zone map
 *
 *   +----------+-----------------+
 *   | validity | encoded values  |             either may be absent; both: a vector of size 0
 *   +----------+-----------------+
 *
 * No values are stored if there are none, or if all have the same bits: then the zone map's min is
 * their value (not for strings). Bytes given to decode may lie. Not shared between threads. Tests:
 * unit/test_value_vector.c, fuzz/fuzz_segment.c.
 */
#ifndef NTS_VALUE_VECTOR_H
#define NTS_VALUE_VECTOR_H

#include "codec/chunk.h"
#include "codec/strings.h"
#include "format/segment_layout.h"
#include "segment/zone_map.h"
#include "util/buf.h"
#include "util/column.h"

/* Working memory of one thread. */
struct nts_value_work {
    struct nts_index_work index;
    int64_t ints[NTS_VECTOR_ROWS];   /* dense values: i64, i32, bool */
    double doubles[NTS_VECTOR_ROWS]; /* f64, and f32 for the zone map */
    float floats[NTS_VECTOR_ROWS];   /* f32 */
    int32_t offsets[NTS_VECTOR_ROWS + 1];
    uint8_t validity[NTS_VECTOR_ROWS / 8];
    struct nts_buf text;              /* dense strings, where those of null rows lie between them */
    struct nts_strings_work *strings; /* large: made when the first strings come */
    const struct nanots_allocator *alloc;
};

void nts_value_work_init(struct nts_value_work *work, const struct nanots_allocator *alloc);
void nts_value_work_deinit(struct nts_value_work *work);

/* Makes room for strings; NO_MEMORY without a sentence. */
NTS_CHECKED nanots_status nts_value_work_need_strings(struct nts_value_work *work);

/* The zone map of these rows, for whoever compares. */
NTS_CHECKED nanots_status nts_value_vector_zone(struct nts_value_work *work,
                                                const struct nts_column *column, size_t row,
                                                size_t count, struct nts_zone *zone,
                                                struct nanots_error *error);

/* What the index knows of a vector, and the head of its chunk; NULL: it has none. */
struct nts_value_shape {
    size_t count;
    size_t null_count;
    uint64_t min;
    const struct nts_chunk_model *model;
};

/* Decodes to rows [at, at + shape->count) of `dst`, which has room for NTS_VECTOR_ROWS rows from
 * `at` on. CORRUPT without a sentence; UNSUPPORTED if the strings need zstd and there is none. */
NTS_CHECKED nanots_status nts_value_vector_decode(struct nts_value_work *work,
                                                  const struct nts_value_shape *shape,
                                                  const uint8_t *src, size_t src_size,
                                                  struct nts_column_buffer *dst, size_t at,
                                                  struct nanots_error *error);

/* The codec of a vector's values, as statistics count it; CONSTANT if they are derived. CORRUPT. */
NTS_CHECKED nanots_status nts_value_vector_codec(struct nts_value_work *work, unsigned type,
                                                 const struct nts_value_shape *shape,
                                                 const uint8_t *src, size_t src_size,
                                                 unsigned *codec_out);

/* Bytes of the strings of a vector of utf8, without decoding them. CORRUPT. */
NTS_CHECKED nanots_status nts_value_vector_text(struct nts_value_work *work,
                                                const struct nts_value_shape *shape,
                                                const uint8_t *src, size_t src_size,
                                                uint64_t *bytes_out);

#endif
