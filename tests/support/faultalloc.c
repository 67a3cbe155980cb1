/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/faultalloc.c - an allocator that counts and fails on request.
 *
 * Blocks come from util/alloc.c, with the size the caller asked for kept in front:
 *
 *   0            16
 *   +------------+------------- ... -+
 *   | size, pad  | caller's block    |
 *   +------------+------------- ... -+
 *
 * A block that shrinks or grows always moves, so that a pointer kept too long is caught by the
 * sanitizers.
 */
#include "support/faultalloc.h"

#include <string.h>

#include "base/bytes.h"

union faultalloc_header {
    size_t size;
    uint8_t room[16];
};

static bool faultalloc_must_fail(struct faultalloc *memory)
{
    const uint64_t index = memory->call_count++;
    const bool fails = memory->armed &&
                       (memory->sticky ? index >= memory->fail_index : index == memory->fail_index);
    memory->failed = memory->failed || fails;
    return fails;
}

static void faultalloc_count(struct faultalloc *memory, size_t size)
{
    memory->block_count++;
    memory->bytes += size;
    if (memory->bytes > memory->bytes_peak)
        memory->bytes_peak = memory->bytes;
}

static void faultalloc_release(void *context, void *block)
{
    struct faultalloc *memory = context;
    union faultalloc_header *header = (union faultalloc_header *)block - 1;

    nts_mutex_lock(&memory->mutex);
    memory->block_count--;
    memory->bytes -= header->size;
    nts_mutex_unlock(&memory->mutex);
    memset(block, 0xDD, header->size); /* a reader of freed memory sees nonsense, not its data */
    nts_free(header);
}

static void *faultalloc_resize(void *context, void *block, size_t size)
{
    struct faultalloc *memory = context;
    size_t size_with_header;

    nts_mutex_lock(&memory->mutex);
    const bool fails = faultalloc_must_fail(memory);
    nts_mutex_unlock(&memory->mutex);
    if (fails || !nts_add_size(size, sizeof(union faultalloc_header), &size_with_header))
        return NULL;
    union faultalloc_header *header = nts_alloc(nts_alloc_libc(), size_with_header);
    if (header == NULL)
        return NULL;
    header->size = size;
    memset(header + 1, 0xCD, size); /* nobody may rely on zeros */
    nts_mutex_lock(&memory->mutex);
    faultalloc_count(memory, size);
    nts_mutex_unlock(&memory->mutex);
    if (block != NULL) {
        const size_t old_size = ((const union faultalloc_header *)block - 1)->size;
        memcpy(header + 1, block, old_size < size ? old_size : size);
        faultalloc_release(context, block);
    }
    return header + 1;
}

static void *faultalloc_allocate(void *context, size_t size)
{
    return faultalloc_resize(context, NULL, size);
}

void faultalloc_init(struct faultalloc *memory)
{
    *memory = (struct faultalloc){.alloc = {.struct_size = sizeof memory->alloc,
                                            .context = memory,
                                            .allocate = faultalloc_allocate,
                                            .resize = faultalloc_resize,
                                            .release = faultalloc_release}};
    nts_mutex_init(&memory->mutex);
}

void faultalloc_deinit(struct faultalloc *memory)
{
    nts_mutex_deinit(&memory->mutex);
}

void faultalloc_fail(struct faultalloc *memory, uint64_t index, bool sticky)
{
    nts_mutex_lock(&memory->mutex);
    memory->call_count = 0;
    memory->fail_index = index;
    memory->armed = true;
    memory->sticky = sticky;
    memory->failed = false;
    nts_mutex_unlock(&memory->mutex);
}

void faultalloc_heal(struct faultalloc *memory)
{
    nts_mutex_lock(&memory->mutex);
    memory->armed = false;
    nts_mutex_unlock(&memory->mutex);
}
