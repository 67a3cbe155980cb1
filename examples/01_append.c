/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* examples/01_append.c - one minute of two sensors into a file.
 *
 *     cc 01_append.c -lnanots -lm && ./a.out plant.ntt
 */
#include <math.h>
#include <nanots.h>
#include <stdio.h>

#define ROW_COUNT 60
#define BEGIN_MS  1714521600000 /* 2024-05-01T00:00:00Z */

/* A series needs no schema: it has one column, named `value`, and is made by its first row. */
static nanots_status append_series(struct nanots_db *db, struct nanots_error *error)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        const double level = 2.5 + 0.5 * sin(i * 0.1);
        nanots_status status = nanots_append(db, "tank", BEGIN_MS + i * 1000, level, NULL, error);
        if (status != NANOTS_OK)
            return status;
    }
    return NANOTS_OK;
}

/* A table has named columns; its handle saves the search for the name at every row. */
static nanots_status append_table(struct nanots_db *db, struct nanots_error *error)
{
    const struct nanots_column columns[] = {{"celsius", NANOTS_TYPE_F64, 0},
                                            {"bar", NANOTS_TYPE_F64, 0}};
    struct nanots_table *boiler = NULL;
    nanots_status status = nanots_create_table(db, "boiler", columns, 2, error);
    if (status == NANOTS_OK || status == NANOTS_EXISTS)
        status = nanots_table_open(db, "boiler", &boiler, error);
    for (int i = 0; status == NANOTS_OK && i < ROW_COUNT; i++) {
        const double values[] = {71.5 + 0.1 * i, 4.2 + 0.01 * i};
        status = nanots_table_append(boiler, BEGIN_MS + i * 1000, values, 2, NULL, error);
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "plant.ntt";
    struct nanots_db *db = NULL;
    struct nanots_error error = {0};

    nanots_status status = nanots_open(path, NULL, &db, &error);
    if (status == NANOTS_OK)
        status = append_series(db, &error);
    if (status == NANOTS_OK)
        status = append_table(db, &error);
    if (status == NANOTS_OK)
        status = nanots_close(db, &error);
    else
        (void)nanots_close(db, NULL); /* keeps `error` for the sentence below */
    if (status != NANOTS_OK) {
        fprintf(stderr, "%s: %s\n", nanots_status_name(status), error.message);
        return 1;
    }
    printf("%d rows into each of two tables of %s\n", ROW_COUNT, path);
    return 0;
}
