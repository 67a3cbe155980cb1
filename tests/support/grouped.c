/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/grouped.c - groups over three tables. Contract: grouped.h. */
#include "support/grouped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const grouped_tables[GROUPED_TABLES] = {"g0", "g1", "g2"};

nanots_status grouped_create(struct nanots_db *db, struct nanots_error *error)
{
    static const struct nanots_column columns[2] = {{"id", NANOTS_TYPE_F64, 0},
                                                    {"row", NANOTS_TYPE_F64, 0}};
    for (uint32_t t = 0; t < GROUPED_TABLES; t++) {
        const nanots_status status = nanots_create_table(db, grouped_tables[t], columns, 2, error);
        if (status != NANOTS_OK && status != NANOTS_EXISTS)
            return status;
    }
    return NANOTS_OK;
}

uint32_t grouped_rows(uint32_t id, uint32_t table)
{
    const bool is_batch = id % 7 == 5 && table == 1;
    const bool is_spilled = id % 11 == 8;
    return is_batch ? 3000 + id : is_spilled ? 450 + table : 1 + (id + table) % 4;
}

static nanots_status fill_batch(struct nanots_group *group, uint32_t id, uint32_t table,
                                uint32_t row_count, struct nanots_error *error)
{
    int64_t *ts = malloc(row_count * sizeof *ts);
    double *values = malloc(2 * row_count * sizeof *values);
    nanots_status status = NANOTS_NO_MEMORY;
    if (ts != NULL && values != NULL) {
        const struct nanots_batch_column columns[2] = {
            {.type = NANOTS_TYPE_F64, .values = values},
            {.type = NANOTS_TYPE_F64, .values = values + row_count}};
        const struct nanots_batch batch = {
            .row_count = row_count, .ts = ts, .column_count = 2, .columns = columns};
        for (uint32_t row = 0; row < row_count; row++) {
            ts[row] = (int64_t)id * 10000 + row;
            values[row] = id;
            values[row_count + row] = row;
        }
        status = nanots_group_append_batch(group, grouped_tables[table], &batch, error);
    }
    free(ts);
    free(values);
    return status;
}

static nanots_status fill_row(struct nanots_group *group, uint32_t id, uint32_t table, uint32_t row,
                              struct nanots_error *error)
{
    const int64_t ts = (int64_t)id * 10000 + row;
    if ((id + row) % 2 == 0) {
        const double values[2] = {id, row};
        return nanots_group_append(group, grouped_tables[table], ts, values, 2, error);
    }
    const struct nanots_value values[2] = {{.type = NANOTS_TYPE_F64, .as.f64 = id},
                                           {.type = NANOTS_TYPE_F64, .as.f64 = row}};
    return nanots_group_append_typed(group, grouped_tables[table], ts, values, 2, error);
}

nanots_status grouped_fill(struct nanots_group *group, uint32_t id, struct nanots_error *error)
{
    nanots_status status = NANOTS_OK;
    for (uint32_t t = 0; t < GROUPED_TABLES && status == NANOTS_OK; t++) {
        const uint32_t rows = grouped_rows(id, t);
        if (rows >= 3000 || (rows == 3 && id % 2 == 0))
            status = fill_batch(group, id, t, rows, error);
        else
            for (uint32_t row = 0; row < rows && status == NANOTS_OK; row++)
                status = fill_row(group, id, t, row, error);
    }
    return status;
}

nanots_status grouped_append(struct nanots_db *db, uint32_t id, struct nanots_error *error)
{
    struct nanots_group *group = NULL;
    nanots_status status = nanots_batch_begin(db, &group, error);
    if (status == NANOTS_OK)
        status = grouped_fill(group, id, error);
    if (status == NANOTS_OK)
        return nanots_batch_commit(group, NULL, error);
    nanots_batch_rollback(group);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------ */

static const char *scan_batch(struct grouped *grouped, uint32_t table,
                              const struct nanots_batch *batch)
{
    const double *ids = batch->columns[0].values;
    const double *rows = batch->columns[1].values;
    for (size_t i = 0; i < batch->row_count; i++) {
        const uint32_t id = (uint32_t)ids[i];
        if (id == GROUPED_LOOSE)
            continue;
        if (id >= GROUPED_MAX || rows[i] != grouped->seen[id][table] ||
            batch->ts[i] != (int64_t)id * 10000 + (int64_t)rows[i]) {
            (void)snprintf(grouped->complaint, sizeof grouped->complaint,
                           "table %u: row %g of group %g at %lld is wrong", table, rows[i], ids[i],
                           (long long)batch->ts[i]);
            return grouped->complaint;
        }
        grouped->seen[id][table]++;
    }
    return NULL;
}

static const char *scan_table(struct grouped *grouped, struct nanots_db *db, uint32_t table)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    const char *complaint = NULL;
    nanots_status status = nanots_query_open(db, grouped_tables[table], NULL, &cursor, &error);

    if (status == NANOTS_NOT_FOUND)
        return NULL;
    while (status == NANOTS_OK && complaint == NULL) {
        status = nanots_query_next(cursor, &batch, &error);
        if (batch == NULL)
            break;
        complaint = scan_batch(grouped, table, batch);
    }
    nanots_query_close(cursor);
    if (status == NANOTS_OK)
        return complaint;
    (void)snprintf(grouped->complaint, sizeof grouped->complaint, "%.180s", error.message);
    return grouped->complaint;
}

const char *grouped_scan(struct grouped *grouped, struct nanots_db *db)
{
    memset(grouped, 0, sizeof *grouped);
    for (uint32_t t = 0; t < GROUPED_TABLES; t++) {
        const char *complaint = scan_table(grouped, db, t);
        if (complaint != NULL)
            return complaint;
    }
    for (uint32_t id = 0; id < GROUPED_MAX; id++)
        for (uint32_t t = 0; t < GROUPED_TABLES; t++) {
            const uint32_t wanted = grouped_has(grouped, id) ? grouped_rows(id, t) : 0;
            if (grouped->seen[id][t] == wanted)
                continue;
            (void)snprintf(grouped->complaint, sizeof grouped->complaint,
                           "group %u has %u of %u rows in table %u", id, grouped->seen[id][t],
                           grouped_rows(id, t), t);
            return grouped->complaint;
        }
    return NULL;
}

bool grouped_has(const struct grouped *grouped, uint32_t id)
{
    return grouped->seen[id][0] != 0 || grouped->seen[id][1] != 0 || grouped->seen[id][2] != 0;
}
