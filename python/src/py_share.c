/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* py_share.c - one Arrow array that many may hold: structs of their own over the same buffers.
 *
 *   Batch --+                        +--> clone --+-- child          each clone and each child
 *   buffer -+--> share --owns--> array             +-- child         holds one reference
 *
 * Children may be moved out of a clone and outlive it, as Arrow allows. Counts are atomic: any
 * thread may release, without the GIL, and the last one releases the array. Dictionaries do not
 * occur in what the library hands out.
 */
#include "py_nanots.h"

#include <stdlib.h>
#include <string.h>

struct py_share {
    atomic_uint refs;
    struct ArrowSchema schema;
    struct ArrowArray array;
};

struct py_share *py_share_new(struct ArrowSchema *schema, struct ArrowArray *array)
{
    struct py_share *share = malloc(sizeof *share);

    if (share == NULL)
        return NULL;
    atomic_init(&share->refs, 1);
    share->schema = *schema;
    share->array = *array;
    schema->release = NULL;
    array->release = NULL;
    return share;
}

struct py_share *py_share_ref(struct py_share *share)
{
    atomic_fetch_add_explicit(&share->refs, 1, memory_order_relaxed);
    return share;
}

void py_share_unref(struct py_share *share)
{
    if (share == NULL || atomic_fetch_sub_explicit(&share->refs, 1, memory_order_acq_rel) != 1)
        return;
    share->array.release(&share->array);
    share->schema.release(&share->schema);
    free(share);
}

const struct ArrowSchema *py_share_schema(const struct py_share *share)
{
    return &share->schema;
}

const struct ArrowArray *py_share_array(const struct py_share *share)
{
    return &share->array;
}

/* ---- schemas -------------------------------------------------------------------------------- */

static void clone_schema_release(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    schema->release = NULL;
    py_share_unref(schema->private_data);
}

static int clone_schema(struct py_share *share, const struct ArrowSchema *from,
                        struct ArrowSchema *to)
{
    *to = *from;
    to->n_children = 0;
    to->release = NULL;
    to->children = calloc((size_t)from->n_children + 1, sizeof(struct ArrowSchema *));
    if (to->children == NULL)
        return -1;
    to->private_data = py_share_ref(share);
    to->release = clone_schema_release;
    while (to->n_children < from->n_children) {
        struct ArrowSchema *child = calloc(1, sizeof *child);
        if (child != NULL)
            to->children[to->n_children++] = child;
        if (child == NULL || clone_schema(share, from->children[to->n_children - 1], child) < 0) {
            to->release(to);
            return -1;
        }
    }
    return 0;
}

int py_share_export_schema(struct py_share *share, struct ArrowSchema *schema_out)
{
    return clone_schema(share, &share->schema, schema_out);
}

/* ---- arrays --------------------------------------------------------------------------------- */

static void clone_array_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    array->release = NULL;
    py_share_unref(array->private_data);
}

static int clone_array(struct py_share *share, const struct ArrowArray *from, struct ArrowArray *to)
{
    *to = *from;
    to->n_children = 0;
    to->release = NULL;
    to->children = calloc((size_t)from->n_children + 1, sizeof(struct ArrowArray *));
    if (to->children == NULL)
        return -1;
    to->private_data = py_share_ref(share);
    to->release = clone_array_release;
    while (to->n_children < from->n_children) {
        struct ArrowArray *child = calloc(1, sizeof *child);
        if (child != NULL)
            to->children[to->n_children++] = child;
        if (child == NULL || clone_array(share, from->children[to->n_children - 1], child) < 0) {
            to->release(to);
            return -1;
        }
    }
    return 0;
}

int py_share_export_array(struct py_share *share, struct ArrowArray *array_out)
{
    return clone_array(share, &share->array, array_out);
}
