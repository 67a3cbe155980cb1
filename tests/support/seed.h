/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* support/seed.h - randomness of tests that can be repeated: SEED=<n> in the environment. */
#ifndef SEED_H
#define SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How much of something a run does: a number of the environment, or else the usual one. */
static inline uint64_t seed_amount(const char *name, uint64_t usual)
{
    const char *given = getenv(name);
    return given != NULL ? strtoull(given, NULL, 10) : usual;
}

/* The seed of the environment, or else this one; printed either way. */
static inline uint64_t seed_given_or(uint64_t otherwise)
{
    const uint64_t seed = seed_amount("SEED", otherwise);
    (void)printf("# SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* The seed of this run, from the environment or else from the clock. */
static inline uint64_t seed_of_run(void)
{
    return seed_given_or((uint64_t)time(NULL));
}

/* SplitMix64: 64 good bits a call from any seed. */
static inline uint64_t seed_next(uint64_t *state)
{
    uint64_t mixed = *state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

#endif
