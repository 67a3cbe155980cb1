/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/binned_fit.c - the model of a chunk: which predictor, and which bins its errors go to.
 *
 *   common divisor --> 8 windows of 64 values: the predictor of least bits --> all errors --> sorted
 *   --> bins
 */
#include "base/bytes.h"
#include "base/check.h"
#include "codec/binned.h"
#include "codec/dispatch.h"
#include "codec/scaled.h"

#define CONTEST_WINDOWS 8u
#define CONTEST_ROWS    64u
#define CONTEST_SAMPLE  (CONTEST_WINDOWS * CONTEST_ROWS)
/* Predictors in the comparison: orders, then those with taps. */
#define CANDIDATES_MAX (NTS_PREDICT_ORDER_MAX + 1u + NTS_PREDICT_FITS_MAX)
/* From one vector to the next, windows move by so many rows. */
#define CONTEST_STRIDE 173u
/* In 256ths of a bit a value: what a higher order must gain, and taps, which cost time. */
#define GAIN_OF_ORDER 12u
#define GAIN_OF_TAPS  64u
/* Sorting goes by digits of so many bits. */
#define DIGIT_BITS 11u
#define DIGITS     (1u << DIGIT_BITS)
/* Pieces that a sample is cut into. */
#define SAMPLE_PIECES 40u
/* ---- the common divisor ------------------------------------------------------------------- */

static uint64_t least_value(const struct nts_binned_vector *vectors, size_t vector_count)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < vector_count; i++) {
        const int64_t min = (int64_t)nts_kernels()->range(vectors[i].values, vectors[i].count).min;
        least = min < least ? min : least;
    }
    return (uint64_t)least;
}

static void fit_divisor(struct nts_binned_encoder *encoder, const struct nts_binned_vector *vectors,
                        size_t vector_count)
{
    const uint64_t origin = least_value(vectors, vector_count);
    uint64_t divisor = 0;

    for (size_t i = 0; i < vector_count && divisor != 1; i++)
        divisor = nts_scaled_divisor(vectors[i].values, vectors[i].count, origin, divisor);
    encoder->divisor = divisor > 1 ? divisor : 1;
    encoder->origin = divisor > 1 ? origin : 0;
}

const uint64_t *nts_binned_numbers(uint64_t *room, const struct nts_binned_encoder *encoder,
                                   const struct nts_binned_vector *vector)
{
    if (encoder->divisor == 1)
        return vector->values;
    const bool is_whole =
        nts_scaled_divide(room, vector->values, vector->count, encoder->origin, encoder->divisor);
    assert(is_whole);
    (void)is_whole;
    return room;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* Sorts keys[0..count), digit by digit. `spare` is as large. */
static void keys_sort(uint32_t *keys, uint32_t *spare, size_t count)
{
    uint32_t places[NTS_BINS_KEY_BITS / DIGIT_BITS][DIGITS] = {{0}};
    uint32_t *from = keys;
    uint32_t *to = spare;

    for (size_t i = 0; i < count; i++)
        for (unsigned d = 0; d < NTS_BINS_KEY_BITS / DIGIT_BITS; d++)
            places[d][keys[i] >> d * DIGIT_BITS & (DIGITS - 1)]++;
    for (unsigned d = 0; d < NTS_BINS_KEY_BITS / DIGIT_BITS; d++) {
        uint32_t place = 0;
        for (size_t k = 0; k < DIGITS; k++) {
            const uint32_t here = places[d][k];
            places[d][k] = place;
            place += here;
        }
        for (size_t i = 0; i < count; i++)
            to[places[d][from[i] >> d * DIGIT_BITS & (DIGITS - 1)]++] = from[i];
        uint32_t *const swap = from;
        from = to;
        to = swap;
    }
    assert(from == keys);
}

/* Sorted keys of errors, for bins. Errors become distances from the least one; *range_out says
 * which that is. */
static struct nts_bins_input keys_of(struct nts_binned_encoder *encoder, uint64_t *errors,
                                     size_t count, struct nts_range *range_out)
{
    *range_out = nts_kernels()->range(errors, count);
    const uint64_t middle = errors[count / 2] - range_out->min;

    for (size_t i = 0; i < count; i++) {
        errors[i] -= range_out->min;
        encoder->keys[i] = nts_bins_key(errors[i], middle);
    }
    keys_sort(encoder->keys, encoder->spare, count);
    return (struct nts_bins_input){.keys = encoder->keys,
                                   .count = count,
                                   .middle = middle,
                                   .weight = 1,
                                   .piece_count = NTS_BINS_PIECES_MAX};
}

/* ---- the predictor ------------------------------------------------------------------------ */

/* The mean of errors, rounded in some way; errors become distances from it. */
static uint64_t take_mean(uint64_t *errors, size_t count)
{
    const uint64_t first = errors[0];
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (int64_t)(errors[i] - first) / (int64_t)count;
    const uint64_t mean = first + (uint64_t)sum;
    for (size_t i = 0; i < count; i++)
        errors[i] -= mean;
    return mean;
}

struct candidate {
    struct nts_predictor predictor;
    uint64_t *sample; /* its errors in the windows */
};

struct contest {
    struct candidate candidates[CANDIDATES_MAX];
    size_t candidate_count;
    size_t sample_count;
};

/* Offers predictors of every order, and with the taps that fit one vector. */
static void contest_enter(struct contest *contest, const uint64_t *numbers, size_t count)
{
    struct nts_predictor fits[NTS_PREDICT_FITS_MAX];
    const size_t fit_count =
        count >= NTS_PREDICT_FIT_MIN ? nts_predict_fit(fits, numbers, count) : 0;

    contest->candidate_count = 0;
    for (uint8_t order = 0; order <= NTS_PREDICT_ORDER_MAX; order++)
        contest->candidates[contest->candidate_count++].predictor =
            (struct nts_predictor){.order = order};
    for (size_t k = 0; k < fit_count; k++)
        contest->candidates[contest->candidate_count++].predictor = fits[k];
}

/* Adds a window of one vector to the sample of each candidate. */
static void contest_sample(struct contest *contest, const uint64_t *numbers, size_t count,
                           size_t index)
{
    const size_t room = count - NTS_PREDICT_REACH - CONTEST_ROWS;
    const size_t first = NTS_PREDICT_REACH + index * CONTEST_STRIDE % (room + 1);

    for (size_t k = 0; k < contest->candidate_count; k++) {
        const struct candidate *const candidate = &contest->candidates[k];
        uint64_t *const errors = candidate->sample + contest->sample_count;
        nts_predict_errors(errors, &candidate->predictor, numbers, first, CONTEST_ROWS, numbers[0]);
        if (candidate->predictor.tap_count > 0)
            (void)take_mean(errors, CONTEST_ROWS);
    }
    contest->sample_count += CONTEST_ROWS;
}

/* Bits in 256ths that the errors of a candidate would take, were all of them like the sample. */
static uint64_t contest_cost(struct nts_binned_encoder *encoder, const struct contest *contest,
                             const struct candidate *candidate)
{
    struct nts_range range;
    struct nts_bins_input input =
        keys_of(encoder, candidate->sample, contest->sample_count, &range);

    input.weight = NTS_GROUP_ROWS / CONTEST_SAMPLE;
    input.piece_count = SAMPLE_PIECES;
    return nts_bins_cost(&input) + input.count * input.weight *
                                       (candidate->predictor.tap_count > 0
                                            ? GAIN_OF_TAPS
                                            : (uint64_t)GAIN_OF_ORDER * candidate->predictor.order);
}

static struct nts_predictor contest_winner(struct nts_binned_encoder *encoder,
                                           const struct contest *contest)
{
    struct nts_predictor winner = {0};
    uint64_t best = UINT64_MAX;
    uint64_t before = UINT64_MAX;

    for (size_t k = 0; k < contest->candidate_count; k++) {
        const struct candidate *const candidate = &contest->candidates[k];
        const bool has_taps = candidate->predictor.tap_count > 0;
        if (!has_taps && candidate->predictor.order > 2 && before > best)
            continue;
        const uint64_t cost = contest_cost(encoder, contest, candidate);
        if (!has_taps)
            before = cost;
        if (cost >= best)
            continue;
        best = cost;
        winner = candidate->predictor;
    }
    return winner;
}

/* Compares predictors on windows spread over the vectors. */
static void fit_predictor(struct nts_binned_encoder *encoder,
                          const struct nts_binned_vector *vectors, size_t vector_count)
{
    struct contest contest = {.sample_count = 0};
    const size_t step = (vector_count + CONTEST_WINDOWS - 1) / CONTEST_WINDOWS;
    const struct nts_binned_vector *const middle = &vectors[vector_count / 2];

    contest_enter(&contest, nts_binned_numbers(encoder->room, encoder, middle), middle->count);
    for (size_t k = 0; k < contest.candidate_count; k++)
        contest.candidates[k].sample = encoder->errors + k * CONTEST_SAMPLE;
    for (size_t i = 0; i < vector_count; i += step)
        if (vectors[i].count >= NTS_PREDICT_REACH + CONTEST_ROWS)
            contest_sample(&contest, nts_binned_numbers(encoder->room, encoder, &vectors[i]),
                           vectors[i].count, i);
    encoder->predictor = contest.sample_count != 0 ? contest_winner(encoder, &contest)
                                                   : (struct nts_predictor){.order = 1};
}

/* ---- errors and bins ---------------------------------------------------------------------- */

/* Errors of all vectors; those of taps upon their mean, which depends on where a vector begins.
 * Returns how many. */
static size_t fit_errors(struct nts_binned_encoder *encoder,
                         const struct nts_binned_vector *vectors, size_t vector_count)
{
    const unsigned start_count = nts_predict_start_count(&encoder->predictor);
    size_t error_count = 0;
    size_t fitted = 0;

    for (size_t i = 0; i < vector_count; i++) {
        if (vectors[i].count <= start_count)
            continue;
        const uint64_t *const numbers = nts_binned_numbers(encoder->room, encoder, &vectors[i]);
        const size_t count = vectors[i].count - start_count;
        uint64_t *const errors = encoder->errors + error_count;
        nts_predict_errors(errors, &encoder->predictor, numbers, start_count, count, numbers[0]);
        encoder->bases[fitted++] = encoder->predictor.tap_count > 0 ? take_mean(errors, count) : 0;
        error_count += count;
    }
    return error_count;
}

/* How keys are cut into cells. */
struct cells {
    uint32_t first; /* key */
    unsigned bits;  /* of a key, within its cell */
    uint64_t middle;
};

static inline uint32_t cell_of(const struct cells *cells, uint32_t key)
{
    return (key - cells->first) >> cells->bits;
}

/* For every cell, and one behind, the bin that its least error belongs to. */
static struct cells fit_guesses(struct nts_binned_encoder *encoder,
                                const struct nts_bins_input *input)
{
    const struct nts_bins *const bins = &encoder->bins;
    const uint32_t last = input->keys[input->count - 1];
    struct cells cells = {.first = input->keys[0], .middle = input->middle};
    unsigned bin = 0;

    while (cell_of(&cells, last) >= NTS_BINNED_CELLS)
        cells.bits++;
    const uint32_t count = cell_of(&cells, last) + 1;
    for (uint32_t cell = 0; cell < count; cell++) {
        const uint32_t key = cells.first + (cell << cells.bits);
        const uint64_t least = nts_bins_key_range(key, cells.middle).min;
        while (bin + 1 < bins->count && bins->lowers[bin + 1] <= least)
            bin++;
        encoder->guesses[cell] = (uint8_t)bin;
    }
    encoder->guesses[count] = (uint8_t)(bins->count - 1);
    return cells;
}

/* The bin of an error: between what its cell guesses and what the next one does. */
static inline uint8_t bin_of(const struct nts_binned_encoder *encoder, const struct cells *cells,
                             uint64_t error)
{
    const uint32_t cell = cell_of(cells, nts_bins_key(error, cells->middle));
    unsigned low = encoder->guesses[cell];
    unsigned high = encoder->guesses[cell + 1];

    while (low < high) {
        const unsigned half = (low + high + 1) / 2;
        if (encoder->bins.lowers[half] <= error)
            low = half;
        else
            high = half - 1;
    }
    return (uint8_t)low;
}

/* Bins for errors[0..count), and the bin of each. Returns about how many bytes they come to. */
static size_t fit_bins(struct nts_binned_encoder *encoder, size_t count)
{
    struct nts_range range;
    const struct nts_bins_input input = keys_of(encoder, encoder->errors, count, &range);
    struct nts_bins *const bins = &encoder->bins;
    uint32_t counts[NTS_BINS_MAX] = {0};
    uint64_t distances[NTS_BINS_MAX] = {0};

    encoder->least = range.min;
    nts_bins_plan(bins, &input);
    const struct cells cells = fit_guesses(encoder, &input);
    for (size_t i = 0; i < count; i++) {
        const uint8_t bin = bin_of(encoder, &cells, encoder->errors[i]);
        encoder->symbols[i] = bin;
        counts[bin]++;
        distances[bin] |= encoder->errors[i] - bins->lowers[bin];
    }
    nts_bins_fit(bins, counts, distances);
    return nts_bins_size(bins, counts);
}

size_t nts_binned_fit(struct nts_binned_encoder *encoder, const struct nts_binned_vector *vectors,
                      size_t vector_count)
{
    size_t value_count = 0;

    assert(vector_count <= NTS_GROUP_VECTORS);
    for (size_t i = 0; i < vector_count; i++)
        value_count += vectors[i].count;
    if (value_count < NTS_BINNED_COUNT_MIN)
        return SIZE_MAX;
    fit_divisor(encoder, vectors, vector_count);
    fit_predictor(encoder, vectors, vector_count);
    const size_t count = fit_errors(encoder, vectors, vector_count);
    if (count == 0)
        return SIZE_MAX;
    const size_t size = fit_bins(encoder, count);
    if (encoder->bins.log != 0)
        nts_ans_encoder_init(&encoder->ans, encoder->bins.frequencies, encoder->bins.count,
                             encoder->bins.log);
    encoder->next = 0;
    encoder->next_vector = 0;
    return size + vector_count * (8 + 4 * (size_t)encoder->predictor.order);
}
