/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_codec_i64.c - bytes in, status out: the first two bytes choose the count, the rest is a
 * vector of i64. */
#include <stdlib.h>

#include "base/bytes.h"
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nts_codec_scratch scratch;
    static int64_t values[NTS_VECTOR_ROWS];

    if (size < 2)
        return 0;
    const size_t count = 1 + nts_load_u16(data) % NTS_VECTOR_ROWS;
    const nanots_status status = nts_i64_decode(&scratch, values, count, data + 2, size - 2);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        abort();
    return 0;
}
