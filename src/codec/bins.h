/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bins.h - numbers in bins: which bin, and how far from its lower end. Bins of few or many
 * numbers alike cost little when the first is entropy coded (codec/ans.h) and the second packed.
 *
 *   sorted keys --> cuts at quantiles and around runs --> bins joined where that costs less
 *
 *   |  bin 0    | bin 1 |2|    bin 3        |     each of 2^width numbers from its lower end on;
 *   +-----------+-------+-+-----------------+     what width they need is a power of two
 *
 * As bytes, fields of codec/bit_stream.h, lowest bit first:
 *
 *   +--------+--------+ +---------------+--------------------+-------+
 *   | last   | log    | | frequency - 1 | distance           | width | ...
 *   | 8 bits | 4 bits | | 4 + n bits    | unary, n bits      | unary |    of each bin
 *   +--------+--------+ +---------------+--------------------+-------+
 *                         if log is not 0  not of the first
 *
 *   last       bins less 1, 0..254
 *   log        of the table, codec/ans.h; 0 if there is one bin
 *   frequency  the length of frequency - 1 in bits, then it without its top bit
 *   distance   from the lower end before to this one: length in bits, then it without its top bit
 *   width      0..64
 *
 *   Length of distance and width are zigzag(what they are more than the width before) in unary: so
 *   many ones, and a zero. The width before the first is 0. The first lower end is 0.
 *
 * Numbers are unsigned, of 64 bits. Pure; any thread. Bytes are untrusted. Tests: unit/test_bins.c.
 * After: M. Loncaric, pcodec (quantile bins); Duda (as codec/ans.h).
 */
#ifndef NTS_BINS_H
#define NTS_BINS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "codec/ans.h"
#include "codec/dispatch.h"

#define NTS_BINS_MAX 255u
/* Bytes of the bins, words of a writer included. */
#define NTS_BINS_SIZE_MAX (16u + NTS_BINS_MAX * 44u)

struct nts_bins {
    unsigned count;
    unsigned log; /* of the table; 0 if there is one bin */
    uint8_t width_max;
    uint8_t widths[NTS_BINS_MAX + 1];
    uint16_t frequencies[NTS_BINS_MAX + 1];
    uint64_t lowers[NTS_BINS_MAX + 1];
};

/* Keys order numbers by how far above or below a middle they are: to the unit within 2^16 of it, to
 * 16 bits beyond. So bins are sharp where most numbers are, and sorting takes two steps. */
#define NTS_BINS_KEY_BITS  22u
#define NTS_BINS_KEY_EXACT 16u

static inline uint32_t nts_bins_key(uint64_t number, uint64_t middle)
{
    const bool is_below = number < middle;
    const uint64_t far = is_below ? middle - number : number - middle;
    const unsigned length = nts_bit_length(far);
    const unsigned lost = length > NTS_BINS_KEY_EXACT ? length - NTS_BINS_KEY_EXACT : 0;
    const uint32_t key = (lost << (NTS_BINS_KEY_EXACT - 1)) + (uint32_t)(far >> lost);
    const uint32_t half = 1u << (NTS_BINS_KEY_BITS - 1);

    return is_below ? half - 1 - key : half + key;
}

/* The least and the greatest number of a key. */
struct nts_range nts_bins_key_range(uint32_t key, uint64_t middle);

/* Keys of numbers, sorted; the least number is 0. */
struct nts_bins_input {
    const uint32_t *keys;
    size_t count; /* at least 1 */
    uint64_t middle;
    uint32_t weight;      /* how many numbers each stands for: 1, or more for a sample */
    uint32_t piece_count; /* they are cut into, NTS_BINS_PIECES_MAX at most */
};

#define NTS_BINS_PIECES_MAX 120u

/* About how many bits the numbers that the input stands for, and their bins, take, in 256ths. */
uint64_t nts_bins_cost(const struct nts_bins_input *input);

/* Makes the lower ends of bins. */
void nts_bins_plan(struct nts_bins *bins, const struct nts_bins_input *input);

/* Makes the rest, from all numbers that bins hold: how many there are in each, and the OR of their
 * distances from its lower end. */
void nts_bins_fit(struct nts_bins *bins, const uint32_t *counts, const uint64_t *distances);

/* About how many bytes that comes to, the bins included. */
size_t nts_bins_size(const struct nts_bins *bins, const uint32_t *counts);

/* Returns the byte after, NTS_BINS_SIZE_MAX at most; words are written. */
uint8_t *nts_bins_write(uint8_t *dst, const struct nts_bins *bins);

/* Reads bins that fill src[0..src_size) exactly. False if they are corrupt. */
bool nts_bins_read(struct nts_bins *bins, const uint8_t *src, size_t src_size);

#endif
