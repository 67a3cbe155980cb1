/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine/pace.h - when the upkeep thread does what, from the time and the rows appended so far.
 *
 *   appends    |||||||||||||||||||             |   |   |
 *   busy       no | yes             | no                      over max_writes_per_sec in the last window
 *   idle                            +-----+ yes               no append for min_idle_time
 *   merge           waits ...             ^                   check_interval over, idle, not busy
 *   retention       waits ...       ^                         its interval over, not busy
 *
 * What waits longer than ten of its intervals is done whatever the load is. Flushes and syncs wait
 * for nothing of this.
 *
 * Pure: the caller hands in the clock. Belongs to one thread. Tests: unit/test_pace.c.
 */
#ifndef NTS_PACE_H
#define NTS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "nanots.h"

struct nts_pace {
    const struct nanots_maintenance *options; /* with defaults filled in */
    uint64_t window_ms;                       /* when the window of write load began, */
    uint64_t window_seq;                      /* and the last seq then */
    bool is_busy;
    uint64_t seen_seq;
    uint64_t idle_since_ms;
    uint64_t merged_ms;   /* when merging was last at its end */
    uint64_t retained_ms; /* when retention was */
    bool merge_goes_on;   /* the last turn left something to merge */
};

struct nts_turn {
    bool merge;
    bool retain;
    bool is_idle;
};

void nts_pace_init(struct nts_pace *pace, const struct nanots_maintenance *options, uint64_t now_ms,
                   uint64_t last_seq);
/* Notes how far appends have come. */
void nts_pace_note(struct nts_pace *pace, uint64_t now_ms, uint64_t last_seq);
/* What is to be done now. */
struct nts_turn nts_pace_turn(const struct nts_pace *pace, uint64_t now_ms);
/* The turn is over; whether it left something to merge or to retain. */
void nts_pace_done(struct nts_pace *pace, const struct nts_turn *turn, uint64_t now_ms,
                   bool merge_is_due, bool retain_is_due);
/* How long nothing of this is to be done; 0: go on at once. */
uint32_t nts_pace_wait_ms(const struct nts_pace *pace, uint64_t now_ms);

#endif
