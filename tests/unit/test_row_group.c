/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_row_group.c - gathering rows into columns (engine/row_group.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "engine/row_group.h"
#include "support/faultalloc.h"
#include "support/seed.h"
#include "support/typed_rows.h"

#define ROWS     700u
#define COLUMNS  3u
#define CAPACITY 200u

static int64_t times[ROWS];
static double by_column[COLUMNS][ROWS];
static double by_row[ROWS * COLUMNS];
static const double *const columns[] = {by_column[0], by_column[1], by_column[2]};
static uint32_t order[ROWS]; /* any permutation */
static struct nts_table_def *def;

static uint64_t rows_fill(void)
{
    uint64_t seed = seed_of_run();
    for (uint32_t i = 0; i < ROWS; i++) {
        times[i] = (int64_t)seed_next(&seed);
        order[i] = i;
        for (uint32_t c = 0; c < COLUMNS; c++)
            by_row[i * COLUMNS + c] = by_column[c][i] = (double)(i * 10 + c);
    }
    for (uint32_t i = ROWS; i-- > 1;) {
        const uint32_t other = (uint32_t)(seed_next(&seed) % (i + 1));
        const uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    return seed;
}

/* Row i of the group must be row `from` of the test's. */
static void expect_row(const struct nts_row_group *group, uint32_t i, uint32_t from)
{
    assert_int_equal(group->ts[i], times[from]);
    for (uint32_t c = 0; c < COLUMNS; c++)
        assert_memory_equal(nts_column_at(&group->columns[c], i), &by_column[c][from], 8);
}

static void group_take(struct nts_row_group *group, const struct nts_rows *rows, uint32_t base,
                       const uint32_t *by, uint32_t row, uint32_t count)
{
    assert_int_equal(nts_row_group_from_rows(group, rows, def, base, by, row, count, NULL),
                     NANOTS_OK);
}

/* Goal: a batch by columns, a batch by rows and a memtable give the same rows, in their order or in
 * one that is given. Method: random windows of random places. */
static void row_group_gathers_what_was_asked(void **state)
{
    static uint8_t payload[ROWS * 8 * (COLUMNS + 1)];
    const struct nts_rows wide = {
        .ts = times, .columns = columns, .row_count = ROWS, .column_count = COLUMNS};
    const struct nts_rows flat = {
        .ts = times, .values = by_row, .row_count = ROWS, .column_count = COLUMNS};
    struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), def);
    struct nts_row_group group;
    uint64_t seed = rows_fill();
    (void)state;
    assert_non_null(memtable);
    for (uint32_t i = 0; i < ROWS; i++) {
        nts_store_i64(payload + (size_t)i * 8, times[i]);
        for (uint32_t c = 0; c < COLUMNS; c++)
            nts_store_u64(payload + ((size_t)(c + 1) * ROWS + i) * 8,
                          nts_bits_of_double(by_column[c][i]));
    }
    assert_int_equal(nts_memtable_reserve(memtable, ROWS, 0), NANOTS_OK);
    nts_memtable_append(memtable, payload, ROWS, 1);
    assert_int_equal(nts_row_group_init(&group, nts_alloc_libc(), COLUMNS, CAPACITY, NULL),
                     NANOTS_OK);
    for (unsigned round = 0; round < 200; round++) {
        const uint32_t count = (uint32_t)(seed_next(&seed) % (CAPACITY + 1));
        const uint32_t row = (uint32_t)(seed_next(&seed) % (ROWS - count + 1));
        const uint32_t *by = round % 2 == 0 ? NULL : order;
        assert_int_equal(nts_row_group_from_memtable(&group, memtable, by, row, count, NULL),
                         NANOTS_OK);
        for (uint32_t i = 0; i < count; i++)
            expect_row(&group, i, by == NULL ? row + i : order[row + i]);
        group_take(&group, round % 4 < 2 ? &wide : &flat, 0, by, row, count);
        for (uint32_t i = 0; i < count; i++)
            expect_row(&group, i, by == NULL ? row + i : order[row + i]);
    }
    nts_row_group_deinit(&group);
    nts_memtable_unref(memtable);
}

/* Goal: rows of a batch count from its base, with an order that begins at 0 there. */
static void row_group_counts_from_the_base_row(void **state)
{
    static const uint32_t turned[] = {2, 1, 0};
    const struct nts_rows wide = {
        .ts = times, .columns = columns, .row_count = ROWS, .column_count = COLUMNS};
    const struct nts_rows flat = {
        .ts = times, .values = by_row, .row_count = ROWS, .column_count = COLUMNS};
    struct nts_row_group group;
    (void)state;
    (void)rows_fill();
    assert_int_equal(nts_row_group_init(&group, nts_alloc_libc(), COLUMNS, CAPACITY, NULL),
                     NANOTS_OK);
    for (unsigned i = 0; i < 2; i++) {
        const struct nts_rows *rows = i == 0 ? &wide : &flat;
        group_take(&group, rows, 500, turned, 1, 2);
        expect_row(&group, 0, 501);
        expect_row(&group, 1, 500);
        group_take(&group, rows, 500, NULL, 3, 1);
        expect_row(&group, 0, 503);
    }
    nts_row_group_deinit(&group);
}

/* Goal: columns that are contiguous and in order already are not copied. */
static void row_group_uses_a_callers_columns_in_place(void **state)
{
    const struct nts_rows wide = {
        .ts = times, .columns = columns, .row_count = ROWS, .column_count = COLUMNS};
    struct nts_row_group group;
    (void)state;
    (void)rows_fill();
    assert_int_equal(nts_row_group_init(&group, nts_alloc_libc(), COLUMNS, CAPACITY, NULL),
                     NANOTS_OK);
    group_take(&group, &wide, 10, NULL, 5, CAPACITY);
    for (uint32_t c = 0; c < COLUMNS; c++)
        assert_ptr_equal(nts_column_at(&group.columns[c], 0), by_column[c] + 15);
    group_take(&group, &wide, 10, order, 5, 1); /* back in its own buffers */
    assert_ptr_equal(group.columns[2].values, group.buffers[2].values);
    nts_row_group_deinit(&group);
}

/* Goal: each allocation that fails is a status and leaks nothing. */
static void row_group_without_memory_is_a_status(void **state)
{
    struct faultalloc memory;
    struct nts_row_group group;
    struct nanots_error error;
    (void)state;
    faultalloc_init(&memory);
    for (uint64_t k = 0; k < 3; k++) { /* ts, buffers, columns */
        faultalloc_fail(&memory, k, false);
        assert_int_equal(nts_row_group_init(&group, &memory.alloc, COLUMNS, CAPACITY, &error),
                         NANOTS_NO_MEMORY);
        assert_int_equal(memory.block_count, 0);
    }
    faultalloc_heal(&memory);
    assert_int_equal(nts_row_group_init(&group, &memory.alloc, COLUMNS, CAPACITY, &error),
                     NANOTS_OK);
    nts_row_group_deinit(&group);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

#define TYPED_ROWS 400u

/* The value of row i of the group. */
static void check_cell(const struct nts_row_group *group, uint32_t i, uint32_t c,
                       const struct nanots_value *wanted)
{
    const struct nts_column *column = &group->columns[c];
    struct nanots_batch_column as_batch = {.type = (nanots_type)column->type,
                                           .values = column->values,
                                           .validity = column->validity,
                                           .offsets = column->offsets};
    const struct nanots_value value = typed_batch_value(&as_batch, column->first + i);
    assert_true(typed_values_equal(&value, wanted));
}

/* Goal: columns of all types come out of a batch and of a memtable, in order and in another one,
 * and one group serves tables of other types after each other. */
static void row_group_takes_columns_of_all_types(void **state)
{
    static uint32_t turned[TYPED_ROWS];
    uint64_t seed = seed_of_run();
    struct nts_row_group group;
    (void)state;
    for (uint32_t i = 0; i < TYPED_ROWS; i++)
        turned[i] = TYPED_ROWS - 1 - i;
    assert_int_equal(nts_row_group_init(&group, nts_alloc_libc(), TYPED_COLUMNS, TYPED_ROWS, NULL),
                     NANOTS_OK);
    for (uint32_t shift = 0; shift < TYPED_COLUMNS; shift++) {
        const uint32_t count = TYPED_COLUMNS - shift; /* columns: the first of them is another */
        struct nts_table_def *typed =
            nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", typed_columns + shift, count, NULL);
        struct typed_rows model =
            typed_rows_random(typed_columns + shift, count, TYPED_ROWS, &seed);
        struct typed_batch *batch = typed_batch_new(&model, 0, TYPED_ROWS);
        struct nts_rows rows = {.ts = model.ts,
                                .batch = batch->columns,
                                .row_count = TYPED_ROWS,
                                .column_count = count};
        struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), typed);
        assert_non_null(memtable);
        assert_int_equal(nts_rows_prepare(&rows, typed, NULL), NANOTS_OK);
        uint8_t *payload = test_malloc(rows.payload_size);
        nts_rows_encode(&rows, typed, payload);
        assert_int_equal(nts_memtable_reserve(memtable, TYPED_ROWS, rows.text_size), NANOTS_OK);
        nts_memtable_append(memtable, payload, TYPED_ROWS, 1);
        for (unsigned round = 0; round < 4; round++) {
            const uint32_t *by = round % 2 == 0 ? NULL : turned;
            if (round < 2)
                assert_int_equal(
                    nts_row_group_from_memtable(&group, memtable, by, 3, TYPED_ROWS - 3, NULL),
                    NANOTS_OK);
            else
                assert_int_equal(
                    nts_row_group_from_rows(&group, &rows, typed, 0, by, 3, TYPED_ROWS - 3, NULL),
                    NANOTS_OK);
            for (uint32_t i = 0; i < TYPED_ROWS - 3; i++) {
                const uint32_t from = by == NULL ? 3 + i : by[3 + i];
                assert_int_equal(group.ts[i], model.ts[from]);
                for (uint32_t c = 0; c < count; c++)
                    check_cell(&group, i, c, typed_rows_at(&model, from, c));
            }
        }
        test_free(payload);
        nts_memtable_unref(memtable);
        typed_batch_free(batch);
        typed_rows_free(&model);
        nts_free(typed);
    }
    nts_row_group_deinit(&group);
}

static int def_setup(void **state)
{
    static const struct nanots_column three[COLUMNS] = {
        {"a", NANOTS_TYPE_F64, 0}, {"b", NANOTS_TYPE_F64, 0}, {"c", NANOTS_TYPE_F64, 0}};
    (void)state;
    def = nts_table_def_new(nts_alloc_libc(), 1, 0, "boiler", three, COLUMNS, NULL);
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
        cmocka_unit_test(row_group_gathers_what_was_asked),
        cmocka_unit_test(row_group_counts_from_the_base_row),
        cmocka_unit_test(row_group_uses_a_callers_columns_in_place),
        cmocka_unit_test(row_group_without_memory_is_a_status),
        cmocka_unit_test(row_group_takes_columns_of_all_types),
    };
    return cmocka_run_group_tests(tests, def_setup, def_teardown);
}
