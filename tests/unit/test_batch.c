/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_batch.c - the arrays of a batch (query/batch.h): references, and who frees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/thread.h"
#include "query/batch.h"
#include "support/faultalloc.h"
#include "support/typed_rows.h"

#define ROWS    100u
#define THREADS 4u

static struct nts_table_def *def_of_all_types(void)
{
    return nts_table_def_new(nts_alloc_libc(), 1, 0, "plant", typed_columns, TYPED_COLUMNS, NULL);
}

/* Goal: buffers are of the columns asked for, in that order, nullable where those are. */
static void block_has_the_columns_asked_for(void **state)
{
    static const uint32_t asked[] = {11, 0, 4, 4};
    struct nts_table_def *def = def_of_all_types();
    struct nts_batch_block *block = NULL;
    (void)state;
    assert_int_equal(nts_batch_block_new(nts_alloc_libc(), def, asked, 4, ROWS, &block, NULL),
                     NANOTS_OK);
    assert_int_equal(block->column_count, 4);
    assert_int_equal(block->ts.type, NANOTS_TYPE_I64);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(block->columns[k].type, typed_columns[asked[k]].type);
        assert_int_equal(block->columns[k].capacity, ROWS);
        assert_int_equal(block->columns[k].validity != NULL, typed_columns[asked[k]].flags != 0);
    }
    nts_batch_block_unref(block);
    nts_batch_block_unref(NULL);
    nts_free(def);
}

struct holder {
    struct nts_batch_block *block;
    size_t index;
};

static void holder_run(void *context)
{
    struct holder *holder = context;
    ((int64_t *)holder->block->columns[0].values)[holder->index] =
        1; /* the sanitizers see a block freed */
    nts_batch_block_unref(holder->block);
}

/* Goal: the block lives as long as anybody holds it, and the last to let go, whatever its thread,
 * frees all of it. */
static void block_is_freed_by_the_last_thread(void **state)
{
    static const uint32_t asked[] = {2, 11};
    struct nts_table_def *def = def_of_all_types();
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    for (unsigned round = 0; round < 50; round++) {
        struct holder holders[THREADS];
        struct nts_thread threads[THREADS];
        struct nts_batch_block *block = NULL;
        assert_int_equal(nts_batch_block_new(&memory.alloc, def, asked, 2, ROWS, &block, NULL),
                         NANOTS_OK);
        for (size_t t = 0; t < THREADS; t++) {
            holders[t].index = t;
            holders[t].block = nts_batch_block_ref(block);
            assert_ptr_equal(holders[t].block, block);
        }
        nts_batch_block_unref(block);
        assert_int_not_equal(memory.block_count, 0);
        holder_run(&holders[0]);
        for (size_t t = 1; t < THREADS; t++)
            assert_int_equal(nts_thread_start(&threads[t], holder_run, &holders[t], NULL),
                             NANOTS_OK);
        for (size_t t = 1; t < THREADS; t++)
            nts_thread_join(&threads[t]);
        assert_int_equal(memory.block_count, 0);
    }
    faultalloc_deinit(&memory);
    nts_free(def);
}

/* Goal: each allocation that fails is a status, and nothing leaks. */
static void block_without_memory_is_a_status(void **state)
{
    uint32_t all[TYPED_COLUMNS];
    struct nts_table_def *def = def_of_all_types();
    struct faultalloc memory;
    (void)state;
    for (uint32_t c = 0; c < TYPED_COLUMNS; c++)
        all[c] = c;
    faultalloc_init(&memory);
    for (uint64_t k = 0;; k++) {
        struct nts_batch_block *block = NULL;
        faultalloc_fail(&memory, k, false);
        const nanots_status status =
            nts_batch_block_new(&memory.alloc, def, all, TYPED_COLUMNS, ROWS, &block, NULL);
        assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        assert_int_equal(block != NULL, status == NANOTS_OK);
        nts_batch_block_unref(block);
        assert_int_equal(memory.block_count, 0);
        if (!memory.failed)
            break;
    }
    faultalloc_deinit(&memory);
    nts_free(def);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_has_the_columns_asked_for),
        cmocka_unit_test(block_is_freed_by_the_last_thread),
        cmocka_unit_test(block_without_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
