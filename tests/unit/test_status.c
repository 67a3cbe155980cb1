/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_status.c - how failures are described (base/status.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/status.h"

static void fail_with_format_fills_the_error(void **state)
{
    struct nanots_error error = {.code = NANOTS_IO, .os_errno = 5, .message = "old"};
    (void)state;
    assert_int_equal(nts_fail(&error, NANOTS_INVALID, "column %u of %s", 3u, "boiler"),
                     NANOTS_INVALID);
    assert_int_equal(error.code, NANOTS_INVALID);
    assert_int_equal(error.os_errno, 0);
    assert_string_equal(error.message, "column 3 of boiler");
}

static void fail_without_error_returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(nts_fail(NULL, NANOTS_BUSY, "unseen"), NANOTS_BUSY);
    assert_int_equal(nts_fail_os(NULL, ENOSPC, "unseen"), NANOTS_NO_SPACE);
    assert_int_equal(nts_fail_memory(NULL, 1), NANOTS_NO_MEMORY);
    nts_error_clear(NULL);
}

static void fail_os_maps_each_errno(void **state)
{
    static const struct {
        int os_errno;
        nanots_status code;
    } map[] = {
        {ENOSPC, NANOTS_NO_SPACE},  {EDQUOT, NANOTS_NO_SPACE},
        {EFBIG, NANOTS_NO_SPACE},   {EACCES, NANOTS_PERMISSION},
        {EPERM, NANOTS_PERMISSION}, {EROFS, NANOTS_PERMISSION},
        {ENOENT, NANOTS_NOT_FOUND}, {EEXIST, NANOTS_EXISTS},
        {ENOMEM, NANOTS_NO_MEMORY}, {EIO, NANOTS_IO},
        {EBADF, NANOTS_IO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        struct nanots_error error;
        assert_int_equal(nts_fail_os(&error, map[i].os_errno, "x"), map[i].code);
        assert_int_equal(error.code, map[i].code);
        assert_int_equal(error.os_errno, map[i].os_errno);
    }
}

/* strerror_r comes in two kinds, of which one ignores the buffer: the text must be there. */
static void fail_os_ends_with_the_text_of_the_system(void **state)
{
    struct nanots_error error;
    (void)state;
    nts_fail_os(&error, ENOSPC, "cannot write %d bytes", 4096);
    assert_string_equal(error.message, "cannot write 4096 bytes: No space left on device");
    nts_fail_os(&error, EIO, "cannot sync %s", "plant.ntt");
    assert_string_equal(error.message, "cannot sync plant.ntt: Input/output error");
}

static void fail_with_long_text_is_cut_and_terminated(void **state)
{
    struct nanots_error error;
    char text[2 * sizeof error.message];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    nts_fail_os(&error, EIO, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_int_equal(error.os_errno, EIO);
}

static void fail_memory_names_the_size(void **state)
{
    struct nanots_error error;
    (void)state;
    assert_int_equal(nts_fail_memory(&error, 123456), NANOTS_NO_MEMORY);
    assert_non_null(strstr(error.message, "123456"));
}

static void error_clear_leaves_nothing(void **state)
{
    struct nanots_error error;
    (void)state;
    nts_fail_os(&error, EIO, "x");
    nts_error_clear(&error);
    assert_int_equal(error.code, NANOTS_OK);
    assert_int_equal(error.os_errno, 0);
    assert_string_equal(error.message, "");
}

static nanots_status status_try(nanots_status first, int *steps)
{
    NTS_TRY(first);
    (*steps)++;
    return NANOTS_OK;
}

static nanots_status status_try_out(nanots_status first, int *steps, int *cleanups)
{
    nanots_status status;
    NTS_TRY_OUT(first);
    (*steps)++;
out:
    (*cleanups)++;
    return status;
}

static void try_with_failure_skips_the_rest(void **state)
{
    int steps = 0;
    int cleanups = 0;
    (void)state;
    assert_int_equal(status_try(NANOTS_BUSY, &steps), NANOTS_BUSY);
    assert_int_equal(status_try_out(NANOTS_IO, &steps, &cleanups), NANOTS_IO);
    assert_int_equal(steps, 0);
    assert_int_equal(cleanups, 1);
    assert_int_equal(status_try(NANOTS_OK, &steps), NANOTS_OK);
    assert_int_equal(status_try_out(NANOTS_OK, &steps, &cleanups), NANOTS_OK);
    assert_int_equal(steps, 2);
    assert_int_equal(cleanups, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_with_format_fills_the_error),
        cmocka_unit_test(fail_without_error_returns_the_code),
        cmocka_unit_test(fail_os_maps_each_errno),
        cmocka_unit_test(fail_os_ends_with_the_text_of_the_system),
        cmocka_unit_test(fail_with_long_text_is_cut_and_terminated),
        cmocka_unit_test(fail_memory_names_the_size),
        cmocka_unit_test(error_clear_leaves_nothing),
        cmocka_unit_test(try_with_failure_skips_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
