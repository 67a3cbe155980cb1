/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/mutate_file.c - changes a file where its structures are, for fuzz_file and fuzz_repair.
 *
 *   input -> image -> parts: superblock, edits, records, segment headers, footers, chunks
 *                       |
 *                       +--> one to four changes: a field, bytes, a copy of another part, a part
 *                            less or twice, the file's end --> input, its checksums put right
 *                                                              by the target (byte 0, bit 0)
 *
 * Blind changes of so many bytes mostly hit values under a checksum, or nothing. One change in
 * eight is blind all the same. The superblock's two copies of a slot are kept alike, since a reader
 * may take either, and records are numbered anew when one came or went.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "format/superblock.h"
#include "format/wal_record.h"
#include "support/file_image.h"
#include "support/seed.h"

#define PARTS_MAX 512u

enum part_kind { PART_SUPERBLOCK, PART_EDIT, PART_RECORD, PART_HEADER, PART_FOOTER, PART_CHUNKS };

struct part {
    enum part_kind kind;
    uint64_t off;
    uint64_t size;
};

struct mutation {
    struct file_image image;
    struct nts_superblock sb;
    bool has_sb;
    struct part parts[PARTS_MAX];
    size_t part_count;
    uint64_t random;
};

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

static uint64_t mutation_below(struct mutation *m, uint64_t bound)
{
    return bound == 0 ? 0 : seed_next(&m->random) % bound;
}

/* ---- parts -------------------------------------------------------------------------------- */

static void part_add(struct mutation *m, enum part_kind kind, uint64_t off, uint64_t size)
{
    if (m->part_count == PARTS_MAX || size == 0 || off > m->image.size ||
        size > m->image.size - off)
        return;
    m->parts[m->part_count++] = (struct part){kind, off, size};
}

static void parts_of_manifest(struct mutation *m)
{
    const uint64_t end = m->sb.manifest_off + m->sb.manifest_size;
    uint64_t at = m->sb.manifest_off;
    while (end <= m->image.size && at + NTS_EDIT_HEADER_SIZE <= end) {
        const uint32_t size = nts_load_u32(m->image.bytes + at + 8);
        if (size == 0) {
            at += 8;
            continue;
        }
        if (size < NTS_EDIT_HEADER_SIZE || size % 8 != 0 || size > end - at)
            return;
        part_add(m, PART_EDIT, at, size);
        at += size;
    }
}

static void parts_of_log(struct mutation *m)
{
    for (uint32_t i = 0; i < m->sb.wal_count; i++) {
        const struct nts_extent extent = m->sb.wal_extents[i];
        uint64_t at = i == 0 ? m->sb.wal_head_off : extent.off + NTS_WAL_EXTENT_HEADER_SIZE;
        const uint64_t end = extent.off + extent.size;
        struct nts_wal_record record;
        while (end <= m->image.size && at < end &&
               nts_wal_record_peek(m->image.bytes + at, (size_t)(end - at), &record)) {
            part_add(m, PART_RECORD, at, record.size);
            at += record.size;
        }
    }
}

static void parts_of_segments(struct mutation *m)
{
    struct nts_segment_header header;
    for (uint64_t at = NTS_TINY_START; at + NTS_SEGMENT_HEADER_SIZE <= m->image.size;
         at += NTS_GRANULE_SIZE) {
        if (memcmp(m->image.bytes + at, "NTSSEG1\n", 8) != 0)
            continue;
        part_add(m, PART_HEADER, at, NTS_SEGMENT_HEADER_SIZE);
        if (!nts_segment_header_decode(m->image.bytes + at, &header) ||
            header.size > m->image.size - at)
            continue;
        part_add(m, PART_FOOTER, at + header.footer_off, header.size - header.footer_off);
        part_add(m, PART_CHUNKS, at + NTS_SEGMENT_HEADER_SIZE,
                 header.footer_off - NTS_SEGMENT_HEADER_SIZE);
    }
}

static void parts_find(struct mutation *m)
{
    const size_t known =
        m->image.size < NTS_SUPERBLOCK_AREA ? (size_t)m->image.size : NTS_SUPERBLOCK_AREA;
    m->part_count = 0;
    m->has_sb = nts_superblock_choose(m->image.bytes, known, &m->sb, NULL) == NANOTS_OK &&
                m->sb.generation != 0;
    if (m->has_sb) {
        /* Three times, so that it is chosen as often as it matters. */
        for (int i = 0; i < 3; i++)
            part_add(m, PART_SUPERBLOCK, nts_superblock_slot(m->sb.generation),
                     NTS_SUPERBLOCK_SIZE);
        parts_of_manifest(m);
        parts_of_log(m);
    }
    parts_of_segments(m);
}

static const struct part *part_any(struct mutation *m)
{
    return &m->parts[mutation_below(m, m->part_count)];
}

/* ---- changes ------------------------------------------------------------------------------ */

/* A number that some field of the file may have, or one at an edge. */
static uint64_t value_any(struct mutation *m, uint64_t old)
{
    static const uint64_t edges[] = {
        0,     1,          2,          7,         8,          63,          64,         255,
        256,   511,        512,        1023,      1024,       4095,        4096,       8192,
        65535, 65536,      1048576,    1048577,   INT32_MAX,  UINT32_MAX,  INT64_MAX,  1ull << 63,
        ~0ull, 1ull << 61, 1ull << 62, ~0ull - 7, ~0ull - 63, ~0ull << 12, 1ull << 32, 1ull << 31};
    const struct part *other = part_any(m);
    switch (mutation_below(m, 6)) {
    case 0:
        return edges[mutation_below(m, sizeof edges / sizeof edges[0])];
    case 1:
        return old + (1ull << mutation_below(m, 64));
    case 2:
        return old - (1ull << mutation_below(m, 64));
    case 3:
        return other->off + (mutation_below(m, 2) != 0 ? other->size : 0);
    case 4:
        return other->size < 8 ? other->size
                               : nts_load_u64(m->image.bytes + other->off +
                                              mutation_below(m, (other->size - 8) / 4 + 1) * 4);
    default:
        return old + mutation_below(m, 17) - 8;
    }
}

static void change_field(struct mutation *m, const struct part *part)
{
    const uint64_t width = 1ull << mutation_below(m, 4);
    uint8_t bytes[8] = {0};
    if (part->size < width)
        return;
    uint8_t *place = m->image.bytes + part->off + mutation_below(m, part->size / width) * width;
    memcpy(bytes, place, (size_t)width);
    nts_store_u64(bytes, value_any(m, nts_load_u64(bytes)));
    memcpy(place, bytes, (size_t)width);
}

/* As libFuzzer changes any bytes, with what it learnt of comparisons; the size stays. */
static void change_bytes(struct mutation *m, const struct part *part)
{
    const uint64_t skip = mutation_below(m, part->size);
    const uint64_t left = part->size - skip;
    const size_t size = (size_t)(1 + mutation_below(m, left < 256 ? left : 256));
    uint8_t *place = m->image.bytes + part->off + skip;
    (void)LLVMFuzzerMutate(place, size, size);
}

static void change_copy(struct mutation *m, const struct part *part)
{
    for (int i = 0; i < 8; i++) {
        const struct part *other = part_any(m);
        if (other->kind != part->kind || other->off == part->off)
            continue;
        memmove(m->image.bytes + part->off, m->image.bytes + other->off,
                (size_t)(other->size < part->size ? other->size : part->size));
        return;
    }
}

/* The entries of a segment take over what its header says, so that more than its name is wrong. */
static void change_agree(struct mutation *m, const struct part *part)
{
    for (uint64_t at = NTS_EDIT_HEADER_SIZE;
         part->kind == PART_EDIT && at + NTS_SEGMENT_ENTRY_SIZE <= part->size;
         at += NTS_SEGMENT_ENTRY_SIZE) {
        uint8_t *entry = m->image.bytes + part->off + at;
        const uint64_t off = nts_load_u64(entry + 16);
        if (off > m->image.size || m->image.size - off < NTS_SEGMENT_HEADER_SIZE)
            continue;
        const uint8_t *header = m->image.bytes + off;
        /* The "segment" may lie anywhere, over these entries too. */
        memmove(entry, header + 40, 8);      /* table_id, row_count */
        memmove(entry + 8, header + 8, 8);   /* segment_id */
        memmove(entry + 24, header + 16, 8); /* size */
        memmove(entry + 32, header + 48, 16);
        memmove(entry + 72, header + 64, 8); /* flags */
        const uint64_t footer_off = nts_load_u64(header + 24);
        if (footer_off <= m->image.size - off && m->image.size - off - footer_off >= 16)
            memmove(entry + 48, header + footer_off, 16); /* ts_min, ts_max */
    }
}

static void superblock_resize_manifest(struct mutation *m, uint64_t size)
{
    uint8_t *slot = m->image.bytes + nts_superblock_slot(m->sb.generation);
    nts_store_u64(slot + 72, size);
    if (nts_load_u64(slot + 80) < size)
        nts_store_u64(slot + 80, size);
}

/* Moves all that follows the part in the manifest or the log, `size` bytes on or back. */
static void parts_shift(struct mutation *m, const struct part *part, bool is_twice)
{
    uint64_t end = m->sb.manifest_off + m->sb.manifest_size;
    for (uint32_t i = 0; part->kind == PART_RECORD && i < m->sb.wal_count; i++)
        if (part->off >= m->sb.wal_extents[i].off &&
            part->off < m->sb.wal_extents[i].off + m->sb.wal_extents[i].size)
            end = m->sb.wal_extents[i].off + m->sb.wal_extents[i].size;
    const uint64_t behind = part->off + part->size;
    uint8_t *bytes = m->image.bytes;
    if (part->kind == PART_EDIT && is_twice)
        end += part->size;
    if (end > m->image.size || end < behind + part->size)
        return;
    if (is_twice)
        memmove(bytes + behind, bytes + part->off, (size_t)(end - behind));
    else
        memmove(bytes + part->off, bytes + behind, (size_t)(end - behind));
    if (part->kind == PART_EDIT)
        superblock_resize_manifest(m, is_twice ? m->sb.manifest_size + part->size
                                               : m->sb.manifest_size - part->size);
}

/* The seqs of the records of the first extent, from the head on, without gaps. */
static void records_number(struct mutation *m)
{
    uint64_t seq = m->sb.flushed_seq + 1;
    const struct nts_extent extent = m->sb.wal_extents[0];
    const uint64_t end = extent.off + extent.size;
    struct nts_wal_record record;
    for (uint64_t at = m->sb.wal_head_off;
         m->sb.wal_count != 0 && end <= m->image.size && at < end &&
         nts_wal_record_peek(m->image.bytes + at, (size_t)(end - at), &record);
         at += record.size) {
        nts_store_u64(m->image.bytes + at + 16, seq);
        if (record.kind == NTS_WAL_ROWS || record.kind == NTS_WAL_SEGMENT)
            seq += record.row_count;
    }
}

static void change_count(struct mutation *m, const struct part *part)
{
    if (part->kind != PART_EDIT && part->kind != PART_RECORD)
        return;
    parts_shift(m, part, mutation_below(m, 2) != 0);
    if (part->kind == PART_RECORD)
        records_number(m);
}

static void change_end(struct mutation *m, const struct part *part)
{
    const uint64_t end = part->off + mutation_below(m, part->size + 1);
    if (end < m->image.size)
        m->image.size = end; /* of the block, which stays as it is */
}

static void superblock_copy(struct mutation *m)
{
    const uint64_t slot = nts_superblock_slot(m->sb.generation);
    if (m->has_sb && !m->sb.tiny && slot + NTS_SECTOR_SIZE + NTS_SUPERBLOCK_SIZE <= m->image.size)
        memcpy(m->image.bytes + slot + NTS_SECTOR_SIZE, m->image.bytes + slot, NTS_SUPERBLOCK_SIZE);
}

static void mutation_change(struct mutation *m)
{
    const struct part *part = part_any(m);
    switch (mutation_below(m, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        change_bytes(m, part);
        break;
    case 4:
        change_copy(m, part);
        break;
    case 5:
    case 6:
        change_count(m, part);
        break;
    case 7:
        change_agree(m, part);
        break;
    case 8:
        if (mutation_below(m, 4) == 0)
            change_end(m, part);
        break;
    default:
        change_field(m, part);
        break;
    }
    superblock_copy(m);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    static struct mutation m;
    size_t used = 0;
    m.random = seed;
    if (mutation_below(&m, 8) == 0 || !file_image_load(&m.image, data, size))
        return LLVMFuzzerMutate(data, size, size_max);
    if (mutation_below(&m, 4) == 0)
        data[0] ^= (uint8_t)(1u << (2 + mutation_below(&m, 6)));
    data[0] |= FILE_IMAGE_RESEAL;
    file_image_reseal(&m.image);
    for (uint64_t i = 1 + mutation_below(&m, 4); i != 0; i--) {
        parts_find(&m);
        if (m.part_count != 0)
            mutation_change(&m);
        file_image_reseal(&m.image); /* so that the next change finds its way */
    }
    used = file_image_store(&m.image, data, size_max);
    file_image_free(&m.image);
    return used != 0 ? used : LLVMFuzzerMutate(data, size, size_max);
}
