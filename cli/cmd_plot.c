/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_plot.c - nanots plot: a column over time, drawn in the terminal.
 *
 *     seattle.temperature  8,759 rows  min 2.1  mean 11.3  max 24.2
 *      30 |                                  value axis, canvas
 *      20 |             .:''':.
 *      10 |    ..:'''''         ''::..
 *       0 |
 *         +---+-------------+------------
 *          Jan 1          Apr 1              time axis
 *
 * The rows are read once. Each column of dots keeps the first, last, least and greatest value of
 * its span of time, which draws the same picture as all of its rows would.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "axis.h"
#include "canvas.h"
#include "commands.h"
#include "rows.h"
#include "value.h"

#define PLOT_WIDTH_MIN        20
#define PLOT_WIDTH_MAX        1000
#define PLOT_HEIGHT_MIN       3
#define PLOT_HEIGHT_MAX       200
#define PLOT_HEIGHT_PREFERRED 20

struct plot_span {
    bool filled;
    bool gap_before; /* a missing value stands between the span before and this one */
    double first;
    double last;
    double min;
    double max;
};

struct plot {
    const char *table;
    const char *column;
    size_t width;
    size_t height;
    bool unicode;
    enum cli_time_unit unit; /* of the table */
    int64_t first_ts;
    int64_t last_ts;
    struct cli_canvas *canvas;
    struct plot_span *spans; /* one for each column of dots */
    size_t span_count;
    bool gap;
    uint64_t row_count;
    uint64_t value_count;
    double sum;
    double min;
    double max;
    struct cli_axis values;
    struct cli_axis times;
};

/* ---- reading ------------------------------------------------------------------------------ */

/* Time of the first row of a query; false if it has none. */
static int plot_first_ts(struct nanots_db *db, const char *table, const struct nanots_query *query,
                         uint32_t flags, bool *has_rows_out, int64_t *ts_out)
{
    static const char *const no_columns[] = {NULL};
    struct nanots_query first = *query;
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    first.flags |= flags;
    first.limit = 1;
    first.columns = no_columns;
    first.column_count = 0;
    *has_rows_out = false;
    if (nanots_query_open(db, table, &first, &cursor, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    nanots_status status = nanots_query_next(cursor, &batch, &error);
    if (status == NANOTS_OK && batch != NULL) {
        *has_rows_out = true;
        *ts_out = batch->ts[0];
    }
    nanots_query_close(cursor);
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
}

static size_t plot_span_of(const struct plot *plot, int64_t ts)
{
    double length = (double)plot->last_ts - (double)plot->first_ts;
    double at = (double)ts - (double)plot->first_ts;
    if (length <= 0)
        return plot->span_count / 2;
    return (size_t)(at / length * (double)(plot->span_count - 1));
}

static void plot_add(struct plot *plot, int64_t ts, double value)
{
    plot->row_count++;
    if (!isfinite(value)) {
        plot->gap = true;
        return;
    }
    struct plot_span *span = &plot->spans[plot_span_of(plot, ts)];
    if (!span->filled)
        *span = (struct plot_span){true, plot->gap, value, value, value, value};
    span->last = value;
    span->min = fmin(span->min, value);
    span->max = fmax(span->max, value);
    plot->gap = false;
    plot->min = plot->value_count > 0 ? fmin(plot->min, value) : value;
    plot->max = plot->value_count > 0 ? fmax(plot->max, value) : value;
    plot->sum += value;
    plot->value_count++;
}

static int plot_read(struct plot *plot, struct nanots_db *db, const struct nanots_query *query)
{
    struct nanots_query one = *query;
    struct nanots_cursor *cursor = NULL;
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    one.columns = &plot->column;
    one.column_count = 1;
    if (nanots_query_open(db, plot->table, &one, &cursor, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    nanots_status status;
    do {
        status = nanots_query_next(cursor, &batch, &error);
        for (size_t i = 0; status == NANOTS_OK && batch != NULL && i < batch->row_count; i++) {
            const struct nanots_value value = cli_batch_value(batch, 0, i);
            plot_add(plot, batch->ts[i], cli_value_number(&value));
        }
    } while (status == NANOTS_OK && batch != NULL);
    nanots_query_close(cursor);
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
}

/* ---- drawing ------------------------------------------------------------------------------ */

static size_t plot_dot_of(const struct plot *plot, double value)
{
    double rows = (double)cli_canvas_dot_rows(plot->canvas) - 1;
    double share =
        (plot->values.max / 2 - value / 2) / (plot->values.max / 2 - plot->values.min / 2);
    return (size_t)lround(fmin(fmax(share, 0), 1) * rows);
}

static void plot_draw(struct plot *plot)
{
    const struct plot_span *before = NULL;
    size_t before_x = 0;
    for (size_t x = 0; x < plot->span_count; x++) {
        const struct plot_span *span = &plot->spans[x];
        if (!span->filled)
            continue;
        cli_canvas_line(plot->canvas, x, plot_dot_of(plot, span->min), x,
                        plot_dot_of(plot, span->max));
        if (before != NULL && !span->gap_before)
            cli_canvas_line(plot->canvas, before_x, plot_dot_of(plot, before->last), x,
                            plot_dot_of(plot, span->first));
        before = span;
        before_x = x;
    }
}

static size_t plot_label_width(const struct cli_axis *axis)
{
    size_t width = 0;
    for (size_t i = 0; i < axis->tick_count; i++)
        if (strlen(axis->ticks[i].text) > width)
            width = strlen(axis->ticks[i].text);
    return width;
}

/* Label of the tick that lies in a row of the canvas, or NULL. */
static const char *plot_row_label(const struct plot *plot, size_t row)
{
    for (size_t i = 0; i < plot->values.tick_count; i++) {
        size_t dot = plot_dot_of(plot, plot->values.ticks[i].at);
        if (cli_canvas_row_of_dot(plot->canvas, dot) == row)
            return plot->values.ticks[i].text;
    }
    return NULL;
}

static void plot_print_title(const struct plot *plot)
{
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char min[CLI_NUMBER_TEXT_SIZE];
    char mean[CLI_NUMBER_TEXT_SIZE];
    char max[CLI_NUMBER_TEXT_SIZE];
    cli_quantity_print(plot->row_count, "row", rows);
    cli_number_brief(plot->min, min);
    cli_number_brief(plot->sum / (double)plot->value_count, mean);
    cli_number_brief(plot->max, max);
    printf("%s%s.%s%s  %s  min %s  mean %s  max %s\n", cli_style(stdout, CLI_STYLE_BOLD),
           plot->table, plot->column, cli_style(stdout, CLI_STYLE_NONE), rows, min, mean, max);
}

static void plot_print_rows(const struct plot *plot, size_t label_width)
{
    const char *dim = cli_style(stdout, CLI_STYLE_DIM);
    const char *plain = cli_style(stdout, CLI_STYLE_NONE);
    const char *bar = plot->unicode ? "\xE2\x94\x82" : "|";  /* U+2502 */
    const char *tick = plot->unicode ? "\xE2\x94\xA4" : "+"; /* U+2524 */
    for (size_t row = 0; row < plot->height; row++) {
        const char *label = plot_row_label(plot, row);
        printf("%s%*s %s%s%s", dim, (int)label_width, label != NULL ? label : "",
               label != NULL ? tick : bar, plain, cli_style(stdout, CLI_STYLE_CYAN));
        cli_canvas_print_row(plot->canvas, row, stdout);
        printf("%s\n", plain);
    }
}

/* Column of characters that a time lies in. */
static size_t plot_column_of(const struct plot *plot, double at)
{
    double length = plot->times.max - plot->times.min;
    if (length <= 0)
        return plot->width / 2;
    return (size_t)((at - plot->times.min) / length * (double)(plot->width - 1));
}

static void plot_print_time_line(const struct plot *plot, size_t label_width)
{
    printf("%s%*s %s", cli_style(stdout, CLI_STYLE_DIM), (int)label_width, "",
           plot->unicode ? "\xE2\x94\x94" : "+"); /* U+2514 */
    for (size_t column = 0; column < plot->width; column++) {
        bool marked = false;
        for (size_t i = 0; i < plot->times.tick_count; i++)
            marked |= plot_column_of(plot, plot->times.ticks[i].at) == column;
        if (plot->unicode)
            fputs(marked ? "\xE2\x94\xAC" : "\xE2\x94\x80", stdout); /* U+252C, U+2500 */
        else
            fputc(marked ? '+' : '-', stdout);
    }
    printf("%s\n", cli_style(stdout, CLI_STYLE_NONE));
}

/* Labels are centred below their ticks, and left out where they would touch. */
static void plot_print_time_labels(const struct plot *plot, size_t label_width)
{
    size_t used = 0;
    size_t indent = label_width + 2;
    fputs(cli_style(stdout, CLI_STYLE_DIM), stdout);
    for (size_t i = 0; i < plot->times.tick_count; i++) {
        const char *text = plot->times.ticks[i].text;
        size_t length = strlen(text);
        size_t centre = indent + plot_column_of(plot, plot->times.ticks[i].at);
        size_t begin = centre > length / 2 ? centre - length / 2 : 0;
        if ((used > 0 && begin < used + 2) || begin + length > indent + plot->width)
            continue;
        printf("%*s%s", (int)(begin - used), "", text);
        used = begin + length;
    }
    printf("%s\n", cli_style(stdout, CLI_STYLE_NONE));
}

static void plot_print_range(const struct plot *plot)
{
    char first[CLI_TIME_TEXT_SIZE];
    char last[CLI_TIME_TEXT_SIZE];
    enum cli_time_style style = cli_time_style_for(plot->first_ts, plot->unit);
    if (cli_time_style_for(plot->last_ts, plot->unit) > style)
        style = cli_time_style_for(plot->last_ts, plot->unit);
    cli_time_print(plot->first_ts, plot->unit, style, first);
    cli_time_print(plot->last_ts, plot->unit, style, last);
    printf("%s%s to %s%s\n", cli_style(stdout, CLI_STYLE_DIM), first, last,
           cli_style(stdout, CLI_STYLE_NONE));
}

static int plot_print(struct plot *plot)
{
    if (plot->value_count == 0)
        return cli_fail("column '%s' of table '%s' holds no numbers in this range", plot->column,
                        plot->table);
    size_t label_width = plot_label_width(&plot->values);
    plot_draw(plot);
    plot_print_title(plot);
    plot_print_rows(plot, label_width);
    plot_print_time_line(plot, label_width);
    plot_print_time_labels(plot, label_width);
    plot_print_range(plot);
    return CLI_OK;
}

/* ---- the command -------------------------------------------------------------------------- */

/* The labels beside the canvas are as wide as the values need, which only reading them tells; so
 * the canvas takes a width that leaves room for ordinary ones. */
#define PLOT_LABEL_ROOM 10

static int plot_range(struct plot *plot, struct nanots_db *db, const struct nanots_query *query)
{
    bool has_rows = false;
    int exit_code = plot_first_ts(db, plot->table, query, 0, &has_rows, &plot->first_ts);
    if (exit_code == CLI_OK && has_rows)
        exit_code =
            plot_first_ts(db, plot->table, query, NANOTS_QUERY_REVERSE, &has_rows, &plot->last_ts);
    if (exit_code == CLI_OK && !has_rows)
        exit_code = cli_fail("table '%s' has no rows in this range", plot->table);
    return exit_code;
}

static int plot_column(const struct plot *settings, struct nanots_db *db,
                       const struct nanots_query *query, const char *column)
{
    struct plot *plot = cli_alloc(1, sizeof(*plot));
    *plot = *settings;
    plot->column = column;
    plot->canvas = cli_canvas_new(plot->width, plot->height, plot->unicode);
    plot->span_count = cli_canvas_dot_columns(plot->canvas);
    plot->spans = cli_alloc(plot->span_count, sizeof(*plot->spans));
    int exit_code = plot_range(plot, db, query);
    if (exit_code == CLI_OK)
        exit_code = plot_read(plot, db, query);
    if (exit_code == CLI_OK) {
        cli_axis_of_values(&plot->values, plot->min, plot->max, plot->height / 4 + 1);
        const double ticks_per_ms = (double)cli_ticks_per_second(plot->unit) / 1e3;
        cli_axis_of_times(&plot->times, (double)plot->first_ts / ticks_per_ms,
                          (double)plot->last_ts / ticks_per_ms, plot->width / 12 + 1);
        exit_code = plot_print(plot);
    }
    cli_free(plot->spans);
    cli_canvas_free(plot->canvas);
    cli_free(plot);
    return exit_code;
}

static bool plot_is_numeric(const struct nanots_column *column)
{
    return column->type != NANOTS_TYPE_UTF8;
}

/* The columns named must hold numbers; one that is not there is left to the query to refuse. */
static int plot_check_columns(const struct plot *settings, const struct nanots_schema *schema,
                              char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < schema->column_count; j++)
            if (strcmp(schema->columns[j].name, names[i]) == 0 &&
                !plot_is_numeric(&schema->columns[j]))
                return cli_fail("column '%s' of table '%s' is text (utf8); only numbers and "
                                "booleans can be plotted",
                                names[i], settings->table);
    return CLI_OK;
}

static int plot_named(const struct cli_args *args, struct nanots_db *db,
                      const struct nanots_query *query, const struct plot *settings,
                      const struct nanots_schema *schema)
{
    size_t count = 0;
    char **names = cli_split(cli_option(args, "columns"), &count);
    int exit_code = plot_check_columns(settings, schema, names, count);
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        if (i > 0)
            printf("\n");
        exit_code = plot_column(settings, db, query, names[i]);
    }
    cli_free(names);
    return exit_code;
}

static int plot_first(struct nanots_db *db, const struct nanots_query *query,
                      const struct plot *settings, const struct nanots_schema *schema)
{
    for (size_t i = 0; i < schema->column_count; i++)
        if (plot_is_numeric(&schema->columns[i]))
            return plot_column(settings, db, query, schema->columns[i].name);
    return cli_fail("table '%s' has no column of numbers to plot", settings->table);
}

static int plot_columns(const struct cli_args *args, struct nanots_db *db,
                        struct nanots_query *query, struct plot *settings)
{
    struct nanots_schema schema;
    struct nanots_error error;
    if (nanots_table_schema(db, settings->table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    settings->unit = cli_unit_of_table(schema.unit);
    int exit_code = cli_range_options(args, settings->unit, query);
    if (exit_code == CLI_OK)
        exit_code = cli_option(args, "columns") != NULL
                        ? plot_named(args, db, query, settings, &schema)
                        : plot_first(db, query, settings, &schema);
    nanots_free(schema.block);
    return exit_code;
}

static int plot_size(const struct cli_args *args, struct plot *settings)
{
    size_t columns;
    size_t lines;
    cli_terminal_size(&columns, &lines);
    uint64_t width = columns > PLOT_LABEL_ROOM ? columns - PLOT_LABEL_ROOM : 0;
    uint64_t height = PLOT_HEIGHT_PREFERRED;
    if (lines < PLOT_HEIGHT_PREFERRED + 6)
        height = lines > 9 ? lines - 6 : PLOT_HEIGHT_MIN;
    if (width < PLOT_WIDTH_MIN)
        width = PLOT_WIDTH_MIN;
    int exit_code = cli_option_count(args, "width", &width);
    if (exit_code == CLI_OK)
        exit_code = cli_option_count(args, "height", &height);
    if (exit_code != CLI_OK)
        return exit_code;
    if (width < PLOT_WIDTH_MIN || width > PLOT_WIDTH_MAX)
        return cli_usage("--width is from %d to %d", PLOT_WIDTH_MIN, PLOT_WIDTH_MAX);
    if (height < PLOT_HEIGHT_MIN || height > PLOT_HEIGHT_MAX)
        return cli_usage("--height is from %d to %d", PLOT_HEIGHT_MIN, PLOT_HEIGHT_MAX);
    settings->width = (size_t)width;
    settings->height = (size_t)height;
    return CLI_OK;
}

static int plot_run(const struct cli_args *args)
{
    struct nanots_query query = {.struct_size = sizeof(query)};
    struct plot *settings = cli_alloc(1, sizeof(*settings));
    settings->table = args->operands[1];
    settings->unicode = cli_has_utf8() && cli_option(args, "ascii") == NULL;
    int exit_code = plot_size(args, settings);
    if (exit_code == CLI_OK) {
        struct nanots_db *db = cli_open_read(args->operands[0]);
        exit_code = CLI_FAILURE;
        if (db != NULL)
            exit_code = cli_close(db, plot_columns(args, db, &query, settings));
    }
    cli_free(settings);
    return exit_code;
}

static const struct cli_option plot_option_table[] = {
    {'c', "columns", "A,B",
     "what to plot, one below the other; the first column\n"
     "of numbers unless given"},
    {'f', "from", "TIME", "from TIME on"},
    {'t', "to", "TIME", "up to TIME; a day or month counts as a whole"},
    {'w', "width", "N", "characters across, labels not counted"},
    {'H', "height", "N", "lines down, labels not counted"},
    {0, "ascii", NULL, "draw with ' . : even if the terminal has braille"},
    {0, "unit", "UNIT", "what a plain number is as a TIME: s, ms, us or ns"},
};

const struct cli_command cli_command_plot = {
    .name = "plot",
    .summary = "Draw a column over time in the terminal",
    .operands = "DB TABLE",
    .operands_min = 2,
    .operands_max = 2,
    .options = plot_option_table,
    .option_count = sizeof(plot_option_table) / sizeof(plot_option_table[0]),
    .notes =
        "A TIME is as in nanots help query. Braille needs a locale of UTF-8; others get ASCII.\n",
    .run = plot_run,
};
