/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/batch.h - the arrays of one batch of a result: decoded into once, handed out as they are.
 *
 * Counted: whoever hands a batch's arrays out for longer than until the scan's next step takes a
 * reference, and the scan goes on in other arrays. Any thread may drop the last one. Tests:
 * unit/test_batch.c.
 */
#ifndef NTS_BATCH_H
#define NTS_BATCH_H

#include "format/table_def.h"
#include "util/column.h"
#include "util/refcount.h"

struct nts_batch_block {
    struct nts_refcount refs;
    uint32_t column_count;
    struct nts_column_buffer ts; /* i64 */
    struct nts_column_buffer columns[];
};

/* Room for `rows` rows of the columns of `def` that `columns` names (0-based). */
NTS_CHECKED nanots_status nts_batch_block_new(const struct nanots_allocator *alloc,
                                              const struct nts_table_def *def,
                                              const uint32_t *columns, uint32_t column_count,
                                              size_t rows, struct nts_batch_block **block_out,
                                              struct nanots_error *error);
struct nts_batch_block *nts_batch_block_ref(struct nts_batch_block *block);
/* NULL is fine. */
void nts_batch_block_unref(struct nts_batch_block *block);

#endif
