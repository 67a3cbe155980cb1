/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/csvfile.c - a CSV file as records, on libcsv.
 *
 *              getline                csv_parse            end of record
 *     file ------------> line of text ----------> fields ----------------> record
 *              ^                                    |
 *              +------ a quoted field goes on ------+
 */
#include "csvfile.h"

#include <csv.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The library's default. As text a number of eight bytes takes up to 24, and quotes are doubled. */
#define CSVFILE_ROW_SIZE_MAX    (64u << 20)
#define CSVFILE_RECORD_PER_ROW  3u
#define CSVFILE_BETWEEN_RECORDS 0 /* pstate of libcsv before the first byte of a record */
#define CSVFILE_FIELD_STEP      (256u << 10) /* a field that grows is moved so seldom */

struct cli_csv {
    FILE *file;
    const char *name;
    char *line; /* of getline, hence of malloc */
    size_t line_size;
    uint64_t line_number;
    uint64_t bytes_read;
    uint64_t file_size;
    char delimiter; /* 0: find it in the first line */
    bool ended;
    struct csv_parser parser;

    /* The record in the making: its texts one after another, and where each begins. */
    char *text;
    size_t text_size;
    size_t text_size_max;
    size_t field_count;
    size_t field_count_max;
    struct cli_csv_field *fields; /* their texts are set when the record is whole */
    uint64_t begin_line;
    size_t record_bytes;
    size_t record_bytes_max;
    char reason[80];         /* of a record that is larger */
    unsigned complete_count; /* ends of records seen in this line */
};

static size_t csvfile_record_bytes_max(void)
{
    const char *text = getenv("NANOTS_MAX_RECORD_SIZE");
    const unsigned long long row = text == NULL ? 0 : strtoull(text, NULL, 10);
    if (row == 0 || row > SIZE_MAX / CSVFILE_RECORD_PER_ROW)
        return (size_t)CSVFILE_ROW_SIZE_MAX * CSVFILE_RECORD_PER_ROW;
    return (size_t)row * CSVFILE_RECORD_PER_ROW;
}

struct cli_csv *cli_csv_open(const char *path)
{
    bool standard_input = strcmp(path, "-") == 0;
    struct stat info;
    FILE *file = standard_input ? stdin : fopen(path, "r");
    if (file == NULL) {
        cli_fail("cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        cli_fail("%s is a directory, not a CSV file", path);
        fclose(file);
        return NULL;
    }
    struct cli_csv *csv = cli_alloc(1, sizeof(*csv));
    csv->file = file;
    csv->name = standard_input ? "standard input" : path;
    csv->record_bytes_max = csvfile_record_bytes_max();
    csv->file_size = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    return csv;
}

void cli_csv_close(struct cli_csv *csv)
{
    if (csv->file != stdin)
        fclose(csv->file);
    if (csv->line_number > 0)
        csv_free(&csv->parser);
    cli_free(csv->line);
    cli_free(csv->text);
    cli_free(csv->fields);
    cli_free(csv);
}

struct cli_csv *cli_csv_again(const struct cli_csv *csv)
{
    if (csv->file == stdin || csv->file_size == 0)
        return NULL;
    struct cli_csv *again = cli_csv_open(csv->name);
    if (again != NULL)
        again->delimiter = csv->delimiter;
    return again;
}

void cli_csv_set_delimiter(struct cli_csv *csv, char delimiter)
{
    csv->delimiter = delimiter;
}

const char *cli_csv_name(const struct cli_csv *csv)
{
    return csv->name;
}

void cli_csv_progress(const struct cli_csv *csv, uint64_t *read_out, uint64_t *size_out)
{
    *read_out = csv->bytes_read;
    *size_out = csv->file_size;
}

/* ---- callbacks of libcsv ------------------------------------------------------------------ */

static void csvfile_on_field(void *field, size_t size, void *context)
{
    struct cli_csv *csv = context;
    if (csv->complete_count > 0)
        return;
    if (csv->field_count == csv->field_count_max) {
        csv->field_count_max = csv->field_count_max * 2 + 16;
        csv->fields = cli_resize(csv->fields, csv->field_count_max, sizeof(*csv->fields));
    }
    if (csv->text_size + size + 1 > csv->text_size_max) {
        csv->text_size_max = (csv->text_size + size + 1) * 2;
        csv->text = cli_resize(csv->text, csv->text_size_max, 1);
    }
    struct cli_csv_field *place = &csv->fields[csv->field_count++];
    place->size = size;
    place->absent = field == NULL;
    if (size > 0)
        memcpy(csv->text + csv->text_size, field, size);
    csv->text_size += size;
    csv->text[csv->text_size++] = '\0';
}

static void csvfile_on_record(int terminator, void *context)
{
    struct cli_csv *csv = context;
    (void)terminator;
    csv->complete_count++;
}

/* ---- records ------------------------------------------------------------------------------ */

static void csvfile_start_parser(struct cli_csv *csv)
{
    csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL);
    csv_set_delim(&csv->parser, (unsigned char)csv->delimiter);
    csv_set_blk_size(&csv->parser, CSVFILE_FIELD_STEP);
}

static void csvfile_reset_record(struct cli_csv *csv)
{
    csv->text_size = 0;
    csv->field_count = 0;
    csv->record_bytes = 0;
    csv->complete_count = 0;
}

/* After a line that libcsv refused: forget the record, start anew at the next line. */
static enum cli_csv_result csvfile_give_up_record(struct cli_csv *csv, const char *reason,
                                                  const char **reason_out)
{
    csv_free(&csv->parser);
    csvfile_start_parser(csv);
    csvfile_reset_record(csv);
    *reason_out = reason;
    return CLI_CSV_BAD;
}

static char csvfile_guess_delimiter(const char *line)
{
    static const char candidates[] = "\t;|";
    char best = ',';
    size_t best_count = 0;
    if (strchr(line, ',') != NULL)
        return best;
    for (const char *candidate = candidates; *candidate != '\0'; candidate++) {
        size_t count = 0;
        for (const char *p = line; *p != '\0'; p++)
            count += *p == *candidate;
        if (count > best_count) {
            best = *candidate;
            best_count = count;
        }
    }
    return best;
}

/* The first line of a file. Returns false for text that is not of bytes. */
static bool csvfile_begin(struct cli_csv *csv, size_t *skip_out)
{
    const unsigned char *bytes = (const unsigned char *)csv->line;
    *skip_out = strncmp(csv->line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (csv->delimiter == 0)
        csv->delimiter = csvfile_guess_delimiter(csv->line);
    csvfile_start_parser(csv);
    return !(bytes[0] == 0xFF && bytes[1] == 0xFE) && !(bytes[0] == 0xFE && bytes[1] == 0xFF);
}

static enum cli_csv_result csvfile_take(struct cli_csv *csv, struct cli_csv_record *record_out)
{
    const char *text = csv->text;
    for (size_t i = 0; i < csv->field_count; i++) {
        csv->fields[i].text = text;
        text += csv->fields[i].size + 1;
    }
    record_out->field_count = csv->field_count;
    record_out->fields = csv->fields;
    return CLI_CSV_RECORD;
}

static enum cli_csv_result csvfile_finish(struct cli_csv *csv, struct cli_csv_record *record_out,
                                          const char **reason_out)
{
    csv->ended = true;
    if (ferror(csv->file)) {
        *reason_out = strerror(errno);
        return CLI_CSV_ERROR;
    }
    if (csv->line_number == 0)
        return CLI_CSV_END;
    if (csv_fini(&csv->parser, csvfile_on_field, csvfile_on_record, csv) != 0)
        return csvfile_give_up_record(csv, "a quote opened here is never closed", reason_out);
    return csv->complete_count > 0 ? csvfile_take(csv, record_out) : CLI_CSV_END;
}

enum cli_csv_result cli_csv_next(struct cli_csv *csv, struct cli_csv_record *record_out,
                                 const char **reason_out)
{
    csvfile_reset_record(csv);
    record_out->line = csv->line_number;
    while (!csv->ended) {
        size_t skip = 0;
        ssize_t length = getline(&csv->line, &csv->line_size, csv->file);
        if (length < 0)
            return csvfile_finish(csv, record_out, reason_out);
        csv->bytes_read += (uint64_t)length;
        if (csv->line_number++ == 0 && !csvfile_begin(csv, &skip)) {
            *reason_out = "this is UTF-16; convert it first, with iconv -f UTF-16 -t UTF-8";
            csv->ended = true;
            return CLI_CSV_ERROR;
        }
        if (csv->record_bytes == 0)
            csv->begin_line = csv->line_number;
        record_out->line = csv->begin_line;
        size_t size = (size_t)length - skip;
        if (csv_parse(&csv->parser, csv->line + skip, size, csvfile_on_field, csvfile_on_record,
                      csv) != size)
            return csvfile_give_up_record(csv, "a quote stands inside a field", reason_out);
        bool begun_again =
            csv->complete_count == 1 && csv->parser.pstate != CSVFILE_BETWEEN_RECORDS;
        if (csv->complete_count > 1 || begun_again)
            return csvfile_give_up_record(csv, "a carriage return stands inside the line",
                                          reason_out);
        if (csv->complete_count == 1)
            return csvfile_take(csv, record_out);
        csv->record_bytes += size;
        if (csv->parser.pstate == CSVFILE_BETWEEN_RECORDS) /* a blank line */
            csv->record_bytes = 0;
        if (csv->record_bytes > csv->record_bytes_max) {
            snprintf(csv->reason, sizeof(csv->reason),
                     "a quote opened here is not closed within %zu bytes", csv->record_bytes_max);
            return csvfile_give_up_record(csv, csv->reason, reason_out);
        }
    }
    return CLI_CSV_END;
}
