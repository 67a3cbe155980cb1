/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/checksum.c - XXH3-64, compiled into this file alone: nothing to link, no symbol exported. */
#include "util/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t nts_checksum(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t nts_checksum_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}
