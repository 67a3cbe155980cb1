/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importtypes.c - the types of a new table, from what its CSV file holds. */
#include "importtypes.h"

#include <math.h>
#include <string.h>

#include "value.h"

/* How many cells a column has of each kind. */
struct types_column {
    uint64_t nulls;
    uint64_t empties; /* in quotes: text, or nothing in a column of anything else */
    uint64_t booleans;
    uint64_t integers;
    uint64_t floats;
    uint64_t names; /* digits that are no number */
    uint64_t texts;
};

static bool types_is_integer(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    return *digits != '\0' && digits[strspn(digits, "0123456789")] == '\0';
}

/* 007, and what is beyond 64 bits: as a number it would not come back. */
static bool types_is_name(const char *text)
{
    struct nanots_value value;
    const char *digits = text + (*text == '-' || *text == '+');
    return types_is_integer(text) &&
           ((digits[0] == '0' && digits[1] != '\0') ||
            !cli_value_parse(text, strlen(text), NANOTS_TYPE_I64, &value));
}

bool cli_import_is_null(const struct cli_import_options *options, const struct cli_csv_field *field,
                        nanots_type type)
{
    if (field->absent ||
        (options->null_text != NULL && strcmp(field->text, options->null_text) == 0))
        return true;
    return type != NANOTS_TYPE_UTF8 && cli_is_missing(field->text);
}

static void types_add(struct types_column *column, const struct cli_import_options *options,
                      const struct cli_csv_field *field)
{
    struct nanots_value value;
    const char *text = field->text;
    if (field->size == 0 && !field->absent)
        column->empties++;
    else if (cli_import_is_null(options, field, NANOTS_TYPE_F64))
        column->nulls++;
    else if (cli_value_parse(text, field->size, NANOTS_TYPE_BOOL, &value))
        column->booleans++;
    else if (types_is_name(text))
        column->names++;
    else if (!cli_value_parse(text, field->size, NANOTS_TYPE_F64, &value))
        column->texts++;
    else if (types_is_integer(text) && strcmp(text, "-0") != 0)
        column->integers++;
    else
        column->floats++;
}

static nanots_type types_of(const struct types_column *column)
{
    const uint64_t numbers = column->integers + column->floats;
    const uint64_t values = numbers + column->booleans + column->texts;
    if (column->names > 0)
        return NANOTS_TYPE_UTF8;
    if (values == 0)
        return column->empties > 0 ? NANOTS_TYPE_UTF8 : NANOTS_TYPE_F64;
    if ((values - column->booleans) * 10 <= column->booleans)
        return NANOTS_TYPE_BOOL;
    if ((values - numbers) * 10 <= numbers)
        return column->floats > 0 ? NANOTS_TYPE_F64 : NANOTS_TYPE_I64;
    return NANOTS_TYPE_UTF8;
}

bool cli_import_is_text(const struct cli_import_sample *sample,
                        const struct cli_import_options *options, size_t column)
{
    struct types_column counts = {0};
    for (size_t row = 0; row < sample->row_count; row++)
        types_add(&counts, options, &sample->cells[row * sample->column_count + column]);
    return types_of(&counts) == NANOTS_TYPE_UTF8;
}

/* ---- the whole file ----------------------------------------------------------------------- */

struct types_scan {
    const struct cli_import_plan *plan;
    const struct cli_import_options *options;
    struct types_column *columns;
    enum cli_time_unit precision;
};

static void types_take(struct types_scan *scan, const struct cli_csv_field *fields)
{
    const enum cli_time_unit precision = cli_import_plan_precision(scan->plan, fields);
    if (precision > scan->precision)
        scan->precision = precision;
    for (size_t i = 0; i < scan->plan->value_count; i++)
        types_add(&scan->columns[i], scan->options, &fields[scan->plan->value_indexes[i]]);
}

/* Bad lines are passed over here: the import tells of them. */
static void types_read_file(struct types_scan *scan, struct cli_csv *csv, size_t field_count,
                            bool has_header)
{
    struct cli_csv_record record;
    const char *why = NULL;
    enum cli_csv_result result;
    if (has_header)
        cli_csv_next(csv, &record, &why);
    while ((result = cli_csv_next(csv, &record, &why)) != CLI_CSV_END && result != CLI_CSV_ERROR)
        if (result == CLI_CSV_RECORD && record.field_count == field_count)
            types_take(scan, record.fields);
}

/* ---- --types ------------------------------------------------------------------------------ */

static int types_for_each(const struct cli_import_options *options,
                          int (*take)(void *context, const struct nanots_column *column),
                          void *context)
{
    struct nanots_column column;
    size_t count = 0;
    if (options->types == NULL)
        return CLI_OK;
    char **texts = cli_split(options->types, &count);
    int exit_code = CLI_OK;
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        exit_code = strchr(texts[i], ':') != NULL
                        ? cli_column_parse(texts[i], &column)
                        : cli_usage("--types takes NAME:TYPE,..., not '%s'", texts[i]);
        if (exit_code == CLI_OK)
            exit_code = take(context, &column);
    }
    cli_free(texts);
    return exit_code;
}

struct types_target {
    const char *where;
    struct nanots_column *columns;
    size_t column_count;
};

static struct nanots_column *types_find(const struct types_target *target, const char *name)
{
    for (size_t i = 0; i < target->column_count; i++)
        if (strcmp(target->columns[i].name, name) == 0)
            return &target->columns[i];
    return NULL;
}

static int types_override(void *context, const struct nanots_column *column)
{
    struct types_target *target = context;
    struct nanots_column *found = types_find(target, column->name);
    if (found == NULL)
        return cli_fail("--types: %s has no value column '%s'", target->where, column->name);
    found->type = column->type;
    found->flags |= column->flags;
    return CLI_OK;
}

static int types_compare(void *context, const struct nanots_column *column)
{
    const struct types_target *target = context;
    const struct nanots_column *found = types_find(target, column->name);
    if (found == NULL)
        return cli_fail("--types: table '%s' has no column '%s'", target->where, column->name);
    if (found->type != column->type)
        return cli_fail("--types: column '%s' of table '%s' is there as %s, not %s", column->name,
                        target->where, nanots_type_name(found->type),
                        nanots_type_name(column->type));
    return CLI_OK;
}

int cli_import_types_check(const char *table, const struct nanots_schema *schema,
                           const struct cli_import_options *options)
{
    struct nanots_column *columns = cli_alloc(schema->column_count, sizeof(*columns));
    for (size_t i = 0; i < schema->column_count; i++)
        columns[i] = schema->columns[i];
    struct types_target target = {table, columns, schema->column_count};
    int exit_code = types_for_each(options, types_compare, &target);
    cli_free(columns);
    return exit_code;
}

/* ---- the whole ---------------------------------------------------------------------------- */

int cli_import_types_make(const struct cli_csv *csv, const struct cli_import_sample *sample,
                          const struct cli_import_plan *plan,
                          const struct cli_import_options *options, struct nanots_column *columns,
                          enum cli_time_unit *unit_out)
{
    struct types_scan scan = {.plan = plan, .options = options, .precision = CLI_UNIT_MS};
    struct cli_csv *again = cli_csv_again(csv);
    scan.columns = cli_alloc(plan->value_count, sizeof(*scan.columns));
    if (again != NULL)
        types_read_file(&scan, again, sample->column_count, sample->has_header);
    for (size_t row = 0; again == NULL && row < sample->row_count; row++)
        types_take(&scan, &sample->cells[row * sample->column_count]);
    for (size_t i = 0; i < plan->value_count; i++) {
        const struct types_column *counts = &scan.columns[i];
        struct nanots_column *column = &columns[i];
        column->name = sample->names[plan->value_indexes[i]];
        column->type = types_of(counts);
        const bool has_null =
            counts->nulls > 0 || (counts->empties > 0 && column->type != NANOTS_TYPE_UTF8);
        column->flags = has_null || again == NULL ? NANOTS_COLUMN_NULLABLE : 0;
    }
    *unit_out = cli_import_plan_unit(plan, sample, options, scan.precision);
    if (again != NULL)
        cli_csv_close(again);
    cli_free(scan.columns);
    struct types_target target = {sample->file_name, columns, plan->value_count};
    return types_for_each(options, types_override, &target);
}
