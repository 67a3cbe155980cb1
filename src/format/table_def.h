/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/table_def.h - the definition of a table: name, options, columns (SPEC.md 4.1).
 *
 *   0          4         5           6             8            16
 *   +----------+---------+-----------+-------------+------------+-----------+------+---------------
 *   | table_id | unit u8 | dups u8   | columns u16 | created_seq| name_size | name | columns ...
 *   +----------+---------+-----------+-------------+------------+-----------+------+---------------
 *   dups: bits 0-3 enum nts_duplicates, bits 4-7 enum nts_def_tier
 *   each column: type u8, flags u8, name_size u8, name
 *   flags: bit 0 nullable, bits 1-7 the codec that the column names + 1, 0: none
 *
 * A definition is one allocation and immutable once made. Decoding treats its bytes as hostile, and
 * refuses what nts_table_def_check does.
 * Tests: unit/test_table_def.c, fuzz/fuzz_manifest.c.
 */
#ifndef NTS_TABLE_DEF_H
#define NTS_TABLE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/status.h"
#include "util/alloc.h"

/* Numbers of the format; those of the public header put the default first. */
enum nts_unit {
    NTS_UNIT_S = 0,
    NTS_UNIT_MS = 1,
    NTS_UNIT_US = 2,
    NTS_UNIT_NS = 3,
    NTS_UNIT_END = 4
};

enum nts_duplicates {
    NTS_DUPLICATES_KEEP_ALL = 0,
    NTS_DUPLICATES_KEEP_LAST = 1,
    NTS_DUPLICATES_KEEP_FIRST = 2,
    NTS_DUPLICATES_END = 3
};

/* What a table wants its segments to be; codec/chunk.h has the tiers of segments. */
enum nts_def_tier {
    NTS_DEF_TIER_AUTO = 0, /* HOT first, PACKED when cold */
    NTS_DEF_TIER_HOT = 1,
    NTS_DEF_TIER_PACKED = 2,
    NTS_DEF_TIER_END = 3
};

#define NTS_COLUMN_NULLABLE 1u

struct nts_column_def {
    const char *name;
    uint8_t type;            /* nanots_type */
    uint8_t flags;           /* NTS_COLUMN_NULLABLE */
    uint8_t forced;          /* 1 + the codec that it names, as codec/chunk.h; 0: none */
    uint16_t nullable_index; /* of a nullable column: so many of those before it are nullable */
};

struct nts_table_def {
    uint32_t table_id;
    uint8_t unit;
    uint8_t duplicates;
    uint8_t tier; /* enum nts_def_tier */
    uint16_t column_count;
    uint16_t nullable_count;
    bool is_plain; /* every column is f64 and not nullable */
    uint64_t created_seq;
    const char *name;
    struct nts_column_def columns[];
};

static inline bool nts_column_is_nullable(const struct nts_column_def *column)
{
    return (column->flags & NTS_COLUMN_NULLABLE) != 0;
}

/* Flags of a column of some type as nanots.h has them and as a definition stores them. False if
 * they are not valid, whatever bits are set. */
NTS_CHECKED bool nts_column_flags_store(unsigned type, uint32_t flags, uint8_t *stored_out);
NTS_CHECKED bool nts_column_flags_load(unsigned type, uint8_t stored, uint32_t *flags_out);

/* Columns, of which there is room for all, and options as nanots.h has them: nts_table_def_new
 * makes the same definition of them. The names stay the definition's. */
void nts_table_def_public(const struct nts_table_def *def, struct nanots_column *columns,
                          struct nanots_table_options *options);

nanots_time_unit nts_table_def_unit(const struct nts_table_def *def);
/* Milliseconds since 1970 in ticks of the table, and back: the first tick at or after `ms`, and the
 * millisecond that a tick falls into. What does not fit becomes the least or the greatest
 * number. */
int64_t nts_table_def_ticks(const struct nts_table_def *def, int64_t ms);
int64_t nts_table_def_ms(const struct nts_table_def *def, int64_t ticks);
/* "ts_ms" and the like: the name of the timestamp column. */
const char *nts_table_def_ts_name(const struct nts_table_def *def);
/* Name of a segment's column: 0 is the timestamp, c the value column c - 1. */
const char *nts_table_def_column_name(const struct nts_table_def *def, uint32_t column);

/* A copy of name and columns in one block; release with nts_free. `options` (may be NULL), types
 * and flags have been checked. NULL if out of memory. */
NTS_CHECKED struct nts_table_def *
nts_table_def_new(const struct nanots_allocator *alloc, uint32_t table_id, uint64_t created_seq,
                  const char *name, const struct nanots_column *columns, size_t column_count,
                  const struct nanots_table_options *options);

size_t nts_table_def_encoded_size(const struct nts_table_def *def);
/* Writes nts_table_def_encoded_size bytes. */
void nts_table_def_encode(const struct nts_table_def *def, uint8_t *bytes);

/* `used_out` (may be NULL) receives the bytes that the definition takes of `size`. */
NTS_CHECKED nanots_status nts_table_def_decode(const struct nanots_allocator *alloc,
                                               const uint8_t *bytes, size_t size,
                                               struct nts_table_def **def_out, size_t *used_out,
                                               struct nanots_error *error);

/* Id and column count of an encoded definition, without a look at the rest; false if cut short. */
NTS_CHECKED bool nts_table_def_peek(const uint8_t *bytes, size_t size, uint32_t *table_id_out,
                                    size_t *column_count_out);

/* Checks a table's or column's name by the rules of nanots_create_table. `what` is "table" or
 * "column". */
NTS_CHECKED nanots_status nts_name_check(const char *what, const char *name,
                                         struct nanots_error *error);

/* Checks all names of a definition by those rules, and that no two columns have one name. */
NTS_CHECKED nanots_status nts_table_def_check(const struct nts_table_def *def,
                                              struct nanots_error *error);

#endif
