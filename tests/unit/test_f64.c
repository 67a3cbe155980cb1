/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_f64.c - vectors of doubles as sensors make them (codec/f64.h): every bit comes back.
 * test_codec.c has short vectors, and bytes that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/f64.h"
#include "support/float_series.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static double values[COUNT];
static double decoded[COUNT];
static uint8_t bytes[8 * COUNT + 1];

static void check_alone(size_t count)
{
    const size_t size = nts_f64_encode(&scratch, bytes, values, count);

    assert_in_range(size, 1, nts_vector_bound(count));
    memset(decoded, 0xA5, sizeof decoded);
    assert_int_equal(nts_f64_decode(&scratch, decoded, count, bytes, size), NANOTS_OK);
    assert_memory_equal(decoded, values, 8 * count);
}

static void f64_every_series_round_trips_alone(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 400 * FLOAT_SERIES_KIND_COUNT; round++) {
        const size_t count = round % 3 == 0 ? COUNT : 1 + seed_next(&seed) % COUNT;
        float_series_fill(values, count, round % FLOAT_SERIES_KIND_COUNT, &seed);
        check_alone(count);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(f64_every_series_round_trips_alone),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
