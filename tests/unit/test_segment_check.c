/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_segment_check.c - whether a segment is whole, without its table
 * (segment/segment_check.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "segment/segment_check.h"
#include "support/faultalloc.h"
#include "support/scratch.h"
#include "support/seed.h"
#include "support/table_file.h"

#define ROWS 20000u

static uint8_t image[1u << 20];
static struct nts_segment_header header;
static struct nts_footer footer;
static struct nts_table_def *plant;

/* Two row groups, one column of noise and one of a constant: some chunks are empty. */
static void image_make(const char *path)
{
    static int64_t ts[ROWS];
    static double noise[ROWS];
    static double constant[ROWS];
    const double *const columns[] = {noise, constant};
    struct nts_segment_entry entry;
    struct table_file table;
    uint64_t seed = seed_of_run();
    for (uint32_t i = 0; i < ROWS; i++) {
        ts[i] = (int64_t)i * 10 + (int64_t)(seed_next(&seed) % 5);
        noise[i] = (double)(seed_next(&seed) % 256);
        constant[i] = 4.0;
    }
    table_file_open(&table, path, 2);
    table_file_add(&table, ts, columns, ROWS, &entry);
    assert_in_range(entry.size, 1, sizeof image);
    assert_int_equal(
        table.file->ops->read_at(table.file, image, (size_t)entry.size, entry.off, NULL),
        NANOTS_OK);
    table_file_close(&table);
    assert_true(nts_segment_header_decode(image, &header));
    assert_true(nts_footer_decode(image + header.footer_off,
                                  (size_t)(header.size - header.footer_off), &footer));
    nts_free(plant);
    assert_int_equal(nts_table_def_decode(nts_alloc_libc(), footer.definition,
                                          footer.definition_size, &plant, NULL, NULL),
                     NANOTS_OK);
}

/* Goal: a whole segment is whole; with a flipped bit in any chunk it is not. */
static void segment_check_finds_a_flip_in_any_chunk(void **state)
{
    const struct scratch *scratch = *state;
    image_make(scratch->path);
    assert_int_equal(nts_segment_check_chunks(nts_alloc_libc(), image, &header, &footer, plant),
                     NANOTS_OK);
    for (uint64_t at = NTS_SEGMENT_HEADER_SIZE; at < header.footer_off;
         at += 1 + header.footer_off / 100) {
        image[at] ^= 8;
        assert_int_equal(nts_segment_check_chunks(nts_alloc_libc(), image, &header, &footer, plant),
                         NANOTS_CORRUPT);
        image[at] ^= 8;
    }
    assert_int_equal(nts_segment_check_chunks(nts_alloc_libc(), image, &header, &footer, plant),
                     NANOTS_OK);
}

/* Goal: a footer that lacks an index, or whose chunks leave the segment, is not whole. */
static void segment_check_refuses_an_impossible_footer(void **state)
{
    const struct scratch *scratch = *state;
    image_make(scratch->path);
    struct nts_footer wrong = footer;
    wrong.column_count = 3;
    assert_int_equal(nts_segment_check_chunks(nts_alloc_libc(), image, &header, &wrong, plant),
                     NANOTS_CORRUPT);
    wrong = footer;
    wrong.indexes_size = 20;
    assert_int_equal(nts_segment_check_chunks(nts_alloc_libc(), image, &header, &wrong, plant),
                     NANOTS_CORRUPT);
    struct nts_segment_header short_header = header;
    short_header.footer_off = 200;
    assert_int_equal(
        nts_segment_check_chunks(nts_alloc_libc(), image, &short_header, &footer, plant),
        NANOTS_CORRUPT);
}

static struct nts_segment_entry entry_of_header(void)
{
    return (struct nts_segment_entry){.table_id = header.table_id,
                                      .row_count = header.row_count,
                                      .segment_id = header.segment_id,
                                      .size = header.size,
                                      .seq_first = header.seq_first,
                                      .seq_last = header.seq_last,
                                      .ts_min = footer.ts_min,
                                      .ts_max = footer.ts_max,
                                      .footer_checksum = header.footer_checksum,
                                      .flags = header.flags};
}

/* Goal: a header is of an entry only if all fields that both have are equal. */
static void segment_header_of_another_entry_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    image_make(scratch->path);
    struct nts_segment_entry entry = entry_of_header();
    uint64_t *const numbers[] = {&entry.segment_id,      &entry.size,
                                 &entry.seq_first,       &entry.seq_last,
                                 &entry.footer_checksum, &entry.flags};
    uint32_t *const counts[] = {&entry.table_id, &entry.row_count};
    assert_true(nts_segment_header_is_of(&header, &entry));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] ^= 1;
        assert_false(nts_segment_header_is_of(&header, &entry));
        *numbers[i] ^= 1;
    }
    for (size_t i = 0; i < 2; i++) {
        *counts[i] ^= 1;
        assert_false(nts_segment_header_is_of(&header, &entry));
        *counts[i] ^= 1;
    }
}

/* Goal: what is wrong with a footer is named, and nothing where nothing is. */
static void segment_footer_faults_are_named(void **state)
{
    const struct scratch *scratch = *state;
    image_make(scratch->path);
    const struct nts_segment_entry entry = entry_of_header();
    const uint64_t seed = footer.file_seed;
    struct nts_segment_entry other = entry;
    struct nts_footer wrong = footer;
    assert_null(nts_segment_footer_fault(&footer, &entry, seed));
    assert_non_null(strstr(nts_segment_footer_fault(&footer, &entry, seed + 1), "another file"));
    wrong.column_count = 3;
    assert_non_null(strstr(nts_segment_footer_fault(&wrong, &entry, seed), "no definition"));
    wrong = footer;
    wrong.definition_size = 4;
    assert_non_null(strstr(nts_segment_footer_fault(&wrong, &entry, seed), "no definition"));
    for (unsigned field = 0; field < 3; field++) {
        other = entry;
        other.ts_min -= field == 0;
        other.ts_max += field == 1;
        other.table_id += field == 2;
        assert_non_null(strstr(nts_segment_footer_fault(&footer, &other, seed), "contradicts"));
    }
}

/* Goal: without memory nothing is called whole, and nothing leaks. */
static void segment_check_without_memory_says_no(void **state)
{
    const struct scratch *scratch = *state;
    struct faultalloc memory;
    image_make(scratch->path);
    faultalloc_init(&memory);
    for (uint64_t k = 0;; k++) {
        faultalloc_fail(&memory, k, false);
        const nanots_status status =
            nts_segment_check_chunks(&memory.alloc, image, &header, &footer, plant);
        assert_int_equal(memory.block_count, 0);
        assert_int_equal(status == NANOTS_OK, !memory.failed);
        if (!memory.failed)
            break;
    }
    faultalloc_deinit(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(segment_check_finds_a_flip_in_any_chunk),
        WITH_SCRATCH(segment_check_refuses_an_impossible_footer),
        WITH_SCRATCH(segment_header_of_another_entry_is_refused),
        WITH_SCRATCH(segment_footer_faults_are_named),
        WITH_SCRATCH(segment_check_without_memory_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
