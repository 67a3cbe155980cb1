/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_source.c - a segment and a memtable as blocks of sorted rows (query/source.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "query/source.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/table_file.h"

#define ROWS 5000u

static uint64_t seed;
static int64_t times[ROWS]; /* sorted */
static double values[2][ROWS];
static const double *const columns[] = {values[0], values[1]};
static const uint32_t wanted[] = {1, 0};

struct bench {
    struct table_file table;
    struct nts_segment_reader reader;
    struct nts_source source;
};

static void fill_rows(void)
{
    int64_t ts = -1000;
    for (uint32_t row = 0; row < ROWS; row++) {
        ts += (int64_t)(seed_next(&seed) % 3);
        times[row] = ts;
        values[0][row] = (double)row;
        values[1][row] = -(double)row;
    }
}

static void bench_open(struct bench *bench, const char *path)
{
    memset(&bench->source, 0, sizeof bench->source);
    table_file_open(&bench->table, path, 2);
    assert_int_equal(nts_segment_reader_init(&bench->reader, nts_alloc_libc(), NULL), NANOTS_OK);
    bench->source.alloc = nts_alloc_libc();
    bench->source.reader = &bench->reader;
    bench->source.def = bench->table.def;
    bench->source.columns = wanted;
    bench->source.column_count = 2;
    fill_rows();
}

static void bench_close(struct bench *bench)
{
    nts_segment_reader_deinit(&bench->reader);
    table_file_close(&bench->table);
}

/* The rows as a segment, or as a memtable that got them in another order: rows of equal time keep
 * theirs, which is that of their values. */
static struct nts_source_spec spec_make(struct bench *bench, unsigned kind)
{
    struct nts_source_spec spec = {.ts_min = times[0], .ts_max = times[ROWS - 1]};
    struct nts_segment_entry entry;
    if (kind == 0) {
        table_file_add(&bench->table, times, columns, ROWS, &entry);
        spec.segment = nts_segment_new(&bench->table.view, &entry, bench->table.def);
        assert_non_null(spec.segment);
        return spec;
    }
    spec.memtable = nts_memtable_new(nts_alloc_libc(), bench->table.def);
    assert_non_null(spec.memtable);
    assert_int_equal(nts_memtable_reserve(spec.memtable, ROWS, 0), NANOTS_OK);
    for (uint32_t turn = 0; turn < 2; turn++)
        for (uint32_t row = 0; row < ROWS; row++) {
            uint8_t payload[24];
            /* The later half of the times arrives first. */
            if (kind == 2 && (times[row] > times[ROWS / 2]) != (turn == 0))
                continue;
            if (kind == 1 && turn == 1)
                continue;
            nts_store_i64(payload, times[row]);
            nts_store_u64(payload + 8, nts_bits_of_double(values[0][row]));
            nts_store_u64(payload + 16, nts_bits_of_double(values[1][row]));
            nts_memtable_append(spec.memtable, payload, 1, row + 1);
        }
    assert_int_equal(spec.memtable->row_count, ROWS);
    assert_int_equal(spec.memtable->sorted, kind == 1);
    spec.visible_rows = ROWS;
    spec.sorted = spec.memtable->sorted;
    return spec;
}

/* Enters every block and compares the rows inside the range, both ways of getting a column. */
static uint32_t check_blocks(struct nts_source *source, int64_t from, int64_t to)
{
    struct nts_column_buffer direct;
    uint32_t seen = 0;
    assert_int_equal(nts_column_buffer_init(&direct, nts_alloc_libc(), NANOTS_TYPE_F64, false,
                                            NTS_VECTOR_ROWS + 7, NULL),
                     NANOTS_OK);
    for (uint32_t block = source->block_first; block < source->block_end; block++) {
        const uint32_t base = block * NTS_VECTOR_ROWS;
        assert_int_equal(nts_source_enter(source, block, from, to, NULL), NANOTS_OK);
        assert_int_equal(source->row_count, nts_vector_rows(ROWS, block));
        assert_memory_equal(source->ts, times + base, source->row_count * sizeof(int64_t));
        for (uint32_t row = 0; row < source->row_count; row++)
            assert_int_equal(times[base + row] >= from && times[base + row] <= to,
                             row >= source->low && row < source->high);
        for (uint32_t k = 0; k < 2; k++) {
            struct nts_column first;
            struct nts_column again;
            assert_int_equal(nts_source_column(source, k, &first, NULL), NANOTS_OK);
            assert_int_equal(nts_source_column(source, k, &again, NULL), NANOTS_OK);
            assert_ptr_equal(first.values, again.values);
            assert_int_equal(nts_source_column_to(source, k, &direct, 7, NULL), NANOTS_OK);
            const size_t size = source->row_count * sizeof(double);
            assert_memory_equal(first.values, values[wanted[k]] + base, size);
            assert_memory_equal((double *)direct.values + 7, values[wanted[k]] + base, size);
        }
        seen += source->high - source->low;
    }
    nts_column_buffer_deinit(&direct);
    return seen;
}

static uint32_t rows_in(int64_t from, int64_t to)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < ROWS; row++)
        count += times[row] >= from && times[row] <= to;
    return count;
}

/* Goal: the blocks of a range hold all its rows, in order of (ts, arrival), and blocks without any
 * are not among them. Method: random ranges and the extremes, over a segment, a memtable in order
 * and one that has to be sorted. */
static void source_blocks_hold_the_rows_of_the_range(void **state)
{
    const struct scratch *scratch = *state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct bench bench;
        bench_open(&bench, scratch->path);
        struct nts_source_spec spec = spec_make(&bench, kind);
        for (unsigned round = 0; round < 40; round++) {
            int64_t from = times[seed_next(&seed) % ROWS] - (int64_t)(round % 2);
            int64_t to = from + (int64_t)(seed_next(&seed) % 3000);
            from = round == 0 || round == 1 ? INT64_MIN : from;
            to = round == 0 || round == 2 ? INT64_MAX : to;
            to = round == 3 ? times[0] - 1 : to; /* before all rows */
            from = round == 3 ? INT64_MIN : from;
            from = round == 4 ? times[ROWS - 1] + 1 : from; /* behind them */
            to = round == 4 ? INT64_MAX : to;
            if (round >= 5 && round < 9) /* the last row of a block, alone */
                from = to = times[(round - 4) * NTS_VECTOR_ROWS - 1];
            struct nts_source source = bench.source;
            struct nts_source_spec own = spec;
            if (own.segment != NULL)
                (void)nts_segment_ref(own.segment);
            else
                (void)nts_memtable_ref(own.memtable);
            assert_int_equal(nts_source_init(&source, &own, from, to, NULL), NANOTS_OK);
            const uint32_t count = rows_in(from, to);
            assert_in_range(nts_source_rows_max(&source), count, count + 2 * NTS_VECTOR_ROWS);
            assert_int_equal(check_blocks(&source, from, to), count);
            if (count == 0)
                assert_true(nts_source_rows_max(&source) <= NTS_VECTOR_ROWS);
            nts_source_deinit(&source);
        }
        nts_segment_unref(spec.segment);
        nts_memtable_unref(spec.memtable);
        bench_close(&bench);
        (void)remove(scratch->path);
    }
}

/* A medium that does not give the bytes any more: every block is left out, and told once; not
 * enough memory is no damage. */
static void source_leaves_out_what_the_medium_does_not_give(void **state)
{
    const struct scratch *scratch = *state;
    struct bench bench;
    struct nanots_damage_report damage;
    struct nanots_error error = {NANOTS_OK, 0, ""};

    memset(&damage, 0, sizeof damage);
    bench_open(&bench, scratch->path);
    struct nts_source_spec spec = spec_make(&bench, 0);
    bench.source.damage = &damage;
    assert_int_equal(nts_source_init(&bench.source, &spec, times[0] + 1, INT64_MAX, &error),
                     NANOTS_OK);
    assert_int_equal(damage.places, 0);
    faultvfs_fail(&bench.table.faults, FAULTVFS_POPULATE | FAULTVFS_READ, 0, ENOMEM, false);
    assert_int_equal(nts_source_enter(&bench.source, 0, times[0] + 1, INT64_MAX, &error),
                     NANOTS_NO_MEMORY);
    assert_int_equal(error.code, NANOTS_NO_MEMORY);
    assert_int_equal(damage.places, 0);
    faultvfs_fail(&bench.table.faults, FAULTVFS_POPULATE | FAULTVFS_READ, 0, EIO, true);
    for (uint32_t block = 0; block < bench.source.block_end; block++) {
        assert_int_equal(nts_source_enter(&bench.source, block, times[0] + 1, INT64_MAX, &error),
                         NANOTS_OK);
        assert_int_equal(bench.source.low, bench.source.high);
    }
    assert_int_equal(damage.places, 1);
    assert_int_equal(damage.status, NANOTS_IO);
    assert_int_equal(damage.rows, ROWS);
    assert_int_equal(damage.place_rows, ROWS);
    assert_int_equal(damage.ts_min, times[0] + 1);
    assert_int_equal(damage.ts_max, times[ROWS - 1]);
    assert_int_equal(damage.place_ts_min, times[0]);
    faultvfs_heal(&bench.table.faults);
    nts_source_deinit(&bench.source);
    bench_close(&bench);
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
        WITH_SCRATCH(source_blocks_hold_the_rows_of_the_range),
        WITH_SCRATCH(source_leaves_out_what_the_medium_does_not_give),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
