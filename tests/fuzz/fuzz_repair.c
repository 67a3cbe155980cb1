/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_repair.c - a whole file in; out comes a repaired one that verifies, or a status.
 *
 *   byte 0: bit 0  put checksums right: segments, the manifest and its entries, log, superblocks
 *           bit 1  the file is sparse: u64 size, then sectors as u64 offset and 512 bytes
 *           bit 2  lost values become null
 *   then the file
 *
 * The file is also opened as it is, read-only, and verified. Both files lie in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "format/superblock.h"
#include "format/table_def.h"
#include "format/wal_record.h"
#include "os/vfs.h"
#include "util/alloc.h"
#include "util/checksum.h"

#define FILE_SIZE_MAX (1u << 20) /* of the input; the repaired one may be larger */
#define OUT_SIZE_MAX  (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- two files in memory ------------------------------------------------------------------ */

struct memory {
    uint8_t *bytes;
    uint64_t size;
    uint64_t capacity;
};

struct memory_file {
    struct nanots_file file;
    struct memory *memory;
};

static struct memory memory_in;
static struct memory memory_out;

static struct memory *memory_of(struct nanots_file *file)
{
    return ((struct memory_file *)(void *)file)->memory;
}

static void memory_close(struct nanots_file *file)
{
    free(file);
}

static nanots_status memory_read_at(struct nanots_file *file, void *bytes, size_t size,
                                    uint64_t offset, struct nanots_error *error)
{
    const struct memory *memory = memory_of(file);
    (void)error;
    if (offset > memory->size || size > memory->size - offset)
        return NANOTS_CORRUPT;
    if (size != 0)
        memcpy(bytes, memory->bytes + offset, size);
    return NANOTS_OK;
}

static nanots_status memory_truncate(struct nanots_file *file, uint64_t size,
                                     struct nanots_error *error)
{
    struct memory *memory = memory_of(file);
    (void)error;
    if (size > OUT_SIZE_MAX)
        return NANOTS_NO_SPACE;
    if (size > memory->capacity) {
        const size_t capacity = (size_t)size * 2;
        uint8_t *bytes = realloc(memory->bytes, capacity);
        if (bytes == NULL)
            return NANOTS_NO_SPACE;
        memory->bytes = bytes;
        memory->capacity = capacity;
    }
    if (size > memory->size)
        memset(memory->bytes + memory->size, 0, (size_t)(size - memory->size));
    memory->size = size;
    return NANOTS_OK;
}

static nanots_status memory_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                     uint64_t offset, int durable, struct nanots_error *error)
{
    struct memory *memory = memory_of(file);
    (void)durable;
    if (memory == &memory_in)
        abort(); /* the damaged file is only read */
    if (offset + size > memory->size && memory_truncate(file, offset + size, error) != NANOTS_OK)
        return NANOTS_NO_SPACE;
    if (size != 0)
        memcpy(memory->bytes + offset, bytes, size);
    return NANOTS_OK;
}

static nanots_status memory_sync(struct nanots_file *file, struct nanots_error *error)
{
    (void)file;
    (void)error;
    return NANOTS_OK;
}

static nanots_status memory_size(struct nanots_file *file, uint64_t *size_out,
                                 struct nanots_error *error)
{
    (void)error;
    *size_out = memory_of(file)->size;
    return NANOTS_OK;
}

static nanots_status memory_open(const struct nanots_vfs *vfs,
                                 const struct nanots_allocator *allocator, const char *path,
                                 unsigned flags, struct nanots_file **file_out,
                                 struct nanots_error *error)
{
    static const struct nanots_file_ops ops = {.struct_size = sizeof ops,
                                               .close = memory_close,
                                               .read_at = memory_read_at,
                                               .write_at = memory_write_at,
                                               .sync = memory_sync,
                                               .size = memory_size,
                                               .truncate = memory_truncate};
    struct memory_file *file = malloc(sizeof *file);
    (void)vfs;
    (void)allocator;
    (void)flags;
    (void)error;
    *file_out = NULL;
    if (file == NULL)
        return NANOTS_NO_MEMORY;
    file->file.ops = &ops;
    file->memory = path[0] == 'i' ? &memory_in : &memory_out;
    *file_out = &file->file;
    return NANOTS_OK;
}

/* ---- the input ---------------------------------------------------------------------------- */

static int input_load(const uint8_t *data, size_t size, int is_sparse)
{
    uint64_t file_size = size;
    if (is_sparse) {
        if (size < 8)
            return 0;
        file_size = nts_load_u64(data);
    }
    if (file_size > FILE_SIZE_MAX)
        return 0;
    memory_in.bytes = calloc((size_t)file_size + 1, 1);
    memory_in.size = file_size;
    if (memory_in.bytes == NULL)
        return 0;
    if (!is_sparse && size != 0)
        memcpy(memory_in.bytes, data, size);
    for (size_t at = 8; is_sparse && at + 8 + NTS_SECTOR_SIZE <= size; at += 8 + NTS_SECTOR_SIZE) {
        const uint64_t off = nts_load_u64(data + at);
        if (off <= file_size && file_size - off >= NTS_SECTOR_SIZE)
            memcpy(memory_in.bytes + off, data + at + 8, NTS_SECTOR_SIZE);
    }
    return 1;
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

static void reseal_entries(uint8_t *entries, size_t size)
{
    for (; size >= NTS_SEGMENT_ENTRY_SIZE; size -= NTS_SEGMENT_ENTRY_SIZE) {
        const uint64_t off = nts_load_u64(entries + 16);
        if (off <= memory_in.size && memory_in.size - off >= NTS_SEGMENT_HEADER_SIZE)
            nts_store_u64(entries + 64, nts_load_u64(memory_in.bytes + off + 32));
        entries += NTS_SEGMENT_ENTRY_SIZE;
    }
}

static void reseal_manifest(const struct nts_superblock *sb)
{
    const uint64_t end = sb->manifest_off + sb->manifest_size;
    uint64_t at = sb->manifest_off;
    while (end <= memory_in.size && at + NTS_EDIT_HEADER_SIZE <= end) {
        uint8_t *edit = memory_in.bytes + at;
        const uint32_t size = nts_load_u32(edit + 8);
        if (size == 0) {
            at += 8;
            continue;
        }
        if (size < NTS_EDIT_HEADER_SIZE || size % 8 != 0 || size > end - at)
            return;
        if (edit[12] == NTS_EDIT_SEGMENTS_ADD)
            reseal_entries(edit + NTS_EDIT_HEADER_SIZE, size - NTS_EDIT_HEADER_SIZE);
        const uint64_t checksum =
            nts_checksum_seeded(edit + 8, size - 8, nts_superblock_file_seed(sb));
        nts_store_u64(edit, checksum == 0 ? 1 : checksum);
        at += size;
    }
}

/* Records from the head on, one extent. */
static void reseal_log(const struct nts_superblock *sb)
{
    if (sb->wal_count == 0 || sb->file_end > memory_in.size)
        return;
    uint64_t chain = sb->wal_chain;
    uint64_t at = sb->wal_head_off;
    const uint64_t end = sb->wal_extents[0].off + sb->wal_extents[0].size;
    struct nts_wal_record record;
    while (at < end && nts_wal_record_peek(memory_in.bytes + at, (size_t)(end - at), &record)) {
        uint8_t *bytes = memory_in.bytes + at;
        if (record.kind == NTS_WAL_SEGMENT)
            reseal_entries(bytes + NTS_WAL_RECORD_HEADER_SIZE,
                           record.size - NTS_WAL_RECORD_HEADER_SIZE);
        const uint64_t payload = nts_wal_payload_checksum(
            record.payload, record.size - NTS_WAL_RECORD_HEADER_SIZE, sb->wal_salt);
        chain = nts_checksum_seeded(bytes + 8, NTS_WAL_RECORD_HEADER_SIZE - 8, payload ^ chain);
        nts_store_u64(bytes, chain);
        at += record.size;
    }
}

static void input_reseal(void)
{
    static const size_t slots[] = {0, NTS_SECTOR_SIZE, NTS_SLOT_SIZE,
                                   NTS_SLOT_SIZE + NTS_SECTOR_SIZE};
    struct nts_superblock sb;
    for (uint64_t at = NTS_TINY_START; at + NTS_SEGMENT_HEADER_SIZE <= memory_in.size;
         at += NTS_GRANULE_SIZE)
        if (memcmp(memory_in.bytes + at, "NTSSEG1\n", 8) == 0)
            reseal_segment(memory_in.bytes + at, memory_in.size - at);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        uint8_t *copy = memory_in.bytes + slots[i];
        if (slots[i] + NTS_SUPERBLOCK_SIZE <= memory_in.size && memcmp(copy, "\x89NTT", 4) == 0)
            nts_store_u64(copy + 248, nts_checksum(copy, 248));
    }
    const size_t known =
        memory_in.size < NTS_SUPERBLOCK_AREA ? (size_t)memory_in.size : NTS_SUPERBLOCK_AREA;
    if (nts_superblock_choose(memory_in.bytes, known, &sb, NULL) != NANOTS_OK || sb.generation == 0)
        return;
    reseal_manifest(&sb);
    reseal_log(&sb);
}

/* ---- the target --------------------------------------------------------------------------- */

static const struct nanots_vfs memory_vfs = {.struct_size = sizeof memory_vfs, .open = memory_open};

/* Rows that a verification counts, and places that are damaged. */
static uint64_t file_verify(const char *path, uint64_t *damage_out, nanots_status *status_out)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .flags = NANOTS_OPEN_READ_ONLY, .vfs = &memory_vfs};
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_db *db = NULL;
    *damage_out = 0;
    *status_out = nanots_open(path, &options, &db, NULL);
    if (*status_out != NANOTS_OK)
        return 0;
    *status_out = nanots_verify(db, NULL, NULL, &report, NULL);
    if (nanots_close(db, NULL) != NANOTS_OK)
        abort();
    *damage_out = report.damage;
    return report.rows;
}

static void file_repair(uint32_t flags)
{
    const struct nanots_repair_options options = {
        .struct_size = sizeof options, .flags = flags, .vfs = &memory_vfs};
    struct nanots_repair_report report = {.struct_size = sizeof report};
    nanots_status status = nanots_repair("in", "out", &options, &report, NULL);
    uint64_t damage = 0;
    if (status != NANOTS_OK && status != NANOTS_NOT_A_DATABASE && status != NANOTS_CORRUPT &&
        status != NANOTS_NEWER_FORMAT && status != NANOTS_NO_SPACE && status != NANOTS_NO_MEMORY &&
        status != NANOTS_TOO_BIG && status != NANOTS_UNSUPPORTED)
        abort();
    if (status != NANOTS_OK)
        return;
    const uint64_t rows = file_verify("out", &damage, &status);
    if (status != NANOTS_OK || damage != 0 || rows != report.rows)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t damage = 0;
    nanots_status status;
    if (size == 0)
        return 0;
    if (input_load(data + 1, size - 1, (data[0] & 2) != 0)) {
        if ((data[0] & 1) != 0)
            input_reseal();
        (void)file_verify("in", &damage, &status);
        file_repair((data[0] & 4) != 0 ? NANOTS_REPAIR_NULL_LOST : 0);
    }
    free(memory_in.bytes);
    free(memory_out.bytes);
    memset(&memory_in, 0, sizeof memory_in);
    memset(&memory_out, 0, sizeof memory_out);
    return 0;
}
