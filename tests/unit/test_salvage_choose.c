/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tests/unit/test_salvage_choose.c - which segments hold a table's rows, if no manifest says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "copy/salvage_choose.h"
#include "support/seed.h"

#define ITEMS_MAX 64u

/* A sound segment with a row for each seq, its times the seqs. */
static struct nts_candidate candidate(uint64_t id, uint64_t first, uint64_t last)
{
    struct nts_candidate item;
    memset(&item, 0, sizeof item);
    item.entry.segment_id = id;
    item.entry.seq_first = first;
    item.entry.seq_last = last;
    item.entry.row_count = (uint32_t)(last - first + 1);
    item.entry.ts_min = (int64_t)first;
    item.entry.ts_max = (int64_t)last;
    item.entry.off = 4096 * id;
    item.is_readable = true;
    item.is_sound = true;
    return item;
}

/* One of several outputs of a rewrite. */
static struct nts_candidate output(uint64_t id, uint64_t first, uint64_t last, int64_t ts_min,
                                   int64_t ts_max, uint32_t rows)
{
    struct nts_candidate item = candidate(id, first, last);
    item.entry.ts_min = ts_min;
    item.entry.ts_max = ts_max;
    item.entry.row_count = rows;
    return item;
}

static bool is_wanted(uint64_t id, const uint64_t *ids)
{
    for (; *ids != 0; ids++)
        if (*ids == id)
            return true;
    return false;
}

/* `ids` ends in 0. */
static void expect_chosen(struct nts_candidate *items, size_t count, const uint64_t *ids)
{
    assert_int_equal(nts_salvage_choose(nts_alloc_libc(), items, count), NANOTS_OK);
    for (size_t i = 0; i < count; i++)
        if (items[i].is_chosen != is_wanted(items[i].entry.segment_id, ids))
            fail_msg("segment %llu is %schosen", (unsigned long long)items[i].entry.segment_id,
                     items[i].is_chosen ? "" : "not ");
}
#define CHOOSES(items, ...)                                                                        \
    expect_chosen(items, sizeof(items) / sizeof((items)[0]), (const uint64_t[]){__VA_ARGS__, 0})

static void choose_merged_over_its_inputs(void **state)
{
    (void)state;
    struct nts_candidate items[] = {candidate(1, 1, 10), candidate(2, 11, 20), candidate(3, 21, 30),
                                    candidate(4, 1, 20)};
    CHOOSES(items, 3, 4);
    struct nts_candidate again[] = {candidate(1, 1, 10), candidate(2, 11, 20), candidate(4, 1, 20),
                                    candidate(3, 21, 30), candidate(5, 1, 30)};
    CHOOSES(again, 5);
}

static void choose_inputs_over_half_of_a_merge(void **state)
{
    (void)state;
    /* The second output of 4 and 5 is lost. */
    struct nts_candidate items[] = {candidate(1, 1, 10), candidate(2, 11, 20),
                                    output(4, 1, 20, 1, 10, 10)};
    CHOOSES(items, 1, 2);
    struct nts_candidate damaged[] = {candidate(1, 1, 10), candidate(2, 11, 20),
                                      candidate(3, 1, 20)};
    damaged[2].is_sound = false;
    CHOOSES(damaged, 1, 2);
    struct nts_candidate alone[] = {candidate(2, 11, 20), candidate(3, 1, 20)};
    alone[1].is_sound = false;
    CHOOSES(alone, 3);
}

static void choose_all_outputs_of_the_last_rewrite(void **state)
{
    (void)state;
    struct nts_candidate items[] = {output(1, 1, 30, 1, 10, 10), output(2, 1, 30, 10, 20, 10),
                                    output(3, 1, 30, 20, 30, 10), output(5, 1, 30, 1, 15, 15),
                                    output(6, 1, 30, 15, 30, 15)};
    CHOOSES(items, 5, 6);
    struct nts_candidate same_time[] = {output(1, 1, 30, 7, 7, 15), output(2, 1, 30, 7, 7, 15)};
    CHOOSES(same_time, 1, 2);
}

/* Retention wrote the oldest of two outputs anew: the other one is live still. */
static void choose_outputs_beside_a_rewritten_neighbour(void **state)
{
    (void)state;
    struct nts_candidate items[] = {output(1, 1, 20, 1, 10, 10), output(2, 1, 20, 11, 20, 10),
                                    output(7, 1, 20, 6, 10, 5)};
    CHOOSES(items, 2, 7);
}

static void choose_one_of_two_copies(void **state)
{
    (void)state;
    struct nts_candidate items[] = {candidate(1, 1, 10), candidate(1, 1, 10)};
    items[1].entry.off += 64;
    assert_int_equal(nts_salvage_choose(nts_alloc_libc(), items, 2), NANOTS_OK);
    assert_int_equal(items[0].is_chosen + items[1].is_chosen, 1);
}

/* What a flush wrote that was never committed: rows 1 to 40, of which 21 to 40 were lost. */
static void choose_what_is_newer_inside_of_a_lost_flush(void **state)
{
    (void)state;
    struct nts_candidate items[] = {candidate(3, 1, 40), candidate(4, 1, 20), candidate(5, 21, 25)};
    CHOOSES(items, 4, 5);
}

static void choose_the_newer_of_what_crosses(void **state)
{
    (void)state;
    struct nts_candidate items[] = {candidate(3, 1, 20), candidate(4, 11, 30)};
    CHOOSES(items, 4);
    struct nts_candidate other[] = {candidate(5, 1, 20), candidate(4, 11, 30)};
    CHOOSES(other, 5);
}

static void choose_nothing_of_nothing(void **state)
{
    (void)state;
    assert_int_equal(nts_salvage_choose(nts_alloc_libc(), NULL, 0), NANOTS_OK);
}

/* Goal: over a random history, with nothing overwritten, the live segments are chosen. Method:
 * flushes and merges of neighbours; all that ever was is given in random order. */
static void choose_finds_the_end_of_a_random_history(void **state)
{
    (void)state;
    uint64_t seed = seed_of_run();
    for (unsigned round = 0; round < 200; round++) {
        struct nts_candidate all[ITEMS_MAX];
        struct nts_candidate live[ITEMS_MAX];
        uint64_t ids[ITEMS_MAX + 1] = {0};
        size_t count = 0;
        size_t live_count = 0;
        uint64_t seq = 1;
        while (count < ITEMS_MAX) {
            if (live_count < 2 || seed_next(&seed) % 3 != 0) {
                const uint64_t rows = 1 + seed_next(&seed) % 9;
                live[live_count] = candidate(count + 1, seq, seq + rows - 1);
                seq += rows + seed_next(&seed) % 3; /* of other tables */
            } else {
                size_t take = 2 + seed_next(&seed) % (live_count - 1);
                const size_t from = seed_next(&seed) % (live_count - take + 1);
                struct nts_candidate merged = candidate(count + 1, live[from].entry.seq_first,
                                                        live[from + take - 1].entry.seq_last);
                merged.entry.row_count = 0;
                for (size_t i = from; i < from + take; i++)
                    merged.entry.row_count += live[i].entry.row_count;
                live[from] = merged;
                memmove(live + from + 1, live + from + take,
                        (live_count - from - take) * sizeof *live);
                live_count -= take;
                all[count++] = merged;
                live_count++;
                continue;
            }
            all[count++] = live[live_count++];
        }
        for (size_t i = 0; i < live_count; i++)
            ids[i] = live[i].entry.segment_id;
        for (size_t i = count; i > 1; i--) {
            const size_t k = seed_next(&seed) % i;
            const struct nts_candidate other = all[k];
            all[k] = all[i - 1];
            all[i - 1] = other;
        }
        expect_chosen(all, count, ids);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choose_merged_over_its_inputs),
        cmocka_unit_test(choose_inputs_over_half_of_a_merge),
        cmocka_unit_test(choose_all_outputs_of_the_last_rewrite),
        cmocka_unit_test(choose_outputs_beside_a_rewritten_neighbour),
        cmocka_unit_test(choose_one_of_two_copies),
        cmocka_unit_test(choose_what_is_newer_inside_of_a_lost_flush),
        cmocka_unit_test(choose_the_newer_of_what_crosses),
        cmocka_unit_test(choose_nothing_of_nothing),
        cmocka_unit_test(choose_finds_the_end_of_a_random_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
