/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_typed_append.c - rows of every type: the ways to append them, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/typed_rows.h"

static uint64_t seed;

static void append_by_rows(struct nanots_db *db, const char *table, const struct typed_rows *rows,
                           size_t first, size_t count)
{
    struct nanots_table *handle = NULL;
    db_ok(nanots_table_open(db, table, &handle, &db_error));
    for (size_t i = first; i < first + count; i++) {
        const struct nanots_value *values = typed_rows_at(rows, i, 0);
        if (i % 2 == 0)
            db_ok(nanots_append_row_typed(db, table, rows->ts[i], values, rows->column_count, NULL,
                                          &db_error));
        else
            db_ok(nanots_table_append_typed(handle, rows->ts[i], values, rows->column_count, NULL,
                                            &db_error));
    }
}

static void append_by_batches(struct nanots_db *db, const char *table,
                              const struct typed_rows *rows, size_t first, size_t count)
{
    struct nanots_table *handle = NULL;
    db_ok(nanots_table_open(db, table, &handle, &db_error));
    for (size_t done = 0, more = 0; done < count; done += more) {
        more = 1 + seed_next(&seed) % (count - done);
        struct typed_batch *batch = typed_batch_new(rows, first + done, more);
        if (done == 0)
            db_ok(nanots_append_batch(db, table, &batch->batch, NULL, &db_error));
        else
            db_ok(nanots_table_append_batch(handle, &batch->batch, NULL, &db_error));
        typed_batch_free(batch);
    }
}

static void create_all_types(struct nanots_db *db, const char *table)
{
    db_ok(nanots_create_table(db, table, typed_columns, TYPED_COLUMNS, &db_error));
}

/* Goal: rows of all types, one by one and in batches, come back bit for bit before any flush. */
static void typed_rows_come_back_from_memory(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, 500, &seed);

    create_all_types(db, "rows");
    create_all_types(db, "batches");
    create_all_types(db, "both");
    append_by_rows(db, "rows", &rows, 0, 500);
    append_by_batches(db, "batches", &rows, 0, 500);
    append_by_rows(db, "both", &rows, 0, 200);
    append_by_batches(db, "both", &rows, 200, 300);
    typed_expect_table(db, "rows", &rows);
    typed_expect_table(db, "batches", &rows);
    typed_expect_table(db, "both", &rows);
    typed_rows_free(&rows);
    db_close(db);
}

/* Goal: each type alone, nullable and not, in the log of a writer that died. Method: a child
 * appends and ends without closing; the parent reads it through the log, then as a writer. */
static void typed_rows_survive_the_writer(void **state)
{
    const struct scratch *scratch = *state;
    struct typed_rows rows[TYPED_COLUMNS];
    char name[TYPED_COLUMNS][8];

    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        rows[c] = typed_rows_random(&typed_columns[c], 1, 150, &seed);
        (void)snprintf(name[c], sizeof name[c], "t%zu", c);
    }
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct nanots_db *db = db_open(scratch->path);
        for (size_t c = 0; c < TYPED_COLUMNS; c++) {
            db_ok(nanots_create_table(db, name[c], &typed_columns[c], 1, &db_error));
            append_by_rows(db, name[c], &rows[c], 0, 50);
            append_by_batches(db, name[c], &rows[c], 50, 100);
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct nanots_db *db = db_open_read_only(scratch->path);
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        typed_expect_table(db, name[c], &rows[c]);
    db_close(db);
    db = db_open(scratch->path); /* flushes what it replays */
    for (size_t c = 0; c < TYPED_COLUMNS; c++)
        typed_expect_table(db, name[c], &rows[c]);
    db = db_reopen(db, scratch->path);
    for (size_t c = 0; c < TYPED_COLUMNS; c++) {
        typed_expect_table(db, name[c], &rows[c]);
        typed_rows_free(&rows[c]);
    }
    db_close(db);
}

/* Goal: a flush changes no value of any type, and neither does a later append beside it. */
static void typed_rows_come_back_from_segments(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, 3000, &seed);

    create_all_types(db, "plant");
    append_by_batches(db, "plant", &rows, 0, 2500);
    db_ok(nanots_flush(db, &db_error));
    typed_expect_rows(db, "plant", &rows, 2500);
    append_by_rows(db, "plant", &rows, 2500, 500);
    typed_expect_table(db, "plant", &rows);
    db = db_reopen(db, scratch->path);
    typed_expect_table(db, "plant", &rows);
    typed_rows_free(&rows);
    db_close(db);
}

/* Goal: a batch that is its own log entry, sorted and not, with strings and nulls; and one row so
 * large that it is one. */
static void typed_bulk_batches_come_back(void **state)
{
    static char text[3 << 20];
    const struct scratch *scratch = *state;
    const struct nanots_column note = {"note", NANOTS_TYPE_UTF8, 0};
    struct nanots_db *db = db_open(scratch->path);
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, 20000, &seed);
    struct typed_rows large = typed_rows_random(&note, 1, 1, &seed);

    create_all_types(db, "wild");
    struct typed_batch *batch = typed_batch_new(&rows, 0, 20000);
    db_ok(nanots_append_batch(db, "wild", &batch->batch, NULL, &db_error));
    typed_expect_table(db, "wild", &rows);
    create_all_types(db, "tame");
    for (size_t i = 1; i < rows.row_count; i++)
        rows.ts[i] = rows.ts[i - 1] + (int64_t)(i % 3);
    db_ok(nanots_append_batch(db, "tame", &batch->batch, NULL, &db_error));
    typed_expect_table(db, "tame", &rows);
    memset(text, 'x', sizeof text);
    large.values[0].as.utf8.data = text;
    large.values[0].as.utf8.size = sizeof text;
    db_ok(nanots_create_table(db, "notes", &note, 1, &db_error));
    append_by_rows(db, "notes", &large, 0, 1);
    typed_expect_table(db, "notes", &large);
    db = db_reopen(db, scratch->path);
    typed_expect_table(db, "tame", &rows);
    typed_expect_table(db, "notes", &large);
    typed_batch_free(batch);
    typed_rows_free(&rows);
    typed_rows_free(&large);
    db_close(db);
}

struct appender {
    struct nanots_db *db;
    const struct typed_rows *rows;
};

static void *append_in_a_thread(void *context)
{
    const struct appender *appender = context;
    for (size_t i = 0; i < appender->rows->row_count; i++)
        if (nanots_append_row_typed(appender->db, "plant", appender->rows->ts[i],
                                    typed_rows_at(appender->rows, i, 0), TYPED_COLUMNS, NULL,
                                    NULL) != NANOTS_OK)
            return context;
    return NULL;
}

/* Goal: a reader beside the writer sees a prefix of the rows, whole. Method: rows in order of time,
 * so that the k-th row read is the k-th appended. */
static void typed_rows_are_read_while_more_come(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct typed_rows rows = typed_rows_random(typed_columns, TYPED_COLUMNS, 4000, &seed);
    struct appender appender = {db, &rows};
    pthread_t thread;
    void *failed = NULL;
    size_t seen = 0;

    for (size_t i = 0; i < rows.row_count; i++)
        rows.ts[i] = (int64_t)i;
    create_all_types(db, "plant");
    assert_int_equal(pthread_create(&thread, NULL, append_in_a_thread, &appender), 0);
    while (seen < rows.row_count) {
        const size_t before = seen;
        const struct nanots_batch *batch = NULL;
        struct nanots_cursor *cursor = NULL;
        seen = 0;
        db_ok(nanots_query_open(db, "plant", NULL, &cursor, &db_error));
        for (;;) {
            db_ok(nanots_query_next(cursor, &batch, &db_error));
            if (batch == NULL)
                break;
            for (size_t i = 0; i < batch->row_count; i++, seen++)
                for (size_t c = 0; c < TYPED_COLUMNS; c++) {
                    const struct nanots_value value = typed_batch_value(&batch->columns[c], i);
                    assert_int_equal(batch->ts[i], seen);
                    assert_true(typed_values_equal(&value, typed_rows_at(&rows, seen, c)));
                }
        }
        nanots_query_close(cursor);
        assert_true(seen >= before);
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    typed_rows_free(&rows);
    db_close(db);
}

/* Goal: the calls that take doubles work where all columns are f64, nullable ones too. */
static void doubles_fill_nullable_columns(void **state)
{
    static const struct nanots_column columns[] = {{"a", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE},
                                                   {"b", NANOTS_TYPE_F64, 0}};
    static const int64_t ts[] = {3, 1, 2};
    static const double flat[] = {1, 2, 3, 4, 5, 6};
    static const double a[] = {7, 9, 11};
    static const double b[] = {8, 10, 12};
    static const double *const wide[] = {a, b};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct db_rows wanted = db_rows_new(2);

    db_ok(nanots_create_table(db, "t", columns, 2, &db_error));
    db_ok(nanots_append_rows(db, "t", ts, flat, 3, 2, NULL, &db_error));
    db_ok(nanots_append_columns(db, "t", ts, wide, 3, 2, NULL, &db_error));
    db_ok(nanots_append_row(db, "t", 4, flat, 2, NULL, &db_error));
    for (size_t i = 0; i < 3; i++)
        db_rows_add(&wanted, ts[i], flat + 2 * i);
    for (size_t i = 0; i < 3; i++)
        db_rows_add(&wanted, ts[i], (const double[]){a[i], b[i]});
    db_rows_add(&wanted, 4, flat);
    db_rows_sort(&wanted);
    db_expect_table(db, "t", &wanted);
    db_rows_free(&wanted);
    db_close(db);
}

/* ---- refusals ----------------------------------------------------------------------------- */

/* Goal: doubles for a column of another type are refused by all three calls, and no row is there
 * after. */
static void doubles_of_another_type_are_refused(void **state)
{
    static const double one = 1;
    static const double *const wide[] = {&one};
    static const int64_t ts = 5;
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct typed_rows none = typed_rows_random(typed_columns, 1, 0, &seed);
    uint64_t seq = 9;

    for (size_t c = 1; c < TYPED_COLUMNS; c++) {
        const char *name = typed_columns[c].name;
        char part[64];
        if (typed_columns[c].type == NANOTS_TYPE_F64)
            continue;
        (void)snprintf(part, sizeof part, "table '%s', column '%s' is %s, the values given are f64",
                       name, name, nanots_type_name(typed_columns[c].type));
        db_ok(nanots_create_table(db, name, &typed_columns[c], 1, &db_error));
        db_fails(nanots_append_row(db, name, 5, &one, 1, &seq, &db_error), NANOTS_TYPE_MISMATCH,
                 part);
        assert_int_equal(seq, 0);
        db_fails(nanots_append_rows(db, name, &ts, &one, 1, 1, NULL, &db_error),
                 NANOTS_TYPE_MISMATCH, part);
        db_fails(nanots_append_rows(db, name, (const int64_t[]){1, 2}, (const double[]){1, 2}, 2, 1,
                                    NULL, &db_error),
                 NANOTS_TYPE_MISMATCH, part);
        db_fails(nanots_append_columns(db, name, &ts, wide, 1, 1, NULL, &db_error),
                 NANOTS_TYPE_MISMATCH, part);
        typed_expect_table(db, name, &none);
    }
    typed_rows_free(&none);
    db_close(db);
}

/* Goal: a value of any other type than the column's is refused, with both types. */
static void values_of_another_type_are_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    for (size_t c = 0; c < 6; c++) {
        const char *name = typed_columns[c].name;
        db_ok(nanots_create_table(db, name, &typed_columns[c], 1, &db_error));
        for (size_t other = 0; other < 6; other++) {
            struct typed_rows rows = typed_rows_random(&typed_columns[other], 1, 3, &seed);
            struct typed_batch *batch = typed_batch_new(&rows, 0, 3);
            char part[64];
            (void)snprintf(part, sizeof part, "is %s, the values given are %s", name,
                           typed_columns[other].name);
            if (other != c) {
                db_fails(nanots_append_row_typed(db, name, 1, rows.values, 1, NULL, &db_error),
                         NANOTS_TYPE_MISMATCH, part);
                db_fails(nanots_append_batch(db, name, &batch->batch, NULL, &db_error),
                         NANOTS_TYPE_MISMATCH, part);
            }
            typed_batch_free(batch);
            typed_rows_free(&rows);
        }
    }
    const struct nanots_value strange = {.type = (nanots_type)77};
    db_fails(nanots_append_row_typed(db, "f64", 1, &strange, 1, NULL, &db_error),
             NANOTS_TYPE_MISMATCH, "no known type");
    db_close(db);
}

/* Goal: a null where the table allows none is refused with its row, in both forms. */
static void nulls_without_a_place_are_refused(void **state)
{
    static const uint8_t validity[] = {0xff, 0xfe}; /* row 8 is null */
    const struct nanots_value null = {.type = NANOTS_TYPE_NULL};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    for (size_t c = 0; c < 6; c++) {
        const char *name = typed_columns[c].name;
        struct typed_rows rows = typed_rows_random(&typed_columns[c], 1, 10, &seed);
        struct typed_batch *batch = typed_batch_new(&rows, 0, 10);
        char part[64];
        db_ok(nanots_create_table(db, name, &typed_columns[c], 1, &db_error));
        (void)snprintf(part, sizeof part, "table '%s', column '%s', row 0: null", name, name);
        db_fails(nanots_append_row_typed(db, name, 1, &null, 1, NULL, &db_error), NANOTS_INVALID,
                 part);
        (void)snprintf(part, sizeof part, "table '%s', column '%s', row 8: null", name, name);
        const uint8_t *kept = batch->columns[0].validity;
        batch->columns[0].validity = validity;
        db_fails(nanots_append_batch(db, name, &batch->batch, NULL, &db_error), NANOTS_INVALID,
                 part);
        batch->columns[0].validity = kept;
        db_ok(nanots_append_batch(db, name, &batch->batch, NULL, &db_error));
        typed_expect_table(db, name, &rows);
        typed_batch_free(batch);
        typed_rows_free(&rows);
    }
    db_close(db);
}

/* Goal: text that is no UTF-8 is refused with the offset of its first wrong byte; so is a character
 * that is cut by the string's end. A null's bytes do not matter. */
static void text_that_is_no_utf8_is_refused(void **state)
{
    static const int64_t ts[] = {1, 2, 3};
    static const char bytes[] = "fine\xc3\xa9"
                                "ab\xff";
    int32_t offsets[] = {0, 5, 6, 9};
    const uint8_t validity = 0x4;
    struct nanots_batch_column column = {
        .type = NANOTS_TYPE_UTF8, .values = bytes, .offsets = offsets};
    const struct nanots_batch batch = {3, ts, 1, &column};
    const struct nanots_value value = {.type = NANOTS_TYPE_UTF8, .as.utf8 = {bytes, 9}};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);

    db_ok(nanots_create_table(db, "t", &typed_columns[11], 1, &db_error));
    db_fails(nanots_append_row_typed(db, "t", 1, &value, 1, NULL, &db_error), NANOTS_INVALID,
             "table 't', column 'utf8_null', row 0: not UTF-8: byte 0xff at offset 8");
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID,
             "row 0: not UTF-8: byte 0xc3 at offset 4");
    offsets[1] = 4;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID,
             "row 2: not UTF-8: byte 0xff at offset 2");
    column.validity = &validity;
    offsets[2] = 8;
    offsets[3] = 8;
    db_ok(nanots_append_batch(db, "t", &batch, NULL, &db_error)); /* only '' is present */
    db_close(db);
}

/* Goal: arrays that cannot be are refused before anything is read through them. */
static void batches_that_cannot_be_are_refused(void **state)
{
    static const int64_t ts[] = {1, 2};
    int32_t offsets[] = {0, 1, 2};
    struct nanots_batch_column column = {
        .type = NANOTS_TYPE_UTF8, .values = "ab", .offsets = offsets};
    struct nanots_batch batch = {2, ts, 1, &column};
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    uint64_t seq = 5;

    db_ok(nanots_create_table(db, "t", &typed_columns[5], 1, &db_error));
    db_fails(nanots_append_batch(db, "t", NULL, NULL, &db_error), NANOTS_INVALID, "batch is NULL");
    db_fails(nanots_append_batch(db, "u", &batch, NULL, &db_error), NANOTS_NOT_FOUND, "'u'");
    offsets[1] = 3;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID,
             "table 't', column 'utf8', row 1: the string ends before it begins");
    offsets[0] = offsets[1] = -1;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID, "negative");
    column.offsets = NULL;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID,
             "the offsets of the strings are NULL");
    offsets[0] = 0;
    offsets[1] = 1;
    column.offsets = offsets;
    column.values = NULL;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID,
             "the values of column 'utf8' are NULL");
    column.values = "ab";
    batch.column_count = 2;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID,
             "table 't' has 1 columns, 2 values given");
    batch.column_count = 1;
    batch.columns = NULL;
    db_fails(nanots_append_batch(db, "t", &batch, NULL, &db_error), NANOTS_INVALID, "NULL");
    batch.columns = &column;
    batch.row_count = 0;
    db_ok(nanots_append_batch(db, "t", &batch, &seq, &db_error));
    assert_int_equal(seq, 0);
    batch.row_count = 2;
    db_ok(nanots_append_batch(db, "t", &batch, &seq, &db_error));
    assert_int_equal(seq, 2);
    db_close(db);
}

/* Goal: strings count for the limit of a record and of a row group. */
static void strings_count_for_the_limits(void **state)
{
    static char text[70 << 10];
    const struct scratch *scratch = *state;
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .wal_bytes = 64 << 10, .max_record_size = 64 << 10};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    struct nanots_value value = {.type = NANOTS_TYPE_UTF8, .as.utf8 = {text, sizeof text}};

    memset(text, 'a', sizeof text);
    db_ok(nanots_create_table(db, "t", &typed_columns[5], 1, &db_error));
    db_fails(nanots_append_row_typed(db, "t", 1, &value, 1, NULL, &db_error), NANOTS_TOO_BIG,
             "table 't': a row group of 71696 bytes (1 rows) is over the limit of 65536 bytes");
    for (size_t size = 1; size < 60000; size += 7777) {
        value.as.utf8.size = size;
        db_ok(nanots_append_row_typed(db, "t", (int64_t)size, &value, 1, NULL, &db_error));
    }
    db_close(db);
}

static int seed_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(typed_rows_come_back_from_memory),
        WITH_SCRATCH(typed_rows_survive_the_writer),
        WITH_SCRATCH(typed_rows_come_back_from_segments),
        WITH_SCRATCH(typed_bulk_batches_come_back),
        WITH_SCRATCH(typed_rows_are_read_while_more_come),
        WITH_SCRATCH(doubles_fill_nullable_columns),
        WITH_SCRATCH(doubles_of_another_type_are_refused),
        WITH_SCRATCH(values_of_another_type_are_refused),
        WITH_SCRATCH(nulls_without_a_place_are_refused),
        WITH_SCRATCH(text_that_is_no_utf8_is_refused),
        WITH_SCRATCH(batches_that_cannot_be_are_refused),
        WITH_SCRATCH(strings_count_for_the_limits),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
