/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_open.c - what is opened, what is refused and with which words, and options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "format/superblock.h"
#include "support/db_helpers.h"
#include "support/scratch.h"
#include "util/checksum.h"

static nanots_status open_flags(const char *path, uint32_t flags)
{
    struct nanots_open_options options = {.struct_size = sizeof options, .flags = flags};
    struct nanots_db *db = (struct nanots_db *)8;
    const nanots_status status = nanots_open(path, &options, &db, &db_error);
    if (status == NANOTS_OK)
        (void)nanots_close(db, NULL);
    else
        assert_null(db);
    return status;
}

/* A closed file with one row in "a" and, if wanted, enough rows in "b" to leave the tiny form. */
static void make_file(const char *path, size_t row_count)
{
    struct nanots_db *db = db_open(path);
    struct db_rows rows = db_rows_sine(row_count, 1, 0);
    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_create(db, "b", 1);
    db_append_all(db, "b", &rows);
    db_rows_free(&rows);
    db_close(db);
}

static void expect_same_bytes(const char *path, const uint8_t *bytes, size_t size)
{
    size_t now = 0;
    uint8_t *found = db_file_read(path, &now);
    assert_int_equal(now, size);
    assert_memory_equal(found, bytes, size);
    test_free(found);
}

/* ---- what is no NanoTS file --------------------------------------------------------------- */

/* Goal: foreign files are refused for reading and writing, and stay as they are.
 * Method: text, a short file, one byte, and a file that is larger than the superblocks. */
static void open_of_a_foreign_file_is_refused(void **state)
{
    static const size_t sizes[] = {1, 17, 512, 4096, 8192, 100000};
    static uint8_t bytes[100000];
    const struct scratch *scratch = *state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) "time,value\n2024-05-01,71.5\n"[i % 27];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        db_file_write(scratch->path, bytes, sizes[i]);
        db_fails(open_flags(scratch->path, 0), NANOTS_NOT_A_DATABASE, "not a NanoTS file");
        assert_non_null(strstr(db_error.message, "plant.ntt"));
        db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_NOT_A_DATABASE,
                 "plant.ntt");
        expect_same_bytes(scratch->path, bytes, sizes[i]);
    }
}

static void open_of_an_empty_file_is_an_empty_database(void **state)
{
    static uint8_t zeros[8192];
    static const size_t sizes[] = {0, 100, 8192};
    const struct scratch *scratch = *state;
    struct nanots_table_list list;

    for (size_t i = 0; i < 3; i++) {
        db_file_write(scratch->path, zeros, sizes[i]);
        struct nanots_db *db = db_open_read_only(scratch->path);
        db_ok(nanots_list_tables(db, &list, &db_error));
        assert_int_equal(list.count, 0);
        nanots_free(list.block);
        db_close(db);
        db = db_open(scratch->path);
        db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
        db = db_reopen(db, scratch->path);
        db_ok(nanots_append(db, "a", 2, 2.0, NULL, &db_error));
        db_close(db);
    }
}

static void open_of_what_is_no_regular_file_is_refused(void **state)
{
    const struct scratch *scratch = *state;

    db_fails(open_flags(scratch->directory, 0), NANOTS_INVALID, "directory");
    db_fails(open_flags(scratch->directory, NANOTS_OPEN_READ_ONLY), NANOTS_INVALID, "directory");
    assert_int_equal(mkfifo(scratch->path, 0600), 0);
    db_fails(open_flags(scratch->path, 0), NANOTS_INVALID, "pipe");
    db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_INVALID, "pipe");
    db_fails(open_flags("", 0), NANOTS_INVALID, "path");
    db_fails(open_flags(NULL, 0), NANOTS_INVALID, "path");
    db_fails(nanots_open(scratch->path, NULL, NULL, &db_error), NANOTS_INVALID, "db_out");
    assert_int_equal(nanots_close(NULL, &db_error), NANOTS_OK);
}

static void open_in_a_missing_directory_is_not_found(void **state)
{
    const struct scratch *scratch = *state;
    char path[256];
    (void)scratch_path(scratch, "none/plant.ntt", path, sizeof path);
    db_fails(open_flags(path, 0), NANOTS_NOT_FOUND, "none/plant.ntt");
    assert_int_equal(db_error.os_errno, ENOENT);
    db_fails(open_flags(scratch->path, NANOTS_OPEN_NO_CREATE), NANOTS_NOT_FOUND, "plant.ntt");
    db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_NOT_FOUND, "plant.ntt");
    assert_int_equal(access(scratch->path, F_OK), -1);
}

static void open_exclusive_refuses_a_file_that_exists(void **state)
{
    const struct scratch *scratch = *state;
    db_ok(open_flags(scratch->path, NANOTS_OPEN_EXCLUSIVE));
    db_fails(open_flags(scratch->path, NANOTS_OPEN_EXCLUSIVE), NANOTS_EXISTS, "plant.ntt");
    db_ok(open_flags(scratch->path, NANOTS_OPEN_NO_CREATE));
}

/* ---- damage and newer formats ------------------------------------------------------------- */

/* Sets `size` bytes at `off` of every copy of the superblock, and its checksum to match. */
static void patch_superblocks(const char *path, size_t off, uint64_t value, size_t size)
{
    static const size_t copies[] = {0, 512, 4096, 4608};
    static const uint8_t magic[] = {0x89, 'N', 'T', 'T', '\r', '\n', 0x1a, '\n'};
    size_t file_size = 0;
    uint8_t *bytes = db_file_read(path, &file_size);

    for (size_t i = 0; i < 4; i++) {
        uint8_t *copy = bytes + copies[i];
        if (copies[i] + 256 > file_size || memcmp(copy, magic, sizeof magic) != 0)
            continue;
        for (size_t k = 0; k < size; k++)
            copy[off + k] = (uint8_t)(value >> 8 * k);
        nts_store_u64(copy + 248, nts_checksum(copy, 248));
    }
    db_file_write(path, bytes, file_size);
    test_free(bytes);
}

/* Goal: a newer format and an unknown incompatible feature are refused with the version that wrote
 * them; the file stays as it is. */
static void open_of_a_newer_format_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    size_t size = 0;

    for (size_t rows = 1; rows <= 5000; rows += 4999) {
        make_file(scratch->path, rows);
        patch_superblocks(scratch->path, 12, 2 << 16 | 7 << 8 | 3, 4);
        patch_superblocks(scratch->path, 8, 2, 4);
        uint8_t *before = db_file_read(scratch->path, &size);
        db_fails(open_flags(scratch->path, 0), NANOTS_NEWER_FORMAT, "2.7.3");
        db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_NEWER_FORMAT,
                 "plant.ntt");
        expect_same_bytes(scratch->path, before, size);
        test_free(before);
        patch_superblocks(scratch->path, 8, 1, 4);
        db_ok(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY));
        patch_superblocks(scratch->path, 24, (uint64_t)1 << 40, 8);
        db_fails(open_flags(scratch->path, 0), NANOTS_NEWER_FORMAT, "newer");
        db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_NEWER_FORMAT, "2.7.3");
        assert_int_equal(remove(scratch->path), 0);
    }
}

static void open_of_an_unknown_feature_for_writers_is_read_only(void **state)
{
    const struct scratch *scratch = *state;
    make_file(scratch->path, 5000);
    patch_superblocks(scratch->path, 32, 4, 8);
    db_fails(open_flags(scratch->path, 0), NANOTS_READ_ONLY, "read-only");
    db_ok(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY));
    patch_superblocks(scratch->path, 32, 0, 8);
    patch_superblocks(scratch->path, 40, UINT64_MAX, 8);
    db_ok(open_flags(scratch->path, 0));
}

/* Goal: a writer never comes to the end of 64 bits, whatever a file says of its numbers; what it
 * cannot go on from can be read. Method: generation, flushed_seq and next_segment_id at the limits;
 * the generation stays even, so that its slot is the right one. */
static void open_with_numbers_near_their_end_is_read_only(void **state)
{
    static const size_t fields[] = {16, 96, 152};
    const uint64_t last = (uint64_t)1 << 61;
    const struct scratch *scratch = *state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        make_file(scratch->path, 1);
        patch_superblocks(scratch->path, fields[i], last + 2, 8);
        db_fails(open_flags(scratch->path, 0), NANOTS_TOO_BIG, "open it read-only");
        patch_superblocks(scratch->path, fields[i], 2 * last - 2, 8);
        db_ok(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY));
        patch_superblocks(scratch->path, fields[i], 2 * last + 2, 8);
        db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_CORRUPT, "damaged");
        patch_superblocks(scratch->path, fields[i], last, 8);
        struct nanots_db *db = db_open(scratch->path);
        db_ok(nanots_append(db, "another", 1, 1.5, NULL, &db_error));
        db_close(db);
        db_ok(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY));
        assert_int_equal(remove(scratch->path), 0);
    }
}

/* Goal: a file that was cut short is an error that says what to do, at every length, never a crash
 * or a silent loss; it is not changed by the attempt. */
static void open_of_a_file_cut_short_says_what_to_do(void **state)
{
    const struct scratch *scratch = *state;
    size_t size = 0;

    make_file(scratch->path, 20000);
    uint8_t *bytes = db_file_read(scratch->path, &size);
    for (size_t cut = 8192; cut < size; cut += cut + 1709 < size ? 1709 : size - cut - 1) {
        db_file_write(scratch->path, bytes, cut);
        db_fails(open_flags(scratch->path, 0), NANOTS_CORRUPT, "`nanots repair`");
        assert_non_null(strstr(db_error.message, "plant.ntt"));
        db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_CORRUPT,
                 "`nanots repair`");
        expect_same_bytes(scratch->path, bytes, cut);
        if (cut == size - 1)
            break;
    }
    test_free(bytes);
}

static void open_of_damaged_superblocks_says_what_to_do(void **state)
{
    const struct scratch *scratch = *state;
    size_t size = 0;

    make_file(scratch->path, 20000);
    uint8_t *bytes = db_file_read(scratch->path, &size);
    for (size_t copy = 0; copy < 8192; copy += 512)
        bytes[copy + 100] ^= 0x10;
    db_file_write(scratch->path, bytes, size);
    test_free(bytes);
    db_fails(open_flags(scratch->path, 0), NANOTS_CORRUPT, "`nanots repair`");
    db_fails(open_flags(scratch->path, NANOTS_OPEN_READ_ONLY), NANOTS_CORRUPT, "`nanots repair`");
}

/* Goal: the same of a manifest. Method: a bit of every fifth byte of it. */
static void open_of_a_damaged_manifest_says_what_to_do(void **state)
{
    const struct scratch *scratch = *state;
    struct nts_superblock sb;
    size_t size = 0;

    make_file(scratch->path, 200);
    uint8_t *bytes = db_file_read(scratch->path, &size);
    assert_int_equal(nts_superblock_choose(bytes, size, &sb, NULL), NANOTS_OK);
    assert_true(sb.manifest_size >= 16);
    for (uint64_t at = sb.manifest_off; at < sb.manifest_off + sb.manifest_size; at += 5) {
        bytes[at] ^= 0x40;
        db_file_write(scratch->path, bytes, size);
        db_fails(open_flags(scratch->path, 0), NANOTS_CORRUPT, "`nanots repair`");
        assert_non_null(strstr(db_error.message, "manifest"));
        bytes[at] ^= 0x40;
    }
    db_file_write(scratch->path, bytes, size);
    db_ok(open_flags(scratch->path, 0));
    test_free(bytes);
}

/* Goal: a commit that is gone from the manifest is noticed, the last one too. Method: a file of a
 * writer that lives, each commit in a sector of its own, and zeros for each in turn. */
static void open_finds_each_lost_commit_of_a_manifest(void **state)
{
    const struct scratch *scratch = *state;
    char copy[256];
    uint8_t sector[512];
    struct nts_superblock sb;
    size_t size = 0;
    struct nanots_db *db = NULL;

    db_ok(nanots_open(scratch->path, NULL, &db, &db_error));
    for (int64_t ts = 0; ts < 6; ts++) {
        db_ok(nanots_append(db, "t", ts, 1.5, NULL, &db_error));
        db_ok(nanots_flush(db, &db_error));
    }
    uint8_t *bytes = db_file_read(scratch->path, &size);
    db_close(db);
    (void)scratch_path(scratch, "copy.ntt", copy, sizeof copy);
    assert_int_equal(nts_superblock_choose(bytes, 8192, &sb, NULL), NANOTS_OK);
    assert_true(sb.manifest_size >= 4 * sizeof sector);
    for (uint64_t at = 0; at < sb.manifest_size; at += sizeof sector) {
        uint8_t *place = bytes + sb.manifest_off + at;
        memcpy(sector, place, sizeof sector);
        memset(place, 0, sizeof sector);
        db_file_write(copy, bytes, size);
        db_fails(open_flags(copy, NANOTS_OPEN_READ_ONLY), NANOTS_CORRUPT, "manifest: ");
        memcpy(place, sector, sizeof sector);
    }
    db_file_write(copy, bytes, size);
    db_ok(open_flags(copy, NANOTS_OPEN_READ_ONLY));
    test_free(bytes);
}

/* ---- options ------------------------------------------------------------------------------ */

static void open_options_out_of_range_are_refused(void **state)
{
    static const struct {
        struct nanots_open_options options;
        const char *part;
    } bad[] = {
        {{.struct_size = 4}, "struct_size"},
        {{.flags = 0x100}, "0x100"},
        {{.sync_mode = (nanots_sync_mode)3}, "sync_mode is 3"},
        {{.sector_size = 1024}, "sector_size is 1024"},
        {{.wal_bytes = 32 << 10}, "wal_bytes is 32768; expected 65536"},
        {{.wal_bytes = 512 << 20}, "wal_bytes is 536870912"},
        {{.wal_bytes = 3 << 20}, "power of two"},
        {{.memtable_bytes = 1000}, "memtable_bytes is 1000"},
        {{.max_record_size = 1000}, "max_record_size is 1000"},
        {{.max_record_size = UINT64_MAX}, "max_record_size"},
        {{.retention_ms = -1}, "retention_ms"},
    };
    const struct scratch *scratch = *state;
    struct nanots_db *db = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct nanots_open_options options = bad[i].options;
        if (options.struct_size == 0)
            options.struct_size = sizeof options;
        db_fails(nanots_open(scratch->path, &options, &db, &db_error), NANOTS_INVALID, bad[i].part);
        assert_null(db);
    }
    assert_int_equal(access(scratch->path, F_OK), -1);
}

/* Every sync mode, sector size and small log keeps rows and reopens. */
static void open_options_of_all_kinds_keep_rows(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows wanted = db_rows_new(2);

    for (unsigned round = 0; round < 12; round++) {
        struct nanots_open_options options = {.struct_size = sizeof options};
        options.sync_mode = (nanots_sync_mode)(round % 3);
        options.sector_size = round % 2 == 0 ? 512 : 4096;
        options.wal_bytes = round < 6 ? 64 << 10 : 256 << 10;
        options.memtable_bytes = 1 << 20;
        struct nanots_db *db = db_open_with(scratch->path, &options);
        if (round == 0)
            db_create(db, "a", 2);
        struct db_rows rows = db_rows_sine(60, 2, (int64_t)round * 300000);
        for (size_t i = 0; i < rows.row_count; i++)
            db_ok(nanots_append_row(db, "a", rows.ts[i], rows.values + i * 2, 2, NULL, &db_error));
        db_rows_join(&wanted, &rows);
        db_expect_table(db, "a", &wanted);
        db_rows_free(&rows);
        db_close(db);
    }
    db_rows_free(&wanted);
}

/* A struct of an older caller, that ends after the flags, is taken as far as it goes. */
static void open_options_of_an_older_caller_are_taken(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options;
    struct nanots_db *db = NULL;

    memset(&options, 0xee, sizeof options);
    options.struct_size = offsetof(struct nanots_open_options, flags) + sizeof options.flags;
    options.flags = NANOTS_OPEN_EXCLUSIVE;
    db_ok(nanots_open(scratch->path, &options, &db, &db_error));
    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_close(db);
}

/* ---- records over the limit --------------------------------------------------------------- */

/* Goal: a record over the limit is refused before anything is written, with both sizes, and the
 * handle works on. Method: 10000 rows of one column, in both shapes, under a limit of 64 KiB. */
static void expect_record_limit(struct nanots_db *db)
{
    struct db_rows large = db_rows_sine(10000, 1, 0);
    struct db_rows small = db_rows_sine(1000, 1, 0);
    const double *const columns[1] = {large.values};

    db_create(db, "a", 1);
    db_fails(nanots_append_rows(db, "a", large.ts, large.values, 10000, 1, NULL, &db_error),
             NANOTS_TOO_BIG, "65536");
    assert_non_null(strstr(db_error.message, "'a'"));
    db_fails(nanots_append_columns(db, "a", large.ts, columns, 10000, 1, NULL, &db_error),
             NANOTS_TOO_BIG, "65536");
    db_append_all(db, "a", &small);
    db_expect_table(db, "a", &small);
    db_rows_free(&small);
    db_rows_free(&large);
}

static void open_with_a_record_limit_refuses_larger_ones(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_open_options options = {.struct_size = sizeof options};
    options.max_record_size = 64 << 10;
    struct nanots_db *db = db_open_with(scratch->path, &options);
    expect_record_limit(db);
    db_close(db);
}

/* The environment's limit holds where the options have none, and must be a number in range. */
static void open_takes_the_record_limit_of_the_environment(void **state)
{
    static const char *const bad[] = {"64k", "-1", "x", "1000", "99999999999999999999999"};
    const struct scratch *scratch = *state;
    struct nanots_open_options options = {.struct_size = sizeof options};

    assert_int_equal(setenv("NANOTS_MAX_RECORD_SIZE", "65536", 1), 0);
    struct nanots_db *db = db_open(scratch->path);
    expect_record_limit(db);
    db_close(db);
    options.max_record_size = 1 << 20;
    db = db_open_with(scratch->path, &options);
    struct db_rows large = db_rows_sine(10000, 1, 0);
    db_append_all(db, "a", &large);
    db_rows_free(&large);
    db_close(db);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(setenv("NANOTS_MAX_RECORD_SIZE", bad[i], 1), 0);
        struct nanots_db *none = NULL;
        const nanots_status status = nanots_open(scratch->path, NULL, &none, &db_error);
        assert_int_equal(unsetenv("NANOTS_MAX_RECORD_SIZE"), 0);
        db_fails(status, NANOTS_INVALID, bad[i][0] == '1' ? "1000" : bad[i]);
    }
}

#define OPEN_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN_TEST(open_of_a_foreign_file_is_refused),
        OPEN_TEST(open_of_an_empty_file_is_an_empty_database),
        OPEN_TEST(open_of_what_is_no_regular_file_is_refused),
        OPEN_TEST(open_in_a_missing_directory_is_not_found),
        OPEN_TEST(open_exclusive_refuses_a_file_that_exists),
        OPEN_TEST(open_of_a_newer_format_is_refused),
        OPEN_TEST(open_of_an_unknown_feature_for_writers_is_read_only),
        OPEN_TEST(open_with_numbers_near_their_end_is_read_only),
        OPEN_TEST(open_of_a_file_cut_short_says_what_to_do),
        OPEN_TEST(open_of_damaged_superblocks_says_what_to_do),
        OPEN_TEST(open_of_a_damaged_manifest_says_what_to_do),
        OPEN_TEST(open_finds_each_lost_commit_of_a_manifest),
        OPEN_TEST(open_options_out_of_range_are_refused),
        OPEN_TEST(open_options_of_all_kinds_keep_rows),
        OPEN_TEST(open_options_of_an_older_caller_are_taken),
        OPEN_TEST(open_with_a_record_limit_refuses_larger_ones),
        OPEN_TEST(open_takes_the_record_limit_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
