/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_tables.c - names, columns, lists, schemas and handles of tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

static const struct nanots_column one_column[] = {{"value", NANOTS_TYPE_F64, 0}};

static nanots_status create_one(struct nanots_db *db, const char *table)
{
    return nanots_create_table(db, table, one_column, 1, &db_error);
}

static nanots_status create_with_column(struct nanots_db *db, const char *column)
{
    const struct nanots_column columns[] = {{column, NANOTS_TYPE_F64, 0}};
    return nanots_create_table(db, "plant", columns, 1, &db_error);
}

static void expect_tables(struct nanots_db *db, const char *const *names, size_t count)
{
    struct nanots_table_list list;
    db_ok(nanots_list_tables(db, &list, &db_error));
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list.names[i], names[i]);
    nanots_free(list.block);
}

static void tables_of_a_new_file_are_none(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    expect_tables(db, NULL, 0);
    db_close(db);
}

/* Goal: the list is in byte order, whatever the order of creation, before and after reopening.
 * Method: names that a locale, a case or a signed char would order otherwise. */
static void tables_are_listed_in_byte_order(void **state)
{
    static const char *const made[] = {"b", "a", "Z", "\xc3\xa9t\xc3\xa9", "a b", "aa", "_"};
    static const char *const sorted[] = {"Z", "_", "a", "a b", "aa", "b", "\xc3\xa9t\xc3\xa9"};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        db_ok(create_one(db, made[i]));
    expect_tables(db, sorted, sizeof sorted / sizeof sorted[0]);
    db = db_reopen(db, scratch->path);
    expect_tables(db, sorted, sizeof sorted / sizeof sorted[0]);
    db_close(db);
}

/* Goal: a table that was created after a flush and has no rows is there on reopening.
 * Method: rows of another table are flushed first; nothing is flushed by hand after it. */
static void table_created_after_a_flush_is_there_on_reopening(void **state)
{
    static const char *const names[] = {"before", "behind"};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_ok(nanots_append(db, "before", 1, 1.0, NULL, &db_error));
    db_ok(nanots_flush(db, &db_error));
    db_create(db, "behind", 3);
    db = db_reopen(db, scratch->path);
    expect_tables(db, names, 2);
    struct db_rows none = db_rows_new(3);
    db_expect_table(db, "behind", &none);
    db_close(db);
}

static void schema_has_columns_in_order_of_creation(void **state)
{
    static const struct nanots_column columns[] = {{"pressure", NANOTS_TYPE_F64, 0},
                                                   {"Temp \xc2\xb0"
                                                    "C",
                                                    NANOTS_TYPE_F64, 0},
                                                   {"a", NANOTS_TYPE_F64, 0}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_ok(nanots_create_table(db, "boiler", columns, 3, &db_error));
    for (unsigned round = 0; round < 2; round++) {
        struct nanots_schema schema;
        db_ok(nanots_table_schema(db, "boiler", &schema, &db_error));
        assert_string_equal(schema.ts_name, "ts_ms");
        assert_int_equal(schema.column_count, 3);
        for (size_t c = 0; c < 3; c++) {
            assert_string_equal(schema.columns[c].name, columns[c].name);
            assert_int_equal(schema.columns[c].type, NANOTS_TYPE_F64);
        }
        nanots_free(schema.block);
        db = db_reopen(db, scratch->path);
    }
    db_close(db);
}

static void series_is_made_with_one_column_called_value(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_schema schema;

    db_ok(nanots_append(db, "boiler", 1, 71.5, NULL, &db_error));
    db_ok(nanots_table_schema(db, "boiler", &schema, &db_error));
    assert_int_equal(schema.column_count, 1);
    assert_string_equal(schema.columns[0].name, "value");
    nanots_free(schema.block);
    db_close(db);
}

static void table_name_that_exists_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_create(db, "boiler", 2);
    db_fails(create_one(db, "boiler"), NANOTS_EXISTS, "boiler");
    db = db_reopen(db, scratch->path);
    db_fails(create_one(db, "boiler"), NANOTS_EXISTS, "boiler");
    db_ok(create_one(db, "Boiler"));
    db_close(db);
}

/* Goal: a refused name leaves no table, and the handle works on.
 * Method: every kind of bad table name in turn, then the list. */
static void table_names_that_are_bad_are_refused(void **state)
{
    static const char *const good[] = {"boiler"};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    char name[258];

    memset(name, 'x', sizeof name);
    name[256] = '\0';
    db_fails(create_one(db, name), NANOTS_INVALID, "256");
    db_fails(create_one(db, NULL), NANOTS_INVALID, "name");
    db_fails(create_one(db, ""), NANOTS_INVALID, "empty");
    db_fails(create_one(db, "a\nb"), NANOTS_INVALID, "control character 0x0a at offset 1");
    db_fails(create_one(db, "ab\x7f"), NANOTS_INVALID, "0x7f");
    db_fails(create_one(db, "nanots_"), NANOTS_INVALID, "reserved");
    db_fails(create_one(db, "nanots_tables"), NANOTS_INVALID, "nanots_tables");
    db_ok(create_one(db, "boiler"));
    expect_tables(db, good, 1);
    db_close(db);
}

/* What is not well-formed UTF-8: stray and missing continuation bytes, overlong forms, surrogates
 * and numbers beyond the last character. */
static void names_that_are_not_utf8_are_refused(void **state)
{
    static const char *const bad[] = {"\xff",         "caf\xe9",          "\x80",
                                      "a\xc3",        "\xc0\xaf",         "\xe0\x80\xaf",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80"};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        db_fails(create_one(db, bad[i]), NANOTS_INVALID, "UTF-8");
        db_fails(create_with_column(db, bad[i]), NANOTS_INVALID, "UTF-8");
        db_fails(nanots_append(db, bad[i], 1, 1.0, NULL, &db_error), NANOTS_INVALID, "UTF-8");
    }
    expect_tables(db, NULL, 0);
    db_close(db);
}

/* 255 bytes are the limit, and bytes are what counts. */
static void names_of_255_bytes_are_kept(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_schema schema;
    char name[256];

    memset(name, 'n', 255);
    memcpy(name, "\xf0\x9f\x8c\x8a", 4);
    name[255] = '\0';
    const struct nanots_column columns[] = {{name, NANOTS_TYPE_F64, 0}};
    db_ok(nanots_create_table(db, name, columns, 1, &db_error));
    db = db_reopen(db, scratch->path);
    db_ok(nanots_table_schema(db, name, &schema, &db_error));
    assert_string_equal(schema.columns[0].name, name);
    nanots_free(schema.block);
    db_close(db);
}

static void column_names_that_are_bad_are_refused(void **state)
{
    static const char *const reserved[] = {"ts", "ts_s", "ts_ms", "ts_us", "ts_ns"};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    char name[257];

    memset(name, 'x', 256);
    name[256] = '\0';
    db_fails(create_with_column(db, name), NANOTS_INVALID, "256");
    db_fails(create_with_column(db, NULL), NANOTS_INVALID, "name");
    db_fails(create_with_column(db, ""), NANOTS_INVALID, "empty");
    db_fails(create_with_column(db, "a\tb"), NANOTS_INVALID, "0x09");
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        db_fails(create_with_column(db, reserved[i]), NANOTS_INVALID, "reserved");
    db_ok(create_with_column(db, "nanots_value"));
    db_close(db);
}

static void column_given_twice_is_refused(void **state)
{
    static const struct nanots_column columns[] = {
        {"a", NANOTS_TYPE_F64, 0}, {"b", NANOTS_TYPE_F64, 0}, {"a", NANOTS_TYPE_F64, 0}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_fails(nanots_create_table(db, "plant", columns, 3, &db_error), NANOTS_INVALID,
             "'a' is given twice");
    expect_tables(db, NULL, 0);
    db_close(db);
}

static void column_of_unknown_type_is_refused(void **state)
{
    const struct nanots_column columns[] = {{"a", (nanots_type)0, 0}, {"b", (nanots_type)77, 0}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_fails(nanots_create_table(db, "plant", columns, 1, &db_error), NANOTS_INVALID, "'a'");
    db_fails(nanots_create_table(db, "plant", columns + 1, 1, &db_error), NANOTS_INVALID, "77");
    db_close(db);
}

static void tier_and_codecs_are_in_the_schema(void **state)
{
    const struct nanots_column columns[] = {
        {"a", NANOTS_TYPE_F64, NANOTS_COLUMN_CODEC(NANOTS_CODEC_XOR)},
        {"b", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE | NANOTS_COLUMN_CODEC(NANOTS_CODEC_RAW)},
        {"c", NANOTS_TYPE_I32, 0},
        {"d", NANOTS_TYPE_BOOL, NANOTS_COLUMN_NULLABLE | NANOTS_COLUMN_CODEC(NANOTS_CODEC_RLE)}};
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .duplicates = NANOTS_DUPLICATES_KEEP_LAST,
                                                 .tier = NANOTS_TIER_HOT};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_schema schema;

    db_ok(nanots_create_table(db, "plain", columns + 2, 1, &db_error));
    db_ok(nanots_create_table_with(db, "boiler", columns, 3, &options, &db_error));
    db_ok(nanots_add_column(db, "boiler", &columns[3], &db_error));
    db_ok(nanots_rename_column(db, "boiler", "a", "A", &db_error));
    for (unsigned round = 0; round < 2; round++) {
        db_ok(nanots_table_schema(db, "boiler", &schema, &db_error));
        assert_int_equal(schema.tier, NANOTS_TIER_HOT);
        assert_int_equal(schema.duplicates, NANOTS_DUPLICATES_KEEP_LAST);
        assert_int_equal(schema.column_count, 4);
        for (size_t c = 0; c < 4; c++)
            assert_int_equal(schema.columns[c].flags, columns[c].flags);
        nanots_free(schema.block);
        db_ok(nanots_table_schema(db, "plain", &schema, &db_error));
        assert_int_equal(schema.tier, NANOTS_TIER_AUTO);
        assert_int_equal(NANOTS_COLUMN_CODEC_OF(schema.columns[0].flags), -1);
        nanots_free(schema.block);
        db = db_reopen(db, scratch->path);
    }
    db_close(db);
}

static void tiers_and_codecs_that_are_none_are_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_column column = {"a", NANOTS_TYPE_F64, NANOTS_COLUMN_CODEC(NANOTS_CODEC_DELTA)};
    struct nanots_table_options options = {.struct_size = sizeof options, .tier = (nanots_tier)3};

    db_fails(nanots_create_table(db, "plant", &column, 1, &db_error), NANOTS_INVALID,
             "column 'a': codec delta is not for f64");
    column.flags |= NANOTS_COLUMN_NULLABLE;
    db_ok(nanots_append(db, "boiler", 1, 1.0, NULL, &db_error));
    db_fails(nanots_add_column(db, "boiler", &column, &db_error), NANOTS_INVALID, "codec delta");
    column.flags = NANOTS_COLUMN_CODEC(31);
    db_fails(nanots_create_table(db, "plant", &column, 1, &db_error), NANOTS_INVALID, "0x2000");
    column.flags = 2;
    db_fails(nanots_create_table(db, "plant", &column, 1, &db_error), NANOTS_INVALID, "0x2");
    column.flags = 0;
    db_fails(nanots_create_table_with(db, "plant", &column, 1, &options, &db_error), NANOTS_INVALID,
             "unknown tier 3");
    assert_null(nanots_tier_name((nanots_tier)3));
    assert_string_equal(nanots_tier_name(NANOTS_TIER_PACKED), "packed");
    db_close(db);
}

static void table_options_that_are_bad_are_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    const struct nanots_column column = {"a", NANOTS_TYPE_F64, 0};
    struct nanots_table_options options = {.struct_size = 4};

    db_fails(nanots_create_table_with(db, "plant", &column, 1, &options, &db_error), NANOTS_INVALID,
             "struct_size");
    options.struct_size = sizeof options;
    options.unit = (nanots_time_unit)4;
    db_fails(nanots_create_table_with(db, "plant", &column, 1, &options, &db_error), NANOTS_INVALID,
             "unknown time unit 4");
    options.unit = NANOTS_UNIT_S;
    options.duplicates = (nanots_duplicates)3;
    db_fails(nanots_create_table_with(db, "plant", &column, 1, &options, &db_error), NANOTS_INVALID,
             "unknown rule for duplicates 3");
    options.duplicates = NANOTS_DUPLICATES_KEEP_LAST;
    db_ok(nanots_create_table_with(db, "plant", &column, 1, &options, &db_error));
    db_close(db);
}

/* 1 to 1024 columns; the widest table takes rows and keeps them. */
static void column_counts_end_at_1024(void **state)
{
    enum { MOST = 1024 };
    static struct nanots_column columns[MOST + 1];
    static char names[MOST + 1][8];
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    for (size_t c = 0; c <= MOST; c++) {
        (void)snprintf(names[c], sizeof names[c], "c%zu", c);
        columns[c] = (struct nanots_column){names[c], NANOTS_TYPE_F64, 0};
    }
    db_fails(nanots_create_table(db, "none", columns, 0, &db_error), NANOTS_INVALID, "columns");
    db_fails(nanots_create_table(db, "none", NULL, 1, &db_error), NANOTS_INVALID, "columns");
    db_fails(nanots_create_table(db, "wide", columns, MOST + 1, &db_error), NANOTS_INVALID, "1025");
    db_ok(nanots_create_table(db, "wide", columns, MOST, &db_error));
    struct db_rows rows = db_rows_sine(40, MOST, 0);
    db_append_all(db, "wide", &rows);
    db_expect_table(db, "wide", &rows);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "wide", &rows);
    db_rows_free(&rows);
    db_close(db);
}

/* Every call that takes a name says which table it misses, and which one is nearest. */
static void unknown_table_is_named_with_the_nearest(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;
    struct nanots_cursor *cursor = NULL;
    struct nanots_series series;
    struct nanots_schema schema;
    const double value = 1.0;
    int64_t ts = 0;

    db_create(db, "boiler", 1);
    db_create(db, "turbine", 1);
    const char *const wanted = "no table 'biolers'; did you mean 'boiler'?";
    db_fails(nanots_table_open(db, "biolers", &table, &db_error), NANOTS_NOT_FOUND, wanted);
    db_fails(nanots_table_schema(db, "biolers", &schema, &db_error), NANOTS_NOT_FOUND, wanted);
    db_fails(nanots_append_row(db, "biolers", 1, &value, 1, NULL, &db_error), NANOTS_NOT_FOUND,
             wanted);
    db_fails(nanots_append_rows(db, "biolers", &ts, &value, 1, 1, NULL, &db_error),
             NANOTS_NOT_FOUND, wanted);
    db_fails(nanots_query_open(db, "biolers", NULL, &cursor, &db_error), NANOTS_NOT_FOUND, wanted);
    db_fails(nanots_query_range(db, "biolers", 0, 1, &series, &db_error), NANOTS_NOT_FOUND, wanted);
    db_fails(nanots_pack_table(db, "biolers", 0, &db_error), NANOTS_NOT_FOUND, wanted);
    db_fails(nanots_compact_retention(db, "biolers", 0, NULL, &db_error), NANOTS_NOT_FOUND, wanted);
    assert_null(table);
    assert_null(cursor);
    assert_null(series.block);
    assert_null(schema.block);
    db_close(db);
}

static void unknown_table_far_from_all_others_suggests_none(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;

    db_fails(nanots_table_open(db, "boiler", &table, &db_error), NANOTS_NOT_FOUND, "'boiler'");
    db_create(db, "turbine", 1);
    db_fails(nanots_table_open(db, "boiler", &table, &db_error), NANOTS_NOT_FOUND, "'boiler'");
    assert_null(strstr(db_error.message, "did you mean"));
    db_close(db);
}

/* The name is cut in the sentence, not in the lookup: 255 bytes do not fit a message of 256. */
static void unknown_table_of_a_long_name_fits_the_sentence(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;
    char name[2000];

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    db_fails(nanots_table_open(db, name, &table, &db_error), NANOTS_NOT_FOUND, "xxxx");
    assert_non_null(memchr(db_error.message, '\0', sizeof db_error.message));
    db_close(db);
}

/* A handle looked up once serves through flush, pack and retention. */
static void table_handle_outlives_upkeep(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(1);
    struct nanots_table *table = NULL;

    db_create(db, "boiler", 1);
    db_ok(nanots_table_open(db, "boiler", &table, &db_error));
    for (int64_t round = 0; round < 8; round++) {
        const double value = (double)round;
        db_ok(nanots_table_append(table, round, &value, 1, NULL, &db_error));
        db_rows_add(&wanted, round, &value);
        if (round % 2 == 0)
            db_ok(nanots_flush(db, &db_error));
        if (round == 3)
            db_ok(nanots_pack_table(db, "boiler", 0, &db_error));
        if (round == 5)
            db_ok(nanots_compact_retention(db, NULL, 2, NULL, &db_error));
    }
    assert_int_equal(db_rows_cut(&wanted, 2), 2);
    db_expect_table(db, "boiler", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* A handle that is open read-only makes no table, and says so. */
static void table_in_a_read_only_handle_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    db_create(db, "boiler", 1);
    db_close(db);
    db = db_open_read_only(scratch->path);
    db_fails(create_one(db, "turbine"), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_append(db, "turbine", 1, 1.0, NULL, &db_error), NANOTS_READ_ONLY, "read-only");
    db_close(db);
}

/* Many tables in one file, each with a row of its own. */
static void tables_by_the_thousand_keep_their_rows(void **state)
{
    enum { TABLES = 1000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table_list list;
    char name[16];

    for (unsigned round = 0; round < 3; round++)
        for (unsigned t = 0; t < TABLES; t++) {
            (void)snprintf(name, sizeof name, "sensor%04u", t);
            db_ok(nanots_append(db, name, round, t + round, NULL, &db_error));
        }
    db = db_reopen(db, scratch->path);
    db_ok(nanots_list_tables(db, &list, &db_error));
    assert_int_equal(list.count, TABLES);
    for (unsigned t = 0; t < TABLES; t++) {
        struct nanots_series series;
        db_ok(nanots_query_range(db, list.names[t], INT64_MIN, INT64_MAX, &series, &db_error));
        assert_int_equal(series.row_count, 3);
        for (unsigned round = 0; round < 3; round++)
            assert_true(series.values[round] == t + round);
        nanots_free(series.block);
    }
    nanots_free(list.block);
    db_close(db);
}

/* A NULL handle or place for the result is a status, and what can be cleared is. */
static void null_arguments_are_invalid(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = (struct nanots_table *)8;
    struct nanots_table_list list = {7, NULL, &list};
    struct nanots_schema schema = {.ts_name = "x", .column_count = 7, .block = &schema};

    db_fails(nanots_create_table(NULL, "a", one_column, 1, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_table_open(NULL, "a", &table, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_table_open(db, NULL, &table, &db_error), NANOTS_INVALID, "NULL");
    db_fails(nanots_table_open(db, "a", NULL, &db_error), NANOTS_INVALID, "table_out");
    db_fails(nanots_list_tables(NULL, &list, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_list_tables(db, NULL, &db_error), NANOTS_INVALID, "list_out");
    db_fails(nanots_table_schema(NULL, "a", &schema, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_table_schema(db, "a", NULL, &db_error), NANOTS_INVALID, "schema_out");
    assert_null(table);
    assert_null(list.block);
    assert_int_equal(list.count, 0);
    assert_null(schema.block);
    assert_int_equal(schema.column_count, 0);
    db_close(db);
}

#define TABLES_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLES_TEST(tables_of_a_new_file_are_none),
        TABLES_TEST(tables_are_listed_in_byte_order),
        TABLES_TEST(table_created_after_a_flush_is_there_on_reopening),
        TABLES_TEST(schema_has_columns_in_order_of_creation),
        TABLES_TEST(series_is_made_with_one_column_called_value),
        TABLES_TEST(table_name_that_exists_is_refused),
        TABLES_TEST(table_names_that_are_bad_are_refused),
        TABLES_TEST(names_that_are_not_utf8_are_refused),
        TABLES_TEST(names_of_255_bytes_are_kept),
        TABLES_TEST(column_names_that_are_bad_are_refused),
        TABLES_TEST(column_given_twice_is_refused),
        TABLES_TEST(column_of_unknown_type_is_refused),
        TABLES_TEST(tier_and_codecs_are_in_the_schema),
        TABLES_TEST(tiers_and_codecs_that_are_none_are_refused),
        TABLES_TEST(table_options_that_are_bad_are_refused),
        TABLES_TEST(column_counts_end_at_1024),
        TABLES_TEST(unknown_table_is_named_with_the_nearest),
        TABLES_TEST(unknown_table_far_from_all_others_suggests_none),
        TABLES_TEST(unknown_table_of_a_long_name_fits_the_sentence),
        TABLES_TEST(table_handle_outlives_upkeep),
        TABLES_TEST(table_in_a_read_only_handle_is_refused),
        TABLES_TEST(tables_by_the_thousand_keep_their_rows),
        TABLES_TEST(null_arguments_are_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
