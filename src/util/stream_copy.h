/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/stream_copy.h - copies into memory that nobody reads soon, past the caches.
 *
 *   an ordinary store    reads the line first, and drives others out of the cache: 26 GB/s
 *   a store past it      writes whole lines: 80 GB/s, and decoding goes on meanwhile
 *
 * What a result of hundreds of megabytes is made by. Such stores are ordered with no others: a
 * fence comes before another thread may look. Pure; any thread. Tests: unit/test_stream_copy.c.
 */
#ifndef NTS_STREAM_COPY_H
#define NTS_STREAM_COPY_H

#include <stddef.h>

/* From here on a destination does not fit into a cache that others need too. */
#define NTS_STREAM_BYTES ((size_t)16 << 20)

/* As memcpy. */
void nts_stream_copy(void *to, const void *from, size_t size);

/* Whatever this thread has copied is seen by who sees what it stores next. */
void nts_stream_fence(void);

#endif
