/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/guard.h - memory that ends, or begins, at a page that may not be touched.
 *
 *   +-----------+------------------------+-----------+
 *   | no access | pages, `size` or more  | no access |
 *   +-----------+------------------------+-----------+
 *
 * guard_at_end puts the block's last byte before the upper page, guard_at_start its first byte
 * behind the lower one: one byte too far and the test dies at the instruction that did it.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
    uint8_t *map;
    size_t map_size;
    size_t page_size;
};

static inline struct guard guard_open(size_t size_max)
{
    struct guard guard = {.page_size = (size_t)sysconf(_SC_PAGESIZE)};

    guard.map_size =
        (size_max + guard.page_size - 1) / guard.page_size * guard.page_size + 2 * guard.page_size;
    void *map =
        mmap(NULL, guard.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        abort();
    guard.map = map;
    if (mprotect(guard.map, guard.page_size, PROT_NONE) != 0 ||
        mprotect(guard.map + guard.map_size - guard.page_size, guard.page_size, PROT_NONE) != 0)
        abort();
    return guard;
}

static inline uint8_t *guard_at_end(const struct guard *guard, size_t size)
{
    return guard->map + guard->map_size - guard->page_size - size;
}

static inline uint8_t *guard_at_start(const struct guard *guard)
{
    return guard->map + guard->page_size;
}

static inline void guard_close(struct guard *guard)
{
    (void)munmap(guard->map, guard->map_size);
}

#endif
