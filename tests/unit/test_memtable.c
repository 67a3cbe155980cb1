/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_memtable.c - rows in memory (memtable/memtable.h): chunks that never move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "memtable/memtable.h"
#include "support/faultalloc.h"
#include "support/seed.h"

#define ROWS_MAX 3000u
#define COLUMNS  2u

static struct nts_table_def *def; /* two columns of f64 */

static uint64_t seed;
static int64_t times[ROWS_MAX];

static int64_t value_of(uint32_t row, uint32_t column)
{
    return (int64_t)row * 10 + column;
}

/* Appends rows [row, row + count) of the test's as one WAL payload. */
static void append_rows(struct nts_memtable *memtable, uint32_t row, uint32_t count)
{
    static uint8_t payload[ROWS_MAX * 8 * (COLUMNS + 1)];
    for (uint32_t i = 0; i < count; i++) {
        nts_store_i64(payload + (size_t)i * 8, times[row + i]);
        for (uint32_t c = 0; c < COLUMNS; c++)
            nts_store_i64(payload + ((size_t)(c + 1) * count + i) * 8, value_of(row + i, c));
    }
    assert_int_equal(nts_memtable_reserve(memtable, count, 0), NANOTS_OK);
    nts_memtable_append(memtable, payload, count, row + 100);
}

static void check_rows(const struct nts_memtable *memtable, uint32_t from, uint32_t end)
{
    for (uint32_t row = from; row < end;) {
        const struct nts_memtable_slice slice = nts_memtable_slice(memtable, row, end);
        assert_in_range(slice.row_count, 1, end - row);
        for (uint32_t i = 0; i < slice.row_count; i++) {
            assert_int_equal(slice.ts[i], times[row + i]);
            for (uint32_t c = 0; c < COLUMNS; c++)
                assert_int_equal(slice.columns[c * slice.stride + i], value_of(row + i, c));
        }
        row += slice.row_count;
    }
}

/* Goal: all rows are where they were put, whatever the sizes of the appends, and stay at their
 * place when more come. Method: random appends; addresses of the first rows are remembered. */
static void memtable_rows_stay_where_they_are(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), def);
        uint32_t count = 0;
        assert_non_null(memtable);
        for (uint32_t row = 0; row < ROWS_MAX; row++)
            times[row] = (int64_t)(seed_next(&seed) % 1000);
        append_rows(memtable, 0, 1);
        count = 1;
        const int64_t *first = nts_memtable_slice(memtable, 0, 1).ts;
        while (count < ROWS_MAX) {
            const uint32_t left = ROWS_MAX - count;
            uint32_t more = 1 + (uint32_t)(seed_next(&seed) % (round % 2 == 0 ? 40 : 900));
            more = more < left ? more : left;
            append_rows(memtable, count, more);
            count += more;
            assert_int_equal(memtable->row_count, count);
            assert_int_equal(memtable->seq_first, 100);
            assert_int_equal(memtable->seq_last, 100 + count - 1);
            const uint32_t from = (uint32_t)(seed_next(&seed) % count);
            check_rows(memtable, from, count);
        }
        check_rows(memtable, 0, ROWS_MAX);
        assert_ptr_equal(nts_memtable_slice(memtable, 0, ROWS_MAX).ts, first);
        nts_memtable_unref(memtable);
    }
}

/* Goal: the range of times and whether rows came in order are known. */
static void memtable_knows_times_and_order(void **state)
{
    struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), def);
    (void)state;
    assert_non_null(memtable);
    assert_true(memtable->sorted);
    times[0] = INT64_MIN;
    times[1] = times[2] = -5;
    times[3] = INT64_MAX;
    times[4] = INT64_MAX - 1;
    append_rows(memtable, 0, 1);
    assert_true(memtable->sorted);
    append_rows(memtable, 1, 3);
    assert_true(memtable->sorted); /* equal times are in order */
    assert_int_equal(memtable->ts_min, INT64_MIN);
    assert_int_equal(memtable->ts_max, INT64_MAX);
    append_rows(memtable, 4, 1);
    assert_false(memtable->sorted);
    int64_t first = 0;
    int64_t last = 0;
    nts_memtable_time_range(memtable, 3, &first, &last); /* of some of them */
    assert_int_equal(first, INT64_MIN);
    assert_int_equal(last, -5);
    nts_memtable_unref(memtable);
}

/* Goal: a small table costs little, and the bytes said are those allocated. */
static void memtable_counts_its_bytes(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    struct nts_memtable *memtable = nts_memtable_new(&memory.alloc, def);
    assert_non_null(memtable);
    append_rows(memtable, 0, 1);
    assert_in_range(memtable->bytes, 1, 1024);
    append_rows(memtable, 1, 1000);
    assert_in_range(memory.bytes - memtable->bytes, 0, 16 * memory.block_count);
    assert_true(memtable->bytes <
                3 * 1001 * 8 * (COLUMNS + 1)); /* doubling wastes a half at most */
    nts_memtable_unref(nts_memtable_ref(memtable));
    assert_int_equal(memtable->row_count, 1001);
    nts_memtable_unref(memtable);
    nts_memtable_unref(NULL);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

/* Goal: a reserve that fails leaves the rows, and the next one goes on. */
static void memtable_reserve_that_fails_changes_no_row(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    faultalloc_fail(&memory, 0, true);
    assert_null(nts_memtable_new(&memory.alloc, def));
    faultalloc_heal(&memory);
    struct nts_memtable *memtable = nts_memtable_new(&memory.alloc, def);
    assert_non_null(memtable);
    for (uint32_t row = 0; row < 20; row++)
        times[row] = row;
    append_rows(memtable, 0, 10);
    faultalloc_fail(&memory, 1, true); /* one chunk comes, the next does not */
    assert_int_equal(nts_memtable_reserve(memtable, 500, 0), NANOTS_NO_MEMORY);
    assert_int_equal(nts_memtable_reserve(memtable, 6, 0), NANOTS_OK);
    assert_int_equal(memtable->row_count, 10);
    faultalloc_heal(&memory);
    append_rows(memtable, 10, 10);
    check_rows(memtable, 0, 20);
    nts_memtable_unref(memtable);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

/* ---- spare blocks ------------------------------------------------------------------------- */

static struct nts_memtable *memtable_of_rows(struct faultalloc *memory,
                                             struct nts_memtable_spare *spare,
                                             const struct nts_table_def *of, uint32_t rows)
{
    struct nts_memtable *memtable = nts_memtable_new(&memory->alloc, of);
    assert_non_null(memtable);
    memtable->spare = spare;
    assert_int_equal(nts_memtable_reserve(memtable, rows, 0), NANOTS_OK);
    return memtable;
}

/* Goal: the large blocks of a memtable that goes serve the next one of such rows; while a reader
 * has it they are its own, and there is a limit to what is kept. */
static void memtable_blocks_serve_the_next_one(void **state)
{
    static const struct nanots_column one = {"a", NANOTS_TYPE_F64, 0};
    struct nts_table_def *narrow = nts_table_def_new(nts_alloc_libc(), 2, 0, "n", &one, 1, NULL);
    const int64_t *blocks[NTS_MEMTABLE_CHUNKS_MAX];
    struct nts_memtable_spare spare = {0};
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    struct nts_memtable *memtable = memtable_of_rows(&memory, &spare, def, 20000);
    const uint32_t last = memtable->chunk_count - 1;
    memcpy(blocks, memtable->chunks, sizeof blocks);
    assert_int_equal(spare.bytes, 0);
    nts_memtable_retire(memtable);
    assert_ptr_equal(spare.chunks[last].block, blocks[last]);
    assert_null(spare.chunks[1].block); /* small ones cost nothing */
    assert_in_range(memory.bytes - spare.bytes, 0, 16 * memory.block_count);

    /* Rows of another size find nothing that fits, and what they leave takes its place. */
    memtable = memtable_of_rows(&memory, &spare, narrow, 20000);
    assert_ptr_equal(spare.chunks[last].block, blocks[last]);
    nts_memtable_retire(memtable);
    assert_ptr_not_equal(spare.chunks[last].block, blocks[last]);

    nts_memtable_spare_deinit(&spare);
    memtable = memtable_of_rows(&memory, &spare, def, 20000);
    nts_memtable_retire(nts_memtable_ref(memtable));
    assert_int_equal(spare.bytes, 0);
    memcpy(blocks, memtable->chunks, sizeof blocks);
    nts_memtable_retire(memtable);
    memtable = memtable_of_rows(&memory, &spare, def, 20000);
    assert_ptr_equal(memtable->chunks[last], blocks[last]);
    assert_int_equal(spare.bytes, 0);
    nts_memtable_retire(memtable);

    nts_memtable_retire(memtable_of_rows(&memory, &spare, def, 4000000));
    assert_in_range(spare.bytes, 1, NTS_MEMTABLE_SPARE_MAX);
    assert_in_range(memory.bytes - spare.bytes, 0, 16 * memory.block_count);
    nts_memtable_spare_deinit(&spare);
    nts_memtable_retire(NULL);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
    nts_free(narrow);
}

/* ---- strings ------------------------------------------------------------------------------ */

#define TEXT_ROWS 4u

/* Four rows of a table of one column of strings: "", "ab", "" and `size` bytes of 'x'. */
static size_t text_payload(uint8_t *payload, uint32_t size)
{
    memset(payload, 0, TEXT_ROWS * 12 + 16 + size);
    for (uint32_t row = 0; row < TEXT_ROWS; row++)
        nts_store_i64(payload + (size_t)row * 8, row);
    nts_store_u32(payload + TEXT_ROWS * 8 + 4, 2);
    nts_store_u32(payload + TEXT_ROWS * 8 + 12, size);
    memcpy(payload + TEXT_ROWS * 12, "ab", 2);
    memset(payload + TEXT_ROWS * 12 + 2, 'x', size);
    return size + 2;
}

/* Goal: strings lie in memory that is counted, never moves and is used up before there is more;
 * those without bytes take none. */
static void memtable_strings_stay_where_they_are(void **state)
{
    static const struct nanots_column column = {"note", NANOTS_TYPE_UTF8, 0};
    static uint8_t payload[1 << 20];
    struct nts_table_def *text_def =
        nts_table_def_new(nts_alloc_libc(), 1, 0, "notes", &column, 1, NULL);
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    struct nts_memtable *memtable = nts_memtable_new(&memory.alloc, text_def);
    assert_non_null(memtable);
    const int64_t *first = NULL;
    size_t text_total = 0;
    for (uint32_t round = 0; round < 300; round++) {
        const size_t text_size = text_payload(payload, round == 200 ? 900000 : round);
        assert_int_equal(nts_memtable_reserve(memtable, TEXT_ROWS, text_size), NANOTS_OK);
        nts_memtable_append(memtable, payload, TEXT_ROWS, 1 + TEXT_ROWS * (uint64_t)round);
        text_total += text_size + 8;
        if (first == NULL)
            first = nts_memtable_slice(memtable, 0, 1).columns;
        assert_int_equal(first[0], 0);
        assert_int_equal(first[2], 0);
        assert_memory_equal((const uint8_t *)(intptr_t)first[1] + sizeof(uint32_t), "ab", 2);
    }
    assert_in_range(memory.bytes - memtable->bytes, 0, 16 * memory.block_count);
    const size_t slots = (size_t)memtable->capacity * 16;
    assert_in_range(memtable->bytes - slots, text_total, text_total * 2);
    faultalloc_fail(&memory, 0, true);
    assert_int_equal(nts_memtable_reserve(memtable, 1, 1 << 20), NANOTS_NO_MEMORY);
    faultalloc_heal(&memory);
    nts_memtable_unref(memtable);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
    nts_free(text_def);
}

static int seed_setup(void **state)
{
    static const struct nanots_column columns[COLUMNS] = {{"a", NANOTS_TYPE_F64, 0},
                                                          {"b", NANOTS_TYPE_F64, 0}};
    (void)state;
    seed = seed_of_run();
    def = nts_table_def_new(nts_alloc_libc(), 1, 0, "boiler", columns, COLUMNS, NULL);
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
        cmocka_unit_test(memtable_rows_stay_where_they_are),
        cmocka_unit_test(memtable_knows_times_and_order),
        cmocka_unit_test(memtable_counts_its_bytes),
        cmocka_unit_test(memtable_reserve_that_fails_changes_no_row),
        cmocka_unit_test(memtable_blocks_serve_the_next_one),
        cmocka_unit_test(memtable_strings_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, seed_setup, def_teardown);
}
