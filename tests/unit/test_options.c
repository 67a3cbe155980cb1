/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_options.c - defaults and limits of the open options (engine/options.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/limit.h"
#include "engine/options.h"
#include "os/vfs.h"
#include "util/alloc.h"

#define RECORD_SIZE_VARIABLE "NANOTS_MAX_RECORD_SIZE"

static struct nts_options filled;
static uint32_t flags;
static struct nanots_error error;

static nanots_status fill(const struct nanots_open_options *given)
{
    memset(&filled, 0xA5, sizeof filled);
    nts_error_clear(&error);
    return nts_options_fill(given, &filled, &flags, &error);
}

/* A struct with its size set, as callers make it. */
static struct nanots_open_options options_of_caller(void)
{
    const struct nanots_open_options options = {.struct_size = sizeof options};
    return options;
}

static void expect_defaults(void)
{
    assert_false(filled.read_only);
    assert_int_equal(filled.sync_mode, NANOTS_SYNC_NORMAL);
    assert_int_equal(filled.sync_interval_ms, 1000);
    assert_int_equal(filled.sector_size, NTS_SECTOR_SIZE);
    assert_int_equal(filled.wal_bytes, NTS_WAL_EXTENT_SIZE_DEFAULT);
    assert_int_equal(filled.memtable_bytes, NTS_MEMTABLE_BYTES_DEFAULT);
    assert_int_equal(filled.max_record_size, NTS_RECORD_SIZE_DEFAULT);
    assert_int_equal(filled.retention_ms, 0);
    assert_int_equal(filled.max_bytes, 0);
    assert_ptr_equal(filled.allocator, nts_alloc_libc());
    assert_ptr_equal(filled.vfs, nts_vfs_posix());
    assert_int_equal(flags, 0);
}

/* Goal: no options, and a struct of zeros, mean the defaults. */
static void options_absent_or_zero_are_the_defaults(void **state)
{
    const struct nanots_open_options zero = options_of_caller();
    (void)state;
    assert_int_equal(fill(NULL), NANOTS_OK);
    expect_defaults();
    assert_int_equal(fill(&zero), NANOTS_OK);
    expect_defaults();
}

/* Goal: every option arrives where it belongs. */
static void options_given_are_kept(void **state)
{
    struct nanots_open_options o = options_of_caller();
    (void)state;
    o.flags = NANOTS_OPEN_READ_ONLY | NANOTS_OPEN_NO_CREATE;
    o.sync_mode = NANOTS_SYNC_FULL;
    o.sync_interval_ms = 7;
    o.sector_size = 4096;
    o.wal_bytes = NTS_WAL_EXTENT_SIZE_MIN * 2;
    o.memtable_bytes = NTS_MEMTABLE_BYTES_MIN + 1;
    o.max_record_size = NTS_RECORD_SIZE_MIN + 2;
    o.retention_ms = INT64_MAX;
    assert_int_equal(fill(&o), NANOTS_OK);
    assert_true(filled.read_only);
    assert_int_equal(flags, o.flags);
    assert_int_equal(filled.sync_mode, NANOTS_SYNC_FULL);
    assert_int_equal(filled.sync_interval_ms, 7);
    assert_int_equal(filled.sector_size, 4096);
    assert_int_equal(filled.wal_bytes, NTS_WAL_EXTENT_SIZE_MIN * 2);
    assert_int_equal(filled.memtable_bytes, NTS_MEMTABLE_BYTES_MIN + 1);
    assert_int_equal(filled.max_record_size, NTS_RECORD_SIZE_MIN + 2);
    assert_int_equal(filled.retention_ms, INT64_MAX);
}

/* Goal: the log of a file with a limit is a small part of it, by default, or it is refused. */
static void options_of_a_limit_make_the_log_small(void **state)
{
    static const struct {
        uint64_t max_bytes;
        uint64_t wal_bytes;
    } cases[] = {{1 << 20, 64 << 10},
                 {(4 << 20) - 1, 128 << 10},
                 {4 << 20, 256 << 10},
                 {1 << 30, NTS_WAL_EXTENT_SIZE_DEFAULT}};
    struct nanots_open_options o = options_of_caller();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        o.max_bytes = cases[i].max_bytes;
        assert_int_equal(fill(&o), NANOTS_OK);
        assert_int_equal(filled.max_bytes, cases[i].max_bytes);
        assert_int_equal(filled.wal_bytes, cases[i].wal_bytes);
    }
    o.wal_bytes = NTS_WAL_EXTENT_SIZE_MAX;
    assert_int_equal(fill(&o), NANOTS_INVALID);
    o.max_bytes = NTS_WAL_EXTENT_SIZE_MAX * 16ull;
    assert_int_equal(fill(&o), NANOTS_OK);
}

/* Goal: what is out of range is refused by name and value; the ends of each range are in it. */
static void options_end_where_their_ranges_do(void **state)
{
    static const struct {
        size_t at;
        size_t size;
        uint64_t value;
        const char *refused; /* or NULL */
    } cases[] = {
#define CASE(field, value, refused)                                                                \
    {offsetof(struct nanots_open_options, field),                                                  \
     sizeof(((struct nanots_open_options *)0)->field), value, refused}
        CASE(wal_bytes, NTS_WAL_EXTENT_SIZE_MIN, NULL),
        CASE(wal_bytes, NTS_WAL_EXTENT_SIZE_MAX, NULL),
        CASE(wal_bytes, NTS_WAL_EXTENT_SIZE_MIN / 2, "wal_bytes"),
        CASE(wal_bytes, NTS_WAL_EXTENT_SIZE_MAX * 2ull, "wal_bytes"),
        CASE(wal_bytes, NTS_WAL_EXTENT_SIZE_MIN + 1, "power of two"),
        CASE(memtable_bytes, NTS_MEMTABLE_BYTES_MIN, NULL),
        CASE(memtable_bytes, NTS_MEMTABLE_BYTES_MIN - 1, "memtable_bytes"),
        CASE(max_record_size, NTS_RECORD_SIZE_MIN, NULL),
        CASE(max_record_size, NTS_RECORD_SIZE_MAX, NULL),
        CASE(max_record_size, NTS_RECORD_SIZE_MIN - 1, "max_record_size"),
        CASE(max_record_size, NTS_RECORD_SIZE_MAX + 1ull, "max_record_size"),
        CASE(sector_size, 512, NULL),
        CASE(sector_size, 1024, "sector_size is 1024"),
        CASE(retention_ms, (uint64_t)INT64_MIN, "retention_ms"),
        CASE(max_bytes, NTS_LIMIT_BYTES_MIN, NULL),
        CASE(max_bytes, NTS_LIMIT_BYTES_MIN - 1, "max_bytes"),
        CASE(max_bytes, UINT64_MAX, NULL),
        CASE(sync_mode, 3, "sync_mode is 3"),
        CASE(flags, 8, "0x8"),
        CASE(flags, 7, NULL),
#undef CASE
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nanots_open_options o = options_of_caller();
        const uint32_t narrow = (uint32_t)cases[i].value;
        if (cases[i].size == 4)
            memcpy((char *)&o + cases[i].at, &narrow, 4);
        else
            memcpy((char *)&o + cases[i].at, &cases[i].value, 8);
        assert_int_equal(fill(&o), cases[i].refused == NULL ? NANOTS_OK : NANOTS_INVALID);
        if (cases[i].refused != NULL)
            assert_non_null(strstr(error.message, cases[i].refused));
    }
}

/* Goal: a caller that was built with fewer options is understood, one that forgot the size is not.
 * Method: a struct that ends behind its flags, with rubbish where the other options would be. */
static void options_of_an_older_caller_end_early(void **state)
{
    struct nanots_open_options o;
    (void)state;
    memset(&o, 0xFF, sizeof o);
    o.struct_size = (uint32_t)(sizeof o.struct_size + sizeof o.flags);
    o.flags = NANOTS_OPEN_READ_ONLY;
    assert_int_equal(fill(&o), NANOTS_OK);
    assert_true(filled.read_only);
    assert_int_equal(filled.wal_bytes, NTS_WAL_EXTENT_SIZE_DEFAULT);
    o.struct_size--;
    assert_int_equal(fill(&o), NANOTS_INVALID);
    assert_non_null(strstr(error.message, "struct_size"));
}

/* Goal: the environment gives the default of max_record_size; an option beats it, and what is no
 * number is refused. */
static void options_record_size_comes_from_the_environment(void **state)
{
    static const char *const bad[] = {"64k", "-1", "x", "99999999999999999999", "1 "};
    struct nanots_open_options o = options_of_caller();
    (void)state;
    assert_int_equal(setenv(RECORD_SIZE_VARIABLE, "2097152", 1), 0);
    assert_int_equal(fill(&o), NANOTS_OK);
    assert_int_equal(filled.max_record_size, 2097152);
    o.max_record_size = 4194304;
    assert_int_equal(fill(&o), NANOTS_OK);
    assert_int_equal(filled.max_record_size, 4194304);
    o.max_record_size = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(setenv(RECORD_SIZE_VARIABLE, bad[i], 1), 0);
        assert_int_equal(fill(&o), NANOTS_INVALID);
        assert_non_null(strstr(error.message, RECORD_SIZE_VARIABLE));
    }
    assert_int_equal(setenv(RECORD_SIZE_VARIABLE, "1", 1), 0);
    assert_int_equal(fill(&o), NANOTS_INVALID);
    assert_non_null(strstr(error.message, "max_record_size is 1"));
    assert_int_equal(setenv(RECORD_SIZE_VARIABLE, "", 1), 0);
    assert_int_equal(fill(&o), NANOTS_OK);
    expect_defaults();
}

static int variable_unset(void **state)
{
    (void)state;
    return unsetenv(RECORD_SIZE_VARIABLE);
}

#define OPTIONS_TEST(test) cmocka_unit_test_setup_teardown(test, variable_unset, variable_unset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPTIONS_TEST(options_absent_or_zero_are_the_defaults),
        OPTIONS_TEST(options_given_are_kept),
        OPTIONS_TEST(options_end_where_their_ranges_do),
        OPTIONS_TEST(options_of_an_older_caller_end_early),
        OPTIONS_TEST(options_record_size_comes_from_the_environment),
        cmocka_unit_test(options_of_a_limit_make_the_log_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
