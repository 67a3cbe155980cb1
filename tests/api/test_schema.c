/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_schema.c - tables that change: a column more, another name, none at all. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/typed_rows.h"

static const struct nanots_column note = {"note", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE};

static void append_value(struct nanots_db *db, const char *table, int64_t ts, double value)
{
    db_ok(nanots_append(db, table, ts, value, NULL, &db_error));
}

static uint64_t count_of(struct nanots_db *db, const char *table)
{
    uint64_t rows = 0;
    db_ok(nanots_row_count(db, table, &rows, &db_error));
    return rows;
}

static void changes_that_cannot_be_are_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_column column = note;

    append_value(db, "a", 1, 1.0);
    append_value(db, "b", 1, 2.0);
    for (unsigned round = 0; round < 2; round++) {
        column = note;
        column.flags = 0;
        db_fails(nanots_add_column(db, "a", &column, &db_error), NANOTS_INVALID, "nullable");
        column.flags = 3;
        db_fails(nanots_add_column(db, "a", &column, &db_error), NANOTS_INVALID, "'note'");
        column = note;
        column.type = NANOTS_TYPE_NULL;
        db_fails(nanots_add_column(db, "a", &column, &db_error), NANOTS_INVALID, "type 0");
        column = note;
        column.name = "value";
        db_fails(nanots_add_column(db, "a", &column, &db_error), NANOTS_INVALID, "'value'");
        column.name = "ts_us";
        db_fails(nanots_add_column(db, "a", &column, &db_error), NANOTS_INVALID, "reserved");
        column.name = NULL;
        db_fails(nanots_add_column(db, "a", &column, &db_error), NANOTS_INVALID, "name");
        db_fails(nanots_add_column(db, "a", NULL, &db_error), NANOTS_INVALID, "NULL");
        db_fails(nanots_add_column(db, "none", &note, &db_error), NANOTS_NOT_FOUND, "none");
        db_fails(nanots_rename_table(db, "a", "b", &db_error), NANOTS_EXISTS, "'b'");
        db_fails(nanots_rename_table(db, "a", "a", &db_error), NANOTS_EXISTS, "'a'");
        db_fails(nanots_rename_table(db, "a", "nanots_a", &db_error), NANOTS_INVALID, "reserved");
        db_fails(nanots_rename_table(db, "a", "", &db_error), NANOTS_INVALID, "empty");
        db_fails(nanots_rename_table(db, "a", NULL, &db_error), NANOTS_INVALID, "name");
        db_fails(nanots_rename_table(db, "none", "c", &db_error), NANOTS_NOT_FOUND, "none");
        db_fails(nanots_rename_column(db, "a", "none", "c", &db_error), NANOTS_NOT_FOUND, "none");
        db_fails(nanots_rename_column(db, "a", "value", "ts", &db_error), NANOTS_INVALID,
                 "reserved");
        db_fails(nanots_rename_column(db, "a", NULL, "c", &db_error), NANOTS_INVALID, "NULL");
        db_fails(nanots_rename_column(db, "a", "value", NULL, &db_error), NANOTS_INVALID, "name");
        db_fails(nanots_drop_table(db, "none", &db_error), NANOTS_NOT_FOUND, "none");
        db_fails(nanots_drop_table(db, NULL, &db_error), NANOTS_INVALID, "NULL");
        assert_int_equal(count_of(db, "a"), 1);
        db = db_reopen(db, scratch->path);
    }
    db_close(db);
    db = db_open_read_only(scratch->path);
    db_fails(nanots_add_column(db, "a", &note, &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_rename_table(db, "a", "c", &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_rename_column(db, "a", "value", "c", &db_error), NANOTS_READ_ONLY, "read-only");
    db_fails(nanots_drop_table(db, "a", &db_error), NANOTS_READ_ONLY, "read-only");
    db_close(db);
}

static void verify_clean(struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
    assert_int_equal(report.damage, 0);
}

/* Goal: a column that is added is null in all rows that are there: in the log, in memory and in
 * segments, before and after a flush, a pack and reopening; and rows after it have its values. */
static void added_column_is_null_in_older_rows(void **state)
{
    const struct scratch *scratch = *state;
    uint64_t seed = seed_of_run();
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_table *table = NULL;

    db_ok(nanots_create_table(db, "plant", typed_columns, TYPED_COLUMNS, &db_error));
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, 400, &seed);
    for (size_t part = 0; part < 4; part++) {
        struct typed_batch *batch = typed_batch_new(&rows, part * 100, 100);
        db_ok(nanots_append_batch(db, "plant", &batch->batch, NULL, &db_error));
        typed_batch_free(batch);
        if (part < 2)
            db_ok(nanots_flush(db, &db_error));
    }
    db_ok(nanots_table_open(db, "plant", &table, &db_error));
    db_ok(nanots_add_column(db, "plant", &note, &db_error));
    typed_expect_table(db, "plant", &rows);
    struct nanots_value values[TYPED_COLUMNS + 1];
    memcpy(values, typed_rows_at(&rows, 0, 0), TYPED_COLUMNS * sizeof values[0]);
    values[TYPED_COLUMNS] =
        (struct nanots_value){.type = NANOTS_TYPE_UTF8, .as.utf8 = {.data = "new", .size = 3}};
    db_fails(nanots_table_append_typed(table, 1, values, TYPED_COLUMNS, NULL, &db_error),
             NANOTS_INVALID, "13");
    db_ok(nanots_table_append_typed(table, INT64_MAX, values, TYPED_COLUMNS + 1, NULL, &db_error));
    for (unsigned round = 0; round < 4; round++) {
        static const char *const asked[] = {"note"};
        const struct nanots_query query = {
            .struct_size = sizeof query, .columns = asked, .column_count = 1};
        struct nanots_column_stats stats = {.struct_size = sizeof stats};
        struct nanots_cursor *cursor = NULL;
        const struct nanots_batch *batch = NULL;
        db_ok(nanots_query_open(db, "plant", &query, &cursor, &db_error));
        db_ok(nanots_query_next(cursor, &batch, &db_error));
        assert_int_equal(batch->row_count, 401);
        for (size_t i = 0; i < 400; i++)
            assert_int_equal(typed_batch_value(&batch->columns[0], i).type, NANOTS_TYPE_NULL);
        const struct nanots_value last = typed_batch_value(&batch->columns[0], 400);
        assert_true(typed_values_equal(&last, &values[TYPED_COLUMNS]));
        nanots_query_close(cursor);
        db_ok(nanots_stats_column(db, "plant", TYPED_COLUMNS, &stats, &db_error));
        verify_clean(db);
        if (round == 0)
            db_ok(nanots_flush(db, &db_error));
        if (round == 1)
            db = db_reopen(db, scratch->path);
        if (round == 2)
            db_ok(nanots_pack_table(db, "plant", 0, &db_error));
    }
    typed_rows_free(&rows);
    db_close(db);
}

/* Goal: cursors go on with what they saw and handles with their table, while two tables swap names
 * through a third, columns are renamed and a table is dropped and made again. */
static void open_cursors_and_handles_follow_their_table(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_cursor *cursors[2];
    struct nanots_table *tables[2];
    struct nanots_schema schema;
    double value = 0;
    int64_t ts = 0;

    append_value(db, "a", 1, 1.0);
    append_value(db, "b", 2, 2.0);
    db_ok(nanots_flush(db, &db_error));
    for (size_t i = 0; i < 2; i++) {
        db_ok(nanots_table_open(db, i == 0 ? "a" : "b", &tables[i], &db_error));
        db_ok(nanots_query_open(db, i == 0 ? "a" : "b", NULL, &cursors[i], &db_error));
    }
    db_ok(nanots_rename_table(db, "a", "c", &db_error));
    db_ok(nanots_rename_table(db, "b", "a", &db_error));
    db_ok(nanots_rename_table(db, "c", "b", &db_error));
    db_ok(nanots_rename_column(db, "b", "value", "power", &db_error));
    value = 11.0;
    db_ok(nanots_table_append(tables[0], 11, &value, 1, NULL, &db_error));
    db_ok(nanots_last(db, "b", &ts, &value, 1, &db_error));
    assert_int_equal(ts, 11);
    assert_int_equal(count_of(db, "a"), 1);
    db_ok(nanots_drop_table(db, "b", &db_error));
    append_value(db, "b", 99, 99.0);
    db_fails(nanots_table_append(tables[0], 12, &value, 1, NULL, &db_error), NANOTS_NOT_FOUND,
             "dropped");
    db_fails(nanots_last(db, "c", &ts, &value, 1, &db_error), NANOTS_NOT_FOUND, "'c'");
    assert_int_equal(count_of(db, "b"), 1);
    for (size_t i = 0; i < 2; i++) {
        struct db_rows seen = db_rows_drain(cursors[i], 1);
        assert_int_equal(seen.row_count, 1);
        assert_int_equal(seen.ts[0], (int64_t)i + 1);
        nanots_query_close(cursors[i]);
        db_rows_free(&seen);
    }
    for (unsigned round = 0; round < 2; round++) {
        db_ok(nanots_last(db, "b", &ts, &value, 1, &db_error));
        assert_int_equal(ts, 99);
        db_ok(nanots_last(db, "a", &ts, &value, 1, &db_error));
        assert_int_equal(ts, 2);
        db_ok(nanots_table_schema(db, "b", &schema, &db_error));
        assert_string_equal(schema.columns[0].name, "value");
        nanots_free(schema.block);
        verify_clean(db);
        db = db_reopen(db, scratch->path);
    }
    db_close(db);
}

#define BULK_ROWS 80000u

/* Rows that go into segments of their own at once; the table is made. */
static void append_bulk(struct nanots_db *db, const char *table, int64_t ts)
{
    struct db_rows rows = db_rows_new(1);
    db_create(db, table, 1);
    for (int64_t i = 0; i < BULK_ROWS; i++) {
        const double value = (double)(i * 7919 % 104729) * 0.37;
        db_rows_add(&rows, ts + i, &value);
    }
    const double *columns[] = {rows.values};
    db_ok(nanots_append_columns(db, table, rows.ts, columns, rows.row_count, 1, NULL, &db_error));
    db_rows_free(&rows);
}

/* Large batches until the table is gone; NULL then. */
static void *append_bulk_until_dropped(void *argument)
{
    struct nanots_table *table = argument;
    static int64_t ts[BULK_ROWS];
    static double values[BULK_ROWS];
    const double *columns[] = {values};
    struct nanots_error error;
    nanots_status status = NANOTS_OK;
    for (size_t i = 0; i < BULK_ROWS; i++) {
        ts[i] = (int64_t)i;
        values[i] = (double)(i * 7919 % 104729) * 0.37;
    }
    while (status == NANOTS_OK)
        status = nanots_table_append_columns(table, ts, columns, BULK_ROWS, 1, NULL, &error);
    return status == NANOTS_NOT_FOUND ? NULL : table;
}

/* Goal: the log names segments of a table that is gone, whose bytes others have by now: rows behind
 * that record are there after a kill, and what was dropped gave its space back.
 * Method: batches come all the while, also between the flush of the drop and its commit. */
static void log_goes_on_behind_segments_of_a_dropped_table(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    char path[256];

    (void)scratch_path(scratch, "copy.ntt", path, sizeof path);
    append_value(db, "stays", 0, 1.0);
    for (int64_t round = 1; round <= 10; round++) {
        struct nanots_table *table = NULL;
        pthread_t thread;
        void *failed = NULL;
        db_create(db, "goes", 1);
        db_ok(nanots_table_open(db, "goes", &table, &db_error));
        assert_int_equal(pthread_create(&thread, NULL, append_bulk_until_dropped, table), 0);
        (void)usleep(20000);
        db_ok(nanots_drop_table(db, "goes", &db_error));
        assert_int_equal(pthread_join(thread, &failed), 0);
        assert_null(failed);
        append_bulk(db, "other", round * 100000);
        append_value(db, "stays", round, 1.0);
        db_file_copy(scratch->path, path);
        struct nanots_db *copy = db_open(path);
        assert_int_equal(count_of(copy, "stays"), round + 1);
        assert_int_equal(count_of(copy, "other"), BULK_ROWS);
        verify_clean(copy);
        db_close(copy);
        db_ok(nanots_drop_table(db, "other", &db_error));
    }
    db_close(db);
    assert_in_range(db_file_size(scratch->path), 1, 100000);
}

/* Goal: of rows of equal time the right ones, however they lie: batches end between them. */
static void equal_times_over_batches_follow_the_rule(void **state)
{
    enum { TIMES = 90000 };
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    static int64_t ts[TIMES];
    static double values[TIMES];
    for (int rule = 0; rule < 3; rule++) {
        const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
        const struct nanots_table_options options = {.struct_size = sizeof options,
                                                     .duplicates = (nanots_duplicates)rule};
        const char *const names[] = {"all", "last", "first"};
        db_ok(nanots_create_table_with(db, names[rule], &column, 1, &options, &db_error));
        for (int layer = 0; layer < 3; layer++) {
            const double *columns[] = {values};
            for (size_t i = 0; i < TIMES; i++) {
                ts[i] = (int64_t)(i / (layer == 1 ? 3 : 1));
                values[i] = (double)(layer * TIMES) + (double)i;
            }
            db_ok(nanots_append_columns(db, names[rule], ts, columns, TIMES, 1, NULL, &db_error));
            if (layer == 0)
                db_ok(nanots_flush(db, &db_error));
        }
        for (unsigned round = 0; round < 4; round++) {
            const struct nanots_query query = {.struct_size = sizeof query,
                                               .flags = round % 2 == 0 ? 0 : NANOTS_QUERY_REVERSE};
            struct db_rows rows = db_rows_read(db, names[rule], &query);
            assert_int_equal(rows.row_count, rule == 0 ? 3 * TIMES : TIMES);
            if (round % 2 != 0)
                db_rows_reverse(&rows);
            for (size_t i = 0; i < rows.row_count && rule != 0; i++)
                if (rows.ts[i] != (int64_t)i ||
                    rows.values[i] != (double)i + (rule == 1 ? 2.0 * TIMES : 0))
                    fail_msg("rule %d, round %u, row %zu", rule, round, i);
            for (size_t i = 1; i < rows.row_count && rule == 0; i++)
                if (rows.ts[i - 1] > rows.ts[i] ||
                    (rows.ts[i - 1] == rows.ts[i] && rows.values[i - 1] >= rows.values[i]))
                    fail_msg("rule %d, round %u, row %zu", rule, round, i);
            db_rows_free(&rows);
            if (round == 1)
                db_ok(nanots_pack_table(db, names[rule], 0, &db_error));
        }
        assert_int_equal(count_of(db, names[rule]), rule == 0 ? 3 * TIMES : TIMES);
    }
    verify_clean(db);
    db_close(db);
}

/* ---- beside others ------------------------------------------------------------------------ */

#define RACE_ROUNDS 60u

struct race {
    struct nanots_db *db;
    struct nanots_table *table;
    _Atomic int stop;
};

/* Appends rows of as many columns as there are just now. */
static void *race_append(void *argument)
{
    struct race *race = argument;
    struct nanots_value values[RACE_ROUNDS + 1];
    struct nanots_error error;
    size_t count = 1;
    memset(values, 0, sizeof values);
    values[0].type = NANOTS_TYPE_F64;
    for (int64_t ts = 0; !race->stop; ts++) {
        values[0].as.f64 = (double)ts;
        const nanots_status status =
            nanots_table_append_typed(race->table, ts, values, count, NULL, &error);
        if (status == NANOTS_INVALID)
            count++;
        else if (status != NANOTS_OK)
            return race;
    }
    return NULL;
}

static void *race_query(void *argument)
{
    struct race *race = argument;
    struct nanots_error error;
    while (!race->stop) {
        struct nanots_schema schema;
        struct nanots_cursor *cursor = NULL;
        const struct nanots_batch *batch = NULL;
        if (nanots_table_schema(race->db, "plant", &schema, &error) != NANOTS_OK)
            return race;
        nanots_free(schema.block);
        if (nanots_query_open(race->db, "plant", NULL, &cursor, &error) != NANOTS_OK)
            return race;
        do
            if (nanots_query_next(cursor, &batch, &error) != NANOTS_OK)
                return race;
        while (batch != NULL);
        nanots_query_close(cursor);
    }
    return NULL;
}

/* Goal: columns come while others append and query, and nothing is lost or torn. */
static void columns_come_while_others_append_and_query(void **state)
{
    const struct scratch *scratch = *state;
    struct race race = {.db = db_open(scratch->path)};
    pthread_t threads[3];
    db_create(race.db, "plant", 1);
    db_ok(nanots_table_open(race.db, "plant", &race.table, &db_error));
    assert_int_equal(pthread_create(&threads[0], NULL, race_append, &race), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, race_append, &race), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, race_query, &race), 0);
    for (unsigned i = 0; i < RACE_ROUNDS; i++) {
        char name[16];
        char other[16];
        (void)snprintf(name, sizeof name, "n%u", i);
        const struct nanots_column column = {name, (nanots_type)(1 + i % 6),
                                             NANOTS_COLUMN_NULLABLE};
        db_ok(nanots_add_column(race.db, "plant", &column, &db_error));
        (void)snprintf(other, sizeof other, "other%u", i);
        if (i % 10 == 9)
            db_ok(nanots_rename_column(race.db, "plant", name, other, &db_error));
    }
    race.stop = 1;
    for (size_t i = 0; i < 3; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    const uint64_t rows = count_of(race.db, "plant");
    verify_clean(race.db);
    race.db = db_reopen(race.db, scratch->path);
    assert_int_equal(count_of(race.db, "plant"), rows);
    db_close(race.db);
}

/* The writer of another process, until it is killed: a table that is made, grows columns, is
 * renamed and dropped. */
static void race_write_for_ever(const char *path)
{
    struct nanots_db *db = NULL;
    struct nanots_error error;
    nanots_status status = nanots_open(path, NULL, &db, &error);
    for (int64_t round = 0; status == NANOTS_OK; round++) {
        const char *names[] = {"one", "two"};
        const char *now = names[round % 2];
        struct nanots_value values[4] = {{.type = NANOTS_TYPE_F64, .as.f64 = 1.5}};
        status = nanots_append(db, now, round, 0.5, NULL, &error);
        for (size_t c = 1; c < 4 && status == NANOTS_OK; c++) {
            const char *columns[] = {"", "p", "q", "r"};
            const struct nanots_column column = {columns[c], NANOTS_TYPE_UTF8,
                                                 NANOTS_COLUMN_NULLABLE};
            status = nanots_add_column(db, now, &column, &error);
            if (status == NANOTS_OK)
                status = nanots_append_row_typed(db, now, round, values, c + 1, NULL, &error);
        }
        if (status == NANOTS_OK)
            status = nanots_rename_table(db, now, "kept", &error);
        if (status == NANOTS_OK)
            status = nanots_append_row_typed(db, "kept", round, values, 4, NULL, &error);
        if (status == NANOTS_OK)
            status = nanots_drop_table(db, "kept", &error);
    }
    (void)fprintf(stderr, "writer: %s\n", error.message);
    _exit(3);
}

/* What a reader may see at any moment: one table at most, of one of the names, with 1 to 4 columns
 * and as many rows as it has columns, or one less or more. */
static void race_look(struct nanots_db *reader)
{
    struct nanots_table_list list;
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    db_ok(nanots_list_tables(reader, &list, &db_error));
    assert_in_range(list.count, 0, 1);
    if (list.count == 1) {
        size_t rows = 0;
        size_t columns = 1; /* of a table that was just made: its first row comes after it */
        db_ok(nanots_query_open(reader, list.names[0], NULL, &cursor, &db_error));
        for (;;) {
            db_ok(nanots_query_next(cursor, &batch, &db_error));
            if (batch == NULL)
                break;
            rows += batch->row_count;
            columns = batch->column_count;
        }
        nanots_query_close(cursor);
        assert_in_range(columns, 1, 4);
        assert_in_range(rows, columns - 1, columns + 1);
    }
    nanots_free(list.block);
}

/* BUSY is an answer: the writer may commit more often than a loaded machine reads. */
static struct nanots_db *open_beside(const char *path)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = NANOTS_OPEN_READ_ONLY};
    struct nanots_db *db = NULL;
    nanots_status status = NANOTS_BUSY;
    while (status == NANOTS_BUSY)
        status = nanots_open(path, &options, &db, &db_error);
    db_ok(status);
    return db;
}

/* Goal: another process sees each change wholly or not at all, and so does who recovers the file
 * after kill -9 at any moment. */
static void changes_are_whole_for_other_processes(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    db_close(db);
    for (unsigned kills = 0; kills < 8; kills++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            race_write_for_ever(scratch->path);
        struct nanots_db *reader = open_beside(scratch->path);
        for (unsigned i = 0; i < 150 + 30 * kills; i++) {
            const nanots_status status = nanots_refresh(reader, NULL, &db_error);
            if (status != NANOTS_BUSY)
                db_ok(status);
            race_look(reader);
        }
        int left = 0;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &left, 0), child);
        assert_true(WIFSIGNALED(left));
        db_close(reader);
        db = db_open(scratch->path);
        race_look(db);
        verify_clean(db);
        struct nanots_table_list list;
        db_ok(nanots_list_tables(db, &list, &db_error));
        for (size_t i = 0; i < list.count; i++)
            db_ok(nanots_drop_table(db, list.names[i], &db_error));
        nanots_free(list.block);
        db_close(db);
    }
}

/* Goal: a schema change is the first commit on a file in tiny form, whose rows lie where the
 * superblocks of a larger file are. Method: each kind of change, then commits that write both. */
static void change_of_a_tiny_file_leaves_its_rows_whole(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_column added = {"added", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE};
    for (unsigned kind = 0; kind < 4; kind++) {
        struct nanots_verify_report report = {.struct_size = sizeof report};
        struct nanots_series series;
        struct nanots_db *db = db_open(scratch->path);
        db_ok(nanots_append(db, "kept", 1, 71.5, NULL, &db_error));
        db_ok(nanots_append(db, "other", 1, 1.0, NULL, &db_error));
        db = db_reopen(db, scratch->path);
        if (kind == 0)
            db_ok(nanots_add_column(db, "other", &added, &db_error));
        else if (kind == 1)
            db_ok(nanots_rename_column(db, "other", "value", "v", &db_error));
        else if (kind == 2)
            db_ok(nanots_rename_table(db, "other", "another", &db_error));
        else
            db_ok(nanots_drop_table(db, "other", &db_error));
        for (int64_t i = 0; i < 3; i++) {
            db_ok(nanots_append(db, "new", i, 0.5, NULL, &db_error));
            db_ok(nanots_flush(db, &db_error));
        }
        db_ok(nanots_verify(db, NULL, NULL, &report, &db_error));
        assert_int_equal(report.damage, 0);
        db_ok(nanots_query_range(db, "kept", INT64_MIN, INT64_MAX, &series, &db_error));
        assert_int_equal(series.row_count, 1);
        nanots_free(series.block);
        db_close(db);
        (void)remove(scratch->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(change_of_a_tiny_file_leaves_its_rows_whole),
        WITH_SCRATCH(changes_that_cannot_be_are_refused),
        WITH_SCRATCH(added_column_is_null_in_older_rows),
        WITH_SCRATCH(open_cursors_and_handles_follow_their_table),
        WITH_SCRATCH(log_goes_on_behind_segments_of_a_dropped_table),
        WITH_SCRATCH(equal_times_over_batches_follow_the_rule),
        WITH_SCRATCH(columns_come_while_others_append_and_query),
        WITH_SCRATCH(changes_are_whole_for_other_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
