/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/memfile.h - files as blocks of memory, for fuzz targets: nothing but bytes.
 *
 *     struct memfile_disk disk;
 *     memfile_init(&disk, 64u << 20);                    no file may be larger
 *     memfile_put(&disk, "in", bytes, size);
 *     options.vfs = &disk.vfs;                           nanots_open("in", &options, ...)
 *     memfile_deinit(&disk);
 *
 * A file that is opened to be read is mapped, in a block of exactly its size: a sanitizer sees each
 * byte that is read behind its end. One that is opened to be written is copied, so that its block
 * may move; it has no locks. Writing to a file opened to be read, or frozen, ends the process. For
 * power cuts, locks and real mappings there is memvfs.h. One thread.
 */
#ifndef MEMFILE_H
#define MEMFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nanots.h"

#define MEMFILE_FILES_MAX 4u
#define MEMFILE_NAME_SIZE 16u

struct memfile {
    char name[MEMFILE_NAME_SIZE]; /* "": there is no such file */
    uint8_t *bytes;
    uint64_t size;
    uint64_t capacity;
    bool is_frozen;
};

struct memfile_disk {
    struct nanots_vfs vfs; /* give its address to nanots_open */
    uint64_t size_max;
    struct memfile files[MEMFILE_FILES_MAX];
};

void memfile_init(struct memfile_disk *disk, uint64_t size_max);
void memfile_deinit(struct memfile_disk *disk);

/* The file of that name, or NULL. */
struct memfile *memfile_find(struct memfile_disk *disk, const char *name);
/* Makes the file, or replaces it, by a copy of these bytes. */
struct memfile *memfile_put(struct memfile_disk *disk, const char *name, const uint8_t *bytes,
                            uint64_t size);

#endif
