/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/position.h - places in a vector, and how many of them, as exceptions and patches store
 * them: 1 byte if the vector has at most 256 slots, else 2.
 */
#ifndef NTS_POSITION_H
#define NTS_POSITION_H

#include "base/bytes.h"

static inline size_t nts_position_size(size_t slot_count)
{
    return slot_count <= 256 ? 1 : 2;
}

/* Returns the byte after. */
static inline uint8_t *nts_position_put(uint8_t *at, size_t slot_count, size_t x)
{
    if (nts_position_size(slot_count) == 1) {
        *at = (uint8_t)x;
        return at + 1;
    }
    nts_store_u16(at, (uint16_t)x);
    return at + 2;
}

static inline size_t nts_position_get(const uint8_t *at, size_t slot_count)
{
    return nts_position_size(slot_count) == 1 ? *at : nts_load_u16(at);
}

#endif
