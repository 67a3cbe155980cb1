/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_table_def.c - definitions of tables and the rules for names (format/table_def.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "format/table_def.h"
#include "support/faultalloc.h"
#include "support/guard.h"

static const struct nanots_column sample_columns[] = {{"power", NANOTS_TYPE_F64, 0},
                                                      {"\xC2\xB0"
                                                       "C",
                                                       NANOTS_TYPE_F64, 0}};

static size_t sample_encode(uint8_t *bytes)
{
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 9, 1234, "boiler", sample_columns, 2, NULL);
    assert_non_null(def);
    const size_t size = nts_table_def_encoded_size(def);
    nts_table_def_encode(def, bytes);
    nts_free(def);
    return size;
}

/* Goal: a definition comes back whole, from the bytes that SPEC.md 4.1 gives it, padded or not. */
static void table_def_round_trips(void **state)
{
    uint8_t bytes[64] = {0};
    struct nts_table_def *def = NULL;
    size_t used = 0;
    uint32_t table_id = 0;
    size_t column_count = 0;
    (void)state;
    const size_t size = sample_encode(bytes);
    static const uint8_t wanted[] = {9,   0,   0,   0,   1,   0,   2,   0,   0xD2, 4,    0,  0, 0,
                                     0,   0,   0,   6,   'b', 'o', 'i', 'l', 'e',  'r',  1,  0, 5,
                                     'p', 'o', 'w', 'e', 'r', 1,   0,   3,   0xC2, 0xB0, 'C'};
    assert_int_equal(size, sizeof wanted);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    assert_false(nts_table_def_peek(bytes, 16, &table_id, &column_count));
    for (size_t given = size; given <= sizeof bytes; given++) {
        assert_int_equal(nts_table_def_decode(nts_alloc_libc(), bytes, given, &def, &used, NULL),
                         NANOTS_OK);
        assert_int_equal(used, size);
        assert_true(nts_table_def_peek(bytes, given, &table_id, &column_count));
        assert_int_equal(table_id, 9);
        assert_int_equal(column_count, 2);
        assert_int_equal(def->table_id, 9);
        assert_int_equal(def->created_seq, 1234);
        assert_string_equal(def->name, "boiler");
        assert_int_equal(def->column_count, 2);
        assert_string_equal(def->columns[0].name, "power");
        assert_string_equal(def->columns[1].name, sample_columns[1].name);
        assert_int_equal(def->columns[1].type, NANOTS_TYPE_F64);
        nts_free(def);
    }
}

/* Goal: a definition that is cut short is damage, and no read leaves its bytes. */
static void table_def_cut_short_is_corrupt(void **state)
{
    struct guard guard = guard_open(64);
    uint8_t bytes[64];
    struct nts_table_def *def = NULL;
    (void)state;
    const size_t size = sample_encode(bytes);
    for (size_t given = 0; given < size; given++) {
        uint8_t *cut = guard_at_end(&guard, given);
        memcpy(cut, bytes, given);
        assert_int_equal(nts_table_def_decode(nts_alloc_libc(), cut, given, &def, NULL, NULL),
                         NANOTS_CORRUPT);
        assert_null(def);
    }
    guard_close(&guard);
}

/* Goal: what this version does not know, and names that are none, are damage. */
static void table_def_impossible_contents_are_corrupt(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{4, 4},  {4, 9},     {5, 3},     {5, 0x30},  {6, 0},    {6, 3},
                 {7, 5},  {16, 0},    {17, 0},    {18, 0xFF}, {23, 0},   {23, 7},
                 {24, 4}, {24, 0x0E}, {24, 0xFE}, {25, 0},    {26, 0x80}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bytes[64] = {0};
        struct nts_table_def *def = NULL;
        struct nanots_error error;
        const size_t size = sample_encode(bytes);
        bytes[wrong[i].at] = wrong[i].value;
        assert_int_equal(nts_table_def_decode(nts_alloc_libc(), bytes, size, &def, NULL, &error),
                         NANOTS_CORRUPT);
        assert_non_null(strstr(error.message, "table definition"));
    }
}

/* Goal: tier and codecs have their bits, and come back; of each type only the codecs that
 * nanots.h lists. */
static void table_def_keeps_tier_and_codecs(void **state)
{
    const struct nanots_column columns[] = {
        {"a", NANOTS_TYPE_F64, NANOTS_COLUMN_CODEC(NANOTS_CODEC_RAW)},
        {"b", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE | NANOTS_COLUMN_CODEC(NANOTS_CODEC_DELTA)}};
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .duplicates = NANOTS_DUPLICATES_KEEP_FIRST,
                                                 .tier = NANOTS_TIER_PACKED};
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 9, 1234, "t", columns, 2, &options);
    struct nanots_column out[2];
    struct nanots_table_options out_options;
    uint8_t bytes[64];
    (void)state;
    assert_non_null(def);
    nts_table_def_encode(def, bytes);
    nts_free(def);
    assert_int_equal(bytes[5], 0x22);
    assert_int_equal(bytes[19], 0x02);
    assert_int_equal(bytes[23], 0x0F);
    assert_int_equal(nts_table_def_decode(nts_alloc_libc(), bytes, sizeof bytes, &def, NULL, NULL),
                     NANOTS_OK);
    assert_int_equal(def->tier, NTS_DEF_TIER_PACKED);
    assert_int_equal(def->columns[0].forced, 1 + NANOTS_CODEC_RAW);
    assert_true(nts_column_is_nullable(&def->columns[1]));
    nts_table_def_public(def, out, &out_options);
    assert_int_equal(out_options.unit, options.unit);
    assert_int_equal(out_options.duplicates, options.duplicates);
    assert_int_equal(out_options.tier, options.tier);
    for (size_t c = 0; c < 2; c++)
        assert_int_equal(out[c].flags, columns[c].flags);
    nts_free(def);
}

static void column_flags_are_those_of_the_type(void **state)
{
    static const struct {
        nanots_type type;
        uint32_t codecs; /* bits */
    } named[] = {{NANOTS_TYPE_F64, 0x1410D}, {NANOTS_TYPE_F32, 0x1410D}, {NANOTS_TYPE_I64, 0x3CF1},
                 {NANOTS_TYPE_I32, 0x3CF1},  {NANOTS_TYPE_BOOL, 0x3CF1}, {NANOTS_TYPE_UTF8, 1}};
    uint32_t flags;
    uint8_t stored;
    (void)state;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        for (uint32_t codec = 0; codec < 1u << 24; codec = codec < 200 ? codec + 1 : codec * 2) {
            const bool is_named = codec < 32 && (named[i].codecs >> codec & 1) != 0;
            const uint32_t given = NANOTS_COLUMN_NULLABLE | NANOTS_COLUMN_CODEC(codec);
            assert_int_equal(nts_column_flags_store(named[i].type, given, &stored), is_named);
            if (!is_named)
                continue;
            assert_true(nts_column_flags_load(named[i].type, stored, &flags));
            assert_int_equal(flags, given);
        }
    assert_false(nts_column_flags_store(NANOTS_TYPE_F64, 2, &stored));
    assert_true(nts_column_flags_store(NANOTS_TYPE_F64, 0, &stored));
    assert_int_equal(stored, 0);
    assert_int_equal(NANOTS_COLUMN_CODEC_OF(0), -1);
    assert_int_equal(NANOTS_COLUMN_CODEC_OF(1 | NANOTS_COLUMN_CODEC(7)), 7);
}

/* Goal: a definition that nanots_create_table would have refused is damage, and the sentence names
 * table and column. */
static void table_def_that_no_table_can_have_is_corrupt(void **state)
{
    static const struct {
        const char *table;
        const char *columns[3];
        const char *wanted;
    } wrong[] = {
        {"boiler", {"a", "b", "a"}, "table 'boiler': column 'a' is given twice"},
        {"boiler", {"same", "same", "b"}, "table 'boiler': column 'same' is given twice"},
        {"boiler", {"a", "b", "ts_ms"}, "table 'boiler': column name 'ts_ms' is reserved"},
        {"boiler", {"ts", "b", "c"}, "table 'boiler': column name 'ts' is reserved"},
        {"boiler", {"a", "b\x1F", "c"}, "table 'boiler': column name has the control character"},
        {"nanots_log", {"a", "b", "c"}, "table name 'nanots_log' is reserved"},
        {"a\nb", {"a", "b", "c"}, "table name has the control character 0x0a"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bytes[64];
        struct nanots_column columns[3] = {{0}};
        struct nts_table_def *out = NULL;
        struct nanots_error error;
        for (size_t c = 0; c < 3; c++)
            columns[c] = (struct nanots_column){wrong[i].columns[c], NANOTS_TYPE_F64, 0};
        struct nts_table_def *def =
            nts_table_def_new(nts_alloc_libc(), 1, 0, wrong[i].table, columns, 3, NULL);
        assert_non_null(def);
        const size_t size = nts_table_def_encoded_size(def);
        assert_in_range(size, 1, sizeof bytes);
        nts_table_def_encode(def, bytes);
        assert_int_equal(nts_table_def_decode(nts_alloc_libc(), bytes, size, &out, NULL, &error),
                         NANOTS_CORRUPT);
        assert_null(out);
        assert_non_null(strstr(error.message, wrong[i].wanted));
        nts_free(def);
    }
}

/* Goal: the widest definition there may be, and the same with one name of it again. */
static void table_def_of_1024_long_names_round_trips(void **state)
{
    static struct nanots_column columns[NTS_COLUMNS_MAX];
    static char names[NTS_COLUMNS_MAX][NTS_NAME_SIZE_MAX + 1];
    static uint8_t bytes[1u << 19];
    struct nts_table_def *def_out = NULL;
    (void)state;
    for (size_t i = 0; i < NTS_COLUMNS_MAX; i++) {
        memset(names[i], 'a' + (int)(i % 26), NTS_NAME_SIZE_MAX);
        names[i][7] = (char)('A' + i / 26);
        columns[i].name = names[i];
        columns[i].type = NANOTS_TYPE_F64;
    }
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, names[3], columns, NTS_COLUMNS_MAX, NULL);
    assert_non_null(def);
    const size_t size = nts_table_def_encoded_size(def);
    assert_in_range(size, 1, sizeof bytes);
    nts_table_def_encode(def, bytes);
    assert_int_equal(nts_table_def_decode(nts_alloc_libc(), bytes, size, &def_out, NULL, NULL),
                     NANOTS_OK);
    for (size_t i = 0; i < NTS_COLUMNS_MAX; i++)
        assert_string_equal(def_out->columns[i].name, names[i]);
    nts_free(def_out);
    memcpy(bytes + size - NTS_NAME_SIZE_MAX, names[0], NTS_NAME_SIZE_MAX);
    assert_int_equal(nts_table_def_decode(nts_alloc_libc(), bytes, size, &def_out, NULL, NULL),
                     NANOTS_CORRUPT);
    nts_free(def);
}

/* Goal: no memory is a status, and leaks nothing. */
static void table_def_without_memory_is_a_status(void **state)
{
    struct faultalloc memory;
    struct nts_table_def *def = NULL;
    uint8_t bytes[64];
    (void)state;
    const size_t size = sample_encode(bytes);
    faultalloc_init(&memory);
    faultalloc_fail(&memory, 0, true);
    assert_null(nts_table_def_new(&memory.alloc, 1, 0, "t", sample_columns, 2, NULL));
    assert_int_equal(nts_table_def_decode(&memory.alloc, bytes, size, &def, NULL, NULL),
                     NANOTS_NO_MEMORY);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

static nanots_status check(const char *what, const char *name)
{
    struct nanots_error error = {NANOTS_OK, 0, ""};
    const nanots_status status = nts_name_check(what, name, &error);
    if (status != NANOTS_OK)
        assert_non_null(strstr(error.message, what));
    return status;
}

/* Goal: names are 1 to 255 bytes of UTF-8 without control characters, and not reserved. */
static void name_check_follows_its_rules(void **state)
{
    char name[NTS_NAME_SIZE_MAX + 2];
    (void)state;
    memset(name, 'x', sizeof name);
    name[NTS_NAME_SIZE_MAX + 1] = '\0';
    assert_int_equal(check("table", name), NANOTS_INVALID);
    name[NTS_NAME_SIZE_MAX] = '\0';
    assert_int_equal(check("table", name), NANOTS_OK);
    assert_int_equal(check("table", NULL), NANOTS_INVALID);
    assert_int_equal(check("table", ""), NANOTS_INVALID);
    assert_int_equal(check("table", "a\nb"), NANOTS_INVALID);
    assert_int_equal(check("table", "a\x7F"), NANOTS_INVALID);
    assert_int_equal(check("table", "a\xFF"), NANOTS_INVALID);
    assert_int_equal(check("table", "\xC0\xAF"), NANOTS_INVALID);
    assert_int_equal(check("table", "Stra\xC3\x9F"
                                    "e 7/b"),
                     NANOTS_OK);
    assert_int_equal(check("table", "nanots_x"), NANOTS_INVALID);
    assert_int_equal(check("column", "nanots_x"), NANOTS_OK);
    assert_int_equal(check("table", "ts"), NANOTS_OK);
    static const char *const times[] = {"ts", "ts_s", "ts_ms", "ts_us", "ts_ns"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(check("column", times[i]), NANOTS_INVALID);
    assert_int_equal(check("column", "ts_"), NANOTS_OK);
}

static void table_def_ticks_are_the_first_at_or_after_a_moment(void **state)
{
    static const struct {
        uint8_t unit;
        int64_t ms;
        int64_t ticks;
    } cases[] = {
        {NTS_UNIT_MS, -5, -5},
        {NTS_UNIT_S, 1000, 1},
        {NTS_UNIT_S, 1001, 2},
        {NTS_UNIT_S, -1999, -1},
        {NTS_UNIT_US, 7, 7000},
        {NTS_UNIT_NS, -7, -7000000},
        {NTS_UNIT_US, INT64_MAX, INT64_MAX},
        {NTS_UNIT_NS, INT64_MIN, INT64_MIN},
        {NTS_UNIT_MS, INT64_MIN, INT64_MIN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct nts_table_def def = {.unit = cases[i].unit};
        assert_int_equal(nts_table_def_ticks(&def, cases[i].ms), cases[i].ticks);
    }
}

static void table_def_ms_are_those_that_a_tick_falls_into(void **state)
{
    static const struct {
        uint8_t unit;
        int64_t ticks;
        int64_t ms;
    } cases[] = {
        {NTS_UNIT_MS, INT64_MAX, INT64_MAX},
        {NTS_UNIT_S, -2, -2000},
        {NTS_UNIT_S, INT64_MAX, INT64_MAX},
        {NTS_UNIT_S, INT64_MIN, INT64_MIN},
        {NTS_UNIT_US, 1999, 1},
        {NTS_UNIT_US, -1, -1},
        {NTS_UNIT_NS, -1000000, -1},
        {NTS_UNIT_NS, -1000001, -2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct nts_table_def def = {.unit = cases[i].unit};
        assert_int_equal(nts_table_def_ms(&def, cases[i].ticks), cases[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_def_round_trips),
        cmocka_unit_test(table_def_cut_short_is_corrupt),
        cmocka_unit_test(table_def_impossible_contents_are_corrupt),
        cmocka_unit_test(table_def_keeps_tier_and_codecs),
        cmocka_unit_test(column_flags_are_those_of_the_type),
        cmocka_unit_test(table_def_that_no_table_can_have_is_corrupt),
        cmocka_unit_test(table_def_of_1024_long_names_round_trips),
        cmocka_unit_test(table_def_without_memory_is_a_status),
        cmocka_unit_test(name_check_follows_its_rules),
        cmocka_unit_test(table_def_ticks_are_the_first_at_or_after_a_moment),
        cmocka_unit_test(table_def_ms_are_those_that_a_tick_falls_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
