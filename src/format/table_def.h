/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/table_def.h - the definition of a table: name, options, columns (SPEC.md 4.1).
 *
 *   0          4         5           6             8            16
 *   +----------+---------+-----------+-------------+------------+-----------+------+---------------
 *   | table_id | unit u8 | dups u8   | columns u16 | created_seq| name_size | name | columns ...
 *   +----------+---------+-----------+-------------+------------+-----------+------+---------------
 *   each column: type u8, flags u8, name_size u8, name
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

#define NTS_UNIT_MS 1u

struct nts_column_def {
    const char *name;
    uint8_t type; /* nanots_type */
    uint8_t flags;
};

struct nts_table_def {
    uint32_t table_id;
    uint8_t unit;
    uint8_t duplicates;
    uint16_t column_count;
    uint64_t created_seq;
    const char *name;
    struct nts_column_def columns[];
};

/* A copy of name and columns in one block; release with nts_free. NULL if out of memory. */
NTS_CHECKED struct nts_table_def *
nts_table_def_new(const struct nanots_allocator *alloc, uint32_t table_id, uint64_t created_seq,
                  const char *name, const struct nanots_column *columns, size_t column_count);

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
