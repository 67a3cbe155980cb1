/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_plain.c - codecs RAW and CONSTANT (codec/plain.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "codec/plain.h"

static void constant_is_as_short_as_documented(void **state)
{
    static const struct {
        enum nts_value_kind kind;
        uint64_t value;
        size_t size;
        uint8_t bytes[8];
    } cases[] = {
        {NTS_VALUE_I64, 0, 0, {0}},
        {NTS_VALUE_I64, (uint64_t)-3, 1, {5}},
        {NTS_VALUE_I64, 100, 1, {200}},
        {NTS_VALUE_I64, 300, 2, {0x58, 0x02}},
        {NTS_VALUE_I64, (uint64_t)INT64_MIN, 8, {255, 255, 255, 255, 255, 255, 255, 255}},
        {NTS_VALUE_F64, 0, 0, {0}},
        {NTS_VALUE_F64, 0x3FF8000000000000u, 2, {0xF8, 0x3F}}, /* 1.5 */
        {NTS_VALUE_F64, 0x8000000000000000u, 1, {0x80}},       /* -0.0 */
        {NTS_VALUE_F64, 1, 8, {1, 0, 0, 0, 0, 0, 0, 0}},       /* least subnormal */
        {NTS_VALUE_F64, 0xFFF8000000001200u, 7, {0x12, 0, 0, 0, 0, 0xF8, 0xFF}}, /* NaN */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[8];
        uint64_t values[3];
        const uint8_t *end = nts_constant_write(bytes, cases[i].kind, cases[i].value);
        assert_int_equal(end - bytes, cases[i].size);
        assert_memory_equal(bytes, cases[i].bytes, cases[i].size);
        assert_int_equal(nts_constant_read(values, 3, cases[i].kind, bytes, cases[i].size),
                         NANOTS_OK);
        for (size_t k = 0; k < 3; k++)
            assert_true(values[k] == cases[i].value);
    }
}

static void constant_longer_than_8_bytes_is_corrupt(void **state)
{
    static const uint8_t bytes[9] = {0};
    uint64_t value;
    (void)state;
    assert_int_equal(nts_constant_read(&value, 1, NTS_VALUE_I64, bytes, 9), NANOTS_CORRUPT);
    assert_int_equal(nts_constant_read(&value, 1, NTS_VALUE_F64, bytes, 9), NANOTS_CORRUPT);
}

static void raw_is_little_endian_and_exact(void **state)
{
    static const uint64_t values[2] = {0x0102030405060708u, ~(uint64_t)0};
    static const uint8_t wanted[16] = {8,   7,   6,   5,   4,   3,   2,   1,
                                       255, 255, 255, 255, 255, 255, 255, 255};
    uint8_t bytes[16];
    uint64_t read[2];
    (void)state;
    assert_ptr_equal(nts_raw_write(bytes, values, 2), bytes + 16);
    assert_memory_equal(bytes, wanted, 16);
    assert_int_equal(nts_raw_read(read, 2, bytes, 16), NANOTS_OK);
    assert_memory_equal(read, values, 16);
    assert_int_equal(nts_raw_read(read, 2, bytes, 15), NANOTS_CORRUPT);
    assert_int_equal(nts_raw_read(read, 1, bytes, 16), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_is_as_short_as_documented),
        cmocka_unit_test(constant_longer_than_8_bytes_is_corrupt),
        cmocka_unit_test(raw_is_little_endian_and_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
