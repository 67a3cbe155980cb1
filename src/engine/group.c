/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/group.c - rows of a group until it is committed. Contract: group.h. */
#include "engine/group_rows.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

#define GROUP_TABLE_BYTES 4096u /* of memory for the rows of a table, where there are many */
/* Of the log for a table whose rows are one segment. */
#define GROUP_SPILL_LOG_SIZE (NTS_WAL_RECORD_HEADER_SIZE + NTS_SEGMENT_ENTRY_SIZE)

/* ---- begin and end ------------------------------------------------------------------------ */

nanots_status nts_group_begin(struct nanots_db *db, struct nanots_group **group_out,
                              struct nanots_error *error)
{
    *group_out = NULL;
    NTS_TRY(nts_db_check_writable(db, error));
    struct nanots_group *group = nts_alloc_zeroed(db->alloc, sizeof *group);
    if (group == NULL)
        return nts_fail_memory(error, sizeof *group);
    group->db = db;
    nts_mutex_lock(&db->write_lock);
    group->next = db->groups;
    if (db->groups != NULL)
        db->groups->prev = group;
    db->groups = group;
    nts_mutex_unlock(&db->write_lock);
    *group_out = group;
    return NANOTS_OK;
}

struct nanots_db *nts_group_db(const struct nanots_group *group)
{
    return group->db;
}

static void group_table_free(struct nts_group_table *item)
{
    while (item->bulk_first != NULL) {
        struct nts_bulk *bulk = item->bulk_first;
        item->bulk_first = bulk->next;
        nts_bulk_discard(bulk);
        nts_free(bulk);
    }
    nts_memtable_unref(item->rows);
    nts_memtable_unref(item->target);
    nts_free(item->payload);
    nts_free(item);
}

void nts_group_rollback(struct nanots_group *group)
{
    struct nanots_db *db = group->db;
    nts_mutex_lock(&db->write_lock);
    if (group->next != NULL)
        group->next->prev = group->prev;
    if (group->prev != NULL)
        group->prev->next = group->next;
    else
        db->groups = group->next;
    nts_mutex_unlock(&db->write_lock);
    HASH_CLEAR(hh, group->by_table);
    while (group->first != NULL) {
        struct nts_group_table *item = group->first;
        group->first = item->next;
        group_table_free(item);
    }
    nts_free(group);
}

/* ---- tables of a group -------------------------------------------------------------------- */

static nanots_status group_add_table(struct nanots_group *group, struct nanots_table *table,
                                     const struct nts_table_def *def,
                                     struct nts_group_table **item_out, struct nanots_error *error)
{
    const struct nanots_allocator *hash_alloc = group->db->alloc;
    struct nts_group_table *item = nts_alloc_zeroed(hash_alloc, sizeof *item);
    if (item == NULL)
        return nts_fail_memory(error, sizeof *item);
    item->db = group->db;
    item->table = table;
    item->def = def;
    HASH_ADD_PTR(group->by_table, table, item);
    if (item->db == NULL) { /* uthash is out of memory */
        nts_free(item);
        return nts_fail_memory(error, sizeof *item);
    }
    if (group->last == NULL)
        group->first = item;
    else
        group->last->next = item;
    group->last = item;
    group->table_count++;
    *item_out = item;
    return NANOTS_OK;
}

/* The group's part for rows of a table, as they were prepared; a schema change since its first rows
 * may have made them another form. */
static nanots_status group_find_table(struct nanots_group *group, struct nanots_table *table,
                                      const struct nts_rows *rows,
                                      struct nts_group_table **item_out, struct nanots_error *error)
{
    struct nts_group_table *item = group->last_used;
    if (table->db != group->db)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' is of another handle than the group",
                        table->def->name);
    if (item == NULL || item->table != table)
        HASH_FIND_PTR(group->by_table, &table, item);
    if (item == NULL)
        NTS_TRY(group_add_table(group, table, rows->def, &item, error));
    group->last_used = item;
    *item_out = item;
    if (item->def->column_count == rows->column_count)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_INVALID,
                    "table '%.80s' has %u columns now, and %u in the group's rows before: roll the "
                    "group back",
                    rows->def->name, rows->column_count, item->def->column_count);
}

/* ---- rows as segments --------------------------------------------------------------------- */

nanots_status nts_group_view(const struct nts_group_table *item, struct nts_group_view *view,
                             struct nanots_error *error)
{
    const struct nanots_allocator *alloc = item->db->alloc;
    const uint32_t row_count = item->rows->row_count;
    const uint32_t column_count = item->def->column_count;

    memset(view, 0, sizeof *view);
    NTS_TRY(nts_row_group_init(&view->arrays, alloc, column_count, row_count, error));
    view->columns = nts_alloc_zeroed(alloc, column_count * sizeof *view->columns);
    nanots_status status = view->columns == NULL ? nts_fail_memory(error, column_count) : NANOTS_OK;
    if (status == NANOTS_OK)
        status = nts_row_group_from_memtable(&view->arrays, item->rows, NULL, 0, row_count, error);
    for (uint32_t c = 0; c < column_count && status == NANOTS_OK; c++) {
        const struct nts_column *column = &view->arrays.columns[c];
        view->columns[c] = (struct nanots_batch_column){.type = item->def->columns[c].type,
                                                        .values = column->values,
                                                        .validity = column->validity,
                                                        .offsets = column->offsets};
    }
    view->rows = (struct nts_rows){.def = item->def,
                                   .ts = view->arrays.ts,
                                   .batch = view->columns,
                                   .row_count = row_count,
                                   .column_count = column_count};
    if (status == NANOTS_OK)
        status = nts_rows_prepare(&view->rows, item->def, error);
    if (status != NANOTS_OK)
        nts_group_view_free(view);
    return status;
}

void nts_group_view_free(struct nts_group_view *view)
{
    nts_row_group_deinit(&view->arrays);
    nts_free(view->columns);
    view->columns = NULL;
}

static nanots_status group_add_bulk(struct nanots_group *group, struct nts_group_table *item,
                                    const struct nts_rows *rows, struct nanots_error *error)
{
    struct nts_bulk *bulk = nts_alloc(item->db->alloc, sizeof *bulk);
    if (bulk == NULL)
        return nts_fail_memory(error, sizeof *bulk);
    const nanots_status status = nts_bulk_write(bulk, item->table, rows, error);
    if (status != NANOTS_OK) {
        nts_free(bulk);
        return status;
    }
    if (item->bulk_last == NULL)
        item->bulk_first = bulk;
    else
        item->bulk_last->next = bulk;
    item->bulk_last = bulk;
    group->bulk_log_size += NTS_WAL_RECORD_HEADER_SIZE + nts_bulk_payload_size(bulk);
    return NANOTS_OK;
}

/* The rows leave the group's memory, and its share of the log. */
static void group_forget_rows(struct nanots_group *group, struct nts_group_table *item)
{
    group->memory -= item->rows->bytes;
    group->rows_log_size -= item->log_size;
    item->log_size = 0;
    nts_memtable_unref(item->rows);
    item->rows = NULL;
}

nanots_status nts_group_spill(struct nanots_group *group, struct nts_group_table *item,
                              struct nanots_error *error)
{
    struct nts_group_view view;
    if (item->rows == NULL)
        return NANOTS_OK;
    NTS_TRY(nts_group_view(item, &view, error));
    const nanots_status status = group_add_bulk(group, item, &view.rows, error);
    nts_group_view_free(&view);
    if (status == NANOTS_OK)
        group_forget_rows(group, item);
    return status;
}

/* The table of which a spill frees most memory; NULL if no rows are in memory. */
static struct nts_group_table *group_largest(const struct nanots_group *group)
{
    struct nts_group_table *largest = NULL;
    for (struct nts_group_table *item = group->first; item != NULL; item = item->next)
        if (item->rows != NULL && (largest == NULL || item->rows->bytes > largest->rows->bytes))
            largest = item;
    return largest;
}

/* The largest go, until memory and log hold no more than this. */
static nanots_status group_spill_to(struct nanots_group *group, uint64_t memory_most,
                                    uint64_t log_most, struct nanots_error *error)
{
    while (group->memory > memory_most || group->rows_log_size + group->bulk_log_size > log_most) {
        struct nts_group_table *largest = group_largest(group);
        if (largest == NULL)
            break;
        NTS_TRY(nts_group_spill(group, largest, error));
    }
    return NANOTS_OK;
}

/* Frees half of the memory once it is full. With thousands of tables there is room for some rows of
 * each, so that what is written is worth its segment. */
static nanots_status group_free_memory(struct nanots_group *group, struct nanots_error *error)
{
    const uint64_t shared = group->db->options.memtable_bytes / 4;
    const uint64_t each = group->table_count * GROUP_TABLE_BYTES;
    const uint64_t most = shared > each ? shared : each;
    return group->memory > most ? group_spill_to(group, most / 2, UINT64_MAX, error) : NANOTS_OK;
}

nanots_status nts_group_fit_log(struct nanots_group *group, struct nanots_error *error)
{
    const uint64_t most = group->db->options.wal_bytes / 2 - NTS_WAL_GROUP_SIZE;
    return group_spill_to(group, UINT64_MAX, most, error);
}

/* ---- append ------------------------------------------------------------------------------- */

/* The log takes a group in one piece: its segments, and of each table with rows in memory either
 * those or one segment more. */
static nanots_status group_check_log(const struct nanots_group *group, uint64_t more,
                                     const struct nts_rows *rows, struct nanots_error *error)
{
    const uint64_t spilled = group->table_count * GROUP_SPILL_LOG_SIZE;
    const uint64_t in_log = group->rows_log_size + more;
    const uint64_t size =
        NTS_WAL_GROUP_SIZE + group->bulk_log_size + (in_log < spilled ? in_log : spilled);
    const uint64_t most = group->db->options.wal_bytes / 2;
    if (size <= most)
        return NANOTS_OK;
    return nts_fail(error, NANOTS_TOO_BIG,
                    "table '%.80s': with these rows the group needs %llu bytes of the log; half of "
                    "wal_bytes is %llu",
                    rows->def->name, (unsigned long long)size, (unsigned long long)most);
}

static nanots_status group_append_bulk(struct nanots_group *group, struct nts_group_table *item,
                                       const struct nts_rows *rows, struct nanots_error *error)
{
    const uint64_t segments = (uint64_t)rows->row_count / NTS_SEGMENT_ROWS_MAX + 2;
    NTS_TRY(group_check_log(
        group, NTS_WAL_RECORD_HEADER_SIZE * 2 + segments * NTS_SEGMENT_ENTRY_SIZE, rows, error));
    /* Rows before it in the same table keep their place. */
    NTS_TRY(nts_group_spill(group, item, error));
    return group_add_bulk(group, item, rows, error);
}

/* Memory for the rows in the group's memtable of the table. */
static nanots_status group_make_room(struct nanots_group *group, struct nts_group_table *item,
                                     const struct nts_rows *rows, uint8_t **payload_out,
                                     struct nanots_error *error)
{
    *payload_out = nts_alloc(group->db->alloc, (size_t)rows->payload_size);
    if (*payload_out == NULL)
        return nts_fail_memory(error, (size_t)rows->payload_size);
    if (item->rows == NULL) {
        item->rows = nts_memtable_new(group->db->alloc, item->def);
        if (item->rows == NULL)
            return nts_fail_memory(error, sizeof *item->rows);
        group->memory += item->rows->bytes;
    }
    const size_t before = item->rows->bytes;
    const nanots_status status = nts_memtable_reserve(item->rows, rows->row_count, rows->text_size);
    group->memory += item->rows->bytes - before;
    return status == NANOTS_OK ? NANOTS_OK : nts_fail_memory(error, (size_t)rows->payload_size);
}

static nanots_status group_append_rows(struct nanots_group *group, struct nts_group_table *item,
                                       const struct nts_rows *rows, struct nanots_error *error)
{
    uint8_t *payload = NULL;
    const nanots_status status = group_make_room(group, item, rows, &payload, error);
    if (status == NANOTS_OK) {
        nts_rows_encode(rows, item->def, payload);
        nts_memtable_append(item->rows, payload, rows->row_count, item->rows->row_count + 1u);
        const uint64_t size =
            rows->payload_size + (item->log_size == 0 ? NTS_WAL_RECORD_HEADER_SIZE : 0);
        item->log_size += size;
        group->rows_log_size += size;
    } else if (item->rows != NULL && item->rows->row_count == 0) {
        group_forget_rows(group, item);
    }
    nts_free(payload);
    return status;
}

nanots_status nts_group_append(struct nanots_group *group, struct nanots_table *table,
                               const struct nts_rows *rows, struct nanots_error *error)
{
    const struct nts_options *options = &group->db->options;
    const uint64_t wal_max = options->wal_bytes / 4;
    const uint64_t table_max =
        wal_max < options->max_record_size ? wal_max : options->max_record_size;
    struct nts_group_table *item = NULL;

    NTS_TRY(nts_db_check_writable(group->db, error));
    NTS_TRY(group_find_table(group, table, rows, &item, error));
    if (nts_rows_are_bulk(group->db, rows) || rows->payload_size > table_max / 2)
        return group_append_bulk(group, item, rows, error);
    if (item->log_size + rows->payload_size + NTS_WAL_RECORD_HEADER_SIZE > table_max)
        NTS_TRY(nts_group_spill(group, item, error));
    NTS_TRY(group_free_memory(group, error));
    NTS_TRY(group_check_log(group, NTS_WAL_RECORD_HEADER_SIZE + rows->payload_size, rows, error));
    return group_append_rows(group, item, rows, error);
}
