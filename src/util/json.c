/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/json.c - writes JSON into one block. Contract: json.h. */
#include "util/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_SIZE_MAX        (64u << 20) /* 1024 columns take less than 4 MiB */
#define JSON_NUMBER_SIZE_MAX 40u

void nts_json_init(struct nts_json *json, const struct nanots_allocator *alloc)
{
    nts_buf_init(&json->text, alloc, JSON_SIZE_MAX);
    json->failed = NANOTS_OK;
    json->needs_comma = false;
}

static void json_put(struct nts_json *json, const char *bytes, size_t size)
{
    if (json->failed == NANOTS_OK)
        json->failed = nts_buf_append(&json->text, bytes, size);
}

/* What begins a value: the comma behind the one before. */
static void json_begin_value(struct nts_json *json)
{
    if (json->needs_comma)
        json_put(json, ",", 1);
    json->needs_comma = true;
}

static void json_put_value(struct nts_json *json, const char *text)
{
    json_begin_value(json);
    json_put(json, text, strlen(text));
}

void nts_json_open(struct nts_json *json, char bracket)
{
    json_begin_value(json);
    json_put(json, &bracket, 1);
    json->needs_comma = false;
}

void nts_json_close(struct nts_json *json, char bracket)
{
    json_put(json, &bracket, 1);
    json->needs_comma = true;
}

void nts_json_key(struct nts_json *json, const char *key)
{
    nts_json_string(json, key);
    json_put(json, ":", 1);
    json->needs_comma = false;
}

void nts_json_string(struct nts_json *json, const char *text)
{
    json_begin_value(json);
    json_put(json, "\"", 1);
    for (const char *at = text; *at != '\0'; at++) {
        char escape[8];
        if (*at == '"' || *at == '\\') {
            escape[0] = '\\';
            escape[1] = *at;
            json_put(json, escape, 2);
        } else if ((unsigned char)*at < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*at);
            json_put(json, escape, 6);
        } else {
            json_put(json, at, 1);
        }
    }
    json_put(json, "\"", 1);
}

void nts_json_u64(struct nts_json *json, uint64_t value)
{
    char digits[JSON_NUMBER_SIZE_MAX];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    json_put_value(json, digits);
}

/* The host's locale may put a comma, or more than one byte, where JSON has a point. */
static void json_fix_point(char *digits)
{
    char *to = digits;
    bool in_point = false;
    for (const char *from = digits; *from != '\0'; from++) {
        const bool is_point = strchr("0123456789+-e", *from) == NULL;
        if (!is_point)
            *to++ = *from;
        else if (!in_point)
            *to++ = '.';
        in_point = is_point;
    }
    *to = '\0';
}

void nts_json_f64(struct nts_json *json, double value)
{
    char digits[JSON_NUMBER_SIZE_MAX] = "null";
    if (isfinite(value)) {
        int precision = 15;
        do {
            (void)snprintf(digits, sizeof digits, "%.*g", precision, value);
        } while (strtod(digits, NULL) != value && ++precision <= 17);
        json_fix_point(digits);
    }
    json_put_value(json, digits);
}

void nts_json_bool(struct nts_json *json, bool value)
{
    json_put_value(json, value ? "true" : "false");
}

nanots_status nts_json_take(struct nts_json *json, char **text_out, struct nanots_error *error)
{
    const struct nanots_allocator *alloc = json->text.alloc;
    json_put(json, "", 1);
    const nanots_status status = json->failed;
    const size_t size = json->text.size;
    *text_out = status == NANOTS_OK ? (char *)json->text.bytes : NULL;
    if (status != NANOTS_OK)
        nts_buf_deinit(&json->text);
    nts_json_init(json, alloc);
    if (status == NANOTS_NO_MEMORY)
        return nts_fail_memory(error, size);
    if (status != NANOTS_OK)
        return nts_fail(error, status, "a JSON text passes %u bytes", JSON_SIZE_MAX);
    return NANOTS_OK;
}
