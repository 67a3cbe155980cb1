/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arrow/arrow_type.c - one row a type. Contract: arrow_type.h. */
#include "arrow/arrow_type.h"

#include <string.h>

#define SECOND_NS 1000000000ll

static const struct {
    const char *format; /* of a timestamp: up to the zone */
    const char *name;
    uint8_t width;
    uint8_t type; /* the narrowest of ours; 0: none */
    int64_t step_ns;
} arrow_kinds[] = {
    [NTS_ARROW_OTHER] = {"", "another type", 0, 0, 0},
    [NTS_ARROW_NULL] = {"n", "null", 0, 0, 0},
    [NTS_ARROW_BOOL] = {"b", "bool", 0, NANOTS_TYPE_BOOL, 0},
    [NTS_ARROW_INT8] = {"c", "int8", 1, NANOTS_TYPE_I32, 0},
    [NTS_ARROW_UINT8] = {"C", "uint8", 1, NANOTS_TYPE_I32, 0},
    [NTS_ARROW_INT16] = {"s", "int16", 2, NANOTS_TYPE_I32, 0},
    [NTS_ARROW_UINT16] = {"S", "uint16", 2, NANOTS_TYPE_I32, 0},
    [NTS_ARROW_INT32] = {"i", "int32", 4, NANOTS_TYPE_I32, 0},
    [NTS_ARROW_UINT32] = {"I", "uint32", 4, NANOTS_TYPE_I64, 0},
    [NTS_ARROW_INT64] = {"l", "int64", 8, NANOTS_TYPE_I64, 0},
    [NTS_ARROW_UINT64] = {"L", "uint64", 8, 0, 0},
    [NTS_ARROW_FLOAT32] = {"f", "float32", 4, NANOTS_TYPE_F32, 0},
    [NTS_ARROW_FLOAT64] = {"g", "float64", 8, NANOTS_TYPE_F64, 0},
    [NTS_ARROW_STRING] = {"u", "string", 0, NANOTS_TYPE_UTF8, 0},
    [NTS_ARROW_LARGE_STRING] = {"U", "large_string", 0, NANOTS_TYPE_UTF8, 0},
    [NTS_ARROW_STRING_VIEW] = {"vu", "string_view", 0, NANOTS_TYPE_UTF8, 0},
    [NTS_ARROW_DATE32] = {"tdD", "date32", 4, 0, 86400 * SECOND_NS},
    [NTS_ARROW_DATE64] = {"tdm", "date64", 8, 0, SECOND_NS / 1000},
    [NTS_ARROW_TIMESTAMP_S] = {"tss:", "timestamp[s]", 8, 0, SECOND_NS},
    [NTS_ARROW_TIMESTAMP_MS] = {"tsm:", "timestamp[ms]", 8, 0, SECOND_NS / 1000},
    [NTS_ARROW_TIMESTAMP_US] = {"tsu:", "timestamp[us]", 8, 0, SECOND_NS / 1000000},
    [NTS_ARROW_TIMESTAMP_NS] = {"tsn:", "timestamp[ns]", 8, 0, 1},
};
#define ARROW_KIND_COUNT (sizeof arrow_kinds / sizeof arrow_kinds[0])

enum nts_arrow_kind nts_arrow_kind_of(const char *format)
{
    for (unsigned kind = NTS_ARROW_NULL; kind < ARROW_KIND_COUNT; kind++) {
        const bool is_match = kind >= NTS_ARROW_TIMESTAMP_S
                                  ? strncmp(format, arrow_kinds[kind].format, 4) == 0
                                  : strcmp(format, arrow_kinds[kind].format) == 0;
        if (is_match)
            return (enum nts_arrow_kind)kind;
    }
    return NTS_ARROW_OTHER;
}

const char *nts_arrow_kind_name(enum nts_arrow_kind kind)
{
    return arrow_kinds[kind].name;
}

unsigned nts_arrow_kind_width(enum nts_arrow_kind kind)
{
    return arrow_kinds[kind].width;
}

unsigned nts_arrow_own_type(enum nts_arrow_kind kind)
{
    return arrow_kinds[kind].type;
}

bool nts_arrow_fits(enum nts_arrow_kind kind, unsigned type)
{
    const unsigned own = arrow_kinds[kind].type;
    return own != 0 && (own == type || (own == NANOTS_TYPE_I32 && type == NANOTS_TYPE_I64) ||
                        (own == NANOTS_TYPE_F32 && type == NANOTS_TYPE_F64));
}

int64_t nts_arrow_step_ns(enum nts_arrow_kind kind)
{
    return arrow_kinds[kind].step_ns;
}

int64_t nts_arrow_unit_ns(unsigned unit)
{
    static const int64_t steps[NTS_UNIT_END] = {[NTS_UNIT_S] = SECOND_NS,
                                                [NTS_UNIT_MS] = SECOND_NS / 1000,
                                                [NTS_UNIT_US] = SECOND_NS / 1000000,
                                                [NTS_UNIT_NS] = 1};
    return steps[unit];
}

const char *nts_arrow_format(unsigned type)
{
    static const char *const formats[] = {
        [NANOTS_TYPE_F64] = "g", [NANOTS_TYPE_F32] = "f",  [NANOTS_TYPE_I64] = "l",
        [NANOTS_TYPE_I32] = "i", [NANOTS_TYPE_BOOL] = "b", [NANOTS_TYPE_UTF8] = "u"};
    return formats[type];
}

const char *nts_arrow_time_format(unsigned unit)
{
    static const char *const formats[NTS_UNIT_END] = {[NTS_UNIT_S] = "tss:UTC",
                                                      [NTS_UNIT_MS] = "tsm:UTC",
                                                      [NTS_UNIT_US] = "tsu:UTC",
                                                      [NTS_UNIT_NS] = "tsn:UTC"};
    return formats[unit];
}
