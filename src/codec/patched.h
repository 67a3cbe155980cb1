/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/patched.h - patched frame of reference: n numbers as a base and few bits each; the numbers
 * that need more bits (exceptions) are patched in afterwards.
 *
 *   +---------+--------------+ - - - - - - - - - - - - - - - - - - - - - - - +----------------+
 *   | control | base         | shape | m | m positions | m times h high bytes | packed        |
 *   | u8      | zigzag varint| u8    |   only if control says so              | n * w bits    |
 *   +---------+--------------+ - - - - - - - - - - - - - - - - - - - - - - - +----------------+
 *
 *   control  bits 0-6: width w, 0..64; bit 7: there are patches
 *   shape    bits 0-3: bytes h of a high part, 1..8; bits 4-6: 0; bit 7: numbers are zigzagged
 *   m        1..n; it and the positions take 1 byte each if n <= 256, else 2; positions rise
 *   packed   as codec/bitpack.h has it, nts_bitpack_size(n, w) bytes
 *
 *   u[i] = packed[i], at a patched position + (high << w);  w < 64 if there are patches
 *   x[i] = base + u[i], or base + unzigzag(u[i]);  all modulo 2^64
 *
 * Without patches the base is the minimum. With patches it is the minimum, if only large numbers
 * stand out, or a typical number with zigzag, if exceptions lie on both sides. The width is the one
 * of least total size, exactly.
 * Pure; any thread. Bytes are untrusted. Tests: unit/test_patched.c.
 * After: Zukowski, Heman, Nes, Boncz: Super-Scalar RAM-CPU Cache Compression, ICDE 2006 (PFOR).
 */
#ifndef NTS_PATCHED_H
#define NTS_PATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"

/* Slots of a block for `count` numbers of which the first `skipped` are not stored: lanes want
 * whole rows, so a full vector keeps a slot for each. */
static inline size_t nts_patched_slot_count(size_t count, size_t skipped)
{
    return count == NTS_VECTOR_ROWS ? count : count - skipped;
}

struct nts_patched_plan {
    size_t size; /* bytes of the whole block */
    uint64_t base;
    uint16_t patch_count;
    uint8_t width;
    uint8_t high_size; /* bytes of one high part */
    bool zigzag;
};

/* The best plan for src[0..count), laid out in `slot_count` slots: 1 <= count <= slot_count <=
 * 1024, and slots without a number will hold the base. */
struct nts_patched_plan nts_patched_choose(const uint64_t *src, size_t count, size_t slot_count);

/* Writes plan->size bytes for src[0..slot_count); `work` has room for slot_count numbers. Returns
 * the byte after. */
uint8_t *nts_patched_write(uint8_t *dst, const struct nts_patched_plan *plan, uint64_t *work,
                           const uint64_t *src, size_t slot_count);

/* Reads slot_count numbers; returns the byte after the block, NULL if it is corrupt. */
const uint8_t *nts_patched_read(uint64_t *dst, size_t slot_count, const uint8_t *at,
                                const uint8_t *end);

#endif
