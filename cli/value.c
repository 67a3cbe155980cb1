/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/value.c - values of all column types: out of a batch, to text and from it. */
#include "value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool value_bit(const void *bits, size_t index)
{
    return (((const uint8_t *)bits)[index / 8] >> (index % 8) & 1) != 0;
}

struct nanots_value cli_batch_value(const struct nanots_batch *batch, size_t column, size_t row)
{
    const struct nanots_batch_column *source = &batch->columns[column];
    struct nanots_value value = {.type = NANOTS_TYPE_NULL};
    if (source->validity != NULL && !value_bit(source->validity, row))
        return value;
    value.type = source->type;
    switch (source->type) {
    case NANOTS_TYPE_NULL:
        break;
    case NANOTS_TYPE_F64:
        value.as.f64 = ((const double *)source->values)[row];
        break;
    case NANOTS_TYPE_F32:
        value.as.f32 = ((const float *)source->values)[row];
        break;
    case NANOTS_TYPE_I64:
        value.as.i64 = ((const int64_t *)source->values)[row];
        break;
    case NANOTS_TYPE_I32:
        value.as.i32 = ((const int32_t *)source->values)[row];
        break;
    case NANOTS_TYPE_BOOL:
        value.as.boolean = value_bit(source->values, row);
        break;
    case NANOTS_TYPE_UTF8:
        value.as.utf8.data = (const char *)source->values + source->offsets[row];
        value.as.utf8.size = (size_t)(source->offsets[row + 1] - source->offsets[row]);
        break;
    }
    return value;
}

bool cli_values_equal(const struct nanots_value *a, const struct nanots_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case NANOTS_TYPE_F64:
        return memcmp(&a->as.f64, &b->as.f64, sizeof(a->as.f64)) == 0;
    case NANOTS_TYPE_F32:
        return memcmp(&a->as.f32, &b->as.f32, sizeof(a->as.f32)) == 0;
    case NANOTS_TYPE_I64:
        return a->as.i64 == b->as.i64;
    case NANOTS_TYPE_I32:
        return a->as.i32 == b->as.i32;
    case NANOTS_TYPE_BOOL:
        return (a->as.boolean != 0) == (b->as.boolean != 0);
    case NANOTS_TYPE_UTF8:
        return a->as.utf8.size == b->as.utf8.size &&
               (a->as.utf8.size == 0 ||
                memcmp(a->as.utf8.data, b->as.utf8.data, a->as.utf8.size) == 0);
    case NANOTS_TYPE_NULL:
        break;
    }
    return true;
}

double cli_value_number(const struct nanots_value *value)
{
    switch (value->type) {
    case NANOTS_TYPE_F64:
        return value->as.f64;
    case NANOTS_TYPE_F32:
        return cli_number_of_float(value->as.f32);
    case NANOTS_TYPE_I64:
        return (double)value->as.i64;
    case NANOTS_TYPE_I32:
        return value->as.i32;
    case NANOTS_TYPE_BOOL:
        return value->as.boolean != 0;
    case NANOTS_TYPE_NULL:
    case NANOTS_TYPE_UTF8:
        break;
    }
    return NAN;
}

size_t cli_value_print(const struct nanots_value *value, char text[CLI_NUMBER_TEXT_SIZE])
{
    if (value->type == NANOTS_TYPE_I64)
        return (size_t)snprintf(text, CLI_NUMBER_TEXT_SIZE, "%" PRId64, value->as.i64);
    if (value->type == NANOTS_TYPE_I32)
        return (size_t)snprintf(text, CLI_NUMBER_TEXT_SIZE, "%" PRId32, value->as.i32);
    if (value->type == NANOTS_TYPE_BOOL)
        return (size_t)snprintf(text, CLI_NUMBER_TEXT_SIZE, "%s",
                                value->as.boolean != 0 ? "true" : "false");
    return cli_number_print(cli_value_number(value), text);
}

/* ---- parsing ------------------------------------------------------------------------------ */

/* Through strtof, for a double that is rounded again may miss the nearest float. */
static bool value_parse_float(const char *text, float *value_out)
{
    double exact;
    if (!cli_number_parse(text, &exact))
        return false;
    *value_out = strtof(text, NULL);
    return isinf(exact) || !isinf(*value_out);
}

static bool value_parse_integer(const char *text, int64_t min, int64_t max, int64_t *value_out)
{
    char *end = NULL;
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits < '0' || *digits > '9')
        return false;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    *value_out = value;
    return errno == 0 && *end == '\0' && value >= min && value <= max;
}

static bool value_parse_boolean(const char *text, int *value_out)
{
    *value_out =
        strcmp(text, "true") == 0 || strcmp(text, "True") == 0 || strcmp(text, "TRUE") == 0;
    return *value_out || strcmp(text, "false") == 0 || strcmp(text, "False") == 0 ||
           strcmp(text, "FALSE") == 0;
}

/* Size of the character of UTF-8 at `text`, 0 if it is none: no overlong form, no surrogate. */
static size_t value_character_size(const unsigned char *text, size_t size)
{
    static const unsigned char least[] = {0, 0, 0xC2, 0xE0, 0xF0};
    const size_t length = text[0] < 0x80 ? 1 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    if (length > size || text[0] < least[length] || text[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    const bool bad = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
                     (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F);
    return bad ? 0 : length;
}

static bool value_is_utf8(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t at = 0; at < size;) {
        const size_t length = value_character_size(bytes + at, size - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

bool cli_value_parse(const char *text, size_t size, nanots_type type,
                     struct nanots_value *value_out)
{
    int64_t integer = 0;
    bool good = false;
    value_out->type = type;
    if (type != NANOTS_TYPE_UTF8 && strlen(text) != size)
        return false;
    switch (type) {
    case NANOTS_TYPE_NULL:
        break;
    case NANOTS_TYPE_F64:
        good = cli_number_parse(text, &value_out->as.f64);
        break;
    case NANOTS_TYPE_F32:
        good = value_parse_float(text, &value_out->as.f32);
        break;
    case NANOTS_TYPE_I64:
        good = value_parse_integer(text, INT64_MIN, INT64_MAX, &value_out->as.i64);
        break;
    case NANOTS_TYPE_I32:
        good = value_parse_integer(text, INT32_MIN, INT32_MAX, &integer);
        value_out->as.i32 = (int32_t)integer;
        break;
    case NANOTS_TYPE_BOOL:
        good = value_parse_boolean(text, &value_out->as.boolean);
        break;
    case NANOTS_TYPE_UTF8:
        value_out->as.utf8.data = text;
        value_out->as.utf8.size = size;
        good = value_is_utf8(text, size);
        break;
    }
    return good;
}

const char *cli_type_phrase(nanots_type type)
{
    static const char *const phrases[] = {[NANOTS_TYPE_NULL] = "null",
                                          [NANOTS_TYPE_F64] = "a number (f64)",
                                          [NANOTS_TYPE_F32] = "a number within range (f32)",
                                          [NANOTS_TYPE_I64] = "an integer of 64 bits (i64)",
                                          [NANOTS_TYPE_I32] = "an integer of 32 bits (i32)",
                                          [NANOTS_TYPE_BOOL] = "true or false (bool)",
                                          [NANOTS_TYPE_UTF8] = "text (utf8)"};
    return phrases[type];
}

/* ---- columns ------------------------------------------------------------------------------ */

/* The codec of a name, whether columns may name it or not; -1 if there is none. */
static int column_codec_of(const char *name)
{
    for (unsigned codec = 0; codec < NANOTS_CODEC_COUNT_MAX; codec++)
        if (nanots_codec_name(codec) != NULL && strcmp(nanots_codec_name(codec), name) == 0)
            return (int)codec;
    return -1;
}

/* =CODEC, which is cut off `type`. */
static int column_parse_codec(char *type, struct nanots_column *column)
{
    char *equals = strchr(type, '=');
    if (equals == NULL)
        return CLI_OK;
    *equals = '\0';
    const int codec = column_codec_of(equals + 1);
    if (codec < 0)
        return cli_usage("column '%s': there is no codec '%s'; nanots help create lists them",
                         column->name, equals + 1);
    column->flags |= NANOTS_COLUMN_CODEC(codec);
    return CLI_OK;
}

/* A ? at the end, which is cut off. */
static void column_parse_null(char *text, struct nanots_column *column)
{
    const size_t length = strlen(text);
    if (length == 0 || text[length - 1] != '?')
        return;
    column->flags |= NANOTS_COLUMN_NULLABLE;
    text[length - 1] = '\0';
}

int cli_column_parse(char *text, struct nanots_column *column_out)
{
    char *colon = strrchr(text, ':');
    column_out->name = text;
    column_out->type = NANOTS_TYPE_F64;
    column_out->flags = 0;
    if (colon == NULL) {
        column_parse_null(text, column_out);
        return CLI_OK;
    }
    *colon = '\0';
    const int exit_code = column_parse_codec(colon + 1, column_out);
    if (exit_code != CLI_OK)
        return exit_code;
    column_parse_null(colon + 1, column_out);
    for (int type = NANOTS_TYPE_F64; type <= NANOTS_TYPE_UTF8; type++) {
        if (strcmp(colon + 1, nanots_type_name((nanots_type)type)) == 0) {
            column_out->type = (nanots_type)type;
            return CLI_OK;
        }
    }
    return cli_usage("column '%s' has no type '%s': write NAME:TYPE with f64, f32, i64, i32, bool "
                     "or utf8, and a ? behind it if it may be null",
                     text, colon + 1);
}

const char *cli_null_mark(const struct nanots_column *column)
{
    return (column->flags & NANOTS_COLUMN_NULLABLE) != 0 ? "?" : "";
}

const char *cli_column_codec(const struct nanots_column *column)
{
    const int codec = NANOTS_COLUMN_CODEC_OF(column->flags);
    const char *name = codec < 0 ? NULL : nanots_codec_name((unsigned)codec);
    return name != NULL ? name : "";
}
