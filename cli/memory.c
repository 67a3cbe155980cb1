/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cli/memory.c - the tool's memory, and lists of names. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"

/* A one-shot process has nothing better to do without memory than to say so and end: every row that
 * was appended is safe in the file. */
static void memory_exhausted(void)
{
    cli_warn("out of memory");
    exit(CLI_FAILURE);
}

void *cli_alloc(size_t count, size_t element_size)
{
    void *block = calloc(count > 0 ? count : 1, element_size > 0 ? element_size : 1);
    if (block == NULL)
        memory_exhausted();
    return block;
}

void *cli_resize(void *block, size_t count, size_t element_size)
{
    void *resized = reallocarray(block, count > 0 ? count : 1, element_size);
    if (resized == NULL)
        memory_exhausted();
    return resized;
}

char *cli_copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = cli_alloc(size, 1);
    memcpy(copy, text, size);
    return copy;
}

void cli_free(void *block)
{
    free(block);
}

char **cli_split(const char *text, size_t *count_out)
{
    size_t count = 1;
    for (const char *p = text; *p != '\0'; p++)
        count += *p == ',';

    size_t text_size = strlen(text) + 1;
    char **names = cli_alloc(count * sizeof(char *) + text_size, 1);
    char *copy = (char *)(names + count);
    memcpy(copy, text, text_size);
    for (size_t i = 0; i < count; i++) {
        names[i] = copy;
        copy += strcspn(copy, ",");
        *copy++ = '\0';
    }
    *count_out = count;
    return names;
}

/* Edit distance without regard to case, cut at 32 bytes of `b`. */
static size_t names_distance(const char *a, const char *b)
{
    enum { WIDTH_MAX = 32 };
    size_t row[WIDTH_MAX + 1];
    size_t width = strnlen(b, WIDTH_MAX);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t above = row[j + 1];
            size_t best = diagonal + (strncasecmp(&a[i], &b[j], 1) != 0);
            if (above + 1 < best)
                best = above + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            diagonal = above;
            row[j + 1] = best;
        }
    }
    return row[width];
}

const char *cli_nearest(const char *name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t limit = strlen(name) / 2 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = names_distance(name, names[i]);
        if (distance < limit) {
            limit = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
