/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/alloc.c - blocks that remember their allocator. The only caller of malloc and free. */
#include "util/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* The drawing in alloc.h is that of a 64-bit machine; the size of 16 holds everywhere, so that the
 * block behind it is as well aligned as what the allocator gave. */
union alloc_header {
    struct {
        const struct nanots_allocator *alloc;
        size_t size;
    } of;
    uint8_t room[16];
};

static_assert(sizeof(union alloc_header) == 16, "a block stays aligned behind its header");

static void *alloc_libc_allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void *alloc_libc_resize(void *context, void *block, size_t size)
{
    (void)context;
    return realloc(block, size);
}

static void alloc_libc_release(void *context, void *block)
{
    (void)context;
    free(block);
}

const struct nanots_allocator *nts_alloc_libc(void)
{
    static const struct nanots_allocator libc = {.struct_size = sizeof libc,
                                                 .allocate = alloc_libc_allocate,
                                                 .resize = alloc_libc_resize,
                                                 .release = alloc_libc_release};
    return &libc;
}

static union alloc_header *alloc_header_of(void *block)
{
    return (union alloc_header *)block - 1;
}

/* An allocator without resize: a new block, a copy, and the old one back. */
static union alloc_header *alloc_resize(const struct nanots_allocator *alloc,
                                        union alloc_header *old, size_t size_with_header)
{
    if (alloc->resize != NULL)
        return alloc->resize(alloc->context, old, size_with_header);
    const size_t old_size = old->of.size + sizeof *old;
    union alloc_header *moved = alloc->allocate(alloc->context, size_with_header);
    if (moved == NULL)
        return NULL;
    memcpy(moved, old, old_size < size_with_header ? old_size : size_with_header);
    alloc->release(alloc->context, old);
    return moved;
}

void *nts_realloc(const struct nanots_allocator *alloc, void *block, size_t size)
{
    union alloc_header *old = block == NULL ? NULL : alloc_header_of(block);
    size_t size_with_header;

    assert(old == NULL || old->of.alloc == alloc);
    if (!nts_add_size(size, sizeof *old, &size_with_header))
        return NULL;
    union alloc_header *header = old == NULL ? alloc->allocate(alloc->context, size_with_header)
                                             : alloc_resize(alloc, old, size_with_header);
    if (header == NULL)
        return NULL;
    header->of.alloc = alloc;
    header->of.size = size;
    return header + 1;
}

void *nts_alloc(const struct nanots_allocator *alloc, size_t size)
{
    return nts_realloc(alloc, NULL, size);
}

void *nts_alloc_zeroed(const struct nanots_allocator *alloc, size_t size)
{
    void *block = nts_alloc(alloc, size);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void *nts_alloc_array(const struct nanots_allocator *alloc, size_t count, size_t element_size)
{
    size_t size;
    if (!nts_mul_size(count, element_size, &size))
        return NULL;
    return nts_alloc(alloc, size);
}

char *nts_alloc_string(const struct nanots_allocator *alloc, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = nts_alloc(alloc, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void nts_free(void *block)
{
    if (block == NULL)
        return;
    union alloc_header *header = alloc_header_of(block);
    header->of.alloc->release(header->of.alloc->context, header);
}
