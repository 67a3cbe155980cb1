/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_table_tiers.c - tier of a table, codec of a column: for what flushes, batches,
 * packs, merges and cuts write, as statistics tell; and every row comes back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"

#define ROWS      20000u
#define BULK_ROWS 200000u

static uint64_t seed;

static void create(struct nanots_db *db, nanots_tier tier)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const struct nanots_table_options options = {.struct_size = sizeof options, .tier = tier};
    db_ok(nanots_create_table_with(db, "t", &column, 1, &options, &db_error));
}

/* A walk of two decimals, and noise that no codec makes smaller. */
static struct db_rows make_rows(size_t row_count, int64_t ts, bool is_noise)
{
    struct db_rows rows = db_rows_new(1);
    int64_t walk = 2000;
    for (size_t i = 0; i < row_count; i++) {
        const uint64_t random = seed_next(&seed);
        walk += (int64_t)(random % 41) - 20;
        const double value = is_noise ? (double)(random >> 11) / 3.0 : (double)walk / 100.0;
        db_rows_add(&rows, ts + (int64_t)i, &value);
    }
    return rows;
}

/* One segment more; its rows join `wanted`. */
static void flush_rows(struct nanots_db *db, size_t row_count, int64_t ts, bool is_noise,
                       struct db_rows *wanted)
{
    struct db_rows rows = make_rows(row_count, ts, is_noise);
    db_append_all(db, "t", &rows);
    db_ok(nanots_flush(db, &db_error));
    db_rows_join(wanted, &rows);
    db_rows_free(&rows);
}

static struct nanots_table_stats stats_of(struct nanots_db *db)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats(db, "t", &stats, &db_error));
    return stats;
}

/* Segments, and how many of them are packed, whose vectors are counted so. */
static void expect_segments(struct nanots_db *db, uint64_t segments, uint64_t packed)
{
    const struct nanots_table_stats stats = stats_of(db);
    assert_int_equal(stats.segments, segments);
    assert_int_equal(stats.packed_segments, packed);
    assert_int_equal(stats.packed.vectors == 0, packed == 0);
    assert_int_equal(stats.hot.vectors == 0, packed == segments);
    assert_int_equal(stats.hot.vectors + stats.packed.vectors, stats.all.vectors);
    assert_int_equal(stats.hot.raw_bytes + stats.packed.raw_bytes, stats.all.raw_bytes);
    assert_int_equal(stats.hot.disk_bytes + stats.packed.disk_bytes, stats.all.disk_bytes);
}

static void auto_is_hot_at_flush_and_packed_by_pack(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);

    create(db, NANOTS_TIER_AUTO);
    flush_rows(db, ROWS, 0, false, &wanted);
    flush_rows(db, ROWS, ROWS, false, &wanted);
    expect_segments(db, 2, 0);
    const uint64_t hot_bytes = stats_of(db).all.disk_bytes;
    db_ok(nanots_pack_table(db, "t", 0, &db_error));
    expect_segments(db, 1, 1);
    assert_in_range(stats_of(db).all.disk_bytes, 1, hot_bytes + hot_bytes / 50);
    flush_rows(db, ROWS, 2 * ROWS, false, &wanted);
    expect_segments(db, 2, 1); /* both in one table */
    db_expect_table(db, "t", &wanted);
    db_ok(nanots_pack_table(db, "t", 0, &db_error));
    expect_segments(db, 1, 1);
    db = db_reopen(db, scratch->path);
    expect_segments(db, 1, 1);
    db_expect_table(db, "t", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

static uint64_t generation_of(struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    return diagnosis.generation;
}

static void hot_stays_hot_and_a_second_pack_writes_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);

    create(db, NANOTS_TIER_HOT);
    flush_rows(db, ROWS, 0, false, &wanted);
    flush_rows(db, ROWS, 100, false, &wanted);
    db_ok(nanots_pack_table(db, "t", 0, &db_error));
    expect_segments(db, 1, 0);
    const uint64_t generation = generation_of(db);
    db_ok(nanots_pack_table(db, "t", 0, &db_error));
    assert_int_equal(generation_of(db), generation);
    db_rows_sort(&wanted);
    db_expect_table(db, "t", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

static void packed_is_packed_from_the_first_flush_on(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);

    create(db, NANOTS_TIER_PACKED);
    flush_rows(db, 100, 0, false, &wanted);
    flush_rows(db, BULK_ROWS, 100, false, &wanted); /* a batch of this size is a segment itself */
    const struct nanots_table_stats stats = stats_of(db);
    expect_segments(db, stats.segments, stats.segments);
    db = db_reopen(db, scratch->path);
    const struct nanots_table_stats closed = stats_of(db);
    expect_segments(db, closed.segments, closed.segments);
    db_expect_table(db, "t", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* A cut through a packed segment leaves its rest packed. */
static void what_is_packed_stays_packed(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);
    uint64_t removed = 0;

    create(db, NANOTS_TIER_AUTO);
    flush_rows(db, ROWS, 0, false, &wanted);
    db_ok(nanots_pack_table(db, "t", 0, &db_error));
    db_ok(nanots_compact_retention(db, "t", 5000, &removed, &db_error));
    assert_int_equal(removed, 5000);
    expect_segments(db, 1, 1);
    /* And a close that merges it with its neighbours. */
    flush_rows(db, 10, ROWS, false, &wanted);
    flush_rows(db, 10, ROWS + 10, false, &wanted);
    expect_segments(db, 3, 1);
    db = db_reopen(db, scratch->path);
    expect_segments(db, 1, 1);
    struct db_rows rows = db_rows_read(db, "t", NULL);
    assert_int_equal(rows.row_count, ROWS - 5000 + 20);
    assert_int_equal(rows.ts[0], 5000);
    assert_memory_equal(rows.values, wanted.values + 5000, rows.row_count * sizeof *rows.values);
    db_rows_free(&rows);
    db_rows_free(&wanted);
    db_close(db);
}

/* A limit makes segments small, and so the last merge: noise takes 8 bytes a row and more, a
 * segment has 1600 rows at the most, and one of more than half of that is merged no more. */
static void the_last_merge_of_upkeep_packs(void **state)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .max_bytes = 1u << 20};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open_with(scratch->path, &options);
    struct db_rows wanted = db_rows_new(1);

    create(db, NANOTS_TIER_AUTO);
    for (int64_t i = 0; i < 4; i++)
        flush_rows(db, 60, i * 60, true, &wanted);
    db_ok(nanots_maintain(db, NULL, NULL, &db_error));
    expect_segments(db, 1, 0); /* 240 rows: others will come */
    for (int64_t i = 0; i < 3; i++)
        flush_rows(db, 320, 240 + i * 320, true, &wanted);
    db_ok(nanots_maintain(db, NULL, NULL, &db_error));
    expect_segments(db, 1, 1); /* 1200 rows: the last time */
    db_expect_table(db, "t", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* ---- codecs that columns name ------------------------------------------------------------- */

static struct nanots_column_stats stats_of_column(struct nanots_db *db, size_t column)
{
    struct nanots_column_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats_column(db, "t", column, &stats, &db_error));
    return stats;
}

#define NAMED_COUNT 6u

static const struct nanots_column named[NAMED_COUNT] = {
    {"raw", NANOTS_TYPE_F64, NANOTS_COLUMN_CODEC(NANOTS_CODEC_RAW)},
    {"xor", NANOTS_TYPE_F64, NANOTS_COLUMN_CODEC(NANOTS_CODEC_XOR)},
    {"short", NANOTS_TYPE_F32, NANOTS_COLUMN_CODEC(NANOTS_CODEC_RAW)},
    {"count", NANOTS_TYPE_I64, NANOTS_COLUMN_CODEC(NANOTS_CODEC_FOR)},
    {"text", NANOTS_TYPE_UTF8, NANOTS_COLUMN_CODEC(NANOTS_CODEC_RAW)},
    {"null", NANOTS_TYPE_I32, NANOTS_COLUMN_NULLABLE | NANOTS_COLUMN_CODEC(NANOTS_CODEC_DELTA)}};

static void append_named(struct nanots_db *db, int64_t row_count)
{
    static const char *const words[] = {"idle", "running", "idle", "stopped for good"};
    for (int64_t i = 0; i < row_count; i++) {
        struct nanots_value values[NAMED_COUNT] = {
            {.type = NANOTS_TYPE_F64, .as.f64 = (double)i},
            {.type = NANOTS_TYPE_F64, .as.f64 = (double)i},
            {.type = NANOTS_TYPE_F32, .as.f32 = (float)i},
            {.type = NANOTS_TYPE_I64, .as.i64 = i},
            {.type = NANOTS_TYPE_UTF8},
            {.type = i % 3 == 0 ? NANOTS_TYPE_NULL : NANOTS_TYPE_I32, .as.i32 = (int32_t)i}};
        values[4].as.utf8.data = words[i % 4];
        values[4].as.utf8.size = strlen(words[i % 4]);
        db_ok(nanots_append_row_typed(db, "t", i, values, NAMED_COUNT, NULL, &db_error));
    }
}

static void columns_get_the_codec_that_they_name(void **state)
{
    static const struct {
        unsigned codec;
        uint64_t bytes_of_a_row; /* at least */
    } wanted[NAMED_COUNT] = {{NANOTS_CODEC_RAW, 8},       {NANOTS_CODEC_XOR, 1},
                             {NANOTS_CODEC_RAW, 4},       {NANOTS_CODEC_FOR, 1},
                             {28 /* plain strings */, 7}, {NANOTS_CODEC_DELTA, 0}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_ok(nanots_create_table(db, "t", named, NAMED_COUNT, &db_error));
    append_named(db, 5000);
    db_ok(nanots_flush(db, &db_error));
    for (unsigned round = 0; round < 2; round++) {
        for (size_t c = 0; c < NAMED_COUNT; c++) {
            const struct nanots_column_stats stats = stats_of_column(db, c);
            assert_in_range(stats.all.vectors, 5, 50);
            assert_int_equal(stats.all.codecs[wanted[c].codec].vectors, stats.all.vectors);
            assert_in_range(stats.all.disk_bytes, 5000 * wanted[c].bytes_of_a_row, UINT32_MAX);
        }
        assert_string_equal(nanots_codec_name(28), "plain");
        db_ok(nanots_pack_table(db, "t", 0, &db_error));
        assert_int_equal(stats_of(db).packed_segments, 1);
    }
    db_close(db);
}

/* Goal: what a codec cannot hold gets another one, vector by vector. */
static void vectors_that_the_codec_cannot_hold_get_another(void **state)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64,
                                         NANOTS_COLUMN_CODEC(NANOTS_CODEC_DECIMAL)};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows rows = make_rows(4096, 0, false);

    db_ok(nanots_create_table(db, "t", &column, 1, &db_error));
    for (size_t i = 1024; i < 2048; i++)
        rows.values[i] = i % 2 == 0 ? (double)NAN : 1.0 / (double)i;
    for (size_t i = 2048; i < 3072; i++)
        rows.values[i] = 21.7;
    db_append_all(db, "t", &rows);
    db_ok(nanots_flush(db, &db_error));
    const struct nanots_column_stats stats = stats_of_column(db, 0);
    assert_int_equal(stats.all.vectors, 4);
    assert_int_equal(stats.all.codecs[NANOTS_CODEC_DECIMAL].vectors, 2);
    assert_int_equal(stats.all.codecs[NANOTS_CODEC_CONSTANT].vectors, 1);
    assert_int_equal(stats.all.codecs[NANOTS_CODEC_CONSTANT].bytes, 0);
    assert_int_equal(stats.all.codecs[NANOTS_CODEC_CONSTANT].raw_bytes, 8192);
    db_expect_table(db, "t", &rows);
    db_rows_free(&rows);
    db_close(db);
}

/* Goal: who was built when options ended before the tier creates tables as before. */
static void options_without_a_tier_are_of_tier_auto(void **state)
{
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const struct nanots_table_options options = {.struct_size =
                                                     offsetof(struct nanots_table_options, tier),
                                                 .unit = NANOTS_UNIT_US,
                                                 .tier = NANOTS_TIER_PACKED};
    const struct nanots_table_options none = {.struct_size = 0};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_schema schema;
    db_ok(nanots_create_table_with(db, "t", &column, 1, &options, &db_error));
    db_ok(nanots_table_schema(db, "t", &schema, &db_error));
    assert_int_equal(schema.unit, NANOTS_UNIT_US);
    assert_int_equal(schema.tier, NANOTS_TIER_AUTO);
    nanots_free(schema.block);
    db_fails(nanots_create_table_with(db, "u", &column, 1, &none, &db_error), NANOTS_INVALID,
             "struct_size");
    db_close(db);
}

static int group_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    return 0;
}

#define TIERS_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TIERS_TEST(auto_is_hot_at_flush_and_packed_by_pack),
        TIERS_TEST(hot_stays_hot_and_a_second_pack_writes_nothing),
        TIERS_TEST(packed_is_packed_from_the_first_flush_on),
        TIERS_TEST(what_is_packed_stays_packed),
        TIERS_TEST(the_last_merge_of_upkeep_packs),
        TIERS_TEST(options_without_a_tier_are_of_tier_auto),
        TIERS_TEST(columns_get_the_codec_that_they_name),
        TIERS_TEST(vectors_that_the_codec_cannot_hold_get_another),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
