/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_segment_layout.c - header, footer and column indexes <-> bytes
 * (format/segment_layout.h, SPEC.md 6.1 and 6.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "format/segment_layout.h"
#include "support/guard.h"
#include "support/seed.h"
#include "util/checksum.h"

static struct nts_segment_header header_sample(void)
{
    const struct nts_segment_header header = {.segment_id = 42,
                                              .size = 8192,
                                              .footer_off = 8000,
                                              .footer_checksum = 0x1122334455667788u,
                                              .table_id = 7,
                                              .row_count = 1000,
                                              .seq_first = 5,
                                              .seq_last = 1004,
                                              .flags = NTS_SEGMENT_HEADS};
    return header;
}

/* Goal: the header comes back, and no flipped bit passes. */
static void segment_header_round_trips_and_detects_flips(void **state)
{
    const struct nts_segment_header header = header_sample();
    uint8_t bytes[NTS_SEGMENT_HEADER_SIZE];
    struct nts_segment_header out;
    (void)state;
    nts_segment_header_encode(&header, bytes);
    assert_memory_equal(bytes, "NTSSEG1\n", 8);
    assert_int_equal(nts_load_u64(bytes + 24), 8000);
    assert_int_equal(nts_load_u32(bytes + 44), 1000);
    assert_int_equal(nts_load_u64(bytes + 72), nts_checksum(bytes, 72));
    assert_true(nts_segment_header_decode(bytes, &out));
    assert_memory_equal(&out, &header, sizeof out);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(nts_segment_header_decode(bytes, &out));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Goal: places and counts that cannot be are refused though the checksum is right. */
static void segment_header_impossible_contents_are_refused(void **state)
{
    (void)state;
    for (unsigned field = 0; field < 8; field++) {
        struct nts_segment_header header = header_sample();
        uint8_t bytes[NTS_SEGMENT_HEADER_SIZE];
        struct nts_segment_header out;
        header.footer_off = field == 0 ? 72 : field == 1 ? 8200 : field == 2 ? 8168 : 8000;
        header.size = field == 3 ? 8193 : field == 4 ? 0 : 8192;
        header.row_count = field == 5 ? 0 : field == 6 ? NTS_SEGMENT_ROWS_MAX + 1 : 1000;
        header.flags = field == 7 ? NTS_SEGMENT_FLAGS + 1 : NTS_SEGMENT_FLAGS;
        nts_segment_header_encode(&header, bytes);
        assert_false(nts_segment_header_decode(bytes, &out));
    }
}

/* Goal: the footer's head comes back; one that is cut short or too wide is none. */
static void footer_round_trips_and_is_checked(void **state)
{
    const struct nts_footer footer = {.ts_min = INT64_MIN,
                                      .ts_max = INT64_MAX,
                                      .file_seed = 77,
                                      .column_count = 2,
                                      .definition = (const uint8_t *)"definition",
                                      .definition_size = 10};
    struct nts_footer out;
    struct nts_buf buf;
    (void)state;
    nts_buf_init(&buf, nts_alloc_libc(), 4096);
    assert_int_equal(nts_footer_put_head(&buf, &footer), NANOTS_OK);
    assert_int_equal(buf.size, NTS_FOOTER_HEAD_SIZE + 10);
    /* Two indexes of 3 and 0 bytes. */
    assert_int_equal(nts_buf_append(&buf, "\3\0\0\0abc\0\0\0\0", 11), NANOTS_OK);
    assert_true(nts_footer_decode(buf.bytes, buf.size, &out));
    assert_int_equal(out.ts_min, INT64_MIN);
    assert_int_equal(out.ts_max, INT64_MAX);
    assert_int_equal(out.file_seed, 77);
    assert_int_equal(out.column_count, 2);
    assert_int_equal(out.definition_size, 10);
    assert_memory_equal(out.definition, "definition", 10);
    assert_int_equal(out.indexes_size, 11);
    const uint8_t *index = NULL;
    size_t size = 9;
    assert_true(nts_footer_find_index(&out, 0, &index, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(index, "abc", 3);
    assert_true(nts_footer_find_index(&out, 1, &index, &size));
    assert_int_equal(size, 0);
    assert_false(nts_footer_find_index(&out, 2, &index, &size));
    out.indexes_size = 6; /* the first index is cut */
    assert_false(nts_footer_find_index(&out, 0, &index, &size));
    for (size_t cut = 0; cut < NTS_FOOTER_HEAD_SIZE + 10; cut++)
        assert_false(nts_footer_decode(buf.bytes, cut, &out));
    nts_store_u32(buf.bytes + 28, NTS_COLUMNS_MAX + 1);
    assert_false(nts_footer_decode(buf.bytes, buf.size, &out));
    nts_buf_deinit(&buf);
}

/* Random but possible contents: chunks one after another from the header's end. Returns their
 * end. */
static uint64_t index_fill(struct nts_column_index *index, uint64_t *seed)
{
    uint64_t end = NTS_SEGMENT_HEADER_SIZE;
    for (uint32_t g = 0; g < index->group_count; g++) {
        const bool is_empty = seed_next(seed) % 3 == 0;
        index->chunk_off[g] = end;
        if (index->kind.has_heads && !is_empty)
            index->head_size[g] = (uint32_t)(seed_next(seed) % 5000);
        index->chunk_size[g] = index->head_size[g];
        for (uint32_t v = g * NTS_GROUP_VECTORS;
             v < index->vector_count && v < (g + 1) * NTS_GROUP_VECTORS; v++) {
            index->vector_size[v] = (uint32_t)(seed_next(seed) % (nts_vector_bound(1024) + 1));
            if (is_empty)
                index->vector_size[v] = 0;
            index->vector_off[v] = (uint32_t)index->chunk_size[g];
            index->chunk_size[g] += index->vector_size[v];
            index->min[v] = seed_next(seed);
            index->max[v] = seed_next(seed);
            if (index->kind.nullable)
                index->null_count[v] =
                    (uint16_t)(seed_next(seed) % (nts_vector_rows(index->row_count, v) + 1));
            if (nts_index_is_float(index->kind))
                index->nan_count[v] = (uint16_t)(seed_next(seed) % (NTS_VECTOR_ROWS + 1));
        }
        index->chunk_checksum[g] = index->chunk_size[g] == 0 ? 0 : seed_next(seed);
        if (nts_index_has_sum(index->kind)) {
            index->sum[g] = seed_next(seed);
            index->first[g] = seed_next(seed);
            index->last[g] = seed_next(seed);
        }
        end += index->chunk_size[g];
    }
    return end;
}

/* Goal: an index comes back bit by bit, for one row and for the largest segment; cut anywhere, or
 * with bytes left over, it is corrupt, and no read leaves it. */
static void column_index_round_trips_and_stays_inside(void **state)
{
    static const uint32_t counts[] = {
        1, 1024, 1025, NTS_GROUP_ROWS, NTS_GROUP_ROWS + 1, 100000, NTS_SEGMENT_ROWS_MAX};
    static struct nts_index_work work;
    uint64_t seed = seed_of_run();
    (void)state;
    for (size_t i = 0; i < 7 * 13; i++) {
        const uint32_t rows = counts[i / 13];
        const struct nts_index_kind kind = {(uint8_t)(i % 13 % 7),
                                            i % 13 >= 7 || i % 13 == NANOTS_TYPE_I64, i % 2 == 0};
        struct nts_column_index *index = nts_column_index_new(nts_alloc_libc(), rows, kind);
        struct nts_column_index *out = nts_column_index_new(nts_alloc_libc(), rows, kind);
        struct nts_buf buf;
        nts_buf_init(&buf, nts_alloc_libc(), 1u << 20);
        assert_non_null(index);
        assert_non_null(out);
        assert_int_equal(index->group_count, (rows + 16383) / 16384);
        const uint64_t end = index_fill(index, &seed);
        assert_int_equal(nts_column_index_encode(&work, index, &buf), NANOTS_OK);
        const size_t size = buf.size - 4;
        assert_int_equal(nts_load_u32(buf.bytes), size);
        assert_int_equal(nts_column_index_decode(&work, out, buf.bytes + 4, size, end), NANOTS_OK);
        const size_t array_bytes = (size_t)((uint8_t *)(index->null_count + index->vector_count) -
                                            (uint8_t *)index->chunk_off);
        assert_memory_equal(out->chunk_off, index->chunk_off, array_bytes);
        nts_free(out);

        struct guard guard = guard_open(size + 1);
        for (size_t cut = 0; cut <= size + 1; cut += cut + 64 < size ? 1 + size / 64 : 1) {
            struct nts_column_index *again = nts_column_index_new(nts_alloc_libc(), rows, kind);
            uint8_t *bytes = guard_at_end(&guard, cut);
            assert_non_null(again);
            memcpy(bytes, buf.bytes + 4, cut < size ? cut : size);
            assert_int_equal(nts_column_index_decode(&work, again, bytes, cut, end),
                             cut == size ? NANOTS_OK : NANOTS_CORRUPT);
            nts_free(again);
        }
        guard_close(&guard);
        nts_free(index);
        nts_buf_deinit(&buf);
    }
}

/* Goal: a chunk that leaves [header, footer) is corrupt. */
static void column_index_chunk_outside_is_corrupt(void **state)
{
    static struct nts_index_work work;
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        struct nts_column_index *index =
            nts_column_index_new(nts_alloc_libc(), 10, nts_index_kind_of_time());
        struct nts_column_index *out =
            nts_column_index_new(nts_alloc_libc(), 10, nts_index_kind_of_time());
        struct nts_buf buf;
        nts_buf_init(&buf, nts_alloc_libc(), 4096);
        assert_non_null(index);
        assert_non_null(out);
        index->chunk_off[0] = variant == 1 ? 79 : variant == 2 ? UINT64_MAX - 10 : 80;
        index->vector_size[0] = 50;
        index->chunk_size[0] = 50;
        assert_int_equal(nts_column_index_encode(&work, index, &buf), NANOTS_OK);
        assert_int_equal(nts_column_index_decode(&work, out, buf.bytes + 4, buf.size - 4,
                                                 variant == 3 ? 129 : 130),
                         variant == 0 ? NANOTS_OK : NANOTS_CORRUPT);
        nts_free(index);
        nts_free(out);
        nts_buf_deinit(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segment_header_round_trips_and_detects_flips),
        cmocka_unit_test(segment_header_impossible_contents_are_refused),
        cmocka_unit_test(footer_round_trips_and_is_checked),
        cmocka_unit_test(column_index_round_trips_and_stays_inside),
        cmocka_unit_test(column_index_chunk_outside_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
