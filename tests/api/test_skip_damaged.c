/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_skip_damaged.c - reading round damage (NANOTS_QUERY_SKIP_DAMAGED).
 *
 *   rows of three tables --> file --> 512 bytes zeroed, or a bit flipped, at a random place
 *                                      +--> one table at most is hurt, the others read back equal
 *                                      +--> without the flag an error that names the table
 *                                      +--> with it the rest, and a report that covers what is gone
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nanots_arrow.h"
#include "support/db_helpers.h"
#include "support/scratch.h"
#include "support/seed.h"

#define TABLES       3u
#define ROWS         20000u /* of each table, in segments that overlap */
#define TRIALS       60u
#define SECTOR       512u
#define DATA_START   8192u
#define COLUMN_COUNT 4u

static uint64_t seed;
static const char *const names[TABLES] = {"boiler", "pump", "valve"};
static const struct nanots_column columns[COLUMN_COUNT] = {
    {"n", NANOTS_TYPE_I64, 0},
    {"value", NANOTS_TYPE_F64, NANOTS_COLUMN_NULLABLE},
    {"note", NANOTS_TYPE_UTF8, NANOTS_COLUMN_NULLABLE},
    {"on", NANOTS_TYPE_BOOL, 0},
};

/* ---- rows: all of row n follows from n ---------------------------------------------------- */

static int64_t times[TABLES][ROWS];
static uint32_t order[TABLES][ROWS]; /* rows by (ts, n) */
static const int64_t *order_times;   /* of the table that is sorted */

static uint64_t row_noise(uint64_t n)
{
    return seed_next(&n);
}

static double row_value(uint64_t n)
{
    return (double)(row_noise(n) >> 12);
}

static size_t row_note(uint64_t n, char note[32])
{
    return (size_t)snprintf(note, 32, "note %llu", (unsigned long long)(row_noise(n) % 3000));
}

static int order_compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    if (order_times[x] != order_times[y])
        return order_times[x] < order_times[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void append_row(struct nanots_table *table, uint32_t t, uint64_t n)
{
    struct nanots_value row[COLUMN_COUNT];
    char note[32];
    const size_t note_size = row_note(n, note);
    memset(row, 0, sizeof row);
    row[0].type = NANOTS_TYPE_I64;
    row[0].as.i64 = (int64_t)n;
    row[1].type = n % 11 == 0 ? NANOTS_TYPE_NULL : NANOTS_TYPE_F64;
    row[1].as.f64 = row_value(n);
    row[2].type = n % 7 == 0 ? NANOTS_TYPE_NULL : NANOTS_TYPE_UTF8;
    if (n % 7 != 0) {
        row[2].as.utf8.data = note;
        row[2].as.utf8.size = note_size;
    }
    row[3].type = NANOTS_TYPE_BOOL;
    row[3].as.boolean = row_noise(n) % 2 == 0;
    db_ok(nanots_table_append_typed(table, times[t][n], row, COLUMN_COUNT, NULL, &db_error));
}

static void make_file(const char *path, nanots_duplicates duplicates)
{
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .duplicates = duplicates};
    struct nanots_db *db = db_open(path);
    for (uint32_t t = 0; t < TABLES; t++) {
        struct nanots_table *table = NULL;
        db_ok(nanots_create_table_with(db, names[t], columns, COLUMN_COUNT, &options, &db_error));
        db_ok(nanots_table_open(db, names[t], &table, &db_error));
        for (uint32_t n = 0; n < ROWS; n++) {
            times[t][n] = (int64_t)n * 5 + (int64_t)(row_noise(n + t) % 20000);
            order[t][n] = n;
            append_row(table, t, n);
            if (n == 17000 || n == 19000)
                db_ok(nanots_flush(db, &db_error));
        }
        order_times = times[t];
        qsort(order[t], ROWS, sizeof order[t][0], order_compare);
    }
    db_ok(nanots_flush(db, &db_error));
    size_t size = 0;
    uint8_t *file = db_file_read(path, &size);
    db_close(db); /* merges the segments: not here */
    db_file_write(path, file, size);
    test_free(file);
}

/* The next segment from `at` on; its first bytes are its header. */
static size_t find_segment(const uint8_t *file, size_t size, size_t at)
{
    for (; at + 80 <= size; at += 64)
        if (memcmp(file + at, "NTSSEG1\n", 8) == 0)
            return at;
    return size;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool bit_of(const void *bits, size_t i)
{
    return (((const uint8_t *)bits)[i / 8] >> (i % 8) & 1) != 0;
}

static bool row_is_right(const struct nanots_batch *batch, size_t i, uint32_t t, uint32_t n)
{
    const struct nanots_batch_column *value = &batch->columns[1];
    const struct nanots_batch_column *note = &batch->columns[2];
    char wanted[32];
    const size_t size = row_note(n, wanted);
    const bool has_value = value->validity == NULL || bit_of(value->validity, i);
    const bool has_note = note->validity == NULL || bit_of(note->validity, i);
    const int32_t *offsets = note->offsets + i;
    if (batch->ts[i] != times[t][n] || has_value != (n % 11 != 0) || has_note != (n % 7 != 0) ||
        bit_of(batch->columns[3].values, i) != (row_noise(n) % 2 == 0))
        return false;
    if (has_value && ((const double *)value->values)[i] != row_value(n))
        return false;
    return !has_note || ((size_t)(offsets[1] - offsets[0]) == size &&
                         memcmp((const char *)note->values + offsets[0], wanted, size) == 0);
}

/* What a query gave of a table, against the model. */
struct outcome {
    nanots_status status; /* of the open or of the first step that failed */
    uint64_t missing;
    int64_t missing_min;
    int64_t missing_max;
    struct nanots_damage_report damage;
    char column[64]; /* of the first place */
};

static void outcome_miss(struct outcome *outcome, int64_t ts)
{
    if (outcome->missing == 0 || ts < outcome->missing_min)
        outcome->missing_min = ts;
    if (outcome->missing == 0 || ts > outcome->missing_max)
        outcome->missing_max = ts;
    outcome->missing++;
}

/* All columns, or with `with_all` false `n` and `on` alone. Rows come in the order of the model,
 * and none comes that is not of it. */
static struct outcome read_table(struct nanots_db *db, uint32_t t, struct nanots_query query,
                                 bool with_all)
{
    static const char *const some[] = {"n", "on"};
    struct outcome outcome;
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    const bool reverse = (query.flags & NANOTS_QUERY_REVERSE) != 0;
    uint32_t at = 0;

    memset(&outcome, 0, sizeof outcome);
    outcome.damage.struct_size = sizeof outcome.damage;
    query.struct_size = sizeof query;
    query.columns = with_all ? NULL : some;
    query.column_count = with_all ? 0 : 2;
    outcome.status = nanots_query_open(db, names[t], &query, &cursor, &db_error);
    while (outcome.status == NANOTS_OK) {
        outcome.status = nanots_query_next(cursor, &batch, &db_error);
        if (batch == NULL)
            break;
        for (size_t i = 0; i < batch->row_count; i++) {
            const int64_t n = ((const int64_t *)batch->columns[0].values)[i];
            for (; at < ROWS; at++) {
                const uint32_t wanted = order[t][reverse ? ROWS - 1 - at : at];
                const int64_t ts = times[t][wanted];
                if ((query.flags & NANOTS_QUERY_FROM) != 0 && (ts < query.from || ts > query.to))
                    continue;
                if (wanted == n)
                    break;
                outcome_miss(&outcome, ts);
            }
            if (at == ROWS || (with_all && !row_is_right(batch, i, t, (uint32_t)n)))
                fail_msg("table '%s': row %lld is none of it", names[t], (long long)n);
            at++;
        }
    }
    if (outcome.status == NANOTS_OK) {
        for (; at < ROWS; at++) {
            const int64_t ts = times[t][order[t][reverse ? ROWS - 1 - at : at]];
            if ((query.flags & NANOTS_QUERY_FROM) == 0 || (ts >= query.from && ts <= query.to))
                outcome_miss(&outcome, ts);
        }
        db_ok(nanots_query_damage(cursor, &outcome.damage, &db_error));
        if (outcome.damage.places != 0 && outcome.damage.column != NULL)
            (void)snprintf(outcome.column, sizeof outcome.column, "%s", outcome.damage.column);
    }
    nanots_query_close(cursor);
    return outcome;
}

/* What is gone is what the report says. */
static void expect_told(const struct outcome *outcome, uint32_t t)
{
    const struct nanots_damage_report *damage = &outcome->damage;
    char sentence[64];
    assert_int_equal(outcome->status, NANOTS_OK);
    assert_in_range(outcome->missing, 0, damage->rows);
    if (outcome->missing != 0) {
        assert_true(damage->ts_min <= outcome->missing_min);
        assert_true(damage->ts_max >= outcome->missing_max);
    }
    if (damage->places == 0) {
        assert_int_equal(damage->rows, 0);
        assert_null(damage->table);
        return;
    }
    (void)snprintf(sentence, sizeof sentence, "table '%s'", names[t]);
    assert_non_null(strstr(damage->message, sentence));
    if (outcome->column[0] != '\0')
        assert_non_null(strstr(damage->message, outcome->column));
    assert_int_equal(damage->status, NANOTS_CORRUPT);
    assert_in_range(damage->place_rows, 1, ROWS);
    if (damage->places == 1)
        assert_in_range(damage->rows, 0, damage->place_rows);
    assert_true(damage->place_ts_min <= damage->place_ts_max);
    assert_true(damage->offset >= DATA_START);
}

/* Reads one table in every way. Returns whether it is hurt. */
static bool check_table(struct nanots_db *db, uint32_t t)
{
    struct nanots_query query = {.flags = 0};
    const struct outcome plain = read_table(db, t, query, true);
    char sentence[64];
    (void)snprintf(sentence, sizeof sentence, "table '%s'", names[t]);
    if (plain.status != NANOTS_OK) {
        assert_int_equal(plain.status, NANOTS_CORRUPT);
        assert_non_null(strstr(db_error.message, sentence));
    } else {
        assert_int_equal(plain.missing, 0);
    }
    query.flags = NANOTS_QUERY_SKIP_DAMAGED;
    const struct outcome all = read_table(db, t, query, true);
    expect_told(&all, t);
    assert_int_equal(all.damage.places != 0, plain.status != NANOTS_OK);
    query.flags |= NANOTS_QUERY_REVERSE;
    const struct outcome back = read_table(db, t, query, true);
    expect_told(&back, t);
    assert_int_equal(back.missing, all.missing);
    assert_int_equal(back.damage.rows, all.damage.rows);
    const struct outcome some = read_table(db, t, query, false);
    expect_told(&some, t);
    assert_in_range(some.missing, 0, all.missing);
    query.flags = NANOTS_QUERY_SKIP_DAMAGED | NANOTS_QUERY_FROM | NANOTS_QUERY_TO;
    query.from = (int64_t)(seed_next(&seed) % (ROWS * 5));
    query.to = query.from + (int64_t)(seed_next(&seed) % (ROWS * 5));
    const struct outcome part = read_table(db, t, query, true);
    expect_told(&part, t);
    assert_in_range(part.missing, 0, all.missing);
    if (part.damage.rows != 0) {
        assert_true(part.damage.ts_min >= query.from);
        assert_true(part.damage.ts_max <= query.to);
    }
    return plain.status != NANOTS_OK;
}

/* ---- tests -------------------------------------------------------------------------------- */

/* A place in a segment, found by its header. */
static void spoil(uint8_t *file, size_t size, bool flips)
{
    size_t at = DATA_START;
    size_t count = 0;
    for (size_t i = find_segment(file, size, at); i < size; i = find_segment(file, size, i + 64))
        count++;
    assert_in_range(count, TABLES * 3, 100);
    const uint64_t chosen = seed_next(&seed) % count;
    at = find_segment(file, size, at);
    for (uint64_t i = 0; i < chosen; i++)
        at = find_segment(file, size, at + 64);
    uint64_t segment_size;
    memcpy(&segment_size, file + at + 16, sizeof segment_size);
    at += seed_next(&seed) % segment_size;
    if (flips) {
        file[at] ^= (uint8_t)(1u << seed_next(&seed) % 8);
        return;
    }
    at -= at % SECTOR;
    memset(file + at, 0, at + SECTOR < size ? SECTOR : size - at);
}

static void skip_damaged_gives_the_rest_and_tells_what_not(void **state)
{
    const struct scratch *scratch = *state;
    size_t size = 0;
    size_t hurt_files = 0;

    make_file(scratch->path, NANOTS_DUPLICATES_KEEP_ALL);
    uint8_t *whole = db_file_read(scratch->path, &size);
    uint8_t *spoilt = test_malloc(size);
    assert_non_null(spoilt);
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        const struct nanots_open_options options = {.struct_size = sizeof options,
                                                    .flags = NANOTS_OPEN_READ_ONLY};
        struct nanots_db *db = NULL;
        size_t hurt = 0;
        memcpy(spoilt, whole, size);
        spoil(spoilt, size, trial % 2 == 0);
        db_file_write(scratch->path, spoilt, size);
        db_ok(nanots_open(scratch->path, &options, &db, &db_error));
        for (uint32_t t = 0; t < TABLES; t++)
            hurt += check_table(db, t);
        assert_in_range(hurt, 0, trial % 2 == 0 ? 1 : 2); /* 512 bytes may reach into a neighbour */
        hurt_files += hurt != 0;
        db_close(db);
    }
    assert_in_range(hurt_files, TRIALS / 2, TRIALS);
    test_free(spoilt);
    test_free(whole);
}

static struct nanots_db *open_without_first_header(const struct scratch *scratch)
{
    size_t size = 0;
    uint8_t *file = db_file_read(scratch->path, &size);
    file[find_segment(file, size, DATA_START) + 20] ^= 1;
    db_file_write(scratch->path, file, size);
    test_free(file);
    return db_open_read_only(scratch->path);
}

static void skip_damaged_leaves_out_a_segment_without_its_header(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_query query = {.flags = NANOTS_QUERY_SKIP_DAMAGED};
    make_file(scratch->path, NANOTS_DUPLICATES_KEEP_ALL);
    struct nanots_db *db = open_without_first_header(scratch);
    const struct outcome outcome = read_table(db, 0, query, true);
    expect_told(&outcome, 0);
    assert_int_equal(outcome.damage.places, 1);
    assert_null(outcome.damage.column);
    assert_in_range(outcome.missing, 1, ROWS - 1);
    assert_int_equal(outcome.damage.rows, outcome.missing);
    assert_int_equal(outcome.damage.place_rows, outcome.missing);
    assert_int_equal(outcome.damage.ts_min, outcome.missing_min);
    assert_int_equal(outcome.damage.ts_max, outcome.missing_max);
    assert_int_equal(outcome.damage.place_ts_min, outcome.missing_min);
    db_close(db);
}

/* Rows 0 and 1 have one time; the later one is in a segment of its own, and lost. */
static void skip_damaged_brings_back_what_a_lost_row_had_replaced(void **state)
{
    const struct scratch *scratch = *state;
    static const struct nanots_column column = {"value", NANOTS_TYPE_F64, 0};
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .duplicates = NANOTS_DUPLICATES_KEEP_LAST};
    const struct nanots_query query = {.struct_size = sizeof query,
                                       .flags = NANOTS_QUERY_SKIP_DAMAGED};
    struct nanots_db *db = db_open(scratch->path);
    size_t size = 0;

    db_ok(nanots_create_table_with(db, "t", &column, 1, &options, &db_error));
    db_ok(nanots_append(db, "t", 5, 1.0, NULL, &db_error));
    db_ok(nanots_flush(db, &db_error));
    db_ok(nanots_append(db, "t", 5, 2.0, NULL, &db_error));
    db_ok(nanots_flush(db, &db_error));
    uint8_t *file = db_file_read(scratch->path, &size);
    const size_t at = find_segment(file, size, find_segment(file, size, DATA_START) + 64);
    assert_in_range(at, DATA_START, size - 80);
    assert_int_equal(file[at + 48], 2); /* seq_first */
    file[at + 40] ^= 1;
    db_close(db);
    db_file_write(scratch->path, file, size);
    test_free(file);
    db = db_open_read_only(scratch->path);
    struct db_rows rows = db_rows_read(db, "t", &query);
    assert_int_equal(rows.row_count, 1);
    assert_int_equal(db_to_bits(rows.values[0]), db_to_bits(1.0));
    db_rows_free(&rows);
    db_close(db);
}

/* Goal: without the flag a stream says by its errno that the file is damaged, and where. */
static void damage_ends_a_stream(void **state)
{
    const struct scratch *scratch = *state;
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    size_t size = 0;
    int code = 0;

    make_file(scratch->path, NANOTS_DUPLICATES_KEEP_ALL);
    uint8_t *file = db_file_read(scratch->path, &size);
    file[find_segment(file, size, DATA_START) + 100] ^= 1; /* behind its header */
    db_file_write(scratch->path, file, size);
    test_free(file);
    struct nanots_db *db = db_open_read_only(scratch->path);
    db_ok(nanots_query_arrow_stream(db, names[0], NULL, NULL, &stream, &db_error));
    while ((code = stream.get_next(&stream, &array)) == 0 && array.release != NULL)
        array.release(&array);
    assert_int_equal(code, EBADMSG);
    assert_non_null(strstr(stream.get_last_error(&stream), names[0]));
    stream.release(&stream);
    db_close(db);
}

/* A part of the stream, then all of it; and the whole result in one array. */
static void skip_damaged_tells_arrow_too(void **state)
{
    const struct scratch *scratch = *state;
    const struct nanots_query query = {.struct_size = sizeof query,
                                       .flags = NANOTS_QUERY_SKIP_DAMAGED};
    struct nanots_damage_report damage = {.struct_size = sizeof damage};
    struct nanots_damage_report again = {.struct_size = sizeof again};
    const struct nanots_arrow_options options = {.struct_size = sizeof options,
                                                 .damage_out = &again};
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    int64_t rows = 0;

    make_file(scratch->path, NANOTS_DUPLICATES_KEEP_ALL);
    struct nanots_db *db = open_without_first_header(scratch);
    db_ok(nanots_query_arrow_stream(db, names[0], &query, NULL, &stream, &db_error));
    for (;;) {
        assert_int_equal(stream.get_next(&stream, &array), 0);
        if (array.release == NULL)
            break;
        rows += array.length;
        array.release(&array);
    }
    db_ok(nanots_arrow_stream_damage(&stream, &damage, &db_error));
    assert_int_equal(damage.places, 1);
    assert_int_equal(damage.rows, (int64_t)ROWS - rows);
    stream.release(&stream);
    db_fails(nanots_arrow_stream_damage(&stream, &damage, &db_error), NANOTS_INVALID, "released");
    db_ok(nanots_query_arrow(db, names[0], &query, &options, &schema, &array, &db_error));
    assert_int_equal(array.length, rows);
    assert_int_equal(again.rows, damage.rows);
    assert_string_equal(again.table, names[0]);
    array.release(&array);
    schema.release(&schema);
    again.struct_size = 0;
    db_fails(nanots_query_arrow(db, names[0], &query, &options, &schema, &array, &db_error),
             NANOTS_INVALID, "struct_size");
    assert_null(array.release);
    assert_null(schema.release);
    db_close(db);
}

static void skip_damaged_refuses_wrong_arguments(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_query query = {.struct_size = sizeof query, .flags = 16};
    struct nanots_damage_report damage = {.struct_size = sizeof damage, .places = 7};
    struct nanots_cursor *cursor = NULL;
    struct nanots_db *db = db_open(scratch->path);

    db_create(db, "t", 1);
    db_fails(nanots_query_open(db, "t", &query, &cursor, &db_error), NANOTS_INVALID, "flags");
    query.flags = 0;
    db_ok(nanots_query_open(db, "t", &query, &cursor, &db_error));
    db_ok(nanots_query_damage(cursor, &damage, &db_error)); /* nothing without the flag */
    assert_int_equal(damage.places, 0);
    db_fails(nanots_query_damage(NULL, &damage, &db_error), NANOTS_INVALID, "cursor");
    db_fails(nanots_query_damage(cursor, NULL, &db_error), NANOTS_INVALID, "damage_out");
    damage.struct_size = 0;
    db_fails(nanots_query_damage(cursor, &damage, &db_error), NANOTS_INVALID, "struct_size");
    db_fails(nanots_arrow_stream_damage(NULL, &damage, &db_error), NANOTS_INVALID, "stream");
    nanots_query_close(cursor);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(skip_damaged_gives_the_rest_and_tells_what_not),
        WITH_SCRATCH(skip_damaged_leaves_out_a_segment_without_its_header),
        WITH_SCRATCH(skip_damaged_brings_back_what_a_lost_row_had_replaced),
        WITH_SCRATCH(damage_ends_a_stream),
        WITH_SCRATCH(skip_damaged_tells_arrow_too),
        WITH_SCRATCH(skip_damaged_refuses_wrong_arguments),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
