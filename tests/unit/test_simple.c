/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_simple.c - vectors of the simple codecs (codec/simple.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/simple.h"
#include "support/body_checks.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static void check(size_t count, enum nts_codec_id codec)
{
    const struct nts_simple_plan plan = nts_simple_choose(&scratch, values, count);
    struct guard guard;
    uint8_t *const bytes = body_room(&guard, plan.size);

    assert_int_equal(plan.codec, codec);
    assert_ptr_equal(nts_simple_write(bytes, &plan, &scratch, values, count), bytes + plan.size);
    assert_int_equal(bytes[0], codec);
    if (codec != NTS_CODEC_CONSTANT) /* the size of its body is part of its meaning */
        body_check(nts_simple_read, bytes, plan.size, values, count, false, &seed);
    assert_int_equal(nts_simple_read(values, count, bytes, plan.size), NANOTS_OK);
    guard_close(&guard);
}

static void simple_each_codec_is_taken_where_it_is_smallest(void **state)
{
    static const size_t counts[] = {9, 100, COUNT - 1, COUNT};
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (unsigned kind = 0; kind < 5; kind++) {
            static const enum nts_codec_id codecs[] = {NTS_CODEC_CONSTANT, NTS_CODEC_FOR,
                                                       NTS_CODEC_DELTA, NTS_CODEC_DELTA2,
                                                       NTS_CODEC_RAW};
            for (uint64_t i = 0; i < counts[k]; i++)
                values[i] = kind == 0   ? 77
                            : kind == 1 ? seed_next(&seed) % 1000
                            : kind == 2 ? 1000000 * i + seed_next(&seed) % 9
                            : kind == 3 ? 70000 * i * i
                                        : seed_next(&seed);
            check(counts[k], codecs[kind]);
        }
}

static void simple_other_codecs_are_corrupt(void **state)
{
    static const uint8_t body[] = {0};
    (void)state;
    for (unsigned codec = 0; codec < 256; codec++) {
        uint8_t bytes[3] = {(uint8_t)codec, 0, 0};
        const bool is_simple = codec == NTS_CODEC_CONSTANT || codec == NTS_CODEC_FOR;
        assert_int_equal(nts_simple_read(values, 5, bytes, 3),
                         is_simple ? NANOTS_OK : NANOTS_CORRUPT);
    }
    assert_int_equal(nts_simple_read(values, 5, body, 0), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_each_codec_is_taken_where_it_is_smallest),
        cmocka_unit_test(simple_other_codecs_are_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
