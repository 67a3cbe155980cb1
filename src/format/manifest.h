/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/manifest.h - the log of edits that gives tables and segments (SPEC.md 4).
 *
 *   0          8       12     13        16
 *   +----------+-------+------+---------+------------------+
 *   | checksum | size  | kind | 0 0 0   | body, padded to 8|
 *   +----------+-------+------+---------+------------------+
 *   | edits of one commit, without gaps |  zeros up to the next sector  | next commit's edits ...
 *
 * Writing appends to a buffer; reading walks bytes that may lie. Pure; any thread.
 * Tests: unit/test_manifest.c, fuzz/fuzz_manifest.c.
 */
#ifndef NTS_MANIFEST_H
#define NTS_MANIFEST_H

#include <stdint.h>

#include "base/status.h"
#include "format/superblock.h"
#include "format/table_def.h"
#include "util/buf.h"

enum nts_edit_kind {
    NTS_EDIT_TABLE = 1,
    NTS_EDIT_COLUMN = 2,
    NTS_EDIT_SEGMENTS_ADD = 3,
    NTS_EDIT_SEGMENTS_REMOVE = 4,
    NTS_EDIT_TABLE_DROP = 5,
    NTS_EDIT_RETENTION_CUT = 6,
    NTS_EDIT_TABLE_RENAME = 7,
    NTS_EDIT_COLUMN_RENAME = 8,
    NTS_EDIT_KEPT_LOG = 9,
    NTS_EDIT_KIND_END = 10
};

#define NTS_EDIT_HEADER_SIZE   16u
#define NTS_SEGMENT_ENTRY_SIZE 80u

/* Where a segment is and what it holds; in the manifest and in WAL records (SPEC.md 4.2). */
struct nts_segment_entry {
    uint32_t table_id;
    uint32_t row_count;
    uint64_t segment_id;
    uint64_t off;
    uint64_t size;
    uint64_t seq_first;
    uint64_t seq_last;
    int64_t ts_min;
    int64_t ts_max;
    uint64_t footer_checksum;
    uint64_t flags; /* NTS_SEGMENT_* of format/segment_layout.h */
};

void nts_segment_entry_encode(const struct nts_segment_entry *entry,
                              uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE]);
/* False if a field is impossible by itself; whether it lies in the file is the caller's check. */
NTS_CHECKED bool nts_segment_entry_decode(const uint8_t bytes[NTS_SEGMENT_ENTRY_SIZE],
                                          struct nts_segment_entry *entry);

/* A damaged log whose extents stay: all that a repair needs to walk it (SPEC.md 4.3). */
struct nts_kept_log {
    uint64_t salt;
    uint64_t chain;
    uint64_t head_off;
    uint64_t flushed_seq; /* when it was replayed */
    uint64_t last_seq;    /* of the last row before the break; at least flushed_seq */
    uint32_t extent_count;
    struct nts_extent extents[NTS_WAL_EXTENTS_MAX]; /* head first */
};

/* False if the log is impossible by itself; whether it lies in the file is the caller's check. */
NTS_CHECKED bool nts_kept_log_decode(const uint8_t *body, size_t body_size,
                                     struct nts_kept_log *log);
/* Of its extents. */
uint64_t nts_kept_log_bytes(const struct nts_kept_log *log);

/* Appending edits; `seed` is nts_superblock_file_seed. NO_MEMORY or TOO_BIG. */
NTS_CHECKED nanots_status nts_manifest_put_table(struct nts_buf *buf, uint64_t seed,
                                                 const struct nts_table_def *def);
NTS_CHECKED nanots_status nts_manifest_put_segments(struct nts_buf *buf, uint64_t seed,
                                                    const struct nts_segment_entry *entries,
                                                    size_t count);
NTS_CHECKED nanots_status nts_manifest_put_removals(struct nts_buf *buf, uint64_t seed,
                                                    const uint64_t *segment_ids, size_t count);
NTS_CHECKED nanots_status nts_manifest_put_cut(struct nts_buf *buf, uint64_t seed,
                                               uint32_t table_id, int64_t cutoff, uint64_t seq);
/* An edit whose body is given. */
NTS_CHECKED nanots_status nts_manifest_put(struct nts_buf *buf, uint64_t seed,
                                           enum nts_edit_kind kind, const uint8_t *body,
                                           size_t body_size);
NTS_CHECKED nanots_status nts_manifest_put_kept_log(struct nts_buf *buf, uint64_t seed,
                                                    const struct nts_kept_log *log);

/* One number for edits and their order, which the superblock has: edits that were wiped out with
 * their commit look like padding. `chain` is that of the edits before, 0 for none; `bytes` are
 * edits as they were put, padded or not. Never 0 for any edit. */
uint32_t nts_manifest_chain(uint32_t chain, const uint8_t *bytes, size_t size);

/* Walks the edits. Set the first four, zero the others. */
struct nts_manifest_reader {
    const uint8_t *bytes;
    size_t size;
    uint64_t file_off; /* where bytes[0] is in the file: for the sentences */
    uint64_t seed;
    size_t at;
    uint32_t chain; /* of the edits so far */
};

struct nts_edit {
    enum nts_edit_kind kind;
    const uint8_t *body;
    size_t body_size;
};

/* OK with edit->body == NULL at the end; CORRUPT names the offset. */
NTS_CHECKED nanots_status nts_manifest_next(struct nts_manifest_reader *reader,
                                            struct nts_edit *edit, struct nanots_error *error);

#endif
