/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_varint.c - variable-length integers (codec/varint.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/varint.h"

static void varint_every_size_round_trips(void **state)
{
    uint8_t bytes[10];
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++)
        for (int less = 0; less < 2; less++) {
            const uint64_t x = (bits == 64 ? 0 : (uint64_t)1 << bits) - (uint64_t)less;
            uint64_t read = ~x;
            const size_t size = nts_varint_size(x);
            assert_ptr_equal(nts_varint_put(bytes, x), bytes + size);
            assert_ptr_equal(nts_varint_get(bytes, bytes + size, &read), bytes + size);
            assert_true(read == x);
            assert_null(nts_varint_get(bytes, bytes + size - 1, &read));
            assert_int_equal(size, nts_bit_length(x) == 0 ? 1 : (nts_bit_length(x) + 6) / 7);
        }
}

static void svarint_extremes_round_trip(void **state)
{
    static const int64_t values[] = {0, -1, 1, -64, 63, 64, INT64_MIN, INT64_MAX};
    uint8_t bytes[10];
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint64_t read = 0;
        const size_t size = nts_svarint_size((uint64_t)values[i]);
        assert_ptr_equal(nts_svarint_put(bytes, (uint64_t)values[i]), bytes + size);
        assert_ptr_equal(nts_svarint_get(bytes, bytes + size, &read), bytes + size);
        assert_true((int64_t)read == values[i]);
        assert_null(nts_svarint_get(bytes, bytes + size - 1, &read));
    }
    assert_int_equal(nts_svarint_size((uint64_t)-64), 1);
    assert_int_equal(nts_svarint_size(64), 2);
}

static void varint_that_exceeds_64_bits_is_refused(void **state)
{
    static const uint8_t too_large[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
    static const uint8_t too_long[] = {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0};
    uint64_t x;
    (void)state;
    assert_null(nts_varint_get(too_large, too_large + sizeof too_large, &x));
    assert_null(nts_varint_get(too_long, too_long + sizeof too_long, &x));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(varint_every_size_round_trips),
        cmocka_unit_test(svarint_extremes_round_trip),
        cmocka_unit_test(varint_that_exceeds_64_bits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
