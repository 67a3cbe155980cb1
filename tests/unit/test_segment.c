/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_segment.c - segments written and read back (segment/segment.h): every bit of every
 * value, mapped or not, and no damage that goes unnoticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "support/faultalloc.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/table_file.h"

#define ROWS_MAX    (3 * NTS_GROUP_ROWS)
#define COLUMNS_MAX 3u

static uint64_t seed;
static int64_t times[ROWS_MAX];
static double values[COLUMNS_MAX][ROWS_MAX];
static const double *const columns[] = {values[0], values[1], values[2]};

static double random_double(unsigned kind, uint32_t row)
{
    static const uint64_t islands[] = {
        0x7FF8000000000001u, 0xFFF8000000000000u, 0x7FF4DEADBEEF0000u, 0x7FF0000000000000u,
        0xFFF0000000000000u, 0x8000000000000000u, 0x0000000000000000u, 0x0000000000000001u};
    const uint64_t random = seed_next(&seed);
    switch (kind) {
    case 0:
        return nts_double_of_bits(islands[random % 8]);
    case 1:
        return random % 50 == 0 ? nts_double_of_bits(islands[random / 50 % 8])
                                : 20.0 + (double)(random % 100) / 10.0;
    case 2:
        return -0.0;
    case 3:
        return nts_double_of_bits(0x7FF8000000C0FFEEu); /* a column of one NaN */
    case 4:
        return sin((double)row / 50.0);
    default:
        return nts_double_of_bits(random);
    }
}

/* Sorted times of one of five kinds, values of random ones. */
static void fill_rows(uint32_t row_count)
{
    const uint64_t shape = seed_next(&seed) % 5;
    int64_t ts = shape == 1 ? INT64_MIN : 1700000000000;
    for (uint32_t row = 0; row < row_count; row++) {
        times[row] = ts;
        if (shape == 1 && row + 2 >= row_count)
            ts = INT64_MAX;
        else if (shape == 2)
            ts += (int64_t)(seed_next(&seed) % 3); /* many equal */
        else if (shape == 3)
            ts += (int64_t)(seed_next(&seed) % (1ull << 45)); /* far apart */
        else
            ts += 1000 + (shape == 4 ? (int64_t)(seed_next(&seed) % 7) : 0);
    }
    for (uint32_t c = 0; c < COLUMNS_MAX; c++) {
        const unsigned kind = (unsigned)(seed_next(&seed) % 6);
        for (uint32_t row = 0; row < row_count; row++)
            values[c][row] = random_double(kind, row);
    }
}

/* Reads every vector of every column and compares the bits. The first failure is returned. */
static nanots_status read_all(struct nts_segment *segment, struct nts_segment_reader *reader,
                              struct nanots_error *error)
{
    static int64_t ts[NTS_VECTOR_ROWS];
    static double doubles[NTS_VECTOR_ROWS];
    const uint32_t row_count = segment->entry.row_count;
    for (uint32_t v = 0; v < nts_vector_count(row_count); v++) {
        const uint32_t rows = nts_vector_rows(row_count, v);
        NTS_TRY(nts_segment_read_ts(segment, reader, v, ts, error));
        assert_memory_equal(ts, times + (size_t)v * NTS_VECTOR_ROWS, (size_t)rows * 8);
        for (uint32_t c = 0; c < segment->def->column_count; c++) {
            NTS_TRY(table_file_read_f64(segment, reader, c + 1, v, doubles, error));
            assert_memory_equal(doubles, values[c] + (size_t)v * NTS_VECTOR_ROWS, (size_t)rows * 8);
        }
    }
    return NANOTS_OK;
}

static nanots_status read_entry(struct table_file *table, const struct nts_segment_entry *entry,
                                struct nanots_error *error)
{
    struct nts_segment_reader reader;
    struct nts_segment *segment = nts_segment_new(&table->view, entry, table->def);
    assert_non_null(segment);
    assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
    nanots_status status = read_all(segment, &reader, error);
    if (status == NANOTS_OK) /* again, from what was remembered */
        status = read_all(segment, &reader, error);
    nts_segment_reader_deinit(&reader);
    nts_segment_unref(segment);
    return status;
}

/* Goal: all rows come back bit by bit, whatever the system can map. Method: random tables of up to
 * three row groups, NaN payloads, negative zeros and the ends of time included, read through a
 * mapping, without mappings, and where mapped bytes cannot be made present. */
static void segment_random_tables_round_trip(void **state)
{
    const struct scratch *scratch = *state;
    static const uint32_t counts[] = {
        1, 2, 3, 1023, 1024, 1025, NTS_GROUP_ROWS, NTS_GROUP_ROWS + 1};
    uint64_t map_count = 0;
    for (unsigned round = 0; round < 24; round++) {
        struct table_file table;
        struct nts_segment_entry entry;
        faultvfs_init(&table.faults, nts_vfs_posix());
        table.faults.no_map_read = round % 3 == 1;
        table.faults.no_populate = round % 3 == 2;
        table_file_open_faulty(&table, scratch->path, 1 + round % COLUMNS_MAX);
        for (unsigned k = 0; k < 3; k++) {
            const uint32_t row_count =
                k == 0 ? counts[round % 8]
                       : 1 + (uint32_t)(seed_next(&seed) % (round < 3 ? ROWS_MAX : 5000));
            fill_rows(row_count);
            table_file_add(&table, times, columns, row_count, &entry);
            assert_int_equal(entry.ts_min, times[0]);
            assert_int_equal(entry.ts_max, times[row_count - 1]);
            assert_int_equal(read_entry(&table, &entry, NULL), NANOTS_OK);
        }
        /* A table of derived vectors alone has nothing to map. */
        map_count += table.faults.map_count;
        if (round % 3 == 1)
            assert_int_equal(table.faults.map_count, 0);
        table_file_close(&table);
        (void)remove(scratch->path);
    }
    assert_true(map_count != 0);
}

/* Goal: a regular series costs next to nothing. Method: 100k rows of a fixed step and one value. */
static void segment_regular_series_costs_a_few_hundred_bytes(void **state)
{
    const struct scratch *scratch = *state;
    static int64_t ts[100000];
    static double constant[100000];
    const double *const one[] = {constant};
    struct table_file table;
    struct nts_segment_entry entry;
    for (uint32_t row = 0; row < 100000; row++) {
        ts[row] = 1700000000000 + 1000 * (int64_t)row;
        constant[row] = 21.5;
    }
    table_file_open(&table, scratch->path, 1);
    table_file_add(&table, ts, one, 100000, &entry);
    assert_in_range(entry.size, 1, 500);
    table_file_close(&table);
}

/* Goal: no flipped bit passes. Method: each byte of a segment, a random bit of it, and all is
 * read. */
static void segment_any_flipped_byte_is_reported(void **state)
{
    const struct scratch *scratch = *state;
    struct table_file table;
    struct nts_segment_entry entry;
    uint8_t byte;
    table_file_open(&table, scratch->path, 2);
    for (uint32_t row = 0; row < 1100; row++) {
        times[row] = (int64_t)row * 10 + (int64_t)(seed_next(&seed) % 4);
        values[0][row] = random_double(row < 1024 ? 2 : 4, row);
        values[1][row] = (double)(seed_next(&seed) % 4);
    }
    table_file_add(&table, times, columns, 1100, &entry);
    assert_in_range(entry.size, 500, 6000);
    for (uint64_t at = 0; at < entry.size; at++) {
        struct nanots_error error;
        struct nanots_file *file = table.file;
        const uint64_t place = entry.off + at;
        assert_int_equal(file->ops->read_at(file, &byte, 1, place, NULL), NANOTS_OK);
        const uint8_t flipped = byte ^ (uint8_t)(1u << seed_next(&seed) % 8);
        assert_int_equal(file->ops->write_at(file, &flipped, 1, place, false, NULL), NANOTS_OK);
        assert_int_equal(read_entry(&table, &entry, &error), NANOTS_CORRUPT);
        assert_non_null(strstr(error.message, "table 'plant'"));
        assert_non_null(strstr(error.message, "offset"));
        assert_int_equal(file->ops->write_at(file, &byte, 1, place, false, NULL), NANOTS_OK);
    }
    assert_int_equal(read_entry(&table, &entry, NULL), NANOTS_OK);
    table_file_close(&table);
}

/* Goal: an entry that is not the segment's own is refused, not trusted. Method: each field of it
 * off by one step, and a table of another width. */
static void segment_entry_of_another_segment_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct table_file table;
    struct nts_segment_entry entry;
    table_file_open(&table, scratch->path, 1);
    fill_rows(100);
    table_file_add(&table, times, columns, 100, &entry);
    for (unsigned field = 0; field < 10; field++) {
        struct nts_segment_entry wrong = entry;
        wrong.segment_id += field == 0;
        wrong.table_id += field == 1;
        wrong.row_count += field == 2;
        wrong.size += field == 3 ? 8 : 0;
        wrong.seq_first += field == 4;
        wrong.seq_last += field == 5;
        wrong.footer_checksum += field == 6;
        wrong.ts_min ^= field == 7;
        wrong.ts_max ^= field == 8;
        wrong.off += field == 9 ? 64 : 0;
        assert_int_equal(read_entry(&table, &wrong, NULL), NANOTS_CORRUPT);
    }
    struct nts_table_def *narrow = table.def;
    table.def = table_file_def(3, 2);
    assert_int_equal(read_entry(&table, &entry, NULL), NANOTS_CORRUPT);
    nts_free(table.def);
    table.def = narrow;
    table_file_close(&table);
}

/* Goal: a segment that another file or another table left at this place is refused. Method: all
 * checksums of the footer are right, its file id or the table_id of its definition is not. */
static void segment_footer_of_another_file_or_table_is_refused(void **state)
{
    static const struct {
        uint64_t at; /* in the footer */
        const char *wanted;
    } fields[] = {{16, "is of another file"}, {NTS_FOOTER_HEAD_SIZE, "contradicts the manifest"}};
    const struct scratch *scratch = *state;
    static uint8_t bytes[8192];
    struct table_file table;
    struct nts_segment_entry entry;
    struct nts_segment_header header;
    struct nanots_error error;

    table_file_open(&table, scratch->path, 1);
    fill_rows(100);
    table_file_add(&table, times, columns, 100, &entry);
    const size_t size = (size_t)entry.size;
    assert_in_range(size, 1, sizeof bytes);
    struct nanots_file *file = table.file;
    assert_int_equal(file->ops->read_at(file, bytes, size, entry.off, NULL), NANOTS_OK);
    assert_true(nts_segment_header_decode(bytes, &header));
    for (size_t i = 0; i < 2; i++) {
        uint8_t *footer = bytes + header.footer_off;
        footer[fields[i].at] ^= 1;
        header.footer_checksum =
            nts_footer_checksum(footer, (size_t)(size - header.footer_off), header.segment_id);
        entry.footer_checksum = header.footer_checksum;
        nts_segment_header_encode(&header, bytes);
        assert_int_equal(file->ops->write_at(file, bytes, size, entry.off, false, NULL), NANOTS_OK);
        assert_int_equal(read_entry(&table, &entry, &error), NANOTS_CORRUPT);
        assert_non_null(strstr(error.message, fields[i].wanted));
        assert_non_null(strstr(error.message, "table 'plant'"));
        footer[fields[i].at] ^= 1;
    }
    table_file_close(&table);
}

/* Goal: where mapped bytes cannot be made present they are never touched, so that a file that loses
 * its end is a status and no signal. Method: the file is cut off behind a verified chunk's back. */
static void segment_cut_off_file_is_a_status_without_populate(void **state)
{
    const struct scratch *scratch = *state;
    struct table_file table;
    struct nts_segment_entry entry;
    struct nts_segment_reader reader;
    int64_t ts[NTS_VECTOR_ROWS];
    double doubles[NTS_VECTOR_ROWS];

    faultvfs_init(&table.faults, nts_vfs_posix());
    table.faults.no_populate = true;
    table_file_open_faulty(&table, scratch->path, 2);
    for (uint32_t row = 0; row < 20000; row++) {
        times[row] = (int64_t)row * 10 + (int64_t)(seed_next(&seed) % 4);
        values[0][row] = values[1][row] = random_double(5, row);
    }
    table_file_add(&table, times, columns, 20000, &entry);
    struct nts_segment *segment = nts_segment_new(&table.view, &entry, table.def);
    assert_non_null(segment);
    assert_int_equal(nts_segment_reader_init(&reader, nts_alloc_libc(), NULL), NANOTS_OK);
    assert_int_equal(table_file_read_f64(segment, &reader, 1, 0, doubles, NULL), NANOTS_OK);
    assert_int_equal(nts_segment_read_ts(segment, &reader, 0, ts, NULL), NANOTS_OK);
    assert_int_equal(table.file->ops->truncate(table.file, entry.off, NULL), NANOTS_OK);
    assert_int_equal(table_file_read_f64(segment, &reader, 1, 0, doubles, NULL), NANOTS_CORRUPT);
    nts_segment_reader_deinit(&reader);
    nts_segment_unref(segment);
    table_file_close(&table);
}

/* Goal: a read that runs out of memory or meets a failing disk says so, and the next one succeeds.
 * Method: each allocation and each read fails in turn, without mappings. */
static void segment_failures_leave_it_readable(void **state)
{
    const struct scratch *scratch = *state;
    struct table_file table;
    struct nts_segment_entry entry;
    struct faultalloc memory;

    faultvfs_init(&table.faults, nts_vfs_posix());
    table.faults.no_map_read = true;
    table_file_open_faulty(&table, scratch->path, 2);
    fill_rows(3000);
    for (uint32_t row = 0; row < 3000; row++)
        values[0][row] = random_double(5, row);
    table_file_add(&table, times, columns, 3000, &entry);
    faultalloc_init(&memory);
    table.view.alloc = &memory.alloc;
    for (uint64_t k = 0, tried = 0; tried != 2; k++) {
        const bool disk = tried == 1;
        struct nts_segment_reader reader;
        faultalloc_heal(&memory);
        struct nts_segment *segment = nts_segment_new(&table.view, &entry, table.def);
        assert_non_null(segment);
        assert_int_equal(nts_segment_reader_init(&reader, &memory.alloc, NULL), NANOTS_OK);
        if (disk)
            faultvfs_fail(&table.faults, FAULTVFS_READ, k, EIO, false);
        else
            faultalloc_fail(&memory, k, false);
        const nanots_status status = read_all(segment, &reader, NULL);
        const bool failed = disk ? table.faults.failed : memory.failed;
        assert_int_equal(status, failed ? (disk ? NANOTS_IO : NANOTS_NO_MEMORY) : NANOTS_OK);
        faultvfs_heal(&table.faults);
        faultalloc_heal(&memory);
        assert_int_equal(read_all(segment, &reader, NULL), NANOTS_OK);
        nts_segment_reader_deinit(&reader);
        nts_segment_unref(segment);
        assert_int_equal(memory.block_count, 0);
        if (!failed) {
            assert_true(k >= 3);
            tried++;
            k = UINT64_MAX;
        }
    }
    faultalloc_deinit(&memory);
    table_file_close(&table);
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
        WITH_SCRATCH(segment_random_tables_round_trip),
        WITH_SCRATCH(segment_regular_series_costs_a_few_hundred_bytes),
        WITH_SCRATCH(segment_any_flipped_byte_is_reported),
        WITH_SCRATCH(segment_entry_of_another_segment_is_refused),
        WITH_SCRATCH(segment_footer_of_another_file_or_table_is_refused),
        WITH_SCRATCH(segment_cut_off_file_is_a_status_without_populate),
        WITH_SCRATCH(segment_failures_leave_it_readable),
    };
    return cmocka_run_group_tests(tests, seed_setup, NULL);
}
