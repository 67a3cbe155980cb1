/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/checksum.h - XXH3-64 (xxhash.h, header-only; https://xxhash.com), the one checksum of the
 * format. Pure; any thread. */
#ifndef NTS_CHECKSUM_H
#define NTS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t nts_checksum(const void *bytes, size_t size);
uint64_t nts_checksum_seeded(const void *bytes, size_t size, uint64_t seed);

#endif
