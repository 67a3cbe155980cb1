/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_refresh.c - engine/refresh.c at the seams of files and memory: a refresh that fails
 * leaves the state of before, and the next one gets there; a log that is not mapped, a system
 * without pins, and threads that query meanwhile. What a refresh shows: api/test_follow.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "os/thread.h"
#include "support/db_helpers.h"
#include "support/faultalloc.h"
#include "support/faultvfs.h"
#include "support/scratch.h"

struct beside {
    struct faultvfs faults; /* the reader's */
    struct faultalloc memory;
    struct faultvfs writer_faults; /* only to switch mappings off */
    struct nanots_db *writer;
    struct nanots_db *reader;
    uint64_t rows; /* in "a", all of one call's 10, beside as many in "b" */
    unsigned steps;
};

static void beside_open_writer(struct beside *beside, const struct scratch *scratch)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .vfs = &beside->writer_faults.vfs};
    beside->writer = db_open_with(scratch->path, &options);
}

static void beside_begin(struct beside *beside, const struct scratch *scratch, bool mapped)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY,
                                                .allocator = &beside->memory.alloc,
                                                .vfs = &beside->faults.vfs};
    memset(beside, 0, sizeof *beside);
    faultvfs_init(&beside->faults, nts_vfs_posix());
    faultvfs_init(&beside->writer_faults, nts_vfs_posix());
    faultalloc_init(&beside->memory);
    beside->writer_faults.no_wal_map = !mapped;
    beside_open_writer(beside, scratch);
    db_create(beside->writer, "a", 1);
    db_create(beside->writer, "b", 1);
    beside->reader = db_open_with(scratch->path, &options);
}

static void beside_end(struct beside *beside)
{
    db_close(beside->reader);
    db_close(beside->writer);
    assert_int_equal(beside->memory.block_count, 0);
    faultalloc_deinit(&beside->memory);
    faultvfs_deinit(&beside->faults);
    faultvfs_deinit(&beside->writer_faults);
}

static void beside_append(struct beside *beside, size_t row_count)
{
    struct db_rows rows = db_rows_sine(row_count, 1, (int64_t)beside->rows * 1000);
    db_append_all(beside->writer, "a", &rows);
    db_append_all(beside->writer, "b", &rows);
    beside->rows += row_count;
    db_rows_free(&rows);
}

/* The writer does something of every kind, in turn. */
static void beside_step(struct beside *beside, const struct scratch *scratch)
{
    char name[16];
    beside_append(beside, 10);
    switch (beside->steps++ % 6) {
    case 1:
        db_ok(nanots_flush(beside->writer, &db_error));
        break;
    case 2:
        db_ok(nanots_pack_table(beside->writer, "a", 0, &db_error));
        break;
    case 3:
        (void)snprintf(name, sizeof name, "t%u", beside->steps);
        db_create(beside->writer, name, 3);
        break;
    case 4:
        beside_append(beside, 70000);
        break;
    case 5:
        db_close(beside->writer);
        beside_open_writer(beside, scratch);
        break;
    default:
        break;
    }
}

static uint64_t beside_count(struct nanots_db *db, const char *table)
{
    struct nanots_series series;
    uint64_t rows = 0;
    db_ok(nanots_query_range(db, table, INT64_MIN, INT64_MAX, &series, &db_error));
    for (size_t i = 0; i < series.row_count; i++)
        if (series.ts[i] != (int64_t)i * 1000)
            fail_msg("row %zu has ts %lld", i, (long long)series.ts[i]);
    rows = series.row_count;
    nanots_free(series.block);
    return rows;
}

static void beside_expect(struct beside *beside, uint64_t rows)
{
    assert_int_equal(beside_count(beside->reader, "a"), rows);
    assert_int_equal(beside_count(beside->reader, "b"), rows);
}

/* Goal: every operation of a refresh in turn fails, and it is an error of that kind; the rows of
 * before are there, to be read whole, and after the fault the new ones are. */
static void refresh_whose_io_fails_changes_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct beside beside;
    beside_begin(&beside, scratch, true);
    for (unsigned step = 0; step < 12; step++) {
        const uint64_t before = beside.rows;
        bool failed = true;
        beside_step(&beside, scratch);
        for (uint64_t k = 0; failed; k++) {
            faultvfs_fail(&beside.faults, FAULTVFS_READ | FAULTVFS_SIZE | FAULTVFS_PIN, k, EIO,
                          k % 2 == 1);
            const nanots_status status = nanots_refresh(beside.reader, NULL, &db_error);
            failed = beside.faults.failed;
            faultvfs_heal(&beside.faults);
            assert_int_equal(status, failed ? NANOTS_IO : NANOTS_OK);
            beside_expect(&beside, failed ? before : beside.rows);
        }
    }
    beside_end(&beside);
}

/* The same for memory. */
static void refresh_without_memory_changes_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct beside beside;
    beside_begin(&beside, scratch, true);
    for (unsigned step = 0; step < 12; step++) {
        const uint64_t before = beside.rows;
        bool failed = true;
        beside_step(&beside, scratch);
        for (uint64_t k = 0; failed; k++) {
            faultalloc_fail(&beside.memory, k, k % 2 == 1);
            const nanots_status status = nanots_refresh(beside.reader, NULL, &db_error);
            failed = beside.memory.failed;
            faultalloc_heal(&beside.memory);
            assert_int_equal(status, failed ? NANOTS_NO_MEMORY : NANOTS_OK);
            beside_expect(&beside, failed ? before : beside.rows);
        }
    }
    beside_end(&beside);
}

/* Goal: a log that is not mapped, which publishes nothing, is followed all the same, by refresh and
 * by the change counter; so are records larger than what is read at once. */
static void refresh_follows_a_log_that_is_not_mapped(void **state)
{
    const struct scratch *scratch = *state;
    struct beside beside;
    uint64_t before = 0;
    beside_begin(&beside, scratch, false);
    for (unsigned step = 0; step < 40; step++) {
        uint64_t counter = 0;
        uint64_t wanted = 0;
        beside_step(&beside, scratch);
        beside_append(&beside, 1 + 97u * step);
        db_ok(nanots_change_counter(beside.reader, &counter, &db_error));
        db_ok(nanots_change_counter(beside.writer, &wanted, &db_error));
        assert_int_equal(counter, wanted);
        assert_true(counter > before);
        before = counter;
        if (step % 3 == 0) {
            db_ok(nanots_refresh(beside.reader, NULL, &db_error));
            beside_expect(&beside, beside.rows);
        }
    }
    beside_end(&beside);
}

/* Goal: where locks do not work, a reader refreshes without a pin. */
static void refresh_works_without_pins(void **state)
{
    const struct scratch *scratch = *state;
    struct beside beside;
    beside_begin(&beside, scratch, true);
    beside.faults.no_locks = true;
    for (unsigned step = 0; step < 12; step++) {
        beside_step(&beside, scratch);
        db_ok(nanots_refresh(beside.reader, NULL, &db_error));
        beside_expect(&beside, beside.rows);
    }
    beside_end(&beside);
}

/* Goal: many records, and a group of many, are taken over the pieces in which they are read. */
static void refresh_follows_more_than_one_piece(void **state)
{
    const struct scratch *scratch = *state;
    for (int mapped = 0; mapped < 2; mapped++) {
        struct beside beside;
        struct nanots_group *group = NULL;
        beside_begin(&beside, scratch, mapped != 0);
        for (uint64_t i = 0; i < 6000; i++)
            beside_append(&beside, 1);
        db_ok(nanots_refresh(beside.reader, NULL, &db_error));
        beside_expect(&beside, 6000);
        db_ok(nanots_batch_begin(beside.writer, &group, &db_error));
        for (int64_t i = 6000; i < 12000; i++)
            for (int t = 0; t < 2; t++) {
                const int64_t ts = i * 1000;
                const double value = 1;
                db_ok(nanots_group_append(group, t == 0 ? "a" : "b", ts, &value, 1, &db_error));
            }
        db_ok(nanots_refresh(beside.reader, NULL, &db_error));
        beside_expect(&beside, 6000);
        db_ok(nanots_batch_commit(group, NULL, &db_error));
        db_ok(nanots_refresh(beside.reader, NULL, &db_error));
        beside_expect(&beside, 12000);
        beside_end(&beside);
        unlink(scratch->path);
    }
}

struct rush {
    struct beside *beside;
    unsigned laps;
    bool is_on;
};

/* More than the log holds is appended and committed. */
static void rush_writer(void *context, enum faultvfs_kind kind)
{
    struct rush *rush = context;
    if (!rush->is_on || kind != FAULTVFS_READ)
        return;
    rush->is_on = false; /* the writer has a file of its own, but the same test looks at both */
    for (unsigned i = 0; i < rush->laps; i++) {
        beside_append(rush->beside, 3000);
        db_ok(nanots_flush(rush->beside->writer, &db_error));
    }
    rush->is_on = true;
}

/* Goal: a writer that commits between any two reads, and recycles the log each time, cannot keep a
 * reader from opening or from moving on: each has the rows of the moment when its call began. */
static void refresh_beside_a_writer_that_never_rests(void **state)
{
    const struct scratch *scratch = *state;
    for (unsigned laps = 1; laps < 4; laps += 2) {
        struct beside beside;
        struct rush rush = {.beside = &beside, .laps = laps};
        struct nanots_db *late = NULL;
        beside_begin(&beside, scratch, true);
        beside.faults.before = rush_writer;
        beside.faults.before_context = &rush;
        const struct nanots_open_options options = {.struct_size = sizeof options,
                                                    .flags = NANOTS_OPEN_READ_ONLY,
                                                    .vfs = &beside.faults.vfs};
        for (unsigned i = 0; i < 2; i++) {
            beside_append(&beside, 10);
            const uint64_t before = beside.rows;
            rush.is_on = true;
            db_ok(nanots_open(scratch->path, &options, &late, &db_error));
            rush.is_on = false;
            const uint64_t opened = beside_count(late, "a");
            assert_true(opened >= before);
            struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
            db_ok(nanots_diagnose(late, &diagnosis, &db_error));
            assert_int_equal(diagnosis.wal_damaged, 0);
            db_close(late);
            const uint64_t refreshed = beside.rows;
            rush.is_on = true;
            db_ok(nanots_refresh(beside.reader, NULL, &db_error));
            rush.is_on = false;
            assert_true(beside_count(beside.reader, "a") >= refreshed);
        }
        beside_end(&beside);
        unlink(scratch->path);
    }
}

/* ---- threads ------------------------------------------------------------------------------ */

#define QUERY_THREADS 3

struct threads {
    struct nanots_db *reader;
    atomic_int stop;
    atomic_int failed; /* line */
};

#define THREAD_NEED(threads, condition)                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            atomic_store(&(threads)->failed, __LINE__);                                            \
    } while (0)

/* Counts never fall, rows are in order, and open cursors are what they were. */
static void thread_query(void *context)
{
    struct threads *threads = context;
    uint64_t last = 0;
    while (atomic_load(&threads->stop) == 0 && atomic_load(&threads->failed) == 0) {
        const struct nanots_batch *batch = NULL;
        struct nanots_cursor *cursor = NULL;
        uint64_t rows = 0;
        uint64_t before = 0;
        struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
        THREAD_NEED(threads, nanots_row_count(threads->reader, "a", &before, NULL) == NANOTS_OK);
        THREAD_NEED(threads,
                    nanots_query_open(threads->reader, "a", NULL, &cursor, NULL) == NANOTS_OK);
        while (nanots_query_next(cursor, &batch, NULL) == NANOTS_OK && batch != NULL) {
            THREAD_NEED(threads, batch->ts[0] == (int64_t)rows * 1000);
            rows += batch->row_count;
        }
        nanots_query_close(cursor);
        THREAD_NEED(threads, rows >= before && before >= last);
        THREAD_NEED(threads, nanots_diagnose(threads->reader, &diagnosis, NULL) == NANOTS_OK);
        last = rows;
    }
}

static void thread_refresh(void *context)
{
    struct threads *threads = context;
    while (atomic_load(&threads->stop) == 0 && atomic_load(&threads->failed) == 0) {
        uint64_t counter = 0;
        THREAD_NEED(threads, nanots_refresh(threads->reader, NULL, NULL) == NANOTS_OK);
        THREAD_NEED(threads, nanots_change_counter(threads->reader, &counter, NULL) == NANOTS_OK);
    }
}

/* Goal: refreshes beside queries of the same handle, in other threads, beside a writer. */
static void refresh_beside_queries_of_other_threads(void **state)
{
    const struct scratch *scratch = *state;
    struct threads threads = {.reader = NULL};
    struct nts_thread runners[QUERY_THREADS + 2];
    struct beside beside;
    beside_begin(&beside, scratch, true);
    threads.reader = beside.reader;
    for (unsigned i = 0; i < QUERY_THREADS + 2; i++)
        assert_int_equal(nts_thread_start(&runners[i],
                                          i < QUERY_THREADS ? thread_query : thread_refresh,
                                          &threads, NULL),
                         NANOTS_OK);
    for (unsigned step = 0; step < 30; step++)
        beside_step(&beside, scratch);
    atomic_store(&threads.stop, 1);
    for (unsigned i = 0; i < QUERY_THREADS + 2; i++)
        nts_thread_join(&runners[i]);
    assert_int_equal(atomic_load(&threads.failed), 0);
    db_ok(nanots_refresh(beside.reader, NULL, &db_error));
    beside_expect(&beside, beside.rows);
    beside_end(&beside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(refresh_whose_io_fails_changes_nothing),
        WITH_SCRATCH(refresh_without_memory_changes_nothing),
        WITH_SCRATCH(refresh_follows_a_log_that_is_not_mapped),
        WITH_SCRATCH(refresh_works_without_pins),
        WITH_SCRATCH(refresh_follows_more_than_one_piece),
        WITH_SCRATCH(refresh_beside_a_writer_that_never_rests),
        WITH_SCRATCH(refresh_beside_queries_of_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
