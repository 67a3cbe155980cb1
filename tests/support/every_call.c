/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/every_call.c - every public call, once. Contract: every_call.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/arrow_made.h"
#include "support/every_call.h"

#define ROWS 30

static const int64_t row_ts[ROWS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const double row_values[ROWS] = {0.5, 1.25, -3.0, 7.75, 1e300};
static const double *const row_columns[] = {row_values};
static const struct nanots_value mixed_row[] = {
    {.type = NANOTS_TYPE_NULL},
    {.type = NANOTS_TYPE_UTF8, .as.utf8 = {.data = "boiler", .size = 6}},
};
static const int64_t mixed_numbers[] = {4, 5, 6};
static const int32_t mixed_offsets[] = {0, 1, 3, 6};
static const uint8_t mixed_validity[] = {5};
static const struct nanots_batch_column mixed_columns[] = {
    {NANOTS_TYPE_I64, mixed_numbers, mixed_validity, NULL},
    {NANOTS_TYPE_UTF8, "abbccc", NULL, mixed_offsets},
};
static const struct nanots_batch mixed_batch = {
    .row_count = 3, .ts = row_ts, .column_count = 2, .columns = mixed_columns};

#define RUN(name) static nanots_status name(struct every_call_stage *s, struct nanots_error *e)

static nanots_status stage_open(struct every_call_stage *stage, const char *path, uint32_t flags,
                                struct nanots_db **db_out, struct nanots_error *error)
{
    const struct nanots_open_options options = {.struct_size = sizeof options,
                                                .flags = flags,
                                                .sync_mode = NANOTS_SYNC_FULL,
                                                .wal_bytes = 64u << 10,
                                                .retention_ms = 1,
                                                .allocator = &stage->memory.alloc,
                                                .vfs = &stage->faults.vfs};
    return nanots_open(path, &options, db_out, error);
}

/* ---- calls -------------------------------------------------------------------------------- */

RUN(run_open)
{
    return stage_open(s, EVERY_CALL_PATH, 0, &s->db, e);
}
RUN(run_open_new)
{
    return stage_open(s, EVERY_CALL_OUT, 0, &s->db, e);
}
RUN(run_open_reader)
{
    return stage_open(s, EVERY_CALL_PATH, NANOTS_OPEN_READ_ONLY, &s->db, e);
}
RUN(run_close)
{
    struct nanots_db *db = s->db;
    s->db = NULL;
    return nanots_close(db, e);
}
RUN(run_create)
{
    const struct nanots_column column = {"c", NANOTS_TYPE_F32, 0};
    return nanots_create_table(s->db, "made", &column, 1, e);
}
RUN(run_create_with)
{
    const struct nanots_column column = {"c", NANOTS_TYPE_BOOL, 0};
    const struct nanots_table_options options = {.struct_size = sizeof options,
                                                 .unit = NANOTS_UNIT_NS};
    return nanots_create_table_with(s->db, "made", &column, 1, &options, e);
}
RUN(run_add_column)
{
    const struct nanots_column column = {"c", NANOTS_TYPE_F32, NANOTS_COLUMN_NULLABLE};
    return nanots_add_column(s->db, "mixed", &column, e);
}
RUN(run_rename_column)
{
    return nanots_rename_column(s->db, "mixed", "n", "number", e);
}
RUN(run_rename_table)
{
    return nanots_rename_table(s->db, "mixed", "renamed", e);
}
RUN(run_drop_table)
{
    return nanots_drop_table(s->db, "mixed", e);
}
RUN(run_table_open)
{
    struct nanots_table *table = NULL;
    return nanots_table_open(s->db, "mixed", &table, e);
}
RUN(run_list_tables)
{
    struct nanots_table_list list = {0, NULL, NULL};
    const nanots_status status = nanots_list_tables(s->db, &list, e);
    s->block = list.block;
    return status;
}
RUN(run_table_schema)
{
    struct nanots_schema schema = {.block = NULL};
    const nanots_status status = nanots_table_schema(s->db, "mixed", &schema, e);
    s->block = schema.block;
    return status;
}
RUN(run_append)
{
    return nanots_append(s->db, "series", 99, 1.5, NULL, e);
}
RUN(run_append_new)
{
    return nanots_append(s->db, "made", 99, 1.5, NULL, e);
}
RUN(run_append_row)
{
    return nanots_append_row(s->db, "series", 99, row_values, 1, NULL, e);
}
RUN(run_append_rows)
{
    return nanots_append_rows(s->db, "series", row_ts, row_values, ROWS, 1, NULL, e);
}
RUN(run_append_columns)
{
    return nanots_append_columns(s->db, "series", row_ts, row_columns, ROWS, 1, NULL, e);
}
/* More than a log of 64 KiB takes: a segment at once. */
RUN(run_append_bulk)
{
    static int64_t ts[6000];
    static double values[6000];
    const double *const columns[] = {values};
    for (int i = 0; i < 6000; i++) {
        ts[i] = i;
        values[i] = i * 1.01;
    }
    return nanots_append_columns(s->db, "series", ts, columns, 6000, 1, NULL, e);
}
RUN(run_append_row_typed)
{
    return nanots_append_row_typed(s->db, "mixed", 99, mixed_row, 2, NULL, e);
}
RUN(run_append_batch)
{
    return nanots_append_batch(s->db, "mixed", &mixed_batch, NULL, e);
}
RUN(run_table_append)
{
    return nanots_table_append(s->series, 99, row_values, 1, NULL, e);
}
RUN(run_table_append_rows)
{
    return nanots_table_append_rows(s->series, row_ts, row_values, ROWS, 1, NULL, e);
}
RUN(run_table_append_columns)
{
    return nanots_table_append_columns(s->series, row_ts, row_columns, ROWS, 1, NULL, e);
}
RUN(run_table_append_typed)
{
    return nanots_table_append_typed(s->mixed, 99, mixed_row, 2, NULL, e);
}
RUN(run_table_append_batch)
{
    return nanots_table_append_batch(s->mixed, &mixed_batch, NULL, e);
}
RUN(run_batch_begin)
{
    return nanots_batch_begin(s->db, &s->group, e);
}
RUN(run_group_append)
{
    return nanots_group_append(s->group, "series", 99, row_values, 1, e);
}
RUN(run_group_append_typed)
{
    return nanots_group_append_typed(s->group, "mixed", 99, mixed_row, 2, e);
}
RUN(run_group_append_batch)
{
    return nanots_group_append_batch(s->group, "mixed", &mixed_batch, e);
}
RUN(run_group_table_append)
{
    return nanots_group_table_append(s->group, s->series, 99, row_values, 1, e);
}
RUN(run_group_table_append_typed)
{
    return nanots_group_table_append_typed(s->group, s->mixed, 99, mixed_row, 2, e);
}
RUN(run_group_table_append_batch)
{
    return nanots_group_table_append_batch(s->group, s->mixed, &mixed_batch, e);
}
RUN(run_batch_commit)
{
    struct nanots_group *group = s->group;
    s->group = NULL;
    return nanots_batch_commit(group, NULL, e);
}
RUN(run_sync)
{
    return nanots_sync(s->db, e);
}
RUN(run_flush)
{
    return nanots_flush(s->db, e);
}
RUN(run_query_open)
{
    return nanots_query_open(s->db, "mixed", NULL, &s->cursor, e);
}
RUN(run_query_next)
{
    const struct nanots_batch *batch = NULL;
    nanots_status status = NANOTS_OK;
    do
        status = nanots_query_next(s->cursor, &batch, e);
    while (status == NANOTS_OK && batch != NULL);
    return status;
}
RUN(run_query_damage)
{
    struct nanots_damage_report report = {.struct_size = sizeof report};
    return nanots_query_damage(s->cursor, &report, e);
}
RUN(run_query_range)
{
    struct nanots_series series = {.block = NULL};
    const nanots_status status =
        nanots_query_range(s->db, "series", INT64_MIN, INT64_MAX, &series, e);
    s->block = series.block;
    return status;
}
RUN(run_last)
{
    int64_t ts = 0;
    double value = 0;
    return nanots_last(s->db, "series", &ts, &value, 1, e);
}
RUN(run_time_range)
{
    int has_rows = 0;
    int64_t first = 0;
    int64_t last = 0;
    return nanots_time_range(s->db, "series", &has_rows, &first, &last, e);
}
RUN(run_row_count)
{
    uint64_t rows = 0;
    return nanots_row_count(s->db, "series", &rows, e);
}
RUN(run_refresh)
{
    return nanots_refresh(s->reader, NULL, e);
}
RUN(run_change_counter)
{
    uint64_t counter = 0;
    return nanots_change_counter(s->reader, &counter, e);
}
RUN(run_pack_table)
{
    return nanots_pack_table(s->db, "series", 0, e);
}
RUN(run_retention)
{
    return nanots_compact_retention(s->db, "mixed", 5, NULL, e);
}
RUN(run_retention_now)
{
    return nanots_compact_retention_now(s->db, NULL, e);
}
RUN(run_maintain)
{
    return nanots_maintain(s->db, NULL, NULL, e);
}
RUN(run_stats)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    return nanots_stats(s->db, "mixed", &stats, e);
}
RUN(run_stats_column)
{
    struct nanots_column_stats stats = {.struct_size = sizeof stats};
    return nanots_stats_column(s->db, "mixed", 1, &stats, e);
}
RUN(run_stats_json)
{
    char *json = NULL;
    const nanots_status status = nanots_stats_json(s->db, "mixed", &json, e);
    s->block = json;
    return status;
}
RUN(run_diagnose)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof diagnosis};
    return nanots_diagnose(s->db, &diagnosis, e);
}
RUN(run_diagnose_json)
{
    char *json = NULL;
    const nanots_status status = nanots_diagnose_json(s->db, &json, e);
    s->block = json;
    return status;
}
RUN(run_verify)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    return nanots_verify(s->db, NULL, NULL, &report, e);
}

static nanots_status stage_backup(struct every_call_stage *stage, const char *path, uint32_t flags,
                                  struct nanots_error *error)
{
    const struct nanots_backup_options options = {.struct_size = sizeof options, .flags = flags};
    return nanots_backup(stage->db, path, &options, NULL, error);
}

RUN(run_backup)
{
    return stage_backup(s, EVERY_CALL_OUT, 0, e);
}
RUN(run_backup_again)
{
    return stage_backup(s, EVERY_CALL_BACKUP, NANOTS_BACKUP_INCREMENTAL, e);
}
RUN(run_repair)
{
    const struct nanots_repair_options options = {
        .struct_size = sizeof options, .allocator = &s->memory.alloc, .vfs = &s->faults.vfs};
    struct nanots_repair_report report = {.struct_size = sizeof report};
    const nanots_status status =
        nanots_repair(EVERY_CALL_PATH, EVERY_CALL_OUT, &options, &report, e);
    s->lost_rows = report.damage != 0;
    return status;
}
RUN(run_arrow_schema)
{
    struct ArrowSchema schema = {.release = NULL};
    const nanots_status status = nanots_table_arrow_schema(s->db, "mixed", NULL, &schema, e);
    if (schema.release != NULL)
        schema.release(&schema);
    return status;
}
RUN(run_query_arrow_stream)
{
    return nanots_query_arrow_stream(s->db, "mixed", NULL, NULL, &s->stream, e);
}
RUN(run_arrow_stream_damage)
{
    struct nanots_damage_report report = {.struct_size = sizeof report};
    return nanots_arrow_stream_damage(&s->stream, &report, e);
}
RUN(run_query_arrow)
{
    struct ArrowSchema schema = {.release = NULL};
    struct ArrowArray array = {.release = NULL};
    const nanots_status status = nanots_query_arrow(s->db, "mixed", NULL, NULL, &schema, &array, e);
    if (schema.release != NULL)
        schema.release(&schema);
    if (array.release != NULL)
        array.release(&array);
    return status;
}

static void stage_arrow(struct arrow_made *made)
{
    arrow_made_init(made, 3);
    (void)arrow_made_add(made, "ts_ms", "l", NULL, row_ts, NULL);
    (void)arrow_made_add(made, "n", "l", mixed_validity, mixed_numbers, NULL);
    (void)arrow_made_add(made, "t", "u", NULL, mixed_offsets, "abbccc");
}

RUN(run_append_arrow)
{
    struct arrow_made made;
    stage_arrow(&made);
    return nanots_append_arrow(s->db, "mixed", &made.schema, &made.array, NULL, NULL, e);
}
RUN(run_group_append_arrow)
{
    struct arrow_made made;
    stage_arrow(&made);
    return nanots_group_append_arrow(s->group, "mixed", &made.schema, &made.array, NULL, e);
}
RUN(run_append_arrow_new)
{
    const struct nanots_arrow_append_options options = {.struct_size = sizeof options,
                                                        .flags = NANOTS_ARROW_CREATE};
    struct arrow_made made;
    stage_arrow(&made);
    return nanots_append_arrow(s->db, "made", &made.schema, &made.array, &options, NULL, e);
}
RUN(run_append_arrow_stream)
{
    struct arrow_made made;
    stage_arrow(&made);
    made.arrays_left = 1;
    return nanots_append_arrow_stream(s->db, "mixed", &made.stream, NULL, NULL, e);
}

#define OUT EVERY_CALL_OUT
const struct every_call every_calls[] = {
    {"nanots_open", "a log", NEEDS_NOTHING, run_open, NULL, false},
    {"nanots_open", "new", NEEDS_NOTHING, run_open_new, NULL, false},
    {"nanots_open", "read-only", NEEDS_NOTHING, run_open_reader, NULL, false},
    {"nanots_close", "", NEEDS_WRITER, run_close, NULL, false},
    {"nanots_create_table", "", NEEDS_WRITER, run_create, NULL, false},
    {"nanots_create_table_with", "", NEEDS_WRITER, run_create_with, NULL, false},
    {"nanots_add_column", "", NEEDS_WRITER, run_add_column, NULL, false},
    {"nanots_rename_column", "", NEEDS_WRITER, run_rename_column, NULL, false},
    {"nanots_rename_table", "", NEEDS_WRITER, run_rename_table, NULL, false},
    {"nanots_drop_table", "", NEEDS_WRITER, run_drop_table, NULL, false},
    {"nanots_table_open", "", NEEDS_WRITER, run_table_open, NULL, false},
    {"nanots_list_tables", "", NEEDS_WRITER, run_list_tables, NULL, false},
    {"nanots_table_schema", "", NEEDS_WRITER, run_table_schema, NULL, false},
    {"nanots_append", "", NEEDS_WRITER, run_append, NULL, false},
    {"nanots_append", "new table", NEEDS_WRITER, run_append_new, NULL, true},
    {"nanots_append_row", "", NEEDS_WRITER, run_append_row, NULL, false},
    {"nanots_append_rows", "", NEEDS_WRITER, run_append_rows, NULL, false},
    {"nanots_append_columns", "", NEEDS_WRITER, run_append_columns, NULL, false},
    {"nanots_append_columns", "bulk", NEEDS_WRITER, run_append_bulk, NULL, false},
    {"nanots_append_row_typed", "", NEEDS_WRITER, run_append_row_typed, NULL, false},
    {"nanots_append_batch", "", NEEDS_WRITER, run_append_batch, NULL, false},
    {"nanots_table_append", "", NEEDS_WRITER, run_table_append, NULL, false},
    {"nanots_table_append_rows", "", NEEDS_WRITER, run_table_append_rows, NULL, false},
    {"nanots_table_append_columns", "", NEEDS_WRITER, run_table_append_columns, NULL, false},
    {"nanots_table_append_typed", "", NEEDS_WRITER, run_table_append_typed, NULL, false},
    {"nanots_table_append_batch", "", NEEDS_WRITER, run_table_append_batch, NULL, false},
    {"nanots_batch_begin", "", NEEDS_WRITER, run_batch_begin, NULL, false},
    {"nanots_group_append", "", NEEDS_GROUP, run_group_append, NULL, false},
    {"nanots_group_append_typed", "", NEEDS_GROUP, run_group_append_typed, NULL, false},
    {"nanots_group_append_batch", "", NEEDS_GROUP, run_group_append_batch, NULL, false},
    {"nanots_group_table_append", "", NEEDS_GROUP, run_group_table_append, NULL, false},
    {"nanots_group_table_append_typed", "", NEEDS_GROUP, run_group_table_append_typed, NULL, false},
    {"nanots_group_table_append_batch", "", NEEDS_GROUP, run_group_table_append_batch, NULL, false},
    {"nanots_batch_commit", "", NEEDS_GROUP, run_batch_commit, NULL, false},
    {"nanots_sync", "", NEEDS_WRITER, run_sync, NULL, false},
    {"nanots_flush", "", NEEDS_WRITER, run_flush, NULL, false},
    {"nanots_query_open", "", NEEDS_WRITER, run_query_open, NULL, false},
    {"nanots_query_next", "", NEEDS_CURSOR, run_query_next, NULL, false},
    {"nanots_query_damage", "", NEEDS_CURSOR, run_query_damage, NULL, false},
    {"nanots_query_range", "", NEEDS_WRITER, run_query_range, NULL, false},
    {"nanots_last", "", NEEDS_WRITER, run_last, NULL, false},
    {"nanots_time_range", "", NEEDS_WRITER, run_time_range, NULL, false},
    {"nanots_row_count", "", NEEDS_WRITER, run_row_count, NULL, false},
    {"nanots_refresh", "", NEEDS_READER, run_refresh, NULL, false},
    {"nanots_change_counter", "", NEEDS_READER, run_change_counter, NULL, false},
    {"nanots_pack_table", "", NEEDS_WRITER, run_pack_table, NULL, false},
    {"nanots_compact_retention", "", NEEDS_WRITER, run_retention, NULL, false},
    {"nanots_compact_retention_now", "", NEEDS_WRITER, run_retention_now, NULL, true},
    {"nanots_maintain", "", NEEDS_WRITER, run_maintain, NULL, true},
    {"nanots_stats", "", NEEDS_WRITER, run_stats, NULL, false},
    {"nanots_stats_column", "", NEEDS_WRITER, run_stats_column, NULL, false},
    {"nanots_stats_json", "", NEEDS_WRITER, run_stats_json, NULL, false},
    {"nanots_diagnose", "", NEEDS_WRITER, run_diagnose, NULL, false},
    {"nanots_diagnose_json", "", NEEDS_WRITER, run_diagnose_json, NULL, false},
    {"nanots_verify", "", NEEDS_WRITER, run_verify, NULL, false},
    {"nanots_backup", "new", NEEDS_WRITER, run_backup, OUT, false},
    {"nanots_backup", "incremental", NEEDS_WRITER, run_backup_again, EVERY_CALL_BACKUP, false},
    {"nanots_repair", "", NEEDS_NOTHING, run_repair, OUT, false},
    {"nanots_table_arrow_schema", "", NEEDS_WRITER, run_arrow_schema, NULL, false},
    {"nanots_query_arrow_stream", "", NEEDS_WRITER, run_query_arrow_stream, NULL, false},
    {"nanots_arrow_stream_damage", "", NEEDS_STREAM, run_arrow_stream_damage, NULL, false},
    {"nanots_query_arrow", "", NEEDS_WRITER, run_query_arrow, NULL, false},
    {"nanots_group_append_arrow", "", NEEDS_GROUP, run_group_append_arrow, NULL, false},
    {"nanots_append_arrow", "", NEEDS_WRITER, run_append_arrow, NULL, false},
    {"nanots_append_arrow", "new table", NEEDS_WRITER, run_append_arrow_new, NULL, true},
    {"nanots_append_arrow_stream", "", NEEDS_WRITER, run_append_arrow_stream, NULL, false},
};
const size_t every_call_count = sizeof every_calls / sizeof every_calls[0];

/* ---- the stage ---------------------------------------------------------------------------- */

static void stage_ok(nanots_status status, const struct nanots_error *error)
{
    if (status != NANOTS_OK)
        fail_msg("before the call: %s", error->message);
}

/* Some rows of each table. */
static void stage_fill(struct nanots_db *db, int64_t from)
{
    struct nanots_error error;
    for (int64_t ts = from; ts < from + 20; ts++)
        stage_ok(nanots_append(db, "series", ts, (double)ts * 0.1, NULL, &error), &error);
    stage_ok(nanots_append_batch(db, "mixed", &mixed_batch, NULL, &error), &error);
    stage_ok(nanots_append_row_typed(db, "mixed", from, mixed_row, 2, NULL, &error), &error);
}

void every_call_make_file(struct memvfs *disk)
{
    const struct nanots_column columns[] = {{"n", NANOTS_TYPE_I64, NANOTS_COLUMN_NULLABLE},
                                            {"t", NANOTS_TYPE_UTF8, 0}};
    const struct nanots_open_options options = {
        .struct_size = sizeof options, .wal_bytes = 64u << 10, .vfs = &disk->vfs};
    struct nanots_error error;
    struct nanots_db *db = NULL;
    stage_ok(nanots_open(EVERY_CALL_PATH, &options, &db, &error), &error);
    stage_ok(nanots_create_table(db, "mixed", columns, 2, &error), &error);
    stage_fill(db, 0);
    stage_ok(nanots_backup(db, EVERY_CALL_BACKUP, NULL, NULL, &error), &error);
    for (int64_t from = 0; from < 60; from += 20) {
        stage_fill(db, from);
        stage_ok(nanots_flush(db, &error), &error);
    }
    stage_fill(db, 50); /* the process dies with these in the log */
    memvfs_crash(disk);
    (void)nanots_close(db, NULL);
    memvfs_reboot(disk, MEMVFS_KEEP_ALL);
}

void every_call_begin(struct every_call_stage *stage, enum every_call_needs needs, bool no_wal_map)
{
    struct nanots_error error;
    faultvfs_init(&stage->faults, &stage->disk.vfs);
    faultalloc_init(&stage->memory);
    stage->faults.no_wal_map = no_wal_map;
    stage->db = stage->reader = NULL;
    stage->series = stage->mixed = NULL;
    stage->group = NULL;
    stage->cursor = NULL;
    stage->stream.release = NULL;
    stage->block = NULL;
    stage->lost_rows = false;
    if (needs == NEEDS_NOTHING)
        return;
    stage_ok(stage_open(stage, EVERY_CALL_PATH, 0, &stage->db, &error), &error);
    stage_ok(nanots_table_open(stage->db, "series", &stage->series, &error), &error);
    stage_ok(nanots_table_open(stage->db, "mixed", &stage->mixed, &error), &error);
    if (needs == NEEDS_READER)
        stage_ok(stage_open(stage, EVERY_CALL_PATH, NANOTS_OPEN_READ_ONLY, &stage->reader, &error),
                 &error);
    stage_fill(stage->db, 70); /* in the log */
    if (needs == NEEDS_READER) {
        stage_ok(nanots_flush(stage->db, &error), &error);
        stage_fill(stage->db, 90);
    } else if (needs == NEEDS_GROUP) {
        stage_ok(nanots_batch_begin(stage->db, &stage->group, &error), &error);
        stage_ok(nanots_group_append(stage->group, "series", 200, row_values, 1, &error), &error);
    } else if (needs == NEEDS_CURSOR) {
        stage_ok(nanots_query_open(stage->db, "mixed", NULL, &stage->cursor, &error), &error);
    } else if (needs == NEEDS_STREAM) {
        stage_ok(nanots_query_arrow_stream(stage->db, "mixed", NULL, NULL, &stage->stream, &error),
                 &error);
    }
}

void every_call_end(struct every_call_stage *stage)
{
    nanots_free(stage->block);
    if (stage->stream.release != NULL)
        stage->stream.release(&stage->stream);
    nanots_query_close(stage->cursor);
    nanots_batch_rollback(stage->group);
    if (stage->reader != NULL)
        (void)nanots_close(stage->reader, NULL);
    if (stage->db != NULL)
        (void)nanots_close(stage->db, NULL);
    assert_int_equal(stage->memory.block_count, 0);
    assert_int_equal(stage->memory.bytes, 0);
    assert_int_equal(stage->faults.open_count, 0);
    assert_int_equal(stage->faults.map_count, 0);
    faultvfs_deinit(&stage->faults);
    faultalloc_deinit(&stage->memory);
}
