/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unit/test_pace.c - when the upkeep thread does what, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pace.h"

/* The defaults. */
static const struct nanots_maintenance options = {.check_interval_ms = 5000,
                                                  .retention_check_interval_ms = 60000,
                                                  .max_writes_per_sec = 100000,
                                                  .write_load_window_ms = 5000,
                                                  .min_idle_time_ms = 1000};

#define START 1000000u

/* Notes `rows_per_ms` for each ms from *now to `end`, which becomes *now. */
static void pace_load(struct nts_pace *pace, uint64_t *now, uint64_t end, uint64_t rows_per_ms)
{
    uint64_t seq = pace->seen_seq;
    for (; *now < end; ++*now) {
        seq += rows_per_ms;
        nts_pace_note(pace, *now, seq);
    }
}

static struct nts_turn pace_take(struct nts_pace *pace, uint64_t now)
{
    const struct nts_turn turn = nts_pace_turn(pace, now);
    nts_pace_done(pace, &turn, now, false, false);
    return turn;
}

static void pace_without_appends_goes_by_the_intervals(void **state)
{
    struct nts_pace pace;
    unsigned merges = 0;
    unsigned cuts = 0;
    unsigned turns = 0;
    uint64_t now = START;
    (void)state;

    nts_pace_init(&pace, &options, now, 7);
    while (now < START + 600000) {
        now += nts_pace_wait_ms(&pace, now);
        nts_pace_note(&pace, now, 7);
        const struct nts_turn turn = pace_take(&pace, now);
        merges += turn.merge;
        cuts += turn.retain;
        turns++;
    }
    assert_int_equal(merges, 120);
    assert_int_equal(cuts, 10);
    assert_int_equal(turns, 120);
}

static void pace_merges_in_a_pause_only(void **state)
{
    struct nts_pace pace;
    uint64_t now = START;
    (void)state;

    nts_pace_init(&pace, &options, now, 0);
    pace_load(&pace, &now, START + 20000, 1);
    assert_false(nts_pace_turn(&pace, now).merge);
    assert_false(nts_pace_turn(&pace, now).is_idle);
    assert_int_equal(nts_pace_wait_ms(&pace, now), 1000); /* looks again soon */
    pace_load(&pace, &now, START + 20999, 0);
    assert_false(nts_pace_turn(&pace, now - 1).merge);
    assert_true(nts_pace_turn(&pace, now).merge);
    assert_int_equal(nts_pace_wait_ms(&pace, now), 0);
}

static void pace_waits_while_load_is_high(void **state)
{
    struct nts_pace pace;
    uint64_t now = START;
    (void)state;

    nts_pace_init(&pace, &options, now, 0);
    pace_load(&pace, &now, START + 100001, 101);
    assert_true(pace.is_busy);
    pace.merged_ms = now; /* so that its patience is not at its end */
    assert_false(nts_pace_turn(&pace, now).retain);
    pace_load(&pace, &now, START + 120001, 100);
    assert_false(pace.is_busy); /* as many as allowed */
    assert_true(nts_pace_turn(&pace, now).retain);
    assert_false(nts_pace_turn(&pace, now).merge);
}

/* Load for ever: neither waits for ever. */
static void pace_has_patience_of_ten_intervals(void **state)
{
    struct nts_pace pace;
    uint64_t now = START;
    (void)state;

    nts_pace_init(&pace, &options, now, 0);
    pace_load(&pace, &now, START + 49999, 500);
    assert_false(nts_pace_turn(&pace, now).merge);
    pace_load(&pace, &now, START + 50000, 500);
    assert_true(pace_take(&pace, now).merge);
    assert_false(nts_pace_turn(&pace, now).merge);
    pace_load(&pace, &now, START + 599999, 500);
    assert_false(nts_pace_turn(&pace, now).retain);
    pace_load(&pace, &now, START + 600000, 500);
    assert_true(pace_take(&pace, now).retain);
    assert_false(nts_pace_turn(&pace, now).retain);
}

/* What a turn left is gone on with at once, but not under load. */
static void pace_goes_on_with_what_is_left(void **state)
{
    const struct nts_turn turn = {.merge = true, .retain = true};
    struct nts_pace pace;
    uint64_t now = START;
    (void)state;

    nts_pace_init(&pace, &options, now, 0);
    pace_load(&pace, &now, START + 70000, 0);
    nts_pace_done(&pace, &turn, now, true, true);
    assert_int_equal(nts_pace_wait_ms(&pace, now), 0);
    assert_true(nts_pace_turn(&pace, now).merge);
    assert_true(nts_pace_turn(&pace, now).retain);
    pace.is_busy = true;
    assert_false(nts_pace_turn(&pace, now).merge);
    assert_false(nts_pace_turn(&pace, now).retain);
    pace.is_busy = false;
    nts_pace_done(&pace, &turn, now, false, false);
    assert_false(nts_pace_turn(&pace, now).merge);
    assert_false(nts_pace_turn(&pace, now).retain);
    assert_int_equal(nts_pace_wait_ms(&pace, now), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_without_appends_goes_by_the_intervals),
        cmocka_unit_test(pace_merges_in_a_pause_only),
        cmocka_unit_test(pace_waits_while_load_is_high),
        cmocka_unit_test(pace_has_patience_of_ten_intervals),
        cmocka_unit_test(pace_goes_on_with_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
