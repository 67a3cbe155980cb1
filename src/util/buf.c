/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/buf.c - growable bytes with a mandatory maximum.
 *
 * The capacity doubles, so that n appends move O(n) bytes, and never passes size_max.
 */
#include "util/buf.h"

#include <assert.h>

#define BUF_CAPACITY_FIRST 64u

void nts_buf_init(struct nts_buf *buf, const struct nanots_allocator *alloc, size_t size_max)
{
    *buf = (struct nts_buf){.alloc = alloc, .size_max = size_max};
}

void nts_buf_deinit(struct nts_buf *buf)
{
    nts_free(buf->bytes);
    buf->bytes = NULL;
    buf->size = 0;
    buf->capacity = 0;
}

static bool buf_would_fit(const struct nts_buf *buf, size_t size)
{
    assert(buf->size <= buf->size_max);
    return size <= buf->size_max - buf->size;
}

/* The next capacity that holds `size_wanted`, which is at most size_max. */
static size_t buf_capacity_for(const struct nts_buf *buf, size_t size_wanted)
{
    size_t capacity = buf->capacity < BUF_CAPACITY_FIRST ? BUF_CAPACITY_FIRST : buf->capacity;
    while (capacity < size_wanted) {
        if (capacity > buf->size_max / 2)
            return buf->size_max;
        capacity *= 2;
    }
    return capacity < buf->size_max ? capacity : buf->size_max;
}

uint8_t *nts_buf_reserve(struct nts_buf *buf, size_t size)
{
    if (!buf_would_fit(buf, size))
        return NULL;
    const size_t size_wanted = buf->size + size;
    if (buf->bytes == NULL || size_wanted > buf->capacity) {
        const size_t capacity = buf_capacity_for(buf, size_wanted);
        uint8_t *bytes = nts_realloc(buf->alloc, buf->bytes, capacity);
        if (bytes == NULL)
            return NULL;
        buf->bytes = bytes;
        buf->capacity = capacity;
    }
    return buf->bytes + buf->size;
}

nanots_status nts_buf_append(struct nts_buf *buf, const void *bytes, size_t size)
{
    if (!buf_would_fit(buf, size))
        return NANOTS_TOO_BIG;
    uint8_t *to = nts_buf_reserve(buf, size);
    if (to == NULL)
        return NANOTS_NO_MEMORY;
    if (size > 0)
        memcpy(to, bytes, size);
    buf->size += size;
    return NANOTS_OK;
}

nanots_status nts_buf_append_zeros(struct nts_buf *buf, size_t size)
{
    if (!buf_would_fit(buf, size))
        return NANOTS_TOO_BIG;
    uint8_t *to = nts_buf_reserve(buf, size);
    if (to == NULL)
        return NANOTS_NO_MEMORY;
    memset(to, 0, size);
    buf->size += size;
    return NANOTS_OK;
}
