/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_alloc.c - blocks that remember their allocator (util/alloc.h), and the allocator of the
 * tests that counts and fails (support/faultalloc.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/faultalloc.h"
#include "util/alloc.h"

static void alloc_from_libc_is_aligned_and_usable(void **state)
{
    (void)state;
    for (size_t size = 0; size < 200; size += 7) {
        uint8_t *block = nts_alloc(nts_alloc_libc(), size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        memset(block, 0xFF, size);
        nts_free(block);
    }
    nts_free(NULL);
}

static void alloc_zeroed_is_zero(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory); /* its blocks are born full of 0xCD */
    uint8_t *block = nts_alloc_zeroed(&memory.alloc, 100);
    assert_non_null(block);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    nts_free(block);
    faultalloc_deinit(&memory);
}

static void alloc_with_overflowing_size_returns_null(void **state)
{
    (void)state;
    assert_null(nts_alloc(nts_alloc_libc(), SIZE_MAX));
    assert_null(nts_alloc(nts_alloc_libc(), SIZE_MAX - 15));
    assert_null(nts_alloc_zeroed(nts_alloc_libc(), SIZE_MAX));
    assert_null(nts_alloc_array(nts_alloc_libc(), SIZE_MAX / 4, 8));
    assert_null(nts_realloc(nts_alloc_libc(), NULL, SIZE_MAX));
}

static void alloc_array_multiplies(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    void *block = nts_alloc_array(&memory.alloc, 10, 24);
    assert_non_null(block);
    assert_int_equal(memory.bytes, 16 + 240);
    nts_free(block);
    faultalloc_deinit(&memory);
}

static void realloc_keeps_the_smaller_size_of_bytes(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    uint8_t *block = nts_realloc(&memory.alloc, NULL, 10);
    assert_non_null(block);
    memcpy(block, "0123456789", 10);
    block = nts_realloc(&memory.alloc, block, 1000);
    assert_non_null(block);
    assert_memory_equal(block, "0123456789", 10);
    block = nts_realloc(&memory.alloc, block, 4);
    assert_non_null(block);
    assert_memory_equal(block, "0123", 4);
    assert_int_equal(memory.block_count, 1);
    nts_free(block);
    assert_int_equal(memory.block_count, 0);
    assert_int_equal(memory.bytes, 0);
    faultalloc_deinit(&memory);
}

static void realloc_that_fails_keeps_the_old_block(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    char *block = nts_alloc_string(&memory.alloc, "still here");
    assert_non_null(block);
    faultalloc_fail(&memory, 0, false);
    assert_null(nts_realloc(&memory.alloc, block, 1000));
    assert_true(memory.failed);
    assert_string_equal(block, "still here");
    assert_int_equal(memory.block_count, 1);
    nts_free(block);
    faultalloc_deinit(&memory);
}

static void free_finds_the_allocator_of_each_block(void **state)
{
    struct faultalloc one;
    struct faultalloc two;
    (void)state;
    faultalloc_init(&one);
    faultalloc_init(&two);
    void *of_one = nts_alloc(&one.alloc, 8);
    void *of_two = nts_alloc(&two.alloc, 8);
    assert_non_null(of_one);
    assert_non_null(of_two);
    nts_free(of_two);
    assert_int_equal(one.block_count, 1);
    assert_int_equal(two.block_count, 0);
    nts_free(of_one);
    assert_int_equal(one.block_count, 0);
    faultalloc_deinit(&one);
    faultalloc_deinit(&two);
}

/* Three allocations; the one that fails ends the row. Returns how many were made. */
static unsigned alloc_three(struct faultalloc *memory)
{
    void *blocks[3] = {NULL, NULL, NULL};
    unsigned made = 0;
    while (made < 3) {
        blocks[made] = nts_alloc(&memory->alloc, 100);
        if (blocks[made] == NULL)
            break;
        made++;
    }
    for (unsigned i = 0; i < 3; i++)
        nts_free(blocks[i]);
    return made;
}

static void faultalloc_fails_the_wanted_call_only(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    for (unsigned k = 0; k < 3; k++) {
        faultalloc_fail(&memory, k, false);
        assert_int_equal(alloc_three(&memory), k);
        assert_true(memory.failed);
        assert_int_equal(alloc_three(&memory), 3);
        assert_int_equal(memory.block_count, 0);
    }
    faultalloc_fail(&memory, 3, false);
    assert_int_equal(alloc_three(&memory), 3);
    assert_false(memory.failed);
    assert_int_equal(memory.bytes_peak, 3 * (16 + 100));
    faultalloc_deinit(&memory);
}

static void faultalloc_sticky_fails_until_healed(void **state)
{
    struct faultalloc memory;
    (void)state;
    faultalloc_init(&memory);
    faultalloc_fail(&memory, 1, true);
    assert_int_equal(alloc_three(&memory), 1);
    assert_int_equal(alloc_three(&memory), 0);
    faultalloc_heal(&memory);
    assert_int_equal(alloc_three(&memory), 3);
    faultalloc_deinit(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_from_libc_is_aligned_and_usable),
        cmocka_unit_test(alloc_zeroed_is_zero),
        cmocka_unit_test(alloc_with_overflowing_size_returns_null),
        cmocka_unit_test(alloc_array_multiplies),
        cmocka_unit_test(realloc_keeps_the_smaller_size_of_bytes),
        cmocka_unit_test(realloc_that_fails_keeps_the_old_block),
        cmocka_unit_test(free_finds_the_allocator_of_each_block),
        cmocka_unit_test(faultalloc_fails_the_wanted_call_only),
        cmocka_unit_test(faultalloc_sticky_fails_until_healed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
