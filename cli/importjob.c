/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/importjob.c - carries the rows of a CSV file into a table. */
#include "importjob.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "number.h"

#define IMPORT_BATCH_ROWS  16384 /* a row group: the library compresses it as one */
#define IMPORT_BAD_SHOWN   20    /* bad lines told one by one; the rest are counted */
#define IMPORT_REASON_SIZE 256
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

    /* The batch: columns in the order of the table; targets[i] is the one of plan value i. */
    int64_t *ts;
    double **columns;
    size_t *targets;
    size_t column_count;
    size_t batch_count;

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

static void import_bad_time(const struct import_job *job, const char *const *fields,
                            enum cli_time_result result, char reason[IMPORT_REASON_SIZE])
{
    const struct cli_import_plan *plan = &job->plan;
    const char *what = result == CLI_TIME_FINER
                           ? "is finer than a millisecond; --floor rounds such times down"
                       : result == CLI_TIME_RANGE ? "is beyond the range of time"
                                                  : "is no time";
    if (plan->mode == CLI_TIME_COUNTED) {
        snprintf(reason, IMPORT_REASON_SIZE, "the time counted from --start %s", what);
        return;
    }
    const char *name = job->sample.names[plan->time_indexes[0]];
    const char *text = fields[plan->time_indexes[0]];
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
    if (job->batch_count == 0)
        return CLI_OK;
    if (nanots_append_columns(job->db, job->table_name, job->ts,
                              (const double *const *)job->columns, job->batch_count,
                              job->column_count, NULL, &error) != NANOTS_OK) {
        import_clear_progress(job);
        return cli_fail_status(&error);
    }
    for (size_t i = 0; i < job->batch_count; i++) {
        if (job->row_count + i == 0 || job->ts[i] < job->ts_min)
            job->ts_min = job->ts[i];
        if (job->row_count + i == 0 || job->ts[i] > job->ts_max)
            job->ts_max = job->ts[i];
    }
    job->row_count += job->batch_count;
    job->batch_count = 0;
    import_show_progress(job);
    return CLI_OK;
}

/* Parses one record into the batch; false leaves the reason. */
static bool import_parse_row(struct import_job *job, const char *const *fields,
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
        const char *text = fields[plan->value_indexes[i]];
        double *value = &job->columns[job->targets[i]][job->batch_count];
        if (cli_is_missing(text)) {
            *value = NAN;
        } else if (!cli_number_parse(text, value)) {
            snprintf(reason, IMPORT_REASON_SIZE, "'%.60s' in column '%.60s' is no number", text,
                     job->sample.names[plan->value_indexes[i]]);
            return false;
        }
    }
    job->ts[job->batch_count++] = ts;
    return true;
}

/* Takes one record. `*go_on` is false after a bad line that ends the import. */
static int import_take(struct import_job *job, uint64_t line, const char *const *fields,
                       bool *go_on)
{
    char reason[IMPORT_REASON_SIZE];
    if (!import_parse_row(job, fields, reason))
        *go_on = import_bad(job, line, reason);
    return job->batch_count == IMPORT_BATCH_ROWS ? import_flush(job) : CLI_OK;
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
            import_take(job, sample->lines[row],
                        (const char *const *)&sample->cells[row * sample->column_count], go_on);
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
    sample->cells = cli_resize(sample->cells, begin + sample->column_count, sizeof(char *));
    for (size_t i = 0; i < sample->column_count; i++)
        sample->cells[begin + i] = cli_copy_text(record->fields[i]);
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
    sample->column_count = record.field_count;
    sample->names = cli_alloc(record.field_count, sizeof(char *));
    for (size_t i = 0; i < record.field_count; i++) {
        snprintf(name, sizeof(name), "c%zu", i);
        bool named = !no_header && record.fields[i][0] != '\0';
        sample->names[i] = cli_copy_text(named ? record.fields[i] : name);
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
    size_t count = job->plan.value_count;
    struct nanots_column *columns = cli_alloc(count, sizeof(*columns));
    for (size_t i = 0; i < count; i++) {
        columns[i].name = import_value_name(job, i);
        columns[i].type = NANOTS_TYPE_F64;
        job->targets[i] = i;
    }
    job->column_count = count;
    nanots_status status = nanots_create_table(job->db, job->table_name, columns, count, &error);
    cli_free(columns);
    return status == NANOTS_OK ? CLI_OK : cli_fail_status(&error);
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

/* Columns are matched by name, in any order, and must be the same on both sides. */
static int import_match_table(struct import_job *job, const struct nanots_schema *schema)
{
    bool *filled = cli_alloc(schema->column_count, sizeof(bool));
    int exit_code = CLI_OK;
    job->column_count = schema->column_count;
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
        if (!filled[i])
            exit_code = cli_fail("column '%s' of table '%s' is not among those imported from %s",
                                 schema->columns[i].name, job->table_name, job->sample.file_name);
    cli_free(filled);
    return exit_code;
}

static int import_prepare_table(struct import_job *job)
{
    struct nanots_schema schema;
    struct nanots_error error;
    int exit_code;
    job->targets = cli_alloc(job->plan.value_count, sizeof(size_t));
    nanots_status status = nanots_table_schema(job->db, job->table_name, &schema, &error);
    if (status == NANOTS_OK) {
        exit_code = import_match_table(job, &schema);
        nanots_free(schema.block);
    } else if (status == NANOTS_NOT_FOUND) {
        exit_code = import_create_table(job);
    } else {
        exit_code = cli_fail_status(&error);
    }
    if (exit_code != CLI_OK)
        return exit_code;
    job->ts = cli_alloc(IMPORT_BATCH_ROWS, sizeof(int64_t));
    job->columns = cli_alloc(job->column_count, sizeof(double *));
    for (size_t i = 0; i < job->column_count; i++)
        job->columns[i] = cli_alloc(IMPORT_BATCH_ROWS, sizeof(double));
    return CLI_OK;
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
        enum cli_time_style style = cli_time_style_for(job->ts_min);
        if (cli_time_style_for(job->ts_max) > style)
            style = cli_time_style_for(job->ts_max);
        cli_time_print(job->ts_min, style, first);
        cli_time_print(job->ts_max, style, last);
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
        cli_free(sample->cells[i]);
    for (size_t i = 0; i < sample->column_count; i++)
        cli_free(sample->names[i]);
    for (size_t i = 0; job->columns != NULL && i < job->column_count; i++)
        cli_free(job->columns[i]);
    cli_free(sample->cells);
    cli_free(sample->names);
    cli_free(job->columns);
    cli_free(job->ts);
    cli_free(job->targets);
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
        job->db = cli_open_or_make(db_path, &made);
        exit_code = job->db != NULL ? import_into(job) : CLI_FAILURE;
        if (job->db != NULL)
            exit_code = cli_close_made(job->db, db_path, made && job->row_count == 0, exit_code);
    }
    import_release(job);
    return exit_code;
}
