/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/series.c - see series.h. */
#include "codecs/series.h"

#include "measure.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE  4096
#define FIELD_SIZE 64 /* the longest number that anything writes, and some */

struct csv {
    const char *path;
    const char *at;
    const char *end;
    size_t line_number;
};

struct csv_line {
    const char *text;
    size_t size;
};

static bool series_has_suffix(const char *name, const char *suffix)
{
    size_t name_len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return name_len > suffix_len && strcmp(name + name_len - suffix_len, suffix) == 0;
}

static int series_is_wanted(const struct dirent *entry)
{
    return series_has_suffix(entry->d_name, ".f64") || series_has_suffix(entry->d_name, ".ts") ||
           series_has_suffix(entry->d_name, ".csv");
}

/* The bytes of a file; free() them. */
static char *series_read_file(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    size_t capacity = 1 << 16;
    size_t size = 0;
    char *bytes = malloc(capacity);

    if (file == NULL)
        die("cannot open %s: %s", path, strerror(errno));
    while (bytes != NULL) {
        size += fread(bytes + size, 1, capacity - size, file);
        if (size < capacity)
            break;
        capacity *= 2;
        bytes = realloc(bytes, capacity);
    }
    if (bytes == NULL)
        die("no memory for %s", path);
    if (ferror(file))
        die("cannot read %s: %s", path, strerror(errno));
    fclose(file);
    *size_out = size;
    return bytes;
}

/* The next line that is not blank, without spaces around it; false at the end. */
static bool csv_next(struct csv *csv, struct csv_line *line_out)
{
    while (csv->at < csv->end) {
        const char *start = csv->at;
        const char *end = memchr(start, '\n', (size_t)(csv->end - start));

        if (end == NULL)
            end = csv->end;
        csv->at = end + (end < csv->end);
        csv->line_number++;
        while (start < end && (*start == ' ' || *start == '\t'))
            start++;
        while (start < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
            end--;
        line_out->text = start;
        line_out->size = (size_t)(end - start);
        if (line_out->size > 0)
            return true;
    }
    return false;
}

static size_t csv_column_count(const struct csv_line *line)
{
    bool is_quoted = false;
    size_t count = 1;

    for (size_t i = 0; i < line->size; i++) {
        if (line->text[i] == '"')
            is_quoted = !is_quoted;
        count += line->text[i] == ',' && !is_quoted;
    }
    return count;
}

static bool csv_is_missing(const char *field)
{
    return *field == '\0' || strcmp(field, "NA") == 0 || strcmp(field, "null") == 0;
}

/* False if the line is not one number or a word for a missing one. */
static bool csv_number(const struct csv_line *line, double *value_out)
{
    const char *text = line->text;
    size_t size = line->size;
    char field[FIELD_SIZE];
    char *end;

    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text++;
        size -= 2;
    }
    if (size >= sizeof field || memchr(text, '\0', size) != NULL)
        return false;
    memcpy(field, text, size);
    field[size] = '\0';
    *value_out = (double)NAN;
    if (csv_is_missing(field))
        return true;
    errno = 0;
    *value_out = strtod(field, &end);
    return *end == '\0' && !(errno == ERANGE && isinf(*value_out));
}

/* Fills in count and values; false, with a note, if the file has several columns. */
static bool series_parse_csv(struct series *series, const char *path, const char *bytes,
                             size_t size)
{
    struct csv csv = {path, bytes, bytes + size, 0};
    struct csv_line line;
    bool is_first = true;

    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        csv.at += 3;
    series->values = malloc((size / 2 + 1) * sizeof *series->values); /* a digit and its newline */
    if (series->values == NULL)
        die("no memory for %s", path);
    for (; csv_next(&csv, &line); is_first = false) {
        size_t column_count = csv_column_count(&line);
        double value;

        if (is_first && column_count > 1) {
            fprintf(stderr, "nanots-bench: without %s: it has %zu columns, not one\n", path,
                    column_count);
            return false;
        }
        if (column_count > 1)
            die("%s, line %zu: %zu columns, expected one", path, csv.line_number, column_count);
        if (csv_number(&line, &value))
            memcpy(&series->values[series->count++], &value, sizeof value);
        else if (!is_first)
            die("%s, line %zu: '%.*s' is not a number", path, csv.line_number,
                (int)(line.size < FIELD_SIZE ? line.size : FIELD_SIZE), line.text);
    }
    return true;
}

/* False if the file is not of one column. */
static bool series_load(const char *folder, const char *name, struct series *series)
{
    char path[PATH_SIZE];
    bool is_one = true;
    size_t size;
    char *bytes;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        die("the path of %s is too long", name);
    memset(series, 0, sizeof *series);
    snprintf(series->name, sizeof series->name, "%s", name);
    series->kind = series_has_suffix(name, ".ts") ? SERIES_I64 : SERIES_F64;
    bytes = series_read_file(path, &size);
    if (series_has_suffix(name, ".csv")) {
        is_one = series_parse_csv(series, path, bytes, size);
        free(bytes);
    } else {
        if (size % sizeof *series->values != 0)
            die("%s: %zu bytes, expected a multiple of 8", path, size);
        series->count = size / sizeof *series->values;
        series->values = (uint64_t *)(void *)bytes; /* malloc aligned it */
    }
    if (!is_one)
        free(series->values);
    return is_one;
}

void series_load_folder(const char *folder, struct series_list *list_out)
{
    struct dirent **entries;
    int entry_count = scandir(folder, &entries, series_is_wanted, alphasort);

    if (entry_count < 0)
        die("cannot read the folder %s: %s", folder, strerror(errno));
    list_out->count = 0;
    list_out->items = calloc((size_t)entry_count + 1, sizeof *list_out->items);
    if (list_out->items == NULL)
        die("no memory for %d series", entry_count);
    for (int i = 0; i < entry_count; i++) {
        list_out->count +=
            series_load(folder, entries[i]->d_name, &list_out->items[list_out->count]);
        free(entries[i]);
    }
    free(entries);
    if (list_out->count == 0)
        die("%s has no NAME.f64, NAME.ts or NAME.csv of one column", folder);
}

void series_free(struct series_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].values);
    free(list->items);
}
