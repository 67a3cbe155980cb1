/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_segment.c - bytes of a segment in, rows or a status out.
 *
 * Header and footer get right checksums first; chunk checksums are tried as they are, then every
 * vector is decoded without them, as if they had been right. No read may leave the segment.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/segment_layout.h"
#include "format/table_def.h"
#include "segment/segment_check.h"
#include "segment/value_vector.h"
#include "util/checksum.h"

#define COLUMNS_MAX 8u /* of a segment that is decoded; each costs an index */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nts_value_work work;

static bool header_repair(uint8_t *bytes, size_t size, struct nts_segment_header *header)
{
    if (size < NTS_SEGMENT_HEADER_SIZE + NTS_FOOTER_HEAD_SIZE)
        return false;
    nts_store_u64(bytes + 72, nts_checksum(bytes, 72));
    return nts_segment_header_decode(bytes, header) && header->size <= size;
}

static void values_decode(const struct nts_table_def *def, uint32_t column,
                          const struct nts_value_shape *shape, const uint8_t *vector, size_t size)
{
    const struct nts_column_def *of = &def->columns[column - 1];
    struct nts_column_buffer buffer;
    struct nts_zone zone;
    if (nts_column_buffer_init(&buffer, nts_alloc_libc(), of->type, nts_column_is_nullable(of),
                               NTS_VECTOR_ROWS, NULL) != NANOTS_OK)
        return;
    const nanots_status status =
        nts_value_vector_decode(&work, shape, vector, size, &buffer, 0, NULL);
    if (status != NANOTS_OK && status != NANOTS_CORRUPT && status != NANOTS_UNSUPPORTED &&
        status != NANOTS_NO_MEMORY)
        abort();
    const struct nts_column view = nts_column_buffer_view(&buffer);
    if (status == NANOTS_OK &&
        (nts_value_vector_zone(&work, &view, 0, shape->count, &zone, NULL) != NANOTS_OK ||
         zone.null_count != shape->null_count))
        abort();
    nts_column_buffer_deinit(&buffer);
}

static void column_decode(const uint8_t *bytes, const struct nts_segment_header *header,
                          const struct nts_footer *footer, const struct nts_table_def *def,
                          uint32_t column)
{
    static int64_t ts[NTS_VECTOR_ROWS];
    const uint8_t *index_bytes = NULL;
    size_t index_size = 0;
    struct nts_column_index *index = nts_column_index_new(
        nts_alloc_libc(), header->row_count, nts_index_kind_of(def, column, header->flags));

    if (index == NULL)
        return;
    if (!nts_footer_find_index(footer, column, &index_bytes, &index_size) ||
        nts_column_index_decode(&work.index, index, index_bytes, index_size, header->footer_off) !=
            NANOTS_OK)
        goto out;
    for (uint32_t v = 0; v < index->vector_count; v++) {
        const struct nts_value_shape shape = {.count = nts_vector_rows(header->row_count, v),
                                              .null_count = index->null_count[v],
                                              .min = index->min[v]};
        const uint8_t *vector =
            bytes + index->chunk_off[v / NTS_GROUP_VECTORS] + index->vector_off[v];
        const size_t size = index->vector_size[v];
        if (column != 0)
            values_decode(def, column, &shape, vector, size);
        else if (size != 0)
            (void)!nts_i64_decode(&work.index.scratch, ts, shape.count, vector, size);
    }
out:
    nts_free(index);
}

static void segment_decode(uint8_t *bytes, size_t size)
{
    struct nts_segment_header header;
    struct nts_footer footer;
    struct nts_table_def *def = NULL;

    if (!header_repair(bytes, size, &header) ||
        !nts_footer_decode(bytes + header.footer_off, (size_t)(header.size - header.footer_off),
                           &footer) ||
        footer.column_count > COLUMNS_MAX ||
        nts_table_def_decode(nts_alloc_libc(), footer.definition, footer.definition_size, &def,
                             NULL, NULL) != NANOTS_OK)
        return;
    (void)!nts_segment_check_chunks(nts_alloc_libc(), bytes, &header, &footer, def);
    for (uint32_t c = 0; c <= footer.column_count && c <= def->column_count; c++)
        column_decode(bytes, &header, &footer, def, c);
    nts_free(def);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    nts_value_work_init(&work, nts_alloc_libc());
    segment_decode(bytes, size);
    nts_value_work_deinit(&work);
    free(bytes);
    return 0;
}
