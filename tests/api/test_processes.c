/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_processes.c - locks, readers beside a writer, fork, and missing permission. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

#define NOBODY 65534

static nanots_status open_flags(const char *path, uint32_t flags, struct nanots_error *error)
{
    struct nanots_open_options options = {.struct_size = sizeof options, .flags = flags};
    struct nanots_db *db = NULL;
    const nanots_status status = nanots_open(path, &options, &db, error);
    (void)nanots_close(db, NULL);
    return status;
}

/* Runs `body` in a child and returns its exit code, 99 if it died otherwise. */
static int in_child(int (*body)(void *context), void *context)
{
    int outcome = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(body(context));
    assert_int_equal(waitpid(child, &outcome, 0), child);
    return WIFEXITED(outcome) ? WEXITSTATUS(outcome) : 99;
}

/* ---- one writer --------------------------------------------------------------------------- */

static void second_writer_in_the_process_is_busy(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    char other_name[256];

    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_fails(open_flags(scratch->path, 0, &db_error), NANOTS_BUSY, "plant.ntt");
    (void)scratch_path(scratch, "link.ntt", other_name, sizeof other_name);
    assert_int_equal(symlink(scratch->path, other_name), 0);
    db_fails(open_flags(other_name, 0, &db_error), NANOTS_BUSY, "writing");
    db_ok(nanots_append(db, "a", 2, 2.0, NULL, &db_error));
    db_close(db);
    db_ok(open_flags(other_name, 0, &db_error));
}

static int child_opens_for_writing(void *context)
{
    return (int)open_flags(context, 0, NULL);
}

static void second_writer_in_another_process_is_busy(void **state)
{
    struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    assert_int_equal(in_child(child_opens_for_writing, scratch->path), NANOTS_BUSY);
    db_ok(nanots_append(db, "a", 2, 2.0, NULL, &db_error));
    db_close(db);
    assert_int_equal(in_child(child_opens_for_writing, scratch->path), NANOTS_OK);
}

/* Goal: while another process writes, this one is told BUSY; when that one dies, its rows are here.
 * Method: the child opens, appends, says so through a pipe, and is killed. */
static void writer_that_is_killed_gives_its_lock_and_rows_back(void **state)
{
    const struct scratch *scratch = *state;
    int ready[2];
    char byte = 0;
    struct nanots_series series;

    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct nanots_db *db = NULL;
        if (nanots_open(scratch->path, NULL, &db, NULL) == NANOTS_OK &&
            nanots_append(db, "a", 7, 7.5, NULL, NULL) == NANOTS_OK)
            (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    db_fails(open_flags(scratch->path, 0, &db_error), NANOTS_BUSY, "another process");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
    struct nanots_db *db = db_open(scratch->path);
    db_ok(nanots_query_range(db, "a", 7, 7, &series, &db_error));
    assert_int_equal(series.row_count, 1);
    assert_true(series.values[0] == 7.5);
    nanots_free(series.block);
    db_close(db);
}

/* ---- readers beside a writer -------------------------------------------------------------- */

/* Rows that lie in segments and rows that lie in the log only, of a bulk batch too. */
static struct nanots_db *writer_with_all_kinds(const char *path, struct db_rows *wanted)
{
    struct nanots_db *db = db_open(path);
    struct db_rows few = db_rows_sine(700, 2, 500);

    db_create(db, "a", 2);
    *wanted = db_rows_sine(90000, 2, 0);
    db_append_all(db, "a", &few);
    db_ok(nanots_flush(db, &db_error));
    db_append_all(db, "a", wanted);
    db_append_all(db, "a", &few);
    struct db_rows rows = db_rows_new(2);
    db_rows_join(&rows, &few);
    db_rows_join(&rows, wanted);
    db_rows_join(&rows, &few);
    db_rows_sort(&rows);
    db_rows_free(wanted);
    db_rows_free(&few);
    *wanted = rows;
    return db;
}

/* Goal: a read-only handle next to a live writer sees its rows of the moment, those of the log
 * included, and keeps them while the writer goes on. */
static void reader_beside_a_writer_sees_rows_of_the_log(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows wanted;
    struct nanots_db *db = writer_with_all_kinds(scratch->path, &wanted);
    struct nanots_db *reader = db_open_read_only(scratch->path);
    struct db_rows more = db_rows_sine(20000, 2, 0);

    db_expect_table(reader, "a", &wanted);
    for (unsigned round = 0; round < 3; round++) {
        db_append_all(db, "a", &more);
        db_ok(nanots_pack_table(db, "a", 30000, &db_error));
        db_ok(nanots_compact_retention(db, "a", INT64_MAX, NULL, &db_error));
        db_expect_table(reader, "a", &wanted);
    }
    struct db_rows none = db_rows_new(2);
    db_expect_table(db, "a", &none);
    db_close(db); /* with the reader still there */
    db_expect_table(reader, "a", &wanted);
    db_close(reader);
    reader = db_open_read_only(scratch->path);
    db_expect_table(reader, "a", &none);
    db_close(reader);
    db_rows_free(&more);
    db_rows_free(&wanted);
}

struct child_reading {
    const char *path;
    const struct db_rows *wanted;
};

/* 0 if a fresh read-only handle shows the rows wanted. */
static int child_reads(void *context)
{
    const struct child_reading *reading = context;
    struct nanots_open_options options = {.struct_size = sizeof options,
                                          .flags = NANOTS_OPEN_READ_ONLY};
    struct nanots_db *db = NULL;
    struct nanots_series series;

    if (nanots_open(reading->path, &options, &db, NULL) != NANOTS_OK)
        return 1;
    if (nanots_query_range(db, "a", INT64_MIN, INT64_MAX, &series, NULL) != NANOTS_OK)
        return 2;
    if (series.row_count != reading->wanted->row_count)
        return 3;
    for (size_t i = 0; i < series.row_count; i++)
        if (series.ts[i] != reading->wanted->ts[i] ||
            db_to_bits(series.values[i]) != db_to_bits(reading->wanted->values[i * 2]))
            return 4;
    nanots_free(series.block);
    return nanots_close(db, NULL) == NANOTS_OK ? 0 : 5;
}

static void reader_in_another_process_sees_rows_of_the_log(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows wanted;
    struct nanots_db *db = writer_with_all_kinds(scratch->path, &wanted);
    struct child_reading reading = {scratch->path, &wanted};

    assert_int_equal(in_child(child_reads, &reading), 0);
    db_close(db);
    assert_int_equal(in_child(child_reads, &reading), 0);
    db_rows_free(&wanted);
}

/* ---- fork --------------------------------------------------------------------------------- */

struct child_handle {
    struct nanots_db *db;
    struct nanots_table *table;
    struct nanots_cursor *cursor;
};

/* The number of the first call that is not MISUSE, 0 if all are. */
static int child_uses_the_handle(void *context)
{
    const struct child_handle *handle = context;
    const struct nanots_batch *batch = NULL;
    struct nanots_cursor *cursor = NULL;
    struct nanots_series series;
    const double value = 1.0;

    if (nanots_append(handle->db, "a", 9, value, NULL, NULL) != NANOTS_MISUSE)
        return 1;
    if (nanots_table_append(handle->table, 9, &value, 1, NULL, NULL) != NANOTS_MISUSE)
        return 2;
    if (nanots_flush(handle->db, NULL) != NANOTS_MISUSE)
        return 3;
    if (nanots_query_open(handle->db, "a", NULL, &cursor, NULL) != NANOTS_MISUSE)
        return 4;
    if (nanots_query_range(handle->db, "a", 0, 9, &series, NULL) != NANOTS_MISUSE)
        return 5;
    if (nanots_query_next(handle->cursor, &batch, NULL) != NANOTS_MISUSE)
        return 6;
    if (nanots_pack_table(handle->db, "a", 0, NULL) != NANOTS_MISUSE)
        return 7;
    nanots_query_close(handle->cursor);
    if (nanots_close(handle->db, &db_error) != NANOTS_MISUSE)
        return 8;
    return strstr(db_error.message, "fork") != NULL ? 0 : 9;
}

/* Goal: a child of fork is refused, and its end takes nothing from the parent. */
static void handle_inherited_through_fork_is_misuse(void **state)
{
    const struct scratch *scratch = *state;
    struct child_handle handle = {.db = db_open(scratch->path)};
    struct db_rows wanted = db_rows_sine(100, 1, 0);

    db_create(handle.db, "a", 1);
    db_append_all(handle.db, "a", &wanted);
    db_ok(nanots_table_open(handle.db, "a", &handle.table, &db_error));
    db_ok(nanots_query_open(handle.db, "a", NULL, &handle.cursor, &db_error));
    assert_int_equal(in_child(child_uses_the_handle, &handle), 0);
    struct db_rows rows = db_rows_drain(handle.cursor, 1);
    db_expect_rows(&rows, &wanted);
    nanots_query_close(handle.cursor);
    db_rows_free(&rows);
    db_fails(open_flags(scratch->path, 0, &db_error), NANOTS_BUSY, "writing");
    db_append_all(handle.db, "a", &wanted);
    db_close(handle.db);
    db_rows_free(&wanted);
}

/* ---- permission --------------------------------------------------------------------------- */

struct child_permission {
    const char *path;
    uint32_t flags;
};

/* Gives root's rights up first, since they go through any mode. */
static int child_opens_as_nobody(void *context)
{
    const struct child_permission *permission = context;
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return 98;
    const nanots_status status = open_flags(permission->path, permission->flags, &db_error);
    if (status != NANOTS_OK && strstr(db_error.message, "plant.ntt") == NULL)
        return 97;
    return (int)status;
}

/* The directory of the scratch is open to all; one further up may not be. */
static bool nobody_may_enter(const struct scratch *scratch)
{
    struct child_permission permission = {scratch->path, NANOTS_OPEN_READ_ONLY};
    assert_int_equal(chmod(scratch->path, 0644), 0);
    return in_child(child_opens_as_nobody, &permission) == NANOTS_OK;
}

static void open_without_permission_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct child_permission permission = {scratch->path, 0};
    struct nanots_db *db = db_open(scratch->path);

    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_close(db);
    assert_int_equal(chmod(scratch->path, 0), 0);
    assert_int_equal(in_child(child_opens_as_nobody, &permission), NANOTS_PERMISSION);
    permission.flags = NANOTS_OPEN_READ_ONLY;
    assert_int_equal(in_child(child_opens_as_nobody, &permission), NANOTS_PERMISSION);
}

static void open_of_a_file_that_may_only_be_read_is_refused_for_writing(void **state)
{
    const struct scratch *scratch = *state;
    struct child_permission permission = {scratch->path, 0};
    struct nanots_db *db = db_open(scratch->path);

    db_ok(nanots_append(db, "a", 1, 1.0, NULL, &db_error));
    db_close(db);
    assert_int_equal(chmod(scratch->directory, 0755), 0);
    if (!nobody_may_enter(scratch)) {
        print_message("# user nobody may not enter %s\n", scratch->directory);
        skip();
    }
    assert_int_equal(chmod(scratch->path, 0444), 0);
    assert_int_equal(in_child(child_opens_as_nobody, &permission), NANOTS_PERMISSION);
    permission.flags = NANOTS_OPEN_READ_ONLY;
    assert_int_equal(in_child(child_opens_as_nobody, &permission), NANOTS_OK);
}

#define PROCESS_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(second_writer_in_the_process_is_busy),
        PROCESS_TEST(second_writer_in_another_process_is_busy),
        PROCESS_TEST(writer_that_is_killed_gives_its_lock_and_rows_back),
        PROCESS_TEST(reader_beside_a_writer_sees_rows_of_the_log),
        PROCESS_TEST(reader_in_another_process_sees_rows_of_the_log),
        PROCESS_TEST(handle_inherited_through_fork_is_misuse),
        PROCESS_TEST(open_without_permission_is_refused),
        PROCESS_TEST(open_of_a_file_that_may_only_be_read_is_refused_for_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
