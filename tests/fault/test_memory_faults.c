/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_memory_faults.c - every allocation fails, once or from then on (contract I1, I5).
 *
 *   open, append of every kind, flush, query, pack, retention, verify, list, close: allocation k
 * fails
 *     -> the call says NANOTS_NO_MEMORY and the rest goes on -> nothing leaked
 *     -> reopened: all acknowledged calls are there, every call whole or absent
 *
 * STRIDE=<n> in the environment: every n-th allocation, beginning with one that the seed chooses
 * (3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/db.h"
#include "support/faultalloc.h"
#include "support/memvfs.h"
#include "support/oracle.h"
#include "support/seed.h"

#define PATH      "disk.ntt"
#define CALLS     24u
#define WAL_BYTES (64u << 10)

struct starve {
    struct memvfs disk;
    struct faultalloc memory;
    struct oracle oracle;
    struct oracle_rows rows;
    uint64_t seqs[CALLS];
    struct nanots_db *db;
    uint64_t index;
};

static void starve_begin(struct starve *starve, uint64_t seed)
{
    memset(starve, 0, sizeof *starve);
    memvfs_init(&starve->disk);
    faultalloc_init(&starve->memory);
    oracle_init(&starve->oracle, seed, CALLS, WAL_BYTES / 2 + 8, starve->seqs);
    starve->oracle.bulk_of_64 = 5;
    oracle_rows_init(&starve->rows, &starve->oracle);
}

static void starve_end(struct starve *starve)
{
    oracle_rows_deinit(&starve->rows);
    oracle_deinit(&starve->oracle);
    faultalloc_deinit(&starve->memory);
    memvfs_deinit(&starve->disk);
}

/* Nothing but missing memory may be the reason of a failure, and only once it is missing. */
static bool starve_note(const struct starve *starve, const char *what, nanots_status status,
                        const struct nanots_error *error)
{
    if (status == NANOTS_OK)
        return true;
    if (!starve->memory.failed || (status != NANOTS_NO_MEMORY && status != NANOTS_POISONED))
        fail_msg("allocation %llu: %s: %s: %s", (unsigned long long)starve->index, what,
                 nanots_status_name(status), error->message);
    assert_int_equal(error->code, status);
    assert_true(error->message[0] != '\0');
    return false;
}

static nanots_status starve_open(struct starve *starve, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .wal_bytes = WAL_BYTES,
                                                .allocator = &starve->memory.alloc,
                                                .vfs = &starve->disk.vfs};
    return nanots_open(PATH, &options, &starve->db, error);
}

static void starve_close(struct starve *starve)
{
    struct nanots_error error;
    if (starve->db == NULL)
        return;
    (void)starve_note(starve, "close", nanots_close(starve->db, &error), &error);
    starve->db = NULL;
    assert_int_equal(starve->memory.block_count, 0);
}

/* Reads a table in both directions. */
static void starve_read(const struct starve *starve, const char *table)
{
    for (uint32_t flags = 0; flags <= NANOTS_QUERY_REVERSE; flags += NANOTS_QUERY_REVERSE) {
        const struct nanots_query query = {.struct_size = sizeof query, .flags = flags};
        struct nanots_cursor *cursor = NULL;
        const struct nanots_batch *batch = NULL;
        struct nanots_error error;
        nanots_status status = nanots_query_open(starve->db, table, &query, &cursor, &error);
        if (status == NANOTS_NOT_FOUND)
            return;
        while (status == NANOTS_OK) {
            status = nanots_query_next(cursor, &batch, &error);
            if (batch == NULL)
                break;
        }
        (void)starve_note(starve, "query", status, &error);
        nanots_query_close(cursor);
    }
}

static void starve_look(const struct starve *starve, const char *table)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    struct nanots_table_list list = {0, NULL, NULL};
    struct nanots_schema schema = {.block = &schema};
    struct nanots_error error;
    nanots_status status = nanots_verify(starve->db, NULL, NULL, &report, &error);

    if (starve_note(starve, "verify", status, &error))
        assert_int_equal(report.damage, 0);
    status = nanots_list_tables(starve->db, &list, &error);
    (void)starve_note(starve, "list", status, &error);
    nanots_free(list.block);
    status = nanots_table_schema(starve->db, table, &schema, &error);
    if (status != NANOTS_NOT_FOUND)
        (void)starve_note(starve, "schema", status, &error);
    nanots_free(schema.block);
    status = nanots_stats(starve->db, table, &stats, &error);
    if (status != NANOTS_NOT_FOUND)
        (void)starve_note(starve, "stats", status, &error);
}

static void starve_upkeep(struct starve *starve, uint32_t id)
{
    const char *table = oracle_table_name(oracle_call_of(&starve->oracle, id).table);
    struct nanots_error error;
    nanots_status status = NANOTS_OK;

    if (id % 6 == 3)
        status = nanots_flush(starve->db, &error);
    if (id % 10 == 8)
        status = nanots_pack_table(starve->db, table, 400, &error);
    if (id == 9 || id == 19) {
        starve->db->options.maintenance.max_segments_per_pack = 4; /* neighbours of any size */
        status = nanots_maintain(starve->db, NULL, NULL, &error);
    }
    if (id == 20) /* removes nothing, and looks at everything */
        status = nanots_compact_retention(starve->db, NULL, -3 * ORACLE_TS_STEP, NULL, &error);
    if (status != NANOTS_NOT_FOUND)
        (void)starve_note(starve, "upkeep", status, &error);
    if (id % 8 == 5)
        starve_read(starve, table);
    if (id % 11 == 10)
        starve_look(starve, table);
}

/* Goes on after every failure, and tries again to open. */
static void starve_workload(struct starve *starve)
{
    struct nanots_error error;
    for (uint32_t id = 0; id < CALLS; id++) {
        if (id == 14)
            starve_close(starve);
        if (starve->db == NULL &&
            !starve_note(starve, "open", starve_open(starve, &error), &error)) {
            assert_int_equal(starve->memory.block_count, 0);
            continue;
        }
        const nanots_status status =
            oracle_append(&starve->oracle, starve->db, id, &starve->rows, &error);
        (void)starve_note(starve, "append", status, &error);
        starve_upkeep(starve, id);
    }
    starve_close(starve);
}

static void starve_require(const struct starve *starve, const char *complaint)
{
    if (complaint != NULL)
        fail_msg("allocation %llu: %s", (unsigned long long)starve->index, complaint);
}

static void starve_check_reopened(struct starve *starve)
{
    struct nanots_error error;
    faultalloc_heal(&starve->memory);
    if (starve_open(starve, &error) != NANOTS_OK)
        fail_msg("allocation %llu: reopening: %s", (unsigned long long)starve->index,
                 error.message);
    starve_require(starve, oracle_scan(&starve->oracle, starve->db));
    starve_require(starve, oracle_check_acknowledged(&starve->oracle));
    starve_require(starve, oracle_verify(&starve->oracle, starve->db));
    assert_int_equal(nanots_close(starve->db, &error), NANOTS_OK);
    starve->db = NULL;
}

static void starve_everywhere(bool sticky)
{
    const char *given = getenv("STRIDE");
    const uint64_t stride = given == NULL ? 3 : strtoull(given, NULL, 10);
    const uint64_t seed = seed_of_run();
    bool failed = true;
    uint64_t count = 0;

    for (uint64_t index = seed % stride; failed; index += stride, count++) {
        struct starve starve;
        starve_begin(&starve, seed);
        starve.index = index;
        faultalloc_fail(&starve.memory, index, sticky);
        starve_workload(&starve);
        failed = starve.memory.failed;
        starve_check_reopened(&starve);
        starve_end(&starve);
    }
    (void)printf("# %llu allocations failed\n", (unsigned long long)count - 1);
    assert_true(count > 100);
}

static void memory_allocation_failing_once_loses_nothing(void **state)
{
    (void)state;
    starve_everywhere(false);
}

static void memory_gone_for_good_loses_nothing(void **state)
{
    (void)state;
    starve_everywhere(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_allocation_failing_once_loses_nothing),
        cmocka_unit_test(memory_gone_for_good_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
