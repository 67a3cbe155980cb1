/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* query/scan.c - prune, decode, merge. Contract: scan.h. */
#include "query/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "util/stream_copy.h"

#define SCAN_BATCH_BYTES (2u << 20) /* of one batch, about: stays in a second-level cache */

/* Which rows of equal time stay, in the scan's direction. */
enum scan_keep { SCAN_KEEP_ALL, SCAN_KEEP_FIRST_SEEN, SCAN_KEEP_LAST_SEEN };

struct nts_scan {
    const struct nanots_allocator *alloc;
    struct nts_source *sources; /* by first ts in the scan's direction */
    size_t source_count;
    size_t next_source;         /* sources before it are open or done */
    struct nts_source **active; /* open sources, in no order */
    size_t active_count;
    struct nts_segment_reader reader;
    int64_t from;
    int64_t to;
    bool reverse;
    uint64_t rows_left; /* of the limit */
    uint32_t *columns;
    uint32_t column_count;

    bool skip_damaged;
    struct nanots_damage_report damage;
    const struct nts_table_def *def;
    enum scan_keep keep;
    int64_t last_ts; /* of the last row taken, if there is one */
    bool has_last_ts;

    size_t capacity;       /* rows of a batch; buffers have NTS_VECTOR_ROWS more */
    size_t text_bytes_max; /* of a column of a batch: with more it is full */
    struct nts_batch_block *block;
    struct nanots_batch batch;
    struct nanots_batch_column *batch_columns;
};

/* ---- construction ------------------------------------------------------------------------- */

static int64_t spec_start(const struct nts_source_spec *spec, bool reverse)
{
    return reverse ? spec->ts_max : spec->ts_min;
}

static int source_compare_forward(const void *a, const void *b)
{
    const struct nts_source *x = a;
    const struct nts_source *y = b;
    const int64_t p = x->spec.ts_min;
    const int64_t q = y->spec.ts_min;
    if (p != q)
        return p < q ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int source_compare_backward(const void *a, const void *b)
{
    const struct nts_source *x = a;
    const struct nts_source *y = b;
    const int64_t p = x->spec.ts_max;
    const int64_t q = y->spec.ts_max;
    if (p != q)
        return p > q ? -1 : 1;
    return x->rank > y->rank ? -1 : x->rank < y->rank;
}

static void spec_drop(struct nts_source_spec *spec)
{
    nts_segment_unref(spec->segment);
    nts_memtable_unref(spec->memtable);
    spec->segment = NULL;
    spec->memtable = NULL;
}

/* Opens the sources that overlap the range; all references have been taken over or dropped after.
 * */
static nanots_status scan_take_sources(struct nts_scan *scan, const struct nts_scan_spec *spec,
                                       struct nanots_error *error)
{
    nanots_status status = NANOTS_OK;
    for (size_t i = 0; i < spec->source_count; i++) {
        struct nts_source_spec *item = &spec->sources[i];
        if (status != NANOTS_OK || scan->from > scan->to || item->ts_max < scan->from ||
            item->ts_min > scan->to) {
            spec_drop(item);
            continue;
        }
        struct nts_source *source = &scan->sources[scan->source_count];
        source->alloc = scan->alloc;
        source->reader = &scan->reader;
        source->damage = scan->skip_damaged ? &scan->damage : NULL;
        source->def = scan->def;
        source->columns = scan->columns;
        source->column_count = scan->column_count;
        source->rank = i;
        status = nts_source_init(source, item, scan->from, scan->to, error);
        if (status != NANOTS_OK || nts_source_rows_max(source) == 0)
            nts_source_deinit(source);
        else
            scan->source_count++;
        item->segment = NULL;
        item->memtable = NULL;
    }
    if (scan->source_count > 1)
        qsort(scan->sources, scan->source_count, sizeof *scan->sources,
              scan->reverse ? source_compare_backward : source_compare_forward);
    return status;
}

static uint64_t scan_row_size(const struct nts_scan *scan)
{
    uint64_t size = 8;
    for (uint32_t k = 0; k < scan->column_count; k++) {
        const size_t width = nts_type_width(scan->def->columns[scan->columns[k]].type);
        size += width == 0 ? 8 : width;
    }
    return size;
}

/* Batches are as large as the result may be, but stay in the cache. */
static size_t scan_choose_capacity(const struct nts_scan *scan)
{
    uint64_t rows = SCAN_BATCH_BYTES / scan_row_size(scan);
    const uint64_t most = nts_scan_rows_max(scan);
    if (rows > NTS_BATCH_ROWS_MAX)
        rows = NTS_BATCH_ROWS_MAX;
    if (rows > most)
        rows = most;
    rows = (rows + NTS_VECTOR_ROWS - 1) / NTS_VECTOR_ROWS * NTS_VECTOR_ROWS;
    return rows < NTS_VECTOR_ROWS ? NTS_VECTOR_ROWS : (size_t)rows;
}

static enum scan_keep scan_choose_keep(const struct nts_scan_spec *spec)
{
    if (spec->def->duplicates == NTS_DUPLICATES_KEEP_ALL)
        return SCAN_KEEP_ALL;
    const bool keeps_last = spec->def->duplicates == NTS_DUPLICATES_KEEP_LAST;
    return keeps_last == spec->reverse ? SCAN_KEEP_FIRST_SEEN : SCAN_KEEP_LAST_SEEN;
}

static void scan_drop_specs(const struct nts_scan_spec *spec)
{
    for (size_t i = 0; i < spec->source_count; i++)
        spec_drop(&spec->sources[i]);
}

nanots_status nts_scan_new(const struct nanots_allocator *alloc, const struct nts_scan_spec *spec,
                           struct nts_scan **scan_out, struct nanots_error *error)
{
    nanots_status status;
    struct nts_scan *scan = nts_alloc_zeroed(alloc, sizeof *scan);
    *scan_out = NULL;
    if (scan == NULL) {
        scan_drop_specs(spec);
        return nts_fail_memory(error, sizeof *scan);
    }
    scan->alloc = alloc;
    scan->from = spec->from;
    scan->to = spec->to;
    scan->reverse = spec->reverse;
    scan->skip_damaged = spec->skip_damaged;
    scan->rows_left = spec->limit == 0 ? UINT64_MAX : spec->limit;
    scan->column_count = spec->column_count;
    scan->def = spec->def;
    scan->keep = scan_choose_keep(spec);
    scan->sources = nts_alloc_zeroed(alloc, (spec->source_count + 1) * sizeof *scan->sources);
    scan->active = nts_alloc_array(alloc, spec->source_count + 1, sizeof(struct nts_source *));
    scan->columns = nts_alloc_array(alloc, spec->column_count + 1u, sizeof *scan->columns);
    scan->batch_columns =
        nts_alloc_zeroed(alloc, (spec->column_count + 1u) * sizeof *scan->batch_columns);
    status = nts_segment_reader_init(&scan->reader, alloc, error);
    if (scan->sources == NULL || scan->active == NULL || scan->columns == NULL ||
        scan->batch_columns == NULL)
        status = nts_fail_memory(error, spec->source_count * sizeof *scan->sources);
    if (status != NANOTS_OK) {
        scan_drop_specs(spec);
        goto out;
    }
    if (spec->column_count != 0)
        memcpy(scan->columns, spec->columns, spec->column_count * sizeof *scan->columns);
    NTS_TRY_OUT(scan_take_sources(scan, spec, error));
    scan->capacity = scan_choose_capacity(scan);
    scan->text_bytes_max = SCAN_BATCH_BYTES;
    scan->batch.column_count = scan->column_count;
    scan->batch.columns = scan->batch_columns;
    *scan_out = scan;
    return NANOTS_OK;
out:
    nts_scan_free(scan);
    return status;
}

void nts_scan_free(struct nts_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t i = 0; i < scan->source_count; i++)
        nts_source_deinit(&scan->sources[i]);
    nts_segment_reader_deinit(&scan->reader);
    nts_free(scan->sources);
    nts_free(scan->active);
    nts_free(scan->columns);
    nts_batch_block_unref(scan->block);
    nts_free(scan->batch_columns);
    nts_free(scan);
}

uint64_t nts_scan_rows_max(const struct nts_scan *scan)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < scan->source_count; i++)
        rows += nts_source_rows_max(&scan->sources[i]);
    return rows < scan->rows_left ? rows : scan->rows_left;
}

/* ---- the batch ---------------------------------------------------------------------------- */

/* An empty batch, in new arrays if somebody still holds the old ones. */
static nanots_status batch_begin(struct nts_scan *scan, struct nanots_error *error)
{
    scan->batch.row_count = 0;
    if (scan->block != NULL && !nts_refcount_is_last(&scan->block->refs)) {
        nts_batch_block_unref(scan->block);
        scan->block = NULL;
    }
    if (scan->block == NULL)
        NTS_TRY(nts_batch_block_new(scan->alloc, scan->def, scan->columns, scan->column_count,
                                    scan->capacity + NTS_VECTOR_ROWS, &scan->block, error));
    for (uint32_t k = 0; k < scan->column_count; k++)
        nts_column_buffer_clear(&scan->block->columns[k]);
    return NANOTS_OK;
}

static void batch_end(struct nts_scan *scan)
{
    scan->batch.ts = scan->block->ts.values;
    for (uint32_t k = 0; k < scan->column_count; k++) {
        const struct nts_column view = nts_column_buffer_view(&scan->block->columns[k]);
        scan->batch_columns[k].type = (nanots_type)view.type;
        scan->batch_columns[k].values = view.values;
        scan->batch_columns[k].validity = view.validity;
        scan->batch_columns[k].offsets = view.offsets;
    }
}

/* Rows are counted by the thousand, but a row of text may be long. */
static bool batch_is_full(const struct nts_scan *scan)
{
    const size_t rows = scan->batch.row_count;
    if (rows >= scan->capacity)
        return true;
    for (uint32_t k = 0; k < scan->column_count; k++)
        if (scan->block->columns[k].offsets != NULL &&
            (size_t)scan->block->columns[k].offsets[rows] >= scan->text_bytes_max)
            return true;
    return false;
}

const struct nanots_damage_report *nts_scan_damage(const struct nts_scan *scan)
{
    return &scan->damage;
}

struct nts_batch_block *nts_scan_block(const struct nts_scan *scan)
{
    return scan->block;
}

const struct nts_table_def *nts_scan_def(const struct nts_scan *scan)
{
    return scan->def;
}

uint32_t nts_scan_columns(const struct nts_scan *scan, const uint32_t **columns_out)
{
    *columns_out = scan->columns;
    return scan->column_count;
}

/* ---- the merge ---------------------------------------------------------------------------- */

/* The place of a row in the result: ts, then order of arrival. */
struct row_key {
    int64_t ts;
    size_t rank;
};

static bool key_is_before(const struct nts_scan *scan, struct row_key a, struct row_key b)
{
    const bool ascending = a.ts < b.ts || (a.ts == b.ts && a.rank < b.rank);
    return scan->reverse ? !ascending : ascending;
}

/* Key of the next row that an open source gives. */
static struct row_key source_key(const struct nts_scan *scan, const struct nts_source *source)
{
    const uint32_t row = scan->reverse ? source->high - 1 : source->low;
    const struct row_key key = {source->ts[row], source->rank};
    return key;
}

/* Enters the next block that has rows in the range; closes the source after the last. */
static nanots_status source_advance(struct nts_scan *scan, struct nts_source *source,
                                    struct nanots_error *error)
{
    while (source->low == source->high) {
        uint32_t block = scan->reverse ? source->block_end - 1 : source->block_first;
        if (source->is_open)
            block = scan->reverse ? source->block - 1 : source->block + 1;
        const bool is_done =
            scan->reverse ? block + 1 == source->block_first : block == source->block_end;
        if (is_done) {
            source->is_open = false;
            return NANOTS_OK;
        }
        NTS_TRY(nts_source_enter(source, block, scan->from, scan->to, error));
    }
    return NANOTS_OK;
}

static nanots_status scan_open_next(struct nts_scan *scan, struct nanots_error *error)
{
    struct nts_source *source = &scan->sources[scan->next_source++];
    NTS_TRY(source_advance(scan, source, error));
    if (source->is_open)
        scan->active[scan->active_count++] = source;
    return NANOTS_OK;
}

/* The open source whose row is next, and the key of the best of all others, open or not yet. */
static struct nts_source *scan_winner(const struct nts_scan *scan, struct row_key *rival_out,
                                      bool *has_rival_out)
{
    struct nts_source *winner = NULL;
    struct row_key best = {0, 0};
    *has_rival_out = false;
    for (size_t i = 0; i < scan->active_count; i++) {
        const struct row_key key = source_key(scan, scan->active[i]);
        if (winner != NULL && !key_is_before(scan, key, best)) {
            if (!*has_rival_out || key_is_before(scan, key, *rival_out))
                *rival_out = key;
            *has_rival_out = true;
            continue;
        }
        if (winner != NULL) {
            *rival_out = best;
            *has_rival_out = true;
        }
        winner = scan->active[i];
        best = key;
    }
    if (scan->next_source < scan->source_count) {
        const struct nts_source *next = &scan->sources[scan->next_source];
        const struct row_key key = {spec_start(&next->spec, scan->reverse), next->rank};
        if (!*has_rival_out || key_is_before(scan, key, *rival_out))
            *rival_out = key;
        *has_rival_out = true;
    }
    return winner;
}

/* Opens every source that could hold the next row; then the winner is among the open ones. */
static nanots_status scan_open_reached(struct nts_scan *scan, struct nanots_error *error)
{
    for (;;) {
        if (scan->next_source == scan->source_count)
            return NANOTS_OK;
        if (scan->active_count != 0) {
            const struct nts_source *next = &scan->sources[scan->next_source];
            const struct row_key start = {spec_start(&next->spec, scan->reverse), next->rank};
            bool is_reached = true;
            for (size_t i = 0; i < scan->active_count && is_reached; i++)
                is_reached = key_is_before(scan, start, source_key(scan, scan->active[i]));
            if (!is_reached)
                return NANOTS_OK;
        }
        NTS_TRY(scan_open_next(scan, error));
    }
}

/* How many rows of the winner come before the rival: by halving, rows are sorted. */
static uint32_t winner_run(const struct nts_scan *scan, const struct nts_source *source,
                           struct row_key rival)
{
    const uint32_t left = source->high - source->low;
    uint32_t low = 1;
    uint32_t high = left;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const uint32_t row = scan->reverse ? source->high - 1 - middle : source->low + middle;
        const struct row_key key = {source->ts[row], source->rank};
        if (key_is_before(scan, key, rival))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- copying ------------------------------------------------------------------------------ */

/* ts of the i-th row from the source's next one on. */
static int64_t source_ts(const struct nts_scan *scan, const struct nts_source *source, uint64_t i)
{
    return source->ts[scan->reverse ? source->high - 1 - i : source->low + i];
}

/* Consumes `count` rows of the source. */
static void source_consume(const struct nts_scan *scan, struct nts_source *source, uint32_t count)
{
    if (scan->reverse)
        source->high -= count;
    else
        source->low += count;
}

/* Appends `count` rows of the source to the batch and consumes them. Whole vectors are decoded
 * where they stay, unless that would fill the caches: then they go through the source's buffer. */
static nanots_status scan_take_run(struct nts_scan *scan, struct nts_source *source, uint32_t count,
                                   struct nanots_error *error)
{
    const size_t at = scan->batch.row_count;
    const uint32_t first = scan->reverse ? source->high - count : source->low;
    const bool whole = !scan->reverse && count == source->row_count;
    const struct nts_column ts = {.type = NANOTS_TYPE_I64, .values = source->ts};

    scan->last_ts = source_ts(scan, source, count - 1);
    scan->has_last_ts = true;
    NTS_TRY(nts_column_buffer_put(&scan->block->ts, at, &ts, first, count, scan->reverse, error));
    for (uint32_t k = 0; k < scan->column_count; k++) {
        struct nts_column_buffer *dst = &scan->block->columns[k];
        struct nts_column column;
        if (whole && !source->decoded[k] && !dst->is_large) {
            NTS_TRY(nts_source_column_to(source, k, dst, at, error));
            continue;
        }
        NTS_TRY(nts_source_column(source, k, &column, error));
        NTS_TRY(nts_column_buffer_put(dst, at, &column, first, count, scan->reverse, error));
    }
    source_consume(scan, source, count);
    scan->batch.row_count += count;
    scan->rows_left -= count;
    return NANOTS_OK;
}

static void scan_close_source(struct nts_scan *scan, const struct nts_source *source)
{
    for (size_t i = 0; i < scan->active_count; i++)
        if (scan->active[i] == source)
            scan->active[i] = scan->active[--scan->active_count];
}

/* ---- rows of equal time ------------------------------------------------------------------- */

/* Rows of the run up to the first that has the time of the row before it. */
static uint64_t run_of_distinct_times(const struct nts_scan *scan, const struct nts_source *source,
                                      uint64_t count)
{
    for (uint64_t i = 1; i < count; i++)
        if (source_ts(scan, source, i) == source_ts(scan, source, i - 1))
            return i;
    return count;
}

/* The first rows of the run that have the time of the last row taken. */
static uint64_t run_of_last_time(const struct nts_scan *scan, const struct nts_source *source,
                                 uint64_t count)
{
    uint64_t i = 0;
    while (scan->has_last_ts && i < count && source_ts(scan, source, i) == scan->last_ts)
        i++;
    return i;
}

/* Whether the row to come replaces the last of the batch. */
static bool scan_next_replaces(const struct nts_scan *scan)
{
    struct row_key rival;
    bool has_rival;
    if (scan->keep != SCAN_KEEP_LAST_SEEN || scan->batch.row_count == 0 || scan->active_count == 0)
        return false;
    return source_key(scan, scan_winner(scan, &rival, &has_rival)).ts == scan->last_ts;
}

static void scan_take_back(struct nts_scan *scan)
{
    scan->batch.row_count--;
    scan->rows_left++;
}

/* ---- steps -------------------------------------------------------------------------------- */

/* Takes the next rows of one source, or passes over some. */
static nanots_status scan_step(struct nts_scan *scan, struct nanots_error *error)
{
    struct row_key rival = {0, 0};
    bool has_rival = false;
    struct nts_source *winner = scan_winner(scan, &rival, &has_rival);
    uint64_t count = has_rival ? winner_run(scan, winner, rival) : winner->high - winner->low;
    const uint64_t repeated =
        scan->keep == SCAN_KEEP_FIRST_SEEN ? run_of_last_time(scan, winner, count) : 0;

    if (repeated != 0) {
        source_consume(scan, winner, (uint32_t)repeated);
    } else {
        if (scan->keep != SCAN_KEEP_ALL)
            count = run_of_distinct_times(scan, winner, count);
        const uint64_t room = scan->capacity - scan->batch.row_count;
        count = count < room ? count : room;
        count = count < scan->rows_left ? count : scan->rows_left;
        NTS_TRY(scan_take_run(scan, winner, (uint32_t)count, error));
    }
    if (winner->low != winner->high)
        return NANOTS_OK;
    NTS_TRY(source_advance(scan, winner, error));
    if (!winner->is_open)
        scan_close_source(scan, winner);
    return NANOTS_OK;
}

nanots_status nts_scan_next(struct nts_scan *scan, const struct nanots_batch **batch_out,
                            struct nanots_error *error)
{
    *batch_out = NULL;
    NTS_TRY(batch_begin(scan, error));
    for (;;) {
        NTS_TRY(scan_open_reached(scan, error));
        if (scan_next_replaces(scan))
            scan_take_back(scan);
        if (scan->active_count == 0 || scan->rows_left == 0 || batch_is_full(scan))
            break;
        NTS_TRY(scan_step(scan, error));
    }
    batch_end(scan);
    if (scan->batch.row_count != 0)
        *batch_out = &scan->batch;
    return NANOTS_OK;
}

nanots_status nts_scan_rest(struct nts_scan *scan, struct nts_batch_block **block_out,
                            size_t *row_count_out, struct nanots_error *error)
{
    const uint64_t most = nts_scan_rows_max(scan);
    const struct nanots_batch *batch = NULL;

    *block_out = NULL;
    *row_count_out = 0;
    if (most > SIZE_MAX / 16 - NTS_VECTOR_ROWS)
        return nts_fail_memory(error, SIZE_MAX);
    if (scan->capacity < most) {
        nts_batch_block_unref(scan->block);
        scan->block = NULL;
        scan->capacity = (size_t)most;
    }
    scan->text_bytes_max = SIZE_MAX;
    NTS_TRY(nts_scan_next(scan, &batch, error));
    nts_stream_fence();
    *block_out = nts_batch_block_ref(scan->block);
    *row_count_out = scan->batch.row_count;
    return NANOTS_OK;
}
