/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/value_chunk.h - rows of a column of any type -> one chunk of a segment (SPEC.md 6).
 *
 *   rows of a row group --> dense values of each vector --+--> zone map
 *                                                         +--> codec/chunk.h --> head, vectors
 *
 *   +------+ +----------+-----------------+ +----------+-----------------+
 *   | head | | validity | encoded values  | | validity | encoded values  | ...
 *   +------+ +----------+-----------------+ +----------+-----------------+
 *
 * Values that are all equal, or all null, are not stored: the zone map has them. Strings are
 * encoded vector by vector and share nothing. segment/value_vector.h reads a vector back. Not
 * shared between threads. Tests: unit/test_value_vector.c, unit/test_segment_writer.c.
 */
#ifndef NTS_VALUE_CHUNK_H
#define NTS_VALUE_CHUNK_H

#include "codec/chunk.h"
#include "segment/value_vector.h"

/* Working memory of a writer, beside that of its vectors. */
struct nts_value_chunk_work {
    struct nts_value_work *vectors;
    struct nts_chunk_encoder *encoder; /* both are made at first need */
    uint64_t *dense;                   /* [NTS_GROUP_ROWS] values that cannot stay in the column */
};

void nts_value_chunk_work_init(struct nts_value_chunk_work *work, struct nts_value_work *vectors);
void nts_value_chunk_work_deinit(struct nts_value_chunk_work *work);

/* What the index says of a chunk. */
struct nts_value_chunk {
    size_t size; /* head included */
    size_t head_size;
    size_t vector_size[NTS_GROUP_VECTORS];
    struct nts_zone zones[NTS_GROUP_VECTORS];
};

/* Upper bound of the bytes of rows [0, row_count), at most NTS_GROUP_ROWS; `column` NULL is ts. */
size_t nts_value_chunk_bound(const struct nts_column *column, size_t row_count);

/* Encodes rows [0, row_count) of the column to dst, which has room for the bound, and describes
 * them. NO_MEMORY. */
NTS_CHECKED nanots_status nts_value_chunk_encode(struct nts_value_chunk_work *work,
                                                 const struct nts_chunk_options *options,
                                                 const struct nts_column *column, size_t row_count,
                                                 uint8_t *dst, struct nts_value_chunk *chunk,
                                                 struct nanots_error *error);

/* The same for timestamps, which are sorted; vectors of one step are not stored. Zones have but
 * min and max. */
NTS_CHECKED nanots_status nts_time_chunk_encode(struct nts_value_chunk_work *work,
                                                const struct nts_chunk_options *options,
                                                const int64_t *ts, size_t row_count, uint8_t *dst,
                                                struct nts_value_chunk *chunk,
                                                struct nanots_error *error);

#endif
