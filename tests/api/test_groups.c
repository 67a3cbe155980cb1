/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_groups.c - groups: every form, who sees them when, refusals (contract I2, I6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "support/db_helpers.h"
#include "support/grouped.h"
#include "support/scratch.h"
#include "support/seed.h"

#define WAL_BYTES (64u << 10)

static struct nanots_db *open_mode(const char *path, nanots_sync_mode sync_mode)
{
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .sync_mode = sync_mode, .wal_bytes = WAL_BYTES};
    return db_open_with(path, &options);
}

static void expect_groups(struct nanots_db *db, uint32_t first, uint32_t end)
{
    struct grouped grouped;
    const char *complaint = grouped_scan(&grouped, db);
    if (complaint != NULL)
        fail_msg("%s", complaint);
    for (uint32_t id = 0; id < GROUPED_MAX; id++)
        assert_int_equal(grouped_has(&grouped, id), id >= first && id < end);
}

static uint64_t row_count(struct nanots_db *db, const char *table)
{
    uint64_t count = 0;
    db_ok(nanots_row_count(db, table, &count, &db_error));
    return count;
}

/* ---- forms -------------------------------------------------------------------------------- */

/* Goal: a group of every form of append is invisible until its commit, and whole from then on. */
static void group_of_all_forms_is_seen_at_its_commit(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    static const struct nanots_column columns[2] = {
        {"name", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE}, {"on", NANOTS_TYPE_BOOL, 0}};
    struct nanots_table *typed = NULL;
    struct nanots_table *plain = NULL;
    struct nanots_group *group = NULL;
    uint64_t seq = 0;

    db_create(db, "plain", 1);
    db_ok(nanots_create_table(db, "typed", columns, 2, &db_error));
    db_ok(nanots_table_open(db, "typed", &typed, &db_error));
    db_ok(nanots_table_open(db, "plain", &plain, &db_error));
    db_ok(nanots_batch_begin(db, &group, &db_error));
    const double value = 1.5;
    const struct nanots_value row[2] = {{.type = NANOTS_TYPE_UTF8, .as.utf8 = {"abc", 3}},
                                        {.type = NANOTS_TYPE_BOOL, .as.boolean = 1}};
    static const int64_t ts[2] = {7, 5};
    static const double values[2] = {7.5, 5.5};
    const struct nanots_batch_column column = {.type = NANOTS_TYPE_F64, .values = values};
    const struct nanots_batch batch = {
        .row_count = 2, .ts = ts, .column_count = 1, .columns = &column};
    db_ok(nanots_group_append(group, "plain", 10, &value, 1, &db_error));
    db_ok(nanots_group_table_append(group, plain, 9, &value, 1, &db_error));
    db_ok(nanots_group_append_typed(group, "typed", 3, row, 2, &db_error));
    db_ok(nanots_group_table_append_typed(group, typed, 4, row, 2, &db_error));
    db_ok(nanots_group_append_batch(group, "plain", &batch, &db_error));
    db_ok(nanots_group_table_append_batch(group, plain, &batch, &db_error));
    assert_int_equal(row_count(db, "plain"), 0);
    assert_int_equal(row_count(db, "typed"), 0);
    db_ok(nanots_batch_commit(group, &seq, &db_error));
    assert_int_equal(seq, 8);
    for (int round = 0; round < 2; round++) {
        struct db_rows wanted = db_rows_new(1);
        db_rows_add(&wanted, 5, &values[1]);
        db_rows_add(&wanted, 5, &values[1]);
        db_rows_add(&wanted, 7, &values[0]);
        db_rows_add(&wanted, 7, &values[0]);
        db_rows_add(&wanted, 9, &value);
        db_rows_add(&wanted, 10, &value);
        db_expect_table(db, "plain", &wanted);
        assert_int_equal(row_count(db, "typed"), 2);
        db_rows_free(&wanted);
        db = db_reopen(db, scratch->path);
    }
    db_close(db);
}

/* Goal: what is rolled back was never there, of a small group and of one with segments; an empty
 * group is nothing, and nobody misses a group that a close finds open. */
static void rolled_back_groups_leave_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_mode(scratch->path, NANOTS_SYNC_NORMAL);
    struct nanots_group *group = NULL;
    uint64_t seq = 1;

    db_ok(grouped_create(db, &db_error));
    db_ok(nanots_batch_begin(db, &group, &db_error));
    db_ok(nanots_batch_commit(group, &seq, &db_error));
    assert_int_equal(seq, 0);
    static const uint32_t ids[3] = {1, 5, 8};
    for (int i = 0; i < 3; i++) {
        db_ok(nanots_batch_begin(db, &group, &db_error));
        db_ok(grouped_fill(group, ids[i], &db_error));
        nanots_batch_rollback(group);
    }
    nanots_batch_rollback(NULL);
    expect_groups(db, 0, 0);
    db_ok(grouped_append(db, 0, &db_error));
    for (int i = 0; i < 3; i++) {
        db_ok(nanots_batch_begin(db, &group, &db_error));
        db_ok(grouped_fill(group, ids[i], &db_error));
    }
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 1, 4096);
    db = db_open(scratch->path);
    expect_groups(db, 0, 1);
    db_close(db);
}

/* Goal: groups that are open at once, other appends and flushes between them do not disturb each
 * other; rows have the order of the commits. */
static void groups_open_at_once_are_apart(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_mode(scratch->path, NANOTS_SYNC_NORMAL);
    struct nanots_group *groups[2] = {NULL, NULL};
    struct db_rows wanted = db_rows_new(1);
    uint64_t seqs[3] = {0, 0, 0};

    db_create(db, "t", 1);
    db_ok(nanots_batch_begin(db, &groups[0], &db_error));
    db_ok(nanots_batch_begin(db, &groups[1], &db_error));
    for (int i = 0; i < 6; i++) {
        const double value = i;
        db_ok(nanots_group_append(groups[i % 2], "t", 100, &value, 1, &db_error));
        db_ok(nanots_append_row(db, "t", 100, &(double){10 + i}, 1, &seqs[2], &db_error));
        if (i == 3)
            db_ok(nanots_flush(db, &db_error));
    }
    db_ok(nanots_batch_commit(groups[1], &seqs[1], &db_error));
    db_ok(nanots_batch_commit(groups[0], &seqs[0], &db_error));
    assert_int_equal(seqs[2], 6);
    assert_int_equal(seqs[1], 9);
    assert_int_equal(seqs[0], 12);
    static const double order[12] = {10, 11, 12, 13, 14, 15, 1, 3, 5, 0, 2, 4};
    for (int i = 0; i < 12; i++)
        db_rows_add(&wanted, 100, &order[i]);
    db_expect_table(db, "t", &wanted);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "t", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* Goal: a group far larger than the log and the memory bound comes back whole, in order. Method: a
 * log of 64 KiB, rows of two tables by turns, backwards in time in one of them. */
static void group_larger_than_the_log_comes_back(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .wal_bytes = 256u << 10, .memtable_bytes = 1u << 20};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    struct db_rows up = db_rows_sine(40000, 2, 1000);
    struct db_rows down = db_rows_sine(40000, 2, 1000);
    struct nanots_group *group = NULL;
    struct nanots_verify_report report = {.struct_size = sizeof report};

    db_create(db, "up", 2);
    db_create(db, "down", 2);
    db_ok(nanots_batch_begin(db, &group, &db_error));
    for (size_t i = 0; i < up.row_count; i++) {
        const size_t back = down.row_count - 1 - i;
        db_ok(nanots_group_append(group, "up", up.ts[i], up.values + 2 * i, 2, &db_error));
        db_ok(nanots_group_append(group, "down", down.ts[back], down.values + 2 * back, 2,
                                  &db_error));
    }
    assert_int_equal(row_count(db, "up"), 0);
    db_ok(nanots_batch_commit(group, NULL, &db_error));
    db_expect_table(db, "up", &up);
    db_expect_table(db, "down", &down);
    db = db_reopen(db, scratch->path);
    db_expect_table(db, "up", &up);
    db_expect_table(db, "down", &down);
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
    db_rows_free(&up);
    db_rows_free(&down);
    db_close(db);
}

/* ---- refusals ----------------------------------------------------------------------------- */

/* Goal: an append that fails names what is wrong, and leaves the group as it was. */
static void failed_appends_leave_the_group_as_it_was(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_group *group = NULL;
    struct nanots_table *foreign = NULL;
    const double values[2] = {1, 2};
    const struct nanots_value text = {.type = NANOTS_TYPE_UTF8, .as.utf8 = {"x", 1}};
    char other_path[224];

    (void)snprintf(other_path, sizeof other_path, "%s.other", scratch->path);
    struct nanots_db *other = db_open(other_path);
    db_create(other, "t", 1);
    db_ok(nanots_table_open(other, "t", &foreign, &db_error));
    db_create(db, "t", 1);
    db_fails(nanots_batch_begin(NULL, &group, &db_error), NANOTS_INVALID, "handle");
    db_fails(nanots_batch_begin(db, NULL, &db_error), NANOTS_INVALID, "group_out");
    db_fails(nanots_batch_commit(NULL, NULL, &db_error), NANOTS_INVALID, "group");
    db_fails(nanots_group_append(NULL, "t", 1, values, 1, &db_error), NANOTS_INVALID, "group");
    db_ok(nanots_batch_begin(db, &group, &db_error));
    db_ok(nanots_group_append(group, "t", 1, values, 1, &db_error));
    db_fails(nanots_group_append(group, "none", 1, values, 1, &db_error), NANOTS_NOT_FOUND, "none");
    db_fails(nanots_group_append(group, "t", 1, values, 2, &db_error), NANOTS_INVALID, "'t'");
    db_fails(nanots_group_append(group, "t", 1, NULL, 1, &db_error), NANOTS_INVALID, "'t'");
    db_fails(nanots_group_append_typed(group, "t", 1, &text, 1, &db_error), NANOTS_TYPE_MISMATCH,
             "'c0'");
    db_fails(nanots_group_append_batch(group, "t", NULL, &db_error), NANOTS_INVALID, "batch");
    db_fails(nanots_group_table_append(group, NULL, 1, values, 1, &db_error), NANOTS_INVALID,
             "handle");
    db_fails(nanots_group_table_append(group, foreign, 1, values, 1, &db_error), NANOTS_INVALID,
             "another handle");
    db_ok(nanots_batch_commit(group, NULL, &db_error));
    assert_int_equal(row_count(db, "t"), 1);
    db_close(db);
    db = db_open_read_only(scratch->path);
    db_fails(nanots_batch_begin(db, &group, &db_error), NANOTS_READ_ONLY, "read-only");
    assert_null(group);
    db_close(db);
    db_close(other);
}

/* Goal: a schema change between begin and commit is met with a clear refusal, and no row of the
 * group is there. */
static void schema_changes_end_a_group(void **state)
{
    const struct scratch *scratch = *state;
    static const struct nanots_column more = {"more", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE};
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_group *group = NULL;
    const double values[2] = {1, 2};

    db_create(db, "a", 1);
    db_create(db, "b", 1);
    db_ok(nanots_batch_begin(db, &group, &db_error));
    db_ok(nanots_group_append(group, "a", 1, values, 1, &db_error));
    db_ok(nanots_group_append(group, "b", 1, values, 1, &db_error));
    db_ok(nanots_rename_table(db, "a", "a2", &db_error));
    db_ok(nanots_group_append(group, "a2", 2, values, 1, &db_error));
    db_ok(nanots_add_column(db, "b", &more, &db_error));
    db_fails(nanots_group_append(group, "b", 2, values, 2, &db_error), NANOTS_INVALID, "'b'");
    db_fails(nanots_batch_commit(group, NULL, &db_error), NANOTS_INVALID, "'b'");
    assert_int_equal(row_count(db, "a2"), 0);
    db_ok(nanots_batch_begin(db, &group, &db_error));
    db_ok(nanots_group_append(group, "a2", 1, values, 1, &db_error));
    db_ok(nanots_group_append(group, "b", 1, values, 2, &db_error));
    db_ok(nanots_drop_table(db, "b", &db_error));
    db_fails(nanots_batch_commit(group, NULL, &db_error), NANOTS_NOT_FOUND, "'b'");
    assert_int_equal(row_count(db, "a2"), 0);
    db_close(db);
}

/* Goal: with the options there are by default a group takes ten thousand tables, and more rows than
 * the log could hold, table after table or by turns; a writer that is killed then has lost none. */
static void group_of_ten_thousand_tables(const struct scratch *scratch, bool by_turns)
{
    enum { TABLES = 10000, TABLE_ROWS = 60 };
    static struct nanots_table *tables[TABLES];
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_group *group = NULL;
    char path[256];
    char name[32];

    assert_true(16u * TABLES * TABLE_ROWS > 8u << 20); /* wal_bytes */
    (void)scratch_path(scratch, "copy.ntt", path, sizeof path);
    for (unsigned t = 0; t < TABLES; t++) {
        (void)snprintf(name, sizeof name, "t%u", t);
        db_create(db, name, 1);
        db_ok(nanots_table_open(db, name, &tables[t], &db_error));
    }
    db_ok(nanots_batch_begin(db, &group, &db_error));
    for (unsigned i = 0; i < TABLES * TABLE_ROWS; i++) {
        const unsigned t = by_turns ? i % TABLES : i / TABLE_ROWS;
        const int64_t row = by_turns ? i / TABLES : i % TABLE_ROWS;
        db_ok(nanots_group_table_append(group, tables[t], row, &(double){t}, 1, &db_error));
    }
    assert_int_equal(row_count(db, "t0"), 0);
    db_ok(nanots_batch_commit(group, NULL, &db_error));
    db_file_copy(scratch->path, path);
    struct nanots_db *copy = db_open(path);
    for (unsigned t = 0; t < TABLES; t++) {
        (void)snprintf(name, sizeof name, "t%u", t);
        assert_int_equal(row_count(copy, name), TABLE_ROWS);
        assert_int_equal(row_count(db, name), TABLE_ROWS);
    }
    db_close(copy);
    db_close(db);
}

static void group_of_ten_thousand_tables_comes_back(void **state)
{
    group_of_ten_thousand_tables(*state, false);
}

static void group_of_ten_thousand_tables_by_turns_comes_back(void **state)
{
    group_of_ten_thousand_tables(*state, true);
}

/* Goal: a group of more tables than its log entry has room for is refused, by the size. */
static void group_of_too_many_tables_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = open_mode(scratch->path, NANOTS_SYNC_NORMAL);
    struct nanots_group *group = NULL;
    nanots_status status = NANOTS_OK;
    char name[32];
    int count = 0;

    db_ok(nanots_batch_begin(db, &group, &db_error));
    for (; status == NANOTS_OK && count < 1000; count++) {
        (void)snprintf(name, sizeof name, "t%d", count);
        db_create(db, name, 1);
        status = nanots_group_append(group, name, 1, &(double){1}, 1, &db_error);
    }
    assert_int_equal(status, NANOTS_TOO_BIG);
    assert_non_null(strstr(db_error.message, name));
    assert_non_null(strstr(db_error.message, "wal_bytes"));
    db_ok(nanots_batch_commit(group, NULL, &db_error));
    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(row_count(db, name), i + 1 < count);
    }
    db_close(db);
}

/* ---- threads and other handles ------------------------------------------------------------ */

#define THREAD_GROUPS 60u

struct shared {
    struct nanots_db *db;
    const char *path;
    _Atomic uint32_t next;
    _Atomic int done; /* writers that ended */
};

static void *group_writer(void *argument)
{
    struct shared *shared = argument;
    for (;;) {
        const uint32_t id = atomic_fetch_add(&shared->next, 1);
        if (id >= THREAD_GROUPS)
            break;
        if (grouped_append(shared->db, id, NULL) != NANOTS_OK)
            abort();
    }
    atomic_fetch_add(&shared->done, 1);
    return NULL;
}

/* Rows of no group, behind those of groups in one of their tables: what shows them in full mode
 * must not show the groups in this table alone. */
static void *row_writer(void *argument)
{
    struct shared *shared = argument;
    while (atomic_load(&shared->done) < 2)
        if (nanots_append_row(shared->db, grouped_tables[0], 1, (double[]){GROUPED_LOOSE, 0}, 2,
                              NULL, NULL) != NANOTS_OK)
            abort();
    return NULL;
}

/* One table after the other: what the first has, the later ones have too. */
static void *group_reader(void *argument)
{
    struct shared *shared = argument;
    struct grouped *grouped = calloc(1, sizeof *grouped);
    if (grouped == NULL)
        abort();
    while (atomic_load(&shared->done) < 2) {
        struct nanots_cursor *cursors[GROUPED_TABLES];
        for (uint32_t t = 0; t < GROUPED_TABLES; t++)
            if (nanots_query_open(shared->db, grouped_tables[t], NULL, &cursors[t], NULL) !=
                NANOTS_OK)
                abort();
        memset(grouped, 0, sizeof *grouped);
        for (uint32_t t = 0; t < GROUPED_TABLES; t++) {
            const struct nanots_batch *batch = NULL;
            while (nanots_query_next(cursors[t], &batch, NULL) == NANOTS_OK && batch != NULL)
                for (size_t i = 0; i < batch->row_count; i++) {
                    const double id = ((const double *)batch->columns[0].values)[i];
                    if (id < GROUPED_MAX)
                        grouped->seen[(uint32_t)id][t]++;
                }
            nanots_query_close(cursors[t]);
        }
        for (uint32_t id = 0; id < GROUPED_MAX; id++)
            for (uint32_t t = 0; t < GROUPED_TABLES; t++) {
                const uint32_t seen = grouped->seen[id][t];
                const bool is_whole = seen == grouped_rows(id, t);
                if (!is_whole && (seen != 0 || (t != 0 && grouped->seen[id][t - 1] != 0)))
                    abort();
            }
    }
    free(grouped);
    return NULL;
}

/* A read-only handle, refreshed, has all tables of one moment. */
static void *refreshing_reader(void *argument)
{
    struct shared *shared = argument;
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY};
    struct grouped *grouped = calloc(1, sizeof *grouped);
    struct nanots_db *db = NULL;
    if (grouped == NULL || nanots_open(shared->path, &options, &db, NULL) != NANOTS_OK)
        abort();
    while (atomic_load(&shared->done) < 2) {
        if (grouped_scan(grouped, db) != NULL)
            abort();
        const nanots_status status = nanots_refresh(db, NULL, NULL);
        if (status != NANOTS_OK && status != NANOTS_BUSY)
            abort();
    }
    if (nanots_close(db, NULL) != NANOTS_OK)
        abort();
    free(grouped);
    return NULL;
}

static void readers_see_whole_groups(const char *path, nanots_sync_mode sync_mode)
{
    static void *(*const roles[])(void *) = {group_writer, group_writer, row_writer, group_reader,
                                             refreshing_reader};
    struct shared shared = {.path = path};
    pthread_t threads[5];
    shared.db = open_mode(path, sync_mode);
    db_ok(grouped_create(shared.db, &db_error));
    for (int i = 0; i < 5; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, roles[i], &shared), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    expect_groups(shared.db, 0, THREAD_GROUPS);
    db_close(shared.db);
}

static void threads_and_refreshed_readers_see_whole_groups(void **state)
{
    const struct scratch *scratch = *state;
    readers_see_whole_groups(scratch->path, NANOTS_SYNC_NORMAL);
}

static void readers_in_full_mode_see_whole_groups(void **state)
{
    const struct scratch *scratch = *state;
    readers_see_whole_groups(scratch->path, NANOTS_SYNC_FULL);
}

#define GROUP_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(group_of_all_forms_is_seen_at_its_commit),
        GROUP_TEST(rolled_back_groups_leave_nothing),
        GROUP_TEST(groups_open_at_once_are_apart),
        GROUP_TEST(group_larger_than_the_log_comes_back),
        GROUP_TEST(failed_appends_leave_the_group_as_it_was),
        GROUP_TEST(schema_changes_end_a_group),
        GROUP_TEST(group_of_ten_thousand_tables_comes_back),
        GROUP_TEST(group_of_ten_thousand_tables_by_turns_comes_back),
        GROUP_TEST(group_of_too_many_tables_is_refused),
        GROUP_TEST(threads_and_refreshed_readers_see_whole_groups),
        GROUP_TEST(readers_in_full_mode_see_whole_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
