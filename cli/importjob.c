/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importjob.c - carries the rows of a CSV file into a table. */
#include "importjob.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "humantime.h"
#include "importtypes.h"
#include "rowbatch.h"
#include "value.h"

#define IMPORT_BAD_SHOWN   20 /* bad lines told one by one; the rest are counted */
#define IMPORT_REASON_SIZE 320
#define IMPORT_PROGRESS_MS 100

struct import_job {
    const char *table_name;
    const struct cli_import_options *options;
    struct cli_csv *csv;
    struct cli_import_sample sample;
    struct cli_import_plan plan;
    struct nanots_db *db;

    /* A record that ended the sample early because it is bad, told when its turn comes. */
    uint64_t bad_line; /* 0: none */
    char bad_reason[IMPORT_REASON_SIZE];

    struct nanots_schema schema; /* of the table */
    size_t *targets;             /* the column of the table that plan value i goes to */
    struct nanots_value *row;    /* in the order of the table; null where the file has no column */
    struct cli_row_batch *batch;

    uint64_t row_index; /* rows of the file, bad ones too */
    uint64_t row_count; /* rows appended */
    uint64_t bad_count;
    int64_t ts_min;
    int64_t ts_max;
    int64_t began_ms;
    int64_t progress_ms;
    bool progress_shown;
};

static int64_t import_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- progress ----------------------------------------------------------------------------- */

static void import_clear_progress(struct import_job *job)
{
    if (job->progress_shown)
        fputs("\r\033[K", stderr);
    job->progress_shown = false;
}

static void import_show_progress(struct import_job *job)
{
    char rows[CLI_NUMBER_TEXT_SIZE];
    uint64_t read;
    uint64_t size;
    int64_t now = import_clock_ms();
    if (!cli_is_terminal(stderr) || now - job->progress_ms < IMPORT_PROGRESS_MS)
        return;
    job->progress_ms = now;
    job->progress_shown = true;
    cli_csv_progress(job->csv, &read, &size);
    cli_count_print(job->row_count, rows);
    fprintf(stderr, "\r%s", cli_csv_name(job->csv));
    if (size > 0)
        fprintf(stderr, "  %3.0f %%", 100.0 * (double)read / (double)size);
    fprintf(stderr, "  %s rows\033[K", rows);
}

/* ---- bad lines ---------------------------------------------------------------------------- */

/* Tells of a bad line. Returns whether the import goes on. */
static bool import_bad(struct import_job *job, uint64_t line, const char *reason)
{
    job->bad_count++;
    if (job->bad_count <= IMPORT_BAD_SHOWN) {
        import_clear_progress(job);
        cli_warn("%s:%" PRIu64 ": %s", cli_csv_name(job->csv), line, reason);
    }
    return job->options->skip_bad;
}

static void import_bad_time(const struct import_job *job, const struct cli_csv_field *fields,
                            enum cli_time_result result, char reason[IMPORT_REASON_SIZE])
{
    const struct cli_import_plan *plan = &job->plan;
    char finer[128];
    snprintf(finer, sizeof(finer),
             "is finer than the %s of the table; --floor rounds such times down",
             cli_unit_name(plan->table_unit));
    const char *what = result == CLI_TIME_FINER   ? finer
                       : result == CLI_TIME_RANGE ? "is beyond the range of time"
                                                  : "is no time";
    if (plan->mode == CLI_TIME_COUNTED) {
        snprintf(reason, IMPORT_REASON_SIZE, "the time counted from --start %s", what);
        return;
    }
    const char *name = job->sample.names[plan->time_indexes[0]];
    const char *text = fields[plan->time_indexes[0]].text;
    if (plan->time_count == 1 && cli_is_missing(text)) {
        snprintf(reason, IMPORT_REASON_SIZE, "the time in column '%.60s' is missing", name);
        return;
    }
    if (plan->mode == CLI_TIME_FORMAT && result == CLI_TIME_BAD)
        what = "does not match the time format";
    if (plan->mode == CLI_TIME_EPOCH && result == CLI_TIME_BAD)
        what = "is no epoch number";
    snprintf(reason, IMPORT_REASON_SIZE, "'%.60s'%s in column '%.60s' %s", text,
             plan->time_count > 1 ? " ..." : "", name, what);
}

/* ---- rows --------------------------------------------------------------------------------- */

static int import_flush(struct import_job *job)
{
    struct nanots_error error;
    const struct nanots_batch *rows = cli_row_batch_rows(job->batch);
    if (rows->row_count == 0)
        return CLI_OK;
    if (nanots_append_batch(job->db, job->table_name, rows, NULL, &error) != NANOTS_OK) {
        import_clear_progress(job);
        return cli_fail_status(&error);
    }
    for (size_t i = 0; i < rows->row_count; i++) {
        if (job->row_count + i == 0 || rows->ts[i] < job->ts_min)
            job->ts_min = rows->ts[i];
        if (job->row_count + i == 0 || rows->ts[i] > job->ts_max)
            job->ts_max = rows->ts[i];
    }
    job->row_count += rows->row_count;
    cli_row_batch_clear(job->batch);
    import_show_progress(job);
    return CLI_OK;
}

/* A field that says nothing: null where that may be, else the nothing of its type. */
static bool import_no_value(const struct nanots_column *column, const char *text,
                            struct nanots_value *value, char reason[IMPORT_REASON_SIZE])
{
    value->type = NANOTS_TYPE_NULL;
    if ((column->flags & NANOTS_COLUMN_NULLABLE) != 0)
        return true;
    if (column->type == NANOTS_TYPE_UTF8)
        return cli_value_parse("", 0, NANOTS_TYPE_UTF8, value);
    if (column->type == NANOTS_TYPE_F64 || column->type == NANOTS_TYPE_F32)
        return cli_value_parse("NaN", 3, column->type, value);
    snprintf(reason, IMPORT_REASON_SIZE,
             "'%.60s' in column '%.60s' is not %s, and the column may not be null", text,
             column->name, cli_type_phrase(column->type));
    return false;
}

static bool import_parse_value(const struct import_job *job, const struct nanots_column *column,
                               const struct cli_csv_field *field, struct nanots_value *value,
                               char reason[IMPORT_REASON_SIZE])
{
    if (cli_import_is_null(job->options, field, column->type))
        return import_no_value(column, field->text, value, reason);
    if (cli_value_parse(field->text, field->size, column->type, value))
        return true;
    snprintf(reason, IMPORT_REASON_SIZE, "'%.60s' in column '%.60s' is not %s", field->text,
             column->name, cli_type_phrase(column->type));
    return false;
}

/* Parses one record into the batch; false leaves the reason. */
static bool import_parse_row(struct import_job *job, const struct cli_csv_field *fields,
                             char reason[IMPORT_REASON_SIZE])
{
    const struct cli_import_plan *plan = &job->plan;
    int64_t ts;
    enum cli_time_result result =
        cli_import_plan_time(plan, job->options, fields, job->row_index++, &ts);
    if (result != CLI_TIME_OK) {
        import_bad_time(job, fields, result, reason);
        return false;
    }
    for (size_t i = 0; i < plan->value_count; i++) {
        const size_t target = job->targets[i];
        if (!import_parse_value(job, &job->schema.columns[target], &fields[plan->value_indexes[i]],
                                &job->row[target], reason))
            return false;
    }
    cli_row_batch_add(job->batch, ts, job->row);
    return true;
}

/* Takes one record. `*go_on` is false after a bad line that ends the import. */
static int import_take(struct import_job *job, uint64_t line, const struct cli_csv_field *fields,
                       bool *go_on)
{
    char reason[IMPORT_REASON_SIZE];
    if (!import_parse_row(job, fields, reason))
        *go_on = import_bad(job, line, reason);
    return cli_row_batch_is_full(job->batch) ? import_flush(job) : CLI_OK;
}

static bool import_count_fits(const struct import_job *job, const struct cli_csv_record *record,
                              char reason[IMPORT_REASON_SIZE])
{
    if (record->field_count == job->sample.column_count)
        return true;
    snprintf(reason, IMPORT_REASON_SIZE, "%zu %s, but the header has %zu", record->field_count,
             record->field_count == 1 ? "field" : "fields", job->sample.column_count);
    return false;
}

static int import_rest(struct import_job *job, bool *go_on)
{
    struct cli_csv_record record;
    const char *why = NULL;
    char reason[IMPORT_REASON_SIZE];
    int exit_code = CLI_OK;
    while (*go_on && exit_code == CLI_OK) {
        enum cli_csv_result result = cli_csv_next(job->csv, &record, &why);
        if (result == CLI_CSV_END)
            break;
        if (result == CLI_CSV_ERROR)
            return cli_fail("%s:%" PRIu64 ": %s", cli_csv_name(job->csv), record.line, why);
        if (result == CLI_CSV_BAD)
            *go_on = import_bad(job, record.line, why);
        else if (!import_count_fits(job, &record, reason))
            *go_on = import_bad(job, record.line, reason);
        else
            exit_code = import_take(job, record.line, record.fields, go_on);
    }
    return exit_code;
}

/* The rows of the sample, then the record that ended it, then the rest of the file. */
static int import_rows(struct import_job *job, bool *go_on)
{
    struct cli_import_sample *sample = &job->sample;
    int exit_code = CLI_OK;
    for (size_t row = 0; row < sample->row_count && *go_on && exit_code == CLI_OK; row++)
        exit_code =
            import_take(job, sample->lines[row], &sample->cells[row * sample->column_count], go_on);
    if (exit_code == CLI_OK && *go_on && job->bad_line != 0)
        *go_on = import_bad(job, job->bad_line, job->bad_reason);
    if (exit_code == CLI_OK)
        exit_code = import_rest(job, go_on);
    if (exit_code == CLI_OK)
        exit_code = import_flush(job);
    return exit_code;
}

/* ---- header and sample -------------------------------------------------------------------- */

static void import_keep(struct cli_import_sample *sample, const struct cli_csv_record *record)
{
    size_t begin = sample->row_count * sample->column_count;
    sample->cells = cli_resize(sample->cells, begin + sample->column_count, sizeof(*sample->cells));
    for (size_t i = 0; i < sample->column_count; i++) {
        char *copy = cli_alloc(record->fields[i].size + 1, 1);
        memcpy(copy, record->fields[i].text, record->fields[i].size);
        sample->cells[begin + i] = record->fields[i];
        sample->cells[begin + i].text = copy;
    }
    sample->lines[sample->row_count++] = record->line;
}

/* The first record is the header, or with --no-header the first row. */
static int import_read_header(struct import_job *job, bool no_header)
{
    struct cli_import_sample *sample = &job->sample;
    struct cli_csv_record record;
    const char *why = NULL;
    char name[32];
    enum cli_csv_result result = cli_csv_next(job->csv, &record, &why);
    if (result == CLI_CSV_END)
        return cli_fail("%s is empty", sample->file_name);
    if (result != CLI_CSV_RECORD)
        return cli_fail("%s:%" PRIu64 ": %s", sample->file_name, record.line, why);
    sample->has_header = !no_header;
    sample->column_count = record.field_count;
    sample->names = cli_alloc(record.field_count, sizeof(char *));
    for (size_t i = 0; i < record.field_count; i++) {
        snprintf(name, sizeof(name), "c%zu", i);
        bool named = !no_header && record.fields[i].size > 0;
        sample->names[i] = cli_copy_text(named ? record.fields[i].text : name);
    }
    if (no_header)
        import_keep(sample, &record);
    return CLI_OK;
}

static int import_read_sample(struct import_job *job)
{
    struct cli_import_sample *sample = &job->sample;
    struct cli_csv_record record;
    const char *why = NULL;
    while (sample->row_count < CLI_SAMPLE_ROWS) {
        enum cli_csv_result result = cli_csv_next(job->csv, &record, &why);
        if (result == CLI_CSV_END)
            break;
        if (result == CLI_CSV_ERROR)
            return cli_fail("%s:%" PRIu64 ": %s", sample->file_name, record.line, why);
        bool bad = result == CLI_CSV_BAD;
        if (bad)
            snprintf(job->bad_reason, sizeof(job->bad_reason), "%s", why);
        else
            bad = !import_count_fits(job, &record, job->bad_reason);
        if (bad) {
            job->bad_line = record.line;
            break;
        }
        import_keep(sample, &record);
    }
    return CLI_OK;
}

/* ---- table -------------------------------------------------------------------------------- */

static const char *import_value_name(const struct import_job *job, size_t index)
{
    return job->sample.names[job->plan.value_indexes[index]];
}

static int import_create_table(struct import_job *job)
{
    struct nanots_error error;
    struct nanots_table_options options = {.struct_size = sizeof(options)};
    const size_t count = job->plan.value_count;
    struct nanots_column *columns = cli_alloc(count, sizeof(*columns));
    enum cli_time_unit unit = CLI_UNIT_MS;
    int exit_code =
        cli_import_types_make(job->csv, &job->sample, &job->plan, job->options, columns, &unit);
    options.unit = cli_unit_for_table(unit);
    if (exit_code == CLI_OK && nanots_create_table_with(job->db, job->table_name, columns, count,
                                                        &options, &error) != NANOTS_OK)
        exit_code = cli_fail_status(&error);
    cli_free(columns);
    return exit_code;
}

static int import_no_target(const struct import_job *job, const struct nanots_schema *schema,
                            const char *name)
{
    const char **names = cli_alloc(schema->column_count, sizeof(char *));
    for (size_t i = 0; i < schema->column_count; i++)
        names[i] = schema->columns[i].name;
    const char *nearest = cli_nearest(name, names, schema->column_count);
    int exit_code = cli_fail("table '%s' has no column '%s' (the nearest is '%s'); --columns "
                             "picks those to import",
                             job->table_name, name, nearest != NULL ? nearest : names[0]);
    cli_free(names);
    return exit_code;
}

/* Columns are matched by name, in any order; those of the table that may be null may be absent. */
static int import_match_columns(struct import_job *job)
{
    const struct nanots_schema *schema = &job->schema;
    bool *filled = cli_alloc(schema->column_count, sizeof(bool));
    int exit_code = CLI_OK;
    for (size_t i = 0; i < job->plan.value_count && exit_code == CLI_OK; i++) {
        const char *name = import_value_name(job, i);
        size_t target = 0;
        while (target < schema->column_count && strcmp(schema->columns[target].name, name) != 0)
            target++;
        if (target == schema->column_count)
            exit_code = import_no_target(job, schema, name);
        else if (filled[target])
            exit_code = cli_fail("column '%s' is imported twice", name);
        else
            filled[target] = true;
        job->targets[i] = target;
    }
    for (size_t i = 0; i < schema->column_count && exit_code == CLI_OK; i++)
        if (!filled[i] && (schema->columns[i].flags & NANOTS_COLUMN_NULLABLE) == 0)
            exit_code = cli_fail("column '%s' of table '%s' is not among those imported from %s",
                                 schema->columns[i].name, job->table_name, job->sample.file_name);
    cli_free(filled);
    return exit_code;
}

/* --start and --step in ticks of the table. */
static int import_count_times(struct import_job *job)
{
    const struct cli_import_options *options = job->options;
    const enum cli_time_unit unit = job->plan.table_unit;
    if (options->start == NULL)
        return CLI_OK;
    if (!cli_duration_parse(options->step, unit, &job->plan.step) || job->plan.step <= 0)
        return cli_usage("--step takes a duration such as 500ms, 10s or 5m, and of one %s of the "
                         "table at least, not '%s'",
                         nanots_time_unit_name(job->schema.unit), options->step);
    return cli_time_argument("--start", options->start, options->unit, unit, false,
                             &job->plan.start);
}

/* The table as it is, or made; `*is_new_out` says which. */
static int import_find_table(struct import_job *job, bool *is_new_out)
{
    struct nanots_error error;
    nanots_status status = nanots_table_schema(job->db, job->table_name, &job->schema, &error);
    *is_new_out = status == NANOTS_NOT_FOUND;
    if (status == NANOTS_NOT_FOUND) {
        int exit_code = import_create_table(job);
        if (exit_code != CLI_OK)
            return exit_code;
        status = nanots_table_schema(job->db, job->table_name, &job->schema, &error);
    }
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
}

static int import_prepare_table(struct import_job *job)
{
    bool is_new = false;
    int exit_code = import_find_table(job, &is_new);
    if (exit_code != CLI_OK)
        return exit_code;
    job->plan.table_unit = cli_unit_of_table(job->schema.unit);
    job->targets = cli_alloc(job->plan.value_count, sizeof(*job->targets));
    job->row = cli_alloc(job->schema.column_count, sizeof(*job->row));
    job->batch = cli_row_batch_new(job->schema.columns, job->schema.column_count);
    if (job->options->table_unit != CLI_UNIT_GUESS &&
        job->options->table_unit != job->plan.table_unit)
        return cli_fail("table '%s' is there and counts time in %s, not as --table-unit says",
                        job->table_name, nanots_time_unit_name(job->schema.unit));
    if (!is_new)
        exit_code = cli_import_types_check(job->table_name, &job->schema, job->options);
    if (exit_code == CLI_OK)
        exit_code = import_count_times(job);
    return exit_code == CLI_OK ? import_match_columns(job) : exit_code;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void import_print_summary(struct import_job *job)
{
    char rows[CLI_QUANTITY_TEXT_SIZE];
    char first[CLI_TIME_TEXT_SIZE];
    char last[CLI_TIME_TEXT_SIZE];
    double seconds = (double)(import_clock_ms() - job->began_ms) / 1e3;
    const char *slash = strrchr(job->sample.file_name, '/');
    import_clear_progress(job);
    cli_quantity_print(job->row_count, "row", rows);
    printf("%s from %s into table '%s'", rows, slash != NULL ? slash + 1 : job->sample.file_name,
           job->table_name);
    if (job->row_count > 0) {
        const enum cli_time_unit unit = job->plan.table_unit;
        enum cli_time_style style = cli_time_style_for(job->ts_min, unit);
        if (cli_time_style_for(job->ts_max, unit) > style)
            style = cli_time_style_for(job->ts_max, unit);
        cli_time_print(job->ts_min, unit, style, first);
        cli_time_print(job->ts_max, unit, style, last);
        printf(", %s to %s", first, last);
    }
    if (cli_is_terminal(stdout) && seconds >= 0.1)
        printf(", in %.1f s", seconds);
    printf("\n");
    fflush(stdout);
}

static int import_into(struct import_job *job)
{
    bool go_on = true;
    int exit_code = import_prepare_table(job);
    if (exit_code != CLI_OK)
        return exit_code;
    exit_code = import_rows(job, &go_on);
    import_print_summary(job);
    if (job->bad_count > IMPORT_BAD_SHOWN)
        cli_warn("... and %" PRIu64 " bad lines more", job->bad_count - IMPORT_BAD_SHOWN);
    if (!go_on)
        return cli_fail("stopped at the bad line; %s (--on-error skip goes on)",
                        job->row_count > 0 ? "the rows before it are kept" : "no row is imported");
    if (exit_code == CLI_OK && job->bad_count > 0)
        cli_warn("%" PRIu64 " bad %s left out", job->bad_count,
                 job->bad_count == 1 ? "line was" : "lines were");
    return exit_code;
}

static void import_release(struct import_job *job)
{
    struct cli_import_sample *sample = &job->sample;
    for (size_t i = 0; i < sample->row_count * sample->column_count; i++)
        cli_free((void *)sample->cells[i].text);
    for (size_t i = 0; i < sample->column_count; i++)
        cli_free(sample->names[i]);
    cli_free(sample->cells);
    cli_free(sample->names);
    cli_free(job->targets);
    cli_free(job->row);
    cli_row_batch_free(job->batch);
    nanots_free(job->schema.block);
    cli_import_plan_free(&job->plan);
    cli_free(job);
}

int cli_import_run(const char *db_path, const char *table, struct cli_csv *csv, bool no_header,
                   const struct cli_import_options *options)
{
    struct import_job *job = cli_alloc(1, sizeof(*job));
    job->table_name = table;
    job->options = options;
    job->csv = csv;
    job->sample.file_name = cli_csv_name(csv);
    job->began_ms = import_clock_ms();
    int exit_code = import_read_header(job, no_header);
    if (exit_code == CLI_OK)
        exit_code = import_read_sample(job);
    if (exit_code == CLI_OK)
        exit_code = cli_import_plan_make(&job->sample, options, &job->plan);
    if (exit_code == CLI_OK) {
        bool made = false;
        job->db = cli_open_or_make(db_path, 0, &made);
        exit_code = job->db != NULL ? import_into(job) : CLI_FAILURE;
        if (job->db != NULL)
            exit_code = cli_close_made(job->db, db_path, made && job->row_count == 0, exit_code);
    }
    import_release(job);
    return exit_code;
}
