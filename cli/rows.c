/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rows.c - rows of a query as CSV, JSON or an aligned table. */
#include "rows.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "humantime.h"
#include "number.h"
#include "rowview.h"
#include "value.h"

/* Text is gathered in a block: a call of stdio for each number would be half of the work. */
#define ROWS_BUFFER_SIZE    65536
#define ROWS_FIELD_SIZE_MAX 64

struct cli_row_writer {
    const struct cli_row_options *options;
    FILE *stream;
    char **names;
    size_t column_count;
    struct cli_row_view *view; /* of the aligned table; else NULL */
    char **prefixes;           /* JSON: what stands before each value, from the comma on */
    uint64_t row_count;
    size_t used;
    char buffer[ROWS_BUFFER_SIZE];
};

const char *cli_ts_name(enum cli_time_unit unit)
{
    static const char *const names[] = {"ts_ms", "ts_s", "ts_ms", "ts_us", "ts_ns"};
    return names[unit];
}

/* ---- buffer ------------------------------------------------------------------------------- */

static void rows_drain(struct cli_row_writer *writer)
{
    fwrite(writer->buffer, 1, writer->used, writer->stream);
    writer->used = 0;
}

/* Room for one field of bounded size. */
static char *rows_reserve(struct cli_row_writer *writer)
{
    if (writer->used + ROWS_FIELD_SIZE_MAX > ROWS_BUFFER_SIZE)
        rows_drain(writer);
    return writer->buffer + writer->used;
}

static void rows_put(struct cli_row_writer *writer, const char *text)
{
    size_t length = strlen(text);
    if (length >= ROWS_FIELD_SIZE_MAX) {
        rows_drain(writer);
        fwrite(text, 1, length, writer->stream);
        return;
    }
    memcpy(rows_reserve(writer), text, length);
    writer->used += length;
}

static void rows_put_time(struct cli_row_writer *writer, int64_t ts)
{
    char *at = rows_reserve(writer);
    if (!writer->options->iso) {
        writer->used += (size_t)snprintf(at, ROWS_FIELD_SIZE_MAX, "%" PRId64, ts);
        return;
    }
    const enum cli_time_unit unit = writer->options->unit;
    enum cli_time_style style = cli_time_style_for(ts, unit);
    cli_time_print(ts, unit, style > CLI_STYLE_SECONDS ? style : CLI_STYLE_SECONDS, at);
    writer->used += strlen(at);
}

static void rows_put_value(struct cli_row_writer *writer, const struct nanots_value *value)
{
    writer->used += cli_value_print(value, rows_reserve(writer));
}

/* ---- CSV ---------------------------------------------------------------------------------- */

static const char *rows_time_name(const struct cli_row_writer *writer)
{
    return writer->options->iso ? "time" : cli_ts_name(writer->options->unit);
}

static void rows_csv_begin(struct cli_row_writer *writer)
{
    fputs(rows_time_name(writer), writer->stream);
    for (size_t i = 0; i < writer->column_count; i++) {
        fputc(',', writer->stream);
        cli_csv_field(writer->stream, writer->names[i], strlen(writer->names[i]));
    }
    fputc('\n', writer->stream);
}

static void rows_csv_value(struct cli_row_writer *writer, const struct nanots_value *value)
{
    if (value->type == NANOTS_TYPE_UTF8) {
        rows_drain(writer);
        cli_csv_field(writer->stream, value->as.utf8.data, value->as.utf8.size);
    } else if (value->type != NANOTS_TYPE_NULL) {
        rows_put_value(writer, value);
    }
}

static void rows_csv_add(struct cli_row_writer *writer, const struct nanots_batch *batch,
                         size_t first, size_t end)
{
    for (size_t row = first; row < end; row++) {
        rows_put_time(writer, batch->ts[row]);
        for (size_t i = 0; i < batch->column_count; i++) {
            const struct nanots_value value = cli_batch_value(batch, i, row);
            rows_put(writer, ",");
            rows_csv_value(writer, &value);
        }
        rows_put(writer, "\n");
    }
}

/* ---- JSON --------------------------------------------------------------------------------- */

/* `, "name": ` of each column, escaped once and not in every row. */
static void rows_json_begin(struct cli_row_writer *writer)
{
    writer->prefixes = cli_alloc(writer->column_count, sizeof(char *));
    for (size_t i = 0; i < writer->column_count; i++) {
        size_t size = strlen(writer->names[i]) * 6 + 8; /* \u0000 is the longest escape */
        writer->prefixes[i] = cli_alloc(size, 1);
        FILE *memory = fmemopen(writer->prefixes[i], size, "w");
        if (memory == NULL)
            continue;
        fputs(", ", memory);
        cli_json_string(memory, writer->names[i], strlen(writer->names[i]));
        fputs(": ", memory);
        fclose(memory);
    }
    if (writer->options->format == CLI_FORMAT_JSON)
        rows_put(writer, "[");
}

static void rows_json_value(struct cli_row_writer *writer, const struct nanots_value *value)
{
    const bool is_float = value->type == NANOTS_TYPE_F64 || value->type == NANOTS_TYPE_F32;
    if (value->type == NANOTS_TYPE_UTF8) {
        rows_drain(writer);
        cli_json_string(writer->stream, value->as.utf8.data, value->as.utf8.size);
    } else if (value->type == NANOTS_TYPE_NULL ||
               (is_float && !isfinite(cli_value_number(value)))) {
        rows_put(writer, "null");
    } else {
        rows_put_value(writer, value);
    }
}

static void rows_json_add(struct cli_row_writer *writer, const struct nanots_batch *batch,
                          size_t first, size_t end)
{
    bool lines = writer->options->format == CLI_FORMAT_JSONL;
    const char *quote = writer->options->iso ? "\"" : "";
    for (size_t row = first; row < end; row++) {
        if (!lines)
            rows_put(writer, writer->row_count + (row - first) > 0 ? ",\n " : "\n ");
        rows_put(writer, "{\"");
        rows_put(writer, rows_time_name(writer));
        rows_put(writer, "\": ");
        rows_put(writer, quote);
        rows_put_time(writer, batch->ts[row]);
        rows_put(writer, quote);
        for (size_t i = 0; i < batch->column_count; i++) {
            const struct nanots_value value = cli_batch_value(batch, i, row);
            rows_put(writer, writer->prefixes[i]);
            rows_json_value(writer, &value);
        }
        rows_put(writer, lines ? "}\n" : "}");
    }
}

/* ---- writer ------------------------------------------------------------------------------- */

static void rows_begin(struct cli_row_writer *writer)
{
    if (writer->options->format == CLI_FORMAT_TABLE)
        writer->view = cli_row_view_new(writer->options, (const char *const *)writer->names,
                                        writer->column_count);
    else if (writer->options->format == CLI_FORMAT_CSV)
        rows_csv_begin(writer);
    else
        rows_json_begin(writer);
}

void cli_row_writer_add(struct cli_row_writer *writer, const struct nanots_batch *batch,
                        size_t first, size_t end)
{
    if (writer->view != NULL)
        cli_row_view_add(writer->view, batch, first, end);
    else if (writer->options->format == CLI_FORMAT_CSV)
        rows_csv_add(writer, batch, first, end);
    else
        rows_json_add(writer, batch, first, end);
    writer->row_count += end - first;
}

static void rows_finish(struct cli_row_writer *writer)
{
    if (writer->view != NULL)
        cli_row_view_print(writer->view, writer->stream);
    else if (writer->options->format == CLI_FORMAT_JSON)
        rows_put(writer, writer->row_count > 0 ? "\n]\n" : "]\n");
    rows_drain(writer);
}

static void rows_release(struct cli_row_writer *writer)
{
    if (writer->view != NULL)
        cli_row_view_free(writer->view);
    for (size_t i = 0; writer->prefixes != NULL && i < writer->column_count; i++)
        cli_free(writer->prefixes[i]);
    cli_free(writer->prefixes);
    cli_free(writer->names);
    cli_free(writer);
}

struct cli_row_writer *cli_row_writer_new(const struct cli_row_options *options, char **names,
                                          size_t column_count, FILE *stream)
{
    struct cli_row_writer *writer = cli_alloc(1, sizeof(*writer));
    writer->options = options;
    writer->stream = stream;
    writer->names = names;
    writer->column_count = column_count;
    rows_begin(writer);
    return writer;
}

void cli_row_writer_flush(struct cli_row_writer *writer)
{
    rows_drain(writer);
    fflush(writer->stream);
}

void cli_row_writer_finish(struct cli_row_writer *writer)
{
    rows_finish(writer);
    rows_release(writer);
}

/* ---- query -------------------------------------------------------------------------------- */

int cli_table_unit(struct nanots_db *db, const char *table, enum cli_time_unit *unit_out)
{
    struct nanots_schema schema;
    struct nanots_error error;
    if (nanots_table_schema(db, table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    *unit_out = cli_unit_of_table(schema.unit);
    nanots_free(schema.block);
    return CLI_OK;
}

int cli_range_options(const struct cli_args *args, enum cli_time_unit unit,
                      struct nanots_query *query)
{
    const char *from = cli_option(args, "from");
    const char *to = cli_option(args, "to");
    enum cli_time_unit number_unit;
    int exit_code = cli_unit_option(args, &number_unit);
    if (exit_code == CLI_OK && from != NULL) {
        query->flags |= NANOTS_QUERY_FROM;
        exit_code = cli_time_argument("--from", from, number_unit, unit, false, &query->from);
    }
    if (exit_code == CLI_OK && to != NULL) {
        query->flags |= NANOTS_QUERY_TO;
        exit_code = cli_time_argument("--to", to, number_unit, unit, true, &query->to);
    }
    return exit_code;
}

int cli_columns_option(const struct cli_args *args, struct nanots_query *query, char ***names_out)
{
    const char *text = cli_option(args, "columns");
    *names_out = NULL;
    if (text == NULL)
        return CLI_OK;
    if (text[0] == '\0')
        return cli_usage("--columns takes names, such as --columns a,b");
    *names_out = cli_split(text, &query->column_count);
    query->columns = (const char *const *)*names_out;
    return CLI_OK;
}

static char **rows_copy_names(const char *const *names, size_t count)
{
    size_t text_size = 0;
    for (size_t i = 0; i < count; i++)
        text_size += strlen(names[i]) + 1;
    char **copy = cli_alloc(count * sizeof(char *) + text_size, 1);
    char *text = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]) + 1;
        memcpy(text, names[i], size);
        copy[i] = text;
        text += size;
    }
    return copy;
}

char **cli_query_names(struct nanots_db *db, const char *table, const struct nanots_query *query,
                       size_t *count_out)
{
    struct nanots_schema schema;
    struct nanots_error error;
    *count_out = query->column_count;
    if (query->columns != NULL)
        return rows_copy_names(query->columns, query->column_count);
    if (nanots_table_schema(db, table, &schema, &error) != NANOTS_OK) {
        cli_fail_status(&error);
        return NULL;
    }
    const char **names = cli_alloc(schema.column_count, sizeof(char *));
    for (size_t i = 0; i < schema.column_count; i++)
        names[i] = schema.columns[i].name;
    char **copy = rows_copy_names(names, schema.column_count);
    *count_out = schema.column_count;
    cli_free(names);
    nanots_free(schema.block);
    return copy;
}

/* A reader that went away ends the loop: nobody sees the rest. */
static int rows_stream(struct cli_row_writer *writer, struct nanots_cursor *cursor)
{
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    do {
        if (nanots_query_next(cursor, &batch, &error) != NANOTS_OK)
            return cli_fail_status(&error);
        if (batch != NULL)
            cli_row_writer_add(writer, batch, 0, batch->row_count);
    } while (batch != NULL && !cli_output_broken(writer->stream));
    return CLI_OK;
}

/* Says what a query with NANOTS_QUERY_SKIP_DAMAGED did not give. */
static int rows_tell_damage(const struct nanots_cursor *cursor, enum cli_time_unit unit)
{
    struct nanots_damage_report damage = {.struct_size = sizeof(damage)};
    struct nanots_error error;
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char places[CLI_QUANTITY_TEXT_SIZE];
    char from[CLI_TIME_TEXT_SIZE];
    char to[CLI_TIME_TEXT_SIZE];
    if (nanots_query_damage(cursor, &damage, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    if (damage.places == 0)
        return CLI_OK;
    cli_quantity_print(damage.rows, "row", rows);
    cli_quantity_print(damage.places, "damaged place", places);
    cli_time_print(damage.ts_min, unit, cli_time_style_for(damage.ts_min, unit), from);
    cli_time_print(damage.ts_max, unit, cli_time_style_for(damage.ts_max, unit), to);
    cli_warn("%s: at most %s from %s to %s left out", places, rows, from, to);
    cli_warn("the first: %s", damage.message);
    return CLI_LEFT_OUT;
}

int cli_rows_print(struct nanots_db *db, const char *table, const struct nanots_query *query,
                   const struct cli_row_options *options, FILE *stream, uint64_t *row_count_out)
{
    struct nanots_cursor *cursor = NULL;
    struct nanots_error error;
    size_t column_count = 0;
    *row_count_out = 0;
    char **names = cli_query_names(db, table, query, &column_count);
    if (names == NULL)
        return CLI_FAILURE;
    if (nanots_query_open(db, table, query, &cursor, &error) != NANOTS_OK) {
        cli_free(names);
        return cli_fail_status(&error);
    }
    struct cli_row_writer *writer = cli_row_writer_new(options, names, column_count, stream);
    int exit_code = rows_stream(writer, cursor);
    if (exit_code == CLI_OK) {
        rows_finish(writer);
        exit_code = rows_tell_damage(cursor, options->unit);
    } else {
        rows_drain(writer);
    }
    *row_count_out = writer->row_count;
    nanots_query_close(cursor);
    rows_release(writer);
    return exit_code;
}
