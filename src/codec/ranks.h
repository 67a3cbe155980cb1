/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/ranks.h - codec RANKS: the doubles of a chunk have few different values; its head holds
 * them in order, and its vectors say which.
 *
 * part of the head:
 *   +---------+-------------+----------------+-------------+-- - -
 *   | entries | size varint | vector of f64, | size varint | as many vectors as the entries fill,
 *   | varint  |             | without RANKS  |             | 1024 in each but the last
 *   +---------+-------------+----------------+-------------+-- - -
 * vector:
 *   +---------------------------------------------+
 *   | vector of i64, with its codec byte, to the  |   value i is entry number n[i], from 0
 *   | end; any codec of i64                       |
 *   +---------------------------------------------+
 *
 *   entries  1..8192; the writer's rise in the order of codec/ordered.h, so that ranks do as the
 *            values do, and differences of ranks are small where those of values are
 *
 * A converter of 12 bits has 4096 readings, whatever gain and offset make of them; a float that was
 * widened has no more than it had. Neither is short as a decimal or in binary.
 *
 * A table is the writer's and belongs to one thread; ranks are the reader's. Bytes are untrusted:
 * the entries of a head take 64 KiB at most.
 * Tests: unit/test_ranks.c.
 */
#ifndef NTS_RANKS_H
#define NTS_RANKS_H

#include <stdbool.h>

#include "codec/codec.h"
#include "util/alloc.h"

#define NTS_RANKS_COUNT_MAX  8192u
#define NTS_RANKS_VECTOR_MAX (NTS_RANKS_COUNT_MAX / NTS_VECTOR_ROWS)

/* Upper bound of the part of the head. */
#define NTS_RANKS_SIZE_MAX (2u + NTS_RANKS_VECTOR_MAX * (2u + 1u + 8u * NTS_VECTOR_ROWS))

struct nts_ranks_table;

/* NULL if out of memory; release with nts_free. */
NTS_CHECKED struct nts_ranks_table *nts_ranks_table_new(const struct nanots_allocator *alloc);

/* Forgets all values; adds those of src. False if there are more different ones than a table
 * holds; it is of no use then. */
void nts_ranks_clear(struct nts_ranks_table *table);
bool nts_ranks_add(struct nts_ranks_table *table, const double *src, size_t count);

/* How many different values there are. */
size_t nts_ranks_count(const struct nts_ranks_table *table);

/* Orders the values. Nothing may be added before the next clear. */
void nts_ranks_sort(struct nts_ranks_table *table);

/* The ranks of values. False, and dst unspecified, if one is not in the sorted table. */
bool nts_ranks_from_f64(uint64_t *dst, const struct nts_ranks_table *table, const double *src,
                        size_t count);

/* Writes the part of the head, if it is smaller than size_max; dst has room for NTS_RANKS_SIZE_MAX
 * bytes. Uses all of the scratch. Returns its size; 0 if it is not smaller. */
size_t nts_ranks_write(uint8_t *dst, size_t size_max, const struct nts_ranks_table *table,
                       struct nts_codec_scratch *scratch);

/* The entries of a chunk, as its vectors want them. */
struct nts_ranks {
    size_t count;
    double entries[];
};

/* Reads a part that must fill src[0..src_size). CORRUPT, NO_MEMORY. Release with nts_free. */
NTS_CHECKED nanots_status nts_ranks_read(struct nts_ranks **out,
                                         const struct nanots_allocator *alloc,
                                         struct nts_codec_scratch *scratch, const uint8_t *src,
                                         size_t src_size);

/* The values of ranks. CORRUPT if a rank has no entry. */
NTS_CHECKED nanots_status nts_ranks_to_f64(double *dst, const struct nts_ranks *ranks,
                                           const uint64_t *src, size_t count);

#endif
