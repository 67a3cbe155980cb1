/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/file_view.c - mappings of the file for reading. Contract: file_view.h. */
#include "segment/file_view.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

#define FILE_VIEW_FIRST_SIZE (64ull << 20)

void nts_file_view_init(struct nts_file_view *view, const struct nanots_allocator *alloc,
                        struct nanots_file *file)
{
    memset(view, 0, sizeof *view);
    view->alloc = alloc;
    view->file = file;
    nts_mutex_init(&view->lock);
}

void nts_file_view_deinit(struct nts_file_view *view)
{
    for (size_t i = 0; i < view->map_count; i++)
        view->file->ops->unmap(view->file, view->maps[i].bytes, view->maps[i].size);
    nts_mutex_deinit(&view->lock);
}

/* From now on bytes are copied. Called with the lock. */
static void file_view_stop(struct nts_file_view *view)
{
    view->cannot_map = true;
    atomic_store_explicit(&view->map, NULL, memory_order_release);
}

/* Maps at least `end` bytes; the address space is cheap, so twice as much. Called with the lock. */
static void file_view_grow(struct nts_file_view *view, uint64_t end)
{
    struct nts_file_map *map = &view->maps[view->map_count];
    uint64_t size = FILE_VIEW_FIRST_SIZE;

    while (size / 2 < end)
        size *= 2;
    if (view->map_count == NTS_FILE_VIEW_MAPS_MAX ||
        view->file->ops->map_read(view->file, size, &map->bytes, NULL) != NANOTS_OK) {
        file_view_stop(view);
        return;
    }
    map->size = size;
    view->map_count++;
    atomic_store_explicit(&view->map, map, memory_order_release);
}

nanots_status nts_file_view_map(struct nts_file_view *view, uint64_t off, uint64_t size,
                                const uint8_t **bytes_out, struct nanots_error *error)
{
    *bytes_out = NULL;
    assert(off <= NTS_FILE_SIZE_MAX);
    nts_mutex_lock(&view->lock);
    const struct nts_file_map *map = atomic_load_explicit(&view->map, memory_order_relaxed);
    if (!view->cannot_map && (map == NULL || map->size < off + size))
        file_view_grow(view, off + size);
    nts_mutex_unlock(&view->lock);
    const uint8_t *bytes = nts_file_view_mapped(view, off, size);
    if (bytes == NULL)
        return NANOTS_OK;
    const nanots_status status = view->file->ops->populate(view->file, bytes, size, error);
    if (status == NANOTS_UNSUPPORTED) {
        nts_mutex_lock(&view->lock);
        file_view_stop(view);
        nts_mutex_unlock(&view->lock);
        nts_error_clear(error);
        return NANOTS_OK;
    }
    NTS_TRY(status);
    *bytes_out = bytes;
    return NANOTS_OK;
}

const uint8_t *nts_file_view_mapped(struct nts_file_view *view, uint64_t off, uint64_t size)
{
    const struct nts_file_map *map = atomic_load_explicit(&view->map, memory_order_acquire);
    return map != NULL && off + size <= map->size ? map->bytes + off : NULL;
}
