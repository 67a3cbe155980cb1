/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/lz4.c - LZ4, its fast compressor, on the values as they lie. */
#include "codecs/blocks.h"
#include "codecs/codec_table.h"

#include "measure.h"

#include <limits.h>
#include <lz4.h>

static size_t lz4_encode_block(uint8_t *dst, size_t dst_size, const uint64_t *src, size_t size)
{
    int room = dst_size < INT_MAX ? (int)dst_size : INT_MAX;
    int written = LZ4_compress_default((const char *)src, (char *)dst, (int)size, room);

    if (written <= 0)
        die("lz4: no room");
    return (size_t)written;
}

static void lz4_decode_block(uint64_t *dst, size_t size, const uint8_t *src, size_t src_size)
{
    int written = LZ4_decompress_safe((const char *)src, (char *)dst, (int)src_size, (int)size);

    if (written < 0 || (size_t)written != size)
        die("lz4: a block of %zu bytes came back as %d", size, written);
}

size_t lz4_encode(uint8_t *dst, size_t dst_size, const struct series *series)
{
    return blocks_encode(lz4_encode_block, dst, dst_size, series->values, series->count);
}

void lz4_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                size_t src_size)
{
    (void)kind;
    blocks_decode(lz4_decode_block, dst, count, src, src_size);
}

const char *lz4_version(void)
{
    return LZ4_versionString();
}
