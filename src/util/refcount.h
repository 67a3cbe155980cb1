/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/refcount.h - the one reference count. Any thread. */
#ifndef NTS_REFCOUNT_H
#define NTS_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct nts_refcount {
    atomic_uint count;
};

static inline void nts_refcount_init(struct nts_refcount *refs)
{
    atomic_init(&refs->count, 1u);
}

/* Relaxed: whoever takes a reference holds one already. */
static inline void nts_refcount_take(struct nts_refcount *refs)
{
    atomic_fetch_add_explicit(&refs->count, 1u, memory_order_relaxed);
}

/* True for the last one, who then frees. Acquire-release: all uses before any drop are over. */
static inline bool nts_refcount_drop(struct nts_refcount *refs)
{
    return atomic_fetch_sub_explicit(&refs->count, 1u, memory_order_acq_rel) == 1u;
}

/* Acquire: pairs with the drops of former holders, whose uses are over. */
static inline bool nts_refcount_is_last(struct nts_refcount *refs)
{
    return atomic_load_explicit(&refs->count, memory_order_acquire) == 1u;
}

#endif
