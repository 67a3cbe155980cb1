/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/decimal.c - finding the digits of a vector, and exceptions both ways. */
#include "codec/decimal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/decimal_kernels.h"
#include "codec/dispatch.h"

#define EXCEPTIONS_FLAG      0x80u /* of control */
#define DIGITS_NONE          (NTS_DECIMAL_DIGITS_MAX + 1)
#define DECIMAL_SAMPLE_COUNT 32u
/* Of a short vector: a larger one would be most of the work of encoding it. */
#define DECIMAL_SAMPLE_COUNT_FEW 8u

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

/* Bytes of a position, and of the number of exceptions. */
static size_t decimal_index_size(size_t count)
{
    return count <= 256 ? 1 : 2;
}

static uint8_t *decimal_index_put(uint8_t *at, size_t count, size_t x)
{
    if (decimal_index_size(count) == 1)
        *at = (uint8_t)x;
    else
        nts_store_u16(at, (uint16_t)x);
    return at + decimal_index_size(count);
}

static size_t decimal_index_get(const uint8_t *at, size_t count)
{
    return decimal_index_size(count) == 1 ? *at : nts_load_u16(at);
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
    if (counts[DIGITS_NONE] > 1 + sample_count / 4)
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

/* Lists the exceptions that `wrong` marks and gives their slots the integer before. */
static void decimal_list_exceptions(struct nts_decimal_plan *plan, uint64_t *values,
                                    const uint64_t *wrong, size_t count)
{
    size_t found = 0;
    size_t good = 0;

    for (size_t i = 0; i < count; i++) {
        plan->positions[found] = (uint16_t)i;
        found += (size_t)wrong[i];
    }
    assert(found == plan->exception_count);
    while (wrong[good])
        good++;
    for (size_t k = 0; k < found; k++) {
        const size_t position = plan->positions[k];
        values[position] = values[position == 0 ? good : position - 1];
    }
}

/* Plans with the integers and the marks that the scratch has. */
static bool decimal_plan(struct nts_decimal_plan *plan, struct nts_codec_scratch *scratch,
                         unsigned digits, size_t wrong_count, size_t count)
{
    if (wrong_count > NTS_DECIMAL_EXCEPTION_COUNT_MAX(count) || wrong_count == count)
        return false;
    plan->digits = digits;
    plan->exception_count = wrong_count;
    plan->head_size = 1;
    if (wrong_count > 0) {
        const size_t index_size = decimal_index_size(count);
        plan->head_size += index_size + wrong_count * (index_size + 8);
        decimal_list_exceptions(plan, scratch->values, scratch->a, count);
    }
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
           decimal_plan(plan, scratch, digits, decimal_scale(scratch, digits, src, count), count);
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
    return decimal_plan(plan, scratch, digits, wrong_count, count);
}

uint8_t *nts_decimal_write_head(uint8_t *dst, const struct nts_decimal_plan *plan,
                                const double *src, size_t count)
{
    const size_t exception_count = plan->exception_count;
    uint8_t *const start = dst;

    *dst++ = (uint8_t)(plan->digits | (exception_count > 0 ? EXCEPTIONS_FLAG : 0));
    if (exception_count > 0)
        dst = decimal_index_put(dst, count, exception_count);
    for (size_t k = 0; k < exception_count; k++)
        dst = decimal_index_put(dst, count, plan->positions[k]);
    for (size_t k = 0; k < exception_count; k++, dst += 8)
        nts_store_u64(dst, nts_bits_of_double(src[plan->positions[k]]));
    assert(dst == start + plan->head_size);
    (void)start;
    return dst;
}

/* ---- decode ------------------------------------------------------------------------------- */

const uint8_t *nts_decimal_read_head(struct nts_decimal_head *head, size_t count, const uint8_t *at,
                                     const uint8_t *end)
{
    const size_t index_size = decimal_index_size(count);

    *head = (struct nts_decimal_head){0};
    if (at == end)
        return NULL;
    const uint8_t control = *at++;
    head->digits = control & ~EXCEPTIONS_FLAG;
    if (head->digits > NTS_DECIMAL_DIGITS_MAX)
        return NULL;
    if ((control & EXCEPTIONS_FLAG) == 0)
        return at;

    if ((size_t)(end - at) < index_size)
        return NULL;
    head->exception_count = decimal_index_get(at, count);
    at += index_size;
    if (head->exception_count < 1 || head->exception_count > count)
        return NULL;
    if ((size_t)(end - at) < head->exception_count * (index_size + 8))
        return NULL;
    head->positions = at;
    head->values = at + head->exception_count * index_size;
    return head->values + 8 * head->exception_count;
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
                                 const uint64_t *src, size_t count)
{
    const size_t index_size = decimal_index_size(count);
    const uint8_t *position_at = head->positions;
    size_t position_min = 0;

    if (nts_kernels()->decimal_to_f64(dst, src, count, powers_of_ten[head->digits]) != 0)
        return NANOTS_CORRUPT;
    if (!decimal_rounds_to_nearest())
        for (size_t i = 0; i < count; i++)
            dst[i] = decimal_divide_slowly((int64_t)src[i], head->digits);

    for (size_t k = 0; k < head->exception_count; k++, position_at += index_size) {
        const size_t position = decimal_index_get(position_at, count);
        if (position < position_min || position >= count)
            return NANOTS_CORRUPT;
        dst[position] = nts_double_of_bits(nts_load_u64(head->values + 8 * k));
        position_min = position + 1;
    }
    return NANOTS_OK;
}
