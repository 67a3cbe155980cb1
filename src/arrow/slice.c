/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/slice.c - what one array of a column says, checked before it is believed. Contract:
 * import.h.
 *
 *   kind           buffers
 *   null           -
 *   bool, numbers  validity | values
 *   string         validity | int32 offsets | bytes
 *   large_string   validity | int64 offsets | bytes
 *   string_view    validity | views of 16 bytes | data 0 | data 1 | ... | int64 sizes of these
 *
 *   a view of up to 12 bytes:  | size i32 | bytes                              |
 *   of more:                   | size i32 | 4 bytes | data index i32 | offset i32 |
 *
 * Values may lie at any address: they are read by memcpy.
 */
#include <string.h>

#include "arrow/import.h"

#define ELEMENTS_MAX (INT64_MAX / 32) /* so that no size in bytes overflows */

#define VIEW_SIZE        16u
#define VIEW_INLINE_MAX  12
#define VIEW_BUFFERS_MIN 3

static nanots_status slice_fail(const struct nts_arrow_slice *slice, struct nanots_error *error,
                                const char *what)
{
    return nts_fail(error, NANOTS_INVALID, "table '%.60s', column '%.60s': the Arrow array %s",
                    slice->table, slice->column, what);
}

static bool buffer_count_is_right(enum nts_arrow_kind kind, int64_t count)
{
    if (kind == NTS_ARROW_STRING_VIEW)
        return count >= VIEW_BUFFERS_MIN && count < INT32_MAX;
    return count == (nts_arrow_is_string(kind) ? 3 : 2);
}

/* The struct itself, before anything of it is used. */
static nanots_status slice_check_struct(const struct nts_arrow_slice *slice,
                                        const struct ArrowArray *array, struct nanots_error *error)
{
    if (array == NULL)
        return slice_fail(slice, error, "is NULL");
    if (array->release == NULL)
        return slice_fail(slice, error, "was released or moved away");
    if (array->length < 0 || array->offset < 0)
        return slice_fail(slice, error, "has a negative length or offset");
    if (array->length > ELEMENTS_MAX || array->offset > ELEMENTS_MAX - array->length)
        return slice_fail(slice, error, "has a length and offset beyond all memory");
    if (array->null_count < -1 || array->null_count > array->length)
        return slice_fail(slice, error, "has an impossible null_count");
    if (array->n_children != 0)
        return slice_fail(slice, error, "has children");
    if (slice->kind == NTS_ARROW_NULL)
        return NANOTS_OK;
    if (!buffer_count_is_right(slice->kind, array->n_buffers))
        return slice_fail(slice, error, "has a wrong number of buffers");
    if (array->buffers == NULL)
        return slice_fail(slice, error, "has no buffers");
    return NANOTS_OK;
}

nanots_status nts_arrow_slice_init(struct nts_arrow_slice *slice, const struct ArrowArray *array,
                                   size_t row, size_t count, struct nanots_error *error)
{
    NTS_TRY(slice_check_struct(slice, array, error));
    if (row > (uint64_t)array->length || count > (uint64_t)array->length - row)
        return slice_fail(slice, error, "is shorter than the struct it belongs to");
    if ((uint64_t)array->offset + row > SIZE_MAX / 32 - count)
        return slice_fail(slice, error, "has a length and offset beyond all memory");
    slice->array = array;
    slice->first = (size_t)array->offset + row;
    slice->count = count;
    slice->validity = NULL;
    if (slice->kind == NTS_ARROW_NULL)
        return NANOTS_OK;
    if (array->null_count != 0)
        slice->validity = array->buffers[0];
    if (array->null_count > 0 && slice->validity == NULL)
        return slice_fail(slice, error, "has nulls, but no validity");
    if (count != 0 && array->buffers[1] == NULL)
        return slice_fail(slice, error, "has rows, but no values");
    if (slice->kind == NTS_ARROW_STRING_VIEW && array->n_buffers > VIEW_BUFFERS_MIN &&
        array->buffers[array->n_buffers - 1] == NULL)
        return slice_fail(slice, error, "has no sizes of its data buffers");
    return NANOTS_OK;
}

size_t nts_arrow_first_null(const struct nts_arrow_slice *slice)
{
    if (slice->validity == NULL || slice->count == 0)
        return slice->count;
    if (!nts_bit_get(slice->validity, slice->first))
        return 0;
    return nts_bits_run(slice->validity, slice->first, slice->first + slice->count);
}

/* ---- integers ----------------------------------------------------------------------------- */

#define LOAD_INTEGERS(type)                                                                        \
    for (size_t i = 0; i < count; i++) {                                                           \
        type value;                                                                                \
        memcpy(&value, from + i * sizeof value, sizeof value);                                     \
        dst[i] = value;                                                                            \
    }                                                                                              \
    break

void nts_arrow_load_integers(const struct nts_arrow_slice *slice, size_t row, size_t count,
                             int64_t *dst)
{
    const uint8_t *from = (const uint8_t *)slice->array->buffers[1] +
                          (slice->first + row) * nts_arrow_kind_width(slice->kind);
    switch (slice->kind) {
    case NTS_ARROW_INT8:
        LOAD_INTEGERS(int8_t);
    case NTS_ARROW_UINT8:
        LOAD_INTEGERS(uint8_t);
    case NTS_ARROW_INT16:
        LOAD_INTEGERS(int16_t);
    case NTS_ARROW_UINT16:
        LOAD_INTEGERS(uint16_t);
    case NTS_ARROW_INT32:
    case NTS_ARROW_DATE32:
        LOAD_INTEGERS(int32_t);
    case NTS_ARROW_UINT32:
        LOAD_INTEGERS(uint32_t);
    default: /* of uint64 the upper half is negative: no index, and no other use */
        memcpy(dst, from, count * sizeof *dst);
    }
}

/* ---- strings ------------------------------------------------------------------------------ */

/* Offset `i` of the slice, from its first string on. */
static int64_t offset_at(const struct nts_arrow_slice *slice, size_t i)
{
    const uint8_t *offsets = slice->array->buffers[1];
    if (slice->kind == NTS_ARROW_STRING) {
        int32_t offset;
        memcpy(&offset, offsets + (slice->first + i) * sizeof offset, sizeof offset);
        return offset;
    }
    int64_t offset;
    memcpy(&offset, offsets + (slice->first + i) * sizeof offset, sizeof offset);
    return offset;
}

static nanots_status fail_offsets(const struct nts_arrow_slice *slice, size_t row,
                                  struct nanots_error *error)
{
    return nts_fail(error, NANOTS_INVALID,
                    "table '%.60s', column '%.60s': the offsets of the Arrow array go backwards or "
                    "lead outside at row %zu",
                    slice->table, slice->column, row);
}

static nanots_status string_of_view(const struct nts_arrow_slice *slice, size_t row,
                                    const uint8_t **bytes_out, size_t *size_out,
                                    struct nanots_error *error)
{
    const struct ArrowArray *array = slice->array;
    const uint8_t *view = (const uint8_t *)array->buffers[1] + (slice->first + row) * VIEW_SIZE;
    const int64_t data_count = array->n_buffers - VIEW_BUFFERS_MIN;
    int32_t parts[VIEW_SIZE / sizeof(int32_t)];

    memcpy(parts, view, sizeof parts);
    const int64_t size = parts[0];
    const int32_t index = parts[2];
    const int64_t offset = parts[3];
    if (size < 0)
        return fail_offsets(slice, row, error);
    *size_out = (size_t)size;
    *bytes_out = view + sizeof(int32_t);
    if (size <= VIEW_INLINE_MAX)
        return NANOTS_OK;
    if (index < 0 || index >= data_count || offset < 0)
        return fail_offsets(slice, row, error);
    int64_t data_size;
    memcpy(&data_size,
           (const uint8_t *)array->buffers[array->n_buffers - 1] + (size_t)index * sizeof data_size,
           sizeof data_size);
    const uint8_t *data = array->buffers[2 + index];
    if (data == NULL || size > data_size || offset > data_size - size)
        return fail_offsets(slice, row, error);
    *bytes_out = data + offset;
    return NANOTS_OK;
}

nanots_status nts_arrow_string(const struct nts_arrow_slice *slice, size_t row,
                               const uint8_t **bytes_out, size_t *size_out,
                               struct nanots_error *error)
{
    if (slice->kind == NTS_ARROW_STRING_VIEW)
        return string_of_view(slice, row, bytes_out, size_out, error);
    const int64_t from = offset_at(slice, row);
    const int64_t to = offset_at(slice, row + 1);
    const uint8_t *bytes = slice->array->buffers[2];
    if (from < 0 || to < from || (to != from && bytes == NULL) || (uint64_t)to > SIZE_MAX / 2)
        return fail_offsets(slice, row, error);
    *size_out = (size_t)(to - from);
    *bytes_out = to == from ? (const uint8_t *)"" : bytes + from;
    return NANOTS_OK;
}
