/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_clock_posix.c - time and randomness of the system (os/clock.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "os/clock.h"

static void coarse_clock_moves_on_and_never_back(void **state)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    const uint64_t start = nts_clock_coarse_ms();
    uint64_t last = start;
    (void)state;
    for (int i = 0; i < 1000 && last < start + 20; i++) {
        (void)nanosleep(&pause, NULL);
        const uint64_t now = nts_clock_coarse_ms();
        assert_true(now >= last);
        last = now;
    }
    assert_true(last >= start + 20);
}

static void wall_clock_agrees_with_time(void **state)
{
    const int64_t before = (int64_t)time(NULL) - 1;
    const int64_t now = nts_clock_wall_ms();
    const int64_t after = (int64_t)time(NULL) + 1;
    (void)state;
    assert_true(now >= before * 1000);
    assert_true(now <= after * 1000);
}

/* Two fills of 32 bytes that agree, or a fill that leaves a byte alone in all of 64 tries, would be
 * less likely than 2^-200. */
static void random_bytes_differ_and_fill_exactly_the_size(void **state)
{
    uint8_t one[32];
    uint8_t two[32];
    uint8_t seen[34] = {0};
    (void)state;
    nts_random_bytes(one, sizeof one);
    nts_random_bytes(two, sizeof two);
    assert_memory_not_equal(one, two, sizeof one);
    for (int i = 0; i < 64; i++) {
        uint8_t bytes[34] = {0};
        nts_random_bytes(bytes + 1, 32);
        for (size_t k = 0; k < sizeof bytes; k++)
            seen[k] |= bytes[k];
    }
    assert_int_equal(seen[0], 0);
    assert_int_equal(seen[33], 0);
    for (size_t k = 1; k < 33; k++)
        assert_int_not_equal(seen[k], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coarse_clock_moves_on_and_never_back),
        cmocka_unit_test(wall_clock_agrees_with_time),
        cmocka_unit_test(random_bytes_differ_and_fill_exactly_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
