/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/dense.h - the rows of a vector that have a value, one beside the other.
 *
 *   rows    a b - c - d ...        - is null
 *   dense   a b c d ...            what the codecs see, and the zone map
 *
 * Integers of all types and booleans become i64; floats stay, with their doubles beside them for
 * the zone map. Where nothing is in between and nothing is converted, the column itself is used.
 * Pure but for the allocator of the text; one room a thread. Tests: unit/test_value_vector.c.
 */
#ifndef NTS_DENSE_H
#define NTS_DENSE_H

#include "segment/zone_map.h"
#include "util/buf.h"
#include "util/column.h"

/* Where values go that cannot stay; each has room for one vector. */
struct nts_dense_room {
    int64_t *ints;
    double *doubles;
    float *floats;
    int32_t *offsets;     /* one more than a vector */
    struct nts_buf *text; /* strings, where those of null rows lie between them */
};

/* Points into the column or into the room. */
struct nts_dense {
    size_t count;
    const int64_t *ints;
    const double *doubles;
    const float *floats; /* f32, whose doubles are for the zone map */
    const uint8_t *text;
    const int32_t *offsets;
};

/* Of rows [row, row + count), of which null_count are null. NO_MEMORY for text, without a sentence.
 */
NTS_CHECKED nanots_status nts_dense_gather(const struct nts_dense_room *room,
                                           const struct nts_column *column, size_t row,
                                           size_t count, size_t null_count,
                                           struct nts_dense *dense);

/* Their zone map; `null_count` is for it to tell. */
void nts_dense_zone(const struct nts_dense *dense, size_t null_count, struct nts_zone *zone);

#endif
