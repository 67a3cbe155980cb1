/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/predict_fit.c - taps by least squares.
 *
 * Unknown are the weights of y[i-2] and of its differences of order 1 to 3 rather than those of
 * y[i-2] .. y[i-5]: smooth values are almost equal, which no arithmetic of 53 bits would survive,
 * while their differences, made of integers, are exact and lie across each other. A constant is
 * fitted along, as the base of the block will hold one.
 *
 *   sums of products --> means taken off --> L D L' --> weights of differences --> taps
 *
 * Sums run in LANES lanes that are added in the end, so that compilers may use vectors and still
 * round as this file says.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "codec/predict.h"

#define LANES            4u
#define REGRESSORS       NTS_PREDICT_TAPS_MAX
#define TARGETS          NTS_PREDICT_FITS_MAX /* errors of the orders 0..3 without taps */
#define COLUMNS          (REGRESSORS + TARGETS)
#define FIT_WINDOW_COUNT 4u
#define FIT_WINDOW_ROWS  64u
#define FRACTION_BITS    61
/* A tap has no more bits behind the point than a double of its size. */
#define FRACTION_BITS_MAX 53
/* A product is as wrong as the tap: this many bits behind the point of the result are right. */
#define SPARE_BITS 4
/* Another tap must lower the sum of squares to this part of it, to pay for its bytes; beyond two
 * taps also for its time, by a quarter of a bit a value. */
#define WORTHWHILE      0.9
#define WORTHWHILE_MANY 0.7
#define TAPS_FEW        2u
/* Sums of squares below this part of the first one are noise of the arithmetic itself. */
#define NOISE 0x1p-40
/* What is left of a regressor beside those before it, below which it says nothing new. */
#define DEPENDENT 0x1p-36
#define TAP_LIMIT 3.9

/* Sums over all rows of products of columns, and of columns. */
struct fit_sums {
    double products[COLUMNS][COLUMNS]; /* [a][b] with a <= b < COLUMNS, a < REGRESSORS or a == b */
    double totals[COLUMNS];
    double count;
};

/* One row a lane of all columns: regressors, then targets. */
static void fit_fill(double columns[COLUMNS][LANES], const uint64_t *src, uint64_t origin)
{
    for (size_t lane = 0; lane < LANES; lane++) {
        const uint64_t *const x = src + lane;
        const uint64_t y2 = x[-2] - origin;
        const uint64_t d3 = x[-3] - x[-4];
        const uint64_t d2 = x[-2] - x[-3];
        const uint64_t d4 = x[-4] - x[-5];
        const uint64_t d1 = x[-1] - x[-2];
        const uint64_t d0 = x[0] - x[-1];
        columns[0][lane] = (double)(int64_t)y2;
        columns[1][lane] = (double)(int64_t)d2;
        columns[2][lane] = (double)(int64_t)(d2 - d3);
        columns[3][lane] = (double)(int64_t)(d2 - 2 * d3 + d4);
        columns[4][lane] = (double)(int64_t)(x[0] - origin);
        columns[5][lane] = (double)(int64_t)d0;
        columns[6][lane] = (double)(int64_t)(d0 - d1);
        columns[7][lane] = (double)(int64_t)(d0 - 2 * d1 + d2);
    }
}

static void fit_add_window(struct fit_sums *sums, const uint64_t *src, uint64_t origin)
{
    double products[COLUMNS][COLUMNS][LANES] = {{{0}}};
    double totals[COLUMNS][LANES] = {{0}};
    double columns[COLUMNS][LANES];

    for (size_t row = 0; row < FIT_WINDOW_ROWS; row += LANES) {
        fit_fill(columns, src + row, origin);
        for (size_t a = 0; a < COLUMNS; a++) {
            for (size_t lane = 0; lane < LANES; lane++)
                totals[a][lane] += columns[a][lane];
            const size_t end = a < REGRESSORS ? COLUMNS : a + 1;
            for (size_t b = a; b < end; b++)
                for (size_t lane = 0; lane < LANES; lane++)
                    products[a][b][lane] += columns[a][lane] * columns[b][lane];
        }
    }
    for (size_t a = 0; a < COLUMNS; a++)
        for (size_t lane = 0; lane < LANES; lane++) {
            sums->totals[a] += totals[a][lane];
            for (size_t b = a; b < COLUMNS; b++)
                sums->products[a][b] += products[a][b][lane];
        }
    sums->count += FIT_WINDOW_ROWS;
}

/* Sums over windows spread evenly, about means. */
static void fit_gather(struct fit_sums *sums, const uint64_t *src, size_t count)
{
    const size_t room = count - NTS_PREDICT_REACH - FIT_WINDOW_ROWS;
    const size_t window_count = count < FIT_WINDOW_COUNT * FIT_WINDOW_ROWS ? 1 : FIT_WINDOW_COUNT;

    for (size_t k = 0; k < window_count; k++)
        fit_add_window(sums, src + NTS_PREDICT_REACH + (2 * k + 1) * room / (2 * window_count),
                       src[0]);
    for (size_t a = 0; a < COLUMNS; a++)
        for (size_t b = a; b < COLUMNS; b++)
            sums->products[a][b] -= sums->totals[a] * sums->totals[b] / sums->count;
}

/* The regressors made orthogonal: l is the unit lower triangle, d what is left of each. */
struct fit_basis {
    double l[REGRESSORS][REGRESSORS];
    double d[REGRESSORS];
    size_t count; /* of regressors that say something new */
};

static void fit_orthogonalise(struct fit_basis *basis, const struct fit_sums *sums)
{
    basis->count = 0;
    for (size_t j = 0; j < REGRESSORS; j++) {
        double rest = sums->products[j][j];
        for (size_t k = 0; k < j; k++) {
            double sum = sums->products[k][j];
            for (size_t m = 0; m < k; m++)
                sum -= basis->l[j][m] * basis->d[m] * basis->l[k][m];
            basis->l[j][k] = sum / basis->d[k];
            rest -= basis->l[j][k] * basis->l[j][k] * basis->d[k];
        }
        if (!(rest > sums->products[j][j] * DEPENDENT))
            return;
        basis->d[j] = rest;
        basis->count = j + 1;
    }
}

/* Weights of the regressors for one target; returns how many, 0 if taps do not pay. */
static size_t fit_weights(double *weights, const struct fit_basis *basis,
                          const struct fit_sums *sums, size_t target)
{
    const double first = sums->products[target][target];
    double rest = first;
    double rest_kept = first;
    size_t kept = 0;

    for (size_t j = 0; j < basis->count && rest > first * NOISE; j++) {
        double sum = sums->products[j][target];
        for (size_t k = 0; k < j; k++)
            sum -= basis->l[j][k] * basis->d[k] * weights[k];
        weights[j] = sum / basis->d[j];
        rest -= weights[j] * weights[j] * basis->d[j];
        if (rest < rest_kept * (j < TAPS_FEW ? WORTHWHILE : WORTHWHILE_MANY)) {
            rest_kept = rest;
            kept = j + 1;
        }
    }
    for (size_t j = kept; j-- > 0;)
        for (size_t k = j + 1; k < kept; k++)
            weights[j] -= basis->l[k][j] * weights[k];
    return kept;
}

/* Weights of differences as taps of the values themselves, to the bits that matter for values whose
 * magnitude has `length` bits. */
static bool fit_taps(struct nts_predictor *predictor, const double *weights, size_t count,
                     unsigned length)
{
    static const double binomials[REGRESSORS][REGRESSORS] = {
        {1, 0, 0, 0}, {1, -1, 0, 0}, {1, -2, 1, 0}, {1, -3, 3, -1}};
    const int fraction =
        length + SPARE_BITS < FRACTION_BITS_MAX ? (int)length + SPARE_BITS : FRACTION_BITS_MAX;

    predictor->tap_count = (uint8_t)count;
    predictor->precision = (uint8_t)(FRACTION_BITS - fraction);
    for (size_t j = 0; j < count; j++) {
        double tap = 0;
        for (size_t k = j; k < count; k++)
            tap += weights[k] * binomials[k][j];
        if (!(tap > -TAP_LIMIT && tap < TAP_LIMIT))
            return false;
        const double scaled = tap * (double)((int64_t)1 << fraction);
        const int64_t number = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
        predictor->taps[j] = (int64_t)((uint64_t)number << predictor->precision);
    }
    return true;
}

size_t nts_predict_fit(struct nts_predictor fits[NTS_PREDICT_FITS_MAX], const uint64_t *src,
                       size_t count)
{
    struct fit_sums sums = {0};
    struct fit_basis basis;
    uint64_t magnitudes = 0;
    size_t found = 0;

    assert(count >= NTS_PREDICT_FIT_MIN);
    for (size_t i = 0; i < count; i++)
        magnitudes |= nts_zigzag((int64_t)(src[i] - src[0])) >> 1;
    fit_gather(&sums, src, count);
    fit_orthogonalise(&basis, &sums);
    for (uint8_t order = 0; order < TARGETS; order++) {
        double weights[REGRESSORS];
        const size_t kept = fit_weights(weights, &basis, &sums, REGRESSORS + order);
        fits[found] = (struct nts_predictor){.order = order};
        if (kept > 0 && fit_taps(&fits[found], weights, kept, nts_bit_length(magnitudes)))
            found++;
    }
    return found;
}
