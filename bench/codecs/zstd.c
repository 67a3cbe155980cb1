/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/zstd.c - zstd level 3, on the values as they lie and on their bytes shuffled: within
 * 1024 values, all first bytes, then all second bytes, and so on, which is what Blosc and HDF5 do.
 */
#include "codecs/blocks.h"
#include "codecs/codec_table.h"

#include "measure.h"

#include <zstd.h>

#define LEVEL        3
#define GROUP_VALUES 1024

static uint64_t zstd_shuffled[BLOCK_VALUES];

static ZSTD_CCtx *zstd_encoder(void)
{
    static ZSTD_CCtx *context;

    if (context == NULL)
        context = ZSTD_createCCtx();
    if (context == NULL)
        die("zstd: no memory");
    return context;
}

static ZSTD_DCtx *zstd_decoder(void)
{
    static ZSTD_DCtx *context;

    if (context == NULL)
        context = ZSTD_createDCtx();
    if (context == NULL)
        die("zstd: no memory");
    return context;
}

static size_t zstd_encode_block(uint8_t *dst, size_t dst_size, const uint64_t *src, size_t size)
{
    size_t written = ZSTD_compressCCtx(zstd_encoder(), dst, dst_size, src, size, LEVEL);

    if (ZSTD_isError(written))
        die("zstd: %s", ZSTD_getErrorName(written));
    return written;
}

static void zstd_decode_block(uint64_t *dst, size_t size, const uint8_t *src, size_t src_size)
{
    size_t written = ZSTD_decompressDCtx(zstd_decoder(), dst, size, src, src_size);

    if (ZSTD_isError(written))
        die("zstd: %s", ZSTD_getErrorName(written));
    if (written != size)
        die("zstd: a block of %zu bytes came back as %zu", size, written);
}

size_t zstd_encode(uint8_t *dst, size_t dst_size, const struct series *series)
{
    return blocks_encode(zstd_encode_block, dst, dst_size, series->values, series->count);
}

void zstd_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                 size_t src_size)
{
    (void)kind;
    blocks_decode(zstd_decode_block, dst, count, src, src_size);
}

/* With a constant count the compiler makes vector instructions of these two. */
static inline void bytes_shuffle(uint8_t *dst, const uint64_t *src, size_t count)
{
    for (unsigned byte = 0; byte < 8; byte++) {
        for (size_t i = 0; i < count; i++)
            dst[byte * count + i] = (uint8_t)(src[i] >> (8 * byte));
    }
}

static inline void bytes_unshuffle(uint64_t *dst, const uint8_t *src, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;

        for (unsigned byte = 0; byte < 8; byte++)
            value |= (uint64_t)src[byte * count + i] << (8 * byte);
        dst[i] = value;
    }
}

static size_t bytezstd_encode_block(uint8_t *dst, size_t dst_size, const uint64_t *src, size_t size)
{
    size_t count = size / sizeof *src;
    size_t i = 0;

    for (; i + GROUP_VALUES <= count; i += GROUP_VALUES)
        bytes_shuffle((uint8_t *)(zstd_shuffled + i), src + i, GROUP_VALUES);
    bytes_shuffle((uint8_t *)(zstd_shuffled + i), src + i, count - i);
    return zstd_encode_block(dst, dst_size, zstd_shuffled, size);
}

static void bytezstd_decode_block(uint64_t *dst, size_t size, const uint8_t *src, size_t src_size)
{
    size_t count = size / sizeof *dst;
    size_t i = 0;

    zstd_decode_block(zstd_shuffled, size, src, src_size);
    for (; i + GROUP_VALUES <= count; i += GROUP_VALUES)
        bytes_unshuffle(dst + i, (const uint8_t *)(zstd_shuffled + i), GROUP_VALUES);
    bytes_unshuffle(dst + i, (const uint8_t *)(zstd_shuffled + i), count - i);
}

size_t bytezstd_encode(uint8_t *dst, size_t dst_size, const struct series *series)
{
    return blocks_encode(bytezstd_encode_block, dst, dst_size, series->values, series->count);
}

void bytezstd_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                     size_t src_size)
{
    (void)kind;
    blocks_decode(bytezstd_decode_block, dst, count, src, src_size);
}

const char *zstd_version(void)
{
    return ZSTD_versionString();
}
