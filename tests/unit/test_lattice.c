/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_lattice.c - rounded multiples of a step (codec/lattice.h): found where they are, not
 * where they are not; exact both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "codec/f64.h"
#include "codec/lattice.h"
#include "support/seed.h"

#define COUNT NTS_VECTOR_ROWS

static uint64_t seed;
static uint64_t numbers[COUNT];
static uint64_t places[COUNT];
static uint64_t back[COUNT];
static uint64_t work[COUNT];

static int64_t random_step(int64_t most)
{
    return (int64_t)(seed_next(&seed) % (uint64_t)(2 * most + 1)) - most;
}

/* A walk of counts, times a gain, plus an offset, rounded. */
static void fill(size_t count, double gain, double offset, int64_t most)
{
    int64_t m = 2000 + random_step(1000);

    for (size_t i = 0; i < count; i++) {
        m += random_step(most);
        numbers[i] = (uint64_t)(int64_t)rint((double)m * gain + offset);
    }
}

/* Goal: counts times a gain are found, whatever the gain, and come back. */
static void lattice_of_rounded_multiples_is_found(void **state)
{
    size_t found = 0;
    (void)state;
    for (unsigned round = 0; round < 600; round++) {
        const size_t count = round % 2 == 0 ? COUNT : 100 + seed_next(&seed) % 900;
        const double gain = 30.0 + (double)(seed_next(&seed) % 1000000) * 0.37;
        struct nts_lattice lattice;
        fill(count, gain, (double)random_step(100000) / 7.0, 1 + (int64_t)(round % 40));
        if (!nts_lattice_find(&lattice, work, numbers, count))
            continue;
        assert_in_range(lattice.shift, 1, NTS_LATTICE_SHIFT_MAX);
        if (!nts_lattice_divide(places, work, &lattice, numbers, count))
            continue;
        found++;
        nts_lattice_multiply(back, &lattice, places, count);
        assert_memory_equal(back, numbers, count * sizeof numbers[0]);
        assert_true((double)lattice.step / (double)((uint64_t)1 << lattice.shift) > gain * 0.99);
    }
    assert_in_range(found, 500, 600);
}

/* Numbers without a step have none, and are not taken for some. */
static void lattice_of_other_numbers_is_not_found(void **state)
{
    size_t found = 0;
    struct nts_lattice lattice;
    (void)state;
    for (unsigned round = 0; round < 600; round++) {
        const unsigned shift = 14 + (unsigned)(seed_next(&seed) % 48);
        for (size_t i = 0; i < COUNT; i++)
            numbers[i] = (uint64_t)((int64_t)seed_next(&seed) >> shift);
        found += nts_lattice_find(&lattice, work, numbers, COUNT) &&
                 nts_lattice_divide(places, work, &lattice, numbers, COUNT);
    }
    assert_int_equal(found, 0);
    memset(numbers, 0, sizeof numbers);
    assert_false(nts_lattice_find(&lattice, work, numbers, COUNT));
    assert_false(nts_lattice_find(&lattice, work, numbers, NTS_LATTICE_COUNT_MIN - 1));
}

static void lattice_without_a_number_is_refused(void **state)
{
    const struct nts_lattice lattice = {.phase = 1, .step = 5, .shift = 1};
    (void)state;
    for (size_t i = 0; i < 100; i++)
        places[i] = i - 50;
    nts_lattice_multiply(numbers, &lattice, places, 100);
    assert_int_equal((int64_t)numbers[50], 0);
    assert_int_equal((int64_t)numbers[51], 3);
    assert_int_equal((int64_t)numbers[52], 5);
    assert_int_equal((int64_t)numbers[49], -2);
    assert_true(nts_lattice_divide(back, work, &lattice, numbers, 100));
    assert_memory_equal(back, places, 100 * sizeof back[0]);
    numbers[77]++;
    assert_false(nts_lattice_divide(back, work, &lattice, numbers, 100));
}

static void lattice_bytes_come_back(void **state)
{
    uint8_t bytes[30];
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        const unsigned shift = (unsigned)(seed_next(&seed) % 64);
        const struct nts_lattice lattice = {.phase = (int64_t)seed_next(&seed) >> shift,
                                            .step = (int64_t)seed_next(&seed) >> shift,
                                            .shift = (uint8_t)(round % 63)};
        struct nts_lattice read;
        const size_t size = nts_lattice_size(&lattice);
        assert_ptr_equal(nts_lattice_write(bytes, &lattice), bytes + size);
        assert_ptr_equal(nts_lattice_read(&read, bytes, bytes + size), bytes + size);
        assert_true(read.phase == lattice.phase && read.step == lattice.step);
        assert_int_equal(read.shift, lattice.shift);
        for (size_t cut = 0; cut < size; cut++)
            assert_null(nts_lattice_read(&read, bytes, bytes + cut));
        bytes[size - 1] = (uint8_t)(63 + round % 193);
        assert_null(nts_lattice_read(&read, bytes, bytes + size));
    }
}

/* Goal: such doubles take few bits, NaNs among them. */
static void multiples_take_the_bits_of_their_counts(void **state)
{
    static struct nts_codec_scratch scratch;
    static double values[COUNT];
    static double decoded[COUNT];
    static uint8_t bytes[8 * COUNT + 1];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = rint((double)(1000 + random_step(500)) * 48828.125 / 3.0 + 0.1) / 1e5;
    for (unsigned round = 0; round < 2; round++) {
        const size_t size = nts_f64_encode(&scratch, bytes, values, COUNT);
        assert_int_equal(bytes[0], NTS_CODEC_MULTIPLE);
        assert_in_range(size, COUNT, COUNT * 11 / 8);
        assert_int_equal(nts_f64_decode(&scratch, decoded, COUNT, bytes, size), NANOTS_OK);
        assert_memory_equal(decoded, values, sizeof values);
        for (size_t cut = 0; cut < size; cut += 1 + cut / 16)
            assert_int_equal(nts_f64_decode(&scratch, decoded, COUNT, bytes, cut), NANOTS_CORRUPT);
        values[3] = values[500] = (double)NAN;
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lattice_of_rounded_multiples_is_found),
        cmocka_unit_test(lattice_of_other_numbers_is_not_found),
        cmocka_unit_test(lattice_without_a_number_is_refused),
        cmocka_unit_test(lattice_bytes_come_back),
        cmocka_unit_test(multiples_take_the_bits_of_their_counts),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
