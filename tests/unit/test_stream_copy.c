/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_stream_copy.c - copies past the caches (util/stream_copy.h) at guard pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/guard.h"
#include "support/seed.h"
#include "util/stream_copy.h"

#define SIZE_MAX_HERE 400u

static uint64_t seed;
static struct guard from;
static struct guard to;

static void check_copy(uint8_t *dst, uint8_t *src, size_t size)
{
    uint8_t wanted[SIZE_MAX_HERE];
    for (size_t i = 0; i < size; i++)
        wanted[i] = src[i] = (uint8_t)(seed_next(&seed) >> 16);
    memset(dst, 0, size);
    nts_stream_copy(dst, src, size);
    nts_stream_fence();
    assert_memory_equal(dst, wanted, size);
}

/* Goal: exactly the bytes are read and written, wherever both begin in a cache line. Method: all
 * sizes of some lines, ending at a guard page and beginning behind one, so that either side has
 * every alignment. */
static void copy_touches_its_bytes_and_no_others(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_HERE; size++) {
        check_copy(guard_at_end(&to, size), guard_at_end(&from, size), size);
        check_copy(guard_at_start(&to), guard_at_end(&from, size), size);
        check_copy(guard_at_end(&to, size), guard_at_start(&from), size);
    }
}

static int copy_setup(void **state)
{
    (void)state;
    seed = seed_of_run();
    from = guard_open(SIZE_MAX_HERE);
    to = guard_open(SIZE_MAX_HERE);
    return 0;
}

static int copy_teardown(void **state)
{
    (void)state;
    guard_close(&from);
    guard_close(&to);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(copy_touches_its_bytes_and_no_others)};
    return cmocka_run_group_tests(tests, copy_setup, copy_teardown);
}
