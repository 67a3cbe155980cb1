/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base/limits.h - every maximum of the format and of memory, with its reason. */
#ifndef NTS_LIMITS_H
#define NTS_LIMITS_H

/* Format: shape of a segment (SPEC.md 6). */
#define NTS_VECTOR_ROWS         1024u /* decoded alone; 64 costs 21 % of size, 256 7 % */
#define NTS_GROUP_VECTORS       16u   /* larger row groups gain nothing (codec study) */
#define NTS_GROUP_ROWS          (NTS_VECTOR_ROWS * NTS_GROUP_VECTORS)
#define NTS_SEGMENT_VECTORS_MAX 1024u /* so each array of zone maps is one vector itself */
#define NTS_SEGMENT_ROWS_MAX    (NTS_SEGMENT_VECTORS_MAX * NTS_VECTOR_ROWS)

/* Format: names and counts. */
#define NTS_NAME_SIZE_MAX 255u       /* one length byte on disk */
#define NTS_COLUMNS_MAX   1024u      /* WAL record and catalog keep it in a u16 */
#define NTS_TABLES_MAX    (1u << 20) /* a name and a schema each are held in memory */

/* Format: places. */
#define NTS_BLOCK_SIZE    4096u        /* nothing new enters a block with live bytes */
#define NTS_SECTOR_SIZE   512u         /* what a torn write may spoil by default */
#define NTS_GRANULE_SIZE  64u          /* alignment of segments inside an extent */
#define NTS_FILE_SIZE_MAX (1ull << 62) /* pins lock bytes from here on */

/* Format: seqs, ids of segments and generations. No file that was ever written has greater ones, so
 * that code can count on from any without a look at the end of 64 bits; half of it is left to who
 * opens a file for writing. */
#define NTS_NUMBER_MAX (1ull << 62)

/* WAL. */
#define NTS_WAL_EXTENTS_MAX         6u /* what fits a superblock of 256 bytes */
#define NTS_WAL_EXTENT_SIZE_MIN     (64u << 10)
#define NTS_WAL_EXTENT_SIZE_MAX     (256u << 20)
#define NTS_WAL_EXTENT_SIZE_DEFAULT (8u << 20)
#define NTS_KEPT_LOGS_MAX           4u /* damaged logs kept for a repair; the oldest know most */

/* Memory. */
#define NTS_MEMTABLE_BYTES_DEFAULT (16u << 20)
#define NTS_MEMTABLE_BYTES_MIN     (1u << 20)
#define NTS_RECORD_SIZE_DEFAULT    (64u << 20)
#define NTS_RECORD_SIZE_MIN        (64u << 10)
#define NTS_RECORD_SIZE_MAX        (1u << 30) /* sizes of records are kept in a u32 */
#define NTS_BULK_BYTES             (1u << 20) /* from here on a batch is its own log entry */
#define NTS_BATCH_ROWS_MAX         65536u     /* rows of one result batch */
#define NTS_MANIFEST_SIZE_MAX      (1u << 30)

#endif
