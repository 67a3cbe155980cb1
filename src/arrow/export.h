/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/export.h - a table's columns as an Arrow schema, a batch's arrays as Arrow arrays.
 *
 *   struct ArrowArray (of the consumer)        one block of ours, counted
 *   +-------------------------+                +--------------------------------------------+
 *   | children, private_data  |--------------->| refs = 1 + children not yet released       |
 *   +-------------------------+                | struct ArrowArray: ts, column 0, column 1  |--+
 *   a child moved out: a copy of its struct -->| their buffer pointers                      |  |
 *                                              +--------------------------------------------+  |
 *                                                       one reference to the nts_batch_block   v
 *                                                          values, validity, offsets: handed out as
 *                                                          the scan decoded them
 *
 * The last release, on whatever thread, drops the batch. A schema is built the same way.
 * Tests: api/test_arrow_out.c, arrow/.
 */
#ifndef NTS_ARROW_EXPORT_H
#define NTS_ARROW_EXPORT_H

#include "nanots_arrow.h"
#include "query/scan.h"

/* The time column and the value columns of `def` that `columns` names (0-based). On failure
 * schema_out is as one that was released. */
NTS_CHECKED nanots_status nts_arrow_export_schema(const struct nanots_allocator *alloc,
                                                  const struct nts_table_def *def,
                                                  const uint32_t *columns, uint32_t column_count,
                                                  bool time_as_int64,
                                                  struct ArrowSchema *schema_out,
                                                  struct nanots_error *error);

/* The first `row_count` rows of a block, which gets one more reference. On failure array_out is as
 * one that was released. */
NTS_CHECKED nanots_status nts_arrow_export_array(const struct nanots_allocator *alloc,
                                                 struct nts_batch_block *block, size_t row_count,
                                                 struct ArrowArray *array_out,
                                                 struct nanots_error *error);

#endif
