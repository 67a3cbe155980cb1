/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden/golden.h - what the golden files hold, and their rows as text.
 *
 *   tiny.ntt      closed, in tiny form: two tables, one of them empty
 *   groups.ntt    closed: 20000 rows, so more than one row group
 *   packed.ntt    closed: overlapping batches of odd values, packed by 1000, and cut
 *   live.blocks   a file that was never closed: segments, a bulk batch, rows in the log
 *
 * A .blocks file is a sparse .ntt file: u64 size, then each sector that is not zero as u64 offset
 * and its 512 bytes. A .rows file has, for each table, its columns, the number of its rows, their
 * XXH3 (chained over ts and values, 8 bytes each), and some rows: number, ts, bits of the values.
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
#include "support/db_helpers.h"
#include "util/checksum.h"

#define GOLDEN_SECTOR     512u
#define GOLDEN_ROWS_SHOWN 40u

/* ---- rows as text ------------------------------------------------------------------------- */

static inline void golden_dump_table(struct nanots_db *db, const char *table, FILE *out)
{
    struct nanots_schema schema;
    struct db_rows rows = db_rows_read(db, table, NULL);
    uint64_t hash = 0;

    db_ok(nanots_table_schema(db, table, &schema, &db_error));
    (void)fprintf(out, "table %s", table);
    for (size_t c = 0; c < schema.column_count; c++)
        (void)fprintf(out, " %s", schema.columns[c].name);
    nanots_free(schema.block);
    for (size_t i = 0; i < rows.row_count; i++) {
        uint8_t bytes[8];
        nts_store_u64(bytes, (uint64_t)rows.ts[i]);
        hash = nts_checksum_seeded(bytes, 8, hash);
        for (size_t c = 0; c < rows.column_count; c++) {
            nts_store_u64(bytes, db_to_bits(rows.values[i * rows.column_count + c]));
            hash = nts_checksum_seeded(bytes, 8, hash);
        }
    }
    (void)fprintf(out, "\nrows %zu hash %016" PRIx64 "\n", rows.row_count, hash);
    for (size_t i = 0; i < rows.row_count; i += rows.row_count / GOLDEN_ROWS_SHOWN + 1) {
        (void)fprintf(out, "%zu %" PRId64, i, rows.ts[i]);
        for (size_t c = 0; c < rows.column_count; c++)
            (void)fprintf(out, " %016" PRIx64, db_to_bits(rows.values[i * rows.column_count + c]));
        (void)fputc('\n', out);
    }
    db_rows_free(&rows);
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

static inline void golden_fill_live(struct nanots_db *db)
{
    struct db_rows bulk = db_rows_new(1);
    struct db_rows few = db_rows_new(2);
    for (int64_t i = 0; i < 70000; i++) {
        const double value = (double)(i % 10);
        db_rows_add(&bulk, i * 1000, &value);
    }
    for (int64_t i = 0; i < 300; i++) {
        const double values[2] = {(double)i, (double)(i % 7) * 0.1};
        db_rows_add(&few, 500 - i, values);
    }
    db_create(db, "flushed", 2);
    db_append_all(db, "flushed", &few);
    db_ok(nanots_flush(db, &db_error));
    db_create(db, "logged", 2);
    db_append_all(db, "flushed", &few);
    db_append_all(db, "logged", &few);
    db_create(db, "bulk", 1);
    db_append_all(db, "bulk", &bulk);
    db_ok(nanots_append(db, "series", 1, 71.5, NULL, &db_error));
    db_rows_free(&few);
    db_rows_free(&bulk);
}

struct golden_file {
    const char *name;
    void (*fill)(struct nanots_db *db);
    bool is_live;
};

static const struct golden_file golden_files[] = {
    {"tiny", golden_fill_tiny, false},
    {"groups", golden_fill_groups, false},
    {"packed", golden_fill_packed, false},
    {"live", golden_fill_live, true},
};
#define GOLDEN_COUNT (sizeof golden_files / sizeof golden_files[0])

/* Writes the file to `path`; of a live one a copy, as kill -9 would leave it. */
static inline void golden_write(const struct golden_file *golden, const char *path,
                                const char *work_path)
{
    struct nanots_open_options options = {.struct_size = sizeof options, .wal_bytes = 64 << 10};
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
