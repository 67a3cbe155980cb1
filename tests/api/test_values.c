/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_values.c - values and times come back bit for bit.
 *
 * Each test appends one shape of data and compares all rows six times: from memory, after a flush,
 * after a pack, and each after reopening.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"

/* Appends `rows` (which are consumed) and reads them back through the whole life of a file. */
static void values_expect_round_trip(const char *path, struct db_rows *rows)
{
    struct nanots_db *db = db_open(path);

    db_create(db, "a", rows->column_count);
    db_append_all(db, "a", rows);
    db_rows_sort(rows);
    db_expect_table(db, "a", rows);
    db_ok(nanots_flush(db, &db_error));
    db_expect_table(db, "a", rows);
    db = db_reopen(db, path);
    db_expect_table(db, "a", rows);
    db_ok(nanots_pack_table(db, "a", 900, &db_error));
    db_expect_table(db, "a", rows);
    db = db_reopen(db, path);
    db_expect_table(db, "a", rows);
    db_ok(nanots_pack_table(db, "a", 0, &db_error));
    db_expect_table(db, "a", rows);
    db_close(db);
    db_rows_free(rows);
}

static void values_of_a_tenth_round_trip(void **state)
{
    static const double tenths[] = {0.1, -0.3, 0.2};
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(1);
    for (int64_t i = 0; i < 3000; i++)
        db_rows_add(&rows, i, &tenths[i % 3]);
    values_expect_round_trip(scratch->path, &rows);
}

static void values_of_a_sine_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_sine(20000, 1, 1714521600000);
    values_expect_round_trip(scratch->path, &rows);
}

/* Steps of a hundredth up and down through zero: sums that are not the decimals they look like. */
static void values_of_a_walk_through_zero_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(1);
    uint64_t seed = seed_of_run();
    double value = 0.05;
    for (int64_t i = 0; i < 20000; i++) {
        db_rows_add(&rows, i * 1000, &value);
        value += (seed_next(&seed) & 1) != 0 ? 0.01 : -0.01;
        if (fabs(value) > 0.5)
            value = -value / 2;
    }
    values_expect_round_trip(scratch->path, &rows);
}

static void values_of_random_bits_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(2);
    uint64_t seed = seed_of_run();
    for (int64_t i = 0; i < 20000; i++) {
        const double values[2] = {db_from_bits(seed_next(&seed)), db_from_bits(seed_next(&seed))};
        db_rows_add(&rows, i, values);
    }
    values_expect_round_trip(scratch->path, &rows);
}

/* Goal: NaNs with payloads, zeros of both signs, infinities, subnormals and integers around 2^53
 * and 2^63 survive. Method: a column of each alone, a column that mixes all, and runs of them. */
static void values_that_are_odd_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(DB_ODD_VALUE_COUNT + 2);
    for (size_t i = 0; i < 1100; i++) {
        double values[DB_ODD_VALUE_COUNT + 2];
        for (size_t c = 0; c < DB_ODD_VALUE_COUNT; c++) {
            const double odd = db_odd_value(c);
            memcpy(&values[c], &odd, sizeof odd);
        }
        const double mixed = db_odd_value(i);
        const double run = db_odd_value(i / 40);
        memcpy(&values[DB_ODD_VALUE_COUNT], &mixed, sizeof mixed);
        memcpy(&values[DB_ODD_VALUE_COUNT + 1], &run, sizeof run);
        db_rows_add(&rows, (int64_t)i, values);
    }
    values_expect_round_trip(scratch->path, &rows);
}

/* One odd value among plain ones: what a codec for plain ones keeps as an exception. */
static void values_that_are_odd_among_plain_ones_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(3);
    for (size_t i = 0; i < 8192; i++) {
        double values[3] = {(double)(i % 50), 20.5, sin((double)i * 0.01)};
        if (i % 97 == 13)
            for (size_t c = 0; c < 3; c++) {
                const double odd = db_odd_value(i / 97 + c);
                memcpy(&values[c], &odd, sizeof odd);
            }
        db_rows_add(&rows, (int64_t)i * 60000, values);
    }
    values_expect_round_trip(scratch->path, &rows);
}

/* Integers beyond 2^53, where not every one has a double, and large steps between them. */
static void values_of_large_integers_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(2);
    for (int64_t i = 0; i < 5000; i++) {
        const double values[2] = {(double)(((int64_t)1 << 53) + i),
                                  (double)(INT64_MAX - i * 1000000007) * (i % 2 == 0 ? 1 : -1)};
        db_rows_add(&rows, i, values);
    }
    values_expect_round_trip(scratch->path, &rows);
}

/* Goal: every int64 is a time, ends included. Method: extremes next to each other, unsorted, twice,
 * so that differences overflow. */
static void times_at_the_ends_of_int64_round_trip(void **state)
{
    static const int64_t ends[] = {INT64_MAX, INT64_MIN, 0,  INT64_MAX - 1, INT64_MIN + 1,
                                   -1,        1,         42, INT64_MIN / 2, INT64_MAX / 2};
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(1);
    for (size_t i = 0; i < 3000; i++) {
        const double value = (double)i;
        db_rows_add(&rows, ends[i * 7 % 10], &value);
    }
    values_expect_round_trip(scratch->path, &rows);
}

static void times_at_random_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_new(1);
    uint64_t seed = seed_of_run();
    for (size_t i = 0; i < 5000; i++) {
        const double value = (double)i;
        db_rows_add(&rows, (int64_t)(seed_next(&seed) >> (seed_next(&seed) % 64)), &value);
    }
    values_expect_round_trip(scratch->path, &rows);
}

#define VALUES_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VALUES_TEST(values_of_a_tenth_round_trip),
        VALUES_TEST(values_of_a_sine_round_trip),
        VALUES_TEST(values_of_a_walk_through_zero_round_trip),
        VALUES_TEST(values_of_random_bits_round_trip),
        VALUES_TEST(values_that_are_odd_round_trip),
        VALUES_TEST(values_that_are_odd_among_plain_ones_round_trip),
        VALUES_TEST(values_of_large_integers_round_trip),
        VALUES_TEST(times_at_the_ends_of_int64_round_trip),
        VALUES_TEST(times_at_random_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
