/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_file_size.c - how large the file becomes, and that idle calls leave it alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

/* ---- calls that write nothing ------------------------------------------------------------- */

struct file_image {
    struct stat facts;
    uint8_t *bytes;
    size_t size;
};

static struct file_image image_take(const char *path)
{
    struct file_image image;
    assert_int_equal(stat(path, &image.facts), 0);
    image.bytes = db_file_read(path, &image.size);
    return image;
}

/* Same bytes, size and time of change; frees `before`. */
static void image_expect_same(const char *path, struct file_image *before)
{
    struct file_image after = image_take(path);
    assert_int_equal(after.size, before->size);
    assert_memory_equal(after.bytes, before->bytes, after.size);
    assert_int_equal(after.facts.st_mtim.tv_sec, before->facts.st_mtim.tv_sec);
    assert_int_equal(after.facts.st_mtim.tv_nsec, before->facts.st_mtim.tv_nsec);
    assert_int_equal(after.facts.st_blocks, before->facts.st_blocks);
    test_free(after.bytes);
    test_free(before->bytes);
}

static void open_and_close_of_a_new_file_leaves_it_empty(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    assert_int_equal(db_file_size(scratch->path), 0);
    db_ok(nanots_flush(db, &db_error));
    db_ok(nanots_sync(db, &db_error));
    db_ok(nanots_compact_retention(db, NULL, 0, NULL, &db_error));
    db = db_reopen(db, scratch->path);
    db_close(db);
    assert_int_equal(db_file_size(scratch->path), 0);
}

/* Goal: opening, reading and closing writes nothing. Method: a tiny file and one of many blocks. */
static void open_and_close_writes_nothing(void **state)
{
    static const size_t row_counts[] = {3, 50000};
    const struct scratch *scratch = *state;
    struct db_rows rows;

    for (size_t i = 0; i < 2; i++) {
        struct nanots_db *db = db_open(scratch->path);
        rows = db_rows_sine(row_counts[i], 1, 0);
        if (i == 0)
            db_create(db, "a", 1);
        db_ok(nanots_compact_retention(db, NULL, INT64_MAX, NULL, &db_error));
        db_append_all(db, "a", &rows);
        db_close(db);
        struct file_image before = image_take(scratch->path);
        db = db_open(scratch->path);
        db_expect_table(db, "a", &rows);
        db_close(db);
        db = db_open_read_only(scratch->path);
        db_expect_table(db, "a", &rows);
        db_close(db);
        image_expect_same(scratch->path, &before);
        db_rows_free(&rows);
    }
}

static void empty_flush_writes_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows rows = db_rows_sine(2000, 2, 0);

    db_create(db, "a", 2);
    db_append_all(db, "a", &rows);
    db_ok(nanots_flush(db, &db_error));
    struct file_image before = image_take(scratch->path);
    for (unsigned i = 0; i < 100; i++)
        db_ok(nanots_flush(db, &db_error));
    image_expect_same(scratch->path, &before);
    db_rows_free(&rows);
    db_close(db);
}

/* ---- sizes -------------------------------------------------------------------------------- */

/* What a sensor gives: a slow wave with two decimals, every second. */
static double sensor_value(int64_t row)
{
    return round((20.0 + 8.0 * sin((double)row * 0.001) + (double)(row * 37 % 11) * 0.01) * 100) /
           100;
}

/* Goal: 100 flushes of 1000 rows cost little: the closed file is at most 1.3 times the packed.
 * Method: all in one tier, as PACKED has smaller codecs. */
static void file_of_100_flushes_is_at_most_a_third_larger_than_packed(void **state)
{
    static const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .tier = NANOTS_TIER_HOT};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    int64_t row = 0;

    db_ok(nanots_create_table_with(db, "a", &column, 1, &options, &db_error));
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 1000; k++, row++)
            db_ok(nanots_append(db, "a", row * 1000, sensor_value(row), NULL, &db_error));
        db_ok(nanots_flush(db, &db_error));
    }
    db_close(db);
    const uint64_t closed = db_file_size(scratch->path);
    db = db_open(scratch->path);
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    db_close(db);
    const uint64_t packed = db_file_size(scratch->path);
    print_message("# closed %llu, packed %llu bytes\n", (unsigned long long)closed,
                  (unsigned long long)packed);
    assert_true(closed * 10 <= packed * 13);
}

/* Goal: a million rows by row appends, closed without a pack, take less than their 16 MB raw. */
static void file_of_a_million_row_appends_is_smaller_than_raw(void **state)
{
    enum { ROWS = 1000000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;
    struct nanots_table_stats stats = {.struct_size = sizeof stats};

    db_create(db, "a", 1);
    db_ok(nanots_table_open(db, "a", &table, &db_error));
    for (int64_t i = 0; i < ROWS; i++) {
        const double value = sensor_value(i);
        assert_int_equal(nanots_table_append(table, i * 1000, &value, 1, NULL, NULL), NANOTS_OK);
    }
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 1, 16 * (uint64_t)ROWS - 1);
    db = db_open_read_only(scratch->path);
    db_ok(nanots_stats(db, "a", &stats, &db_error));
    assert_int_equal(stats.rows, ROWS);
    assert_int_equal(stats.raw_bytes, 16 * (uint64_t)ROWS);
    db_close(db);
}

/* 20000 rows of random bits, which no codec makes smaller, from `ts` on. */
static struct db_rows random_rows(uint64_t *bits, int64_t ts)
{
    struct db_rows rows = db_rows_new(1);
    for (int64_t i = 0; i < 20000; i++) {
        *bits ^= *bits << 13;
        *bits ^= *bits >> 7;
        *bits ^= *bits << 17;
        const double value = db_from_bits(*bits);
        db_rows_add(&rows, ts + i, &value);
    }
    return rows;
}

/* The log, which grows with its use, is kept small, so that what grows is the data. */
static struct nanots_db *open_with_small_log(const char *path)
{
    struct nanots_open_options options = {.struct_size = sizeof options, .wal_bytes = 1u << 20};
    return db_open_with(path, &options);
}

/* Keeps the largest file of the rounds up to 19, and of those behind. */
static void note_file_size(struct nanots_db *db, int64_t round, uint64_t most[2])
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    if (most[round >= 20] < diagnosis.file_bytes)
        most[round >= 20] = diagnosis.file_bytes;
}

/* Goal: space of removed rows is used again, so that a file under retention does not grow.
 * Method: 50 rounds of 20000 random rows, of which only the last round stays. */
static void file_under_retention_does_not_grow(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_with_small_log(scratch->path);
    uint64_t most[2] = {0, 0};
    uint64_t bits = 88172645463325252u;

    db_create(db, "a", 1);
    for (int64_t round = 0; round < 50; round++) {
        struct db_rows rows = random_rows(&bits, round * 20000);
        db_append_all(db, "a", &rows);
        db_ok(nanots_compact_retention(db, "a", round * 20000, NULL, &db_error));
        db_expect_table(db, "a", &rows);
        db_rows_free(&rows);
        note_file_size(db, round, most);
    }
    print_message("# at most %llu bytes in rounds 0 to 19, %llu later\n",
                  (unsigned long long)most[0], (unsigned long long)most[1]);
    assert_true(most[1] <= most[0] + most[0] / 4);
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 1, 20000 * 8 + 20000);
}

/* Goal: packing again and again does not leave the old segments behind. */
static void file_that_is_packed_often_does_not_grow(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_with_small_log(scratch->path);
    struct db_rows rows = db_rows_sine(60000, 1, 0);
    uint64_t most[2] = {0, 0};

    db_create(db, "a", 1);
    db_append_all(db, "a", &rows);
    for (int64_t round = 0; round < 60; round++) {
        db_ok(nanots_pack_table(db, "a", round % 2 == 0 ? 7000 : 50000, &db_error));
        note_file_size(db, round, most);
    }
    print_message("# at most %llu bytes in rounds 0 to 19, %llu later\n",
                  (unsigned long long)most[0], (unsigned long long)most[1]);
    assert_true(most[1] <= most[0] + most[0] / 4);
    db_expect_table(db, "a", &rows);
    db_rows_free(&rows);
    db_close(db);
}

#define MANY_TABLES 1000

/* Goal: the log of many tables grows before it has made a segment of a few rows for each of them,
 * again and again. Method: 24 rows for each in turn, about a megabyte of log. */
static void log_of_many_tables_grows_at_once(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    for (int64_t i = 0; i < MANY_TABLES * 24; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", (int)(i % MANY_TABLES));
        db_ok(nanots_append(db, name, i, (double)i, NULL, &db_error));
    }
    db_ok(nanots_stats(db, "s0", &stats, &db_error));
    assert_int_equal(stats.rows, 24);
    assert_in_range(stats.segments, 1, 2);
    db_close(db);
}

/* Goal: who packs gets a small file, however large it is. Method: 96 MiB that no codec makes
 * smaller, packed while the old segments lie before the new ones. */
static void packed_large_file_is_tight_after_a_close(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    const size_t count = 1u << 20;
    int64_t *ts = test_malloc(count * sizeof *ts);
    double *values = test_malloc(count * sizeof *values);
    const double *columns[] = {values};
    uint64_t bits = 88172645463325252u;

    db_create(db, "a", 1);
    for (int64_t batch = 0; batch < 12; batch++) {
        struct db_rows rows = random_rows(&bits, 0);
        for (size_t i = 0; i < count; i++) {
            ts[i] = batch * (int64_t)count + (int64_t)i;
            values[i] = rows.values[i % rows.row_count] * (double)(1 + i / rows.row_count);
        }
        db_ok(nanots_append_columns(db, "a", ts, columns, count, 1, NULL, &db_error));
        db_rows_free(&rows);
    }
    db_ok(nanots_pack_table(db, "a", 900000, &db_error));
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 12 * count * 7, 12 * count * 8 + count);
    test_free(ts);
    test_free(values);
}

/* A closed file ends with its last live byte: no log, no spare, nothing to come. */
static void file_is_tight_after_a_close(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};

    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 512, 1536);
    db = db_open(scratch->path);
    for (int64_t i = 0; i < 30000; i++)
        db_ok(nanots_append(db, "a", i * i, sin((double)i), NULL, &db_error));
    db = db_reopen(db, scratch->path);
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    assert_int_equal(diagnosis.wal_bytes, 0);
    assert_int_equal(diagnosis.file_bytes, db_file_size(scratch->path));
    assert_in_range(diagnosis.free_bytes, 0, 4096);
    db_close(db);
}

/* Goal: a closed file of many tables of few rows is as small as their segments, also where these
 * are more than what a close always moves. */
static void file_of_many_small_tables_is_tight_after_a_close(void **state)
{
    enum { TABLES = 3000, FLUSHES = 3, ROWS = 50 };
    const struct scratch *scratch = *state;
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    struct nanots_db *db = db_open(scratch->path);
    uint64_t bits = 88172645463325252u;
    char name[16];

    for (int64_t i = 0; i < FLUSHES; i++) {
        for (int64_t t = 0; t < TABLES; t++) {
            struct db_rows rows = db_rows_new(1);
            (void)snprintf(name, sizeof name, "t%d", (int)t);
            for (int64_t row = 0; row < ROWS; row++) {
                bits = bits * 6364136223846793005u + 1442695040888963407u;
                db_rows_add(&rows, i * ROWS + row, &(const double){db_from_bits(bits >> 2)});
            }
            if (i == 0)
                db_create(db, name, 1);
            db_append_all(db, name, &rows);
            db_rows_free(&rows);
        }
        db_ok(nanots_flush(db, &db_error));
    }
    db = db_reopen(db, scratch->path);
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    print_message("# %llu bytes of segments in %llu\n", (unsigned long long)diagnosis.data_bytes,
                  (unsigned long long)diagnosis.file_bytes);
    assert_int_equal(diagnosis.segments, TABLES);
    assert_true(diagnosis.data_bytes > 4u << 20);
    assert_true(diagnosis.file_bytes < diagnosis.data_bytes + diagnosis.data_bytes / 5);
    db_close(db);
}

#define SIZE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIZE_TEST(open_and_close_of_a_new_file_leaves_it_empty),
        SIZE_TEST(open_and_close_writes_nothing),
        SIZE_TEST(empty_flush_writes_nothing),
        SIZE_TEST(file_of_100_flushes_is_at_most_a_third_larger_than_packed),
        SIZE_TEST(file_of_a_million_row_appends_is_smaller_than_raw),
        SIZE_TEST(file_under_retention_does_not_grow),
        SIZE_TEST(file_that_is_packed_often_does_not_grow),
        SIZE_TEST(log_of_many_tables_grows_at_once),
        SIZE_TEST(packed_large_file_is_tight_after_a_close),
        SIZE_TEST(file_is_tight_after_a_close),
        SIZE_TEST(file_of_many_small_tables_is_tight_after_a_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
