/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_db.c - open, close, tables, upkeep and looking inside. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "engine/catalog.h"
#include "engine/maintain.h"
#include "os/clock.h"

nanots_status nanots_open(const char *path, const struct nanots_open_options *options,
                          struct nanots_db **db_out, struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(db_out, "db_out", error));
    return nts_db_open(path, options, db_out, error);
}

nanots_status nanots_close(struct nanots_db *db, struct nanots_error *error)
{
    nts_error_clear(error);
    return nts_db_close(db, error);
}

nanots_status nanots_create_table(struct nanots_db *db, const char *table,
                                  const struct nanots_column *columns, size_t column_count,
                                  struct nanots_error *error)
{
    return nanots_create_table_with(db, table, columns, column_count, NULL, error);
}

nanots_status nanots_create_table_with(struct nanots_db *db, const char *table,
                                       const struct nanots_column *columns, size_t column_count,
                                       const struct nanots_table_options *options,
                                       struct nanots_error *error)
{
    struct nanots_table_options filled = {0};
    struct nanots_table *created = NULL;
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_api_options(options, &filled, sizeof filled, "the table's options", error));
    return nts_create_table(db, table, columns, column_count, &filled, &created, error);
}

nanots_status nanots_add_column(struct nanots_db *db, const char *table,
                                const struct nanots_column *column, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(nts_api_no_null(column, "column", error));
    return nts_schema_add_column(found, column, error);
}

nanots_status nanots_rename_column(struct nanots_db *db, const char *table, const char *column,
                                   const char *name, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nts_schema_rename_column(found, column, name, error);
}

nanots_status nanots_rename_table(struct nanots_db *db, const char *table, const char *name,
                                  struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nts_schema_rename(found, name, error);
}

nanots_status nanots_drop_table(struct nanots_db *db, const char *table, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nts_schema_drop(found, error);
}

nanots_status nanots_table_open(struct nanots_db *db, const char *table,
                                struct nanots_table **table_out, struct nanots_error *error)
{
    NTS_TRY(nts_api_no_null(table_out, "table_out", error));
    return nts_api_enter_table(db, table, table_out, error);
}

/* ---- names and columns -------------------------------------------------------------------- */

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One block: the pointers, then the names. Needs write_lock. */
static void *tables_copy_names(struct nanots_db *db, size_t count, size_t size)
{
    const char **names = nts_alloc(db->alloc, count * sizeof(char *) + size + 1);
    if (names == NULL)
        return NULL;
    char *text = (char *)(names + count);
    size_t at = 0;
    for (size_t i = 0; i < db->by_id_count; i++) {
        if (db->by_id[i] == NULL)
            continue;
        const size_t name_size = strlen(db->by_id[i]->def->name) + 1;
        memcpy(text, db->by_id[i]->def->name, name_size);
        names[at++] = text;
        text += name_size;
    }
    if (count > 1)
        qsort(names, count, sizeof(char *), name_compare);
    return names;
}

nanots_status nanots_list_tables(struct nanots_db *db, struct nanots_table_list *list_out,
                                 struct nanots_error *error)
{
    size_t size = 0;
    NTS_TRY(nts_api_no_null(list_out, "list_out", error));
    memset(list_out, 0, sizeof *list_out);
    NTS_TRY(nts_api_enter(db, error));
    nts_mutex_lock(&db->write_lock);
    for (size_t i = 0; i < db->by_id_count; i++)
        if (db->by_id[i] != NULL) {
            size += strlen(db->by_id[i]->def->name) + 1;
            list_out->count++;
        }
    list_out->block = tables_copy_names(db, list_out->count, size);
    nts_mutex_unlock(&db->write_lock);
    list_out->names = list_out->block;
    if (list_out->block == NULL) {
        list_out->count = 0;
        return nts_fail_memory(error, size);
    }
    return NANOTS_OK;
}

nanots_status nanots_table_schema(struct nanots_db *db, const char *table,
                                  struct nanots_schema *schema_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_no_null(schema_out, "schema_out", error));
    memset(schema_out, 0, sizeof *schema_out);
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    const struct nts_table_def *def = found->def;
    size_t size = (size_t)def->column_count * sizeof(struct nanots_column);
    for (size_t c = 0; c < def->column_count; c++)
        size += strlen(def->columns[c].name) + 1;
    struct nanots_column *columns = nts_alloc(db->alloc, size);
    struct nanots_table_options options;
    if (columns == NULL)
        return nts_fail_memory(error, size);
    nts_table_def_public(def, columns, &options);
    char *text = (char *)(columns + def->column_count);
    for (size_t c = 0; c < def->column_count; c++) {
        const size_t name_size = strlen(columns[c].name) + 1;
        memcpy(text, columns[c].name, name_size);
        columns[c].name = text;
        text += name_size;
    }
    schema_out->ts_name = nts_table_def_ts_name(def);
    schema_out->unit = options.unit;
    schema_out->duplicates = options.duplicates;
    schema_out->tier = options.tier;
    schema_out->column_count = def->column_count;
    schema_out->columns = columns;
    schema_out->block = columns;
    return NANOTS_OK;
}

/* ---- readers beside a writer -------------------------------------------------------------- */

nanots_status nanots_refresh(struct nanots_db *db, int *changed_out, struct nanots_error *error)
{
    bool changed = false;
    if (changed_out != NULL)
        *changed_out = 0;
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_refresh(db, &changed, error));
    if (changed_out != NULL)
        *changed_out = changed ? 1 : 0;
    return NANOTS_OK;
}

nanots_status nanots_change_counter(struct nanots_db *db, uint64_t *counter_out,
                                    struct nanots_error *error)
{
    NTS_TRY(nts_api_no_null(counter_out, "counter_out", error));
    *counter_out = 0;
    NTS_TRY(nts_api_enter(db, error));
    return nts_change_counter(db, counter_out, error);
}

/* ---- upkeep ------------------------------------------------------------------------------- */

nanots_status nanots_sync(struct nanots_db *db, struct nanots_error *error)
{
    NTS_TRY(nts_api_enter(db, error));
    nts_mutex_lock(&db->write_lock);
    const uint64_t end_count = db->wal.end.count;
    nts_mutex_unlock(&db->write_lock);
    return nts_sync_to(db, end_count, error);
}

nanots_status nanots_flush(struct nanots_db *db, struct nanots_error *error)
{
    NTS_TRY(nts_api_enter(db, error));
    return nts_flush(db, NTS_FLUSH_URGENT, error);
}

nanots_status nanots_pack_table(struct nanots_db *db, const char *table, uint64_t target_rows,
                                struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nts_pack_table(found, target_rows, error);
}

/* Every table there is now; tables never go away while the handle is open. The cutoff is in ticks
 * of each, or in milliseconds. */
static nanots_status retention_cut_all(struct nanots_db *db, int64_t cutoff, bool is_ms,
                                       uint64_t *rows_removed, struct nanots_error *error)
{
    uint32_t table_id = 0;
    for (;;) {
        struct nanots_table *table = nts_catalog_next(db, &table_id);
        if (table == NULL)
            return NANOTS_OK;
        const int64_t own = is_ms ? nts_table_def_ticks(table->def, cutoff) : cutoff;
        NTS_TRY(nts_retention_cut(table, own, rows_removed, error));
    }
}

nanots_status nanots_compact_retention(struct nanots_db *db, const char *table, int64_t cutoff,
                                       uint64_t *rows_removed_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    uint64_t rows = 0;
    nanots_status status;

    if (rows_removed_out != NULL)
        *rows_removed_out = 0;
    NTS_TRY(nts_api_enter(db, error));
    if (table != NULL) {
        NTS_TRY(nts_catalog_get(db, table, &found, error));
        status = nts_retention_cut(found, cutoff, &rows, error);
    } else {
        status = retention_cut_all(db, cutoff, false, &rows, error);
    }
    if (rows_removed_out != NULL)
        *rows_removed_out = rows;
    return status;
}

/* By age, then by size. */
static nanots_status retention_now(struct nanots_db *db, uint64_t *rows_removed,
                                   struct nanots_error *error)
{
    const int64_t cutoff_ms = nts_clock_wall_ms() - db->options.retention_ms;
    if (db->options.retention_ms != 0)
        NTS_TRY(retention_cut_all(db, cutoff_ms, true, rows_removed, error));
    return nts_retention_limit(db, rows_removed, error);
}

nanots_status nanots_compact_retention_now(struct nanots_db *db, uint64_t *rows_removed_out,
                                           struct nanots_error *error)
{
    uint64_t rows = 0;
    if (rows_removed_out != NULL)
        *rows_removed_out = 0;
    NTS_TRY(nts_api_enter(db, error));
    if (db->options.retention_ms == 0 && db->options.max_bytes == 0)
        return nts_fail(error, NANOTS_INVALID,
                        "%.120s was opened without retention_ms and max_bytes: nothing says what "
                        "is old",
                        db->path);
    const nanots_status status = retention_now(db, &rows, error);
    if (rows_removed_out != NULL)
        *rows_removed_out = rows;
    return status;
}

nanots_status nanots_maintain(struct nanots_db *db, const struct nanots_maintain_budget *budget,
                              struct nanots_maintain_report *report_out, struct nanots_error *error)
{
    struct nts_maintain step = {.merge = true, .retain = true, .is_idle = true};
    NTS_TRY(nts_api_enter(db, error));
    if (report_out != NULL)
        NTS_TRY(nts_api_sized_check(report_out, report_out->struct_size, sizeof(size_t) + 8,
                                    "report_out", error));
    if (budget != NULL) {
        NTS_TRY(
            nts_api_sized_check(budget, budget->struct_size, sizeof(size_t) + 8, "budget", error));
        nts_api_sized_copy(&step.budget, budget, budget->struct_size, sizeof step.budget);
    }
    const nanots_status status = nts_maintain_step(db, &step, error);
    if (report_out != NULL)
        nts_api_sized_copy(report_out, &step.report, report_out->struct_size, sizeof step.report);
    return status;
}

/* ---- looking inside ----------------------------------------------------------------------- */

nanots_status nanots_stats(struct nanots_db *db, const char *table,
                           struct nanots_table_stats *stats_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    struct nanots_column_stats *columns = NULL;
    struct nanots_table_stats stats;
    memset(&stats, 0, sizeof stats);
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(nts_api_sized_check(stats_out, stats_out == NULL ? 0 : stats_out->struct_size,
                                sizeof(size_t) + 8, "stats_out", error));
    const size_t size = ((size_t)found->def->column_count + 1) * sizeof *columns;
    columns = nts_alloc_zeroed(db->alloc, size);
    if (columns == NULL)
        return nts_fail_memory(error, size);
    const nanots_status status =
        nts_stats(found, 0, found->def->column_count + 1, columns, &stats, error);
    nts_free(columns);
    if (status == NANOTS_OK)
        nts_api_sized_copy(stats_out, &stats, stats_out->struct_size, sizeof stats);
    return status;
}

nanots_status nanots_stats_column(struct nanots_db *db, const char *table, size_t column,
                                  struct nanots_column_stats *stats_out, struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    struct nanots_table_stats whole;
    struct nanots_column_stats stats;
    memset(&whole, 0, sizeof whole);
    memset(&stats, 0, sizeof stats);
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    NTS_TRY(nts_api_sized_check(stats_out, stats_out == NULL ? 0 : stats_out->struct_size,
                                sizeof(size_t) + 8, "stats_out", error));
    if (column != NANOTS_COLUMN_TS && column >= found->def->column_count)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s' has %u columns, number %zu is asked",
                        found->def->name, found->def->column_count, column);
    const uint32_t first = column == NANOTS_COLUMN_TS ? 0 : (uint32_t)column + 1;
    NTS_TRY(nts_stats(found, first, 1, &stats, &whole, error));
    nts_api_sized_copy(stats_out, &stats, stats_out->struct_size, sizeof stats);
    return NANOTS_OK;
}

nanots_status nanots_stats_json(struct nanots_db *db, const char *table, char **json_out,
                                struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(nts_api_no_null(json_out, "json_out", error));
    *json_out = NULL;
    NTS_TRY(nts_api_enter_table(db, table, &found, error));
    return nts_stats_json(found, json_out, error);
}

nanots_status nanots_diagnose_json(struct nanots_db *db, char **json_out,
                                   struct nanots_error *error)
{
    NTS_TRY(nts_api_no_null(json_out, "json_out", error));
    *json_out = NULL;
    NTS_TRY(nts_api_enter(db, error));
    return nts_diagnose_json(db, json_out, error);
}

nanots_status nanots_diagnose(struct nanots_db *db, struct nanots_diagnosis *diagnosis_out,
                              struct nanots_error *error)
{
    struct nanots_diagnosis diagnosis;
    memset(&diagnosis, 0, sizeof diagnosis);
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_api_sized_check(diagnosis_out,
                                diagnosis_out == NULL ? 0 : diagnosis_out->struct_size,
                                sizeof(size_t) + 8, "diagnosis_out", error));
    NTS_TRY(nts_diagnose(db, &diagnosis, error));
    nts_api_sized_copy(diagnosis_out, &diagnosis, diagnosis_out->struct_size, sizeof diagnosis);
    return NANOTS_OK;
}

nanots_status nanots_verify(struct nanots_db *db, nanots_damage_callback callback, void *context,
                            struct nanots_verify_report *report_out, struct nanots_error *error)
{
    struct nanots_verify_report report;
    memset(&report, 0, sizeof report);
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_api_sized_check(report_out, report_out == NULL ? 0 : report_out->struct_size,
                                sizeof(size_t) + 8, "report_out", error));
    NTS_TRY(nts_verify(db, callback, context, &report, error));
    nts_api_sized_copy(report_out, &report, report_out->struct_size, sizeof report);
    return NANOTS_OK;
}
