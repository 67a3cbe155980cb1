/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_memory.c - malloc, and large blocks that are used again. Contract: py_memory.h.
 *
 *   small   | size 16 | block ...      large   | room 32 | size 16 | block ...
 *           malloc's start                     a huge page's start
 *
 * The library puts 16 bytes of its own before what it uses: arrays of large blocks begin at a cache
 * line, as Arrow wants them.
 */
#include "py_memory.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define HUGE_PAGE_SIZE ((size_t)2 << 20)
#define LARGE_SIZE     (2 * HUGE_PAGE_SIZE)
#define KEPT_BYTES_MAX ((size_t)256 << 20)
#define KEPT_COUNT_MAX 16u
#define SMALL_HEAD     16u
#define LARGE_HEAD     48u

struct memory_kept {
    uint8_t *start;
    size_t room; /* bytes from there, whole huge pages */
};

struct py_memory {
    struct nanots_allocator calls;
    atomic_size_t refs; /* the open file, and one for each block */
    /* Guards what follows. Never waited for: after a fork its owner may not be there. */
    atomic_flag is_busy;
    bool keeps;
    size_t kept_count;
    size_t kept_bytes;
    struct memory_kept kept[KEPT_COUNT_MAX]; /* the oldest first */
};

/* ---- counting ------------------------------------------------------------------------------- */

static void memory_unref(struct py_memory *memory)
{
    if (atomic_fetch_sub_explicit(&memory->refs, 1, memory_order_acq_rel) == 1)
        free(memory);
}

static bool memory_enter(struct py_memory *memory)
{
    return !atomic_flag_test_and_set_explicit(&memory->is_busy, memory_order_acquire);
}

static void memory_leave(struct py_memory *memory)
{
    atomic_flag_clear_explicit(&memory->is_busy, memory_order_release);
}

/* ---- large blocks --------------------------------------------------------------------------- */

static size_t large_room(size_t size)
{
    return (size + LARGE_HEAD + HUGE_PAGE_SIZE - 1) / HUGE_PAGE_SIZE * HUGE_PAGE_SIZE;
}

/* Requires memory_enter. */
static struct memory_kept kept_take(struct py_memory *memory, size_t index)
{
    const struct memory_kept taken = memory->kept[index];
    memory->kept_count--;
    memory->kept_bytes -= taken.room;
    memmove(memory->kept + index, memory->kept + index + 1,
            (memory->kept_count - index) * sizeof taken);
    return taken;
}

/* The smallest kept block that has the room, if it does not waste as much again. */
static struct memory_kept kept_find(struct py_memory *memory, size_t room)
{
    struct memory_kept found = {NULL, 2 * room};
    size_t index = 0;

    if (!memory_enter(memory))
        return (struct memory_kept){NULL, 0};
    for (size_t i = 0; i < memory->kept_count; i++) {
        if (memory->kept[i].room >= room && memory->kept[i].room < found.room) {
            found = memory->kept[i];
            index = i;
        }
    }
    if (found.start != NULL)
        found = kept_take(memory, index);
    memory_leave(memory);
    return found;
}

/* Keeps the block for the next; false if it is to be freed. */
static bool kept_add(struct py_memory *memory, struct memory_kept block)
{
    struct memory_kept old[KEPT_COUNT_MAX];
    size_t old_count = 0;

    if (block.room > KEPT_BYTES_MAX || !memory_enter(memory))
        return false;
    const bool keeps = memory->keeps;
    if (keeps) {
        while (memory->kept_count == KEPT_COUNT_MAX ||
               memory->kept_bytes + block.room > KEPT_BYTES_MAX)
            old[old_count++] = kept_take(memory, 0);
        memory->kept[memory->kept_count++] = block;
        memory->kept_bytes += block.room;
    }
    memory_leave(memory);
    while (old_count != 0)
        free(old[--old_count].start);
    return keeps;
}

static uint8_t *large_new(size_t room)
{
    void *start = NULL;
    if (posix_memalign(&start, HUGE_PAGE_SIZE, room) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(start, room, MADV_HUGEPAGE); /* a wish: it works without */
#endif
    return start;
}

static uint8_t *large_take(struct py_memory *memory, size_t size)
{
    struct memory_kept block = kept_find(memory, large_room(size));

    if (block.start == NULL) {
        block.room = large_room(size);
        block.start = large_new(block.room);
    }
    if (block.start != NULL)
        memcpy(block.start, &block.room, sizeof block.room);
    return block.start;
}

/* What is kept has nothing that anybody needs: the system may take it until it is written again. */
static void large_release(struct py_memory *memory, uint8_t *start)
{
    struct memory_kept block = {.start = start};

    memcpy(&block.room, start, sizeof block.room);
#ifdef MADV_FREE
    if (block.room <= KEPT_BYTES_MAX)
        (void)madvise(start, block.room, MADV_FREE);
#endif
    if (!kept_add(memory, block))
        free(start);
}

/* ---- the allocator -------------------------------------------------------------------------- */

static size_t block_size(void *block)
{
    size_t size;
    memcpy(&size, (uint8_t *)block - SMALL_HEAD, sizeof size);
    return size;
}

static void *block_begin(uint8_t *start, size_t head, size_t size)
{
    memcpy(start + head - SMALL_HEAD, &size, sizeof size);
    return start + head;
}

static void *memory_allocate(void *context, size_t size)
{
    struct py_memory *memory = context;
    const bool is_small = size < LARGE_SIZE;

    if (size > SIZE_MAX / 4)
        return NULL;
    uint8_t *start = is_small ? malloc(size + SMALL_HEAD) : large_take(memory, size);
    if (start == NULL)
        return NULL;
    atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
    return block_begin(start, is_small ? SMALL_HEAD : LARGE_HEAD, size);
}

static void memory_release(void *context, void *block)
{
    struct py_memory *memory = context;
    const size_t size = block_size(block);

    if (size < LARGE_SIZE)
        free((uint8_t *)block - SMALL_HEAD);
    else
        large_release(memory, (uint8_t *)block - LARGE_HEAD);
    memory_unref(memory);
}

static void *memory_resize(void *context, void *block, size_t size)
{
    const size_t old_size = block_size(block);

    if (old_size < LARGE_SIZE && size < LARGE_SIZE) {
        uint8_t *start = realloc((uint8_t *)block - SMALL_HEAD, size + SMALL_HEAD);
        return start == NULL ? NULL : block_begin(start, SMALL_HEAD, size);
    }
    void *moved = memory_allocate(context, size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, old_size < size ? old_size : size);
    memory_release(context, block);
    return moved;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct py_memory *py_memory_new(void)
{
    struct py_memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        return NULL;
    memory->calls = (struct nanots_allocator){.struct_size = sizeof memory->calls,
                                              .context = memory,
                                              .allocate = memory_allocate,
                                              .resize = memory_resize,
                                              .release = memory_release};
    atomic_init(&memory->refs, 1);
    atomic_flag_clear(&memory->is_busy);
    memory->keeps = true;
    return memory;
}

const struct nanots_allocator *py_memory_calls(struct py_memory *memory)
{
    return &memory->calls;
}

void py_memory_end(struct py_memory *memory)
{
    while (!memory_enter(memory))
        (void)sched_yield(); /* a thread that releases an array is at it */
    memory->keeps = false;
    while (memory->kept_count != 0)
        free(kept_take(memory, memory->kept_count - 1).start);
    memory_leave(memory);
    memory_unref(memory);
}
