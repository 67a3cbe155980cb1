/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_memvfs.c - the disk in memory that the crash tests trust (support/memvfs.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/memvfs.h"
#include "support/seed.h"
#include "util/alloc.h"

#define SECTOR 512u

static struct nanots_file *mem_open(struct memvfs *disk, const char *path, unsigned flags)
{
    struct nanots_file *file = NULL;
    assert_int_equal(disk->vfs.open(&disk->vfs, nts_alloc_libc(), path, flags, &file, NULL),
                     NANOTS_OK);
    return file;
}

static void mem_fill(struct nanots_file *file, char letter, size_t sectors, uint64_t offset,
                     bool durable)
{
    uint8_t bytes[64 * SECTOR];
    assert_true(sectors * SECTOR <= sizeof bytes);
    memset(bytes, letter, sizeof bytes);
    assert_int_equal(file->ops->write_at(file, bytes, sectors * SECTOR, offset, durable, NULL),
                     NANOTS_OK);
}

/* One letter a sector; fails if a sector is torn, '0' for zeros. */
static void mem_letters(struct nanots_file *file, char *letters, size_t sectors)
{
    uint8_t bytes[64 * SECTOR];
    assert_true(sectors * SECTOR <= sizeof bytes);
    assert_int_equal(file->ops->read_at(file, bytes, sectors * SECTOR, 0, NULL), NANOTS_OK);
    for (size_t i = 0; i < sectors; i++) {
        for (size_t k = 1; k < SECTOR; k++)
            assert_int_equal(bytes[i * SECTOR + k], bytes[i * SECTOR]);
        letters[i] = (char)(bytes[i * SECTOR] == 0 ? '0' : bytes[i * SECTOR]);
    }
    letters[sectors] = '\0';
}

static uint64_t mem_size(struct nanots_file *file)
{
    uint64_t size = 0;
    assert_int_equal(file->ops->size(file, &size, NULL), NANOTS_OK);
    return size;
}

/* The file as it is after a power cut now. */
static struct nanots_file *mem_reboot(struct memvfs *disk, struct nanots_file *file, uint64_t seed)
{
    memvfs_crash(disk);
    file->ops->close(file);
    memvfs_reboot(disk, seed);
    return mem_open(disk, "a.ntt", 0);
}

static void open_follows_the_rules_of_the_directory(void **state)
{
    struct memvfs disk;
    struct nanots_file *file = NULL;
    (void)state;
    memvfs_init(&disk);
    assert_int_equal(disk.vfs.open(&disk.vfs, nts_alloc_libc(), "a.ntt", 0, &file, NULL),
                     NANOTS_NOT_FOUND);
    assert_null(file);
    file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE | NANOTS_VFS_EXCLUSIVE);
    mem_fill(file, 'a', 1, 0, false);
    file->ops->close(file);
    assert_int_equal(disk.vfs.open(&disk.vfs, nts_alloc_libc(), "a.ntt",
                                   NANOTS_VFS_CREATE | NANOTS_VFS_EXCLUSIVE, &file, NULL),
                     NANOTS_EXISTS);
    file = mem_open(&disk, "b.ntt", NANOTS_VFS_CREATE);
    assert_int_equal(mem_size(file), 0);
    file->ops->close(file);
    file = mem_open(&disk, "a.ntt", NANOTS_VFS_READ_ONLY);
    assert_int_equal(mem_size(file), SECTOR);
    assert_int_not_equal(file->ops->write_at(file, "x", 1, 0, false, NULL), NANOTS_OK);
    file->ops->close(file);
    memvfs_deinit(&disk);
}

static void reboot_that_keeps_none_returns_to_what_is_durable(void **state)
{
    struct memvfs disk;
    char letters[9];
    (void)state;
    memvfs_init(&disk);
    struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
    mem_fill(file, 'a', 4, 0, false);
    assert_int_equal(file->ops->sync(file, NULL), NANOTS_OK);
    mem_fill(file, 'b', 4, 0, false);
    mem_fill(file, 'c', 1, 2 * SECTOR, true); /* its range and no more */
    mem_letters(file, letters, 4);
    assert_string_equal(letters, "bbcb");
    file = mem_reboot(&disk, file, MEMVFS_KEEP_NONE);
    mem_letters(file, letters, 4);
    assert_string_equal(letters, "aaca");
    file->ops->close(file);
    memvfs_deinit(&disk);
}

static void reboot_that_keeps_all_loses_nothing(void **state)
{
    struct memvfs disk;
    char letters[9];
    uint8_t *bytes = NULL;
    (void)state;
    memvfs_init(&disk);
    struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
    mem_fill(file, 'a', 8, 0, false);
    assert_int_equal(file->ops->map_write(file, 0, 8 * SECTOR, &bytes, NULL), NANOTS_OK);
    memset(bytes + SECTOR, 'm', SECTOR);
    file->ops->unmap(file, bytes, 8 * SECTOR);
    file = mem_reboot(&disk, file, MEMVFS_KEEP_ALL);
    mem_letters(file, letters, 8);
    assert_string_equal(letters, "amaaaaaa");
    file->ops->close(file);
    memvfs_deinit(&disk);
}

/* Goal: sectors survive one by one, and both outcomes happen. Method: 64 sectors overwritten, 16 of
 * them durably, under many seeds. */
static void reboot_mixes_old_and_new_sectors_by_seed(void **state)
{
    uint64_t random = seed_of_run();
    unsigned new_count = 0;
    unsigned old_count = 0;
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct memvfs disk;
        char letters[65];
        char again[65];
        const uint64_t seed = seed_next(&random) | 2;
        for (int twice = 0; twice < 2; twice++) {
            memvfs_init(&disk);
            struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
            mem_fill(file, 'a', 64, 0, true);
            mem_fill(file, 'b', 64, 0, false);
            mem_fill(file, 'b', 16, 8 * SECTOR, true);
            file = mem_reboot(&disk, file, seed);
            mem_letters(file, twice != 0 ? again : letters, 64);
            file->ops->close(file);
            memvfs_deinit(&disk);
        }
        assert_string_equal(letters, again); /* the seed decides, nothing else */
        for (size_t i = 0; i < 64; i++) {
            assert_true(letters[i] == 'a' || letters[i] == 'b');
            if (i >= 8 && i < 24)
                assert_int_equal(letters[i], 'b');
            else if (letters[i] == 'b')
                new_count++;
            else
                old_count++;
        }
    }
    assert_true(new_count > 100);
    assert_true(old_count > 100);
}

/* What survived is the new durable state: a second cut changes nothing. */
static void reboot_leaves_nothing_undecided(void **state)
{
    struct memvfs disk;
    char first[17];
    char second[17];
    (void)state;
    memvfs_init(&disk);
    struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
    mem_fill(file, 'a', 16, 0, true);
    mem_fill(file, 'b', 16, 0, false);
    file = mem_reboot(&disk, file, 12345);
    mem_letters(file, first, 16);
    file = mem_reboot(&disk, file, MEMVFS_KEEP_NONE);
    mem_letters(file, second, 16);
    assert_string_equal(first, second);
    file->ops->close(file);
    memvfs_deinit(&disk);
}

/* The four counted steps of the workload below, the creation being the first. */
static nanots_status mem_workload(struct memvfs *disk, unsigned *done)
{
    struct nanots_file *file = NULL;
    uint8_t bytes[2 * SECTOR];
    nanots_status status =
        disk->vfs.open(&disk->vfs, nts_alloc_libc(), "a.ntt", NANOTS_VFS_CREATE, &file, NULL);
    *done = 0;
    if (status != NANOTS_OK)
        return status;
    *done = 1;
    memset(bytes, 'w', sizeof bytes);
    status = file->ops->write_at(file, bytes, sizeof bytes, 0, false, NULL);
    if (status == NANOTS_OK) {
        *done = 2;
        status = file->ops->sync(file, NULL);
    }
    if (status == NANOTS_OK) {
        *done = 3;
        status = file->ops->truncate(file, SECTOR, NULL);
    }
    if (status == NANOTS_OK)
        *done = 4;
    file->ops->close(file);
    return status;
}

static void crash_at_each_operation_stops_there(void **state)
{
    struct memvfs disk;
    unsigned done;
    (void)state;
    for (unsigned k = 0; k <= 4; k++) {
        struct nanots_file *file = NULL;
        char letters[3];
        memvfs_init(&disk);
        memvfs_crash_at(&disk, k);
        assert_int_equal(mem_workload(&disk, &done), k < 4 ? NANOTS_IO : NANOTS_OK);
        assert_int_equal(done, k);
        assert_int_equal(memvfs_crashed(&disk), k < 4);
        assert_int_equal(memvfs_op_count(&disk), k < 4 ? k + 1 : 4);
        memvfs_reboot(&disk, MEMVFS_KEEP_NONE);
        const nanots_status status =
            disk.vfs.open(&disk.vfs, nts_alloc_libc(), "a.ntt", 0, &file, NULL);
        assert_int_equal(status, k == 0 ? NANOTS_NOT_FOUND : NANOTS_OK);
        if (k > 0) {
            /* Neither a write nor a cut is durable before the sync; the size of a sync is. */
            assert_int_equal(mem_size(file), k < 3 ? 0 : 2 * SECTOR);
            if (k >= 3) {
                mem_letters(file, letters, 2);
                assert_string_equal(letters, "ww");
            }
            file->ops->close(file);
        }
        memvfs_deinit(&disk);
    }
}

static void crash_in_a_write_may_tear_it(void **state)
{
    uint64_t random = seed_of_run();
    unsigned torn = 0;
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct memvfs disk;
        uint8_t bytes[8 * SECTOR];
        char letters[9];
        memvfs_init(&disk);
        struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
        mem_fill(file, 'a', 8, 0, true);
        memvfs_crash_at(&disk, 0);
        memset(bytes, 'b', sizeof bytes);
        assert_int_equal(file->ops->write_at(file, bytes, sizeof bytes, 0, true, NULL), NANOTS_IO);
        file = mem_reboot(&disk, file, seed_next(&random) | 2);
        mem_letters(file, letters, 8);
        torn += strchr(letters, 'a') != NULL && strchr(letters, 'b') != NULL ? 1u : 0u;
        file->ops->close(file);
        memvfs_deinit(&disk);
    }
    assert_true(torn > 5);
}

static void calls_after_the_cut_fail_and_stores_leave_no_trace(void **state)
{
    struct memvfs disk;
    struct nanots_file *other = NULL;
    uint8_t *bytes = NULL;
    const uint8_t *read_bytes = NULL;
    uint64_t number;
    char letters[3];
    (void)state;
    memvfs_init(&disk);
    struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
    mem_fill(file, 'a', 2, 0, true);
    assert_int_equal(file->ops->map_write(file, 0, 2 * SECTOR, &bytes, NULL), NANOTS_OK);
    memset(bytes, 'b', SECTOR);
    memvfs_crash(&disk);
    memset(bytes, 'c', 2 * SECTOR);

    assert_int_equal(file->ops->write_at(file, "x", 1, 0, true, NULL), NANOTS_IO);
    assert_int_equal(file->ops->read_at(file, letters, 1, 0, NULL), NANOTS_IO);
    assert_int_equal(file->ops->sync(file, NULL), NANOTS_IO);
    assert_int_equal(file->ops->size(file, &number, NULL), NANOTS_IO);
    assert_int_equal(file->ops->truncate(file, 0, NULL), NANOTS_IO);
    assert_int_equal(file->ops->allocate(file, 0, 1, NULL), NANOTS_IO);
    assert_int_equal(file->ops->punch(file, 0, 1, NULL), NANOTS_IO);
    assert_int_equal(file->ops->lock_writer(file, NULL), NANOTS_IO);
    assert_int_equal(file->ops->pin(file, 1, NULL), NANOTS_IO);
    assert_int_equal(file->ops->oldest_pin(file, 0, 9, &number, NULL), NANOTS_IO);
    assert_int_equal(file->ops->map_read(file, 1, &read_bytes, NULL), NANOTS_IO);
    assert_int_equal(file->ops->populate(file, bytes, 1, NULL), NANOTS_IO);
    assert_int_equal(disk.vfs.open(&disk.vfs, nts_alloc_libc(), "a.ntt", 0, &other, NULL),
                     NANOTS_IO);

    file->ops->unmap(file, bytes, 2 * SECTOR);
    file = mem_reboot(&disk, file, MEMVFS_KEEP_ALL);
    mem_letters(file, letters, 2);
    assert_string_equal(letters, "ba");
    file->ops->close(file);
    memvfs_deinit(&disk);
}

static void size_becomes_durable_with_a_durable_write_or_only_a_sync(void **state)
{
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        struct memvfs disk;
        memvfs_init(&disk);
        disk.size_needs_sync = strict != 0;
        struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
        assert_int_equal(file->ops->allocate(file, 0, 10 * SECTOR, NULL), NANOTS_OK);
        mem_fill(file, 'a', 1, SECTOR, true);
        file = mem_reboot(&disk, file, MEMVFS_KEEP_NONE);
        assert_int_equal(mem_size(file), (strict != 0 ? 2u : 10u) * SECTOR);

        assert_int_equal(file->ops->truncate(file, SECTOR, NULL), NANOTS_OK);
        mem_fill(file, 'b', 1, 0, true);
        file = mem_reboot(&disk, file, MEMVFS_KEEP_NONE);
        assert_int_equal(mem_size(file), (strict != 0 ? 2u : 1u) * SECTOR);
        file->ops->close(file);
        memvfs_deinit(&disk);
    }
}

static void punch_survives_or_not(void **state)
{
    static const char *const wanted[] = {"aaa", "a0a"};
    (void)state;
    for (uint64_t seed = MEMVFS_KEEP_NONE; seed <= MEMVFS_KEEP_ALL; seed++) {
        struct memvfs disk;
        char letters[4];
        memvfs_init(&disk);
        struct nanots_file *file = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
        mem_fill(file, 'a', 3, 0, true);
        assert_int_equal(file->ops->punch(file, SECTOR, SECTOR, NULL), NANOTS_OK);
        file = mem_reboot(&disk, file, seed);
        mem_letters(file, letters, 3);
        assert_string_equal(letters, wanted[seed]);
        file->ops->close(file);
        memvfs_deinit(&disk);
    }
}

static void locks_and_pins_work_and_end_with_the_power(void **state)
{
    struct memvfs disk;
    uint64_t oldest;
    (void)state;
    memvfs_init(&disk);
    struct nanots_file *writer = mem_open(&disk, "a.ntt", NANOTS_VFS_CREATE);
    struct nanots_file *reader = mem_open(&disk, "a.ntt", NANOTS_VFS_READ_ONLY);
    struct nanots_file *other = mem_open(&disk, "b.ntt", NANOTS_VFS_CREATE);
    assert_int_equal(writer->ops->lock_writer(writer, NULL), NANOTS_OK);
    assert_int_equal(other->ops->lock_writer(other, NULL), NANOTS_OK); /* another file */
    assert_int_equal(reader->ops->pin(reader, 7, NULL), NANOTS_OK);
    assert_int_equal(writer->ops->oldest_pin(writer, 0, 100, &oldest, NULL), NANOTS_OK);
    assert_int_equal(oldest, 7);
    reader->ops->unpin(reader, 7);
    assert_int_equal(writer->ops->oldest_pin(writer, 0, 100, &oldest, NULL), NANOTS_OK);
    assert_int_equal(oldest, 100);
    assert_true(writer->ops->can_map_wal(writer));
    reader->ops->close(reader);
    other->ops->close(other);
    writer = mem_reboot(&disk, writer, MEMVFS_KEEP_ALL);
    assert_int_equal(writer->ops->lock_writer(writer, NULL), NANOTS_OK);
    writer->ops->close(writer);
    memvfs_deinit(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_follows_the_rules_of_the_directory),
        cmocka_unit_test(reboot_that_keeps_none_returns_to_what_is_durable),
        cmocka_unit_test(reboot_that_keeps_all_loses_nothing),
        cmocka_unit_test(reboot_mixes_old_and_new_sectors_by_seed),
        cmocka_unit_test(reboot_leaves_nothing_undecided),
        cmocka_unit_test(crash_at_each_operation_stops_there),
        cmocka_unit_test(crash_in_a_write_may_tear_it),
        cmocka_unit_test(calls_after_the_cut_fail_and_stores_leave_no_trace),
        cmocka_unit_test(size_becomes_durable_with_a_durable_write_or_only_a_sync),
        cmocka_unit_test(punch_survives_or_not),
        cmocka_unit_test(locks_and_pins_work_and_end_with_the_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
