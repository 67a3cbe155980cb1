/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/api/test_header.c - the public header stands alone, and means the same in C and C++. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "header_alone.h"
#include "nanots_arrow.h"

extern const struct header_view header_view_c;
extern const struct header_view header_view_cpp;

static void header_from_c_and_cpp_has_one_layout(void **state)
{
    (void)state;
    assert_memory_equal(&header_view_c, &header_view_cpp, sizeof header_view_c);
}

/* Every options struct begins with its size, so that it can grow without breaking callers. */
static void header_option_structs_begin_with_their_size(void **state)
{
    (void)state;
    assert_int_equal(offsetof(struct nanots_open_options, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_query, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_table_stats, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_column_stats, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_diagnosis, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_allocator, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_file_ops, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_vfs, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_verify_report, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_arrow_options, struct_size), 0);
    assert_int_equal(offsetof(struct nanots_arrow_append_options, struct_size), 0);
}

static void header_version_macros_agree(void **state)
{
    char text[32];

    (void)state;
    (void)snprintf(text, sizeof text, "%d.%d.%d", NANOTS_VERSION_MAJOR, NANOTS_VERSION_MINOR,
                   NANOTS_VERSION_PATCH);
    assert_string_equal(text, NANOTS_VERSION);
}

/* The list is dense from 0 on and every text is there: clients index tables by code. */
static void header_status_list_is_dense(void **state)
{
    static const int numbers[] = {
#define STATUS_NUMBER(name, number, text) number,
        NANOTS_STATUS_LIST(STATUS_NUMBER)
#undef STATUS_NUMBER
    };
    static const char *const texts[] = {
#define STATUS_TEXT(name, number, text) text,
        NANOTS_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(numbers[i], i);
        assert_true(strlen(texts[i]) > 0);
    }
    assert_int_equal(NANOTS_OK, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_from_c_and_cpp_has_one_layout),
        cmocka_unit_test(header_option_structs_begin_with_their_size),
        cmocka_unit_test(header_version_macros_agree),
        cmocka_unit_test(header_status_list_is_dense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
