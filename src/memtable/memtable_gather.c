/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memtable/memtable_gather.c - rows of a memtable as timestamps and columns.
 *
 *   slots of chunks --> 256 slots in a row --> values, bits or strings of the buffer
 *                 \---- 8-byte types: straight -----^
 */
#include "memtable/memtable.h"

#include <string.h>

#include "base/bytes.h"

#define GATHER_ROWS 256u

/* What is read: slot `slot` (0 is ts) of rows [first, first + count), by `order` if given. */
struct gather {
    const struct nts_memtable *memtable;
    const uint32_t *order;
    uint32_t first;
    uint32_t count;
};

static void gather_slots(const struct gather *from, uint32_t slot, void *dst)
{
    uint8_t *to = dst;
    for (uint32_t done = 0; done < from->count;) {
        const uint32_t row =
            from->order == NULL ? from->first + done : from->order[from->first + done];
        const uint32_t end = from->order == NULL ? from->first + from->count : row + 1;
        const struct nts_memtable_slice slice = nts_memtable_slice(from->memtable, row, end);
        const int64_t *slots = slice.ts + slot * slice.stride;
        if (slice.row_count == 1)
            memcpy(to, slots, sizeof *slots); /* of a known size: no call */
        else
            memcpy(to, slots, slice.row_count * sizeof *slots);
        to += slice.row_count * sizeof *slots;
        done += slice.row_count;
    }
}

/* Which rows are present, as bits. */
static void gather_validity(const struct gather *from, uint32_t nullable_index, uint8_t *bits)
{
    for (uint32_t done = 0; done < from->count;) {
        const uint32_t row =
            from->order == NULL ? from->first + done : from->order[from->first + done];
        const uint32_t end = from->order == NULL ? from->first + from->count : row + 1;
        const struct nts_memtable_slice slice = nts_memtable_slice(from->memtable, row, end);
        const uint8_t *present = slice.validity + nullable_index * slice.stride;
        for (uint32_t i = 0; i < slice.row_count; i++)
            nts_bit_set(bits, done + i, present[i] != 0);
        done += slice.row_count;
    }
}

static const uint8_t *slot_text(int64_t slot, uint32_t *size_out)
{
    const uint8_t *text = (const uint8_t *)(intptr_t)slot;
    *size_out = 0;
    if (text == NULL)
        return NULL;
    memcpy(size_out, text, sizeof *size_out);
    return text + sizeof *size_out;
}

static nanots_status gather_put_text(struct nts_column_buffer *dst, size_t at, const int64_t *slots,
                                     uint32_t count, struct nanots_error *error)
{
    size_t total = 0;
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        (void)slot_text(slots[i], &size);
        total += size;
    }
    NTS_TRY(nts_column_buffer_reserve(dst, at, total, error));
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *text = slot_text(slots[i], &size);
        const size_t begin = (size_t)dst->offsets[at + i];
        if (size != 0)
            memcpy((uint8_t *)dst->values + begin, text, size);
        dst->offsets[at + i + 1] = (int32_t)(begin + size);
    }
    return NANOTS_OK;
}

/* Slots as values of the buffer's type, which is none of 8 bytes. */
static nanots_status gather_put(struct nts_column_buffer *dst, size_t at, const int64_t *slots,
                                uint32_t count, struct nanots_error *error)
{
    if (dst->type == NANOTS_TYPE_UTF8)
        return gather_put_text(dst, at, slots, count, error);
    for (uint32_t i = 0; i < count; i++) {
        if (dst->type == NANOTS_TYPE_BOOL)
            nts_bit_set(dst->values, at + i, slots[i] != 0);
        else
            ((uint32_t *)dst->values)[at + i] = (uint32_t)slots[i];
    }
    return NANOTS_OK;
}

void nts_memtable_gather_ts(const struct nts_memtable *memtable, const uint32_t *order,
                            uint32_t first, uint32_t count, int64_t *dst)
{
    const struct gather from = {memtable, order, first, count};
    gather_slots(&from, 0, dst);
}

nanots_status nts_memtable_gather(const struct nts_memtable *memtable, const uint32_t *order,
                                  uint32_t first, uint32_t count, uint32_t column,
                                  struct nts_column_buffer *dst, size_t at,
                                  struct nanots_error *error)
{
    if (column >= memtable->column_count) {
        nts_column_buffer_put_nulls(dst, at, count);
        return NANOTS_OK;
    }
    const struct nts_column_def *def = &memtable->def->columns[column];
    const bool is_wide = nts_type_width(dst->type) == 8;
    struct gather from = {memtable, order, first, count};
    int64_t slots[GATHER_ROWS];
    uint8_t bits[GATHER_ROWS / 8];

    if (is_wide)
        gather_slots(&from, column + 1, (uint8_t *)dst->values + at * 8);
    if (is_wide && !nts_column_is_nullable(def))
        return NANOTS_OK;
    for (uint32_t done = 0; done < count; done += from.count) {
        from.first = first + done;
        from.count = count - done < GATHER_ROWS ? count - done : GATHER_ROWS;
        if (!is_wide) {
            gather_slots(&from, column + 1, slots);
            NTS_TRY(gather_put(dst, at + done, slots, from.count, error));
        }
        if (nts_column_is_nullable(def)) {
            gather_validity(&from, def->nullable_index, bits);
            nts_column_buffer_put_validity(dst, at + done, bits, 0, from.count);
        }
    }
    return NANOTS_OK;
}
