/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/oracle.c - calls that can be recognised after a crash. Contract: oracle.h. */
#include "support/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/seed.h"

#define ROW_BITS 20u

static const struct {
    const char *name;
    uint32_t column_count;
} oracle_tables[ORACLE_TABLES] = {
    {"series", 1}, /* one column `value`: nanots_append makes it */
    {"pair", 2},
    {"triple", 3},
    {"wide", ORACLE_COLUMNS},
};

static const char *oracle_complain(struct oracle *oracle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *oracle_complain(struct oracle *oracle, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(oracle->complaint, sizeof oracle->complaint, format, arguments);
    va_end(arguments);
    return oracle->complaint;
}

static uint64_t oracle_mix(uint64_t a, uint64_t b)
{
    uint64_t state = a ^ (b + 1) * 0xD6E8FEB86659FD93u;
    return seed_next(&state);
}

/* What this test cannot do without. */
static void *oracle_room(size_t count, size_t size)
{
    void *room = calloc(count == 0 ? 1 : count, size);
    if (room == NULL)
        abort();
    return room;
}

void oracle_init(struct oracle *oracle, uint64_t seed, uint32_t call_count, uint32_t bulk_bytes,
                 volatile uint64_t *seqs)
{
    *oracle = (struct oracle){.seed = seed,
                              .call_count = call_count,
                              .bulk_bytes = bulk_bytes,
                              .bulk_of_64 = 2,
                              .seqs = seqs};
    oracle->seen = oracle_room(call_count, sizeof *oracle->seen);
    for (uint32_t table = 0; table < ORACLE_TABLES; table++)
        oracle->cut_sure[table] = oracle->cut_maybe[table] = INT64_MIN;
}

void oracle_deinit(struct oracle *oracle)
{
    free(oracle->seen);
}

/* A bulk call has at least bulk_bytes; no other has as many rows. */
static uint32_t oracle_bulk_rows(const struct oracle *oracle, uint32_t table)
{
    return oracle->bulk_bytes / ((oracle_tables[table].column_count + 1) * 8) + 1;
}

void oracle_rows_init(struct oracle_rows *rows, const struct oracle *oracle)
{
    const size_t most = oracle_bulk_rows(oracle, 0) + 512;
    rows->ts = oracle_room(most, sizeof *rows->ts);
    rows->values = oracle_room(most * ORACLE_COLUMNS, sizeof *rows->values);
}

void oracle_rows_deinit(struct oracle_rows *rows)
{
    free(rows->ts);
    free(rows->values);
}

const char *oracle_table_name(uint32_t table)
{
    return oracle_tables[table].name;
}

struct oracle_call oracle_call_of(const struct oracle *oracle, uint32_t id)
{
    const uint64_t random = oracle_mix(oracle->seed, id);
    struct oracle_call call = {.table = (uint32_t)(random % ORACLE_TABLES), .noise = random >> 16};
    const uint32_t kind = (uint32_t)(random >> 8 & 63);

    if (kind < oracle->bulk_of_64) {
        call.way = ORACLE_COLUMNAR;
        call.row_count = oracle_bulk_rows(oracle, call.table) + (uint32_t)(call.noise % 512);
    } else if (kind < 16) {
        call.way = ORACLE_COLUMNAR;
        call.row_count = 1 + (uint32_t)(call.noise % 300);
    } else if (kind < 32) {
        call.way = ORACLE_ROWS;
        call.row_count = 1 + (uint32_t)(call.noise % 100);
    } else {
        call.way = ORACLE_ROW;
        call.row_count = 1;
    }
    return call;
}

static int64_t oracle_ts(const struct oracle_call *call, uint32_t id, uint32_t row)
{
    const int64_t base = (int64_t)id * ORACLE_TS_STEP;
    switch (call->noise >> 8 & 3) {
    case 0:
        return base + row;
    case 1:
        return base + call->row_count - row;
    case 2:
        return base; /* all at once */
    default:
        return base - 2 * ORACLE_TS_STEP + row * 3; /* late */
    }
}

static double oracle_value(const struct oracle_call *call, uint32_t id, uint32_t row,
                           uint32_t column)
{
    if (column == 0)
        return (double)(((uint64_t)id << ROW_BITS) + row);
    switch (call->noise >> 10 & 3) {
    case 0:
        return nts_double_of_bits(oracle_mix(call->noise + column, row));
    case 1:
        return 0.1 * row - column;
    case 2:
        return (double)(oracle_mix(call->noise + column, row) >> 44);
    default:
        return -0.0;
    }
}

static void oracle_fill(const struct oracle_call *call, uint32_t id, struct oracle_rows *rows)
{
    const uint32_t column_count = oracle_tables[call->table].column_count;
    for (uint32_t row = 0; row < call->row_count; row++) {
        rows->ts[row] = oracle_ts(call, id, row);
        for (uint32_t c = 0; c < column_count; c++) {
            const size_t place = call->way == ORACLE_COLUMNAR ? (size_t)c * call->row_count + row
                                                              : (size_t)row * column_count + c;
            rows->values[place] = oracle_value(call, id, row, c);
        }
    }
}

static nanots_status oracle_send(struct nanots_db *db, const struct oracle_call *call,
                                 const struct oracle_rows *rows, uint64_t *seq,
                                 struct nanots_error *error)
{
    const char *name = oracle_tables[call->table].name;
    const uint32_t column_count = oracle_tables[call->table].column_count;
    const double *columns[ORACLE_COLUMNS];

    if (call->way == ORACLE_ROW && column_count == 1)
        return nanots_append(db, name, rows->ts[0], rows->values[0], seq, error);
    if (call->way == ORACLE_ROW)
        return nanots_append_row(db, name, rows->ts[0], rows->values, column_count, seq, error);
    if (call->way == ORACLE_ROWS)
        return nanots_append_rows(db, name, rows->ts, rows->values, call->row_count, column_count,
                                  seq, error);
    for (uint32_t c = 0; c < column_count; c++)
        columns[c] = rows->values + (size_t)c * call->row_count;
    return nanots_append_columns(db, name, rows->ts, columns, call->row_count, column_count, seq,
                                 error);
}

static nanots_status oracle_create(struct nanots_db *db, uint32_t table, struct nanots_error *error)
{
    static const char *const names[ORACLE_COLUMNS] = {"value", "c1", "c2", "c3", "c4",
                                                      "c5",    "c6", "c7", "c8", "c9"};
    struct nanots_column columns[ORACLE_COLUMNS];
    for (uint32_t c = 0; c < ORACLE_COLUMNS; c++)
        columns[c] = (struct nanots_column){.name = names[c], .type = NANOTS_TYPE_F64};
    const nanots_status status = nanots_create_table(db, oracle_tables[table].name, columns,
                                                     oracle_tables[table].column_count, error);
    return status == NANOTS_EXISTS ? NANOTS_OK : status; /* another thread was here first */
}

nanots_status oracle_append(const struct oracle *oracle, struct nanots_db *db, uint32_t id,
                            struct oracle_rows *rows, struct nanots_error *error)
{
    const struct oracle_call call = oracle_call_of(oracle, id);
    uint64_t seq = 0;

    oracle_fill(&call, id, rows);
    nanots_status status = oracle_send(db, &call, rows, &seq, error);
    if (status == NANOTS_NOT_FOUND) {
        status = oracle_create(db, call.table, error);
        if (status == NANOTS_OK)
            status = oracle_send(db, &call, rows, &seq, error);
    }
    if (status == NANOTS_OK)
        oracle->seqs[id] = seq;
    return status;
}

/* ---- looking ------------------------------------------------------------------------------- */

/* What a scan must see of a call that is there. */
static struct oracle_seen oracle_wanted(const struct oracle *oracle, uint32_t id)
{
    const struct oracle_call call = oracle_call_of(oracle, id);
    struct oracle_seen wanted = {0, 0};
    for (uint32_t row = 0; row < call.row_count; row++) {
        if (oracle_ts(&call, id, row) < oracle->cut_maybe[call.table])
            continue;
        wanted.rows++;
        wanted.sum += (uint64_t)(row + 1) * (row + 1);
    }
    return wanted;
}

static const char *oracle_see_row(struct oracle *oracle, uint32_t table,
                                  const struct nanots_batch *batch, size_t at)
{
    const char *name = oracle_tables[table].name;
    const double first = ((const double *)batch->columns[0].values)[at];
    const uint64_t code = first >= 0 && first < 9e15 ? (uint64_t)first : UINT64_MAX;
    const uint64_t id = code >> ROW_BITS;
    const uint32_t row = (uint32_t)(code & ((1u << ROW_BITS) - 1));

    if (id >= oracle->call_count)
        return oracle_complain(oracle, "%s: a row of no call: ts %lld, first value %g", name,
                               (long long)batch->ts[at], first);
    const struct oracle_call call = oracle_call_of(oracle, (uint32_t)id);
    if (call.table != table || row >= call.row_count ||
        batch->ts[at] != oracle_ts(&call, (uint32_t)id, row))
        return oracle_complain(oracle, "%s: row %u of call %u is misplaced (ts %lld)", name, row,
                               (uint32_t)id, (long long)batch->ts[at]);
    for (size_t c = 0; c < batch->column_count; c++) {
        const double value = ((const double *)batch->columns[c].values)[at];
        if (nts_bits_of_double(value) !=
            nts_bits_of_double(oracle_value(&call, (uint32_t)id, row, (uint32_t)c)))
            return oracle_complain(oracle, "%s: row %u of call %u: column %zu is wrong", name, row,
                                   (uint32_t)id, c);
    }
    if (batch->ts[at] < oracle->cut_sure[table])
        return oracle_complain(oracle, "%s: row %u of call %u was removed by retention", name, row,
                               (uint32_t)id);
    if (batch->ts[at] < oracle->cut_maybe[table])
        return NULL;
    oracle->seen[id].rows++;
    oracle->seen[id].sum += (uint64_t)(row + 1) * (row + 1);
    return NULL;
}

static const char *oracle_scan_table(struct oracle *oracle, struct nanots_db *db, uint32_t table)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    const char *complaint = NULL;
    int64_t ts_before = INT64_MIN;

    const nanots_status opened =
        nanots_query_open(db, oracle_tables[table].name, NULL, &cursor, &error);
    if (opened == NANOTS_NOT_FOUND)
        return NULL; /* its calls are missed later */
    if (opened != NANOTS_OK)
        return oracle_complain(oracle, "query: %.200s", error.message);
    do {
        if (nanots_query_next(cursor, &batch, &error) != NANOTS_OK) {
            complaint = oracle_complain(oracle, "query: %.200s", error.message);
            break;
        }
        for (size_t i = 0; batch != NULL && i < batch->row_count && complaint == NULL; i++) {
            complaint = oracle_see_row(oracle, table, batch, i);
            if (complaint == NULL && batch->ts[i] < ts_before)
                complaint = oracle_complain(oracle, "%s: rows are out of order at ts %lld",
                                            oracle_tables[table].name, (long long)batch->ts[i]);
            ts_before = batch->ts[i];
            oracle->row_count++;
        }
    } while (batch != NULL && complaint == NULL);
    nanots_query_close(cursor);
    return complaint;
}

const char *oracle_scan(struct oracle *oracle, struct nanots_db *db)
{
    memset(oracle->seen, 0, oracle->call_count * sizeof *oracle->seen);
    oracle->row_count = 0;
    for (uint32_t table = 0; table < ORACLE_TABLES; table++) {
        const char *complaint = oracle_scan_table(oracle, db, table);
        if (complaint != NULL)
            return complaint;
    }
    for (uint32_t id = 0; id < oracle->call_count; id++) {
        if (oracle->seen[id].rows == 0)
            continue;
        const struct oracle_seen wanted = oracle_wanted(oracle, id);
        if (oracle->seen[id].rows != wanted.rows || oracle->seen[id].sum != wanted.sum)
            return oracle_complain(oracle, "%s: %u of %u rows of call %u are there",
                                   oracle_tables[oracle_call_of(oracle, id).table].name,
                                   oracle->seen[id].rows, wanted.rows, id);
    }
    return NULL;
}

bool oracle_has(const struct oracle *oracle, uint32_t id)
{
    return oracle->seen[id].rows != 0 || oracle_wanted(oracle, id).rows == 0;
}

const char *oracle_check_acknowledged(struct oracle *oracle)
{
    for (uint32_t id = 0; id < oracle->call_count; id++)
        if (oracle->seqs[id] != 0 && !oracle_has(oracle, id))
            return oracle_complain(
                oracle, "%s: call %u (%u rows up to seq %llu) was acknowledged and is missing",
                oracle_tables[oracle_call_of(oracle, id).table].name, id,
                oracle_call_of(oracle, id).row_count, (unsigned long long)oracle->seqs[id]);
    return NULL;
}

const char *oracle_check_prefix(struct oracle *oracle, uint32_t least, uint32_t made)
{
    uint32_t end = 0;
    while (end < made && oracle_has(oracle, end))
        end++;
    if (end < least)
        return oracle_complain(oracle, "call %u is missing; the first %u were durable", end, least);
    for (uint32_t id = end; id < made; id++)
        if (oracle->seen[id].rows != 0)
            return oracle_complain(oracle, "call %u is there, but call %u before it is not", id,
                                   end);
    return NULL;
}

const char *oracle_verify(struct oracle *oracle, struct nanots_db *db)
{
    struct nanots_verify_report report = {.struct_size = sizeof report};
    struct nanots_error error;
    if (nanots_verify(db, NULL, NULL, &report, &error) != NANOTS_OK)
        return oracle_complain(oracle, "verify: %.200s", error.message);
    if (report.damage != 0)
        return oracle_complain(oracle, "verify finds %llu damaged places",
                               (unsigned long long)report.damage);
    return NULL;
}
