/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/append_rows.c - rows of a caller, checked, measured and written. Contract: append_rows.h.
 */
#include "engine/append_rows.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "format/rows_payload.h"
#include "util/text.h"

/* ---- views -------------------------------------------------------------------------------- */

/* What a single value lacks to be a column. */
struct rows_cell {
    uint8_t bit;
    int32_t offsets[2];
};

struct nts_column nts_rows_view(const struct nts_rows *rows, uint32_t column, uint32_t first)
{
    struct nts_column view = {.type = NANOTS_TYPE_F64};
    assert(nts_rows_are_columnar(rows));
    if (rows->columns != NULL)
        view.values = rows->columns[column];
    else if (rows->batch != NULL)
        view = nts_column_of_batch(&rows->batch[column]);
    else
        view = rows->views[column];
    view.first += first;
    return view;
}

/* A single value as a column of one row; `cell` lives as long. */
static struct nts_column value_view(const struct nanots_value *value, struct rows_cell *cell)
{
    struct nts_column view = {.type = (uint8_t)value->type, .values = &value->as};
    if (value->type == NANOTS_TYPE_NULL)
        view.all_null = true;
    if (value->type == NANOTS_TYPE_BOOL) {
        cell->bit = value->as.boolean != 0;
        view.values = &cell->bit;
    }
    if (value->type == NANOTS_TYPE_UTF8) {
        cell->offsets[0] = 0;
        cell->offsets[1] = (int32_t)value->as.utf8.size;
        view.offsets = cell->offsets;
        view.values = value->as.utf8.data;
    }
    return view;
}

/* All rows of a column, unless they are doubles of several rows, row by row. */
static struct nts_column rows_column(const struct nts_rows *rows, uint32_t column,
                                     struct rows_cell *cell)
{
    if (rows->row != NULL)
        return value_view(&rows->row[column], cell);
    if (rows->values != NULL) {
        const struct nts_column view = {.type = NANOTS_TYPE_F64, .values = rows->values + column};
        assert(rows->row_count == 1);
        return view;
    }
    return nts_rows_view(rows, column, 0);
}

static bool rows_are_row_major(const struct nts_rows *rows)
{
    return rows->values != NULL && rows->row_count != 1;
}

/* ---- checks ------------------------------------------------------------------------------- */

/* Where a check stands. */
struct rows_check {
    const struct nts_rows *rows;
    const struct nts_table_def *def;
    uint32_t column;
    struct nanots_error *error;
};

static const char *type_text(unsigned type)
{
    const char *name = nanots_type_name((nanots_type)type);
    return name != NULL ? name : "of no known type";
}

static nanots_status rows_wrong_type(const struct rows_check *check, unsigned given)
{
    const struct nts_column_def *column = &check->def->columns[check->column];
    return nts_fail(check->error, NANOTS_TYPE_MISMATCH,
                    "table '%.80s', column '%.80s' is %s, the values given are %s",
                    check->def->name, column->name, type_text(column->type), type_text(given));
}

static nanots_status rows_wrong_at(const struct rows_check *check, size_t row, const char *what)
{
    return nts_fail(check->error, NANOTS_INVALID, "table '%.80s', column '%.80s', row %zu: %s",
                    check->def->name, check->def->columns[check->column].name, row, what);
}

static nanots_status rows_check_nulls(const struct rows_check *check, const struct nts_column *view)
{
    const uint32_t count = check->rows->row_count;
    if (nts_column_is_nullable(&check->def->columns[check->column]) ||
        nts_column_null_count(view, 0, count) == 0)
        return NANOTS_OK;
    size_t row = 0;
    while (!nts_column_is_null(view, row))
        row++;
    return rows_wrong_at(check, row, "null, where the table allows none");
}

/* Lengths of strings never are negative. */
static nanots_status rows_check_offsets(const struct rows_check *check,
                                        const struct nts_column *view)
{
    if (view->offsets == NULL)
        return rows_wrong_at(check, 0, "the offsets of the strings are NULL");
    const int32_t *offsets = view->offsets + view->first;
    if (offsets[0] < 0)
        return rows_wrong_at(check, 0, "the offset of the string is negative");
    for (size_t row = 0; row < check->rows->row_count; row++)
        if (offsets[row + 1] < offsets[row])
            return rows_wrong_at(check, row, "the string ends before it begins");
    return NANOTS_OK;
}

static nanots_status rows_check_text(const struct rows_check *check, const struct nts_column *view)
{
    const char *text = view->values;
    for (size_t row = 0; row < check->rows->row_count; row++) {
        const size_t size = nts_column_byte_count(view, row, 1);
        if (size == 0 || nts_column_is_null(view, row))
            continue;
        const char *string = text + view->offsets[view->first + row];
        const size_t valid = nts_utf8_valid_prefix(string, size);
        if (valid != size)
            return nts_fail(check->error, NANOTS_INVALID,
                            "table '%.80s', column '%.80s', row %zu: not UTF-8: byte 0x%02x at "
                            "offset %zu",
                            check->def->name, check->def->columns[check->column].name, row,
                            (unsigned char)string[valid], valid);
    }
    return NANOTS_OK;
}

/* What a value can be wrong in before it is seen as a column. */
static nanots_status rows_check_value(const struct rows_check *check)
{
    const struct nanots_value *value = &check->rows->row[check->column];
    if (value->type != NANOTS_TYPE_UTF8)
        return NANOTS_OK;
    if (value->as.utf8.size > INT32_MAX)
        return nts_fail(check->error, NANOTS_TOO_BIG,
                        "table '%.80s', column '%.80s': a string of %zu bytes; at most %d fit",
                        check->def->name, check->def->columns[check->column].name,
                        value->as.utf8.size, INT32_MAX);
    return NANOTS_OK;
}

static nanots_status rows_check_column(const struct rows_check *check,
                                       const struct nts_column *view)
{
    if (view->type != check->def->columns[check->column].type && !view->all_null)
        return rows_wrong_type(check, view->type);
    NTS_TRY(rows_check_nulls(check, view));
    if (view->all_null)
        return NANOTS_OK;
    const bool is_text = view->type == NANOTS_TYPE_UTF8;
    if (is_text)
        NTS_TRY(rows_check_offsets(check, view));
    if (view->values == NULL &&
        (!is_text || nts_column_byte_count(view, 0, check->rows->row_count) != 0))
        return nts_fail(check->error, NANOTS_INVALID,
                        "table '%.80s': the values of column '%.80s' are NULL", check->def->name,
                        check->def->columns[check->column].name);
    return is_text ? rows_check_text(check, view) : NANOTS_OK;
}

/* ---- sizes -------------------------------------------------------------------------------- */

/* The bytes of strings that are not null: those that are, a caller may have left in its array. */
static uint64_t column_text_size(const struct nts_column *view, uint32_t count)
{
    uint64_t size = 0;
    if (view->type != NANOTS_TYPE_UTF8 || view->all_null)
        return 0;
    if (view->validity == NULL)
        return nts_column_byte_count(view, 0, count);
    for (uint32_t row = 0; row < count; row++)
        size += nts_column_is_null(view, row) ? 0 : nts_column_byte_count(view, row, 1);
    return size;
}

uint64_t nts_rows_text_size(const struct nts_rows *rows, const struct nts_table_def *def,
                            uint32_t first, uint32_t count)
{
    uint64_t size = 0;
    if (rows->text_size == 0 || count == rows->row_count)
        return rows->text_size;
    for (uint32_t c = 0; c < rows->column_count; c++) {
        if (def->columns[c].type != NANOTS_TYPE_UTF8)
            continue;
        const struct nts_column view = nts_rows_view(rows, c, first);
        size += nts_column_byte_count(&view, 0, count);
    }
    return size;
}

nanots_status nts_rows_prepare(struct nts_rows *rows, const struct nts_table_def *def,
                               struct nanots_error *error)
{
    struct rows_check check = {.rows = rows, .def = def, .error = error};
    assert(rows->column_count == def->column_count);
    rows->payload_size = (uint64_t)rows->row_count * 8;
    rows->text_size = 0;
    for (uint32_t c = 0; c < rows->column_count; c++) {
        uint64_t text_size = 0;
        check.column = c;
        if (rows_are_row_major(rows)) {
            if (def->columns[c].type != NANOTS_TYPE_F64)
                return rows_wrong_type(&check, NANOTS_TYPE_F64);
        } else {
            struct rows_cell cell;
            if (rows->row != NULL)
                NTS_TRY(rows_check_value(&check));
            const struct nts_column view = rows_column(rows, c, &cell);
            NTS_TRY(rows_check_column(&check, &view));
            text_size = column_text_size(&view, rows->row_count);
        }
        rows->text_size += text_size;
        rows->payload_size += nts_payload_column_size(&def->columns[c], rows->row_count, text_size);
    }
    return NANOTS_OK;
}

/* ---- payload ------------------------------------------------------------------------------ */

/* Numbers of 4 or 8 bytes, in the file's order of bytes. */
static void numbers_store(uint8_t *dst, const uint8_t *src, size_t width, size_t count)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(dst, src, count * width);
#else
    for (size_t i = 0; i < count * width; i++)
        dst[i] = src[i / width * width + (width - 1 - i % width)];
#endif
}

static uint8_t *encode_lengths(const struct nts_column *view, uint32_t count, uint8_t *bytes)
{
    for (size_t row = 0; row < count; row++) {
        const bool is_null = nts_column_is_null(view, row);
        const size_t size = is_null ? 0 : nts_column_byte_count(view, row, 1);
        nts_store_u32(bytes + row * 4, (uint32_t)size);
    }
    return bytes + nts_round_up((uint64_t)count * 4, 8);
}

/* The bytes of all strings that are not null. */
static uint8_t *encode_text(const struct nts_column *view, uint32_t count, uint8_t *bytes)
{
    const char *text = view->values;
    uint8_t *const begin = bytes;
    const uint32_t step = view->validity == NULL ? count : 1;
    for (size_t row = 0; row < count; row += step) {
        const size_t size = nts_column_byte_count(view, row, step);
        if (size == 0 || nts_column_is_null(view, row))
            continue;
        memcpy(bytes, text + view->offsets[view->first + row], size);
        bytes += size;
    }
    return begin + nts_round_up((uint64_t)(bytes - begin), 8);
}

/* A null has the value 0 in the file. */
static void encode_zero_nulls(const struct nts_column *view, uint32_t count, uint8_t *values)
{
    const size_t width = nts_type_width(view->type);
    if (view->validity == NULL)
        return;
    for (size_t row = 0; row < count; row++) {
        if (!nts_column_is_null(view, row))
            continue;
        if (width == 0)
            nts_bit_set(values, row, false);
        else
            memset(values + row * width, 0, width);
    }
}

static uint8_t *encode_validity(const struct nts_column *view, uint32_t count, uint8_t *bytes)
{
    const size_t size = (size_t)nts_payload_bits_size(count);
    memset(bytes + size - 8, 0, 8);
    if (view->all_null)
        memset(bytes, 0, size);
    else if (view->validity == NULL)
        nts_bits_fill(bytes, 0, count, true);
    else
        nts_bits_copy(bytes, 0, view->validity, view->first, count);
    return bytes + size;
}

/* One column; zeros are put under the last word of each part before it is written. */
static uint8_t *encode_column(const struct nts_column *view, const struct nts_column_def *column,
                              uint32_t count, uint8_t *bytes)
{
    const uint64_t values_size = nts_payload_values_size(column->type, count);
    uint8_t *end = bytes;
    if (nts_column_is_nullable(column))
        end = bytes = encode_validity(view, count, bytes);
    end += nts_round_up(values_size, 8);
    if (view->all_null) {
        memset(bytes, 0, (size_t)(end - bytes));
        return end;
    }
    memset(end - 8, 0, 8);
    if (column->type == NANOTS_TYPE_UTF8) {
        const uint64_t text_size = column_text_size(view, count);
        if (text_size != 0)
            memset(end + nts_round_up(text_size, 8) - 8, 0, 8);
        return encode_text(view, count, encode_lengths(view, count, bytes));
    }
    if (column->type == NANOTS_TYPE_BOOL)
        nts_bits_copy(bytes, 0, view->values, view->first, count);
    else
        numbers_store(bytes, nts_column_at(view, 0), nts_type_width(view->type), count);
    encode_zero_nulls(view, count, bytes);
    return end;
}

/* Doubles of a column, row by row; all are present. */
static uint8_t *encode_strided(const struct nts_rows *rows, uint32_t c,
                               const struct nts_column_def *column, uint8_t *bytes)
{
    static const struct nts_column present = {.type = NANOTS_TYPE_F64};
    if (nts_column_is_nullable(column))
        bytes = encode_validity(&present, rows->row_count, bytes);
    for (size_t i = 0; i < rows->row_count; i++)
        nts_store_u64(bytes + i * 8, nts_bits_of_double(rows->values[i * rows->column_count + c]));
    return bytes + (size_t)rows->row_count * 8;
}

void nts_rows_encode_columns(const struct nts_rows *rows, const struct nts_table_def *def,
                             uint8_t *payload)
{
    const uint32_t count = rows->row_count;
    numbers_store(payload, (const uint8_t *)rows->ts, sizeof *rows->ts, count);
    uint8_t *bytes = payload + (size_t)count * 8;
    for (uint32_t c = 0; c < rows->column_count; c++) {
        struct rows_cell cell;
        if (rows_are_row_major(rows)) {
            bytes = encode_strided(rows, c, &def->columns[c], bytes);
            continue;
        }
        const struct nts_column view = rows_column(rows, c, &cell);
        bytes = encode_column(&view, &def->columns[c], count, bytes);
    }
    assert(bytes == payload + rows->payload_size);
}

/* ---- columns ------------------------------------------------------------------------------ */

/* Doubles that lie `stride` apart. */
static void gather_doubles(const double *from, size_t stride, const uint32_t *order, uint32_t count,
                           double *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[(order == NULL ? i : order[i]) * stride];
}

nanots_status nts_rows_gather(const struct nts_rows *rows, uint32_t column, uint32_t base,
                              const uint32_t *order, uint32_t count,
                              struct nts_column_buffer *buffer, struct nanots_error *error)
{
    struct rows_cell cell;
    if (rows_are_row_major(rows)) {
        const double *from = rows->values + (size_t)base * rows->column_count + column;
        gather_doubles(from, rows->column_count, order, count, buffer->values);
        return NANOTS_OK;
    }
    struct nts_column view = rows_column(rows, column, &cell);
    if (view.all_null)
        view.type = buffer->type; /* a null has none of its own */
    else if (view.type == NANOTS_TYPE_F64 && view.validity == NULL) {
        gather_doubles((const double *)view.values + view.first + base, 1, order, count,
                       buffer->values);
        return NANOTS_OK;
    }
    if (order == NULL)
        return nts_column_buffer_put(buffer, 0, &view, base, count, false, error);
    for (uint32_t i = 0; i < count; i++)
        NTS_TRY(nts_column_buffer_put(buffer, i, &view, base + order[i], 1, false, error));
    return NANOTS_OK;
}
