/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/fork_guard.h - a byte that is 1 in the process that made it and 0 in its children. */
#ifndef NTS_FORK_GUARD_H
#define NTS_FORK_GUARD_H

#include <stdint.h>

/* NULL where the system has no such memory: then nothing can be told. */
const volatile uint8_t *nts_fork_guard_new(void);
void nts_fork_guard_free(const volatile uint8_t *guard);

#endif
