/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/rows_payload.c - sizes, places, and the check of hostile bytes. Contract: rows_payload.h.
 */
#include "format/rows_payload.h"

#include "util/bits.h"
#include "util/column.h"
#include "util/text.h"

uint64_t nts_payload_values_size(unsigned type, uint64_t rows)
{
    if (type == NANOTS_TYPE_BOOL)
        return (rows + 7) / 8;
    return rows * (type == NANOTS_TYPE_UTF8 ? 4 : nts_type_width(type));
}

uint64_t nts_payload_column_size(const struct nts_column_def *column, uint64_t rows,
                                 uint64_t text_size)
{
    const uint64_t validity = nts_column_is_nullable(column) ? nts_payload_bits_size(rows) : 0;
    return validity + nts_round_up(nts_payload_values_size(column->type, rows), 8) +
           nts_round_up(text_size, 8);
}

static uint64_t lengths_sum(const uint8_t *lengths, uint32_t rows)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rows; i++)
        sum += nts_load_u32(lengths + (size_t)i * 4);
    return sum;
}

const uint8_t *nts_payload_column_find(const struct nts_column_def *column, uint32_t rows,
                                       const uint8_t *bytes, struct nts_payload_column *parts_out)
{
    parts_out->validity = NULL;
    parts_out->text = NULL;
    if (nts_column_is_nullable(column)) {
        parts_out->validity = bytes;
        bytes += nts_payload_bits_size(rows);
    }
    parts_out->values = bytes;
    bytes += nts_round_up(nts_payload_values_size(column->type, rows), 8);
    if (column->type == NANOTS_TYPE_UTF8) {
        parts_out->text = bytes;
        bytes += nts_round_up(lengths_sum(parts_out->values, rows), 8);
    }
    return bytes;
}

/* ---- the check ---------------------------------------------------------------------------- */

/* Where the check stands. */
struct payload_walk {
    const struct nts_table_def *def;
    const uint8_t *bytes;
    size_t size;
    size_t at;
    uint32_t rows;
    uint32_t column; /* 0 is the timestamp, c the value column c - 1 */
    struct nanots_error *error;
};

static nanots_status payload_wrong(const struct payload_walk *walk, size_t at, const char *what)
{
    return nts_fail(walk->error, NANOTS_CORRUPT, "table '%.80s', column '%.80s': %s at byte %zu",
                    walk->def->name, nts_table_def_column_name(walk->def, walk->column), what, at);
}

static bool payload_is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Steps over a part of `size` bytes and its padding, which must be there. */
static nanots_status payload_take(struct payload_walk *walk, uint64_t size,
                                  const uint8_t **part_out)
{
    const uint64_t padded = nts_round_up(size, 8);
    if (padded > walk->size - walk->at)
        return payload_wrong(walk, walk->at, "values cut short");
    *part_out = walk->bytes + walk->at;
    if (!payload_is_zero(*part_out + size, (size_t)(padded - size)))
        return payload_wrong(walk, walk->at + (size_t)size, "padding that is not zero");
    walk->at += (size_t)padded;
    return NANOTS_OK;
}

static nanots_status payload_take_bits(struct payload_walk *walk, const uint8_t **bits_out)
{
    const size_t at = walk->at;
    const size_t size = ((size_t)walk->rows + 7) / 8;
    NTS_TRY(payload_take(walk, size, bits_out));
    if (walk->rows % 8 != 0 && (*bits_out)[size - 1] >> (walk->rows % 8) != 0)
        return payload_wrong(walk, at + size - 1, "bits behind the last row");
    return NANOTS_OK;
}

/* A null has the value 0, so that equal rows are equal bytes. */
static nanots_status payload_check_nulls(const struct payload_walk *walk, const uint8_t *validity,
                                         const uint8_t *values, unsigned type)
{
    const size_t width = type == NANOTS_TYPE_UTF8 ? 4 : nts_type_width(type);
    if (validity == NULL || nts_bits_count(validity, 0, walk->rows) == walk->rows)
        return NANOTS_OK;
    for (size_t i = 0; i < walk->rows; i++) {
        const bool is_zero = type == NANOTS_TYPE_BOOL ? !nts_bit_get(values, i)
                                                      : payload_is_zero(values + i * width, width);
        if (!nts_bit_get(validity, i) && !is_zero)
            return payload_wrong(walk,
                                 (size_t)(values - walk->bytes) + (width == 0 ? i / 8 : i * width),
                                 "a null with a value");
    }
    return NANOTS_OK;
}

static nanots_status payload_check_text(const struct payload_walk *walk, const uint8_t *lengths,
                                        const uint8_t *text)
{
    for (uint32_t i = 0; i < walk->rows; i++) {
        const size_t size = nts_load_u32(lengths + (size_t)i * 4);
        const size_t valid = nts_utf8_valid_prefix((const char *)text, size);
        if (valid != size)
            return payload_wrong(walk, (size_t)(text - walk->bytes) + valid,
                                 "text that is not UTF-8");
        text += size;
    }
    return NANOTS_OK;
}

static nanots_status payload_check_column(struct payload_walk *walk, uint64_t *text_size)
{
    const struct nts_column_def *column = &walk->def->columns[walk->column - 1];
    const uint8_t *validity = NULL;
    const uint8_t *values = NULL;
    const uint8_t *text = NULL;

    if (nts_column_is_nullable(column))
        NTS_TRY(payload_take_bits(walk, &validity));
    if (column->type == NANOTS_TYPE_BOOL)
        NTS_TRY(payload_take_bits(walk, &values));
    else
        NTS_TRY(payload_take(walk, nts_payload_values_size(column->type, walk->rows), &values));
    NTS_TRY(payload_check_nulls(walk, validity, values, column->type));
    if (column->type != NANOTS_TYPE_UTF8)
        return NANOTS_OK;
    const uint64_t size = lengths_sum(values, walk->rows);
    NTS_TRY(payload_take(walk, size, &text));
    *text_size += size;
    return payload_check_text(walk, values, text);
}

nanots_status nts_rows_payload_check(const struct nts_table_def *def, uint32_t column_count,
                                     uint32_t row_count, const uint8_t *payload, size_t size,
                                     uint64_t *text_size_out, struct nanots_error *error)
{
    struct payload_walk walk = {
        .def = def, .bytes = payload, .size = size, .rows = row_count, .error = error};
    const uint8_t *ts = NULL;

    *text_size_out = 0;
    if (nts_rows_payload_is_plain(def, column_count, row_count, size))
        return NANOTS_OK;
    if (column_count > def->column_count)
        return nts_fail(error, NANOTS_CORRUPT, "table '%.80s' has %u columns, rows of it %u",
                        def->name, def->column_count, column_count);
    NTS_TRY(payload_take(&walk, (uint64_t)row_count * 8, &ts));
    for (walk.column = 1; walk.column <= column_count; walk.column++)
        NTS_TRY(payload_check_column(&walk, text_size_out));
    for (; walk.column <= def->column_count; walk.column++)
        if (!nts_column_is_nullable(&def->columns[walk.column - 1]))
            return payload_wrong(&walk, walk.at, "no values, though none may be null,");
    walk.column = column_count;
    if (walk.at != size)
        return payload_wrong(&walk, walk.at, "more bytes than the rows have");
    return NANOTS_OK;
}
