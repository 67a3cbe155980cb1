/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_codec_f32.c - bytes in, status out: the first two bytes choose the count, the rest is a
 * vector of f32. What decodes, and the bytes themselves as floats, are encoded and come back. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/f32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nts_codec_scratch scratch;

static void check_round_trip(const float *values, size_t count)
{
    static uint8_t bytes[4 * NTS_VECTOR_ROWS + 1];
    static float again[NTS_VECTOR_ROWS];
    const size_t size = nts_f32_encode(&scratch, bytes, values, count);

    if (size > nts_f32_bound(count) ||
        nts_f32_decode(&scratch, again, count, bytes, size) != NANOTS_OK ||
        memcmp(again, values, 4 * count) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float values[NTS_VECTOR_ROWS];

    if (size < 2)
        return 0;
    size_t count = 1 + nts_load_u16(data) % NTS_VECTOR_ROWS;
    const nanots_status status = nts_f32_decode(&scratch, values, count, data + 2, size - 2);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        abort();
    if (status == NANOTS_OK)
        check_round_trip(values, count);
    count = (size - 2) / 4 < NTS_VECTOR_ROWS ? (size - 2) / 4 : NTS_VECTOR_ROWS;
    memcpy(values, data + 2, 4 * count);
    if (count > 0)
        check_round_trip(values, count);
    return 0;
}
