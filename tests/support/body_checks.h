/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/body_checks.h - what every body of integers must stand: it gives its values back between
 * guard pages, is corrupt when cut or longer, and does no harm when spoilt. Include after cmocka.h.
 */
#ifndef BODY_CHECKS_H
#define BODY_CHECKS_H

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"
#include "base/status.h"
#include "support/guard.h"
#include "support/seed.h"

#define BODY_SIZE_MAX  (12 * NTS_VECTOR_ROWS)
#define BODY_CHANGES   60u
#define BODY_CUT_STEPS 100u

/* Reads a body to dst, which has room for NTS_VECTOR_ROWS values. */
typedef nanots_status (*body_reader)(uint64_t *dst, size_t count, const uint8_t *src,
                                     size_t src_size);

static inline void body_check_size(nanots_status status, bool open_end)
{
    if (!open_end || status != NANOTS_OK)
        assert_int_equal(status, NANOTS_CORRUPT);
}

/* `open_end`: the body ends in a constant, whose size is part of its meaning. */
static inline void body_check(body_reader read, const uint8_t *bytes, size_t size,
                              const uint64_t *values, size_t count, bool open_end, uint64_t *seed)
{
    struct guard guard = guard_open(BODY_SIZE_MAX);
    struct guard out_guard = guard_open(8 * NTS_VECTOR_ROWS);
    uint64_t *const out = (uint64_t *)(void *)guard_at_end(&out_guard, 8 * NTS_VECTOR_ROWS);

    for (size_t cut = 0; cut < size; cut += 1 + size / BODY_CUT_STEPS) {
        uint8_t *const at = guard_at_end(&guard, cut);
        memcpy(at, bytes, cut);
        body_check_size(read(out, count, at, cut), open_end);
    }
    uint8_t *const longer = guard_at_end(&guard, size + 1);
    memcpy(longer, bytes, size);
    longer[size] = 0;
    body_check_size(read(out, count, longer, size + 1), open_end);

    uint8_t *const at = guard_at_end(&guard, size);
    for (unsigned k = 0; k < BODY_CHANGES; k++) {
        const uint64_t random = seed_next(seed);
        const size_t reach = k % 2 == 0 && size > 24 ? 24 : size;
        memcpy(at, bytes, size);
        at[random % reach] ^= (uint8_t)(1u << (random >> 32 & 7));
        if (k % 3 == 0)
            at[(random >> 16) % reach] = (uint8_t)(random >> 40);
        const nanots_status status = read(out, count, at, size);
        assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
    }
    memcpy(at, bytes, size);
    assert_int_equal(read(out, count, at, size), NANOTS_OK);
    assert_memory_equal(out, values, 8 * count);
    guard_close(&guard);
    guard_close(&out_guard);
}

/* Memory that ends with the body: a writer that goes on dies. */
static inline uint8_t *body_room(struct guard *guard, size_t size)
{
    *guard = guard_open(BODY_SIZE_MAX);
    assert_in_range(size, 1, BODY_SIZE_MAX);
    return guard_at_end(guard, size);
}

#endif
