/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/batch.c - arrays of a batch. Contract: batch.h. */
#include "query/batch.h"

nanots_status nts_batch_block_new(const struct nanots_allocator *alloc,
                                  const struct nts_table_def *def, const uint32_t *columns,
                                  uint32_t column_count, size_t rows,
                                  struct nts_batch_block **block_out, struct nanots_error *error)
{
    const size_t size =
        sizeof(struct nts_batch_block) + column_count * sizeof(struct nts_column_buffer);
    struct nts_batch_block *block = nts_alloc_zeroed(alloc, size);
    nanots_status status = NANOTS_OK;

    *block_out = NULL;
    if (block == NULL)
        return nts_fail_memory(error, size);
    nts_refcount_init(&block->refs);
    NTS_TRY_OUT(nts_column_buffer_init(&block->ts, alloc, NANOTS_TYPE_I64, false, rows, error));
    for (uint32_t k = 0; k < column_count; k++) {
        const struct nts_column_def *column = &def->columns[columns[k]];
        NTS_TRY_OUT(nts_column_buffer_init(&block->columns[k], alloc, column->type,
                                           nts_column_is_nullable(column), rows, error));
        block->column_count = k + 1;
    }
    *block_out = block;
    return NANOTS_OK;
out:
    nts_batch_block_unref(block);
    return status;
}

struct nts_batch_block *nts_batch_block_ref(struct nts_batch_block *block)
{
    nts_refcount_take(&block->refs);
    return block;
}

void nts_batch_block_unref(struct nts_batch_block *block)
{
    if (block == NULL || !nts_refcount_drop(&block->refs))
        return;
    nts_column_buffer_deinit(&block->ts);
    for (uint32_t k = 0; k < block->column_count; k++)
        nts_column_buffer_deinit(&block->columns[k]);
    nts_free(block);
}
