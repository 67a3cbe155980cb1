/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_snapshot.c - what a table holds at one moment (engine/snapshot.h), in a database
 * without a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "engine/catalog.h"
#include "engine/snapshot.h"
#include "support/bare_db.h"

/* The table with one committed segment, and parts: rows seen and unseen, a bulk segment of each. */
static struct nanots_table *table_fill(struct bare_db *bare)
{
    static const uint8_t payload[2 * 3 * 8] = {1}; /* two rows, ts 1 and 0 */
    struct nanots_table *table = bare_db_table(bare, 1, "boiler");
    const struct nts_segment_entry old = {
        .segment_id = 1, .seq_first = 1, .ts_min = 5, .ts_max = 9};
    struct nts_segment *segment = bare_db_segment(bare, &old);
    struct nts_version *version =
        nts_version_edit(bare->db.alloc, table->version, &segment, 1, NULL, 0);
    assert_non_null(version);
    nts_version_unref(table->version);
    table->version = version;
    for (uint64_t i = 0; i < 4; i++) {
        const struct nts_segment_entry bulk = {.segment_id = 2 + i, .seq_first = 10 * i};
        struct nts_part *part = nts_alloc_zeroed(bare->db.alloc, sizeof *part);
        assert_non_null(part);
        if (i % 2 == 0) {
            part->memtable = nts_memtable_new(bare->db.alloc, table->def);
            assert_non_null(part->memtable);
            assert_int_equal(nts_memtable_reserve(part->memtable, 2, 0), NANOTS_OK);
            nts_memtable_append(part->memtable, payload, 2, 10 * i + 2);
            part->memtable->visible_rows = i == 0 ? 1 : 0;
        } else {
            part->segment = bare_db_segment(bare, &bulk);
            part->is_visible = i == 1;
        }
        if (table->parts_last == NULL)
            table->parts_first = part;
        else
            table->parts_last->next = part;
        table->parts_last = part;
    }
    return table;
}

/* Goal: a snapshot has the version's segments, then what readers may see of the parts, in order of
 * arrival; rows and segments that are not visible yet are not in it. */
static void snapshot_has_what_is_visible_in_order(void **state)
{
    struct nts_snapshot snapshot;
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    struct nanots_table *table = table_fill(&bare);
    assert_int_equal(nts_snapshot_take(table, &snapshot, NULL), NANOTS_OK);
    assert_int_equal(snapshot.count, 3);
    assert_ptr_equal(snapshot.sources[0].segment, table->version->segments[0]);
    assert_int_equal(snapshot.sources[0].ts_min, 5);
    assert_int_equal(snapshot.sources[0].ts_max, 9);
    assert_ptr_equal(snapshot.sources[1].memtable, table->parts_first->memtable);
    assert_int_equal(snapshot.sources[1].visible_rows, 1);
    assert_false(snapshot.sources[1].sorted);
    assert_int_equal(snapshot.sources[1].ts_min, 0);
    assert_int_equal(snapshot.sources[1].ts_max, 1);
    assert_int_equal(snapshot.sources[2].segment->entry.segment_id, 3);
    nts_snapshot_free(&snapshot);
    bare_db_close(&bare);
}

/* Goal: what a snapshot holds outlives the table's hold of it. Method: the catalog goes first. */
static void snapshot_keeps_what_it_holds(void **state)
{
    struct nts_snapshot snapshot;
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    struct nanots_table *table = table_fill(&bare);
    assert_int_equal(nts_snapshot_take(table, &snapshot, NULL), NANOTS_OK);
    nts_catalog_free(&bare.db);
    assert_int_equal(snapshot.sources[0].segment->entry.segment_id, 1);
    assert_int_equal(snapshot.sources[1].memtable->row_count, 2);
    assert_int_equal(snapshot.sources[2].segment->entry.segment_id, 3);
    nts_snapshot_free(&snapshot);
    bare_db_close(&bare);
}

/* Goal: a table without rows gives an empty snapshot, and no memory is a status. */
static void snapshot_of_nothing_and_without_memory(void **state)
{
    struct nts_snapshot snapshot;
    struct nanots_error error;
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    struct nanots_table *empty = bare_db_table(&bare, 9, "empty");
    assert_int_equal(nts_snapshot_take(empty, &snapshot, &error), NANOTS_OK);
    assert_int_equal(snapshot.count, 0);
    nts_snapshot_free(&snapshot);
    struct nanots_table *full = table_fill(&bare);
    faultalloc_fail(&bare.memory, 0, false);
    assert_int_equal(nts_snapshot_take(full, &snapshot, &error), NANOTS_NO_MEMORY);
    assert_int_equal(snapshot.count, 0);
    faultalloc_heal(&bare.memory);
    bare_db_close(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_has_what_is_visible_in_order),
        cmocka_unit_test(snapshot_keeps_what_it_holds),
        cmocka_unit_test(snapshot_of_nothing_and_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
