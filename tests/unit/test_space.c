/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_space.c - free ranges of the file (segment/space.h) against a map of its blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "segment/space.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/scratch.h"
#include "support/seed.h"

#define BLOCKS_MAX  4096u
#define EXTENTS_MAX 256u

enum block_use { BLOCK_FREE, BLOCK_HELD, BLOCK_LIVE };

/* What the space must believe: a use for each block, and the extents behind it. */
struct space_model {
    struct nts_space space;
    uint8_t uses[BLOCKS_MAX];
    uint64_t block_count; /* of the file */
    struct nts_extent held[EXTENTS_MAX];
    size_t held_count;
    struct nts_extent live[EXTENTS_MAX]; /* used bytes, not rounded */
    size_t live_count;
};

static uint64_t seed;

static void model_init(struct space_model *model)
{
    memset(model, 0, sizeof *model);
    nts_space_init(&model->space, nts_alloc_libc());
    model->block_count = NTS_SUPERBLOCK_AREA / NTS_BLOCK_SIZE;
    memset(model->uses, BLOCK_LIVE, model->block_count);
}

static void model_set(struct space_model *model, uint64_t off, uint64_t size, uint8_t use)
{
    const uint64_t first = off / NTS_BLOCK_SIZE;
    const uint64_t end = nts_round_up(off + size, NTS_BLOCK_SIZE) / NTS_BLOCK_SIZE;
    assert_in_range(end, first, BLOCKS_MAX);
    memset(model->uses + first, use, end - first);
    if (model->block_count < end)
        model->block_count = end;
}

/* The free runs are those of the map: sorted, whole, never touching. */
static void model_check(struct space_model *model)
{
    struct nts_space *space = &model->space;
    uint64_t block = 0;
    uint64_t free_count = 0;
    uint64_t live_end = 0;
    assert_int_equal(space->file_end, model->block_count * NTS_BLOCK_SIZE);
    for (size_t i = 0; i <= space->free_runs.count; i++) {
        const bool is_last = i == space->free_runs.count;
        const struct nts_extent none = {space->file_end, 0};
        const struct nts_extent run = is_last ? none : space->free_runs.items[i];
        assert_int_equal(run.off % NTS_BLOCK_SIZE + run.size % NTS_BLOCK_SIZE, 0);
        if (!is_last) {
            assert_true(run.size != 0);
            assert_true(i == 0 || run.off / NTS_BLOCK_SIZE > block);
        }
        for (; block < run.off / NTS_BLOCK_SIZE; block++)
            assert_int_not_equal(model->uses[block], BLOCK_FREE);
        for (; block < (run.off + run.size) / NTS_BLOCK_SIZE; block++, free_count++)
            assert_int_equal(model->uses[block], BLOCK_FREE);
    }
    for (uint64_t b = 0; b < model->block_count; b++)
        if (model->uses[b] != BLOCK_FREE)
            live_end = (b + 1) * NTS_BLOCK_SIZE;
    assert_int_equal(nts_space_free_bytes(space), free_count * NTS_BLOCK_SIZE);
    assert_int_equal(nts_space_live_end(space), live_end);
}

/* Lowest place of `count` free blocks at the alignment inside the file; else behind its last block
 * in use, so that a free tail grows. */
static uint64_t model_place(const struct space_model *model, uint64_t count, uint64_t alignment)
{
    const uint64_t step = alignment / NTS_BLOCK_SIZE;
    for (uint64_t first = 0; first + count <= model->block_count; first += step) {
        uint64_t run = 0;
        while (run < count && model->uses[first + run] == BLOCK_FREE)
            run++;
        if (run == count)
            return first * NTS_BLOCK_SIZE;
    }
    uint64_t end = model->block_count;
    while (end != 0 && model->uses[end - 1] == BLOCK_FREE)
        end--;
    return nts_round_up(end * NTS_BLOCK_SIZE, alignment);
}

static void model_take(struct space_model *model)
{
    const uint64_t size_max = seed_next(&seed) % 4 == 0 ? 200000 : 20000;
    const uint64_t size = 1 + seed_next(&seed) % size_max;
    const uint64_t alignment = seed_next(&seed) % 4 == 0 ? 65536 : 4096;
    const uint64_t count = nts_round_up(size, NTS_BLOCK_SIZE) / NTS_BLOCK_SIZE;
    struct nts_extent extent;
    if (model->held_count == EXTENTS_MAX || model->block_count > BLOCKS_MAX - 100)
        return;
    const uint64_t wanted = model_place(model, count, alignment);
    assert_int_equal(nts_space_take(&model->space, size, alignment, &extent, NULL), NANOTS_OK);
    assert_int_equal(extent.off, wanted);
    assert_int_equal(extent.size, count * NTS_BLOCK_SIZE);
    model_set(model, extent.off, extent.size, BLOCK_HELD);
    model->held[model->held_count++] = extent;
}

/* Part of a held extent becomes live, or all of it free. */
static void model_settle(struct space_model *model)
{
    if (model->held_count == 0 || model->live_count == EXTENTS_MAX)
        return;
    const size_t i = seed_next(&seed) % model->held_count;
    const struct nts_extent extent = model->held[i];
    const uint64_t used = seed_next(&seed) % 3 == 0 ? 0 : seed_next(&seed) % (extent.size + 1);
    nts_space_settle(&model->space, extent.off, used);
    model->held[i] = model->held[--model->held_count];
    model_set(model, extent.off, extent.size, BLOCK_FREE);
    if (used != 0) {
        model_set(model, extent.off, used, BLOCK_LIVE);
        model->live[model->live_count++] = (struct nts_extent){extent.off, used};
    }
}

/* A commit freed some live extents. */
static void model_rebuild(struct space_model *model)
{
    struct nts_extent copy[EXTENTS_MAX];
    for (size_t i = 0; i < model->live_count;) {
        if (seed_next(&seed) % 3 != 0) {
            i++;
            continue;
        }
        model_set(model, model->live[i].off, model->live[i].size, BLOCK_FREE);
        model->live[i] = model->live[--model->live_count];
    }
    memcpy(copy, model->live, model->live_count * sizeof copy[0]);
    assert_int_equal(nts_space_rebuild(&model->space, copy, model->live_count,
                                       model->space.file_end - seed_next(&seed) % 4096, NULL),
                     NANOTS_OK);
}

/* Goal: after any sequence of takes, settles and rebuilds the free runs are exactly the blocks that
 * nobody has, and a take gets the lowest place that fits. Method: random operations beside a
 * map. */
static void space_random_operations_equal_the_block_map(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct space_model model;
        model_init(&model);
        for (unsigned step = 0; step < 300; step++) {
            const uint64_t what = seed_next(&seed) % 10;
            if (what < 5)
                model_take(&model);
            else if (what < 9)
                model_settle(&model);
            else
                model_rebuild(&model);
            model_check(&model);
        }
        nts_space_deinit(&model.space);
    }
}

/* Goal: with an older pin at open, nothing below the file's end is handed out. */
static void space_only_at_end_spares_free_runs(void **state)
{
    struct nts_space space;
    struct nts_extent live[] = {{100 * 4096, 10}};
    struct nts_extent extent;
    (void)state;
    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_rebuild(&space, live, 1, 0, NULL), NANOTS_OK);
    assert_int_equal(nts_space_free_bytes(&space), 98 * 4096);
    space.only_at_end = true;
    assert_int_equal(nts_space_take(&space, 1, 4096, &extent, NULL), NANOTS_OK);
    assert_int_equal(extent.off, 101 * 4096);
    assert_true(nts_space_is_only_at_end(&space));
    nts_space_use_all(&space);
    assert_false(nts_space_is_only_at_end(&space));
    assert_int_equal(nts_space_take(&space, 1, 4096, &extent, NULL), NANOTS_OK);
    assert_int_equal(extent.off, 8192);
    nts_space_deinit(&space);
}

/* Goal: live ranges that share blocks, touch or repeat are one: a block with live bytes is never
 * free. */
static void space_rebuild_joins_ranges_in_blocks(void **state)
{
    struct nts_extent live[] = {
        {20480 + 64, 64}, {20480 + 4000, 200}, {12288, 4096}, {12288, 64}, {16384 + 4032, 64}};
    struct nts_space space;
    (void)state;
    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_rebuild(&space, live, 5, 1u << 20, NULL), NANOTS_OK);
    assert_int_equal(space.free_runs.count, 2);
    assert_int_equal(space.free_runs.items[0].off, 8192);
    assert_int_equal(space.free_runs.items[0].size, 4096);
    assert_int_equal(space.free_runs.items[1].off, 28672);
    assert_int_equal(nts_space_live_end(&space), 28672);
    assert_int_equal(nts_space_rebuild(&space, NULL, 0, 0, NULL), NANOTS_OK);
    assert_int_equal(space.file_end, NTS_SUPERBLOCK_AREA);
    assert_int_equal(nts_space_free_bytes(&space), 0);
    nts_space_deinit(&space);
}

/* Goal: a held range survives rebuilds that do not know it. */
static void space_hold_keeps_its_range_over_rebuilds(void **state)
{
    struct nts_space space;
    const struct nts_extent reserve = {16384, 65536};
    (void)state;
    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_hold(&space, reserve, NULL), NANOTS_OK);
    assert_int_equal(nts_space_rebuild(&space, NULL, 0, 1u << 20, NULL), NANOTS_OK);
    assert_int_equal(space.free_runs.items[0].size, 8192);
    assert_int_equal(space.free_runs.items[1].off, 16384 + 65536);
    nts_space_settle(&space, 16384, 0);
    assert_int_equal(space.free_runs.count, 1);
    assert_int_equal(nts_space_free_bytes(&space), (1u << 20) - 8192);
    nts_space_deinit(&space);
}

/* Goal: the file is cut only if nobody took what is cut off; a failure changes nothing. */
static void space_truncate_cuts_free_ends_only(void **state)
{
    const struct scratch *scratch = *state;
    struct faultvfs faults;
    struct nanots_file *file = NULL;
    struct nts_space space;
    struct nts_extent live[] = {{8192, 4096}, {32768, 100}};
    uint64_t size = 0;
    faultvfs_init(&faults, nts_vfs_posix());
    assert_int_equal(faults.vfs.open(&faults.vfs, nts_alloc_libc(), scratch->path,
                                     NANOTS_VFS_CREATE, &file, NULL),
                     NANOTS_OK);
    assert_int_equal(file->ops->truncate(file, 1u << 20, NULL), NANOTS_OK);
    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_rebuild(&space, live, 2, 1u << 20, NULL), NANOTS_OK);
    assert_int_equal(nts_space_truncate(&space, file, 32768, NULL), NANOTS_OK); /* live: not cut */
    assert_int_equal(file->ops->size(file, &size, NULL), NANOTS_OK);
    assert_int_equal(size, 1u << 20);
    faultvfs_fail(&faults, FAULTVFS_TRUNCATE, 0, EIO, false);
    assert_int_equal(nts_space_truncate(&space, file, 32868, NULL), NANOTS_IO);
    assert_int_equal(space.file_end, 1u << 20);
    assert_int_equal(nts_space_truncate(&space, file, 32868, NULL), NANOTS_OK);
    assert_int_equal(file->ops->size(file, &size, NULL), NANOTS_OK);
    assert_int_equal(size, 32868);
    assert_int_equal(space.file_end, 36864);
    assert_int_equal(nts_space_free_bytes(&space), 32768 - 8192 - 4096);
    nts_space_deinit(&space);
    file->ops->close(file);
    faultvfs_deinit(&faults);
}

/* Goal: a cut inside the free tail leaves the tail's beginning, and one with nothing free none. */
static void space_truncate_cuts_through_the_free_tail(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_vfs *vfs = nts_vfs_posix();
    struct nanots_file *file = NULL;
    struct nts_space space;
    struct nts_extent live = {8192, 4096};
    assert_int_equal(
        vfs->open(vfs, nts_alloc_libc(), scratch->path, NANOTS_VFS_CREATE, &file, NULL), NANOTS_OK);
    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_rebuild(&space, &live, 1, 1u << 20, NULL), NANOTS_OK);
    assert_int_equal(nts_space_truncate(&space, file, 65536, NULL), NANOTS_OK);
    assert_int_equal(space.file_end, 65536);
    assert_int_equal(nts_space_free_bytes(&space), 65536 - 12288);
    assert_int_equal(nts_space_truncate(&space, file, 12288, NULL), NANOTS_OK);
    assert_int_equal(space.free_runs.count, 0);
    assert_int_equal(nts_space_truncate(&space, file, 12288, NULL), NANOTS_OK);
    assert_int_equal(space.free_runs.count, 0);
    nts_space_deinit(&space);
    file->ops->close(file);
}

/* Goal: memory that runs out is a status; what is given back without it is lost till a rebuild. */
static void space_without_memory_is_a_status(void **state)
{
    struct nts_extent live[40];
    bool failed = true;
    (void)state;
    for (uint64_t k = 0; failed; k++) {
        struct faultalloc memory;
        struct nts_space space;
        struct nts_extent got = {0, 0};
        for (size_t i = 0; i < 40; i++)
            live[i] = (struct nts_extent){8192 + 16384 * i + 4096, 4096};
        faultalloc_init(&memory);
        faultalloc_fail(&memory, k, true);
        nts_space_init(&space, &memory.alloc);
        nanots_status status =
            nts_space_rebuild(&space, live, k % 2 == 0 ? 16 : 40, 1u << 20, NULL);
        if (status == NANOTS_OK)
            status = nts_space_hold(&space, (struct nts_extent){8192, 4096}, NULL);
        for (size_t i = 0; i < 20 && status == NANOTS_OK; i++)
            status = nts_space_take(&space, 4096, 4096, &got, NULL);
        failed = memory.failed;
        assert_int_equal(status, failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        nts_space_give(&space, (struct nts_extent){1u << 21, 4096});
        faultalloc_heal(&memory);
        nts_space_deinit(&space);
        assert_int_equal(memory.block_count, 0);
        faultalloc_deinit(&memory);
    }
}

/* Goal: large free runs give their blocks back, live bytes and small runs stay. */
static void space_punch_spares_live_bytes(void **state)
{
    const struct scratch *scratch = *state;
    static uint8_t bytes[1u << 20];
    static uint8_t after[1u << 20];
    struct nanots_file *file = NULL;
    struct nts_space space;
    struct nts_extent live[] = {{16384, 4096}, {819200, 4096}};
    memset(bytes, 0xAB, sizeof bytes);
    assert_int_equal(nts_vfs_posix()->open(nts_vfs_posix(), nts_alloc_libc(), scratch->path,
                                           NANOTS_VFS_CREATE, &file, NULL),
                     NANOTS_OK);
    assert_int_equal(file->ops->write_at(file, bytes, sizeof bytes, 0, false, NULL), NANOTS_OK);
    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_rebuild(&space, live, 2, sizeof bytes, NULL), NANOTS_OK);
    nts_space_punch(&space, file, 262144);
    assert_int_equal(file->ops->read_at(file, after, sizeof after, 0, NULL), NANOTS_OK);
    assert_memory_equal(after, bytes, 20480);
    assert_memory_equal(after + 819200, bytes, sizeof bytes - 819200);
    nts_space_deinit(&space);
    file->ops->close(file);
}

/* Goal: sizes that no file can have are refused; so is everything when memory is out, with nothing
 * taken. */
static void space_take_that_cannot_be_is_refused(void **state)
{
    static const uint64_t sizes[] = {NTS_FILE_SIZE_MAX, NTS_FILE_SIZE_MAX + 1, 1ull << 63,
                                     UINT64_MAX};
    struct nts_space space;
    struct nts_extent extent;
    struct nanots_error error;
    struct faultalloc memory;
    (void)state;
    nts_space_init(&space, nts_alloc_libc());
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_int_equal(nts_space_take(&space, sizes[i], 4096, &extent, &error), NANOTS_TOO_BIG);
    assert_int_equal(space.file_end, NTS_SUPERBLOCK_AREA);
    nts_space_deinit(&space);

    faultalloc_init(&memory);
    nts_space_init(&space, &memory.alloc);
    for (uint64_t k = 0; k < 2; k++) {
        faultalloc_fail(&memory, k, true);
        assert_int_equal(nts_space_take(&space, 1, 65536, &extent, &error), NANOTS_NO_MEMORY);
        assert_int_equal(error.code, NANOTS_NO_MEMORY);
        assert_int_equal(space.file_end, NTS_SUPERBLOCK_AREA);
    }
    faultalloc_heal(&memory);
    assert_int_equal(nts_space_take(&space, 1, 65536, &extent, &error), NANOTS_OK);
    assert_int_equal(extent.off, 65536);
    nts_space_deinit(&space);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

static int seed_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    return 0;
}

/* Free runs of 3 and of 1 blocks, and the end of the file at 8 blocks behind the superblocks. */
static void space_fits_below_an_end_or_not(void **state)
{
    const uint64_t block = NTS_BLOCK_SIZE;
    const uint64_t base = NTS_SUPERBLOCK_AREA;
    struct nts_extent live[] = {{base + 3 * block, block}, {base + 5 * block, 3 * block}};
    struct nts_space space;
    (void)state;

    nts_space_init(&space, nts_alloc_libc());
    assert_int_equal(nts_space_rebuild(&space, live, 2, base + 8 * block, NULL), NANOTS_OK);
    assert_true(nts_space_fits(&space, 3 * block, base + 3 * block));
    assert_false(nts_space_fits(&space, 3 * block, base + 3 * block - 1));
    assert_false(nts_space_fits(&space, 3 * block + 1, base + 8 * block));
    assert_false(nts_space_fits(&space, 4 * block, base + 12 * block - 1));
    assert_true(nts_space_fits(&space, 4 * block, base + 12 * block));
    assert_true(nts_space_fits(&space, 1, base + block));
    nts_space_deinit(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_random_operations_equal_the_block_map),
        cmocka_unit_test(space_only_at_end_spares_free_runs),
        cmocka_unit_test(space_rebuild_joins_ranges_in_blocks),
        cmocka_unit_test(space_hold_keeps_its_range_over_rebuilds),
        WITH_SCRATCH(space_truncate_cuts_free_ends_only),
        WITH_SCRATCH(space_truncate_cuts_through_the_free_tail),
        cmocka_unit_test(space_without_memory_is_a_status),
        WITH_SCRATCH(space_punch_spares_live_bytes),
        cmocka_unit_test(space_take_that_cannot_be_is_refused),
        cmocka_unit_test(space_fits_below_an_end_or_not),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
