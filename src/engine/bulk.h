/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/bulk.h - batches so large that they are their own log entry. */
#ifndef NTS_BULK_H
#define NTS_BULK_H

#include "engine/engine.h"

/* Rows that are segments already, and not in the log yet. */
struct nts_bulk {
    struct nts_bulk *next; /* the owner's */
    struct nanots_table *table;
    uint32_t row_count;
    uint32_t column_count;
    struct nts_segment_entry *entries;
    struct nts_part **parts; /* with their segments; the table's once adopted */
    size_t segment_count;    /* to be written in all */
    size_t written;          /* of these: extents are held */
};

/* Bulk bytes that wait for one commit: recovery verifies them all. */
#define NTS_RUN_BULK_BYTES_MAX (256ull << 20)

/* Whether a batch is written as a segment and named by a SEGMENT record. */
bool nts_rows_are_bulk(const struct nanots_db *db, const struct nts_rows *rows);

/* TOO_BIG if a record or a row group of the batch would be over max_record_size. */
NTS_CHECKED nanots_status nts_rows_check_size(const struct nanots_table *table,
                                              const struct nts_rows *rows,
                                              struct nanots_error *error);

/* Writes the rows into free space, which is held. On failure nothing is left to discard. */
NTS_CHECKED nanots_status nts_bulk_write(struct nts_bulk *bulk, struct nanots_table *table,
                                         const struct nts_rows *rows, struct nanots_error *error);
/* Gives the space back. */
void nts_bulk_discard(struct nts_bulk *bulk);

/* Of its SEGMENT record. */
static inline size_t nts_bulk_payload_size(const struct nts_bulk *bulk)
{
    return bulk->segment_count * NTS_SEGMENT_ENTRY_SIZE;
}
/* The steps of committing one, with write_lock and the table touched by the active run: seqs are
 * given, and the headers rewritten; the record goes into the log, which has room; the parts become
 * the table's. */
NTS_CHECKED nanots_status nts_bulk_renumber(struct nts_bulk *bulk, uint64_t first_seq,
                                            struct nanots_error *error);
NTS_CHECKED nanots_status nts_bulk_log(const struct nts_bulk *bulk, struct nanots_error *error);
void nts_bulk_adopt(struct nts_bulk *bulk);

#endif
