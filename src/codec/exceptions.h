/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/exceptions.h - values that a transform to numbers n / 10^k does not give back, beside the
 * numbers.
 *
 *   flags of the control byte            bytes behind it
 *   EXCEPTIONS                           m | m positions | m values, 8 bytes each
 *   EXCEPTIONS, PACKED                   m | size | positions | size | values
 *                                             vectors of m i64, with their codec bytes; sizes are
 *                                             varints
 *   EXCEPTIONS, PACKED, DIFFERENCES      the same, but what is to be added to the bits of n / 10^k
 *
 *   m        1..count; it and plain positions take 1 byte each if count <= 256, else 2
 *   positions  rise
 *   values   the bits of the doubles
 *
 * Two kinds of exceptions are frequent. NaN where a reading is missing: equal values, and positions
 * in runs. And readings that arithmetic has moved: 1.8659999999999999, where 1.866 was meant, is
 * the next double; its number is kept, and the difference is -1. All others get the number before
 * them, or the first good one, so that their slots cost nothing.
 * Pure; any thread, one scratch a thread. Bytes are untrusted. Tests: unit/test_exceptions.c.
 */
#ifndef NTS_EXCEPTIONS_H
#define NTS_EXCEPTIONS_H

#include <stdbool.h>

#include "codec/codec.h"

#define NTS_EXCEPTIONS_FLAG        0x80u
#define NTS_EXCEPTIONS_PACKED      0x40u
#define NTS_EXCEPTIONS_DIFFERENCES 0x20u
#define NTS_EXCEPTIONS_FLAGS       0xE0u

/* More than this and the writer does without the transform. */
#define NTS_EXCEPTIONS_COUNT_MAX(count) (1 + (count) / 2)

struct nts_exceptions {
    size_t count;
    size_t size;    /* bytes behind the control byte */
    unsigned flags; /* of the control byte */
    uint16_t positions[NTS_VECTOR_ROWS + 1];
};

/* A number whose fraction n / scale differs by so many steps of a double is kept. */
#define NTS_EXCEPTIONS_NEAR 64u

/* Lists and plans the exceptions that a of the scratch marks with 1, wrong_count of them. Numbers
 * that are far off become those before. False if there are too many exceptions. Uses a, b
 * and c of the scratch; what is packed lies there until the vector is written. */
bool nts_exceptions_plan(struct nts_exceptions *out, struct nts_codec_scratch *scratch,
                         uint64_t *numbers, size_t wrong_count, const double *src, size_t count,
                         double scale);

/* Writes out->size bytes; returns the byte after. */
uint8_t *nts_exceptions_write(uint8_t *dst, const struct nts_exceptions *exceptions,
                              const struct nts_codec_scratch *scratch, const double *src,
                              size_t count);

/* What was read; positions and values are in the scratch. */
struct nts_exceptions_read {
    size_t count;
    bool are_differences;
};

/* Reads what follows a control byte with these flags. Returns the byte after; NULL if corrupt. */
const uint8_t *nts_exceptions_read(struct nts_exceptions_read *out,
                                   struct nts_codec_scratch *scratch, unsigned flags, size_t count,
                                   const uint8_t *at, const uint8_t *end);

/* Puts them in their places. */
void nts_exceptions_apply(double *dst, const struct nts_exceptions_read *exceptions,
                          const struct nts_codec_scratch *scratch);

#endif
