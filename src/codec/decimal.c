/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/decimal.c - finding the digits of a vector, and numbers both ways. */
#include "codec/decimal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/decimal_kernels.h"
#include "codec/dispatch.h"

#define DIGITS_NONE          (NTS_DECIMAL_DIGITS_MAX + 1)
#define DECIMAL_SAMPLE_COUNT 32u
/* Of a short vector: a larger one would be most of the work of encoding it. */
#define DECIMAL_SAMPLE_COUNT_FEW 8u

/* Of numbers that were moved: digits, size and steps of a double up to which they are believed; and
 * how many of a sample are looked at. */
#define MOVED_DIGITS_MAX   9u
#define MOVED_LIMIT        0x1p40
#define MOVED_STEPS        8u
#define MOVED_SAMPLE_COUNT 4u

/* What a digit more costs each value, and what an exception costs, in thirds of a bit. */
#define DIGIT_COST     10u
#define EXCEPTION_COST (3u * 80u)

/* All are exact: 5^22 has less than 53 bits. */
static const double powers_of_ten[NTS_DECIMAL_DIGITS_MAX + 1] = {
    1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
};

/* Whether this thread rounds as everybody does. Another mode would divide to other bits. */
static bool decimal_rounds_to_nearest(void)
{
    const volatile double little = 0x1p-60;

    return 1.0 + little == 1.0 && 1.0 - little == 1.0;
}

/* ---- encode ------------------------------------------------------------------------------- */

/* Candidates for the digits of a vector, from a sample: the cheapest, and those that suit every
 * decimal of the sample. */
struct decimal_guess {
    unsigned cheapest;
    unsigned most;
};

/* How many of the sample need so many digits, the fewest that give back their bits; those for whom
 * none do are counts[DIGITS_NONE]. More digits than the fewest do as well, as long as the integer
 * fits: they are the same fraction. All that are left try the next digit together: a division
 * takes long, but eight at once take no longer. */
static void decimal_count_digits(size_t counts[DIGITS_NONE + 1], double *sample, size_t left)
{
    uint64_t values[DECIMAL_SAMPLE_COUNT];
    uint64_t wrong[DECIMAL_SAMPLE_COUNT];

    for (unsigned digits = 0; digits <= NTS_DECIMAL_DIGITS_MAX && left != 0; digits++) {
        size_t kept = 0;
        const size_t wrong_count =
            nts_kernels()->decimal_from_f64(values, wrong, sample, left, powers_of_ten[digits]);
        counts[digits] = left - wrong_count;
        for (size_t i = 0; i < left && wrong_count != left; i++) {
            sample[kept] = sample[i];
            kept += (size_t)wrong[i];
        }
        left = wrong_count;
    }
    counts[DIGITS_NONE] = left;
}

/* Whether x is a step or a few beside a number of few digits: arithmetic has moved it. */
static bool decimal_is_moved(double x)
{
    for (unsigned digits = 0; digits <= MOVED_DIGITS_MAX; digits++) {
        const double rounded =
            x * powers_of_ten[digits] + NTS_DECIMAL_ROUNDER - NTS_DECIMAL_ROUNDER;
        const uint64_t difference =
            nts_bits_of_double(x) - nts_bits_of_double(rounded / powers_of_ten[digits]);
        if (rounded > -MOVED_LIMIT && rounded < MOVED_LIMIT &&
            difference + MOVED_STEPS <= 2 * MOVED_STEPS)
            return true;
    }
    return false;
}

/* Whether values of the sample that no digits give back are no decimals at all. */
static bool decimal_is_hopeless(const double *sample, size_t count)
{
    const size_t looked_at = count < MOVED_SAMPLE_COUNT ? count : MOVED_SAMPLE_COUNT;
    size_t moved_count = 0;

    for (size_t i = 0; i < looked_at; i++)
        moved_count += decimal_is_moved(sample[i]);
    return moved_count * 2 < looked_at;
}

static bool decimal_guess_digits(struct decimal_guess *guess, const double *src, size_t count)
{
    const size_t sample_most =
        count <= NTS_DECIMAL_COUNT_FEW ? DECIMAL_SAMPLE_COUNT_FEW : DECIMAL_SAMPLE_COUNT;
    const size_t sample_count = count < sample_most ? count : sample_most;
    double sample[DECIMAL_SAMPLE_COUNT];
    size_t counts[DIGITS_NONE + 1] = {0};
    size_t more_count = sample_count; /* values that need more digits */
    size_t cost_min = SIZE_MAX;

    for (size_t i = 0; i < sample_count; i++)
        sample[i] = src[(2 * i + 1) * count / (2 * sample_count)];
    decimal_count_digits(counts, sample, sample_count);
    if (counts[DIGITS_NONE] > 1 + sample_count / 4 &&
        (counts[DIGITS_NONE] > sample_count / 2 ||
         decimal_is_hopeless(sample, counts[DIGITS_NONE])))
        return false;
    for (unsigned digits = 0; digits <= NTS_DECIMAL_DIGITS_MAX; digits++) {
        if (counts[digits] == 0)
            continue;
        more_count -= counts[digits];
        guess->most = digits;
        const size_t cost = DIGIT_COST * digits * sample_count + EXCEPTION_COST * more_count;
        if (cost >= cost_min)
            continue;
        cost_min = cost;
        guess->cheapest = digits;
    }
    return cost_min < SIZE_MAX;
}

/* Plans with the integers and the marks that the scratch has. */
static bool decimal_plan(struct nts_decimal_plan *plan, struct nts_codec_scratch *scratch,
                         unsigned digits, size_t wrong_count, const double *src, size_t count)
{
    plan->digits = digits;
    if (!nts_exceptions_plan(&plan->exceptions, scratch, scratch->values, wrong_count, src, count,
                             powers_of_ten[digits]))
        return false;
    plan->head_size = 1 + plan->exceptions.size;
    return true;
}

/* Integers and marks go to the scratch. Returns the number of exceptions. */
static size_t decimal_scale(struct nts_codec_scratch *scratch, unsigned digits, const double *src,
                            size_t count)
{
    return nts_kernels()->decimal_from_f64(scratch->values, scratch->a, src, count,
                                           powers_of_ten[digits]);
}

bool nts_decimal_of_digits(struct nts_decimal_plan *plan, struct nts_codec_scratch *scratch,
                           unsigned digits, const double *src, size_t count)
{
    return decimal_rounds_to_nearest() &&
           decimal_plan(plan, scratch, digits, decimal_scale(scratch, digits, src, count), src,
                        count);
}

bool nts_decimal_from_f64(struct nts_decimal_plan *plan, struct nts_codec_scratch *scratch,
                          const double *src, size_t count)
{
    struct decimal_guess guess = {0, 0};

    if (!decimal_rounds_to_nearest() || !decimal_guess_digits(&guess, src, count))
        return false;

    unsigned digits = guess.cheapest;
    size_t wrong_count = decimal_scale(scratch, digits, src, count);
    if (wrong_count > count / 16 && guess.most > guess.cheapest) {
        const size_t cost = DIGIT_COST * digits * count + EXCEPTION_COST * wrong_count;
        const size_t most_wrong_count = decimal_scale(scratch, guess.most, src, count);
        if (DIGIT_COST * guess.most * count + EXCEPTION_COST * most_wrong_count < cost) {
            digits = guess.most;
            wrong_count = most_wrong_count;
        } else {
            (void)decimal_scale(scratch, digits, src, count);
        }
    }
    return decimal_plan(plan, scratch, digits, wrong_count, src, count);
}

uint8_t *nts_decimal_write_head(uint8_t *dst, const struct nts_decimal_plan *plan,
                                const struct nts_codec_scratch *scratch, const double *src,
                                size_t count)
{
    *dst++ = (uint8_t)(plan->digits | plan->exceptions.flags);
    return nts_exceptions_write(dst, &plan->exceptions, scratch, src, count);
}

/* ---- decode ------------------------------------------------------------------------------- */

const uint8_t *nts_decimal_read_head(struct nts_decimal_head *head,
                                     struct nts_codec_scratch *scratch, size_t count,
                                     const uint8_t *at, const uint8_t *end)
{
    if (at == end)
        return NULL;
    const unsigned control = *at++;
    head->digits = control & ~NTS_EXCEPTIONS_FLAGS;
    if (head->digits > NTS_DECIMAL_DIGITS_MAX)
        return NULL;
    return nts_exceptions_read(&head->exceptions, scratch, control & NTS_EXCEPTIONS_FLAGS, count,
                               at, end);
}

/* n / 10^digits to nearest even, |n| <= 2^51, without the processor's rounding: a bit of the
 * quotient at a time, to two more than a double has. */
static double decimal_divide_slowly(int64_t n, unsigned digits)
{
    const uint64_t divisor = (uint64_t)powers_of_ten[digits];
    const uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    uint64_t quotient = magnitude / divisor;
    uint64_t rest = magnitude % divisor;
    uint64_t exponent = 1023 + 54;

    if (n == 0)
        return 0.0;
    for (; quotient >> 54 == 0; exponent--) {
        rest <<= 1;
        quotient = quotient << 1 | (rest >= divisor);
        if (rest >= divisor)
            rest -= divisor;
    }
    const uint64_t low = quotient & 3;
    uint64_t mantissa = quotient >> 2;
    mantissa += low == 3 || (low == 2 && (rest > 0 || (mantissa & 1)));
    /* The top bit of the mantissa, and its carry, count the exponent up. */
    const uint64_t bits = ((exponent - 1) << 52) + mantissa;
    return nts_double_of_bits(bits | (uint64_t)(n < 0) << 63);
}

nanots_status nts_decimal_to_f64(double *dst, const struct nts_decimal_head *head,
                                 const struct nts_codec_scratch *scratch, const uint64_t *src,
                                 size_t count)
{
    if (nts_kernels()->decimal_to_f64(dst, src, count, powers_of_ten[head->digits]) != 0)
        return NANOTS_CORRUPT;
    if (!decimal_rounds_to_nearest())
        for (size_t i = 0; i < count; i++)
            dst[i] = decimal_divide_slowly((int64_t)src[i], head->digits);
    nts_exceptions_apply(dst, &head->exceptions, scratch);
    return NANOTS_OK;
}
