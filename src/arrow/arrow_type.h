/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/arrow_type.h - types by Arrow's format strings, and which of ours each is or becomes.
 *
 * Pure; any thread. Tests: unit/test_arrow_type.c.
 */
#ifndef NTS_ARROW_TYPE_H
#define NTS_ARROW_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/table_def.h"
#include "nanots_arrow.h"

enum nts_arrow_kind {
    NTS_ARROW_OTHER, /* a type that no column takes */
    NTS_ARROW_NULL,
    NTS_ARROW_BOOL,
    NTS_ARROW_INT8,
    NTS_ARROW_UINT8,
    NTS_ARROW_INT16,
    NTS_ARROW_UINT16,
    NTS_ARROW_INT32,
    NTS_ARROW_UINT32,
    NTS_ARROW_INT64,
    NTS_ARROW_UINT64,
    NTS_ARROW_FLOAT32,
    NTS_ARROW_FLOAT64,
    NTS_ARROW_STRING,
    NTS_ARROW_LARGE_STRING,
    NTS_ARROW_STRING_VIEW,
    NTS_ARROW_DATE32,
    NTS_ARROW_DATE64,
    NTS_ARROW_TIMESTAMP_S,
    NTS_ARROW_TIMESTAMP_MS,
    NTS_ARROW_TIMESTAMP_US,
    NTS_ARROW_TIMESTAMP_NS
};

/* `format` is a whole format string; a time zone is passed over. */
enum nts_arrow_kind nts_arrow_kind_of(const char *format);

/* "int64" and the like, "another type" for OTHER. */
const char *nts_arrow_kind_name(enum nts_arrow_kind kind);

/* Bytes of a value; 0 for those that have no array of numbers. */
unsigned nts_arrow_kind_width(enum nts_arrow_kind kind);

static inline bool nts_arrow_is_integer(enum nts_arrow_kind kind)
{
    return kind >= NTS_ARROW_INT8 && kind <= NTS_ARROW_UINT64;
}

static inline bool nts_arrow_is_string(enum nts_arrow_kind kind)
{
    return kind >= NTS_ARROW_STRING && kind <= NTS_ARROW_STRING_VIEW;
}

/* The narrowest of our types that holds every value of `kind`; 0 if there is none. */
unsigned nts_arrow_own_type(enum nts_arrow_kind kind);

/* Whether a column of our type `type` takes it, by a copy if need be. */
bool nts_arrow_fits(enum nts_arrow_kind kind, unsigned type);

/* Nanoseconds in one step of a time; 0 for kinds that say nothing of it, as int64. */
int64_t nts_arrow_step_ns(enum nts_arrow_kind kind);
int64_t nts_arrow_unit_ns(unsigned unit);

/* Formats of what is handed out: of a value column, and of the time column of an nts_unit. */
const char *nts_arrow_format(unsigned type);
const char *nts_arrow_time_format(unsigned unit);

#endif
