/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/vfs.h - every file operation of the kernel: the one seam between it and the operating system.
 *
 * The operations are those of nanots.h ("files of your own"), where the rules stand too. The engine
 * opens through nts_vfs_open, which makes every VFS a complete one:
 *
 *     engine --> nts_vfs_open: checks, stand-ins, counts --> the VFS given: vfs_posix.c,
 *                vfs.c                                       a program's, a test's
 *
 * Rules of vfs_posix.c beyond those of nanots.h
 * - One descriptor a file; locks belong to the open file description, not to the process, so that
 *   closing an unrelated descriptor of the same file releases nothing.
 * - Locks live on byte ranges past any file end: the writer's at NTS_LOCK_WRITER, a pin of
 *   generation g at NTS_LOCK_PIN_BASE + g. They work on read-only descriptors too (shared ones).
 */
#ifndef NTS_VFS_H
#define NTS_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define NTS_LOCK_PIN_BASE (1ull << 62)
#define NTS_LOCK_WRITER   ((1ull << 62) - 1)

/* The operating system's files; immutable, lives for ever. */
const struct nanots_vfs *nts_vfs_posix(void);

/* Opens `path` on any VFS. Every operation of the file is there; a failure has its sentence.
 * INVALID if the VFS lacks what it must have. */
NTS_CHECKED nanots_status nts_vfs_open(const struct nanots_vfs *vfs,
                                       const struct nanots_allocator *allocator, const char *path,
                                       unsigned flags, struct nanots_file **file_out,
                                       struct nanots_error *error);

/* Bytes that write_at has put into a file of nts_vfs_open so far. Any thread. */
uint64_t nts_vfs_written_bytes(struct nanots_file *file);

#endif
