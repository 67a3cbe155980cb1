/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_i64.c - vectors of integers (codec/i64.h); test_codec.c has those that stand alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/i64.h"
#include "support/guard.h"

#define COUNT NTS_VECTOR_ROWS

static struct nts_codec_scratch scratch;

/* Goal: not a byte beyond size_max is written. Method: memory that ends there, every kind of
 * vector, one byte more and one less than it needs. */
static void i64_within_keeps_to_its_room(void **state)
{
    static int64_t values[COUNT];
    static uint8_t bytes[8 * COUNT + 1];
    struct guard guard = guard_open(sizeof bytes);
    (void)state;
    for (unsigned kind = 0; kind < 5; kind++) {
        for (int64_t i = 0; i < COUNT; i++)
            values[i] = kind == 0   ? 7
                        : kind == 1 ? i * i
                        : kind == 2 ? i / 100
                        : kind == 3 ? i % 37
                                    : (int64_t)((uint64_t)i * 0x9E3779B97F4A7C15u);
        const uint64_t *const src = (const uint64_t *)values;
        const size_t size = nts_i64_encode(&scratch, bytes, values, COUNT);
        uint8_t *const exact = guard_at_end(&guard, size);
        assert_int_equal(nts_i64_encode_within(&scratch, exact, size, src, COUNT), size);
        assert_memory_equal(exact, bytes, size);
        uint8_t *const small = guard_at_end(&guard, size - 1);
        assert_int_equal(nts_i64_encode_within(&scratch, small, size - 1, src, COUNT), 0);
        assert_int_equal(nts_i64_encode_within(&scratch, guard_at_end(&guard, 0), 0, src, COUNT),
                         0);
    }
    guard_close(&guard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(i64_within_keeps_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
