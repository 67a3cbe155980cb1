/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_vfs.c - what a VFS is opened through: stand-ins, counts, sentences (os/vfs.c). What is
 * refused is in tests/api/test_seams.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "os/vfs.h"
#include "support/scratch.h"
#include "util/alloc.h"

/* The default VFS with other operations. */
struct bare_vfs {
    struct nanots_vfs vfs; /* first member */
    struct nanots_file_ops ops;
};

static nanots_status bare_open(const struct nanots_vfs *vfs,
                               const struct nanots_allocator *allocator, const char *path,
                               unsigned flags, struct nanots_file **file_out,
                               struct nanots_error *error)
{
    NTS_TRY(nts_vfs_posix()->open(nts_vfs_posix(), allocator, path, flags, file_out, error));
    (*file_out)->ops = &((const struct bare_vfs *)(const void *)vfs)->ops;
    return NANOTS_OK;
}

/* The operations are those of a file of the default VFS, to be changed by the test. */
static struct nanots_file *bare_file(struct bare_vfs *bare, const char *path)
{
    struct nanots_file *file = NULL;
    struct nanots_file *real = NULL;
    assert_int_equal(nts_vfs_posix()->open(nts_vfs_posix(), nts_alloc_libc(), path,
                                           NANOTS_VFS_CREATE, &real, NULL),
                     NANOTS_OK);
    bare->ops = *real->ops;
    real->ops->close(real);
    bare->vfs = (struct nanots_vfs){.struct_size = sizeof bare->vfs, .open = bare_open};
    assert_int_equal(nts_vfs_open(&bare->vfs, nts_alloc_libc(), path, 0, &file, NULL), NANOTS_OK);
    return file;
}

static uint64_t size_of(struct nanots_file *file)
{
    uint64_t size = 0;
    assert_int_equal(file->ops->size(file, &size, NULL), NANOTS_OK);
    return size;
}

static nanots_status cannot_allocate(struct nanots_file *file, uint64_t offset, uint64_t size,
                                     struct nanots_error *error)
{
    (void)file;
    (void)offset;
    (void)size;
    return nts_fail(error, NANOTS_UNSUPPORTED, "not here");
}

/* Goal: NULL and UNSUPPORTED are one: zeros past the end, and what is there stays. */
static void vfs_without_allocate_writes_zeros_past_the_end(void **state)
{
    const struct scratch *scratch = *state;
    for (int is_null = 0; is_null < 2; is_null++) {
        struct bare_vfs bare;
        struct nanots_error error;
        uint8_t bytes[4];
        struct nanots_file *file = bare_file(&bare, scratch->path);
        bare.ops.allocate = is_null ? NULL : cannot_allocate;
        nts_error_clear(&error);
        assert_int_equal(file->ops->truncate(file, 0, &error), NANOTS_OK);
        assert_int_equal(file->ops->write_at(file, "abc", 3, 9997, 0, &error), NANOTS_OK);
        assert_int_equal(file->ops->allocate(file, 8192, 191808, &error), NANOTS_OK);
        assert_int_equal(error.code, NANOTS_OK);
        assert_int_equal(size_of(file), 200000);
        assert_int_equal(file->ops->read_at(file, bytes, 4, 9997, &error), NANOTS_OK);
        assert_memory_equal(bytes, "abc", 4);
        assert_int_equal(nts_vfs_written_bytes(file), 3 + 190000);
        file->ops->close(file);
    }
}

static void vfs_without_the_rest_says_so_or_stands_alone(void **state)
{
    const struct scratch *scratch = *state;
    struct bare_vfs bare;
    const uint8_t *mapped = NULL;
    uint8_t *stored = NULL;
    uint64_t oldest = 0;
    struct nanots_file *file = bare_file(&bare, scratch->path);

    memset(&bare.ops.allocate, 0,
           sizeof bare.ops - offsetof(struct nanots_file_ops, allocate)); /* all that may be NULL */
    assert_int_equal(file->ops->punch(file, 0, 4096, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->map_read(file, 4096, &mapped, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->map_write(file, 0, 4096, &stored, NULL), NANOTS_UNSUPPORTED);
    assert_false(file->ops->can_map_wal(file));
    assert_int_equal(file->ops->lock_writer(file, NULL), NANOTS_OK);
    assert_int_equal(file->ops->pin(file, 3, NULL), NANOTS_OK);
    assert_int_equal(file->ops->oldest_pin(file, 1, 9, &oldest, NULL), NANOTS_OK);
    assert_int_equal(oldest, 9);
    file->ops->unpin(file, 3);
    file->ops->close(file);
}

static void vfs_counts_what_was_written(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_file *file = NULL;
    assert_int_equal(nts_vfs_open(nts_vfs_posix(), nts_alloc_libc(), scratch->path,
                                  NANOTS_VFS_CREATE, &file, NULL),
                     NANOTS_OK);
    assert_int_equal(nts_vfs_written_bytes(file), 0);
    assert_int_equal(file->ops->write_at(file, "12345", 5, 0, 0, NULL), NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, "1234567", 7, 100, 1, NULL), NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, "1", 1, UINT64_MAX, 0, NULL), NANOTS_NO_SPACE);
    assert_int_equal(nts_vfs_written_bytes(file), 12);
    file->ops->close(file);
}

static nanots_status fail_silently(struct nanots_file *file, struct nanots_error *error)
{
    (void)file;
    (void)error;
    return NANOTS_IO;
}

static void vfs_failure_without_a_sentence_gets_one(void **state)
{
    const struct scratch *scratch = *state;
    struct bare_vfs bare;
    struct nanots_error error = {.code = NANOTS_CORRUPT, .message = "of an earlier call"};
    struct nanots_file *file = bare_file(&bare, scratch->path);

    bare.ops.sync = fail_silently;
    assert_int_equal(file->ops->sync(file, &error), NANOTS_IO);
    assert_int_equal(error.code, NANOTS_IO);
    assert_non_null(strstr(error.message, "sync"));
    assert_int_equal(file->ops->sync(file, NULL), NANOTS_IO);
    file->ops->close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(vfs_without_allocate_writes_zeros_past_the_end),
        WITH_SCRATCH(vfs_without_the_rest_says_so_or_stands_alone),
        WITH_SCRATCH(vfs_counts_what_was_written),
        WITH_SCRATCH(vfs_failure_without_a_sentence_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
