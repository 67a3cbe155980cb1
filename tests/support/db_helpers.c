/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/db_helpers.c - a database and its rows, for tests at the public header. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "support/db_helpers.h"

_Thread_local struct nanots_error db_error;

void db_expect_status(nanots_status status, nanots_status wanted, const char *part,
                      const char *call, const char *file, int line)
{
    if (status != wanted) {
        print_error("%s:%d: %s gave %s (%s), not %s\n", file, line, call,
                    nanots_status_name(status), db_error.message, nanots_status_name(wanted));
        _fail(file, line);
    }
    if (db_error.code != wanted || (wanted == NANOTS_OK) != (db_error.message[0] == '\0')) {
        print_error("%s:%d: %s: the detail says %s '%s'\n", file, line, call,
                    nanots_status_name(db_error.code), db_error.message);
        _fail(file, line);
    }
    if (part != NULL && strstr(db_error.message, part) == NULL) {
        print_error("%s:%d: %s: '%s' lacks '%s'\n", file, line, call, db_error.message, part);
        _fail(file, line);
    }
}

/* ---- files and handles -------------------------------------------------------------------- */

struct nanots_db *db_open_with(const char *path, const struct nanots_open_options *options)
{
    struct nanots_db *db = NULL;
    db_ok(nanots_open(path, options, &db, &db_error));
    assert_non_null(db);
    return db;
}

struct nanots_db *db_open(const char *path)
{
    return db_open_with(path, NULL);
}

struct nanots_db *db_open_read_only(const char *path)
{
    struct nanots_open_options options = {.struct_size = sizeof options};
    options.flags = NANOTS_OPEN_READ_ONLY;
    return db_open_with(path, &options);
}

void db_close(struct nanots_db *db)
{
    db_ok(nanots_close(db, &db_error));
}

struct nanots_db *db_reopen(struct nanots_db *db, const char *path)
{
    db_close(db);
    return db_open(path);
}

void db_create(struct nanots_db *db, const char *table, size_t column_count)
{
    struct nanots_column *columns = test_calloc(column_count, sizeof *columns);
    char(*names)[8] = test_calloc(column_count, sizeof *names);

    for (size_t c = 0; c < column_count; c++) {
        (void)snprintf(names[c], sizeof names[c], "c%u", (unsigned)c % 10000);
        columns[c].name = names[c];
        columns[c].type = NANOTS_TYPE_F64;
        columns[c].flags = 0;
    }
    db_ok(nanots_create_table(db, table, columns, column_count, &db_error));
    test_free(names);
    test_free(columns);
}

uint64_t db_file_size(const char *path)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return (uint64_t)facts.st_size;
}

uint8_t *db_file_read(const char *path, size_t *size_out)
{
    const size_t size = (size_t)db_file_size(path);
    uint8_t *bytes = test_malloc(size + 1);
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    *size_out = size;
    return bytes;
}

void db_file_write(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void db_file_copy(const char *from, const char *to)
{
    size_t size = 0;
    uint8_t *bytes = db_file_read(from, &size);
    db_file_write(to, bytes, size);
    test_free(bytes);
}

/* ---- rows --------------------------------------------------------------------------------- */

struct db_rows db_rows_new(size_t column_count)
{
    return (struct db_rows){.column_count = column_count};
}

void db_rows_free(struct db_rows *rows)
{
    free(rows->ts);
    free(rows->values);
    *rows = (struct db_rows){0};
}

static void db_rows_reserve(struct db_rows *rows, size_t row_count)
{
    if (row_count <= rows->row_capacity)
        return;
    const size_t capacity = row_count < 32 ? 64 : row_count * 2;
    rows->ts = realloc(rows->ts, capacity * sizeof *rows->ts);
    rows->values =
        realloc(rows->values, capacity * (rows->column_count + 1) * sizeof *rows->values);
    assert_non_null(rows->ts);
    assert_non_null(rows->values);
    rows->row_capacity = capacity;
}

void db_rows_add(struct db_rows *rows, int64_t ts, const double *values)
{
    db_rows_reserve(rows, rows->row_count + 1);
    rows->ts[rows->row_count] = ts;
    if (rows->column_count != 0)
        memcpy(rows->values + rows->row_count * rows->column_count, values,
               rows->column_count * sizeof *values);
    rows->row_count++;
}

void db_rows_join(struct db_rows *rows, const struct db_rows *more)
{
    assert_int_equal(rows->column_count, more->column_count);
    for (size_t i = 0; i < more->row_count; i++)
        db_rows_add(rows, more->ts[i], more->values + i * more->column_count);
}

/* Rows from `order`, which holds row indexes. */
static void db_rows_permute(struct db_rows *rows, const size_t *order)
{
    struct db_rows sorted = db_rows_new(rows->column_count);
    for (size_t i = 0; i < rows->row_count; i++)
        db_rows_add(&sorted, rows->ts[order[i]], rows->values + order[i] * rows->column_count);
    db_rows_free(rows);
    *rows = sorted;
}

struct db_rows_place {
    int64_t ts;
    size_t index;
};

static int db_rows_order(const void *a, const void *b)
{
    const struct db_rows_place *x = a;
    const struct db_rows_place *y = b;
    if (x->ts != y->ts)
        return x->ts < y->ts ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

void db_rows_sort(struct db_rows *rows)
{
    struct db_rows_place *places = test_calloc(rows->row_count + 1, sizeof *places);
    size_t *order = test_calloc(rows->row_count + 1, sizeof *order);

    for (size_t i = 0; i < rows->row_count; i++)
        places[i] = (struct db_rows_place){rows->ts[i], i};
    qsort(places, rows->row_count, sizeof *places, db_rows_order);
    for (size_t i = 0; i < rows->row_count; i++)
        order[i] = places[i].index;
    db_rows_permute(rows, order);
    test_free(order);
    test_free(places);
}

void db_rows_reverse(struct db_rows *rows)
{
    size_t *order = test_calloc(rows->row_count + 1, sizeof *order);
    for (size_t i = 0; i < rows->row_count; i++)
        order[i] = rows->row_count - 1 - i;
    db_rows_permute(rows, order);
    test_free(order);
}

size_t db_rows_cut(struct db_rows *rows, int64_t cutoff)
{
    const size_t width = rows->column_count;
    size_t kept = 0;
    for (size_t i = 0; i < rows->row_count; i++) {
        if (rows->ts[i] < cutoff)
            continue;
        rows->ts[kept] = rows->ts[i];
        memmove(rows->values + kept * width, rows->values + i * width,
                width * sizeof *rows->values);
        kept++;
    }
    const size_t removed = rows->row_count - kept;
    rows->row_count = kept;
    return removed;
}

static void db_rows_add_batch(struct db_rows *rows, const struct nanots_batch *batch)
{
    assert_in_range(batch->row_count, 1, 65536);
    assert_int_equal(batch->column_count, rows->column_count);
    db_rows_reserve(rows, rows->row_count + batch->row_count);
    memcpy(rows->ts + rows->row_count, batch->ts, batch->row_count * sizeof *rows->ts);
    for (size_t c = 0; c < batch->column_count; c++) {
        const double *values = batch->columns[c].values;
        assert_int_equal(batch->columns[c].type, NANOTS_TYPE_F64);
        assert_null(batch->columns[c].validity);
        for (size_t i = 0; i < batch->row_count; i++)
            memcpy(&rows->values[(rows->row_count + i) * rows->column_count + c], &values[i],
                   sizeof *values);
    }
    rows->row_count += batch->row_count;
}

struct db_rows db_rows_drain(struct nanots_cursor *cursor, size_t column_count)
{
    struct db_rows rows = db_rows_new(column_count);
    const struct nanots_batch *batch = NULL;

    for (;;) {
        db_ok(nanots_query_next(cursor, &batch, &db_error));
        if (batch == NULL)
            break;
        db_rows_add_batch(&rows, batch);
    }
    db_ok(nanots_query_next(cursor, &batch, &db_error));
    assert_null(batch); /* the end stays the end */
    return rows;
}

struct db_rows db_rows_read(struct nanots_db *db, const char *table,
                            const struct nanots_query *query)
{
    struct nanots_cursor *cursor = NULL;
    struct nanots_schema schema;

    db_ok(nanots_table_schema(db, table, &schema, &db_error));
    const size_t column_count =
        query == NULL || query->columns == NULL ? schema.column_count : query->column_count;
    nanots_free(schema.block);
    db_ok(nanots_query_open(db, table, query, &cursor, &db_error));
    struct db_rows rows = db_rows_drain(cursor, column_count);
    nanots_query_close(cursor);
    return rows;
}

void db_rows_compare(const struct db_rows *rows, const struct db_rows *wanted, const char *file,
                     int line)
{
    const size_t width = wanted->column_count;
    const size_t count = rows->row_count < wanted->row_count ? rows->row_count : wanted->row_count;

    if (rows->column_count != width) {
        print_error("%s:%d: %zu columns, not %zu\n", file, line, rows->column_count, width);
        _fail(file, line);
    }
    for (size_t i = 0; i < count; i++) {
        if (rows->ts[i] != wanted->ts[i]) {
            print_error("%s:%d: ts of row %zu of %zu is %lld, not %lld\n", file, line, i,
                        wanted->row_count, (long long)rows->ts[i], (long long)wanted->ts[i]);
            _fail(file, line);
        }
        for (size_t c = 0; c < width; c++) {
            const double value = rows->values[i * width + c];
            const double other = wanted->values[i * width + c];
            if (db_to_bits(value) == db_to_bits(other))
                continue;
            print_error("%s:%d: column %zu of row %zu, ts %lld: %.17g (%llx), not %.17g (%llx)\n",
                        file, line, c, i, (long long)rows->ts[i], value,
                        (unsigned long long)db_to_bits(value), other,
                        (unsigned long long)db_to_bits(other));
            _fail(file, line);
        }
    }
    if (rows->row_count != wanted->row_count) {
        print_error("%s:%d: %zu rows, not %zu\n", file, line, rows->row_count, wanted->row_count);
        _fail(file, line);
    }
}

void db_table_compare(struct nanots_db *db, const char *table, const struct db_rows *wanted,
                      const char *file, int line)
{
    struct db_rows rows = db_rows_read(db, table, NULL);
    db_rows_compare(&rows, wanted, file, line);
    db_rows_free(&rows);
}

void db_append_all(struct nanots_db *db, const char *table, const struct db_rows *rows)
{
    db_ok(nanots_append_rows(db, table, rows->ts, rows->values, rows->row_count, rows->column_count,
                             NULL, &db_error));
}

/* ---- values ------------------------------------------------------------------------------- */

double db_from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint64_t db_to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

double db_odd_value(size_t index)
{
    static const uint64_t odd[DB_ODD_VALUE_COUNT] = {
        0x0000000000000000, 0x8000000000000000, /* zeros */
        0x7ff0000000000000, 0xfff0000000000000, /* infinities */
        0x7ff8000000000000, 0xfff8000000000000, /* quiet NaNs */
        0x7ff8000000000001, 0x7fffffffffffffff, /* with payloads */
        0x7ff0000000000001, 0xfff4000000abcdef, /* signaling ones */
        0x0000000000000001, 0x8000000000000001, /* least subnormals */
        0x000fffffffffffff, 0x0010000000000000, /* greatest subnormal, least normal */
        0x7fefffffffffffff, 0xffefffffffffffff, /* greatest numbers */
        0x4340000000000000, 0x4340000000000001, /* 2^53, 2^53 + 2 */
        0x433fffffffffffff, 0xc340000000000001, /* 2^53 - 1, -(2^53 + 2) */
        0x43e0000000000000, 0xc3e0000000000000, /* 2^63, -2^63 */
        0x43f0000000000000, 0x43dfffffffffffff, /* 2^64, what precedes 2^63 */
        0x3fb999999999999a, 0xbfd3333333333333, /* 0.1, -0.3 */
        0x3fc999999999999a, 0x3ff0000000000001, /* 0.2, what follows 1 */
    };
    return db_from_bits(odd[index % DB_ODD_VALUE_COUNT]);
}

struct db_rows db_rows_sine(size_t row_count, size_t column_count, int64_t ts)
{
    struct db_rows rows = db_rows_new(column_count);
    double *values = test_calloc(column_count + 1, sizeof *values);
    for (size_t i = 0; i < row_count; i++) {
        for (size_t c = 0; c < column_count; c++)
            values[c] = sin((double)i * 0.01 + (double)c);
        db_rows_add(&rows, ts + (int64_t)i * 1000, values);
    }
    test_free(values);
    return rows;
}
