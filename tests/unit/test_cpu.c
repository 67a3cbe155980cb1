/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_cpu.c - instruction sets (util/cpu.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cpu.h"

/* What nts_cpu_simd() answers in a fresh process with NANOTS_SIMD set to `value` (NULL: unset). */
static int simd_with(const char *value)
{
    int wait_status = -1;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (value == NULL)
            (void)unsetenv("NANOTS_SIMD");
        else
            (void)setenv("NANOTS_SIMD", value, 1);
        _exit((int)nts_cpu_simd());
    }
    assert_true(waitpid(child, &wait_status, 0) == child);
    assert_true(WIFEXITED(wait_status));
    return WEXITSTATUS(wait_status);
}

static void simd_environment_lowers_and_never_raises(void **state)
{
    const int best = simd_with(NULL);
    (void)state;
    assert_in_range(best, NTS_SIMD_SCALAR, NTS_SIMD_AVX512);
    assert_int_equal(simd_with("scalar"), NTS_SIMD_SCALAR);
    assert_int_equal(simd_with("avx2"), best < NTS_SIMD_AVX2 ? best : NTS_SIMD_AVX2);
    assert_int_equal(simd_with("avx512"), best);
    assert_int_equal(simd_with("no such set"), best);
}

static void simd_answer_does_not_change(void **state)
{
    const enum nts_simd first = nts_cpu_simd();
    (void)state;
    (void)setenv("NANOTS_SIMD", first == NTS_SIMD_SCALAR ? "avx512" : "scalar", 1);
    assert_int_equal(nts_cpu_simd(), first);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(simd_environment_lowers_and_never_raises),
        cmocka_unit_test(simd_answer_does_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
