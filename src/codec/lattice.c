/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/lattice.c - finding the step of numbers that were rounded. Contract: lattice.h.
 *
 *   64 numbers, sorted --> distances of neighbours, each right to +-1
 *     --> Euclid's algorithm that takes what may be rounding for 0 --> a first step
 *     --> distances from the smallest, rising: each makes the step more precise
 *     --> all numbers: bisection until no rest is off by as much as 1 --> step and phase
 *
 * The rests, n - step * m, must lie within less than 1. How far they lie apart is a convex function
 * of the step: where the highest has the larger m, the step is too small.
 */
#include "codec/lattice.h"

#include "base/bytes.h"
#include "codec/varint.h"

#define LATTICE_SAMPLE_COUNT 64u
/* A smaller step saves two bits, and is hard to tell from chance. */
#define LATTICE_STEP_MIN 6.0
#define LATTICE_ROUNDS   40u
#define LATTICE_ROUNDER  0x1.8p52

/* A number that is known up to +-error. */
struct estimate {
    double value;
    double error;
};

static double rounded(double x)
{
    return x + LATTICE_ROUNDER - LATTICE_ROUNDER;
}

static double magnitude(double x)
{
    return x < 0.0 ? -x : x;
}

/* Takes a sample of the numbers, sorted, each once. Returns how many. */
static size_t lattice_sample(double *sample, const uint64_t *src, size_t count)
{
    size_t kept = 0;

    for (size_t k = 0; k < LATTICE_SAMPLE_COUNT; k++) {
        const double x = (double)(int64_t)src[k * count / LATTICE_SAMPLE_COUNT];
        size_t at = kept;
        while (at > 0 && sample[at - 1] > x)
            at--;
        if (at > 0 && sample[at - 1] == x)
            continue;
        for (size_t i = kept; i > at; i--)
            sample[i] = sample[i - 1];
        sample[at] = x;
        kept++;
    }
    return kept;
}

/* The greatest common divisor of two estimates; false if it is too small to be one. */
static bool estimate_divide(struct estimate *divisor, struct estimate a)
{
    struct estimate b = *divisor;

    while (b.value >= LATTICE_STEP_MIN && b.value >= 4.0 * b.error) {
        const double quotient = rounded(a.value / b.value);
        const struct estimate rest = {magnitude(a.value - quotient * b.value),
                                      a.error + quotient * b.error};
        if (rest.value <= rest.error) {
            if (quotient >= 1.0 && a.error / quotient < b.error)
                b = (struct estimate){a.value / quotient, a.error / quotient};
            *divisor = b;
            return true;
        }
        a = b;
        b = rest;
    }
    return false;
}

/* The step that the sample has. */
static bool lattice_estimate(struct estimate *step, const double *sample, size_t sample_count)
{
    if (sample_count < LATTICE_SAMPLE_COUNT / 8)
        return false;
    *step = (struct estimate){sample[1] - sample[0], 1.0};
    for (size_t k = 2; k < sample_count; k++)
        if (!estimate_divide(step, (struct estimate){sample[k] - sample[k - 1], 1.0}))
            return false;
    for (size_t k = 1; k < sample_count; k++) {
        const double distance = sample[k] - sample[0];
        const double quotient = rounded(distance / step->value);
        if (quotient * step->error > step->value / 4.0 ||
            magnitude(distance - quotient * step->value) > 1.0 + quotient * step->error)
            return false;
        if (quotient >= 1.0 && 1.0 / quotient < step->error)
            *step = (struct estimate){distance / quotient, 1.0 / quotient};
    }
    return step->value >= LATTICE_STEP_MIN;
}

/* The m of numbers, if the lattice has them: integers to doubles and back by an addition. */
static void lattice_guess(uint64_t *dst, const struct nts_lattice *lattice, const uint64_t *src,
                          size_t count)
{
    const uint64_t rounder = nts_bits_of_double(LATTICE_ROUNDER);
    const double unit = (double)((uint64_t)1 << lattice->shift);
    const double step = (double)lattice->step / unit;
    const double origin = (double)lattice->phase / unit - 0.5;

    for (size_t i = 0; i < count; i++) {
        const double n = nts_double_of_bits(src[i] + rounder) - LATTICE_ROUNDER;
        dst[i] = nts_bits_of_double((n - origin) / step + LATTICE_ROUNDER) - rounder;
    }
}

/* Shifts the step towards one for which the rests lie closer together, by less than before; and
 * sets the phase. Whether they lie close enough. */
static bool lattice_refine(struct nts_lattice *lattice, const uint64_t *src, const uint64_t *index,
                           size_t count, int64_t *room)
{
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    size_t low_at = 0;
    size_t high_at = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t product = (uint64_t)lattice->step * index[i];
        const int64_t rest = (int64_t)((src[i] << lattice->shift) - product);
        if (rest < low) {
            low = rest;
            low_at = i;
        }
        if (rest > high) {
            high = rest;
            high_at = i;
        }
    }
    lattice->phase = high;
    if ((uint64_t)high - (uint64_t)low < (uint64_t)1 << lattice->shift)
        return true;
    const int64_t half = *room / 2 + 1;
    lattice->step += (int64_t)index[high_at] > (int64_t)index[low_at] ? half : -half;
    *room = half;
    return false;
}

/* The shift for which numbers and products of the sample's range stay below 2^61. */
static bool lattice_set_shift(struct nts_lattice *lattice, const double *sample,
                              size_t sample_count, double step)
{
    double most = 4.0 * (magnitude(sample[0]) + magnitude(sample[sample_count - 1]) + step);

    lattice->shift = NTS_LATTICE_SHIFT_MAX;
    while (most >= 1.0) {
        most /= 2.0;
        lattice->shift--;
        if (lattice->shift == 0)
            return false;
    }
    return true;
}

bool nts_lattice_find(struct nts_lattice *out, uint64_t *work, const uint64_t *src, size_t count)
{
    double sample[LATTICE_SAMPLE_COUNT];
    struct estimate step;

    if (count < NTS_LATTICE_COUNT_MIN)
        return false;
    const size_t sample_count = lattice_sample(sample, src, count);
    if (!lattice_estimate(&step, sample, sample_count) ||
        !lattice_set_shift(out, sample, sample_count, step.value))
        return false;
    const double unit = (double)((uint64_t)1 << out->shift);
    int64_t room = (int64_t)(step.error * unit);
    out->step = (int64_t)(step.value * unit);
    out->phase = (int64_t)(sample[0] * unit + unit / 2.0);
    lattice_guess(work, out, src, count);
    for (unsigned round = 0; round < LATTICE_ROUNDS && room > 1; round++)
        if (lattice_refine(out, src, work, count, &room))
            return true;
    return false;
}

bool nts_lattice_divide(uint64_t *dst, uint64_t *work, const struct nts_lattice *lattice,
                        const uint64_t *src, size_t count)
{
    uint64_t wrong = 0;

    lattice_guess(work, lattice, src, count);
    nts_lattice_multiply(dst, lattice, work, count);
    for (size_t i = 0; i < count; i++)
        wrong |= dst[i] ^ src[i];
    for (size_t i = 0; i < count; i++)
        dst[i] = work[i];
    return wrong == 0;
}

/* Moving the products up by 2^63, and the quotients down again, makes the shift one of unsigned
 * numbers, which has vector code. */
void nts_lattice_multiply(uint64_t *dst, const struct nts_lattice *lattice, const uint64_t *src,
                          size_t count)
{
    const uint64_t middle = (uint64_t)1 << 63;
    const uint64_t phase = (uint64_t)lattice->phase + middle;
    const uint64_t step = (uint64_t)lattice->step;
    const unsigned shift = lattice->shift;

    for (size_t i = 0; i < count; i++)
        dst[i] = ((phase + step * src[i]) >> shift) - (middle >> shift);
}

/* ---- bytes -------------------------------------------------------------------------------- */

size_t nts_lattice_size(const struct nts_lattice *lattice)
{
    return nts_svarint_size((uint64_t)lattice->phase) + nts_svarint_size((uint64_t)lattice->step) +
           1;
}

uint8_t *nts_lattice_write(uint8_t *dst, const struct nts_lattice *lattice)
{
    dst = nts_svarint_put(dst, (uint64_t)lattice->phase);
    dst = nts_svarint_put(dst, (uint64_t)lattice->step);
    *dst++ = lattice->shift;
    return dst;
}

const uint8_t *nts_lattice_read(struct nts_lattice *lattice, const uint8_t *at, const uint8_t *end)
{
    uint64_t phase;
    uint64_t step;

    at = nts_svarint_get(at, end, &phase);
    if (at != NULL)
        at = nts_svarint_get(at, end, &step);
    if (at == NULL || at == end || *at > NTS_LATTICE_SHIFT_MAX)
        return NULL;
    lattice->phase = (int64_t)phase;
    lattice->step = (int64_t)step;
    lattice->shift = *at++;
    return at;
}
