/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/vfs_posix.c - files of Linux: open, transfer, size, space. Locks are in lock_posix.c, mappings
 * in map_posix.c; no other file of the tree calls the system for files.
 *
 * A durable write is pwritev2(RWF_DSYNC) where the file system has it: it waits for its own range,
 * not for megabytes of dirty log beside it (1.3 ms against 7.6 ms). Elsewhere pwrite and fdatasync.
 *
 * fdatasync is enough throughout: it also writes what is needed to find the data again, which is
 * the size and the block map. Only a new directory entry needs more, an fsync of the directory.
 */
#define _GNU_SOURCE       1 /* pwritev2, fallocate, syncfs */
#define _FILE_OFFSET_BITS 64
#include "os/vfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/os_internal.h"
#include "util/alloc.h"

#define OS_TRANSFER_MAX ((size_t)1 << 30) /* Linux moves less than 2 GiB a call */

static_assert(sizeof(off_t) == 8, "offsets of files have 64 bits");

/* ---- transfer ----------------------------------------------------------------------------- */

static bool os_range_fits(uint64_t offset, uint64_t size)
{
    return offset <= INT64_MAX && size <= INT64_MAX - offset;
}

static nanots_status os_read_at(struct nanots_file *file, void *bytes, size_t size, uint64_t offset,
                                struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);
    uint8_t *to = bytes;
    size_t done = 0;

    while (done < size && os_range_fits(offset, size)) {
        const size_t rest = size - done;
        const ssize_t moved =
            pread(os->fd, to + done, rest < OS_TRANSFER_MAX ? rest : OS_TRANSFER_MAX,
                  (off_t)(offset + done));
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0)
            return nts_fail_os(error, errno, "cannot read %zu bytes at offset %llu of %s", size,
                               (unsigned long long)offset, os->name);
        if (moved == 0)
            break;
        done += (size_t)moved;
    }
    if (done < size)
        return nts_fail(error, NANOTS_CORRUPT,
                        "%s ends early: only %zu of %zu bytes at offset %llu are there", os->name,
                        done, size, (unsigned long long)offset);
    return NANOTS_OK;
}

static bool os_means_no_dsync(int os_errno)
{
    return os_errno == EOPNOTSUPP || os_errno == ENOSYS || os_errno == EINVAL;
}

/* One transfer of at most `size` bytes. Clears *dsync where the system does not know the flag. */
static ssize_t os_write_some(const struct os_file *os, const uint8_t *bytes, size_t size,
                             uint64_t offset, bool *dsync)
{
    const size_t some = size < OS_TRANSFER_MAX ? size : OS_TRANSFER_MAX;
    if (*dsync) {
        const struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = some};
        const ssize_t moved = pwritev2(os->fd, &piece, 1, (off_t)offset, RWF_DSYNC);
        if (moved >= 0 || !os_means_no_dsync(errno))
            return moved;
        *dsync = false;
    }
    return pwrite(os->fd, bytes, some, (off_t)offset);
}

static nanots_status os_fdatasync(const struct os_file *os, struct nanots_error *error)
{
    /* EINTR says that the wait was cut short, not that bytes were lost: only that is tried again.
     */
    int failed;
    do {
        failed = fdatasync(os->fd);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0)
        return nts_fail_os(error, errno, "cannot sync %s", os->name);
    return NANOTS_OK;
}

static nanots_status os_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                 uint64_t offset, int durable, struct nanots_error *error)
{
    struct os_file *os = nts_os_file_of(file);
    const bool dsync_wanted =
        durable != 0 && !atomic_load_explicit(&os->dsync_refused, memory_order_relaxed);
    bool dsync = dsync_wanted;
    const uint8_t *from = bytes;
    size_t done = 0;

    while (done < size) {
        ssize_t moved = -1;
        errno = EFBIG;
        if (os_range_fits(offset, size))
            moved = os_write_some(os, from + done, size - done, offset + done, &dsync);
        if (moved < 0 && errno == EINTR)
            continue;
        /* A transfer of nothing has no errno; a full file system is the one known cause. */
        if (moved <= 0)
            return nts_fail_os(error, moved < 0 ? errno : ENOSPC,
                               "cannot write %zu bytes at offset %llu of %s", size,
                               (unsigned long long)offset, os->name);
        done += (size_t)moved;
    }
    if (dsync_wanted && !dsync)
        atomic_store_explicit(&os->dsync_refused, true, memory_order_relaxed);
    return durable != 0 && !dsync ? os_fdatasync(os, error) : NANOTS_OK;
}

static nanots_status os_sync(struct nanots_file *file, struct nanots_error *error)
{
    return os_fdatasync(nts_os_file_of(file), error);
}

/* ---- size and space ----------------------------------------------------------------------- */

static nanots_status os_size(struct nanots_file *file, uint64_t *size_out,
                             struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);
    struct stat facts;

    *size_out = 0;
    if (fstat(os->fd, &facts) != 0)
        return nts_fail_os(error, errno, "cannot tell the size of %s", os->name);
    *size_out = (uint64_t)facts.st_size;
    return NANOTS_OK;
}

static nanots_status os_check_path(struct nanots_file *file, struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);
    struct stat ours;
    struct stat there;

    if (os->path == NULL)
        return NANOTS_OK;
    if (fstat(os->fd, &ours) != 0)
        return nts_fail_os(error, errno, "cannot examine %s", os->name);
    /* A file that was moved away is still the one that was opened. */
    const bool is_replaced =
        stat(os->path, &there) == 0 && (there.st_ino != ours.st_ino || there.st_dev != ours.st_dev);
    if (ours.st_nlink != 0 && !is_replaced)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_NOT_FOUND,
                    "%s was %s since it was opened: close the handle and open the file again",
                    os->name, is_replaced ? "replaced" : "deleted");
}

static nanots_status os_truncate(struct nanots_file *file, uint64_t size,
                                 struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);
    int failed = -1;

    errno = EFBIG;
    if (os_range_fits(0, size)) {
        do {
            failed = ftruncate(os->fd, (off_t)size);
        } while (failed != 0 && errno == EINTR);
    }
    if (failed != 0)
        return nts_fail_os(error, errno, "cannot set the size of %s to %llu bytes", os->name,
                           (unsigned long long)size);
    return NANOTS_OK;
}

/* 0 or the errno. */
static int os_fallocate_mode(const struct os_file *os, int mode, uint64_t offset, uint64_t size)
{
    int failed;
    if (!os_range_fits(offset, size))
        return EFBIG;
    do {
        failed = fallocate(os->fd, mode, (off_t)offset, (off_t)size);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 ? 0 : errno;
}

static nanots_status os_allocate(struct nanots_file *file, uint64_t offset, uint64_t size,
                                 struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);

    if (size == 0)
        return NANOTS_OK;
    const int failed = os_fallocate_mode(os, 0, offset, size);
    if (failed == 0)
        return NANOTS_OK;
    const nanots_status status =
        nts_fail_os(error, failed, "cannot allocate %llu bytes at offset %llu of %s",
                    (unsigned long long)size, (unsigned long long)offset, os->name);
    if (failed == EOPNOTSUPP || failed == ENOSYS)
        return nts_os_recode(error, NANOTS_UNSUPPORTED);
    return status;
}

static nanots_status os_punch(struct nanots_file *file, uint64_t offset, uint64_t size,
                              struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);

    if (size == 0)
        return NANOTS_OK;
    const int failed =
        os_fallocate_mode(os, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
    if (failed == 0)
        return NANOTS_OK;
    const nanots_status status =
        nts_fail_os(error, failed, "cannot give back %llu bytes at offset %llu of %s",
                    (unsigned long long)size, (unsigned long long)offset, os->name);
    if (failed == EOPNOTSUPP || failed == ENOSYS)
        return nts_os_recode(error, NANOTS_UNSUPPORTED);
    return status;
}

/* ---- open and close ----------------------------------------------------------------------- */

static void os_close(struct nanots_file *file)
{
    struct os_file *os = nts_os_file_of(file);
    /* After EINTR the descriptor is gone on Linux; a second close could hit a stranger's. */
    (void)close(os->fd);
    nts_free(os->path);
    nts_free(os);
}

static const struct nanots_file_ops os_ops = {
    .struct_size = sizeof os_ops,
    .close = os_close,
    .read_at = os_read_at,
    .write_at = os_write_at,
    .sync = os_sync,
    .size = os_size,
    .truncate = os_truncate,
    .allocate = os_allocate,
    .punch = os_punch,
    .lock_writer = nts_posix_lock_writer,
    .pin = nts_posix_pin,
    .unpin = nts_posix_unpin,
    .oldest_pin = nts_posix_oldest_pin,
    .map_read = nts_posix_map_read,
    .map_write = nts_posix_map_write,
    .unmap = nts_posix_unmap,
    .populate = nts_posix_populate,
    .can_map_wal = nts_posix_can_map_wal,
    .check_path = os_check_path,
};

/* Keeps the end of a path that is too long, from a whole UTF-8 character on. */
static void os_name_set(char name[OS_NAME_SIZE_MAX], const char *path)
{
    static const char mark[] = "...";
    const size_t size = strlen(path) + 1;

    if (size <= OS_NAME_SIZE_MAX) {
        memcpy(name, path, size);
        return;
    }
    const char *tail = path + size - (OS_NAME_SIZE_MAX - (sizeof mark - 1));
    while (((unsigned char)*tail & 0xC0) == 0x80)
        tail++;
    memcpy(name, mark, sizeof mark - 1);
    memcpy(name + sizeof mark - 1, tail, strlen(tail) + 1);
}

static int os_open_fd(const char *path, int flags)
{
    int fd;
    /* O_NONBLOCK: opening a pipe by mistake must not wait for its other end. Without meaning for
     * the regular files that are let through. */
    do {
        fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Opens or creates; *created tells which. -1 and errno on failure. */
static int os_open_or_create(const char *path, unsigned flags, bool *created)
{
    const int mode = (flags & NANOTS_VFS_READ_ONLY) != 0 ? O_RDONLY : O_RDWR;

    *created = false;
    if ((flags & NANOTS_VFS_CREATE) == 0)
        return os_open_fd(path, mode);
    if ((flags & NANOTS_VFS_EXCLUSIVE) == 0) {
        const int fd = os_open_fd(path, mode);
        if (fd >= 0 || errno != ENOENT)
            return fd;
    }
    *created = true;
    return os_open_fd(path, mode | O_CREAT | ((flags & NANOTS_VFS_EXCLUSIVE) != 0 ? O_EXCL : 0));
}

/* Moves a descriptor away from 0, 1 and 2: a host that closed its stderr and prints to it must not
 * print into the database. */
static int os_fd_above_stderr(int fd)
{
    if (fd > STDERR_FILENO)
        return fd;
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int os_errno = errno;
    (void)close(fd);
    errno = os_errno;
    return moved;
}

/* Makes the new entry durable. `resolved` (PATH_MAX bytes) is scratch: the path may be a symbolic
 * link, and it is the directory of its target that has the entry. 0 or the errno. */
static int os_sync_directory(int fd, const char *path, char *resolved)
{
    if (realpath(path, resolved) == NULL)
        return errno;
    char *slash = strrchr(resolved, '/');
    slash[slash == resolved ? 1 : 0] = '\0';
    const int directory = open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        const int failed = fsync(directory) != 0 ? errno : 0;
        (void)close(directory);
        if (failed != EINVAL && failed != EOPNOTSUPP)
            return failed;
    }
    /* A directory that may be written and not read, or a file system that cannot sync one. */
    return syncfs(fd) != 0 ? errno : 0;
}

static nanots_status os_check_created(const struct os_file *os,
                                      const struct nanots_allocator *allocator, const char *path,
                                      struct nanots_error *error)
{
    char *resolved = nts_alloc(allocator, PATH_MAX);
    if (resolved == NULL)
        return nts_fail_memory(error, PATH_MAX);
    const int failed = os_sync_directory(os->fd, path, resolved);
    nts_free(resolved);
    if (failed != 0)
        return nts_fail_os(error, failed, "cannot sync the directory of %s", os->name);
    return NANOTS_OK;
}

static nanots_status os_check_regular(const struct os_file *os, struct nanots_error *error)
{
    struct stat facts;
    if (fstat(os->fd, &facts) != 0)
        return nts_fail_os(error, errno, "cannot examine %s", os->name);
    if (!S_ISREG(facts.st_mode))
        return nts_fail(error, NANOTS_INVALID, "%s is not a regular file but a %s", os->name,
                        S_ISDIR(facts.st_mode)    ? "directory"
                        : S_ISFIFO(facts.st_mode) ? "pipe"
                                                  : "device");
    return NANOTS_OK;
}

static nanots_status os_fail_open(const char *name, int os_errno, bool created,
                                  struct nanots_error *error)
{
    if (os_errno == EISDIR)
        return nts_fail(error, NANOTS_INVALID, "%s is not a regular file but a directory", name);
    if (os_errno == ENXIO)
        return nts_fail(error, NANOTS_INVALID, "%s is not a regular file but a socket or device",
                        name);
    const nanots_status status =
        nts_fail_os(error, os_errno, "cannot %s %s", created ? "create" : "open", name);
    /* A path through something that is no directory, a loop of links, a name over the limit. */
    if (os_errno == ENOTDIR || os_errno == ELOOP || os_errno == ENAMETOOLONG)
        return nts_os_recode(error, NANOTS_INVALID);
    return os_errno == ETXTBSY ? nts_os_recode(error, NANOTS_PERMISSION) : status;
}

/* Where the file stands, for os_check_path. A memory file has no place: it stays unknown. */
static nanots_status os_note_path(struct os_file *os, const struct nanots_allocator *allocator,
                                  const char *path, struct nanots_error *error)
{
    struct stat ours;
    struct stat there;
    nanots_status status = NANOTS_OK;
    char *resolved = nts_alloc(allocator, PATH_MAX);
    if (resolved == NULL)
        return nts_fail_memory(error, PATH_MAX);
    if (realpath(path, resolved) != NULL && stat(resolved, &there) == 0 &&
        fstat(os->fd, &ours) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev) {
        os->path = nts_alloc_string(allocator, resolved);
        if (os->path == NULL)
            status = nts_fail_memory(error, PATH_MAX);
    }
    nts_free(resolved);
    return status;
}

static nanots_status os_open(const struct nanots_vfs *vfs, const struct nanots_allocator *allocator,
                             const char *path, unsigned flags, struct nanots_file **file_out,
                             struct nanots_error *error)
{
    bool created;
    nanots_status status;

    (void)vfs;
    assert(path != NULL);
    *file_out = NULL;
    struct os_file *os = nts_alloc_zeroed(allocator, sizeof *os);
    if (os == NULL)
        return nts_fail_memory(error, sizeof *os);
    os->file.ops = &os_ops;
    atomic_init(&os->dsync_refused, false);
    os_name_set(os->name, path);

    os->fd = os_open_or_create(path, flags, &created);
    if (os->fd >= 0)
        os->fd = os_fd_above_stderr(os->fd);
    if (os->fd < 0) {
        status = os_fail_open(os->name, errno, created, error);
        goto out;
    }
    NTS_TRY_OUT(os_check_regular(os, error));
    if (created)
        NTS_TRY_OUT(os_check_created(os, allocator, path, error));
    NTS_TRY_OUT(os_note_path(os, allocator, path, error));
    *file_out = &os->file;
    return NANOTS_OK;
out:
    if (os->fd >= 0)
        (void)close(os->fd);
    nts_free(os);
    return status;
}

const struct nanots_vfs *nts_vfs_posix(void)
{
    static const struct nanots_vfs os_vfs = {.struct_size = sizeof os_vfs, .open = os_open};
    return &os_vfs;
}
