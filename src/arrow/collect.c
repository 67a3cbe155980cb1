/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/collect.c - all batches of a scan as one. Contract: export.h. */
#include <string.h>

#include "arrow/export.h"

/* Appends the first `count` rows of `from` as rows from `at` on. */
static nanots_status collect_put(struct nts_batch_block *block, size_t at,
                                 const struct nts_batch_block *from, size_t count,
                                 struct nanots_error *error)
{
    const struct nts_column ts = nts_column_buffer_view(&from->ts);
    NTS_TRY(nts_column_buffer_put(&block->ts, at, &ts, 0, count, false, error));
    for (uint32_t k = 0; k < block->column_count; k++) {
        const struct nts_column column = nts_column_buffer_view(&from->columns[k]);
        NTS_TRY(nts_column_buffer_put(&block->columns[k], at, &column, 0, count, false, error));
    }
    return NANOTS_OK;
}

/* The first batch and what follows, in a block that has room for all. */
static nanots_status collect_many(const struct nanots_allocator *alloc, struct nts_scan *scan,
                                  const struct nts_batch_block *first, size_t first_count,
                                  uint64_t most, struct nts_batch_block **block_out,
                                  size_t *row_count_out, struct nanots_error *error)
{
    const struct nanots_batch *batch = NULL;
    const uint32_t *columns = NULL;
    const uint32_t column_count = nts_scan_columns(scan, &columns);
    struct nts_batch_block *block = NULL;
    nanots_status status = NANOTS_OK;
    size_t count = first_count;

    if (most > SIZE_MAX / 16)
        return nts_fail_memory(error, SIZE_MAX);
    NTS_TRY(nts_batch_block_new(alloc, nts_scan_def(scan), columns, column_count, (size_t)most,
                                &block, error));
    NTS_TRY_OUT(collect_put(block, 0, first, first_count, error));
    for (;;) {
        NTS_TRY_OUT(nts_scan_next(scan, &batch, error));
        if (batch == NULL)
            break;
        NTS_TRY_OUT(collect_put(block, count, nts_scan_block(scan), batch->row_count, error));
        count += batch->row_count;
    }
    *block_out = block;
    *row_count_out = count;
    return NANOTS_OK;
out:
    nts_batch_block_unref(block);
    return status;
}

nanots_status nts_arrow_collect(const struct nanots_allocator *alloc, struct nts_scan *scan,
                                struct nts_batch_block **block_out, size_t *row_count_out,
                                struct nanots_error *error)
{
    const uint64_t most = nts_scan_rows_max(scan);
    const struct nanots_batch *batch = NULL;
    nanots_status status = NANOTS_OK;

    *block_out = NULL;
    *row_count_out = 0;
    NTS_TRY(nts_scan_next(scan, &batch, error));
    struct nts_batch_block *first = nts_batch_block_ref(nts_scan_block(scan));
    const size_t count = batch == NULL ? 0 : batch->row_count;
    if (count == most || batch == NULL) {
        *block_out = first;
        *row_count_out = count;
        return NANOTS_OK;
    }
    status = collect_many(alloc, scan, first, count, most, block_out, row_count_out, error);
    nts_batch_block_unref(first);
    return status;
}
