/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_schema.c - tables that change: a column more, another name, none at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(changes_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
