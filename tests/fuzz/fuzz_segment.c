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
#include "util/checksum.h"

#define COLUMNS_MAX 8u /* of a segment that is decoded; each costs an index */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nts_index_work work;

static bool header_repair(uint8_t *bytes, size_t size, struct nts_segment_header *header)
{
    if (size < NTS_SEGMENT_HEADER_SIZE + NTS_FOOTER_HEAD_SIZE)
        return false;
    nts_store_u64(bytes + 72, nts_checksum(bytes, 72));
    return nts_segment_header_decode(bytes, header) && header->size <= size;
}

static void column_decode(const uint8_t *bytes, const struct nts_segment_header *header,
                          const struct nts_footer *footer, uint32_t column)
{
    static int64_t ts[NTS_VECTOR_ROWS];
    static double values[NTS_VECTOR_ROWS];
    const uint8_t *index_bytes = NULL;
    size_t index_size = 0;
    struct nts_column_index *index =
        nts_column_index_new(nts_alloc_libc(), header->row_count, column == 0);

    if (index == NULL)
        return;
    if (!nts_footer_find_index(footer, column, &index_bytes, &index_size) ||
        nts_column_index_decode(&work, index, index_bytes, index_size, header->footer_off) !=
            NANOTS_OK)
        goto out;
    for (uint32_t v = 0; v < index->vector_count; v++) {
        const uint32_t rows = nts_vector_rows(header->row_count, v);
        const uint8_t *vector =
            bytes + index->chunk_off[v / NTS_GROUP_VECTORS] + index->vector_off[v];
        const size_t size = index->vector_size[v];
        if (size == 0)
            continue;
        const nanots_status status =
            column == 0 ? nts_i64_decode(&work.scratch, ts, rows, vector, size)
                        : nts_f64_decode(&work.scratch, values, rows, vector, size);
        if (status != NANOTS_OK && status != NANOTS_CORRUPT)
            abort();
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
        footer.column_count > COLUMNS_MAX)
        return;
    if (nts_table_def_decode(nts_alloc_libc(), footer.definition, footer.definition_size, &def,
                             NULL, NULL) == NANOTS_OK)
        nts_free(def);
    (void)!nts_segment_check_chunks(nts_alloc_libc(), bytes, &header, &footer);
    for (uint32_t c = 0; c <= footer.column_count; c++)
        column_decode(bytes, &header, &footer, c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    segment_decode(bytes, size);
    free(bytes);
    return 0;
}
