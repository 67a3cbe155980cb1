/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/typed_rows.c - rows of all types. Contract: typed_rows.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/seed.h"
#include "support/typed_rows.h"
#include "util/bits.h"

const struct nanots_column typed_columns[TYPED_COLUMNS] = {
    {"f64", NANOTS_TYPE_F64, 0},
    {"f32", NANOTS_TYPE_F32, 0},
    {"i64", NANOTS_TYPE_I64, 0},
    {"i32", NANOTS_TYPE_I32, 0},
    {"bool", NANOTS_TYPE_BOOL, 0},
    {"utf8", NANOTS_TYPE_UTF8, 0},
    {"f64_null", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE},
    {"f32_null", NANOTS_TYPE_F32, NANOTS_COLUMN_NULLABLE},
    {"i64_null", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE},
    {"i32_null", NANOTS_TYPE_I32, NANOTS_COLUMN_NULLABLE},
    {"bool_null", NANOTS_TYPE_BOOL, NANOTS_COLUMN_NULLABLE},
    {"utf8_null", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
static const struct {
    const char *data;
    size_t size;
} texts[] = {
    TEXT(""),
    TEXT("a"),
    TEXT("open"),
    TEXT("closed"),
    TEXT("with\0zero"),
    TEXT("Stra\xc3\x9f"
         "e"),
    TEXT("\xe6\xb8\xa9\xe5\xba\xa6"),
    TEXT("\xf0\x9f\x8c\xa1"),
    TEXT("a text of more bytes than a word or two have, and of more than a line of a log would "
         "show: it goes on and on, for as long as it takes to be longer than the others, and ends"),
};

static uint64_t bits_random(uint64_t *seed)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   UINT64_MAX,
                                   (uint64_t)1 << 63,
                                   INT64_MAX,
                                   0x7ff8000000000001u,
                                   0x7ff0000000000000u,
                                   0x7fc00001u,
                                   0x80000000u,
                                   0x7fffffffu};
    const uint64_t mixed = seed_next(seed);
    if (mixed % 3 == 0)
        return seed_next(seed);
    return mixed % 3 == 1 ? seed_next(seed) % 100 : odd[seed_next(seed) % (sizeof odd / 8)];
}

struct nanots_value typed_value_random(nanots_type type, bool nullable, uint64_t *seed)
{
    struct nanots_value value = {.type = type};
    const uint64_t bits = bits_random(seed);
    const uint32_t half = (uint32_t)bits;
    const size_t text = seed_next(seed) % (sizeof texts / sizeof texts[0]);

    if (nullable && seed_next(seed) % 4 == 0) {
        value.type = NANOTS_TYPE_NULL;
        return value;
    }
    switch (type) {
    case NANOTS_TYPE_F64:
        memcpy(&value.as.f64, &bits, sizeof bits);
        break;
    case NANOTS_TYPE_F32:
        memcpy(&value.as.f32, &half, sizeof half);
        break;
    case NANOTS_TYPE_I64:
        value.as.i64 = (int64_t)bits;
        break;
    case NANOTS_TYPE_I32:
        value.as.i32 = (int32_t)half;
        break;
    case NANOTS_TYPE_BOOL:
        value.as.boolean = (int)(bits & 1);
        break;
    default:
        value.as.utf8.data = texts[text].size == 0 ? NULL : texts[text].data;
        value.as.utf8.size = texts[text].size;
        break;
    }
    return value;
}

struct typed_rows typed_rows_random(const struct nanots_column *columns, size_t column_count,
                                    size_t row_count, uint64_t *seed)
{
    struct typed_rows rows = {
        .columns = columns, .column_count = column_count, .row_count = row_count};
    rows.ts = test_calloc(row_count + 1, sizeof *rows.ts);
    rows.values = test_calloc(row_count * column_count + 1, sizeof *rows.values);
    for (size_t row = 0; row < row_count; row++) {
        const int64_t step = (int64_t)(seed_next(seed) % 12) - 2;
        rows.ts[row] = row == 0 ? 1000 : rows.ts[row - 1] + step;
        for (size_t c = 0; c < column_count; c++)
            rows.values[row * column_count + c] = typed_value_random(
                columns[c].type, (columns[c].flags & NANOTS_COLUMN_NULLABLE) != 0, seed);
    }
    return rows;
}

void typed_rows_free(struct typed_rows *rows)
{
    test_free(rows->ts);
    test_free(rows->values);
}

const struct nanots_value *typed_rows_at(const struct typed_rows *rows, size_t row, size_t column)
{
    return &rows->values[row * rows->column_count + column];
}

bool typed_values_equal(const struct nanots_value *a, const struct nanots_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case NANOTS_TYPE_F64:
    case NANOTS_TYPE_I64:
        return memcmp(&a->as, &b->as, 8) == 0;
    case NANOTS_TYPE_F32:
    case NANOTS_TYPE_I32:
        return memcmp(&a->as, &b->as, 4) == 0;
    case NANOTS_TYPE_BOOL:
        return (a->as.boolean != 0) == (b->as.boolean != 0);
    case NANOTS_TYPE_UTF8:
        return a->as.utf8.size == b->as.utf8.size &&
               (a->as.utf8.size == 0 ||
                memcmp(a->as.utf8.data, b->as.utf8.data, a->as.utf8.size) == 0);
    default:
        return true;
    }
}

/* ---- batches ------------------------------------------------------------------------------ */

#define TEXT_BEFORE "xyz" /* what lies before the first string */

/* Writes one value; the strings end at *text_end. */
static void column_put(uint8_t *values, int32_t *offsets, size_t row, nanots_type type,
                       const struct nanots_value *value)
{
    const bool is_null = value->type == NANOTS_TYPE_NULL;
    static const uint8_t rubbish[] = {0xa5, 0xff, 0x5a, 0x11, 0xa5, 0xff, 0x5a, 0x11};
    const void *bytes = is_null ? (const void *)rubbish : (const void *)&value->as;
    const bool is_wide = type == NANOTS_TYPE_F64 || type == NANOTS_TYPE_I64;
    if (type == NANOTS_TYPE_UTF8) {
        const size_t size = is_null ? row % 3 : value->as.utf8.size;
        const void *text = is_null ? (const void *)"\xff\xfe\xfd" : value->as.utf8.data;
        if (size != 0)
            memcpy(values + offsets[row], text, size);
        offsets[row + 1] = offsets[row] + (int32_t)size;
    } else if (type == NANOTS_TYPE_BOOL) {
        nts_bit_set(values, row, is_null || value->as.boolean != 0);
    } else {
        memcpy(values + row * (is_wide ? 8 : 4), bytes, is_wide ? 8 : 4);
    }
}

static void column_fill(struct nanots_batch_column *column, const struct typed_rows *rows, size_t c,
                        size_t first, size_t count)
{
    uint8_t *values = test_calloc(count * 256 + sizeof TEXT_BEFORE, 1);
    uint8_t *validity = test_calloc(count / 8 + 1, 1);
    int32_t *offsets = test_calloc(count + 1, sizeof *offsets);
    bool has_nulls = (rows->columns[c].flags & NANOTS_COLUMN_NULLABLE) != 0;

    memcpy(values, TEXT_BEFORE, sizeof TEXT_BEFORE);
    offsets[0] = sizeof TEXT_BEFORE - 1;
    for (size_t i = 0; i < count; i++) {
        const struct nanots_value *value = typed_rows_at(rows, first + i, c);
        column_put(values, offsets, i, rows->columns[c].type, value);
        nts_bit_set(validity, i, value->type != NANOTS_TYPE_NULL);
    }
    column->type = rows->columns[c].type;
    column->values = values;
    column->validity = validity;
    column->offsets = offsets;
    if (!has_nulls && c % 2 == 0) { /* "no nulls" may be said by either way */
        test_free(validity);
        column->validity = NULL;
    }
    if (rows->columns[c].type != NANOTS_TYPE_UTF8) {
        test_free(offsets);
        column->offsets = NULL;
    }
}

struct typed_batch *typed_batch_new(const struct typed_rows *rows, size_t first, size_t count)
{
    struct typed_batch *batch = test_calloc(1, sizeof *batch);
    batch->columns = test_calloc(rows->column_count, sizeof *batch->columns);
    for (size_t c = 0; c < rows->column_count; c++)
        column_fill(&batch->columns[c], rows, c, first, count);
    batch->batch.row_count = count;
    batch->batch.ts = rows->ts + first;
    batch->batch.column_count = rows->column_count;
    batch->batch.columns = batch->columns;
    return batch;
}

void typed_batch_free(struct typed_batch *batch)
{
    for (size_t c = 0; c < batch->batch.column_count; c++) {
        test_free((void *)(uintptr_t)batch->columns[c].values);
        if (batch->columns[c].validity != NULL)
            test_free((void *)(uintptr_t)batch->columns[c].validity);
        if (batch->columns[c].offsets != NULL)
            test_free((void *)(uintptr_t)batch->columns[c].offsets);
    }
    test_free(batch->columns);
    test_free(batch);
}

struct nanots_value typed_batch_value(const struct nanots_batch_column *column, size_t row)
{
    struct nanots_value value = {.type = column->type};
    const uint8_t *values = column->values;
    if (column->validity != NULL && !nts_bit_get(column->validity, row)) {
        value.type = NANOTS_TYPE_NULL;
        return value;
    }
    switch (column->type) {
    case NANOTS_TYPE_F64:
    case NANOTS_TYPE_I64:
        memcpy(&value.as, values + row * 8, 8);
        break;
    case NANOTS_TYPE_F32:
    case NANOTS_TYPE_I32:
        memcpy(&value.as, values + row * 4, 4);
        break;
    case NANOTS_TYPE_BOOL:
        value.as.boolean = nts_bit_get(values, row);
        break;
    default:
        value.as.utf8.data = (const char *)values + column->offsets[row];
        value.as.utf8.size = (size_t)(column->offsets[row + 1] - column->offsets[row]);
        break;
    }
    return value;
}

/* ---- tables ------------------------------------------------------------------------------- */

/* Rows by (ts, arrival): insertion into what is almost sorted. */
static size_t *rows_order(const struct typed_rows *rows, size_t row_count)
{
    size_t *order = test_calloc(row_count + 1, sizeof *order);
    for (size_t row = 0; row < row_count; row++) {
        size_t at = row;
        for (; at != 0 && rows->ts[order[at - 1]] > rows->ts[row]; at--)
            order[at] = order[at - 1];
        order[at] = row;
    }
    return order;
}

void typed_table_compare(struct nanots_db *db, const char *table, const struct typed_rows *wanted,
                         size_t row_count, const char *file, int line)
{
    size_t *order = rows_order(wanted, row_count);
    const struct nanots_batch *batch = NULL;
    struct nanots_cursor *cursor = NULL;
    size_t at = 0;

    db_ok(nanots_query_open(db, table, NULL, &cursor, &db_error));
    for (;;) {
        db_ok(nanots_query_next(cursor, &batch, &db_error));
        if (batch == NULL)
            break;
        for (size_t i = 0; i < batch->row_count; i++, at++) {
            if (at == row_count || batch->ts[i] != wanted->ts[order[at]]) {
                print_error("%s:%d: row %zu of %zu is another one\n", file, line, at, row_count);
                _fail(file, line);
            }
            for (size_t c = 0; c < wanted->column_count; c++) {
                const struct nanots_value value = typed_batch_value(&batch->columns[c], i);
                if (!typed_values_equal(&value, typed_rows_at(wanted, order[at], c))) {
                    print_error("%s:%d: row %zu differs in column '%s'\n", file, line, at,
                                wanted->columns[c].name);
                    _fail(file, line);
                }
            }
        }
    }
    nanots_query_close(cursor);
    test_free(order);
    if (at != row_count) {
        print_error("%s:%d: %zu rows, not %zu\n", file, line, at, row_count);
        _fail(file, line);
    }
}
