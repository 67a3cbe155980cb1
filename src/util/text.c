/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* util/text.c - names: UTF-8 and the nearest spelling. */
#include "util/text.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define TEXT_NAME_SIZE_MAX 64u

/* One row of table 3-7 of the Unicode standard. Only the second byte has bounds of its own; the
 * third and fourth are always 80..BF. That is what shuts out overlong forms and surrogates. */
struct utf8_form {
    uint8_t lead_first;
    uint8_t lead_last;
    uint8_t second_first;
    uint8_t second_last;
    uint8_t size;
};

static const struct utf8_form utf8_forms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* Size of the well-formed character at `bytes`, 0 if there is none within `size` (>= 1) bytes. */
static size_t utf8_char_size(const uint8_t *bytes, size_t size)
{
    if (bytes[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof utf8_forms / sizeof utf8_forms[0]; i++) {
        const struct utf8_form *form = &utf8_forms[i];
        if (bytes[0] < form->lead_first || bytes[0] > form->lead_last)
            continue;
        if (size < form->size || bytes[1] < form->second_first || bytes[1] > form->second_last)
            return 0;
        for (size_t k = 2; k < form->size; k++) {
            if ((bytes[k] & 0xC0) != 0x80)
                return 0;
        }
        return form->size;
    }
    return 0;
}

size_t nts_utf8_valid_prefix(const char *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t offset = 0;

    while (offset < size) {
        /* Eight ASCII bytes at a time, which is what names and most strings are made of. */
        if (size - offset >= 8 && (nts_load_u64(bytes + offset) & 0x8080808080808080u) == 0) {
            offset += 8;
            continue;
        }
        const size_t char_size = utf8_char_size(bytes + offset, size - offset);
        if (char_size == 0)
            return offset;
        offset += char_size;
    }
    return size;
}

static unsigned text_min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Three rows of the table of distances between prefixes are enough: the swap of neighbours looks
 * back by two. No part of a string is edited twice. */
static unsigned text_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned rows[3][TEXT_NAME_SIZE_MAX + 1];
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *current = rows[2];

    for (size_t j = 0; j <= b_size; j++) {
        before[j] = 0;
        last[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        current[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            const unsigned replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = text_min(replaced, text_min(last[j], current[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = text_min(current[j], before[j - 2] + 1);
        }
        unsigned *oldest = before;
        before = last;
        last = current;
        current = oldest;
    }
    return last[b_size];
}

unsigned nts_edit_distance(const char *a, const char *b, unsigned limit)
{
    const unsigned beyond = limit == UINT_MAX ? UINT_MAX : limit + 1;
    const size_t a_size = strlen(a);
    const size_t b_size = strlen(b);

    if (a_size > TEXT_NAME_SIZE_MAX || b_size > TEXT_NAME_SIZE_MAX)
        return beyond;
    return text_min(text_distance(a, a_size, b, b_size), beyond);
}
