/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_bitpack_avx2.c - the kernels of codec/bitpack_avx2.c against the scalar ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/kernel_checks.h"

static void avx2_kernels_equal_scalar(void **state)
{
    (void)state;
    kernel_check_set(NTS_SIMD_AVX2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(avx2_kernels_equal_scalar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
