/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/arrow_made.h - Arrow structs made by hand, which count how often they are released.
 *
 *     struct arrow_made made;
 *     arrow_made_init(&made, 3);                                      rows
 *     arrow_made_add(&made, "ts", "l", NULL, ts, NULL);               validity, values, bytes
 *     arrow_made_add(&made, "text", "u", NULL, offsets, "abc");
 *     db_ok(nanots_append_arrow(db, "plant", &made.schema, &made.array, NULL, NULL, &db_error));
 *     arrow_made_expect_released(&made);                              each exactly once
 *
 * Nothing is allocated: the struct stays where it is while it is used. Include after cmocka.h.
 */
#ifndef ARROW_MADE_H
#define ARROW_MADE_H

#include <string.h>

#include "nanots_arrow.h"

#define ARROW_MADE_COLUMNS_MAX 8
#define ARROW_MADE_BUFFERS_MAX 6

struct arrow_made_column {
    struct ArrowSchema schema;
    struct ArrowArray array;
    const void *buffers[ARROW_MADE_BUFFERS_MAX];
    struct ArrowSchema dictionary_schema;
    struct ArrowArray dictionary;
    const void *dictionary_buffers[ARROW_MADE_BUFFERS_MAX];
};

struct arrow_made {
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct ArrowArrayStream stream;
    struct ArrowSchema *schema_children[ARROW_MADE_COLUMNS_MAX];
    struct ArrowArray *children[ARROW_MADE_COLUMNS_MAX];
    const void *buffers[1];
    struct arrow_made_column columns[ARROW_MADE_COLUMNS_MAX];
    int schemas_released;
    int arrays_released;
    int streams_released;
    int arrays_left;     /* of the stream */
    int arrays_given;    /* by the stream */
    int schema_errno;    /* what get_schema fails with */
    int next_errno;      /* what get_next fails with once no array is left */
    const char *failure; /* its sentence */
};

static inline void arrow_made_release_schema(struct ArrowSchema *schema)
{
    ((struct arrow_made *)schema->private_data)->schemas_released++;
    schema->release = NULL;
}

static inline void arrow_made_release_array(struct ArrowArray *array)
{
    ((struct arrow_made *)array->private_data)->arrays_released++;
    array->release = NULL;
}

static inline void arrow_made_release_stream(struct ArrowArrayStream *stream)
{
    ((struct arrow_made *)stream->private_data)->streams_released++;
    stream->release = NULL;
}

/* A child is its parent's to release. */
static inline void arrow_made_release_child_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
    ((struct arrow_made *)schema->private_data)->schemas_released += 1000;
}

static inline void arrow_made_release_child_array(struct ArrowArray *array)
{
    array->release = NULL;
    ((struct arrow_made *)array->private_data)->arrays_released += 1000;
}

static inline int arrow_made_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct arrow_made *made = stream->private_data;
    if (made->schema_errno == 0)
        *out = made->schema;
    return made->schema_errno;
}

static inline int arrow_made_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct arrow_made *made = stream->private_data;
    memset(out, 0, sizeof *out);
    if (made->arrays_left == 0)
        return made->next_errno;
    made->arrays_left--;
    made->arrays_given++;
    *out = made->array;
    return 0;
}

static inline const char *arrow_made_get_last_error(struct ArrowArrayStream *stream)
{
    return ((struct arrow_made *)stream->private_data)->failure;
}

static inline void arrow_made_init(struct arrow_made *made, int64_t row_count)
{
    memset(made, 0, sizeof *made);
    made->schema.format = "+s";
    made->schema.children = made->schema_children;
    made->schema.release = arrow_made_release_schema;
    made->schema.private_data = made;
    made->array.length = row_count;
    made->array.n_buffers = 1;
    made->array.buffers = made->buffers;
    made->array.children = made->children;
    made->array.release = arrow_made_release_array;
    made->array.private_data = made;
    made->stream.get_schema = arrow_made_get_schema;
    made->stream.get_next = arrow_made_get_next;
    made->stream.get_last_error = arrow_made_get_last_error;
    made->stream.release = arrow_made_release_stream;
    made->stream.private_data = made;
}

/* `bytes` makes it an array of three buffers. Nullable. */
static inline struct arrow_made_column *arrow_made_add(struct arrow_made *made, const char *name,
                                                       const char *format, const void *validity,
                                                       const void *values, const void *bytes)
{
    struct arrow_made_column *column = &made->columns[made->array.n_children];
    column->schema.name = name;
    column->schema.format = format;
    column->schema.flags = ARROW_FLAG_NULLABLE;
    column->schema.release = arrow_made_release_child_schema;
    column->schema.private_data = made;
    column->array.length = made->array.length;
    column->array.null_count = validity == NULL ? 0 : -1;
    column->array.n_buffers = bytes == NULL ? 2 : 3;
    column->array.buffers = column->buffers;
    column->array.release = arrow_made_release_child_array;
    column->array.private_data = made;
    column->buffers[0] = validity;
    column->buffers[1] = values;
    column->buffers[2] = bytes;
    made->schema_children[made->schema.n_children++] = &column->schema;
    made->children[made->array.n_children++] = &column->array;
    return column;
}

/* Turns a column of indexes into one of strings: `count` of them in a dictionary. */
static inline void arrow_made_add_dictionary(struct arrow_made_column *column, int64_t count,
                                             const int32_t *offsets, const char *bytes)
{
    column->dictionary_schema = column->schema;
    column->dictionary_schema.format = "u";
    column->schema.dictionary = &column->dictionary_schema;
    column->dictionary = column->array;
    column->dictionary.length = count;
    column->dictionary.offset = 0;
    column->dictionary.null_count = 0;
    column->dictionary.n_buffers = 3;
    column->dictionary.buffers = column->dictionary_buffers;
    column->dictionary_buffers[1] = offsets;
    column->dictionary_buffers[2] = bytes;
    column->array.dictionary = &column->dictionary;
}

#define arrow_made_expect_released(made)                                                           \
    do {                                                                                           \
        assert_int_equal((made)->schemas_released, 1);                                             \
        assert_int_equal((made)->arrays_released, 1);                                              \
        assert_null((made)->schema.release);                                                       \
        assert_null((made)->array.release);                                                        \
    } while (0)

#endif
