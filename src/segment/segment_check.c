/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment_check.c - checksums of a whole segment. Contract: segment_check.h. */
#include "segment/segment_check.h"

#include "format/table_def.h"

bool nts_segment_header_is_of(const struct nts_segment_header *header,
                              const struct nts_segment_entry *entry)
{
    return header->segment_id == entry->segment_id && header->table_id == entry->table_id &&
           header->row_count == entry->row_count && header->size == entry->size &&
           header->seq_first == entry->seq_first && header->seq_last == entry->seq_last &&
           header->footer_checksum == entry->footer_checksum && header->flags == entry->flags;
}

const char *nts_segment_footer_fault(const struct nts_footer *footer,
                                     const struct nts_segment_entry *entry, uint64_t file_seed)
{
    uint32_t table_id = 0;
    size_t column_count = 0;
    if (footer->file_seed != file_seed)
        return "the footer is of another file";
    if (!nts_table_def_peek(footer->definition, footer->definition_size, &table_id,
                            &column_count) ||
        footer->column_count > column_count)
        return "the footer has no definition of its columns";
    if (footer->ts_min != entry->ts_min || footer->ts_max != entry->ts_max ||
        table_id != entry->table_id)
        return "the footer contradicts the manifest";
    return NULL;
}

static bool column_is_whole(struct nts_index_work *work, struct nts_column_index *index,
                            const uint8_t *bytes, const struct nts_segment_header *header,
                            const struct nts_footer *footer, uint32_t column)
{
    const uint8_t *index_bytes = NULL;
    size_t index_size = 0;
    if (!nts_footer_find_index(footer, column, &index_bytes, &index_size) ||
        nts_column_index_decode(work, index, index_bytes, index_size, header->footer_off) !=
            NANOTS_OK)
        return false;
    for (uint32_t g = 0; g < index->group_count; g++) {
        const size_t chunk_index = (size_t)g * (footer->column_count + 1) + column;
        if (index->chunk_size[g] != 0 &&
            nts_chunk_checksum(bytes + index->chunk_off[g], (size_t)index->chunk_size[g],
                               chunk_index) != index->chunk_checksum[g])
            return false;
    }
    return true;
}

nanots_status nts_segment_check_chunks(const struct nanots_allocator *alloc, const uint8_t *bytes,
                                       const struct nts_segment_header *header,
                                       const struct nts_footer *footer,
                                       const struct nts_table_def *def)
{
    if (footer->column_count > def->column_count)
        return NANOTS_CORRUPT;
    struct nts_index_work *work = nts_alloc(alloc, sizeof *work);
    nanots_status status = work == NULL ? NANOTS_NO_MEMORY : NANOTS_OK;
    for (uint32_t c = 0; c <= footer->column_count && status == NANOTS_OK; c++) {
        struct nts_column_index *index = nts_column_index_new(
            alloc, header->row_count, nts_index_kind_of(def, c, header->flags));
        if (index == NULL)
            status = NANOTS_NO_MEMORY;
        else if (!column_is_whole(work, index, bytes, header, footer, c))
            status = NANOTS_CORRUPT;
        nts_free(index);
    }
    nts_free(work);
    return status;
}
