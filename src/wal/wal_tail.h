/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal_tail.h - following the log of a file that somebody else writes (SPEC.md 5, 8).
 *
 *   |H|rec|rec|rec|rec|rec|...          read piece by piece, once the header says that there is more
 *                 ^ tail  ^ published
 *   buffer: rec rec SEAL                copied first, then verified: whole records, whole groups
 *
 * The published end is a hint that saves reads; the chain of checksums decides. A log that is not
 * mapped publishes nothing: then the bytes behind the tail are read and looked at. What a writer
 * recycles meanwhile breaks the chain, and the prefix before the break is as good as ever.
 *
 * Belongs to one thread. Tests: unit/test_wal_tail.c.
 */
#ifndef NTS_WAL_TAIL_H
#define NTS_WAL_TAIL_H

#include "os/vfs.h"
#include "util/buf.h"
#include "wal/wal_replay.h"

/* The place behind the last record that was taken. */
struct nts_wal_tail {
    struct nts_extent extents[NTS_WAL_EXTENTS_MAX];
    uint32_t extent_count; /* 0: no log */
    uint32_t extent;       /* index */
    uint32_t visited;      /* bit per extent: a log enters each once */
    uint64_t salt;
    uint64_t at; /* offset in the extent */
    uint64_t chain;
};

/* The head of the log that a superblock names. */
void nts_wal_tail_begin(struct nts_wal_tail *tail, const struct nts_superblock *sb);
/* Moves to where nts_wal_measure found the end of the same log. */
void nts_wal_tail_skip(struct nts_wal_tail *tail, const struct nts_wal_end *end);

/* One reading of what lies behind a tail, a piece of the file at a time: what was copied is
 * verified and used while the processor still has it at hand. */
struct nts_wal_reading {
    struct nts_wal_tail tail; /* behind the last record that was handed out */
    struct nanots_file *file;
    nts_wal_segment_check check;
    void *context;
    struct nts_buf buf; /* the records of the last piece, one after the other */
    uint64_t probe;     /* bytes to read where nothing is published */
    bool is_over;
};

void nts_wal_reading_init(struct nts_wal_reading *reading, const struct nts_wal_tail *tail,
                          struct nanots_file *file, nts_wal_segment_check check, void *context,
                          const struct nanots_allocator *alloc);
void nts_wal_reading_deinit(struct nts_wal_reading *reading);

/* Replaces the records in `buf` by the next ones, verified, whole groups only; none are left if it
 * is empty then. The log ends before a SEGMENT record that `check` refuses. */
NTS_CHECKED nanots_status nts_wal_reading_next(struct nts_wal_reading *reading,
                                               struct nanots_error *error);

/* The next record of such a buffer, from *at on; false at its end. */
NTS_CHECKED bool nts_wal_tail_next(const struct nts_buf *buf, size_t *at,
                                   struct nts_wal_record *record);

/* What the log's headers say of the change counter (SPEC.md 5): the greatest; 0 if none says
 * anything. */
NTS_CHECKED nanots_status nts_wal_tail_counter(const struct nts_wal_tail *tail,
                                               struct nanots_file *file, uint64_t *counter_out,
                                               struct nanots_error *error);

#endif
