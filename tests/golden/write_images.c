/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden/write_images.c - writes files whose bytes are the same on every machine and in every run:
 *
 *     build/tests/write_images FOLDER
 *
 *     the golden files of golden.h     written anew by this version
 *     typed.ntt                        random rows of all types, packed, retained, changed
 *     floats.ntt                       doubles and floats of many kinds: every codec of them
 *     floats-live.ntt                  the same file before it is packed and closed
 *
 * Randomness comes from fixed seeds, that of the kernel too: the linker puts a function of this
 * file in the place of nts_random_bytes. Another one keeps the log from being mapped, as systems
 * of 32 bits cannot. The C library's sine is left out, as machines differ there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "support/float_series.h"
#include "support/seed.h"
#include "support/typed_rows.h"

#define TYPED_ROWS_COUNT 30000u
#define FLOAT_ROWS       20000u
#define BATCH_ROWS       5000u

static uint64_t kernel_seed;

/* The names are the linker's. */
void __wrap_nts_random_bytes(void *bytes, size_t size);
int __wrap_nts_posix_can_map_wal(struct nanots_file *file);

int __wrap_nts_posix_can_map_wal(struct nanots_file *file)
{
    (void)file;
    return 0;
}

/* A salt is one number of 64 bits, an id is bytes. */
void __wrap_nts_random_bytes(void *bytes, size_t size)
{
    const uint64_t number = seed_next(&kernel_seed);
    if (size == sizeof number)
        memcpy(bytes, &number, size);
    else
        memset(bytes, (int)(number % 256), size);
}

static void fill_typed(struct nanots_db *db)
{
    uint64_t seed = 1234;
    const struct nanots_column late = {"late", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE};
    struct typed_rows rows =
        typed_rows_random(typed_columns, TYPED_COLUMNS, TYPED_ROWS_COUNT, &seed);

    db_ok(nanots_create_table_with(db, "typed", typed_columns, TYPED_COLUMNS, NULL, &db_error));
    for (size_t at = 0; at < TYPED_ROWS_COUNT; at += BATCH_ROWS) {
        struct typed_batch *batch = typed_batch_new(&rows, at, BATCH_ROWS);
        db_ok(nanots_append_batch(db, "typed", &batch->batch, NULL, &db_error));
        db_ok(nanots_flush(db, &db_error));
        typed_batch_free(batch);
    }
    db_ok(nanots_pack_table(db, "typed", 0, &db_error));
    db_ok(nanots_compact_retention(db, "typed", rows.ts[TYPED_ROWS_COUNT / 10], NULL, &db_error));
    db_ok(nanots_add_column(db, "typed", &late, &db_error));
    typed_rows_free(&rows);
}

/* Two tables of each kind, of doubles and of floats. */
static void fill_floats(struct nanots_db *db)
{
    static double values[FLOAT_ROWS];
    static float halves[FLOAT_ROWS];
    static int64_t ts[FLOAT_ROWS];
    uint64_t seed = 4321;

    for (size_t i = 0; i < FLOAT_ROWS; i++)
        ts[i] = (int64_t)i * 1000 + (int64_t)(seed_next(&seed) % 4);
    for (int kind = 0; kind < FLOAT_SERIES_KIND_COUNT; kind++) {
        if (kind == FLOAT_SERIES_SMOOTH)
            continue;
        float_series_fill(values, FLOAT_ROWS, (enum float_series_kind)kind, &seed);
        for (size_t i = 0; i < FLOAT_ROWS; i++) {
            const uint32_t bits = (uint32_t)(db_to_bits(values[i]) >> 29);
            halves[i] = (float)values[i];
            if (values[i] != values[i] || kind == FLOAT_SERIES_BITS)
                memcpy(&halves[i], &bits, sizeof bits);
        }
        for (int wide = 0; wide < 2; wide++) {
            const nanots_type type = wide ? NANOTS_TYPE_F64 : NANOTS_TYPE_F32;
            const struct nanots_column column = {"value", type, 0};
            char name[16];
            (void)snprintf(name, sizeof name, "f%d_%d", wide ? 64 : 32, kind);
            const struct nanots_batch_column data = {
                .type = type, .values = wide ? (void *)values : (void *)halves};
            const struct nanots_batch batch = {
                .row_count = FLOAT_ROWS, .ts = ts, .columns = &data, .column_count = 1};
            db_ok(nanots_create_table_with(db, name, &column, 1, NULL, &db_error));
            db_ok(nanots_append_batch(db, name, &batch, NULL, &db_error));
        }
    }
}

static void fill_floats_packed(struct nanots_db *db)
{
    struct nanots_table_list list;
    fill_floats(db);
    db_ok(nanots_list_tables(db, &list, &db_error));
    for (size_t t = 0; t < list.count; t++)
        db_ok(nanots_pack_table(db, list.names[t], 0, &db_error));
    nanots_free(list.block);
}

static const struct golden_file more_files[] = {
    {"typed", fill_typed, false, 512},
    {"floats", fill_floats_packed, false, 512},
    {"floats-live", fill_floats, true, 512},
};

static void write_image(const struct golden_file *image, const char *folder)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms =
                                                    UINT32_MAX, /* no record depends on the clock */
                                                .sector_size = image->sector_size,
                                                .wal_bytes = 64 << 10};
    char path[512];
    char copy[520];

    kernel_seed = 1;
    (void)snprintf(path, sizeof path, "%s/%s.ntt", folder, image->name);
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    struct nanots_db *db = db_open_with(path, &options);
    image->fill(db);
    db_ok(nanots_sync(db, &db_error));
    if (image->is_live)
        db_file_copy(path, copy);
    db_close(db);
    if (image->is_live)
        assert_return_code(rename(copy, path), 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "write_images FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < GOLDEN_COUNT; i++)
        write_image(&golden_files[i], argv[1]);
    for (size_t i = 0; i < sizeof more_files / sizeof more_files[0]; i++)
        write_image(&more_files[i], argv[1]);
    return 0;
}
