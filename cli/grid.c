/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/grid.c - a small table of text, aligned by libsmartcols. */
#include "grid.h"

#include <csv.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>

#include "number.h"

struct grid_column {
    char *label;
    char *key;
    enum cli_grid_kind kind;
};

struct grid_cell {
    char *shown;
    char *exact;
};

struct cli_grid {
    struct grid_column *columns;
    size_t column_count;
    struct grid_cell *cells; /* row after row */
    size_t cell_count;
    size_t cell_count_max;
};

struct cli_grid *cli_grid_new(void)
{
    return cli_alloc(1, sizeof(struct cli_grid));
}

void cli_grid_free(struct cli_grid *grid)
{
    for (size_t i = 0; i < grid->column_count; i++) {
        cli_free(grid->columns[i].label);
        cli_free(grid->columns[i].key);
    }
    for (size_t i = 0; i < grid->cell_count; i++) {
        cli_free(grid->cells[i].shown);
        cli_free(grid->cells[i].exact);
    }
    cli_free(grid->columns);
    cli_free(grid->cells);
    cli_free(grid);
}

void cli_grid_column(struct cli_grid *grid, const char *label, const char *key,
                     enum cli_grid_kind kind)
{
    grid->columns = cli_resize(grid->columns, grid->column_count + 1, sizeof(*grid->columns));
    struct grid_column *column = &grid->columns[grid->column_count++];
    column->label = cli_copy_text(label);
    column->key = cli_copy_text(key);
    column->kind = kind;
}

void cli_grid_cell(struct cli_grid *grid, const char *shown, const char *exact)
{
    if (grid->cell_count == grid->cell_count_max) {
        grid->cell_count_max = grid->cell_count_max * 2 + 64;
        grid->cells = cli_resize(grid->cells, grid->cell_count_max, sizeof(*grid->cells));
    }
    grid->cells[grid->cell_count].shown = cli_copy_text(shown);
    grid->cells[grid->cell_count].exact = cli_copy_text(exact);
    grid->cell_count++;
}

void cli_grid_cell_count(struct cli_grid *grid, uint64_t count)
{
    char shown[CLI_NUMBER_TEXT_SIZE];
    char exact[CLI_NUMBER_TEXT_SIZE];
    cli_count_print(count, shown);
    snprintf(exact, sizeof(exact), "%" PRIu64, count);
    cli_grid_cell(grid, shown, exact);
}

void cli_grid_cell_bytes(struct cli_grid *grid, uint64_t bytes)
{
    char shown[CLI_NUMBER_TEXT_SIZE];
    char exact[CLI_NUMBER_TEXT_SIZE];
    cli_bytes_print(bytes, shown);
    snprintf(exact, sizeof(exact), "%" PRIu64, bytes);
    cli_grid_cell(grid, shown, exact);
}

/* ---- aligned ------------------------------------------------------------------------------ */

static void grid_fill(const struct cli_grid *grid, struct libscols_table *table)
{
    size_t row_count = grid->cell_count / grid->column_count;
    for (size_t row = 0; row < row_count; row++) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        for (size_t i = 0; line != NULL && i < grid->column_count; i++)
            scols_line_set_data(line, i, grid->cells[row * grid->column_count + i].shown);
    }
}

static void grid_print_table(const struct cli_grid *grid, FILE *stream)
{
    struct libscols_table *table = scols_new_table();
    if (table == NULL) {
        cli_warn("out of memory");
        return;
    }
    scols_table_set_stream(table, stream);
    scols_table_set_column_separator(table, "  ");
    /* The width is ours to judge: libsmartcols would cut numbers to fit the terminal. */
    scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    scols_table_enable_colors(table, cli_has_colour(stream));
    for (size_t i = 0; i < grid->column_count; i++) {
        bool right = grid->columns[i].kind == CLI_GRID_NUMBER;
        struct libscols_column *column =
            scols_table_new_column(table, grid->columns[i].label, 0, right ? SCOLS_FL_RIGHT : 0);
        if (column != NULL && cli_has_colour(stream))
            scols_cell_set_color(scols_column_get_header(column), "\033[1m");
    }
    grid_fill(grid, table);
    if (grid->cell_count > 0)
        scols_print_table(table);
    scols_unref_table(table);
}

/* ---- CSV and JSON ------------------------------------------------------------------------- */

static bool grid_is_plain(const char *text, size_t size)
{
    if (size == 0 || strchr(" \t", text[0]) != NULL || strchr(" \t", text[size - 1]) != NULL)
        return false;
    for (size_t i = 0; i < size; i++)
        if (strchr(",\"\r\n", text[i]) != NULL)
            return false;
    return true;
}

void cli_csv_field(FILE *stream, const char *text, size_t size)
{
    if (grid_is_plain(text, size))
        fwrite(text, 1, size, stream);
    else
        csv_fwrite(stream, text, size);
}

void cli_json_string(FILE *stream, const char *text, size_t size)
{
    fputc('"', stream);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\')
            fprintf(stream, "\\%c", text[i]);
        else if ((unsigned char)text[i] < 0x20)
            fprintf(stream, "\\u%04x", (unsigned)text[i]);
        else
            fputc(text[i], stream);
    }
    fputc('"', stream);
}

static void grid_print_csv(const struct cli_grid *grid, FILE *stream)
{
    for (size_t i = 0; i < grid->column_count; i++) {
        cli_csv_field(stream, grid->columns[i].key, strlen(grid->columns[i].key));
        fputc(i + 1 < grid->column_count ? ',' : '\n', stream);
    }
    for (size_t i = 0; i < grid->cell_count; i++) {
        /* "" is null here, and null is an empty field. */
        if (grid->cells[i].exact[0] != '\0')
            cli_csv_field(stream, grid->cells[i].exact, strlen(grid->cells[i].exact));
        fputc((i + 1) % grid->column_count != 0 ? ',' : '\n', stream);
    }
}

static void grid_print_json_cell(const struct grid_column *column, const char *exact, FILE *stream)
{
    cli_json_string(stream, column->key, strlen(column->key));
    fputs(": ", stream);
    if (*exact == '\0')
        fputs("null", stream);
    else if (column->kind != CLI_GRID_TEXT)
        fputs(exact, stream);
    else
        cli_json_string(stream, exact, strlen(exact));
}

static void grid_print_json(const struct cli_grid *grid, bool lines, FILE *stream)
{
    size_t row_count = grid->cell_count / grid->column_count;
    if (!lines)
        fputs("[", stream);
    for (size_t row = 0; row < row_count; row++) {
        if (!lines)
            fputs(row > 0 ? ",\n " : "\n ", stream);
        fputc('{', stream);
        for (size_t i = 0; i < grid->column_count; i++) {
            if (i > 0)
                fputs(", ", stream);
            grid_print_json_cell(&grid->columns[i], grid->cells[row * grid->column_count + i].exact,
                                 stream);
        }
        fputs(lines ? "}\n" : "}", stream);
    }
    if (!lines)
        fputs(row_count > 0 ? "\n]\n" : "]\n", stream);
}

void cli_grid_print(const struct cli_grid *grid, enum cli_format format, FILE *stream)
{
    if (format == CLI_FORMAT_TABLE)
        grid_print_table(grid, stream);
    else if (format == CLI_FORMAT_CSV)
        grid_print_csv(grid, stream);
    else
        grid_print_json(grid, format == CLI_FORMAT_JSONL, stream);
}

int cli_grid_print_tables(struct nanots_db *db, enum cli_format format,
                          void (*begin)(struct cli_grid *grid),
                          int (*add)(struct cli_grid *grid, struct nanots_db *db,
                                     const char *table))
{
    struct nanots_table_list list;
    struct nanots_error error;
    int exit_code = CLI_OK;
    if (nanots_list_tables(db, &list, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    struct cli_grid *grid = cli_grid_new();
    begin(grid);
    for (size_t i = 0; i < list.count && exit_code == CLI_OK; i++)
        exit_code = add(grid, db, list.names[i]);
    if (exit_code == CLI_OK)
        cli_grid_print(grid, format, stdout);
    if (exit_code == CLI_OK && list.count == 0 && format == CLI_FORMAT_TABLE)
        printf("no tables\n");
    cli_grid_free(grid);
    nanots_free(list.block);
    return exit_code;
}

int cli_format_option(const struct cli_args *args, enum cli_format fallback,
                      enum cli_format *format_out)
{
    static const char *const names[] = {[CLI_FORMAT_TABLE] = "table",
                                        [CLI_FORMAT_CSV] = "csv",
                                        [CLI_FORMAT_JSON] = "json",
                                        [CLI_FORMAT_JSONL] = "jsonl"};
    const char *text = cli_option(args, "format");
    *format_out = fallback;
    if (text == NULL)
        return CLI_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *format_out = (enum cli_format)i;
            return CLI_OK;
        }
    }
    return cli_usage("--format is table, csv, json or jsonl, not '%s'", text);
}
