/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/memfile.c - files as blocks of memory. Contract: memfile.h. */
#include "support/memfile.h"

#include <stdlib.h>
#include <string.h>

struct memfile_handle {
    struct nanots_file file;
    struct memfile_disk *disk;
    struct memfile *memory;
    bool is_read_only;
};

static struct memfile_handle *memfile_handle_of(struct nanots_file *file)
{
    return (struct memfile_handle *)(void *)file;
}

/* ---- the disk ----------------------------------------------------------------------------- */

struct memfile *memfile_find(struct memfile_disk *disk, const char *name)
{
    for (size_t i = 0; i < MEMFILE_FILES_MAX; i++)
        if (disk->files[i].name[0] != '\0' && strcmp(disk->files[i].name, name) == 0)
            return &disk->files[i];
    return NULL;
}

static struct memfile *memfile_make(struct memfile_disk *disk, const char *name)
{
    struct memfile *memory = disk->files;
    while (memory < disk->files + MEMFILE_FILES_MAX && memory->name[0] != '\0')
        memory++;
    if (memory == disk->files + MEMFILE_FILES_MAX || strlen(name) >= sizeof memory->name)
        abort(); /* a test that needs more makes room for more */
    memcpy(memory->name, name, strlen(name) + 1);
    return memory;
}

/* The block of exactly `capacity` bytes; false, and nothing changed, if there is no memory. */
static bool memfile_fit(struct memfile *memory, uint64_t capacity)
{
    uint8_t *bytes = realloc(memory->bytes, capacity != 0 ? (size_t)capacity : 1);
    if (bytes == NULL)
        return false;
    memory->bytes = bytes;
    memory->capacity = capacity;
    return true;
}

struct memfile *memfile_put(struct memfile_disk *disk, const char *name, const uint8_t *bytes,
                            uint64_t size)
{
    struct memfile *memory = memfile_find(disk, name);
    if (memory == NULL)
        memory = memfile_make(disk, name);
    if (!memfile_fit(memory, size))
        abort();
    if (size != 0)
        memcpy(memory->bytes, bytes, (size_t)size);
    memory->size = size;
    memory->is_frozen = false;
    return memory;
}

/* ---- operations --------------------------------------------------------------------------- */

static void memfile_close(struct nanots_file *file)
{
    free(file);
}

static nanots_status memfile_read_at(struct nanots_file *file, void *bytes, size_t size,
                                     uint64_t offset, struct nanots_error *error)
{
    const struct memfile *memory = memfile_handle_of(file)->memory;
    (void)error;
    if (offset > memory->size || size > memory->size - offset)
        return NANOTS_CORRUPT;
    if (size != 0)
        memcpy(bytes, memory->bytes + offset, size);
    return NANOTS_OK;
}

static void memfile_check_writable(const struct memfile_handle *handle)
{
    if (handle->is_read_only || handle->memory->is_frozen)
        abort();
}

static nanots_status memfile_truncate(struct nanots_file *file, uint64_t size,
                                      struct nanots_error *error)
{
    struct memfile_handle *handle = memfile_handle_of(file);
    struct memfile *memory = handle->memory;
    (void)error;
    memfile_check_writable(handle);
    if (size > handle->disk->size_max)
        return NANOTS_NO_SPACE;
    if (size > memory->capacity && !memfile_fit(memory, size * 2))
        return NANOTS_NO_SPACE;
    if (size > memory->size)
        memset(memory->bytes + memory->size, 0, (size_t)(size - memory->size));
    memory->size = size;
    return NANOTS_OK;
}

static nanots_status memfile_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                      uint64_t offset, int durable, struct nanots_error *error)
{
    struct memfile_handle *handle = memfile_handle_of(file);
    struct memfile *memory = handle->memory;
    (void)durable;
    memfile_check_writable(handle);
    if (offset > handle->disk->size_max || size > handle->disk->size_max - offset)
        return NANOTS_NO_SPACE;
    if (offset + size > memory->size && memfile_truncate(file, offset + size, error) != NANOTS_OK)
        return NANOTS_NO_SPACE;
    if (size != 0)
        memcpy(memory->bytes + offset, bytes, size);
    return NANOTS_OK;
}

static nanots_status memfile_sync(struct nanots_file *file, struct nanots_error *error)
{
    (void)file;
    (void)error;
    return NANOTS_OK;
}

static nanots_status memfile_size(struct nanots_file *file, uint64_t *size_out,
                                  struct nanots_error *error)
{
    (void)error;
    *size_out = memfile_handle_of(file)->memory->size;
    return NANOTS_OK;
}

static nanots_status memfile_map_read(struct nanots_file *file, uint64_t size,
                                      const uint8_t **bytes_out, struct nanots_error *error)
{
    (void)size; /* the library reads inside the file only */
    (void)error;
    *bytes_out = memfile_handle_of(file)->memory->bytes;
    return NANOTS_OK;
}

static nanots_status memfile_map_write(struct nanots_file *file, uint64_t offset, uint64_t size,
                                       uint8_t **bytes_out, struct nanots_error *error)
{
    (void)file;
    (void)offset;
    (void)size;
    (void)error;
    *bytes_out = NULL;
    return NANOTS_UNSUPPORTED;
}

static void memfile_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size)
{
    (void)file;
    (void)bytes;
    (void)size;
}

static nanots_status memfile_populate(struct nanots_file *file, const uint8_t *bytes, uint64_t size,
                                      struct nanots_error *error)
{
    const struct memfile *memory = memfile_handle_of(file)->memory;
    const uint64_t offset = (uint64_t)(bytes - memory->bytes);
    (void)error;
    return offset <= memory->size && size <= memory->size - offset ? NANOTS_OK : NANOTS_CORRUPT;
}

static const struct nanots_file_ops memfile_ops_written = {.struct_size =
                                                               sizeof memfile_ops_written,
                                                           .close = memfile_close,
                                                           .read_at = memfile_read_at,
                                                           .write_at = memfile_write_at,
                                                           .sync = memfile_sync,
                                                           .size = memfile_size,
                                                           .truncate = memfile_truncate};

static const struct nanots_file_ops memfile_ops_read = {.struct_size = sizeof memfile_ops_read,
                                                        .close = memfile_close,
                                                        .read_at = memfile_read_at,
                                                        .write_at = memfile_write_at,
                                                        .sync = memfile_sync,
                                                        .size = memfile_size,
                                                        .truncate = memfile_truncate,
                                                        .map_read = memfile_map_read,
                                                        .map_write = memfile_map_write,
                                                        .unmap = memfile_unmap,
                                                        .populate = memfile_populate};

static nanots_status memfile_open(const struct nanots_vfs *vfs,
                                  const struct nanots_allocator *allocator, const char *path,
                                  unsigned flags, struct nanots_file **file_out,
                                  struct nanots_error *error)
{
    struct memfile_disk *disk = (struct memfile_disk *)(uintptr_t)vfs;
    struct memfile *memory = memfile_find(disk, path);
    (void)allocator;
    (void)error;
    *file_out = NULL;
    if (memory != NULL && (flags & NANOTS_VFS_EXCLUSIVE) != 0)
        return NANOTS_EXISTS;
    if (memory == NULL && (flags & NANOTS_VFS_CREATE) == 0)
        return NANOTS_NOT_FOUND;
    struct memfile_handle *handle = calloc(1, sizeof *handle);
    if (handle == NULL)
        return NANOTS_NO_MEMORY;
    if (memory == NULL)
        memory = memfile_make(disk, path);
    handle->is_read_only = (flags & NANOTS_VFS_READ_ONLY) != 0;
    if (handle->is_read_only && memory->capacity != memory->size &&
        !memfile_fit(memory, memory->size))
        abort();
    handle->file.ops = handle->is_read_only ? &memfile_ops_read : &memfile_ops_written;
    handle->disk = disk;
    handle->memory = memory;
    *file_out = &handle->file;
    return NANOTS_OK;
}

void memfile_init(struct memfile_disk *disk, uint64_t size_max)
{
    memset(disk, 0, sizeof *disk);
    disk->vfs.struct_size = sizeof disk->vfs;
    disk->vfs.open = memfile_open;
    disk->size_max = size_max;
}

void memfile_deinit(struct memfile_disk *disk)
{
    for (size_t i = 0; i < MEMFILE_FILES_MAX; i++)
        free(disk->files[i].bytes);
    memset(disk, 0, sizeof *disk);
}
