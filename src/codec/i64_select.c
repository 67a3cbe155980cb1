/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/i64_select.c - which scheme suits a vector of integers.
 *
 *   4 windows of 32 values --> errors of each scheme there --> bytes, were all the vector so
 *   the best two, and runs or a dictionary if the windows hint at them --> exactly --> the best
 *
 * Vectors too short for windows are looked at as a whole, in the simple codecs and runs.
 */
#include "codec/i64_select.h"

#include "base/bytes.h"
#include "base/check.h"

#define WINDOW_COUNT 4u
#define WINDOW_ROWS  32u
#define SAMPLE_COUNT (WINDOW_COUNT * WINDOW_ROWS)
/* Below, the windows would be most of the vector. */
#define SAMPLED_COUNT_MIN 192u

/* A period costs about so many bytes itself. */
#define SEASONAL_SIZE_MIN 32u
/* Bits a value from which on a costly search is worth its time. */
#define SEARCH_BITS_MIN 2u

/* The vector, and the two best schemes so far with what they seem to take. */
struct select {
    const uint64_t *src;
    size_t count;
    struct nts_i64_scheme best[2];
    size_t sizes[2];
};

static const struct nts_i64_scheme scheme_of_runs = {.codec = NTS_CODEC_RLE};
static const struct nts_i64_scheme scheme_of_entries = {.codec = NTS_CODEC_DICTIONARY};
static const struct nts_i64_scheme scheme_of_line = {.codec = NTS_CODEC_LINE};
static const struct nts_i64_scheme scheme_raw = {.codec = NTS_CODEC_RAW};

static struct nts_i64_scheme scheme_of_order(unsigned order)
{
    return (struct nts_i64_scheme){
        .codec = order <= NTS_DELTA_ORDER_MAX ? (enum nts_codec_id)(NTS_CODEC_FOR + order)
                                              : NTS_CODEC_PREDICT,
        .predictor = {.order = (uint8_t)order},
    };
}

/* First value of window k; predictors reach back from it. */
static size_t window_start(const struct select *select, size_t k)
{
    const size_t room = select->count - NTS_PREDICT_REACH - WINDOW_ROWS;

    return NTS_PREDICT_REACH + (2 * k + 1) * room / (2 * WINDOW_COUNT);
}

static void select_offer(struct select *select, const struct nts_i64_scheme *scheme, size_t size)
{
    const size_t place = size < select->sizes[0] ? 0 : 1;

    if (size >= select->sizes[place])
        return;
    if (place == 0) {
        select->best[1] = select->best[0];
        select->sizes[1] = select->sizes[0];
    }
    select->best[place] = *scheme;
    select->sizes[place] = size;
}

/* Bytes of a block for all the vector, if it is as the sample. */
static size_t select_block_size(const struct select *select, const uint64_t *sample)
{
    const struct nts_patched_plan plan = nts_patched_choose(sample, SAMPLE_COUNT, SAMPLE_COUNT);
    const size_t packed_size = SAMPLE_COUNT / 8 * plan.width;
    /* Positions take two bytes in a full vector. */
    const size_t patches_size = (size_t)plan.patch_count * (plan.high_size + 2u);

    return 4 + (packed_size + patches_size) * select->count / SAMPLE_COUNT;
}

static size_t select_try_predictor(struct select *select, const struct nts_i64_scheme *scheme)
{
    uint64_t sample[SAMPLE_COUNT];
    const size_t head_size =
        8 * (scheme->predictor.order + (size_t)2 * scheme->predictor.tap_count);

    for (size_t k = 0; k < WINDOW_COUNT; k++)
        nts_predict_errors(sample + k * WINDOW_ROWS, &scheme->predictor, select->src,
                           window_start(select, k), WINDOW_ROWS, select->src[0]);
    const size_t size = head_size + select_block_size(select, sample);
    select_offer(select, scheme, size);
    return size;
}

static void select_try_orders(struct select *select)
{
    size_t before = SIZE_MAX;

    for (unsigned order = 0; order <= NTS_PREDICT_ORDER_MAX; order++) {
        const struct nts_i64_scheme scheme = scheme_of_order(order);
        const size_t size = select_try_predictor(select, &scheme);
        if (order >= NTS_DELTA_ORDER_MAX && size >= before)
            return;
        before = size;
    }
}

static void select_try_line(struct select *select)
{
    uint64_t sample[SAMPLE_COUNT];
    struct nts_line line;

    if (!nts_line_fit(&line, select->src, select->count))
        return;
    for (size_t k = 0; k < WINDOW_COUNT; k++) {
        const size_t start = window_start(select, k);
        nts_line_distances(sample + k * WINDOW_ROWS, line, select->src + start, start, WINDOW_ROWS);
    }
    select_offer(select, &scheme_of_line, 8 + select_block_size(select, sample));
}

static void select_try_taps(struct select *select)
{
    struct nts_predictor fits[NTS_PREDICT_FITS_MAX];
    const size_t fit_count = nts_predict_fit(fits, select->src, select->count);

    for (size_t k = 0; k < fit_count; k++) {
        const struct nts_i64_scheme scheme = {.codec = NTS_CODEC_PREDICT, .predictor = fits[k]};
        (void)select_try_predictor(select, &scheme);
    }
}

/* How often values of the windows differ from the one before. */
static size_t select_count_changes(const struct select *select)
{
    size_t change_count = 0;

    for (size_t k = 0; k < WINDOW_COUNT; k++) {
        const uint64_t *const at = select->src + window_start(select, k);
        for (size_t i = 0; i < WINDOW_ROWS; i++)
            change_count += at[i] != (at - 1)[i];
    }
    return change_count;
}

/* Whether so few values of the windows are different that the vector may have few. */
static bool select_has_few_values(const struct select *select)
{
    uint64_t seen[SAMPLE_COUNT / 2];
    size_t seen_count = 0;

    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const uint64_t x = select->src[window_start(select, i / WINDOW_ROWS) + i % WINDOW_ROWS];
        size_t k = 0;
        while (k < seen_count && seen[k] != x)
            k++;
        if (k < seen_count)
            continue;
        if (seen_count == SAMPLE_COUNT / 2)
            return false;
        seen[seen_count++] = x;
    }
    return true;
}

/* Plans one scheme more; *plan stays the better one, and *is_last_out says whether the scratch is
 * still its own. */
static void select_compare(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                           const struct nts_i64_scheme *scheme, const struct select *select,
                           bool *is_last_out)
{
    struct nts_i64_plan other;

    nts_i64_plan_scheme(&other, scratch, scheme, select->src, select->count);
    *is_last_out = other.size < plan->size;
    if (*is_last_out)
        *plan = other;
}

/* Gives the scratch back to the plan, if that keeps something there. */
static void select_restore(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                           const struct select *select, bool is_last)
{
    const struct nts_i64_scheme scheme = plan->scheme;

    if (!is_last && (scheme.codec == NTS_CODEC_RLE || scheme.codec == NTS_CODEC_DICTIONARY ||
                     scheme.codec == NTS_CODEC_SEASONAL))
        nts_i64_plan_scheme(plan, scratch, &scheme, select->src, select->count);
}

static void select_short(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                         const struct select *select)
{
    bool is_last;

    nts_i64_plan_scheme(plan, scratch, &scheme_raw, select->src, select->count);
    for (unsigned order = 0; order <= NTS_PREDICT_ORDER_MAX && order < select->count; order++) {
        const struct nts_i64_scheme scheme = scheme_of_order(order);
        select_compare(plan, scratch, &scheme, select, &is_last);
        if (order > NTS_DELTA_ORDER_MAX && !is_last)
            break;
    }
    select_compare(plan, scratch, &scheme_of_runs, select, &is_last);
    select_restore(plan, scratch, select, is_last);
}

void nts_i64_select(struct nts_i64_plan *plan, struct nts_codec_scratch *scratch,
                    const uint64_t *src, size_t count)
{
    struct select select = {.src = src, .count = count, .sizes = {SIZE_MAX, SIZE_MAX}};
    bool is_last = true;

    if (count < SAMPLED_COUNT_MIN) {
        select_short(plan, scratch, &select);
        return;
    }
    select.best[0] = select.best[1] = scheme_raw;
    select_try_orders(&select);
    const bool is_worth = select.sizes[0] > SEARCH_BITS_MIN * count / 8;
    if (is_worth) {
        select_try_line(&select);
        select_try_taps(&select);
    }

    nts_i64_plan_scheme(plan, scratch, &select.best[0], src, count);
    select_compare(plan, scratch, &select.best[1], &select, &is_last);
    if (select_count_changes(&select) < SAMPLE_COUNT / 3)
        select_compare(plan, scratch, &scheme_of_runs, &select, &is_last);
    if (is_worth && select_has_few_values(&select))
        select_compare(plan, scratch, &scheme_of_entries, &select, &is_last);
    if (plan->size > SEASONAL_SIZE_MIN && count >= NTS_SEASONAL_COUNT_MIN) {
        const struct nts_i64_scheme scheme = {.codec = NTS_CODEC_SEASONAL,
                                              .period = (uint16_t)nts_seasonal_period(src, count)};
        if (scheme.period > 0)
            select_compare(plan, scratch, &scheme, &select, &is_last);
    }
    if (plan->size > nts_vector_bound(count))
        select_compare(plan, scratch, &scheme_raw, &select, &is_last);
    select_restore(plan, scratch, &select, is_last);
}
