/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/bitpack.c - the short bit stream, and the scalar set of kernels. */
#include "codec/bitpack.h"

#include "codec/binned_kernels.h"
#include "codec/bitpack_kernels.h"
#include "codec/decimal_kernels.h"
#include "codec/delta_kernels.h"

/* Packs without touching a byte past the stream: whole words first, then the bytes of the rest. */
static void stream_pack(uint8_t *dst, const uint64_t *src, size_t count, unsigned width)
{
    const uint64_t mask = nts_low_bits(width);
    uint64_t word = 0;
    unsigned filled = 0; /* bits in `word`, < 64 */

    for (size_t i = 0; i < count; i++) {
        const uint64_t x = src[i] & mask;
        word |= x << filled;
        if (filled + width < 64) {
            filled += width;
            continue;
        }
        nts_store_u64(dst, word);
        dst += 8;
        filled = filled + width - 64;
        word = (x >> 1) >> (width - filled - 1);
    }
    for (; filled > 0; filled -= filled < 8 ? filled : 8) {
        *dst++ = (uint8_t)word;
        word >>= 8;
    }
}

/* The number at bit `bit`; reads 9 bytes from its first byte on. */
NTS_ALWAYS_INLINE uint64_t stream_number(const uint8_t *src, size_t bit, uint64_t mask)
{
    const uint8_t *at = src + bit / 8;
    const unsigned shift = bit % 8;
    const uint64_t low = nts_load_u64(at) >> shift;
    const uint64_t high = ((uint64_t)at[8] << 1) << (63 - shift);

    return (low | high) & mask;
}

static void stream_unpack(uint64_t *dst, const uint8_t *src, size_t count, unsigned width,
                          uint64_t base)
{
    const uint64_t mask = nts_low_bits(width);
    const size_t size = nts_bitpack_size(count, width);
    size_t i = 0;

    if (width == 0) {
        for (; i < count; i++)
            dst[i] = base;
        return;
    }
    /* All numbers whose 9 bytes lie inside the stream. */
    if (size >= 9) {
        const size_t safe = ((size - 9) * 8 + 7) / width + 1;
        for (; i < safe && i < count; i++)
            dst[i] = base + stream_number(src, i * width, mask);
    }
    /* The rest starts in the last 8 bytes; a padded copy makes their reads safe. */
    uint8_t tail[24] = {0};
    const size_t tail_start = size > 8 ? size - 8 : 0;
    memcpy(tail, src + tail_start, size - tail_start);
    for (; i < count; i++)
        dst[i] = base + stream_number(tail, i * width - tail_start * 8, mask);
}

void nts_bitpack(uint8_t *dst, const uint64_t *src, size_t count, unsigned width)
{
    if (count == NTS_VECTOR_ROWS)
        nts_kernels()->lanes_pack(dst, src, width);
    else
        stream_pack(dst, src, count, width);
}

void nts_bitunpack(uint64_t *dst, const uint8_t *src, size_t count, unsigned width, uint64_t base)
{
    if (count == NTS_VECTOR_ROWS)
        nts_kernels()->lanes_unpack(dst, src, width, base);
    else
        stream_unpack(dst, src, count, width, base);
}

static void scalar_lanes_pack(uint8_t *dst, const uint64_t *src, unsigned width)
{
    nts_kernel_lanes_pack(dst, src, width);
}

static void scalar_lanes_unpack(uint64_t *dst, const uint8_t *src, unsigned width, uint64_t base)
{
    nts_kernel_lanes_unpack(dst, src, width, base);
}

static struct nts_range scalar_range(const uint64_t *src, size_t count)
{
    return nts_kernel_range(src, count);
}

static struct nts_outliers scalar_outliers(const uint64_t *src, size_t count, uint64_t base,
                                           unsigned width)
{
    return nts_kernel_outliers(src, count, base, width, false);
}

static struct nts_outliers scalar_outliers_zigzag(const uint64_t *src, size_t count, uint64_t base,
                                                  unsigned width)
{
    return nts_kernel_outliers(src, count, base, width, true);
}

static void scalar_to_f64(double *dst, const uint64_t *src, size_t count)
{
    nts_kernel_to_f64(dst, src, count);
}

static void scalar_unzigzag(uint64_t *dst, size_t count, uint64_t base)
{
    nts_kernel_unzigzag(dst, count, base);
}

static void scalar_multiply(uint64_t *x, size_t count, uint64_t origin, uint64_t divisor)
{
    nts_kernel_multiply(x, count, origin, divisor);
}

static void scalar_sum_up(uint64_t *x, size_t count)
{
    nts_kernel_sum_up(x, count, 0);
}

static size_t scalar_decimal_from_f64(uint64_t *restrict dst, uint64_t *restrict wrong,
                                      const double *restrict src, size_t count, double scale)
{
    return nts_kernel_decimal_from_f64(dst, wrong, src, count, scale, false);
}

static uint64_t scalar_decimal_to_f64(double *restrict dst, const uint64_t *restrict src,
                                      size_t count, double scale)
{
    return nts_kernel_decimal_to_f64(dst, src, count, scale, false);
}

static size_t scalar_ans_read(uint8_t *restrict dst, const struct nts_ans_entry *restrict table,
                              unsigned log, size_t count, const uint8_t *restrict src,
                              size_t src_size)
{
    return nts_kernel_ans_read(dst, table, log, count, src, src_size);
}

static uint64_t scalar_offsets_add(uint64_t *restrict dst, const uint8_t *restrict symbols,
                                   size_t count, const uint64_t *restrict lowers,
                                   const uint8_t *restrict widths, unsigned width_max,
                                   const uint8_t *restrict src, size_t src_size)
{
    return nts_kernel_offsets_add(dst, symbols, count, lowers, widths, width_max, src, src_size);
}

const struct nts_kernels nts_kernels_scalar = {
    .lanes_pack = scalar_lanes_pack,
    .lanes_unpack = scalar_lanes_unpack,
    .range = scalar_range,
    .outliers = scalar_outliers,
    .outliers_zigzag = scalar_outliers_zigzag,
    .to_f64 = scalar_to_f64,
    .unzigzag = scalar_unzigzag,
    .multiply = scalar_multiply,
    .sum_up = scalar_sum_up,
    .decimal_from_f64 = scalar_decimal_from_f64,
    .decimal_to_f64 = scalar_decimal_to_f64,
    .ans_read = scalar_ans_read,
    .offsets_add = scalar_offsets_add,
};
