/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/extent_writer.c - buffered sequential writing. Contract: extent_writer.h. */
#include "segment/extent_writer.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

nanots_status nts_extent_writer_init(struct nts_extent_writer *writer,
                                     const struct nanots_allocator *alloc, struct nanots_file *file,
                                     bool durable, struct nanots_error *error)
{
    memset(writer, 0, sizeof *writer);
    writer->alloc = alloc;
    writer->file = file;
    writer->durable = durable;
    writer->buffer_size = NTS_EXTENT_BUFFER_SIZE;
    writer->buffer = nts_alloc(alloc, writer->buffer_size);
    return writer->buffer == NULL ? nts_fail_memory(error, writer->buffer_size) : NANOTS_OK;
}

nanots_status nts_extent_writer_init_gather(struct nts_extent_writer *writer,
                                            const struct nanots_allocator *alloc,
                                            struct nanots_error *error)
{
    NTS_TRY(nts_extent_writer_init(writer, alloc, NULL, false, error));
    writer->gathers = true;
    writer->extent.size = NTS_FILE_SIZE_MAX;
    return NANOTS_OK;
}

nanots_status nts_extent_writer_emit(struct nts_extent_writer *writer, struct nanots_file *file,
                                     uint64_t off, struct nanots_error *error)
{
    assert(writer->gathers);
    writer->bytes_written += writer->buffer_used;
    return file->ops->write_at(file, writer->buffer, writer->buffer_used, off, true, error);
}

/* Room for `size` more bytes in the buffer of a writer that gathers. */
static nanots_status extent_writer_grow(struct nts_extent_writer *writer, size_t size,
                                        struct nanots_error *error)
{
    size_t buffer_size = writer->buffer_size;
    while (buffer_size - writer->buffer_used < size)
        if (!nts_mul_size(buffer_size, 2, &buffer_size))
            return nts_fail_memory(error, size);
    uint8_t *buffer = nts_realloc(writer->alloc, writer->buffer, buffer_size);
    if (buffer == NULL)
        return nts_fail_memory(error, buffer_size);
    writer->buffer = buffer;
    writer->buffer_size = buffer_size;
    return NANOTS_OK;
}

void nts_extent_writer_deinit(struct nts_extent_writer *writer)
{
    nts_free(writer->buffer);
    writer->buffer = NULL;
}

void nts_extent_writer_begin(struct nts_extent_writer *writer, struct nts_extent extent)
{
    assert(writer->buffer_used == 0);
    writer->extent = extent;
    writer->buffer_off = extent.off;
}

nanots_status nts_extent_writer_flush(struct nts_extent_writer *writer, struct nanots_error *error)
{
    if (writer->buffer_used == 0 || writer->gathers)
        return NANOTS_OK;
    NTS_TRY(writer->file->ops->write_at(writer->file, writer->buffer, writer->buffer_used,
                                        writer->buffer_off, writer->durable, error));
    writer->bytes_written += writer->buffer_used;
    writer->buffer_off += writer->buffer_used;
    writer->buffer_used = 0;
    return NANOTS_OK;
}

/* Empties the buffer, and makes it larger for a chunk of text that would not fit even so. */
static nanots_status extent_writer_flush_for(struct nts_extent_writer *writer, size_t size,
                                             struct nanots_error *error)
{
    NTS_TRY(nts_extent_writer_flush(writer, error));
    if (size <= writer->buffer_size)
        return NANOTS_OK;
    uint8_t *buffer = nts_realloc(writer->alloc, writer->buffer, size);
    if (buffer == NULL)
        return nts_fail_memory(error, size);
    writer->buffer = buffer;
    writer->buffer_size = size;
    return NANOTS_OK;
}

nanots_status nts_extent_writer_reserve(struct nts_extent_writer *writer, size_t size,
                                        uint8_t **bytes_out, struct nanots_error *error)
{
    const uint64_t used = nts_extent_writer_place(writer) - writer->extent.off;
    *bytes_out = NULL;
    if (size > writer->extent.size - used)
        return nts_fail(error, NANOTS_TOO_BIG, "an extent of %llu bytes is too small for its data",
                        (unsigned long long)writer->extent.size);
    if (size > writer->buffer_size - writer->buffer_used)
        NTS_TRY(writer->gathers ? extent_writer_grow(writer, size, error)
                                : extent_writer_flush_for(writer, size, error));
    *bytes_out = writer->buffer + writer->buffer_used;
    return NANOTS_OK;
}

nanots_status nts_extent_writer_put(struct nts_extent_writer *writer, const uint8_t *bytes,
                                    size_t size, struct nanots_error *error)
{
    while (size != 0) {
        const size_t part = size < NTS_EXTENT_BUFFER_SIZE ? size : NTS_EXTENT_BUFFER_SIZE;
        uint8_t *place = NULL;
        NTS_TRY(nts_extent_writer_reserve(writer, part, &place, error));
        memcpy(place, bytes, part);
        writer->buffer_used += part;
        bytes += part;
        size -= part;
    }
    return NANOTS_OK;
}

nanots_status nts_extent_writer_align(struct nts_extent_writer *writer, size_t alignment,
                                      struct nanots_error *error)
{
    const uint64_t at = nts_extent_writer_place(writer);
    const size_t size = (size_t)(nts_round_up(at, alignment) - at);
    uint8_t *place = NULL;
    NTS_TRY(nts_extent_writer_reserve(writer, size, &place, error));
    memset(place, 0, size);
    writer->buffer_used += size;
    return NANOTS_OK;
}

nanots_status nts_extent_writer_patch(struct nts_extent_writer *writer, uint64_t off,
                                      const uint8_t *bytes, size_t size, struct nanots_error *error)
{
    assert(off + size <= nts_extent_writer_place(writer));
    if (off >= writer->buffer_off) {
        memcpy(writer->buffer + (off - writer->buffer_off), bytes, size);
        return NANOTS_OK;
    }
    if (off + size > writer->buffer_off)
        NTS_TRY(nts_extent_writer_flush(writer, error));
    writer->bytes_written += size;
    return writer->file->ops->write_at(writer->file, bytes, size, off, writer->durable, error);
}
