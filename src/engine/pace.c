/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/pace.c - when the upkeep thread does what. Contract: pace.h. */
#include "engine/pace.h"

#include <string.h>

#define PACE_PATIENCE 10u /* intervals that load may hold something up */

void nts_pace_init(struct nts_pace *pace, const struct nanots_maintenance *options, uint64_t now_ms,
                   uint64_t last_seq)
{
    memset(pace, 0, sizeof *pace);
    pace->options = options;
    pace->window_ms = pace->idle_since_ms = pace->merged_ms = pace->retained_ms = now_ms;
    pace->window_seq = pace->seen_seq = last_seq;
}

void nts_pace_note(struct nts_pace *pace, uint64_t now_ms, uint64_t last_seq)
{
    const uint64_t window_ms = now_ms - pace->window_ms;
    if (pace->seen_seq != last_seq)
        pace->idle_since_ms = now_ms;
    pace->seen_seq = last_seq;
    if (window_ms < pace->options->write_load_window_ms)
        return;
    pace->is_busy =
        (last_seq - pace->window_seq) * 1000u / window_ms > pace->options->max_writes_per_sec;
    pace->window_ms = now_ms;
    pace->window_seq = last_seq;
}

struct nts_turn nts_pace_turn(const struct nts_pace *pace, uint64_t now_ms)
{
    const struct nanots_maintenance *options = pace->options;
    const uint64_t check_ms = options->check_interval_ms;
    const uint64_t retain_ms = options->retention_check_interval_ms;
    const uint64_t merge_wait_ms = now_ms - pace->merged_ms;
    const uint64_t retain_wait_ms = now_ms - pace->retained_ms;
    struct nts_turn turn;

    turn.is_idle = now_ms - pace->idle_since_ms >= options->min_idle_time_ms;
    turn.merge = (pace->merge_goes_on && !pace->is_busy) ||
                 (merge_wait_ms >= check_ms && turn.is_idle && !pace->is_busy) ||
                 merge_wait_ms >= check_ms * PACE_PATIENCE;
    turn.retain = (retain_wait_ms >= retain_ms && !pace->is_busy) ||
                  retain_wait_ms >= retain_ms * PACE_PATIENCE;
    return turn;
}

void nts_pace_done(struct nts_pace *pace, const struct nts_turn *turn, uint64_t now_ms,
                   bool merge_is_due, bool retain_is_due)
{
    if (turn->merge) {
        pace->merged_ms = now_ms;
        pace->merge_goes_on = merge_is_due;
    }
    if (turn->retain && !retain_is_due)
        pace->retained_ms = now_ms;
}

/* How long until `since_ms` is `interval_ms` ago; if it is and load holds it up, one more look. */
static uint64_t pace_left_ms(const struct nts_pace *pace, uint64_t since_ms, uint64_t interval_ms,
                             uint64_t now_ms)
{
    const uint64_t waited_ms = now_ms - since_ms;
    if (waited_ms < interval_ms)
        return interval_ms - waited_ms;
    return pace->options->min_idle_time_ms < interval_ms ? pace->options->min_idle_time_ms
                                                         : interval_ms;
}

uint32_t nts_pace_wait_ms(const struct nts_pace *pace, uint64_t now_ms)
{
    const struct nts_turn turn = nts_pace_turn(pace, now_ms);
    const struct nanots_maintenance *options = pace->options;
    if (turn.merge || turn.retain)
        return 0;
    const uint64_t merge_ms =
        pace_left_ms(pace, pace->merged_ms, options->check_interval_ms, now_ms);
    const uint64_t retain_ms =
        pace_left_ms(pace, pace->retained_ms, options->retention_check_interval_ms, now_ms);
    return (uint32_t)(merge_ms < retain_ms ? merge_ms : retain_ms);
}
