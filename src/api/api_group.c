/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* api/api_group.c - groups of appends: arguments are checked, engine/group.h is called. */
#include "api/api.h"
#include "engine/bulk.h"
#include "engine/group.h"

nanots_status nanots_batch_begin(struct nanots_db *db, struct nanots_group **group_out,
                                 struct nanots_error *error)
{
    if (group_out != NULL)
        *group_out = NULL;
    NTS_TRY(nts_api_enter(db, error));
    NTS_TRY(nts_api_no_null(group_out, "group_out", error));
    return nts_group_begin(db, group_out, error);
}

static nanots_status group_find(struct nanots_group *group, const char *name,
                                struct nanots_table **table_out, struct nanots_error *error)
{
    *table_out = NULL;
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(group, "the group", error));
    return nts_api_enter_table(nts_group_db(group), name, table_out, error);
}

nanots_status nts_api_group_rows(struct nanots_group *group, struct nanots_table *table,
                                 struct nts_rows *rows, struct nanots_error *error)
{
    if (rows->row_count == 0)
        return NANOTS_OK;
    NTS_TRY(nts_rows_prepare(rows, rows->def, error));
    NTS_TRY(nts_rows_check_size(table, rows, error));
    return nts_group_append(group, table, rows, error);
}

/* The rows' arrays are set. */
static nanots_status group_add(struct nanots_group *group, struct nanots_table *table,
                               struct nts_rows *rows, const void *values, size_t row_count,
                               size_t column_count, struct nanots_error *error)
{
    NTS_TRY(nts_api_check_rows(table, rows, values, row_count, column_count, error));
    NTS_TRY(nts_api_no_null(group, "the group", error));
    return nts_api_group_rows(group, table, rows, error);
}

nanots_status nanots_group_table_append(struct nanots_group *group, struct nanots_table *table,
                                        int64_t ts, const double *values, size_t value_count,
                                        struct nanots_error *error)
{
    struct nts_rows rows = {
        .ts = &ts, .values = values, .row_count = 1, .column_count = (uint32_t)value_count};
    return group_add(group, table, &rows, values, 1, value_count, error);
}

nanots_status nanots_group_table_append_typed(struct nanots_group *group,
                                              struct nanots_table *table, int64_t ts,
                                              const struct nanots_value *values, size_t value_count,
                                              struct nanots_error *error)
{
    struct nts_rows rows = {
        .ts = &ts, .row = values, .row_count = 1, .column_count = (uint32_t)value_count};
    return group_add(group, table, &rows, values, 1, value_count, error);
}

nanots_status nanots_group_table_append_batch(struct nanots_group *group,
                                              struct nanots_table *table,
                                              const struct nanots_batch *batch,
                                              struct nanots_error *error)
{
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(batch, "the batch", error));
    struct nts_rows rows = {.ts = batch->ts,
                            .batch = batch->columns,
                            .row_count = (uint32_t)batch->row_count,
                            .column_count = (uint32_t)batch->column_count};
    return group_add(group, table, &rows, batch->columns, batch->row_count, batch->column_count,
                     error);
}

nanots_status nanots_group_append(struct nanots_group *group, const char *table, int64_t ts,
                                  const double *values, size_t value_count,
                                  struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(group_find(group, table, &found, error));
    return nanots_group_table_append(group, found, ts, values, value_count, error);
}

nanots_status nanots_group_append_typed(struct nanots_group *group, const char *table, int64_t ts,
                                        const struct nanots_value *values, size_t value_count,
                                        struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(group_find(group, table, &found, error));
    return nanots_group_table_append_typed(group, found, ts, values, value_count, error);
}

nanots_status nanots_group_append_batch(struct nanots_group *group, const char *table,
                                        const struct nanots_batch *batch,
                                        struct nanots_error *error)
{
    struct nanots_table *found = NULL;
    NTS_TRY(group_find(group, table, &found, error));
    return nanots_group_table_append_batch(group, found, batch, error);
}

nanots_status nanots_batch_commit(struct nanots_group *group, uint64_t *seq_out,
                                  struct nanots_error *error)
{
    if (seq_out != NULL)
        *seq_out = 0;
    nts_error_clear(error);
    NTS_TRY(nts_api_no_null(group, "the group", error));
    NTS_TRY(nts_db_check_process(nts_group_db(group), error));
    return nts_group_commit(group, seq_out, error);
}

void nanots_batch_rollback(struct nanots_group *group)
{
    /* In a child of fork() the memory stays: a lock may be held for ever there. */
    if (group != NULL && nts_db_check_process(nts_group_db(group), NULL) == NANOTS_OK)
        nts_group_rollback(group);
}
