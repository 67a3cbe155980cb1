/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_rle.c - splitting into runs and back (codec/rle.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "codec/rle.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];
static uint64_t expanded[COUNT];
static uint8_t bytes[4 + 10 * COUNT];

static void rle_random_runs_round_trip(void **state)
{
    uint64_t seed = seed_of_run();
    (void)state;
    for (size_t round = 0; round < 500; round++) {
        const size_t count = round < 400 ? 4 + round % 70 : COUNT - round % 2;
        const uint64_t rarity = 3 + seed_next(&seed) % 40;
        size_t run_count_wanted = 1;
        size_t size;
        size_t run_count_read;
        for (size_t i = 0; i < count; i++)
            values[i] = i > 0 && seed_next(&seed) % rarity != 0 ? values[i - 1] : seed_next(&seed);
        for (size_t i = 1; i < count; i++)
            run_count_wanted += values[i] != values[i - 1];
        const size_t run_count = nts_rle_split(&scratch, values, count);
        assert_int_equal(run_count, run_count_wanted <= count / 2 ? run_count_wanted : 0);
        if (run_count < 2)
            continue;
        const struct nts_patched_plan plan = nts_rle_choose(&scratch, run_count, &size);
        const uint8_t *end = nts_rle_write(bytes, &plan, &scratch, run_count);
        assert_int_equal(end - bytes, size);
        memset(scratch.run_counts, 0xAA, sizeof scratch.run_counts);
        assert_ptr_equal(nts_rle_read(&scratch, count, &run_count_read, bytes, end), end);
        assert_int_equal(run_count_read, run_count);
        nts_rle_expand(expanded, &scratch, run_count);
        assert_memory_equal(expanded, values, 8 * count);
        assert_null(nts_rle_read(&scratch, count, &run_count_read, bytes, end - 1));
    }
}

static void rle_wrong_run_counts_are_corrupt(void **state)
{
    uint8_t head[] = {3, 0, 8}; /* three runs, the first two of 4 values */
    size_t run_count;
    (void)state;
    assert_non_null(nts_rle_read(&scratch, 9, &run_count, head, head + 3));
    assert_int_equal(run_count, 3);
    assert_int_equal(scratch.run_counts[2], 1);
    assert_null(nts_rle_read(&scratch, 8, &run_count, head, head + 3)); /* none left */
    assert_null(nts_rle_read(&scratch, 5, &run_count, head, head + 3)); /* too many runs */
    head[2] = 0;                                                        /* empty runs */
    assert_null(nts_rle_read(&scratch, 9, &run_count, head, head + 3));
    head[2] = 1; /* of -1 values */
    assert_null(nts_rle_read(&scratch, 9, &run_count, head, head + 3));
    head[0] = 1;
    assert_null(nts_rle_read(&scratch, 9, &run_count, head, head + 3));
    head[0] = 0;
    assert_null(nts_rle_read(&scratch, 9, &run_count, head, head + 3));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rle_random_runs_round_trip),
        cmocka_unit_test(rle_wrong_run_counts_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
