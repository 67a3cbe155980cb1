/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/superblock.c - superblock <-> bytes. Layout: superblock.h and SPEC.md 3. */
#include "format/superblock.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "util/checksum.h"

static const uint8_t superblock_magic[8] = {0x89, 'N', 'T', 'T', '\r', '\n', 0x1a, '\n'};

enum superblock_field {
    SB_MAGIC = 0,
    SB_FORMAT_VERSION = 8,
    SB_WRITER_VERSION = 12,
    SB_GENERATION = 16,
    SB_INCOMPAT = 24,
    SB_RO_COMPAT = 32,
    SB_COMPAT = 40,
    SB_FILE_ID = 48,
    SB_MANIFEST_OFF = 64,
    SB_MANIFEST_SIZE = 72,
    SB_MANIFEST_CAPACITY = 80,
    SB_FILE_END = 88,
    SB_FLUSHED_SEQ = 96,
    SB_WAL_SALT = 104,
    SB_WAL_CHAIN = 112,
    SB_WAL_HEAD_OFF = 120,
    SB_RESERVE_OFF = 128,
    SB_RESERVE_SIZE = 136,
    SB_NEXT_TABLE_ID = 144,
    SB_WAL_COUNT = 148,
    SB_NEXT_SEGMENT_ID = 152,
    SB_WAL_EXTENTS = 160,
    SB_LAYOUT = 232,
    SB_MANIFEST_CHAIN = 236,
    SB_TABLE_CHANGES = 240,
    SB_CHECKSUM = 248
};
#define SB_WAL_EXTENT_SIZE 12u
#define SB_LAYOUT_TINY     1u

static_assert(SB_WAL_EXTENTS + NTS_WAL_EXTENTS_MAX * SB_WAL_EXTENT_SIZE == SB_LAYOUT,
              "the WAL extents end where the layout word begins");
static_assert(SB_CHECKSUM + 8 == NTS_SUPERBLOCK_SIZE, "the checksum covers all before it");

uint64_t nts_superblock_file_seed(const struct nts_superblock *sb)
{
    return nts_load_u64(sb->file_id);
}

void nts_superblock_encode(const struct nts_superblock *sb, uint8_t bytes[NTS_SUPERBLOCK_SIZE])
{
    memset(bytes, 0, NTS_SUPERBLOCK_SIZE);
    memcpy(bytes + SB_MAGIC, superblock_magic, sizeof superblock_magic);
    nts_store_u32(bytes + SB_FORMAT_VERSION, sb->format_version);
    nts_store_u32(bytes + SB_WRITER_VERSION, sb->writer_version);
    nts_store_u64(bytes + SB_GENERATION, sb->generation);
    nts_store_u64(bytes + SB_INCOMPAT, sb->incompat_flags);
    nts_store_u64(bytes + SB_RO_COMPAT, sb->ro_compat_flags);
    nts_store_u64(bytes + SB_COMPAT, sb->compat_flags);
    memcpy(bytes + SB_FILE_ID, sb->file_id, sizeof sb->file_id);
    nts_store_u64(bytes + SB_MANIFEST_OFF, sb->manifest_off);
    nts_store_u64(bytes + SB_MANIFEST_SIZE, sb->manifest_size);
    nts_store_u64(bytes + SB_MANIFEST_CAPACITY, sb->manifest_capacity);
    nts_store_u64(bytes + SB_FILE_END, sb->file_end);
    nts_store_u64(bytes + SB_FLUSHED_SEQ, sb->flushed_seq);
    nts_store_u64(bytes + SB_WAL_SALT, sb->wal_salt);
    nts_store_u64(bytes + SB_WAL_CHAIN, sb->wal_chain);
    nts_store_u64(bytes + SB_WAL_HEAD_OFF, sb->wal_head_off);
    nts_store_u64(bytes + SB_RESERVE_OFF, sb->reserve.off);
    nts_store_u64(bytes + SB_RESERVE_SIZE, sb->reserve.size);
    nts_store_u32(bytes + SB_NEXT_TABLE_ID, sb->next_table_id);
    nts_store_u32(bytes + SB_WAL_COUNT, sb->wal_count);
    nts_store_u64(bytes + SB_NEXT_SEGMENT_ID, sb->next_segment_id);
    for (uint32_t i = 0; i < sb->wal_count; i++) {
        uint8_t *place = bytes + SB_WAL_EXTENTS + (size_t)i * SB_WAL_EXTENT_SIZE;
        nts_store_u64(place, sb->wal_extents[i].off);
        nts_store_u32(place + 8, (uint32_t)(sb->wal_extents[i].size / NTS_BLOCK_SIZE));
    }
    nts_store_u32(bytes + SB_LAYOUT, sb->tiny ? SB_LAYOUT_TINY : 0);
    nts_store_u32(bytes + SB_MANIFEST_CHAIN, sb->manifest_chain);
    nts_store_u64(bytes + SB_TABLE_CHANGES, sb->table_changes);
    nts_store_u64(bytes + SB_CHECKSUM, nts_checksum(bytes, SB_CHECKSUM));
}

size_t nts_superblock_encode_slot(const struct nts_superblock *sb,
                                  uint8_t image[NTS_SLOT_IMAGE_SIZE])
{
    memset(image, 0, NTS_SLOT_IMAGE_SIZE);
    nts_superblock_encode(sb, image);
    if (sb->tiny)
        return NTS_TINY_START;
    nts_superblock_encode(sb, image + NTS_SECTOR_SIZE);
    return NTS_SLOT_IMAGE_SIZE;
}

/* Whether [off, off + size) is empty or lies in [low, end). */
static bool extent_is_inside(uint64_t off, uint64_t size, uint64_t low, uint64_t end)
{
    if (size == 0)
        return true;
    return off >= low && off <= end && size <= end - off;
}

bool nts_wal_extents_are_possible(const struct nts_extent *extents, uint32_t count,
                                  uint64_t head_off, uint64_t file_end)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct nts_extent *extent = &extents[i];
        if (extent->size < NTS_WAL_EXTENT_SIZE_MIN || extent->size > NTS_WAL_EXTENT_SIZE_MAX ||
            extent->off % NTS_WAL_EXTENT_SIZE_MIN != 0 ||
            !extent_is_inside(extent->off, extent->size, NTS_SUPERBLOCK_AREA, file_end))
            return false;
    }
    return head_off >= extents[0].off && head_off <= extents[0].off + extents[0].size &&
           head_off % 8 == 0;
}

static bool superblock_wal_is_possible(const struct nts_superblock *sb)
{
    if (sb->wal_count == 0)
        return sb->wal_head_off == 0;
    return sb->wal_count >= 2 && nts_wal_extents_are_possible(sb->wal_extents, sb->wal_count,
                                                              sb->wal_head_off, sb->file_end);
}

static bool superblock_is_possible(const struct nts_superblock *sb)
{
    const uint64_t low = sb->tiny ? NTS_TINY_START : NTS_SUPERBLOCK_AREA;
    if (sb->generation == 0 || sb->file_end > NTS_FILE_SIZE_MAX || sb->file_end < low)
        return false;
    if (sb->generation > NTS_NUMBER_MAX || sb->flushed_seq > NTS_NUMBER_MAX ||
        sb->next_segment_id > NTS_NUMBER_MAX || sb->next_table_id > NTS_TABLES_MAX)
        return false;
    if (sb->tiny && ((sb->generation & 1) != 0 || sb->file_end > NTS_TINY_END))
        return false;
    if (sb->manifest_size > sb->manifest_capacity || sb->manifest_size > NTS_MANIFEST_SIZE_MAX)
        return false;
    return extent_is_inside(sb->manifest_off, sb->manifest_capacity, low, sb->file_end) &&
           extent_is_inside(sb->reserve.off, sb->reserve.size, low, sb->file_end) &&
           superblock_wal_is_possible(sb);
}

static void superblock_load(const uint8_t bytes[NTS_SUPERBLOCK_SIZE], struct nts_superblock *sb)
{
    memset(sb, 0, sizeof *sb);
    sb->format_version = nts_load_u32(bytes + SB_FORMAT_VERSION);
    sb->writer_version = nts_load_u32(bytes + SB_WRITER_VERSION);
    sb->generation = nts_load_u64(bytes + SB_GENERATION);
    sb->incompat_flags = nts_load_u64(bytes + SB_INCOMPAT);
    sb->ro_compat_flags = nts_load_u64(bytes + SB_RO_COMPAT);
    sb->compat_flags = nts_load_u64(bytes + SB_COMPAT);
    memcpy(sb->file_id, bytes + SB_FILE_ID, sizeof sb->file_id);
    sb->manifest_off = nts_load_u64(bytes + SB_MANIFEST_OFF);
    sb->manifest_size = nts_load_u64(bytes + SB_MANIFEST_SIZE);
    sb->manifest_capacity = nts_load_u64(bytes + SB_MANIFEST_CAPACITY);
    sb->file_end = nts_load_u64(bytes + SB_FILE_END);
    sb->flushed_seq = nts_load_u64(bytes + SB_FLUSHED_SEQ);
    sb->wal_salt = nts_load_u64(bytes + SB_WAL_SALT);
    sb->wal_chain = nts_load_u64(bytes + SB_WAL_CHAIN);
    sb->wal_head_off = nts_load_u64(bytes + SB_WAL_HEAD_OFF);
    sb->reserve.off = nts_load_u64(bytes + SB_RESERVE_OFF);
    sb->reserve.size = nts_load_u64(bytes + SB_RESERVE_SIZE);
    sb->next_table_id = nts_load_u32(bytes + SB_NEXT_TABLE_ID);
    sb->wal_count = nts_load_u32(bytes + SB_WAL_COUNT);
    sb->next_segment_id = nts_load_u64(bytes + SB_NEXT_SEGMENT_ID);
    for (uint32_t i = 0; i < sb->wal_count && i < NTS_WAL_EXTENTS_MAX; i++) {
        const uint8_t *place = bytes + SB_WAL_EXTENTS + (size_t)i * SB_WAL_EXTENT_SIZE;
        sb->wal_extents[i].off = nts_load_u64(place);
        sb->wal_extents[i].size = (uint64_t)nts_load_u32(place + 8) * NTS_BLOCK_SIZE;
    }
    sb->tiny = (nts_load_u32(bytes + SB_LAYOUT) & SB_LAYOUT_TINY) != 0;
    sb->manifest_chain = nts_load_u32(bytes + SB_MANIFEST_CHAIN);
    sb->table_changes = nts_load_u64(bytes + SB_TABLE_CHANGES);
}

nanots_status nts_superblock_decode(const uint8_t bytes[NTS_SUPERBLOCK_SIZE],
                                    struct nts_superblock *sb, struct nanots_error *error)
{
    memset(sb, 0, sizeof *sb);
    if (memcmp(bytes + SB_MAGIC, superblock_magic, sizeof superblock_magic) != 0)
        return nts_fail(error, NANOTS_NOT_A_DATABASE,
                        "not a NanoTS file: no magic bytes at its start");
    if (nts_load_u64(bytes + SB_CHECKSUM) != nts_checksum(bytes, SB_CHECKSUM))
        return nts_fail(error, NANOTS_CORRUPT, "superblock: wrong checksum");
    superblock_load(bytes, sb);
    const uint32_t writer = sb->writer_version;
    if (sb->format_version != NTS_FORMAT_VERSION ||
        (sb->incompat_flags & ~(uint64_t)NTS_INCOMPAT_UNFINISHED) != 0)
        return nts_fail(
            error, NANOTS_NEWER_FORMAT,
            "the file needs a newer NanoTS: format %u, features %llx, written by version "
            "%u.%u.%u; this is version %s with format %u",
            sb->format_version, (unsigned long long)sb->incompat_flags, writer >> 16,
            writer >> 8 & 255, writer & 255, NANOTS_VERSION, NTS_FORMAT_VERSION);
    if (sb->wal_count > NTS_WAL_EXTENTS_MAX || !superblock_is_possible(sb))
        return nts_fail(error, NANOTS_CORRUPT, "superblock of generation %llu: impossible contents",
                        (unsigned long long)sb->generation);
    return NANOTS_OK;
}

static bool bytes_are_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

nanots_status nts_superblock_choose(const uint8_t *bytes, size_t size, struct nts_superblock *sb,
                                    struct nanots_error *error)
{
    static const size_t places[] = {0, NTS_SECTOR_SIZE, NTS_SLOT_SIZE,
                                    NTS_SLOT_SIZE + NTS_SECTOR_SIZE};
    struct nanots_error newer = {NANOTS_OK, 0, ""};
    uint64_t newer_generation = 0;
    bool damaged = false;
    bool tiny = false;

    memset(sb, 0, sizeof *sb);
    if (bytes_are_zero(bytes, size))
        return NANOTS_OK;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct nts_superblock copy;
        struct nanots_error detail;
        if (places[i] + NTS_SUPERBLOCK_SIZE > size || (places[i] == NTS_SECTOR_SIZE && tiny))
            continue;
        const nanots_status status = nts_superblock_decode(bytes + places[i], &copy, &detail);
        if (status == NANOTS_OK && copy.tiny && places[i] != 0) {
            damaged = true; /* tiny form exists at offset 0 only */
            continue;
        }
        if (status == NANOTS_OK && copy.generation > sb->generation)
            *sb = copy;
        if (status == NANOTS_OK && places[i] == 0)
            tiny = copy.tiny;
        if (status == NANOTS_NEWER_FORMAT && copy.generation >= newer_generation) {
            newer_generation = copy.generation;
            newer = detail;
        }
        damaged |= status == NANOTS_CORRUPT;
    }
    if (newer.code != NANOTS_OK && newer_generation >= sb->generation) {
        if (error != NULL)
            *error = newer;
        return NANOTS_NEWER_FORMAT;
    }
    if ((sb->incompat_flags & NTS_INCOMPAT_UNFINISHED) != 0)
        return nts_fail(error, NANOTS_CORRUPT,
                        "the backup or repair that was writing this file did not end; make it "
                        "again");
    if (sb->generation != 0) {
        nts_error_clear(error);
        return NANOTS_OK;
    }
    if (!damaged)
        return nts_fail(error, NANOTS_NOT_A_DATABASE,
                        "not a NanoTS file: no magic bytes at its start");
    return nts_fail(error, NANOTS_CORRUPT,
                    "no valid superblock: the file's first 8192 bytes are damaged");
}
