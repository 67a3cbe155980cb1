/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/extent_writer.c - buffered sequential writing. Contract: extent_writer.h. */
#include "segment/extent_writer.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

nanots_status nts_extent_writer_init(struct nts_extent_writer *writer,
                                     const struct nts_alloc *alloc, struct nts_file *file,
                                     bool durable, struct nanots_error *error)
{
    memset(writer, 0, sizeof *writer);
    writer->file = file;
    writer->durable = durable;
    writer->buffer = nts_alloc(alloc, NTS_EXTENT_BUFFER_SIZE);
    if (writer->buffer == NULL)
        return nts_fail_memory(error, NTS_EXTENT_BUFFER_SIZE);
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
    if (writer->buffer_used == 0)
        return NANOTS_OK;
    NTS_TRY(writer->file->ops->write_at(writer->file, writer->buffer, writer->buffer_used,
                                        writer->buffer_off, writer->durable, error));
    writer->bytes_written += writer->buffer_used;
    writer->buffer_off += writer->buffer_used;
    writer->buffer_used = 0;
    return NANOTS_OK;
}

nanots_status nts_extent_writer_reserve(struct nts_extent_writer *writer, size_t size,
                                        uint8_t **bytes_out, struct nanots_error *error)
{
    const uint64_t used = nts_extent_writer_place(writer) - writer->extent.off;
    *bytes_out = NULL;
    assert(size <= NTS_EXTENT_BUFFER_SIZE);
    if (size > writer->extent.size - used)
        return nts_fail(error, NANOTS_TOO_BIG, "an extent of %llu bytes is too small for its data",
                        (unsigned long long)writer->extent.size);
    if (size > NTS_EXTENT_BUFFER_SIZE - writer->buffer_used)
        NTS_TRY(nts_extent_writer_flush(writer, error));
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
                                      const uint8_t *bytes, size_t size,
                                      struct nanots_error *error)
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
