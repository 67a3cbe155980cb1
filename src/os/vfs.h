/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/vfs.h - every file operation of the kernel: the one seam between it and the operating system.
 *
 * A `struct nts_vfs` opens files; a `struct nts_file` does everything else through its operations.
 * vfs_posix.c is the real one; tests put a fault-injecting one in its place.
 *
 * Rules of every implementation
 * - Interrupted and short transfers are finished inside; nobody above sees them.
 * - write_at with `durable` and sync return only when the bytes would survive a power cut. A failed
 *   sync is never tried again by anybody.
 * - One descriptor a file; locks belong to the open file description, not to the process, so that
 *   closing an unrelated descriptor of the same file releases nothing.
 * - Locks live on byte ranges past any file end: the writer's at NTS_LOCK_WRITER, a pin of
 *   generation g at NTS_LOCK_PIN_BASE + g. They work on read-only descriptors too (shared ones).
 * - Any thread; operations of one file may run at the same time.
 */
#ifndef NTS_VFS_H
#define NTS_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define NTS_LOCK_PIN_BASE (1ull << 62)
#define NTS_LOCK_WRITER   ((1ull << 62) - 1)

struct nts_file;

struct nts_file_ops {
    /* Closes the descriptor, which releases its locks. All mappings are gone before. */
    void (*close)(struct nts_file *file);
    /* Reads exactly `size` bytes; NANOTS_CORRUPT if the file ends before. */
    nanots_status (*read_at)(struct nts_file *file, void *bytes, size_t size, uint64_t offset,
                             struct nanots_error *error);
    nanots_status (*write_at)(struct nts_file *file, const void *bytes, size_t size,
                              uint64_t offset, bool durable, struct nanots_error *error);
    /* All that was written or stored through mappings becomes durable. */
    nanots_status (*sync)(struct nts_file *file, struct nanots_error *error);
    nanots_status (*size)(struct nts_file *file, uint64_t *size_out, struct nanots_error *error);
    nanots_status (*truncate)(struct nts_file *file, uint64_t size, struct nanots_error *error);
    /* Gives [offset, offset + size) real blocks, growing the file if need be; NO_SPACE if it
     * cannot. Where the system has no call for that, only what lies past the end gets them. */
    nanots_status (*allocate)(struct nts_file *file, uint64_t offset, uint64_t size,
                              struct nanots_error *error);
    /* Gives the blocks of the range back; the range reads as zero. UNSUPPORTED is no failure. */
    nanots_status (*punch)(struct nts_file *file, uint64_t offset, uint64_t size,
                           struct nanots_error *error);
    /* Takes the exclusive writer lock: BUSY if another has it, UNSUPPORTED if locks do not work. */
    nanots_status (*lock_writer)(struct nts_file *file, struct nanots_error *error);
    /* Shared lock that keeps what generation `generation` names from being reused. */
    nanots_status (*pin)(struct nts_file *file, uint64_t generation, struct nanots_error *error);
    void (*unpin)(struct nts_file *file, uint64_t generation);
    /* Oldest generation in [first, end) pinned through another descriptor; `end` if there is
     * none. */
    nanots_status (*oldest_pin)(struct nts_file *file, uint64_t first, uint64_t end,
                                uint64_t *generation_out, struct nanots_error *error);
    /* Shared mapping of [0, size) read-only, or of [offset, offset + size) for writing. The range
     * may end past the file's end; only bytes inside the file may be touched. UNSUPPORTED: use
     * read_at and write_at instead. */
    nanots_status (*map_read)(struct nts_file *file, uint64_t size, const uint8_t **bytes_out,
                              struct nanots_error *error);
    nanots_status (*map_write)(struct nts_file *file, uint64_t offset, uint64_t size,
                               uint8_t **bytes_out, struct nanots_error *error);
    void (*unmap)(struct nts_file *file, const uint8_t *bytes, uint64_t size);
    /* Makes mapped bytes present, so that a hole or a lost medium is a status and not a signal.
     * UNSUPPORTED where the system cannot promise that: copy with read_at instead. */
    nanots_status (*populate)(struct nts_file *file, const uint8_t *bytes, uint64_t size,
                              struct nanots_error *error);
    /* Whether stores through map_write are safe for the WAL: the file system keeps allocated blocks
     * in place across rewrites (ext2/3/4, tmpfs). */
    bool (*can_map_wal)(struct nts_file *file);
};

/* First member of every implementation's file. */
struct nts_file {
    const struct nts_file_ops *ops;
};

#define NTS_VFS_READ_ONLY 1u
#define NTS_VFS_CREATE    2u /* create if absent; the new directory entry is made durable */
#define NTS_VFS_EXCLUSIVE 4u /* with CREATE: fail with EXISTS if present */

struct nts_vfs {
    /* Opens `path`. NOT_FOUND, PERMISSION, EXISTS, INVALID (a directory, a device), IO. */
    nanots_status (*open)(const struct nts_vfs *vfs, const char *path, unsigned flags,
                          struct nts_file **file_out, struct nanots_error *error);
};

/* The operating system's files; immutable, lives for ever. */
const struct nts_vfs *nts_vfs_posix(void);

#endif
