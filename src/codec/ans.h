/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/ans.h - symbols in about as many bits as they are worth: tabled asymmetric numeral systems.
 *
 *   +----------------------+----------------------------------------------+
 *   | first state of lanes | bits that the steps take, lanes in turn      |
 *   | 0..3: log bits each  |                                              |  lowest bit first
 *   +----------------------+----------------------------------------------+
 *
 *   lane 0: symbols 0 .. q - 1;  lane 1: q .. 2q - 1;  ...  q = ceil(count / 4)
 *
 *   step: entry = table[state of the lane]; its symbol comes out; state = entry.base + next
 *         entry.bit_count bits. A decoder makes q steps of all four lanes, and each must end in
 *         state 0. Symbols at count and behind mean nothing.
 *
 * The table has 2^log entries. Symbol s has frequency[s] >= 1 of them; they sum to 2^log. Walk the
 * symbols in order, and give each so many entries: the first is entry 0, and each next one lies
 * step = 5 * 2^log / 8 + 3 further on, modulo 2^log. Then, in order of the table, the k-th entry of
 * a symbol has x = frequency + k, bit_count = log - floor(log2 x), base = x * 2^bit_count - 2^log.
 *
 * Pure; tables belong to one thread while they are made. Bytes and frequencies that are read are
 * untrusted. Tests: unit/test_ans.c.
 * After: J. Duda, Asymmetric numeral systems, arXiv:1311.2540; Y. Collet, Finite State Entropy.
 */
#ifndef NTS_ANS_H
#define NTS_ANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTS_ANS_LOG_MIN     5u
#define NTS_ANS_LOG_MAX     11u
#define NTS_ANS_STATES_MAX  (1u << NTS_ANS_LOG_MAX)
#define NTS_ANS_SYMBOLS_MAX 256u
#define NTS_ANS_LANES       4u
/* Bytes of the widest stream of one vector, words of a writer included. */
#define NTS_ANS_SIZE_MAX(count) (((count) + 7) * NTS_ANS_LOG_MAX / 8 + 16)

struct nts_ans_entry {
    uint16_t base;
    uint8_t bit_count;
    uint8_t symbol;
};

/* Fills 2^log entries. False if the frequencies of [0, symbol_count) are no such table; log within
 * NTS_ANS_LOG_MIN..MAX. */
bool nts_ans_table(struct nts_ans_entry *table, const uint16_t *frequencies, size_t symbol_count,
                   unsigned log);

/* Symbols to dst, which has room for 4q. Returns the bytes that the stream takes of
 * src[0..src_size), SIZE_MAX if it is corrupt. */
size_t nts_ans_read(uint8_t *dst, const struct nts_ans_entry *table, unsigned log, size_t count,
                    const uint8_t *src, size_t src_size);

struct nts_ans_encoder {
    unsigned log;
    uint8_t filler; /* the cheapest symbol, for what is behind count */
    struct {
        uint32_t bits;  /* (state + bits) >> 16 is how many bits leave */
        uint32_t state; /* added to what is left, the place in states */
    } steps[NTS_ANS_SYMBOLS_MAX];
    uint16_t states[NTS_ANS_STATES_MAX];
};

/* Shares 2^log among symbols by their counts, at least 1 each, symbol_count <= 2^log. */
void nts_ans_share(uint16_t *frequencies, const uint32_t *counts, size_t symbol_count,
                   unsigned log);

void nts_ans_encoder_init(struct nts_ans_encoder *encoder, const uint16_t *frequencies,
                          size_t symbol_count, unsigned log);

/* Writes the stream of symbols[0..count), 1 <= count <= NTS_VECTOR_ROWS; dst has room for
 * NTS_ANS_SIZE_MAX. Returns the byte after. */
uint8_t *nts_ans_encode(uint8_t *dst, const struct nts_ans_encoder *encoder, const uint8_t *symbols,
                        size_t count);

#endif
