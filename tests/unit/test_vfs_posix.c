/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_vfs_posix.c - open, transfer, size, space of real files (os/vfs.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "os/vfs.h"
#include "support/scratch.h"
#include "util/alloc.h"

static nanots_status posix_open_at(const char *path, unsigned flags, struct nanots_file **file_out,
                                   struct nanots_error *error)
{
    return nts_vfs_posix()->open(nts_vfs_posix(), nts_alloc_libc(), path, flags, file_out, error);
}

static struct nanots_file *posix_create(const char *path)
{
    struct nanots_file *file = NULL;
    assert_int_equal(posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL), NANOTS_OK);
    assert_non_null(file);
    return file;
}

static uint64_t posix_size_of(struct nanots_file *file)
{
    uint64_t size = 0;
    assert_int_equal(file->ops->size(file, &size, NULL), NANOTS_OK);
    return size;
}

/* Runs `body` in a child and returns its exit code, 99 if it died otherwise. */
static int posix_in_child(int (*body)(const char *path), const char *path)
{
    const pid_t child = fork();
    int outcome;
    assert_true(child >= 0);
    if (child == 0)
        _exit(body(path));
    assert_int_equal(waitpid(child, &outcome, 0), child);
    return WIFEXITED(outcome) ? WEXITSTATUS(outcome) : 99;
}

static void open_of_missing_file_is_not_found(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = (struct nanots_file *)8;
    struct nanots_error error;
    assert_int_equal(posix_open_at(scratch->path, 0, &file, &error), NANOTS_NOT_FOUND);
    assert_null(file);
    assert_int_equal(error.os_errno, ENOENT);
    assert_non_null(strstr(error.message, "plant.ntt"));
    assert_int_equal(access(scratch->path, F_OK), -1);
}

static void open_with_create_makes_a_file_once(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    assert_int_equal(file->ops->write_at(file, "abc", 3, 0, true, NULL), NANOTS_OK);
    file->ops->close(file);

    file = posix_create(scratch->path);
    assert_int_equal(posix_size_of(file), 3);
    file->ops->close(file);
    assert_int_equal(
        posix_open_at(scratch->path, NANOTS_VFS_CREATE | NANOTS_VFS_EXCLUSIVE, &file, NULL),
        NANOTS_EXISTS);
    assert_null(file);
}

static void open_with_exclusive_creates_a_new_file(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = NULL;
    assert_int_equal(
        posix_open_at(scratch->path, NANOTS_VFS_CREATE | NANOTS_VFS_EXCLUSIVE, &file, NULL),
        NANOTS_OK);
    file->ops->close(file);
    assert_int_equal(access(scratch->path, F_OK), 0);
}

static void open_of_other_than_regular_files_is_invalid(void **state)
{
    const struct scratch *scratch = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char pipe_path[192];
    const char *const paths[] = {scratch->directory, pipe_path, "/dev/null", address.sun_path};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_int_equal(mkfifo(scratch_path(scratch, "pipe", pipe_path, sizeof pipe_path), 0600), 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/sock", scratch->directory);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        for (unsigned flags = 0; flags < 4; flags++) { /* read-only or not, with CREATE or not */
            struct nanots_file *file = NULL;
            struct nanots_error error;
            assert_int_equal(posix_open_at(paths[i], flags, &file, &error), NANOTS_INVALID);
            assert_null(file);
            assert_non_null(strstr(error.message, paths[i]));
            assert_non_null(strstr(error.message, "not a regular file"));
        }
    }
    (void)close(fd);
}

static void open_of_impossible_paths_says_why(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    char path[1200];
    file->ops->close(file);

    (void)snprintf(path, sizeof path, "%s/below", scratch->path);
    assert_int_equal(posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL), NANOTS_INVALID);
    (void)snprintf(path, sizeof path, "%s/nowhere/plant.ntt", scratch->directory);
    assert_int_equal(posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL), NANOTS_NOT_FOUND);
    assert_int_equal(posix_open_at("", NANOTS_VFS_CREATE, &file, NULL), NANOTS_NOT_FOUND);
    assert_null(file);
}

/* The reason must fit behind the longest path, and the cut must not split a character. */
static void open_with_long_path_keeps_its_end_in_the_message(void **state)
{
    struct nanots_error error;
    struct nanots_file *file;
    char path[600];
    (void)state;
    for (size_t shift = 0; shift < 2; shift++) {
        size_t size = shift;
        memset(path, 'x', sizeof path);
        while (size < 500) {
            path[size++] = '\xC3';
            path[size++] = '\xA4';
        }
        (void)snprintf(path + size, sizeof path - size, "/plant.ntt");
        assert_int_not_equal(posix_open_at(path, 0, &file, &error), NANOTS_OK);
        const char *name = strstr(error.message, "...");
        assert_non_null(name);
        assert_int_equal((unsigned char)name[3], 0xC3);
        assert_non_null(strstr(name, "/plant.ntt: File name too long"));
    }
}

static void open_through_dangling_link_creates_its_target(void **state)
{
    const struct scratch *scratch = *state;
    char link_path[192];
    assert_int_equal(
        symlink("plant.ntt", scratch_path(scratch, "link", link_path, sizeof link_path)), 0);
    struct nanots_file *file = posix_create(link_path);
    file->ops->close(file);
    assert_int_equal(access(scratch->path, F_OK), 0);
}

static int posix_open_unprivileged(const char *path)
{
    struct nanots_file *file = NULL;
    if (geteuid() == 0 && setuid(65534) != 0)
        return 1;
    return posix_open_at(path, 0, &file, NULL) == NANOTS_PERMISSION ? 0 : 2;
}

static void open_without_permission_says_so(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    file->ops->close(file);
    assert_int_equal(chmod(scratch->path, 0), 0);
    assert_int_equal(posix_in_child(posix_open_unprivileged, scratch->path), 0);
}

static int posix_open_with_standard_files_closed(const char *path)
{
    struct nanots_file *file = NULL;
    for (int fd = 0; fd <= 2; fd++)
        (void)close(fd);
    if (posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL) != NANOTS_OK)
        return 1;
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) != -1)
            return 2;
    }
    /* Descriptor 3 is it, then, and closed on exec. */
    return (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 3;
}

/* A host that closed its stderr and prints to it must not print into the database. */
static void open_never_takes_the_place_of_a_standard_file(void **state)
{
    const struct scratch *scratch = *state;
    assert_int_equal(posix_in_child(posix_open_with_standard_files_closed, scratch->path), 0);
}

static void write_then_read_returns_the_same_bytes(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    static uint8_t written[100000];
    static uint8_t read[sizeof written];
    for (size_t i = 0; i < sizeof written; i++)
        written[i] = (uint8_t)(i * 31 >> 3);
    for (int durable = 0; durable < 2; durable++) {
        const uint64_t offset = durable != 0 ? 8191 : (1ull << 33) + 7; /* past 32 bits: a hole */
        assert_int_equal(
            file->ops->write_at(file, written, sizeof written, offset, durable != 0, NULL),
            NANOTS_OK);
        memset(read, 0, sizeof read);
        assert_int_equal(file->ops->read_at(file, read, sizeof read, offset, NULL), NANOTS_OK);
        assert_memory_equal(read, written, sizeof read);
    }
    assert_true(posix_size_of(file) == (1ull << 33) + 7 + sizeof written);
    assert_int_equal(file->ops->sync(file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, written, 0, 5, true, NULL), NANOTS_OK);
    assert_int_equal(file->ops->read_at(file, read, 0, 1ull << 40, NULL), NANOTS_OK);
    file->ops->close(file);
}

static void read_past_the_end_is_corrupt_and_names_the_place(void **state)
{
    static const uint64_t offsets[] = {0, 99, 100, 1000, 1ull << 62, UINT64_MAX - 5, UINT64_MAX};
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    struct nanots_error error;
    uint8_t bytes[101] = {0};
    assert_int_equal(file->ops->write_at(file, bytes, 100, 0, false, NULL), NANOTS_OK);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        assert_int_equal(file->ops->read_at(file, bytes, 101, offsets[i], NULL), NANOTS_CORRUPT);
    assert_int_equal(file->ops->read_at(file, bytes, 50, 60, &error), NANOTS_CORRUPT);
    assert_non_null(
        strstr(error.message, "plant.ntt ends early: only 40 of 50 bytes at offset 60"));
    file->ops->close(file);
}

static void write_out_of_range_is_no_space(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    assert_int_equal(file->ops->write_at(file, "x", 1, UINT64_MAX, false, NULL), NANOTS_NO_SPACE);
    assert_int_equal(file->ops->truncate(file, UINT64_MAX, NULL), NANOTS_NO_SPACE);
    assert_int_equal(file->ops->allocate(file, UINT64_MAX - 5, 100, NULL), NANOTS_NO_SPACE);
    assert_int_equal(posix_size_of(file), 0);
    file->ops->close(file);
}

static void write_on_read_only_handle_fails_and_names_the_place(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    struct nanots_error error;
    file->ops->close(file);
    assert_int_equal(posix_open_at(scratch->path, NANOTS_VFS_READ_ONLY, &file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, "abcd", 4, 8192, false, &error), NANOTS_IO);
    assert_non_null(strstr(error.message, "cannot write 4 bytes at offset 8192 of "));
    assert_int_equal(error.os_errno, EBADF);
    file->ops->close(file);
}

static int posix_write_over_size_limit(const char *path)
{
    const struct rlimit limit = {.rlim_cur = 8192, .rlim_max = 8192};
    struct nanots_file *file = NULL;
    struct nanots_error error;
    uint8_t bytes[4096] = {1};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL) != NANOTS_OK)
        return 1;
    if (file->ops->write_at(file, bytes, sizeof bytes, 6144, false, &error) != NANOTS_NO_SPACE)
        return 2;
    if (strstr(error.message, "cannot write 4096 bytes at offset 6144") == NULL)
        return 3;
    return posix_size_of(file) == 8192 ? 0 : 4; /* the first transfer was short */
}

static void write_after_short_transfer_reports_the_rest(void **state)
{
    const struct scratch *scratch = *state;
    assert_int_equal(posix_in_child(posix_write_over_size_limit, scratch->path), 0);
}

/* Lets a system call of this process fail from now on. */
static bool posix_forbid(unsigned call, unsigned os_errno)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | os_errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof steps / sizeof steps[0], .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#define POSIX_SKIPPED 77

static int posix_write_durably_without_dsync(const char *path)
{
    struct nanots_file *file = NULL;
    struct nanots_error error;
    char bytes[4] = "";
    if (!posix_forbid(__NR_pwritev2, EOPNOTSUPP))
        return POSIX_SKIPPED;
    if (posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL) != NANOTS_OK ||
        file->ops->write_at(file, "abc", 3, 100, true, NULL) != NANOTS_OK ||
        file->ops->read_at(file, bytes, 3, 100, NULL) != NANOTS_OK || strcmp(bytes, "abc") != 0)
        return 1;
    /* Without pwritev2 durability is fdatasync's work: if that fails, so must the write. */
    if (!posix_forbid(__NR_fdatasync, EIO))
        return POSIX_SKIPPED;
    if (file->ops->write_at(file, "abc", 3, 100, true, &error) != NANOTS_IO ||
        strstr(error.message, "cannot sync ") == NULL)
        return 2;
    return file->ops->write_at(file, "abc", 3, 100, false, NULL) == NANOTS_OK ? 0 : 3;
}

static void durable_write_without_dsync_falls_back_to_fdatasync(void **state)
{
    const struct scratch *scratch = *state;
    const int outcome = posix_in_child(posix_write_durably_without_dsync, scratch->path);
    if (outcome == POSIX_SKIPPED) {
        print_message("skipped: no seccomp here\n");
        skip();
    }
    assert_int_equal(outcome, 0);
}

static int posix_write_durably_without_fdatasync(const char *path)
{
    struct nanots_file *file = NULL;
    if (posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL) != NANOTS_OK)
        return 1;
    if (!posix_forbid(__NR_fdatasync, EIO))
        return POSIX_SKIPPED;
    if (file->ops->write_at(file, "abc", 3, 0, true, NULL) != NANOTS_OK)
        return 2;
    return file->ops->sync(file, NULL) == NANOTS_IO ? 0 : 3;
}

/* It is the cheap way that is taken where there is one. */
static void durable_write_with_dsync_needs_no_fdatasync(void **state)
{
    const struct scratch *scratch = *state;
    const int outcome = posix_in_child(posix_write_durably_without_fdatasync, scratch->path);
    if (outcome == POSIX_SKIPPED) {
        print_message("skipped: no seccomp here\n");
        skip();
    }
    assert_int_equal(outcome, 0);
}

static int posix_allocate_without_fallocate(const char *path)
{
    struct nanots_file *file = NULL;
    static uint8_t bytes[200000];
    if (!posix_forbid(__NR_fallocate, EOPNOTSUPP))
        return POSIX_SKIPPED;
    if (nts_vfs_open(nts_vfs_posix(), nts_alloc_libc(), path, NANOTS_VFS_CREATE, &file, NULL) !=
            NANOTS_OK ||
        file->ops->write_at(file, "abc", 3, 9997, false, NULL) != NANOTS_OK)
        return 1;
    if (file->ops->allocate(file, 8192, 191808, NULL) != NANOTS_OK || posix_size_of(file) != 200000)
        return 2;
    if (file->ops->read_at(file, bytes, sizeof bytes, 0, NULL) != NANOTS_OK ||
        memcmp(bytes + 9997, "abc", 4) != 0 || bytes[199999] != 0)
        return 3;
    return file->ops->punch(file, 4096, 4096, NULL) == NANOTS_UNSUPPORTED ? 0 : 4;
}

static void allocate_without_fallocate_writes_zeros_past_the_end(void **state)
{
    const struct scratch *scratch = *state;
    const int outcome = posix_in_child(posix_allocate_without_fallocate, scratch->path);
    if (outcome == POSIX_SKIPPED) {
        print_message("skipped: no seccomp here\n");
        skip();
    }
    assert_int_equal(outcome, 0);
}

static void allocate_gives_blocks_and_keeps_bytes(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    struct stat facts;
    char bytes[4] = "";
    assert_int_equal(file->ops->write_at(file, "abc", 3, 0, false, NULL), NANOTS_OK);
    assert_int_equal(file->ops->allocate(file, 0, 1u << 20, NULL), NANOTS_OK);
    assert_int_equal(file->ops->allocate(file, 0, 0, NULL), NANOTS_OK);
    assert_int_equal(posix_size_of(file), 1u << 20);
    assert_int_equal(stat(scratch->path, &facts), 0);
    assert_true(facts.st_blocks * 512 >= 1 << 20);
    assert_int_equal(file->ops->read_at(file, bytes, 3, 0, NULL), NANOTS_OK);
    assert_string_equal(bytes, "abc");
    file->ops->close(file);
}

static void punch_reads_as_zero_and_keeps_the_size(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    uint8_t bytes[16384];
    memset(bytes, 7, sizeof bytes);
    assert_int_equal(file->ops->write_at(file, bytes, sizeof bytes, 0, false, NULL), NANOTS_OK);
    const nanots_status status = file->ops->punch(file, 4096, 8192, NULL);
    if (status == NANOTS_UNSUPPORTED) {
        file->ops->close(file);
        print_message("skipped: no holes on this file system\n");
        skip();
    }
    assert_int_equal(status, NANOTS_OK);
    assert_int_equal(posix_size_of(file), sizeof bytes);
    assert_int_equal(file->ops->read_at(file, bytes, sizeof bytes, 0, NULL), NANOTS_OK);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], i >= 4096 && i < 12288 ? 0 : 7);
    file->ops->close(file);
}

static void truncate_cuts_and_grows_with_zeros(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = posix_create(scratch->path);
    char bytes[6] = "......";
    assert_int_equal(file->ops->write_at(file, "abcdef", 6, 0, false, NULL), NANOTS_OK);
    assert_int_equal(file->ops->truncate(file, 3, NULL), NANOTS_OK);
    assert_int_equal(file->ops->truncate(file, 6, NULL), NANOTS_OK);
    assert_int_equal(file->ops->read_at(file, bytes, 6, 0, NULL), NANOTS_OK);
    assert_memory_equal(bytes, "abc\0\0\0", 6);
    file->ops->close(file);
}

static int posix_fill_small_disk(const char *directory)
{
    char path[256];
    struct nanots_file *file = NULL;
    struct nanots_error error;
    static uint8_t bytes[128u << 10];
    /* A mount of its own, gone with this process. */
    if (syscall(SYS_unshare, 0x00020000 /* CLONE_NEWNS */) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=64k") != 0)
        return POSIX_SKIPPED;
    (void)snprintf(path, sizeof path, "%s/full.ntt", directory);
    if (posix_open_at(path, NANOTS_VFS_CREATE, &file, NULL) != NANOTS_OK)
        return 1;
    if (file->ops->allocate(file, 0, 128u << 10, &error) != NANOTS_NO_SPACE ||
        strstr(error.message, "No space left on device") == NULL)
        return 2;
    if (file->ops->write_at(file, bytes, sizeof bytes, 0, true, &error) != NANOTS_NO_SPACE ||
        strstr(error.message, "cannot write 131072 bytes at offset 0 of ") == NULL)
        return 3;
    return file->ops->write_at(file, bytes, 4096, 0, true, NULL) == NANOTS_OK ? 0 : 4;
}

static void write_on_full_disk_is_no_space(void **state)
{
    const struct scratch *scratch = *state;
    const int outcome = posix_in_child(posix_fill_small_disk, scratch->directory);
    if (outcome == POSIX_SKIPPED) {
        print_message("skipped: may not mount a small tmpfs\n");
        skip();
    }
    assert_int_equal(outcome, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(open_of_missing_file_is_not_found),
        WITH_SCRATCH(open_with_create_makes_a_file_once),
        WITH_SCRATCH(open_with_exclusive_creates_a_new_file),
        WITH_SCRATCH(open_of_other_than_regular_files_is_invalid),
        WITH_SCRATCH(open_of_impossible_paths_says_why),
        WITH_SCRATCH(open_with_long_path_keeps_its_end_in_the_message),
        WITH_SCRATCH(open_through_dangling_link_creates_its_target),
        WITH_SCRATCH(open_without_permission_says_so),
        WITH_SCRATCH(open_never_takes_the_place_of_a_standard_file),
        WITH_SCRATCH(write_then_read_returns_the_same_bytes),
        WITH_SCRATCH(read_past_the_end_is_corrupt_and_names_the_place),
        WITH_SCRATCH(write_out_of_range_is_no_space),
        WITH_SCRATCH(write_on_read_only_handle_fails_and_names_the_place),
        WITH_SCRATCH(write_after_short_transfer_reports_the_rest),
        WITH_SCRATCH(durable_write_without_dsync_falls_back_to_fdatasync),
        WITH_SCRATCH(durable_write_with_dsync_needs_no_fdatasync),
        WITH_SCRATCH(allocate_without_fallocate_writes_zeros_past_the_end),
        WITH_SCRATCH(allocate_gives_blocks_and_keeps_bytes),
        WITH_SCRATCH(punch_reads_as_zero_and_keeps_the_size),
        WITH_SCRATCH(truncate_cuts_and_grows_with_zeros),
        WITH_SCRATCH(write_on_full_disk_is_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
