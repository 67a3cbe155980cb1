/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/compress.h - bytes of text through zstd (RFC 8878), where the build has it.
 *
 * One frame of known content, without dictionary and checksum. The memory of zstd comes from our
 * allocator. Different versions of zstd may write different bytes for the same text; all read them.
 * Built with NANOTS_ZSTD defined and linked with -lzstd, or without both: then nothing is ever
 * compressed, and what another build compressed is NANOTS_UNSUPPORTED.
 * One compressor a thread. Bytes given to decompress are untrusted. Tests: unit/test_compress.c.
 */
#ifndef NTS_COMPRESS_H
#define NTS_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "util/alloc.h"

/* Contexts of zstd, made when first needed. */
struct nts_compressor {
    const struct nanots_allocator *alloc;
    void *encoder;
    void *decoder;
};

/* Whether this build can. */
bool nts_compress_is_built_in(void);

void nts_compressor_init(struct nts_compressor *compressor, const struct nanots_allocator *alloc);
void nts_compressor_deinit(struct nts_compressor *compressor);

/* Compresses src[0..src_size) to dst. *size_out is the size, 0 if the build cannot compress or
 * dst_size may be too small: zstd wants some bytes more than it writes. Returns OK or NO_MEMORY. */
NTS_CHECKED nanots_status nts_compress(struct nts_compressor *compressor, uint8_t *dst,
                                       size_t dst_size, size_t *size_out, const uint8_t *src,
                                       size_t src_size);

/* Decompresses src[0..src_size), which must be one frame whose content is dst[0..dst_size), all of
 * it; dst_size >= 1. Returns OK, CORRUPT, NO_MEMORY or UNSUPPORTED. */
NTS_CHECKED nanots_status nts_decompress(struct nts_compressor *compressor, uint8_t *dst,
                                         size_t dst_size, const uint8_t *src, size_t src_size);

#endif
