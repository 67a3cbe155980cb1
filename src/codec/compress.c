/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/compress.c - zstd behind two calls, or its absence. */
#include "codec/compress.h"

#include "base/bytes.h"

void nts_compressor_init(struct nts_compressor *compressor, const struct nanots_allocator *alloc)
{
    *compressor = (struct nts_compressor){.alloc = alloc};
}

#if defined(NANOTS_ZSTD)

#define ZSTD_STATIC_LINKING_ONLY /* for an allocator of our own */
#include <zstd.h>
#include <zstd_errors.h>

/* Level 6 saves some 5 % of logs and prose more, for several times the time; 1 gains no time. */
#define COMPRESS_LEVEL 3

bool nts_compress_is_built_in(void)
{
    return true;
}

static void *compress_allocate(void *alloc, size_t size)
{
    return nts_alloc(alloc, size);
}

static void compress_release(void *alloc, void *block)
{
    (void)alloc;
    nts_free(block);
}

static ZSTD_customMem compress_memory(const struct nts_compressor *compressor)
{
    /* zstd hands the pointer back as it is. */
    union {
        const void *given;
        void *wanted;
    } const alloc = {.given = compressor->alloc};
    return (ZSTD_customMem){compress_allocate, compress_release, alloc.wanted};
}

void nts_compressor_deinit(struct nts_compressor *compressor)
{
    (void)ZSTD_freeCCtx(compressor->encoder);
    (void)ZSTD_freeDCtx(compressor->decoder);
    nts_compressor_init(compressor, compressor->alloc);
}

nanots_status nts_compress(struct nts_compressor *compressor, uint8_t *dst, size_t dst_size,
                           size_t *size_out, const uint8_t *src, size_t src_size)
{
    *size_out = 0;
    if (compressor->encoder == NULL)
        compressor->encoder = ZSTD_createCCtx_advanced(compress_memory(compressor));
    if (compressor->encoder == NULL)
        return NANOTS_NO_MEMORY;
    const size_t size =
        ZSTD_compressCCtx(compressor->encoder, dst, dst_size, src, src_size, COMPRESS_LEVEL);
    if (!ZSTD_isError(size))
        *size_out = size;
    else if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
        return NANOTS_NO_MEMORY;
    return NANOTS_OK;
}

nanots_status nts_decompress(struct nts_compressor *compressor, uint8_t *dst, size_t dst_size,
                             const uint8_t *src, size_t src_size)
{
    /* Frames of ancient formats would go to decoders that allocate by themselves. */
    if (src_size < 4 || nts_load_u32(src) != ZSTD_MAGICNUMBER ||
        ZSTD_findFrameCompressedSize(src, src_size) != src_size)
        return NANOTS_CORRUPT;
    if (compressor->decoder == NULL)
        compressor->decoder = ZSTD_createDCtx_advanced(compress_memory(compressor));
    if (compressor->decoder == NULL)
        return NANOTS_NO_MEMORY;
    /* In one pass into dst, whatever window the frame asks for: it allocates nothing. */
    const size_t size = ZSTD_decompressDCtx(compressor->decoder, dst, dst_size, src, src_size);
    return size == dst_size ? NANOTS_OK : NANOTS_CORRUPT;
}

#else

bool nts_compress_is_built_in(void)
{
    return false;
}

void nts_compressor_deinit(struct nts_compressor *compressor)
{
    nts_compressor_init(compressor, compressor->alloc);
}

nanots_status nts_compress(struct nts_compressor *compressor, uint8_t *dst, size_t dst_size,
                           size_t *size_out, const uint8_t *src, size_t src_size)
{
    (void)compressor;
    (void)dst;
    (void)dst_size;
    (void)src;
    (void)src_size;
    *size_out = 0;
    return NANOTS_OK;
}

nanots_status nts_decompress(struct nts_compressor *compressor, uint8_t *dst, size_t dst_size,
                             const uint8_t *src, size_t src_size)
{
    (void)compressor;
    (void)dst;
    (void)dst_size;
    (void)src;
    (void)src_size;
    return NANOTS_UNSUPPORTED;
}

#endif
