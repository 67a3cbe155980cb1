/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_dictionary.c - few different values (codec/dictionary.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/dictionary.h"
#include "support/body_checks.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static struct nts_codec_scratch scratch;
static uint64_t values[COUNT];

static void fill(size_t count, size_t entry_count)
{
    uint64_t entries[NTS_DICTIONARY_ENTRIES_MAX + 1];

    for (size_t k = 0; k < entry_count; k++)
        entries[k] = seed_next(&seed);
    for (size_t i = 0; i < count; i++)
        values[i] = entries[i < entry_count ? i : seed_next(&seed) % entry_count];
}

static void dictionary_of_every_size_round_trips(void **state)
{
    (void)state;
    for (size_t entry_count = 2; entry_count <= 256; entry_count += 1 + entry_count / 7)
        for (unsigned k = 0; k < 3; k++) {
            const size_t count = k == 0 ? COUNT : k == 1 ? COUNT - 1 : entry_count;
            struct nts_dictionary_plan plan;
            struct guard guard;
            fill(count, entry_count);
            assert_true(nts_dictionary_choose(&plan, &scratch, values, count, 256));
            assert_int_equal(plan.entry_count, entry_count);
            uint8_t *const bytes = body_room(&guard, plan.size);
            assert_ptr_equal(nts_dictionary_write(bytes, &plan, &scratch, count),
                             bytes + plan.size);
            body_check(nts_dictionary_read, bytes, plan.size, values, count, false, &seed);
            guard_close(&guard);
        }
}

static void dictionary_of_too_many_or_one_is_none(void **state)
{
    struct nts_dictionary_plan plan;
    (void)state;
    fill(COUNT, 257);
    assert_false(nts_dictionary_choose(&plan, &scratch, values, COUNT, 256));
    fill(COUNT, 17);
    assert_false(nts_dictionary_choose(&plan, &scratch, values, COUNT, 16));
    assert_true(nts_dictionary_choose(&plan, &scratch, values, COUNT, 17));
    fill(COUNT, 1);
    assert_false(nts_dictionary_choose(&plan, &scratch, values, COUNT, 256));
}

static void dictionary_against_the_rules_is_corrupt(void **state)
{
    /* Three entries 1 2 9 and codes 0 1 2 0; then a code of 3, and one entry. */
    static const uint8_t fine[] = {2, 0x24, 5, 4, 2, 0x10, 0x08};
    static const uint8_t code[] = {2, 0xE4, 5, 4, 2, 0x10, 0x08};
    static const uint8_t one[] = {0, 1};
    uint64_t out[COUNT];
    (void)state;
    assert_int_equal(nts_dictionary_read(out, 4, fine, sizeof fine), NANOTS_OK);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == 9 && out[3] == 1);
    assert_int_equal(nts_dictionary_read(out, 4, code, sizeof code), NANOTS_CORRUPT);
    assert_int_equal(nts_dictionary_read(out, 4, one, sizeof one), NANOTS_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dictionary_of_every_size_round_trips),
        cmocka_unit_test(dictionary_of_too_many_or_one_is_none),
        cmocka_unit_test(dictionary_against_the_rules_is_corrupt),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
