/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codec/dictionary.c - finding the different values of a vector, and codes both ways. */
#include "codec/dictionary.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/bitpack.h"

#define SLOT_BITS  10u
#define SLOT_COUNT (1u << SLOT_BITS)
#define HASH_PRIME 0x9E3779B97F4A7C15u

static unsigned code_width(size_t entry_count)
{
    return nts_bit_length(entry_count - 1);
}

/* Gives each value the number of its first appearance, in codes; entries become the different
 * values. Returns how many, 0 if they are more than entries_max. */
static size_t dictionary_collect(uint8_t *codes, uint64_t *entries, const uint64_t *src,
                                 size_t count, size_t entries_max)
{
    uint16_t slots[SLOT_COUNT] = {0}; /* entry + 1 */
    size_t entry_count = 0;

    for (size_t i = 0; i < count; i++) {
        size_t slot = (size_t)(src[i] * HASH_PRIME >> (64 - SLOT_BITS));
        while (slots[slot] != 0 && entries[slots[slot] - 1] != src[i])
            slot = (slot + 1) % SLOT_COUNT;
        if (slots[slot] == 0) {
            if (entry_count == entries_max)
                return 0;
            entries[entry_count++] = src[i];
            slots[slot] = (uint16_t)entry_count;
        }
        codes[i] = (uint8_t)(slots[slot] - 1);
    }
    return entry_count;
}

/* Sorts the entries as signed numbers; from[k] is where number k came from. Shell's method. */
static void dictionary_sort(uint64_t *entries, uint8_t *from, size_t entry_count)
{
    static const size_t gaps[] = {57, 23, 10, 4, 1};

    for (size_t k = 0; k < entry_count; k++)
        from[k] = (uint8_t)k;
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
        for (size_t i = gaps[g]; i < entry_count; i++) {
            const uint64_t entry = entries[i];
            const uint8_t origin = from[i];
            size_t place = i;
            for (; place >= gaps[g] && (int64_t)entries[place - gaps[g]] > (int64_t)entry;
                 place -= gaps[g]) {
                entries[place] = entries[place - gaps[g]];
                from[place] = from[place - gaps[g]];
            }
            entries[place] = entry;
            from[place] = origin;
        }
}

bool nts_dictionary_choose(struct nts_dictionary_plan *plan, struct nts_codec_scratch *scratch,
                           const uint64_t *src, size_t count, size_t entries_max)
{
    uint64_t *const entries = scratch->run_values;
    uint8_t from[NTS_DICTIONARY_ENTRIES_MAX];
    uint8_t rank[NTS_DICTIONARY_ENTRIES_MAX];

    assert(entries_max <= NTS_DICTIONARY_ENTRIES_MAX);
    const size_t entry_count = dictionary_collect(scratch->codes, entries, src, count, entries_max);
    if (entry_count < 2)
        return false;
    dictionary_sort(entries, from, entry_count);
    for (size_t k = 0; k < entry_count; k++)
        rank[from[k]] = (uint8_t)k;
    for (size_t i = 0; i < count; i++)
        scratch->codes[i] = rank[scratch->codes[i]];

    plan->entry_count = entry_count;
    plan->entries = nts_simple_choose(scratch, entries, entry_count);
    plan->size = 1 + nts_bitpack_size(count, code_width(entry_count)) + plan->entries.size;
    return true;
}

uint8_t *nts_dictionary_write(uint8_t *dst, const struct nts_dictionary_plan *plan,
                              struct nts_codec_scratch *scratch, size_t count)
{
    const unsigned width = code_width(plan->entry_count);

    *dst++ = (uint8_t)(plan->entry_count - 1);
    for (size_t i = 0; i < count; i++)
        scratch->a[i] = scratch->codes[i];
    nts_bitpack(dst, scratch->a, count, width);
    dst += nts_bitpack_size(count, width);
    return nts_simple_write(dst, &plan->entries, scratch, scratch->run_values, plan->entry_count);
}

nanots_status nts_dictionary_read(uint64_t *dst, size_t count, const uint8_t *src, size_t src_size)
{
    uint64_t entries[NTS_DICTIONARY_ENTRIES_MAX];
    uint64_t code_max = 0;

    if (src_size < 1 || src[0] < 1)
        return NANOTS_CORRUPT;
    const size_t entry_count = src[0] + (size_t)1;
    const unsigned width = code_width(entry_count);
    const size_t codes_size = nts_bitpack_size(count, width);
    if (src_size - 1 < codes_size)
        return NANOTS_CORRUPT;
    NTS_TRY(nts_simple_read(entries, entry_count, src + 1 + codes_size, src_size - 1 - codes_size));
    nts_bitunpack(dst, src + 1, count, width, 0);
    for (size_t i = 0; i < count; i++)
        code_max = dst[i] > code_max ? dst[i] : code_max;
    if (code_max >= entry_count)
        return NANOTS_CORRUPT;
    for (size_t i = 0; i < count; i++)
        dst[i] = entries[dst[i]];
    return NANOTS_OK;
}
