/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_append_rows.c - the four forms of rows (engine/append_rows.h) give the same payload,
 * and sizes that are right to the byte. Refusals: api/test_typed_append.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "engine/append_rows.h"
#include "support/guard.h"
#include "support/seed.h"
#include "support/typed_rows.h"

static uint64_t seed;

/* The payload, written against a page that may not be touched; release with test_free. */
static uint8_t *encode(struct nts_rows *rows, const struct nts_table_def *def)
{
    assert_int_equal(nts_rows_prepare(rows, def, NULL), NANOTS_OK);
    const size_t size = (size_t)rows->payload_size;
    struct guard guard = guard_open(size);
    uint8_t *payload = test_malloc(size);
    memset(guard_at_end(&guard, size), 0xa5, size);
    nts_rows_encode(rows, def, guard_at_end(&guard, size));
    memcpy(payload, guard_at_end(&guard, size), size);
    guard_close(&guard);
    return payload;
}

/* Goal: a row of values is the payload of a batch of that row, whatever the types. */
static void one_row_is_a_batch_of_one(void **state)
{
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", typed_columns, TYPED_COLUMNS, NULL);
    struct typed_rows model = typed_rows_random(typed_columns, TYPED_COLUMNS, 200, &seed);
    (void)state;
    assert_non_null(def);
    for (size_t row = 0; row < model.row_count; row++) {
        struct typed_batch *batch = typed_batch_new(&model, row, 1);
        struct nts_rows one = {.ts = &model.ts[row],
                               .row = typed_rows_at(&model, row, 0),
                               .row_count = 1,
                               .column_count = TYPED_COLUMNS};
        struct nts_rows many = {.ts = &model.ts[row],
                                .batch = batch->columns,
                                .row_count = 1,
                                .column_count = TYPED_COLUMNS};
        uint8_t *payload = encode(&one, def);
        uint8_t *other = encode(&many, def);
        assert_int_equal(one.payload_size, many.payload_size);
        assert_int_equal(one.text_size, many.text_size);
        assert_memory_equal(payload, other, one.payload_size);
        test_free(payload);
        test_free(other);
        typed_batch_free(batch);
    }
    typed_rows_free(&model);
    nts_free(def);
}

/* Goal: doubles row by row, in columns and as a batch are the same payload, where columns are
 * nullable too. */
static void doubles_are_the_same_in_each_form(void **state)
{
    static const struct nanots_column columns[] = {{"a", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE},
                                                   {"b", NANOTS_TYPE_F64, 0}};
    static double flat[140];
    static double by_column[2][70];
    static int64_t ts[70];
    static const double *const wide[] = {by_column[0], by_column[1]};
    const struct nanots_batch_column batch[] = {{NANOTS_TYPE_F64, by_column[0], NULL, NULL},
                                                {NANOTS_TYPE_F64, by_column[1], NULL, NULL}};
    (void)state;
    for (size_t i = 0; i < 140; i++)
        flat[i] = by_column[i % 2][i / 2] = (double)i;
    struct nts_table_def *def = nts_table_def_new(nts_alloc_libc(), 1, 0, "t", columns, 2, NULL);
    for (uint32_t count = 1; count <= 70; count++) {
        struct nts_rows forms[] = {
            {.ts = ts, .values = flat, .row_count = count, .column_count = 2},
            {.ts = ts, .columns = wide, .row_count = count, .column_count = 2},
            {.ts = ts, .batch = batch, .row_count = count, .column_count = 2}};
        uint8_t *first = encode(&forms[0], def);
        for (size_t form = 1; form < 3; form++) {
            uint8_t *other = encode(&forms[form], def);
            assert_int_equal(forms[form].payload_size, forms[0].payload_size);
            assert_memory_equal(other, first, forms[0].payload_size);
            test_free(other);
        }
        assert_int_equal(forms[0].payload_size, (uint64_t)count * 24 + (count + 63) / 64 * 8);
        test_free(first);
    }
    nts_free(def);
}

/* Goal: the strings of a window of rows are counted, those that are null perhaps too. */
static void text_of_a_window_is_counted(void **state)
{
    static const int64_t ts[4];
    static const int32_t offsets[] = {2, 3, 5, 8, 12};
    static const uint8_t validity = 0xb; /* row 2 is null */
    const struct nanots_batch_column batch[] = {
        {NANOTS_TYPE_UTF8, "--abbcccdddd", &validity, offsets}};
    struct nts_rows rows = {.ts = ts, .batch = batch, .row_count = 4, .column_count = 1};
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "t", &typed_columns[11], 1, NULL);
    (void)state;
    assert_int_equal(nts_rows_prepare(&rows, def, NULL), NANOTS_OK);
    assert_int_equal(rows.text_size, 7);
    assert_int_equal(nts_rows_text_size(&rows, def, 0, 4), 7);
    assert_int_equal(nts_rows_text_size(&rows, def, 0, 2), 3);
    assert_in_range(nts_rows_text_size(&rows, def, 1, 3), 6, 9);
    nts_free(def);
}

/* Goal: a string that no batch can hold is refused before it is read. */
static void string_of_two_gibibytes_is_refused(void **state)
{
    const struct nanots_value value = {.type = NANOTS_TYPE_UTF8,
                                       .as.utf8 = {"", (size_t)INT32_MAX + 1}};
    const int64_t ts = 0;
    struct nts_rows rows = {.ts = &ts, .row = &value, .row_count = 1, .column_count = 1};
    struct nts_table_def *def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "t", &typed_columns[5], 1, NULL);
    struct nanots_error error;
    (void)state;
    assert_int_equal(nts_rows_prepare(&rows, def, &error), NANOTS_TOO_BIG);
    assert_non_null(
        strstr(error.message, "table 't', column 'utf8': a string of 2147483648 bytes"));
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
        cmocka_unit_test(one_row_is_a_batch_of_one),
        cmocka_unit_test(doubles_are_the_same_in_each_form),
        cmocka_unit_test(text_of_a_window_is_counted),
        cmocka_unit_test(string_of_two_gibibytes_is_refused),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
