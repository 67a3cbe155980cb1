/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_buf.c - growable bytes with a mandatory maximum (util/buf.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/faultalloc.h"
#include "support/seed.h"
#include "util/buf.h"

static void append_of_many_pieces_keeps_their_order(void **state)
{
    uint64_t random = seed_of_run();
    struct nts_buf buf;
    uint8_t wanted[5000];
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < sizeof wanted; i++)
        wanted[i] = (uint8_t)seed_next(&random);
    nts_buf_init(&buf, nts_alloc_libc(), sizeof wanted);
    while (size < sizeof wanted) {
        size_t piece = (size_t)(seed_next(&random) % 300);
        piece = piece < sizeof wanted - size ? piece : sizeof wanted - size;
        assert_int_equal(nts_buf_append(&buf, wanted + size, piece), NANOTS_OK);
        size += piece;
        assert_int_equal(buf.size, size);
        assert_true(buf.capacity <= buf.size_max);
    }
    assert_memory_equal(buf.bytes, wanted, sizeof wanted);
    nts_buf_deinit(&buf);
    assert_null(buf.bytes);
}

static void append_over_the_maximum_is_too_big(void **state)
{
    static const uint8_t bytes[101] = {1};
    struct nts_buf buf;
    (void)state;
    nts_buf_init(&buf, nts_alloc_libc(), 100);
    assert_int_equal(nts_buf_append(&buf, bytes, 101), NANOTS_TOO_BIG);
    assert_int_equal(nts_buf_append(&buf, bytes, 100), NANOTS_OK);
    assert_int_equal(nts_buf_append(&buf, bytes, 1), NANOTS_TOO_BIG);
    assert_int_equal(nts_buf_append_zeros(&buf, 1), NANOTS_TOO_BIG);
    assert_int_equal(nts_buf_append(&buf, bytes, SIZE_MAX), NANOTS_TOO_BIG);
    assert_null(nts_buf_reserve(&buf, 1));
    assert_non_null(nts_buf_reserve(&buf, 0));
    assert_int_equal(buf.size, 100);
    nts_buf_deinit(&buf);
}

static void append_zeros_is_zero(void **state)
{
    struct faultalloc memory;
    struct nts_buf buf;
    (void)state;
    faultalloc_init(&memory); /* its blocks are born full of 0xCD */
    nts_buf_init(&buf, &memory.alloc, 1000);
    assert_int_equal(nts_buf_append(&buf, "x", 1), NANOTS_OK);
    assert_int_equal(nts_buf_append_zeros(&buf, 500), NANOTS_OK);
    assert_int_equal(buf.size, 501);
    assert_int_equal(buf.bytes[0], 'x');
    for (size_t i = 1; i < 501; i++)
        assert_int_equal(buf.bytes[i], 0);
    nts_buf_deinit(&buf);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

static void append_of_nothing_to_an_empty_buf_is_ok(void **state)
{
    struct nts_buf buf;
    (void)state;
    nts_buf_init(&buf, nts_alloc_libc(), 0);
    assert_int_equal(nts_buf_append(&buf, NULL, 0), NANOTS_OK);
    assert_int_equal(nts_buf_append_zeros(&buf, 0), NANOTS_OK);
    assert_int_equal(nts_buf_append(&buf, "x", 1), NANOTS_TOO_BIG);
    nts_buf_deinit(&buf);
}

static void append_without_memory_keeps_what_was_there(void **state)
{
    struct faultalloc memory;
    struct nts_buf buf;
    (void)state;
    faultalloc_init(&memory);
    nts_buf_init(&buf, &memory.alloc, 1u << 20);
    assert_int_equal(nts_buf_append(&buf, "abc", 3), NANOTS_OK);
    faultalloc_fail(&memory, 0, false);
    assert_int_equal(nts_buf_append_zeros(&buf, 10000), NANOTS_NO_MEMORY);
    assert_int_equal(buf.size, 3);
    assert_memory_equal(buf.bytes, "abc", 3);
    assert_int_equal(nts_buf_append_zeros(&buf, 10000), NANOTS_OK);
    nts_buf_deinit(&buf);
    assert_int_equal(memory.block_count, 0);
    faultalloc_deinit(&memory);
}

static void reserve_does_not_change_the_size(void **state)
{
    struct nts_buf buf;
    (void)state;
    nts_buf_init(&buf, nts_alloc_libc(), 1000);
    assert_int_equal(nts_buf_append(&buf, "ab", 2), NANOTS_OK);
    uint8_t *to = nts_buf_reserve(&buf, 800);
    assert_non_null(to);
    assert_ptr_equal(to, buf.bytes + 2);
    assert_int_equal(buf.size, 2);
    assert_true(buf.capacity >= 802);
    memset(to, 7, 800);
    nts_buf_deinit(&buf);
}

/* One append a byte: the number of allocations is logarithmic. */
static void append_of_single_bytes_doubles_the_capacity(void **state)
{
    struct faultalloc memory;
    struct nts_buf buf;
    (void)state;
    faultalloc_init(&memory);
    nts_buf_init(&buf, &memory.alloc, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(nts_buf_append(&buf, "x", 1), NANOTS_OK);
    assert_true(memory.call_count <= 12);
    assert_int_equal(buf.capacity, 100000);
    nts_buf_deinit(&buf);
    faultalloc_deinit(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_of_many_pieces_keeps_their_order),
        cmocka_unit_test(append_over_the_maximum_is_too_big),
        cmocka_unit_test(append_zeros_is_zero),
        cmocka_unit_test(append_of_nothing_to_an_empty_buf_is_ok),
        cmocka_unit_test(append_without_memory_keeps_what_was_there),
        cmocka_unit_test(reserve_does_not_change_the_size),
        cmocka_unit_test(append_of_single_bytes_doubles_the_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
