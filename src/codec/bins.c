/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bins.c - bins of sorted numbers, and their bytes. All arithmetic is that of integers, so
 * that every machine makes the same bins. */
#include "codec/bins.h"

#include "base/check.h"
#include "codec/bit_stream.h"

/* Cuts around runs come on top of those at quantiles. */
#define CUTS_MAX (2 * NTS_BINS_PIECES_MAX)
#define BIT      256u /* costs are in 256ths of a bit */
/* Bits of a bin beside those that depend on its width. */
#define BIN_BITS 15u
/* Bins that a table of 2^10 entries serves well. */
#define BINS_FEW 64u
#define LOG_FEW  10u
/* A unary number beyond this is no width. */
#define UNARY_MAX 128u

/* log2(x) in 256ths, to .009: straight lines between powers of two, and a parabola upon them. */
static uint32_t log2_of(uint32_t x)
{
    const unsigned whole = nts_bit_length(x) - 1;
    const uint32_t part = (uint32_t)(((uint64_t)x << 16 >> whole) - (1u << 16));
    const uint32_t bulge = (uint32_t)(((uint64_t)part * ((1u << 16) - part) >> 16) * 88 >> 16);

    return whole * BIT + (part >> 8) + bulge;
}

/* Where bins may begin, as places among the sorted keys, and the end. */
struct cuts {
    size_t count; /* pieces; piece k is [at[k], at[k + 1]) */
    uint32_t at[CUTS_MAX + 1];
    uint64_t first[CUTS_MAX]; /* numbers of a piece */
    uint64_t last[CUTS_MAX];
};

struct nts_range nts_bins_key_range(uint32_t key, uint64_t middle)
{
    const uint32_t half = 1u << (NTS_BINS_KEY_BITS - 1);
    const bool is_below = key < half;
    const uint32_t far = is_below ? half - 1 - key : key - half;
    const unsigned lost =
        far >> NTS_BINS_KEY_EXACT == 0 ? 0 : (far >> (NTS_BINS_KEY_EXACT - 1)) - 1;
    const uint64_t least = (uint64_t)(far - (lost << (NTS_BINS_KEY_EXACT - 1))) << lost;
    const uint64_t most = least + nts_low_bits(lost);

    if (is_below)
        return (struct nts_range){most < middle ? middle - most : 0, middle - least};
    return (struct nts_range){middle + least,
                              most < UINT64_MAX - middle ? middle + most : UINT64_MAX};
}

/* Pieces of keys, no run of equal ones in two; a run as long as a piece is one. */
static void cuts_find(struct cuts *cuts, const struct nts_bins_input *input)
{
    const uint32_t *const keys = input->keys;
    const size_t count = input->count;
    const size_t step = count / input->piece_count + 1;
    size_t at = 0;

    cuts->count = 0;
    while (at < count) {
        size_t next = at + step < count ? at + step : count;
        size_t start = at;
        if (next < count && keys[next] == keys[next - 1]) {
            start = next - 1;
            while (start > at && keys[start - 1] == keys[next])
                start--;
            while (next < count && keys[next] == keys[start])
                next++;
            if (start > at && next - start < step)
                start = at;
        }
        cuts->at[cuts->count++] = (uint32_t)at;
        if (start > at)
            cuts->at[cuts->count++] = (uint32_t)start;
        at = next;
    }
    assert(cuts->count <= CUTS_MAX);
    cuts->at[cuts->count] = (uint32_t)count;
    for (size_t k = 0; k < cuts->count; k++) {
        cuts->first[k] = nts_bins_key_range(keys[cuts->at[k]], input->middle).min;
        cuts->last[k] = nts_bins_key_range(keys[cuts->at[k + 1] - 1], input->middle).max;
    }
}

/* The cheapest way to join pieces: cost[j] is that of pieces [0, j), whose last bin begins with
 * piece from[j]. */
struct joins {
    uint64_t cost[CUTS_MAX + 1];
    uint16_t from[CUTS_MAX + 1];
};

static void joins_find(struct joins *joins, const struct cuts *cuts, uint32_t weight)
{
    const uint32_t log_all = log2_of(cuts->at[cuts->count]);

    joins->cost[0] = 0;
    for (size_t j = 1; j <= cuts->count; j++) {
        const uint64_t last = cuts->last[j - 1];
        uint64_t best = UINT64_MAX;
        for (size_t k = j; k-- > 0;) {
            const uint32_t count = cuts->at[j] - cuts->at[k];
            const uint32_t width = nts_bit_length(last - cuts->first[k]);
            const uint32_t bits = log_all - log2_of(count) + BIT * width;
            const uint64_t cost = joins->cost[k] + (uint64_t)count * weight * bits +
                                  (uint64_t)BIT * (BIN_BITS + width);
            if (cost < best) {
                best = cost;
                joins->from[j] = (uint16_t)k;
            }
        }
        joins->cost[j] = best;
    }
}

uint64_t nts_bins_cost(const struct nts_bins_input *input)
{
    struct cuts cuts;
    struct joins joins;

    cuts_find(&cuts, input);
    joins_find(&joins, &cuts, input->weight);
    return joins.cost[cuts.count];
}

void nts_bins_plan(struct nts_bins *bins, const struct nts_bins_input *input)
{
    struct cuts cuts;
    struct joins joins;
    unsigned bin = 0;

    cuts_find(&cuts, input);
    joins_find(&joins, &cuts, input->weight);
    for (size_t j = cuts.count; j > 0; j = joins.from[j])
        bin++;
    assert(bin <= NTS_BINS_MAX);
    bins->count = bin;
    for (size_t j = cuts.count; j > 0; j = joins.from[j])
        bins->lowers[--bin] = cuts.first[joins.from[j]];
    bins->lowers[0] = 0;
}

void nts_bins_fit(struct nts_bins *bins, const uint32_t *counts, const uint64_t *distances)
{
    bins->width_max = 0;
    for (unsigned i = 0; i < bins->count; i++) {
        bins->widths[i] = (uint8_t)nts_bit_length(distances[i]);
        if (bins->widths[i] > bins->width_max)
            bins->width_max = bins->widths[i];
    }
    bins->log = bins->count == 1 ? 0 : bins->count <= BINS_FEW ? LOG_FEW : NTS_ANS_LOG_MAX;
    if (bins->log != 0)
        nts_ans_share(bins->frequencies, counts, bins->count, bins->log);
}

size_t nts_bins_size(const struct nts_bins *bins, const uint32_t *counts)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < bins->count; i++) {
        bits += BIT * (BIN_BITS + bins->widths[i] + (uint64_t)counts[i] * bins->widths[i]);
        if (bins->log != 0)
            bits += (uint64_t)counts[i] * (bins->log * BIT - log2_of(bins->frequencies[i]));
    }
    return (size_t)(bits / (8 * BIT));
}

/* ---- bytes -------------------------------------------------------------------------------- */

static void put_unary(struct nts_bit_writer *writer, unsigned value)
{
    for (; value >= 32; value -= 32)
        nts_bits_put(writer, UINT32_MAX, 32);
    nts_bits_put(writer, nts_low_bits(value), value + 1);
}

/* How much more `value` is than `expected`. */
static void put_difference(struct nts_bit_writer *writer, unsigned value, unsigned expected)
{
    put_unary(writer, (unsigned)nts_zigzag((int64_t)value - (int64_t)expected));
}

/* The bits below the top one of a number of `length` bits. */
static void put_below_top(struct nts_bit_writer *writer, uint64_t value, unsigned length)
{
    if (length > 1)
        nts_bits_put_wide(writer, value & nts_low_bits(length - 1), length - 1);
}

uint8_t *nts_bins_write(uint8_t *dst, const struct nts_bins *bins)
{
    struct nts_bit_writer writer = {.at = dst};
    unsigned width_before = 0;

    nts_bits_put(&writer, bins->count - 1, 8);
    nts_bits_put(&writer, bins->log, 4);
    for (unsigned i = 0; i < bins->count; i++) {
        if (bins->log != 0) {
            const unsigned rest = bins->frequencies[i] - 1u;
            nts_bits_put(&writer, nts_bit_length(rest), 4);
            put_below_top(&writer, rest, nts_bit_length(rest));
        }
        if (i > 0) {
            const uint64_t distance = bins->lowers[i] - bins->lowers[i - 1];
            put_difference(&writer, nts_bit_length(distance), width_before);
            put_below_top(&writer, distance, nts_bit_length(distance));
        }
        put_difference(&writer, bins->widths[i], width_before);
        width_before = bins->widths[i];
    }
    return nts_bits_end(&writer);
}

static unsigned get_unary(struct nts_bit_reader *reader)
{
    unsigned value = 0;

    while (value <= UNARY_MAX && nts_bits_get(reader, 1) != 0)
        value++;
    return value;
}

/* A number of 0..64 that is near to `expected`; more if there is none. */
static unsigned get_length(struct nts_bit_reader *reader, unsigned expected)
{
    const int64_t value = (int64_t)expected + nts_unzigzag(get_unary(reader));

    return value < 0 || value > 64 ? 65 : (unsigned)value;
}

static uint64_t get_below_top(struct nts_bit_reader *reader, unsigned length)
{
    if (length <= 1)
        return length;
    return (uint64_t)1 << (length - 1) | nts_bits_get(reader, length - 1);
}

static bool get_bin(struct nts_bit_reader *reader, struct nts_bins *bins, unsigned i)
{
    const unsigned width_before = i > 0 ? bins->widths[i - 1] : 0;

    if (bins->log != 0) {
        const unsigned length = (unsigned)nts_bits_get(reader, 4);
        bins->frequencies[i] = (uint16_t)(get_below_top(reader, length) + 1);
        if (bins->frequencies[i] > 1u << bins->log)
            return false;
    }
    if (i > 0) {
        const unsigned length = get_length(reader, width_before);
        if (length > 64)
            return false;
        bins->lowers[i] = bins->lowers[i - 1] + get_below_top(reader, length);
    }
    const unsigned width = get_length(reader, width_before);
    if (width > 64)
        return false;
    bins->widths[i] = (uint8_t)width;
    if (width > bins->width_max)
        bins->width_max = (uint8_t)width;
    return true;
}

bool nts_bins_read(struct nts_bins *bins, const uint8_t *src, size_t src_size)
{
    struct nts_bit_reader reader = {.src = src, .size = src_size};

    bins->count = (unsigned)nts_bits_get(&reader, 8) + 1;
    bins->log = (unsigned)nts_bits_get(&reader, 4);
    bins->lowers[0] = 0;
    bins->width_max = 0;
    if (bins->count > NTS_BINS_MAX || (bins->log == 0) != (bins->count == 1) ||
        (bins->log != 0 && (bins->log < NTS_ANS_LOG_MIN || bins->log > NTS_ANS_LOG_MAX)))
        return false;
    for (unsigned i = 0; i < bins->count; i++)
        if (!get_bin(&reader, bins, i))
            return false;
    return (reader.at + 7) / 8 == src_size;
}
