/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal.h - the write-ahead log: a ring of extents in the database file (SPEC.md 5).
 *
 *   extents[0]: head          extents[live_count - 1]: active    extents[live_count ...]: free
 *           head_used                        end.used
 *   +--+-----|============+   +--+=============|-----------+     +--+--------------------+
 *   |H | old | records  S |   |H | records     |           |     |H |                    |
 *   +--+-----|============+   +--+=============|-----------+     +--+--------------------+
 *                       S = SEAL: the log goes on in the next extent
 *
 * With `sector_size` set, for devices on which a torn write may spoil what is in its sector
 * already, no sector that a sync made durable is written again: the sync ends the range with a PAD
 * record up to the next sector, nothing is published in the header, and the last sector is the
 * SEAL's.
 *
 *   |H  records  P|records   P|               |S     |
 *   0             sector      sector          last sector
 *
 * Appending is a checksum and a memcpy into the extent's image: the mapped file where the file
 * system allows it, else memory that one pwrite a record carries out. What is appended survives
 * the death of the process at once, and a power cut after a sync. The head moves when a flush is
 * committed; extents behind it join the free ones.
 *
 * Invariants
 * - the active extent always has room for a SEAL record, and before that for a PAD record
 * - nothing is written over a live record
 * - an image is closed only under the engine's sync lock, so that a running sync may read it
 *
 * Guarded by the engine's write lock, except where a function says otherwise.
 * Tests: unit/test_wal.c, crash/.
 */
#ifndef NTS_WAL_H
#define NTS_WAL_H

#include "base/status.h"
#include "format/superblock.h"
#include "format/wal_record.h"
#include "os/vfs.h"
#include "util/alloc.h"

struct nts_wal_extent {
    struct nts_extent place;
    uint8_t *image;  /* all bytes of the extent */
    uint64_t serial; /* counts the extents the log has entered; 0: free */
    uint64_t used;   /* end of the last record */
    bool mapped;     /* image is the file itself */
};

/* A point in the log. */
struct nts_wal_position {
    uint64_t serial; /* of the extent */
    uint64_t used;   /* offset in it */
    uint64_t chain;  /* checksum of the record before */
    uint64_t count;  /* bytes appended since the handle was opened: orders positions */
};

struct nts_wal {
    const struct nanots_allocator *alloc;
    struct nanots_file *file;
    uint32_t sector_size; /* 0: what is durable stays so, whatever is written beside it */
    struct nts_wal_extent extents[NTS_WAL_EXTENTS_MAX];
    uint32_t extent_count; /* 0: no log yet */
    uint32_t live_count;
    uint64_t head_used; /* in extents[0]: first live record */
    uint64_t head_chain;
    struct nts_wal_position end;
    struct nts_wal_position synced;
    uint64_t salt;
    uint64_t synced_seq;        /* rows up to here are durable */
    uint64_t change_counter;    /* last seq + next table id: the engine sets it before the start */
    uint64_t mapped_bytes;      /* of records stored through mappings, which no write_at counts */
    uint64_t rewritten_bytes;   /* that syncs wrote over themselves: write_at counts them again */
    bool has_unsynced_segments; /* a SEGMENT record lies between synced and end */
    bool in_group;              /* what is appended is written and published with its commit */
};

/* The log as it was before a group that is being appended. */
struct nts_wal_group {
    struct nts_wal_position end;
    uint64_t change_counter;
    uint64_t mapped_bytes;
    uint64_t record_count; /* between begin and commit */
    bool has_unsynced_segments;
};

void nts_wal_init(struct nts_wal *wal, const struct nanots_allocator *alloc,
                  struct nanots_file *file);
void nts_wal_deinit(struct nts_wal *wal);

/* Maps (or allocates) the image of one extent whose blocks are allocated. No lock. */
NTS_CHECKED nanots_status nts_wal_extent_open(struct nts_wal *wal, struct nts_extent place,
                                              struct nts_wal_extent *extent_out,
                                              struct nanots_error *error);
/* Zeroes the header: what stood there before is none of the log's, and readers of the live file
 * look at it as soon as a superblock lists the extent. No lock. */
NTS_CHECKED nanots_status nts_wal_extent_clear(struct nts_wal *wal,
                                               const struct nts_wal_extent *extent,
                                               struct nanots_error *error);
void nts_wal_extent_close(struct nts_wal *wal, struct nts_wal_extent *extent);

/* Starts an empty log with a new salt in `extents`, which are the log's from now on; it had none.
 * */
void nts_wal_start(struct nts_wal *wal, const struct nts_wal_extent *extents, uint32_t count,
                   uint64_t salt);
/* Starts an empty log with a new salt in the extents it has. Nothing in it is live. */
void nts_wal_restart(struct nts_wal *wal, uint64_t salt);
/* Forgets the log's extents and hands them out (room for NTS_WAL_EXTENTS_MAX): they are to be
 * closed under the sync lock. Returns how many. */
uint32_t nts_wal_stop(struct nts_wal *wal, struct nts_wal_extent *extents_out);

/* Takes the free extents smaller than `size` out of the ring; returns how many. */
uint32_t nts_wal_take_free(struct nts_wal *wal, uint64_t size, struct nts_wal_extent *extents_out);
/* Adds free extents to the ring, with headers of zero: a leftover is no hint for readers. */
void nts_wal_give_free(struct nts_wal *wal, const struct nts_wal_extent *extents, uint32_t count);

/* Bytes that still fit into the active extent as one record, and into an empty one of that size. */
uint64_t nts_wal_room(const struct nts_wal *wal);
uint64_t nts_wal_room_of(const struct nts_wal *wal, uint64_t extent_size);
/* Whether nts_wal_seal can move on. */
bool nts_wal_can_seal(const struct nts_wal *wal);
/* Ends the active extent with a SEAL record and goes on in the next. */
NTS_CHECKED nanots_status nts_wal_seal(struct nts_wal *wal, uint64_t next_seq,
                                       struct nanots_error *error);

/* Where the payload of the next record is to be written; there is room for `payload_size`. */
uint8_t *nts_wal_payload(struct nts_wal *wal, size_t payload_size);

/* Appends the record whose payload is in place. Of *record, kind, column_count, first_seq,
 * table_id and row_count are given. On failure (the pwrite of an unmapped log) nothing was
 * appended. */
NTS_CHECKED nanots_status nts_wal_append(struct nts_wal *wal, struct nts_wal_record *record,
                                         size_t payload_size, uint64_t payload_checksum,
                                         struct nanots_error *error);

/* Begins a group: the records that follow, up to its commit, take effect together. There is room
 * for all of them, nothing else is appended in between, and no append in between fails. */
void nts_wal_group_begin(struct nts_wal *wal, uint64_t next_seq, struct nts_wal_group *group);
/* Ends it; `next_seq` follows its rows. A log that is not mapped gets the group in one write; if
 * that fails the log is as it was before, and the next record goes over what was written. */
NTS_CHECKED nanots_status nts_wal_group_commit(struct nts_wal *wal, uint64_t next_seq,
                                               struct nts_wal_group *group,
                                               struct nanots_error *error);
/* Bytes that a group takes beside its records. */
#define NTS_WAL_GROUP_SIZE (2 * NTS_WAL_RECORD_HEADER_SIZE + 8)

/* What a sync has to cover. */
struct nts_wal_range {
    struct {
        const uint8_t *image;
        uint64_t off; /* of the extent, in the file */
        uint64_t from;
        uint64_t to;
    } pieces[NTS_WAL_EXTENTS_MAX];
    uint32_t piece_count;
    struct nts_wal_position to;
    uint64_t last_seq;
    bool with_segments;
    uint64_t pad_size; /* of a PAD that only the image has yet */
};

/* Captures what lies between synced and end, padded; `last_seq` is the last seq given out. */
void nts_wal_capture(struct nts_wal *wal, uint64_t last_seq, struct nts_wal_range *range);
/* Makes it durable. Without the write lock, under the engine's sync lock. */
NTS_CHECKED nanots_status nts_wal_sync(struct nanots_file *file, const struct nts_wal_range *range,
                                       struct nanots_error *error);
/* Notes that it is. */
void nts_wal_note_synced(struct nts_wal *wal, const struct nts_wal_range *range);

/* The commit of a flush made everything before `head`, rows up to `seq`, durable elsewhere. */
void nts_wal_advance_head(struct nts_wal *wal, const struct nts_wal_position *head, uint64_t seq);

/* Bytes of live records. */
uint64_t nts_wal_live_bytes(const struct nts_wal *wal);

#endif
