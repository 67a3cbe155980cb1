/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/f32.c - finding doubles that are short and round to the floats, and rounding them.
 *
 * encode:  float --+--> the same double ----------------------> as f64 --+
 *                  +--> digits that suit a sample? n / 10^k --> as f64 --+--> smallest, else RAW
 *
 *        63   62..52     51..29         28..0            31   30..23     22..0
 *   f64 | s | exponent | fraction | rest of fraction |  | s | exponent | fraction | f32
 *
 * Conversion of normal numbers is a few operations on bits without branches, which compilers make
 * vector code of; zeros, subnormals, infinities and NaNs are mended one by one.
 */
#include "codec/f32.h"

#include "base/bytes.h"
#include "base/check.h"

#define F32_DIGITS_MAX   10u
#define F32_DIGITS_NONE  (F32_DIGITS_MAX + 1)
#define F32_SAMPLE_COUNT 32u

/* What a digit more costs each value, and an exception of DECIMAL, in thirds of a bit. */
#define F32_DIGIT_COST     10u
#define F32_EXCEPTION_COST (3u * 80u)

/* Bits of f64 more than f32 has, and the exponents of f32's normal numbers as those of f64. */
#define FRACTION_REST    29u
#define EXPONENT_OFFSET  (1023u - 127u)
#define EXPONENT_NORMAL  (EXPONENT_OFFSET + 1)
#define EXPONENT_LARGE   (EXPONENT_OFFSET + 255)
#define EXPONENT_SPECIAL 2047u

/* ---- float <-> double on bits ------------------------------------------------------------- */

static bool f32_is_special(uint32_t bits)
{
    return (((bits >> 23) + 1) & 0xFF) <= 1;
}

/* A float that is zero, subnormal, infinite or NaN. */
static uint64_t widen_special(uint32_t bits)
{
    const uint64_t sign = (uint64_t)(bits >> 31) << 63;
    const uint64_t fraction = bits & 0x7FFFFF;

    if ((bits >> 23 & 0xFF) == 0xFF)
        return sign | (uint64_t)EXPONENT_SPECIAL << 52 | fraction << FRACTION_REST;
    if (fraction == 0)
        return sign;
    const unsigned length = nts_bit_length(fraction); /* the top bit becomes the hidden one */
    const uint64_t exponent = EXPONENT_NORMAL - (24 - length);
    return sign | (((exponent - 1) << 52) + (fraction << (53 - length)));
}

static uint64_t widen(uint32_t bits)
{
    const uint64_t sign = (uint64_t)(bits >> 31) << 63;
    const uint64_t magnitude = (uint64_t)(bits & 0x7FFFFFFF) << FRACTION_REST;

    if (f32_is_special(bits))
        return widen_special(bits);
    return sign | (magnitude + ((uint64_t)EXPONENT_OFFSET << 52));
}

/* x / 2^shift to nearest even; 1 <= shift <= 63. */
static uint64_t round_shift(uint64_t x, unsigned shift)
{
    const uint64_t half = (uint64_t)1 << (shift - 1);

    return (x + (half - 1) + (x >> shift & 1)) >> shift;
}

static bool is_normal_as_f32(uint64_t bits)
{
    return (bits >> 52 & 0x7FF) - EXPONENT_NORMAL < EXPONENT_LARGE - EXPONENT_NORMAL;
}

/* Of a double that is_normal_as_f32. A carry out of the fraction counts the exponent up, at the end
 * to infinity. */
static uint32_t narrow_normal(uint64_t bits)
{
    const uint64_t rebased = (bits & INT64_MAX) - ((uint64_t)EXPONENT_OFFSET << 52);

    return (uint32_t)(bits >> 63) << 31 | (uint32_t)round_shift(rebased, FRACTION_REST);
}

/* The bits of a double, of which nothing is known, rounded to a float. */
static uint32_t narrow(uint64_t bits)
{
    const uint32_t sign = (uint32_t)(bits >> 63) << 31;
    const uint64_t magnitude = bits & INT64_MAX;
    const unsigned exponent = (unsigned)(magnitude >> 52);
    const uint64_t fraction = magnitude & (((uint64_t)1 << 52) - 1);

    if (exponent == EXPONENT_SPECIAL)
        return sign | 0x7F800000 | (uint32_t)(fraction >> FRACTION_REST);
    if (exponent >= EXPONENT_LARGE)
        return sign | 0x7F800000;
    if (exponent < EXPONENT_NORMAL - 24)
        return sign; /* below half of the smallest */
    if (exponent < EXPONENT_NORMAL) {
        const uint64_t whole = fraction | (uint64_t)1 << 52;
        return sign | (uint32_t)round_shift(whole, FRACTION_REST + EXPONENT_NORMAL - exponent);
    }
    return narrow_normal(bits);
}

void nts_f32_widen(double *dst, const float *src, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &src[i], sizeof bits);
        const uint64_t wide = widen(bits);
        memcpy(&dst[i], &wide, sizeof wide);
    }
}

float nts_f32_narrow(double value)
{
    const uint32_t narrowed = narrow(nts_bits_of_double(value));
    float out;

    memcpy(&out, &narrowed, sizeof out);
    return out;
}

/* Rounds all; false if a NaN has bits that a float has no place for. */
static bool narrow_all(float *dst, const double *src, size_t count)
{
    uint64_t odd_count = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &src[i], sizeof bits);
        const uint32_t narrowed = narrow_normal(bits);
        memcpy(&dst[i], &narrowed, sizeof narrowed);
        odd_count += !is_normal_as_f32(bits);
    }
    for (size_t i = 0; odd_count > 0; i++) {
        const uint64_t bits = nts_bits_of_double(src[i]);
        if (is_normal_as_f32(bits))
            continue;
        const uint32_t narrowed = narrow(bits);
        if (src[i] != src[i] && (bits & (((uint64_t)1 << FRACTION_REST) - 1)) != 0)
            return false;
        memcpy(&dst[i], &narrowed, sizeof narrowed);
        odd_count--;
    }
    return true;
}

/* ---- encode ------------------------------------------------------------------------------- */

static double power_of_ten(unsigned digits)
{
    double power = 1.0;
    for (unsigned k = 0; k < digits; k++)
        power *= 10.0;
    return power;
}

/* The double nearest to x, a float, that has few digits: an integer / scale. It is x itself, and
 * *is_short_out false, if that does not round to the float, and for zeros and subnormals. */
static double shorten(double x, double scale, bool *is_short_out)
{
    const double rounder = 0x1.8p52; /* adding it leaves no bits behind the point */
    const double rounded = x * scale + rounder - rounder;
    const double shortened = rounded / scale;
    const uint64_t bits = nts_bits_of_double(x);
    const uint64_t shortened_bits = nts_bits_of_double(shortened);

    *is_short_out = rounded > -0x1p50 && rounded < 0x1p50 && is_normal_as_f32(bits) &&
                    is_normal_as_f32(shortened_bits) &&
                    narrow_normal(shortened_bits) == narrow_normal(bits);
    return *is_short_out ? shortened : x;
}

/* The fewest digits that round to the float x; F32_DIGITS_NONE if none do. */
static unsigned f32_digits_of(double x)
{
    if (nts_bits_of_double(x) == 0)
        return 0;
    for (unsigned digits = 0; digits <= F32_DIGITS_MAX; digits++) {
        bool is_short;
        (void)shorten(x, power_of_ten(digits), &is_short);
        if (is_short)
            return digits;
    }
    return F32_DIGITS_NONE;
}

/* The digits that make a sample of the vector cheapest; 0 if digits are no help. */
static unsigned f32_guess_digits(const double *src, size_t count)
{
    const size_t sample_count = count < F32_SAMPLE_COUNT ? count : F32_SAMPLE_COUNT;
    size_t counts[F32_DIGITS_NONE + 1] = {0};
    size_t more_count = sample_count; /* values that need more digits */
    size_t cost_min = SIZE_MAX;
    unsigned cheapest = 0;

    for (size_t i = 0; i < sample_count; i++)
        counts[f32_digits_of(src[(2 * i + 1) * count / (2 * sample_count)])]++;
    if (counts[F32_DIGITS_NONE] > 1 + sample_count / 4)
        return 0;
    for (unsigned digits = 0; digits <= F32_DIGITS_MAX; digits++) {
        more_count -= counts[digits];
        const size_t cost =
            F32_DIGIT_COST * digits * sample_count + F32_EXCEPTION_COST * more_count;
        if (counts[digits] == 0 || cost >= cost_min)
            continue;
        cost_min = cost;
        cheapest = digits;
    }
    return cheapest;
}

bool nts_f32_shorten(double *wide, size_t count)
{
    const unsigned digits = f32_guess_digits(wide, count);
    const double scale = power_of_ten(digits);
    bool is_short;

    for (size_t i = 0; i < count && digits > 0; i++)
        wide[i] = shorten(wide[i], scale, &is_short);
    return digits > 0;
}

static bool f32_all_equal(const float *src, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (memcmp(&src[i], &src[0], sizeof src[0]) != 0)
            return false;
    return true;
}

size_t nts_f32_raw_write(uint8_t *dst, const float *src, size_t count)
{
    dst[0] = NTS_CODEC_RAW;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &src[i], sizeof bits);
        nts_store_u32(dst + 1 + 4 * i, bits);
    }
    return nts_f32_bound(count);
}

/* Encodes the doubles of the scratch to dst if that takes less than `size`. Returns the smaller. */
static size_t encode_wide(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                          uint8_t *dst, size_t size, size_t count)
{
    const size_t wide_size =
        nts_f64_encode_next(scratch, choice, scratch->wide_bytes, scratch->wide, count);

    if (wide_size >= size)
        return size;
    memcpy(dst, scratch->wide_bytes, wide_size);
    return wide_size;
}

size_t nts_f32_encode_next(struct nts_codec_scratch *scratch, struct nts_f64_choice *choice,
                           uint8_t *dst, const float *src, size_t count)
{
    struct nts_f64_choice none = {.age = 0}; /* the choice is that of the doubles tried first */
    double *const wide = scratch->wide;
    size_t size = nts_f32_bound(count);

    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    nts_f32_widen(wide, src, count);
    if (!f32_all_equal(src, count) && nts_f32_shorten(wide, count)) {
        size = encode_wide(scratch, choice, dst, size, count);
        if (size <= count || (choice->is_good && size <= 2 * count))
            return size;
        nts_f32_widen(wide, src, count);
        choice = &none;
    }
    size = encode_wide(scratch, choice, dst, size, count);
    return size < nts_f32_bound(count) ? size : nts_f32_raw_write(dst, src, count);
}

size_t nts_f32_encode(struct nts_codec_scratch *scratch, uint8_t *dst, const float *src,
                      size_t count)
{
    struct nts_f64_choice none = {.age = 0};

    return nts_f32_encode_next(scratch, &none, dst, src, count);
}

/* ---- decode ------------------------------------------------------------------------------- */

static nanots_status f32_raw_read(float *dst, size_t count, const uint8_t *src, size_t src_size)
{
    if (src_size != nts_f32_bound(count))
        return NANOTS_CORRUPT;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = nts_load_u32(src + 1 + 4 * i);
        memcpy(&dst[i], &bits, sizeof bits);
    }
    return NANOTS_OK;
}

nanots_status nts_f32_decode(struct nts_codec_scratch *scratch, float *dst, size_t count,
                             const uint8_t *src, size_t src_size)
{
    assert(count >= 1);
    assert(count <= NTS_VECTOR_ROWS);
    if (src_size >= 1 && src[0] == NTS_CODEC_RAW)
        return f32_raw_read(dst, count, src, src_size);
    NTS_TRY(nts_f64_decode(scratch, scratch->wide, count, src, src_size));
    return narrow_all(dst, scratch->wide, count) ? NANOTS_OK : NANOTS_CORRUPT;
}
