/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_rows_payload.c - rows as a log record has them (format/rows_payload.h), and bytes that
 * lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/append_rows.h"
#include "format/rows_payload.h"
#include "support/guard.h"
#include "support/seed.h"
#include "support/typed_rows.h"

static uint64_t seed;

static struct nts_table_def *def_of(const struct nanots_column *columns, size_t count)
{
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", columns, count, NULL);
    assert_non_null(def);
    return def;
}

/* The bytes of two rows of every type, put down by hand from SPEC.md 5.1. */
static void payload_is_what_the_document_says(void **state)
{
    static const uint8_t wanted[] = {
        1,    0,    0,    0,    0,    0,    0,    0,    /* ts */
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* */
        2,    0,    0,    0,    0,    0,    0,    0,    /* f64_null: row 1 is present */
        0,    0,    0,    0,    0,    0,    0,    0,    /* */
        0,    0,    0,    0,    0,    0,    0xf0, 0x3f, /* 1.0 */
        0,    0,    0x80, 0x3f, 0,    0,    0,    0xc0, /* f32: 1, -2 */
        3,    0,    0,    0,    0,    0,    0,    0,    /* i32_null: both */
        0xff, 0xff, 0xff, 0xff, 7,    0,    0,    0,    /* -1, 7 */
        2,    0,    0,    0,    0,    0,    0,    0,    /* bool: false, true */
        1,    0,    0,    0,    0,    0,    0,    0,    /* utf8_null: row 0 */
        3,    0,    0,    0,    0,    0,    0,    0,    /* lengths 3, 0 */
        'a',  0xc3, 0xa9, 0,    0,    0,    0,    0,    /* "a\u00e9" */
    };
    const struct nanots_column columns[] = {typed_columns[6], typed_columns[1], typed_columns[9],
                                            typed_columns[4], typed_columns[11]};
    static const int64_t ts[] = {1, -2};
    static const double doubles[] = {55, 1};
    static const float floats[] = {1, -2};
    static const int32_t integers[] = {-1, 7};
    static const uint8_t second = 0xfe; /* bits behind the rows are anything */
    static const uint8_t first = 0x01;
    static const int32_t offsets[] = {1, 4, 6};
    const struct nanots_batch_column batch[] = {
        {NANOTS_TYPE_F64, doubles, &second, NULL},
        {NANOTS_TYPE_F32, floats, NULL, NULL},
        {NANOTS_TYPE_I32, integers, NULL, NULL},
        {NANOTS_TYPE_BOOL, &second, NULL, NULL},
        {NANOTS_TYPE_UTF8, "-a\xc3\xa9--", &first, offsets},
    };
    struct nts_rows rows = {.ts = ts, .batch = batch, .row_count = 2, .column_count = 5};
    struct nts_table_def *def = def_of(columns, 5);
    uint8_t payload[sizeof wanted];
    uint64_t text_size = 0;
    (void)state;
    memset(payload, 0xa5, sizeof payload);
    assert_int_equal(nts_rows_prepare(&rows, def, NULL), NANOTS_OK);
    assert_int_equal(rows.payload_size, sizeof wanted);
    assert_int_equal(rows.text_size, 3);
    nts_rows_encode(&rows, def, payload);
    assert_memory_equal(payload, wanted, sizeof wanted);
    assert_int_equal(nts_rows_payload_check(def, 5, 2, payload, sizeof payload, &text_size, NULL),
                     NANOTS_OK);
    assert_int_equal(text_size, 3);
    nts_free(def);
}

/* Goal: rows of a plain table are one array of 8 bytes a row behind the other. */
static void payload_of_plain_tables_has_no_more_than_values(void **state)
{
    const struct nanots_column columns[] = {typed_columns[0], {"second", NANOTS_TYPE_F64, 0}};
    static const int64_t ts[] = {5, 6, 7};
    static const double flat[] = {1, 2, 3, 4, 5, 6};
    static const double by_column[] = {1, 3, 5, 2, 4, 6};
    struct nts_rows rows = {.ts = ts, .values = flat, .row_count = 3, .column_count = 2};
    struct nts_table_def *def = def_of(columns, 2);
    uint8_t payload[72];
    (void)state;
    assert_int_equal(nts_rows_prepare(&rows, def, NULL), NANOTS_OK);
    assert_int_equal(rows.payload_size, sizeof payload);
    rows.payload_size = 0;
    nts_rows_prepare_plain(&rows);
    assert_int_equal(rows.payload_size, sizeof payload);
    nts_rows_encode(&rows, def, payload);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(nts_load_i64(payload + 8 * i), ts[i]);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(nts_load_u64(payload + 24 + 8 * i), nts_bits_of_double(by_column[i]));
    nts_free(def);
}

/* ---- bytes that lie ----------------------------------------------------------------------- */

static void expect_wrong(const struct nts_table_def *def, uint32_t column_count, uint32_t rows,
                         const uint8_t *payload, size_t size, const char *part)
{
    struct nanots_error error;
    uint64_t text_size = 0;
    assert_int_equal(
        nts_rows_payload_check(def, column_count, rows, payload, size, &text_size, &error),
        NANOTS_CORRUPT);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' lacks '%s'", error.message, part);
}

/* Goal: each rule has its sentence, with table, column and offset. */
static void payload_that_breaks_a_rule_is_named(void **state)
{
    uint8_t payload[24 + 16 + 16 + 24];
    struct nts_table_def *def = def_of(&typed_columns[9], 3); /* i32, bool, utf8: nullable */
    const size_t size = sizeof payload;
    uint64_t text_size = 0;
    (void)state;
    memset(payload, 0, size);
    payload[8] = 1; /* one row: ts, then i32 */
    payload[24] = 1;
    payload[40] = 1;
    payload[48] = 4;
    memcpy(payload + 56, "abcd", 4);
    const size_t used = 64;
    assert_int_equal(nts_rows_payload_check(def, 3, 1, payload, used, &text_size, NULL), NANOTS_OK);
    assert_int_equal(text_size, 4);
    expect_wrong(def, 3, 1, payload, size, "more bytes than the rows have at byte 64");
    expect_wrong(def, 3, 1, payload, used - 8, "'utf8_null': values cut short at byte 56");
    expect_wrong(def, 3, 1, payload, 4, "'ts_ms': values cut short at byte 0");
    expect_wrong(def, 3, UINT32_MAX, payload, used, "'ts_ms': values cut short at byte 0");
    expect_wrong(def, 4, 1, payload, used, "has 3 columns, rows of it 4");
    payload[8] = 3;
    expect_wrong(def, 3, 1, payload, used, "'i32_null': bits behind the last row at byte 8");
    payload[8] = 1;
    payload[9] = 1;
    expect_wrong(def, 3, 1, payload, used, "'i32_null': padding that is not zero at byte 9");
    payload[9] = 0;
    payload[20] = 1;
    expect_wrong(def, 3, 1, payload, used, "'i32_null': padding that is not zero at byte 20");
    payload[20] = 0;
    payload[8] = 0;
    payload[16] = 9;
    expect_wrong(def, 3, 1, payload, used, "'i32_null': a null with a value at byte 16");
    payload[8] = 1;
    payload[24] = 0;
    payload[32] = 1;
    expect_wrong(def, 3, 1, payload, used, "'bool_null': a null with a value at byte 32");
    payload[24] = 1;
    payload[40] = 0;
    expect_wrong(def, 3, 1, payload, used, "'utf8_null': a null with a value at byte 48");
    payload[40] = 1;
    payload[58] = 0xff;
    expect_wrong(def, 3, 1, payload, used,
                 "table 'plant', column 'utf8_null': text that is not UTF-8 at byte 58");
    payload[58] = 'c';
    payload[60] = 'x';
    expect_wrong(def, 3, 1, payload, used, "'utf8_null': padding that is not zero at byte 60");
    nts_free(def);
}

/* Goal: rows of fewer columns than the table has are right if the others can be null. */
static void payload_of_an_older_table_is_right(void **state)
{
    static const uint8_t payload[16] = {1, 0, 0, 0, 0, 0, 0, 0, 2};
    const struct nanots_column columns[] = {typed_columns[2], typed_columns[11], typed_columns[3]};
    struct nts_table_def *def = def_of(columns, 2);
    uint64_t text_size = 0;
    (void)state;
    assert_int_equal(nts_rows_payload_check(def, 1, 1, payload, sizeof payload, &text_size, NULL),
                     NANOTS_OK);
    nts_free(def);
    def = def_of(columns, 3);
    expect_wrong(def, 1, 1, payload, sizeof payload,
                 "column 'i32': no values, though none may be null, at byte 16");
    nts_free(def);
}

/* Goal: right payloads pass, and no byte behind them is read; with any byte changed or cut off they
 * pass or fail, and nothing else. Method: random rows, the payload against a guard page. */
static void payload_check_reads_nothing_beyond(void **state)
{
    struct nts_table_def *def = def_of(typed_columns, TYPED_COLUMNS);
    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        const uint32_t count = 1 + (uint32_t)(seed_next(&seed) % 70);
        struct typed_rows model = typed_rows_random(typed_columns, TYPED_COLUMNS, count, &seed);
        struct typed_batch *batch = typed_batch_new(&model, 0, count);
        struct nts_rows rows = {.ts = model.ts,
                                .batch = batch->columns,
                                .row_count = count,
                                .column_count = TYPED_COLUMNS};
        uint64_t text_size = 0;
        assert_int_equal(nts_rows_prepare(&rows, def, NULL), NANOTS_OK);
        struct guard guard = guard_open((size_t)rows.payload_size);
        uint8_t *payload = guard_at_end(&guard, (size_t)rows.payload_size);
        nts_rows_encode(&rows, def, payload);
        assert_int_equal(nts_rows_payload_check(def, TYPED_COLUMNS, count, payload,
                                                (size_t)rows.payload_size, &text_size, NULL),
                         NANOTS_OK);
        assert_int_equal(text_size, rows.text_size);
        for (unsigned i = 0; i < 200; i++) {
            uint8_t *byte = payload + seed_next(&seed) % rows.payload_size;
            const uint8_t kept = *byte;
            *byte = (uint8_t)seed_next(&seed);
            const nanots_status status = nts_rows_payload_check(
                def, TYPED_COLUMNS, count, payload, (size_t)rows.payload_size, &text_size, NULL);
            assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
            *byte = kept;
            assert_int_equal(nts_rows_payload_check(def, TYPED_COLUMNS, count + 1 + i, payload,
                                                    (size_t)rows.payload_size, &text_size, NULL),
                             NANOTS_CORRUPT);
        }
        guard_close(&guard);
        typed_batch_free(batch);
        typed_rows_free(&model);
    }
    nts_free(def);
}

static int seed_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_is_what_the_document_says),
        cmocka_unit_test(payload_of_plain_tables_has_no_more_than_values),
        cmocka_unit_test(payload_that_breaks_a_rule_is_named),
        cmocka_unit_test(payload_of_an_older_table_is_right),
        cmocka_unit_test(payload_check_reads_nothing_beyond),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
