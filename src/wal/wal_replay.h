/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wal/wal_replay.h - what a log says after a crash (SPEC.md 5).
 *
 *   measure: head -> record -> record -> SEAL => record -> BEGIN -> record -> x       the log ends before
 *                                                          ^ end                      an open group
 *   apply:   the same records again, up to `end`, handed to the engine in order
 *
 * Works on copies or mappings of the extents; the published end is ignored, the chain decides.
 * Bytes may lie: no read leaves an image, and the work is bounded by a small multiple of its size.
 * Pure; any thread. Tests: unit/test_wal_replay.c, fuzz/fuzz_wal_replay.c.
 */
#ifndef NTS_WAL_REPLAY_H
#define NTS_WAL_REPLAY_H

#include "base/status.h"
#include "format/superblock.h"
#include "format/wal_record.h"

struct nts_wal_image {
    struct nts_extent place;
    const uint8_t *bytes; /* place.size of them */
};

struct nts_wal_log {
    const struct nts_wal_image *images;
    uint32_t image_count;
    uint64_t salt;
    uint64_t head_off; /* in the file; lies in images[0] */
    uint64_t chain;
};

/* Whether the segments that a SEGMENT record names are whole. */
typedef bool (*nts_wal_segment_check)(void *context, const struct nts_wal_record *record);

struct nts_wal_end {
    uint64_t record_count;
    uint64_t last_seq;   /* of the last row in the log; 0 if none */
    uint64_t log_bytes;  /* of the records */
    uint64_t torn_bytes; /* of an open group, and of the record that was cut: one that continues the
                          * chain but is not whole */
    bool damaged;        /* a later record proves that synced rows were lost */
    uint32_t image;      /* where the log goes on: index of the image, ... */
    uint32_t visited;    /* ... bit of each image that it came through, ... */
    uint64_t at;         /* ... offset in the image, ... */
    uint64_t chain;      /* ... and checksum of the record before */
};

/* Finds the end of the log. `flushed_seq` is what the superblock says: rows up to it are safe. */
void nts_wal_measure(const struct nts_wal_log *log, uint64_t flushed_seq,
                     nts_wal_segment_check check, void *context, struct nts_wal_end *end);

/* Whether the sizes inside a record agree with each other. */
NTS_CHECKED bool nts_wal_record_is_consistent(const struct nts_wal_record *record);

/* Groups, as records go by. A group without its commit does not get that far. */
struct nts_wal_groups {
    uint64_t record_count; /* of the one that is open */
    bool is_open;
};
/* CORRUPT at a begin inside of a group, and at a commit outside of one or of another number. */
NTS_CHECKED nanots_status nts_wal_groups_follow(struct nts_wal_groups *groups,
                                                const struct nts_wal_record *record,
                                                struct nanots_error *error);
/* The same after the last record: no group may be open. */
NTS_CHECKED nanots_status nts_wal_groups_end(const struct nts_wal_groups *groups,
                                             struct nanots_error *error);

typedef nanots_status (*nts_wal_apply)(void *context, const struct nts_wal_record *record,
                                       struct nanots_error *error);

/* Hands the first `record_count` records to `apply` (all but GROUP, SEAL and PAD), in order. */
NTS_CHECKED nanots_status nts_wal_replay(const struct nts_wal_log *log, uint64_t record_count,
                                         nts_wal_apply apply, void *context,
                                         struct nanots_error *error);

#endif
