/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/scan.h - the rows of a snapshot in a time range, as batches in order of (ts, arrival).
 *
 *   sources by time:   a |------------|
 *                      b       |----------|            a and b overlap: merged row by row
 *                      c                      |-----|  c alone: whole vectors decoded into the batch
 *
 * A source takes part from the moment its first ts is reached, so that a scan holds open only what
 * overlaps. Of the source with the least (ts, rank) as many rows are taken at once as come before
 * the next other source: a run, copied column by column. Backwards everything is mirrored.
 *
 * Where a table keeps one row of equal time, either later rows of a time are passed over (the first
 * in the scan's direction stays), or a row that was taken is taken back when one of its time
 * follows (the last stays); a batch then ends only before a row of another time.
 *
 * Belongs to one thread. Tests: unit/test_scan.c, model/.
 */
#ifndef NTS_SCAN_H
#define NTS_SCAN_H

#include "query/batch.h"
#include "query/source.h"

struct nts_scan;

struct nts_scan_spec {
    struct nts_source_spec *sources; /* in order of arrival; their references pass to the scan */
    size_t source_count;
    const struct nts_table_def *def; /* outlives the scan */
    int64_t from;                    /* inclusive */
    int64_t to;                      /* inclusive; below `from`: no rows */
    bool reverse;
    bool skip_damaged;       /* leave out what cannot be read, and tell */
    uint64_t limit;          /* 0: none */
    const uint32_t *columns; /* value columns wanted (0-based); copied */
    uint32_t column_count;
};

/* On failure the references are dropped too. */
NTS_CHECKED nanots_status nts_scan_new(const struct nanots_allocator *alloc,
                                       const struct nts_scan_spec *spec, struct nts_scan **scan_out,
                                       struct nanots_error *error);
void nts_scan_free(struct nts_scan *scan);

/* Rows that are left, at most. */
uint64_t nts_scan_rows_max(const struct nts_scan *scan);

/* The next batch, valid until the next call; NULL after the last. */
NTS_CHECKED nanots_status nts_scan_next(struct nts_scan *scan,
                                        const struct nanots_batch **batch_out,
                                        struct nanots_error *error);

/* All rows that are left as one batch, each decoded where it stays; release with
 * nts_batch_block_unref. TOO_BIG if the strings of a column exceed 2 GiB. */
NTS_CHECKED nanots_status nts_scan_rest(struct nts_scan *scan, struct nts_batch_block **block_out,
                                        size_t *row_count_out, struct nanots_error *error);

/* What was left out so far. */
const struct nanots_damage_report *nts_scan_damage(const struct nts_scan *scan);

/* The arrays of the last batch. */
struct nts_batch_block *nts_scan_block(const struct nts_scan *scan);

/* What it was made with: the definition, and the value columns with their number. */
const struct nts_table_def *nts_scan_def(const struct nts_scan *scan);
uint32_t nts_scan_columns(const struct nts_scan *scan, const uint32_t **columns_out);

#endif
