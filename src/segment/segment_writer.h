/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment_writer.h - sorted rows into one segment (SPEC.md 6).
 *
 *   new --> begin --> add_group ... add_group --> finish --> begin ... --> free
 *
 * One writer makes any number of segments, one after the other, through an extent writer. Each
 * call of add_group takes one row group: NTS_GROUP_ROWS rows, only the last may have fewer.
 * Nothing is durable before the extent writer is flushed. Not shared between threads. Tests:
 * unit/test_segment_writer.c.
 */
#ifndef NTS_SEGMENT_WRITER_H
#define NTS_SEGMENT_WRITER_H

#include "base/status.h"
#include "codec/chunk.h"
#include "format/manifest.h"
#include "format/table_def.h"
#include "segment/extent_writer.h"
#include "util/column.h"

struct nts_segment_writer;

NTS_CHECKED struct nts_segment_writer *nts_segment_writer_new(const struct nanots_allocator *alloc);
void nts_segment_writer_free(struct nts_segment_writer *writer);

/* Upper bound of the size of a segment of `row_count` rows of `def`, with `text_bytes` bytes in all
 * strings. */
uint64_t nts_segment_size_max(const struct nts_table_def *def, uint64_t row_count,
                              uint64_t text_bytes);

/* The tier of a segment of `def`: of rows just come, or of rows that stay as they are written. */
static inline enum nts_tier nts_segment_tier(const struct nts_table_def *def, bool is_cold)
{
    if (def->tier == NTS_DEF_TIER_AUTO)
        return is_cold ? NTS_TIER_PACKED : NTS_TIER_HOT;
    return def->tier == NTS_DEF_TIER_PACKED ? NTS_TIER_PACKED : NTS_TIER_HOT;
}

/* What is known before the first row. */
struct nts_segment_start {
    const struct nts_table_def *def;
    uint64_t segment_id;
    uint64_t seq_first; /* of a batch not logged yet: 0, see nts_segment_renumber */
    uint64_t seq_last;
    uint64_t file_seed;
    uint32_t row_count; /* exactly as many rows follow */
    enum nts_tier tier;
};

/* Starts a segment at the next granule of `out`. `start->def` and `out` outlive the segment. */
NTS_CHECKED nanots_status nts_segment_writer_begin(struct nts_segment_writer *writer,
                                                   struct nts_extent_writer *out,
                                                   const struct nts_segment_start *start,
                                                   struct nanots_error *error);

/* Rows sorted by (ts, arrival), behind those of the groups before. */
NTS_CHECKED nanots_status nts_segment_writer_add_group(struct nts_segment_writer *writer,
                                                       const int64_t *ts,
                                                       const struct nts_column *columns,
                                                       size_t row_count,
                                                       struct nanots_error *error);

/* Writes the footer and the header; *entry_out says what the manifest must. */
NTS_CHECKED nanots_status nts_segment_writer_finish(struct nts_segment_writer *writer,
                                                    struct nts_segment_entry *entry_out,
                                                    struct nanots_error *error);

/* Gives a finished and written segment its place in the order of arrival: rewrites the header and
 * sets the interval in *entry. For a bulk batch, whose seq is known only when its WAL record is
 * appended. */
NTS_CHECKED nanots_status nts_segment_renumber(struct nanots_file *file,
                                               struct nts_segment_entry *entry, uint64_t seq_first,
                                               struct nanots_error *error);

#endif
