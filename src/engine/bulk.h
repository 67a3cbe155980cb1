/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/bulk.h - batches so large that they are their own log entry. */
#ifndef NTS_BULK_H
#define NTS_BULK_H

#include "engine/engine.h"

/* Bulk bytes that wait for one commit: recovery verifies them all. */
#define NTS_RUN_BULK_BYTES_MAX (256ull << 20)

/* Whether a batch is written as a segment and named by a SEGMENT record. */
bool nts_rows_are_bulk(const struct nanots_db *db, const struct nts_rows *rows);

/* TOO_BIG if a record or a row group of the batch would be over max_record_size. */
NTS_CHECKED nanots_status nts_rows_check_size(const struct nanots_table *table,
                                              const struct nts_rows *rows,
                                              struct nanots_error *error);

#endif
