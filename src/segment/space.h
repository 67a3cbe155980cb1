/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/space.h - which byte ranges of the file are free.
 *
 *   |sb |sb |WAL  |man|  seg seg |free|  seg  |free      |
 *   0       8192                                         ^ file_end, grows if no run is large
 *
 * Nothing is stored about free space: it is what the live ranges leave over, in whole blocks, so
 * that nothing new enters a block with live bytes. The engine hands in all live ranges when
 * something was freed (nts_space_rebuild); what was taken since and is named by nobody yet is kept
 * here as *held*.
 *
 * Locked inside (rank: innermost). Tests: unit/test_space.c.
 */
#ifndef NTS_SPACE_H
#define NTS_SPACE_H

#include "base/status.h"
#include "format/superblock.h"
#include "os/thread.h"
#include "os/vfs.h"
#include "util/alloc.h"

struct nts_extent_list {
    struct nts_extent *items;
    size_t count;
    size_t capacity;
};

struct nts_space {
    const struct nanots_allocator *alloc;
    struct nts_mutex lock;
    struct nts_extent_list free_runs; /* sorted, not touching each other */
    struct nts_extent_list held;      /* taken, not yet named by the committed state or the WAL */
    uint64_t file_end;
    bool only_at_end; /* an older pin was there at open: what it sees is not known */
};

void nts_space_init(struct nts_space *space, const struct nanots_allocator *alloc);
void nts_space_deinit(struct nts_space *space);

/* Takes `size` bytes, rounded up to blocks, at a multiple of `alignment` (a power of two, at least
 * a block): the lowest free run that fits, else at the end of the file. Held until settled. */
NTS_CHECKED nanots_status nts_space_take(struct nts_space *space, uint64_t size, uint64_t alignment,
                                         struct nts_extent *extent_out, struct nanots_error *error);

/* Takes exactly this range, which a rebuild counted as free or which nobody has: for the reserve.
 * */
NTS_CHECKED nanots_status nts_space_hold(struct nts_space *space, struct nts_extent extent,
                                         struct nanots_error *error);

/* The committed state or the WAL names [off, off + used) of a held extent now; the blocks behind it
 * are free again. used == 0 gives all of it back. */
void nts_space_settle(struct nts_space *space, uint64_t off, uint64_t used);

/* Whether so much can be taken below `end`; alignment is a block's. */
bool nts_space_fits(struct nts_space *space, uint64_t size, uint64_t end);

/* No more than [off, off + used) of a held extent is needed: the blocks behind it are free again.
 * It stays held. */
void nts_space_trim(struct nts_space *space, uint64_t off, uint64_t used);

/* Whole blocks that were live and share none with anything else are free now: without a rebuild. */
void nts_space_give(struct nts_space *space, struct nts_extent extent);

/* Forgets the free runs and computes them from `live`, which it sorts, and what is held. */
NTS_CHECKED nanots_status nts_space_rebuild(struct nts_space *space, struct nts_extent *live,
                                            size_t live_count, uint64_t file_end,
                                            struct nanots_error *error);

/* Whether room is taken at the end of the file only; and that it may be taken anywhere from now on:
 * whoever had an older pin is gone. */
bool nts_space_is_only_at_end(struct nts_space *space);
void nts_space_use_all(struct nts_space *space);

uint64_t nts_space_file_end(struct nts_space *space);
/* End of the last live or held byte, rounded up to a block. */
uint64_t nts_space_live_end(struct nts_space *space);
/* Free bytes below file_end. */
uint64_t nts_space_free_bytes(struct nts_space *space);
/* Cuts the file at `end` if all behind it is still free; else does nothing. The lock
 * is held over the system call, so that nobody takes what is being cut off. */
NTS_CHECKED nanots_status nts_space_truncate(struct nts_space *space, struct nanots_file *file,
                                             uint64_t end, struct nanots_error *error);
/* Gives the blocks of free runs of at least `size_min` bytes back to the file system. */
void nts_space_punch(struct nts_space *space, struct nanots_file *file, uint64_t size_min);

/* Adds to a growing array; NO_MEMORY. */
NTS_CHECKED nanots_status nts_extent_list_add(struct nts_extent_list *list,
                                              const struct nanots_allocator *alloc,
                                              struct nts_extent extent);

#endif
