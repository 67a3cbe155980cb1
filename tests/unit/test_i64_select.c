/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_i64_select.c - which scheme a vector of integers gets (codec/i64_select.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "codec/i64_select.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static uint64_t kind_value(unsigned kind, uint64_t i)
{
    const uint64_t random = seed_next(&seed);

    switch (kind) {
    case 0: /* regular, with a gap now and then */
        return (i == 0 ? 0 : values[i - 1]) + 1000 + (random % 90 == 0 ? 3600000 : 0);
    case 1: /* jitter about a line */
        return 1700000000000 + 1000 * i + random % 11;
    case 2: /* a level with bursts */
        return random % 50 == 0 ? random >> 40 : random % 64;
    case 3: /* steps */
        return i == 0 || random % 40 == 0 ? random >> 44 : values[i - 1];
    case 4: /* a saw */
        return i % 100;
    case 5: /* states far apart */
        return ((random % 5) * 0x9E3779B97F4A7C15u) >> 8;
    case 6: /* smooth */
        return (uint64_t)(int64_t)(0x1p40 * sin((double)i * 0.05));
    case 7: /* a walk */
        return (i == 0 ? 0 : values[i - 1]) + random % 201 - 100;
    default: /* bits without meaning */
        return random;
    }
}

/* Goal: each kind of series gets its scheme, and close to the bytes it deserves. Method: one series
 * a scheme, always the same; the limits leave a tenth above what was measured. */
static void select_finds_the_scheme_of_each_series(void **state)
{
    static const struct {
        enum nts_codec_id codec;
        size_t size_max;
    } wanted[] = {{NTS_CODEC_DELTA, 110},   {NTS_CODEC_LINE, 580},    {NTS_CODEC_FOR, 950},
                  {NTS_CODEC_RLE, 160},     {NTS_CODEC_SEASONAL, 20}, {NTS_CODEC_DICTIONARY, 440},
                  {NTS_CODEC_PREDICT, 480}, {NTS_CODEC_DELTA, 1050},  {NTS_CODEC_RAW, 8193}};
    struct nts_i64_plan plan;
    (void)state;
    seed = 1;
    for (unsigned kind = 0; kind < sizeof wanted / sizeof wanted[0]; kind++) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = kind_value(kind, i);
        nts_i64_select(&plan, &scratch, values, COUNT);
        (void)printf("# kind %u: %-10s %zu bytes\n", kind, nts_codec_name(plan.scheme.codec),
                     plan.size);
        assert_int_equal(plan.scheme.codec, wanted[kind].codec);
        assert_in_range(plan.size, 1, wanted[kind].size_max);
    }
}

/* Goal: the choice loses little to trying everything. Method: the simple codecs, exactly, on all
 * kinds and counts. */
static void select_is_not_much_worse_than_the_simple_codecs(void **state)
{
    struct nts_i64_plan plan;
    (void)state;
    for (unsigned round = 0; round < 900; round++) {
        const size_t count = 2 + seed_next(&seed) % (COUNT - 1);
        for (size_t i = 0; i < count; i++)
            values[i] = kind_value(round % 9, i);
        const size_t simple = nts_simple_choose(&scratch, values, count).size;
        nts_i64_select(&plan, &scratch, values, count);
        assert_in_range(plan.size, 1, simple + simple / 8 + 8);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(select_finds_the_scheme_of_each_series),
        cmocka_unit_test(select_is_not_much_worse_than_the_simple_codecs),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
