/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_map_posix.c - mappings of real files (os/vfs.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "os/vfs.h"
#include "support/scratch.h"
#include "util/alloc.h"

static struct nanots_file *map_open(const char *path, unsigned flags)
{
    struct nanots_file *file = NULL;
    assert_int_equal(
        nts_vfs_posix()->open(nts_vfs_posix(), nts_alloc_libc(), path, flags, &file, NULL),
        NANOTS_OK);
    return file;
}

static void map_read_sees_writes_past_its_first_end(void **state)
{
    const struct scratch *scratch = *state;
    const uint64_t size = 64u << 20; /* far past the end */
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    const uint8_t *bytes = NULL;
    assert_int_equal(file->ops->write_at(file, "abc", 3, 0, false, NULL), NANOTS_OK);
    assert_int_equal(file->ops->map_read(file, size, &bytes, NULL), NANOTS_OK);
    assert_memory_equal(bytes, "abc", 3);
    assert_int_equal(file->ops->write_at(file, "xyz", 3, 1u << 20, false, NULL), NANOTS_OK);
    assert_memory_equal(bytes + (1u << 20), "xyz", 3);
    assert_int_equal(file->ops->write_at(file, "B", 1, 1, true, NULL), NANOTS_OK);
    assert_memory_equal(bytes, "aBc", 3);
    file->ops->unmap(file, bytes, size);
    file->ops->close(file);
}

static void map_write_at_an_offset_stores_into_the_file(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    struct nanots_file *reader = map_open(scratch->path, NANOTS_VFS_READ_ONLY);
    uint8_t *bytes = NULL;
    char read[4] = "";
    assert_int_equal(file->ops->allocate(file, 0, 256u << 10, NULL), NANOTS_OK);
    assert_int_equal(file->ops->map_write(file, 64u << 10, 64u << 10, &bytes, NULL), NANOTS_OK);
    memcpy(bytes + 10, "abc", 3);
    assert_int_equal(reader->ops->read_at(reader, read, 3, (64u << 10) + 10, NULL), NANOTS_OK);
    assert_string_equal(read, "abc");
    assert_int_equal(file->ops->sync(file, NULL), NANOTS_OK);
    file->ops->unmap(file, bytes, 64u << 10);
    assert_int_equal(reader->ops->map_write(reader, 0, 64u << 10, &bytes, NULL),
                     NANOTS_UNSUPPORTED); /* a read-only handle */
    assert_null(bytes);
    reader->ops->close(reader);
    file->ops->close(file);
}

static void map_write_inside_a_page_is_unsupported(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    uint8_t *bytes = (uint8_t *)8;
    assert_int_equal(file->ops->map_write(file, 512, 4096, &bytes, NULL), NANOTS_UNSUPPORTED);
    assert_null(bytes);
    file->ops->close(file);
}

static void map_of_impossible_size_is_unsupported(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    const uint8_t *bytes = (const uint8_t *)8;
    struct nanots_error error;
    assert_int_equal(file->ops->map_read(file, 1ull << 62, &bytes, &error), NANOTS_UNSUPPORTED);
    assert_null(bytes);
    assert_int_equal(error.code, NANOTS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "cannot map"));
    file->ops->close(file);
}

/* Stores of a child would damage a log that is not its own: the pages are not there. */
static void map_is_absent_in_a_forked_child(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    const uint8_t *read_bytes = NULL;
    uint8_t *bytes = NULL;
    int outcome = 0;
    assert_int_equal(file->ops->allocate(file, 0, 64u << 10, NULL), NANOTS_OK);
    assert_int_equal(file->ops->map_read(file, 64u << 10, &read_bytes, NULL), NANOTS_OK);
    assert_int_equal(file->ops->map_write(file, 0, 64u << 10, &bytes, NULL), NANOTS_OK);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsigned char present;
        const bool gone = mincore(bytes, 1, &present) != 0 &&
                          mincore((void *)(uintptr_t)read_bytes, 1, &present) != 0;
        _exit(gone ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFEXITED(outcome));
    assert_int_equal(WEXITSTATUS(outcome), 0);
    file->ops->unmap(file, bytes, 64u << 10);
    file->ops->unmap(file, read_bytes, 64u << 10);
    file->ops->close(file);
}

static void populate_past_the_end_is_a_status_and_no_signal(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    const uint8_t *bytes = NULL;
    struct nanots_error error;
    assert_int_equal(file->ops->allocate(file, 0, 256u << 10, NULL), NANOTS_OK);
    assert_int_equal(file->ops->map_read(file, 1u << 20, &bytes, NULL), NANOTS_OK);
    const nanots_status status = file->ops->populate(file, bytes, 256u << 10, NULL);
    if (status == NANOTS_UNSUPPORTED) {
        file->ops->unmap(file, bytes, 1u << 20);
        file->ops->close(file);
        print_message("skipped: a kernel without MADV_POPULATE_READ\n");
        skip();
    }
    assert_int_equal(status, NANOTS_OK);
    assert_int_equal(file->ops->populate(file, bytes + 100, 3, NULL), NANOTS_OK);
    assert_int_equal(file->ops->populate(file, bytes + 100, 0, NULL), NANOTS_OK);
    assert_int_equal(file->ops->populate(file, bytes + (255u << 10), 10u << 10, &error), NANOTS_IO);
    assert_int_equal(error.code, NANOTS_IO);
    assert_non_null(strstr(error.message, "plant.ntt"));
    /* The file is cut under the mapping: still a status. */
    assert_int_equal(file->ops->truncate(file, 0, NULL), NANOTS_OK);
    assert_int_equal(file->ops->populate(file, bytes, 1, NULL), NANOTS_IO);
    file->ops->unmap(file, bytes, 1u << 20);
    file->ops->close(file);
}

static void can_map_wal_is_true_on_known_file_systems_only(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = map_open(scratch->path, NANOTS_VFS_CREATE);
    struct statfs facts;
    assert_int_equal(statfs(scratch->path, &facts), 0);
    const bool known = facts.f_type == 0xEF53 || facts.f_type == 0x01021994;
    assert_int_equal(file->ops->can_map_wal(file), known);
    file->ops->close(file);

    struct nanots_file *proc = map_open("/proc/self/stat", NANOTS_VFS_READ_ONLY);
    assert_false(proc->ops->can_map_wal(proc));
    proc->ops->close(proc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(map_read_sees_writes_past_its_first_end),
        WITH_SCRATCH(map_write_at_an_offset_stores_into_the_file),
        WITH_SCRATCH(map_write_inside_a_page_is_unsupported),
        WITH_SCRATCH(map_of_impossible_size_is_unsupported),
        WITH_SCRATCH(map_is_absent_in_a_forked_child),
        WITH_SCRATCH(populate_past_the_end_is_a_status_and_no_signal),
        WITH_SCRATCH(can_map_wal_is_true_on_known_file_systems_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
