/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/file_image.c - a whole file as the input of a fuzz target. Contract: file_image.h. */
#include "support/file_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "format/superblock.h"
#include "format/table_def.h"
#include "format/wal_record.h"
#include "util/alloc.h"
#include "util/checksum.h"

#define IMAGE_SECTOR_SIZE 512u

/* ---- to and from an input ----------------------------------------------------------------- */

bool file_image_load(struct file_image *image, const uint8_t *data, size_t size)
{
    image->bytes = NULL;
    image->size = 0;
    if (size == 0)
        return false;
    const bool is_sparse = (data[0] & FILE_IMAGE_SPARSE) != 0;
    data++;
    size--;
    if (is_sparse && size < 8)
        return false;
    const uint64_t file_size = is_sparse ? nts_load_u64(data) : size;
    if (file_size > FILE_IMAGE_SIZE_MAX)
        return false;
    image->bytes = calloc(file_size != 0 ? (size_t)file_size : 1, 1);
    if (image->bytes == NULL)
        return false;
    image->size = file_size;
    if (!is_sparse && size != 0)
        memcpy(image->bytes, data, size);
    for (size_t at = 8; is_sparse && at + 8 + IMAGE_SECTOR_SIZE <= size;
         at += 8 + IMAGE_SECTOR_SIZE) {
        const uint64_t off = nts_load_u64(data + at);
        if (off <= file_size && file_size - off >= IMAGE_SECTOR_SIZE)
            memcpy(image->bytes + off, data + at + 8, IMAGE_SECTOR_SIZE);
    }
    return true;
}

void file_image_free(struct file_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
    image->size = 0;
}

static bool sector_is_zero(const uint8_t *sector)
{
    static const uint8_t zeros[IMAGE_SECTOR_SIZE];
    return memcmp(sector, zeros, sizeof zeros) == 0;
}

size_t file_image_store(const struct file_image *image, uint8_t *data, size_t size_max)
{
    size_t used = 1 + 8;
    if (image->size < 8 + IMAGE_SECTOR_SIZE) {
        data[0] &= (uint8_t)~FILE_IMAGE_SPARSE;
        if (image->size + 1 > size_max)
            return 0;
        memcpy(data + 1, image->bytes, (size_t)image->size);
        return (size_t)image->size + 1;
    }
    if (size_max < used)
        return 0;
    data[0] |= FILE_IMAGE_SPARSE;
    nts_store_u64(data + 1, image->size);
    for (uint64_t off = 0; off < image->size; off += IMAGE_SECTOR_SIZE) {
        if (off + IMAGE_SECTOR_SIZE > image->size)
            off = image->size - IMAGE_SECTOR_SIZE; /* the last one, which need not be whole */
        if (sector_is_zero(image->bytes + off))
            continue;
        if (size_max - used < 8 + IMAGE_SECTOR_SIZE)
            return 0;
        nts_store_u64(data + used, off);
        memcpy(data + used + 8, image->bytes + off, IMAGE_SECTOR_SIZE);
        used += 8 + IMAGE_SECTOR_SIZE;
    }
    return used;
}

/* ---- right checksums ---------------------------------------------------------------------- */

/* The checksums of a column's chunks stand at the end of its index. */
static void reseal_chunks(uint8_t *segment, const struct nts_segment_header *header,
                          const struct nts_footer *footer, const struct nts_table_def *def)
{
    static struct nts_index_work work;
    for (uint32_t c = 0; c <= footer->column_count && c <= def->column_count; c++) {
        const uint8_t *bytes = NULL;
        size_t size = 0;
        size_t chunks = 0;
        struct nts_column_index *index = nts_column_index_new(
            nts_alloc_libc(), header->row_count, nts_index_kind_of(def, c, header->flags));
        if (index == NULL)
            return;
        if (!nts_footer_find_index(footer, c, &bytes, &size) ||
            nts_column_index_decode(&work, index, bytes, size, header->footer_off) != NANOTS_OK) {
            nts_free(index);
            return;
        }
        for (uint32_t g = 0; g < index->group_count; g++)
            chunks += index->chunk_size[g] != 0;
        uint8_t *place = segment + (bytes - segment) + size - 8 * chunks;
        for (uint32_t g = 0; g < index->group_count; g++) {
            if (index->chunk_size[g] == 0)
                continue;
            nts_store_u64(place, nts_chunk_checksum(segment + index->chunk_off[g],
                                                    (size_t)index->chunk_size[g],
                                                    (size_t)g * (footer->column_count + 1) + c));
            place += 8;
        }
        nts_free(index);
    }
}

static void reseal_segment(uint8_t *segment, uint64_t left)
{
    struct nts_segment_header header;
    struct nts_footer footer;
    struct nts_table_def *def = NULL;
    nts_store_u64(segment + 72, nts_checksum(segment, 72));
    if (!nts_segment_header_decode(segment, &header) || header.size > left)
        return;
    uint8_t *bytes = segment + header.footer_off;
    const size_t size = (size_t)(header.size - header.footer_off);
    if (nts_footer_decode(bytes, size, &footer) &&
        nts_table_def_decode(nts_alloc_libc(), footer.definition, footer.definition_size, &def,
                             NULL, NULL) == NANOTS_OK)
        reseal_chunks(segment, &header, &footer, def);
    nts_free(def);
    nts_store_u64(segment + 32, nts_footer_checksum(bytes, size, header.segment_id));
    nts_store_u64(segment + 72, nts_checksum(segment, 72));
}

static void reseal_entries(struct file_image *image, uint8_t *entries, size_t size)
{
    for (; size >= NTS_SEGMENT_ENTRY_SIZE; size -= NTS_SEGMENT_ENTRY_SIZE) {
        const uint64_t off = nts_load_u64(entries + 16);
        if (off <= image->size && image->size - off >= NTS_SEGMENT_HEADER_SIZE)
            nts_store_u64(entries + 64, nts_load_u64(image->bytes + off + 32));
        entries += NTS_SEGMENT_ENTRY_SIZE;
    }
}

static void reseal_manifest(struct file_image *image, const struct nts_superblock *sb)
{
    const uint64_t end = sb->manifest_off + sb->manifest_size;
    uint64_t at = sb->manifest_off;
    while (end <= image->size && at + NTS_EDIT_HEADER_SIZE <= end) {
        uint8_t *edit = image->bytes + at;
        const uint32_t size = nts_load_u32(edit + 8);
        if (size == 0) {
            at += 8;
            continue;
        }
        if (size < NTS_EDIT_HEADER_SIZE || size % 8 != 0 || size > end - at)
            return;
        if (edit[12] == NTS_EDIT_SEGMENTS_ADD)
            reseal_entries(image, edit + NTS_EDIT_HEADER_SIZE, size - NTS_EDIT_HEADER_SIZE);
        const uint64_t checksum =
            nts_checksum_seeded(edit + 8, size - 8, nts_superblock_file_seed(sb));
        nts_store_u64(edit, checksum == 0 ? 1 : checksum);
        at += size;
    }
}

/* The records of one extent from `at` on. Where the log goes on, or 0. */
static uint64_t reseal_records(struct file_image *image, const struct nts_superblock *sb,
                               uint64_t at, uint64_t end, uint64_t *chain)
{
    struct nts_wal_record record;
    while (at < end && nts_wal_record_peek(image->bytes + at, (size_t)(end - at), &record)) {
        uint8_t *bytes = image->bytes + at;
        const size_t payload_size = record.size - NTS_WAL_RECORD_HEADER_SIZE;
        if (record.kind == NTS_WAL_SEGMENT)
            reseal_entries(image, bytes + NTS_WAL_RECORD_HEADER_SIZE, payload_size);
        const uint64_t payload =
            nts_wal_payload_checksum(record.payload, payload_size, sb->wal_salt);
        *chain = nts_checksum_seeded(bytes + 8, NTS_WAL_RECORD_HEADER_SIZE - 8, payload ^ *chain);
        nts_store_u64(bytes, *chain);
        if (record.kind == NTS_WAL_SEAL && payload_size >= 8)
            return nts_load_u64(record.payload) + NTS_WAL_EXTENT_HEADER_SIZE;
        at += record.size;
    }
    return 0;
}

static void reseal_log(struct file_image *image, const struct nts_superblock *sb)
{
    uint64_t chain = sb->wal_chain;
    uint64_t at = sb->wal_head_off;
    if (sb->file_end > image->size)
        return;
    for (uint32_t step = 0; step < sb->wal_count && at != 0; step++) {
        uint64_t end = 0;
        for (uint32_t i = 0; i < sb->wal_count; i++)
            if (at >= sb->wal_extents[i].off &&
                at - sb->wal_extents[i].off < sb->wal_extents[i].size)
                end = sb->wal_extents[i].off + sb->wal_extents[i].size;
        at = reseal_records(image, sb, at, end, &chain);
    }
}

void file_image_reseal(struct file_image *image)
{
    static const size_t slots[] = {0, NTS_SECTOR_SIZE, NTS_SLOT_SIZE,
                                   NTS_SLOT_SIZE + NTS_SECTOR_SIZE};
    struct nts_superblock sb;
    for (uint64_t at = NTS_TINY_START; at + NTS_SEGMENT_HEADER_SIZE <= image->size;
         at += NTS_GRANULE_SIZE)
        if (memcmp(image->bytes + at, "NTSSEG1\n", 8) == 0)
            reseal_segment(image->bytes + at, image->size - at);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        uint8_t *copy = image->bytes + slots[i];
        if (slots[i] + NTS_SUPERBLOCK_SIZE > image->size || memcmp(copy, "\x89NTT", 4) != 0)
            continue;
        nts_store_u32(copy + 236, 0); /* the chain of edits is not told */
        nts_store_u64(copy + 248, nts_checksum(copy, 248));
    }
    const size_t known =
        image->size < NTS_SUPERBLOCK_AREA ? (size_t)image->size : NTS_SUPERBLOCK_AREA;
    if (nts_superblock_choose(image->bytes, known, &sb, NULL) != NANOTS_OK || sb.generation == 0)
        return;
    reseal_manifest(image, &sb);
    reseal_log(image, &sb);
}
