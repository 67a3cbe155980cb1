/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/rowview.c - the aligned table of a query's first and last rows.
 *
 *     rows seen   0 ... 19 | 20 ... 39 | 40 ...................... n-20 ... n-1
 *     head        [======================]
 *     tail (ring)                                                  [==========]
 *
 * Null is NULL; text is cut behind 64 characters, and its control characters are shown: \n, ^[.
 *
 * Up to 40 rows are shown whole, from `head`; of more, the first 20 of `head` and those of `tail`.
 */
#include "rowview.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "value.h"

#define VIEW_TAIL             20
#define VIEW_HEAD             (2 * VIEW_TAIL)
#define VIEW_DECIMALS_EXACT   9 /* a column of at most so many decimals is shown as it is */
#define VIEW_DECIMALS_ROUNDED 6 /* any other is rounded to these */

#define VIEW_TEXT_MAX 64 /* characters of a text that are shown */
#define VIEW_NULL     "NULL"

struct view_cell {
    struct nanots_value value; /* of text only the type: it outlives its batch in `text` */
    char *text;                /* as shown; NULL where it is no text */
};

struct view_row {
    int64_t ts;
    struct view_cell *cells;
};

struct cli_row_view {
    const struct cli_row_options *options;
    const char *const *names;
    size_t column_count;
    nanots_type *types; /* of the columns, as the batches have them; NANOTS_TYPE_NULL before */
    struct view_row *head;
    size_t head_count;
    size_t head_count_max;
    struct view_row tail[VIEW_TAIL];
    uint64_t row_count;
};

struct cli_row_view *cli_row_view_new(const struct cli_row_options *options,
                                      const char *const *names, size_t column_count)
{
    struct cli_row_view *view = cli_alloc(1, sizeof(*view));
    view->options = options;
    view->names = names;
    view->column_count = column_count;
    view->types = cli_alloc(column_count, sizeof(*view->types));
    return view;
}

static void view_free_row(const struct cli_row_view *view, struct view_row *row)
{
    for (size_t i = 0; row->cells != NULL && i < view->column_count; i++)
        cli_free(row->cells[i].text);
    cli_free(row->cells);
}

void cli_row_view_free(struct cli_row_view *view)
{
    for (size_t i = 0; i < view->head_count; i++)
        view_free_row(view, &view->head[i]);
    for (size_t i = 0; i < VIEW_TAIL; i++)
        view_free_row(view, &view->tail[i]);
    cli_free(view->types);
    cli_free(view->head);
    cli_free(view);
}

/* Characters, not bytes, of text in UTF-8. */
static bool view_begins_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

/* A text on one line of bounded width. */
static char *view_show_text(const char *text, size_t size)
{
    size_t length = size;
    size_t characters = 0;
    for (size_t i = 0; i < length; i++)
        if (view_begins_character(text[i]) && ++characters > VIEW_TEXT_MAX)
            length = i;
    char *shown = cli_alloc(length * 2 + sizeof("..."), 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        const char byte = text[i];
        const bool is_control = (unsigned char)byte < 0x20 || byte == 0x7F;
        if (byte == '\n' || byte == '\r' || byte == '\t')
            shown[used++] = '\\';
        else if (is_control)
            shown[used++] = '^';
        shown[used++] = (char)(byte == '\n'   ? 'n'
                               : byte == '\r' ? 'r'
                               : byte == '\t' ? 't'
                               : is_control   ? byte ^ 0x40
                                              : byte);
    }
    if (length < size)
        memcpy(shown + used, "...", sizeof("..."));
    return shown;
}

static void view_keep(const struct cli_row_view *view, struct view_row *row,
                      const struct nanots_batch *batch, size_t index)
{
    if (row->cells == NULL)
        row->cells = cli_alloc(view->column_count, sizeof(*row->cells));
    row->ts = batch->ts[index];
    for (size_t i = 0; i < batch->column_count; i++) {
        struct view_cell *cell = &row->cells[i];
        cli_free(cell->text);
        cell->text = NULL;
        cell->value = cli_batch_value(batch, i, index);
        if (cell->value.type == NANOTS_TYPE_UTF8)
            cell->text = view_show_text(cell->value.as.utf8.data, cell->value.as.utf8.size);
    }
}

static void view_keep_head(struct cli_row_view *view, const struct nanots_batch *batch,
                           size_t index)
{
    if (view->head_count == view->head_count_max) {
        view->head_count_max = view->head_count_max * 2 + VIEW_HEAD;
        view->head = cli_resize(view->head, view->head_count_max, sizeof(*view->head));
    }
    memset(&view->head[view->head_count], 0, sizeof(*view->head));
    view_keep(view, &view->head[view->head_count++], batch, index);
}

void cli_row_view_add(struct cli_row_view *view, const struct nanots_batch *batch, size_t first,
                      size_t end)
{
    bool all = view->options->all;
    size_t tail_begin = end - first > VIEW_TAIL ? end - VIEW_TAIL : first;
    for (size_t i = 0; i < batch->column_count; i++)
        view->types[i] = batch->columns[i].type;
    for (size_t i = first; i < end && (all || view->head_count < VIEW_HEAD); i++)
        view_keep_head(view, batch, i);
    for (size_t i = tail_begin; i < end && !all; i++)
        view_keep(view, &view->tail[(view->row_count + i - first) % VIEW_TAIL], batch, i);
    view->row_count += end - first;
}

/* ---- layout ------------------------------------------------------------------------------- */

static bool view_is_elided(const struct cli_row_view *view)
{
    return view->row_count > view->head_count;
}

static size_t view_shown_count(const struct cli_row_view *view)
{
    return view_is_elided(view) ? VIEW_HEAD : view->head_count;
}

static const struct view_row *view_shown_row(const struct cli_row_view *view, size_t index)
{
    if (!view_is_elided(view) || index < VIEW_TAIL)
        return &view->head[index];
    return &view->tail[(view->row_count - VIEW_HEAD + index) % VIEW_TAIL];
}

static enum cli_time_style view_time_style(const struct cli_row_view *view)
{
    enum cli_time_style style = CLI_STYLE_DATE;
    for (size_t i = 0; i < view_shown_count(view); i++) {
        enum cli_time_style needed =
            cli_time_style_for(view_shown_row(view, i)->ts, view->options->unit);
        if (needed > style)
            style = needed;
    }
    return style;
}

/* Decimals that line up the points of a column; -1 if only its shortest texts will do. */
static int view_decimals(const struct cli_row_view *view, size_t column)
{
    int decimals = 0;
    double largest = 0;
    bool exponents = false;
    for (size_t i = 0; i < view_shown_count(view); i++) {
        double value = cli_value_number(&view_shown_row(view, i)->cells[column].value);
        if (!isfinite(value))
            continue;
        int needed = cli_number_decimals(value);
        exponents |= needed < 0;
        if (needed > decimals)
            decimals = needed;
        if (fabs(value) > largest)
            largest = fabs(value);
    }
    if (!exponents && decimals <= VIEW_DECIMALS_EXACT)
        return decimals;
    return largest >= 1e-2 && largest < 1e9 ? VIEW_DECIMALS_ROUNDED : -1;
}

/* The text of a cell, in `text` unless it is one of its own. */
static const char *view_cell_text(const struct view_cell *cell, int decimals,
                                  char text[CLI_NUMBER_TEXT_SIZE])
{
    const bool is_float =
        cell->value.type == NANOTS_TYPE_F64 || cell->value.type == NANOTS_TYPE_F32;
    const double number = cli_value_number(&cell->value);
    if (cell->value.type == NANOTS_TYPE_NULL)
        return VIEW_NULL;
    if (cell->text != NULL)
        return cell->text;
    if (is_float && decimals >= 0 && isfinite(number))
        snprintf(text, CLI_NUMBER_TEXT_SIZE, "%.*f", decimals, number);
    else
        cli_value_print(&cell->value, text);
    return text;
}

static size_t view_text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += view_begins_character(*text);
    return width;
}

static size_t view_column_width(const struct cli_row_view *view, size_t column)
{
    char text[CLI_NUMBER_TEXT_SIZE];
    int decimals = view_decimals(view, column);
    size_t width = view_text_width(view->names[column]);
    for (size_t i = 0; i < view_shown_count(view); i++) {
        const struct view_cell *cell = &view_shown_row(view, i)->cells[column];
        const size_t needed = view_text_width(view_cell_text(cell, decimals, text));
        if (needed > width)
            width = needed;
    }
    return width;
}

/* How many columns fit beside the times; at least one. */
static size_t view_fitting_columns(const struct cli_row_view *view, size_t time_width)
{
    const struct cli_row_options *options = view->options;
    size_t used = time_width;
    size_t count = 0;
    if (options->width == 0)
        return view->column_count;
    while (count < view->column_count) {
        used += 2 + view_column_width(view, count);
        if (used > options->width && count > 0)
            break;
        count++;
    }
    return count;
}

/* ---- printing ----------------------------------------------------------------------------- */

static void view_fill_row(const struct cli_row_view *view, struct cli_grid *grid,
                          const struct view_row *row, enum cli_time_style style,
                          const int *decimals, size_t column_count)
{
    char time_text[CLI_TIME_TEXT_SIZE];
    char text[CLI_NUMBER_TEXT_SIZE];
    if (view->options->iso)
        cli_time_print(row->ts, view->options->unit, style, time_text);
    else
        snprintf(time_text, sizeof(time_text), "%" PRId64, row->ts);
    cli_grid_cell(grid, time_text, time_text);
    for (size_t i = 0; i < column_count; i++) {
        const char *shown = view_cell_text(&row->cells[i], decimals[i], text);
        cli_grid_cell(grid, shown, shown);
    }
}

static void view_print_footer(const struct cli_row_view *view, size_t column_count, FILE *stream)
{
    char rows[CLI_QUANTITY_TEXT_SIZE];
    cli_quantity_print(view->row_count, "row", rows);
    fprintf(stream, "%s%s", cli_style(stream, CLI_STYLE_DIM), rows);
    if (view_is_elided(view))
        fprintf(stream, ", the first and last %d shown; --all shows every one", VIEW_TAIL);
    if (column_count < view->column_count) {
        fprintf(stream, "%s\n%s%zu of %zu columns fit; --columns picks others:",
                cli_style(stream, CLI_STYLE_NONE), cli_style(stream, CLI_STYLE_DIM), column_count,
                view->column_count);
        for (size_t i = column_count; i < view->column_count; i++)
            fprintf(stream, "%s %s", i > column_count ? "," : "", view->names[i]);
    }
    fprintf(stream, "%s\n", cli_style(stream, CLI_STYLE_NONE));
}

void cli_row_view_print(const struct cli_row_view *view, FILE *stream)
{
    const struct cli_row_options *options = view->options;
    struct cli_grid *grid = cli_grid_new();
    enum cli_time_style style = view_time_style(view);
    char text[CLI_TIME_TEXT_SIZE] = "";
    if (options->iso && view->row_count > 0)
        cli_time_print(view_shown_row(view, 0)->ts, options->unit, style, text);
    size_t column_count = view_fitting_columns(view, strlen(text));
    int *decimals = cli_alloc(column_count, sizeof(int));

    cli_grid_column(grid, options->iso ? "time" : cli_ts_name(options->unit), "time",
                    options->iso ? CLI_GRID_TEXT : CLI_GRID_NUMBER);
    for (size_t i = 0; i < column_count; i++) {
        cli_grid_column(grid, view->names[i], view->names[i],
                        view->types[i] == NANOTS_TYPE_UTF8 ? CLI_GRID_TEXT : CLI_GRID_NUMBER);
        decimals[i] = view_decimals(view, i);
    }
    for (size_t i = 0; i < view_shown_count(view); i++) {
        if (i == VIEW_TAIL && view_is_elided(view))
            for (size_t j = 0; j <= column_count; j++)
                cli_grid_cell(grid, "...", "");
        view_fill_row(view, grid, view_shown_row(view, i), style, decimals, column_count);
    }
    cli_grid_print(grid, CLI_FORMAT_TABLE, stream);
    view_print_footer(view, column_count, stream);
    cli_free(decimals);
    cli_grid_free(grid);
}
