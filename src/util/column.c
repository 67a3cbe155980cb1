/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/column.c - views and buffers of columns. Contract: column.h. */
#include "util/column.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "util/stream_copy.h"

const char *nanots_type_name(nanots_type type)
{
    static const char *const names[] = {
        [NANOTS_TYPE_F64] = "f64", [NANOTS_TYPE_F32] = "f32",   [NANOTS_TYPE_I64] = "i64",
        [NANOTS_TYPE_I32] = "i32", [NANOTS_TYPE_BOOL] = "bool", [NANOTS_TYPE_UTF8] = "utf8"};
    return (unsigned)type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

const char *nanots_tier_name(nanots_tier tier)
{
    static const char *const names[] = {
        [NANOTS_TIER_AUTO] = "auto", [NANOTS_TIER_HOT] = "hot", [NANOTS_TIER_PACKED] = "packed"};
    return (unsigned)tier <= NANOTS_TIER_PACKED ? names[tier] : NULL;
}

const char *nanots_time_unit_name(nanots_time_unit unit)
{
    static const char *const names[] = {[NANOTS_UNIT_MS] = "ms",
                                        [NANOTS_UNIT_S] = "s",
                                        [NANOTS_UNIT_US] = "us",
                                        [NANOTS_UNIT_NS] = "ns"};
    return (unsigned)unit < sizeof names / sizeof names[0] ? names[unit] : NULL;
}

size_t nts_column_null_count(const struct nts_column *column, size_t row, size_t count)
{
    if (column->all_null)
        return count;
    if (column->validity == NULL)
        return 0;
    return count - nts_bits_count(column->validity, column->first + row, count);
}

size_t nts_column_byte_count(const struct nts_column *column, size_t row, size_t count)
{
    assert(column->type == NANOTS_TYPE_UTF8);
    if (column->all_null)
        return 0;
    const int32_t *offsets = column->offsets + column->first + row;
    return (size_t)(offsets[count] - offsets[0]);
}

/* ---- buffers ------------------------------------------------------------------------------ */

#define BUFFER_BYTES_FIRST 4096u

/* Bytes of the values of `rows` rows; of strings there is a little to begin with. */
static size_t buffer_value_bytes(unsigned type, size_t rows)
{
    if (type == NANOTS_TYPE_UTF8)
        return BUFFER_BYTES_FIRST;
    return type == NANOTS_TYPE_BOOL ? rows / 8 + 1 : rows * nts_type_width(type) + 1;
}

nanots_status nts_column_buffer_init(struct nts_column_buffer *buffer,
                                     const struct nanots_allocator *alloc, unsigned type,
                                     bool nullable, size_t capacity, struct nanots_error *error)
{
    const size_t value_bytes = buffer_value_bytes(type, capacity);
    memset(buffer, 0, sizeof *buffer);
    buffer->alloc = alloc;
    buffer->type = (uint8_t)type;
    buffer->capacity = capacity;
    buffer->is_large = nts_type_width(type) != 0 && value_bytes >= NTS_STREAM_BYTES;
    buffer->values = nts_alloc(alloc, value_bytes);
    if (type == NANOTS_TYPE_UTF8) {
        buffer->byte_capacity = value_bytes;
        buffer->offsets = nts_alloc_array(alloc, capacity + 1, sizeof(int32_t));
    }
    if (nullable)
        buffer->validity = nts_alloc(alloc, capacity / 8 + 1);
    if (buffer->values == NULL || (nullable && buffer->validity == NULL) ||
        (type == NANOTS_TYPE_UTF8 && buffer->offsets == NULL)) {
        nts_column_buffer_deinit(buffer);
        return nts_fail_memory(error, value_bytes);
    }
    nts_column_buffer_clear(buffer);
    return NANOTS_OK;
}

void nts_column_buffer_deinit(struct nts_column_buffer *buffer)
{
    nts_free(buffer->values);
    nts_free(buffer->validity);
    nts_free(buffer->offsets);
    memset(buffer, 0, sizeof *buffer);
}

void nts_column_buffer_clear(struct nts_column_buffer *buffer)
{
    buffer->has_nulls = false;
    if (buffer->offsets != NULL)
        buffer->offsets[0] = 0;
}

struct nts_column nts_column_buffer_view(const struct nts_column_buffer *buffer)
{
    const struct nts_column view = {.type = buffer->type,
                                    .values = buffer->values,
                                    .validity = buffer->has_nulls ? buffer->validity : NULL,
                                    .offsets = buffer->offsets};
    return view;
}

nanots_status nts_column_buffer_reserve(struct nts_column_buffer *buffer, size_t at,
                                        size_t byte_count, struct nanots_error *error)
{
    const size_t used = (size_t)buffer->offsets[at];
    if (byte_count > INT32_MAX - used)
        return nts_fail(error, NANOTS_TOO_BIG, "strings of more than 2 GiB in one batch");
    if (used + byte_count <= buffer->byte_capacity)
        return NANOTS_OK;
    size_t capacity = buffer->byte_capacity;
    while (capacity < used + byte_count)
        capacity *= 2;
    void *values = nts_realloc(buffer->alloc, buffer->values, capacity);
    if (values == NULL)
        return nts_fail_memory(error, capacity);
    buffer->values = values;
    buffer->byte_capacity = capacity;
    return NANOTS_OK;
}

/* From the first null on every row has its bit. */
static void buffer_begin_nulls(struct nts_column_buffer *buffer, size_t at)
{
    assert(buffer->validity != NULL);
    if (!buffer->has_nulls)
        nts_bits_fill(buffer->validity, 0, at, true);
    buffer->has_nulls = true;
}

void nts_column_buffer_put_validity(struct nts_column_buffer *buffer, size_t at,
                                    const uint8_t *validity, size_t bit, size_t count)
{
    const bool has_nulls = validity != NULL && nts_bits_count(validity, bit, count) != count;
    if (has_nulls) {
        buffer_begin_nulls(buffer, at);
        nts_bits_copy(buffer->validity, at, validity, bit, count);
    } else if (buffer->has_nulls) {
        nts_bits_fill(buffer->validity, at, count, true);
    }
}

static void buffer_put_validity_reversed(struct nts_column_buffer *buffer, size_t at,
                                         const struct nts_column *from, size_t row, size_t count)
{
    if (nts_column_null_count(from, row, count) != 0)
        buffer_begin_nulls(buffer, at);
    if (!buffer->has_nulls)
        return;
    for (size_t i = 0; i < count; i++)
        nts_bit_set(buffer->validity, at + i, !nts_column_is_null(from, row + count - 1 - i));
}

void nts_column_buffer_put_nulls(struct nts_column_buffer *buffer, size_t at, size_t count)
{
    const size_t width = nts_type_width(buffer->type);
    if (count == 0)
        return;
    buffer_begin_nulls(buffer, at);
    nts_bits_fill(buffer->validity, at, count, false);
    if (buffer->type == NANOTS_TYPE_UTF8)
        for (size_t i = 0; i < count; i++)
            buffer->offsets[at + i + 1] = buffer->offsets[at];
    else if (buffer->type == NANOTS_TYPE_BOOL)
        nts_bits_fill(buffer->values, at, count, false);
    else
        memset((uint8_t *)buffer->values + at * width, 0, count * width);
}

static void buffer_put_fixed(struct nts_column_buffer *buffer, size_t at,
                             const struct nts_column *from, size_t row, size_t count, bool reverse)
{
    const size_t width = nts_type_width(buffer->type);
    uint8_t *to = (uint8_t *)buffer->values + at * width;
    const uint8_t *src = nts_column_at(from, row);
    if (!reverse && buffer->is_large)
        nts_stream_copy(to, src, count * width);
    else if (!reverse)
        memcpy(to, src, count * width);
    else if (width == 8)
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * 8, src + (count - 1 - i) * 8, 8);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * 4, src + (count - 1 - i) * 4, 4);
}

static void buffer_put_bits(struct nts_column_buffer *buffer, size_t at,
                            const struct nts_column *from, size_t row, size_t count, bool reverse)
{
    const size_t first = from->first + row;
    if (!reverse) {
        nts_bits_copy(buffer->values, at, from->values, first, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        nts_bit_set(buffer->values, at + i, nts_bit_get(from->values, first + count - 1 - i));
}

static nanots_status buffer_put_strings(struct nts_column_buffer *buffer, size_t at,
                                        const struct nts_column *from, size_t row, size_t count,
                                        bool reverse, struct nanots_error *error)
{
    const int32_t *offsets = from->offsets + from->first + row;
    const uint8_t *bytes = from->values;
    NTS_TRY(nts_column_buffer_reserve(buffer, at, nts_column_byte_count(from, row, count), error));
    int32_t end = buffer->offsets[at];
    if (!reverse && offsets[count] != offsets[0])
        memcpy((uint8_t *)buffer->values + end, bytes + offsets[0],
               (size_t)(offsets[count] - offsets[0]));
    for (size_t i = 0; i < count; i++) {
        const size_t string = reverse ? count - 1 - i : i;
        const int32_t size = offsets[string + 1] - offsets[string];
        if (reverse && size != 0)
            memcpy((uint8_t *)buffer->values + end, bytes + offsets[string], (size_t)size);
        end += size;
        buffer->offsets[at + i + 1] = end;
    }
    return NANOTS_OK;
}

nanots_status nts_column_buffer_put(struct nts_column_buffer *buffer, size_t at,
                                    const struct nts_column *from, size_t row, size_t count,
                                    bool reverse, struct nanots_error *error)
{
    assert(from->type == buffer->type);
    assert(at + count <= buffer->capacity);
    if (from->all_null) {
        nts_column_buffer_put_nulls(buffer, at, count);
        return NANOTS_OK;
    }
    if (buffer->type == NANOTS_TYPE_UTF8)
        NTS_TRY(buffer_put_strings(buffer, at, from, row, count, reverse, error));
    else if (buffer->type == NANOTS_TYPE_BOOL)
        buffer_put_bits(buffer, at, from, row, count, reverse);
    else
        buffer_put_fixed(buffer, at, from, row, count, reverse);
    if (reverse)
        buffer_put_validity_reversed(buffer, at, from, row, count);
    else
        nts_column_buffer_put_validity(buffer, at, from->validity, from->first + row, count);
    return NANOTS_OK;
}
