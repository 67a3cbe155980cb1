/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/export_array.c - batches as Arrow arrays. Contract: export.h. */
#include <string.h>

#include "arrow/export.h"

#define COLUMN_BUFFERS_MAX 3u /* validity, then values, or offsets and bytes */

/* Of an array handed out: children, pointers to them, then their buffers. */
struct array_block {
    struct nts_refcount refs;
    uint32_t child_count;
    struct nts_batch_block *batch;
    struct ArrowArray **children;
    const void *parent_buffers[1]; /* a struct has a validity only: none */
    struct ArrowArray columns[];
};

static void array_unref(struct array_block *block)
{
    if (!nts_refcount_drop(&block->refs))
        return;
    nts_batch_block_unref(block->batch);
    nts_free(block);
}

static void array_release_column(struct ArrowArray *column)
{
    struct array_block *block = column->private_data;
    column->release = NULL;
    array_unref(block);
}

/* Children that were moved out are marked as released in their parent and stay. */
static void array_release(struct ArrowArray *array)
{
    struct array_block *block = array->private_data;
    for (uint32_t i = 0; i < block->child_count; i++)
        if (block->columns[i].release != NULL)
            block->columns[i].release(&block->columns[i]);
    array->release = NULL;
    array_unref(block);
}

/* The arrays of one column as they lie in the batch. */
static void array_fill_column(struct array_block *block, uint32_t i,
                              const struct nts_column_buffer *buffer, size_t row_count,
                              const void **buffers)
{
    const struct nts_column view = nts_column_buffer_view(buffer);
    struct ArrowArray *column = &block->columns[i];

    column->length = (int64_t)row_count;
    column->null_count = (int64_t)nts_column_null_count(&view, 0, row_count);
    column->n_buffers = view.offsets != NULL ? 3 : 2;
    column->buffers = buffers;
    buffers[0] = view.validity;
    buffers[1] = view.offsets != NULL ? (const void *)view.offsets : view.values;
    buffers[2] = view.offsets != NULL ? view.values : NULL;
    column->release = array_release_column;
    column->private_data = block;
    nts_refcount_take(&block->refs);
    block->children[i] = column;
}

nanots_status nts_arrow_export_array(const struct nanots_allocator *alloc,
                                     struct nts_batch_block *batch, size_t row_count,
                                     struct ArrowArray *array_out, struct nanots_error *error)
{
    const size_t count = (size_t)batch->column_count + 1;
    const size_t size = sizeof(struct array_block) +
                        count * (sizeof(struct ArrowArray) + sizeof(struct ArrowArray *) +
                                 COLUMN_BUFFERS_MAX * sizeof(const void *));
    struct array_block *block = nts_alloc_zeroed(alloc, size);

    memset(array_out, 0, sizeof *array_out);
    if (block == NULL)
        return nts_fail_memory(error, size);
    nts_refcount_init(&block->refs);
    block->child_count = (uint32_t)count;
    block->batch = nts_batch_block_ref(batch);
    block->children = (struct ArrowArray **)(void *)(block->columns + count);
    const void **buffers = (const void **)(void *)(block->children + count);
    array_fill_column(block, 0, &batch->ts, row_count, buffers);
    for (uint32_t k = 0; k < batch->column_count; k++)
        array_fill_column(block, k + 1, &batch->columns[k], row_count,
                          buffers + (k + 1) * COLUMN_BUFFERS_MAX);
    array_out->length = (int64_t)row_count;
    array_out->n_buffers = 1;
    array_out->buffers = block->parent_buffers;
    array_out->n_children = (int64_t)count;
    array_out->children = block->children;
    array_out->release = array_release;
    array_out->private_data = block;
    return NANOTS_OK;
}
