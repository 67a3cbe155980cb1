/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_predict_fit.c - taps by least squares (codec/predict.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/bytes.h"
#include "codec/predict.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static double random_unit(void)
{
    return (double)(seed_next(&seed) >> 11) * 0x1p-53;
}

/* Bytes of the best predictor with taps; SIZE_MAX if there is none. */
static size_t best_size(size_t count)
{
    struct nts_predictor fits[NTS_PREDICT_FITS_MAX];
    const size_t fit_count = nts_predict_fit(fits, values, count);
    size_t best = SIZE_MAX;

    assert_in_range(fit_count, 0, NTS_PREDICT_FITS_MAX);
    for (size_t k = 0; k < fit_count; k++) {
        assert_in_range(fits[k].tap_count, 1, NTS_PREDICT_TAPS_MAX);
        const size_t size = nts_predict_choose(&scratch, &fits[k], values, count).size;
        best = size < best ? size : best;
    }
    return best;
}

static uint64_t ordered_bits(double x)
{
    const uint64_t bits = nts_bits_of_double(x);
    return bits >> 63 ? ~bits ^ (uint64_t)1 << 63 : bits;
}

/* Goal: a sine of 48 bits, as doubles hold it, comes to its last bits. Method: sizes of the series
 * of the specification of this project, where differences of order 7 take 7 bits a value. */
static void fit_smooth_doubles_take_few_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = ordered_bits(25.0 + sin((double)i * 0.01));
    assert_in_range(best_size(COUNT), 1, COUNT * 3 / 8);
}

/* Goal: vibration takes the bits of its noise, and not those of its swing. Method: sines of several
 * frequencies of 2^30 with noise of a few units, and counts. */
static void fit_vibration_takes_the_bits_of_its_noise(void **state)
{
    static const double frequencies[] = {0.02, 0.3, 1.0, 1.9, 2.8};
    static const size_t counts[] = {NTS_PREDICT_FIT_MIN, 200, 600, COUNT};
    (void)state;
    for (size_t f = 0; f < sizeof frequencies / sizeof frequencies[0]; f++)
        for (size_t k = 0; k < 4; k++) {
            for (size_t i = 0; i < counts[k]; i++)
                values[i] = (uint64_t)(int64_t)(0x1p30 * sin((double)i * frequencies[f]) +
                                                4.0 * random_unit());
            assert_in_range(best_size(counts[k]), 1, 60 + counts[k] * 6 / 8);
        }
}

static void fit_of_noise_or_nothing_is_none_or_harmless(void **state)
{
    static const uint64_t extremes[] = {(uint64_t)INT64_MIN, INT64_MAX, 0, 1};
    (void)state;
    for (unsigned round = 0; round < 64; round++) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = round % 4 == 0   ? extremes[seed_next(&seed) % 4]
                        : round % 4 == 1 ? seed_next(&seed) >> round
                        : round % 4 == 2 ? 5
                                         : i << round;
        (void)best_size(COUNT);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_smooth_doubles_take_few_bits),
        cmocka_unit_test(fit_vibration_takes_the_bits_of_its_noise),
        cmocka_unit_test(fit_of_noise_or_nothing_is_none_or_harmless),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
