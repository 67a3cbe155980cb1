/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_follow.c - a read-only handle that moves on beside a writer, and its pins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

#define refresh_expect(db, wanted) refresh_expect_at(db, wanted, __FILE__, __LINE__)

static void refresh_expect_at(struct nanots_db *db, int wanted, const char *file, int line)
{
    int changed = -1;
    db_expect_status(nanots_refresh(db, &changed, &db_error), NANOTS_OK, NULL, "nanots_refresh",
                     file, line);
    if (changed != wanted)
        fail_msg("%s:%d: changed is %d", file, line, changed);
}

static uint64_t counter_of(struct nanots_db *db)
{
    uint64_t counter = 0;
    db_ok(nanots_change_counter(db, &counter, &db_error));
    return counter;
}

static uint64_t rows_of(struct nanots_db *db, const char *table)
{
    uint64_t rows = 0;
    db_ok(nanots_row_count(db, table, &rows, &db_error));
    return rows;
}

static struct nanots_diagnosis diagnosis_of(struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    return diagnosis;
}

/* One more call of rows, in the file and in what is wanted. */
static void grow(struct nanots_db *db, struct db_rows *wanted, size_t row_count)
{
    struct db_rows rows = db_rows_sine(row_count, 2, (int64_t)wanted->row_count * 1000);
    db_append_all(db, "a", &rows);
    db_rows_join(wanted, &rows);
    db_rows_sort(wanted);
    db_rows_free(&rows);
}

struct pair {
    struct nanots_db *writer;
    struct nanots_db *reader;
    struct db_rows wanted;
};

static struct pair pair_begin(const struct scratch *scratch)
{
    struct pair pair = {.writer = db_open(scratch->path), .wanted = db_rows_new(2)};
    db_create(pair.writer, "a", 2);
    grow(pair.writer, &pair.wanted, 10);
    pair.reader = db_open_read_only(scratch->path);
    db_expect_table(pair.reader, "a", &pair.wanted);
    return pair;
}

static void pair_end(struct pair *pair)
{
    db_close(pair->writer);
    db_close(pair->reader);
    db_rows_free(&pair->wanted);
}

/* ---- moving on ---------------------------------------------------------------------------- */

/* Goal: whatever the writer does, a refresh shows its rows, and only a refresh does. */
static void refresh_follows_every_step_of_a_writer(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);

    refresh_expect(pair.reader, 0);
    for (unsigned round = 0; round < 4; round++) {
        struct db_rows before = db_rows_read(pair.reader, "a", NULL);
        grow(pair.writer, &pair.wanted, 7);
        grow(pair.writer, &pair.wanted, 1);
        db_expect_table(pair.reader, "a", &before);
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);
        refresh_expect(pair.reader, 0);

        db_ok(nanots_flush(pair.writer, &db_error));
        grow(pair.writer, &pair.wanted, 3);
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);

        db_ok(nanots_pack_table(pair.writer, "a", 0, &db_error));
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);

        grow(pair.writer, &pair.wanted, 90000); /* a bulk batch */
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);

        const int64_t cutoff = pair.wanted.ts[pair.wanted.row_count / 2];
        db_ok(nanots_compact_retention(pair.writer, "a", cutoff, NULL, &db_error));
        (void)db_rows_cut(&pair.wanted, cutoff);
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);

        pair.writer = db_reopen(pair.writer, scratch->path);
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);
        db_rows_free(&before);
    }
    pair_end(&pair);
}

/* Goal: through log extents that are sealed, grown and recycled, every row comes once. */
static void refresh_follows_the_log_through_its_laps(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    for (unsigned round = 0; round < 300; round++) {
        grow(pair.writer, &pair.wanted, 100);
        if (round % 7 == 0) {
            refresh_expect(pair.reader, 1);
            assert_int_equal(rows_of(pair.reader, "a"), pair.wanted.row_count);
        }
    }
    db_ok(nanots_refresh(pair.reader, NULL, &db_error));
    db_expect_table(pair.reader, "a", &pair.wanted);
    pair_end(&pair);
}

/* Goal: from an empty file, from tiny form, and over each close; a close beside a reader leaves the
 * file to the next one to tidy, and it does not grow with each. */
static void refresh_follows_from_an_empty_file_and_from_tiny_form(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *writer = db_open(scratch->path);
    struct nanots_db *reader = db_open_read_only(scratch->path);
    struct nanots_series series;
    uint64_t size = 0;

    refresh_expect(reader, 0);
    for (int64_t i = 0; i < 24; i++) {
        db_ok(nanots_append(writer, "s", i, (double)i, NULL, &db_error));
        if (i % 2 == 0)
            refresh_expect(reader, 1);
        db_close(writer);
        refresh_expect(reader, 1);
        db_ok(nanots_query_range(reader, "s", 0, 99, &series, &db_error));
        assert_int_equal(series.row_count, i + 1);
        nanots_free(series.block);
        if (i == 4)
            size = db_file_size(scratch->path);
        if (i == 12) { /* nobody reads: tiny */
            db_close(reader);
            db_close(db_open(scratch->path));
            writer = db_open(scratch->path);
            db_ok(nanots_append(writer, "t", 1, 1.0, NULL, &db_error));
            db_close(writer);
            assert_in_range(db_file_size(scratch->path), 1, 4096);
            reader = db_open_read_only(scratch->path);
        }
        writer = db_open(scratch->path);
    }
    db_close(writer);
    db_close(reader);
    assert_in_range(db_file_size(scratch->path), 1, size * 2);
}

/* Goal: rows that a tiny file had where a superblock's second copy belongs stay for who reads them,
 * also under writers that know nothing of that. */
static void cursor_of_a_tiny_file_outlives_many_writers(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows wanted = db_rows_new(2);
    struct nanots_cursor *cursor = NULL;
    struct nanots_db *db = db_open(scratch->path);
    db_create(db, "a", 2);
    grow(db, &wanted, 40);
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 600, 4096);
    struct nanots_db *reader = db_open_read_only(scratch->path);
    db_ok(nanots_query_open(reader, "a", NULL, &cursor, &db_error));
    for (int64_t i = 0; i < 12; i++) {
        const double values[2] = {1, 2};
        const bool is_killed = i % 4 == 1;
        const pid_t child = is_killed ? fork() : 0;
        assert_true(child >= 0);
        if (child == 0) {
            db = db_open(scratch->path);
            db_ok(nanots_append_row(db, "a", i, values, 2, NULL, &db_error));
            for (int64_t flush = 0; flush < i / 4 && is_killed; flush++) {
                db_ok(nanots_flush(db, &db_error));
                db_ok(nanots_append_row(db, "a", i, values, 2, NULL, &db_error));
            }
            if (is_killed)
                _exit(0);
            db_close(db);
        } else {
            assert_int_equal(waitpid(child, NULL, 0), child);
        }
        if (i == 7)
            refresh_expect(reader, 1);
    }
    struct db_rows rows = db_rows_drain(cursor, 2);
    nanots_query_close(cursor);
    db_expect_rows(&rows, &wanted);
    db_rows_free(&rows);
    db_rows_free(&wanted);
    db_close(reader);
}

static void refresh_shows_new_tables(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    struct nanots_table_list list;
    char name[32];

    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "t%02u", i);
        db_create(pair.writer, name, 1 + i % 3);
        if (i % 8 == 3)
            db_ok(nanots_flush(pair.writer, &db_error));
        refresh_expect(pair.reader, 1);
        db_ok(nanots_list_tables(pair.reader, &list, &db_error));
        assert_int_equal(list.count, i + 2);
        nanots_free(list.block);
        assert_int_equal(rows_of(pair.reader, name), 0);
    }
    pair_end(&pair);
}

/* Goal: a writer that died and one that recovers are nothing special. */
static void refresh_follows_over_the_death_of_a_writer(void **state)
{
    struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    for (unsigned round = 0; round < 5; round++) {
        struct db_rows rows = db_rows_sine(20, 2, (int64_t)pair.wanted.row_count * 1000);
        db_close(pair.writer);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct nanots_db *db = NULL;
            if (nanots_open(scratch->path, NULL, &db, NULL) != NANOTS_OK ||
                nanots_append_rows(db, "a", rows.ts, rows.values, rows.row_count, 2, NULL, NULL) !=
                    NANOTS_OK)
                _exit(1);
            (void)raise(SIGKILL);
        }
        int outcome = 0;
        assert_int_equal(waitpid(child, &outcome, 0), child);
        assert_true(WIFSIGNALED(outcome));
        db_rows_join(&pair.wanted, &rows);
        refresh_expect(pair.reader, 1); /* dead, not yet recovered */
        db_expect_table(pair.reader, "a", &pair.wanted);
        pair.writer = db_open(scratch->path);
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);
        grow(pair.writer, &pair.wanted, 5);
        refresh_expect(pair.reader, 1);
        db_expect_table(pair.reader, "a", &pair.wanted);
        db_rows_free(&rows);
    }
    pair_end(&pair);
}

/* ---- what stays --------------------------------------------------------------------------- */

/* Goal: an open cursor keeps its rows over refreshes, though the writer packs, cuts and fills the
 * space again; table handles go on being good. */
static void refresh_leaves_cursors_and_table_handles_alone(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    struct nanots_cursor *cursors[6];
    struct db_rows snapshots[6];

    for (unsigned i = 0; i < 6; i++) {
        grow(pair.writer, &pair.wanted, i % 2 == 0 ? 50000 : 500);
        if (i % 3 == 1)
            db_ok(nanots_pack_table(pair.writer, "a", 0, &db_error));
        refresh_expect(pair.reader, 1);
        snapshots[i] = db_rows_new(2);
        db_rows_join(&snapshots[i], &pair.wanted);
        db_ok(nanots_query_open(pair.reader, "a", NULL, &cursors[i], &db_error));
    }
    db_ok(nanots_compact_retention(pair.writer, "a", INT64_MAX, NULL, &db_error));
    db_rows_free(&pair.wanted);
    pair.wanted = db_rows_new(2);
    for (unsigned i = 0; i < 5; i++) {
        grow(pair.writer, &pair.wanted, 50000);
        db_ok(nanots_pack_table(pair.writer, "a", 0, &db_error));
        refresh_expect(pair.reader, 1);
    }
    db_expect_table(pair.reader, "a", &pair.wanted);
    for (unsigned i = 0; i < 6; i++) {
        struct db_rows rows = db_rows_drain(cursors[i], 2);
        db_expect_rows(&rows, &snapshots[i]);
        db_rows_free(&rows);
        db_rows_free(&snapshots[i]);
        nanots_query_close(cursors[i]);
    }
    pair_end(&pair);
}

/* ---- pins --------------------------------------------------------------------------------- */

/* Goal: the pin moves with a refresh, stays where a cursor needs it, and goes with the refresh
 * after the cursor's close. */
static void refresh_moves_the_pin(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    struct nanots_cursor *cursor = NULL;

    db_ok(nanots_flush(pair.writer, &db_error));
    refresh_expect(pair.reader, 1);
    const uint64_t first = diagnosis_of(pair.writer).generation;
    assert_int_equal(diagnosis_of(pair.writer).oldest_pin, first);
    assert_int_equal(diagnosis_of(pair.reader).oldest_pin, first);
    db_ok(nanots_query_open(pair.reader, "a", NULL, &cursor, &db_error));
    grow(pair.writer, &pair.wanted, 10);
    db_ok(nanots_pack_table(pair.writer, "a", 0, &db_error));
    refresh_expect(pair.reader, 1);
    assert_int_equal(diagnosis_of(pair.writer).oldest_pin, first);
    assert_int_equal(diagnosis_of(pair.reader).oldest_pin, first);
    nanots_query_close(cursor);
    assert_int_equal(diagnosis_of(pair.writer).oldest_pin, first);
    refresh_expect(pair.reader, 0);
    assert_int_equal(diagnosis_of(pair.writer).oldest_pin, diagnosis_of(pair.writer).generation);
    assert_int_equal(diagnosis_of(pair.reader).oldest_pin, diagnosis_of(pair.writer).generation);
    db_close(pair.reader);
    db_ok(nanots_flush(pair.writer, &db_error));
    assert_int_equal(diagnosis_of(pair.writer).oldest_pin, diagnosis_of(pair.writer).generation);
    pair.reader = db_open_read_only(scratch->path);
    pair_end(&pair);
}

/* Goal: beside a reader that refreshes, the file does not grow without end; beside one that does
 * not, its space is kept. */
static void refresh_lets_the_writer_reclaim_space(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    struct db_rows rows = db_rows_sine(70000, 2, 0);
    uint64_t sizes[2] = {0, 0};

    for (unsigned refreshing = 0; refreshing < 2; refreshing++) {
        db_ok(nanots_refresh(pair.reader, NULL, &db_error));
        for (unsigned i = 0; i < 16; i++) {
            db_append_all(pair.writer, "a", &rows);
            db_ok(nanots_compact_retention(pair.writer, "a", INT64_MAX, NULL, &db_error));
            if (refreshing != 0)
                refresh_expect(pair.reader, 1);
        }
        db_close(pair.reader);
        sizes[refreshing] = db_file_size(scratch->path);
        pair.writer = db_reopen(pair.writer, scratch->path);
        pair.reader = db_open_read_only(scratch->path);
    }
    assert_in_range(sizes[1], 1, sizes[0] / 2);
    db_rows_free(&rows);
    pair_end(&pair);
}

/* Goal: the pin of a reader that is killed goes with it. */
static void pin_of_a_killed_reader_is_gone(void **state)
{
    struct scratch *scratch = *state;
    struct nanots_db *writer = db_open(scratch->path);
    int ready[2];
    char byte = 0;

    db_ok(nanots_append(writer, "s", 1, 1.0, NULL, &db_error));
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct nanots_open_options options = {.struct_size = sizeof options,
                                              .flags = NANOTS_OPEN_READ_ONLY};
        struct nanots_db *db = NULL;
        if (nanots_open(scratch->path, &options, &db, NULL) == NANOTS_OK &&
            nanots_refresh(db, NULL, NULL) == NANOTS_OK)
            (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    const uint64_t pinned = diagnosis_of(writer).generation;
    db_ok(nanots_flush(writer, &db_error));
    assert_int_equal(diagnosis_of(writer).oldest_pin, pinned);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(diagnosis_of(writer).oldest_pin, diagnosis_of(writer).generation);
    (void)close(ready[0]);
    (void)close(ready[1]);
    db_close(writer);
}

/* ---- the change counter ------------------------------------------------------------------- */

/* Goal: it grows with rows and tables and with nothing else, the same for the writer and every
 * reader, and over the change of writers. */
static void change_counter_grows_with_rows_and_tables_only(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    uint64_t before = counter_of(pair.reader);

    for (unsigned round = 0; round < 60; round++) {
        const bool adds = round % 6 < 3;
        if (round % 6 == 0)
            grow(pair.writer, &pair.wanted, 1);
        if (round % 6 == 1)
            grow(pair.writer, &pair.wanted, round % 4 == 3 ? 60000 : 1500);
        if (round % 6 == 2) {
            char name[16];
            (void)snprintf(name, sizeof name, "t%u", round);
            db_create(pair.writer, name, 1);
        }
        if (round % 6 == 3)
            db_ok(nanots_flush(pair.writer, &db_error));
        if (round % 6 == 4)
            db_ok(nanots_pack_table(pair.writer, "a", 0, &db_error));
        if (round % 6 == 5)
            pair.writer = db_reopen(pair.writer, scratch->path);
        const uint64_t now = counter_of(pair.reader);
        assert_int_equal(now, counter_of(pair.writer));
        assert_true(adds ? now > before : now == before);
        before = now;
        if (round % 5 == 0)
            db_ok(nanots_refresh(pair.reader, NULL, &db_error));
        assert_int_equal(counter_of(pair.reader), before);
    }
    pair_end(&pair);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void refresh_of_a_writer_does_nothing(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    db_ok(nanots_append(db, "s", 1, 1.0, NULL, &db_error));
    refresh_expect(db, 0);
    db_ok(nanots_refresh(db, NULL, &db_error));
    db_fails(nanots_refresh(NULL, NULL, &db_error), NANOTS_INVALID, "NULL");
    db_fails(nanots_change_counter(db, NULL, &db_error), NANOTS_INVALID, "counter_out");
    db_close(db);
}

/* Goal: a file that was deleted, replaced, or overwritten by another or an older one is an error
 * that says so, and the rows that the handle has stay. */
static void refresh_of_a_replaced_file_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    struct db_rows wanted = db_rows_new(2);
    char other[256];
    char old[256];
    uint64_t counter = 0;

    (void)scratch_path(scratch, "other.ntt", other, sizeof other);
    (void)scratch_path(scratch, "old.ntt", old, sizeof old);
    db_ok(nanots_flush(pair.writer, &db_error));
    db_file_copy(scratch->path, old);
    grow(pair.writer, &pair.wanted, 10);
    db_ok(nanots_flush(pair.writer, &db_error));
    refresh_expect(pair.reader, 1);
    db_rows_join(&wanted, &pair.wanted);
    db_close(pair.writer);
    refresh_expect(pair.reader, 1);
    struct nanots_db *db = db_open(other);
    db_ok(nanots_append(db, "b", 1, 1.0, NULL, &db_error));
    db_close(db);

    db_file_copy(old, scratch->path); /* in place */
    db_fails(nanots_refresh(pair.reader, NULL, &db_error), NANOTS_NOT_FOUND, "older state");
    db_file_copy(other, scratch->path);
    db_fails(nanots_refresh(pair.reader, NULL, &db_error), NANOTS_NOT_FOUND, "another database");
    assert_int_equal(rename(other, scratch->path), 0);
    db_fails(nanots_refresh(pair.reader, NULL, &db_error), NANOTS_NOT_FOUND, "replaced");
    db_fails(nanots_change_counter(pair.reader, &counter, &db_error), NANOTS_NOT_FOUND,
             "open the file again");
    assert_int_equal(remove(scratch->path), 0);
    db_fails(nanots_refresh(pair.reader, NULL, &db_error), NANOTS_NOT_FOUND, "deleted");
    assert_int_equal(rows_of(pair.reader, "a"), wanted.row_count);
    db_close(pair.reader);
    db_rows_free(&wanted);
    db_rows_free(&pair.wanted);
}

/* A file that was moved is still the one that was opened. */
static void refresh_follows_a_file_that_was_moved(void **state)
{
    const struct scratch *scratch = *state;
    struct pair pair = pair_begin(scratch);
    char moved[256];
    (void)scratch_path(scratch, "moved.ntt", moved, sizeof moved);
    assert_int_equal(rename(scratch->path, moved), 0);
    grow(pair.writer, &pair.wanted, 10);
    refresh_expect(pair.reader, 1);
    db_expect_table(pair.reader, "a", &pair.wanted);
    pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(refresh_follows_every_step_of_a_writer),
        WITH_SCRATCH(refresh_follows_the_log_through_its_laps),
        WITH_SCRATCH(refresh_follows_from_an_empty_file_and_from_tiny_form),
        WITH_SCRATCH(cursor_of_a_tiny_file_outlives_many_writers),
        WITH_SCRATCH(refresh_shows_new_tables),
        WITH_SCRATCH(refresh_follows_over_the_death_of_a_writer),
        WITH_SCRATCH(refresh_leaves_cursors_and_table_handles_alone),
        WITH_SCRATCH(refresh_moves_the_pin),
        WITH_SCRATCH(refresh_lets_the_writer_reclaim_space),
        WITH_SCRATCH(pin_of_a_killed_reader_is_gone),
        WITH_SCRATCH(change_counter_grows_with_rows_and_tables_only),
        WITH_SCRATCH(refresh_of_a_writer_does_nothing),
        WITH_SCRATCH(refresh_of_a_replaced_file_is_refused),
        WITH_SCRATCH(refresh_follows_a_file_that_was_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
