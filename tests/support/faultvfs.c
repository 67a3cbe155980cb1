/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/faultvfs.c - a VFS that passes everything on, counts, and fails on request. */
#include "support/faultvfs.h"

#include <assert.h>
#include <string.h>

#include "util/alloc.h"

struct faultvfs_file {
    struct nanots_file file; /* first member */
    struct nanots_file *inner;
    struct faultvfs *faults;
};

static struct faultvfs_file *faultvfs_file_of(struct nanots_file *file)
{
    return (struct faultvfs_file *)(void *)file;
}

static struct nanots_file *faultvfs_inner(struct nanots_file *file)
{
    return faultvfs_file_of(file)->inner;
}

/* Counts one call and decides its fate: OK to go on, or the failure. */
static nanots_status faultvfs_step(struct faultvfs *faults, enum faultvfs_kind kind,
                                   struct nanots_error *error)
{
    bool fails = false;
    int os_errno;

    if (faults->before != NULL)
        faults->before(faults->before_context, kind);
    nts_mutex_lock(&faults->mutex);
    faults->counts[__builtin_ctz((unsigned)kind)]++;
    if ((faults->kinds & (unsigned)kind) != 0) {
        const uint64_t index = faults->match_count++;
        fails = faults->sticky ? index >= faults->fail_index : index == faults->fail_index;
        faults->failed = faults->failed || fails;
    }
    os_errno = faults->os_errno;
    nts_mutex_unlock(&faults->mutex);
    return fails ? nts_fail_os(error, os_errno, "fault injected by the test") : NANOTS_OK;
}

static nanots_status faultvfs_step_of(struct nanots_file *file, enum faultvfs_kind kind,
                                      struct nanots_error *error)
{
    return faultvfs_step(faultvfs_file_of(file)->faults, kind, error);
}

static nanots_status faultvfs_refuse(struct nanots_error *error)
{
    return nts_fail(error, NANOTS_UNSUPPORTED, "switched off by the test");
}

static void faultvfs_count_map(struct nanots_file *file, bool up)
{
    struct faultvfs *faults = faultvfs_file_of(file)->faults;
    nts_mutex_lock(&faults->mutex);
    assert(up || faults->map_count > 0);
    faults->map_count += up ? 1u : UINT64_MAX;
    nts_mutex_unlock(&faults->mutex);
}

static void faultvfs_close(struct nanots_file *file)
{
    struct faultvfs_file *self = faultvfs_file_of(file);
    nts_mutex_lock(&self->faults->mutex);
    assert(self->faults->open_count > 0);
    self->faults->open_count--;
    nts_mutex_unlock(&self->faults->mutex);
    self->inner->ops->close(self->inner);
    nts_free(self);
}

static nanots_status faultvfs_read_at(struct nanots_file *file, void *bytes, size_t size,
                                      uint64_t offset, struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_READ, error));
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->read_at(inner, bytes, size, offset, error);
}

static nanots_status faultvfs_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                       uint64_t offset, int durable, struct nanots_error *error)
{
    struct faultvfs *faults = faultvfs_file_of(file)->faults;
    struct nanots_file *inner = faultvfs_inner(file);

    nts_mutex_lock(&faults->mutex);
    faults->durable_count += durable ? 1u : 0u;
    faults->write_bytes += size;
    nts_mutex_unlock(&faults->mutex);
    const nanots_status status = faultvfs_step(faults, FAULTVFS_WRITE, error);
    if (status == NANOTS_OK)
        return inner->ops->write_at(inner, bytes, size, offset, durable && !faults->no_sync, error);
    if (faults->short_writes || faults->lands)
        (void)inner->ops->write_at(inner, bytes, faults->lands ? size : size / 2, offset, false,
                                   NULL);
    return status;
}

static nanots_status faultvfs_sync(struct nanots_file *file, struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_SYNC, error));
    struct nanots_file *inner = faultvfs_inner(file);
    return faultvfs_file_of(file)->faults->no_sync ? NANOTS_OK : inner->ops->sync(inner, error);
}

static nanots_status faultvfs_size(struct nanots_file *file, uint64_t *size_out,
                                   struct nanots_error *error)
{
    *size_out = 0;
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_SIZE, error));
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->size(inner, size_out, error);
}

static nanots_status faultvfs_check_path(struct nanots_file *file, struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_SIZE, error));
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->check_path(inner, error);
}

static nanots_status faultvfs_truncate(struct nanots_file *file, uint64_t size,
                                       struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_TRUNCATE, error));
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->truncate(inner, size, error);
}

static nanots_status faultvfs_allocate(struct nanots_file *file, uint64_t offset, uint64_t size,
                                       struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_ALLOCATE, error));
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->allocate(inner, offset, size, error);
}

static nanots_status faultvfs_punch(struct nanots_file *file, uint64_t offset, uint64_t size,
                                    struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_PUNCH, error));
    if (faultvfs_file_of(file)->faults->no_punch)
        return faultvfs_refuse(error);
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->punch(inner, offset, size, error);
}

static nanots_status faultvfs_lock_writer(struct nanots_file *file, struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_LOCK, error));
    if (faultvfs_file_of(file)->faults->no_locks)
        return faultvfs_refuse(error);
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->lock_writer(inner, error);
}

static nanots_status faultvfs_pin(struct nanots_file *file, uint64_t generation,
                                  struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_PIN, error));
    if (faultvfs_file_of(file)->faults->no_locks)
        return faultvfs_refuse(error);
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->pin(inner, generation, error);
}

static void faultvfs_unpin(struct nanots_file *file, uint64_t generation)
{
    struct nanots_file *inner = faultvfs_inner(file);
    inner->ops->unpin(inner, generation);
}

static nanots_status faultvfs_oldest_pin(struct nanots_file *file, uint64_t first, uint64_t end,
                                         uint64_t *generation_out, struct nanots_error *error)
{
    *generation_out = end;
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_PIN, error));
    if (faultvfs_file_of(file)->faults->no_locks)
        return faultvfs_refuse(error);
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->oldest_pin(inner, first, end, generation_out, error);
}

static nanots_status faultvfs_map_read(struct nanots_file *file, uint64_t size,
                                       const uint8_t **bytes_out, struct nanots_error *error)
{
    struct nanots_file *inner = faultvfs_inner(file);

    *bytes_out = NULL;
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_MAP, error));
    if (faultvfs_file_of(file)->faults->no_map_read)
        return faultvfs_refuse(error);
    NTS_TRY(inner->ops->map_read(inner, size, bytes_out, error));
    faultvfs_count_map(file, true);
    return NANOTS_OK;
}

static nanots_status faultvfs_map_write(struct nanots_file *file, uint64_t offset, uint64_t size,
                                        uint8_t **bytes_out, struct nanots_error *error)
{
    struct nanots_file *inner = faultvfs_inner(file);

    *bytes_out = NULL;
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_MAP, error));
    if (faultvfs_file_of(file)->faults->no_map_write)
        return faultvfs_refuse(error);
    NTS_TRY(inner->ops->map_write(inner, offset, size, bytes_out, error));
    faultvfs_count_map(file, true);
    return NANOTS_OK;
}

static void faultvfs_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size)
{
    struct nanots_file *inner = faultvfs_inner(file);
    inner->ops->unmap(inner, bytes, size);
    faultvfs_count_map(file, false);
}

static nanots_status faultvfs_populate(struct nanots_file *file, const uint8_t *bytes,
                                       uint64_t size, struct nanots_error *error)
{
    NTS_TRY(faultvfs_step_of(file, FAULTVFS_POPULATE, error));
    if (faultvfs_file_of(file)->faults->no_populate)
        return faultvfs_refuse(error);
    struct nanots_file *inner = faultvfs_inner(file);
    return inner->ops->populate(inner, bytes, size, error);
}

static int faultvfs_can_map_wal(struct nanots_file *file)
{
    struct nanots_file *inner = faultvfs_inner(file);
    return !faultvfs_file_of(file)->faults->no_wal_map && inner->ops->can_map_wal(inner);
}

static const struct nanots_file_ops faultvfs_ops = {
    .struct_size = sizeof faultvfs_ops,
    .close = faultvfs_close,
    .read_at = faultvfs_read_at,
    .write_at = faultvfs_write_at,
    .sync = faultvfs_sync,
    .size = faultvfs_size,
    .truncate = faultvfs_truncate,
    .allocate = faultvfs_allocate,
    .punch = faultvfs_punch,
    .lock_writer = faultvfs_lock_writer,
    .pin = faultvfs_pin,
    .unpin = faultvfs_unpin,
    .oldest_pin = faultvfs_oldest_pin,
    .map_read = faultvfs_map_read,
    .map_write = faultvfs_map_write,
    .unmap = faultvfs_unmap,
    .populate = faultvfs_populate,
    .can_map_wal = faultvfs_can_map_wal,
    .check_path = faultvfs_check_path,
};

static nanots_status faultvfs_open(const struct nanots_vfs *vfs,
                                   const struct nanots_allocator *allocator, const char *path,
                                   unsigned flags, struct nanots_file **file_out,
                                   struct nanots_error *error)
{
    /* The counters live beside the vfs, and every faultvfs is an object that may be written. */
    struct faultvfs *faults = (struct faultvfs *)(uintptr_t)vfs;

    *file_out = NULL;
    NTS_TRY(faultvfs_step(faults, FAULTVFS_OPEN, error));
    struct faultvfs_file *self = nts_alloc_zeroed(allocator, sizeof *self);
    if (self == NULL)
        return nts_fail_memory(error, sizeof *self);
    self->file.ops = &faultvfs_ops;
    self->faults = faults;
    const nanots_status status =
        faults->inner->open(faults->inner, allocator, path, flags, &self->inner, error);
    if (status != NANOTS_OK) {
        nts_free(self);
        return status;
    }
    nts_mutex_lock(&faults->mutex);
    faults->open_count++;
    nts_mutex_unlock(&faults->mutex);
    *file_out = &self->file;
    return NANOTS_OK;
}

void faultvfs_init(struct faultvfs *faults, const struct nanots_vfs *inner)
{
    *faults = (struct faultvfs){
        .vfs = {.struct_size = sizeof(struct nanots_vfs), .open = faultvfs_open}, .inner = inner};
    nts_mutex_init(&faults->mutex);
}

void faultvfs_deinit(struct faultvfs *faults)
{
    assert(faults->map_count == 0);
    assert(faults->open_count == 0);
    nts_mutex_deinit(&faults->mutex);
}

void faultvfs_fail(struct faultvfs *faults, unsigned kinds, uint64_t index, int os_errno,
                   bool sticky)
{
    nts_mutex_lock(&faults->mutex);
    faults->kinds = kinds;
    faults->match_count = 0;
    faults->fail_index = index;
    faults->os_errno = os_errno;
    faults->sticky = sticky;
    faults->failed = false;
    nts_mutex_unlock(&faults->mutex);
}

void faultvfs_heal(struct faultvfs *faults)
{
    nts_mutex_lock(&faults->mutex);
    faults->kinds = 0;
    nts_mutex_unlock(&faults->mutex);
}

uint64_t faultvfs_count(struct faultvfs *faults, enum faultvfs_kind kind)
{
    nts_mutex_lock(&faults->mutex);
    const uint64_t count = faults->counts[__builtin_ctz((unsigned)kind)];
    nts_mutex_unlock(&faults->mutex);
    return count;
}
