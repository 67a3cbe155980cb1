/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fuzz/fuzz_file.c - a whole file through the public interface: read, written to, read again.
 *
 *   input (support/file_image.h) --> "in"  read-only: all tables by all calls, verify, backup
 *                                     |
 *                                     +--> "out"  opened for writing: recovery; work by the bits of
 *                                                 byte 0; close; opened again and verified
 *
 *   byte 0: bit 2 rows for every table and a flush, bit 3 schema changes, bit 4 pack, bit 5
 *           retention, bit 6 upkeep, bit 7 a group
 *
 * What must hold, whatever the bytes are: no crash, no loop, no allocation that the file does not
 * justify, no status but those of a damaged file; a file of which verify finds no damage reads
 * without a failure, gives its writer the rows that it gives a reader, and is whole again when the
 * writer is done. Tests of the same with honest files: api/, crash/.
 */
#include <stdlib.h>
#include <string.h>

#include "nanots.h"
#include "support/file_image.h"
#include "support/memfile.h"

#define OUT_SIZE_MAX   (64u << 20)
#define CELLS_MAX      (1u << 20) /* values that are read; a small file can say more of one kind */
#define ALLOCATION_MAX (96u << 20)
#define WORK_ROWS      (bits & 4u)
#define WORK_SCHEMA    (bits & 8u)
#define WORK_PACK      (bits & 16u)
#define WORK_RETENTION (bits & 32u)
#define WORK_UPKEEP    (bits & 64u)
#define WORK_GROUP     (bits & 128u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader saw of a file. */
struct sight {
    bool is_whole;    /* everything was read and verified, and nothing failed */
    bool is_hurt;     /* a call said that the file is damaged */
    bool is_odd;      /* rows are out of order, which only a damaged segment explains */
    bool is_too_much; /* more values than are looked at */
    uint64_t rows;    /* that queries gave */
    uint64_t stored;  /* of tables that keep all rows */
    uint64_t hash;    /* of their times, by table */
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- memory ------------------------------------------------------------------------------- */

static size_t block_count;

/* A file of n bytes may hold 32768 * n bytes of text in one frame of zstd, and no more of anything:
 * beyond the limit there is no memory, and beyond what the file justifies is a defect. */
static void *memory_allocate(void *context, size_t size)
{
    const uint64_t file_size = *(const uint64_t *)context;
    require(size <= (32u << 20) + 32768 * file_size);
    void *block = size <= ALLOCATION_MAX ? malloc(size) : NULL;
    block_count += block != NULL;
    return block;
}

static void memory_release(void *context, void *block)
{
    (void)context;
    block_count--;
    free(block);
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool is_of_damage(nanots_status status)
{
    return status == NANOTS_OK || status == NANOTS_CORRUPT || status == NANOTS_NO_MEMORY ||
           status == NANOTS_UNSUPPORTED || status == NANOTS_TOO_BIG;
}

static void take_note(struct sight *sight, nanots_status status)
{
    require(is_of_damage(status));
    if (status != NANOTS_OK)
        sight->is_whole = false;
    if (status == NANOTS_CORRUPT)
        sight->is_hurt = true;
}

/* What the header promises of a column, whatever the file says; touches all of it. */
static uint64_t column_check(const struct nanots_batch_column *column, size_t row_count)
{
    const uint8_t *bytes = column->values;
    const int32_t *offsets = column->offsets;
    size_t size = row_count * 8;
    uint64_t hash = 0;
    if (column->type == NANOTS_TYPE_UTF8) {
        for (size_t i = 0; i < row_count; i++)
            require(offsets[i] >= 0 && offsets[i] <= offsets[i + 1]);
        size = (size_t)offsets[row_count];
    } else if (column->type == NANOTS_TYPE_BOOL) {
        size = (row_count + 7) / 8;
    } else if (column->type == NANOTS_TYPE_F32 || column->type == NANOTS_TYPE_I32) {
        size = row_count * 4;
    }
    for (size_t i = 0; i < size; i++)
        hash += bytes[i];
    for (size_t i = 0; column->validity != NULL && i < row_count; i += 8)
        hash += column->validity[i / 8];
    return hash;
}

/* The rows of one query. */
struct reading {
    nanots_status status;
    uint64_t rows;
    uint64_t hash; /* of times */
    uint64_t sum;  /* of all bytes, which means nothing but that they are there */
    bool is_ordered;
};

static void read_rows(struct nanots_db *db, const char *table, const struct nanots_query *query,
                      struct reading *reading)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    const bool is_reverse = (query->flags & NANOTS_QUERY_REVERSE) != 0;
    int64_t before = is_reverse ? INT64_MAX : INT64_MIN;
    *reading = (struct reading){.is_ordered = true};
    reading->status = nanots_query_open(db, table, query, &cursor, NULL);
    while (reading->status == NANOTS_OK) {
        reading->status = nanots_query_next(cursor, &batch, NULL);
        if (batch == NULL)
            break;
        require(batch->row_count >= 1 && batch->row_count <= 65536);
        for (size_t i = 0; i < batch->row_count; i++) {
            const int64_t ts = batch->ts[i];
            if (is_reverse ? ts > before : ts < before)
                reading->is_ordered = false;
            before = ts;
            reading->hash = (reading->hash ^ (uint64_t)ts) * 0x9E3779B97F4A7C15u;
        }
        for (size_t c = 0; c < batch->column_count; c++)
            reading->sum += column_check(&batch->columns[c], batch->row_count);
        reading->rows += batch->row_count;
    }
    nanots_query_close(cursor);
}

static void read_queries(struct nanots_db *db, const char *table, uint64_t stored, int64_t middle,
                         nanots_duplicates duplicates, struct sight *sight)
{
    struct nanots_query query = {.struct_size = sizeof query};
    struct reading forward;
    struct reading backward;
    struct reading few;
    read_rows(db, table, &query, &forward);
    query.flags = NANOTS_QUERY_REVERSE;
    read_rows(db, table, &query, &backward);
    query.flags = NANOTS_QUERY_FROM | NANOTS_QUERY_TO;
    query.from = middle - (middle > INT64_MIN + 10 ? 10 : 0);
    query.to = middle;
    query.limit = 3;
    read_rows(db, table, &query, &few);
    take_note(sight, forward.status);
    take_note(sight, backward.status);
    take_note(sight, few.status);
    require(few.rows <= 3);
    require(forward.rows <= stored && backward.rows <= stored);
    if (forward.status == NANOTS_OK && duplicates == NANOTS_DUPLICATES_KEEP_ALL)
        require(forward.rows == stored);
    if (!forward.is_ordered || !backward.is_ordered || !few.is_ordered ||
        forward.rows != backward.rows)
        sight->is_odd = true;
    sight->rows += forward.rows;
    sight->hash = (sight->hash ^ forward.hash) * 0x9E3779B97F4A7C15u;
}

static void read_table(struct nanots_db *db, const char *table, struct sight *sight)
{
    struct nanots_schema schema;
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    int64_t first = 0;
    int64_t last = 0;
    uint64_t rows = 0;
    int has_rows = 0;
    char *json = NULL;
    take_note(sight, nanots_table_schema(db, table, &schema, NULL));
    if (schema.block == NULL)
        return;
    require(nanots_row_count(db, table, &rows, NULL) == NANOTS_OK);
    require(nanots_time_range(db, table, &has_rows, &first, &last, NULL) == NANOTS_OK);
    require(has_rows == (rows != 0) && first <= last);
    if (schema.duplicates == NANOTS_DUPLICATES_KEEP_ALL)
        sight->stored += rows;
    if (rows > CELLS_MAX / (schema.column_count + 1)) {
        sight->is_too_much = true;
    } else {
        take_note(sight, nanots_stats(db, table, &stats, NULL));
        take_note(sight, nanots_stats_json(db, table, &json, NULL));
        nanots_free(json);
        read_queries(db, table, rows, first + (last / 2 - first / 2), schema.duplicates, sight);
    }
    nanots_free(schema.block);
}

/* Everything of an open file. What verify passes can be read, and what cannot be read it counts. */
static void read_all(struct nanots_db *db, struct sight *sight)
{
    struct nanots_table_list list;
    struct nanots_verify_report report = {.struct_size = sizeof report};
    char *json = NULL;
    memset(sight, 0, sizeof *sight);
    sight->is_whole = true;
    take_note(sight, nanots_list_tables(db, &list, NULL));
    for (size_t i = 0; i < list.count && !sight->is_too_much; i++)
        read_table(db, list.names[i], sight);
    nanots_free(list.block);
    require(nanots_diagnose_json(db, &json, NULL) == NANOTS_OK);
    nanots_free(json);
    if (sight->is_too_much) {
        sight->is_whole = false;
        return;
    }
    const nanots_status status = nanots_verify(db, NULL, NULL, &report, NULL);
    require(status != NANOTS_CORRUPT);
    take_note(sight, status);
    require(status != NANOTS_OK || report.damage != 0 || (!sight->is_hurt && !sight->is_odd));
    if (report.damage != 0)
        sight->is_whole = false;
}

/* ---- writing ------------------------------------------------------------------------------ */

struct work {
    struct nanots_db *db;
    uint64_t appended; /* rows, to tables that keep all */
    bool is_changed;   /* rows may have gone */
    bool is_full;      /* a call found no space, or ids or memory at their end */
};

static void work_note(struct work *work, nanots_status status)
{
    require(is_of_damage(status) || status == NANOTS_NO_SPACE || status == NANOTS_INVALID ||
            status == NANOTS_EXISTS || status == NANOTS_NOT_FOUND || status == NANOTS_POISONED);
    if (status != NANOTS_OK)
        work->is_full = true;
}

static struct nanots_value work_value(const struct nanots_column *column, int64_t number)
{
    struct nanots_value value = {.type = column->type};
    if ((column->flags & NANOTS_COLUMN_NULLABLE) != 0 && number % 2 == 0)
        value.type = NANOTS_TYPE_NULL;
    else if (column->type == NANOTS_TYPE_F64)
        value.as.f64 = (double)number / 10;
    else if (column->type == NANOTS_TYPE_F32)
        value.as.f32 = (float)number;
    else if (column->type == NANOTS_TYPE_I64)
        value.as.i64 = number;
    else if (column->type == NANOTS_TYPE_I32)
        value.as.i32 = (int32_t)number;
    else if (column->type == NANOTS_TYPE_BOOL)
        value.as.boolean = 1;
    else {
        value.as.utf8.data = "word";
        value.as.utf8.size = 4;
    }
    return value;
}

/* Three rows, alone or in a group. */
static void work_rows(struct work *work, const char *table, struct nanots_group *group)
{
    struct nanots_schema schema;
    if (nanots_table_schema(work->db, table, &schema, NULL) != NANOTS_OK)
        return;
    struct nanots_value *values = calloc(schema.column_count + 1, sizeof *values);
    require(values != NULL);
    for (int64_t row = 0; row < 3; row++) {
        for (size_t c = 0; c < schema.column_count; c++)
            values[c] = work_value(&schema.columns[c], row);
        const nanots_status status =
            group != NULL ? nanots_group_append_typed(group, table, 1000 - row, values,
                                                      schema.column_count, NULL)
                          : nanots_append_row_typed(work->db, table, 1000 - row, values,
                                                    schema.column_count, NULL, NULL);
        work_note(work, status);
        if (status == NANOTS_OK && schema.duplicates == NANOTS_DUPLICATES_KEEP_ALL)
            work->appended++;
    }
    free(values);
    nanots_free(schema.block);
}

static void work_group(struct work *work, const struct nanots_table_list *list)
{
    struct nanots_group *group = NULL;
    const uint64_t before = work->appended;
    const nanots_status status = nanots_batch_begin(work->db, &group, NULL);
    work_note(work, status);
    if (status != NANOTS_OK)
        return;
    for (size_t i = 0; i < list->count; i++)
        work_rows(work, list->names[i], group);
    const nanots_status committed = nanots_batch_commit(group, NULL, NULL);
    work_note(work, committed);
    if (committed != NANOTS_OK)
        work->appended = before;
}

static void work_schema(struct work *work, const struct nanots_table_list *list)
{
    static const struct nanots_column columns[] = {{"a", NANOTS_TYPE_F64, 0},
                                                   {"b", NANOTS_TYPE_UTF8, 1}};
    static const struct nanots_column more = {"fuzz", NANOTS_TYPE_I32, NANOTS_COLUMN_NULLABLE};
    work_note(work, nanots_create_table(work->db, "fuzz made", columns, 2, NULL));
    for (size_t i = 0; i < list->count; i++)
        work_note(work, nanots_add_column(work->db, list->names[i], &more, NULL));
    work_note(work, nanots_rename_table(work->db, "fuzz made", "fuzz named", NULL));
    if (list->count > 1)
        work_note(work, nanots_drop_table(work->db, list->names[0], NULL));
    work->is_changed = true;
}

static void work_by(struct work *work, unsigned bits)
{
    struct nanots_table_list list;
    struct nanots_maintain_report report = {.struct_size = sizeof report};
    work_note(work, nanots_list_tables(work->db, &list, NULL));
    for (size_t i = 0; WORK_ROWS && i < list.count; i++)
        work_rows(work, list.names[i], NULL);
    if (WORK_ROWS)
        work_note(work, nanots_flush(work->db, NULL));
    if (WORK_GROUP)
        work_group(work, &list);
    if (WORK_SCHEMA)
        work_schema(work, &list);
    for (size_t i = 0; WORK_PACK && i < list.count; i++)
        work_note(work, nanots_pack_table(work->db, list.names[i], 5000, NULL));
    if (WORK_RETENTION) {
        work_note(work, nanots_compact_retention(work->db, NULL, 1000, NULL, NULL));
        work->is_changed = true;
    }
    if (WORK_UPKEEP)
        work_note(work, nanots_maintain(work->db, NULL, &report, NULL));
    nanots_free(list.block);
}

/* ---- the target --------------------------------------------------------------------------- */

static bool is_of_opening(nanots_status status)
{
    return is_of_damage(status) || status == NANOTS_NOT_A_DATABASE ||
           status == NANOTS_NEWER_FORMAT || status == NANOTS_READ_ONLY || status == NANOTS_NO_SPACE;
}

static struct nanots_db *file_open(struct memfile_disk *disk, const char *name, uint32_t flags,
                                   const struct nanots_allocator *allocator)
{
    struct nanots_open_options options = {.struct_size = sizeof options,
                                          .flags = flags | NANOTS_OPEN_NO_CREATE,
                                          .wal_bytes = 64u << 10,
                                          .memtable_bytes = 1u << 20,
                                          .allocator = allocator,
                                          .vfs = &disk->vfs};
    struct nanots_db *db = NULL;
    const nanots_status status = nanots_open(name, &options, &db, NULL);
    require(is_of_opening(status) && (db != NULL) == (status == NANOTS_OK));
    return db;
}

static void file_read(struct memfile_disk *disk, const struct nanots_allocator *allocator,
                      struct sight *sight)
{
    struct nanots_backup_options options = {.struct_size = sizeof options,
                                            .flags = NANOTS_BACKUP_REPLACE};
    struct nanots_db *db = file_open(disk, "in", NANOTS_OPEN_READ_ONLY, allocator);
    memset(sight, 0, sizeof *sight);
    if (db == NULL)
        return;
    read_all(db, sight);
    const nanots_status status =
        sight->is_too_much ? NANOTS_OK : nanots_backup(db, "copy", &options, NULL, NULL);
    require(is_of_damage(status) || status == NANOTS_NO_SPACE);
    require(!sight->is_whole || status == NANOTS_OK || status == NANOTS_NO_SPACE);
    require(nanots_close(db, NULL) == NANOTS_OK);
}

/* The sight of `before` is that of a reader of the same bytes. */
static void file_write(struct memfile_disk *disk, const struct nanots_allocator *allocator,
                       const struct sight *before, unsigned bits)
{
    struct work work = {.db = file_open(disk, "out", 0, allocator)};
    struct sight sight;
    if (work.db == NULL)
        return;
    read_all(work.db, &sight);
    require(!before->is_whole || (sight.is_whole && sight.hash == before->hash));
    work_by(&work, bits);
    const nanots_status closed = nanots_close(work.db, NULL);
    require(closed == NANOTS_OK || !before->is_whole || work.is_full);
    struct nanots_db *db = file_open(disk, "out", NANOTS_OPEN_READ_ONLY, allocator);
    require(db != NULL || !before->is_whole);
    if (db == NULL)
        return;
    read_all(db, &sight);
    require(!before->is_whole || sight.is_whole || sight.is_too_much);
    require(!sight.is_whole || !before->is_whole || work.is_changed || work.is_full ||
            sight.stored == before->stored + work.appended);
    require(nanots_close(db, NULL) == NANOTS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memfile_disk disk;
    struct file_image image;
    struct sight sight;
    if (!file_image_load(&image, data, size))
        return 0;
    if ((data[0] & FILE_IMAGE_RESEAL) != 0)
        file_image_reseal(&image);
    const struct nanots_allocator allocator = {.struct_size = sizeof allocator,
                                               .context = &image.size,
                                               .allocate = memory_allocate,
                                               .release = memory_release};
    memfile_init(&disk, OUT_SIZE_MAX);
    memfile_put(&disk, "in", image.bytes, image.size)->is_frozen = true;
    memfile_put(&disk, "out", image.bytes, image.size);
    file_read(&disk, &allocator, &sight);
    file_write(&disk, &allocator, &sight, data[0]);
    require(block_count == 0);
    memfile_deinit(&disk);
    file_image_free(&image);
    return 0;
}
