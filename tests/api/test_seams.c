/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_seams.c - allocators and VFSs of the host, seen through nanots.h alone.
 *
 *   nanots_open --> struct seam_vfs: counts, fails the k-th call, leaves parts out --> default VFS
 *               --> struct seam_memory: counts, fails the k-th call --> malloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nanots.h"
#include "support/db_helpers.h"
#include "support/scratch.h"

/* ---- a VFS in front of the default one ---------------------------------------------------- */

struct seam_vfs {
    struct nanots_vfs vfs; /* first member */
    struct nanots_file_ops ops;
    unsigned opened;
    unsigned closed;
    unsigned reads;
    unsigned writes;
    unsigned syncs;
    uint64_t write_bytes;
    unsigned fail_write; /* the write_at that fails, from 1 on; 0: none */
    int has_sentence;    /* a failure brings its own */
    char path[192];      /* of the last open */
    unsigned flags;
};

struct seam_file {
    struct nanots_file file; /* first member */
    struct nanots_file *inner;
    struct seam_vfs *vfs;
};

static struct seam_file *seam_of(struct nanots_file *file)
{
    return (struct seam_file *)(void *)file;
}

static struct nanots_file *seam_inner(struct nanots_file *file)
{
    return seam_of(file)->inner;
}

static void seam_close(struct nanots_file *file)
{
    seam_of(file)->vfs->closed++;
    seam_inner(file)->ops->close(seam_inner(file));
    free(file);
}

static nanots_status seam_read_at(struct nanots_file *file, void *bytes, size_t size,
                                  uint64_t offset, struct nanots_error *error)
{
    seam_of(file)->vfs->reads++;
    return seam_inner(file)->ops->read_at(seam_inner(file), bytes, size, offset, error);
}

static nanots_status seam_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                   uint64_t offset, int durable, struct nanots_error *error)
{
    struct seam_vfs *vfs = seam_of(file)->vfs;
    vfs->writes++;
    if (vfs->writes == vfs->fail_write) {
        if (error != NULL && vfs->has_sentence) {
            error->code = NANOTS_IO;
            error->os_errno = 5;
            (void)snprintf(error->message, sizeof error->message, "the host's sentence");
        }
        return NANOTS_IO;
    }
    vfs->write_bytes += size;
    return seam_inner(file)->ops->write_at(seam_inner(file), bytes, size, offset, durable, error);
}

static nanots_status seam_sync(struct nanots_file *file, struct nanots_error *error)
{
    seam_of(file)->vfs->syncs++;
    return seam_inner(file)->ops->sync(seam_inner(file), error);
}

static nanots_status seam_size(struct nanots_file *file, uint64_t *size_out,
                               struct nanots_error *error)
{
    return seam_inner(file)->ops->size(seam_inner(file), size_out, error);
}

static nanots_status seam_truncate(struct nanots_file *file, uint64_t size,
                                   struct nanots_error *error)
{
    return seam_inner(file)->ops->truncate(seam_inner(file), size, error);
}

static nanots_status seam_lock_writer(struct nanots_file *file, struct nanots_error *error)
{
    return seam_inner(file)->ops->lock_writer(seam_inner(file), error);
}

static nanots_status seam_pin(struct nanots_file *file, uint64_t generation,
                              struct nanots_error *error)
{
    return seam_inner(file)->ops->pin(seam_inner(file), generation, error);
}

static void seam_unpin(struct nanots_file *file, uint64_t generation)
{
    seam_inner(file)->ops->unpin(seam_inner(file), generation);
}

static nanots_status seam_oldest_pin(struct nanots_file *file, uint64_t first, uint64_t end,
                                     uint64_t *generation_out, struct nanots_error *error)
{
    return seam_inner(file)->ops->oldest_pin(seam_inner(file), first, end, generation_out, error);
}

static void seam_unmap(struct nanots_file *file, const uint8_t *bytes, uint64_t size)
{
    seam_inner(file)->ops->unmap(seam_inner(file), bytes, size);
}

static nanots_status seam_open(const struct nanots_vfs *vfs,
                               const struct nanots_allocator *allocator, const char *path,
                               unsigned flags, struct nanots_file **file_out,
                               struct nanots_error *error)
{
    struct seam_vfs *self = (struct seam_vfs *)(uintptr_t)vfs;
    const struct nanots_vfs *inner = nanots_vfs_default();
    struct seam_file *file = malloc(sizeof *file);

    *file_out = NULL;
    assert_non_null(file);
    file->file.ops = &self->ops;
    file->vfs = self;
    (void)snprintf(self->path, sizeof self->path, "%s", path);
    self->flags = flags;
    const nanots_status status = inner->open(inner, allocator, path, flags, &file->inner, error);
    if (status != NANOTS_OK) {
        free(file);
        return status;
    }
    self->opened++;
    *file_out = &file->file;
    return NANOTS_OK;
}

/* What a file must have, and locks. */
static struct seam_vfs seam_vfs_new(void)
{
    const struct seam_vfs vfs = {
        .vfs = {.struct_size = sizeof(struct nanots_vfs), .open = seam_open},
        .ops = {.struct_size = sizeof(struct nanots_file_ops),
                .close = seam_close,
                .read_at = seam_read_at,
                .write_at = seam_write_at,
                .sync = seam_sync,
                .size = seam_size,
                .truncate = seam_truncate,
                .lock_writer = seam_lock_writer,
                .pin = seam_pin,
                .unpin = seam_unpin,
                .oldest_pin = seam_oldest_pin}};
    return vfs;
}

static struct nanots_open_options seam_options(const struct seam_vfs *vfs)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .vfs = vfs == NULL ? NULL : &vfs->vfs};
    return options;
}

/* ---- tests of the VFS --------------------------------------------------------------------- */

/* Appends, flushes, packs and reads back through `vfs`, then through the default VFS. */
static void seam_round_trip(struct seam_vfs *vfs, const char *path)
{
    const struct nanots_open_options options = seam_options(vfs);
    struct db_rows wanted = db_rows_sine(5000, 2, 1000);
    struct db_rows more = db_rows_sine(5000, 2, 1000 + 5000 * 1000);

    struct nanots_db *db = db_open_with(path, &options);
    db_create(db, "boiler", 2);
    db_append_all(db, "boiler", &wanted);
    db_ok(nanots_flush(db, &db_error));
    db_append_all(db, "boiler", &more);
    db_ok(nanots_sync(db, &db_error));
    db_rows_join(&wanted, &more);
    db_expect_table(db, "boiler", &wanted);
    db_ok(nanots_pack_table(db, "boiler", 0, &db_error));
    db_close(db);
    db = db_open_with(path, &options);
    db_expect_table(db, "boiler", &wanted);
    db_close(db);
    db = db_open(path);
    db_expect_table(db, "boiler", &wanted);
    db_close(db);
    db_rows_free(&more);
    db_rows_free(&wanted);
}

static void vfs_of_the_host_sees_every_operation(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_vfs vfs = seam_vfs_new();

    seam_round_trip(&vfs, scratch->path);
    assert_int_equal(vfs.opened, 2);
    assert_int_equal(vfs.closed, 2);
    assert_string_equal(vfs.path, scratch->path);
    assert_int_equal(vfs.flags, NANOTS_VFS_CREATE);
    assert_true(vfs.reads > 0);
    assert_true(vfs.syncs > 0);
    assert_true(vfs.write_bytes > 0);
}

static void vfs_with_locks_excludes_a_second_writer(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_vfs vfs = seam_vfs_new();
    const struct nanots_open_options options = seam_options(&vfs);
    struct nanots_db *db = db_open_with(scratch->path, &options);
    struct nanots_db *other = NULL;

    db_fails(nanots_open(scratch->path, &options, &other, &db_error), NANOTS_BUSY, "plant.ntt");
    db_fails(nanots_open(scratch->path, NULL, &other, &db_error), NANOTS_BUSY, "plant.ntt");
    db_close(db);
    assert_int_equal(vfs.opened, vfs.closed);
}

/* Goal: the least VFS there may be, of six operations, is enough for all that a database does. */
static void vfs_of_six_operations_is_enough(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_vfs vfs = seam_vfs_new();
    struct nanots_open_options options = seam_options(&vfs);

    vfs.ops.lock_writer = NULL;
    vfs.ops.pin = NULL;
    vfs.ops.unpin = NULL;
    vfs.ops.oldest_pin = NULL;
    seam_round_trip(&vfs, scratch->path);
    options.flags = NANOTS_OPEN_READ_ONLY;
    struct nanots_db *db = db_open_with(scratch->path, &options);
    assert_int_equal(vfs.flags, NANOTS_VFS_READ_ONLY);
    struct db_rows rows = db_rows_read(db, "boiler", NULL);
    assert_int_equal(rows.row_count, 10000);
    db_rows_free(&rows);
    db_close(db);
}

/* Goal: each write that fails is a status with a sentence, and what was flushed before is there.
 * Method: the k-th write fails, for every k of a session, with and without a sentence of the VFS.
 */
static void vfs_that_fails_a_write_loses_nothing_flushed(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows first = db_rows_sine(2000, 1, 0);
    struct db_rows more = db_rows_sine(2000, 1, 2000 * 1000);
    int failed = 1;

    for (unsigned k = 1; failed; k++) {
        struct seam_vfs vfs = seam_vfs_new();
        const struct nanots_open_options options = seam_options(&vfs);
        struct nanots_db *db = db_open_with(scratch->path, &options);
        db_create(db, "boiler", 1);
        db_append_all(db, "boiler", &first);
        db_ok(nanots_flush(db, &db_error));
        vfs.writes = 0;
        vfs.fail_write = k;
        vfs.has_sentence = k % 2 == 0;
        nanots_status status = nanots_append_rows(db, "boiler", more.ts, more.values,
                                                  more.row_count, 1, NULL, &db_error);
        if (status == NANOTS_OK)
            status = nanots_flush(db, &db_error);
        failed = status != NANOTS_OK;
        if (failed) {
            assert_int_equal(status, NANOTS_IO);
            assert_int_equal(db_error.code, NANOTS_IO);
            assert_non_null(strstr(db_error.message, vfs.has_sentence ? "the host's sentence"
                                                                      : "write_at at offset"));
        }
        vfs.fail_write = 0;
        (void)nanots_close(db, NULL);
        assert_int_equal(vfs.opened, vfs.closed);
        db = db_open(scratch->path);
        struct db_rows rows = db_rows_read(db, "boiler", NULL);
        assert_in_range(rows.row_count, first.row_count, first.row_count + more.row_count);
        assert_memory_equal(rows.values, first.values, first.row_count * sizeof(double));
        db_rows_free(&rows);
        db_close(db);
        assert_int_equal(remove(scratch->path), 0);
        assert_true(k < 100);
        if (!failed)
            assert_true(k > 2);
    }
    db_rows_free(&more);
    db_rows_free(&first);
}

static nanots_status seam_open_nothing(const struct nanots_vfs *vfs,
                                       const struct nanots_allocator *allocator, const char *path,
                                       unsigned flags, struct nanots_file **file_out,
                                       struct nanots_error *error)
{
    (void)vfs;
    (void)allocator;
    (void)path;
    (void)flags;
    (void)file_out;
    (void)error;
    return NANOTS_OK;
}

static void vfs_that_lacks_something_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = NULL;
#define REFUSED(change, part)                                                                      \
    do {                                                                                           \
        struct seam_vfs vfs = seam_vfs_new();                                                      \
        const struct nanots_open_options options = seam_options(&vfs);                             \
        change;                                                                                    \
        db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, part);      \
        assert_null(db);                                                                           \
        assert_int_equal(vfs.opened, vfs.closed);                                                  \
    } while (0)

    REFUSED(vfs.vfs.struct_size = 0, "struct_size");
    REFUSED(vfs.vfs.open = NULL, "open");
    REFUSED(vfs.vfs.open = seam_open_nothing, "no file");
    REFUSED(vfs.ops.read_at = NULL, "read_at");
    REFUSED(vfs.ops.write_at = NULL, "write_at");
    REFUSED(vfs.ops.sync = NULL, "sync");
    REFUSED(vfs.ops.size = NULL, "size");
    REFUSED(vfs.ops.truncate = NULL, "truncate");
    REFUSED(vfs.ops.pin = NULL, "pin");
    REFUSED(vfs.ops.oldest_pin = NULL, "oldest_pin");
    REFUSED(vfs.ops.unmap = seam_unmap, "map_read");
#undef REFUSED
}

/* ---- an allocator of the host ------------------------------------------------------------- */

struct seam_memory {
    struct nanots_allocator allocator;
    uint64_t calls;
    uint64_t fail_call; /* from 1 on; 0: none */
    uint64_t blocks;
};

static void *seam_allocate(void *context, size_t size)
{
    struct seam_memory *memory = context;
    assert_true(size != 0);
    if (++memory->calls == memory->fail_call)
        return NULL;
    void *block = malloc(size);
    assert_non_null(block);
    memory->blocks++;
    return block;
}

static void *seam_resize(void *context, void *block, size_t size)
{
    struct seam_memory *memory = context;
    assert_non_null(block);
    if (++memory->calls == memory->fail_call)
        return NULL;
    return realloc(block, size);
}

static void seam_release(void *context, void *block)
{
    struct seam_memory *memory = context;
    assert_non_null(block);
    memory->blocks--;
    free(block);
}

static void seam_memory_init(struct seam_memory *memory)
{
    *memory = (struct seam_memory){.allocator = {.struct_size = sizeof memory->allocator,
                                                 .context = memory,
                                                 .allocate = seam_allocate,
                                                 .resize = seam_resize,
                                                 .release = seam_release}};
}

/* One session; the first failure ends it. */
static nanots_status seam_session(const char *path, const struct seam_memory *memory)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .allocator = &memory->allocator};
    struct nanots_series series = {.block = NULL};
    struct nanots_db *db = NULL;
    char *json = NULL;
    nanots_status status = nanots_open(path, &options, &db, &db_error);
    for (int64_t i = 0; i < 3000 && status == NANOTS_OK; i++)
        status = nanots_append(db, "boiler", i, 0.5 * (double)i, NULL, &db_error);
    if (status == NANOTS_OK)
        status = nanots_flush(db, &db_error);
    if (status == NANOTS_OK)
        status = nanots_query_range(db, "boiler", 100, 200, &series, &db_error);
    if (status == NANOTS_OK)
        status = nanots_stats_json(db, "boiler", &json, &db_error);
    nanots_free(json);
    if (status == NANOTS_OK)
        status = nanots_diagnose_json(db, &json, &db_error);
    if (status == NANOTS_OK)
        nanots_free(json);
    nanots_free(series.block);
    const nanots_status closed = nanots_close(db, status == NANOTS_OK ? &db_error : NULL);
    return status == NANOTS_OK ? closed : status;
}

/* Goal: every allocation of a handle may fail, harms nothing and leaks nothing. */
static void allocator_that_fails_is_a_status(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_memory memory;
    nanots_status status = NANOTS_NO_MEMORY;
    uint64_t k = 0;

    seam_memory_init(&memory);
    while (status != NANOTS_OK) {
        memory.calls = 0;
        memory.fail_call = ++k;
        status = seam_session(scratch->path, &memory);
        if (status != NANOTS_OK) {
            assert_int_equal(status, NANOTS_NO_MEMORY);
            assert_int_equal(db_error.code, NANOTS_NO_MEMORY);
            assert_true(db_error.message[0] != '\0');
        }
        assert_int_equal(memory.blocks, 0);
        assert_true(k < 10000);
        if (memory.calls < memory.fail_call)
            break;
    }
    assert_int_equal(status, NANOTS_OK);
    assert_true(k > 10);
}

static void allocator_without_resize_is_enough(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_memory memory;

    seam_memory_init(&memory);
    memory.allocator.resize = NULL;
    assert_int_equal(seam_session(scratch->path, &memory), NANOTS_OK);
    assert_int_equal(memory.blocks, 0);
    assert_true(memory.calls > 10);
}

/* Goal: what was handed out lives on behind the handle, and nanots_free knows where it is from. */
static void block_of_the_allocator_outlives_the_handle(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_memory memory;
    struct nanots_open_options options = {.struct_size = sizeof options};
    struct nanots_series series;
    struct nanots_table_list list;

    seam_memory_init(&memory);
    options.allocator = &memory.allocator;
    struct nanots_db *db = db_open_with(scratch->path, &options);
    db_ok(nanots_append(db, "boiler", 7, 71.5, NULL, &db_error));
    db_ok(nanots_query_range(db, "boiler", 0, 10, &series, &db_error));
    db_ok(nanots_list_tables(db, &list, &db_error));
    db_close(db);
    assert_int_equal(memory.blocks, 2);
    assert_int_equal(series.row_count, 1);
    assert_true(series.values[0] == 71.5);
    assert_string_equal(list.names[0], "boiler");
    nanots_free(series.block);
    nanots_free(list.block);
    assert_int_equal(memory.blocks, 0);
}

static void allocator_that_lacks_something_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct seam_memory memory;
    struct nanots_open_options options = {.struct_size = sizeof options};
    struct nanots_db *db = NULL;

    options.allocator = &memory.allocator;
    seam_memory_init(&memory);
    memory.allocator.struct_size = 0;
    db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, "struct_size");
    seam_memory_init(&memory);
    memory.allocator.allocate = NULL;
    db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, "allocate");
    seam_memory_init(&memory);
    memory.allocator.release = NULL;
    db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, "release");
    assert_int_equal(memory.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(vfs_of_the_host_sees_every_operation),
        WITH_SCRATCH(vfs_with_locks_excludes_a_second_writer),
        WITH_SCRATCH(vfs_of_six_operations_is_enough),
        WITH_SCRATCH(vfs_that_fails_a_write_loses_nothing_flushed),
        WITH_SCRATCH(vfs_that_lacks_something_is_refused),
        WITH_SCRATCH(allocator_that_fails_is_a_status),
        WITH_SCRATCH(allocator_without_resize_is_enough),
        WITH_SCRATCH(block_of_the_allocator_outlives_the_handle),
        WITH_SCRATCH(allocator_that_lacks_something_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
