/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/transform.h - doubles <-> integers, for the codecs of integers to store.
 *
 *   doubles --> find, or apply --> integers, in scratch->values --> codec of integers
 *                    |
 *                    +-----------> head: codec byte, parameters, exceptions
 *
 *   +-------+----------------------------+---------------------------------------------+
 *   | codec | parameters and exceptions, | vector of i64, with its codec byte, to the  |
 *   | u8    | as the codec's file says   | end                                         |
 *   +-------+----------------------------+---------------------------------------------+
 *
 *   INTEGER   nothing                       codec/integer.h    all must be integers
 *   DECIMAL   digits, and exceptions        codec/decimal.h    most must be decimals
 *   MULTIPLE  a lattice, and the same       codec/lattice.h    decimals, all on the lattice
 *   ORDERED   zero bits at the bottom       codec/ordered.h    every double
 *   RANKS     nothing; a part of the head   codec/ranks.h      all must be in the chunk's table
 *
 * HOT finds the transform of each vector; PACKED chooses one for a chunk, applies it to each vector
 * of it, and codes the integers of all alike. A vector to which it does not apply is written as in
 * HOT. Either way the bytes are those drawn above, and are read in the same way.
 *
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_transform.c.
 */
#ifndef NTS_TRANSFORM_H
#define NTS_TRANSFORM_H

#include "codec/decimal.h"
#include "codec/lattice.h"
#include "codec/ranks.h"

struct nts_chunk_vector;

struct nts_transform {
    enum nts_codec_id codec;
    uint8_t digits;                      /* of DECIMAL */
    uint8_t zeros;                       /* of ORDERED */
    struct nts_lattice lattice;          /* of MULTIPLE */
    const struct nts_ranks_table *ranks; /* of RANKS */
};

/* One vector of doubles, transformed; its integers are in values of the scratch. */
struct nts_transformed {
    struct nts_transform transform;
    size_t head_size; /* with the codec byte */
    struct nts_decimal_plan decimal;
};

/* Whether vectors of `codec` are heads with integers behind them. */
bool nts_transform_is(unsigned codec);

/* Finds the parameters of `codec`, not RANKS, that suit src[0..count) best, and applies them. False
 * if the codec is not for these values; integers are unspecified then. Uses all of the scratch. */
bool nts_transform_find(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                        enum nts_codec_id codec, const double *src, size_t count);

/* The same with parameters that are given. */
bool nts_transform_apply(struct nts_transformed *out, struct nts_codec_scratch *scratch,
                         const struct nts_transform *transform, const double *src, size_t count);

/* How many values are stored as exceptions, beside the integers. */
size_t nts_transform_exception_count(const struct nts_transformed *transformed);

/* Writes head_size bytes; returns the byte after, where the integers belong. `src` is the vector
 * that was transformed; the scratch still has its exceptions, which codecs of integers leave. */
uint8_t *nts_transform_write(uint8_t *dst, const struct nts_transformed *transformed,
                             const struct nts_codec_scratch *scratch, const double *src,
                             size_t count);

/* Chooses the transform that makes the vectors of a chunk of doubles smallest, by a sample of
 * them. It always gives one; it need not apply to each vector. RANKS is looked at if `table`, which
 * is overwritten, is not NULL; if it is chosen, the part of the head is written to `part`, which
 * has room for NTS_RANKS_SIZE_MAX bytes, and *part_size_out is its size, else 0. Uses all of the
 * scratch. */
void nts_transform_choose(struct nts_transform *out, struct nts_codec_scratch *scratch,
                          const struct nts_chunk_vector *vectors, size_t vector_count,
                          struct nts_ranks_table *table, uint8_t *part, size_t *part_size_out);

/* Whether values of a chunk come back often enough for RANKS. Overwrites the table. */
bool nts_transform_has_repeats(const struct nts_chunk_vector *vectors, size_t vector_count,
                               struct nts_ranks_table *table);

/* A head as it lies in the bytes. */
struct nts_transform_head {
    enum nts_codec_id codec;
    unsigned zeros;
    struct nts_decimal_head decimal;
    struct nts_lattice lattice;
    const struct nts_ranks *ranks;
};

/* Reads the head at the codec byte; `ranks` are those of the chunk, NULL if it has none. Returns
 * the byte after, where the integers begin; NULL if it is corrupt, or no head. */
const uint8_t *nts_transform_read(struct nts_transform_head *head,
                                  struct nts_codec_scratch *scratch, const struct nts_ranks *ranks,
                                  size_t count, const uint8_t *at, const uint8_t *end);

/* Turns integers back into doubles, and puts the exceptions, which the scratch still has, in their
 * places. dst and src do not overlap. */
NTS_CHECKED nanots_status nts_transform_invert(double *dst, const struct nts_transform_head *head,
                                               struct nts_codec_scratch *scratch,
                                               const uint64_t *src, size_t count);

#endif
