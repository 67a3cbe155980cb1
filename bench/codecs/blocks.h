/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/blocks.h - compressors of bytes, over a series cut into blocks of 1 MiB.
 *
 *   +----------+-------------------+----------+-- -
 *   | u32 size | compressed block  | u32 size |
 *   +----------+-------------------+----------+-- -
 *
 * A store that wants to read a part cuts its columns into blocks; 1 MiB is large, to the
 * compressor's gain.
 */
#ifndef BENCH_CODECS_BLOCKS_H
#define BENCH_CODECS_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES  (UINT32_C(1) << 20)
#define BLOCK_VALUES (BLOCK_BYTES / 8)

/* Compresses `size` bytes, at most BLOCK_BYTES; returns the bytes written, dies if dst is full. */
typedef size_t (*block_encoder)(uint8_t *dst, size_t dst_size, const uint64_t *src, size_t size);
/* Fills exactly `size` bytes, or dies. */
typedef void (*block_decoder)(uint64_t *dst, size_t size, const uint8_t *src, size_t src_size);

size_t blocks_encode(block_encoder encode, uint8_t *dst, size_t dst_size, const uint64_t *values,
                     size_t count);
void blocks_decode(block_decoder decode, uint64_t *dst, size_t count, const uint8_t *src,
                   size_t src_size);

#endif
