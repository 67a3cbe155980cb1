/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/faultvfs.h - a VFS that passes everything on to another one, counts, and fails on
 * request.
 *
 *     struct faultvfs faults;
 *     faultvfs_init(&faults, nts_vfs_posix());
 *     faultvfs_fail(&faults, FAULTVFS_WRITE | FAULTVFS_SYNC, k, ENOSPC, true);
 *     run_the_code_with(&faults.vfs);              -> the k-th write or sync fails, and all after
 *     if (!faults.failed) ...                      -> there were no more than k
 *     faultvfs_heal(&faults);
 *     faultvfs_deinit(&faults);                    -> asserts that every file was closed
 *
 * Operations that fail leave the file as it was, except a write with `short_writes`, which leaves
 * the first half of its bytes, and one with `lands`, which leaves all: that is what real disks do.
 * Close, unpin and unmap cannot fail.
 *
 * Any thread. The public fields may be set before a file is opened and read while no call runs.
 */
#ifndef FAULTVFS_H
#define FAULTVFS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/thread.h"
#include "os/vfs.h"

enum faultvfs_kind {
    FAULTVFS_OPEN = 1 << 0,
    FAULTVFS_READ = 1 << 1,
    FAULTVFS_WRITE = 1 << 2,
    FAULTVFS_SYNC = 1 << 3,
    FAULTVFS_SIZE = 1 << 4, /* and check_path */
    FAULTVFS_TRUNCATE = 1 << 5,
    FAULTVFS_ALLOCATE = 1 << 6,
    FAULTVFS_PUNCH = 1 << 7,
    FAULTVFS_LOCK = 1 << 8, /* the writer's */
    FAULTVFS_PIN = 1 << 9,  /* pin and oldest_pin */
    FAULTVFS_MAP = 1 << 10, /* for reading and for writing */
    FAULTVFS_POPULATE = 1 << 11,
};
#define FAULTVFS_KIND_COUNT 12
#define FAULTVFS_ALL        ((1u << FAULTVFS_KIND_COUNT) - 1)
/* What moves bytes towards the disk or makes room for them. */
#define FAULTVFS_MUTATING                                                                          \
    (FAULTVFS_WRITE | FAULTVFS_SYNC | FAULTVFS_TRUNCATE | FAULTVFS_ALLOCATE | FAULTVFS_PUNCH)

struct faultvfs {
    struct nanots_vfs vfs; /* give its address to the code under test */
    const struct nanots_vfs *inner;

    /* What this VFS cannot do, to force the code under test onto its other paths. */
    bool no_wal_map;   /* can_map_wal is false */
    bool no_map_read;  /* UNSUPPORTED */
    bool no_map_write; /* UNSUPPORTED */
    bool no_populate;  /* UNSUPPORTED */
    bool no_punch;     /* UNSUPPORTED */
    bool no_locks;     /* lock_writer, pin and oldest_pin are UNSUPPORTED */
    bool short_writes; /* a write that fails has written its first half */
    bool lands;        /* a write that fails has written all of it */
    bool no_sync;      /* nothing is made durable: for long tests in which no power is cut */

    /* Called before each call that is counted, so that something happens at that moment. */
    void (*before)(void *context, enum faultvfs_kind kind);
    void *before_context;

    struct nts_mutex mutex; /* guards all below */
    unsigned kinds;         /* FAULTVFS_* that may fail; 0: none */
    uint64_t match_count;   /* calls of these kinds since faultvfs_fail */
    uint64_t fail_index;
    int os_errno;
    bool sticky;
    bool failed;                          /* whether any call failed since faultvfs_fail */
    uint64_t counts[FAULTVFS_KIND_COUNT]; /* calls since init, by bit number of the kind */
    uint64_t durable_count;               /* writes that were asked to be durable */
    uint64_t write_bytes;                 /* bytes passed to write_at */
    uint64_t open_count;                  /* files open now */
    uint64_t map_count;                   /* mappings alive now */
};

void faultvfs_init(struct faultvfs *faults, const struct nanots_vfs *inner);
void faultvfs_deinit(struct faultvfs *faults);

/* Lets the call `index` (0-based, counted from now over all of `kinds`) fail with `os_errno`, or
 * with `sticky` all from it on. */
void faultvfs_fail(struct faultvfs *faults, unsigned kinds, uint64_t index, int os_errno,
                   bool sticky);

/* Lets all calls succeed again. */
void faultvfs_heal(struct faultvfs *faults);

/* Calls of one kind so far. */
uint64_t faultvfs_count(struct faultvfs *faults, enum faultvfs_kind kind);

#endif
