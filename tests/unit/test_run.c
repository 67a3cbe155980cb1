/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_run.c - runs: what one flush takes (engine/engine.h, run.c), in a database without a
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "support/bare_db.h"

#define TABLES 100u

static struct nanots_table *tables[TABLES];

static void tables_make(struct bare_db *bare)
{
    char name[16];
    for (uint32_t i = 0; i < TABLES; i++) {
        (void)snprintf(name, sizeof name, "t%u", i);
        tables[i] = bare_db_table(bare, i, name);
    }
}

/* Goal: a run lists each table that was touched once, in the order of the first touch. */
static void run_lists_a_touched_table_once(void **state)
{
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    tables_make(&bare);
    for (unsigned round = 0; round < 3; round++)
        for (uint32_t i = TABLES; i-- > 0;)
            assert_int_equal(nts_run_touch(tables[i]), NANOTS_OK);
    assert_int_equal(bare.db.run->table_count, TABLES);
    for (uint32_t i = 0; i < TABLES; i++)
        assert_ptr_equal(bare.db.run->tables[i], tables[TABLES - 1 - i]);
    bare_db_close(&bare);
}

/* Goal: a freeze queues the run behind those that wait, with the log's end and the last seq; its
 * tables take rows elsewhere, and are touched anew by the next run. An empty run is not frozen. */
static void run_frozen_waits_its_turn(void **state)
{
    struct nts_memtable memtable = {.row_count = 1};
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    tables_make(&bare);
    struct nts_run *first = bare.db.run;
    assert_int_equal(nts_run_freeze(&bare.db), NANOTS_OK);
    assert_ptr_equal(bare.db.run, first);
    assert_false(bare.db.flush_is_due);
    assert_null(bare.db.frozen_first);

    assert_int_equal(nts_run_touch(tables[1]), NANOTS_OK);
    tables[1]->active = &memtable;
    tables[2]->active = &memtable; /* not of this run */
    bare.db.last_seq = 77;
    bare.db.wal.end.count = 5;
    assert_int_equal(nts_run_freeze(&bare.db), NANOTS_OK);
    assert_true(bare.db.flush_is_due);
    assert_null(tables[1]->active);
    assert_ptr_equal(tables[2]->active, &memtable);
    assert_ptr_equal(bare.db.frozen_first, first);
    assert_int_equal(first->seq_last, 77);
    assert_int_equal(first->end.count, 5);
    assert_int_equal(bare.db.run->number, first->number + 1);
    assert_int_equal(bare.db.run->table_count, 0);

    struct nts_run *second = bare.db.run;
    assert_int_equal(nts_run_touch(tables[1]), NANOTS_OK);
    assert_int_equal(second->table_count, 1);
    assert_int_equal(nts_run_freeze(&bare.db), NANOTS_OK);
    assert_ptr_equal(first->next, second);
    assert_ptr_equal(bare.db.frozen_first, first);
    assert_ptr_equal(bare.db.frozen_last, second);
    bare_db_close(&bare);
}

/* Goal: without memory a touch and a freeze change nothing, and succeed later. */
static void run_without_memory_stays_as_it_was(void **state)
{
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    tables_make(&bare);
    struct nts_run *first = bare.db.run;
    faultalloc_fail(&bare.memory, 0, true);
    assert_int_equal(nts_run_touch(tables[0]), NANOTS_NO_MEMORY);
    assert_int_equal(first->table_count, 0);
    assert_null(nts_run_new(bare.db.alloc, 9));
    faultalloc_heal(&bare.memory);
    assert_int_equal(nts_run_touch(tables[0]), NANOTS_OK);
    assert_int_equal(first->table_count, 1);
    faultalloc_fail(&bare.memory, 0, true);
    assert_int_equal(nts_run_freeze(&bare.db), NANOTS_NO_MEMORY);
    assert_ptr_equal(bare.db.run, first);
    assert_null(bare.db.frozen_first);
    faultalloc_heal(&bare.memory);
    assert_int_equal(nts_run_freeze(&bare.db), NANOTS_OK);
    assert_ptr_equal(bare.db.frozen_first, first);
    nts_run_free(NULL);
    bare_db_close(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_lists_a_touched_table_once),
        cmocka_unit_test(run_frozen_waits_its_turn),
        cmocka_unit_test(run_without_memory_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
