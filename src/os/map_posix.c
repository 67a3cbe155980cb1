/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/map_posix.c - mappings of Linux.
 *
 * A shared mapping is the page cache itself: what write_at puts into the file is seen through it at
 * once, and stores through it survive the death of the process without any system call. Children
 * of fork() get none (MADV_DONTFORK): a child that stores into a log that it does not own would
 * damage it.
 */
#define _GNU_SOURCE       1 /* madvise, MAP_NORESERVE */
#define _FILE_OFFSET_BITS 64
#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "os/os_internal.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; headers may be older than the kernel */
#endif

/* As <linux/magic.h> has them. ext2, ext3 and ext4 share one. */
#define MAP_MAGIC_EXT   0xEF53u
#define MAP_MAGIC_TMPFS 0x01021994u

static uint64_t map_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static nanots_status map_shared(const struct os_file *os, int protection, uint64_t offset,
                                uint64_t size, void **bytes_out, struct nanots_error *error)
{
    *bytes_out = NULL;
    assert(size > 0);
    if (sizeof(void *) < 8)
        return nts_fail(error, NANOTS_UNSUPPORTED, "%s is not mapped on a 32-bit system", os->name);
    if (offset % map_page_size() != 0)
        return nts_fail(error, NANOTS_UNSUPPORTED, "offset %llu of %s is inside a memory page",
                        (unsigned long long)offset, os->name);
    void *bytes =
        mmap(NULL, (size_t)size, protection, MAP_SHARED | MAP_NORESERVE, os->fd, (off_t)offset);
    if (bytes == MAP_FAILED) {
        /* A file system that cannot map, or an address space limit: reads and writes still work,
         * and if something graver is wrong they will say so. */
        (void)nts_fail_os(error, errno, "cannot map %llu bytes at offset %llu of %s",
                          (unsigned long long)size, (unsigned long long)offset, os->name);
        return nts_os_recode(error, NANOTS_UNSUPPORTED);
    }
    if (madvise(bytes, (size_t)size, MADV_DONTFORK) != 0) {
        const int os_errno = errno;
        (void)munmap(bytes, (size_t)size);
        (void)nts_fail_os(error, os_errno, "cannot keep a mapping of %s from child processes",
                          os->name);
        return nts_os_recode(error, NANOTS_UNSUPPORTED);
    }
    *bytes_out = bytes;
    return NANOTS_OK;
}

nanots_status nts_posix_map_read(struct nanots_file *file, uint64_t size, const uint8_t **bytes_out,
                                 struct nanots_error *error)
{
    void *bytes;
    const nanots_status status =
        map_shared(nts_os_file_of(file), PROT_READ, 0, size, &bytes, error);
    *bytes_out = bytes;
    return status;
}

nanots_status nts_posix_map_write(struct nanots_file *file, uint64_t offset, uint64_t size,
                                  uint8_t **bytes_out, struct nanots_error *error)
{
    void *bytes;
    const nanots_status status =
        map_shared(nts_os_file_of(file), PROT_READ | PROT_WRITE, offset, size, &bytes, error);
    *bytes_out = bytes;
    return status;
}

void nts_posix_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size)
{
    (void)file;
    const int failed = munmap((void *)(uintptr_t)bytes, (size_t)size);
    assert(failed == 0);
    (void)failed;
}

nanots_status nts_posix_populate(struct nanots_file *file, const uint8_t *bytes, uint64_t size,
                                 struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);
    const uint64_t first = nts_round_down((uintptr_t)bytes, map_page_size());
    const uint64_t end = nts_round_up((uintptr_t)bytes + size, map_page_size());
    int failed;

    if (size == 0)
        return NANOTS_OK;
    do {
        failed = madvise((void *)(uintptr_t)first, (size_t)(end - first), MADV_POPULATE_READ);
    } while (failed != 0 && (errno == EINTR || errno == EAGAIN));
    if (failed == 0)
        return NANOTS_OK;
    const int os_errno = errno;
    (void)nts_fail_os(error, os_errno, "cannot read %llu mapped bytes of %s",
                      (unsigned long long)size, os->name);
    return nts_os_recode(error, os_errno == EINVAL ? NANOTS_UNSUPPORTED : NANOTS_IO);
}

/* XFS counts as unknown: whether it shares blocks between files (reflink, the default since 2019),
 * and so moves them on a rewrite, is not among what fstatfs tells. */
int nts_posix_can_map_wal(struct nanots_file *file)
{
    struct statfs facts;
    if (fstatfs(nts_os_file_of(file)->fd, &facts) != 0)
        return 0;
    const uint32_t magic = (uint32_t)facts.f_type;
    return magic == MAP_MAGIC_EXT || magic == MAP_MAGIC_TMPFS;
}
