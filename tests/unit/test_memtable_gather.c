/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_memtable_gather.c - columns out of a memtable (memtable/memtable.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "engine/append_rows.h"
#include "memtable/memtable.h"
#include "support/faultalloc.h"
#include "support/seed.h"
#include "support/typed_rows.h"

#define ROWS 1500u

static uint64_t seed;
static struct nts_table_def *def;

/* The model's rows [first, first + count) as one payload. */
static void append_rows(struct nts_memtable *memtable, const struct typed_rows *model, size_t first,
                        size_t count)
{
    struct typed_batch *batch = typed_batch_new(model, first, count);
    struct nts_rows rows = {.ts = model->ts + first,
                            .batch = batch->columns,
                            .row_count = (uint32_t)count,
                            .column_count = TYPED_COLUMNS};
    assert_int_equal(nts_rows_prepare(&rows, def, NULL), NANOTS_OK);
    uint8_t *payload = test_malloc(rows.payload_size);
    nts_rows_encode(&rows, def, payload);
    assert_int_equal(nts_memtable_reserve(memtable, (uint32_t)count, rows.text_size), NANOTS_OK);
    nts_memtable_append(memtable, payload, (uint32_t)count, first + 1);
    test_free(payload);
    typed_batch_free(batch);
}

static void check_cell(const struct nts_column_buffer *buffer, size_t row,
                       const struct nanots_value *wanted)
{
    const struct nts_column view = nts_column_buffer_view(buffer);
    const struct nanots_batch_column column = {.type = (nanots_type)view.type,
                                               .values = view.values,
                                               .validity = view.validity,
                                               .offsets = view.offsets};
    const struct nanots_value value = typed_batch_value(&column, row);
    assert_true(typed_values_equal(&value, wanted));
}

/* Goal: any window of rows of any column, in the order of arrival or another, at any place of the
 * buffer. Method: random windows, one behind the other in one buffer. */
static void memtable_gathers_what_was_asked(void **state)
{
    static uint32_t order[ROWS];
    static int64_t ts[ROWS];
    struct typed_rows model = typed_rows_random(typed_columns, TYPED_COLUMNS, ROWS, &seed);
    struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), def);
    (void)state;
    assert_non_null(memtable);
    for (size_t row = 0, more = 0; row < ROWS; row += more) {
        more = 1 + seed_next(&seed) % 90;
        more = more < ROWS - row ? more : ROWS - row;
        append_rows(memtable, &model, row, more);
    }
    for (uint32_t i = 0; i < ROWS; i++)
        order[i] = (i * 7u) % ROWS; /* 7 and ROWS have no common divisor */
    for (unsigned round = 0; round < 40; round++) {
        const uint32_t *by = round % 2 == 0 ? NULL : order;
        const uint32_t count = (uint32_t)(seed_next(&seed) % 700);
        const uint32_t first = (uint32_t)(seed_next(&seed) % (ROWS - count));
        const uint32_t half = count / 2;
        nts_memtable_gather_ts(memtable, by, first, count, ts);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(ts[i], model.ts[by == NULL ? first + i : by[first + i]]);
        for (uint32_t c = 0; c < TYPED_COLUMNS; c++) {
            struct nts_column_buffer buffer;
            assert_int_equal(nts_column_buffer_init(&buffer, nts_alloc_libc(), def->columns[c].type,
                                                    nts_column_is_nullable(&def->columns[c]), ROWS,
                                                    NULL),
                             NANOTS_OK);
            assert_int_equal(nts_memtable_gather(memtable, by, first, half, c, &buffer, 0, NULL),
                             NANOTS_OK);
            assert_int_equal(nts_memtable_gather(memtable, by, first + half, count - half, c,
                                                 &buffer, half, NULL),
                             NANOTS_OK);
            for (uint32_t i = 0; i < count; i++)
                check_cell(&buffer, i,
                           typed_rows_at(&model, by == NULL ? first + i : by[first + i], c));
            nts_column_buffer_deinit(&buffer);
        }
    }
    nts_memtable_unref(memtable);
    typed_rows_free(&model);
}

/* Goal: columns that a record does not have are null in its rows. */
static void columns_that_came_later_are_null(void **state)
{
    static uint8_t payload[40 * 16];
    const struct nanots_column columns[] = {typed_columns[2], typed_columns[8], typed_columns[11]};
    const struct nanots_value null = {.type = NANOTS_TYPE_NULL};
    struct nts_table_def *later =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", columns, 3, NULL);
    struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), later);
    struct nts_column_buffer buffer;
    (void)state;
    assert_non_null(memtable);
    for (size_t i = 0; i < 40; i++)
        nts_store_i64(payload + 40 * 8 + i * 8, (int64_t)i - 7);
    assert_int_equal(nts_memtable_reserve(memtable, 40, 0), NANOTS_OK);
    nts_memtable_append_columns(memtable, payload, 1, 40, 1);
    for (uint32_t c = 0; c < 3; c++) {
        assert_int_equal(
            nts_column_buffer_init(&buffer, nts_alloc_libc(), columns[c].type, c != 0, 64, NULL),
            NANOTS_OK);
        assert_int_equal(nts_memtable_gather(memtable, NULL, 0, 40, c, &buffer, 0, NULL),
                         NANOTS_OK);
        for (size_t i = 0; i < 40; i++) {
            const struct nanots_value seven = {.type = NANOTS_TYPE_I64, .as.i64 = (int64_t)i - 7};
            check_cell(&buffer, i, c == 0 ? &seven : &null);
        }
        nts_column_buffer_deinit(&buffer);
    }
    assert_int_equal(
        nts_column_buffer_init(&buffer, nts_alloc_libc(), NANOTS_TYPE_UTF8, true, 40, NULL),
        NANOTS_OK); /* one that not even the memtable knows of */
    assert_int_equal(nts_memtable_gather(memtable, NULL, 0, 40, 3, &buffer, 0, NULL), NANOTS_OK);
    for (size_t i = 0; i < 40; i++)
        check_cell(&buffer, i, &null);
    nts_column_buffer_deinit(&buffer);
    nts_memtable_unref(memtable);
    nts_free(later);
}

/* Goal: a buffer that cannot grow for its strings is a status. */
static void gather_without_memory_is_a_status(void **state)
{
    const struct nanots_column column = typed_columns[5];
    static char text[100000];
    const struct nanots_value value = {.type = NANOTS_TYPE_UTF8, .as.utf8 = {text, sizeof text}};
    const int64_t ts = 5;
    struct nts_rows rows = {.ts = &ts, .row = &value, .row_count = 1, .column_count = 1};
    struct nts_table_def *texts =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", &column, 1, NULL);
    struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), texts);
    struct nts_column_buffer buffer;
    struct faultalloc memory;
    struct nanots_error error;
    (void)state;
    memset(text, 'x', sizeof text);
    faultalloc_init(&memory);
    assert_int_equal(nts_rows_prepare(&rows, texts, NULL), NANOTS_OK);
    uint8_t *payload = test_malloc(rows.payload_size);
    nts_rows_encode(&rows, texts, payload);
    assert_int_equal(nts_memtable_reserve(memtable, 1, rows.text_size), NANOTS_OK);
    nts_memtable_append(memtable, payload, 1, 1);
    assert_int_equal(
        nts_column_buffer_init(&buffer, &memory.alloc, NANOTS_TYPE_UTF8, false, 8, NULL),
        NANOTS_OK);
    faultalloc_fail(&memory, 0, true);
    assert_int_equal(nts_memtable_gather(memtable, NULL, 0, 1, 0, &buffer, 0, &error),
                     NANOTS_NO_MEMORY);
    faultalloc_heal(&memory);
    nts_column_buffer_deinit(&buffer);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
    test_free(payload);
    nts_memtable_unref(memtable);
    nts_free(texts);
}

static int def_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    def = nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", typed_columns, TYPED_COLUMNS, NULL);
    return def == NULL;
}

static int def_teardown(void **state)
{
    (void)state;
    nts_free(def);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memtable_gathers_what_was_asked),
        cmocka_unit_test(columns_that_came_later_are_null),
        cmocka_unit_test(gather_without_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, def_setup, def_teardown);
}
