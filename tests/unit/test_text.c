/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_text.c - UTF-8 and the nearest spelling (util/text.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "util/text.h"

/* Encodes any number of up to 21 bits in the given size, well-formed or not. */
static size_t text_encode(uint32_t point, size_t size, char *to)
{
    static const uint8_t leads[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3F));
    to[0] = (char)(leads[size] | point);
    return size;
}

static size_t text_shortest(uint32_t point)
{
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/* Goal: exactly the code points of Unicode in their shortest form are well-formed.
 * Method: all numbers of 21 bits in all sizes that hold them. */
static void utf8_of_every_number_and_size_accepts_the_shortest_form_only(void **state)
{
    static const uint32_t ends[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    (void)state;
    for (size_t size = 1; size <= 4; size++) {
        for (uint32_t point = 0; point < ends[size]; point++) {
            char text[4];
            const size_t prefix = nts_utf8_valid_prefix(text, text_encode(point, size, text));
            const int surrogate = point >= 0xD800 && point <= 0xDFFF;
            const int wanted = size == text_shortest(point) && !surrogate && point <= 0x10FFFF;
            if (prefix != (wanted ? size : 0))
                fail_msg("U+%X in %zu bytes: %zu", point, size, prefix);
        }
    }
}

static void utf8_cut_anywhere_stops_before_the_cut_character(void **state)
{
    static const char text[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9D\x84\x9E";
    static const size_t wanted[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
    (void)state;
    for (size_t size = 0; size < sizeof text; size++)
        assert_int_equal(nts_utf8_valid_prefix(text, size), wanted[size]);
}

/* The fast path takes eight bytes at a time: a bad byte is found at every place around that. */
static void utf8_with_a_bad_byte_names_its_offset(void **state)
{
    char text[40];
    (void)state;
    for (size_t size = 1; size <= sizeof text; size++) {
        for (size_t at = 0; at < size; at++) {
            memset(text, 'a', sizeof text);
            text[at] = (char)0x80;
            assert_int_equal(nts_utf8_valid_prefix(text, size), at);
            text[at] = (char)0xFF;
            assert_int_equal(nts_utf8_valid_prefix(text, size), at);
        }
    }
}

static void utf8_follower_out_of_range_is_refused(void **state)
{
    static const char *const bad[] = {"\xC3(",         "\xE2(\xAC",       "\xE2\x82(",
                                      "\xF0\x9D(\x9E", "\xF0\x9D\x84(",   "\xE2\x82\xC0",
                                      "\xC1\x80",      "\xF5\x80\x80\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(nts_utf8_valid_prefix(bad[i], strlen(bad[i])), 0);
}

static void edit_distance_counts_each_kind_of_edit(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        unsigned distance;
    } pairs[] = {
        {"", "", 0},
        {"boiler", "boiler", 0},
        {"boiler", "boilers", 1},
        {"boiler", "oiler", 1},
        {"boiler", "bowlers", 2},
        {"boiler", "biolers", 2},
        {"", "abc", 3},
        {"ab", "ba", 1},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3}, /* 2 if a part could be edited twice */
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(nts_edit_distance(pairs[i].a, pairs[i].b, 10), pairs[i].distance);
        assert_int_equal(nts_edit_distance(pairs[i].b, pairs[i].a, 10), pairs[i].distance);
    }
}

static void edit_distance_is_cut_off_beyond_the_limit(void **state)
{
    (void)state;
    assert_int_equal(nts_edit_distance("kitten", "sitting", 3), 3);
    assert_int_equal(nts_edit_distance("kitten", "sitting", 2), 3);
    assert_int_equal(nts_edit_distance("kitten", "sitting", 0), 1);
    assert_int_equal(nts_edit_distance("same", "same", 0), 0);
}

static void edit_distance_of_long_names_is_beyond_any_limit(void **state)
{
    char a[66];
    char b[66];
    (void)state;
    memset(a, 'x', sizeof a);
    a[65] = '\0';
    memcpy(b, a, sizeof b);
    assert_int_equal(nts_edit_distance(a, b, 5), 6);
    assert_true(nts_edit_distance(a, b, UINT_MAX) == UINT_MAX);
    a[64] = '\0';
    b[64] = '\0';
    assert_int_equal(nts_edit_distance(a, b, 5), 0);
    b[63] = 'y';
    assert_int_equal(nts_edit_distance(a, b, 5), 1);
    assert_int_equal(nts_edit_distance(a, "", 100), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_of_every_number_and_size_accepts_the_shortest_form_only),
        cmocka_unit_test(utf8_cut_anywhere_stops_before_the_cut_character),
        cmocka_unit_test(utf8_with_a_bad_byte_names_its_offset),
        cmocka_unit_test(utf8_follower_out_of_range_is_refused),
        cmocka_unit_test(edit_distance_counts_each_kind_of_edit),
        cmocka_unit_test(edit_distance_is_cut_off_beyond_the_limit),
        cmocka_unit_test(edit_distance_of_long_names_is_beyond_any_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
