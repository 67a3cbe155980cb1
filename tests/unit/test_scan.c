/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_scan.c - scans of segments and memtables (query/scan.h) against a naive model: all rows
 * in one array, sorted by (ts, arrival), filtered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "query/scan.h"
#include "support/faultalloc.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/table_file.h"

#define SCAN_SOURCES_MAX 8u
#define SCAN_ROWS_MAX    24000u
#define SCAN_COLUMNS     3u

struct scan_row {
    int64_t ts;
    uint32_t arrival; /* of the whole table */
};

/* Segments and memtables of one table, and all their rows once more. */
struct scan_model {
    struct table_file table;
    struct nts_source_spec sources[SCAN_SOURCES_MAX];
    size_t source_count;
    struct scan_row rows[SCAN_ROWS_MAX]; /* sorted by (ts, arrival) once built */
    uint32_t row_count;
};

static uint64_t seed;
static struct scan_model model;

static double value_of(uint32_t arrival, uint32_t column)
{
    return (double)arrival * 4.0 + (double)column;
}

static int row_compare(const void *a, const void *b)
{
    const struct scan_row *x = a;
    const struct scan_row *y = b;
    if (x->ts != y->ts)
        return x->ts < y->ts ? -1 : 1;
    return x->arrival < y->arrival ? -1 : x->arrival > y->arrival;
}

/* Times of one source: few distinct ones, extremes, or a regular series over part of the range. */
static void model_fill_times(struct scan_row *rows, uint32_t count)
{
    const uint64_t shape = seed_next(&seed) % 5;
    const int64_t start = (int64_t)(seed_next(&seed) % 5000);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t random = seed_next(&seed);
        int64_t ts = start + (int64_t)i;
        if (shape == 0)
            ts = (int64_t)(random % 20) * 100;
        if (shape == 1)
            ts = (int64_t)(random % 6000);
        if (shape == 2)
            ts = start;
        if (shape == 3)
            ts = random % 5 == 0   ? INT64_MIN + (int64_t)(random / 5 % 3)
                 : random % 5 == 1 ? INT64_MAX - (int64_t)(random / 5 % 3)
                                   : (int64_t)(random % 6000);
        rows[i].ts = ts;
    }
}

static void spec_note_times(struct nts_source_spec *spec, const struct scan_row *rows,
                            uint32_t count)
{
    spec->ts_min = INT64_MAX;
    spec->ts_max = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        spec->ts_min = rows[i].ts < spec->ts_min ? rows[i].ts : spec->ts_min;
        spec->ts_max = rows[i].ts > spec->ts_max ? rows[i].ts : spec->ts_max;
    }
}

static void model_add_segment(struct nts_source_spec *spec, struct scan_row *rows, uint32_t count)
{
    static int64_t ts[SCAN_ROWS_MAX];
    static double values[SCAN_COLUMNS][SCAN_ROWS_MAX];
    const double *const columns[] = {values[0], values[1], values[2]};
    struct nts_segment_entry entry;

    qsort(rows, count, sizeof *rows, row_compare);
    for (uint32_t i = 0; i < count; i++) {
        ts[i] = rows[i].ts;
        for (uint32_t c = 0; c < SCAN_COLUMNS; c++)
            values[c][i] = value_of(rows[i].arrival, c);
    }
    table_file_add(&model.table, ts, columns, count, &entry);
    spec->segment = nts_segment_new(&model.table.view, &entry, model.table.def);
    assert_non_null(spec->segment);
}

static void memtable_add_row(struct nts_memtable *memtable, const struct scan_row *row)
{
    uint8_t payload[8 * (SCAN_COLUMNS + 1)];
    nts_store_i64(payload, row->ts);
    for (uint32_t c = 0; c < SCAN_COLUMNS; c++)
        nts_store_u64(payload + 8 * (c + 1), nts_bits_of_double(value_of(row->arrival, c)));
    assert_int_equal(nts_memtable_reserve(memtable, 1, 0), NANOTS_OK);
    nts_memtable_append(memtable, payload, 1, row->arrival);
}

static void model_add_memtable(struct nts_source_spec *spec, struct scan_row *rows, uint32_t count)
{
    const struct scan_row later = {INT64_MIN, 0};
    struct nts_memtable *memtable = nts_memtable_new(nts_alloc_libc(), model.table.def);
    assert_non_null(memtable);
    for (uint32_t i = 0; i < count; i++)
        memtable_add_row(memtable, &rows[i]);
    spec->memtable = memtable;
    spec->visible_rows = count;
    spec->sorted = memtable->sorted;
    memtable_add_row(memtable, &later); /* behind the snapshot: never seen */
}

/* Up to six sources of up to `rows_max` rows each. */
static void model_build(const char *path, uint32_t rows_max)
{
    memset(&model, 0, sizeof model);
    table_file_open(&model.table, path, SCAN_COLUMNS);
    model.source_count = seed_next(&seed) % 7;
    for (size_t s = 0; s < model.source_count; s++) {
        struct nts_source_spec *spec = &model.sources[s];
        struct scan_row *rows = model.rows + model.row_count;
        const uint32_t count = 1 + (uint32_t)(seed_next(&seed) % rows_max);
        assert_in_range(model.row_count + count, 1, SCAN_ROWS_MAX);
        model_fill_times(rows, count);
        if (seed_next(&seed) % 3 == 0)
            for (uint32_t i = 1; i < count; i++) /* arrives in order of time */
                rows[i].ts = rows[i].ts < rows[i - 1].ts ? rows[i - 1].ts : rows[i].ts;
        for (uint32_t i = 0; i < count; i++)
            rows[i].arrival = model.row_count + i;
        spec_note_times(spec, rows, count);
        if (seed_next(&seed) % 2 == 0)
            model_add_segment(spec, rows, count);
        else
            model_add_memtable(spec, rows, count);
        model.row_count += count;
    }
    qsort(model.rows, model.row_count, sizeof model.rows[0], row_compare);
}

static void model_drop(void)
{
    for (size_t s = 0; s < model.source_count; s++) {
        nts_segment_unref(model.sources[s].segment);
        nts_memtable_unref(model.sources[s].memtable);
    }
    model.source_count = 0;
    table_file_close(&model.table);
}

/* A scan over references of its own. */
static nanots_status model_scan(const struct nanots_allocator *alloc,
                                const struct nts_scan_spec *wanted, struct nts_scan **scan_out,
                                struct nanots_error *error)
{
    struct nts_source_spec sources[SCAN_SOURCES_MAX];
    struct nts_scan_spec spec = *wanted;
    spec.def = model.table.def;
    for (size_t s = 0; s < model.source_count; s++) {
        sources[s] = model.sources[s];
        if (sources[s].segment != NULL)
            (void)nts_segment_ref(sources[s].segment);
        else
            (void)nts_memtable_ref(sources[s].memtable);
    }
    spec.sources = sources;
    spec.source_count = model.source_count;
    return nts_scan_new(alloc, &spec, scan_out, error);
}

static void check_batch(const struct nanots_batch *batch, const struct nts_scan_spec *spec,
                        const struct scan_row *first)
{
    assert_int_equal(batch->column_count, spec->column_count);
    for (size_t i = 0; i < batch->row_count; i++) {
        const struct scan_row *row = spec->reverse ? first - i : first + i;
        if (batch->ts[i] != row->ts)
            fail_msg("row %zu of the batch: ts %lld, expected %lld", i, (long long)batch->ts[i],
                     (long long)row->ts);
        for (uint32_t k = 0; k < spec->column_count; k++)
            if (((const double *)batch->columns[k].values)[i] !=
                value_of(row->arrival, spec->columns[k]))
                fail_msg("row %zu of the batch, column %u: wrong value", i, k);
    }
}

/* The rows [low, high) of the model that are left, of which the scan gives so many. */
struct model_range {
    uint32_t low;
    uint32_t high;
    uint64_t wanted;
};

static struct model_range model_range_of(const struct nts_scan_spec *spec)
{
    struct model_range range = {0, model.row_count, 0};
    while (range.low < range.high && model.rows[range.low].ts < spec->from)
        range.low++;
    while (range.low < range.high && model.rows[range.high - 1].ts > spec->to)
        range.high--;
    range.wanted = range.high - range.low;
    if (spec->limit != 0 && range.wanted > spec->limit)
        range.wanted = spec->limit;
    return range;
}

static const struct scan_row *range_first(const struct model_range *range,
                                          const struct nts_scan_spec *spec)
{
    return spec->reverse ? model.rows + range->high - 1 : model.rows + range->low;
}

static void range_skip(struct model_range *range, const struct nts_scan_spec *spec, size_t count)
{
    assert_true(count <= range->wanted);
    range->wanted -= count;
    if (spec->reverse)
        range->high -= (uint32_t)count;
    else
        range->low += (uint32_t)count;
}

/* Runs one scan and compares all its batches. */
static uint64_t check_scan(const struct nts_scan_spec *spec)
{
    struct model_range range = model_range_of(spec);
    const struct nanots_batch *batch = NULL;
    struct nts_scan *scan = NULL;
    const uint64_t wanted = range.wanted;

    assert_int_equal(model_scan(nts_alloc_libc(), spec, &scan, NULL), NANOTS_OK);
    assert_true(nts_scan_rows_max(scan) >= wanted);
    for (;;) {
        assert_int_equal(nts_scan_next(scan, &batch, NULL), NANOTS_OK);
        if (batch == NULL)
            break;
        assert_in_range(batch->row_count, 1, NTS_BATCH_ROWS_MAX);
        check_batch(batch, spec, range_first(&range, spec));
        range_skip(&range, spec, batch->row_count);
    }
    assert_int_equal(range.wanted, 0);
    assert_int_equal(nts_scan_next(scan, &batch, NULL), NANOTS_OK); /* the end stays the end */
    assert_null(batch);
    nts_scan_free(scan);
    return wanted;
}

/* Runs one scan of all that is left behind some batches, and compares it. */
static void check_rest(const struct nts_scan_spec *spec, unsigned batches)
{
    const struct nanots_batch *batch = NULL;
    struct nts_batch_block *block = NULL;
    struct nts_scan *scan = NULL;
    struct model_range range = model_range_of(spec);
    struct nanots_batch_column columns[SCAN_COLUMNS];
    size_t row_count = 0;

    assert_int_equal(model_scan(nts_alloc_libc(), spec, &scan, NULL), NANOTS_OK);
    for (unsigned i = 0; i < batches; i++) {
        assert_int_equal(nts_scan_next(scan, &batch, NULL), NANOTS_OK);
        range_skip(&range, spec, batch == NULL ? 0 : batch->row_count);
    }
    assert_int_equal(nts_scan_rest(scan, &block, &row_count, NULL), NANOTS_OK);
    assert_int_equal(row_count, range.wanted);
    for (uint32_t k = 0; k < spec->column_count; k++)
        columns[k].values = block->columns[k].values;
    const struct nanots_batch all = {.row_count = row_count,
                                     .ts = block->ts.values,
                                     .column_count = spec->column_count,
                                     .columns = columns};
    check_batch(&all, spec, range_first(&range, spec));
    assert_int_equal(nts_scan_next(scan, &batch, NULL), NANOTS_OK);
    assert_null(batch);
    nts_scan_free(scan);
    nts_batch_block_unref(block);
}

static int64_t random_bound(void)
{
    const uint64_t random = seed_next(&seed);
    if (random % 8 == 0)
        return INT64_MIN + (int64_t)(random / 8 % 3);
    if (random % 8 == 1)
        return INT64_MAX - (int64_t)(random / 8 % 3);
    if (model.row_count != 0 && random % 8 < 5)
        return model.rows[random / 8 % model.row_count].ts; /* exactly at a row */
    return (int64_t)(random / 8 % 7000) - 500;
}

static struct nts_scan_spec random_spec(uint32_t columns[SCAN_COLUMNS])
{
    struct nts_scan_spec spec = {.from = random_bound(), .columns = columns};
    spec.to = random_bound();
    if (spec.from > spec.to && seed_next(&seed) % 8 != 0) {
        const int64_t swap = spec.from;
        spec.from = spec.to;
        spec.to = swap;
    }
    spec.reverse = seed_next(&seed) % 2 == 0;
    spec.limit = seed_next(&seed) % 3 == 0 ? 1 + seed_next(&seed) % 3000 : 0;
    spec.column_count = (uint32_t)(seed_next(&seed) % (SCAN_COLUMNS + 1));
    for (uint32_t k = 0; k < spec.column_count; k++)
        columns[k] = (uint32_t)(seed_next(&seed) % SCAN_COLUMNS);
    return spec;
}

/* Goal: any scan over any sources gives the rows of the model, in its order, forwards and
 * backwards. Method: random tables of overlapping segments and memtables with many equal times;
 * random ranges with the extremes of int64, limits, and column lists with repetitions. */
static void scan_random_tables_equal_the_model(void **state)
{
    const struct scratch *scratch = *state;
    uint64_t seen = 0;
    for (unsigned round = 0; round < 24; round++) {
        model_build(scratch->path, round % 4 == 0 ? 4000 : round % 4 == 1 ? 3 : 1500);
        for (unsigned query = 0; query < 12; query++) {
            uint32_t columns[SCAN_COLUMNS];
            const struct nts_scan_spec spec = random_spec(columns);
            seen += check_scan(&spec);
            check_rest(&spec, query % 3);
        }
        model_drop();
        (void)remove(scratch->path);
    }
    assert_true(seen > 1000); /* the test was one */
}

/* Goal: everything, both ways, with all columns; `from` above `to` gives nothing. */
static void scan_whole_range_gives_every_row_once(void **state)
{
    const struct scratch *scratch = *state;
    static const uint32_t all[SCAN_COLUMNS] = {0, 1, 2};
    for (unsigned round = 0; round < 6; round++) {
        struct nts_scan_spec spec = {
            .from = INT64_MIN, .to = INT64_MAX, .columns = all, .column_count = SCAN_COLUMNS};
        model_build(scratch->path, 3000);
        assert_int_equal(check_scan(&spec), model.row_count);
        check_rest(&spec, 0);
        spec.reverse = true;
        assert_int_equal(check_scan(&spec), model.row_count);
        spec.from = INT64_MAX;
        spec.to = INT64_MIN;
        assert_int_equal(check_scan(&spec), 0);
        model_drop();
        (void)remove(scratch->path);
    }
}

/* Goal: a scan without sources has no rows. */
static void scan_without_sources_has_no_rows(void **state)
{
    const struct nts_table_def def = {.table_id = 1};
    const struct nts_scan_spec spec = {.def = &def, .from = INT64_MIN, .to = INT64_MAX};
    const struct nanots_batch *batch = NULL;
    struct nts_scan *scan = NULL;
    (void)state;
    assert_int_equal(nts_scan_new(nts_alloc_libc(), &spec, &scan, NULL), NANOTS_OK);
    assert_int_equal(nts_scan_rows_max(scan), 0);
    assert_int_equal(nts_scan_next(scan, &batch, NULL), NANOTS_OK);
    assert_null(batch);
    nts_scan_free(scan);
    nts_scan_free(NULL);
}

/* Goal: a scan that runs out of memory says so, leaks nothing and drops its references. Method:
 * each allocation fails in turn, of the scan and of all its batches. */
static void scan_out_of_memory_is_clean(void **state)
{
    const struct scratch *scratch = *state;
    static const uint32_t columns[] = {2, 0};
    const struct nts_scan_spec spec = {
        .from = 10, .to = INT64_MAX, .columns = columns, .column_count = 2};
    struct faultalloc memory;
    model_build(scratch->path, 40);
    while (model.source_count < 4) {
        model_drop();
        (void)remove(scratch->path);
        model_build(scratch->path, 40);
    }
    faultalloc_init(&memory);
    for (uint64_t k = 0;; k++) {
        const struct nanots_batch *batch = NULL;
        struct nanots_error error;
        struct nts_scan *scan = NULL;
        faultalloc_fail(&memory, k, false);
        nanots_status status = model_scan(&memory.alloc, &spec, &scan, &error);
        while (status == NANOTS_OK) {
            status = nts_scan_next(scan, &batch, &error);
            if (batch == NULL)
                break;
        }
        nts_scan_free(scan);
        assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        if (!memory.failed)
            break;
        assert_int_equal(error.code, NANOTS_NO_MEMORY);
    }
    for (size_t s = 0; s < model.source_count; s++)
        assert_true(model.sources[s].segment != NULL
                        ? nts_refcount_is_last(&model.sources[s].segment->refs)
                        : nts_refcount_is_last(&model.sources[s].memtable->refs));
    model_drop();
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

/* Goal: damage met on the way is reported, and what came before was right. Method: the last chunk
 * of a segment of two row groups loses a bit. */
static void scan_damaged_chunk_is_reported(void **state)
{
    const struct scratch *scratch = *state;
    static const uint32_t column = 1;
    const struct nts_scan_spec spec = {
        .from = INT64_MIN, .to = INT64_MAX, .columns = &column, .column_count = 1};
    const uint32_t count = 20000;
    const struct nanots_batch *batch = NULL;
    struct nanots_error error;
    struct nts_scan *scan = NULL;
    uint8_t byte;

    memset(&model, 0, sizeof model);
    table_file_open(&model.table, scratch->path, SCAN_COLUMNS);
    model.source_count = 1;
    model.row_count = count;
    for (uint32_t i = 0; i < count; i++)
        model.rows[i] = (struct scan_row){.ts = i, .arrival = (uint32_t)(seed_next(&seed) >> 40)};
    spec_note_times(&model.sources[0], model.rows, count);
    model_add_segment(&model.sources[0], model.rows, count);
    struct nts_segment_reader reader;
    const struct nts_column_index *index = NULL;
    assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
    assert_int_equal(nts_segment_index(model.sources[0].segment, &reader, 2, &index, NULL),
                     NANOTS_OK);
    const uint64_t place = model.sources[0].segment->entry.off + index->chunk_off[1] + 9;
    nts_segment_reader_deinit(&reader);
    struct nanots_file *file = model.table.file;
    assert_int_equal(file->ops->read_at(file, &byte, 1, place, NULL), NANOTS_OK);
    byte ^= 16;
    assert_int_equal(file->ops->write_at(file, &byte, 1, place, false, NULL), NANOTS_OK);
    assert_int_equal(model_scan(nts_alloc_libc(), &spec, &scan, NULL), NANOTS_OK);
    assert_int_equal(nts_scan_next(scan, &batch, &error), NANOTS_CORRUPT);
    assert_null(batch);
    assert_non_null(strstr(error.message, "table 'plant', column 'c1', row group 1"));
    nts_scan_free(scan);
    model_drop();
}

static int seed_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(scan_random_tables_equal_the_model),
        WITH_SCRATCH(scan_whole_range_gives_every_row_once),
        cmocka_unit_test(scan_without_sources_has_no_rows),
        WITH_SCRATCH(scan_out_of_memory_is_clean),
        WITH_SCRATCH(scan_damaged_chunk_is_reported),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
