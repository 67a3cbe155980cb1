/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_validity.c - bytes in, rows with and without a value out, and again as bytes.
 *
 *   0        2        4
 *   +--------+--------+-------------------------------------------------------+
 *   | count  | nulls  | bytes to decode; the same bytes as bits to encode      |
 *   +--------+--------+-------------------------------------------------------+
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "codec/validity.h"
#include "util/bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encoding gives at most the bound, and decoding that the same bits. */
static void check_round_trip(const uint8_t *bits, size_t count)
{
    uint8_t bytes[1 + NTS_VECTOR_ROWS / 8];
    uint8_t again[NTS_VECTOR_ROWS / 8];
    const size_t null_count = count - nts_bits_count(bits, 0, count);

    if (null_count == 0 || null_count == count)
        return;
    const size_t size = nts_validity_encode(bytes, bits, count);
    if (size > nts_validity_bound(count) ||
        nts_validity_decode(again, count, null_count, bytes, size) != size)
        abort();
    for (size_t i = 0; i < count; i++)
        if (nts_bit_get(again, i) != nts_bit_get(bits, i))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bits[NTS_VECTOR_ROWS / 8] = {0};

    if (size < 4)
        return 0;
    const size_t count = 1 + nts_load_u16(data) % NTS_VECTOR_ROWS;
    const size_t null_count = nts_load_u16(data + 2) % (count + 1);
    data += 4;
    size -= 4;
    const size_t used = nts_validity_decode(bits, count, null_count, data, size);
    if (used > size || (used > 0 && nts_bits_count(bits, 0, count) != count - null_count))
        abort();
    if (used > 0)
        check_round_trip(bits, count);
    if (size >= (count + 7) / 8)
        check_round_trip(data, count);
    return 0;
}
