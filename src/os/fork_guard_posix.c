/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/fork_guard_posix.c - one page with MADV_WIPEONFORK. Contract: fork_guard.h. */
#include <stddef.h>
#include <sys/mman.h>

#include "os/fork_guard.h"

#define GUARD_SIZE 4096u

const volatile uint8_t *nts_fork_guard_new(void)
{
    uint8_t *page =
        mmap(NULL, GUARD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, GUARD_SIZE, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, GUARD_SIZE);
        return NULL;
    }
    page[0] = 1;
    return page;
}

void nts_fork_guard_free(const volatile uint8_t *guard)
{
    if (guard != NULL)
        (void)munmap((void *)(uintptr_t)guard, GUARD_SIZE);
}
