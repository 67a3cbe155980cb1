/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_extent_writer.c - bytes in order into an extent (segment/extent_writer.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "segment/extent_writer.h"
#include "support/faultvfs.h"
#include "support/scratch.h"
#include "support/seed.h"

#define EXTENT_OFF  8192u
#define EXTENT_SIZE (3u << 20)

struct bench {
    struct faultvfs faults;
    struct nanots_file *file;
    struct nts_extent_writer writer;
};

static void bench_open(struct bench *bench, const char *path, bool durable)
{
    const struct nts_extent extent = {EXTENT_OFF, EXTENT_SIZE};
    faultvfs_init(&bench->faults, nts_vfs_posix());
    assert_int_equal(bench->faults.vfs.open(&bench->faults.vfs, nts_alloc_libc(), path,
                                            NANOTS_VFS_CREATE, &bench->file, NULL),
                     NANOTS_OK);
    assert_int_equal(
        nts_extent_writer_init(&bench->writer, nts_alloc_libc(), bench->file, durable, NULL),
        NANOTS_OK);
    nts_extent_writer_begin(&bench->writer, extent);
}

static void bench_close(struct bench *bench)
{
    nts_extent_writer_deinit(&bench->writer);
    bench->file->ops->close(bench->file);
    faultvfs_deinit(&bench->faults);
}

/* Goal: the file gets exactly what was put, in few writes. Method: random puts, alignments,
 * reserves and patches, some of bytes that left the buffer or are half in it, beside a copy in
 * memory. */
static void extent_writer_file_equals_the_copy(void **state)
{
    const struct scratch *scratch = *state;
    static uint8_t copy[EXTENT_SIZE];
    static uint8_t noise[700000];
    static uint8_t got[EXTENT_SIZE];
    uint64_t seed = seed_of_run();
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(seed_next(&seed) | 1);
    for (unsigned round = 0; round < 6; round++) {
        struct bench bench;
        struct nts_extent_writer *writer = &bench.writer;
        size_t end = 0;
        bench_open(&bench, scratch->path, round % 2 == 0);
        memset(copy, 0, sizeof copy);
        for (unsigned step = 0; step < 60; step++) {
            const uint64_t random = seed_next(&seed);
            const size_t size = random % (random % 16 == 0 ? sizeof noise : 60000);
            if (size + end + 200 > EXTENT_SIZE)
                break;
            const unsigned what = random / 16 % 4;
            if (what == 0) {
                uint8_t *place = NULL;
                const size_t room = size < NTS_EXTENT_BUFFER_SIZE ? size : 1;
                assert_int_equal(nts_extent_writer_reserve(writer, room, &place, NULL), NANOTS_OK);
                memcpy(place, noise, room / 2); /* less than was asked for */
                writer->buffer_used += room / 2;
                memcpy(copy + end, noise, room / 2);
                end += room / 2;
            } else if (what == 1 && end > 80) {
                const size_t at = end - 1 - (random >> 8) % (end - 80);
                const size_t patched = at + 80 < end ? 80 : end - at;
                assert_int_equal(
                    nts_extent_writer_patch(writer, EXTENT_OFF + at, noise + 9, patched, NULL),
                    NANOTS_OK);
                memcpy(copy + at, noise + 9, patched);
            } else {
                assert_int_equal(nts_extent_writer_put(writer, noise, size, NULL), NANOTS_OK);
                memcpy(copy + end, noise, size);
                end += size;
            }
            assert_int_equal(nts_extent_writer_place(writer), EXTENT_OFF + end);
            assert_int_equal(nts_extent_writer_align(writer, 64, NULL), NANOTS_OK);
            end = (end + 63) / 64 * 64;
        }
        assert_int_equal(nts_extent_writer_flush(writer, NULL), NANOTS_OK);
        assert_int_equal(nts_extent_writer_flush(writer, NULL), NANOTS_OK); /* nothing to do */
        assert_int_equal(bench.file->ops->read_at(bench.file, got, end, EXTENT_OFF, NULL),
                         NANOTS_OK);
        assert_memory_equal(got, copy, end);
        assert_int_equal(bench.faults.write_bytes, writer->bytes_written);
        assert_int_equal(bench.faults.durable_count != 0, round % 2 == 0);
        bench_close(&bench);
        (void)remove(scratch->path);
    }
}

/* Goal: no byte is written behind the extent. */
static void extent_writer_refuses_what_does_not_fit(void **state)
{
    const struct scratch *scratch = *state;
    const struct nts_extent small = {EXTENT_OFF, 4096};
    static uint8_t bytes[4096];
    struct bench bench;
    uint8_t *place = NULL;
    uint64_t size = 0;
    bench_open(&bench, scratch->path, false);
    nts_extent_writer_begin(&bench.writer, small);
    assert_int_equal(nts_extent_writer_put(&bench.writer, bytes, 4000, NULL), NANOTS_OK);
    assert_int_equal(nts_extent_writer_put(&bench.writer, bytes, 97, NULL), NANOTS_TOO_BIG);
    assert_int_equal(nts_extent_writer_reserve(&bench.writer, 97, &place, NULL), NANOTS_TOO_BIG);
    assert_null(place);
    assert_int_equal(nts_extent_writer_put(&bench.writer, bytes, 96, NULL), NANOTS_OK);
    assert_int_equal(nts_extent_writer_align(&bench.writer, 64, NULL), NANOTS_OK);
    assert_int_equal(nts_extent_writer_flush(&bench.writer, NULL), NANOTS_OK);
    assert_int_equal(bench.file->ops->size(bench.file, &size, NULL), NANOTS_OK);
    assert_int_equal(size, EXTENT_OFF + 4096);
    bench_close(&bench);
}

/* Goal: a failed write is handed on, and what is buffered stays for another try. */
static void extent_writer_failed_write_keeps_the_buffer(void **state)
{
    const struct scratch *scratch = *state;
    struct bench bench;
    char got[6] = "";
    bench_open(&bench, scratch->path, false);
    assert_int_equal(nts_extent_writer_put(&bench.writer, (const uint8_t *)"abcde", 5, NULL),
                     NANOTS_OK);
    faultvfs_fail(&bench.faults, FAULTVFS_WRITE, 0, ENOSPC, false);
    assert_int_equal(nts_extent_writer_flush(&bench.writer, NULL), NANOTS_NO_SPACE);
    assert_int_equal(nts_extent_writer_place(&bench.writer), EXTENT_OFF + 5);
    assert_int_equal(nts_extent_writer_flush(&bench.writer, NULL), NANOTS_OK);
    assert_int_equal(bench.file->ops->read_at(bench.file, got, 5, EXTENT_OFF, NULL), NANOTS_OK);
    assert_string_equal(got, "abcde");
    bench_close(&bench);
}

/* Goal: a patch that begins in the file and ends in the buffer is in both; one that cannot be
 * written is a status. */
static void extent_writer_patches_over_the_edge(void **state)
{
    const struct scratch *scratch = *state;
    uint8_t bytes[120];
    uint8_t got[120];
    struct bench bench;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    bench_open(&bench, scratch->path, false);
    assert_int_equal(nts_extent_writer_put(&bench.writer, bytes, 100, NULL), NANOTS_OK);
    assert_int_equal(nts_extent_writer_flush(&bench.writer, NULL), NANOTS_OK);
    assert_int_equal(nts_extent_writer_put(&bench.writer, bytes + 100, 20, NULL), NANOTS_OK);
    memset(bytes + 90, 0xEE, 20);
    faultvfs_fail(&bench.faults, FAULTVFS_WRITE, 0, EIO, false);
    assert_int_equal(nts_extent_writer_patch(&bench.writer, EXTENT_OFF + 90, bytes + 90, 20, NULL),
                     NANOTS_IO);
    faultvfs_heal(&bench.faults);
    assert_int_equal(nts_extent_writer_patch(&bench.writer, EXTENT_OFF + 90, bytes + 90, 20, NULL),
                     NANOTS_OK);
    assert_int_equal(nts_extent_writer_flush(&bench.writer, NULL), NANOTS_OK);
    assert_int_equal(bench.file->ops->read_at(bench.file, got, sizeof got, EXTENT_OFF, NULL),
                     NANOTS_OK);
    assert_memory_equal(got, bytes, sizeof got);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(extent_writer_file_equals_the_copy),
        WITH_SCRATCH(extent_writer_refuses_what_does_not_fit),
        WITH_SCRATCH(extent_writer_failed_write_keeps_the_buffer),
        WITH_SCRATCH(extent_writer_patches_over_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
