/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/ranks.c - finding the different values of a chunk, and looking them up. Contract: ranks.h.
 *
 *   value --> ordered bits --> hash --> slots[]: 1 + its place in entries[], 0: free
 *
 * A quarter of the slots are taken at the most; a value that is not in its slot is in the next one
 * or the one behind that, and so on.
 */
#include "codec/ranks.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/f64.h"
#include "codec/ordered.h"
#include "codec/varint.h"

#define RANKS_SLOT_BITS   15u
#define RANKS_SLOT_COUNT  (1u << RANKS_SLOT_BITS)
#define RANKS_BLOCK_COUNT 64u

/* Of sorting by digits. */
#define RANKS_DIGIT_BITS  11u
#define RANKS_DIGIT_COUNT (1u << RANKS_DIGIT_BITS)

#define RANKS_SIGN ((uint64_t)1 << 63)

struct nts_ranks_table {
    size_t count;
    uint64_t entries[NTS_RANKS_COUNT_MAX]; /* ordered bits */
    uint64_t work[NTS_RANKS_COUNT_MAX];
    uint16_t slots[RANKS_SLOT_COUNT];
};
static_assert(NTS_RANKS_COUNT_MAX * 4 <= RANKS_SLOT_COUNT, "slots stay mostly free");

struct nts_ranks_table *nts_ranks_table_new(const struct nanots_allocator *alloc)
{
    struct nts_ranks_table *table = nts_alloc(alloc, sizeof *table);

    if (table != NULL)
        nts_ranks_clear(table);
    return table;
}

void nts_ranks_clear(struct nts_ranks_table *table)
{
    table->count = 0;
    memset(table->slots, 0, sizeof table->slots);
}

/* The slot that has the key, or a free one where it belongs. */
static size_t ranks_slot(const struct nts_ranks_table *table, uint64_t key)
{
    size_t slot = (size_t)(key * 0x9E3779B97F4A7C15u >> (64 - RANKS_SLOT_BITS));

    while (table->slots[slot] != 0 && table->entries[table->slots[slot] - 1] != key)
        slot = (slot + 1) % RANKS_SLOT_COUNT;
    return slot;
}

bool nts_ranks_add(struct nts_ranks_table *table, const double *src, size_t count)
{
    uint64_t keys[RANKS_BLOCK_COUNT];

    for (size_t start = 0; start < count; start += RANKS_BLOCK_COUNT) {
        const size_t block = count - start < RANKS_BLOCK_COUNT ? count - start : RANKS_BLOCK_COUNT;
        (void)nts_ordered_from_f64(keys, src + start, block, 0);
        for (size_t i = 0; i < block; i++) {
            const size_t slot = ranks_slot(table, keys[i]);
            if (table->slots[slot] != 0)
                continue;
            if (table->count == NTS_RANKS_COUNT_MAX)
                return false;
            table->entries[table->count++] = keys[i];
            table->slots[slot] = (uint16_t)table->count;
        }
    }
    return true;
}

size_t nts_ranks_count(const struct nts_ranks_table *table)
{
    return table->count;
}

/* Sorts by one digit; false, and nothing done, if all have the same there. */
static bool ranks_sort_digit(uint64_t *dst, const uint64_t *src, size_t count, unsigned shift)
{
    uint16_t places[RANKS_DIGIT_COUNT] = {0};
    size_t place = 0;

    for (size_t i = 0; i < count; i++)
        places[src[i] >> shift & (RANKS_DIGIT_COUNT - 1)]++;
    if (places[src[0] >> shift & (RANKS_DIGIT_COUNT - 1)] == count)
        return false;
    for (size_t digit = 0; digit < RANKS_DIGIT_COUNT; digit++) {
        const uint16_t digit_count = places[digit];
        places[digit] = (uint16_t)place;
        place += digit_count;
    }
    for (size_t i = 0; i < count; i++)
        dst[places[src[i] >> shift & (RANKS_DIGIT_COUNT - 1)]++] = src[i];
    return true;
}

void nts_ranks_sort(struct nts_ranks_table *table)
{
    uint64_t *from = table->entries;
    uint64_t *to = table->work;

    if (table->count == 0)
        return;
    for (size_t i = 0; i < table->count; i++)
        from[i] ^= RANKS_SIGN; /* so that negative ones come first */
    for (unsigned shift = 0; shift < 64; shift += RANKS_DIGIT_BITS) {
        if (!ranks_sort_digit(to, from, table->count, shift))
            continue;
        uint64_t *const other = from;
        from = to;
        to = other;
    }
    memset(table->slots, 0, sizeof table->slots);
    for (size_t i = 0; i < table->count; i++) {
        const uint64_t key = from[i] ^ RANKS_SIGN;
        table->entries[i] = key;
        table->slots[ranks_slot(table, key)] = (uint16_t)(i + 1);
    }
}

bool nts_ranks_from_f64(uint64_t *dst, const struct nts_ranks_table *table, const double *src,
                        size_t count)
{
    (void)nts_ordered_from_f64(dst, src, count, 0);
    for (size_t i = 0; i < count; i++) {
        const unsigned place = table->slots[ranks_slot(table, dst[i])];
        if (place == 0)
            return false;
        dst[i] = place - 1;
    }
    return true;
}

size_t nts_ranks_write(uint8_t *dst, size_t size_max, const struct nts_ranks_table *table,
                       struct nts_codec_scratch *scratch)
{
    struct nts_f64_choice choice = {.age = 0};
    double *const values = scratch->wide;
    uint8_t *at = nts_varint_put(dst, table->count);

    assert(table->count >= 1);
    for (size_t start = 0; start < table->count; start += NTS_VECTOR_ROWS) {
        const size_t left = table->count - start;
        const size_t count = left < NTS_VECTOR_ROWS ? left : NTS_VECTOR_ROWS;
        nts_ordered_to_f64(values, table->entries + start, count, 0);
        const size_t size =
            nts_f64_encode_next(scratch, &choice, scratch->wide_bytes, values, count);
        at = nts_varint_put(at, size);
        memcpy(at, scratch->wide_bytes, size);
        at += size;
        if ((size_t)(at - dst) >= size_max)
            return 0;
    }
    return (size_t)(at - dst);
}

/* Reads the vectors of the part. */
static nanots_status ranks_read_entries(struct nts_ranks *ranks, struct nts_codec_scratch *scratch,
                                        const uint8_t *at, const uint8_t *end)
{
    for (size_t start = 0; start < ranks->count; start += NTS_VECTOR_ROWS) {
        const size_t left = ranks->count - start;
        const size_t count = left < NTS_VECTOR_ROWS ? left : NTS_VECTOR_ROWS;
        uint64_t size;
        at = nts_varint_get(at, end, &size);
        if (at == NULL || size > (size_t)(end - at))
            return NANOTS_CORRUPT;
        NTS_TRY(nts_f64_decode(scratch, scratch->wide, count, at, (size_t)size));
        memcpy(ranks->entries + start, scratch->wide, count * sizeof scratch->wide[0]);
        at += (size_t)size;
    }
    return at == end ? NANOTS_OK : NANOTS_CORRUPT;
}

nanots_status nts_ranks_read(struct nts_ranks **out, const struct nanots_allocator *alloc,
                             struct nts_codec_scratch *scratch, const uint8_t *src, size_t src_size)
{
    const uint8_t *const end = src + src_size;
    uint64_t count;

    *out = NULL;
    const uint8_t *const at = nts_varint_get(src, end, &count);
    if (at == NULL || count < 1 || count > NTS_RANKS_COUNT_MAX)
        return NANOTS_CORRUPT;
    struct nts_ranks *const ranks =
        nts_alloc(alloc, sizeof *ranks + (size_t)count * sizeof ranks->entries[0]);
    if (ranks == NULL)
        return NANOTS_NO_MEMORY;
    ranks->count = (size_t)count;
    const nanots_status status = ranks_read_entries(ranks, scratch, at, end);
    if (status == NANOTS_OK)
        *out = ranks;
    else
        nts_free(ranks);
    return status;
}

nanots_status nts_ranks_to_f64(double *dst, const struct nts_ranks *ranks, const uint64_t *src,
                               size_t count)
{
    const uint64_t last = ranks->count - 1;
    uint64_t beyond = 0; /* its sign: a rank is above the last, or negative */

    for (size_t i = 0; i < count; i++)
        beyond |= (last - src[i]) | src[i];
    if (beyond >> 63 != 0)
        return NANOTS_CORRUPT;
    for (size_t i = 0; i < count; i++)
        dst[i] = ranks->entries[(size_t)src[i]];
    return NANOTS_OK;
}
