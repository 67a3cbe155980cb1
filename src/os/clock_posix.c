/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* os/clock_posix.c - time and randomness of Linux. */
#define _GNU_SOURCE       1 /* getrandom, CLOCK_MONOTONIC_COARSE */
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS        64 /* a 32-bit count of seconds ends in 2038 */
#include "os/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static struct timespec clock_read(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* fails for unknown clocks only */
    return now;
}

uint64_t nts_clock_coarse_ms(void)
{
    const struct timespec now = clock_read(CLOCK_MONOTONIC_COARSE);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int64_t nts_clock_wall_ms(void)
{
    const struct timespec now = clock_read(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left where a sandbox forbids getrandom: the time and the process, stirred (SplitMix64).
 * Enough for ids and salts, which must differ and need not be secret. */
static void clock_random_stirred(uint8_t *bytes, size_t size)
{
    const struct timespec wall = clock_read(CLOCK_REALTIME);
    const struct timespec up = clock_read(CLOCK_MONOTONIC);
    uint64_t state = (uint64_t)wall.tv_sec ^ ((uint64_t)wall.tv_nsec << 32) ^
                     ((uint64_t)up.tv_nsec << 20) ^ ((uint64_t)getpid() << 44) ^
                     (uint64_t)(uintptr_t)bytes;

    for (size_t i = 0; i < size; i++) {
        state += 0x9E3779B97F4A7C15u;
        uint64_t mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
        bytes[i] = (uint8_t)(mixed >> 56);
    }
}

void nts_random_bytes(void *bytes, size_t size)
{
    uint8_t *to = bytes;
    while (size > 0) {
        const ssize_t got = getrandom(to, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            clock_random_stirred(to, size);
            return;
        }
        to += got;
        size -= (size_t)got;
    }
}
