/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_catalog.c - tables by name and id, and versions of their segments (engine/db.h,
 * catalog.c), in a database that has no file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/bare_db.h"
#include "support/seed.h"

#define SEGMENTS_MAX 64u

/* Goal: tables are found by name and by id, and walked in the order of their ids over holes. */
static void catalog_finds_tables_by_name_and_id(void **state)
{
    struct bare_db bare;
    uint32_t id = 0;
    (void)state;
    bare_db_open(&bare);
    assert_null(nts_catalog_find(&bare.db, "a"));
    assert_null(nts_catalog_by_id(&bare.db, 0));
    assert_null(nts_catalog_next(&bare.db, &id));
    struct nanots_table *far = bare_db_table(&bare, 1000, "far");
    struct nanots_table *near = bare_db_table(&bare, 3, "near");
    assert_ptr_equal(nts_catalog_find(&bare.db, "far"), far);
    assert_ptr_equal(nts_catalog_find(&bare.db, "near"), near);
    assert_null(nts_catalog_find(&bare.db, "nea"));
    assert_ptr_equal(nts_catalog_by_id(&bare.db, 1000), far);
    assert_null(nts_catalog_by_id(&bare.db, 999));
    assert_null(nts_catalog_by_id(&bare.db, UINT32_MAX));
    assert_ptr_equal(nts_catalog_next(&bare.db, &id), near);
    assert_int_equal(id, 4);
    assert_ptr_equal(nts_catalog_next(&bare.db, &id), far);
    assert_null(nts_catalog_next(&bare.db, &id));
    bare_db_close(&bare);
}

/* Goal: a table that is taken back leaves no trace in names, ids and the run, and its definition is
 * the caller's again. */
static void catalog_takes_a_new_table_back(void **state)
{
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    struct nanots_table *kept = bare_db_table(&bare, 1, "kept");
    struct nanots_table *taken = bare_db_table(&bare, 2, "taken");
    struct nts_table_def *def = taken->def;
    assert_int_equal(nts_run_touch(kept), NANOTS_OK);
    assert_int_equal(nts_run_touch(taken), NANOTS_OK);
    nts_catalog_remove_new(&bare.db, taken);
    assert_null(nts_catalog_find(&bare.db, "taken"));
    assert_null(nts_catalog_by_id(&bare.db, 2));
    assert_int_equal(bare.db.run->table_count, 1);
    assert_ptr_equal(bare.db.run->tables[0], kept);
    assert_int_equal(nts_catalog_add(&bare.db, def, &taken, NULL), NANOTS_OK);
    nts_catalog_remove_new(&bare.db, taken); /* that the run does not list */
    assert_int_equal(bare.db.run->table_count, 1);
    nts_free(def);
    bare_db_close(&bare);
}

/* Goal: a wrong name is answered with the nearest of at most three changes; a NULL is INVALID. */
static void catalog_names_the_nearest(void **state)
{
    struct nanots_table *table = NULL;
    struct nanots_error error;
    struct bare_db bare;
    uint32_t column = 9;
    (void)state;
    bare_db_open(&bare);
    struct nanots_table *boiler = bare_db_table(&bare, 1, "boiler");
    (void)bare_db_table(&bare, 2, "broiler");
    assert_int_equal(nts_catalog_get(&bare.db, "boiler", &table, &error), NANOTS_OK);
    assert_ptr_equal(table, boiler);
    assert_int_equal(nts_catalog_get(&bare.db, "boilr", &table, &error), NANOTS_NOT_FOUND);
    assert_null(table);
    assert_string_equal(error.message, "no table 'boilr'; did you mean 'boiler'?");
    assert_int_equal(nts_catalog_get(&bare.db, "broilers", &table, &error), NANOTS_NOT_FOUND);
    assert_string_equal(error.message, "no table 'broilers'; did you mean 'broiler'?");
    assert_int_equal(nts_catalog_get(&bare.db, "turbine", &table, &error), NANOTS_NOT_FOUND);
    assert_string_equal(error.message, "no table 'turbine'");
    assert_int_equal(nts_catalog_get(&bare.db, NULL, &table, &error), NANOTS_INVALID);
    assert_int_equal(nts_catalog_column(boiler->def, "pressure", &column, &error), NANOTS_OK);
    assert_int_equal(column, 1);
    assert_int_equal(nts_catalog_column(boiler->def, "presure", &column, &error), NANOTS_NOT_FOUND);
    assert_string_equal(error.message,
                        "table 'boiler' has no column 'presure'; did you mean 'pressure'?");
    assert_int_equal(nts_catalog_column(boiler->def, "x", &column, &error), NANOTS_NOT_FOUND);
    assert_string_equal(error.message, "table 'boiler' has no column 'x'");
    assert_int_equal(nts_catalog_column(boiler->def, NULL, &column, &error), NANOTS_INVALID);
    bare_db_close(&bare);
}

/* Goal: an add that fails changes nothing. Method: each of its allocations fails, then an id above
 * the limit. */
static void catalog_add_that_fails_changes_nothing(void **state)
{
    struct nanots_table *table = NULL;
    struct nanots_error error;
    struct bare_db bare;
    uint64_t k = 0;
    (void)state;
    bare_db_open(&bare);
    struct nts_table_def *def = bare_db_def(&bare, 40, "boiler");
    for (;; k++) {
        faultalloc_fail(&bare.memory, k, false);
        const nanots_status status = nts_catalog_add(&bare.db, def, &table, &error);
        const bool failed = bare.memory.failed;
        faultalloc_heal(&bare.memory);
        assert_int_equal(status, failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        if (!failed)
            break;
        assert_null(table);
        assert_null(nts_catalog_find(&bare.db, "boiler"));
        assert_null(nts_catalog_by_id(&bare.db, 40));
    }
    assert_true(k >= 5); /* two of the hash among them */
    def = bare_db_def(&bare, NTS_TABLES_MAX, "one too many");
    assert_int_equal(nts_catalog_add(&bare.db, def, &table, &error), NANOTS_TOO_BIG);
    assert_non_null(strstr(error.message, "one too many"));
    nts_free(def);
    bare_db_close(&bare);
}

/* Goal: a new name, or a new definition under the old one, needs no memory, since a commit may be
 * done already. Method: the only table, which a hash could lose its own memory with, and then each
 * of many, whose new names need not spread over the buckets as the old ones did. */
static void catalog_renames_without_memory(void **state)
{
    enum { TABLES = 400 };
    struct nts_retired_def *nodes[TABLES];
    struct nts_table_def *defs[TABLES];
    struct bare_db bare;
    char name[32];
    (void)state;
    for (uint32_t count = 1; count <= TABLES; count += TABLES - 1) {
        bare_db_open(&bare);
        for (uint32_t i = 0; i < count; i++) {
            (void)snprintf(name, sizeof name, "old %u", (unsigned)i);
            (void)bare_db_table(&bare, i, name);
            (void)snprintf(name, sizeof name, "new name %u", (unsigned)(i * i));
            defs[i] = bare_db_def(&bare, i, name);
            nodes[i] = nts_alloc(bare.db.alloc, sizeof *nodes[i]);
            assert_non_null(nodes[i]);
        }
        faultalloc_fail(&bare.memory, 0, true);
        for (uint32_t i = 0; i < count; i++) {
            struct nanots_table *table = nts_catalog_by_id(&bare.db, i);
            nts_catalog_redefine(table, defs[i], nodes[i]);
            assert_ptr_equal(nts_catalog_find(&bare.db, defs[i]->name), table);
            (void)snprintf(name, sizeof name, "old %u", (unsigned)i);
            assert_null(nts_catalog_find(&bare.db, name));
        }
        assert_false(bare.memory.failed);
        faultalloc_heal(&bare.memory);
        for (uint32_t i = 0; i < count; i++)
            assert_ptr_equal(nts_catalog_find(&bare.db, defs[i]->name),
                             nts_catalog_by_id(&bare.db, i));
        (void)bare_db_table(&bare, TABLES, "one more");
        bare_db_close(&bare);
    }
}

/* ---- versions ----------------------------------------------------------------------------- */

static struct nts_segment *segment_new(struct bare_db *bare, uint64_t segment_id,
                                       uint64_t seq_first)
{
    const struct nts_segment_entry entry = {.segment_id = segment_id, .seq_first = seq_first};
    return bare_db_segment(bare, &entry);
}

static void expect_version(const struct nts_version *version, const uint64_t *ids, size_t count)
{
    assert_int_equal(version->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(version->segments[i]->entry.segment_id, ids[i]);
}

static struct nts_version *version_add(const struct bare_db *bare, const struct nts_version *old,
                                       struct nts_segment *segment)
{
    struct nts_version *version = nts_version_edit(bare->db.alloc, old, &segment, 1, NULL, 0);
    assert_non_null(version);
    return version;
}

/* Goal: versions that add at the end share one list, and each keeps seeing what it saw; one that
 * comes second from the same version, adds in front or removes gets a list of its own. */
static void version_keeps_what_it_saw(void **state)
{
    static const uint64_t ids[] = {10, 11, 12, 13};
    static const uint64_t inserted[] = {9, 10, 11};
    static const uint64_t removed[] = {10, 12};
    static const uint64_t second[] = {10, 14};
    struct bare_db bare;
    (void)state;
    bare_db_open(&bare);
    struct nts_version *empty = nts_version_edit(bare.db.alloc, NULL, NULL, 0, NULL, 0);
    struct nts_version *one = version_add(&bare, empty, segment_new(&bare, 10, 100));
    struct nts_version *two = version_add(&bare, one, segment_new(&bare, 11, 200));
    assert_ptr_equal(one->list, two->list);
    struct nts_version *front = version_add(&bare, two, segment_new(&bare, 9, 50));
    struct nts_version *three = version_add(&bare, two, segment_new(&bare, 12, 300));
    struct nts_version *other = version_add(&bare, one, segment_new(&bare, 14, 150));
    assert_ptr_not_equal(front->list, two->list);
    assert_ptr_not_equal(other->list, one->list);
    struct nts_segment *gone = three->segments[1];
    struct nts_version *less = nts_version_edit(bare.db.alloc, three, NULL, 0, &gone, 1);
    assert_non_null(less);
    struct nts_version *four = version_add(&bare, three, segment_new(&bare, 13, 300));
    expect_version(empty, ids, 0);
    expect_version(one, ids, 1);
    expect_version(two, ids, 2);
    expect_version(three, ids, 3);
    expect_version(four, ids, 4);
    expect_version(front, inserted, 3);
    expect_version(less, removed, 2);
    expect_version(other, second, 2);
    struct nts_version *all[] = {empty, two, one, front, four, three, other};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        nts_version_unref(all[i]);
    expect_version(less, removed, 2); /* when it is the last */
    nts_version_unref(less);
    bare_db_close(&bare);
}

/* Goal: any edits keep the order of (seq_first, segment_id), and an edit without memory leaves the
 * references with the caller. Method: random segments in random handfuls. */
static void version_stays_sorted(void **state)
{
    struct bare_db bare;
    uint64_t seed = seed_of_run();
    (void)state;
    bare_db_open(&bare);
    struct nts_version *version = nts_version_edit(bare.db.alloc, NULL, NULL, 0, NULL, 0);
    for (uint64_t id = 1; id < SEGMENTS_MAX;) {
        struct nts_segment *added[4];
        struct nts_segment *removed[2];
        const size_t count = seed_next(&seed) % 5;
        size_t removed_count = 0;
        for (size_t i = 0; i < count; i++)
            added[i] = segment_new(&bare, id++, seed_next(&seed) % 20);
        if (version->count != 0 && seed_next(&seed) % 3 == 0)
            removed[removed_count++] = version->segments[seed_next(&seed) % version->count];
        faultalloc_fail(&bare.memory, seed_next(&seed) % 2, false);
        struct nts_version *next =
            nts_version_edit(bare.db.alloc, version, added, count, removed, removed_count);
        faultalloc_heal(&bare.memory);
        if (next == NULL)
            next = nts_version_edit(bare.db.alloc, version, added, count, removed, removed_count);
        assert_non_null(next);
        assert_int_equal(next->count, version->count + count - removed_count);
        for (size_t i = 1; i < next->count; i++) {
            const struct nts_segment_entry *x = &next->segments[i - 1]->entry;
            const struct nts_segment_entry *y = &next->segments[i]->entry;
            assert_true(x->seq_first < y->seq_first ||
                        (x->seq_first == y->seq_first && x->segment_id < y->segment_id));
        }
        nts_version_unref(version);
        version = next;
    }
    nts_version_unref(version);
    bare_db_close(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalog_finds_tables_by_name_and_id),
        cmocka_unit_test(catalog_takes_a_new_table_back),
        cmocka_unit_test(catalog_names_the_nearest),
        cmocka_unit_test(catalog_add_that_fails_changes_nothing),
        cmocka_unit_test(catalog_renames_without_memory),
        cmocka_unit_test(version_keeps_what_it_saw),
        cmocka_unit_test(version_stays_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
