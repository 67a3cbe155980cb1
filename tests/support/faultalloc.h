/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/faultalloc.h - an allocator that counts and fails on request.
 *
 *     struct faultalloc memory;
 *     faultalloc_init(&memory);
 *     for (uint64_t k = 0;; k++) {
 *         faultalloc_fail(&memory, k, false);
 *         run_the_code_with(&memory.alloc);            -> NANOTS_NO_MEMORY, or OK at the end
 *         assert_int_equal(memory.block_count, 0);     -> nothing leaked
 *         if (!memory.failed)
 *             break;                                   -> fewer than k + 1 allocations: all tried
 *     }
 *     faultalloc_deinit(&memory);
 *
 * Any thread; the counters may be read while no other thread allocates.
 */
#ifndef FAULTALLOC_H
#define FAULTALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/thread.h"
#include "util/alloc.h"

struct faultalloc {
    struct nanots_allocator alloc; /* give its address to the code under test */
    struct nts_mutex mutex;        /* guards all below */
    uint64_t call_count; /* allocations asked for since faultalloc_fail, failed ones included */
    uint64_t fail_index; /* the call that fails, 0-based */
    bool armed;
    bool sticky;          /* all calls from fail_index on fail */
    bool failed;          /* whether any call failed since faultalloc_fail */
    uint64_t block_count; /* live blocks */
    uint64_t bytes;       /* live bytes, the headers of util/alloc.c included */
    uint64_t bytes_peak;
};

/* Counts, and fails nothing yet. */
void faultalloc_init(struct faultalloc *memory);
void faultalloc_deinit(struct faultalloc *memory);

/* Lets call `index` (0-based, counted from now) fail, or with `sticky` all from it on. */
void faultalloc_fail(struct faultalloc *memory, uint64_t index, bool sticky);

/* Lets all calls succeed again. */
void faultalloc_heal(struct faultalloc *memory);

#endif
