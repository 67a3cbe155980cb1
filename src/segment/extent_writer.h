/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/extent_writer.h - bytes in order into one extent of the file, through one buffer.
 *
 *   extent.off        written to the file | buffer        | not yet reached          extent end
 *   |=====================================|===============|-------------------------|
 *                                         ^ buffer_off    ^ at
 *
 * A writer that *gathers* has no place yet: it keeps everything in its buffer, which grows, at
 * places counted from 0, and is written out in one piece when the size is known
 * (nts_extent_writer_emit).
 *
 * Several segments share an extent; each starts on a granule. A header is patched when its segment
 * is done, in the buffer or, if it left it already, in the file. Not shared between threads.
 * Tests: unit/test_extent_writer.c.
 */
#ifndef NTS_EXTENT_WRITER_H
#define NTS_EXTENT_WRITER_H

#include "base/status.h"
#include "format/superblock.h"
#include "os/vfs.h"
#include "util/alloc.h"

#define NTS_EXTENT_BUFFER_SIZE (512u << 10)

struct nts_extent_writer {
    struct nanots_file *file;
    struct nts_extent extent;
    const struct nanots_allocator *alloc;
    uint8_t *buffer;
    size_t buffer_size;
    bool gathers;
    uint64_t buffer_off; /* place in the file of buffer[0] */
    size_t buffer_used;
    bool durable; /* every write is durable on return */
    uint64_t bytes_written;
};

/* `file` outlives the writer. NO_MEMORY. */
NTS_CHECKED nanots_status nts_extent_writer_init(struct nts_extent_writer *writer,
                                                 const struct nanots_allocator *alloc,
                                                 struct nanots_file *file, bool durable,
                                                 struct nanots_error *error);
/* A writer that gathers; begun at once. */
NTS_CHECKED nanots_status nts_extent_writer_init_gather(struct nts_extent_writer *writer,
                                                        const struct nanots_allocator *alloc,
                                                        struct nanots_error *error);
/* Writes what was gathered to `off`, durably. */
NTS_CHECKED nanots_status nts_extent_writer_emit(struct nts_extent_writer *writer,
                                                 struct nanots_file *file, uint64_t off,
                                                 struct nanots_error *error);
void nts_extent_writer_deinit(struct nts_extent_writer *writer);

/* Starts at the beginning of `extent`; what was buffered for another one must be flushed. */
void nts_extent_writer_begin(struct nts_extent_writer *writer, struct nts_extent extent);

/* Place in the file of the next byte. */
static inline uint64_t nts_extent_writer_place(const struct nts_extent_writer *writer)
{
    return writer->buffer_off + writer->buffer_used;
}

/* Makes room for `size` bytes in the buffer; TOO_BIG if the extent ends before, NO_MEMORY. The
 * caller fills *bytes_out and then adds what it used to buffer_used. */
NTS_CHECKED nanots_status nts_extent_writer_reserve(struct nts_extent_writer *writer, size_t size,
                                                    uint8_t **bytes_out,
                                                    struct nanots_error *error);
/* Any size. */
NTS_CHECKED nanots_status nts_extent_writer_put(struct nts_extent_writer *writer,
                                                const uint8_t *bytes, size_t size,
                                                struct nanots_error *error);
/* Zeros up to a multiple of `alignment` in the file. */
NTS_CHECKED nanots_status nts_extent_writer_align(struct nts_extent_writer *writer,
                                                  size_t alignment, struct nanots_error *error);
/* Overwrites bytes at `off` that were put before. */
NTS_CHECKED nanots_status nts_extent_writer_patch(struct nts_extent_writer *writer, uint64_t off,
                                                  const uint8_t *bytes, size_t size,
                                                  struct nanots_error *error);
/* Writes out what is buffered; a writer that gathers keeps it. */
NTS_CHECKED nanots_status nts_extent_writer_flush(struct nts_extent_writer *writer,
                                                  struct nanots_error *error);

#endif
