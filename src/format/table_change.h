/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/table_change.h - what may become of a table: edits of the manifest (SPEC.md 4).
 *
 *   COLUMN         a nullable column goes behind the others
 *   TABLE_DROP     the table and its rows up to `seq` are gone
 *   TABLE_RENAME   COLUMN_RENAME
 *
 * A definition never changes: a change makes a new one. Bytes given to decode may lie.
 * Pure but for the allocator; any thread. Tests: unit/test_table_change.c, fuzz/fuzz_manifest.c.
 */
#ifndef NTS_TABLE_CHANGE_H
#define NTS_TABLE_CHANGE_H

#include "format/manifest.h"

struct nts_table_change {
    enum nts_edit_kind kind;
    uint32_t table_id;
    uint64_t seq;                     /* COLUMN, TABLE_DROP: the last seq given out before */
    uint32_t column;                  /* COLUMN_RENAME: 0-based */
    uint8_t type;                     /* COLUMN */
    uint32_t flags;                   /* COLUMN: as nanots.h has them */
    char name[NTS_NAME_SIZE_MAX + 1]; /* of the column, or the new name */
};

/* Appends the edit. NO_MEMORY or TOO_BIG. */
NTS_CHECKED nanots_status nts_table_change_put(struct nts_buf *buf, uint64_t seed,
                                               const struct nts_table_change *change);

/* False if the edit is of another kind or impossible by itself. */
NTS_CHECKED bool nts_table_change_decode(const struct nts_edit *edit,
                                         struct nts_table_change *change);

/* The definition after the change (not TABLE_DROP); INVALID if it breaks a rule of definitions:
 * the sentence names table and column. Release with nts_free. */
NTS_CHECKED nanots_status nts_table_change_apply(const struct nanots_allocator *alloc,
                                                 const struct nts_table_def *def,
                                                 const struct nts_table_change *change,
                                                 struct nts_table_def **def_out,
                                                 struct nanots_error *error);

#endif
