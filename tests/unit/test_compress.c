/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_compress.c - bytes through zstd (codec/compress.h), on memory that may fail; wrong
 * bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "codec/compress.h"
#include "support/faultalloc.h"
#include "support/guard.h"
#include "support/seed.h"

#define SIZE_MOST 300000u

static uint64_t seed;
static struct faultalloc memory;
static struct nts_compressor compressor;
static struct guard from;
static struct guard to;
static uint8_t frame[SIZE_MOST + 1];

/* Words that repeat. */
static void text_fill(uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)("abcdefgh ijk lmno"[seed_next(&seed) % 17]);
    for (size_t i = 100; i + 20 < size; i += 30)
        memcpy(text + i, text + seed_next(&seed) % (i - 20), 20);
}

static void compress_comes_back_in_exactly_its_bytes(void **state)
{
    static const size_t sizes[] = {1, 2, 63, 64, 1000, 5000, 131072, 131073, SIZE_MOST};
    (void)state;
    if (!nts_compress_is_built_in()) {
        (void)printf("# built without zstd\n");
        skip();
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t size = sizes[i];
        size_t frame_size;
        uint8_t *const text = guard_at_end(&from, size);
        text_fill(text, size);
        assert_int_equal(nts_compress(&compressor, frame, sizeof frame, &frame_size, text, size),
                         NANOTS_OK);
        assert_in_range(frame_size, 1, size + 32);
        if (size >= 1000)
            assert_in_range(frame_size, 1, size - size / 4);
        uint8_t *const src = guard_at_end(&to, frame_size);
        memcpy(src, frame, frame_size);
        memset(text, 0, size);
        assert_int_equal(nts_decompress(&compressor, text, size, src, frame_size), NANOTS_OK);
        size_t again_size;
        assert_int_equal(
            nts_compress(&compressor, guard_at_start(&to), SIZE_MOST, &again_size, text, size),
            NANOTS_OK);
        assert_int_equal(again_size, frame_size);
        assert_memory_equal(guard_at_start(&to), frame, frame_size);

        assert_int_equal(nts_decompress(&compressor, text, size - 1, frame, frame_size),
                         NANOTS_CORRUPT);
        assert_int_equal(
            nts_decompress(&compressor, guard_at_start(&from), size + 1, frame, frame_size),
            NANOTS_CORRUPT);
        assert_int_equal(nts_decompress(&compressor, text, size, frame, frame_size - 1),
                         NANOTS_CORRUPT);
        frame[frame_size] = 0;
        assert_int_equal(nts_decompress(&compressor, text, size, frame, frame_size + 1),
                         NANOTS_CORRUPT);
        frame[0] ^= 3; /* another magic number */
        assert_int_equal(nts_decompress(&compressor, text, size, frame, frame_size),
                         NANOTS_CORRUPT);
    }
}

static void compress_without_room_says_no_size(void **state)
{
    size_t size = 99;
    uint8_t *const text = guard_at_end(&from, 1000);
    (void)state;
    text_fill(text, 1000);
    assert_int_equal(nts_compress(&compressor, guard_at_end(&to, 100), 100, &size, text, 1000),
                     NANOTS_OK);
    assert_int_equal(size, 0);
}

static void compress_every_allocation_may_fail(void **state)
{
    uint8_t *const text = guard_at_end(&from, 5000);
    (void)state;
    text_fill(text, 5000);
    nts_compressor_deinit(&compressor);
    for (uint64_t k = 0; k < 100; k++) {
        size_t size;
        faultalloc_fail(&memory, k, false);
        nanots_status status = nts_compress(&compressor, frame, sizeof frame, &size, text, 5000);
        if (status == NANOTS_OK && size > 0)
            status = nts_decompress(&compressor, text, 5000, frame, size);
        nts_compressor_deinit(&compressor);
        assert_int_equal(memory.block_count, 0);
        assert_int_equal(status, memory.failed ? NANOTS_NO_MEMORY : NANOTS_OK);
        if (!memory.failed)
            break;
        assert_in_range(k, 0, 98);
    }
    faultalloc_fail(&memory, UINT64_MAX, false);
}

static void compress_damaged_frames_do_no_harm(void **state)
{
    size_t frame_size;
    uint8_t *const text = guard_at_end(&from, 3000);
    (void)state;
    if (!nts_compress_is_built_in()) {
        assert_int_equal(nts_decompress(&compressor, text, 1, frame, 10), NANOTS_UNSUPPORTED);
        return;
    }
    text_fill(text, 3000);
    assert_int_equal(nts_compress(&compressor, frame, sizeof frame, &frame_size, text, 3000),
                     NANOTS_OK);
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t *const src = guard_at_end(&to, frame_size);
        memcpy(src, frame, frame_size);
        for (uint64_t flips = 1 + seed_next(&seed) % 3; flips > 0; flips--)
            src[4 + seed_next(&seed) % (frame_size - 4)] ^= (uint8_t)(1 + seed_next(&seed) % 255);
        const nanots_status status = nts_decompress(&compressor, text, 3000, src, frame_size);
        assert_true(status == NANOTS_OK || status == NANOTS_CORRUPT);
        assert_in_range(memory.bytes_peak, 0, 4u << 20);
    }
}

static int open_all(void **state)
{
    (void)state;
    seed = seed_of_run();
    faultalloc_init(&memory);
    nts_compressor_init(&compressor, &memory.alloc);
    from = guard_open(SIZE_MOST + 1);
    to = guard_open(SIZE_MOST + 1);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    nts_compressor_deinit(&compressor);
    const bool leaks = memory.block_count != 0;
    faultalloc_deinit(&memory);
    guard_close(&from);
    guard_close(&to);
    return leaks;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(compress_comes_back_in_exactly_its_bytes),
        cmocka_unit_test(compress_without_room_says_no_size),
        cmocka_unit_test(compress_every_allocation_may_fail),
        cmocka_unit_test(compress_damaged_frames_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
