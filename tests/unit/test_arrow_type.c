/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/unit/test_arrow_type.c - format strings, and what takes what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arrow/arrow_type.h"

static const struct {
    const char *format;
    enum nts_arrow_kind kind;
    unsigned width;
    const char *taken_by; /* names of our types, narrowest first */
} samples[] = {
    {"n", NTS_ARROW_NULL, 0, ""},
    {"b", NTS_ARROW_BOOL, 0, "bool"},
    {"c", NTS_ARROW_INT8, 1, "i32 i64"},
    {"C", NTS_ARROW_UINT8, 1, "i32 i64"},
    {"s", NTS_ARROW_INT16, 2, "i32 i64"},
    {"S", NTS_ARROW_UINT16, 2, "i32 i64"},
    {"i", NTS_ARROW_INT32, 4, "i32 i64"},
    {"I", NTS_ARROW_UINT32, 4, "i64"},
    {"l", NTS_ARROW_INT64, 8, "i64"},
    {"L", NTS_ARROW_UINT64, 8, ""},
    {"f", NTS_ARROW_FLOAT32, 4, "f32 f64"},
    {"g", NTS_ARROW_FLOAT64, 8, "f64"},
    {"u", NTS_ARROW_STRING, 0, "utf8"},
    {"U", NTS_ARROW_LARGE_STRING, 0, "utf8"},
    {"vu", NTS_ARROW_STRING_VIEW, 0, "utf8"},
    {"tdD", NTS_ARROW_DATE32, 4, ""},
    {"tdm", NTS_ARROW_DATE64, 8, ""},
    {"tss:", NTS_ARROW_TIMESTAMP_S, 8, ""},
    {"tsm:UTC", NTS_ARROW_TIMESTAMP_MS, 8, ""},
    {"tsu:Europe/Berlin", NTS_ARROW_TIMESTAMP_US, 8, ""},
    {"tsn:+02:00", NTS_ARROW_TIMESTAMP_NS, 8, ""},
    {"", NTS_ARROW_OTHER, 0, ""},
    {"tsm", NTS_ARROW_OTHER, 0, ""},
    {"gg", NTS_ARROW_OTHER, 0, ""},
    {"e", NTS_ARROW_OTHER, 0, ""},
    {"z", NTS_ARROW_OTHER, 0, ""},
    {"+s", NTS_ARROW_OTHER, 0, ""},
    {"d:5,2", NTS_ARROW_OTHER, 0, ""},
    {"ttm", NTS_ARROW_OTHER, 0, ""},
};
#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

static void arrow_kind_follows_from_the_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        assert_int_equal(nts_arrow_kind_of(samples[i].format), samples[i].kind);
        assert_int_equal(nts_arrow_kind_width(samples[i].kind), samples[i].width);
    }
}

static void arrow_kind_fits_what_holds_all_its_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        for (unsigned type = NANOTS_TYPE_F64; type <= NANOTS_TYPE_UTF8; type++) {
            const char *name = nanots_type_name((nanots_type)type);
            const bool fits = strstr(samples[i].taken_by, name) != NULL;
            assert_int_equal(nts_arrow_fits(samples[i].kind, type), fits);
            if (nts_arrow_own_type(samples[i].kind) == type)
                assert_int_equal(strncmp(samples[i].taken_by, name, strlen(name)), 0);
        }
}

static void arrow_formats_are_read_back_as_they_are_written(void **state)
{
    (void)state;
    for (unsigned type = NANOTS_TYPE_F64; type <= NANOTS_TYPE_UTF8; type++)
        assert_int_equal(nts_arrow_own_type(nts_arrow_kind_of(nts_arrow_format(type))), type);
    for (unsigned unit = 0; unit < NTS_UNIT_END; unit++)
        assert_int_equal(nts_arrow_step_ns(nts_arrow_kind_of(nts_arrow_time_format(unit))),
                         nts_arrow_unit_ns(unit));
    assert_int_equal(nts_arrow_step_ns(NTS_ARROW_DATE32), 86400000000000);
    assert_int_equal(nts_arrow_step_ns(NTS_ARROW_DATE64), 1000000);
    assert_int_equal(nts_arrow_step_ns(NTS_ARROW_INT64), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrow_kind_follows_from_the_format),
        cmocka_unit_test(arrow_kind_fits_what_holds_all_its_values),
        cmocka_unit_test(arrow_formats_are_read_back_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
