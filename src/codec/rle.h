/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/rle.h - codec RLE: runs of values with equal bits.
 *
 *   +-----------+---------------------------+---------------------------------+
 *   | run count | lengths of all runs but   | values of the runs: a vector of |
 *   | varint    | the last, codec/patched.h | run count values, with its      |
 *   |           | block of run count - 1    | codec byte; to the end          |
 *   +-----------+---------------------------+---------------------------------+
 *
 *   2 <= run count <= count / 2; lengths >= 1; the last run takes the rest, >= 1
 *   the values may have any codec of the column's type but RLE
 *
 * This file splits and expands runs; codec.c writes and reads the nested vector.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_rle.c.
 */
#ifndef NTS_RLE_H
#define NTS_RLE_H

#include "codec/codec.h"
#include "codec/patched.h"

/* Splits src[0..count) into runs, up to count / 2 of them, in run_values and run_counts of the
 * scratch. Returns their number, 0 if there are more. */
size_t nts_rle_split(struct nts_codec_scratch *scratch, const uint64_t *src, size_t count);

/* Plans the lengths of run_count >= 2 runs; *size_out is the size of run count and lengths. */
struct nts_patched_plan nts_rle_choose(const struct nts_codec_scratch *scratch, size_t run_count,
                                       size_t *size_out);

/* Writes run count and lengths. Uses c of the scratch. Returns the byte after. */
uint8_t *nts_rle_write(uint8_t *dst, const struct nts_patched_plan *plan,
                       struct nts_codec_scratch *scratch, size_t run_count);

/* Reads run count and lengths of `count` values to run_counts, last run included. Returns the byte
 * after, NULL if corrupt. */
const uint8_t *nts_rle_read(struct nts_codec_scratch *scratch, size_t count, size_t *run_count_out,
                            const uint8_t *at, const uint8_t *end);

/* dst = run_values, each as often as run_counts says. */
void nts_rle_expand(uint64_t *dst, const struct nts_codec_scratch *scratch, size_t run_count);

#endif
