/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/alloc.h - the one way to memory.
 *
 *   -16        -8          0
 *   +----------+-----------+-------------------- ... -+
 *   | allocator| size      | block, aligned           |
 *   +----------+-----------+-------------------- ... -+
 *
 * Each block remembers its allocator, so that nts_free needs the block alone and blocks may be
 * freed through nanots_free by the caller. What an allocator must do stands in nanots.h.
 */
#ifndef NTS_ALLOC_H
#define NTS_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "nanots.h"

/* malloc, realloc and free of libc. */
const struct nanots_allocator *nts_alloc_libc(void);

/* All return NULL when out of memory or when the size overflows. */
NTS_CHECKED void *nts_alloc(const struct nanots_allocator *alloc, size_t size);
NTS_CHECKED void *nts_alloc_zeroed(const struct nanots_allocator *alloc, size_t size);
NTS_CHECKED void *nts_alloc_array(const struct nanots_allocator *alloc, size_t count,
                                  size_t element_size);
/* Keeps min(old, new) bytes; on failure the old block stays. block == NULL allocates. */
NTS_CHECKED void *nts_realloc(const struct nanots_allocator *alloc, void *block, size_t size);
NTS_CHECKED char *nts_alloc_string(const struct nanots_allocator *alloc, const char *text);

/* NULL is fine. */
void nts_free(void *block);

#endif
