/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/buf.h - growable bytes with a mandatory maximum. Not shared between threads. */
#ifndef NTS_BUF_H
#define NTS_BUF_H

#include "base/bytes.h"
#include "base/status.h"
#include "util/alloc.h"

struct nts_buf {
    const struct nanots_allocator *alloc;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    size_t size_max;
};

void nts_buf_init(struct nts_buf *buf, const struct nanots_allocator *alloc, size_t size_max);
void nts_buf_deinit(struct nts_buf *buf);

/* Makes room for `size` more bytes and returns where they go; the size does not change yet.
 * NULL if out of memory or over the maximum. */
NTS_CHECKED uint8_t *nts_buf_reserve(struct nts_buf *buf, size_t size);

/* Appends; NO_MEMORY or TOO_BIG. */
NTS_CHECKED nanots_status nts_buf_append(struct nts_buf *buf, const void *bytes, size_t size);
NTS_CHECKED nanots_status nts_buf_append_zeros(struct nts_buf *buf, size_t size);

#endif
