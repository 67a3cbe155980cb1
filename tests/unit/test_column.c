/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_column.c - views and buffers of columns (util/column.h), row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/seed.h"
#include "support/typed_rows.h"
#include "util/column.h"
#include "util/stream_copy.h"

#define ROWS 300u

static uint64_t seed;

/* Row `row` of a view as a value. */
static struct nanots_value view_value(const struct nts_column *view, size_t row)
{
    struct nanots_value value = {.type = NANOTS_TYPE_NULL};
    const struct nanots_batch_column column = {.type = (nanots_type)view->type,
                                               .values = view->values,
                                               .validity = view->validity,
                                               .offsets = view->offsets};
    return view->all_null ? value : typed_batch_value(&column, view->first + row);
}

static void types_and_units_have_names(void **state)
{
    (void)state;
    assert_string_equal(nanots_type_name(NANOTS_TYPE_F64), "f64");
    assert_string_equal(nanots_type_name(NANOTS_TYPE_UTF8), "utf8");
    assert_null(nanots_type_name(NANOTS_TYPE_NULL));
    assert_null(nanots_type_name((nanots_type)7));
    assert_null(nanots_type_name((nanots_type)-1));
    assert_string_equal(nanots_time_unit_name(NANOTS_UNIT_MS), "ms");
    assert_string_equal(nanots_time_unit_name(NANOTS_UNIT_NS), "ns");
    assert_null(nanots_time_unit_name((nanots_time_unit)4));
}

/* Goal: nulls and bytes of a part of a view are those of its rows, wherever the view begins. */
static void column_counts_are_those_of_the_rows(void **state)
{
    (void)state;
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, ROWS, &seed);
    struct typed_batch *batch = typed_batch_new(&rows, 0, ROWS);
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        for (unsigned round = 0; round < 50; round++) {
            struct nts_column view = nts_column_of_batch(&batch->columns[c]);
            view.first = seed_next(&seed) % ROWS;
            const size_t row = seed_next(&seed) % (ROWS - view.first);
            const size_t count = seed_next(&seed) % (ROWS - view.first - row + 1);
            size_t null_count = 0;
            for (size_t i = 0; i < count; i++) {
                const struct nanots_value value = view_value(&view, row + i);
                null_count += value.type == NANOTS_TYPE_NULL;
                assert_int_equal(nts_column_is_null(&view, row + i),
                                 value.type == NANOTS_TYPE_NULL);
            }
            assert_int_equal(nts_column_null_count(&view, row, count), null_count);
            if (view.type == NANOTS_TYPE_UTF8)
                assert_int_equal(nts_column_byte_count(&view, row, count),
                                 view.offsets[view.first + row + count] -
                                     view.offsets[view.first + row]);
        }
    const struct nts_column absent = {.type = NANOTS_TYPE_UTF8, .all_null = true};
    assert_int_equal(nts_column_null_count(&absent, 7, 9), 9);
    assert_int_equal(nts_column_byte_count(&absent, 7, 9), 0);
    typed_batch_free(batch);
    typed_rows_free(&rows);
}

/* What a buffer should hold: references to the rows that went in. */
struct wanted {
    struct nanots_value values[ROWS];
    size_t count;
};

static void expect_buffer(const struct nts_column_buffer *buffer, const struct wanted *wanted)
{
    const struct nts_column view = nts_column_buffer_view(buffer);
    for (size_t i = 0; i < wanted->count; i++) {
        const struct nanots_value value = view_value(&view, i);
        assert_true(typed_values_equal(&value, &wanted->values[i]));
    }
}

/* Puts a random part of the column, or nulls, at a random place up to the end. */
static void put_once(struct nts_column_buffer *buffer, struct wanted *wanted,
                     const struct nts_column *from)
{
    const bool reverse = seed_next(&seed) % 2;
    const size_t row = seed_next(&seed) % (ROWS - from->first);
    const size_t at = wanted->count - seed_next(&seed) % (wanted->count / 2 + 1);
    size_t count = seed_next(&seed) % (ROWS - from->first - row + 1);
    if (count > ROWS - at)
        count = ROWS - at;
    assert_int_equal(nts_column_buffer_put(buffer, at, from, row, count, reverse, &db_error),
                     NANOTS_OK);
    for (size_t i = 0; i < count; i++)
        wanted->values[at + i] = view_value(from, reverse ? row + count - 1 - i : row + i);
    wanted->count = at + count;
}

static void check_puts(size_t capacity)
{
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, ROWS, &seed);
    struct typed_batch *batch = typed_batch_new(&rows, 0, ROWS);
    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        const bool nullable = typed_columns[c].flags != 0;
        struct nts_column_buffer buffer;
        struct wanted wanted = {.count = 0};
        assert_int_equal(nts_column_buffer_init(&buffer, nts_alloc_libc(), typed_columns[c].type,
                                                nullable, capacity, &db_error),
                         NANOTS_OK);
        for (unsigned round = 0; round < 60; round++) {
            struct nts_column from = nts_column_of_batch(&batch->columns[c]);
            from.first = seed_next(&seed) % ROWS;
            if (nullable && seed_next(&seed) % 5 == 0)
                from = (struct nts_column){.type = from.type, .all_null = true};
            put_once(&buffer, &wanted, &from);
            expect_buffer(&buffer, &wanted);
            if (!nullable)
                assert_null(nts_column_buffer_view(&buffer).validity);
            if (round % 20 == 19) {
                nts_column_buffer_clear(&buffer);
                wanted.count = 0;
                assert_null(nts_column_buffer_view(&buffer).validity);
            }
        }
        nts_column_buffer_deinit(&buffer);
    }
    typed_batch_free(batch);
    typed_rows_free(&rows);
}

/* Goal: rows put forwards, backwards, over dropped ones, with nulls and as absent columns come back
 * as they were, also past the caches; only a buffer that saw a null says that there are any. */
static void buffer_holds_what_was_put(void **state)
{
    (void)state;
    check_puts(ROWS);
    check_puts(NTS_STREAM_BYTES / 4);
}

/* Goal: strings that an int32 offset cannot tell apart are refused before any byte is asked for. */
static void buffer_of_strings_ends_at_2_gib(void **state)
{
    (void)state;
    struct nts_column_buffer buffer;
    assert_int_equal(
        nts_column_buffer_init(&buffer, nts_alloc_libc(), NANOTS_TYPE_UTF8, false, 2, &db_error),
        NANOTS_OK);
    buffer.offsets[1] = 1;
    assert_int_equal(nts_column_buffer_reserve(&buffer, 1, INT32_MAX, &db_error), NANOTS_TOO_BIG);
    assert_non_null(strstr(db_error.message, "2 GiB"));
    assert_int_equal(nts_column_buffer_reserve(&buffer, 1, 100000, &db_error), NANOTS_OK);
    assert_in_range(buffer.byte_capacity, 100001, 1u << 20);
    nts_column_buffer_deinit(&buffer);
}

/* Goal: each allocation that fails is a status, and nothing leaks. */
static void buffer_without_memory_is_a_status(void **state)
{
    struct faultalloc memory;
    (void)state;
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, ROWS, &seed);
    struct typed_batch *batch = typed_batch_new(&rows, 0, ROWS);
    faultalloc_init(&memory);
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        for (uint64_t k = 0;; k++) {
            const struct nts_column from = nts_column_of_batch(&batch->columns[c]);
            struct nts_column_buffer buffer;
            faultalloc_fail(&memory, k, false);
            nanots_status status =
                nts_column_buffer_init(&buffer, &memory.alloc, typed_columns[c].type,
                                       typed_columns[c].flags != 0, ROWS, &db_error);
            if (status == NANOTS_OK) {
                status = nts_column_buffer_put(&buffer, 0, &from, 0, ROWS, false, &db_error);
                nts_column_buffer_deinit(&buffer);
            }
            assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
            assert_int_equal(memory.block_count, 0);
            if (!memory.failed)
                break;
        }
    faultalloc_deinit(&memory);
    typed_batch_free(batch);
    typed_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_units_have_names),
        cmocka_unit_test(column_counts_are_those_of_the_rows),
        cmocka_unit_test(buffer_holds_what_was_put),
        cmocka_unit_test(buffer_of_strings_ends_at_2_gib),
        cmocka_unit_test(buffer_without_memory_is_a_status),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
