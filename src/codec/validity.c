/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/validity.c - bitmap or runs; of equal sizes the bitmap, which is read faster. */
#include "codec/validity.h"

#include <stdbool.h>

#include "base/check.h"
#include "base/limits.h"
#include "codec/varint.h"
#include "util/bits.h"

enum validity_form { VALIDITY_BITMAP = 0, VALIDITY_ABSENT_FIRST = 1, VALIDITY_PRESENT_FIRST = 2 };

/* Rows of each kind that no run has used yet; [true] are the present ones. */
struct validity_left {
    size_t of[2];
};

size_t nts_validity_bound(size_t count)
{
    return 1 + (count + 7) / 8;
}

/* Writes the runs; NULL if they would take size_max bytes or more. */
static uint8_t *runs_write(uint8_t *dst, size_t size_max, const uint8_t *bits, size_t count)
{
    const size_t present_count = nts_bits_count(bits, 0, count);
    struct validity_left left = {{count - present_count, present_count}};
    const uint8_t *const end = dst + size_max;
    bool value = nts_bit_get(bits, 0);

    assert(left.of[false] > 0);
    assert(left.of[true] > 0);
    for (size_t i = 0; left.of[false] > 0 && left.of[true] > 0; value = !value) {
        const size_t run = nts_bits_run(bits, i, count);
        if (nts_varint_size(run) >= (size_t)(end - dst))
            return NULL;
        dst = nts_varint_put(dst, run);
        left.of[value] -= run;
        i += run;
    }
    return dst;
}

size_t nts_validity_encode(uint8_t *dst, const uint8_t *bits, size_t count)
{
    const size_t bitmap_size = (count + 7) / 8;

    assert(count <= NTS_VECTOR_ROWS);
    dst[0] = nts_bit_get(bits, 0) ? VALIDITY_PRESENT_FIRST : VALIDITY_ABSENT_FIRST;
    const uint8_t *const end = runs_write(dst + 1, bitmap_size, bits, count);
    if (end != NULL)
        return (size_t)(end - dst);
    dst[0] = VALIDITY_BITMAP;
    dst[bitmap_size] = 0;
    nts_bits_copy(dst + 1, 0, bits, 0, count);
    return 1 + bitmap_size;
}

/* Returns the byte after the bitmap, NULL if it is corrupt. */
static const uint8_t *bitmap_read(uint8_t *bits, size_t count, size_t null_count, const uint8_t *at,
                                  const uint8_t *end)
{
    const size_t size = (count + 7) / 8;

    if ((size_t)(end - at) < size || nts_bits_count(at, 0, count) != count - null_count ||
        nts_bits_count(at, count, 8 * size - count) != 0)
        return NULL;
    nts_bits_copy(bits, 0, at, 0, 8 * size);
    return at + size;
}

/* Returns the byte after the runs, NULL if they are corrupt. */
static const uint8_t *runs_read(uint8_t *bits, size_t count, size_t null_count, bool value,
                                const uint8_t *at, const uint8_t *end)
{
    struct validity_left left = {{null_count, count - null_count}};
    size_t i = 0;

    nts_bits_fill(bits, 0, 8 * ((count + 7) / 8), false);
    for (; left.of[false] > 0 && left.of[true] > 0; value = !value) {
        uint64_t run;
        at = nts_varint_get(at, end, &run);
        if (at == NULL || run < 1 || run > left.of[value])
            return NULL;
        if (value)
            nts_bits_fill(bits, i, (size_t)run, true);
        left.of[value] -= (size_t)run;
        i += (size_t)run;
    }
    nts_bits_fill(bits, i, left.of[true], true);
    return at;
}

size_t nts_validity_decode(uint8_t *bits, size_t count, size_t null_count, const uint8_t *src,
                           size_t src_size)
{
    const uint8_t *const end = src + src_size;
    const uint8_t *at = NULL;

    assert(count <= NTS_VECTOR_ROWS);
    if (src_size < 1 || null_count < 1 || null_count >= count)
        return 0;
    if (src[0] == VALIDITY_BITMAP)
        at = bitmap_read(bits, count, null_count, src + 1, end);
    else if (src[0] <= VALIDITY_PRESENT_FIRST)
        at = runs_read(bits, count, null_count, src[0] == VALIDITY_PRESENT_FIRST, src + 1, end);
    return at != NULL ? (size_t)(at - src) : 0;
}
