/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_ans.c - symbols to bits and back (codec/ans.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "codec/ans.h"
#include "support/guard.h"
#include "support/seed.h"

#define COUNT              NTS_VECTOR_ROWS
#define SIZE_MAX_OF_VECTOR NTS_ANS_SIZE_MAX(COUNT)

static uint64_t seed;
static uint8_t symbols[COUNT];
static uint32_t counts[NTS_ANS_SYMBOLS_MAX];
static uint16_t frequencies[NTS_ANS_SYMBOLS_MAX];
static struct nts_ans_entry table[NTS_ANS_STATES_MAX];
static struct nts_ans_encoder encoder;

/* Random symbols [0, symbol_count), the lower ones more often; each is counted once at least. */
static void symbols_fill(size_t symbol_count, size_t count)
{
    memset(counts, 0, sizeof counts);
    for (size_t s = 0; s < symbol_count; s++)
        counts[s] = 1;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bound = 1 + seed_next(&seed) % symbol_count;
        symbols[i] = (uint8_t)(seed_next(&seed) % bound);
        counts[symbols[i]]++;
    }
}

static unsigned random_log(size_t symbol_count)
{
    unsigned log = NTS_ANS_LOG_MIN;
    while (1u << log < symbol_count)
        log++;
    return log + (unsigned)(seed_next(&seed) % (NTS_ANS_LOG_MAX + 1 - log));
}

static size_t encode(uint8_t *dst, size_t symbol_count, size_t count, unsigned log)
{
    nts_ans_share(frequencies, counts, symbol_count, log);
    assert_true(nts_ans_table(table, frequencies, symbol_count, log));
    nts_ans_encoder_init(&encoder, frequencies, symbol_count, log);
    return (size_t)(nts_ans_encode(dst, &encoder, symbols, count) - dst);
}

/* Goal: symbols of any number and skew come back, between guard pages, in about their entropy.
 * What follows a stream is not looked at but for whole words. */
static void ans_symbols_come_back_in_about_their_entropy(void **state)
{
    static uint8_t bytes[SIZE_MAX_OF_VECTOR];
    static uint8_t decoded[COUNT + NTS_ANS_LANES];
    struct guard guard = guard_open(SIZE_MAX_OF_VECTOR);
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t symbol_count = 2 + seed_next(&seed) % (NTS_ANS_SYMBOLS_MAX - 1);
        const size_t count = round % 3 == 0 ? COUNT : 1 + seed_next(&seed) % COUNT;
        const unsigned log = random_log(symbol_count);
        symbols_fill(symbol_count, count);
        const size_t size = encode(bytes, symbol_count, count, log);
        assert_in_range(size, 1, SIZE_MAX_OF_VECTOR - 8);
        uint8_t *const at = guard_at_end(&guard, size);
        memcpy(at, bytes, size);
        assert_int_equal(nts_ans_read(decoded, table, log, count, at, size), size);
        assert_memory_equal(decoded, symbols, count);
        uint8_t *const longer = guard_at_end(&guard, size + 5);
        memcpy(longer, bytes, size);
        memset(longer + size, 0xFF, 5);
        assert_int_equal(nts_ans_read(decoded, table, log, count, longer, size + 5), size);
        double bits = 4.0 * log;
        for (size_t i = 0; i < count; i++)
            bits += log - log2(frequencies[symbols[i]]);
        /* Up to three symbols behind the last, and the states of a small table. */
        assert_true((double)size * 8 <= bits * 1.02 + 0.1 * (double)count + 3.0 * log + 16);
    }
    guard_close(&guard);
}

/* Goal: shares sum to the table, each at least 1, and near to the counts. */
static void ans_shares_fill_the_table(void **state)
{
    static const uint32_t skew[] = {1000000, 1, 1, 1};
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t symbol_count = 1 + seed_next(&seed) % NTS_ANS_SYMBOLS_MAX;
        const unsigned log = random_log(symbol_count);
        uint32_t sum = 0;
        symbols_fill(symbol_count, COUNT);
        nts_ans_share(frequencies, counts, symbol_count, log);
        for (size_t s = 0; s < symbol_count; s++) {
            assert_in_range(frequencies[s], 1, 1u << log);
            sum += frequencies[s];
        }
        assert_int_equal(sum, 1u << log);
    }
    nts_ans_share(frequencies, skew, 4, 5);
    assert_int_equal(frequencies[0], 29);
    assert_int_equal(frequencies[3], 1);
}

static void ans_table_of_wrong_frequencies_is_refused(void **state)
{
    static const uint16_t low[] = {16, 15};
    static const uint16_t high[] = {16, 17};
    static const uint16_t none[] = {32, 0};
    (void)state;
    assert_false(nts_ans_table(table, low, 2, 5));
    assert_false(nts_ans_table(table, high, 2, 5));
    assert_false(nts_ans_table(table, none, 2, 5));
}

/* Goal: bytes that are cut or spoilt end in a size or a refusal, inside their bytes. */
static void ans_hostile_bytes_are_harmless(void **state)
{
    static uint8_t bytes[SIZE_MAX_OF_VECTOR];
    static uint8_t decoded[COUNT + NTS_ANS_LANES];
    struct guard guard = guard_open(SIZE_MAX_OF_VECTOR);
    size_t refused = 0;
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t count = 1 + seed_next(&seed) % COUNT;
        symbols_fill(20, count);
        size_t size = encode(bytes, 20, count, 9);
        if (round % 2 == 0)
            size = seed_next(&seed) % size;
        uint8_t *const at = guard_at_end(&guard, size);
        memcpy(at, bytes, size);
        if (round % 2 == 1)
            at[seed_next(&seed) % size] ^= (uint8_t)(1u << seed_next(&seed) % 8);
        const size_t used = nts_ans_read(decoded, table, 9, count, at, size);
        assert_true(used == SIZE_MAX || used <= size);
        refused += used == SIZE_MAX;
    }
    assert_in_range(refused, 2000, 3000);
    guard_close(&guard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ans_symbols_come_back_in_about_their_entropy),
        cmocka_unit_test(ans_shares_fill_the_table),
        cmocka_unit_test(ans_table_of_wrong_frequencies_is_refused),
        cmocka_unit_test(ans_hostile_bytes_are_harmless),
    };
    seed = seed_of_run();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
