/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/rows_payload.h - rows of one table as a record of the log has them (SPEC.md 5.1).
 *
 *   +----------+----------+----------+- - -     every part is padded with zeros to 8 bytes
 *   | ts[rows] | column 0 | column 1 |
 *   +----------+----------+----------+- - -
 *                |
 *                +-- validity, a bit a row         if the column is nullable
 *                +-- f64 i64: 8 bytes a row        f32 i32: 4 bytes a row
 *                    bool: a bit a row             utf8: u32 length[rows], then all bytes
 *
 * A row that is null has the value 0 or no bytes. Where no column is nullable and all are f64, this
 * is one array of 8 bytes a row behind the other.
 *
 * The check treats its bytes as hostile: what passes it may be walked without another look. Pure;
 * any thread. Tests: unit/test_rows_payload.c, fuzz/fuzz_rows_payload.c.
 */
#ifndef NTS_ROWS_PAYLOAD_H
#define NTS_ROWS_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "format/table_def.h"

/* Bytes of `rows` bits, padding included. */
static inline uint64_t nts_payload_bits_size(uint64_t rows)
{
    return (rows + 63) / 64 * 8;
}

/* Bytes of the numbers, bits or lengths of `rows` rows, without padding. */
uint64_t nts_payload_values_size(unsigned type, uint64_t rows);

/* Bytes of one column, of whose strings there are `text_size` bytes in all. */
uint64_t nts_payload_column_size(const struct nts_column_def *column, uint64_t rows,
                                 uint64_t text_size);

/* Where the parts of one column lie. */
struct nts_payload_column {
    const uint8_t *validity; /* NULL: the column is not nullable */
    const uint8_t *values;   /* numbers, bits or lengths */
    const uint8_t *text;     /* utf8: the bytes of all strings */
};

/* Finds the parts of the column that begins at `bytes` and returns where the next one does. The
 * payload has passed the check. */
const uint8_t *nts_payload_column_find(const struct nts_column_def *column, uint32_t rows,
                                       const uint8_t *bytes, struct nts_payload_column *parts_out);

/* Whether a payload of `size` bytes can be nothing but rows of `def`: where all columns are f64 and
 * none may be null, any eight bytes are a value. */
static inline bool nts_rows_payload_is_plain(const struct nts_table_def *def, uint32_t column_count,
                                             uint32_t row_count, size_t size)
{
    return def->is_plain && column_count == def->column_count &&
           size == (uint64_t)row_count * 8 * (column_count + 1u);
}

/* Whether `payload` holds `row_count` rows of the first `column_count` columns of `def` and nothing
 * else. The columns behind those were added later and are null in these rows. `text_size_out`
 * receives the bytes of all strings. CORRUPT names table, column and the offset in the payload. */
NTS_CHECKED nanots_status nts_rows_payload_check(const struct nts_table_def *def,
                                                 uint32_t column_count, uint32_t row_count,
                                                 const uint8_t *payload, size_t size,
                                                 uint64_t *text_size_out,
                                                 struct nanots_error *error);

#endif
