/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/file_image.h - a whole file as the input of a fuzz target, and its checksums put right.
 *
 *   byte 0       bit 0  put checksums right: segments, manifest and its entries, log, superblocks
 *                bit 1  the file is sparse: u64 size, then sectors as u64 offset and 512 bytes
 *                the others are the target's
 *   from byte 1  the file
 *
 * The sparse form is that of the golden .blocks files. Offsets of sectors need not be multiples of
 * anything; those that leave the file are passed over.
 */
#ifndef FILE_IMAGE_H
#define FILE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_IMAGE_SIZE_MAX (1u << 20)
#define FILE_IMAGE_RESEAL   1u
#define FILE_IMAGE_SPARSE   2u

struct file_image {
    uint8_t *bytes; /* one block of exactly `size` bytes, of malloc */
    uint64_t size;
};

/* The file of an input, as it is; false if it is none, or too large. */
bool file_image_load(struct file_image *image, const uint8_t *data, size_t size);
void file_image_free(struct file_image *image);

/* Puts the file behind byte 0 of `data`, sparse if that is smaller, and sets bit 1 of byte 0. The
 * size of the input, or 0 if that is more than `size_max`. */
size_t file_image_store(const struct file_image *image, uint8_t *data, size_t size_max);

/* Makes every checksum right, as far as what it protects can be found. */
void file_image_reseal(struct file_image *image);

#endif
