/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_segment_writer.c - sorted rows to the bytes of a segment (segment/segment_writer.h):
 * what it derives, what it promises, how it fails. That the rows come back is in test_segment.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "segment/zone_map.h"
#include "support/faultalloc.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/table_file.h"

#define ROWS_MAX 40000u

static int64_t ts[ROWS_MAX];
static double values[2][ROWS_MAX];
static const double *const columns[] = {values[0], values[1]};

static void fill_noise(uint64_t *seed, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++) {
        ts[i] = (int64_t)i * 4 + (int64_t)(seed_next(seed) % 4);
        values[0][i] = nts_double_of_bits(seed_next(seed)); /* does not compress */
        values[1][i] = i % 7 == 0 ? NAN : (double)(i % 1000) / 8.0;
    }
}

static const struct nts_column_index *index_of(struct nts_segment *segment,
                                               struct nts_segment_reader *reader, uint32_t column)
{
    const struct nts_column_index *index = NULL;
    assert_int_equal(nts_segment_index(segment, reader, column, &index, NULL), NANOTS_OK);
    return index;
}

/* Goal: the bits of a sum that is NaN do not depend on where its infinities lie. Method: both in
 * one vector, in two vectors of a group, either way round; beside it a column of one infinity. */
static void segment_writer_sum_of_infinities_has_one_form(void **state)
{
    const struct scratch *scratch = *state;
    static const uint32_t places[][2] = {{3, 11}, {5, 2000}, {5, 1}, {2000, 5}};
    uint64_t seed = seed_of_run();
    struct table_file table;
    table_file_open(&table, scratch->path, 2);
    fill_noise(&seed, 2500);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct nts_segment_reader reader;
        struct nts_segment_entry entry;
        for (uint32_t row = 0; row < 2500; row++)
            values[0][row] = values[1][row] = 1.0;
        values[0][places[i][0]] = INFINITY;
        values[0][places[i][1]] = -INFINITY;
        values[1][places[i][0]] = -INFINITY;
        table_file_add(&table, ts, columns, 2500, &entry);
        struct nts_segment *segment = nts_segment_new(&table.view, &entry, table.def);
        assert_non_null(segment);
        assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
        assert_int_equal(index_of(segment, &reader, 1)->sum[0], 0x7FF8000000000000u);
        assert_int_equal(index_of(segment, &reader, 2)->sum[0], nts_bits_of_double(-INFINITY));
        nts_segment_reader_deinit(&reader);
        nts_segment_unref(segment);
    }
    table_file_close(&table);
}

/* Goal: zone maps, sums, first and last values are those of the rows. Method: three row groups of
 * noise beside SPEC.md 6.3 done naively: sums of vectors, added in order from 0.0. */
static void segment_writer_index_describes_the_rows(void **state)
{
    const struct scratch *scratch = *state;
    const uint32_t rows = 2 * NTS_GROUP_ROWS + 3000;
    uint64_t seed = seed_of_run();
    struct nts_segment_reader reader;
    struct nts_segment_entry entry;
    struct table_file table;
    table_file_open(&table, scratch->path, 2);
    fill_noise(&seed, rows);
    table_file_add(&table, ts, columns, rows, &entry);
    struct nts_segment *segment = nts_segment_new(&table.view, &entry, table.def);
    assert_non_null(segment);
    assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
    const struct nts_column_index *time = index_of(segment, &reader, 0);
    assert_int_equal(time->vector_count, 35);
    for (uint32_t v = 0; v < time->vector_count; v++) {
        const uint32_t row = v * NTS_VECTOR_ROWS;
        assert_int_equal((int64_t)time->min[v], ts[row]);
        assert_int_equal((int64_t)time->max[v], ts[row + nts_vector_rows(rows, v) - 1]);
    }
    const struct nts_column_index *index = index_of(segment, &reader, 2);
    for (uint32_t g = 0; g < 3; g++) {
        double sum = 0.0;
        uint32_t row = g * NTS_GROUP_ROWS;
        assert_memory_equal(&index->first[g], &values[1][row], 8);
        for (uint32_t v = row / NTS_VECTOR_ROWS; v < 35 && v < (g + 1) * NTS_GROUP_VECTORS; v++) {
            struct nts_zone zone;
            nts_zone_of_doubles(values[1] + row, nts_vector_rows(rows, v), &zone);
            assert_int_equal(index->nan_count[v], zone.nan_count);
            assert_int_equal(index->min[v], zone.min);
            assert_int_equal(index->max[v], zone.max);
            sum += nts_double_of_bits(zone.sum);
            row += nts_vector_rows(rows, v);
        }
        assert_int_equal(index->sum[g], nts_bits_of_double(sum));
        assert_memory_equal(&index->last[g], &values[1][row - 1], 8);
    }
    nts_segment_reader_deinit(&reader);
    nts_segment_unref(segment);
    table_file_close(&table);
}

/* Goal: vectors that their zone map gives are left out, others never. Method: regular and almost
 * regular times, equal bits and equal values of other bits. */
static void segment_writer_leaves_out_what_it_can_derive(void **state)
{
    const struct scratch *scratch = *state;
    struct nts_segment_reader reader;
    struct nts_segment_entry entry;
    struct table_file table;
    table_file_open(&table, scratch->path, 2);
    for (uint32_t i = 0; i < 4096; i++) {
        ts[i] = 1000 * (int64_t)i + (i == 1500 ? 1 : 0); /* vector 1 is not regular */
        values[0][i] = i < 2048 ? nts_double_of_bits(0x7FF800000000BEEFu) : -0.0;
        values[1][i] = i < 2048 || i == 3000 ? 0.0 : -0.0; /* equal, but not in vector 2 */
    }
    table_file_add(&table, ts, columns, 4096, &entry);
    struct nts_segment *segment = nts_segment_new(&table.view, &entry, table.def);
    assert_non_null(segment);
    assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
    for (uint32_t v = 0; v < 4; v++) {
        assert_int_equal(index_of(segment, &reader, 0)->vector_size[v] != 0, v == 1);
        assert_int_equal(index_of(segment, &reader, 1)->vector_size[v], 0);
        assert_int_equal(index_of(segment, &reader, 2)->vector_size[v] != 0, v == 2);
    }
    nts_segment_reader_deinit(&reader);
    nts_segment_unref(segment);
    table_file_close(&table);
}

/* Goal: the bound holds for rows that do not compress, and the same rows give the same bytes. */
static void segment_writer_is_bounded_and_deterministic(void **state)
{
    const struct scratch *scratch = *state;
    static const uint32_t counts[] = {1, 2, 1023, 1024, 1025, NTS_GROUP_ROWS, ROWS_MAX};
    static uint8_t first[1u << 20];
    static uint8_t second[1u << 20];
    uint64_t seed = seed_of_run();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct nts_segment_entry entry;
        size_t size = 0;
        fill_noise(&seed, counts[i]);
        memcpy(values[1], values[0], counts[i] * sizeof(double));
        for (unsigned again = 0; again < 2; again++) {
            struct table_file table;
            table_file_open(&table, scratch->path, 2);
            table_file_add(&table, ts, columns, counts[i], &entry); /* checks the bound */
            size = (size_t)entry.size;
            assert_in_range(size, 1, sizeof first);
            assert_int_equal(table.file->ops->read_at(table.file, again == 0 ? first : second, size,
                                                      entry.off, NULL),
                             NANOTS_OK);
            table_file_close(&table);
            (void)remove(scratch->path);
        }
        assert_memory_equal(first, second, size);
    }
}

/* Goal: a segment gets its place in the order of arrival afterwards; only its header changes. */
static void segment_writer_renumber_moves_the_seqs(void **state)
{
    const struct scratch *scratch = *state;
    uint64_t seed = seed_of_run();
    struct nts_segment_reader reader;
    struct nts_segment_entry entry;
    struct table_file table;
    double got[NTS_VECTOR_ROWS];
    table_file_open(&table, scratch->path, 2);
    fill_noise(&seed, 500);
    table_file_add(&table, ts, columns, 500, &entry);
    assert_int_equal(nts_segment_renumber(table.file, &entry, 7000, NULL), NANOTS_OK);
    assert_int_equal(entry.seq_first, 7000);
    assert_int_equal(entry.seq_last, 7499);
    struct nts_segment *segment = nts_segment_new(&table.view, &entry, table.def);
    assert_non_null(segment);
    assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
    assert_int_equal(table_file_read_f64(segment, &reader, 1, 0, got, NULL), NANOTS_OK);
    assert_memory_equal(got, values[0], 500 * sizeof(double));
    nts_segment_reader_deinit(&reader);
    nts_segment_unref(segment);
    entry.segment_id++; /* not the segment that lies there */
    assert_int_equal(nts_segment_renumber(table.file, &entry, 1, NULL), NANOTS_CORRUPT);
    table_file_close(&table);
}

/* Writes one segment with this memory; the first failure is returned. */
static nanots_status write_segment(struct table_file *table, struct nts_segment_writer *writer,
                                   uint32_t rows)
{
    const struct nts_segment_start start = {
        .def = table->def, .segment_id = 9, .seq_first = 1, .seq_last = rows, .row_count = rows};
    const struct nts_extent extent = {8192, 4u << 20};
    struct nts_segment_entry entry;
    table->out.buffer_used = 0;
    nts_extent_writer_begin(&table->out, extent);
    NTS_TRY(nts_segment_writer_begin(writer, &table->out, &start, NULL));
    struct nts_column rest[] = {{.type = NANOTS_TYPE_F64, .values = values[0]},
                                {.type = NANOTS_TYPE_F64, .values = values[1]}};
    NTS_TRY(nts_segment_writer_add_group(writer, ts, rest, NTS_GROUP_ROWS, NULL));
    rest[0].first = rest[1].first = NTS_GROUP_ROWS;
    NTS_TRY(nts_segment_writer_add_group(writer, ts + NTS_GROUP_ROWS, rest, rows - NTS_GROUP_ROWS,
                                         NULL));
    NTS_TRY(nts_segment_writer_finish(writer, &entry, NULL));
    return nts_extent_writer_flush(&table->out, NULL);
}

/* Goal: failures of memory and disk are statuses, leak nothing, and the writer can begin anew. */
static void segment_writer_failures_are_clean(void **state)
{
    const struct scratch *scratch = *state;
    uint64_t seed = seed_of_run();
    struct table_file table;
    struct faultalloc memory;
    table_file_open(&table, scratch->path, 2);
    fill_noise(&seed, 20000);
    faultalloc_init(&memory);
    struct nts_segment_writer *writer = nts_segment_writer_new(&memory.alloc);
    assert_non_null(writer);
    for (unsigned disk = 0; disk < 2; disk++)
        for (uint64_t k = 0;; k++) {
            if (disk != 0)
                faultvfs_fail(&table.faults, FAULTVFS_WRITE, k, ENOSPC, false);
            else
                faultalloc_fail(&memory, k, false);
            const nanots_status status = write_segment(&table, writer, 20000);
            const bool failed = disk != 0 ? table.faults.failed : memory.failed;
            assert_int_equal(status, !failed     ? NANOTS_OK
                                     : disk != 0 ? NANOTS_NO_SPACE
                                                 : NANOTS_NO_MEMORY);
            faultalloc_heal(&memory);
            faultvfs_heal(&table.faults);
            if (!failed)
                break;
        }
    nts_segment_writer_free(writer);
    nts_segment_writer_free(NULL);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
    table_file_close(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(segment_writer_sum_of_infinities_has_one_form),
        WITH_SCRATCH(segment_writer_index_describes_the_rows),
        WITH_SCRATCH(segment_writer_leaves_out_what_it_can_derive),
        WITH_SCRATCH(segment_writer_is_bounded_and_deterministic),
        WITH_SCRATCH(segment_writer_renumber_moves_the_seqs),
        WITH_SCRATCH(segment_writer_failures_are_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
