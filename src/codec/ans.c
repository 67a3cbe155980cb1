/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/ans.c - frequencies to tables, and symbols to bits; the way back is in binned_kernels.h. */
#include "codec/ans.h"

#include "base/check.h"
#include "base/limits.h"
#include "codec/bit_stream.h"
#include "codec/dispatch.h"

/* Which symbol each entry of a table has. */
static void ans_spread(uint8_t *dst, const uint16_t *frequencies, size_t symbol_count, unsigned log)
{
    const uint32_t mask = (1u << log) - 1;
    const uint32_t step = (1u << log) / 8 * 5 + 3;
    uint32_t at = 0;

    for (size_t s = 0; s < symbol_count; s++)
        for (unsigned k = 0; k < frequencies[s]; k++) {
            dst[at] = (uint8_t)s;
            at = (at + step) & mask;
        }
}

bool nts_ans_table(struct nts_ans_entry *table, const uint16_t *frequencies, size_t symbol_count,
                   unsigned log)
{
    uint8_t symbols[NTS_ANS_STATES_MAX];
    uint32_t next[NTS_ANS_SYMBOLS_MAX];
    const uint32_t size = 1u << log;
    uint32_t sum = 0;

    assert(log >= NTS_ANS_LOG_MIN);
    assert(log <= NTS_ANS_LOG_MAX);
    assert(symbol_count <= NTS_ANS_SYMBOLS_MAX);
    for (size_t s = 0; s < symbol_count; s++) {
        if (frequencies[s] == 0)
            return false;
        next[s] = frequencies[s];
        sum += frequencies[s];
    }
    if (sum != size)
        return false;
    ans_spread(symbols, frequencies, symbol_count, log);
    for (uint32_t i = 0; i < size; i++) {
        const uint32_t x = next[symbols[i]]++;
        const unsigned bit_count = log + 1 - nts_bit_length(x);
        table[i] = (struct nts_ans_entry){.base = (uint16_t)((x << bit_count) - size),
                                          .bit_count = (uint8_t)bit_count,
                                          .symbol = symbols[i]};
    }
    return true;
}

size_t nts_ans_read(uint8_t *dst, const struct nts_ans_entry *table, unsigned log, size_t count,
                    const uint8_t *src, size_t src_size)
{
    return nts_kernels()->ans_read(dst, table, log, count, src, src_size);
}

void nts_ans_share(uint16_t *frequencies, const uint32_t *counts, size_t symbol_count, unsigned log)
{
    const uint32_t size = 1u << log;
    uint64_t total = 0;
    uint32_t sum = 0;

    assert(symbol_count <= size);
    for (size_t s = 0; s < symbol_count; s++)
        total += counts[s];
    for (size_t s = 0; s < symbol_count; s++) {
        const uint64_t share = (((uint64_t)counts[s] << (log + 1)) / total + 1) / 2;
        frequencies[s] = (uint16_t)(share == 0 ? 1 : share);
        sum += frequencies[s];
    }
    /* Rounding is made up for by the largest, which feel it least. */
    while (sum != size) {
        size_t largest = 0;
        for (size_t s = 1; s < symbol_count; s++)
            if (frequencies[s] > frequencies[largest])
                largest = s;
        const uint32_t most = frequencies[largest] / 8u + 1;
        const uint32_t over = sum > size ? sum - size : 0;
        const uint32_t taken = over < most ? over : most;
        const uint32_t given = sum < size ? size - sum : 0;
        frequencies[largest] = (uint16_t)(frequencies[largest] + given - taken);
        sum = sum + given - taken;
    }
}

void nts_ans_encoder_init(struct nts_ans_encoder *encoder, const uint16_t *frequencies,
                          size_t symbol_count, unsigned log)
{
    uint8_t symbols[NTS_ANS_STATES_MAX];
    uint32_t place[NTS_ANS_SYMBOLS_MAX];
    const uint32_t size = 1u << log;
    uint32_t first = 0;

    encoder->log = log;
    encoder->filler = 0;
    for (size_t s = 0; s < symbol_count; s++) {
        const uint32_t frequency = frequencies[s];
        const unsigned bits = log + 1 - nts_bit_length(frequency - 1);
        /* States of `size` and more lose `bits` bits from frequency * 2^bits on, else one less. */
        encoder->steps[s].bits = ((uint32_t)bits << 16) - (frequency << bits);
        encoder->steps[s].state = first - frequency;
        place[s] = first;
        first += frequency;
        if (frequency > frequencies[encoder->filler])
            encoder->filler = (uint8_t)s;
    }
    ans_spread(symbols, frequencies, symbol_count, log);
    for (uint32_t i = 0; i < size; i++)
        encoder->states[place[symbols[i]]++] = (uint16_t)(size + i);
}

/* One step backwards: what leaves the state, its width in the upper half. */
static inline uint32_t ans_step(const struct nts_ans_encoder *encoder, uint32_t *state,
                                uint8_t symbol)
{
    const uint32_t width = (*state + encoder->steps[symbol].bits) >> 16;
    const uint32_t bits = *state & ((1u << width) - 1);

    *state = encoder->states[(*state >> width) + encoder->steps[symbol].state];
    return width << 16 | bits;
}

uint8_t *nts_ans_encode(uint8_t *dst, const struct nts_ans_encoder *encoder, const uint8_t *symbols,
                        size_t count)
{
    uint32_t taken[NTS_VECTOR_ROWS / NTS_ANS_LANES][NTS_ANS_LANES];
    uint32_t states[NTS_ANS_LANES];
    const size_t steps = (count + NTS_ANS_LANES - 1) / NTS_ANS_LANES;
    const uint32_t size = 1u << encoder->log;
    struct nts_bit_writer writer = {.at = dst};

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    for (size_t lane = 0; lane < NTS_ANS_LANES; lane++)
        states[lane] = size;
    for (size_t i = steps; i-- > 0;)
        for (size_t lane = 0; lane < NTS_ANS_LANES; lane++) {
            const size_t at = lane * steps + i;
            taken[i][lane] =
                ans_step(encoder, &states[lane], at < count ? symbols[at] : encoder->filler);
        }
    for (size_t lane = 0; lane < NTS_ANS_LANES; lane++)
        nts_bits_put(&writer, states[lane] - size, encoder->log);
    for (size_t i = 0; i < steps; i++) {
        uint64_t bits = 0;
        unsigned width = 0;
        for (size_t lane = 0; lane < NTS_ANS_LANES; lane++) {
            bits |= (uint64_t)(taken[i][lane] & UINT16_MAX) << width;
            width += taken[i][lane] >> 16;
        }
        nts_bits_put(&writer, bits, width);
    }
    return nts_bits_end(&writer);
}
