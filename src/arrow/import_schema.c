/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/import_schema.c - which child of a schema is which column. Contract: import.h. */
#include <string.h>

#include "arrow/import.h"
#include "util/alloc.h"

/* In the order in which they are looked for. */
static const struct {
    const char *name;
    int unit; /* nts_unit of an int64 of this name, or -1 */
} time_names[] = {{"ts", -1},
                  {"ts_ms", NTS_UNIT_MS},
                  {"ts_s", NTS_UNIT_S},
                  {"ts_us", NTS_UNIT_US},
                  {"ts_ns", NTS_UNIT_NS},
                  {"time", -1},
                  {"timestamp", -1}};
#define TIME_NAME_COUNT (sizeof time_names / sizeof time_names[0])

/* ---- the structs -------------------------------------------------------------------------- */

static const char *child_name(const struct ArrowSchema *schema, uint32_t child)
{
    const char *name = schema->children[child]->name;
    return name == NULL ? "" : name;
}

static nanots_status field_check(const struct ArrowSchema *field, uint32_t child,
                                 struct nanots_error *error)
{
    const char *what = field == NULL            ? "is NULL"
                       : field->release == NULL ? "was released or moved away"
                       : field->format == NULL  ? "has no format"
                       : field->n_children < 0  ? "has a negative number of children"
                       : field->dictionary != NULL && (field->dictionary->release == NULL ||
                                                       field->dictionary->format == NULL)
                           ? "has a dictionary without a format"
                           : NULL;
    if (what != NULL)
        return nts_fail(error, NANOTS_INVALID, "column %u of the Arrow schema %s", child, what);
    return NANOTS_OK;
}

/* A struct of columns, which may be looked at after. */
static nanots_status schema_check(const struct ArrowSchema *schema, struct nanots_error *error)
{
    if (schema->release == NULL)
        return nts_fail(error, NANOTS_INVALID, "the Arrow schema was released or moved away");
    if (schema->format == NULL || strcmp(schema->format, "+s") != 0 || schema->dictionary != NULL)
        return nts_fail(error, NANOTS_INVALID,
                        "the Arrow schema is no struct of columns (format '%.20s')",
                        schema->format == NULL ? "" : schema->format);
    if (schema->n_children < 1 || schema->n_children > NTS_COLUMNS_MAX + 1 ||
        schema->children == NULL)
        return nts_fail(error, NANOTS_INVALID,
                        "the Arrow schema has %lld columns; a table has 2 to %u with its time",
                        (long long)schema->n_children, NTS_COLUMNS_MAX + 1);
    for (uint32_t i = 0; i < (uint32_t)schema->n_children; i++)
        NTS_TRY(field_check(schema->children[i], i, error));
    return NANOTS_OK;
}

/* What the values of a column are. */
static struct nts_arrow_field field_of(const struct ArrowSchema *schema, uint32_t child)
{
    const struct ArrowSchema *field = schema->children[child];
    struct nts_arrow_field result = {
        .child = child, .kind = nts_arrow_kind_of(field->format), .index_kind = NTS_ARROW_OTHER};
    if (field->dictionary != NULL) {
        const enum nts_arrow_kind values = nts_arrow_kind_of(field->dictionary->format);
        const bool is_taken = nts_arrow_is_integer(result.kind) && nts_arrow_is_string(values) &&
                              field->dictionary->dictionary == NULL;
        result.index_kind = is_taken ? result.kind : NTS_ARROW_OTHER;
        result.kind = is_taken ? values : NTS_ARROW_OTHER;
    }
    return result;
}

static nanots_status fail_type(const struct ArrowSchema *schema, const char *table,
                               const struct nts_arrow_field *field, const char *wanted,
                               struct nanots_error *error)
{
    return nts_fail(error, NANOTS_TYPE_MISMATCH,
                    "table '%.60s', column '%.60s': wants %s, the Arrow column is %s (format "
                    "'%.20s')",
                    table, child_name(schema, field->child), wanted,
                    nts_arrow_kind_name(field->kind), schema->children[field->child]->format);
}

/* ---- the time column ---------------------------------------------------------------------- */

/* NTS_ARROW_NO_CHILD if there is no column of this name. */
static uint32_t child_find(const struct ArrowSchema *schema, const char *name)
{
    for (uint32_t i = 0; i < (uint32_t)schema->n_children; i++)
        if (strcmp(child_name(schema, i), name) == 0)
            return i;
    return NTS_ARROW_NO_CHILD;
}

static bool def_has(const struct nts_table_def *def, const char *name)
{
    for (uint32_t c = 0; def != NULL && c < def->column_count; c++)
        if (strcmp(def->columns[c].name, name) == 0)
            return true;
    return false;
}

/* `def` is NULL for a table to be made. */
static nanots_status time_find(const struct ArrowSchema *schema, const char *table,
                               const struct nts_table_def *def, const char *time_column,
                               struct nts_arrow_field *time_out, struct nanots_error *error)
{
    uint32_t child = NTS_ARROW_NO_CHILD;
    if (time_column != NULL)
        child = child_find(schema, time_column);
    for (size_t i = 0; time_column == NULL && i < TIME_NAME_COUNT && child == NTS_ARROW_NO_CHILD;
         i++)
        if (!def_has(def, time_names[i].name))
            child = child_find(schema, time_names[i].name);
    if (child == NTS_ARROW_NO_CHILD)
        return nts_fail(error, NANOTS_INVALID,
                        "table '%.60s': the Arrow schema has no time column '%.60s'", table,
                        time_column != NULL ? time_column : "ts");
    *time_out = field_of(schema, child);
    if (time_out->kind != NTS_ARROW_INT64 && nts_arrow_step_ns(time_out->kind) == 0)
        return fail_type(schema, table, time_out, "a timestamp, a date or int64", error);
    return NANOTS_OK;
}

/* nts_unit that an int64 column of this name counts in. */
static unsigned unit_by_name(const char *name, unsigned unit)
{
    for (size_t i = 0; i < TIME_NAME_COUNT; i++)
        if (time_names[i].unit >= 0 && strcmp(name, time_names[i].name) == 0)
            return (unsigned)time_names[i].unit;
    return unit;
}

/* What a time in steps of the Arrow column is in steps of the table. */
static void time_scale(struct nts_arrow_plan *plan, const struct ArrowSchema *schema)
{
    const int64_t own = nts_arrow_unit_ns(plan->def->unit);
    int64_t step = nts_arrow_step_ns(plan->time.kind);
    if (plan->time.kind == NTS_ARROW_INT64)
        step =
            nts_arrow_unit_ns(unit_by_name(child_name(schema, plan->time.child), plan->def->unit));
    plan->time_multiply = step > own ? step / own : 1;
    plan->time_divide = step < own ? own / step : 1;
}

/* ---- value columns ------------------------------------------------------------------------ */

static nanots_status plan_put(struct nts_arrow_plan *plan, const struct ArrowSchema *schema,
                              uint32_t child, uint32_t column, struct nanots_error *error)
{
    const struct nts_column_def *own = &plan->def->columns[column];
    struct nts_arrow_field *field = &plan->columns[column];

    if (field->child != NTS_ARROW_NO_CHILD)
        return nts_fail(error, NANOTS_INVALID,
                        "table '%.60s': two columns of the Arrow schema have the name '%.60s'",
                        plan->def->name, own->name);
    *field = field_of(schema, child);
    if (field->kind == NTS_ARROW_NULL && nts_column_is_nullable(own))
        return NANOTS_OK;
    if (!nts_arrow_fits(field->kind, own->type))
        return fail_type(schema, plan->def->name, field, nanots_type_name((nanots_type)own->type),
                         error);
    return NANOTS_OK;
}

/* Children come in the table's order more often than not: the search begins at the hint. */
static nanots_status plan_find(struct nts_arrow_plan *plan, const struct ArrowSchema *schema,
                               uint32_t child, uint32_t *hint, struct nanots_error *error)
{
    const struct nts_table_def *def = plan->def;
    const char *name = child_name(schema, child);
    for (uint32_t k = 0; k < def->column_count; k++) {
        const uint32_t column = (*hint + k) % def->column_count;
        if (strcmp(def->columns[column].name, name) != 0)
            continue;
        *hint = column + 1;
        return plan_put(plan, schema, child, column, error);
    }
    return nts_fail(error, NANOTS_NOT_FOUND,
                    "table '%.60s' has no column '%.60s', which the Arrow schema has", def->name,
                    name);
}

static nanots_status plan_columns(struct nts_arrow_plan *plan, const struct ArrowSchema *schema,
                                  struct nanots_error *error)
{
    const struct nts_table_def *def = plan->def;
    uint32_t hint = 0;
    for (uint32_t i = 0; i < plan->child_count; i++)
        if (i != plan->time.child)
            NTS_TRY(plan_find(plan, schema, i, &hint, error));
    for (uint32_t c = 0; c < def->column_count; c++)
        if (plan->columns[c].child == NTS_ARROW_NO_CHILD &&
            !nts_column_is_nullable(&def->columns[c]))
            return nts_fail(error, NANOTS_INVALID,
                            "table '%.60s': the Arrow schema lacks column '%.60s', which is not "
                            "nullable",
                            def->name, def->columns[c].name);
    return NANOTS_OK;
}

nanots_status nts_arrow_plan_new(const struct nanots_allocator *alloc,
                                 const struct ArrowSchema *schema, const struct nts_table_def *def,
                                 const char *time_column, struct nts_arrow_plan **plan_out,
                                 struct nanots_error *error)
{
    static const struct nts_arrow_field absent = {NTS_ARROW_NO_CHILD, NTS_ARROW_NULL,
                                                  NTS_ARROW_OTHER};
    nanots_status status = NANOTS_OK;
    const size_t size = sizeof(struct nts_arrow_plan) + def->column_count * sizeof absent;

    *plan_out = NULL;
    NTS_TRY(schema_check(schema, error));
    struct nts_arrow_plan *plan = nts_alloc_zeroed(alloc, size);
    if (plan == NULL)
        return nts_fail_memory(error, size);
    plan->def = def;
    plan->child_count = (uint32_t)schema->n_children;
    for (uint32_t c = 0; c < def->column_count; c++)
        plan->columns[c] = absent;
    NTS_TRY_OUT(time_find(schema, def->name, def, time_column, &plan->time, error));
    time_scale(plan, schema);
    NTS_TRY_OUT(plan_columns(plan, schema, error));
    *plan_out = plan;
    return NANOTS_OK;
out:
    nts_free(plan);
    return status;
}

/* ---- a table to be made ------------------------------------------------------------------- */

static nanots_time_unit define_unit(const struct ArrowSchema *schema,
                                    const struct nts_arrow_field *time)
{
    static const nanots_time_unit units[NTS_UNIT_END] = {[NTS_UNIT_S] = NANOTS_UNIT_S,
                                                         [NTS_UNIT_MS] = NANOTS_UNIT_MS,
                                                         [NTS_UNIT_US] = NANOTS_UNIT_US,
                                                         [NTS_UNIT_NS] = NANOTS_UNIT_NS};
    if (time->kind == NTS_ARROW_INT64)
        return units[unit_by_name(child_name(schema, time->child), NTS_UNIT_MS)];
    if (time->kind == NTS_ARROW_DATE32)
        return NANOTS_UNIT_S;
    unsigned unit = NTS_UNIT_S;
    while (nts_arrow_unit_ns(unit) != nts_arrow_step_ns(time->kind))
        unit++;
    return units[unit];
}

static nanots_status define_columns(const struct ArrowSchema *schema, const char *table,
                                    uint32_t time, struct nanots_column *columns,
                                    struct nanots_error *error)
{
    for (uint32_t i = 0, c = 0; i < (uint32_t)schema->n_children; i++) {
        const struct nts_arrow_field field = field_of(schema, i);
        if (i == time)
            continue;
        NTS_TRY(nts_name_check("column", child_name(schema, i), error));
        if (nts_arrow_own_type(field.kind) == 0)
            return fail_type(schema, table, &field, "a type that a table can hold", error);
        columns[c].name = child_name(schema, i);
        columns[c].type = (nanots_type)nts_arrow_own_type(field.kind);
        columns[c].flags =
            (schema->children[i]->flags & ARROW_FLAG_NULLABLE) != 0 ? NANOTS_COLUMN_NULLABLE : 0;
        c++;
    }
    return NANOTS_OK;
}

nanots_status nts_arrow_define(const struct nanots_allocator *alloc,
                               const struct ArrowSchema *schema, const char *table,
                               const char *time_column, nanots_duplicates duplicates,
                               struct nts_table_def **def_out, struct nanots_error *error)
{
    struct nanots_table_options options = {.struct_size = sizeof options, .duplicates = duplicates};
    struct nts_arrow_field time = {0};
    nanots_status status = NANOTS_OK;

    *def_out = NULL;
    NTS_TRY(nts_name_check("table", table, error));
    NTS_TRY(schema_check(schema, error));
    NTS_TRY(time_find(schema, table, NULL, time_column, &time, error));
    if ((unsigned)duplicates > NANOTS_DUPLICATES_KEEP_FIRST)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': unknown rule for duplicates %d",
                        table, (int)duplicates);
    const size_t count = (size_t)schema->n_children - 1;
    if (count == 0)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': no columns given", table);
    struct nanots_column *columns = nts_alloc_array(alloc, count, sizeof *columns);
    if (columns == NULL)
        return nts_fail_memory(error, count * sizeof *columns);
    options.unit = define_unit(schema, &time);
    NTS_TRY_OUT(define_columns(schema, table, time.child, columns, error));
    *def_out = nts_table_def_new(alloc, 0, 0, table, columns, count, &options);
    if (*def_out == NULL)
        status = nts_fail_memory(error, count * sizeof *columns);
    else
        status = nts_table_def_check(*def_out, error);
    if (status != NANOTS_OK) {
        nts_free(*def_out);
        *def_out = NULL;
    }
out:
    nts_free(columns);
    return status;
}
