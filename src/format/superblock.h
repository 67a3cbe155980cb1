/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/superblock.h - the 256 bytes that name everything else (SPEC.md 3).
 *
 *   0                512              4096             4608            8192
 *   +----------------+----- ... ------+----------------+----- ... -----+
 *   | A: copy 0      | A: copy 1      | B: copy 0      | B: copy 1     |   even generations in A, odd in B
 *   +----------------+----- ... ------+----------------+----- ... -----+
 *   | A: copy 0      | manifest, segments        |                         tiny form: no B, no copy 1
 *   +----------------+---------------------------+
 *
 * Pure; any thread. Tests: unit/test_superblock.c, fuzz/fuzz_superblock.c.
 */
#ifndef NTS_SUPERBLOCK_H
#define NTS_SUPERBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"

#define NTS_SUPERBLOCK_SIZE 256u
#define NTS_SUPERBLOCK_AREA 8192u /* both slots */
#define NTS_SLOT_SIZE       4096u
#define NTS_SLOT_IMAGE_SIZE 1024u /* what one commit writes: two copies, a sector each */
#define NTS_TINY_START      512u  /* tiny form: manifest and segments from here ... */
#define NTS_TINY_END        4096u /* ... to here */
#define NTS_FORMAT_VERSION  1u

#define NTS_INCOMPAT_UNFINISHED 1u /* being written by a backup or a repair that has not ended */
#define NTS_COMPAT_BACKUP       1u /* nothing but backups has written the file */

struct nts_extent {
    uint64_t off;
    uint64_t size;
};

struct nts_superblock {
    uint32_t format_version;
    uint32_t writer_version;
    uint64_t generation; /* 0: nothing was ever committed */
    uint64_t incompat_flags;
    uint64_t ro_compat_flags;
    uint64_t compat_flags;
    uint8_t file_id[16];
    uint64_t manifest_off;
    uint64_t manifest_size;
    uint64_t manifest_capacity;
    uint64_t file_end;
    uint64_t flushed_seq;
    uint64_t wal_salt;
    uint64_t wal_chain;
    uint64_t wal_head_off;
    struct nts_extent reserve;
    uint32_t next_table_id;
    uint32_t wal_count;
    uint64_t next_segment_id;
    struct nts_extent wal_extents[NTS_WAL_EXTENTS_MAX]; /* head first */
    bool tiny;
    uint32_t manifest_chain; /* of the manifest's edits; 0: none, or a file older than the field */
    uint64_t table_changes;  /* commits that changed, dropped or cut a table */
};

/* File offset of the slot that generation `generation` is written to. */
static inline uint64_t nts_superblock_slot(uint64_t generation)
{
    return (generation & 1) == 0 ? 0 : NTS_SLOT_SIZE;
}

/* Whether a file with this end can have a log in these extents, its head in the first. */
NTS_CHECKED bool nts_wal_extents_are_possible(const struct nts_extent *extents, uint32_t count,
                                              uint64_t head_off, uint64_t file_end);

/* Seed of the manifest's checksums. */
uint64_t nts_superblock_file_seed(const struct nts_superblock *sb);

/* Writes one copy. Cannot fail. */
void nts_superblock_encode(const struct nts_superblock *sb, uint8_t bytes[NTS_SUPERBLOCK_SIZE]);

/* What a slot is written as: 1024 bytes with two copies, or, in tiny form, 512 with one. Returns
 * the size. */
size_t nts_superblock_encode_slot(const struct nts_superblock *sb,
                                  uint8_t image[NTS_SLOT_IMAGE_SIZE]);

/* Checks magic, checksum, and that every offset and size is possible.
 * NOT_A_DATABASE: no magic; CORRUPT: checksum or contents; NEWER_FORMAT: format version or flags.
 * */
NTS_CHECKED nanots_status nts_superblock_decode(const uint8_t bytes[NTS_SUPERBLOCK_SIZE],
                                                struct nts_superblock *sb,
                                                struct nanots_error *error);

/* Chooses the newest valid copy from the file's first bytes (`size` up to NTS_SUPERBLOCK_AREA). A
 * file that is empty or all zero there gives generation 0. */
NTS_CHECKED nanots_status nts_superblock_choose(const uint8_t *bytes, size_t size,
                                                struct nts_superblock *sb,
                                                struct nanots_error *error);

#endif
