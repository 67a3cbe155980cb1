/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/blocks.c - see blocks.h. */
#include "codecs/blocks.h"

#include "measure.h"

#include <string.h>

#define SIZE_BYTES sizeof(uint32_t)

static size_t blocks_count(size_t count, size_t first)
{
    return count - first < BLOCK_VALUES ? count - first : BLOCK_VALUES;
}

size_t blocks_encode(block_encoder encode, uint8_t *dst, size_t dst_size, const uint64_t *values,
                     size_t count)
{
    size_t used = 0;

    for (size_t first = 0; first < count; first += BLOCK_VALUES) {
        size_t size = blocks_count(count, first) * sizeof *values;
        uint32_t encoded_size;

        if (dst_size - used < SIZE_BYTES)
            die("blocks: no room");
        encoded_size = (uint32_t)encode(dst + used + SIZE_BYTES, dst_size - used - SIZE_BYTES,
                                        values + first, size);
        memcpy(dst + used, &encoded_size, SIZE_BYTES);
        used += SIZE_BYTES + encoded_size;
    }
    return used;
}

void blocks_decode(block_decoder decode, uint64_t *dst, size_t count, const uint8_t *src,
                   size_t src_size)
{
    const uint8_t *end = src + src_size;

    for (size_t first = 0; first < count; first += BLOCK_VALUES) {
        uint32_t encoded_size;

        memcpy(&encoded_size, src, SIZE_BYTES);
        src += SIZE_BYTES;
        decode(dst + first, blocks_count(count, first) * sizeof *dst, src, encoded_size);
        src += encoded_size;
    }
    if (src != end)
        die("blocks: bytes are left over");
}
