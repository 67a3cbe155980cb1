/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/binned.h - codec BINNED: what a predictor errs by, in bins. The smallest codec of integers,
 * for chunks of tier PACKED: its vectors share a model.
 *
 *   integers --> origin, divisor --> predictor --> errors --> bins (codec/bins.h) --> codec/ans.h
 *
 * The model, a part of the chunk's head:
 *
 *   +----------------+------------+------------------------+----------------+-----------------+
 *   | origin         | divisor g  | predictor              | least error    | bins            |
 *   | zigzag varint  | varint     | codec/predict.h        | zigzag varint  | codec/bins.h    |
 *   +----------------+------------+------------------------+----------------+-----------------+
 *
 * The body of a vector, to its end:
 *
 *   +- - - - - - - - +----------+- - - - - - - - - - - - - -+---------------------------------+
 *   | base           | w starts | bins of count - w errors  | offsets in their bins, each as  |
 *   | zigzag varint, | zigzag   | codec/ans.h; if there are | wide as its bin, lowest bit     |
 *   | if there are   | varints  | two bins and more         | first; padded with zeros        |
 *   | taps           |          |                           |                                 |
 *   +- - - - - - - - +----------+- - - - - - - - - - - - - -+---------------------------------+
 *
 *   error = base + least error + lower end of the bin + offset;   count > w
 *   x[i] = origin + g * (what codec/predict.h makes of starts and errors), modulo 2^64;  g >= 1
 *
 * An encoder and a model are memory of one thread. Bytes are untrusted. Tests: unit/test_binned.c.
 */
#ifndef NTS_BINNED_H
#define NTS_BINNED_H

#include "codec/bins.h"
#include "codec/codec.h"
#include "codec/predict.h"

/* Fewer values have no model. */
#define NTS_BINNED_COUNT_MIN 512u
/* Bytes of the model, words of a writer included. */
#define NTS_BINNED_MODEL_SIZE_MAX (NTS_BINS_SIZE_MAX + 100u)
/* Bytes that writing a vector may touch, before it is known to be small. */
#define NTS_BINNED_VECTOR_SIZE_MAX (10 * 8 + 12 * NTS_VECTOR_ROWS + 64)

/* Equal parts of the range of keys, to find bins by. */
#define NTS_BINNED_CELLS (1u << 12)

/* What makes the model of a chunk, and vectors by it. About 290 KiB. */
struct nts_binned_encoder {
    uint64_t origin;
    uint64_t divisor;
    uint64_t least; /* error */
    struct nts_predictor predictor;
    struct nts_bins bins;
    struct nts_ans_encoder ans;
    size_t next; /* of errors, the first that is not written */
    size_t next_vector;
    uint64_t bases[NTS_GROUP_VECTORS]; /* of vectors, where there are taps: the mean error */
    uint64_t errors[NTS_GROUP_ROWS];   /* less the least one */
    uint8_t symbols[NTS_GROUP_ROWS];   /* their bins */
    /* While the model is made. */
    uint64_t room[NTS_VECTOR_ROWS];
    uint32_t keys[NTS_GROUP_ROWS];
    uint32_t spare[NTS_GROUP_ROWS];
    uint8_t guesses[NTS_BINNED_CELLS + 1]; /* bin of the least error of each cell, and one more */
};

/* A vector of integers of the chunk. */
struct nts_binned_vector {
    const uint64_t *values;
    size_t count;
};

/* Makes the model of a chunk from vectors[0..vector_count), at most NTS_GROUP_VECTORS. Returns
 * about how many bytes model and vectors come to; SIZE_MAX if there are too few values for one. */
size_t nts_binned_fit(struct nts_binned_encoder *encoder, const struct nts_binned_vector *vectors,
                      size_t vector_count);

/* What the model speaks of: the values less the origin, divided; in `room` if that changes them. */
const uint64_t *nts_binned_numbers(uint64_t *room, const struct nts_binned_encoder *encoder,
                                   const struct nts_binned_vector *vector);

/* Returns the byte after the model. */
uint8_t *nts_binned_write_model(uint8_t *dst, const struct nts_binned_encoder *encoder);

/* Writes the body of the next of the vectors that the model is made from. Returns the byte after;
 * NULL for a vector with so few values that another codec must take it. */
uint8_t *nts_binned_write(uint8_t *dst, struct nts_binned_encoder *encoder,
                          const struct nts_binned_vector *vector);

/* A model as decoders want it. */
struct nts_binned_model {
    uint64_t origin;
    uint64_t divisor;
    struct nts_predictor predictor;
    struct nts_bins bins; /* lower ends with the least error added */
    struct nts_ans_entry table[NTS_ANS_STATES_MAX];
};

/* Reads a model that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_binned_read_model(struct nts_binned_model *model, const uint8_t *src,
                                                size_t src_size);

/* Reads a body that must fill src[0..src_size) exactly. dst has room for NTS_VECTOR_ROWS. */
NTS_CHECKED nanots_status nts_binned_read(const struct nts_binned_model *model, uint64_t *dst,
                                          size_t count, const uint8_t *src, size_t src_size);

#endif
