/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* golden/golden_live.h - the content of the files that were never closed (golden.h). */
#ifndef GOLDEN_LIVE_H
#define GOLDEN_LIVE_H

#include "support/db_helpers.h"

static inline void golden_fill_live(struct nanots_db *db)
{
    struct db_rows bulk = db_rows_new(1);
    struct db_rows few = db_rows_new(2);
    for (int64_t i = 0; i < 70000; i++) {
        const double value = (double)(i % 10);
        db_rows_add(&bulk, i * 1000, &value);
    }
    for (int64_t i = 0; i < 300; i++) {
        const double values[2] = {(double)i, (double)(i % 7) * 0.1};
        db_rows_add(&few, 500 - i, values);
    }
    db_create(db, "flushed", 2);
    db_append_all(db, "flushed", &few);
    db_ok(nanots_flush(db, &db_error));
    db_create(db, "logged", 2);
    db_append_all(db, "flushed", &few);
    db_append_all(db, "logged", &few);
    db_create(db, "bulk", 1);
    db_append_all(db, "bulk", &bulk);
    db_ok(nanots_append(db, "series", 1, 71.5, NULL, &db_error));
    db_rows_free(&few);
    db_rows_free(&bulk);
}

/* Synced at once: single rows, a group, a bulk batch, and a log that goes on in the next extent. */
static inline void golden_fill_padded(struct nanots_db *db)
{
    struct db_rows bulk = db_rows_new(1);
    struct nanots_group *group = NULL;
    for (int64_t i = 0; i < 70000; i++)
        db_rows_add(&bulk, i, &(const double){(double)(i / 1000)});
    db_create(db, "bulk", 1);
    for (int64_t i = 0; i < 40; i++) {
        const int64_t rows = i % 5 == 0 ? 120 : 1 + i % 3;
        for (int64_t k = 0; k < rows; k++)
            db_ok(nanots_append(db, "series", i * 1000 + k, (double)(i * k), NULL, &db_error));
        db_ok(nanots_sync(db, &db_error));
        if (i != 35)
            continue;
        db_append_all(db, "bulk", &bulk);
        db_ok(nanots_sync(db, &db_error));
        db_ok(nanots_batch_begin(db, &group, &db_error));
        for (int64_t k = 0; k < 3; k++) {
            const double value = (double)k * 0.5;
            db_ok(nanots_group_append(group, k == 1 ? "bulk" : "series", -2 - k, &value, 1,
                                      &db_error));
        }
        db_ok(nanots_batch_commit(group, NULL, &db_error));
        db_ok(nanots_sync(db, &db_error));
    }
    db_ok(nanots_append(db, "series", -1, -1.0, NULL, &db_error));
    db_rows_free(&bulk);
}

#endif
