/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_cast.c - a stream of ours with columns widened to what its consumer asked for.
 *
 *   has        asked for                 has          asked for
 *   int32      int64                     string       large_string
 *   float32    float64                   timestamp    timestamp of a finer unit
 *
 * What loses nothing, and nothing else: other wishes are left to the consumer, as Arrow's protocol
 * has it. A time that does not fit the finer unit ends the stream with an error that says so.
 *
 * A child that is widened gets buffers of its own; its release frees them, puts back what it had
 * and calls the release that it had. No GIL.
 */
#include "py_nanots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cast_rule {
    const char *format; /* to be; NULL: as it is */
    char kind;          /* first letter of the format that it has */
    int64_t scale;      /* of a timestamp */
};

struct cast_stream {
    struct ArrowArrayStream inner;
    int64_t count;
    bool has_overflowed;
    struct cast_rule rules[];
};

/* ---- rules ---------------------------------------------------------------------------------- */

static const char *const cast_units = "smun"; /* each a thousandth of the one before */

static bool cast_times(const char *has, const char *wanted, struct cast_rule *rule)
{
    static const char *const formats[] = {"tss:UTC", "tsm:UTC", "tsu:UTC", "tsn:UTC"};

    if (strncmp(has, "ts", 2) != 0 || strncmp(wanted, "ts", 2) != 0 ||
        strcmp(wanted + 3, ":UTC") != 0)
        return false;
    const char *from = strchr(cast_units, has[2]);
    const char *to = strchr(cast_units, wanted[2]);
    if (from == NULL || to == NULL || to <= from)
        return false;
    rule->format = formats[to - cast_units];
    rule->kind = 't';
    rule->scale = 1;
    for (; from < to; from++)
        rule->scale *= 1000;
    return true;
}

/* Whether `has` is to become `wanted`; fills the rule then. */
static bool cast_find(const char *has, const char *wanted, struct cast_rule *rule)
{
    static const char *const pairs[][2] = {{"i", "l"}, {"f", "g"}, {"u", "U"}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strcmp(has, pairs[i][0]) == 0 && strcmp(wanted, pairs[i][1]) == 0) {
            rule->format = pairs[i][1];
            rule->kind = *has;
            return true;
        }
    }
    return cast_times(has, wanted, rule);
}

/* ---- one child ------------------------------------------------------------------------------ */

struct cast_child {
    void (*release)(struct ArrowArray *array);
    void *private_data;
    const void **buffers_before;
    const void *buffers[3];
    void *block;
};

static void cast_child_release(struct ArrowArray *array)
{
    struct cast_child *child = array->private_data;

    array->buffers = child->buffers_before;
    array->private_data = child->private_data;
    array->release = child->release;
    free(child->block);
    free(child);
    array->release(array);
}

static bool cast_is_null(const struct ArrowArray *array, size_t row)
{
    const uint8_t *validity = array->buffers[0];
    return validity != NULL && (validity[row / 8] >> (row % 8) & 1) == 0;
}

/* Fills `block` with what the values, or offsets, are by the rule; an errno value. */
static int cast_values(const struct ArrowArray *array, const struct cast_rule *rule, void *block)
{
    const size_t count = (size_t)array->length;
    const void *from = array->buffers[1];
    int64_t *numbers = block;
    double *floats = block;

    for (size_t i = 0; i < count + (rule->kind == 'u'); i++) {
        if (rule->kind == 'f')
            floats[i] = (double)((const float *)from)[i];
        else if (rule->kind == 't' &&
                 __builtin_mul_overflow(((const int64_t *)from)[i], rule->scale, &numbers[i]) &&
                 !cast_is_null(array, i))
            return EOVERFLOW;
        else if (rule->kind != 't')
            numbers[i] = ((const int32_t *)from)[i];
    }
    return 0;
}

static int cast_child(struct ArrowArray *array, const struct cast_rule *rule)
{
    struct cast_child *child = calloc(1, sizeof *child);
    void *block = malloc(((size_t)array->length + 1) * 8);

    int failure = child == NULL || block == NULL ? ENOMEM : 0;
    if (failure == 0 && array->length > 0)
        failure = cast_values(array, rule, block);
    if (failure != 0) {
        free(block);
        free(child);
        return failure;
    }
    for (int64_t i = 0; i < array->n_buffers; i++)
        child->buffers[i] = array->buffers[i];
    child->buffers[1] = child->block = block;
    child->buffers_before = array->buffers;
    child->private_data = array->private_data;
    child->release = array->release;
    array->buffers = child->buffers;
    array->private_data = child;
    array->release = cast_child_release;
    return 0;
}

/* ---- the schema ----------------------------------------------------------------------------- */

struct cast_field {
    void (*release)(struct ArrowSchema *schema);
    void *private_data;
    const char *format;
};

static void cast_field_release(struct ArrowSchema *schema)
{
    struct cast_field *field = schema->private_data;

    schema->format = field->format;
    schema->private_data = field->private_data;
    schema->release = field->release;
    free(field);
    schema->release(schema);
}

static int cast_field(struct ArrowSchema *schema, const char *format)
{
    struct cast_field *field = malloc(sizeof *field);

    if (field == NULL)
        return ENOMEM;
    *field = (struct cast_field){schema->release, schema->private_data, schema->format};
    schema->format = format;
    schema->private_data = field;
    schema->release = cast_field_release;
    return 0;
}

/* ---- the stream ----------------------------------------------------------------------------- */

static int cast_get_schema(struct ArrowArrayStream *self, struct ArrowSchema *schema_out)
{
    struct cast_stream *stream = self->private_data;
    int failure = stream->inner.get_schema(&stream->inner, schema_out);

    for (int64_t i = 0; failure == 0 && i < stream->count; i++) {
        if (stream->rules[i].format != NULL)
            failure = cast_field(schema_out->children[i], stream->rules[i].format);
        if (failure != 0)
            schema_out->release(schema_out);
    }
    return failure;
}

static int cast_get_next(struct ArrowArrayStream *self, struct ArrowArray *array_out)
{
    struct cast_stream *stream = self->private_data;
    int failure = stream->inner.get_next(&stream->inner, array_out);

    if (failure != 0 || array_out->release == NULL)
        return failure;
    for (int64_t i = 0; failure == 0 && i < stream->count; i++) {
        const struct cast_rule *rule = &stream->rules[i];
        if (rule->format != NULL)
            failure = cast_child(array_out->children[i], rule);
    }
    if (failure != 0) {
        stream->has_overflowed = failure == EOVERFLOW;
        array_out->release(array_out);
    }
    return failure;
}

static const char *cast_get_last_error(struct ArrowArrayStream *self)
{
    struct cast_stream *stream = self->private_data;
    return stream->has_overflowed ? "a time does not fit the finer unit that was asked for"
                                  : stream->inner.get_last_error(&stream->inner);
}

static void cast_release(struct ArrowArrayStream *self)
{
    struct cast_stream *stream = self->private_data;

    stream->inner.release(&stream->inner);
    free(stream);
    self->private_data = NULL;
    self->release = NULL;
}

/* Fills the rules of all columns; whether there is one. */
static bool cast_rules(struct cast_stream *stream, const struct ArrowSchema *has,
                       const struct ArrowSchema *wanted)
{
    bool is_any = false;

    for (int64_t i = 0; i < stream->count; i++) {
        const struct ArrowSchema *one = has->children[i], *other = wanted->children[i];
        if (other->name != NULL && strcmp(one->name, other->name) == 0 &&
            cast_find(one->format, other->format, &stream->rules[i]))
            is_any = true;
    }
    return is_any;
}

int py_stream_cast(struct ArrowArrayStream *stream, const struct ArrowSchema *wanted)
{
    struct ArrowSchema has = {0};

    if (strcmp(wanted->format, "+s") != 0 || stream->get_schema(stream, &has) != 0)
        return 0; /* what is wrong with the stream, its consumer will hear */
    struct cast_stream *cast = NULL;
    int result = 0;
    if (has.n_children == wanted->n_children) {
        cast = calloc(1, sizeof *cast + (size_t)has.n_children * sizeof *cast->rules);
        result = cast == NULL ? -1 : 0;
    }
    if (cast != NULL) {
        cast->count = has.n_children;
        cast->inner = *stream;
    }
    if (cast != NULL && cast_rules(cast, &has, wanted))
        *stream = (struct ArrowArrayStream){.get_schema = cast_get_schema,
                                            .get_next = cast_get_next,
                                            .get_last_error = cast_get_last_error,
                                            .release = cast_release,
                                            .private_data = cast};
    else
        free(cast);
    has.release(&has);
    return result;
}
