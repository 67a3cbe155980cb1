/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* segment/dense.c - leaving out the rows without a value. Contract: dense.h. */
#include "segment/dense.h"

#include <string.h>

#include "codec/f32.h"

static const double *dense_doubles(const struct nts_dense_room *room,
                                   const struct nts_column *column, size_t row, size_t count,
                                   bool has_nulls)
{
    const double *from = (const double *)nts_column_at(column, row);
    size_t used = 0;
    if (!has_nulls)
        return from;
    for (size_t i = 0; i < count; i++)
        if (!nts_column_is_null(column, row + i))
            room->doubles[used++] = from[i];
    return room->doubles;
}

static const float *dense_floats(const struct nts_dense_room *room, const struct nts_column *column,
                                 size_t row, size_t count, bool has_nulls)
{
    const float *from = (const float *)nts_column_at(column, row);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (!has_nulls || !nts_column_is_null(column, row + i))
            room->floats[used++] = from[i];
    nts_f32_widen(room->doubles, room->floats, used);
    return room->floats;
}

static int64_t column_int(const struct nts_column *column, size_t row)
{
    if (column->type == NANOTS_TYPE_BOOL)
        return nts_bit_get(column->values, column->first + row);
    return column->type == NANOTS_TYPE_I32 ? *(const int32_t *)nts_column_at(column, row)
                                           : *(const int64_t *)nts_column_at(column, row);
}

static const int64_t *dense_ints(const struct nts_dense_room *room, const struct nts_column *column,
                                 size_t row, size_t count, bool has_nulls)
{
    size_t used = 0;
    if (column->type == NANOTS_TYPE_I64 && !has_nulls)
        return (const int64_t *)nts_column_at(column, row);
    for (size_t i = 0; i < count; i++)
        if (!has_nulls || !nts_column_is_null(column, row + i))
            room->ints[used++] = column_int(column, row + i);
    return room->ints;
}

/* A null row may have bytes, which nobody wants: then the others are moved together. */
static nanots_status dense_strings(const struct nts_dense_room *room,
                                   const struct nts_column *column, size_t row, size_t count,
                                   bool has_nulls, struct nts_dense *dense)
{
    const int32_t *offsets = column->offsets + column->first + row;
    const uint8_t *text = column->values;
    size_t used = 0;
    dense->text = text;
    dense->offsets = offsets;
    if (!has_nulls)
        return NANOTS_OK;
    room->text->size = 0;
    room->offsets[0] = 0;
    for (size_t i = 0; i < count; i++) {
        if (nts_column_is_null(column, row + i))
            continue;
        NTS_TRY(
            nts_buf_append(room->text, text + offsets[i], (size_t)(offsets[i + 1] - offsets[i])));
        room->offsets[++used] = (int32_t)room->text->size;
    }
    dense->text = room->text->bytes;
    dense->offsets = room->offsets;
    return NANOTS_OK;
}

nanots_status nts_dense_gather(const struct nts_dense_room *room, const struct nts_column *column,
                               size_t row, size_t count, size_t null_count, struct nts_dense *dense)
{
    const bool has_nulls = null_count != 0;
    memset(dense, 0, sizeof *dense);
    dense->count = count - null_count;
    if (dense->count == 0)
        return NANOTS_OK;
    switch ((nanots_type)column->type) {
    case NANOTS_TYPE_F64:
        dense->doubles = dense_doubles(room, column, row, count, has_nulls);
        return NANOTS_OK;
    case NANOTS_TYPE_F32:
        dense->floats = dense_floats(room, column, row, count, has_nulls);
        dense->doubles = room->doubles;
        return NANOTS_OK;
    case NANOTS_TYPE_UTF8:
        return dense_strings(room, column, row, count, has_nulls, dense);
    default:
        dense->ints = dense_ints(room, column, row, count, has_nulls);
        return NANOTS_OK;
    }
}

void nts_dense_zone(const struct nts_dense *dense, size_t null_count, struct nts_zone *zone)
{
    memset(zone, 0, sizeof *zone);
    if (dense->count != 0 && dense->doubles != NULL)
        nts_zone_of_doubles(dense->doubles, dense->count, zone);
    else if (dense->count != 0 && dense->ints != NULL)
        nts_zone_of_ints(dense->ints, dense->count, zone);
    else if (dense->count != 0)
        nts_zone_of_strings(dense->text, dense->offsets, dense->count, zone);
    zone->null_count = (uint32_t)null_count;
}
