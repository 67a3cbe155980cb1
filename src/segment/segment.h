/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/segment.h - one immutable segment, read vector by vector.
 *
 *   entry (from manifest or WAL) --> footer, verified once --> column index, decoded once a column
 *                                                          +--> chunk, verified once --> vector
 *
 * Opening reads nothing; each step happens at first need and is remembered. What is checked: the
 * header and footer against the entry's footer_checksum, each chunk against its own. Failures name
 * the table, the column, the row group and the offset.
 *
 * A segment is counted: catalog, snapshots and the list of freed ranges hold it. Any thread; a
 * `struct nts_segment_reader` belongs to one. What is loaded is put in its place under view->lock and
 * looked at without: a scan looks several times for each vector.
 * Tests: unit/test_segment.c.
 */
#ifndef NTS_SEGMENT_H
#define NTS_SEGMENT_H

#include <stdatomic.h>

#include "base/status.h"
#include "format/manifest.h"
#include "format/segment_layout.h"
#include "format/table_def.h"
#include "segment/file_view.h"
#include "segment/value_vector.h"
#include "util/refcount.h"

struct nts_segment {
    struct nts_refcount refs;
    struct nts_segment_entry entry; /* immutable */
    struct nts_file_view *view;
    const struct nts_table_def *def; /* the table's; outlives the segment */

    /* Of no use before `footer` is set, which is the last of them. */
    uint32_t column_count;   /* with ts; 0 until then */
    struct nts_footer parts; /* points into footer */
    uint64_t footer_off;
    struct nts_column_index *_Atomic *indexes; /* [column_count]; NULL until loaded */
    _Atomic uint8_t *verified;                 /* bit per chunk */
    uint8_t *_Atomic footer;                   /* copy */
};

/* `def` must outlive the segment. NULL if out of memory. */
NTS_CHECKED struct nts_segment *nts_segment_new(struct nts_file_view *view,
                                                const struct nts_segment_entry *entry,
                                                const struct nts_table_def *def);
struct nts_segment *nts_segment_ref(struct nts_segment *segment);
/* NULL is fine. */
void nts_segment_unref(struct nts_segment *segment);

/* The head of the chunk that a reader used last in a column. */
struct nts_reader_model {
    struct nts_chunk_model model;
    uint64_t segment_id;
    uint32_t group;
    bool is_read;
};

/* One thread's way of reading any segments: scratch memory, the heads of chunks and, where the file
 * cannot be mapped, a copy of the last chunk. */
struct nts_segment_reader {
    const struct nanots_allocator *alloc;
    struct nts_value_work *work;
    uint8_t *chunk; /* copy of chunk `chunk_index` of `chunk_segment`, or NULL */
    uint64_t chunk_segment_id;
    size_t chunk_index;
    struct nts_reader_model *models; /* [model_count], by column */
    uint32_t model_count;
};

NTS_CHECKED nanots_status nts_segment_reader_init(struct nts_segment_reader *reader,
                                                  const struct nanots_allocator *alloc,
                                                  struct nanots_error *error);
void nts_segment_reader_deinit(struct nts_segment_reader *reader);

/* Loads the footer from `footer_off`, from the segment's start, where a header that is damaged does
 * not say it: what the footer says is checked against the entry as ever. For a repair. */
NTS_CHECKED nanots_status nts_segment_load_footer_at(struct nts_segment *segment,
                                                     uint64_t footer_off,
                                                     struct nanots_error *error);

/* Whether the segment has a column (0 = ts), or is older than it. */
NTS_CHECKED nanots_status nts_segment_has_column(struct nts_segment *segment, uint32_t column,
                                                 bool *has_column_out, struct nanots_error *error);

/* The index of a column (0 = ts); belongs to the segment. */
NTS_CHECKED nanots_status nts_segment_index(struct nts_segment *segment,
                                            struct nts_segment_reader *reader, uint32_t column,
                                            const struct nts_column_index **index_out,
                                            struct nanots_error *error);

/* Decodes vector `vector` of ts into dst, which has room for NTS_VECTOR_ROWS values. */
NTS_CHECKED nanots_status nts_segment_read_ts(struct nts_segment *segment,
                                              struct nts_segment_reader *reader, uint32_t vector,
                                              int64_t *dst, struct nanots_error *error);
/* Decodes a vector of value column `column` (>= 1) to rows [at, ..) of `dst`, a buffer of the
 * column's type with room for NTS_VECTOR_ROWS rows from `at` on, nullable if the column is. Rows
 * from before the column was added are null. */
NTS_CHECKED nanots_status nts_segment_read_column(struct nts_segment *segment,
                                                  struct nts_segment_reader *reader,
                                                  uint32_t column, uint32_t vector,
                                                  struct nts_column_buffer *dst, size_t at,
                                                  struct nanots_error *error);

/* Bytes of all strings of a utf8 column, nulls aside. */
NTS_CHECKED nanots_status nts_segment_text_bytes(struct nts_segment *segment,
                                                 struct nts_segment_reader *reader, uint32_t column,
                                                 uint64_t *bytes_out, struct nanots_error *error);

/* What statistics ask of one vector. */
struct nts_vector_stats {
    unsigned codec;      /* of its values; CONSTANT if they are derived */
    size_t size;         /* of its bytes */
    uint64_t text_bytes; /* of its strings, of a utf8 column */
};
NTS_CHECKED nanots_status nts_segment_vector_stats(struct nts_segment *segment,
                                                   struct nts_segment_reader *reader,
                                                   uint32_t column, uint32_t vector,
                                                   struct nts_vector_stats *stats,
                                                   struct nanots_error *error);

/* The encoded bytes of a vector and its size, 0 if derived; verified. */
NTS_CHECKED nanots_status nts_segment_vector_bytes(struct nts_segment *segment,
                                                   struct nts_segment_reader *reader,
                                                   uint32_t column, uint32_t vector,
                                                   const uint8_t **bytes_out, size_t *size_out,
                                                   struct nanots_error *error);

#endif
