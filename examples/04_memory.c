/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* examples/04_memory.c - a database that lives in memory: a VFS and an allocator of your own.
 *
 *     struct memory_disk --+-- struct nanots_vfs      given to nanots_open, and what its open gets
 *                          +-- the one file's bytes   stay when the handle is closed
 *
 * The disk has the six operations that a file must have and no more: no locks, so the file may be
 * open once at a time; no mappings, so bytes are copied. The library starts no thread, and neither
 * does this program, so that nothing here needs a mutex.
 *
 *     cc 04_memory.c $(pkg-config --cflags --libs nanots) && ./a.out
 */
#include <nanots.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory_disk {
    struct nanots_vfs vfs; /* first member: open gets its address */
    unsigned char *bytes;
    uint64_t size;
};

struct memory_file {
    struct nanots_file file; /* first member: the operations get its address */
    struct memory_disk *disk;
};

static struct memory_disk *disk_of(struct nanots_file *file)
{
    return ((struct memory_file *)(void *)file)->disk;
}

static void disk_close(struct nanots_file *file)
{
    free(file);
}

static nanots_status disk_read_at(struct nanots_file *file, void *bytes, size_t size,
                                  uint64_t offset, struct nanots_error *error)
{
    const struct memory_disk *disk = disk_of(file);
    (void)error; /* left empty: the library names the operation and the offset */
    if (offset > disk->size || size > disk->size - offset)
        return NANOTS_CORRUPT;
    if (size != 0)
        memcpy(bytes, disk->bytes + offset, size);
    return NANOTS_OK;
}

static nanots_status disk_truncate(struct nanots_file *file, uint64_t size,
                                   struct nanots_error *error)
{
    struct memory_disk *disk = disk_of(file);
    (void)error;
    unsigned char *bytes = realloc(disk->bytes, size != 0 ? (size_t)size : 1);
    if (bytes == NULL)
        return NANOTS_NO_SPACE;
    if (size > disk->size)
        memset(bytes + disk->size, 0, (size_t)(size - disk->size));
    disk->bytes = bytes;
    disk->size = size;
    return NANOTS_OK;
}

/* Memory is as durable as it gets. */
static nanots_status disk_write_at(struct nanots_file *file, const void *bytes, size_t size,
                                   uint64_t offset, int durable, struct nanots_error *error)
{
    struct memory_disk *disk = disk_of(file);
    (void)durable;
    if (offset + size > disk->size && disk_truncate(file, offset + size, error) != NANOTS_OK)
        return NANOTS_NO_SPACE;
    if (size != 0)
        memcpy(disk->bytes + offset, bytes, size);
    return NANOTS_OK;
}

static nanots_status disk_sync(struct nanots_file *file, struct nanots_error *error)
{
    (void)file;
    (void)error;
    return NANOTS_OK;
}

static nanots_status disk_size(struct nanots_file *file, uint64_t *size_out,
                               struct nanots_error *error)
{
    (void)error;
    *size_out = disk_of(file)->size;
    return NANOTS_OK;
}

static nanots_status disk_open(const struct nanots_vfs *vfs,
                               const struct nanots_allocator *allocator, const char *path,
                               unsigned flags, struct nanots_file **file_out,
                               struct nanots_error *error)
{
    static const struct nanots_file_ops ops = {.struct_size = sizeof ops,
                                               .close = disk_close,
                                               .read_at = disk_read_at,
                                               .write_at = disk_write_at,
                                               .sync = disk_sync,
                                               .size = disk_size,
                                               .truncate = disk_truncate};
    struct memory_file *file = malloc(sizeof *file);
    (void)allocator; /* may be used for `file`, need not */
    (void)path;      /* this disk has one file, whatever its name */
    (void)flags;
    (void)error;
    *file_out = NULL;
    if (file == NULL)
        return NANOTS_NO_MEMORY;
    file->file.ops = &ops;
    file->disk = (struct memory_disk *)(uintptr_t)vfs;
    *file_out = &file->file;
    return NANOTS_OK;
}

/* ---- an allocator that counts ------------------------------------------------------------- */

static void *count_allocate(void *context, size_t size)
{
    void *block = malloc(size);
    if (block != NULL)
        ++*(size_t *)context;
    return block;
}

static void count_release(void *context, void *block)
{
    --*(size_t *)context;
    free(block);
}

int main(void)
{
    size_t blocks = 0;
    struct memory_disk disk = {.vfs = {.struct_size = sizeof disk.vfs, .open = disk_open}};
    const struct nanots_allocator allocator = {.struct_size = sizeof allocator,
                                               .context = &blocks,
                                               .allocate = count_allocate,
                                               .release = count_release};
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .allocator = &allocator, .vfs = &disk.vfs};
    struct nanots_db *db = NULL;
    struct nanots_error error;
    struct nanots_series series = {.block = NULL};
    nanots_status status = nanots_open("in memory", &options, &db, &error);

    for (int64_t second = 0; second < 1000 && status == NANOTS_OK; second++)
        status = nanots_append(db, "boiler", 1714521600000 + 1000 * second,
                               71.5 + 0.5 * (double)(second % 3), NULL, &error);
    if (status == NANOTS_OK)
        status = nanots_close(db, &error);
    if (status == NANOTS_OK)
        status = nanots_open("in memory", &options, &db, &error);
    if (status == NANOTS_OK)
        status = nanots_query_range(db, "boiler", INT64_MIN, INT64_MAX, &series, &error);
    if (status != NANOTS_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("%zu rows in a file of %llu bytes in memory\n", series.row_count,
           (unsigned long long)disk.size);
    nanots_free(series.block);
    status = nanots_close(db, &error);
    printf("%zu blocks left\n", blocks);
    free(disk.bytes);
    return status == NANOTS_OK && blocks == 0 ? 0 : 1;
}
