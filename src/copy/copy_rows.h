/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* copy/copy_rows.h - rows that become segments of the new file: those of a memtable, and what is
 * whole of a damaged segment.
 *
 *   memtable, in order of time ----+
 *                                  +--> groups of NTS_GROUP_ROWS --> one segment, in memory --> target
 *   groups of a segment, by mask --+
 *
 * Memory: one row group, and one encoded segment. Not shared between threads. Tests:
 * api/test_backup.c, api/test_repair.c.
 */
#ifndef NTS_COPY_ROWS_H
#define NTS_COPY_ROWS_H

#include "base/check.h"
#include "copy/copy_target.h"

static_assert(NTS_SEGMENT_ROWS_MAX / NTS_GROUP_ROWS <= 64, "the groups of a segment fit a mask");

/* Rows of the memtable that `source` has. */
NTS_CHECKED nanots_status nts_copy_memtable(struct nts_target *target,
                                            struct nts_target_table *table,
                                            const struct nts_copy_source *source,
                                            struct nanots_error *error);

/* Checks header, footer and every chunk of a segment that nobody has read yet. */
NTS_CHECKED nanots_status nts_copy_check(struct nts_segment *segment,
                                         struct nts_segment_reader *reader,
                                         struct nanots_error *error);

/* For a segment whose header is damaged: looks for the footer that its entry tells of, and loads
 * it. *found_out: it did. NO_MEMORY; what cannot be read is not there. */
NTS_CHECKED nanots_status nts_copy_find_footer(struct nts_target *target,
                                               struct nts_segment *segment, bool *found_out,
                                               struct nanots_error *error);

/* What of a segment can be read. */
struct nts_copy_groups {
    uint64_t mask;   /* bit of each row group of which all that is asked for can be read */
    uint32_t rows;   /* of those */
    uint64_t nulled; /* values of these that are lost and become null */
    bool
        *column_lost; /* [group * column_count + column], or NULL: a column of a group to be null */
};

/* Tries every row group. With `null_lost`, a group of which only nullable columns are damaged
 * counts as readable: their values become null. `first` gets the sentence of the first damage.
 * Release with nts_copy_groups_deinit, also on failure. */
NTS_CHECKED nanots_status nts_copy_groups_find(struct nts_target *target,
                                               const struct nts_target_table *table,
                                               struct nts_segment *segment, bool null_lost,
                                               struct nts_copy_groups *groups,
                                               struct nanots_error *first,
                                               struct nanots_error *error);
void nts_copy_groups_deinit(struct nts_copy_groups *groups);

/* Those groups as a segment of the same place in the order of arrival. */
NTS_CHECKED nanots_status nts_copy_groups_put(struct nts_target *target,
                                              struct nts_target_table *table,
                                              struct nts_segment *segment,
                                              const struct nts_copy_groups *groups,
                                              struct nanots_error *error);

#endif
