/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_faultvfs.c - the VFS that fails on request (support/faultvfs.h), over one in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "util/alloc.h"

struct fault_rig {
    struct memvfs disk;
    struct faultvfs faults;
    struct nanots_file *file;
};

static struct fault_rig *fault_rig_up(struct fault_rig *rig)
{
    memvfs_init(&rig->disk);
    faultvfs_init(&rig->faults, &rig->disk.vfs);
    assert_int_equal(rig->faults.vfs.open(&rig->faults.vfs, nts_alloc_libc(), "a.ntt",
                                          NANOTS_VFS_CREATE, &rig->file, NULL),
                     NANOTS_OK);
    return rig;
}

static void fault_rig_down(struct fault_rig *rig)
{
    rig->file->ops->close(rig->file);
    faultvfs_deinit(&rig->faults);
    memvfs_deinit(&rig->disk);
}

/* Calls each operation once; returns the bits of the kinds that failed. */
static unsigned fault_call_all(struct fault_rig *rig)
{
    struct nanots_file *file = rig->file;
    const struct nanots_file_ops *ops = file->ops;
    const uint8_t *bytes = NULL;
    uint64_t number;
    char byte;
    unsigned failed = 0;

    failed |= ops->write_at(file, "abcd", 4, 0, true, NULL) != NANOTS_OK ? FAULTVFS_WRITE : 0;
    failed |= ops->read_at(file, &byte, 1, 0, NULL) != NANOTS_OK ? FAULTVFS_READ : 0;
    failed |= ops->sync(file, NULL) != NANOTS_OK ? FAULTVFS_SYNC : 0;
    failed |= ops->size(file, &number, NULL) != NANOTS_OK ? FAULTVFS_SIZE : 0;
    failed |= ops->truncate(file, 8192, NULL) != NANOTS_OK ? FAULTVFS_TRUNCATE : 0;
    failed |= ops->allocate(file, 0, 8192, NULL) != NANOTS_OK ? FAULTVFS_ALLOCATE : 0;
    failed |= ops->punch(file, 4096, 4096, NULL) != NANOTS_OK ? FAULTVFS_PUNCH : 0;
    failed |= ops->lock_writer(file, NULL) != NANOTS_OK ? FAULTVFS_LOCK : 0;
    failed |= ops->pin(file, 3, NULL) != NANOTS_OK ? FAULTVFS_PIN : 0;
    ops->unpin(file, 3);
    failed |= ops->map_read(file, 4096, &bytes, NULL) != NANOTS_OK ? FAULTVFS_MAP : 0;
    if (bytes != NULL) {
        failed |= ops->populate(file, bytes, 4096, NULL) != NANOTS_OK ? FAULTVFS_POPULATE : 0;
        ops->unmap(file, bytes, 4096);
    }
    return failed;
}

static void calls_without_a_fault_pass_through_and_are_counted(void **state)
{
    struct fault_rig rig;
    (void)state;
    fault_rig_up(&rig);
    assert_int_equal(fault_call_all(&rig), 0);
    for (unsigned bit = 0; bit < FAULTVFS_KIND_COUNT; bit++)
        assert_int_equal(rig.faults.counts[bit], 1);
    assert_int_equal(faultvfs_count(&rig.faults, FAULTVFS_WRITE), 1);
    assert_int_equal(rig.faults.durable_count, 1);
    assert_int_equal(rig.faults.write_bytes, 4);
    assert_int_equal(rig.faults.open_count, 1);
    assert_int_equal(rig.faults.map_count, 0);
    fault_rig_down(&rig);
}

static void fail_of_each_kind_hits_that_kind_once(void **state)
{
    (void)state;
    for (unsigned kind = FAULTVFS_READ; kind <= FAULTVFS_POPULATE; kind <<= 1) {
        struct fault_rig rig;
        fault_rig_up(&rig);
        assert_int_equal(fault_call_all(&rig), 0);
        faultvfs_fail(&rig.faults, kind, 0, EIO, false);
        assert_int_equal(fault_call_all(&rig), kind);
        assert_true(rig.faults.failed);
        assert_int_equal(fault_call_all(&rig), 0);
        fault_rig_down(&rig);
    }
}

static void fail_at_an_index_counts_over_all_kinds(void **state)
{
    struct fault_rig rig;
    (void)state;
    fault_rig_up(&rig);
    faultvfs_fail(&rig.faults, FAULTVFS_MUTATING, 2, ENOSPC, false);
    assert_int_equal(fault_call_all(&rig), FAULTVFS_TRUNCATE); /* after write and sync */
    faultvfs_fail(&rig.faults, FAULTVFS_MUTATING, 2, ENOSPC, true);
    assert_int_equal(fault_call_all(&rig), FAULTVFS_TRUNCATE | FAULTVFS_ALLOCATE | FAULTVFS_PUNCH);
    faultvfs_heal(&rig.faults);
    assert_int_equal(fault_call_all(&rig), 0);
    faultvfs_fail(&rig.faults, FAULTVFS_MUTATING, 5, ENOSPC, true);
    assert_int_equal(fault_call_all(&rig), 0);
    assert_false(rig.faults.failed); /* the end of a loop over the index */
    fault_rig_down(&rig);
}

static void failed_write_leaves_nothing_or_its_first_half(void **state)
{
    struct fault_rig rig;
    struct nanots_error error;
    char bytes[9] = "";
    (void)state;
    fault_rig_up(&rig);
    struct nanots_file *file = rig.file;
    assert_int_equal(file->ops->write_at(file, "oldoldol", 8, 0, false, NULL), NANOTS_OK);
    faultvfs_fail(&rig.faults, FAULTVFS_WRITE, 0, ENOSPC, true);
    assert_int_equal(file->ops->write_at(file, "NEWNEWNE", 8, 0, true, &error), NANOTS_NO_SPACE);
    assert_int_equal(error.os_errno, ENOSPC);
    assert_int_equal(file->ops->read_at(file, bytes, 8, 0, NULL), NANOTS_OK);
    assert_string_equal(bytes, "oldoldol");
    rig.faults.short_writes = true;
    assert_int_equal(file->ops->write_at(file, "NEWNEWNE", 8, 0, true, NULL), NANOTS_NO_SPACE);
    assert_int_equal(file->ops->read_at(file, bytes, 8, 0, NULL), NANOTS_OK);
    assert_string_equal(bytes, "NEWNldol");
    fault_rig_down(&rig);
}

static void open_can_fail_too(void **state)
{
    struct fault_rig rig;
    struct nanots_file *file = (struct nanots_file *)8;
    (void)state;
    fault_rig_up(&rig);
    faultvfs_fail(&rig.faults, FAULTVFS_OPEN, 0, EACCES, false);
    assert_int_equal(
        rig.faults.vfs.open(&rig.faults.vfs, nts_alloc_libc(), "a.ntt", 0, &file, NULL),
        NANOTS_PERMISSION);
    assert_null(file);
    assert_int_equal(rig.faults.vfs.open(&rig.faults.vfs, nts_alloc_libc(), "none", 0, &file, NULL),
                     NANOTS_NOT_FOUND);
    assert_int_equal(rig.faults.open_count, 1);
    fault_rig_down(&rig);
}

static void switches_make_operations_unsupported(void **state)
{
    struct fault_rig rig;
    uint8_t *bytes = NULL;
    const uint8_t *read_bytes = NULL;
    uint64_t oldest;
    (void)state;
    fault_rig_up(&rig);
    struct nanots_file *file = rig.file;
    assert_int_equal(file->ops->truncate(file, 8192, NULL), NANOTS_OK);
    assert_true(file->ops->can_map_wal(file));
    rig.faults.no_wal_map = true;
    rig.faults.no_map_read = true;
    rig.faults.no_map_write = true;
    rig.faults.no_punch = true;
    rig.faults.no_locks = true;
    assert_false(file->ops->can_map_wal(file));
    assert_int_equal(file->ops->map_read(file, 4096, &read_bytes, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->map_write(file, 0, 4096, &bytes, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->punch(file, 0, 4096, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->lock_writer(file, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->pin(file, 1, NULL), NANOTS_UNSUPPORTED);
    assert_int_equal(file->ops->oldest_pin(file, 0, 9, &oldest, NULL), NANOTS_UNSUPPORTED);
    rig.faults.no_map_read = false;
    rig.faults.no_populate = true;
    assert_int_equal(file->ops->map_read(file, 4096, &read_bytes, NULL), NANOTS_OK);
    assert_int_equal(rig.faults.map_count, 1);
    assert_int_equal(file->ops->populate(file, read_bytes, 4096, NULL), NANOTS_UNSUPPORTED);
    file->ops->unmap(file, read_bytes, 4096);
    fault_rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_without_a_fault_pass_through_and_are_counted),
        cmocka_unit_test(fail_of_each_kind_hits_that_kind_once),
        cmocka_unit_test(fail_at_an_index_counts_over_all_kinds),
        cmocka_unit_test(failed_write_leaves_nothing_or_its_first_half),
        cmocka_unit_test(open_can_fail_too),
        cmocka_unit_test(switches_make_operations_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
