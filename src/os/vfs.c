/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/vfs.c - what every VFS, of the kernel or of its host, is opened through.
 *
 *   caller ---> struct vfs_file ----------------------------> struct nanots_file of the VFS
 *               checks what the VFS has  (once, at open)
 *               stands in for what it lacks (allocate: zeros; punch, mappings: UNSUPPORTED;
 *                                            locks: nobody else is there)
 *               counts what is written   (for the write amplification)
 *               puts a sentence into a failure that has none
 */
#include "os/vfs.h"

#include <stdatomic.h>
#include <stddef.h>

#include "util/alloc.h"

struct vfs_file {
    struct nanots_file file; /* first member */
    struct nanots_file *inner;
    atomic_uint_least64_t written_bytes; /* relaxed: a count that orders nothing */
};

static struct vfs_file *vfs_file_of(struct nanots_file *file)
{
    return (struct vfs_file *)(void *)file;
}

static struct nanots_file *vfs_inner(struct nanots_file *file)
{
    return vfs_file_of(file)->inner;
}

/* The host's operations may leave `error` as it was. */
static nanots_status vfs_result(nanots_status status, const char *operation, uint64_t offset,
                                struct nanots_error *error)
{
    if (status == NANOTS_OK || error == NULL ||
        (error->code == status && error->message[0] != '\0'))
        return status;
    return nts_fail(error, status, "%s at offset %llu failed: %s", operation,
                    (unsigned long long)offset, nanots_status_text(status));
}

/* ---- what every VFS has ------------------------------------------------------------------- */

static void vfs_close(struct nanots_file *file)
{
    struct nanots_file *inner = vfs_inner(file);
    inner->ops->close(inner);
    nts_free(vfs_file_of(file));
}

static nanots_status vfs_read_at(struct nanots_file *file, void *bytes, size_t size,
                                 uint64_t offset, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    return vfs_result(inner->ops->read_at(inner, bytes, size, offset, error), "read_at", offset,
                      error);
}

static nanots_status vfs_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                  uint64_t offset, int durable, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    const nanots_status status = inner->ops->write_at(inner, bytes, size, offset, durable, error);
    if (status == NANOTS_OK)
        atomic_fetch_add_explicit(&vfs_file_of(file)->written_bytes, size, memory_order_relaxed);
    return vfs_result(status, "write_at", offset, error);
}

static nanots_status vfs_sync(struct nanots_file *file, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    return vfs_result(inner->ops->sync(inner, error), "sync", 0, error);
}

static nanots_status vfs_size(struct nanots_file *file, uint64_t *size_out,
                              struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    return vfs_result(inner->ops->size(inner, size_out, error), "size", 0, error);
}

static nanots_status vfs_truncate(struct nanots_file *file, uint64_t size,
                                  struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    return vfs_result(inner->ops->truncate(inner, size, error), "truncate", size, error);
}

/* ---- space -------------------------------------------------------------------------------- */

/* Writes zeros from the file's end on. A hole before the end stays one, because filling it could
 * overwrite what somebody else is writing there. */
static nanots_status vfs_allocate_by_zeros(struct nanots_file *file, uint64_t offset, uint64_t size,
                                           struct nanots_error *error)
{
    static const uint8_t zeros[64u << 10];
    const uint64_t end = offset + size;
    uint64_t at;
    NTS_TRY(vfs_size(file, &at, error));
    at = at > offset ? at : offset;
    while (at < end) {
        const size_t some = end - at < sizeof zeros ? (size_t)(end - at) : sizeof zeros;
        NTS_TRY(vfs_write_at(file, zeros, some, at, 0, error));
        at += some;
    }
    return NANOTS_OK;
}

static nanots_status vfs_allocate(struct nanots_file *file, uint64_t offset, uint64_t size,
                                  struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    nanots_status status = NANOTS_UNSUPPORTED;
    if (inner->ops->allocate != NULL)
        status = inner->ops->allocate(inner, offset, size, error);
    if (status == NANOTS_UNSUPPORTED) {
        nts_error_clear(error);
        return vfs_allocate_by_zeros(file, offset, size, error);
    }
    return vfs_result(status, "allocate", offset, error);
}

static nanots_status vfs_lacks(const char *operation, struct nanots_error *error)
{
    return nts_fail(error, NANOTS_UNSUPPORTED, "the VFS has no %s", operation);
}

static nanots_status vfs_punch(struct nanots_file *file, uint64_t offset, uint64_t size,
                               struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    if (inner->ops->punch == NULL)
        return vfs_lacks("punch", error);
    return vfs_result(inner->ops->punch(inner, offset, size, error), "punch", offset, error);
}

/* ---- locks: without them the host promised that nobody else is there ---------------------- */

static nanots_status vfs_lock_writer(struct nanots_file *file, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    if (inner->ops->lock_writer == NULL)
        return NANOTS_OK;
    return vfs_result(inner->ops->lock_writer(inner, error), "lock_writer", 0, error);
}

static nanots_status vfs_pin(struct nanots_file *file, uint64_t generation,
                             struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    if (inner->ops->pin == NULL)
        return NANOTS_OK;
    return vfs_result(inner->ops->pin(inner, generation, error), "pin", 0, error);
}

static void vfs_unpin(struct nanots_file *file, uint64_t generation)
{
    struct nanots_file *inner = vfs_inner(file);
    if (inner->ops->unpin != NULL)
        inner->ops->unpin(inner, generation);
}

static nanots_status vfs_oldest_pin(struct nanots_file *file, uint64_t first, uint64_t end,
                                    uint64_t *generation_out, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    *generation_out = end;
    if (inner->ops->oldest_pin == NULL)
        return NANOTS_OK;
    return vfs_result(inner->ops->oldest_pin(inner, first, end, generation_out, error),
                      "oldest_pin", 0, error);
}

/* ---- mappings ----------------------------------------------------------------------------- */

static nanots_status vfs_map_read(struct nanots_file *file, uint64_t size,
                                  const uint8_t **bytes_out, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    *bytes_out = NULL;
    if (inner->ops->map_read == NULL)
        return vfs_lacks("map_read", error);
    return vfs_result(inner->ops->map_read(inner, size, bytes_out, error), "map_read", 0, error);
}

static nanots_status vfs_map_write(struct nanots_file *file, uint64_t offset, uint64_t size,
                                   uint8_t **bytes_out, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    *bytes_out = NULL;
    if (inner->ops->map_write == NULL)
        return vfs_lacks("map_write", error);
    return vfs_result(inner->ops->map_write(inner, offset, size, bytes_out, error), "map_write",
                      offset, error);
}

/* Only what map_read or map_write gave comes here, so the VFS has it. */
static void vfs_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size)
{
    struct nanots_file *inner = vfs_inner(file);
    inner->ops->unmap(inner, bytes, size);
}

static nanots_status vfs_populate(struct nanots_file *file, const uint8_t *bytes, uint64_t size,
                                  struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    return vfs_result(inner->ops->populate(inner, bytes, size, error), "populate", 0, error);
}

static int vfs_can_map_wal(struct nanots_file *file)
{
    struct nanots_file *inner = vfs_inner(file);
    return inner->ops->can_map_wal != NULL && inner->ops->can_map_wal(inner) != 0;
}

/* ---- the place ---------------------------------------------------------------------------- */

static nanots_status vfs_check_path(struct nanots_file *file, struct nanots_error *error)
{
    struct nanots_file *inner = vfs_inner(file);
    if (inner->ops->check_path == NULL)
        return NANOTS_OK;
    return vfs_result(inner->ops->check_path(inner, error), "check_path", 0, error);
}

static const struct nanots_file_ops vfs_ops = {
    .struct_size = sizeof vfs_ops,
    .close = vfs_close,
    .read_at = vfs_read_at,
    .write_at = vfs_write_at,
    .sync = vfs_sync,
    .size = vfs_size,
    .truncate = vfs_truncate,
    .allocate = vfs_allocate,
    .punch = vfs_punch,
    .lock_writer = vfs_lock_writer,
    .pin = vfs_pin,
    .unpin = vfs_unpin,
    .oldest_pin = vfs_oldest_pin,
    .map_read = vfs_map_read,
    .map_write = vfs_map_write,
    .unmap = vfs_unmap,
    .populate = vfs_populate,
    .can_map_wal = vfs_can_map_wal,
    .check_path = vfs_check_path,
};

/* ---- open --------------------------------------------------------------------------------- */

/* The name of an operation that is missing, or NULL. */
static const char *vfs_find_gap(const struct nanots_file_ops *ops)
{
    const bool has_locks = ops->lock_writer != NULL || ops->pin != NULL || ops->unpin != NULL ||
                           ops->oldest_pin != NULL;
    const bool has_maps = ops->map_read != NULL || ops->map_write != NULL || ops->unmap != NULL ||
                          ops->populate != NULL;
    const struct {
        const char *name;
        bool is_missing;
    } gaps[] = {
        {"close", ops->close == NULL},
        {"read_at", ops->read_at == NULL},
        {"write_at", ops->write_at == NULL},
        {"sync", ops->sync == NULL},
        {"size", ops->size == NULL},
        {"truncate", ops->truncate == NULL},
        {"lock_writer", has_locks && ops->lock_writer == NULL},
        {"pin", has_locks && ops->pin == NULL},
        {"unpin", has_locks && ops->unpin == NULL},
        {"oldest_pin", has_locks && ops->oldest_pin == NULL},
        {"map_read", has_maps && ops->map_read == NULL},
        {"map_write", has_maps && ops->map_write == NULL},
        {"unmap", has_maps && ops->unmap == NULL},
        {"populate", has_maps && ops->populate == NULL},
    };
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++)
        if (gaps[i].is_missing)
            return gaps[i].name;
    return NULL;
}

static nanots_status vfs_check_file(const struct nanots_file *file, struct nanots_error *error)
{
    const struct nanots_file_ops *ops = file == NULL ? NULL : file->ops;
    if (file == NULL)
        return nts_fail(error, NANOTS_INVALID, "open of the VFS gave no file and no failure");
    if (ops == NULL)
        return nts_fail(error, NANOTS_INVALID, "a file of the VFS has no operations");
    if (ops->struct_size < sizeof *ops)
        return nts_fail(error, NANOTS_INVALID,
                        "struct_size of the file operations is %zu; expected %zu", ops->struct_size,
                        sizeof *ops);
    const char *gap = vfs_find_gap(ops);
    return gap == NULL ? NANOTS_OK
                       : nts_fail(error, NANOTS_INVALID, "the file operations lack %s", gap);
}

/* A file that is refused is closed if it can be. */
static void vfs_close_refused(struct nanots_file *file)
{
    if (file != NULL && file->ops != NULL && file->ops->struct_size >= sizeof vfs_ops &&
        file->ops->close != NULL)
        file->ops->close(file);
}

nanots_status nts_vfs_open(const struct nanots_vfs *vfs, const struct nanots_allocator *allocator,
                           const char *path, unsigned flags, struct nanots_file **file_out,
                           struct nanots_error *error)
{
    nanots_status status;

    *file_out = NULL;
    if (vfs->struct_size < sizeof *vfs || vfs->open == NULL)
        return nts_fail(error, NANOTS_INVALID, "the VFS lacks open, or its struct_size is not set");
    struct vfs_file *self = nts_alloc_zeroed(allocator, sizeof *self);
    if (self == NULL)
        return nts_fail_memory(error, sizeof *self);
    self->file.ops = &vfs_ops;
    atomic_init(&self->written_bytes, 0);
    NTS_TRY_OUT(
        vfs_result(vfs->open(vfs, allocator, path, flags, &self->inner, error), "open", 0, error));
    status = vfs_check_file(self->inner, error);
    if (status != NANOTS_OK) {
        vfs_close_refused(self->inner);
        goto out;
    }
    *file_out = &self->file;
    return NANOTS_OK;
out:
    nts_free(self);
    return status;
}

uint64_t nts_vfs_written_bytes(struct nanots_file *file)
{
    return atomic_load_explicit(&vfs_file_of(file)->written_bytes, memory_order_relaxed);
}
