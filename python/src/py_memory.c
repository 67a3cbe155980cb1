/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_memory.c - where the library's memory comes from: malloc, and huge pages for large results.
 *
 *   below 4 MiB   malloc
 *   from there    blocks that begin at a huge page, which the system is asked to use
 *
 * A result of 10 M rows is written once into memory that was never touched. By pages of 4 KiB the
 * system's work for that costs several times the decoding; by pages of 2 MiB it does not.
 * Immutable, so that arrays may outlive whatever asked for them.
 */
#include "py_core.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define HUGE_PAGE_SIZE ((size_t)2 << 20)
#define LARGE_SIZE     (2 * HUGE_PAGE_SIZE)

static void *memory_allocate(void *context, size_t size)
{
    void *block = NULL;

    (void)context;
    if (size < LARGE_SIZE)
        return malloc(size);
    if (posix_memalign(&block, HUGE_PAGE_SIZE, size) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(block, size, MADV_HUGEPAGE); /* a wish: it works without */
#endif
    return block;
}

static void *memory_resize(void *context, void *block, size_t size)
{
    (void)context;
    return realloc(block, size);
}

static void memory_release(void *context, void *block)
{
    (void)context;
    free(block);
}

const struct nanots_allocator *py_memory(void)
{
    static const struct nanots_allocator memory = {.struct_size = sizeof memory,
                                                   .allocate = memory_allocate,
                                                   .resize = memory_resize,
                                                   .release = memory_release};
    return &memory;
}
