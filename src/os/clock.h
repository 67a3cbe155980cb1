/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/clock.h - time and randomness of the system. */
#ifndef NTS_CLOCK_H
#define NTS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds of a clock that never steps back; a few ms coarse, costs about 5 ns. */
uint64_t nts_clock_coarse_ms(void);

/* Milliseconds since 1970-01-01 UTC. */
int64_t nts_clock_wall_ms(void);

/* Fills with random bytes from the system (file ids, salts). */
void nts_random_bytes(void *bytes, size_t size);

#endif
