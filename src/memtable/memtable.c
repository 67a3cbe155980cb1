/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memtable/memtable.c - chunks of columns in memory. Contract: memtable.h. */
#include "memtable/memtable.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "format/rows_payload.h"
#include "util/sort_rows.h"

#define MEMTABLE_TEXT_SIZE_MIN 1024u
#define MEMTABLE_TEXT_SIZE_MAX (256u << 10)

/* Bytes of a row's slots and presence. */
static size_t memtable_row_size(const struct nts_table_def *def)
{
    return ((size_t)def->column_count + 1) * sizeof(int64_t) + def->nullable_count;
}

struct nts_memtable *nts_memtable_new(const struct nanots_allocator *alloc,
                                      const struct nts_table_def *def)
{
    const size_t first_size = NTS_MEMTABLE_CHUNK_ROWS * memtable_row_size(def);
    struct nts_memtable *memtable = nts_alloc(alloc, sizeof *memtable + first_size);
    if (memtable == NULL)
        return NULL;
    memset(memtable, 0, sizeof *memtable);
    nts_refcount_init(&memtable->refs);
    memtable->alloc = alloc;
    memtable->def = def;
    memtable->column_count = def->column_count;
    memtable->is_plain = def->is_plain;
    for (uint32_t c = 0; c < def->column_count; c++)
        memtable->text_count += def->columns[c].type == NANOTS_TYPE_UTF8;
    memtable->sorted = true;
    memtable->ts_min = INT64_MAX;
    memtable->ts_max = INT64_MIN;
    memtable->ts_last = INT64_MIN;
    memtable->bytes = sizeof *memtable + first_size;
    memtable->chunks[0] = (int64_t *)(memtable + 1);
    memtable->chunk_count = 1;
    memtable->capacity = NTS_MEMTABLE_CHUNK_ROWS;
    return memtable;
}

struct nts_memtable *nts_memtable_ref(struct nts_memtable *memtable)
{
    nts_refcount_take(&memtable->refs);
    return memtable;
}

void nts_memtable_unref(struct nts_memtable *memtable)
{
    if (memtable == NULL || !nts_refcount_drop(&memtable->refs))
        return;
    for (uint32_t i = 1; i < memtable->chunk_count; i++)
        nts_free(memtable->chunks[i]);
    for (struct nts_memtable_text *text = memtable->text, *next = NULL; text != NULL; text = next) {
        next = text->next;
        nts_free(text);
    }
    nts_free(memtable);
}

static uint32_t chunk_rows(uint32_t chunk)
{
    return NTS_MEMTABLE_CHUNK_ROWS << chunk;
}

/* Row 0..15 is chunk 0, 16..47 chunk 1, 48..111 chunk 2 ... */
static uint32_t chunk_of_row(uint32_t row)
{
    return nts_bit_length(row / NTS_MEMTABLE_CHUNK_ROWS + 1) - 1;
}

static uint32_t chunk_first_row(uint32_t chunk)
{
    return NTS_MEMTABLE_CHUNK_ROWS * ((1u << chunk) - 1);
}

/* ---- spare blocks ------------------------------------------------------------------------- */

static uint64_t chunk_size(const struct nts_memtable *memtable, uint32_t chunk)
{
    return (uint64_t)chunk_rows(chunk) * memtable_row_size(memtable->def);
}

/* Takes out what the place has; NULL if that is nothing. */
static int64_t *spare_clear(struct nts_memtable_spare *spare, uint32_t chunk)
{
    int64_t *block = spare->chunks[chunk].block;
    spare->bytes -= spare->chunks[chunk].size;
    spare->chunks[chunk].block = NULL;
    spare->chunks[chunk].size = 0;
    return block;
}

static void spare_give(struct nts_memtable_spare *spare, uint32_t chunk, int64_t *block,
                       uint64_t size)
{
    nts_free(spare_clear(spare, chunk));
    if (size < NTS_MEMTABLE_SPARE_MIN || size > NTS_MEMTABLE_SPARE_MAX - spare->bytes) {
        nts_free(block);
        return;
    }
    spare->chunks[chunk].block = block;
    spare->chunks[chunk].size = (size_t)size;
    spare->bytes += (size_t)size;
}

static int64_t *memtable_block(const struct nts_memtable *memtable, uint32_t chunk)
{
    struct nts_memtable_spare *spare = memtable->spare;
    if (spare != NULL && spare->chunks[chunk].size == chunk_size(memtable, chunk))
        return spare_clear(spare, chunk);
    return nts_alloc_array(memtable->alloc, chunk_rows(chunk), memtable_row_size(memtable->def));
}

void nts_memtable_retire(struct nts_memtable *memtable)
{
    if (memtable != NULL && memtable->spare != NULL && nts_refcount_is_last(&memtable->refs)) {
        for (uint32_t i = 1; i < memtable->chunk_count; i++)
            spare_give(memtable->spare, i, memtable->chunks[i], chunk_size(memtable, i));
        memtable->chunk_count = 1;
    }
    nts_memtable_unref(memtable);
}

void nts_memtable_spare_deinit(struct nts_memtable_spare *spare)
{
    for (uint32_t i = 0; i < NTS_MEMTABLE_CHUNKS_MAX; i++)
        nts_free(spare_clear(spare, i));
}

/* ---- room --------------------------------------------------------------------------------- */

/* Blocks grow with the table, and a larger string gets one of its size. */
static nanots_status memtable_reserve_text(struct nts_memtable *memtable, uint64_t size)
{
    const struct nts_memtable_text *newest = memtable->text;
    size_t block_size = newest == NULL ? MEMTABLE_TEXT_SIZE_MIN : newest->size * 2;
    if (newest != NULL && newest->size - newest->used >= size)
        return NANOTS_OK;
    if (block_size > MEMTABLE_TEXT_SIZE_MAX)
        block_size = MEMTABLE_TEXT_SIZE_MAX;
    if (block_size < size)
        block_size = (size_t)size;
    struct nts_memtable_text *text = nts_alloc(memtable->alloc, sizeof *text + block_size);
    if (text == NULL)
        return NANOTS_NO_MEMORY;
    text->next = memtable->text;
    text->used = 0;
    text->size = block_size;
    memtable->text = text;
    memtable->bytes += sizeof *text + block_size;
    return NANOTS_OK;
}

nanots_status nts_memtable_reserve(struct nts_memtable *memtable, uint32_t row_count,
                                   uint64_t text_size)
{
    while (memtable->capacity - memtable->row_count < row_count) {
        const uint32_t chunk = memtable->chunk_count;
        if (chunk == NTS_MEMTABLE_CHUNKS_MAX)
            return NANOTS_NO_MEMORY;
        int64_t *block = memtable_block(memtable, chunk);
        if (block == NULL)
            return NANOTS_NO_MEMORY;
        memtable->chunks[chunk] = block;
        memtable->chunk_count = chunk + 1;
        memtable->capacity += chunk_rows(chunk);
        memtable->bytes += (size_t)chunk_size(memtable, chunk);
    }
    if (text_size == 0)
        return NANOTS_OK;
    return memtable_reserve_text(memtable, text_size + (uint64_t)memtable->text_count * row_count *
                                                           sizeof(uint32_t));
}

/* ---- appending ---------------------------------------------------------------------------- */

/* Values of 8 little-endian bytes into memory. */
static void values_copy(int64_t *dst, const uint8_t *src, size_t count)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(dst, src, count * sizeof *dst);
#else
    for (size_t i = 0; i < count; i++)
        dst[i] = nts_load_i64(src + i * 8);
#endif
}

static void memtable_note_times(struct nts_memtable *memtable, const int64_t *ts, uint32_t count)
{
    int64_t last = memtable->ts_last;
    int64_t least = memtable->ts_min;
    int64_t most = memtable->ts_max;
    bool sorted = memtable->sorted;
    for (uint32_t i = 0; i < count; i++) {
        sorted &= ts[i] >= last;
        last = ts[i];
        least = ts[i] < least ? ts[i] : least;
        most = ts[i] > most ? ts[i] : most;
    }
    memtable->ts_last = last;
    memtable->ts_min = least;
    memtable->ts_max = most;
    memtable->sorted = sorted;
}

/* The commonest append, without the calls that copy runs of rows. */
static void memtable_append_one(struct nts_memtable *memtable, const uint8_t *payload)
{
    const uint32_t row = memtable->row_count;
    const uint32_t chunk = chunk_of_row(row);
    const size_t stride = chunk_rows(chunk);
    int64_t *place = memtable->chunks[chunk] + (row - chunk_first_row(chunk));
    const int64_t ts = nts_load_i64(payload);

    for (uint32_t c = 0; c <= memtable->column_count; c++)
        place[c * stride] = nts_load_i64(payload + (size_t)c * 8);
    memtable->sorted &= ts >= memtable->ts_last;
    memtable->ts_last = ts;
    memtable->ts_min = ts < memtable->ts_min ? ts : memtable->ts_min;
    memtable->ts_max = ts > memtable->ts_max ? ts : memtable->ts_max;
    memtable->row_count = row + 1;
}

/* The slot of a string. */
static int64_t memtable_keep_text(struct nts_memtable *memtable, const uint8_t *bytes,
                                  uint32_t size)
{
    struct nts_memtable_text *text = memtable->text;
    if (size == 0)
        return 0;
    uint8_t *place = text->bytes + text->used;
    assert(text->size - text->used >= sizeof size + size);
    memcpy(place, &size, sizeof size);
    memcpy(place + sizeof size, bytes, size);
    text->used += sizeof size + size;
    return (int64_t)(intptr_t)place;
}

/* Rows of one column on their way from a payload into slots. */
struct column_feed {
    unsigned type;
    struct nts_payload_column parts;
    uint32_t row;        /* the next one */
    const uint8_t *text; /* of it */
};

static void memtable_feed(struct nts_memtable *memtable, struct column_feed *feed, int64_t *slots,
                          uint32_t count)
{
    const uint8_t *values = feed->parts.values;
    const size_t row = feed->row;
    switch ((nanots_type)feed->type) {
    case NANOTS_TYPE_F32:
        for (size_t i = 0; i < count; i++)
            slots[i] = nts_load_u32(values + (row + i) * 4);
        break;
    case NANOTS_TYPE_I32:
        for (size_t i = 0; i < count; i++)
            slots[i] = (int32_t)nts_load_u32(values + (row + i) * 4);
        break;
    case NANOTS_TYPE_BOOL:
        for (size_t i = 0; i < count; i++)
            slots[i] = nts_bit_get(values, row + i);
        break;
    case NANOTS_TYPE_UTF8:
        for (size_t i = 0; i < count; i++) {
            const uint32_t size = nts_load_u32(values + (row + i) * 4);
            slots[i] = memtable_keep_text(memtable, feed->text, size);
            feed->text += size;
        }
        break;
    default:
        values_copy(slots, values + row * 8, count);
        break;
    }
    feed->row += count;
}

/* The writer's view of a slice: the rows are not counted yet. */
static int64_t *slice_slots(const struct nts_memtable_slice *slice, uint32_t column)
{
    return (int64_t *)(uintptr_t)(slice->columns + column * slice->stride);
}

static uint8_t *slice_validity(const struct nts_memtable_slice *slice,
                               const struct nts_column_def *column)
{
    return (uint8_t *)(uintptr_t)(slice->validity + column->nullable_index * slice->stride);
}

/* The new rows of one column; `bytes` is where it begins in the payload. Returns its end. */
static const uint8_t *memtable_append_column(struct nts_memtable *memtable, uint32_t c,
                                             const uint8_t *bytes, uint32_t row_count)
{
    const struct nts_column_def *column = &memtable->def->columns[c];
    const uint32_t end = memtable->row_count + row_count;
    struct column_feed feed = {.type = column->type};
    const uint8_t *next = nts_payload_column_find(column, row_count, bytes, &feed.parts);

    feed.text = feed.parts.text;
    for (uint32_t row = memtable->row_count; row < end;) {
        const struct nts_memtable_slice slice = nts_memtable_slice(memtable, row, end);
        if (feed.parts.validity != NULL) {
            uint8_t *validity = slice_validity(&slice, column);
            for (uint32_t i = 0; i < slice.row_count; i++)
                validity[i] = nts_bit_get(feed.parts.validity, feed.row + i);
        }
        memtable_feed(memtable, &feed, slice_slots(&slice, c), slice.row_count);
        row += slice.row_count;
    }
    return next;
}

/* A column that the new rows do not have. */
static void memtable_append_nulls(struct nts_memtable *memtable, uint32_t c, uint32_t row_count)
{
    const struct nts_column_def *column = &memtable->def->columns[c];
    const uint32_t end = memtable->row_count + row_count;
    assert(nts_column_is_nullable(column));
    for (uint32_t row = memtable->row_count; row < end;) {
        const struct nts_memtable_slice slice = nts_memtable_slice(memtable, row, end);
        memset(slice_slots(&slice, c), 0, slice.row_count * sizeof(int64_t));
        memset(slice_validity(&slice, column), 0, slice.row_count);
        row += slice.row_count;
    }
}

static void memtable_append_times(struct nts_memtable *memtable, const uint8_t *payload,
                                  uint32_t row_count)
{
    const uint32_t end = memtable->row_count + row_count;
    for (uint32_t row = memtable->row_count; row < end;) {
        const struct nts_memtable_slice slice = nts_memtable_slice(memtable, row, end);
        values_copy((int64_t *)(uintptr_t)slice.ts, payload, slice.row_count);
        memtable_note_times(memtable, slice.ts, slice.row_count);
        payload += (size_t)slice.row_count * 8;
        row += slice.row_count;
    }
}

void nts_memtable_append_columns(struct nts_memtable *memtable, const uint8_t *payload,
                                 uint32_t column_count, uint32_t row_count, uint64_t first_seq)
{
    const uint8_t *bytes = payload + (size_t)row_count * 8;
    assert(memtable->capacity - memtable->row_count >= row_count);
    if (memtable->row_count == 0)
        memtable->seq_first = first_seq;
    memtable_append_times(memtable, payload, row_count);
    for (uint32_t c = 0; c < column_count; c++)
        bytes = memtable_append_column(memtable, c, bytes, row_count);
    for (uint32_t c = column_count; c < memtable->column_count; c++)
        memtable_append_nulls(memtable, c, row_count);
    memtable->row_count += row_count;
    memtable->seq_last = first_seq + row_count - 1;
}

void nts_memtable_append(struct nts_memtable *memtable, const uint8_t *payload, uint32_t row_count,
                         uint64_t first_seq)
{
    if (NTS_UNLIKELY(row_count != 1 || !memtable->is_plain)) {
        nts_memtable_append_columns(memtable, payload, memtable->column_count, row_count,
                                    first_seq);
        return;
    }
    assert(memtable->capacity != memtable->row_count);
    if (memtable->row_count == 0)
        memtable->seq_first = first_seq;
    memtable_append_one(memtable, payload);
    memtable->seq_last = first_seq;
}

struct nts_memtable_slice nts_memtable_slice(const struct nts_memtable *memtable, uint32_t row,
                                             uint32_t row_end)
{
    const uint32_t chunk = chunk_of_row(row);
    const uint32_t at = row - chunk_first_row(chunk);
    const size_t stride = chunk_rows(chunk);
    const uint32_t room = chunk_rows(chunk) - at;
    const int64_t *block = memtable->chunks[chunk];
    const int64_t *slots_end = block + (memtable->column_count + 1) * stride;
    const struct nts_memtable_slice slice = {.ts = block + at,
                                             .columns = block + stride + at,
                                             .validity = (const uint8_t *)slots_end + at,
                                             .stride = stride,
                                             .row_count =
                                                 row_end - row < room ? row_end - row : room};
    return slice;
}

void nts_memtable_time_range(const struct nts_memtable *memtable, uint32_t row_count,
                             int64_t *min_out, int64_t *max_out)
{
    *min_out = INT64_MAX;
    *max_out = INT64_MIN;
    for (uint32_t row = 0; row < row_count;) {
        const struct nts_memtable_slice slice = nts_memtable_slice(memtable, row, row_count);
        for (uint32_t i = 0; i < slice.row_count; i++) {
            *min_out = slice.ts[i] < *min_out ? slice.ts[i] : *min_out;
            *max_out = slice.ts[i] > *max_out ? slice.ts[i] : *max_out;
        }
        row += slice.row_count;
    }
}

nanots_status nts_memtable_order(const struct nts_memtable *memtable, uint32_t row_count,
                                 uint32_t **order_out)
{
    int64_t *ts = nts_alloc_array(memtable->alloc, (size_t)row_count + 1, sizeof *ts);
    *order_out = NULL;
    if (ts == NULL)
        return NANOTS_NO_MEMORY;
    nts_memtable_gather_ts(memtable, NULL, 0, row_count, ts);
    const nanots_status status = nts_sort_rows(memtable->alloc, ts, row_count, order_out);
    nts_free(ts);
    return status;
}
