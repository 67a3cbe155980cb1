/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/dictionary.h - codec DICTIONARY: few different values, far apart.
 *
 *   +-----------+-------------------+---------------------------------+
 *   | E - 1     | codes             | the entries: a vector of E i64, |
 *   | u8        | packed(count, w)  | with its codec byte; to the end |
 *   +-----------+-------------------+---------------------------------+
 *
 *   2 <= E <= 256; w is the bit length of E - 1; codes < E; x[i] = entry[code[i]]
 *   the writer sorts the entries; they are written as codec/simple.h has it
 *
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_dictionary.c.
 */
#ifndef NTS_DICTIONARY_H
#define NTS_DICTIONARY_H

#include "codec/codec.h"
#include "codec/simple.h"

#define NTS_DICTIONARY_ENTRIES_MAX 256u

struct nts_dictionary_plan {
    size_t size; /* bytes of the body */
    size_t entry_count;
    struct nts_simple_plan entries;
};

/* Plans exactly, and leaves the entries in run_values and the codes in run_counts and b of the
 * scratch. False if there are more than `entries_max` different values, or one. Uses a, too. */
bool nts_dictionary_choose(struct nts_dictionary_plan *plan, struct nts_codec_scratch *scratch,
                           const uint64_t *src, size_t count, size_t entries_max);

/* Writes plan->size bytes of what choose has left there. Returns the byte after. */
uint8_t *nts_dictionary_write(uint8_t *dst, const struct nts_dictionary_plan *plan,
                              struct nts_codec_scratch *scratch, size_t count);

/* Reads a body that must fill src[0..src_size) exactly. */
NTS_CHECKED nanots_status nts_dictionary_read(uint64_t *dst, size_t count, const uint8_t *src,
                                              size_t src_size);

#endif
