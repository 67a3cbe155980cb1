/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_strings.c - bytes in, status out: the first two bytes choose the count, the rest is a
 * vector of strings. What decodes, and the bytes themselves as lines of text, are encoded and come
 * back. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/strings.h"

#define BYTES_MAX (1u << 20)
#define BASE      7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nts_strings_work work;

/* A block of exactly `size` bytes, so that a byte too far is seen. */
static uint8_t *block_new(size_t size)
{
    uint8_t *const block = nts_alloc(nts_alloc_libc(), size);
    if (block == NULL)
        abort();
    return block;
}

static void check_round_trip(const uint8_t *bytes, const int32_t *offsets, size_t count)
{
    static int32_t offsets_again[NTS_VECTOR_ROWS + 1];
    const size_t byte_count = (size_t)(offsets[count] - offsets[0]);
    const size_t bound = nts_strings_bound(count, byte_count);
    uint8_t *const encoded = block_new(bound);
    uint8_t *const again = block_new(byte_count);
    uint64_t peeked;
    size_t size;

    if (nts_strings_encode(&work, encoded, &size, bytes, offsets, count, NTS_STRINGS_SMALLEST) !=
            NANOTS_OK ||
        size > bound || nts_strings_peek(encoded, size, count, &peeked) != NANOTS_OK ||
        peeked != byte_count ||
        nts_strings_decode(&work, again, byte_count, offsets_again, offsets[0], count, encoded,
                           size) != NANOTS_OK ||
        memcmp(again, bytes + offsets[0], byte_count) != 0 ||
        memcmp(offsets_again, offsets, (count + 1) * sizeof offsets[0]) != 0)
        abort();
    nts_free(encoded);
    nts_free(again);
}

static void check_lines(const uint8_t *data, size_t size)
{
    static int32_t offsets[NTS_VECTOR_ROWS + 1];
    uint8_t *const text = block_new(size);
    size_t count = 0;

    for (size_t i = 0; i < size && count < NTS_VECTOR_ROWS; i++) {
        text[i] = data[i] & 0x7F;
        if (data[i] & 0x80 || data[i] == '\n')
            offsets[++count] = (int32_t)i;
    }
    if (count > 0)
        check_round_trip(text, offsets, count);
    nts_free(text);
}

static void check_decode(const uint8_t *src, size_t size, size_t count)
{
    static int32_t offsets[NTS_VECTOR_ROWS + 1];
    uint64_t byte_count;
    nanots_status status = nts_strings_peek(src, size, count, &byte_count);

    if (status != NANOTS_OK && status != NANOTS_CORRUPT)
        abort();
    if (status != NANOTS_OK || byte_count > BYTES_MAX)
        return;
    uint8_t *const bytes = block_new((size_t)byte_count);
    status = nts_strings_decode(&work, bytes, (size_t)byte_count, offsets, BASE, count, src, size);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT &&
        (status != NANOTS_UNSUPPORTED || nts_compress_is_built_in()))
        abort();
    if (status == NANOTS_OK) {
        for (size_t i = 0; i <= count; i++)
            offsets[i] -= BASE;
        check_round_trip(bytes, offsets, count);
    }
    nts_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    nts_strings_work_init(&work, nts_alloc_libc());
    check_decode(data + 2, size - 2, 1 + nts_load_u16(data) % NTS_VECTOR_ROWS);
    check_lines(data + 2, size - 2);
    nts_strings_work_deinit(&work);
    return 0;
}
