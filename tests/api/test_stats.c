/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_stats.c - statistics and diagnosis: structs that agree with each other and JSON
 * that agrees with the structs. Python's parser reads the JSON in tests/cli/test_cli.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nanots.h"
#include "os/vfs.h"
#include "support/db_helpers.h"
#include "support/faultvfs.h"
#include "support/scratch.h"

#define ROWS 20000u

static struct nanots_table_stats stats_of_table(struct nanots_db *db)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats(db, "boiler", &stats, &db_error));
    return stats;
}

static struct nanots_column_stats stats_of_column(struct nanots_db *db, size_t column)
{
    struct nanots_column_stats stats = {.struct_size = sizeof stats};
    db_ok(nanots_stats_column(db, "boiler", column, &stats, &db_error));
    return stats;
}

static struct nanots_diagnosis diagnosis_of(struct nanots_db *db)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    return diagnosis;
}

/* Fails unless `json` has the member, as the writer puts it. */
static void expect_count(const char *json, const char *key, uint64_t value)
{
    char member[96];
    (void)snprintf(member, sizeof member, "\"%s\":%" PRIu64, key, value);
    const char *at = strstr(json, member);
    if (at == NULL || (at[strlen(member)] != ',' && at[strlen(member)] != '}'))
        fail_msg("%s is not in %s", member, json);
}

static void expect_ratio(const char *json, const char *key, double value)
{
    char name[64];
    (void)snprintf(name, sizeof name, "\"%s\":", key);
    const char *at = strstr(json, name);
    if (at == NULL || strtod(at + strlen(name), NULL) != value)
        fail_msg("%s%.17g is not in %s", name, value, json);
}

static struct nanots_db *filled(const struct scratch *scratch)
{
    struct db_rows rows = db_rows_sine(ROWS, 3, 1000);
    struct nanots_db *db = db_open(scratch->path);
    db_create(db, "boiler", 3);
    db_append_all(db, "boiler", &rows);
    db_ok(nanots_flush(db, &db_error));
    rows.row_count = 100;
    db_append_all(db, "boiler", &rows);
    rows.row_count = ROWS;
    db_rows_free(&rows);
    return db;
}

static void tier_add(struct nanots_tier_stats *sum, const struct nanots_tier_stats *part)
{
    sum->vectors += part->vectors;
    sum->raw_bytes += part->raw_bytes;
    sum->disk_bytes += part->disk_bytes;
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++) {
        sum->codecs[codec].vectors += part->codecs[codec].vectors;
        sum->codecs[codec].bytes += part->codecs[codec].bytes;
        sum->codecs[codec].raw_bytes += part->codecs[codec].raw_bytes;
    }
}

/* All that its codecs have; heads of chunks are of none. */
static void expect_codecs_of_tier(const struct nanots_tier_stats *tier)
{
    struct nanots_codec_stats sum = {0};
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++) {
        sum.vectors += tier->codecs[codec].vectors;
        sum.bytes += tier->codecs[codec].bytes;
        sum.raw_bytes += tier->codecs[codec].raw_bytes;
    }
    assert_int_equal(sum.vectors, tier->vectors);
    assert_int_equal(sum.raw_bytes, tier->raw_bytes);
    assert_in_range(sum.bytes, 0, tier->disk_bytes);
}

static void expect_tier(const struct nanots_tier_stats *got, const struct nanots_tier_stats *wanted)
{
    assert_memory_equal(got, wanted, sizeof *got);
}

static void stats_of_columns_sum_up_to_the_table(void **state)
{
    struct nanots_db *db = filled(*state);
    const struct nanots_table_stats table = stats_of_table(db);
    const struct nanots_column_stats ts = stats_of_column(db, NANOTS_COLUMN_TS);
    struct nanots_tier_stats all = ts.all;
    uint64_t value_bytes = 0;

    for (size_t c = 0; c < 3; c++) {
        const struct nanots_column_stats column = stats_of_column(db, c);
        tier_add(&all, &column.all);
        expect_codecs_of_tier(&column.all);
        expect_tier(&column.hot, &column.all);
        value_bytes += column.all.disk_bytes;
        assert_int_equal(column.all.vectors, (ROWS + 1023) / 1024);
        assert_int_equal(column.all.raw_bytes, ROWS * 8);
        assert_true(column.ratio == (double)column.all.raw_bytes / (double)column.all.disk_bytes);
    }
    assert_int_equal(table.rows, ROWS + 100);
    assert_int_equal(table.pending_rows, 100);
    assert_int_equal(table.packed_segments, 0);
    assert_int_equal(table.disk_ts_bytes, ts.all.disk_bytes);
    assert_int_equal(table.disk_value_bytes, value_bytes);
    expect_tier(&table.all, &all);
    expect_tier(&table.hot, &all);
    assert_int_equal(table.packed.vectors, 0);
    assert_true(table.value_ratio == ROWS * 24.0 / (double)value_bytes);
    assert_true(table.total_ratio == ROWS * 32.0 / (double)table.disk_bytes);
    /* One step: timestamps take next to nothing, and the ratio is finite all the same. */
    assert_true(table.ts_ratio ==
                ROWS * 8.0 / (double)(ts.all.disk_bytes == 0 ? 1 : ts.all.disk_bytes));
    db_close(db);
}

static void stats_json_has_the_numbers_of_the_structs(void **state)
{
    struct nanots_db *db = filled(*state);
    const struct nanots_table_stats stats = stats_of_table(db);
    char *json = NULL;

    db_ok(nanots_stats_json(db, "boiler", &json, &db_error));
    assert_ptr_equal(strstr(json, "{\"table\":\"boiler\","), json);
    expect_count(json, "rows", stats.rows);
    expect_count(json, "segments", stats.segments);
    expect_count(json, "pending_rows", stats.pending_rows);
    expect_count(json, "column_count", 3);
    expect_count(json, "raw_total_bytes", stats.raw_bytes);
    expect_count(json, "raw_ts_bytes", stats.raw_ts_bytes);
    expect_count(json, "raw_value_bytes", stats.raw_value_bytes);
    expect_count(json, "on_disk_bytes", stats.disk_bytes);
    expect_count(json, "ts_blob_bytes", stats.disk_ts_bytes);
    expect_count(json, "value_blob_bytes", stats.disk_value_bytes);
    expect_count(json, "index_bytes", stats.disk_index_bytes);
    expect_count(json, "packed_segments", 0);
    assert_non_null(strstr(json, "\"tiers\":{\"hot\":{\"vectors\":"));
    expect_ratio(json, "compression_ratio_total_x", stats.total_ratio);
    expect_ratio(json, "compression_ratio_ts_blob_x", stats.ts_ratio);
    expect_ratio(json, "compression_ratio_value_blob_x", stats.value_ratio);
    nanots_free(json);
    db_close(db);
}

static void stats_of_an_empty_table_are_zero(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    char *json = NULL;
    db_create(db, "boiler", 1);
    const struct nanots_table_stats stats = stats_of_table(db);
    assert_int_equal(stats.rows, 0);
    assert_true(stats.total_ratio == 0 && stats.ts_ratio == 0 && stats.value_ratio == 0);
    assert_true(stats_of_column(db, 0).ratio == 0);
    db_ok(nanots_stats_json(db, "boiler", &json, &db_error));
    expect_ratio(json, "compression_ratio_total_x", 0);
    nanots_free(json);
    db_close(db);
}

static void stats_with_wrong_arguments_say_so(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = db_open(scratch->path);
    struct nanots_column_stats stats = {.struct_size = sizeof stats};
    char *json = "";
    db_create(db, "boiler", 2);
    db_fails(nanots_stats_column(db, "boiler", 2, &stats, &db_error), NANOTS_INVALID, "2 columns");
    db_fails(nanots_stats_column(db, "boiler", 0, NULL, &db_error), NANOTS_INVALID, "stats_out");
    stats.struct_size = 0;
    db_fails(nanots_stats_column(db, "boiler", 0, &stats, &db_error), NANOTS_INVALID,
             "struct_size");
    db_fails(nanots_stats_json(db, "none", &json, &db_error), NANOTS_NOT_FOUND, "none");
    assert_null(json);
    db_fails(nanots_stats_json(db, "boiler", NULL, &db_error), NANOTS_INVALID, "json_out");
    db_fails(nanots_diagnose_json(NULL, &json, &db_error), NANOTS_INVALID, "handle");
    db_close(db);
}

/* Goal: a caller built against an older header, with smaller structs, keeps what lies behind. */
static void stats_structs_of_an_older_header_are_not_overrun(void **state)
{
    struct nanots_db *db = filled(*state);
    struct nanots_table_stats stats;
    struct nanots_diagnosis diagnosis;
    memset(&stats, 0x5A, sizeof stats);
    memset(&diagnosis, 0x5A, sizeof diagnosis);
    stats.struct_size = offsetof(struct nanots_table_stats, hot);
    diagnosis.struct_size = offsetof(struct nanots_diagnosis, data_bytes);
    db_ok(nanots_stats(db, "boiler", &stats, &db_error));
    db_ok(nanots_diagnose(db, &diagnosis, &db_error));
    assert_int_equal(stats.rows, ROWS + 100);
    assert_int_equal(stats.hot.vectors, 0x5A5A5A5A5A5A5A5Aull);
    assert_int_equal(diagnosis.tables, 1);
    assert_int_equal(diagnosis.data_bytes, 0x5A5A5A5A5A5A5A5Aull);
    db_close(db);
}

static void diagnosis_counts_what_was_written(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_sine(1000, 1, 0);
    struct nanots_db *db = db_open(scratch->path);

    assert_int_equal(diagnosis_of(db).appended_bytes, 0);
    assert_true(diagnosis_of(db).write_amplification == 0);
    db_create(db, "boiler", 1);
    const uint64_t before = diagnosis_of(db).written_bytes;
    db_append_all(db, "boiler", &rows);
    struct nanots_diagnosis diagnosis = diagnosis_of(db);
    assert_int_equal(diagnosis.appended_bytes, 16000);
    /* The log has the rows and one header, whether it is mapped or written. */
    assert_in_range(diagnosis.written_bytes - before, 16000, 16200);
    assert_true(diagnosis.wal_ratio == 0);
    db_ok(nanots_flush(db, &db_error));
    diagnosis = diagnosis_of(db);
    assert_int_equal(diagnosis.data_bytes, stats_of_table(db).disk_bytes);
    assert_true(diagnosis.written_bytes - before > 16000 + diagnosis.data_bytes);
    assert_true(diagnosis.write_amplification ==
                (double)diagnosis.written_bytes / (double)diagnosis.appended_bytes);
    assert_true(diagnosis.wal_ratio == (double)diagnosis.wal_bytes / (double)diagnosis.data_bytes);
    db = db_reopen(db, scratch->path);
    assert_int_equal(diagnosis_of(db).appended_bytes, 0);
    db_close(db);
    db_rows_free(&rows);
}

static void diagnosis_counts_a_bulk_batch_too(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_sine(100000, 1, 0); /* 1.6 MB: a segment at once */
    struct nanots_db *db = db_open(scratch->path);
    db_create(db, "boiler", 1);
    db_append_all(db, "boiler", &rows);
    assert_int_equal(diagnosis_of(db).appended_bytes, 1600000);
    db_close(db);
    db_rows_free(&rows);
}

static void diagnosis_names_the_oldest_reader(void **state)
{
    const struct scratch *scratch = *state;
    struct nanots_db *db = filled(scratch);
    assert_int_equal(diagnosis_of(db).oldest_pin, diagnosis_of(db).generation);
    struct nanots_db *reader = db_open_read_only(scratch->path);
    const uint64_t pinned = diagnosis_of(reader).generation;
    db_ok(nanots_flush(db, &db_error));
    assert_true(diagnosis_of(db).generation > pinned);
    assert_int_equal(diagnosis_of(db).oldest_pin, pinned);
    assert_int_equal(diagnosis_of(reader).oldest_pin, pinned);
    db_close(reader);
    assert_int_equal(diagnosis_of(db).oldest_pin, diagnosis_of(db).generation);
    db_close(db);
}

static void diagnose_json_has_the_numbers_of_the_struct(void **state)
{
    struct nanots_db *db = filled(*state);
    const struct nanots_diagnosis d = diagnosis_of(db);
    char *json = NULL;

    db_ok(nanots_diagnose_json(db, &json, &db_error));
    expect_count(json, "file_bytes", d.file_bytes);
    expect_count(json, "free_bytes", d.free_bytes);
    expect_count(json, "data_bytes", d.data_bytes);
    expect_count(json, "wal_bytes", d.wal_bytes);
    expect_count(json, "wal_used_bytes", d.wal_used_bytes);
    expect_ratio(json, "wal_ratio", d.wal_ratio);
    expect_count(json, "pending_rows", 100);
    expect_count(json, "generation", d.generation);
    expect_count(json, "oldest_pin", d.oldest_pin);
    expect_count(json, "flushed_seq", d.flushed_seq);
    expect_count(json, "last_seq", d.last_seq);
    expect_count(json, "tables", 1);
    expect_count(json, "segments", d.segments);
    expect_count(json, "written_bytes", d.written_bytes);
    expect_count(json, "appended_bytes", d.appended_bytes);
    expect_ratio(json, "write_amplification", d.write_amplification);
    expect_count(json, "recovered_rows", d.recovered_rows);
    expect_count(json, "torn_bytes", d.torn_bytes);
    expect_count(json, "kept_logs", 0);
    expect_count(json, "kept_log_bytes", 0);
    expect_count(json, "wal_break_seq", 0);
    expect_count(json, "maintenance_failures", 0);
    assert_non_null(strstr(json, "\"maintenance_status\":\"NANOTS_OK\""));
    assert_non_null(strstr(json, "\"wal_damaged\":false"));
    assert_non_null(strstr(json, "\"poisoned\":false"));
    nanots_free(json);
    db_close(db);
}

/* ---- bytes written ------------------------------------------------------------------------- */

/* Goal: written_bytes is what the file was handed, whatever did it. Method: a file that counts, a
 * log that is written and never synced, and each kind of work. */
static void written_bytes_are_those_that_the_file_was_handed(void **state)
{
    const struct scratch *scratch = *state;
    struct db_rows rows = db_rows_sine(3000, 1, 0);
    struct db_rows bulk = db_rows_sine(70000, 1, 0);
    struct nanots_group *group = NULL;
    struct faultvfs files;

    faultvfs_init(&files, nts_vfs_posix());
    files.no_wal_map = true;
    files.no_sync = true;
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .sync_mode = NANOTS_SYNC_OFF,
                                                .wal_bytes = 64 << 10,
                                                .vfs = &files.vfs};
    struct nanots_db *db = db_open_with(scratch->path, &options);
    for (unsigned step = 0; step < 12; step++) {
        const uint64_t before = files.write_bytes;
        if (step == 0)
            db_create(db, "a", 1);
        else if (step < 4)
            db_append_all(db, "a", &rows);
        else if (step == 4)
            db_append_all(db, "a", &bulk);
        else if (step == 5) {
            db_ok(nanots_batch_begin(db, &group, &db_error));
            db_ok(nanots_group_append(group, "a", 5, &(const double){1}, 1, &db_error));
            db_ok(nanots_batch_commit(group, NULL, &db_error));
        } else if (step < 8)
            db_ok(nanots_flush(db, &db_error));
        else if (step == 8)
            db_ok(nanots_maintain(db, NULL, NULL, &db_error));
        else if (step == 9)
            db_ok(nanots_pack_table(db, "a", 10000, &db_error));
        else if (step == 10)
            db_ok(nanots_compact_retention(db, "a", 12345, NULL, &db_error));
        else
            db_ok(nanots_drop_table(db, "a", &db_error));
        assert_true(files.write_bytes > before || step == 7 || step == 8);
        assert_int_equal(diagnosis_of(db).written_bytes, files.write_bytes);
    }
    db_close(db);
    faultvfs_deinit(&files);
    db_rows_free(&bulk);
    db_rows_free(&rows);
}

/* Goal: a row of the log counts once, also where each sync writes it over itself. */
static void written_bytes_count_a_synced_row_once(void **state)
{
    enum { COUNT = 100, ROW_BYTES = 48 }; /* header, ts, value */
    const struct scratch *scratch = *state;

    for (unsigned way = 0; way < 4; way++) {
        struct faultvfs files;
        faultvfs_init(&files, nts_vfs_posix());
        files.no_wal_map = way % 2 != 0;
        const struct nanots_open_options options = {.struct_size = sizeof options,
                                                    .sync_mode = way < 2 ? NANOTS_SYNC_FULL
                                                                         : NANOTS_SYNC_NORMAL,
                                                    .sync_interval_ms = UINT32_MAX,
                                                    .vfs = &files.vfs};
        struct nanots_db *db = db_open_with(scratch->path, &options);
        db_ok(nanots_append(db, "a", 0, 0.5, NULL, &db_error));
        db_ok(nanots_sync(db, &db_error));
        const uint64_t before = diagnosis_of(db).written_bytes;
        for (int64_t ts = 1; ts <= COUNT; ts++)
            db_ok(nanots_append(db, "a", ts, 0.5, NULL, &db_error));
        db_ok(nanots_sync(db, &db_error));
        assert_int_equal(diagnosis_of(db).written_bytes - before, COUNT * ROW_BYTES);
        db_ok(nanots_drop_table(db, "a", &db_error));
        db_close(db);
        faultvfs_deinit(&files);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(stats_of_columns_sum_up_to_the_table),
        WITH_SCRATCH(stats_json_has_the_numbers_of_the_structs),
        WITH_SCRATCH(stats_of_an_empty_table_are_zero),
        WITH_SCRATCH(stats_with_wrong_arguments_say_so),
        WITH_SCRATCH(stats_structs_of_an_older_header_are_not_overrun),
        WITH_SCRATCH(diagnosis_counts_what_was_written),
        WITH_SCRATCH(diagnosis_counts_a_bulk_batch_too),
        WITH_SCRATCH(diagnosis_names_the_oldest_reader),
        WITH_SCRATCH(diagnose_json_has_the_numbers_of_the_struct),
        WITH_SCRATCH(written_bytes_are_those_that_the_file_was_handed),
        WITH_SCRATCH(written_bytes_count_a_synced_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
