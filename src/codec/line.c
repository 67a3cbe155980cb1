/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/line.c - fitting a line, and distances from it. */
#include "codec/line.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/compiler.h"
#include "codec/varint.h"

#define SAMPLE_COUNT_MAX 256u
#define SHIFT_MAX        62u
/* 1024 values times an error of 2^-14 are less than a sixteenth. */
#define SHIFT_FINE 14u
/* Slopes beyond are left to differences: 2^38 * 2^14 * 2^10 fits a signed number. */
#define SLOPE_MAX 0x1p38

bool nts_line_fit(struct nts_line *line, const uint64_t *src, size_t count)
{
    const size_t sample_count = count < SAMPLE_COUNT_MAX ? count : SAMPLE_COUNT_MAX;
    const double n = (double)sample_count;
    double x_sum = 0;
    double y_sum = 0;
    double xx_sum = 0;
    double xy_sum = 0;

    assert(count >= NTS_LINE_COUNT_MIN);
    for (size_t k = 0; k < sample_count; k++) {
        const size_t i = (2 * k + 1) * count / (2 * sample_count);
        const double x = (double)i - (double)count / 2;
        const double y = (double)(int64_t)(src[i] - src[count / 2]);
        x_sum += x;
        y_sum += y;
        xx_sum += x * x;
        xy_sum += x * y;
    }
    const double slope = (xy_sum - x_sum * y_sum / n) / (xx_sum - x_sum * x_sum / n);
    if (!(slope > -SLOPE_MAX && slope < SLOPE_MAX))
        return false;
    line->shift = SHIFT_FINE;
    line->slope = (int64_t)(slope * (double)(1u << SHIFT_FINE));
    return line->slope != 0;
}

/* dst[i] = number i of `from`, plus or minus the line at first + i. Moving the products up by 2^63,
 * and the quotients down again, makes the shift one of unsigned numbers, which has vector code. */
NTS_ALWAYS_INLINE void line_combine(uint64_t *dst, struct nts_line line, const uint64_t *from,
                                    size_t first, size_t count, bool add)
{
    const uint64_t middle = (uint64_t)1 << 63;
    const uint64_t slope = (uint64_t)line.slope;
    uint64_t product = middle + slope * first;

    for (size_t i = 0; i < count; i++) {
        const uint64_t height = (product >> line.shift) - (middle >> line.shift);
        dst[i] = add ? from[i] + height : from[i] - height;
        product += slope;
    }
}

void nts_line_distances(uint64_t *dst, struct nts_line line, const uint64_t *src, size_t first,
                        size_t count)
{
    line_combine(dst, line, src, first, count, false);
}

struct nts_line_plan nts_line_choose(struct nts_codec_scratch *scratch, struct nts_line line,
                                     const uint64_t *src, size_t count)
{
    struct nts_line_plan plan = {.line = line};

    nts_line_distances(scratch->a, line, src, 0, count);
    plan.block = nts_patched_choose(scratch->a, count, count);
    plan.size = nts_svarint_size((uint64_t)line.slope) + 1 + plan.block.size;
    return plan;
}

uint8_t *nts_line_write(uint8_t *dst, const struct nts_line_plan *plan,
                        struct nts_codec_scratch *scratch, const uint64_t *src, size_t count)
{
    uint8_t *const start = dst;

    dst = nts_svarint_put(dst, (uint64_t)plan->line.slope);
    *dst++ = plan->line.shift;
    nts_line_distances(scratch->a, plan->line, src, 0, count);
    dst = nts_patched_write(dst, &plan->block, scratch->c, scratch->a, count);
    assert(dst == start + plan->size);
    (void)start;
    return dst;
}

nanots_status nts_line_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    struct nts_line line;
    uint64_t slope;
    const uint8_t *at = nts_svarint_get(src, end, &slope);

    if (at == NULL || at == end || *at > SHIFT_MAX)
        return NANOTS_CORRUPT;
    line.slope = (int64_t)slope;
    line.shift = *at++;
    if (nts_patched_read(dst, count, at, end) != end)
        return NANOTS_CORRUPT;
    line_combine(dst, line, dst, 0, count, true);
    return NANOTS_OK;
}
