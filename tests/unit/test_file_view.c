/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_file_view.c - the file as readers see it (segment/file_view.h): mapped, or said not to
 * be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "segment/file_view.h"
#include "support/faultvfs.h"
#include "support/scratch.h"

struct bench {
    struct faultvfs faults;
    struct nanots_file *file;
    struct nts_file_view view;
};

static void bench_open(struct bench *bench, const char *path)
{
    assert_int_equal(bench->faults.vfs.open(&bench->faults.vfs, nts_alloc_libc(), path,
                                            NANOTS_VFS_CREATE, &bench->file, NULL),
                     NANOTS_OK);
    nts_file_view_init(&bench->view, nts_alloc_libc(), bench->file);
}

static void bench_write(const struct bench *bench, uint64_t off, const char *text)
{
    assert_int_equal(bench->file->ops->write_at(bench->file, text, strlen(text), off, false, NULL),
                     NANOTS_OK);
}

static void bench_close(struct bench *bench)
{
    nts_file_view_deinit(&bench->view);
    assert_int_equal(bench->faults.map_count, 0);
    bench->file->ops->close(bench->file);
    faultvfs_deinit(&bench->faults);
}

/* Goal: bytes are seen at their place, also when the file outgrows its mapping, and pointers into
 * the older mapping stay good. */
static void file_view_follows_a_growing_file(void **state)
{
    const struct scratch *scratch = *state;
    const uint64_t far = (200ull << 20) + 5;
    const uint8_t *near_bytes = NULL;
    const uint8_t *far_bytes = NULL;
    struct bench bench;
    faultvfs_init(&bench.faults, nts_vfs_posix());
    bench_open(&bench, scratch->path);
    bench_write(&bench, 100, "near");
    assert_null(nts_file_view_mapped(&bench.view, 100, 4));
    assert_int_equal(nts_file_view_map(&bench.view, 100, 4, &near_bytes, NULL), NANOTS_OK);
    assert_memory_equal(near_bytes, "near", 4);
    assert_ptr_equal(nts_file_view_mapped(&bench.view, 100, 4), near_bytes);
    assert_null(nts_file_view_mapped(&bench.view, far, 3));
    bench_write(&bench, far, "far");
    assert_int_equal(nts_file_view_map(&bench.view, far, 3, &far_bytes, NULL), NANOTS_OK);
    assert_memory_equal(far_bytes, "far", 3);
    assert_int_equal(bench.faults.map_count, 2);
    assert_memory_equal(near_bytes, "near", 4);
    assert_memory_equal(nts_file_view_mapped(&bench.view, 100, 4), "near", 4);
    bench_close(&bench);
}

/* Goal: bytes past the file's end are a status, never a signal. */
static void file_view_past_the_end_is_a_status(void **state)
{
    const struct scratch *scratch = *state;
    const uint8_t *bytes = NULL;
    struct bench bench;
    struct nanots_error error;
    faultvfs_init(&bench.faults, nts_vfs_posix());
    bench_open(&bench, scratch->path);
    bench_write(&bench, 0, "short");
    const nanots_status status = nts_file_view_map(&bench.view, 1u << 20, 4096, &bytes, &error);
    assert_null(bytes);
    if (status == NANOTS_OK) /* cannot be promised here: everything is copied from now on */
        assert_null(nts_file_view_mapped(&bench.view, 0, 5));
    else
        assert_int_equal(error.code, status);
    bench_close(&bench);
}

/* Goal: where bytes cannot be mapped or made present, the view says so by NULL and OK, and hands
 * out no pointer from then on. */
static void file_view_without_mappings_says_so(void **state)
{
    const struct scratch *scratch = *state;
    for (unsigned variant = 0; variant < 3; variant++) {
        const uint8_t *bytes = NULL;
        struct bench bench;
        faultvfs_init(&bench.faults, nts_vfs_posix());
        bench.faults.no_map_read = variant == 0;
        bench.faults.no_populate = variant == 1;
        bench_open(&bench, scratch->path);
        bench_write(&bench, 0, "bytes");
        if (variant == 2)
            faultvfs_fail(&bench.faults, FAULTVFS_MAP, 0, ENOMEM, false);
        for (unsigned again = 0; again < 2; again++) {
            assert_int_equal(nts_file_view_map(&bench.view, 0, 5, &bytes, NULL), NANOTS_OK);
            assert_null(bytes);
            assert_null(nts_file_view_mapped(&bench.view, 0, 5));
        }
        bench_close(&bench);
    }
}

/* Goal: a medium that fails while bytes are made present is a status. */
static void file_view_failed_populate_is_a_status(void **state)
{
    const struct scratch *scratch = *state;
    const uint8_t *bytes = NULL;
    struct bench bench;
    faultvfs_init(&bench.faults, nts_vfs_posix());
    bench_open(&bench, scratch->path);
    bench_write(&bench, 0, "bytes");
    faultvfs_fail(&bench.faults, FAULTVFS_POPULATE, 0, EIO, false);
    assert_int_equal(nts_file_view_map(&bench.view, 0, 5, &bytes, NULL), NANOTS_IO);
    assert_null(bytes);
    faultvfs_heal(&bench.faults);
    assert_int_equal(nts_file_view_map(&bench.view, 0, 5, &bytes, NULL), NANOTS_OK);
    assert_memory_equal(bytes, "bytes", 5);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(file_view_follows_a_growing_file),
        WITH_SCRATCH(file_view_past_the_end_is_a_status),
        WITH_SCRATCH(file_view_without_mappings_says_so),
        WITH_SCRATCH(file_view_failed_populate_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
