/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/extents.h - room in the file: taking it, giving it back when nobody reads it any more, the
 * WAL's extents, the reserve for a full disk, and the file's end.
 *
 *   free --obtain--> held --commit names it--> live --commit drops it--> limbo --no pin, no reader--> free
 *
 * Everything here needs flush_lock, except nts_extents_obtain, which needs no lock.
 * Tests: api/test_file_size.c, fault/test_disk_full.c.
 */
#ifndef NTS_EXTENTS_H
#define NTS_EXTENTS_H

#include "engine/db.h"

struct nts_commit;

/* Free space with blocks allocated to it; held. When the disk is full: NO_SPACE. */
NTS_CHECKED nanots_status nts_extents_obtain(struct nanots_db *db, uint64_t size,
                                             uint64_t alignment, struct nts_extent *extent_out,
                                             struct nanots_error *error);

/* The same, but takes it from the reserve when the disk is full: for flush and retention. The
 * caller's commit must give up the reserve then: *commit is told. */
NTS_CHECKED nanots_status nts_extents_obtain_urgent(struct nanots_db *db, uint64_t size,
                                                    struct nts_commit *commit,
                                                    struct nts_extent *extent_out,
                                                    struct nanots_error *error);

/* Room for so many ranges that a commit is about to free: nothing may fail behind a commit, and a
 * range that is forgotten would be free at once. nts_commit_run asks for what it was told of. */
NTS_CHECKED nanots_status nts_extents_reserve_limbo(struct nanots_db *db, size_t count,
                                                    struct nanots_error *error);

/* Generation `generation` freed the range; `segment` (a reference is taken; may be NULL) is what
 * readers of this process hold. There is room in limbo for it. */
void nts_extents_free_later(struct nanots_db *db, struct nts_extent extent,
                            struct nts_segment *segment, uint64_t generation);

/* Frees what nobody can read any more, and computes the free space anew if that was anything. */
NTS_CHECKED nanots_status nts_extents_reap(struct nanots_db *db, struct nanots_error *error);

/* If the file is in tiny form: moves everything out of the superblocks' area, in a commit of its
 * own. The first thing that anyone who commits does. Takes write_lock. */
NTS_CHECKED nanots_status nts_extents_leave_tiny(struct nanots_db *db, struct nanots_error *error);

/* The same for upkeep; takes flush_lock. */
NTS_CHECKED nanots_status nts_extents_begin_upkeep(struct nanots_db *db,
                                                   struct nanots_error *error);

/* `end`, or the end of the last kept log if that is behind it. Needs flush_lock. */
uint64_t nts_extents_kept_end(const struct nanots_db *db, uint64_t end);

/* Computes free space from all that is live. */
NTS_CHECKED nanots_status nts_extents_rebuild(struct nanots_db *db, struct nanots_error *error);

/* Makes the log: two extents and the reserve. Takes write_lock. No-op if there is one. */
NTS_CHECKED nanots_status nts_extents_create_wal(struct nanots_db *db, struct nanots_error *error);

/* The log's extents that are smaller than wanted, and larger ones in their place. */
struct nts_log_growth {
    uint64_t size; /* 0: the log stays as it is */
    struct nts_wal_extent retired[NTS_WAL_EXTENTS_MAX];
    uint32_t retired_count;
};

/* What the log's growth takes at most, when a flush makes it as large as it is wanted: extents and
 * reserve. Takes write_lock. */
uint64_t nts_extents_growth_bytes(struct nanots_db *db);
/* Before a commit: plans larger extents for those that are free or that the commit frees (its head
 * is set before), and takes the free ones out of the ring. If the disk is too full nothing
 * changes. */
void nts_extents_plan_growth(struct nanots_db *db, struct nts_commit *commit,
                             struct nts_log_growth *growth);
/* With write_lock, in the same hold in which the head moves: the new ones join the ring. */
void nts_extents_swap_log(struct nanots_db *db, const struct nts_commit *commit,
                          struct nts_log_growth *growth);
/* After the commit, without write_lock: the retired ones are closed and freed; `committed` false:
 * all is as it was before. */
void nts_extents_finish_growth(struct nanots_db *db, struct nts_commit *commit,
                               struct nts_log_growth *growth, bool committed);

/* Gives the file's free tail back to the file system and punches its large holes, if no pin
 * forbids. */
NTS_CHECKED nanots_status nts_extents_trim(struct nanots_db *db, struct nanots_error *error);
/* The same for upkeep; takes flush_lock. */
NTS_CHECKED nanots_status nts_extents_end_upkeep(struct nanots_db *db, struct nanots_error *error);

/* Oldest generation that readers elsewhere have pinned; generation + 1 if none. */
NTS_CHECKED nanots_status nts_extents_oldest_pin(struct nanots_db *db, uint64_t *generation_out,
                                                 struct nanots_error *error);

#endif
