/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden/golden.h - what the golden files hold, and their rows as text.
 *
 *   tiny.ntt      closed, in tiny form: two tables, one of them empty
 *   groups.ntt    closed: 20000 rows, so more than one row group
 *   packed.ntt    closed: overlapping batches of odd values, packed by 1000, and cut
 *   types.ntt     closed: all types with and without nulls, units, schema changes, equal times
 *   live.blocks   a file that was never closed: segments, a bulk batch, rows in the log
 *   padded.blocks one that was not either, on sectors of 4 KiB: a log with a pad at each sync
 *
 * A .blocks file is a sparse .ntt file: u64 size, then each sector that is not zero as u64 offset
 * and its 512 bytes. A .rows file has, for each table, its columns, the number of its rows, their
 * XXH3 (chained over ts and values, 8 bytes each), and some rows: number, ts, bits of
 * the values, texts and nulls as words.
 *
 * Files are added, never made again: what was written once must open for ever.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "golden_live.h"
#include "support/db_helpers.h"
#include "util/checksum.h"

#define GOLDEN_SECTOR     512u
#define GOLDEN_ROWS_SHOWN 40u

/* ---- rows as text ------------------------------------------------------------------------- */

/* A value as it is hashed and shown: its bits, or its text. */
static inline uint64_t golden_bits(const struct nanots_batch_column *column, size_t row)
{
    const uint8_t *bits = column->values;
    switch (column->type) {
    case NANOTS_TYPE_F64:
        return nts_bits_of_double(((const double *)column->values)[row]);
    case NANOTS_TYPE_I64:
        return (uint64_t)((const int64_t *)column->values)[row];
    case NANOTS_TYPE_I32:
        return (uint64_t)(int64_t)((const int32_t *)column->values)[row];
    case NANOTS_TYPE_F32:
        return ((const uint32_t *)column->values)[row];
    default:
        return (uint64_t)bits[row / 8] >> (row % 8) & 1;
    }
}

static inline uint64_t golden_put(const struct nanots_batch_column *column, size_t row,
                                  uint64_t hash, FILE *out)
{
    const bool is_null =
        column->validity != NULL && (column->validity[row / 8] >> (row % 8) & 1) == 0;
    uint8_t bytes[8];
    if (is_null) {
        if (out != NULL)
            (void)fprintf(out, " null");
        return nts_checksum_seeded("null", 4, hash);
    }
    if (column->type == NANOTS_TYPE_UTF8) {
        const char *text = (const char *)column->values + column->offsets[row];
        const int size = column->offsets[row + 1] - column->offsets[row];
        if (out != NULL)
            (void)fprintf(out, " '%.*s'", size, text);
        return nts_checksum_seeded(text, (size_t)size, hash);
    }
    nts_store_u64(bytes, golden_bits(column, row));
    if (out != NULL)
        (void)fprintf(out, " %016" PRIx64, golden_bits(column, row));
    return nts_checksum_seeded(bytes, 8, hash);
}

/* Walks all rows; shows each `step`-th of them on `out` unless that is NULL. Returns their hash. */
static inline uint64_t golden_walk(struct nanots_db *db, const char *table, size_t step, FILE *out,
                                   size_t *row_count_out)
{
    const struct nanots_batch *batch = NULL;
    struct nanots_cursor *cursor = NULL;
    uint64_t hash = 0;
    size_t number = 0;
    db_ok(nanots_query_open(db, table, NULL, &cursor, &db_error));
    for (;;) {
        db_ok(nanots_query_next(cursor, &batch, &db_error));
        if (batch == NULL)
            break;
        for (size_t i = 0; i < batch->row_count; i++, number++) {
            FILE *shown = out != NULL && number % step == 0 ? out : NULL;
            uint8_t bytes[8];
            nts_store_u64(bytes, (uint64_t)batch->ts[i]);
            hash = nts_checksum_seeded(bytes, 8, hash);
            if (shown != NULL)
                (void)fprintf(shown, "%zu %" PRId64, number, batch->ts[i]);
            for (size_t c = 0; c < batch->column_count; c++)
                hash = golden_put(&batch->columns[c], i, hash, shown);
            if (shown != NULL)
                (void)fputc('\n', shown);
        }
    }
    nanots_query_close(cursor);
    *row_count_out = number;
    return hash;
}

static inline void golden_dump_table(struct nanots_db *db, const char *table, FILE *out)
{
    struct nanots_schema schema;
    size_t row_count = 0;
    db_ok(nanots_table_schema(db, table, &schema, &db_error));
    (void)fprintf(out, "table %s", table);
    for (size_t c = 0; c < schema.column_count; c++)
        (void)fprintf(out, " %s", schema.columns[c].name);
    nanots_free(schema.block);
    const uint64_t hash = golden_walk(db, table, 1, NULL, &row_count);
    (void)fprintf(out, "\nrows %zu hash %016" PRIx64 "\n", row_count, hash);
    (void)golden_walk(db, table, row_count / GOLDEN_ROWS_SHOWN + 1, out, &row_count);
}

static inline void golden_dump(struct nanots_db *db, FILE *out)
{
    struct nanots_table_list list;
    db_ok(nanots_list_tables(db, &list, &db_error));
    for (size_t t = 0; t < list.count; t++)
        golden_dump_table(db, list.names[t], out);
    nanots_free(list.block);
}

/* ---- contents ----------------------------------------------------------------------------- */

static inline void golden_fill_tiny(struct nanots_db *db)
{
    struct db_rows rows = db_rows_new(2);
    for (size_t i = 0; i < DB_ODD_VALUE_COUNT; i++) {
        const double values[2] = {(double)i * 0.5, db_odd_value(i)};
        db_rows_add(&rows, 1714521600000 + (int64_t)i * 1000, values);
    }
    db_create(db, "boiler", 2);
    db_create(db, "empty", 1);
    db_append_all(db, "boiler", &rows);
    db_rows_free(&rows);
}

/* A counter, decimals, runs and a constant: a codec for each. */
static inline void golden_fill_groups(struct nanots_db *db)
{
    struct db_rows rows = db_rows_new(4);
    for (int64_t i = 0; i < 20000; i++) {
        const double values[4] = {(double)(i * 3), (double)(i * 37 % 101) * 0.25, (double)(i / 500),
                                  -1.5};
        db_rows_add(&rows, i * 60000 + (i % 1000 == 0 ? 7 : 0), values);
    }
    db_create(db, "turbine", 4);
    db_append_all(db, "turbine", &rows);
    db_rows_free(&rows);
}

static inline void golden_fill_packed(struct nanots_db *db)
{
    db_create(db, "mixed", 3);
    for (int64_t part = 0; part < 3; part++) {
        struct db_rows rows = db_rows_new(3);
        for (int64_t i = 0; i < 1000; i++) {
            const size_t row = (size_t)(part * 1000 + i);
            const double values[3] = {(double)row, db_odd_value(row),
                                      (double)(row * 7919 % 1000) * 0.1};
            db_rows_add(&rows, i * 100 - part * 30 - (i % 3 == 0 ? 5000 : 0), values);
        }
        db_append_all(db, "mixed", &rows);
        db_ok(nanots_flush(db, &db_error));
        db_rows_free(&rows);
    }
    db_ok(nanots_append(db, "late", INT64_MAX, 0.1, NULL, &db_error));
    db_ok(nanots_append(db, "late", INT64_MIN, -0.3, NULL, &db_error));
    db_ok(nanots_pack_table(db, "mixed", 1000, &db_error));
    db_ok(nanots_compact_retention(db, "mixed", 1000, NULL, &db_error));
}

/* Row i of the table of all types; the later half of the columns may be null. */
static inline void golden_typed_row(int64_t i, struct nanots_value values[12])
{
    static const char *const texts[] = {"", "idle", "running", "na\xc3\xafve", "idle", "stopped"};
    for (size_t c = 0; c < 12; c++) {
        struct nanots_value *value = &values[c];
        memset(value, 0, sizeof *value);
        value->type = (nanots_type)(c % 6 + 1);
        if (c >= 6 && ((uint64_t)i + c) % 5 == 0)
            value->type = NANOTS_TYPE_NULL;
        if (value->type == NANOTS_TYPE_F64)
            value->as.f64 = i % 97 == 0 ? db_odd_value((size_t)i) : (double)(i * 31 % 1000) * 0.01;
        if (value->type == NANOTS_TYPE_F32)
            value->as.f32 = (float)(i % 200) * 0.5f - 20.0f;
        if (value->type == NANOTS_TYPE_I64)
            value->as.i64 = i % 50 == 0 ? INT64_MIN + i : i * i * 1000003;
        if (value->type == NANOTS_TYPE_I32)
            value->as.i32 = (int32_t)(i * 7919 % 100000) - 50000;
        if (value->type == NANOTS_TYPE_BOOL)
            value->as.boolean = i / 100 % 2 == 0;
        if (value->type == NANOTS_TYPE_UTF8) {
            value->as.utf8.data = texts[(i / 3 + i % 2) % 6];
            value->as.utf8.size = strlen(value->as.utf8.data);
        }
    }
}

/* Every type, null or not, in nanoseconds; a column added, one renamed, a table renamed and one
 * dropped; rows of one time of which the last stays. */
static inline void golden_fill_types(struct nanots_db *db)
{
    static const char *const names[] = {"f64",  "f32",  "i64",  "i32",  "bool",  "utf8",
                                        "f64n", "f32n", "i64n", "i32n", "booln", "utf8n"};
    const struct nanots_table_options nano = {.struct_size = sizeof nano, .unit = NANOTS_UNIT_NS};
    const struct nanots_table_options last = {.struct_size = sizeof last,
                                              .duplicates = NANOTS_DUPLICATES_KEEP_LAST};
    const struct nanots_column late = {"late", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE};
    const struct nanots_column one = {"value", NANOTS_TYPE_F64, 0};
    struct nanots_column columns[12];
    struct nanots_value values[13];
    for (size_t c = 0; c < 12; c++)
        columns[c] = (struct nanots_column){names[c], (nanots_type)(c % 6 + 1),
                                            c >= 6 ? NANOTS_COLUMN_NULLABLE : 0};
    db_ok(nanots_create_table_with(db, "typed", columns, 12, &nano, &db_error));
    for (int64_t i = 0; i < 2500; i++) {
        golden_typed_row(i, values);
        db_ok(nanots_append_row_typed(db, "typed", 1714521600000000000 + i * 1000, values, 12, NULL,
                                      &db_error));
    }
    db_ok(nanots_add_column(db, "typed", &late, &db_error));
    for (int64_t i = 2500; i < 2600; i++) {
        golden_typed_row(i, values);
        values[12] = (struct nanots_value){.type = NANOTS_TYPE_I64, .as.i64 = -i};
        db_ok(nanots_append_row_typed(db, "typed", 1714521600000000000 + i * 1000, values, 13, NULL,
                                      &db_error));
    }
    db_ok(nanots_create_table_with(db, "latest", &one, 1, &last, &db_error));
    for (int64_t i = 0; i < 300; i++)
        db_ok(nanots_append(db, "latest", i % 200, (double)i, NULL, &db_error));
    db_ok(nanots_append(db, "gone", 1, 1.0, NULL, &db_error));
    db_ok(nanots_drop_table(db, "gone", &db_error));
    db_ok(nanots_rename_column(db, "typed", "f64", "first", &db_error));
    db_ok(nanots_rename_table(db, "typed", "machine", &db_error));
}

struct golden_file {
    const char *name;
    void (*fill)(struct nanots_db *db);
    bool is_live;
    uint32_t sector_size;
};

static const struct golden_file golden_files[] = {
    {"tiny", golden_fill_tiny, false, 512},     {"groups", golden_fill_groups, false, 512},
    {"packed", golden_fill_packed, false, 512}, {"types", golden_fill_types, false, 512},
    {"live", golden_fill_live, true, 512},      {"padded", golden_fill_padded, true, 4096},
};
#define GOLDEN_COUNT (sizeof golden_files / sizeof golden_files[0])

/* Writes the file to `path`; of a live one a copy, as kill -9 would leave it. */
static inline void golden_write(const struct golden_file *golden, const char *path,
                                const char *work_path)
{
    struct nanots_open_options options = {
        .struct_size = sizeof options, .sector_size = golden->sector_size, .wal_bytes = 64 << 10};
    (void)remove(work_path);
    struct nanots_db *db = db_open_with(work_path, &options);
    golden->fill(db);
    if (!golden->is_live)
        db_close(db);
    db_file_copy(work_path, path);
    if (golden->is_live)
        db_close(db);
    (void)remove(work_path);
}

#endif
