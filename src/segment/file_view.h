/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/file_view.h - the file as readers see it: mapped where possible, pread elsewhere.
 *
 * One mapping covers the file and the room it may grow into; when the file outgrows it a larger
 * one is made, and the old one stays until the view goes, because segments may be reading through
 * it. Only bytes of committed segments are ever touched, and first made present (nts_file
 * populate), so that a hole or a lost medium is a status and not a signal.
 *
 * Any thread. Tests: unit/test_file_view.c.
 */
#ifndef NTS_FILE_VIEW_H
#define NTS_FILE_VIEW_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/status.h"
#include "os/thread.h"
#include "os/vfs.h"
#include "util/alloc.h"

#define NTS_FILE_VIEW_MAPS_MAX 48u /* each doubles the one before */

struct nts_file_map {
    const uint8_t *bytes;
    uint64_t size;
};

struct nts_file_view {
    const struct nanots_allocator *alloc;
    struct nanots_file *file;
    uint64_t file_seed; /* what the file's segments carry; set before the first of them is read */
    struct nts_mutex lock;                            /* also for what segments load */
    struct nts_file_map maps[NTS_FILE_VIEW_MAPS_MAX]; /* written under lock, once each */
    size_t map_count;                                 /* guarded by lock */
    bool cannot_map; /* or cannot make present: no map is touched from then on; guarded by lock */
    const struct nts_file_map *_Atomic map; /* the last, which is the largest, if it is of use */
};

void nts_file_view_init(struct nts_file_view *view, const struct nanots_allocator *alloc,
                        struct nanots_file *file);
void nts_file_view_deinit(struct nts_file_view *view);

/* A pointer to the mapped bytes [off, off + size), made present; NULL where they cannot be mapped
 * (use nts_file's read_at), with OK. */
NTS_CHECKED nanots_status nts_file_view_map(struct nts_file_view *view, uint64_t off, uint64_t size,
                                            const uint8_t **bytes_out, struct nanots_error *error);

/* The same for bytes that were made present before, without a system call; NULL if not mapped. */
const uint8_t *nts_file_view_mapped(struct nts_file_view *view, uint64_t off, uint64_t size);

#endif
