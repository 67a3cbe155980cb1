/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_damage.c - the report of what a scan leaves out (query/damage.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/damage.h"

static void damage_keeps_the_first_place(void **state)
{
    const struct nanots_error first = {NANOTS_CORRUPT, 0, "first"};
    const struct nanots_error second = {NANOTS_IO, 5, "second"};
    const struct nts_damaged_place places[] = {{"t", "c", 3, 8192, 1, 16384, -5, 9},
                                               {"t", NULL, 4, 64, 0, 7, -9, -8}};
    struct nanots_damage_report damage;
    (void)state;

    memset(&damage, 0, sizeof damage);
    nts_damage_add_place(&damage, &places[0], &first);
    nts_damage_add_place(&damage, &places[1], &second);
    assert_int_equal(damage.places, 2);
    assert_int_equal(damage.rows, 0);
    assert_string_equal(damage.table, "t");
    assert_string_equal(damage.column, "c");
    assert_int_equal(damage.segment_id, 3);
    assert_int_equal(damage.offset, 8192);
    assert_int_equal(damage.row_group, 1);
    assert_int_equal(damage.place_rows, 16384);
    assert_int_equal(damage.place_ts_min, -5);
    assert_int_equal(damage.place_ts_max, 9);
    assert_int_equal(damage.status, NANOTS_CORRUPT);
    assert_string_equal(damage.message, "first");
}

static void damage_spans_the_times_of_all_rows(void **state)
{
    struct nanots_damage_report damage;
    (void)state;

    memset(&damage, 0, sizeof damage);
    nts_damage_add_rows(&damage, 3, 100, 200);
    assert_int_equal(damage.ts_min, 100);
    nts_damage_add_rows(&damage, 2, 150, INT64_MAX);
    nts_damage_add_rows(&damage, 1, INT64_MIN, 20);
    assert_int_equal(damage.rows, 6);
    assert_true(damage.ts_min == INT64_MIN);
    assert_true(damage.ts_max == INT64_MAX);
}

static void damage_is_bytes_that_cannot_be_had(void **state)
{
    (void)state;
    assert_true(nts_damage_is_skipped(NANOTS_CORRUPT));
    assert_true(nts_damage_is_skipped(NANOTS_IO));
    assert_false(nts_damage_is_skipped(NANOTS_OK));
    assert_false(nts_damage_is_skipped(NANOTS_NO_MEMORY));
    assert_false(nts_damage_is_skipped(NANOTS_UNSUPPORTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_keeps_the_first_place),
        cmocka_unit_test(damage_spans_the_times_of_all_rows),
        cmocka_unit_test(damage_is_bytes_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
