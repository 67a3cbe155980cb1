/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memtable/memtable.c - chunks of columns in memory. Contract: memtable.h. */
#include "memtable/memtable.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "util/sort_rows.h"

struct nts_memtable *nts_memtable_new(const struct nanots_allocator *alloc, uint32_t column_count)
{
    const size_t first_size =
        NTS_MEMTABLE_CHUNK_ROWS * ((size_t)column_count + 1) * sizeof(int64_t);
    struct nts_memtable *memtable = nts_alloc(alloc, sizeof *memtable + first_size);
    if (memtable == NULL)
        return NULL;
    memset(memtable, 0, sizeof *memtable);
    nts_refcount_init(&memtable->refs);
    memtable->alloc = alloc;
    memtable->column_count = column_count;
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

nanots_status nts_memtable_reserve(struct nts_memtable *memtable, uint32_t row_count)
{
    while (memtable->capacity - memtable->row_count < row_count) {
        const uint32_t chunk = memtable->chunk_count;
        if (chunk == NTS_MEMTABLE_CHUNKS_MAX)
            return NANOTS_NO_MEMORY;
        const size_t row_size = ((size_t)memtable->column_count + 1) * sizeof(int64_t);
        int64_t *block = nts_alloc_array(memtable->alloc, chunk_rows(chunk), row_size);
        if (block == NULL)
            return NANOTS_NO_MEMORY;
        memtable->chunks[chunk] = block;
        memtable->chunk_count = chunk + 1;
        memtable->capacity += chunk_rows(chunk);
        memtable->bytes += chunk_rows(chunk) * row_size;
    }
    return NANOTS_OK;
}

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

void nts_memtable_append(struct nts_memtable *memtable, const uint8_t *payload, uint32_t row_count,
                         uint64_t first_seq)
{
    uint32_t done = 0;
    assert(memtable->capacity - memtable->row_count >= row_count);
    if (memtable->row_count == 0)
        memtable->seq_first = first_seq;
    if (row_count == 1) {
        memtable_append_one(memtable, payload);
        done = 1;
    }
    while (done < row_count) {
        const uint32_t row = memtable->row_count;
        const uint32_t chunk = chunk_of_row(row);
        const uint32_t at = row - chunk_first_row(chunk);
        const uint32_t room = chunk_rows(chunk) - at;
        const uint32_t count = row_count - done < room ? row_count - done : room;
        int64_t *block = memtable->chunks[chunk];
        for (uint32_t c = 0; c <= memtable->column_count; c++)
            values_copy(block + (size_t)c * chunk_rows(chunk) + at,
                        payload + ((size_t)c * row_count + done) * 8, count);
        memtable_note_times(memtable, block + at, count);
        memtable->row_count += count;
        done += count;
    }
    memtable->seq_last = first_seq + row_count - 1;
}

struct nts_memtable_slice nts_memtable_slice(const struct nts_memtable *memtable, uint32_t row,
                                             uint32_t row_end)
{
    const uint32_t chunk = chunk_of_row(row);
    const uint32_t at = row - chunk_first_row(chunk);
    const uint32_t room = chunk_rows(chunk) - at;
    const int64_t *block = memtable->chunks[chunk];
    const struct nts_memtable_slice slice = {.ts = block + at,
                                             .columns = block + chunk_rows(chunk) + at,
                                             .stride = chunk_rows(chunk),
                                             .row_count =
                                                 row_end - row < room ? row_end - row : room};
    return slice;
}

nanots_status nts_memtable_order(const struct nts_memtable *memtable, uint32_t row_count,
                                 uint32_t **order_out)
{
    int64_t *ts = nts_alloc_array(memtable->alloc, (size_t)row_count + 1, sizeof *ts);
    *order_out = NULL;
    if (ts == NULL)
        return NANOTS_NO_MEMORY;
    for (uint32_t row = 0; row < row_count;) {
        const struct nts_memtable_slice slice = nts_memtable_slice(memtable, row, row_count);
        memcpy(ts + row, slice.ts, slice.row_count * sizeof *ts);
        row += slice.row_count;
    }
    const nanots_status status = nts_sort_rows(memtable->alloc, ts, row_count, order_out);
    nts_free(ts);
    return status;
}
