/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/memvfs.h - a disk in memory whose power can be cut at any operation.
 *
 * Every file has two images: the live one, which all reads, writes and mappings see, and the
 * durable one, which is what the platter is known to hold.
 *
 *             write_at, stores through map_write, truncate, allocate, punch
 *                 |
 *                 v          durable write_at: its range;  sync: everything
 *             +------+  ------------------------------------------------->  +---------+
 *             | live |                                                      | durable |
 *             +------+  <-------------------------------------------------  +---------+
 *                         reboot: durable, and of each sector that differs
 *                         either the durable or the live content, by seed
 *
 * Use, for every k until `memvfs_crashed` stays false:
 *
 *     struct memvfs disk;
 *     memvfs_init(&disk);
 *     memvfs_crash_at(&disk, k);
 *     run_the_workload(&disk.vfs);         -> IO once the power is off; note what was acknowledged
 *     memvfs_reboot(&disk, seed);          -> all files must be closed
 *     open_and_check(&disk.vfs);           -> what was promised is there
 *     memvfs_deinit(&disk);
 *
 * The operation at which the power is cut is a torn one: it reached the live image and no promise
 * was made. Stores through a mapping after the cut leave no trace. What can change a file is
 * counted: open that creates, write_at, sync, truncate, allocate, punch.
 *
 * The size of a file is durable with the next durable write or sync: it is one number in the inode,
 * which journalling file systems write whole. `size_needs_sync` makes it so for sync alone and for
 * the end of a durable write, which is all that POSIX promises. A size that is not durable survives
 * or not, by seed.
 *
 * Unsynced bytes survive in sectors of 512 or, by some seeds, in pages of 4096, and
 * memvfs_write_back makes some of them durable before their time, as a system does at any moment:
 * an older content of a sector may be what is left of it, and what came later may be there without.
 *
 * Instead of running a workload again for each cut, `at_operation` is called where the power might
 * go, and a branch is the disk as it would be then, rebooted; the workload goes on:
 *
 *     workload:  op --- op --- op --- op --- ...
 *                       |      +--> branch, seed 1 --> open, check, go on, branch again
 *                       +--> branch, seed 0 --> open, check
 *
 * With `spoils` a sector that differs, or that the write at the cut goes over, may become noise,
 * too: a device that has no powersafe overwrite. The seeds with a meaning spoil nothing.
 *
 * Live images are memory files of the system behind vfs_posix.c, so mappings, locks and pins are
 * the real ones, and touching mapped bytes past the end is the real SIGBUS. Messages name the file
 * as /proc/self/fd/<n>. Any thread.
 */
#ifndef MEMVFS_H
#define MEMVFS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/thread.h"
#include "os/vfs.h"

#define MEMVFS_FILES_MAX 16u

/* Seeds with a meaning; every other one mixes old and new sectors, some mostly old, some mostly
 * new. */
#define MEMVFS_KEEP_NONE 0u /* nothing but what is durable */
#define MEMVFS_KEEP_ALL                                                                            \
    1u /* everything: the process died, the system did not, and may yet lose what is not durable */

struct memvfs_disk_file {
    char *path;
    int fd;           /* memory file that is the live image */
    uint64_t handles; /* open now */
    uint8_t *durable; /* zero from durable_size on */
    uint64_t durable_size;
    uint64_t durable_capacity;
    uint8_t *frozen; /* the live image at the moment of the cut */
    uint64_t frozen_size;
    uint64_t cut_from; /* of the write at the cut: [cut_from, cut_to) */
    uint64_t cut_to;
    uint64_t mark; /* of both images after the last reboot */
};

struct memvfs {
    struct nanots_vfs vfs; /* give its address to the code under test */
    bool size_needs_sync;
    uint32_t sector_size; /* what survives as a whole; 512, or by some seeds a page of 4096 */
    bool spoils;          /* or not at all: of sectors that are being written some become noise */
    /* Called at each operation that is counted, where the power would be cut: it has reached the
     * live image. The mutex is held. */
    void (*at_operation)(void *context);
    void *at_context;

    struct nts_mutex mutex; /* guards all below */
    struct memvfs_disk_file files[MEMVFS_FILES_MAX];
    unsigned file_count;
    uint64_t op_count; /* since init, memvfs_crash_at or memvfs_reboot */
    uint64_t crash_index;
    bool armed;
    bool crashed;
};

void memvfs_init(struct memvfs *disk);
/* Asserts that every file is closed. */
void memvfs_deinit(struct memvfs *disk);

/* Cuts the power at operation `index` (0-based, counted from now): it and all later calls fail with
 * NANOTS_IO. */
void memvfs_crash_at(struct memvfs *disk, uint64_t index);
/* Cuts the power now. */
void memvfs_crash(struct memvfs *disk);
bool memvfs_crashed(struct memvfs *disk);
uint64_t memvfs_op_count(struct memvfs *disk);

/* Builds the surviving images (cutting the power first if it is still on) and starts afresh.
 * Asserts that every file is closed. */
void memvfs_reboot(struct memvfs *disk, uint64_t seed);

/* Makes `branch` what `disk` would be if its power were cut now and it were rebooted; `disk` goes
 * on. To be called by at_operation, or while nobody else uses the disk. */
void memvfs_branch(const struct memvfs *disk, uint64_t seed, struct memvfs *branch);
/* Lets some of what is not durable become so, by seed, while nobody else uses the disk. */
void memvfs_write_back(struct memvfs *disk, uint64_t seed);
/* A number for all that was there after the last reboot. */
uint64_t memvfs_fingerprint(const struct memvfs *disk);

#endif
