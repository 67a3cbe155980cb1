/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/lock_posix.c - the writer's lock and readers' pins as open-file-description locks.
 *
 *     2^62 - 1   2^62        2^62 + 1    ...       2^62 + g
 *   +----------+-----------+-----------+---------+-----------+
 *   | writer X | pin of 0  | pin of 1  |         | pin of g  |    X exclusive, pins shared
 *   +----------+-----------+-----------+---------+-----------+
 *
 * Classic POSIX locks belong to the process and vanish when it closes any descriptor of the file;
 * these belong to one open(2), so two handles of one process exclude each other as two processes
 * do, and no registry of open files is needed. The kernel drops them with the last descriptor.
 */
#define _GNU_SOURCE       1 /* F_OFD_SETLK, F_OFD_GETLK */
#define _FILE_OFFSET_BITS 64
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "os/os_internal.h"

static_assert(NTS_LOCK_PIN_BASE == NTS_LOCK_WRITER + 1, "the pins follow the writer's byte");

/* The kernel refuses ranges that pass the largest offset. */
#define LOCK_GENERATION_MAX ((1ull << 62) - 2)

/* 0 or the errno. `type` is F_RDLCK, F_WRLCK or F_UNLCK. */
static int lock_set(const struct os_file *os, short type, uint64_t offset)
{
    int failed;
    do {
        struct flock range = {
            .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = 1};
        failed = fcntl(os->fd, F_OFD_SETLK, &range);
    } while (failed != 0 && errno == EINTR);
    return failed == 0 ? 0 : errno;
}

static nanots_status lock_fail(const struct os_file *os, int os_errno, const char *what,
                               struct nanots_error *error)
{
    const nanots_status status =
        nts_fail_os(error, os_errno, "cannot lock %s for %s", os->name, what);
    switch (os_errno) {
    case EINVAL: /* a kernel or file system without such locks */
    case ENOLCK:
    case ENOSYS:
    case EOPNOTSUPP:
        return nts_os_recode(error, NANOTS_UNSUPPORTED);
    default:
        return status;
    }
}

nanots_status nts_posix_lock_writer(struct nanots_file *file, struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);
    const int failed = lock_set(os, F_WRLCK, NTS_LOCK_WRITER);

    if (failed == 0)
        return NANOTS_OK;
    if (failed == EAGAIN || failed == EACCES)
        return nts_fail(error, NANOTS_BUSY, "%s is open for writing by another process or handle",
                        os->name);
    return lock_fail(os, failed, "writing", error);
}

nanots_status nts_posix_pin(struct nanots_file *file, uint64_t generation,
                            struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);

    if (generation > LOCK_GENERATION_MAX)
        return nts_fail(error, NANOTS_TOO_BIG, "generation %llu of %s is over the limit",
                        (unsigned long long)generation, os->name);
    const int failed = lock_set(os, F_RDLCK, NTS_LOCK_PIN_BASE + generation);
    return failed == 0 ? NANOTS_OK : lock_fail(os, failed, "reading", error);
}

void nts_posix_unpin(struct nanots_file *file, uint64_t generation)
{
    const struct os_file *os = nts_os_file_of(file);
    assert(generation <= LOCK_GENERATION_MAX);
    /* A pin that stays delays the reuse of space until the descriptor is closed, no more. */
    (void)lock_set(os, F_UNLCK, NTS_LOCK_PIN_BASE + generation);
}

/* Any pin of others in [first, end): *found_out is its generation, or `end`. 0 or the errno. */
static int lock_find(const struct os_file *os, uint64_t first, uint64_t end, uint64_t *found_out)
{
    struct flock range;
    int failed;
    do {
        range = (struct flock){.l_type = F_WRLCK,
                               .l_whence = SEEK_SET,
                               .l_start = (off_t)(NTS_LOCK_PIN_BASE + first),
                               .l_len = (off_t)(end - first)};
        failed = fcntl(os->fd, F_OFD_GETLK, &range);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0)
        return errno;
    if (range.l_type == F_UNLCK) {
        *found_out = end;
        return 0;
    }
    /* Neighbouring pins of one descriptor are one lock to the kernel, which may begin before. */
    const uint64_t start = (uint64_t)range.l_start;
    *found_out = start > NTS_LOCK_PIN_BASE + first ? start - NTS_LOCK_PIN_BASE : first;
    return 0;
}

nanots_status nts_posix_oldest_pin(struct nanots_file *file, uint64_t first, uint64_t end,
                                   uint64_t *generation_out, struct nanots_error *error)
{
    const struct os_file *os = nts_os_file_of(file);

    assert(end <= LOCK_GENERATION_MAX + 1);
    *generation_out = end;
    /* The kernel names any one lock of the range, not the first: ask again below it. */
    while (first < *generation_out) {
        uint64_t found = first;
        const int failed = lock_find(os, first, *generation_out, &found);
        if (failed != 0)
            return lock_fail(os, failed, "finding the oldest reader", error);
        if (found == *generation_out)
            break;
        *generation_out = found;
    }
    return NANOTS_OK;
}
