/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden/test_golden.c - files of earlier versions open, read the same, and can be written on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "support/scratch.h"

#define SEGMENT_HEADER_SIZE 80u

static const char *golden_path(const struct golden_file *golden, const char *suffix, char *room,
                               size_t size)
{
    (void)snprintf(room, size, "%s/tests/golden/%s.%s", NANOTS_SOURCE_DIR, golden->name, suffix);
    return room;
}

/* A copy of the golden file that may be written to. */
static void golden_unpack(const struct golden_file *golden, const char *to)
{
    char path[512];
    size_t size = 0;

    if (!golden->is_live) {
        db_file_copy(golden_path(golden, "ntt", path, sizeof path), to);
        return;
    }
    uint8_t *blocks = db_file_read(golden_path(golden, "blocks", path, sizeof path), &size);
    const size_t file_size = (size_t)nts_load_u64(blocks);
    uint8_t *bytes = test_calloc(file_size, 1);
    for (size_t at = 8; at < size; at += 8 + GOLDEN_SECTOR) {
        const uint64_t off = nts_load_u64(blocks + at);
        assert_true(off <= file_size - GOLDEN_SECTOR);
        memcpy(bytes + off, blocks + at + 8, GOLDEN_SECTOR);
    }
    db_file_write(to, bytes, file_size);
    test_free(bytes);
    test_free(blocks);
}

static void golden_expect_rows(const struct golden_file *golden, struct nanots_db *db)
{
    char path[512];
    char *text = NULL;
    size_t text_size = 0;
    size_t wanted_size = 0;
    FILE *out = open_memstream(&text, &text_size);
    uint8_t *wanted = db_file_read(golden_path(golden, "rows", path, sizeof path), &wanted_size);

    assert_non_null(out);
    golden_dump(db, out);
    assert_int_equal(fclose(out), 0);
    wanted[wanted_size] = '\0';
    assert_string_equal(text, (const char *)wanted);
    free(text);
    test_free(wanted);
}

static void golden_expect_no_damage(struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
}

/* Goal: every golden file reads as its text says, and reading does not change it. */
static void golden_files_read_as_they_were_written(void **state)
{
    const struct scratch *scratch = *state;
    size_t before_size = 0;
    size_t size = 0;

    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        golden_unpack(&golden_files[i], scratch->path);
        uint8_t *before = db_file_read(scratch->path, &before_size);
        struct nanots_db *db = db_open_read_only(scratch->path);
        golden_expect_rows(&golden_files[i], db);
        golden_expect_no_damage(db);
        db_close(db);
        uint8_t *after = db_file_read(scratch->path, &size);
        assert_int_equal(size, before_size);
        assert_memory_equal(after, before, size);
        test_free(after);
        test_free(before);
    }
}

/* Goal: every golden file can be opened for writing, recovered, packed and closed with the same
 * rows, and takes new ones. */
static void golden_files_can_be_written_on(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_series series;

    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct nanots_table_list list;
        golden_unpack(&golden_files[i], scratch->path);
        struct nanots_db *db = db_open(scratch->path);
        golden_expect_rows(&golden_files[i], db);
        db_ok(nanots_list_tables(db, &list, &db_error));
        for (size_t t = 0; t < list.count; t++)
            db_ok(nanots_pack_table(db, list.names[t], 0, &db_error));
        nanots_free(list.block);
        db = db_reopen(db, scratch->path);
        golden_expect_rows(&golden_files[i], db);
        golden_expect_no_damage(db);
        db_ok(nanots_append(db, "new", 1, 2.5, NULL, &db_error));
        db = db_reopen(db, scratch->path);
        db_ok(nanots_query_range(db, "new", 1, 1, &series, &db_error));
        assert_int_equal(series.row_count, 1);
        nanots_free(series.block);
        db_close(db);
    }
}

/* The golden live file was never closed: its log has rows that recovery reports. */
static void golden_live_file_is_recovered(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};

    for (size_t i = 0; i < 2; i++) {
        const struct golden_file *golden = &golden_files[GOLDEN_COUNT - 2 + i];
        assert_true(golden->is_live);
        golden_unpack(golden, scratch->path);
        struct nanots_db *db = db_open(scratch->path);
        db_ok(nanots_diagnose(db, &diagnosis, &db_error));
        assert_int_equal(diagnosis.recovered_rows, i == 0 ? 70601 : 70131);
        assert_int_equal(diagnosis.torn_bytes, 0);
        assert_int_equal(diagnosis.wal_damaged, 0);
        assert_int_equal(diagnosis.last_seq, i == 0 ? 70901 : 71027);
        db_close(db);
    }
}

/* Place of the next segment at or behind `at`, or `size`. */
static size_t segment_find(const uint8_t *bytes, size_t size, size_t at)
{
    for (; at + SEGMENT_HEADER_SIZE <= size; at += 64)
        if (memcmp(bytes + at, "NTSSEG1\n", 8) == 0)
            return at;
    return size;
}

/* Header up to the checksums, and all chunks; the footer has the file's random id. */
static void segment_expect_same(const uint8_t *a, const uint8_t *b)
{
    const uint64_t footer_off = nts_load_u64(a + 24);
    assert_memory_equal(a, b, 32);
    assert_memory_equal(a + 40, b + 40, 24);
    assert_memory_equal(a + SEGMENT_HEADER_SIZE, b + SEGMENT_HEADER_SIZE,
                        (size_t)footer_off - SEGMENT_HEADER_SIZE);
}

/* Goal: the same input gives the same segments at the same places. Method: each closed file is
 * written twice; all but random ids, and checksums with them, must agree. */
static void files_of_the_same_input_have_the_same_segments(void **state)
{
    const struct scratch *scratch = *state;
    char work[256];

    (void)scratch_path(scratch, "work.ntt", work, sizeof work);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        uint8_t *bytes[2];
        size_t size[2];
        size_t count = 0;
        if (golden_files[i].is_live)
            continue;
        for (size_t k = 0; k < 2; k++) {
            golden_write(&golden_files[i], scratch->path, work);
            bytes[k] = db_file_read(scratch->path, &size[k]);
        }
        assert_int_equal(size[0], size[1]);
        for (size_t at = segment_find(bytes[0], size[0], 0); at < size[0];
             at = segment_find(bytes[0], size[0], at + 64), count++)
            segment_expect_same(bytes[0] + at, bytes[1] + at);
        assert_true(count > 0);
        test_free(bytes[0]);
        test_free(bytes[1]);
    }
}

#define GOLDEN_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GOLDEN_TEST(golden_files_read_as_they_were_written),
        GOLDEN_TEST(golden_files_can_be_written_on),
        GOLDEN_TEST(golden_live_file_is_recovered),
        GOLDEN_TEST(files_of_the_same_input_have_the_same_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
