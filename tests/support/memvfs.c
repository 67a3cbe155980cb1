/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/memvfs.c - a disk in memory whose power can be cut at any operation. */
#define _GNU_SOURCE 1 /* memfd_create */
#include "support/memvfs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/checksum.h"

#define MEMVFS_PAGE 4096u

struct memvfs_handle {
    struct nanots_file file; /* first member */
    struct nanots_file *inner;
    struct memvfs *disk;
    struct memvfs_disk_file *on_disk;
};

/* What the machine under the tests refuses them cannot be tested: stop with a sentence. */
static void memvfs_require(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "memvfs: %s\n", what);
    abort();
}

static struct memvfs_handle *memvfs_handle_of(struct nanots_file *file)
{
    return (struct memvfs_handle *)(void *)file;
}

static struct nanots_file *memvfs_inner(struct nanots_file *file)
{
    return memvfs_handle_of(file)->inner;
}

/* ---- images ------------------------------------------------------------------------------- */

static int memvfs_new_image(void)
{
    const int fd = memfd_create("memvfs", MFD_CLOEXEC);
    memvfs_require(fd >= 0, "no memory file");
    return fd;
}

static uint64_t memvfs_image_size(int fd)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    memvfs_require(size >= 0, "no size of a memory file");
    return (uint64_t)size;
}

static void memvfs_image_read(int fd, uint8_t *bytes, uint64_t size, uint64_t offset)
{
    while (size > 0) {
        const ssize_t moved = pread(fd, bytes, (size_t)size, (off_t)offset);
        memvfs_require(moved > 0, "cannot read a memory file");
        bytes += moved;
        offset += (uint64_t)moved;
        size -= (uint64_t)moved;
    }
}

static void memvfs_durable_reserve(struct memvfs_disk_file *file, uint64_t size)
{
    if (size <= file->durable_capacity)
        return;
    file->durable = nts_realloc(nts_alloc_libc(), file->durable, (size_t)size);
    memvfs_require(file->durable != NULL, "out of memory");
    memset(file->durable + file->durable_capacity, 0, (size_t)(size - file->durable_capacity));
    file->durable_capacity = size;
}

static void memvfs_durable_all(struct memvfs_disk_file *file)
{
    const uint64_t size = memvfs_image_size(file->fd);
    memvfs_durable_reserve(file, size);
    memvfs_image_read(file->fd, file->durable, size, 0);
    if (file->durable_capacity > size)
        memset(file->durable + size, 0, (size_t)(file->durable_capacity - size));
    file->durable_size = size;
}

static void memvfs_durable_range(const struct memvfs *disk, struct memvfs_disk_file *file,
                                 const uint8_t *bytes, uint64_t size, uint64_t offset)
{
    const uint64_t live_size = memvfs_image_size(file->fd);
    const uint64_t end = offset + size;

    memvfs_durable_reserve(file, live_size > end ? live_size : end);
    if (size > 0)
        memcpy(file->durable + offset, bytes, (size_t)size);
    if (file->durable_size < end)
        file->durable_size = end;
    if (disk->size_needs_sync)
        return;
    if (live_size < file->durable_size)
        memset(file->durable + live_size, 0, (size_t)(file->durable_size - live_size));
    file->durable_size = live_size;
}

/* Copies what the live image behind `fd` holds now. */
static void memvfs_freeze_file(struct memvfs_disk_file *file, int fd)
{
    file->frozen_size = memvfs_image_size(fd);
    file->frozen = nts_alloc(nts_alloc_libc(), (size_t)file->frozen_size);
    memvfs_require(file->frozen != NULL, "out of memory");
    memvfs_image_read(fd, file->frozen, file->frozen_size, 0);
}

static void memvfs_freeze(struct memvfs *disk)
{
    for (unsigned i = 0; i < disk->file_count; i++)
        memvfs_freeze_file(&disk->files[i], disk->files[i].fd);
    disk->crashed = true;
}

/* SplitMix64. */
static uint64_t memvfs_random(uint64_t *state)
{
    uint64_t mixed = *state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

/* How one reboot chooses between old and new: new in `new_of_16` of 16 cases. */
struct memvfs_dice {
    uint64_t state;
    unsigned new_of_16;
    bool in_pages;
};

static struct memvfs_dice memvfs_dice_of(uint64_t seed)
{
    static const unsigned biases[] = {1, 4, 8, 12, 15};
    struct memvfs_dice dice = {.state = seed};

    if (seed == MEMVFS_KEEP_NONE)
        dice.new_of_16 = 0;
    else if (seed == MEMVFS_KEEP_ALL)
        dice.new_of_16 = 16;
    else
        dice.new_of_16 = biases[memvfs_random(&dice.state) % (sizeof biases / sizeof biases[0])];
    dice.in_pages = seed > MEMVFS_KEEP_ALL && memvfs_random(&dice.state) % 4 == 0;
    return dice;
}

static bool memvfs_dice_new(struct memvfs_dice *dice)
{
    return memvfs_random(&dice->state) % 16 < dice->new_of_16;
}

static bool memvfs_dice_spoils(struct memvfs_dice *dice)
{
    return dice->new_of_16 % 16 != 0 && memvfs_random(&dice->state) % 4 == 0;
}

static void memvfs_spoil(uint8_t *bytes, size_t size, struct memvfs_dice *dice)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)memvfs_random(&dice->state);
}

/* Turns the durable image into the surviving one, sector by sector. */
static void memvfs_survive(const struct memvfs *disk, struct memvfs_disk_file *file,
                           struct memvfs_dice *dice)
{
    const uint64_t old_size = file->durable_size;
    const uint64_t size =
        old_size != file->frozen_size && memvfs_dice_new(dice) ? file->frozen_size : old_size;

    const uint32_t unit = dice->in_pages ? MEMVFS_PAGE : disk->sector_size;

    memvfs_durable_reserve(file, file->frozen_size);
    for (uint64_t at = 0; at < file->frozen_size; at += unit) {
        const uint64_t rest = file->frozen_size - at;
        const size_t sector = (size_t)(rest < unit ? rest : unit);
        const bool differs = memcmp(file->durable + at, file->frozen + at, sector) != 0;
        const bool is_hit = at < file->cut_to && file->cut_from < at + sector;
        if (disk->spoils && (differs || is_hit) && memvfs_dice_spoils(dice))
            memvfs_spoil(file->durable + at, sector, dice);
        else if (differs && memvfs_dice_new(dice))
            memcpy(file->durable + at, file->frozen + at, sector);
    }
    file->cut_from = file->cut_to = 0;
    if (file->durable_capacity > size)
        memset(file->durable + size, 0, (size_t)(file->durable_capacity - size));
    file->durable_size = size;
}

/* Zeros stay holes: most of a log is. */
static void memvfs_set_live(struct memvfs_disk_file *file, const uint8_t *bytes, uint64_t size)
{
    static const uint8_t zeros[16 * MEMVFS_PAGE];

    (void)close(file->fd);
    file->fd = memvfs_new_image();
    memvfs_require(ftruncate(file->fd, (off_t)size) == 0, "cannot size an image");
    for (uint64_t at = 0; at < size; at += sizeof zeros) {
        const size_t part = (size_t)(size - at < sizeof zeros ? size - at : sizeof zeros);
        if (memcmp(bytes + at, zeros, part) == 0)
            continue;
        const ssize_t moved = pwrite(file->fd, bytes + at, part, (off_t)at);
        memvfs_require(moved == (ssize_t)part, "cannot write a memory file");
    }
}

/* What is there when the machine runs again: after a death of the process alone the system still
 * has what is not durable. */
static void memvfs_start_again(const struct memvfs *disk, struct memvfs_disk_file *file,
                               uint64_t seed, struct memvfs_dice *dice)
{
    const bool lives_on = seed == MEMVFS_KEEP_ALL;
    if (!lives_on)
        memvfs_survive(disk, file, dice);
    const uint8_t *live = lives_on ? file->frozen : file->durable;
    const uint64_t live_size = lives_on ? file->frozen_size : file->durable_size;
    memvfs_set_live(file, live, live_size);
    file->mark = nts_checksum(live, (size_t)live_size) +
                 3 * nts_checksum(file->durable, (size_t)file->durable_size);
    file->cut_from = file->cut_to = 0;
    nts_free(file->frozen);
    file->frozen = NULL;
}

/* ---- operations --------------------------------------------------------------------------- */

static nanots_status memvfs_power_is_off(struct nanots_error *error)
{
    return nts_fail(error, NANOTS_IO, "the power is off");
}

/* For calls that change nothing. */
static nanots_status memvfs_check_power(struct nanots_file *file, struct nanots_error *error)
{
    return memvfs_crashed(memvfs_handle_of(file)->disk) ? memvfs_power_is_off(error) : NANOTS_OK;
}

/* Counts a call that changes something; true if the power goes with it. The mutex is held. */
static bool memvfs_is_the_cut(struct memvfs *disk)
{
    const uint64_t index = disk->op_count++;
    return disk->armed && index == disk->crash_index;
}

/* What a call that changes a file does, so that all of them share the counting and the cut. */
enum memvfs_op { MEMVFS_WRITE, MEMVFS_SYNC, MEMVFS_TRUNCATE, MEMVFS_ALLOCATE, MEMVFS_PUNCH };

struct memvfs_change {
    enum memvfs_op op;
    const uint8_t *bytes;
    uint64_t size;
    uint64_t offset;
    bool durable;
};

static nanots_status memvfs_change_live(struct nanots_file *inner,
                                        const struct memvfs_change *change,
                                        struct nanots_error *error)
{
    switch (change->op) {
    case MEMVFS_WRITE:
        return inner->ops->write_at(inner, change->bytes, (size_t)change->size, change->offset,
                                    false, error);
    case MEMVFS_TRUNCATE:
        return inner->ops->truncate(inner, change->size, error);
    case MEMVFS_ALLOCATE:
        return inner->ops->allocate(inner, change->offset, change->size, error);
    case MEMVFS_PUNCH:
        return inner->ops->punch(inner, change->offset, change->size, error);
    case MEMVFS_SYNC:
        break;
    }
    return NANOTS_OK;
}

static void memvfs_change_durable(const struct memvfs_handle *handle,
                                  const struct memvfs_change *change)
{
    if (change->op == MEMVFS_SYNC)
        memvfs_durable_all(handle->on_disk);
    else if (change->op == MEMVFS_WRITE && change->durable)
        memvfs_durable_range(handle->disk, handle->on_disk, change->bytes, change->size,
                             change->offset);
}

static nanots_status memvfs_change(struct nanots_file *file, const struct memvfs_change *change,
                                   struct nanots_error *error)
{
    struct memvfs_handle *handle = memvfs_handle_of(file);
    struct memvfs *disk = handle->disk;
    nanots_status status;

    nts_mutex_lock(&disk->mutex);
    if (disk->crashed) {
        status = memvfs_power_is_off(error);
        goto out;
    }
    const bool cut = memvfs_is_the_cut(disk);
    status = memvfs_change_live(handle->inner, change, error);
    if (change->op == MEMVFS_WRITE) {
        handle->on_disk->cut_from = change->offset;
        handle->on_disk->cut_to = change->offset + change->size;
    }
    if (disk->at_operation != NULL)
        disk->at_operation(disk->at_context);
    if (cut) {
        memvfs_freeze(disk);
        status = memvfs_power_is_off(error);
    } else if (status == NANOTS_OK) {
        memvfs_change_durable(handle, change);
    }
    if (!cut)
        handle->on_disk->cut_from = handle->on_disk->cut_to = 0;
out:
    nts_mutex_unlock(&disk->mutex);
    return status;
}

static void memvfs_close(struct nanots_file *file)
{
    struct memvfs_handle *handle = memvfs_handle_of(file);
    nts_mutex_lock(&handle->disk->mutex);
    assert(handle->on_disk->handles > 0);
    handle->on_disk->handles--;
    nts_mutex_unlock(&handle->disk->mutex);
    handle->inner->ops->close(handle->inner);
    nts_free(handle);
}

static nanots_status memvfs_read_at(struct nanots_file *file, void *bytes, size_t size,
                                    uint64_t offset, struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->read_at(inner, bytes, size, offset, error);
}

static nanots_status memvfs_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                     uint64_t offset, int durable, struct nanots_error *error)
{
    const struct memvfs_change change = {.op = MEMVFS_WRITE,
                                         .bytes = bytes,
                                         .size = size,
                                         .offset = offset,
                                         .durable = durable != 0};
    return memvfs_change(file, &change, error);
}

static nanots_status memvfs_sync(struct nanots_file *file, struct nanots_error *error)
{
    const struct memvfs_change change = {.op = MEMVFS_SYNC};
    return memvfs_change(file, &change, error);
}

static nanots_status memvfs_size(struct nanots_file *file, uint64_t *size_out,
                                 struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    *size_out = 0;
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->size(inner, size_out, error);
}

/* A memory file has no path that could name another. */
static nanots_status memvfs_check_path(struct nanots_file *file, struct nanots_error *error)
{
    return memvfs_check_power(file, error);
}

static nanots_status memvfs_truncate(struct nanots_file *file, uint64_t size,
                                     struct nanots_error *error)
{
    const struct memvfs_change change = {.op = MEMVFS_TRUNCATE, .size = size};
    return memvfs_change(file, &change, error);
}

static nanots_status memvfs_allocate(struct nanots_file *file, uint64_t offset, uint64_t size,
                                     struct nanots_error *error)
{
    const struct memvfs_change change = {.op = MEMVFS_ALLOCATE, .size = size, .offset = offset};
    return memvfs_change(file, &change, error);
}

static nanots_status memvfs_punch(struct nanots_file *file, uint64_t offset, uint64_t size,
                                  struct nanots_error *error)
{
    const struct memvfs_change change = {.op = MEMVFS_PUNCH, .size = size, .offset = offset};
    return memvfs_change(file, &change, error);
}

static nanots_status memvfs_lock_writer(struct nanots_file *file, struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->lock_writer(inner, error);
}

static nanots_status memvfs_pin(struct nanots_file *file, uint64_t generation,
                                struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->pin(inner, generation, error);
}

static void memvfs_unpin(struct nanots_file *file, uint64_t generation)
{
    struct nanots_file *inner = memvfs_inner(file);
    inner->ops->unpin(inner, generation);
}

static nanots_status memvfs_oldest_pin(struct nanots_file *file, uint64_t first, uint64_t end,
                                       uint64_t *generation_out, struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    *generation_out = end;
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->oldest_pin(inner, first, end, generation_out, error);
}

static nanots_status memvfs_map_read(struct nanots_file *file, uint64_t size,
                                     const uint8_t **bytes_out, struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    *bytes_out = NULL;
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->map_read(inner, size, bytes_out, error);
}

static nanots_status memvfs_map_write(struct nanots_file *file, uint64_t offset, uint64_t size,
                                      uint8_t **bytes_out, struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    *bytes_out = NULL;
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->map_write(inner, offset, size, bytes_out, error);
}

static void memvfs_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size)
{
    struct nanots_file *inner = memvfs_inner(file);
    inner->ops->unmap(inner, bytes, size);
}

static nanots_status memvfs_populate(struct nanots_file *file, const uint8_t *bytes, uint64_t size,
                                     struct nanots_error *error)
{
    struct nanots_file *inner = memvfs_inner(file);
    NTS_TRY(memvfs_check_power(file, error));
    return inner->ops->populate(inner, bytes, size, error);
}

static int memvfs_can_map_wal(struct nanots_file *file)
{
    struct nanots_file *inner = memvfs_inner(file);
    return inner->ops->can_map_wal(inner);
}

static const struct nanots_file_ops memvfs_ops = {
    .struct_size = sizeof memvfs_ops,
    .close = memvfs_close,
    .read_at = memvfs_read_at,
    .write_at = memvfs_write_at,
    .sync = memvfs_sync,
    .size = memvfs_size,
    .truncate = memvfs_truncate,
    .allocate = memvfs_allocate,
    .punch = memvfs_punch,
    .lock_writer = memvfs_lock_writer,
    .pin = memvfs_pin,
    .unpin = memvfs_unpin,
    .oldest_pin = memvfs_oldest_pin,
    .map_read = memvfs_map_read,
    .map_write = memvfs_map_write,
    .unmap = memvfs_unmap,
    .populate = memvfs_populate,
    .can_map_wal = memvfs_can_map_wal,
    .check_path = memvfs_check_path,
};

/* ---- the directory ------------------------------------------------------------------------ */

/* The entry of `path`, created if `flags` say so. The mutex is held. */
static nanots_status memvfs_find(struct memvfs *disk, const char *path, unsigned flags,
                                 struct memvfs_disk_file **file_out, struct nanots_error *error)
{
    for (unsigned i = 0; i < disk->file_count; i++) {
        if (strcmp(disk->files[i].path, path) != 0)
            continue;
        if ((flags & NANOTS_VFS_CREATE) != 0 && (flags & NANOTS_VFS_EXCLUSIVE) != 0)
            return nts_fail(error, NANOTS_EXISTS, "%s exists", path);
        *file_out = &disk->files[i];
        return NANOTS_OK;
    }
    if ((flags & NANOTS_VFS_CREATE) == 0)
        return nts_fail(error, NANOTS_NOT_FOUND, "there is no %s", path);
    const bool cut = memvfs_is_the_cut(disk);
    if (disk->at_operation != NULL)
        disk->at_operation(disk->at_context);
    if (cut) {
        memvfs_freeze(disk);
        return memvfs_power_is_off(error);
    }
    memvfs_require(disk->file_count < MEMVFS_FILES_MAX, "too many files");
    struct memvfs_disk_file *file = &disk->files[disk->file_count++];
    *file = (struct memvfs_disk_file){.fd = memvfs_new_image(),
                                      .path = nts_alloc_string(nts_alloc_libc(), path)};
    memvfs_require(file->path != NULL, "out of memory");
    *file_out = file;
    return NANOTS_OK;
}

static nanots_status memvfs_open_image(const struct memvfs_disk_file *file,
                                       const struct nanots_allocator *allocator, unsigned flags,
                                       struct nanots_file **inner_out, struct nanots_error *error)
{
    char image[32];
    (void)snprintf(image, sizeof image, "/proc/self/fd/%d", file->fd);
    return nts_vfs_posix()->open(nts_vfs_posix(), allocator, image, flags & NANOTS_VFS_READ_ONLY,
                                 inner_out, error);
}

static nanots_status memvfs_open(const struct nanots_vfs *vfs,
                                 const struct nanots_allocator *allocator, const char *path,
                                 unsigned flags, struct nanots_file **file_out,
                                 struct nanots_error *error)
{
    /* The images live beside the vfs, and every memvfs is an object that may be written. */
    struct memvfs *disk = (struct memvfs *)(uintptr_t)vfs;
    nanots_status status;

    *file_out = NULL;
    struct memvfs_handle *handle = nts_alloc_zeroed(allocator, sizeof *handle);
    if (handle == NULL)
        return nts_fail_memory(error, sizeof *handle);
    handle->file.ops = &memvfs_ops;
    handle->disk = disk;
    nts_mutex_lock(&disk->mutex);
    if (disk->crashed) {
        status = memvfs_power_is_off(error);
        goto out;
    }
    NTS_TRY_OUT(memvfs_find(disk, path, flags, &handle->on_disk, error));
    NTS_TRY_OUT(memvfs_open_image(handle->on_disk, allocator, flags, &handle->inner, error));
    handle->on_disk->handles++;
    *file_out = &handle->file;
    handle = NULL; /* moved to the caller */
out:
    nts_mutex_unlock(&disk->mutex);
    nts_free(handle);
    return status;
}

/* ---- the machine -------------------------------------------------------------------------- */

void memvfs_init(struct memvfs *disk)
{
    *disk = (struct memvfs){.vfs = {.struct_size = sizeof(struct nanots_vfs), .open = memvfs_open},
                            .sector_size = 512};
    nts_mutex_init(&disk->mutex);
}

void memvfs_deinit(struct memvfs *disk)
{
    for (unsigned i = 0; i < disk->file_count; i++) {
        struct memvfs_disk_file *file = &disk->files[i];
        assert(file->handles == 0);
        (void)close(file->fd);
        nts_free(file->frozen);
        nts_free(file->durable);
        nts_free(file->path);
    }
    nts_mutex_deinit(&disk->mutex);
}

void memvfs_crash_at(struct memvfs *disk, uint64_t index)
{
    nts_mutex_lock(&disk->mutex);
    disk->op_count = 0;
    disk->crash_index = index;
    disk->armed = true;
    nts_mutex_unlock(&disk->mutex);
}

void memvfs_crash(struct memvfs *disk)
{
    nts_mutex_lock(&disk->mutex);
    if (!disk->crashed)
        memvfs_freeze(disk);
    nts_mutex_unlock(&disk->mutex);
}

bool memvfs_crashed(struct memvfs *disk)
{
    nts_mutex_lock(&disk->mutex);
    const bool crashed = disk->crashed;
    nts_mutex_unlock(&disk->mutex);
    return crashed;
}

uint64_t memvfs_op_count(struct memvfs *disk)
{
    nts_mutex_lock(&disk->mutex);
    const uint64_t count = disk->op_count;
    nts_mutex_unlock(&disk->mutex);
    return count;
}

void memvfs_reboot(struct memvfs *disk, uint64_t seed)
{
    struct memvfs_dice dice = memvfs_dice_of(seed);

    memvfs_crash(disk);
    nts_mutex_lock(&disk->mutex);
    for (unsigned i = 0; i < disk->file_count; i++) {
        struct memvfs_disk_file *file = &disk->files[i];
        assert(file->handles == 0);
        memvfs_start_again(disk, file, seed, &dice);
    }
    disk->op_count = 0;
    disk->armed = false;
    disk->crashed = false;
    nts_mutex_unlock(&disk->mutex);
}

/* ---- branches ----------------------------------------------------------------------------- */

static void memvfs_branch_file(const struct memvfs_disk_file *file, struct memvfs_disk_file *branch)
{
    *branch = (struct memvfs_disk_file){.path = nts_alloc_string(nts_alloc_libc(), file->path),
                                        .fd = memvfs_new_image(),
                                        .cut_from = file->cut_from,
                                        .cut_to = file->cut_to};
    memvfs_require(branch->path != NULL, "out of memory");
    memvfs_durable_reserve(branch, file->durable_size);
    if (file->durable_size != 0)
        memcpy(branch->durable, file->durable, (size_t)file->durable_size);
    branch->durable_size = file->durable_size;
    memvfs_freeze_file(branch, file->fd);
}

void memvfs_branch(const struct memvfs *disk, uint64_t seed, struct memvfs *branch)
{
    memvfs_init(branch);
    branch->size_needs_sync = disk->size_needs_sync;
    branch->sector_size = disk->sector_size;
    branch->spoils = disk->spoils;
    branch->file_count = disk->file_count;
    for (unsigned i = 0; i < disk->file_count; i++)
        memvfs_branch_file(&disk->files[i], &branch->files[i]);
    branch->crashed = true;
    memvfs_reboot(branch, seed);
}

void memvfs_write_back(struct memvfs *disk, uint64_t seed)
{
    struct memvfs_dice dice = memvfs_dice_of(seed);

    for (unsigned i = 0; i < disk->file_count; i++) {
        struct memvfs_disk_file *file = &disk->files[i];
        const bool spoils = disk->spoils;
        memvfs_freeze_file(file, file->fd);
        disk->spoils = false; /* nothing is torn */
        memvfs_survive(disk, file, &dice);
        disk->spoils = spoils;
        nts_free(file->frozen);
        file->frozen = NULL;
    }
}

uint64_t memvfs_fingerprint(const struct memvfs *disk)
{
    uint64_t fingerprint = disk->file_count;
    for (unsigned i = 0; i < disk->file_count; i++)
        fingerprint = memvfs_random(&fingerprint) ^ disk->files[i].mark;
    return fingerprint;
}
