/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fault/test_limit_faults.c - memory, disk and segments that fail while the size limit takes the
 * oldest (contract I1, I2, I7).
 *
 *   a file at its limit --> failure k armed --> append, flush, maintain, retention_now --> healed
 *     --> the newest rows are there, every acknowledged one that is newer than the oldest that is
 *         left; close, open: the same; no damage, no leak
 *
 * For every k, of each kind of failure, once and from then on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "engine/db.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/memvfs.h"
#include "support/seed.h"

#define PATH       "disk.ntt"
#define BATCH      4000
#define BATCHES    24 /* fill the file */
#define MAX_BYTES  (1u << 20)
#define LATE_CALLS 5

struct limit_faults {
    struct memvfs disk;
    struct faultvfs faults;
    struct faultalloc memory;
    struct nanots_db *db;
    nanots_duplicates rule;
    int64_t end; /* of the rows that were acknowledged */
    int64_t tried;
};

static double value_of(int64_t ts)
{
    uint64_t state = (uint64_t)ts;
    return (double)(int64_t)seed_next(&state);
}

static nanots_status limit_open(struct limit_faults *run)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_interval_ms = UINT32_MAX,
                                                .vfs = &run->faults.vfs,
                                                .allocator = &run->memory.alloc,
                                                .max_bytes = MAX_BYTES};
    return nanots_open(PATH, &options, &run->db, &db_error);
}

/* The next batch; the rows of its first half came before, with other values, where one row of a
 * time is kept. */
static nanots_status limit_append(struct limit_faults *run)
{
    static int64_t ts[BATCH];
    static double values[BATCH];
    const int64_t back = run->rule != NANOTS_DUPLICATES_KEEP_ALL && run->end != 0 ? BATCH / 2 : 0;
    for (int64_t i = 0; i < BATCH; i++) {
        ts[i] = run->end - back + i;
        values[i] = value_of(i < back ? -ts[i] : ts[i]);
    }
    run->tried = run->end - back + BATCH;
    const nanots_status status =
        nanots_append_rows(run->db, "a", ts, values, BATCH, 1, NULL, &db_error);
    if (status == NANOTS_OK)
        run->end = run->tried;
    return status;
}

static void limit_begin(struct limit_faults *run, nanots_duplicates rule)
{
    const struct nanots_table_options options = {.struct_size = sizeof options, .duplicates = rule};
    const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    memvfs_init(&run->disk);
    faultvfs_init(&run->faults, &run->disk.vfs);
    faultalloc_init(&run->memory);
    run->rule = rule;
    run->end = 0;
    db_ok(limit_open(run));
    db_ok(nanots_create_table_with(run->db, "a", &column, 1, &options, &db_error));
    for (unsigned i = 0; i < BATCHES; i++) {
        db_ok(limit_append(run));
        db_ok(nanots_flush(run->db, &db_error));
    }
}

static void limit_end(struct limit_faults *run)
{
    assert_int_equal(run->memory.block_count, 0);
    faultalloc_deinit(&run->memory);
    faultvfs_deinit(&run->faults);
    memvfs_deinit(&run->disk);
}

/* The rows are those of [first, end), and right. */
static void limit_check(struct limit_faults *run)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct db_rows rows = db_rows_read(run->db, "a", NULL);
    assert_in_range(rows.row_count, BATCH, run->tried);
    const int64_t end = rows.ts[rows.row_count - 1] + 1;
    assert_in_range(end, run->end, run->tried);
    for (size_t i = 0; i < rows.row_count; i++) {
        assert_int_equal(rows.ts[i], end - (int64_t)(rows.row_count - i));
        assert_true(db_to_bits(rows.values[i]) == db_to_bits(value_of(rows.ts[i])));
    }
    db_rows_free(&rows);
    db_ok(nanots_verify(run->db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
}

/* What may fail. */
static void limit_work(struct limit_faults *run)
{
    nanots_status status = NANOTS_OK;
    for (unsigned i = 0; i < LATE_CALLS && status == NANOTS_OK; i++) {
        status = limit_append(run);
        if (status == NANOTS_OK)
            status = nanots_flush(run->db, &db_error);
    }
    if (status == NANOTS_OK)
        status = nanots_maintain(run->db, NULL, NULL, &db_error);
    if (status == NANOTS_OK)
        status = nanots_compact_retention_now(run->db, NULL, &db_error);
    (void)status;
}

/* Healed: what is in memory is right, and what is in the file, which takes rows again. */
static void limit_finish(struct limit_faults *run)
{
    limit_check(run);
    (void)nanots_close(run->db, &db_error);
    db_ok(limit_open(run));
    limit_check(run);
    db_ok(limit_append(run));
    db_ok(nanots_compact_retention_now(run->db, NULL, &db_error));
    limit_check(run);
    db_close(run->db);
}

/* One run; false if it has fewer operations than k. */
static bool limit_fault_at(unsigned kinds, uint64_t k, int os_errno, bool sticky,
                           nanots_duplicates rule)
{
    static struct limit_faults run;
    limit_begin(&run, rule);
    faultvfs_fail(&run.faults, kinds, k, os_errno, sticky);
    limit_work(&run);
    const bool failed = run.faults.failed;
    faultvfs_heal(&run.faults);
    limit_finish(&run);
    limit_end(&run);
    return failed;
}

static void limit_with_failing_operations_keeps_the_newest(void **state)
{
    static const int errnos[] = {ENOSPC, EIO};
    uint64_t faults = 0;
    (void)state;
    for (unsigned way = 0; way < 4; way++)
        for (uint64_t k = 0;
             limit_fault_at(FAULTVFS_MUTATING, k, errnos[way % 2], way / 2 != 0,
                            k % 2 == 0 ? NANOTS_DUPLICATES_KEEP_ALL : NANOTS_DUPLICATES_KEEP_FIRST);
             k++)
            faults++;
    print_message("# %llu failures\n", (unsigned long long)faults);
    assert_true(faults > 100);
}

static bool limit_memory_fault_at(uint64_t k, bool sticky, nanots_duplicates rule)
{
    static struct limit_faults run;
    limit_begin(&run, rule);
    faultalloc_fail(&run.memory, k, sticky);
    limit_work(&run);
    const bool failed = run.memory.failed;
    faultalloc_heal(&run.memory);
    limit_finish(&run);
    limit_end(&run);
    return failed;
}

static void limit_without_memory_keeps_the_newest(void **state)
{
    uint64_t faults = 0;
    (void)state;
    for (unsigned way = 0; way < 4; way++)
        for (uint64_t k = way; limit_memory_fault_at(k, way / 2 != 0,
                                                     way % 2 == 0 ? NANOTS_DUPLICATES_KEEP_ALL
                                                                  : NANOTS_DUPLICATES_KEEP_FIRST);
             k += 3)
            faults++;
    print_message("# %llu failures\n", (unsigned long long)faults);
    assert_true(faults > 100);
}

/* ---- damage ------------------------------------------------------------------------------- */

/* Goal: segments that cannot be read go as well as others; where one row of a time is kept, and so
 * they would have to be read, the limit leaves the table alone and the flush is none the worse. */
static void limit_goes_on_beside_damage(void **state)
{
    static const uint8_t junk[64] = {0xFF, 1, 2, 3};
    static struct limit_faults run;
    (void)state;
    for (unsigned rule = 0; rule < 3; rule += 2) {
        struct nanots_table *table = NULL;
        limit_begin(&run, (nanots_duplicates)rule);
        db_ok(nanots_table_open(run.db, "a", &table, &db_error));
        const size_t count = table->version->count;
        for (size_t i = 0; i < count; i++) {
            const struct nts_segment_entry entry = table->version->segments[i]->entry;
            db_ok(run.db->file->ops->write_at(run.db->file, junk, sizeof junk,
                                              entry.off + entry.size - sizeof junk, true,
                                              &db_error));
        }
        for (unsigned i = 0; i < LATE_CALLS; i++) {
            db_ok(limit_append(&run));
            db_ok(nanots_flush(run.db, &db_error));
        }
        assert_int_equal(run.db->sb.flushed_seq, run.db->last_seq);
        if (rule == 0)
            assert_true(table->version->count <= count + 1);
        else
            assert_true(table->limit_is_stuck);
        (void)nanots_close(run.db, &db_error);
        limit_end(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_with_failing_operations_keeps_the_newest),
        cmocka_unit_test(limit_without_memory_keeps_the_newest),
        cmocka_unit_test(limit_goes_on_beside_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
