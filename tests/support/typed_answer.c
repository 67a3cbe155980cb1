/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/typed_answer.c - what a database says of its tables, and what it should. Contract:
 * typed_model.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/seed.h"
#include "support/typed_model.h"

static char complaint[300];

#define COMPLAIN(...) ((void)snprintf(complaint, sizeof complaint, __VA_ARGS__), complaint)

/* ---- answers ------------------------------------------------------------------------------ */

/* A row and its place in the order of arrival. */
struct place {
    int64_t ts;
    size_t row;
};

static int place_compare(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->ts != y->ts)
        return x->ts < y->ts ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The rows that count, by (ts, arrival). */
static struct place *places_of(const struct typed_model_table *table, size_t *count_out)
{
    struct place *places = calloc(table->row_count + 1, sizeof *places);
    size_t kept = 0;
    assert_non_null(places);
    for (size_t i = 0; i < table->row_count; i++)
        places[i] = (struct place){table->ts[i], i};
    qsort(places, table->row_count, sizeof *places, place_compare);
    for (size_t i = 0; i < table->row_count; i++) {
        const bool is_again = kept != 0 && places[kept - 1].ts == places[i].ts;
        if (!is_again || table->duplicates == NANOTS_DUPLICATES_KEEP_ALL)
            places[kept++] = places[i];
        else if (table->duplicates == NANOTS_DUPLICATES_KEEP_LAST)
            places[kept - 1] = places[i];
    }
    *count_out = kept;
    return places;
}

static void answer_make(const struct typed_model_table *table, const struct nanots_query *query,
                        const size_t *picked, size_t picked_count, struct typed_answer *answer)
{
    size_t count = 0;
    struct place *places = places_of(table, &count);
    answer->column_count = picked_count;
    answer->row_count = 0;
    answer->ts = calloc(count + 1, sizeof *answer->ts);
    answer->values = calloc(count * picked_count + 1, sizeof *answer->values);
    assert_non_null(answer->ts);
    assert_non_null(answer->values);
    for (size_t i = 0; i < count; i++) {
        const bool reverse = (query->flags & NANOTS_QUERY_REVERSE) != 0;
        const struct place *place = &places[reverse ? count - 1 - i : i];
        if (query->limit != 0 && answer->row_count == query->limit)
            break;
        if (((query->flags & NANOTS_QUERY_FROM) != 0 && place->ts < query->from) ||
            ((query->flags & NANOTS_QUERY_TO) != 0 && place->ts > query->to))
            continue;
        for (size_t k = 0; k < picked_count; k++)
            answer->values[answer->row_count * picked_count + k] =
                table->values[place->row * TYPED_MODEL_COLUMNS + picked[k]];
        answer->ts[answer->row_count++] = place->ts;
    }
    free(places);
}

static nanots_status query_open(const struct typed_model_table *table, struct nanots_query *query,
                                uint64_t *seed, struct nanots_db *db,
                                struct nanots_cursor **cursor_out, struct typed_answer *answer,
                                struct nanots_error *error)
{
    const char *names[TYPED_MODEL_COLUMNS];
    size_t picked[TYPED_MODEL_COLUMNS];
    size_t picked_count = table->column_count;
    for (size_t k = 0; k < picked_count; k++)
        picked[k] = k;
    if (seed_next(seed) % 2 == 0) {
        picked_count = seed_next(seed) % (table->column_count + 1);
        for (size_t k = 0; k < picked_count; k++) {
            picked[k] = seed_next(seed) % table->column_count;
            names[k] = table->column_names[picked[k]];
        }
        query->columns = names;
        query->column_count = picked_count;
    }
    memset(answer, 0, sizeof *answer);
    const nanots_status status = nanots_query_open(db, table->name, query, cursor_out, error);
    if (status == NANOTS_OK)
        answer_make(table, query, picked, picked_count, answer);
    return status;
}

nanots_status typed_query_open(const struct typed_model *model, size_t t, uint64_t *seed,
                               struct nanots_db *db, struct nanots_cursor **cursor_out,
                               struct typed_answer *answer, struct nanots_error *error)
{
    struct nanots_query query = {.struct_size = sizeof query};
    query.flags = (uint32_t)(seed_next(seed) % 8);
    query.from = (int64_t)(seed_next(seed) % 3000);
    query.to = query.from + (int64_t)(seed_next(seed) % 1500);
    if (seed_next(seed) % 3 == 0)
        query.limit = 1 + seed_next(seed) % 500;
    return query_open(&model->tables[t], &query, seed, db, cursor_out, answer, error);
}

static const char *batch_compare(const struct nanots_batch *batch,
                                 const struct typed_answer *answer, size_t at)
{
    if (batch->row_count > answer->row_count - at || batch->column_count != answer->column_count)
        return COMPLAIN("%zu rows or more, not %zu", at + batch->row_count, answer->row_count);
    for (size_t i = 0; i < batch->row_count; i++) {
        if (batch->ts[i] != answer->ts[at + i])
            return COMPLAIN("row %zu is of %lld, not %lld", at + i, (long long)batch->ts[i],
                            (long long)answer->ts[at + i]);
        for (size_t k = 0; k < batch->column_count; k++) {
            const struct nanots_value value = typed_batch_value(&batch->columns[k], i);
            if (!typed_values_equal(&value, &answer->values[(at + i) * answer->column_count + k]))
                return COMPLAIN("row %zu of %lld differs in column %zu", at + i,
                                (long long)batch->ts[i], k);
        }
    }
    return NULL;
}

const char *typed_query_finish(struct nanots_cursor *cursor, struct typed_answer *answer)
{
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    const char *wrong = NULL;
    size_t at = 0;
    while (wrong == NULL) {
        const nanots_status status = nanots_query_next(cursor, &batch, &error);
        if (status != NANOTS_OK)
            wrong = COMPLAIN("query: %.250s", error.message);
        if (batch == NULL)
            break;
        wrong = batch_compare(batch, answer, at);
        at += batch->row_count;
    }
    if (wrong == NULL && at != answer->row_count)
        wrong = COMPLAIN("%zu rows, not %zu", at, answer->row_count);
    nanots_query_close(cursor);
    free(answer->ts);
    free(answer->values);
    memset(answer, 0, sizeof *answer);
    return wrong;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static const char *compare_schema(const struct typed_model_table *table, struct nanots_db *db)
{
    struct nanots_schema schema;
    struct nanots_error error;
    const char *wrong = NULL;
    if (nanots_table_schema(db, table->name, &schema, &error) != NANOTS_OK)
        return COMPLAIN("%.250s", error.message);
    if (schema.unit != table->unit || schema.duplicates != table->duplicates ||
        schema.tier != table->tier ||
        strcmp(schema.ts_name + 3, nanots_time_unit_name(table->unit)) != 0 ||
        schema.column_count != table->column_count)
        wrong = COMPLAIN("%s: another unit, rule, tier or number of columns", table->name);
    for (size_t c = 0; c < table->column_count && wrong == NULL; c++)
        if (strcmp(schema.columns[c].name, table->column_names[c]) != 0 ||
            schema.columns[c].type != table->types[c] || schema.columns[c].flags != table->flags[c])
            wrong = COMPLAIN("%s: column %zu is '%s'", table->name, c, schema.columns[c].name);
    nanots_free(schema.block);
    return wrong;
}

static uint64_t value_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A double as the calls give it that have no nulls. */
static bool is_double_of(double got, const struct nanots_value *wanted)
{
    if (wanted->type == NANOTS_TYPE_NULL)
        return isnan(got);
    return value_bits(got) == value_bits(wanted->as.f64);
}

static const char *compare_doubles(const struct typed_model_table *table,
                                   const struct typed_answer *all, struct nanots_db *db)
{
    double values[TYPED_MODEL_COLUMNS];
    struct nanots_series series;
    struct nanots_error error;
    const char *wrong = NULL;
    int64_t last = 0;
    bool all_f64 = true;
    for (size_t c = 0; c < table->column_count; c++)
        all_f64 = all_f64 && table->types[c] == NANOTS_TYPE_F64;
    nanots_status status = nanots_last(db, table->name, &last, values, table->column_count, &error);
    const nanots_status wanted = all->row_count == 0 ? NANOTS_NOT_FOUND : NANOTS_OK;
    if (status != (all_f64 ? wanted : NANOTS_TYPE_MISMATCH) &&
        !(all->row_count == 0 && status == NANOTS_NOT_FOUND))
        return COMPLAIN("last: %s %.200s", nanots_status_name(status), error.message);
    if (status == NANOTS_OK) {
        const struct nanots_value *row = all->values + (all->row_count - 1) * all->column_count;
        for (size_t c = 0; c < table->column_count; c++)
            if (last != all->ts[all->row_count - 1] || !is_double_of(values[c], &row[c]))
                return COMPLAIN("last: another row");
    }
    status = nanots_query_range(db, table->name, INT64_MIN, INT64_MAX, &series, &error);
    if (table->types[0] != NANOTS_TYPE_F64)
        return status == NANOTS_TYPE_MISMATCH ? NULL : COMPLAIN("range: %d", (int)status);
    if (status != NANOTS_OK)
        return COMPLAIN("range: %.200s", error.message);
    if (series.row_count != all->row_count)
        wrong = COMPLAIN("range: %zu rows, not %zu", series.row_count, all->row_count);
    for (size_t i = 0; i < all->row_count && wrong == NULL; i++)
        if (series.ts[i] != all->ts[i] ||
            !is_double_of(series.values[i], &all->values[i * all->column_count]))
            wrong = COMPLAIN("range: row %zu differs", i);
    nanots_free(series.block);
    return wrong;
}

static const char *compare_counts(const struct typed_model_table *table,
                                  const struct typed_answer *all, struct nanots_db *db)
{
    struct nanots_table_stats stats = {.struct_size = sizeof stats};
    struct nanots_error error;
    uint64_t rows = 0;
    int has_rows = 0;
    int64_t first = 0;
    int64_t last = 0;
    if (nanots_row_count(db, table->name, &rows, &error) != NANOTS_OK ||
        nanots_stats(db, table->name, &stats, &error) != NANOTS_OK ||
        nanots_time_range(db, table->name, &has_rows, &first, &last, &error) != NANOTS_OK)
        return COMPLAIN("counts: %.250s", error.message);
    /* Rows that others hide count until they are packed away. */
    if (rows < all->row_count || rows > table->row_count || stats.rows != rows)
        return COMPLAIN("%llu rows counted, %llu in statistics; %zu of %zu are seen",
                        (unsigned long long)rows, (unsigned long long)stats.rows, all->row_count,
                        table->row_count);
    if ((has_rows != 0) != (all->row_count != 0) ||
        (has_rows != 0 && (first != all->ts[0] || last != all->ts[all->row_count - 1])))
        return COMPLAIN("another range of time");
    return NULL;
}

static const char *compare_table(const struct typed_model *model, size_t t, struct nanots_db *db,
                                 uint64_t *seed)
{
    const struct typed_model_table *table = &model->tables[t];
    struct nanots_query everything = {.struct_size = sizeof everything};
    struct nanots_cursor *cursor = NULL;
    struct nanots_error error;
    struct typed_answer answer;
    size_t picked[TYPED_MODEL_COLUMNS];
    const char *wrong = compare_schema(table, db);
    if (wrong != NULL)
        return wrong;
    for (size_t k = 0; k < table->column_count; k++)
        picked[k] = k;
    answer_make(table, &everything, picked, table->column_count, &answer);
    wrong = compare_counts(table, &answer, db);
    if (wrong == NULL)
        wrong = compare_doubles(table, &answer, db);
    if (wrong == NULL && nanots_query_open(db, table->name, NULL, &cursor, &error) != NANOTS_OK)
        wrong = COMPLAIN("%.250s", error.message);
    if (wrong != NULL) {
        free(answer.ts);
        free(answer.values);
        return wrong;
    }
    wrong = typed_query_finish(cursor, &answer);
    for (unsigned round = 0; round < 3 && wrong == NULL; round++) {
        if (typed_query_open(model, t, seed, db, &cursor, &answer, &error) != NANOTS_OK)
            return COMPLAIN("%.250s", error.message);
        wrong = typed_query_finish(cursor, &answer);
    }
    return wrong;
}

const char *typed_model_compare(const struct typed_model *model, struct nanots_db *db,
                                uint64_t *seed)
{
    struct nanots_table_list list;
    struct nanots_error error;
    size_t count = 0;
    for (size_t t = 0; t < TYPED_MODEL_TABLES; t++) {
        const char *wrong = NULL;
        if (!model->tables[t].exists)
            continue;
        count++;
        wrong = compare_table(model, t, db, seed);
        if (wrong != NULL) {
            static char named[360];
            (void)snprintf(named, sizeof named, "table '%s', rule %d: %s", model->tables[t].name,
                           (int)model->tables[t].duplicates, wrong);
            return named;
        }
    }
    if (nanots_list_tables(db, &list, &error) != NANOTS_OK)
        return COMPLAIN("list: %.250s", error.message);
    const size_t listed = list.count;
    nanots_free(list.block);
    return listed == count ? NULL : COMPLAIN("%zu tables, not %zu", listed, count);
}

/* ---- digests ------------------------------------------------------------------------------ */

static void digest_word(uint64_t *digest, uint64_t word)
{
    *digest = (*digest ^ word) * 0x9E3779B97F4A7C15u;
    *digest ^= *digest >> 29;
}

static void digest_bytes(uint64_t *digest, const char *bytes, size_t size)
{
    digest_word(digest, size);
    for (size_t i = 0; i < size; i++)
        digest_word(digest, (uint8_t)bytes[i]);
}

static void digest_value(uint64_t *digest, const struct nanots_value *value)
{
    uint64_t bits = 0;
    if (value->type == NANOTS_TYPE_BOOL)
        bits = value->as.boolean != 0;
    else if (value->type == NANOTS_TYPE_F32 || value->type == NANOTS_TYPE_I32)
        memcpy(&bits, &value->as, 4);
    else if (value->type == NANOTS_TYPE_F64 || value->type == NANOTS_TYPE_I64)
        memcpy(&bits, &value->as, 8);
    digest_word(digest, (uint64_t)value->type << 60 ^ bits);
    if (value->type == NANOTS_TYPE_UTF8)
        digest_bytes(digest, value->as.utf8.data, value->as.utf8.size);
}

static uint64_t digest_begin(const char *name, nanots_time_unit unit, nanots_duplicates duplicates)
{
    uint64_t digest = 0;
    digest_bytes(&digest, name, strlen(name));
    digest_word(&digest, (uint64_t)unit << 8 | (uint64_t)duplicates);
    return digest;
}

static void digest_column(uint64_t *digest, const char *name, nanots_type type, uint32_t flags)
{
    digest_bytes(digest, name, strlen(name));
    digest_word(digest, (uint64_t)type << 32 | flags);
}

/* Tables count in any order. */
uint64_t typed_model_digest(const struct typed_model *model)
{
    uint64_t sum = 0;
    for (size_t t = 0; t < TYPED_MODEL_TABLES; t++) {
        const struct typed_model_table *table = &model->tables[t];
        size_t count = 0;
        if (!table->exists)
            continue;
        uint64_t digest = digest_begin(table->name, table->unit, table->duplicates);
        for (size_t c = 0; c < table->column_count; c++)
            digest_column(&digest, table->column_names[c], table->types[c], table->flags[c]);
        struct place *places = places_of(table, &count);
        for (size_t i = 0; i < count; i++) {
            digest_word(&digest, (uint64_t)places[i].ts);
            for (size_t c = 0; c < table->column_count; c++)
                digest_value(&digest, &table->values[places[i].row * TYPED_MODEL_COLUMNS + c]);
        }
        free(places);
        sum += digest;
    }
    return sum;
}

static nanots_status digest_rows(struct nanots_db *db, const char *name, uint64_t *digest,
                                 struct nanots_error *error)
{
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    nanots_status status = nanots_query_open(db, name, NULL, &cursor, error);
    while (status == NANOTS_OK) {
        status = nanots_query_next(cursor, &batch, error);
        if (status != NANOTS_OK || batch == NULL)
            break;
        for (size_t i = 0; i < batch->row_count; i++) {
            digest_word(digest, (uint64_t)batch->ts[i]);
            for (size_t c = 0; c < batch->column_count; c++) {
                const struct nanots_value value = typed_batch_value(&batch->columns[c], i);
                digest_value(digest, &value);
            }
        }
    }
    nanots_query_close(cursor);
    return status;
}

static nanots_status digest_table(struct nanots_db *db, const char *name, uint64_t *digest,
                                  struct nanots_error *error)
{
    struct nanots_schema schema;
    const nanots_status status = nanots_table_schema(db, name, &schema, error);
    if (status != NANOTS_OK)
        return status;
    *digest = digest_begin(name, schema.unit, schema.duplicates);
    for (size_t c = 0; c < schema.column_count; c++)
        digest_column(digest, schema.columns[c].name, schema.columns[c].type,
                      schema.columns[c].flags);
    nanots_free(schema.block);
    return digest_rows(db, name, digest, error);
}

nanots_status typed_db_digest(struct nanots_db *db, uint64_t *digest_out,
                              struct nanots_error *error)
{
    struct nanots_table_list list;
    nanots_status status = nanots_list_tables(db, &list, error);
    *digest_out = 0;
    if (status != NANOTS_OK)
        return status;
    for (size_t i = 0; i < list.count && status == NANOTS_OK; i++) {
        uint64_t digest = 0;
        status = digest_table(db, list.names[i], &digest, error);
        *digest_out += digest;
    }
    nanots_free(list.block);
    return status;
}
