/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/cmd_tail.c - nanots tail: the last rows of a table, and the new ones as they come.
 *
 *   look:   old snapshot  1 2 3 3 5        rows arrive in any order of time and have no number to
 *           new snapshot  1 2 3 3 3 5 6    be asked for: what is new is what the new snapshot has
 *                                 ^   ^    more of. Of equal times the first are the old ones.
 *
 * Mostly all that came lies behind the last row, and the numbers of rows prove it: then nothing
 * before it is read. Else both snapshots are walked side by side, the old one by its times alone.
 *
 * Where a later row replaces one of equal time, the number of rows says nothing of that: the walk
 * compares values then, unless all rows of the file since are behind the last one.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "humantime.h"
#include "rows.h"
#include "value.h"

#define TAIL_ROWS_MAX     10000000u
#define TAIL_COLUMN_WIDTH 14
#define TAIL_TIME_WIDTH   23

struct tail {
    struct nanots_db *db;
    const char *table;
    struct nanots_query query;      /* columns */
    struct cli_row_options options; /* of the writer */
    bool aligned;                   /* the table format: lines of our own, since it never ends */
    char **names;
    size_t column_count;
    struct cli_row_writer *writer; /* NULL if aligned */
    bool replaces;                 /* of rows of equal time the last is shown */
    /* The snapshot whose rows are printed. */
    uint64_t row_count;
    int64_t first_ts;
    int64_t last_ts;
    uint64_t last_count; /* rows of last_ts */
    uint64_t generation;
    uint64_t last_seq; /* of all tables */
};

static volatile sig_atomic_t tail_stopped = 0;

static void tail_on_signal(int number)
{
    (void)number;
    tail_stopped = 1;
}

static void tail_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = tail_on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- output ------------------------------------------------------------------------------- */

/* One line a row: control characters would break it. */
static void tail_print_text(const struct nanots_value *value)
{
    const int size = value->as.utf8.size < INT32_MAX ? (int)value->as.utf8.size : INT32_MAX;
    printf("  %*s", size < TAIL_COLUMN_WIDTH ? TAIL_COLUMN_WIDTH - size : 0, "");
    for (int i = 0; i < size; i++) {
        const char byte = value->as.utf8.data[i];
        putchar((unsigned char)byte < 0x20 || byte == 0x7F ? '?' : byte);
    }
}

static void tail_print_value(const struct nanots_value *value)
{
    char text[CLI_NUMBER_TEXT_SIZE] = "NULL";
    if (value->type == NANOTS_TYPE_UTF8) {
        tail_print_text(value);
        return;
    }
    if (value->type == NANOTS_TYPE_F64 || value->type == NANOTS_TYPE_F32)
        cli_number_brief(cli_value_number(value), text);
    else if (value->type != NANOTS_TYPE_NULL)
        cli_value_print(value, text);
    printf("  %*s", TAIL_COLUMN_WIDTH, text);
}

/* Lines of our own: the aligned table wants all rows before it prints one. */
static void tail_print_aligned(const struct tail *tail, const struct nanots_batch *batch,
                               size_t first, size_t end)
{
    char text[CLI_TIME_TEXT_SIZE];
    const enum cli_time_unit unit = tail->options.unit;
    const enum cli_time_style style =
        (enum cli_time_style)((int)CLI_STYLE_SECONDS + ((int)unit - (int)CLI_UNIT_S));
    for (size_t row = first; row < end; row++) {
        cli_time_print(batch->ts[row], unit, style, text);
        printf("%-*s", TAIL_TIME_WIDTH, text);
        for (size_t i = 0; i < tail->column_count; i++) {
            const struct nanots_value value = cli_batch_value(batch, i, row);
            tail_print_value(&value);
        }
        putchar('\n');
    }
}

static void tail_print_header(const struct tail *tail)
{
    printf("%s%-*s", cli_style(stdout, CLI_STYLE_BOLD), TAIL_TIME_WIDTH, "time");
    for (size_t i = 0; i < tail->column_count; i++)
        printf("  %*s", TAIL_COLUMN_WIDTH, tail->names[i]);
    printf("%s\n", cli_style(stdout, CLI_STYLE_NONE));
}

/* The rows [first, end) of a batch. */
static void tail_print(const struct tail *tail, const struct nanots_batch *batch, size_t first,
                       size_t end)
{
    if (tail->aligned)
        tail_print_aligned(tail, batch, first, end);
    else
        cli_row_writer_add(tail->writer, batch, first, end);
}

static void tail_flush(const struct tail *tail)
{
    if (tail->writer != NULL)
        cli_row_writer_flush(tail->writer);
    fflush(stdout);
}

/* ---- snapshots ---------------------------------------------------------------------------- */

/* A cursor with a place in its batch. */
struct tail_walk {
    struct nanots_cursor *cursor;
    const struct nanots_batch *batch;
    size_t row;
};

static int tail_walk_begin(const struct tail *tail, const struct nanots_query *query,
                           struct tail_walk *walk)
{
    struct nanots_error error;
    memset(walk, 0, sizeof(*walk));
    if (nanots_query_open(tail->db, tail->table, query, &walk->cursor, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    return CLI_OK;
}

/* Makes sure that there is a row; walk->batch is NULL at the end. */
static int tail_walk_fill(struct tail_walk *walk)
{
    struct nanots_error error;
    if (walk->batch != NULL && walk->row < walk->batch->row_count)
        return CLI_OK;
    walk->row = 0;
    if (nanots_query_next(walk->cursor, &walk->batch, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    return CLI_OK;
}

/* Rows from `from` on. */
static int tail_count_from(const struct tail *tail, int64_t from, uint64_t *count_out)
{
    static const char *const none[1] = {NULL};
    const struct nanots_query query = {
        .struct_size = sizeof(query), .flags = NANOTS_QUERY_FROM, .from = from, .columns = none};
    struct tail_walk walk;
    *count_out = 0;
    int exit_code = tail_walk_begin(tail, &query, &walk);
    while (exit_code == CLI_OK && (exit_code = tail_walk_fill(&walk)) == CLI_OK &&
           walk.batch != NULL) {
        *count_out += walk.batch->row_count;
        walk.row = walk.batch->row_count;
    }
    nanots_query_close(walk.cursor);
    return exit_code;
}

/* Notes what the handle shows now as printed. */
static int tail_note(struct tail *tail)
{
    struct nanots_diagnosis diagnosis = {.struct_size = sizeof(diagnosis)};
    struct nanots_error error;
    int has_rows = 0;
    if (nanots_row_count(tail->db, tail->table, &tail->row_count, &error) != NANOTS_OK ||
        nanots_time_range(tail->db, tail->table, &has_rows, &tail->first_ts, &tail->last_ts,
                          &error) != NANOTS_OK ||
        nanots_diagnose(tail->db, &diagnosis, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    tail->generation = diagnosis.generation;
    tail->last_seq = diagnosis.last_seq;
    tail->last_count = 0;
    if (has_rows == 0)
        tail->first_ts = tail->last_ts = INT64_MIN;
    return has_rows == 0 ? CLI_OK : tail_count_from(tail, tail->last_ts, &tail->last_count);
}

/* ---- rows from a time on ------------------------------------------------------------------ */

/* All rows from `from` on, but for the first `skip`. */
static int tail_print_from(const struct tail *tail, int64_t from, uint64_t skip)
{
    struct nanots_query query = tail->query;
    struct tail_walk walk;
    query.flags = NANOTS_QUERY_FROM;
    query.from = from;
    int exit_code = tail_walk_begin(tail, &query, &walk);
    while (exit_code == CLI_OK && !cli_output_broken(stdout) &&
           (exit_code = tail_walk_fill(&walk)) == CLI_OK && walk.batch != NULL) {
        const size_t rows = walk.batch->row_count;
        const size_t skipped = skip < rows ? (size_t)skip : rows;
        tail_print(tail, walk.batch, skipped, rows);
        skip -= skipped;
        walk.row = rows;
    }
    nanots_query_close(walk.cursor);
    return exit_code;
}

/* The times alone, newest first, tell where the last rows begin. */
static int tail_print_last(const struct tail *tail, uint64_t count)
{
    static const char *const none[1] = {NULL};
    const struct nanots_query query = {.struct_size = sizeof(query),
                                       .flags = NANOTS_QUERY_REVERSE,
                                       .columns = none,
                                       .limit = count};
    struct tail_walk walk;
    int64_t from = INT64_MAX;
    uint64_t found = 0;
    uint64_t behind = 0;
    if (count == 0)
        return CLI_OK;
    int exit_code = tail_walk_begin(tail, &query, &walk);
    while (exit_code == CLI_OK && (exit_code = tail_walk_fill(&walk)) == CLI_OK &&
           walk.batch != NULL) {
        walk.row = walk.batch->row_count;
        from = walk.batch->ts[walk.row - 1];
        found += walk.row;
    }
    nanots_query_close(walk.cursor);
    if (exit_code == CLI_OK)
        exit_code = tail_count_from(tail, from, &behind);
    return exit_code == CLI_OK ? tail_print_from(tail, from, behind - found) : exit_code;
}

/* ---- new rows ----------------------------------------------------------------------------- */

/* All rows behind the last printed one. */
static int tail_print_behind(const struct tail *tail)
{
    const bool any = tail->last_count != 0;
    return tail_print_from(tail, any ? tail->last_ts : INT64_MIN, tail->last_count);
}

/* Whether the row at the new walk's place is another one than that of the same time at the old. */
static bool tail_is_replaced(const struct tail *tail, const struct tail_walk *old,
                             const struct tail_walk *now)
{
    for (size_t i = 0; tail->replaces && i < tail->column_count; i++) {
        const struct nanots_value before = cli_batch_value(old->batch, i, old->row);
        const struct nanots_value value = cli_batch_value(now->batch, i, now->row);
        if (!cli_values_equal(&before, &value))
            return true;
    }
    return false;
}

/* Of each time, the rows that the new snapshot has more than the old one, which may have lost some
 * to retention, and those that replaced others. */
static int tail_print_difference(const struct tail *tail, struct tail_walk *old)
{
    struct tail_walk now;
    int exit_code = tail_walk_begin(tail, &tail->query, &now);
    while (exit_code == CLI_OK && !cli_output_broken(stdout) &&
           (exit_code = tail_walk_fill(&now)) == CLI_OK && now.batch != NULL) {
        const int64_t ts = now.batch->ts[now.row];
        exit_code = tail_walk_fill(old);
        while (exit_code == CLI_OK && old->batch != NULL && old->batch->ts[old->row] < ts) {
            old->row++;
            exit_code = tail_walk_fill(old);
        }
        if (exit_code != CLI_OK)
            break;
        const bool is_old = old->batch != NULL && old->batch->ts[old->row] == ts;
        if (!is_old || tail_is_replaced(tail, old, &now))
            tail_print(tail, now.batch, now.row, now.row + 1);
        old->row += is_old;
        now.row++;
    }
    nanots_query_close(now.cursor);
    return exit_code;
}

/* Whether all that is new lies behind the last printed row: the numbers of rows agree, and nothing
 * was removed that could make up for a row that is new elsewhere. */
static int tail_is_all_behind(const struct tail *tail, bool *all_behind_out)
{
    struct tail now = *tail;
    uint64_t behind = 0;
    *all_behind_out = false;
    int exit_code = tail_note(&now);
    if (exit_code != CLI_OK || (now.generation != tail->generation &&
                                now.first_ts != tail->first_ts && tail->row_count != 0))
        return exit_code;
    if (tail->last_count == 0)
        behind = now.row_count;
    else
        exit_code = tail_count_from(tail, tail->last_ts, &behind);
    *all_behind_out =
        behind >= tail->last_count &&
        now.row_count == tail->row_count + (behind - tail->last_count) &&
        (!tail->replaces || now.last_seq - tail->last_seq == behind - tail->last_count);
    return exit_code;
}

static int tail_refresh(const struct tail *tail, bool *changed_out)
{
    struct nanots_error error;
    int changed = 0;
    const nanots_status status = nanots_refresh(tail->db, &changed, &error);
    *changed_out = changed != 0;
    /* A writer that commits faster than one can look: the next look is soon. */
    return status == NANOTS_OK || status == NANOTS_BUSY ? CLI_OK : cli_fail_status(&error);
}

static int tail_look(struct tail *tail)
{
    static const char *const none[1] = {NULL};
    const struct nanots_query times = {.struct_size = sizeof(times), .columns = none};
    struct tail_walk old;
    bool changed = false;
    bool all_behind = false;
    int exit_code = tail_walk_begin(tail, tail->replaces ? &tail->query : &times, &old);
    if (exit_code == CLI_OK)
        exit_code = tail_refresh(tail, &changed);
    if (exit_code == CLI_OK && changed)
        exit_code = tail_is_all_behind(tail, &all_behind);
    if (exit_code == CLI_OK && changed)
        exit_code = all_behind ? tail_print_behind(tail) : tail_print_difference(tail, &old);
    if (exit_code == CLI_OK && changed)
        exit_code = tail_note(tail);
    nanots_query_close(old.cursor);
    return exit_code;
}

/* Waits; false if nobody reads the output any more. */
static bool tail_wait(int64_t interval_ms)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = 0};
    const int found = poll(&output, 1, interval_ms < INT32_MAX ? (int)interval_ms : INT32_MAX);
    return found <= 0 || (output.revents & (POLLERR | POLLNVAL)) == 0;
}

static int tail_follow(struct tail *tail, int64_t interval_ms)
{
    int exit_code = CLI_OK;
    tail_flush(tail);
    while (exit_code == CLI_OK && tail_stopped == 0 && !cli_output_broken(stdout) &&
           tail_wait(interval_ms)) {
        if (tail_stopped == 0)
            exit_code = tail_look(tail);
        tail_flush(tail);
    }
    return exit_code;
}

/* ---- the command -------------------------------------------------------------------------- */

static int tail_find_rule(struct tail *tail)
{
    struct nanots_schema schema;
    struct nanots_error error;
    if (nanots_table_schema(tail->db, tail->table, &schema, &error) != NANOTS_OK)
        return cli_fail_status(&error);
    tail->replaces = schema.duplicates == NANOTS_DUPLICATES_KEEP_LAST;
    nanots_free(schema.block);
    return CLI_OK;
}

static int tail_begin(struct tail *tail, const char *path, bool follow)
{
    tail->db = cli_open_read(path);
    if (tail->db == NULL)
        return CLI_FAILURE;
    tail->names = cli_query_names(tail->db, tail->table, &tail->query, &tail->column_count);
    if (tail->names == NULL ||
        cli_table_unit(tail->db, tail->table, &tail->options.unit) != CLI_OK ||
        tail_find_rule(tail) != CLI_OK)
        return CLI_FAILURE;
    tail->aligned = follow && tail->options.format == CLI_FORMAT_TABLE;
    if (follow && tail->options.format == CLI_FORMAT_JSON)
        tail->options.format = CLI_FORMAT_JSONL;
    int exit_code = tail_note(tail);
    if (exit_code == CLI_OK && tail->aligned)
        tail_print_header(tail);
    else if (exit_code == CLI_OK)
        tail->writer = cli_row_writer_new(&tail->options, tail->names, tail->column_count, stdout);
    return exit_code;
}

static int tail_end(struct tail *tail, int exit_code)
{
    if (tail->writer != NULL)
        cli_row_writer_finish(tail->writer);
    else
        cli_free(tail->names);
    return tail->db == NULL ? exit_code : cli_close(tail->db, exit_code);
}

static int tail_options(const struct cli_args *args, struct tail *tail, uint64_t *rows,
                        int64_t *interval_ms)
{
    enum cli_format fallback = cli_is_terminal(stdout) ? CLI_FORMAT_TABLE : CLI_FORMAT_CSV;
    int exit_code = cli_format_option(args, fallback, &tail->options.format);
    if (exit_code == CLI_OK)
        exit_code = cli_option_count(args, "rows", rows);
    if (exit_code == CLI_OK && *rows > TAIL_ROWS_MAX)
        exit_code =
            cli_usage("--rows is at most %u; nanots query prints any number", TAIL_ROWS_MAX);
    if (exit_code == CLI_OK)
        exit_code = cli_duration_option(args, "interval", interval_ms);
    tail->options.iso = cli_option(args, "iso") != NULL || tail->options.format == CLI_FORMAT_TABLE;
    tail->options.all = true;
    return exit_code;
}

static int tail_run(const struct cli_args *args)
{
    struct tail tail = {.table = args->operands[1], .query = {.struct_size = sizeof(tail.query)}};
    const bool follow = cli_option(args, "follow") != NULL;
    char **columns = NULL;
    uint64_t rows = 10;
    int64_t interval_ms = 250;
    int exit_code = tail_options(args, &tail, &rows, &interval_ms);
    if (exit_code == CLI_OK)
        exit_code = cli_columns_option(args, &tail.query, &columns);
    if (exit_code == CLI_OK) {
        tail_catch_signals();
        exit_code = tail_begin(&tail, args->operands[0], follow);
        if (exit_code == CLI_OK)
            exit_code = tail_print_last(&tail, rows);
        if (exit_code == CLI_OK && follow)
            exit_code = tail_follow(&tail, interval_ms);
        exit_code = tail_end(&tail, exit_code);
    }
    cli_free(columns);
    return exit_code;
}

static const struct cli_option tail_option_table[] = {
    {'n', "rows", "N", "so many of the last rows; 10 unless given"},
    {'f', "follow", NULL, "go on with new rows as they come"},
    {'c', "columns", "A,B", "only these columns, in this order"},
    {'i', "interval", "DURATION", "time between looks: 250ms unless given"},
    {0, "format", "FORMAT",
     "table, csv, json or jsonl (an object a line); table on a\n"
     "terminal and csv elsewhere unless given"},
    {0, "iso", NULL, "csv and json: times as ISO 8601, not as numbers"},
};

const struct cli_command cli_command_tail = {
    .name = "tail",
    .summary = "Print the last rows of a table, and new ones as they come",
    .operands = "DB TABLE",
    .operands_min = 2,
    .operands_max = 2,
    .options = tail_option_table,
    .option_count = sizeof(tail_option_table) / sizeof(tail_option_table[0]),
    .notes =
        "With --follow every new row is printed once, late ones too; what one look finds comes in\n"
        "order of time. In a table that keeps the last of rows of equal time, so is a row that\n"
        "replaces another, if it differs in the columns printed. Ctrl-C ends it cleanly. Writers\n"
        "may come and go; a file that is deleted or replaced ends it with an error.\n",
    .run = tail_run,
};
